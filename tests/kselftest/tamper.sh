#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# ESP packets that were changed on the way, cut, or are for nobody: counted by cause, told to the daemon, never delivered.
# Padding and dummy packets of RFC 4303 sections 2.6 and 2.7 are tried in KUnit and with a peer that can make them.
#
# timeout: 150
# kernels: uml-debug (6.1) (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# record10: ten packets of c1, all delivered
record10() {
	rm -f /tmp/sent
	probe_start record r record w2 /tmp/sent 60 10 && reach 4 -c 10 -i 0.005 >/dev/null && wait_until 5 test -s /tmp/sent
}

# Fresh numbers: the recorded ones would be replays. seq=N is above all that were sent.
next=1000

# lost CAUSE CHANGE...: a packet so changed adds one to CAUSE, to no other, and is not delivered
lost() {
	local cause=$1 before all got
	shift
	next=$((next + 1))
	before=$(drops 2 "$cause") all=$(all_drops) got=$(received 2)
	probe r inject w2 /tmp/sent first=1 "seq=$next" "$@" >/dev/null && wait_until 5 more "$cause" "$before" || return 1
	[ "$(all_drops)" = $((all + 1)) ] && [ "$(drops 2 "$cause")" = $((before + 1)) ] && [ "$(received 2)" = "$got" ]
}

all_drops() {
	field 2 "sum(sum(s['drops'].values()) for s in x)" sa list
}

more() {
	[ "$(drops 2 "$1")" -gt "$2" ] || { cgk 2 sa list; return 1; }
}

# each_byte: of header (without the SPI), IV, ciphertext, ICV. Together, and if they are not all lost, which of them?
each_byte() {
	local n all auth got
	auth=$(drops 2 auth) all=$(all_drops) got=$(received 2)
	probe r each w2 /tmp/sent $((next + 1)) flip=8 flip=9 flip=15 flip=16 flip=17 flip=40 flip=80 flip=-1 flip=-8 flip=-16 \
		flip=-17 >/dev/null || return 1
	next=$((next + 11))
	wait_until 5 more auth $((auth + 10)) && [ "$(all_drops) $(drops 2 auth) $(received 2)" = "$((all + 11)) $((auth + 11)) $got" ] &&
		return 0
	for n in 8 9 15 16 17 40 80 -1 -8 -16 -17; do
		lost auth "flip=$n" || echo "byte $n"
	done
	return 1
}

# unknown: an SPI that nobody has is an event and no SA's loss
unknown() {
	local all
	all=$(all_drops)
	cgk 2 monitor --json --count 1 --timeout 10 >/tmp/event &
	sleep 0.5
	probe r inject w2 /tmp/sent first=1 spi=00abcdef >/dev/null
	wait $! && grep -q unknown-spi /tmp/event && grep -q '00abcdef' /tmp/event && [ "$(all_drops)" = "$all" ] ||
		{ cat /tmp/event; return 1; }
}

auth_event() {
	next=$((next + 1))
	cgk 2 monitor --json --count 1 --timeout 10 >/tmp/event &
	sleep 0.5
	probe r inject w2 /tmp/sent first=1 "seq=$next" flip=-1 >/dev/null
	wait $! && grep -q authentication-failed /tmp/event && grep -q "$spi1" /tmp/event || { cat /tmp/event; return 1; }
}

# few_told EVENT CHANGE...: of 200 at once fewer are told, and how many were not is told by the next
few_told() {
	local event=$1
	shift
	listen 2
	probe r inject w2 /tmp/sent first=1 "$@" times=200 >/dev/null || return 1
	pause 0.5
	probe r inject w2 /tmp/sent first=1 "$@" >/dev/null || return 1
	listen_off
	python3 - "$event" <<-'END'
		import json, sys
		told = [e for e in map(json.loads, open("/tmp/events")) if e["event"] == sys.argv[1]]
		suppressed = sum(e.get("suppressed", 0) for e in told)
		print(len(told), "told,", suppressed, "suppressed")
		sys.exit(len(told) + suppressed != 201 or suppressed < 50)
	END
}

# short: every length down to nothing. What is not a multiple of the padding or too short is malformed, the rest not authentic.
short() {
	local all got
	all=$(all_drops) got=$(received 2)
	probe r each w2 /tmp/sent $((next + 1)) cut=1 cut=2 cut=3 cut=4 cut=8 cut=16 cut=20 cut=24 cut=40 cut=64 cut=80 cut=84 >/dev/null ||
		return 1
	next=$((next + 12))
	wait_until 5 all_lost $((all + 12)) && [ "$(received 2)" = "$got" ]
}

all_lost() {
	[ "$(all_drops)" -ge "$1" ] || { cgk 2 sa list; return 1; }
}

# narrow: g2 expects less of the peer's side than g1 sends
narrow() {
	local ours
	tunnel_down
	for g in 1 2; do
		device_up "$g" && certs[g]=$(cert_add "$g") || return 1
		[ "$encap" = none ] || socket_hold "$g" "${wan4[g]}" || return 1
	done
	tunnel1=$(tunnel_add 1) && tunnel2=$(remote_ts='10.1.0.128/25 fd01::8000:0:0:0/65' tunnel_add 2) &&
		sa_pair "$tunnel1" "$tunnel2" || return 1
	"$enter" c1 ping -q -n -c 3 -i 0.01 -W 0.2 10.2.0.2 >/dev/null
	"$enter" c1 ping -q -n -c 2 -i 0.01 -W 0.2 fd02::2 >/dev/null
	wait_until 5 five_selector || return 1
	ours=$(field 2 "sum(s['rx_packets'] for s in x)" sa list)
	[ "$ours" = 0 ]
}

five_selector() {
	[ "$(drops 2 selector)" = 5 ] || { cgk 2 sa list; return 1; }
}

still_works() {
	reach 4 >/dev/null && reach 6 >/dev/null
}

ktap_begin 22
world_up
for encap in udp none; do
	for encr in aes-gcm-256 aes-cbc-128/hmac-sha2-256; do
		[ "$encap$encr" != noneaes-cbc-128/hmac-sha2-256 ] || continue
		kind="$encr, encapsulation $encap"
		t "packets are recorded on their way, $kind" eval 'tunnel_up && record10' || exit 1
		t "a change of any byte is noticed, $kind" each_byte
		t "cut packets are not delivered, $kind" short
		t "a packet that is a byte longer is malformed, $kind" lost malformed grow=1
		t "after all that traffic passes, $kind" still_works
		[ "$encr" = aes-gcm-256 ] || { tunnel_down; continue; }
		t "failed authentication is an event, $kind" auth_event
		[ "$encap" = none ] || t "an unknown SPI is an event, $kind" unknown
		[ "$encap" = none ] || t "of many failures few are told, $kind" few_told authentication-failed seq=90000 flip=-1
		[ "$encap" = none ] || t "of many unknown SPIs as well, $kind" few_told unknown-spi spi=00abcdef
		tunnel_down
	done
done
t 'packets outside the selectors are not delivered' narrow
tunnel_down
encap=udp
t 'packets outside the selectors are not delivered, in UDP' narrow
world_down
ktap_end
