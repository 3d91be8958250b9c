/* vi: set sw=4 ts=4: */
/*
 * What is asked when a boot stops, at every console and in every SSH session:
 * try again, reboot, power off. A shell is offered at a console alone, and
 * behind root's password alone. Nothing here goes on by itself unless
 * rd.emergency= on the kernel command line says so.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += failure.o

#include <sys/reboot.h>
#include "earlyinit.h"

enum {
	COUNTDOWN_S = 10,       /* until rd.emergency= is done */
	HANGUP_MS = 500,        /* for a shell to end by SIGHUP */
	KILLED_MS = 1500,       /* and, killed then, to be gone */

	/* Exit statuses of the child that asks; none that a failure has too */
	DO_GO_ON = 64,
	DO_REBOOT,
	DO_POWEROFF,
	DO_EMERGENCY,
	DO_SHELL,               /* it is none: the question stays */
};

/* The values of rd.emergency=, and what they are for reboot(2); 0: nothing */
const char failure_emergencies[] ALIGN1 = "wait\0" "reboot\0" "poweroff\0" "halt\0";
static const int emergency_how[] = { 0, RB_AUTOBOOT, RB_POWER_OFF, RB_HALT_SYSTEM };
static const char emergency_words[] ALIGN1 = "\0" "reboot\0" "power off\0" "halt\0";

/* --- root's password --- */

/* Takes the next field of *REST, without the blanks around it, which nobody
 * counts. "" behind the last.
 */
static char *trim_field(char **rest)
{
	char *field = strsep(rest, ":");

	if (!field)
		return (char *)"";
	trim(field);
	return field;
}

/* Returns the field N (from 0) of the line of FILE, below the directory ROOT,
 * that begins with NAME and a colon, allocated; NULL: there is no such line.
 */
char* FAST_FUNC failure_field(const char *root, const char *file, const char *name, unsigned n)
{
	char *path = xasprintf("%s%s", root, file);
	FILE *f = fopen_for_read(path);
	char *line, *field = NULL;

	free(path);
	while (f && !field && (line = xmalloc_fgetline(f)) != NULL) {
		char *rest = line, *word = trim_field(&rest);
		unsigned i;

		if (strcmp(word, name) == 0) {
			for (i = 0; i < n; i++)
				word = trim_field(&rest);
			field = xstrdup(word);
		}
		free(line);
	}
	if (f)
		fclose(f);
	return field;
}

/* Returns what the password of the account in LINE, of passwd, is checked
 * against, allocated.
 */
static char *account_hash(const char *root, const char *name, const char *field)
{
	/* as libbb's correct_password.c has it */
	if ((field[0] == 'x' || field[0] == '*') && !field[1]) {
		char *hash = failure_field(root, "/etc/shadow", name, 1);

		return hash ? hash : xstrdup("*");
	}
	return xstrdup(field);
}

/* Returns what the password of the first account with the user id 0 is checked
 * against below the directory ROOT ("": here), allocated; NULL: there is none.
 * sulogin takes the first, whatever its name. If a later one has no password
 * it is "", which lets everybody in: login knows that one too. NAME, if not
 * NULL, is set to the account's name, allocated.
 */
char* FAST_FUNC failure_root_hash(const char *root, char **name)
{
	char *path = xasprintf("%s/etc/passwd", root);
	FILE *f = fopen_for_read(path);
	char *line, *found = NULL;

	free(path);
	while (f && !(found && !*found) && (line = xmalloc_fgetline(f)) != NULL) {
		char *rest = line, *user = trim_field(&rest), *field = trim_field(&rest);
		char *id = trim_field(&rest), *end;

		if (*user != '#' && isdigit(*id) && strtoul(id, &end, 10) == 0 && !*end) {
			char *hash = account_hash(root, user, field);

			if (!found || !*hash) {
				free(found);
				found = hash;
				if (name)
					*name = xstrdup(user);
			} else {
				free(hash);
			}
		}
		free(line);
	}
	if (f)
		fclose(f);
	return found;
}

/* For a child, whose death is a no: a hash that this binary can't even make
 * the like of is one that no password fits.
 */
static int try_hash(const char *hash)
{
	char *made, *last;
	size_t salt;

	close(STDERR_FILENO);
	made = pw_encrypt("", hash, 1);
	last = strrchr(hash, '$');
	salt = last ? last - hash : 2; /* DES has two letters of salt */
	return strlen(made) != strlen(hash) || strncmp(made, hash, salt) != 0;
}

/* Whether there is a password that sulogin of this binary would accept for
 * HASH: not where it is NULL, empty, locked by a '!' or '*', or of a method
 * that is not known here.
 */
