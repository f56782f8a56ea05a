#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 400
# kernels: uml (6.12)
#
# certgated at hq, libreswan at branch, in both roles: keys and ciphers, NAT, fragments, narrowing, rekeying by either side and by both at
# once, a cable that is cut, restarts, MOBIKE, fifty connections at once. Of what certgate has, Debian's pluto 4.10 has not: the groups 2 and 24, EdDSA,
# the methods of RFC 4754 ("legacy ECDSA is not implemented"), AUTH_LIFETIME (RFC 4478), announced methods (RFC 9593). After an
# IKE_INTERMEDIATE (RFC 9242), which it asks for with intermediate=yes, the initiator's signature is taken and the responder's is not: 4.10 has
# the signer's own exchanges first under it, where 3.3.2 has the initiator's. It does not begin childless (RFC 6023), and takes it. RSA by PKCS #1 with SHA-2
# (RFC 7427) it takes, and makes as the responder of who has signed so, as we do with a key in hardware that makes no PSS: hardware.sh has that. When
# both rekey the IKE SA at once it gives up the one that it made itself, whatever the nonces say, and with it a Child SA at times, which it says nothing of: traffic
# stops until certgate has made another one, in seconds, so that here it is not held to lose nothing.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh
. tests/lib/libreswan.sh
. tests/lib/numbered.sh
. tests/lib/several.sh

gcm_ike='aes_gcm256-sha2_256;dh31' gcm_suite=AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE25519

# libre_connection NAME CERT IKE ESP [LINES...]: one of libreswan's. Variables: LEFT, LEFT_NET, RIGHT, RIGHT_NET, AUTHBY, UPDOWN (%disabled:
# pluto waits for no script of routes, which are there anyway).
libre_connection() {
	local name=$1 cert=$2 ike=$3 esp=$4
	shift 4
	printf 'conn %s\n' "$name"
	printf '\t%s\n' "left=${LEFT:-203.0.113.2}" "leftsubnet=${LEFT_NET:-10.2.0.0/16}" "leftcert=$cert" leftid=%fromcert leftsendcert=always \
		sendca=issuer "right=${RIGHT:-198.51.100.2}" "rightsubnet=${RIGHT_NET:-10.1.0.0/16}" 'rightid="CN=gw.hq.example"' rightca=%any \
		ikev2=insist ${UPDOWN:+"leftupdown=$UPDOWN"} "ike=$ike" "esp=$esp" "authby=${AUTHBY:-rsasig}" "$@"
	[[ " $* " == *' auto='* ]] || printf '\tauto=add\n'
}

# libre_branch CERT IKE ESP [LINES...]: one connection
libre_branch() {
	libre_connection hq "$@" | libre_conf branch
}

start_branch() {
	libre_start branch branch || { cat "$libre_root"/branch/{out,log}; return 1; }
}

# initiate NAME
initiate() {
	timeout 15 "$enter" branch $libre_bin/whack --rundir "$libre_root/branch/run" --name "$1" --initiate | tee /tmp/initiate
	grep -q 'established Child SA' /tmp/initiate
}

stop_both() {
	gate_stop hq
	libre_stop branch
	: >"$gate_root/hq/log"
}

peer_log=$libre_root/branch/log # of both_ask

logs() {
	ktap_log "$gate_root/hq/log" "$libre_root/branch/log"
}

# said WORDS: libreswan's log has them
said() {
	grep -q -- "$1" "$libre_root/branch/log"
}

# subject_of CERT: libreswan's certificates of several keys have a subject each, since NSS knows them by one name for each subject
subject_of() {
	echo "${1/*-/}.branch.example" | sed 's/^rsa2048/gw/'
}

# meeting WHO WHAT CERT POLICY PEER-CERT IKE ESP [LINES...]: WHO begins, certgate or libreswan, with certgate's certificate and policy (see
# several_add) and libreswan's certificate and proposals. LINE: one more of certgate's connection. LINES go into libreswan's.
# Each begins when it is its turn, by order. SCHEME: of our signature, as libreswan's log names it. NEGOTIATED: the suites of the IKE SA and the Child SA, as
# status has them. PFS: libreswan rekeys the Child SA, which has this suite then.
meeting() {
	local who=$1 mode=responder-only
	[ "$who" = libreswan ] || mode=initiator-only
	SUBJECT=$(subject_of "$5") several_add $mode "$3" "$4" 'start: on-traffic' ${LINE:+"$LINE"}
	what[n]=$2 begins[n]=$who schemes[n]=${SCHEME:-} negotiated[n]=${NEGOTIATED:-} pfs[n]=${PFS:-}
	libre_connections+=$(LEFT=${LEFT:-$peer} RIGHT=${RIGHT:-${IPV6:+2001:db8:1::2}} LEFT_NET=${LEFT_NET:-$net} UPDOWN=%disabled libre_connection "c$n" "${@:5}")$'\n'
}

