/*
 * stamp - the first and the last program of a measured boot
 *
 * As init=/bench/start (or rdinit=) it is PID 1: it notes the moment, and
 * executes what /bench/next is a link to. Where there is a /bench/ask, somebody
 * waits at the console, and it says so there as well. As /sbin/init of the real root it
 * notes the moment again, says on the console how long it was and how many
 * processes there were, and switches the machine off. Where the kernel has
 * unpacked an initramfs, it says as well how long that took, by the moments of
 * "Unpacking initramfs" and "Freeing initrd memory".
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

/* A line for the kernel's log. Returns 1 where it had to mount /dev for that */
static int note(const char *fmt, ...)
{
	char line[128];
	va_list p;
	int len, mounted = 0, fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0) {
		/* an initramfs has no /dev yet */
		mkdir("/dev", 0755);
		mounted = mount("dev", "/dev", "devtmpfs", 0, NULL) == 0;
		fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	}
	va_start(p, fmt);
	len = vsnprintf(line, sizeof(line), fmt, p);
	va_end(p);
	if (fd < 0 || write(fd, line, len) != len)
		die("/dev/kmsg");
	close(fd);
	return mounted;
}

static void start(char **argv)
{
	static char next[256];
	ssize_t len = readlink("/bench/next", next, sizeof(next) - 1);

	if (len <= 0)
		die("/bench/next");
	/* who finds a /dev cannot mount it again, and may put a tmpfs over it */
	if (note("<7>bench start %d\n", next_pid()) && umount("/dev") != 0)
		die("umount /dev");
	if (access("/bench/ask", F_OK) == 0) {
		printf("bench: start\n");
		fflush(stdout);
	}
	/* its name is what a BusyBox goes by */
	argv[0] = next;
	execv(next, argv);
	die(next);
}

/* Microseconds of the last line in the kernel's log that begins with TEXT, and
 * the number that may come next */
static int find(const char *text, unsigned long long *us, int *n)
{
	char record[8192];
	int found = 0, fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t len;

	while ((len = read(fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		char *p;

		if (len <= 0)
			continue;
		record[len] = '\0';
		p = strchr(record, ';');
		if (p && strncmp(p + 1, text, strlen(text)) == 0
		 && sscanf(record, "%*u,%*u,%llu", us) == 1
		 && (!n || sscanf(p + 1 + strlen(text), "%d", n) == 1)
		)
			found = 1;
	}
	close(fd);
	return found;
}

static void finish(void)
{
	unsigned long long from, to, unpacking, unpacked;
	int first, last;

	note("<7>bench end %d\n", next_pid());
	if (!find("bench start ", &from, &first) || !find("bench end ", &to, &last))
		die("the kernel's log has no start");
	printf("\nbench: %llu us, %d processes", to - from, last - first - 1);
	if (find("Unpacking initramfs", &unpacking, NULL)
	 && find("Freeing initrd memory", &unpacked, NULL)
	)
		printf(", unpacked in %llu us", unpacked - unpacking);
	printf("\n");
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
