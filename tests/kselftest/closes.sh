#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Many sockets that tunnels use are closed at once: who asks for something meanwhile does not wait for their grace
# periods. Each has the module's own in its place. (User-mode Linux, with its one CPU, has no grace periods)
#
# timeout: 60
# kernels: 6.1 (6.12)
# smp: 6.1=2 6.12=2

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# up: 64 sockets, and a tunnel that uses each
up() {
	local ids n=0 id
	device_up 1 || return 1
	rm -f /tmp/said
	"$enter" g1 python3 tests/kselftest/closes.py "${wan4[1]}" /tmp/said >/tmp/user.out 2>&1 &
	user=$!
	wait_until 20 test -s /tmp/said || { cat /tmp/user.out; return 1; }
	read -r -a ids </tmp/said
	for id in "${ids[@]}"; do
		ask 1 - - tunnel add --dev cg0 --local "${wan4[1]}:$((4600 + n))" --remote "${wan4[2]}:4500" --encap udp --socket "$id" \
			--local-ts 10.1.0.0/24 --remote-ts "10.9.$n.0/24" >/dev/null || return 1
		n=$((n + 1))
	done
	[ $n = 64 ]
}

# closed: says how long it took, and how long who asked meanwhile has waited at most
closed() {
	rm -f /tmp/said
	kill -USR1 "$user"
	wait_until 30 test -s /tmp/said || { cat /tmp/user.out; return 1; }
	read -r turns once asked </tmp/said
	echo "half of them: $turns ms by turns, $once ms at once, who asked waited $asked ms"
}

stood_in() {
	[ "$(field 1 "sum(s['orphan'] for s in x)" socket list)" = 64 ] && [ "$(ns g1 grep -c '^ *[0-9]*: 020200C0:1[12]' /proc/net/udp)" = 64 ]
}

ktap_begin 4
world_up
t 'tunnels, and a socket for each' up
t 'the sockets are closed, half of them at once' closed
t 'who asks for something does not wait for them' eval 'echo "$turns $asked"; [ $((asked * 3)) -lt "$turns" ]'
t "the module's own stand in for all" stood_in
kill -9 "$user"
world_down
ktap_end