bool FAST_FUNC failure_is_usable(const char *hash)
{
	pid_t pid;

	if (!ENABLE_SULOGIN || !hash || !*hash
	 || hash[strspn(hash, "./$=,0123456789"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")]
	)
		return 0;
	fflush_all();
	pid = xfork();
	if (pid == 0) {
		die_func = NULL;
		_exit(try_hash(hash));
	}
	return wait4pid(pid) == 0;
}

/* --- the question, in the child that asks --- */

struct menu {
	const struct failure *f;
	bool shell;             /* may be had */
	int emergency;          /* index of failure_emergencies; 0: nothing, or stopped */
	unsigned start_ms;      /* of the countdown */
	unsigned left_s;        /* as it is drawn */
	int answer;
};

/* What may be typed, and what happens if nothing is; the end of the question */
static char *choices(const struct menu *m, bool console)
{
	const char *go_on = m->f->go_on;
	char *letters = xasprintf("%s%s%sb: reboot, p: power off",
			console && m->shell ? "s: shell, " : "",
			go_on ? go_on : "", go_on ? ", " : "");
	char *text;

	if (!m->emergency)
		text = xasprintf("%s? ", letters);
	else
		text = xasprintf("%s\n%s in %u s unless %s is pressed ", letters,
			nth_string(emergency_words, m->emergency), m->left_s,
			console ? "a key" : "Enter");
	free(letters);
	return text;
}

/* The question as it is now, for consoles or for sessions */
static char *whole_question(const struct menu *m, bool console)
{
	const struct failure *f = m->f;
	char *last = choices(m, console);
	char *text = xasprintf("\nearlyinit: %s\n%s%s%s%s%s", f->what,
			G.why, G.why[0] ? "\n" : "",
			f->remedy ? f->remedy : "", f->remedy ? "\n" : "", last);

	free(last);
	return text;
}

static void ask_again(struct mouths *q)
{
	char *text = whole_question(q->user, 0);

	free(q->console_question);
	q->console_question = whole_question(q->user, 1);
	mouths_ask(q, text);
	free(text);
}

/* What the text that was typed at MOUTH asks for; 0: nothing */
static int choice(const struct menu *m, const struct mouth *mouth)
{
	const struct secret *s = mouth->answer;
	/* of echo */
	unsigned len = s->len - (mouth->piped && s->len == 2 && s->data[1] == '\n');
	const char *go_on = m->f->go_on;

	if (len != 1)
		return 0;
	if (go_on && s->data[0] == go_on[0])
		return DO_GO_ON;
	switch (s->data[0]) {
	case 'b':
		return DO_REBOOT;
	case 'p':
		return DO_POWEROFF;
	case 's':
		return m->shell && !mouth->remote ? DO_SHELL : 0;
	}
	return 0;
}

/* Somebody is there. A letter of the menu is the beginning of an answer, any
 * other key has done what it was for.
 */
static void stop_countdown(struct mouths *q, struct mouth *mouth)
{
	struct menu *m = q->user;

	if (!choice(m, mouth))
		secret_wipe(mouth->answer);
	m->emergency = 0;
	mouths_take_keys(q, NULL);
	ask_again(q);
}

/* Each second draws the last line of the consoles anew. */
static int count_down(struct mouths *q)
{
	struct menu *m = q->user;
	unsigned passed = (unsigned)monotonic_ms() - m->start_ms;
	unsigned left_s = COUNTDOWN_S - passed / 1000;
	struct mouth *mouth;
	char *text;

	if (!m->emergency)
		return -1;
	if (passed >= COUNTDOWN_S * 1000) {
		m->answer = DO_EMERGENCY;
		q->end = 1;
		return 0;
	}
	if (left_s != m->left_s) {
		m->left_s = left_s;
		free(q->question);
		free(q->console_question);
		q->question = whole_question(m, 0);
		q->console_question = whole_question(m, 1);
		text = strrchr(q->console_question, '\n') + 1;
		for (mouth = q->list; mouth; mouth = mouth->next) {
			if (mouth->remote || !mouth->drawn)
				continue;
			full_write(mouth->fd, "\r", 1);
			full_write(mouth->fd, text, strlen(text));
		}
	}
	return 1000 - passed % 1000;
}

/* --- a shell at one console, while the others still ask --- */

/* For a child: sulogin with TTY as its controlling terminal, so that Ctrl-C
 * ends a command there and nothing else.
 */
static void become_sulogin(const char *tty)
{
	static const char *const argv[] = { "sulogin", NULL };
	const char *term = getenv("TERM");
	char *path = xasprintf("/dev/%s", tty);
	struct termios t;
	int fd;

	die_func = NULL;
	selfexec_reset_signals();
	setsid();
	fd = xopen(path, O_RDWR);
	ioctl(fd, TIOCSCTTY, 1);
	/* sulogin says that Ctrl-D leaves it */
	if (tcgetattr(fd, &t) == 0) {
		t.c_cc[VEOF] = 'D' - '@';
		tcsetattr(fd, TCSANOW, &t);
	}
	xdup2(fd, STDIN_FILENO);
	xdup2(fd, STDOUT_FILENO);
	xdup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	/* root's login shell may be luksunlock */
	setenv("SUSHELL", "/bin/sh", 1);
	/* The kernel has set "linux". Another name is somebody's, who has put it on
	 * the kernel command line for a line like this one. */
	if (is_prefixed_with(tty, "tty") && isdigit(tty[3]))
		setenv("TERM", "linux", 1);
	else if (!term || strcmp(term, "linux") == 0)
		setenv("TERM", "vt102", 1);
	_exit(selfexec_become(argv));
}

static void start_shell(struct mouths *q, struct mouth *mouth)
{
	pid_t pid;

	mouths_lend(q, mouth);
	pid = fork();
	if (pid == 0)
		become_sulogin(mouth->name + sizeof("console"));
	if (pid < 0) {
		mouths_take_back(q, mouth);
		mouths_say(q, SAY_ERROR, NULL, "can't fork: %s", strerror(errno));
		return;
	}
	mouth->lent_to = pid;
}

static void shell_ended(struct mouths *q, pid_t pid, int status UNUSED_PARAM)
{
	struct mouth *mouth;

	for (mouth = q->list; mouth; mouth = mouth->next) {
		if (mouth->lent_to == pid) {
			mouths_take_back(q, mouth);
			break;
		}
	}
}

/* The boot goes on: a shell would eat what is typed at the next question. One
 * that waits for a dead disk can't be killed, and eats nothing.
 */
static void end_shells(struct mouths *q)
{
	unsigned start = monotonic_ms();
	struct mouth *mouth;

	for (mouth = q->list; mouth; mouth = mouth->next) {
		if (mouth->lent_to)
			kill(mouth->lent_to, SIGHUP);
	}
	for (mouth = q->list; mouth; mouth = mouth->next) {
		while (mouth->lent_to && waitpid(mouth->lent_to, NULL, WNOHANG) == 0) {
			if ((unsigned)monotonic_ms() - start > KILLED_MS)
				break;
			if ((unsigned)monotonic_ms() - start > HANGUP_MS)
				kill(mouth->lent_to, SIGKILL);
			usleep(20 * 1000);
		}
	}
}

/* A shell at this machine is for who knows root's password, and for nobody
 * where rd.shell=0 says so.
 */
static bool may_have_shell(void)
{
	const char *value = bootargs_get(G.args, "rd.shell");
	char *hash;
	bool usable;

	if ((value && strcmp(value, "0") == 0) || access("/bin/sh", X_OK) != 0)
		return 0;
	hash = failure_root_hash("", NULL);
	usable = failure_is_usable(hash);
	free(hash);
	return usable;
}

/* --- the answer --- */

static void take_answer(struct mouths *q, struct mouth *mouth)
{
	struct menu *m = q->user;
	int answer = choice(m, mouth);

	if (m->emergency)
		stop_countdown(q, mouth);
	if (answer == DO_SHELL) {
		start_shell(q, mouth);
	} else if (answer) {
		m->answer = answer;
		q->end = 1;
	} else {
		mouths_reply(q, mouth, 1, "that is none of the letters");
	}
}

static const struct failure *asked;

/* For a child of PID 1: the answer is its exit status. */
static int ask(void)
{
	const char *value = bootargs_get(G.args, "rd.emergency");
	struct menu m;
	struct mouths q;

	memset(&m, 0, sizeof(m));
	m.f = asked;
	m.shell = may_have_shell();
	m.start_ms = monotonic_ms();
	m.left_s = COUNTDOWN_S;
	if (asked->unattended && value)
		m.emergency = index_in_strings(failure_emergencies, value);
	if (m.emergency < 0)
		m.emergency = 0;

	memset(&q, 0, sizeof(q));
	q.user = &m;
	q.echo = 1;
	q.socket_optional = 1;
	q.on_answer = take_answer;
	q.on_child = shell_ended;
	q.on_tick = count_down;
	mouths_open(&q);
	if (m.emergency)
		mouths_take_keys(&q, stop_countdown);
	ask_again(&q);
	mouths_run(&q);
	end_shells(&q);
	mouths_close(&q, 0, "answered");
	return m.answer;
}

/* Says F at every mouth and asks what to do until there is an answer. Returns
 * only where the boot is to go on.
 */
void FAST_FUNC failure_ask(const struct failure *f)
{
	const char *value = bootargs_get(G.args, "rd.emergency");
	int emergency = value ? index_in_strings(failure_emergencies, value) : 0;
	unsigned tries = 0;

	chomp(G.why);
	asked = f;
	for (;;) {
		int status = pid1_in_child(ask);

		switch (WIFEXITED(status) ? WEXITSTATUS(status) : 0) {
		case DO_GO_ON:
			return;
		case DO_REBOOT:
			pid1_go_down(RB_AUTOBOOT);
		case DO_POWEROFF:
			pid1_go_down(RB_POWER_OFF);
		case DO_EMERGENCY:
			pid1_go_down(emergency_how[emergency]);
		}
		/* the asking itself has failed; it may get better */
		pid1_say("\nearlyinit: ");
		pid1_say(f->what);
		pid1_say("\nearlyinit: what to do can't be asked; trying again\n");
		pid1_wait_event(-1, 1000);
		if (f->unattended && emergency > 0 && ++tries >= COUNTDOWN_S)
			pid1_go_down(emergency_how[emergency]);
	}
}
