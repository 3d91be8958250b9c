/* vi: set sw=4 ts=4: */
/*
 * Which volumes to open, and how: crypttab(5), in systemd's and in Debian's
 * dialect. What the kernel's command line says comes on top: luksargs.c.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += volumes.o

#include "earlyboot.h"

enum {
	O_NOTHING,              /* asks for what happens here anyway */
	O_FLAG,                 /* CRYPT_ACTIVATE_* */
	O_YES,                  /* bool, with or without a value */
	O_NO,
	O_NUMBER,               /* uint32_t */
	O_SIZE,                 /* uint64_t */
	O_SLOT,                 /* int */
	O_TIME,                 /* uint32_t, seconds */
	O_HEADER,
	O_ECHO,
	O_IGNORED,              /* WHY it is understood and has no effect */
};

#define FIELD(f) offsetof(struct volume, f)

static const struct option {
	const char *name;       /* what follows "name=" is its value */
	uint8_t kind;
	uint16_t field;
	const char *same_as;    /* the name that it goes by */
	const char *why;
} known[] = {
	{ "luks",                    O_YES,  FIELD(luks) },
	{ "auto",                    O_NO,   FIELD(noauto) },
	{ "noauto",                  O_YES,  FIELD(noauto) },
	{ "nofail",                  O_YES,  FIELD(nofail) },
	{ "headless",                O_YES,  FIELD(headless) },
	{ "try-empty-password",      O_YES,  FIELD(try_empty) },
	{ "tries",                   O_NUMBER, FIELD(tries) },
	{ "timeout",                 O_TIME, FIELD(ask_timeout_s) },
	{ "x-systemd.device-timeout", O_TIME, FIELD(device_timeout_s) },
	{ "key-slot",                O_SLOT, FIELD(keyslot) },
	{ "keyslot",                 O_SLOT, FIELD(keyslot), "key-slot" },
	{ "keyfile-offset",          O_SIZE, FIELD(key_offset) },
	{ "keyfile-size",            O_NUMBER, FIELD(key_size) },
	{ "keyfile-timeout",         O_TIME, FIELD(key_timeout_s) },
	{ "header",                  O_HEADER },
	{ "discard",                 O_FLAG },
	{ "allow-discards",          O_FLAG, 0, "discard" },
	{ "readonly",                O_FLAG },
	{ "read-only",               O_FLAG, 0, "readonly" },
	{ "same-cpu-crypt",          O_FLAG },
	{ "submit-from-crypt-cpus",  O_FLAG },
	{ "no-read-workqueue",       O_FLAG },
	{ "perf-no_read_workqueue",  O_FLAG, 0, "no-read-workqueue" },
	{ "no-write-workqueue",      O_FLAG },
	{ "perf-no_write_workqueue", O_FLAG, 0, "no-write-workqueue" },
	{ "password-echo",           O_ECHO },
	/* Not LUKS, or a new key at each boot */
	{ "plain",                   O_YES,  FIELD(other_type) },
	{ "swap",                    O_YES,  FIELD(other_type) },
	{ "tmp",                     O_YES,  FIELD(other_type) },
	{ "tcrypt",                  O_YES,  FIELD(other_type) },
	{ "tcrypt-veracrypt",        O_YES,  FIELD(other_type) },
	{ "veracrypt",               O_YES,  FIELD(other_type) },
	{ "bitlk",                   O_YES,  FIELD(other_type) },
	{ "fvault2",                 O_YES,  FIELD(other_type) },
	/* A header of LUKS says these itself */
	{ "cipher" }, { "size" }, { "hash" }, { "sector-size" }, { "verify" },
	{ "initramfs" }, { "x-initrd.attach" }, { "_netdev" }, { "noearly" },
	{ "loud" }, { "quiet" }, { "defaults" }, { "none" }, { "-" },
	{ "check" }, { "checkargs" }, { "precheck" }, { "password-cache" },
	{ "keyscript", O_IGNORED, 0, NULL,
		"no script is given a passphrase here; a key on a device is \"PATH:DEVICE\" in place of the key file" },
	{ "keyfile-erase", O_IGNORED, 0, NULL, "the early root is not written to" },
	{ "tpm2-device", O_IGNORED, 0, NULL, "a passphrase or a key file it is" },
	{ "fido2-device", O_IGNORED, 0, NULL, "a passphrase or a key file it is" },
	{ "pkcs11-uri", O_IGNORED, 0, NULL, "a passphrase or a key file it is" },
};

