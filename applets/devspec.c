/* vi: set sw=4 ts=4: */
/*
 * The one resolver of device specifications: /dev path, UUID= LABEL=
 * PARTUUID= PARTLABEL=, and udev's /dev/disk/by-* spelling of these. There is
 * no udev here: sysfs names the devices, their first sectors say the rest.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += devspec.o
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += devspec.o
//kbuild:lib-$(CONFIG_PIVOTBOOT) += devspec.o

#include <linux/netlink.h>
#include <sys/inotify.h>
#include <sys/mount.h> /* BLKGETSIZE64 */
#if !defined(BLKGETSIZE64)
# define BLKGETSIZE64 _IOR(0x12,114,size_t)
#endif
#include "earlyboot.h"
#include "../util-linux/volume_id/volume_id_internal.h"

enum { BY_PATH, BY_UUID, BY_LABEL, BY_PARTUUID, BY_PARTLABEL };

static const char tags[] ALIGN1 =
	"UUID=\0" "LABEL=\0" "PARTUUID=\0" "PARTLABEL=\0";
static const char links[] ALIGN1 =
	"/dev/disk/by-uuid/\0" "/dev/disk/by-label/\0"
	"/dev/disk/by-partuuid/\0" "/dev/disk/by-partlabel/\0";

/* The kind of SPEC; *VALUE is what follows the tag. Quotes around the value,
 * as fstab(5) allows them, are taken off.
 */
static int spec_kind(const char *spec, char **value)
{
	const char *const lists[] = { tags, links };
	unsigned i;
	int kind;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		const char *tag = lists[i];
		for (kind = BY_UUID; *tag; kind++, tag += strlen(tag) + 1) {
			const char *v = is_prefixed_with(spec, tag);
			if (v) {
				size_t len = strlen(v);
				if (len >= 2 && v[0] == '"' && v[len - 1] == '"')
					*value = xstrndup(v + 1, len - 2);
				else
					*value = xstrdup(v);
				return kind;
			}
		}
	}
	*value = xstrdup(spec);
	return BY_PATH;
}

/* Whether SPEC names a block device, in contrast to "host:/path", "tmpfs"... */
bool FAST_FUNC devspec_is_device(const char *spec)
{
	char *value;
	int kind = spec_kind(spec, &value);

	free(value);
	return kind != BY_PATH || is_prefixed_with(spec, "/dev/");
}

/* Returns what PATH of sysfs, which is freed, says, up to 4095 bytes, without the
 * newline, allocated; NULL: it can't be read.
 */
char* FAST_FUNC devspec_read_attr(char *path)
{
	size_t size = 4095;
	char *text = xmalloc_open_read_close(path, &size);

	free(path);
	if (text)
		chomp(text);
	return text;
}

/* As devspec_read_attr(), of /sys/class/block/NAME/FILE. */
char* FAST_FUNC devspec_attr(const char *name, const char *file)
{
	return devspec_read_attr(xasprintf("/sys/class/block/%s/%s", name, file));
}

static bool attr_is(const char *name, const char *file, const char *value)
{
	char *text = devspec_attr(name, file);
	bool same = text && strcmp(text, value) == 0;

	free(text);
	return same;
}

/* Whether the line KEY of the device's uevent file has VALUE */
static bool uevent_is(const char *name, const char *key, const char *value)
{
	char *text = devspec_attr(name, "uevent");
	char *line, *next;
	bool same = 0;

	for (line = text; line && !same; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		line = (char *)is_prefixed_with(line, key);
		same = line && *line == '=' && strcasecmp(line + 1, value) == 0;
	}
	free(text);
	return same;
}

static int open_disk(const char *name)
{
	char *path = xasprintf("/dev/%s", name);
	char *p;
	int fd;

	/* sysfs writes the '/' of /dev/cciss/c0d0 as '!' */
	for (p = path; *p; p++) {
		if (*p == '!')
			*p = '/';
	}
	/* O_NONBLOCK: an empty drive answers at once */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	free(path);
	return fd;
}

static bool read_at(int fd, void *buf, unsigned len, uint64_t off)
{
	return lseek(fd, off, SEEK_SET) == (off_t)off
		&& full_read(fd, buf, len) == (ssize_t)len;
}

static uint64_t get_le(const uint8_t *p, unsigned len)
{
	uint64_t v = 0;

	while (len--)
		v = v << 8 | p[len];
	return v;
}

