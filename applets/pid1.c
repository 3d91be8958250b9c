/* vi: set sw=4 ts=4: */
/*
 * What a PID 1 owes a machine: it reaps, serves the signals that end the
 * machine, starts children without ever dying of it, and has words for every
 * console and for the kernel's log.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += pid1.o

#include <mntent.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include "earlyinit.h"

#ifndef PF_KTHREAD
# define PF_KTHREAD 0x00200000
#endif

enum {
	GRACE_MS = 1500,        /* between TERM and KILL */
	KILLED_MS = 1000,       /* for the killed to be gone */
	UNMOUNT_MS = 10000,     /* a dead disk must not hold up a reboot */
};

/* --- words --- */

/* Writes TEXT to every console, since nobody knows at which one somebody
 * stands. Never blocks: a serial line that is held back loses it.
 */
void FAST_FUNC pid1_say(const char *text)
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

/* Writes one line, with its level in front ("<6>"), to the kernel's log.
 * Opened anew each time: the kernel counts lines by open file, and drops what
 * is over its limit.
 */
void FAST_FUNC pid1_trace(const char *fmt, ...)
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

/* Keeps the end of what the failing stage said, for the question. */
void FAST_FUNC pid1_keep_why(const char *text, unsigned len)
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
		G.signal = sig;
}

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
	/* Who presses Ctrl-Alt-Del once more must not begin it all anew */
	switch (G.goes_down ? 0 : G.signal) {
	case SIGINT:  /* Ctrl-Alt-Del */
	case SIGTERM: /* reboot */
		pid1_go_down(RB_AUTOBOOT);
	case SIGUSR1: /* halt */
		pid1_go_down(RB_HALT_SYSTEM);
	case SIGUSR2: /* poweroff */
		pid1_go_down(RB_POWER_OFF);
	}
}

/* Waits for a signal, for FD (-1: none) to become readable, or for MS
 * milliseconds (-1: no limit). Signals come by a descriptor, or, from a kernel
 * without signalfd, are open only in here: so none is lost between the look at a
 * flag and the wait. Returns whether FD is readable.
 */
bool FAST_FUNC pid1_wait_event(int fd, int ms)
{
	struct pollfd pfd[2];
	struct timespec ts;
	struct signalfd_siginfo info;
	sigset_t none;
	int n;

	pfd[0].fd = fd;
	pfd[1].fd = G.signal_fd;
	pfd[0].events = pfd[1].events = POLLIN;
	pfd[0].revents = pfd[1].revents = 0;
	ts.tv_sec = ms / 1000;
	ts.tv_nsec = ms % 1000 * 1000000;
	sigemptyset(&none);
	n = ppoll(pfd, 2, ms < 0 ? NULL : &ts, G.signal_fd < 0 ? &none : NULL);
	/* FD first, as ppoll() with its mask has it: the last words of who asks for an
	 * end are heard before that */
	while (!pfd[0].revents && pfd[1].revents && read(G.signal_fd, &info, sizeof(info)) == sizeof(info))
		on_signal(info.ssi_signo);
	serve_signals();
	return n > 0 && pfd[0].revents;
}

/* --- children --- */

/* Says once that WHAT can't be had, and waits a second: what is short now,
 * memory or process numbers, comes back.
 */
static void wait_for_better(const char *what, bool *said)
{
	if (!*said) {
		char *text = xasprintf("earlyinit: can't %s: %s; trying again every second\n",
				what, strerror(errno));

		*said = 1;
		pid1_say(text);
		pid1_trace("<3>%s", text);
		free(text);
	}
	pid1_wait_event(-1, 1000);
}

/* As xpiped_pair(), but without end. */
void FAST_FUNC pid1_pipe(struct fd_pair *pair)
{
	bool said = 0;
	int ends[2];

	while (pipe(ends) != 0)
		wait_for_better("make a pipe", &said);
	pair->rd = ends[0];
	pair->wr = ends[1];
}

/* For who is PID 1 no longer */
static void fresh_signals(void)
{
	sigset_t none;

	if (G.signal_fd >= 0) {
		/* all have had their default action since pid1_take_state() */
		close(G.signal_fd);
		G.signal_fd = -1;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
	} else {
		selfexec_reset_signals();
	}
}

/* As fork(), but without failure. The child has the signals of a fresh
 * process.
 */
pid_t FAST_FUNC pid1_fork(void)
{
	bool said = 0;
	pid_t pid;

	while ((pid = fork()) < 0)
		wait_for_better("fork", &said);
	if (pid == 0) {
		die_func = NULL;
		fresh_signals();
		/* One that lives on must not hold the fragment shell's pipe open */
		if (G.commands_fd >= 0) {
			close(G.commands_fd);
			close(G.replies_fd);
		}
	}
	return pid;
}

