# shellcheck shell=sh disable=SC2016 # $6$ is text
# mkboot again, on what it and a person wrote. (What an update cut short leaves is in
# check.sh and in testsuite/mkboot.)

B=$T/boot

# mkboot OPTION...: its words are in $T/said
mkboot() {
	"$TOP/scripts/mkboot" --busybox "$BUSYBOX" "$@" "$B" >"$T/said" 2>&1 </dev/null
}

# first OPTION...: with a kernel and entries
first() {
	head -c 4096 /dev/zero >"$T/kernel"
	mkboot --kernel "$T/kernel" --boot-device /dev/sda1 --luks root=/dev/sda2 "$@" \
	|| fail "its status is $?: $(cat "$T/said")"
}

# All that is to be known of each file
all_of() {
	find "$B" -printf '%p %y %m %s %T@ %l\n' | sort
}

t_mkboot_leaves_what_a_person_changed_and_shows_it() {
	first
	echo '# mine' >>"$B/etc/fstab"
	mkboot --fstype xfs || fail "its status is $?: $(cat "$T/said")"
	same 'the last line' "$(tail -n 1 "$B/etc/fstab")" '# mine'
	grep -q '^-# mine$' "$T/said" || fail "the difference is not shown: $(cat "$T/said")"
	grep -q '^+.*xfs' "$T/said" || fail "what is new is not shown: $(cat "$T/said")"
	grep -q 'xfs' "$B/etc/.fstab.mkboot-new" || fail 'what is new is not beside it'
	mkboot --force || fail "its status with --force is $?: $(cat "$T/said")"
	! grep -q '# mine' "$B/etc/fstab" || fail '--force does not take it'
	grep -q xfs "$B/etc/fstab" || fail 'the option is forgotten'
	[ ! -e "$B/etc/.fstab.mkboot-new" ] || fail 'the new one is still beside it'
}

t_mkboot_dry_run_writes_nothing_and_tells_all() {
	first
	all_of >"$T/before"
	cp "$BUSYBOX" "$T/newer"
	echo >>"$T/newer"
	set -- --busybox "$T/newer" --luks data=/dev/sda3 --net dhcp
	mkboot --dry-run "$@" || fail "its status is $?: $(cat "$T/said")"
	all_of >"$T/after"
	cmp "$T/before" "$T/after" || fail 'it has written'
	sed -n 's/^==> would have \(updated\|written\) //p' "$T/said" | sort >"$T/would"
	mkboot "$@" || fail "its status is $?: $(cat "$T/said")"
	# whether there is an entry for the predecessor is known when there is one
	sed -n 's/^==> \(updated\|written\) //p' "$T/said" | grep -v extlinux.conf | sort >"$T/has"
	cmp "$T/would" "$T/has" || fail "$(diff "$T/would" "$T/has")"
	[ -s "$T/would" ] || fail 'it would do nothing'
}

t_mkboot_keeps_the_predecessor_with_its_arguments() {
	first --append one
	cp "$B/etc/crypttab" "$T/crypttab"
	echo x >>"$T/kernel"
	mkboot --kernel "$T/kernel" --luks data=/dev/sda3 --append two || fail "its status is $?: $(cat "$T/said")"
	cmp "$T/crypttab" "$B/previous/etc/crypttab" || fail 'its crypttab is another'
	same 'the size of its kernel' "$(stat -c %s "$B/previous/vmlinuz")" 4096
	same 'the size of the kernel' "$(stat -c %s "$B/vmlinuz")" 4098
	same 'its link' "$(readlink "$B/previous/sbin/init")" ../bin/busybox
	same 'the arguments' "$(sed -n 's/^	APPEND //p' "$B/extlinux/extlinux.conf")" \
		"$(printf '%s\n' 'root=/dev/sda1 rootwait two' 'root=/dev/sda1 rootwait one init=/previous/sbin/init')"
	[ ! -e "$B/var/mkboot" ] || fail "it left $(find "$B/var/mkboot")"
	# nothing to do: it stays
	mkboot || fail "its status is $?: $(cat "$T/said")"
	cmp "$T/crypttab" "$B/previous/etc/crypttab" || fail 'it was kept again'
}

t_mkboot_takes_the_kernel_that_make_install_left() {
	mkdir "$B"
	head -c 4096 /dev/zero >"$B/vmlinuz-1"
	ln -s vmlinuz-1 "$B/vmlinuz"
	mkboot --boot-device /dev/sda1 --luks root=/dev/sda2 || fail "its status is $?: $(cat "$T/said")"
	head -c 5000 /dev/zero >"$B/vmlinuz-2"
	ln -sfn vmlinuz-2 "$B/vmlinuz"
	mkboot --net dhcp || fail "its status is $?: $(cat "$T/said")"
	same 'the link' "$(readlink "$B/vmlinuz")" vmlinuz-2
	same 'the kernel of the predecessor' "$(stat -c '%F %s' "$B/previous/vmlinuz")" 'regular file 5000'
}

t_mkboot_replaces_the_applet_of_a_program() {
	first
	same 'the applet' "$(readlink "$B/sbin/blkid")" ../bin/busybox
	program=$(command -v blkid)
	mkboot --with "$program" || fail "its status is $?: $(cat "$T/said")"
	cmp "$program" "$B/sbin/blkid" || fail 'it is not there'
	same 'the applet of the predecessor' "$(readlink "$B/previous/sbin/blkid")" ../bin/busybox
	mkboot || fail "its status is $?: $(cat "$T/said")"
	cmp "$program" "$B/sbin/blkid" || fail 'it is gone again'
}

t_mkboot_gives_each_file_its_mode() {
	hash='$6$salt$'$(printf '%086d' 0)
	first --root-password "$hash"
	same 'the hash' "$(cut -d: -f2 "$B/etc/shadow")" "$hash"
	same 'modes' "$(cd "$B" && stat -c '%a %n' bin/busybox etc etc/crypttab etc/fstab etc/mkboot.sums etc/passwd etc/shadow root vmlinuz)" \
		"$(printf '%s\n' '755 bin/busybox' '755 etc' '600 etc/crypttab' '644 etc/fstab' '600 etc/mkboot.sums' \
			'644 etc/passwd' '600 etc/shadow' '700 root' '644 vmlinuz')"
	same 'links' "$(cd "$B" && readlink var/run var/tmp etc/resolv.conf | tr '\n' ' ')" '/run /tmp /run/resolv.conf '
	chmod 644 "$B/etc/shadow"
	mkboot || fail "its status is $?: $(cat "$T/said")"
	same 'the mode of shadow' "$(stat -c %a "$B/etc/shadow")" 600
}
