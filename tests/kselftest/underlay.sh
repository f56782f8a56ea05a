#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Where outer packets are routed: by the tunnel's mark, its VRF, in the namespace the device was made in although it has moved,
# never back into the device; several tunnels on a device and several devices.
#
# timeout: 120
# kernels: uml-debug 6.1 (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

reaches() {
	reach 4 >/dev/null && reach 6 >/dev/null
}

# Without a way for unmarked packets only the mark finds one.
marked() {
	ip -n g1 rule add fwmark 77 lookup 700
	ip -n g1 route add "${wan4[2]}/32" via 192.0.2.1 table 700
	ip -n g1 route add unreachable "${wan4[2]}/32"
	! "$enter" c1 ping -q -n -c 2 -i 0.02 -W 0.3 10.2.0.2 >/dev/null || return 1
	[ "$(drops 1 route)" -ge 2 ] || { cgk 1 sa list; return 1; }
	cgk 1 tunnel set "$tunnel1" --mark 77 && reaches
}

# scrubbed: g2 marks each outer packet as it comes; what is in it has no mark when it leaves the device
scrubbed() {
	ns g2 nft -f - <<-END
		table ip m {
			counter marked {}
			counter every {}
			chain in { type filter hook prerouting priority mangle; iifname wan meta mark set 77; }
			chain through { type filter hook forward priority filter; iifname cg0 meta mark 77 counter name marked; iifname cg0 counter name every; }
		}
	END
	reach 4 >/dev/null
	ns g2 nft list counters | tr -d '\n' >/tmp/scrubbed
	ns g2 nft delete table ip m
	grep -q 'marked {[^}]*packets 0 ' /tmp/scrubbed && grep -q 'every {[^}]*packets 3 ' /tmp/scrubbed || { cat /tmp/scrubbed; return 1; }
}

unmarked() {
	ip -n g1 rule del fwmark 77 lookup 700
	ip -n g1 route del unreachable "${wan4[2]}/32"
	ip -n g1 route flush table 700
	cgk 1 tunnel set "$tunnel1" --mark 0 && reaches
}

# loops: the route to the peer leads into the tunnel
loops() {
	local before
	before=$(drops 1 route)
	ip -n g1 route add "${wan4[2]}/32" dev cg0
	! "$enter" c1 ping -q -n -c 3 -i 0.02 -W 0.3 10.2.0.2 >/dev/null || return 1
	ip -n g1 route del "${wan4[2]}/32" dev cg0
	[ "$(drops 1 route)" = $((before + 3)) ] && reaches
}

# in_each_other: two tunnels whose peers are each reached through the other
in_each_other() {
	local one two
	ip -n g1 link add cga type certgate && ip -n g1 link add cgb type certgate &&
		ip -n g1 link set cga up && ip -n g1 link set cgb up || return 1
	one=$(cgk 1 tunnel add --dev cga --local 192.0.2.2 --remote 10.66.0.1 --encap none --local-ts 0.0.0.0/0 --remote-ts 0.0.0.0/0) &&
		two=$(cgk 1 tunnel add --dev cgb --local 192.0.2.2 --remote 10.55.0.1 --encap none --local-ts 0.0.0.0/0 --remote-ts 0.0.0.0/0) ||
		return 1
	ip -n g1 route add 10.55.0.0/16 dev cga
	ip -n g1 route add 10.66.0.0/16 dev cgb
	sa_add 1 aes-gcm-256 loop1 --dir out --spi 0x6001 --tunnel "$one" --cert "${certs[1]}" --encr aes-gcm-256 >/dev/null &&
		sa_add 1 aes-gcm-256 loop2 --dir out --spi 0x6002 --tunnel "$two" --cert "${certs[1]}" --encr aes-gcm-256 >/dev/null ||
		return 1
	ns g1 ping -q -n -c 3 -i 0.02 -W 0.1 10.55.0.9 >/dev/null
	[ "$(field 1 "sum(d['drops'].get('route', 0) for d in x)" device list)" -ge 3 ] || { cgk 1 device list; return 1; }
	ip -n g1 link del cga && ip -n g1 link del cgb && reaches
}

# in_a_vrf: the outer network is in a VRF, of which the main table knows nothing
in_a_vrf() {
	local g
	for g in 1 2; do
		ip -n g$g link add red type vrf table 42 && ip -n g$g link set red up && ip -n g$g link set wan master red || return 1
		# the addresses of IPv6 go with the move
		ip -n g$g -6 addr add "${wan6[g]}/64" dev wan nodad 2>/dev/null
	done
	ip -n g1 route add default via 192.0.2.1 vrf red
	ip -n g2 route add default via 198.51.100.1 vrf red
	ip -n g1 -6 route add default via 2001:db8:1::1 vrf red
	ip -n g2 -6 route add default via 2001:db8:2::1 vrf red
	for g in 1 2; do
		ns g$g sysctl -qw net.ipv4.udp_l3mdev_accept=1
	done
	any=yes tunnel_up --underlay red && reaches
}

