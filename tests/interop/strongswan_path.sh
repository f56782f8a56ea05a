#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# kernels: uml
#
# certgated at hq, strongSwan at branch, and what lies between them: a NAT at either end, peers that want a cookie, a cable that is cut, a
# peer that vanishes, requests to rekey that cross each other. And somebody who looks on: tshark, given the keys, reads all that we say in IKE.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh
. tests/lib/strongswan.sh
. tests/lib/strongswan_pair.sh
. tests/lib/numbered.sh

gcm='aes256gcm16-prfsha256-curve25519'

# wire_open FILTER: records what passes the router's leg to branch, until wire_close
wire_open() {
	rm -f /run/wire.log
	"$enter" router tcpdump -U --immediate-mode -i branch -n -s 0 -w /run/wire "$1" >/dev/null 2>/run/wire.log &
	wire=$!
	wait_for 10 grep -qs listening /run/wire.log
}

wire_close() {
	kill $wire
	wait $wire 2>/dev/null
	true
}

# one_each: an IKE SA and a Child SA at strongSwan, a pair of SAs in our kernel
one_each() {
	[ "$(swan branch --list-sas | grep -c ESTABLISHED)" = 1 ] && [ "$(swan branch --list-sas | grep -c INSTALLED)" = 1 ] && one_pair
}

one_pair() {
	[ "$(ns hq build/certgate kernel sa list --json | grep -c '"spi"')" = 2 ]
}

another_certificate() {
	MODE=responder-only interop_hq hq-p384
	gate hq reload >/dev/null && wait_for 10 told 'received AUTH_LIFETIME of 120s, starting reauthentication' &&
		wait_for 10 eval '[ "$(gate_field hq branch children.0.spi_in)" != "$old" ]'
}

told() { # WORDS: strongSwan's log has them
	grep -q -- "$1" "$swan_root/branch/log"
}

# wire_count FILTER: packets of the recording
wire_count() {
	tcpdump -n -r /run/wire "$1" 2>/dev/null | wc -l
}

# ---------------------------------------------------------------- tshark

# secret NAME: a key of the last IKE SA, hexadecimal, as strongSwan's log dumps it
secret() {
	awk -v name="Sk_$1 secret" '
		index($0, name) { on = 1; key = ""; next }
		on && match($0, /\[IKE\] +[0-9]+: /) {
			bytes = substr($0, RSTART + RLENGTH, 48)
			gsub(/ /, "", bytes)
			key = key bytes
			next
		}
		{ on = 0 }
		END { print tolower(key) }' "$swan_root/branch/log"
}

# decode ENCRYPTION INTEGRITY: the recording as tshark reads it with the keys. In /run/decoded all of it in words; in /run/said a line
# for each message of hq: exchange and payloads, without the proposals and transforms in an SA, and without repetitions.
decode() {
	local ispi rspi keys
	read -r ispi rspi < <(tshark -r /run/wire -Y 'isakmp.exchangetype == 35' -T fields -e isakmp.ispi -e isakmp.rspi 2>/dev/null)
	keys="$ispi,$rspi,$(secret ei),$(secret er),\"$1\",$(secret ai),$(secret ar),\"$2\""
	tshark -r /run/wire -o "uat:ikev2_decryption_table:$keys" -V >/run/decoded 2>/run/tshark.err &&
		tshark -r /run/wire -o "uat:ikev2_decryption_table:$keys" -Y 'ip.src == 198.51.100.2' -T fields \
			-e isakmp.flag_r -e isakmp.messageid -e isakmp.frag.number -e isakmp.exchangetype -e isakmp.typepayload \
			2>>/run/tshark.err | awk -F '\t' '!seen[$1, $2, $3]++ { while (gsub(/,[23],/, ",", $5)) ; print $4, $5 }' >/run/said ||
		{ cat /run/tshark.err; return 1; }
}

