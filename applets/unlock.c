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

#include "earlyboot.h"
#include <libcryptsetup.h>

enum {
	CRYPT_SLOTS_MAX = 32,   /* LUKS2 has that many, LUKS1 has 8 */
};

/* What the library logs while a child is at work */
struct log {
	struct attempt *a;
	char *path;             /* of the header */
	bool kernel_refused;    /* device-mapper did not take the mapping */
	bool primary_damaged;
	bool secondary_damaged;
	bool not_restored;
};

static const struct {
	const char *option;
	uint32_t flag;
} flag_names[] = {
	{ "discard",                 CRYPT_ACTIVATE_ALLOW_DISCARDS },
	{ "readonly",                CRYPT_ACTIVATE_READONLY },
	{ "same-cpu-crypt",          CRYPT_ACTIVATE_SAME_CPU_CRYPT },
	{ "submit-from-crypt-cpus",  CRYPT_ACTIVATE_SUBMIT_FROM_CRYPT_CPUS },
	{ "no-read-workqueue",       CRYPT_ACTIVATE_NO_READ_WORKQUEUE },
	{ "no-write-workqueue",      CRYPT_ACTIVATE_NO_WRITE_WORKQUEUE },
};

/* Returns the CRYPT_ACTIVATE_* flag of a crypttab option, 0 if it has none. */
uint32_t FAST_FUNC unlock_activate_flag(const char *option)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(flag_names); i++) {
		if (strcmp(flag_names[i].option, option) == 0)
			return flag_names[i].flag;
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
	case EACCES:
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

/* --- from a child to its owner --- */

/* As fork(), with a pipe for what the child will tell of V. Returns -1 with errno
 * where one of them could not be made. The child has the signals of a fresh process,
 * and does not end in the middle of its work because its owner has ended.
 */
pid_t FAST_FUNC unlock_fork(struct volume *v)
{
	int fds[2]; /* pipe2() of a struct fd_pair warns */
	pid_t pid;

	/* neither waits: some records fit in any pipe, and the owner has other things
	 * to do than to read */
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	pid = fork();
	if (pid < 0) {
		int err = errno;

		close(fds[0]);
		close(fds[1]);
		errno = err;
		return -1;
	}
	if (pid == 0) {
		die_func = NULL;
		selfexec_reset_signals();
		signal(SIGPIPE, SIG_IGN);
	}
	if (v->attempt_fd >= 0) /* of an earlier child */
		close(v->attempt_fd);
	close(pid == 0 ? fds[0] : fds[1]);
	v->attempt_fd = pid == 0 ? fds[1] : fds[0];
	return pid;
}

/* For the child: tells V->ATTEMPT as it is now. One write of less than PIPE_BUF is
 * there wholly or not at all.
 */
void FAST_FUNC unlock_tell(const struct volume *v)
{
	BUILD_BUG_ON(sizeof(*v->attempt) > PIPE_BUF);
	if (v->attempt_fd >= 0)
		safe_write(v->attempt_fd, v->attempt, sizeof(*v->attempt));
}

/* For the owner: V->ATTEMPT becomes what the child has told last. Waits for
 * nothing; at the pipe's end it is closed.
 */
void FAST_FUNC unlock_hear(struct volume *v)
{
	struct attempt told;
	ssize_t n;

	if (v->attempt_fd < 0)
		return;
	while ((n = safe_read(v->attempt_fd, &told, sizeof(told))) == sizeof(told))
		*v->attempt = told;
	if (n < 0 && errno == EAGAIN)
		return;
	close(v->attempt_fd);
	v->attempt_fd = -1;
}

/* --- words --- */

static void explain(struct attempt *a, int err, const char *text)
{
	a->err = err;
	safe_strncpy(a->msg, text, sizeof(a->msg));
}

/* What fails deep in the library is said again, more vaguely, on the way up.
 * So the first error is kept, but for those that say nothing.
 */
static void keep_error(struct log *log, const char *msg)
{
	struct attempt *a = log->a;
	char *p;

	if (is_prefixed_with(msg, "device-mapper: ")) {
		log->kernel_refused = 1;
		return;
	}
	if (a->msg[0] || is_prefixed_with(msg, "Keyslot open failed")
	 || strstr(msg, "is not a valid LUKS device")
	)
		return;
	safe_strncpy(a->msg, msg, sizeof(a->msg));
	chomp(a->msg);
	for (p = a->msg; *p; p++) {
		if (*p == '\n')
			*p = ' ';
	}
}

/* That it falls back on the secondary header the library says to debuggers
 * alone.
 */
static void keep_debug(struct log *log, const char *msg)
{
	if (!strstr(msg, "LUKS2 header re"))
		return;
	if (strstr(msg, "recovery failed")) {
		log->not_restored = 1;
	} else if (strstr(msg, "requires recovery")) {
		/* with the wrong lock it fails, and is tried again */
		log->not_restored = 0;
		*(is_prefixed_with(msg, "Primary") ? &log->primary_damaged : &log->secondary_damaged) = 1;
	}
}

static void keep_log(int level, const char *msg, void *usrptr)
{
	if (level == CRYPT_LOG_ERROR)
		keep_error(usrptr, msg);
	else if (level == CRYPT_LOG_DEBUG)
		keep_debug(usrptr, msg);
}

/* --- headers --- */

/* Looks for something of LUKS at FD: returns 1, 0 or, where a part of it can't be
 * read, -1. A LUKS2 header is there twice; the second has its magic the other
 * way round, at one of these offsets.
 */
static int find_magic(int fd)
{
	static const uint16_t kib[] = {
		0, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096
	};
	int found = 0;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(kib); i++) {
		char magic[6];
		ssize_t n = pread(fd, magic, sizeof(magic), kib[i] * 1024);

		if (n < 0)
			return -1;
		if (n == sizeof(magic)
		 && memcmp(magic, i ? "SKUL\xba\xbe" : "LUKS\xba\xbe", sizeof(magic)) == 0
		)
			found = 1;
	}
	return found;
}

