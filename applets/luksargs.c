/* vi: set sw=4 ts=4: */
/*
 * What the kernel's command line says of LUKS volumes: the words of systemd
 * and dracut (rd.luks.*), and by one table those of Arch, genkernel, Debian
 * and Alpine, so that a loader entry can stay as it is.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += luksargs.o

#include "earlyboot.h"

/* The words are gone through more than once: what names volumes comes before
 * what is said of all of them, and that before what is said of one.
 */
enum { VOLUMES, OF_ALL, OF_ONE, PASSES };

struct merge {
	struct volume *list;
	const struct bootarg *args;
	int pass;
	const char *name;       /* of the word at hand, "rd." taken off */
	const char *value;      /* NULL: it has none */
	char *origin;           /* the whole word */
};

/* --- finding --- */

static struct volume *by_name(struct merge *m, const char *name)
{
	struct volume *v = m->list;

	while (v && strcmp(v->name, name) != 0)
		v = v->next;
	return v;
}

static struct volume *by_spec(struct merge *m, const char *spec)
{
	struct volume *v = m->list;

	while (v && !volume_has_spec(v, spec))
		v = v->next;
	return v;
}

static struct volume *add(struct merge *m, const char *name, const char *spec)
{
	struct volume **end = &m->list;

	while (*end)
		end = &(*end)->next;
	return *end = volume_new(name, spec, m->origin);
}

static void not_understood(struct merge *m, const char *why)
{
	volumes_complain("%s: %s; it is left out", m->origin, why);
}

/* The volume NAME, on the device SPEC: a new one, or that of crypttab with
 * this name or device. Named here, it is opened, noauto or not. NULL where it
 * can be none; why is said.
 */
static struct volume *take(struct merge *m, const char *name, const char *spec)
{
	struct volume *v = by_name(m, name);
	struct volume *same = by_spec(m, spec);

	if (!volumes_is_name(name)) {
		not_understood(m, "that is no name of a mapping");
		return NULL;
	}
	if (!*spec) {
		not_understood(m, "it names no device");
		return NULL;
	}
	if (v && same && v != same) {
		struct volume **p = &m->list;

		volumes_complain("note: %s: it takes the place of %s of %s", m->origin, v->name, v->origin);
		while (*p != v)
			p = &(*p)->next;
		*p = v->next;
		v = same;
	} else if (!v) {
		v = same;
	}
	if (!v)
		return add(m, name, spec);
	free(v->name);
	v->name = xstrdup(name);
	volume_set_device(v, spec, m->origin);
	v->noauto = 0;
	return v;
}

/* --- rd.luks.* --- */

/* The length of the LUKS UUID at TEXT, with what precedes it in
 * "luks-UUID" or in "UUID=UUID", or 0
 */
static unsigned uuid_length(const char *text, const char **uuid)
{
	unsigned i;

	*uuid = is_prefixed_with(text, "luks-");
	if (!*uuid)
		*uuid = is_prefixed_with(text, "UUID=");
	if (!*uuid)
		*uuid = text;
	for (i = 0; i < 36; i++) {
		char c = (*uuid)[i];

		if (i == 8 || i == 13 || i == 18 || i == 23 ? c != '-' : !isxdigit(c))
			return 0;
	}
	return *uuid - text + i;
}

/* "UUID=REST": returns REST and makes *SPEC of the UUID (allocated); NULL
 * where it is not of this form.
 */
static const char *split_uuid(const char *value, char **spec)
{
	const char *uuid;
	unsigned len = uuid_length(value, &uuid);

	*spec = NULL;
	if (!len || value[len] != '=')
		return NULL;
	*spec = xasprintf("UUID=%.36s", uuid);
	return value + len + 1;
}

