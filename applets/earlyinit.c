/* vi: set sw=4 ts=4: */
/*
 * earlyinit - PID 1 of an early userspace on an ordinary partition: brings a
 * machine from the kernel's first root to its real root, in numbered stages
 *
 * It sequences and nothing else: what may fail, hang or be killed is done by
 * a child, so that it is an exit status here and no kernel panic.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//config:config EARLYINIT
//config:	bool "earlyinit (14 kb)"
//config:	default y
//config:	select MOUNT
//config:	select FEATURE_MOUNT_FSTAB
//config:	select FEATURE_MOUNT_OTHERTAB
//config:	select UMOUNT
//config:	select FEATURE_UMOUNT_ALL
//config:	select LOADKMAP
//config:	select VOLUMEID
//config:	help
//config:	init of a boot partition: mounts, network, SSH server,
//config:	passphrase, real root, in numbered stages which shell fragments
//config:	in /init.d replace and extend. A stage that fails is a question
//config:	on the console, never a kernel panic.
//config:
//config:config FEATURE_EARLYINIT_AS_INIT
//config:	bool "Install as init"
//config:	default y
//config:	depends on EARLYINIT && !INIT
//config:	help
//config:	Gives earlyinit the name "init" too, so that a kernel starts it
//config:	as /sbin/init with no argument. BusyBox's own init is still there
//config:	as "linuxrc" for the rescue environment: enable LINUXRC.

//applet:IF_EARLYINIT(APPLET(earlyinit, BB_DIR_SBIN, BB_SUID_DROP))
//applet:IF_FEATURE_EARLYINIT_AS_INIT(APPLET_ODDNAME(init, earlyinit, BB_DIR_SBIN, BB_SUID_DROP, earlyinit))

//kbuild:lib-$(CONFIG_EARLYINIT) += earlyinit.o

//usage:#define earlyinit_trivial_usage
//usage:       "-n [-R ROOT]"
//usage:#define earlyinit_full_usage "\n\n"
//usage:       "As PID 1: boot. Else:\n"
//usage:     "\n	-n	Print the plan of a boot"
//usage:     "\n	-R DIR	of the boot device mounted at DIR (/)"

#include <mntent.h>
#include <linux/kd.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include "earlyboot.h"

#define REAL_ROOT "/mnt"

enum {
	/* The fragment shell's two pipes; out of the way of "exec 3<file" */
	FD_COMMANDS = 250,
	FD_REPLIES = 251,

	GRACE_MS = 1500,        /* between TERM and KILL */
	KILLED_MS = 1000,       /* for the killed to be gone */
	UNMOUNT_MS = 10000,     /* a dead disk must not hold up a reboot */
};

enum { IN_CHILD, IN_PID1 };

struct builtin {
	const char *name;
	uint8_t where;
	int (*run)(void);       /* exit status */
	char *(*plan)(void);    /* what it would do, allocated */
};

enum { FROM_BUILTIN, FROM_FRAGMENT, FROM_PROGRAM, FROM_MASK };

struct stage {
	const char *name;
	const struct builtin *builtin;  /* NULL: no built-in has this name */
	uint8_t from;
};

struct globals {
	const char *root;       /* "", or -R's */
	char **init_args;       /* for the real init */
	struct bootarg *args;
	struct stage *stages;   /* a NULL name ends them */
	char *loglevel;         /* of the console, saved by 40-printk */
	pid_t shell;            /* that reads the fragments; 0: none */
	int shell_status;
	int commands_fd;
	int replies_fd;
	pid_t child;            /* that is waited for; 0: it has ended */
	int child_status;
	char why[400];          /* last words of the stage that failed */
	unsigned why_len;
} FIX_ALIASING;
#define G (*ptr_to_globals)
#define INIT_G() do { \
	SET_PTR_TO_GLOBALS(xzalloc(sizeof(G))); \
} while (0)

static volatile smallint got_signal;

/* --- words --- */

/* To every console, since nobody knows at which one somebody stands */
static void say_everywhere(const char *text)
{
	llist_t *names = mouths_console_names();
	llist_t *l;

	for (l = names; l; l = l->link) {
		char *path = xasprintf("/dev/%s", l->data);
		int fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

		free(path);
		if (fd >= 0) {
			full_write(fd, text, strlen(text));
			close(fd);
		}
	}
	llist_free(names, free);
}

/* One line in the kernel's log. Opened anew each time: the kernel counts
 * lines by open file, and drops what is over its limit.
 */
static void trace(const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));
static void trace(const char *fmt, ...)
{
	va_list p;
	char *line;
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	va_start(p, fmt);
	if (vasprintf(&line, fmt, p) < 0)
		line = NULL;
	va_end(p);
	if (line)
		full_write(fd, line, strlen(line));
	free(line);
	close(fd);
}

/* Keeps the end of what the failing stage said, for the question */
static void keep_why(const char *text, unsigned len)
{
	if (len > sizeof(G.why) - 1) {
		text += len - (sizeof(G.why) - 1);
		len = sizeof(G.why) - 1;
	}
	if (G.why_len + len > sizeof(G.why) - 1) {
		unsigned drop = G.why_len + len - (sizeof(G.why) - 1);

		memmove(G.why, G.why + drop, G.why_len - drop);
		G.why_len -= drop;
	}
	memcpy(G.why + G.why_len, text, len);
	G.why_len += len;
	G.why[G.why_len] = '\0';
}

/* --- waiting --- */

