# shellcheck shell=sh
# luksunlock -n: crypttab and the kernel's command line, merged. Nothing is
# opened, so the devices need not be there.

U=01234567-89ab-4def-8123-456789abcdef
U2=11111111-2222-4333-8444-555555555555

# crypttab LINE..., or none
listed() {
	mkdir -p "$T"
	: >"$T/crypttab"
	: >"$T/cmdline"
	mount --bind "$T/cmdline" /proc/cmdline
	[ $# -eq 0 ] || printf '%s\n' "$@" >"$T/crypttab"
}

# list WORD...: what a kernel that was told these words has to open; the
# origins are cut off. What it says is in $T/said, without notes on devices.
list() {
	printf 'BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro %s\n' "$*" >"$T/cmdline"
	"$CHECKED" luksunlock -n -f "$T/crypttab" >"$T/list" 2>"$T/said.all" || :
	grep -v 'is not there now, or' "$T/said.all" >"$T/said" || :
	cut -c -42 "$T/list" | sed 's/ *$//' | tr '\n' ';' | tr -d '\t'
}

# origin OF: where the last list says that this comes from
origin() {
	sed -n "s|^	$1  *||p" "$T/list"
}

said_nothing() {
	same "what it says" "$(cat "$T/said")" ""
}

# says LINE
says() {
	same "what it says" "$(cat "$T/said")" "luksunlock: $1"
}

t_list_each_dialect_names_the_same_root() {
	listed
	wanted="root;UUID=$U;key file=/key:LABEL=STICK;discard;"
	while read -r words; do
		# shellcheck disable=SC2086 # they are words
		same "the list of '$words'" "$(list $words)" "$wanted"
		said_nothing
	done <<-END
		rd.luks.name=$U=root rd.luks.key=$U=/key:LABEL=STICK rd.luks.options=$U=discard
		luks.name=$U=root luks.key=$U=/key:LABEL=STICK luks.options=discard
		rd.luks.uuid=luks-$U rd.luks.name=$U=root rd.luks.key=/key:LABEL=STICK:UUID=$U rd.luks.allow-discards=$U
		rd.luks.name=$U=root rd.luks.key=/key:LABEL=STICK rd.luks.allow-discards
		cryptdevice=UUID=$U:root:allow-discards cryptkey=LABEL=STICK:ext4:/key
		crypt_root=UUID=$U root_key=key root_keydev=LABEL=STICK root_trim=yes
		cryptopts=target=root,source=UUID=$U,key=/key:LABEL=STICK,discard,lvm=vg-root
		cryptroot=UUID=$U cryptdm=root cryptkey=/key:LABEL=STICK cryptdiscards
	END
	listed "root UUID=$U /key:LABEL=STICK discard"
	same "the list of crypttab" "$(list)" "$wanted"
}

t_list_each_dialect_names_the_same_header() {
	listed
	wanted="root;/dev/sda2;asks for a passphrase;header=/hdr:LABEL=STICK;"
	while read -r words; do
		# shellcheck disable=SC2086 # they are words
		same "the list of '$words'" "$(list $words)" "$wanted"
		said_nothing
	done <<-END
		rd.luks.header=$U=/hdr:LABEL=STICK rd.luks.data=$U=/dev/sda2 rd.luks.name=$U=root
		cryptdevice=/dev/sda2:root:header=/hdr:LABEL=STICK
		crypt_root=/dev/sda2 root_headerdev=LABEL=STICK root_header=/hdr
		cryptopts=source=/dev/sda2,header=/hdr:LABEL=STICK,target=root
		cryptheader=/hdr:LABEL=STICK cryptroot=/dev/sda2 cryptdm=root
	END
	listed "root /dev/sda2 none header=/hdr:LABEL=STICK"
	same "the list of crypttab" "$(list)" "$wanted"
}

t_list_each_dialect_names_the_same_part_of_a_device() {
	listed
	wanted="root;/dev/sda2;key file=/dev/sdb;keyfile-offset=512;keyfile-size=64;"
	same "Arch" "$(list cryptdevice=/dev/sda2:root cryptkey=/dev/sdb:512:64)" "$wanted"
	same "Alpine" "$(list cryptroot=/dev/sda2 cryptkey=/dev/sdb:512:64)" "$wanted"
	listed "root /dev/sda2 /dev/sdb keyfile-offset=512,keyfile-size=64"
	same "crypttab" "$(list)" "$wanted"
}

t_list_each_dialect_names_a_key_of_the_early_root() {
	listed
	wanted="root;/dev/sda2;key file=/etc/key;"
	same "Arch" "$(list cryptdevice=/dev/sda2:root cryptkey=rootfs:/etc/key)" "$wanted"
	same "genkernel" "$(list crypt_root=/dev/sda2 root_key=/etc/key)" "$wanted"
	same "Alpine" "$(list cryptroot=/dev/sda2 cryptkey=/etc/key)" "$wanted"
	same "Alpine" "$(list cryptroot=/dev/sda2 cryptkey=yes)" "root;/dev/sda2;key file=/crypto_keyfile.bin;"
}

# A second one of this name could not be opened.
t_list_volume_of_crypttab_named_by_its_uuid() {
	listed "luks-$U /dev/sda2 none luks"
	same "the list" "$(list rd.luks.uuid=$U)" "luks-$U;/dev/sda2;asks for a passphrase;luks;"
	said_nothing
}

t_list_genkernel_has_swap_too() {
	listed
	same "the list" "$(list crypt_root=/dev/sda2 crypt_swap=/dev/sda3 swap_key=/k swap_keydev=LABEL=STICK key_timeout=5)" \
		"root;/dev/sda2;asks for a passphrase;keyfile-timeout=5;swap;/dev/sda3;key file=/k:LABEL=STICK;keyfile-timeout=5;"
	said_nothing
}

t_list_command_line_beats_crypttab_option_by_option() {
	listed "root UUID=$U /etc/key luks,tries=3,discard,key-slot=1"
	same "the list" "$(list rd.luks.options=$U=tries=5,readonly rd.luks.key=$U=/other)" \
		"root;UUID=$U;key file=/other;luks;discard;key-slot=1;tries=5;readonly;"
	same "the origin of tries" "$(origin tries=5)" "rd.luks.options=$U=tries=5,readonly"
	same "the origin of discard" "$(origin discard)" "$T/crypttab:1"
	same "the origin of the key" "$(origin 'key file=/other')" "rd.luks.key=$U=/other"
	same "the origin of the volume" "$(origin "UUID=$U")" "$T/crypttab:1"
}

t_list_uuid_is_found_in_either_spelling() {
	listed "root /dev/disk/by-uuid/$U" "home UUID=$(echo $U2 | tr 5 A)"
	list rd.luks.options=$U=tries=1 "rd.luks.options=$(echo $U2 | tr 5 a)=tries=2" >/dev/null
	same "the options" "$(grep -o 'tries=[12] ' "$T/list" | tr -d ' \n')" tries=1tries=2
}

t_list_options_without_uuid_are_for_all_but_weaker() {
	listed "a UUID=$U none tries=9" "b UUID=$U2"
	same "the list" "$(list rd.luks.options=tries=3 rd.luks.options=$U2=tries=4 rd.luks.timeout=30)" \
		"a;UUID=$U;asks for a passphrase;tries=3;timeout=30;b;UUID=$U2;asks for a passphrase;timeout=30;tries=4;"
}

t_list_key_without_uuid_is_for_those_that_have_none() {
	listed "a UUID=$U /etc/a" "b UUID=$U2"
	same "the list" "$(list rd.luks.key=/etc/all)" "a;UUID=$U;key file=/etc/a;b;UUID=$U2;key file=/etc/all;"
}

t_list_uuid_alone_has_the_name_that_systemd_gives_it() {
	listed
	same "the list" "$(list rd.luks.uuid=$U)" "luks-$U;UUID=$U;asks for a passphrase;"
	listed "root UUID=$U"
	same "the list" "$(list rd.luks.uuid=$U)" "root;UUID=$U;asks for a passphrase;"
}

t_list_name_of_crypttab_gets_another_device() {
	listed "root /dev/sda2 none discard" "home /dev/sda3"
	same "the list" "$(list rd.luks.name=$U=root)" \
		"root;UUID=$U;asks for a passphrase;discard;home;/dev/sda3;asks for a passphrase;"
	same "the origin" "$(origin "UUID=$U")" "rd.luks.name=$U=root"
}

t_list_device_of_crypttab_gets_another_name() {
	listed "root UUID=$U none discard"
	same "the list" "$(list rd.luks.name=$U=other)" "other;UUID=$U;asks for a passphrase;discard;"
	listed "root UUID=$U none discard" "other UUID=$U2"
	same "the list" "$(list rd.luks.name=$U=other)" "other;UUID=$U;asks for a passphrase;discard;"
	says "note: rd.luks.name=$U=other: it takes the place of other of $T/crypttab:2"
}

t_list_noauto_is_opened_when_it_is_named() {
	listed "root UUID=$U none noauto" "home UUID=$U2 none noauto"
	same "the list" "$(list)" ""
	same "the list" "$(list rd.luks.uuid=$U)" "root;UUID=$U;asks for a passphrase;noauto;"
}

t_list_can_be_switched_off() {
	listed "root UUID=$U"
	same "the list" "$(list rd.luks=0 rd.luks.name=$U2=b)" ""
	says "note: rd.luks=0 is on the kernel's command line: no volume is opened"
	same "the list" "$(list luks=no)" ""
	same "the list" "$(list rd.luks.crypttab=0 rd.luks.name=$U2=b)" "b;UUID=$U2;asks for a passphrase;"
	says "note: rd.luks.crypttab=0 is on the kernel's command line: $T/crypttab is not read"
	same "the list" "$(list rd.luks=1 rd.luks.crypttab=yes)" "root;UUID=$U;asks for a passphrase;"
	said_nothing
	list rd.luks=perhaps >/dev/null
	says "rd.luks=perhaps: its value is neither yes nor no; it is left out"
}

# left_out WORD WHY: it is said, and crypttab's volume stays
left_out() {
	same "the list with '$1'" "$(list "$1" | cut -d';' -f1)" root
	says "$1: $2; it is left out"
	printf '%s\n' "$1" >"$T/cmdline"
	! "$CHECKED" luksunlock -n -f "$T/crypttab" >/dev/null 2>&1 || fail "'$1' is no fault"
}

t_list_what_is_not_understood_is_said() {
	listed "root UUID=$U"
	left_out rd.luks.bogus=1 "that is not understood"
	left_out luks.partuuid=1 "that is not understood"
	left_out rd.luks.uuid=1234 "that is no UUID of LUKS"
	left_out rd.luks.name=root "wanted is UUID=NAME"
	left_out rd.luks.name=$U=a/b "wanted is UUID=NAME"
	left_out cryptdevice=/dev/b:../b "that is no name of a mapping"
	left_out cryptopts=source=/dev/b,target=.. "that is no name of a mapping"
	left_out cryptdevice=:root "it names no device"
	left_out crypt_swap= "it names no device"
	left_out rd.luks.data=$U= "wanted is UUID=DEVICE"
	left_out rd.luks.key=$U2=/k "no volume has this UUID"
	left_out rd.luks.options=$U2=discard "no volume has this UUID"
	left_out rd.luks.key=/k:LABEL=STICK:/dev/none "no volume has this device"
	left_out rd.luks.data=/dev/sda2 "wanted is UUID=DEVICE"
	left_out rd.luks.options "it has no value"
	left_out cryptopts=target=a "it has no source="
	left_out crypto=sha512:aes-xts-plain64:512:0: "that is for volumes without a LUKS header"
	left_out swap_key=/k "there is no crypt_swap= whose it is"
	left_out crypt_swap_options=--allow-discards "there is no volume whose it is"
	left_out cryptkey=EXEC=/bin/x "no command is run for a key"
	left_out cryptoffset=4096 "where the data begins is said by the header"
}

t_list_genkernel_options_are_those_of_cryptsetup() {
	listed
	same "the list" "$(list crypt_root=/dev/sda2 crypt_root_options=--allow-discards,--perf-no_read_workqueue)" \
		"root;/dev/sda2;asks for a passphrase;discard;no-read-workqueue;"
	said_nothing
}

t_list_words_of_a_dialect_are_for_the_volume_of_crypttab_too() {
	listed "root UUID=$U none luks" "home UUID=$U2"
	same "the list" "$(list root_key=/k root_keydev=LABEL=STICK)" \
		"root;UUID=$U;key file=/k:LABEL=STICK;luks;home;UUID=$U2;asks for a passphrase;"
	said_nothing
}

t_list_gnupg_key_is_refused() {
	listed
	same "the list" "$(list crypt_root=/dev/sda2 root_key=/k.gpg)" "root;/dev/sda2;asks for a passphrase;"
	says "root_key=/k.gpg: a key file that GnuPG has encrypted is not read; it is left out"
}

t_list_mixed_dialects_are_noted_once() {
	listed
	list rd.luks.name=$U=root cryptdevice=/dev/sda3:home:discard crypt_swap=/dev/sda4 >/dev/null
	says "note: the kernel's command line has words of systemd and of Arch; all are followed"
	same "the volumes" "$(grep -cv '^	' "$T/list")" 3
}

t_list_with_a_root_reads_no_command_line() {
	listed
	mkdir -p "$T/root/etc"
	echo "root UUID=$U" >"$T/root/etc/crypttab"
	echo "rd.luks.name=$U2=b" >"$T/cmdline"
	"$CHECKED" luksunlock -n -R "$T/root" >"$T/list" 2>/dev/null
	same "the volumes" "$(grep -v '^	' "$T/list")" root
}

t_list_of_a_user_needs_no_rights() {
	listed "root /dev/sda2 none discard"
	# a user namespace without a mapping: nobody
	unshare -U "$CHECKED" luksunlock -n -f "$T/crypttab" >"$T/list" 2>&1 \
	|| fail "$(cat "$T/list")"
	grep -q '^root$' "$T/list" || fail "$(cat "$T/list")"
}

t_list_looks_at_headers() {
	listed "root $T/root.img none key-slot=3" "home $T/home.img"
	truncate -s 17M "$T/root.img" "$T/home.img"
	printf right | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 \
		--pbkdf-force-iterations 1000 "$T/root.img" -
	list >/dev/null
	says "root ($T/root.img): its key slot 3 is not in use
luksunlock: home ($T/home.img): not a LUKS device"
	listed "root $T/root.img none key-slot=0"
	list >/dev/null
	said_nothing
}
