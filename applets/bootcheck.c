/* vi: set sw=4 ts=4: */
/*
 * earlyinit -c: checks a boot device before the reboot. One line for each fault,
 * with what to do; a line with "note:" is about what does not stop a boot.
 * Nothing is written, and what only root can read is left out for others.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += bootcheck.o

#include <sys/syscall.h>
#include "bootcheck.h"

#ifndef CLONE_NEWUSER
# define CLONE_NEWUSER 0x10000000
#endif

static const char extlinux_conf[] ALIGN1 = "/extlinux/extlinux.conf";

static unsigned faults;

/* What is found out on the way */
struct check {
	struct bootentry *entries;
	struct bootentry *entry;        /* the default; NULL: unknown */
	llist_t *fstypes;               /* that the kernel must know */
	llist_t *volumes;               /* names in crypttab */
	bool volumes_hidden;            /* it can't be read */
	unsigned uses;                  /* USES_* */
	bool sure;                      /* what the arguments will be */
};

/* Another loader than extlinux has its entries elsewhere: then extlinux.conf,
 * which mkboot writes for all, is not what will be booted, and what it lacks
 * may stand there.
 */
#define FAULT_IF_SURE(c, ...) do { \
	if ((c)->sure) \
		fault(__VA_ARGS__); \
	else \
		note(__VA_ARGS__); \
} while (0)

/* --- words --- */

static void say(const char *prefix, const char *fmt, va_list p)
{
	char *text = one_line(fmt, p);

	bb_error_msg("%s%s", prefix, text);
	free(text);
}

/* Says one fault: exit status 1 in the end. */
void FAST_FUNC fault(const char *fmt, ...)
{
	va_list p;

	faults++;
	va_start(p, fmt);
	say("", fmt, p);
	va_end(p);
}

/* Says what does not stop a boot. */
void FAST_FUNC note(const char *fmt, ...)
{
	va_list p;

	va_start(p, fmt);
	say("note: ", fmt, p);
	va_end(p);
}

/* --- files of the early root --- */

/* Returns the path, from here, of what PATH is in the early root: a link there
 * such as /sbin/init -> /bin/busybox leads elsewhere from here. What is not
 * there has a path as well. Allocated.
 */
char* FAST_FUNC in_root(const char *path)
{
	char *done = xstrdup(""), *rest = xstrdup(path), *word, *next, *here, *target;
	unsigned links = 0;

	while (rest) {
		next = strchr(rest, '/');
		if (next)
			*next++ = '\0';
		word = rest;
		rest = next;
		if (!*word || strcmp(word, ".") == 0)
			continue;
		if (strcmp(word, "..") == 0) {
			if (*done)
				*strrchr(done, '/') = '\0';
			continue;
		}
		word = xasprintf("%s/%s", done, word);
		here = xasprintf("%s%s", G.root, word);
		target = ++links < 256 ? xmalloc_readlink(here) : NULL;
		free(here);
		if (target) {
			if (*target == '/')
				*done = '\0';
			rest = xasprintf("%s/%s", target, rest ? rest : "");
			free(word);
			free(target);
		} else {
			free(done);
			done = word;
		}
	}
	word = xasprintf("%s%s", G.root, *done ? done : "/");
	free(done);
	return word;
}

/* Whether the file REAL, which is NAME in the early root, can be read; why not
 * is said.
 */
bool FAST_FUNC is_readable(const char *real, const char *name)
{
	int fd = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0) {
		close(fd);
		return 1;
	}
	if (errno == EACCES)
		note("%s is root's alone, so it is not looked into", name);
	else if (errno == ENOENT || errno == ENOTDIR)
		fault("there is no %s; install it again", name);
	else
		fault("%s can't be read: %s", name, strerror(errno));
	return 0;
}

/* Returns the path in the early root of the program NAME, as the shell finds
 * it; NULL: there is none. Allocated.
 */
char* FAST_FUNC find_program(const char *name)
{
	static const char dirs[] ALIGN1 = "/sbin\0" "/usr/sbin\0" "/bin\0" "/usr/bin\0";
	const char *dir;

	for (dir = dirs; *dir; dir += strlen(dir) + 1) {
		char *path = xasprintf("%s/%s", dir, name);
		char *real = in_root(path);
		bool there = access(real, X_OK) == 0;

		free(real);
		if (there)
			return path;
		free(path);
	}
	return NULL;
}

