/*
 * A power cut, to be preloaded: the CUT_AT-th write of a block behind CUT_FROM
 * (bytes) is done by half, and there the program ends.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t write(int fd, const void *buf, size_t len)
{
	static int blocks;

	if (len >= 4096
	 && lseek(fd, 0, SEEK_CUR) >= atol(getenv("CUT_FROM"))
	 && ++blocks == atoi(getenv("CUT_AT"))
	) {
		syscall(SYS_write, fd, buf, len / 2);
		raise(SIGKILL);
	}
	return syscall(SYS_write, fd, buf, len);
}
