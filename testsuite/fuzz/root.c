/*
 * See root.h.
 */
#include "root.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sanitizer/allocator_interface.h>

int fuzz_fork_result, fuzz_wait_result;
void (*fuzz_said)(const char *line);

/* What is not of the applets, and would bring in main() of BusyBox */
const char *applet_name = "fuzz";

int FAST_FUNC find_applet_by_name(const char *name)
{
	/* as many as a fragment can name */
	return strlen(name) % 3 ? 1 : -1;
}

void run_applet_no_and_exit(int applet, const char *name, char **argv);
void run_applet_no_and_exit(int applet UNUSED_PARAM, const char *name, char **argv UNUSED_PARAM)
{
	fuzz_fault("it became the applet %s", name);
}

void bb_show_usage(void)
{
	fuzz_fault("it shows its usage");
}

unsigned FAST_FUNC string_array_len(char **argv)
{
	unsigned n = 0;

	while (argv[n])
		n++;
	return n;
}

uint32_t getopt32(char **argv, const char *spec UNUSED_PARAM, ...)
{
	fuzz_fault("%s parses options", argv[0]);
}

uint32_t getopt32long(char **argv, const char *spec UNUSED_PARAM, const char *long_options UNUSED_PARAM, ...)
{
	fuzz_fault("%s parses options", argv[0]);
}

static char last_line[200];

void fuzz_fault(const char *fmt, ...)
{
	va_list p;

	va_start(p, fmt);
	fprintf(stderr, "FAULT: ");
	vfprintf(stderr, fmt, p);
	fprintf(stderr, "; the last line was: %s\n", last_line);
	va_end(p);
	abort();
}

/* --- what the linker puts in place of the real ones --- */

static sigjmp_buf back;
static bool running;

pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
	if (fuzz_fork_result < 0)
		fuzz_fault("it starts a process");
	return fuzz_fork_result;
}

pid_t __wrap_vfork(void);
pid_t __wrap_vfork(void)
{
	fuzz_fault("it starts a process");
}

pid_t __wrap_xfork(void);
pid_t __wrap_xfork(void)
{
	return __wrap_fork();
}

int FAST_FUNC __wrap_wait4pid(pid_t pid);
int FAST_FUNC __wrap_wait4pid(pid_t pid UNUSED_PARAM)
{
	return fuzz_wait_result;
}

pid_t FAST_FUNC __wrap_safe_waitpid(pid_t pid, int *status, int options);
pid_t FAST_FUNC __wrap_safe_waitpid(pid_t pid, int *status, int options UNUSED_PARAM)
{
	if (status)
		*status = fuzz_wait_result << 8;
	return pid;
}

int __wrap_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid UNUSED_PARAM, int sig UNUSED_PARAM)
{
	return 0;
}

