/* vi: set sw=4 ts=4: */
/*
 * The entries of the boot loader: extlinux.conf of a boot device.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += bootentry.o

#include "bootcheck.h"

/* The line's first word in lower case, ended in place; *REST is what follows */
static char *keyword(char *line, char **rest)
{
	char *p;

	line = skip_whitespace(line);
	for (p = line; *p && !isspace(*p); p++)
		*p = tolower(*p);
	if (*p)
		*p++ = '\0';
	*rest = skip_whitespace(p);
	p = *rest + strlen(*rest);
	while (p > *rest && isspace(p[-1]))
		*--p = '\0';
	return line;
}

/* What is read of a configuration, over all files that it includes */
struct reader {
	struct bootentry *list;
	struct bootentry **end;
	struct bootentry *e;    /* the entry of the line; NULL: none yet */
	char *global;           /* APPEND before the first label */
	char *named;            /* DEFAULT's words */
	char *on_timeout;       /* ONTIMEOUT's */
	bool menu;              /* UI */
	bool prompt;
	unsigned depth;         /* of files that include files */
};

static void read_file(struct reader *r, const char *name);

/* One line of the configuration */
static void take_line(struct reader *r, const char *word, const char *rest)
{
	struct bootentry *e = r->e;

	if (strcmp(word, "label") == 0) {
		e = r->e = *r->end = xzalloc(sizeof(*e));
		r->end = &e->next;
		e->label = xstrdup(rest);
	} else if (strcmp(word, "default") == 0) {
		r->named = xstrdup(rest);
	} else if (strcmp(word, "ontimeout") == 0) {
		r->on_timeout = xstrdup(rest);
	} else if (strcmp(word, "prompt") == 0) {
		r->prompt = (rest[0] != '0');
	} else if (strcmp(word, "ui") == 0) {
		r->menu = 1;
	} else if (strcmp(word, "append") == 0) {
		/* before the first label it is for all that have none */
		if (e)
			e->append = xstrdup(rest);
		else
			r->global = xstrdup(rest);
	} else if (strcmp(word, "include") == 0) {
		read_file(r, rest);
	} else if (e && (strcmp(word, "kernel") == 0 || strcmp(word, "linux") == 0)) {
		e->kernel = xstrdup(rest);
	} else if (e && strcmp(word, "initrd") == 0) {
		e->initrd = 1;
	} else if (strcmp(word, "menu") == 0) {
		if (e && strncasecmp(rest, "default", 7) == 0)
			e->is_default = 1;
		else if (strncasecmp(rest, "include", 7) == 0 && isspace(rest[7]))
			read_file(r, skip_whitespace(rest + 7));
	}
}

/* NAME is a path in the early root, or beside extlinux.conf. */
static void read_file(struct reader *r, const char *name)
{
	char *path = *name == '/' ? xstrdup(name) : xasprintf("/extlinux/%s", name);
	char *line, *rest, *word, *real;
	bool text = 0;
	FILE *f;

	/* behind the file of "MENU INCLUDE" may be a tag */
	path[strcspn(path, " \t")] = '\0';
	real = in_root(path);
	f = r->depth < 16 ? fopen_for_read(real) : NULL;
	if (!f && r->depth)
		note("%s is included by extlinux.conf, and can't be read", path);
	r->depth++;
	while (f && (line = xmalloc_fgetline(f)) != NULL) {
		word = keyword(line, &rest);
		if (strcmp(word, "text") == 0 || strcmp(word, "endtext") == 0)
			text = (word[0] == 't');
		else if (!text) /* else it is help for the reader of the menu */
			take_line(r, word, rest);
		free(line);
	}
	r->depth--;
	if (f)
		fclose(f);
	free(real);
	free(path);
}

/* The command WORDS are what is typed at extlinux's prompt: a label, or else a
 * file, and more kernel arguments.
 */
static void mark_default(struct reader *r, char *words)
{
	struct bootentry *e;
	char *more = words + strcspn(words, " \t");

	if (*more)
		*more++ = '\0';
	for (e = r->list; e && strcmp(e->label, words) != 0; e = e->next)
		continue;
	if (!e && *words) {
		e = *r->end = xzalloc(sizeof(*e));
		e->label = e->kernel = words;
		e->append = r->global ? r->global : xstrdup("");
		e->is_file = 1;
	}
	if (e) {
		e->is_default = 1;
		e->append = xasprintf("%s %s", e->append, more);
	}
}

/* Reads the extlinux.conf of the boot device that -R named. Returns its entries
 * in their order, the one that is booted by itself marked as the default; NULL:
 * there are none.
 */
struct bootentry* FAST_FUNC bootentries_read(void)
{
	struct bootentry *e;
	struct reader r;
	char *words;

	memset(&r, 0, sizeof(r));
	r.end = &r.list;
	read_file(&r, "extlinux.conf");
	words = r.on_timeout && (r.menu || r.prompt) ? r.on_timeout : r.named;
	for (e = r.list; e; e = e->next) {
		if (!e->append)
			e->append = r.global ? r.global : xstrdup("");
		if (words || !r.menu)
			e->is_default = 0;
	}
	if (words)
		mark_default(&r, words);
	for (e = r.list; e; e = e->next) {
		if (is_prefixed_with(e->append, "initrd=") || strstr(e->append, " initrd="))
			e->initrd = 1;
	}
	/* the menu stands on the first; without one extlinux waits at its prompt */
	if (r.list && r.menu && !bootentry_default(r.list))
		r.list->is_default = 1;
	return r.list;
}

/* Returns the default entry of LIST; NULL: it is none of these. */
struct bootentry* FAST_FUNC bootentry_default(struct bootentry *list)
{
	while (list && !list->is_default)
		list = list->next;
	return list;
}

/* Returns the kernel arguments of E (NULL: none). */
struct bootarg* FAST_FUNC bootentry_args(const struct bootentry *e)
{
	return bootargs_parse(xstrdup(e ? e->append : ""));
}
