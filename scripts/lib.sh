# shellcheck shell=sh
# Sourced by every script here: where things are, and how they speak.
#
# TOP    the checkout
# OUT    what is built for this checkout (removed by `make clean`)
# CACHE  what any checkout can use again: sources, libraries, kernel, root
#        file system; each entry is named by the hash of what made it
# JOBS   parallel compiler processes

set -eu

TOP=$(cd "$(dirname "$0")/.." && pwd)
while [ ! -f "$TOP/configs/sources" ] && [ "$TOP" != / ]; do
	TOP=$(dirname "$TOP")
done
OUT=${OUT:-$TOP/out}
CACHE=${EARLYBOOT_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/earlyboot}
JOBS=${JOBS:-$(nproc 2>/dev/null || echo 1)}
# Tools such as mkfs.ext4 and sfdisk are not on every user's PATH.
PATH=$PATH:/usr/sbin:/sbin
# What was compiled once is taken from the cache by the next checkout too.
# Debian's ccache has links there, named as the compilers are.
if [ -x /usr/lib/ccache/gcc ]; then
	PATH=/usr/lib/ccache:$PATH
	export CCACHE_DIR="$CACHE/ccache" CCACHE_BASEDIR="$TOP"
fi
export PATH

say() {
	printf '==> %s\n' "$*" >&2
}

warn() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	warn "$*"
	exit 1
}

# need TOOL...: stop with the remedy where a tool is missing.
need() {
	for need_tool in "$@"; do
		command -v "$need_tool" >/dev/null 2>&1 \
		|| die "'$need_tool' is missing; scripts/setup installs what is needed"
	done
}

# room MIB_OUT MIB_CACHE: stop, with the remedy, where there is no room for that much
# in OUT and CACHE, of which they may have a part already. What runs out of room an
# hour later says something else each time.
room() {
	mkdir -p "$OUT" "$CACHE"
	room_out=$(room_wanted "$OUT" "$1")
	room_cache=$(room_wanted "$CACHE" "$2")
	if [ "$(stat -c %d "$OUT")" = "$(stat -c %d "$CACHE")" ]; then
		room_in "$OUT" $((room_out + room_cache))
	else
		room_in "$OUT" "$room_out"
		room_in "$CACHE" "$room_cache"
	fi
}

# room_wanted DIR MIB: what is missing there; other processes may change it meanwhile
room_wanted() {
	room_has=$(du -sm "$1" 2>/dev/null | cut -f1)
	echo $(($2 > room_has ? $2 - room_has : 0))
}

room_in() {
	room_left=$(df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024) }')
	[ "$room_left" -ge "$2" ] \
	|| die "$1 has $room_left MiB left, and $2 are needed; make room, or name other directories by OUT= and EARLYBOOT_CACHE="
}

# key TEXT|FILE...: the hash that names a cache entry, made of the texts and
# of the contents of the files.
key() {
	for key_part in "$@"; do
		if [ -f "$key_part" ]; then
			cat "$key_part"
		else
			printf '%s\n' "$key_part"
		fi
	done | sha256sum | cut -c1-16
}

# logged LOGFILE WHAT COMMAND...: run a long command with its output in a log
# and a dot every few seconds; on failure show the log's end.
logged() {
	logged_file=$1
	logged_what=$2
	shift 2
	mkdir -p "$(dirname "$logged_file")"
	printf '==> %s ' "$logged_what" >&2
	"$@" >"$logged_file" 2>&1 &
	logged_pid=$!
	# The sleep is the pace of the dots only; the end is waited for below. It
	# must not hold our standard output, which a caller may read to its end.
	while kill -0 "$logged_pid" 2>/dev/null; do
		printf . >&2
		sleep 3
	done >/dev/null &
	logged_dots=$!
	# A shell's background jobs do not hear Ctrl-C by themselves.
	trap 'kill "$logged_pid" "$logged_dots" 2>/dev/null; exit 130' INT TERM
	logged_rc=0
	wait "$logged_pid" || logged_rc=$?
	trap - INT TERM
	kill "$logged_dots" 2>/dev/null || :
	wait "$logged_dots" 2>/dev/null || :
	printf '\n' >&2
	if [ "$logged_rc" -ne 0 ]; then
		tail -n 30 "$logged_file" >&2
		die "$logged_what failed with status $logged_rc; the whole log is $logged_file"
	fi
}
