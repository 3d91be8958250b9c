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
//config:	bool "pivotboot (7 kb)"
//config:	default y
//config:	select VOLUMEID
//config:	help
//config:	The last step of an early userspace that lives on an ordinary
//config:	partition: checks the real root, makes it the root with
//config:	pivot_root(2), carries /dev and /run over, leaves the early root
//config:	mounted below it (at /boot), and executes the real init.
//config:	On an initramfs, where that call can't work, it deletes and
//config:	moves as switch_root does.

//applet:IF_PIVOTBOOT(APPLET(pivotboot, BB_DIR_SBIN, BB_SUID_DROP))

//kbuild:lib-$(CONFIG_PIVOTBOOT) += pivotboot.o

//usage:#define pivotboot_trivial_usage
//usage:       "[-n] [-o PUT_OLD] [-c CONSOLE]"
//usage:	IF_LONG_OPTS(" [--no-run] [--move-api]")
//usage:       " NEW_ROOT [INIT [ARG]...]"
//usage:#define pivotboot_full_usage "\n\n"
//usage:       "Pivot into NEW_ROOT and execute INIT (/sbin/init) there\n"
//usage:     "\n	-n	Only check that it would work"
//usage:     "\n	-o DIR	Where in NEW_ROOT the old root goes (boot)"
//usage:     "\n	-c DEV	Console of INIT (/dev/console)"
//usage:	IF_LONG_OPTS(
//usage:     "\n	--no-run	Unmount /run, don't hand it on"
//usage:     "\n	--move-api	Hand /proc and /sys on, don't unmount them"
//usage:	)

#include <elf.h>
#include <mntent.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include "earlyboot.h"

/* libc has the symbol, its headers don't */
extern int pivot_root(const char *new_root, const char *put_old);

enum {
	MAGIC_RAMFS = 0x858458f6,
	MAGIC_TMPFS = 0x01021994,
	MAGIC_BTRFS = 0x9123683e,

	MAX_SCRIPTS = 5,        /* that the kernel follows from "#!" to "#!" */
	HEAD_SIZE = 256,        /* of a script that the kernel looks at */

	OPT_CHECK    = 1 << 0,
	OPT_PUT_OLD  = 1 << 1,
	OPT_CONSOLE  = 1 << 2,
	OPT_NO_RUN   = (1 << 3) * ENABLE_LONG_OPTS,
	OPT_MOVE_API = (1 << 4) * ENABLE_LONG_OPTS,
	CHECKED      = 1 << 5,  /* by a child of earlyinit, just before */
};

/* What a look into the new root finds out */
struct inside {
	char put_old[PATH_MAX];         /* without links, as seen from there */
	char fstab_device[PATH_MAX];    /* that fstab mounts over it, or "" */
};

struct globals {
	unsigned opt;
	const char *new_root;
	const char *put_old;
	const char *console;
	char **init;            /* INIT and its arguments */
	char **env;             /* its environment */
	struct inside *inside;
	char *point;            /* NEW_ROOT without links */
	int early_root;         /* its descriptor */
	llist_t *carried;       /* mounts that are below the new root now */
	bool rootfs;            /* the early root is an initramfs */
	bool switched;          /* the new root is the root */
	bool fails;             /* and becomes earlyinit again */
} FIX_ALIASING;
#define G (*ptr_to_globals)
#define INIT_G() do { \
	SET_PTR_TO_GLOBALS(xzalloc(sizeof(G))); \
} while (0)

/* --- when it fails --- */

static bool pivot_back(void);

/* A hook of a running system, not PID 1: it goes on as if nothing had been. */
static void failed(void)
{
	if (G.switched)
		pivot_back();
}

/* PID 1 must not exit, the kernel would panic. What is left of it becomes
 * earlyinit again, which asks what to do: in the early root if that can be
 * had back, so that the boot can be tried again.
 */
