# shellcheck shell=sh disable=SC2016 # what is done to a boot device is text
# earlyinit -c: a boot device as mkboot makes it, and what somebody takes out.

S=$T/sound
D=$T/device

# sound: what mkboot makes, with a kernel that nobody can look into
# and its configuration beside it
sound() {
	head -c 4096 /dev/zero >"$T/kernel"
	printf 'toor\n' | "$TOP/scripts/mkboot" --busybox "$BUSYBOX" \
		--kernel "$T/kernel" --boot-device /dev/sda1 --root-password - \
		--luks root=UUID=01234567-89ab-4def-8123-456789abcdef \
		--append 'quiet console=tty0 console=ttyS0' --net dhcp "$S" \
		>"$T/mkboot" 2>&1 || {
		cat "$T/mkboot"
		fail 'mkboot finds a fault'
	}
	cat "$TOP/configs/kernel.config" >"$S/config"
	# as `extlinux --install` leaves it
	: >"$S/extlinux/ldlinux.sys"
	: >"$S/extlinux/ldlinux.c32"
}

# check DAMAGE: done in a copy of the sound one, then -c; $T/out is what it said
# but for luksunlock's notes, STATUS its exit status
check() {
	rm -rf "$D"
	cp -a "$S" "$D"
	(cd "$D" && eval "$1")
	STATUS=0
	"$BUSYBOX" earlyinit -c -R "$D" >"$T/all" 2>&1 || STATUS=$?
	grep -v '^luksunlock: note: ' "$T/all" >"$T/out" || :
}

# faulty DAMAGE LINE...: status 1, and these lines
faulty() {
	check "$1"
	damage=$1
	shift
	same "what is said of '$damage'" "$(cat "$T/out")" "$(printf 'earlyinit: %s\n' "$@")"
	same "the status of '$damage'" "$STATUS" 1
}

# noted DAMAGE LINE...: status 0, and these notes
noted() {
	check "$1"
	damage=$1
	shift
	same "what is said of '$damage'" "$(cat "$T/out")" "$(printf 'earlyinit: note: %s\n' "$@")"
	same "the status of '$damage'" "$STATUS" 0
}

silent() {
	check "$1"
	same "what is said of '$1'" "$(cat "$T/out")" ''
	same "the status of '$1'" "$STATUS" 0
}

# All that is to be known of each file, but for when it was read
state() {
	find "$1" -printf '%p %y %m %U %s %T@ %C@ %l\n' | sort
}

t_check_finds_nothing_in_what_mkboot_makes() {
	sound
	silent :
	# those of the SSH server want keys as well
	silent 'cp "$TOP"/configs/init.d/* init.d/; rm init.d/*-dropbear'
}

t_check_writes_nothing() {
	sound
	rm -rf "$D"
	cp -a "$S" "$D"
	state "$D" >"$T/before"
	"$BUSYBOX" earlyinit -c -R "$D"
	"$BUSYBOX" earlyinit -n -R "$D" >/dev/null
	state "$D" >"$T/after"
	same "the boot device" "$(cat "$T/after")" "$(cat "$T/before")"
}

t_check_needs_no_privileges() {
	sound
	chmod 0 "$S/etc/crypttab" "$S/etc/shadow"
	# no root and no capabilities in there
	unshare -U "$BUSYBOX" earlyinit -c -R "$S" >"$T/all" 2>&1 || fail "status $?"
	same "what is said" "$(grep -v '^luksunlock: note: ' "$T/all")" \
"earlyinit: note: /etc/crypttab is root's alone, so it is not looked into
earlyinit: note: the real root, '/dev/mapper/root', is not here now"
}

t_check_of_the_first_program() {
	sound
	faulty 'rm sbin/init' \
		'there is no /sbin/init, which the kernel starts; link it to busybox'
	faulty 'rm bin/busybox' \
		'/sbin/init, which the kernel starts, leads to /bin/busybox, and that is not there; install it again'
	faulty 'chmod -x bin/busybox' \
		'/sbin/init is not an executable file, and the kernel starts it; link it to busybox'
	faulty 'truncate -s 500000 bin/busybox' \
		'/sbin/init is no program, or is cut off; install it again'
	faulty ': >bin/busybox' \
		'/sbin/init is no program, or is cut off; install it again'
	faulty 'printf "\0" | dd of=bin/busybox bs=1 seek=$((0x18)) conv=notrunc count=1 2>/dev/null
		for i in 25 26 27 28 29 30 31; do printf "\0" | dd of=bin/busybox bs=1 seek=$i conv=notrunc 2>/dev/null; done' \
		'/sbin/init does not run as earlyinit does (killed by signal 11); install busybox again'
	# a link as from the root of the boot device
	silent 'ln -sf /bin/busybox sbin/init'
	# another processor's
	noted 'printf "\363" | dd of=bin/busybox bs=1 seek=18 conv=notrunc 2>/dev/null' \
		'/sbin/init is of another machine than this, so it is not tried'
	noted 'printf "#!/bin/sh\n" >init.sh; chmod +x init.sh
		sed -i "s/quiet/quiet init=\/init.sh/" extlinux/extlinux.conf' \
		'/init.sh is a script and not earlyinit, so what it does is not checked'
	faulty 'sed -i "s/quiet/quiet init=\/bin\/sh/" extlinux/extlinux.conf' \
		'/bin/sh, which the kernel starts, is not earlyinit; take init= out of the kernel'\''s arguments, or install busybox again'
	faulty 'sed -i "s/quiet/quiet init=\/nosuch/" extlinux/extlinux.conf' \
		'there is no /nosuch, which the kernel starts; link it to busybox'
}

