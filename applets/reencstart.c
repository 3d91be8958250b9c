/* vi: set sw=4 ts=4: */
/*
 * The start of an in-place encryption: how the header comes to the device, so
 * that a power cut at any moment can be gone on from.
 *
 * In front of data that does not move (--prepend) there is nothing to lose.
 * But for --reduce the header's place has been the file system's head. That
 * lies safe at the device's end by then; still, a cut while the header is
 * written over it must not leave a device with neither. So a copy of the header
 * comes first, behind the data, then the file system is made unknown by one
 * sector (which a disk writes wholly or not), and only then is its head
 * overwritten. A device with the copy, and in front neither a file system nor
 * a header, was cut in between; luksencrypt and luksunlock both go on there.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += reencstart.o

#include <sys/mman.h>
#include <sys/mount.h> /* BLKGETSIZE64 */
#if !defined(BLKGETSIZE64)
# define BLKGETSIZE64 _IOR(0x12,114,size_t)
#endif
#include <sys/syscall.h>
#include "earlyboot.h"
#include <libcryptsetup.h>

#ifndef MFD_CLOEXEC
# define MFD_CLOEXEC 1U
#endif

enum {
	SECTOR = 512,
	BIN_HEADER = 4096,      /* of a copy; its text follows */
	MAX_WRITE = 128 * 1024 * 1024,
};

static const char memory_file[] ALIGN1 = "/proc/self/fd/";

/* Returns a file in memory of SIZE bytes, or -1 with errno; its name for the
 * library is in *PATH, allocated.
 */
int FAST_FUNC reencstart_new_header(uint64_t size, char **path)
{
	int fd = syscall(SYS_memfd_create, "luks2-header", MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, size) != 0) {
		close(fd);
		fd = -1;
	}
	if (fd >= 0)
		*path = xasprintf("%s%d", memory_file, fd);
	return fd;
}

/* --- on the device --- */

