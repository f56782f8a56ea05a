# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Two sites, their gateways, and an untrusted router between them, as network
# namespaces of the VM we are in. Sourced by the demo and the interoperability
# tests. Nothing here knows of IPsec.
#
#   hq-host ── hq ── router ── branch ── branch-host
#   10.1.0.10  .1  198.51.100.2|.1   203.0.113.1|.2   10.2.0.1  10.2.0.10
#   fd00:1::10    2001:db8:1::2|::1  2001:db8:2::1|::2          fd00:2::10
#
# The router knows routes to both sites, so that what is not encrypted is seen on it.

topo_namespaces='hq-host hq router branch branch-host'

# ns NAME COMMAND...: runs it in that namespace
ns() {
	"$enter" "$@"
}

# topo_link NS1 DEV1 ADDR4 ADDR6 NS2 DEV2 ADDR4 ADDR6
topo_link() {
	ip link add name "$2" netns "$1" type veth peer name "$6" netns "$5"
	ip -n "$1" addr add "$3" dev "$2"
	ip -n "$1" addr add "$4" dev "$2" nodad
	ip -n "$5" addr add "$7" dev "$6"
	ip -n "$5" addr add "$8" dev "$6" nodad
	ip -n "$1" link set "$2" up
	ip -n "$5" link set "$6" up
}

topo_up() {
	local name
	for name in $topo_namespaces; do
		ip netns add "$name"
		ip -n "$name" link set lo up
		ns "$name" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
			net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
	done
	topo_link hq-host lan 10.1.0.10/24 fd00:1::10/64 hq lan 10.1.0.1/24 fd00:1::1/64
	topo_link hq wan 198.51.100.2/24 2001:db8:1::2/64 router hq 198.51.100.1/24 2001:db8:1::1/64
	topo_link router branch 203.0.113.1/24 2001:db8:2::1/64 branch wan 203.0.113.2/24 2001:db8:2::2/64
	topo_link branch lan 10.2.0.1/24 fd00:2::1/64 branch-host lan 10.2.0.10/24 fd00:2::10/64
	ip -n hq-host route add default via 10.1.0.1
	ip -n hq-host -6 route add default via fd00:1::1
	ip -n hq route add default via 198.51.100.1
	ip -n hq -6 route add default via 2001:db8:1::1
	ip -n branch route add default via 203.0.113.1
	ip -n branch -6 route add default via 2001:db8:2::1
	ip -n branch-host route add default via 10.2.0.1
	ip -n branch-host -6 route add default via fd00:2::1
	ip -n router route add 10.1.0.0/16 via 198.51.100.2
	ip -n router route add 10.2.0.0/16 via 203.0.113.2
	ip -n router -6 route add fd00:1::/64 via 2001:db8:1::2
	ip -n router -6 route add fd00:2::/64 via 2001:db8:2::2
}

# The router forgets the sites: what is not in a tunnel does not cross.
topo_isolate() {
	ip -n router route del 10.1.0.0/16
	ip -n router route del 10.2.0.0/16
	ip -n router -6 route del fd00:1::/64
	ip -n router -6 route del fd00:2::/64
}

topo_down() {
	local name
	for name in $topo_namespaces; do
		ip netns del "$name" 2>/dev/null
	done
}

# wait_for SECONDS COMMAND...: until it succeeds; fails when time is up
wait_for() {
	local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@"; do
		[ "${EPOCHREALTIME/./}" -lt "$deadline" ] || return 1
		sleep 0.1
	done
}
