# shellcheck shell=sh
# The plan and its fragments, with earlyinit as PID 1.

t_boot_to_the_real_init() {
	new_early_root
	probe <<-'END'
		echo "printk $(cat /boot/run/printk 2>/dev/null)"
	END
	fragment 45-look <<-'END'
		echo "level $(cat /proc/sys/kernel/printk)"
		mountpoint /run /tmp /dev/pts || :
		for m in /run /tmp /dev/pts; do mountpoint -q $m && echo "mounted $m"; done
	END
	boot_through
	in_order 'level 1' 'mounted /run' 'mounted /tmp' 'mounted /dev/pts' 'REAL INIT pid=1 args='
	unsaid 'earlyinit:'
	same "the log level behind 69-printk" "$(cut -c1 "$T/printk")" 4
}

t_real_init_gets_the_words_of_the_kernel() {
	new_early_root
	boot_through single foo 3
	said 'REAL INIT pid=1 args=single foo 3'
}

t_fragments_run_in_order_and_leftovers_do_not() {
	new_early_root
	for f in 9-x 10-b 10-B 10-a 98-z 35-x~ 35-x.bak .35-x ._cfg0000_35-x; do
		echo "echo ran \"$f\"" | fragment "$f"
	done
	boot_through
	same "the order" "$(sed -n 's/^ran //p' "$T/serial" | tr '\n' ' ')" "10-B 10-a 10-b 9-x 98-z "
}

t_built_in_stages_are_replaced_and_masked() {
	new_early_root
	echo 'echo own mountroot; mount -o bind /real /mnt' | fragment 50-mountroot
	ln -s /dev/null "$R/init.d/40-printk"
	: >"$R/init.d/69-printk"
	# shellcheck disable=SC2016 # the fragment's
	echo 'echo "level $(cat /proc/sys/kernel/printk)"' | fragment 41-look
	boot_through
	in_order 'level 4' 'own mountroot' 'REAL INIT pid=1'
}

t_program_runs_by_its_interpreter() {
	new_early_root
	printf '#!/bin/awk -f\nBEGIN { print "by awk" }\n' | fragment 20-awk
	chmod +x "$R/init.d/20-awk"
	boot_through
	said 'by awk'
}

t_program_that_fails_says_its_status() {
	new_early_root
	printf '#!/bin/sh\nexit 5\n' | fragment 20-program
	chmod +x "$R/init.d/20-program"
	boot <<-'END'
		want {20-program failed: exit status 5}
		want {power off\? }
		type p
		ends SIGINT
	END
}

t_variables_live_from_fragment_to_fragment() {
	new_early_root
	fragment 11-start <<-'END'
		word="two words"
		sleep 1000 &
		pid_sleep=$!
	END
	fragment 51-builtins_in_between <<-'END'
		kill -0 $pid_sleep && echo "$word are here"
	END
	fragment 88-stop <<-'END'
		kill $pid_sleep
		wait $pid_sleep || echo "waited, $?"
	END
	fragment 96-behind_reap <<-'END'
		echo "still $word"
	END
	boot_through
	in_order 'two words are here' 'waited, 143' 'still two words' 'REAL INIT'
}

t_fragment_reads_from_the_console() {
	new_early_root
	# shellcheck disable=SC2016 # the fragment's
	echo 'read -r -p "name? " name; echo "it is $name."' | fragment 20-ask
	boot <<-'END'
		want {name\? }
		type Klaus
		want {it is Klaus\.}
		want $env(ROUND_TRIP)
		ends 0
	END
}

t_failure_says_stage_status_line_and_remedy() {
	new_early_root
	fragment 20-bad <<-'END'
		echo one
		# two
		(exit 7)
		echo "this is not reached"
	END
	boot <<-'END'
		want {20-bad failed: exit status 7 at line 3\s+correct /init.d/20-bad on the boot device}
		want {r: try again, b: reboot, p: power off\? }
		type p
		ends SIGINT
	END
	unsaid 'this is not reached'
}

t_fragment_that_exits_is_a_failure() {
	new_early_root
	printf 'echo one\nexit 3\n' | fragment 20-exit
	boot <<-'END'
		want {20-exit failed: exit status 3 at line 2}
		type b
		ends SIGHUP
	END
}

