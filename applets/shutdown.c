/* vi: set sw=4 ts=4: */
/*
 * earlyinit --shutdown: the clean end of a machine whose early root is alive.
 *
 * The early root was mounted below the real root all the time. At shutdown it
 * is made "/" again, by systemd's own convention (/run/initramfs/shutdown) or
 * by a hook of another init that executes pivotboot the other way round. Then
 * nothing has to run from the real root any more: it is unmounted, its LUKS
 * volumes are closed, and the kernel forgets their keys.
 *
 * Volumes are closed by the ioctl below libcryptsetup: what they carry, such
 * as logical volumes, is not all LUKS, and must be closed before them.
 *
 * Whatever fails here, the machine goes down.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += shutdown.o

#include <mntent.h>
#include <linux/dm-ioctl.h>
#include <linux/loop.h>
#include <linux/reboot.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include "earlyinit.h"

#define OLD_ROOT "/oldroot"
/* what is asked for, from a hook to the PID 1 that it wakes */
#define REQUEST  "/run/earlyinit.shutdown"

enum {
	GRACE_MS = 1500,        /* between TERM and KILL */
	KILLED_MS = 1000,       /* for the killed to be gone */
	PID1_MS = 5000,         /* for sysvinit to execute itself anew */
	CLOSE_MS = 30000,       /* without a byte being written meanwhile */
	WIPE_MS = 20000,
	SETTLE_MS = 10000,
};

static const char verbs[] ALIGN1 = "reboot\0" "poweroff\0" "halt\0" "kexec\0";
enum { REBOOT, POWEROFF, HALT, KEXEC };

static smallint wanted; /* one of these */

/* --- waiting --- */

/* Waits for a child's end, MS milliseconds at most. SIGCHLD is blocked, so
 * that none is lost between a look and the wait.
 */
static void wait_for_child(int ms)
{
	struct timespec ts;
	sigset_t chld;

	ts.tv_sec = ms / 1000;
	ts.tv_nsec = ms % 1000 * 1000000;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigtimedwait(&chld, NULL, &ts);
}

/* Returns how much the kernel has yet to write to disks, KiB. */
static unsigned long unwritten_kib(void)
{
	unsigned long sum = 0, kib;
	char line[128];
	FILE *f = fopen_for_read("/proc/meminfo");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Dirty: %lu", &kib) == 1 || sscanf(line, "Writeback: %lu", &kib) == 1)
			sum += kib;
	}
	if (f)
		fclose(f);
	return sum;
}

/* Runs WORK in a child: what hangs in there, with a dead disk, must not hang
 * the machine. WHAT it is is said if it isn't over in LIMIT_MS milliseconds.
 * A slow disk is not a dead one: as long as there is less and less to be
 * written, it is waited for.
 */
static void step(const char *what, void (*work)(void), unsigned limit_ms)
{
	unsigned start = monotonic_ms(), passed;
	unsigned long left = unwritten_kib(), now_left;
	pid_t pid = fork(), ended;

	if (pid <= 0) {
		/* without memory for a child it's done here */
		if (pid == 0)
			die_func = NULL;
		work();
		if (pid == 0)
			_exit(EXIT_SUCCESS);
		return;
	}
	for (;;) {
		do {
			ended = waitpid(-1, NULL, WNOHANG);
			if (ended == pid)
				return;
		} while (ended > 0);
		passed = monotonic_ms() - start;
		if (passed >= limit_ms) {
			now_left = unwritten_kib();
			if (now_left >= left)
				break;
			bb_error_msg("%s: %lu MiB are still to be written", what, now_left / 1024);
			left = now_left;
			start += passed;
			continue;
		}
		wait_for_child(limit_ms - passed);
	}
	bb_error_msg("%s is not done and nothing happens; going on without", what);
	kill(pid, SIGKILL);
}

/* --- processes --- */

/* Whether PID is one of those that wait for us: the hook's shell, the script
 * that called it, ... If they ended, their init would go on with what follows.
 */
static bool waits_for_us(pid_t pid)
{
	pid_t ancestor = getppid();

	while (ancestor > 1) {
		char path[sizeof("/proc//stat") + sizeof(int) * 3];
		char buf[512], *p;
		ssize_t n;

		if (ancestor == pid)
			return 1;
		sprintf(path, "/proc/%d/stat", (int)ancestor);
		n = open_read_close(path, buf, sizeof(buf) - 1);
		if (n <= 0)
			break;
		buf[n] = '\0';
		/* "PID (NAME) STATE PPID", and NAME may hold anything */
		p = strrchr(buf, ')');
		if (!p || sscanf(p + 1, " %*c %d", &ancestor) != 1)
			break;
	}
	return 0;
}

