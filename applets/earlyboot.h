/* vi: set sw=4 ts=4: */
/*
 * What the applets of early userspace share.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
#ifndef EARLYBOOT_H
#define EARLYBOOT_H 1

#include "libbb.h"

PUSH_AND_SET_FUNCTION_VISIBILITY_TO_HIDDEN

/* Where a mouth finds the question, and how it knows that all is open */
#define LUKSUNLOCK_DIR    "/run/luksunlock"
#define LUKSUNLOCK_SOCKET LUKSUNLOCK_DIR"/socket"
#define LUKSUNLOCK_DONE   LUKSUNLOCK_DIR"/done"

/* bootargs.c */

struct bootarg {
	const char *name;       /* NULL ends the array */
	const char *value;      /* NULL where the word has no '=' */
};

struct bootarg *bootargs_parse(char *line) FAST_FUNC;
struct bootarg *bootargs_read(void) FAST_FUNC;
const char *bootargs_get(const struct bootarg *args, const char *name) FAST_FUNC;

/* devspec.c */

bool devspec_is_device(const char *spec) FAST_FUNC;
char *devspec_find(const char *spec, char **ambiguous) FAST_FUNC;
int devspec_open_uevents(void) FAST_FUNC;
bool devspec_read_uevents(int fd) FAST_FUNC;
char *devspec_wait(const char *spec, const char *what, unsigned timeout_s) FAST_FUNC;

/* mounts.c */

bool mounted_at(const char *point) FAST_FUNC;

/* selfexec.c */

void selfexec_init(void) FAST_FUNC;
void selfexec(const char *const *argv) FAST_FUNC;
void selfexec_reset_signals(void) FAST_FUNC;

/* secret.c */

struct secret {
	struct secret *next;    /* all of them are wiped at exit */
	char *data;             /* locked and shared with forked children */
	unsigned size;          /* of the mapping, bytes */
	unsigned len;           /* bytes in use */
	int fd;                 /* memfd that another process writes; or -1 */
};

void secret_guard_process(void (*at_end)(void)) FAST_FUNC;
struct secret *secret_new(unsigned size) FAST_FUNC;
struct secret *secret_new_passable(unsigned size) FAST_FUNC;
char *secret_map(int fd, unsigned size) FAST_FUNC;
void secret_lock_again(struct secret *s) FAST_FUNC;
void secret_wipe(struct secret *s) FAST_FUNC;
void secret_wipe_all(void) FAST_FUNC;
void secret_free(struct secret *s) FAST_FUNC;

/* mouths.c */

enum {
	MOUTH_MAX_TYPED = 512,        /* bytes; cryptsetup(8) has the same limit */
	MOUTH_MAX_PIPED = 64 * 1024,  /* bytes of a key that comes through SSH */
	MOUTH_MAX_REMOTE = 32,        /* SSH sessions at one time */
	MOUTH_MAX_TEXT = 1024,        /* bytes of one message to a remote mouth */
};

/* What the owner of the question and a remote mouth say to each other: one
 * packet each, a letter and then text. The answer itself is in no packet:
 * it lies in a page that both map, which MSG_PAGE carries as a descriptor.
 */
enum {
	MSG_PAGE     = 'P',     /* owner: here is your page */
	MSG_TEXT     = 'T',     /* owner: show these lines */
	MSG_QUESTION = 'Q',     /* owner: ask this; '+' before the text: with echo */
	MSG_DONE     = 'D',     /* owner: exit status as a digit, and a last line */
	MSG_NAME     = 'N',     /* mouth: who I am */
	MSG_ANSWER   = 'A',     /* mouth: uint32_t length: a line is in the page */
	MSG_KEY      = 'K',     /* mouth: uint32_t length: all of stdin is there */
	MSG_AGAIN    = 'E',     /* mouth: an empty line; draw again */
};

struct mouth {
	struct mouth *next;
	int fd;
	bool remote;            /* a client of the socket; else a terminal */
	bool named;             /* a client that has said who it is */
	bool piped;             /* its answer was a whole standard input */
	bool busy;              /* its answer is queued or being tried */
	bool drawn;             /* the question stands on its last line */
	bool too_long;          /* the line so far was over the limit */
	uint8_t eofs;           /* reads of nothing in a row */
	char *name;             /* "console ttyS0", "ssh 192.0.2.7" */
	struct secret *answer;
	struct secret *page;    /* of a session: shared with its other end */
	struct termios old_termios;
};

