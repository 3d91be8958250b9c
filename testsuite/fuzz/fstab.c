/*
 * Fuzzes what says what is mounted: fstab, and the words for the real root on
 * the kernel's command line (applets/realroot.c, earlyinit.c, bootargs.c).
 *
 * Beside what the sanitizers see, it is a fault where
 * - the plan can't be made, or a stage of it has no words;
 * - the real root is mounted without "ro" in front of all;
 * - words that are wrong are said without end.
 */
#include "root.h"
#include "realroot.c"

static const char dirs[] = "/etc\0" "/proc\0" "/proc/self\0" "/init.d\0" "/sbin\0" "/run\0";
static const char names[] = "/etc/fstab\0" "/proc/cmdline\0" "/proc/self/mounts\0" "/proc/filesystems\0";

static int plan(void)
{
	struct realroot r;
	struct mntent m;
	char buf[1024], *text;
	const struct stage *s;
	unsigned pos = 0, words = 0;
	const struct bootarg *a;
	FILE *f;

	INIT_G();
	G.args = bootargs_read();
	for (a = G.args; a->name; a++)
		words++;
	earlyinit_make_plan();
	for (s = G.stages; s->name; s++) {
		if (s->builtin && !*(text = s->builtin->plan()))
			fuzz_fault("%s does nothing", s->name);
	}
	while ((text = earlyinit_bad_word(&pos)) != NULL) {
		if (!*text || pos > words)
			fuzz_fault("a wrong word that is none");
	}
	realroot_find(&r);
	if (r.spec && (!r.type || !r.options))
		fuzz_fault("the real root has no type or options");
	text = mount_options(r.options);
	if (!is_prefixed_with(text, "ro") || (text[2] && text[2] != ','))
		fuzz_fault("the real root is mounted with '%s'", text);
	realroot_timeout_s();
	has_image("/etc/fstab", argument("real_resume_offset"));
	f = setmntent("/etc/fstab", "r");
	while (f && fstab_next(f, &m, buf, sizeof(buf))) {
		if (fstab_is_wanted(&m)) {
			if (m.mnt_dir[0] != '/' || strcmp(m.mnt_dir, REAL_ROOT) == 0)
				fuzz_fault("00-mounts mounts '%s'", m.mnt_dir);
			fstab_is_on_device(&m);
			mounted_at(m.mnt_dir);
		}
	}
	if (f)
		endmntent(f);
	on_rootfs();
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc UNUSED_PARAM, char ***argv UNUSED_PARAM)
{
	fuzz_init(dirs);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_sections(data, size, names, fuzz_text);
	fuzz_fork_result = -1;
	if (fuzz_run(plan) != 0)
		fuzz_fault("it died");
	fuzz_end();
	return 0;
}
