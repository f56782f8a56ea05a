#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Limits of an SA in packets, bytes and seconds, soft and hard, outbound and inbound: exact, announced once, final.
#
# timeout: 120
# kernels: uml-debug (6.1) (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# limited SERIAL GATEWAY DIR OPTION...: a new pair of which one SA has limits
limited() {
	local n=$1 at=$2 dir=$3 g peer in out
	shift 3
	for g in 1 2; do
		ask $g - - flush sas || return 1
	done
	for g in 1 2; do
		peer=$((3 - g)) in=() out=()
		case $g$dir in
		"${at}in") in=("$@") ;;
		"${at}out") out=("$@") ;;
		esac
		sa_add $g aes-gcm-256 "$n.$peer" --dir in --spi "0x$n$peer" --tunnel 1 --cert 1 --encr aes-gcm-256 "${in[@]}" >/dev/null || return 1
		sa_add $g aes-gcm-256 "$n.$g" --dir out --spi "0x$n$g" --tunnel 1 --cert 1 --encr aes-gcm-256 "${out[@]}" >/dev/null || return 1
	done
}

# pings N [SIZE]: one way, answers are not waited for
pings() {
	"$enter" c1 ping -n -q -c "$1" -i 0.01 -W 0.1 -s "${2:-56}" 10.2.0.2 >/dev/null
	true
}

# of GATEWAY DIR EXPRESSION ON s: of that SA
of() {
	field "$1" "next($3 for s in x if s['dir'] == '$2')" sa list
}

ktap_begin 24
world_up
t 'tunnels' tunnel_up

rehearsal() {
	limited a00 1 out && crossing 1 >/dev/null
}
stopwatch rehearsal

t 'an outbound SA for 20 packets' limited a01 1 out --soft-packets 10 --hard-packets 20
listen 1
pings 30
t 'sends 20' is 20 of 1 out "s['tx_packets']"
t 'and drops 10 because of its lifetime' is 10 of 1 out "s['drops'].get('lifetime', 0)"
t 'it is dead' is dead:lifetime of 1 out "s['state'] + ':' + s['death']"
listen_off
t 'the soft limit was announced once' is 1 told sa-soft-limit out
t 'and its death once' is 1 told sa-dead lifetime

t 'an inbound SA for 20 packets' limited a02 2 in --soft-packets 10 --hard-packets 20
listen 2
pings 30
t 'delivers 20' is 20 of 2 in "s['rx_packets']"
t 'while 30 were sent' is 30 of 1 out "s['tx_packets']"
t 'it is dead as well' is dead:lifetime of 2 in "s['state'] + ':' + s['death']"
listen_off
t 'and announced both' is '1 1' eval 'echo "$(told sa-soft-limit in) $(told sa-dead lifetime)"'

t 'an outbound SA for 5000 bytes' limited a03 1 out --hard-bytes 5000
pings 10 972
t 'sends five packets of 1000' is '5 5000' of 1 out "str(s['tx_packets']) + ' ' + str(s['tx_bytes'])"

listen 1
life=$((took + 1))
born=$(boot_ms)
t 'an outbound SA that lives not long' limited a04 1 out --soft-seconds $life --hard-seconds $((2 * life))
made=$(boot_ms)
t 'announces the soft limit' wait_until $((life + took)) grep -q sa-soft-limit /tmp/events
soft=$(boot_ms)
t 'dies' wait_until $((life + 2 * took)) is dead:lifetime of 1 out "s['state'] + ':' + s['death']"
hard=$(boot_ms)
echo "# made in $((made - born)) ms, soft after $((soft - born)) ms, hard after $((hard - born)) ms"
t 'not before its time' [ $((soft - born >= 1000 * life && hard - born >= 2000 * life)) = 1 ]
t 'and not long after it' [ $((soft - made <= 1000 * (life + took) && hard - made <= 1000 * (2 * life + took))) = 1 ]
listen_off
t 'and says so once' is 1 told sa-dead lifetime

t 'a clock that is set changes no limit in seconds' limited a05 1 out --hard-seconds $((4 * took))
set_clock 1000
t 'the SA still sends' is 10 crossing 1
set_clock -1000
t 'and dies when it would have' wait_until $((4 * took + 2)) is dead:lifetime of 1 out "s['state'] + ':' + s['death']"
set_clock 0

t 'an SA without limits lives on' eval 'limited a06 1 out && pings 50 && is 50 of 1 out "s[\"tx_packets\"]"'
tunnel_down
world_down
ktap_end
