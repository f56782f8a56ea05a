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

topo_up() {
	local name
	for name in $topo_namespaces; do
		echo "netns add $name"
	done | on -
	# shellcheck disable=SC2086 # a list
	routers $topo_namespaces
	on - <<-END
		link add name lan netns hq-host type veth peer name lan netns hq
		link add name wan netns hq type veth peer name hq netns router
		link add name branch netns router type veth peer name wan netns branch
		link add name lan netns branch type veth peer name lan netns branch-host
	END
	on hq-host <<-END
		link set lo up
		addr add 10.1.0.10/24 dev lan
		addr add fd00:1::10/64 dev lan nodad
		link set lan up
		route add default via 10.1.0.1
		route add default via fd00:1::1
	END
	on hq <<-END
		link set lo up
		addr add 10.1.0.1/24 dev lan
		addr add fd00:1::1/64 dev lan nodad
		link set lan up
		addr add 198.51.100.2/24 dev wan
		addr add 2001:db8:1::2/64 dev wan nodad
		link set wan up
		route add default via 198.51.100.1
		route add default via 2001:db8:1::1
	END
	on router <<-END
		link set lo up
		addr add 198.51.100.1/24 dev hq
		addr add 2001:db8:1::1/64 dev hq nodad
		link set hq up
		addr add 203.0.113.1/24 dev branch
		addr add 2001:db8:2::1/64 dev branch nodad
		link set branch up
		route add 10.1.0.0/16 via 198.51.100.2
		route add 10.2.0.0/16 via 203.0.113.2
		route add fd00:1::/64 via 2001:db8:1::2
		route add fd00:2::/64 via 2001:db8:2::2
	END
	on branch <<-END
		link set lo up
		addr add 10.2.0.1/24 dev lan
		addr add fd00:2::1/64 dev lan nodad
		link set lan up
		addr add 203.0.113.2/24 dev wan
		addr add 2001:db8:2::2/64 dev wan nodad
		link set wan up
		route add default via 203.0.113.1
		route add default via 2001:db8:2::1
	END
	on branch-host <<-END
		link set lo up
		addr add 10.2.0.10/24 dev lan
		addr add fd00:2::10/64 dev lan nodad
		link set lan up
		route add default via 10.2.0.1
		route add default via fd00:2::1
	END
}

# The router forgets the sites: what is not in a tunnel does not cross.
topo_isolate() {
	on router <<-END
		route del 10.1.0.0/16
		route del 10.2.0.0/16
		route del fd00:1::/64
		route del fd00:2::/64
	END
}

topo_down() {
	local name
	for name in $topo_namespaces; do
		echo "netns del $name"
	done | on - 2>/dev/null
}

# wait_for SECONDS COMMAND...: until it succeeds; fails when time is up
wait_for() {
	local begin=${EPOCHREALTIME/./} now=0 limit=$(($1 * 1000000))
	shift
	until "$@"; do
		now=$((${EPOCHREALTIME/./} - begin))
		[ $now -lt $limit ] || return 1
		breathe $((now / 1000))
	done
}
