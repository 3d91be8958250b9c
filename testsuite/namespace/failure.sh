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

t_swap_to_resume_from_that_does_not_come_stops_no_boot() {
	new_early_root
	cmdline quiet real_resume=/dev/sdz8 rd.timeout=1
	boot_through
	said "the swap '/dev/sdz8' (real_resume) did not come in 1 seconds; the boot goes on without it"
}

t_swap_that_is_not_to_be_resumed_from_is_not_waited_for() {
	new_early_root
	cmdline quiet real_resume=/dev/sdz8 noresume
	boot_through
	unsaid /dev/sdz8
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
	# Executable as far as anybody can tell before the pivot: a program for a
	# machine that nobody has. The early root is had back, so it can be tried
	# again. (Nobody but the machine's root may mount the true /sys.)
	sed -i 's|sysfs|tmpfs|' "$R/etc/fstab"
	mv "$R/real/sbin/init" "$T/good"
	cp "$WORK/real-bin/busybox" "$R/real/sbin/init"
	printf '\376\312' | dd of="$R/real/sbin/init" bs=1 seek=18 conv=notrunc 2>/dev/null
	boot 3 <<-'END'
		want {can't execute '/sbin/init': Exec format error}
		want {99-pivotroot failed: [^?]*r: try again, b: reboot, p: power off\? }
		exec cp $env(T)/good $env(R)/real/sbin/init
		type r
		want $env(ROUND_TRIP)
		ends 0
	END
	said 'args=3'
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
		want {earlyinit: power off}
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
		want_without {20-bad failed: .*power off\? } {earlyinit: reboot|earlyinit: power off}
		type p
		# Two ask at one console: the answer goes to one of them.
		expect {
			{the other has it} { type p; exp_continue }
			{earlyinit: power off} {}
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
	signal USR2 'earlyinit: power off' SIGINT
}

t_signal_USR1_is_halt() {
	signal USR1 'earlyinit: halt' SIGINT
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

t_rescue_behind_two_dashes_is_the_real_inits() {
	new_early_root
	cmdline quiet rd.rescue -- rescue
	ARGS=rescue person <<-'END'
		want {no rescue: there is no /etc/inittab}
		want $env(ROUND_TRIP)
		ends 0
	END
	said 'args=rescue'
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

# --- the shell behind root's password ---

# root HASH: what the early root's shadow file has for root
root() {
	echo 'root:x:0:0:root:/root:/bin/sh' >"$R/etc/passwd"
	printf 'root:%s:19000::::::\n' "$1" >"$R/etc/shadow"
	echo false | fragment 20-bad
}

hash() {
	printf '%s\n' "$1" | "$BUSYBOX" cryptpw -m "${2:-sha512}"
}

t_shell_asks_for_the_password_of_root() {
	new_early_root
	root "$(hash toor)"
	boot <<-'END'
		want {s: shell, r: try again, b: reboot, p: power off\? }
		type s
		want {continue\): }
		type wrong
		want {incorrect}
		want {continue\): }
		type toor
		want {# $}
		# job control: Ctrl-C ends a command and nothing else
		type "sh -c 'echo be\"\"gun; exec sleep 1000'"
		want {begun}
		send "\003"
		want {# $}
		type {echo "shell is $0, root is $(id -u)"}
		want {shell is (-?sh|/bin/sh|-sh), root is 0}
		want {# $}
		# the kernel says "linux", which a serial line is not
		type {echo "a terminal like $TERM."}
		want {a terminal like vt102\.}
		want {# $}
		exec rm $env(R)/init.d/20-bad
		type exit
		want {power off\? }
		type r
		want $env(ROUND_TRIP)
		ends 0
	END
}

t_ctrl_d_at_the_password_is_the_menu_again() {
	new_early_root
	root "$(hash toor)"
	boot <<-'END'
		want {power off\? }
		type s
		want {continue\): }
		send "\004"
		want {power off\? }
		type p
		ends SIGINT
	END
}

t_shell_that_is_open_ends_when_another_console_goes_on() {
	new_early_root
	echo 'ttyS0 ttyS1' >"$R/sys/class/tty/console/active"
	root "$(hash toor)"
	probe <<-'END'
		mount -t proc proc /proc
		for p in /proc/[0-9]*; do
			echo "left: $(tr '\0' ' ' <$p/cmdline)"
		done
	END
	TWO_CONSOLES=1 boot <<-'END'
		terminal second
		set env(SECOND_TTY) $second_tty
		boot
		set first $spawn_id
		want {power off\? }
		set spawn_id $second
		want {power off\? }
		type s
		want {continue\): }
		type toor
		want {# $}
		set spawn_id $first
		exec rm $env(R)/init.d/20-bad
		type r
		want $env(ROUND_TRIP)
		ends 0
	END
	same "processes of the real root" "$(grep -c '^left: ' "$T/serial")" 1
}

# no_shell: the menu has no shell, and its letter does nothing
no_shell() {
	boot <<-'END'
		want_without {r: try again, b: reboot, p: power off\? } {s: shell}
		type s
		want_without {that is none of the letters.*power off\? } {assword|# }
		type p
		ends SIGINT
	END
}

t_no_shell_without_a_password() {
	new_early_root
	root ''
	no_shell
}

t_no_shell_with_a_locked_password() {
	new_early_root
	root "!$(hash toor)"
	no_shell
}

t_no_shell_with_an_asterisk() {
	new_early_root
	root '*'
	no_shell
}

t_no_shell_with_a_hash_that_nobody_can_check() {
	new_early_root
	# shellcheck disable=SC2016 # a hash
	root '$7$CU..../....h0UgMkZwPIMkoHUZyLsSd0$Y0uwpGlYRlcyYdpxsTSGKYdS1Yae/I5vPQBFtkxgdC1'
	no_shell
}

t_no_shell_without_an_account() {
	new_early_root
	echo false | fragment 20-bad
	no_shell
}

# sulogin takes the first account with the user id 0, and login any.
t_no_shell_where_another_name_of_root_has_no_password() {
	new_early_root
	root "$(hash toor)"
	sed -i '1i toor::0:0::/root:/bin/sh' "$R/etc/passwd"
	no_shell
}

t_no_shell_where_a_later_name_of_root_has_no_password() {
	new_early_root
	root "$(hash toor)"
	echo 'toor:x:0:0::/root:/bin/sh' >>"$R/etc/passwd"
	echo ' toor : :19000::::::' >>"$R/etc/shadow"
	no_shell
}

t_shell_where_root_has_another_name() {
	new_early_root
	root "$(hash toor)"
	sed -i 's/^root:/admin:/' "$R/etc/passwd" "$R/etc/shadow"
	boot <<-'END'
		want {s: shell, r: try again, b: reboot, p: power off\? }
		type s
		want {continue\): }
		type toor
		want {# $}
		type exit
		want {power off\? }
		type p
		ends SIGINT
	END
}

t_no_shell_with_rd_shell_0() {
	new_early_root
	root "$(hash toor)"
	cmdline quiet rd.shell=0
	no_shell
}

t_shell_with_an_md5_hash() {
	new_early_root
	root "$(hash toor md5)"
	at_menu '20-bad failed: exit status 1.*s: shell, '
}

t_session_has_no_shell() {
	new_early_root
	root "$(hash toor)"
	fragment 10-session <<-'END'
		(until [ -S /run/luksunlock/socket ]; do :; done
		exec luksunlock -r </dev/ttyS1 >/dev/ttyS1 2>&1) &
	END
	TWO_CONSOLES=1 boot <<-'END'
		terminal session
		set env(SECOND_TTY) $session_tty
		boot
		set console $spawn_id
		want {20-bad failed: .*s: shell, r: try again}
		set spawn_id $session
		want_without {20-bad failed: exit status 1 at line 1.*r: try again, b: reboot, p: power off\? } {s: shell}
		type s
		want_without {that is none of the letters} {assword}
		want {power off\? }
		type p
		set spawn_id $console
		want {earlyinit: power off}
		ends SIGINT
	END
}

# --- rd.break ---

t_break_stops_before_a_stage_and_goes_on() {
	new_early_root
	cmdline quiet rd.break=50-mountroot
	echo 'echo "10 ran"' | fragment 10-x
	echo 'echo "60 ran"' | fragment 60-x
	boot <<-'END'
		want {10 ran}
		want_without {stops before 50-mountroot \(rd.break\)\s+c: go on, b: reboot, p: power off\? } {60 ran|# $}
		type c
		want {60 ran}
		want $env(ROUND_TRIP)
		ends 0
	END
	same "stops" "$(grep -c 'stops before' "$T/serial")" 1
}

t_break_without_a_stage_is_before_the_pivot() {
	new_early_root
	root "$(hash toor)"
	rm "$R/init.d/20-bad"
	cmdline quiet rd.break
	boot <<-'END'
		want {stops before 99-pivotroot \(rd.break\)\s+s: shell, c: go on, b: reboot, p: power off\? }
		type s
		want {continue\): }
		type toor
		want {# $}
		type "mountpoint /mnt; exit"
		want {/mnt is a mountpoint}
		want {power off\? }
		type c
		want $env(ROUND_TRIP)
		ends 0
	END
}

t_break_does_not_end_by_itself() {
	new_early_root
	cmdline quiet rd.break=05-keymap rd.emergency=reboot
	boot <<-'END'
		want_without {c: go on, b: reboot, p: power off\? } {unless}
		type c
		want $env(ROUND_TRIP)
		ends 0
	END
}

t_words_that_say_nothing_are_named() {
	new_early_root
	cmdline rd.break=50-nosuch rd.emergency=panic rd.timeout=soon rd.shell=yes fsck.mode=maybe
	boot_through
	said "'rd.break=50-nosuch' is the name of no stage" \
		"'rd.emergency=panic' is not reboot, poweroff, halt or wait; it counts for nothing" \
		"'rd.timeout=soon' is no number of seconds" \
		"'rd.shell=yes' is not 0 or 1" "'fsck.mode=maybe' is not auto, force or skip"
}

# --- rd.emergency ---

# emergency HOW WORD END
emergency() {
	new_early_root
	cmdline quiet "rd.emergency=$1"
	echo false | fragment 20-bad
	boot <<-END
		want {20-bad failed: .*$2 in 10 s unless a key is pressed}
		want {$2 in 1 s unless a key is pressed}
		want {$3}
		ends $4
	END
}

t_emergency_reboot() {
	emergency reboot reboot 'earlyinit: reboot' SIGHUP
}

t_emergency_poweroff() {
	emergency poweroff 'power off' 'earlyinit: power off' SIGINT
}

t_emergency_halt() {
	emergency halt halt 'earlyinit: halt' SIGINT
}

t_emergency_wait_is_the_menu() {
	new_early_root
	cmdline quiet rd.emergency=wait
	echo false | fragment 20-bad
	boot <<-'END'
		want_without {power off\? } {unless}
		type p
		ends SIGINT
	END
}

t_emergency_is_stopped_by_a_key() {
	new_early_root
	cmdline quiet rd.emergency=reboot
	echo false | fragment 20-bad
	boot <<-'END'
		want {reboot in 9 s unless a key is pressed}
		# an arrow key
		send "\033\[A"
		want {r: try again, b: reboot, p: power off\? }
		# it does not come back
		set timeout 11
		expect {
			-re {unless|earlyinit: reboot} { fail "the countdown goes on" }
			eof { fail "the machine ended" }
			timeout {}
		}
		type p
		want {earlyinit: power off}
		ends SIGINT
	END
}

t_emergency_letter_is_taken_at_once() {
	new_early_root
	cmdline quiet rd.emergency=reboot
	echo false | fragment 20-bad
	boot <<-'END'
		want {unless a key is pressed}
		type p
		want {earlyinit: power off}
		ends SIGINT
	END
}

t_emergency_is_stopped_by_a_session() {
	new_early_root
	cmdline quiet rd.emergency=reboot
	echo false | fragment 20-bad
	fragment 10-session <<-'END'
		(until [ -S /run/luksunlock/socket ]; do :; done
		exec luksunlock -r </dev/ttyS1 >/dev/ttyS1 2>&1) &
	END
	TWO_CONSOLES=1 boot <<-'END'
		terminal session
		set env(SECOND_TTY) $session_tty
		boot
		set console $spawn_id
		set spawn_id $session
		want {reboot in [0-9]+ s unless Enter is pressed}
		type ""
		want {p: power off\? }
		type p
		set spawn_id $console
		want {earlyinit: power off}
		ends SIGINT
	END
}

# --- keys ---

# probe_keys: the real init says which of the console's keys it has
probe_keys() {
	probe <<-'END'
		stty -a </dev/console | grep -o 'eof = [^;]*;\|-*ixon'
	END
}

t_keys_change_nothing() {
	new_early_root
	fragment 20-slow <<-'END'
		echo "now press"
		until [ -f /pressed ]; do sleep 0.1; done
		echo "20 is done"
	END
	echo false | fragment 30-bad
	boot <<-'END'
		want {now press}
		send "\003\034\032\004\023\003\003\004"
		exec touch $env(R)/pressed
		want {20 is done}
		want {30-bad failed: .*power off\? }
		send "\003\034\032\004\023\003\004\004\004"
		exec rm $env(R)/init.d/30-bad $env(R)/init.d/20-slow
		type r
		want $env(ROUND_TRIP)
		ends 0
	END
}

t_ctrl_d_does_not_end_a_fragment_that_reads() {
	new_early_root
	printf 'read -r -p "Press Enter " answer\necho "and on"\n' | fragment 20-pause
	probe_keys
	boot <<-'END'
		want {Press Enter }
		# the others throw away what was typed before them
		send "\003\034\032\004\004\r"
		want_without {and on} {failed:}
		want {eof = \^D;\s+ixon}
		ends 0
	END
}

t_ctrl_d_does_not_end_a_program_that_reads() {
	new_early_root
	printf '#!/bin/sh -e\nread -r -p "Press Enter " answer\necho "and on"\n' | fragment 20-pause
	chmod 755 "$R/init.d/20-pause"
	boot <<-'END'
		want {Press Enter }
		send "\004\004\r"
		want_without {and on} {failed:}
		want $env(ROUND_TRIP)
		ends 0
	END
}

# sulogin's shell has Ctrl-D
t_keys_are_off_again_behind_a_shell() {
	new_early_root
	root "$(hash toor)"
	fragment 20-bad <<-'END'
		[ -f /mended ]
		read -r -p 'Press Enter ' answer
		echo "and on"
	END
	probe_keys
	boot <<-'END'
		want {s: shell, .*power off\? }
		type s
		want {continue\): }
		type toor
		want {# $}
		type {echo re""ady; cat >/mended}
		want {ready}
		send "mended\r\004"
		want {# $}
		type exit
		want {power off\? }
		type r
		want {Press Enter }
		send "\004\004\r"
		want_without {and on} {failed:}
		want {eof = \^D;\s+ixon}
		ends 0
	END
}

t_ctrl_alt_del_again_is_one_reboot() {
	new_early_root
	# It holds up the end for as long as it may.
	fragment 20-slow <<-'END'
		(trap '' TERM; exec sleep 1000) &
		# TERM comes when the first has begun the end
		trap 'kill -INT 1; echo "once more" >/dev/console' TERM
		kill -INT 1
		while :; do wait; done
	END
	boot <<-'END'
		want {earlyinit: reboot}
		ends SIGHUP
	END
	said 'once more'
	same "reboots" "$(grep -c 'earlyinit: reboot' "$T/serial")" 1
}

# --- fsck: its exit codes, as far as they come before the mount ---

# fsck STATUS: a device that is a file, and a program for its type
fsck() {
	new_early_root
	: >"$R/dev/fake"
	cmdline quiet real_root=/dev/fake real_rootfstype=fake fsck.mode=force
	cat >"$R/sbin/fsck.fake" <<-END
		#!/bin/sh
		echo "fsck.fake \$*"
		$1
	END
	chmod +x "$R/sbin/fsck.fake"
}

t_fsck_that_leaves_errors_stops_the_boot() {
	fsck 'exit 4'
	at_menu "50-mountroot failed: .*fsck.fake -a -f /dev/fake.*/sbin/fsck.fake on '/dev/fake' ended with status 4; repair it by hand, or boot with fsck.mode=skip"
}

t_fsck_that_is_killed_stops_the_boot() {
	# shellcheck disable=SC2016 # the program's
	fsck 'kill -9 $$'
	at_menu '50-mountroot failed: .*was killed by signal 9; repair it by hand'
}

# It is there, and its loader or its interpreter is not.
t_fsck_that_cannot_start_has_corrected_nothing() {
	fsck 'exit 0'
	sed -i '1s|.*|#!/missing|' "$R/sbin/fsck.fake"
	at_menu "50-mountroot failed: .*can't execute '/sbin/fsck.fake': No such file or directory.*ended with status 127; repair it by hand"
}

t_fsck_that_wants_a_reboot_gets_it() {
	fsck 'exit 3'
	boot <<-'END'
		want {/sbin/fsck.fake has repaired '/dev/fake' and wants a reboot}
		want {earlyinit: reboot}
		ends SIGHUP
	END
}

t_fsck_that_has_corrected_errors_is_no_failure() {
	fsck 'exit 1'
	# what comes next, and fails here, is the mount
	at_menu '50-mountroot failed: exit status [0-9]+\s+fsck.fake -a -f /dev/fake\s+mount: '
}

t_fsck_is_skipped() {
	fsck 'exit 4'
	cmdline quiet real_root=/dev/fake real_rootfstype=fake rd.skipfsck
	at_menu '50-mountroot failed: exit status [0-9]+\s+mount: '
	unsaid 'fsck.fake'
}

t_fsck_that_is_not_there_is_said_where_it_is_asked_for() {
	fsck 'exit 0'
	rm "$R/sbin/fsck.fake"
	at_menu '50-mountroot failed: .*the real root is not checked: there is no fsck.fake on the boot device.*mount: '
}
