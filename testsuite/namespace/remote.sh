# shellcheck shell=sh
# The remote mouth: luksunlock -r, or luksunlock as a login shell, joins the
# question of another process.

t_remote_terminal_answers() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		start r "exec $env(L) -r"
		want {Which\? }
		type secret
		want {^\r\nanswered\r\n}
		ends 0
		at $q
		ends 0
		is "the answer" [answer] "secret\n"
	END
}

t_remote_terminal_shows_what_may_be_seen() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -e -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		start r "exec $env(L) -r"
		want {Which\? }
		type open
		want {^open\r\nanswered\r\n}
		ends 0
	END
}

t_remote_pipe_answers() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		exec printf secret | sh -c "$env(L) -r"
		at $q
		ends 0
		is "the answer" [answer] "secret\n"
	END
}

t_remote_pipe_of_echo_is_the_same_answer() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		exec echo secret | sh -c "$env(L) -r"
		at $q
		ends 0
		is "the answer" [answer] "secret\n"
	END
}

t_remote_pipe_answers_the_menu_of_pid_1() {
	new_early_root
	# As an SSH server would start it: `echo p | ssh root@host`
	fragment 20-bad <<-'END'
		(until [ -S /run/luksunlock/socket ]; do :; done; echo p | luksunlock -r) &
		false
	END
	boot <<-'END'
		want {power off\? }
		want {the machine goes down}
		ends SIGINT
	END
}

t_remote_login_shell_runs_no_command() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		start r "exec bash -c \"exec -a -luksunlock $env(BUSYBOX) -c 'echo ran'\""
		want_without {Which\? } {ran}
		# whatever it is told: -n would list
		start n "exec bash -c \"exec -a -luksunlock $env(BUSYBOX) -n\""
		want {Which\? }
		start s "exec $env(L) -c 'echo ran'"
		want_without {Which\? } {ran}
		type secret
		want_without {answered} {ran}
		ends 0
		at $r
		want_without {answered} {ran}
		ends 0
	END
}

t_remote_waits_for_the_question() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start r "exec $env(L) -r"
		want {the machine does not ask yet; waiting}
		start q "$env(L) -q Which? >$env(T)/answer"
		at $r
		want {Which\? }
		type secret
		want {answered}
		ends 0
		at $q
		ends 0
		is "the answer" [answer] "secret\n"
	END
}

t_remote_that_comes_late_says_so() {
	terminals
	mkdir -m 700 /run/luksunlock
	: >/run/luksunlock/done
	person <<-'END'
		start r "exec $env(L) -r"
		want {there is nothing to unlock; the boot goes on}
		ends 0
	END
}

t_remote_restores_its_terminal() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		# The shell lives on, as that of a rescue environment does
		start r "stty -g; trap : INT; $env(L) -r; stty -g"
		want {([0-9a-f:]+)\r\n}
		set before $expect_out(1,string)
		want {Which\? }
		send "half\003"
		want {([0-9a-f:]+:[0-9a-f:]+)\r\n}
		is "its state behind Ctrl-C" $expect_out(1,string) $before
		at $a
		type x
		at $q
		ends 0
		is "the answer" [answer] "x\n"
	END
}

t_remote_ctrl_d_leaves() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		start r "exec $env(L) -r"
		want {Which\? }
		send "\004"
		ends 1
		start s "exec $env(L) -r"
		want {Which\? }
		send "ab\004cd\r"
		want {answered}
		ends 0
		at $q
		ends 0
		is "the answer" [answer] "abcd\n"
	END
}

t_remote_refuses_513_bytes() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		start r "exec $env(L) -r"
		want {Which\? }
		type [string repeat x 513]
		want {that was longer than 512 bytes, the limit for a typed line\r\nWhich\? }
		type [string repeat y 512]
		want {answered}
		ends 0
		is "the answer" [answer] "[string repeat y 512]\n"
	END
}

t_remote_pipe_over_the_limit_is_refused() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		start r "head -c 65537 /dev/zero | $env(L) -r"
		want {the key on standard input is over the limit of 64 KiB}
		ends 1
		start s "$env(L) -r </dev/null"
		want {no key on standard input}
		ends 1
		at $a
		type right
		at $q
		ends 0
		is "the answer" [answer] "right\n"
	END
}

t_remote_sixteen_at_once() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		for {set i 0} {$i < 16} {incr i} { start r($i) "exec $env(L) -r" }
		for {set i 0} {$i < 16} {incr i} { at $r($i); want {Which\? } }
		at $r(7)
		type secret
		for {set i 0} {$i < 16} {incr i} { at $r($i); want {answered}; ends 0 }
		at $q
		ends 0
		is "the answer" [answer] "secret\n"
	END
}

t_remote_that_stalls_holds_up_nobody() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		start bad "exec $env(BAD) stall 4"
		want {stalled}
		start r "exec $env(L) -r"
		want {Which\? }
		# each empty line is drawn again for all
		for {set i 0} {$i < 50} {incr i} { type ""; want {Which\? } }
		at $a
		type right
		at $q
		ends 0
		is "the answer" [answer] "right\n"
	END
}

t_remote_sessions_have_a_limit() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		start bad "exec $env(BAD) stall 32"
		want {stalled}
		start r "exec $env(L) -r"
		want {too many sessions wait at this question}
		ends 1
		exec kill [exp_pid -i $bad]
		at $bad
		ends SIGTERM
		start s "exec $env(L) -r"
		want {Which\? }
		type right
		want {answered}
		at $q
		ends 0
		is "the answer" [answer] "right\n"
	END
}

t_remote_garbage_harms_nobody() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		start r "exec $env(L) -r"
		want {Which\? }
		start bad "exec $env(BAD) garbage"
		want {garbage sent}
		ends 0
		at $r
		type right
		want {answered}
		ends 0
		at $q
		ends 0
		is "the answer" [answer] "right\n"
	END
}

t_remote_whose_owner_dies_ends() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "exec $env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		start r "exec $env(L) -r"
		want {Which\? }
		exec kill -KILL [exp_pid -i $q]
		want {the machine asks no longer}
		ends 1
	END
}

t_answer_is_in_no_argument_and_no_environment() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "exec $env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		start r "exec $env(L) -r"
		want {Which\? }
		# Typed, and not yet sent: the line is the kernel's. Then half is the
		# page's.
		send "Gwm7\004xYz"
		start bad "exec $env(BAD) read"
		want {Which}
		set found [exec sh -c "cat /proc/\[0-9\]*/cmdline /proc/\[0-9\]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c 'Gwm\[7\]' || :"]
		is "places with the answer" $found 0
		at $r
		type "9"
		want {answered}
		at $q
		ends 0
		is "the answer" [answer] "Gwm7xYz9\n"
	END
}
