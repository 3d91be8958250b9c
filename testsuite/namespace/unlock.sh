# shellcheck shell=sh
# The passphrase cycle with real LUKS headers and key slots, and a
# device-mapper that only says that it maps (fakedm.c). The busybox is the
# dynamic one: only there can a library be put before another.

# luks NAME PASSPHRASE [ITERATIONS]: a volume at $T/NAME.blk
luks() {
	truncate -s 17M "$T/$1.blk"
	printf %s "$2" | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 \
		--pbkdf-force-iterations "${3:-1000}" "$T/$1.blk" -
}

faked() {
	terminals
	mkdir "$T/dm"
	cmdline ro
	mount --bind "$T/cmdline" /proc/cmdline
	L="env FAKEDM=$T/dm LD_PRELOAD=$WORK/fakedm.so $DYNAMIC luksunlock"
	export L
}

# crypttab LINE...
crypttab() {
	printf '%s\n' "$@" >"$T/crypttab"
}

# status WANTED KEY ARG...: of one run with the key on standard input
status() {
	wanted=$1
	key=$2
	shift 2
	got=0
	# shellcheck disable=SC2059,SC2086 # KEY has escapes; L is words
	printf "$key" | $L "$@" >"$T/said" 2>&1 || got=$?
	cat "$T/said"
	same "the status with '$key'" "$got" "$wanted"
}

opened() {
	same "what is open" "$(cd "$T/dm" && echo *)" "${1:-*}"
}

t_key_on_standard_input_that_is_wrong_is_status_2() {
	faked
	luks a right
	status 2 wrong "$T/a.blk" a
	same "what it says" "$(cat "$T/said")" "luksunlock: wrong passphrase"
	opened ''
}

t_key_on_standard_input_opens() {
	faked
	luks a right
	status 0 right "$T/a.blk" a
	opened 'a'
	status 5 right "$T/a.blk" a
}

# It had told that it derives, which is neither success nor a wrong key.
t_attempt_that_dies_on_its_way_has_no_result() {
	faked
	luks a right
	L="env FAKEDM=$T/dm LD_PRELOAD=$WORK/dies.so:$WORK/fakedm.so $DYNAMIC luksunlock"
	status 3 right "$T/a.blk" a
	same "what it says" "$(cat "$T/said")" \
		"luksunlock: a ($T/a.blk): the attempt ended without a result"
	status 3 right -t "$T/a.blk"
	opened ''
}

# A key file's attempt dies, and a passphrase opens: it says why one is asked for.
dies_with_a_key_file() {
	faked
	cmdline "$1"
	luks root right
	printf right >"$T/key"
	: >"$T/once"
	crypttab "root $T/root.blk $T/key"
	L="env DIES_ONCE=$T/once FAKEDM=$T/dm LD_PRELOAD=$WORK/dies.so:$WORK/fakedm.so $DYNAMIC luksunlock"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {root: key file '[^']*/key': the attempt ended without a result\r\n.*Passphrase for root \([^)]*\): }
		type right
		at $q
		ends 0
	END
	opened root
}

t_attempt_of_a_key_file_that_dies_is_said_and_asks() {
	dies_with_a_key_file debug
}

t_attempt_of_a_key_file_that_dies_in_a_quiet_boot_is_said_and_asks() {
	dies_with_a_key_file quiet
}

t_look_that_dies_is_said_and_asks() {
	faked
	luks root right
	: >"$T/once"
	crypttab "root $T/root.blk none"
	L="env DIES_LOADING=$T/once FAKEDM=$T/dm LD_PRELOAD=$WORK/dies.so:$WORK/fakedm.so $DYNAMIC luksunlock"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {root \([^)]*/root.blk\): the attempt ended without a result\r\n.*Passphrase for root \([^)]*\): }
		type right
		at $q
		ends 0
	END
	opened root
}

t_key_on_standard_input_may_end_in_a_newline() {
	faked
	luks a right
	status 0 'right\n' "$T/a.blk" a
	status 2 'right\n\n' "$T/a.blk" b
	opened 'a'
}

t_key_on_standard_input_is_taken_with_the_newline_first() {
	faked
	luks a 'right
'
	status 0 'right\n' "$T/a.blk" a
}