# WHAT CERT POLICY PEER-CERT IKE ESP [LINES...]: each of the two begins once
both_roles() {
	meeting certgate "$@"
	meeting libreswan "$@"
}

# has_suites N IKE ESP: as status says, and that libreswan has extended sequence numbers where we have
has_suites() {
	local esn=ESP
	[[ $3 == */NO_ESN ]] || esn=ESP/ESN
	echo "$(gate_field hq "c$1" ike.suite) $(gate_field hq "c$1" children.0.suite)"
	gate_is hq "c$1" ike.suite "$2" && gate_is hq "c$1" children.0.suite "$3" && said "\"c$1\".*established Child SA.*{$esn=>"
}

# libreswan_rekeys N SUITE: its Child SA
libreswan_rekeys() {
	local old
	old=$(gate_field hq "c$1" children.0.spi_in)
	libre branch --name "c$1" --asynchronous --rekey-ipsec && wait_for 10 eval '[ "$(gate_field hq "c'"$1"'" children.0.spi_in)" != "'"$old"'" ]' &&
		gate_is hq "c$1" children.0.suite "$2" && said "\"c$1\".*initiator rekeyed Child SA.*-\\(DH\\|MODP\\)" && several_ping "$1"
}

# meet N: two results, and what the meeting has more to prove
meet() {
	local say="${what[$1]}, ${begins[$1]} initiates"
	case ${begins[$1]} in
	certgate) t "$say: the tunnel is up" gate hq up "c$1" --wait 20 || logs ;;
	libreswan) t "$say: the tunnel is up" initiate "c$1" || logs ;;
	esac
	t "$say: ping crosses both ways" several_ping "$1" "${there[$1]:-}" || logs
	[ -z "${negotiated[$1]}" ] || t "$say: that is what was negotiated" has_suites "$1" ${negotiated[$1]} || logs
	[ -z "${pfs[$1]}" ] || t "$say: the Child SA is rekeyed with a key exchange of its own" libreswan_rekeys "$1" "${pfs[$1]}" || logs
	[ -z "${schemes[$1]}" ] || t "$say: signed that way" said "\"c$1\".*authenticated .*${schemes[$1]}" || { grep "\"c$1\".*authen" "$libre_root/branch/log"; logs; }
}

finish() {
	t 'nothing is left in the kernel' eval '[ "$(ns hq build/certgate kernel sa list --json)" = "[]" ]'
	topo_down
	t 'rmmod' wait_for 10 rmmod certgate
	ktap_end
}

if emulated; then ktap_begin 18; else ktap_begin 172; fi
scripts/peer libreswan || exit 1
insmod "$CERTGATE_KO" || exit 1
topo_up && topo_isolate && pki_roots && several_up 50 || exit 1
kinds='rsa2048 p256'
emulated || kinds='rsa2048 p256 p384 p521'
libre_dir branch
libre_authorities branch "$pki"/{branch-ca,branch-root,hq-root}.pem || exit 1
for kind in $kinds; do
	pki_cert hq "hq-$kind" "$kind" && pki_cert branch "branch-$kind" "$kind" "CN=$(subject_of "branch-$kind")" &&
		libre_cert branch "$pki/branch-$kind.pem" "$pki/branch-$kind.key" "branch-$kind" || exit 1
done

several_new
what=() begins=() schemes=() negotiated=() pfs=() there=() libre_connections='' rules=''
both_roles 'RSA, AES-GCM-256, X25519' hq-rsa2048 '' branch-rsa2048 "$gcm_ike" aes_gcm256
both_roles 'AES-CBC-256 with HMAC-SHA2-512, MODP 2048' hq-rsa2048 \
	'{ike: {encryption: [AES_CBC-256], integrity: [HMAC_SHA2_512_256], prf: [PRF_HMAC_SHA2_512], dh_groups: [MODP2048]}, ipsec: {encryption: [AES_CBC-256], integrity: [HMAC_SHA2_512_256]}}' \
	branch-rsa2048 'aes256-sha2_512;dh14' aes256-sha2_512
