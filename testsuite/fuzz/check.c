/*
 * Fuzzes what "earlyinit -c" reads of a boot device: extlinux.conf, fstab,
 * crypttab, passwd and its like, inittab, fragments, a keymap, host keys, the
 * kernel, programs and libraries (applets/bootcheck.c, bootentry.c, elfcheck.c,
 * fragmentcheck.c, kernelcheck.c, logincheck.c).
 *
 * Program, library and kernel are good ones; their text in the input is bytes
 * that replace some, three for each: where, in two, and the new one.
 *
 * Beside what the sanitizers see, it is a fault where
 * - the check ends before all is checked, because something of it died;
 * - what it says of a fault or a note is not one line, or moves the cursor;
 * - the exit status says another thing than the lines.
 */
#include "root.h"
#include "bootcheck.c"
#include <link.h>

#define R "/r"
static const char dirs[] =
	"/proc\0" "/proc/self\0" "/dev\0" "/sys\0"
	R"\0" R"/bin\0" R"/boot\0" R"/dev\0" R"/etc\0" R"/etc/dropbear\0"
	R"/extlinux\0" R"/init.d\0" R"/lib\0" R"/lib/libdir.so\0" R"/lib64\0" R"/mnt\0"
	R"/proc\0" R"/root\0" R"/root/.ssh\0" R"/run\0" R"/sbin\0" R"/sys\0";
static const char texts[] =
	"/etc/fstab\0" "/etc/crypttab\0" "/etc/passwd\0" "/etc/shadow\0"
	"/etc/shells\0" "/etc/inittab\0" "/etc/mkboot.conf\0" "/etc/keymap\0"
	"/etc/dropbear/ed25519_host_key\0" "/root/.ssh/authorized_keys\0"
	"/extlinux/extlinux.conf\0" "/extlinux/ldlinux.sys\0" "/extlinux/ldlinux.c32\0"
	"/init.d/10-network\0" "/init.d/50-luksunlock\0" "/init.d/88-own\0" "/init.d/99-pivotroot\0"
	"/config\0" "/config-6.1.0\0" "/bin/grep\0";
static const char programs[] = "/sbin/init\0" "/bin/dropbear\0" "/lib/libc.so.6\0" "/lib64/ld.so\0";
static const char kernels[] = "/vmlinuz\0";
static char all[sizeof(texts) + sizeof(programs) + sizeof(kernels)];

static bool fault_said;

static void on_line(const char *line)
{
	const char *p;

	for (p = line; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			fuzz_fault("not one plain line: %s", line);
	}
	if (p == line)
		fuzz_fault("an empty line");
	fault_said |= !is_prefixed_with(line, "note: ");
}

/* --- a program and a kernel --- */

static struct {
	ElfW(Ehdr) head;
	ElfW(Phdr) segments[4];
	ElfW(Dyn) dyn[6];
	char strings[96];
} program;

static uint8_t kernel[8192];

static void make_program(void)
{
	static const char strings[] = "\0libc.so.6\0libdir.so\0libnone.so\0/lib64/ld.so";
	ElfW(Phdr) *p = program.segments;

	memcpy(program.head.e_ident, ELFMAG, SELFMAG);
	program.head.e_ident[EI_CLASS] = sizeof(long) == 8 ? ELFCLASS64 : ELFCLASS32;
	program.head.e_phoff = offsetof(typeof(program), segments);
	program.head.e_phentsize = sizeof(*p);
	program.head.e_phnum = ARRAY_SIZE(program.segments);
	memcpy(program.strings, strings, sizeof(strings));
	p[0].p_type = PT_LOAD;
	p[0].p_vaddr = 0x1000;
	p[0].p_filesz = sizeof(program);
	p[1].p_type = PT_DYNAMIC;
	p[1].p_offset = offsetof(typeof(program), dyn);
	p[1].p_filesz = sizeof(program.dyn);
	p[2].p_type = PT_INTERP;
	p[2].p_offset = offsetof(typeof(program), strings) + 32;
	p[2].p_filesz = sizeof("/lib64/ld.so");
	program.dyn[0].d_tag = DT_STRTAB;
	program.dyn[0].d_un.d_ptr = 0x1000 + offsetof(typeof(program), strings);
	program.dyn[1].d_tag = DT_STRSZ;
	program.dyn[1].d_un.d_val = sizeof(program.strings);
	program.dyn[2].d_tag = program.dyn[3].d_tag = DT_NEEDED;
	program.dyn[2].d_un.d_val = 1;
	program.dyn[3].d_un.d_val = 1;
}

static void make_kernel(void)
{
	kernel[0x1f1] = 1;              /* setup sectors */
	kernel[0x1f4] = 64;             /* the rest, in 16 bytes */
	memcpy(kernel + 0x202, "HdrS", 4);
	kernel[0x206] = 0x0f;           /* protocol 2.15 */
	kernel[0x207] = 0x02;
	kernel[0x20f] = 1;              /* the version is at 0x300 */
	strcpy((char *)kernel + 0x300, "6.1.0 (builder) #1 SMP");
	memcpy(kernel + 1024 + 512, "IKCFG_ST", 8);
}

/* Bytes of BASE that the input replaces */
static void put_changed(const char *real, const void *base, size_t len, const uint8_t *text, size_t size)
{
	uint8_t *copy = xmemdup(base, len);

	for (; size >= 3; size -= 3, text += 3)
		copy[(text[0] | text[1] << 8) % len] = text[2];
	fuzz_file(real, copy, len);
	free(copy);
}

/* --- the run --- */

static void take(const char *name, const uint8_t *text, size_t size)
{
	char real[64];

	sprintf(real, R"%s", name);
	if (index_in_strings(programs, name) >= 0)
		put_changed(real, &program, sizeof(program), text, size);
	else if (index_in_strings(kernels, name) >= 0)
		put_changed(real, kernel, sizeof(kernel), text, size);
	else
		fuzz_file(real, text, size);
}

/* /sbin/init is tried first, and here it can't be. */
static int check(void)
{
	INIT_G();
	G.root = R;
	return bootcheck_main();
}

/* The plan is made from the same files. */
static int plan(void)
{
	const struct stage *s;

	INIT_G();
	G.root = R;
	G.args = bootcheck_default_args();
	earlyinit_make_plan();
	for (s = G.stages; s->name; s++) {
		if (s->from == FROM_BUILTIN)
			s->builtin->plan();
	}
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc UNUSED_PARAM, char ***argv UNUSED_PARAM)
{
	fuzz_init(dirs);
	fuzz_said = on_line;
	make_program();
	make_kernel();
	memcpy(all, texts, sizeof(texts) - 1);
	memcpy(all + sizeof(texts) - 1, programs, sizeof(programs) - 1);
	memcpy(all + sizeof(texts) + sizeof(programs) - 2, kernels, sizeof(kernels));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int status;

	fuzz_sections(data, size, all, take);
	fault_said = 0;
	faults = 0;
	/* As if it started children: none of them can be had */
	fuzz_fork_result = 1 << 30;
	fuzz_wait_result = CANT_TRY;
	status = fuzz_run(check);
	if (status != (faults ? EXIT_FAILURE : EXIT_SUCCESS))
		fuzz_fault("it died with status %d", status);
	if (fault_said && !faults)
		fuzz_fault("a fault was said, and does not count");
	fuzz_fork_result = -1;
	if (fuzz_run(plan) != 0)
		fuzz_fault("it died making the plan");
	fuzz_end();
	return 0;
}