t_key_slot_without_a_key_is_named() {
	faked
	luks a right
	status 1 right -o keyslot=1 "$T/a.blk" a
	grep -q "a.blk" "$T/said" || fail "it names no device: $(cat "$T/said")"
	status 0 right -o keyslot=0 "$T/a.blk" a
}

t_name_that_another_device_has_is_status_5() {
	faked
	luks a right
	echo CRYPT-PLAIN-x >"$T/dm/a"
	status 5 right "$T/a.blk" a
}

t_passphrase_is_asked_until_it_fits() {
	faked
	luks root right
	crypttab "root $T/root.blk none luks"
	person <<-'END'
		terminal a
		consoles $a_tty
		set before [state $a_tty]
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want "Passphrase for root \\($env(T)/root.blk\\): "
		type wrong
		want {wrong passphrase\r\nPassphrase for root}
		type alsowrong
		want {wrong passphrase\r\nPassphrase for root}
		type right
		at $q
		ends 0
		is "the state of the console" [state $a_tty] $before
		if {[regexp {right} [rest $a]]} { fail "the passphrase is shown" }
		if {![file exists /run/luksunlock/done]} { fail "no mark that all is open" }
		start r "exec $env(L) -r"
		want {there is nothing to unlock}
		ends 0
	END
	opened 'root'
}

t_passphrase_opens_all_that_it_fits() {
	faked
	luks one right
	luks two right
	luks three other
	crypttab "one $T/one.blk" "three $T/three.blk" "two $T/two.blk"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		# All three, in the order of crypttab, once their headers are read
		want {Passphrase for one \([^)]*\), three \([^)]*\), two \([^)]*\): }
		type right
		want {one is open}
		want {Passphrase for three \([^)]*\): }
		type other
		at $q
		ends 0
	END
	opened 'one three two'
}

t_passphrase_from_ssh_is_seen_at_the_console() {
	faked
	luks root right
	crypttab "root $T/root.blk"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {Passphrase for root}
		start r "exec env SSH_CONNECTION='192.0.2.7 1234 192.0.2.1 22' $env(L) -r"
		want {Passphrase for root}
		type wrong
		want {wrong passphrase\r\nPassphrase for root}
		at $a
		want {trying the passphrase from ssh 192.0.2.7}
		want {wrong passphrase from ssh 192.0.2.7}
		at $r
		type right
		want {all is open; the boot goes on}
		ends 0
		at $q
		ends 0
	END
	opened 'root'
}

t_name_of_a_session_writes_no_controls_to_the_console() {
	faked
	luks root right
	crypttab "root $T/root.blk"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {Passphrase for root}
		set env(SSH_CONNECTION) "\033\[2J\r\nhello 1 2 3"
		start r "exec $env(L) -r"
		want {Passphrase for root}
		type wrong
		want {wrong passphrase\r\nPassphrase for root}
		at $a
		want {trying the passphrase from ssh \?\[2J\?\?hello\r\n}
		at $r
		type right
		want {all is open; the boot goes on}
		at $q
		ends 0
	END
}

t_quiet_console_shows_the_question_alone() {
	faked
	cmdline ro quiet
	luks root right
	crypttab "root $T/root.blk"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {Passphrase for root \([^)]*\): }
		start r "exec $env(L) -r"
		want {Passphrase for root}
		type right
		want {all is open; the boot goes on}
		at $q
		ends 0
		is "what the console shows behind the question" [rest $a] "\r\n"
	END
}

t_session_that_stalls_is_cut_off() {
	faked
	luks root right
	crypttab "root $T/root.blk"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {Passphrase for root}
		start bad "exec $env(BAD) hang 2"
		want {stalled}
		at $a
		# What all sessions are told fills the stalled ones' buffers
		for {set i 0} {$i < 100} {incr i} {
			catch {exec sh -c "printf wrong | $env(L) -r 2>/dev/null"}
			want {wrong passphrase from session [0-9]+\r\nPassphrase for root[^:]*: }
		}
		at $bad
		want {hung up}
		want {hung up}
		at $a
		type right
		at $q
		ends 0
	END
	opened root
}