static bool is_there(const char *name, mode_t type)
{
	char *real = in_root(name);
	struct stat st;
	bool yes = stat(real, &st) == 0 && (st.st_mode & S_IFMT) == type;

	free(real);
	return yes;
}

/* Says where NAME is no directory of the early root, and what it is for. */
void FAST_FUNC check_directory(const char *name, const char *use)
{
	if (!is_there(name, S_IFDIR))
		fault("there is no directory %s for %s; make it", name, use);
}

/* Returns whether mkboot was told OPTION when it ran last (not "none"), with VALUE,
 * or a path that ends in it (NULL: any value). What was asked for and is gone was
 * not taken away by mkboot.
 */
bool FAST_FUNC bootcheck_asked(const char *option, const char *value)
{
	char *real = in_root("/etc/mkboot.conf"), *line;
	FILE *f = fopen_for_read(real);
	bool asked = 0;

	free(real);
	while (f && (line = xmalloc_fgetline(f)) != NULL) {
		const char *has = is_prefixed_with(line, option);

		if (has && *has == '=' && strcmp(++has, "none") != 0)
			asked |= !value || strcmp(bb_basename(has), value) == 0;
		free(line);
	}
	if (f)
		fclose(f);
	return asked;
}

/* --- PID 1 --- */

/* What the child says that runs a program in the early root */
enum { RAN_WELL = 0, CANT_TRY = 99, OTHER_MACHINE = 98 };

/* Runs FILE with ARGV as the early root would. Who is not root gets there by a
 * user namespace, or not at all. Returns what wait4pid() does; the first LEN
 * bytes of its output are in OUT.
 */
static int run_in_root(const char *file, char **argv, char *out, unsigned len)
{
	struct fd_pair pair;
	char rest[512];
	pid_t pid;
	ssize_t n;

	xpiped_pair(pair);
	pid = xfork();
	if (pid == 0) {
		int null = xopen(bb_dev_null, O_RDWR);

		close(pair.rd);
		if (geteuid() != 0 && syscall(SYS_unshare, CLONE_NEWUSER) != 0)
			_exit(CANT_TRY);
		if (G.root[0] && chroot(G.root) != 0)
			_exit(CANT_TRY);
		xchdir("/");
		xmove_fd(null, STDIN_FILENO);
		xmove_fd(pair.wr, STDOUT_FILENO);
		xdup2(STDIN_FILENO, STDERR_FILENO);
		alarm(30);
		execv(file, argv);
		/* a real root may have it mounted noexec */
		_exit(errno == ENOEXEC ? OTHER_MACHINE : CANT_TRY);
	}
	close(pair.wr);
	n = full_read(pair.rd, out, len);
	if (n < (ssize_t)len)
		memset(out + (n > 0 ? n : 0), 0, len - (n > 0 ? n : 0));
	/* the rest, lest it dies of a closed pipe */
	while (safe_read(pair.rd, rest, sizeof(rest)) > 0)
		continue;
	close(pair.rd);
	return wait4pid(pid);
}

/* The early root's first program. Returns whether it is earlyinit. */
static bool check_init(const char *name)
{
	char *argv[] = { (char *)bb_basename(name), (char *)"-n", NULL };
	char *real = in_root(name);
	char start[2], plan[5];
	unsigned before = faults;
	int status;

	if (access(real, F_OK) != 0) {
		const char *target = real + strlen(G.root);

		if (strcmp(target, name) == 0)
			fault("there is no %s, which the kernel starts; link it to busybox", name);
		else
			fault("%s, which the kernel starts, leads to %s, and that is not there; install it again",
				name, target);
		return 0;
	}
	if (!is_there(name, S_IFREG) || access(real, X_OK) != 0) {
		fault("%s is not an executable file, and the kernel starts it; link it to busybox", name);
		return 0;
	}
	if (open_read_close(real, start, 2) == 2 && start[0] == '#' && start[1] == '!') {
		note("%s is a script and not earlyinit, so what it does is not checked", name);
		return 0;
	}
	elf_check(name);
	if (faults != before)
		return 0;
	status = run_in_root(name, argv, plan, sizeof(plan));
	/* "sh -n" ends well too */
	if (status == RAN_WELL && memcmp(plan, "STAGE", sizeof(plan)) != 0) {
		fault("%s, which the kernel starts, is not earlyinit; take init= out of the kernel's arguments, "
			"or install busybox again", name);
		return 0;
	}
	if (status == OTHER_MACHINE)
		note("%s is of another machine than this, so it is not tried", name);
	else if (status != RAN_WELL && status != CANT_TRY) {
		fault("%s does not run as earlyinit does (%s %d); install busybox again", name,
			status >= 0x180 ? "killed by signal" : "exit status",
			status >= 0x180 ? status - 0x180 : status);
		return 0;
	}
	return 1;
}

