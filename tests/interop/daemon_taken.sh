#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# kernels: uml
#
# The process ike is taken over: whoever speaks with its sockets gets no foreign tunnel, no replayed authentication, no signature, and
# the first message that is not in order is its last.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh

build=$gate_build
taken=$build/tests/taken

sas() {
	ns hq "$build/certgate" kernel sa list --json | python3 -c 'import json,sys; print(len(json.load(sys.stdin)))'
}

# The request that the worker gets while branch authenticates, read while the worker is stopped.
capture() {
	local pid ok=1
	pid=$(pid_of hq verify)
	kill -STOP "$pid"
	gate branch up hq &
	wait_for 10 "$taken" capture "$pid" /run/captured && ok=0
	kill -CONT "$pid"
	wait $!
	return $ok
}

# The handle of the peer's binding, out of a status that main has not read yet: ike is held until main has asked it, then main
# until ike has answered. How long asking takes nobody tells, so more time is given each time.
try_handle() { # SECONDS
	local main ike ok=1
	main=$(pid_of hq main) ike=$(pid_of hq ike)
	kill -STOP "$ike"
	gate hq status >/dev/null &
	sleep "$1"
	kill -STOP "$main"
	kill -CONT "$ike"
	wait_for 3 eval '"$taken" handle "$main" >/run/handle 2>/dev/null' && ok=0
	kill -CONT "$main"
	wait $!
	[ $ok = 0 ] && [ "$(cat /run/handle)" != 0 ]
}

find_handle() {
	try_handle 0.5 || try_handle 2 || try_handle 6 || try_handle 15
}

# says WORDS ARGUMENT...: the answer holds the words, and is an error
says() {
	local words=$1 out
	shift
	out=$("$taken" "$@")
	echo "$out"
	[[ $out == 'error -'* ]] && [[ $out == *"$words"* ]]
}

# The same, and nothing was installed.
refused() {
	local before after
	before=$(sas)
	says "$@" || return 1
	after=$(sas)
	[ "$before" = "$after" ]
}

logged() {
	grep -q "$1" "$gate_root/hq/log"
}

# What ends it: stopped, made to say it, and let go on; then there must be another ike.
ends_it() { # FD HEX
	local old
	old=$(pid_of hq ike)
	"$taken" raw "$old" "$1" "$2" || return 1
	wait_for 15 eval '[ -n "$(pid_of hq ike)" ] && [ "$(pid_of hq ike)" != '"$old"' ]'
}

# How many SPIs the module holds packets for
larvals() {
	ns hq build/certgate kernel tunnel list --json | python3 -c 'import json, sys
print(sum(t["larvals"] for t in json.load(sys.stdin)))'
}

ktap_begin 28
insmod "$CERTGATE_KO" || exit 1
topo_up && pki_roots && pki_cert hq hq p256 && pki_cert branch branch p256 || exit 1
MODE=responder-only interop_hq hq
# One worker: the request is caught wherever it goes.
sed -i 's/^gateway:/&\n  verify_workers: 1/' "$gate_root/hq/certgate.yaml"
B_MODE=initiator-only B_START=manual interop_branch
interop_start && gate_start branch branch || exit 1

t 'a request of ike to verify is caught on its way' capture
t 'and branch is up' gate_up hq branch
t 'ping crosses both ways' ping_both
t 'the handle of its binding is known' find_handle

ike=$(pid_of hq ike)
handle=$(cat /run/handle)
kill -STOP "$ike"
t 'a forged handle installs nothing' refused 'no live certificate binding' child "$ike" handle=12345
t 'nor does none' refused 'no live certificate binding' child "$ike" handle=0
t 'a live handle with a foreign local selector installs nothing' refused 'local selector' child "$ike" handle="$handle" local-ts=0.0.0.0/0
t 'nor with a foreign remote selector' refused 'remote selector' child "$ike" handle="$handle" remote-ts=10.9.0.0/16
t 'nor with a foreign endpoint' refused 'remote endpoint' child "$ike" handle="$handle" remote=203.0.113.9
t 'nor with another address of ours' refused 'local endpoint' child "$ike" handle="$handle" local=198.51.100.7
t 'nor with an algorithm that is not in the policy' refused 'is not in policy' child "$ike" handle="$handle" key-bits=192
t 'nor with a longer life' refused 'lifetime' child "$ike" handle="$handle" lifetime=99999999
t 'nor for a connection that is not' refused 'no such connection' child "$ike" handle="$handle" connection=77
t 'the log tells of it' logged request-refused
t 'what the configuration allows is installed, for comparison' eval '[ "$("$taken" child "$ike" handle="$handle")" = "error 0 " ] && "$taken" del "$ike" 0x70000001'
t 'for a connection that is not nothing is held' eval '"$taken" expect "$ike" 77 3 && [ "$(larvals)" = 0 ]'
t 'for one that is, no more than sixteen SPIs, for a while' eval '"$taken" expect "$ike" 1 40 && [ "$(larvals)" = 16 ]'
t 'a replayed AUTH is refused: its nonce was used' says 'nonce' replay "$ike" /run/captured
t 'and over a fresh nonce it is no signature' says 'auth-signature' replay "$ike" /run/captured fresh
t 'no text is signed' says '(0 bytes signed)' sign "$ike" 1 text
t 'nor anything under another identity' says '(0 bytes signed)' sign "$ike" 1 identity
kill -CONT "$ike"

t 'a binding of its own making ends it' ends_it 3 "$("$taken" type BINDING)0100000000000000"
t 'the log tells of that end' logged process-killed
t 'traffic goes on meanwhile' ns hq-host ping -q -c 5 -i 0.2 -W 2 10.2.0.10
t 'that SAs of an earlier process go on, which nobody asked, ends it too' ends_it 3 "$("$taken" type GOES_ON)01000000"
# connection 1, severity info, "peer-admitted", no address, the text "x", no hint
t 'that a peer was let in is not its to tell: that ends it too' ends_it 3 "$("$taken" type REPORT)01000000010d000000$(printf peer-admitted | od -An -tx1 | tr -d ' \n')00000000000000010000007800000000"
t 'half a message to key ends it too' ends_it 4 "$("$taken" type SIGN)00"
gate_stop branch
gate_stop hq
t 'rmmod' wait_for 5 rmmod certgate
ktap_log "$gate_root/hq/log"
ktap_end
