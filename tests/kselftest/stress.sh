#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Rekeys, revocations, deletions of devices and changes of MTUs, one after the other in an order that chance gives, under full load in both
# directions, TCP in trains and numbered datagrams, for CERTGATE_STRESS_SECONDS (default: 10). No datagram arrives twice, changed or
# behind a later one, though CPUs share all bursts; no gateway sees a replay, a forgery or a malformed packet; traffic comes back after whatever happened; nothing is left behind.
#
# timeout: 150
# kernels: uml-debug (6.1) 6.12
# smp: 6.1=2 6.12=2

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh
. tests/lib/later.sh

seconds=${CERTGATE_STRESS_SECONDS:-10}
CERTGATE_SHARE=${CERTGATE_SHARE:-2}
encap=${kinds[0]% *} outer=${kinds[0]#* }
declare -A done_of=([rekey]=0 [revoke]=0 [device]=0 [mtu]=0 [path]=0)
renewed=0

# renew GATEWAY: a binding with a certificate of its own, for the SAs that come next
renew() {
	renewed=$((renewed + 1))
	leaf[$1]=peer$1.$renewed
	certs[$1]=$(cert_add "$1" "${leaf[$1]}")
}
leaf=()

# goes_on: both directions deliver
goes_on() {
	local before1 before2
	before1=$(came 7001) before2=$(came 7002)
	wait_until 30 more "$((before1 + 20))" "$((before2 + 20))" || { echo "$before1 $before2, now $(came 7001) $(came 7002)"; return 1; }
}

more() {
	[ "$(came 7001)" -gt "$1" ] && [ "$(came 7002)" -gt "$2" ]
}

# --- what happens

# rekey: a new pair; those that were before the last one go
old=([1]='' [2]='')
rekey() {
	local g id now=()
	for g in 1 2; do
		now[g]=$(field "$g" "' '.join(str(s['id']) for s in x)" sa list)
	done
	sa_pair "$tunnel1" "$tunnel2" --esn || return 1
	for g in 1 2; do
		for id in ${now[g]}; do
			[[ " ${old[g]} " != *" $id "* ]] || cgk "$g" sa del "$id" || return 1
		done
		old[g]=${now[g]}
	done
}

# revoke: one gateway's certificate; nothing is sent or delivered by it when the call is over
revoke() {
	local g=$((RANDOM % 2 + 1)) was=${certs[1]} before
	was=${certs[g]}
	cgk "$g" cert revoke "$(key "${leaf[g]}" 32)" >/dev/null || return 1
	before=$(under "$g" "$was")
	renew "$g" && sa_pair "$tunnel1" "$tunnel2" --esn || return 1
	is "$before" under "$g" "$was"
}

# under GATEWAY CERTIFICATE: packets of a binding
under() {
	field "$1" "next((c['tx_packets'], c['rx_packets']) for c in x if c['id'] == $2)" cert list
}

# device: one gateway's goes with its tunnel and SAs, and comes back
device() {
	local g=$((RANDOM % 2 + 1))
	ip -n "g$g" link del cg0 && device_up "$g" || return 1
	declare -g "tunnel$g=$(tunnel_add "$g")"
	sa_pair "$tunnel1" "$tunnel2" --esn
}

mtu() {
	ip -n "g$((RANDOM % 2 + 1))" link set cg0 mtu $((1280 + RANDOM % 160))
}

# path: the network between the gateways carries less, or all again
path() {
	ip -n r link set "w$((RANDOM % 2 + 1))" mtu $((1400 + RANDOM % 2 * 100))
}

stress() {
	local names=("${!done_of[@]}") name end round=0
	end=$(($(boot_ms) + seconds * 1000))
	while [ "$(boot_ms)" -lt $end ] || [ $round -lt ${#names[@]} ]; do
		# each once, then by chance
		name=${names[round < ${#names[@]} ? round : RANDOM % ${#names[@]}]}
		round=$((round + 1))
		"$name" || { echo "round $round: $name"; return 1; }
		goes_on || { echo "round $round: nothing passes after $name"; return 1; }
		done_of[$name]=$((done_of[$name] + 1))
	done
}

# --- and what came of it

# clean GATEWAY: below the root, whose counters outlive what was deleted
clean() {
	field "$1" "[f['drops'].get(d, 0) for f in x if f['sha256'] == '$(key root 32)' for d in ('replay', 'auth', 'malformed')]" fingerprint list
}

ktap_begin 9
world_up
t 'a tunnel is up' tunnel_up || exit 1
for g in 1 2; do
	renew $g
done
rekey
t 'under load in both directions' eval 'stream 1; stream 2; load 1 7001 && load 2 7002 && goes_on'
t "whatever happens in $seconds seconds, traffic comes back" stress
for name in "${!done_of[@]}"; do
	echo "# $name: ${done_of[$name]} times"
done
echo "# datagrams that came: $(came 7001) and $(came 7002)"
sleep 0.2
for g in 1 2; do
	t "what came from site $g came in order, once and whole" right 100 700$g
	t "gateway $g saw no replay and nothing that was not authentic" is '[0, 0, 0]' clean $g
done
pour_off
tunnel_down
world_down
t 'nothing holds the module' wait_until 20 rmmod certgate
t 'and it comes back' module_load
ktap_end
