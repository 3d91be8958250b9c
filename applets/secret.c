/* vi: set sw=4 ts=4: */
/*
 * Memory for passphrases and keys.
 *
 * The rules, which every file here keeps:
 * - A secret lives in a struct secret and nowhere else: not on the stack, not
 *   in stdio, not in malloc'ed memory, never in argv, environment, file, log,
 *   pipe or socket. A terminal is read straight into it.
 * - Its pages are locked, left out of core dumps, and shared: a fork that
 *   tries a passphrase sees the one original and no copy-on-write duplicate.
 *   Locks do not cross a fork, so the child locks again.
 * - The process can't be dumped or traced by others than root.
 * - It is wiped as soon as it was tried, and on every way out of the process:
 *   end, error, signal.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += secret.o
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += secret.o

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "earlyboot.h"

#ifndef MFD_CLOEXEC
# define MFD_CLOEXEC       1U
# define MFD_ALLOW_SEALING 2U
#endif
#ifndef F_ADD_SEALS
# define F_ADD_SEALS    1033
# define F_SEAL_SEAL    1
# define F_SEAL_SHRINK  2
# define F_SEAL_GROW    4
#endif

static struct secret *secrets;
static void (*restore_at_end)(void);

static void wipe_and_restore(void)
{
	secret_wipe_all();
	if (restore_at_end)
		restore_at_end();
}

static void wipe_and_die(int sig)
{
	wipe_and_restore();
	/* SA_RESETHAND has put the default action back */
	raise(sig);
}

/* To be called before the first secret: no core dumps, no tracing, and what
 * is in memory is wiped when a signal or an x-function ends the process. AT_END
 * (or NULL) restores terminals then; it must be async-signal-safe.
 */
void FAST_FUNC secret_guard_process(void (*at_end)(void))
{
	static const uint8_t deadly[] = {
		SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT,
		SIGINT, SIGTERM, SIGHUP, SIGQUIT
	};
	struct rlimit none = { 0, 0 };
	struct sigaction sa;
	unsigned i;

	restore_at_end = at_end;
	die_func = wipe_and_restore;
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = wipe_and_die;
	sa.sa_flags = SA_RESETHAND | SA_NODEFER;
	for (i = 0; i < ARRAY_SIZE(deadly); i++)
		sigaction(deadly[i], &sa, NULL);
}

static void lock_pages(void *data, unsigned size)
{
	/* Swap is not on this early, so a refusal (RLIMIT_MEMLOCK, when run by
	 * hand without privilege) is no reason not to boot. */
	mlock(data, size);
	madvise(data, size, MADV_DONTDUMP);
}

static struct secret *secret_add(char *data, unsigned size, int fd)
{
	struct secret *s = xzalloc(sizeof(*s));

	lock_pages(data, size);
	s->data = data;
	s->size = size;
	s->fd = fd;
	s->next = secrets;
	secrets = s;
	return s;
}

/* Returns room for SIZE bytes. Dies where there is no memory. */
struct secret* FAST_FUNC secret_new(unsigned size)
{
	char *data = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (data == MAP_FAILED)
		bb_simple_perror_msg_and_die("no memory for a passphrase");
	return secret_add(data, size, -1);
}

/* As secret_new(), but with a descriptor that another process can be sent,
 * which then maps the same page. Returns NULL where the kernel can't.
 */
struct secret* FAST_FUNC secret_new_passable(unsigned size)
{
	int fd = syscall(SYS_memfd_create, "answer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char *data;

	if (fd < 0)
		return NULL;
	/* The other side must not be able to make our mapping fault */
	if (ftruncate(fd, size) != 0
	 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0
	) {
		close(fd);
		return NULL;
	}
	data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED) {
		close(fd);
		return NULL;
	}
	return secret_add(data, size, fd);
}

/* Maps the page that came as descriptor FD. Returns NULL if that fails. */
struct secret* FAST_FUNC secret_map(int fd, unsigned size)
{
	char *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (data == MAP_FAILED)
		return NULL;
	return secret_add(data, size, fd);
}

/* To be called by a forked child before it uses S. */
void FAST_FUNC secret_lock_again(struct secret *s)
{
	lock_pages(s->data, s->size);
}

void FAST_FUNC secret_wipe(struct secret *s)
{
	/* memset() before munmap() or _exit() is what compilers leave out */
	explicit_bzero(s->data, s->size);
	s->len = 0;
}

/* Async-signal-safe. */
void FAST_FUNC secret_wipe_all(void)
{
	struct secret *s;

	for (s = secrets; s; s = s->next)
		secret_wipe(s);
}

/* Wipes and gives back. S may be NULL. */
void FAST_FUNC secret_free(struct secret *s)
{
	struct secret **p;

	if (!s)
		return;
	secret_wipe(s);
	for (p = &secrets; *p; p = &(*p)->next) {
		if (*p == s) {
			*p = s->next;
			break;
		}
	}
	munmap(s->data, s->size);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}
