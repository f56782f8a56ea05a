#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# kernels: uml-debug (6.1) 6.12
#
# Two certgated: address families in any mix, a NAT between, several networks, reload, on-traffic start, a crash and a
# restart, a stop.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh
. tests/lib/certgate_pair.sh
. tests/lib/numbered.sh

ping6_both() {
	wait_for 10 ns hq-host ping -q -c 1 -W 1 fd00:2::10 && ns branch-host ping -q -c 3 -i 0.2 -W 2 fd00:1::10
}

# The NAT's address changes, and it forgets whom it gave the old one.
new_nat_address() {
	ip -n router addr add 198.51.100.9/24 dev hq
	ns router nft -f - <<-'END'
		flush ruleset
		table ip nat {
			chain out {
				type nat hook postrouting priority srcnat;
				oifname "hq" ip saddr 203.0.113.2 snat to 198.51.100.9
			}
		}
	END
	conntrack_flush router
}

hq_sees() { # ADDRESS: as the peer's, for ESP
	ns hq build/certgate kernel tunnel list --json | grep -q "\"remote\": \"$1:" && [[ $(gate_field hq branch remote_address) == "$1"* ]]
}

empty() { # GATEWAY TABLE
	[ "$(ns "$1" build/certgate kernel "$2" list --json)" = "[]" ]
}

spis() { # GATEWAY: the inbound SPIs in the kernel
	ns "$1" build/certgate kernel sa list --json | python3 -c '
import json, sys
print(*sorted(s["spi"] for s in json.load(sys.stdin) if s["dir"] == "in"))'
}

made_anew() { # other SAs than before, of an IKE SA that there is
	[ -n "$old" ] && [ -n "$(spis branch)" ] && [[ " $(spis branch) " != *" ${old%% *} "* ]] && gate_is branch hq state up
}

count_sas() { # GATEWAY N
	[ "$(ns "$1" build/certgate kernel sa list --json | python3 -c 'import json,sys; print(len(json.load(sys.stdin)))')" = "$2" ]
}

# branch is started, and its tunnel takes the place of the one with the SPIs of before
replaced() {
	start_branch && up_both && wait_for 15 count_sas branch 2 && [ "$(spis branch)" != "$old" ]
}

if emulated; then ktap_begin 34; else ktap_begin 36; fi
insmod "$CERTGATE_KO" || exit 1
topo_up && topo_isolate && pki_roots || exit 1
pki_cert hq hq rsa2048 && pki_cert branch branch p256 || exit 1

LOCAL_NET='10.1.0.0/16, fd00:1::/64' REMOTE_NET='10.2.0.0/16, fd00:2::/64' interop_hq hq
B_LOCAL_NET='10.2.0.0/16, fd00:2::/64' B_REMOTE_NET='10.1.0.0/16, fd00:1::/64' interop_branch
interop_start && start_branch
t 'IPv4 in IPv4: the tunnel is up at both ends' up_both || logs
t 'IPv4 in IPv4: ping crosses both ways' ping_both || logs
t 'IPv6 in IPv4: ping crosses both ways' ping6_both || logs
t 'the peer is told by subject' gate_is hq branch peer_subject CN=gw.branch.example || gate hq status
t 'a second start of the same gateway ends with one tunnel' eval 'gate_stop branch; start_branch && up_both && ping_both && wait_for 5 count_sas hq 2' || logs
stop_both
t 'after a stop there is no SA' eval 'empty hq sa && empty branch sa'
t 'and no tunnel' eval 'empty hq tunnel && empty branch tunnel'

LOCAL=2001:db8:1::2 REMOTE=2001:db8:2::2 interop_hq hq
B_LOCAL=2001:db8:2::2 B_REMOTE=2001:db8:1::2 interop_branch
interop_start && start_branch
t 'IPv4 in IPv6: the tunnel is up at both ends' up_both || logs
t 'IPv4 in IPv6: ping crosses both ways' ping_both || logs
stop_both

