/* vi: set sw=4 ts=4: */
/*
 * luksencrypt - encrypt an existing file system in place
 *
 * What it asks and what it shows. What it proves before that is in encproof.c,
 * what it does in reencrypt.c.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//config:config LUKSENCRYPT
//config:	bool "luksencrypt (9 kb)"
//config:	default n
//config:	depends on LUKSUNLOCK
//config:	select LONG_OPTS
//config:	select FEATURE_VOLUMEID_LINUXRAID
//config:	select FEATURE_VOLUMEID_LINUXSWAP
//config:	help
//config:	Encrypts the file system of a partition in place, so that a
//config:	power cut at any moment loses nothing. With libcryptsetup's
//config:	LUKS2 reencryption, about 200 kb of it beyond what luksunlock
//config:	needs.

//applet:IF_LUKSENCRYPT(APPLET(luksencrypt, BB_DIR_SBIN, BB_SUID_DROP))

//kbuild:lib-$(CONFIG_LUKSENCRYPT) += luksencrypt.o

//usage:#define luksencrypt_trivial_usage
//usage:       "--prepend [--offset SECTORS] [OPTIONS] DEVICE\n"
//usage:       "luksencrypt --reduce SIZE [OPTIONS] DEVICE\n"
//usage:       "luksencrypt [-d FILE] DEVICE"
//usage:#define luksencrypt_full_usage "\n\n"
//usage:       "Encrypt DEVICE in place; without --prepend and --reduce, go on\n"
//usage:     "\n	--prepend	The partition was extended towards the disk's start:"
//usage:     "\n			the file system begins at a sector of it"
//usage:     "\n	-o,--offset N	At which one (default 32768)"
//usage:     "\n	--reduce SIZE	The file system was shrunk: SIZE is free at the"
//usage:     "\n			end of DEVICE (32M will do)"
//usage:     "\n	--init-only	Write the header, encrypt later"
//usage:     "\n	-i,--iter-time MS	Time to derive the key (default 2000)"
//usage:     "\n	-d,--key-file FILE	Key instead of a passphrase; - is stdin"
//usage:     "\n	-q,--batch-mode	Don't ask whether you are sure"

#include "earlyboot.h"

enum {
	OPT_p = 1 << 0,
	OPT_o = 1 << 1,
	OPT_r = 1 << 2,
	OPT_I = 1 << 3,
	OPT_d = 1 << 4,
	OPT_q = 1 << 5,
	OPT_i = 1 << 6,
};

enum {
	SECTOR = 512,
	DEFAULT_OFFSET = 32768, /* sectors: the 16 MiB of cryptsetup(8) */
	MAX_KEY = 64 * 1024,    /* as much as comes through SSH at boot */
	BAR = 30,               /* characters */
	PASSPHRASES = 3,        /* wrong ones until it ends */
};

struct globals {
	struct reencrypt r;
	char *key_file;
	bool batch;
	bool tty;               /* standard output shows a bar */
	unsigned long long start_ms;
	uint64_t start_offset;  /* where this run has begun, bytes */
	unsigned shown;         /* per cent */
} FIX_ALIASING;
#define G (*ptr_to_globals)
#define INIT_G() do { \
	SET_PTR_TO_GLOBALS(xzalloc(sizeof(G))); \
} while (0)

/* "1016.0G" */
static const char *human(uint64_t bytes)
{
	return make_human_readable_str(bytes, 1, 0);
}

/* --- questions --- */

static void take_answer(struct mouths *q, struct mouth *m)
{
	struct secret *copy = secret_new(m->answer->size);

	copy->len = m->answer->len;
	memcpy(copy->data, m->answer->data, copy->len);
	secret_wipe(m->answer);
	q->user = copy;
	q->end = 1;
}

/* Asks on standard input's terminal, of which another process may ask too. */
static struct secret *ask(const char *question, bool echo)
{
	struct mouths q;

	memset(&q, 0, sizeof(q));
	q.echo = echo;
	q.own_terminal = 1;
	q.on_answer = take_answer;
	fflush_all();
	mouths_open(&q);
	mouths_ask(&q, question);
	mouths_run(&q);
	mouths_close(&q, 0, "");
	return q.user;
}

