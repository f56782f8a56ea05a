# SPDX-License-Identifier: Apache-2.0
#
# What the scripts beside it share: messages, the cache directory, locks and
# atomic publication. Sourced by bash, never run.

set -euo pipefail

# modprobe and depmod are in directories that only root's PATH has
PATH=$PATH:/usr/sbin:/sbin

# shellcheck disable=SC2034 # used by those who source this
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${CERTGATE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/certgate}

# say TEXT...: one line of progress, on stderr so that stdout stays data
say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# die TEXT...: the reason, and exit status 1
die() {
	say "error: $*"
	exit 1
}

# usage_error TEXT...: what was wrong with the arguments, and exit status 2
usage_error() {
	say "$*; try: ${0##*/} --help"
	exit 2
}

# with_lock NAME COMMAND...: one at a time over all processes using the cache
with_lock() {
	local name=$1 fd status=0
	shift
	mkdir -p "$cache/lock"
	exec {fd}>"$cache/lock/$name"
	if ! flock -n "$fd"; then
		say "another process is at work on $name: waiting for it"
		flock "$fd"
	fi
	# -e is off inside && and ||: the work runs in a subshell of its own
	set +e
	(
		set -e
		exec {fd}>&-
		"$@"
	)
	status=$?
	set -e
	exec {fd}>&-
	return $status
}

# publish STAGED FINAL: what is complete appears under its name in one step
publish() {
	rm -rf "$2"
	mv -T "$1" "$2"
}

# run_logged LOG TEXT COMMAND...: TEXT with the seconds it took; if COMMAND
# fails, the end of its output
run_logged() {
	local log=$1 text=$2 begin=$SECONDS
	shift 2
	say "$text ..."
	mkdir -p "$(dirname "$log")"
	if ! "$@" >"$log" 2>&1 </dev/null; then
		tail -n 40 "$log" >&2
		die "$text failed; all of its output is in $log"
	fi
	say "$text: done in $((SECONDS - begin)) s"
}

# as_root COMMAND...: with sudo where needed
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this needs root: run it as root, or install sudo"
	fi
}
