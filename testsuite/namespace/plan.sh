# shellcheck shell=sh
# earlyinit -n where the kernel's command line matters.

# plan STAGE WANTED: what it does
plan() {
	inside earlyinit -n >"$T/out" 2>&1
	cat "$T/out"
	same "the plan of $1" "$(awk -v name="$1" '$1 == name { $1 = $1; print }' "$T/out")" "$1 $2"
}

t_plan_of_fstab() {
	new_early_root
	printf '/dev/mapper/root /mnt ext4 noauto 0 0\n' >"$R/etc/fstab"
	plan 50-mountroot 'built in mounts /dev/mapper/root at /mnt, type ext4, options ro'
	plan 99-pivotroot 'built in pivots, executes /sbin/init'
}

t_plan_of_the_command_line() {
	new_early_root
	printf '/dev/mapper/root /mnt ext4 noauto 0 0\n' >"$R/etc/fstab"
	cmdline 'quiet real_root=LABEL=x real_rootfstype=btrfs real_rootflags=rw,subvol=@ real_init=/lib/systemd/systemd'
	plan 50-mountroot 'built in mounts LABEL=x at /mnt, type btrfs, options ro,rw,subvol=@'
	plan 99-pivotroot 'built in pivots, executes /lib/systemd/systemd'
}

t_plan_takes_the_last_of_equal_words() {
	new_early_root
	cmdline real_root=/dev/a real_rootflags= real_root=/dev/b real_rootflags=noatime
	plan 50-mountroot 'built in mounts /dev/b at /mnt, type none, options ro,noatime'
}

t_plan_takes_quotes_as_the_kernel_does() {
	new_early_root
	cmdline '"real_root=LABEL=two words" real_rootfstype="ext4" real_rootflags="a b",c'
	plan 50-mountroot 'built in mounts LABEL=two words at /mnt, type ext4, options ro,a b",c'
}

t_plan_leaves_the_words_of_the_real_init_alone() {
	new_early_root
	printf '/dev/mapper/root /mnt ext4 noauto 0 0\n' >"$R/etc/fstab"
	cmdline real_root=/dev/a -- real_root=/dev/b
	plan 50-mountroot 'built in mounts /dev/a at /mnt, type ext4, options ro'
}

t_plan_of_another_root_does_not_know_this_command_line() {
	new_early_root
	cmdline real_root=/dev/a real_init=/other
	mkdir -p "$R/other/etc"
	printf '/dev/mapper/root /mnt ext4 noauto 0 0\n' >"$R/other/etc/fstab"
	inside earlyinit -n -R /other >"$T/serial"
	said 'mounts /dev/mapper/root at /mnt' 'executes /sbin/init'
}
