#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The change of the outbound SA: made before the old one is broken, no packet is lost; at once, with the peer's first use, or
# by request.
#
# timeout: 120
# kernels: uml-debug (6.1) (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# add GATEWAY DIR SERIAL [OPTION...]
add() {
	local g=$1 dir=$2 n=$3 from=$1
	shift 3
	[ "$dir" = out ] || from=$((3 - g))
	sa_add "$g" aes-gcm-256 "$n.$from" --dir "$dir" --spi "0x$n$from" --tunnel 1 --cert 1 --encr aes-gcm-256 "$@"
}

# outbound GATEWAY: SPI=STATE of its outbound SAs, oldest first
outbound() {
	field "$1" "' '.join(s['spi'].lstrip('0') + '=' + s['state'] for s in x if s['dir'] == 'out')" sa list
}

# rekeyed SERIAL: both directions anew, as an initiator at g1 and a responder at g2 do it; the old SAs go
rekeyed() {
	local n=$1 g id
	add 2 in "$n" && add 2 out "$n" --activate on-use --pair-spi "0x${n}1" && add 1 in "$n" && add 1 out "$n" &&
		wait_until 20 eval "outbound 2 | grep -q '${n}2=active'" || return 1
	for g in 1 2; do
		for id in $(field $g "' '.join(str(s['id']) for s in x if '$n' not in s['spi'])" sa list); do
			cgk $g sa del "$id" || return 1
		done
	done
}

# lossless N: many pings while SAs are changed N times
lossless() {
	local i
	"$enter" c1 ping -n -q -c 400 -i "$(awk "BEGIN { print $1 * $took / 400 + 0.005 }")" -W 2 10.2.0.2 >/tmp/lossless &
	for ((i = 1; i <= $1; i++)); do
		rekeyed "e0$i" || { echo "at change $i"; cgk 1 sa list; cgk 2 sa list; return 1; }
	done
	wait $!
	grep ' 0% packet loss' /tmp/lossless || { cat /tmp/lossless; return 1; }
}

ktap_begin 21
world_up
t 'tunnels' tunnel_up
t 'traffic crosses' is 10 crossing 1
old1=$(printf %x "0x$spi1") old2=$(printf %x "0x$spi2")
t 'the new inbound SAs' eval 'add 1 in a01 && add 2 in a01'
t 'the responder: a new outbound SA that waits' add 2 out a01 --activate on-use --pair-spi 0xa011
t 'it waits' is "$old2=active a012=standby" outbound 2
t 'also while the peer still uses the old one' eval 'is 10 crossing 1 && is "$old2=active a012=standby" outbound 2'
t 'the initiator: one that is used at once' add 1 out a01
t 'it is, the old one drains' is "$old1=draining a011=active" outbound 1
t 'with its first packet' is 10 crossing 1
t 'the responder changes, too' is "$old2=draining a012=active" outbound 2
t 'both ways' is 10 crossing 2
t 'one that waits for a request' add 1 out a03 --activate never
t 'is not used' eval 'is 10 crossing 1 && is "$old1=draining a011=active a031=standby" outbound 1'
t 'until it is asked for' eval 'cgk 1 sa activate "$(field 1 "max(s[\"id\"] for s in x)" sa list)" &&
	is "$old1=draining a011=draining a031=active" outbound 1'
t 'the peer did not know it: packets are lost' is 0 crossing 1
t 'deleting the active one leaves none' eval 'cgk 1 sa del "$(field 1 "max(s[\"id\"] for s in x)" sa list)" &&
	is "$old1=draining a011=draining" outbound 1 && is 0 crossing 1'
t 'one that waits, and a newer one' eval 'add 1 in a04 && add 2 in a04 && add 2 out a04 --activate on-use --pair-spi 0xa041 &&
	add 1 in a05 && add 2 out a05'
t 'the newer one stays when the peer uses the other' eval 'add 1 out a04 && is 10 crossing 1 &&
	is "$old2=draining a012=draining a042=standby a052=active" outbound 2'
t 'both ways, on different ones' is 10 crossing 2
cgk 1 flush sas
cgk 2 flush sas
sa_pair "$tunnel1" "$tunnel2"
pour 1
t 'the keys change' stopwatch rekeyed e00
pour_off
t 'three changes under traffic lose nothing' lossless 3
tunnel_down
world_down
ktap_end
