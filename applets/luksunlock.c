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
//config:	bool "luksunlock (38 kb and libcryptsetup)"
//config:	select VOLUMEID
//config:	select FEATURE_VOLUMEID_LUKS
//config:	select MONOTONIC_SYSCALL
//config:	help
//config:	Opens the LUKS volumes of /etc/crypttab and of the kernel's
//config:	command line. The passphrase is asked for on all consoles and,
//config:	as root's login shell, in all SSH sessions at once, and can be
//config:	given at any of them.
//config:
//config:endchoice

//applet:IF_LUKSUNLOCK(APPLET(luksunlock, BB_DIR_SBIN, BB_SUID_DROP))

//kbuild:lib-$(CONFIG_LUKSUNLOCK) += luksunlock.o

//usage:#define luksunlock_trivial_usage
//usage:       "[-k KEYFILE] [-o OPTIONS] DEVICE NAME\n"
//usage:       "luksunlock -a [-f CRYPTTAB]\n"
//usage:       "luksunlock -n [-f CRYPTTAB] [-R ROOT]\n"
//usage:       "luksunlock -t [-k KEYFILE] [-o OPTIONS] DEVICE|NAME\n"
//usage:       "luksunlock -x NAME\n"
//usage:       "luksunlock -r\n"
//usage:       "luksunlock -q QUESTION [-e]"
//usage:#define luksunlock_full_usage "\n\n"
//usage:       "Open LUKS volumes, asking on all consoles and over SSH\n"
//usage:     "\n	-a	Open all of /etc/crypttab and the kernel's command line"
//usage:     "\n	-n	Only list and check them"
//usage:     "\n	-f FILE	Read FILE instead of /etc/crypttab"
//usage:     "\n	-R DIR	Look below DIR, for another machine's boot"
//usage:     "\n	-k FILE	Key file: PATH, DEVICE or PATH:DEVICE"
//usage:     "\n	-o OPTS	Options as in crypttab(5)"
//usage:     "\n	-t	Only try the passphrase or key file"
//usage:     "\n	-x NAME	Close"
//usage:     "\n	-r	Join the question of the running luksunlock"
//usage:     "\n		(so does luksunlock as a login shell)"
//usage:     "\n	-q TEXT	Ask TEXT, print the answer"
//usage:     "\n	-e	Show what is typed"

#include "earlyboot.h"

enum {
	V_WAIT,                 /* for the device, or for memory */
	V_SCOUT,                /* a child looks for it, and tries the key file */
	V_ASK,                  /* for a passphrase, or for the key file's device */
	V_TRY,                  /* a child tries a passphrase */
	V_OPEN,
	V_FAILED,
};

enum {
	/* What a child takes besides its key derivation */
	OVERHEAD_KIB = 4 * 1024,

	/* What opens by its own key within that needs no question. Who waits for
	 * longer gets words, the first after two seconds. */
	SILENT_MS = 1000,
};

/* One answer on its way through the volumes */
struct job {
	struct mouth *mouth;    /* NULL: gone, or standard input */
	struct secret *secret;
	char *name;             /* of the mouth */
	bool piped;
	bool last_newline_off;  /* second round, without it */
	unsigned start_s;
	unsigned said_s;        /* when its length was last spoken of */
	unsigned opened;
	unsigned wrong;
	unsigned errors;
};

struct globals {
	struct mouths q;
	struct volume *volumes;
	llist_t *queue;         /* mouths whose answers wait, in their order */
	llist_t *complaints;    /* of the configuration, until there are mouths */
	struct job job;         /* .secret NULL: none is tried now */
	unsigned idle_kib;      /* what was available when no child derived */
	unsigned start_s;
	unsigned said_s;        /* when a wait was last spoken of */
	unsigned looked_s;      /* when paths were last looked at */
	unsigned deriving_s;    /* since when, or of the last dot; 0: nothing is derived */
	bool once;              /* the key came from standard input: no asking */
	int exit_status;
} FIX_ALIASING;
#define G (*ptr_to_globals)
#define INIT_G() do { \
	SET_PTR_TO_GLOBALS(xzalloc(sizeof(G))); \
} while (0)

/* Never 0, not in the machine's first second either */
static unsigned now_s(void)
{
	return monotonic_sec() + 1;
}

static void say_error(const char *fmt, ...)
	__attribute__ ((format (printf, 1, 2)));
static void say_error(const char *fmt, ...)
{
	char *line;
	va_list p;

	va_start(p, fmt);
	if (vasprintf(&line, fmt, p) < 0)
		bb_die_memory_exhausted();
	va_end(p);
	if (G.once)
		bb_simple_error_msg(line);
	else
		mouths_say(&G.q, SAY_ERROR, NULL, "%s", line);
	free(line);
}

