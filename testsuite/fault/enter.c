/*
 * enter INIT: what a kernel does at the end of its start, in namespaces: the
 * root of this machine, read-only and with the device nodes, and nothing else
 * mounted; INIT as PID 1, without a session, on the console. Many boots can so
 * be had in one machine. INIT's reboot(2) ends all of it, as does SIGTERM here.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOT "/fault/root"

static volatile pid_t child;

static void end(int sig)
{
	(void)sig;
	if (child > 0)
		kill(child, SIGKILL);
}

static int fail(const char *what)
{
	perror(what);
	return 111;
}

static int become(char **argv)
{
	static char *env[] = { (char *)"HOME=/", (char *)"TERM=linux", NULL };
	int fd;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
	 || mount("/", ROOT, NULL, MS_BIND, NULL) != 0
	 || mount(NULL, ROOT, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) != 0
	 || mount("/dev", ROOT "/dev", NULL, MS_BIND, NULL) != 0
	)
		return fail("enter: mount");
	/* as switch_root does, so that INIT can pivot */
	if (chdir(ROOT) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0
	 || chroot(".") != 0 || chdir("/") != 0
	)
		return fail("enter: root");
	setsid();
	fd = open("/dev/console", O_RDWR | O_NOCTTY);
	if (fd < 0)
		return fail("enter: /dev/console");
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	close_range(3, ~0U, 0);
	umask(022);
	execve(argv[1], argv + 1, env);
	return fail(argv[1]);
}

int main(int argc, char **argv)
{
	int status;

	if (argc < 2)
		return 111;
	if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS) != 0)
		return fail("enter: unshare");
	/* its exit is what ends it: not a moment before the child is known */
	signal(SIGTERM, end);
	child = fork();
	if (child == 0) {
		signal(SIGTERM, SIG_DFL);
		return become(argv);
	}
	while (waitpid(child, &status, 0) < 0)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
