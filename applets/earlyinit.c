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
//config:	select MONOTONIC_SYSCALL
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
//usage:       "-n|-c [-R ROOT] | --shutdown VERB"
//usage:#define earlyinit_full_usage "\n\n"
//usage:       "As PID 1: boot. Else:\n"
//usage:     "\n	-n	Print the plan of a boot"
//usage:     "\n	-c	Check that a boot will work, print what will not"
//usage:     "\n	-R DIR	of the boot device mounted at DIR (/)"
//usage:     "\n	--shutdown reboot|poweroff|halt|kexec"
//usage:     "\n		In the early root again: unmount the real root at"
//usage:     "\n		/oldroot, close all volumes, and do that"

#include <mntent.h>
#include <linux/kd.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "earlyinit.h"

enum {
	/* The fragment shell's two pipes; out of the way of "exec 3<file" */
	FD_COMMANDS = 250,
	FD_REPLIES = 251,

	GRACE_MS = 1500,        /* for the fragment shell to end */
	LONG_MS = 15000,        /* a fragment that runs so long is named */
};

static char *rooted(const char *path)
{
	return xasprintf("%s%s", G.root, path);
}

/* --- the stages --- */

/* What an early userspace has even if fstab does not say so */
static const char *const default_mounts[][3] = {
	{ "/dev/pts", "devpts", "noexec,nosuid" },
	{ "/proc", "proc", "nodev,noexec,nosuid" },
	{ "/run", "tmpfs", "nodev,nosuid,mode=0755" },
	{ "/sys", "sysfs", "nodev,noexec,nosuid" },
	{ "/tmp", "tmpfs", "nodev,nosuid" },
};

/* Returns whether 00-mounts is to mount this line of fstab. */
bool FAST_FUNC fstab_is_wanted(const struct mntent *m)
{
	return strcmp(m->mnt_dir, REAL_ROOT) != 0
		&& strcmp(m->mnt_dir, "/") != 0
		&& m->mnt_dir[0] == '/'
		&& strcmp(m->mnt_type, "swap") != 0
		&& !hasmntopt(m, "noauto");
}

/* Returns whether this line of fstab has a device to be waited for: "/dev/pts"
 * of the guide's is the name of nothing. Wants /proc.
 */
bool FAST_FUNC fstab_is_on_device(const struct mntent *m)
{
	char type[64];
	FILE *f;
	bool nodev = 0;
	unsigned i;

	if (!devspec_is_device(m->mnt_fsname) || hasmntopt(m, "bind"))
		return 0;
	for (i = 0; i < ARRAY_SIZE(default_mounts); i++) {
		if (strcmp(default_mounts[i][1], m->mnt_type) == 0)
			return 0;
	}
	f = fopen_for_read("/proc/filesystems");
	while (f && !nodev && fgets(type, sizeof(type), f)) {
		chomp(type);
		nodev = is_prefixed_with(type, "nodev\t") && strcmp(type + 6, m->mnt_type) == 0;
	}
	if (f)
		fclose(f);
	return !nodev;
}

/* The index in default_mounts of DIR, or their number where it is none. */
static unsigned default_mount(const char *dir)
{
	unsigned i = 0;

	while (i < ARRAY_SIZE(default_mounts) && strcmp(default_mounts[i][0], dir) != 0)
		i++;
	return i;
}

static bool is_default_mount(const char *dir)
{
	return default_mount(dir) < ARRAY_SIZE(default_mounts);
}

/* One mount for all lines of TAB, and none of its logic again. */
static const char **mount_argv(FILE *tab)
{
	static const char *argv[] = { "mount", "-a", "-T", NULL, NULL };

	fflush(tab);
	argv[3] = xasprintf("/proc/self/fd/%d", fileno(tab));
	return argv;
}

/* Mounts the lines of TAB, and empties it. Returns mount's exit status. */
static int mount_all(FILE *tab)
{
	int status;

	if (ftello(tab) == 0)
		return EXIT_SUCCESS;
	status = selfexec_run(mount_argv(tab));
	rewind(tab);
	ftruncate(fileno(tab), 0);
	return status;
}

/* A line for what is to be mounted and is not yet: so it can be run again. A
 * device is waited for; but one that may be missing (nofail) is not. Returns 0,
 * or the exit status of the mount of what came before.
 */