# With more anchors than are listed in a CERTREQ, the peer still sends its chain.
more=''
for i in {1..11}; do
	(cd "$pki" && mkpki_root "extra-$i" "CN=Extra $i") || exit 1
	more="$more${more:+, }$pki/extra-$i.cer"
done
ANCHORS=$more both_roles 'ESP in UDP, twelve anchors' hq-rsa2048 '' branch-rsa2048 "$gcm_ike" aes_gcm256 encapsulation=yes

if ! emulated; then
	AUTHBY=rsa-sha2 SCHEME=PSS both_roles 'RSA-PSS' hq-rsa2048 '' branch-rsa2048 "$gcm_ike" aes_gcm256
	AUTHBY=rsa-sha1 SCHEME=SHA1 LINE='allow_sha1_signatures: true' both_roles 'RSA with SHA-1 allowed' hq-rsa2048 '' branch-rsa2048 "$gcm_ike" aes_gcm256
	AUTHBY=ecdsa SCHEME='ECDSA with SHA2_256' both_roles 'P-256, AES-GCM-128, P-256' hq-p256 \
		'{ike: {encryption: [AES_GCM_16-128], prf: [PRF_HMAC_SHA2_256], dh_groups: [ECP256]}, ipsec: {encryption: [AES_GCM_16-128]}}' \
		branch-p256 'aes_gcm128-sha2_256;dh19' aes_gcm128
	AUTHBY=ecdsa SCHEME='ECDSA with SHA2_384' both_roles 'P-384, AES-CBC-192 with HMAC-SHA2-384, MODP 3072, PRF SHA2-384' hq-p384 \
		'{ike: {encryption: [AES_CBC-192], integrity: [HMAC_SHA2_384_192], prf: [PRF_HMAC_SHA2_384], dh_groups: [MODP3072]}, ipsec: {encryption: [AES_CBC-192], integrity: [HMAC_SHA2_384_192]}}' \
		branch-p384 'aes192-sha2_384;dh15' aes192-sha2_384
	AUTHBY=ecdsa SCHEME='ECDSA with SHA2_512' both_roles 'P-521, AES-GCM-192, P-521, PRF SHA2-512' hq-p521 \
		'{ike: {encryption: [AES_GCM_16-192], prf: [PRF_HMAC_SHA2_512], dh_groups: [ECP521]}, ipsec: {encryption: [AES_GCM_16-192]}}' \
		branch-p521 'aes_gcm192-sha2_512;dh21' aes_gcm192
	both_roles 'ChaCha20-Poly1305, MODP 4096' hq-rsa2048 \
		'{ike: {encryption: [CHACHA20_POLY1305], prf: [PRF_HMAC_SHA2_256], dh_groups: [MODP4096]}, ipsec: {encryption: [CHACHA20_POLY1305]}}' \
		branch-rsa2048 'chacha20_poly1305-sha2_256;dh16' chacha20_poly1305
	both_roles 'AES-CBC-128 with HMAC-SHA2-256, P-384' hq-rsa2048 \
		'{ike: {encryption: [AES_CBC-128], integrity: [HMAC_SHA2_256_128], prf: [PRF_HMAC_SHA2_256], dh_groups: [ECP384]}, ipsec: {encryption: [AES_CBC-128], integrity: [HMAC_SHA2_256_128]}}' \
		branch-rsa2048 'aes128-sha2_256;dh20' aes128-sha2_256

	NEGOTIATED='AES_CBC-256/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_2048 AES_CBC-128/HMAC_SHA1_96/ESN' both_roles 'AES-CBC with HMAC-SHA1, by choice' hq-rsa2048 \
		'{ike: {encryption: [AES_CBC-256], integrity: [HMAC_SHA1_96], prf: [PRF_HMAC_SHA1], dh_groups: [MODP2048]}, ipsec: {encryption: [AES_CBC-128], integrity: [HMAC_SHA1_96]}}' \
		branch-rsa2048 'aes256-sha1;dh14' aes128-sha1
	IPV6=yes both_roles 'IPv6 outside' hq-rsa2048 '' branch-rsa2048 "$gcm_ike" aes_gcm256
	# libreswan 4.10 asks for the group of the IKE SA, whatever esp= says.
	NEGOTIATED='AES_GCM_16-256/PRF_HMAC_SHA2_256/MODP_2048 AES_GCM_16-256/ESN' PFS=AES_GCM_16-256/MODP_2048/ESN both_roles 'PFS with MODP 2048, ESN' hq-rsa2048 \
		'{ike: {dh_groups: [MODP2048]}, ipsec: {encryption: [AES_GCM_16-256], pfs_group: [MODP2048]}}' \
		branch-rsa2048 'aes_gcm256-sha2_256;dh14' 'aes_gcm256;dh14' esn=yes
	NEGOTIATED='AES_GCM_16-256/PRF_HMAC_SHA2_256/ECP_256 AES_CBC-256/HMAC_SHA2_256_128/NO_ESN' PFS=AES_CBC-256/HMAC_SHA2_256_128/ECP_256/NO_ESN \
		both_roles 'PFS with P-256, no ESN' hq-rsa2048 \
		'{ike: {dh_groups: [ECP256]}, ipsec: {encryption: [AES_CBC-256], integrity: [HMAC_SHA2_256_128], pfs_group: [ECP256]}}' \
		branch-rsa2048 'aes_gcm256-sha2_256;dh19' 'aes256-sha2_256;dh19' esn=no

	# Where it is asked for a key exchange or none, for there may be none.
	LINE='key_log: true' meeting certgate 'without PFS' hq-rsa2048 '' branch-rsa2048 "$gcm_ike" aes_gcm256 pfs=no
	no_pfs=$n

	# It takes and makes no other hash.
	AUTHBY=rsa-sha2_384 SCHEME='RSASSA-PSS with SHA2_384' both_roles 'RSA-PSS with SHA2-384' hq-rsa2048 '' branch-rsa2048 "$gcm_ike" aes_gcm256
	AUTHBY=rsa-sha2_512 SCHEME='RSASSA-PSS with SHA2_512' both_roles 'RSA-PSS with SHA2-512' hq-rsa2048 '' branch-rsa2048 "$gcm_ike" aes_gcm256
	AUTHBY=ecdsa-sha2_512 SCHEME='ECDSA with SHA2_512' both_roles 'P-256 with SHA2-512' hq-p256 '' branch-p256 "$gcm_ike" aes_gcm256

	# IKE_AUTH without a Child SA, which is made by an exchange of its own (RFC 6023).
	LINE='childless: true' meeting certgate 'childless' hq-rsa2048 '{ipsec: {encryption: [AES_GCM_16-256], pfs_group: [CURVE25519]}}' branch-rsa2048 \
		"$gcm_ike" 'aes_gcm256;dh31'
	childless=$n

	# Nothing that is larger crosses, nor in fragments of IP.
	rules+='counter large {}
