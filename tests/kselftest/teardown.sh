#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Everything goes away in every order, under traffic: devices, namespaces, processes and the module itself. What is not given
# back makes the module complain when it goes, and the kernel log fails the test.
#
# timeout: 300
# kernels: uml-debug (6.1) 6.12
# smp: 6.12=2

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# busy: tunnels with everything that keeps state: waiting activation, limits, a lease, a window that ends, a revocation. The floods come last, as
# they leave little time for anything else.
busy() {
	local before
	tunnel_up && stream 1 && stream 2 && wait_until 20 both_receive || return 1
	sa_add 1 aes-gcm-256 unused --dir in --spi 0x6001 --tunnel "$tunnel1" --cert "${certs[1]}" --encr aes-gcm-256 &&
		sa_add 1 aes-gcm-256 busy --dir out --spi 0x5001 --tunnel "$tunnel1" --cert "${certs[1]}" --encr aes-gcm-256 \
		--activate on-use --pair-spi 0x6001 --soft-seconds 100 --hard-seconds 1000 &&
		cgk 1 lease set 1000 && cgk 1 cert revoke "$(key nobody 32)" && before=$(received 1) && flood 1 && flood 2 &&
		wait_until 20 received_more "$before"
}

both_receive() {
	[ "$(received 1)" -gt 20 ] && [ "$(received 2)" -gt 20 ]
}

received_more() { # BEFORE
	[ "$(received 1)" -gt $(($1 + 50)) ]
}

idle() {
	pour_off
	socket_release 1
	socket_release 2
}

loaded() {
	[ -d /sys/module/certgate ]
}

# moved: the device lives in another namespace than its underlay, as WireGuard's can
moved() {
	ip netns add aside && ip -n g1 link set cg0 netns aside && ip -n aside link set cg0 up
}

not_there() {
	! "$@" >/dev/null 2>&1
}

ktap_begin 23
world_up
t 'traffic both ways' busy
t 'a device goes under traffic' ip -n g1 link del cg0
t 'with its tunnels' is 0 field 1 'len(x)' tunnel list
t 'and SAs' is 0 field 1 'len(x)' sa list
t 'bindings stay' is 1 field 1 'len(x)' cert list
idle
tunnel_down
world_down

world_up
t 'traffic again' busy
t 'the peer'"'"'s namespace goes under traffic, the socket open' ip netns del g2
kill "${holders[2]}"
wait "${holders[2]}" 2>/dev/null
holders[2]=''
t 'and is freed, its end of the link with it' wait_until 30 not_there ip -n r link show w2
t 'then ours, the process killed first' eval 'kill -KILL "${holders[1]}"; wait "${holders[1]}" 2>/dev/null; ip netns del g1'
holders[1]=''
idle
world_down
t 'the module goes after them' wait_until 20 rmmod certgate

world_up
t 'traffic once more' busy
t 'the module goes under traffic, sockets and all' rmmod certgate
t 'with its devices' not_there ip -n g1 link show cg0
t 'the processes have their sockets still' kill -0 "${holders[1]}" "${holders[2]}"
t 'and it comes back' module_load
idle
t 'without a memory' is '[]' field 1 x cert list
t 'for a tunnel anew' eval 'tunnel_up && is 10 crossing 1'
tunnel_down

t 'a device in another namespace than its underlay' eval 'tunnel_up && moved'
t 'goes with the underlay' eval 'idle; ip netns del g1; wait_until 20 not_there ip -n aside link show cg0'
ip netns del aside
world_down
t 'nothing holds the module' wait_until 20 rmmod certgate

# --- many times, at once
world_up
churn() {
	local i rounds='1 2 3 4 5 6' # each way with each kind of traffic
	[[ $CERTGATE_KERNEL == uml* ]] || rounds='1 2 3'
	for i in $rounds; do
		tunnel_up || return 1
		if [ $((i % 2)) = 0 ]; then
			flood 1
			flood 2
			sleep 0.1
		else
			stream 1
			stream 2
			wait_until 20 both_receive || return 1
		fi
		case $((i % 3)) in
		0) cgk 1 flush all & cgk 2 flush all & ip -n g1 link del cg0 ;;
		1) ip -n g2 link del cg0 & ip -n g1 link del cg0 & cgk 1 flush all ;;
		2) rmmod certgate && module_load ;;
		esac || return 1
		idle
		wait
		tunnel_down
	done
}
t 'requests, deletions and unloading at once, under traffic' churn
t 'leave a module that works' eval 'tunnel_up && is 10 crossing 1'
tunnel_down
world_down
t 'and that can go' wait_until 20 rmmod certgate
ktap_end