static int write_mount(FILE *to, struct mntent *m)
{
	char *ambiguous, *what;
	int status;

	if (mounted_at(m->mnt_dir))
		return EXIT_SUCCESS;
	if (!fstab_is_on_device(m)) {
		fstab_put(to, m);
		return EXIT_SUCCESS;
	}
	/* Who looks for a device wants /sys, which may be a line of TO */
	status = mounted_at("/sys") ? EXIT_SUCCESS : mount_all(to);
	if (status != 0)
		return status;
	if (hasmntopt(m, "nofail")) {
		m->mnt_fsname = devspec_find(m->mnt_fsname, &ambiguous);
	} else {
		what = xasprintf("the device of %s", m->mnt_dir);
		m->mnt_fsname = devspec_wait(m->mnt_fsname, what, realroot_timeout_s());
		if (!m->mnt_fsname)
			bb_error_msg_and_die("%s did not come in %u seconds (rd.timeout)",
				what, realroot_timeout_s());
		free(what);
	}
	if (m->mnt_fsname)
		fstab_put(to, m);
	return EXIT_SUCCESS;
}

/* What nobody needs for a boot (nofail) is mounted by itself: its failure is no
 * more than said.
 */
static int mount_nofail(FILE *tab, struct mntent *m)
{
	int status = mount_all(tab);

	if (status == 0)
		status = write_mount(tab, m);
	if (status != 0)
		return status;
	if (mount_all(tab) != 0)
		bb_error_msg("%s is not mounted; the boot goes on without it (nofail)", m->mnt_dir);
	return EXIT_SUCCESS;
}

/* Mounts the lines of fstab in their order, since one may lie in another, but
 * for the last ones: they are left in TAB. FIRST: what finding a device takes,
 * /sys above all; else the rest. Returns an exit status.
 */
static int mount_fstab(FILE *tab, bool first)
{
	struct mntent m;
	char buf[1024];
	int status = EXIT_SUCCESS;
	FILE *f = setmntent("/etc/fstab", "r");

	while (status == 0 && f && fstab_next(f, &m, buf, sizeof(buf))) {
		if (!fstab_is_wanted(&m)
		 || (is_default_mount(m.mnt_dir) && !fstab_is_on_device(&m)) != first
		)
			continue;
		if (hasmntopt(&m, "nofail"))
			status = mount_nofail(tab, &m);
		else
			status = write_mount(tab, &m);
	}
	if (f)
		endmntent(f);
	return status;
}

/* What default_mounts[I] is where fstab has no line for it */
static void take_default(unsigned i, struct mntent *m)
{
	m->mnt_fsname = m->mnt_dir = (char *)default_mounts[i][0];
	m->mnt_type = (char *)default_mounts[i][1];
	m->mnt_opts = (char *)default_mounts[i][2];
	m->mnt_freq = m->mnt_passno = 0;
}

/* All that is to be mounted and is not yet, in a child */
static int mount_rest(void)
{
	struct mntent m;
	char buf[1024];
	unsigned i;
	int fd = syscall(SYS_memfd_create, "fstab", 0);
	int status;
	FILE *tab;

	if (fd < 0)
		bb_simple_perror_msg_and_die("memfd_create");
	tab = xfdopen_for_write(fd);
	for (i = 0; i < ARRAY_SIZE(default_mounts); i++) {
		if (!fstab_find(default_mounts[i][0], &m, buf, sizeof(buf))) {
			take_default(i, &m);
			write_mount(tab, &m);
		}
	}
	status = mount_fstab(tab, 1);
	if (status == 0)
		status = mount_fstab(tab, 0);
	if (status != 0 || ftello(tab) == 0)
		return status;
	/* The last act of this child: no further one for it */
	selfexec_continue(mount_argv(tab));
}

/* Mounts M, the line for default_mounts[I]. Returns whether it is mounted. */
static bool mount_default(unsigned i, const struct mntent *m)
{
	/* of another type, it may be on a disk */
	return mounted_at(m->mnt_dir)
		|| (strcmp(m->mnt_type, default_mounts[i][1]) == 0
			&& mount_plain(m->mnt_fsname, m->mnt_dir, m->mnt_type, m->mnt_opts));
}

/* The kernel's own file systems keep nobody waiting: PID 1 mounts them itself,
 * and most boots need no child for this stage.
 */
static int run_mounts(void)
{
	struct mntent m;
	char buf[1024];
	bool seen[ARRAY_SIZE(default_mounts)] = { 0 };
	bool rest = 0;
	unsigned i;
	FILE *f;

	mkdir("/dev/pts", 0755);
	mkdir("/dev/shm", 01777);
	f = setmntent("/etc/fstab", "r");
	while (f && fstab_next(f, &m, buf, sizeof(buf))) {
		i = default_mount(m.mnt_dir);
		if (i == ARRAY_SIZE(default_mounts)) {
			rest |= fstab_is_wanted(&m) && !mounted_at(m.mnt_dir);
		} else if (!seen[i]) {
			seen[i] = 1;
			rest |= !mount_default(i, &m);
		}
	}
	if (f)
		endmntent(f);
	for (i = 0; i < ARRAY_SIZE(default_mounts); i++) {
		if (seen[i])
			continue;
		take_default(i, &m);
		rest |= !mount_default(i, &m);
	}
	return rest ? pid1_in_child(mount_rest) : EXIT_SUCCESS;
}

