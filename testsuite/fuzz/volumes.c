/*
 * Fuzzes what says which volumes there are: crypttab, the words for LUKS on the
 * kernel's command line, in all dialects, and in both the places of key files
 * and headers (applets/volumes.c, luksargs.c, bootargs.c, places.c, lukslist.c).
 *
 * Beside what the sanitizers see, it is a fault where
 * - a volume has a name that can't be one of a mapping, or that another has;
 * - a volume that is not to be opened is in the list;
 * - a key or a header is set and lies nowhere;
 * - a fault is said in more than a line.
 */
#include "root.h"

static const char dirs[] = "/etc\0" "/proc\0" "/run\0";
static const char names[] = "/etc/crypttab\0" "/proc/cmdline\0";

static void on_line(const char *line)
{
	if (!*line || strchr(line, '\n'))
		fuzz_fault("no line: '%s'", line);
}

static void check_place(const struct place *p)
{
	if (p->text ? !p->path && !p->spec : p->path || p->spec)
		fuzz_fault("a place that is none: %s", p->text ? p->text : "(nothing)");
	if (p->path && p->path[0] != '/')
		fuzz_fault("no absolute path: %s", p->path);
}

static void check_volume(const struct volume *v)
{
	const struct volume *other;
	const struct setting *s;

	if (!*v->name || strchr(v->name, '/'))
		fuzz_fault("'%s' is no name of a mapping (%s)", v->name, v->origin);
	for (other = v->next; other; other = other->next) {
		if (strcmp(other->name, v->name) == 0)
			fuzz_fault("two volumes are %s (%s, %s)", v->name, v->origin, other->origin);
	}
	if (v->noauto)
		fuzz_fault("%s is not to be opened", v->name);
	if (v->keyslot < -1 || v->keyslot > 31 || v->key_offset > INT64_MAX)
		fuzz_fault("a number of %s is out of its range", v->name);
	if (!*v->spec)
		fuzz_fault("%s has no device (%s)", v->name, v->origin);
	check_place(&v->key);
	check_place(&v->header);
	for (s = v->settings; s; s = s->next) {
		if (!*s->text || !*s->origin)
			fuzz_fault("an empty setting of %s", v->name);
	}
}

static int find(void)
{
	struct volume *list = volumes_find("/etc/crypttab", bootargs_read()), *v;

	for (v = list; v; v = v->next)
		check_volume(v);
	return 0;
}

/* Its child looks at the first of them; the library is not asked. */
static int list(void)
{
	return volumes_list("/etc/crypttab", NULL);
}

void FAST_FUNC __wrap_unlock_check(struct volume *v, const char *header);
void FAST_FUNC __wrap_unlock_check(struct volume *v, const char *header UNUSED_PARAM)
{
	snprintf(v->attempt->msg, sizeof(v->attempt->msg), "not a LUKS device");
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc UNUSED_PARAM, char ***argv UNUSED_PARAM)
{
	fuzz_init(dirs);
	fuzz_said = volumes_say = on_line;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_sections(data, size, names, fuzz_text);
	fuzz_fork_result = -1;
	fuzz_run(find);
	fuzz_fork_result = 0;
	fuzz_run(list);
	fuzz_end();
	return 0;
}
