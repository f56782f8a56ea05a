# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Numbered packets each way between the hosts behind hq and branch while something happens: numbered_rate a second, and numbered_floor at least if the
# machine is busy. Needs interop.sh and the program tests/interop/numbered.c.
#
#   no_packet_lost COMMAND...    runs it between them; none may be lost, and it must succeed
#   lasting SECONDS COMMAND...   runs it, and is not done before so many seconds
#
# numbered_gap: those of so many seconds may be lost each way where the words of a check say so; 0 as a rule

numbered=${CERTGATE_BUILD:-$PWD/build}/tests/numbered
numbered_rate=1100
numbered_floor=200
# An emulated CPU that two daemons and all of their network share has no time for so many while keys are made: queues overflow everywhere.
! emulated || { numbered_rate=300; numbered_floor=100; }
numbered_gap=0

numbered_begin() {
	"$enter" - "$numbered" "$numbered_rate" 7000 hq-host 10.1.0.10 branch-host 10.2.0.10 >/run/numbered 2>&1 &
	numbered_pid=$!
}

numbered_end() {
	kill "$numbered_pid"
	wait "$numbered_pid"
}

# numbered_came: all of what was sent either way, but for numbered_gap, which was dense enough to meet whatever gap there is. What the receiver's socket had
# no room for had come, too.
numbered_came() {
	cat /run/numbered
	awk -v floor=$numbered_floor -v gap=$numbered_gap '/: sent / { ways += $5 > 0 && $5 >= floor * $7 && $5 >= $10 + $NF && $5 - $10 - $NF <= gap * $5 / $7 } END { exit ways != 2 }' /run/numbered
}

# no_bad_sums: the receivers' sockets have refused nothing for its checksum, which counts like what they have no room for
no_bad_sums() {
	local n
	for n in hq-host branch-host; do
		"$enter" "$n" cat /proc/net/snmp | awk '/^Udp:/ { if (!column) { for (i = 2; i <= NF; i++) if ($i == "InCsumErrors") column = i } else bad = $column }
			END { exit !column || bad != 0 }' || { echo "$n: datagrams with a wrong checksum"; return 1; }
	done
}

# Where on the way packets can be lost, and how many were since the machine started. softnet_stat: columns 2 and 3, in hexadecimal, are what was
# dropped and how often a poll was cut short.
numbered_drops() {
	local n
	grep -H . /proc/net/softnet_stat
	for n in hq-host hq router branch branch-host; do
		echo "$n:"
		"$enter" "$n" cat /proc/net/snmp /proc/net/xfrm_stat 2>/dev/null | awk '
			$1 in head && /^[A-Z]/ { split(head[$1], h); for (i = 2; i <= NF; i++) if (h[i] ~ /Err|Disc|Drop|NoPorts/ && $i) print "", $1, h[i], $i; delete head[$1]; next }
			/^Xfrm/ { if ($2) print "", $1, $2; next }
			{ head[$1] = $0 }'
		"$enter" "$n" ip -s link show | awk '/^[0-9]/ { dev = $2 } /RX:|TX:/ { what = $1 } /^ +[0-9]/ { if ($4) print "", dev, what, "dropped", $4 }'
		[ "$n" != hq ] && [ "$n" != branch ] || ns "$n" build/certgate kernel tunnel list --json 2>/dev/null | grep -A12 drops
	done
}

lasting() {
	local until=$((${EPOCHREALTIME/./} + $1 * 1000000)) left
	shift
	"$@" || return 1
	left=$((until - ${EPOCHREALTIME/./}))
	[ $left -le 0 ] || pause "$((left / 1000000)).$(printf %06d $((left % 1000000)))"
}

no_packet_lost() {
	local failed=0
	numbered_begin
	pause 0.3
	"$@" || failed=1
	pause 0.3
	numbered_end
	numbered_came && no_bad_sums && [ $failed = 0 ] || { numbered_drops; return 1; }
}