# read_whole N: every message after IKE_SA_INIT was decrypted, with a good integrity value; nothing is malformed or remarkable
read_whole() {
	local sealed
	sealed=$(grep -c 'Next payload: Encrypted and Authenticated' /run/decoded)
	echo "$sealed sealed messages, $(grep -c '\[correct\]' /run/decoded) with a good integrity value"
	[ "$sealed" -ge "$1" ] && [ "$(grep -c 'Integrity Checksum Data: .*\[correct\]' /run/decoded)" = "$sealed" ] &&
		! grep -E -i 'malformed|expert info|\[incorrect' /run/decoded
}

# said LINES: what hq said is that
said_are() {
	diff <(printf '%s\n' "$@") /run/said
}

shown() { # WORDS...: tshark has found each of them
	local words
	for words; do
		grep -q -F -- "$words" /run/decoded || { echo "not found: $words"; return 1; }
	done
}

# with_the_files OPTION...: the recording as tshark reads it with the files of the key log
with_the_files() {
	mkdir -p /run/looks/.config/wireshark
	cp "$gate_root"/hq/state/{ikev2_decryption_table,esp_sa} /run/looks/.config/wireshark/
	HOME=/run/looks tshark -r /run/wire -o esp.enable_encryption_decode:TRUE "$@" 2>/run/tshark.err || cat /run/tshark.err >&2
}

# pings_read ADDRESS: requests in ESP of either direction, hq being there
pings_read() {
	with_the_files -Y "ip.addr == $1 && icmp.type == 8" -T fields -e ip.dst | sort | uniq -c | tee /run/pings
	awk '$2 ~ /,10\.2\.0\.10$/ { out = $1 } $2 ~ /,10\.1\.0\.10$/ { back = $1 } END { exit !(out >= 3 && back >= 3) }' /run/pings
}

ktap_begin 83
scripts/peer strongswan || exit 1
insmod "$CERTGATE_KO" || exit 1
topo_up && topo_isolate && pki_roots || exit 1
for kind in rsa2048 p256; do
	pki_cert hq "hq-$kind" "$kind" && pki_cert branch "branch-$kind" "$kind" || exit 1
done

# What we say as initiator, in fragments, and as responder.
MODE=initiator-only interop_hq hq-rsa2048 'fragment_size: 576'
SWAN_LOG='ike = 4' swan_branch branch-rsa2048 "$gcm" aes256gcm16-esn 'fragmentation = yes'
wire_open 'udp port 500 or udp port 4500'
start_branch && interop_start
t 'tshark looks on: certgate initiates' gate_up hq branch || logs
t 'strongSwan rekeys the Child SA' swan branch --rekey --child hq || logs
t 'certgate takes it down' eval 'gate hq down branch && wait_for 5 terminated' || logs
wire_close
t 'tshark has the keys' decode 'AES-GCM-256 with 16 octet ICV [RFC5282]' 'NONE [RFC4306]'
t 'and reads every message whole' read_whole 12
# 33 SA, 34 KE, 35 IDi, 36 IDr, 37 CERT, 38 CERTREQ, 39 AUTH, 40 Nonce, 41 N, 42 D, 44 TSi, 45 TSr, 46 SK, 53 SKF
t 'exchanges and payloads in the order of the RFC' said_are '34 33,34,40,41,41,41,41' '35 53' '35 53' '35 53' '35 53' \
	'35 53,35,37,37,38,38,39,41,41,33,44,45' '36 46,33,40,44,45' '37 46,42' '37 46,42'
t 'identity, chain, signature, selectors' shown 'id-at-commonName=gw.hq.example' 'id-at-commonName=HQ Issuing CA' \
	'Authentication Method: Digital Signature (14)' 'Starting Addr: 10.1.0.0' 'Ending Addr: 10.2.255.255' 'Total Fragments: 5'
stop_both

MODE=responder-only POLICY='{ike: {encryption: [AES_CBC-256], integrity: [HMAC_SHA2_256_128], prf: [PRF_HMAC_SHA2_256], dh_groups: [ECP256]}, ipsec: {encryption: [AES_GCM_16-256]}}' \
	interop_hq hq-p256
