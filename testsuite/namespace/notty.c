/*
 * notty PROGRAM ARG...: in the state in which the kernel starts its init, not
 * in that of whoever runs the tests: without a controlling terminal (expect
 * gives each process one, and Ctrl-C there would end the machine from outside),
 * no signal ignored or blocked, umask 022.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Past the C library, which hides two signals from its own functions: there
 * are supervisors that start their children with these ignored.
 */
static void default_signals(void)
{
	unsigned long act[8] = { 0 }, none = 0;
	int sig;

	for (sig = 1; sig < _NSIG; sig++)
		syscall(SYS_rt_sigaction, sig, act, NULL, _NSIG / 8);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, _NSIG / 8);
}

int main(int argc, char **argv)
{
	(void)argc;
	/* whose session leader gives it up is hung up */
	signal(SIGHUP, SIG_IGN);
	if (ioctl(STDIN_FILENO, TIOCNOTTY) != 0)
		perror("notty: TIOCNOTTY");
	default_signals();
	umask(022);
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