/* Why the header at PATH could not be read: the library's error is R */
static void explain_load(struct attempt *a, int r, const char *path)
{
	const char *text = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		r = -errno;
		text = strerror(errno);
	} else {
		int found = find_magic(fd);

		close(fd);
		if (r == -ENOMEM) {
			text = "not enough memory to read it";
		} else if (found < 0) {
			r = -EIO;
			text = "input/output error as it is read";
		} else if (found == 0) {
			r = -EINVAL;
			text = path == a->device ? "not a LUKS device" : "not a header of LUKS";
		} else if (!a->msg[0]) {
			text = "the LUKS header is damaged";
		}
	}
	a->err = r;
	if (text && path != a->device)
		snprintf(a->msg, sizeof(a->msg), "header '%s': %s", path, text);
	else if (text)
		safe_strncpy(a->msg, text, sizeof(a->msg));
}

static bool is_reencrypting(struct crypt_device *cd)
{
	return strcmp(crypt_get_type(cd), CRYPT_LUKS2) == 0
		&& crypt_reencrypt_status(cd, NULL) > CRYPT_REENCRYPT_NONE;
}

/* Whether SLOT has a key that may be tried where ONLY, or with CRYPT_ANY_SLOT
 * any, is to be
 */
static bool is_tried(struct crypt_device *cd, int slot, int only)
{
	crypt_keyslot_info state = crypt_keyslot_status(cd, slot);

	/* an unbound one has no key of the data, but while it is encrypted anew
	 * the new key is in such a one */
	if (state < CRYPT_SLOT_ACTIVE || (state == CRYPT_SLOT_UNBOUND && !is_reencrypting(cd)))
		return 0;
	if (only != CRYPT_ANY_SLOT)
		return slot == only;
	return crypt_keyslot_get_priority(cd, slot) != CRYPT_SLOT_PRIORITY_IGNORE;
}

/* The memory, in KiB, that deriving the key of SLOT takes */
static unsigned slot_memory(struct crypt_device *cd, int slot)
{
	struct crypt_pbkdf_type pbkdf;

	return crypt_keyslot_get_pbkdf(cd, slot, &pbkdf) == 0 ? pbkdf.max_memory_kb : 0;
}

/* The most of that: of the slot ONLY, or with CRYPT_ANY_SLOT of all that may be
 * tried
 */
