#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 140
# kernels: uml
#
# What a connection's configuration says of its tunnel is what the kernel has: interface, routes, outer packets, replay window, limits,
# several children of which one has a protocol and a port. branch is reached through a VRF, with a mark of its own, and so is its IKE. The
# module comes after the daemon.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh

# hq has everything, branch what must be the same at both ends
conf() {
	gate_dir hq
	gate_conf hq <<-END
		gateway:
		  listen: [198.51.100.2]
		  state_dir: $gate_root/hq/state
		  lease_seconds: 900
		policies:
		  short: {ipsec: {encryption: [AES_GCM_16-256], esn: true, lifetime_seconds: 700, lifetime_packets: 300, lifetime_kilobytes: 100000}}
		connections:
		  - name: branch
		    interface: {name: cg5, addresses: [169.254.21.1/30, "fd00:21::1/64"], mtu: 1300, mark: 77}
		    remote_address: 203.0.113.2
		    mode: responder-only
		    children:
		      - {name: office, local_networks: [10.1.0.0/16], remote_networks: [10.2.0.0/16]}
		      - {name: copies, local_networks: [10.1.0.10], remote_networks: [10.2.0.10], protocol: tcp, local_ports: 5001}
		    routes: {table: 77, metric: 50}
		    df: set
		    dscp_copy: true
		    replay_window: 128
		    policy: short
		    outbound_certificate: {certificate: $pki/hq.pem, key: $pki/hq.key, chain: [$pki/hq-ca.pem]}
		    inbound_certificate: {subject_name: gw.branch.example, chain: [$pki/branch-ca.pem], trust_anchors: [$pki/branch-ca.pem]}
	END
	gate_dir branch
	gate_conf branch <<-END
		gateway:
		  listen: [0.0.0.0]
		  state_dir: $gate_root/branch/state
		connections:
		  - name: hq
		    interface: {name: cg0, vrf: red, mark: 5}
		    remote_address: 198.51.100.2
		    mode: initiator-only
		    encap: udp
		    children:
		      - {name: office, local_networks: [10.2.0.0/16], remote_networks: [10.1.0.0/16]}
		      - {name: copies, local_networks: [10.2.0.10], remote_networks: [10.1.0.10], protocol: tcp, remote_ports: 5001}
		    outbound_certificate: {certificate: $pki/branch.pfx, passphrase_file: $pki/branch.pass}
		    inbound_certificate: {subject_name: "CN=gw.hq.example", chain: [$pki/hq-root.cer]}
	END
}

# kernel TABLE EXPRESSION: of x, what hq's module lists, is true
kernel() {
	ns hq build/certgate kernel "$1" list --json | python3 -c '
import json, sys
x = json.load(sys.stdin)
if not eval(sys.argv[1]):
    sys.exit(json.dumps(x, indent=1))' "$2"
}

# A line over TCP to port 5001 at hq.
copy() {
	local before
	before=$(gate_field hq branch children.1.packets_in)
	ns hq-host timeout 10 socat -u TCP-LISTEN:5001 OPEN:/run/copied,creat &
	wait_for 5 eval '[ -n "$(ns hq-host ss -Hltn sport = 5001)" ]'
	echo over there | ns branch-host socat -u - TCP:10.1.0.10:5001,connect-timeout=5 || return 1
	wait $!
	grep -qx 'over there' /run/copied && [ "$(gate_field hq branch children.1.packets_in)" -gt "$before" ]
}

# Twice as many packets as the SA may carry.
outlives() {
	local old
	old=$(gate_field hq branch children.0.spi_in)
	ns branch-host ping -q -i 0.005 -c 600 -W 3 10.1.0.10 >/run/outlives || { cat /run/outlives; return 1; }
	grep -q ' 0% packet loss' /run/outlives || { cat /run/outlives; return 1; }
	[ "$(gate_field hq branch children.0.spi_in)" != "$old" ]
}

# Branch's way out is a VRF's.
in_a_vrf() {
	on branch <<-END
		link add red type vrf table 100
		link set red up
		link set wan master red
		route add default via 203.0.113.1 vrf red
	END
}

