#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Traffic of both families through tunnels of both families, raw and in UDP, with and without extended sequence numbers:
# every algorithm in one kind of tunnel, one of each sort in the others. Sizes around the padding's
# boundaries. The SAs are replaced under the tunnel each time.
#
# timeout: 240
# kernels: uml-debug 6.1 (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh

algorithms='aes-gcm-128 aes-gcm-192 aes-gcm-256 chacha20-poly1305'
for bits in 128 192 256; do
	for mac in hmac-sha2-256 hmac-sha2-384 hmac-sha2-512 hmac-sha1; do
		algorithms="$algorithms aes-cbc-$bits/$mac"
	done
done

# crosses ALGORITHM: new SAs of it, plain and with ESN, carry both families
crosses() {
	local encr=$1 esn
	for esn in '' --esn; do
		# shellcheck disable=SC2086 # nothing or one word
		sa_pair "$tunnel1" "$tunnel2" $esn && echo_sizes {1..34} 1200 || return 1
		[ "$(field 2 "[s['rx_packets'] for s in x if s['spi'] == '$spi1'][0]" sa list)" -ge 70 ] ||
			{ echo "not all packets took the new SA"; cgk 2 sa list; return 1; }
	done
}

some='aes-gcm-256 chacha20-poly1305 aes-cbc-256/hmac-sha2-256 aes-cbc-128/hmac-sha2-512'

ktap_begin $((2 + 16 + (${#kinds[@]} - 1) * (2 + 4)))
world_up
echo_up
for kind in "${kinds[@]}"; do
	encap=${kind% *} outer=${kind#* }
	t "a tunnel over IPv$outer, encapsulation $encap, is made" tunnel_up || exit 1
	for algorithm in $algorithms; do
		t "IPv4 and IPv6 cross with $algorithm over IPv$outer, encapsulation $encap" crosses "$algorithm"
	done
	t "nothing was lost on the way, IPv$outer, encapsulation $encap" \
		[ "$(field 1 "[s['drops'] for s in x if s['drops']]" sa list)$(field 2 "[s['drops'] for s in x if s['drops']]" sa list)" = '[][]' ]
	tunnel_down
	algorithms=$some
done
kill "$echo_pid"
world_down
ktap_end
