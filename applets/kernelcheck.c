/* vi: set sw=4 ts=4: */
/*
 * Whether a kernel is whole, and has what the early root asks of one. What that
 * is stands in configs/kernel.config and is generated from there.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += kernelcheck.o

#include <sys/syscall.h>
#include <sys/utsname.h>
#include "bootcheck.h"
#include "kernelopts.h"

enum {
	/* of an x86 kernel's header, by Documentation/arch/x86/boot.rst */
	HDR_SETUP_SECTS = 0x1f1,
	HDR_SYSSIZE = 0x1f4,    /* in 16 bytes */
	HDR_MAGIC = 0x202,
	HDR_PROTOCOL = 0x206,
	HDR_VERSION = 0x20e,    /* where the text is, from 0x200 on */
	HDR_PAYLOAD = 0x248,    /* its offset and length, from 2.08 on */
	HDR_SIZE = 0x250,

	MAX_CONFIG = 1024 * 1024, /* bytes; that of a distribution has 270 K */
};

struct kernel {
	char *name;             /* in the early root */
	bool maybe;             /* nobody knows that it is this one that will boot */
	char *real;             /* the file */
	int fd;
	bool bzimage;
	char *version;          /* "6.1.0-40-amd64 (builder) #1 SMP ..."; or NULL */
	off_t payload;          /* where the compressed kernel is */
};

static uint32_t le32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Fills in what the header of the image says. Returns whether it is whole. */
static bool read_header(struct kernel *k)
{
	uint8_t h[HDR_SIZE];
	char text[256];
	struct stat st;
	off_t setup;
	ssize_t n;

	xfstat(k->fd, &st, k->real);
	if (pread(k->fd, h, sizeof(h), 0) != sizeof(h))
		return 0;
	if (memcmp(h + HDR_MAGIC, "HdrS", 4) != 0)
		return 1; /* of another architecture: nothing is known of it */
	k->bzimage = 1;
	setup = (h[HDR_SETUP_SECTS] ? h[HDR_SETUP_SECTS] : 4) * 512 + 512;
	n = pread(k->fd, text, sizeof(text) - 1, 0x200 + (h[HDR_VERSION] | h[HDR_VERSION + 1] << 8));
	if (n > 0) {
		text[n] = '\0';
		k->version = xstrdup(text);
	}
	if (h[HDR_PROTOCOL + 1] >= 2 && (h[HDR_PROTOCOL + 1] > 2 || h[HDR_PROTOCOL] >= 8))
		k->payload = setup + le32(h + HDR_PAYLOAD);
	return st.st_size >= setup + (off_t)le32(h + HDR_SYSSIZE) * 16;
}

/* --- its configuration --- */

/* Starts the applet ARGV[0] with FD as its input. Returns where its output is
 * read.
 */
static int start_filter(const char *const *argv, int fd, pid_t *pid)
{
	struct fd_pair pair;

	xpiped_pair(pair);
	*pid = xfork();
	if (*pid == 0) {
		xmove_fd(fd, STDIN_FILENO);
		xmove_fd(pair.wr, STDOUT_FILENO);
		close(pair.rd);
		/* of a kernel's payload, which has more behind it, it complains */
		close(STDERR_FILENO);
		xopen(bb_dev_null, O_WRONLY);
		_exit(selfexec_become(argv));
	}
	close(pair.wr);
	return pair.rd;
}

static void end_filter(int fd, pid_t pid)
{
	close(fd);
	kill(pid, SIGTERM); /* it may be in the midst of a kernel */
	safe_waitpid(pid, NULL, 0);
}

