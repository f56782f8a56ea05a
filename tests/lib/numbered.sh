# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Numbered packets each way between the hosts behind hq and branch while something happens: numbered_rate a second, and numbered_floor at least if the
# machine is busy. Needs topology.sh and the program tests/interop/numbered.c.
#
#   no_packet_lost COMMAND...   runs it between them; none may be lost, and it must succeed

numbered=${CERTGATE_BUILD:-$PWD/build}/tests/numbered
numbered_rate=1100
numbered_floor=200

numbered_begin() { # NAMESPACE NAME ARGUMENT...: its pid is in numbered_pid_NAME
	local ns=$1 name=$2
	shift 2
	"$enter" "$ns" "$numbered" "$@" >"/run/numbered.$name" 2>&1 &
	printf -v "numbered_pid_$name" %d $!
}

numbered_end() { # NAME...
	local name pid
	for name; do
		pid=numbered_pid_$name
		kill "${!pid}"
		wait "${!pid}"
	done
}

# numbered_came SENDER RECEIVER: all of what was sent, which was dense enough to meet whatever gap there is. What the receiver's socket had no room
# for had come, too.
numbered_came() {
	cat "/run/numbered.$1" "/run/numbered.$2"
	awk -v floor=$numbered_floor '/^sent/ { sent = $2; dense = $2 >= floor * $4 } /^received/ { got = $2 + $NF } END { exit !(sent > 0 && dense && sent == got) }' \
		"/run/numbered.$1" "/run/numbered.$2"
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
			$1 in head && /^[A-Z]/ { split(head[$1], h); for (i = 2; i <= NF; i++) if (h[i] ~ /Err|Disc|Drop/ && $i) print "", $1, h[i], $i; delete head[$1]; next }
			/^Xfrm/ { if ($2) print "", $1, $2; next }
			{ head[$1] = $0 }'
		"$enter" "$n" ip -s link show | awk '/^[0-9]/ { dev = $2 } /RX:|TX:/ { what = $1 } /^ +[0-9]/ { if ($4) print "", dev, what, "dropped", $4 }'
		[ "$n" != hq ] && [ "$n" != branch ] || ns "$n" build/certgate kernel tunnel list --json 2>/dev/null | grep -A12 drops
	done
}

no_packet_lost() {
	local failed=0
	numbered_begin hq-host hq_in serve 7000
	numbered_begin branch-host branch_in serve 7000
	sleep 0.2
	numbered_begin hq-host hq_out send 10.2.0.10 7000 $numbered_rate
	numbered_begin branch-host branch_out send 10.1.0.10 7000 $numbered_rate
	sleep 0.3
	"$@" || failed=1
	sleep 0.3
	numbered_end hq_out branch_out
	numbered_end hq_in branch_in
	numbered_came hq_out branch_in && numbered_came branch_out hq_in && no_bad_sums && [ $failed = 0 ] || { numbered_drops; return 1; }
}
