/* vi: set sw=4 ts=4: */
/*
 * luksunlock -n: what would be opened, and what stands in the way of it.
 *
 * The list goes to standard output, what is wrong to standard error, a line
 * each. A line that begins with "note: " is about no fault: a device that is
 * not there now, say. Nothing is opened, mounted or written.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_LUKSUNLOCK) += lukslist.o

#include <sys/sysinfo.h>
#include "earlyboot.h"

/* Whether any line told of a fault */
static smallint faulty;
/* The volume that is looked at may stay closed: nothing of it stops a boot. */
static smallint only_notes;

static void say(const char *line)
{
	bool is_note = is_prefixed_with(line, "note: ") != NULL;

	if (!is_note && !only_notes)
		faulty = 1;
	bb_error_msg("%s%s", only_notes && !is_note ? "note: " : "", line);
}

static void print_settings(const struct volume *v, bool key)
{
	const struct setting *s;

	for (s = v->settings; s; s = s->next) {
		if ((is_prefixed_with(s->text, "key file=") != NULL) == key)
			printf("\t%-40s %s\n", s->text, s->origin);
	}
}

static void print_volume(const struct volume *v)
{
	printf("%s\n\t%-40s %s\n", v->name, v->spec, v->origin);
	if (!v->key.text)
		printf("\t%s\n", v->headless ? "no key file, and nobody is asked" : "asks for a passphrase");
	print_settings(v, 1);
	print_settings(v, 0);
}

/* PATH as it is below ROOT (or NULL), allocated */
static char *below(const char *root, const char *path)
{
	return root ? concat_path_file(root, path) : xstrdup(path);
}

/* A device that is not there may be plugged in for the boot alone. */
static bool is_here(const struct volume *v, const char *spec, const char *what)
{
	char *ambiguous;
	char *path = devspec_find(spec, &ambiguous);

	if (ambiguous)
		volumes_complain("%s: %s '%s' fits both %s; name one by its /dev path or PARTUUID=",
			v->name, what, spec, ambiguous);
	else if (!path)
		volumes_complain("note: %s: %s '%s' is not there now, or can't be read", v->name, what, spec);
	free(path);
	return path != NULL;
}

static void check_key(const struct volume *v, const char *root)
{
	struct stat st;
	char *path;

	if (!v->key.text)
		return;
	if (v->key.spec && !v->key.path && !v->key_size)
		volumes_complain("%s: key file '%s' is a device: keyfile-size= has to say how much of it is the key",
			v->name, v->key.text);
	if (v->key.spec) {
		is_here(v, v->key.spec, "the key's device");
		return;
	}
	path = below(root, v->key.path);
	if (stat(path, &st) != 0)
		volumes_complain("%s: key file '%s': %s", v->name, path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		volumes_complain("%s: key file '%s' is no file", v->name, path);
	else if ((uint64_t)st.st_size < v->key_offset + v->key_size || st.st_size == 0)
		volumes_complain("%s: key file '%s' is too short", v->name, path);
	else if ((st.st_mode & 077) || (st.st_uid != 0 && st.st_uid != geteuid()))
		volumes_complain("note: %s: key file '%s' can be read by others than root: chmod 600 it", v->name, path);
	free(path);
}

/* The header at PATH, or with NULL at the head of DEVICE */
static void check_header(struct volume *v, const char *device, const char *path)
{
	struct attempt *a = v->attempt;
	const char *where = path ? path : device;
	struct sysinfo info;
	unsigned long long mib;

	safe_strncpy(a->device, device, sizeof(a->device));
	unlock_check(v, path);
	if (a->note[0])
		volumes_complain("%s (%s): %s", v->name, where, a->note);
	if (a->err == -EACCES && !a->loaded && access(where, R_OK) != 0)
		volumes_complain("note: %s (%s): it can't be read without root's rights", v->name, where);
	else if (!a->loaded)
		volumes_complain("%s (%s): %s", v->name, where, a->msg);
	/* The kernel and what else is there at boot take their part */
	sysinfo(&info);
	mib = (unsigned long long)info.totalram * info.mem_unit / (1024 * 1024);
	if (a->loaded && a->kib / 1024 > mib - mib / 8)
		volumes_complain("%s (%s): its key takes %u MiB to derive, this machine has %llu MiB",
			v->name, where, a->kib / 1024, mib);
}

static void check_volume(struct volume *v, const char *root)
{
	char *ambiguous, *device, *header = NULL;

	check_key(v, root);
	if (!is_here(v, v->spec, "device")) {
		/* a header of its own can be looked at all the same */
		if (!v->header.path || v->header.spec)
			return;
	}
	device = devspec_find(v->spec, &ambiguous);
	if (v->header.spec) {
		if (!is_here(v, v->header.spec, "the header's device"))
			goto end;
		if (v->header.path)
			goto end; /* nothing is mounted here */
		header = devspec_find(v->header.spec, &ambiguous);
	} else if (v->header.path) {
		header = below(root, v->header.path);
	}
	if (device || header)
		check_header(v, device ? device : header, header);
 end:
	free(device);
	free(header);
}

/* A library that crashes over a strange header is a fault, and no end */
static void check_in_child(struct volume *v, const char *root)
{
	int status;
	pid_t pid = xfork();

	if (pid == 0) {
		faulty = 0;
		only_notes = v->nofail;
		check_volume(v, root);
		_exit(faulty);
	}
	if (safe_waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		volumes_complain("%s: looking at it ended with signal %u", v->name, WTERMSIG(status));
	else if (WEXITSTATUS(status))
		faulty = 1;
}

/* Lists and checks the volumes of CRYPTTAB and of the kernel's command line.
 * With ROOT (or NULL) it is about the boot of the machine whose early root is
 * there: all paths are below it, and the command line of this one says nothing.
 * Returns the exit status: 1 where something is wrong.
 */
int FAST_FUNC volumes_list(const char *crypttab, const char *root)
{
	struct volume *list, *v;

	volumes_say = say;
	list = volumes_find(below(root, crypttab), root ? NULL : bootargs_read());
	for (v = list; v; v = v->next)
		print_volume(v);
	fflush_all();
	for (v = list; v; v = v->next) {
		v->attempt = xzalloc(sizeof(*v->attempt));
		check_in_child(v, root);
	}
	return faulty;
}
