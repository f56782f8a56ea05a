#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# kernels: uml (6.12)
#
# certgated as it runs for long: configurations that change, certificates that are renewed, processes that die, names that are
# resolved, clients of the control socket that mean no good, and its end.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh

second_connection() {
	cat >>"$gate_root/hq/certgate.yaml" <<-END
		  - name: second
		    interface: {name: cg7, addresses: [169.254.7.1/30]}
		    local_address: 198.51.100.2
		    remote_address: 203.0.113.77
		    start: manual
		    local_networks: [10.1.0.0/16]
		    remote_networks: [10.77.0.0/16]
		    outbound_certificate: $pki/hq.pfx
		    inbound_certificate: {subject_name: gw.second.example, chain: [$pki/branch-root.cer]}
	END
}

# refused_with WORDS COMMAND...: it fails, and says that
refused_with() {
	local words=$1 out
	shift
	out=$("$@" 2>&1) && return 1
	echo "$out"
	[[ $out == *"$words"* ]]
}

# control LINE: what the control socket answers to it
control() {
	printf '%s\n' "$1" | timeout 5 "$enter" hq socat -t 3 - "UNIX-CONNECT:$gate_root/hq/control.sock"
}

control_refuses() { # LINE
	control "$1" | grep -q '"ok": *false'
}

# The client is told, if it still listens, and cut off well before all of it was sent.
endless_line() {
	local status
	head -c 50000000 /dev/zero | tr '\0' x | timeout 20 "$enter" hq socat -t 1 - "UNIX-CONNECT:$gate_root/hq/control.sock"
	status=${PIPESTATUS[2]}
	[ "$status" != 124 ] && gate_answers hq
}

as_nobody() {
	install -m 755 "$gate_build/certgate" /run/certgate-for-all
	refused_with 'you may not use' setpriv --reuid 65534 --regid 65534 --clear-groups /run/certgate-for-all \
		--socket "$gate_root/hq/control.sock" status
}

# dies_and_comes ROLE: killed, another one comes, and the daemon is as before
dies_and_comes() {
	local old
	old=$(pid_of hq "$1")
	kill -KILL "$old"
	wait_for 15 eval '[ -n "$(pid_of hq '"$1"')" ] && [ "$(pid_of hq '"$1"')" != '"$old"' ]' && gate_answers hq
}

refusals() {
	grep -c event=configuration-refused "$gate_root/hq/log"
}

# What is in force is tried again every few seconds, not at once, and is owed also when something else could not be loaded meanwhile.
owed() {
	local before refused
	before=$(refusals)
	mv "$pki/hq.pfx" "$pki/gone.pfx" && dies_and_comes verify && wait_for 10 eval '[ "$(refusals)" -gt '"$before"' ]' || return 1
	sleep 2
	refused=$(($(refusals) - before))
	! gate hq reload && mv "$pki/gone.pfx" "$pki/hq.pfx" || return 1
	[ "$refused" -le 2 ] || { echo "refused $refused times"; return 1; }
	wait_for 20 handshakes_again
}

spi() {
	gate_field "$1" "$2" children.0.spi_in
}

handshakes_again() { # a connection made anew: keys, anchors, everything is there
	local old
	old=$(spi branch hq)
	gate branch down hq && gate branch up hq && [ "$(spi branch hq)" != "$old" ]
}

# signature_is_lost GATEWAY CONNECTION: its key ends before it has answered. The tunnel is up long before anybody's patience ends, which is a minute.
signature_is_lost() {
	local key begun up
	gate branch down hq
	key=$(pid_of "$1" key)
	kill -STOP "$key"
	gate branch up hq &
	up=$!
	wait_for 10 gate_is "$1" "$2" state authenticating || { kill -KILL "$key"; return 1; }
	kill -KILL "$key"
	begun=$SECONDS
	gate_up branch hq 30 && [ $((SECONDS - begun)) -le 20 ]
	local r=$?
	wait $up
	return $r
}

networks() { # GATEWAY KEY NETWORKS
	sed -i "s|$2: \\[10\\.[13]\\..*\\]|$2: [$3]|" "$gate_root/$1/certgate.yaml" && gate "$1" reload
}

one_network() {
	gate_is branch hq state up && ! gate_is branch hq children.0.remote_networks.1 10.3.0.0/16
}

peer_expires() {
	gate_field branch hq chain.0.not_after
}

old_kind() { # with RC2-40, which OpenSSL reads with its legacy provider only
	local info
	info=$(openssl pkcs12 -legacy -in "$pki/hq.pfx" -info -noout -passin 'pass:open sesame' 2>&1)
	[[ $info == *pbeWithSHA1And40BitRC2-CBC* && $info == *pbeWithSHA1And3-KeyTripleDES-CBC* ]]
}

passphrase() {
	sed -i "s,outbound_certificate: $pki/hq.pfx,outbound_certificate: {certificate: $pki/hq.pfx\, passphrase_file: $pki/hq.passphrase}," \
		"$gate_root/hq/certgate.yaml"
}

# table GATEWAY TABLE: how many objects the kernel has
table() {
	ns "$1" build/certgate kernel "$2" list --json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))'
}

