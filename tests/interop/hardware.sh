#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# kernels: uml
#
# Our private key in hardware: in a PKCS#11 token (SoftHSM2) and in a TPM 2.0 (swtpm). Tunnels come up with it, by the process that has that key alone
# and is confined; what cannot be opened is explained, and takes nothing from other tunnels. With a key that makes no PSS, strongSwan is at the other end, and
# libreswan.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh
. tests/lib/strongswan.sh
. tests/lib/strongswan_pair.sh
. tests/lib/libreswan.sh

hsm=/run/hsm
module=/usr/lib/softhsm/libsofthsm2.so
pin=zH4rT-pin-of-the-token-9Qx2 # that nothing else looks like
export SOFTHSM2_CONF=$hsm/softhsm2.conf TPM2TOOLS_TCTI=swtpm:path=$hsm/tpm.sock TSS2_LOG=all+none

token_make() {
	mkdir -p "$hsm/tokens" && printf '%s\n' "directories.tokendir = $hsm/tokens" 'objectstore.backend = file' 'log.level = ERROR' >"$SOFTHSM2_CONF" &&
		softhsm2-util --init-token --free --label gw --so-pin 12345678 --pin "$pin" &&
		softhsm2-util --import "$pki/hq.key" --token gw --label hq --id 01 --pin "$pin" &&
		python3 tests/lib/token_key.py "$module" "$pin" "$pki/hq.key" open &&
		softhsm2-util --import "$pki/hq2.key" --token gw --label hq2 --id 02 --pin "$pin" &&
		python3 tests/lib/token_key.py "$module" "$pin" "$pki/hq2.key" pkcs1 1 && # CKM_RSA_PKCS
		chgrp -R softhsm "$hsm/tokens" && chmod -R g+rwX "$hsm/tokens" && chmod 755 "$hsm" &&
		(umask 077 && echo "$pin" >"$hsm/pin" && echo 4321 >"$hsm/wrong")
}

tpm_make() {
	mkdir -p "$hsm/tpm" && swtpm socket --tpm2 --tpmstate "dir=$hsm/tpm" --server "type=unixio,path=$hsm/tpm.sock" \
		--ctrl "type=unixio,path=$hsm/tpm.sock.ctrl" --flags not-need-init,startup-clear --daemon --pid "file=$hsm/tpm.pid" &&
		(cd "$hsm" && tpm2_selftest -f && tpm2_createprimary -C o -G ecc -c prim.ctx && tpm2_flushcontext -t &&
			tpm2_import -C prim.ctx -G ecc -i "$pki/hq3.key" -u k.pub -r k.priv -a 'sign|userwithauth|noda' && tpm2_flushcontext -t &&
			tpm2_load -C prim.ctx -u k.pub -r k.priv -c k.ctx && tpm2_evictcontrol -C o -c k.ctx 0x81000001 && tpm2_flushcontext -t) &&
		tpm_device
}

# As a device: a terminal's end whose other end is the emulator.
tpm_device() {
	socat "PTY,link=$hsm/tpm.dev,rawer,group=tss,perm=0660" "UNIX-CONNECT:$hsm/tpm.sock" &
	bridge=$!
	wait_for 10 test -e "$hsm/tpm.dev"
}

token_key() { # URI [PIN-FILE]
	echo "{store: '$1', engine: pkcs11, module: $module, groups: [softhsm], environment: [SOFTHSM2_CONF=$SOFTHSM2_CONF], pin_file: ${2:-$hsm/pin}}"
}

tpm_key() { # HANDLE
	echo "{store: 'handle:$1', provider: tpm2, groups: [tss], environment: ['TPM2OPENSSL_TCTI=device:$hsm/tpm.dev', TSS2_LOG=all+none]}"
}

hq_conf() { # CERT KEY
	interop_hq hq
	sed -i "s|outbound_certificate: .*|outbound_certificate: {certificate: $pki/$1.pem, chain: $pki/$1-chain.pem, key: $2}|" "$gate_root/hq/certgate.yaml"
}

# One more connection, whose key is not to be had.
refused=0
hq_refused() { # NAME KEY
	refused=$((refused + 1))
	cat >>"$gate_root/hq/certgate.yaml" <<-END
		  - name: $1
		    interface: {name: cg$refused}
		    local_address: 198.51.100.2
		    remote_address: 203.0.113.$((100 + refused))
		    mode: responder-only
		    local_networks: [10.1.0.0/16]
		    remote_networks: [10.$((100 + refused)).0.0/16]
		    outbound_certificate: {certificate: $pki/hq.pem, chain: $pki/hq-chain.pem, key: $2}
		    inbound_certificate:
		      subject_name: gw.branch.example
		      chain: [$pki/branch-root.cer]
	END
}