/* Sends SIG to all that are to end. Returns how many there were. */
static unsigned signal_others(int sig)
{
	unsigned count = 0;
	struct dirent *e;
	DIR *dir = opendir("/proc");

	while (dir && (e = readdir(dir)) != NULL) {
		int pid = bb_strtou(e->d_name, NULL, 10);

		if (errno || pid == getpid() || !pid1_is_to_end(pid) || waits_for_us(pid))
			continue;
		kill(pid, sig);
		count++;
	}
	if (dir)
		closedir(dir);
	return count;
}

static void end_processes(void)
{
	static const struct {
		int sig;
		unsigned ms;
	} rounds[] = { { SIGTERM, GRACE_MS }, { SIGKILL, KILLED_MS } };
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(rounds); i++) {
		unsigned start = monotonic_ms();

		if (!signal_others(rounds[i].sig))
			return;
		signal_others(SIGCONT);
		do {
			wait_for_child(50);
			while (waitpid(-1, NULL, WNOHANG) > 0)
				continue;
		} while (signal_others(0) && (unsigned)monotonic_ms() - start < rounds[i].ms);
	}
}

/* --- swap and mounts --- */

static void swap_off(void)
{
	char *field[1];
	parser_t *parser = config_open2("/proc/swaps", fopen_for_read);

	/* "Filename Type ..." is the first line */
	while (parser && config_read(parser, field, 1, 1, "# \t", PARSE_NORMAL)) {
		if (field[0][0] == '/' && swapoff(field[0]) != 0)
			bb_perror_msg("can't switch swap '%s' off", field[0]);
	}
	if (parser)
		config_close(parser);
}

/* The early root, and what is needed to the end */
static bool stays_mounted(const char *dir)
{
	static const char staying[] ALIGN1 = "/\0" "/dev\0" "/proc\0" "/run\0" "/sys\0";

	return index_in_strings(staying, dir) >= 0;
}

/* Calls DO_IT for each mount but those, the last one first: that is below none
 * of the others. Returns whether that did something for one.
 */
static bool for_each_mount(bool (*do_it)(const char *dir))
{
	llist_t *list = NULL;
	bool done = 0;
	struct mntent m;
	char buf[4096];
	FILE *f = setmntent("/proc/self/mounts", "r");

	while (f && fstab_next(f, &m, buf, sizeof(buf))) {
		if (!stays_mounted(m.mnt_dir))
			llist_add_to(&list, xstrdup(m.mnt_dir));
	}
	if (f)
		endmntent(f);
	while (list) {
		char *dir = llist_pop(&list);

		if (do_it(dir))
			done = 1;
		free(dir);
	}
	return done;
}

static bool unmount(const char *dir)
{
	return umount2(dir, UMOUNT_NOFOLLOW) == 0;
}

/* A read-only file system is as clean as one that is unmounted. */
static bool make_read_only(const char *dir)
{
	/* not of the early root's own /dev and the like */
	if (!is_prefixed_with(dir, OLD_ROOT))
		return 0;
	if (mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0)
		bb_error_msg("'%s' is busy; it is read-only now", dir);
	else
		bb_perror_msg("'%s' is busy and can't be made read-only", dir);
	return 0;
}

/* --- devices --- */

/* Asks the kernel for CMD on the mapping NAME. TEXT: of a message. Returns
 * 0 or an errno.
 */
static int dm_ask(unsigned long cmd, uint32_t flags, const char *name, const char *text)
{
	struct {
		struct dm_ioctl head;
		uint64_t sector; /* struct dm_target_msg, which has no size */
		char text[16];
	} ask;
	int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC), err;

	if (control < 0)
		return errno;
	memset(&ask, 0, sizeof(ask));
	ask.head.version[0] = DM_VERSION_MAJOR;
	ask.head.data_size = sizeof(ask);
	ask.head.data_start = sizeof(ask.head);
	ask.head.flags = flags;
	safe_strncpy(ask.head.name, name, sizeof(ask.head.name));
	if (text)
		strcpy(ask.text, text);
	err = ioctl(control, cmd, &ask) == 0 ? 0 : errno;
	close(control);
	return err;
}

/* Calls DO_IT for each block device of the kernel's. Returns whether that did
 * something for one.
 */
static bool for_each_device(bool (*do_it)(const char *device))
{
	bool done = 0;
	struct dirent *e;
	DIR *dir = opendir("/sys/block");

	while (dir && (e = readdir(dir)) != NULL) {
		if (!DOT_OR_DOTDOT(e->d_name) && do_it(e->d_name))
			done = 1;
	}
	if (dir)
		closedir(dir);
	return done;
}