empty() { # GATEWAY TABLE
	[ "$(table "$1" "$2")" = 0 ]
}

in_vain() { # the peer is gone without a word: stopping ends all the same
	local begun=$SECONDS
	gate_stop branch && [ $((SECONDS - begun)) -le 10 ]
}

ktap_begin 62
insmod "$CERTGATE_KO" || exit 1
topo_up && pki_roots && pki_cert hq hq p256 && pki_cert branch branch p256 || exit 1
printf '%s gw.branch.test\n' 203.0.113.77 203.0.113.2 >>/etc/hosts
MODE=responder-only REMOTE=gw.branch.test interop_hq hq
B_MODE=initiator-only B_REMOTE=gw.hq.test interop_branch
interop_start && gate_start branch branch || exit 1

t 'a peer with a name that has no address: it is told' wait_for 10 grep -q "the name 'gw.hq.test' has no address: .*event=name-not-resolved connection=hq" "$gate_root/branch/log"
echo '198.51.100.2 gw.hq.test' >>/etc/hosts
t 'then its address is found' gate_up branch hq 30
t 'that the name has an address is told as well' grep -q 'event=name-resolved connection=hq' "$gate_root/branch/log"
t 'and ping crosses both ways' ping_both
t 'status has the name' gate_is branch hq remote_name gw.hq.test
t 'a peer may begin from the second address of its name' eval 'gate_is hq branch remote_name gw.branch.test && [[ $(gate_field hq branch remote_address) == 203.0.113.2* ]]' || gate hq status

second_connection
t 'a reload adds a connection' gate hq reload
t 'the connection that was added is there' gate_is hq second state down
t 'with its device and address' eval 'ip -n hq addr show cg7 | grep -q 169.254.7.1/30'
t 'the other one did not notice' eval '[ "$(ns hq-host ping -q -c 3 -i 0.2 -W 1 10.2.0.10 | grep -c " 0% packet loss")" = 1 ]'
old=$(spi hq branch)
cp "$gate_root/hq/certgate.yaml" /run/good.yaml
sed -i 's/gw.second.example/gw.second.example,O=/' "$gate_root/hq/certgate.yaml"
t 'a subject that is none is refused' refused_with 'subject' gate hq reload
sed "s,$pki/hq.pfx,$pki/nowhere.pfx," /run/good.yaml >"$gate_root/hq/certgate.yaml"
t 'a certificate that is not there is refused, by name' refused_with nowhere.pfx gate hq reload
sed "/name: second/,\$s,outbound_certificate: .*,outbound_certificate: {certificate: $pki/hq.pem\, key: $pki/branch.key}," /run/good.yaml >"$gate_root/hq/certgate.yaml"
t 'a key of another certificate is refused' refused_with certgate.yaml gate hq reload
chmod 644 "$pki/hq.key"
sed "/name: second/,\$s,outbound_certificate: .*,outbound_certificate: {certificate: $pki/hq.pem\, key: $pki/hq.key}," /run/good.yaml >"$gate_root/hq/certgate.yaml"
t 'a key that everyone may read is refused' refused_with chmod gate hq reload
chmod 600 "$pki/hq.key"
sed "/name: second/,\$s,chain: .*,chain: [$pki/hq.pem]}," /run/good.yaml >"$gate_root/hq/certgate.yaml"
t 'a chain without an anchor is refused' refused_with certgate.yaml gate hq reload
t 'and nothing has changed' eval '[ "$(spi hq branch)" = "$old" ] && gate_is hq second state down'
sed '/name: second/,$d' /run/good.yaml >"$gate_root/hq/certgate.yaml"
kill -HUP "$(cat "$gate_root/hq/pid")"
t 'SIGHUP: a connection that is gone from the file is gone' wait_for 5 eval '! gate hq status second'
t 'with its device' wait_for 5 eval '! ip -n hq link show cg7'

networks hq local_networks '10.1.0.0/16, 10.3.0.0/16'
t 'two networks in one child' eval "networks branch remote_networks '10.1.0.0/16, 10.3.0.0/16' && gate_up branch hq 30 && ping_both && gate_is branch hq children.0.remote_networks.1 10.3.0.0/16"
t 'one of the two is taken away: the other one goes on' eval "networks hq local_networks 10.1.0.0/16 && wait_for 30 one_network && ping_both && [ \$(table branch tunnel) = 1 ]"
networks hq local_networks '10.1.0.0/16, 10.3.0.0/16'
t 'asked for in another order: hq has the same tunnel' eval "handshakes_again && networks branch remote_networks '10.3.0.0/16, 10.1.0.0/16' && gate_up branch hq 30 && ping_both && [ \$(table hq tunnel) = 1 ]"

sed 's|local_networks: \[10.1.0.0/16, 10.3.0.0/16\]|local_networks: [10.1.0.0/17]|' "$gate_root/hq/certgate.yaml" >/run/narrow.yaml
cp /run/narrow.yaml "$gate_root/hq/certgate.yaml"
t 'other networks: the connection begins anew' eval 'gate hq reload | grep -q branch && handshakes_again'
t 'with the narrower ones at both ends' gate_is branch hq children.0.remote_networks.0 10.1.0.0/17
t 'the tunnels of the narrower selectors carry traffic' ping_both

