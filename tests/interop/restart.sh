#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 200
# kernels: uml
#
# A planned restart: another process goes on with the tunnels, no packet is lost, and the peer sees nothing of it. What does not fit
# the configuration any more, and what was not handed over, is made anew.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh
. tests/lib/numbered.sh
. tests/lib/strongswan.sh

# A second connection of hq's, under another name, and what it is at branch.
spare() {
	cat >>"$gate_root/hq/certgate.yaml" <<-END
		  - name: spare
		    interface: {name: cg1}
		    local_address: 198.51.100.2
		    remote_address: 203.0.113.2
		    mode: initiator-only
		    local_networks: [10.11.0.0/16]
		    remote_networks: [10.22.0.0/16]
		    outbound_certificate: $pki/spare.pfx
		    inbound_certificate: {subject_name: gw.branch.example, chain: [$pki/branch-root.cer]}
	END
	cat >>"$gate_root/branch/certgate.yaml" <<-END
		  - name: spare
		    interface: {name: cg1}
		    local_address: 203.0.113.2
		    remote_address: 198.51.100.2
		    mode: responder-only
		    local_networks: [10.22.0.0/16]
		    remote_networks: [10.11.0.0/16]
		    outbound_certificate: $pki/branch.pfx
		    inbound_certificate: {subject_name: spare.hq.example, chain: [$pki/hq-root.cer]}
	END
}

spis() { # GATEWAY CONNECTION: of the IKE SA and of the Child SA
	gate "$1" status "$2" --json | grep -o '"spi_[a-z]*": "[0-9a-f]*"' | tr '\n' ' '
}

logged() { # GATEWAY WORDS
	grep -q -- "$2" "$gate_root/$1/log"
}

same() { # BEFORE: hq and branch say what they said
	local now
	now="$(spis hq branch) | $(spis branch hq)"
	echo "before $1"
	echo "after  $now"
	[ "$now" = "$1" ] && [ "$(grep -o spi_ <<<"$1" | wc -l)" = 8 ]
}

refused_with() { # WORDS COMMAND...
	local words=$1 out
	shift
	out=$("$@" 2>&1) && return 1
	echo "$out"
	[[ $out == *"$words"* ]]
}

fingerprint() { # CERT
	openssl x509 -in "$pki/$1.pem" -outform DER | sha256sum | cut -d' ' -f1
}

exe_of() { # ROLE
	readlink "/proc/$(pid_of hq "$1")/exe"
}

logs() {
	ktap_log "$gate_root/hq/log" "$gate_root/branch/log"
}

crl() { # CERT...: what the branch's CA revoked
	(cd "$pki" && mkpki_crl branch-root 3600 && mkpki_crl branch-ca 3600 "$@")
}

swan_conf_branch() {
	swan_dir branch
	cp "$pki/branch.pem" "$swan_root/branch/x509/"
	cp "$pki/branch.key" "$swan_root/branch/private/"
	cp "$pki/branch-ca.pem" "$pki/branch-root.pem" "$pki/hq-root.pem" "$swan_root/branch/x509ca/"
	swan_conf branch <<-END
		connections {
			hq {
				version = 2
				local_addrs = 203.0.113.2
				remote_addrs = 198.51.100.2
				proposals = aes256gcm16-prfsha256-ecp256
				dpd_delay = 2
				local {
					auth = pubkey
					certs = branch.pem
				}
				remote {
					auth = pubkey
					id = "CN=gw.hq.example"
					cacerts = hq-root.pem
				}
				children {
					hq {
						local_ts = 10.2.0.0/16
						remote_ts = 10.1.0.0/16
						esp_proposals = aes256gcm16-ecp256
						rekey_time = 0
					}
				}
			}
		}
	END
}

# What strongSwan says of its SAs, without what counts and ages.
swan_sas() {
	swan branch --list-sas | grep -o '#[0-9]*, [A-Z]*\|[0-9a-f]\{16\}_[ir]\|^ *\(in\|out\) *[0-9a-f]\{8\}'
}

swan_same() { # BEFORE
	swan_sas
	[ -n "$1" ] && [ "$(swan_sas)" = "$1" ]
}

