/* vi: set sw=4 ts=4: */
/*
 * The one question, at every mouth: all consoles of the kernel, and all
 * sessions that come through the socket. One process owns it.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += mouths.o
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += mouths.o

#include <sys/un.h>
#include "earlyboot.h"

enum {
	TYPED_PAGE = 8192,      /* a canonical line is 4095 bytes at most */
	REDRAW_MS = 300,        /* kernel messages come in bursts */
	REOPEN_MS = 1000,
	MAX_EOFS = 100,         /* a terminal that only ever ends is opened anew */
};

static smallint got_child, got_end;

static void on_signal(int sig)
{
	if (sig == SIGCHLD)
		got_child = 1;
	else
		got_end = sig;
}

/* --- terminals --- */

/* Returns the names of the kernel's consoles, allocated; "console" alone
 * where sysfs can't be read.
 */
llist_t* FAST_FUNC mouths_console_names(void)
{
	llist_t *names = NULL;
	size_t size = 1023;
	char *text = xmalloc_open_read_close("/sys/class/tty/console/active", &size);
	char *name, *rest = text;

	while (rest && (name = strsep(&rest, " \n")) != NULL) {
		if (*name)
			llist_add_to_end(&names, xstrdup(name));
	}
	free(text);
	if (!names)
		llist_add_to(&names, xstrdup("console"));
	return names;
}

/* Canonical mode without echo: the kernel edits the line (erase by UTF-8
 * character, Ctrl-U, Ctrl-W), and only in this mode does it zero its buffers
 * behind the reader. An editor of our own would leave passphrases in them.
 */
static void set_terminal(struct mouths *q, struct mouth *m)
{
	struct termios t;

	if (tcgetattr(m->fd, &m->old_termios) != 0)
		return;
	t = m->old_termios;
	t.c_iflag &= ~(IGNCR | INLCR | ISTRIP | IXON | IXOFF);
	t.c_iflag |= ICRNL;
#ifdef IUTF8
	t.c_iflag |= IUTF8;
#endif
	t.c_oflag |= OPOST | ONLCR;
	t.c_lflag |= ICANON | ISIG | IEXTEN;
	t.c_lflag &= ~(ECHO | ECHOE | ECHOK | ECHONL | NOFLSH | TOSTOP);
	if (q->echo)
		t.c_lflag |= ECHO | ECHOE | ECHOK;
	/* What was typed before the question is no answer to it. Not TCSAFLUSH:
	 * that waits until the output is out, on a held serial line for ever. */
	tcflush(m->fd, TCIFLUSH);
	tcsetattr(m->fd, TCSANOW, &t);
}

static struct mouth *add_mouth(struct mouths *q, int fd, char *name)
{
	struct mouth **end = &q->list;
	struct mouth *m = xzalloc(sizeof(*m));

	m->fd = fd;
	m->name = name;
	while (*end)
		end = &(*end)->next;
	*end = m;
	return m;
}

static void add_terminal(struct mouths *q, int fd, const char *tty)
{
	struct mouth *m = add_mouth(q, fd, xasprintf("console %s", tty));

	m->answer = secret_new(TYPED_PAGE);
	set_terminal(q, m);
}

static struct mouth *find_mouth(struct mouths *q, const char *name)
{
	struct mouth *m;

	for (m = q->list; m; m = m->next) {
		if (!m->remote && strcmp(m->name + sizeof("console"), name) == 0)
			break;
	}
	return m;
}

/* Takes in the consoles that are not mouths yet: at the start all, later
 * what was plugged in.
 */
static void add_consoles(struct mouths *q)
{
	llist_t *names = mouths_console_names();
	llist_t *l;

	for (l = names; l; l = l->link) {
		char *path;
		int fd;

		if (find_mouth(q, l->data))
			continue;
		path = xasprintf("/dev/%s", l->data);
		/* O_NONBLOCK: a serial line without carrier, or held back by its
		 * other end, must not hold up the rest */
		fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
		free(path);
		if (fd < 0)
			continue;
		if (isatty(fd)) {
			add_terminal(q, fd, l->data);
			if (q->question)
				mouths_ask(q, q->question);
		} else {
			close(fd);
		}
	}
	llist_free(names, free);
}

static void drop_mouth(struct mouths *q, struct mouth *m)
{
	struct mouth **p;

	if (q->on_gone)
		q->on_gone(q, m);
	/* A terminal that was hung up can be opened anew, at this pace */
	if (!m->remote && !q->own_terminal)
		q->reopen_ms = ((unsigned)monotonic_ms() + REOPEN_MS) | 1;
	for (p = &q->list; *p != m; p = &(*p)->next)
		continue;
	*p = m->next;
	secret_free(m->answer);
	secret_free(m->page);
	close(m->fd);
	free(m->name);
	free(m);
}