/* The text of a gzip file that FD is at, allocated; NULL: it is none */
static char *gunzip(int fd)
{
	static const char *const argv[] = { "gunzip", "-c", NULL };
	size_t size = MAX_CONFIG;
	pid_t pid;
	int out = start_filter(argv, fd, &pid);
	char *text = xmalloc_read(out, &size);

	end_filter(out, pid);
	if (!text || size == 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* Which applet unpacks what begins with the magic bytes of FD */
static const char *const *find_unpacker(int fd, off_t at)
{
	static const char *const gz[] = { "gunzip", "-c", NULL };
	static const char *const xz[] = { "unxz", "-c", NULL };
	static const char *const bz[] = { "bunzip2", "-c", NULL };
	static const char *const lzma[] = { "unlzma", "-c", NULL };
	const char *const *argv = NULL;
	uint8_t magic[4];

	if (pread(fd, magic, 4, at) != 4)
		return NULL;
	if (magic[0] == 0x1f && magic[1] == 0x8b)
		argv = gz;
	else if (memcmp(magic, "\xfd""7zX", 4) == 0)
		argv = xz;
	else if (memcmp(magic, "BZh", 3) == 0)
		argv = bz;
	else if (magic[0] == 0x5d && magic[1] == 0)
		argv = lzma;
	return argv && find_applet_by_name(argv[0]) >= 0 ? argv : NULL;
}

/* Reads FD up to the text MARK, of 8 bytes, and to its end. Returns what is
 * between mark and end, *LEN bytes, allocated; NULL: no mark, or too much.
 */
static char *read_behind(int fd, const char *mark, size_t *len)
{
	enum { CHUNK = 64 * 1024, MARK = 8 };
	char *buf = xmalloc(MARK + CHUNK), *found = NULL, *rest;
	size_t have = 0;
	ssize_t n;

	while ((n = safe_read(fd, buf + have, CHUNK)) > 0) {
		have += n;
		found = memmem(buf, have, mark, MARK);
		if (found)
			break;
		/* the mark may be cut in two */
		if (have > MARK) {
			memmove(buf, buf + have - MARK, MARK);
			have = MARK;
		}
	}
	if (!found) {
		free(buf);
		return NULL;
	}
	found += MARK;
	have -= found - buf;
	rest = xmalloc(have + MAX_CONFIG);
	memcpy(rest, found, have);
	free(buf);
	n = full_read(fd, rest + have, MAX_CONFIG);
	*len = have + (n > 0 ? n : 0);
	return rest;
}

/* CONFIG_IKCONFIG puts the configuration, packed, into the kernel, behind a
 * mark. gunzip stops at its end by itself.
 */
static char *config_inside(struct kernel *k)
{
	const char *const *argv = find_unpacker(k->fd, k->payload);
	char *packed, *text;
	size_t len;
	pid_t pid;
	int out, fd;

	lseek(k->fd, k->payload, SEEK_SET);
	if (argv) {
		out = start_filter(argv, k->fd, &pid);
		packed = read_behind(out, "IKCFG_ST", &len);
		end_filter(out, pid);
	} else {
		/* arm64's Image is not packed */
		packed = read_behind(k->fd, "IKCFG_ST", &len);
	}
	if (!packed)
		return NULL;
	fd = syscall(SYS_memfd_create, "config", 0);
	text = NULL;
	if (fd >= 0) {
		full_write(fd, packed, len);
		lseek(fd, 0, SEEK_SET);
		text = gunzip(fd);
		close(fd);
	}
	free(packed);
	return text;
}

/* Whether the running kernel is this one, by its version and its build */
static bool is_running(const struct kernel *k)
{
	struct utsname u;
	const char *build;
	size_t len;

	if (!k->version || uname(&u) != 0)
		return 0;
	len = strlen(u.release);
	build = strchr(k->version, '#');
	return strncmp(k->version, u.release, len) == 0 && k->version[len] == ' '
		&& build && strcmp(build, u.version) == 0;
}

static char *config_running(const struct kernel *k)
{
	char *text = NULL;
	int fd;

	if (!is_running(k))
		return NULL;
	fd = open("/proc/config.gz", O_RDONLY);
	if (fd >= 0) {
		text = gunzip(fd);
		close(fd);
	}
	return text;
}

/* The file "config" SUFFIX beside the kernel */
static char *config_beside(const struct kernel *k, const char *suffix)
{
	size_t size = MAX_CONFIG;
	char *path = xasprintf("%.*s/config%s",
			(int)(strrchr(k->real, '/') - k->real), k->real, suffix);
	char *text = xmalloc_open_read_close(path, &size);

	free(path);
	return text;
}

/* The most certain first: the file of this version, the running kernel's own,
 * what is inside, and the file that may be of any version.
 */
static char *find_config(struct kernel *k)
{
	char *text = NULL, *suffix = NULL;

	if (k->version)
		suffix = xasprintf("-%.*s", (int)strcspn(k->version, " "), k->version);
	else if (is_prefixed_with(bb_basename(k->real), "vmlinuz-"))
		suffix = xasprintf("-%s", bb_basename(k->real) + sizeof("vmlinuz-") - 1);
	if (suffix)
		text = config_beside(k, suffix);
	free(suffix);
	if (!text)
		text = config_running(k);
	if (!text)
		text = config_inside(k);
	if (!text)
		text = config_beside(k, "");
	return text;
}

/* --- the options --- */

/* What CONFIG says of the option: 'y', 'm', 'n', or 0: it does not know it */
static char option_state(const char *config, const char *option)
{
	size_t len = strlen(option);
	const char *p = config;

	while ((p = strstr(p, "CONFIG_")) != NULL) {
		bool comment = p - config >= 2 && p[-1] == ' ' && p[-2] == '#';

		p += sizeof("CONFIG_") - 1;
		if (strncmp(p, option, len) != 0)
			continue;
		if (comment && is_prefixed_with(p + len, " is not set"))
			return 'n';
		if (!comment && p[len] == '=')
			return p[len + 1] == 'm' || p[len + 1] == 'n' ? p[len + 1] : 'y';
	}
	return 0;
}

/* Says TEXT, allocated, of what K lacks. */
static void complain(const struct kernel *k, char *text)
{
	if (k->maybe)
		note("%s", text);
	else
		fault("%s", text);
	free(text);
}

static void check_option(const struct kernel *k, const char *config, const char *option)
{
	char state = option_state(config, option);

	if (state == 'm')
		complain(k, xasprintf("%s has CONFIG_%s as a module, and nothing loads modules before the real root; "
			"build it in (=y)", k->name, option));
	else if (state != 'y')
		complain(k, xasprintf("%s lacks CONFIG_%s, which this boot needs; build it in (=y)",
			k->name, option));
}

/* kernel_options is a list of groups: the condition as a letter, and one
 * option or, of alternatives, several.
 */
static void check_options(const struct kernel *k, const char *config, unsigned uses)
{
	static const char letters[] ALIGN1 = "lns"; /* in the order of USES_* */
	const char *p;

	for (p = kernel_options; *p; p += strlen(p) + 1) {
		const char *use = strchr(letters, *p);
		char *options, *rest, *option, *all;

		if (use && !(uses & (1 << (use - letters))))
			continue;
		rest = options = xstrdup(p + 2);
		if (!strchr(options, ' ')) {
			check_option(k, config, options);
		} else {
			all = xstrdup(options);
			while ((option = strsep(&rest, " ")) != NULL) {
				if (option_state(config, option) == 'y')
					break;
			}
			if (!option)
				complain(k, xasprintf("%s has none of these options: %s; "
					"build in (=y) what the machine needs", k->name, all));
			free(all);
		}
		free(options);
	}
}

/* A file system is not asked for by name but by where it is used. Those whose
 * option has another name are not known here.
 */
static void check_fstype(const struct kernel *k, const char *config, const char *type)
{
	char *option = xasprintf("%s_FS", strncmp(type, "ext", 3) == 0 ? "ext4" : type), *p;
	char state;

	for (p = option; *p; p++)
		*p = toupper(*p);
	state = option_state(config, option);
	if (state == 'm' || state == 'n')
		check_option(k, config, option);
	free(option);
}

static void check_config(const struct kernel *k, const char *config, unsigned uses, llist_t *fstypes)
{
	check_options(k, config, uses);
	if (uses & USES_SLEEP)
		check_option(k, config, "HIBERNATION");
	for (; fstypes; fstypes = fstypes->link)
		check_fstype(k, config, fstypes->data);
}

/* The boot device has no kernel: another loader has one elsewhere. Mostly it is
 * the one that runs; in the early root itself it is.
 */
static void check_running(unsigned uses, llist_t *fstypes)
{
	struct kernel k;
	char *config;
	int fd = open("/proc/config.gz", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	memset(&k, 0, sizeof(k));
	k.name = (char *)"the running kernel";
	k.maybe = (G.root[0] != '\0');
	config = gunzip(fd);
	close(fd);
	if (config)
		check_config(&k, config, uses, fstypes);
	free(config);
}

/* Checks the kernel PATH of the early root (NULL: the running one): that it is
 * whole, and that it has built in what USES and the file systems FSTYPES ask
 * for.
 */
void FAST_FUNC kernel_check(const char *path, unsigned uses, llist_t *fstypes)
{
	struct kernel k;
	char *config;
	bool whole;

	if (!path) {
		check_running(uses, fstypes);
		return;
	}
	memset(&k, 0, sizeof(k));
	k.name = (char *)path;
	k.real = in_root(path);
	if (!is_readable(k.real, path))
		return;
	k.fd = xopen(k.real, O_RDONLY | O_CLOEXEC);
	whole = read_header(&k);
	config = whole ? find_config(&k) : NULL;
	if (!whole)
		fault("the kernel %s is cut off; install it again", path);
	else if (config)
		check_config(&k, config, uses, fstypes);
	else
		note("what the kernel %s has can't be seen; put its configuration beside it, as config-%.*s",
			path, k.version ? (int)strcspn(k.version, " ") : 7, k.version ? k.version : "VERSION");
	free(config);
	close(k.fd);
	free(k.version);
	free(k.real);
}
