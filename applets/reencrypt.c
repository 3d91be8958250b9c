/* vi: set sw=4 ts=4: */
/*
 * In-place encryption by libcryptsetup: the part of luksencrypt that calls the
 * library and that writes to the device.
 *
 * The header is made in memory, reencryption already begun in it, and only
 * then goes to the device: a device has no header of ours, or a whole one in
 * which each later state of the encryption is recorded by the library. How it
 * gets there is reencstart.c's business.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_LUKSENCRYPT) += reencrypt.o

#include "earlyboot.h"
#include <libcryptsetup.h>

enum {
	SECTOR = 512,
	KEY_BYTES = 64,         /* AES-256 in XTS mode, as cryptsetup(8) has it */
	MIN_HOTZONE = 4 * 1024 * 1024,
	MAX_HOTZONE = 128 * 1024 * 1024,
};

/* The library's last error is nearest to the cause. */
static void keep_error(int level, const char *msg, void *usrptr)
{
	struct reencrypt *r = usrptr;

	if (level == CRYPT_LOG_ERROR) {
		safe_strncpy(r->msg, msg, sizeof(r->msg));
		chomp(r->msg);
	}
}

static int explain(struct reencrypt *r, int err, const char *text)
{
	safe_strncpy(r->msg, text, sizeof(r->msg));
	return err;
}

/* What the library has not put into words */
static int note_error(struct reencrypt *r, int err)
{
	if (err < 0 && !r->msg[0])
		explain(r, err, strerror(-err));
	return err;
}

/* Opens HEADER, or with NULL the one on the device itself. Returns 0, or an
 * error; r->msg says what.
 */
static int open_luks2(struct reencrypt *r, const char *header, struct crypt_device **cd)
{
	int err;

	r->msg[0] = '\0';
	/* for what has no crypt_device yet */
	crypt_set_log_callback(NULL, keep_error, r);
	err = header ? crypt_init_data_device(cd, header, r->device) : crypt_init(cd, r->device);
	if (err < 0)
		return note_error(r, err);
	crypt_set_log_callback(*cd, keep_error, r);
	err = crypt_load(*cd, CRYPT_LUKS2, NULL);
	if (err < 0) {
		crypt_free(*cd);
		*cd = NULL;
	}
	return note_error(r, err);
}

static int state_of(struct crypt_device *cd)
{
	struct crypt_params_reencrypt params;

	switch (crypt_reencrypt_status(cd, &params)) {
	case CRYPT_REENCRYPT_NONE:
		return REENCRYPT_DONE;
	case CRYPT_REENCRYPT_CLEAN:
	case CRYPT_REENCRYPT_CRASH:
		/* somebody else's: a change of the key, or a decryption */
		if (params.mode != CRYPT_REENCRYPT_ENCRYPT
		 || (params.flags & CRYPT_REENCRYPT_REPAIR_NEEDED)
		)
			return REENCRYPT_OTHER;
		switch (reencend_is_cut(cd)) {
		case 0:
			return REENCRYPT_BEGUN;
		case 1:
			return REENCRYPT_ENDED;
		}
		return REENCRYPT_OTHER;
	default:
		return REENCRYPT_OTHER;
	}
}

/* Returns what the header on the device says, a REENCRYPT_* value. */
int FAST_FUNC reencrypt_state(struct reencrypt *r)
{
	struct crypt_device *cd;
	int state;

	if (open_luks2(r, NULL, &cd) < 0)
		return REENCRYPT_NO_HEADER;
	state = state_of(cd);
	crypt_free(cd);
	return state;
}

/* Proves that this kernel has dm-crypt and the cipher, and that the device is
 * free, by a read-only mapping that lives for a moment. Returns 0 or an error.
 */
int FAST_FUNC reencrypt_try_kernel(struct reencrypt *r)
{
	/* XTS refuses two equal halves */
	static const char key[KEY_BYTES] = { 1 };
	struct crypt_device *cd;
	char *name = xasprintf("luksencrypt-%u", (unsigned)getpid());
	int err;

	r->msg[0] = '\0';
	crypt_set_log_callback(NULL, keep_error, r);
	err = crypt_init(&cd, r->device);
	if (err == 0) {
		crypt_set_log_callback(cd, keep_error, r);
		err = crypt_format(cd, CRYPT_PLAIN, "aes", "xts-plain64", NULL, NULL, KEY_BYTES, NULL);
		if (err == 0)
			err = crypt_activate_by_volume_key(cd, name, key, KEY_BYTES,
				CRYPT_ACTIVATE_READONLY | CRYPT_ACTIVATE_PRIVATE);
		if (err == 0)
			err = crypt_deactivate(cd, name);
		crypt_free(cd);
	}
	free(name);
	return note_error(r, err);
}

