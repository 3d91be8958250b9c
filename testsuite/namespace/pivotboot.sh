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

# A real root that can't be written to
read_only() {
	mounts="$mounts; mount -o remount,bind,ro /mnt"
}

t_pivotboot_refuses_without_run() {
	new_early_root
	rmdir "$R/real/run"
	refuses "pivotboot: /mnt has no directory 'run' for what the early root hands on; make it in the real root, or use --no-run" /mnt
}

t_pivotboot_refuses_to_move_the_api_to_nowhere() {
	new_early_root
	rmdir "$R/real/sys"
	refuses "pivotboot: /mnt has no directory 'sys' for --move-api; make it in the real root" --move-api /mnt
}

t_pivotboot_refuses_without_boot() {
	new_early_root
	rmdir "$R/real/boot"
	read_only
	refuses "pivotboot: /mnt has no directory 'boot' for the early root" /mnt
}

t_pivotboot_refuses_a_put_old_that_is_not_there() {
	new_early_root
	read_only
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

t_pivotboot_refuses_an_init_that_is_empty() {
	new_early_root
	: >"$R/real/sbin/init"
	chmod +x "$R/real/sbin/init"
	refuses "pivotboot: '/sbin/init' in /mnt is neither an ELF program nor a script with #!; name another init with real_init=" /mnt
}

t_pivotboot_refuses_an_init_on_a_file_system_without_exec() {
	new_early_root
	mounts="$mounts; mount -o remount,bind,noexec /mnt"
	refuses "pivotboot: '/sbin/init' in /mnt is on a file system that is mounted noexec; mount it without" /mnt
}

t_pivotboot_refuses_a_script_of_nothing() {
	new_early_root
	printf '#!/opt/nosh -x\n' >"$R/real/sbin/init"
	refuses "pivotboot: real init '/sbin/init' in /mnt needs '/opt/nosh': No such file or directory; install that in the real root" /mnt
}

t_pivotboot_refuses_a_script_of_a_usr_that_is_not_mounted() {
	new_early_root
	printf '#!/usr/bin/sh\n' >"$R/real/sbin/init"
	refuses "needs '/usr/bin/sh': No such file or directory (and /usr is empty there: mount it before); install" /mnt
}

t_pivotboot_refuses_a_script_of_a_file_that_is_not_executable() {
	new_early_root
	printf '#! /etc/sh\n' >"$R/real/sbin/init"
	: >"$R/real/etc/sh"
	refuses "pivotboot: real init '/sbin/init' in /mnt needs '/etc/sh', which is not an executable file" /mnt
}

# scripts N: an init of that many scripts, each the interpreter of the one before
scripts() {
	cat >"$R/real/bin/s0" <<-'END'
		#!/bin/sh
		echo "REAL INIT pid=$$"
	END
	n=1
	while [ "$n" -lt "$1" ]; do
		echo "#!/bin/s$((n - 1))" >"$R/real/bin/s$n"
		n=$((n + 1))
	done
	chmod +x "$R"/real/bin/s[0-9]
	mv "$R/real/bin/s$((n - 1))" "$R/real/sbin/init"
}

t_pivotboot_follows_as_many_scripts_as_the_kernel() {
	new_early_root
	scripts 5
	# what a shell makes of the file names that it gets does not matter here
	ROUND_TRIP='REAL INIT pid=1' boot_through
}

t_pivotboot_refuses_more_scripts_than_the_kernel_does() {
	new_early_root
	scripts 6
	refuses "pivotboot: real init '/sbin/init' in /mnt leads through more than 5 scripts" /mnt
	# by the kernel's own word
	cat_script <<-END
		$mounts
		chroot /mnt /sbin/init
		echo "status \$?"
	END
	unsaid 'REAL INIT'
}

t_pivotboot_refuses_a_program_whose_loader_is_missing() {
	new_early_root
	loader=$(readelf -l "$DYNAMIC" | sed -n 's/.*interpreter: \(.*\)\]/\1/p')
	cp "$DYNAMIC" "$R/real/sbin/init"
	refuses "pivotboot: real init '/sbin/init' in /mnt needs '$loader': No such file or directory" /mnt
	mkdir -p "$R/real${loader%/*}"
	cp "$R/real/bin/busybox" "$R/real$loader"
	cat_script <<-END
		$mounts
		pivotboot -n /mnt; echo "status \$?"
	END
	said 'status 0'
}

t_pivotboot_reads_programs_of_32_bits() {
	new_early_root
	# an ELF32 head and one program header at 52: PT_INTERP, 12 bytes at 84
	{
		printf '\177ELF\001\001\001\000\000\000\000\000\000\000\000\000'
		printf '\002\000\003\000\001\000\000\000\000\000\000\000\064\000\000\000'
		printf '\000\000\000\000\000\000\000\000\064\000\040\000\001\000\000\000\000\000\000\000'
		printf '\003\000\000\000\124\000\000\000\000\000\000\000\000\000\000\000'
		printf '\014\000\000\000\014\000\000\000\004\000\000\000\001\000\000\000'
		printf '/lib/ld32.so\000'
	} >"$R/real/sbin/init"
	refuses "pivotboot: real init '/sbin/init' in /mnt needs '/lib/ld32.so': No such file or directory (and /usr is empty" /mnt
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

# warns LINE PIVOTBOOT_ARGS...: one line, but status 0; '' for LINE: none
warns() {
	line=$1
	shift
	cat_script <<-END
		$mounts
		pivotboot -n $* >/out 2>&1
		echo "status \$?"
		cat /out
		echo "lines \$(wc -l </out)"
	END
	said 'status 0' "lines ${line:+1}" "$line"
	[ -n "$line" ] || said 'lines 0'
}

t_pivotboot_n_says_that_files_will_be_hidden() {
	new_early_root
	: >"$R/real/boot/vmlinuz"
	warns "pivotboot: '/boot' of the real root is not empty: the early root will hide its files; move them away" /mnt
}

t_pivotboot_n_says_what_fstab_mounts_over_it() {
	new_early_root
	echo '/dev/sdz1 /boot ext4 defaults 0 2' >"$R/real/etc/fstab"
	warns "pivotboot: fstab of the real root mounts '/dev/sdz1' at '/boot', over the early root; take the line out there, or name another directory with -o" /mnt
}

t_pivotboot_n_takes_no_offence_at_other_lines_of_fstab() {
	new_early_root
	cat >"$R/real/etc/fstab" <<-'END'
		/dev/sdz1 /boot ext4 noauto 0 0
		/dev/sdz2 /boot/efi vfat defaults 0 0
		/dev/sdz3 / ext4 defaults 0 1
	END
	warns '' /mnt
}

t_pivotboot_n_makes_nothing() {
	new_early_root
	rmdir "$R/real/boot"
	warns '' /mnt
	[ ! -e "$R/real/boot" ] || fail "-n has made a directory"
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

t_pivotboot_makes_a_missing_put_old() {
	new_early_root
	pivot_with 'exec pivotboot -o mnt/early/root /mnt'
	# shellcheck disable=SC2016 # of the real init
	echo 'echo "early at $(ls -d /mnt/early/root/init.d)"' | probe
	boot_through
	said 'early at /mnt/early/root/init.d'
}

t_pivotboot_resolves_put_old_in_the_new_root() {
	new_early_root
	rmdir "$R/real/boot"
	mkdir "$R/real/efi"
	ln -s /efi "$R/real/boot"
	pivot_with 'exec pivotboot /mnt'
	# shellcheck disable=SC2016 # of the real init
	echo 'echo "early at $(ls -d /efi/init.d)"' | probe
	boot_through
	said 'early at /efi/init.d'
}

t_pivotboot_pivots_where_mounts_are_shared() {
	new_early_root
	pivot_with 'mount --make-rshared /
		grep -c shared: /proc/self/mountinfo
		exec pivotboot /mnt'
	echo "$look" | probe
	boot_through
	said 'at /boot' 'at /dev' 'at /run'
	unsaid '/mnt' 'at /boot/dev' 'at /boot/run'
}

# An image that nobody writes to, and what is written beside it
t_pivotboot_pivots_into_an_overlay() {
	new_early_root
	mounts='mount --bind /real /old; mount -o remount,bind,ro /old
		mount -t tmpfs run /run
		mkdir -p /run/upper /run/work
		mount -t overlay -o lowerdir=/old,upperdir=/run/upper,workdir=/run/work,userxattr root /mnt'
	pivot_with 'exec pivotboot -o early /mnt'
	# shellcheck disable=SC2016 # of the real init
	echo 'echo "early at $(ls -d /early/init.d), $(stat -f -c %t /), $(ls -d /run/upper/early)"' | probe
	boot_through
	said 'early at /early/init.d, 794c7630, /run/upper/early'
	[ ! -e "$R/real/early" ] || fail "it has written to the image"
}

# What an initramfs is like: the kernel's table has this type for it. The rest
# of the table is not made up.
like_an_initramfs() {
	mounts="$mounts; sed 's|^[^ ]* / tmpfs|rootfs / rootfs|' /proc/1/mounts >/table
		mount --bind /table /proc/1/mounts"
	: >"$R/init"
}

t_pivotboot_on_an_initramfs_deletes_and_moves() {
	new_early_root
	like_an_initramfs
	pivot_with 'exec pivotboot /mnt /sbin/init 5'
	# shellcheck disable=SC2016 # of the real init
	echo 'echo "boot has $(ls /boot)."' | probe
	boot_through
	said 'REAL INIT pid=1 args=5' 'boot has .'
	# but not what is on another file system
	same "what is left" "$(cd "$R" && find . -xdev | sort | tr '\n' ' ')" '. ./real '
	[ -x "$R/real/sbin/init" ] || fail "the real root has lost its init"
}

# There is nothing to go back to: the question is all that is left.
t_pivotboot_behind_an_initramfs_ends_in_the_question() {
	new_early_root
	like_an_initramfs
	cp "$WORK/real-bin/busybox" "$R/real/sbin/init"
	printf '\376\312' | dd of="$R/real/sbin/init" bs=1 seek=18 conv=notrunc 2>/dev/null
	pivot_with 'exec pivotboot /mnt'
	boot <<-'END'
		want {can't execute '/sbin/init': Exec format error}
		want {99-pivotroot failed: [^?]*b: reboot, p: power off\? }
		type b
		ends SIGHUP
	END
	unsaid 'try again'
}

t_pivotboot_deletes_nothing_without_the_signs_of_an_initramfs() {
	new_early_root
	like_an_initramfs
	rm "$R/init"
	pivot_with 'exec pivotboot /mnt'
	boot <<-'END'
		want {'/init' is not a regular file, so '/' is no initramfs to be deleted}
		want {r: try again.*power off\? }
		type p
		ends SIGINT
	END
	[ -x "$R/bin/busybox" ] || fail "the early root has lost its files"
}

t_pivotboot_deletes_no_new_root_that_is_a_part_of_the_initramfs() {
	new_early_root
	mkdir "$R/part"
	cp -a "$R/real/." "$R/part/"
	mounts=$(echo "$mounts" | sed 's|/real|/part|')
	like_an_initramfs
	pivot_with 'exec pivotboot /mnt'
	boot <<-'END'
		want {pivotboot: '/mnt' is a part of the initramfs, which is to be deleted; mount the real root there}
		want {r: try again.*power off\? }
		type p
		ends SIGINT
	END
	[ -x "$R/bin/busybox" ] || fail "the initramfs has lost its files"
	[ -x "$R/part/bin/busybox" ] || fail "the new root has lost its files"
}

# Process 1 here leads a session, as a shell would on the way: the first terminal
# that it opens, and that is nobody's, becomes its own.
t_pivotboot_gives_the_terminal_back() {
	new_early_root
	cc -O1 -Wall -Wextra -static -o "$R/real/sbin/init" "$HERE/../state.c"
	pivot_with ': <>/dev/ttyS1; : </dev/tty && echo "it has a terminal"; exec pivotboot /mnt'
	TWO_CONSOLES=1 boot <<-'END'
		terminal second
		set env(SECOND_TTY) $second_tty
		boot
		want {it has a terminal}
		want {controlling terminal: No such device or address}
		want {STATE END}
		ends SIGINT
	END
}

t_pivotboot_leaves_an_initramfs_as_pid_1_only() {
	new_early_root
	like_an_initramfs
	cat_script <<-END
		$mounts
		sh -c 'mount --bind /table /proc/\$\$/mounts; exec pivotboot /mnt'
		echo "status \$?"
	END
	said 'pivotboot: only process 1 can leave an initramfs' 'status 1'
	[ -x "$R/bin/busybox" ] || fail "the early root has lost its files"
}
