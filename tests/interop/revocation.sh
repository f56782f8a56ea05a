#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# kernels: uml
#
# Revocation of a running gateway: by a list in a file when the peer authenticates, by hand under traffic and over a restart, by a list that is
# fetched from a server in the untrusted network, which goes away, says nothing, and turns against a tunnel that is up, and by an OCSP answer that
# the peer brings along. And a certificate that ends while a tunnel lives by it, one that ended before the daemon starts, and a clock that begins
# in 1970.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh

www=/run/www

# hq_conf [LINES...]: of inbound_certificate
hq_conf() {
	local line lines=()
	for line; do
		lines+=("  $line")
	done
	interop_hq hq "${lines[@]}"
	sed -i '/^gateway:/a\  fetch: {refresh: 5, timeout: 3}' "$gate_root/hq/certgate.yaml"
}

logs() {
	ktap_log "$gate_root/hq/log" "$gate_root/branch/log"
	gate hq cert list | sed 's/^/# /'
}

fingerprint() { # CERT
	openssl x509 -in "$pki/$1.pem" -outform DER | sha256sum | cut -d' ' -f1
}

refused() { # TEXT: hq does not let branch in, and says so
	wait_for 25 gate_is hq branch last_error.code revoked || return 1
	gate_field hq branch last_error.text
	[[ $(gate_field hq branch last_error.text) == *"$1"* ]] && ! gate_is hq branch state up &&
		! ns hq build/certgate kernel sa list --json | grep -q '"state": "active"'
}

comes_up() {
	gate hq up branch --wait 20
	gate_up hq branch && gate_up branch hq && ping_both
}

# While packets go to and fro COMMAND is run: from when it has returned on no reply arrives.
stops_at_once() {
	local out=/run/flood at flood
	"$enter" hq-host ping -n -D -i 0.02 -w 5 10.2.0.10 >"$out" 2>&1 &
	flood=$!
	sleep 1
	"$@" || return 1
	at=$EPOCHREALTIME
	wait $flood
	awk -v at="$at" '/bytes from/ { if (substr($1, 2, length($1) - 2) + 0 > at + 0.05) late++; else early++ }
		END { print early + 0, "before,", late + 0, "after"; exit !(early > 10 && !late) }' "$out"
}

clock() { # SECONDS, by which it is set forward
	date -s "@$(($(date +%s) + $1))" >/dev/null
}

# The lists' server, in the untrusted network.
serve() {
	"$enter" router python3 -c '
import http.server, os, sys
os.chdir(sys.argv[1])
http.server.HTTPServer(("198.51.100.1", 8080), http.server.SimpleHTTPRequestHandler).serve_forever()' "$www" >/run/http.log 2>&1 &
	http=$!
}

# One that takes connections, and then says nothing.
serve_silence() {
	"$enter" router python3 -c '
import socket, time
server = socket.create_server(("198.51.100.1", 8080))
time.sleep(1000)' &
	http=$!
}

# hq goes, and comes again with what it kept.
starts_again() {
	gate_stop hq
	interop_start && comes_up
}

mode() { # MODE: of revocation, at hq
	sed -i "s/revocation: .*/revocation: $1/" "$gate_root/hq/certgate.yaml"
}

lists() { # [CERT...], which are revoked
	local cert files=()
	for cert; do
		files+=("$cert.pem")
	done
	(cd "$pki" && mkpki_crl branch-root 3600 && mkpki_crl branch-ca 3600 "${files[@]}") && cp "$pki/branch-ca.crl" "$www/new" && mv "$www/new" "$www/branch-ca.crl"
}

# Nothing was fetched before, and the server is asked in vain: up long before that is given up, 30 seconds later.
waits_no_longer() {
	local begun
	gate_stop hq
	rm -f "$gate_root/hq/state/fetched"
	interop_start || return 1
	begun=$SECONDS
	comes_up || return 1
	echo "# after $((SECONDS - begun)) seconds"
	[ $((SECONDS - begun)) -le 20 ]
}

# A second connection of hq's, whose own certificate has ended.
late_connection() {
	cat >>"$gate_root/hq/certgate.yaml" <<-END
		  - name: late
		    interface: {name: cg7}
		    local_address: 198.51.100.2
		    remote_address: 203.0.113.77
		    start: manual
		    local_networks: [10.1.0.0/16]
		    remote_networks: [10.77.0.0/16]
		    outbound_certificate: $pki/hq-late.pfx
		    inbound_certificate: {subject_name: gw.second.example, chain: [$pki/branch-root.cer]}
	END
}

