# What the tests of luksencrypt share: a disk that keeps what is written to it,
# from boot to boot, and the sums of the files of its root.
source $env(TOP)/testsuite/boot/lib.exp

# MiB: where the root's file system is, and where its partition begins once it
# has grown
set fs_at 113
set part_at 97

# This test's own file NAME
proc own {name} {
	return $::env(WORK)/[file rootname [file tail $::argv0]].own.$name
}

# Their end, where the test has passed
proc forget_own {} {
	exec sh -c {rm -f "$1"*} - [own ""]
}

# A copy of the disk NAME, of this test's own
proc scratch {name} {
	exec cp --sparse=always [image $name] [own img]
	return [own img]
}

# As `boot`, from this disk, which keeps what is written
proc boot_scratch {args} {
	global spawn_id seen env
	set seen ""
	unset -nocomplain env(SNAPSHOT)
	set env(SERIAL) stdio
	set env(TERM) dumb
	eval [list spawn -noecho $env(TOP)/scripts/qemu $env(DISK)] $args
	match_max 200000
}

# The rescue environment of the same, without the way through BIOS and loader
proc boot_rescue {args} {
	global env
	eval boot_scratch [list -kernel [exec $env(TOP)/scripts/build-kernel] -append \
		{root=/dev/sda1 rootwait ro quiet console=ttyS0,115200 rescue}] $args
	want {assword for maintenance.*: }
	type $env(ROOT_PASSWORD)
	want {# $}
}

proc log_in {} {
	type root
	want {Password: }
	type $::env(ROOT_PASSWORD)
	want {root@earlyboot:~# }
}

proc unlock_and_log_in_sda3 {} {
	want {Passphrase for root \(/dev/sda3\): }
	type $::env(PASSPHRASE)
	want_without {earlyboot login: } {earlyinit:|Kernel panic}
	log_in
}

# A new passphrase, asked for twice
proc new_passphrase {first second} {
	want {New passphrase for /dev/sda3: }
	type $first
	want {The same again: }
	type $second
}

# The SHA-256 of every file of the file system in the image FS, to FS.sums
proc sums {fs} {
	exec sh -c {
		rm -rf "$1.tree" && mkdir "$1.tree"
		debugfs -R "rdump / $1.tree" "$1" >/dev/null 2>&1
		cd "$1.tree" && find . -type f -exec sha256sum {} + | sort -k2 >"$1.sums"
		chmod -R u+w . && cd / && rm -rf "$1.tree"
	} - $fs
	if {[exec wc -l <$fs.sums] < 1000} {
		fail "there are too few files in $fs"
	}
}

# Of the root before it is encrypted
proc sums_before {} {
	exec dd if=$::env(DISK) of=[own before] bs=1M skip=$::fs_at conv=sparse status=none
	sums [own before]
}

# Of what is encrypted now, which is decrypted here
proc sums_after {} {
	set key [open [own key] w]
	puts -nonewline $key $::env(PASSPHRASE)
	close $key
	exec $::env(WORK)/plain $::env(DISK) [expr {$::part_at << 20}] [own key] [own after]
	sums [own after]
}
