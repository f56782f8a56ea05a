#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Bursts that other CPUs do a part of: with all of them on the lists, and, where there are several CPUs, with those that wait. Traffic crosses in
# order, among floods too, from whatever CPU it comes, and while CPUs go and come, what is on a list when its certificate dies goes nowhere, tunnels that lead into each
# other end, and the module goes with it. What rarely happens is seen in events of the module (kmod/trace.h).
#
# timeout: 150
# kernels: uml-debug 6.1 (6.12)
# smp: 6.1=2 6.12=2

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh
. tests/lib/later.sh

tracing=/sys/kernel/tracing

# trace_helpers: no names of processes are recorded beside an event (nor are they in buffers that are made later), which would have the kernel
# patch its scheduler: QEMU's emulation with a thread for each CPU (7.2) may go on with what it translated of code that is patched since, and an
# int3 in __schedule that was long gone from there has been a panic. For the same reason events are switched on before there is traffic.
trace_helpers() {
	{ mountpoint -q "$tracing" || mount -t tracefs none "$tracing"; } && echo 0 >"$tracing/options/record-cmd" &&
		echo 1 >"$tracing/events/workqueue/workqueue_execute_start/enable"
}

# helped: helpers were at work
helped() {
	grep -q 'function help_[0-3]' "$tracing/trace"
}

# events_on: the module's, from now on, in a buffer of their own; until the module goes
own=$tracing/instances/certgate
events_on() {
	{ [ -d "$own" ] || mkdir "$own"; } && echo >"$own/trace" && echo 1 >"$own/events/certgate/enable"
}

# steered_to CPU|'': what g2 gets from the gateway's network is for that CPU, or for the one that it comes in on. A kernel may have no
# receive packet steering: then it is that anyway.
steered_to() {
	local mask=0
	[ -z "$1" ] || printf -v mask %x $((1 << $1))
	ip netns exec g2 sh -c "cd /sys/class/net/wan/ && { [ ! -e queues/rx-0/rps_cpus ] || echo $mask >queues/rx-0/rps_cpus; }"
}

# cpu_comes_and_goes: another one, several times, with bursts under way
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
	wait_until 20 rests && is 10 crossing 1
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

# junk FROM TO: trains of 64 packets each for an SA that did not seal them, one after the other, made on one CPU, for another one of g2
junk() {
	steered_to "$2" || return 1
	"$enter" r python3 -c 'import os, socket, sys
os.sched_setaffinity(0, {int(sys.argv[3])})
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 103, 96)  # UDP_SEGMENT
spi = bytes.fromhex(sys.argv[1])
train = b"".join(spi + (1 << 30 | i).to_bytes(4, "big") + bytes(88) for i in range(64))
s.connect((sys.argv[2], 4500))
while True:
    s.send(train)' "$spi1" "${wan4[2]}" "$1" &
	pouring="${pouring:-} $!"
}

# through_junk: there is always more of them than a poll takes, on lists as well; what is authentic arrives nevertheless, and in order
through_junk() {
	local before
	before=$(drops 2 auth)
	junk 1 0 && load 1 7003 1 && wait_until 30 so_many_came 50 7003 || { echo "$(came 7003) came"; pour_off; return 1; }
	pour_off
	steered_to ''
	[ "$(drops 2 auth)" -gt $((before + 1000)) ] && right 50 7003
}

# at_work COMMAND...: it is seen that what waits is shared. With lockdep and KASAN the kernel's checks of a burst take most of a CPU's time and the
# cipher less than a quarter, below which nothing is: there it is not waited for, and order is what counts.
at_work() {
	[ "$CERTGATE_KERNEL" = smp-debug ] || "$@"
}

# trains: as many datagrams from c1 as can be, 40 at a time, which stay together as far as g1's cipher. On a busy machine TCP may lose so much that
# all it sends at once is less than what is worth sharing.
trains() {
	"$enter" c1 python3 -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 103, 1200)  # UDP_SEGMENT
