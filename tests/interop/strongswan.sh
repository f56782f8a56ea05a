#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 400
# kernels: uml 6.1
#
# certgated at hq, strongSwan at branch, in both roles: every kind of key, every cipher, rekeying by either side,
# refusals, DELETE. Of what certgate has, strongSwan 5.9.8 has not: IKE_INTERMEDIATE and additional key exchanges (RFC 9242, RFC 9370), announced methods
# (RFC 9593).
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh
. tests/lib/strongswan.sh
. tests/lib/strongswan_pair.sh
. tests/lib/numbered.sh
. tests/lib/several.sh

# What is tried with one start of both daemons: a connection each, with what WHAT says of it
meetings_new() {
	several_new
	what=() begins=() rekeyed=() schemes=() ours=() swan_connections=''
}

# meeting WHO WHAT CERT POLICY PEER-CERT IKE ESP [LINES...]: WHO begins, certgate or strongSwan, with certgate's certificate and policy
# (see several_add) and strongSwan's certificate and proposals. LINE: one more of certgate's connection. LINES go into strongSwan's.
# Each begins when it is its turn, by order.
# SCHEME: of both signatures, as strongSwan's log names it; OURS: of certgate's, where that is another one. REKEYED: strongSwan rekeys the Child SA, which has
# this suite then.
meeting() {
	local who=$1 mode=responder-only
	[ "$who" = strongSwan ] || mode=initiator-only
	several_add $mode "$3" "$4" 'start: on-traffic' ${LINE:+"$LINE"}
	what[n]=$2 begins[n]=$who schemes[n]=${SCHEME:-} ours[n]=${OURS:-${SCHEME:-}} rekeyed[n]=${REKEYED:-}
	swan_connections+=$(SWAN_LOCAL=$peer SWAN_REMOTE=${IPV6:+2001:db8:1::2} SWAN_LOCAL_TS=${SWAN_LOCAL_TS:-$net} swan_connection "c$n" "${@:5}")$'\n'
}

# WHAT CERT POLICY PEER-CERT IKE ESP [LINES...]: each of the two begins once
both_roles() {
	meeting certgate "$@"
	meeting strongSwan "$@"
}

meetings_start() {
	several_hq
	rm -f "$swan_root/branch/log"
	# All of certgate's come from one address; by default strongSwan leaves the sixth out while five have not authenticated themselves.
	SWAN_SETTINGS+=$'\nblock_threshold = 0' SWAN_LOG='ike_name = yes' swan_files "${swan_certs[@]}"
	printf 'connections {\n%s}\n' "$swan_connections" | swan_conf branch
	start_branch && interop_start
}

# said N WORDS: strongSwan's log has them of connection N
said() {
	grep -q "<c$1|[0-9]*> .*$2" "$swan_root/branch/log"
}

# signed N OURS THEIRS: both signatures of connection N
signed() {
	grep "<c$1|.*authentication of" "$swan_root/branch/log"
	said "$1" "authentication of 'CN=gw.hq.example' with $2 successful" &&
		said "$1" "authentication of 'CN=gw.branch.example' (myself) with $3 successful"
}

# apart N: IKE SA and Child SA were made by exchanges of their own
apart() {
	said "$1" 'IKE_AUTH response 1 \[.* AUTH' && ! said "$1" 'IKE_AUTH response 1 \[.* SA ' && said "$1" 'CREATE_CHILD_SA response'
}

# strongswan_rekeys N SUITE: its Child SA
strongswan_rekeys() {
	local old
	old=$(gate_field hq "c$1" children.0.spi_in)
	swan branch --rekey --child "c$1" && wait_for 10 eval '[ "$(gate_field hq "c'"$1"'" children.0.spi_in)" != "'"$old"'" ]' && several_ping "$1" && is_suite "c$1" "$2"
}

# is_suite CONNECTION SUITE: of its Child SA
is_suite() {
	gate_field hq "$1" children.0.suite
	gate_is hq "$1" children.0.suite "$2"
}

# logs_of N: also what was said of connection N
logs_of() {
	logs
	grep "[ =]c$1 " "$gate_root/hq/log" | tail -n 20 | sed 's/^/# /'
	grep "<c$1|" "$swan_root/branch/log" | grep -v '\[CFG\]' | tail -n 40 | sed 's/^/# /'
}