static const char no_result[] ALIGN1 = "the attempt ended without a result";

/* What is known of V's next attempt where its child ends without a word: that was
 * for want of memory.
 */
static void expect_nothing(struct volume *v)
{
	v->attempt->err = -ENOMEM;
	strcpy(v->attempt->msg, no_result);
	v->attempt->key_failed = v->attempt->deriving = 0;
}

/* Hears what came of a key, from V's child, which has ended with STATUS. What one has
 * told that died on its way (no memory) is no result, unless V is open.
 */
static void hear_result(struct volume *v, int status)
{
	struct attempt *a = v->attempt;

	unlock_hear(v);
	if (WIFEXITED(status) && WEXITSTATUS(status) != EXIT_SUCCESS && !a->active)
		expect_nothing(v);
}

/* Starts the work of STATE on V in a child, which must not touch terminals or
 * other secrets on its way out.
 */
static void start_child(struct volume *v, int state)
{
	pid_t pid;

	expect_nothing(v);
	pid = unlock_fork(v);
	if (pid < 0) {
		v->attempt->err = -errno;
		say_error("can't fork: %s", strerror(errno));
		return;
	}
	if (pid == 0) {
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
		unlock_tell(v);
		_exit(EXIT_SUCCESS);
	}
	v->pid = pid;
	v->state = state;
}

/* --- memory --- */

/* Whether a child has memory for itself; it may not have touched all of it yet */
static bool memory_reserved(unsigned *sum)
{
	struct volume *v;

	*sum = 0;
	for (v = G.volumes; v; v = v->next) {
		if (v->pid)
			*sum += v->reserved_kib;
	}
	return *sum != 0;
}

/* What one more child may take: of what was available when none had any, that
 * which those at work have not reserved
 */
static unsigned spare_kib(void)
{
	unsigned reserved;

	if (!memory_reserved(&reserved))
		G.idle_kib = meminfo_available_kib();
	reserved += OVERHEAD_KIB;
	return G.idle_kib > reserved ? G.idle_kib - reserved : 0;
}

/* Says once, before it is tried, that the memory is short for the key of V. */
static void say_memory(struct volume *v)
{
	unsigned available = meminfo_available_kib();

	if (v->said_memory || v->attempt->kib <= available)
		return;
	v->said_memory = 1;
	say_error("%s: its key takes %u MiB to derive, %u MiB are available",
		v->name, v->attempt->kib / 1024, available / 1024);
}

/* Whether V may derive its key now: beside others where memory is enough for
 * all, else alone
 */
static bool may_derive(struct volume *v)
{
	unsigned reserved;

	if (v->attempt->kib <= spare_kib())
		return 1;
	if (memory_reserved(&reserved))
		return 0;
	say_memory(v);
	return 1;
}

/* --- devices --- */

static void ask(void);
static bool all_done(void);
static void schedule(void);

static bool has_own_key(const struct volume *v)
{
	return v->try_empty || (v->key.text && !v->key_over);
}

/* Whether it is time to look (again) for the device of V, or of its key */
static bool wants_scout(const struct volume *v)
{
	if (!v->look_again)
		return 0;
	/* while an answer is tried, V has to be there for it */
	return v->state == V_WAIT
		|| (v->state == V_ASK && v->key_since_s && !v->key_over && !G.job.secret);
}

static void start_scout(struct volume *v, unsigned budget_kib)
{
	v->look_again = 0;
	v->attempt->budget_kib = budget_kib;
	if (!has_own_key(v) || !budget_kib)
		v->reserved_kib = 0;
	else if (budget_kib == ATTEMPT_MAY_TAKE_ALL)
		v->reserved_kib = budget_kib;
	else
		v->reserved_kib = MIN(budget_kib, G.idle_kib) + OVERHEAD_KIB;
	start_child(v, V_SCOUT);
	if (v->state != V_SCOUT) {
		v->look_again = 1;
		return;
	}
	/* of an earlier look; the child has yet to tell */
	v->attempt->loaded = v->attempt->key_waits = 0;
	v->attempt->device[0] = '\0';
}

static void start_scouts(void)
{
	struct volume *v;
	unsigned keys = 0, share = 0, reserved;

	for (v = G.volumes; v; v = v->next)
		keys += (wants_scout(v) && has_own_key(v) && !v->attempt->key_waits);
	/* What their keys take is not known before their headers are read. One alone
	 * asks what there is if it takes any, and most boots have one. */
	if (keys == 1 && !memory_reserved(&reserved))
		share = ATTEMPT_MAY_TAKE_ALL;
	else if (keys)
		share = spare_kib() / keys;
	for (v = G.volumes; v; v = v->next) {
		if (!wants_scout(v))
			continue;
		if (!v->attempt->key_waits)
			start_scout(v, share);
		else if (may_derive(v))
			start_scout(v, v->attempt->kib);
	}
}

