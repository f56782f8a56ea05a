#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What comes for a tunnel while no user's socket serves it, or the next one is there and was not handed over: not a packet is lost, and nobody else's
# is taken.
#
# timeout: 240

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# user HOW ADDRESS: between.py in g1, which said what it did; it is $user
user() {
	rm -f /tmp/said
	"$enter" g1 python3 tests/kselftest/between.py "$1" "$2" /tmp/said >/tmp/user.out 2>&1 &
	user=$!
	wait_until 10 test -s /tmp/said || { cat /tmp/user.out; return 1; }
}

end() { # PID
	kill -9 "$1"
	wait "$1" 2>/dev/null
	return 0
}

# sockets N: so many have port 4500 in g1
sockets() {
	[ "$(ns g1 cat /proc/net/udp /proc/net/udp6 | grep -c '^ *[0-9]*: [0-9A-F]*:1194 ')" = "$1" ] || { ns g1 cat /proc/net/udp /proc/net/udp6; return 1; }
}

orphan() {
	[ "$(field 1 "x[0]['orphan']" socket list)" = True ]
}

# all_come COMMAND...: pings every 5 ms while it runs; none is lost
all_come() {
	local status=0 pings
	"$enter" c1 ping -q -n -c 300 -i 0.005 -W 1 10.2.0.2 >/tmp/ping.out &
	pings=$!
	pause 0.3
	"$@" || status=1
	wait $pings
	grep -q ' 0% packet loss' /tmp/ping.out && [ $status = 0 ] || { cat /tmp/ping.out; cgk 1 socket list; return 1; }
}

reaches() {
	reach 4 >/dev/null
}