# nobodys: ESP for nobody comes to g1 through the VRF, raw or in UDP: told with the VRF, or the socket
nobodys() {
	local want
	if [ $encap = udp ]; then
		want="\"socket\": *$(field 1 "x[0]['id']" socket list)[,}]"
	else
		want="\"ifindex\": *$(ip -n g1 -o link show red | cut -d: -f1)[,}]"
	fi
	listen 1
	"$enter" r python3 -c 'import socket, sys
to, encap = sys.argv[1:]
family = socket.AF_INET6 if ":" in to else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM) if encap == "udp" else socket.socket(family, socket.SOCK_RAW, 50)
s.sendto(bytes.fromhex("0badbad000000001") + bytes(64), (to, 4500 if encap == "udp" else 0))' "${vrf_to[$outer]}" $encap
	wait_until 5 heard_of_it
	listen_off
	grep unknown-spi /tmp/events | grep 0badbad0 | grep -q "$want" || { cat /tmp/events; return 1; }
}

heard_of_it() {
	[ "$(told event unknown-spi)" -gt 0 ]
}

out_of_the_vrf() {
	local g
	tunnel_down
	for g in 1 2; do
		ip -n g$g link set wan nomaster && ip -n g$g link del red
		ip -n g$g -6 addr add "${wan6[g]}/64" dev wan nodad 2>/dev/null
	done
	ip -n g1 route replace default via 192.0.2.1
	ip -n g2 route replace default via 198.51.100.1
	ip -n g1 -6 route replace default via 2001:db8:1::1
	ip -n g2 -6 route replace default via 2001:db8:2::1
}

# moved: the device alone in the hosts' namespace, its outer packets still from g1's
moved() {
	ip -n g1 link set cg0 netns c1 && ip -n c1 link set cg0 up &&
		ip -n c1 route replace 10.2.0.0/24 dev cg0 src 10.1.0.2 &&
		ip -n c1 -6 route replace fd02::/64 dev cg0 src fd01::2 &&
		reaches && [ "$(ip -n c1 -s -j link show cg0 | python3 -c 'import json, sys
print(json.load(sys.stdin)[0]["stats64"]["rx"]["packets"] > 5)')" = True ]
}

# by_selectors: a device with 60 tunnels, of which one leads to g2
by_selectors() {
	local n g
	for g in 1 2; do
		device_up $g && certs[g]=$(cert_add $g) || return 1
	done
	encap=none tunnel1=$(encap=none tunnel_add 1) && tunnel2=$(encap=none tunnel_add 2) || return 1
	for n in {1..60}; do
		ask 1 - - tunnel add --dev cg0 --local "${wan4[1]}" --remote "203.0.113.$n" --encap none --local-ts 10.1.0.0/24 \
			--remote-ts "10.77.$n.0/24" >/dev/null || return 1
	done
	sa_pair "$tunnel1" "$tunnel2" && reach 4 >/dev/null || return 1
	listen 1
	ip -n g1 route add 10.77.0.0/16 dev cg0
	"$enter" c1 ping -q -n -c 1 -W 0.2 10.77.43.1 >/dev/null
	"$enter" c1 ping -q -n -c 1 -W 0.2 10.77.61.1 >/dev/null
	listen_off
	[ "$(told event acquire tunnel)" -ge 1 ] || [ "$(grep -c acquire /tmp/events)" = 2 ] || { cat /tmp/events; return 1; }
	[ "$(field 1 "[t['drops'].get('no-sa', 0) for t in x if t['remote'] == '203.0.113.43'][0]" tunnel list)" = 1 ]
}

vrf_to=([4]=${wan4[1]} [6]=${wan6[1]})
ktap_begin 23
world_up
for encap in udp none; do
	t "a tunnel is up, $encap" tunnel_up
	t "the mark of outer packets chooses their route, $encap" marked
	t "and without it they go as others, $encap" unmarked
	t "a mark that one got on its way stays with it, $encap" scrubbed
	t "a route back into the device is no route, $encap" loops
	t "the device moves to another namespace, its outer packets do not, $encap" moved
	tunnel_down
	ip -n c1 link del cg0 2>/dev/null
	ip -n c1 route del 10.2.0.0/24 2>/dev/null
	ip -n c1 -6 route del fd02::/64 2>/dev/null
done
encap=udp
tunnel_up
t 'tunnels through each other end' in_each_other
tunnel_down
for encap in udp none; do
	for outer in 4 6; do
		t "the outer network is a VRF, $encap over IPv$outer" in_a_vrf
		t "and ESP for nobody is told of with it, or with its socket, $encap over IPv$outer" nobodys
		out_of_the_vrf
	done
done
outer=4
t 'one of sixty tunnels of a device is chosen by selectors' by_selectors
tunnel_down
t 'the module can go' eval 'world_down; sleep 1; rmmod certgate'
ktap_end