LOCAL=2001:db8:1::2 REMOTE=2001:db8:2::2 LOCAL_NET='fd00:1::/64, 10.1.0.0/16' REMOTE_NET='fd00:2::/64, 10.2.0.0/16' interop_hq hq 'encap: udp'
B_LOCAL=2001:db8:2::2 B_REMOTE=2001:db8:1::2 B_LOCAL_NET='fd00:2::/64, 10.2.0.0/16' B_REMOTE_NET='fd00:1::/64, 10.1.0.0/16' interop_branch 'encap: udp'
interop_start && start_branch
t 'both families in UDP over IPv6: the tunnel is up at both ends' up_both || logs
t 'IPv6 crosses' ping6_both || logs
t 'IPv4 crosses' ping_both || logs
stop_both

# NAT: the branch's address becomes the router's.
ns router nft -f - <<'END'
table ip nat {
	chain out {
		type nat hook postrouting priority srcnat;
		oifname "hq" ip saddr 203.0.113.2 masquerade
	}
}
END
REMOTE=any MODE=responder-only interop_hq hq
B_MODE=initiator-only interop_branch
interop_start && start_branch
t 'behind a NAT: the tunnel is up at both ends' up_both || logs
t 'behind a NAT: ping crosses both ways' ping_both || logs
t 'ESP is in UDP' gate_is hq branch children.0.encap udp || gate hq status
t 'and status tells of the NAT' gate_is branch hq ike.nat local || gate branch status
old=$(spis branch)
if ! emulated; then
	new_nat_address
	t 'the NAT gets another address: hq follows the peer' eval 'ns branch-host ping -q -c 3 -i 0.2 -W 2 10.1.0.10; wait_for 10 hq_sees 198.51.100.9' || { gate hq status; logs; }
	t 'and nothing was made anew' eval '[ "$(spis branch)" = "$old" ] && ping_both' || logs
fi
stop_both
ns router nft flush ruleset

# Traffic starts it.
MODE=responder-only interop_hq hq
B_START=on-traffic B_MODE=initiator-only interop_branch
interop_start && start_branch
t 'on-traffic: down until there is traffic' gate_is branch hq state down || gate branch status
t 'on-traffic: traffic brings it up' eval 'ns branch-host ping -q -c 1 -W 1 10.1.0.10; up_both && ping_both' || logs
# No traffic would: to the kernel there are SAs.
old=$(spis branch)
t 'on-traffic: ike killed, the next one makes the tunnel anew' eval 'kill -KILL "$(pid_of branch ike)" && wait_for 20 made_anew' || logs
old=$(spis branch)
t 'on-traffic: the daemon killed, the next one does so, too' eval 'gate_kill branch && start_branch && wait_for 20 made_anew' || logs

# Reload.
t 'a reload with an error is refused' eval '! { sed -i "s/mode: initiator-only/mode: sideways/" "$gate_root/branch/certgate.yaml"; gate branch reload; }'
t 'and changes nothing' ping_both || logs
interop_branch
t 'a reload without one is taken' gate branch reload || logs
t 'down and up again' eval 'gate branch down hq && no_ping && gate branch up hq && up_both && ping_both' || logs
stop_both

# A crash: every process of a gateway dies, and its tunnel goes on, though the socket that its packets come through was the daemon's.
interop_hq hq 'encap: udp'
interop_branch 'encap: udp'
interop_start && start_branch
t 'before the crash: up' eval 'up_both && ping_both' || logs
# With ESP in UDP: the module's own socket takes the port before the daemon's has left it, and serves until the next daemon's is the module's.
t 'the daemon killed: traffic goes on in UDP, and no packet is lost' no_packet_lost lasting 2 gate_kill branch || logs
old=$(spis branch)
t 'its SAs are still there' test -n "$old"
t 'restarted: the tunnel is replaced, and no packet is lost' no_packet_lost replaced || logs
t 'up at both ends' up_both || logs
t 'new SAs in place of the old ones' eval 'wait_for 15 count_sas branch 2 && [ "$(spis branch)" != "$old" ]' || logs
t 'at the peer as well' wait_for 15 count_sas hq 2 || logs
stop_both
t 'nothing is left in the kernel' eval 'empty hq sa && empty hq tunnel && empty hq cert && empty branch sa && empty branch cert'
t 'nor a device' eval '! ip -n hq link show cg0 && ! ip -n branch link show cg0'
topo_down
t 'rmmod' wait_for 10 rmmod certgate
ktap_end
