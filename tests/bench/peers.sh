# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The bench's topology, and what can lie between its gateways: nothing but routing, certgate, the kernel's own IPsec (xfrm) or
# WireGuard. Sourced by tests/bench/guest after tests/lib/tunnels.sh, whose certgate tunnels these are.
#
#   c1 ────── g1 ────── g2 ────── c2
#   10.1.0.2  .1  192.0.2.1|.2  10.2.0.1  .2
#   fd01::2  ::1  2001:db8::1|::2  fd02::1  ::2

wan4=([1]=192.0.2.1 [2]=192.0.2.2)
wan6=([1]=2001:db8::1 [2]=2001:db8::2)
traffic=$CERTGATE_BUILD/bench/traffic
esn=--esn

# wire NS1 DEV1 ADDRESS4 ADDRESS6 NS2 DEV2 ADDRESS4 ADDRESS6
wire() {
	local n
	ip link add name "$2" netns "$1" type veth peer name "$6" netns "$5" || return 1
	for n in 1 5; do
		on "${!n}" <<-END || return 1
			addr add ${@:n+2:1} dev ${@:n+1:1}
			addr add ${@:n+3:1} dev ${@:n+1:1} nodad
			link set ${@:n+1:1} up
		END
	done
}

bench_world_up() {
	local n
	modprobe -q aesni_intel # as udev does on a machine that is started as usual
	for n in c1 g1 g2 c2; do
		ip netns add "$n" || return 1
		ip -n "$n" link set lo up
		ns "$n" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
			net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
			net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
	done
	wire c1 lan 10.1.0.2/24 fd01::2/64 g1 lan 10.1.0.1/24 fd01::1/64
	wire g1 wan ${wan4[1]}/24 ${wan6[1]}/64 g2 wan ${wan4[2]}/24 ${wan6[2]}/64
	wire c2 lan 10.2.0.2/24 fd02::2/64 g2 lan 10.2.0.1/24 fd02::1/64
	for n in 1 2; do
		ip -n c$n route add default via 10.$n.0.1
		ip -n c$n -6 route add default via fd0$n::1
	done
}

# outer_links on|off: UDP segmentation offload and GRO of the links between the gateways, which a plain NIC has not
outer_links() {
	local n
	for n in g1 g2; do
		ns $n ethtool -K wan tx-udp-segmentation "$1" >/dev/null || return 1
		[ "$1" = on ] || ns $n ethtool -K wan gro off >/dev/null || return 1
	done
}

# arrivals each|bursts: what c1 sends goes on at once, or waits for the next interrupt of its network, as a NIC's does
arrivals() {
	tc -n c1 qdisc del dev lan root 2>/dev/null
	[ "$1" = each ] || { modprobe -q sch_netem && tc -n c1 qdisc add dev lan root netem slot 2ms 2ms; }
}

# routes_up DEVICE|'': to the other site, through the device or, without one, to the other gateway
routes_up() {
	local me peer
	for me in 1 2; do
		peer=$((3 - me))
		if [ -n "$1" ]; then
			ip -n g$me route replace 10.$peer.0.0/24 dev "$1" && ip -n g$me -6 route replace fd0$peer::/64 dev "$1"
		else
			ip -n g$me route replace 10.$peer.0.0/24 via "${wan4[peer]}" &&
				ip -n g$me -6 route replace fd0$peer::/64 via "${wan6[peer]}"
		fi || return 1
	done
}

routes_down() {
	local me peer
	for me in 1 2; do
		peer=$((3 - me))
		ip -n g$me route del 10.$peer.0.0/24
		ip -n g$me -6 route del fd0$peer::/64
	done
}

# load_algorithm: the modules of ChaCha20-Poly1305, which its name alone does not load here; certgate's own dependencies are among them, which
# modprobe would have loaded before it
load_algorithm() {
	[ "$encr" != chacha20-poly1305 ] || modprobe -q -a chacha20poly1305 chacha-x86_64 poly1305-x86_64
	return 0
}

# ------------------------------------------------------------------ plain routing

plain_up() {
	routes_up ''
}

plain_down() {
	routes_down
}

