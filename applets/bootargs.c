/* vi: set sw=4 ts=4: */
/*
 * The one reader of the kernel command line.
 *
 * The kernel puts NAME=VALUE into init's environment and single words into
 * its arguments, but drops names with a dot and all that its own drivers
 * took. So what is ours is read from /proc/cmdline, and what is the real
 * init's is taken from our own arguments.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += bootargs.o
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += bootargs.o
//kbuild:lib-$(CONFIG_PIVOTBOOT) += bootargs.o

#include "earlyboot.h"

/* Ends one word in place and returns what follows it. Quoting is the
 * kernel's (lib/cmdline.c): only '"', anywhere in the word; the pair is
 * taken away where it is around the whole word or around the value.
 */
static char *next_word(char *word, char **name, char **value)
{
	bool in_quote = 0, whole = 0;
	char *equals = NULL, *p;

	if (*word == '"') {
		word++;
		in_quote = whole = 1;
	}
	for (p = word; *p; p++) {
		if (isspace(*p) && !in_quote)
			break;
		if (*p == '=' && !equals)
			equals = p;
		if (*p == '"')
			in_quote ^= 1;
	}

	*name = word;
	*value = NULL;
	if (whole && p > word && p[-1] == '"')
		p[-1] = '\0';
	if (equals) {
		*equals = '\0';
		*value = equals + 1;
		if (equals[1] == '"') {
			(*value)++;
			if (p - 1 > equals + 1 && p[-1] == '"')
				p[-1] = '\0';
		}
	}
	if (*p)
		*p++ = '\0';
	return skip_whitespace(p);
}

/* Parses LINE, which is changed and must live as long as the result.
 * Words behind a lone "--" are the real init's and are left out.
 * Returns an allocated array that a NULL name ends.
 */
struct bootarg* FAST_FUNC bootargs_parse(char *line)
{
	struct bootarg *args = NULL;
	unsigned n = 0;
	char *name, *value;

	line = skip_whitespace(line);
	while (*line) {
		line = next_word(line, &name, &value);
		if (!value && strcmp(name, "--") == 0)
			break;
		args = xrealloc_vector(args, 3, n);
		args[n].name = name;
		args[n].value = value;
		n++;
	}
	return xrealloc_vector(args, 3, n);
}

/* Reads /proc/cmdline. Where there is none, the array is empty. */
struct bootarg* FAST_FUNC bootargs_read(void)
{
	char *line = xmalloc_open_read_close("/proc/cmdline", NULL);

	return bootargs_parse(line ? line : xzalloc(1));
}

/* Returns the value of the last NAME, as the kernel lets the last one win;
 * "" for a word without a value; NULL where there is none.
 */
const char* FAST_FUNC bootargs_get(const struct bootarg *args, const char *name)
{
	const char *value = NULL;

	for (; args->name; args++) {
		if (strcmp(args->name, name) == 0)
			value = args->value ? args->value : "";
	}
	return value;
}