'
	for size in 576 1280; do
		first=$((n + 1))
		LINE="fragment_size: $size" both_roles "IKE fragments of $size bytes" hq-rsa2048 '' branch-rsa2048 "$gcm_ike" aes_gcm256 fragmentation=yes
		small="{ 203.0.113.$((20 + first)), 203.0.113.$((20 + n)) }"
		rules+="chain of_$size {
			type filter hook forward priority filter
			ip saddr $small udp dport { 500, 4500 } ip length > $size counter name large drop
			ip daddr $small udp dport { 500, 4500 } ip length > $size counter name large drop
			ip saddr $small ip frag-off & 0x3fff != 0 drop
			ip daddr $small ip frag-off & 0x3fff != 0 drop
		}
"
	done

	# A NAT before hq for one, before branch for the other.
	RIGHT=203.0.113.1 meeting certgate 'certgate behind a NAT' hq-rsa2048 '' branch-rsa2048 "$gcm_ike" aes_gcm256
	our_nat=$n
	nat="oifname \"branch\" ip saddr 198.51.100.2 ip daddr $peer masquerade"
	REMOTE=198.51.100.1 meeting libreswan 'libreswan behind a NAT' hq-rsa2048 '' branch-rsa2048 "$gcm_ike" aes_gcm256
	their_nat=$n
	rules+="chain out {
		type nat hook postrouting priority srcnat
		$nat
		oifname \"hq\" ip saddr $peer masquerade
	}