/* --- words --- */

static void send_packet(struct mouth *m, char kind, const char *text)
{
	char packet[1 + MOUTH_MAX_TEXT];
	unsigned len = strnlen(text, MOUTH_MAX_TEXT);

	packet[0] = kind;
	memcpy(packet + 1, text, len);
	/* A client that does not read is cut off: poll() then shows a hangup */
	if (send(m->fd, packet, 1 + len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		shutdown(m->fd, SHUT_RDWR);
}

static void put(struct mouth *m, const char *text)
{
	full_write(m->fd, text, strlen(text));
}

static void draw(struct mouths *q, struct mouth *m)
{
	if (!q->question || m->busy)
		return;
	if (m->remote) {
		char *text = xasprintf("%c%s", q->echo ? '+' : '-', q->question);
		send_packet(m, MSG_QUESTION, text);
		free(text);
	} else {
		put(m, q->question);
	}
	m->drawn = 1;
}

static void tell(struct mouth *m, const char *line)
{
	if (m->remote) {
		send_packet(m, MSG_TEXT, line);
	} else {
		if (m->drawn)
			put(m, "\n");
		put(m, line);
		put(m, "\n");
	}
	m->drawn = 0;
}

/* Asks QUESTION (copied) at every mouth, in place of the one before it; with
 * NULL nothing is asked. What is half typed stays in the kernel's line.
 */
void FAST_FUNC mouths_ask(struct mouths *q, const char *question)
{
	bool same = question && q->question && strcmp(question, q->question) == 0;
	struct mouth *m;

	if (!same) {
		free(q->question);
		q->question = question ? xstrdup(question) : NULL;
	}
	for (m = q->list; m; m = m->next) {
		if (same && m->drawn)
			continue;
		if (m->drawn && !m->remote)
			put(m, "\n");
		m->drawn = 0;
		draw(q, m);
	}
}

/* Says one line at every mouth but BUT (NULL: none is left out), and draws
 * the question again below it.
 */
void FAST_FUNC mouths_say(struct mouths *q, int what, struct mouth *but, const char *fmt, ...)
{
	struct mouth *m;
	va_list p;
	char *line;

	va_start(p, fmt);
	if (vasprintf(&line, fmt, p) < 0)
		bb_die_memory_exhausted();
	va_end(p);
	for (m = q->list; m; m = m->next) {
		if (m == but)
			continue;
		if (what == SAY_STATE && q->quiet && !m->remote)
			continue;
		tell(m, line);
		draw(q, m);
	}
	free(line);
}

/* The answer of M was tried: says LINE (or NULL) there and asks again. A
 * session whose standard input was the key is done, with STATUS.
 */
void FAST_FUNC mouths_reply(struct mouths *q, struct mouth *m, int status, const char *line)
{
	secret_wipe(m->answer);
	m->busy = 0;
	if (m->piped) {
		char *last = xasprintf("%c%s", '0' + status, line ? line : "");
		send_packet(m, MSG_DONE, last);
		free(last);
		return;
	}
	if (line)
		tell(m, line);
	if (!m->remote)
		tcflush(m->fd, TCIFLUSH);
	draw(q, m);
}

/* --- sessions through the socket --- */

static void send_page(struct mouth *m)
{
	char letter = MSG_PAGE;
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov;
	struct msghdr msg;
	struct cmsghdr *c;

	memset(&msg, 0, sizeof(msg));
	memset(control, 0, sizeof(control));
	iov.iov_base = &letter;
	iov.iov_len = 1;
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = control;
	msg.msg_controllen = sizeof(control);
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &m->page->fd, sizeof(int));
	if (sendmsg(m->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		shutdown(m->fd, SHUT_RDWR);
}

static void accept_session(struct mouths *q)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	struct mouth *m;
	unsigned sessions = 0;
	int fd = accept4(q->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	/* The directory is 0700; this is the second lock on the same door */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.uid != 0) {
		close(fd);
		return;
	}
	for (m = q->list; m; m = m->next)
		sessions += m->remote;
	m = add_mouth(q, fd, xasprintf("session %u", (unsigned)peer.pid));
	m->remote = 1;
	if (sessions >= MOUTH_MAX_REMOTE) {
		send_packet(m, MSG_DONE, "1too many sessions wait at this question");
		drop_mouth(q, m);
		return;
	}
	m->page = secret_new_passable(MOUTH_MAX_PIPED);
	if (!m->page) {
		send_packet(m, MSG_DONE, "1this kernel has no memfd_create(); answer on a console");
		drop_mouth(q, m);
		return;
	}
	m->answer = secret_new(MOUTH_MAX_PIPED);
	send_page(m);
	draw(q, m);
}

static void take_name(struct mouth *m, const char *text, unsigned len)
{
	char *p;

	if (m->named || len == 0 || len > 64)
		return;
	m->named = 1;
	free(m->name);
	m->name = xstrndup(text, len);
	/* It is shown on consoles: no control characters */
	for (p = m->name; *p; p++) {
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
}

/* Takes the answer out of the page at once: the other end can write there at
 * any time, and wipes it when it ends. Returns 0 where the session is to be
 * dropped.
 */
static int take_answer(struct mouths *q, struct mouth *m, uint32_t len, bool piped)
{
	int fits = len <= (piped ? MOUTH_MAX_PIPED : MOUTH_MAX_TYPED);

	if (len && fits && !m->busy && q->question) {
		m->piped = piped;
		m->answer->len = len;
		memcpy(m->answer->data, m->page->data, len);
		m->busy = 1;
		m->drawn = 0;
	} else {
		len = 0;
	}
	secret_wipe(m->page);
	if (len)
		q->on_answer(q, m);
	else if (fits && piped)
		send_packet(m, MSG_DONE, "1nothing is asked at this moment; try again");
	return fits;
}

/* Returns 0 where the session is to be dropped. */
static int read_session(struct mouths *q, struct mouth *m)
{
	char packet[1 + 64];
	uint32_t answer_len;
	ssize_t n = recv(m->fd, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0 || n > (ssize_t)sizeof(packet))
		return 0;
	switch (packet[0]) {
	case MSG_NAME:
		take_name(m, packet + 1, n - 1);
		return 1;
	case MSG_AGAIN:
		draw(q, m);
		return 1;
	case MSG_ANSWER:
	case MSG_KEY:
		if (n != 1 + sizeof(answer_len))
			return 0;
		memcpy(&answer_len, packet + 1, sizeof(answer_len));
		return take_answer(q, m, answer_len, packet[0] == MSG_KEY);
	}
	return 0;
}

/* --- typed lines --- */

/* Returns 0 where the terminal is gone. */
static int read_terminal(struct mouths *q, struct mouth *m, int hangup)
{
	struct secret *s = m->answer;
	ssize_t n = read(m->fd, s->data + s->len, s->size - s->len);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0) {
		/* Ctrl-D on an empty line; or the end of a terminal */
		return !hangup && ++m->eofs < MAX_EOFS;
	}
	m->eofs = 0;
	s->len += n;
	if (s->data[s->len - 1] != '\n') {
		/* Ctrl-D behind text: the rest of the line is still to come */
		if (s->len > MOUTH_MAX_TYPED) {
			secret_wipe(s);
			m->too_long = 1;
		}
		return 1;
	}
	s->data[--s->len] = '\0';
	if (!q->echo)
		put(m, "\n");
	m->drawn = 0;
	if (m->too_long || s->len > MOUTH_MAX_TYPED) {
		m->too_long = 0;
		secret_wipe(s);
		tell(m, "that was longer than 512 bytes, the limit for a typed line");
		draw(q, m);
	} else if (s->len == 0 || !q->question) {
		secret_wipe(s);
		draw(q, m);
	} else {
		m->busy = 1;
		q->on_answer(q, m);
	}
	return 1;
}

/* --- kernel messages --- */

static int console_loglevel(void)
{
	char buf[16];
	ssize_t n = open_read_close("/proc/sys/kernel/printk", buf, sizeof(buf) - 1);

	if (n <= 0)
		return 7;
	buf[n] = '\0';
	return atoi(buf);
}

/* Whether one of the new kernel messages was printed on the consoles */
static bool kernel_spoke(int fd)
{
	char record[8192];
	int level = console_loglevel();
	bool spoke = 0;
	ssize_t n;

	/* one record a read; EPIPE: some were overwritten before we came */
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		if (n < 0) {
			spoke = 1;
			continue;
		}
		record[n] = '\0';
		if ((atoi(record) & 7) < level)
			spoke = 1;
	}
	return spoke;
}

static void redraw_all(struct mouths *q)
{
	struct mouth *m;

	q->redraw_ms = 0;
	for (m = q->list; m; m = m->next) {
		if (!m->remote)
			draw(q, m);
	}
}

/* --- the loop --- */

static int open_socket(bool optional)
{
	struct sockaddr_un addr;
	struct stat st;
	int fd;

	if (mkdir(LUKSUNLOCK_DIR, 0700) != 0 && errno != EEXIST)
		goto none;
	if (lstat(LUKSUNLOCK_DIR, &st) != 0 || !S_ISDIR(st.st_mode)
	 || st.st_uid != 0 || (st.st_mode & 077)
	) {
		bb_error_msg("'%s' is not a directory of root's alone; no answer is taken over SSH", LUKSUNLOCK_DIR);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		goto none;
	memset(&addr, 0, sizeof(addr));
	addr.sun_family = AF_UNIX;
	strcpy(addr.sun_path, LUKSUNLOCK_SOCKET);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
		if (!optional)
			bb_simple_error_msg_and_die("another luksunlock asks already; 'luksunlock -r' joins it");
		close(fd);
		return -1;
	}
	/* It gets its name when it listens: a mouth that waits for the name would
	 * be refused in between, and wait for ever */
	strcpy(addr.sun_path, LUKSUNLOCK_SOCKET".new");
	unlink(LUKSUNLOCK_SOCKET".new");
	unlink(LUKSUNLOCK_DONE);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0
	 && listen(fd, 16) == 0
	 && rename(LUKSUNLOCK_SOCKET".new", LUKSUNLOCK_SOCKET) == 0
	)
		return fd;
	close(fd);
 none:
	/* Before /run is mounted, and behind the pivot, nobody expects one */
	if (errno != EROFS && errno != ENOENT)
		bb_perror_msg("no socket '%s': no answer is taken over SSH", LUKSUNLOCK_SOCKET);
	return -1;
}