/* --- what the boot loader starts --- */

/* The kernel itself looks for the early root, and knows no file systems then */
static void check_root_word(struct check *c, const struct bootentry *e, const struct bootarg *args)
{
	const char *root = bootargs_get(args, "root");

	if (!root || !*root)
		FAULT_IF_SURE(c, "%s: the entry %s has no root=, so the kernel does not find the early root; "
			"add root=DEVICE to APPEND", extlinux_conf, e->label);
	else if (is_prefixed_with(root, "UUID=") || is_prefixed_with(root, "LABEL="))
		FAULT_IF_SURE(c, "%s: the entry %s has root=%s, and the kernel itself knows devices by /dev path, "
			"PARTUUID= and PARTLABEL= only", extlinux_conf, e->label, root);
}

/* A file that extlinux reads: beside its configuration, or from the root */
static char *loader_file(const char *name)
{
	return *name == '/' ? xstrdup(name) : xasprintf("/extlinux/%s", name);
}

/* Whether extlinux is to start this boot device: it is installed there, or
 * mkboot was asked for entries and GRUB has not taken its place.
 */
static bool is_for_extlinux(void)
{
	return is_there("/extlinux/ldlinux.sys", S_IFREG)
		|| (bootcheck_asked("boot-device", NULL) && !is_there("/grub/grub.cfg", S_IFREG));
}

/* DEFAULT may name a file in place of a label. One that is not there was meant
 * as a label.
 */
static bool is_nothing(const struct bootentry *e)
{
	char *kernel = loader_file(e->kernel ? e->kernel : "");
	bool no = e->is_file && !is_there(kernel, S_IFREG);

	free(kernel);
	return no;
}

static void check_loader(struct check *c)
{
	char *file = in_root(extlinux_conf);
	struct bootentry *e;

	c->sure = !G.root[0] || is_there("/extlinux/ldlinux.sys", S_IFREG);
	c->entries = bootentries_read();
	c->entry = bootentry_default(c->entries);
	if (is_there("/extlinux/ldlinux.sys", S_IFREG) && !is_there("/extlinux/ldlinux.c32", S_IFREG))
		fault("there is no /extlinux/ldlinux.c32, without which extlinux starts nothing; "
			"run extlinux --install");
	if (access(file, F_OK) != 0 && is_for_extlinux())
		fault("there is no %s, so extlinux starts nothing; mkboot --boot-device writes it",
			extlinux_conf);
	if (access(file, R_OK) == 0) {
		if (!c->entry || is_nothing(c->entry))
			FAULT_IF_SURE(c, "%s: nothing is started by itself; DEFAULT must name one of its labels", extlinux_conf);
		if (c->entry && is_nothing(c->entry))
			c->entry = NULL;
		for (e = c->entries; e && !e->is_file; e = e->next) {
			char *kernel = e->kernel ? loader_file(e->kernel) : NULL;

			if (!e->is_default && (!kernel || !is_there(kernel, S_IFREG)))
				note("%s: the entry %s has no kernel", extlinux_conf, e->label);
			free(kernel);
		}
	}
	free(file);
}

/* mkboot's mark of an update, which a power cut has left there. Up to its end
 * extlinux boots the predecessor; another loader boots part old, part new.
 */
static void check_update(const struct check *c)
{
	const struct bootentry *e = c->entry;

	if (!is_there("/var/mkboot/update", S_IFREG))
		return;
	if (c->sure && e && e->kernel && is_prefixed_with(e->kernel, "/previous/"))
		note("an update was cut short, so the entry %s boots what was there before it; run mkboot again", e->label);
	else
		fault("an update was cut short, so files here may be part new, part old; run mkboot again");
}