/* V was unplugged: it may come back under another name. */
static void wait_again(struct volume *v)
{
	v->attempt->device[0] = '\0';
	v->ask_since_s = 0;
	v->absent_since_s = now_s();
	v->state = V_WAIT;
	v->look_again = 1;
}

static void look_again(struct mouths *q UNUSED_PARAM)
{
	struct volume *v;

	for (v = G.volumes; v; v = v->next) {
		v->look_again = 1;
		if (v->state == V_ASK && access(v->attempt->device, F_OK) != 0) {
			char *device = xstrdup(v->attempt->device);

			wait_again(v);
			ask();
			say_error("%s (%s): it is gone", v->name, device);
			free(device);
		}
	}
	schedule();
}

static void fail(struct volume *v, int err)
{
	v->state = V_FAILED;
	v->ask_since_s = 0;
	if (!v->nofail && !G.exit_status)
		G.exit_status = unlock_exit_status(err);
}

static bool is_asked(const struct volume *v)
{
	return v->ask_since_s != 0;
}

static void set_open(struct volume *v)
{
	struct volume *other = G.volumes;

	v->state = V_OPEN;
	v->ask_since_s = 0;
	/* who is asked for the others wants to know which is done */
	while (other && !is_asked(other))
		other = other->next;
	if (G.job.secret)
		mouths_say(&G.q, other ? SAY_ERROR : SAY_STATE, NULL,
			"%s is open, by the passphrase from %s, after %u seconds",
			v->name, G.job.name, now_s() - G.job.start_s);
	else
		mouths_say(&G.q, other ? SAY_ERROR : SAY_STATE, NULL, "%s is open", v->name);
}

/* V is there, and its key file did not open it. */
static void begin_to_ask(struct volume *v)
{
	if (!v->headless) {
		if (!v->ask_since_s)
			v->ask_since_s = now_s();
	} else {
		say_error("%s (%s): no passphrase is asked for, it is headless",
			v->name, v->attempt->device);
		fail(v, -EPERM);
	}
}

static void key_file_failed(struct volume *v)
{
	struct attempt *a = v->attempt;

	v->key_over = 1;
	v->state = V_ASK;
	say_error("%s: key file '%s': %s", v->name, v->key.text,
		a->err == -EPERM ? "it fits no key slot" : a->msg);
	begin_to_ask(v);
}

/* The header was read, and no key file has opened the volume or failed to. */
static void now_there(struct volume *v)
{
	struct attempt *a = v->attempt;

	v->try_empty = 0;
	v->state = V_ASK;
	if (!v->ask_since_s)
		say_memory(v);
	if (a->key_absent && !v->key_since_s)
		v->key_since_s = now_s();
	if (!a->key_absent)
		begin_to_ask(v);
}