# The mouth that is wrong waits longer each time, and no other does.
t_wrong_mouth_is_paused() {
	faked
	luks root right
	crypttab "root $T/root.blk"
	person <<-'END'
		terminal a
		terminal b
		consoles $a_tty $b_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {Passphrase for root}
		foreach least {1000 2000} {
			# before it is answered: what is read late makes no pause shorter
			set start [clock milliseconds]
			type wrong
			want {wrong passphrase\r\n}
			want {Passphrase for root}
			set pause [expr {[clock milliseconds] - $start}]
			if {$pause < $least || $pause > $least + 1500} { fail "its pause was $pause ms, not $least" }
		}
		set start [clock milliseconds]
		type wrong
		want {wrong passphrase; the next try in 4 seconds\r\n$}
		# typed in the pause: thrown away, as nothing was asked
		type right
		at $b
		type wrong
		want {wrong passphrase\r\n}
		want {Passphrase for root}
		# by when the first one's four seconds are not over
		if {[string match "*Passphrase for*" [rest $a]]} { fail "the other console was paused as long" }
		at $a
		want {Passphrase for root[^:]*: $}
		if {[clock milliseconds] - $start < 4000} { fail "the pause was too short" }
		at $b
		type right
		want {root is open, by the passphrase from console pts/[0-9]+, after [0-9]+ seconds}
		at $q
		ends 0
	END
	opened root
}

t_remote_pipe_is_told_wrong_by_status_2() {
	faked
	luks root right
	crypttab "root $T/root.blk"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {Passphrase for root}
		start r "printf wrong | $env(L) -r"
		want {wrong passphrase}
		ends 2
		start s "echo right | $env(L) -r"
		want {root is open.*all is open; the boot goes on}
		ends 0
		at $q
		ends 0
	END
	opened 'root'
}

t_remote_pipe_is_told_what_remains() {
	faked
	luks root right
	luks home other
	crypttab "root $T/root.blk" "home $T/home.blk"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {Passphrase for root [^ ]*, home}
		start r "printf right | $env(L) -r"
		want {root is open.*it is not all yet; asked now: Passphrase for home}
		ends 0
		start r "printf other | $env(L) -r"
		want {home is open.*all is open; the boot goes on}
		ends 0
		at $q
		ends 0
	END
	opened 'home root'
}

# Who has three answers in the queue does not make one who has one wait for them.
t_answers_are_queued_by_client() {
	faked
	slow right 500000
	person <<-END
		$deriving
		terminal a
		consoles \$a_tty
		start q "exec \$env(L) -a -f \$env(T)/crypttab"
		set pid [exp_pid]
		at \$a
		want {Passphrase for root}
		type wrong
		set child [deriving \$pid]
		exec kill -STOP \$child
		start bad "exec \$env(BAD) queue 'ssh 192.0.2.9' 'ssh 192.0.2.9' 'ssh 192.0.2.9' 'ssh 192.0.2.7'"
		want {queued}
		exec kill -CONT \$child
		at \$a
		want {trying the passphrase from ssh 192.0.2.9}
		want {trying the passphrase from ssh (192.0.2.[0-9])}
		is "the second" \$expect_out(1,string) 192.0.2.7
		want {trying the passphrase from ssh (192.0.2.[0-9])}
		is "the third" \$expect_out(1,string) 192.0.2.9
	END
}

t_tries_has_an_end() {
	faked
	luks root right
	crypttab "root $T/root.blk none tries=2"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {Passphrase for root}
		type wrong
		want {wrong passphrase\r\nPassphrase for root}
		type wrong
		want {root: no more tries \(tries=2\)}
		at $q
		ends 2
		if {[file exists /run/luksunlock/done]} { fail "it says that all is open" }
	END
	opened ''
}

t_key_file_asks_nobody() {
	faked
	luks root right
	printf right >"$T/key"
	crypttab "root $T/root.blk $T/key"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		ends 0
		if {[regexp {Passphrase} [rest $a]]} { fail "it asks" }
	END
	opened 'root'
}

t_key_file_that_does_not_fit_is_said_and_asks() {
	faked
	luks root right
	luks home right
	printf wrong >"$T/key"
	crypttab "root $T/root.blk $T/key" "home $T/home.blk $T/none"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		# Both are tried at one time, and either may be first.
		want {Passphrase for root \([^)]*\), home \([^)]*\): }
		set all $expect_out(buffer)
		foreach words [list "root: key file '$env(T)/key': it fits no key slot\r\n" \
			"home: key file '$env(T)/none': No such file or directory\r\n"] {
			if {[string first $words $all] < 0} { fail "it did not say: $words" }
		}
		type right
		at $q
		ends 0
	END
	opened 'home root'
}

