/* vi: set sw=4 ts=4: */
/*
 * What luksencrypt proves before it touches a device: that nobody else has it,
 * that its sectors belong to no other partition, and that on it is the file
 * system that is to be encrypted, and nothing where the header is to be.
 *
 * What is not understood is refused. A wrong device or a wrong number must end
 * in one of the lines here.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_LUKSENCRYPT) += encproof.o

#include <sys/mount.h> /* BLKGETSIZE64 */
#if !defined(BLKGETSIZE64)
# define BLKGETSIZE64 _IOR(0x12,114,size_t)
#endif
#include "earlyboot.h"
#include "../util-linux/volume_id/volume_id_internal.h"

enum { SECTOR = 512 };

/* Says TEXT of the device and ends with STATUS. Nothing was written then. */
void FAST_FUNC encproof_die(const struct reencrypt *r, int status, const char *text)
{
	bb_error_msg("%s: %s", r->device, text);
	xfunc_error_retval = status;
	xfunc_die();
}

/* --- who uses the device --- */

/* Whether the files or devices A and B are the same */
static bool is_same(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) || S_ISBLK(b->st_mode))
		return S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode) && a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The loop device that stands on the device or file ST, allocated, or NULL. It
 * claims nothing below it.
 */
static char *find_loop(const struct stat *st)
{
	char *found = NULL;
	struct dirent *e;
	DIR *dir = opendir("/sys/block");

	while (dir && !found && (e = readdir(dir)) != NULL) {
		char *file = devspec_attr(e->d_name, "loop/backing_file");
		struct stat backing;

		if (file && stat(file, &backing) == 0 && is_same(st, &backing))
			found = xstrdup(e->d_name);
		free(file);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* The first block device that stands on DEV, allocated, or NULL */
static char *find_holder(dev_t dev)
{
	char *path = xasprintf("/sys/dev/block/%u:%u/holders", major(dev), minor(dev));
	char *found = NULL;
	struct dirent *e;
	DIR *dir = opendir(path);

	while (dir && !found && (e = readdir(dir)) != NULL) {
		if (!DOT_OR_DOTDOT(e->d_name))
			found = xstrdup(e->d_name);
	}
	if (dir)
		closedir(dir);
	free(path);
	return found;
}

/* The name of the mapping dm-N, allocated, or NULL */
static char *mapping_name(const char *dm)
{
	return devspec_attr(dm, "dm/name");
}

/* The library encrypts through a mapping of a process's own. That of a process
 * that was killed stays, and keeps the device busy. Returns whether HOLDER was
 * one and is gone.
 */
static bool drop_stale(const char *holder)
{
	char *name = mapping_name(holder);
	const char *pid = name ? is_prefixed_with(name, "temporary-cryptsetup-") : NULL;
	bool stale = pid && kill(atoi(pid), 0) != 0 && errno == ESRCH;

	if (stale)
		reencrypt_drop_mapping(name);
	free(name);
	return stale;
}

/* Where DEV is mounted, allocated, or NULL. A btrfs is not found: the kernel
 * gives it a number of its own.
 */
static char *find_mount(dev_t dev)
{
	char *line, *point = NULL;
	FILE *f = fopen_for_read("/proc/self/mountinfo");

	while (f && !point && (line = xmalloc_fgetline(f)) != NULL) {
		unsigned maj, min;
		int at = 0;

		/* id, parent, device, root, mount point */
		if (sscanf(line, "%*d %*d %u:%u %*s %n", &maj, &min, &at) == 2
		 && at && makedev(maj, min) == dev
		)
			point = xstrndup(line + at, strcspn(line + at, " "));
		free(line);
	}
	if (f)
		fclose(f);
	return point;
}

static bool is_swap(dev_t dev)
{
	char *line;
	struct stat st;
	bool yes = 0;
	FILE *f = fopen_for_read("/proc/swaps");

	while (f && !yes && (line = xmalloc_fgetline(f)) != NULL) {
		line[strcspn(line, " \t")] = '\0';
		yes = stat(line, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == dev;
		free(line);
	}
	if (f)
		fclose(f);
	return yes;
}

static void die_busy(struct reencrypt *r, dev_t dev, const char *holder) NORETURN;
static void die_busy(struct reencrypt *r, dev_t dev, const char *holder)
{
	char *name, *point = find_mount(dev);

	if (point)
		encproof_die(r, 5, xasprintf("it is mounted at %s; unmount it first", point));
	if (is_swap(dev))
		encproof_die(r, 5, "it is swap space; 'swapoff' ends that");
	if (!holder)
		encproof_die(r, 5, "it is in use");
	name = mapping_name(holder);
	if (!name)
		encproof_die(r, 5, xasprintf("%s stands on it", holder));
	if (reencrypt_state(r) != REENCRYPT_BEGUN)
		encproof_die(r, 5, xasprintf("it is open as '%s'", name));
	encproof_die(r, 5, xasprintf("it is open as '%s'. In the running system "
		"'cryptsetup reencrypt --resume-only --active-name %s' encrypts it meanwhile",
		name, name));
}

/* --- partitions --- */

static uint64_t read_number(char *path)
{
	char *text = devspec_read_attr(path);
	uint64_t n = text ? strtoull(text, NULL, 10) : 0;

	free(text);
	return n;
}

/* The disk that the partition is on, or NULL where it is none: a path in sysfs,
 * allocated
 */
static char *disk_of(dev_t dev)
{
	char *path = xasprintf("/sys/dev/block/%u:%u/partition", major(dev), minor(dev));

	if (access(path, F_OK) == 0)
		strcpy(strrchr(path, '/'), "/..");
	else {
		free(path);
		path = NULL;
	}
	return path;
}

/* The first partition on the disk at PATH in sysfs with a sector from START up
 * to END, but that named BUT (or NULL); allocated, or NULL
 */
static char *find_partition(const char *path, uint64_t start, uint64_t end, const char *but)
{
	char *found = NULL;
	struct dirent *e;
	DIR *dir = opendir(path);

	while (dir && !found && (e = readdir(dir)) != NULL) {
		char *file = xasprintf("%s/%s/partition", path, e->d_name);
		uint64_t at;

		if (access(file, F_OK) == 0 && (!but || strcmp(e->d_name, but) != 0)) {
			at = read_number(xasprintf("%s/%s/start", path, e->d_name));
			if (at < end && at + read_number(xasprintf("%s/%s/size", path, e->d_name)) > start)
				found = xstrdup(e->d_name);
		}
		free(file);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* The kernel takes tables with partitions that overlap: one that was extended
 * and its neighbour that was not shrunk. Each would write into the other.
 */
static void check_partitions(struct reencrypt *r, dev_t dev)
{
	char *self = xasprintf("/sys/dev/block/%u:%u", major(dev), minor(dev));
	char *disk = disk_of(dev);
	char *other, *target;
	uint64_t start;

	if (!disk) {
		other = find_partition(self, 0, UINT64_MAX, NULL);
		if (other)
			encproof_die(r, 1, xasprintf("it is a disk with partitions, such as %s; name one of these", other));
		return;
	}
	target = xmalloc_readlink(self);
	start = read_number(xasprintf("%s/start", self));
	other = find_partition(disk, start, start + r->size / SECTOR,
		target ? bb_basename(target) : NULL);
	if (other)
		encproof_die(r, 1, xasprintf("it overlaps %s; correct the partition table first", other));
}

/* The same for the disk below, if any, as for the device: a loop device with an
 * offset may be on either.
 */
static void check_loops(struct reencrypt *r, struct stat *st)
{
	char *loop = find_loop(st);
	char *disk = S_ISBLK(st->st_mode) ? disk_of(st->st_rdev) : NULL;
	unsigned maj, min;
	char *dev;

	if (!loop && disk) {
		dev = devspec_read_attr(xasprintf("%s/dev", disk));
		if (dev && sscanf(dev, "%u:%u", &maj, &min) == 2) {
			st->st_rdev = makedev(maj, min);
			loop = find_loop(st);
		}
	}
	if (loop)
		encproof_die(r, 5, xasprintf("/dev/%s stands on it; 'losetup -d /dev/%s' takes that away", loop, loop));
}

/* Dies if anybody has the device or file, or a part of it; else sets R->SIZE, and
 * returns a descriptor: as long as that is open, nobody can mount it.
 */
int FAST_FUNC encproof_claim(struct reencrypt *r)
{
	char *holder = NULL;
	struct stat st;
	int fd;

	if (stat(r->device, &st) != 0 || (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode)))
		encproof_die(r, 4, "it is neither a block device nor a file");
	if (S_ISBLK(st.st_mode)) {
		while ((holder = find_holder(st.st_rdev)) != NULL && drop_stale(holder))
			free(holder);
	}
	/* The kernel's own word: mounted, swap, mapped, or part of an array */
	fd = open(r->device, O_RDWR | O_EXCL | O_CLOEXEC);
	if (fd < 0 && errno != EBUSY)
		encproof_die(r, errno == ENOENT || errno == ENXIO ? 4 : 1, strerror(errno));
	if (fd < 0 || holder)
		die_busy(r, st.st_rdev, holder);
	r->size = st.st_size;
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(fd, BLKGETSIZE64, &r->size) != 0)
			encproof_die(r, 1, strerror(errno));
		check_partitions(r, st.st_rdev);
	}
	check_loops(r, &st);
	return fd;
}

/* --- what is on the device --- */

/* Reads LEN bytes at AT; zeros where the device has not that many. */
static void read_at(const struct reencrypt *r, void *buf, unsigned len, uint64_t at)
{
	int fd = xopen(r->device, O_RDONLY | O_CLOEXEC);

	memset(buf, 0, len);
	if (pread(fd, buf, len, at) < 0)
		encproof_die(r, 1, strerror(errno));
	close(fd);
}

/* As fs_find(), but dies where the device can't be read. */
static bool find_fs(struct reencrypt *r, uint64_t offset, struct fs *fs)
{
	int found = fs_find(r->device, offset, fs);

	if (found < 0)
		encproof_die(r, 1, strerror(errno));
	return found;
}

/* An array that is not assembled claims nothing. Its superblock is where the
 * version of its metadata has it: 1.1 and 1.2 in front, 1.0 and 0.90 at the end.
 */
static void check_array(struct reencrypt *r)
{
	const uint64_t at[] = {
		0, 4096, (r->size / SECTOR - 16) / 8 * 8 * SECTOR,
		r->size / 65536 * 65536 - 65536,
	};
	uint8_t magic[4];
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		if (at[i] >= r->size)
			continue;
		read_at(r, magic, 4, at[i]);
		if (memcmp(magic, "\xfc\x4e\x2b\xa9", 4) == 0)
			encproof_die(r, 1, "it is a member of an md array; what can be encrypted is the array");
	}
}

/* A physical volume's label is in one of the first four sectors. */
static void check_lvm(struct reencrypt *r)
{
	char sectors[4 * SECTOR];
	unsigned i;

	read_at(r, sectors, sizeof(sectors), 0);
	for (i = 0; i < sizeof(sectors); i += SECTOR) {
		if (memcmp(sectors + i, "LABELONE", 8) == 0)
			encproof_die(r, 1, "it is a physical volume of LVM; what can be encrypted is a logical volume, with --reduce");
	}
}

/* A header that can't be read must not be taken for none. */
static void check_luks(struct reencrypt *r)
{
	char magic[6];

	read_at(r, magic, sizeof(magic), 0);
	if (memcmp(magic, "LUKS\xba\xbe", 6) == 0)
		encproof_die(r, 1, "it has a LUKS header that is damaged, or not LUKS2; 'cryptsetup luksDump' says more");
}

/* Sector 0 of a disk with partitions: the signature, and four entries that are
 * either active or not, one of them of a type
 */
static void check_table(struct reencrypt *r)
{
	uint8_t sector[SECTOR];
	unsigned i, used = 0;

	read_at(r, sector, SECTOR, 0);
	if (sector[510] != 0x55 || sector[511] != 0xaa)
		return;
	for (i = 446; i < 510; i += 16) {
		if (sector[i] & 0x7f)
			return;
		used |= sector[i + 4];
	}
	if (used)
		encproof_die(r, 1, "a partition table is at its start; name one of its partitions");
}

/* Whether the device begins with something that libbb knows */
static bool has_signature(struct reencrypt *r)
{
	struct volume_id *id = volume_id_open_node(xopen(r->device, O_RDONLY | O_CLOEXEC));
	bool yes = 0;

	if (volume_id_probe_all(id, r->size) == 0)
		yes = id->uuid[0] || id->label[0] IF_FEATURE_BLKID_TYPE(|| id->type);
	free_volume_id(id); /* closes the descriptor */
	return yes;
}

/* A system that hibernates has its file systems mounted, and goes on to write to
 * them in the clear when it wakes.
 */
static void check_hibernation(struct reencrypt *r)
{
	struct dirent *e;
	DIR *dir = opendir("/sys/class/block");
	unsigned page = getpagesize();

	while (dir && (e = readdir(dir)) != NULL) {
		char *path = xasprintf("/dev/%s", e->d_name);
		char magic[10] = "";
		int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

		if (fd >= 0 && pread(fd, magic, 10, page - 10) == 10
		 && (memcmp(magic, "S1SUSPEND", 10) == 0 || memcmp(magic, "ULSUSPEND", 10) == 0)
		)
			encproof_die(r, 5, xasprintf("a system hibernates in %s, perhaps with this in use; let it resume, "
				"or give it up with 'mkswap %s'", path, path));
		if (fd >= 0)
			close(fd);
		free(path);
	}
	if (dir)
		closedir(dir);
}

static void check_members(struct reencrypt *r)
{
	struct stat st;

	check_array(r);
	check_lvm(r);
	check_luks(r);
	check_table(r);
	if (stat(r->device, &st) == 0 && S_ISBLK(st.st_mode))
		check_hibernation(r);
}

/* "1016.0G" */
static const char *human(uint64_t bytes)
{
	return make_human_readable_str(bytes, 1, 0);
}

/* Dies where the partition does not begin R->HEADER earlier than a file system
 * does, or the kernel does not know so; else *FS is that file system.
 */
void FAST_FUNC encproof_prepend(struct reencrypt *r, struct fs *fs)
{
	unsigned long long sector = r->header / SECTOR;
	struct fs front;

	check_members(r);
	if (!find_fs(r, r->header, fs)) {
		if (find_fs(r, 0, fs))
			encproof_die(r, 1, xasprintf("its %s begins at its start and not at sector %llu. "
				"If the partition was extended just now, the kernel has the old table: reboot",
				fs->type, sector));
		encproof_die(r, 4, xasprintf("no ext2/3/4, xfs, btrfs or f2fs begins at sector %llu of it; "
			"is that by how much the partition was extended? --offset says another number", sector));
	}
	/* The partition was not extended, and what was found is within a file */
	if (find_fs(r, 0, &front) && front.size > r->header)
		encproof_die(r, 1, xasprintf("its %s begins at its start, and covers sector %llu; has the partition been extended?",
			front.type, sector));
	if (fs->size > r->size - r->header)
		encproof_die(r, 1, xasprintf("its %s ends %s behind the end of it; has the partition kept its end?",
			fs->type, human(fs->size - (r->size - r->header))));
	if (has_signature(r))
		encproof_die(r, 1, "something is at its start, where the header is to be ('blkid' says what). "
			"If it is only left over, write zeros over it: "
			"'dd if=/dev/zero bs=64k count=2 of=' and the device");
}

/* What is still in a journal, or is not sound, can say another size than the
 * superblock does; and what lies behind that is overwritten. (XFS shows only to
 * who reads its log. Nothing shrinks it, so its size is right or too small for
 * a moment while it grows. btrfs and f2fs are always sound.)
 */
static void check_clean(struct reencrypt *r, const struct fs *fs)
{
	const char *dev = r->device;

	if (fs->unclean)
		encproof_die(r, 1, xasprintf("its %s was not unmounted cleanly, or has errors, so its size is not certain; "
			"'fsck.ext4 -f %s' mends that", fs->type, dev));
	if (fs->replay)
		encproof_die(r, 1, xasprintf("its %s was not unmounted cleanly, so its size is not certain; "
			"'mount -t %s %s /mnt && umount /mnt' mends that", fs->type, fs->type, dev));
}

/* Dies where the file system at the start of the device has not left twice
 * R->HEADER free at the end; else *FS is that file system, and R->SUPERBLOCK is
 * set.
 */
void FAST_FUNC encproof_reduce(struct reencrypt *r, struct fs *fs)
{
	uint64_t room = 2 * r->header;

	check_members(r);
	if (!find_fs(r, 0, fs))
		encproof_die(r, 4, "no ext2/3/4, xfs, btrfs or f2fs begins at its start");
	check_clean(r, fs);
	if (r->size < 2 * room)
		encproof_die(r, 1, xasprintf("it has %s, which is too small for that", human(r->size)));
	if (fs->size > r->size - room)
		encproof_die(r, 1, xasprintf("its %s has %s, of %s of the device; shrink it by %s more first",
			fs->type, human(fs->size), human(r->size), human(fs->size - (r->size - room))));
	r->superblock = fs->superblock;
}