logs() {
	ktap_log "$gate_root/hq/log" "$gate_root/branch/log"
}

swan_logs() {
	ktap_log "$gate_root/hq/log" "$swan_root/branch/log"
}

comes_up() {
	gate hq up branch --wait 20
	gate_up hq branch && gate_up branch hq && ping_both
}

hsm_pids() {
	local pid
	for pid in $(gate_pids hq); do
		! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -- '--role hsm ' || echo "$pid"
	done
}

confined() { # GROUP: one process, with no capability, a filter, memory that is locked, and that group
	local pid
	pid=$(hsm_pids) && grep -q '^[0-9]*$' <<<"$pid" && grep -q '^CapEff:[[:space:]]*0000000000000000$' "/proc/$pid/status" &&
		grep -q '^CapPrm:[[:space:]]*0000000000000000$' "/proc/$pid/status" && grep -q '^CapBnd:[[:space:]]*0000000000000000$' "/proc/$pid/status" &&
		grep -q '^Seccomp:[[:space:]]*2$' "/proc/$pid/status" && grep -q '^NoNewPrivs:[[:space:]]*1$' "/proc/$pid/status" &&
		grep -q '^VmLck:[[:space:]]*[1-9]' "/proc/$pid/status" &&
		grep -q '^Max core file size *0 *0 ' "/proc/$pid/limits" && ! grep -q '^[UG]id:.*[[:space:]]0\b' "/proc/$pid/status" &&
		[ "$(sed -n 's/^Groups:[[:space:]]*\([0-9]*\) *$/\1/p' "/proc/$pid/status")" = "$(getent group "$1" | cut -d: -f3)" ]
}

only_the_tpm() { # open: sockets, the event loop, standard error, and the device
	local pid fd file
	pid=$(hsm_pids)
	for fd in "/proc/$pid/fd/"*; do
		file=$(readlink "$fd") || continue # closed since it was listed
		case ${fd##*/}:$file in
		[01]:/dev/null | 2:* | *:socket:* | *:pipe:* | *:anon_inode:\[event*) ;;
		*) [ "$file" = "$(readlink "$hsm/tpm.dev")" ] || { echo "$fd: $file"; return 1; } ;;
		esac
	done
}

reauthenticates() { # by the key that is configured now
	local before
	before=$(gate_field hq branch ike.spi_i)
	gate hq down branch && gate hq up branch --wait 20 && gate_up branch hq && [ "$(gate_field hq branch ike.spi_i)" != "$before" ] && ping_both
}

# reload says no, and why
not_loaded() { # TEXT
	! gate hq reload >/run/reload 2>&1 && grep -F "$1" /run/reload
}

restarted() { # PID: another process has the key
	local now
	now=$(hsm_pids) && [ -n "$now" ] && [ "$now" != "$1" ] && gate_is hq branch hardware.state open
}

# TIOCSTI is refused as such, also with more bits than the kernel looks at; FIONREAD is not. (16 is ioctl, 2 standard error, no terminal here.)
no_terminal() {
	local pid cmd
	pid=$(hsm_pids)
	for cmd in 0x5412 0x7fffffff00005412; do
		[ "$("$gate_build/tests/inject" "$pid" 16 2 $cmd @x)" = 'returned -1' ] || { echo "ioctl $cmd is not refused"; return 1; }
	done
	[ "$("$gate_build/tests/inject" "$pid" 16 2 0x541b @12345678)" != 'returned -1' ]
}

# refused_call NUMBER ARGUMENT...: what without the filter the process could do is not permitted to it (EPERM)
refused_call() {
	local said
	said=$("$gate_build/tests/inject" "$(hsm_pids)" "$@")
	[ "$said" = 'returned -1' ] || { echo "system call $*: $said"; return 1; }
}

# execve(2); mmap(2) of 4096 bytes that can be executed, anonymous; socket(2) of IPv4 and IPv6
runs_nothing() {
	refused_call 59 @/bin/true 0 0 && refused_call 9 0 4096 5 0x22 -1 0 && refused_call 41 2 1 0 && refused_call 41 10 2 0
}

# With the device at hand it needs none either: openat(2) for reading, socket(2) of AF_UNIX
opens_nothing() {
	refused_call 257 -100 @/etc/passwd 0 && refused_call 41 1 1 0
}

# Nothing was looked for in vain: a private object's key is decrypted for each signature alone, but what has read a token of files has those that are not
# private as they are, of which the same key is one.
key_in_hsm_alone() { # KEY
	local has
	has=$(gate_holders hq "$1")
	echo "$1: in the memory of: $has"
	[ -n "$has" ] && [ "$has" = "$(hsm_pids)" ]
}