static char *plan_mounts(void)
{
	struct mntent m;
	char buf[1024];
	char *text = xstrdup("mounts /dev/pts /proc /run /sys /tmp");
	char *path = rooted("/etc/fstab");
	FILE *f = setmntent(path, "r");

	free(path);
	while (f && fstab_next(f, &m, buf, sizeof(buf))) {
		char *longer;

		if (is_default_mount(m.mnt_dir) || !fstab_is_wanted(&m))
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

static int load_keymap(void)
{
	static const char *const argv[] = { "loadkmap", NULL };
	char type;
	int fd = open(keymap_file, O_RDONLY);
	int tty = open("/dev/tty0", O_RDONLY | O_NOCTTY | O_CLOEXEC);

	/* A machine without a screen has no keyboard to map */
	if (fd < 0 || tty < 0 || ioctl(tty, KDGKBTYPE, &type) != 0)
		return EXIT_SUCCESS;
	xmove_fd(fd, STDIN_FILENO);
	selfexec_continue(argv);
}

static int run_keymap(void)
{
	if (access(keymap_file, F_OK) != 0)
		return 0;
	return pid1_in_child(load_keymap);
}

static char *plan_keymap(void)
{
	char *path = rooted(keymap_file);
	char *text = xstrdup(access(path, F_OK) == 0 ? "loads /etc/keymap" : "nothing: there is no /etc/keymap");

	free(path);
	return text;
}

/* of syslog(2), which libc has no names for */
enum { CONSOLE_OFF = 6, CONSOLE_ON = 7 };

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

/* By syslog(2), since the kernel then keeps the level that was, and no file of
 * /proc/sys has to be made for it. A user namespace is allowed the file alone.
 */
static int run_printk_off(void)
{
	size_t size = 63;

	if (G.debug || klogctl(CONSOLE_OFF, NULL, 0) == 0)
		return EXIT_SUCCESS;
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
	if (G.debug)
		return xstrdup("nothing: rd.debug");
	return xstrdup("keeps kernel messages off the consoles");
}

static int run_printk_on(void)
{
	/* without an off before it changes nothing */
	klogctl(CONSOLE_ON, NULL, 0);
	if (G.loglevel) {
		set_loglevel(G.loglevel);
		free(G.loglevel);
		G.loglevel = NULL;
	}
	return EXIT_SUCCESS;
}

static char *plan_printk_on(void)
{
	if (G.debug)
		return xstrdup("nothing: rd.debug");
	return xstrdup("lets them through as before 40-printk");
}

static int run_luksunlock(void)
{
	static const char name[] ALIGN1 = "luksunlock";

	if (!ENABLE_LUKSUNLOCK)
		return EXIT_SUCCESS;
	/* What ps and the kernel's log call it */
	prctl(PR_SET_NAME, name, 0, 0, 0);
	selfexec_as(name);
	return luksunlock_all();
}

static char *plan_luksunlock(void)
{
	struct volume *v;
	char *path, *text = NULL;

	if (!ENABLE_LUKSUNLOCK)
		return xstrdup("nothing: luksunlock is not in this busybox");
	path = rooted("/etc/crypttab");
	for (v = volumes_find(path, G.root[0] ? NULL : bootargs_read()); v; v = v->next) {
		char *longer = xasprintf("%s%s%s", text ? text : "opens ", text ? ", " : "", v->name);

		free(text);
		text = longer;
	}
	free(path);
	return text ? text : xstrdup("nothing: there is no volume in /etc/crypttab");
}

static int run_reap(void)
{
	unsigned left = pid1_reap_all(1);

	/* A process that waits for a dead disk. The boot does not. */
	if (left)
		pid1_trace("<4>earlyinit: %u processes can't be killed\n", left);
	return EXIT_SUCCESS;
}

static char *plan_reap(void)
{
	return xstrdup("ends all processes that the boot has left");
}

/* The real init and its arguments, allocated */
static char **real_init_argv(void)
{
	unsigned n = string_array_len(G.init_args);
	char **argv = xzalloc((2 + n) * sizeof(argv[0]));

	argv[0] = (char *)realroot_init();
	memcpy(argv + 1, G.init_args, n * sizeof(argv[0]));
	return argv;
}

static int check_pivot(void)
{
	bootdevice_guard_leg();
	pivotboot_now(1, REAL_ROOT, real_init_argv());
}

static void end_shell(void);

static int run_pivotroot(void)
{
	static const char missing[] ALIGN1 = "pivotboot is not in this busybox";
	int status;

	if (!ENABLE_PIVOTBOOT) {
		pid1_keep_why(missing, sizeof(missing) - 1);
		return WAIT_STATUS_FAILURE;
	}
	status = pid1_in_child(check_pivot);
	if (status != 0)
		return status;
	end_shell();
	bootdevice_leave_predecessor();
	pid1_trace("<6>earlyinit: 99-pivotroot hands over %u ms\n", (unsigned)monotonic_ms() - G.stage_ms);
	pid1_leave_state();
	pivotboot_now(0, REAL_ROOT, real_init_argv());
}

static char *plan_pivotroot(void)
{
	if (!ENABLE_PIVOTBOOT)
		return xstrdup("FAILS: pivotboot is not in this busybox");
	return xasprintf("pivots, executes %s", realroot_init());
}

/* The names are the guide's: a fragment of the same name replaces one. Sorted. */
static const struct builtin builtins[] = {
	{ "00-mounts", IN_PID1, run_mounts, plan_mounts,
		"correct /etc/fstab on the boot device" },
	{ "05-keymap", IN_PID1, run_keymap, plan_keymap,
		"make /etc/keymap of the boot device anew (dumpkmap), or remove it" },
	{ "40-printk", IN_PID1, run_printk_off, plan_printk_off, NULL },
	{ "50-luksunlock", IN_CHILD, run_luksunlock, plan_luksunlock,
		"correct /etc/crypttab on the boot device; a volume with the option nofail may stay closed" },
	{ "50-mountroot", IN_PID1, realroot_mount, realroot_plan,
		"correct the line for /mnt in /etc/fstab on the boot device, or boot with real_root=" },
	{ "69-printk", IN_PID1, run_printk_on, plan_printk_on, NULL },
	{ "95-reap", IN_PID1, run_reap, plan_reap, NULL },
	{ "99-pivotroot", IN_PID1, run_pivotroot, plan_pivotroot,
		"repair the real root, or boot with real_init=" },
};

/* --- the plan --- */

static const char pivot_stage[] ALIGN1 = "99-pivotroot";

static bool is_ignored(const char *name)
{
	return name[0] == '.'
		|| is_suffixed_with(name, "~")
		|| is_suffixed_with(name, ".bak");
}

/* Returns ARRAY_SIZE(builtins) where there is none of that name. */
static unsigned find_builtin(const char *name)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(builtins); i++) {
		if (strcmp(builtins[i].name, name) == 0)
			break;
	}
	return i;
}