/* The key from a file, all of it, or, where nobody was told of a file, the
 * first line of standard input, as cryptsetup(8) has it.
 */
static struct secret *key_from(const char *file)
{
	struct secret *s = secret_new(MAX_KEY + 1);
	int fd = file ? open_or_warn_stdin(file) : STDIN_FILENO;
	ssize_t n = 0;

	if (fd < 0)
		xfunc_die();
	while (s->len < s->size && (n = safe_read(fd, s->data + s->len, file ? s->size - s->len : 1)) > 0) {
		if (!file && s->data[s->len] == '\n')
			break;
		s->len += n;
	}
	if (n < 0 || s->len == 0 || s->len > MAX_KEY)
		bb_error_msg_and_die("%s: %s", file && NOT_LONE_DASH(file) ? file : "standard input",
			n < 0 ? strerror(errno) : s->len ? "the key is over the limit of 64 KiB" : "there is no key");
	if (fd != STDIN_FILENO)
		close(fd);
	return s;
}

static bool is_interactive(void)
{
	return !G.key_file && isatty(STDIN_FILENO);
}

static struct secret *get_key(const char *question)
{
	return is_interactive() ? ask(question, 0) : key_from(G.key_file);
}

static struct secret *get_new_key(void)
{
	struct secret *s, *again;
	bool same;

	if (!is_interactive())
		return key_from(G.key_file);
	for (;;) {
		char *question = xasprintf("New passphrase for %s: ", G.r.device);

		s = ask(question, 0);
		free(question);
		again = ask("The same again: ", 0);
		same = s->len == again->len && memcmp(s->data, again->data, s->len) == 0;
		secret_free(again);
		if (same)
			return s;
		secret_free(s);
		bb_simple_error_msg("they differ");
	}
}

/* Shows what is to be done, and dies without a YES. */
static void confirm(const struct fs *fs)
{
	struct secret *answer;
	bool yes;

	printf("%s (%s) is to be encrypted with the %s (%s) that is on it.\n",
		G.r.device, human(G.r.size), fs->type, human(fs->size));
	if (G.r.move)
		printf("The file system moves by %s towards the end, where %s must be free.\n",
			human(G.r.header), human(2 * G.r.header));
	else
		printf("It begins at sector %llu and stays there.\n",
			(unsigned long long)G.r.header / SECTOR);
	printf("The first %s become the LUKS2 header.\n"
		"An interruption loses nothing; a lost passphrase loses all, so have a backup.\n",
		human(G.r.header));
	if (G.batch)
		return;
	if (!isatty(STDIN_FILENO))
		encproof_die(&G.r, 1, "standard input is no terminal where you could say that you are sure; --batch-mode goes on without");
	answer = ask("Are you sure? (Type 'YES' in capital letters): ", 1);
	yes = answer->len == 3 && memcmp(answer->data, "YES", 3) == 0;
	secret_free(answer);
	if (!yes)
		encproof_die(&G.r, 1, "nothing was done");
}

/* --- progress --- */

static void show(uint64_t size, uint64_t offset)
{
	unsigned long long ms = monotonic_ms() - G.start_ms;
	uint64_t rate = ms ? (offset - G.start_offset) * 1000 / ms : 0;
	unsigned per_cent = size ? offset * 100 / size : 100;
	unsigned left_s = rate ? (size - offset) / rate : 0;
	unsigned done = per_cent * BAR / 100;

	/* a log wants no more than a line now and then */
	if (!G.tty && per_cent / 10 == G.shown / 10)
		return;
	G.shown = per_cent;
	printf("%s[%.*s%*s] %3u%% %7s/s", G.tty ? "\r" : "", done,
		"##############################", BAR - done, "", per_cent, human(rate));
	if (rate)
		printf("  %u:%02u:%02u left", left_s / 3600, left_s / 60 % 60, left_s % 60);
	/* what a longer line before this one has left */
	printf("%s", G.tty ? "\033[K" : "\n");
	fflush_all();
}

