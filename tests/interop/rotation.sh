#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 800
# kernels: uml
#
# Certificates change under traffic, again and again: a new outbound certificate, by reload and by a changed file, a new root beside the old one, the peer's
# certificate below it, the old root gone, and back, a new intermediate, a new subject. Each time the peers authenticate anew, by the certificate that is then to
# be in use, and of more than 1,000 numbered packets a second each way none is lost: with certgate at both ends, and with strongSwan at the other end, which
# answers and then sends on its new SA before we have judged it.
#
# ROTATIONS is how many with each of the two peers, all kinds together; 100 unless the environment says otherwise. Few of them are by a changed file:
# each waits until files have come to rest.
# KINDS, of outbound, file, root, intermediate and subject, leaves the others out.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh
. tests/lib/numbered.sh
. tests/lib/strongswan.sh
. tests/lib/strongswan_pair.sh
. tests/lib/rotation.sh

numbered_floor=1000
kinds=${KINDS:-outbound file root intermediate subject}

put() { # FROM TO: as whoever renews certificates should do it, in one step
	cp -p "$pki/$1" "$pki/$2.new" && mv "$pki/$2.new" "$pki/$2"
}

hq_conf() { # [WATCH]: seconds
	interop_hq current
	sed -i -e "/^gateway:/a\\  watch_files: ${1:-0}" -e "s,chain: .*,chain: [$pki/anchors.pem]," "$gate_root/hq/certgate.yaml"
}

count_of() { # GATEWAY EVENT
	grep -c "event=$2" "$gate_root/$1/log"
}

# How often each certgate has let its peer in.
tally() {
	local g
	for g in $gateways; do
		count_of "$g" peer-admitted
	done
}

# As a site changes its root: both are trusted, the peer goes below the new one, the old one is gone; and back.
change_root() { # TURN
	case $(($1 % 6)) in
	1 | 4) anchors both.pem ;;
	2) peer_has branch-o ;;
	3) anchors other-root.pem ;;
	5) peer_has branch ;;
	0) anchors branch-root.pem ;;
	esac
}

anchors() { # FILE
	put "$1" anchors.pem && gate hq reload >/dev/null
}

# certgate begins anew by itself; strongSwan is asked, which the same anchors in another order do.
peer_has() { # CERT
	if [ "$gateways" = hq ]; then
		swan_has "$1" && swan branch --load-all --file "$swan_root/branch/swanctl.conf" --noprompt >"$swan_root/branch/load" 2>&1 && anchors both-turned.pem
	else
		B_CERT=$1 interop_branch && gate branch reload >/dev/null
	fi
}

swan_has() { # CERT
	SWAN_REMOTE_ID='OU=*, CN=gw.hq.example' swan_branch "$1" aes256gcm16-prfsha256-ecp256 aes256gcm16-esn
}

change() { # WHAT TURN
	local which=$(($2 % 2))
	case $1 in
	outbound) put "hq-c$which.pfx" current.pfx && gate hq reload >/dev/null ;;
	file) put "hq-c$which.pfx" current.pfx ;;
	root) change_root "$2" ;;
	intermediate) put "hq-i$which.pfx" current.pfx && gate hq reload >/dev/null ;;
	# The peer refuses the new name until it is told of it; what is up goes on.
	subject)
		put "hq-s$which.pfx" current.pfx && gate hq reload >/dev/null &&
			B_SUBJECT=gw$which.hq.example interop_branch &&
			gate branch reload >/dev/null
		;;
	esac
}

# Whose certificate a turn is about, and which one is in use after it: in $whose and $cert.
changed() { # WHAT TURN
	whose=hq
	case $1 in
	outbound | file) cert=hq-c$(($2 % 2)) ;;
	intermediate) cert=hq-i$(($2 % 2)) ;;
	subject) cert=hq-s$(($2 % 2)) ;;
	root)
		whose=branch
		case $(($2 % 6)) in
		2 | 3 | 4) cert=branch-o ;;
		*) cert=branch ;;
		esac
		;;
	esac
}

turns() { # WHAT
	local i whose cert
	for ((i = 1; i <= count; i++)); do
		changed "$1" $i
		rotate "$whose" "$cert" change "$1" $i || { echo "rotation $i"; return 1; }
	done
}

