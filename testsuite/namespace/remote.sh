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
		want {waiting for what is asked next}
		at $q
		ends 0
		boot_goes_on
		at $r
		want {there is nothing to unlock; the boot goes on}
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
		want {earlyinit: power off}
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
		boot_goes_on
		foreach each [list $s $r $n] {
			at $each
			want_without {the boot goes on} {ran}
			ends 0
		}
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
		at $q
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
		for {set i 0} {$i < 16} {incr i} { at $r($i); want {answered} }
		boot_goes_on
		for {set i 0} {$i < 16} {incr i} { at $r($i); want {the boot goes on}; ends 0 }
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

# A client of which there is nothing left ends too: a pipe sends no SIGHUP.
t_remote_whose_client_goes_does_not_stay() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		foreach asked {0 1} {
			if {$asked} {
				start q "exec $env(L) -q Which? >$env(T)/answer"
				at $a
				want {Which\? }
			}
			exec mkfifo $env(T)/in$asked $env(T)/out$asked
			start r "exec $env(L) -r <$env(T)/in$asked >$env(T)/out$asked"
			set in [open $env(T)/in$asked w]
			set out [open $env(T)/out$asked r]
			if {$asked} {
				while {[catch {exec grep -q memfd:answer /proc/[exp_pid]/maps}]} { after 20 }
			} else {
				want {the machine does not ask yet; waiting}
			}
			close $out
			ends 1
			close $in
		}
	END
}

# The client that has the most makes room; who came with one is let in.
t_remote_sessions_have_a_limit() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		start first "SSH_CONNECTION='192.0.2.7 1 192.0.2.1 22' exec $env(L) -r"
		want {Which\? }
		start bad "exec $env(BAD) stall 40"
		want {stalled}
		start r "exec $env(L) -r"
		want {Which\? }
		for {set i 0} {$i < 40} {incr i} {
			start many($i) "SSH_CONNECTION='192.0.2.9 1 192.0.2.1 22' exec $env(L) -r"
			want {Which\? }
		}
		at $many(0)
		want {too many sessions wait at this question; this one made room for a newer one}
		ends 1
		at $many(39)
		type ""
		want {Which\? }
		at $first
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
		at $q
		ends 0
		is "the answer" [answer] "right\n"
	END
}

# The failure menu may follow, or luksunlock again.
t_remote_whose_owner_dies_waits_for_the_next() {
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
		want {^\r\nthe machine asks no longer\r\n}
		want {waiting for what is asked next}
		start p "exec $env(L) -q Now? >$env(T)/answer"
		at $r
		want {Now\? }
		type right
		want {answered}
		at $p
		ends 0
		is "the answer" [answer] "right\n"
	END
}

# A key that comes slowly holds up nothing, and is there for the next question.
t_remote_pipe_that_is_slow_answers_the_next_question() {
	terminals
	mkfifo "$T/slow"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "exec $env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		start r "exec $env(L) -r <$env(T)/slow"
		set slow [open $env(T)/slow w]
		puts -nonewline $slow "the first half, "
		flush $slow
		# it has joined: the page is there
		while {[catch {exec grep -q memfd:answer /proc/[exp_pid -i $r]/maps}]} { after 20 }
		at $a
		type x
		at $q
		ends 0
		at $r
		want {waiting for what is asked next}
		start p "exec $env(L) -q Now? >$env(T)/answer"
		at $a
		want {Now\? }
		puts -nonewline $slow "the second"
		close $slow
		at $p
		ends 0
		is "the answer" [answer] "the first half, the second\n"
		at $r
		ends 0
	END
}

# Not a mouth: what it says is on the consoles, once, and without control
# characters.
t_note_is_shown_at_the_consoles() {
	terminals
	mkdir -m 700 /run/luksunlock
	echo 'SSH server: SHA256:abc' >/run/luksunlock/note
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -q Which? >$env(T)/answer"
		at $a
		want {SSH server: SHA256:abc\r\nWhich\? $}
		start r "exec $env(L) -r"
		want_without {Which\? } {SHA256}
		set note [open /run/luksunlock/note a]
		puts $note "eth0 has 192.0.2.7\033\[2J"
		close $note
		at $a
		want {^\r\neth0 has 192\.0\.2\.7\?\[2J\r\nWhich\? $}
		at $r
		type right
		want_without {answered} {eth0}
		at $q
		ends 0
	END
}

# One that sends nothing but empty lines as fast as it can is answered ten
# times a second, and costs no processor.
t_remote_that_floods_costs_nothing() {
	terminals
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "exec $env(L) -q Which? >$env(T)/answer"
		set owner [exp_pid]
		at $a
		want {Which\? }
		start bad "exec $env(BAD) flood 2"
		want {flooded: ([0-9]+) answers}
		if {$expect_out(1,string) > 30} { fail "it was answered $expect_out(1,string) times in 2 seconds" }
		if {$expect_out(1,string) < 5} { fail "it was answered $expect_out(1,string) times only" }
		set f [open /proc/$owner/stat]
		set stat [split [lindex [split [read $f] ")"] 1]]
		set ticks [expr {[lindex $stat 12] + [lindex $stat 13]}]
		if {$ticks > 50} { fail "the flood has cost $ticks ticks of the processor" }
		start r "exec $env(L) -r"
		want {Which\? }
		type right
		want {answered}
		at $q
		ends 0
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

# Whichever way it ends: a key of which a question took nothing, one that a
# signal cut short, one that was taken.
t_remote_leaves_no_key_in_its_memory() {
	terminals
	echo Gwm7xYz9 >"$T/looked-for"
	LOOK="$WORK/lastlook $T/looked-for"
	export LOOK
	found=0
	# shellcheck disable=SC2016,SC2086 # for the shell inside; LOOK is words
	$LOOK sh -c 'x=Gwm7; y=${x}xYz9' || found=$?
	same "the status where it is left" "$found" 99
	for each in untaken cut taken; do
		mkfifo "$T/$each"
	done
	person <<-'END'
		terminal a
		consoles $a_tty
		# starts a session whose key is half there
		proc half {name} {
			global env spawn_id r
			start r "exec $env(LOOK) $env(L) -r <$env(T)/$name"
			set pid [exp_pid]
			set key [open $env(T)/$name w]
			puts -nonewline $key Gwm7xYz9
			flush $key
			while {[set child [string trim [exec cat /proc/$pid/task/$pid/children]]] eq ""} { after 20 }
			# it has joined, and waits again behind what it has read
			while {[catch {exec grep -q memfd:answer /proc/$child/maps}]
			 || ![string match "S*" [lindex [exec grep ^State /proc/$child/status] 1]]
			 || [exec $env(WORK)/badmouth unread $env(T)/$name]} { after 20 }
			return [list $key $child]
		}
		start q "exec $env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		half untaken
		set untaken $r
		lassign [half cut] key child
		exec kill $child
		at $r
		ends 143
		at $a
		type x
		at $q
		ends 0
		at $untaken
		want {waiting for what is asked next}
		boot_goes_on
		want {there is nothing to unlock; the boot goes on}
		ends 0
		start q "exec $env(L) -q Which? >$env(T)/answer"
		at $a
		want {Which\? }
		lassign [half taken] key child
		close $key
		at $r
		ends 0
		at $q
		ends 0
		is "the answer" [answer] "Gwm7xYz9\n"
	END
}
