#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Counters: the same packets are counted by the SA, its tunnel, its certificate binding, every fingerprint above that and
# the device; what is deleted stays counted where something lives on.
#
# timeout: 60
# kernels: uml-debug 6.1 (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# under GATEWAY LEAF TUNNEL SPI DIR: an SA under a binding of that leaf, below the root all share; prints the binding
under() {
	local cert
	cert=$(cgk "$1" cert add --link "$(key "$2" 32):$(key "$2.key" 32)" --link "$(key root 32):$(key root.key 32)" \
		--subject "CN=$2" --not-before now-10 --not-after now+1000) || return 1
	sa_add "$1" aes-gcm-256 "$4" --dir "$5" --spi "0x$4" --tunnel "$3" --cert "$cert" --encr aes-gcm-256 >/dev/null &&
		echo "$cert"
}

# fingerprint GATEWAY NAME FIELD
fingerprint() {
	field "$1" "next(f['$3'] for f in x if f['sha256'] == '$(key "$2" 32)')" fingerprint list
}

# link GATEWAY PATH: of the device's own statistics
link() {
	ip -n "g$1" -s -j link show cg0 | python3 -c 'import json, sys; print(eval("json.load(sys.stdin)[0][\"stats64\"]" + sys.argv[1]))' "$2"
}

# rush: 1000 datagrams to as many hosts where no tunnel goes
rush() {
	"$enter" c1 python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(1000):
	s.sendto(b"x", (f"10.9.{n // 250}.{n % 250 + 1}", 9))'
	is 1003 field 1 "x[0]['drops'].get('selector', 0)" device list
}

# noise HOST QUIET...: datagrams to HOST for three seconds, as many as the machine makes, and one to each QUIET in each of them. They begin with
# a second of the module's clock. Of fifty all would be told if one a second were not the limit.
noise() {
	"$enter" c1 python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
time.sleep(1.05 - time.monotonic() % 1)
begin, seconds, n = time.monotonic(), 0, 0
while (now := time.monotonic() - begin) < 3:
	s.sendto(b"x", (sys.argv[1], 9))
	n += 1
	if now > seconds + 0.5:
		seconds += 1
		for quiet in sys.argv[2:]:
			s.sendto(b"x", (quiet, 9))
sys.exit(n < 50)' "$@"
}

# told_of HOST: of how many packets to there
told_of() {
	python3 -c 'import json, sys
print(sum(e["event"] == "acquire" and e["flow"]["dst"] == sys.argv[1] for e in map(json.loads, open("/tmp/events"))))' "$1"
}

# once_a_second HOST: told in at least one of the seconds that noise() is in, once in each at most: four, and one more if its last datagram is
# late. Two hosts that are in one place of the module's table are not there in the next second.
once_a_second() {
	local n
	n=$(told_of "$1")
	echo "$n told"
	[ "$n" -ge 1 ] && [ "$n" -le 5 ]
}

# events: of this kind that came, and that were suppressed
events() {
	python3 -c 'import json
told = [e for e in map(json.loads, open("/tmp/events")) if e["event"] == "acquire"]
print(len(told), sum(e.get("suppressed", 0) for e in told))'
}

fewer_told() {
	local told suppressed
	read -r told suppressed < <(events)
	echo "$told told, $suppressed suppressed"
	# 128 at once and 64 a second
	[ "$told" -ge 129 ] && [ "$told" -lt 500 ]
}

all_told() {
	local told suppressed
	read -r told suppressed < <(events)
	echo $((told + suppressed))
}

ktap_begin 47
world_up
t 'tunnels' tunnel_up
cgk 1 flush sas
t 'an outbound SA under one leaf' eval 'a=$(under 1 leaf-a "$tunnel1" a001 out) && [ -n "$a" ]'
sa_add 2 aes-gcm-256 a001 --dir in --spi 0xa001 --tunnel "$tunnel2" --cert "${certs[2]}" --encr aes-gcm-256 >/dev/null
t 'ten pings of 100 bytes' eval '"$enter" c1 ping -q -n -c 10 -i 0.01 -W 0.1 -s 72 10.2.0.2 >/dev/null; true'
t 'the SA counts them' is '10 1000' field 1 "'%d %d' % (x[0]['tx_packets'], x[0]['tx_bytes'])" sa list
t 'so does the peer'"'"'s' is '10 1000' field 2 "next('%d %d' % (s['rx_packets'], s['rx_bytes']) for s in x if s['spi'] == '0000a001')" sa list
t 'and the tunnel' is '10 1000' field 1 "'%d %d' % (x[0]['tx_packets'], x[0]['tx_bytes'])" tunnel list
t 'and the device' is '10 1000' field 1 "'%d %d' % (x[0]['tx_packets'], x[0]['tx_bytes'])" device list
t 'and ip link' is '10 1000' eval 'echo $(link 1 "[\"tx\"][\"packets\"]") $(link 1 "[\"tx\"][\"bytes\"]")'
t 'received packets, too: the tunnel' is '10 1000' field 2 "'%d %d' % (x[0]['rx_packets'], x[0]['rx_bytes'])" tunnel list
t 'the device' is '10 1000' field 2 "'%d %d' % (x[0]['rx_packets'], x[0]['rx_bytes'])" device list
t 'the binding' is '10 1000' field 2 "next('%d %d' % (c['rx_packets'], c['rx_bytes']) for c in x if c['id'] == ${certs[2]})" cert list
t 'the root'"'"'s fingerprint' is '10 1000' eval 'echo $(fingerprint 2 root rx_packets) $(fingerprint 2 root rx_bytes)'
t 'and the binding' is '10 1000' field 1 "next('%d %d' % (c['tx_packets'], c['tx_bytes']) for c in x if c['id'] == $a)" cert list
for what in leaf-a leaf-a.key root root.key; do
	t "and the fingerprint of $what" is '10 1000' eval "echo \$(fingerprint 1 $what tx_packets) \$(fingerprint 1 $what tx_bytes)"
