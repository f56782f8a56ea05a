# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The bench's rows of many SAs: adding them, the memory they take, a packet's cost among them, and revoking what they came
# from. Sourced by tests/bench/guest after peers.sh. Hosts 10.32.0.0+i behind g1 and 10.64.0.0+i behind g2 talk through
# tunnel i of PAIRS, 1,000 of them, spread over all.

sas=$CERTGATE_BUILD/bench/sas
near=10.32.0.0/11 far=10.64.0.0/11
active=1000

# many_hosts: c1 and c2 have the addresses, everybody but the gateways knows where they are
many_hosts() {
	ip -n c1 route add local $near dev lo && ip -n c2 route add local $far dev lo &&
		ip -n g1 route add $near via 10.1.0.2 && ip -n g2 route add $far via 10.2.0.2 &&
		ip -n c2 route add $near via 10.2.0.1 src 10.64.0.0
}

# many_routes VIA...: how the gateways reach the other side
many_routes() {
	ip -n g1 route replace $far "${@/WAN/${wan4[2]}}" && ip -n g2 route replace $near "${@/WAN/${wan4[1]}}"
}

# many_packets NAME REPEATS PAIRS
many_packets() {
	measure "$1" "$2" udp --address 10.64.0.0 --source 10.32.0.0 --stride $(($3 / active)) --flows $active \
		--sizes 512 --burst 32 --count 3200
}

# raw NAME WORD...: the result of one command as a line
raw() {
	local name=$1 result
	shift
	result=$("$@") || die "$name over $peer failed"
	echo "raw $name $peer 1 $result sealed=- opened=- dropped=-"
}

# silent PAIRS: of a burst into as many tunnels nothing is sealed, and nothing arrives
silent() {
	local before after
	before=$(link_counters g1 cg0 tx_packets)
	! "$traffic" udp --from c1 --to c2 --address 10.64.0.0 --source 10.32.0.0 --stride $(($1 / active)) --flows $active \
		--sizes 512 --burst 64 --count 64 2>/tmp/silent || return 1
	after=$(link_counters g1 cg0 tx_packets)
	[ "$before" = "$after" ] && grep -q 'burst 0: 0 of 64 datagrams came' /tmp/silent
}

# many_up: certgate's devices and sockets, no tunnel yet
many_up() {
	local g
	insmod "$CERTGATE_KO" || return 1
	for g in 1 2; do
		device_up $g && socket_hold $g "${wan4[g]}" || return 1
	done
}

many_down() {
	certgate_down
}

scale_plain() {
	peer=plain
	routes_up '' && many_routes via WAN || die 'no routes'
	many_packets sa-scale "$2" "$1"
}

# certgate_revoked SUFFIX PAIRS SAS REPEATS ROUNDS: so many SA pairs are added, used and revoked with their issuer on each
# gateway, from the beginning each time; what a packet costs is measured REPEATS times in the first round
certgate_revoked() {
	local pairs=$2 sas_each=$3 repeats=$4 rounds=$5 round
	for ((round = 1; round <= rounds; round++)); do
		many_up && many_routes dev cg0 || die 'certgate cannot be set up'
		if [ "$1" ]; then
			"$sas" fill 1 "$sas_each" >/dev/null && "$sas" fill 2 "$sas_each" >/dev/null || die 'no tunnel'
		else
			raw sa-install "$sas" fill 1 "$sas_each"
			raw sa-install "$sas" fill 2 "$sas_each"
		fi
		[ "$round" -gt 1 ] || many_packets "sa-scale$1" "$repeats" "$pairs"
		raw "revoke$1" "$sas" revoke 1 $((2 * round - 1)) $((2 * rounds))
		silent "$pairs" || die 'packets passed after the revocation'
		raw "revoke$1" "$sas" revoke 2 $((2 * round)) $((2 * rounds))
		many_down || die 'certgate cannot be taken down'
	done
}

scale_certgate() {
	peer=certgate
	certgate_revoked -one "$1" 1 "$2" $((($3 + 1) / 2))
	certgate_revoked '' "$1" "$1" "$2" "$2"
}

# The batches were written by tests/bench/run; from memory, so that their reading costs little. That packets go through the
# states is seen from the first and the last of those in use: listing them all would take minutes.
scale_xfrm() {
	local pairs=$1 repeats=$2 g number spi
	peer=xfrm
	modprobe -q esp4
	outer=4
	routes_up '' && many_routes via WAN || die 'no routes'
	# the first use of an algorithm loads and tests it
	xfrm_state 1 00001001 "${wan4[1]}" "${wan4[2]}" && ip -n g1 xfrm state flush || die 'no state'
	for g in 1 2; do
		xfrm_encapsulator $g "${wan4[g]}" || die 'no socket'
		cp "$CERTGATE_RESULTS/batch.$g" /dev/shm/batch || die 'no batch'
		raw sa-install "$sas" command "$pairs" ip -n g$g -batch /dev/shm/batch
		rm /dev/shm/batch
	done
	counters=plain_counters
	many_packets sa-scale "$repeats" "$pairs"
	counters=''
	for number in 0 $((pairs / active * (active - 1))); do
		printf -v spi 0x%x $((0x10000000 + number))
		for g in 1 2; do
			[ "$(ip -n g$g -s xfrm state get src "${wan4[1]}" dst "${wan4[2]}" proto esp spi "$spi" | xfrm_current)" -gt 3 ] ||
				die "packets went past the state with SPI $spi"
		done
	done
	xfrm_down
}

# scale PAIRS REPEATS REVOCATIONS PEER...
scale() {
	local peers=("${@:4}") p
	outer=4 encap=udp encr=aes-gcm-256
	many_hosts || die 'no hosts'
	for p in "${peers[@]}"; do
		"scale_$p" "${@:1:3}"
	done
}
