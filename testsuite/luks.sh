# shellcheck shell=sh
# Sourced by tests: LUKS headers, made quickly, and edited as somebody with the
# disk in his hands can.

# luks FILE PASSPHRASE [ARG...]: formats FILE, with more arguments for
# cryptsetup(8). The key derivation is one of nothing unless they say otherwise.
luks() {
	luks_file=$1 luks_pass=$2
	shift 2
	case " $* " in
	*' --pbkdf '*|*' --type luks1 '*) ;;
	*) set -- --pbkdf pbkdf2 "$@" ;;
	esac
	case " $* " in
	*argon2*) ;;
	*) set -- --pbkdf-force-iterations 1000 "$@" ;;
	esac
	# of its warnings none is of interest: the headers are small on purpose
	printf %s "$luks_pass" | cryptsetup luksFormat -q "$@" "$luks_file" - >"$luks_file.said" 2>&1 \
	|| { cat "$luks_file.said" >&2; exit 1; }
	rm "$luks_file.said"
}

# luks2_checksum FILE N: that of the first or second (0, 1) header of 16 KiB,
# written anew
luks2_checksum() {
	dd if="$1" of="$1.part" bs=16384 skip="$2" count=1 status=none
	head -c 64 /dev/zero | dd of="$1.part" bs=1 seek=448 conv=notrunc status=none
	openssl dgst -sha256 -binary "$1.part" \
	| dd of="$1.part" bs=1 seek=448 conv=notrunc status=none
	dd if="$1.part" of="$1" bs=16384 seek="$2" conv=notrunc status=none
	rm "$1.part"
}

# luks2_replace FILE N OLD NEW: the N-th OLD of both headers' JSON becomes NEW,
# of the same length
luks2_replace() {
	for copy in 0 1; do
		at=$(dd if="$1" bs=16384 skip="$copy" count=1 status=none \
			| grep -abo "$3" | sed -n "$2p" | cut -d: -f1)
		printf %s "$4" \
		| dd of="$1" bs=1 seek=$((copy * 16384 + at)) conv=notrunc status=none
		luks2_checksum "$1" "$copy"
	done
}

# luks_image FILE MIB PASSPHRASE [ARG...]: as luks, of this size; kept until
# something of that changes
luks_image() {
	image=$1
	image_key=$(key "$*")
	[ ! -f "$image" ] || [ "$(cat "$image.key" 2>/dev/null)" != "$image_key" ] \
	|| return 0
	rm -f "$image" "$image.key"
	truncate -s "$2M" "$image"
	pass=$3
	shift 3
	luks "$image" "$pass" "$@"
	echo "$image_key" >"$image.key"
}
