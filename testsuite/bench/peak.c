/*
 * peak COMMAND...: runs it, and says how much memory it, or the largest of its
 * own children, has had at once, and how long it took: "bench: peak N KiB, N us".
 * What it says itself goes nowhere.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	long long start = now_us();
	int status;
	pid_t pid;

	if (argc < 2)
		return 1;
	pid = fork();
	if (pid == 0) {
		if (!freopen("/dev/null", "w", stdout))
			_exit(127);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
		return 1;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return 1;
	printf("bench: peak %ld KiB, %lld us\n", usage.ru_maxrss, now_us() - start);
	return 0;
}