/* The kernel itself refuses what is mounted or held by another mapping. With
 * the last user of a dm-crypt mapping it wipes the volume key.
 */
static bool close_mapping(const char *device)
{
	char *name = devspec_attr(device, "dm/name");
	bool done = name && dm_ask(DM_DEV_REMOVE, 0, name, NULL) == 0;

	free(name);
	return done;
}

/* A file on the real root that is a disk keeps that busy. */
static bool free_loop(const char *device)
{
	char *file = devspec_attr(device, "loop/backing_file");
	char *node = xasprintf("/dev/%s", device);
	int fd = file ? open(node, O_RDONLY | O_CLOEXEC) : -1;
	bool done = 0;

	if (fd >= 0) {
		/* done when the last one closes it, who may be another */
		ioctl(fd, LOOP_CLR_FD, 0);
		close(fd);
		free(file);
		file = devspec_attr(device, "loop/backing_file");
		done = !file;
	}
	free(node);
	free(file);
	return done;
}

/* An array of volumes keeps them busy. The kernel stops it if nobody uses it. */
static bool stop_array(const char *device)
{
	char *path = xasprintf("/sys/block/%s/md/array_state", device);
	char *state = devspec_attr(device, "md/array_state");
	int fd = state && strcmp(state, "clear") != 0 ? open(path, O_WRONLY | O_CLOEXEC) : -1;
	bool done = 0;

	if (fd >= 0) {
		done = write(fd, "clear", 5) == 5;
		close(fd);
	}
	free(state);
	free(path);
	return done;
}

/* From the top to the bottom, whatever lies upon what: again and again, until
 * nothing more can be closed.
 */
static void close_all(void)
{
	bool again;

	swap_off();
	do {
		again = for_each_mount(unmount);
		again |= for_each_device(close_mapping);
		again |= for_each_device(stop_array);
		again |= for_each_device(free_loop);
	} while (again);
	for_each_mount(make_read_only);
	sync();
}

/* Whether DEVICE is a mapping with a key of dm-crypt's, by the names that
 * libcryptsetup gives.
 */
static bool has_key(const char *device)
{
	char *uuid = devspec_attr(device, "dm/uuid");
	bool yes = uuid
		&& is_prefixed_with(uuid, "CRYPT-")
		&& !is_prefixed_with(uuid, "CRYPT-VERITY")
		&& !is_prefixed_with(uuid, "CRYPT-INTEGRITY")
		&& !is_prefixed_with(uuid, "CRYPT-SUBDEV");

	free(uuid);
	return yes;
}

/* What can't be closed because PID 1 runs from it: dm-crypt forgets its key all
 * the same, as cryptsetup(8)'s luksSuspend does it. From then on all that
 * reads from there sleeps for ever.
 */
static bool wipe_key(const char *device)
{
	char *name = has_key(device) ? devspec_attr(device, "dm/name") : NULL;
	int err;

	if (!name)
		return 0;
	err = dm_ask(DM_DEV_SUSPEND, DM_SUSPEND_FLAG, name, NULL);
	if (err == 0)
		err = dm_ask(DM_TARGET_MSG, 0, name, "key wipe");
	errno = err;
	if (err != 0)
		bb_perror_msg("'%s' is busy, and its key can't be wiped", name);
	else
		bb_error_msg("'%s' is busy; its key is wiped", name);
	free(name);
	return err == 0;
}

static void wipe_all(void)
{
	for_each_device(wipe_key);
}

/* One line in the kernel's log, so on the console and in what outlives a
 * reboot: whether all that should be closed is. (Not by dprintf: it seeks, which
 * this file refuses.)
 */
static void report(void)
{
	bool mounted = mounted_at(OLD_ROOT), left = for_each_device(has_key);
	char *line = xasprintf("<%c>earlyinit: the real root is %s, %s\n",
		mounted || left ? '4' : '6',
		mounted ? "still mounted" : "unmounted",
		left ? "a volume is not closed" : "all volumes are closed");
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		full_write(fd, line, strlen(line));
		close(fd);
	}
	free(line);
}

/* --- the end --- */

/* The argument of systemd's `reboot ARG`, for firmware that knows it; or NULL */
static char *reboot_argument(void)
{
	size_t size = 255;
	char *text = xmalloc_open_read_close("/run/systemd/reboot-param", &size);

	if (text)
		chomp(text);
	return text && text[0] ? text : NULL;
}

