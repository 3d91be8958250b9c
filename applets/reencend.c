/* vi: set sw=4 ts=4: */
/*
 * The end of an in-place encryption, where libcryptsetup can't be cut.
 *
 * Behind the last hot zone the library writes the header twice: first that all
 * of the device is encrypted, then that reencryption is over. A cut in between
 * leaves a header with one segment that is "in reencryption"; and who resumes
 * takes one segment for the start, and encrypts from the first block on what
 * is encrypted (2.6.1 to 2.8.8 at least). That loses everything, so this state is
 * told from the start here, and the second write made up for: the header's
 * text loses the reencryption key slot, the segments that were kept for a
 * recovery, and the requirement. Nothing is added, and no key is needed.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += reencend.o

#include "earlyboot.h"
#include <libcryptsetup.h>

/* The binary header of LUKS2; its text follows */
enum {
	SIZE_AT = 8,            /* of all of it, 64 bits, big-endian */
	SEQID_AT = 16,          /* 64 bits, big-endian: the newer copy counts */
	CHECKSUM_ALG_AT = 72,
	CHECKSUM_AT = 448,
	CHECKSUM_SIZE = 64,
	TEXT_AT = 4096,
	MIN_SIZE = 16 * 1024,
	MAX_SIZE = 4 * 1024 * 1024,

	SHA256_SIZE = 32,
	WIPE_STEP = 1024 * 1024,
};

/* --- the text: JSON that the library has written, without white space --- */

static char *skip_string(char *p)
{
	while (*++p && *p != '"') {
		if (*p == '\\' && p[1])
			p++;
	}
	return *p ? p + 1 : p;
}

/* Returns where the value that begins at P ends. */
static char *skip_value(char *p)
{
	unsigned depth = 0;

	while (*p) {
		if (*p == '"') {
			p = skip_string(p);
		} else {
			if (*p == '{' || *p == '[')
				depth++;
			else if (*p == '}' || *p == ']')
				depth--;
			p++;
		}
		/* a number or a word goes on */
		if (!depth && (*p == ',' || *p == '}' || *p == ']' || *p == ':' || !*p))
			break;
	}
	return p;
}

/* Of a member, NAME:VALUE, or of an element */
static char *skip_item(char *p)
{
	p = skip_value(p);
	return *p == ':' ? skip_value(p + 1) : p;
}

static char *first(char *p)
{
	if (!p || (*p != '{' && *p != '[') || p[1] == '}' || p[1] == ']')
		return NULL;
	return p + 1;
}

static char *next(char *p)
{
	p = skip_item(p);
	return *p == ',' ? p + 1 : NULL;
}

/* Takes the item at P away and returns the next one. */
static char *cut(char *p)
{
	char *end = skip_item(p);
	bool more = (*end == ',');

	if (more)
		end++;
	else if (p[-1] == ',')
		p--;
	overlapping_strcpy(p, end);
	return more ? p : NULL;
}

static bool is_string(const char *p, const char *text)
{
	return p && *p == '"' && (p = is_prefixed_with(p + 1, text)) != NULL && *p == '"';
}

static char *value_of(char *p)
{
	p = skip_string(p);
	return *p == ':' ? p + 1 : NULL;
}

/* The object's member of this name, or NULL */
static char *member(char *object, const char *name)
{
	char *p;

	for (p = first(object); p && !is_string(p, name); p = next(p))
		continue;
	return p;
}

/* Its value, or NULL */
static char *get(char *object, const char *name)
{
	char *p = member(object, name);

	return p ? value_of(p) : NULL;
}

/* The first element of the array that begins with PREFIX, or NULL */
static char *element(char *array, const char *prefix)
{
	char *p;

	for (p = first(array); p && !(*p == '"' && is_prefixed_with(p + 1, prefix)); p = next(p))
		continue;
	return p;
}

/* --- what it says --- */

/* The member of "keyslots" that records the encryption, or NULL */
static char *record_slot(char *text)
{
	char *p;

	for (p = first(get(text, "keyslots")); p; p = next(p)) {
		if (is_string(get(value_of(p), "type"), "reencrypt"))
			break;
	}
	return p && is_string(get(value_of(p), "mode"), "encrypt") ? p : NULL;
}

static char *mandatory(char *text)
{
	return get(get(get(text, "config"), "requirements"), "mandatory");
}

/* Returns 1 where all is encrypted and the end is not recorded, 0 where it
 * goes on, -1 where the text is of something else.
 */
static int is_cut(char *text)
{
	unsigned active = 0, encrypted = 0;
	char *p;

	if (!record_slot(text) || !element(mandatory(text), "online-reencrypt"))
		return -1;
	for (p = first(get(text, "segments")); p; p = next(p)) {
		char *flags = get(value_of(p), "flags");

		if (element(flags, "backup-"))
			continue;
		active++;
		if (is_string(get(value_of(p), "type"), "crypt") && !element(flags, "in-reencryption"))
			encrypted++;
	}
	if (!active)
		return -1;
	if (encrypted < active)
		return 0;
	return active == 1 ? 1 : -1;
}

/* --- the header on the disk --- */

static uint64_t get_be64(const char *p)
{
	uint64_t n;

	move_from_unaligned64(n, p);
	return SWAP_BE64(n);
}

static void checksum(char *header, uint64_t size)
{
	sha256_ctx_t ctx;

	memset(header + CHECKSUM_AT, 0, CHECKSUM_SIZE);
	sha256_begin(&ctx);
	sha256_hash(&ctx, header, size);
	sha256_end(&ctx, header + CHECKSUM_AT);
}

/* The primary header of the open device or file, allocated, with a NUL behind
 * it; NULL where it is not one. *SIZE is set.
 */
