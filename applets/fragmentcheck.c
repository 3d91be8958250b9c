/* vi: set sw=4 ts=4: */
/*
 * Whether a fragment of /init.d will run: that the shell can parse it, and that
 * the commands it calls are there. No shell is written again here: words are
 * looked at where a command can stand, and only those that are applets of this
 * busybox without a link count.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += fragmentcheck.o

#include "bootcheck.h"

/* What a shell has in itself */
static const char builtins[] ALIGN1 =
	".\0" ":\0" "[\0" "[[\0" "alias\0" "bg\0" "break\0" "cd\0" "chdir\0"
	"continue\0" "echo\0" "exit\0" "export\0" "false\0" "fg\0" "getopts\0"
	"hash\0" "help\0" "jobs\0" "kill\0" "let\0" "local\0" "printf\0" "pwd\0"
	"read\0" "readonly\0" "return\0" "set\0" "shift\0" "source\0" "test\0"
	"times\0" "trap\0" "true\0" "type\0" "ulimit\0" "umask\0" "unalias\0"
	"unset\0" "wait\0";

/* Words behind which a command stands; those of the first line make a failure
 * a mere condition.
 */
static const char conditions[] ALIGN1 = "if\0" "elif\0" "while\0" "until\0" "!\0";
static const char openers[] ALIGN1 = "then\0" "do\0" "else\0" "{\0";
static const char prefixes[] ALIGN1 = "exec\0" "command\0" "eval\0" "time\0";
/* Words whose line goes on with other words */
static const char headers[] ALIGN1 = "for\0" "case\0" "fi\0" "done\0" "esac\0" "}\0" "function\0";

/* Skips a quote, an expansion or an escape at P. Returns what is behind it. */
static const char *skip_quoted(const char *p)
{
	const char *start = p;
	char end = *p++;
	unsigned depth = 0;

	if (end == '\\')
		return *p ? p + 1 : p;
	if (end == '$') {
		if (*p != '(' && *p != '{')
			return p;
		end = *p++ == '(' ? ')' : '}';
	}
	for (; *p && (*p != end || depth); p++) {
		if (*p == '\\' && end != '\'' && p[1])
			p++;
		else if (end == ')' && *p == '(')
			depth++;
		else if (end == ')' && *p == ')')
			depth--;
		else if ((*p == '\'' || *p == '"') && end != '\'' && end != '"' && p > start)
			p = skip_quoted(p) - 1;
	}
	return *p ? p + 1 : p;
}

/* Returns the end of the word at P. */
static const char *skip_word(const char *p)
{
	while (*p && !strchr(" \t\n;&|()<>", *p)) {
		if (strchr("\\'\"`$", *p))
			p = skip_quoted(p);
		else
			p++;
	}
	return p;
}

/* Skips the redirection at P, and for a here-document its text too: *TEXT is
 * set to what ends it, allocated.
 */
static const char *skip_redirection(const char *p, char **text)
{
	bool here = is_prefixed_with(p, "<<") && p[2] != '<';
	const char *word;

	p += strspn(p, "<>");
	if (here && *p == '-')
		p++;
	p += strspn(p, "&| \t");
	word = p;
	p = skip_word(p);
	if (here && !*text) {
		char *from, *to;

		*text = to = xstrndup(word, p - word);
		for (from = to; *from; from++) {
			if (!strchr("\\'\"", *from))
				*to++ = *from;
		}
		*to = '\0';
	}
	return p;
}

/* P is at a line's end: skips the here-document that *TEXT ends. */
static const char *skip_here(const char *p, char **text)
{
	size_t len = strlen(*text);

	while (*p == '\n') {
		const char *line = p + 1 + strspn(p + 1, "\t");

		p = strchrnul(p + 1, '\n');
		if ((size_t)(p - line) == len && strncmp(line, *text, len) == 0)
			break;
	}
	free(*text);
	*text = NULL;
	return p;
}

/* Whether the failure of the command whose words go on at P stops nobody: in
 * front of "||", "&&", "|" and "&".
 */
static bool is_excused(const char *p)
{
	char *text = NULL;

	while (*p && !strchr("\n;)", *p)) {
		if (*p == '&' || *p == '|')
			break;
		if (*p == '<' || *p == '>')
			p = skip_redirection(p, &text);
		else if (is_prefixed_with(p, "\\\n") || *p == ' ' || *p == '\t' || *p == '(')
			p++;
		else
			p = skip_word(p);
	}
	free(text);
	return *p == '&' || *p == '|';
}

