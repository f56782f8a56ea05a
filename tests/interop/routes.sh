#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# kernels: uml
#
# Routes that are wanted twice: by an administrator and a connection, by two connections on two interfaces or on one; routes that others
# remove; what a process that was killed left of a configuration that was edited since; addresses that two connections of an interface have, and
# that have routes of their own.
# No peer is there: with start: on-traffic the routes come with the configuration.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh

# connection NAME INTERFACE LOCAL REMOTE [LINE...]
connection() {
	printf '  - name: %s\n    interface: %s\n    local_networks: [%s]\n    remote_networks: [%s]\n' "$1" "$2" "$3" "$4"
	printf '    %s\n' 'remote_address: 203.0.113.2' 'mode: initiator-only' 'start: on-traffic' \
		"outbound_certificate: {certificate: $pki/hq.pem, key: $pki/hq.key, chain: [$pki/hq-ca.pem]}" \
		"inbound_certificate: {subject_name: gw.branch.example, chain: [$pki/branch-root.cer]}" "${@:5}"
}

head_of() {
	printf 'gateway:\n  listen: [198.51.100.2]\n  state_dir: %s/hq/state\nconnections:\n' "$gate_root"
}

# north and south lead to the same networks through devices of their own, east and west to one through one device
conf() {
	{
		head_of
		connection north cg7 '10.1.0.0/16, fd00:1::/64' '10.3.0.0/16, 10.5.0.0/16, fd00:3::/64, fd00:5::/64' 'routes: {metric: 50}'
		connection south cg8 '10.1.0.0/16, fd00:1::/64' '10.3.0.0/16, 10.5.0.0/16, fd00:3::/64, fd00:5::/64' 'routes: {metric: 50}'
		connection east "{name: cg9, addresses: [169.254.22.1/30, 169.254.23.1/30]}" 10.1.1.0/24 10.4.0.0/16
		connection west "{name: cg9, addresses: [169.254.22.1/30, 169.254.24.1/30]}" 10.1.2.0/24 '10.4.0.0/16, 10.6.0.0/16'
		connection near "{name: cg6, addresses: [10.99.0.1/24]}" 10.1.3.0/24 10.99.0.0/24
	} | gate_conf hq
}

# leads PREFIX WHERE...: there is a single route to it, which has these words
leads() {
	local family=-4 found word
	[[ $1 != *:* ]] || family=-6
	found=$(ip -n hq "$family" route show "$1")
	[ "$(wc -l <<<"$found")" = 1 ] || { echo "$found"; return 1; }
	for word in "${@:2}"; do
		[[ " $found " == *" $word "* ]] || { echo "$found"; return 1; }
	done
}

# none PREFIX
none() {
	! ip -n hq route show "$1" | grep .
}

told() { # EVENT CONNECTION
	grep "event=$1 connection=$2" "$gate_root/hq/log"
}

has_address() {
	ip -n hq addr show cg9 | grep -F "inet $1 "
}

monitor_hears() {
	ip -n hq route add 192.0.2.9/32 dev lan && ip -n hq route del 192.0.2.9/32 dev lan
	grep -q '^Deleted 192.0.2.9 ' /run/passed
}

# passed_whole PREFIX: the new one was there before the old one went
passed_whole() {
	sed -n "\|^$1 dev cg8 |s/.*/new/p; \|^Deleted $1 dev cg7 |s/.*/old/p" /run/passed | tr -d '\n' | grep -x newold
}

logs() {
	ktap_log "$gate_root/hq/log"
	ip -n hq route show | sed 's/^/# /'
	ip -n hq -6 route show | sed 's/^/# /'
}

ktap_begin 26
topo_up && pki_roots && pki_cert hq hq rsa2048 && pki_cert branch branch p256 && insmod "$CERTGATE_KO" || exit 1
gate_dir hq
conf
on hq <<-END
	route add 10.5.0.0/16 via 198.51.100.1 metric 50 proto static
	route add fd00:5::/64 via 2001:db8:1::1 metric 50 proto static
