/*
 * Power cuts, out of the log that QEMU's block driver blklogwrites keeps of a
 * disk: all its writes and flushes, in their order.
 *
 *	cutlog LOG			list the log: number, what, sector, sectors
 *	cutlog LOG AT SEED IMAGE	bring IMAGE, which is as the disk was before, to
 *					what a cut at number AT leaves
 *
 * What was written before the last flush that ended is there. Of what was
 * written since, seed 0 takes all, 1 nothing, others each block with one half
 * chance. A block is of 1 KiB, as those of the file system of a small boot
 * device are: without a journal nothing helps against one that is torn.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	BLOCK = 1024,
	FLUSH = 1 << 0,         /* flags of an entry: all before is on the disk */
	FUA = 1 << 1,           /* this one is, when it has ended */
	DISCARD = 1 << 2,
};

/* Both are alone in a sector of the log, little-endian. */
struct super {
	uint64_t magic;
	uint64_t version;
	uint64_t entries;
	uint32_t sector_size;
} __attribute__ ((packed));

struct entry {
	uint64_t sector;
	uint64_t sectors;
	uint64_t flags;
	uint64_t data_len;
} __attribute__ ((packed));

static const uint64_t magic = 0x6a736677736872ULL;
static uint64_t state;

static unsigned next_random(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return state >> 33;
}

static void read_at(int fd, void *buf, size_t len, off_t at)
{
	if (pread(fd, buf, len, at) != (ssize_t)len)
		errx(1, "the log is cut off");
}

/* A write of LEN bytes, at AT of the image */
static void take(int image, const char *data, size_t len, off_t at, unsigned long seed)
{
	size_t n;

	for (; len; data += n, at += n, len -= n) {
		n = BLOCK - at % BLOCK;
		if (n > len)
			n = len;
		if (seed == 1 || (seed > 1 && (next_random() & 1)))
			continue;
		if (pwrite(image, data, n, at) != (ssize_t)n)
			err(1, "the image");
	}
}

int main(int argc, char **argv)
{
	struct super super;
	struct entry *e;
	off_t *at;
	uint64_t i, count, cut, on_disk = 0, size, pos;
	unsigned long seed;
	int log, image;

	if (argc != 2 && argc != 5)
		errx(2, "usage: cutlog LOG [AT SEED IMAGE]");
	log = open(argv[1], O_RDONLY);
	if (log < 0)
		err(1, "%s", argv[1]);
	read_at(log, &super, sizeof(super), 0);
	if (le64toh(super.magic) != magic || le64toh(super.version) != 1)
		errx(1, "%s is no log of blklogwrites", argv[1]);
	size = le32toh(super.sector_size);
	count = le64toh(super.entries);
	e = calloc(count, sizeof(*e));
	at = calloc(count, sizeof(*at));
	if (!count || !e || !at)
		errx(1, "%s is empty", argv[1]);
	for (i = 0, pos = size; i < count; i++) {
		read_at(log, &e[i], sizeof(e[i]), pos);
		e[i].sector = le64toh(e[i].sector);
		e[i].sectors = le64toh(e[i].sectors);
		e[i].flags = le64toh(e[i].flags);
		at[i] = pos + size;
		pos = at[i] + (e[i].flags & DISCARD ? 0 : e[i].sectors * size);
	}
	if (argc == 2) {
		for (i = 0; i < count; i++)
			printf("%"PRIu64" %s %"PRIu64" %"PRIu64"\n", i,
				e[i].flags & FLUSH ? "flush" : e[i].flags & DISCARD ? "discard" : "write",
				e[i].sector, e[i].sectors);
		return 0;
	}

	cut = strtoull(argv[2], NULL, 10);
	seed = strtoul(argv[3], NULL, 10);
	if (cut >= count)
		errx(1, "there are only %"PRIu64" writes and flushes", count);
	state = seed * 2654435761UL + cut;
	image = open(argv[4], O_RDWR);
	if (image < 0)
		err(1, "%s", argv[4]);
	/* the one that is cut has not ended */
	for (i = 0; i < cut; i++) {
		if (e[i].flags & FLUSH)
			on_disk = i;
	}
	for (i = 0; i <= cut; i++) {
		char *data;
		size_t len = e[i].sectors * size;

		if (!len || e[i].flags & DISCARD)
			continue;
		data = malloc(len);
		if (!data)
			err(1, "memory");
		read_at(log, data, len, at[i]);
		take(image, data, len, e[i].sector * size,
			i < on_disk || (i < cut && e[i].flags & FUA) ? 0 : seed);
		free(data);
	}
	return 0;
}