static void on_signal(int sig)
{
	if (sig != SIGCHLD)
		got_signal = sig;
}

static void go_down(int how) NORETURN;

/* Reaps all, orphans too; serves the signals of reboot, poweroff, halt and
 * Ctrl-Alt-Del.
 */
static void serve_signals(void)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == G.child) {
			G.child = 0;
			G.child_status = status;
		}
		if (pid == G.shell) {
			G.shell = 0;
			G.shell_status = status;
		}
	}
	switch (got_signal) {
	case SIGINT:  /* Ctrl-Alt-Del */
	case SIGTERM: /* reboot */
		go_down(RB_AUTOBOOT);
	case SIGUSR1: /* halt */
		go_down(RB_HALT_SYSTEM);
	case SIGUSR2: /* poweroff */
		go_down(RB_POWER_OFF);
	}
}

/* Waits for a signal, for FD (-1: none) to become readable, or for MS
 * milliseconds (-1: no limit). Signals are open only in here, so none is lost
 * between the look at a flag and the wait. Returns whether FD is readable.
 */
static bool wait_event(int fd, int ms)
{
	struct pollfd pfd;
	struct timespec ts;
	sigset_t none;
	int n;

	pfd.fd = fd;
	pfd.events = POLLIN;
	pfd.revents = 0;
	ts.tv_sec = ms / 1000;
	ts.tv_nsec = ms % 1000 * 1000000;
	sigemptyset(&none);
	n = ppoll(&pfd, 1, ms < 0 ? NULL : &ts, &none);
	serve_signals();
	return n > 0 && pfd.revents;
}

/* --- children --- */

/* A fork fails where memory or process numbers are short. Both come back. */
static pid_t fork_for_sure(void)
{
	bool said = 0;
	pid_t pid;

	while ((pid = fork()) < 0) {
		if (!said) {
			said = 1;
			say_everywhere("earlyinit: can't fork; trying again every second\n");
		}
		wait_event(-1, 1000);
	}
	if (pid == 0) {
		die_func = NULL;
		selfexec_reset_signals();
	}
	return pid;
}

static void relay(int fd)
{
	char buf[256];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf) - 1)) > 0) {
		buf[n] = '\0';
		say_everywhere(buf);
		keep_why(buf, n);
	}
}

static int wait_child(pid_t pid, int stderr_fd)
{
	G.child = pid;
	while (G.child) {
		if (wait_event(stderr_fd, -1)) {
			struct pollfd pfd;

			relay(stderr_fd);
			/* closed by all writers: only the end is waited for now */
			pfd.fd = stderr_fd;
			pfd.events = POLLIN;
			if (poll(&pfd, 1, 0) > 0 && !(pfd.revents & POLLIN))
				stderr_fd = -1;
		}
	}
	if (stderr_fd >= 0)
		relay(stderr_fd);
	return G.child_status;
}

/* Runs WORK in a child. What that says on stderr goes to all consoles.
 * Returns its wait status.
 */
static int in_child(int (*work)(void))
{
	struct fd_pair err;
	pid_t pid;
	int status;

	xpiped_pair(err);
	pid = fork_for_sure();
	if (pid == 0) {
		xdup2(err.wr, STDERR_FILENO);
		close(err.rd);
		close(err.wr);
		_exit(work());
	}
	close(err.wr);
	ndelay_on(err.rd);
	close_on_exec_on(err.rd);
	status = wait_child(pid, err.rd);
	close(err.rd);
	return status;
}

/* For a child: becomes the applet ARGV[0] of this binary. */
static int become(const char *const *argv)
{
	setenv("PATH", bb_default_root_path, 1);
	selfexec(argv);
	bb_perror_msg("can't execute applet '%s'", argv[0]);
	return 127;
}

/* For a child: runs the applet and returns its exit status. */
static int run_applet(const char *const *argv)
{
	pid_t pid = xfork();

	if (pid == 0)
		_exit(become(argv));
	return wait4pid(pid);
}

/* --- end of the machine --- */

/* Sends SIG to all processes of user space but PID 1, the fragment shell if
 * SPARE_SHELL, and storage daemons, which say by a '@' in front of their name
 * that the root file system needs them. Returns how many there were.
 */
static unsigned signal_all(int sig, bool spare_shell)
{
	unsigned count = 0;
	struct dirent *e;
	DIR *dir = opendir("/proc");

	if (!dir)
		return 0;
	while ((e = readdir(dir)) != NULL) {
		char path[sizeof("/proc//cmdline") + sizeof(int) * 3];
		char first;
		int pid = bb_strtou(e->d_name, NULL, 10);

		if (errno || pid <= 1 || (spare_shell && pid == G.shell))
			continue;
		sprintf(path, "/proc/%u/cmdline", pid);
		/* kernel threads and the dead have none */
		if (open_read_close(path, &first, 1) != 1 || first == '@')
			continue;
		kill(pid, sig);
		count++;
	}
	closedir(dir);
	return count;
}

static void reap_all(bool spare_shell)
{
	unsigned start = monotonic_ms();

	if (!signal_all(SIGTERM, spare_shell))
		return;
	signal_all(SIGCONT, spare_shell);
	while (signal_all(0, spare_shell) && (unsigned)monotonic_ms() - start < GRACE_MS)
		wait_event(-1, 50);
	start = monotonic_ms();
	while (signal_all(SIGKILL, spare_shell) && (unsigned)monotonic_ms() - start < KILLED_MS)
		wait_event(-1, 50);
}