/* Removes the mapping NAME, which a process that was killed has left. */
void FAST_FUNC reencrypt_drop_mapping(const char *name)
{
	crypt_deactivate(NULL, name);
}

/* --- the header, in memory --- */

static int format(struct crypt_device *cd, struct reencrypt *r, const struct secret *pass)
{
	/* Sectors of 512 bytes: larger ones would ask for file systems with
	 * blocks of this size */
	struct crypt_params_luks2 luks2 = { .sector_size = SECTOR };
	struct crypt_pbkdf_type pbkdf = *crypt_get_pbkdf_default(CRYPT_LUKS2);
	unsigned limit = meminfo_available_kib() / 2;
	int err;

	/* At boot the key is derived on this machine, and early */
	if (pbkdf.max_memory_kb > limit)
		pbkdf.max_memory_kb = limit;
	if (r->iter_ms)
		pbkdf.time_ms = r->iter_ms;
	err = crypt_set_pbkdf_type(cd, &pbkdf);
	if (err == 0)
		err = crypt_set_data_offset(cd, r->header / SECTOR);
	if (err == 0)
		err = crypt_format(cd, CRYPT_LUKS2, "aes", "xts-plain64", NULL, NULL, KEY_BYTES, &luks2);
	if (err == 0)
		err = crypt_keyslot_add_by_volume_key(cd, 0, NULL, KEY_BYTES, pass->data, pass->len);
	return err < 0 ? err : 0;
}

/* About 100 steps, so that a bar moves and a stop is soon, but none so small
 * that a disk does nothing but flush its cache.
 */
static uint64_t hotzone_sectors(const struct reencrypt *r)
{
	uint64_t bytes = r->size / 100;

	if (bytes > MAX_HOTZONE)
		bytes = MAX_HOTZONE;
	if (bytes < MIN_HOTZONE)
		bytes = MIN_HOTZONE;
	return (bytes & -(uint64_t)MIN_HOTZONE) / SECTOR;
}

/* Makes the header say that encryption has begun. With r->move this copies the
 * data's first r->header bytes to the end of the device.
 */
static int begin(struct crypt_device *cd, struct reencrypt *r, const struct secret *pass)
{
	struct crypt_params_luks2 luks2 = { .sector_size = SECTOR };
	struct crypt_params_reencrypt params = {
		.mode = CRYPT_REENCRYPT_ENCRYPT,
		.direction = CRYPT_REENCRYPT_FORWARD,
		/* Of a hot zone that was cut the sums tell which of its blocks
		 * are still the old ones */
		.resilience = "checksum",
		.hash = "sha256",
		.luks2 = &luks2,
		.flags = CRYPT_REENCRYPT_INITIALIZE_ONLY,
	};

	if (r->move) {
		/* From the end on, each piece goes to where none is any more: what
		 * it is made of stays until it is recorded */
		params.direction = CRYPT_REENCRYPT_BACKWARD;
		params.resilience = "datashift";
		params.data_shift = r->header / SECTOR;
		params.flags |= CRYPT_REENCRYPT_MOVE_FIRST_SEGMENT;
	}
	return crypt_reencrypt_init_by_passphrase(cd, NULL, pass->data, pass->len,
		CRYPT_ANY_SLOT, 0, crypt_get_cipher(cd), crypt_get_cipher_mode(cd), &params);
}

/* Brings the header in the file FD to the device. */
static int place(struct reencrypt *r, int fd)
{
	/* O_EXCL on a block device: nobody mounts it meanwhile */
	int dev = open(r->device, O_RDWR | O_EXCL | O_CLOEXEC);
	int err;

	if (dev < 0)
		return note_error(r, -errno);
	err = reencstart_place(r, fd, dev, 0);
	close(dev);
	if (err)
		return note_error(r, err);
	if (reencrypt_state(r) != REENCRYPT_BEGUN)
		return explain(r, -EIO, "the header that was written does not read back");
	return 0;
}

/* Begins: makes a header whose first key slot opens by PASS, and puts it on
 * the device. Takes from R device, size, header, move, superblock, iter_ms.
 * Returns 0, or an error that r->msg explains. Until the header is whole on the
 * device, the file system is what it was (of --reduce see reencstart.c).
 */
