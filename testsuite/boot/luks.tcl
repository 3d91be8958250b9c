# What the tests of luksunlock share, beside lib.exp.
source $env(TOP)/testsuite/boot/lib.exp

# QEMU's arguments for one more disk, the image NAME of a file in disks/, at the
# N-th place: /dev/vda is at 1. (Not an AHCI disk: of several the kernel names first
# what is there first, and on a loaded machine /dev/sda is then another.)
proc disk {name n} {
	return [list -drive if=none,id=$name,format=raw,snapshot=on,file=[image $name] \
		-device virtio-blk-pci,addr=1$n,drive=$name]
}

# As `boot`, with more arguments as one list
proc boot_with {name more} {
	eval [list boot $name] $more
}

proc log_in {} {
	want_without {earlyboot login: } {earlyinit:|Kernel panic}
	type root
	want {Password: }
	type $::env(ROOT_PASSWORD)
	want {root@earlyboot:~# }
}

# Ends the machine that is booted, whatever it does.
proc pull_the_plug {} {
	global spawn_id
	exec kill [exp_pid]
	expect eof
	wait
}