/* HOW is of reboot(2). */
static void go_down(int how)
{
	static const char *const umount_argv[] = { "umount", "-a", "-r", NULL };
	unsigned start;
	pid_t pid;

	got_signal = 0;
	say_everywhere(how == RB_AUTOBOOT ? "\nearlyinit: reboot\n" : "\nearlyinit: the machine goes down\n");
	reap_all(0);
	start = monotonic_ms();
	pid = fork_for_sure();
	if (pid == 0) {
		run_applet(umount_argv);
		sync();
		_exit(EXIT_SUCCESS);
	}
	G.child = pid;
	while (G.child && (unsigned)monotonic_ms() - start < UNMOUNT_MS)
		wait_event(-1, 100);
	/* The kernel ends the caller of reboot(2), and panics if that is PID 1 */
	if (fork_for_sure() == 0) {
		reboot(how);
		_exit(EXIT_FAILURE);
	}
	for (;;) {
		got_signal = 0; /* nothing else is done any more */
		wait_event(-1, -1);
	}
}

/* --- what goes on: real root, fstab --- */

static char *rooted(const char *path)
{
	return xasprintf("%s%s", G.root, path);
}

/* The line of /etc/fstab whose mount point is POINT. The strings live in BUF.
 */
static bool find_in_fstab(const char *point, struct mntent *m, char *buf, unsigned size)
{
	char *path = rooted("/etc/fstab");
	FILE *f = setmntent(path, "r");
	bool found = 0;

	free(path);
	if (!f)
		return 0;
	while (!found && getmntent_r(f, m, buf, size))
		found = strcmp(m->mnt_dir, point) == 0;
	endmntent(f);
	return found;
}

struct real_root {
	const char *spec;       /* NULL: nothing says it */
	const char *type;
	const char *options;
	struct mntent m;
	char buf[1024];
};

/* The kernel command line beats fstab, word by word. */
static void find_real_root(struct real_root *r)
{
	const char *value;

	memset(r, 0, sizeof(*r));
	r->type = "auto";
	r->options = "";
	if (find_in_fstab(REAL_ROOT, &r->m, r->buf, sizeof(r->buf))) {
		r->spec = r->m.mnt_fsname;
		r->type = r->m.mnt_type;
		r->options = r->m.mnt_opts;
	}
	value = bootargs_get(G.args, "real_root");
	if (value && *value)
		r->spec = value;
	value = bootargs_get(G.args, "real_rootfstype");
	if (value && *value)
		r->type = value;
	value = bootargs_get(G.args, "real_rootflags");
	if (value && *value)
		r->options = value;
}

/* "ro" goes first, so that a "rw" in OPTIONS wins. "noauto" is for the other
 * readers of fstab.
 */
static char *real_root_options(const char *options)
{
	static const char dropped[] ALIGN1 = "noauto\0" "defaults\0" "ro\0";
	char *text = xstrdup("ro");
	char *copy = xstrdup(options);
	char *rest = copy, *word;

	while ((word = strsep(&rest, ",")) != NULL) {
		char *longer;

		if (!*word || index_in_strings(dropped, word) >= 0)
			continue;
		longer = xasprintf("%s,%s", text, word);
		free(text);
		text = longer;
	}
	free(copy);
	return text;
}

static unsigned timeout_s(void)
{
	const char *value = bootargs_get(G.args, "rd.timeout");
	unsigned s = value ? bb_strtou(value, NULL, 10) : 0;

	return value && errno == 0 ? s : 0;
}

static const char *real_init(void)
{
	const char *value = bootargs_get(G.args, "real_init");

	return value && *value ? value : "/sbin/init";
}

/* --- the stages --- */

/* What an early userspace has even if fstab does not say so */
static const char default_mounts[] ALIGN1 =
	"/dev/pts devpts noexec,nosuid\0"
	"/proc proc nodev,noexec,nosuid\0"
	"/run tmpfs nodev,nosuid,mode=0755\0"
	"/sys sysfs nodev,noexec,nosuid\0"
	"/tmp tmpfs nodev,nosuid\0";

static bool wanted_by_fstab(const struct mntent *m)
{
	return strcmp(m->mnt_dir, REAL_ROOT) != 0
		&& strcmp(m->mnt_dir, "/") != 0
		&& m->mnt_dir[0] == '/'
		&& strcmp(m->mnt_type, "swap") != 0
		&& !hasmntopt(m, "noauto");
}

/* Lines for what is to be mounted and is not yet: so it can be run again */
static void write_mounts(FILE *to)
{
	struct mntent m;
	char buf[1024];
	const char *line;
	FILE *f;

	for (line = default_mounts; *line; line += strlen(line) + 1) {
		char dir[16], type[8], options[32];

		sscanf(line, "%15s %7s %31s", dir, type, options);
		if (!find_in_fstab(dir, &m, buf, sizeof(buf)) && !mounted_at(dir))
			fprintf(to, "%s %s %s %s 0 0\n", dir, dir, type, options);
	}
	f = setmntent("/etc/fstab", "r");
	while (f && getmntent_r(f, &m, buf, sizeof(buf))) {
		if (wanted_by_fstab(&m) && !mounted_at(m.mnt_dir))
			addmntent(to, &m);
	}
	if (f)
		endmntent(f);
}