done
t 'another SA under another leaf of that root' eval 'b=$(under 1 leaf-b "$tunnel1" a002 out) && [ -n "$b" ]'
sa_add 2 aes-gcm-256 a002 --dir in --spi 0xa002 --tunnel "$tunnel2" --cert "${certs[2]}" --encr aes-gcm-256 >/dev/null
t 'five pings more' eval '"$enter" c1 ping -q -n -c 5 -i 0.01 -W 0.1 -s 72 10.2.0.2 >/dev/null; true'
t 'the first leaf has its ten' is 10 fingerprint 1 leaf-a tx_packets
t 'the second its five' is 5 fingerprint 1 leaf-b tx_packets
t 'the root all' is 15 fingerprint 1 root tx_packets
t 'SAs are counted below the root' is '1 1 2' eval 'echo $(fingerprint 1 leaf-a sas) $(fingerprint 1 leaf-b sas) $(fingerprint 1 root sas)'
t 'the first SA goes, then its binding' eval 'cgk 1 sa del "$(field 1 "min(s[\"id\"] for s in x)" sa list)" && cgk 1 cert del $a'
t 'its leaf is forgotten' is 0 field 1 "sum(f['sha256'] == '$(key leaf-a 32)' for f in x)" fingerprint list
t 'the root remembers its packets' is 15 fingerprint 1 root tx_packets
t 'and so does the tunnel' is 15 field 1 "x[0]['tx_packets']" tunnel list

# --- drops
t 'a packet for which there is no tunnel' eval 'ip -n g1 route add 10.9.0.0/16 dev cg0; "$enter" c1 ping -q -n -c 3 -i 0.01 -W 0.1 10.9.0.1 >/dev/null; true'
t 'is dropped by selector at the device' is 3 field 1 "x[0]['drops'].get('selector', 0)" device list
# The stack itself would refuse what does not fit the device, so that is made larger than the way.
t 'a packet that does not fit and must not be cut' eval 'ip -n g1 link set cg0 mtu 9000; ip -n c1 link set lan mtu 9000; ip -n g1 link set lan mtu 9000; ! "$enter" c1 ping -q -n -M do -c 1 -W 0.5 -s 1600 10.2.0.2'
t 'is dropped by MTU at its tunnel' is 1 field 1 "x[0]['drops'].get('mtu', 0)" tunnel list
t 'and at its binding' is 1 field 1 "sum(c['drops'].get('mtu', 0) for c in x)" cert list
t 'and one without an SA' eval 'cgk 1 flush sas; "$enter" c1 ping -q -n -c 4 -i 0.01 -W 0.1 10.2.0.2 >/dev/null; is 4 field 1 "x[0][\"drops\"].get(\"no-sa\", 0)" tunnel list'
t 'ip link counts all of them' is 8 link 1 "['tx']['dropped']"

# --- events that strangers can provoke
listen 1
t 'packets for which there is no tunnel, as fast as can be' rush
sleep 1
t 'and one a second later' eval '"$enter" c1 ping -q -n -c 1 -W 0.1 10.9.0.1 >/dev/null; true'
listen_off
t 'few of them are told' fewer_told
t 'and each event tells how many were not' is 1001 all_told
t 'a second tunnel without an SA' eval 'ip -n g1 route add 10.8.0.0/16 dev cg0; remote_ts=10.8.0.0/24 tunnel_add 1 >/dev/null'
for noisy in 10.2.0.2 10.9.0.1; do
	listen 1
	t "a noisy flow to $noisy, and quiet ones" noise $noisy 10.8.0.1 10.9.0.2
	listen_off
	t 'the quiet one of a tunnel is told' once_a_second 10.8.0.1
	t 'and the one without' once_a_second 10.9.0.2
	t 'and of the noisy one no more' once_a_second $noisy
done
tunnel_down
world_down
ktap_end