static void luks_uuid(struct merge *m)
{
	const char *uuid;
	unsigned len = uuid_length(m->value, &uuid);
	struct volume *v;
	char *spec, *name;

	if (!len || m->value[len]) {
		not_understood(m, "that is no UUID of LUKS");
		return;
	}
	spec = xasprintf("UUID=%s", uuid);
	name = xasprintf("luks-%s", uuid);
	v = by_spec(m, spec);
	/* crypttab may know the device by another name than its UUID */
	if (!v)
		v = by_name(m, name);
	if (v)
		v->noauto = 0;
	else
		add(m, name, spec);
	free(spec);
	free(name);
}

static void luks_name(struct merge *m)
{
	char *spec;
	const char *name = split_uuid(m->value, &spec);

	if (!name || !volumes_is_name(name))
		not_understood(m, "wanted is UUID=NAME");
	else
		take(m, name, spec);
	free(spec);
}

/* What VALUE says in pass OF_ONE of the volume whose UUID it begins with, and
 * in pass OF_ALL of all volumes. Returns the rest of VALUE, or NULL where it
 * has nothing to say now. *V is the one volume, or NULL: all.
 */
static const char *whose(struct merge *m, struct volume **v)
{
	char *spec;
	const char *rest = split_uuid(m->value, &spec);

	*v = NULL;
	if ((rest != NULL) != (m->pass == OF_ONE))
		return NULL;
	if (!rest)
		return m->value;
	*v = by_spec(m, spec);
	if (!*v) {
		not_understood(m, "no volume has this UUID");
		rest = NULL;
	}
	free(spec);
	return rest;
}

static void luks_options(struct merge *m)
{
	struct volume *one, *v;
	const char *options = whose(m, &one);

	if (!options)
		return;
	for (v = one ? one : m->list; v; v = one ? NULL : v->next)
		volume_set_options(v, options, m->origin);
}

static void set_all(struct merge *m, const char *option)
{
	struct volume *v;
	char *text = xasprintf("%s=%s", option, m->value);

	for (v = m->list; v; v = v->next)
		volume_set(v, text, m->origin);
	free(text);
}

static void luks_timeout(struct merge *m)
{
	set_all(m, "timeout");
}

static void luks_key_tout(struct merge *m)
{
	set_all(m, "keyfile-timeout");
}

static void luks_discards(struct merge *m)
{
	const char *uuid;
	struct volume *v;
	char *spec = NULL;
	unsigned len = m->value ? uuid_length(m->value, &uuid) : 0;

	if (len)
		spec = xasprintf("UUID=%.36s", uuid);
	for (v = m->list; v; v = v->next) {
		if (spec ? volume_has_spec(v, spec) : !m->value || strcmp(m->value, "1") == 0)
			volume_set(v, "discard", m->origin);
	}
	free(spec);
}

/* dracut's PATH:KEYDEV:LUKSDEV. Returns the volume LUKSDEV and takes it off
 * TEXT; *MISSING: there is no such volume.
 */
static struct volume *cut_luksdev(struct merge *m, char *text, bool *missing)
{
	struct volume *v = NULL;
	char *colon = strrchr(text, ':');
	const char *uuid;
	char *spec;
	unsigned len;

	*missing = 0;
	if (!colon || colon == strchr(text, ':'))
		return NULL;
	len = uuid_length(colon + 1, &uuid);
	if (!len && !devspec_is_device(colon + 1))
		return NULL;
	spec = len ? xasprintf("UUID=%.36s", uuid) : xstrdup(colon + 1);
	v = by_spec(m, spec);
	*missing = !v;
	*colon = '\0';
	/* "PATH::LUKSDEV" */
	if (colon[-1] == ':')
		colon[-1] = '\0';
	free(spec);
	return v;
}

static void luks_key(struct merge *m)
{
	struct volume *one, *v;
	const char *value = whose(m, &one);
	char *key;
	bool missing = 0;

	if (!value)
		return;
	key = xstrdup(value);
	if (!one)
		one = cut_luksdev(m, key, &missing);
	if (missing)
		not_understood(m, "no volume has this device");
	else if (one)
		volume_set_key(one, key, m->origin);
	else {
		/* a key for all is for those that have none of their own */
		for (v = m->list; v; v = v->next) {
			if (!v->key.text)
				volume_set_key(v, key, m->origin);
		}
	}
	free(key);
}

