/* vi: set sw=4 ts=4: */
/*
 * pivotboot - make the real root the root, keep the early root below it, and
 * execute the real init
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//config:config PIVOTBOOT
//config:	bool "pivotboot (4 kb)"
//config:	default y
//config:	select SWITCH_ROOT
//config:	help
//config:	The last step of an early userspace that lives on an ordinary
//config:	partition: checks the real root, carries /dev and /run over,
//config:	makes it the root with pivot_root(2), leaves the early root
//config:	mounted below it (at /boot), and executes the real init.
//config:	On an initramfs, where that call can't work, it hands over
//config:	to switch_root.

//applet:IF_PIVOTBOOT(APPLET(pivotboot, BB_DIR_SBIN, BB_SUID_DROP))

//kbuild:lib-$(CONFIG_PIVOTBOOT) += pivotboot.o

//usage:#define pivotboot_trivial_usage
//usage:       "[-n] [-o PUT_OLD] [-c CONSOLE] NEW_ROOT [INIT [ARG]...]"
//usage:#define pivotboot_full_usage "\n\n"
//usage:       "Pivot into NEW_ROOT and execute INIT (/sbin/init) there\n"
//usage:     "\n	-n	Only check that it would work"
//usage:     "\n	-o DIR	Where in NEW_ROOT the old root goes (boot)"
//usage:     "\n	-c DEV	Console of INIT (/dev/console)"

#include <sys/mount.h>
#include <sys/vfs.h>
#include "earlyboot.h"

/* libc has the symbol, its headers don't */
extern int pivot_root(const char *new_root, const char *put_old);

enum {
	MAGIC_RAMFS = 0x858458f6,
	MAGIC_TMPFS = 0x01021994,
};

struct globals {
	const char *new_root;
	const char *put_old;
	const char *console;
	char **init;            /* INIT and its arguments */
	bool rootfs;            /* the old root is an initramfs */
	bool acted;             /* the first step that changes anything is done */
} FIX_ALIASING;
#define G (*ptr_to_globals)
#define INIT_G() do { \
	SET_PTR_TO_GLOBALS(xzalloc(sizeof(G))); \
} while (0)

/* PID 1 must not exit, the kernel would panic. What is left of it becomes
 * earlyinit again, which asks what to do.
 */
static void failed_as_pid1(void)
{
	const char **argv = xzalloc((3 + (G.init ? string_array_len(G.init) : 0)) * sizeof(argv[0]));

	argv[0] = "earlyinit";
	argv[1] = G.acted ? "--pivoted=99-pivotroot" : "--failed=99-pivotroot";
	if (G.init && G.init[0]) /* the kernel's arguments, for the next try */
		memcpy(argv + 2, G.init + 1, (string_array_len(G.init) - 1) * sizeof(argv[0]));
	selfexec_reset_signals();
	if (ENABLE_EARLYINIT)
		selfexec(argv);
	bb_simple_error_msg("can't return to earlyinit; the machine waits for a reset");
	for (;;)
		pause();
}

static bool is_mount_point(const char *path)
{
	struct stat st, parent;
	char *up = concat_path_file(path, "..");
	bool yes = stat(path, &st) == 0 && stat(up, &parent) == 0
		&& (st.st_dev != parent.st_dev || st.st_ino == parent.st_ino);

	free(up);
	return yes;
}

/* A bind mount has its parent's device number: the kernel's table tells. */
static bool is_bind_mount(const char *path)
{
	char *real = xmalloc_realpath(path);
	bool yes = real && mounted_at(real);

	free(real);
	return yes;
}

/* NAME is below the root, which is the new one here. */
static void check_dir(const char *name, const char *what, const char *remedy)
{
	struct stat st;

	if (stat(name, &st) != 0 || !S_ISDIR(st.st_mode))
		bb_error_msg_and_die("%s has no directory '%s' for %s; %s",
			G.new_root, name, what, remedy);
}

/* What must be there as seen from the new root: a link such as
 * /sbin/init -> /lib/systemd/systemd leads elsewhere from here.
 */
static void check_inside(void)
{
	bool dev_goes_along = is_mount_point("/dev");
	bool console_there = access(G.console, F_OK) == 0;
	pid_t pid = xfork();
	int status;

	if (pid == 0) {
		struct stat st;

		die_func = NULL;
		if (chdir(G.new_root) != 0 || chroot(".") != 0)
			bb_perror_msg_and_die("can't look into '%s'", G.new_root);
		if (!G.rootfs)
			check_dir(G.put_old, "the early root", "make it in the real root, or name another with -o");
		check_dir("dev", "the devices", "make it in the real root");
		if (!(dev_goes_along && is_prefixed_with(G.console, "/dev/")))
			console_there = access(G.console, F_OK) == 0;
		if (!console_there)
			bb_error_msg_and_die("no console '%s' for the real init; name another with -c",
				G.console);
		if (stat(G.init[0], &st) != 0)
			bb_perror_msg_and_die("no real init '%s' in %s", G.init[0], G.new_root);
		if (!S_ISREG(st.st_mode) || access(G.init[0], X_OK) != 0)
			bb_error_msg_and_die("real init '%s' in %s is not an executable file",
				G.init[0], G.new_root);
		_exit(EXIT_SUCCESS);
	}
	status = wait4pid(pid);
	if (status != 0) {
		/* the child has said why */
		xfunc_error_retval = EXIT_FAILURE;
		xfunc_die();
	}
}

