/* vi: set sw=4 ts=4: */
/*
 * What is mounted.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += mounts.o
//kbuild:lib-$(CONFIG_PIVOTBOOT) += mounts.o

#include <mntent.h>
#include "earlyboot.h"

/* Whether something is mounted at POINT, an absolute path without symbolic
 * links. Bind mounts are seen as well. Wants /proc: without, it is 0.
 */
bool FAST_FUNC mounted_at(const char *point)
{
	struct mntent m;
	char buf[4096];
	size_t len = strlen(point);
	bool yes = 0;
	FILE *f = setmntent("/proc/self/mounts", "r");

	if (!f)
		return 0;
	while (len > 1 && point[len - 1] == '/')
		len--;
	/* it undoes the kernel's \040 for a space */
	while (!yes && getmntent_r(f, &m, buf, sizeof(buf)))
		yes = strncmp(m.mnt_dir, point, len) == 0 && m.mnt_dir[len] == '\0';
	endmntent(f);
	return yes;
}

/* Whether the root is the kernel's own first one, in memory, with what it has
 * unpacked from an initramfs: it has this type in the table, whatever it is
 * made of. Wants /proc: without, it is 0.
 */
bool FAST_FUNC on_rootfs(void)
{
	struct mntent m;
	char buf[4096];
	bool yes = 0;
	FILE *f = setmntent("/proc/self/mounts", "r");

	if (!f)
		return 0;
	/* the last one at "/" is the root */
	while (getmntent_r(f, &m, buf, sizeof(buf))) {
		if (LONE_CHAR(m.mnt_dir, '/'))
			yes = strcmp(m.mnt_type, "rootfs") == 0;
	}
	endmntent(f);
	return yes;
}