static void luks_header(struct merge *m)
{
	struct volume *one, *v;
	const char *value = whose(m, &one);
	char *option;

	if (!value)
		return;
	option = xasprintf("header=%s", value);
	for (v = one ? one : m->list; v; v = one ? NULL : v->next) {
		if (one || !v->header.text)
			volume_set(v, option, m->origin);
	}
	free(option);
}

static void luks_data(struct merge *m)
{
	struct volume *v;
	const char *device = whose(m, &v);

	if (device && (m->pass == OF_ALL || !*device))
		not_understood(m, "wanted is UUID=DEVICE");
	else if (device)
		volume_set_device(v, device, m->origin);
}

/* --- Arch --- */

/* DEVICE:NAME[:OPTIONS] */
static void cryptdevice(struct merge *m)
{
	char *copy = xstrdup(m->value), *rest = copy;
	char *spec = strsep(&rest, ":");
	char *name = strsep(&rest, ":");
	struct volume *v;

	v = take(m, name && *name ? name : "root", spec);
	if (v && rest)
		volume_set_options(v, rest, m->origin);
	free(copy);
}

/* The volume that the word's own dialect has named, else the only one there is */
static struct volume *volume_of(struct merge *m, const char *word)
{
	struct volume *v;

	for (v = m->list; v; v = v->next) {
		const char *rest = is_prefixed_with(v->origin, word);

		if (rest && *rest == '=')
			return v;
	}
	return m->list && !m->list->next ? m->list : NULL;
}

static struct volume *arch_or_alpine(struct merge *m)
{
	struct volume *v = volume_of(m, "cryptdevice");

	if (!v)
		v = volume_of(m, "cryptroot");
	if (!v)
		not_understood(m, "there is no cryptdevice= or cryptroot= whose it is");
	return v;
}

static void set_number(struct merge *m, struct volume *v, const char *option, const char *number)
{
	char *text = xasprintf("%s=%s", option, number);

	volume_set(v, text, m->origin);
	free(text);
}

/* Arch: DEVICE:FSTYPE:PATH, DEVICE:OFFSET:SIZE or rootfs:PATH; Alpine: PATH or
 * PATH:OFFSET:SIZE, or "yes" for the file that its installer makes
 */
static void cryptkey(struct merge *m)
{
	struct volume *v = arch_or_alpine(m);
	char *copy, *rest, *first, *second;

	if (!v)
		return;
	copy = rest = xstrdup(m->value);
	first = strsep(&rest, ":");
	second = strsep(&rest, ":");
	if (is_prefixed_with(first, "EXEC=")) {
		not_understood(m, "no command is run for a key");
	} else if (strcmp(first, "yes") == 0) {
		volume_set_key(v, "/crypto_keyfile.bin", m->origin);
	} else if (!second) {
		volume_set_key(v, first, m->origin);
	} else if (!rest) {
		volume_set_key(v, strcmp(first, "rootfs") == 0 ? second : m->value, m->origin);
	} else if (isdigit(second[0])) {
		volume_set_key(v, first, m->origin);
		set_number(m, v, "keyfile-offset", second);
		set_number(m, v, "keyfile-size", rest);
	} else {
		/* the file system's type is found out */
		char *key = xasprintf("%s%s:%s", rest[0] == '/' ? "" : "/", rest, first);

		volume_set_key(v, key, m->origin);
		free(key);
	}
	free(copy);
}

static void arch_crypto(struct merge *m)
{
	not_understood(m, "that is for volumes without a LUKS header");
}

/* --- genkernel --- */

static void crypt_root(struct merge *m)
{
	take(m, "root", m->value);
}

static void crypt_swap(struct merge *m)
{
	take(m, "swap", m->value);
}

/* root_key=, swap_header= and so on: what comes before '_' names the volume,
 * which may be one of crypttab
 */