swan_one_other() { # BEFORE: an IKE SA and a Child SA, and they are not those
	local sas
	sas=$(swan branch --list-sas)
	[ "$(grep -c ESTABLISHED <<<"$sas")" = 1 ] && [ "$(grep -c INSTALLED <<<"$sas")" = 1 ] && [ "$(swan_sas)" != "$1" ]
}

# What each process of hq may do and has open, but for the number of filters it is under.
confinement() {
	local role pid
	for role in launcher main ike verify key fetch; do
		pid=$(pid_of hq "$role") || return 1
		echo "$role"
		grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):' "/proc/$pid/status"
		for fd in "/proc/$pid/fd/"*; do
			readlink "$fd" | sed 's/:.*//; s/certgated\..*/empty directory/'
		done | sort | uniq -c
	done
}

# ike ends in the middle of it.
restart_fails() {
	local ike
	ike=$(pid_of hq ike)
	kill -STOP "$ike"
	(sleep 1 && kill -KILL "$ike") &
	refused_with 'a process ended meanwhile' gate hq restart
}

# hq's daemon was killed; the next one is told that there is something, where nothing is.
start_with_nothing() {
	local dir=$gate_root/hq
	gate_kill hq
	"$enter" hq "$gate_build/certgated" -c "$dir/certgate.yaml" --socket "$dir/control.sock" --handover 2 >>"$dir/log" 2>&1 &
	echo $! >"$dir/pid"
	wait_for 20 gate_answers hq && logged hq 'handed over is not used' && gate_up hq branch
}

ktap_begin 42
insmod "$CERTGATE_KO" || exit 1
scripts/peer strongswan || exit 1
topo_up && topo_isolate && pki_roots && pki_cert hq hq p256 && pki_cert branch branch p256 && pki_cert hq spare p256 CN=spare.hq.example || exit 1
crl || exit 1
# A program of its own, which can be replaced.
mkdir -p /run/bin && cp "$gate_build"/certgate{,d} /run/bin || exit 1
gate_build=/run/bin
interop_hq hq "  crls: [$pki/branch-ca.crl, $pki/branch-root.crl]" 'dpd_delay: 2' 'dpd_timeout: 10'
interop_branch 'dpd_delay: 2' 'dpd_timeout: 10'
spare
interop_start && gate_start branch branch || exit 1

t 'a tunnel is up' gate_up branch hq || logs
t 'and another' gate_up hq spare || logs
t 'ping crosses both ways' ping_both
before="$(spis hq branch) | $(spis branch hq)"
process=$(pid_of hq main)
confinement >/run/confinement
cp "$gate_build/certgated" /run/bin/new && mv /run/bin/new /run/bin/certgated
t 'the program has been replaced' eval '[[ $(exe_of main) == *deleted* ]]'
t 'hq restarts, and no packet is lost' no_packet_lost lasting 4 gate hq restart || logs
t 'another process has taken over' eval '[ -n "$(pid_of hq main)" ] && [ "$(pid_of hq main)" != "$process" ]'
t 'under the process that the service manager knows' kill -0 "$(cat "$gate_root/hq/pid")"
t 'of the new program' eval '[ "$(exe_of main)" = /run/bin/certgated ] && [ "$(exe_of ike)" = /run/bin/certgated ]'
t 'with as many rights and descriptors as before' eval 'confinement | diff /run/confinement -'
t 'of which the launcher uses none of main' grep -q '^CapEff:.00000000000401e0' "/proc/$(cat "$gate_root/hq/pid")/status"
t 'both connections go on where they were' logged hq '2 connections go on where they were' || logs
t 'both sides have the same SAs' same "$before" || logs
t 'the other connection is up' gate_is hq spare state up
t 'its interface is as it was' ip -n hq link show cg1
t 'branch restarts, and no packet is lost' no_packet_lost lasting 4 gate branch restart || logs
t 'both sides still have the same SAs' same "$before" || logs
t 'a second time: no packet is lost' no_packet_lost lasting 4 gate hq restart || logs
t 'and the SAs are the same' same "$before" || logs
t 'restarted at the same time, no packet is lost' no_packet_lost lasting 6 eval 'gate hq restart & gate branch restart & wait -n && wait -n' || logs
t 'and the SAs are the same' same "$before" || logs
sleep 4
t 'liveness checks are answered' eval '! logged hq peer-dead && ! logged branch peer-dead && same "$before"'
t 'nobody was told of an end, and nothing was lost on the way' eval '! logged hq deleted-by-peer && ! logged branch deleted-by-peer && ! logged hq "no socket" && ! logged branch "no socket"'

