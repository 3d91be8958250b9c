# shellcheck shell=sh
# What fails, and what is offered then, with earlyinit as PID 1.

# at_menu WORDS: what the failure says, then the three choices; power off
at_menu() {
	boot <<-END
		want_without {$1[^?]*r: try again, b: reboot, p: power off\\? } \$env(ROUND_TRIP)
		type p
		ends SIGINT
	END
}

t_no_real_root_is_named() {
	new_early_root
	sed -i '/ \/mnt /d' "$R/etc/fstab"
	at_menu '50-mountroot failed: .*nothing says what the real root is; write a line for /mnt in /etc/fstab, or boot with real_root='
}

t_real_root_that_does_not_come() {
	new_early_root
	cmdline real_root=/dev/sdz9 real_rootfstype=ext4 rd.timeout=2
	boot <<-'END'
		want {waiting for the real root '/dev/sdz9', 2 seconds so far|did not come}
		want {50-mountroot failed: .*the real root '/dev/sdz9' did not come in 2 seconds \(rd.timeout\).*power off\? }
		type p
		ends SIGINT
	END
}

t_real_root_that_is_the_early_root() {
	new_early_root
	cmdline real_root=/ real_rootflags=bind
	at_menu "50-mountroot failed: .*'/' is the early root itself, not the real root"
}

t_real_root_that_mount_refuses() {
	new_early_root
	cmdline real_root=/nowhere real_rootflags=bind
	at_menu '50-mountroot failed: exit status [0-9]*.*mount: .*/nowhere'
}

t_missing_real_init_is_a_choice() {
	new_early_root
	rm "$R/real/sbin/init"
	boot <<-'END'
		want {99-pivotroot failed: exit status 1.*no real init '/sbin/init' in /mnt.*power off\? }
		exec cp $env(R)/init-kept $env(R)/real/sbin/init
		type r
		want $env(ROUND_TRIP)
		ends 0
	END
}

t_real_init_that_does_not_start_is_no_panic() {
	new_early_root
	# Executable as far as anybody can tell before the pivot
	printf '#!/not/there\n' >"$R/real/sbin/init"
	boot <<-'END'
		want {can't execute '/sbin/init': No such file or directory}
		want {99-pivotroot failed: [^?]*b: reboot, p: power off\? }
		type b
		ends SIGHUP
	END
	unsaid 'try again'
}

t_menu_asks_again_after_nonsense() {
	new_early_root
	echo false | fragment 20-bad
	boot <<-'END'
		want {power off\? }
		type x
		want {power off\? }
		type reboot
		want {power off\? }
		type ""
		want {power off\? }
		type p
		ends SIGINT
	END
}

t_menu_is_on_every_console() {
	new_early_root
	echo 'ttyS0 ttyS1' >"$R/sys/class/tty/console/active"
	echo false | fragment 20-bad
	TWO_CONSOLES=1 boot <<-'END'
		terminal second
		set env(SECOND_TTY) $second_tty
		boot
		set first $spawn_id
		want {20-bad failed: exit status 1.*power off\? }
		set spawn_id $second
		want {20-bad failed: exit status 1.*power off\? }
		type p
		want {the machine goes down}
		set spawn_id $first
		ends SIGINT
	END
}

t_a_question_in_the_background_is_no_answer_to_the_menu() {
	new_early_root
	# It owns the consoles and the socket when the stage fails.
	fragment 20-bad <<-'END'
		(luksunlock -q 'still here?' </dev/null >/dev/null; echo "the other has it") &
		until [ -S /run/luksunlock/socket ]; do :; done
		false
	END
	boot <<-'END'
		want {still here\? }
		want_without {20-bad failed: .*power off\? } {earlyinit: reboot|the machine goes down}
		type p
		# Two ask at one console: the answer goes to one of them.
		expect {
			{the other has it} { type p; exp_continue }
			{the machine goes down} {}
		}
		ends SIGINT
	END
}

t_plan_that_starts_no_real_init() {
	new_early_root
	: >"$R/init.d/99-pivotroot"
	boot <<-'END'
		want {the plan failed: no stage has started the real init.*power off\? }
		type p
		ends SIGINT
	END
}

t_plan_that_ends_can_be_tried_again() {
	new_early_root
	: >"$R/init.d/99-pivotroot"
	boot <<-'END'
		want {the plan failed: no stage has started the real init.*power off\? }
		exec rm $env(R)/init.d/99-pivotroot
		type r
		want $env(ROUND_TRIP)
		ends 0
	END
}

# The signals of BusyBox's reboot, halt and poweroff
signal() {
	new_early_root
	echo "kill -$1 1; sleep 1000" | fragment 20-signal
	boot <<-END
		want {$2}
		ends $3
	END
}

t_signal_TERM_is_a_reboot() {
	signal TERM 'earlyinit: reboot' SIGHUP
}

t_signal_INT_of_ctrl_alt_del_is_a_reboot() {
	signal INT 'earlyinit: reboot' SIGHUP
}

t_signal_USR2_is_power_off() {
	signal USR2 'the machine goes down' SIGINT
}

t_signal_USR1_is_halt() {
	signal USR1 'the machine goes down' SIGINT
}

t_rescue_is_linuxrc_without_arguments() {
	new_early_root
	echo 'echo "a stage ran"' | fragment 20-stage
	cat >"$R/etc/inittab" <<-'END'
		::sysinit:/bin/sh -c 'echo "rescue as $(tr "\0" " " </proc/1/cmdline)"'
		::once:/bin/sh -c 'kill -USR2 1'
	END
	boot single rescue 2 <<-'END'
		want_without {rescue as linuxrc *\r\n} $env(ROUND_TRIP)
		ends SIGINT
	END
	unsaid 'a stage ran'
}

t_rescue_by_rd_rescue() {
	new_early_root
	cmdline quiet rd.rescue
	cat >"$R/etc/inittab" <<-'END'
		::sysinit:/bin/sh -c 'echo "rescue as $(tr "\0" " " </proc/1/cmdline)"; kill -USR2 1'
	END
	boot <<-'END'
		want_without {rescue as linuxrc} $env(ROUND_TRIP)
		ends SIGINT
	END
}

t_rescue_without_inittab_boots_and_is_no_word_of_the_real_init() {
	new_early_root
	boot single rescue 2 <<-'END'
		want {no rescue: there is no /etc/inittab}
		want $env(ROUND_TRIP)
		ends 0
	END
	said 'args=single 2'
}

t_single_is_no_rescue() {
	new_early_root
	printf '::sysinit:/bin/sh -c "kill -USR2 1"\n' >"$R/etc/inittab"
	boot_through single emergency S
	said 'args=single emergency S'
}

t_log_level_that_cannot_be_set_does_not_stop_the_machine() {
	new_early_root
	echo 'mount -o remount,bind,ro /proc/sys/kernel/printk' | fragment 39-read-only
	boot <<-'END'
		want_without "$env(ROUND_TRIP)|40-printk failed" {waits for a reset}
	END
}