before=$(peer_expires)
rm -f "$pki"/hq.{pem,cer,pfx}
(MKPKI_UNTIL=+900000 pki_cert hq hq p256) || exit 1
t 'a renewed certificate is taken with a reload' gate hq reload
t 'and presented from then on' handshakes_again
t 'the peer sees that it is another one' eval '[ "$(peer_expires)" != "$before" ] && ping_both'

# As Windows wrote PKCS#12 for years: 3DES, RC2-40, a passphrase. The process that opens it is confined, and has been for long.
before=$(peer_expires)
rm -f "$pki"/hq.{pem,cer,pfx}
(MKPKI_UNTIL=+950000 pki_cert hq hq p256 && cd "$pki" && mkpki_pfx hq 'open sesame' legacy) || exit 1
printf 'open sesame\n' >"$pki/hq.passphrase" && chmod 600 "$pki/hq.passphrase"
t 'the file is of the old kind' old_kind
t 'an old PKCS#12 file is refused without its passphrase' refused_with hq.pfx gate hq reload
passphrase
t 'and taken with it' gate hq reload
t 'a tunnel comes up with it' handshakes_again
t 'the peer sees that certificate' eval '[ "$(peer_expires)" != "$before" ] && ping_both'

t 'key dies: another one comes, and opens it again' dies_and_comes key
t 'and signs' handshakes_again
t 'key dies while it signs for a peer that waits: the next one does' signature_is_lost hq branch
t 'key dies while it signs for us: we begin anew' signature_is_lost branch hq
t 'verify dies: another one comes' dies_and_comes verify
t 'traffic goes on' ns hq-host ping -q -c 3 -i 0.2 -W 1 10.2.0.10
t 'and it verifies' handshakes_again
t 'verify dies, and what it needs is not there: it gets it when it is' owed
t 'fetch dies: another one comes' dies_and_comes fetch
t 'ike dies: another one comes' dies_and_comes ike
t 'traffic goes on again' ns hq-host ping -q -c 3 -i 0.2 -W 1 10.2.0.10
t 'and a tunnel comes up in place of the old one' handshakes_again
t 'the tunnel in place of the old one carries traffic' ping_both

t 'what is not JSON is refused' control_refuses 'hello'
t 'nor is an unknown operation obeyed' control_refuses '{"v":1,"op":"destroy"}'
t 'nor another version' control_refuses '{"v":2,"op":"status"}'
t 'nor an argument of the wrong kind' control_refuses '{"v":1,"op":"up","args":{"name":7}}'
t 'nor an unknown name' control_refuses '{"v":1,"op":"explain","args":{"name":"nobody"}}'
t 'a line without an end ends the client, not the daemon' endless_line
t 'another user is nobody here' as_nobody
t 'history is told in words' eval 'gate branch explain hq | grep -qi "established"'

gate_kill hq
t 'the peer is gone without a word: stopping does not wait for it' in_vain
t 'and leaves nothing' eval '[ "$(ns branch build/certgate kernel sa list --json)" = "[]" ] && ! ip -n branch link show cg0'
# The connection goes while nobody runs: what the crash left in the kernel is nobody's.
t 'what the killed one had is in the kernel' eval '[ "$(table hq sa)" -ge 2 ] && [ "$(table hq tunnel)" = 1 ] && [ "$(table hq cert)" -ge 1 ] && ip -n hq link show cg0'
cp "$gate_root/hq/certgate.yaml" /run/good.yaml
second_connection
passphrase
sed -i '/- name: branch/,/- name: second/{/- name: second/!d}' "$gate_root/hq/certgate.yaml"
: >"$gate_root/hq/log"
interop_start
t 'started without the connection: its tunnel fits none any more' grep -q 'tunnel branch/branch of an earlier process fits no connection any more: removed' "$gate_root/hq/log"
t 'it is gone with its SAs, its bindings and its device' eval 'empty hq sa && empty hq tunnel && wait_for 5 empty hq cert && ! ip -n hq link show cg0'
gate_stop hq
cp /run/good.yaml "$gate_root/hq/certgate.yaml"
interop_start && gate_start branch branch && gate_up hq branch
gate_kill hq
t 'killed once more' eval '[ "$(table hq sa)" -ge 2 ] && gate_stop branch'
interop_start
t 'what the next one finds of it is told' grep -q '[1-9] SAs of an earlier process go on until they are replaced.*event=adopted' "$gate_root/hq/log"
gate_stop hq
t 'started and stopped again, what the killed one left is gone' eval '[ "$(ns hq build/certgate kernel sa list --json)" = "[]" ] && [ "$(ns hq build/certgate kernel tunnel list --json)" = "[]" ] && ! ip -n hq link show cg0'
t 'rmmod' wait_for 5 rmmod certgate
ktap_log "$gate_root/hq/log" "$gate_root/branch/log"
ktap_end