/* The kernel arguments of the entry that is booted by itself */
static void check_args(struct check *c)
{
	unsigned pos = 0;
	char *text;
	const struct bootarg *a;
	bool console = 0;

	if (c->entry && !c->entry->initrd)
		check_root_word(c, c->entry, G.args);
	while ((text = earlyinit_bad_word(&pos)) != NULL) {
		note("%s; it counts for nothing", text);
		free(text);
	}
	for (a = G.args; a->name; a++) {
		if (strcmp(a->name, "console") != 0 || !a->value)
			continue;
		console = 1;
		if (is_prefixed_with(a->value, "tty") && (isdigit(a->value[3]) || !a->value[3]))
			c->uses |= USES_SCREEN;
	}
	if (!console)
		c->uses |= USES_SCREEN;
	if (bootargs_get(G.args, "real_resume"))
		c->uses |= USES_SLEEP;
}

static void check_kernel(struct check *c)
{
	char *kernel;

	if (c->entry && !c->entry->kernel) {
		FAULT_IF_SURE(c, "%s: the entry %s has no kernel; add KERNEL /vmlinuz", extlinux_conf, c->entry->label);
		return;
	}
	/* another loader's has this name, if `make install` put it there */
	kernel = c->entry ? loader_file(c->entry->kernel) : xstrdup("/vmlinuz");
	if (c->entry && !is_there(kernel, S_IFREG))
		FAULT_IF_SURE(c, "there is no kernel %s (%s, entry %s); install it", kernel, extlinux_conf, c->entry->label);
	else if (is_there(kernel, S_IFREG))
		kernel_check(kernel, c->uses, c->fstypes);
	else
		kernel_check(NULL, c->uses, c->fstypes);
	free(kernel);
}

/* --- the plan --- */

static const struct stage *stage_named(const char *name)
{
	const struct stage *s = G.stages;

	while (s->name && strcmp(s->name, name) != 0)
		s++;
	return s;
}

static bool is_built_in(const char *name)
{
	return stage_named(name)->from == FROM_BUILTIN;
}

/* A built-in stage that is switched off, and whose work nobody else does */
static void check_masked(const char *name, const char *words, const char *before, const char *effect)
{
	if (stage_named(name)->from != FROM_MASK)
		return;
	for (; *words; words += strlen(words) + 1) {
		if (fragments_run(words, before))
			return;
	}
	fault("/init.d/%s switches the stage off, and %s; remove it", name, effect);
}

static void check_plan(struct check *c)
{
	const struct stage *s;

	check_masked("00-mounts", "mount\0", "", "nothing mounts /proc, /sys and /run");
	if (c->volumes)
		check_masked("50-luksunlock", "luksunlock\0" "cryptsetup\0", "", "nothing opens the volumes of /etc/crypttab");
	check_masked("50-mountroot", "mount\0", "99-pivotroot", "nothing mounts the real root");
	check_masked("99-pivotroot", "pivot_root\0" "pivotboot\0" "switch_root\0" "chroot\0", "",
		"nothing starts the real init");
	if (!ENABLE_PIVOTBOOT && is_built_in("99-pivotroot"))
		fault("pivotboot is not in this busybox; build it in, or write /init.d/99-pivotroot");
	for (s = G.stages; s->name; s++) {
		if (s->from == FROM_FRAGMENT || s->from == FROM_PROGRAM)
			fragment_check(s);
	}
	if (fragments_say("/etc/network/\0" "ifup\0" "udhcpc\0" "ip addr\0" "ip link\0" "dropbear\0" "sshd\0", "", ""))
		c->uses |= USES_NETWORK;
}

/* --- devices and file systems --- */

static bool is_crypttab_name(struct check *c, const char *spec)
{
	const char *name = is_prefixed_with(spec, "/dev/mapper/");

	return name && llist_find_str(c->volumes, name);
}

/* Returns the path of the device, allocated, or NULL. udev of the running system
 * has found what only root can read.
 */
static char *find_device(const char *spec)
{
	static const char tags[] ALIGN1 = "UUID=\0" "LABEL=\0" "PARTUUID=\0" "PARTLABEL=\0";
	static const char dirs[] ALIGN1 = "uuid\0" "label\0" "partuuid\0" "partlabel\0";
	char *ambiguous, *path = devspec_find(spec, &ambiguous);
	const char *tag, *dir;

	for (tag = tags, dir = dirs; !path && *tag; tag += strlen(tag) + 1, dir += strlen(dir) + 1) {
		const char *value = is_prefixed_with(spec, tag);

		if (value) {
			char *link = xasprintf("/dev/disk/by-%s/%s", dir, value);

			path = xmalloc_realpath(link);
			free(link);
		}
	}
	return path;
}

