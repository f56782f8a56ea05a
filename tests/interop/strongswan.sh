#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 400
# kernels: uml 6.1
#
# certgated at hq, strongSwan at branch, in both roles: every kind of key, every cipher, rekeying by either side,
# refusals, DELETE.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh
. tests/lib/strongswan.sh
. tests/lib/strongswan_pair.sh

# WHAT CERT POLICY PEER-CERT IKE ESP: certgate's policy, a YAML value, and strongSwan's proposals. LINE: one more of certgate's connection
both_roles() {
	local what=$1 cert=$2
	MODE=initiator-only POLICY=$3 interop_hq "$cert" ${LINE:+"$LINE"}
	swan_branch "$4" "$5" "$6"
	certgate_initiates "$what"
	MODE=responder-only POLICY=$3 interop_hq "$cert" ${LINE:+"$LINE"}
	strongswan_initiates "$what"
}

finish() {
	t 'nothing is left in the kernel' eval '[ "$(ns hq build/certgate kernel sa list --json)" = "[]" ]'
	topo_down
	t 'rmmod' wait_for 10 rmmod certgate
	ktap_end
}

if emulated; then ktap_begin 31; else ktap_begin 95; fi
scripts/peer strongswan || exit 1
insmod "$CERTGATE_KO" || exit 1
topo_up && topo_isolate && pki_roots || exit 1
for kind in rsa2048 p256 p384 ed25519; do
	pki_cert hq "hq-$kind" "$kind" && pki_cert branch "branch-$kind" "$kind" || exit 1
done

gcm='aes256gcm16-prfsha256-curve25519'
# What the kernel has a part in.
both_roles 'RSA 2048, AES-GCM-256, X25519' hq-rsa2048 '' branch-rsa2048 "$gcm" aes256gcm16-esn
both_roles 'P-384, AES-CBC-256 with HMAC-SHA2-512, P-384, PRF SHA2-384' hq-p384 \
	'{ike: {encryption: [AES_CBC-256], integrity: [HMAC_SHA2_512_256], prf: [PRF_HMAC_SHA2_384], dh_groups: [ECP384]}, ipsec: {encryption: [AES_CBC-256], integrity: [HMAC_SHA2_512_256]}}' \
	branch-p384 aes256-sha512-prfsha384-ecp384 aes256-sha512-esn
both_roles 'Ed25519, ChaCha20-Poly1305' hq-ed25519 \
	'{ike: {encryption: [CHACHA20_POLY1305], prf: [PRF_HMAC_SHA2_256], dh_groups: [CURVE25519]}, ipsec: {encryption: [CHACHA20_POLY1305]}}' \
	branch-ed25519 chacha20poly1305-prfsha256-curve25519 chacha20poly1305-esn

# UDP encapsulation by choice.
MODE=initiator-only interop_hq hq-p256 'encap: udp'
swan_branch branch-p256 "$gcm" aes256gcm16-esn 'encap = yes'
start_branch && interop_start
t 'ESP in UDP without a NAT: the tunnel is up' gate_up hq branch || logs
t 'ESP in UDP without a NAT: ping crosses both ways' ping_both || logs
t 'status says so' gate_is hq branch children.0.encap udp
stop_both

