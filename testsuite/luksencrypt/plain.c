/*
 * plain IMAGE OFFSET KEY_FILE OUT: decrypt what is encrypted at OFFSET (bytes)
 * of IMAGE. By OpenSSL and the specification of the format, and not by the
 * code that is tested: AES-XTS, sectors of 512 bytes, numbered from the data's
 * start.
 */
#include <libcryptsetup.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512, KEY = 64, HEADER = 1024 * 1024, MAX_OFFSET = 128 * HEADER };

static void die(const char *what)
{
	fprintf(stderr, "plain: %s\n", what);
	exit(2);
}

static FILE *open_file(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (!f)
		die(path);
	return f;
}

/* The header alone, in a file of its own: libcryptsetup knows no offsets. */
static void copy_header(FILE *image, long offset, const char *path)
{
	char *data = malloc(HEADER);
	FILE *f = fopen(path, "wb");

	if (!data || !f || fseek(image, offset, SEEK_SET) != 0
	 || fread(data, HEADER, 1, image) != 1 || fwrite(data, HEADER, 1, f) != 1
	 || fflush(f) != 0 || ftruncate(fileno(f), MAX_OFFSET) != 0 || fclose(f) != 0
	)
		die("the header can't be copied");
	free(data);
}

/* The volume key, and where the data begins */
static uint64_t unlock(const char *header, const char *key_file, unsigned char *key)
{
	struct crypt_device *cd;
	char pass[512];
	size_t len, size = KEY;
	uint64_t offset;
	FILE *f = open_file(key_file);

	len = fread(pass, 1, sizeof(pass), f);
	fclose(f);
	if (crypt_init(&cd, header) < 0 || crypt_load(cd, CRYPT_LUKS2, NULL) < 0)
		die("no LUKS2 header");
	if (crypt_reencrypt_status(cd, NULL) != CRYPT_REENCRYPT_NONE)
		die("reencryption is not at its end");
	if (crypt_volume_key_get(cd, CRYPT_ANY_SLOT, (char *)key, &size, pass, len) < 0 || size != KEY)
		die("no key");
	offset = crypt_get_data_offset(cd) * SECTOR;
	crypt_free(cd);
	return offset;
}

/* Whole sectors to the end of IMAGE; OUT gets holes where zeros were. */
static void decrypt(FILE *image, FILE *out, const unsigned char *key)
{
	static const unsigned char zero[SECTOR];
	unsigned char iv[16], in[SECTOR], clear[SECTOR];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint64_t sector;
	unsigned i;
	int len;

	for (sector = 0; fread(in, SECTOR, 1, image) == 1; sector++) {
		memset(iv, 0, sizeof(iv));
		for (i = 0; i < 8; i++)
			iv[i] = sector >> (8 * i);
		if (!EVP_DecryptInit_ex(ctx, EVP_aes_256_xts(), NULL, key, iv)
		 || !EVP_DecryptUpdate(ctx, clear, &len, in, SECTOR)
		)
			die("OpenSSL");
		if (memcmp(clear, zero, SECTOR) == 0) {
			if (fseek(out, SECTOR, SEEK_CUR) != 0)
				die("seek");
		} else if (fwrite(clear, SECTOR, 1, out) != 1) {
			die("write");
		}
	}
	if (fflush(out) != 0 || ftruncate(fileno(out), sector * SECTOR) != 0)
		die("write");
}

int main(int argc, char **argv)
{
	unsigned char key[KEY];
	FILE *image, *out;
	uint64_t at;
	long offset;

	if (argc != 5)
		die("usage: plain IMAGE OFFSET KEY_FILE OUT");
	image = open_file(argv[1]);
	offset = atol(argv[2]);
	copy_header(image, offset, argv[4]);
	at = unlock(argv[4], argv[3], key);
	out = fopen(argv[4], "wb");
	if (!out || fseek(image, offset + at, SEEK_SET) != 0)
		die(argv[4]);
	decrypt(image, out, key);
	return 0;
}