static unsigned slots_memory(struct crypt_device *cd, int only)
{
	unsigned kib = 0;
	int slot, max = crypt_keyslot_max(crypt_get_type(cd));

	for (slot = 0; slot < max; slot++) {
		if (is_tried(cd, slot, only))
			kib = MAX(kib, slot_memory(cd, slot));
	}
	return kib;
}

/* Whether there is a key slot to try: SLOT, or CRYPT_ANY_SLOT. If not, A says so. */
static bool have_slot(struct crypt_device *cd, int slot, struct attempt *a)
{
	int i, max = crypt_keyslot_max(crypt_get_type(cd));

	for (i = 0; i < max; i++) {
		if (is_tried(cd, i, slot))
			return 1;
	}
	a->err = -ENOENT;
	if (slot == CRYPT_ANY_SLOT)
		strcpy(a->msg, "none of its key slots is in use");
	else
		snprintf(a->msg, sizeof(a->msg), "its key slot %d is not in use", slot);
	return 0;
}

static int any_or_pinned(const struct volume *v, struct crypt_device *cd)
{
	/* the old key and the new one are in different slots */
	return is_reencrypting(cd) ? CRYPT_ANY_SLOT : v->keyslot;
}

static bool is_null(const char *cipher)
{
	return cipher && strstr(cipher, "null");
}

/* A header can be changed by whoever has had the disk for a minute: one that
 * says "no encryption" would open a file system of his, with any passphrase.
 * Returns whether it is refused; A says why.
 */
static bool refuse_null(struct crypt_device *cd, struct attempt *a)
{
	int slot, max = crypt_keyslot_max(crypt_get_type(cd));
	size_t size;

	for (slot = 0; slot < max; slot++) {
		if (crypt_keyslot_status(cd, slot) >= CRYPT_SLOT_ACTIVE
		 && is_null(crypt_keyslot_get_encryption(cd, slot, &size))
		) {
			explain(a, -EACCES, "refused: a key slot has a null cipher, so any passphrase would do");
			return 1;
		}
	}
	/* While it is being encrypted for the first time, part of it is plain.
	 * That this is so the library has confirmed by the volume key. */
	if (!is_reencrypting(cd) && is_null(crypt_get_cipher(cd))) {
		explain(a, -EACCES, "refused: its data has a null cipher, it is not encrypted");
		return 1;
	}
	return 0;
}

static void note_damage(struct log *log, bool restores)
{
	if (log->primary_damaged || log->secondary_damaged)
		snprintf(log->a->note, sizeof(log->a->note),
			"its %s LUKS2 header is damaged; the %s is used%s",
			log->primary_damaged ? "primary" : "secondary",
			log->primary_damaged ? "secondary" : "primary",
			restores && !log->not_restored ? ", and the other was restored from it" : "");
}

/* Reads the header: of the file or device HEADER, or with NULL that at the
 * data's head. Returns NULL where it can't be used; the attempt says why.
 *
 * The library restores a damaged copy of a LUKS2 header as it reads the other,
 * as it does for any cryptsetup(8). With RESTORES unset it must not: who only
 * looks, writes nothing. (It restores nothing that it can't lock.)
 */
static struct crypt_device *load(struct volume *v, const char *header, bool restores, struct log *log)
{
	struct attempt *a = v->attempt;
	const char *path = header ? header : a->device;
	struct crypt_device *cd, *cut;
	int r;

	memset(log, 0, sizeof(*log));
	log->a = a;
	log->path = xstrdup(path);
	a->err = 0;
	a->msg[0] = a->note[0] = '\0';
	/* for what has no crypt_device yet */
	crypt_set_log_callback(NULL, keep_log, log);
	if (access(a->device, F_OK) != 0) {
		explain(a, -ENODEV, strerror(errno));
		return NULL;
	}
	if (!restores)
		crypt_metadata_locking(NULL, 0);
	r = header ? crypt_init_data_device(&cd, header, a->device) : crypt_init(&cd, a->device);
	if (r < 0) {
		explain_load(a, r, path);
		return NULL;
	}
	crypt_set_log_callback(cd, keep_log, log);
	crypt_set_debug_level(CRYPT_DEBUG_ALL);
	r = crypt_load(cd, CRYPT_LUKS, NULL);
	crypt_set_debug_level(CRYPT_DEBUG_NONE);
	/* the start of its encryption may have been cut */
	cut = r < 0 && !header ? reencstart_load(a->device) : NULL;
	if (cut) {
		crypt_free(cd);
		cd = cut;
		crypt_set_log_callback(cd, keep_log, log);
		a->err = 0;
		a->msg[0] = '\0';
		r = 0;
	}
	if (r < 0) {
		explain_load(a, r, path);
	} else if (!refuse_null(cd, a) && have_slot(cd, any_or_pinned(v, cd), a)) {
		a->msg[0] = '\0';
		note_damage(log, restores);
		a->kib = slots_memory(cd, any_or_pinned(v, cd));
		a->loaded = 1;
		unlock_tell(v);
		return cd;
	}
	reencstart_free(cd);
	return NULL;
}