# meet N: two results
meet() {
	local say="${what[$1]}, ${begins[$1]} initiates"
	case ${begins[$1]} in
	certgate) t "$say: the tunnel is up" gate hq up "c$1" --wait 20 || logs_of "$1" ;;
	strongSwan) t "$say: the tunnel is up" swan branch --initiate --child "c$1" --timeout 15 || logs_of "$1" ;;
	esac
	t "$say: ping crosses both ways" several_ping "$1" || logs_of "$1"
	[ -z "${schemes[$1]:-}" ] || t "$say: signed that way" signed "$1" "${ours[$1]}" "${schemes[$1]}" || logs
	case ${rekeyed[$1]:-} in
	'') ;;
	*/MODP_* | */ECP_*)
		t "$say: the Child SA is rekeyed with a key exchange of its own" strongswan_rekeys "$1" "${rekeyed[$1]}" || logs
		;;
	*)
		t "$say: the Child SA is rekeyed without a key exchange" strongswan_rekeys "$1" "${rekeyed[$1]}" || logs
		;;
	esac
}

# meet_all N: the first N of them, first those that certgate begins
meet_all() {
	local who i
	for who in certgate strongSwan; do
		for ((i = 1; i <= $1; i++)); do
			[ "${begins[i]}" != $who ] || meet $i
		done
	done
}

# A certificate of ours under another name. strongSwan is told with one more connection, for the name belongs to a connection there.
renamed() {
	local before
	before=$(grep -c event=peer-admitted "$gate_root/hq/log")
	swan_conf branch <<-END || return 1
		connections {
			$(swan_connection hq branch-p256 "$gcm" aes256gcm16-esn)
			$(SWAN_REMOTE_ID=CN=gw2.hq.example swan_connection renamed branch-p256 "$gcm" aes256gcm16-esn)
		}
	END
	swan branch --load-conns --file "$swan_root/branch/swanctl.conf" && MODE=default interop_hq hq-named && gate hq reload >/dev/null &&
		wait_for 30 eval '[ "$(grep -c event=peer-admitted "$gate_root/hq/log")" -gt '"$before"' ]' &&
		swan branch --list-sas --ike renamed | grep -q ESTABLISHED
}

# A packet of an SA that nobody has comes from branch's address: the module tells main, main tells ike, and ike the peer (RFC 7296 section 1.5).
told_of_nobodys() {
	local before
	before=$(invalid_spis)
	ns branch python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ESP)
s.sendto(bytes.fromhex("0badbad0") + bytes(60), ("198.51.100.2", 0))' && wait_for 5 eval '[ "$(invalid_spis)" -gt '"$before"' ]'
}

invalid_spis() {
	grep -c 'parsed INFORMATIONAL request .*N(INVAL_SPI)' "$swan_root/branch/log"
}

finish() {
	t 'nothing is left in the kernel' eval '[ "$(ns hq build/certgate kernel sa list --json)" = "[]" ]'
	topo_down
	t 'rmmod' wait_for 10 rmmod certgate
	ktap_end
}

if emulated; then ktap_begin 38; else ktap_begin 224; fi
scripts/peer strongswan || exit 1
insmod "$CERTGATE_KO" || exit 1
topo_up && topo_isolate && pki_roots && several_up 55 || exit 1
for kind in rsa2048 p256 p384 p521 ed25519; do
	pki_cert hq "hq-$kind" "$kind" && pki_cert branch "branch-$kind" "$kind" || exit 1
done
swan_certs=(branch-{rsa2048,p256,p384,p521,ed25519})

gcm='aes256gcm16-prfsha256-curve25519'
meetings_new

# What the kernel has a part in.
OURS=RSA_EMSA_PSS_SHA2_256_SALT_32 SCHEME=RSA_EMSA_PKCS1_SHA2_256 both_roles 'RSA 2048, AES-GCM-256, X25519' hq-rsa2048 '' branch-rsa2048 "$gcm" aes256gcm16-esn
SCHEME=ECDSA_WITH_SHA384_DER both_roles 'P-384, AES-CBC-256 with HMAC-SHA2-512, P-384, PRF SHA2-384' hq-p384 \
	'{ike: {encryption: [AES_CBC-256], integrity: [HMAC_SHA2_512_256], prf: [PRF_HMAC_SHA2_384], dh_groups: [ECP384]}, ipsec: {encryption: [AES_CBC-256], integrity: [HMAC_SHA2_512_256]}}' \
	branch-p384 aes256-sha512-prfsha384-ecp384 aes256-sha512-esn