late_says() { # WORDS: by up, which fails
	local out
	out=$(gate hq up late 2>&1) && return 1
	echo "$out"
	[[ $out == *"$1"* ]]
}

# hq has nothing of what it fetched, and the server has the list before the last one.
older_is_known() {
	interop_start || return 1
	gate hq up branch --wait 5
	wait_for 25 eval 'gate_field hq branch last_error.text | grep "older than one that was in force before"' &&
		! gate_is hq branch state up && grep -q 'branch-ca.crl cannot be had: the list that was fetched is older than one that was in force before' "$gate_root/hq/log"
}

says_it_waits() {
	gate hq status | grep 'clock cannot be right' && grep -q 'event=clock-wrong' "$gate_root/hq/log" && ! gate_is hq branch state up
}

died() { # by what was fetched
	! gate_is hq branch state up && gate hq cert list | grep -q "^$(fingerprint branch2) *crl"
}

ktap_begin 41
insmod "$CERTGATE_KO" || exit 1
topo_up && topo_isolate && pki_roots || exit 1
pki_cert hq hq p256 && pki_cert branch branch p256 &&
	MKPKI_EXT='crlDistributionPoints=URI:http://198.51.100.1:8080/branch-ca.crl' pki_cert branch branch2 p256 &&
	MKPKI_EXT='authorityInfoAccess=OCSP;URI:http://203.0.113.1:8081/' pki_cert branch branch3 p256 || exit 1
(cd "$pki" && mkpki_crl branch-root 3600 && mkpki_crl branch-ca 3600 branch.pem) || exit 1

# A list in a file.
hq_conf "crls: [$pki/branch-ca.crl, $pki/branch-root.crl]"
interop_branch
interop_start && gate_start branch branch
t 'a list in a file refuses the peer, and the reason is told' refused keyCompromise || logs
t 'what was seen revoked is listed' eval 'gate hq cert list | grep "^$(fingerprint branch) *crl"' || logs
cp "$pki/branch-ca.crl" /run/older.crl
rm -f "$pki"/branch-ca.index "$pki"/branch-ca.index.* && (cd "$pki" && : >branch-ca.index && mkpki_crl branch-ca 3600)
t 'and stays so, whatever a later list leaves out' eval 'gate hq reload && gate hq up branch --wait 5; refused "on this gateway"' || logs
t 'unrevoke lets it in, by a list that has nothing against it' eval 'gate hq cert unrevoke "$(fingerprint branch)" && comes_up && gate_is hq branch revocation.state good' || logs

# By hand.
t 'revoked by hand under traffic: not one packet more' stops_at_once gate hq cert revoke --reason stolen "$pki/branch.pem" || logs
t 'its IKE SA is closed, and it is refused with the reason' refused stolen || logs
gate_stop hq
mv "$pki/branch-ca.crl" /run/newer.crl && cp /run/older.crl "$pki/branch-ca.crl"
t 'that lasts over a restart' eval 'interop_start && refused stolen && gate hq cert list | grep stolen' || logs
# Its signer's certificate comes with the peer: from then on it is known whose list that is.
t 'a list that was put in the place of a newer one meanwhile is known for it, and revokes' eval 'gate hq cert unrevoke "$pki/branch.pem" && { gate hq up branch --wait 5; wait_for 25 eval "gate_field hq branch last_error.text | grep keyCompromise" && grep -q "CN=Branch Issuing CA.*older than one that was in force before" "$gate_root/hq/log"; }' || logs
cp /run/newer.crl "$pki/branch-ca.crl" && gate hq reload
t 'unrevoke brings it back' eval 'gate hq cert unrevoke "$pki/branch.pem" && comes_up' || logs
t 'its key revoked by hand: the tunnel dies, and the key is what is refused' eval 'gate hq cert revoke --key --reason lost "$pki/branch.pem" && no_ping && refused "key of \"CN=gw.branch.example\""' || logs
t 'its issuer revoked by hand: so is the peer, though nothing is held against it' eval 'gate hq cert revoke "$pki/branch-ca.pem" && gate hq cert unrevoke --key "$pki/branch.pem" && { gate hq up branch --wait 5; wait_for 25 eval "gate_field hq branch last_error.text | grep -F \"CN=Branch Issuing CA\"" && refused "is revoked on this gateway"; }' || logs
t 'and unrevoke of the issuer lets it in' eval 'gate hq cert unrevoke "$pki/branch-ca.pem" && comes_up' || logs
t "the issuer's key revoked by hand under traffic: not one packet more, and the key is what is refused" eval 'stops_at_once gate hq cert revoke --key "$pki/branch-ca.pem" && refused "key of \"CN=Branch Issuing CA"' || logs
t 'and unrevoke of that lets it in' eval 'gate hq cert unrevoke --key "$pki/branch-ca.pem" && comes_up' || logs
t 'who took a revocation back is in the log' grep -q "'CN=gw.branch.example.* is not revoked any more: taken back by user root (uid 0, pid [0-9]*).*event=certificate-unrevoked" "$gate_root/hq/log" || logs
ns hq build/certgate kernel cert revoke "$(fingerprint branch)" >/dev/null
t 'what only the kernel holds to be revoked gets no binding, and that is told' wait_for 25 grep -q "the kernel refuses the certificate binding of 'CN=gw.branch.example': .*event=binding-refused connection=branch" "$gate_root/hq/log" || logs
t 'unrevoke takes back what the kernel alone holds' eval 'gate hq cert unrevoke "$(fingerprint branch)" && ! gate hq cert unrevoke "$(fingerprint branch)"'
gate_stop branch
gate_stop hq

