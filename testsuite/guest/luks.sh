# shellcheck shell=sh disable=SC2317
# The guest's part of run: as root, with the disk's partitions by name. Each
# case is a function c_NAME.

/busybox mkdir /bb
/busybox --install -s /bb
PATH=$PATH:/bb
mkdir -p /dev/mapper
failed=0

# result NAME WHY: WHY is empty where all is well.
result() {
	if [ -z "$2" ]; then
		echo "PASS $1"
	else
		echo "FAIL $1: $2"
		failed=1
	fi
}

# device PARTITION
device() {
	for block in /sys/class/block/sda?*; do
		if grep -qx "PARTNAME=$1" "$block/uevent"; then
			echo "/dev/${block##*/}"
		fi
	done
}

# unlock KEY ARG...: luksunlock with the key on standard input; STATUS, and its
# words in /said
unlock() {
	key=$1
	shift
	STATUS=0
	printf %s "$key" | /busybox luksunlock "$@" >/said 2>&1 || STATUS=$?
}

close() {
	/busybox luksunlock -x "$1" || echo "$1 does not close: $? "
}

# expect STATUS [RE]: what the last luksunlock did, or why that is wrong. Without
# RE it has to be silent.
expect() {
	if [ "$STATUS" != "$1" ]; then
		echo "the status is $STATUS, wanted $1: $(cat /said) "
	elif [ -z "${2:-}" ] && [ -s /said ]; then
		echo "it said: $(cat /said) "
	elif ! grep -qE -- "${2:-}" /said && [ -n "${2:-}" ]; then
		echo "it said '$(cat /said)', wanted: $2 "
	fi
}

sum() {
	sha256sum <"$1"
}

# table RE: the mapping "a" has this in its table
table() {
	dmsetup table a | grep -qE -- "$1" || echo "its table is $(dmsetup table a) "
}

c_kinds() {
	printf right | cryptsetup luksFormat -q --type luks1 --cipher serpent-xts-plain64 \
		--key-size 512 --hash sha512 --pbkdf-force-iterations 1000 "$(device luks1-serpent)" -
	printf right | cryptsetup luksFormat -q --type luks2 --cipher serpent-cbc-essiv:sha256 \
		--key-size 256 --keyslot-cipher aes-xts-plain64 --keyslot-key-size 512 \
		--hash sha512 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
		--luks2-keyslots-size 1m "$(device luks2-serpent)" - >/dev/null
	for kind in luks1 luks1-cbc luks1-serpent luks2 luks2-argon2i luks2-argon2id luks2-serpent luks2-4k; do
		unlock wrong "PARTLABEL=$kind" a
		why=$(expect 2 '^luksunlock: wrong passphrase$')
		unlock right "PARTLABEL=$kind" a
		why=$why$(expect 0)
		ours=$(sum /dev/mapper/a)
		[ "$(readlink /dev/mapper/a)" = ../dm-0 ] || why="$why/dev/mapper/a is no link "
		entry=/run/udev/data/b$(cat /sys/block/dm-0/dev)
		[ "$(cat "$entry")" = E:DM_UDEV_PRIMARY_SOURCE_FLAG=1 ] || why="${why}udev is told nothing "
		why=$why$(close a)
		[ ! -e "$entry" ] || why="${why}udev's entry stays "
		printf right | cryptsetup open --key-file - "$(device "$kind")" b
		[ "$ours" = "$(sum /dev/mapper/b)" ] || why="${why}the data differ "
		cryptsetup close b
		result "$kind is opened" "$why"
	done
}

c_flags() {
	unlock right PARTLABEL=luks2 a
	result "the volume key is in the kernel's keyring" "$(table ':logon:cryptsetup:')"
	close a
	unlock right -o discard,same-cpu-crypt,submit-from-crypt-cpus PARTLABEL=luks2 a
	why=$(expect 0)$(table 'allow_discards')$(table 'same_cpu_crypt')$(table 'submit_from_crypt_cpus')
	close a
	unlock right -o no-read-workqueue,no-write-workqueue,readonly PARTLABEL=luks2 a
	why=$why$(expect 0)$(table 'no_read_workqueue')$(table 'no_write_workqueue')
	[ "$(blockdev --getro /dev/mapper/a)" = 1 ] || why="${why}it is not read-only"
	close a
	result "flags" "$why"
	printf right | cryptsetup open --key-file - --persistent --allow-discards \
		--perf-no_read_workqueue "$(device luks2)" b
	cryptsetup close b
	unlock right PARTLABEL=luks2 a
	why=$(expect 0)$(table 'allow_discards')$(table 'no_read_workqueue')
	close a
	result "flags that the header keeps" "$why"
}