pin_in_hsm_at_most() {
	local has
	has=$(gate_holders hq "$hsm/pin")
	echo "the PIN: in the memory of: $has"
	[ -z "$has" ] || [ "$has" = "$(hsm_pids)" ]
}

ktap_begin 29
insmod "$CERTGATE_KO" || exit 1
topo_up && pki_roots || exit 1
pki_cert hq hq p256 && pki_cert hq hq2 rsa2048 && pki_cert hq hq3 p256 && pki_cert branch branch p256 && pki_cert branch branch-rsa2048 rsa2048 || exit 1
{ token_make && tpm_make; } >/run/hsm.log 2>&1 || { cat /run/hsm.log; exit 1; }
interop_branch

hq_conf hq "$(token_key 'pkcs11:token=gw;object=hq')"
interop_start && gate_start branch branch
t 'a tunnel comes up with a key in a PKCS#11 token' eval 'comes_up && gate_is hq branch hardware.state open' || logs
t 'the process that has it can do little else' eval 'confined softhsm && no_terminal' || logs
t 'it executes nothing and reaches no network' runs_nothing || logs
t 'it has the key in memory, and nobody else has' key_in_hsm_alone "$pki/hq.key" || logs
t 'nor has anybody else the PIN' pin_in_hsm_at_most || logs

first=$(hsm_pids)
kill -KILL "$first"
t 'when it dies it is started again, and signs' eval 'wait_for 20 restarted "$first" && reauthenticates' || logs

# RSA, rotated in by a reload: another key, another process, and the old one ends.
first=$(hsm_pids)
hq_conf hq2 "$(token_key 'pkcs11:token=gw;id=%02;type=private')"
t 'another key of the token rotates in by a reload' eval 'gate hq reload && wait_for 20 restarted "$first" && wait_for 20 eval "[ \$(hsm_pids | wc -l) = 1 ]" && ping_both' || logs
t 'and signs' reauthenticates || logs

# What a reload refuses changes nothing.
first=$(hsm_pids)
hq_conf hq "$(token_key 'pkcs11:token=gw;object=hq2')"
t 'a key that is not the one of the certificate is refused' not_loaded 'is not the one of the certificate' || logs
hq_conf hq "$(token_key 'pkcs11:token=gw;object=hq' "$hsm/wrong")"
t 'a wrong PIN is' not_loaded 'the PIN for pkcs11:token=gw;object=hq is wrong' || logs
hq_conf hq "$(token_key 'pkcs11:token=gw;object=none')"
t 'a URI that names nothing is' not_loaded 'pkcs11:token=gw;object=none names no private key' || logs
t 'and the tunnel goes on, with the process it had' eval '[ "$(hsm_pids)" = "$first" ] && gate_is hq branch state up && reauthenticates' || logs

# A TPM.
first=$(hsm_pids)
hq_conf hq3 "$(tpm_key 0x81000001)"
t 'a key in a TPM takes its place' eval 'gate hq reload && wait_for 20 restarted "$first" && reauthenticates' || logs
t 'its process can do nothing but use the TPM' eval 'confined tss && only_the_tpm' || logs
t 'it executes nothing, reaches no network and opens nothing' eval 'runs_nothing && opens_nothing && reauthenticates' || logs
gate_stop hq

# A start at which some keys are not there: the others' tunnels come up, and each says why.
hq_conf hq3 "$(tpm_key 0x81000001)"
hq_refused no-key "$(token_key 'pkcs11:token=gw;object=none')"
hq_refused no-pin "$(token_key 'pkcs11:token=gw;object=hq' "$hsm/wrong")"
hq_refused no-module "{store: 'pkcs11:token=gw;object=hq', engine: pkcs11, module: /usr/lib/none.so}"
GATE_START_SECONDS=40 interop_start
explained() { # NAME TEXT
	gate_is hq "$1" hardware.state failed && [[ $(gate_field hq "$1" hardware.text) == *"$2"* ]]
}
t 'a start without some keys says which and why' eval 'explained no-key "names no private key" && explained no-pin "is wrong" && explained no-module "/usr/lib/none.so cannot be loaded"' ||
	{ gate hq status --json; logs; }
t 'and the others come up' comes_up || logs
gate_stop hq

# put_anew TEXT: as whoever writes such a file should, in one step
put_anew() {
	(umask 077 && echo "$1" >"$hsm/wrong.new") && mv "$hsm/wrong.new" "$hsm/wrong"
}

hq_conf hq "$(token_key 'pkcs11:token=gw;object=hq' "$hsm/wrong")"
sed -i '/^gateway:/a\  watch_files: 1' "$gate_root/hq/certgate.yaml"
interop_start
changed() {
	gate_is hq branch hardware.state failed && put_anew "$pin" && wait_for 30 gate_is hq branch hardware.state open && comes_up
}
t 'a PIN that was put right in its file is taken by itself' changed || logs
gate_stop hq