static void failed_as_pid1(void)
{
	const char **argv;

	/* in here memory may be short again */
	if (ENABLE_EARLYINIT && !G.fails) {
		G.fails = 1;
		argv = xzalloc((3 + (G.init ? string_array_len(G.init) : 0)) * sizeof(argv[0]));
		argv[0] = "earlyinit";
		argv[1] = G.switched && !pivot_back() ? "--pivoted=99-pivotroot" : "--failed=99-pivotroot";
		if (G.init && G.init[0]) /* the kernel's arguments, for the next try */
			memcpy(argv + 2, G.init + 1, (string_array_len(G.init) - 1) * sizeof(argv[0]));
		selfexec_reset_signals();
		selfexec(argv);
	}
	bb_simple_error_msg("can't return to earlyinit; the machine waits for a reset");
	for (;;)
		pause();
}

/* --- the checks, which change nothing --- */

static bool is_mount_point(const char *path)
{
	char *real = xmalloc_realpath(path);
	struct stat st, parent;
	char *up;
	int known;

	if (!real)
		return 0;
	/* The kernel sees bind mounts, and is not misled by the subvolumes of
	 * btrfs, each of which has a device number of its own. */
	known = mount_state(real);
	free(real);
	if (known >= 0)
		return known;
	up = concat_path_file(path, "..");
	known = stat(path, &st) == 0 && stat(up, &parent) == 0
		&& (st.st_dev != parent.st_dev || st.st_ino == parent.st_ino);
	free(up);
	return known;
}

/* Whether PATH is a directory with nothing in it */
static bool is_empty_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	if (!dir)
		return 0;
	while ((e = readdir(dir)) != NULL && DOT_OR_DOTDOT(e->d_name))
		continue;
	closedir(dir);
	return !e;
}

/* A hint where PATH is missing because a file system of its own is. */
static const char *missing_usr(const char *path)
{
	static const char maybe_there[] ALIGN1 = "/usr/\0" "/bin/\0" "/sbin/\0" "/lib\0";
	const char *dir;

	for (dir = maybe_there; *dir; dir += strlen(dir) + 1) {
		if (is_prefixed_with(path, dir) && is_empty_dir("/usr"))
			return " (and /usr is empty there: mount it before)";
	}
	return "";
}

/* Dies if the kernel could not execute PATH, which NEEDED_BY calls for; NULL:
 * PATH is INIT itself. The root is the new one here.
 */
static void check_executable(const char *path, const char *needed_by)
{
	static const char name_another[] ALIGN1 =
		"name another with real_init= on the kernel command line";
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) != 0) {
		const char *why = strerror(errno);

		if (needed_by)
			bb_error_msg_and_die("real init '%s' in %s needs '%s': %s%s; install that in the real root",
				needed_by, G.new_root, path, why, missing_usr(path));
		bb_error_msg_and_die("no real init '%s' in %s: %s%s; %s",
			path, G.new_root, why, missing_usr(path), name_another);
	}
	if (statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOEXEC))
		bb_error_msg_and_die("'%s' in %s is on a file system that is mounted noexec; mount it without",
			path, G.new_root);
	if (S_ISREG(st.st_mode) && access(path, X_OK) == 0)
		return;
	if (needed_by)
		bb_error_msg_and_die("real init '%s' in %s needs '%s', which is not an executable file; install that anew",
			needed_by, G.new_root, path);
	bb_error_msg_and_die("real init '%s' in %s is not an executable file; %s",
		path, G.new_root, name_another);
}

/* Returns the loader that the ELF program on FD asks for, allocated. NULL: it
 * is a static one, or not for this machine, which execve() will say.
 */
