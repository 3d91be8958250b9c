/* vi: set sw=4 ts=4: */
/*
 * luksunlock - open LUKS volumes, with one question that is asked on every
 * console and in every SSH session
 *
 * One process, this one, owns the question, the schedule and the secrets.
 * Whatever touches a device is done by a child of it (unlock.c).
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//config:choice
//config:	prompt "luksunlock: needs libcryptsetup"
//config:	default LUKSUNLOCK_NONE
//config:	help
//config:	luksunlock links with libcryptsetup, which not every machine that
//config:	builds BusyBox has. So it is off unless you choose it, in
//config:	"make allyesconfig" too.
//config:
//config:config LUKSUNLOCK_NONE
//config:	bool "no luksunlock"
//config:
//config:config LUKSUNLOCK
//config:	bool "luksunlock (22 kb and libcryptsetup)"
//config:	select VOLUMEID
//config:	select FEATURE_VOLUMEID_LUKS
//config:	help
//config:	Opens LUKS volumes of /etc/crypttab. The passphrase is asked
//config:	for on all consoles and, as root's login shell, in all SSH
//config:	sessions at once, and can be given at any of them.
//config:
//config:endchoice

//applet:IF_LUKSUNLOCK(APPLET(luksunlock, BB_DIR_SBIN, BB_SUID_DROP))

//kbuild:lib-$(CONFIG_LUKSUNLOCK) += luksunlock.o

//usage:#define luksunlock_trivial_usage
//usage:       "[-k KEYFILE] [-o OPTIONS] DEVICE NAME\n"
//usage:       "luksunlock -a [-f CRYPTTAB]\n"
//usage:       "luksunlock -n [-f CRYPTTAB]\n"
//usage:       "luksunlock -r\n"
//usage:       "luksunlock -q QUESTION [-e]"
//usage:#define luksunlock_full_usage "\n\n"
//usage:       "Open LUKS volumes, asking on all consoles and over SSH\n"
//usage:     "\n	-a	Open all volumes of /etc/crypttab"
//usage:     "\n	-n	Only list them"
//usage:     "\n	-f FILE	Read FILE instead of /etc/crypttab"
//usage:     "\n	-k FILE	Key file"
//usage:     "\n	-o OPTS	Options as in crypttab(5)"
//usage:     "\n	-r	Join the question of the running luksunlock"
//usage:     "\n		(so does luksunlock as a login shell)"
//usage:     "\n	-q TEXT	Ask TEXT, print the answer"
//usage:     "\n	-e	Show what is typed"

#include "earlyboot.h"

enum {
	V_WAIT,                 /* for the device */
	V_SCOUT,                /* a child looks for it, and tries the key file */
	V_ASK,                  /* for a passphrase */
	V_TRY,                  /* a child tries one */
	V_OPEN,
	V_FAILED,
};

/* One answer on its way through the volumes */
struct job {
	struct mouth *mouth;    /* NULL: gone, or standard input */
	struct secret *secret;
	char *name;             /* of the mouth */
	bool piped;
	bool last_newline_off;  /* second round, without it */
	unsigned opened;
	unsigned wrong;
	unsigned errors;
};

struct globals {
	struct mouths q;
	struct volume *volumes;
	llist_t *queue;         /* mouths whose answers wait, in their order */
	struct job job;         /* .secret NULL: none is tried now */
	unsigned start_s;
	unsigned said_s;        /* when a wait was last spoken of */
	unsigned looked_s;      /* when paths were last looked at */
	bool once;              /* the key came from standard input: no asking */
	int exit_status;
} FIX_ALIASING;
#define G (*ptr_to_globals)
#define INIT_G() do { \
	SET_PTR_TO_GLOBALS(xzalloc(sizeof(G))); \
} while (0)

static void schedule(void);

/* Starts WORK on V in a child, which has the signals of a fresh process and
 * must not touch terminals or other secrets on its way out.
 */
static void start_child(struct volume *v, int state)
{
	pid_t pid;

	/* If it ends without a word, that was for want of memory */
	v->attempt->err = -ENOMEM;
	strcpy(v->attempt->msg, "the attempt ended without a result");
	v->attempt->key_failed = 0;
	pid = fork();
	if (pid < 0) {
		v->attempt->err = -errno;
		mouths_say(&G.q, SAY_ERROR, NULL, "can't fork: %s", strerror(errno));
		return;
	}
	if (pid == 0) {
		die_func = NULL;
		selfexec_reset_signals();
		/* Ctrl-C at a rescue shell ends the question, not half an
		 * activation */
		signal(SIGINT, SIG_IGN);
		signal(SIGQUIT, SIG_IGN);
		if (state == V_SCOUT) {
			unlock_scout(v);
		} else {
			secret_lock_again(G.job.secret);
			unlock_try(v, G.job.secret);
		}
		_exit(EXIT_SUCCESS);
	}
	v->pid = pid;
	v->state = state;
}

