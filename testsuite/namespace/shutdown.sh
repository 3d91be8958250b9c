# shellcheck shell=sh
# earlyinit --shutdown: the early root is "/" again, and the real root below it.

# Two mounts of the real root are left, and one lies upon the other. /dev/kmsg
# is a file that outlives the machine.
end_of_a_machine() {
	new_early_root
	mkdir "$R/oldroot"
	mount --move "$R/real" "$R/oldroot"
	mount -t tmpfs home "$R/oldroot/usr"
	: >"$R/dev/kmsg"
}

kmsg_is() {
	same "the kernel's log" "$(cat "$R/dev/kmsg")" "$1"
}

closed='<6>earlyinit: the real root is unmounted, all volumes are closed'

# verb_ends VERB SIGNAL: as PID 1, as systemd executes it
verb_ends() {
	end_of_a_machine
	export SIGNAL="$2"
	boot --shutdown "$1" <<-'END'
		ends $env(SIGNAL)
	END
	kmsg_is "$closed"
	unsaid 'earlyinit:' 'init:'
}

t_shutdown_reboots() {
	verb_ends reboot SIGHUP
}

t_shutdown_powers_off() {
	verb_ends poweroff SIGINT
}

t_shutdown_halts() {
	verb_ends halt SIGINT
}

t_shutdown_of_an_unknown_kind_is_a_reboot() {
	end_of_a_machine
	boot --shutdown dance <<-'END'
		want {'dance' is neither reboot, poweroff, halt nor kexec; the machine is rebooted}
		ends SIGHUP
	END
	kmsg_is "$closed"
}

# A process namespace knows no kexec, as a kernel without it.
t_shutdown_that_the_kernel_refuses_is_a_reboot() {
	end_of_a_machine
	boot --shutdown kexec <<-'END'
		want {the kernel refuses to kexec: }
		ends SIGHUP
	END
	kmsg_is "$closed"
}

t_shutdown_ends_all_processes() {
	end_of_a_machine
	cat >"$T/before" <<-'END'
		(cd "$R/oldroot/usr" && exec sh -c 'trap "echo ended in peace; exit 0" TERM; : >ready; while :; do sleep 1000 & wait $!; done') &
		(cd "$R/oldroot" && trap '' TERM && exec sleep 1000) &
		until [ -f "$R/oldroot/usr/ready" ]; do :; done
	END
	boot --shutdown poweroff <<-'END'
		want {ended in peace}
		ends SIGINT
	END
	kmsg_is "$closed"
}

# Whatever keeps the real root busy, its file system is left clean.
t_shutdown_makes_read_only_what_is_busy() {
	end_of_a_machine
	cat >"$T/before" <<-'END'
		cd "$R/oldroot"
		bash -c 'exec -a @storaged sleep 1000' &
		until [ "$(head -c 1 "$R/proc/$!/cmdline" | tr '\0' .)" = @ ]; do :; done
		cd /
	END
	boot --shutdown poweroff <<-'END'
		want {'/oldroot' is busy; it is read-only now}
		ends SIGINT
	END
	unsaid '/oldroot/usr'
	kmsg_is '<4>earlyinit: the real root is still mounted, all volumes are closed'
	if touch "$R/oldroot/written" 2>/dev/null; then
		fail "the real root can be written to"
	fi
}

t_shutdown_without_a_real_root_below_is_refused() {
	new_early_root
	cat >"$R/script" <<-'END'
		earlyinit --shutdown poweroff
		echo "status $?"
		earlyinit --shutdown dance
		echo "status $?"
	END
	inside sh /script >"$T/serial" 2>&1
	cat "$T/serial"
	said "earlyinit: there is no real root at '/oldroot': this is for the hook of a real init; use 'poweroff'" \
		'earlyinit: --shutdown takes reboot, poweroff, halt or kexec' 'status 1'
	unsaid 'status 0'
}

# The boot device is at /boot of the real root, and the real init, a shell, does
# what stands on standard input. It is another binary than that of BusyBox's
# init, for which the hook has a way of its own.
with_hook() {
	new_early_root
	mkdir "$R/oldroot"
	: >"$R/dev/kmsg"
	rm "$R/real/bin/sh"
	cp "$R/bin/busybox" "$R/real/bin/sh"
	mkfifo "$R/real/initctl"
	cp "$HERE/../../configs/shutdown/shutdown" "$R/shutdown"
	cp "$HERE/../../configs/shutdown/earlyboot-shutdown" "$R/real/etc/"
	{ echo ': >/dev/kmsg'; cat; } >"$R/real/probe"
}

