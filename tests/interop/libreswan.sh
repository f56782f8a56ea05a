#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 200
# kernels: uml (6.12)
#
# certgated at hq, libreswan at branch, in both roles.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh
. tests/lib/libreswan.sh

# libre_branch CERT IKE ESP [LINES...]
libre_branch() {
	local cert=$1 ike=$2 esp=$3 line
	shift 3
	rm -rf "$libre_root/branch"
	libre_dir branch
	libre_cert branch "$pki/$cert.pem" "$pki/$cert.key" branch "$pki/branch-ca.pem" "$pki/branch-root.pem" "$pki/hq-root.pem" || return 1
	{
		printf 'conn hq\n'
		printf '\t%s\n' left=203.0.113.2 leftsubnet=10.2.0.0/16 leftcert=branch leftid=%fromcert leftsendcert=always sendca=issuer \
			right=198.51.100.2 "rightsubnet=${RIGHT:-10.1.0.0/16}" 'rightid="CN=gw.hq.example"' rightca=%any ikev2=insist \
			"ike=$ike" "esp=$esp" "authby=${AUTHBY:-rsasig}" auto=add
		for line; do
			printf '\t%s\n' "$line"
		done
	} | libre_conf branch
}

start_branch() {
	libre_start branch branch || { cat "$libre_root"/branch/{out,load}; return 1; }
}

initiate() {
	timeout 15 "$enter" branch bash -c '. tests/lib/libreswan.sh; libre branch --name hq --initiate' | tee /tmp/initiate
	grep -q 'established Child SA' /tmp/initiate
}

stop_both() {
	gate_stop hq
	libre_stop branch
	: >"$gate_root/hq/log"
}

logs() {
	ktap_log "$gate_root/hq/log" "$libre_root/branch/log"
}

both_roles() {
	local what=$1 cert=$2 policy=$3 peer=$4 ike=$5 esp=$6
	shift 6
	MODE=initiator-only POLICY=$policy interop_hq "$cert"
	libre_branch "$peer" "$ike" "$esp" "$@" && start_branch && interop_start
	t "$what, certgate initiates: the tunnel is up" gate_up hq branch || logs
	t "$what, certgate initiates: ping crosses both ways" ping_both || logs
	stop_both
	MODE=responder-only POLICY=$policy interop_hq "$cert"
	libre_branch "$peer" "$ike" "$esp" "$@" && interop_start && start_branch
	t "$what, libreswan initiates: the tunnel is up" initiate || logs
	t "$what, libreswan initiates: ping crosses both ways" ping_both || logs
	stop_both
}

if emulated; then ktap_begin 18; else ktap_begin 26; fi
scripts/peer libreswan || exit 1
insmod "$CERTGATE_KO" || exit 1
topo_up && topo_isolate && pki_roots || exit 1
for kind in rsa2048 p256; do
	pki_cert hq "hq-$kind" "$kind" && pki_cert branch "branch-$kind" "$kind" || exit 1
done

both_roles 'RSA, AES-GCM-256, X25519' hq-rsa2048 '' branch-rsa2048 'aes_gcm256-sha2_256;dh31' aes_gcm256
emulated || AUTHBY=ecdsa both_roles 'P-256, AES-GCM-128, P-256' hq-p256 \
	'{ike: {encryption: [AES_GCM_16-128], prf: [PRF_HMAC_SHA2_256], dh_groups: [ECP256]}, ipsec: {encryption: [AES_GCM_16-128]}}' \
	branch-p256 'aes_gcm128-sha2_256;dh19' aes_gcm128
both_roles 'AES-CBC-256 with HMAC-SHA2-512, MODP 2048' hq-rsa2048 \
	'{ike: {encryption: [AES_CBC-256], integrity: [HMAC_SHA2_512_256], prf: [PRF_HMAC_SHA2_512], dh_groups: [MODP2048]}, ipsec: {encryption: [AES_CBC-256], integrity: [HMAC_SHA2_512_256]}}' \
	branch-rsa2048 'aes256-sha2_512;dh14' aes256-sha2_512
both_roles 'ESP in UDP' hq-rsa2048 '' branch-rsa2048 'aes_gcm256-sha2_256;dh31' aes_gcm256 encapsulation=yes

# libreswan asks for more than there is, and takes what there is (RFC 7296 section 2.9).
if ! emulated; then
	MODE=responder-only interop_hq hq-rsa2048
	RIGHT=10.0.0.0/8 libre_branch branch-rsa2048 'aes_gcm256-sha2_256;dh31' aes_gcm256 narrowing=yes && interop_start && start_branch
	t 'libreswan asks for more than there is: the tunnel is up' initiate || logs
	t 'with what both have' eval 'gate_is hq branch children.0.local_networks.0 10.1.0.0/16 && gate_is hq branch children.0.remote_networks.0 10.2.0.0/16 && ping_both' || { gate hq status branch; logs; }
	stop_both
fi

# Rekeying, by libreswan, and in User-mode Linux by certgate in time for its own limit.
emulated || POLICY='{ipsec: {encryption: [AES_GCM_16-256], lifetime_seconds: 12}}'
MODE=default interop_hq hq-rsa2048
libre_branch branch-rsa2048 'aes_gcm256-sha2_256;dh31' aes_gcm256 && start_branch && interop_start # loading a connection ends what a peer began before
t 'before rekeying: the tunnel is up' gate_up hq branch || logs
old=$(gate_field hq branch children.0.spi_in)
t 'libreswan rekeys the Child SA and nothing is lost' lossless 4 ns branch bash -c '. tests/lib/libreswan.sh; libre branch --name hq --rekey-ipsec' || logs
t 'the Child SA is a new one' wait_for 5 eval '[ "$(gate_field hq branch children.0.spi_in)" != "$old" ]' || logs
if ! emulated; then
	old=$(gate_field hq branch children.0.spi_in)
	t 'certgate rekeys it and nothing is lost' lossless 12 true || logs
	t 'the Child SA is another one, and libreswan was the responder' eval '[ "$(gate_field hq branch children.0.spi_in)" != "$old" ] && grep -q "responder rekeyed Child SA" "$libre_root/branch/log"' || logs
fi
t 'certgate down ends it at libreswan' eval 'gate hq down branch && wait_for 5 eval "[ -z \"\$(libre branch --trafficstatus)\" ]"' || logs
stop_both
t 'nothing is left in the kernel' eval '[ "$(ns hq build/certgate kernel sa list --json)" = "[]" ]'
topo_down
t 'rmmod' wait_for 10 rmmod certgate
ktap_end
