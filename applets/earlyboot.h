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
/* Lines that fragments append, for consoles: who the machine is on the network */
#define LUKSUNLOCK_NOTE   LUKSUNLOCK_DIR"/note"

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
char *devspec_read_attr(char *path) FAST_FUNC;
char *devspec_attr(const char *name, const char *file) FAST_FUNC;
char *devspec_find(const char *spec, char **ambiguous) FAST_FUNC;
int devspec_open_uevents(void) FAST_FUNC;
bool devspec_read_uevents(int fd) FAST_FUNC;
char *devspec_wait(const char *spec, const char *what, unsigned timeout_s) FAST_FUNC;

/* meminfo.c */

unsigned meminfo_available_kib(void) FAST_FUNC;

/* mounts.c */

struct mntent;

int mount_state(const char *point) FAST_FUNC;
bool mounted_at(const char *point) FAST_FUNC;
bool mount_plain(const char *what, const char *point, const char *type, const char *options) FAST_FUNC;
bool on_rootfs(void) FAST_FUNC;
bool fstab_next(FILE *f, struct mntent *m, char *buf, int size) FAST_FUNC;
char *fstab_unescape(char *text) FAST_FUNC;
void fstab_put(FILE *f, const struct mntent *m) FAST_FUNC;

/* oneline.c */

char *one_line(const char *fmt, va_list p) FAST_FUNC;

/* selfexec.c */

const char *selfexec_name(void) FAST_FUNC;
void selfexec_init(const char *name) FAST_FUNC;
void selfexec(const char *const *argv) FAST_FUNC;
void selfexec_reset_signals(void) FAST_FUNC;
void selfexec_close_others(bool at_exec) FAST_FUNC;
int selfexec_become(const char *const *argv) FAST_FUNC;
void selfexec_as(const char *name) FAST_FUNC;
void selfexec_continue(const char *const *argv) NORETURN FAST_FUNC;
int selfexec_run(const char *const *argv) FAST_FUNC;

/* pivotboot.c */

void pivotboot_now(bool check_only, const char *new_root, char **init) NORETURN FAST_FUNC;

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
struct secret *secret_map(int fd, unsigned size) FAST_FUNC;
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
	MOUTH_MAX_NOTE = 2048,        /* bytes of LUKSUNLOCK_NOTE that are shown */
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
	MSG_NEXT     = 'X',     /* owner: as MSG_DONE, but another question may follow */
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
	bool leaving;           /* its piped answer fitted: it ends soon */
	bool drawn;             /* the question stands on its last line */
	bool dotted;            /* dots stand there */
	bool too_long;          /* the line so far was over the limit */
	uint8_t eofs;           /* reads of nothing in a row */
	unsigned wrong;         /* answers in a row that did not fit */
	unsigned pause_ms;      /* until when it is not listened to; 0: it is */
	char *name;             /* "console ttyS0", "ssh 192.0.2.7" */
	struct secret *answer;
	struct secret *page;    /* of a session: shared with its other end */
	struct termios old_termios;
	pid_t lent_to;          /* the process that has this terminal now, or 0 */
};

/* The one question. Set before mouths_open(): the hooks and ECHO. */
struct mouths {
	struct mouth *list;
	char *question;         /* NULL: nothing is asked now */
	char *console_question; /* how consoles have it; NULL: the same */
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
	void (*on_key)(struct mouths *q, struct mouth *m); /* mouths_take_keys() */
	int listen_fd;
	int uevent_fd;
	int kmsg_fd;
	int note_fd;
	char *note;             /* what has been shown of LUKSUNLOCK_NOTE, or NULL */
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
void mouths_queue(llist_t **queue, struct mouth *m) FAST_FUNC;
void mouths_take_keys(struct mouths *q, void (*hook)(struct mouths *q, struct mouth *m)) FAST_FUNC;
void mouths_lend(struct mouths *q, struct mouth *m) FAST_FUNC;
void mouths_take_back(struct mouths *q, struct mouth *m) FAST_FUNC;
void mouths_close(struct mouths *q, int status, const char *last_line) FAST_FUNC;
struct secret *mouths_choose(const char *question, bool echo) FAST_FUNC;
struct secret *mouths_choose_here(const char *question) FAST_FUNC;
void mouths_dot(struct mouths *q) FAST_FUNC;
llist_t *mouths_console_names(void) FAST_FUNC;

/* luksunlock.c */

int luksunlock_all(void) FAST_FUNC;

/* remote.c */

int remote_mouth_main(bool command) FAST_FUNC;

/* places.c */

/* Where a key file or a header lies */
struct place {
	char *text;             /* as configured; NULL: there is none */
	char *path;             /* of the file; NULL: the device itself is it */
	char *spec;             /* of the device with it; NULL: the early root */
};

const char *place_parse(struct place *p, const char *text) FAST_FUNC;
int place_open(const struct place *p, char **path, char *why, unsigned size) FAST_FUNC;
void place_close(void) FAST_FUNC;

/* volumes.c */

/* One thing that was asked for, and where: a line of luksunlock -n */
struct setting {
	struct setting *next;
	char *text;             /* "tries=3" */
	char *origin;           /* "/etc/crypttab:3", or the kernel's argument */
};

struct volume {
	struct volume *next;
	char *name;             /* of the mapping */
	char *spec;             /* device, as configured */
	char *origin;           /* of the volume: "/etc/crypttab:3" */
	struct setting *settings;
	struct place key;
	struct place header;
	uint64_t key_offset;    /* bytes */
	uint32_t key_size;      /* bytes; 0: to its end */
	uint32_t key_timeout_s; /* how long its device is waited for; 0: for ever */
	uint32_t ask_timeout_s; /* 0: for ever */
	uint32_t device_timeout_s; /* 0: for ever */
	uint32_t activate_flags;/* CRYPT_ACTIVATE_* */
	int keyslot;            /* -1: any */
	uint32_t tries;         /* 0: no end */
	bool nofail;
	bool noauto;
	bool headless;          /* nobody is asked */
	bool try_empty;         /* an empty passphrase is tried first */
	bool luks, other_type;  /* of crypttab(5): "luks"; "plain" and its like */

