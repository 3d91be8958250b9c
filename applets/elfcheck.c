/* vi: set sw=4 ts=4: */
/*
 * Whether a program of a boot device is whole, and has its libraries there.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += elfcheck.o

#include <link.h>
#include <sys/mman.h>
#include "bootcheck.h"

struct elf {
	const char *map;
	size_t size;
	const ElfW(Ehdr) *head;
	const ElfW(Phdr) *segments;
};

/* Returns where the address ADDR of the program lies in the file, with LEN
 * bytes behind it; NULL: nowhere.
 */
static const char *at_address(const struct elf *e, ElfW(Addr) addr, size_t len)
{
	unsigned i;

	for (i = 0; i < e->head->e_phnum; i++) {
		const ElfW(Phdr) *p = &e->segments[i];

		if (p->p_type == PT_LOAD && addr >= p->p_vaddr
		 && addr - p->p_vaddr <= p->p_filesz && len <= p->p_filesz - (addr - p->p_vaddr)
		)
			return e->map + p->p_offset + (addr - p->p_vaddr);
	}
	return NULL;
}

/* Fills in the headers of E, whose file is mapped. Returns 0 where the file is
 * no program of this word size, or is cut off.
 */
static bool read_headers(struct elf *e)
{
	unsigned i;

	e->head = (void *)e->map;
	if (e->size < sizeof(*e->head) || memcmp(e->map, ELFMAG, SELFMAG) != 0
	 || e->head->e_phoff > e->size || e->head->e_phoff % sizeof(long)
	 || e->head->e_phentsize != sizeof(e->segments[0])
	 || e->head->e_phnum > (e->size - e->head->e_phoff) / sizeof(e->segments[0])
	)
		return 0;
	e->segments = (void *)(e->map + e->head->e_phoff);
	for (i = 0; i < e->head->e_phnum; i++) {
		const ElfW(Phdr) *p = &e->segments[i];

		/* the section headers behind all of these nobody loads */
		if (p->p_offset > e->size || p->p_filesz > e->size - p->p_offset)
			return 0;
		if (p->p_type == PT_DYNAMIC && p->p_offset % sizeof(long))
			return 0;
	}
	return 1;
}

/* Finds NAME in a directory of libraries, or one below it: some distributions
 * have them by architecture. Returns its path in the early root, or NULL.
 */
static char *find_library(const char *name)
{
	static const char dirs[] ALIGN1 = "/lib\0" "/lib64\0" "/usr/lib\0" "/usr/lib64\0" "/usr/local/lib\0";
	const char *dir;

	for (dir = dirs; *dir; dir += strlen(dir) + 1) {
		char *path = xasprintf("%s/%s", dir, name);
		struct dirent *e;
		DIR *d;

		if (access(in_root(path), F_OK) == 0)
			return path;
		d = opendir(in_root(dir));
		while (d && (e = readdir(d)) != NULL) {
			if (e->d_name[0] == '.')
				continue;
			path = xasprintf("%s/%s/%s", dir, e->d_name, name);
			if (access(in_root(path), F_OK) == 0) {
				closedir(d);
				return path;
			}
		}
		if (d)
			closedir(d);
	}
	return NULL;
}

static void check_file(const char *name, llist_t **seen);

static void check_library(const char *name, const char *library, llist_t **seen)
{
	char *path;

	if (llist_find_str(*seen, library))
		return;
	llist_add_to(seen, xstrdup(library));
	path = find_library(library);
	if (path)
		check_file(path, seen);
	else
		fault("%s needs the library %s, and it is not below /lib or /usr/lib; copy it there, "
			"or take a static binary", name, library);
}

/* What the dynamic section DYN (SIZE bytes) of E asks for */
static void check_libraries(const char *name, const struct elf *e,
		const ElfW(Dyn) *dyn, size_t size, llist_t **seen)
{
	const ElfW(Dyn) *end = dyn + size / sizeof(*dyn), *d;
	const char *strings = NULL;
	size_t len = 0;

	for (d = dyn; d < end && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_STRSZ)
			len = d->d_un.d_val;
	}
	for (d = dyn; d < end && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_STRTAB)
			strings = at_address(e, d->d_un.d_ptr, len);
	}
	for (d = dyn; strings && d < end && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_NEEDED && d->d_un.d_val < len
		 && memchr(strings + d->d_un.d_val, '\0', len - d->d_un.d_val)
		)
			check_library(name, strings + d->d_un.d_val, seen);
	}
}

/* The file NAME is at E->MAP. */
static void check_map(const char *name, struct elf *e, llist_t **seen)
{
	unsigned i;

	/* a machine of another word size: it can't be looked into from here */
	if (e->size > EI_CLASS && memcmp(e->map, ELFMAG, SELFMAG) == 0
	 && e->map[EI_CLASS] != (sizeof(long) == 8 ? ELFCLASS64 : ELFCLASS32)
	)
		return;
	if (!read_headers(e)) {
		fault("%s is no program, or is cut off; install it again", name);
		return;
	}
	for (i = 0; i < e->head->e_phnum; i++) {
		const ElfW(Phdr) *p = &e->segments[i];
		const char *text = e->map + p->p_offset;

		if (p->p_type == PT_INTERP && p->p_filesz && text[p->p_filesz - 1] == '\0'
		 && !llist_find_str(*seen, text)
		) {
			llist_add_to(seen, xstrdup(text));
			/* libc names it as a library as well */
			llist_add_to(seen, xstrdup(bb_basename(text)));
			if (access(in_root(text), X_OK) == 0)
				check_file(text, seen);
			else
				fault("%s needs %s to start, and it is not there; copy it, or take a static binary",
					name, text);
		}
		if (p->p_type == PT_DYNAMIC)
			check_libraries(name, e, (void *)text, p->p_filesz, seen);
	}
}

static void check_file(const char *name, llist_t **seen)
{
	char *real = in_root(name);
	struct stat st;
	struct elf e;
	int fd;

	if (!is_readable(real, name))
		return;
	/* a FIFO would have it wait for who writes */
	fd = xopen(real, O_RDONLY | O_NONBLOCK);
	xfstat(fd, &st, real);
	if (!S_ISREG(st.st_mode)) {
		fault("%s is no file, and should be a program; install it again", name);
		close(fd);
		free(real);
		return;
	}
	e.size = st.st_size;
	e.map = st.st_size ? mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : "";
	close(fd);
	if (e.map == MAP_FAILED)
		bb_perror_msg_and_die("can't map '%s'", real);
	check_map(name, &e, seen);
	if (st.st_size)
		munmap((void *)e.map, st.st_size);
	free(real);
}

/* Checks the program NAME, a path in the early root, and what it needs there. */
void FAST_FUNC elf_check(const char *name)
{
	llist_t *seen = NULL, *l;

	check_file(name, &seen);
	/* glibc has no link to it, and loads it when a thread of argon2's ends */
	for (l = seen; l; l = l->link) {
		if (is_prefixed_with(l->data, "libcryptsetup.") && llist_find_str(seen, "libc.so.6")) {
			check_library(name, "libgcc_s.so.1", &seen);
			break;
		}
	}
	llist_free(seen, free);
}