static void check_device(struct check *c, const char *what, const char *spec)
{
	const char *by = is_prefixed_with(spec, "/dev/disk/by-");
	char *path;

	if (by && !is_prefixed_with(by, "uuid/") && !is_prefixed_with(by, "label/")
	 && !is_prefixed_with(by, "partuuid/") && !is_prefixed_with(by, "partlabel/")
	) {
		fault("%s is '%s', a name that udev makes, and there is no udev in the early root; "
			"take UUID= or PARTUUID=", what, spec);
		return;
	}
	if (is_crypttab_name(c, spec))
		return;
	path = find_device(spec);
	if (!path)
		note("%s, '%s', is not here now", what, spec);
	free(path);
}

static void add_fstype(struct check *c, const char *type)
{
	if (strcmp(type, "auto") != 0 && !llist_find_str(c->fstypes, type))
		llist_add_to_end(&c->fstypes, xstrdup(type));
}

/* Whether DIR is below what is mounted before it, so that it is not to be seen
 * from here
 */
bool FAST_FUNC is_below_a_mount(const char *dir)
{
	static const char mounts[] ALIGN1 = "/dev/\0" "/proc/\0" "/run/\0" "/sys/\0" "/tmp/\0";
	const char *m;

	for (m = mounts; *m; m += strlen(m) + 1) {
		if (is_prefixed_with(dir, m))
			return 1;
	}
	return 0;
}

static void check_mount(struct check *c, const struct mntent *m)
{
	char *what = xasprintf("the device of %s", m->mnt_dir);

	/* 00-mounts says so, and the boot goes on */
	if (hasmntopt(m, "nofail")) {
		if (!is_below_a_mount(m->mnt_dir) && !is_there(m->mnt_dir, S_IFDIR))
			note("there is no directory %s for what /etc/fstab mounts there", m->mnt_dir);
		free(what);
		return;
	}
	if (!is_below_a_mount(m->mnt_dir))
		check_directory(m->mnt_dir, "what /etc/fstab mounts there");
	if (fstab_is_on_device(m)) {
		if (is_crypttab_name(c, m->mnt_fsname))
			fault("/etc/fstab: %s is mounted by 00-mounts, before 50-luksunlock opens %s; "
				"give it the option noauto", m->mnt_dir, m->mnt_fsname);
		else
			check_device(c, what, m->mnt_fsname);
		add_fstype(c, m->mnt_type);
	}
	free(what);
}

/* A line of fstab that mount(8) would stumble over */
static bool check_fields(char *line, unsigned number)
{
	char *fields[4], *rest = line;
	unsigned n = 0;

	while (n < 4 && (fields[n] = strsep(&rest, " \t")) != NULL) {
		if (*fields[n])
			n++;
	}
	if (n == 0 || fields[0][0] == '#')
		return 1;
	if (n < 3) {
		fault("/etc/fstab, line %u: it has %u of the fields device, mount point and type; correct it",
			number, n);
		return 0;
	}
	if (fields[1][0] != '/' && strcmp(fields[1], "none") != 0 && strcmp(fields[2], "swap") != 0) {
		fault("/etc/fstab, line %u: '%s' is no mount point; correct it", number, fields[1]);
		return 0;
	}
	return 1;
}

static void check_fstab(struct check *c)
{
	static const char dirs[] ALIGN1 = "/proc\0" "/run\0" "/sys\0" "/tmp\0";
	struct mntent m;
	char buf[1024], *line, *real = in_root("/etc/fstab");
	unsigned number = 0;
	bool sound = 1;
	const char *dir;
	FILE *f;

	for (dir = dirs; *dir; dir += strlen(dir) + 1) {
		if (!fstab_find(dir, &m, buf, sizeof(buf)))
			check_directory(dir, "the stage 00-mounts");
	}
	f = fopen_for_read(real);
	while (f && (line = xmalloc_fgetline(f)) != NULL) {
		sound &= check_fields(line, ++number);
		free(line);
	}
	if (f)
		fclose(f);
	f = sound ? setmntent(real, "r") : NULL;
	while (f && fstab_next(f, &m, buf, sizeof(buf))) {
		if (fstab_is_wanted(&m))
			check_mount(c, &m);
	}
	if (f)
		endmntent(f);
	free(real);
}