t_check_of_a_dynamic_binary() {
	static=$BUSYBOX
	BUSYBOX=$DYNAMIC
	sound
	BUSYBOX=$static
	silent :
	faulty 'find . -name "libcryptsetup.*" | xargs rm' \
		'/sbin/init needs the library libcryptsetup.so.12, and it is not below /lib or /usr/lib; copy it there, or take a static binary'
	faulty 'find . -name "libgcc_s.*" | xargs rm' \
		'/sbin/init needs the library libgcc_s.so.1, and it is not below /lib or /usr/lib; copy it there, or take a static binary'
	faulty 'rm lib64/ld-*' \
		'/sbin/init needs /lib64/ld-linux-x86-64.so.2 to start, and it is not there; copy it, or take a static binary'
}

t_check_of_the_loader() {
	sound
	faulty 'rm extlinux/extlinux.conf' \
		'there is no /extlinux/extlinux.conf, so extlinux starts nothing; mkboot --boot-device writes it'
	silent 'rm -r extlinux; mkdir grub; echo menuentry >grub/grub.cfg'
	faulty 'rm extlinux/ldlinux.c32' \
		'there is no /extlinux/ldlinux.c32, without which extlinux starts nothing; run extlinux --install'
	# the entries of another loader stand elsewhere
	noted 'rm extlinux/ldlinux.* vmlinuz' \
		'/extlinux/extlinux.conf: the entry rescue has no kernel' \
		'there is no kernel /vmlinuz (/extlinux/extlinux.conf, entry linux); install it'
	noted 'rm extlinux/ldlinux.*; sed -i "/[[:blank:]].mnt[[:blank:]]/d" etc/fstab' \
		'nothing says what the real root is; write a line for /mnt in /etc/fstab, or add real_root= to the kernel'"'"'s arguments'
	faulty 'sed -i "s/^DEFAULT .*/DEFAULT linus/" extlinux/extlinux.conf' \
		'/extlinux/extlinux.conf: nothing is started by itself; DEFAULT must name one of its labels'
	faulty 'sed -i "s/root=[^ ]*//" extlinux/extlinux.conf' \
		'/extlinux/extlinux.conf: the entry linux has no root=, so the kernel does not find the early root; add root=DEVICE to APPEND'
	faulty 'sed -i "s/root=[^ ]*/root=UUID=12/" extlinux/extlinux.conf' \
		'/extlinux/extlinux.conf: the entry linux has root=UUID=12, and the kernel itself knows devices by /dev path, PARTUUID= and PARTLABEL= only'
	silent 'sed -i "s/quiet/quiet rd.shell/" extlinux/extlinux.conf'
	noted 'sed -i "s/quiet/quiet rd.break=50-x rd.emergency=x rd.timeout=x/" extlinux/extlinux.conf' \
		"'rd.break=50-x' is the name of no stage; 'earlyinit -n' shows them; it counts for nothing" \
		"'rd.emergency=x' is not reboot, poweroff, halt or wait; it counts for nothing" \
		"'rd.timeout=x' is no number of seconds; it counts for nothing"
	# the configuration as other people write it
	# what stands in other files
	silent 'cd extlinux; sed -n "/^LABEL/,\$p" extlinux.conf >entries; sed -i "/^LABEL/,\$d" extlinux.conf
		echo INCLUDE entries >>extlinux.conf'
	faulty 'cd extlinux; sed -n "/^LABEL/,\$p" extlinux.conf >entries; sed -i "/^LABEL/,\$d" extlinux.conf
		echo MENU INCLUDE /extlinux/entries Others >>extlinux.conf; rm ../vmlinuz; sed -i "/^LABEL rescue/,\$d" entries' \
		'there is no kernel /vmlinuz (/extlinux/extlinux.conf, entry linux); install it'
	# one that includes itself ends
	check 'echo "INCLUDE extlinux.conf" >>extlinux/extlinux.conf'
	grep -q 'is included by extlinux.conf, and can.t be read' "$T/out" || fail 'it does not end'
	# DEFAULT with more words, and with a file
	faulty 'sed -i "s/^DEFAULT.*/DEFAULT linux init=\/nosuch/" extlinux/extlinux.conf' \
		'there is no /nosuch, which the kernel starts; link it to busybox'
	silent 'sed -i "s/^DEFAULT.*/DEFAULT \/vmlinuz root=\/dev\/sda1/" extlinux/extlinux.conf'
	faulty 'sed -i "s/^DEFAULT.*/DEFAULT \/vmlinuz/" extlinux/extlinux.conf' \
		'/extlinux/extlinux.conf: the entry /vmlinuz has no root=, so the kernel does not find the early root; add root=DEVICE to APPEND'
	# what is booted when nobody types anything
	faulty 'sed -i "s/^DEFAULT.*/&\nPROMPT 1\nTIMEOUT 50\nONTIMEOUT rescue init=\/nosuch/" extlinux/extlinux.conf' \
		'there is no /nosuch, which the kernel starts; link it to busybox'
	silent 'sed -i "s/^DEFAULT.*/&\nPROMPT 0\nONTIMEOUT rescue init=\/nosuch/" extlinux/extlinux.conf'
	silent 'printf "ui menu.c32\nMENU TITLE x\ntext help\nlabel no\nendtext\nlabel a\n kernel ../vmlinuz\n append root=/dev/sda1\n" >extlinux/extlinux.conf'
}

