# For the tests with a network: QEMU's user network with its DHCP server, and
# SSH clients beside the serial line. Everything listens on the loopback device
# alone.

set keys $env(WORK)/ssh-keys

# A port that is free now
proc free_port {} {
	set s [socket -server {} -myaddr 127.0.0.1 0]
	set port [lindex [fconfigure $s -sockname] 2]
	close $s
	return $port
}

# The machine with a network card, whose link is `net` in the monitor; behind
# it is a hub, and behind that, through `uplink`, the DHCP server and all else.
# Sets PORT, that of the SSH server at the address GUEST ("": that of DHCP), and
# MACHINE, the serial line.
proc boot_with_network {disk guest args} {
	global machine port spawn_id
	set port [free_port]
	eval [list boot_monitored $disk \
		-netdev user,id=up,hostfwd=tcp:127.0.0.1:$port-$guest:22 \
		-netdev hubport,id=uplink,hubid=0,netdev=up \
		-netdev hubport,id=net,hubid=0 \
		-device virtio-net-pci,netdev=net,mac=52:54:00:ab:12:34] $args
	set machine $spawn_id
}

# Words of an OpenSSH client's command line; ARGS are its options, user and
# command.
proc ssh {args} {
	global keys port
	return [concat [list ssh -F /dev/null -p $port -o BatchMode=yes -o HostKeyAlias=early \
		-o UserKnownHostsFile=$keys/known_hosts -o StrictHostKeyChecking=yes \
		-o IdentitiesOnly=yes -o LogLevel=ERROR] $args]
}

proc as_root {args} {
	global keys
	return [concat [ssh -i $keys/id] $args [list root@127.0.0.1]]
}

proc as_rescue {args} {
	global keys
	return [concat [ssh -i $keys/rescue -l rescue 127.0.0.1] $args]
}

proc dbclient {args} {
	global keys port
	return [concat [list dbclient -y -y -i $keys/id.dropbear -p $port] $args [list root@127.0.0.1]]
}

# A session with a terminal of its own, from the words of a command line. NAME
# becomes its id.
proc session {name words} {
	global spawn_id
	upvar $name id
	eval [list spawn -noecho] $words
	match_max 200000
	set id $spawn_id
}

# What is expected and typed from now on is so at ID.
proc at {id} {
	global spawn_id
	set spawn_id $id
}

# A session must end, with STATUS.
proc want_end {status} {
	global spawn_id seen
	expect {
		eof { append seen $expect_out(buffer) }
	}
	set got [lindex [wait] 3]
	if {$got != $status} { fail "the session ended with status $got, not $status" }
}

# Runs the words with standard input from the file IN. Returns its exit status
# and sets OUT to what it said on both outputs.
proc run {words in out} {
	upvar $out text
	set status [catch {eval [list exec -keepnewline --] $words [list <$in 2>@1]} text]
	if {!$status} { return 0 }
	set code $::errorCode
	if {[lindex $code 0] eq "CHILDSTATUS"} { return [lindex $code 2] }
	fail "it ended with: $code: $text"
}

proc write_file {path text} {
	set f [open $path w]
	fconfigure $f -translation binary
	puts -nonewline $f $text
	close $f
}

# Until the SSH server has given its version. It starts beside the boot, which
# does not wait for it; before it listens the connection is reset.
proc wait_for_server {} {
	global port
	while 1 {
		set answer ""
		if {![catch {socket 127.0.0.1 $port} s]} {
			catch {gets $s answer}
			close $s
		}
		if {[string match "SSH-2.0-*" $answer]} { return }
		after 50
	}
}

# The question stands on the console, and the machine has its address.
proc want_question_and_address {{device /dev/sda2}} {
	global seen
	set question "Passphrase for root \\($device\\): "
	set address {eth0 has the address 10\.0\.2\.15[\r\n]+}
	# in whichever order: the network is not waited for
	expect {
		-re "$address.*$question$" {}
		-re "$question.*$address$question$" {}
		eof { fail "the machine ended before its question" }
	}
	append seen $expect_out(buffer)
}

# From now on `ssh` is OpenSSH's client with the CONFIG that the README has, and
# with IDENTITY. The server is here, at the port PORT; what a configuration says
# first counts. WORK is a directory of the test's.
proc as_readme_says {work config identity} {
	global port env
	file delete -force $work
	file mkdir $work/bin
	write_file $work/config "Host *\n\tHostName 127.0.0.1\n\tPort $port\n\tUserKnownHostsFile $work/known_hosts\n\tIdentityFile $identity\n$config"
	write_file $work/bin/ssh "#!/bin/sh\nexec [exec sh -c {command -v ssh}] -F $work/config \"\$@\"\n"
	exec chmod 755 $work/bin/ssh
	set env(PATH) $work/bin:$env(PATH)
}

# The fingerprint that the consoles have shown
proc shown_fingerprint {} {
	if {![regexp {ssh-ed25519 (SHA256:[^\r\n ]+)} $::seen - fingerprint]} { fail "the console shows no fingerprint" }
	return $fingerprint
}

# From the end of the session to a shell of the real root
proc log_in {} {
	want_without {earlyboot login: } {earlyinit:|Kernel panic}
	type root
	want {Password: }
	type $::env(ROOT_PASSWORD)
	want {root@earlyboot:~# }
}

# The output of a command of the real root's shell
proc output_of {line} {
	global spawn_id
	type "$line; echo end-of-'it'"
	want {\n}
	expect {
		-re {(.*)end-of-it[\r\n]+} { set text $expect_out(1,string) }
		eof { fail "the machine ended at: $line" }
	}
	want {# $}
	return [string map {\r ""} $text]
}

# Whether TEXT is anywhere in the machine's memory, of MIB MiB. The machine
# stands still meanwhile.
proc in_memory {text mib} {
	global env
	set dump $env(WORK)/[pid].memory
	set search $env(WORK)/[pid].memsearch
	exec cc -O2 -Wall -Wextra -o $search $env(TOP)/testsuite/memsearch.c
	monitor stop
	monitor "pmemsave 0 [expr {$mib * 1024 * 1024}] \"$dump\""
	monitor cont
	if {[file size $dump] != $mib * 1024 * 1024} { fail "the dump is not whole" }
	set status [catch {exec $search $dump $text} places]
	file delete $dump $search
	if {!$status} { return 0 }
	if {[lindex $::errorCode 0] ne "CHILDSTATUS" || [lindex $::errorCode 2] != 1} { fail "memsearch: $places" }
	send_user "\n$places\n"
	return 1
}

# After the pivot, in a shell of the real root: the passphrase, or half of it,
# is nowhere. That the search finds what is there is seen once it is.
proc want_no_passphrase_in_memory {} {
	global env
	foreach text [list $env(PASSPHRASE) [lindex $env(PASSPHRASE) 1]] {
		if {[in_memory $text $env(MEM)]} { fail "'$text' is in the machine's memory" }
	}
	# two words that the shell alone puts together
	command "x='[lindex $env(PASSPHRASE) 0]'' [lindex $env(PASSPHRASE) 1]'; echo done" {^done}
	if {![in_memory $env(PASSPHRASE) $env(MEM)]} { fail "the search does not find what is there" }
}
