/*
 * Fuzzes the one question (applets/mouths.c) from where it can be reached: up
 * to 40 clients of its socket and a terminal. The input is a list of what they
 * do, and of what luksunlock does with their answers; everything goes through
 * the real socket, terminal and loop. Only the clock stands still between.
 *
 * Beside what the sanitizers see, it is a fault where
 * - there are more sessions than the limit, or one that nobody will serve;
 * - an answer is left in memory behind its try, or anything at the end;
 * - a descriptor is left open;
 * - after all that a client that behaves does not get its page and its
 *   question, or its answer does not arrive as it was given.
 */
#include "earlyboot.h"
#include <pty.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/un.h>

/* Every exec has its own, in a directory of this process */
#undef LUKSUNLOCK_DIR
#define LUKSUNLOCK_DIR "luksunlock"

static unsigned long long now_ms;

static unsigned long long clock_ms(void)
{
	return now_ms;
}

/* A page behind each secret that nobody may touch */
static void *guarded_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	char *room = mmap(at, size + 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (room == MAP_FAILED)
		return room;
	return mmap(room, size, prot, flags | MAP_FIXED, fd, offset);
}

static int guarded_munmap(void *at, size_t size)
{
	return munmap(at, size + 4096);
}

static char console[64];        /* the one of /sys/class/tty/console/active */
static char note[4096];

static void *read_file(const char *name, size_t *size)
{
	char *text = strstr(name, "active") ? console : note;

	if (!*text)
		return NULL;
	if (strlen(text) < *size)
		*size = strlen(text);
	return xmemdup(text, *size + 1);
}

#define monotonic_ms clock_ms
#define mmap guarded_mmap
#define munmap guarded_munmap
#define xmalloc_open_read_close read_file
#include "secret.c"
#define on_signal on_signal_of_mouths
#define dying dying_of_mouths
#include "mouths.c"
#undef mmap
#undef munmap

/* What is not of this file */
const char *applet_name = "fuzz";
int devspec_open_uevents(void) { return -1; }
bool devspec_read_uevents(int fd UNUSED_PARAM) { return 0; }
void selfexec_reset_signals(void) { }

enum { CLIENTS = 40 };

struct client {
	int fd;                 /* -1: none */
	char *page;             /* NULL: it has not come */
	bool asked;             /* a question came */
};

static struct mouths q;
static struct client clients[CLIENTS];
static llist_t *queue;
static struct {
	struct mouth *mouth;
	struct secret *secret;
} job;
static int master = -1;
static const uint8_t *input;
static size_t left;
static unsigned end_stage, end_ticks, quiet_ticks;
static char last_answer[] = "the answer of one who behaves";
static bool last_came;

static void fault(const char *what)
{
	fprintf(stderr, "FAULT: %s\n", what);
	abort();
}

static unsigned byte(void)
{
	if (!left)
		return 0;
	left--;
	return *input++;
}

/* A few have most to say, and the others make it many. */
static struct client *some_client(void)
{
	unsigned n = byte();

	return &clients[n < 192 ? n % 4 : n % CLIENTS];
}

/* --- what the owner does with an answer, as luksunlock.c --- */

static void start(void)
{
	if (job.secret || !queue)
		return;
	job.mouth = llist_pop(&queue);
	job.secret = job.mouth->answer;
}

static void on_answer(struct mouths *m_q UNUSED_PARAM, struct mouth *m)
{
	if (end_stage && m->answer->len == sizeof(last_answer)
	 && memcmp(m->answer->data, last_answer, sizeof(last_answer)) == 0
	)
		last_came = 1;
	mouths_queue(&queue, m);
	start();
}

static void on_gone(struct mouths *m_q UNUSED_PARAM, struct mouth *m)
{
	llist_t **l;

	for (l = &queue; *l; l = &(*l)->link) {
		if ((*l)->data == (char *)m) {
			llist_pop(l);
			break;
		}
	}
	if (job.mouth == m) {
		m->answer = NULL;
		job.mouth = NULL;
	}
}

static void end_job(int status)
{
	if (!job.secret)
		return;
	if (job.mouth)
		mouths_reply(&q, job.mouth, status, status ? "wrong passphrase" : NULL);
	else
		secret_free(job.secret);
	memset(&job, 0, sizeof(job));
	start();
}

static void on_key(struct mouths *k_q, struct mouth *m)
{
	if (m->answer->len && m->answer->data[m->answer->len - 1] != 'b')
		secret_wipe(m->answer);
	mouths_take_keys(k_q, NULL);
}

/* --- clients --- */

static void join(struct client *c)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = LUKSUNLOCK_SOCKET };

	if (c->fd >= 0)
		return;
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	/* EAGAIN: sixteen have not been let in yet */
	if (connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		close(c->fd);
		c->fd = -1;
	}
}

static void leave(struct client *c)
{
	if (c->fd < 0)
		return;
	close(c->fd);
	if (c->page)
		munmap(c->page, MOUTH_MAX_PIPED);
	memset(c, 0, sizeof(*c));
	c->fd = -1;
}