t_fragment_that_exits_with_0_is_a_failure_too() {
	new_early_root
	printf 'exit 0\n' | fragment 20-exit
	boot <<-'END'
		want_without {20-exit failed: exit status 0} $env(ROUND_TRIP)
		type b
		ends SIGHUP
	END
}

t_fragment_with_a_syntax_error_is_a_failure() {
	new_early_root
	printf 'if then\n' | fragment 20-syntax
	boot <<-'END'
		want_without {20-syntax failed: } $env(ROUND_TRIP)
		type p
		ends SIGINT
	END
}

t_shell_that_is_killed_is_a_failure() {
	new_early_root
	# shellcheck disable=SC2016 # the fragment's
	printf 'kill -9 $$\n' | fragment 20-killed
	boot <<-'END'
		want {20-killed failed: killed by signal 9}
		type p
		ends SIGINT
	END
}

t_retry_of_a_fragment_is_from_the_top() {
	new_early_root
	fragment 10-first <<-'END'
		echo "first $(cat /run/count 2>/dev/null)"
		sleep 1000 &
		echo $! >/run/old-child
	END
	fragment 20-second <<-'END'
		echo x >>/run/count
		if [ $(wc -l </run/count) -lt 3 ]; then false; fi
		echo "second"
	END
	boot <<-'END'
		want {first }
		want {20-second failed: exit status 1 at line 2.*power off\? }
		type r
		want {first x}
		want {20-second failed: .*power off\? }
		type r
		want {first x}
		want {second}
		want $env(ROUND_TRIP)
		ends 0
	END
}

t_retry_ends_what_the_fragments_had_started() {
	new_early_root
	fragment 10-daemon <<-'END'
		[ ! -f /run/pid ] || ! kill -0 $(cat /run/pid) 2>/dev/null || echo "the old one lives"
		[ ! -f /run/pid ] || echo "second time"
		sleep 1000 &
		echo $! >/run/pid
	END
	fragment 20-once <<-'END'
		[ -f /run/once ] || { : >/run/once; false; }
	END
	boot <<-'END'
		want {20-once failed: .*power off\? }
		type r
		want_without {second time} {the old one lives}
		want $env(ROUND_TRIP)
		ends 0
	END
}

t_retry_of_a_built_in_stage_is_in_place() {
	new_early_root
	sed -i 's,^/real,/later,' "$R/etc/fstab"
	echo 'echo "this comes once"' | fragment 10-first
	boot <<-'END'
		want {50-mountroot failed: .*power off\? }
		exec mv $env(R)/etc/fstab $env(R)/etc/fstab.was
		exec sed {s,^/later,/real,} $env(R)/etc/fstab.was >$env(R)/etc/fstab
		type r
		want $env(ROUND_TRIP)
		ends 0
	END
	same "runs of the fragment before" "$(grep -c 'this comes once' "$T/serial")" 1
}

t_pipes_of_the_fragment_shell_are_its_own() {
	new_early_root
	fragment 20-fds <<-'END'
		sleep 1000 &
		# until it is sleep and no shell any more
		until [ "$(tr '\0' ' ' </proc/$!/cmdline)" = 'sleep 1000 ' ]; do :; done
		echo "daemon: $(cd /proc/$!/fd; echo *)."
	END
	boot_through
	said 'daemon: 0 1 2.'
}

t_failure_is_seen_while_a_background_loop_goes_on() {
	new_early_root
	fragment 20-loop <<-'END'
		while sleep 1000; do :; done &
		false
	END
	boot <<-'END'
		want {20-loop failed: exit status 1 at line 2}
		type p
		ends SIGINT
	END
}

t_fragment_that_executes_a_program_is_waited_for() {
	new_early_root
	printf 'exec sh -c "echo in its place; exit 9"\n' | fragment 20-exec
	boot <<-'END'
		want {in its place}
		want {20-exec failed: exit status 9}
		type p
		ends SIGINT
	END
}

# logged LINE...: the kernel log of the boot is these lines, with N for each
# number of milliseconds
logged() {
	kernel_log_ends
	same "the kernel log" "$(sed 's/ [0-9]* ms/ N ms/' "$T/kmsg")" "$(printf '%s\n' "$@")"
}