"

	# Each asks for more than there is, and takes what there is (RFC 7296 section 2.9).
	RIGHT_NET=10.0.0.0/8 meeting libreswan 'it asks for more than there is' hq-rsa2048 '' branch-rsa2048 "$gcm_ike" aes_gcm256 narrowing=yes
	their_more=$n net_more=$net
	REMOTE_NET=10.2.192.0/23 LEFT_NET=10.2.192.0/24 meeting certgate 'it asks for more than there is' hq-rsa2048 '' branch-rsa2048 \
		"$gcm_ike" aes_gcm256 narrowing=yes
	our_more=$n there[n]=10.2.192.10
	echo "addr add ${there[n]}/32 dev lan" | on branch-host
fi

# networks N OURS THEIRS: what of the child's networks is in force
networks() {
	gate_is hq "c$1" children.0.local_networks.0 "$2" && gate_is hq "c$1" children.0.remote_networks.0 "$3"
}

# we_rekey N SUITE: our Child SA, which a key log has made anew, over the IKE SA that there is
we_rekey() {
	local old ike
	old=$(gate_field hq "c$1" children.0.spi_in) ike=$(gate_field hq "c$1" ike.spi_i)
	gate hq keylog "c$1" on && wait_for 10 eval '[ "$(gate_field hq "c'"$1"'" children.0.spi_in)" != "'"$old"'" ]' && gate hq keylog "c$1" off &&
		gate_is hq "c$1" children.0.suite "$2" && several_ping "$1" && gate_is hq "c$1" ike.spi_i "$ike"
}

several_hq
libre_conf branch <<<"$libre_connections"
between "$rules"
start_branch && interop_start
for who in certgate libreswan; do
	for ((i = 1; i <= n; i++)); do
		[ "${begins[i]}" != $who ] || meet $i
	done
done
if ! emulated; then
	t 'libreswan made an IKE SA without a Child SA, and that later' eval 'said "\"c$childless\".*creating childless SA" && said "\"c$childless\".*responder established Child SA"' || logs
	t 'without PFS certgate rekeys the Child SA, for which libreswan chooses no key exchange' we_rekey $no_pfs AES_GCM_16-256/ESN || logs
	t 'of the small fragments, neither side tried anything larger' dropped large 0 || ns router nft list ruleset
	t 'status tells of the NAT before us' gate_is hq "c$our_nat" ike.nat local || gate hq status
	t 'and of that before libreswan' gate_is hq "c$their_nat" ike.nat remote || gate hq status
	t 'libreswan asked for more: it is what both have' networks $their_more 10.1.0.0/16 "$net_more" || { gate hq status; logs; }
	t 'certgate asked for more: likewise' networks $our_more 10.1.0.0/16 10.2.192.0/24 || { gate hq status; logs; }
fi
stop_both
nothing_between

# spi: of hq's Child SA, inbound; ike_spi: of its IKE SA
spi() {
	gate_field hq branch children.0.spi_in
}

ike_spi() {
	gate_field hq branch ike.spi_i
}

# whack OPTION...: as our processes start it; it does not wait for what the peer answers
whack() {
	libre branch --name hq --asynchronous "$@"
}

one_pair() {
	[ "$(ns hq build/certgate kernel sa list --json | grep -c '"spi"')" = 2 ]
}

# sas: what SAs there are: of hq by SPIs, of libreswan by its numbers of them and by the SPIs that its kernel has
sas() {
	echo "$(ike_spi) $(spi) $(gate_field hq branch children.0.spi_out)"
}

their_sas() {
	libre branch --status | grep -o '#[0-9]*: "hq".*ESTABLISHED_[A-Z]*_SA'
	ip -n branch xfrm state | grep -o 'spi 0x[0-9a-f]*' | sort
}

# one_each: Child SA at libreswan, IKE SA at libreswan, Child SA in our kernel
one_each() {
	libre branch --trafficstatus
	ns hq build/certgate kernel sa list
	[ "$(libre branch --trafficstatus | grep -c '"hq"')" = 1 ] && [ "$(libre branch --status | grep -c '"hq".*ESTABLISHED_IKE_SA')" = 1 ] &&
		one_pair
}