# Rekeying, by either side, without losing a packet.
MODE=default interop_hq hq-p256
swan_branch branch-p256 "$gcm" aes256gcm16-esn
interop_start && start_branch
t 'before rekeying: the tunnel is up' gate_up hq branch || logs
old=$(gate_field hq branch children.0.spi_in)
t 'strongSwan rekeys the Child SA and nothing is lost' lossless 4 swan branch --rekey --child hq || logs
t 'the Child SA is a new one' wait_for 5 eval '[ "$(gate_field hq branch children.0.spi_in)" != "$old" ]' || logs
old=$(gate_field hq branch ike.spi_i)
t 'strongSwan rekeys the IKE SA and nothing is lost' lossless 4 swan branch --rekey --ike hq || logs
t 'the IKE SA is a new one' wait_for 5 eval '[ "$(gate_field hq branch ike.spi_i)" != "$old" ]' || logs
t 'one IKE SA and one Child SA are left' eval '[ "$(swan branch --list-sas | grep -c INSTALLED)" = 1 ]' || logs
t 'strongSwan terminates: certgate takes it down' swan branch --terminate --ike hq || logs
stop_both
MODE=initiator-only POLICY='{ike: {lifetime_seconds: 10}, ipsec: {encryption: [AES_GCM_16-256], lifetime_seconds: 14}}' interop_hq hq-p256
swan_branch branch-p256 "$gcm" aes256gcm16-esn
start_branch && interop_start
t 'an IKE SA of 10 seconds, a Child SA of 14: the tunnel is up' gate_up hq branch || logs
old=$(gate_field hq branch children.0.spi_in) ike=$(gate_field hq branch ike.spi_i)
t 'certgate rekeys both in time and nothing is lost' lossless 15 true || logs
t 'the Child SA is a new one' eval '[ "$(gate_field hq branch children.0.spi_in)" != "$old" ]' || logs
t 'so is the IKE SA, without another authentication' eval '[ "$(gate_field hq branch ike.spi_i)" != "$ike" ] && grep -q event=ike-rekeyed "$gate_root/hq/log" && [ "$(grep -c event=peer-admitted "$gate_root/hq/log")" = 1 ]' || logs
t 'that the replaced ones came to their limits is no error' eval '[ -z "$(gate_field hq branch last_error.code)" ]' || gate hq status branch
t 'one of each is left at strongSwan' wait_for 5 eval '[ "$(swan branch --list-sas | grep -c ESTABLISHED)" = 1 ] && [ "$(swan branch --list-sas | grep -c INSTALLED)" = 1 ]' || logs
t 'certgate down deletes the SAs at strongSwan' eval 'gate hq down branch && wait_for 5 terminated' || logs
stop_both

! emulated || finish

# What it has not.
both_roles 'P-256, AES-GCM-128, P-256' hq-p256 \
	'{ike: {encryption: [AES_GCM_16-128], prf: [PRF_HMAC_SHA2_256], dh_groups: [ECP256]}, ipsec: {encryption: [AES_GCM_16-128]}}' \
	branch-p256 aes128gcm16-prfsha256-ecp256 aes128gcm16-esn
both_roles 'AES-CBC-128 with HMAC-SHA2-256, MODP 2048, no ESN' hq-rsa2048 \
	'{ike: {encryption: [AES_CBC-128], integrity: [HMAC_SHA2_256_128], prf: [PRF_HMAC_SHA2_256], dh_groups: [MODP2048]}, ipsec: {encryption: [AES_CBC-128], integrity: [HMAC_SHA2_256_128]}}' \
	branch-p256 aes128-sha256-prfsha256-modp2048 aes128-sha256-noesn
SWAN_AUTH=rsa/pss-sha256 both_roles 'RSA-PSS' hq-rsa2048 '' branch-rsa2048 "$gcm" aes256gcm16-esn

LOCAL=2001:db8:1::2 REMOTE=2001:db8:2::2 SWAN_LOCAL=2001:db8:2::2 SWAN_REMOTE=2001:db8:1::2 \
	both_roles 'IPv6 outside' hq-p256 '' branch-p256 "$gcm" aes256gcm16-esn

# What that service's gateways propose, as they do it: no ESN, SHA-1 and group 2 among the rest; AUTH by method 1 with SHA-1.
LINE='policy: azure-default' both_roles 'azure-default, AES-CBC-256 with SHA-1, AES-GCM-256' hq-rsa2048 '' \
	branch-rsa2048 aes256-sha1-prfsha1-modp1024 aes256gcm16
LINE='policy: azure-default' SWAN_SETTINGS='signature_authentication = no' both_roles 'azure-default, RSA by method 1 with SHA-1' hq-rsa2048 '' \
	branch-rsa2048 aes256-sha256-prfsha256-modp1024 aes128-sha1
