# What the tests with a real init share: from the question to its shell, and how
# its machine ends.

# Answers the question RE and logs in. Kernel and early userspace have nothing to
# say on this way.
proc log_in {{re {Passphrase for root \(/dev/sda2\): }}} {
	global spawn_id
	want $re
	type $::env(PASSPHRASE)
	want_without {earlyboot login: } {earlyinit:|pivotboot:|Kernel panic}
	type root
	want {Password: }
	type $::env(ROOT_PASSWORD)
	want {root@earlyboot:~# }
}

# PID 1 is the program EXE; the boot device is at /boot and nobody's.
proc is_handed_over {exe} {
	global spawn_id
	command {readlink /proc/1/exe} "^$exe\r"
	command {findmnt -no FSTYPE,OPTIONS /boot} {^ext4 +ro}
	command {ls -d /boot/sbin/init /run/luksunlock} {^/boot/sbin/init\s+/run/luksunlock\r}
	command {find /proc/[0-9]*/exe /proc/[0-9]*/cwd /proc/[0-9]*/fd -lname '/boot*' 2>/dev/null | wc -l} {^0\r}
}

# The shell's LINE ends the machine; in the end the kernel says LAST. What has
# become of the real root is OUTCOME.
proc goes_down {line last {outcome "the real root is unmounted, all volumes are closed"}} {
	global spawn_id
	# The end is to be seen.
	command {dmesg -n 7} {}
	type $line
	want_without "earlyinit: $outcome" {Kernel panic}
	want $last
}

# What is in the machine's memory, as a file. It must stand still meanwhile.
proc dump_memory {file megabytes} {
	monitor stop
	monitor "pmemsave 0 [expr {$megabytes << 20}] \"$file\""
	monitor cont
	if {[file size $file] != $megabytes << 20} {
		fail "the dump is not whole"
	}
}

# The volume key of the disk NAME must be in memory, or must not.
proc key_is {wanted name megabytes} {
	set dump $::env(WORK)/$name.memory
	dump_memory $dump $megabytes
	set status [catch {exec $::env(TOP)/testsuite/boot/find-key [image $name] $dump >@stdout 2>@stdout} - how]
	file delete $dump
	if {$status} {
		set status [lindex [dict get $how -errorcode] 2]
	}
	if {$status != [expr {$wanted eq "there" ? 1 : 0}]} {
		fail "the volume key is to be $wanted (status $status)"
	}
}

# Of the file system that the kernel has mounted, no journal had to be replayed.
proc needs_no_recovery {} {
	global spawn_id
	command {dmesg | grep -c 'EXT4-fs (dm-.*mounted filesystem'} {^[1-9]}
	command {dmesg | grep -c 'EXT4-fs (dm-.*recover'} {^0\r}
}
