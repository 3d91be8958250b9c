/* vi: set sw=4 ts=4: */
/*
 * A message in one line.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += oneline.o
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += oneline.o

#include "earlyboot.h"

/* Returns the message, allocated. What it quotes of a configuration, a fragment
 * or a library must not make it more than a line, or move the cursor of who
 * reads it: control characters become '?'.
 */
char* FAST_FUNC one_line(const char *fmt, va_list p)
{
	char *text, *c;

	if (vasprintf(&text, fmt, p) < 0)
		bb_die_memory_exhausted();
	for (c = text; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	return text;
}
