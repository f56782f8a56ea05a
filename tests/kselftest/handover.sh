#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The owner of the UDP socket goes and comes while the tunnel is used: killed, replaced, bound to all addresses.
#
# timeout: 120

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

reaches() {
	reach 4 >/dev/null && reach 6 >/dev/null
}

# orphan GATEWAY: is the module's own socket serving?
orphan() {
	[ "$(field "$1" "x[0]['orphan']" socket list)" = True ] || { cgk "$1" socket list; return 1; }
}

socket_id() {
	field "$1" "[s['id'] for s in x]" socket list
}

kill_owner() {
	local was
	was=$(socket_id 1)
	listen 1
	kill -9 "${holders[1]}"
	wait "${holders[1]}" 2>/dev/null
	holders[1]=''
	wait_until 5 orphan 1 && [ "$(socket_id 1)" = "$was" ] || return 1
	listen_off
	[ "$(told event socket-lost)" = 1 ] || { cat /tmp/events; return 1; }
}

# nobody_reads: IKE to the module's own socket is thrown away, it does not pile up
nobody_reads() {
	local i
	for i in 1 2 3 4 5; do
		probe r ike 192.0.2.1 4500 "${wan4[1]}" 4500 || return 1
	done
	ns g1 awk '$2 ~ /:1194$/ { found = 1; if ($5 != "00000000:00000000") exit 1 } END { exit !found }' /proc/net/udp ||
		{ ns g1 cat /proc/net/udp; return 1; }
}

take_over() {
	local was
	was=$(socket_id 1)
	socket_hold 1 "$1" || return 1
	[ "$(socket_id 1)" = "$was" ] && ! orphan 1 >/dev/null && [ "$(cat /tmp/holder.1)" = "$(echo "$was" | tr -d '[]')" ]
}

# printed: what the owner hears of an IKE datagram, a keepalive and ESP of nobody
printed() {
	local before
	before=$(grep -c : /tmp/printer)
	probe r ike 192.0.2.1 4500 "${wan4[1]}" 4500 && wait_until 5 grows "$before" && sleep 0.2 &&
		[ "$(grep -c : /tmp/printer)" = $((before + 1)) ] && tail -n 1 /tmp/printer | grep -q 192.0.2.1:4500
}

grows() {
	[ "$(grep -c : /tmp/printer)" -gt "$1" ]
}

# no_loss: pings every 10 ms while the owner is killed; how many of 200 are lost
no_loss() {
	local lost
	"$enter" c1 ping -q -n -c 200 -i 0.01 -W 1 10.2.0.2 >/tmp/ping.out &
	sleep 0.7
	kill -9 "${holders[2]}"
	wait "${holders[2]}" 2>/dev/null
	holders[2]=''
	wait $!
	lost=$(sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p' /tmp/ping.out)
	echo "lost: $lost %"
	orphan 2 && [ "${lost%.*}" -lt 3 ]
}

busy_del() {
	! cgk 1 socket del "$(field 1 "x[0]['id']" socket list)" && reaches
}

# unchanged: a change of the handler is noticed, survived, and put right when the holder goes
changed() {
	local was pid
	was=$(socket_id 1)
	"$enter" g1 python3 - "$1" <<'END' &
import socket, sys, time
sys.path.insert(0, "tests/lib")
import nl
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("192.0.2.2", 4500))
a = nl.Family().do("SOCKET_NEW", nl.u32("SOCKET_FD", s.fileno()))
assert not a.error, a
s.setsockopt(17, 100, int(sys.argv[1]))
open("/tmp/changed", "w").close()
time.sleep(3)
END
	pid=$!
	wait_until 5 test -e /tmp/changed || return 1
	rm -f /tmp/changed
	wait $pid
	wait_until 5 orphan 1 && [ "$(socket_id 1)" = "$was" ] && reaches
}

gone() {
	[ "$(socket_id "$1")" = '[]' ] || { cgk "$1" socket list; return 1; }
}

wildcard() {
	local g
	for g in 1 2; do
		device_up $g && socket_hold $g "$1" && certs[g]=$(cert_add $g) || return 1
	done
	tunnel1=$(tunnel_add 1) && tunnel2=$(tunnel_add 2) && sa_pair "$tunnel1" "$tunnel2" && reaches
}

ktap_begin 18
world_up
t 'a tunnel is up' tunnel_up
t 'its socket cannot be deleted' busy_del
t 'traffic crosses' reaches
t 'the owner is killed: the module serves on, under the same number, and says so' kill_owner
t 'traffic crosses' reaches
t 'nothing piles up in the socket that nobody reads' nobody_reads
t 'a new owner takes over, under the same number' take_over "${wan4[1]}"
t 'traffic crosses' reaches
socket_release 1
wait_until 5 orphan 1
"$enter" g1 "$cg" kernel socket hold "${wan4[1]}:4500" --print >/tmp/printer 2>&1 &
holders[1]=$!
wait_until 5 grep -q . /tmp/printer
t 'IKE reaches the new owner, and neither keepalives nor ESP' printed
t 'no traffic is lost while an owner is killed' no_loss
socket_release 1
wait_until 5 orphan 1
t 'the handler is changed to none: traffic crosses when the socket is gone' changed 0
t "the handler is changed to the kernel's: traffic crosses when the socket is gone" changed 2
tunnel_down
t "with the tunnels the module's own sockets go" eval 'wait_until 5 gone 1 && wait_until 5 gone 2'
t 'a tunnel from sockets of all addresses' wildcard 0.0.0.0
t 'their owners are killed, traffic crosses' eval 'kill_owner && reaches'
tunnel_down
outer=6
t 'the same of IPv6' wildcard ::
t 'their owners are killed, traffic crosses' eval 'kill_owner && reaches'
tunnel_down
t 'the module can go' eval 'world_down; sleep 1; rmmod certgate'
ktap_end
