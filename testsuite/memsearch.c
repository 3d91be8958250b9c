/*
 * memsearch FILE TEXT...: looks for each TEXT, or any 8 bytes of a longer one,
 * in FILE, a dump of a machine's memory: as it is and in both kinds of UTF-16.
 * Prints a line "OFFSET TEXT" for each place. Exit status 0: none is there; 1:
 * one is; 2: FILE can't be read.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PART = 1 << 20, PIECE = 8, KINDS = 3 };

static char buf[2 * PART];

/* Makes PATTERN of the LEN bytes of TEXT: 0: as they are, 1: little-endian, 2:
 * big-endian UTF-16. Returns its length.
 */
static size_t spell(char *pattern, const char *text, size_t len, int kind)
{
	size_t i;

	if (kind == 0) {
		memcpy(pattern, text, len);
		return len;
	}
	memset(pattern, 0, 2 * len);
	for (i = 0; i < len; i++)
		pattern[2 * i + kind - 1] = text[i];
	return 2 * len;
}

/* Looks for TEXT in the HAVE bytes of buf, that are at OFFSET of the file. */
static int look(const char *text, size_t have, unsigned long long offset)
{
	size_t len = strlen(text), piece = len < PIECE ? len : PIECE, at;
	int kind, found = 0;

	for (at = 0; at + piece <= len; at++) {
		for (kind = 0; kind < KINDS; kind++) {
			char pattern[2 * PIECE];
			size_t n = spell(pattern, text + at, piece, kind);
			char *p = buf;

			while ((p = memmem(p, buf + have - p, pattern, n)) != NULL) {
				printf("%#llx %.*s\n", offset + (p - buf), (int)piece, text + at);
				found = 1;
				p++;
			}
		}
	}
	return found;
}

int main(int argc, char **argv)
{
	size_t have = 0, n, keep;
	unsigned long long offset = 0;
	int found = 0, i;
	FILE *f = argc > 2 ? fopen(argv[1], "r") : NULL;

	if (!f) {
		perror(argc > 2 ? argv[1] : "memsearch FILE TEXT...");
		return 2;
	}
	for (i = 2; i < argc; i++) {
		if (!argv[i][0]) {
			fputs("memsearch: nothing to look for\n", stderr);
			return 2;
		}
	}
	while ((n = fread(buf + have, 1, PART, f)) > 0) {
		have += n;
		for (i = 2; i < argc; i++)
			found |= look(argv[i], have, offset);
		/* what may begin here and end in the next part; it can be told
		 * twice */
		keep = have < 2 * PIECE - 1 ? have : 2 * PIECE - 1;
		memmove(buf, buf + have - keep, keep);
		offset += have - keep;
		have = keep;
	}
	if (ferror(f)) {
		perror(argv[1]);
		return 2;
	}
	return found;
}
