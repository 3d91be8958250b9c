/* vi: set sw=4 ts=4: */
/*
 * What the real system's udev wants to find of a volume that was opened
 * before it was there.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += udevdata.o

#include "earlyboot.h"

/* Without udev libdevmapper makes /dev/mapper/NAME a node. The real system
 * expects udev's link to the kernel's own node. The name is never away: another
 * volume, or its key, may be on this one, and looked for just now.
 */
static void link_node(const char *path, unsigned number)
{
	char *temp = xasprintf("%s.new", path);
	char *node = xasprintf("/dev/dm-%u", number);
	char *target = xasprintf("../dm-%u", number);

	if (access(node, F_OK) == 0
	 && symlink(target, temp) == 0
	 && rename(temp, path) != 0
	)
		unlink(temp);
	free(temp);
	free(node);
	free(target);
}

static char *entry_path(dev_t device)
{
	return xasprintf("/run/udev/data/b%u:%u", (unsigned)major(device), (unsigned)minor(device));
}

static bool udev_runs(void)
{
	return access("/run/udev/control", F_OK) == 0;
}

/* The rules of device-mapper take a mapping that they have not seen activated
 * for a half-made one: no links, no unit of systemd's, until the kernel has an
 * event for it again. This entry of udev's database says that they have.
 */
static void write_entry(dev_t device)
{
	static const char entry[] ALIGN1 = "E:DM_UDEV_PRIMARY_SOURCE_FLAG=1\n";
	char *path = entry_path(device);
	int fd;

	mkdir("/run/udev", 0755);
	mkdir("/run/udev/data", 0755);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd >= 0) {
		full_write(fd, entry, sizeof(entry) - 1);
		/* Sticky is udev's db_persist: Debian's boot script has udev delete
		 * the entries of an initramfs that are not so. */
		fchmod(fd, 01644);
		close(fd);
	}
	free(path);
}

/* To be called when the mapping NAME was activated. What can't be done is left:
 * the volume is open all the same.
 */
void FAST_FUNC udevdata_leave(const char *name)
{
	char *path = xasprintf("/dev/mapper/%s", name);
	struct stat st;

	if (stat(path, &st) == 0 && S_ISBLK(st.st_mode)) {
		/* where udev runs, as in the real system, the entry is its own */
		if (!udev_runs())
			write_entry(st.st_rdev);
		if (lstat(path, &st) == 0 && S_ISBLK(st.st_mode))
			link_node(path, minor(st.st_rdev));
	}
	free(path);
}

/* To be called when the mapping with the number DEVICE was closed: the number
 * will be another's.
 */
void FAST_FUNC udevdata_forget(dev_t device)
{
	char *path = entry_path(device);

	if (!udev_runs())
		unlink(path);
	free(path);
}
