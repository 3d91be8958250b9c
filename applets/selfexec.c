/* vi: set sw=4 ts=4: */
/*
 * Starting an applet of this same binary, links or no links.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += selfexec.o
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += selfexec.o
//kbuild:lib-$(CONFIG_PIVOTBOOT) += selfexec.o

#include <sys/auxv.h>
#include <sys/syscall.h>
#include "earlyboot.h"
#include "common_bufsiz.h"

#ifndef AT_EMPTY_PATH
# define AT_EMPTY_PATH 0x1000
#endif
#ifndef SYS_close_range
# define SYS_close_range 436
#endif

static int self_fd = -1;

/* Returns the path by which the kernel has executed this process; NULL: it had
 * none. As long as its root is the one of that time, that is the binary.
 */
const char* FAST_FUNC selfexec_name(void)
{
	const char *name = (const char *)getauxval(AT_EXECFN);

	/* "/dev/fd/N" and "/proc/self/exe" are no names of a file */
	if (!name || name[0] != '/' || is_prefixed_with(name, "/dev/fd/") || is_prefixed_with(name, "/proc/"))
		return NULL;
	return name;
}

/* Remembers the running binary by a descriptor, so that it can be executed
 * after /proc was unmounted or the root changed. NAME is that of selfexec_name()
 * if it holds; with NULL /proc is wanted once.
 */
void FAST_FUNC selfexec_init(const char *name)
{
	if (self_fd < 0 && name)
		self_fd = open(name, O_PATH | O_CLOEXEC);
	if (self_fd < 0)
		self_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
}

/* Replaces this process by the applet ARGV[0] of the same binary.
 * Returns only if it can't be executed, with errno set.
 */
void FAST_FUNC selfexec(const char *const *argv)
{
	static const char *const names[] = {
		"/proc/self/exe", "/bin/busybox", "/boot/bin/busybox"
	};
	unsigned i;

	selfexec_init(NULL);
#ifdef SYS_execveat
	if (self_fd >= 0)
		syscall(SYS_execveat, self_fd, "", argv, environ, AT_EMPTY_PATH);
#endif
	for (i = 0; i < ARRAY_SIZE(names); i++)
		execv(names[i], (char **)argv);
}

/* Gives a child the signals that a fresh process has: blocked masks and
 * ignored signals would live on across exec.
 */
void FAST_FUNC selfexec_reset_signals(void)
{
	/* The kernel's structure, for which all zero is the default action.
	 * libc's signal() refuses the two signals that libc keeps for itself, and
	 * its posix_spawn() starts programs with these two ignored. */
	static const unsigned long dfl[8];
	sigset_t none;
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		syscall(SYS_rt_sigaction, sig, dfl, NULL, _NSIG / 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Closes all descriptors but 0, 1 and 2: at once, or, AT_EXEC, when another
 * program is executed.
 */
void FAST_FUNC selfexec_close_others(bool at_exec)
{
	enum { CLOEXEC = 1 << 2 }; /* CLOSE_RANGE_CLOEXEC */
	int fd, max;

	if (syscall(SYS_close_range, 3, ~0U, at_exec ? CLOEXEC : 0) == 0)
		return;
	/* before Linux 5.11 */
	max = sysconf(_SC_OPEN_MAX);
	for (fd = 3; fd < max; fd++) {
		if (at_exec)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
		else
			close(fd);
	}
}

/* For a child: becomes the applet ARGV[0] of this binary, with PATH set for
 * what that may call. Returns 127 where it can't be executed; that is said.
 */
int FAST_FUNC selfexec_become(const char *const *argv)
{
	setenv("PATH", bb_default_root_path, 1);
	selfexec(argv);
	bb_perror_msg("can't execute applet '%s'", argv[0]);
	return 127;
}

/* For a child, or for the last act of a process: has what the applet NAME finds
 * when it is executed, to go on as that: globals of zero where it keeps them in
 * the common buffer.
 */
void FAST_FUNC selfexec_as(const char *name)
{
	applet_name = name;
	setup_common_bufsiz();
	memset(bb_common_bufsiz1, 0, COMMON_BUFSIZE);
	logmode = LOGMODE_STDIO;
}

/* For a child, or for the last act of a process: goes on as the applet ARGV[0]
 * without an exec, as ash does with its NOEXEC applets. An exec of this same
 * binary would but map and fault in again what is there already: that is half
 * of the time that a short applet takes.
 */
void FAST_FUNC selfexec_continue(const char *const *argv)
{
	int applet = find_applet_by_name(argv[0]);

	if (applet < 0)
		bb_error_msg_and_die("'%s' is not in this busybox", argv[0]);
	selfexec_as(argv[0]);
	setenv("PATH", bb_default_root_path, 1);
	/* and getopt() at its start */
	GETOPT_RESET();
	run_applet_no_and_exit(applet, argv[0], (char **)argv);
}

/* For a child: runs the applet ARGV[0] in a child of its own, without an exec.
 * Returns its exit status.
 */
int FAST_FUNC selfexec_run(const char *const *argv)
{
	pid_t pid = xfork();

	if (pid == 0)
		selfexec_continue(argv);
	return wait4pid(pid);
}