# The terminal is another's, and the directory of the socket is as none is taken:
# who opened either would say something.
t_key_files_of_a_quiet_boot_touch_no_mouth() {
	faked
	cmdline quiet
	luks root right
	luks home right
	printf right >"$T/key"
	crypttab "root $T/root.blk $T/key" "home $T/home.blk $T/key"
	mkdir -m 777 /run/luksunlock
	chmod 777 /run/luksunlock
	$L -a -f "$T/crypttab" >"$T/said" 2>&1 || fail "status $?"
	same "what it says" "$(cat "$T/said")" ""
	[ -e /run/luksunlock/done ] || fail "it does not say that all is open"
	opened 'home root'
	rm "$T/dm/home"
	printf wrong >"$T/key"
	$L -a -f "$T/crypttab" >"$T/said" 2>&1 </dev/null &
	until grep -q "not a directory of root's alone" "$T/said"; do :; done
	kill $!
}

t_key_file_of_a_quiet_boot_that_does_not_fit_is_said_and_asks() {
	faked
	cmdline quiet
	luks root right
	luks home right
	printf wrong >"$T/key"
	printf right >"$T/right"
	crypttab "root $T/root.blk $T/key" "home $T/home.blk $T/right"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {root: key file '[^']*/key': it fits no key slot\r\n.*Passphrase for root \([^)]*\): }
		type right
		at $q
		ends 0
	END
	opened 'home root'
}

# Longer than nobody is told anything
t_key_file_of_a_quiet_boot_that_derives_for_long_opens() {
	faked
	cmdline quiet
	# seconds, under valgrind as well
	luks root right "$([ -n "${VALGRIND:-}" ] && echo 100000 || echo 2500000)"
	luks home right
	printf right >"$T/key"
	crypttab "root $T/root.blk $T/key" "home $T/home.blk $T/key"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		while {![file exists /run/luksunlock/socket]} { after 20 }
		at $q
		ends 0
	END
	opened 'home root'
}

t_device_of_a_quiet_boot_that_comes_late_opens_by_its_key() {
	faked
	cmdline quiet
	luks later right
	mv "$T/later.blk" "$T/hidden"
	printf right >"$T/key"
	crypttab "later $T/later.blk $T/key"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {waiting for '[^']*later.blk' \(later\)}
		exec mv $env(T)/hidden $env(T)/later.blk
		at $q
		ends 0
	END
	opened 'later'
}

# Two end at one time, their signals are gone, and the first of them has failed.
t_volumes_of_a_quiet_boot_that_end_together_are_both_seen() {
	faked
	cmdline quiet
	luks home right 100000
	luks root other 100000
	printf right >"$T/key"
	crypttab "root $T/root.blk $T/key headless=yes" "home $T/home.blk $T/key"
	L="env FAKEDM=$T/dm LD_PRELOAD=$WORK/lateparent.so:$WORK/fakedm.so $DYNAMIC luksunlock"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {root \([^)]*\): no passphrase is asked for, it is headless}
		at $q
		ends 2
	END
	opened home
}

# A second after the start, when consoles are opened, its child has just ended.
t_volume_of_a_quiet_boot_that_ends_with_the_silence_is_seen() {
	faked
	cmdline quiet
	luks root right 1000000
	printf right >"$T/key"
	crypttab "root $T/root.blk $T/key"
	person <<-END
		$deriving
		start q "exec \$env(L) -a -f \$env(T)/crypttab"
		set pid [exp_pid]
		set child [deriving \$pid]
		exec kill -STOP \$pid
		while {![string match "Z*" [lindex [exec grep ^State /proc/\$child/status] 1]]} { after 20 }
		# the silence is a time, and has no event
		after 1100
		exec kill -CONT \$pid
		ends 0
	END
	opened root
}

t_volume_that_is_not_luks_is_said_and_the_others_open() {
	faked
	luks home right
	truncate -s 1M "$T/root.blk"
	crypttab "root $T/root.blk" "home $T/home.blk"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {root \([^)]*\): not a LUKS device\r\n}
		want {Passphrase for home \([^)]*\): }
		type right
		at $q
		ends 1
	END
	opened 'home'
}

