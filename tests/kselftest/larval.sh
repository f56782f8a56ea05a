#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Larval SAs: what a peer sends on an SA that is not complete here waits, in bounds, and goes through it once it is, in order and ahead of what
# comes later. Without an SA it is lost and counted.
#
# What waits does so for ten seconds, and a machine that is busy may take one for each command: in between there is but what has to be.
#
# timeout: 200
# kernels: uml-debug (6.1) (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# Keys are good once: they and SPIs are those of an era, one for each kind of tunnel. An SA's serial has two digits.
era=20

# peer_sends SERIAL: g1 sends on an SA that g2 has not
peer_sends() {
	sa_add 1 aes-gcm-256 "$era$1" --dir out --spi "0x$era$1" --tunnel "$tunnel1" --cert "${certs[1]}" --encr aes-gcm-256
}

expect_it() { # SERIAL [MILLISECONDS]
	ask 2 - - larval add --spi "0x$era$1" --tunnel "$tunnel2" --milliseconds "${2:-10000}"
}

complete() { # SERIAL [OPTION...]
	local n=$1
	shift
	sa_add 2 aes-gcm-256 "$era$n" --dir in --spi "0x$era$n" --tunnel "$tunnel2" --cert "${certs[2]}" --encr aes-gcm-256 "$@"
}

# tunnel_says EXPRESSION ON t: of g2's tunnel
tunnel_says() {
	field 2 "(lambda t: $1)(x[0])" tunnel list
}

is_early() {
	[ "$(tunnel_says 't["early_packets"]')" = "$1" ]
}

is_lost() { # CAUSE COUNT
	[ "$(tunnel_says "t['drops'].get('$1', 0)")" = "$2" ]
}

# Somebody takes the datagrams: an answer that they are nobody's would be lost for want of an SA back, and counted as well
sink_up() {
	rm -f /tmp/sink
	"$enter" c2 python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.2.0.2", 9))
print("ready", flush=True)
while True:
    s.recv(2000)' >/tmp/sink &
	sink=$!
	wait_until 20 test -s /tmp/sink
}

sink_down() {
	kill "$sink"
	wait "$sink"
} 2>/dev/null

send() { # COUNT
	probe c1 send 10.2.0.2 9 count="$1"
}