c_reencryption() {
	for kind in begun checksum journal; do
		unlock wrong "PARTLABEL=$kind" a
		why=$(expect 2 '^luksunlock: wrong passphrase$')
		unlock right "PARTLABEL=$kind" a
		why=$why$(expect 0)
		[ "$(head -c 8388608 /dev/mapper/a | sha256sum)" = "$(sum /plain)" ] \
		|| why="${why}the data are not what they were "
		why=$why$(close a)
		! cryptsetup luksDump --dump-json-metadata "$(device "$kind")" 2>/dev/null \
		| grep -q in-reencryption || why="${why}it was not recovered"
		result "in the midst of encryption ($kind)" "$why"
	done
}

c_slots() {
	unlock second PARTLABEL=slots a
	why=$(expect 0)$(close a)
	unlock second -o key-slot=1 PARTLABEL=slots a
	why=$why$(expect 0)$(close a)
	unlock second -o key-slot=0 PARTLABEL=slots a
	why=$why$(expect 2 'wrong passphrase')
	unlock third PARTLABEL=slots a
	why=$why$(expect 2 'wrong passphrase')
	unlock third -o key-slot=2 PARTLABEL=slots a
	why=$why$(expect 0)$(close a)
	unlock right -o key-slot=7 PARTLABEL=slots a
	why=$why$(expect 1 'its key slot 7 is not in use')
	result "key slots, one of them to be ignored" "$why"
}

c_errors() {
	unlock right PARTLABEL=none a
	result "no such device" "$(expect 4 "^luksunlock: a: there is no device 'PARTLABEL=none'$")"
	unlock right PARTLABEL=notluks a
	result "not a LUKS device" "$(expect 1 ': not a LUKS device$')"
	unlock right PARTLABEL=nocipher a
	result "a cipher that the kernel does not have" \
		"$(expect 1 'it may have no cipher zzz-xts-plain64')"
	unlock right PARTLABEL=nullcipher a
	result "a null cipher" "$(expect 2 'refused: its data has a null cipher')"
	unlock right PARTLABEL=primary a
	why=$(expect 0 'its primary LUKS2 header is damaged; the secondary is used, and the other was restored from it$')$(close a)
	unlock right PARTLABEL=primary a
	result "a damaged primary header is restored" "$why$(expect 0)$(close a)"

	unlock right PARTLABEL=luks2 a
	unlock right PARTLABEL=luks2 a
	why=$(expect 0)
	unlock right PARTLABEL=luks1 a
	why=$why$(expect 5 'another device is open under this name$')
	result "a name that is in use" "$why"
	unlock right PARTLABEL=luks2 b
	result "a device that is in use" "$(expect 5 ': it is in use by dm-0 \(a\)$')"
	exec 5</dev/mapper/a
	unlock '' -x a
	why=$(expect 5 '^luksunlock: a: it is in use$')
	exec 5<&-
	unlock '' -x a
	why=$why$(expect 0)
	unlock '' -x a
	result "-x closes" "$why$(expect 4 '^luksunlock: a: nothing is open under this name$')"
	mount -t ext4 "$(device notluks)" /mnt
	unlock right PARTLABEL=notluks a
	result "what is mounted" "$(expect 1 ': not a LUKS device$')"
	umount /mnt
}

# bad PARTITION FROM SECTORS: the device /dev/mapper/bad is this partition, and
# these sectors of it can't be read
bad() {
	from=$(device "$1")
	size=$(blockdev --getsz "$from")
	end=$(($2 + $3))
	{
		[ "$2" = 0 ] || echo "0 $2 linear $from 0"
		echo "$2 $3 error"
		echo "$end $((size - end)) linear $from $end"
	} | dmsetup create bad
}

c_read_errors() {
	bad luks2 64 512
	unlock right /dev/mapper/bad a
	result "a key slot that can't be read" "$(expect 1 '[Ii]nput/output error|IO error|read')"
	dmsetup remove bad
	bad luks1 0 8
	unlock right /dev/mapper/bad a
	result "a header that can't be read" "$(expect 1 'input/output error as it is read')"
	dmsetup remove bad
	bad luks2 0 32
	unlock right /dev/mapper/bad a
	# the library refuses to look at the second then
	result "a primary header that can't be read" "$(expect 1 'input/output error as it is read')"
	dmsetup remove bad
}

# uuid PARTITION
uuid() {
	cryptsetup luksUUID "$(device "$1")"
}

below() {
	ls /sys/class/block/dm-"$1"/slaves
}

