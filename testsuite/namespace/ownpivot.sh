# shellcheck shell=sh
# A user's own last stage, which ends in exec: its shell is PID 1.

# The stand-ins on /proc would keep the guide's stage from unmounting it.
new_classic_root() {
	new_early_root
	echo 'umount /proc/cmdline /proc/sys/kernel/printk' | fragment 98-stand-ins
}

t_own_pivot_of_the_guide() {
	new_classic_root
	# Word for word
	fragment 99-pivotroot <<-'END'
		umount /tmp /sys /run /proc /dev/pts
		mount --move /dev /mnt/dev
		cd /mnt
		pivot_root . boot
		exec chroot . /sbin/init < dev/console > dev/console 2>&1
	END
	boot <<-'END'
		want_without $env(ROUND_TRIP) {failed:}
		ends 0
	END
	said 'REAL INIT pid=1'
}

t_own_pivot_that_fails_before_the_pivot_can_be_tried_again() {
	new_early_root
	fragment 99-pivotroot <<-'END'
		[ -f /run/once ] || { : >/run/once; (exit 6); }
		umount /tmp /sys /run /dev/pts
		mount --move /dev /mnt/dev
		cd /mnt
		pivot_root . boot
		exec chroot . /sbin/init "$@" < dev/console > dev/console 2>&1
	END
	boot single <<-'END'
		want {99-pivotroot failed: exit status 6 at line 1.*r: try again, b: reboot, p: power off\? }
		type r
		want $env(ROUND_TRIP)
		ends 0
	END
	said 'args=single'
}

t_own_pivot_without_a_real_init_is_found_before() {
	new_early_root
	rm "$R/real/sbin/init"
	fragment 99-pivotroot <<-'END'
		echo "the fragment runs"
		cd /mnt
		pivot_root . boot
		exec chroot . /sbin/init
	END
	boot <<-'END'
		want {99-pivotroot failed: .*no real init '/sbin/init' in /mnt.*r: try again.*power off\? }
		type p
		ends SIGINT
	END
	unsaid 'the fragment runs'
}

t_own_pivot_to_an_init_of_another_name() {
	new_classic_root
	mv "$R/real/sbin/init" "$R/real/sbin/myinit"
	fragment 99-pivotroot <<-'END'
		# /sbin/initng was here
		umount /tmp /sys /run /proc /dev/pts
		mount --move /dev /mnt/dev
		cd /mnt
		pivot_root . boot
		exec chroot . /sbin/myinit < dev/console > dev/console 2>&1
	END
	boot <<-'END'
		want_without $env(ROUND_TRIP) {failed:}
		ends 0
	END
}

# A chroot or a program that is not there, behind the pivot
lost() {
	boot <<-END
		want_without {99-pivotroot failed: exit status $1[^?]*b: reboot, p: power off\\? } {try again|REAL INIT}
		type $2
		ends $3
	END
}

t_own_pivot_with_a_missing_chroot() {
	new_early_root
	fragment 99-pivotroot <<-'END'
		umount /tmp /sys /run /dev/pts
		mount --move /dev /mnt/dev
		cd /mnt
		pivot_root . boot
		exec no-such-chroot . /sbin/init < dev/console > dev/console 2>&1
	END
	lost 127 p SIGINT
}

t_own_pivot_that_fails_behind_the_pivot() {
	new_early_root
	fragment 99-pivotroot <<-'END'
		umount /tmp /sys /run /dev/pts
		mount --move /dev /mnt/dev
		cd /mnt
		pivot_root . boot
		(exit 8)
	END
	lost '8 at line 5' b SIGHUP
}

t_own_pivot_without_a_busybox_left_is_no_end_of_pid_1() {
	new_early_root
	mv "$R/real/bin/busybox" "$R/real/bin/another"
	for applet in sh sleep chroot rm; do
		ln -sf another "$R/real/bin/$applet"
	done
	fragment 99-pivotroot <<-'END'
		mount --move /dev /mnt/dev
		cd /mnt
		pivot_root . boot
		rm /boot/bin/busybox
		(exit 8)
	END
	boot <<-'END'
		want {earlyinit: 99-pivotroot:exit status 8 at line 5; the machine waits for a reset}
		want_without {waits for a reset|\r} {not found}
	END
}
