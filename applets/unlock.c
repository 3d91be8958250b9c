/* vi: set sw=4 ts=4: */
/*
 * The one file that calls libcryptsetup. All of it runs in children of the
 * process that owns the question: a library that fails, hangs on a bad disk
 * or is killed for its memory costs one attempt.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += unlock.o

#include <sys/mman.h>
#include "earlyboot.h"
#include <libcryptsetup.h>

static const struct {
	const char *option;
	uint32_t flag;
} flags[] = {
	{ "discard",                 CRYPT_ACTIVATE_ALLOW_DISCARDS },
	{ "allow-discards",          CRYPT_ACTIVATE_ALLOW_DISCARDS },
	{ "readonly",                CRYPT_ACTIVATE_READONLY },
	{ "read-only",               CRYPT_ACTIVATE_READONLY },
	{ "same-cpu-crypt",          CRYPT_ACTIVATE_SAME_CPU_CRYPT },
	{ "submit-from-crypt-cpus",  CRYPT_ACTIVATE_SUBMIT_FROM_CRYPT_CPUS },
	{ "no-read-workqueue",       CRYPT_ACTIVATE_NO_READ_WORKQUEUE },
	{ "perf-no_read_workqueue",  CRYPT_ACTIVATE_NO_READ_WORKQUEUE },
	{ "no-write-workqueue",      CRYPT_ACTIVATE_NO_WRITE_WORKQUEUE },
	{ "perf-no_write_workqueue", CRYPT_ACTIVATE_NO_WRITE_WORKQUEUE },
};

/* Returns the CRYPT_ACTIVATE_* flag of a crypttab option, 0 if it has none. */
uint32_t FAST_FUNC unlock_activate_flag(const char *option)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		if (strcmp(flags[i].option, option) == 0)
			return flags[i].flag;
	}
	return 0;
}

/* Returns cryptsetup(8)'s exit status for ERR, 0 or a negative errno. */
int FAST_FUNC unlock_exit_status(int err)
{
	switch (-err) {
	case 0:
		return 0;
	case EPERM:
		return 2;
	case ENOMEM:
		return 3;
	case ENODEV:
	case ENOTBLK:
		return 4;
	case EEXIST:
	case EBUSY:
		return 5;
	}
	return 1;
}

/* Returns zeroed memory that a forked child shares. Dies if there is none. */
struct attempt* FAST_FUNC unlock_new_attempt(void)
{
	struct attempt *a = mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (a == MAP_FAILED)
		bb_simple_perror_msg_and_die("no memory");
	return a;
}

/* The library's last error is nearest to the cause. */
static void keep_error(int level, const char *msg, void *usrptr)
{
	struct attempt *a = usrptr;

	if (level == CRYPT_LOG_ERROR) {
		safe_strncpy(a->msg, msg, sizeof(a->msg));
		chomp(a->msg);
	}
}

static void explain(struct attempt *a, int err, const char *text)
{
	a->err = err;
	safe_strncpy(a->msg, text, sizeof(a->msg));
}

/* The most memory, in KiB, that deriving the key of one slot takes */
static unsigned slots_memory(struct crypt_device *cd)
{
	struct crypt_pbkdf_type pbkdf;
	unsigned kib = 0;
	int slot, max = crypt_keyslot_max(crypt_get_type(cd));

	for (slot = 0; slot < max; slot++) {
		if (crypt_keyslot_status(cd, slot) < CRYPT_SLOT_ACTIVE)
			continue;
		if (crypt_keyslot_get_pbkdf(cd, slot, &pbkdf) == 0
		 && pbkdf.max_memory_kb > kib
		)
			kib = pbkdf.max_memory_kb;
	}
	return kib;
}

/* Whether the mapping NAME is there. If it is of the same volume, A is
 * marked active; if not, it has the error.
 */
static bool check_name(struct crypt_device *cd, const char *name, struct attempt *a)
{
	struct crypt_device *other;
	crypt_status_info ci = crypt_status(NULL, name);

	if (ci != CRYPT_ACTIVE && ci != CRYPT_BUSY)
		return 0;
	if (crypt_init_by_name(&other, name) == 0) {
		const char *uuid = crypt_get_uuid(cd), *other_uuid = crypt_get_uuid(other);

		a->active = uuid && other_uuid && strcmp(uuid, other_uuid) == 0;
		crypt_free(other);
	}
	if (a->active)
		a->err = 0;
	else
		explain(a, -EEXIST, "another device is open under this name");
	return 1;
}

