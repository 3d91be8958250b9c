# shellcheck shell=sh
# The plan and its fragments, with earlyinit as PID 1.

t_boot_to_the_real_init() {
	new_early_root
	probe <<-'END'
		echo "printk $(cat /boot/run/printk 2>/dev/null)"
	END
	fragment 45-look <<-'END'
		echo "level $(cat /proc/sys/kernel/printk)"
		mountpoint /run /tmp /dev/pts || :
		for m in /run /tmp /dev/pts; do mountpoint -q $m && echo "mounted $m"; done
	END
	boot_through
	in_order 'level 1' 'mounted /run' 'mounted /tmp' 'mounted /dev/pts' 'REAL INIT pid=1 args='
	unsaid 'earlyinit:'
	same "the log level behind 69-printk" "$(cut -c1 "$T/printk")" 4
}

t_real_init_gets_the_words_of_the_kernel() {
	new_early_root
	boot_through single foo 3
	said 'REAL INIT pid=1 args=single foo 3'
}

t_fragments_run_in_order_and_leftovers_do_not() {
	new_early_root
	for f in 9-x 10-b 10-B 10-a 98-z 35-x~ 35-x.bak .35-x ._cfg0000_35-x; do
		echo "echo ran \"$f\"" | fragment "$f"
	done
	boot_through
	same "the order" "$(sed -n 's/^ran //p' "$T/serial" | tr '\n' ' ')" "10-B 10-a 10-b 9-x 98-z "
}

t_built_in_stages_are_replaced_and_masked() {
	new_early_root
	echo 'echo own mountroot; mount -o bind /real /mnt' | fragment 50-mountroot
	ln -s /dev/null "$R/init.d/40-printk"
	: >"$R/init.d/69-printk"
	# shellcheck disable=SC2016 # for the shell inside
	# shellcheck disable=SC2016 # the fragment's
	echo 'echo "level $(cat /proc/sys/kernel/printk)"' | fragment 41-look
	boot_through
	in_order 'level 4' 'own mountroot' 'REAL INIT pid=1'
}

t_program_runs_by_its_interpreter() {
	new_early_root
	printf '#!/bin/awk -f\nBEGIN { print "by awk" }\n' | fragment 20-awk
	chmod +x "$R/init.d/20-awk"
	boot_through
	said 'by awk'
}

t_program_that_fails_says_its_status() {
	new_early_root
	printf '#!/bin/sh\nexit 5\n' | fragment 20-program
	chmod +x "$R/init.d/20-program"
	boot <<-'END'
		want {20-program failed: exit status 5}
		want {power off\? }
		type p
		ends SIGINT
	END
}

t_variables_live_from_fragment_to_fragment() {
	new_early_root
	fragment 11-start <<-'END'
		word="two words"
		sleep 1000 &
		pid_sleep=$!
	END
	fragment 51-builtins_in_between <<-'END'
		kill -0 $pid_sleep && echo "$word are here"
	END
	fragment 88-stop <<-'END'
		kill $pid_sleep
		wait $pid_sleep || echo "waited, $?"
	END
	fragment 96-behind_reap <<-'END'
		echo "still $word"
	END
	boot_through
	in_order 'two words are here' 'waited, 143' 'still two words' 'REAL INIT'
}

t_fragment_reads_from_the_console() {
	new_early_root
	# shellcheck disable=SC2016 # for the shell inside
	# shellcheck disable=SC2016 # the fragment's
	echo 'read -r -p "name? " name; echo "it is $name."' | fragment 20-ask
	boot <<-'END'
		want {name\? }
		type Klaus
		want {it is Klaus\.}
		want $env(ROUND_TRIP)
		ends 0
	END
}

t_failure_says_stage_status_and_line() {
	new_early_root
	fragment 20-bad <<-'END'
		echo one
		# two
		(exit 7)
		echo "this is not reached"
	END
	boot <<-'END'
		want {20-bad failed: exit status 7 at line 3}
		want {r: try again, b: reboot, p: power off\? }
		type p
		ends SIGINT
	END
	unsaid 'this is not reached'
}

t_fragment_that_exits_is_a_failure() {
	new_early_root
	printf 'echo one\nexit 3\n' | fragment 20-exit
	boot <<-'END'
		want {20-exit failed: exit status 3 at line 2}
		type b
		ends SIGHUP
	END
}

t_fragment_that_exits_with_0_is_a_failure_too() {
	new_early_root
	printf 'exit 0\n' | fragment 20-exit
	boot <<-'END'
		want_without {20-exit failed: exit status 0} $env(ROUND_TRIP)
		type b
		ends SIGHUP
	END
}