static void restore_terminals(struct mouths *q)
{
	struct mouth *m;

	for (m = q->list; m; m = m->next) {
		if (!m->remote)
			tcsetattr(m->fd, TCSANOW, &m->old_termios);
	}
}

static struct mouths *dying;

static void restore_dying(void)
{
	if (dying)
		restore_terminals(dying);
}

static void open_own_terminal(struct mouths *q)
{
	const char *name = ttyname(STDIN_FILENO);
	/* a description of our own: O_NONBLOCK must not befall the shell */
	int fd = name ? open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;

	if (fd < 0)
		bb_simple_error_msg_and_die("standard input is not a terminal");
	add_terminal(q, fd, is_prefixed_with(name, "/dev/") ? name + 5 : name);
}

/* Opens all mouths. Q is zeroed but for what the caller sets (see there).
 * Blocks the signals that mouths_run() serves. Dies where another process
 * owns the question.
 */
void FAST_FUNC mouths_open(struct mouths *q)
{
	sigset_t set;

	dying = q;
	secret_guard_process(restore_dying);
	q->listen_fd = q->kmsg_fd = -1;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	bb_signals((1 << SIGCHLD) | (1 << SIGINT) | (1 << SIGTERM)
		| (1 << SIGHUP) | (1 << SIGQUIT), on_signal);
	bb_signals((1 << SIGTSTP) | (1 << SIGTTIN) | (1 << SIGTTOU) | (1 << SIGPIPE), SIG_IGN);

	if (q->own_terminal) {
		open_own_terminal(q);
		return;
	}
	q->listen_fd = open_socket(q->socket_optional);
	q->kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (q->kmsg_fd >= 0)
		lseek(q->kmsg_fd, 0, SEEK_END);
	add_consoles(q);
}