static int fragment_kind(const char *name)
{
	char *entry = xasprintf("/init.d/%s", name);
	char *path = rooted(entry), *target;
	char start[2];
	struct stat st;
	int from = FROM_FRAGMENT;

	/* One that can't be read is the shell's to complain of */
	if (lstat(path, &st) != 0) {
		from = errno == ENOENT ? FROM_BUILTIN : FROM_FRAGMENT;
		free(entry);
		free(path);
		return from;
	}
	target = in_root(entry);
	if (strcmp(target + strlen(G.root), bb_dev_null) == 0)
		from = FROM_MASK; /* a boot device need not have the node */
	else if (stat(target, &st) == 0) {
		if (!S_ISREG(st.st_mode) || st.st_size == 0)
			from = FROM_MASK;
		else if (access(target, X_OK) == 0
		 && strcmp(name, pivot_stage) != 0 /* that is PID 1's shell's */
		 && open_read_close(target, start, 2) == 2
		 && start[0] == '#' && start[1] == '!'
		)
			from = FROM_PROGRAM;
	}
	free(entry);
	free(path);
	free(target);
	return from;
}

/* Makes the plan of the boot device that -R named: G.stages. */
void FAST_FUNC earlyinit_make_plan(void)
{
	char **names = NULL;
	bool replaced[ARRAY_SIZE(builtins)] = { 0 };
	bool all_read = 0, all_seen = 0, is_free;
	unsigned n, i;
	char *path = rooted("/init.d");
	DIR *dir = opendir(path);
	struct dirent *e;

	free(path);
	for (n = 0; n < ARRAY_SIZE(builtins); n++) {
		names = xrealloc_vector(names, 4, n);
		names[n] = (char *)builtins[n].name;
	}
	while (dir && (errno = 0, e = readdir(dir)) != NULL) {
		if (is_ignored(e->d_name))
			continue;
		i = find_builtin(e->d_name);
		if (i < ARRAY_SIZE(builtins)) {
			replaced[i] = 1;
			continue;
		}
		names = xrealloc_vector(names, 4, n);
		names[n++] = xstrdup(e->d_name);
	}
	if (dir) {
		all_read = errno == 0;
		closedir(dir);
	}
	/* as the shell sorts '*'; and so are the built-in ones */
	if (n > ARRAY_SIZE(builtins))
		qsort_string_vector(names, n);

	for (i = 0; G.stages && G.stages[i].name; i++) {
		if (!G.stages[i].builtin)
			free((char *)G.stages[i].name);
	}
	free(G.stages);
	G.stages = xzalloc((n + 1) * sizeof(G.stages[0]));
	for (i = 0; i < n; i++) {
		unsigned b = find_builtin(names[i]);

		G.stages[i].name = names[i];
		if (b < ARRAY_SIZE(builtins))
			G.stages[i].builtin = &builtins[b];
		is_free = G.stages[i].builtin && !replaced[b];
		if (is_free && all_seen)
			continue; /* FROM_BUILTIN */
		G.stages[i].from = fragment_kind(names[i]);
		/* A listing may pass over a bad block. To look for a name that is not
		 * there takes all blocks, so one such look tells the same of all. */
		all_seen |= is_free && all_read && G.stages[i].from == FROM_BUILTIN;
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

/* Where it comes from, allocated */
static char *stage_source(const struct stage *s)
{
	static const char *const own[] = { "", "fragment", "program", "masked by" };
	static const char *const instead[] = { "", "replaced by", "replaced by program", "masked by" };

	if (s->from == FROM_BUILTIN)
		return xstrdup("built in");
	return xasprintf("%s /init.d/%s", (s->builtin ? instead : own)[s->from], s->name);
}

static char *stage_does(const struct stage *s)
{
	char *does, *text;

	if (s->from == FROM_BUILTIN)
		does = s->builtin->plan();
	else if (s->from == FROM_MASK)
		does = xstrdup(s->builtin ? "nothing: the built-in is switched off" : "nothing: there is nothing to run in it");
	else
		does = xstrdup(s->builtin ? "what it says, in place of the built-in" : "what it says");
	if (!G.break_at || strcmp(G.break_at, s->name) != 0)
		return does;
	text = xasprintf("stops and asks (rd.break); then %s", does);
	free(does);
	return text;
}

static int print_plan(void)
{
	struct stage *s;
	size_t names = sizeof("STAGE") - 1, sources = sizeof("FROM") - 1;

	for (s = G.stages; s->name; s++) {
		char *source = stage_source(s);

		names = MAX(names, strlen(s->name));
		sources = MAX(sources, strlen(source));
		free(source);
	}
	printf("%-*s  %-*s  %s\n", (int)names, "STAGE", (int)sources, "FROM", "DOES");
	for (s = G.stages; s->name; s++) {
		char *source = stage_source(s), *does = stage_does(s);

		printf("%-*s  %-*s  %s\n", (int)names, s->name, (int)sources, source, does);
		free(source);
		free(does);
	}
	fflush_stdout_and_exit(EXIT_SUCCESS);
}

/* --- the fragment shell --- */

/* It blocks in "read" while PID 1 runs a built-in. The trap tells where it
 * ended. Both descriptors close on exec, so no daemon of a fragment has them.
 */
#define SHELL_SCRIPT(set) \
	"trap 'echo \"$? $LINENO\" >&251' EXIT\n" \
	"while read -r EARLYINIT_STAGE <&250; do\n" \
	"set -e" set "\n" \
	". \"/init.d/$EARLYINIT_STAGE\"\n" \
	"{ set +e" set "; } 2>/dev/null\n" \
	"echo ok >&251\n" \
	"done\n"

static bool start_shell(void)
{
	static const char *argv[] = { "sh", "-c", SHELL_SCRIPT(""), "sh", NULL };
	int applet = find_applet_by_name("sh");
	struct fd_pair commands, replies;

	if (applet < 0) {
		pid1_say("earlyinit: there is no shell in this busybox\n");
		return 0;
	}
	pid1_pipe(&commands);
	pid1_pipe(&replies);
	G.shell_status = 0;
	G.shell = pid1_fork();
	if (G.shell == 0) {
		close(commands.wr);
		close(replies.rd);
		xmove_fd(commands.rd, FD_COMMANDS);
		xmove_fd(replies.wr, FD_REPLIES);
		close_on_exec_on(FD_COMMANDS);
		close_on_exec_on(FD_REPLIES);
		/* no exec: it would close them. getopt() starts afresh. */
		GETOPT_RESET();
		if (G.debug)
			argv[2] = SHELL_SCRIPT("x");
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
		pid1_wait_event(-1, 50);
	if (G.shell)
		kill(G.shell, SIGKILL);
	while (G.shell)
		pid1_wait_event(-1, 50);
	close(G.replies_fd);
	G.commands_fd = G.replies_fd = -1;
}

static char *describe_status(int status)
{
	if (WIFSIGNALED(status))
		return xasprintf("killed by signal %u", WTERMSIG(status));
	return xasprintf("exit status %u", WEXITSTATUS(status));
}

/* Waits for an event as pid1_wait_event() does. A stage of the user's own that
 * never ends, as a daemon in the foreground, is no wait that nobody explains:
 * it is named, once.
 */
static void wait_for_own_stage(const char *name, int fd, bool *said)
{
	unsigned passed = (unsigned)monotonic_ms() - G.stage_ms;

	if (!*said && passed >= LONG_MS) {
		char *line = xasprintf("earlyinit: %s still runs, after %u seconds; Ctrl-Alt-Del reboots\n",
				name, passed / 1000);

		*said = 1;
		pid1_say(line);
		/* a question that it asks is drawn again below that */
		pid1_trace("<4>%s", line);
		free(line);
	}
	pid1_wait_event(fd, *said ? -1 : (int)(LONG_MS - passed));
}

/* A bad block is an end of file for the shell, which would go on without the rest.
 * Returns NULL, or why NAME can't be read to its end, allocated.
 */
static char *why_unreadable(const char *name)
{
	char *path = xasprintf("/init.d/%s", name), *why = NULL;
	/* O_NONBLOCK: PID 1 waits at no FIFO */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	char buf[4096];
	ssize_t n = 0;

	free(path);
	if (fd < 0)
		return NULL; /* the shell says it */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		do
			n = read(fd, buf, sizeof(buf));
		while (n > 0);
	}
	if (n < 0)
		why = xasprintf("it can't be read: %s", strerror(errno));
	close(fd);
	return why;
}

/* Returns NULL, or why it failed, allocated. */
static char *run_fragment(const char *name)
{
	bool said = 0;
	char reply[64];
	unsigned len = 0;
	unsigned code, line;
	char *why;

	/* Its variables are gone with it, and nobody may go on without them */
	if (G.commands_fd >= 0 && !G.shell) {
		char *end = describe_status(G.shell_status);

		why = xasprintf("the shell of the fragments is gone (%s)", end);
		free(end);
		return why;
	}
	why = why_unreadable(name);
	if (why)
		return why;
	if (!G.shell && !start_shell())
		return xstrdup("no shell");
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
			wait_for_own_stage(name, G.replies_fd, &said);
		}
	}
	reply[len] = '\0';
	while (G.shell)
		pid1_wait_event(-1, -1);
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
	/* "-o .": it pivots wherever it likes */
	const char *argv[] = { "pivotboot", "-n", "-o", ".", REAL_ROOT, realroot_init(), NULL };

	bootdevice_guard_leg();
	selfexec_continue(argv);
}