SCHEME=ED25519 both_roles 'Ed25519, ChaCha20-Poly1305' hq-ed25519 \
	'{ike: {encryption: [CHACHA20_POLY1305], prf: [PRF_HMAC_SHA2_256], dh_groups: [CURVE25519]}, ipsec: {encryption: [CHACHA20_POLY1305]}}' \
	branch-ed25519 chacha20poly1305-prfsha256-curve25519 chacha20poly1305-esn
LINE='encap: udp' meeting certgate 'ESP in UDP without a NAT' hq-p256 '' branch-p256 "$gcm" aes256gcm16-esn 'encap = yes'
in_udp=$n

if ! emulated; then
	pki_cert hq hq-ed448 ed448 && pki_cert branch branch-ed448 ed448 || exit 1
	swan_certs+=(branch-ed448)
	SCHEME=ED448 both_roles 'Ed448' hq-ed448 '' branch-ed448 "$gcm" aes256gcm16-esn
	SCHEME=ECDSA_WITH_SHA256_DER both_roles 'P-256, AES-GCM-128, P-256' hq-p256 \
		'{ike: {encryption: [AES_GCM_16-128], prf: [PRF_HMAC_SHA2_256], dh_groups: [ECP256]}, ipsec: {encryption: [AES_GCM_16-128]}}' \
		branch-p256 aes128gcm16-prfsha256-ecp256 aes128gcm16-esn
	both_roles 'AES-CBC-128 with HMAC-SHA2-256, MODP 2048, no ESN' hq-rsa2048 \
		'{ike: {encryption: [AES_CBC-128], integrity: [HMAC_SHA2_256_128], prf: [PRF_HMAC_SHA2_256], dh_groups: [MODP2048]}, ipsec: {encryption: [AES_CBC-128], integrity: [HMAC_SHA2_256_128]}}' \
		branch-p256 aes128-sha256-prfsha256-modp2048 aes128-sha256-noesn
	SCHEME=ECDSA_WITH_SHA512_DER REKEYED=AES_CBC-192/HMAC_SHA2_384_192/MODP_3072/ESN both_roles 'P-521, AES-CBC-192 with HMAC-SHA2-384, MODP 3072, PRF SHA2-512' hq-p521 \
		'{ike: {encryption: [AES_CBC-192], integrity: [HMAC_SHA2_384_192], prf: [PRF_HMAC_SHA2_512], dh_groups: [MODP3072]}, ipsec: {encryption: [AES_CBC-192], integrity: [HMAC_SHA2_384_192], pfs_group: [MODP3072]}}' \
		branch-p521 aes192-sha384-prfsha512-modp3072 aes192-sha384-modp3072-esn
	REKEYED=AES_GCM_16-192/ECP_521/ESN both_roles 'AES-GCM-192, P-521' hq-p256 \
		'{ike: {encryption: [AES_GCM_16-192], prf: [PRF_HMAC_SHA2_256], dh_groups: [ECP521]}, ipsec: {encryption: [AES_GCM_16-192], pfs_group: [ECP521]}}' \
		branch-p521 aes192gcm16-prfsha256-ecp521 aes192gcm16-ecp521-esn
	REKEYED=AES_GCM_16-256/MODP_4096/ESN both_roles 'MODP 4096' hq-p256 \
		'{ike: {encryption: [AES_GCM_16-256], prf: [PRF_HMAC_SHA2_256], dh_groups: [MODP4096]}, ipsec: {encryption: [AES_GCM_16-256], pfs_group: [MODP4096]}}' \
		branch-p256 aes256gcm16-prfsha256-modp4096 aes256gcm16-modp4096-esn
	REKEYED=AES_GCM_16-256/MODP_2048_256/ESN both_roles 'MODP 2048 with a subgroup of 256 bits' hq-p256 \
		'{ike: {encryption: [AES_GCM_16-256], prf: [PRF_HMAC_SHA2_256], dh_groups: [DHGroup24]}, ipsec: {encryption: [AES_GCM_16-256], pfs_group: [PFS24]}}' \
		branch-p256 aes256gcm16-prfsha256-modp2048s256 aes256gcm16-modp2048s256-esn
	SWAN_AUTH=rsa/pss-sha256 SCHEME=RSA_EMSA_PSS_SHA2_256_SALT_32 both_roles 'RSA-PSS' hq-rsa2048 '' branch-rsa2048 "$gcm" aes256gcm16-esn
	# Any hash of the three: of our larger key, and as the peer is told to.
	pki_cert hq hq-rsa4096 rsa4096 || exit 1
	OURS=RSA_EMSA_PSS_SHA2_384_SALT_48 SWAN_AUTH=rsa/pss-sha512 SCHEME=RSA_EMSA_PSS_SHA2_512_SALT_64 both_roles \
		'RSA-PSS, 4096 bits with SHA2-384, the peer with SHA2-512' hq-rsa4096 '' branch-rsa2048 "$gcm" aes256gcm16-esn
	OURS=RSA_EMSA_PSS_SHA2_256_SALT_32 SWAN_AUTH=rsa/pss-sha384 SCHEME=RSA_EMSA_PSS_SHA2_384_SALT_48 both_roles \
		'RSA-PSS, the peer with SHA2-384' hq-rsa2048 '' branch-rsa2048 "$gcm" aes256gcm16-esn
	OURS=RSA_EMSA_PSS_SHA2_256_SALT_32 SWAN_AUTH=rsa-sha384 SCHEME=RSA_EMSA_PKCS1_SHA2_384 both_roles \
		'RSA by PKCS #1, the peer with SHA2-384' hq-rsa2048 '' branch-rsa2048 "$gcm" aes256gcm16-esn
	OURS=RSA_EMSA_PSS_SHA2_256_SALT_32 SWAN_AUTH=rsa-sha512 SCHEME=RSA_EMSA_PKCS1_SHA2_512 both_roles \
		'RSA by PKCS #1, the peer with SHA2-512' hq-rsa2048 '' branch-rsa2048 "$gcm" aes256gcm16-esn
	OURS=ECDSA_WITH_SHA256_DER SWAN_AUTH=ecdsa-sha512 SCHEME=ECDSA_WITH_SHA512_DER both_roles \
		'P-256, the peer with SHA2-512' hq-p256 '' branch-p256 "$gcm" aes256gcm16-esn
	IPV6=yes both_roles 'IPv6 outside' hq-p256 '' branch-p256 "$gcm" aes256gcm16-esn

	# What that service's gateways propose, as they do it: no ESN, SHA-1 and group 2 among the rest.
	both_roles 'azure-default, AES-CBC-256 with SHA-1, AES-GCM-256' hq-rsa2048 azure-default \
		branch-rsa2048 aes256-sha1-prfsha1-modp1024 aes256gcm16
	REKEYED=AES_CBC-256/HMAC_SHA2_256_128/MODP_2048/NO_ESN meeting strongSwan 'azure-default, PFS with MODP 2048' hq-rsa2048 azure-default \
		branch-rsa2048 aes256-sha1-prfsha1-modp1024 aes256-sha256-modp2048
	REKEYED=AES_GCM_16-256/MODP_1024/NO_ESN meeting strongSwan 'azure-default, PFS with MODP 1024' hq-rsa2048 azure-default \
		branch-rsa2048 aes256-sha256-prfsha256-modp1024 aes256gcm16-modp1024
	REKEYED=AES_CBC-256/HMAC_SHA1_96/NO_ESN meeting strongSwan 'azure-default, AES-CBC-128 for IKE, AES-CBC-256 with SHA-1' hq-rsa2048 azure-default \
		branch-rsa2048 aes128-sha1-prfsha1-modp1024 aes256-sha1
	REKEYED=AES_GCM_16-256/ECP_384/NO_ESN both_roles 'azure-custom, AES-GCM-256, P-384, PRF SHA2-384' hq-p384 azure-custom \
		branch-p384 aes256gcm16-prfsha384-ecp384 aes256gcm16-ecp384

	# The group strongSwan offers first is not one we take: INVALID_KE_PAYLOAD.
	meeting strongSwan 'INVALID_KE_PAYLOAD' hq-p256 \
		'{ike: {encryption: [AES_GCM_16-256], prf: [PRF_HMAC_SHA2_256], dh_groups: [ECP256]}, ipsec: {encryption: [AES_GCM_16-256]}}' \
		branch-p256 aes256gcm16-prfsha256-curve25519-ecp256 aes256gcm16-esn
	another_group=$n

	# IKE_AUTH without a Child SA, which is made by an exchange of its own (RFC 6023).
	LINE='childless: true' meeting certgate 'childless' hq-p256 '' branch-p256 "$gcm" aes256gcm16-curve25519-esn
	meeting strongSwan 'childless' hq-p256 '' branch-p256 "$gcm" aes256gcm16-curve25519-esn 'childless = force'
	last_childless=$n

	# More than ten anchors: no CERTREQ of ours, and none of the peer's. Each still sends and finds what it needs.
	more=''
	for i in {1..11}; do
		(cd "$pki" && mkpki_root "extra-$i" "CN=Extra $i") || exit 1
		more="$more${more:+, }$pki/extra-$i.cer"
	done
	ANCHORS=$more REVOCATION=off meeting strongSwan 'twelve anchors, neither side asks' hq-p256 '' branch-p256 "$gcm" aes256gcm16-esn 'send_certreq = no'
	nobody_asks=$n