t_shutdown_hook_goes_back_and_down() {
	# PID 1 keeps the real root busy.
	with_hook <<-'END'
		mount -t proc proc /proc
		exec 5</probe
		cd /usr
		sh /etc/earlyboot-shutdown poweroff
		echo "came back with status $?"
	END
	boot <<-'END'
		want {'/oldroot' is busy; it is read-only now}
		ends SIGINT
	END
	unsaid 'came back'
	kmsg_is '<4>earlyinit: the real root is still mounted, all volumes are closed'
}

# As BusyBox's init does it, which hands process 1 over
t_shutdown_hook_as_process_1_leaves_the_real_root() {
	with_hook <<-'END'
		mount -t proc proc /proc
		echo reboot >/dev/.earlyboot-shutdown
		exec sh /etc/earlyboot-shutdown
	END
	boot <<-'END'
		ends SIGHUP
	END
	kmsg_is "$closed"
}

t_shutdown_hook_that_cannot_go_back_changes_nothing() {
	with_hook <<-'END'
		mount -t proc proc /proc
		cat /proc/self/mountinfo >/run/before
		sh /etc/earlyboot-shutdown poweroff
		echo "came back with status $?"
		cat /proc/self/mountinfo >/run/after
		cmp /run/before /run/after && echo "mounts as before"
	END
	rmdir "$R/oldroot"
	: >"$R/oldroot"
	boot <<-'END'
		want {pivotboot: /boot has no directory 'oldroot' for the early root}
		want {came back with status 1}
		want {mounts as before}
		ends 0
	END
	kmsg_is ''
}

# Behind the pivot the init has nothing to go on with.
t_shutdown_hook_whose_program_fails_goes_down() {
	with_hook <<-'END'
		mount -t proc proc /proc
		sh /etc/earlyboot-shutdown poweroff
		echo "came back with status $?"
	END
	cp "$R/bin/busybox" "$R/real/bin/busybox.real"
	mv "$R/bin/busybox" "$R/bin/busybox.real"
	cat >"$R/bin/busybox" <<-'END'
		#!/bin/busybox.real sh
		[ "$1" != earlyinit ] || { echo "no earlyinit"; exit 1; }
		exec "$0.real" "$@"
	END
	chmod +x "$R/bin/busybox"
	ln -sf busybox.real "$R/bin/sh"
	ln -sf ../bin/busybox.real "$R/sbin/init"
	boot <<-'END'
		want {no earlyinit}
		ends SIGINT
	END
	unsaid 'came back'
}

t_shutdown_hook_as_process_1_that_cannot_go_back_goes_down() {
	with_hook <<-'END'
		mount -t proc proc /proc
		echo poweroff >/dev/.earlyboot-shutdown
		exec sh /etc/earlyboot-shutdown
	END
	rmdir "$R/oldroot"
	: >"$R/oldroot"
	boot <<-'END'
		want {pivotboot: /boot has no directory 'oldroot' for the early root}
		ends SIGINT
	END
}

# sysvinit holds its FIFO, and does as it is told, or does nothing.
t_shutdown_hook_has_sysvinit_leave_the_real_root() {
	with_hook <<-'END'
		mount -t proc proc /proc
		: >/run/initctl
		mount --bind /initctl /run/initctl
		exec 5<>/run/initctl 6>/request
		# whom the hook is a child of is spared
		sh -c 'sh /etc/earlyboot-shutdown reboot & exec head -c 384 <&5 >&6'
		exec 5>&- 6>&-
		exec /sbin/init --init
	END
	boot <<-'END'
		ends SIGHUP
	END
	same "the request" "$(od -An -tx4 "$R/real/request")" ' 03091969 00000001 00000055 00000000
 00000000 00000000 00000000 00000000
*'
	kmsg_is "$closed"
}

t_shutdown_hook_goes_on_if_sysvinit_does_not_leave() {
	with_hook <<-'END'
		mount -t proc proc /proc
		: >/run/initctl
		mount --bind /initctl /run/initctl
		exec 5<>/run/initctl
		sh /etc/earlyboot-shutdown reboot
		echo "came back"
	END
	boot <<-'END'
		want {init does not leave the real root}
		want {'/oldroot' is busy; it is read-only now}
		ends SIGHUP
	END
	unsaid 'came back'
	kmsg_is '<4>earlyinit: the real root is still mounted, all volumes are closed'
}
