#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
# kernels: uml
#
# certgated as its operators meet it: roles of the control socket and what is logged of them, reloads that change where it listens,
# warnings that are no failures.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh

program=/run/certgate-for-all
log=$gate_root/hq/log

# as UID GID GROUPS ARGUMENT...: the command as somebody else; GROUPS are supplementary, "" for none
as() {
	local uid=$1 gid=$2 groups=--clear-groups
	[ -z "$3" ] || groups=--groups=$3
	shift 3
	ip netns exec hq setpriv --reuid "$uid" --regid "$gid" "$groups" "$program" --socket "$gate_root/hq/control.sock" "$@"
}

viewer() { as 7 7 4 "$@"; } # lp, in adm
operator() { as 1 1 '' "$@"; } # daemon
administrator() { as 7 3 '' "$@"; } # lp, whose group is sys
nobody() { as 65534 65534 '' "$@"; }

refused_with() { # WORDS COMMAND...
	local words=$1 out
	shift
	out=$("$@" 2>&1) && return 1
	echo "$out"
	[[ $out == *"$words"* ]]
}

logged() { # WORDS
	grep -qF -- "$1" "$log"
}

# 16 connections of one user are held open, beside the monitor's; the next is turned away, and root is not.
one_user_takes_all() {
	local i ok=1
	for ((i = 0; i < 16; i++)); do
		viewer monitor >/dev/null 2>&1 &
	done
	wait_for 10 eval '[ "$(ss -Hx src "$gate_root/hq/control.sock" 2>/dev/null | wc -l)" -ge 17 ]'
	refused_with 'too many connections' viewer status && operator status && gate_answers hq && ok=0
	pkill -u 7
	return $ok
}

# Twelve that say nothing, of a user without a role: some are turned away, the others let go before long, and an operator has his place meanwhile.
silent_ones_are_let_go() {
	local silent
	ip netns exec hq setpriv --reuid 65534 --regid 65534 --clear-groups python3 -c '
import socket, sys
sockets = [socket.socket(socket.AF_UNIX) for _ in range(12)]
for s in sockets:
    s.settimeout(20)
    s.connect(sys.argv[1])
for s in sockets:
    while s.recv(4096):
        pass' "$gate_root/hq/control.sock" &
	silent=$!
	operator status && wait $silent
}

branch_conf() { # [LINES...]
	local line
	gate_dir branch
	{
		cat <<-END
			gateway:
			  listen: [203.0.113.2]
			  state_dir: $gate_root/branch/state
			connections:
			  - name: hq
			    interface: {name: cg0, mtu: 1300}
			    remote_address: 198.51.100.2
			    mode: initiator-only
			    start: manual
			    local_networks: [10.2.0.0/16]
			    remote_networks: [${B_REMOTE_NET:-10.1.0.0/16}]
			    outbound_certificate: $pki/branch.pfx
			    inbound_certificate: {subject_name: gw.hq.example, chain: [$pki/hq-root.cer]}
		END
		for line; do
			printf '%s\n' "$line"
		done
	} >"$gate_root/branch/certgate.yaml"
}

# hq_conf LISTEN [LINES...]: LINES belong to the gateway
hq_conf() {
	local listen=$1 line
	shift
	MODE=responder-only REMOTE_NET=${HQ_REMOTE_NET:-10.2.0.0/16} interop_hq hq "encap: ${HQ_ENCAP:-auto}"
	sed -i "s/^  listen: .*/  listen: [$listen]/" "$gate_root/hq/certgate.yaml"
	for line; do
		sed -i "/^  listen:/a\\  $line" "$gate_root/hq/certgate.yaml"
	done
}

no_routes_left() {
	ip -n branch route show dev cg0 | grep -F 10.1.0.0/16 || return 1
	gate_stop branch
	ip -n branch link show cg0 && ! ip -n branch route show dev cg0 | grep .
}

roles='roles: {viewer: group:adm, operator: user:daemon, administrator: group:sys}'

listens() { # ADDRESS:PORT
	ns hq ss -Hulpn | awk '{print $4}' | grep -qxF "$1"
}

handshakes_again() {
	gate branch down hq && gate branch up hq && ping_both
}

# What a monitor that was there from the beginning has been told: a peer that was let in, and who gave what order.
monitored() {
	wait "$monitor"
	python3 - <<-'END'
		import json, sys
		told = [(lambda e: e.get("event", e))(json.loads(line)) for line in open("/run/monitor")]
		codes = {e["code"] for e in told}
		print(sorted(codes))
		sys.exit(not {"peer-admitted", "command"} <= codes or not any("down branch" in e["text"] for e in told if e["code"] == "command"))
	END
}

# versions: of the command, the daemon and the module, which are one
versions() {
	gate hq version | awk '{ print; seen[$1] = $2 } END { exit !(NR == 3 && seen["certgate"] && seen["certgate"] == seen["certgated"] && seen["certgate"] == seen["module"]) }'
}

ktap_begin 40
insmod "$CERTGATE_KO" || exit 1
install -m 755 "$gate_build/certgate" "$program"
topo_up && pki_roots && pki_cert hq hq p256 && pki_cert branch branch p256 || exit 1
HQ_ENCAP=udp hq_conf 198.51.100.2 "$roles"
branch_conf '    encap: udp'
# An interface that is there already is used, and left.
ip -n branch link add cg0 mtu 1380 type certgate
interop_start && gate_start branch branch || exit 1
gate hq monitor --json >/run/monitor &
monitor=$!

