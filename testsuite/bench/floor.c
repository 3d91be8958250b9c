/*
 * floor - the least that a boot to an encrypted root takes: one process that
 * makes only the necessary calls. It checks nothing beyond their results, asks
 * nobody, and knows one volume. What the rest costs is seen beside it.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <libcryptsetup.h>

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

int main(void)
{
	static char *const init[] = { "/sbin/init", NULL };
	struct crypt_device *cd;

	/* libdevmapper looks into both */
	must(mount("proc", "/proc", "proc", MS_NODEV | MS_NOEXEC | MS_NOSUID, NULL) == 0, "/proc");
	must(mount("sys", "/sys", "sysfs", MS_NODEV | MS_NOEXEC | MS_NOSUID, NULL) == 0, "/sys");
	/* libcryptsetup's lock of a LUKS2 header is a file there */
	must(mount("run", "/run", "tmpfs", MS_NODEV | MS_NOSUID, "mode=0755") == 0, "/run");

	must(crypt_init(&cd, "/dev/sda2") == 0, "crypt_init");
	must(crypt_load(cd, CRYPT_LUKS, NULL) == 0, "crypt_load");
	must(crypt_activate_by_keyfile_device_offset(cd, "root", CRYPT_ANY_SLOT,
		"/etc/key", 0, 0, 0) >= 0, "crypt_activate");
	crypt_free(cd);

	must(mount("/dev/mapper/root", "/mnt", "ext4", MS_RDONLY, NULL) == 0, "/mnt");
	must(umount("/sys") == 0, "umount /sys");
	must(umount("/proc") == 0, "umount /proc");
	must(mount("/run", "/mnt/run", NULL, MS_MOVE, NULL) == 0, "move /run");
	must(mount("/dev", "/mnt/dev", NULL, MS_MOVE, NULL) == 0, "move /dev");
	must(chdir("/mnt") == 0, "chdir");
	must(syscall(SYS_pivot_root, ".", "boot") == 0, "pivot_root");
	must(chroot(".") == 0, "chroot");
	execv(init[0], init);
	must(0, init[0]);
	return 1;
}