cp "$gate_root/hq/certgate.yaml" /run/good.yaml
echo 'nonsense: 1' >>"$gate_root/hq/certgate.yaml"
process=$(pid_of hq main)
t 'with an error in the configuration nothing happens' refused_with nonsense gate hq restart
t 'and the process is the same' eval '[ "$(pid_of hq main)" = "$process" ] && same "$before"'
sed '/name: spare/,$d' /run/good.yaml >"$gate_root/hq/certgate.yaml"
t 'with a connection gone from it, no packet of the other is lost' no_packet_lost lasting 4 gate hq restart || logs
t 'the peer got a DELETE for the one' wait_for 5 logged branch 'deleted-by-peer' || logs
t 'and has the other as it was' same "$before" || logs
t 'a restart that fails says so, and loses no packet' no_packet_lost lasting 4 restart_fails || logs
t 'its tunnel is made anew' eval 'gate_up hq branch && gate_up branch hq && ! same "$before" && ping_both' || logs
t 'nothing handed over is as a crash: no packet is lost' no_packet_lost lasting 6 start_with_nothing || logs
t 'a connection that was taken down' eval 'gate branch down hq && gate branch restart && sleep 1 && gate_is branch hq state down'
t 'comes up when it is told to' eval 'gate branch up hq && ping_both'

gate_stop branch
gate_stop hq
t 'stopped, it takes its interface along' eval '! ip -n hq link show cg0 2>/dev/null'

swan_conf_branch
: >"$gate_root/hq/log"
interop_start && swan_start branch branch || exit 1
swan branch --initiate --child hq --timeout 15 >/dev/null || ktap_log "$swan_root/branch/log"
before=$(swan_sas)
t 'strongSwan as the peer: no packet is lost' no_packet_lost lasting 4 gate hq restart || ktap_log "$gate_root/hq/log" "$swan_root/branch/log"
t 'its view is the same' swan_same "$before"
t 'it rekeys the Child SA' eval 'swan branch --rekey --child hq && sleep 1 && [ "$(swan_sas)" != "$before" ] && ping_both'
t 'and the IKE SA' eval 'swan branch --rekey --ike hq && sleep 1 && gate_is hq branch state up && ping_both'
t 'and is asked and answers' eval 'sleep 3; gate_is hq branch state up && ! logged hq peer-dead'
before=$(swan_sas)
t 'killed: traffic goes on, and no packet is lost' no_packet_lost lasting 2 gate_kill hq || ktap_log "$gate_root/hq/log" "$swan_root/branch/log"
# strongSwan takes down what it has at INITIAL_CONTACT, before its answer is here: this is not without loss, but for no longer than the answer takes.
numbered_gap=0.3
t 'started: what is lost is less than 0.3 s of packets' no_packet_lost lasting 3 eval 'interop_start && wait_for 20 swan_one_other "$before"' || ktap_log "$gate_root/hq/log" "$swan_root/branch/log"
numbered_gap=0
t 'one new IKE SA and one Child SA are left at strongSwan' eval 'wait_for 20 swan_one_other "$before" && ping_both' ||
	{ swan branch --list-sas; ktap_log "$gate_root/hq/log" "$swan_root/branch/log"; }

# Its new verify workers know the path that the peer came in by.
crl branch.pem || exit 1
t 'after a restart a peer that is revoked goes' eval 'gate hq restart && wait_for 10 eval "gate hq cert list | grep -q $(fingerprint branch)" && ! gate_is hq branch state up' ||
	ktap_log "$gate_root/hq/log" "$swan_root/branch/log"
swan_stop branch
gate_stop hq
topo_down
rmmod certgate
ktap_end
