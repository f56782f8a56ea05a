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

# queues_up: g1's outer link has eight queues, of which a packet's hash chooses one
queues_up() {
	ip -n g1 link del wan || return 1
	on - <<-END || return 1
		link add name wan netns g1 numtxqueues 8 numrxqueues 8 type veth peer name w1 netns r
	END
	on r <<-END || return 1
		addr add 192.0.2.1/24 dev w1
		addr add 2001:db8:1::1/64 dev w1 nodad
		link set w1 up
	END
	on g1 <<-END || return 1
		addr add 192.0.2.2/24 dev wan
		addr add 2001:db8:1::2/64 dev wan nodad
		link set wan up
		route add default via 192.0.2.1
		route add default via 2001:db8:1::1
	END
	reach 4
}

# queues FLOWS: of the queues of g1's outer link, how many have carried packets of so many flows, 20 datagrams each
queues() {
	tc -n g1 qdisc add dev wan root handle 1: mq || return 1
	"$enter" c1 python3 -c 'import socket, sys
for i in range(int(sys.argv[1])):
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.bind(("", 6000 + i))
	for j in range(20):
		s.sendto(bytes(100), ("10.2.0.2", 6000))' "$1"
	tc -n g1 -s class show dev wan | awk '$1 == "Sent" && $4 >= 20 { n++ } END { print n + 0 }'
	tc -n g1 qdisc del dev wan root
}

# told_apart: 16 flows of one tunnel are hardly ever in less than three of eight queues: once in 20 million times
told_apart() {
	local n
	n=$(queues 16) && echo "queues: $n" && [ "$n" -ge 3 ]
}

ktap_begin $((1 + 2 * 9 + 5 + 3 + 2 + 8))
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
t 'another link between gateway and router, of eight queues, carries the tunnel' queues_up
t 'there, a flow of the tunnel is in one queue' is 1 queues 1
t 'and flows are told apart' told_apart
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
