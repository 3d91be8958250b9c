# shellcheck shell=sh
# What ip= on the kernel's command line means, as stanzas of interfaces(5). That
# they do it is seen in testsuite/boot/network.sh.

# means ARGS: the stanzas are on standard input, without their tabs.
means() {
	cmdline "$1"
	PATH=$WORK/bin "$BUSYBOX" sh "$HERE/../../configs/network.script" show >"$T/shown"
	same "'$1'" "$(tr -d '\t' <"$T/shown")" "$(cat)"
}

shown() {
	: >"$T/cmdline"
	mount --bind "$T/cmdline" /proc/cmdline
}

t_network_of_the_kernels_ip_in_its_full_form() {
	shown
	means 'root=/dev/sda1 ip=192.0.2.9:192.0.2.250:192.0.2.1:255.255.255.128:early:eth1:none:192.0.2.53:192.0.2.54 quiet' <<-'END'
		auto eth1
		iface eth1 inet static
			address 192.0.2.9
			netmask 255.255.255.128
			gateway 192.0.2.1
		#nameserver 192.0.2.53
		#nameserver 192.0.2.54
	END
	means 'ip=192.0.2.9::192.0.2.1:26::eth1:off' <<-'END'
		auto eth1
		iface eth1 inet static
			address 192.0.2.9
			netmask 255.255.255.192
			gateway 192.0.2.1
	END
	means 'ip=::::early:eth1:dhcp' <<-'END'
		auto eth1
		iface eth1 inet dhcp
			hostname early
			udhcpc_opts -A 3
	END
	means 'ip=:::::eth1' <<-'END'
		auto eth1
		iface eth1 inet dhcp
			udhcpc_opts -A 3
	END
	means 'ip=[2001:db8::9]::[2001:db8::1]:64::eth1:none' <<-'END'
		auto eth1
		iface eth1 inet6 static
			address 2001:db8::9
			netmask 64
			gateway 2001:db8::1
	END
}

t_network_of_an_address_without_a_mask_has_that_of_its_class() {
	shown
	for each in 10.1.2.3:255.0.0.0 172.16.0.5:255.255.0.0 192.0.2.9:255.255.255.0; do
		means "ip=${each%:*}" <<-END
			auto eth0
			iface eth0 inet static
				address ${each%:*}
				netmask ${each#*:}
		END
	done
}

t_network_of_ip_in_one_word() {
	shown
	for each in dhcp on any both; do
		means "ip=$each" <<-'END'
			auto *
			iface * inet dhcp
				udhcpc_opts -A 3
		END
	done
	for each in 'ip=off' 'ip=none' 'ip=' 'skip=dhcp' 'ip' '-- ip=dhcp'; do
		means "quiet $each" </dev/null
	done
}

t_network_of_dracuts_ip() {
	shown
	means 'ip=eth0:dhcp ip=eth1:auto6 ip=enp3s0:either6 ip=eth2:off nameserver=192.0.2.53' <<-'END'
		auto eth0
		iface eth0 inet dhcp
			udhcpc_opts -A 3
		auto eth1
		iface eth1 inet6 manual
			up ip link set up dev $IFACE
		auto enp3s0
		iface enp3s0 inet6 manual
			up ip link set up dev $IFACE
		#nameserver 192.0.2.53
	END
	means 'ip=eth0:dhcp:9000 ip=eth0:auto6' <<-'END'
		auto eth0
		iface eth0 inet dhcp
			udhcpc_opts -A 3
			up ip link set mtu 9000 dev $IFACE
		iface eth0 inet6 manual
			up ip link set up dev $IFACE
	END
}

# Where a plain real root is there at once, the stage that ends the network comes
# before the other has its session: here it never gets one.
t_network_ends_that_has_hardly_begun() {
	new_early_root
	mkdir "$R/etc/network"
	mkfifo "$R/etc/never"
	cp "$TOP/configs/network.script" "$R/etc/network/early"
	{
		# shellcheck disable=SC2016 # the fragment's
		echo 'setsid() { read -r line </etc/never; command setsid "$@"; }'
		sed 's/@KEEP@/no/' "$TOP/configs/init.d/10-network"
	} | fragment 10-network
	cp "$TOP/configs/init.d/89-network" "$R/init.d/"
	kernel_log
	boot_through
	kernel_log_ends
	unsaid 'still runs'
}