static unsigned available_kib(void)
{
	unsigned kib = UINT_MAX;
	char *line;
	FILE *f = fopen_for_read("/proc/meminfo");

	while (f && (line = xmalloc_fgetline(f)) != NULL) {
		const char *value = is_prefixed_with(line, "MemAvailable:");

		if (value)
			kib = strtoul(value, NULL, 10);
		free(line);
	}
	if (f)
		fclose(f);
	return kib;
}

/* --- devices --- */

static void start_scouts(void)
{
	struct volume *v;
	bool key_at_work = 0;

	for (v = G.volumes; v; v = v->next) {
		if (v->state == V_SCOUT && v->keyfile)
			key_at_work = 1;
	}
	for (v = G.volumes; v; v = v->next) {
		if (v->state != V_WAIT || !v->look_again)
			continue;
		/* A key file's derivation takes memory: one after the other */
		if (v->keyfile) {
			if (key_at_work)
				continue;
			key_at_work = 1;
		}
		v->look_again = 0;
		start_child(v, V_SCOUT);
		if (v->state != V_SCOUT)
			v->look_again = 1;
	}
}

static void look_again(struct mouths *q UNUSED_PARAM)
{
	struct volume *v;

	for (v = G.volumes; v; v = v->next)
		v->look_again = 1;
	start_scouts();
}

static void fail(struct volume *v, int err)
{
	v->state = V_FAILED;
	if (!v->nofail && !G.exit_status)
		G.exit_status = unlock_exit_status(err);
}

static void set_open(struct volume *v)
{
	v->state = V_OPEN;
	mouths_say(&G.q, SAY_STATE, NULL, "%s is open", v->name);
}

static void scout_ended(struct volume *v)
{
	struct attempt *a = v->attempt;

	v->state = V_WAIT;
	if (a->active) {
		set_open(v);
	} else if (a->key_failed) {
		mouths_say(&G.q, SAY_ERROR, NULL, "%s: key file '%s': %s", v->name, v->keyfile,
			a->err == -EPERM ? "it fits no key slot" : a->msg);
		v->state = V_ASK;
	} else if (a->err == 0) {
		unsigned available = available_kib();

		v->state = V_ASK;
		if (a->kib > available)
			mouths_say(&G.q, SAY_ERROR, NULL,
				"%s: its key takes %u MiB to derive, %u MiB are available",
				v->name, a->kib / 1024, available / 1024);
	} else if (a->device[0]) {
		mouths_say(&G.q, SAY_ERROR, NULL, "%s (%s): %s", v->name, a->device, a->msg);
		fail(v, a->err);
	} else if (a->msg[0]) {
		mouths_say(&G.q, SAY_ERROR, NULL, "%s '%s': %s", v->name, v->spec, a->msg);
		a->msg[0] = '\0';
	}
}

/* --- passphrases --- */

/* What is asked now: names of all volumes that wait for a passphrase */
static void ask(void)
{
	struct volume *v;
	char *text = NULL;

	for (v = G.volumes; v; v = v->next) {
		char *shorter = text;

		if (v->state != V_ASK && v->state != V_TRY)
			continue;
		/* more than this is tried as well, only not named */
		if (text && strlen(text) > 200) {
			text = xasprintf("%s, ...", shorter);
			free(shorter);
			break;
		}
		text = xasprintf("%s%s%s (%s)", shorter ? shorter : "Passphrase for ",
			shorter ? ", " : "", v->name, v->attempt->device);
		free(shorter);
	}
	if (text && !G.once) {
		char *question = xasprintf("%s: ", text);

		mouths_ask(&G.q, question);
		free(question);
	} else {
		mouths_ask(&G.q, NULL);
	}
	free(text);
}

static bool job_running(void)
{
	struct volume *v;

	for (v = G.volumes; v; v = v->next) {
		if (v->state == V_TRY)
			return 1;
	}
	return 0;
}

/* Tries the answer on each volume that waits for one: side by side as far as
 * the memory of their key slots allows, else one after the other.
 */