t_device_that_comes_late_is_asked_for_then() {
	faked
	luks later right
	mv "$T/later.blk" "$T/hidden"
	crypttab "later $T/later.blk"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want_without {waiting for '[^']*later.blk' \(later\)} {attempt}
		exec mv $env(T)/hidden $env(T)/later.blk
		want {Passphrase for later}
		type right
		at $q
		ends 0
	END
	opened 'later'
}

# jumps SECONDS: the clock of the wall is set, as at a boot that learns the time
# from the network. A limit has not passed by that.
jumps() {
	faked
	luks later right
	mv "$T/later.blk" "$T/hidden"
	crypttab "later $T/later.blk none x-systemd.device-timeout=600"
	L="env WALLJUMP=$T/jump FAKEDM=$T/dm LD_PRELOAD=$WORK/walljump.so:$WORK/fakedm.so $DYNAMIC luksunlock"
	echo "$1" >"$T/jump-to-be"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {waiting for '[^']*later.blk' \(later\), [23] seconds so far}
		exec mv $env(T)/jump-to-be $env(T)/jump
		exec mv $env(T)/hidden $env(T)/later.blk
		want_without {Passphrase for later} {did not come}
		type right
		want_without {later is open, by the passphrase from console [^ ]*, after [0-9]{1,2} seconds} {after [0-9]{3}}
		at $q
		ends 0
	END
	opened 'later'
}

t_clock_that_is_set_forward_ends_no_wait() {
	jumps 3600
}

t_clock_that_is_set_back_ends_no_wait() {
	jumps -3600
}

# It was there, and comes back: that is a wait of its own.
t_device_that_goes_is_waited_for_as_long_as_at_first() {
	faked
	luks root right
	luks data right
	crypttab "root $T/root.blk none x-systemd.device-timeout=5" \
		"data $T/data.blk none nofail,timeout=6"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {Passphrase for root}
		want {data \([^)]*\): no passphrase came within 6 seconds}
		want {Passphrase for root \([^)]*\): $}
		exec mv $env(T)/root.blk $env(T)/hidden
		type right
		want {root \([^)]*\): No such file}
		exec mv $env(T)/hidden $env(T)/root.blk
		want_without {Passphrase for root} {did not come}
		type right
		at $q
		ends 0
	END
	opened 'root'
}

# Nobody was asked for it, so nobody was wrong about it.
t_wrong_passphrase_is_no_try_of_a_volume_that_waits_for_its_key() {
	faked
	luks root right
	luks data right
	crypttab "root $T/root.blk" "data $T/data.blk /key:/dev/none tries=1,keyfile-timeout=600"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {Passphrase for root \([^)]*\): }
		type wrong
		want_without {wrong passphrase\r\nPassphrase for root \([^)]*\): } {no more tries|root [^:]*, data}
		type right
		at $q
		ends 0
	END
	opened 'data root'
}

# It is asked for beside the others, as long as these are, and holds up no boot.
t_nofail_volume_is_asked_for_and_not_waited_for() {
	faked
	luks root right
	luks data other
	luks more more
	crypttab "root $T/root.blk" "data $T/data.blk none nofail" "more $T/more.blk none nofail"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {Passphrase for root [^:]*, data [^:]*, more [^:]*: }
		type more
		want {more is open}
		want {Passphrase for root [^ ]*, data [^ ]*: $}
		type right
		want_without {data \([^)]*\) stays closed; the boot does not wait for its passphrase \(nofail\)\r\n} {Passphrase for data}
		at $q
		ends 0
	END
	opened 'more root'
}

t_nofail_volume_is_waited_for_as_long_as_timeout_says() {
	faked
	luks root right
	luks data other
	crypttab "root $T/root.blk" "data $T/data.blk none nofail,timeout=60"
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) -a -f $env(T)/crypttab"
		at $a
		want {Passphrase for root [^:]*, data [^:]*: }
		type right
		want {Passphrase for data [^ ]*: $}
		type other
		at $q
		ends 0
	END
	opened 'data root'
}

t_own_terminal_is_asked_and_no_other() {
	faked
	luks a right
	person <<-'END'
		terminal a
		consoles $a_tty
		start q "$env(L) $env(T)/a.blk a; echo status \$?; stty -a"
		want {Passphrase for a \([^)]*\): }
		type wrong
		want {wrong passphrase\r\nPassphrase for a}
		type right
		want {status 0}
		want { echo }
		ends 0
		is "what the console shows" [rest $a] ""
	END
	opened 'a'
}

