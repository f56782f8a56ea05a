#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Ciphers that answer later, every time: the kernel's pcrypt, which hands each packet to another CPU's thread, or, where there is one CPU
# only, cryptd, which hands it to one thread. Traffic crosses in order, what is at the cipher when its certificate dies goes nowhere, and the
# module goes while packets are there.
#
# timeout: 150
# kernels: uml-debug 6.1 (6.12)
# smp: 6.1=2 6.12=2
# last: yes

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh
. tests/lib/later.sh

template=pcrypt
[[ $CERTGATE_VM != uml* ]] || template=cryptd

# instance NAME: of the template around the best driver of NAME, from now on the first choice (a template's name in an AF_ALG
# address makes it)
instance() {
	{ [ $template = cryptd ] || modprobe -a pcrypt algif_aead; } && python3 -c 'import re, socket, sys
def bind(name):
	socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).bind(("aead", name))
name = sys.argv[2]
bind(name)
found = [dict(re.findall(r"^(\w+) *: (.*)$", entry, re.M)) for entry in open("/proc/crypto").read().split("\n\n")]
best = max((int(e["priority"]), e["driver"]) for e in found if e.get("name") == name)
print(best)
bind("%s(%s)" % (sys.argv[1], best[1]))' $template "$1" && [ "$(users)" -ge 1 ]
}

# users: how many transforms and others hold the template's instances
users() {
	awk '/^driver/ { ours = $3 ~ /^(pcrypt|cryptd)\(rfc/ } /^refcnt/ && ours { n += $3 } END { print n + 0 }' /proc/crypto
}

used() {
	before=$(users)
	"$@" && [ "$(users)" -ge $((before + 4)) ] || { echo "$before users before, $(users) now"; return 1; }
}

# also_chacha: its parts are not put together by certgate then, and what crosses is the same
also_chacha() {
	instance 'rfc7539esp(chacha20,poly1305)' && encr=chacha20-poly1305 used sa_pair "$tunnel1" "$tunnel2" &&
		bulk c1 tcp-send 10.2.0.2 5001 1 && sa_pair "$tunnel1" "$tunnel2"
}

ktap_begin 9
world_up
probe_program=bulk probe_start tcp.c2 c2 tcp-serve 5001
probe_program=bulk probe_start udp.c2 c2 udp-serve 5002
t 'there is a cipher that answers later' instance 'rfc4106(gcm(aes))'
t 'it is what SAs use' used tunnel_up
t 'datagrams arrive once and in order' in_order
t 'TCP passes' bulk c1 tcp-send 10.2.0.2 5001 4
t 'and with ChaCha20-Poly1305 that answers later' also_chacha
t 'a revocation under traffic lets nothing pass' dies
t 'and traffic goes on in another tunnel' again
t 'the module goes with packets at the cipher' rmmod certgate
t 'and comes back' eval 'pour_off; module_load'
socket_release 1
socket_release 2
world_down
ktap_end
