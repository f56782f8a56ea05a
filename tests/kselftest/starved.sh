#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Traffic while memory is short: a fifth of all allocations for packets fails that cannot wait, the module's and everybody's.
# Packets are lost, and counted, and that is all: nothing is delivered changed, no SA dies, and what comes after crosses. The
# debug kernel has the last word on what leaked.
#
# kernels: uml-debug
# timeout: 180

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

faults=/sys/kernel/debug/failslab

# starve PERCENT
starve() {
	echo "$1" >$faults/probability
}

trap 'starve 0; echo N >$faults/cache-filter' EXIT

# unreferenced: objects in memory that nobody knows any more, whoever made them
unreferenced() {
	sleep 5 # younger ones are left out
	echo scan >/sys/kernel/debug/kmemleak
	echo scan >/sys/kernel/debug/kmemleak
	grep -c '^unreferenced object' /sys/kernel/debug/kmemleak
}

# other_drops: causes of drops that shortage is no excuse for. A route takes memory as well.
other_drops() {
	local g
	for g in 1 2; do
		field "$g" "' '.join(sorted({w for s in x for w in s['drops']} - {'memory', 'queue', 'route'}))" sa list
	done | tr -d '\n'
}

# lost_by DIRECTION: packets that SAs of that direction lost for want of memory
lost_by() {
	local g
	for g in 1 2; do
		field "$g" "sum(s['drops'].get('memory', 0) for s in x if s['dir'] == '$1')" sa list
	done | awk '{ n += $1 } END { print n }'
}

# keep GATEWAY: somebody who looks on and keeps what he sees, until pour_off: what comes in there is not the module's own, so that
# it has to copy
keep() {
	rm -f "/tmp/keep.$1"
	"$enter" "g$1" python3 -c 'import socket, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.setsockopt(socket.SOL_SOCKET, 33, 256 << 20)
s.bind(("wan", 3))
print("bound", flush=True)
time.sleep(1000)' >"/tmp/keep.$1" &
	pouring="${pouring:-} $!"
	wait_until 10 grep -qs bound "/tmp/keep.$1"
}

# enough: both kinds of loss have been seen, and packets that were not lost. Of packets to be sent few are lost: pages and the structures of their
# skbs are used again. The stack's own may be lost as well, a neighbour's address among them, and with that all packets for a while.
enough() {
	[ "$(lost_by out)" -gt 4 ] && [ "$(lost_by in)" -gt 20 ] && [ "$(received 1)" -gt 10 ] && [ "$(received 2)" -gt 10 ]
}

# starving: datagrams, singly and in trains, and pings that are fragmented; how many of them arrived changed. Which allocations fail is
# chance: again, until enough has been lost, and not lost.
starving() {
	local round
	: >/tmp/starving
	for round in {1..10}; do
		starve 20
		{
			bulk c1 udp-send 10.2.0.2 5002 100 1000
			bulk c1 udp-send fd02::2 5002 400 1000 segment
			"$enter" c2 ping -n -q -c 200 -i 0.005 -W 0.1 10.1.0.2 >/dev/null
			"$enter" c1 ping -n -q -c 40 -i 0.005 -W 0.1 -s 4000 10.2.0.2 >/dev/null
		} >>/tmp/starving 2>/dev/null
		starve 0
		! enough || break
	done
	echo "$round rounds"
	cat /tmp/starving
	# whoever asks may get no answer either
	[ "$(awk 'NF == 4 { n += $3 } END { print n + 0 }' /tmp/starving)" = 0 ]
}

fewer() { # delivered than sent, and many all the same
	local g sent received
	for g in 1 2; do
		sent=$(sent $g) received=$(received $((3 - g)))
		echo "g$g sent $sent, of which $received were delivered"
		[ "$received" -gt 10 ] && [ "$received" -le "$sent" ] || return 1
	done
}

echo Y >$faults/ignore-gfp-wait
echo N >$faults/task-filter
echo 0 >$faults/verbose
echo 1 >$faults/interval
echo -1 >$faults/times
for cache in skbuff_head_cache skbuff_fclone_cache skbuff_small_head kmalloc-128 kmalloc-256 kmalloc-512 kmalloc-1k kmalloc-2k kmalloc-4k; do
	echo 1 >/sys/kernel/slab/$cache/failslab || exit 1
done
echo Y >$faults/cache-filter

ktap_begin $((${#kinds[@]} * 9 + 1))
world_up
unreferenced >/tmp/unreferenced
read -r before </tmp/unreferenced
probe_program=bulk probe_start udp.c2 c2 udp-serve 5002
for kind in "${kinds[@]}"; do
	encap=${kind% *} outer=${kind#* }
	what="IPv$outer, encapsulation $encap"
	t "a tunnel, $what" tunnel_up || exit 1
	keep 1
	keep 2
	t 'while allocations fail, nothing arrives changed' starving
	pour_off
	t 'packets to be sent were lost for want of memory' eval 'n=$(lost_by out); echo "$n were"; [ "$n" -gt 4 ]'
	t 'and received ones' [ "$(lost_by in)" -gt 20 ]
	t 'for no other reason' is '' other_drops
	t 'what was sent and not lost was delivered' fewer
	t 'the SAs live' is 'active,active active,active' eval 'echo "$(states 1) $(states 2)"'
	lost="$(lost_by out) $(lost_by in)"
	bulk c1 udp-send 10.2.0.2 5002 1 100 >/dev/null # the count begins anew
	t 'all that comes after crosses' is '400 0 0 0' bulk c1 udp-send 10.2.0.2 5002 400 1000
	t 'and nothing more is lost' is "$lost" eval 'echo "$(lost_by out) $(lost_by in)"'
	tunnel_down
done
probe_stop udp.c2
world_down
# packets that were lost have senders, whom the leak detector's report at the end names instead of the module
unreferenced >/tmp/unreferenced
read -r after </tmp/unreferenced
echo "# unreferenced objects before: $before, after: $after"
t 'what was lost is freed' [ $((after - before)) -lt 20 ]
ktap_end