# mkboot stops half-way, at a directory where it must write a file.
t_check_of_an_update_that_was_cut_short() {
	sound
	cp "$BUSYBOX" "$T/newer"
	echo >>"$T/newer"
	cut='rm etc/rescue-consoles; mkdir etc/rescue-consoles
		! "$TOP/scripts/mkboot" --busybox "$T/newer" --force . >"$T/update" 2>&1
		rmdir etc/rescue-consoles; cp "$TOP/configs/rescue-consoles" etc/; cp config previous/'
	noted "$cut" \
		'an update was cut short, so the entry previous boots what was there before it; run mkboot again'
	faulty "$cut; rm extlinux/ldlinux.*" \
		'an update was cut short, so files here may be part new, part old; run mkboot again'
	# The options of the run that was cut count for the one that finishes it; what
	# is half done is neither the predecessor nor the work of a person.
	edit='echo "# mine" >>extlinux/extlinux.conf
	'
	silent "$edit$(echo "$cut" | sed 's/--force/--force --append rd.debug/')"'
		cp extlinux/extlinux.conf "$T/entries"
		"$TOP/scripts/mkboot" --busybox "$T/newer" . >"$T/update" 2>&1'
	grep -q 'was cut short; this run finishes it' "$T/update" || fail "it is not said: $(cat "$T/update")"
	grep -q '^DEFAULT previous' "$T/entries" || fail "the predecessor was not the default: $(cat "$T/entries")"
	same 'what a person has changed' "$(tail -n 1 "$D/extlinux/extlinux.conf")" '# mine'
	grep -q rd.debug "$D/extlinux/.extlinux.conf.mkboot-new" || fail 'the options are forgotten'
	same 'what was left' "$(grep -c 'was changed, so it stays' "$T/update")" 1
	cmp "$T/newer" "$D/bin/busybox" || fail 'busybox is the old one'
	cmp "$BUSYBOX" "$D/previous/bin/busybox" || fail 'the predecessor is not the old one'
	[ ! -e "$D/var/mkboot" ] || fail "it left $(find "$D/var/mkboot")"
}