/* As load(), with the header where V has it. The device must be known. */
static struct crypt_device *load_volume(struct volume *v, bool restores, struct log *log)
{
	struct attempt *a = v->attempt;
	char *header = NULL;
	struct crypt_device *cd = NULL;

	a->msg[0] = '\0';
	if (v->header.text) {
		a->err = place_open(&v->header, &header, a->msg, sizeof(a->msg));
		if (a->err == -EAGAIN) {
			/* the volume is not there as long as its header is not */
			a->err = -ENODEV;
			a->device[0] = '\0';
			safe_strncpy(a->absent, v->header.spec, sizeof(a->absent));
		}
	}
	if (header || !v->header.text)
		cd = load(v, header, restores && !(v->activate_flags & CRYPT_ACTIVATE_READONLY), log);
	free(header);
	return cd;
}

/* --- what is open already --- */

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

/* The names of the block devices that stand on NODE, allocated, or NULL */
static char *holders(const char *node)
{
	struct stat st;
	struct dirent *e;
	char *path, *names = NULL;
	DIR *dir;

	if (stat(node, &st) != 0)
		return NULL;
	path = xasprintf("/sys/dev/block/%u:%u/holders",
			(unsigned)major(st.st_rdev), (unsigned)minor(st.st_rdev));
	dir = opendir(path);
	while (dir && (e = readdir(dir)) != NULL) {
		size_t size = 127;
		char *file, *mapping, *longer;

		if (DOT_OR_DOTDOT(e->d_name))
			continue;
		file = xasprintf("%s/%s/dm/name", path, e->d_name);
		mapping = xmalloc_open_read_close(file, &size);
		if (mapping)
			chomp(mapping);
		longer = xasprintf("%s%s%s%s%s%s", names ? names : "", names ? ", " : "",
				e->d_name, mapping ? " (" : "", mapping ? mapping : "", mapping ? ")" : "");
		free(file);
		free(mapping);
		free(names);
		names = longer;
	}
	if (dir)
		closedir(dir);
	free(path);
	return names;
}

/* Whether another uses the device: better said before a passphrase is asked
 * for than after it.
 */
