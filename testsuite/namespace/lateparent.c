/*
 * lateparent - preloaded: who has waited for a child's signal goes on only when
 * all its children have ended, as on a machine that has much to do. Their one
 * signal is spent then.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int is_over(int pid)
{
	char path[64], state = 'Z';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return 1;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	fclose(f);
	return state == 'Z';
}

static int all_are_over(void)
{
	char path[64];
	int pid, over = 1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	f = fopen(path, "r");
	while (f && fscanf(f, "%d", &pid) == 1)
		over &= is_over(pid);
	if (f)
		fclose(f);
	return over;
}

int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *limit)
{
	static int (*real)(const sigset_t *, siginfo_t *, const struct timespec *);
	int sig;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "sigtimedwait");
	sig = real(set, info, limit);
	while (sig == SIGCHLD && !all_are_over())
		usleep(1000);
	if (sig == SIGCHLD)
		/* what came meanwhile is the same signal */
		real(set, info, &(struct timespec){ 0, 0 });
	return sig;
}
