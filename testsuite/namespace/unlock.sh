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
		start bad "exec $env(BAD) stall 2"
		want {stalled}
		at $a
		# What all sessions are told fills the stalled ones' buffers
		for {set i 0} {$i < 150} {incr i} {
			type wrong
			want {wrong passphrase\r\nPassphrase for root[^:]*: }
		}
		type right
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
		want {all is open|root is open}
		ends 0
		at $q
		ends 0
	END
	opened 'root'
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
		want "root: key file '$env(T)/key': it fits no key slot"
		want "home: key file '$env(T)/none': "
		want {Passphrase for root \([^)]*\), home \([^)]*\): }
		type right
		at $q
		ends 0
	END
	opened 'home root'
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
		want {root \([^)]*\): not a LUKS device, or its header is damaged}
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

# A volume whose key takes some seconds to derive
slow() {
	luks root "$1" 5000000
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