/* Whether the user's own last stage executes what pivotboot would look for: it
 * may have a real init of another name, which nobody can know.
 */
static bool fragment_names_init(void)
{
	char *text = xmalloc_open_read_close("/init.d/99-pivotroot", NULL);
	const char *init = realroot_init(), *p;
	bool named = 0;

	for (p = text ? strstr(text, init) : NULL; p && !named; p = strstr(p, init)) {
		p += strlen(init);
		named = !*p || strchr(" \t\n\"';&|<>)", *p);
	}
	free(text);
	return named;
}

static char *become_last_fragment(void)
{
	const char **argv = xzalloc((5 + string_array_len(G.init_args)) * sizeof(argv[0]));

	/* What "exec chroot" does not find is a kernel panic */
	if (ENABLE_PIVOTBOOT && mounted_at(REAL_ROOT) && fragment_names_init()) {
		int status = pid1_in_child(check_own_pivot);
		if (status != 0)
			return describe_status(status);
	}
	end_shell();
	pid1_trace("<6>earlyinit: 99-pivotroot hands over %u ms\n", (unsigned)monotonic_ms() - G.stage_ms);
	pid1_leave_state();
	argv[0] = "sh";
	argv[1] = "-c";
	argv[2] = last_script;
	argv[3] = "sh";
	memcpy(argv + 4, G.init_args, string_array_len(G.init_args) * sizeof(argv[0]));
	selfexec(argv);
	pid1_take_state();
	return xstrdup("the shell can't be executed");
}

