# shellcheck shell=sh
# What a PID 1 owes a machine: children, descriptors, orphans, an end.

t_no_name_of_busybox_but_init_is_needed() {
	new_early_root
	find "$R/bin" -type l -exec rm {} +
	boot_through
}

# What the descriptors of fragments lead to, on the console ttyS0
look_at_stdio() {
	fragment 20-look <<-'END'
		stdio=
		for fd in 0 1 2; do
			stdio="$stdio $(readlink "/proc/$$/fd/$fd" || echo none)"
		done
		echo "stdio:$stdio." >/dev/ttyS0
		echo "a word of a fragment"
	END
}

t_console_that_is_missing() {
	new_early_root
	look_at_stdio
	cat >"$T/before" <<-'END'
		umount "$R/dev/console"
		rm "$R/dev/console"
		exec <&- >&- 2>&-
	END
	# pivotboot wants one for the real init
	boot <<-'END'
		want {stdio: /dev/null /dev/null /dev/null\.}
		want {99-pivotroot failed: .*power off\? }
		type p
		ends SIGINT
	END
}

t_console_that_cannot_be_written() {
	new_early_root
	look_at_stdio
	# as a serial port without hardware behind it
	cat >"$T/before" <<-'END'
		umount "$R/dev/console"
		mount --bind /dev/full "$R/dev/console"
		exec <"$R/dev/console" >"$R/dev/console" 2>&1
	END
	echo 'echo "the real init is there" >/dev/ttyS0' | probe
	boot <<-'END'
		want {stdio: /dev/null /dev/null /dev/null\.}
		want_without {the real init is there} {failed:}
		ends 0
	END
}

t_children_are_waited_for_whoever_ignored_them_before() {
	new_early_root
	cc -O1 -Wall -Wextra -static -o "$R/ignoring" "$HERE/ignoring.c"
	rm "$R/sbin/init"
	cat >"$R/sbin/init" <<-'END'
		#!/bin/sh
		exec /ignoring /sbin/earlyinit "$@"
	END
	ln -s ../bin/busybox "$R/sbin/earlyinit"
	printf '#!/bin/sh\necho "a program"\n' >"$R/init.d/20-program"
	chmod +x "$R/sbin/init" "$R/init.d/20-program"
	boot <<-'END'
		want {a program}
		want $env(ROUND_TRIP)
		ends 0
	END
}

t_descriptors_are_closed_at_the_start() {
	new_early_root
	look_at_stdio
	echo 'exec <&- >&- 2>&-' >"$T/before"
	boot <<-'END'
		want {stdio: /dev/console /dev/console /dev/console\.}
		want $env(ROUND_TRIP)
		ends 0
	END
	said 'a word of a fragment'
}

t_no_memory_for_a_process_is_said_and_survived() {
	new_early_root
	cc -O1 -Wall -Wextra -shared -fPIC -o "$R/nofork.so" "$HERE/nofork.c" -ldl
	cp "$DYNAMIC" "$R/dynamic"
	ldd "$DYNAMIC" | sed -n 's|.*[[:space:]]\(/[^ ]*\) (0x.*|\1|p' >"$T/libraries"
	while read -r library; do
		mkdir -p "$R$(dirname "$library")"
		cp -L "$library" "$R$library"
	done <"$T/libraries"
	rm "$R/sbin/init"
	cat >"$R/sbin/init" <<-'END'
		#!/bin/sh
		mkdir -p /tmp/x
		ln -s /dynamic /tmp/earlyinit
		LD_PRELOAD=/nofork.so exec /tmp/earlyinit "$@"
	END
	chmod +x "$R/sbin/init"
	: >"$R/nofork"
	kernel_log
	boot <<-'END'
		want {earlyinit: can't fork: (Cannot allocate memory|Out of memory); trying again every second}
		exec rm $env(R)/nofork
		want $env(ROUND_TRIP)
		ends 0
	END
	kernel_log_ends
	same "words in the kernel log" "$(grep -c "^<3>earlyinit: can't fork" "$T/kmsg")" 1
}

t_orphans_are_reaped() {
	new_early_root
	fragment 20-orphans <<-'END'
		for i in 1 2 3 4 5; do (true & sleep 0.01 &) ; done
		until [ "$(ps -o comm | grep -c '^sleep')" = 0 ]; do :; done
		grep -l '^State:.Z' /proc/[0-9]*/status && echo "a zombie"
		echo looked
	END
	boot_through
	said looked
	unsaid 'a zombie'
}

t_reap_takes_no_more_than_3_seconds() {
	new_early_root
	kernel_log
	fragment 20-stubborn <<-'END'
		for i in 1 2 3; do
			(trap '' TERM INT HUP; exec sleep 1000) &
		done
		# one that is stopped, too
		sleep 1001 &
		kill -STOP $!
	END
	boot_through
	kernel_log_ends
	ms=$(sed -n 's/.*95-reap done \([0-9]*\) ms/\1/p' "$T/kmsg")
	# it has waited for them, and not for long
	[ "$ms" -ge 1000 ] || fail "95-reap took '$ms' ms"
	[ "$ms" -le 3000 ] || fail "95-reap took '$ms' ms"
}