# up [ADDRESS]: a tunnel whose socket at g1 is held, as between.py has it, or as the variable how says; tunnel_up's variables
up() {
	local address=${1:-${wan4[1]}}
	[ $# = 0 ] || shift
	tunnel_up "$@" || return 1
	socket_release 1
	ask 1 - - flush all && certs[1]=$(cert_add 1) && user "${how:-held}" "$address" && read -r child </tmp/said &&
		tunnel1=$(tunnel_add 1 "$@") && sa_pair "$tunnel1" "$tunnel2" && reaches
}

# alone: the user's socket goes, and nothing can be bound in its place
alone() {
	end "$user" && orphan && sockets 1
}

# forge HOW: for the SA that g1 has from g2, with a UDP checksum that is HOW
forge() {
	ns g2 python3 tests/kselftest/between.py forged "${wan4[1]}" "${wan4[2]}" "$spi2" "$1"
}

# counts AUTH SUM: so many packets of g1's SAs were not authentic, and so many of UDP had a wrong checksum
counts() {
	[ "$(drops 1 auth) $(ns g1 awk '/^Udp: [0-9]/ { print $8 }' /proc/net/snmp)" = "$1 $2" ] || { cgk 1 sa list; ns g1 cat /proc/net/snmp; return 1; }
}

sums() {
	local auth errors
	auth=$(drops 1 auth) errors=$(ns g1 awk '/^Udp: [0-9]/ { print $8 }' /proc/net/snmp)
	forge right && wait_until 5 counts $((auth + 1)) "$errors" && forge wrong && wait_until 5 counts $((auth + 1)) $((errors + 1))
}

# replaced: the user's socket goes, and before its close has returned the module's own is there
replaced() {
	end "$user" && sockets 1 && orphan
}

# changed: the user takes his socket back, which keeps what it gets from then on
changed() {
	kill -USR1 "$user" && wait_until 5 orphan && sockets 2 && ! reaches && alone && reaches
}

# kept: the same with a socket that may be shared, which the module's own comes after, not beside
kept() {
	local status=0
	kill -USR1 "$user" && wait_until 5 orphan && pause 0.5 && sockets 1 && ! reaches || status=1
	end "$user"
	reaches && wait_until 20 sockets 1 && return $status
}

# away: the user goes while his address is not there, for a moment
away() {
	local status=0
	ip -n g1 addr del "${wan4[1]}/24" dev wan
	end "$user" && sockets 1 && orphan || status=1
	ip -n g1 addr add "${wan4[1]}/24" dev wan && ip -n g1 route replace default via 192.0.2.1
	wait_until 5 reaches && return $status
}

# wider: who hears IPv4 as well does not follow who did not
wider() {
	user dual :: && orphan && [ "$(field 1 'len(x)' socket list)" = 2 ]
}

# both_up: a tunnel through the VRF and another one through none, whose sockets have one user
both_up() {
	local ids
	any=yes tunnel_up --underlay red || return 1
	socket_release 1
	ask 1 - - flush all && certs[1]=$(cert_add 1) && user several 0.0.0.0 && read -r -a ids </tmp/said || return 1
	tunnel1=$(tunnel_add 1 --underlay red --socket "${ids[1]}") && sa_pair "$tunnel1" "$tunnel2" && reaches &&
		remote_ts=10.3.0.0/24 tunnel_add 1 --socket "${ids[0]}" >/dev/null
}

stands_in() {
	kill -9 "$child" && wait_until 20 sockets_now 1
}

# sockets_now N: as sockets, and none of them is a process's
sockets_now() {
	sockets "$1" >/dev/null && ! kill -0 "$child" 2>/dev/null
}

# follow ADDRESS: the next user comes, waits, and hands over
follow() {
	user next "$1" && pause 0.3 && orphan && kill -USR1 "$user" && wait_until 10 grep -q done /tmp/said && ! orphan
}

# keeps: a stranger who may share the port has what he gets
keeps() {
	rm -f /tmp/user.out
	"$enter" g1 python3 tests/kselftest/between.py stranger "${wan4[1]}" - >/tmp/user.out 2>&1 &
	user=$!
	wait_until 10 grep -q bound /tmp/user.out || { cat /tmp/user.out; return 1; }
	sockets 2 && ! reaches && end "$user" && reaches
}

vrf_up() {
	local g
	for g in 1 2; do
		ip -n g$g link add red type vrf table 42 && ip -n g$g link set red up && ip -n g$g link set wan master red || return 1
		ns g$g sysctl -qw net.ipv4.udp_l3mdev_accept=1
	done
	ip -n g1 route add default via 192.0.2.1 vrf red && ip -n g2 route add default via 198.51.100.1 vrf red
}

accept() { # 0 or 1
	ns g1 sysctl -qw net.ipv4.udp_l3mdev_accept="$1"
}

ktap_begin 27
world_up
t 'a tunnel is up' up
t 'its socket goes, and nothing can be bound in its place: not a packet is lost' all_come alone
t 'traffic crosses' reaches
t 'what has a wrong checksum is not taken' sums
t "when the port is free the module's own has it" stands_in
t 'the next socket is bound and handed over: not a packet is lost' all_come follow "${wan4[1]}"
t "its user is killed: the module's own is there at once, not a packet is lost" all_come replaced
t 'the next one goes while the address is not there: all the same' eval 'follow "${wan4[1]}" && away'
tunnel_down
t 'a tunnel over IPv6 is up' eval 'outer=6 up "${wan6[1]}"'
t 'its socket goes, and nothing can be bound in its place: not a packet is lost' all_come alone
t "when the port is free the module's own has it" stands_in
t 'the next socket is bound and handed over: not a packet is lost' all_come follow "${wan6[1]}"
end "$user"
tunnel_down
t 'a tunnel is up from a socket that its user will change' up
t 'he keeps what it gets, until it goes' changed
kill -9 "$child"
tunnel_down
t 'a tunnel is up from one that others may share' eval 'how=sharing up'
t 'its user takes it back, and keeps what it gets, until it goes' kept
tunnel_down
t 'a tunnel is up from one of all addresses of IPv6' eval 'any=yes outer=6 up ::'
t "when the port is free the module's own has it" eval 'alone && stands_in'
t 'one that hears IPv4 as well does not follow' wider
end "$user"
tunnel_down
tunnel_up
socket_release 1
t 'a stranger who shares the port keeps what he gets' keeps
tunnel_down
vrf_up
t "a tunnel through a VRF from a socket of none is up, which hears the VRF's" eval 'any=yes up 0.0.0.0 --underlay red'
t 'its socket goes, and nothing can be bound in its place: not a packet is lost' all_come alone
t 'and nothing is heard of a VRF that a socket would not hear' eval 'accept 0 && ! reaches && accept 1 && reaches'
kill -9 "$child"
tunnel_down
t 'tunnels are up from sockets of the VRF and of none' both_up
t "the VRF's is closed, and nothing can be bound in its place, nor does the other one hear the VRF: not a packet is lost" all_come eval 'accept 0 && kill -USR1 "$user" && pause 2 && sockets 1'
t "so is the other one: the module's own are there at once, both, and not a packet is lost" all_come eval 'end "$user" && sockets 2'
t 'traffic crosses' reaches
tunnel_down
world_down
ktap_end
