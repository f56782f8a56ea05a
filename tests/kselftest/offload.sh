#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Super-packets of senders (TCP and UDP segmentation offload), trains on the outer network, merged packets, and taps that share
# their memory: all data arrives unchanged, in order and once.
#
# timeout: 240
# kernels: uml-debug 6.1 (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# clean: what was lost, beside packets that were too big, by both gateways
clean() {
	local g
	for g in 1 2; do
		[ "$(field $g "[s['drops'] for s in x if set(s['drops']) - {'mtu'}]" sa list)" = '[]' ] || { cgk $g sa list; return 1; }
	done
}

# tcp FROM TO: 4 MiB, some 70 super-packets, between c1, c2 or the gateways
tcp() {
	bulk "$1" tcp-send "$2" 5001 "${mib:-4}" ${3:+"$3"} && clean
}

# udp ADDRESS SIZE [segment]: 2000 datagrams, all there, once, unchanged, in order
udp() {
	local got
	got=$(bulk c1 udp-send "$1" 5002 2000 "$2" ${3:+"$3"}) || { echo "$got"; return 1; }
	[ "$got" = '2000 0 0 0' ] || { echo "different, twice, changed, behind: $got"; return 1; }
	clean
}

# taps_on: what everybody has who looks for a fault
taps_on() {
	local pair n
	for pair in c1:lan g1:lan g1:cg0 g1:wan r:w1 r:w2 g2:wan g2:cg0 c2:lan; do
		n=${pair%:*}
		"$enter" "$n" tcpdump -i "${pair#*:}" -n -s 0 -w "/tmp/tap.$n.${pair#*:}" >/dev/null 2>&1 &
		taps="${taps:-} $!"
	done
	sleep 1
}

taps_off() {
	local pid
	for pid in ${taps:-}; do
		kill "$pid"
		wait "$pid"
	done 2>/dev/null
	taps=
}

# The tap on the device sees what was sent and what was received, and both are the senders' own bytes.
taps_agree() {
	python3 - /tmp/tap.g1.cg0 /tmp/tap.g2.cg0 <<'END'
import struct, sys

def sums(file):
    """UDP payload bytes to port 5002, by capture"""
    data = open(file, "rb").read()
    at, total, n = 24, 0, 0
    while at < len(data):
        kept, = struct.unpack("I", data[at + 8:at + 12])
        p = data[at + 16:at + 16 + kept]
        at += 16 + kept
        if p and p[0] >> 4 == 4 and p[9] == 17 and struct.unpack("!H", p[22:24])[0] == 5002:
            total += len(p) - 28
            n += 1
    return total, n

a, b = sums(sys.argv[1]), sums(sys.argv[2])
print("bytes, packets:", a, b)
sys.exit(a[0] < 2000 * 1000 or a[0] != b[0])
END
}

all_ways() {
	local kind=$1
	t "TCP over IPv4, $kind" tcp c1 10.2.0.2
	t "TCP over IPv6, $kind" tcp c1 fd02::2
	t "TCP the other way, $kind" tcp c2 10.1.0.2
	t "TCP from the gateway itself, $kind" tcp g1 10.2.0.2 10.1.0.1
	t "UDP, $kind" udp 10.2.0.2 1000
	t "UDP super-packets over IPv4, $kind" udp 10.2.0.2 1000 segment
	t "UDP super-packets over IPv6, $kind" udp fd02::2 1000 segment
}

ktap_begin $((1 + 3 * 7 + 2 + (${#kinds[@]} - 1) * 3 + 1))
world_up
for n in c1 c2; do
	probe_program=bulk probe_start "tcp.$n" $n tcp-serve 5001
done
probe_program=bulk probe_start udp.c2 c2 udp-serve 5002
for kind in "${kinds[@]}"; do
	encap=${kind% *} outer=${kind#* }
	t "a tunnel is up, encapsulation $encap over IPv$outer" tunnel_up || exit 1
	if [ "$kind" = "${kinds[0]}" ]; then
		all_ways "encapsulation $encap over IPv$outer"
		taps_on
		all_ways "encapsulation $encap over IPv$outer, with taps everywhere"
		taps_off
		t 'taps of both devices saw the same bytes' taps_agree
		for n in r:w1 r:w2 g1:wan g2:wan; do
			ns "${n%:*}" ethtool -K "${n#*:}" gso off gro off tso off tx-udp-segmentation off >/dev/null
		done
		all_ways "encapsulation $encap over IPv$outer, outer links without offload"
		for n in c1 c2 g1 g2; do
			ns $n ethtool -K lan tso off gso off gro off tx off rx off >/dev/null
		done
		t 'TCP when the sender has no offload' tcp c1 10.2.0.2
	else
		mib=2 t "TCP over IPv4, encapsulation $encap over IPv$outer" tcp c1 10.2.0.2
		mib=2 t "TCP over IPv6, encapsulation $encap over IPv$outer" tcp c1 fd02::2
	fi
	tunnel_down
done
t 'the module can go' eval 'world_down; sleep 1; rmmod certgate'
ktap_end
