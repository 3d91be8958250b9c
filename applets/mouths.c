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

#include <sys/inotify.h>
#include <sys/un.h>
#include "earlyboot.h"

enum {
	TYPED_PAGE = 8192,      /* a canonical line is 4095 bytes at most */
	REDRAW_MS = 300,        /* kernel messages come in bursts */
	REOPEN_MS = 1000,
	MAX_EOFS = 100,         /* a terminal that only ever ends is opened anew */
	WRONG_MS = 1000,        /* pause after a wrong answer; it doubles up to */
	MAX_WRONG_MS = 30000,
	SAY_PAUSE_MS = 4000,    /* a shorter one needs no word */
	TALK_MS = 100,          /* pause after a packet that is no answer */
	FIXED_FDS = 4,          /* what is polled beside the mouths */
};

static smallint got_child, got_end;

static bool is_due(unsigned when_ms)
{
	return when_ms && (int)(when_ms - (unsigned)monotonic_ms()) <= 0;
}

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
	struct termios t = m->old_termios;

	t.c_iflag &= ~(IGNCR | INLCR | ISTRIP | IXON | IXOFF);
	t.c_iflag |= ICRNL;
#ifdef IUTF8
	t.c_iflag |= IUTF8;
#endif
	t.c_oflag |= OPOST | ONLCR;
	t.c_lflag |= ICANON | ISIG | IEXTEN;
	t.c_cc[VEOF] = 'D' - '@'; /* earlyinit takes it from the console */
	t.c_lflag &= ~(ECHO | ECHOE | ECHOK | ECHONL | NOFLSH | TOSTOP);
	if (q->echo)
		t.c_lflag |= ECHO | ECHOE | ECHOK;
	if (q->on_key) {
		t.c_lflag &= ~(ICANON | ISIG | ECHO);
		t.c_cc[VMIN] = 1;
		t.c_cc[VTIME] = 0;
	}
	/* Not TCSAFLUSH: that waits until the output is out, on a held serial
	 * line for ever. */
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

static void put(struct mouth *m, const char *text)
{
	full_write(m->fd, text, strlen(text));
}

/* Throws away what was typed when it was no answer. tcflush() alone leaves it in
 * the kernel's buffer, for as long as the console is open: that is zeroed behind
 * a reader only. Of a line without an end there is no reader.
 */
static void discard_typed(struct mouth *m)
{
	unsigned lines = 100; /* not for ever: a loop-back line sends on and on */

	do
		secret_wipe(m->answer);
	while (lines-- && read(m->fd, m->answer->data, m->answer->size) > 0);
	secret_wipe(m->answer);
	m->too_long = 0;
	tcflush(m->fd, TCIFLUSH);
}