LINE='policy: azure-custom' both_roles 'azure-custom, AES-GCM-256, P-384, PRF SHA2-384' hq-p384 '' \
	branch-p384 aes256gcm16-prfsha384-ecp384 aes256gcm16-ecp384

# azure_rekey POLICY IKE ESP: strongSwan rekeys the Child SA with what it has for PFS
azure_rekey() {
	MODE=default interop_hq hq-rsa2048 "policy: $1"
	swan_branch branch-rsa2048 "$2" "$3"
	interop_start && start_branch
	t "$1, $3: the tunnel is up" gate_up hq branch || logs
	old=$(gate_field hq branch children.0.spi_in)
	swan branch --rekey --child hq
	t "$1, $3: strongSwan rekeys the Child SA" wait_for 10 eval '[ "$(gate_field hq branch children.0.spi_in)" != "$old" ] && ping_both' || logs
	stop_both
}
azure_rekey azure-default aes256-sha1-prfsha1-modp1024 aes256-sha256-modp2048
azure_rekey azure-custom aes256gcm16-prfsha384-ecp384 aes256gcm16-ecp384

# The group strongSwan offers first is not one we take: INVALID_KE_PAYLOAD.
MODE=responder-only POLICY='{ike: {encryption: [AES_GCM_16-256], prf: [PRF_HMAC_SHA2_256], dh_groups: [ECP256]}, ipsec: {encryption: [AES_GCM_16-256]}}' interop_hq hq-p256
swan_branch branch-p256 aes256gcm16-prfsha256-curve25519-ecp256 aes256gcm16-esn
strongswan_initiates 'INVALID_KE_PAYLOAD'

# Without RFC 7427: method 1 with SHA-1 by explicit choice, RFC 4754 for ECDSA.
SWAN_SETTINGS='signature_authentication = no' MODE=responder-only interop_hq hq-p256
SWAN_SETTINGS='signature_authentication = no' swan_branch branch-p256 "$gcm" aes256gcm16-esn
strongswan_initiates 'without RFC 7427, ECDSA by RFC 4754'
SWAN_SETTINGS='' MODE=initiator-only interop_hq hq-rsa2048 'allow_sha1_signatures: true'
SWAN_SETTINGS='signature_authentication = no' swan_branch branch-rsa2048 "$gcm" aes256gcm16-esn
certgate_initiates 'without RFC 7427, RSA by method 1 with SHA-1 allowed'
MODE=initiator-only interop_hq hq-rsa2048
SWAN_SETTINGS='signature_authentication = no' swan_branch branch-rsa2048 "$gcm" aes256gcm16-esn
start_branch && interop_start
sleep 2
t 'RSA with SHA-1 is not accepted unless it was allowed' no_ping || logs
stop_both

# More than ten anchors: no CERTREQ, and the peer still sends and finds what it needs.
more=''
for n in 1 2 3 4 5 6 7 8 9 10 11; do
	(cd "$pki" && mkpki_root "extra-$n" "CN=Extra $n") || exit 1
	more="$more${more:+, }$pki/extra-$n.cer"
done
ANCHORS=$more MODE=responder-only interop_hq hq-p256
swan_branch branch-p256 "$gcm" aes256gcm16-esn
strongswan_initiates 'twelve anchors, no CERTREQ'
ANCHORS=''

# Small IKE datagrams, RFC 7383: nothing that is larger crosses, nor in fragments of IP.
# small SIZE MODE: until the rules are flushed
small() {
	ns router nft -f - <<-END
		flush ruleset
		table ip small {
			chain through {
				type filter hook forward priority filter
				udp dport { 500, 4500 } ip length > $1 drop
				ip frag-off & 0x3fff != 0 drop
			}
		}
	END
	MODE=$2 interop_hq hq-rsa2048 "fragment_size: $1"
	rm -f "$swan_root/branch/log"
	SWAN_SETTINGS="fragment_size = $1" swan_branch branch-rsa2048 "$gcm" aes256gcm16-esn 'fragmentation = yes'
}
small 576 initiator-only
certgate_initiates 'IKE fragments of 576 bytes'
small 576 responder-only
strongswan_initiates 'IKE fragments of 576 bytes'
small 1280 responder-only
strongswan_initiates 'IKE fragments of 1280 bytes'
t 'both sides sent fragments' eval 'grep -q "splitting IKE message" "$swan_root/branch/log" && grep -q "received fragment #2" "$swan_root/branch/log"' || logs
ns router nft flush ruleset