s.connect(("10.2.0.2", 9))
while True:
    try:
        s.send(bytes(40 * 1200))
    except OSError:  # what the one before was answered, as nobody listens there
        time.sleep(0.001)' &
	pouring="${pouring:-} $!"
}

# side_by_side: a sender on each CPU, TCP that has the scheduler's, and trains, in one tunnel; they go on. With more than two of them, all CPUs have to
# be asked what they have in their queues before there is a list: that has been seen by the end.
side_by_side() {
	local cpu
	echo >"$tracing/trace"
	events_on && tunnel_up && stream 1 && trains || return 1
	for ((cpu = 0; cpu <= last; cpu++)); do
		load 1 $((7010 + cpu)) "$cpu" || return 1
		ports+=($((7010 + cpu)))
	done
	wait_until 30 so_many_came 500 "${ports[@]}" || { cat /tmp/received.701?; return 1; }
	[ $last = 1 ] || wait_until 30 at_work all_were_asked || { events; return 1; }
	all_right && wait_until 30 at_work helped || { echo 'no other CPU helped'; return 1; }
}

all_right() {
	local port
	for port in "${ports[@]}"; do
		right 499 "$port" || return 1
	done
}

# all_were_asked: for a lane that has got a list then
all_were_asked() {
	awk '/certgate_lane_asks: .* whom=-1$/ { asked[$(NF - 1)] } /certgate_lane_listed: / && $NF in asked { found = 1 } END { exit !found }' "$own/trace"
}

# events: how many of each kind
events() {
	awk '$5 ~ /^certgate/ { print $5, $NF }' "$own/trace" | sort | uniq -c
}

went_home() {
	grep -q "napi_goes_home: home=$last$" "$own/trace"
}

# more_came: of what came to these ports there is a good deal that was sent after what was under way a moment ago
more_came() {
	local port
	for port in "${ports[@]}"; do
		[ "$(came "$port")" -gt $((${were[$port]} + 300)) ] || return 1
	done
}

# comes_back: the last of these CPUs goes and comes until it has been seen, where there are more than two, that another one was at its
# NAPI when it was back, and gave it home. What it had when it went, the kernel's own queue of what it had received among it, has no order with what comes
# after (kmod/order.h). But for that, what others send is in order all the time; so is what it sends itself when it is back.
comes_back() {
	local round port online=/sys/devices/system/cpu/cpu$last/online
	local -A were
	unset 'ports[-1]' # it has moved to another one, and may overtake itself
	for ((round = 0; round < 4 || (last > 1 && round < 60); round++)); do
		[ $round -lt 4 ] || ! at_work went_home || break
		all_right && echo 0 >"$online" || return 1
		for port in "${ports[@]}"; do
			were[$port]=$(came "$port")
		done
		wait_until 30 more_came && anew "${ports[@]}" && echo 1 >"$online" && wait_until 30 so_many_came 500 "${ports[@]}" || { echo "round $round"; return 1; }
	done
	echo "$round rounds"
	[ $last = 1 ] || at_work went_home || { events; return 1; }
	load 1 7020 $last && load 2 7021 $last && ports+=(7020 7021) && wait_until 30 so_many_came 500 7020 7021 || { cat /tmp/received.70??; return 1; }
	pour_off
	all_right && wait_until 20 rests && is 10 crossing 1 && is 10 crossing 2
}

last=$(($(nproc) - 1)) several=$(($(nproc) > 1)) ports=()
ktap_begin $((9 + 5 * several))
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
	t 'what comes on several CPUs is in order, each for itself, though only what waits is shared' side_by_side
	t 'and while one of them goes and comes, whose work others do and give back' comes_back
	pour_off
fi
socket_release 1
socket_release 2
world_down
[ $several = 0 ] || [ ! -d "$own" ] || rmdir "$own"
ktap_end