static void scout_ended(struct volume *v)
{
	struct attempt *a = v->attempt;

	v->state = V_WAIT;
	if (a->note[0])
		say_error("%s (%s): %s", v->name, a->device, a->note);
	a->note[0] = '\0';
	if (a->active) {
		set_open(v);
	} else if (a->key_waits) {
		v->look_again = 1;
	} else if (a->key_failed) {
		key_file_failed(v);
	} else if (a->err == 0) {
		now_there(v);
	} else if (a->device[0]) {
		say_error("%s (%s): %s", v->name, a->device, a->msg);
		fail(v, a->err);
	} else {
		if (is_asked(v)) /* it was there, and went */
			v->absent_since_s = now_s();
		v->ask_since_s = 0;
		if (a->msg[0])
			say_error("%s '%s': %s", v->name, v->spec, a->msg);
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

		if (!is_asked(v))
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
	if (text && !G.once && !all_done()) {
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

/* Whether one that is asked for is just being looked at: it has to get the
 * answer too.
 */
static bool job_has_to_wait(void)
{
	struct volume *v;

	for (v = G.volumes; v; v = v->next) {
		if (v->state == V_SCOUT && is_asked(v))
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

	for (v = G.volumes; v; v = v->next) {
		if (v->state != V_ASK || v->tried || v->headless || !may_derive(v))
			continue;
		v->tried = 1;
		v->reserved_kib = v->attempt->kib + OVERHEAD_KIB;
		start_child(v, V_TRY);
		if (v->state != V_TRY)
			G.job.errors++;
	}
}

static void begin_round(void)
{
	struct volume *v;

	for (v = G.volumes; v; v = v->next)
		v->tried = v->misfit = 0;
	continue_job();
}

static void start_job(struct mouth *m, struct secret *s)
{
	memset(&G.job, 0, sizeof(G.job));
	G.job.mouth = m;
	G.job.secret = s;
	G.job.name = xstrdup(m ? m->name : "standard input");
	G.job.piped = m ? m->piped : 1;
	G.job.start_s = now_s();
	if (m)
		mouths_say(&G.q, SAY_STATE, NULL, "trying the passphrase from %s", m->name);
	begin_round();
}

/* The first round of a key that ends in a newline is half a try */
static bool second_round_follows(void)
{
	const struct secret *s = G.job.secret;

	return G.job.piped && !G.job.last_newline_off
		&& s->len > 1 && s->data[s->len - 1] == '\n';
}

/* The answer fitted none: a try is used up. One that opened a volume was meant
 * for that, and says nothing of the others.
 */
static void count_tries(void)
{
	struct volume *v;

	for (v = G.volumes; v; v = v->next) {
		/* nobody was wrong about one that waits for its key */
		if (!v->misfit || v->state != V_ASK || !is_asked(v))
			continue;
		v->wrong++;
		v->ask_since_s = now_s();
		if (v->tries && v->wrong >= v->tries) {
			say_error("%s: no more tries (tries=%u)", v->name, v->tries);
			fail(v, -EPERM);
		}
	}
}

static void end_job(void)
{
	struct job *j = &G.job;
	const char *line = NULL;

	if (j->wrong && !j->opened && !j->errors) {
		/* echo and editors put a newline behind a passphrase */
		if (second_round_follows()) {
			j->last_newline_off = 1;
			j->wrong = 0;
			j->secret->len--;
			begin_round();
			return;
		}
		line = "wrong passphrase";
		mouths_say(&G.q, SAY_STATE, j->mouth, "wrong passphrase from %s", j->name);
		if (G.once) {
			bb_simple_error_msg("wrong passphrase");
			G.exit_status = 2;
		}
		count_tries();
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

static void try_failed(struct volume *v)
{
	struct attempt *a = v->attempt;

	if (a->err == -EPERM) {
		G.job.wrong++;
		v->misfit = 1;
		return;
	}
	G.job.errors++;
	if (G.once)
		G.exit_status = unlock_exit_status(a->err);
	say_error("%s (%s): %s", v->name, a->device, a->msg);
	if (!a->device[0] || access(a->device, F_OK) != 0)
		wait_again(v);
}

static void try_ended(struct volume *v, int status)
{
	struct attempt *a = v->attempt;

	v->state = V_ASK;
	if (WIFSIGNALED(status) && !a->active) {
		a->err = -ENOMEM;
		snprintf(a->msg, sizeof(a->msg),
			"the attempt was killed by signal %u; deriving its key takes %u MiB, %u MiB are available",
			WTERMSIG(status), a->kib / 1024, meminfo_available_kib() / 1024);
	}
	/* That a header is damaged the scout has said; that it was restored, or
	 * that a key slot is damaged, comes to light only now */
	if (a->note[0] && (a->active || a->err == -EPERM))
		say_error("%s (%s): %s", v->name, a->device, a->note);
	a->note[0] = '\0';
	if (a->active) {
		G.job.opened++;
		set_open(v);
	} else {
		try_failed(v);
	}
}

/* --- the schedule --- */

/* Whether the boot waits for V. For one with nofail it does so only while
 * something is at work, or has a limit: else it would stand still at the
 * passphrase of a disk that it can do without.
 */
static bool is_waited_for(const struct volume *v)
{
	if (v->state == V_OPEN || v->state == V_FAILED)
		return 0;
	if (!v->nofail)
		return 1;
	if (v->state == V_WAIT)
		return v->look_again;
	if (v->state == V_ASK)
		return is_asked(v) ? v->ask_timeout_s != 0 : v->key_timeout_s != 0;
	return 1;
}

static bool all_done(void)
{
	struct volume *v = G.volumes;

	while (v && !is_waited_for(v))
		v = v->next;
	return !v;
}

static void say_unwaited(void)
{
	struct volume *v;

	for (v = G.volumes; v; v = v->next) {
		if (v->state == V_ASK)
			say_error("%s (%s) stays closed; the boot does not wait for its passphrase (nofail)",
				v->name, v->attempt->device);
	}
}

/* Brings everything to where it can be now; after each event. */
static void schedule(void)
{
	start_scouts();
	if (G.job.secret && !job_running())
		continue_job();
	if (G.job.secret && !job_running() && !job_has_to_wait())
		end_job();
	/* What still waits when all is open is told so, and not tried. */
	while (!G.job.secret && G.queue && !G.q.end && !all_done() && !job_has_to_wait()) {
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
	mouths_queue(&G.queue, m);
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

/* The child of V has died on its way: whatever it has told is no result. */
static void scout_was_cut(struct volume *v, int status)
{
	struct attempt *a = v->attempt;

	a->key_failed = has_own_key(v);
	if (!WIFSIGNALED(status) && !a->key_failed) {
		/* a passphrase may open it all the same */
		if (a->device[0])
			strcpy(a->note, no_result);
		return;
	}
	if (!a->err)
		a->err = -ENOMEM;
	if (!WIFSIGNALED(status)) {
		strcpy(a->msg, no_result);
		return;
	}
	snprintf(a->msg, sizeof(a->msg), "the attempt was killed by signal %u", WTERMSIG(status));
	if (a->loaded)
		snprintf(a->msg, sizeof(a->msg),
			"the attempt was killed by signal %u; deriving its key takes %u MiB, %u MiB are available",
			WTERMSIG(status), a->kib / 1024, meminfo_available_kib() / 1024);
}

static void child_ended(struct volume *v, int status)
{
	v->pid = 0;
	if (v->state == V_SCOUT) {
		unlock_hear(v);
		if (status != 0 && !v->attempt->active)
			scout_was_cut(v, status);
		scout_ended(v);
	} else {
		hear_result(v, status);
		try_ended(v, status);
	}
}

static void on_child(struct mouths *q UNUSED_PARAM, pid_t pid, int status)
{
	struct volume *v;

	for (v = G.volumes; v && v->pid != pid; v = v->next)
		continue;
	if (v) {
		child_ended(v, status);
		schedule();
	}
}

/* --- time --- */

static bool is_absent(const struct volume *v)
{
	return (v->state == V_WAIT || v->state == V_SCOUT)
		&& !v->attempt->device[0] && !v->attempt->key_waits;
}

static unsigned absent_since(const struct volume *v)
{
	return v->absent_since_s ? v->absent_since_s : G.start_s;
}

/* Whether the device of its key file is what V waits for */
static bool lacks_key(const struct volume *v)
{
	return v->state == V_ASK && v->key_since_s && !v->key_over && !is_asked(v);
}

/* Whether LIMIT (0: none) has passed since SINCE. Both may lie in the midst of a
 * second, and a limit is no shorter than it says.
 */
static bool is_over(unsigned since, unsigned limit)
{
	return limit && now_s() - since > limit;
}

static void check_limits(struct volume *v)
{
	if (is_absent(v) && is_over(absent_since(v), v->device_timeout_s)) {
		if (v->pid)
			return; /* it is just being looked for */
		say_error("%s '%s': it did not come within %u seconds",
			v->name, v->attempt->absent[0] ? v->attempt->absent : v->spec, v->device_timeout_s);
		fail(v, -ENODEV);
	} else if (lacks_key(v) && is_over(v->key_since_s, v->key_timeout_s)) {
		begin_to_ask(v);
	} else if (v->state == V_ASK && is_asked(v) && !G.job.secret
	 && is_over(v->ask_since_s, v->ask_timeout_s)
	) {
		say_error("%s (%s): no passphrase came within %u seconds",
			v->name, v->attempt->device, v->ask_timeout_s);
		fail(v, -ETIMEDOUT);
	}
}

static void say_waits(void)
{
	struct volume *v;
	unsigned waited = now_s() - G.start_s;

	if (waited < 2 || (G.said_s && waited - G.said_s < 30))
		return;
	for (v = G.volumes; v; v = v->next) {
		const char *absent = v->attempt->absent;

		if (!is_absent(v) && !lacks_key(v))
			continue;
		G.said_s = waited;
		say_error("waiting for '%s' (%s%s), %u seconds so far",
			absent[0] ? absent : v->spec, lacks_key(v) ? "the key of " : "", v->name,
			now_s() - absent_since(v));
	}
}

/* A name that user space makes, such as a logical volume's, comes a moment
 * behind the kernel's event: a path is looked at each second.
 */
static void look_at_paths(void)
{
	struct volume *v;
	unsigned now = now_s();

	if (now == G.looked_s)
		return;
	G.looked_s = now;
	for (v = G.volumes; v; v = v->next) {
		const char *absent = v->attempt->absent;
		bool by_path = (absent[0] ? absent : v->spec)[0] == '/';

		if (is_absent(v) ? by_path || G.q.uevent_fd < 0
			: v->key_since_s && !v->key_over && by_path && access(absent, F_OK) == 0
		)
			v->look_again = 1;
	}
}

/* A sign of life, each second that a derivation goes on */
static void dot(void)
{
	struct volume *v = G.volumes;

	while (v && v->state != V_TRY && !(v->state == V_SCOUT && v->attempt->deriving))
		v = v->next;
	if (!v) {
		G.deriving_s = 0;
	} else if (!G.deriving_s) {
		G.deriving_s = now_s();
	} else if (G.deriving_s != now_s()) {
		G.deriving_s = now_s();
		mouths_dot(&G.q);
	}
}

/* Whether something of V depends on the time */
static bool has_a_clock(const struct volume *v)
{
	return v->pid || (is_absent(v) && !(v->nofail && !v->device_timeout_s))
		|| (v->state == V_ASK && ((v->key_since_s && !v->key_over)
			|| (is_asked(v) && v->ask_timeout_s)));
}

/* Deriving a key can take long enough for somebody to think that all is dead */
static void say_progress(void)
{
	unsigned seconds = now_s() - G.job.start_s;

	if (G.job.secret && seconds >= 5 && seconds - G.job.said_s >= 5) {
		G.job.said_s = seconds;
		mouths_say(&G.q, SAY_STATE, NULL, "still trying the passphrase from %s, %u seconds so far",
			G.job.name, seconds);
	}
}

static int on_tick(struct mouths *q)
{
	struct volume *v;
	bool clock = 0;

	for (v = G.volumes; v; v = v->next) {
		unlock_hear(v);
		clock |= has_a_clock(v);
	}
	if (!clock && !G.job.secret)
		return -1;
	for (v = G.volumes; v; v = v->next)
		check_limits(v);
	say_waits();
	say_progress();
	look_at_paths();
	dot();
	schedule();
	return q->end ? 0 : 1000;
}

/* --- */

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

static void complain(const char *line)
{
	llist_add_to_end(&G.complaints, xstrdup(line));
}

static void say_complaints(bool at_mouths)
{
	char *line;

	while ((line = llist_pop(&G.complaints)) != NULL) {
		if (!at_mouths)
			bb_simple_error_msg(line);
		else
			mouths_say(&G.q, is_prefixed_with(line, "note: ") ? SAY_STATE : SAY_ERROR,
				NULL, "%s", line);
		free(line);
	}
}

/* With a key on standard input there is nobody to ask: one try, one status */
static void unlock_with_stdin(void)
{
	struct volume *v = G.volumes;
	struct secret *s = read_stdin();
	int status;

	say_complaints(0);
	start_scout(v, UINT_MAX);
	if (v->pid && safe_waitpid(v->pid, &status, 0) > 0)
		child_ended(v, status);
	if (v->state == V_WAIT) {
		if (v->attempt->absent[0])
			say_error("%s: there is no device '%s'", v->name, v->attempt->absent);
		fail(v, -ENODEV);
	}
	if (v->state != V_ASK) {
		secret_free(s);
		return;
	}
	start_job(NULL, s);
	while (v->state == V_TRY) {
		if (safe_waitpid(v->pid, &status, 0) < 0)
			break;
		child_ended(v, status);
		end_job();
	}
	if (G.job.secret) {
		/* not even started */
		secret_free(G.job.secret);
		bb_simple_error_msg_and_die("can't fork");
	}
}

/* Whether all volumes may open by their own keys, with nothing to say of it */
static bool may_be_silent(void)
{
	struct volume *v = G.volumes;

	while (v && has_own_key(v))
		v = v->next;
	return !v && G.q.quiet && !G.q.own_terminal && !G.complaints
		/* another asks, perhaps: see mouths_open() */
		&& access(LUKSUNLOCK_SOCKET, F_OK) != 0;
}

/* Waits until the child of a volume ends, for MS milliseconds at most: then the pipe by
 * which it tells is closed. Returns the volume; NULL: none has ended.
 */
static struct volume *whose_child_ends(int ms)
{
	struct volume *v;
	struct pollfd *pfds = NULL;
	unsigned n = 0;

	for (v = G.volumes; v; v = v->next) {
		if (!v->pid)
			continue;
		pfds = xrealloc_vector(pfds, 3, n);
		/* and nothing else: what it tells on its way wakes nobody */
		pfds[n++].fd = v->attempt_fd;
	}
	if (n && safe_poll(pfds, n, ms) > 0) {
		v = G.volumes;
		for (n = 0; !v->pid || !pfds[n++].revents; v = v->next)
			continue;
	}
	free(pfds);
	return v;
}

/* Lets volumes open by their own keys while no terminal is touched and no socket
 * is there: a boot that needs nobody is the shorter by that. Returns the first
 * whose child has ended in another way, and *STATUS of that; NULL: there is none,
 * and who is not open yet still has its child.
 */
static struct volume *open_silently(int *status)
{
	unsigned start = monotonic_ms();

	secret_guard_process(NULL);
	/* who ignores it has no children to wait for */
	signal(SIGCHLD, SIG_DFL);
	start_scouts();
	while (!all_done()) {
		int left = SILENT_MS - (int)((unsigned)monotonic_ms() - start);
		struct volume *v = left > 0 ? whose_child_ends(left) : NULL;

		if (!v || safe_waitpid(v->pid, status, 0) < 0)
			break;
		unlock_hear(v);
		if (!v->attempt->active || v->attempt->note[0])
			return v;
		child_ended(v, *status);
	}
	return NULL;
}

static void open_volumes(void)
{
	struct volume *v, *ended = NULL;
	int status;

	for (v = G.volumes; v; v = v->next) {
		v->attempt = xzalloc(sizeof(*v->attempt));
		v->look_again = 1;
	}
	G.q.on_answer = on_answer;
	G.q.on_child = on_child;
	G.q.on_uevent = look_again;
	G.q.on_gone = on_gone;
	G.q.on_tick = on_tick;
	G.q.quiet = is_quiet();
	G.start_s = now_s();
	if (G.once) {
		secret_guard_process(NULL);
		unlock_with_stdin();
		return;
	}
	if (may_be_silent()) {
		ended = open_silently(&status);
		if (!ended && all_done())
			return;
		/* nobody has heard yet of what came since the first look */
		for (v = G.volumes; v; v = v->next)
			v->look_again = 1;
	}
	/* before the first look, else what comes in between is lost */
	G.q.uevent_fd = devspec_open_uevents();
	mouths_open(&G.q);
	/* A child that has ended before mouths_open() has left no signal. */
	raise(SIGCHLD);
	say_complaints(1);
	if (ended)
		child_ended(ended, status);
	schedule();
	mouths_run(&G.q);
	mouths_ask(&G.q, NULL);
	say_unwaited();
	mouths_close(&G.q, G.exit_status ? 1 : 0,
		G.exit_status ? "a volume did not open; the machine's console says why"
		: "all is open; the boot goes on");
}

/* One passphrase, or the key file, on one volume, which stays closed. Returns
 * the exit status.
 */
static int test_volume(struct volume *v, struct secret *s)
{
	struct attempt *a = v->attempt;
	int status;

	a->budget_kib = meminfo_available_kib();
	G.job.secret = s;
	G.job.piped = 1;
	for (;;) {
		pid_t pid;

		expect_nothing(v);
		pid = unlock_fork(v);
		if (pid < 0)
			bb_simple_perror_msg_and_die("can't fork");
		if (pid == 0) {
			if (s)
				secret_lock_again(s);
			unlock_test(v, s);
			unlock_tell(v);
			fflush_all();
			_exit(EXIT_SUCCESS);
		}
		if (safe_waitpid(pid, &status, 0) < 0)
			bb_simple_perror_msg_and_die("waitpid");
		hear_result(v, status);
		if (a->err != -EPERM || !s || !second_round_follows())
			break;
		G.job.last_newline_off = 1;
		s->len--;
	}
	secret_free(s);
	if (a->note[0])
		bb_error_msg("%s: %s", v->name, a->note);
	if (WIFSIGNALED(status)) {
		bb_error_msg("%s: the attempt was killed by signal %u; deriving its key takes %u MiB, %u MiB are available",
			v->name, WTERMSIG(status), a->kib / 1024, meminfo_available_kib() / 1024);
		return unlock_exit_status(-ENOMEM);
	}
	if (a->key_absent || (a->err == -ENODEV && !a->msg[0])) {
		bb_error_msg("%s: there is no device '%s'", v->name, a->absent);
		return unlock_exit_status(-ENODEV);
	}
	if (a->err == -EPERM)
		bb_error_msg("%s: %s", v->name, s ? "wrong passphrase" : "the key file fits no key slot");
	else if (a->err)
		bb_error_msg("%s: %s", v->name, a->msg);
	else
		printf("%s: key slot %d, %s, %u MiB, %u.%03u seconds\n", a->device, a->slot,
			a->kdf, a->kib / 1024, a->ms / 1000, a->ms % 1000);
	fflush_all();
	return unlock_exit_status(a->err);
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

/* The volume that -t is to try: one of the list by its NAME, or a device */
static struct volume *find_volume(const char *crypttab, const char *name)
{
	struct volume *v;

	if (!strchr(name, '/') && !strchr(name, '=')) {
		for (v = volumes_find(crypttab, bootargs_read()); v; v = v->next) {
			if (strcmp(v->name, name) == 0) {
				v->next = NULL;
				return v;
			}
		}
		bb_error_msg_and_die("%s: no volume of this name is configured", name);
	}
	return volume_new(name, name, "command line");
}

static int test(struct volume *v)
{
	struct secret *s = NULL;

	secret_guard_process(NULL);
	v->attempt = xzalloc(sizeof(*v->attempt));
	if (!v->key.text && isatty(STDIN_FILENO)) {
		char *question = xasprintf("Passphrase for %s: ", v->name);

		s = mouths_choose_here(question);
		secret_guard_process(NULL);
		free(question);
	} else if (!v->key.text) {
		s = read_stdin();
	}
	return test_volume(v, s);
}

static void set_from_arguments(struct volume *v, const char *keyfile, const char *options)
{
	if (keyfile)
		volume_set_key(v, keyfile, "command line");
	if (options)
		volume_set_options(v, options, "command line");
}

/* Opens all volumes of CRYPTTAB and of the kernel command line. Returns the exit
 * status.
 */
static int open_all(const char *crypttab)
{
	int fd;

	volumes_say = complain;
	G.volumes = volumes_find(crypttab, bootargs_read());
	if (!G.volumes) {
		say_complaints(0);
		return EXIT_SUCCESS;
	}
	open_volumes();
	if (G.exit_status != 0)
		return G.exit_status;
	/* Tells a mouth that comes later that it came late. Nobody may have asked. */
	mkdir(LUKSUNLOCK_DIR, 0700);
	fd = open(LUKSUNLOCK_DONE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return EXIT_SUCCESS;
}

/* For a child of earlyinit: does what "luksunlock -a" does, and returns its exit
 * status.
 */
int FAST_FUNC luksunlock_all(void)
{
	INIT_G();
	return open_all("/etc/crypttab");
}

int luksunlock_main(int argc, char **argv) MAIN_EXTERNALLY_VISIBLE;
int luksunlock_main(int argc UNUSED_PARAM, char **argv)
{
	enum {
		OPT_a = 1 << 0,
		OPT_n = 1 << 1,
		OPT_r = 1 << 2,
		OPT_e = 1 << 3,
		OPT_t = 1 << 4,
		OPT_q = 1 << 5,
		OPT_f = 1 << 6,
		OPT_k = 1 << 7,
		OPT_o = 1 << 8,
		OPT_c = 1 << 9,
		OPT_x = 1 << 10,
		OPT_R = 1 << 11,
	};
	const char *crypttab = "/etc/crypttab";
	char *question, *command, *name, *root = NULL;
	char *keyfile = NULL, *options = NULL;
	unsigned opt;

	/* A login shell is a mouth and nothing else, whatever else it is told.
	 * So is one that sshd or dropbear starts with "-c COMMAND". */
	if (argv[0][0] == '-')
		return remote_mouth_main(0);

	INIT_G();
	opt = getopt32(argv, "^" "anretq:f:k:o:c:x:R:" "\0" "a--nqtxr:n--aqtxr:t--anqxr:x--anqtr:q--antxr",
			&question, &crypttab, &keyfile, &options, &command, &name, &root);
	argv += optind;
	if (opt & (OPT_c | OPT_r))
		return remote_mouth_main(opt & OPT_c);
	if (opt & OPT_q)
		return ask_question(question, opt & OPT_e);
	if (opt & OPT_x) {
		if (argv[0])
			bb_show_usage();
		return unlock_exit_status(unlock_close(name));
	}
	if (opt & OPT_n) {
		if (argv[0])
			bb_show_usage();
		return volumes_list(crypttab, root);
	}
	if (opt & OPT_t) {
		struct volume *v;

		if (!argv[0] || argv[1])
			bb_show_usage();
		v = find_volume(crypttab, argv[0]);
		set_from_arguments(v, keyfile, options);
		return test(v);
	}

	if (opt & OPT_a) {
		if (argv[0])
			bb_show_usage();
		return open_all(crypttab);
	}
	if (!argv[0] || !argv[1] || argv[2])
		bb_show_usage();
	volumes_say = complain;
	G.volumes = volume_new(argv[1], argv[0], "command line");
	set_from_arguments(G.volumes, keyfile, options);
	G.q.own_terminal = has_own_terminal();
	G.once = !isatty(STDIN_FILENO) && !G.volumes->key.text;
	open_volumes();
	return G.exit_status;
}