# Rekeying, by libreswan, and in User-mode Linux by certgate in time for its own limits.
group=''
emulated || group=';dh31' POLICY='{ike: {lifetime_seconds: 10}, ipsec: {encryption: [AES_GCM_16-256], lifetime_seconds: 12, pfs_group: [CURVE25519]}}'
MODE=default interop_hq hq-rsa2048
libre_branch branch-rsa2048 "$gcm_ike" "aes_gcm256$group" && start_branch && interop_start
t 'before rekeying: the tunnel is up' gate_up hq branch || logs
old=$(spi)
t 'libreswan rekeys the Child SA and nothing is lost' no_packet_lost lasting 2 whack --rekey-ipsec || logs
t 'the Child SA is a new one' wait_for 5 eval '[ "$(spi)" != "$old" ]' || logs
if ! emulated; then
	old=$(spi) ike=$(ike_spi)
	t 'certgate rekeys both SAs and nothing is lost' no_packet_lost lasting 12 true || logs
	t 'the Child SA is another one, and libreswan was the responder' eval '[ "$(spi)" != "$old" ] && said "responder rekeyed Child SA"' || logs
	t 'with a key exchange of its own' eval '[[ $(gate_field hq branch children.0.suite) == AES_GCM_16-256/CURVE25519/* ]] && said "responder rekeyed Child SA.*-DH31"' || { gate hq status branch; logs; }
	t 'so is the IKE SA' eval '[ "$(ike_spi)" != "$ike" ] && said "responder rekeyed IKE SA"' || logs
	POLICY=''
fi
t 'certgate down ends it at libreswan' eval 'gate hq down branch && wait_for 5 eval "[ -z \"\$(libre branch --trafficstatus)\" ]"' || logs
stop_both

! emulated || finish

MODE=initiator-only interop_hq hq-rsa2048 'dpd_delay: 2' 'dpd_timeout: 6' 'key_log: true'
libre_branch branch-rsa2048 "$gcm_ike" aes_gcm256 && start_branch && interop_start
t 'without limits of our own: the tunnel is up' gate_up hq branch || logs

# crossed WHAT: libreswan had asked before it answered, the last time that both did
crossed() {
	awk -v what="$1" -v heard="$heard" 'NR <= heard { next }
		/sent CREATE_CHILD_SA request to rekey/ { sent = NR } $0 ~ "responder rekeyed " what && !answered { answered = NR }
		END { exit !(sent && answered && sent < answered) }' "$libre_root/branch/log"
}

# A key log has certgate make its Child SAs anew. Which of two new ones goes is drawn (RFC 7296 section 2.8.1). libreswan 4.10 deletes neither, and
# sends nothing once the one that it made last is deleted, until there is another: certgate waits, half a minute if it is libreswan's that goes, which is
# not waited for here, or five seconds if it is its own, and rekeys the one that stays before it deletes that one.
before=$(grep -c event=child-rekeyed "$gate_root/hq/log")
t 'both rekey the Child SA at once and nothing is lost' no_packet_lost lasting 18 both_ask 'gate hq keylog branch on' 'whack --rekey-ipsec' || logs
t 'which crossed' eval 'crossed "Child SA" && [ $(($(grep -c event=child-rekeyed "$gate_root/hq/log") - before)) -ge 2 ]' || logs
t 'traffic crosses both ways after that' ping_both || logs

# The cable is cut. libreswan knows nothing of it: what it has of the old SAs is there when the cable is whole again.
between 'chain cut { type filter hook forward priority filter; drop; }'
t 'the cable is cut: the peer is given up' wait_for 20 eval '! gate_is hq branch state up' || logs
nothing_between
t 'it is whole again: so is the tunnel' eval 'gate_up hq branch && ping_both' || logs
t 'and certgate has one pair of SAs' wait_for 15 one_pair || logs

t 'libreswan starts anew: so does the tunnel' eval 'libre_stop branch; start_branch && wait_for 20 ping_both && gate_is hq branch state up' || logs
t 'with one of each' wait_for 15 one_each || { one_each; logs; }
ike=$(ike_spi)
t 'libreswan rekeys the IKE SA and nothing is lost' no_packet_lost lasting 2 whack --rekey-ike || logs
t 'the IKE SA is a new one' wait_for 5 eval '[ "$(ike_spi)" != "$ike" ] && said "initiator rekeyed IKE SA"' || logs
stop_both