t_stages_are_in_the_kernel_log() {
	new_early_root
	kernel_log
	echo true | fragment 20-x
	boot_through
	logged '<6>earlyinit: 00-mounts' '<6>earlyinit: 00-mounts done N ms' \
		'<6>earlyinit: 05-keymap' '<6>earlyinit: 05-keymap done N ms' \
		'<6>earlyinit: 20-x' '<6>earlyinit: 20-x done N ms' \
		'<6>earlyinit: 40-printk' '<6>earlyinit: 40-printk done N ms' \
		'<6>earlyinit: 50-luksunlock' '<6>earlyinit: 50-luksunlock done N ms' \
		'<6>earlyinit: 50-mountroot' '<6>earlyinit: 50-mountroot done N ms' \
		'<6>earlyinit: 69-printk' '<6>earlyinit: 69-printk done N ms' \
		'<6>earlyinit: 95-reap' '<6>earlyinit: 95-reap done N ms' \
		'<6>earlyinit: 99-pivotroot' '<6>earlyinit: 99-pivotroot hands over N ms'
}

t_program_is_retried_in_place() {
	new_early_root
	echo 'word=kept; echo "first runs"' | fragment 10-first
	printf '#!/bin/sh\n[ -f /run/once ] || { : >/run/once; exit 5; }\n' | fragment 20-program
	chmod +x "$R/init.d/20-program"
	# shellcheck disable=SC2016 # the fragment's
	echo 'echo "word is $word"' | fragment 30-last
	boot <<-'END'
		want {20-program failed: exit status 5.*power off\? }
		type r
		want {word is kept}
		want $env(ROUND_TRIP)
		ends 0
	END
	same "runs of the fragment before" "$(grep -c 'first runs' "$T/serial")" 1
}

t_retry_sees_what_has_changed_in_init_d() {
	new_early_root
	sed -i 's,^/real,/nowhere,' "$R/etc/fstab"
	boot <<-'END'
		want {50-mountroot failed: .*power off\? }
		exec sh -c {echo 'echo own; mount -o bind /real /mnt' >$R/init.d/50-mountroot}
		type r
		want {own}
		want $env(ROUND_TRIP)
		ends 0
	END
}

t_shell_that_is_lost_between_two_fragments_is_a_failure() {
	new_early_root
	# shellcheck disable=SC2016 # the fragment's
	echo 'word=lost; echo $$ >/run/shell' | fragment 10-first
	fragment 20-program <<-'END'
		#!/bin/sh
		shell=$(cat /run/shell)
		kill -9 "$shell"
		# until PID 1 has reaped it
		while [ -e "/proc/$shell" ]; do :; done
	END
	chmod +x "$R/init.d/20-program"
	# shellcheck disable=SC2016 # the fragment's
	echo 'echo "word is $word"' | fragment 30-last
	boot <<-'END'
		want {30-last failed: the shell of the fragments is gone \(killed by signal 9\).*power off\? }
		exec rm $env(R)/init.d/20-program
		type r
		want {word is lost}
		want $env(ROUND_TRIP)
		ends 0
	END
	unsaid 'word is .'
}

t_fragments_are_traced_with_rd_debug() {
	new_early_root
	cmdline quiet rd.debug
	fragment 20-traced <<-'END'
		echo "the level is $(cut -f 1 /proc/sys/kernel/printk)"
	END
	# shellcheck disable=SC2016 # the fragment's
	echo 'echo "then $(cut -f 1 /proc/sys/kernel/printk)"' | fragment 45-quiet
	boot_through
	said '+ echo' 'the level is 7' 'then 7'
	unsaid '+ set'
}

t_fragment_line_of_fstab_whose_device_is_not_there_yet() {
	new_early_root
	echo '/dev/later /late ext4 noauto,nofail 0 0' >>"$R/etc/fstab"
	echo '/dev/missing /missing ext4 nofail 0 0' >>"$R/etc/fstab"
	boot_through
}

t_mount_of_fstab_that_waits_for_its_device() {
	new_early_root
	cmdline quiet rd.timeout=2
	mkdir "$R/late"
	echo '/dev/later /late ext4 ro 0 0' >>"$R/etc/fstab"
	boot <<-'END'
		want {00-mounts failed: .*the device of /late did not come in 2 seconds \(rd.timeout\)\s+correct /etc/fstab.*power off\? }
		type p
		ends SIGINT
	END
}