static struct volume *of_prefix(struct merge *m)
{
	bool root = (m->name[0] == 'r');
	struct volume *v = by_name(m, root ? "root" : "swap");

	if (!v)
		not_understood(m, root ? "there is no crypt_root= whose it is"
			: "there is no crypt_swap= whose it is");
	return v;
}

/* What cryptsetup(8) is to be told besides: "--allow-discards,--..." */
static void crypt_options(struct merge *m, const char *name)
{
	struct volume *v = by_name(m, name);
	char *copy = xstrdup(m->value), *rest = copy, *option;

	if (!v)
		not_understood(m, "there is no volume whose it is");
	while (v && (option = strsep(&rest, ", ")) != NULL) {
		const char *bare = is_prefixed_with(option, "--");

		if (*option)
			volume_set(v, bare ? bare : option, m->origin);
	}
	free(copy);
}

static void crypt_root_options(struct merge *m)
{
	crypt_options(m, "root");
}

static void crypt_swap_options(struct merge *m)
{
	crypt_options(m, "swap");
}

/* "PATH", or "PATH:DEVICE" where the word DEVICE_WORD of root or swap has one */
static char *with_device(struct merge *m, const char *device_word)
{
	char *word = xasprintf("%.4s_%s", m->name, device_word);
	const char *device = bootargs_get(m->args, word);
	char *text = xasprintf("%s%s%s%s", m->value[0] == '/' ? "" : "/", m->value,
			device ? ":" : "", device ? device : "");

	free(word);
	return text;
}

static void prefix_key(struct merge *m)
{
	struct volume *v = of_prefix(m);
	char *key;

	if (!v)
		return;
	if (is_suffixed_with(m->value, ".gpg")) {
		not_understood(m, "a key file that GnuPG has encrypted is not read");
		return;
	}
	key = with_device(m, "keydev");
	volume_set_key(v, key, m->origin);
	free(key);
}

static void prefix_header(struct merge *m)
{
	struct volume *v = of_prefix(m);
	char *header, *option;

	if (!v)
		return;
	header = with_device(m, "headerdev");
	option = xasprintf("header=%s", header);
	volume_set(v, option, m->origin);
	free(header);
	free(option);
}

static void prefix_trim(struct merge *m)
{
	struct volume *v = of_prefix(m);
	bool yes;

	if (!volumes_parse_bool(m->value, &yes))
		not_understood(m, "its value is neither yes nor no");
	else if (v && yes)
		volume_set(v, "discard", m->origin);
}

/* --- Debian --- */

/* The value of NAME= among the comma-separated OPTIONS, allocated, or NULL */
static char *option_value(const char *options, const char *name)
{
	while (*options) {
		unsigned len = strcspn(options, ",");
		const char *value = is_prefixed_with(options, name);

		if (value && *value == '=')
			return xstrndup(value + 1, options + len - value - 1);
		options += len + (options[len] == ',');
	}
	return NULL;
}

/* Those of cryptopts= that are not the volume's own */
static bool is_cryptopt(const char *option)
{
	return is_prefixed_with(option, "source=") || is_prefixed_with(option, "target=")
		|| is_prefixed_with(option, "lvm=")
		|| strcmp(option, "rootdev") == 0 || strcmp(option, "resumedev") == 0;
}

/* cryptopts=target=NAME,source=DEVICE,key=FILE,OPTION... */
static void cryptopts(struct merge *m)
{
	char *copy = xstrdup(m->value), *rest = copy, *option;
	char *source = option_value(m->value, "source");
	char *target = option_value(m->value, "target");
	struct volume *v = NULL;

	if (source)
		v = take(m, target ? target : "cryptroot", source);
	else
		not_understood(m, "it has no source=");
	while (v && (option = strsep(&rest, ",")) != NULL) {
		const char *key = is_prefixed_with(option, "key=");

		if (key)
			volume_set_key(v, key, m->origin);
		else if (*option && !is_cryptopt(option))
			volume_set(v, option, m->origin);
	}
	free(copy);
	free(source);
	free(target);
}