/* Calls FOUND for each command of the shell text P. */
static void find_commands(const char *p, const char *name,
		void (*found)(const char *name, const char *command, bool excused))
{
	bool at_command = 1, condition = 0;
	char *text = NULL, *word;
	const char *start;

	while (*p) {
		if (*p == '#') {
			p = strchrnul(p, '\n');
		} else if (*p == '\n' && text) {
			p = skip_here(p, &text);
			at_command = 1;
		} else if (strchr("\n;&|()", *p)) {
			at_command = 1;
			p++;
		} else if (*p == '<' || *p == '>') {
			p = skip_redirection(p, &text);
		} else if (*p == ' ' || *p == '\t') {
			p++;
		} else if (is_prefixed_with(p, "\\\n")) {
			p += 2;
		} else {
			start = p;
			p = skip_word(p);
			word = xstrndup(start, p - start);
			if (!at_command || index_in_strings(prefixes, word) >= 0
			 || (endofname(word) != word && *endofname(word) == '=')
			) {
				/* no command, or one is still to come */
			} else if (index_in_strings(conditions, word) >= 0) {
				condition = 1;
			} else if (index_in_strings(openers, word) >= 0) {
				condition = 0;
			} else {
				at_command = 0;
				if (index_in_strings(headers, word) < 0)
					found(name, word, condition || is_excused(p));
			}
			free(word);
		}
	}
	free(text);
}

/* Whether COMMAND is one that the shell has to find, and does not: an applet of
 * this busybox, or what mkboot was to bring along. Of others nobody knows.
 */
static bool is_missing(const char *command, bool *brought)
{
	*brought = bootcheck_asked("with", command);
	return !strchr(command, '/') && index_in_strings(builtins, command) < 0
		&& (*brought || find_applet_by_name(command) >= 0) && !find_program(command);
}

static const char no_such_name[] ALIGN1 =
	"%s calls %s, and there is no such name in /bin, /sbin, /usr/bin or /usr/sbin%s";

static void check_command(const char *name, const char *command, bool excused)
{
	bool brought;
	char *program;

	if (is_missing(command, &brought)) {
		if (excused)
			note(no_such_name, name, command, "");
		else
			fault(no_such_name, name, command,
				brought ? "; mkboot copies it there (--with)" : "; link it to busybox");
	} else if (brought && !excused) {
		program = find_program(command);
		elf_check(program);
		free(program);
	}
}

/* Of a script that goes on after a failure */
static void note_command(const char *name, const char *command, bool excused UNUSED_PARAM)
{
	bool brought;

	if (is_missing(command, &brought))
		note(no_such_name, name, command, "");
}

/* Has the shell parse FILE. What it says is about NAME, a path in the early root.
 * Returns whether it could.
 */
static bool parse(const char *file, const char *name)
{
	const char *argv[] = { "sh", "-n", file, NULL };
	struct fd_pair err;
	char buf[256], *words, *at;
	ssize_t n;
	pid_t pid;

	xpiped_pair(err);
	pid = xfork();
	if (pid == 0) {
		xdup2(err.wr, STDERR_FILENO);
		close(err.rd);
		close(err.wr);
		_exit(selfexec_become(argv));
	}
	close(err.wr);
	n = full_read(err.rd, buf, sizeof(buf) - 1);
	buf[n > 0 ? n : 0] = '\0';
	close(err.rd);
	if (wait4pid(pid) == 0)
		return 1;
	/* "sh: FILE: line 3: syntax error: ...", or "FILE: line 3: ..." */
	*strchrnul(buf, '\n') = '\0';
	at = strstr(buf, file);
	words = at ? at + strlen(file) : buf;
	while (*words == ':' || *words == ' ')
		words++;
	fault("%s can't be parsed: %s; correct it", name, words);
	return 0;
}

/* Says where TEXT, of the file NAME that mkboot has written, ends in the midst of a
 * line. Somebody's own may.
 */
static void check_end(const char *name, const char *text)
{
	char *real = in_root("/etc/mkboot.sums"), *line;
	size_t len = strlen(text);
	FILE *f = fopen_for_read(real);
	bool mine = 0;

	free(real);
	while (f && (line = xmalloc_fgetline(f)) != NULL) {
		const char *file = strrchr(line, ' ');

		mine |= file && strcmp(file + 1, name + 1) == 0;
		free(line);
	}
	if (f)
		fclose(f);
	if (mine && len && text[len - 1] != '\n')
		note("%s ends in the midst of a line; if it is cut off, install it again", name);
}

/* Returns the name of the program that is to run FILE by its first line,
 * allocated; NULL: it has no such line.
 */
