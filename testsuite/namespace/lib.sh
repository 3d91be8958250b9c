# shellcheck shell=sh
# lib.sh FILE TEST: run one test, as the first process of its namespaces. What
# the tests share is here too: a small early root and a real root, both tmpfs,
# and a machine that boots them.

set -eu

T=$WORK/tree            # a tmpfs that this test alone sees
R=$T/early              # the early root, before it is booted
ROUND_TRIP='REAL INIT'  # what the real init says first
export T R ROUND_TRIP

fail() {
	printf '\n#### %s\n' "$*"
	exit 1
}

# same WHAT IS WANTED
same() {
	[ "$2" = "$3" ] || {
		printf '%s is:\n%s\nwanted:\n%s\n' "$1" "$2" "$3"
		fail "$1 is '$2', wanted '$3'"
	}
}

# said TEXT..., unsaid TEXT...: the consoles' words since the last boot
said() {
	for text in "$@"; do
		grep -aqF -e "$text" "$T/serial" || fail "the console did not say: $text"
	done
}

unsaid() {
	for text in "$@"; do
		! grep -aqF -e "$text" "$T/serial" || fail "the console said: $text"
	done
}

# in_order TEXT...: these lines, each behind the one before
in_order() {
	tail=$T/serial-tail
	cp "$T/serial" "$tail"
	for text in "$@"; do
		line=$(grep -anF -m 1 -e "$text" "$tail" | cut -d: -f1)
		[ -n "$line" ] || fail "the console did not say in its place: $text"
		sed "1,${line}d" "$tail" >"$tail.new"
		mv "$tail.new" "$tail"
	done
}

# fragment NAME: standard input becomes /init.d/NAME
fragment() {
	cat >"$R/init.d/$1"
}

# Devices can't be made here, so they are those of the machine.
devices() {
	mount -t tmpfs -o mode=0755 dev "$1"
	for d in null zero full random urandom tty; do
		: >"$1/$d"
		mount --bind "/dev/$d" "$1/$d"
	done
	: >"$1/console"
	: >"$1/ttyS0"
	: >"$1/ttyS1"
	mkdir "$1/pts"
}

real_init() {
	cat >"$1" <<-END
		#!/bin/sh
		echo "$ROUND_TRIP pid=\$\$ args=\$*"
		[ ! -f /probe ] || . /probe
		exit 0
	END
	chmod +x "$1"
}

# A real root; the directory is its mount point.
new_real_root() {
	mkdir -p "$1"
	mount -t tmpfs -o mode=0755 real "$1"
	(
		cd "$1"
		mkdir bin boot dev etc proc run sbin sys tmp usr
		cp -a "$WORK/real-bin/." bin/
	)
	real_init "$1/sbin/init"
}

# The early root. /sys is a stand-in with consoles of our choice; /proc is
# real, with a stand-in for what would touch the machine.
new_early_root() {
	mkdir -p "$R"
	mount -t tmpfs -o mode=0755 early "$R"
	(
		cd "$R"
		mkdir bin dev etc init.d mnt old proc root run sbin sys tmp var
		cp -a "$WORK/bin/." bin/
		cp -a "$WORK/lib/." .
		ln -s ../bin/busybox sbin/init
	)
	cat >"$R/etc/fstab" <<-END
		/dev/pts /dev/pts devpts noexec,nosuid 0 0
		/proc /proc proc nodev,noexec,nosuid 0 0
		/run /run tmpfs nodev,nosuid 0 0
		/sys /sys sysfs nodev,noexec,nosuid 0 0
		/tmp /tmp tmpfs nodev,nosuid 0 0
		/real /mnt none noauto,ro,bind 0 0
	END
	devices "$R/dev"
	mount -t tmpfs sys "$R/sys"
	mkdir -p "$R/sys/class/tty/console"
	echo ttyS0 >"$R/sys/class/tty/console/active"
	new_real_root "$R/real"
	real_init "$R/init-kept"
	cmdline quiet
	printf '4\t4\t1\t7\n' >"$T/printk"
}

# cmdline WORD...: what the kernel was told
cmdline() {
	printf '%s\n' "$*" >"$T/cmdline"
}

# kernel_log: /dev/kmsg of the next boot goes to $T/kmsg; 9 keeps the pipe open.
# No question may come, which reads from /dev/kmsg as well.
kernel_log() {
	mkfifo "$R/dev/kmsg"
	cat <"$R/dev/kmsg" >"$T/kmsg" &
	exec 9>"$R/dev/kmsg"
}

kernel_log_ends() {
	exec 9>&-
	wait
}

# person: the expect script on standard input; its end is the test's
person() {
	cat >"$T/person.exp"
	expect -f "$HERE/lib.exp" "$T/person.exp" >"$RAW" 2>&1 </dev/null || {
		cat "$RAW"
		grep -aq '^####' "$RAW" || fail "the person at the console fell asleep"
		exit 1
	}
	cat "$RAW"
	tr -d '\r' <"$RAW" >"$T/serial"
}

# boot [ARG...]: the machine, with these arguments to its /sbin/init. A person
# at its console is the expect script on standard input.
boot() {
	cat >"$T/person.exp.boot"
	# The kernel tells init of the single words, and shows all of them.
	[ $# -eq 0 ] || cmdline "$(cat "$T/cmdline") $*"
	ARGS=$* person <"$T/person.exp.boot"
}

# To the real init, which nobody has to help
boot_through() {
	boot "$@" <<-'END'
		want_without $env(ROUND_TRIP) {failed:}
		ends 0
	END
}

# terminals: what luksunlock needs where it is no part of a boot. Which consoles
# the kernel has, the person says.
terminals() {
	mount -t tmpfs run /run
	: >"$T/active"
	mount --bind "$T/active" /sys/class/tty/console/active
	L="$CHECKED luksunlock"
	BAD=$WORK/badmouth
	export L BAD
}

# inside COMMAND...: in the early root, in a mount namespace of its own, not as
# PID 1
inside() {
	unshare -mpf sh "$HERE/enter" inside "$@"
}

# probe: standard input is what the real init runs
probe() {
	cat >"$R/real/probe"
}

case ${1:-} in
*/*.sh)
	mount -t tmpfs tree "$T"
	# What it has said is wanted even where the time limit ends it.
	RAW=$WORK/log/${2#t_}.raw
	# shellcheck disable=SC1090 # the file that run names
	. "$1"
	"$2"
	;;
esac