# networks OURS THEIRS: what of the child's networks is in force
networks() {
	gate_is hq branch children.0.local_networks.0 "$1" && gate_is hq branch children.0.remote_networks.0 "$2"
}

# Narrowing, RFC 7296 section 2.9: each asks for more than the other has, and for what it does not have at all.
MODE=responder-only interop_hq hq-p256
SWAN_REMOTE_TS=10.0.0.0/8 swan_branch branch-p256 "$gcm" aes256gcm16-esn
interop_start && start_branch
t 'strongSwan asks for more than there is: the tunnel is up' swan branch --initiate --child hq --timeout 15 || logs
t 'with what both have' eval 'networks 10.1.0.0/16 10.2.0.0/16 && swan branch --list-sas | grep -q "remote 10.1.0.0/16" && ping_both' || { gate hq status branch; logs; }
stop_both
MODE=initiator-only REMOTE_NET=10.2.0.0/15 interop_hq hq-p256
swan_branch branch-p256 "$gcm" aes256gcm16-esn
start_branch && interop_start
t 'certgate asks for more than there is: the tunnel is up' gate_up hq branch || logs
t 'with what both have' eval 'networks 10.1.0.0/16 10.2.0.0/16 && ping_both' || { gate hq status branch; logs; }
stop_both
MODE=responder-only interop_hq hq-p256
SWAN_REMOTE_TS=10.9.0.0/16 swan_branch branch-p256 "$gcm" aes256gcm16-esn
interop_start && start_branch
t 'strongSwan asks for what is not there: it is told' eval '! swan branch --initiate --child hq --timeout 10; grep -q "received TS_UNACCEPTABLE" "$swan_root/branch/log"' || logs
t 'and status names the networks' eval 'gate hq status branch | grep -q "10\.9\.0\.0" && gate hq status branch | grep -q "10\.1\.0\.0"' || { gate hq status branch; logs; }
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

# Refusals.
(cd "$pki" && mkpki_gateway wrong-root hq-ca CN=gw.branch.example) || exit 1
MODE=responder-only interop_hq hq-p256
swan_branch wrong-root "$gcm" aes256gcm16-esn
interop_start && start_branch
t 'a peer of the wrong root does not get in' eval '! swan branch --initiate --child hq --timeout 10' || logs
t 'and status names the problem' eval 'gate hq status branch | grep -q "HQ Root\|HQ Issuing CA"' || { gate hq status branch; logs; }
stop_both
SUBJECT=gw.other.example MODE=responder-only interop_hq hq-p256
swan_branch branch-p256 "$gcm" aes256gcm16-esn
interop_start && start_branch
t 'a peer with another subject does not get in' eval '! swan branch --initiate --child hq --timeout 10' || logs
t 'and status names both subjects' eval 'gate hq status branch | grep -q gw.other.example && gate hq status branch | grep -q gw.branch.example' || logs
stop_both
MODE=responder-only POLICY='{ike: {encryption: [AES_GCM_16-128], prf: [PRF_HMAC_SHA2_256], dh_groups: [ECP256]}, ipsec: {encryption: [AES_GCM_16-256]}}' interop_hq hq-p256
interop_start && start_branch
t 'no common proposal: strongSwan is told' eval '! swan branch --initiate --child hq --timeout 10; grep -q NO_PROP "$swan_root/branch/log"' || logs
t 'and the log has both lists' grep -q "offers AES_GCM_16-256/.*; we allow AES_GCM_16-128/" "$gate_root/hq/log" || logs
stop_both
finish
