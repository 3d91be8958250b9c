/* vi: set sw=4 ts=4: */
/*
 * What can be special about the device that the early root is on: the boot may
 * have been started from the predecessor that mkboot has kept in a directory of
 * it, and it may be one leg of a mirror.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += bootdevice.o

#include <linux/fs.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include "earlyinit.h"

/* --- the predecessor --- */

#define PREVIOUS "/previous"

/* What of it is mounted over the newer one. First those that the others may be
 * links into.
 */
static const char of_predecessor[] ALIGN1 =
	"/usr\0" "/bin\0" "/sbin\0" "/lib\0" "/lib32\0" "/lib64\0"
	"/etc\0" "/init.d\0" "/root\0" "/home\0";

/* Where PID 1 was started by init=/previous/sbin/init, the programs and files
 * of the predecessor are mounted over those of the early root, and the boot is
 * the one that it was when they were written. Wants /proc.
 */
void FAST_FUNC bootdevice_take_predecessor(void)
{
	const char *name = selfexec_name();
	char *exe = name ? xstrdup(name) : xmalloc_readlink("/proc/self/exe");

	if (!exe || !is_prefixed_with(exe, PREVIOUS"/")) {
		free(exe);
		return;
	}
	free(exe);
	G.is_predecessor = 1;
	for (name = of_predecessor; *name; name += strlen(name) + 1) {
		char *from = xasprintf(PREVIOUS"%s", name);

		/* PID 1 comes here again after a failed pivot */
		if (access(from, F_OK) == 0 && !mounted_at(name)
		 && mount(from, name, NULL, MS_BIND, NULL) != 0
		)
			pid1_trace("<4>earlyinit: %s is not at %s: %s\n", from, name, strerror(errno));
		free(from);
	}
	pid1_trace("<5>earlyinit: this boot is that of "PREVIOUS"\n");
}

/* Takes that back: below the real root, the boot device is to be seen as it is,
 * or who updates it would change the predecessor. What runs from it runs on.
 */
void FAST_FUNC bootdevice_leave_predecessor(void)
{
	const char *name = of_predecessor + sizeof(of_predecessor) - 1;

	if (!G.is_predecessor)
		return;
	while (name > of_predecessor) {
		do
			name--;
		while (name > of_predecessor && name[-1]);
		umount2(name, MNT_DETACH);
	}
}

/* --- a leg of a mirror --- */

/* Whether the block device at PATH has md's superblock near its end, where file
 * systems don't look: metadata 0.90 or 1.0.
 */
static bool is_mirror_leg(const char *path)
{
	enum { BLOCK = 4 * 1024 };
	static const uint8_t magic[] ALIGN1 = { 0xfc, 0x4e, 0x2b, 0xa9 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
	uint8_t found[BLOCK] __attribute__((aligned(BLOCK))); /* for O_DIRECT */
	uint64_t size = 0, at[2];
	bool yes = 0;
	unsigned i;

	if (fd < 0)
		return 0;
	if (ioctl(fd, BLKGETSIZE64, &size) == 0 && size >= 128 * 1024) {
		at[0] = (size & ~(uint64_t)(64 * 1024 - 1)) - 64 * 1024;
		at[1] = (size - 8 * 1024) & ~(uint64_t)(BLOCK - 1);
		for (i = 0; i < ARRAY_SIZE(at) && !yes; i++)
			yes = read_block(fd, found, BLOCK, at[i]) && memcmp(found, magic, sizeof(magic)) == 0;
	}
	close(fd);
	return yes;
}

/* The path of the block device that the early root is on, allocated; NULL: it
 * is on none. Wants /sys.
 */
static char *find_boot_device(void)
{
	struct stat st;
	char *path, *target;

	if (stat("/", &st) != 0)
		return NULL;
	path = xasprintf("/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	target = xmalloc_readlink(path);
	free(path);
	if (!target)
		return NULL;
	path = xasprintf("/dev/%s", bb_basename(target));
	free(target);
	return path;
}

/* A boot from one leg of a mirror, for the day that the other disk is dead: a
 * write to it would part the two without md's knowing, so the kernel is told
 * that the device is read-only, for as long as it runs. For a child.
 */
void FAST_FUNC bootdevice_guard_leg(void)
{
	char *path = find_boot_device();
	int fd, yes = 1;

	if (path && !is_prefixed_with(path, "/dev/md") && is_mirror_leg(path)) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && ioctl(fd, BLKROSET, &yes) == 0) {
			bb_error_msg("the boot device %s is one leg of a mirror: it stays read-only, "
				"so that the mirror can be put together again", path);
			pid1_trace("<4>earlyinit: %s is one leg of a mirror and stays read-only\n", path);
		} else {
			bb_perror_msg("the boot device %s is one leg of a mirror, and can't be made read-only; "
				"do not write to it", path);
		}
		if (fd >= 0)
			close(fd);
	}
	free(path);
}