static int run_mounts(void)
{
	/* one process for all, and none of its logic again */
	static const char *argv[] = { "mount", "-a", "-T", NULL, NULL };
	FILE *tab;
	int fd;

	mkdir("/dev/pts", 0755);
	mkdir("/dev/shm", 01777);
	fd = syscall(SYS_memfd_create, "fstab", 0);
	if (fd < 0)
		bb_simple_perror_msg_and_die("memfd_create");
	tab = xfdopen_for_write(dup(fd));
	write_mounts(tab);
	fclose(tab);
	if (lseek(fd, 0, SEEK_END) == 0)
		return EXIT_SUCCESS;
	argv[3] = xasprintf("/proc/self/fd/%d", fd);
	return become(argv);
}

static char *plan_mounts(void)
{
	struct mntent m;
	char buf[1024];
	char *text = xstrdup("mounts /dev/pts /proc /run /sys /tmp");
	char *path = rooted("/etc/fstab");
	FILE *f = setmntent(path, "r");

	free(path);
	while (f && getmntent_r(f, &m, buf, sizeof(buf))) {
		const char *line = default_mounts;
		char *longer;

		while (*line && !(is_prefixed_with(line, m.mnt_dir) && line[strlen(m.mnt_dir)] == ' '))
			line += strlen(line) + 1;
		if (*line || !wanted_by_fstab(&m))
			continue;
		longer = xasprintf("%s, %s at %s", text, m.mnt_fsname, m.mnt_dir);
		free(text);
		text = longer;
	}
	if (f)
		endmntent(f);
	return text;
}

static const char keymap_file[] ALIGN1 = "/etc/keymap";

static int run_keymap(void)
{
	static const char *const argv[] = { "loadkmap", NULL };
	char type;
	int fd = open(keymap_file, O_RDONLY);
	int tty = open("/dev/tty0", O_RDONLY | O_NOCTTY | O_CLOEXEC);

	/* A machine without a screen has no keyboard to map */
	if (fd < 0 || tty < 0 || ioctl(tty, KDGKBTYPE, &type) != 0)
		return EXIT_SUCCESS;
	xmove_fd(fd, STDIN_FILENO);
	return become(argv);
}

static char *plan_keymap(void)
{
	char *path = rooted(keymap_file);
	char *text = xstrdup(access(path, F_OK) == 0 ? "loads /etc/keymap" : "nothing: there is no /etc/keymap");

	free(path);
	return text;
}

static const char printk_file[] ALIGN1 = "/proc/sys/kernel/printk";

/* In PID 1, so no x-function. A level that can't be set is no reason to stop:
 * the question is drawn again below kernel messages.
 */
static void set_loglevel(const char *level)
{
	int fd = open(printk_file, O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		full_write(fd, level, strlen(level));
		close(fd);
	}
}

static int run_printk_off(void)
{
	size_t size = 63;

	if (!G.loglevel)
		G.loglevel = xmalloc_open_read_close(printk_file, &size);
	if (!G.loglevel)
		return EXIT_SUCCESS; /* a kernel without printk */
	G.loglevel[strcspn(G.loglevel, " \t\n")] = '\0';
	set_loglevel("1");
	return EXIT_SUCCESS;
}

static char *plan_printk_off(void)
{
	return xstrdup("keeps kernel messages off the consoles");
}

static int run_printk_on(void)
{
	if (G.loglevel) {
		set_loglevel(G.loglevel);
		free(G.loglevel);
		G.loglevel = NULL;
	}
	return EXIT_SUCCESS;
}

static char *plan_printk_on(void)
{
	return xstrdup("lets them through as before 40-printk");
}

static int run_luksunlock(void)
{
	static const char *const argv[] = { "luksunlock", "-a", NULL };

	if (!ENABLE_LUKSUNLOCK)
		return EXIT_SUCCESS;
	return become(argv);
}

static char *plan_luksunlock(void)
{
	struct volume *v;
	char *path, *text = NULL;

	if (!ENABLE_LUKSUNLOCK)
		return xstrdup("nothing: luksunlock is not in this busybox");
	path = rooted("/etc/crypttab");
	for (v = volumes_read(path); v; v = v->next) {
		char *longer = xasprintf("%s%s%s", text ? text : "opens ", text ? ", " : "", v->name);

		free(text);
		text = longer;
	}
	free(path);
	return text ? text : xstrdup("nothing: there is no volume in /etc/crypttab");
}

static int run_mountroot(void)
{
	static const char *argv[] = { "mount", "-t", NULL, "-o", NULL, NULL, REAL_ROOT, NULL };
	struct real_root r;
	struct stat early, real;
	int status;

	if (mounted_at(REAL_ROOT))
		return EXIT_SUCCESS;
	find_real_root(&r);
	if (!r.spec)
		bb_simple_error_msg_and_die("nothing says what the real root is; "
			"write a line for /mnt in /etc/fstab, or boot with real_root=");
	argv[2] = r.type;
	argv[4] = real_root_options(r.options);
	argv[5] = r.spec;
	if (devspec_is_device(r.spec)) {
		argv[5] = devspec_wait(r.spec, "the real root", timeout_s());
		if (!argv[5])
			bb_error_msg_and_die("the real root '%s' did not come in %u seconds (rd.timeout)",
				r.spec, timeout_s());
	}
	status = run_applet(argv);
	if (status != 0)
		return status;
	xstat("/", &early);
	xstat(REAL_ROOT, &real);
	if (early.st_dev == real.st_dev) {
		umount(REAL_ROOT);
		bb_error_msg_and_die("'%s' is the early root itself, not the real root", r.spec);
	}
	return EXIT_SUCCESS;
}

