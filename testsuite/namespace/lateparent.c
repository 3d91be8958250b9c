/*
 * lateparent - preloaded: who has waited for the end of a child's pipe goes on only
 * when all its children have ended, as on a machine that has much to do. Their
 * signals are gone then.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
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

int poll(struct pollfd *fds, nfds_t count, int limit)
{
	static int (*real)(struct pollfd *, nfds_t, int);
	int n;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "poll");
	n = real(fds, count, limit);
	/* that is what tells an end from words */
	while (n > 0 && fds[0].events == 0 && !all_are_over())
		usleep(1000);
	if (n > 0 && fds[0].events == 0)
		n = real(fds, count, 0);
	return n;
}