# From a server, which must be asked.
mkdir -p "$www" && cp "$pki/branch-ca.crl" "$www"
serve
hq_conf 'revocation: required' 'revocation_grace: 60' "crls: [$pki/branch-root.crl]"
B_CERT=branch2 interop_branch
interop_start && gate_start branch branch
t 'who must know asks the server, and lets the peer in' eval 'comes_up && gate_is hq branch revocation.state good' || { logs; ktap_log /run/http.log; }
kill $http
t 'and still knows after a start, though the server is gone' eval 'starts_again && gate_is hq branch revocation.state good' || logs
mode when-available
gate hq reload
clock 3700
t 'news end, the server is gone, and status says that nobody knows' wait_for 20 gate_is hq branch revocation.state unknown || logs
t 'who need not know keeps the tunnel' eval 'sleep 2; gate_is hq branch state up && ping_both' || logs
mode required
gate hq reload
t 'who must know ends it: its grace is over, and that is told' eval 'wait_for 20 grep -q "whether it is revoked is not known any more.*connection=branch" "$gate_root/hq/log" && no_ping && ! gate_is hq branch state up' || logs
mode when-available
serve_silence
t 'a server that says nothing holds up a handshake for as long as was set' waits_no_longer || logs
kill $http
mode required
lists && serve
t 'a server that comes back has news' eval 'starts_again && gate_is hq branch revocation.state good' || { logs; ktap_log /run/http.log; }
cp "$www/branch-ca.crl" /run/before.crl && touch /run/before && lists
t 'a newer list is fetched, and its number kept' wait_for 25 [ "$gate_root/hq/state/lists" -nt /run/before ] || { logs; ktap_log /run/http.log; }
gate_stop hq
rm "$gate_root/hq/state/fetched" && cp /run/before.crl "$www/branch-ca.crl"
t 'the one before is known for what it is, though what was fetched is lost' older_is_known || { logs; ktap_log /run/http.log; }
lists
t 'and the next one lets the peer in' comes_up || { logs; ktap_log /run/http.log; }
lists branch2
t 'the list turns against it: the tunnel dies' eval 'wait_for 25 died && no_ping' || { logs; ktap_log /run/http.log; }
kill $http
gate_stop branch
gate_stop hq

# By the peer: hq may ask nobody, and branch asks the responder about itself.
printf 'V\t351231235959Z\t\t%s\tunknown\t/CN=gw.branch.example\n' "$(openssl x509 -in "$pki/branch3.pem" -noout -serial | cut -d= -f2)" >/run/responder.index
"$enter" router openssl ocsp -port 8081 -index /run/responder.index -CA "$pki/branch-ca.pem" -rsigner "$pki/branch-ca.pem" -rkey "$pki/branch-ca.key" -nmin 60 \
	>/run/responder.log 2>&1 &