/* Returns whether there is more to come: 0 where all writers have closed it. */
static bool relay(int fd)
{
	char buf[256];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf) - 1)) > 0) {
		buf[n] = '\0';
		pid1_say(buf);
		pid1_keep_why(buf, n);
	}
	return n != 0;
}

/* Waits for the end of the child PID; what comes from STDERR_FD (-1: none,
 * else non-blocking) meanwhile goes to all consoles. Returns its wait status.
 */
int FAST_FUNC pid1_wait_child(pid_t pid, int stderr_fd)
{
	G.child = pid;
	while (G.child) {
		/* closed by all writers: only the end is waited for then */
		if (pid1_wait_event(stderr_fd, -1) && !relay(stderr_fd))
			stderr_fd = -1;
	}
	if (stderr_fd >= 0)
		relay(stderr_fd);
	return G.child_status;
}

/* Runs WORK in a child. What that says on stderr goes to all consoles.
 * Returns its wait status.
 */
int FAST_FUNC pid1_in_child(int (*work)(void))
{
	struct fd_pair err;
	pid_t pid;
	int status;

	pid1_pipe(&err);
	pid = pid1_fork();
	if (pid == 0) {
		xdup2(err.wr, STDERR_FILENO);
		close(err.rd);
		close(err.wr);
		_exit(work());
	}
	close(err.wr);
	ndelay_on(err.rd);
	close_on_exec_on(err.rd);
	status = pid1_wait_child(pid, err.rd);
	close(err.rd);
	return status;
}

/* --- end of the machine --- */

/* Whether PID is a live process of user space that is to end with the boot.
 * Storage daemons say by a '@' in front of their name that the root file
 * system needs them; systemd has the rule from them, root's alone.
 */
bool FAST_FUNC pid1_is_to_end(int pid)
{
	char path[sizeof("/proc//cmdline") + sizeof(int) * 3];
	char buf[512], state, first;
	const char *p;
	unsigned long flags;
	struct stat st;
	ssize_t n;

	if (pid <= 1)
		return 0;
	sprintf(path, "/proc/%d/stat", pid);
	n = open_read_close(path, buf, sizeof(buf) - 1);
	if (n <= 0)
		return 0;
	buf[n] = '\0';
	/* PID (NAME) STATE PPID PGRP SESSION TTY TPGID FLAGS: anything may be in
	 * a name */
	p = strrchr(buf, ')');
	if (!p || sscanf(p + 1, " %c %*d %*d %*d %*d %*d %lu", &state, &flags) != 2
	 || state == 'Z' || state == 'X' || (flags & PF_KTHREAD)
	)
		return 0;
	sprintf(path, "/proc/%d/cmdline", pid);
	if (open_read_close(path, &first, 1) != 1 || first != '@')
		return 1;
	sprintf(path, "/proc/%d", pid);
	return stat(path, &st) == 0 && st.st_uid != 0;
}

/* Sends SIG to all that are to end. Returns how many they are. */
static unsigned signal_all(int sig, bool spare_shell)
{
	unsigned count = 0;
	struct dirent *e;
	DIR *dir = opendir("/proc");

	if (!dir)
		return 0;
	while ((e = readdir(dir)) != NULL) {
		int pid = bb_strtou(e->d_name, NULL, 10);

		if (errno || (spare_shell && pid == G.shell) || !pid1_is_to_end(pid))
			continue;
		kill(pid, sig);
		count++;
	}
	closedir(dir);
	return count;
}

/* Ends every process that the boot has started and left: TERM, a short grace,
 * KILL. Spared are storage daemons and, if SPARE_SHELL, the fragment shell.
 * Takes GRACE_MS and KILLED_MS at most. Returns how many can't be killed.
 */
unsigned FAST_FUNC pid1_reap_all(bool spare_shell)
{
	unsigned start = monotonic_ms(), left;
	siginfo_t info;

	/* All that the boot has started descends from PID 1: without a child there
	 * is nobody, and none of the kernel's many threads has to be looked at. At
	 * the end of the machine what the kernel has started counts as well. */
	if (spare_shell && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0 && errno == ECHILD)
		return 0;
	if (!signal_all(SIGTERM, spare_shell))
		return 0;
	signal_all(SIGCONT, spare_shell);
	while (signal_all(0, spare_shell) && (unsigned)monotonic_ms() - start < GRACE_MS)
		pid1_wait_event(-1, 50);
	start = monotonic_ms();
	while ((left = signal_all(SIGKILL, spare_shell)) != 0
	 && (unsigned)monotonic_ms() - start < KILLED_MS
	)
		pid1_wait_event(-1, 50);
	return left;
}

