/*
 * What the fuzz targets share that read files: a root directory in memory, into
 * which they put what the input says, and which the applets take for "/".
 *
 * Nothing here may start a process: an applet that executes itself would be
 * this fuzzer, again and again. The linker gives each call that could do it to
 * the functions below (WRAPPED in run), and in the root nothing is to be
 * executed.
 */
#ifndef FUZZ_ROOT_H
#define FUZZ_ROOT_H 1

#include "earlyboot.h"
#include <setjmp.h>

#define FUZZ_ROOT_BASE 1024     /* descriptors from here on are the input's */

/* Stops: the input is at fault. */
void fuzz_fault(const char *fmt, ...) NORETURN
	__attribute__ ((format (printf, 1, 2)));

/* To be called once: makes the directories (a list as libbb's, ended by "") of
 * the root in the current directory and goes there.
 */
void fuzz_init(const char *directories);

/* Writes SIZE bytes to the file NAME of the root; it is gone when the input is
 * done.
 */
void fuzz_file(const char *name, const void *data, size_t size);

/* The same with TEXT, for fuzz_sections(); of /proc/cmdline it makes one line. */
void fuzz_text(const char *name, const uint8_t *text, size_t size);

/* Runs RUN, which may leave by bb_*_and_die() and the like, by _exit() where it
 * takes itself for a child, or return. Returns its exit status.
 */
int fuzz_run(int (*run)(void));

/* To be called behind each input: removes files, frees what was left in memory
 * (the applets end, and leave that to the kernel), and looks for what they may
 * not leave.
 */
void fuzz_end(void);

/* A text input is a row of files: "%% NAME\n" and their text. Calls TAKE for
 * each whose name is in NAMES.
 */
void fuzz_sections(const uint8_t *data, size_t size, const char *names,
	void (*take)(const char *name, const uint8_t *text, size_t size));

/* Each line that an applet has said by bb_error_msg() and its like */
extern void (*fuzz_said)(const char *line);

/* What fork() is to return (-1: it may not be called), and the exit status that
 * wait4pid() is to return.
 */
extern int fuzz_fork_result, fuzz_wait_result;

#endif