static char *elf_loader(int fd)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf32_Ehdr e32;
		Elf64_Ehdr e64;
	} h;
	bool wide;
	unsigned i, count, size;
	uint64_t off;

	if (pread(fd, &h, sizeof(h), 0) != sizeof(h)
	 || h.ident[EI_DATA] != (BB_LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB)
	)
		return NULL;
	wide = h.ident[EI_CLASS] == ELFCLASS64;
	off = wide ? h.e64.e_phoff : h.e32.e_phoff;
	count = wide ? h.e64.e_phnum : h.e32.e_phnum;
	size = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	for (i = 0; i < count; i++, off += size) {
		union {
			Elf32_Phdr p32;
			Elf64_Phdr p64;
		} ph;
		uint64_t len;
		char *path;

		if (pread(fd, &ph, size, off) != (ssize_t)size)
			break;
		if ((wide ? ph.p64.p_type : ph.p32.p_type) != PT_INTERP)
			continue;
		len = wide ? ph.p64.p_filesz : ph.p32.p_filesz;
		if (len < 2 || len > PATH_MAX)
			break;
		path = xzalloc(len + 1);
		if (pread(fd, path, len, wide ? ph.p64.p_offset : ph.p32.p_offset) == (ssize_t)len)
			return path;
		free(path);
		break;
	}
	return NULL;
}

/* Dies if the kernel would not get from INIT to machine code: along a chain
 * of scripts, to a program, to the loader that this names. The libraries of
 * a dynamic one are the loader's business.
 */
static void check_init(void)
{
	const char *path = G.init[0], *needed_by = NULL;
	unsigned depth;

	for (depth = 0;; depth++) {
		char head[HEAD_SIZE + 1];
		char *loader;
		ssize_t n;
		int fd;

		check_executable(path, needed_by);
		needed_by = G.init[0];
		fd = xopen(path, O_RDONLY);
		n = full_read(fd, head, HEAD_SIZE);
		head[n > 0 ? n : 0] = '\0';
		if (strncmp(head, ELFMAG, SELFMAG) == 0) {
			loader = elf_loader(fd);
			if (loader)
				check_executable(loader, needed_by);
			close(fd);
			return;
		}
		close(fd);
		loader = skip_whitespace(head + 2);
		loader[strcspn(loader, " \t\n")] = '\0';
		if (head[0] != '#' || head[1] != '!' || !loader[0])
			bb_error_msg_and_die("'%s' in %s is neither an ELF program nor a script with #!; name another init with real_init=",
				path, G.new_root);
		if (depth == MAX_SCRIPTS)
			bb_error_msg_and_die("real init '%s' in %s leads through more than %u scripts; name another with real_init=",
				G.init[0], G.new_root, MAX_SCRIPTS);
		path = xstrdup(loader);
	}
}

/* The line of fstab that mounts something at POINT, for the parent to find out
 * which device that is
 */
static void find_in_fstab(const char *point)
{
	struct mntent m;
	char buf[4096];
	FILE *f = setmntent("/etc/fstab", "r");

	while (f && fstab_next(f, &m, buf, sizeof(buf))) {
		char *dir = xmalloc_realpath(m.mnt_dir);

		if (strcmp(dir ? dir : m.mnt_dir, point) == 0 && !hasmntopt(&m, "noauto"))
			safe_strncpy(G.inside->fstab_device, m.mnt_fsname, sizeof(G.inside->fstab_device));
		free(dir);
	}
	if (f)
		endmntent(f);
}

/* PUT_OLD as seen from the new root, so that a link there leads to where it
 * leads from there. It is made if it is missing and can be made.
 */