/* Runs "umount -a -r" and sync(), for UNMOUNT_MS at most. */
static void unmount_all(void)
{
	static const char *const argv[] = { "umount", "-a", "-r", NULL };
	unsigned start = monotonic_ms();
	pid_t pid = pid1_fork();

	if (pid == 0) {
		selfexec_run(argv);
		sync();
		_exit(EXIT_SUCCESS);
	}
	G.child = pid;
	while (G.child && (unsigned)monotonic_ms() - start < UNMOUNT_MS)
		pid1_wait_event(-1, 100);
}

/* Ends all processes, unmounts, and calls reboot(HOW). */
void FAST_FUNC pid1_go_down(int how)
{
	G.goes_down = 1;
	pid1_say(how == RB_AUTOBOOT ? "\nearlyinit: reboot\n"
		: how == RB_POWER_OFF ? "\nearlyinit: power off\n" : "\nearlyinit: halt\n");
	pid1_reap_all(0);
	unmount_all();
	/* The kernel ends the caller of reboot(2), and panics if that is PID 1 */
	if (pid1_fork() == 0) {
		reboot(how);
		_exit(EXIT_FAILURE);
	}
	for (;;)
		pid1_wait_event(-1, -1);
}

/* --- the process itself --- */

/* Gives the next program the signals and the Ctrl-Alt-Del that the kernel
 * gives to a first init, and the console its keys.
 */
void FAST_FUNC pid1_leave_state(void)
{
	struct termios t;

	if (G.eof_key && tcgetattr(STDIN_FILENO, &t) == 0) {
		t.c_iflag |= G.xon;
		t.c_cc[VEOF] = G.eof_key;
		tcsetattr(STDIN_FILENO, TCSANOW, &t);
	}
	reboot(RB_ENABLE_CAD);
	fresh_signals();
}

/* Takes over the signals, Ctrl-Alt-Del, and the console. */
void FAST_FUNC pid1_take_state(void)
{
	static const uint8_t served[] = { SIGCHLD, SIGINT, SIGTERM, SIGUSR1, SIGUSR2 };
	struct termios t;
	sigset_t all, these;
	unsigned i;

	/* Whatever has executed us may ignore some; and who ignores SIGCHLD has no
	 * children to wait for. */
	selfexec_reset_signals();
	/* All but in pid1_wait_event(); keyboard signals never */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&these);
	for (i = 0; i < ARRAY_SIZE(served); i++)
		sigaddset(&these, served[i]);
	G.signal_fd = signalfd(-1, &these, SFD_NONBLOCK | SFD_CLOEXEC);
	for (i = 0; i < ARRAY_SIZE(served) && G.signal_fd < 0; i++)
		signal(served[i], on_signal);
	/* Ctrl-Alt-Del comes as SIGINT */
	reboot(RB_DISABLE_CAD);
	/* Ctrl-S would stop the boot at the next word of a fragment, Ctrl-D end
	 * the input of one that reads, and with it the fragment */
	if (tcgetattr(STDIN_FILENO, &t) == 0 && t.c_cc[VEOF] != _POSIX_VDISABLE) {
		G.xon = t.c_iflag & IXON;
		G.eof_key = t.c_cc[VEOF];
		t.c_iflag &= ~IXON;
		t.c_cc[VEOF] = _POSIX_VDISABLE;
		tcsetattr(STDIN_FILENO, TCSANOW, &t);
	}
}

/* The kernel opens /dev/console for us if it is there; it mounts devtmpfs
 * only with CONFIG_DEVTMPFS_MOUNT. One that is there and can't be written to,
 * as a serial port without hardware, is worse than none: each fragment that
 * says a word would fail.
 */
void FAST_FUNC pid1_open_console(void)
{
	struct stat root, dev;
	int fd;

	if (stat("/", &root) == 0 && stat("/dev", &dev) == 0 && root.st_dev == dev.st_dev)
		mount("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
	if (fcntl(STDIN_FILENO, F_GETFD) < 0 || write(STDIN_FILENO, "", 0) < 0) {
		fd = open("/dev/console", O_RDWR | O_NOCTTY);
		if (fd >= 0 && write(fd, "", 0) < 0) {
			close(fd);
			fd = -1;
		}
		if (fd < 0)
			fd = open(bb_dev_null, O_RDWR);
		if (fd >= 0) {
			xmove_fd(fd, STDIN_FILENO);
			xdup2(STDIN_FILENO, STDOUT_FILENO);
			xdup2(STDIN_FILENO, STDERR_FILENO);
		}
	}
	/* Whatever is opened next must not become fd 0, 1 or 2 */
	for (fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			bb_sanitize_stdio();
	}
}

/* For die_func: an exit of PID 1 is a kernel panic. */
void FAST_FUNC pid1_never_exit(void)
{
	static smallint again;

	/* to say it takes memory as well */
	if (!again++)
		pid1_say("earlyinit: PID 1 can't go on; the machine waits for a reset\n");
	for (;;)
		pid1_wait_event(-1, -1);
}
