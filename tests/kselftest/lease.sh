#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The lease: without one nothing happens; one that is renewed keeps SAs; one that is not stops them all, in both directions,
# for good.
#
# timeout: 120
# kernels: uml-debug 6.1 (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

remaining() {
	field 1 "x.get('remaining', 'none')" lease show
}

# renewing: renews it in the background, often enough
renewing() {
	while cgk 1 lease set $long; do
		sleep 1
	done &
	renewer=$!
}

new_sa() {
	sa_add 1 aes-gcm-256 "new.$1" --dir out --spi 0x7777 --tunnel "$tunnel1" --cert 1 --encr aes-gcm-256
}

ktap_begin 20
world_up
t 'tunnels' tunnel_up
stopwatch remaining >/dev/null
long=$((2 * took + 3))
t 'there is no lease at first' is none remaining
listen 1
t 'a lease' cgk 1 lease set $long
renewing
sleep $((long + 1))
t 'a lease that is renewed keeps the SAs' is active,active states 1
t 'they carry traffic' is 10 crossing 1
watch out r w1 'src 192.0.2.2 and udp port 4500'
watch in r w1 'dst 192.0.2.2 and udp port 4500'
watch lan c1 lan 'src 10.2.0.2'
pour 1
pour 2
sleep 1
kill $renewer
wait $renewer 2>/dev/null
cgk 1 lease set $long
lapse=$(($(date +%s%N) / 1000000 + long * 1000))
lapse=${lapse:0:-3}.${lapse: -3}
sleep $((long + 2))
t 'until it lapsed there was traffic' [ "$(seen out 0 "$lapse")" -gt 20 ]
t 'and deliveries' [ "$(seen lan 0 "$lapse")" -gt 20 ]
t 'then nothing is sent' is 0 seen out "$lapse" 9999999999
t 'and nothing delivered' is 0 seen lan "$lapse" 9999999999
t 'though the peer, without a lease, sends on' [ "$(seen in "$lapse" 9999999999)" -gt 20 ]
pour_off
watch_off
t 'the SAs died of it' is 'dead:lease,dead:lease' states 1
t 'the lease has no time left' is 0 remaining
t 'without a lease no SA' refuses 'lease has lapsed' new_sa 1
t 'drops are counted as of a lifetime' [ "$(drops 1 lifetime)" -gt 20 ]
t 'a new lease' cgk 1 lease set 600
t 'revives nothing' is 'dead:lease,dead:lease' states 1
t 'but lets new SAs in' new_sa 2
t 'a lease can be ended' eval 'cgk 1 lease set 0 && is none remaining'
listen_off
t 'one event told of the lapse' is 1 told lease-lapsed
t 'and none of the SAs' is 0 told sa-dead
tunnel_down
world_down
ktap_end
