# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Tunnels between two gateways, made with `certgate kernel …` and no daemon, for the tests of the module's data path.
#
#   c1 ── g1 ── r ── g2 ── c2
#   10.1.0.2  .1   192.0.2.2|.1     198.51.100.1|.2  10.2.0.1   .2
#   fd01::2  ::1   2001:db8:1::2|::1  2001:db8:2::1|::2  fd02::1  ::2
#
# Sourced from the top folder of the tree, in a VM, with ktap.sh.

cg=$PWD/build/certgate
wan4=([1]=192.0.2.2 [2]=198.51.100.2)
wan6=([1]=2001:db8:1::2 [2]=2001:db8:2::2)
holders=([1]='' [2]='') # processes that own the UDP sockets
certs=([1]='' [2]='')   # IDs of the bindings that SAs are made under

# A kind of tunnel is 'ENCAPSULATION FAMILY'. Of the four, each slow kernel tries two, which between them have both encapsulations
# and both families. What is for several kernels is for the debug kernel and 6.1, which complement each other, with 6.12 beside
# them or not; plain User-mode Linux tries all.
case ${CERTGATE_KERNEL:-} in
uml) kinds=('udp 4' 'none 6' 'udp 6' 'none 4') ;;
6.1) kinds=('udp 6' 'none 4') ;;
*) kinds=('udp 4' 'none 6') ;;
esac
[ -z "${CERTGATE_KIND:-}" ] || kinds=("$CERTGATE_KIND") # shared.sh

# cgk GATEWAY WORD...: certgate kernel WORD... in g1 or g2
cgk() {
	local g=$1
	shift
	"$enter" "g$g" "$cg" kernel "$@"
}

# module_load: with CERTGATE_SHARE=2 all bursts go over the lists of kmod/order.h, whatever waits
module_load() {
	insmod "$CERTGATE_KO" ${CERTGATE_SHARE:+"share=$CERTGATE_SHARE"}
}

# ask_up: this script has a process (ask.py) for ask(), which ends with it. Not a child of ours: `wait` would wait for it.
ask_up() {
	local dir
	dir=$(mktemp -d) && mkfifo "$dir/in" "$dir/out" || return 1
	(python3 tests/lib/ask.py <"$dir/in" >"$dir/out" 2>/dev/null &)
	exec {asking}<>"$dir/in" {answers}<"$dir/out"
}

# ask GATEWAY EXPRESSION TEXT WORD...: certgate kernel WORD... there, with TEXT to read (`-`: nothing); prints what it printed (`-`), or
# the EXPRESSION on its JSON. The same as cgk at a third of its cost, but one at a time: not in the background.
ask() {
	local g=$1 expression=$2 text=$3 status value
	shift 3
	printf '%s\0' "g$g" "$expression" "$text" "$cg" kernel "$@" '' >&"$asking"
	IFS= read -r -d '' status <&"$answers" && IFS= read -r -d '' value <&"$answers" || return 1
	if [ "$status" = 0 ]; then
		printf %s "$value"
	else
		printf %s "$value" >&2
	fi
	return "$status"
}

# world_up: the five namespaces and their links; the module is loaded, devices are not made
world_up() {
	local n
	# what udev loads on a machine that is started as usual: its ciphers are the asynchronous ones
	[ -n "${no_aesni:-}" ] || modprobe -q aesni_intel
	[ -d /sys/module/certgate ] || module_load || return 1
	on - <<-END || return 1
		netns add c1
		netns add g1
		netns add r
		netns add g2
		netns add c2
	END
	for n in c1 g1 r g2 c2; do
		ns "$n" busybox sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
	done
	routers c1 g1 r g2 c2
	on - <<-END || return 1
		link add name lan netns c1 type veth peer name lan netns g1
		link add name wan netns g1 type veth peer name w1 netns r
		link add name wan netns g2 type veth peer name w2 netns r
		link add name lan netns c2 type veth peer name lan netns g2
	END
	on r <<-END || return 1
		link set lo up
		addr add 192.0.2.1/24 dev w1
		addr add 2001:db8:1::1/64 dev w1 nodad
		addr add 198.51.100.1/24 dev w2
		addr add 2001:db8:2::1/64 dev w2 nodad
		link set w1 up
		link set w2 up
	END
	site_up 1 192.0.2 && site_up 2 198.51.100
}

