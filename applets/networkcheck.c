/* vi: set sw=4 ts=4: */
/*
 * Whether the network of early userspace will come up, as mkboot sets it up:
 * /etc/network/early, interfaces(5), and the DHCP client's script. Without it
 * nobody comes by SSH; so it counts where a stage starts an SSH server.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
//kbuild:lib-$(CONFIG_EARLYINIT) += networkcheck.o

#include "bootcheck.h"

static const char early[] ALIGN1 = "/etc/network/early";
static const char interfaces[] ALIGN1 = "/etc/network/interfaces";
static const char dhcp_script[] ALIGN1 = "/usr/share/udhcpc/default.script";

/* What ifup, or the script, can't do without */
static void check_names(const char *names, const char *who)
{
	for (; *names; names += strlen(names) + 1) {
		char *path = find_program(names);

		if (!path)
			fault("%s needs %s, and there is no such name in /bin, /sbin, /usr/bin or /usr/sbin; "
				"link it to busybox", who, names);
		free(path);
	}
}

static void check_dhcp(void)
{
	char *real = in_root(dhcp_script);

	check_names("udhcpc\0", interfaces);
	/* udhcpc executes it, and as root */
	if (script_check(dhcp_script) && access(real, X_OK) != 0)
		fault("%s is not executable, so an address by DHCP is never set; chmod 755 it", dhcp_script);
	free(real);
}

/* A name behind "auto" that has a stanza is what is brought up. */
static void check_interfaces(const char *real)
{
	char *field[4];
	llist_t *wanted = NULL;
	bool dhcp = 0, any = 0;
	parser_t *parser;

	if (!is_readable(real, interfaces))
		return;
	parser = config_open2(real, fopen_for_read);
	while (parser && config_read(parser, field, 4, 1, "# \t", PARSE_NORMAL)) {
		if (strcmp(field[0], "auto") == 0 && field[1]) {
			char *names = xasprintf("%s %s %s", field[1], field[2] ? field[2] : "", field[3] ? field[3] : "");
			char *name;

			while ((name = strsep(&names, " \t")) != NULL)
				llist_add_to(&wanted, name);
		}
		if (strcmp(field[0], "iface") == 0 && field[1] && field[2] && field[3]
		 && llist_find_str(wanted, field[1])
		) {
			any = 1;
			dhcp |= strcmp(field[3], "dhcp") == 0;
		}
	}
	config_close(parser);
	if (!any)
		fault("%s brings up nothing: it takes a line \"auto NAME\" and one \"iface NAME FAMILY METHOD\"; "
			"mkboot --net writes it", interfaces);
	if (dhcp)
		check_dhcp();
}

/* ifup fails where run-parts finds no directory. */
static void check_directories(void)
{
	static const char dirs[] ALIGN1 = "pre-up\0" "up\0";
	const char *dir;

	for (dir = dirs; *dir; dir += strlen(dir) + 1) {
		char *path = xasprintf("/etc/network/if-%s.d", dir);

		check_directory(path, "ifup");
		free(path);
	}
}

/* Checks the network, where an SSH server waits for somebody to come by it. */
void FAST_FUNC network_check(void)
{
	char *real = in_root(interfaces);

	if (!fragments_run(early, "50-luksunlock")) {
		/* one of the user's own is not looked into */
		if (bootcheck_asked("net", NULL)
		 && !fragments_say("ifup\0" "udhcpc\0" "ifconfig\0" "ip addr\0" "ip link\0", "", "50-luksunlock")
		)
			fault("/etc/mkboot.conf has a line net=, and no stage brings up the network, so nobody can come by SSH; "
				"mkboot writes /init.d/10-network");
		goto end;
	}
	if (!script_check(early))
		goto end;
	check_names("awk\0" "ip\0" "ifup\0" "run-parts\0" "sh\0", early);
	if (fragments_run("setsid", "50-luksunlock"))
		check_names("setsid\0", "/init.d/10-network");
	check_directories();
	if (access(real, F_OK) == 0 || errno != ENOENT)
		check_interfaces(real);
	else if (bootargs_get(G.args, "ip"))
		check_dhcp();
	else if (bootcheck_asked("net", "cmdline"))
		/* it can be typed at the loader, or be in the kernel itself */
		note("the kernel's arguments have no ip=, so nobody can come by SSH unless the boot loader adds one");
	else
		fault("there is no %s, and the kernel's arguments have no ip=, so nobody can come by SSH; "
			"mkboot --net writes it", interfaces);
 end:
	free(real);
}
