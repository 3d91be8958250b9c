/* vi: set sw=4 ts=4: */
/*
 * The stage 50-mountroot: resume from hibernation, or else wait for the real
 * root's device, check its file system where that is asked for, and mount it.
 * All of it runs in a child of PID 1.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += realroot.o

#include <mntent.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include "earlyinit.h"
#include "../util-linux/volume_id/volume_id_internal.h"

enum {
	/* A swap partition that was made anew must not hold up every boot. It is
	 * how long Debian waits for one. */
	RESUME_WAIT_S = 30,
};

/* --- what is asked for --- */

/* Finds the line of /etc/fstab, of the boot device that -R named, whose mount
 * point is POINT. The strings of M live in BUF. Returns whether there is one.
 */
bool FAST_FUNC fstab_find(const char *point, struct mntent *m, char *buf, unsigned size)
{
	char *path = xasprintf("%s/etc/fstab", G.root);
	FILE *f = setmntent(path, "r");
	bool found = 0;

	free(path);
	if (!f)
		return 0;
	while (!found && fstab_next(f, m, buf, size))
		found = strcmp(m->mnt_dir, point) == 0;
	endmntent(f);
	return found;
}

/* The value of the kernel argument NAME; NULL where it has none */
static const char *argument(const char *name)
{
	const char *value = bootargs_get(G.args, name);

	return value && *value ? value : NULL;
}

/* The value of a kernel argument that says what the real root is; NULL where
 * none does. On an initramfs the kernel's own word (root=, init=, ...) is free
 * for that; on a boot partition the kernel has spent it.
 */
static const char *real_argument(const char *name)
{
	const char *value = argument(name);

	if (!value && !G.root[0] && on_rootfs())
		value = argument(name + strlen("real_"));
	return value;
}

/* Fills in R. The kernel command line beats fstab, word by word. */
void FAST_FUNC realroot_find(struct realroot *r)
{
	const char *value;

	memset(r, 0, sizeof(*r));
	r->type = "auto";
	r->options = "";
	if (fstab_find(REAL_ROOT, &r->m, r->buf, sizeof(r->buf))) {
		r->spec = r->m.mnt_fsname;
		r->type = r->m.mnt_type;
		r->options = r->m.mnt_opts;
		r->passno = r->m.mnt_passno;
	}
	value = real_argument("real_root");
	if (value)
		r->spec = value;
	value = real_argument("real_rootfstype");
	if (value)
		r->type = value;
	value = real_argument("real_rootflags");
	if (value)
		r->options = value;
}

/* Returns the path of the real init, in the real root. */
const char* FAST_FUNC realroot_init(void)
{
	const char *value = real_argument("real_init");

	return value ? value : "/sbin/init";
}

/* "ro" goes first, so that a "rw" in OPTIONS wins. "noauto" is for the other
 * readers of fstab.
 */
static char *mount_options(const char *options)
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

/* Returns how long to wait for a device, in seconds; 0: without end. */
unsigned FAST_FUNC realroot_timeout_s(void)
{
	const char *value = argument("rd.timeout");
	unsigned s = value ? bb_strtou(value, NULL, 10) : 0;

	return value && errno == 0 ? s : 0;
}

enum { FSCK_SKIP, FSCK_AUTO, FSCK_FORCE };
const char realroot_fsck_modes[] ALIGN1 = "skip\0" "auto\0" "force\0";

static int fsck_mode(const struct realroot *r)
{
	const char *value = argument("fsck.mode");
	int mode = value ? index_in_strings(realroot_fsck_modes, value) : -1;

	if (bootargs_get(G.args, "rd.skipfsck"))
		return FSCK_SKIP;
	if (mode >= 0)
		return mode;
	return r->passno > 0 ? FSCK_AUTO : FSCK_SKIP;
}

/* --- resume --- */

/* Reads SIZE bytes, a page or a part of it, at AT, a multiple of that, into DATA, which
 * is aligned as a page is. FD is a device, open with O_DIRECT, past the page cache: no
 * read-ahead is deciphered for nothing, and what the kernel writes past the pages that
 * were read before is seen, as the header of a hibernated system. Returns whether
 * all could be read.
 */
