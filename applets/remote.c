/* vi: set sw=4 ts=4: */
/*
 * The remote mouth: root's login shell over SSH. It joins the question of the
 * luksunlock that runs on the machine. It can pass on an answer and nothing
 * else: no command, no shell.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += remote.o

#include <sys/inotify.h>
#include <sys/un.h>
#include "earlyboot.h"

struct remote {
	int fd;
	struct secret *page;    /* shared with the owner; NULL: not joined yet */
	struct secret *key;     /* standard input, where that is no terminal */
	unsigned len;           /* of what is typed in PAGE, without an end yet */
	bool terminal;
	bool echo;
	bool asked;             /* an answer may be given now */
	bool drawn;             /* the question stands on the last line */
	bool ended;             /* KEY is whole */
	bool sent;              /* and the owner has it */
	bool over;              /* that question is; another may come */
	struct termios old_termios;
};

static struct remote *dying;

static void restore(void)
{
	if (dying->terminal)
		tcsetattr(STDIN_FILENO, TCSANOW, &dying->old_termios);
}

static int try_connect(void)
{
	struct sockaddr_un addr;
	int fd = xsocket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	memset(&addr, 0, sizeof(addr));
	addr.sun_family = AF_UNIX;
	strcpy(addr.sun_path, LUKSUNLOCK_SOCKET);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Waits for events at the N of PFD, which the caller has filled but for the last.
 * That one is standard output: where its reader is gone, so is the client,
 * and the process ends. A terminal sends SIGHUP; a pipe that nobody reads
 * shows itself to those alone who write, or look.
 */
static void wait_for_event(struct pollfd *pfd, unsigned n)
{
	pfd[n - 1].fd = STDOUT_FILENO;
	pfd[n - 1].events = 0;
	if (safe_poll(pfd, n, -1) < 0)
		bb_simple_perror_msg_and_die("poll");
	if (pfd[n - 1].revents & (POLLERR | POLLHUP))
		xfunc_die();
}

/* Waits for the question to come. Returns -1 where nothing is asked any more. */
static int wait_for_owner(bool again)
{
	char events[4096];
	int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct pollfd pfd[2];
	bool said = 0;
	int fd;

	for (;;) {
		/* The watch first, then the look: nothing can come in between */
		inotify_add_watch(notify, "/run", IN_CREATE | IN_ONLYDIR);
		inotify_add_watch(notify, LUKSUNLOCK_DIR, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
		fd = try_connect();
		if (fd >= 0 || access(LUKSUNLOCK_DONE, F_OK) == 0)
			break;
		if (!said) {
			said = 1;
			bb_simple_error_msg(again ? "waiting for what is asked next"
				: "the machine does not ask yet; waiting");
		}
		if (notify < 0) {
			sleep1(); /* a kernel without inotify */
			continue;
		}
		pfd[0].fd = notify;
		pfd[0].events = POLLIN;
		wait_for_event(pfd, 2);
		while (read(notify, events, sizeof(events)) > 0)
			continue;
	}
	if (notify >= 0)
		close(notify);
	return fd;
}

static void show(const char *text)
{
	full_write(STDOUT_FILENO, text, strlen(text));
}

static void show_line(struct remote *r, const char *line)
{
	if (r->drawn)
		show("\n");
	r->drawn = 0;
	show(line);
	show("\n");
}

static void send_text(struct remote *r, char kind, const void *data, unsigned len)
{
	char packet[1 + 64];

	packet[0] = kind;
	if (len > 64)
		len = 64;
	memcpy(packet + 1, data, len);
	send(r->fd, packet, 1 + len, MSG_NOSIGNAL);
}

static void send_name(struct remote *r)
{
	/* dropbear and sshd: "CLIENT PORT SERVER PORT" */
	const char *from = getenv("SSH_CONNECTION");
	char *name;

	if (!from)
		from = getenv("SSH_CLIENT");
	name = from ? xasprintf("ssh %.*s", (int)strcspn(from, " "), from)
		: xasprintf("session %u", (unsigned)getpid());
	send_text(r, MSG_NAME, name, strlen(name));
	free(name);
}

static void set_terminal(struct remote *r, bool echo)
{
	struct termios t = r->old_termios;

	r->echo = echo;
	/* as on a console: see mouths.c */
	t.c_iflag |= ICRNL;
#ifdef IUTF8
	t.c_iflag |= IUTF8;
#endif
	t.c_lflag |= ICANON | ISIG | IEXTEN;
	t.c_lflag &= ~(ECHO | ECHOE | ECHOK | ECHONL);
	if (echo)
		t.c_lflag |= ECHO | ECHOE | ECHOK;
	tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

/* The page comes as a descriptor with the owner's first packet. */
static void take_page(struct remote *r, struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd;

	if (!c || c->cmsg_type != SCM_RIGHTS)
		bb_simple_error_msg_and_die("luksunlock sent no page");
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	r->len = 0;
	r->page = secret_map(fd, MOUTH_MAX_PIPED);
	if (!r->page)
		bb_simple_perror_msg_and_die("can't map the page of luksunlock");
}

/* All of standard input is the key, byte for byte. It is read as it comes, not
 * waited for: the question may be over before.
 */
static void read_stdin(struct remote *r)
{
	struct secret *key = r->key;
	ssize_t n = read(STDIN_FILENO, key->data + key->len, key->size - key->len);

	if (n < 0 && errno == EINTR)
		return;
	if (n > 0) {
		key->len += n;
		if (key->len > MOUTH_MAX_PIPED)
			bb_simple_error_msg_and_die("the key on standard input is over the limit of 64 KiB");
		return;
	}
	if (!key->len)
		bb_simple_error_msg_and_die("no key on standard input");
	r->ended = 1;
}

static void send_key(struct remote *r)
{
	uint32_t len = r->key->len;

	memcpy(r->page->data, r->key->data, len);
	secret_wipe(r->key);
	r->asked = 0;
	r->sent = 1;
	send_text(r, MSG_KEY, &len, sizeof(len));
}

static void read_line(struct remote *r)
{
	char *line = r->page->data; /* NOLINT: serve() comes here only where there is one */
	ssize_t n = read(STDIN_FILENO, line + r->len, 4096);
	uint32_t len;

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) /* Ctrl-D, or the client went away */
		xfunc_die();
	r->len += n;
	if (line[r->len - 1] != '\n') {
		/* Ctrl-D behind text: the rest of the line is still to come */
		if (r->len <= MOUTH_MAX_PIPED - 4096)
			return;
	}
	len = r->len - 1;
	r->len = 0;
	if (!r->echo)
		show("\n");
	r->drawn = 0;
	if (len > MOUTH_MAX_TYPED) {
		secret_wipe(r->page);
		bb_simple_error_msg("that was longer than 512 bytes, the limit for a typed line");
		len = 0;
	}
	if (len) {
		/* The page is the owner's until it asks again */
		r->asked = 0;
		send_text(r, MSG_ANSWER, &len, sizeof(len));
	} else {
		send_text(r, MSG_AGAIN, "", 0);
	}
}

/* Ends the process on the owner's last word. */
static void finish(struct remote *r, const char *text)
{
	int status = text[0] - '0';

	restore();
	secret_wipe_all();
	if (r->drawn)
		show("\n");
	if (text[0] && text[1]) {
		full_write(status ? STDERR_FILENO : STDOUT_FILENO, text + 1, strlen(text + 1));
		full_write(status ? STDERR_FILENO : STDOUT_FILENO, "\n", 1);
	}
	exit(status);
}

/* This question is over, and what it led to may ask another: a terminal waits
 * for that, and so does a standard input that nobody has taken.
 */
static void leave(struct remote *r, const char *text)
{
	if (r->sent)
		finish(r, text);
	if (r->terminal && text[0])
		show_line(r, text + 1);
	r->over = 1;
}

static void serve_packet(struct remote *r)
{
	char text[1 + MOUTH_MAX_TEXT + 1];
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov;
	struct msghdr msg;
	ssize_t n;

	memset(&msg, 0, sizeof(msg));
	iov.iov_base = text;
	iov.iov_len = sizeof(text) - 1;
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = control;
	msg.msg_controllen = sizeof(control);
	n = recvmsg(r->fd, &msg, MSG_CMSG_CLOEXEC);
	/* ECONNRESET: it closed before it had read all of ours. Its last words
	 * are still to be read. */
	if (n < 0 && (errno == EINTR || errno == ECONNRESET))
		return;
	if (n <= 0) {
		/* Its owner is gone, or the session was not let in: not again
		 * and again without a pause */
		if (!r->page)
			sleep1();
		leave(r, r->page ? "1the machine asks no longer" : "");
		return;
	}
	text[n] = '\0';
	switch (text[0]) {
	case MSG_PAGE:
		take_page(r, &msg);
		break;
	case MSG_TEXT:
		show_line(r, text + 1);
		break;
	case MSG_QUESTION:
		if (r->terminal) {
			/* as on a console: what was typed before is no answer */
			if (!r->asked)
				tcflush(STDIN_FILENO, TCIFLUSH);
			/* not for each drawing: a change would cost what is typed */
			if (r->echo != (text[1] == '+'))
				set_terminal(r, !r->echo);
			show(n > 2 ? text + 2 : "");
			r->drawn = 1;
		}
		r->asked = 1;
		break;
	case MSG_NEXT:
		leave(r, text + 1);
		break;
	case MSG_DONE:
		finish(r, text + 1);
	}
}

/* Serves one question, until its owner has no more words. */
static void serve(struct remote *r)
{
	struct pollfd pfd[3];

	while (!r->over) {
		bool ready = r->asked && r->page;

		if (ready && r->ended && !r->sent)
			send_key(r);
		pfd[0].fd = r->fd;
		pfd[1].fd = (r->terminal ? ready : !r->ended) ? STDIN_FILENO : -1;
		pfd[0].events = pfd[1].events = POLLIN;
		wait_for_event(pfd, 3);
		if (pfd[0].revents)
			serve_packet(r);
		else if (pfd[1].revents && r->terminal)
			read_line(r);
		else if (pfd[1].revents)
			read_stdin(r);
	}
}

/* Joins the question of the running luksunlock, and the ones that follow. With
 * COMMAND it was told to run one, and says that it does not. Does not return
 * before nothing is asked any more; exit status 0: open; 2: the key from
 * standard input fits nothing; 1: anything else.
 */
int FAST_FUNC remote_mouth_main(bool command)
{
	struct remote r;
	bool again = 0;

	memset(&r, 0, sizeof(r));
	dying = &r;
	r.terminal = (tcgetattr(STDIN_FILENO, &r.old_termios) == 0);
	secret_guard_process(restore);
	bb_signals((1 << SIGTSTP) | (1 << SIGPIPE), SIG_IGN);
	if (!r.terminal)
		r.key = secret_new(MOUTH_MAX_PIPED + 1);
	if (command && !r.terminal)
		bb_simple_error_msg("no command is run here; the passphrase is taken from standard input");
	for (;;) {
		/* Nothing typed is shown, not while there is no question yet either */
		if (r.terminal)
			set_terminal(&r, 0);
		r.fd = wait_for_owner(again);
		if (r.fd < 0) {
			restore();
			/* a key that nobody has taken */
			secret_wipe_all();
			puts("there is nothing to unlock; the boot goes on");
			fflush_stdout_and_exit(EXIT_SUCCESS);
		}
		send_name(&r);
		serve(&r);
		close(r.fd);
		secret_free(r.page);
		r.page = NULL;
		r.over = r.asked = r.drawn = 0;
		again = 1;
	}
}
