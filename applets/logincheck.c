/* vi: set sw=4 ts=4: */
/*
 * Who can log in to a boot device: by SSH, and in the rescue environment.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += logincheck.o

#include "bootcheck.h"

/* --- SSH --- */

/* A key is a row of fields, each with its length in front: whether it is whole,
 * with the text NAME (NULL: any) as its first one.
 */
static bool is_whole_key(const uint8_t *key, size_t size, const char *name, size_t name_len)
{
	unsigned fields = 0;
	size_t at = 0;

	while (at + 4 <= size) {
		size_t len = (size_t)key[at] << 24 | key[at + 1] << 16 | key[at + 2] << 8 | key[at + 3];

		if (len > size - at - 4)
			break;
		if (!fields && name && (len != name_len || memcmp(key + at + 4, name, len) != 0))
			return 0;
		at += 4 + len;
		fields++;
	}
	return fields >= 2 && at == size;
}

/* Whether REAL is a private key of dropbear's, or can't be read by us. */
static bool is_host_key(const char *real)
{
	size_t size = 64 * 1024;
	uint8_t *key = xmalloc_open_read_close(real, &size);
	bool whole;

	if (!key)
		return errno == EACCES;
	whole = is_whole_key(key, size, NULL, 0);
	free(key);
	return whole;
}

/* Whether TEXT begins with a public key: its type, and in base64 the key. One
 * that is cut off lets nobody in.
 */
static bool is_public_key(const char *text)
{
	static const char digits[] ALIGN1 =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t type_len = strcspn(text, " \t"), len = 0;
	const char *p = skip_whitespace(text + type_len), *digit;
	uint8_t *key = xmalloc(strlen(p) + 1);
	unsigned bits = 0, value = 0;
	bool whole;

	for (; *p && (digit = strchr(digits, *p)) != NULL; p++) {
		value = value << 6 | (digit - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			key[len++] = value >> bits;
		}
	}
	whole = is_whole_key(key, len, text, type_len);
	free(key);
	return whole;
}

/* Whether LINE of authorized_keys has a key, behind its options. */
static bool has_public_key(const char *line)
{
	static const char types[] ALIGN1 = "ssh-\0" "ecdsa-\0" "sk-\0";
	const char *type, *p;

	for (type = types; *type; type += strlen(type) + 1) {
		for (p = line; (p = strstr(p, type)) != NULL; p++) {
			if ((p == line || isspace(p[-1])) && is_public_key(p))
				return 1;
		}
	}
	return 0;
}

/* Returns how many keys there are for the server. */
static unsigned check_host_keys(void)
{
	static const char suffix[] ALIGN1 = "_host_key";
	char *dir = in_root("/etc/dropbear");
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned keys = 0;

	while (d && (e = readdir(d)) != NULL) {
		char *path;

		if (e->d_name[0] == '.' || !is_suffixed_with(e->d_name, suffix))
			continue;
		path = concat_path_file(dir, e->d_name);
		if (is_host_key(path))
			keys++;
		else
			fault("the SSH host key /etc/dropbear/%s is damaged; make it anew with dropbearkey", e->d_name);
		free(path);
	}
	if (d)
		closedir(d);
	else if (errno == EACCES)
		keys = 1; /* root will see */
	free(dir);
	return keys;
}

static void check_authorized_keys(void)
{
	static const char name[] ALIGN1 = "/root/.ssh/authorized_keys";
	char *real = in_root(name), *line;
	struct stat st;
	bool found = 0;
	FILE *f;

	if (access(real, F_OK) != 0 && errno == ENOENT) {
		fault("there is no %s, so nobody can log in by SSH; put your public key there", name);
		return;
	}
	if (!is_readable(real, name))
		return;
	f = xfopen_for_read(real);
	while ((line = xmalloc_fgetline(f)) != NULL) {
		const char *p = skip_whitespace(line);

		if (*p && *p != '#') {
			if (has_public_key(p))
				found = 1;
			else
				note("%s has a line that is no public key, or is cut off", name);
		}
		free(line);
	}
	xfstat(fileno(f), &st, real);
	fclose(f);
	if (!found)
		fault("%s has no whole key in it, so nobody can log in; add your public key", name);
	/* the SSH server takes nobody's word in a file that others can write */
	if (st.st_mode & 022)
		fault("%s can be written by others than root, so the SSH server ignores it; chmod 600 it", name);
	free(real);
}

/* An SSH server lets in whose shell is there, and in /etc/shells. */
static void check_login_shell(void)
{
	char *shell = failure_field(G.root, "/etc/passwd", "root", 6);
	char *real = in_root("/etc/shells"), *line;
	bool listed = 0;
	FILE *f;

	if (!shell || !*shell) {
		fault("/etc/passwd has no root with a login shell, so nobody can log in by SSH; mkboot writes it");
		return;
	}
	if (access(in_root(shell), X_OK) != 0)
		fault("root's login shell %s (/etc/passwd) is not there, so nobody can log in by SSH; link it to busybox", shell);
	f = fopen_for_read(real);
	while (f && (line = xmalloc_fgetline(f)) != NULL) {
		listed |= strcmp(line, shell) == 0;
		free(line);
	}
	if (f)
		fclose(f);
	/* without the file these two count */
	if (!listed && (f || (strcmp(shell, "/bin/sh") != 0 && strcmp(shell, "/bin/csh") != 0)))
		fault("/etc/shells does not have root's login shell %s, so the SSH server refuses it; add it", shell);
	free(real);
	free(shell);
}

