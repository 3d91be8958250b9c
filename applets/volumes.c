/* vi: set sw=4 ts=4: */
/*
 * Which volumes to open: crypttab(5).
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += volumes.o

#include "earlyboot.h"

/* Options that ask for what happens here anyway */
static const char accepted[] ALIGN1 =
	"luks\0" "initramfs\0" "x-initrd.attach\0" "auto\0" "loud\0"
	"defaults\0" "none\0" "-\0";

/* Options of volumes that are not LUKS, or have a new key at each boot */
static const char not_luks[] ALIGN1 =
	"plain\0" "swap\0" "tmp\0" "tcrypt\0" "bitlk\0";

/* Returns a volume with defaults. The strings are copied. */
struct volume* FAST_FUNC volume_new(const char *name, const char *spec, const char *origin)
{
	struct volume *v = xzalloc(sizeof(*v));

	v->name = xstrdup(name);
	v->spec = xstrdup(spec);
	v->origin = xstrdup(origin);
	v->keyslot = -1;
	return v;
}

static bool number(const char *text, int *value)
{
	*value = bb_strtou(text, NULL, 10);
	return errno == 0 && *value >= 0;
}

static bool set_option(struct volume *v, const char *option)
{
	const char *value;
	uint32_t flag = unlock_activate_flag(option);
	int n;

	if (flag) {
		v->activate_flags |= flag;
		return 1;
	}
	if (index_in_strings(accepted, option) >= 0)
		return 1;
	if (strcmp(option, "nofail") == 0) {
		v->nofail = 1;
		return 1;
	}
	value = is_prefixed_with(option, "tries=");
	if (value && number(value, &n)) {
		v->tries = n;
		return 1;
	}
	value = is_prefixed_with(option, "key-slot=");
	if (!value)
		value = is_prefixed_with(option, "keyslot=");
	if (value && number(value, &n)) {
		v->keyslot = n;
		return 1;
	}
	return 0;
}

/* Takes over the comma-separated OPTIONS, which are changed. One that is not
 * understood is said and left out: the volume may open without it.
 */
void FAST_FUNC volume_set_options(struct volume *v, char *options)
{
	char *option;

	while ((option = strsep(&options, ",")) != NULL) {
		if (*option && !set_option(v, option))
			bb_error_msg("%s: option '%s' of %s is not understood and is left out",
				v->origin, option, v->name);
	}
}

/* Whether OPTIONS has one of LIST, without a change of it */
static bool has_option(const char *options, const char *list)
{
	while (*options) {
		unsigned len = strcspn(options, ",");
		char *option = xstrndup(options, len);
		bool yes = index_in_strings(list, option) >= 0;

		free(option);
		if (yes)
			return 1;
		options += len + (options[len] == ',');
	}
	return 0;
}

/* One line: NAME DEVICE [KEYFILE [OPTIONS]]. Returns NULL where there is
 * nothing to open; what is wrong has been said.
 */
static struct volume *parse_line(char **field, const char *origin)
{
	const char *keyfile = field[2] ? field[2] : "none";
	struct volume *v;

	if (!field[1]) {
		bb_error_msg("%s: '%s' has no device; the line is left out", origin, field[0]);
		return NULL;
	}
	if (strchr(field[0], '/')) {
		bb_error_msg("%s: '%s' is no name of a mapping; the line is left out", origin, field[0]);
		return NULL;
	}
	if (field[3] && has_option(field[3], "noauto\0"))
		return NULL;
	if (field[3] && has_option(field[3], not_luks)) {
		bb_error_msg("%s: %s is not LUKS; the line is left out", origin, field[0]);
		return NULL;
	}
	v = volume_new(field[0], field[1], origin);
	if (strcmp(keyfile, "none") != 0 && strcmp(keyfile, "-") != 0)
		v->keyfile = xstrdup(keyfile);
	if (field[3])
		volume_set_options(v, field[3]);
	return v;
}

/* Reads all volumes of the file CRYPTTAB, in its order. A file that is not
 * there names none.
 */
struct volume* FAST_FUNC volumes_read(const char *crypttab)
{
	struct volume *list = NULL, **end = &list;
	char *field[4];
	parser_t *parser = config_open2(crypttab, fopen_for_read);

	if (!parser)
		return NULL;
	while (config_read(parser, field, 4, 1, "# \t", PARSE_NORMAL)) {
		char *origin = xasprintf("%s:%d", crypttab, parser->lineno);
		struct volume *v = parse_line(field, origin), *other;

		for (other = list; v && other; other = other->next) {
			if (strcmp(other->name, v->name) == 0) {
				bb_error_msg("%s: '%s' was named before; the line is left out", origin, v->name);
				v = NULL;
				break;
			}
		}
		free(origin);
		if (v) {
			*end = v;
			end = &v->next;
		}
	}
	config_close(parser);
	return list;
}