t_check_of_the_kernel() {
	sound
	faulty 'rm vmlinuz; sed -i "/^LABEL rescue/,\$d" extlinux/extlinux.conf' \
		'there is no kernel /vmlinuz (/extlinux/extlinux.conf, entry linux); install it'
	noted 'rm config' \
		'what the kernel /vmlinuz has can'\''t be seen; put its configuration beside it, as config-VERSION'
	faulty 'sed -i s/^CONFIG_DM_CRYPT=y/CONFIG_DM_CRYPT=m/ config' \
		'/vmlinuz has CONFIG_DM_CRYPT as a module, and nothing loads modules before the real root; build it in (=y)'
	faulty 'sed -i "s/^CONFIG_TMPFS=y/# CONFIG_TMPFS is not set/" config' \
		'/vmlinuz lacks CONFIG_TMPFS, which this boot needs; build it in (=y)'
	faulty 'sed -i s/^CONFIG_TMPFS=y/CONFIG_TMPFS=n/ config' \
		'/vmlinuz lacks CONFIG_TMPFS, which this boot needs; build it in (=y)'
	faulty 'sed -i /^CONFIG_UNIX=y/d config' \
		'/vmlinuz lacks CONFIG_UNIX, which this boot needs; build it in (=y)'
	silent 'sed -i /^CONFIG_MSDOS_PARTITION=y/d config'
	faulty 'sed -i "/^CONFIG_MSDOS_PARTITION=y/d; /^CONFIG_EFI_PARTITION=y/d" config' \
		'/vmlinuz has none of these options: MSDOS_PARTITION EFI_PARTITION; build in (=y) what the machine needs'
	# what is asked for where it is used, and there alone
	faulty 'sed -i /^CONFIG_VT=y/d config' \
		'/vmlinuz lacks CONFIG_VT, which this boot needs; build it in (=y)'
	silent 'sed -i /^CONFIG_VT=y/d config; sed -i s/console=tty0// extlinux/extlinux.conf'
	faulty 'sed -i /^CONFIG_PACKET=y/d config' \
		'/vmlinuz lacks CONFIG_PACKET, which this boot needs; build it in (=y)'
	silent 'sed -i /^CONFIG_PACKET=y/d config; rm init.d/*-network'
	noted 'sed -i /^CONFIG_DM_CRYPT=y/d config; : >etc/crypttab; sed -i s,/dev/mapper/root,LABEL=none, etc/fstab' \
		"the real root, 'LABEL=none', is not here now"
	faulty 'sed -i "s/quiet/quiet real_rootfstype=xfs/" extlinux/extlinux.conf; echo "# CONFIG_XFS_FS is not set" >>config' \
		'/vmlinuz lacks CONFIG_XFS_FS, which this boot needs; build it in (=y)'
	check 'sed -i "s/quiet/quiet real_resume=LABEL=none/" extlinux/extlinux.conf'
	grep -q 'lacks CONFIG_HIBERNATION' "$T/out" || fail 'HIBERNATION is not asked for'
	# an x86 kernel by its header, that is longer than it
	faulty 'truncate -s 2000 vmlinuz
		printf "\4" | dd of=vmlinuz bs=1 seek=$((0x1f1)) conv=notrunc 2>/dev/null
		printf "\0\2" | dd of=vmlinuz bs=1 seek=$((0x1f4)) conv=notrunc 2>/dev/null
		printf "HdrS\17\2" | dd of=vmlinuz bs=1 seek=$((0x202)) conv=notrunc 2>/dev/null' \
		'the kernel /vmlinuz is cut off; install it again'
	# CONFIG_IKCONFIG, and an image that is not packed
	faulty '{ echo; printf IKCFG_ST; sed /^CONFIG_TTY=y/d config | gzip; printf IKCFG_ED; } >>vmlinuz; rm config' \
		'/vmlinuz lacks CONFIG_TTY, which this boot needs; build it in (=y)'
	# the kernel of the entry, and the configuration of its version
	faulty 'mv vmlinuz vmlinuz-1; sed /^CONFIG_TTY=y/d config >config-1
		sed -i s,/vmlinuz,/vmlinuz-1, extlinux/extlinux.conf' \
		'/vmlinuz-1 lacks CONFIG_TTY, which this boot needs; build it in (=y)'
}

t_check_of_fstab_and_its_directories() {
	sound
	faulty 'echo "UUID=1 /opt" >>etc/fstab' \
		"/etc/fstab, line $(($(wc -l <"$S/etc/fstab") + 1)): it has 2 of the fields device, mount point and type; correct it"
	faulty 'echo "UUID=1 opt ext4" >etc/fstab; sed -i "s/quiet/quiet real_root=\/dev\/mapper\/root/" extlinux/extlinux.conf' \
		"/etc/fstab, line 1: 'opt' is no mount point; correct it"
	noted 'echo "LABEL=none /opt ext4" >>etc/fstab; mkdir opt' \
		"the device of /opt, 'LABEL=none', is not here now"
	silent 'echo "LABEL=none /opt ext4 nofail" >>etc/fstab; mkdir opt'
	noted 'echo "LABEL=none /opt ext4 nofail" >>etc/fstab' \
		'there is no directory /opt for what /etc/fstab mounts there'
	silent 'echo "LABEL=none /opt ext4 noauto" >>etc/fstab'
	faulty 'echo "tmpfs /opt tmpfs" >>etc/fstab' \
		'there is no directory /opt for what /etc/fstab mounts there; make it'
	faulty 'echo "/dev/mapper/root /home ext4" >>etc/fstab; mkdir home' \
		'/etc/fstab: /home is mounted by 00-mounts, before 50-luksunlock opens /dev/mapper/root; give it the option noauto'
	faulty 'echo "/dev/disk/by-id/ata-x /opt ext4" >>etc/fstab; mkdir opt' \
		"the device of /opt is '/dev/disk/by-id/ata-x', a name that udev makes, and there is no udev in the early root; take UUID= or PARTUUID="
	faulty 'rmdir run' 'there is no directory /run for what /etc/fstab mounts there; make it'
	faulty 'rmdir run; sed -i "\,/run,d" etc/fstab' \
		'there is no directory /run for the stage 00-mounts; make it'
	faulty 'rmdir dev' 'there is no directory /dev for the devices; make it'
	faulty 'rmdir mnt' 'there is no directory /mnt for the real root; make it'
}