static void continue_job(void)
{
	struct volume *v;
	unsigned available = available_kib();
	unsigned taken = 0;
	bool running = job_running();

	for (v = G.volumes; v; v = v->next) {
		if (v->state == V_TRY)
			taken += v->attempt->kib;
	}
	for (v = G.volumes; v; v = v->next) {
		if (v->state != V_ASK || v->tried)
			continue;
		/* What runs may not have touched all of its memory yet */
		if (running && taken + v->attempt->kib > available - available / 8)
			continue;
		v->tried = 1;
		taken += v->attempt->kib;
		running = 1;
		start_child(v, V_TRY);
		if (v->state != V_TRY)
			G.job.errors++;
	}
}

static void start_job(struct mouth *m, struct secret *s)
{
	struct volume *v;

	memset(&G.job, 0, sizeof(G.job));
	G.job.mouth = m;
	G.job.secret = s;
	G.job.name = xstrdup(m ? m->name : "standard input");
	G.job.piped = m ? m->piped : 1;
	for (v = G.volumes; v; v = v->next)
		v->tried = 0;
	if (m)
		mouths_say(&G.q, SAY_STATE, m, "trying the passphrase from %s", m->name);
	continue_job();
}

/* The first round of a key that ends in a newline is half a try */
static bool second_round_follows(void)
{
	const struct secret *s = G.job.secret;

	return G.job.piped && !G.job.last_newline_off
		&& s->len > 1 && s->data[s->len - 1] == '\n';
}

static void end_job(void)
{
	struct job *j = &G.job;
	const char *line = NULL;

	if (j->wrong && !j->opened && !j->errors) {
		struct secret *s = j->secret;
		struct volume *v;

		/* echo and editors put a newline behind a passphrase */
		if (second_round_follows()) {
			j->last_newline_off = 1;
			j->wrong = 0;
			s->len--;
			for (v = G.volumes; v; v = v->next)
				v->tried = 0;
			continue_job();
			return;
		}
		line = "wrong passphrase";
		mouths_say(&G.q, SAY_STATE, j->mouth, "wrong passphrase from %s", j->name);
		if (G.once) {
			bb_simple_error_msg("wrong passphrase");
			G.exit_status = 2;
		}
	}
	/* what is asked next comes first, so that it is drawn once */
	ask();
	/* 2 is "wrong", and nothing else is called that */
	if (j->mouth && !line && !j->opened)
		line = "it was not tried; the lines above say why";
	if (j->mouth)
		mouths_reply(&G.q, j->mouth, j->opened ? 0 : j->wrong && !j->errors ? 2 : 1, line);
	else
		secret_free(j->secret);
	free(j->name);
	memset(j, 0, sizeof(*j));
	if (G.once)
		G.q.end = 1;
}

static void try_ended(struct volume *v, int status)
{
	struct attempt *a = v->attempt;

	v->state = V_ASK;
	if (WIFSIGNALED(status) && !a->active) {
		a->err = -ENOMEM;
		snprintf(a->msg, sizeof(a->msg),
			"the attempt was killed by signal %u; deriving its key takes %u MiB, %u MiB are available",
			WTERMSIG(status), a->kib / 1024, available_kib() / 1024);
	}
	if (a->active) {
		G.job.opened++;
		set_open(v);
		return;
	}
	if (a->err != -EPERM) {
		G.job.errors++;
		if (G.once)
			G.exit_status = unlock_exit_status(a->err);
		mouths_say(&G.q, SAY_ERROR, NULL, "%s (%s): %s", v->name, a->device, a->msg);
		/* Unplugged: it may come back under another name */
		if (access(a->device, F_OK) != 0) {
			a->device[0] = '\0';
			v->state = V_WAIT;
			v->look_again = 1;
		}
		return;
	}
	G.job.wrong++;
	if (second_round_follows())
		return;
	v->wrong++;
	if (v->tries && v->wrong >= v->tries) {
		mouths_say(&G.q, SAY_ERROR, NULL, "%s: no more tries (tries=%u)", v->name, v->tries);
		fail(v, -EPERM);
	}
}

/* --- the schedule --- */

static bool all_done(void)
{
	struct volume *v;

	for (v = G.volumes; v; v = v->next) {
		if (v->state == V_OPEN || v->state == V_FAILED)
			continue;
		if (v->state == V_WAIT && v->nofail && !v->look_again)
			continue;
		return 0;
	}
	return 1;
}