static char *plan_mountroot(void)
{
	struct real_root r;
	char *options, *text;

	find_real_root(&r);
	if (!r.spec)
		return xstrdup("FAILS: nothing says what the real root is");
	options = real_root_options(r.options);
	text = xasprintf("mounts %s at "REAL_ROOT", type %s, options %s", r.spec, r.type, options);
	free(options);
	return text;
}

static int run_reap(void)
{
	reap_all(1);
	return EXIT_SUCCESS;
}

static char *plan_reap(void)
{
	return xstrdup("ends all processes that the boot has left");
}

/* argv of pivotboot; with CHECK only to see whether it would do. PUT_OLD NULL
 * is the default.
 */
static const char **pivot_argv(bool check, const char *put_old)
{
	unsigned n = 0, i;
	const char **argv = xzalloc((8 + string_array_len(G.init_args)) * sizeof(argv[0]));

	argv[n++] = "pivotboot";
	if (check)
		argv[n++] = "-n";
	if (put_old) {
		argv[n++] = "-o";
		argv[n++] = put_old;
	}
	argv[n++] = REAL_ROOT;
	argv[n++] = real_init();
	for (i = 0; G.init_args[i]; i++)
		argv[n++] = G.init_args[i];
	return argv;
}

static int check_pivot(void)
{
	return become(pivot_argv(1, NULL));
}

static void end_shell(void);

/* What the kernel gives to a first init is given on */
static void leave_pid1_state(void)
{
	reboot(RB_ENABLE_CAD);
	selfexec_reset_signals();
}

static void take_pid1_state(void)
{
	static const uint8_t served[] = { SIGCHLD, SIGINT, SIGTERM, SIGUSR1, SIGUSR2 };
	sigset_t all;
	unsigned i;

	/* All but in wait_event(); keyboard signals never */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (i = 0; i < ARRAY_SIZE(served); i++)
		signal(served[i], on_signal);
	/* Ctrl-Alt-Del comes as SIGINT */
	reboot(RB_DISABLE_CAD);
}

static int run_pivotroot(void)
{
	int status;

	if (!ENABLE_PIVOTBOOT) {
		keep_why("pivotboot is not in this busybox", sizeof("pivotboot is not in this busybox") - 1);
		return EXIT_FAILURE;
	}
	status = in_child(check_pivot);
	if (status != 0)
		return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
	end_shell();
	leave_pid1_state();
	selfexec(pivot_argv(0, NULL));
	take_pid1_state();
	return EXIT_FAILURE;
}

static char *plan_pivotroot(void)
{
	if (!ENABLE_PIVOTBOOT)
		return xstrdup("FAILS: pivotboot is not in this busybox");
	return xasprintf("pivots, executes %s", real_init());
}

/* The names are the guide's: a fragment of the same name replaces one. */
static const struct builtin builtins[] = {
	{ "00-mounts",     IN_CHILD, run_mounts,     plan_mounts },
	{ "05-keymap",     IN_CHILD, run_keymap,     plan_keymap },
	{ "40-printk",     IN_PID1,  run_printk_off, plan_printk_off },
	{ "50-luksunlock", IN_CHILD, run_luksunlock, plan_luksunlock },
	{ "50-mountroot",  IN_CHILD, run_mountroot,  plan_mountroot },
	{ "69-printk",     IN_PID1,  run_printk_on,  plan_printk_on },
	{ "95-reap",       IN_PID1,  run_reap,       plan_reap },
	{ "99-pivotroot",  IN_PID1,  run_pivotroot,  plan_pivotroot },
};

/* --- the plan --- */

static const char pivot_stage[] ALIGN1 = "99-pivotroot";

static bool is_ignored(const char *name)
{
	return name[0] == '.'
		|| is_suffixed_with(name, "~")
		|| is_suffixed_with(name, ".bak");
}

static const struct builtin *find_builtin(const char *name)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(builtins); i++) {
		if (strcmp(builtins[i].name, name) == 0)
			return &builtins[i];
	}
	return NULL;
}

static int fragment_kind(const char *name)
{
	char *path = xasprintf("%s/init.d/%s", G.root, name);
	char start[2];
	struct stat st;
	int from = FROM_FRAGMENT;

	/* One that can't be read is the shell's to complain of */
	if (lstat(path, &st) != 0)
		from = errno == ENOENT ? FROM_BUILTIN : FROM_FRAGMENT;
	else if (stat(path, &st) == 0) {
		/* empty, or a link to /dev/null */
		if (!S_ISREG(st.st_mode) || st.st_size == 0)
			from = FROM_MASK;
		else if (access(path, X_OK) == 0
		 && strcmp(name, pivot_stage) != 0 /* that is PID 1's shell's */
		 && open_read_close(path, start, 2) == 2
		 && start[0] == '#' && start[1] == '!'
		)
			from = FROM_PROGRAM;
	}
	free(path);
	return from;
}