static char *run_program(const char *name)
{
	char *path = xasprintf("/init.d/%s", name);
	pid_t pid = pid1_fork();
	bool said = 0;

	if (pid == 0) {
		setenv("PATH", bb_default_root_path, 1);
		execl(path, path, NULL);
		bb_perror_msg("can't execute '%s'", path);
		_exit(127);
	}
	free(path);
	G.child = pid;
	while (G.child)
		wait_for_own_stage(name, -1, &said);
	return G.child_status ? describe_status(G.child_status) : NULL;
}

static char *run_builtin(const struct builtin *b)
{
	int status = b->where == IN_CHILD ? pid1_in_child(b->run) : b->run();

	return status ? describe_status(status) : NULL;
}

/* Returns NULL, or why it failed, allocated. */
static char *run_stage(const struct stage *s)
{
	char *why = NULL;
	unsigned ms;

	G.stage_ms = monotonic_ms();
	G.why_len = 0;
	G.why[0] = '\0';
	pid1_trace("<6>earlyinit: %s\n", s->name);
	switch (s->from) {
	case FROM_BUILTIN:
		why = run_builtin(s->builtin);
		break;
	case FROM_FRAGMENT:
		if (strcmp(s->name, pivot_stage) == 0)
			why = become_last_fragment();
		else
			why = run_fragment(s->name);
		break;
	case FROM_PROGRAM:
		why = run_program(s->name);
		break;
	}
	ms = (unsigned)monotonic_ms() - G.stage_ms;
	if (why)
		pid1_trace("<3>earlyinit: %s failed %u ms: %s\n", s->name, ms, why);
	else
		pid1_trace("<6>earlyinit: %s done %u ms\n", s->name, ms);
	return why;
}