static void serve_signals(struct mouths *q)
{
	if (got_child) {
		pid_t pid;
		int status;

		got_child = 0;
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			if (q->on_child)
				q->on_child(q, pid, status);
		}
	}
	if (got_end) {
		mouths_close(q, 1, "ended by a signal");
		secret_wipe_all();
		signal(got_end, SIG_DFL);
		selfexec_reset_signals();
		raise(got_end);
	}
}

static void serve_mouths(struct mouths *q, struct pollfd *pfd)
{
	struct mouth *m, *next;

	for (m = q->list; m && !q->end; m = next) {
		int alive = 1;

		next = m->next;
		if (pfd->fd == m->fd) {
			if (pfd->revents & POLLIN)
				alive = m->remote ? read_session(q, m)
					: read_terminal(q, m, pfd->revents & POLLHUP);
			else if (pfd->revents)
				alive = 0;
			pfd++;
		}
		if (!alive)
			drop_mouth(q, m);
	}
}

/* The socket, the events and the kernel log, then the mouths in their order */
static unsigned fill_poll(struct mouths *q, struct pollfd **pfds)
{
	struct mouth *m;
	struct pollfd *pfd;
	unsigned n = 3;

	for (m = q->list; m; m = m->next)
		n++;
	pfd = *pfds = xzalloc(n * sizeof(*pfd));
	pfd[0].fd = q->listen_fd;
	pfd[1].fd = q->uevent_fd > 0 ? q->uevent_fd : -1;
	pfd[2].fd = q->kmsg_fd;
	pfd[0].events = pfd[1].events = pfd[2].events = POLLIN;
	pfd += 3;
	for (m = q->list; m; m = m->next) {
		/* A busy terminal is not read; a busy session's hangup is wanted */
		if (m->busy && !m->remote)
			continue;
		pfd->fd = m->fd;
		pfd->events = m->busy ? 0 : POLLIN;
		pfd++;
	}
	return pfd - *pfds;
}