SWAN_LOG='ike = 4' swan_branch branch-p256 aes256-sha256-prfsha256-ecp256 aes256gcm16-esn
wire_open 'udp port 500 or udp port 4500'
interop_start && start_branch
t 'tshark looks on: strongSwan initiates' swan branch --initiate --child hq --timeout 15 || logs
t 'and takes it down' swan branch --terminate --ike hq || logs
wire_close
t 'strongSwan says by a vendor ID what it is' told 'generating IKE_SA_INIT request 0 \[.* V' || logs
t 'tshark has the keys' decode 'AES-CBC-256 [RFC3602]' 'HMAC_SHA2_256_128 [RFC4868]'
t 'and reads every message whole' read_whole 4
t 'exchanges and payloads in the order of the RFC' said_are '34 33,34,40,41,41,41,41,41,38,38,41' \
	'35 46,36,37,37,39,41,41,33,44,45' '37 46'
t 'identity, chain, signature, selectors' shown 'id-at-commonName=gw.hq.example' 'id-at-commonName=HQ Issuing CA' \
	'Authentication Method: Digital Signature (14)' 'Starting Addr: 10.1.0.0' 'Ending Addr: 10.2.255.255'
stop_both

# Cookies: strongSwan wants one while another IKE SA is half-open, which is one whose answers are lost.
MODE=initiator-only interop_hq hq-p256
SWAN_SETTINGS=$'cookie_threshold = 1\nhalf_open_timeout = 300' SWAN_LOG='net = 2' swan_branch branch-p256 "$gcm" aes256gcm16-esn
between 'chain lost { type filter hook forward priority filter; ip saddr 203.0.113.2 udp sport 500 drop; }'
start_branch && interop_start
t 'an IKE SA is half-open at strongSwan' wait_for 10 told 'sending packet' || logs
gate_stop hq
nothing_between
interop_start
t 'strongSwan wants a cookie: the tunnel is up' gate_up hq branch || logs
t 'it did' told 'sending COOKIE notify' || logs
t 'ping crosses both ways' ping_both || logs
stop_both
MODE=responder-only interop_hq hq-p256
sed -i '/^  listen:/a\  limits: {cookie_threshold: 0}' "$gate_root/hq/certgate.yaml"
SWAN_SETTINGS='make_before_break = yes' swan_branch branch-p256 "$gcm" aes256gcm16-esn
interop_start && start_branch
t 'certgate wants a cookie: the tunnel is up' swan branch --initiate --child hq --timeout 15 || logs
t 'it did' told 'parsed IKE_SA_INIT response 0 \[ N(COOKIE) \]' || logs
t 'there is no key log where the configuration does not allow it' eval '! gate hq keylog branch on 2>/run/refused && grep "key_log: true" /run/refused'
t 'ping crosses both ways' ping_both || logs
swan_kill branch
t 'strongSwan is killed and begins again: the tunnel is up' eval 'start_branch && swan branch --initiate --child hq --timeout 15 && ping_both' || logs
t 'the tunnel that it had is gone' wait_for 10 one_pair || logs
pki_cert hq hq-p384 p384 || exit 1
old=$(gate_field hq branch children.0.spi_in)
t 'certgate has a new certificate: strongSwan is asked to authenticate anew, and none is lost' no_packet_lost lasting 1 another_certificate || logs
t 'of the tunnel before nothing is left' wait_for 10 one_pair || logs
stop_both

# crossed WHAT: what strongSwan says of the last time that both rekeyed a CHILD or the IKE SA: it had asked, and heard that certgate asks as well, before it
# answered, and before it was answered, if it was.
crossed() {
	local request='CREATE_CHILD_SA request [0-9]+ \\[ SA No KE '
	[ "$1" = IKE ] || request='CREATE_CHILD_SA request [0-9]+ \\[ N\\(REKEY_SA\\)'
	awk -v request="$request" -v collision="detected $1_REKEY collision with $1_REKEY" -v heard="$heard" 'NR <= heard { next }
		/CREATE_CHILD_SA|collision/ { print }
		$0 ~ "generating " request && !sent { sent = NR }
		$0 ~ "parsed " request && !asked { asked = NR }
		/generating CREATE_CHILD_SA response/ && !answered { answered = NR }
		/parsed CREATE_CHILD_SA response/ && !told { told = NR }
		index($0, collision) { collided = NR }
		END { exit !(sent && asked && collided && sent < asked && asked < answered && (!told || answered < told)) }' "$peer_log"
}

