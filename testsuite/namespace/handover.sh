# shellcheck shell=sh
# What crosses the pivot: mounts, and the state of process 1.

# The real init is testsuite/state.c, which says in what state it was started.
state_init() {
	new_early_root
	cc -O1 -Wall -Wextra -static -o "$R/real/sbin/init" "$HERE/../state.c"
}

# states FILE: what it has said since the last boot
states() {
	sed -n '/^STATE$/,/^STATE END$/p' "$T/serial" >"$1"
	[ -s "$1" ] || fail "there was no real init"
}

run_state() {
	boot "$@" <<-'END'
		want {STATE END}
		ends SIGINT
	END
}

# Started as the first process of the machine, and started behind all stages, a
# shell, fragments that leave much behind, and the pivot. (The console is
# another file behind the pivot, of the same device.)
t_real_init_starts_as_a_first_init_does() {
	state_init
	cp "$R/sbin/init" "$T/earlyinit"
	cp "$R/real/sbin/init" "$T/state"
	rm "$R/sbin/init"
	cp "$T/state" "$R/sbin/init"
	cmdline quiet flavour=sweet 'empty=' 'words="two words"' real_root=/real
	run_state single 3
	# The kernel's stand-in here is a shell. Each console is one of the pseudo
	# terminals of the machine.
	states "$T/raw"
	grep -v -e '^environment: SHLVL=' -e '^environment: PWD=' "$T/raw" \
	| sed 's/^\(fd .* device 136:\)[0-9]*/\1/' >"$T/first"

	rm "$R/sbin/init"
	ln -s ../bin/busybox "$R/sbin/init"
	fragment 20-mess <<-'END'
		umask 077
		cd /tmp
		export MESS=1 TERM=dumb
		trap '' INT HUP
		ulimit -n 300
		exec 5</proc/meminfo 9>/run/log
		sleep 1000 &
	END
	run_state single 3
	states "$T/raw"
	sed 's/^\(fd .* device 136:\)[0-9]*/\1/' "$T/raw" >"$T/second"
	diff "$T/first" "$T/second" || fail "the real init starts in another state"
}

# What a stage did to the console that it shares with process 1, another first
# init would not find.
t_real_init_gets_a_console_that_blocks() {
	state_init
	echo '#include <fcntl.h>
		int main(void) { return fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK | O_APPEND); }' \
	| cc -static -x c -o "$R/bin/nonblock" -
	fragment 20-mess <<-'END'
		nonblock && echo "stage: $(grep flags /proc/1/fdinfo/0)"
	END
	run_state
	states "$T/state"
	same "flags of the console" "$(sed -n 's/^fd \([0-9]\): .*flags \(.*\) offset.*/\1 \2/p' "$T/state")" '0 0 2
1 0 2
2 0 2'
}

t_the_directory_of_the_early_root_may_be_a_link() {
	new_early_root
	rmdir "$R/real/boot"
	# as seen from the early root it would be another one
	mkdir "$R/real/efi" "$R/efi"
	ln -s /efi "$R/real/boot"
	# shellcheck disable=SC2016 # of the real init
	echo 'echo "early at $(ls -d /efi/init.d)"' | probe
	boot_through
	said 'early at /efi/init.d'
}

# A user's own last stage is a shell, which has variables and files of its own.
t_real_init_gets_the_environment_of_the_kernel() {
	state_init
	cmdline quiet flavour=sweet empty= 'words="two words"' real_root=/real real_extra=x other=same PWD=/not/this
	fragment 99-pivotroot <<-'END'
		export flavour=sweet empty= words="two words" real_root=/real real_extra=x other=changed MESS=1 TERM=vt220
		cd /tmp
		umask 077
		exec 5</proc/meminfo
		exec pivotboot /mnt /sbin/init "$@"
	END
	run_state 3
	states "$T/state"
	same "the environment" "$(sed -n 's/^environment: //p' "$T/state" | sort)" "HOME=/
PWD=/not/this
TERM=vt220
empty=
flavour=sweet
other=same
words=two words"
	same "open files" "$(sed -n 's/^fd \([0-9]*\).*/\1/p' "$T/state" | tr '\n' ' ')" '0 1 2 '
	same "the directory and umask" "$(grep -E '^(cwd|umask)' "$T/state")" 'cwd: /
umask: 22'
	same "the arguments" "$(sed -n 's/^argument: //p' "$T/state")" '/sbin/init
3'
}