t_check_of_what_the_real_root_is() {
	sound
	faulty 'rm etc/fstab' \
		"nothing says what the real root is; write a line for /mnt in /etc/fstab, or add real_root= to the kernel's arguments"
	silent 'rm etc/fstab; sed -i "s/quiet/quiet real_root=\/dev\/mapper\/root/" extlinux/extlinux.conf'
	faulty 'rm etc/crypttab' \
		"the real root is '/dev/mapper/root', and no line of /etc/crypttab and no stage makes it; write that line"
	# a logical volume is made of what crypttab opens
	faulty 'echo "# of lvm" >init.d/50-lvm; sed -i s,mapper/root,mapper/vg-root, etc/fstab' \
		"the real root is '/dev/mapper/vg-root', and no line of /etc/crypttab and no stage makes it; write that line"
	faulty 'rm etc/crypttab; echo "lvm vgchange -ay" >init.d/50-lvm' \
		"the real root is '/dev/mapper/root', and no line of /etc/crypttab and no stage makes it; write that line"
	noted 'rm etc/crypttab etc/mkboot.conf; echo "lvm vgchange -ay" >init.d/50-lvm' \
		"the real root, '/dev/mapper/root', is not here now"
	noted 'rm etc/crypttab; echo "cryptsetup open /dev/sda2 root" >init.d/50-luksunlock' \
		"the real root, '/dev/mapper/root', is not here now"
	noted 'sed -i "s,/dev/mapper/root,LABEL=none," etc/fstab' \
		"the real root, 'LABEL=none', is not here now"
}

t_check_says_what_luksunlock_says() {
	sound
	check 'echo "root2" >>etc/crypttab; echo "swap UUID=1 none luks,nosuch" >>etc/crypttab'
	wanted=0
	"$BUSYBOX" luksunlock -n -R "$D" 2>"$T/luks" >/dev/null || wanted=1
	grep -v '^luksunlock: note: ' "$T/luks" >"$T/wanted" || :
	[ -s "$T/wanted" ] || fail 'luksunlock -n has nothing to say'
	same 'what is said' "$(cat "$T/out")" "$(cat "$T/wanted")"
	same 'the status' "$STATUS" "$wanted"
}

t_check_of_stages_that_are_switched_off() {
	sound
	faulty ': >init.d/00-mounts' \
		'/init.d/00-mounts switches the stage off, and nothing mounts /proc, /sys and /run; remove it'
	faulty 'ln -s /dev/null init.d/50-luksunlock' \
		'/init.d/50-luksunlock switches the stage off, and nothing opens the volumes of /etc/crypttab; remove it'
	faulty ': >init.d/50-mountroot' \
		'/init.d/50-mountroot switches the stage off, and nothing mounts the real root; remove it'
	faulty ': >init.d/99-pivotroot' \
		'/init.d/99-pivotroot switches the stage off, and nothing starts the real init; remove it'
	silent ': >init.d/40-printk; : >init.d/69-printk; : >init.d/95-reap; : >init.d/05-keymap'
	silent ': >init.d/50-luksunlock; echo "luksunlock -a" >init.d/51-my-own'
	silent ': >init.d/50-mountroot; echo "/bin/mount /mnt" >init.d/60-mine'
	# a word of it that is no command
	faulty ': >init.d/50-luksunlock; echo ": >/run/luksunlock/done # luksunlock" >init.d/88-x' \
		'/init.d/50-luksunlock switches the stage off, and nothing opens the volumes of /etc/crypttab; remove it'
}

t_check_of_fragments() {
	sound
	faulty 'printf "echo\nif then\n" >init.d/20-x' \
		'/init.d/20-x can'\''t be parsed: line 2: syntax error: unexpected "then"; correct it'
	silent 'printf "if then\n" >init.d/20-x~; printf "if then\n" >init.d/.20-x; printf "if then\n" >init.d/20-x.bak; printf "if then\n" >init.d/._cfg0000_20-x'
	faulty 'printf "#!/bin/bash\n" >init.d/20-x; chmod +x init.d/20-x' \
		'/init.d/20-x is to be run by /bin/bash, and there is none; correct its first line'
	faulty 'printf "#!/bin/sh\nif then\n" >init.d/20-x; chmod +x init.d/20-x' \
		'/init.d/20-x can'\''t be parsed: line 2: syntax error: unexpected "then"; correct it'
	silent 'printf "#!/usr/bin/awk -f\nBEGIN {}\n" >init.d/20-x; chmod +x init.d/20-x'
	# the guide's last stage, where there is no such name
	faulty 'printf "cd /mnt\npivot_root . boot\nexec chroot . /sbin/init < dev/console > dev/console 2>&1\n" >init.d/99-pivotroot; rm usr/sbin/chroot' \
		'/init.d/99-pivotroot calls chroot, and there is no such name in /bin, /sbin, /usr/bin or /usr/sbin; link it to busybox'
	noted 'echo "vi /x || true" >init.d/20-x; find . -name vi | xargs rm' \
		'/init.d/20-x calls vi, and there is no such name in /bin, /sbin, /usr/bin or /usr/sbin'
}

t_check_of_a_boot_device_that_moves_the_cursor() {
	sound
	faulty 'printf "DEFAULT \\033[2J\nLABEL \\033[2J\n\tAPPEND root=/dev/sda1\n" >extlinux/extlinux.conf' \
		'/extlinux/extlinux.conf: the entry ?[2J has no kernel; add KERNEL /vmlinuz'
}