/* --- the real root --- */

/* The device that is mounted at POINT, and its type; NULL: none is. The last
 * mount is the one to be seen.
 */
static char *mounted_device(const char *point, char **type)
{
	struct mntent m;
	char buf[4096], *device = NULL;
	FILE *f = setmntent("/proc/self/mounts", "r");

	*type = NULL;
	while (f && fstab_next(f, &m, buf, sizeof(buf))) {
		if (strcmp(m.mnt_dir, point) != 0)
			continue;
		device = xstrdup(m.mnt_fsname);
		*type = xstrdup(m.mnt_type);
	}
	if (f)
		endmntent(f);
	return device;
}

static bool same_device(const char *a, const char *b)
{
	struct stat st_a, st_b;

	return stat(a, &st_a) == 0 && stat(b, &st_b) == 0
		&& S_ISBLK(st_a.st_mode) && S_ISBLK(st_b.st_mode)
		&& st_a.st_rdev == st_b.st_rdev;
}

/* The running system is the one that will be booted: what pivotboot checks
 * then is checked now.
 */
static void check_running_root(const char *spec)
{
	const char *init = realroot_init();
	struct stat st;

	if (stat(init, &st) != 0)
		fault("the real root, '%s', has no %s to be executed; install it, or boot with real_init=", spec, init);
	else if (!S_ISREG(st.st_mode) || access(init, X_OK) != 0)
		fault("%s of the real root, '%s', is not an executable file", init, spec);
	if (stat("/boot", &st) != 0 || !S_ISDIR(st.st_mode))
		fault("the real root, '%s', has no directory /boot for the early root; make it", spec);
	if (stat("/dev", &st) != 0 || !S_ISDIR(st.st_mode))
		fault("the real root, '%s', has no directory /dev; make it", spec);
}

/* Words that open volumes which no crypttab has */
static bool opens_by_words(void)
{
	static const char words[] ALIGN1 =
		"rd.luks\0" "luks.\0" "cryptdevice\0" "crypt_root\0" "cryptroot\0" "cryptopts\0" "enc_root\0";
	const struct bootarg *a;
	const char *word;

	for (a = G.args; a->name; a++) {
		for (word = words; *word; word += strlen(word) + 1) {
			if (is_prefixed_with(a->name, word))
				return 1;
		}
	}
	return 0;
}

/* Whether a stage of the user's own may make what is in /dev/mapper. Logical
 * volumes are made of what crypttab opens, where mkboot has written one.
 */
static bool is_made_by_stage(struct check *c)
{
	return fragments_run("luksunlock", "50-mountroot")
		|| fragments_run("cryptsetup", "50-mountroot")
		|| fragments_run("dmsetup", "50-mountroot")
		|| ((c->volumes || !bootcheck_asked("luks", NULL))
			&& (fragments_run("lvm", "50-mountroot") || fragments_run("vgchange", "50-mountroot")));
}

static void check_realroot(struct check *c)
{
	struct realroot r;
	const char *swap = bootargs_get(G.args, "real_resume");
	char *source, *device, *type;

	if (is_built_in("50-mountroot") || is_built_in("99-pivotroot"))
		check_directory(REAL_ROOT, "the real root");
	if (!is_built_in("50-mountroot"))
		return;
	realroot_find(&r);
	if (!r.spec) {
		FAULT_IF_SURE(c, "nothing says what the real root is; write a line for /mnt in /etc/fstab, "
			"or add real_root= to the kernel's arguments");
		return;
	}
	add_fstype(c, r.type);
	if (!devspec_is_device(r.spec))
		return;
	if (is_prefixed_with(r.spec, "/dev/mapper/") && !is_crypttab_name(c, r.spec)
	 && !c->volumes_hidden && !opens_by_words() && !is_made_by_stage(c)
	)
		FAULT_IF_SURE(c, "the real root is '%s', and no line of /etc/crypttab and no stage makes it; "
			"write that line", r.spec);
	else
		check_device(c, "the real root", r.spec);
	if (swap && *swap)
		check_device(c, "the swap of real_resume=", swap);

	source = mounted_device("/", &type);
	device = find_device(r.spec);
	if (G.root[0] && device && source && same_device(device, source)) {
		add_fstype(c, type);
		if (is_built_in("99-pivotroot"))
			check_running_root(r.spec);
	}
	free(source);
	free(device);
	free(type);
}

