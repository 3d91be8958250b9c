/* vi: set sw=4 ts=4: */
/*
 * What the files of "earlyinit -c" share.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
#ifndef BOOTCHECK_H
#define BOOTCHECK_H 1

#include "earlyinit.h"

PUSH_AND_SET_FUNCTION_VISIBILITY_TO_HIDDEN

/* bootcheck.c */

void fault(const char *fmt, ...) FAST_FUNC
	__attribute__ ((format (printf, 1, 2)));
void note(const char *fmt, ...) FAST_FUNC
	__attribute__ ((format (printf, 1, 2)));
bool is_readable(const char *real, const char *name) FAST_FUNC;
char *find_program(const char *name) FAST_FUNC;
bool is_below_a_mount(const char *path) FAST_FUNC;
void check_directory(const char *name, const char *use) FAST_FUNC;
bool bootcheck_asked(const char *option, const char *value) FAST_FUNC;

/* bootentry.c */

struct bootentry {
	struct bootentry *next;
	char *label;
	char *kernel;           /* as written; NULL: it has none */
	char *append;           /* the kernel's arguments */
	bool initrd;            /* then an initramfs boots, and not the early root */
	bool is_default;
	bool is_file;           /* DEFAULT names it, and no label does */
};

struct bootentry *bootentries_read(void) FAST_FUNC;
struct bootentry *bootentry_default(struct bootentry *list) FAST_FUNC;
struct bootarg *bootentry_args(const struct bootentry *e) FAST_FUNC;

/* elfcheck.c */

void elf_check(const char *name) FAST_FUNC;

/* kernelcheck.c */

enum { /* what a boot uses of a kernel: bits */
	USES_LUKS    = 1 << 0,
	USES_NETWORK = 1 << 1,
	USES_SCREEN  = 1 << 2,
	USES_SLEEP   = 1 << 3,  /* to resume from hibernation */
};
void kernel_check(const char *path, unsigned uses, llist_t *fstypes) FAST_FUNC;

/* fragmentcheck.c */

void fragment_check(const struct stage *s) FAST_FUNC;
bool fragments_say(const char *words, const char *after, const char *before) FAST_FUNC;
bool fragments_run(const char *word, const char *before) FAST_FUNC;
bool script_check(const char *name) FAST_FUNC;

/* networkcheck.c */

void network_check(void) FAST_FUNC;

/* logincheck.c */

void login_check_ssh(void) FAST_FUNC;
void login_check_rescue(struct bootentry *entries) FAST_FUNC;

POP_SAVED_FUNCTION_VISIBILITY

#endif