# site_up NUMBER NETWORK: addresses and routes of a gateway, whose outer network is NETWORK, and of the host behind it
site_up() {
	local n=$1 out=$2
	on "c$n" <<-END || return 1
		link set lo up
		addr add 10.$n.0.2/24 dev lan
		addr add fd0$n::2/64 dev lan nodad
		link set lan up
		route add default via 10.$n.0.1
		route add default via fd0$n::1
	END
	on "g$n" <<-END
		link set lo up
		addr add 10.$n.0.1/24 dev lan
		addr add fd0$n::1/64 dev lan nodad
		link set lan up
		addr add $out.2/24 dev wan
		addr add 2001:db8:$n::2/64 dev wan nodad
		link set wan up
		route add default via $out.1
		route add default via 2001:db8:$n::1
	END
}

world_down() {
	local n
	for n in 1 2; do
		socket_release "$n"
	done
	on - >/dev/null 2>&1 <<-END
		netns del c1
		netns del g1
		netns del r
		netns del g2
		netns del c2
	END
	return 0
}

# key NAME BYTES: hex digits of a key that depends on NAME alone. set_key VARIABLE NAME BYTES: the same, into a variable
key() {
	local hex
	set_key hex "$@"
	printf %s "$hex"
}

set_key() {
	local digits='' i
	for ((i = 0; i < ${#2}; i++)); do
		printf -v digits '%s%02x' "$digits" "'${2:i:1}"
	done
	while [ ${#digits} -lt $(($3 * 2)) ]; do
		digits=${digits}ff$digits
	done
	printf -v "$1" %s "${digits:0:$(($3 * 2))}"
}

# keys ALGORITHM NAME: the lines `certgate kernel sa add` wants. set_keys VARIABLE ALGORITHM NAME: the same, into a variable
keys() {
	local lines
	set_keys lines "$@"
	printf %s "$lines"
}

set_keys() {
	local encr=${2%%/*} integ=${2#*/} bytes hex
	case $encr in
	aes-gcm-*) bytes=$((${encr##*-} / 8 + 4)) ;;
	chacha20-poly1305) bytes=36 ;;
	aes-cbc-*) bytes=$((${encr##*-} / 8)) ;;
	esac
	set_key hex "e$3" "$bytes"
	printf -v "$1" '%s\n' "$hex"
	case $integ in
	hmac-sha1) bytes=20 ;;
	hmac-sha2-*) bytes=$((${integ##*-} / 8)) ;;
	*) return 0 ;;
	esac
	set_key hex "i$3" "$bytes"
	printf -v "$1" '%s%s\n' "${!1}" "$hex"
}

# sa_add GATEWAY ALGORITHM NAME WORD...: certgate kernel sa add WORD..., with keys of that length that depend on NAME; prints its ID
sa_add() {
	local secret
	set_keys secret "$2" "$3"
	ask "$1" - "$secret" sa add "${@:4}"
}

# device_up GATEWAY [NAME]: the device, up, with the routes to the other site
device_up() {
	local me=$1 name=${2:-cg0} peer=$((3 - $1))
	on "g$me" <<-END
		link add $name type certgate
		link set $name up
		route replace 10.$peer.0.0/24 dev $name src 10.$me.0.1
		route replace fd0$peer::/64 dev $name src fd0$me::1
	END
}

# socket_hold GATEWAY ADDRESS: a process that owns the UDP socket of port 4500, until socket_release
socket_hold() {
	local g=$1 address=$2 i id
	case $address in
	*:*) address="[$address]" ;;
	esac
	: >/tmp/holder."$g"
	"$enter" "g$g" "$cg" kernel socket hold "$address:4500" >/tmp/holder."$g" 2>&1 &
	holders[g]=$!
	for i in {1..100}; do
		! { read -r id && [[ $id =~ ^[0-9]+$ ]]; } </tmp/holder."$g" || return 0
		pause 0.05
	done
	cat /tmp/holder."$g"
	return 1
}

socket_release() {
	[ -n "${holders[$1]}" ] || return 0
	kill "${holders[$1]}" 2>/dev/null
	wait "${holders[$1]}" 2>/dev/null
	holders[$1]=''
}

# cert_add GATEWAY [NAME [SECONDS]]: a binding of two certificates, prints its ID
cert_add() {
	local name=${2:-peer} leaf leaf_key root root_key
	set_key leaf "$name" 32
	set_key leaf_key "$name.key" 32
	set_key root root 32
	set_key root_key root.key 32
	ask "$1" - - cert add --link "$leaf:$leaf_key" --link "$root:$root_key" \
		--subject "CN=$name" --not-before now-3600 --not-after "now+${3:-3600}"
}

# tunnel_add GATEWAY [OPTION...]: from the variables outer (4 or 6), encap, dev; prints its ID. Selectors are the two sites
# unless local_ts or remote_ts say otherwise.
tunnel_add() {
	local me=$1 peer=$((3 - $1)) port='' here there
	shift
	[ "${encap:-udp}" = none ] || port=:4500
	if [ "${outer:-4}" = 4 ]; then
		here=${wan4[me]}$port there=${wan4[peer]}$port
	else
		here=${wan6[me]} there=${wan6[peer]}
		[ -z "$port" ] || { here="[$here]$port" there="[$there]$port"; }
	fi
	# shellcheck disable=SC2086 # lists
	ask "$me" - - tunnel add --dev "${dev:-cg0}" --local "$here" --remote "$there" --encap "${encap:-udp}" \
		--local-ts ${local_ts:-10.$me.0.0/24 fd0$me::/64} \
		--remote-ts ${remote_ts:-10.$peer.0.0/24 fd0$peer::/64} "$@"
}

# sa_pair TUNNEL1 TUNNEL2 [OPTION...]: both directions between the two tunnels with fresh keys, algorithm from the variable
# encr. Their SPIs are in spi1 (g1 to g2) and spi2 (g2 to g1), eight hex digits each.
series=256
sa_pair() {
	local tunnel=([1]=$1 [2]=$2) spi me peer algorithm=${encr:-aes-gcm-256}
	shift 2
	series=$((series + 1))
	printf -v spi1 %06x01 $series
	printf -v spi2 %06x02 $series
	spi=([1]=$spi1 [2]=$spi2)
	for me in 1 2; do
		peer=$((3 - me))
		sa_add "$me" "$algorithm" "${spi[peer]}" --dir in --spi "0x${spi[peer]}" --tunnel "${tunnel[me]}" \
			--cert "${certs[me]}" --encr "$algorithm" "$@" >/dev/null || return 1
	done
	for me in 1 2; do
		sa_add "$me" "$algorithm" "${spi[me]}" --dir out --spi "0x${spi[me]}" --tunnel "${tunnel[me]}" \
			--cert "${certs[me]}" --encr "$algorithm" "$@" >/dev/null || return 1
	done
}

# tunnel_up [OPTION...]: devices, sockets, certificates, a tunnel at either end (its ID is in tunnel1 and tunnel2) and
# an SA pair. Variables: any (not empty: sockets of all addresses), outer, encap, encr, esn (--esn or nothing); OPTIONs are the tunnel's.
tunnel_up() {
	local g bind
	for g in 1 2; do
		device_up "$g" || return 1
		if [ "${encap:-udp}" = udp ]; then
			case ${outer:-4}${any:+any} in
			4) bind=${wan4[g]} ;;
			6) bind=${wan6[g]} ;;
			4any) bind=0.0.0.0 ;;
			6any) bind=:: ;;
			esac
			socket_hold "$g" "$bind" || return 1
		fi
		certs[g]=$(cert_add "$g") || return 1
	done
	tunnel1=$(tunnel_add 1 "$@") && tunnel2=$(tunnel_add 2 "$@") || return 1
	# shellcheck disable=SC2086 # nothing or one word
	sa_pair "$tunnel1" "$tunnel2" ${esn:-}
}

# tunnel_down: all that tunnel_up made
tunnel_down() {
	local g
	for g in 1 2; do
		ip -n "g$g" link del cg0 2>/dev/null
		socket_release "$g"
		ask "$g" - - flush all
	done
}

# reach FAMILY [PING OPTION...]: c1 reaches c2
reach() {
	local to=10.2.0.2
	[ "$1" = 4 ] || to=fd02::2
	shift
	"$enter" c1 ping -q -c 3 -i 0.02 -W 2 "$@" "$to"
}

# echo_up: c2 answers UDP datagrams on port 7 of both families
echo_up() {
	"$enter" c2 python3 -c 'import select, socket
s = []
for f, a in ((socket.AF_INET, "10.2.0.2"), (socket.AF_INET6, "fd02::2")):
	s.append(socket.socket(f, socket.SOCK_DGRAM))
	s[-1].bind((a, 7))
print("ready", flush=True)
while True:
	for r in select.select(s, [], [])[0]:
		d, a = r.recvfrom(65535)
		r.sendto(d, a)' >/tmp/echo.out 2>&1 &
	echo_pid=$!
	until [ -s /tmp/echo.out ]; do pause 0.05; done
}

# echo_sizes SIZE...: datagrams with as many bytes go from c1 to c2's echo and back whole, with both families
echo_sizes() {
	"$enter" c1 python3 -c 'import os, socket, sys
for f, a in ((socket.AF_INET, "10.2.0.2"), (socket.AF_INET6, "fd02::2")):
	s = socket.socket(f, socket.SOCK_DGRAM)
	s.settimeout(3)
	s.connect((a, 7))
	for n in map(int, sys.argv[1:]):
		d = os.urandom(n)
		s.send(d)
		try:
			if s.recv(65535) != d:
				sys.exit(f"{n} bytes to {a} came back changed")
		except TimeoutError:
			sys.exit(f"{n} bytes to {a} were lost")' "$@"
}

# field GATEWAY 'PYTHON EXPRESSION ON x' WORD...: of what `certgate kernel WORD... --json` prints
field() {
	local g=$1 expression=$2
	shift 2
	ask "$g" "$expression" - "$@" --json
}

# drops GATEWAY CAUSE: of all SAs together
drops() {
	field "$1" "sum(s['drops'].get('$2', 0) for s in x)" sa list
}

# set_mac VARIABLE NAMESPACE DEVICE: the link-layer address of that device
set_mac() {
	local _ address
	read -r _ _ address _ < <(ip -n "$2" -br link show dev "$3")
	printf -v "$1" %s "$address"
}

# probe NAMESPACE WORD...: tests/lib/probe.py there
probe() {
	local n=$1
	shift
	"$enter" "$n" python3 tests/lib/probe.py "$@"
}

# bulk NAMESPACE WORD...: tests/lib/bulk.py there
bulk() {
	local n=$1
	shift
	"$enter" "$n" python3 tests/lib/bulk.py "$@"
}

# probe_start NAME NAMESPACE WORD...: probe.py (with probe_program=bulk: bulk.py) in the background, output in /tmp/NAME, once
# it listens; probe_stop NAME ends it
declare -A probes=()
probe_start() {
	local name=$1 i line
	shift
	rm -f "/tmp/$name"
	: >"/tmp/$name.err"
	"$enter" "$1" python3 "tests/lib/${probe_program:-probe}.py" "${@:2}" >"/tmp/$name" 2>"/tmp/$name.err" &
	probes[$name]=$!
	for i in {1..200}; do
		! { read -r line && [ "$line" = listening ]; } <"/tmp/$name.err" || return 0
		pause 0.05
	done
	cat "/tmp/$name.err"
	return 1
}

probe_stop() {
	kill "${probes[$1]}" 2>/dev/null
	wait "${probes[$1]}" 2>/dev/null
	return 0
}

warm_up
ask_up