/* Brings everything to where it can be now; after each event. */
static void schedule(void)
{
	start_scouts();
	if (G.job.secret && !job_running())
		continue_job();
	if (G.job.secret && !job_running())
		end_job();
	while (!G.job.secret && G.queue && !G.q.end) {
		struct mouth *m = llist_pop(&G.queue);

		start_job(m, m->answer);
		if (!job_running())
			end_job();
	}
	if (all_done()) {
		G.q.end = 1;
		return;
	}
	ask();
}

static void on_answer(struct mouths *q UNUSED_PARAM, struct mouth *m)
{
	llist_add_to_end(&G.queue, m);
	schedule();
}

static void on_gone(struct mouths *q UNUSED_PARAM, struct mouth *m)
{
	llist_t **l;

	for (l = &G.queue; *l; l = &(*l)->link) {
		if ((*l)->data == (char *)m) {
			llist_pop(l);
			break;
		}
	}
	if (G.job.mouth == m) {
		/* The children read it; end_job() wipes it */
		m->answer = NULL;
		G.job.mouth = NULL;
	}
}

static void on_child(struct mouths *q UNUSED_PARAM, pid_t pid, int status)
{
	struct volume *v;

	for (v = G.volumes; v && v->pid != pid; v = v->next)
		continue;
	if (!v)
		return;
	v->pid = 0;
	if (v->state == V_SCOUT) {
		if (WIFSIGNALED(status) && !v->attempt->active) {
			v->attempt->key_failed = (v->keyfile != NULL);
			if (!v->attempt->err)
				v->attempt->err = -ENOMEM;
			snprintf(v->attempt->msg, sizeof(v->attempt->msg),
				"the attempt was killed by signal %u", WTERMSIG(status));
		}
		scout_ended(v);
	} else {
		try_ended(v, status);
		if (!job_running())
			continue_job();
	}
	schedule();
}

static bool is_absent(const struct volume *v)
{
	return (v->state == V_WAIT || v->state == V_SCOUT) && !v->attempt->device[0];
}

static int on_tick(struct mouths *q)
{
	struct volume *v;
	unsigned waited = monotonic_sec() - G.start_s;
	bool waiting = 0;

	for (v = G.volumes; v; v = v->next)
		waiting |= is_absent(v) && !v->nofail;
	if (!waiting)
		return -1;
	if (waited >= 2 && (!G.said_s || waited - G.said_s >= 30)) {
		G.said_s = waited;
		for (v = G.volumes; v; v = v->next) {
			if (is_absent(v))
				mouths_say(q, SAY_ERROR, NULL, "waiting for '%s' (%s), %u seconds so far",
					v->spec, v->name, waited);
		}
	}
	/* A name that user space makes, such as a logical volume's, comes a moment
	 * behind the kernel's event: a path is looked at each second. */
	if (waited != G.looked_s) {
		G.looked_s = waited;
		for (v = G.volumes; v; v = v->next) {
			if (is_absent(v) && (q->uevent_fd < 0 || v->spec[0] == '/'))
				v->look_again = 1;
		}
		start_scouts();
	}
	return 1000;
}

/* Whether the kernel was told to keep quiet */
static bool is_quiet(void)
{
	struct bootarg *args = bootargs_read();

	return bootargs_get(args, "quiet") != NULL;
}

/* A fragment's standard input is /dev/console: its question goes everywhere.
 * A shell's is its own terminal, and other terminals have other shells.
 */
static bool has_own_terminal(void)
{
	struct stat st;

	return isatty(STDIN_FILENO)
		&& fstat(STDIN_FILENO, &st) == 0
		&& st.st_rdev != makedev(5, 1);
}

static struct secret *read_stdin(void)
{
	struct secret *s = secret_new(MOUTH_MAX_PIPED + 1);
	ssize_t n = full_read(STDIN_FILENO, s->data, s->size);

	if (n <= 0 || n > MOUTH_MAX_PIPED) {
		secret_wipe(s);
		bb_simple_error_msg_and_die(n > 0 ? "the key on standard input is over the limit of 64 KiB"
			: "no key on standard input");
	}
	s->len = n;
	return s;
}

