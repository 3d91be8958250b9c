/*
 * A machine without memory for one more process, as long as /nofork is there:
 * preloaded before a dynamic busybox. It befalls PID 1 alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <unistd.h>

pid_t fork(void)
{
	pid_t (*real)(void) = (pid_t (*)(void))dlsym(RTLD_NEXT, "fork");

	if (getpid() == 1 && access("/nofork", F_OK) == 0) {
		errno = ENOMEM;
		return -1;
	}
	return real();
}