static bool put(int dev, const char *data, uint64_t len, uint64_t at)
{
	while (len) {
		/* pwrite() does not take 2 GiB at once */
		ssize_t n = pwrite(dev, data, len < MAX_WRITE ? len : MAX_WRITE, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		data += n;
		len -= n;
		at += n;
	}
	return 1;
}

/* Writes the header of LEN bytes at AT so that, wherever the power is cut,
 * there is no LUKS2 header or all of it: the sector that makes it one, by magic
 * and checksum, is written when the rest is on the disk, and a disk writes a
 * sector wholly or not. Either of its two copies will do, the library mends the
 * other.
 */
static bool put_header(int dev, const char *header, uint64_t len, uint64_t at)
{
	static const char none[BIN_HEADER] ALIGN4;
	uint64_t second = 0;
	unsigned i;

	/* the size of a copy, big-endian, behind magic and version */
	for (i = 8; i < 16; i++)
		second = second << 8 | (uint8_t)header[i];
	/* An earlier start that was cut may have left one of these */
	return put(dev, none, BIN_HEADER, at)
	 && put(dev, none, BIN_HEADER, at + second)
	 && fsync(dev) == 0
	 && put(dev, header + SECTOR, second - SECTOR, at + SECTOR)
	 && put(dev, header + second + SECTOR, len - second - SECTOR, at + second + SECTOR)
	 && fsync(dev) == 0
	 && put(dev, header, SECTOR, at)
	 && fsync(dev) == 0
	 && put(dev, header + second, SECTOR, at + second)
	 && fsync(dev) == 0;
}

/* Where the copy of a moved device's header is: in the gap between the data
 * and its moved first piece, which the first step of the encryption uses.
 */
static uint64_t copy_at(uint64_t device_size, uint64_t header_size)
{
	return device_size - 2 * header_size;
}

/* See the top of the file. */
static bool put_moved(const struct reencrypt *r, int dev, const char *header)
{
	static const char none[SECTOR] ALIGN4;

	return put_header(dev, header, r->header, copy_at(r->size, r->header))
	 && put(dev, none, SECTOR, r->superblock)
	 && fsync(dev) == 0
	 && put_header(dev, header, r->header, 0);
}

/* Brings the header in the file FD to the open device DEV. Takes from R size,
 * header, move, superblock; with FROM_COPY the copy is there already. Returns
 * 0 or a negative errno.
 */
int FAST_FUNC reencstart_place(const struct reencrypt *r, int fd, int dev, bool from_copy)
{
	char *header = mmap(NULL, r->header, PROT_READ, MAP_SHARED, fd, 0);
	bool ok;
	int err = 0;

	if (header == MAP_FAILED)
		return -errno;
	/* The library has moved data, and did not wait for the disk */
	errno = 0;
	ok = fsync(dev) == 0
		&& (r->move && !from_copy ? put_moved(r, dev, header) : put_header(dev, header, r->header, 0));
	if (!ok)
		err = errno ? -errno : -EIO;
	munmap(header, r->header);
	return err;
}

/* --- the copy of a start that was cut --- */

/* Opens the header in the file PATH, of SIZE bytes. Returns NULL where it is not
 * that of a start on this device.
 */
static struct crypt_device *load_copy(const char *path, uint64_t size, const char *device)
{
	struct crypt_params_reencrypt params;
	struct crypt_device *cd;

	if (crypt_init_data_device(&cd, path, device) < 0)
		return NULL;
	/* most often there is none: no words on that */
	crypt_set_log_callback(cd, NULL, NULL);
	if (crypt_load(cd, CRYPT_LUKS2, NULL) == 0
	 && crypt_reencrypt_status(cd, &params) == CRYPT_REENCRYPT_CLEAN
	 && params.mode == CRYPT_REENCRYPT_ENCRYPT
	 && (params.flags & CRYPT_REENCRYPT_MOVE_FIRST_SEGMENT)
	 && params.data_shift == size / SECTOR
	 && crypt_get_data_offset(cd) == size / SECTOR
	)
		return cd;
	crypt_free(cd);
	return NULL;
}

/* The same of the copy of SIZE bytes at AT of the open device DEV */
static struct crypt_device *read_copy(int dev, uint64_t at, uint64_t size, const char *device)
{
	struct crypt_device *cd = NULL;
	char magic[8];
	char *path;
	int fd;

	if (pread(dev, magic, 8, at) != 8 || memcmp(magic, "LUKS\xba\xbe\0\2", 8) != 0)
		return NULL;
	fd = reencstart_new_header(size, &path);
	if (fd < 0)
		return NULL;
	if (lseek(dev, at, SEEK_SET) == (off_t)at && bb_copyfd_size(dev, fd, size) == (off_t)size)
		cd = load_copy(path, size, device);
	free(path);
	if (!cd)
		close(fd);
	return cd;
}

static uint64_t size_of(int dev)
{
	struct stat st;
	uint64_t size;

	if (ioctl(dev, BLKGETSIZE64, &size) == 0)
		return size;
	return fstat(dev, &st) == 0 ? st.st_size : 0;
}

/* To be called where DEVICE has no LUKS header. Returns the copy of the header of
 * a start of --reduce that was cut, opened and loaded, or NULL where there is
 * none. With it the device opens as it is. Such a crypt_device takes a
 * descriptor, which reencstart_free() gives back.
 */
struct crypt_device* FAST_FUNC reencstart_load(const char *device)
{
	struct crypt_device *cd = NULL;
	struct fs fs;
	uint64_t header, size;
	int dev;

	/* With a file system in front the copy is of a start that was given up,
	 * and what it says has been moved is old */
	if (fs_find(device, 0, &fs) != 0)
		return NULL;
	dev = open(device, O_RDONLY | O_CLOEXEC);
	if (dev < 0)
		return NULL;
	size = size_of(dev);
	for (header = REENCRYPT_MIN_HEADER; !cd && header <= REENCRYPT_MAX_HEADER && header * 4 <= size;
			header += REENCRYPT_MIN_HEADER)
		cd = read_copy(dev, copy_at(size, header), header, device);
	close(dev);
	return cd;
}

/* The file in memory that is CD's header, or -1 where it is on the device */
static int header_of(struct crypt_device *cd)
{
	const char *path = crypt_get_metadata_device_name(cd);

	path = path ? is_prefixed_with(path, memory_file) : NULL;
	return path ? atoi(path) : -1;
}

/* Gives CD back, which is or is not from reencstart_load(). */
void FAST_FUNC reencstart_free(struct crypt_device *cd)
{
	int fd = header_of(cd);

	crypt_free(cd);
	if (fd >= 0)
		close(fd);
}

/* To be called once a passphrase has opened CD: where it is of
 * reencstart_load(), brings the header to its place. Returns 1 where that was
 * so, 0 where nothing was to be done, or a negative errno.
 */
int FAST_FUNC reencstart_mend(struct crypt_device *cd)
{
	struct reencrypt r;
	int fd = header_of(cd);
	int dev, err;

	if (fd < 0)
		return 0;
	memset(&r, 0, sizeof(r));
	r.header = crypt_get_data_offset(cd) * SECTOR;
	/* Not O_EXCL: it may be mapped by now. The header's place is not. */
	dev = open(crypt_get_device_name(cd), O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return -errno;
	err = reencstart_place(&r, fd, dev, 1);
	close(dev);
	return err < 0 ? err : 1;
}
