#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 140
# kernels: uml
#
# What a connection's configuration says of its tunnel is what the kernel has: interface, routes, outer packets, replay window, limits,
# several children of which one has a protocol and a port, the peer's IKE port, a certificate that is a credential. branch is reached through
# a VRF, with a mark of its own, and so is its IKE. The module comes after the daemon; a socket that it does not take, a kernel that does not
# forward and packets that are forged are told of.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh
. tests/lib/marks.sh

# hq has everything, branch what must be the same at both ends
conf() {
	gate_dir hq
	gate_conf hq <<-END
		gateway:
		  listen: [198.51.100.2]
		  state_dir: $gate_root/hq/state
		  lease_seconds: 30
		policies:
		  short: {ipsec: {encryption: [AES_GCM_16-256], esn: true, lifetime_seconds: 700, lifetime_packets: 300, lifetime_kilobytes: 293}}
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
		    dpd_delay: 2
		    dpd_timeout: 6
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
		    remote_port: 4500
		    mode: initiator-only
		    encap: udp
		    children:
		      - {name: office, local_networks: [10.2.0.0/16], remote_networks: [10.1.0.0/16]}
		      - {name: copies, local_networks: [10.2.0.10], remote_networks: [10.1.0.10], protocol: tcp, remote_ports: 5001}
		    outbound_certificate: {certificate: "credential:gateway.pfx", passphrase_file: "credential:passphrase"}
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

# outlives PACKETS SIZE INTERVAL: so much crosses, none is lost, and it is another SA then
outlives() {
	local old
	old=$(gate_field hq branch children.0.spi_in)
	ns branch-host ping -q -c "$1" -s "$2" -i "$3" -W 3 10.1.0.10 >/run/outlives || { cat /run/outlives; return 1; }
	grep -q ' 0% packet loss' /run/outlives || { cat /run/outlives; return 1; }
	wait_for 5 eval '[ "$(gate_field hq branch children.0.spi_in)" != '"$old"' ]'
}

# What systemd makes of LoadCredential=.
credentials() {
	install -d -m 500 "$CREDENTIALS_DIRECTORY" && install -m 400 "$pki/branch.pfx" "$CREDENTIALS_DIRECTORY/gateway.pfx" &&
		printf 'not a secret\n' >"$CREDENTIALS_DIRECTORY/passphrase" && chmod 400 "$CREDENTIALS_DIRECTORY/passphrase"
}

# Somebody gives the daemon's socket to the kernel's own IPsec: pidfd_open(2) and pidfd_getfd(2), UDP_ENCAP in udp(7).
spoil_socket() {
	python3 - "$(pid_of hq main)" <<-'END'
		import ctypes, os, socket, sys
		pid = int(sys.argv[1])
		libc = ctypes.CDLL(None, use_errno=True)
		process = os.pidfd_open(pid)
		found = 0
		for fd in map(int, os.listdir("/proc/%d/fd" % pid)):
		    copy = libc.syscall(438, process, fd, 0)
		    if copy < 0:  # the daemon has closed it since it was listed
		        continue
		    try:
		        s = socket.socket(fileno=copy)
		        if s.type == socket.SOCK_DGRAM and s.getsockname() == ("198.51.100.2", 4500):
		            s.setsockopt(socket.IPPROTO_UDP, 100, 2)
		            found += 1
		    except OSError:
		        pass
		sys.exit(found != 1)
	END
}

# A packet for hq's first SA, further on than any before, that was made with another key.
forge() {
	ns branch python3 - "$(gate_field hq branch children.0.spi_in)" <<-'END'
		import os, socket, struct, sys
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"red")
		s.sendto(struct.pack("!II", int(sys.argv[1], 16), 100000) + os.urandom(120), ("198.51.100.2", 4500))
	END
}

forwarding() { # 0 or 1
	ns hq busybox sysctl -qw "net.ipv4.ip_forward=$1"
}

# Status names the setting, in words and for programs, and so does the log.
warned() {
	gate hq status branch | grep -A 1 'warning  *IPv4 forwarding is off' | grep 'to do  *sysctl -w net.ipv4.ip_forward=1' &&
		gate_is hq branch warnings.0.code forwarding-off && grep 'event=forwarding-off connection=branch' "$gate_root/hq/log"
}