	/* luksunlock's schedule */
	uint8_t state;
	bool look_again;        /* a device came while we looked */
	bool tried;             /* with the answer at hand */
	bool misfit;            /* which did not fit */
	bool said_memory;       /* that it is short */
	bool key_over;          /* the key file was tried */
	unsigned wrong;         /* passphrases that did not fit */
	unsigned absent_since_s;/* its device is waited for; 0: since the start */
	unsigned key_since_s;   /* the key's device is waited for; 0: it is not */
	unsigned ask_since_s;   /* 0: it is not asked for */
	unsigned reserved_kib;  /* of memory, for the child at work */
	pid_t pid;              /* of the child that works on it, or 0 */
	/* The pipe from that child; in it, its end; -1: there is none. Its closing is the
	 * child's end, so nothing that the child starts may keep it open for longer. */
	int attempt_fd;
	struct attempt *attempt;/* as far as it has told */
};

enum {
	KEY_TIMEOUT = 10,       /* seconds, where keyfile-timeout= says nothing */
};

extern void (*volumes_say)(const char *line);
void volumes_complain(const char *fmt, ...) FAST_FUNC
	__attribute__ ((format (printf, 1, 2)));
struct volume *volume_new(const char *name, const char *spec, const char *origin) FAST_FUNC;
void volume_set(struct volume *v, const char *option, const char *origin) FAST_FUNC;
void volume_set_options(struct volume *v, const char *options, const char *origin) FAST_FUNC;
void volume_set_key(struct volume *v, const char *key, const char *origin) FAST_FUNC;
void volume_set_device(struct volume *v, const char *spec, const char *origin) FAST_FUNC;
bool volume_has_spec(const struct volume *v, const char *spec) FAST_FUNC;
bool volumes_is_name(const char *name) FAST_FUNC;
bool volumes_parse_bool(const char *text, bool *value) FAST_FUNC;
struct volume *volumes_read(const char *crypttab) FAST_FUNC;

/* luksargs.c */

struct volume *volumes_find(const char *crypttab, const struct bootarg *args) FAST_FUNC;

/* unlock.c: the one file that calls libcryptsetup */

enum { ATTEMPT_MAY_TAKE_ALL = INT_MAX };

/* What a child says of its work: it writes all of it into a pipe to its owner each
 * time that something is to be known even if it is killed next.
 */
struct attempt {
	int err;                /* 0 or a negative errno */
	unsigned budget_kib;    /* owner: what the key of a key file may take; or
				 * ATTEMPT_MAY_TAKE_ALL: what the machine has left */
	unsigned kib;           /* the most memory that a key slot needs, KiB */
	bool loaded;            /* the header was read */
	bool deriving;          /* from here on it takes time */
	bool active;            /* the volume is open */
	bool key_absent;        /* the key's device is not there yet */
	bool key_waits;         /* for memory: more than the budget */
	bool key_failed;        /* the key did not do; ERR says why */
	int slot;               /* that the key fits */
	unsigned ms;            /* that the derivation took */
	char kdf[16];           /* of that slot */
	char device[256];       /* the node that SPEC was resolved to, or "" */
	char absent[256];       /* the device that is not there, or "" */
	char msg[256];          /* why, in words */
	char note[256];         /* to be said, though it is no failure */
};

pid_t unlock_fork(struct volume *v) FAST_FUNC;
void unlock_tell(const struct volume *v) FAST_FUNC;
void unlock_hear(struct volume *v) FAST_FUNC;
void unlock_scout(struct volume *v) FAST_FUNC;
void unlock_try(struct volume *v, const struct secret *passphrase) FAST_FUNC;
void unlock_test(struct volume *v, const struct secret *passphrase) FAST_FUNC;
void unlock_check(struct volume *v, const char *header) FAST_FUNC;
int unlock_close(const char *name) FAST_FUNC;
int unlock_exit_status(int err) FAST_FUNC;
uint32_t unlock_activate_flag(const char *option) FAST_FUNC;

/* shutdown.c */

bool shutdown_asked(char **argv) FAST_FUNC;
int earlyinit_shutdown(char **argv) FAST_FUNC;

/* udevdata.c */

void udevdata_leave(const char *name) FAST_FUNC;
void udevdata_forget(dev_t device) FAST_FUNC;

/* fsprobe.c */

/* A file system that was found */
struct fs {
	const char *type;
	uint64_t size;          /* bytes */
	uint64_t superblock;    /* offset of the sector with its signature */
	bool replay;            /* ext3/4: its journal has what is not in its place yet */
	bool unclean;           /* ext2/3/4: only fsck can say what is in its place */
};

int fs_find(const char *device, uint64_t offset, struct fs *fs) FAST_FUNC;

/* reencstart.c, reencend.c: in-place encryption, where the library can't be cut */

enum {
	REENCRYPT_MIN_HEADER = 1024 * 1024,
	REENCRYPT_MAX_HEADER = 128 * 1024 * 1024,
};

/* One device on its way from plain to encrypted. Sizes are in bytes. */
struct reencrypt {
	const char *device;
	uint64_t size;          /* of the device */
	uint64_t header;        /* of the LUKS2 header in front */
	bool move;              /* the data begins where the header is to be */
	uint64_t superblock;    /* then: where its signature is */
	unsigned iter_ms;       /* wanted time to derive the key; 0: the default */
	bool recovered;         /* a hot zone that was cut has been mended */
	struct crypt_device *cd;/* between reencrypt_open() and _close() */
	/* called behind each hot zone; nonzero stops */
	int (*progress)(struct reencrypt *r, uint64_t size, uint64_t offset);
	char msg[256];          /* why, in words */
};

struct crypt_device;

int reencstart_new_header(uint64_t size, char **path) FAST_FUNC;
int reencstart_place(const struct reencrypt *r, int fd, int dev, bool from_copy) FAST_FUNC;
struct crypt_device *reencstart_load(const char *device) FAST_FUNC;
int reencstart_mend(struct crypt_device *cd) FAST_FUNC;
void reencstart_free(struct crypt_device *cd) FAST_FUNC;
int reencend_is_cut(struct crypt_device *cd) FAST_FUNC;
int reencend_mend(struct crypt_device *cd) FAST_FUNC;

/* reencrypt.c: luksencrypt's calls of libcryptsetup */

enum {
	REENCRYPT_NO_HEADER = 0,
	REENCRYPT_BEGUN,
	REENCRYPT_ENDED,        /* all is encrypted, and the end not recorded */
	REENCRYPT_DONE,
	REENCRYPT_OTHER,        /* LUKS2, in a state that is not of our making */
};

int reencrypt_state(struct reencrypt *r) FAST_FUNC;
int reencrypt_try_kernel(struct reencrypt *r) FAST_FUNC;
void reencrypt_drop_mapping(const char *name) FAST_FUNC;
int reencrypt_begin(struct reencrypt *r, const struct secret *pass) FAST_FUNC;
bool reencrypt_start_was_cut(const struct reencrypt *r) FAST_FUNC;
int reencrypt_finish_start(struct reencrypt *r, const struct secret *pass) FAST_FUNC;
int reencrypt_open(struct reencrypt *r, const struct secret *pass) FAST_FUNC;
int reencrypt_run(struct reencrypt *r) FAST_FUNC;
void reencrypt_close(struct reencrypt *r) FAST_FUNC;

/* encproof.c: what luksencrypt proves before it touches a device */

void encproof_die(const struct reencrypt *r, int status, const char *text) NORETURN FAST_FUNC;
int encproof_claim(struct reencrypt *r) FAST_FUNC;
void encproof_prepend(struct reencrypt *r, struct fs *fs) FAST_FUNC;
void encproof_reduce(struct reencrypt *r, struct fs *fs) FAST_FUNC;

/* lukslist.c */

int volumes_list(const char *crypttab, const char *root) FAST_FUNC;

POP_SAVED_FUNCTION_VISIBILITY

#endif