t 'root brings it up' gate branch up hq
t 'an interface that was there before has the MTU that is configured' eval 'ip -n branch link show cg0 | grep "mtu 1300 "' || ip -n branch link show cg0
t 'the list of SAs has it' eval 'gate hq sa branch | grep -F "$(gate_field hq branch children.0.spi_in)"'
t 'command, daemon and module tell their version' versions
t 'the log tells who was let in, by which chain and configuration' eval \
	'grep -E "CN=gw.branch.example was let in as .*under configuration [0-9a-f]{16}, by the chain CN=gw.branch.example .* <- CN=Branch Issuing CA,O=Branch .* <- CN=Branch Root,O=Branch .*event=peer-admitted connection=branch" "$log"'
t 'a viewer by a supplementary group sees it' eval 'viewer status | grep -q "branch: up"'
t 'and may not take it down' refused_with "'down' takes the role operator, yours is viewer" viewer down branch
t 'what was refused is logged, with who and what' logged 'down branch was refused to user with uid 7'
t 'nor load the configuration' refused_with 'takes the role operator' viewer reload
t 'an operator takes it down' operator down branch
t 'what an operator did is logged, with who and as what' eval 'logged "down branch, by user daemon (uid 1" && logged "as operator event=command connection=branch"'
t 'as is that the peer has left, and why' eval 'grep -q "CN=gw.branch.example, let in at .* has left: the connection was taken down event=peer-left" "$log"'
t 'and lets it up again' eval 'operator up branch --wait 0 && gate branch up hq'
t 'and loads the configuration' operator reload
t 'an operator does not stop the daemon' refused_with "'stop' takes the role administrator, yours is operator" operator stop
t 'one without a role sees nothing' refused_with "yours is none" nobody status
t 'nor may he keep a connection' silent_ones_are_let_go
t 'one user cannot keep the others out' one_user_takes_all

old=$(gate_field hq branch children.0.spi_in)
HQ_ENCAP=udp hq_conf '198.51.100.2, 192.0.2.99' "$roles"
t 'a reload that cannot listen is refused, with file, line and key' refused_with 'certgate.yaml:2:3: error: gateway.listen: cannot listen on 192.0.2.99:500' gate hq reload
t 'and nothing changed' eval 'listens 198.51.100.2:500 && listens 198.51.100.2:4500 && [ "$(gate_field hq branch children.0.spi_in)" = "$old" ]'
t 'the tunnel goes on' ping_both
t 'and a new one comes up' handshakes_again
old=$(gate_field hq branch children.0.spi_in)
HQ_ENCAP=udp hq_conf 0.0.0.0 "$roles"
t 'listening on all addresses instead' eval 'gate hq reload && listens 0.0.0.0:500 && listens 0.0.0.0:4500 && ! listens 198.51.100.2:500'
t 'keeps the tunnel' eval 'ping_both && [ "$(gate_field hq branch children.0.spi_in)" = "$old" ]'
t 'and lets new ones up' handshakes_again
HQ_ENCAP=udp hq_conf 198.51.100.2 "$roles" 'log_level: debug'
t 'and back, with another log level' eval 'gate hq reload && listens 198.51.100.2:4500 && ! listens 0.0.0.0:4500'
t 'keeps it as well' eval 'ping_both && handshakes_again'
t 'all processes follow the log level' eval 'gate hq down branch && gate hq down branch && wait_for 5 logged "ike: debug: CONN_DOWN" && gate hq up branch --wait 0'

ns branch-host ip route add 198.51.100.0/24 via 10.2.0.1 2>/dev/null
t 'a daemon that is stopped takes its routes along from an interface that stays' no_routes_left || ip -n branch route
HQ_ENCAP=auto HQ_REMOTE_NET=10.2.0.0/16 LOCAL_NET=0.0.0.0/0 hq_conf 198.51.100.2 "$roles"
gate hq reload >/dev/null
B_REMOTE_NET=0.0.0.0/0 branch_conf '  - name: closed' '    enabled: false' '    interface: cg9' '    remote_address: 198.51.100.9' \
	'    local_networks: [10.2.0.0/16]' '    remote_networks: [10.9.0.0/16]' "    outbound_certificate: $pki/branch.pfx" \
	"    inbound_certificate: {subject_name: gw.x.example, chain: [$pki/hq-root.cer]}"
gate_start branch branch
t 'a route that would lead to the peer itself is left out, and up succeeds' gate branch up hq
t 'without an error in the status' eval '[ "$(gate_field branch hq last_error)" = "" ]'
t 'a route that was not added has a word in the history' eval 'gate branch explain hq | grep -q "no route to 0.0.0.0/0 was added" && grep -q "event=route-skipped connection=hq" "$gate_root/branch/log"'
t 'a disabled connection is called so' refused_with "connection 'closed' is disabled" gate branch up closed

gate branch down hq >/dev/null
sed -i 's/subject_name: .*/subject_name: gw.other.example/' "$gate_root/hq/certgate.yaml"
gate hq reload >/dev/null
t 'after a refusal status tells when it is tried again' eval '! gate branch up hq --wait 5 && wait_for 20 eval "[ -n \"\$(gate_field branch hq next_attempt_at)\" ]"'
t 'an administrator stops the daemon' administrator stop
gate_stop branch
t 'a monitor was told of all that' monitored
t 'an interface that was there before is there still' ip -n branch link show cg0
t 'with the MTU that it had' eval 'ip -n branch link show cg0 | grep "mtu 1380 " && ip -n branch link del cg0' || ip -n branch link show cg0
t 'nothing is left in the kernel' eval '[ "$(ns hq build/certgate kernel socket list --json)" = "[]" ] && [ "$(ns hq build/certgate kernel sa list --json)" = "[]" ]'
t 'rmmod' wait_for 5 rmmod certgate
ktap_log "$gate_root/hq/log" "$gate_root/branch/log"
ktap_end