# Both rekey the IKE SA at once, certgate in time for its limit.
MODE=initiator-only POLICY='{ike: {lifetime_seconds: 10}}' interop_hq hq-p256
swan_branch branch-p256 "$gcm" aes256gcm16
start_branch && interop_start
t 'an IKE SA of 10 seconds: the tunnel is up' gate_up hq branch || logs
old=$(gate_field hq branch ike.spi_i)
t 'both rekey the IKE SA at once and nothing is lost' no_packet_lost lasting 2 both_ask true 'swan branch --rekey --ike hq' || logs
t 'which crossed' crossed IKE || logs
t 'one IKE SA and one Child SA are left' eval 'wait_for 15 one_each && [ "$(gate_field hq branch ike.spi_i)" != "$old" ] && ping_both' || { swan branch --list-sas; logs; }
t 'and nobody had to authenticate again' eval '[ "$(grep -c event=peer-admitted "$gate_root/hq/log")" = 1 ]' || logs
stop_both

# The peer vanishes without a word, and comes back.
MODE=initiator-only interop_hq hq-p256 'dpd_timeout: 6' 'key_log: true'
swan_branch branch-p256 "$gcm" aes256gcm16-esn
start_branch && interop_start
t 'a peer that will vanish: the tunnel is up' gate_up hq branch || logs

# Before that, both rekey the Child SA at once, as a key log has certgate do. Of the two that come of it the one that certgate has made in vain stays for twice
# five seconds, while the other is made anew, since there are peers that use the one that was made last; strongSwan deletes its own at once.
old=$(gate_field hq branch children.0.spi_in)
t 'both rekey the Child SA at once and nothing is lost' no_packet_lost lasting 2 both_ask 'gate hq keylog branch on' 'swan branch --rekey --child hq' || logs
t 'these crossed as well' crossed CHILD || logs
t 'one of each is left' eval 'wait_for 30 one_each && [ "$(gate_field hq branch children.0.spi_in)" != "$old" ] && ping_both' || { swan branch --list-sas; logs; }
gate hq keylog branch off >/dev/null

# And keys for who looks on: those of an IKE SA that is up, and of the Child SA that is made for it.
wire_open 'esp or udp port 500 or udp port 4500'
old=$(gate_field hq branch children.0.spi_in)
t 'keys are written by order' gate hq keylog branch on || logs
t 'there is a new Child SA for it' wait_for 10 eval '[ "$(gate_field hq branch children.0.spi_in)" != "$old" ]' || logs
ping_both >/dev/null
t 'and no more by another order' eval 'gate hq keylog branch off && gate hq explain branch | grep "keys are not written any more: by order of user root "' || logs
ns hq-host ping -q -c 1 -W 1 10.2.0.10 >/dev/null
wire_close
t 'only root reads the files' eval '[ "$(stat -c "%a %u" "$gate_root"/hq/state/{ikev2_decryption_table,esp_sa} | sort -u)" = "600 0" ]'
t 'with the files of the key log tshark reads IKE' eval '[ "$(with_the_files -Y "isakmp.exchangetype == 36 && isakmp.tf.type" | wc -l)" -ge 2 ]' || with_the_files -V
t 'and the packets in ESP, both ways' pings_read 198.51.100.2 || with_the_files -V

# The cable is cut. strongSwan lives on, and has the old SAs when the cable is whole again.
between 'chain cut { type filter hook forward priority filter; drop; }'
t 'the cable is cut: the peer is given up' wait_for 20 eval '! gate_is hq branch state up' || logs
nothing_between
t 'it is whole again: so is the tunnel' eval 'gate_up hq branch && ping_both' || logs
t 'and the old SAs are gone' wait_for 10 one_each || { swan branch --list-sas; logs; }

swan_kill branch
t 'it is given up' wait_for 20 eval '! gate_is hq branch state up' || logs
t 'and status says why it was given up' eval 'gate hq status branch | grep -q "has not answered"' || { gate hq status branch; logs; }
start_branch
t 'it is back: so is the tunnel' gate_up hq branch || logs
t 'ping crosses both ways' ping_both || logs
stop_both