static bool check_busy(struct attempt *a)
{
	int fd = open(a->device, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	char *by;

	if (fd >= 0)
		close(fd);
	if (fd >= 0 || errno != EBUSY)
		return 0;
	by = holders(a->device);
	a->err = -EBUSY;
	if (by)
		snprintf(a->msg, sizeof(a->msg), "it is in use by %s", by);
	else
		explain(a, -EBUSY, "it is in use: mounted, or open for a program alone");
	free(by);
	return 1;
}

/* --- keys --- */

/* Whether the material of SLOT is as random as anything encrypted is: no 512
 * bytes of it have few different values. (221 are usual; to have less than 150
 * by chance takes longer than the world lasts.)
 */
static bool slot_is_random(struct crypt_device *cd, int slot, int fd)
{
	enum { SECTOR = 512, STRIPES = 4000, FEW = 150 };
	int key_size = crypt_keyslot_get_key_size(cd, slot);
	uint64_t offset, length, end;
	uint8_t sector[SECTOR];

	if (key_size <= 0 || crypt_keyslot_area(cd, slot, &offset, &length) != 0)
		return 1;
	end = offset + MIN(length, (uint64_t)key_size * STRIPES);
	for (; offset + SECTOR <= end; offset += SECTOR) {
		bool seen[256];
		unsigned i, values = 0;

		if (pread(fd, sector, SECTOR, offset) != SECTOR)
			return 0;
		memset(seen, 0, sizeof(seen));
		for (i = 0; i < SECTOR; i++) {
			values += !seen[sector[i]];
			seen[sector[i]] = 1;
		}
		if (values < FEW)
			return 0;
	}
	return 1;
}

/* The key fits no slot; but from one that something was written over nothing
 * fits any more, and then to call the passphrase wrong would be a lie. What was
 * overwritten by random data can't be told.
 */
static void check_slots(struct crypt_device *cd, int only, struct log *log)
{
	struct attempt *a = log->a;
	int slot, max = crypt_keyslot_max(crypt_get_type(cd));
	int intact = 0, damaged = -1;
	int fd = open(log->path, O_RDONLY | O_CLOEXEC);

	for (slot = 0; fd >= 0 && slot < max; slot++) {
		if (!is_tried(cd, slot, only))
			continue;
		if (slot_is_random(cd, slot, fd))
			intact++;
		else
			damaged = slot;
	}
	if (fd >= 0)
		close(fd);
	if (damaged < 0)
		return;
	if (intact) {
		snprintf(a->note, sizeof(a->note), "its key slot %d is damaged, no passphrase fits that any more", damaged);
	} else {
		a->err = -EIO;
		snprintf(a->msg, sizeof(a->msg), "its key slot %d is damaged, no passphrase fits that any more", damaged);
	}
}

/* Why the key did not open the volume, from the library's error R and its log.
 * -EPERM is left for a wrong key alone: then nothing was logged.
 */
static void explain_failure(struct crypt_device *cd, int r, struct log *log)
{
	struct attempt *a = log->a;

	a->err = r;
	if (r == -ENOMEM) {
		snprintf(a->msg, sizeof(a->msg), "not enough memory: deriving its key takes %u MiB",
			a->kib / 1024);
	} else if (log->kernel_refused) {
		if (check_busy(a))
			return;
		a->err = -ENOTSUP;
		snprintf(a->msg, sizeof(a->msg),
			"the kernel refuses the mapping: it may have no cipher %s-%s, or no dm-crypt (dmesg has its reason)",
			crypt_get_cipher(cd), crypt_get_cipher_mode(cd));
	} else if (a->msg[0]) {
		if (r == -EPERM)
			a->err = -EACCES;
	} else if (r == -ENOENT) {
		explain(a, r, "none of its key slots is for its data");
	} else if (r != -EPERM) {
		explain(a, r, strerror(-r));
	}
}

/* Where memory is short the kernel ends this one, which can say so, and not
 * the SSH server by which somebody may still help.
 */
static void volunteer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		full_write(fd, "1000", 4);
		close(fd);
	}
}

/* Tries the key on one slot after the other, what takes the least memory first.
 * Returns the slot, or a negative errno: that of a slot which could not be tried
 * rather than -EPERM.
 */
static int activate_by_turns(struct crypt_device *cd, const char *name,
		const char *key, size_t len, uint32_t flags)
{
	bool done[CRYPT_SLOTS_MAX] = { 0 };
	int max = MIN(crypt_keyslot_max(crypt_get_type(cd)), CRYPT_SLOTS_MAX);
	int result = -EPERM;

	for (;;) {
		int slot, r, next = -1;

		for (slot = 0; slot < max; slot++) {
			if (!done[slot] && is_tried(cd, slot, CRYPT_ANY_SLOT)
			 && (next < 0 || slot_memory(cd, slot) < slot_memory(cd, next))
			)
				next = slot;
		}
		if (next < 0)
			return result;
		done[next] = 1;
		r = crypt_activate_by_passphrase(cd, name, next, key, len, flags);
		if (r >= 0)
			return r;
		if (r != -EPERM && r != -ENOENT)
			result = r;
	}
}

/* The library tries a key on all slots, but ends with the first that can't be
 * tried: for want of memory, say, though another may need none. Then, and where
 * the want is known before, they are tried one by one.
 *
 * Flags that are kept in a LUKS2 header are added by the library, and the volume
 * key goes by the kernel's keyring wherever that can be.
 */
