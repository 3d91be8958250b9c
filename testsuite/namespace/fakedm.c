/*
 * A device-mapper and block devices for hosts that have none: preloaded before
 * a dynamic busybox, so that the passphrase cycle is tested to its end.
 *
 * A mapping is a file of its name in $FAKEDM, and a regular file *.blk is a
 * block device. Nothing is mapped.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct dm_task {
	int type;
	char name[256];
	char uuid[256];
	int exists;
	int set_uuid;
};

static void mapping(const struct dm_task *t, char *path)
{
	snprintf(path, 1024, "%s/%s", getenv("FAKEDM"), t->name);
}

struct dm_task *dm_task_create(int type)
{
	struct dm_task *t = calloc(1, sizeof(*t));

	t->type = type;
	return t;
}

int dm_task_set_name(struct dm_task *t, const char *name)
{
	snprintf(t->name, sizeof(t->name), "%s", name);
	return 1;
}

int dm_task_set_uuid(struct dm_task *t, const char *uuid)
{
	snprintf(t->uuid, sizeof(t->uuid), "%s", uuid);
	t->set_uuid = 1;
	return 1;
}

int dm_task_run(struct dm_task *t)
{
	char path[1024];
	FILE *f;

	mapping(t, path);
	if (t->type == DM_DEVICE_CREATE && t->name[0]) {
		f = fopen(path, "wx");
		if (!f)
			return 0;
		fputs(t->uuid, f);
		fclose(f);
	}
	if (t->type == DM_DEVICE_REMOVE)
		unlink(path);
	f = t->name[0] ? fopen(path, "r") : NULL;
	t->exists = (f != NULL);
	if (f) {
		if (!fgets(t->uuid, sizeof(t->uuid), f))
			t->uuid[0] = '\0';
		fclose(f);
	}
	return 1;
}

int dm_task_get_info(struct dm_task *t, struct dm_info *info)
{
	memset(info, 0, sizeof(*info));
	info->exists = info->live_table = t->exists;
	info->major = 253;
	return 1;
}

struct dm_versions *dm_task_get_versions(struct dm_task *t)
{
	static struct {
		struct dm_versions v;
		char name[8];
	} crypt = { { 0, { 1, 14, 0 } }, "crypt" };

	(void)t;
	return &crypt.v;
}

int dm_task_get_driver_version(struct dm_task *t, char *version, size_t size)
{
	(void)t;
	snprintf(version, size, "4.30.0");
	return 1;
}

void dm_task_destroy(struct dm_task *t) { free(t); }
const char *dm_task_get_name(const struct dm_task *t) { return t->name; }
const char *dm_task_get_uuid(const struct dm_task *t) { return t->uuid; }
const char *dm_dir(void) { return "/dev/mapper"; }
int dm_is_dm_major(uint32_t major) { return major == 253; }
void dm_lib_release(void) {}
void dm_log_init(dm_log_fn fn) { (void)fn; }
void dm_log_init_verbose(int level) { (void)level; }
int dm_udev_get_sync_support(void) { return 0; }
int dm_udev_wait(uint32_t cookie) { (void)cookie; return 1; }
int dm_device_has_holders(uint32_t major, uint32_t minor) { (void)major; (void)minor; return 0; }
int dm_device_has_mounted_fs(uint32_t major, uint32_t minor) { (void)major; (void)minor; return 0; }

/* It is taken for one that another program made. */
void *dm_get_next_target(struct dm_task *t, void *next, uint64_t *start,
		uint64_t *length, char **type, char **params)
{
	(void)t; (void)next;
	*start = *length = 0;
	*type = *params = NULL;
	return NULL;
}

/* --- block devices --- */

static int is_block(const char *path)
{
	size_t len = strlen(path);

	return len > 4 && strcmp(path + len - 4, ".blk") == 0;
}

static int fd_is_block(int fd)
{
	char link[64], path[1024];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return 0;
	path[n] = '\0';
	return is_block(path);
}

static void make_block(struct stat *st)
{
	st->st_mode = S_IFBLK | 0600;
	st->st_rdev = makedev(259, st->st_ino & 0xff);
}

int stat(const char *path, struct stat *st)
{
	int r = fstatat(AT_FDCWD, path, st, 0);

	if (r == 0 && is_block(path))
		make_block(st);
	return r;
}

int fstat(int fd, struct stat *st)
{
	int r = fstatat(fd, "", st, AT_EMPTY_PATH);

	if (r == 0 && fd_is_block(fd))
		make_block(st);
	return r;
}

int stat64(const char *path, struct stat64 *st)
{
	return stat(path, (struct stat *)st);
}

int fstat64(int fd, struct stat64 *st)
{
	return fstat(fd, (struct stat *)st);
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*real)(int, unsigned long, ...);
	struct stat st;
	va_list p;
	void *arg;

	va_start(p, request);
	arg = va_arg(p, void *);
	va_end(p);
	if (!real)
		real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	if ((request >> 8 & 0xff) != 0x12 || !fd_is_block(fd))
		return real(fd, request, arg);
	switch (request) {
	case BLKGETSIZE64:
		fstatat(fd, "", &st, AT_EMPTY_PATH);
		*(uint64_t *)arg = st.st_size;
		return 0;
	case BLKSSZGET:
	case BLKPBSZGET:
		*(int *)arg = 512;
		return 0;
	case BLKROGET:
	case BLKALIGNOFF:
	case BLKIOMIN:
	case BLKIOOPT:
		*(int *)arg = 0;
		return 0;
	case BLKRAGET:
		*(long *)arg = 0;
		return 0;
	}
	return 0;
}

/* All other settings of a task */
int dm_task_no_flush(struct dm_task *t) { (void)t; return 1; }
int dm_task_no_open_count(struct dm_task *t) { (void)t; return 1; }
int dm_task_retry_remove(struct dm_task *t) { (void)t; return 1; }
int dm_task_deferred_remove(struct dm_task *t) { (void)t; return 1; }
int dm_task_secure_data(struct dm_task *t) { (void)t; return 1; }
int dm_task_skip_lockfs(struct dm_task *t) { (void)t; return 1; }
int dm_task_set_ro(struct dm_task *t) { (void)t; return 1; }
void dm_task_update_nodes(void) {}
int dm_task_set_major(struct dm_task *t, int n) { (void)t; (void)n; return 1; }
int dm_task_set_minor(struct dm_task *t, int n) { (void)t; (void)n; return 1; }
int dm_task_set_message(struct dm_task *t, const char *m) { (void)t; (void)m; return 1; }
int dm_task_set_sector(struct dm_task *t, uint64_t s) { (void)t; (void)s; return 1; }
int dm_task_set_cookie(struct dm_task *t, uint32_t *c, uint16_t f) { (void)t; (void)f; *c = 0; return 1; }
int dm_task_set_read_ahead(struct dm_task *t, uint32_t n, uint32_t f) { (void)t; (void)n; (void)f; return 1; }
int dm_task_add_target(struct dm_task *t, uint64_t s, uint64_t n, const char *type, const char *p)
{
	(void)t; (void)s; (void)n; (void)type; (void)p;
	return 1;
}