# lengthen COUNT: as many packets, from 100 bytes on each a byte longer
lengthen() {
	local tos
	printf -v tos '%*s' "$1" ''
	tos=${tos// /0,}
	probe c1 send 10.2.0.2 7000 size=100 tos="${tos%,}"
}

# arrived FROM TO: with these lengths and in this order, nothing else
arrived() {
	python3 -c 'import json, sys
found = [json.loads(line)["len"] for line in open("/tmp/inbox")]
wanted = list(range(int(sys.argv[1]), int(sys.argv[2]) + 1))
if found != wanted:
    sys.exit("%d came, %d wanted: %s" % (len(found), len(wanted), found))' "$1" "$2"
}

# Through a window of 64 packets, which any packet that overtakes the others would close for them. No more packets than a socket
# takes that is read late.
in_order() {
	local early
	early=$(tunnel_says 't["early_packets"]')
	peer_sends 01 && probe_start inbox c2 serve 7000 && expect_it 01 && lengthen 120 && wait_until 5 is_early $((early + 120)) || return 1
	[ ! -s /tmp/inbox ] || { echo 'something came before there was an SA'; return 1; }
	complete 01 --replay-window 64 && wait_until 5 arrived 100 219 2>/tmp/inbox.why || { cat /tmp/inbox.why; return 1; }
	is 0 tunnel_says 't["larvals"]' && send 5 && wait_until 5 eval '[ "$(received 2)" = 125 ]' && is '{}' tunnel_says 't["drops"]'
}

# under_way SERIAL: packets come all the time, and none is lost
under_way() {
	local n=$1 early went
	early=$(tunnel_says 't["early_packets"]')
	flood_slowly
	expect_it "$n" && peer_sends "$n" && wait_until 10 eval '[ "$(tunnel_says "t[\"early_packets\"]")" -gt '$((early + 100))' ]' && complete "$n" &&
		wait_until 10 eval '[ "$(received_on '"$n"')" -gt 400 ]'
	went=$?
	pour_off
	[ $went = 0 ] || return 1
	sleep 0.3
	is True field 2 "[s['sequence'] == s['rx_packets'] and not s['drops'] for s in x if s['spi'].endswith('$era$n')][0]" sa list
}

received_on() {
	field 2 "sum(s['rx_packets'] for s in x if s['spi'].endswith('$era$1'))" sa list
}

# a datagram each millisecond or so
flood_slowly() {
	"$enter" c1 python3 -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    s.sendto(bytes(500), ("10.2.0.2", 9))
    time.sleep(0.001)' &
	pouring="${pouring:-} $!"
}

overflow() {
	local early full
	early=$(tunnel_says 't["early_packets"]') full=$(tunnel_says 't["drops"].get("queue", 0)')
	peer_sends 03 && expect_it 03 && send 4172 && wait_until 5 is_lost queue $((full + 76)) && is_early $((early + 4096)) &&
		complete 03 && is 4096 received_on 03
}

# Packets come all the while: some while it was there, which are what is lost of it
expiry() {
	local before early held
	before=$(tunnel_says 't["drops"].get("no-sa", 0)') early=$(tunnel_says 't["early_packets"]')
	flood_slowly
	peer_sends 04 && expect_it 04 2000 && wait_until 20 eval '[ "$(tunnel_says "t[\"larvals\"]")" = 0 ]'
	pour_off
	held=$(($(tunnel_says 't["early_packets"]') - early))
	[ "$held" -gt 0 ] || { echo 'nothing was held'; return 1; }
	is $((before + held)) tunnel_says 't["drops"].get("no-sa", 0)' && complete 04 && is 0 received_on 04
}

withdrawn() { # SERIAL COMMAND...
	local n=$1 before early
	shift
	before=$(tunnel_says 't["drops"].get("no-sa", 0)') early=$(tunnel_says 't["early_packets"]')
	peer_sends "$n" && expect_it "$n" && send 10 && wait_until 5 is_early $((early + 10)) && "$@" && is_lost no-sa $((before + 10)) &&
		is 0 tunnel_says 't["larvals"]'
}

# Counted by whoever they came through: the socket, or nobody of ours
never_announced() {
	local before=0 early
	early=$(tunnel_says 't["early_packets"]')
	[ "$encap" != udp ] || before=$(field 2 'x[0]["drops"].get("no-sa", 0)' socket list)
	expect_it 07 && peer_sends 08 && send 10 || return 1
	if [ "$encap" = udp ]; then
		wait_until 5 eval '[ "$(field 2 "x[0][\"drops\"].get(\"no-sa\", 0)" socket list)" = '$((before + 10))' ]' || return 1
	else
		sleep 0.3
	fi
	is_early "$early" && is 1 tunnel_says 't["larvals"]' && cgk 2 larval del "0x${era}07"
}

# An SA that is refused delivers nothing, and neither do packets that do not have its key
refused() {
	local early other
	early=$(tunnel_says 't["early_packets"]')
	other=$(cert_add 2 "other$era") && cgk 2 cert revoke "$(key "other$era" 32)" >/dev/null && peer_sends 09 &&
		expect_it 09 && send 10 && wait_until 5 is_early $((early + 10)) && refuses 'is revoked' complete 09 --cert "$other" || return 1
	sa_add 2 aes-gcm-256 "wrong$era" --dir in --spi "0x${era}09" --tunnel "$tunnel2" --cert "${certs[2]}" --encr aes-gcm-256 &&
		is 0 received_on 09 && is 10 field 2 "[s['drops'].get('auth') for s in x if s['spi'].endswith('${era}09')][0]" sa list
}

waiting() { # SERIAL: a tunnel with packets that wait
	local early
	early=$(tunnel_says 't["early_packets"]')
	peer_sends "$1" && expect_it "$1" && send 20 && wait_until 5 is_early $((early + 20))
}

ktap_begin $((${#kinds[@]} * 9 + 4))
world_up
sink_up
for kind in "${kinds[@]}"; do
	encap=${kind% *} outer=${kind#* } era=$((era + 1))
	tunnel_up || exit 1
	cgk 2 flush sas
	cgk 1 flush sas
	t "what came early arrives, in order, $kind" in_order
	probe_stop inbox
	t "under traffic nothing is lost, $kind" under_way 02
	t "what finds no room is counted, $kind" overflow
	t "with its time it is lost, $kind" expiry
	t "and when it is taken back, $kind" withdrawn 05 cgk 2 larval del "0x${era}05"
	t "and with all SAs, $kind" withdrawn 06 cgk 2 flush sas
	t "an SPI that was never announced holds nothing, $kind" never_announced
	t "no SA under a revoked certificate, no packet with another key, $kind" refused
	t "a tunnel goes, packets waiting, $kind" eval 'waiting 0a && cgk 2 tunnel del "$tunnel2" && is 0 field 2 "len(x)" tunnel list'
	tunnel_down
done
encap=udp outer=4 era=30
t 'a device goes, packets waiting' eval 'tunnel_up && waiting 11 && ip -n g2 link del cg0'
tunnel_down
t 'a namespace goes, packets waiting' eval 'tunnel_up && waiting 12 && socket_release 2 && ip netns del g2'
tunnel_down 2>/dev/null
sink_down
world_down
world_up
t 'packets wait' eval 'tunnel_up && waiting 13'
t 'the module goes with them' rmmod certgate
world_down
ktap_end
