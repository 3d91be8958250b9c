/* vi: set sw=4 ts=4: */
/*
 * What is mounted, and what fstab says is to be.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += mounts.o
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += mounts.o
//kbuild:lib-$(CONFIG_PIVOTBOOT) += mounts.o

#include <mntent.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include "earlyboot.h"

#define MAGIC_RAMFS 0x858458f6u
#define MAGIC_TMPFS 0x01021994u

/* Returns 1 or 0, or -1 where the kernel (before Linux 5.8) does not tell. */
static int is_mount_root(const char *point UNUSED_PARAM)
{
#if defined STATX_BASIC_STATS && defined STATX_ATTR_MOUNT_ROOT
	struct statx st;

	/* PID 1 asks no server that may be gone. */
	if (statx(AT_FDCWD, point, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, 0, &st) != 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	if (st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
		return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
#endif
	return -1;
}

/* Returns whether something is mounted at POINT, an absolute path without symbolic
 * links; -1 where neither the kernel nor /proc tells. Bind mounts are seen as well.
 */
int FAST_FUNC mount_state(const char *point)
{
	struct mntent m;
	char buf[4096];
	size_t len = strlen(point);
	bool yes = 0;
	int told = is_mount_root(point);
	FILE *f;

	if (told >= 0)
		return told;
	f = setmntent("/proc/self/mounts", "r");
	if (!f)
		return -1;
	while (len > 1 && point[len - 1] == '/')
		len--;
	while (!yes && fstab_next(f, &m, buf, sizeof(buf)))
		yes = strncmp(m.mnt_dir, point, len) == 0 && m.mnt_dir[len] == '\0';
	endmntent(f);
	return yes;
}

/* As mount_state(), but 0 where nothing tells. */
bool FAST_FUNC mounted_at(const char *point)
{
	return mount_state(point) > 0;
}

/* Whether the root is the kernel's own first one, in memory, with what it has
 * unpacked from an initramfs: it has this type in the table, whatever it is
 * made of. Wants /proc: without, it is 0.
 */
bool FAST_FUNC on_rootfs(void)
{
	struct mntent m;
	char buf[4096];
	struct stat st;
	struct statfs fs;
	bool yes = 0;
	FILE *f;

	/* on a device, as most are */
	if (stat("/", &st) == 0 && major(st.st_dev) != 0)
		return 0;
	if (statfs("/", &fs) == 0
	 && (unsigned)fs.f_type != MAGIC_RAMFS && (unsigned)fs.f_type != MAGIC_TMPFS
	)
		return 0;
	f = setmntent("/proc/self/mounts", "r");
	if (!f)
		return 0;
	/* the last one at "/" is the root */
	while (fstab_next(f, &m, buf, sizeof(buf))) {
		if (LONE_CHAR(m.mnt_dir, '/'))
			yes = strcmp(m.mnt_type, "rootfs") == 0;
	}
	endmntent(f);
	return yes;
}

/* Mounts without the applet what has no options but these. Returns whether it is
 * mounted; the applet says why something can't be.
 */
bool FAST_FUNC mount_plain(const char *what, const char *point, const char *type, const char *options)
{
	static const struct {
		const char *name;
		unsigned long set, clear;
	} known[] = {
		{ "ro", MS_RDONLY, 0 },
		{ "rw", 0, MS_RDONLY },
		{ "nodev", MS_NODEV, 0 },
		{ "noexec", MS_NOEXEC, 0 },
		{ "nosuid", MS_NOSUID, 0 },
		{ "noatime", MS_NOATIME, 0 },
		{ "mode=0755", 0, 0 },
	};
	unsigned long flags = MS_SILENT;
	const char *data = NULL;
	unsigned i;

	for (;;) {
		size_t len = strcspn(options, ",");

		for (i = 0; i < ARRAY_SIZE(known); i++) {
			if (strncmp(known[i].name, options, len) == 0 && !known[i].name[len])
				break;
		}
		if (i == ARRAY_SIZE(known))
			return 0;
		flags = (flags | known[i].set) & ~known[i].clear;
		if (!known[i].set && !known[i].clear)
			data = known[i].name;
		options += len;
		if (!*options++)
			break;
	}
	return mount(what, point, type, flags, data) == 0;
}

/* Takes the octal \040 of a space, and its like, back in place. Returns TEXT,
 * which may be NULL.
 */
char* FAST_FUNC fstab_unescape(char *text)
{
	char *from, *to;

	for (from = to = text; from && *from; to++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3'
		 && from[2] >= '0' && from[2] <= '7' && from[3] >= '0' && from[3] <= '7'
		) {
			*to = (from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0');
			from += 4;
		} else {
			*to = *from++;
		}
	}
	if (from)
		*to = '\0';
	return text;
}

/* The next field of LINE, which goes on behind it; "" where there is none. It
 * ends in place, with the escapes of fstab(5) undone.
 */
static char *next_field(char **line)
{
	char *field = *line + strspn(*line, " \t");
	char *end = field + strcspn(field, " \t");

	*line = *end ? end + 1 : end;
	*end = '\0';
	return fstab_unescape(field);
}

static void put_field(FILE *f, const char *field)
{
	for (; *field; field++) {
		if (strchr(" \t\n\\", *field))
			fprintf(f, "\\%03o", *field);
		else
			putc(*field, f);
	}
	putc(' ', f);
}

/* Writes a line that fstab_next() and `mount -T` read. As addmntent(3), which in
 * musl 1.2.3 knows no escapes, and with any loses options that are not there.
 */
void FAST_FUNC fstab_put(FILE *f, const struct mntent *m)
{
	put_field(f, m->mnt_fsname);
	put_field(f, m->mnt_dir);
	put_field(f, m->mnt_type);
	put_field(f, *m->mnt_opts ? m->mnt_opts : "defaults");
	fputs("0 0\n", f);
}

/* As getmntent_r(3). That of musl 1.2.3 passes over lines without the last two
 * fields, which are optional, and over a last line without a line break, and
 * leaves escapes, also those of the kernel's table: what boots with one C library
 * would not with another.
 */
bool FAST_FUNC fstab_next(FILE *f, struct mntent *m, char *buf, int size)
{
	while (fgets(buf, size, f)) {
		char *line = buf;
		int c = strchr(buf, '\n') ? '\n' : 0;

		while (c != '\n' && c != EOF)
			c = getc(f);
		chomp(buf);
		m->mnt_fsname = next_field(&line);
		if (!*m->mnt_fsname || *m->mnt_fsname == '#')
			continue;
		m->mnt_dir = next_field(&line);
		m->mnt_type = next_field(&line);
		m->mnt_opts = next_field(&line);
		m->mnt_freq = atoi(next_field(&line));
		m->mnt_passno = atoi(next_field(&line));
		return 1;
	}
	return 0;
}
