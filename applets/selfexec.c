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

#include <sys/syscall.h>
#include "earlyboot.h"

#ifndef AT_EMPTY_PATH
# define AT_EMPTY_PATH 0x1000
#endif

static int self_fd = -1;

/* Remembers the running binary by a descriptor, so that it can be executed
 * after /proc was unmounted or the root changed. Wants /proc once.
 */
void FAST_FUNC selfexec_init(void)
{
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

	selfexec_init();
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