/* --- Alpine --- */

static void cryptroot(struct merge *m)
{
	const char *name = bootargs_get(m->args, "cryptdm");

	take(m, name && *name ? name : "root", m->value);
}

static void cryptheader(struct merge *m)
{
	struct volume *v = arch_or_alpine(m);

	if (v)
		set_number(m, v, "header", m->value);
}

static void cryptdiscards(struct merge *m)
{
	struct volume *v = arch_or_alpine(m);
	bool yes;

	if (!volumes_parse_bool(m->value, &yes))
		not_understood(m, "its value is neither yes nor no");
	else if (v && yes)
		volume_set(v, "discard", m->origin);
}

static void cryptoffset(struct merge *m)
{
	not_understood(m, "where the data begins is said by the header");
}

/* --- the table --- */

enum { SYSTEMD, ARCH, GENKERNEL, DEBIAN, ALPINE, NO_DIALECT };

static const char *const dialects[] = {
	"systemd", "Arch", "genkernel", "Debian", "Alpine"
};

/* The passes are those in which a word has its say; one without a function is
 * part of another word's.
 */
static const struct word {
	const char *name;
	uint8_t dialect;
	uint8_t passes;
	void (*act)(struct merge *m);
	bool bare;              /* it can do without a value */
} words[] = {
	{ "luks",                 SYSTEMD, 0 },
	{ "luks.crypttab",        SYSTEMD, 0 },
	{ "luks.uuid",            SYSTEMD, 1 << VOLUMES, luks_uuid },
	{ "luks.name",            SYSTEMD, 1 << VOLUMES, luks_name },
	{ "luks.options",         SYSTEMD, 1 << OF_ALL | 1 << OF_ONE, luks_options },
	{ "luks.timeout",         SYSTEMD, 1 << OF_ALL, luks_timeout },
	{ "luks.key.tout",        SYSTEMD, 1 << OF_ALL, luks_key_tout },
	{ "luks.allow-discards",  SYSTEMD, 1 << OF_ALL, luks_discards, 1 },
	{ "luks.key",             SYSTEMD, 1 << OF_ALL | 1 << OF_ONE, luks_key },
	{ "luks.header",          SYSTEMD, 1 << OF_ALL | 1 << OF_ONE, luks_header },
	{ "luks.data",            SYSTEMD, 1 << OF_ALL | 1 << OF_ONE, luks_data },
	{ "cryptdevice",          ARCH, 1 << VOLUMES, cryptdevice },
	{ "cryptkey",             NO_DIALECT, 1 << OF_ONE, cryptkey },
	{ "crypto",               ARCH, 1 << OF_ONE, arch_crypto },
	{ "crypt_root",           GENKERNEL, 1 << VOLUMES, crypt_root },
	{ "crypt_swap",           GENKERNEL, 1 << VOLUMES, crypt_swap },
	{ "crypt_root_options",   GENKERNEL, 1 << OF_ONE, crypt_root_options },
	{ "crypt_swap_options",   GENKERNEL, 1 << OF_ONE, crypt_swap_options },
	{ "root_keydev",          GENKERNEL, 0 },
	{ "swap_keydev",          GENKERNEL, 0 },
	{ "root_headerdev",       GENKERNEL, 0 },
	{ "swap_headerdev",       GENKERNEL, 0 },
	{ "root_key",             GENKERNEL, 1 << OF_ONE, prefix_key },
	{ "swap_key",             GENKERNEL, 1 << OF_ONE, prefix_key },
	{ "root_header",          GENKERNEL, 1 << OF_ONE, prefix_header },
	{ "swap_header",          GENKERNEL, 1 << OF_ONE, prefix_header },
	{ "root_trim",            GENKERNEL, 1 << OF_ONE, prefix_trim, 1 },
	{ "swap_trim",            GENKERNEL, 1 << OF_ONE, prefix_trim, 1 },
	{ "key_timeout",          GENKERNEL, 1 << OF_ALL, luks_key_tout },
	{ "cryptopts",            DEBIAN, 1 << VOLUMES, cryptopts },
	{ "cryptroot",            ALPINE, 1 << VOLUMES, cryptroot },
	{ "cryptdm",              ALPINE, 0 },
	{ "cryptheader",          ALPINE, 1 << OF_ONE, cryptheader },
	{ "cryptdiscards",        ALPINE, 1 << OF_ONE, cryptdiscards, 1 },
	{ "cryptoffset",          ALPINE, 1 << OF_ONE, cryptoffset },
};