fi

meetings_start
meet_all $n
t 'status tells of ESP in UDP' gate_is hq "c$in_udp" children.0.encap udp
if ! emulated; then
	t 'the other group was asked for' said $another_group "didn't accept DH group CURVE_25519, it requested ECP_256" || logs
	for ((i = last_childless - 1; i <= last_childless; i++)); do
		t "childless, ${begins[i]} initiates: the Child SA was not made in IKE_AUTH" apart $i || logs_of $i
	done
	t 'no CERTREQ was sent' eval 'said $nobody_asks "parsed IKE_SA_INIT response 0" && ! said $nobody_asks CERTREQ' || logs
fi
stop_both

# Rekeying, by either side, without losing a packet.
MODE=default interop_hq hq-p256
swan_branch branch-p256 "$gcm" aes256gcm16-esn
interop_start && start_branch
t 'before rekeying: the tunnel is up' gate_up hq branch || logs
old=$(gate_field hq branch children.0.spi_in)
t 'strongSwan rekeys the Child SA and nothing is lost' no_packet_lost lasting 2 swan branch --rekey --child hq || logs
t 'the Child SA is a new one' wait_for 5 eval '[ "$(gate_field hq branch children.0.spi_in)" != "$old" ]' || logs
old=$(gate_field hq branch ike.spi_i)
t 'strongSwan rekeys the IKE SA and nothing is lost' no_packet_lost lasting 2 swan branch --rekey --ike hq || logs
t 'the IKE SA is a new one' wait_for 5 eval '[ "$(gate_field hq branch ike.spi_i)" != "$old" ]' || logs
t 'one IKE SA and one Child SA are left' eval '[ "$(swan branch --list-sas | grep -c INSTALLED)" = 1 ]' || logs
name=hq
if ! emulated; then
	t 'ESP of an SA that nobody has: strongSwan is told of it in the IKE SA' told_of_nobodys || logs
	(cd "$pki" && MKPKI_KEY=p256 mkpki_gateway hq-named hq-ca CN=gw2.hq.example DNS:gw2.hq.example && mkpki_pfx hq-named) || exit 1
	t 'a new subject of ours, which strongSwan is told of: no numbered packet is lost' no_packet_lost renamed || logs
	t 'the one before goes' wait_for 20 eval '[ "$(swan branch --list-sas | grep -c ESTABLISHED)" = 1 ] && [ "$(swan branch --list-sas | grep -c INSTALLED)" = 1 ]' || logs
	name=renamed
