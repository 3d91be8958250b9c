/*
 * A client of luksunlock's socket that does not behave.
 *
 * badmouth stall N   N sessions that never read a word, until stdin ends
 * badmouth hang N    N sessions that never read a word, until they are cut off
 * badmouth garbage   what no mouth sends, each in a session of its own
 * badmouth read      prints what it is told until it is hung up on
 * badmouth flood N   sends empty lines for N seconds as fast as it is let
 * badmouth queue NAME...
 *                    a session of that name for each, in this order, with the
 *                    answer "wrong"; they stay until stdin ends
 * badmouth unread FIFO
 *                    prints how many bytes in it nobody has read
 */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int session(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "/run/luksunlock/socket" };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		perror("badmouth: connect");
		exit(1);
	}
	return fd;
}

static void say(const void *data, size_t len)
{
	char reply[2048];
	int fd = session();

	if (send(fd, data, len, MSG_NOSIGNAL) < 0)
		perror("badmouth: send");
	/* the next session is accepted behind this packet or beside it */
	recv(fd, reply, sizeof(reply), 0);
	close(fd);
}

static void say_length(char kind, uint32_t len)
{
	char packet[5];

	packet[0] = kind;
	memcpy(packet + 1, &len, 4);
	say(packet, 5);
}

static void garbage(void)
{
	static char big[4096];
	unsigned i;

	say("", 0);
	say("A", 1);
	say("A\1\0\0", 4);
	say("A\1\0\0\0\0", 6);
	say_length('A', 0);
	say_length('A', 513);
	say_length('A', UINT32_MAX);
	say_length('K', 0);
	say_length('K', 65537);
	say_length('K', 0x80000000);
	say("N", 1);
	say("N\33[2J\33]0;x\7\r\n\377", 12);
	say("PQTD?", 5);
	memset(big, 'N', sizeof(big));
	say(big, 65);
	say(big, 66);
	say(big, sizeof(big));
	for (i = 0; i < 256; i++) {
		/* but for what is an answer */
		memset(big, i, 64);
		if (i != 'A' && i != 'K')
			say(big, 1 + i % 64);
	}
	puts("garbage sent");
}

static void stall(int n)
{
	char c;

	while (n-- > 0)
		session();
	puts("stalled");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		continue;
}

/* A session that is cut off shows a hangup, with its words unread */
static void hang(int n)
{
	struct pollfd pfd[64];
	int i, left = n;

	for (i = 0; i < n; i++) {
		pfd[i].fd = session();
		pfd[i].events = 0;
	}
	puts("stalled");
	fflush(stdout);
	while (left > 0 && poll(pfd, n, -1) > 0) {
		for (i = 0; i < n; i++) {
			if (pfd[i].fd < 0 || !(pfd[i].revents & POLLHUP))
				continue;
			pfd[i].fd = -1;
			left--;
			puts("hung up");
			fflush(stdout);
		}
	}
}

static void listen_to_it(void)
{
	char text[2048];
	int fd = session();
	ssize_t n;

	while ((n = recv(fd, text, sizeof(text), 0)) > 0) {
		printf("%.*s\n", (int)n, text);
		fflush(stdout);
	}
	puts("hung up");
}

static void flood(int seconds)
{
	char text[2048];
	int fd = session();
	time_t end = time(NULL) + seconds;
	unsigned answers = 0;

	while (time(NULL) < end) {
		send(fd, "E", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (recv(fd, text, sizeof(text), MSG_DONTWAIT) > 0)
			answers++;
	}
	printf("flooded: %u answers\n", answers);
	fflush(stdout);
}

/* A session that has its page, and so was served */
static int session_with_page(char **page)
{
	char control[CMSG_SPACE(sizeof(int))], letter;
	struct iovec iov = { &letter, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control) };
	int fd = session(), page_fd;

	if (recvmsg(fd, &msg, 0) != 1 || letter != 'P' || !CMSG_FIRSTHDR(&msg)) {
		fputs("badmouth: no page came\n", stderr);
		exit(1);
	}
	memcpy(&page_fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	*page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
	if (*page == MAP_FAILED) {
		perror("badmouth: mmap");
		exit(1);
	}
	return fd;
}

static void queue(char **names)
{
	char *page, packet[1 + 64], answer[5] = "A", c;
	uint32_t len = 5;
	int i;

	memcpy(answer + 1, &len, 4);
	for (; *names; names++) {
		int fd = session_with_page(&page);

		memcpy(page, "wrong", 5);
		packet[0] = 'N';
		strncpy(packet + 1, *names, 64);
		if (send(fd, packet, 1 + strlen(*names), MSG_NOSIGNAL) < 0
		 || send(fd, answer, 5, MSG_NOSIGNAL) < 0)
			perror("badmouth: send");
	}
	/* One packet of a session and one new session are served at a time:
	 * behind these the last answer has been taken. */
	for (i = 0; i < 4; i++)
		close(session_with_page(&page));
	puts("queued");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		continue;
}

static void unread(const char *fifo)
{
	int n = -1, fd = open(fifo, O_RDONLY | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, FIONREAD, &n) != 0)
		perror(fifo);
	printf("%d\n", n);
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "queue") == 0)
		queue(argv + 2);
	else if (argc == 3 && strcmp(argv[1], "stall") == 0)
		stall(atoi(argv[2]));
	else if (argc == 3 && strcmp(argv[1], "hang") == 0)
		hang(atoi(argv[2]) % 64);
	else if (argc == 2 && strcmp(argv[1], "garbage") == 0)
		garbage();
	else if (argc == 3 && strcmp(argv[1], "flood") == 0)
		flood(atoi(argv[2]));
	else if (argc == 3 && strcmp(argv[1], "unread") == 0)
		unread(argv[2]);
	else if (argc == 2 && strcmp(argv[1], "read") == 0)
		listen_to_it();
	else
		return 1;
	return 0;
}