static char *read_header(int fd, uint64_t *size)
{
	char start[TEXT_AT], sum[CHECKSUM_SIZE];
	char *header;

	if (pread(fd, start, sizeof(start), 0) != sizeof(start)
	 || memcmp(start, "LUKS\xba\xbe\0\2", 8) != 0
	 || strcmp(start + CHECKSUM_ALG_AT, "sha256") != 0
	)
		return NULL;
	*size = get_be64(start + SIZE_AT);
	if (*size < MIN_SIZE || *size > MAX_SIZE)
		return NULL;
	header = xzalloc(*size + 1);
	if (pread(fd, header, *size, 0) == (ssize_t)*size) {
		memcpy(sum, header + CHECKSUM_AT, SHA256_SIZE);
		checksum(header, *size);
		if (memcmp(sum, header + CHECKSUM_AT, SHA256_SIZE) == 0)
			return header;
	}
	free(header);
	return NULL;
}

static int open_header(struct crypt_device *cd, int mode)
{
	const char *path = crypt_get_metadata_device_name(cd);

	return open(path ? path : crypt_get_device_name(cd), mode | O_CLOEXEC);
}

/* CD is loaded, and in reencryption. Returns 1 where all is encrypted and only
 * the end is not recorded, 0 where the encryption has to go on, and a negative
 * errno where neither can be told: then it must not go on.
 */
int FAST_FUNC reencend_is_cut(struct crypt_device *cd)
{
	uint64_t size;
	int fd = open_header(cd, O_RDONLY);
	char *header;
	int cut_there = -1;

	if (fd < 0)
		return -errno;
	header = read_header(fd, &size);
	if (header)
		cut_there = is_cut(header + TEXT_AT);
	free(header);
	close(fd);
	return cut_there < 0 ? -EINVAL : cut_there;
}

/* --- the end --- */

/* The number, a string in JSON, of the member NAME */
static uint64_t number(char *object, const char *name)
{
	char *p = get(object, name);

	return p && *p == '"' ? strtoull(p + 1, NULL, 10) : 0;
}

/* --reduce has the first piece of the file system, in the clear, behind its
 * end too.
 */
static int wipe_moved(struct crypt_device *cd, char *text)
{
	char *p;

	for (p = first(get(text, "segments")); p; p = next(p)) {
		char *segment = value_of(p);

		if (element(get(segment, "flags"), "backup-moved-segment"))
			return crypt_wipe(cd, NULL, CRYPT_WIPE_RANDOM,
				number(segment, "offset"), number(segment, "size"),
				WIPE_STEP, 0, NULL, NULL);
	}
	return 0;
}

/* Takes every element but KEEP, or with KEEP NULL the element GONE, out of
 * the array. Returns whether none is left.
 */
static bool clean_array(char *array, const char *keep, const char *gone)
{
	char *p = first(array);

	while (p) {
		bool goes = keep ? !is_string(p, keep) : is_string(p, gone);

		p = goes ? cut(p) : next(p);
	}
	return !first(array);
}

static void edit(char *text)
{
	char *slot = record_slot(text);
	char *number_of_slot = xstrndup(slot + 1, strcspn(slot + 1, "\""));
	char *p;

	cut(slot);
	p = first(get(text, "segments"));
	while (p)
		p = element(get(value_of(p), "flags"), "backup-") ? cut(p) : next(p);
	/* of keys that nothing is encrypted with any more */
	p = first(get(text, "digests"));
	while (p) {
		bool unused = clean_array(get(value_of(p), "keyslots"), NULL, number_of_slot);

		unused &= clean_array(get(value_of(p), "segments"), "0", NULL);
		p = unused ? cut(p) : next(p);
	}
	cut(element(mandatory(text), "online-reencrypt"));
	if (!first(mandatory(text)))
		cut(member(get(text, "config"), "requirements"));
	free(number_of_slot);
}

/* A write that is torn leaves a checksum that is wrong, and the second copy,
 * which the library then takes, and we come here again. Of two that are right
 * it takes the newer, and mends the other.
 */
static int write_header(int fd, char *header, uint64_t size)
{
	uint64_t seqid = SWAP_BE64(get_be64(header + SEQID_AT) + 1);
	char *text = header + TEXT_AT;

	move_to_unaligned64(header + SEQID_AT, seqid);
	/* what the text was longer before */
	memset(text + strlen(text), 0, size - TEXT_AT - strlen(text));
	checksum(header, size);
	if (pwrite(fd, header, size, 0) != (ssize_t)size || fsync(fd) != 0)
		return errno ? -errno : -EIO;
	return 0;
}

/* Records the end. CD must be freed then, what it knows of the header is old. */
static int finish(struct crypt_device *cd)
{
	uint64_t size;
	int err = -EINVAL;
	int fd = open_header(cd, O_RDWR);
	char *header;

	if (fd < 0)
		return -errno;
	header = read_header(fd, &size);
	if (header && is_cut(header + TEXT_AT) == 1) {
		err = wipe_moved(cd, header + TEXT_AT);
		if (err >= 0) {
			edit(header + TEXT_AT);
			errno = 0;
			err = write_header(fd, header, size);
		}
	}
	free(header);
	close(fd);
	return err;
}

/* To be called once a passphrase has opened CD: where all of it is encrypted and
 * only the end is not recorded, records it. CD must be freed then, what it
 * knows of the header is old. Returns 1 where that was so, 0 where nothing was
 * to be done, or a negative errno.
 */
int FAST_FUNC reencend_mend(struct crypt_device *cd)
{
	int r;

	if (crypt_reencrypt_status(cd, NULL) != CRYPT_REENCRYPT_CLEAN)
		return 0;
	r = reencend_is_cut(cd);
	if (r == 1) {
		r = finish(cd);
		if (r == 0)
			r = 1;
	}
	return r;
}