static int on_progress(struct reencrypt *r UNUSED_PARAM, uint64_t size, uint64_t offset)
{
	if (!G.start_ms) {
		G.start_ms = monotonic_ms();
		G.start_offset = offset;
	}
	show(size, offset);
	return bb_got_signal;
}

/* --- the way --- */

/* From here on a signal is a wish to stop at the next hot zone's end. */
static void catch_signals(void)
{
	sigset_t none;

	bb_got_signal = 0;
	bb_signals((1 << SIGINT) | (1 << SIGTERM) | (1 << SIGHUP) | (1 << SIGQUIT), record_signo);
	/* as mouths_open() has left them */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int fail(int err)
{
	bb_error_msg("%s: %s", G.r.device, err == -EPERM ? "no key slot opens by that" : G.r.msg);
	return unlock_exit_status(err);
}

static int encrypt_data(void)
{
	int state;

	G.tty = isatty(STDOUT_FILENO);
	if (G.r.recovered)
		puts("What the last interruption has left was mended.");
	puts("Ctrl-C stops it; it goes on later.");
	G.r.progress = on_progress;
	state = reencrypt_run(&G.r);
	if (G.tty)
		bb_putchar('\n');
	reencrypt_close(&G.r);
	if (state == REENCRYPT_DONE) {
		printf("%s is encrypted.\n", G.r.device);
		return EXIT_SUCCESS;
	}
	if (state < 0)
		fail(state);
	else
		bb_error_msg("%s: stopped", G.r.device);
	printf("Nothing is lost. 'luksencrypt %s' goes on; until then it opens as it is.\n", G.r.device);
	return EXIT_FAILURE;
}

/* Opens by S, which is wiped: nothing needs it behind that. Returns an exit
 * status, or -1 where S was wrong.
 */
static int open_and_encrypt(struct secret *s, bool finish_start)
{
	int state = 0;

	catch_signals();
	puts("Deriving the key...");
	fflush_all();
	if (finish_start)
		state = reencrypt_finish_start(&G.r, s);
	if (state >= 0)
		state = reencrypt_open(&G.r, s);
	secret_free(s);
	if (state == REENCRYPT_BEGUN)
		return encrypt_data();
	reencrypt_close(&G.r);
	if (state == -EPERM)
		return -1;
	if (state < 0)
		return fail(state);
	printf("%s is encrypted.\n", G.r.device);
	return EXIT_SUCCESS;
}

static int go_on(bool finish_start)
{
	char *question = xasprintf("Passphrase for %s: ", G.r.device);
	unsigned n;

	for (n = 0; n < PASSPHRASES; n++) {
		int status = open_and_encrypt(get_key(question), finish_start);

		if (status >= 0)
			return status;
		fail(-EPERM);
		if (!is_interactive() || bb_got_signal)
			break;
	}
	return unlock_exit_status(-EPERM);
}

/* CLAIM is the descriptor that keeps others off the device. */
static int start(unsigned opt, int claim)
{
	struct fs fs;
	struct secret *s;
	struct stat st;
	int err;

	if (opt & OPT_r)
		encproof_reduce(&G.r, &fs);
	else
		encproof_prepend(&G.r, &fs);
	/* the library claims it itself */
	close(claim);
	if (stat(G.r.device, &st) == 0 && S_ISBLK(st.st_mode)) {
		err = reencrypt_try_kernel(&G.r);
		if (err < 0) {
			bb_error_msg("%s: the kernel does not map it with aes-xts-plain64 "
				"(CONFIG_DM_CRYPT, CONFIG_CRYPTO_AES, CONFIG_CRYPTO_XTS)", G.r.device);
			return fail(err);
		}
	}
	/* what was proved stays true as long as somebody thinks and types */
	claim = encproof_claim(&G.r);
	confirm(&fs);
	s = get_new_key();
	close(claim);
	catch_signals();
	puts("Making the header...");
	fflush_all();
	err = reencrypt_begin(&G.r, s);
	if (err < 0) {
		secret_free(s);
		return fail(err);
	}
	if ((opt & OPT_I) || bb_got_signal) {
		secret_free(s);
		printf("The header is on %s. 'luksencrypt %s' encrypts it; until then it opens as it is.\n",
			G.r.device, G.r.device);
		return bb_got_signal ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	return open_and_encrypt(s, 0);
}

static void set_device(const char *spec)
{
	char *ambiguous;

	G.r.device = devspec_find(spec, &ambiguous);
	if (G.r.device)
		return;
	G.r.device = spec;
	encproof_die(&G.r, 4, ambiguous ? xasprintf("it fits both %s; name one by its /dev path or PARTUUID=", ambiguous)
		: "there is no such device");
}

/* Twice the header: its place, and that of the first piece that is moved */
static uint64_t reduce_bytes(const char *text)
{
	uint64_t bytes = xatoull_sfx(text, kmg_i_suffixes);

	/* cryptsetup's word is without a unit bytes, too */
	if (bytes < 2 * REENCRYPT_MIN_HEADER || bytes > 2 * REENCRYPT_MAX_HEADER)
		bb_error_msg_and_die("--reduce %s is not 2M to %uM (with its unit)",
			text, (unsigned)(2 * REENCRYPT_MAX_HEADER >> 20));
	return bytes;
}

int luksencrypt_main(int argc, char **argv) MAIN_EXTERNALLY_VISIBLE;
int luksencrypt_main(int argc UNUSED_PARAM, char **argv)
{
	static const char longopts[] ALIGN1 =
		"prepend\0"    No_argument       "p"
		"offset\0"     Required_argument "o"
		"reduce\0"     Required_argument "r"
		"init-only\0"  No_argument       "I"
		"key-file\0"   Required_argument "d"
		"batch-mode\0" No_argument       "q"
		"iter-time\0"  Required_argument "i";
	char *offset, *reduce, *iter_time;
	unsigned opt;
	int claim;

	INIT_G();
	opt = getopt32long(argv, "^" "po:r:Id:qi:" "\0" "=1:p--r:r--p",
		longopts, &offset, &reduce, &G.key_file, &iter_time);
	if ((opt & OPT_o && !(opt & OPT_p)) || (opt & (OPT_I | OPT_i) && !(opt & (OPT_p | OPT_r))))
		bb_show_usage();
	G.batch = opt & OPT_q;
	G.r.move = opt & OPT_r;
	G.r.header = DEFAULT_OFFSET * SECTOR;
	if (opt & OPT_o)
		G.r.header = xatoull_range(offset, REENCRYPT_MIN_HEADER / SECTOR, REENCRYPT_MAX_HEADER / SECTOR) * SECTOR;
	if (opt & OPT_r)
		G.r.header = reduce_bytes(reduce) / 2;
	if (opt & OPT_i)
		G.r.iter_ms = xatou_range(iter_time, 1, 600 * 1000);
	if (G.r.header & 4095 || (G.r.move && G.r.header & (REENCRYPT_MIN_HEADER - 1)))
		bb_simple_error_msg_and_die(G.r.move ? "--reduce must be a multiple of 2M"
			: "--offset must be a multiple of 8");
	set_device(argv[optind]);
	secret_guard_process(NULL);
	claim = encproof_claim(&G.r);

	switch (reencrypt_state(&G.r)) {
	case REENCRYPT_DONE:
		printf("%s is encrypted.\n", G.r.device);
		return EXIT_SUCCESS;
	case REENCRYPT_BEGUN:
	case REENCRYPT_ENDED:
		puts("Its encryption has begun before.");
		if (opt & OPT_I)
			return EXIT_SUCCESS;
		close(claim);
		return go_on(0);
	case REENCRYPT_OTHER:
		encproof_die(&G.r, 1, "its LUKS2 header is in a state that is not of this program's making; "
			"'cryptsetup reencrypt' or 'cryptsetup repair' may go on");
	}
	/* --prepend finds its file system elsewhere, and a copy that is there then
	 * is older than that */
	if (!(opt & OPT_p) && reencrypt_start_was_cut(&G.r)) {
		puts("Its encryption was cut at the start.");
		close(claim);
		return go_on(1);
	}
	if (!(opt & (OPT_p | OPT_r)))
		encproof_die(&G.r, 1, "no encryption has begun here; --prepend or --reduce begins one");
	return start(opt, claim);
}