int FAST_FUNC reencrypt_begin(struct reencrypt *r, const struct secret *pass)
{
	struct crypt_device *cd;
	char *path;
	int fd = reencstart_new_header(r->header, &path);
	int err;

	r->msg[0] = '\0';
	if (fd < 0)
		return explain(r, -ENOMEM, "there is no memory for the header");
	crypt_set_log_callback(NULL, keep_error, r);
	err = crypt_init_data_device(&cd, path, r->device);
	if (err == 0) {
		crypt_set_log_callback(cd, keep_error, r);
		err = format(cd, r, pass);
		if (err == 0)
			err = begin(cd, r, pass);
		crypt_free(cd);
	}
	if (err >= 0)
		err = place(r, fd);
	close(fd);
	free(path);
	return note_error(r, err);
}

/* Returns whether there is a start of --reduce that was cut, on a device with
 * neither file system nor header in front.
 */
bool FAST_FUNC reencrypt_start_was_cut(const struct reencrypt *r)
{
	struct crypt_device *cd = reencstart_load(r->device);

	if (cd)
		reencstart_free(cd);
	return cd != NULL;
}

/* Brings such a start to its end, once PASS has opened it. Returns 0, or an
 * error that r->msg explains: -EPERM is a wrong passphrase.
 */
int FAST_FUNC reencrypt_finish_start(struct reencrypt *r, const struct secret *pass)
{
	struct crypt_device *cd;
	int err;

	r->msg[0] = '\0';
	/* An earlier try has brought it there */
	if (reencrypt_state(r) != REENCRYPT_NO_HEADER)
		return 0;
	cd = reencstart_load(r->device);
	if (!cd)
		return explain(r, -EINVAL, "the copy of its header is gone");
	crypt_set_log_callback(cd, keep_error, r);
	err = crypt_activate_by_passphrase(cd, NULL, CRYPT_ANY_SLOT, pass->data, pass->len, 0);
	if (err >= 0)
		err = reencstart_mend(cd);
	reencstart_free(cd);
	return err < 0 ? note_error(r, err) : 0;
}

/* --- from hot zone to hot zone --- */

/* The encryption was cut at its end. The passphrase is what shows that it is
 * for its owner to go on.
 */
static int finish(struct reencrypt *r, const struct secret *pass)
{
	int err = crypt_activate_by_passphrase(r->cd, NULL, CRYPT_ANY_SLOT, pass->data, pass->len, 0);

	if (err >= 0)
		err = reencend_mend(r->cd);
	if (err < 0)
		return note_error(r, err);
	return reencrypt_state(r);
}

/* Opens the reencryption on the device with PASS: recovers the hot zone that
 * a cut has left, then makes ready for reencrypt_run(). The passphrase is not
 * needed any more then. Returns a REENCRYPT_* state or an error that r->msg
 * explains: -EPERM is a wrong passphrase.
 */
int FAST_FUNC reencrypt_open(struct reencrypt *r, const struct secret *pass)
{
	struct crypt_params_reencrypt params;
	int err, state;

	err = open_luks2(r, NULL, &r->cd);
	if (err < 0)
		return err;
	if (crypt_reencrypt_status(r->cd, &params) == CRYPT_REENCRYPT_CRASH) {
		params.flags |= CRYPT_REENCRYPT_RECOVERY;
		err = crypt_reencrypt_init_by_passphrase(r->cd, NULL, pass->data, pass->len,
			CRYPT_ANY_SLOT, CRYPT_ANY_SLOT, NULL, NULL, &params);
		if (err < 0)
			return note_error(r, err);
		r->recovered = 1;
	}
	state = state_of(r->cd);
	if (state == REENCRYPT_ENDED)
		return finish(r, pass);
	if (state != REENCRYPT_BEGUN)
		return state;
	memset(&params, 0, sizeof(params));
	params.flags = CRYPT_REENCRYPT_RESUME_ONLY;
	params.max_hotzone_size = hotzone_sectors(r);
	err = crypt_reencrypt_init_by_passphrase(r->cd, NULL, pass->data, pass->len,
		CRYPT_ANY_SLOT, CRYPT_ANY_SLOT, NULL, NULL, &params);
	return err < 0 ? note_error(r, err) : state;
}

static int on_progress(uint64_t size, uint64_t offset, void *usrptr)
{
	struct reencrypt *r = usrptr;

	return r->progress(r, size, offset);
}

/* Encrypts until the end, or until r->progress() returns nonzero. Returns a
 * REENCRYPT_* state, or an error that r->msg explains.
 */
int FAST_FUNC reencrypt_run(struct reencrypt *r)
{
	int err = crypt_reencrypt_run(r->cd, on_progress, r);

	return err < 0 ? note_error(r, err) : state_of(r->cd);
}

/* Gives back what reencrypt_open() took, keys in memory among it. */
void FAST_FUNC reencrypt_close(struct reencrypt *r)
{
	crypt_free(r->cd);
	r->cd = NULL;
}
