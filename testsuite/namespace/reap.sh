# shellcheck shell=sh
# 95-reap: what is left of the boot ends, what is to stay does.

t_reap_leaves_no_process() {
	new_early_root
	fragment 20-leave <<-'END'
		sleep 1001 &
		(trap '' TERM; exec sleep 1002) &
		sh -c 'trap "echo ended in peace; exit 0" TERM; echo ready >/run/ready; while :; do sleep 1003 & wait $!; done' &
		until [ -f /run/ready ]; do :; done
		(setsid sleep 1004 &)
		(exec sleep 1005) </dev/null >/dev/null 2>&1 &
	END
	probe <<-'END'
		mount -t proc proc /proc
		for p in /proc/[0-9]*; do
			echo "left: $(tr '\0' ' ' <$p/cmdline)"
		done
	END
	boot_through
	said 'ended in peace' 'left: /bin/sh /sbin/init'
	unsaid 'left: sleep'
	same "processes of the real root" "$(grep -c '^left: ' "$T/serial")" 1
}

t_reap_spares_storage_daemons() {
	new_early_root
	cat >"$T/before" <<-'END'
		bash -c 'exec -a @storaged sleep 1000' &
		until [ "$(head -c 1 "$R/proc/$!/cmdline" | tr '\0' .)" = @ ]; do :; done
	END
	probe <<-'END'
		mount -t proc proc /proc
		for p in /proc/[0-9]*; do
			echo "left: $(tr '\0' ' ' <$p/cmdline)"
		done
	END
	boot_through
	said 'left: @storaged 1000'
}

t_reap_spares_the_fragment_shell() {
	new_early_root
	echo 'word=kept' | fragment 20-set
	# shellcheck disable=SC2016 # of the fragment
	echo 'echo "word is $word"' | fragment 96-get
	boot_through
	said 'word is kept'
}

t_fragment_behind_reap_can_start_processes() {
	new_early_root
	# it runs before /dev is handed on, where its shell opens /dev/null for it
	# shellcheck disable=SC2016 # the fragment's
	echo 'sleep 1000 & until grep -q sleep /proc/$!/cmdline; do :; done' | fragment 97-start
	probe <<-'END'
		mount -t proc proc /proc
		for p in /proc/[0-9]*; do
			echo "left: $(tr '\0' ' ' <$p/cmdline)"
		done
	END
	boot_through
	said 'left: sleep 1000'
}
