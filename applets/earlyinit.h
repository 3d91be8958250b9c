/* vi: set sw=4 ts=4: */
/*
 * What the files of earlyinit share.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
#ifndef EARLYINIT_H
#define EARLYINIT_H 1

#include <mntent.h>
#include "earlyboot.h"

PUSH_AND_SET_FUNCTION_VISIBILITY_TO_HIDDEN

/* Where the real root is mounted before the pivot */
#define REAL_ROOT "/mnt"

enum { IN_CHILD, IN_PID1 };

/* W_EXITCODE() is glibc's alone */
enum { WAIT_STATUS_FAILURE = EXIT_FAILURE << 8 };

struct builtin {
	const char *name;
	uint8_t where;
	int (*run)(void);       /* exit status; IN_PID1: wait status */
	char *(*plan)(void);    /* what it would do, allocated */
	const char *remedy;     /* for its failure; or NULL */
};

enum { FROM_BUILTIN, FROM_FRAGMENT, FROM_PROGRAM, FROM_MASK };

struct stage {
	const char *name;
	const struct builtin *builtin;  /* NULL: no built-in has this name */
	uint8_t from;
};

struct globals {
	const char *root;       /* "", or -R's */
	char **init_args;       /* for the real init */
	struct bootarg *args;   /* of the kernel */
	bool debug;             /* rd.debug */
	bool is_predecessor;    /* this boot is that of /previous */

	/* pid1.c */
	volatile sig_atomic_t signal; /* the last one that asks for an end */
	int signal_fd;          /* signals come from it; -1: the kernel has no signalfd */
	bool goes_down;         /* no signal is served any more */
	pid_t child;            /* that is waited for; 0: it has ended */
	int child_status;
	pid_t shell;            /* that reads the fragments; 0: none */
	int shell_status;
	tcflag_t xon;           /* IXON where the console had that: Ctrl-S stops it */
	cc_t eof_key;           /* Ctrl-D, as the console had it; 0: unknown */
	char why[400];          /* last words of the stage that failed */
	unsigned why_len;

	/* earlyinit.c */
	struct stage *stages;   /* a NULL name ends them */
	unsigned stage_ms;      /* when the running one has begun */
	const char *break_at;   /* rd.break; NULL: nowhere, or no longer */
	char *loglevel;         /* of the console, saved by 40-printk without syslog(2) */
	int commands_fd;        /* to the fragment shell; -1: there is none */
	int replies_fd;
} FIX_ALIASING;
#define G (*ptr_to_globals)
#define INIT_G() do { \
	SET_PTR_TO_GLOBALS(xzalloc(sizeof(G))); \
	G.root = ""; \
	G.commands_fd = G.replies_fd = G.signal_fd = -1; \
} while (0)

/* pid1.c */

void pid1_say(const char *text) FAST_FUNC;
void pid1_trace(const char *fmt, ...) FAST_FUNC
	__attribute__ ((format (printf, 1, 2)));
void pid1_keep_why(const char *text, unsigned len) FAST_FUNC;
bool pid1_wait_event(int fd, int ms) FAST_FUNC;
void pid1_pipe(struct fd_pair *pair) FAST_FUNC;
pid_t pid1_fork(void) FAST_FUNC;
int pid1_wait_child(pid_t pid, int stderr_fd) FAST_FUNC;
int pid1_in_child(int (*work)(void)) FAST_FUNC;
bool pid1_is_to_end(int pid) FAST_FUNC;
unsigned pid1_reap_all(bool spare_shell) FAST_FUNC;
void pid1_go_down(int how) NORETURN FAST_FUNC;
void pid1_take_state(void) FAST_FUNC;
void pid1_leave_state(void) FAST_FUNC;
void pid1_open_console(void) FAST_FUNC;
void pid1_never_exit(void) FAST_FUNC;

/* realroot.c: the stage 50-mountroot */

int realroot_mount(void) FAST_FUNC;
char *realroot_plan(void) FAST_FUNC;
const char *realroot_init(void) FAST_FUNC;
unsigned realroot_timeout_s(void) FAST_FUNC;
extern const char realroot_fsck_modes[];

struct realroot {
	const char *spec;       /* NULL: nothing says it */
	const char *type;
	const char *options;
	int passno;             /* of fstab: whether and when to check it */
	struct mntent m;
	char buf[1024];
};
void realroot_find(struct realroot *r) FAST_FUNC;
bool read_block(int fd, void *data, size_t size, off_t at) FAST_FUNC;
bool fstab_find(const char *point, struct mntent *m, char *buf, unsigned size) FAST_FUNC;

/* bootdevice.c */

void bootdevice_take_predecessor(void) FAST_FUNC;
void bootdevice_leave_predecessor(void) FAST_FUNC;
void bootdevice_guard_leg(void) FAST_FUNC;

/* failure.c: what is asked when a boot stops */

struct failure {
	const char *what;       /* has happened */
	const char *remedy;     /* NULL: none is known */
	const char *go_on;      /* "r: try again": the letter that goes on; or NULL */
	bool unattended;        /* what rd.emergency= says is done in the end */
};
void failure_ask(const struct failure *f) FAST_FUNC;
char *failure_field(const char *root, const char *file, const char *name, unsigned n) FAST_FUNC;
char *failure_root_hash(const char *root, char **name) FAST_FUNC;
bool failure_is_usable(const char *hash) FAST_FUNC;
extern const char failure_emergencies[];

/* bootcheck.c */

int bootcheck_main(void) FAST_FUNC;
struct bootarg *bootcheck_default_args(void) FAST_FUNC;
char *in_root(const char *path) FAST_FUNC;

/* earlyinit.c */

void earlyinit_make_plan(void) FAST_FUNC;
char *earlyinit_bad_word(unsigned *pos) FAST_FUNC;
bool fstab_is_wanted(const struct mntent *m) FAST_FUNC;
bool fstab_is_on_device(const struct mntent *m) FAST_FUNC;

POP_SAVED_FUNCTION_VISIBILITY

#endif