/* The unique GUID of entry N (from 1) of the GPT on FD, or "" */
static void gpt_partuuid(int fd, unsigned n, unsigned block, char *uuid)
{
	uint8_t hdr[92], e[32];
	uint32_t size;

	if (!read_at(fd, hdr, sizeof(hdr), block)
	 || memcmp(hdr, "EFI PART", 8) != 0
	 || n > get_le(hdr + 80, 4)
	)
		return;
	size = get_le(hdr + 84, 4);
	if (size < 128 || size > 4096
	 || !read_at(fd, e, sizeof(e), get_le(hdr + 72, 8) * block + (uint64_t)(n - 1) * size)
	)
		return;
	sprintf(uuid, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		(unsigned)get_le(e + 16, 4), (unsigned)get_le(e + 20, 2),
		(unsigned)get_le(e + 22, 2),
		e[24], e[25], e[26], e[27], e[28], e[29], e[30], e[31]);
}

/* Whether the MBR is one that protects a GPT. In a hybrid one that entry may be
 * any of the four.
 */
static bool protects_gpt(const uint8_t *mbr)
{
	unsigned at;

	for (at = 450; at < 510; at += 16) {
		if (mbr[at] == 0xee)
			return 1;
	}
	return 0;
}

/* Kernels before 6.14 don't tell a partition's UUID by sysfs, so it is read
 * where they read it: the GPT entry, or the MBR's signature and the number.
 */
static bool partuuid_is(const char *name, const char *value)
{
	char uuid[40];
	uint8_t mbr[512];
	char *number, *link, *disk, *block;
	int fd;

	if (uevent_is(name, "PARTUUID", value))
		return 1;
	number = devspec_attr(name, "partition");
	if (!number)
		return 0;
	uuid[0] = '\0';
	link = xasprintf("/sys/class/block/%s", name);
	disk = xmalloc_readlink(link);
	free(link);
	/* .../block/sda/sda1: the disk is the last but one */
	link = disk ? strrchr(disk, '/') : NULL;
	if (link) {
		*link = '\0';
		fd = open_disk(bb_basename(disk));
		if (fd >= 0) {
			if (read_at(fd, mbr, sizeof(mbr), 0)
			 && mbr[510] == 0x55 && mbr[511] == 0xaa
			) {
				block = devspec_attr(bb_basename(disk), "queue/logical_block_size");
				if (protects_gpt(mbr))
					gpt_partuuid(fd, atoi(number), block ? atoi(block) : 512, uuid);
				else
					sprintf(uuid, "%08x-%02x",
						(unsigned)get_le(mbr + 440, 4), atoi(number));
				free(block);
			}
			close(fd);
		}
	}
	free(disk);
	free(number);
	return uuid[0] && strcasecmp(uuid, value) == 0;
}

/* What the first blocks of the device say, by libbb's volume_id. A LUKS2
 * label is not known to that.
 */
static bool content_is(const char *name, int kind, const char *value)
{
	struct volume_id *id;
	uint64_t size;
	uint8_t luks[72];
	bool same = 0;
	int fd = open_disk(name);

	if (fd < 0)
		return 0;
	if (kind == BY_LABEL
	 && read_at(fd, luks, sizeof(luks), 0)
	 && memcmp(luks, "LUKS\xba\xbe\0\2", 8) == 0
	) {
		close(fd);
		return strncmp((char *)luks + 24, value, 48) == 0;
	}
	lseek(fd, 0, SEEK_SET);
	if (ioctl(fd, BLKGETSIZE64, &size) != 0)
		size = 0;
	id = volume_id_open_node(fd);
	if (volume_id_probe_all(id, size) == 0) {
		if (kind == BY_UUID)
			same = strcasecmp(id->uuid, value) == 0;
		else
			same = strcmp(id->label, value) == 0;
	}
	free_volume_id(id); /* closes fd */
	return same;
}

static bool device_is(const char *name, int kind, const char *value)
{
	if (kind == BY_PARTLABEL)
		return uevent_is(name, "PARTNAME", value);
	if (kind == BY_PARTUUID)
		return partuuid_is(name, value);
	return content_is(name, kind, value);
}

/* Whether one of the devices FOUND stands on NAME: the leg of a mirror, or a
 * disk below a mapping with the same content, gives way to it.
 */
static bool held_by_one_of(const char *name, llist_t *found)
{
	for (; found; found = found->link) {
		char *path = xasprintf("/sys/class/block/%s/holders/%s", name, found->data);
		bool held = access(path, F_OK) == 0;

		free(path);
		if (held)
			return 1;
	}
	return 0;
}

/* device-mapper's nodes below /dev/mapper come from user space, a moment
 * behind the kernel's event. sysfs knows the name as soon as the event.
 */
