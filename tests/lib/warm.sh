# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Commands in namespaces, and Python, without the time that starting programs takes in an emulated machine: see enter.c and warm.py.
#
#   "$enter" NAMESPACE COMMAND...   runs it there; `-`: in no other than this one
#   python3 ARGUMENT...             as ever, but for its start; in a namespace: "$enter" NAMESPACE python3 ARGUMENT...
#   warm_up                         from here on Python is warm
#   pause SECONDS                   sleeps, without a process
#   breathe MILLISECONDS            the same, as long as becomes whoever has waited so long
#   conntrack_flush NAMESPACE       its NATs forget what they know

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

# conntrack_flush NAMESPACE: flows that are known keep their address; a tunnel that was silent long enough is what NATs forget
conntrack_flush() {
	ns "$1" python3 - <<'END'
import socket, struct
# delete all entries: NFNL_SUBSYS_CTNETLINK (1), IPCTNL_MSG_CT_DELETE (2)
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.bind((0, 0))
s.send(struct.pack("=IHHIIBBH", 20, 1 << 8 | 2, 5, 1, 0, 0, 0, 0))
s.recv(4096)
END
}

# pause SECONDS: sleep, without a process
pause() {
	[ -n "${pausing:-}" ] || { exec {pausing}<> <(:); }
	read -r -t "$1" -u "$pausing"
	return 0
}

# breathe MILLISECONDS: between two looks at what has been waited for so long; the longer the longer, an eighth of it, 50 to 500 ms. To look starts
# programs, and what does nothing but look keeps other machines from the CPU.
breathe() {
	local ms=$(($1 / 8))
	ms=$((ms < 50 ? 50 : ms > 500 ? 500 : ms))
	printf -v ms '0.%03d' $ms
	pause $ms
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