static void make_plan(void)
{
	char **names = NULL;
	unsigned n, i;
	char *path = rooted("/init.d");
	DIR *dir = opendir(path);
	struct dirent *e;

	free(path);
	for (n = 0; n < ARRAY_SIZE(builtins); n++) {
		names = xrealloc_vector(names, 4, n);
		names[n] = (char *)builtins[n].name;
	}
	while (dir && (e = readdir(dir)) != NULL) {
		if (is_ignored(e->d_name) || find_builtin(e->d_name))
			continue;
		names = xrealloc_vector(names, 4, n);
		names[n++] = xstrdup(e->d_name);
	}
	if (dir)
		closedir(dir);
	qsort_string_vector(names, n); /* as the shell sorts '*' */

	free(G.stages);
	G.stages = xzalloc((n + 1) * sizeof(G.stages[0]));
	for (i = 0; i < n; i++) {
		G.stages[i].name = names[i];
		G.stages[i].builtin = find_builtin(names[i]);
		G.stages[i].from = fragment_kind(names[i]);
	}
	free(names);
}

static struct stage *find_stage(const char *name)
{
	struct stage *s = G.stages;

	while (s->name && strcmp(s->name, name) != 0)
		s++;
	return s->name ? s : NULL;
}

static int print_plan(void)
{
	static const char *const from[] = { "built in", "fragment", "program", "masked" };
	struct stage *s;

	printf("%-20s %-30s %s\n", "STAGE", "FROM", "DOES");
	for (s = G.stages; s->name; s++) {
		char *source = xstrdup(from[s->from]), *does;

		if (s->from != FROM_BUILTIN) {
			free(source);
			source = xasprintf("%s /init.d/%s", from[s->from], s->name);
		}
		if (s->from == FROM_BUILTIN)
			does = s->builtin->plan();
		else if (s->from == FROM_MASK)
			does = xstrdup(s->builtin ? "nothing: the built-in is switched off" : "nothing: it is empty");
		else
			does = xstrdup(s->builtin ? "what it says, in place of the built-in" : "what it says");
		printf("%-20s %-30s %s\n", s->name, source, does);
		free(source);
		free(does);
	}
	fflush_stdout_and_exit(EXIT_SUCCESS);
}

/* --- the fragment shell --- */

/* It blocks in "read" while PID 1 runs a built-in. The trap tells where it
 * ended. Both descriptors close on exec, so no daemon of a fragment has them.
 */
static const char shell_script[] ALIGN1 =
	"trap 'echo \"$? $LINENO\" >&251' EXIT\n"
	"while read -r EARLYINIT_STAGE <&250; do\n"
	"set -e\n"
	". \"/init.d/$EARLYINIT_STAGE\"\n"
	"set +e\n"
	"echo ok >&251\n"
	"done\n";

static bool start_shell(void)
{
	static const char *const argv[] = { "sh", "-c", shell_script, "sh", NULL };
	int applet = find_applet_by_name("sh");
	struct fd_pair commands, replies;

	if (applet < 0) {
		say_everywhere("earlyinit: there is no shell in this busybox\n");
		return 0;
	}
	xpiped_pair(commands);
	xpiped_pair(replies);
	G.shell_status = 0;
	G.shell = fork_for_sure();
	if (G.shell == 0) {
		close(commands.wr);
		close(replies.rd);
		xmove_fd(commands.rd, FD_COMMANDS);
		xmove_fd(replies.wr, FD_REPLIES);
		close_on_exec_on(FD_COMMANDS);
		close_on_exec_on(FD_REPLIES);
		/* no exec: it would close them. getopt() starts afresh. */
		GETOPT_RESET();
		run_applet_no_and_exit(applet, "sh", (char **)argv);
	}
	close(commands.rd);
	close(replies.wr);
	G.commands_fd = commands.wr;
	G.replies_fd = replies.rd;
	close_on_exec_on(G.commands_fd);
	close_on_exec_on(G.replies_fd);
	ndelay_on(G.replies_fd);
	return 1;
}

/* Its pipe's end makes the shell's "read" fail, and the loop end. */
static void end_shell(void)
{
	unsigned start = monotonic_ms();

	if (G.commands_fd < 0)
		return;
	close(G.commands_fd);
	while (G.shell && (unsigned)monotonic_ms() - start < GRACE_MS)
		wait_event(-1, 50);
	if (G.shell)
		kill(G.shell, SIGKILL);
	while (G.shell)
		wait_event(-1, 50);
	close(G.replies_fd);
	G.commands_fd = G.replies_fd = -1;
}

static char *describe_status(int status)
{
	if (WIFSIGNALED(status))
		return xasprintf("killed by signal %u", WTERMSIG(status));
	return xasprintf("exit status %u", WEXITSTATUS(status));
}

/* Returns NULL, or why it failed, allocated. */
static char *run_fragment(const char *name)
{
	char reply[64];
	unsigned len = 0;
	unsigned code, line;
	char *why;

	if (!G.shell) {
		if (G.commands_fd >= 0)
			end_shell();
		if (!start_shell())
			return xstrdup("no shell");
	}
	full_write(G.commands_fd, name, strlen(name));
	full_write(G.commands_fd, "\n", 1);
	for (;;) {
		/* A subshell that lives on in the background holds the pipe open,
		 * so there is no end of file: then the shell's own end counts, if
		 * it came before a read that found nothing. */
		bool over = !G.shell;
		ssize_t n = read(G.replies_fd, reply + len, sizeof(reply) - 1 - len);

		if (n > 0) {
			len += n;
			reply[len] = '\0';
			if (strcmp(reply, "ok\n") == 0)
				return NULL;
			if (len == sizeof(reply) - 1)
				break;
		} else if (n == 0 || over) {
			break;
		} else {
			wait_event(G.replies_fd, -1);
		}
	}
	reply[len] = '\0';
	while (G.shell)
		wait_event(-1, -1);
	if (sscanf(reply, "%u %u", &code, &line) == 2)
		why = xasprintf("exit status %u at line %u", code, line);
	else
		why = describe_status(G.shell_status);
	return why;
}