static int activate(struct volume *v, struct crypt_device *cd, const char *name,
		const char *key, size_t len, struct log *log)
{
	int keyslot = any_or_pinned(v, cd);
	uint32_t flags = name ? v->activate_flags : 0;
	bool by_turns = (keyslot == CRYPT_ANY_SLOT && !is_reencrypting(cd));
	int r = -ENOMEM;

	if (!by_turns || !v->attempt->kib || v->attempt->kib <= meminfo_available_kib()) {
		r = crypt_activate_by_passphrase(cd, name, keyslot, key, len, flags);
		if (r >= 0 || r == -EPERM || r == -ENOENT
		 || r == -EBUSY || r == -EEXIST || log->kernel_refused
		)
			return r;
	}
	return by_turns ? activate_by_turns(cd, name, key, len, flags) : r;
}

/* Derives the key and, with NAME, activates, wholly. Returns whether it did. */
static bool use_key(struct volume *v, struct crypt_device *cd, const char *name,
		const char *key, size_t len, struct log *log)
{
	struct attempt *a = v->attempt;
	struct crypt_pbkdf_type pbkdf;
	unsigned long long start = monotonic_us();
	int r;

	if (a->kib) /* pbkdf2 takes none */
		volunteer();
	a->deriving = 1;
	unlock_tell(v);
	r = activate(v, cd, name, key, len, log);
	a->deriving = 0;
	a->ms = (monotonic_us() - start) / 1000;
	if (r < 0) {
		explain_failure(cd, r, log);
		if (a->err == -EPERM)
			check_slots(cd, any_or_pinned(v, cd), log);
		return 0;
	}
	a->err = 0;
	a->msg[0] = '\0';
	a->slot = r;
	if (crypt_keyslot_get_pbkdf(cd, r, &pbkdf) == 0) {
		safe_strncpy(a->kdf, pbkdf.type, sizeof(a->kdf));
		a->kib = pbkdf.max_memory_kb;
	}
	if (name) {
		a->active = 1;
		unlock_tell(v);
		udevdata_leave(name);
		/* before the real system has somebody resume it */
		if (!(v->activate_flags & CRYPT_ACTIVATE_READONLY)
		 && reencstart_mend(cd) == 0
		)
			reencend_mend(cd);
	}
	return 1;
}

/* The key file, from wherever it lies: it is there for as long as it is read,
 * and then in memory that the library has locked and wipes.
 */
static void use_key_file(struct volume *v, struct crypt_device *cd, const char *name, struct log *log)
{
	struct attempt *a = v->attempt;
	char *path, *key = NULL;
	size_t len = 0;
	int r = place_open(&v->key, &path, a->msg, sizeof(a->msg));

	if (r == -EAGAIN) {
		a->key_absent = 1;
		safe_strncpy(a->absent, v->key.spec, sizeof(a->absent));
		return;
	}
	if (r == 0) {
		if (access(path, R_OK) != 0) {
			r = -errno;
			explain(a, r, strerror(errno));
		} else {
			r = crypt_keyfile_device_read(cd, path, &key, &len,
					v->key_offset, v->key_size, 0);
		}
		if (v->key.spec && v->key.path)
			place_close();
		free(path);
		if (r == 0) {
			a->key_failed = !use_key(v, cd, name, key, len, log);
			crypt_safe_free(key);
			return;
		}
	}
	a->err = r == -EPERM ? -EACCES : r;
	a->key_failed = 1;
}

/* --- what children do --- */

/* The key file and the empty passphrase, which need nobody */
static void use_own_keys(struct volume *v, struct crypt_device *cd, struct log *log)
{
	struct attempt *a = v->attempt;

	if (v->try_empty && use_key(v, cd, v->name, "", 0, log))
		return;
	a->msg[0] = '\0';
	a->err = 0;
	if (v->key.text && !v->key_over)
		use_key_file(v, cd, v->name, log);
}

/* Resolves the device of V. Returns 0 where it is not there. */
static bool find_device(struct volume *v)
{
	struct attempt *a = v->attempt;
	char *ambiguous, *path;

	a->msg[0] = a->note[0] = a->absent[0] = a->device[0] = '\0';
	a->key_absent = a->key_waits = a->key_failed = a->loaded = 0;
	a->err = 0;
	path = devspec_find(v->spec, &ambiguous);
	if (path) {
		safe_strncpy(a->device, path, sizeof(a->device));
		unlock_tell(v);
		return 1;
	}
	a->err = -ENODEV;
	if (ambiguous)
		snprintf(a->msg, sizeof(a->msg),
			"it fits both %s; name one by its /dev path or PARTUUID=", ambiguous);
	else
		safe_strncpy(a->absent, v->spec, sizeof(a->absent));
	return 0;
}