t_fragment_with_a_syntax_error_is_a_failure() {
	new_early_root
	printf 'if then\n' | fragment 20-syntax
	boot <<-'END'
		want_without {20-syntax failed: } $env(ROUND_TRIP)
		type p
		ends SIGINT
	END
}

t_shell_that_is_killed_is_a_failure() {
	new_early_root
	# shellcheck disable=SC2016 # the fragment's
	printf 'kill -9 $$\n' | fragment 20-killed
	boot <<-'END'
		want {20-killed failed: killed by signal 9}
		type p
		ends SIGINT
	END
}

t_retry_of_a_fragment_is_from_the_top() {
	new_early_root
	fragment 10-first <<-'END'
		echo "first $(cat /run/count 2>/dev/null)"
		sleep 1000 &
		echo $! >/run/old-child
	END
	fragment 20-second <<-'END'
		echo x >>/run/count
		if [ $(wc -l </run/count) -lt 3 ]; then false; fi
		echo "second"
	END
	boot <<-'END'
		want {first }
		want {20-second failed: exit status 1 at line 2.*power off\? }
		type r
		want {first x}
		want {20-second failed: .*power off\? }
		type r
		want {first x}
		want {second}
		want $env(ROUND_TRIP)
		ends 0
	END
}

t_retry_ends_what_the_fragments_had_started() {
	new_early_root
	fragment 10-daemon <<-'END'
		[ ! -f /run/pid ] || ! kill -0 $(cat /run/pid) 2>/dev/null || echo "the old one lives"
		[ ! -f /run/pid ] || echo "second time"
		sleep 1000 &
		echo $! >/run/pid
	END
	fragment 20-once <<-'END'
		[ -f /run/once ] || { : >/run/once; false; }
	END
	boot <<-'END'
		want {20-once failed: .*power off\? }
		type r
		want_without {second time} {the old one lives}
		want $env(ROUND_TRIP)
		ends 0
	END
}

t_retry_of_a_built_in_stage_is_in_place() {
	new_early_root
	sed -i 's,^/real,/later,' "$R/etc/fstab"
	echo 'echo "this comes once"' | fragment 10-first
	boot <<-'END'
		want {50-mountroot failed: .*power off\? }
		exec mv $env(R)/etc/fstab $env(R)/etc/fstab.was
		exec sed {s,^/later,/real,} $env(R)/etc/fstab.was >$env(R)/etc/fstab
		type r
		want $env(ROUND_TRIP)
		ends 0
	END
	same "runs of the fragment before" "$(grep -c 'this comes once' "$T/serial")" 1
}

t_pipes_of_the_fragment_shell_are_its_own() {
	new_early_root
	fragment 20-fds <<-'END'
		sleep 1000 &
		# until it is sleep and no shell any more
		until [ "$(tr '\0' ' ' </proc/$!/cmdline)" = 'sleep 1000 ' ]; do :; done
		echo "daemon: $(cd /proc/$!/fd; echo *)."
	END
	boot_through
	said 'daemon: 0 1 2.'
}

t_failure_is_seen_while_a_background_loop_goes_on() {
	new_early_root
	fragment 20-loop <<-'END'
		while sleep 1000; do :; done &
		false
	END
	boot <<-'END'
		want {20-loop failed: exit status 1 at line 2}
		type p
		ends SIGINT
	END
}

t_fragment_that_executes_a_program_is_waited_for() {
	new_early_root
	printf 'exec sh -c "echo in its place; exit 9"\n' | fragment 20-exec
	boot <<-'END'
		want {in its place}
		want {20-exec failed: exit status 9}
		type p
		ends SIGINT
	END
}

t_stages_are_in_the_kernel_log() {
	new_early_root
	mkfifo "$R/dev/kmsg"
	cat "$R/dev/kmsg" >"$T/kmsg" &
	exec 9>"$R/dev/kmsg"
	echo true | fragment 20-x
	boot_through
	exec 9>&-
	wait
	sed 's/[0-9]* ms$/N ms/' "$T/kmsg" >"$T/kmsg-plain" || :
	cat "$T/kmsg"
	grep -aq 'earlyinit: 20-x' "$T/kmsg" || fail "20-x is not in the kernel log"
	grep -aq 'earlyinit: 20-x done' "$T/kmsg-plain" || fail "the time of 20-x is not in the kernel log"
	grep -aq 'earlyinit: 50-mountroot done' "$T/kmsg" || fail "50-mountroot is not in the kernel log"
}
