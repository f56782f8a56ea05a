#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Bursts that other CPUs do a part of: with all of them on the lists, and, where there are several CPUs, with those that wait. Traffic crosses in
# order, among floods too and from whatever CPU it comes, what is on a list when its certificate dies goes nowhere, tunnels that lead into each other end, and the module goes with it.
#
# timeout: 150
# kernels: uml-debug 6.1 6.12
# smp: 6.1=2 6.12=2

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh
. tests/lib/later.sh

tracing=/sys/kernel/tracing

trace_helpers() {
	mountpoint -q "$tracing" || mount -t tracefs none "$tracing" || return 1
	echo 1 >"$tracing/events/workqueue/workqueue_execute_start/enable"
}

# helped: helpers were at work
helped() {
	grep -q 'function help_[0-3]' "$tracing/trace"
}

# cpu_comes_and_goes: the other one, several times, with bursts under way
cpu_comes_and_goes() {
	local i
	flood 1
	flood 2
	stream 1
	wait_until 20 both_receive || return 1
	for i in 1 2 3 4; do
		echo 0 >/sys/devices/system/cpu/cpu1/online && sleep 0.2 && echo 1 >/sys/devices/system/cpu/cpu1/online && sleep 0.2 || return 1
	done
	pour_off
	is 10 crossing 1
}

# goes_round: 20 datagrams that come at once, in two tunnels whose peers are each reached through the other, are in four of them, one in
# the other, and then lost, though those that came together wait for each other on lists and queues
goes_round() {
	local id name one peer
	for name in cga:66:1 cgb:55:2; do
		IFS=: read -r name peer id <<<"$name"
		ip -n g1 link add "$name" type certgate && ip -n g1 link set "$name" up || return 1
		one=$(cgk 1 tunnel add --dev "$name" --local 192.0.2.2 --remote "10.$peer.0.1" --encap none --local-ts 0.0.0.0/0 --remote-ts 0.0.0.0/0) &&
			sa_add 1 aes-gcm-256 "round$id" --dir out --spi "0x600$id" --tunnel "$one" --cert "${certs[1]}" --encr aes-gcm-256 >/dev/null ||
			return 1
	done
	ip -n g1 route add 10.55.0.0/16 dev cga && ip -n g1 route add 10.66.0.0/16 dev cgb || return 1
	"$enter" g1 python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 103, 500)  # UDP_SEGMENT
s.sendto(bytes(10000), ("10.55.0.9", 9))' || return 1
	wait_until 10 is '80 20' round || return 1
	sleep 0.5
	is '80 20' round && ip -n g1 link del cga && ip -n g1 link del cgb
}

# round: packets that went into the two devices, and those that were no more to be routed
round() {
	field 1 "'%d %d' % tuple(sum(n(d) for d in x if d['name'] in ('cga', 'cgb')) for n in (lambda d: d['tx_packets'], lambda d: d['drops'].get('route', 0)))" device list
}

# junk: trains of 64 packets each for an SA that did not seal them, one after the other, at CPU 0 of g2, from the other one
junk() {
	# a kernel may have no receive packet steering: then they are the other CPU's own
	ip netns exec g2 sh -c 'cd /sys/class/net/wan/ && { [ ! -e queues/rx-0/rps_cpus ] || echo 1 >queues/rx-0/rps_cpus; }' || return 1
	"$enter" r python3 -c 'import os, socket, sys
os.sched_setaffinity(0, {1})
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 103, 96)  # UDP_SEGMENT
spi = bytes.fromhex(sys.argv[1])
train = b"".join(spi + (1 << 30 | i).to_bytes(4, "big") + bytes(88) for i in range(64))
s.connect((sys.argv[2], 4500))
while True:
    s.send(train)' "$spi1" "${wan4[2]}" &
	pouring="${pouring:-} $!"
}

# through_junk: there is always more of them than a poll takes, on lists as well; what is authentic arrives nevertheless, and in order
through_junk() {
	local before
	before=$(drops 2 auth)
	junk && load 1 7003 1 && wait_until 30 so_many_came 50 7003 || { echo "$(came 7003) came"; pour_off; return 1; }
	pour_off
	[ "$(drops 2 auth)" -gt $((before + 1000)) ] && right 50 7003
}

# side_by_side: two senders on a CPU each, and TCP that has the scheduler's, in one tunnel
side_by_side() {
	echo >"$tracing/trace"
	tunnel_up && stream 1 && load 1 7001 0 && load 1 7002 1 && wait_until 30 so_many_came 1500 7001 7002 || { echo "$(came 7001) $(came 7002) came"; return 1; }
	pour_off
	right 1000 7001 && right 1000 7002 && helped
}

several=$(($(nproc) > 1))
ktap_begin $((9 + 4 * several))
CERTGATE_SHARE=2
world_up
[ $several = 0 ] || trace_helpers || exit 1
probe_program=bulk probe_start tcp.c2 c2 tcp-serve 5001
probe_program=bulk probe_start udp.c2 c2 udp-serve 5002
t 'all bursts are to be shared' is 2 cat /sys/module/certgate/parameters/share
t 'a tunnel is up' tunnel_up
t 'datagrams arrive once and in order' in_order
t 'two tunnels that lead into each other end' goes_round
t 'TCP passes' bulk c1 tcp-send 10.2.0.2 5001 4
if [ $several = 1 ]; then
	t 'other CPUs helped' helped
	t 'among forged trains, each as much as a poll takes, what is authentic goes on' through_junk
	t 'one that goes and comes takes nothing along' cpu_comes_and_goes
fi
t 'a revocation under traffic lets nothing pass' dies
t 'and traffic goes on in another tunnel' again
t 'the module goes with bursts on the lists' rmmod certgate
pour_off
CERTGATE_SHARE=1
t 'and comes back' module_load
if [ $several = 1 ]; then
	socket_release 1
	socket_release 2
	t 'what comes on two CPUs is in order, each for itself, though only what waits is shared' side_by_side
fi
socket_release 1
socket_release 2
world_down
ktap_end