c_holders() {
	one=$(device twin)
	two=$(device twin2)
	unlock right "UUID=$(uuid twin)" a
	result "two devices with one UUID" \
		"$(expect 4 "it fits both ($one and $two|$two and $one); name one by its /dev path or PARTUUID=")"
	dmsetup create whole --table "0 $(blockdev --getsz "$(device luks1)") linear $(device luks1) 0"
	unlock right "UUID=$(uuid luks1)" a
	why=$(expect 0)
	[ "$(below 1)" = dm-0 ] || why="${why}it stands on $(below 1)"
	result "a device gives way to what holds it" "$why$(close a)"
	dmsetup remove whole
}

c_mirror() {
	one=$(device leg)
	two=$(device leg2)
	# its superblock is at the end: each leg looks like the volume itself
	echo y | mdadm --create /dev/md9 --quiet --run --assume-clean --metadata=1.0 \
		--level=1 --raid-devices=2 "$one" "$two" >/said 2>&1 \
	|| result "mdadm" "$(cat /said)"
	unlock right "UUID=$(cryptsetup luksUUID /dev/md9)" a
	why=$(expect 0)
	[ "$(below 0)" = md9 ] || why="${why}it stands on $(below 0)"
	result "a leg of a mirror gives way to it" "$why$(close a)"
	unlock right "$one" a
	result "a leg of a mirror is in use" "$(expect 5 ': it is in use by md9$')"
	mdadm --quiet --stop /dev/md9
}

# opens NAME ARG...: by a key file, with nothing on standard input
opens() {
	name=$1
	shift
	unlock '' "$@" a
	why=$(expect 0)
	result "$name" "$why$(close a)"
	! grep -q /run/luksunlock /proc/mounts || result "$name" "it is still mounted"
}

c_key_files() {
	chmod 600 /key
	before=$(sum "$(device ext4)")
	opens "a key file of the early root" -k /key PARTLABEL=keyed
	opens "a key file on ext4" -k /key:LABEL=STICK PARTLABEL=keyed
	opens "a key file on vfat" -k /key:LABEL=FATSTICK PARTLABEL=keyed
	opens "a part of a device" -k PARTLABEL=raw -o keyfile-offset=1000,keyfile-size=5 PARTLABEL=keyed
	mount -t vfat "$(device vfat)" /mnt
	opens "a key file on what is mounted already" -k /key:LABEL=FATSTICK PARTLABEL=keyed
	umount /mnt
	printf 'right\n' >/other
	unlock '' -t -k /other PARTLABEL=keyed
	result "a key file is taken byte for byte" "$(expect 2 'the key file fits no key slot$')"
	unlock '' -t -k /none:LABEL=STICK PARTLABEL=keyed
	result "no such key file" "$(expect 1 'No such file or directory$')"
	unlock '' -t -k /key:PARTLABEL=luks1 PARTLABEL=keyed
	result "a key file on what is no file system" "$(expect 1 'no file system that this kernel has')"
	[ "$before" = "$(sum "$(device ext4)")" ] || result "the stick" "it was written to"
}

c_headers() {
	for where in /header /header:LABEL=STICK PARTLABEL=raw-header; do
		unlock right -o "header=$where" PARTLABEL=data a
		why=$(expect 0)
		ours=$(sum /dev/mapper/a)
		why=$why$(close a)
		printf right | cryptsetup open --key-file - --header /header "$(device data)" b
		[ "$ours" = "$(sum /dev/mapper/b)" ] || why="${why}the data differ "
		cryptsetup close b
		result "a detached header at $where" "$why"
	done
	unlock right PARTLABEL=data a
	result "without its header it is no LUKS device" "$(expect 1 ': not a LUKS device$')"
	unlock right -o header=/key PARTLABEL=data a
	result "a header that is none" "$(expect 1 "header '/key': not a header of LUKS$")"
	unlock right -o header=/header:LABEL=NONE PARTLABEL=data a
	result "a header whose device is not there" "$(expect 4 "there is no device 'LABEL=NONE'$")"
}

case $(cat /proc/cmdline) in
*initcall_blacklist*)	wanted=0 ;;
*)	wanted=1 ;;
esac
[ "$(grep -c '^ALG ' /proc/net/protocols)" = $wanted ] || result "the kernel" "AF_ALG is not as it should be"
only=$(sed 's/.*only=\([^ ]*\).*/\1/; s/,/ /g' /proc/cmdline)
for case in ${only:-kinds flags reencryption slots errors read_errors holders mirror key_files headers}; do
	"c_$case"
done
exit $failed