bool FAST_FUNC read_block(int fd, void *data, size_t size, off_t at)
{
	ssize_t n = pread(fd, data, size, at);

	if (n < 0) {
		/* where the device's own blocks are larger */
		fcntl(fd, F_SETFL, 0);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		n = pread(fd, data, size, at);
	}
	return n == (ssize_t)size;
}

/* Whether the kernel has left an image of the machine at PATH; OFFSET, in
 * pages, is where a swap file has its header.
 */
static bool has_image(const char *path, const char *offset)
{
	static const char magic[] ALIGN1 = "S1SUSPEND"; /* with its NUL */
	long page = sysconf(_SC_PAGESIZE);
	off_t at = offset ? strtoull(offset, NULL, 10) * page : 0;
	/* not one byte further than the header's page: it ends with the magic */
	char *header = xmmap_anon(page);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
	bool yes = read_block(fd, header, page, at)
		&& memcmp(header + page - sizeof(magic), magic, sizeof(magic)) == 0;

	if (fd >= 0)
		close(fd);
	munmap(header, page);
	return yes;
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && full_write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* Where a swap file has its header, in pages; NULL: it is no file */
static const char *resume_offset(void)
{
	const char *offset = argument("real_resume_offset");

	return offset ? offset : argument("resume_offset");
}

/* Returns only where there is nothing to resume, where it has failed, or where
 * it is not wanted (GIVE_UP).
 */
static void resume_from(const char *path, bool give_up)
{
	const char *offset = resume_offset();
	struct stat st;
	char *number;

	if (stat(path, &st) != 0 || !S_ISBLK(st.st_mode) || !has_image(path, offset))
		return;
	if (give_up) {
		bb_error_msg("'%s' has a hibernated system, and it is given up (noresume); "
			"mkswap takes it away, before another boot wakes it on a disk that has changed", path);
		return;
	}
	pid1_trace("<6>earlyinit: resumes from %s\n", path);
	if (offset)
		write_file("/sys/power/resume_offset", offset);
	number = xasprintf("%u:%u", (unsigned)major(st.st_rdev), (unsigned)minor(st.st_rdev));
	write_file("/sys/power/resume", number);
	free(number);
	/* A kernel that has tried has taken the image's mark away first. One that
	 * can't (CONFIG_HIBERNATION, lockdown) leaves it, and once the real root was
	 * mounted the image fits no longer: to wake it then destroys files. */
	if (has_image(path, offset))
		bb_error_msg_and_die("'%s' has a hibernated system that this kernel can't resume; "
			"boot the kernel that it ran, or give it up with noresume", path);
	bb_error_msg("'%s' has a hibernated system, but it did not resume (dmesg says why); "
		"the boot goes on without it", path);
}

/* Whether the block device NAME, as the kernel calls it, is an encrypted volume that
 * is open.
 */
static bool is_open_volume(const char *name)
{
	char *path = xasprintf("/sys/class/block/%s/dm/uuid", name);
	char uuid[6];
	bool yes = open_read_close(path, uuid, sizeof(uuid)) == sizeof(uuid)
		&& memcmp(uuid, "CRYPT-", sizeof(uuid)) == 0;

	free(path);
	return yes;
}

/* Whether NODE is what is to be mounted. SPEC may be NULL, or no path. */
static bool is_real_root(const char *node, const char *spec)
{
	struct stat st, real;

	return spec && spec[0] == '/'
		&& stat(spec, &real) == 0 && S_ISBLK(real.st_mode)
		&& stat(node, &st) == 0 && st.st_rdev == real.st_rdev;
}

/* Before anything of the real root, R, is mounted: even a read-only mount writes
 * where there is a journal, and the system that wakes up knows nothing of it.
 */
static void resume(const struct realroot *r)
{
	const char *spec = argument("real_resume");
	bool give_up = bootargs_get(G.args, "noresume") != NULL;
	unsigned limit = realroot_timeout_s();
	char *path, *ambiguous;
	struct dirent *e;
	DIR *dir;

	if (spec) {
		if (!limit)
			limit = RESUME_WAIT_S;
		path = give_up ? devspec_find(spec, &ambiguous)
			: devspec_wait(spec, "the swap of real_resume=", limit);
		if (path)
			resume_from(path, give_up);
		else if (!give_up)
			bb_error_msg("the swap '%s' (real_resume) did not come in %u seconds; "
				"the boot goes on without it", spec, limit);
		return;
	}
	/* What luksunlock has opened may be swap as well; the real root only with a
	 * swap file in it, and that wants an offset */
	dir = opendir("/sys/class/block");
	while (dir && (e = readdir(dir)) != NULL) {
		if (!is_prefixed_with(e->d_name, "dm-"))
			continue;
		path = xasprintf("/dev/%s", e->d_name);
		if ((resume_offset() || !is_real_root(path, r->spec)) && is_open_volume(e->d_name))
			resume_from(path, give_up);
		free(path);
	}
	if (dir)
		closedir(dir);
}

/* --- fsck --- */

/* The type of the file system on DEVICE, allocated; NULL: unknown */
static char *find_type(const char *device UNUSED_PARAM)
{
#if ENABLE_FEATURE_BLKID_TYPE
	struct volume_id *id;
	char *type = NULL;
	int fd = open(device, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	id = volume_id_open_node(fd);
	if (volume_id_probe_all(id, /*size:*/ 0) == 0 && id->type)
		type = xstrdup(id->type);
	free_volume_id(id); /* closes fd */
	return type;
#else
	return NULL;
#endif
}

/* The path of fsck.TYPE in the early root, allocated; NULL: there is none */
static char *find_fsck(const char *type)
{
	static const char dirs[] ALIGN1 = "/sbin\0" "/usr/sbin\0" "/bin\0" "/usr/bin\0";
	const char *dir;

	for (dir = dirs; *dir; dir += strlen(dir) + 1) {
		char *path = xasprintf("%s%s/fsck.%s", G.root, dir, type);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

/* Runs PROGRAM on DEVICE, its words on stderr. Returns its exit status, which
 * is put together of bits, see fsck(8); a signal is 0x180 and its number.
 */
static int run_fsck(const char *program, bool force, const char *device)
{
	const char *argv[5];
	unsigned n = 0;
	pid_t pid;

	argv[n++] = program;
	argv[n++] = "-a";
	if (force)
		argv[n++] = "-f";
	argv[n++] = device;
	argv[n] = NULL;
	pid = xfork();
	if (pid == 0) {
		xdup2(STDERR_FILENO, STDOUT_FILENO);
		setenv("PATH", bb_default_root_path, 1);
		execv(program, (char **)argv);
		/* 1 would be "errors corrected" */
		xfunc_error_retval = 127;
		bb_perror_msg_and_die("can't execute '%s'", program);
	}
	return wait4pid(pid);
}

/* Checks the file system on DEVICE where that is asked for and can be done.
 * Returns where it may be mounted.
 */
static void check_filesystem(const struct realroot *r, const char *device)
{
	enum { CORRECTED = 1, REBOOT = 2 };
	int mode = fsck_mode(r), status;
	char *type, *program;

	if (mode == FSCK_SKIP)
		return;
	type = strcmp(r->type, "auto") == 0 ? find_type(device) : xstrdup(r->type);
	program = type ? find_fsck(type) : NULL;
	if (!program) {
		if (mode == FSCK_FORCE || bootargs_get(G.args, "fsck.mode"))
			bb_error_msg("the real root is not checked: there is no fsck.%s on the boot device",
				type ? type : "TYPE");
		free(type);
		return;
	}
	status = run_fsck(program, mode == FSCK_FORCE, device);
	if (status & ~(CORRECTED | REBOOT))
		bb_error_msg_and_die("%s on '%s' %s %d; repair it by hand, or boot with fsck.mode=skip",
			program, device, status >= 0x180 ? "was killed by signal" : "ended with status",
			status >= 0x180 ? status - 0x180 : status);
	if (status & REBOOT) {
		bb_error_msg("%s has repaired '%s' and wants a reboot", program, device);
		/* PID 1 does it, and ends this child on the way */
		kill(getppid(), SIGTERM);
		for (;;)
			pause();
	}
	free(program);
	free(type);
}

/* --- the stage --- */

/* mount(2) of DEVICE has failed with ERR. Its two usual errors, "No such device" and
 * "Invalid argument", name neither what is wrong nor a remedy.
 */
static void explain_mount(int err, const char *device, const char *type)
{
	char *found;

	if (err == ENODEV)
		bb_error_msg("this kernel has no file system '%s'; correct its name, or build it in", type);
	if (err != ENODEV && err != EINVAL)
		return;
	found = find_type(device);
	if (found && strcmp(found, type) != 0)
		bb_error_msg("'%s' has the file system %s, not %s", device, found, type);
	free(found);
}

/* The child's part: all that may fail, hang or be killed. It ends as mount. */
static int mount_it(void)
{
	static const char *argv[] = { "mount", "-t", NULL, "-o", NULL, NULL, REAL_ROOT, NULL };
	struct realroot r;
	struct stat st;

	realroot_find(&r);
	resume(&r);
	/* a bad block looks like the end of the file */
	if (!r.spec && open_read_close("/etc/fstab", r.buf, sizeof(r.buf)) < 0 && errno == EIO)
		bb_simple_perror_msg_and_die("can't read '/etc/fstab'");
	if (!r.spec)
		bb_simple_error_msg_and_die("nothing says what the real root is; "
			"write a line for /mnt in /etc/fstab, or boot with real_root=");
	argv[2] = r.type;
	argv[4] = mount_options(r.options);
	argv[5] = r.spec;
	if (devspec_is_device(r.spec)) {
		argv[5] = devspec_wait(r.spec, "the real root", realroot_timeout_s());
		if (!argv[5])
			bb_error_msg_and_die("the real root '%s' did not come in %u seconds (rd.timeout)",
				r.spec, realroot_timeout_s());
		check_filesystem(&r, argv[5]);
		/* the kernel knows no "auto", and would ask modprobe for it */
		if (strcmp(r.type, "auto") != 0 && stat(argv[5], &st) == 0 && S_ISBLK(st.st_mode)) {
			errno = 0; /* as it stays where the options are not plain */
			if (mount_plain(argv[5], REAL_ROOT, r.type, argv[4]))
				return EXIT_SUCCESS;
			explain_mount(errno, argv[5], r.type);
		}
	}
	selfexec_continue(argv);
}

/* Mounts the real root at REAL_ROOT; for PID 1. Returns the wait status of a
 * child that may have done it; why it failed is said, and kept for the question.
 * Can be run again.
 */
int FAST_FUNC realroot_mount(void)
{
	struct realroot r;
	struct stat early, real;
	char *why;
	int status;

	if (mounted_at(REAL_ROOT))
		return 0;
	status = pid1_in_child(mount_it);
	if (status != 0
	 || stat("/", &early) != 0
	 || stat(REAL_ROOT, &real) != 0
	 || early.st_dev != real.st_dev
	)
		return status;
	umount(REAL_ROOT);
	realroot_find(&r);
	why = xasprintf("earlyinit: '%s' is the early root itself, not the real root\n", r.spec);
	pid1_say(why);
	pid1_keep_why(why, strlen(why));
	free(why);
	return WAIT_STATUS_FAILURE;
}

/* What the plan says of the check: "checks it with fsck.ext4, " or "" */
static char *plan_fsck(const struct realroot *r)
{
	char *program, *text;

	if (fsck_mode(r) == FSCK_SKIP)
		return xstrdup("");
	if (strcmp(r->type, "auto") == 0)
		return xstrdup("checks it with the fsck of its type, ");
	program = find_fsck(r->type);
	text = program ? xasprintf("checks it with fsck.%s, ", r->type) : xstrdup("");
	free(program);
	return text;
}

/* Returns what the stage would do, allocated. */
char* FAST_FUNC realroot_plan(void)
{
	struct realroot r;
	const char *swap = argument("real_resume");
	char *resumes, *fsck, *options, *text;

	realroot_find(&r);
	if (!r.spec)
		return xstrdup("FAILS: nothing says what the real root is");
	resumes = swap && !bootargs_get(G.args, "noresume")
		? xasprintf("resumes from %s if that is hibernated, ", swap) : xstrdup("");
	fsck = plan_fsck(&r);
	options = mount_options(r.options);
	text = xasprintf("%s%smounts %s at "REAL_ROOT", type %s, options %s",
		resumes, fsck, r.spec, r.type, options);
	free(resumes);
	free(fsck);
	free(options);
	return text;
}