# The cable is cut, and certgate may not begin: it gives the peer up by itself, and strongSwan, which asks as well, comes again.
MODE=responder-only interop_hq hq-p256 'dpd_delay: 2' 'dpd_timeout: 6'
SWAN_DPD=restart swan_branch branch-p256 "$gcm" aes256gcm16-esn 'dpd_delay = 1'
interop_start && start_branch
t 'certgate may not begin: the tunnel is up' swan branch --initiate --child hq --timeout 15 || logs
t 'ping crosses both ways' ping_both || logs
between 'chain cut { type filter hook forward priority filter; drop; }'
t 'the cable is cut: certgate gives the peer up' wait_for 20 eval '! gate_is hq branch state up && grep -q event=peer-dead "$gate_root/hq/log"' || logs
nothing_between
t 'it is whole again: strongSwan has missed certgate and makes the tunnel anew' eval 'gate_up hq branch && ping_both' || { swan branch --list-sas; logs; }
t 'one of each is left at either end' wait_for 10 one_each || { swan branch --list-sas; logs; }
stop_both

# A NAT before hq, then one before branch.
MODE=initiator-only interop_hq hq-p256 'nat_keepalive: 1'
SWAN_REMOTE=203.0.113.1 swan_branch branch-p256 "$gcm" aes256gcm16-esn
between 'chain out { type nat hook postrouting priority srcnat; oifname "branch" ip saddr 198.51.100.2 masquerade; }'
wire_open 'host 203.0.113.2 and not arp'
start_branch && interop_start
t 'certgate behind a NAT: the tunnel is up' gate_up hq branch || logs
t 'ping crosses both ways' ping_both || logs
t 'status tells of the NAT' gate_is hq branch ike.nat local || gate hq status branch
t 'keepalives keep it open, as often as is configured' wait_for 10 eval '[ "$(wire_count "udp dst port 4500 and udp[4:2] = 9 and udp[8] = 0xff")" -ge 3 ]' || tcpdump -n -r /run/wire
wire_close
t 'ESP is in UDP from port 4500, and nothing else is there' eval '[ "$(wire_count "udp port 4500")" -ge 8 ] && [ "$(wire_count "not udp port 4500 and not udp port 500")" = 0 ]' || tcpdump -n -r /run/wire
stop_both
nothing_between
REMOTE=any MODE=responder-only interop_hq hq-p256
swan_branch branch-p256 "$gcm" aes256gcm16-esn
between 'chain out { type nat hook postrouting priority srcnat; oifname "hq" ip saddr 203.0.113.2 masquerade; }'
interop_start && start_branch
t 'strongSwan behind a NAT: the tunnel is up' swan branch --initiate --child hq --timeout 15 || logs
t 'ping crosses both ways' ping_both || logs
t 'status tells of the NAT' gate_is hq branch ike.nat remote || gate hq status branch
stop_both
nothing_between

# One before each, of which strongSwan's leads to it, by an address that no translation before this one has heard of.
ns router ip addr add 198.51.100.9/24 dev hq
MODE=initiator-only REMOTE=198.51.100.9 interop_hq hq-p256
SWAN_REMOTE=203.0.113.1 swan_branch branch-p256 "$gcm" aes256gcm16-esn
between 'chain in { type nat hook prerouting priority dstnat; iifname "hq" ip daddr 198.51.100.9 udp dport { 500, 4500 } dnat to 203.0.113.2; }
	chain out { type nat hook postrouting priority srcnat; oifname "branch" ip saddr 198.51.100.2 masquerade; }'
rm -f "$swan_root/branch/log"
start_branch && interop_start
t 'both behind NATs: the tunnel is up' gate_up hq branch || logs
t 'ping crosses both ways' ping_both || logs
t 'status tells of both NATs' gate_is hq branch ike.nat both || gate hq status branch
t 'so does strongSwan' eval 'told "local host is behind NAT" && told "remote host is behind NAT"' || logs
stop_both
nothing_between

