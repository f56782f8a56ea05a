#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Captured ESP packets that come once more, late, or out of order (RFC 4303 section 3.4.3), with and without extended
# sequence numbers.
#
# timeout: 150
# kernels: uml-debug (6.1) (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# hole_dug: a device of the router that leads nowhere
hole_dug() {
	local mac
	set_mac mac g2 wan
	on r <<-END
		link add hole address 02:00:00:00:00:01 type dummy
		link set hole up
		neigh replace ${wan4[2]} lladdr $mac dev hole
	END
}

# hold COUNT: so many packets that leave the router for g2 are recorded in /tmp/held, and go no further
hold() {
	ip -n r route replace "${wan4[2]}" dev hole
	rm -f /tmp/held
	probe_start hold r record hole /tmp/held 60 "$1"
}

# let_go: the road is open again
let_go() {
	probe_stop hold
	ip -n r route del "${wan4[2]}" dev hole
}

# pings COUNT: from c1, answered or not
pings() {
	"$enter" c1 ping -q -n -c "$1" -i 0.002 -W 0.2 10.2.0.2 >/dev/null
	return 0
}

# is WHAT WANTED VALUE
is() {
	[ "$2" = "$3" ] || { echo "$1: $3, not $2"; cgk 2 sa list; return 1; }
}

twice() {
	hold 20 && pings 20 && wait_until 5 test -s /tmp/held && let_go || return 1
	is 'frames' 20 "$(probe r inject w2 /tmp/held)" && wait_until 5 took 20 && is replays 0 "$(drops 2 replay)" &&
		probe r inject w2 /tmp/held >/dev/null && wait_until 5 lost 20 && is received 20 "$(received 2)"
}

took() {
	[ "$(received 2)" -ge "$1" ]
}

# lost COUNT [CAUSE]
lost() {
	[ "$(drops 2 "${2:-replay}")" -ge "$1" ]
}

backwards() {
	local before
	before=$(received 2)
	hold 30 && pings 30 && wait_until 5 test -s /tmp/held && let_go && probe r inject w2 /tmp/held reverse >/dev/null || return 1
	wait_until 5 took $((before + 30)) && is replays 20 "$(drops 2 replay)"
}

# A window of 64: the first of 70 packets is too old when the last was there, the seventh is not. With extended numbers what is
# behind the window stands for numbers of the next 2^32 (RFC 4303 appendix A2.2), for which the packet is not authentic.
late() {
	local before lost cause=replay
	[ -z "$esn" ] || cause=auth
	# shellcheck disable=SC2086 # nothing or one word
	sa_pair "$tunnel1" "$tunnel2" --replay-window 64 $esn || return 1
	hold 70 && pings 70 && wait_until 5 test -s /tmp/held && let_go || return 1
	before=$(received 2) lost=$(drops 2 "$cause")
	probe r inject w2 /tmp/held reverse >/dev/null || return 1
	wait_until 5 lost $((lost + 6)) "$cause" && wait_until 5 took $((before + 64)) &&
		is "$cause" $((lost + 6)) "$(drops 2 "$cause")" &&
		is received $((before + 64)) "$(received 2)"
}

# Nobody who cannot authenticate moves the window: a forged high number, then the genuine ones
forged() {
	local before auth
	before=$(received 2) auth=$(drops 2 auth)
	hold 10 && pings 10 && wait_until 5 test -s /tmp/held && let_go || return 1
	probe r inject w2 /tmp/held first=1 seq=100000 >/dev/null && wait_until 5 lost $((auth + 1)) auth || return 1
	probe r inject w2 /tmp/held >/dev/null && wait_until 5 took $((before + 10))
}

# number_zero CAUSE: what the packet is lost for
number_zero() {
	local before
	before=$(drops 2 "$1")
	probe r inject w2 /tmp/held first=1 seq=0 >/dev/null && wait_until 5 lost $((before + 1)) "$1"
}

ktap_begin $((${#kinds[@]} * 6))
world_up
hole_dug
for kind in "${kinds[@]}"; do
	# what is held back is IPv4: the kind's family stands for the other thing there are two of
	encap=${kind% *} esn=
	[ "${kind#* }" = 4 ] || esn=--esn
	kind="encapsulation $encap${esn:+, extended numbers}"
	t "a tunnel is up, $kind" tunnel_up || exit 1
	t "packets pass once and not twice, $kind" twice
	t "packets in reverse order pass, $kind" backwards
	t "packets older than the window do not pass, younger ones do, $kind" late
	t "a forged number does not move the window, $kind" forged
	if [ -n "$esn" ]; then
		t "number 0 stands for the next 2^32 and is not authentic, $kind" number_zero auth
	else
		t "number 0 is never valid, $kind" number_zero replay
	fi
	tunnel_down
done
world_down
ktap_end
