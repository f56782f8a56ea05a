#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# kernels: uml
#
# Two certgated and the path between them: the initiator gets another address, and MOBIKE (RFC 4555) moves the SAs that there are; the responder, which may
# not begin, gets another certificate and other roots; IKE over IPv6 with a mark at each end; additional key exchanges (RFC 9370).
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh
. tests/lib/certgate_pair.sh
. tests/lib/marks.sh
. tests/lib/numbered.sh

# renumber NEW OLD: branch's leg to the router gets another address
renumber() {
	on branch <<-END
		addr add $1/24 dev wan
		addr del $2/24 dev wan
		addr replace $1/24 dev wan
		route replace default via 203.0.113.1
	END
}

# sas GATEWAY CONNECTION: the SPIs of its IKE SA and its Child SA
sas() {
	echo "$(gate_field "$1" "$2" ike.spi_i) $(gate_field "$1" "$2" children.0.spi_in) $(gate_field "$1" "$2" children.0.spi_out)"
}

# kernel_ends GATEWAY ADDRESS: that is where its tunnel in the kernel ends
kernel_ends() {
	ns "$1" build/certgate kernel tunnel list --json | grep -q "\"remote\": \"$2[:\"]"
}

# hq, which may not begin, gets another certificate and one more root: branch is asked to come.
changed() {
	local was
	was=$(sas hq branch)
	cp -p "$pki/hq2.pfx" "$pki/hq.pfx" && trusts branch-root.cer hq-root.cer && grep event=reauth-asked "$gate_root/hq/log" &&
		wait_for 20 eval '[ "$(sas hq branch)" != "'"$was"'" ]' && sleep 1
}

# trusts ROOT...: hq does, from now on
trusts() {
	local chain
	printf -v chain ", $pki/%s" "$@"
	sed -i "s|chain: .*|chain: [${chain#, }]|" "$gate_root/hq/certgate.yaml"
	gate hq reload >/dev/null
}

more_ike=AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE25519/ADDKE1_ECP_384
more_esp=AES_GCM_16-256/CURVE25519/ADDKE1_ECP_256/ESN

# is_suite GATEWAY CONNECTION SA SUITE
is_suite() {
	gate_field "$1" "$2" "$3.suite"
	gate_is "$1" "$2" "$3.suite" "$4"
}

# Neither SA is the one that it was, and both have both key exchanges at both ends.
more_again() {
	[ "$(gate_field hq branch children.0.spi_in)" != "$old" ] && [ "$(gate_field hq branch ike.spi_i)" != "$old_ike" ] &&
		is_suite hq branch children.0 "$more_esp" && is_suite branch hq children.0 "$more_esp" &&
		is_suite hq branch ike "$more_ike" && is_suite branch hq ike "$more_ike"
}

# The peer has seen that one.
used() { # CERT
	gate_is branch hq chain.0.sha256 "$(openssl x509 -in "$pki/$1.pem" -outform DER | sha256sum | cut -d' ' -f1)"
}

ktap_begin 21
insmod "$CERTGATE_KO" || exit 1
topo_up && topo_isolate && pki_roots || exit 1
pki_cert hq hq p256 && pki_cert hq hq2 p384 && pki_cert branch branch p256 || exit 1

REMOTE=any MODE=responder-only interop_hq hq
B_MODE=initiator-only interop_branch
sed -i -e '/local_address:/d' -e 's/listen: .*/listen: ["0.0.0.0"]/' "$gate_root/branch/certgate.yaml"
interop_start && start_branch
t 'the initiator may move: the tunnel is up' up_both || logs
t 'ping crosses both ways' ping_both || logs
before=$(sas hq branch)
renumber 203.0.113.7 203.0.113.2
t 'with another address it moves' wait_for 30 eval 'gate_is hq branch remote_address 203.0.113.7:4500 && gate_is branch hq local_address 203.0.113.7:4500' || logs
t 'and so does the tunnel in the kernel' wait_for 5 kernel_ends hq 203.0.113.7 || logs
t 'traffic follows, both ways' ping_both || logs
t 'no SA was made anew' [ "$(sas hq branch)" = "$before" ]
t 'the log says who moved' grep -q 'the peer moved' "$gate_root/hq/log"
t 'the responder has another certificate, and one more root: the initiator authenticates anew, and no packet is lost' no_packet_lost changed || logs
t 'it is in use' used hq2 || { gate branch status hq --json; logs; }
t 'by other roots than its own it is let in no more, and not waited for' eval 'trusts hq-root.cer && wait_for 3 eval "! gate_is hq branch state up" && no_ping && grep "event=peer-left.*by the rules in force\|by the rules in force.*event=peer-left" "$gate_root/hq/log"' || { gate hq status; logs; }
stop_both
renumber 203.0.113.2 203.0.113.7

# IPv6 outside, and a mark for each: what one of them sends is told from all else.
LOCAL=2001:db8:1::2 REMOTE=2001:db8:2::2 MODE=responder-only interop_hq hq
B_LOCAL=2001:db8:2::2 B_REMOTE=2001:db8:1::2 B_MODE=initiator-only interop_branch
sed -i 's/interface: {name: cg0}/interface: {name: cg0, mark: 77}/' "$gate_root/hq/certgate.yaml"
sed -i 's/interface: {name: cg0}/interface: {name: cg0, mark: 5}/' "$gate_root/branch/certgate.yaml"
count_marks hq 77 && count_marks branch 5 || exit 1
interop_start && start_branch
t 'IPv6 with a mark at each end: the tunnel is up' up_both || logs
t 'ping crosses both ways' ping_both || logs
t "all that the initiator's IKE sends has its mark" marks_are_right branch
t "and what the responder's sends has that one's" marks_are_right hq
stop_both

# A second key exchange, for IKE SA and Child SA.
more='{ike: {encryption: [AES_GCM_16-256], prf: [SHA256], dh_groups: [CURVE25519], additional_key_exchanges: [ECP384], lifetime_seconds: 24}, ipsec: {encryption: [AES_GCM_16-256], pfs_group: [CURVE25519], additional_key_exchanges: [ECP256], lifetime_seconds: 18}}'
POLICY=$more MODE=responder-only interop_hq hq
B_MODE=initiator-only interop_branch 'policy: more'
printf 'policies:\n  more: %s\n' "$more" >>"$gate_root/branch/certgate.yaml"
interop_start && start_branch
t 'with an additional key exchange (RFC 9370), in IKE_INTERMEDIATE: the tunnel is up' up_both || logs
t 'it is in the suite at both ends' eval 'is_suite hq branch ike "$more_ike" && is_suite branch hq ike "$more_ike"' || logs
t 'ping crosses both ways' ping_both || logs
old=$(gate_field hq branch children.0.spi_in) old_ike=$(gate_field hq branch ike.spi_i)
t 'the Child SA is made anew, with one in IKE_FOLLOWUP_KE, and so is the IKE SA: no packet is lost' no_packet_lost wait_for 40 more_again || logs
t 'over which ping crosses' ping_both || logs
stop_both

t 'nothing is left in the kernel' eval '[ "$(ns hq build/certgate kernel sa list --json)" = "[]" ] && [ "$(ns branch build/certgate kernel sa list --json)" = "[]" ]'
topo_down
t 'rmmod' wait_for 10 rmmod certgate
ktap_end