t_lines_of_fstab_are_mounted_in_their_order() {
	new_early_root
	cmdline quiet rd.timeout=1
	mkdir "$R/data"
	printf '%s\n' '/dev/later /data ext4 ro 0 0' 'tmpfs /data/tmp tmpfs nodev 0 0' >>"$R/etc/fstab"
	# before the device is there, /data has no such directory
	boot <<-'END'
		want_without {the device of /data did not come in 1 seconds .*power off\? } {/data/tmp}
		exec sed -i {s,^/dev/later.*,data /data tmpfs mode=0755 0 0,} $env(R)/etc/fstab
		type r
		want {00-mounts failed: .*/data/tmp.*power off\? }
		type p
		ends SIGINT
	END
}

t_lines_of_fstab_with_a_space_and_without_options() {
	new_early_root
	mkdir "$R/late" "$R/a place"
	printf '%s\n' 'more /late tmpfs' 'other /a\040place tmpfs size=1m,mode=0711' >>"$R/etc/fstab"
	# a default one, with an option that only the applet knows
	sed -i 's|^/tmp.*|/tmp /tmp tmpfs nodev,nosuid,size=3m 0 0|' "$R/etc/fstab"
	echo 'cat /proc/mounts' | fragment 20-show
	boot_through
	said 'more /late tmpfs rw,relatime 0 0'
	said 'other /a\040place tmpfs rw,relatime,size=1024k,mode=711 0 0'
	said '/tmp /tmp tmpfs rw,nosuid,nodev,relatime,size=3072k 0 0'
}

t_mount_of_fstab_that_fails_and_may() {
	new_early_root
	mkdir "$R/one" "$R/two"
	: >"$R/dev/broken"
	printf '%s\n' 'none /one nosuchtype nofail 0 0' '/dev/broken /two ext4 nofail 0 0' >>"$R/etc/fstab"
	boot <<-'END'
		want_without $env(ROUND_TRIP) {00-mounts failed:}
		ends 0
	END
	said 'earlyinit: /one is not mounted; the boot goes on without it (nofail)' \
		'earlyinit: /two is not mounted; the boot goes on without it (nofail)'
}

t_mount_of_fstab_that_fails_and_may_not() {
	new_early_root
	mkdir "$R/one"
	echo 'none /one nosuchtype defaults 0 0' >>"$R/etc/fstab"
	boot <<-'END'
		want {00-mounts failed: .*power off\? }
		type p
		ends SIGINT
	END
}

# As one that runs a daemon in the foreground. It is named once, and goes on.
t_fragment_that_does_not_end_is_named() {
	new_early_root
	echo 'read -r line' | fragment 20-read
	boot <<-'END'
		want {earlyinit: 20-read still runs, after 15 seconds; Ctrl-Alt-Del reboots}
		type x
		want_without $env(ROUND_TRIP) {still runs}
		ends 0
	END
}

t_program_that_does_not_end_is_named() {
	new_early_root
	printf '#!/bin/sh\nread -r line\nexit 5\n' | fragment 20-read
	chmod +x "$R/init.d/20-read"
	boot <<-'END'
		want {earlyinit: 20-read still runs, after 15 seconds; Ctrl-Alt-Del reboots}
		type x
		want {20-read failed: exit status 5}
		want {power off\? }
		type p
		ends SIGINT
	END
}

# The server has got its handler of signals and loads its keys when it is to end,
# as where a plain real root is there at once: the key comes right behind kill.
t_ssh_server_ends_that_has_hardly_begun() {
	new_early_root
	for f in "$(command -v dropbear)" $(ldd "$(command -v dropbear)" | grep -o '/[^ ]*'); do
		cp --parents -L "$f" "$R"
	done
	mkdir "$R/etc/dropbear"
	dropbearkey -t ed25519 -f "$R/etc/key" >/dev/null
	mkfifo "$R/etc/dropbear/dropbear_ed25519_host_key"
	sed 's/@PORT@/22/' "$TOP/configs/init.d/11-dropbear" | fragment 11-dropbear
	cp "$TOP/configs/init.d/88-dropbear" "$R/init.d/"
	fragment 12-begun <<-'END'
		exec 7>/etc/dropbear/dropbear_ed25519_host_key
		kill() {
			command kill "$@"
			cat /etc/key >&7 || :
			exec 7>&-
		}
	END
	kernel_log
	boot_through
	kernel_log_ends
	unsaid 'still runs' Killed
}