static void check_put_old(void)
{
	struct statvfs fs;
	struct stat st;
	char *path, *real;

	if (stat(G.put_old, &st) != 0
	 && errno == ENOENT
	 && statvfs("/", &fs) == 0
	 && !(fs.f_flag & ST_RDONLY)
	) {
		if (G.opt & OPT_CHECK)
			return; /* it would be made */
		bb_make_directory((char *)G.put_old, 0755, FILEUTILS_RECUR);
	}
	if (stat(G.put_old, &st) != 0 || !S_ISDIR(st.st_mode))
		bb_error_msg_and_die("%s has no directory '%s' for the early root; "
			"make it in the real root, or name another with -o", G.new_root, G.put_old);
	path = xasprintf("/%s", G.put_old);
	real = xmalloc_realpath(path);
	free(path);
	if (!real)
		bb_perror_msg_and_die("'%s' in %s", G.put_old, G.new_root);
	safe_strncpy(G.inside->put_old, real, sizeof(G.inside->put_old));
	/* "." is of a user's own last stage, which may pivot anywhere */
	if (!(G.opt & OPT_CHECK) || LONE_CHAR(real, '/'))
		return;
	if (!is_empty_dir(real))
		bb_error_msg("'%s' of the real root is not empty: the early root will hide its files; move them away",
			real);
	find_in_fstab(real);
}

/* Dies if the new root, which is the root here, has no directory DIR. WHAT it
 * is for, and INSTEAD what else can be done, are words of the message.
 */
static void want_dir(const char *dir, const char *what, const char *instead)
{
	struct stat st;

	if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
		bb_error_msg_and_die("%s has no directory '%s' for %s; make it in the real root%s",
			G.new_root, dir, what, instead);
}

/* What must be there as seen from the new root: a link such as
 * /sbin/init -> /lib/systemd/systemd leads elsewhere from here. Dies if it is
 * not, and is in the new root then.
 */
static void look_inside(void)
{
	bool dev_goes_along = is_mount_point("/dev");
	bool run_goes_along = !(G.opt & OPT_NO_RUN) && is_mount_point("/run");
	bool console_there = access(G.console, F_OK) == 0;

	if (chdir(G.new_root) != 0 || chroot(".") != 0)
		bb_perror_msg_and_die("can't look into '%s'", G.new_root);
	want_dir("dev", "the devices", "");
	if (run_goes_along)
		want_dir("run", "what the early root hands on", ", or use --no-run");
	if (G.opt & OPT_MOVE_API) {
		want_dir("proc", "--move-api", "");
		want_dir("sys", "--move-api", "");
	}
	if (!(dev_goes_along && is_prefixed_with(G.console, "/dev/")))
		console_there = access(G.console, F_OK) == 0;
	if (!console_there)
		bb_error_msg_and_die("no console '%s' for the real init; name another with -c",
			G.console);
	check_init();
	if (!G.rootfs)
		check_put_old(); /* the last: it may make a directory */
}

