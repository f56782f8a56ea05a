# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What holds where a burst is not settled by who brings it, but later: at an asynchronous cipher, or on another CPU. Sourced after watch.sh; datagrams
# go to a server at port 5002 of c2.

in_order() { # [ADDRESS [segment]]
	local got
	got=$(bulk c1 udp-send "${1:-10.2.0.2}" 5002 2000 1000 ${2:-}) && [ "$got" = '2000 0 0 0' ] || { echo "different, twice, changed, behind: $got"; return 1; }
}

# dies: nothing passes when the call is over, in either direction
dies() {
	local got
	flood 1
	flood 2
	wait_until 20 both_receive || return 1
	cgk 1 cert revoke "$(key root 32)" || return 1
	got=$(sent_and_received)
	sleep 1
	[ "$(sent_and_received)" = "$got" ] || { echo "$got, a second later $(sent_and_received)"; return 1; }
}

both_receive() {
	[ "$(received 1)" -gt 20 ] && [ "$(received 2)" -gt 20 ]
}

# rests: what was poured has come, or is lost
rests() {
	local before
	before="$(received 1) $(received 2)"
	pause 0.5
	[ "$before" = "$(received 1) $(received 2)" ]
}

sent_and_received() {
	field 1 "'%d %d' % (sum(s['tx_packets'] for s in x), sum(s['rx_packets'] for s in x))" sa list
}

again() {
	pour_off
	tunnel_down
	cgk 1 cert unrevoke "$(key root 32)" && tunnel_up && flood 1 && flood 2 && wait_until 20 both_receive
}

receivers=()
# load SITE PORT [CPU]: numbered datagrams to the other site, as many as that CPU sends, until pour_off
load() {
	local peer=$((3 - $1)) received=/tmp/received.$2
	rm -f "$received"
	"$enter" "c$peer" python3 tests/kselftest/stress.py receive "$2" "$received" >"$received.wrong" 2>&1 &
	receivers[$2]=$!
	pouring="${pouring:-} $!"
	wait_until 20 test -s "$received" || return 1
	"$enter" "c$1" python3 tests/kselftest/stress.py send "10.$peer.0.2" "$2" "${3:-0}" &
	pouring="${pouring:-} $!"
}

# anew PORT...: what came there is forgotten: what comes from then on is what right is about
anew() {
	local port before
	for port; do
		before=$(grep -c '^anew$' "/tmp/received.$port.wrong")
		kill -HUP "${receivers[$port]}" && wait_until 20 forgot "$port" "$before" || return 1
	done
}

forgot() {
	[ "$(grep -c '^anew$' "/tmp/received.$1.wrong")" -gt "$2" ]
}

# came PORT: how many of these datagrams
came() {
	local seen
	read -r seen _ <"/tmp/received.$1"
	echo "$seen"
}

# so_many_came COUNT PORT...: at each of these ports
so_many_came() {
	local count=$1 port
	shift
	for port; do
		[ "$(came "$port")" -ge "$count" ] || return 1
	done
}

# right COUNT PORT: more than so many came, and all of them in order, once and whole
right() {
	local seen wrong
	read -r seen wrong <"/tmp/received.$2"
	[ "$seen" -gt "$1" ] && [ "$wrong" = 0 ] || { echo "$seen came, $wrong of them wrong:"; cat "/tmp/received.$2.wrong"; return 1; }
}