static struct crypt_device *load(struct volume *v)
{
	struct attempt *a = v->attempt;
	struct crypt_device *cd;
	struct stat st;

	/* for what has no crypt_device yet */
	crypt_set_log_callback(NULL, keep_error, a);
	if (stat(a->device, &st) != 0) {
		explain(a, -ENODEV, strerror(errno));
		return NULL;
	}
	a->err = crypt_init(&cd, a->device);
	if (a->err < 0)
		return NULL;
	crypt_set_log_callback(cd, keep_error, a);
	a->err = crypt_load(cd, CRYPT_LUKS, NULL);
	if (a->err < 0) {
		if (!a->msg[0] || a->err == -EINVAL)
			safe_strncpy(a->msg, "not a LUKS device, or its header is damaged", sizeof(a->msg));
		crypt_free(cd);
		return NULL;
	}
	return cd;
}

/* Without udev libdevmapper makes /dev/mapper/NAME a node. The real system
 * expects udev's link to the kernel's own node.
 */
static void link_node(const char *name)
{
	char *path = xasprintf("/dev/mapper/%s", name);
	char *temp = xasprintf("%s.new", path);
	char *node, *target;
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISBLK(st.st_mode)) {
		node = xasprintf("/dev/dm-%u", (unsigned)minor(st.st_rdev));
		target = xasprintf("../dm-%u", (unsigned)minor(st.st_rdev));
		if (access(node, F_OK) == 0
		 && symlink(target, temp) == 0
		 && rename(temp, path) != 0
		)
			unlink(temp);
		free(node);
		free(target);
	}
	free(path);
	free(temp);
}

static void note_result(struct volume *v, int r)
{
	struct attempt *a = v->attempt;

	if (r >= 0) {
		a->err = 0;
		a->active = 1;
		link_node(v->name);
		return;
	}
	a->err = r;
	if (!a->msg[0])
		safe_strncpy(a->msg, strerror(-r), sizeof(a->msg));
}

/* To be run in a child: looks for the volume's device, reads its header, and,
 * where it has a key file, opens it. The result is in V->ATTEMPT: -ENODEV
 * with no device where it is not there yet.
 */
void FAST_FUNC unlock_scout(struct volume *v)
{
	struct attempt *a = v->attempt;
	struct crypt_device *cd;
	char *ambiguous, *path;
	int r;

	a->msg[0] = '\0';
	path = devspec_find(v->spec, &ambiguous);
	if (!path) {
		a->err = -ENODEV;
		if (ambiguous)
			snprintf(a->msg, sizeof(a->msg),
				"it fits both %s; name one by its /dev path or PARTUUID=", ambiguous);
		return;
	}
	safe_strncpy(a->device, path, sizeof(a->device));
	cd = load(v);
	if (!cd)
		return;
	if (!check_name(cd, v->name, a)) {
		a->kib = slots_memory(cd);
		a->msg[0] = '\0';
		if (v->keyfile) {
			r = crypt_activate_by_keyfile_device_offset(cd, v->name, v->keyslot,
				v->keyfile, 0, 0, v->activate_flags);
			note_result(v, r);
			a->key_failed = (r < 0);
		}
	}
	crypt_free(cd);
}

/* To be run in a child: derives the key and activates, wholly. The result is
 * in V->ATTEMPT; -EPERM there, and nothing else, is a wrong passphrase.
 */
void FAST_FUNC unlock_try(struct volume *v, const struct secret *passphrase)
{
	struct attempt *a = v->attempt;
	struct crypt_device *cd;

	a->msg[0] = '\0';
	cd = load(v);
	if (!cd)
		return;
	/* Somebody may have opened it by hand meanwhile */
	if (!check_name(cd, v->name, a))
		note_result(v, crypt_activate_by_passphrase(cd, v->name, v->keyslot,
			passphrase->data, passphrase->len, v->activate_flags));
	crypt_free(cd);
}