/* The one question. Set before mouths_open(): the hooks and ECHO. */
struct mouths {
	struct mouth *list;
	char *question;         /* NULL: nothing is asked now */
	bool echo;              /* what is typed may be seen */
	bool quiet;             /* consoles show questions and errors alone */
	bool own_terminal;      /* ask on standard input's terminal alone */
	bool socket_optional;   /* another may own the socket: consoles alone then */
	bool end;               /* set by a hook: leave mouths_run() */
	void *user;
	/* an answer came: it lies in M->ANSWER, M is busy until mouths_reply() */
	void (*on_answer)(struct mouths *q, struct mouth *m);
	void (*on_child)(struct mouths *q, pid_t pid, int status);
	void (*on_uevent)(struct mouths *q);
	/* returns in how many ms it wants to be called again; -1: never */
	int (*on_tick)(struct mouths *q);
	void (*on_gone)(struct mouths *q, struct mouth *m);
	int listen_fd;
	int uevent_fd;
	int kmsg_fd;
	unsigned redraw_ms;     /* when to draw again below kernel messages; 0: no */
	unsigned reopen_ms;     /* when to look for consoles again; 0: no */
};

void mouths_open(struct mouths *q) FAST_FUNC;
void mouths_run(struct mouths *q) FAST_FUNC;
void mouths_ask(struct mouths *q, const char *question) FAST_FUNC;
enum {
	SAY_STATE = 0,          /* who tries, what opened: not on a quiet console */
	SAY_ERROR = 1,
};
void mouths_say(struct mouths *q, int what, struct mouth *but, const char *fmt, ...) FAST_FUNC
	__attribute__ ((format (printf, 4, 5)));
void mouths_reply(struct mouths *q, struct mouth *m, int status, const char *text) FAST_FUNC;
void mouths_close(struct mouths *q, int status, const char *last_line) FAST_FUNC;
struct secret *mouths_choose(const char *question, bool echo) FAST_FUNC;
llist_t *mouths_console_names(void) FAST_FUNC;

/* remote.c */

int remote_mouth_main(void) FAST_FUNC;

/* volumes.c */

struct volume {
	struct volume *next;
	char *name;             /* of the mapping */
	char *spec;             /* device, as configured */
	char *keyfile;          /* NULL: ask */
	char *origin;           /* "/etc/crypttab:3" */
	uint32_t activate_flags;/* CRYPT_ACTIVATE_* */
	int keyslot;            /* -1: any */
	unsigned tries;         /* 0: no end */
	bool nofail;

	/* luksunlock's schedule */
	uint8_t state;
	bool look_again;        /* a device came while we looked */
	bool tried;             /* by the answer at hand */
	unsigned wrong;         /* passphrases that did not fit */
	pid_t pid;              /* of the child that works on it, or 0 */
	struct attempt *attempt;/* shared with that child */
};

struct volume *volume_new(const char *name, const char *spec, const char *origin) FAST_FUNC;
void volume_set_options(struct volume *v, char *options) FAST_FUNC;
struct volume *volumes_read(const char *crypttab) FAST_FUNC;

/* unlock.c: the one file that calls libcryptsetup */

/* What a child says of its work, in memory shared with the owner. */
struct attempt {
	int err;                /* 0 or a negative errno */
	unsigned kib;           /* the most memory that a key slot needs, KiB */
	bool active;            /* the volume is open */
	bool key_failed;        /* the key file did not do; ERR says why */
	char device[256];       /* the node that SPEC was resolved to, or "" */
	char msg[256];          /* why, in words */
};

struct attempt *unlock_new_attempt(void) FAST_FUNC;
void unlock_scout(struct volume *v) FAST_FUNC;
void unlock_try(struct volume *v, const struct secret *passphrase) FAST_FUNC;
int unlock_exit_status(int err) FAST_FUNC;
uint32_t unlock_activate_flag(const char *option) FAST_FUNC;

POP_SAVED_FUNCTION_VISIBILITY

#endif