# A volume whose key takes a second or two to derive
slow() {
	luks root "$1" "${2:-2500000}"
	crypttab "root $T/root.blk"
}

# The child that derives, as soon as there is one
# shellcheck disable=SC2016 # for the shell inside
# shellcheck disable=SC2016 # Tcl's
deriving='proc deriving {pid} {
	while 1 {
		set f [open /proc/$pid/task/$pid/children]
		set children [read $f]
		close $f
		if {$children ne ""} { return [lindex $children 0] }
	}
}'

t_attempt_that_is_killed_is_no_wrong_passphrase() {
	faked
	slow right
	person <<-END
		$deriving
		terminal a
		consoles \$a_tty
		start q "exec \$env(L) -a -f \$env(T)/crypttab"
		set pid [exp_pid]
		at \$a
		want {Passphrase for root}
		type right
		exec kill -KILL [deriving \$pid]
		want_without {root \(.*\): the attempt was killed by signal 9.*Passphrase for root} {wrong passphrase}
		exec kill \$pid
		at \$q
		ends SIGTERM
	END
	opened ''
}

t_key_whose_attempt_is_killed_has_not_opened() {
	faked
	slow right
	printf right >"$T/key"
	person <<-'END'
		start q "exec $env(L) $env(T)/root.blk root <$env(T)/key"
		set pid [exp_pid]
		# The first child reads the header, the second derives
		set killed 0
		while {!$killed && [file exists /proc/$pid]} {
			foreach child [exec cat /proc/$pid/task/$pid/children] {
				# by now it has computed for 0.2 s
				if {[catch {exec cat /proc/$child/stat} stat]} continue
				if {[lindex [split $stat] 13] < 20} continue
				exec kill -KILL $child
				set killed 1
			}
		}
		expect eof
		set end [wait]
		if {[lindex $end 3] == 0} { fail "its status is 0" }
	END
	opened ''
}

# A key that waits in the queue while another opens all: it is told the same.
t_answer_behind_the_one_that_opens_all_is_told_so() {
	faked
	slow right 500000
	mkfifo "$T/in"
	person <<-END
		$deriving
		# a session that is let in: what was sent before it was taken
		proc newcomer {} {
			global env spawn_id
			start x "exec \$env(BAD) read"
			want {Passphrase for root}
		}
		terminal a
		consoles \$a_tty
		start q "exec \$env(L) -a -f \$env(T)/crypttab"
		set pid [exp_pid]
		at \$a
		want {Passphrase for root}
		type right
		set child [deriving \$pid]
		exec kill -STOP \$child
		start r "exec \$env(L) -r <\$env(T)/in"
		set session [exp_pid]
		set in [open \$env(T)/in w]
		puts -nonewline \$in right
		close \$in
		while {[catch {exec grep -q memfd:answer /proc/\$session/maps}]} { after 20 }
		newcomer
		# it has read its key to the end, and waits
		while {[exec \$env(BAD) unread \$env(T)/in]
		 || ![string match "S*" [lindex [exec grep ^State /proc/\$session/status] 1]]} { after 20 }
		newcomer
		exec kill -CONT \$child
		at \$r
		want_without {all is open; the boot goes on} {not tried}
		ends 0
		at \$q
		ends 0
		if {[regexp {trying the passphrase from session} [rest \$a]]} { fail "it is tried when all is open" }
	END
	opened 'root'
}

t_passphrase_at_work_is_in_no_argument_and_no_environment() {
	faked
	slow Gwm7xYz9
	person <<-END
		$deriving
		terminal a
		consoles \$a_tty
		start q "exec \$env(L) -a -f \$env(T)/crypttab"
		set pid [exp_pid]
		at \$a
		want {Passphrase for root}
		type Gwm7xYz9
		set child [deriving \$pid]
		set found [exec sh -c "cat /proc/\\[0-9\\]*/cmdline /proc/\\[0-9\\]*/environ 2>/dev/null | tr '\\\\0' '\\\\n' | grep -c 'Gwm\\[7\\]' || :"]
		is "places with the passphrase" \$found 0
		# that was while it derived
		if {![file exists /proc/\$child]} { fail "the attempt was over before the look" }
		at \$q
		ends 0
	END
	opened 'root'
}