fi
t 'strongSwan terminates: certgate takes it down' swan branch --terminate --ike "$name" || logs
stop_both
MODE=initiator-only POLICY='{ike: {lifetime_seconds: 10}, ipsec: {encryption: [AES_GCM_16-256], lifetime_seconds: 14, pfs_group: [ECP256]}}' interop_hq hq-p256
swan_branch branch-p256 "$gcm" aes256gcm16-ecp256-esn
start_branch && interop_start
t 'an IKE SA of 10 seconds, a Child SA of 14: the tunnel is up' gate_up hq branch || logs
old=$(gate_field hq branch children.0.spi_in) ike=$(gate_field hq branch ike.spi_i)
t 'certgate rekeys both in time and nothing is lost' no_packet_lost lasting 15 true || logs
t 'the Child SA is a new one' eval '[ "$(gate_field hq branch children.0.spi_in)" != "$old" ]' || logs
t 'with a key exchange of its own' is_suite branch AES_GCM_16-256/ECP_256/ESN || logs
t 'so is the IKE SA, without another authentication' eval '[ "$(gate_field hq branch ike.spi_i)" != "$ike" ] && grep -q event=ike-rekeyed "$gate_root/hq/log" && [ "$(grep -c event=peer-admitted "$gate_root/hq/log")" = 1 ]' || logs
t 'that the replaced ones came to their limits is no error' eval '[ -z "$(gate_field hq branch last_error.code)" ]' || gate hq status branch
t 'one of each is left at strongSwan' wait_for 5 eval '[ "$(swan branch --list-sas | grep -c ESTABLISHED)" = 1 ] && [ "$(swan branch --list-sas | grep -c INSTALLED)" = 1 ]' || logs
t 'certgate down deletes the SAs at strongSwan' eval 'gate hq down branch && wait_for 5 terminated' || logs
stop_both