plain_counters() {
	echo '- - -'
}

# ------------------------------------------------------------------ certgate

# The device's MTU is what an outer packet of 1500 bytes leaves, as with WireGuard; xfrm finds it by itself.
certgate_up() {
	local g mtu=1438
	load_algorithm
	[ -d /sys/module/certgate ] || insmod "$CERTGATE_KO" || return 1
	tunnel_up || return 1
	[ "$encap" = udp ] || mtu=1446
	[ "$outer" = 4 ] || mtu=1418
	for g in 1 2; do
		ip -n g$g link set cg0 mtu $mtu || return 1
	done
}

certgate_down() {
	tunnel_down && rmmod certgate
}

# PEER_counters: packets that g1 sealed, that g2 opened, and those that either dropped
certgate_counters() {
	local one two
	one=$(cgk 1 device list --json)
	two=$(cgk 2 device list --json)
	echo "$(sums '"tx_packets"' <<<"$one") $(sums '"rx_packets"' <<<"$two")" \
		"$(printf '%s\n' "$one" "$two" | sed -n '/"drops"/,/}/p' | grep -v '"drops"' | sums '"')"
}

# sums PATTERN: of the numbers in the lines of stdin that match
sums() {
	grep -e "$1" | sed 's/.*: *//; s/[^0-9].*//' | awk '{ n += $1 } END { print n + 0 }'
}

# ------------------------------------------------------------------ xfrm

encapsulators=()

# xfrm_state GATEWAY SPI FROM TO
xfrm_state() {
	local key algorithm udp=()
	key=$(keys "$encr" "$2")
	case $encr in
	aes-gcm-*) algorithm='rfc4106(gcm(aes))' ;;
	chacha20-poly1305) algorithm='rfc7539esp(chacha20,poly1305)' ;;
	esac
	[ "$encap" = none ] || udp=(encap espinudp 4500 4500 0.0.0.0)
	ip -n "g$1" xfrm state add src "$3" dst "$4" proto esp spi "0x$2" mode tunnel reqid 1 flag esn replay-window 4096 \
		aead "$algorithm" "0x$key" 128 "${udp[@]}"
}

# xfrm_policies GATEWAY OUR_NET THEIR_NET OUR_GATEWAY THEIR_GATEWAY
xfrm_policies() {
	local direction src dst from to
	for direction in out in fwd; do
		src=$2 dst=$3 from=$4 to=$5
		[ $direction = out ] || { src=$3 dst=$2 from=$5 to=$4; }
		ip -n "g$1" xfrm policy add src "$src" dst "$dst" dir $direction \
			tmpl src "$from" dst "$to" proto esp mode tunnel reqid 1 || return 1
	done
}

# xfrm_encapsulator GATEWAY ADDRESS: a process that holds the UDP socket, as an IKE daemon does
xfrm_encapsulator() {
	local i
	"$traffic" encapsulator "g$1" "$2" >/tmp/encapsulator."$1" &
	encapsulators+=($!)
	for i in {1..100}; do
		[ ! -s /tmp/encapsulator."$1" ] || return 0
		sleep 0.05
	done
	return 1
}

xfrm_up() {
	local me net=([1]=10.1.0.0/24 [2]=10.2.0.0/24) wan=([1]=${wan4[1]} [2]=${wan4[2]})
	modprobe -q -a esp4 esp6
	load_algorithm
	if [ "$outer" = 6 ]; then
		net=([1]=fd01::/64 [2]=fd02::/64) wan=([1]=${wan6[1]} [2]=${wan6[2]})
	fi
	routes_up '' || return 1
	for me in 1 2; do
		xfrm_state $me 00001001 "${wan[1]}" "${wan[2]}" && xfrm_state $me 00001002 "${wan[2]}" "${wan[1]}" &&
			xfrm_policies $me "${net[me]}" "${net[3 - me]}" "${wan[me]}" "${wan[3 - me]}" || return 1
		[ "$encap" = none ] || xfrm_encapsulator $me "${wan[me]}" || return 1
	done
}