# our_loss: both rekey the IKE SA at once, and by the nonces it is libreswan's that stays. That is drawn: until it is so. Each time certgate rekeys the Child SA, too, which
# must not be in the way of the next.
our_loss() {
	local n old rekeyed
	for n in {1..6}; do
		old=$(spi) rekeyed=$(grep -c event=ike-rekeyed "$gate_root/hq/log")
		both_ask true 'whack --rekey-ike' && crossed 'IKE SA' &&
			wait_for 5 eval '[ "$(grep -c event=ike-rekeyed "$gate_root/hq/log")" -gt $rekeyed ]' || return 1
		! grep event=ike-rekeyed "$gate_root/hq/log" | sed -n "$((rekeyed + 1))p" | grep 'by the peer' || return 0
		wait_for 10 eval '[ -n "$(spi)" ] && [ "$(spi)" != "$old" ]' || return 1
	done
	return 1
}

# libreswan 4.10 has answered before it has the answer to its own.
MODE=initiator-only POLICY='{ike: {lifetime_seconds: 10}}' interop_hq hq-rsa2048 'dpd_delay: 2' 'dpd_timeout: 6'
libre_branch branch-rsa2048 "$gcm_ike" aes_gcm256 && start_branch && interop_start
t 'an IKE SA of 10 seconds: the tunnel is up' gate_up hq branch || logs
t 'both rekey the IKE SA at once, until libreswan has made the one that is to stay' our_loss || logs
old=$(spi)
t 'but has given it up: certgate keeps its own' wait_for 20 grep -q event=ike-rekey-fallback "$gate_root/hq/log" || logs
t 'the Child SA is a new one soon' wait_for 15 eval '[ -n "$(spi)" ] && [ "$(spi)" != "$old" ]' || logs
t 'over which traffic crosses' ping_both || logs
t 'and nothing began anew' eval '[ "$(grep -c event=ike-established "$gate_root/hq/log")" = 1 ] && ! grep event=peer-dead "$gate_root/hq/log"' || logs
t 'there is one of each' wait_for 15 one_each || { one_each; logs; }
stop_both
POLICY=''

# restarted: another process of hq has gone on
restarted() {
	local before
	before=$(pid_of hq main)
	gate hq restart && [ "$(pid_of hq main)" != "$before" ]
}

# Who restarts, is cut off or crashes is not the one that begins.
MODE=responder-only interop_hq hq-rsa2048 'dpd_delay: 2' 'dpd_timeout: 6'
libre_branch branch-rsa2048 "$gcm_ike" aes_gcm256 auto=start dpddelay=1 dpdtimeout=4 dpdaction=restart retransmit-timeout=8s && interop_start && start_branch
t 'libreswan begins by itself: the tunnel is up' eval 'gate_up hq branch && ping_both' || logs
before="$(sas) $(their_sas)"
t 'certgate restarts and no packet is lost' no_packet_lost lasting 2 restarted || logs
t 'both have the SAs that they had' eval '[ "$(sas) $(their_sas)" = "$before" ] && [ "$(grep -c "_SA\|spi 0x" <<<"$before")" = 4 ]' || { echo "$before"; sas; their_sas; logs; }
old=$(spi)
t 'libreswan rekeys the Child SA after that and nothing is lost' no_packet_lost lasting 1 whack --rekey-ipsec || logs
t 'it is a new one' wait_for 5 eval '[ "$(spi)" != "$old" ] && gate_is hq branch state up' || logs
between 'chain cut { type filter hook forward priority filter; drop; }'
t 'the cable is cut: certgate, which may not begin, gives the peer up' wait_for 20 eval '! gate_is hq branch state up && grep -q event=peer-dead "$gate_root/hq/log"' || logs
nothing_between
t 'it is whole again: libreswan has missed certgate and makes the tunnel anew' eval 'gate_up hq branch && ping_both' || logs
t 'with one of each at either end' wait_for 15 one_each || { one_each; logs; }
t 'certgate is killed: traffic goes on, none is lost' no_packet_lost lasting 1 gate_kill hq || logs
t 'and is back: libreswan makes the tunnel anew' eval 'interop_start && gate_up hq branch && ping_both' || logs
t 'one of each is left' wait_for 15 one_each || { one_each; logs; }
t 'libreswan starts anew: so does the tunnel' eval 'libre_stop branch; start_branch && gate_up hq branch && wait_for 20 ping_both' || logs
t 'with one of each again' wait_for 15 one_each || { one_each; logs; }
stop_both

# renumber NAMESPACE NEW OLD ROUTER: the leg to the router gets another address
renumber() {
	on "$1" <<-END
		addr add $2/24 dev wan
		addr del $3/24 dev wan
		addr replace $2/24 dev wan
		route replace default via $4
	END
}

