# shellcheck shell=sh
# pivotboot: each check with a mounted new root, and what it does.

# In the early root: /mnt is the real root, and the mounts of 00-mounts are
# there.
cat_script() {
	cat >"$R/script"
	inside sh /script >"$T/raw" 2>&1 || {
		cat "$T/raw"
		fail "the script ended with status $?"
	}
	cat "$T/raw"
	cp "$T/raw" "$T/serial"
}

mounts='mount --bind /real /mnt; mount -t tmpfs run /run; mount -t tmpfs tmp /tmp; mount -t devpts pts /dev/pts'

# refuses LINE PIVOTBOOT_ARGS...: one line, status 1, and no mount has changed
refuses() {
	line=$1
	shift
	cat_script <<-END
		$mounts
		cat /proc/self/mountinfo >/before
		pivotboot $* >/out 2>&1
		echo "status \$?"
		cat /proc/self/mountinfo >/after
		cmp /before /after && echo "mounts as before"
		cat /out
		echo "lines \$(wc -l </out)"
	END
	said "$line" 'status 1' 'mounts as before' 'lines 1'
}

t_pivotboot_refuses_without_dev() {
	new_early_root
	rmdir "$R/real/dev"
	refuses "pivotboot: /mnt has no directory 'dev' for the devices" /mnt
}

t_pivotboot_refuses_without_boot() {
	new_early_root
	rmdir "$R/real/boot"
	refuses "pivotboot: /mnt has no directory 'boot' for the early root" /mnt
}

t_pivotboot_refuses_a_put_old_that_is_not_there() {
	new_early_root
	refuses "pivotboot: /mnt has no directory 'efi' for the early root" -o efi /mnt
}

t_pivotboot_refuses_a_put_old_that_is_a_file() {
	new_early_root
	: >"$R/real/efi"
	refuses "pivotboot: /mnt has no directory 'efi' for the early root" -o efi /mnt
}

t_pivotboot_refuses_without_init() {
	new_early_root
	rm "$R/real/sbin/init"
	refuses "pivotboot: no real init '/sbin/init' in /mnt: No such file or directory" /mnt
}

t_pivotboot_refuses_an_init_that_is_another_one() {
	new_early_root
	refuses "pivotboot: no real init '/sbin/other' in /mnt: No such file or directory" /mnt /sbin/other
}

t_pivotboot_refuses_an_init_that_is_not_executable() {
	new_early_root
	chmod -x "$R/real/sbin/init"
	refuses "pivotboot: real init '/sbin/init' in /mnt is not an executable file" /mnt
}

t_pivotboot_refuses_an_init_that_is_a_directory() {
	new_early_root
	rm "$R/real/sbin/init"
	mkdir "$R/real/sbin/init"
	refuses "pivotboot: real init '/sbin/init' in /mnt is not an executable file" /mnt
}

t_pivotboot_refuses_an_init_that_only_the_early_root_has() {
	new_early_root
	cp "$R/init-kept" "$R/sbin/early"
	ln -sf /sbin/early "$R/real/sbin/init"
	refuses "pivotboot: no real init '/sbin/init' in /mnt" /mnt
}

t_pivotboot_refuses_what_is_not_mounted() {
	new_early_root
	mkdir "$R/opt"
	refuses "pivotboot: '/opt' is not a mount point; mount the real root there first" /opt
}

t_pivotboot_refuses_the_early_root() {
	new_early_root
	refuses "pivotboot: '/' is the early root itself" /
}

t_pivotboot_refuses_the_early_root_bound_elsewhere() {
	new_early_root
	mkdir "$R/again"
	mounts="$mounts; mount --bind / /again; mkdir /boot"
	refuses "is the early root itself" /again
}

t_pivotboot_n_says_and_changes_nothing() {
	new_early_root
	cat_script <<-END
		$mounts
		cat /proc/self/mountinfo >/before
		pivotboot -n /mnt; echo "status \$?"
		pivotboot -n -o boot /mnt /sbin/init single; echo "status \$?"
		cat /proc/self/mountinfo >/after
		cmp /before /after && echo "mounts as before"
	END
	same "its words" "$(cat "$T/serial")" "status 0
status 0
mounts as before"
}

t_pivotboot_n_sees_a_link_as_the_new_root_does() {
	new_early_root
	mkdir -p "$R/real/lib/systemd"
	mv "$R/real/sbin/init" "$R/real/lib/systemd/systemd"
	ln -s /lib/systemd/systemd "$R/real/sbin/init"
	cat_script <<-END
		$mounts
		pivotboot -n /mnt; echo "status \$?"
	END
	said 'status 0'
}

# shellcheck disable=SC2016 # for the shell inside
# shellcheck disable=SC2016 # of the real init
look='
	mount -t proc proc /proc
	echo "roots $(ls -d /bin /boot/bin /boot/init.d | tr "\n" " ")"
	while read -r id parent dev from at rest; do echo "at $at"; done </proc/self/mountinfo
	echo "boot $(stat -c %d /boot) early $(cat /boot/device)"
	# a file and no pipe: ls runs in the shell, which has a pipe open for a moment
	ls -l /proc/$$/fd >/run/fds
	sed -n "s/.* -> /fd to /p" /run/fds
	echo "umask $(umask)"
	echo "run $(cat /run/mark)"
'