# Where the name of an applet without a link is no command
t_check_of_words_that_are_no_commands() {
	sound
	cat >"$S/init.d/20-words" <<-'END'
		# vi is an editor
		echo vi "vi; vi" 'vi; vi' \
			vi
		vi=vi export vi
		case $vi in vi) echo "$(echo vi)" ;; esac
		cat <<-X
			vi
			vi $vi
		X
		cat <<'Y' >/dev/null
		vi
		Y
		for i in vi vi; do echo "${i#vi}"; done
		echo $((vi + 1)) >vi
		[ vi = vi ] && echo vi
		x() { echo vi; }
	END
	silent 'find . -name vi | xargs rm'
	# and where it is one
	for each in 'vi' 'if true; then vi; fi' 'true && vi' '{ vi; }' '(vi)' 'x=1 vi' 'exec vi' 'while true; do vi; done' 'true; vi' 'vi >x <y'; do
		faulty "echo '$each' >init.d/20-words; find . -name vi | xargs rm" \
			'/init.d/20-words calls vi, and there is no such name in /bin, /sbin, /usr/bin or /usr/sbin; link it to busybox'
	done
}

t_check_of_the_keymap() {
	sound
	text='/etc/keymap is no binary keymap, or is cut off; make it anew with dumpkmap, or remove it'
	faulty 'echo de >etc/keymap' "$text"
	# one map, that is cut off; whole
	faulty '{ printf "bkeymap\1"; head -c 255 /dev/zero; head -c 200 /dev/zero; } >etc/keymap' "$text"
	silent '{ printf "bkeymap\1"; head -c 255 /dev/zero; head -c 256 /dev/zero; } >etc/keymap'
}

# key: one of dropbear's
key() {
	printf '\0\0\0\7ssh-rsa\0\0\0\3\1\0\1\0\0\0\2\1\2'
}

t_check_of_ssh() {
	sound
	(
		cd "$S" || exit
		echo 'dropbear -p 22 -r /etc/dropbear/dropbear_rsa_host_key' >init.d/11-dropbear
		mkdir -m 700 etc/dropbear root/.ssh
		key >etc/dropbear/dropbear_rsa_host_key
		ssh-keygen -q -t ed25519 -N '' -C me -f "$T/id"
		cp "$T/id.pub" root/.ssh/authorized_keys
		chmod 600 root/.ssh/authorized_keys
		cp bin/busybox usr/sbin/dropbear
	)
	silent :
	faulty 'rm usr/sbin/dropbear' \
		'a stage starts dropbear, and there is none in /sbin, /usr/sbin, /bin or /usr/bin; install it'
	faulty 'rm usr/sbin/dropbear; mkdir usr/sbin/dropbear' \
		'/usr/sbin/dropbear is no file, and should be a program; install it again'
	faulty 'rm usr/sbin/dropbear; mkfifo -m 755 usr/sbin/dropbear' \
		'/usr/sbin/dropbear is no file, and should be a program; install it again'
	faulty 'rm etc/dropbear/*' \
		'there is no SSH host key in /etc/dropbear; make one with dropbearkey'
	faulty 'truncate -s 20 etc/dropbear/*' \
		'the SSH host key /etc/dropbear/dropbear_rsa_host_key is damaged; make it anew with dropbearkey' \
		'there is no SSH host key in /etc/dropbear; make one with dropbearkey'
	faulty 'rm root/.ssh/authorized_keys' \
		'there is no /root/.ssh/authorized_keys, so nobody can log in by SSH; put your public key there'
	faulty 'echo "# none" >root/.ssh/authorized_keys' \
		'/root/.ssh/authorized_keys has no whole key in it, so nobody can log in; add your public key'
	faulty 'truncate -s 60 root/.ssh/authorized_keys' \
		'note: /root/.ssh/authorized_keys has a line that is no public key, or is cut off' \
		'/root/.ssh/authorized_keys has no whole key in it, so nobody can log in; add your public key'
	silent 'sed -i "s/^/no-port-forwarding,command=\"a b\" /" root/.ssh/authorized_keys; echo >>root/.ssh/authorized_keys'
	faulty 'chmod 666 root/.ssh/authorized_keys' \
		'/root/.ssh/authorized_keys can be written by others than root, so the SSH server ignores it; chmod 600 it'
	faulty 'sed -i s,/bin/sh,/bin/bash, etc/passwd etc/shells' \
		"root's login shell /bin/bash (/etc/passwd) is not there, so nobody can log in by SSH; link it to busybox"
	faulty ': >etc/shells' \
		"/etc/shells does not have root's login shell /bin/sh, so the SSH server refuses it; add it"
	faulty ': >etc/passwd' \
		'/etc/passwd has no root with a login shell, so nobody can log in by SSH; mkboot writes it' \
		'note: root has no password on the boot device that this busybox can check, so nobody can log in to rescue; mkboot --root-password sets one'
}

