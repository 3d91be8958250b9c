# What the groups of faults share, beside lib.exp: what came of a boot.

# Waits for one of the pairs of RE and word, for SECONDS; returns the word, or
# "nothing".
proc first {seconds args} {
	global spawn_id
	set timeout $seconds
	set cases {}
	foreach {re word} $args {
		lappend cases -re $re "set got $word"
	}
	lappend cases timeout {set got nothing} eof {set got end}
	eval expect $cases
	return $got
}

# What a boot comes to whose passphrase is given at the console: boot; stop (a
# message and a choice); wait (it says for what); closed (the passphrase does not
# open, and is asked for again); panic; end (of the machine); nothing. ENTRY is
# typed at the loader.
proc outcome {{entry linux}} {
	global env
	set got [first 60 {boot: $} loader]
	if {$got ne "loader"} { return $got }
	type $entry
	set ends [list {REAL INIT} boot {failed: .*power off\? $} stop \
		{Kernel panic} panic {waiting for [^\n]*seconds so far} wait]
	set got [eval first 90 [list {Passphrase for [^\n]*: $} question] $ends]
	if {$got eq "question"} {
		type $env(PASSPHRASE)
		set got [eval first 90 [list {Passphrase for [^\n]*: $} closed] $ends]
	}
	return $got
}

# A line PASS or FAIL: GOT must be one of the words WANTED.
proc result {what got wanted} {
	send_user "\n[expr {$got in $wanted ? "PASS" : "FAIL"}] fault: $what: $got\n"
}