/* A user's own last stage ends in "exec chroot . /sbin/init": that must be
 * PID 1, so PID 1 becomes its shell. It comes back through the trap, which
 * tries a busybox before it executes it: behind a pivot, /bin/busybox is
 * another one. Without any, PID 1 sleeps: its exit is a kernel panic.
 */
static const char last_script[] ALIGN1 =
	"trap '"
	"s=\"99-pivotroot:exit status $? at line $LINENO\"\n"
	"set +e\n"
	"for b in /boot/bin/busybox /bin/busybox; do\n"
	"f=pivoted; [ ! -e /init.d/99-pivotroot ] || f=failed\n"
	"$b earlyinit -n >/dev/null 2>&1 && exec $b earlyinit \"--$f=$s\" \"$@\"\n"
	"done\n"
	"echo \"earlyinit: $s; the machine waits for a reset\"\n"
	"while :; do sleep 3600; done"
	"' EXIT\n"
	"set -e\n"
	". /init.d/99-pivotroot\n";

static int check_own_pivot(void)
{
	/* It pivots wherever it likes */
	return become(pivot_argv(1, "."));
}

static char *become_last_fragment(void)
{
	const char **argv = xzalloc((5 + string_array_len(G.init_args)) * sizeof(argv[0]));

	/* What "exec chroot" does not find is a kernel panic */
	if (ENABLE_PIVOTBOOT && mounted_at(REAL_ROOT)) {
		int status = in_child(check_own_pivot);
		if (status != 0)
			return describe_status(status);
	}
	end_shell();
	leave_pid1_state();
	argv[0] = "sh";
	argv[1] = "-c";
	argv[2] = last_script;
	argv[3] = "sh";
	memcpy(argv + 4, G.init_args, string_array_len(G.init_args) * sizeof(argv[0]));
	selfexec(argv);
	take_pid1_state();
	return xstrdup("the shell can't be executed");
}

static char *run_program(const char *name)
{
	char *path = xasprintf("/init.d/%s", name);
	pid_t pid = fork_for_sure();
	int status;

	if (pid == 0) {
		setenv("PATH", bb_default_root_path, 1);
		execl(path, path, NULL);
		bb_perror_msg("can't execute '%s'", path);
		_exit(127);
	}
	free(path);
	status = wait_child(pid, -1);
	return status ? describe_status(status) : NULL;
}

static char *run_builtin(const struct builtin *b)
{
	int status = b->where == IN_CHILD ? in_child(b->run) : b->run() << 8;

	return status ? describe_status(status) : NULL;
}

/* Returns NULL, or why it failed, allocated. */
static char *run_stage(const struct stage *s)
{
	unsigned start = monotonic_ms();
	char *why = NULL;

	G.why_len = 0;
	G.why[0] = '\0';
	trace("<6>earlyinit: %s\n", s->name);
	switch (s->from) {
	case FROM_BUILTIN:
		why = run_builtin(s->builtin);
		break;
	case FROM_FRAGMENT:
		if (s->builtin && s->builtin->run == run_pivotroot)
			why = become_last_fragment();
		else
			why = run_fragment(s->name);
		break;
	case FROM_PROGRAM:
		why = run_program(s->name);
		break;
	}
	trace("<%c>earlyinit: %s %s%s %u ms\n", why ? '3' : '6', s->name,
		why ? "failed: " : "done", why ? why : "", (unsigned)monotonic_ms() - start);
	return why;
}

/* --- failure --- */

/* Exit statuses of the child that asks; none that a failure has too */
enum { DO_RETRY = 64, DO_REBOOT, DO_POWEROFF, DO_ASK_AGAIN };

static const char *menu_text;
static bool menu_retry;

/* For a child: the answer is its exit status. */
static int ask_menu(void)
{
	struct secret *s = mouths_choose(menu_text, 1);
	int answer = DO_ASK_AGAIN;

	if (s->len == 1) {
		switch (s->data[0]) {
		case 'r':
			answer = menu_retry ? DO_RETRY : DO_ASK_AGAIN;
			break;
		case 'b':
			answer = DO_REBOOT;
			break;
		case 'p':
			answer = DO_POWEROFF;
			break;
		}
	}
	return answer;
}

/* Says what failed, at every mouth, and asks what to do until there is an
 * answer. Returns only for another try.
 */
static void failed(const char *stage, const char *why, bool may_retry)
{
	char *text;

	chomp(G.why);
	text = xasprintf("\nearlyinit: %s failed: %s\n%s%s%sb: reboot, p: power off? ",
		stage, why, G.why, G.why[0] ? "\n" : "",
		may_retry ? "r: try again, " : "");
	menu_text = text;
	menu_retry = may_retry;
	for (;;) {
		int status = in_child(ask_menu);

		switch (WIFEXITED(status) ? WEXITSTATUS(status) : 0) {
		case DO_ASK_AGAIN:
			break;
		case DO_RETRY:
			free(text);
			return;
		case DO_REBOOT:
			go_down(RB_AUTOBOOT);
		case DO_POWEROFF:
			go_down(RB_POWER_OFF);
		default:
			/* the asking itself has failed; it may get better */
			say_everywhere(text);
			wait_event(-1, 1000);
		}
	}
}