/* Whatever it takes */
#define EXECUTES(name) \
	int __wrap_##name(const char *what); \
	int __wrap_##name(const char *what) \
	{ \
		fuzz_fault("it calls "#name"() for %s", what); \
	}
EXECUTES(execv)
EXECUTES(execve)
EXECUTES(execvp)
EXECUTES(execl)
EXECUTES(execlp)
EXECUTES(system)
EXECUTES(popen)
EXECUTES(posix_spawn)
EXECUTES(posix_spawnp)

void FAST_FUNC __wrap_selfexec(const char *const *argv);
void FAST_FUNC __wrap_selfexec(const char *const *argv)
{
	fuzz_fault("it executes itself as %s", argv[0]);
}

void __wrap__exit(int status);
void __wrap__exit(int status)
{
	if (!running)
		fuzz_fault("it exits");
	siglongjmp(back, 1 + status);
}

static void died(void)
{
	__wrap__exit(xfunc_error_retval);
}

/* As libbb's, and nothing is written */
void FAST_FUNC __wrap_bb_verror_msg(const char *fmt, va_list p, const char *why);
void FAST_FUNC __wrap_bb_verror_msg(const char *fmt, va_list p, const char *why UNUSED_PARAM)
{
	char *line;

	if (vasprintf(&line, fmt, p) < 0)
		fuzz_fault("no memory");
	safe_strncpy(last_line, line, sizeof(last_line));
	if (fuzz_said)
		fuzz_said(line);
	free(line);
}

#define SAYS(name, ...) \
	void FAST_FUNC __wrap_##name(const char *fmt, ...); \
	void FAST_FUNC __wrap_##name(const char *fmt, ...) \
	{ \
		va_list p; \
		\
		va_start(p, fmt); \
		__wrap_bb_verror_msg(fmt, p, NULL); \
		va_end(p); \
		__VA_ARGS__; \
	}
SAYS(bb_error_msg)
SAYS(bb_perror_msg)
SAYS(bb_error_msg_and_die, xfunc_die())
SAYS(bb_perror_msg_and_die, xfunc_die())

void FAST_FUNC __wrap_bb_simple_error_msg(const char *line);
void FAST_FUNC __wrap_bb_simple_error_msg(const char *line)
{
	__wrap_bb_error_msg("%s", line);
}

/* --- memory --- */

/* Blocks that were allocated since the input began: a table by address */
enum { BLOCKS = 1 << 18 };
static const volatile void *blocks[BLOCKS];
static unsigned used[BLOCKS], used_count; /* places in it, so that all is not searched */

static unsigned slot_of(const volatile void *p)
{
	return ((uintptr_t)p >> 4) * 2654435761U % BLOCKS;
}

static void on_malloc(const volatile void *p, size_t size UNUSED_PARAM)
{
	unsigned i, n;

	if (!running || !p || used_count == BLOCKS)
		return;
	/* what finds no place nearby is left to the limit of memory */
	for (i = slot_of(p), n = 0; n < 64; n++, i = (i + 1) % BLOCKS) {
		if (!blocks[i]) {
			blocks[i] = p;
			used[used_count++] = i;
			return;
		}
	}
}

static void on_free(const volatile void *p)
{
	unsigned i, n;

	for (i = slot_of(p), n = 0; p && n < 64; n++, i = (i + 1) % BLOCKS) {
		if (blocks[i] == p) {
			blocks[i] = NULL;
			return;
		}
	}
}

static void free_all(void)
{
	while (used_count) {
		const volatile void *p = blocks[used[--used_count]];

		if (p)
			free((void *)p); /* on_free() takes it out */
	}
}

/* --- the root --- */

static llist_t *files;

void fuzz_init(const char *directories)
{
	/* An exec of this file by itself ends here. */
	if (getenv("FUZZ_RUNS"))
		fuzz_fault("it has executed itself");
	setenv("FUZZ_RUNS", "1", 1);
	if (chroot(".") != 0)
		fuzz_fault("no root of its own: %s", strerror(errno));
	for (; *directories; directories += strlen(directories) + 1)
		mkdir(directories, 0755);
	/* as lbb_prepare() */
	ASSIGN_CONST_PTR(&bb_errno, __errno_location());
	die_func = died;
	signal(SIGPIPE, SIG_IGN);
	if (!freopen("/null", "w", stdout))
		fuzz_fault("no stdout");
	setvbuf(stdout, NULL, _IONBF, 0);
	__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
}

void fuzz_file(const char *name, const void *data, size_t size)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	if (fd < 0 || full_write(fd, data, size) != (ssize_t)size)
		fuzz_fault("can't write %s: %s", name, strerror(errno));
	close(fd);
	llist_add_to(&files, xstrdup(name));
}

void fuzz_text(const char *name, const uint8_t *text, size_t size)
{
	char *copy = xmemdup(text, size), *p;

	/* the kernel's has one line */
	for (p = copy; strcmp(name, "/proc/cmdline") == 0 && p < copy + size; p++) {
		if (*p == '\n')
			*p = ' ';
	}
	fuzz_file(name, copy, size);
	free(copy);
}

int fuzz_run(int (*run)(void))
{
	int status = sigsetjmp(back, 0);

	if (status == 0) {
		running = 1;
		status = 1 + run();
	}
	running = 0;
	return status - 1;
}

void fuzz_end(void)
{
	static int clean;
	int fd = dup(STDIN_FILENO);

	close(fd);
	if (!clean)
		clean = fd;
	if (fd > clean)
		fuzz_fault("a descriptor is left");
	free_all();
	while (files) {
		char *name = llist_pop(&files);

		unlink(name);
		free(name);
	}
}

static bool is_listed(const char *names, const char *name)
{
	while (*names && strcmp(names, name) != 0)
		names += strlen(names) + 1;
	return *names != '\0';
}

void fuzz_sections(const uint8_t *data, size_t size, const char *names,
	void (*take)(const char *name, const uint8_t *text, size_t size))
{
	const uint8_t *end = data + size, *next, *text;

	for (; data < end; data = next) {
		char name[64];
		size_t len = 0;

		next = memmem(data, end - data, "\n%% ", 4);
		next = next ? next + 1 : end;
		text = memchr(data, '\n', next - data);
		if (!text || text - data < 4)
			continue;
		len = MIN((size_t)(text - data - 3), sizeof(name) - 1);
		memcpy(name, data + 3, len);
		name[len] = '\0';
		text++;
		if (is_listed(names, name))
			take(name, text, next - text);
	}
}
