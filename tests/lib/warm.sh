# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Commands in namespaces, and Python, without the time that starting programs takes in an emulated machine: see enter.c and warm.py.
#
#   "$enter" NAMESPACE COMMAND...   runs it there; `-`: in no other than this one
#   python3 ARGUMENT...             as ever, but for its start; in a namespace: "$enter" NAMESPACE python3 ARGUMENT...
#   warm_up                         from here on Python is warm

enter=${CERTGATE_BUILD:-$PWD/build}/tests/enter

python3() {
	"$enter" - python3 "$@"
}

# ns NAMESPACE COMMAND...: the same as "$enter"
ns() {
	"$enter" "$@"
}

# on NAMESPACE: what it reads are arguments of ip there, a line each (one program, not one a line); `on -`: where we are
on() {
	if [ "$1" = - ]; then
		ip -force -batch -
	else
		ip -n "$1" -force -batch -
	fi
}

# routers NAMESPACE...: they forward packets, and believe what is not from where they would send
routers() {
	local n
	for n; do
		"$enter" "$n" busybox sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
			net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
	done
}

# One for a machine is enough: scripts/lib/vm-tests has started it, or else we do.
warm_up() {
	local i
	[ ! -S "${CERTGATE_WARM:-}" ] || return 0
	export CERTGATE_WARM=/run/certgate-warm
	(setsid /usr/bin/python3 tests/lib/warm.py $CERTGATE_WARM </dev/null >/dev/null 2>&1 &)
	for ((i = 0; i < 300; i++)); do
		[ ! -S $CERTGATE_WARM ] || return 0
		sleep 0.05
	done
}