/* Checks what an SSH server needs, where a stage starts one. */
void FAST_FUNC login_check_ssh(void)
{
	char *server;

	if (!fragments_run("dropbear", "50-luksunlock")) {
		/* the one that ends it names it too */
		if (bootcheck_asked("ssh", NULL))
			fault("/etc/mkboot.conf has a line ssh=, and no stage starts dropbear, so nobody can log in; "
				"mkboot writes /init.d/11-dropbear");
		return;
	}
	network_check();
	server = find_program("dropbear");
	if (server)
		elf_check(server);
	else
		fault("a stage starts dropbear, and there is none in /sbin, /usr/sbin, /bin or /usr/bin; install it");
	free(server);
	/* with -r the key may be anywhere; with -R one is made */
	if (!check_host_keys() && (fragments_say("/etc/dropbear\0", "", "")
	 || !fragments_say(" -r \0" " -R\0", "", ""))
	)
		fault("there is no SSH host key in /etc/dropbear; make one with dropbearkey");
	check_authorized_keys();
	check_login_shell();
}

/* --- rescue --- */

/* Whether the command of an inittab line is a shell, and no login in front */
static bool is_open_shell(char *command)
{
	static const char shells[] ALIGN1 = "sh\0" "ash\0" "-sh\0" "bash\0" "hush\0";
	const char *last = "";
	char *word;

	while ((word = strsep(&command, " \t")) != NULL) {
		bool shell = index_in_strings(shells, bb_basename(word)) >= 0;

		/* getty -l SHELL */
		if (shell && strcmp(last, "-l") == 0)
			return 1;
		if (*word)
			last = word;
	}
	return index_in_strings(shells, bb_basename(last)) >= 0;
}

/* Says which of the programs and files that COMMAND names is not there. */
static void check_inittab_command(unsigned line, const char *command)
{
	char *rest = xstrdup(command), *all = rest, *word, *real;

	while ((word = strsep(&rest, " \t")) != NULL) {
		/* "-/bin/sh", "SUSHELL=/bin/sh" */
		word = strchrnul(word, '/');
		real = in_root(word);
		if (*word && !is_below_a_mount(word) && access(real, F_OK) != 0)
			note("/etc/inittab, line %u: there is no %s, so rescue lacks what it is for; "
				"mkboot puts it there", line, word);
		free(real);
	}
	free(all);
}

/* Returns the line of /etc/inittab that opens a shell to everybody; 0: none. */
static unsigned check_inittab(const char *real)
{
	static const char starters[] ALIGN1 = "respawn\0" "askfirst\0" "once\0" "wait\0" "sysinit\0";
	char *field[4];
	parser_t *parser = config_open2(real, fopen_for_read);
	unsigned open_line = 0;

	/* as init.c reads it: the rest of the line is the command */
	while (parser && config_read(parser, field, 4, 0, "#:",
			PARSE_NORMAL & ~(PARSE_TRIM | PARSE_COLLAPSE))
	) {
		if (!field[2] || !field[3])
			continue;
		check_inittab_command(parser->lineno, field[3]);
		if (index_in_strings(starters, field[2]) >= 0 && is_open_shell(field[3]) && !open_line)
			open_line = parser->lineno;
	}
	config_close(parser);
	return open_line;
}

/* It does not stop a boot: notes. Who stands at the loader can type "rescue"
 * even where no entry has it.
 */
void FAST_FUNC login_check_rescue(struct bootentry *entries)
{
	char *real = in_root("/etc/inittab");
	char *name = NULL;
	char *hash = failure_root_hash(G.root, &name);
	struct bootentry *e;
	unsigned open_line;
	bool entry = 0, usable = failure_is_usable(hash);

	for (e = entries; e; e = e->next) {
		struct bootarg *args = bootentry_args(e);

		entry |= bootargs_get(args, "rescue") || bootargs_get(args, "rd.rescue");
	}
	open_line = check_inittab(real);
	if (open_line)
		note("the rescue environment asks for no password (/etc/inittab, line %u)", open_line);
	else if (hash && !*hash)
		note("the password of %s on the boot device is empty, so rescue is open to everybody; "
			"set one (root's: mkboot --root-password)", name);
	else if (entry && access(real, F_OK) != 0)
		note("there is no /etc/inittab, so the rescue entry boots the real root");
	else if (entry && !usable && (access(in_root("/etc/shadow"), R_OK) == 0 || errno != EACCES))
		note("root has no password on the boot device that this busybox can check, so nobody can log in to rescue; "
			"mkboot --root-password sets one");
	free(hash);
	free(name);
	free(real);
}