responder=$!
# A question that comes too early is asked again half a minute later.
wait_for 20 eval 'ns router ss -Hltn | grep -q ":8081 "' || ktap_log /run/responder.log
hq_conf 'revocation: required' "crls: [$pki/branch-root.crl]"
sed -i 's/fetch: {.*/fetch: {enabled: false}/' "$gate_root/hq/certgate.yaml"
: >"$gate_root/hq/log"
B_CERT=branch3 interop_branch
interop_start && gate_start branch branch
t 'who may ask nobody is told by the peer' eval 'comes_up && gate_is hq branch revocation.state good && gate hq status branch --json | grep -q "\"source\": \"ocsp\""' ||
	{ logs; ktap_log /run/responder.log; }
t 'and knows it after a restart' eval 'gate hq restart && sleep 3 && gate_is hq branch state up && gate_is hq branch revocation.state good && ping_both' || logs
kill $responder
gate_stop branch
gate_stop hq

# An intermediate ends, under a tunnel and a daemon that live: the clock goes there, so that it does not matter how fast this machine is.
# Nobody comes again by himself, so the last word is that one's.
until=$(($(date +%s) + 3600))
end=$(date -u -d "@$until" +%Y-%m-%dT%H:%M:%SZ)
(cd "$pki" && rm -f branch-ca.* && MKPKI_UNTIL=$(date -u -d "@$until" +%Y%m%d%H%M%SZ) mkpki_ca branch-ca branch-root 'CN=Branch Issuing CA,O=Branch') &&
	pki_cert branch branch4 p256 || exit 1
MODE=responder-only interop_hq hq
interop_start
B_MODE=initiator-only B_START=manual B_CERT=branch4 interop_branch
gate_start branch branch && gate branch up hq
t 'a tunnel under an intermediate that ends soon is up, and status tells when' eval 'ping_both && gate_is hq branch not_after "$end" && gate_is hq branch expiring.0.subject "CN=Branch Issuing CA,O=Branch"' || logs
t 'then nothing crosses, in either direction' eval 'clock $((until + 2 - $(date +%s))); no_ping && ! ns branch-host ping -q -c 2 -i 0.3 -W 1 10.1.0.10' || logs
t 'status says that it has expired, and which' eval 'gate_field hq branch last_error.text | grep "CN=Branch Issuing CA,O=Branch.* expired"' || gate hq status
t 'events and history say so, too' eval 'grep -q "CN=Branch Issuing CA,O=Branch, in the chain by which CN=gw.branch.example was let in, has expired at $end .*event=certificate-expired connection=branch" "$gate_root/hq/log" && gate hq explain branch | grep -q "Branch Issuing CA.* has expired at $end"' || logs
t 'and does not come up again: it is refused, by name' eval '! gate branch up hq --wait 5 && grep -q "Branch Issuing CA.*event=expired connection=branch" "$gate_root/hq/log"' || logs
clock -3600
gate_stop branch
gate_stop hq

# A machine without a battery begins in 1970; and who was off while a certificate ended serves the others all the same.
(MKPKI_FROM=-7200 MKPKI_UNTIL=-60 pki_cert hq hq-late p256) || exit 1
interop_hq hq && late_connection
B_CERT=branch4 interop_branch
: >"$gate_root/hq/log"
now=$(date +%s)
date -s @86400 >/dev/null
interop_start && gate_start branch branch
t 'a clock that cannot be right: the daemon starts, waits and says so' says_it_waits || logs
date -s "@$((now + 10))" >/dev/null
t 'when it is right the tunnel comes up by itself' eval 'gate_up hq branch && ping_both && grep -q "event=clock-right" "$gate_root/hq/log"' || logs
t 'what has ended is found then' wait_for 5 grep -q 'expired .*event=connection-refused connection=late' "$gate_root/hq/log" || logs
gate_kill hq
interop_start
t 'a start goes on without the connection whose certificate has ended' eval 'gate_up hq branch && ping_both && gate_is hq late state refused && late_says expired' || logs
sed -i "s/hq-late/hq/" "$gate_root/hq/certgate.yaml"
t 'with a good one it is loaded' eval 'gate hq reload && gate_is hq late state down' || logs
gate_stop branch
gate_stop hq
topo_down
t 'rmmod' wait_for 10 rmmod certgate
ktap_end
