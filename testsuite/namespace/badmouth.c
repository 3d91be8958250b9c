/*
 * A client of luksunlock's socket that does not behave.
 *
 * badmouth stall N   N sessions that never read a word, until stdin ends
 * badmouth garbage   what no mouth sends, each in a session of its own
 * badmouth read      prints what it is told until it is hung up on
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
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

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "stall") == 0)
		stall(atoi(argv[2]));
	else if (argc == 2 && strcmp(argv[1], "garbage") == 0)
		garbage();
	else if (argc == 2 && strcmp(argv[1], "read") == 0)
		listen_to_it();
	else
		return 1;
	return 0;
}