/* Returns only if the kernel refuses. */
static void call_kernel(void)
{
	static const int commands[] = { RB_AUTOBOOT, RB_POWER_OFF, RB_HALT_SYSTEM, RB_KEXEC };
	char *argument = wanted == REBOOT ? reboot_argument() : NULL;

	if (argument)
		syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			LINUX_REBOOT_CMD_RESTART2, argument);
	reboot(commands[wanted]);
	bb_perror_msg("the kernel refuses to %s", nth_string(verbs, wanted));
	reboot(RB_AUTOBOOT);
}

/* Who updated the early root may have left it writable. */
static void settle(void)
{
	mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
	sync();
}

/* Returns only if the kernel refuses, and not as PID 1. */
static void go_down(void)
{
	static smallint again;

	/* in here memory may be short again */
	if (!again++)
		step("writing what is left", settle, SETTLE_MS);
	if (getpid() != 1) {
		call_kernel();
		return;
	}
	/* The kernel ends the caller, and panics if that is PID 1. */
	if (fork() <= 0) {
		call_kernel();
		if (getpid() != 1)
			_exit(EXIT_FAILURE);
	}
	for (;;)
		pause();
}

/* --- who asks --- */

/* sysvinit executes /sbin/init anew when it is asked to, which is this binary
 * now: so the real root can lose its last user. What this sends is the request
 * of `telinit u`. Returns if that does not help.
 */
static void wake_pid1(void)
{
	struct {
		int32_t magic, command, runlevel, seconds;
		char data[368];
	} request = { 0x03091969, 1, 'U', 0, "" };
	const char *verb = nth_string(verbs, wanted);
	unsigned start = monotonic_ms(), passed = 0;
	int fd = open("/run/initctl", O_WRONLY | O_NONBLOCK | O_CLOEXEC), to;

	if (fd < 0)
		return; /* another init */
	to = open(REQUEST, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to >= 0) {
		full_write(to, verb, strlen(verb));
		close(to);
		full_write(fd, &request, sizeof(request));
		/* It ends all others, this process too. */
		signal(SIGTERM, SIG_DFL);
		while (passed < PID1_MS) {
			wait_for_child(PID1_MS - passed);
			passed = monotonic_ms() - start;
		}
		/* The request stays: if init comes late, it must not boot. */
		bb_simple_error_msg("init does not leave the real root");
	}
	close(fd);
}

/* Whether this process, with the arguments ARGV, is to shut the machine down:
 * it is told so, or it is sysvinit's PID 1 anew, which has "--init".
 */
bool FAST_FUNC shutdown_asked(char **argv)
{
	if (!argv[0])
		return 0;
	return strcmp(argv[0], "--shutdown") == 0
		|| (getpid() == 1 && strcmp(argv[0], "--init") == 0 && access(REQUEST, F_OK) == 0);
}

/* What a hook has had open, down to its standard input, may be files of the
 * real root, which they would keep busy. As PID 1 it may be nothing at all.
 */
static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd >= 0) {
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
	}
	selfexec_close_others(0);
	bb_sanitize_stdio();
}

/* As a child of some script of a real init, which it must outlive */
static void check_caller(const char *verb)
{
	if (!mounted_at(OLD_ROOT))
		bb_error_msg_and_die("there is no real root at '"OLD_ROOT"': this is for the hook of a real init; use '%s'",
			verb);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

/* Returns one of the enum's, from the argument behind --shutdown, or from what
 * a hook has left for its PID 1. -1: it is neither.
 */
static int find_verb(char **argv)
{
	size_t size = 15;
	char *word = argv[1];
	int verb;

	if (strcmp(argv[0], "--init") == 0)
		word = xmalloc_open_read_close(REQUEST, &size);
	verb = index_in_strings(verbs, word ? word : "");
	if (verb < 0 && getpid() == 1) {
		bb_error_msg("'%s' is neither reboot, poweroff, halt nor kexec; the machine is rebooted",
			word ? word : "");
		verb = REBOOT;
	}
	return verb;
}

/* ARGV as above; --shutdown is followed by one of the verbs. What comes behind
 * that is left: systemd has options of its own. Returns only where nothing
 * could be done, and not as PID 1.
 */
int FAST_FUNC earlyinit_shutdown(char **argv)
{
	sigset_t chld;
	int verb;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	if (getpid() == 1) {
		die_func = go_down;
		open_console();
	}
	verb = find_verb(argv);
	if (verb < 0)
		bb_simple_error_msg_and_die("--shutdown takes reboot, poweroff, halt or kexec");
	wanted = verb;
	if (getpid() != 1) {
		check_caller(argv[1]);
		open_console();
	}

	xchdir("/");
	end_processes();
	if (getpid() != 1)
		wake_pid1();
	step("closing the real root", close_all, CLOSE_MS);
	step("wiping keys", wipe_all, WIPE_MS);
	report();
	go_down();
	return EXIT_FAILURE;
}