# MOBIKE: who made the connection gets another address, and moves with the SAs that there are.
for ((i = 21; i <= 70; i++)); do
	echo "addr del 203.0.113.$i/24 dev wan"
done | on branch
MODE=initiator-only interop_hq hq-rsa2048
sed -i -e '/local_address:/d' -e 's/listen: .*/listen: [0.0.0.0]/' "$gate_root/hq/certgate.yaml"
RIGHT=%any libre_branch branch-rsa2048 "$gcm_ike" aes_gcm256 mobike=yes && start_branch && interop_start
t 'MOBIKE, certgate initiates: the tunnel is up' eval 'gate_up hq branch && ping_both' || logs
before=$(sas)
renumber hq 198.51.100.7 198.51.100.2 198.51.100.1
t 'with another address it moves' wait_for 30 eval 'ns hq-host ping -q -c 1 -W 1 10.2.0.10 >/dev/null; gate_is hq branch local_address 198.51.100.7:4500' || logs
t 'traffic follows, both ways' ping_both || logs
t 'no SA was made anew' eval '[ "$(sas)" = "$before" ]' || logs
stop_both
renumber hq 198.51.100.2 198.51.100.7 198.51.100.1
REMOTE=any MODE=responder-only interop_hq hq-rsa2048
LEFT=%defaultroute libre_branch branch-rsa2048 "$gcm_ike" aes_gcm256 mobike=yes && interop_start && start_branch
t 'MOBIKE, libreswan initiates: the tunnel is up' eval 'initiate hq && ping_both' || logs
renumber branch 203.0.113.7 203.0.113.2 203.0.113.1
t 'with another address libreswan moves' wait_for 30 grep -q 'event=moved .*remote=203.0.113.7:' "$gate_root/hq/log" || logs
# libreswan 4.10 does not return COOKIE2, which proves that it is there: its IKE SA has to be closed (RFC 4555 section 3.7), and it begins anew.
t 'libreswan does not return COOKIE2 and is let in with a new IKE SA' eval 'wait_for 20 grep -q event=not-reachable "$gate_root/hq/log" && gate_up hq branch && ping_both' || logs
t 'and the tunnel is up at the new address' eval '[[ $(gate_field hq branch remote_address) == 203.0.113.7:* ]]' || logs
stop_both
renumber branch 203.0.113.2 203.0.113.7 203.0.113.1

# Fifty connections that begin at once, half of them by either side.
several_new
libre_connections=''
for ((i = 21; i <= 70; i++)); do
	echo "addr add 203.0.113.$i/24 dev wan"
done | on branch
for i in {1..25}; do
	SUBJECT=$(subject_of branch-p256) several_add initiator-only hq-p256 ''
	libre_connections+=$(AUTHBY=ecdsa LEFT=$peer LEFT_NET=$net UPDOWN=%disabled libre_connection "c$n" branch-p256 "$gcm_ike" aes_gcm256)$'\n'
	SUBJECT=$(subject_of branch-p256) several_add responder-only hq-p256 ''
	libre_connections+=$(AUTHBY=ecdsa LEFT=$peer LEFT_NET=$net UPDOWN=%disabled libre_connection "c$n" branch-p256 "$gcm_ike" aes_gcm256 auto=start)$'\n'
done

all_up() {
	[ "$(gate hq status --json | grep -c '"state": "up"')" -ge 100 ] && [ "$(libre branch --trafficstatus | grep -c 'type=ESP')" = 50 ] &&
		[ "$(ns hq build/certgate kernel sa list --json | grep -c '"spi"')" = 100 ]
}

# all_come: one after the other, none 30 seconds after the one before it. It is asked seldom: whoever asks takes time from those that are at work.
all_come() {
	local up=-1 now until=0
	until all_up; do
		now=$(gate hq status --json | grep -c '"state": "up"')
		[ "$now" = "$up" ] || until=$((SECONDS + 30))
		up=$now
		[ $SECONDS -lt $until ] || return 1
		sleep 1
	done
}

several_hq
libre_conf branch <<<"$libre_connections"
interop_start && start_branch
t 'fifty at once, half begun by each side: all are up' all_come || { gate hq status; logs; }
t 'traffic finds the right one' eval 'several_ping 1 && several_ping 50' || logs
stop_both
finish
