/* vi: set sw=4 ts=4: */
/*
 * Where a key file or a header lies: a file of the early root, a device as it
 * is, or a file on a file system of its own ("PATH:DEVICE"), which is mounted
 * read-only, where nobody else sees it, while it is needed.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += places.o

#include <sys/mount.h>
#include <sched.h>
#include "earlyboot.h"

#ifndef MS_PRIVATE
# define MS_PRIVATE (1 << 18)
#endif

/* Takes "PATH", "DEVICE" or "PATH:DEVICE" apart into P, which is overwritten.
 * Returns NULL, or what is wrong with it.
 */
const char* FAST_FUNC place_parse(struct place *p, const char *text)
{
	const char *colon;

	memset(p, 0, sizeof(*p));
	if (devspec_is_device(text)) {
		p->spec = xstrdup(text);
	} else {
		if (text[0] != '/')
			return "it is no absolute path";
		/* a path may have a ':' of its own, and so may a device's name */
		for (colon = strchr(text, ':'); colon; colon = strchr(colon + 1, ':')) {
			if (devspec_is_device(colon + 1))
				break;
		}
		if (colon) {
			p->path = xstrndup(text, colon - text);
			p->spec = xstrdup(colon + 1);
		} else {
			p->path = xstrdup(text);
		}
	}
	p->text = xstrdup(text);
	return NULL;
}

static int mount_as(const char *device, const char *type, unsigned long flags)
{
	return mount(device, LUKSUNLOCK_DIR, type,
		MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SILENT | flags, NULL);
}

/* Tries each file system that the kernel has for block devices. Returns 0 or
 * a negative errno.
 */
static int mount_any(const char *device)
{
	int err = -ENODEV;
	char *line;
	FILE *f = fopen_for_read("/proc/filesystems");

	while (f && err && (line = xmalloc_fgetline(f)) != NULL) {
		const char *type = line + 1;

		/* what needs no device begins with "nodev" */
		if (line[0] == '\t') {
			err = mount_as(device, type, MS_RDONLY) ? -errno : 0;
			/* It is mounted elsewhere already, for writing (the early
			 * root is). What we do not write is not written. */
			if (err == -EBUSY)
				err = mount_as(device, type, 0) ? -errno : 0;
		}
		free(line);
	}
	if (f)
		fclose(f);
	return err;
}

/* Mounts DEVICE for this process alone: in a mount namespace of its own it
 * goes with the process at the latest, and keeps no other from unmounting.
 */
static int mount_here(const char *device)
{
	if (unshare(CLONE_NEWNS) != 0
	 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
	)
		return -errno;
	mkdir(LUKSUNLOCK_DIR, 0700);
	return mount_any(device);
}

/* To be run in a child, which must end soon: makes the file of P readable at
 * *PATH (allocated). Returns 0; -EAGAIN where its device is not there yet; or
 * another negative errno, with words for it in WHY.
 */
int FAST_FUNC place_open(const struct place *p, char **path, char *why, unsigned size)
{
	char *device, *ambiguous;
	int err;

	*path = NULL;
	if (!p->spec) {
		*path = xstrdup(p->path);
		return 0;
	}
	device = devspec_find(p->spec, &ambiguous);
	if (ambiguous) {
		snprintf(why, size, "'%s' fits both %s; name one by its /dev path or PARTUUID=",
			p->spec, ambiguous);
		return -ENODEV;
	}
	if (!device)
		return -EAGAIN;
	if (!p->path) {
		*path = device;
		return 0;
	}
	err = mount_here(device);
	if (err)
		snprintf(why, size, "can't mount %s: %s", device,
			err == -EINVAL || err == -ENODEV ? "no file system that this kernel has"
			: strerror(-err));
	else
		*path = concat_path_file(LUKSUNLOCK_DIR, p->path);
	free(device);
	return err;
}

/* Unmounts what place_open() has mounted last. */
void FAST_FUNC place_close(void)
{
	umount2(LUKSUNLOCK_DIR, MNT_DETACH);
}
