/*
 * Fuzzes what is read from disks to find out what is on them: superblocks,
 * partition tables, LUKS headers, hibernation images, legs of mirrors, and what
 * sysfs says of them (applets/devspec.c, fsprobe.c, reencstart.c, bootdevice.c,
 * realroot.c; BusyBox's volume_id).
 *
 * The input is a row of pieces: what they go to (WHERE below), their place (4
 * bytes, little-endian), their length (1) and bytes. So an input is small, and
 * the disk has the size that a superblock wants.
 */
#include "root.h"
#include "bootdevice.c"
#include "realroot.c"
#undef BLKROSET
#include <sys/syscall.h>

enum { SIZE = 5 * 1024 * 1024 };

static const char dirs[] =
	"/dev\0" "/proc\0" "/proc/self\0" "/sys\0" "/sys/class\0" "/sys/class/block\0"
	"/sys/block\0" "/sys/block/sda\0" "/sys/block/sda/holders\0"
	"/sys/block/sda/queue\0" "/sys/block/sda/sda1\0" "/sys/block/sda/sda1/holders\0";
static const char *const where[] = {
	"/dev/sda", "/dev/sda1", "/sys/block/sda/sda1/uevent",
	"/sys/block/sda/sda1/partition", "/sys/block/sda/queue/logical_block_size",
};
/* what is looked for: that which a seed has, and what is on no disk */
static const char *const specs[] = {
	"UUID=01020304-0506-0708-090a-0b0c0d0e0f10", "UUID=ABCD-1234", "LABEL=root", "LABEL=",
	"PARTUUID=04030201-0605-0807-090a-0b0c0d0e0f10", "PARTUUID=04030201-01",
	"PARTLABEL=root", "/dev/sda", "/dev/mapper/none", "UUID=",
};

/* The size of a plain file in place of that of a disk */
int __wrap_ioctl(int fd, unsigned long request, void *at);
int __wrap_ioctl(int fd, unsigned long request, void *at)
{
	struct stat st;

	if (request != BLKGETSIZE64 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return -1;
	*(uint64_t *)at = st.st_size;
	return 0;
}

static int look(void)
{
	struct fs fs;
	struct crypt_device *cd;
	char *ambiguous;
	unsigned i;

	INIT_G();
	G.args = xzalloc(sizeof(G.args[0]));
	for (i = 0; i < ARRAY_SIZE(specs); i++)
		devspec_find(specs[i], &ambiguous);
	for (i = 0; i < 2; i++) {
		memset(&fs, 0, sizeof(fs));
		if (fs_find("/dev/sda", i * 4096, &fs) == 1 && !fs.type)
			fuzz_fault("a file system without a type");
		find_type(where[i]);
		is_mirror_leg(where[i]);
		has_image(where[i], i ? "1" : NULL);
	}
	cd = reencstart_load("/dev/sda");
	if (cd)
		reencstart_free(cd);
	return 0;
}

/* The library is not what is looked at here, and wants more than this root. */
int __wrap_crypt_init_data_device(struct crypt_device **cd, const char *device, const char *data_device);
int __wrap_crypt_init_data_device(struct crypt_device **cd, const char *device UNUSED_PARAM, const char *data_device UNUSED_PARAM)
{
	*cd = NULL;
	return -EINVAL;
}

static void make_file(const char *name, const char *text, off_t size)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || full_write(fd, text, strlen(text)) < 0 || (size && ftruncate(fd, size) != 0))
		fuzz_fault("can't write %s", name);
	close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc UNUSED_PARAM, char ***argv UNUSED_PARAM)
{
	fuzz_init(dirs);
	if (symlink("../../block/sda", "/sys/class/block/sda") != 0
	 || symlink("../../block/sda/sda1", "/sys/class/block/sda1") != 0
	)
		fuzz_fault("no /sys");
	make_file("/sys/block/sda/size", "10240\n", 0);
	make_file("/sys/block/sda/sda1/size", "10240\n", 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const texts[] = { "", "", "PARTN=1\n", "1\n", "512\n" };
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(where); i++)
		make_file(where[i], texts[i], i < 2 ? SIZE : 0);
	while (size > 6) {
		unsigned file = data[0] % ARRAY_SIZE(where);
		uint32_t at = data[1] | data[2] << 8 | data[3] << 16 | (uint32_t)data[4] << 24;
		unsigned len = data[5];
		int fd = open(where[file], O_WRONLY);

		data += 6;
		size -= 6;
		len = MIN(len, size);
		if (pwrite(fd, data, len, file < 2 ? at % SIZE : at % 200) < 0)
			fuzz_fault("can't write");
		close(fd);
		data += len;
		size -= len;
	}
	fuzz_fork_result = -1;
	if (fuzz_run(look) != 0)
		fuzz_fault("it died");
	fuzz_end();
	return 0;
}