static char *find_mapping(const char *mapping)
{
	char *node = NULL;
	struct dirent *e;
	DIR *dir = opendir("/sys/class/block");

	if (!dir)
		return NULL;
	while (!node && (e = readdir(dir)) != NULL) {
		if (is_prefixed_with(e->d_name, "dm-")
		 && attr_is(e->d_name, "dm/name", mapping)
		 && attr_is(e->d_name, "dm/suspended", "0")
		)
			node = xasprintf("/dev/%s", e->d_name);
	}
	closedir(dir);
	return node;
}

static llist_t *find_all(int kind, const char *value)
{
	llist_t *found = NULL;
	struct dirent *e;
	DIR *dir = opendir("/sys/class/block");

	if (!dir)
		return NULL;
	while ((e = readdir(dir)) != NULL) {
		if (DOT_OR_DOTDOT(e->d_name)
		 || is_prefixed_with(e->d_name, "ram")
		 || is_prefixed_with(e->d_name, "fd") /* probing an empty floppy drive takes seconds */
		 || attr_is(e->d_name, "size", "0")
		)
			continue;
		if (device_is(e->d_name, kind, value))
			llist_add_to(&found, xstrdup(e->d_name));
	}
	closedir(dir);
	return found;
}

/* Whether PATH is a plain file, or a block device with something in it: an
 * array that does not run yet, or a drive without a medium, is not there.
 */
static bool is_there(const char *path)
{
	struct stat st;
	uint64_t size = 0;
	int fd;

	if (stat(path, &st) != 0)
		return 0;
	if (S_ISREG(st.st_mode))
		return 1;
	if (!S_ISBLK(st.st_mode))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOMEDIUM && errno != ENXIO;
	ioctl(fd, BLKGETSIZE64, &size);
	close(fd);
	return size != 0;
}

/* Looks once for the device that SPEC names. A plain file passes too, as an
 * image does for its user. Returns its path, allocated, or NULL: it is not
 * there now, or *AMBIGUOUS is set to the names of the several that it fits.
 *
 * Reads devices, so it may hang with a bad one: call it in a child.
 */
char* FAST_FUNC devspec_find(const char *spec, char **ambiguous)
{
	llist_t *found, *l;
	char *value, *path = NULL;
	int kind = spec_kind(spec, &value);

	*ambiguous = NULL;
	if (kind == BY_PATH) {
		const char *mapping = is_prefixed_with(spec, "/dev/mapper/");

		if (is_there(spec))
			path = xstrdup(spec);
		else if (mapping)
			path = find_mapping(mapping);
		free(value);
		return path;
	}

	found = find_all(kind, value);
	free(value);
	for (l = found; l; l = l->link) {
		char *node;

		if (held_by_one_of(l->data, found))
			continue;
		for (node = l->data; *node; node++) {
			if (*node == '!')
				*node = '/';
		}
		node = xasprintf("/dev/%s", l->data);
		if (!path) {
			path = node;
			continue;
		}
		*ambiguous = xasprintf("%s and %s", *ambiguous ? *ambiguous : path, node);
		free(node);
	}
	llist_free(found, free);
	if (*ambiguous) {
		free(path);
		path = NULL;
	}
	return path;
}

/* Returns a socket of the kernel's events, or -1 where it has none. Open it
 * before the first look, else what comes between is lost.
 */
int FAST_FUNC devspec_open_uevents(void)
{
	struct sockaddr_nl addr;
	/* A machine with many disks sends hundreds while we look at one */
	int fd, size = 1024 * 1024;

	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	memset(&addr, 0, sizeof(addr));
	addr.nl_family = AF_NETLINK;
	addr.nl_groups = 1;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Takes all that waits on FD. Returns whether a block device came, went or
 * changed; an overflow counts, since nobody knows what it has swallowed.
 */
bool FAST_FUNC devspec_read_uevents(int fd)
{
	char buf[8192 + 1];
	struct sockaddr_nl from = { .nl_pid = 1 }; /* nobody, until it is said */
	bool block = 0;

	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf) - 1, 0, (struct sockaddr *)&from, &len);
		char *p;

		if (n < 0) {
			if (errno == EINTR)
				continue;
			if (errno == ENOBUFS) {
				block = 1;
				continue;
			}
			return block;
		}
		if (from.nl_pid != 0)
			continue; /* not from the kernel */
		buf[n] = '\0';
		for (p = buf; p < buf + n; p += strlen(p) + 1) {
			if (strcmp(p, "SUBSYSTEM=block") == 0)
				block = 1;
		}
	}
}

/* --- waiting --- */

/* One look for SPEC, in a child of its own: a disk that does not answer hangs
 * its reader, and not who waits. What is found is read from the descriptor
 * returned: the path, or '!' and the names of several. -1: *PID could not be
 * started.
 */
