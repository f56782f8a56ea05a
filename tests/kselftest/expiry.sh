#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The window of a certificate chain ends: nothing crosses any more, in either direction, with no process alive to see to it;
# neither is it put off by a clock that is set back, nor taken back.
#
# timeout: 240
# kernels: uml-debug (6.1) (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# cert_until GATEWAY SECONDS: leaf, an intermediate and a root of its own, whose common window ends then; its last second
# is in the variable end
cert_until() {
	local now
	now=$(date +%s)
	end=$((now + $2))
	cgk "$1" cert add --link "$(key leaf 32):$(key leaf.key 32)" --link "$(key intermediate 32):$(key intermediate.key 32)" \
		--link "$(key root 32):$(key root.key 32)" --subject CN=peer --not-before $((now - 10)) --not-after "$end" >/dev/null
}

# gateways_up SECONDS1 SECONDS2 SERIAL: tunnels whose bindings live that long at either end, and SAs
gateways_up() {
	local g
	for g in 1 2; do
		device_up $g || return 1
		socket_hold $g "${wan4[g]}" || return 1
	done
	cert_until 2 "$2" && cert_until 1 "$1" || return 1
	tunnel1=$(tunnel_add 1) && tunnel2=$(tunnel_add 2) && sas "$3"
}

# sas SERIAL: an SA pair under the newest bindings
sas() {
	local g n=$1 peer cert
	for g in 1 2; do
		peer=$((3 - g))
		cert=$(field $g "max(c['id'] for c in x)" cert list)
		tunnel=$(field $g "x[0]['id']" tunnel list)
		sa_add $g aes-gcm-256 "$n.$peer" --dir in --spi "0x$n$peer" --tunnel "$tunnel" --cert "$cert" \
			--encr aes-gcm-256 --esn >/dev/null || return 1
		sa_add $g aes-gcm-256 "$n.$g" --dir out --spi "0x$n$g" --tunnel "$tunnel" --cert "$cert" \
			--encr aes-gcm-256 --esn >/dev/null || return 1
	done
}

gateways_down() {
	pour_off
	tunnel_down
}

# Each second has its number of packets; between the last ones of the window and after it
lively() {
	[ "$(seen "$1" $((end - 1)) $((end + 1)))" -gt 10 ]
}

# The window's last second is over at end + 1. What was judged before that may still be on its way to where it is seen: a packet
# takes milliseconds through an emulated machine.
silent() {
	[ "$(seen "$1" "$((end + 1)).25" $((end + 100)))" = 0 ] || { tail -n 3 /tmp/watch."$1"; date -u -d "@$end" '+the window ended %s'; return 1; }
}

ktap_begin 30
world_up
rehearsal() {
	gateways_up 600 6000 f01 && is 10 crossing 1
}
t 'tunnels' stopwatch rehearsal
gateways_down
window=$((2 * took + 4))
echo "# windows of $window s"

# --- nobody watches: every process is killed, then the intermediate expires at one end
t 'tunnels whose windows end at different times' gateways_up $window 6000 a01
t 'traffic crosses' reach 4
listen 1
watch out r w1 'src 192.0.2.2 and udp port 4500'
watch in r w1 'dst 192.0.2.2 and udp port 4500'
watch lan c1 lan 'src 10.2.0.2'
pour 1
pour 2
sleep 1
kill -KILL "${holders[@]}" 2>/dev/null
t 'the sockets are the module'"'"'s now' wait_until 5 is '[True]' field 1 "[s['orphan'] for s in x]" socket list
sleep_to $((end + 3))
t 'until the last second it sent' lively out
t 'and received' lively lan
t 'after it nothing is sent' silent out
t 'the peer, whose window is longer, sends on' [ "$(seen in $((end + 1)) $((end + 100)))" -gt 20 ]
t 'but nothing is delivered' silent lan
t 'packets are dropped because of the certificate' [ "$(drops 1 cert)" -gt 40 ]
t 'both SAs are dead, and why' is 'dead:certificate-expired,dead:certificate-expired' states 1
t 'the certificate is told as expired' is expired field 1 "x[0]['state']" cert list
listen_off
t 'one event said so' is 1 told certificate-expired
watch_off
pour_off

# --- back
set_clock -3600
t 'setting the clock back revives nothing' is 0 crossing 1
t 'nor a new SA of the old binding' refuses 'has expired' sas a02
set_clock 0
gateways_down

# --- the clock is set back before the window ends
t 'another pair of tunnels' gateways_up $window 6000 b01
set_clock -7200
t 'a clock that was set back does not stop what runs' is 10 crossing 1
t 'but starts nothing new' refuses 'not valid yet' sas b02
t 'and the window ends when it would have' wait_until $((window + 2)) is 'dead:certificate-expired,dead:certificate-expired' states 1
t 'nothing is sent' is 0 crossing 1
t 'nothing is delivered' is 0 crossing 2
set_clock 0
gateways_down

# --- the clock is set forward beyond the window
t 'a third pair' gateways_up 600 6000 c01
t 'it works' is 10 crossing 2
set_clock 1000
t 'a clock set beyond the end stops it at once' is 0 crossing 1
t 'the SAs are dead' is 'dead:certificate-expired,dead:certificate-expired' states 1
t 'nothing is delivered' is 0 crossing 2
set_clock 0
t 'nor when it is right again' is 0 crossing 1
t 'a new binding and new SAs begin anew' eval 'cert_until 1 600 && sas c02'
t 'and carry traffic' is 10 crossing 1
t 'both ways' is 10 crossing 2
gateways_down
world_down
ktap_end