static void say_on_stderr(const char *line)
{
	bb_simple_error_msg(line);
}

/* Where words about configuration go, a line each. One that begins with
 * "note: " is about no fault.
 */
void (*volumes_say)(const char *line) = say_on_stderr;

/* Says one line of that kind. */
void FAST_FUNC volumes_complain(const char *fmt, ...)
{
	char *line;
	va_list p;

	va_start(p, fmt);
	line = one_line(fmt, p);
	va_end(p);
	volumes_say(line);
	free(line);
}

/* Returns a volume with defaults. The strings are copied. */
struct volume* FAST_FUNC volume_new(const char *name, const char *spec, const char *origin)
{
	struct volume *v = xzalloc(sizeof(*v));

	v->name = xstrdup(name);
	v->spec = xstrdup(spec);
	v->origin = xstrdup(origin);
	v->keyslot = -1;
	v->attempt_fd = -1;
	v->key_timeout_s = KEY_TIMEOUT;
	return v;
}

/* Notes what was asked for. It takes the place of what the same option, the
 * part before '=', said before; with ORIGIN NULL nothing does.
 */
static void note_setting(struct volume *v, const char *text, const char *origin)
{
	unsigned len = strchrnul(text, '=') - text;
	struct setting **end, *s;

	for (end = &v->settings; (s = *end) != NULL; end = &s->next) {
		if (strncmp(s->text, text, len) == 0 && (s->text[len] == '=' || !s->text[len])) {
			*end = s->next;
			break;
		}
	}
	if (!origin)
		return;
	while (*end)
		end = &(*end)->next;
	s = *end = xzalloc(sizeof(*s));
	s->text = xstrdup(text);
	s->origin = xstrdup(origin);
}

/* Returns whether the device mapper takes NAME for a mapping, which is a node of
 * /dev/mapper then.
 */
bool FAST_FUNC volumes_is_name(const char *name)
{
	enum { DM_NAME_LEN = 128 };

	return *name && strlen(name) < DM_NAME_LEN && !strchr(name, '/') && !DOT_OR_DOTDOT(name)
		&& strcmp(name, "control") != 0;
}

/* Takes the device SPEC for that of V. */
void FAST_FUNC volume_set_device(struct volume *v, const char *spec, const char *origin)
{
	free(v->spec);
	v->spec = xstrdup(spec);
	free(v->origin);
	v->origin = xstrdup(origin);
}

/* Whether V was configured with the device SPEC, in either spelling of a UUID */
bool FAST_FUNC volume_has_spec(const struct volume *v, const char *spec)
{
	static const char by_uuid[] ALIGN1 = "/dev/disk/by-uuid/";
	const char *mine = is_prefixed_with(v->spec, by_uuid);
	const char *other = is_prefixed_with(spec, by_uuid);

	if (!mine)
		mine = is_prefixed_with(v->spec, "UUID=");
	if (!other)
		other = is_prefixed_with(spec, "UUID=");
	if (mine && other)
		return strcasecmp(mine, other) == 0;
	return strcmp(v->spec, spec) == 0;
}

/* Takes the key file KEY, "none" or "-": to ask. What is wrong is said. */
void FAST_FUNC volume_set_key(struct volume *v, const char *key, const char *origin)
{
	char *text;
	const char *why = NULL;

	memset(&v->key, 0, sizeof(v->key));
	if (strcmp(key, "none") != 0 && strcmp(key, "-") != 0)
		why = place_parse(&v->key, key);
	if (why) {
		volumes_complain("%s: key file '%s' of %s: %s; the passphrase is asked for",
			origin, key, v->name, why);
		return;
	}
	text = xasprintf("key file=%s", key);
	note_setting(v, text, v->key.text ? origin : NULL);
	free(text);
}