static const struct word *find_word(const char *name)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i].name, name) == 0)
			return &words[i];
	}
	return NULL;
}

/* "luks.x" of "rd.luks.x"; other names as they are */
static const char *without_rd(const char *name)
{
	return is_prefixed_with(name, "rd.luks") ? name + 3 : name;
}

/* One word, in the pass at hand */
static void act(struct merge *m, const struct bootarg *arg)
{
	const struct word *w;

	m->name = without_rd(arg->name);
	m->value = arg->value;
	w = find_word(m->name);
	if (w ? !(w->passes & (1 << m->pass))
		: m->pass != OF_ONE || !is_prefixed_with(m->name, "luks.")
	)
		return;
	m->origin = xasprintf("%s%s%s", arg->name, arg->value ? "=" : "", arg->value ? arg->value : "");
	if (!w)
		not_understood(m, "that is not understood");
	else if (arg->value || w->bare)
		w->act(m);
	else if (m->pass == OF_ONE || !(w->passes & (1 << OF_ONE)))
		not_understood(m, "it has no value"); /* once */
	free(m->origin);
}

/* The last of rd.luks=, luks= and the like; VALUE is as it was if there is none */
static void read_switch(const struct bootarg *args, const char *name, bool *value)
{
	for (; args->name; args++) {
		if (strcmp(without_rd(args->name), name) == 0
		 && !volumes_parse_bool(args->value, value)
		) {
			*value = 1;
			volumes_complain("%s=%s: its value is neither yes nor no; it is left out",
				args->name, args->value);
		}
	}
}

static void note_mixture(const struct bootarg *args)
{
	const struct word *w;
	int first = NO_DIALECT;

	for (; args->name; args++) {
		w = find_word(without_rd(args->name));
		if (!w || w->dialect == NO_DIALECT || w->dialect == first)
			continue;
		if (first != NO_DIALECT) {
			volumes_complain("note: the kernel's command line has words of %s and of %s; all are followed",
				dialects[first], dialects[w->dialect]);
			return;
		}
		first = w->dialect;
	}
}

static void drop_noauto(struct merge *m)
{
	struct volume **p = &m->list;

	while (*p) {
		if ((*p)->noauto)
			*p = (*p)->next;
		else
			p = &(*p)->next;
	}
}

/* Returns all volumes: those of the file CRYPTTAB, and what the kernel's command
 * line ARGS (or NULL) says, which beats crypttab option by option. "noauto" ones
 * are left out. What is not understood is said.
 */
struct volume* FAST_FUNC volumes_find(const char *crypttab, const struct bootarg *args)
{
	static const struct bootarg none;
	struct merge m;
	bool luks = 1, use_crypttab = 1;
	const struct bootarg *a;

	memset(&m, 0, sizeof(m));
	m.args = args ? args : &none;
	read_switch(m.args, "luks", &luks);
	read_switch(m.args, "luks.crypttab", &use_crypttab);
	if (!luks) {
		volumes_complain("note: rd.luks=0 is on the kernel's command line: no volume is opened");
		return NULL;
	}
	if (use_crypttab)
		m.list = volumes_read(crypttab);
	else
		volumes_complain("note: rd.luks.crypttab=0 is on the kernel's command line: %s is not read", crypttab);
	note_mixture(m.args);
	for (m.pass = 0; m.pass < PASSES; m.pass++) {
		for (a = m.args; a->name; a++)
			act(&m, a);
	}
	drop_noauto(&m);
	return m.list;
}
