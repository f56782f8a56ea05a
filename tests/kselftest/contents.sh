#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A peer that has the keys is not believed either: authentic ESP packets whose padding, next header or inner packet are wrong are
# dropped as malformed, dummies go without a word (RFC 4303 section 2.6), padding for traffic flow confidentiality is
# taken off (2.7).
#
# timeout: 120
# kernels: uml-debug (6.1) (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# state: what the SA received and dropped as malformed, all drops, and what its device received
state() {
	echo "$(field 2 "'%d %d %d' % (sum(s['rx_packets'] for s in x), sum(s['drops'].get('malformed', 0) for s in x),
		sum(sum(s['drops'].values()) for s in x))" sa list)"
}

# does NAME RECEIVED MALFORMED: so much more of each, and of nothing else
does() {
	local before after want
	read -r -a before <<<"$(state)"
	want="$((before[0] + $2)) $((before[1] + $3)) $((before[2] + $3))"
	probe r inject w2 "/tmp/forged/$1" >/dev/null || return 1
	[ "$2$3" != 00 ] || sleep 0.3
	wait_until 5 is_state "$want" || { after=$(state) && echo "received, malformed, all drops: $after, not $want"; return 1; }
}

is_state() {
	[ "$(state)" = "$1" ]
}

forge() {
	rm -rf /tmp/sent /tmp/forged
	mkdir /tmp/forged
	tunnel_up || return 1
	probe_start record r record w2 /tmp/sent 10 1 && reach 4 >/dev/null && wait_until 5 test -s /tmp/sent &&
		python3 tests/lib/forge.py /tmp/sent "$(keys aes-gcm-256 "$spi1")" "$spi1" 1000 /tmp/forged
}

ktap_begin $((2 * 18))
world_up
for kind in 'udp 4' 'none 4'; do
	encap=${kind% *} outer=${kind#* }
	t "packets are forged, encapsulation $encap" forge || exit 1
	for name in ping padded-flow most-padding; do
		t "delivered: $name, $encap" does $name 1 0
	done
	for name in dummy dummy-empty; do
		t "neither delivered nor a loss: $name, $encap" does $name 0 0
	done
	for name in transport-udp other-version no-version longer-than-payload shorter-than-header header-too-short options-beyond-end \
		cut-header cut-header-6 empty wrong-padding padding-beyond-start; do
		t "malformed: $name, $encap" does $name 0 1
	done
	tunnel_down
done
world_down
ktap_end