/* Returns whether TEXT is a truth value (NULL: yes) */
bool FAST_FUNC volumes_parse_bool(const char *text, bool *value)
{
	static const char words[] ALIGN1 =
		"1\0" "yes\0" "y\0" "true\0" "t\0" "on\0"
		"0\0" "no\0" "n\0" "false\0" "f\0" "off\0";
	int i = text ? index_in_strings(words, text) : 0;

	*value = (i < 6);
	return i >= 0;
}

static bool parse_number(const char *text, uint64_t max, uint64_t *value)
{
	if (!text || !isdigit(text[0]))
		return 0;
	*value = bb_strtoull(text, NULL, 10);
	return errno == 0 && *value <= max;
}

/* A time span as systemd writes it: "30", "90s", "1min30s", "infinity" */
static bool parse_time(const char *text, uint32_t *seconds)
{
	static const struct { char unit[8]; uint32_t s; } units[] = {
		{ "s", 1 }, { "sec", 1 }, { "second", 1 }, { "seconds", 1 }, { "", 1 },
		{ "m", 60 }, { "min", 60 }, { "minute", 60 }, { "minutes", 60 },
		{ "h", 3600 }, { "hr", 3600 }, { "hour", 3600 }, { "hours", 3600 },
	};
	uint64_t sum = 0;

	*seconds = 0;
	if (!text || !*text)
		return 0;
	if (strcmp(text, "infinity") == 0)
		return 1;
	while (*text) {
		char *end;
		uint64_t n;
		unsigned i, len;

		if (!isdigit(*text))
			return 0;
		n = strtoull(text, &end, 10);
		for (len = 0; isalpha(end[len]); len++)
			continue;
		for (i = 0; i < ARRAY_SIZE(units); i++) {
			if (strlen(units[i].unit) == len && strncmp(units[i].unit, end, len) == 0)
				break;
		}
		if (i == ARRAY_SIZE(units) || n > UINT32_MAX / 3600)
			return 0;
		sum += n * units[i].s;
		if (sum > INT_MAX)
			return 0;
		text = end + len;
	}
	*seconds = sum;
	return 1;
}

/* Returns NULL, or what is wrong with VALUE (NULL: there is none). */
static const char *set_value(struct volume *v, const struct option *o, const char *value)
{
	void *field = (char *)v + o->field;
	bool yes;
	uint64_t n;

	switch (o->kind) {
	case O_FLAG:
		if (value)
			return "it takes no value";
		v->activate_flags |= unlock_activate_flag(o->same_as ? o->same_as : o->name);
		break;
	case O_YES:
	case O_NO:
		if (!volumes_parse_bool(value, &yes))
			return "its value is neither yes nor no";
		*(bool *)field = (yes == (o->kind == O_YES));
		break;
	case O_NUMBER:
		if (!parse_number(value, UINT32_MAX, &n))
			return "its value is no number";
		*(uint32_t *)field = n;
		break;
	case O_SIZE:
		if (!parse_number(value, INT64_MAX, &n))
			return "its value is no number";
		*(uint64_t *)field = n;
		break;
	case O_SLOT:
		if (!parse_number(value, 31, &n))
			return "its value is no number of a key slot";
		*(int *)field = n;
		break;
	case O_TIME:
		if (!parse_time(value, field))
			return "its value is no time span";
		break;
	case O_HEADER:
		return place_parse(&v->header, value ? value : "");
	case O_ECHO:
		if (!volumes_parse_bool(value, &yes) || yes)
			return "not supported: nothing shows what is typed, or how much of it";
		break;
	case O_IGNORED:
		return o->why;
	}
	return NULL;
}

/* Sets one OPTION of crypttab(5). One that is not understood is said and left
 * out: the volume may open without it.
 */