static void check(void)
{
	struct statfs fs;
	struct stat st, old;

	if (stat(G.new_root, &st) != 0)
		bb_perror_msg_and_die("no new root '%s'", G.new_root);
	if (!S_ISDIR(st.st_mode)
	 || (!is_mount_point(G.new_root) && !is_bind_mount(G.new_root))
	)
		bb_error_msg_and_die("'%s' is not a mount point; mount the real root there first",
			G.new_root);
	xstat("/", &old);
	if (st.st_dev == old.st_dev && st.st_ino == old.st_ino)
		bb_error_msg_and_die("'%s' is the early root itself", G.new_root);

	G.rootfs = statfs("/", &fs) == 0
		&& ((unsigned)fs.f_type == MAGIC_RAMFS || (unsigned)fs.f_type == MAGIC_TMPFS)
		&& access("/init", F_OK) == 0;
	check_inside();
}

/* The real init mounts its own; what is busy is carried along. */
static void leave(const char *point)
{
	char *to;

	if (umount(point) == 0 || errno == EINVAL || errno == ENOENT)
		return;
	to = xasprintf("%s%s", G.new_root, point);
	if (mount(point, to, NULL, MS_MOVE, NULL) == 0)
		bb_error_msg("'%s' is busy and goes along into the real root", point);
	else
		bb_perror_msg("'%s' is busy and stays in the early root", point);
	free(to);
}

static bool carry(const char *point)
{
	char *to;
	bool done = 1;

	if (is_mount_point(point)) {
		to = xasprintf("%s%s", G.new_root, point);
		done = mount(point, to, NULL, MS_MOVE, NULL) == 0;
		if (!done)
			bb_perror_msg("can't move '%s' to '%s'", point, to);
		free(to);
	}
	return done;
}

static void open_console(void)
{
	int fd = open(G.console, O_RDWR | O_NOCTTY);

	if (fd < 0) {
		bb_perror_msg("can't open '%s'", G.console);
		return;
	}
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
}

static void close_others(void)
{
	int fd, max = sysconf(_SC_OPEN_MAX);

	/* ours to the binary must stay until exec, which closes it */
	for (fd = 3; fd < (max > 0 && max < 1024 ? max : 1024); fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void act(void)
{
	G.acted = 1;
	leave("/tmp");
	leave("/sys");
	leave("/proc");
	leave("/dev/pts");
	carry("/run"); /* a real root without it makes its own */
	if (!carry("/dev"))
		bb_simple_error_msg_and_die("no real init can do without devices");

	if (G.rootfs) {
		/* It has all the precautions that deleting "/" demands */
		const char **argv = xzalloc((5 + string_array_len(G.init)) * sizeof(argv[0]));

		argv[0] = "switch_root";
		argv[1] = "-c";
		argv[2] = G.console;
		argv[3] = G.new_root;
		memcpy(argv + 4, G.init, string_array_len(G.init) * sizeof(argv[0]));
		selfexec_reset_signals();
		selfexec(argv);
		bb_simple_perror_msg_and_die("can't execute switch_root");
	}

	xchdir(G.new_root);
	if (pivot_root(".", G.put_old) != 0)
		bb_perror_msg_and_die("can't pivot into '%s'", G.new_root);
	xchroot(".");
	open_console();
	close_others();
	umask(022);
	selfexec_reset_signals();
	execv(G.init[0], G.init);
	bb_perror_msg_and_die("can't execute '%s'", G.init[0]);
}

int pivotboot_main(int argc, char **argv) MAIN_EXTERNALLY_VISIBLE;
int pivotboot_main(int argc UNUSED_PARAM, char **argv)
{
	static const char *const default_init[] = { "/sbin/init", NULL };
	unsigned opt;

	INIT_G();
	G.put_old = "boot";
	G.console = "/dev/console";
	/* Before anything that may die */
	if (getpid() == 1) {
		selfexec_init();
		die_func = failed_as_pid1;
	}

	/* '+': options behind NEW_ROOT are INIT's */
	opt = getopt32(argv, "^+" "no:c:" "\0" "-1", &G.put_old, &G.console);
	/* pivot_root() would take an absolute one for a path of the old root */
	while (*G.put_old == '/')
		G.put_old++;
	if (!*G.put_old)
		G.put_old = ".";
	argv += optind;
	G.new_root = argv[0];
	G.init = argv[1] ? argv + 1 : (char **)default_init;

	check();
	if (opt & 1)
		return EXIT_SUCCESS;
	act();
	return EXIT_FAILURE; /* not reached */
}
