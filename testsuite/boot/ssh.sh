# shellcheck shell=sh
# For the disks that have an SSH server: the keys of both sides, in $KEYS.
# Those of the server are as mkboot makes them.
# shellcheck disable=SC2154 # run sets WORK and TREE

KEYS=$WORK/ssh-keys

# make_keys DIR: whole or not at all
make_keys() {
	rm -rf "$1"
	mkdir -p "$1/host"
	for name in id rescue stranger; do
		ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$1/$name"
		dropbearconvert openssh dropbear "$1/$name" "$1/$name.dropbear"
	done
	for type in ed25519 ecdsa; do
		dropbearkey -t "$type" -f "$1/host/dropbear_${type}_host_key"
		dropbearkey -y -f "$1/host/dropbear_${type}_host_key" >"$1/public"
		sed -n 's/^\([a-z][a-z0-9-]* AAAA[^ ]*\).*/early \1/p' "$1/public" >>"$1/known_hosts"
	done
}

# Disks are made beside each other.
ssh_keys() {
	(
		flock 9
		if [ ! -d "$KEYS" ]; then
			make_keys "$KEYS.new" >&2
			mv "$KEYS.new" "$KEYS"
		fi
	) 9>"$KEYS.lock"
	mkdir -p "$TREE/etc/dropbear"
	cp "$KEYS"/host/* "$TREE/etc/dropbear/"
}

# section TITLE: the indented lines of that section of the README, without their
# first tabs
section() {
	awk -v title="## $1" '
		/^## / { inside = $0 == title }
		inside && sub(/^\t\t/, "")' "$TOP/README.md"
}