/* With a key on standard input there is nobody to ask: one try, one status */
static void unlock_with_stdin(void)
{
	struct volume *v = G.volumes;
	struct secret *s = read_stdin();
	int status;

	start_child(v, V_SCOUT);
	if (v->pid && safe_waitpid(v->pid, &status, 0) > 0) {
		v->pid = 0;
		scout_ended(v);
	}
	if (v->state == V_WAIT)
		fail(v, -ENODEV);
	if (v->state == V_FAILED)
		bb_error_msg("%s '%s': %s", v->name, v->spec,
			v->attempt->msg[0] ? v->attempt->msg : "there is no such device");
	if (v->state != V_ASK) {
		secret_free(s);
		return;
	}
	start_job(NULL, s);
	while (v->state == V_TRY) {
		if (safe_waitpid(v->pid, &status, 0) < 0)
			break;
		try_ended(v, status);
		if (G.job.errors)
			bb_error_msg("%s (%s): %s", v->name, v->attempt->device, v->attempt->msg);
		end_job();
	}
	if (G.job.secret) {
		/* not even started */
		secret_free(G.job.secret);
		bb_simple_error_msg_and_die("can't fork");
	}
}

static void open_volumes(void)
{
	struct volume *v;

	for (v = G.volumes; v; v = v->next) {
		v->attempt = unlock_new_attempt();
		v->look_again = 1;
	}
	G.q.on_answer = on_answer;
	G.q.on_child = on_child;
	G.q.on_uevent = look_again;
	G.q.on_gone = on_gone;
	G.q.on_tick = on_tick;
	G.q.quiet = is_quiet();
	G.start_s = monotonic_sec();
	if (G.once) {
		secret_guard_process(NULL);
		unlock_with_stdin();
		return;
	}
	/* before the first look, else what comes in between is lost */
	G.q.uevent_fd = devspec_open_uevents();
	mouths_open(&G.q);
	schedule();
	mouths_run(&G.q);
	mouths_close(&G.q, G.exit_status ? 1 : 0,
		G.exit_status ? "a volume did not open; the machine's console says why"
		: "all is open; the boot goes on");
}

static int list_volumes(void)
{
	struct volume *v;

	for (v = G.volumes; v; v = v->next)
		printf("%-16s %-48s %-24s %s\n", v->name, v->spec,
			v->keyfile ? v->keyfile : "asks", v->origin);
	fflush_stdout_and_exit(EXIT_SUCCESS);
}

static int ask_question(const char *question, bool echo)
{
	struct secret *answer;
	char *text = xasprintf("%s ", question);

	answer = mouths_choose(text, echo);
	full_write(STDOUT_FILENO, answer->data, answer->len);
	full_write(STDOUT_FILENO, "\n", 1);
	secret_free(answer);
	return EXIT_SUCCESS;
}

int luksunlock_main(int argc, char **argv) MAIN_EXTERNALLY_VISIBLE;
int luksunlock_main(int argc UNUSED_PARAM, char **argv)
{
	enum {
		OPT_a = 1 << 0,
		OPT_n = 1 << 1,
		OPT_r = 1 << 2,
		OPT_e = 1 << 3,
		OPT_q = 1 << 4,
		OPT_f = 1 << 5,
		OPT_k = 1 << 6,
		OPT_o = 1 << 7,
		OPT_c = 1 << 8,
	};
	const char *crypttab = "/etc/crypttab";
	char *question, *keyfile, *options, *command;
	unsigned opt;

	/* A login shell is a mouth and nothing else, whatever else it is told.
	 * So is one that sshd or dropbear starts with "-c COMMAND". */
	if (argv[0][0] == '-')
		return remote_mouth_main();

	INIT_G();
	opt = getopt32(argv, "anreq:f:k:o:c:", &question, &crypttab, &keyfile, &options, &command);
	argv += optind;
	if (opt & (OPT_c | OPT_r))
		return remote_mouth_main();
	if (opt & OPT_q)
		return ask_question(question, opt & OPT_e);

	if (opt & (OPT_a | OPT_n)) {
		if (argv[0])
			bb_show_usage();
		G.volumes = volumes_read(crypttab);
		if (opt & OPT_n)
			return list_volumes();
		if (!G.volumes)
			return EXIT_SUCCESS;
	} else {
		if (!argv[0] || !argv[1] || argv[2])
			bb_show_usage();
		G.volumes = volume_new(argv[1], argv[0], "command line");
		if (opt & OPT_k)
			G.volumes->keyfile = keyfile;
		if (opt & OPT_o)
			volume_set_options(G.volumes, options);
		G.q.own_terminal = has_own_terminal();
		G.once = !isatty(STDIN_FILENO) && !G.volumes->keyfile;
	}
	open_volumes();
	if ((opt & OPT_a) && G.exit_status == 0) {
		/* tells a mouth that comes later that it came late */
		int fd = open(LUKSUNLOCK_DONE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		if (fd >= 0)
			close(fd);
	}
	return G.exit_status;
}
