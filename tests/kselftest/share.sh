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

several=$(($(nproc) > 1))
ktap_begin $((8 + 2 * several))
CERTGATE_SHARE=2
world_up
[ $several = 0 ] || trace_helpers || exit 1
probe_program=bulk probe_start tcp.c2 c2 tcp-serve 5001
probe_program=bulk probe_start udp.c2 c2 udp-serve 5002
t 'all bursts are to be shared' is 2 cat /sys/module/certgate/parameters/share
t 'a tunnel is up' tunnel_up
t 'datagrams arrive once and in order' in_order
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