! emulated || finish

# Without RFC 7427: method 1 with SHA-1 by explicit choice, RFC 4754 for ECDSA.
meetings_new
SCHEME='ECDSA-256 signature' both_roles 'without RFC 7427, P-256 by method 9' hq-p256 '' branch-p256 "$gcm" aes256gcm16-esn
SCHEME='ECDSA-384 signature' both_roles 'without RFC 7427, P-384 by method 10' hq-p384 '' branch-p384 "$gcm" aes256gcm16-esn
SCHEME='ECDSA-521 signature' both_roles 'without RFC 7427, P-521 by method 11' hq-p521 '' branch-p521 "$gcm" aes256gcm16-esn
LINE='allow_sha1_signatures: true' SCHEME='RSA signature' both_roles 'without RFC 7427, RSA by method 1 with SHA-1 allowed' hq-rsa2048 '' \
	branch-rsa2048 "$gcm" aes256gcm16-esn
SCHEME='RSA signature' both_roles 'azure-default, RSA by method 1 with SHA-1' hq-rsa2048 azure-default \
	branch-rsa2048 aes256-sha256-prfsha256-modp1024 aes128-sha1
last=$n
meeting strongSwan '' hq-rsa2048 '' branch-rsa2048 "$gcm" aes256gcm16-esn
SWAN_SETTINGS='signature_authentication = no' meetings_start
meet_all $last
t 'RSA with SHA-1 is not accepted unless it was allowed' eval '! swan branch --initiate --child "c$n" --timeout 10 && said "$n" "with RSA signature successful" && said "$n" "received AUTHENTICATION_FAILED"' || logs
t 'and status says what it was' eval 'gate hq status "c$n" | grep -q SHA-1' || { gate hq status "c$n"; logs; }
stop_both

# Small IKE datagrams, RFC 7383: nothing that is larger crosses, nor in fragments of IP.
# small SIZE [ipv6]: over IPv4, and over IPv6 if asked
small() {
	local i
	ns router nft -f - <<-END
		flush ruleset
		table inet small {
			chain through {
				type filter hook forward priority filter
				udp dport { 500, 4500 } meta length > $1 drop
				ip frag-off & 0x3fff != 0 drop
				exthdr frag exists drop
			}
		}
	END
	meetings_new
	LINE="fragment_size: $1" both_roles "IKE fragments of $1 bytes" hq-rsa2048 '' branch-rsa2048 "$gcm" aes256gcm16-esn 'fragmentation = yes'
	[ -z "${2:-}" ] || LINE="fragment_size: $1" IPV6=yes both_roles "IKE fragments of $1 bytes over IPv6" hq-rsa2048 '' branch-rsa2048 "$gcm" aes256gcm16-esn \
		'fragmentation = yes'
	SWAN_SETTINGS="fragment_size = $1" meetings_start
	# As responder strongSwan takes the fragments of what it does not know by name yet, a number for each of its IKE SAs.
	for ((i = 1; i <= n; i += 2)); do
		meet $i
		t "${what[i]}, certgate initiates: both sides sent fragments" eval 'said $i "splitting IKE message" && grep -q "<$(((i + 1) / 2))> received fragment #2" "$swan_root/branch/log"' || logs
	done
	for ((i = 2; i <= n; i += 2)); do
		meet $i
		t "${what[i]}, strongSwan initiates: both sides sent fragments" eval 'said $i "splitting IKE message" && said $i "received fragment #2"' || logs
	done
	stop_both
	ns router nft flush ruleset
}
small 576
small 1280 ipv6

