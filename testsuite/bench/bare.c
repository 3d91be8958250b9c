/*
 * bare HEADER <PASSPHRASE: what is necessary to try a passphrase, and nothing
 * else. Its exit status is 0 if it fits.
 */
#include <libcryptsetup.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct crypt_device *cd;
	char passphrase[512];
	ssize_t len = read(0, passphrase, sizeof(passphrase));

	return argc != 2 || len <= 0
		|| crypt_init(&cd, argv[1]) < 0
		|| crypt_load(cd, CRYPT_LUKS, NULL) < 0
		|| crypt_activate_by_passphrase(cd, NULL, CRYPT_ANY_SLOT, passphrase, len, 0) < 0;
}
