# shellcheck shell=sh
# The question at terminals: luksunlock -q, on consoles that are pseudo
# terminals.

t_question_is_asked_at_every_console() {
	terminals
	person <<-'END'
		terminal a
		terminal b
		consoles $a_tty $b_tty
		set before [state $a_tty]
		start q "$env(L) -q 'Which one?' >$env(T)/answer"
		at $a
		want {Which one\? }
		at $b
		want {Which one\? }
		type "the second"
		at $q
		ends 0
		is "the answer" [answer] "the second\n"
		is "what b shows" [rest $b] "\r\n"
		is "the state of a" [state $a_tty] $before
		is "the state of b" [state $b_tty] $before
	END
}

t_question_shows_nothing_of_the_answer() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q 'Which?' >$env(T)/answer"
		at $a
		want {Which\? }
		type "secret"
		at $q
		ends 0
		is "what a shows" [rest $a] "\r\n"
		is "the answer" [answer] "secret\n"
	END
}

t_question_e_shows_the_answer() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -e -q 'Which?' >$env(T)/answer"
		at $a
		want {Which\? }
		type "open"
		at $q
		ends 0
		is "what a shows" [rest $a] "open\r\n"
	END
}

# typed TCL_STRING ANSWER: what the kernel's line makes of it
typed() {
	terminals
	person <<-END
		terminal a
		consoles \$a_tty
		start q "\$env(L) -q Which? >\$env(T)/answer"
		at \$a
		want {Which\\? }
		send -- "$1"
		at \$q
		ends 0
		is "the answer" [answer] "$2\\n"
	END
}

t_question_ctrl_u_begins_anew() {
	typed 'wrong\025right\r' right
}

t_question_erase_takes_a_whole_letter() {
	typed 'a\u00e4\177b\r' ab
}

t_question_ctrl_d_behind_text_does_not_end_the_line() {
	typed 'ab\004cd\r' abcd
}

t_question_ctrl_d_is_no_answer() {
	typed '\004\004right\r' right
}

t_question_empty_line_is_no_answer() {
	typed '\r\r\rright\r' right
}

t_question_takes_blanks_and_utf8_as_they_are() {
	typed '  \u00fcber  x \r' '  \u00fcber  x '
}

t_question_takes_512_bytes() {
	x=$(printf '%0512d' 7)
	typed "$x\\r" "$x"
}

t_question_refuses_513_bytes() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		type [string repeat x 513]
		want {that was longer than 512 bytes, the limit for a typed line\r\nWhich\? }
		send "[string repeat y 600]\004"
		type [string repeat y 600]
		want {that was longer than 512 bytes, the limit for a typed line\r\nWhich\? }
		type right
		at $q
		ends 0
		is "the answer" [answer] "right\n"
	END
}

t_question_is_not_answered_by_what_was_typed_before() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		at $a
		send "early\r"
		# its echo says that it lies in the terminal's queue
		want {early}
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		type late
		at $q
		ends 0
		is "the answer" [answer] "late\n"
	END
}

# A signal from elsewhere ends the question, and leaves the terminal as it was.
ended_by() {
	terminals
	person <<-END
		terminal a
		consoles \$a_tty
		set before [state \$a_tty]
		start q "exec \$env(L) -q Which? >\$env(T)/answer"
		set pid [exp_pid]
		at \$a
		want {Which\\? }
		send "half"
		exec kill -$1 \$pid
		at \$q
		ends SIG$1
		is "the state of a" [state \$a_tty] \$before
		is "the answer" [answer] ""
	END
}

t_question_that_is_terminated_restores_the_terminal() {
	ended_by TERM
	[ ! -e /run/luksunlock/socket ] || fail "the socket is left"
}

t_question_that_is_interrupted_restores_the_terminal() {
	ended_by INT
}

t_question_that_crashes_restores_the_terminal() {
	ended_by ABRT
}

t_question_is_not_asked_twice_at_a_time() {
	terminals
	printf 'a /dev/none\n' >"$T/crypttab"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		start second "$env(L) -a -f $env(T)/crypttab"
		want {another luksunlock asks already; 'luksunlock -r' joins it}
		ends 1
		at $a
		type right
		at $q
		ends 0
		is "the answer" [answer] "right\n"
	END
}

t_question_in_a_directory_that_others_can_enter_has_no_socket() {
	terminals
	mkdir -m 755 /run/luksunlock
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		want {'/run/luksunlock' is not a directory of root's alone}
		at $a
		want {Which\? }
		if {[file exists /run/luksunlock/socket]} { fail "there is a socket" }
		type right
		at $q
		ends 0
	END
}

t_device_that_does_not_come_is_spoken_of() {
	terminals
	printf 'a /dev/none none\n' >"$T/crypttab"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "exec $env(L) -a -f $env(T)/crypttab"
		set pid [exp_pid]
		at $a
		want_without {waiting for '/dev/none' \(a\), [23] seconds so far} {attempt}
		exec kill $pid
		at $q
		ends SIGTERM
	END
}