# networks N OURS THEIRS: what of the child's networks is in force
networks() {
	gate_is hq "c$1" children.0.local_networks.0 "$2" && gate_is hq "c$1" children.0.remote_networks.0 "$3"
}

# Narrowing, RFC 7296 section 2.9: each asks for more than the other has, and for what it does not have at all. And who does not get in.
meetings_new
SWAN_REMOTE_TS=10.0.0.0/8 meeting strongSwan 'it asks for more than there is' hq-p256 '' branch-p256 "$gcm" aes256gcm16-esn
swan_more=$n net_more=$net
REMOTE_NET=10.2.192.0/23 SWAN_LOCAL_TS=10.2.192.0/24 meeting certgate 'it asks for more than there is' hq-p256 '' branch-p256 "$gcm" aes256gcm16-esn
our_more=$n
SWAN_REMOTE_TS=10.9.0.0/16 meeting strongSwan '' hq-p256 '' branch-p256 "$gcm" aes256gcm16-esn
not_there=$n
(cd "$pki" && mkpki_gateway wrong-root hq-ca CN=gw.branch.example) || exit 1
swan_certs+=(wrong-root)
meeting strongSwan '' hq-p256 '' wrong-root "$gcm" aes256gcm16-esn
wrong_root=$n
(cd "$pki" && mkpki_ca branch-spare branch-root 'CN=Branch Spare CA' && mkpki_gateway no-issuer branch-spare CN=gw.branch.example) || exit 1
swan_certs+=(no-issuer)
meeting strongSwan '' hq-p256 '' no-issuer "$gcm" aes256gcm16-esn
no_issuer=$n
SUBJECT=gw.other.example meeting strongSwan '' hq-p256 '' branch-p256 "$gcm" aes256gcm16-esn
another_subject=$n
meeting strongSwan '' hq-p256 '{ike: {encryption: [AES_GCM_16-128], prf: [PRF_HMAC_SHA2_256], dh_groups: [ECP256]}, ipsec: {encryption: [AES_GCM_16-256]}}' \
	branch-p256 "$gcm" aes256gcm16-esn
nothing_common=$n
echo 'addr add 10.2.192.10/32 dev lan' | on branch-host

# one_line WORDS: what is logged of one attempt without a common proposal, and of all of them
one_line() {
	grep event=no-proposal-chosen "$gate_root/hq/log"
	[ "$(grep -c event=no-proposal-chosen "$gate_root/hq/log")" = 1 ] && grep event=no-proposal-chosen "$gate_root/hq/log" | grep -q "$1" &&
		[ "$(grep -c "$1" "$gate_root/hq/log")" = 1 ]
}