# count_marks NAMESPACE MARK: from now on what IKE sends is counted, with this mark and without
count_marks() {
	ns "$1" nft -f - <<-END
		table inet marks {
			counter right {}
			counter wrong {}
			chain out {
				type filter hook output priority filter
				udp sport { 500, 4500 } meta mark $2 counter name right return
				udp sport { 500, 4500 } counter name wrong
			}
		}
	END
}

# marks_are_right NAMESPACE: packets were counted, all with the mark
marks_are_right() {
	ns "$1" nft list counters
	ns "$1" nft list counter inet marks right | grep -q 'packets [1-9]' && ns "$1" nft list counter inet marks wrong | grep -q 'packets 0 '
}

logs() {
	ktap_log "$gate_root/hq/log" "$gate_root/branch/log"
	ns hq build/certgate kernel tunnel list | sed 's/^/# /'
}

ktap_begin 21
topo_up && topo_isolate && pki_roots && pki_cert hq hq rsa2048 && pki_cert branch branch p256 || exit 1
echo 'not a secret' >"$pki/branch.pass"
(chmod 600 "$pki/branch.pass" && cd "$pki" && mkpki_pfx branch 'not a secret') || exit 1
conf
ip -n hq rule add to 10.2.0.0/16 lookup 77
in_a_vrf && count_marks hq 77 && count_marks branch 5 || exit 1
t 'without the module the daemon runs, and status says what is missing' eval 'interop_start && gate hq status | grep "module is not loaded"'
insmod "$CERTGATE_KO" || exit 1
t 'when it comes it is used' wait_for 10 eval 'gate hq status | grep "; module .*, lease for"' || gate hq status
gate_start branch branch
t 'the tunnel is up at both ends, with both children' eval 'gate_up branch hq && gate_up hq branch && gate_is hq branch children.1.state up' || logs
t 'the initiator in a VRF got there through it: nothing else leads there' eval '! ns branch ping -c 1 -W 1 198.51.100.2 && ns branch ss -Hulpn | grep -q "%red:4500"'
t 'all that its IKE sends has its mark' marks_are_right branch
t "and what the responder's sends has that one's" marks_are_right hq
t 'the device has its MTU' eval 'ip -n hq link show cg5 | grep -q "mtu 1300 "'
t 'and its addresses' eval 'ip -n hq addr show cg5 | grep -q "inet 169.254.21.1/30" && ip -n hq addr show cg5 | grep -q "inet6 fd00:21::1/64"'
t 'the route is in its table, with its metric' eval 'ip -n hq route show table 77 | grep "^10.2.0.0/16 dev cg5 .*metric 50"'
t 'and not in the main one' eval '! ip -n hq route | grep cg5 | grep -F 10.2.'
t 'outer packets get the mark, DF and DSCP' kernel tunnel 'len(x) == 2 and all((t["mark"], t["df"], t["dscp_copy"]) == (77, "set", True) for t in x)'
t 'a child has its protocol and port' kernel tunnel '[t for t in x if "5001" in str(t["local_ts"]) and "5001" not in str(t["remote_ts"])]'
t 'inbound SAs have the replay window, and all have ESN' kernel sa 'len(x) == 4 and all(s["esn"] and s["replay_window"] == (128 if s["dir"] == "in" else 0) for s in x)'
t 'the chain ends at the anchor that is no root' gate_is hq branch chain.1.subject 'CN=Branch Issuing CA,O=Branch' || gate hq status
t 'the lease is as long as it is to be' eval 'left=$(ns hq build/certgate kernel lease show --json | tr -cd 0-9) && [ "$left" -gt 600 ] && [ "$left" -le 900 ]'
t 'ping crosses both ways' ping_both || logs
t 'TCP to the port of one child goes through that one' copy || logs
t 'more packets than an SA may carry cross, without loss, through new ones' outlives || logs
t 'a VRF that goes takes the tunnel with it' eval 'ip -n branch link del red && wait_for 60 eval "! gate_is branch hq state up"' || logs
in_a_vrf
t 'and gives it back when it comes' gate_up branch hq 60 || logs
gate_stop branch
gate_stop hq
topo_down
t 'rmmod' wait_for 10 rmmod certgate
ktap_end