/* --- the boot --- */

/* Says that STAGE failed and asks; returns for another try. */
static void ask_about(const char *stage, const char *why, const char *remedy, bool may_retry)
{
	struct failure f;

	f.what = xasprintf("%s failed: %s", stage, why);
	f.remedy = remedy;
	f.go_on = may_retry ? "r: try again" : NULL;
	f.unattended = 1;
	failure_ask(&f);
	free((char *)f.what);
}

static void ask_about_stage(const struct stage *s, const char *why)
{
	char *own = xasprintf("correct /init.d/%s on the boot device; "
			"\"rescue\" at the boot loader is a way to it", s->name);

	ask_about(s->name, why, s->from == FROM_BUILTIN ? s->builtin->remedy : own, 1);
	free(own);
}

/* Stops before S where rd.break= says so. */
static void break_before(const struct stage *s)
{
	struct failure f;

	if (!G.break_at || strcmp(G.break_at, s->name) != 0)
		return;
	G.break_at = NULL;
	G.why[0] = '\0';
	pid1_trace("<6>earlyinit: stops before %s\n", s->name);
	f.what = xasprintf("stops before %s (rd.break)", s->name);
	f.remedy = NULL;
	f.go_on = "c: go on";
	f.unattended = 0;
	failure_ask(&f);
	free((char *)f.what);
}

/* The plan as it is now, since somebody may have changed it at a shell; from
 * NAME on.
 */
static const struct stage *plan_from(const char *name)
{
	const struct stage *s;

	earlyinit_make_plan();
	for (s = G.stages; s->name && strcmp(s->name, name) < 0; s++)
		continue;
	return s;
}

static const struct stage *plan_from_the_top(void)
{
	end_shell();
	pid1_reap_all(0);
	return plan_from("");
}

static void run_plan(void) NORETURN;
static void run_plan(void)
{
	const struct stage *s = G.stages; /* made a moment ago */

	for (;;) {
		char *why, *again;

		if (!s->name) {
			G.why[0] = '\0';
			ask_about("the plan", "no stage has started the real init",
				"something in /init.d of the boot device replaces 99-pivotroot; "
				"\"earlyinit -n\" shows the plan", 1);
			s = plan_from_the_top();
			continue;
		}
		break_before(s);
		why = run_stage(s);
		if (!why) {
			s++;
			continue;
		}
		ask_about_stage(s, why);
		free(why);
		/* A fragment has taken the shell and its variables along: from the
		 * top. The built-in stages can be run again. */
		if (s->from == FROM_FRAGMENT) {
			s = plan_from_the_top();
		} else {
			again = xstrdup(s->name);
			s = plan_from(again);
			free(again);
		}
	}
}

/* --- PID 1 --- */

/* BusyBox's init with arguments, or without an inittab, opens a bare shell:
 * so it gets none, and it is asked for only by these words.
 */
static void rescue(void)
{
	static const char *const argv[] = { "linuxrc", NULL };

	/* one that reads no inittab opens shells to everybody */
	if (!ENABLE_LINUXRC || !ENABLE_FEATURE_USE_INITTAB) {
		pid1_say("earlyinit: no rescue: linuxrc is not in this busybox\n");
		return;
	}
	if (access("/etc/inittab", R_OK) != 0) {
		pid1_say("earlyinit: no rescue: there is no /etc/inittab\n");
		return;
	}
	pid1_leave_state();
	selfexec(argv);
	pid1_take_state();
	pid1_say("earlyinit: linuxrc can't be executed\n");
}

/* A "rescue" behind "--" is the real init's, and not seen here. */
static bool wants_rescue(void)
{
	const char *value = bootargs_get(G.args, "rd.rescue");

	return bootargs_get(G.args, "rescue") || (value && strcmp(value, "0") != 0);
}

/* Takes the word out of the arguments for the real init. One behind "--" is
 * not asked after.
 */
static void drop_rescue(char **argv)
{
	if (!bootargs_get(G.args, "rescue"))
		return;
	while (*argv && strcmp(*argv, "rescue") != 0)
		argv++;
	for (; *argv; argv++)
		argv[0] = argv[1];
}

