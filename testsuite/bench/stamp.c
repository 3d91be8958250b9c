/*
 * stamp - the first and the last program of a measured boot
 *
 * As init=/bench/start (or rdinit=) it is PID 1: it notes the moment, and
 * executes what /bench/next is a link to. As /sbin/init of the real root it
 * notes the moment again, says on the console how long it was and how many
 * processes there were, and switches the machine off.
 *
 * The moments are those of the kernel's log, which needs nothing but /dev: one
 * clock, and nothing of it is on the console before the end.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* The process number that comes next */
static int next_pid(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid;
}

static void note(const char *fmt, ...)
{
	char line[128];
	va_list p;
	int len, fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0) {
		/* an initramfs has no /dev yet */
		mkdir("/dev", 0755);
		mount("dev", "/dev", "devtmpfs", 0, NULL);
		fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	}
	va_start(p, fmt);
	len = vsnprintf(line, sizeof(line), fmt, p);
	va_end(p);
	if (fd < 0 || write(fd, line, len) != len)
		die("/dev/kmsg");
	close(fd);
}

static void start(char **argv)
{
	static char next[256];
	ssize_t len = readlink("/bench/next", next, sizeof(next) - 1);

	if (len <= 0)
		die("/bench/next");
	note("<7>bench start %d\n", next_pid());
	/* its name is what a BusyBox goes by */
	argv[0] = next;
	execv(next, argv);
	die(next);
}

/* Microseconds and number of the line "bench WORD N" in the kernel's log */
static int find(const char *word, unsigned long long *us, int *n)
{
	char record[8192], text[64];
	int found = 0, fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t len;

	snprintf(text, sizeof(text), ";bench %s ", word);
	while ((len = read(fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		char *p;

		if (len <= 0)
			continue;
		record[len] = '\0';
		p = strstr(record, text);
		if (p && sscanf(record, "%*u,%*u,%llu", us) == 1
		 && sscanf(p + strlen(text), "%d", n) == 1
		)
			found = 1;
	}
	close(fd);
	return found;
}

static void finish(void)
{
	unsigned long long from, to;
	int first, last;

	note("<7>bench end %d\n", next_pid());
	if (!find("start", &from, &first) || !find("end", &to, &last))
		die("the kernel's log has no start");
	printf("\nbench: %llu us, %d processes\n", to - from, last - first - 1);
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	die("reboot");
}

int main(int argc, char **argv)
{
	(void)argc;
	if (access("/bench/next", F_OK) == 0)
		start(argv);
	finish();
	return 1;
}
