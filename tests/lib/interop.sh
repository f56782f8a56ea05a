# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the interoperability tests share: certgate at hq, it or another IKE daemon at branch, certificates for both, and the
# questions that are asked of every pair. Sourced from the top folder of the tree, in a VM.

. tests/lib/ktap.sh
. tests/lib/topology.sh
. tests/lib/gateway.sh
. tests/lib/mkpki.sh
. tests/lib/pki.sh

pki=/run/pki

# emulated: is this machine one whose CPU is emulated? There, only what the kernel has a part in is tried: ciphers, encapsulation, the
# change of SAs. What two daemons have to say to each other is the same on every kernel, and is tried in User-mode Linux.
emulated() {
	[[ $CERTGATE_VM != uml* ]]
}

# interop_hq CERT [LINES...]: hq's configuration; LINES are added to the connection. Variables: SUBJECT (of the peer),
# MODE, POLICY (a YAML value), LOCAL, REMOTE, LOCAL_NET, REMOTE_NET, ANCHORS (more files for the chain).
interop_hq() {
	local cert=$1 line
	shift
	gate_dir hq
	{
		cat <<-END
			gateway:
			  listen: [${LOCAL:-198.51.100.2}]
			  state_dir: $gate_root/hq/state
			policies:
			  tested: ${POLICY:-"{}"}
			connections:
			  - name: branch
			    interface: {name: cg0}
			    local_address: ${LOCAL:-198.51.100.2}
			    remote_address: ${REMOTE:-203.0.113.2}
			    mode: ${MODE:-default}
			    policy: ${POLICY:+tested}
			    local_networks: [${LOCAL_NET:-10.1.0.0/16}]
			    remote_networks: [${REMOTE_NET:-10.2.0.0/16}]
			    outbound_certificate: $pki/$cert.pfx
			    inbound_certificate:
			      subject_name: ${SUBJECT:-gw.branch.example}
			      chain: [$pki/branch-root.cer${ANCHORS:+, $ANCHORS}]
		END
		for line; do
			printf '    %s\n' "$line"
		done
	} | sed -e '/policy: $/d' -e "/^policies:/{N;/{}/d}" >"$gate_root/hq/certgate.yaml"
}

# interop_branch [LINES...]: branch's configuration where certgate is there too; LINES are added to the connection. Variables, as seen from
# branch: B_CERT, B_MODE, B_START, B_LOCAL, B_REMOTE, B_LOCAL_NET, B_REMOTE_NET,
# B_SUBJECT (of hq).
interop_branch() {
	local line
	gate_dir branch
	{
		cat <<-END
			gateway:
			  listen: [${B_LOCAL:-203.0.113.2}]
			  state_dir: $gate_root/branch/state
			connections:
			  - name: hq
			    interface: {name: cg0}
			    local_address: ${B_LOCAL:-203.0.113.2}
			    remote_address: ${B_REMOTE:-198.51.100.2}
			    mode: ${B_MODE:-default}
			    start: ${B_START:-always}
			    local_networks: [${B_LOCAL_NET:-10.2.0.0/16}]
			    remote_networks: [${B_REMOTE_NET:-10.1.0.0/16}]
			    outbound_certificate: $pki/${B_CERT:-branch}.pfx
			    inbound_certificate:
			      subject_name: ${B_SUBJECT:-gw.hq.example}
			      chain: [$pki/hq-root.cer]
		END
		for line; do
			printf '    %s\n' "$line"
		done
	} >"$gate_root/branch/certgate.yaml"
}

interop_start() {
	gate_start hq hq || { tail -n 30 "$gate_root/hq/log"; return 1; }
}

ping_both() {
	wait_for 10 ns hq-host ping -q -c 1 -W 1 10.2.0.10 && ns hq-host ping -q -c 3 -i 0.2 -W 2 10.2.0.10 &&
		ns branch-host ping -q -c 3 -i 0.2 -W 2 10.1.0.10
}

no_ping() {
	! ns hq-host ping -q -c 2 -i 0.3 -W 1 10.2.0.10
}

# between NFT-RULES: a table of the router, in place of what was there
between() {
	ns router nft -f - <<-END
		flush ruleset
		table ip between {
			$1
		}
	END
}

nothing_between() {
	ns router nft flush ruleset
}

# dropped COUNTER [PATTERN]: packets, or so many of them, a regular expression
dropped() {
	ns router nft list counter ip between "$1" | grep -q "packets ${2:-[1-9][0-9]*} "
}

# child_exchange FROM VERDICT [answer]: rules for the CREATE_CHILD_SA messages that come FROM there, or the answers among them (RFC 7296 section 3.1: the
# exchange type, 36, and the flag of responses, 0x20; behind four octets of zero at port 4500). A question whether somebody lives is nothing to cross.
child_exchange() {
	echo "ip saddr $1 udp dport 500 @th,208,8 36 ${3:+@th,216,8 & 0x20 == 0x20} $2
		ip saddr $1 udp dport 4500 @th,64,32 0 @th,240,8 36 ${3:+@th,248,8 & 0x20 == 0x20} $2"
}

# both_ask OURS THEIRS: certgate begins by the command OURS to rekey, its peer by THEIRS when it has. What certgate says is lost until the peer has asked,
# then its answer is, until the peer has answered what certgate says again: each has asked before it hears of the other (RFC 7296 section 2.8).
# heard: lines of the peer's log (peer_log) before that.
both_ask() {
	local status ours=198.51.100.2 theirs=203.0.113.2 held='type filter hook forward priority filter'
	heard=$(wc -l <"$peer_log")
	between "counter ours {}
		chain held { $held; $(child_exchange $ours 'counter name ours drop'); }"
	$1 && wait_for 12 dropped ours && between "counter theirs {}
		chain held { $held; $(child_exchange $ours drop); $(child_exchange $theirs 'counter name theirs'); }" &&
		$2 && wait_for 12 dropped theirs && between "counter answers {}
		chain held { $held; $(child_exchange $ours drop answer); $(child_exchange $theirs 'counter name answers' answer); }" &&
		wait_for 12 dropped answers
	status=$?
	nothing_between
	return $status
}
