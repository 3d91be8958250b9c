/*
 * A power cut for a program that writes to a disk image: preloaded before it.
 *
 * Writes and flushes of the image $CUT_FILE are counted. At number $CUT_AT the
 * power goes: of a write no more than some sectors arrive, of all sectors that
 * were written since the last flush those that $CUT_SEED chooses are still as
 * they were, and the process is killed. Seed 0 loses nothing; 1 all that was
 * not flushed; others some, and another order of it. A sector is there or
 * not. Without $CUT_AT the power stays. What is counted goes to $CUT_LOG, a line
 * each. With $CUT_PROGRAM only the program of this name counts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SECTOR = 512, BUCKETS = 65536 };

/* A sector as it was when all was last on the disk */
struct old {
	struct old *next;
	off_t at;
	size_t len;             /* less than a sector behind the end */
	char data[SECTOR];
};

static struct old *olds[BUCKETS];
static unsigned long count;
static unsigned long seed;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

static void find_real(void)
{
	if (real_write)
		return;
	*(void **)&real_pwrite = dlsym(RTLD_NEXT, "pwrite");
	*(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
	*(void **)&real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
	*(void **)&real_write = dlsym(RTLD_NEXT, "write");
	seed = getenv("CUT_SEED") ? strtoul(getenv("CUT_SEED"), NULL, 10) : 0;
}

static int is_image(int fd)
{
	const char *path = getenv("CUT_FILE");
	const char *program = getenv("CUT_PROGRAM");
	struct stat image, st;

	return path && (!program || strcmp(program, program_invocation_short_name) == 0) && stat(path, &image) == 0 && fstat(fd, &st) == 0
		&& st.st_ino == image.st_ino && st.st_dev == image.st_dev;
}

/* One that does not change with libc */
static unsigned long random_number(void)
{
	static unsigned long state;

	if (!state)
		state = seed * 2654435761UL + count;
	state = state * 6364136223846793005UL + 1442695040888963407UL;
	return state >> 33;
}

static int is_lost(void)
{
	return seed == 1 || (seed > 1 && (random_number() & 1));
}

/* A description of our own: that of the program may be direct, or have no
 * reading.
 */
static int own_fd(void)
{
	int fd = open(getenv("CUT_FILE"), O_RDWR | O_CLOEXEC);

	if (fd < 0)
		abort();
	return fd;
}

static void keep_old(off_t at, size_t len)
{
	int fd = own_fd();
	off_t end = at + len;
	struct old *o;

	for (at &= ~(off_t)(SECTOR - 1); at < end; at += SECTOR) {
		struct old **bucket = &olds[at / SECTOR % BUCKETS];

		for (o = *bucket; o && o->at != at; o = o->next)
			continue;
		if (o)
			continue;
		o = calloc(1, sizeof(*o));
		o->at = at;
		o->len = pread(fd, o->data, SECTOR, at);
		o->next = *bucket;
		*bucket = o;
	}
	close(fd);
}

static void flushed(void)
{
	unsigned i;

	for (i = 0; i < BUCKETS; i++) {
		while (olds[i]) {
			struct old *o = olds[i];

			olds[i] = o->next;
			free(o);
		}
	}
}

static void cut_power(void)
{
	int fd = own_fd();
	struct old *o;
	unsigned i;

	for (i = 0; i < BUCKETS; i++) {
		for (o = olds[i]; o; o = o->next) {
			if (is_lost() && real_pwrite(fd, o->data, o->len, o->at) != (ssize_t)o->len)
				abort();
		}
	}
	close(fd);
	kill(getpid(), SIGKILL);
	pause();
}

/* Counts, and returns whether the power goes now. */
static int is_due(const char *what, off_t at, size_t len)
{
	const char *log = getenv("CUT_LOG");
	const char *cut_at = getenv("CUT_AT");
	char line[80];

	count++;
	if (log) {
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
		int n = snprintf(line, sizeof(line), "%lu %s %lld %zu\n", count, what, (long long)at, len);

		if (fd < 0 || real_write(fd, line, n) != n)
			abort();
		close(fd);
	}
	return cut_at && strtoul(cut_at, NULL, 10) == count;
}

static ssize_t image_write(int fd, const void *data, size_t len, off_t at)
{
	ssize_t n;

	keep_old(at, len);
	if (is_due("write", at, len)) {
		/* all of it is with the disk, which picks; or with seed 0 half */
		int own = own_fd();

		len = seed ? len : len / 2 & ~(size_t)(SECTOR - 1);
		if (real_pwrite(own, data, len, at) != (ssize_t)len)
			abort();
		cut_power();
	}
	n = real_pwrite(fd, data, len, at);
	if (fcntl(fd, F_GETFL) & O_DSYNC)
		flushed();
	return n;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	find_real();
	return is_image(fd) ? image_write(fd, data, len, at) : real_pwrite(fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	return pwrite(fd, data, len, at);
}

ssize_t write(int fd, const void *data, size_t len)
{
	off_t at;
	ssize_t n;

	find_real();
	if (!is_image(fd))
		return real_write(fd, data, len);
	at = lseek(fd, 0, SEEK_CUR);
	n = image_write(fd, data, len, at);
	if (n > 0)
		lseek(fd, at + n, SEEK_SET);
	return n;
}

static int image_sync(int fd, int (*real)(int))
{
	int r;

	/* before the first write there is nothing to flush */
	if (count && is_due("flush", 0, 0))
		cut_power();
	r = real(fd);
	if (r == 0)
		flushed();
	return r;
}

int fsync(int fd)
{
	find_real();
	return is_image(fd) ? image_sync(fd, real_fsync) : real_fsync(fd);
}

int fdatasync(int fd)
{
	find_real();
	return is_image(fd) ? image_sync(fd, real_fdatasync) : real_fdatasync(fd);
}

/* The image is a disk with sectors of 512 bytes. libcryptsetup takes the sums of
 * a hot zone by sectors of a disk, but of a file by blocks of the file system
 * that it is in, and that a block is torn is then beyond it.
 */
static int image_statvfs(int fd, struct statvfs *buf)
{
	static int (*real)(int, struct statvfs *);
	int r;

	find_real();
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "fstatvfs");
	r = real(fd, buf);
	if (r == 0 && is_image(fd))
		buf->f_bsize = SECTOR;
	return r;
}

int fstatvfs(int fd, struct statvfs *buf)
{
	return image_statvfs(fd, buf);
}

/* On 64 bits the two are one. */
int fstatvfs64(int fd, struct statvfs64 *buf)
{
	return image_statvfs(fd, (struct statvfs *)buf);
}
