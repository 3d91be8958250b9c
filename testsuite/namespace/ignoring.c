/*
 * ignoring PROGRAM ARG...: with SIGCHLD ignored, as a first init that wants no
 * zombies may have it. A shell can't be told to hand that on.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	(void)argc;
	signal(SIGCHLD, SIG_IGN);
	execv(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