# renumber NAMESPACE NEW OLD ROUTER: the leg to the router gets another address
renumber() {
	on "$1" <<-END
		addr add $2/24 dev wan
		addr del $3/24 dev wan
		addr replace $2/24 dev wan
		route replace default via $4
	END
}

# sas: the SPIs of hq's IKE SA and Child SA
sas() {
	echo "$(gate_field hq branch ike.spi_i) $(gate_field hq branch children.0.spi_in) $(gate_field hq branch children.0.spi_out)"
}

# MOBIKE: who made the connection gets another address, and moves with the SAs that there are. tshark, given the keys before, goes on reading.
MODE=initiator-only POLICY='{ike: {encryption: [AES_CBC-256], integrity: [HMAC_SHA2_256_128], prf: [PRF_HMAC_SHA2_256], dh_groups: [ECP256]}, ipsec: {encryption: [AES_CBC-256], integrity: [HMAC_SHA2_256_128]}}' \
	interop_hq hq-p256 'key_log: true'
sed -i -e '/local_address:/d' -e 's/listen: .*/listen: [0.0.0.0]/' "$gate_root/hq/certgate.yaml"
SWAN_REMOTE=%any swan_branch branch-p256 aes256-sha256-prfsha256-ecp256 aes256-sha256-noesn
start_branch && interop_start
t 'MOBIKE, certgate initiates: the tunnel is up' gate_up hq branch || logs
old=$(gate_field hq branch children.0.spi_in)
wire_open 'esp or udp port 500 or udp port 4500'
t 'keys are written: there is a new Child SA for it' eval 'gate hq keylog branch on && wait_for 10 eval "[ \"\$(gate_field hq branch children.0.spi_in)\" != $old ]"' || logs
t 'ping crosses both ways' ping_both || logs
before=$(sas)
renumber hq 198.51.100.7 198.51.100.2 198.51.100.1
t 'with another address it moves' wait_for 30 eval 'ns hq-host ping -q -c 1 -W 1 10.2.0.10 >/dev/null; gate_is hq branch local_address 198.51.100.7:4500' || logs
t 'traffic follows, both ways' ping_both || logs
t 'no SA was made anew' eval '[ "$(sas)" = "$before" ] && [ "$(swan branch --list-sas | grep -c INSTALLED)" = 1 ]' || logs
t 'strongSwan has it there' eval 'swan branch --list-sas | grep -q 198.51.100.7' || { swan branch --list-sas; logs; }
wire_close
t 'tshark reads AES-CBC in IKE' eval '[ "$(with_the_files -Y "isakmp.exchangetype == 37 && isakmp.notify.msgtype == 16400" | wc -l)" -ge 1 ]' || with_the_files -V
t 'in ESP, both ways, where it was' pings_read 198.51.100.2 || with_the_files -V
t 'and in ESP, both ways, where it went' pings_read 198.51.100.7 || with_the_files -V
stop_both
renumber hq 198.51.100.2 198.51.100.7 198.51.100.1
REMOTE=any MODE=responder-only interop_hq hq-p256
SWAN_LOCAL=%any swan_branch branch-p256 "$gcm" aes256gcm16-esn
interop_start && start_branch
t 'MOBIKE, strongSwan initiates: the tunnel is up' swan branch --initiate --child hq --timeout 15 || logs
t 'ping crosses both ways' ping_both || logs
before=$(sas)
renumber branch 203.0.113.7 203.0.113.2 203.0.113.1
t 'with another address it moves' wait_for 30 gate_is hq branch remote_address 203.0.113.7:4500 || logs
t 'traffic follows, both ways' ping_both || logs
t 'no SA was made anew' eval '[ "$(sas)" = "$before" ] && [ "$(swan branch --list-sas | grep -c INSTALLED)" = 1 ]' || logs
t 'and the log says who moved' grep -q 'the peer moved' "$gate_root/hq/log" || logs
stop_both

t 'nothing is left in the kernel' eval '[ "$(ns hq build/certgate kernel sa list --json)" = "[]" ]'
topo_down
t 'rmmod' wait_for 10 rmmod certgate
ktap_end