void FAST_FUNC volume_set(struct volume *v, const char *option, const char *origin)
{
	unsigned len = strchrnul(option, '=') - option;
	const char *value = option[len] ? option + len + 1 : NULL;
	const struct option *o = known;
	const char *why;
	char *text;

	while (strncmp(o->name, option, len) != 0 || o->name[len]) {
		if (++o == known + ARRAY_SIZE(known)) {
			volumes_complain("%s: option '%s' of %s is not understood and is left out",
				origin, option, v->name);
			return;
		}
	}
	why = set_value(v, o, value);
	if (why) {
		volumes_complain("%s: option '%s' of %s is left out: %s", origin, option, v->name, why);
		return;
	}
	text = xasprintf("%s%s", o->same_as ? o->same_as : o->name, option + len);
	note_setting(v, text, origin);
	free(text);
}

/* Sets the comma-separated OPTIONS. */
void FAST_FUNC volume_set_options(struct volume *v, const char *options, const char *origin)
{
	char *copy = xstrdup(options), *rest = copy, *option;

	while ((option = strsep(&rest, ",")) != NULL) {
		if (*option)
			volume_set(v, option, origin);
	}
	free(copy);
}

static bool is_random(const char *path)
{
	return path && (strcmp(path, "/dev/urandom") == 0 || strcmp(path, "/dev/random") == 0
		|| strcmp(path, "/dev/hw_random") == 0);
}

/* One line: NAME DEVICE [KEYFILE [OPTIONS]]. Returns NULL where there is
 * nothing to open; what is wrong has been said.
 */
static struct volume *parse_line(char **field, const char *origin)
{
	struct volume *v;
	char *more;

	fstab_unescape(field[0]);
	if (!field[1]) {
		volumes_complain("%s: '%s' has no device; the line is left out", origin, field[0]);
		return NULL;
	}
	if (!volumes_is_name(field[0])) {
		volumes_complain("%s: '%s' is no name of a mapping; the line is left out", origin, field[0]);
		return NULL;
	}
	v = volume_new(field[0], fstab_unescape(field[1]), origin);
	if (field[2] && is_random(field[2]))
		v->other_type = 1;
	else
		volume_set_key(v, field[2] ? fstab_unescape(field[2]) : "none", origin);
	if (field[3]) {
		more = field[3] + strcspn(field[3], " \t");
		if (*more) {
			*more++ = '\0';
			more = skip_whitespace(more);
			if (*more != '#')
				volumes_complain("%s: '%s' behind the options is left out", origin, more);
		}
		volume_set_options(v, fstab_unescape(field[3]), origin);
	}
	if (v->other_type && (!v->luks || is_random(field[2]))) {
		volumes_complain("%s: %s is not LUKS; the line is left out", origin, v->name);
		return NULL;
	}
	/* It may hold the image that the machine hibernated to */
	if (v->other_type)
		volumes_complain("note: %s: %s is opened, and no swap area is made in it", origin, v->name);
	return v;
}

/* Reads all volumes of the file CRYPTTAB, in its order; "noauto" is a field of
 * theirs. A file that is not there names none; one that can't be read is the end.
 */
struct volume* FAST_FUNC volumes_read(const char *crypttab)
{
	struct volume *list = NULL, **end = &list;
	char *field[4];
	parser_t *parser = config_open2(crypttab, fopen_for_read);

	if (!parser)
		return NULL;
	/* A '#' begins a comment where a word begins; inside of one it is a letter. */
	while (config_read(parser, field, 4, 1, "# \t", PARSE_NORMAL & ~PARSE_EOL_COMMENTS)) {
		char *origin = xasprintf("%s:%d", crypttab, parser->lineno);
		struct volume *v = parse_line(field, origin), *other;

		for (other = list; v && other; other = other->next) {
			if (strcmp(other->name, v->name) == 0) {
				volumes_complain("%s: '%s' was named before; the line is left out", origin, v->name);
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
	/* a bad block looks like the end of the file; who goes on would wait for
	 * volumes that nobody opens */
	if (ferror(parser->fp))
		bb_error_msg_and_die("%s can't be read to its end", crypttab);
	config_close(parser);
	return list;
}
