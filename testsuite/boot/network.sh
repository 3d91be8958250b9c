# shellcheck shell=sh disable=SC2009,SC2123,SC2010 # ps is BusyBox's; PATH is meant
# In a machine of its own, by network.exp: the network of early userspace with
# two cards. Behind eth0 there are a DHCP server and an IPv6 router, behind eth1
# there is nobody.

CARD=52:54:00:00:00:01

fail() {
	echo "#### $*"
	ip addr
	ip route
	cat /run/said
	exit 1
}

# early ARG...: the script as the fragments call it
early() {
	sh /etc/network/early "$@" >>/run/said 2>&1
}

# What the network is. The queue of a card that was up once keeps its name, and
# the events of its counters are not what is compared.
state() {
	ip addr | sed 's/ qdisc [a-z_]*//'
	ip route
	ip -6 route
	ip neigh
	cat /proc/net/packet
	ls /sys/class/net
	ps -o args | grep -e '[u]dhcpc' -e 'network/[e]arly' || :
	ls /run | grep -v said || :
}

# try NAME: standard input is /etc/network/interfaces; none where it is empty
try() {
	NAME=$1
	: >/run/said
	cat >/etc/network/interfaces
	[ -s /etc/network/interfaces ] || rm /etc/network/interfaces
	setsid sh /etc/network/early up >>/run/said 2>&1 &
	UP=$!
}

# until_so COMMAND...: how long that may take is the test's limit. What is
# wanted can come only from outside, and there is no event to wait for.
until_so() {
	until "$@" >/dev/null 2>&1; do
		sleep 0.1
	done
}

has_address() {
	ip addr show dev "$1" | grep -q "inet6* $2"
}

# done_with: the teardown, in time, and nothing is left
done_with() {
	read -r start rest </proc/uptime
	early down "$UP"
	read -r end rest </proc/uptime
	wait "$UP" || :
	took=$(echo "$start $end" | awk '{ printf "%d", ($2 - $1) * 1000 }')
	[ "$(state)" = "$UNTOUCHED" ] || { state; fail "$NAME: the network is not as if untouched"; }
	[ "$took" -lt 1000 ] || fail "$NAME: the teardown took $took ms"
	echo "$NAME: right; down in $took ms"
}

mkdir -p /b /bin /var /etc/network/if-pre-up.d /etc/network/if-up.d \
	/etc/network/if-down.d /etc/network/if-post-down.d /usr/share/udhcpc
cp /busybox /bin/busybox
/bin/busybox --install -s /b
PATH=/b
ln -sf busybox /bin/sh
ln -s /run /var/run
cp /network.script /etc/network/early
cp /udhcpc.script /usr/share/udhcpc/default.script
chmod 755 /usr/share/udhcpc/default.script
UNTOUCHED=$(state)

try 'static, by name' <<-'END'
	auto eth1
	iface eth1 inet static
		address 192.0.2.5
		netmask 255.255.255.0
		gateway 192.0.2.1
END
until_so ip route get 198.51.100.1
has_address eth1 192.0.2.5/24 || fail "$NAME: the address is not there"
done_with

try 'DHCP, by MAC address' <<-'END'
	auto 52-54-00-AB-00-01
	iface 52-54-00-AB-00-01 inet dhcp
		udhcpc_opts -A 3
END
until_so grep -q . /run/said
grep -q 'there is no interface 52-54-00-AB-00-01 yet' /run/said || fail "$NAME: it does not say what is not there"
early down "$UP"
try 'DHCP, by MAC address' <<-END
	auto $CARD
	iface $CARD inet dhcp
		udhcpc_opts -A 3
END
until_so ip route get 198.51.100.1
has_address eth0 10.0.2.15/24 || fail "$NAME: the address is not there"
grep -qx 'nameserver 10.0.2.3' /run/resolv.conf || fail "$NAME: the name server is not there"
done_with

# That no server answers on eth1 holds up nobody, up or down.
try 'DHCP, by a pattern' <<-'END'
	auto eth*
	iface eth* inet dhcp
		udhcpc_opts -A 3
END
until_so has_address eth0 10.0.2.15/24
until_so test -e /run/udhcpc.eth1.pid
done_with

try 'a card that comes late' <<-'END'
	auto eth7
	iface eth7 inet static
		address 192.0.2.7
		netmask 255.255.255.0
END
until_so grep -q 'there is no interface eth7 yet' /run/said
ip link set dev eth1 name eth7
until_so has_address eth7 192.0.2.7/24
early down "$UP"
wait "$UP" || :
ip link set dev eth7 name eth1

try 'VLAN' <<-'END'
	auto eth1.5
	iface eth1.5 inet static
		address 192.0.2.5
		netmask 255.255.255.0
END
until_so has_address eth1.5 192.0.2.5/24
grep -q 'VID: 5' /proc/net/vlan/eth1.5 || fail "$NAME: it is not VLAN 5"
done_with

try 'IPv6 by router advertisement, and static' <<-'END'
	auto eth0 eth1
	iface eth0 inet6 manual
		up ip link set up dev $IFACE
	iface eth1 inet6 static
		address 2001:db8::5
		netmask 64
		gateway 2001:db8::1
END
until_so has_address eth0 fec0:
until_so has_address eth1 2001:db8::5/64
until_so grep -q '^0\{32\} 00 .* eth0$' /proc/net/ipv6_route
until_so grep -q '^0\{32\} 00 .*20010db8000000000000000000000001 .* eth1$' /proc/net/ipv6_route
done_with

cat >/run/cmdline <<-'END'
	quiet ip=192.0.2.9::192.0.2.1:255.255.255.128:early:eth1:none:192.0.2.53 ip=eth0:dhcp -- ip=eth9:dhcp
END
mount --bind /run/cmdline /proc/cmdline
UNTOUCHED=$(state)
try 'two ip= of the command line' </dev/null
until_so has_address eth1 192.0.2.9/25
until_so has_address eth0 10.0.2.15/24
until_so ip route get 198.51.100.1
wait "$UP"
! grep -q eth9 /run/said || fail "$NAME: what follows -- is not the kernel's"
done_with
# A tunnel beside the cards, as many kernels make one
mkdir -p /run/net/sit0
echo 776 >/run/net/sit0/type
for each in /sys/class/net/*; do
	ln -s "$(readlink -f "$each")" /run/net
done
mount --bind /run/net /sys/class/net
echo 'quiet ip=dhcp' >/run/cmdline
try 'ip=dhcp' </dev/null
until_so has_address eth0 10.0.2.15/24
until_so test -e /run/udhcpc.eth1.pid
! grep sit0 /run/said || fail "$NAME: it takes a tunnel"
# ... and it stays
early keep "$UP"
wait "$UP" || :
has_address eth0 10.0.2.15/24 || fail "keep: the address is gone"
ip route | grep -q '^default via 10.0.2.2 dev eth0' || fail "keep: the route is gone"
! ps -o args | grep '[u]dhcpc' || fail "keep: a client is left"
echo 'keep: right'
