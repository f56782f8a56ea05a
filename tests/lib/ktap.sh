# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# KTAP (the kernel's test protocol) for shell scripts.
#
#   ktap_begin N                 N results will follow
#   t 'what must hold' COMMAND   one result: the command's success; what it printed is shown if it fails
#   ktap_skip 'what' 'reason'    one result that could not be tried
#   ktap_nested 'what' COMMAND   one result: that of a test script, whose own results are shown
#   ktap_end                     exits: 0 if nothing failed
#
# A script that ends without ktap_end, or with another number of results than planned, has failed: tests/run counts.

. tests/lib/warm.sh

ktap_count=0 ktap_failed=0

ktap_begin() {
	warm_up
	printf 'KTAP version 1\n1..%d\n' "$1"
}

t() {
	local what=$1 out
	shift
	ktap_count=$((ktap_count + 1))
	"$@" >/tmp/ktap.$$ 2>&1 </dev/null
	out=$?
	if [ $out = 0 ]; then
		printf 'ok %d %s\n' "$ktap_count" "$what"
		return 0
	fi
	ktap_failed=$((ktap_failed + 1))
	printf 'not ok %d %s\n# exit status %d of: %s\n' "$ktap_count" "$what" "$out" "$*"
	tail -n "${KTAP_LINES:-30}" /tmp/ktap.$$ | sed 's/^/# /'
	return 1
}

ktap_skip() {
	ktap_count=$((ktap_count + 1))
	printf 'ok %d %s # SKIP %s\n' "$ktap_count" "$1" "$2"
}

ktap_nested() {
	local what=$1 ok=ok
	shift
	ktap_count=$((ktap_count + 1))
	printf '    # Subtest: %s\n' "$what"
	"$@" 2>&1 </dev/null | sed -u 's/^/    /'
	[ "${PIPESTATUS[0]}" = 0 ] || ktap_failed=$((ktap_failed + 1)) ok='not ok'
	printf '%s %d %s\n' "$ok" "$ktap_count" "$what"
	[ "$ok" = ok ]
}

ktap_end() {
	rm -f /tmp/ktap.$$
	[ "$ktap_failed" = 0 ]
	exit
}

# ktap_log FILE...: the ends of these files as diagnostics
ktap_log() {
	local f
	for f; do
		[ -e "$f" ] || continue
		printf '# --- %s\n' "$f"
		tail -n "${KTAP_LINES:-30}" "$f" | sed 's/^/# /'
	done
}
