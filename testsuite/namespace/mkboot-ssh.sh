# shellcheck shell=sh
# What mkboot's --ssh and --net put on a boot device. That it works there is seen
# in testsuite/boot.

# made OPTION...: mkboot's status; its words are in $T/said.
made() {
	status=0
	"$HERE/../../scripts/mkboot" --busybox "$BUSYBOX" \
		--luks root=UUID=01234567-89ab-4def-8123-456789abcdef "$@" "$T/boot" >"$T/said" 2>&1 || status=$?
	cat "$T/said"
	return "$status"
}

# refused STATUS TEXT OPTION...: nothing of it is there then
refused() {
	refused_status=$1 refused_text=$2
	shift 2
	status=0
	made "$@" || status=$?
	same "its status" "$status" "$refused_status"
	grep -qF -e "$refused_text" "$T/said" || fail "it does not say: $refused_text"
	[ ! -e "$T/boot/root/.ssh" ] || fail "there are keys all the same"
}

# public NAME: a public key
public() {
	[ -f "$T/$1" ] || ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$T/$1"
	cat "$T/$1.pub"
}

# files: all of the boot device with what is in them
files() {
	(cd "$T/boot" && find . -type f -exec sha256sum {} + | sort -k2)
}

FORBID=no-port-forwarding,no-agent-forwarding,no-X11-forwarding

t_mkboot_ssh_restricts_the_keys_and_leaves_the_terminal() {
	key=$(public one)
	{
		echo '# a comment'
		echo
		echo "$key"
		echo "restrict $key"
		echo "no-pty,no-port-forwarding,command=\"a, \\\"b\\\" c\" $key"
		printf '%s\r\n' "	no-X11-forwarding  $key"
	} >"$T/keys"
	made --net dhcp --ssh "$T/keys" || fail "its status is $?"
	same "authorized_keys" "$(cat "$T/boot/root/.ssh/authorized_keys")" "$(
		echo "$FORBID $key"
		echo "$FORBID $key"
		echo "$FORBID,command=\"a, \\\"b\\\" c\" $key"
		echo "$FORBID $key")"
	same "its modes" "$(stat -c %a "$T/boot/root" "$T/boot/root/.ssh" "$T/boot/root/.ssh/authorized_keys" | tr '\n' ' ')" '700 700 600 '
	grep -q 'option restrict is left out' "$T/said" || fail "it does not say what it leaves out"
}

t_mkboot_ssh_gives_root_no_shell() {
	public one >"$T/keys"
	made --net dhcp --ssh "$T/keys" || fail "its status is $?"
	same "passwd" "$(cat "$T/boot/etc/passwd")" 'root:x:0:0:root:/root:/sbin/luksunlock'
	grep -qx /sbin/luksunlock "$T/boot/etc/shells" || fail "dropbear would let nobody in"
	[ -x "$T/boot/sbin/luksunlock" ] || fail "root's shell is not there"
	[ ! -e "$T/boot/home" ] || fail "there is a home for somebody else"
}

t_mkboot_ssh_shell_is_there_when_told_and_gone_when_told() {
	public one >"$T/keys"
	public two >"$T/keys2"
	made --net dhcp --ssh "$T/keys" --ssh-shell "$T/keys2" || fail "its status is $?"
	same "passwd" "$(cat "$T/boot/etc/passwd")" 'root:x:0:0:root:/root:/sbin/luksunlock
rescue:x:0:0:rescue:/home/rescue:/bin/sh'
	same "authorized_keys" "$(cat "$T/boot/home/rescue/.ssh/authorized_keys")" "$FORBID $(public two)"
	made --ssh-shell none || fail "its status is $?"
	same "passwd" "$(cat "$T/boot/etc/passwd")" 'root:x:0:0:root:/root:/sbin/luksunlock'
	[ ! -e "$T/boot/home/rescue/.ssh/authorized_keys" ] || fail "its keys are left"
}

t_mkboot_ssh_again_changes_nothing_and_needs_no_file() {
	public one >"$T/keys"
	made --net dhcp --ssh "$T/keys" --ssh-port 2222 || fail "its status is $?"
	files >"$T/before"
	grep -q '^dropbear_port=2222$' "$T/boot/init.d/11-dropbear" || fail "the port is another"
	rm "$T/keys"
	made || fail "its status is $?"
	same "the boot device" "$(files)" "$(cat "$T/before")"
}