/* What the kernel command line says about the boot itself */
static void read_args(struct bootarg *args)
{
	const char *value;

	G.args = args;
	value = bootargs_get(args, "rd.debug");
	G.debug = value && strcmp(value, "0") != 0;
	value = bootargs_get(args, "rd.break");
	G.break_at = value && !*value ? pivot_stage : value;
}

/* Returns what is wrong with the next word of G.args from *POS on, allocated;
 * NULL: nothing more is. Wants the plan.
 */
char* FAST_FUNC earlyinit_bad_word(unsigned *pos)
{
	static const struct {
		const char *name;
		const char *values;
		const char *say;
	} words[] = {
		{ "rd.emergency", failure_emergencies, "reboot, poweroff, halt or wait" },
		{ "fsck.mode", realroot_fsck_modes, "auto, force or skip" },
		{ "rd.shell", "0\0" "1\0", "0 or 1" },
	};
	const struct bootarg *a;
	unsigned i;

	while ((a = &G.args[*pos])->name) {
		const char *value = a->value ? a->value : "";

		++*pos;
		/* a word alone is a yes */
		if (strcmp(a->name, "rd.shell") == 0 && !a->value)
			continue;
		for (i = 0; i < ARRAY_SIZE(words); i++) {
			if (strcmp(a->name, words[i].name) == 0
			 && index_in_strings(words[i].values, value) < 0
			)
				return xasprintf("'%s=%s' is not %s", a->name, value, words[i].say);
		}
		if (strcmp(a->name, "rd.timeout") == 0) {
			bb_strtou(value, NULL, 10);
			if (errno)
				return xasprintf("'rd.timeout=%s' is no number of seconds", value);
		}
		if (strcmp(a->name, "rd.break") == 0 && *value && !find_stage(value))
			return xasprintf("'rd.break=%s' is the name of no stage; 'earlyinit -n' shows them", value);
	}
	return NULL;
}

static void say_bad_words(void)
{
	unsigned pos = 0;
	char *text, *line;

	while ((text = earlyinit_bad_word(&pos)) != NULL) {
		line = xasprintf("earlyinit: %s; it counts for nothing\n", text);
		pid1_say(line);
		pid1_trace("<4>%s", line);
		free(line);
		free(text);
	}
}

/* PID 1 was something else and failed: STAGE or STAGE:WHY */
static void come_back(const char *stage, bool may_retry)
{
	const char *why = strchrnul(stage, ':');

	ask_about(xasprintf("%.*s", (int)(why - stage), stage),
		*why ? why + 1 : "its words stand above", NULL, may_retry);
}

static void boot(char **argv) NORETURN;
static void boot(char **argv)
{
	bool own_proc;
	const char *pivoted = NULL, *came_back = NULL;
	struct stage *mounts;

	die_func = pid1_never_exit;
	pid1_open_console();
	pid1_take_state();
	own_proc = !mounted_at("/proc")
		&& mount("/proc", "/proc", "proc", MS_NODEV | MS_NOEXEC | MS_NOSUID, NULL) == 0;
	selfexec_init(selfexec_name());
	bootdevice_take_predecessor();
	read_args(bootargs_read());
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
		pid1_reap_all(0);
	} else if (wants_rescue()) {
		rescue();
		drop_rescue(argv);
	}

	earlyinit_make_plan();
	say_bad_words();
	if (G.debug)
		set_loglevel("7");
	mounts = find_stage("00-mounts");
	/* A user's own 00-mounts expects /proc as the kernel has left it */
	if (own_proc && mounts && mounts->from != FROM_BUILTIN)
		umount("/proc");
	run_plan();
}

int earlyinit_main(int argc, char **argv) MAIN_EXTERNALLY_VISIBLE;
int earlyinit_main(int argc UNUSED_PARAM, char **argv)
{
	enum {
		OPT_n = 1 << 0,
		OPT_c = 1 << 1,
	};
	unsigned opt;

	INIT_G();
	applet_name = "earlyinit"; /* not "init", which speaks in the real root */
	if (shutdown_asked(argv + 1))
		return earlyinit_shutdown(argv + 1);
	if (getpid() == 1)
		boot(argv + 1);

	opt = getopt32(argv, "^" "ncR:" "\0" "=0:n--c:c--n", &G.root);
	if (!(opt & (OPT_n | OPT_c)))
		bb_show_usage();
	if (G.root[0] && access(G.root, X_OK) != 0)
		bb_perror_msg_and_die("can't look into '%s'", G.root);
	G.init_args = argv + optind;
	if (opt & OPT_c)
		return bootcheck_main();
	/* The command line of this boot says nothing about another root's */
	read_args(G.root[0] ? bootcheck_default_args() : bootargs_read());
	earlyinit_make_plan();
	return print_plan();
}
