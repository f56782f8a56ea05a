#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Path MTU discovery through the tunnel, both ways: inner senders are told what fits, packets that may be fragmented are, and
# ICMP errors of the outer network lower the tunnel's MTU, within bounds.
#
# timeout: 200
# kernels: uml-debug 6.1 (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# fits OUTER: the largest inner packet for an outer MTU (IP, UDP if any, ESP header and IV, padding to 4, trailer, ICV)
fits() {
	local room=$(($1 - (outer == 4 ? 20 : 40) - (${#encap} == 3 ? 8 : 0) - 8 - 8 - 16))
	echo $((room / 4 * 4 - 2))
}

# fits_inside FAMILY OUTER: the same, but IPv6 always carries 1280 (RFC 8200 section 5)
fits_inside() {
	local mtu
	mtu=$(fits "$2")
	[ "$1" = 4 ] || [ "$mtu" -ge 1280 ] || mtu=1280
	echo "$mtu"
}

# headers FAMILY: of an echo request
headers() {
	[ "$1" = 4 ] && echo 28 || echo 48
}

# ping_df FAMILY SIZE [OPTION...]: an echo request of SIZE bytes in all that must not be fragmented, from c1
ping_df() {
	local to=10.2.0.2 family=$1 size=$2
	shift 2
	[ "$family" = 4 ] || to=fd02::2
	"$enter" c1 ping -n -M do -c 1 -W 1 -s $((size - $(headers "$family"))) "$@" "$to"
}

forget_routes() {
	local n
	for n in c1 g1 g2 c2; do
		ip -n $n route flush cache
		ip -n $n -6 route flush cache
	done
}

# told FAMILY SIZE MTU: a packet of SIZE gets an ICMP error with MTU
told() {
	# whoever learns of it: the sender, and the gateway's route to the other site
	ip -n c1 "-$1" route flush cache
	ip -n g1 "-$1" route flush cache
	ping_df "$1" "$2" >/tmp/ping.out 2>&1
	grep -Eq "mtu ?= ?$3\b" /tmp/ping.out || { cat /tmp/ping.out; return 1; }
}

# exact FAMILY: the largest that fits passes, one byte more is told what fits, and counted
exact() {
	local mtu before
	mtu=$(fits_inside "$1" "$path")
	forget_routes
	ping_df "$1" "$mtu" >/dev/null || { echo "$mtu bytes do not pass"; return 1; }
	before=$(drops 1 mtu)
	told "$1" $((mtu + 1)) "$mtu" && told "$1" 1500 "$mtu" && [ "$(drops 1 mtu)" = $((before + 2)) ]
}

pmtu_is() {
	local got
	got=$(field 1 "x[0]['pmtu']" tunnel list)
	[ "$got" = "$1" ] || { echo "the tunnel's MTU is $got, not $1"; return 1; }
}

becomes() {
	wait_until 5 pmtu_is "$1" >/dev/null || pmtu_is "$1"
}

reassembled() {
	ns "$1" awk '/^Ip:/ && $2 ~ /[0-9]/ { a = $15 } /^Ip6ReasmReqds/ { b = $2 } END { print a + b }' /proc/net/snmp /proc/net/snmp6
}

# pieces FAMILY: a packet that may be fragmented arrives, whole, in fragments that the inner hosts make or we make for them: the
# outer packets are not fragments
pieces() {
	local before
	forget_routes
	before=$(reassembled g2)
	"$enter" c1 ping -n -q -M dont -c 3 -i 0.01 -W 1 -s 1472 10.2.0.2 >/dev/null || return 1
	"$enter" c1 ping -n -q -M dont -c 3 -i 0.01 -W 1 -s 4000 10.2.0.2 >/dev/null || return 1
	[ "$(reassembled g2)" = "$before" ]
}

# The outer network may fragment: then even 1500 bytes with DF pass, as outer fragments.
df_clear() {
	local before
	forget_routes
	cgk 1 tunnel set "$tunnel1" --df clear && cgk 2 tunnel set "$tunnel2" --df clear || return 1
	before=$(reassembled g2)
	ping_df 4 1500 >/dev/null && ping_df 6 1500 >/dev/null || return 1
	[ "$(reassembled g2)" -ge $((before + 4)) ]
}

df_back() {
	cgk 1 tunnel set "$tunnel1" --df copy && cgk 2 tunnel set "$tunnel2" --df copy
}

# narrow MTU: the router's link to g2 carries no more
narrow() {
	path=$1
	ip -n r link set w2 mtu "$1" && ip -n g2 link set wan mtu "$1"
}

# learns: the first packet is lost on the way, the router says why, and the next is told what fits
learns() {
	forget_routes
	ping_df "$1" "$(field 1 "x[0]['pmtu']" tunnel list)" >/dev/null 2>&1
	becomes "$(fits "$path")" || return 1
	exact "$1"
}

tcp_passes() {
	forget_routes
	bulk c1 tcp-send 10.2.0.2 5001 1 >/dev/null && bulk c1 tcp-send fd02::2 5001 1 >/dev/null
}

# An error that names an SPI we do not send with, or none, is not about our packets, and none takes the MTU below 576 or 1280. For UDP
# the core believes every error, down to net.ipv4.route.min_pmtu (552): we cannot send more than its route lets us.
forged() {
	local floor=576 believed=1500 mac
	[ "$encap" = none ] || { floor=552 believed=1400; }
	[ "$outer" = 4 ] || floor=1280
	# UDP over IPv6 of 6.1 does not, once the module has said that the error is not about its packets
	[ "$CERTGATE_KERNEL $encap $outer" != '6.1 udp 6' ] || believed=1500
	rm -f /tmp/sent
	probe_start record r record w2 /tmp/sent 10 1 && reach 4 >/dev/null && wait_until 5 test -s /tmp/sent || return 1
	# recorded on its way out of the router: its sender is the router there, the gateway's address is on w1
	set_mac mac g1 wan
	probe r too-big w1 /tmp/sent 1400 "to=$mac" spi=00abcdef && sleep 0.3 && becomes "$(fits "$believed")" || return 1
	# none at all: in UDP that is an IKE message, whose error the core has for itself
	[ "$encap" = none ] || believed=1400
	probe r too-big w1 /tmp/sent 1400 "to=$mac" spi=00000000 && sleep 0.3 && becomes "$(fits "$believed")" || return 1
	probe r too-big w1 /tmp/sent 68 "to=$mac" && becomes "$(fits "$floor")"
}

# a path of 1280 bytes and IPv6 inside, which must carry 1280: the outer packet is fragmented (RFC 2473 section 7.1)
smallest_ipv6() {
	forget_routes
	ping_df 6 1280 >/dev/null || ping_df 6 1280 >/dev/null || ping_df 6 1280
}

ktap_begin $((13 * ${#kinds[@]}))
world_up
probe_program=bulk probe_start tcp.c2 c2 tcp-serve 5001
for kind in "${kinds[@]}"; do
	encap=${kind% *} outer=${kind#* }
	kind="encapsulation $encap over IPv$outer"
	path=1500
	forget_routes
	t "a tunnel is up on devices with 1500 bytes, $kind" eval 'tunnel_up && ip -n g1 link set cg0 mtu 1500 && ip -n g2 link set cg0 mtu 1500' ||
		exit 1
	t "its MTU is what fits 1500 bytes, $kind" pmtu_is "$(fits 1500)"
	t "IPv4 senders are told what fits, to the byte, $kind" exact 4
	t "IPv6 senders are told what fits, to the byte, $kind" exact 6
	t "IPv4 packets that may be fragmented are, before they are sealed, $kind" pieces
	t "with DF clear the outer packets are fragmented, $kind" df_clear
	t "and not any more when it is copied again, $kind" eval 'df_back && exact 4'
	narrow 1350
	t "the outer network's errors lower the MTU, $kind" learns 4
	t "IPv6 senders are told so, too, $kind" exact 6
	t "TCP passes, $kind" tcp_passes
	narrow 1280
	t "a path of 1280 bytes, $kind" learns 4
	t "still carries 1280 bytes of IPv6, $kind" smallest_ipv6
	narrow 1500
	tunnel_down
	tunnel_up && ip -n g1 link set cg0 mtu 1500
	forget_routes
	t "forged errors are not believed, or within bounds, $kind" forged
	tunnel_down
done
world_down
ktap_end