static void run_plan(void) NORETURN;
static void run_plan(void)
{
	const struct stage *s;

	make_plan();
	s = G.stages;
	for (;;) {
		char *why;

		if (!s->name) {
			G.why[0] = '\0';
			failed("the plan", "no stage has started the real init", 1);
			why = NULL;
			make_plan();
			s = G.stages;
			continue;
		}
		why = run_stage(s);
		if (!why) {
			s++;
			continue;
		}
		failed(s->name, why, 1);
		free(why);
		/* A fragment has taken the shell and its variables along: from the
		 * top. The built-in stages can be run again. */
		if (s->from != FROM_BUILTIN) {
			end_shell();
			reap_all(0);
			make_plan();
			s = G.stages;
		}
	}
}

/* --- PID 1 --- */

static void never_exit(void)
{
	static smallint again;

	/* to say it takes memory as well */
	if (!again++)
		say_everywhere("earlyinit: PID 1 can't go on; the machine waits for a reset\n");
	for (;;)
		wait_event(-1, -1);
}

/* The kernel opens /dev/console for us if it is there; it mounts devtmpfs
 * only with CONFIG_DEVTMPFS_MOUNT.
 */
static void open_console(void)
{
	struct stat root, dev;
	int fd;

	if (stat("/", &root) == 0 && stat("/dev", &dev) == 0 && root.st_dev == dev.st_dev)
		mount("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
	if (fcntl(STDIN_FILENO, F_GETFD) < 0) {
		fd = open("/dev/console", O_RDWR | O_NOCTTY);
		if (fd >= 0) {
			xmove_fd(fd, STDIN_FILENO);
			dup2(STDIN_FILENO, STDOUT_FILENO);
			dup2(STDIN_FILENO, STDERR_FILENO);
		}
	}
	/* Whatever is opened next must not become fd 0, 1 or 2 */
	bb_sanitize_stdio();
}

/* BusyBox's init with arguments, or without an inittab, opens a bare shell:
 * so it gets none, and it is asked for only by these words.
 */
static void rescue(void)
{
	static const char *const argv[] = { "linuxrc", NULL };

	/* one that reads no inittab opens shells to everybody */
	if (!ENABLE_LINUXRC || !ENABLE_FEATURE_USE_INITTAB) {
		say_everywhere("earlyinit: no rescue: linuxrc is not in this busybox\n");
		return;
	}
	if (access("/etc/inittab", R_OK) != 0) {
		say_everywhere("earlyinit: no rescue: there is no /etc/inittab\n");
		return;
	}
	leave_pid1_state();
	selfexec(argv);
	take_pid1_state();
	say_everywhere("earlyinit: linuxrc can't be executed\n");
}

/* A "rescue" behind "--" is the real init's, and not seen here. */
static bool wants_rescue(void)
{
	const char *value = bootargs_get(G.args, "rd.rescue");

	return bootargs_get(G.args, "rescue") || (value && strcmp(value, "0") != 0);
}

/* Takes the word out of the arguments for the real init. */
static void drop_rescue(char **argv)
{
	while (*argv && strcmp(*argv, "rescue") != 0)
		argv++;
	for (; *argv; argv++)
		argv[0] = argv[1];
}

/* PID 1 was something else and failed: STAGE or STAGE:WHY */
static void come_back(const char *stage, bool may_retry)
{
	const char *why = strchrnul(stage, ':');

	failed(xasprintf("%.*s", (int)(why - stage), stage),
		*why ? why + 1 : "its words stand above", may_retry);
}

static void boot(char **argv) NORETURN;
static void boot(char **argv)
{
	bool own_proc;
	const char *pivoted = NULL, *came_back = NULL;
	struct stage *mounts;

	die_func = never_exit;
	take_pid1_state();
	open_console();
	own_proc = access("/proc/self", F_OK) != 0
		&& mount("/proc", "/proc", "proc", MS_NODEV | MS_NOEXEC | MS_NOSUID, NULL) == 0;
	selfexec_init();
	G.args = bootargs_read();
	G.commands_fd = G.replies_fd = -1;
	if (*argv) {
		came_back = is_prefixed_with(*argv, "--failed=");
		pivoted = is_prefixed_with(*argv, "--pivoted=");
		argv += (came_back || pivoted);
	}
	G.init_args = argv;

	if (pivoted)
		come_back(pivoted, 0);
	if (came_back) {
		come_back(came_back, 1);
		reap_all(0);
	} else if (wants_rescue()) {
		rescue();
		drop_rescue(argv);
	}

	make_plan();
	mounts = find_stage("00-mounts");
	/* A user's own 00-mounts expects /proc as the kernel has left it */
	if (own_proc && mounts && mounts->from != FROM_BUILTIN)
		umount("/proc");
	run_plan();
}

int earlyinit_main(int argc, char **argv) MAIN_EXTERNALLY_VISIBLE;
int earlyinit_main(int argc UNUSED_PARAM, char **argv)
{
	unsigned opt;

	INIT_G();
	G.root = "";
	if (getpid() == 1)
		boot(argv + 1);

	opt = getopt32(argv, "^" "nR:" "\0" "=0", &G.root);
	if (!(opt & 1))
		bb_show_usage();
	if (G.root[0] && access(G.root, X_OK) != 0)
		bb_perror_msg_and_die("can't look into '%s'", G.root);
	G.init_args = argv + optind;
	/* The command line of this boot says nothing about another root's */
	G.args = G.root[0] ? xzalloc(sizeof(G.args[0])) : bootargs_read();
	make_plan();
	return print_plan();
}