t_pivotboot_pivots() {
	new_early_root
	stat -c %d "$R" >"$R/device"
	echo 'echo left >/run/mark' | fragment 20-mark
	echo "$look" | probe
	boot_through single 3
	said 'REAL INIT pid=1 args=single 3' 'at /boot' 'at /dev' 'at /run' 'run left' 'umask 0022' \
		"boot $(cat "$R/device") early $(cat "$R/device")" 'roots /bin /boot/bin /boot/init.d'
	unsaid 'at /tmp' 'at /sys' 'at /dev/pts' 'at /mnt' 'at /boot/run' 'at /boot/dev' 'at /boot/tmp' 'at /boot/sys'
	same "what else init has open" "$(sed -n 's/^fd to //p' "$T/serial" | sort -u | tr '\n' ' ')" \
		"/dev/console /probe /run/fds /sbin/init "
}

t_real_init_has_no_signal_blocked_or_ignored() {
	new_early_root
	# A shell has its own ideas about signals.
	cmdline quiet real_init=/bin/grep
	ROUND_TRIP='SigIgn:' boot_through -E '^Sig(Blk|Ign):' /proc/self/status
	said "$(printf 'SigBlk:\t0000000000000000')" "$(printf 'SigIgn:\t0000000000000000')"
}

t_pivotboot_follows_a_link_with_an_absolute_target() {
	new_early_root
	mkdir -p "$R/real/lib/systemd"
	mv "$R/real/sbin/init" "$R/real/lib/systemd/systemd"
	ln -s /lib/systemd/systemd "$R/real/sbin/init"
	boot_through
}

t_real_init_of_the_command_line() {
	new_early_root
	real_init "$R/real/bin/other"
	rm "$R/real/sbin/init"
	cmdline quiet real_init=/bin/other
	boot_through
}

t_real_root_of_the_command_line_beats_fstab() {
	new_early_root
	new_real_root "$R/real2"
	echo 'echo "this is the second"' >"$R/real2/probe"
	cmdline quiet real_root=/real2
	boot_through
	said 'this is the second'
}

# As the early shell is PID 1, pivotboot is its exec.
pivot_with() {
	rm "$R/sbin/init"
	cat >"$R/sbin/init" <<-END
		#!/bin/sh
		$mounts
		$1
	END
	chmod +x "$R/sbin/init"
}

t_pivotboot_o_names_another_directory() {
	new_early_root
	mkdir "$R/real/efi"
	rmdir "$R/real/boot"
	pivot_with 'exec pivotboot -o efi /mnt'
	# shellcheck disable=SC2016 # of the real init
	echo 'echo "early at $(ls -d /efi/init.d)"' | probe
	boot_through
	said 'early at /efi/init.d'
}

t_pivotboot_c_names_another_console() {
	new_early_root
	pivot_with 'exec pivotboot -c /dev/ttyS1 /mnt'
	TWO_CONSOLES=1 boot <<-'END'
		terminal second
		set env(SECOND_TTY) $second_tty
		boot
		set first $spawn_id
		set spawn_id $second
		want $env(ROUND_TRIP)
		set spawn_id $first
		ends 0
	END
}

t_pivotboot_gives_options_of_init_on() {
	new_early_root
	pivot_with 'exec pivotboot /mnt /sbin/init -n -o x --switched'
	boot_through
	said 'args=-n -o x --switched'
}

t_pivotboot_closes_what_the_early_root_had_open() {
	new_early_root
	pivot_with 'exec 3</proc/meminfo 4>/run/x 9</dev/null; exec pivotboot /mnt'
	# shellcheck disable=SC2016 # of the real init
	echo "$look" | probe
	boot_through
	same "what else init has open" "$(sed -n 's/^fd to //p' "$T/serial" | sort -u | tr '\n' ' ')" \
		"/dev/console /probe /run/fds /sbin/init "
}

t_pivotboot_carries_what_is_busy_along() {
	new_early_root
	pivot_with 'echo kept >/tmp/x
		exec 7</tmp/x
		exec pivotboot /mnt'
	# shellcheck disable=SC2016 # of the real init
	echo 'echo "tmp $(cat /tmp/x)"' | probe
	boot_through
	said "'/tmp' is busy and goes along into the real root" 'tmp kept'
}

t_pivotboot_that_fails_as_pid_1_is_no_panic() {
	new_early_root
	rm "$R/real/sbin/init"
	pivot_with 'exec pivotboot /mnt'
	boot <<-'END'
		want {no real init '/sbin/init' in /mnt}
		want {99-pivotroot failed: .*r: try again, b: reboot, p: power off\? }
		type p
		ends SIGINT
	END
}

t_pivotboot_with_nonsense_as_pid_1_is_no_panic() {
	new_early_root
	pivot_with 'exec pivotboot -Z'
	boot <<-'END'
		want {99-pivotroot failed: .*power off\? }
		type b
		ends SIGHUP
	END
}

t_pivotboot_on_an_initramfs_switches_root() {
	new_early_root
	# What makes a tmpfs an initramfs for switch_root
	: >"$R/init"
	pivot_with 'exec pivotboot /mnt /sbin/init 5'
	# shellcheck disable=SC2016 # of the real init
	echo 'echo "boot has $(ls /boot)."' | probe
	boot_through
	said 'REAL INIT pid=1 args=5' 'boot has .'
	[ ! -e "$R/bin/busybox" ] || fail "the initramfs still holds its files"
}
