#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Super-packets that are cut and sealed as a train, and trains that are opened and merged, packet by packet: made by hand with all
# that is odd, and compared at the far end with what they have to be. Replays, forgeries and packets of two SAs within a train.
#
# timeout: 150

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

for kind in "${kinds[@]}"; do
	[ "${kind% *}" != udp ] || break
done
encap=udp
export OUTER=${kind#* }

trains() {
	python3 tests/kselftest/trains.py "$@"
}

# loses CAUSE COUNT COMMAND...: g2 counts so many packets more as lost
loses() {
	local cause=$1 count=$2 before
	shift 2
	before=$(drops 2 "$cause")
	"$@" || return 1
	[ "$(drops 2 "$cause")" = $((before + count)) ] || { cgk 2 sa list; return 1; }
}

# loses_none COMMAND...: neither does g1, for want of memory
loses_none() {
	"$@" && is 0 drops 1 memory
}

# captured FAMILY COUNT: fresh ones
captured() {
	rm -f /tmp/captured
	trains capture "$1" /tmp/captured "$2"
}

# whole FAMILY: all arrive in order; the same train once more is a replay
whole() {
	captured "$1" 20 && loses replay 0 trains train "$1" /tmp/captured all &&
		loses replay 20 trains train "$1" /tmp/captured nothing
}

forged() {
	captured 4 12 && loses auth 1 trains train 4 /tmp/captured flipped
}

duplicate() {
	captured 4 12 && loses replay 1 trains train 4 /tmp/captured twice
}

short() {
	captured 4 12 && loses auth 1 trains train 4 /tmp/captured short
}

marked() {
	captured 4 12 && loses auth 0 trains train 4 /tmp/captured marked
}

# of two SAs: the second half is sealed by a new pair
mixed() {
	captured 4 6 && sa_pair "$tunnel1" "$tunnel2" && trains capture 4 /tmp/captured 6 &&
		loses replay 0 trains train 4 /tmp/captured mixed
}

# counted: what g2 received is what it counted for SAs, tunnel, device and certificate
counted() {
	local sas
	sas=$(field 2 "sum(s['rx_packets'] for s in x)" sa list)
	[ "$sas" -gt 0 ] && [ "$(field 2 "x[0]['rx_packets']" tunnel list)" = "$sas" ] &&
		[ "$(field 2 "x[0]['rx_packets']" cert list)" = "$sas" ]
}

# a train of a revoked certificate goes nowhere, and is counted
revoked() {
	captured 4 12 && cgk 2 cert revoke "$(key peer 32)" >/dev/null && loses cert 12 trains train 4 /tmp/captured nothing
}

# buried: what was on its way when its certificate was revoked is nowhere to be seen, and is counted, each one
buried() {
	local before
	cgk 1 cert revoke "$(key peer 32)" >/dev/null && before=$(drops 1 cert) && trains burst 4 dead || return 1
	is $((before + 40)) drops 1 cert
}

ktap_begin $((1 + 2 * 9 + 5 + 2 + 8))
world_up
t "a tunnel is up, encapsulation udp over IPv$OUTER" eval 'outer=$OUTER tunnel_up' || exit 1
reach 4 >/dev/null
reach 6 >/dev/null
for family in 4 6; do
	for case in plain whole odd last small ecn congested options extended; do
		t "a super-packet crosses in pieces, IPv$family, $case" trains super $family $case
	done
done
ns c1 ethtool -K lan tx-udp-segmentation off >/dev/null
t 'datagrams that come at once cross in order and as a train, IPv4' trains burst 4 alike
t 'datagrams that come at once cross in order and as a train, IPv6' trains burst 6 alike
t 'of several sizes, flows and codepoints, too' trains burst 4 mixed
t 'a long train behind a short one is whole' loses_none trains burst 4 half
t 'alone they cross as before' is 10 crossing 1
# from here on the router keeps what g1 sends
ns r busybox sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
for family in 4 6; do
	t "a train of mixed flows arrives in order, and once, IPv$family" whole $family
done
t 'of a train with a forgery all others arrive' forged
t 'of a train with a packet twice it is taken once' duplicate
t 'of a train whose last one is cut short all others arrive' short
t "all were counted alike, at SAs, tunnel and certificate" counted
t 'a train with an IKE message in it is taken apart' marked
t 'a train of two SAs is taken apart' mixed
t 'no packet of a train is taken once its certificate is revoked' revoked
t 'and none of a burst is sealed' buried
world_down
ktap_end
