#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The kernel's own IPsec beside certgate, loaded before and after it: raw ESP and ESP in UDP of both, at the same time between
# the same addresses; SPIs that neither knows; and it goes on when certgate goes.
#
# timeout: 150
# kernels: uml-debug (6.1) 6.12

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

xfrm_key=0x$(key xfrm 36)

# xfrm_up [ENCAP...]: an xfrm tunnel between 10.11.1.1 on g1 and 10.11.2.1 on g2
xfrm_up() {
	local g me peer
	for g in 1 2; do
		me=$g peer=$((3 - g))
		ip -n g$g addr add 10.11.$me.1/32 dev lo 2>/dev/null
		ip -n g$g addr add fd11::$me/128 dev lo 2>/dev/null
		ip -n g$g xfrm state add src "${wan4[me]}" dst "${wan4[peer]}" proto esp spi 0x777$me mode tunnel \
			aead 'rfc4106(gcm(aes))' "$xfrm_key" 128 flag af-unspec "$@" || return 1
		ip -n g$g xfrm state add src "${wan4[peer]}" dst "${wan4[me]}" proto esp spi 0x777$peer mode tunnel \
			aead 'rfc4106(gcm(aes))' "$xfrm_key" 128 flag af-unspec "$@" || return 1
		ip -n g$g xfrm policy add src 10.11.$me.1/32 dst 10.11.$peer.1/32 dir out \
			tmpl src "${wan4[me]}" dst "${wan4[peer]}" proto esp mode tunnel || return 1
		ip -n g$g xfrm policy add src 10.11.$peer.1/32 dst 10.11.$me.1/32 dir in \
			tmpl src "${wan4[peer]}" dst "${wan4[me]}" proto esp mode tunnel || return 1
		ip -n g$g route replace 10.11.$peer.1/32 via "$(ip -n g$g -j route show default | python3 -c 'import json, sys
print(json.load(sys.stdin)[0]["gateway"])')" src 10.11.$me.1
	done
}

xfrm_down() {
	local g
	for g in 1 2; do
		ip -n g$g xfrm state flush
		ip -n g$g xfrm policy flush
	done
}

xfrm_reaches() {
	"$enter" g1 ping -q -n -c 3 -i 0.02 -W 2 -I 10.11.1.1 10.11.2.1 >/dev/null
}

both() {
	xfrm_reaches && reach 4 >/dev/null && reach 6 >/dev/null && xfrm_reaches
}

# xfrm_counts: it really was xfrm that carried them
xfrm_counts() {
	[ "$(ip -n g2 -s xfrm state get src "${wan4[1]}" dst "${wan4[2]}" proto esp spi 0x7771 |
		sed -n '/lifetime current/{n;s/.* \([0-9]*\)(packets).*/\1/p}')" -gt 2 ]
}

# unknown: a raw ESP packet of nobody is an event of ours, and counted by the kernel's own IPsec, which got it untouched
unknown() {
	local before after
	before=$(ns g2 awk '/XfrmInNoStates/ { print $2 }' /proc/net/xfrm_stat)
	rm -f /tmp/sent
	probe_start record r record w2 /tmp/sent 20 1 && reach 4 >/dev/null && wait_until 5 test -s /tmp/sent || return 1
	listen 2
	probe r inject w2 /tmp/sent spi=0badbad0 >/dev/null
	wait_until 5 told event unknown-spi >/dev/null
	listen_off
	after=$(ns g2 awk '/XfrmInNoStates/ { print $2 }' /proc/net/xfrm_stat)
	[ "$(told event unknown-spi spi 0badbad0)" = 1 ] && [ "$after" = $((before + 1)) ] ||
		{ cat /tmp/events; echo "XfrmInNoStates $before, then $after"; return 1; }
}

# not_unknown: what is xfrm's raises no event
not_unknown() {
	listen 2
	xfrm_reaches || return 1
	listen_off
	[ "$(told event unknown-spi)" = 0 ]
}

# In User-mode Linux it is built in.
unload_esp() {
	modprobe -r esp4_offload esp6_offload esp4 esp6 2>/dev/null
	! grep -q '^esp4 ' /proc/modules
}

ktap_begin 14
t 'esp4 is not loaded' unload_esp
world_up
encap=none
t 'a raw ESP tunnel is up' tunnel_up
t 'traffic crosses without esp4, or before it has anything to do' reach 4
t 'xfrm comes up beside it' xfrm_up
t 'both carry traffic' both
t 'xfrm carried its own' xfrm_counts
t "an SPI of neither is an event, and xfrm's to refuse" unknown
t "an SPI of xfrm is no event" not_unknown
xfrm_down
tunnel_down
encap=udp
t 'an ESP in UDP tunnel on port 4500' tunnel_up
# xfrm's own encapsulation socket must be on another port: 4501
for g in 1 2; do
	"$enter" g$g python3 -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 100, 2)
s.bind(("0.0.0.0", 4501))
time.sleep(1000)' &
	encapsulators="${encapsulators:-} $!"
done
sleep 0.5
t 'xfrm in UDP on port 4501' xfrm_up encap espinudp 4501 4501 0.0.0.0
t 'both carry traffic' both
tunnel_down
world_stays() {
	sleep 0.5
	rmmod certgate && xfrm_reaches
}
t 'certgate goes, xfrm stays' world_stays
t 'certgate comes back when esp4 is there already' module_load
t 'both carry traffic' eval 'encap=none tunnel_up && both'
# shellcheck disable=SC2086 # a list
kill $encapsulators
world_down
ktap_end