# mounts_after LABEL PIVOTBOOT_ARGS: the real init's table of mounts. Type and
# options of each; what has none of its own here (devices, the stand-ins of
# /proc) is left out.
mounts_after() {
	new_early_root
	pivot_with "mkdir -p /dev/shm
		mount -t tmpfs -o mode=1777 shm /dev/shm
		echo left >/run/mark
		$1
		exec pivotboot $2 /mnt"
	# shellcheck disable=SC2016 # of the real init
	probe <<-'END'
		[ -e /proc/self ] || mount -t proc own-proc /proc
		while read -r id parent dev root at options rest; do
			case $at in
			/boot/proc2|/dev/null|/dev/zero|/dev/full|/dev/random|/dev/urandom|/dev/tty|/dev/console|/dev/ttyS*) continue ;;
			/boot/old|/boot/real) continue ;;
			esac
			rest=${rest#*- }
			echo "mount $at ${rest% *}"
		done </proc/self/mountinfo
		[ ! -f /run/mark ] || echo "run $(cat /run/mark) $(stat -c %a /run)"
	END
	boot_through
	sed -n 's/^mount //p' "$T/serial" | sort >"$T/table"
}

mounts='mount --bind /real /mnt; mount -t tmpfs run /run; mount -t tmpfs tmp /tmp; mount -t devpts pts /dev/pts
umount /proc/cmdline /proc/sys/kernel/printk
mkdir /proc2; mount -t proc second /proc2' # else nobody here may mount one later

# As the early shell is PID 1, pivotboot is its exec.
pivot_with() {
	rm "$R/sbin/init"
	printf '%s\n' '#!/bin/sh' "$mounts" "$1" >"$R/sbin/init"
	chmod +x "$R/sbin/init"
}

t_mounts_that_cross() {
	mounts_after '' ''
	same "the table of mounts" "$(cat "$T/table")" '/ tmpfs real
/boot tmpfs early
/dev tmpfs dev
/dev/shm tmpfs shm
/proc proc own-proc
/run tmpfs run'
	# a tmpfs that was mounted without a mode was everybody's
	said 'run left 755'
	unsaid 'pivotboot:'
}

t_mounts_that_cross_without_run() {
	mounts_after '' --no-run
	same "the table of mounts" "$(cat "$T/table")" '/ tmpfs real
/boot tmpfs early
/dev tmpfs dev
/dev/shm tmpfs shm
/proc proc own-proc'
	unsaid 'run left' 'pivotboot:'
}

t_mounts_that_cross_with_the_api() {
	mounts_after 'mount -t tmpfs deep /sys/class' --move-api
	same "the table of mounts" "$(cat "$T/table")" '/ tmpfs real
/boot tmpfs early
/dev tmpfs dev
/dev/pts devpts pts
/dev/shm tmpfs shm
/proc proc proc
/run tmpfs run
/sys tmpfs sys
/sys/class tmpfs deep'
	unsaid 'pivotboot:'
}

t_mounts_that_are_busy_cross_and_that_is_said() {
	mounts_after 'echo kept >/tmp/x; exec 7</tmp/x 8</sys/class/tty/console/active 9</dev/pts/ptmx' ''
	same "the table of mounts" "$(cat "$T/table")" '/ tmpfs real
/boot tmpfs early
/dev tmpfs dev
/dev/pts devpts pts
/dev/shm tmpfs shm
/proc proc own-proc
/run tmpfs run
/sys tmpfs sys
/tmp tmpfs tmp'
	said "pivotboot: '/tmp' is busy and goes along into the real root" \
		"pivotboot: '/dev/pts' is busy and goes along into the real root" \
		"pivotboot: '/sys' is busy and goes along into the real root"
}

t_pivot_root_that_fails_has_changed_nothing() {
	new_early_root
	# The kernel does not pivot from a root that is no mount point.
	pivot_with 'mkdir -p /sub/mnt /sub/dev /sub/proc /sub/run
		cp -a /bin /sub/bin
		mount --bind /real /sub/mnt
		mount --rbind /proc /sub/proc
		mount --rbind /dev /sub/dev
		mount -t tmpfs run /sub/run
		exec chroot /sub /bin/pivotboot /mnt'
	boot <<-'END'
		want {pivotboot: can't pivot into '/mnt' with the early root at 'boot': Invalid argument}
		want {99-pivotroot failed: [^?]*r: try again, b: reboot, p: power off\? }
		type p
		ends SIGINT
	END
}
