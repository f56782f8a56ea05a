#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Peers whose address or port changes: followed where the tunnel allows it and only after a packet that is authentic and the newest,
# refused otherwise.
#
# timeout: 120
# kernels: uml-debug (6.1) (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

remote_of() {
	field "$1" "x[0]['remote']" tunnel list
}

remote_is() {
	[ "$(remote_of 2)" = "$1" ] || { remote_of 2; return 1; }
}

# nat_on PORT: the router rewrites g1's source, as a NAT does
nat_on() {
	if [ "$encap" = udp ]; then
		ns r nft "flush ruleset; table ip t { chain p { type nat hook postrouting priority 100; oif w2 udp sport 4500 snat to 198.51.100.1:$1; }; }"
	else
		ns r nft "flush ruleset; table ip t { chain p { type nat hook postrouting priority 100; oif w2 ip protocol esp snat to 198.51.100.1; }; }"
	fi
	conntrack_flush r
}

nat_off() {
	ns r nft flush ruleset
	conntrack_flush r
}

moved() {
	listen 2
	reach 4 >/dev/null || return 1
	listen_off
	remote_is "$1" && [ "$(told event endpoint-changed)" = 1 ] || { cat /tmp/events; return 1; }
}

# forged WHERE: the peer stays there
forged() {
	rm -f /tmp/sent
	probe_start record r record w2 /tmp/sent 20 1 && reach 4 >/dev/null && wait_until 5 test -s /tmp/sent || return 1
	# a replay from elsewhere, and a newer number that is not authentic
	probe r inject w2 /tmp/sent source=198.51.100.77 >/dev/null
	probe r inject w2 /tmp/sent source=198.51.100.77 seq=100000 >/dev/null
	sleep 0.3
	remote_is "$1"
}

# late: an authentic packet that is not the newest arrives from elsewhere: it is delivered, the peer stays where it is
late() {
	local before was mac
	was=$(remote_of 2) before=$(received 2)
	ns r nft 'table ip h { chain f { type filter hook postrouting priority 300; oif w2 limit rate 1/hour burst 1 packets drop; }; }'
	rm -f /tmp/sent
	# the first packet is dropped after it was seen, the others move the window
	probe_start record g1 record wan /tmp/sent 20 1 || return 1
	"$enter" c1 ping -q -n -c 5 -i 0.05 -W 0.5 10.2.0.2 >/dev/null
	ns r nft delete table ip h
	wait_until 5 test -s /tmp/sent || return 1
	set_mac mac g2 wan
	probe r inject w2 /tmp/sent source=198.51.100.77 "to=$mac" >/dev/null
	wait_until 5 got $((before + 5)) && remote_is "$was"
}

got() {
	[ "$(received 2)" -ge "$1" ] || { cgk 2 sa list; return 1; }
}

refused() {
	local before
	before=$(drops 2 no-sa)
	"$enter" c1 ping -q -n -c 3 -i 0.02 -W 0.3 10.2.0.2 >/dev/null && return 1
	[ "$(drops 2 no-sa)" = $((before + 3)) ] && remote_is "$1"
}

ktap_begin $((2 * 9))
world_up
for encap in udp none; do
	port=
	[ "$encap" = none ] || port=:4500
	t "a tunnel that follows its peer is up, $encap" tunnel_up --roam || exit 1
	t "traffic crosses and nothing moves, $encap" eval "reach 4 && remote_is ${wan4[1]}$port"
	nat_on 5555
	[ "$encap" = none ] || port=:5555
	t "the peer's address changes: it is followed, and answered there, $encap" moved "198.51.100.1$port"
	if [ "$encap" = udp ]; then
		nat_on 6666
		port=:6666
		t "the peer's port alone changes, $encap" moved "198.51.100.1$port"
	else
		t "the peer is still there, $encap" eval "reach 4 && remote_is 198.51.100.1"
	fi
	t "replayed and forged packets from elsewhere move nothing, $encap" forged "198.51.100.1$port"
	nat_off
	port=
	[ "$encap" = none ] || port=:4500
	t "and back, $encap" moved "${wan4[1]}$port"
	t "a late packet from elsewhere is delivered and moves nothing, $encap" late
	tunnel_down
	tunnel_up
	nat_on 5555
	t "a tunnel that does not follow refuses, $encap" refused "${wan4[1]}$port"
	nat_off
	t "and goes on where it was configured, $encap" reach 4
	tunnel_down
done
world_down
ktap_end
