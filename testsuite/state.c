/*
 * An init that says in what state it was started, a line a fact, and powers
 * off. Started by the kernel itself and behind a pivot it must say the same.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

extern char **environ;

static void strings(const char *name, char **s)
{
	for (; *s; s++)
		printf("%s: %s\n", name, *s);
}

static void descriptors(void)
{
	struct stat st;
	int fd;

	for (fd = 0; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		fstat(fd, &st);
		printf("fd %d: %s %u:%u flags %x %x offset %ld\n", fd,
			S_ISCHR(st.st_mode) ? "device" : "other",
			major(st.st_rdev), minor(st.st_rdev),
			fcntl(fd, F_GETFD),
			/* O_LARGEFILE, which only what user space opens has */
			fcntl(fd, F_GETFL) & ~0100000,
			(long)lseek(fd, 0, SEEK_CUR));
	}
	/* whether the three are one open file */
	printf("shared: %ld %ld\n",
		syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 1),
		syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 2));
}

static void signals(void)
{
	unsigned long mask[16] = { 0 }, act[8];
	int sig;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, mask, _NSIG / 8);
	printf("blocked: %lx\n", mask[0]);
	for (sig = 1; sig < _NSIG; sig++) {
		memset(act, 0, sizeof(act));
		syscall(SYS_rt_sigaction, sig, NULL, act, _NSIG / 8);
		if (act[0])
			printf("signal %d: %lx\n", sig, act[0]);
	}
	memset(mask, 0, sizeof(mask));
	syscall(SYS_rt_sigpending, mask, _NSIG / 8);
	printf("pending: %lx\n", mask[0]);
}

static void process(void)
{
	char path[4096];
	struct itimerval timer;
	struct rlimit limit;
	cpu_set_t cpus;
	mode_t mask;
	int i, pdeath = -1, reaper = -1;

	printf("pid: %d ppid %d\n", getpid(), getppid());
	printf("session: %d group %d\n", getsid(0), getpgrp());
	i = open("/dev/tty", O_RDWR);
	printf("controlling terminal: %s\n", i >= 0 ? "yes" : strerror(errno));
	if (i >= 0)
		close(i);
	printf("cwd: %s\n", getcwd(path, sizeof(path)));
	mask = umask(0);
	umask(mask);
	printf("umask: %o\n", mask);
	for (i = 0; i < RLIM_NLIMITS; i++) {
		getrlimit(i, &limit);
		printf("limit %d: %ld %ld\n", i, (long)limit.rlim_cur, (long)limit.rlim_max);
	}
	for (i = ITIMER_REAL; i <= ITIMER_PROF; i++) {
		getitimer(i, &timer);
		printf("timer %d: %ld\n", i, (long)timer.it_value.tv_sec);
	}
	sched_getaffinity(0, sizeof(cpus), &cpus);
	printf("nice: %d policy %d processors %d io %ld\n", getpriority(PRIO_PROCESS, 0),
		sched_getscheduler(0), CPU_COUNT(&cpus), syscall(SYS_ioprio_get, 1, 0));
	prctl(PR_GET_PDEATHSIG, &pdeath);
	prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	printf("prctl: dumpable %d death %d reaper %d keepcaps %d securebits %x nonewprivs %d slack %d\n",
		prctl(PR_GET_DUMPABLE), pdeath, reaper, prctl(PR_GET_KEEPCAPS),
		prctl(PR_GET_SECUREBITS), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
		prctl(PR_GET_TIMERSLACK));
	printf("personality: %x\n", personality(0xffffffff));
}

static void terminal(void)
{
	struct termios t;
	unsigned i;

	if (tcgetattr(0, &t) != 0) {
		printf("terminal: %s\n", strerror(errno));
		return;
	}
	printf("terminal: %x %x %x %x", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
	for (i = 0; i < NCCS; i++)
		printf(" %x", t.c_cc[i]);
	printf(" group %d\n", tcgetpgrp(0));
}

/* Of /proc, which is mounted for it, as an init does. */
static void show_lines(const char *name, const char *const *keys)
{
	char line[4096];
	FILE *f = fopen(name, "r");

	while (f && fgets(line, sizeof(line), f)) {
		const char *const *key = keys;

		while (*key && strncmp(line, *key, strlen(*key)) != 0)
			key++;
		if (*key)
			printf("%s", line);
	}
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	static const char *const status[] = {
		"Uid", "Gid", "Groups", "VmLck", "Cap", "Seccomp", "CoreDumping", NULL
	};
	static const char *const all[] = { "", NULL };

	(void)argc;
	printf("STATE\n");
	descriptors();
	strings("argument", argv);
	strings("environment", environ);
	signals();
	process();
	terminal();
	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	show_lines("/proc/self/status", status);
	show_lines("/proc/self/oom_score_adj", all);
	show_lines("/proc/self/coredump_filter", all);
	show_lines("/proc/sys/kernel/printk", all);
	show_lines("/proc/sys/kernel/ctrl-alt-del", all);
	printf("STATE END\n");
	fflush(stdout);
	tcdrain(1);
	if (getpid() == 1) {
		if (fork() == 0)
			reboot(RB_POWER_OFF);
		for (;;)
			pause();
	}
	return 0;
}