/* To be run in a child of unlock_fork(): looks for the volume's device, reads its
 * header, and, where it has a key file and memory for the key, opens it. The result
 * is in V->ATTEMPT, for unlock_tell(): -ENODEV with no device where it is not there
 * yet.
 */
void FAST_FUNC unlock_scout(struct volume *v)
{
	struct attempt *a = v->attempt;
	struct crypt_device *cd;
	struct log log;
	bool has_keys = v->try_empty || (v->key.text && !v->key_over);

	if (!find_device(v))
		return;
	cd = load_volume(v, has_keys, &log);
	if (!cd)
		return;
	if (!check_name(cd, v->name, a) && !check_busy(a) && has_keys) {
		unsigned budget = a->budget_kib;

		if (a->kib && budget == ATTEMPT_MAY_TAKE_ALL)
			budget = meminfo_available_kib();
		if (a->kib > budget)
			a->key_waits = 1;
		else
			use_own_keys(v, cd, &log);
	}
	reencstart_free(cd);
}

/* To be run in a child of unlock_fork(): derives the key and activates, wholly. The
 * result is in V->ATTEMPT, for unlock_tell(); -EPERM there, and nothing else, is a
 * wrong passphrase.
 */
void FAST_FUNC unlock_try(struct volume *v, const struct secret *passphrase)
{
	struct crypt_device *cd;
	struct log log;

	cd = load_volume(v, 1, &log);
	if (!cd)
		return;
	/* Somebody may have opened it by hand meanwhile */
	if (!check_name(cd, v->name, v->attempt))
		use_key(v, cd, v->name, passphrase->data, passphrase->len, &log);
	reencstart_free(cd);
}

/* As unlock_try(), but looks for the device first and opens nothing. Without
 * PASSPHRASE the key file is tried.
 */
void FAST_FUNC unlock_test(struct volume *v, const struct secret *passphrase)
{
	struct attempt *a = v->attempt;
	struct crypt_device *cd;
	struct log log;

	if (!find_device(v))
		return;
	cd = load_volume(v, 0, &log);
	if (!cd)
		return;
	if (a->kib > a->budget_kib)
		bb_error_msg("its key takes %u MiB to derive, %u MiB are available",
			a->kib / 1024, a->budget_kib / 1024);
	if (passphrase)
		use_key(v, cd, NULL, passphrase->data, passphrase->len, &log);
	else
		use_key_file(v, cd, NULL, &log);
	reencstart_free(cd);
}

/* To be run in a child: reads the header alone, of HEADER or (NULL) of the
 * device that the attempt names. Writes nothing.
 */
void FAST_FUNC unlock_check(struct volume *v, const char *header)
{
	struct log log;
	struct crypt_device *cd = load(v, header, 0, &log);

	if (cd)
		reencstart_free(cd);
}

static void say_nothing(int level UNUSED_PARAM, const char *msg UNUSED_PARAM, void *usrptr UNUSED_PARAM)
{
}

/* Closes the mapping NAME. Returns 0 or a negative errno; what is wrong was
 * said.
 */
int FAST_FUNC unlock_close(const char *name)
{
	struct crypt_device *cd;
	char *path = xasprintf("/dev/mapper/%s", name);
	struct stat st;
	bool is_there;
	int r;

	crypt_set_log_callback(NULL, say_nothing, NULL);
	is_there = stat(path, &st) == 0;
	r = crypt_init_by_name(&cd, name);
	if (r == 0) {
		r = crypt_deactivate(cd, name);
		crypt_free(cd);
	}
	/* the number will be another's */
	if (r == 0 && is_there)
		udevdata_forget(st.st_rdev);
	free(path);
	if (r == -ENODEV)
		bb_error_msg("%s: nothing is open under this name", name);
	else if (r == -EBUSY)
		bb_error_msg("%s: it is in use", name);
	else if (r < 0)
		bb_error_msg("%s: %s", name, strerror(-r));
	return r;
}