# Without it the lease, of half a minute, would have ended, and all SAs with it.
renewed() {
	local left
	wait_for 60 eval '[ $((SECONDS - started)) -gt 35 ]'
	left=$(ns hq build/certgate kernel lease show --json | tr -cd 0-9) && [ "$left" -gt 0 ] || return 1
	# hq sends on the SA it had before until branch, which came anew, has sent on the new one
	ns branch-host ping -q -c 3 -i 0.2 -W 2 10.1.0.10 && ping_both && ! grep event=lease-lapsed "$gate_root/hq/log"
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

# What hq-host sends to the other side goes into the device, where no SA is.
no_other_way() {
	local before
	before=$(ip -n hq -s link show cg5 | sed -n '/TX:/{n;p}')
	ip -n hq route show table 77 | grep '^10.2.0.0/16 dev cg5 ' && ip -n hq route get 10.2.0.10 | grep 'dev cg5 ' && no_ping &&
		echo "$before" && ip -n hq -s link show cg5 | sed -n '/TX:/{n;p}' | grep -vxF -- "$before"
}

logs() {
	ktap_log "$gate_root/hq/log" "$gate_root/branch/log"
	ns hq build/certgate kernel tunnel list | sed 's/^/# /'
}

ktap_begin 33
topo_up && topo_isolate && pki_roots && pki_cert hq hq rsa2048 && pki_cert branch branch p256 || exit 1
export CREDENTIALS_DIRECTORY=/run/credentials/gateway
(cd "$pki" && mkpki_pfx branch 'not a secret') && credentials || exit 1
conf
# IKE that begins at port 500 does not get there.
ns router nft -f - <<-'END'
	table ip between {
		chain port500 { type filter hook forward priority filter; udp dport 500 drop; }
	}
END
forwarding 0
ip -n hq rule add to 10.2.0.0/16 lookup 77
in_a_vrf && count_marks hq 77 && count_marks branch 5 || exit 1
t 'without the module the daemon runs, and status says what is missing' eval 'interop_start && gate hq status | grep "module is not loaded"'
spoil_socket || exit 1
insmod "$CERTGATE_KO" || exit 1
t 'a socket that it does not take over is told of, once' eval 'wait_for 10 grep -q "the module does not take over 198.51.100.2:4500: .*event=socket-refused" "$gate_root/hq/log" && sleep 6 && [ "$(grep -c event=socket-refused "$gate_root/hq/log")" = 1 ]' || logs
gate_stop hq
wait_for 5 rmmod certgate && interop_start || exit 1
started=$SECONDS
insmod "$CERTGATE_KO" || exit 1
t 'when it comes it is used' wait_for 10 eval 'gate hq status | grep "; module .*, lease for"' || gate hq status
gate_start branch branch
t 'from port 4500 on, with a credential, the tunnel is up at both ends, with both children' eval 'gate_up branch hq && gate_up hq branch && gate_is hq branch children.1.state up' || logs
t 'that the kernel does not forward is told, with what to do' warned || { gate hq status; logs; }
forwarding 1
t 'until it does' eval '! gate hq status branch | grep forwarding && grep event=forwarding-on "$gate_root/hq/log"' || gate hq status
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
t 'the lease is as long as it is to be' eval 'left=$(ns hq build/certgate kernel lease show --json | tr -cd 0-9) && [ "$left" -gt 0 ] && [ "$left" -le 30 ]'
t 'ping crosses both ways' ping_both || logs
t 'TCP to the port of one child goes through that one' copy || logs
t 'a packet that is not authentic is told of' eval 'forge && wait_for 5 grep -q "packets for SPI $(gate_field hq branch children.0.spi_in) are not authentic.*event=esp-authentication-failed" "$gate_root/hq/log"' || logs
# The seven pings from before, 225 more are still fewer than 80 percent of the packets it may carry, and more than 90 of the bytes.
t 'more bytes than an SA carries before it is replaced cross without loss, through a new one' outlives 225 1250 0.01 || logs
t 'more packets than an SA may carry cross without loss, through new ones' outlives 600 56 0.005 || logs
t 'a VRF that goes takes the tunnel with it' eval 'ip -n branch link del red && wait_for 60 eval "! gate_is branch hq state up"' || logs
in_a_vrf
t 'and gives it back when it comes' gate_up branch hq 60 || logs
t 'the lease was renewed all the while' renewed || logs
sed -i 's/, mtu: 1300//' "$gate_root/hq/certgate.yaml"
t 'the device has the MTU of all again when its own is taken out' eval 'gate hq reload && ip -n hq link show cg5 | grep "mtu 1400 "' || { ip -n hq link show cg5; logs; }
sed -i 's/mark: 77}/mtu: auto, mark: 77}/' "$gate_root/hq/certgate.yaml"
t 'and keeps it with auto' eval 'gate hq reload && ip -n hq link show cg5 | grep "mtu 1400 " && gate_up hq branch' || { ip -n hq link show cg5; logs; }
gate_kill branch
t 'its peer is dead: the routes stay, and nothing else is used for what is meant for it' eval 'wait_for 30 eval "! gate_is hq branch state up" && no_other_way' || logs
t 'taken down, it takes its routes along' eval 'ip -n hq route show table 77 | grep -q cg5 && gate hq down branch && wait_for 5 eval "! ip -n hq route show table 77 | grep cg5"' || logs
sed -i 's/metric: 50}/metric: 50, keep: false}/' "$gate_root/hq/certgate.yaml"
gate_start branch branch
t 'those that are not kept come with the next SA' eval 'gate hq reload && gate hq up branch --wait 0 && gate_up hq branch && wait_for 5 eval "ip -n hq route show table 77 | grep cg5"' || logs
gate_kill branch
t 'and go with the last' eval 'wait_for 30 eval "! ip -n hq route show table 77 | grep cg5" && ! gate_is hq branch state up' || logs
gate_stop hq
topo_down
t 'rmmod' wait_for 10 rmmod certgate
ktap_end