rotations() { # WHAT
	# Files are looked at when that is what is tried: else the two ways would meet.
	if [ "$1" = file ]; then hq_conf 1; else hq_conf; fi
	gate hq reload && follow && no_packet_lost turns "$1" && unfollow
}

# Each of these kinds that is wanted, with its result
try() { # KIND...
	local kind all=${ROTATIONS:-100} by_file
	by_file=$((all / 12 + 1))
	for kind; do
		count=$(((all - by_file + $# - 2) / ($# - 1)))
		[ "$kind" != file ] || count=$by_file
		[ "$kind" != root ] || count=$(((count + 5) / 6 * 6)) # back to where it began
		[[ " $kinds " == *" $kind "* ]] || { ktap_skip "$count rotations: $kind" 'left out by KINDS'; continue; }
		t "$count rotations: $kind" rotations "$kind" || logs
		ktap_log /run/numbered
	done
}

logs() {
	ktap_log "$gate_root/hq/log" "$gate_root/branch/log" "$swan_root/branch/log"
}

# What is left is one SA each way, and nothing of those before.
one_is_left() {
	[ "$(ns hq build/certgate kernel sa list --json | grep -c '"spi"')" = 2 ] && [ "$(ns hq build/certgate kernel cert list --json | grep -c '"subject"')" = 1 ]
}

certificates() (
	pki_roots && pki_cert branch branch p256 && cd "$pki" || return 1
	mkpki_root other-root 'CN=Another Root,O=Branch' && mkpki_ca hq-ca1 hq-root 'CN=HQ Issuing CA 2,O=HQ' || return 1
	MKPKI_KEY=p256 mkpki_gateway branch-o other-root CN=gw.branch.example DNS:gw.branch.example && mkpki_pfx branch-o || return 1
	cat branch-root.pem other-root.pem >both.pem && cat other-root.pem branch-root.pem >both-turned.pem && cp branch-root.pem anchors.pem || return 1
	for i in 0 1; do
		MKPKI_KEY=p256 mkpki_gateway hq-c$i hq-ca "CN=gw.hq.example,OU=c$i" DNS:gw.hq.example && mkpki_pfx hq-c$i || return 1
		MKPKI_KEY=p256 mkpki_gateway hq-i$i "hq-ca${i/0/}" "CN=gw.hq.example,OU=i$i" DNS:gw.hq.example && mkpki_pfx hq-i$i || return 1
		MKPKI_KEY=p256 mkpki_gateway hq-s$i hq-ca "CN=gw$i.hq.example" "DNS:gw$i.hq.example" && mkpki_pfx hq-s$i || return 1
	done
	cp -p hq-c0.pfx current.pfx
)

ktap_begin 14
insmod "$CERTGATE_KO" || exit 1
scripts/peer strongswan || exit 1
topo_up && topo_isolate && certificates && remember_digests branch branch-o hq-{c,i,s}{0,1} || exit 1

gateways='hq branch'
hq_conf
interop_branch
interop_start && gate_start branch branch || exit 1
t 'the tunnel is up' eval 'gate_up hq branch && gate_up branch hq && ping_both' || logs
try outbound root intermediate file subject
t 'of all that one binding and one SA each way are left' wait_for 60 one_is_left || logs
before=$(tally)
hq_conf 1
gate hq reload
echo nonsense >"$pki/current.pfx"
t 'a changed file that cannot be used is told of, and the tunnel goes on' eval 'wait_for 30 eval "[ \$(count_of hq files-refused) = 1 ]" && [ "$(tally)" = "$before" ] && ping_both' || logs
put "hq-s$((count % 2)).pfx" current.pfx
gate_stop branch
gate_stop hq

put hq-c0.pfx current.pfx
put branch-root.pem anchors.pem
gateways=hq
MODE=initiator-only
hq_conf
swan_has branch
start_branch && interop_start || exit 1
t 'strongSwan is at the other end' eval 'gate_up hq branch && ping_both' || logs
try outbound root intermediate file
swan_stop branch
gate_stop hq
topo_down
t 'rmmod' wait_for 10 rmmod certgate
ktap_end
