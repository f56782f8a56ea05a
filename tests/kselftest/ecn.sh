#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The traffic class across the tunnel: ECN by RFC 6040, DSCP hidden or copied, TTL.
#
# timeout: 120
# kernels: uml-debug (6.1) (6.12)

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# mark_ecn VALUE: the router writes it (0 to 3) into every outer packet towards g2; none: it does not
mark_ecn() {
	local value=([0]=not-ect [1]=ect1 [2]=ect0 [3]=ce)
	ns r nft flush ruleset
	[ "$1" != none ] || return 0
	ns r nft -f - <<END
table inet t {
	chain f {
		type filter hook forward priority 0
		oif w2 ip ecn set ${value[$1]}
		oif w2 ip6 ecn set ${value[$1]}
	}
}
END
}

# seen ADDRESS TOS: the traffic class that c2 sees of a datagram sent with TOS; none: it did not arrive
seen() {
	local before after
	before=$(wc -l </tmp/tos)
	probe c1 send "$1" 5003 "tos=$2" || return 1
	for _ in {1..10}; do
		after=$(wc -l </tmp/tos)
		[ "$after" = "$before" ] || break
		sleep 0.05
	done
	[ "$after" != "$before" ] || { echo none; return 0; }
	tail -n 1 /tmp/tos | python3 -c 'import json, sys; print(json.load(sys.stdin)["tos"])'
}

# seen_of ADDRESS: what c2 sees of datagrams sent with ECN 0 to 3, in this order; none: it did not arrive
seen_of() {
	local before i
	before=$(wc -l </tmp/tos)
	probe c1 send "$1" 5003 tos=0,1,2,3 size=100 || return 1
	# the last one always arrives
	for i in {1..40}; do
		tail -n +$((before + 1)) /tmp/tos | grep -q '"len": 103' && break
		sleep 0.05
	done
	tail -n +$((before + 1)) /tmp/tos | python3 -c 'import json, sys
seen = {o["len"] - 100: o["tos"] for o in map(json.loads, sys.stdin)}
print(*(seen.get(n, "none") for n in range(4)))'
}

# RFC 6040 figure 4, by outer and inner field: 0 not-ECT, 1 ECT(1), 2 ECT(0), 3 CE
matrix() {
	local out got table
	table=([0]='0 1 2 3' [1]='0 1 1 3' [2]='0 1 2 3' [3]='none 3 3 3')
	for out in 0 1 2 3; do
		mark_ecn $out && got=$(seen_of "$1") || return 1
		[ "$got" = "${table[out]}" ] || { echo "inner 0 to 3, outer $out: $got, not ${table[out]}"; return 1; }
	done
	mark_ecn none
}

# outer TOS FIELD: of the ESP packet that leaves g1 for a datagram with TOS
outer() {
	probe_start outer g1 sniff wan 5 1 || return 1
	probe c1 send "$3" 5003 "tos=$1"
	wait "${probes[outer]}"
	python3 -c 'import json, sys; print(json.loads(open("/tmp/outer").readline())[sys.argv[1]])' "$2"
}

# RFC 6040 figure 3, normal mode: the outer field is the inner one
outer_ecn() {
	local got
	probe_start outer g1 sniff wan 5 4 || return 1
	probe c1 send "$1" 5003 tos=0,1,2,3
	wait "${probes[outer]}"
	got=$(python3 -c 'import json
print(*(json.loads(line)["tos"] for line in open("/tmp/outer")))')
	[ "$got" = '0 1 2 3' ] || { echo "inner 0 to 3: $got"; return 1; }
}

dscp_hidden() {
	[ "$(outer $((46 << 2 | 2)) tos "$1")" = 2 ]
}

dscp_kept_inside() {
	[ "$(seen "$1" $((46 << 2 | 1)))" = $((46 << 2 | 1)) ]
}

dscp_copied() {
	[ "$(outer $((46 << 2 | 2)) tos "$1")" = $((46 << 2 | 2)) ]
}

ttl_is() {
	local got
	got=$(outer 0 ttl "$1")
	[ "$got" = "$2" ] || { echo "TTL $got, not $2"; return 1; }
}

# RFC 3948 section 2.1 would have it zero; IPv6 does not allow that
checksum_is_right() {
	local got
	got=$(outer 0 udp_checksum 10.2.0.2) || return 1
	[ "$outer$got" = 40 ] || { [ "$outer" = 6 ] && [ "$got" != 0 ]; } || { echo "UDP checksum $got"; return 1; }
}

ce_dropped_and_counted() {
	local before
	before=$(drops 2 ecn)
	mark_ecn 3
	[ "$(seen "$1" 0)" = none ] && [ "$(drops 2 ecn)" = $((before + 1)) ]
	before=$?
	mark_ecn none
	return $before
}

ktap_begin $((2 * 12))
world_up
probe_start tos c2 serve 5003
for out in 4 6; do
	outer=$out
	t "a tunnel is up over IPv$out" tunnel_up || exit 1
	for in in 4 6; do
		to=10.2.0.2
		[ $in = 4 ] || to=fd02::2
		t "ECN of IPv$in in IPv$out at the way in, by RFC 6040" outer_ecn $to
		t "ECN of IPv$in in IPv$out at the way out, by RFC 6040" matrix $to
		t "the DSCP of IPv$in is hidden in IPv$out, and kept" eval "dscp_hidden $to && dscp_kept_inside $to"
	done
	t "the UDP checksum of a single datagram is zero over IPv4 and never over IPv6: IPv$out" checksum_is_right
	t "congestion signalled to a flow that cannot know is a drop of its own, IPv$out" ce_dropped_and_counted 10.2.0.2
	t "the outer TTL is the namespace's, IPv$out" ttl_is 10.2.0.2 64
	cgk 1 tunnel set "$tunnel1" --ttl 33
	t "or the tunnel's, IPv$out" ttl_is 10.2.0.2 33
	tunnel_down
	tunnel_up --dscp-copy
	t "the DSCP is copied where that is chosen, IPv$out" eval 'dscp_copied 10.2.0.2 && dscp_copied fd02::2'
	tunnel_down
done
probe_stop tos
world_down
ktap_end