static void check_inside(void)
{
	pid_t pid;

	/* Who only checks ends with it, and may die in there. PID 1 must be able
	 * to go back to earlyinit, whatever the look finds. */
	if ((G.opt & OPT_CHECK) && getpid() != 1) {
		int old = xopen("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		look_inside();
		if (fchdir(old) != 0)
			bb_simple_perror_msg_and_die("can't return to the early root");
		xchroot(".");
		close(old);
		return;
	}
	G.inside = mmap(NULL, sizeof(*G.inside), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (G.inside == MAP_FAILED)
		bb_simple_perror_msg_and_die("no memory");
	pid = xfork();
	if (pid == 0) {
		die_func = NULL;
		look_inside();
		_exit(EXIT_SUCCESS);
	}
	if (wait4pid(pid) != 0) {
		/* the child has said why */
		xfunc_error_retval = EXIT_FAILURE;
		xfunc_die();
	}
}

/* switch_root's precautions: what is to be deleted must be an initramfs, and
 * the new root, on the device NEW, no part of it.
 */
static void check_initramfs(dev_t new, dev_t old)
{
	const char *first = bootargs_get(bootargs_read(), "rdinit");
	struct statfs fs;
	struct stat st;

	if (!first || !*first)
		first = "/init";
	if (new == old)
		bb_error_msg_and_die("'%s' is a part of the initramfs, which is to be deleted; mount the real root there",
			G.new_root);
	if (stat(first, &st) != 0 || !S_ISREG(st.st_mode))
		bb_error_msg_and_die("'%s' is not a regular file, so '/' is no initramfs to be deleted", first);
	if (statfs("/", &fs) != 0
	 || ((unsigned)fs.f_type != MAGIC_RAMFS && (unsigned)fs.f_type != MAGIC_TMPFS)
	)
		bb_simple_error_msg_and_die("'/' is neither ramfs nor tmpfs, so it is no initramfs to be deleted");
	if (!(G.opt & OPT_CHECK) && getpid() != 1)
		bb_simple_error_msg_and_die("only process 1 can leave an initramfs");
}

/* The real init mounts what its fstab has over the early root, unless that is
 * the same: of one device at one place it makes no second mount.
 */
static void warn_of_fstab(dev_t early)
{
	const char *device = G.inside->fstab_device;
	char *ambiguous, *node;
	struct statfs fs;
	struct stat st;

	if (!device[0])
		return;
	/* It has a device number of its own, which says nothing. */
	if (statfs("/", &fs) == 0 && (unsigned)fs.f_type == MAGIC_BTRFS)
		return;
	node = devspec_find(device, &ambiguous);
	if (node && stat(node, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == early)
		return;
	bb_error_msg("fstab of the real root mounts '%s' at '%s', over the early root; "
		"take the line out there, or name another directory with -o",
		device, G.inside->put_old);
}

/* Whether PUT_OLD, here a name without a slash, is a directory right in the new root,
 * which needs no look from inside to be found: a link there would lead elsewhere from
 * here.
 */
static bool put_old_is_plain(void)
{
	char *path = concat_path_file(G.new_root, G.put_old);
	struct stat st;
	bool plain = lstat(path, &st) == 0 && S_ISDIR(st.st_mode);

	free(path);
	if (plain)
		snprintf(G.inside->put_old, sizeof(G.inside->put_old), "/%s", G.put_old);
	return plain;
}

static void check(void)
{
	struct stat st, old;

	if (stat(G.new_root, &st) != 0)
		bb_error_msg_and_die("no new root '%s': %s; mount the real root there first",
			G.new_root, strerror(errno));
	if (!S_ISDIR(st.st_mode) || !is_mount_point(G.new_root))
		bb_error_msg_and_die("'%s' is not a mount point; mount the real root there first",
			G.new_root);
	xstat("/", &old);
	if (st.st_dev == old.st_dev && st.st_ino == old.st_ino)
		bb_error_msg_and_die("'%s' is the early root itself, not the real root", G.new_root);

	G.rootfs = on_rootfs();
	if (G.rootfs)
		check_initramfs(st.st_dev, old.st_dev);
	G.inside = xzalloc(sizeof(*G.inside));
	/* A child has looked; but one that only checks makes no PUT_OLD. */
	if ((G.opt & CHECKED) && (G.rootfs || put_old_is_plain()))
		return;
	check_inside();
	warn_of_fstab(old.st_dev);
}

/* --- what the real init gets --- */

/* Whether the word NAME=VALUE of the kernel command line is one that the kernel
 * puts into the environment of a first init: not one of its own drivers', as
 * it is in ours too. Earlyinit's own words stay behind.
 */
static bool is_for_environment(const struct bootarg *a)
{
	return a->value
		&& getenv(a->name)
		&& strcmp(a->name, "HOME") != 0
		&& strcmp(a->name, "TERM") != 0
		&& !is_prefixed_with(a->name, "real_");
}

/* Returns the environment that the kernel gives to a first init, allocated.
 * The values are the kernel's: a shell on the way may have set others.
 */
static char **kernel_environment(void)
{
	struct bootarg *args = bootargs_read(), *a, *before;
	const char *home = bootargs_get(args, "HOME"), *term = getenv("TERM");
	unsigned n = 0;
	char **env;

	for (a = args; a->name; a++)
		continue;
	env = xzalloc((3 + (a - args)) * sizeof(env[0]));
	env[n++] = xasprintf("HOME=%s", home ? home : "/");
	env[n++] = xasprintf("TERM=%s", term ? term : "linux");
	for (a = args; a->name; a++) {
		if (!is_for_environment(a))
			continue;
		/* a later one takes the place of the first */
		for (before = args; strcmp(before->name, a->name) != 0 || !before->value; before++)
			continue;
		if (before != a)
			continue;
		env[n++] = xasprintf("%s=%s", a->name, bootargs_get(args, a->name));
	}
	return env;
}

/* What /dev/console is was decided when the one that is open was opened; another
 * may have come since.
 */
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

/* A first init has no terminal of its own: it takes one if it wants to. A shell
 * on the way may have.
 */
static void leave_terminal(void)
{
	int fd = getpid() == 1 ? open("/dev/tty", O_RDWR | O_NOCTTY) : -1;

	if (fd >= 0) {
		ioctl(fd, TIOCNOTTY);
		close(fd);
	}
}

/* --- acts --- */

/* The mount NAME of the early root, which is the working directory, arrives at
 * the same place of the new root.
 */
static bool carry(const char *name)
{
	char *to = xasprintf("/%s", name);
	bool done = mount(name, to, NULL, MS_MOVE, NULL) == 0;

	if (done)
		llist_add_to(&G.carried, (char *)name);
	else if (errno == EINVAL)
		done = 1; /* nothing is mounted there */
	else
		bb_perror_msg("can't hand '%s' on to the real root", to);
	free(to);
	return done;
}

/* The real init mounts its own; what is busy is carried along. */
static void leave(const char *name)
{
	if (umount(name) == 0 || errno != EBUSY)
		return;
	if (carry(name))
		bb_error_msg("'/%s' is busy and goes along into the real root", name);
}

/* What crosses. Wants to be called in the new root. */
static void hand_on(void)
{
	if (fchdir(G.early_root) != 0)
		bb_simple_perror_msg_and_die("can't reach the early root");
	leave("tmp");
	/* The real init's has other options. One that is in use goes with /dev. */
	if (!(G.opt & OPT_MOVE_API) && umount("dev/pts") != 0 && errno == EBUSY)
		bb_simple_error_msg("'/dev/pts' is busy and goes along into the real root");
	if (!carry("dev"))
		bb_simple_error_msg_and_die("no real init can do without devices");
	if (G.opt & OPT_NO_RUN)
		leave("run");
	else if (carry("run"))
		chmod("/run", 0755); /* a tmpfs lets everybody write, unless told not to */
	if (G.opt & OPT_MOVE_API) {
		carry("sys");
		carry("proc");
	} else {
		leave("sys");
		leave("proc");
	}
	xchdir("/");
}

static void pivot(void)
{
	/* relative: an absolute one would be looked up in the old root */
	const char *put_old = G.inside->put_old[1] ? G.inside->put_old + 1 : ".";

	/* Either it is done or nothing has changed: so this comes first. */
	if (pivot_root(".", put_old) != 0)
		bb_perror_msg_and_die("can't pivot into '%s' with the early root at '%s'",
			G.new_root, put_old);
	G.switched = 1;
	xchroot(".");
}

/* Undoes pivot() and hand_on(). Returns 0 where that can't be. */
static bool pivot_back(void)
{
	llist_t *l;

	if (G.rootfs
	 || fchdir(G.early_root) != 0
	 || pivot_root(".", G.point + 1) != 0
	 || chroot(".") != 0
	)
		return 0;
	for (l = G.carried; l; l = l->link) {
		char *from = concat_path_file(G.point, l->data);
		char *to = xasprintf("/%s", l->data);

		mount(from, to, NULL, MS_MOVE, NULL);
		free(from);
		free(to);
	}
	return 1;
}

/* Deletes all in the directory FD that is on the device DEV. Closes FD. */
static void delete_contents(int fd, dev_t dev)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	struct stat st;

	while (dir && (e = readdir(dir)) != NULL) {
		if (DOT_OR_DOTDOT(e->d_name) || unlinkat(fd, e->d_name, 0) == 0)
			continue;
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0
		 || !S_ISDIR(st.st_mode)
		 || st.st_dev != dev
		)
			continue;
		delete_contents(openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), dev);
		unlinkat(fd, e->d_name, AT_REMOVEDIR);
	}
	if (dir)
		closedir(dir);
}

