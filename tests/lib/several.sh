# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Many connections between one certgated at hq and one other daemon at branch, each with something of its own to prove: to start two
# daemons for each is what takes the time. The peer has an address and a network of its own for each of them. Needs interop.sh.
#
#   several_up COUNT                          gives branch and branch-host the addresses, once
#   several_new                               forgets the connections
#   several_add MODE CERT POLICY [LINES...]   certgate's connection c$n with the peer at $peer (IPV6=yes: at that kind of address) and
#                                             its network $net. POLICY is a YAML map, the name of a built-in policy, or empty; LINES
#                                             go into the connection. Variables: SUBJECT, ANCHORS, REMOTE, REMOTE_NET as for interop_hq, and
#                                             REVOCATION (off: OCSP is not asked for)
#   several_hq                                writes hq's configuration
#   several_ping N [ADDRESS]                  both ways, with the host at the peer's, by default that of its network

several_up() {
	local i
	for ((i = 21; i <= $1 + 20; i++)); do
		printf 'addr add 203.0.113.%d/24 dev wan\naddr add 2001:db8:2::%d/64 dev wan nodad\n' $i $i
	done | on branch
	for ((i = 101; i <= $1 + 100; i++)); do
		echo "addr add 10.2.$i.10/32 dev lan"
	done | on branch-host
	echo 'route add 10.2.0.0/16 dev lan' | on branch
}

several_new() {
	n=0 several_policies=() several_connections=()
}

several_add() {
	local mode=$1 cert=$2 policy=$3 here=198.51.100.2 lines
	shift 3
	n=$((n + 1)) peer=203.0.113.$((20 + n)) net=10.2.$((100 + n)).0/24
	[ -z "${IPV6:-}" ] || here=2001:db8:1::2 peer=2001:db8:2::$((20 + n))
	if [[ $policy == '{'* ]]; then
		several_policies+=("p$n: $policy")
		policy=p$n
	fi
	lines=("name: c$n" 'interface: {name: cg0}' "local_address: '$here'" "remote_address: '${REMOTE:-$peer}'" "mode: $mode"
		'local_networks: [10.1.0.0/16]' "remote_networks: [${REMOTE_NET:-$net}]" "outbound_certificate: $pki/$cert.pfx"
		"inbound_certificate: {subject_name: ${SUBJECT:-gw.branch.example}, chain: [$pki/branch-root.cer${ANCHORS:+, $ANCHORS}]${REVOCATION:+, revocation: $REVOCATION}}"
		${policy:+"policy: $policy"} "$@")
	several_connections+=("$(printf '    %s\n' "${lines[@]}" | sed '1s/   /  -/')")
}

several_hq() {
	gate_dir hq
	{
		printf "gateway: {listen: ['198.51.100.2', '2001:db8:1::2'], state_dir: %s}\npolicies:%s\n" "$gate_root/hq/state" \
			"$([ ${#several_policies[@]} != 0 ] || echo ' {}')"
		[ ${#several_policies[@]} = 0 ] || printf '  %s\n' "${several_policies[@]}"
		printf 'connections:\n'
		printf '%s\n' "${several_connections[@]}"
	} | gate_conf hq
}

several_ping() {
	local there=${2:-10.2.$((100 + $1)).10}
	wait_for 10 ns hq-host ping -q -c 1 -W 1 "$there" && ns hq-host ping -q -c 3 -i 0.2 -W 2 "$there" &&
		ns branch-host ping -q -c 3 -i 0.2 -W 2 -I "$there" 10.1.0.10
}
