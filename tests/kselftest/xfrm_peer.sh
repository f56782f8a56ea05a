#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The kernel's own IPsec as the peer: it opens what we seal and we what it seals, every algorithm, with and without extended
# sequence numbers, raw and in UDP, IPv4 and IPv6 inside; padding for traffic flow confidentiality of its making.
#
# timeout: 200
# kernels: uml-debug 6.1 (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# xfrm_keys SPI: the algorithms of `ip xfrm state add`
xfrm_keys() {
	local lines bits
	mapfile -t lines < <(keys "$encr" "$1")
	case $encr in
	aes-gcm-*) printf "%s\n" aead 'rfc4106(gcm(aes))' "0x${lines[0]}" 128 ;;
	chacha20-*) printf "%s\n" aead 'rfc7539esp(chacha20,poly1305)' "0x${lines[0]}" 128 ;;
	*/hmac-sha1) printf "%s\n" enc 'cbc(aes)' "0x${lines[0]}" auth-trunc 'hmac(sha1)' "0x${lines[1]}" 96 ;;
	*/hmac-sha2-*)
		bits=${encr##*-}
		printf "%s\n" enc 'cbc(aes)' "0x${lines[0]}" auth-trunc "hmac(sha$bits)" "0x${lines[1]}" $((bits / 2))
		;;
	esac
}

# xfrm_state FROM TO SPI [OPTION...]: on g2, what is to pad it being the last
xfrm_state() {
	local from=$1 to=$2 spi=$3 algorithm
	shift 3
	mapfile -t algorithm < <(xfrm_keys "$spi")
	ip -n g2 xfrm state add src "$from" dst "$to" proto esp spi "0x$spi" mode tunnel reqid 1 flag af-unspec ${esn:+esn} \
		${esn:+replay-window 128} "${algorithm[@]}" ${udp:+encap espinudp 4500 4500 0.0.0.0} "$@"
}

wans() {
	if [ "$outer" = 4 ]; then
		ours=${wan4[1]} theirs=${wan4[2]}
	else
		ours=${wan6[1]} theirs=${wan6[2]}
	fi
}

policies() {
	local family
	wans
	ip -n g2 xfrm policy flush
	for family in 4 6; do
		local here=10.2.0.0/24 there=10.1.0.0/24
		[ $family = 4 ] || here=fd02::/64 there=fd01::/64
		ip -n g2 xfrm policy add src $here dst $there dir out tmpl src "$theirs" dst "$ours" proto esp mode tunnel reqid 1 &&
			ip -n g2 xfrm policy add src $there dst $here dir in tmpl src "$ours" dst "$theirs" proto esp mode tunnel reqid 1 &&
			ip -n g2 xfrm policy add src $there dst $here dir fwd tmpl src "$ours" dst "$theirs" proto esp mode tunnel reqid 1 ||
			return 1
	done
}

# crosses ALGORITHM [OPTION...]: options are those of xfrm's outbound state
crosses() {
	local encr=$1 esn ours theirs
	shift
	wans
	for esn in '' --esn; do
		series=$((series + 1))
		printf -v spi1 %06x01 $series
		printf -v spi2 %06x02 $series
		ip -n g2 xfrm state flush
		xfrm_state "$ours" "$theirs" "$spi1" && xfrm_state "$theirs" "$ours" "$spi2" "$@" || return 1
		# shellcheck disable=SC2086 # nothing or one word
		sa_add 1 "$encr" "$spi2" --dir in --spi "0x$spi2" --tunnel "$tunnel1" --cert "${certs[1]}" --encr "$encr" $esn \
			>/dev/null &&
			sa_add 1 "$encr" "$spi1" --dir out --spi "0x$spi1" --tunnel "$tunnel1" --cert "${certs[1]}" --encr "$encr" \
				$esn >/dev/null || return 1
		echo_sizes {1..20} 1000 || return 1
		[ "$(field 1 "[s['rx_packets'] for s in x if s['spi'] == '$spi2'][0]" sa list)" -ge 42 ] || { cgk 1 sa list; return 1; }
	done
}

one_up() {
	device_up 1 && certs[1]=$(cert_add 1) || return 1
	udp=
	if [ "$encap" = udp ]; then
		udp=yes
		socket_hold 1 "$1" || return 1
		rm -f /tmp/encapsulator
		"$enter" g2 python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 100, 2)
s.bind((sys.argv[1], 4500))
print("ready", flush=True)
time.sleep(1000)' "$2" >/tmp/encapsulator &
		encapsulator=$!
		wait_until 10 test -s /tmp/encapsulator || return 1
	fi
	tunnel1=$(tunnel_add 1) && policies
}

one_down() {
	ip -n g1 link del cg0
	socket_release 1
	cgk 1 flush all
	[ -z "$udp" ] || kill $encapsulator
}

# library: certgate again, now that the library's ChaCha20-Poly1305 is loaded: it is bound to that, where it is a module. (On
# User-mode Linux it is in the kernel, so it is bound from the beginning.)
library() {
	[[ $CERTGATE_VM != uml* ]] || return 0
	modprobe -a chacha-x86_64 poly1305-x86_64 && rmmod certgate && module_load &&
		[ -e /sys/module/chacha_x86_64/holders/certgate ] && [ -e /sys/module/poly1305_x86_64/holders/certgate ]
}

ktap_begin $((${#kinds[@]} * 4 + 6 + ${#kinds[@]} / 2 * 2))
world_up
echo_up
algorithms='aes-gcm-256 chacha20-poly1305 aes-cbc-128/hmac-sha2-256 aes-gcm-128 aes-gcm-192 aes-cbc-192/hmac-sha2-384
	aes-cbc-256/hmac-sha2-512 aes-cbc-256/hmac-sha1'
for kind in "${kinds[@]}"; do
	encap=${kind% *} outer=${kind#* }
	wans
	kind="encapsulation $encap over IPv$outer"
	t "a tunnel to the kernel's own IPsec is up, $kind" one_up "$ours" "$theirs" || exit 1
	for algorithm in $algorithms; do
		t "it and we understand each other with $algorithm, $kind" crosses $algorithm
	done
	algorithms='aes-gcm-256 chacha20-poly1305 aes-cbc-128/hmac-sha2-256'
	if [ "$encap" = none ]; then
		t "and with padding for traffic flow confidentiality, $kind" crosses aes-gcm-256 tfcpad 300
		t "also with AES-CBC, $kind" crosses aes-cbc-128/hmac-sha2-256 tfcpad 300
	fi
	one_down
	[ -n "${with_library:-}" ] || t "certgate comes back with the library's ChaCha20-Poly1305" library
	with_library=yes
done
kill "$echo_pid"
world_down
ktap_end