xfrm_down() {
	local me
	for me in 1 2; do
		ip -n g$me xfrm policy flush && ip -n g$me xfrm state flush || return 1
	done
	[ ${#encapsulators[@]} = 0 ] || kill "${encapsulators[@]}"
	encapsulators=()
	routes_down
}

xfrm_counters() {
	local dropped
	dropped=$(for me in 1 2; do ns g$me cat /proc/net/xfrm_stat; done | awk '{ n += $2 } END { print n + 0 }')
	echo "$(ip -n g1 -s xfrm state list spi 0x1001 | xfrm_current) $(ip -n g2 -s xfrm state list spi 0x1001 | xfrm_current) $dropped"
}

# With the kernel's own ESP offload, which needs no hardware: super-packets of raw ESP are routed whole and cut and encrypted on
# their way to the device.
xfrm_offload_up() {
	modprobe -q -a esp4_offload esp6_offload && xfrm_up
}

# states that are gone hold the modules a moment longer
xfrm_offload_down() {
	local i
	xfrm_down || return 1
	for i in {1..100}; do
		! modprobe -q -r esp4_offload esp6_offload || return 0
		sleep 0.1
	done
	return 1
}

# a super-packet is one of the state's packets, but takes as many sequence numbers as it has segments
xfrm_offload_counters() {
	local sealed of_states
	read -ra of_states <<<"$(xfrm_counters)"
	sealed=$(ip -n g1 -s xfrm state list spi 0x1001 | sed -n 's/.*oseq 0x\([0-9a-f]*\).*/\1/p' | head -n 1)
	echo "$((16#$sealed)) ${of_states[1]} ${of_states[2]}"
}

# xfrm_current: packets of the states on stdin, from lines like "  1234(bytes), 56(packets)" below "lifetime current:"
xfrm_current() {
	awk '/lifetime current:/ { getline; sub(/.*, */, ""); sub(/\(.*/, ""); n += $0 } END { print n + 0 }'
}

# ------------------------------------------------------------------ WireGuard

# Its MTU is what an outer packet of 1500 bytes leaves, so that nothing of what the others carry whole is cut in two.
wireguard_up() {
	local me peer wan mtu=1440 port=51820
	modprobe -q wireguard
	wan=([1]=${wan4[1]} [2]=${wan4[2]})
	if [ "$outer" = 6 ]; then
		mtu=1420 wan=([1]="[${wan6[1]}]" [2]="[${wan6[2]}]")
	fi
	for me in 1 2; do
		(umask 077 && wg genkey >/tmp/wg.$me) && wg pubkey </tmp/wg.$me >/tmp/wg.$me.pub || return 1
	done
	for me in 1 2; do
		peer=$((3 - me))
		ip -n g$me link add wg0 type wireguard &&
			ns g$me wg set wg0 listen-port $port private-key /tmp/wg.$me peer "$(cat /tmp/wg.$peer.pub)" \
				endpoint "${wan[peer]}:$port" allowed-ips "10.$peer.0.0/24,fd0$peer::/64" &&
			ip -n g$me link set wg0 mtu $mtu up || return 1
	done
	routes_up wg0
}

wireguard_down() {
	ip -n g1 link del wg0 && ip -n g2 link del wg0
}

wireguard_counters() {
	local sealed opened dropped
	sealed=$(link_counters g1 wg0 tx_packets)
	opened=$(link_counters g2 wg0 rx_packets)
	dropped=$(($(link_counters g1 wg0 tx_dropped tx_errors rx_dropped rx_errors rx_frame_errors) +
		$(link_counters g2 wg0 tx_dropped tx_errors rx_dropped rx_errors rx_frame_errors)))
	echo "$sealed $opened $dropped"
}

# link_counters NAMESPACE DEVICE NAME...: the sum of these. `ip netns exec` mounts the namespace's own /sys.
link_counters() {
	local namespace=$1 device=$2
	shift 2
	# shellcheck disable=SC2016 # for the shell there
	ip netns exec "$namespace" sh -c 'cd /sys/class/net/$0/statistics && cat "$@"' "$device" "$@" | awk '{ n += $1 } END { print n }'
}