meetings_start
meet $swan_more
t 'strongSwan has what both have' eval 'networks $swan_more 10.1.0.0/16 "$net_more" && swan branch --list-sas --ike "c$swan_more" | grep -q "remote 10.1.0.0/16"' || { gate hq status; logs; }
t 'certgate asks for more than there is: the tunnel is up' gate hq up "c$our_more" || logs
t 'certgate has what both have' eval 'networks $our_more 10.1.0.0/16 10.2.192.0/24 && several_ping $our_more 10.2.192.10' || { gate hq status; logs; }
t 'strongSwan asks for what is not there: it is told' eval '! swan branch --initiate --child "c$not_there" --timeout 10; said $not_there "received TS_UNACCEPTABLE"' || logs
t 'and status names the networks' eval 'gate hq status "c$not_there" | grep "10\.9\.0\.0" | grep -q "10\.1\.0\.0"' || { gate hq status "c$not_there"; logs; }
t 'a peer of the wrong root does not get in' eval '! swan branch --initiate --child "c$wrong_root" --timeout 10' || logs
t 'and status names the problem' eval 'gate hq status "c$wrong_root" | grep -q "HQ Root\|HQ Issuing CA"' || { gate hq status "c$wrong_root"; logs; }
t 'a peer that leaves out its intermediate does not get in' eval '! swan branch --initiate --child "c$no_issuer" --timeout 10' || logs
t 'and status names the one that is missing' eval 'gate hq status "c$no_issuer" | grep -q "Branch Spare CA"' || { gate hq status "c$no_issuer"; logs; }
t 'a peer with another subject does not get in' eval '! swan branch --initiate --child "c$another_subject" --timeout 10' || logs
t 'and status names both subjects' eval 'gate hq status "c$another_subject" | grep -q gw.other.example && gate hq status "c$another_subject" | grep -q gw.branch.example' || logs
t 'no common proposal: strongSwan is told' eval '! swan branch --initiate --child "c$nothing_common" --timeout 10; said $nothing_common NO_PROP' || logs
t 'and the log has both lists, in one line' one_line 'offers AES_GCM_16-256/.*; we allow AES_GCM_16-128/' || logs
t 'so has status' eval 'gate hq status "c$nothing_common" | grep "offers AES_GCM_16-256/.*; we allow AES_GCM_16-128/"' || { gate hq status "c$nothing_common"; logs; }
stop_both

# Fifty connections that begin at once, with one certificate at each side: INITIAL_CONTACT and uniqueness are within one connection.
# many MODE ACTION: certgate's mode, and what strongSwan does when it is started
many() {
	local i
	gate_conf hq <<-END
		gateway: {listen: [198.51.100.2], state_dir: $gate_root/hq/state}
		connections:
		$(for i in {1..50}; do
			printf '  - {name: b%d, interface: {name: cg0}, remote_address: 203.0.113.%d, mode: %s, local_networks: [10.1.0.0/16], remote_networks: [10.2.%d.0/24], outbound_certificate: %s/hq-p256.pfx, inbound_certificate: {subject_name: gw.branch.example, chain: [%s/branch-root.cer]}}\n' \
				"$i" $((100 + i)) "$1" "$i" "$pki" "$pki"
		done)
	END
	swan_branch branch-p256 "$gcm" aes256gcm16-esn
	swan_conf branch <<-END
		connections {
		$(for i in {1..50}; do
			printf 'b%d { version = 2\n local_addrs = 203.0.113.%d\n remote_addrs = 198.51.100.2\n proposals = %s\n local { auth = pubkey\n certs = branch-p256.pem\n }\n remote { auth = pubkey\n id = "CN=gw.hq.example"\n cacerts = hq-root.pem\n }\n children { b%d { local_ts = 10.2.%d.0/24\n remote_ts = 10.1.0.0/16\n esp_proposals = aes256gcm16-esn\n start_action = %s\n } }\n }\n' \
				"$i" $((100 + i)) "$gcm" "$i" "$i" "$2"
		done)
		}
	END
}

all_up() {
	[ "$(gate hq status --json | grep -c '"state": "up"')" -ge 100 ] && [ "$(swan branch --list-sas | grep -c INSTALLED)" = 50 ] &&
		[ "$(ns hq build/certgate kernel sa list --json | grep -c '"spi"')" = 100 ]
}

reached() {
	ns hq-host ping -q -c 1 -W 2 10.2.1.1 && ns hq-host ping -q -c 1 -W 2 10.2.50.1
}

for i in {1..50}; do
	printf 'addr add 203.0.113.%d/24 dev wan\naddr add 10.2.%d.1/32 dev lan\n' $((100 + i)) "$i"
done | on branch
many responder-only start
interop_start && start_branch
t 'strongSwan begins fifty at once: all are up' wait_for 30 all_up || { gate hq status; logs; }
t 'traffic finds the right one' reached || logs
stop_both
many initiator-only none
# They have their identities in common, for which a peer that is no certgate ends all but the last if it hears INITIAL_CONTACT.
start_branch && interop_start
t 'certgate begins fifty at once: all are up' wait_for 30 all_up || { gate hq status; logs; }
t 'traffic finds the right one' reached || logs
stop_both

finish
