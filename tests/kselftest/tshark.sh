#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What we send is ESP to somebody else, too: tshark, given the keys, finds every integrity value good and the inner packets
# whole, raw and in UDP. (Debian's knows neither ChaCha20-Poly1305 nor extended sequence numbers: xfrm_peer.sh has those.)
#
# timeout: 200
# kernels: uml

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# names ALGORITHM: what tshark calls it
encryption() {
	case $1 in
	aes-gcm-*) echo 'AES-GCM with 16 octet ICV [RFC4106]' ;;
	aes-cbc-*) echo 'AES-CBC [RFC3602]' ;;
	esac
}

authentication() {
	case $1 in
	*hmac-sha1) echo 'HMAC-SHA-1-96 [RFC2404]' ;;
	*hmac-sha2-256) echo 'HMAC-SHA-256-128 [RFC4868]' ;;
	*hmac-sha2-384) echo 'HMAC-SHA-384-192 [RFC4868]' ;;
	*hmac-sha2-512) echo 'HMAC-SHA-512-256 [RFC4868]' ;;
	*) echo NULL ;;
	esac
}

# sa_line SPI: of tshark's table of SAs
sa_line() {
	local lines ikey=
	mapfile -t lines < <(keys "$encr" "$1")
	[ ${#lines[@]} -lt 2 ] || ikey=0x${lines[1]}
	printf '"%s","*","*","0x%s","%s","0x%s","%s","%s"' "IPv$outer" "$1" "$(encryption "$encr")" "${lines[0]}" \
		"$(authentication "$encr")" "$ikey"
}

# decoded ALGORITHM: 2 pings of each family there and back
decoded() {
	local encr=$1 n good inner complete
	sa_pair "$tunnel1" "$tunnel2" || return 1
	rm -f /tmp/wire.log # what an earlier one said is no sign of this one
	"$enter" r tcpdump -U --immediate-mode -i w2 -n -s 0 -w /tmp/wire 'ip proto 50 or ip6 proto 50 or udp port 4500' \
		>/dev/null 2>/tmp/wire.log &
	n=$!
	wait_until 10 grep -qs listening /tmp/wire.log && reach 4 -c 2 >/dev/null && reach 6 -c 2 >/dev/null && wait_until 5 written
	complete=$?
	kill $n
	wait $n 2>/dev/null
	[ $complete = 0 ] || { echo 'not all that was sent was seen'; tcpdump -n -r /tmp/wire; return 1; }
	HOME=/tmp tshark -r /tmp/wire -o esp.enable_encryption_decode:TRUE -o esp.enable_authentication_check:TRUE \
		-o "uat:esp_sa:$(sa_line "$spi1")" -o "uat:esp_sa:$(sa_line "$spi2")" -T fields -e esp.spi -e esp.sequence \
		-e esp.icv_good -e icmp.type -e icmpv6.type -e esp.pad_len >/tmp/decoded 2>/tmp/decoded.err
	good=$(awk -F '\t' '$3 == 1' /tmp/decoded | wc -l)
	inner=$(awk -F '\t' '$4 ~ /^[08]$/ || $5 ~ /^12[89]$/' /tmp/decoded | wc -l)
	[ "$inner" = 8 ] && { [ "$good" = 8 ] || [ "$(authentication "$encr")" = NULL ]; } ||
		{ echo "$inner inner packets, $good good values"; cat /tmp/decoded /tmp/decoded.err; return 1; }
}

written() {
	[ "$(tcpdump -n -r /tmp/wire 2>/dev/null | wc -l)" -ge 8 ]
}

ktap_begin $((9 + 3 * 2))
world_up
outer=4 encap=udp
t 'a tunnel is up' tunnel_up
for algorithm in aes-gcm-128 aes-gcm-192 aes-gcm-256 aes-cbc-128/hmac-sha1 aes-cbc-128/hmac-sha2-256 \
	aes-cbc-192/hmac-sha2-384 aes-cbc-256/hmac-sha2-512 aes-cbc-256/hmac-sha2-256; do
	t "tshark reads $algorithm" decoded $algorithm
done
tunnel_down
for kind in 'none 4' 'udp 6' 'none 6'; do
	encap=${kind% *} outer=${kind#* }
	tunnel_up
	for algorithm in aes-gcm-256 aes-cbc-256/hmac-sha2-256; do
		t "tshark reads $algorithm, encapsulation $encap over IPv$outer" decoded $algorithm
	done
	tunnel_down
done
world_down
ktap_end