static void take_words(struct client *c)
{
	char text[2 + MOUTH_MAX_TEXT], control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { text, sizeof(text) };
	struct cmsghdr *h;
	int fd;

	while (c->fd >= 0) {
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(c->fd, &msg, MSG_DONTWAIT);

		if (n <= 0) {
			/* as a client does: it was hung up on */
			if (n == 0 || errno != EAGAIN)
				leave(c);
			return;
		}
		h = CMSG_FIRSTHDR(&msg);
		if (n > 1 + MOUTH_MAX_TEXT || (text[0] == MSG_PAGE) != (h != NULL))
			fault("the owner said what is no packet");
		c->asked |= (text[0] == MSG_QUESTION);
		if (!h)
			continue;
		memcpy(&fd, CMSG_DATA(h), sizeof(fd));
		if (c->page)
			fault("a second page came");
		c->page = mmap(NULL, MOUTH_MAX_PIPED, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (ftruncate(fd, 0) == 0 || ftruncate(fd, 2 * MOUTH_MAX_PIPED) == 0)
			fault("the page can be made to fault");
		close(fd);
	}
}

static void say(struct client *c, const void *packet, size_t len)
{
	if (c->fd >= 0)
		send(c->fd, packet, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A letter, and bytes of the input */
static void say_packet(struct client *c)
{
	static const char letters[] = "PTQDXNAKE";
	char packet[8192];
	unsigned kind = byte(), len = byte(), i;

	packet[0] = kind < 128 ? letters[kind % 9] : (char)kind;
	/* beyond what any buffer of the owner holds, too */
	if (len >= 240)
		len = (len - 239) * 500;
	for (i = 1; i <= len; i++)
		packet[i] = i < 100 ? (char)byte() : 'x';
	say(c, packet, 1 + len);
}

static const uint32_t lengths[] = {
	0, 1, 5, 511, 512, 513, 4096, 65535, 65536, 65537, 0x7fffffff, 0x80000000, 0xffffffff
};

/* An answer in the page, and a length that may be another */
static void say_answer(struct client *c)
{
	char packet[5];
	unsigned what = byte();
	uint32_t len = lengths[what / 4 % ARRAY_SIZE(lengths)];

	take_words(c);
	if (!c->page)
		return;
	packet[0] = what & 1 ? MSG_KEY : MSG_ANSWER;
	memset(c->page, 's', len <= MOUTH_MAX_PIPED ? len : MOUTH_MAX_PIPED);
	memcpy(packet + 1, &len, 4);
	say(c, packet, what & 2 ? 5 : 1 + byte() % 5);
}

/* --- the terminal --- */

static void open_terminal(void)
{
	int slave;
	char name[64];

	if (master >= 0)
		return;
	if (openpty(&master, &slave, name, NULL, NULL) != 0)
		fault("no terminal");
	fcntl(master, F_SETFL, O_NONBLOCK);
	snprintf(console, sizeof(console), "%s\n", name + 5);
	add_consoles(&q);
	close(slave);
}

static void close_terminal(void)
{
	if (master >= 0)
		close(master);
	master = -1;
	console[0] = '\0';
}

static void read_screen(void)
{
	char text[4096];

	while (master >= 0 && read(master, text, sizeof(text)) > 0)
		continue;
}

static void type_at_terminal(void)
{
	char text[1024];
	unsigned len = byte(), i;

	if (len >= 250)
		memset(text, 'x', len = (len - 249) * 170);
	else
		for (i = 0; i < len % 16; i++)
			text[i] = byte();
	if (len < 250)
		len %= 16;
	if (master >= 0 && write(master, text, len) < 0)
		return;
}

static struct mouth *terminal(void)
{
	struct mouth *m = q.list;

	while (m && m->remote)
		m = m->next;
	return m;
}

/* As a shell of the failure's menu: its terminal is not read meanwhile. */
static void lend_or_take_back(void)
{
	struct mouth *m = terminal();

	if (!m)
		return;
	if (m->lent_to) {
		mouths_take_back(&q, m);
	} else if (!m->busy) {
		mouths_lend(&q, m);
		m->lent_to = 1;
	}
}

/* --- what must hold --- */

/* Of the first bytes: what is left of an answer begins there. */
static bool is_zero(const struct secret *s)
{
	static const char zeros[64];

	return memcmp(s->data, zeros, sizeof(zeros)) == 0;
}

static bool is_queued(const struct mouth *m)
{
	llist_t *l;

	for (l = queue; l; l = l->link) {
		if (l->data == (char *)m)
			return 1;
	}
	return 0;
}

static void check(void)
{
	struct mouth *m;
	unsigned sessions = 0;

	for (m = q.list; m; m = m->next) {
		sessions += m->remote;
		if (!m->answer || m->answer->len > m->answer->size)
			fault("an answer is longer than its room");
		if (m->busy && !m->leaving && !m->lent_to && m != job.mouth && !is_queued(m))
			fault("a mouth waits for a try that does not come");
		if (m->remote && m != job.mouth && !is_queued(m) && !is_zero(m->answer))
			fault("an answer is left in memory");
	}
	if (sessions > MOUTH_MAX_REMOTE)
		fault("more sessions than the limit");
}

/* --- the script --- */

static void act(void)
{
	static const char *const questions[] = { NULL, "Passphrase for root: ", "Passphrase for home: " };
	unsigned what = byte();
	struct client *c = some_client();
	unsigned i;

	switch (what % 18) {
	case 0:
	case 1:
		join(c);
		break;
	case 2:
		leave(c);
		break;
	case 3:
	case 4:
		say_packet(c);
		break;
	case 5:
	case 6:
		say_answer(c);
		break;
	case 7:
		take_words(c);
		read_screen();
		break;
	case 8:
		if (c->fd >= 0)
			shutdown(c->fd, what / 18 % 3);
		break;
	case 9:
		now_ms += byte() * 32;
		break;
	case 10:
		end_job(what / 18 % 3);
		break;
	case 11:
		mouths_say(&q, what / 18 % 2, job.mouth, "a line of %u", what);
		break;
	case 12:
		mouths_ask(&q, questions[what / 18 % 3]);
		break;
	case 13:
		type_at_terminal();
		break;
	case 14:
		if (what / 18 % 2)
			open_terminal();
		else
			close_terminal();
		break;
	case 15:
		if (what / 18 % 2)
			mouths_take_keys(&q, q.on_key ? NULL : on_key);
		else
			lend_or_take_back();
		break;
	case 16:
		for (i = strlen(note); i < sizeof(note) - 1 && what--; i++)
			note[i] = (char)byte();
		show_note(&q);
		break;
	case 17:
		/* many at once, of which nobody reads */
		for (i = 0; i < CLIENTS; i++)
			join(&clients[i]);
	}
}

/* All that was asked is answered, and somebody comes who behaves. */
static void act_well(void)
{
	struct client *c = &clients[0];
	char packet[5] = { MSG_ANSWER };
	uint32_t len = sizeof(last_answer);

	end_ticks++;
	switch (end_stage) {
	case 1:
		/* what the others have sent may still be on its way */
		quiet_ticks = job.secret ? 0 : quiet_ticks + 1;
		end_job(1);
		now_ms += 40 * 1000;
		if (quiet_ticks < 5)
			return;
		leave(c);
		mouths_ask(&q, "Who behaves? ");
		break;
	case 2:
		join(c);
		if (c->fd < 0)
			return;
		break;
	case 3:
		end_job(1);
		take_words(c);
		if (!c->page || !c->asked)
			return;
		memcpy(c->page, last_answer, len);
		memcpy(packet + 1, &len, 4);
		say(c, packet, sizeof(packet));
		break;
	case 4:
		end_job(1);
		if (!last_came)
			return;
		q.end = 1;
	}
	end_stage++;
}

/* Called by mouths_run() before each poll: one act of the input. */
static int on_tick(struct mouths *t_q UNUSED_PARAM)
{
	check();
	if (left) {
		act();
	} else {
		if (!end_stage)
			end_stage = 1;
		act_well();
		if (end_ticks > 1000)
			fault(end_stage == 4 ? "the answer of one who behaves does not arrive"
				: "one who behaves is not asked");
	}
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc UNUSED_PARAM, char ***argv UNUSED_PARAM)
{
	char *dir = xasprintf("%s/fuzz.XXXXXX", getenv("TMPDIR"));

	if (!mkdtemp(dir) || chdir(dir) != 0)
		fault("no directory");
	free(dir);
	/* as lbb_prepare() */
	ASSIGN_CONST_PTR(&bb_errno, __errno_location());
	logmode = LOGMODE_NONE;
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int before = open("/dev/null", O_RDONLY), after;
	unsigned i;

	close(before);
	memset(&q, 0, sizeof(q));
	q.on_answer = on_answer;
	q.on_gone = on_gone;
	q.on_tick = on_tick;
	q.kmsg_fd = q.note_fd = -1;
	now_ms = 1000;
	end_stage = end_ticks = quiet_ticks = last_came = 0;
	note[0] = console[0] = '\0';
	memset(note, 0, sizeof(note));
	for (i = 0; i < CLIENTS; i++)
		clients[i].fd = -1;
	input = data;
	left = size;

	q.listen_fd = open_socket(0);
	if (q.listen_fd < 0)
		fault("no socket");
	open_terminal();
	mouths_ask(&q, "Passphrase for root: ");
	mouths_run(&q);

	mouths_close(&q, 0, "all is open; the boot goes on");
	llist_free(queue, NULL);
	queue = NULL;
	/* taken over from a mouth that was gone */
	if (!job.mouth)
		secret_free(job.secret);
	memset(&job, 0, sizeof(job));
	free(q.question);
	close_terminal();
	for (i = 0; i < CLIENTS; i++)
		leave(&clients[i]);
	if (secrets)
		fault("a secret is left");
	after = open("/dev/null", O_RDONLY);
	close(after);
	if (after != before)
		fault("a descriptor is left");
	return 0;
}