/* --- LUKS, keymap --- */

static void read_crypttab(struct check *c)
{
	char *real = in_root("/etc/crypttab"), *field[4];
	parser_t *parser = config_open2(real, fopen_for_read);

	if (!parser && access(real, F_OK) == 0)
		c->volumes_hidden = !is_readable(real, "/etc/crypttab");
	free(real);
	if (!parser)
		return;
	while (config_read(parser, field, 4, 1, "# \t", PARSE_NORMAL)) {
		if (!field[3] || !strstr(field[3], "noauto"))
			llist_add_to_end(&c->volumes, xstrdup(field[0]));
	}
	config_close(parser);
}

/* luksunlock knows; it counts as one fault here, whatever it has said. */
static void check_luks(struct check *c)
{
	const char *argv[] = { "luksunlock", "-n", NULL, NULL, NULL };
	pid_t pid;

	if (!is_built_in("50-luksunlock"))
		return;
	if (c->volumes || opens_by_words())
		c->uses |= USES_LUKS;
	if (!ENABLE_LUKSUNLOCK) {
		if (c->volumes)
			fault("/etc/crypttab names volumes, and luksunlock is not in this busybox; "
				"build it in, or write /init.d/50-luksunlock");
		return;
	}
	if (G.root[0]) {
		argv[2] = "-R";
		argv[3] = G.root;
	}
	fflush_all();
	pid = xfork();
	if (pid == 0) {
		close(STDOUT_FILENO);
		xopen(bb_dev_null, O_WRONLY);
		_exit(selfexec_become(argv));
	}
	if (wait4pid(pid) != 0)
		faults++;
}

/* loadkmap reads all of it or fails. */
static void check_keymap(void)
{
	enum { MAGIC = 7, MAPS = 256, MAP_SIZE = 256 };
	char *real = in_root("/etc/keymap");
	size_t size = 1024 * 1024, wanted = MAGIC + MAPS;
	char *map = is_built_in("05-keymap") ? xmalloc_open_read_close(real, &size) : NULL;
	unsigned i;

	free(real);
	if (!map)
		return;
	for (i = 0; size >= MAGIC + MAPS && i < MAPS; i++)
		wanted += map[MAGIC + i] == 1 ? MAP_SIZE : 0;
	if (!is_prefixed_with(map, "bkeymap") || size < wanted)
		fault("/etc/keymap is no binary keymap, or is cut off; make it anew with dumpkmap, or remove it");
	free(map);
}

/* --- all of it --- */

/* Returns the kernel arguments of the boot device that -R named: those of the
 * entry that its loader boots by itself. Empty where there is no such thing.
 */
struct bootarg* FAST_FUNC bootcheck_default_args(void)
{
	return bootentry_args(bootentry_default(bootentries_read()));
}

/* The file system that the kernel mounts first, where G.root is its mount
 * point
 */
static void add_boot_fstype(struct check *c)
{
	char *real = xmalloc_realpath(G.root[0] ? G.root : "/");
	char *type, *device = real ? mounted_device(real, &type) : NULL;

	if (device && *device == '/')
		add_fstype(c, type);
	free(device);
	free(real);
}

/* Checks the boot device that -R named. Returns the exit status. */
int FAST_FUNC bootcheck_main(void)
{
	struct check c;
	const char *init;

	memset(&c, 0, sizeof(c));
	check_loader(&c);
	check_update(&c);
	G.args = c.entry ? bootentry_args(c.entry)
		: G.root[0] ? xzalloc(sizeof(G.args[0])) : bootargs_read();
	earlyinit_make_plan();
	check_args(&c);
	check_directory("/dev", "the devices");
	init = bootargs_get(G.args, "init");
	if (check_init(init && *init ? init : "/sbin/init")) {
		read_crypttab(&c);
		check_plan(&c);
		if (is_built_in("00-mounts"))
			check_fstab(&c);
		check_keymap();
		check_luks(&c);
		check_realroot(&c);
		login_check_ssh();
		login_check_rescue(c.entries);
	}
	add_boot_fstype(&c);
	check_kernel(&c);
	return faults ? EXIT_FAILURE : EXIT_SUCCESS;
}