static char *interpreter(const char *text)
{
	const char *p = is_prefixed_with(text, "#!");
	const char *end;

	if (!p)
		return NULL;
	p += strspn(p, " \t");
	end = p + strcspn(p, " \t\n");
	return xstrndup(p, end - p);
}

static bool is_shell(const char *program)
{
	program = bb_basename(program);
	return strcmp(program, "sh") == 0 || strcmp(program, "ash") == 0
		|| strcmp(program, "busybox") == 0;
}

/* Returns the text of the stage's file, allocated; NULL: it can't be read. */
static char *fragment_text(const struct stage *s)
{
	char *name = xasprintf("/init.d/%s", s->name);
	char *real = in_root(name);
	char *text = xmalloc_open_read_close(real, NULL);

	free(name);
	free(real);
	return text;
}

/* Checks the file of the stage S, which is a fragment or a program. */
void FAST_FUNC fragment_check(const struct stage *s)
{
	char *name = xasprintf("/init.d/%s", s->name);
	char *real = in_root(name), *text, *program = NULL;

	if (!is_readable(real, name))
		return;
	text = fragment_text(s);
	if (s->from == FROM_PROGRAM)
		program = interpreter(text);
	if (program && access(in_root(program), X_OK) != 0)
		fault("%s is to be run by %s, and there is none; correct its first line", name, program);
	else if (!program || is_shell(program)) {
		if (parse(real, name))
			check_end(name, text);
		find_commands(text, name, check_command);
	}
	free(program);
	free(text);
	free(name);
	free(real);
}

/* Whether a stage after AFTER and before BEFORE (names; "": no limit), of the
 * user's own, has one of WORDS in its text.
 */
bool FAST_FUNC fragments_say(const char *words, const char *after, const char *before)
{
	const struct stage *s;

	for (s = G.stages; s->name; s++) {
		const char *word;
		char *text;

		if ((s->from != FROM_FRAGMENT && s->from != FROM_PROGRAM)
		 || strcmp(s->name, after) < 0 || (*before && strcmp(s->name, before) > 0)
		)
			continue;
		text = fragment_text(s);
		for (word = words; *word; word += strlen(word) + 1) {
			/* who can't read it can't say that it is not there */
			if (!text || strstr(text, word)) {
				free(text);
				return 1;
			}
		}
		free(text);
	}
	return 0;
}

/* Whether the line from P to END, no comment, has WORD as a word, or as the name
 * of a program with its path.
 */
static bool line_runs(const char *p, const char *end, const char *word)
{
	size_t len = strlen(word);

	for (; p + len <= end; p++) {
		if (*p == '#' && isspace(p[-1]))
			return 0;
		if (strncmp(p, word, len) == 0 && strchr(" \t\n;&|)'\"", p[len])
		 && (strchr(" \t\n;&|('\"", p[-1]) || is_prefixed_with(p - 4, "bin/"))
		)
			return 1;
	}
	return 0;
}

/* Whether a stage before BEFORE ("": any), of the user's own, has WORD in a command: as
 * fragments_say(), but comments and parts of words don't count.
 */
bool FAST_FUNC fragments_run(const char *word, const char *before)
{
	const struct stage *s;

	for (s = G.stages; s->name; s++) {
		char *text, *end, *line;
		bool found = 0;

		if ((s->from != FROM_FRAGMENT && s->from != FROM_PROGRAM)
		 || (*before && strcmp(s->name, before) > 0)
		)
			continue;
		text = fragment_text(s);
		if (!text)
			return 1;
		/* with something in front of the first word */
		line = xasprintf("\n\n\n\n%s", text);
		free(text);
		text = line;
		for (line += 4; *line && !found; line = *end ? end + 1 : end) {
			end = strchrnul(line, '\n');
			found = line_runs(line, end, word);
		}
		free(text);
		if (found)
			return 1;
	}
	return 0;
}

/* Checks the shell script NAME, a path in the early root, that a stage runs and
 * that goes on after a failure. Returns whether it is there and whole.
 */
bool FAST_FUNC script_check(const char *name)
{
	char *real = in_root(name), *text = NULL;
	bool sound = is_readable(real, name);

	if (sound)
		text = xmalloc_open_read_close(real, NULL);
	if (text && !*skip_whitespace(text)) {
		fault("%s is empty; install it again", name);
		sound = 0;
	} else if (text) {
		sound = parse(real, name);
		if (sound)
			check_end(name, text);
		find_commands(text, name, note_command);
	}
	free(text);
	free(real);
	return sound;
}