# remote: what mkboot makes for a passphrase over SSH
remote() {
	ssh-keygen -q -t ed25519 -N '' -f "$T/id"
	head -c 4096 /dev/zero >"$T/kernel"
	printf 'toor\n' | "$TOP/scripts/mkboot" --busybox "$BUSYBOX" \
		--kernel "$T/kernel" --boot-device /dev/sda1 --root-password - \
		--luks root=UUID=01234567-89ab-4def-8123-456789abcdef \
		--append quiet --net dhcp --ssh "$T/id.pub" "$S" >"$T/mkboot" 2>&1 || {
		cat "$T/mkboot"
		fail 'mkboot finds a fault'
	}
	cat "$TOP/configs/kernel.config" >"$S/config"
	: >"$S/extlinux/ldlinux.sys"
	: >"$S/extlinux/ldlinux.c32"
}

t_check_of_the_way_to_the_ssh_server() {
	remote
	silent :
	for each in removed emptied; do
		case $each in
		removed)	do="rm" ;;
		emptied)	do=': >' ;;
		esac
		faulty "$do init.d/11-dropbear" \
			'/etc/mkboot.conf has a line ssh=, and no stage starts dropbear, so nobody can log in; mkboot writes /init.d/11-dropbear'
		faulty "$do init.d/10-network" \
			'/etc/mkboot.conf has a line net=, and no stage brings up the network, so nobody can come by SSH; mkboot writes /init.d/10-network'
		silent "$do init.d/89-network"
	done
	# its comments alone
	faulty 'sed -i "/^[^#]/d" init.d/10-network' \
		'/etc/mkboot.conf has a line net=, and no stage brings up the network, so nobody can come by SSH; mkboot writes /init.d/10-network'
	silent 'echo "ifup -a" >init.d/10-network'
	# a command of it is gone, and what remains can be parsed
	noted 'sed -i "/case/,\$d" init.d/11-dropbear; truncate -s -1 init.d/11-dropbear' \
		'/init.d/11-dropbear ends in the midst of a line; if it is cut off, install it again'
	noted 'printf "\n#" >>etc/network/early' \
		'/etc/network/early ends in the midst of a line; if it is cut off, install it again'
	# somebody's own
	silent 'printf "echo x" >init.d/12-own'
	silent 'rm init.d/*-dropbear; sed -i /^ssh/d etc/mkboot.conf'
	faulty 'rm etc/network/early' 'there is no /etc/network/early; install it again'
	faulty ': >etc/network/early' '/etc/network/early is empty; install it again'
	faulty 'echo "if then" >etc/network/early' \
		'/etc/network/early can'\''t be parsed: line 1: syntax error: unexpected "then"; correct it'
	faulty 'rm usr/share/udhcpc/default.script' 'there is no /usr/share/udhcpc/default.script; install it again'
	faulty ': >usr/share/udhcpc/default.script' '/usr/share/udhcpc/default.script is empty; install it again'
	faulty 'chmod -x usr/share/udhcpc/default.script' \
		'/usr/share/udhcpc/default.script is not executable, so an address by DHCP is never set; chmod 755 it'
	faulty 'rm etc/network/interfaces' \
		'there is no /etc/network/interfaces, and the kernel'\''s arguments have no ip=, so nobody can come by SSH; mkboot --net writes it'
	noted 'rm etc/network/interfaces; sed -i "s/^net=.*/net=cmdline/" etc/mkboot.conf' \
		'the kernel'\''s arguments have no ip=, so nobody can come by SSH unless the boot loader adds one'
	silent 'rm etc/network/interfaces; sed -i "s/quiet/quiet ip=dhcp/" extlinux/extlinux.conf'
	faulty ': >etc/network/interfaces' \
		'/etc/network/interfaces brings up nothing: it takes a line "auto NAME" and one "iface NAME FAMILY METHOD"; mkboot --net writes it'
	faulty 'sed -i s/^auto.*/auto\ eth1/ etc/network/interfaces' \
		'/etc/network/interfaces brings up nothing: it takes a line "auto NAME" and one "iface NAME FAMILY METHOD"; mkboot --net writes it'
	# without DHCP its script is not used
	silent 'rm usr/share/udhcpc/default.script; printf "auto eth0\niface eth0 inet static\n\taddress 192.0.2.7\n\tnetmask 255.255.255.0\n" >etc/network/interfaces'
	for each in ip ifup run-parts setsid; do
		check "find . -name $each -type l | xargs rm"
		same "the status without $each" "$STATUS" 1
		grep -q " needs $each, and there is no such name" "$T/out" || fail "$each is not missed: $(cat "$T/out")"
	done
	faulty 'rmdir etc/network/if-up.d' 'there is no directory /etc/network/if-up.d for ifup; make it'
}