END
t 'two connections that want one route on two interfaces are warned of, by name and line' eval 'gate_start hq hq && gate hq check "$gate_root/hq/certgate.yaml" 2>&1 | grep "connections.south.*north.*certgate.yaml:5) wants the route to 10.3.0.0/16"' || logs
t "an administrator's route stays" eval 'leads 10.5.0.0/16 via 198.51.100.1 && leads fd00:5::/64 via 2001:db8:1::1' || logs
t 'which is told, with what to do' eval 'told route-taken north && gate hq status north | grep -A 1 "no route to 10.5.0.0/16" | grep "to do .*routes.metric"' || logs
t 'and for programs' gate_is hq north warnings.0.code route-taken || logs
t 'the first of two connections has its routes' eval 'leads 10.3.0.0/16 dev cg7 && leads fd00:3::/64 dev cg7' || logs
t 'the second one is told of' eval 'told route-taken south | grep "10.3.0.0/16.*north"' || logs
ns hq ip monitor route >/run/passed &
monitor=$!
# It hears of what comes after it has begun to listen.
wait_for 10 monitor_hears || echo "# ip monitor hears nothing"
t 'when the first goes, they are those of the second' eval 'gate hq down north && leads 10.3.0.0/16 dev cg8 && leads fd00:3::/64 dev cg8' || logs
t 'and there was no moment without' eval 'wait_for 5 passed_whole 10.3.0.0/16 && passed_whole fd00:3::/64' || { ktap_log /run/passed; logs; }
kill $monitor
t 'it comes back, and waits' eval 'gate hq up north --wait 0; leads 10.3.0.0/16 dev cg8 && gate hq down north && leads 10.3.0.0/16 dev cg8' || logs
t "a connection that is taken down leaves the administrator's route" eval 'leads 10.5.0.0/16 via 198.51.100.1 && leads fd00:5::/64 via 2001:db8:1::1' || logs
ip -n hq route del 10.5.0.0/16
ip -n hq -6 route del fd00:5::/64
t 'when that goes the connection has its own' eval 'wait_for 15 leads 10.5.0.0/16 dev cg8 && wait_for 15 leads fd00:5::/64 dev cg8' || logs
t 'which is told, and nothing is lacking' eval 'told route-restored south | grep -F 10.5.0.0/16 && gate_is hq south warnings "[]"' || logs
t 'two connections on one interface share a route, and nothing is told' eval 'leads 10.4.0.0/16 dev cg9 && ! told route-taken "[ew][ae]st"' || logs
t 'which stays when one goes' eval 'gate hq down east && leads 10.4.0.0/16 dev cg9' || logs
t 'and goes with the last' eval 'gate hq down west && none 10.4.0.0/16' || logs
gate hq up east --wait 0
gate hq up west --wait 0
t 'routes that a device lost come back' eval 'ip -n hq link set cg8 down && none 10.3.0.0/16 && ip -n hq link set cg8 up && wait_for 15 leads 10.3.0.0/16 dev cg8 && wait_for 15 leads fd00:3::/64 dev cg8' || logs
t 'and those that somebody deleted' eval 'ip -n hq route del 10.3.0.0/16 && wait_for 15 leads 10.3.0.0/16 dev cg8' || logs
sed -i 's/169.254.22.1\/30, 169.254.24/169.254.24/' "$gate_root/hq/certgate.yaml"
t 'an address that one connection of two has no more stays' eval 'gate hq reload && has_address 169.254.22.1/30 && has_address 169.254.24.1/30' || { ip -n hq addr show cg9; logs; }
conf
sed -i 's/169.254.22.1\/30, 169.254.2/169.254.2/' "$gate_root/hq/certgate.yaml"
t 'one that neither has is gone' eval 'gate hq reload && ! has_address 169.254.22.1/30 && has_address 169.254.23.1/30' || { ip -n hq addr show cg9; logs; }
conf
t "where an address has a route of its own there is one for the day it goes" eval 'gate hq reload && ip -n hq route show 10.99.0.0/24 proto kernel | grep cg6 && ip -n hq route show 10.99.0.0/24 proto 199 | grep cg6 && gate_is hq near warnings "[]"' || logs
sed -i 's,10.99.0.1/24,10.99.0.1/32,' "$gate_root/hq/certgate.yaml"
ns hq ip monitor route >/run/passed &
monitor=$!
wait_for 10 monitor_hears || echo "# ip monitor hears nothing"
t 'which it does with a reload, and there is no moment without' eval 'gate hq reload && leads 10.99.0.0/24 dev cg6 && wait_for 5 grep "^Deleted 10.99.0.0/24 dev cg6 proto kernel" /run/passed && ! grep "^Deleted 10.99.0.0/24 dev cg6 proto 199" /run/passed' || { ktap_log /run/passed; logs; }
kill $monitor
t 'and by hand' eval 'ip -n hq addr del 10.99.0.1/32 dev cg6 && wait_for 15 leads 10.99.0.0/24 dev cg6' || logs
gate_kill hq
conf
sed -i '/name: west/,$d' "$gate_root/hq/certgate.yaml"
t 'killed, it leaves its routes' leads 10.6.0.0/16 dev cg9 || logs
t 'the next one takes those that are configured still' eval 'gate_start hq hq && leads 10.4.0.0/16 dev cg9 && leads 10.5.0.0/16 && leads fd00:5::/64' || logs
t 'and removes that of a connection which is not, on a device that is used' none 10.6.0.0/16 || logs
gate_stop hq
topo_down
t 'rmmod' wait_for 10 rmmod certgate
ktap_end
