/*
 * dies - preloaded: who has a key tried ends, as one does that gets no memory. With
 * DIES_ONCE in the environment, a file, only while that is there, and it removes it.
 * With DIES_LOADING, a file, who has a header read ends in that way, once.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

int crypt_activate_by_passphrase(void *cd, const char *name, int slot,
	const char *key, size_t len, uint32_t flags);
int crypt_activate_by_passphrase(void *cd, const char *name, int slot,
	const char *key, size_t len, uint32_t flags)
{
	int (*next)(void *, const char *, int, const char *, size_t, uint32_t);
	const char *once = getenv("DIES_ONCE");

	if (!getenv("DIES_LOADING") && (!once || unlink(once) == 0))
		_exit(1);
	*(void **)&next = dlsym(RTLD_NEXT, "crypt_activate_by_passphrase");
	return next(cd, name, slot, key, len, flags);
}

int crypt_load(void *cd, const char *type, void *params);
int crypt_load(void *cd, const char *type, void *params)
{
	int (*next)(void *, const char *, void *);
	const char *once = getenv("DIES_LOADING");

	if (once && unlink(once) == 0)
		_exit(1);
	*(void **)&next = dlsym(RTLD_NEXT, "crypt_load");
	return next(cd, type, params);
}
