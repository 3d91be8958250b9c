/* vi: set sw=4 ts=4: */
/*
 * Which file system begins where, and how large it is.
 *
 * libbb's volume_id knows more of them, but only at the start of a device, and
 * no sizes.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += fsprobe.o

#include "earlyboot.h"

static uint64_t get_le(const uint8_t *p, unsigned len)
{
	uint64_t v = 0;

	while (len--)
		v = v << 8 | p[len];
	return v;
}

static uint64_t get_be(const uint8_t *p, unsigned len)
{
	uint64_t v = 0;

	while (len--)
		v = v << 8 | *p++;
	return v;
}

/* P is ext2/3/4's superblock, at byte 1024. One of its copies, which lie in
 * other groups, has the number of its group in it.
 */
static bool is_ext(const uint8_t *p, struct fs *fs)
{
	uint64_t blocks = get_le(p + 4, 4);

	if (get_le(p + 56, 2) != 0xef53 || get_le(p + 90, 2) != 0 || get_le(p + 24, 4) > 6)
		return 0;
	if (get_le(p + 96, 4) & 0x80) /* 64bit */
		blocks |= get_le(p + 336, 4) << 32;
	fs->type = get_le(p + 96, 4) & 0x40 ? "ext4" : get_le(p + 92, 4) & 4 ? "ext3" : "ext2";
	fs->size = blocks << (10 + get_le(p + 24, 4));
	fs->replay = get_le(p + 96, 4) & 4; /* needs_recovery */
	fs->unclean = (get_le(p + 58, 2) & 3) != 1; /* not "clean", or with errors */
	return 1;
}

static bool is_f2fs(const uint8_t *p, struct fs *fs)
{
	if (get_le(p, 4) != 0xf2f52010 || get_le(p + 16, 4) > 16)
		return 0;
	fs->type = "f2fs";
	fs->size = get_le(p + 36, 8) << get_le(p + 16, 4);
	return 1;
}

static bool is_xfs(const uint8_t *p, struct fs *fs)
{
	if (memcmp(p, "XFSB", 4) != 0 || get_be(p + 4, 4) > 65536)
		return 0;
	fs->type = "xfs";
	fs->size = get_be(p + 8, 8) * get_be(p + 4, 4);
	return 1;
}

/* P is btrfs's superblock, at 64 KiB; its copies have another place in them. */
static bool is_btrfs(const uint8_t *p, struct fs *fs)
{
	if (memcmp(p + 64, "_BHRfS_M", 8) != 0 || get_le(p + 48, 8) != 65536)
		return 0;
	fs->type = "btrfs";
	fs->size = get_le(p + 0xc9 + 8, 8); /* of this device, of perhaps several */
	return 1;
}

/* Looks for a file system that begins at OFFSET (bytes) of the device: one of
 * those whose size can be read, because where it ends is half of luksencrypt's
 * proof. Returns 1 and *FS says which, 0 where there is none, or -1 with errno
 * where the device can't be read, which says nothing of what is on it.
 */
int FAST_FUNC fs_find(const char *device, uint64_t offset, struct fs *fs)
{
	static const struct {
		bool (*is)(const uint8_t *p, struct fs *fs);
		unsigned at;
	} kinds[] = {
		{ is_xfs, 0 }, { is_ext, 1024 }, { is_f2fs, 1024 }, { is_btrfs, 65536 },
	};
	uint8_t block[1024];
	int fd = open(device, O_RDONLY | O_CLOEXEC);
	unsigned i;
	int found = 0;

	if (fd < 0)
		return -1;
	memset(fs, 0, sizeof(*fs));
	for (i = 0; i < ARRAY_SIZE(kinds) && !found; i++) {
		ssize_t n = pread(fd, block, sizeof(block), offset + kinds[i].at);

		if (n == sizeof(block))
			found = kinds[i].is(block, fs);
		else if (n < 0)
			found = -1;
		/* of f2fs and ext the sector of the superblock itself; XFS and
		 * btrfs have their signatures in the first sector too */
		fs->superblock = offset + kinds[i].at;
	}
	close(fd);
	return found;
}