/* The initramfs is the one root that can't be pivoted away from. It stays
 * below the new one, out of reach, and its files would stay in memory.
 */
static void move_over(void)
{
	if (mount(".", "/", NULL, MS_MOVE, NULL) != 0)
		bb_perror_msg_and_die("can't move '%s' to '/'", G.new_root);
	G.switched = 1;
	xchroot(".");
}

static void act(void)
{
	struct stat st;

	G.early_root = xopen("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	selfexec_close_others(1); /* until the exec ours are needed */
	/* The kernel refuses to pivot and to move what is shared. A first init
	 * gets its mounts private, and shares them itself if it wants to. */
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	xchdir(G.new_root);
	if (G.rootfs)
		move_over();
	else
		pivot();
	hand_on();
	leave_terminal();
	open_console();
	umask(022);
	/* We're about to delete all that is left of the early root: it is an
	 * initramfs, check_initramfs() has seen to that, and no other device. */
	if (G.rootfs && fstat(G.early_root, &st) == 0)
		delete_contents(G.early_root, st.st_dev);
	selfexec_reset_signals();
	execve(G.init[0], G.init, G.env);
	bb_perror_msg_and_die("can't execute '%s'", G.init[0]);
}

static void begin(void)
{
	INIT_G();
	G.put_old = "boot";
	G.console = "/dev/console";
	/* Before anything that may die */
	die_func = failed;
	if (getpid() == 1) {
		die_func = failed_as_pid1;
		/* Mounts and the kernel's words are read there. The guide's last
		 * stage has unmounted it by now. */
		if (!mounted_at("/proc"))
			mount("/proc", "/proc", "proc", MS_NODEV | MS_NOEXEC | MS_NOSUID, NULL);
		selfexec_init(NULL);
	}
}

/* Checks, and unless that was all does it. Returns where it was. */
static void run(const char *new_root, char **init)
{
	G.new_root = new_root;
	G.init = init;
	check();
	if (G.opt & OPT_CHECK)
		return;
	G.point = xmalloc_realpath(G.new_root);
	G.env = kernel_environment();
	act();
}

/* For earlyinit, without an exec and without options: pivots into NEW_ROOT, and
 * executes INIT, a program's path and its arguments. With CHECK_ONLY it is a child
 * that ends with 0 where that would work; without, such a child has just done so.
 */
void FAST_FUNC pivotboot_now(bool check_only, const char *new_root, char **init)
{
	selfexec_as("pivotboot");
	begin();
	G.opt = check_only ? OPT_CHECK : CHECKED;
	run(new_root, init);
	_exit(EXIT_SUCCESS);
}

int pivotboot_main(int argc, char **argv) MAIN_EXTERNALLY_VISIBLE;
int pivotboot_main(int argc UNUSED_PARAM, char **argv)
{
	static const char *const default_init[] = { "/sbin/init", NULL };
#if ENABLE_LONG_OPTS
	static const char long_options[] ALIGN1 =
		"no-run\0"   No_argument "\xf0"
		"move-api\0" No_argument "\xf1";
#endif

	begin();
	/* '+': options behind NEW_ROOT are INIT's */
	G.opt = getopt32long(argv, "^+" "no:c:" IF_LONG_OPTS("\xf0\xf1") "\0" "-1",
			long_options, &G.put_old, &G.console);
	/* It is a path of the new root, with or without the slash */
	while (*G.put_old == '/')
		G.put_old++;
	if (!*G.put_old)
		G.put_old = ".";
	argv += optind;
	run(argv[0], argv[1] ? argv + 1 : (char **)default_init);
	return EXIT_SUCCESS;
}
