#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Bursts that other CPUs do a part of: with all of them on the lists, and, where there are several CPUs, with those that wait. Traffic crosses in
# order, what is on a list when its certificate dies goes nowhere, and the module goes with it.
#
# timeout: 150
# kernels: uml-debug 6.12
# smp: 6.12=2

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

# nested: a tunnel within the tunnel, whose packets are on the lists twice
nested() {
	local g peer ids=()
	for g in 1 2; do
		peer=$((3 - g))
		ip -n "g$g" link add cgi type certgate && ip -n "g$g" link set cgi up &&
			ip -n "g$g" route add "10.1$peer.0.0/24" dev cgi && ip -n "g$g" route add "10.1$g.0.2/32" via "10.$g.0.2" &&
			ip -n "c$g" addr add "10.1$g.0.2/32" dev lo && ip -n "c$g" route add "10.1$peer.0.0/24" via "10.$g.0.1" src "10.1$g.0.2" &&
			ids[g]=$(cgk "$g" tunnel add --dev cgi --local "10.$g.0.1" --remote "10.$peer.0.1" --encap none \
				--local-ts "10.1$g.0.0/24" --remote-ts "10.1$peer.0.0/24") || return 1
	done
	sa_pair "${ids[1]}" "${ids[2]}" && in_order 10.12.0.2 && in_order 10.12.0.2 segment || return 1
	for g in 1 2; do
		ip -n "g$g" link del cgi || return 1
	done
}

several=$(($(nproc) > 1))
ktap_begin $((9 + 2 * several))
CERTGATE_SHARE=2
world_up
[ $several = 0 ] || trace_helpers || exit 1
probe_program=bulk probe_start tcp.c2 c2 tcp-serve 5001
probe_program=bulk probe_start udp.c2 c2 udp-serve 5002
t 'all bursts are to be shared' is 2 cat /sys/module/certgate/parameters/share
t 'a tunnel is up' tunnel_up
t 'datagrams arrive once and in order' in_order
t 'in a tunnel within the tunnel, too' nested
t 'TCP passes' bulk c1 tcp-send 10.2.0.2 5001 4
if [ $several = 1 ]; then
	t 'other CPUs helped' helped
	t 'one that goes and comes takes nothing along' cpu_comes_and_goes
fi
t 'a revocation under traffic lets nothing pass' dies
t 'and traffic goes on in another tunnel' again
t 'the module goes with bursts on the lists' rmmod certgate
pour_off
CERTGATE_SHARE=1
t 'and comes back' module_load
socket_release 1
socket_release 2
world_down
ktap_end