static int start_look(const char *spec, pid_t *pid)
{
	int ends[2];

	if (pipe(ends) != 0)
		return -1;
	*pid = fork();
	if (*pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	if (*pid == 0) {
		char *ambiguous;
		char *path = devspec_find(spec, &ambiguous);

		if (!path && ambiguous)
			path = xasprintf("!%s", ambiguous);
		if (path)
			full_write(ends[1], path, strlen(path));
		_exit(EXIT_SUCCESS);
	}
	close(ends[1]);
	close_on_exec_on(ends[0]);
	return ends[0];
}

/* Returns what the look has found, or NULL. */
static char *end_look(int fd, pid_t pid)
{
	char buf[4096];
	ssize_t n = full_read(fd, buf, sizeof(buf));

	close(fd);
	safe_waitpid(pid, NULL, 0);
	return n > 0 ? xstrndup(buf, n) : NULL;
}

/* What user space makes, such as the link of a logical volume, has no kernel
 * event of its own: the directories on the way to PATH are watched for it.
 */
static void watch_path(int notify, const char *path)
{
	char *dir = xstrdup(path), *slash;

	while ((slash = strrchr(dir, '/')) != NULL) {
		*slash = '\0';
		inotify_add_watch(notify, slash == dir ? "/" : dir, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
	}
	free(dir);
}

static void drain(int fd)
{
	char buf[4096];

	while (read(fd, buf, sizeof(buf)) > 0)
		continue;
}

/* Waits until the device is there and returns its path, allocated. Says on
 * stderr that it waits for WHAT, and since when, first after two seconds.
 * With TIMEOUT_S (0: no limit) it returns NULL after as many seconds.
 * Dies where two devices fit.
 */
char* FAST_FUNC devspec_wait(const char *spec, const char *what, unsigned timeout_s)
{
	enum { UEVENT, NOTIFY, LOOK };
	struct pollfd pfd[3];
	unsigned start = monotonic_ms(), next_word = 2, waited;
	bool again = 1; /* something came since the look began */
	char *path = NULL;
	pid_t pid = 0;
	int i;

	/* What is there needs none of this, and to open a mapping reads no disk. */
	if (is_prefixed_with(spec, "/dev/mapper/") && is_there(spec))
		return xstrdup(spec);
	/* before the first look, else what comes in between is lost */
	pfd[UEVENT].fd = devspec_open_uevents();
	pfd[NOTIFY].fd = spec[0] == '/' ? inotify_init1(IN_CLOEXEC | IN_NONBLOCK) : -1;
	pfd[LOOK].fd = -1;
	pfd[UEVENT].events = pfd[NOTIFY].events = pfd[LOOK].events = POLLIN;
	for (;;) {
		if (again && pfd[LOOK].fd < 0) {
			if (pfd[NOTIFY].fd >= 0)
				watch_path(pfd[NOTIFY].fd, spec);
			pfd[LOOK].fd = start_look(spec, &pid);
			again = pfd[LOOK].fd < 0;
		}
		/* the second is the pace of the words below */
		if (safe_poll(pfd, 3, 1000) > 0) {
			if (pfd[UEVENT].revents && devspec_read_uevents(pfd[UEVENT].fd))
				again = 1;
			if (pfd[NOTIFY].revents) {
				drain(pfd[NOTIFY].fd);
				again = 1;
			}
			if (pfd[LOOK].revents) {
				path = end_look(pfd[LOOK].fd, pid);
				pfd[LOOK].fd = -1;
			}
		}
		if (path)
			break;
		/* a kernel that tells nothing is asked */
		if (pfd[UEVENT].fd < 0 || (spec[0] == '/' && pfd[NOTIFY].fd < 0))
			again = 1;
		/* whole seconds of it: those of the clock may begin in the midst of one */
		waited = ((unsigned)monotonic_ms() - start) / 1000;
		if (timeout_s && waited >= timeout_s)
			break;
		if (waited >= next_word) {
			next_word = waited < 30 ? 30 : waited + 30;
			bb_error_msg(pfd[LOOK].fd < 0 ? "waiting for %s '%s', %u seconds so far"
				: "waiting for %s '%s', %u seconds so far; a disk does not answer",
				what, spec, waited);
		}
	}
	for (i = 0; i < 3; i++) {
		if (pfd[i].fd >= 0)
			close(pfd[i].fd);
	}
	if (path && path[0] == '!')
		bb_error_msg_and_die("%s '%s' fits both %s; name one by its /dev path or PARTUUID=",
			what, spec, path + 1);
	return path;
}