t_mkboot_ssh_none_takes_it_away_but_for_the_host_keys() {
	public one >"$T/keys"
	made --net dhcp --ssh "$T/keys" || fail "its status is $?"
	(cd "$T/boot/etc/dropbear" && sha256sum ./*_host_key) >"$T/host"
	made --ssh none --net none || fail "its status is $?"
	same "fragments" "$(ls "$T/boot/init.d")" ''
	same "passwd" "$(cat "$T/boot/etc/passwd")" 'root:x:0:0:root:/root:/bin/sh'
	[ ! -e "$T/boot/usr/sbin/dropbear" ] || fail "the server is left"
	made --net dhcp --ssh "$T/keys" || fail "its status is $?"
	same "the host keys" "$(cd "$T/boot/etc/dropbear" && sha256sum ./*_host_key)" "$(cat "$T/host")"
}

t_mkboot_ssh_takes_the_systems_host_keys_when_told() {
	public one >"$T/keys"
	mkdir "$T/ssh"
	ssh-keygen -q -t ecdsa -N '' -f "$T/ssh/ssh_host_ecdsa_key"
	ssh-keygen -q -t rsa -b 2048 -N '' -f "$T/ssh/ssh_host_rsa_key"
	made --net dhcp --ssh "$T/keys" --ssh-host-keys "$T/ssh" || fail "its status is $?"
	grep -q 'not encrypted: who reads the disk can pass for this machine' "$T/said" || fail "the risk is not said"
	for type in ecdsa rsa; do
		same "the $type fingerprint" \
			"$(grep -o 'SHA256:.*' "$T/boot/etc/dropbear/fingerprints" | grep -cF "$(ssh-keygen -lf "$T/ssh/ssh_host_${type}_key.pub" | cut -d' ' -f2)")" 1
	done
	made --ssh-host-keys own || fail "its status is $?"
	for type in ecdsa rsa; do
		! grep -qF "$(ssh-keygen -lf "$T/ssh/ssh_host_${type}_key.pub" | cut -d' ' -f2)" "$T/boot/etc/dropbear/fingerprints" \
		|| fail "the system's $type key is left"
	done
	[ ! -e "$T/boot/etc/dropbear/dropbear_rsa_host_key" ] || fail "the system's RSA key is left"
	refused_again=0
	made --ssh-host-keys "$T/none" || refused_again=$?
	same "its status without keys" "$refused_again" 1
}

t_mkboot_ssh_refuses_what_would_let_nobody_in() {
	public one >/dev/null
	refused 1 "$T/one:1: this is a private key" --net dhcp --ssh "$T/one"
	: >"$T/empty"
	refused 1 'there is no public key in it' --net dhcp --ssh "$T/empty"
	echo "from=\"192.0.2.7\" $(public one)" >"$T/from"
	refused 1 'dropbear does not know the option from="192.0.2.7"' --net dhcp --ssh "$T/from"
	echo 'ssh-ed25519 nonsense' >"$T/bad"
	refused 1 "$T/bad:1: this is no public key" --net dhcp --ssh "$T/bad"
	refused 1 "there is no file $T/none" --net dhcp --ssh "$T/none"
	refused 1 "there is no dropbear here" --net dhcp --ssh "$T/one.pub" --ssh-server "$T/none"
	refused 2 '--ssh-shell without --ssh' --net dhcp --ssh-shell "$T/one.pub"
	for each in 0 65536 22x ''; do
		refused 2 '--ssh-port' --net dhcp --ssh "$T/one.pub" --ssh-port "$each"
	done
}

t_mkboot_ssh_leaves_no_shell_of_somebodys_own_passwd() {
	public one >"$T/keys"
	made || fail "its status is $?"
	echo 'root:x:0:0:root:/root:/bin/bash' >"$T/boot/etc/passwd"
	status=0
	made --net dhcp --ssh "$T/keys" || status=$?
	same "its status" "$status" 1
	grep -q "root's shell in .*/etc/passwd is not /sbin/luksunlock" "$T/said" || fail "it does not say why"
	[ ! -e "$T/boot/init.d/11-dropbear" ] || fail "there is a server all the same"
}

t_mkboot_net_writes_interfaces() {
	stanza() {
		made --net "$1" --net-device "${2:-eth0}" || fail "its status is $?"
		same "--net $1" "$(grep -v '^#' "$T/boot/etc/network/interfaces" | tr -d '\t')" "$(cat)"
	}
	stanza dhcp <<-'END'
		auto eth0
		iface eth0 inet dhcp
		udhcpc_opts -A 3
	END
	made --net-hostname server --net-client-id 01:52:54:00:ab:12:34 || fail "its status is $?"
	# given once, they stay in force
	stanza dhcp <<-'END'
		auto eth0
		iface eth0 inet dhcp
		hostname server
		udhcpc_opts -A 3 -x 0x3d:01525400ab1234
	END
	made --net-hostname none --net-client-id none || fail "its status is $?"
	stanza dhcp <<-'END'
		auto eth0
		iface eth0 inet dhcp
		udhcpc_opts -A 3
	END
	stanza 192.0.2.7/26,192.0.2.1 52:54:00:ab:12:34 <<-'END'
		auto 52:54:00:ab:12:34
		iface 52:54:00:ab:12:34 inet static
		address 192.0.2.7
		netmask 255.255.255.192
		gateway 192.0.2.1
	END
	stanza 2001:db8::7/64,fe80::1 'eth*' <<-'END'
		auto eth*
		iface eth* inet6 static
		address 2001:db8::7
		netmask 64
		gateway fe80::1
	END
	stanza auto6 eth0.5 <<-'END'
		auto eth0.5
		iface eth0.5 inet6 manual
		up ip link set up dev $IFACE
	END
	made --net cmdline || fail "its status is $?"
	[ ! -e "$T/boot/etc/network/interfaces" ] || fail "interfaces is left"
	[ -e "$T/boot/init.d/10-network" ] || fail "10-network is not there"
	for each in 192.0.2.7 192.0.2.7/33 192.0.2.700/24 192.0.2.7/24,x 2001:db8::7 2001:db8::7/129 g::1/64 static; do
		status=0
		made --net "$each" || status=$?
		same "the status of --net $each" "$status" 2
	done
	for each in hostname=a_b hostname= client-id=1 client-id=0 client-id=012 client-id=xyzw; do
		status=0
		made "--net-$each" || status=$?
		same "the status of --net-$each" "$status" 2
	done
}