static bool is_due(unsigned when_ms)
{
	return when_ms && (int)(when_ms - (unsigned)monotonic_ms()) <= 0;
}

static int sooner(int timeout, unsigned when_ms)
{
	int left = when_ms - (unsigned)monotonic_ms();

	if (!when_ms)
		return timeout;
	if (left < 0)
		left = 0;
	return timeout < 0 || left < timeout ? left : timeout;
}

static int next_timeout(struct mouths *q)
{
	int tick = q->on_tick ? q->on_tick(q) : -1;

	return sooner(sooner(tick, q->redraw_ms), q->reopen_ms);
}

/* Serves mouths, children and events until a hook sets Q->END. */
void FAST_FUNC mouths_run(struct mouths *q)
{
	sigset_t none;

	sigemptyset(&none);
	while (!q->end) {
		struct pollfd *pfds;
		struct timespec ts;
		unsigned n = fill_poll(q, &pfds);
		int timeout = next_timeout(q);
		int ready;

		ts.tv_sec = timeout / 1000;
		ts.tv_nsec = timeout % 1000 * 1000000;
		ready = ppoll(pfds, n, timeout < 0 ? NULL : &ts, &none);
		serve_signals(q);
		if (ready > 0) {
			if (!q->end)
				serve_mouths(q, pfds + 3);
			if (pfds[2].revents && kernel_spoke(q->kmsg_fd) && !q->redraw_ms)
				q->redraw_ms = ((unsigned)monotonic_ms() + REDRAW_MS) | 1;
			if (pfds[1].revents) {
				bool block = devspec_read_uevents(q->uevent_fd);

				if (!q->own_terminal)
					add_consoles(q);
				if (block && !q->end)
					q->on_uevent(q);
			}
			if (pfds[0].revents && !q->end)
				accept_session(q);
		}
		if (is_due(q->redraw_ms))
			redraw_all(q);
		if (is_due(q->reopen_ms)) {
			q->reopen_ms = 0;
			add_consoles(q);
		}
		if (q->own_terminal && !q->list)
			bb_simple_error_msg_and_die("the terminal is gone");
		free(pfds);
	}
}

/* Ends the question: sessions get LAST_LINE and exit with STATUS, terminals
 * get back their state, secrets are wiped.
 */
void FAST_FUNC mouths_close(struct mouths *q, int status, const char *last_line)
{
	char *last = xasprintf("%c%s", '0' + status, last_line);
	struct mouth *m;

	for (m = q->list; m; m = m->next) {
		if (m->remote)
			send_packet(m, MSG_DONE, last);
		else if (m->drawn)
			put(m, "\n");
	}
	free(last);
	restore_terminals(q);
	q->on_gone = NULL;
	while (q->list)
		drop_mouth(q, q->list);
	if (q->listen_fd >= 0) {
		unlink(LUKSUNLOCK_SOCKET);
		close(q->listen_fd);
	}
	if (q->kmsg_fd >= 0)
		close(q->kmsg_fd);
	dying = NULL;
}

static void take_choice(struct mouths *q, struct mouth *m)
{
	struct secret *copy = secret_new(m->answer->size);

	copy->len = m->answer->len;
	memcpy(copy->data, m->answer->data, copy->len);
	/* of echo */
	if (m->piped && copy->len && copy->data[copy->len - 1] == '\n')
		copy->len--;
	secret_wipe(m->answer);
	q->user = copy;
	q->end = 1;
}

/* Asks QUESTION at every mouth and returns the first answer that is not
 * empty; the caller frees it. With ECHO what is typed may be seen.
 */
struct secret* FAST_FUNC mouths_choose(const char *question, bool echo)
{
	struct mouths q;

	memset(&q, 0, sizeof(q));
	q.echo = echo;
	q.socket_optional = 1;
	q.on_answer = take_choice;
	mouths_open(&q);
	mouths_ask(&q, question);
	mouths_run(&q);
	mouths_close(&q, 0, "answered");
	return q.user;
}
