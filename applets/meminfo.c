/* vi: set sw=4 ts=4: */
/*
 * What memory there is for the derivation of a key.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += meminfo.o
//kbuild:lib-$(CONFIG_LUKSENCRYPT) += meminfo.o

#include "earlyboot.h"

/* Returns what the machine has left, in KiB; UINT_MAX where /proc does not say. */
unsigned FAST_FUNC meminfo_available_kib(void)
{
	unsigned kib = UINT_MAX;
	char *line;
	FILE *f = fopen_for_read("/proc/meminfo");

	while (f && kib == UINT_MAX && (line = xmalloc_fgetline(f)) != NULL) {
		const char *value = is_prefixed_with(line, "MemAvailable:");

		if (value)
			kib = strtoul(value, NULL, 10);
		free(line);
	}
	if (f)
		fclose(f);
	return kib;
}