static void add_terminal(struct mouths *q, int fd, const char *tty)
{
	struct mouth *m = add_mouth(q, fd, xasprintf("console %s", tty));

	m->answer = secret_new(TYPED_PAGE);
	if (tcgetattr(fd, &m->old_termios) == 0)
		set_terminal(q, m);
	/* What was typed before the question is no answer to it */
	discard_typed(m);
	if (q->note)
		put(m, q->note);
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

/* Leaves the line on which a question or dots stand. */
static void end_line(struct mouth *m)
{
	if ((m->drawn || m->dotted) && !m->remote)
		put(m, "\n");
	m->drawn = m->dotted = 0;
}

static void draw(struct mouths *q, struct mouth *m)
{
	if (!q->question || m->busy || m->pause_ms)
		return;
	if (m->dotted)
		end_line(m);
	if (m->remote) {
		char *text = xasprintf("%c%s", q->echo ? '+' : '-', q->question);
		send_packet(m, MSG_QUESTION, text);
		free(text);
	} else {
		put(m, q->console_question ? q->console_question : q->question);
	}
	m->drawn = 1;
}

static void tell(struct mouth *m, const char *line)
{
	end_line(m);
	if (m->remote) {
		send_packet(m, MSG_TEXT, line);
	} else {
		put(m, line);
		put(m, "\n");
	}
}

/* A sign of life, to be given each second while a key is derived: at terminals
 * where no question stands.
 */
void FAST_FUNC mouths_dot(struct mouths *q)
{
	struct mouth *m;

	for (m = q->list; m; m = m->next) {
		if (m->remote || m->drawn)
			continue;
		put(m, ".");
		m->dotted = 1;
	}
}

/* Asks QUESTION (copied) at every mouth, in place of the one before it; with
 * NULL nothing is asked. What is half typed stays in the kernel's line.
 */
void FAST_FUNC mouths_ask(struct mouths *q, const char *question)
{
	bool same = question && q->question && strcmp(question, q->question) == 0;
	bool first = question && !q->question;
	struct mouth *m;

	if (!same) {
		free(q->question);
		q->question = question ? xstrdup(question) : NULL;
	}
	for (m = q->list; m; m = m->next) {
		if (same && m->drawn)
			continue;
		/* dots stay until there is something to say below them */
		if (m->drawn)
			end_line(m);
		/* what was typed before is no answer */
		if (first && !m->remote && !m->busy)
			discard_typed(m);
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

static void pause_mouth(struct mouth *m, unsigned ms)
{
	m->pause_ms = ((unsigned)monotonic_ms() + ms) | 1;
}

/* The pause that follows a wrong answer: who guesses, or a serial line whose
 * other end sends back what it gets, keeps the processor from nobody. Returns
 * its length in ms.
 */
static unsigned pause_for_wrong(struct mouth *m)
{
	unsigned ms = MAX_WRONG_MS;

	if (m->wrong < 5)
		ms = WRONG_MS << m->wrong++;
	pause_mouth(m, ms);
	return ms;
}

/* The answer of M was tried: says LINE (or NULL) there and asks again; where
 * STATUS is 2, it was wrong, after a pause. A session whose standard input was
 * the key is done, with STATUS.
 */
void FAST_FUNC mouths_reply(struct mouths *q, struct mouth *m, int status, const char *line)
{
	secret_wipe(m->answer);
	if (m->piped && status == 0) {
		/* It stays busy, and hears what remains when that is known */
		m->leaving = 1;
		return;
	}
	m->busy = 0;
	if (m->piped) {
		char *last = xasprintf("%c%s", '0' + status, line ? line : "");
		send_packet(m, MSG_DONE, last);
		free(last);
		return;
	}
	if (status == 2) {
		unsigned ms = pause_for_wrong(m);
		char *longer = xasprintf("%s; the next try in %u seconds", line, ms / 1000);

		tell(m, ms < SAY_PAUSE_MS ? line : longer);
		free(longer);
	} else {
		m->wrong = 0;
		if (line)
			tell(m, line);
	}
	if (!m->remote)
		discard_typed(m);
	draw(q, m);
}

/* Listens again to those whose pause is over. */
static void end_pauses(struct mouths *q)
{
	struct mouth *m;

	for (m = q->list; m; m = m->next) {
		if (!is_due(m->pause_ms))
			continue;
		m->pause_ms = 0;
		/* as before the first question: nobody could see that this was
		 * no time to type */
		if (!m->remote)
			discard_typed(m);
		draw(q, m);
	}
}

/* --- what the consoles are told of the network --- */

/* Returns what fragments have written, whole lines of it, allocated; or NULL.
 * Some of it came from a DHCP server: no control characters.
 */
static char *read_note(void)
{
	size_t size = MOUTH_MAX_NOTE;
	char *text = xmalloc_open_read_close(LUKSUNLOCK_NOTE, &size);
	char *p;

	if (!text)
		return NULL;
	p = strrchr(text, '\n');
	p = p ? p + 1 : text;
	*p = '\0';
	for (p = text; *p; p++) {
		if ((*p < ' ' || *p > '~') && *p != '\n')
			*p = '?';
	}
	return text;
}

/* Shows at every console what the note has more than the last time: on a
 * machine that nobody can log in to yet this is where its address and the
 * fingerprint of its SSH server are to be seen.
 */
static void show_note(struct mouths *q)
{
	char *text = read_note();
	unsigned shown = q->note ? strlen(q->note) : 0;
	struct mouth *m;

	if (!text || strlen(text) <= shown) {
		free(text);
		return;
	}
	free(q->note);
	q->note = text;
	for (m = q->list; m; m = m->next) {
		if (m->remote)
			continue;
		end_line(m);
		put(m, text + shown);
		draw(q, m);
	}
}

static void watch_note(struct mouths *q)
{
	q->note_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	/* the watch first, then the look */
	if (q->note_fd >= 0)
		inotify_add_watch(q->note_fd, LUKSUNLOCK_DIR, IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR);
	show_note(q);
}

static void serve_note(struct mouths *q)
{
	char events[4096];

	while (read(q->note_fd, events, sizeof(events)) > 0)
		continue;
	show_note(q);
}

/* --- keys, and terminals that are lent --- */

/* With HOOK, it is called for each key at a terminal and each Enter in a
 * session, without waiting for a line; letters so typed begin the line to come.
 * With NULL, lines come again.
 */
void FAST_FUNC mouths_take_keys(struct mouths *q, void (*hook)(struct mouths *q, struct mouth *m))
{
	struct mouth *m;

	q->on_key = hook;
	for (m = q->list; m; m = m->next) {
		if (!m->remote && !m->busy)
			set_terminal(q, m);
	}
}

/* N bytes came at the end of M's line, while keys are taken. */
static void take_keys(struct mouths *q, struct mouth *m, unsigned n)
{
	struct secret *s = m->answer;
	unsigned letters = 0;
	bool enter;

	while (letters < n && s->data[s->len + letters] >= ' ' && s->data[s->len + letters] <= '~')
		letters++;
	enter = letters < n && s->data[s->len + letters] == '\n';
	/* an arrow key sends letters too */
	if (letters == n || enter)
		s->len += letters;
	q->on_key(q, m);
	if (!s->len)
		return;
	/* in the place of the echo that there was not */
	full_write(m->fd, s->data, s->len);
	if (enter) {
		put(m, "\n");
		m->drawn = 0;
		m->busy = 1;
		q->on_answer(q, m);
	}
}

/* Gives the terminal M its old state, for another process to use. It is not
 * read before mouths_take_back().
 */
void FAST_FUNC mouths_lend(struct mouths *q UNUSED_PARAM, struct mouth *m)
{
	secret_wipe(m->answer);
	m->busy = 1;
	m->drawn = 0;
	tcsetattr(m->fd, TCSANOW, &m->old_termios);
}

/* Asks at M again, whose other user is gone. */
void FAST_FUNC mouths_take_back(struct mouths *q, struct mouth *m)
{
	m->lent_to = 0;
	m->busy = 0;
	set_terminal(q, m);
	discard_typed(m);
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

static bool same_client(const struct mouth *a, const struct mouth *b)
{
	if (!a->remote || !b->remote)
		return a == b;
	/* those that never said who they are count as one */
	return a->named == b->named && (!a->named || strcmp(a->name, b->name) == 0);
}

/* Returns how many of QUEUE up to its item END (NULL: all) the client of M has. */
static unsigned count_queued(llist_t *queue, llist_t *end, const struct mouth *m)
{
	unsigned n = 0;

	for (; queue != end; queue = queue->link)
		n += same_client(m, (struct mouth *)queue->data);
	return n;
}

/* Puts M into QUEUE, the mouths whose answers wait: behind the first answer of
 * each client, but before what others have more than it. So who opens many
 * sessions, and is wrong in all, makes nobody wait longer than with one.
 */
void FAST_FUNC mouths_queue(llist_t **queue, struct mouth *m)
{
	unsigned mine = count_queued(*queue, NULL, m);
	llist_t **l = queue;

	while (*l && count_queued(*queue, *l, (struct mouth *)(*l)->data) <= mine)
		l = &(*l)->link;
	llist_add_to(l, m);
}

static unsigned count_sessions(struct mouths *q, const struct mouth *like)
{
	struct mouth *m;
	unsigned n = 0;

	for (m = q->list; m; m = m->next)
		n += m->remote && (!like || same_client(m, like));
	return n;
}

/* Returns the session that makes room for a new one: the oldest of the client
 * that has the most. So who opens too many closes his own, and locks out
 * nobody. One whose answer is being tried stays; NULL: all are such.
 */
static struct mouth *find_surplus(struct mouths *q)
{
	struct mouth *m, *found = NULL;
	unsigned most = 0;

	for (m = q->list; m; m = m->next) {
		unsigned n;

		if (!m->remote || m->busy)
			continue;
		n = count_sessions(q, m);
		if (n > most) {
			most = n;
			found = m;
		}
	}
	return found;
}

static void accept_session(struct mouths *q)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	struct mouth *m, *surplus = NULL;
	bool full;
	int fd = accept4(q->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	/* The directory is 0700; this is the second lock on the same door */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.uid != 0) {
		close(fd);
		return;
	}
	full = count_sessions(q, NULL) >= MOUTH_MAX_REMOTE;
	if (full)
		surplus = find_surplus(q);
	m = add_mouth(q, fd, xasprintf("session %u", (unsigned)peer.pid));
	m->remote = 1;
	if (full && !surplus) {
		send_packet(m, MSG_DONE, "1too many sessions wait at this question");
		drop_mouth(q, m);
		return;
	}
	if (surplus) {
		send_packet(surplus, MSG_DONE, "1too many sessions wait at this question; this one made room for a newer one");
		drop_mouth(q, surplus);
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
	if (len) {
		q->on_answer(q, m);
		return 1;
	}
	if (fits && piped)
		send_packet(m, MSG_DONE, "1nothing is asked at this moment; try again");
	pause_mouth(m, TALK_MS);
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
		/* once; who says it all day is heard ten times a second */
		if (m->named)
			pause_mouth(m, TALK_MS);
		take_name(m, packet + 1, n - 1);
		return 1;
	case MSG_AGAIN:
		if (q->on_key)
			q->on_key(q, m);
		/* it is drawn behind the pause */
		pause_mouth(m, TALK_MS);
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
	if (q->on_key) {
		take_keys(q, m, n);
		return 1;
	}
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
	m->drawn = m->dotted = 0;
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
	/* EAGAIN: it listens, and has much to do */
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 || errno == EAGAIN) {
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
	q->listen_fd = q->kmsg_fd = q->note_fd = -1;

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
	watch_note(q);
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

/* The socket, the events, the kernel log and the note, then the mouths in
 * their order
 */
static unsigned fill_poll(struct mouths *q, struct pollfd **pfds)
{
	struct mouth *m;
	struct pollfd *pfd;
	unsigned n = FIXED_FDS;

	for (m = q->list; m; m = m->next)
		n++;
	pfd = *pfds = xzalloc(n * sizeof(*pfd));
	pfd[0].fd = q->listen_fd;
	pfd[1].fd = q->uevent_fd > 0 ? q->uevent_fd : -1;
	pfd[2].fd = q->kmsg_fd;
	pfd[3].fd = q->note_fd;
	pfd[0].events = pfd[1].events = pfd[2].events = pfd[3].events = POLLIN;
	pfd += FIXED_FDS;
	for (m = q->list; m; m = m->next) {
		bool deaf = m->busy || m->pause_ms;

		/* A busy terminal is not read; a busy session's hangup is wanted */
		if (deaf && !m->remote)
			continue;
		pfd->fd = m->fd;
		pfd->events = deaf ? 0 : POLLIN;
		pfd++;
	}
	return pfd - *pfds;
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
	int timeout = q->on_tick ? q->on_tick(q) : -1;
	struct mouth *m;

	timeout = sooner(sooner(timeout, q->redraw_ms), q->reopen_ms);
	for (m = q->list; m; m = m->next)
		timeout = sooner(timeout, m->pause_ms);
	return timeout;
}

/* Tells those whose key has opened something, and that have nothing else to
 * say, what it has not opened.
 */
static void end_leaving(struct mouths *q)
{
	struct mouth *m, *next;

	for (m = q->list; m; m = next) {
		char *last;

		next = m->next;
		if (!m->leaving)
			continue;
		last = q->question ? xasprintf("0it is not all yet; asked now: %s", q->question)
			: xstrdup("0it is not all yet; the machine waits for more");
		send_packet(m, MSG_DONE, last);
		free(last);
		drop_mouth(q, m);
	}
}

/* Serves mouths, children and events until a hook sets Q->END. */
void FAST_FUNC mouths_run(struct mouths *q)
{
	sigset_t none;

	sigemptyset(&none);
	while (!q->end) {
		struct pollfd *pfds;
		struct timespec ts;
		/* before the poll is filled: the hook may change what is polled */
		int timeout = next_timeout(q);
		unsigned n = fill_poll(q, &pfds);
		int ready;

		ts.tv_sec = timeout / 1000;
		ts.tv_nsec = timeout % 1000 * 1000000;
		ready = ppoll(pfds, n, timeout < 0 ? NULL : &ts, &none);
		serve_signals(q);
		if (ready > 0) {
			if (!q->end)
				serve_mouths(q, pfds + FIXED_FDS);
			if (pfds[2].revents && kernel_spoke(q->kmsg_fd) && !q->redraw_ms)
				q->redraw_ms = ((unsigned)monotonic_ms() + REDRAW_MS) | 1;
			if (pfds[1].revents) {
				bool block = devspec_read_uevents(q->uevent_fd);

				if (!q->own_terminal)
					add_consoles(q);
				if (block && !q->end)
					q->on_uevent(q);
			}
			if (pfds[3].revents)
				serve_note(q);
			if (pfds[0].revents && !q->end)
				accept_session(q);
		}
		if (!q->end)
			end_leaving(q);
		end_pauses(q);
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

/* Ends the question: sessions get LAST_LINE; they exit where STATUS is 0, and
 * wait for the next question where it is not. Terminals get back their state,
 * secrets are wiped.
 */
void FAST_FUNC mouths_close(struct mouths *q, int status, const char *last_line)
{
	char *last = xasprintf("%c%s", '0' + status, last_line);
	struct mouth *m;

	/* first: who hears that there is a next question must not join this one */
	if (q->listen_fd >= 0) {
		unlink(LUKSUNLOCK_SOCKET);
		close(q->listen_fd);
	}
	for (m = q->list; m; m = m->next) {
		if (m->leaving) {
			char *own = xasprintf("0%s", last_line);

			send_packet(m, MSG_DONE, own);
			free(own);
		} else if (m->remote)
			send_packet(m, status ? MSG_NEXT : MSG_DONE, last);
		else
			end_line(m);
	}
	free(last);
	restore_terminals(q);
	q->on_gone = NULL;
	while (q->list)
		drop_mouth(q, q->list);
	if (q->kmsg_fd >= 0)
		close(q->kmsg_fd);
	if (q->note_fd >= 0)
		close(q->note_fd);
	free(q->note);
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
	mouths_ask(q, NULL);
	mouths_reply(q, m, 0, NULL);
	q->user = copy;
	q->end = 1;
}

static struct secret *choose(struct mouths *q, const char *question)
{
	q->on_answer = take_choice;
	mouths_open(q);
	mouths_ask(q, question);
	mouths_run(q);
	/* A session stays: the answer may lead to the next question */
	mouths_close(q, 1, "answered");
	return q->user;
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
	return choose(&q, question);
}

/* As mouths_choose(), on standard input's terminal alone and without echo. */
struct secret* FAST_FUNC mouths_choose_here(const char *question)
{
	struct mouths q;

	memset(&q, 0, sizeof(q));
	q.own_terminal = 1;
	return choose(&q, question);
}