t_check_of_programs_that_mkboot_was_to_bring() {
	sound
	cp "$(command -v env)" "$S/sbin/lvm"
	chmod 755 "$S/sbin/lvm"
	for library in $(ldd "$S/sbin/lvm" | grep -o '/[^ ]*'); do
		mkdir -p "$S${library%/*}"
		cp -L "$library" "$S$library"
	done
	cp "$TOP/configs/init.d/50-lvm" "$S/init.d/"
	silent :
	# somebody's own, of which nothing is known
	silent 'rm sbin/lvm'
	echo with=/usr/sbin/lvm >>"$S/etc/mkboot.conf"
	silent :
	faulty 'rm sbin/lvm' \
		'/init.d/50-lvm calls lvm, and there is no such name in /bin, /sbin, /usr/bin or /usr/sbin; mkboot copies it there (--with)'
	faulty ': >sbin/lvm' '/sbin/lvm is no program, or is cut off; install it again'
	faulty 'find . -name "libc.so*" | xargs rm' \
		'/sbin/lvm needs the library libc.so.6, and it is not below /lib or /usr/lib; copy it there, or take a static binary'
	noted 'rm sbin/lvm; echo "lvm vgchange -ay || :" >init.d/50-lvm' \
		'/init.d/50-lvm calls lvm, and there is no such name in /bin, /sbin, /usr/bin or /usr/sbin'
}

t_check_of_rescue() {
	sound
	noted 'sed -i "s/^root:[^:]*/root:/" etc/shadow' \
		"the password of root on the boot device is empty, so rescue is open to everybody; set one (root's: mkboot --root-password)"
	for line in 1i '$a'; do
		noted "sed -i '$line toor::0:0::/root:/bin/sh' etc/passwd" \
			"the password of toor on the boot device is empty, so rescue is open to everybody; set one (root's: mkboot --root-password)"
	done
	noted 'sed -i "s/^root:[^:]*/root:*/" etc/shadow' \
		'root has no password on the boot device that this busybox can check, so nobody can log in to rescue; mkboot --root-password sets one'
	noted 'rm etc/inittab' \
		'there is no /etc/inittab, so the rescue entry boots the real root'
	noted 'echo "tty2::askfirst:-/bin/sh" >>etc/inittab' \
		"the rescue environment asks for no password (/etc/inittab, line $(($(wc -l <"$S/etc/inittab") + 1)))"
	line=$(grep -n '^::once:' "$S/etc/inittab" | cut -d: -f1)
	noted 'rm etc/rescue-consoles' \
		"/etc/inittab, line $line: there is no /etc/rescue-consoles, so rescue lacks what it is for; mkboot puts it there"
}

t_check_of_an_open_rescue() {
	sound
	printf '' | "$TOP/scripts/mkboot" --busybox "$BUSYBOX" --open-rescue --forget \
		--boot-device /dev/sda1 --luks root=UUID=01234567-89ab-4def-8123-456789abcdef \
		"$S" >"$T/mkboot" 2>&1 || {
		cat "$T/mkboot"
		fail 'mkboot does not take it'
	}
	grep -q 'note: the rescue environment asks for no password (/etc/inittab, line ' "$T/mkboot" \
	|| fail 'mkboot does not pass on what -c says'
}

t_no_rescue_entry_without_a_password() {
	"$TOP/scripts/mkboot" --busybox "$BUSYBOX" --boot-device /dev/sda1 \
		--luks root=UUID=01234567-89ab-4def-8123-456789abcdef "$S" \
		>"$T/mkboot" 2>&1 </dev/null || :
	grep -q 'no rescue entry: root has no password on the boot device; --root-password sets one' "$T/mkboot" \
	|| fail 'mkboot does not say why'
	grep -q '^LABEL linux' "$S/extlinux/extlinux.conf" || fail 'there are no entries'
	! grep -q '^LABEL rescue' "$S/extlinux/extlinux.conf" || fail 'there is a rescue entry'
}
# What luksunlock finds counts as well
t_check_of_key_files() {
	sound
	check 'echo "root /dev/nosuch /etc/nokey" >etc/crypttab'
	same 'the status without the key file' "$STATUS" 1
	grep -q "^luksunlock: .*/etc/nokey" "$T/all" || fail "it did not name the key: $(cat "$T/all")"
	check 'echo "root /dev/nosuch /etc/key" >etc/crypttab; echo x >etc/key; chmod 644 etc/key'
	same 'the status with a key for all to read' "$STATUS" 0
	grep -q "^luksunlock: .*/etc/key" "$T/all" || fail "it did not name the key: $(cat "$T/all")"
	check 'echo "root /dev/nosuch none" >etc/crypttab'
	grep -q "^luksunlock: note: .*/dev/nosuch" "$T/all" \
	|| fail "it did not name the device that is absent: $(cat "$T/all")"
	same 'the status with a device that is absent now' "$STATUS" 0
}

t_cpio_is_the_same_each_time() {
	for each in 1 2; do
		"$TOP/scripts/mkboot" --busybox "$BUSYBOX" --cpio "$T/$each.cpio" \
			--luks root=UUID=01234567-89ab-4def-8123-456789abcdef "$T/tree.$each" \
			>"$T/mkboot" 2>&1 || fail "$(cat "$T/mkboot")"
		touch -d '1 hour ago' "$T/tree.$each/etc/fstab"
	done
	[ -s "$T/1.cpio" ] || fail 'there is no archive'
	cmp "$T/1.cpio" "$T/2.cpio" || fail 'two archives of the same differ'
}