put_anew 4321
hq_conf hq "$(token_key 'pkcs11:token=gw;object=hq' "$hsm/wrong")"
sed -i '/^gateway:/a\  watch_files: 0' "$gate_root/hq/certgate.yaml"
interop_start
put_right() {
	gate_is hq branch hardware.state failed && echo "$pin" >"$hsm/wrong" && gate hq reload && gate_is hq branch hardware.state open && comes_up
}
t 'a PIN that was put right is taken by the next reload' put_right || logs
gate_stop branch
gate_stop hq

# signed WORDS: how strongSwan says that we signed
signed() {
	grep "authentication of 'CN=gw.hq.example' with" "$swan_root/branch/log"
	grep -q "authentication of 'CN=gw.hq.example' with $1 successful" "$swan_root/branch/log"
}

# A key that makes no PSS, nor RSA without padding, of which PSS could be made outside of the token: PKCS #1 with SHA-2 (RFC 7427), in both roles.
scripts/peer strongswan || exit 1
hq_conf hq2 "$(token_key 'pkcs11:token=gw;object=pkcs1')"
swan_branch branch aes256gcm16-prfsha256-curve25519 aes256gcm16-esn
swan_start branch branch && interop_start
t 'a key without PSS, certgate initiates: the tunnel is up' eval 'gate hq up branch --wait 20 && ping_both' || swan_logs
t 'it signs by PKCS #1 with SHA-2' signed RSA_EMSA_PKCS1_SHA2_256 || swan_logs
swan branch --terminate --ike hq >/dev/null
swan_stop branch
rm -f "$swan_root/branch/log"
sed -i 's/mode: default/mode: responder-only/' "$gate_root/hq/certgate.yaml"
gate hq reload >/dev/null
swan_start branch branch
t 'a key without PSS, strongSwan initiates: the tunnel is up' eval 'swan branch --initiate --child hq --timeout 15 && ping_both' || swan_logs
t 'it signs likewise' signed RSA_EMSA_PKCS1_SHA2_256 || swan_logs
swan_stop branch
gate_stop hq

# libre_branch: libreswan with an RSA key; without `rsa-sha1` in authby it takes no PKCS #1 of any hash
libre_branch() {
	{
		echo 'conn hq'
		printf '\t%s\n' left=203.0.113.2 leftsubnet=10.2.0.0/16 leftcert=branch-rsa2048 leftid=%fromcert leftsendcert=always sendca=issuer \
			right=198.51.100.2 rightsubnet=10.1.0.0/16 'rightid="CN=gw.hq.example"' rightca=%any ikev2=insist 'ike=aes_gcm256-sha2_256;dh31' \
			esp=aes_gcm256 authby=rsa-sha1,rsa-sha2 auto=add
	} | LIBRE_SETUP=plutodebug=base libre_conf branch
}

# libre_signed: libreswan says that we signed so
libre_signed() {
	grep -i authenticated "$libre_root/branch/log"
	grep -q 'authenticated .*PKCS#1 1.5 RSA with SHA2_256' "$libre_root/branch/log"
}

libre_logs() {
	ktap_log "$gate_root/hq/log" "$libre_root/branch/log"
}

scripts/peer libreswan || exit 1
libre_dir branch
libre_authorities branch "$pki"/{branch-ca,branch-root,hq-root}.pem && libre_cert branch "$pki/branch-rsa2048".{pem,key} branch-rsa2048 && libre_branch || exit 1
sed -i 's/mode: responder-only/mode: initiator-only/' "$gate_root/hq/certgate.yaml"
libre_start branch branch && interop_start
t 'a key without PSS, certgate initiates to libreswan: the tunnel is up' eval 'gate_up hq branch && ping_both' || libre_logs
t 'it signs by PKCS #1 with SHA-2 for libreswan, too' libre_signed || libre_logs
t 'and so does libreswan in its answer' grep -q 'using PKCS#1 1.5 RSA signer' "$libre_root/branch/log" || libre_logs
gate_stop hq
libre_stop branch
sed -i 's/mode: initiator-only/mode: responder-only/' "$gate_root/hq/certgate.yaml"
libre_start branch branch && interop_start
t 'a key without PSS, libreswan initiates: the tunnel is up' eval 'timeout 15 "$enter" branch $libre_bin/whack --rundir "$libre_root/branch/run" --name hq --initiate; gate_up hq branch && ping_both' || libre_logs
t 'it signs by PKCS #1 with SHA-2 in its answer' libre_signed || libre_logs
libre_stop branch
gate_stop hq
kill "$bridge" "$(cat "$hsm/tpm.pid")"
topo_down
t 'rmmod' wait_for 10 rmmod certgate
ktap_end
