# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Rotations: a certificate changes, and the peers authenticate anew, by the one that is then to be in use. Needs interop.sh and, where strongSwan is at
# branch, strongswan_pair.sh. It looks often, beside packets that take their part of the CPU: so nothing of it starts a process.
#
#   gateways='hq branch'             those that run certgate; `hq` alone: strongSwan is at branch
#   remember_digests CERT...         these can be asked for
#   follow                           from here on logs are looked at, as they are by now; in the same shell as what follows
#   rotate WHOSE CERT COMMAND...     runs it; then all have let their peer in anew, and WHOSE peer by that certificate
#   unfollow

# What certgate's log calls each of them by: the first eight octets of its SHA-256
declare -A digests
remember_digests() {
	local cert digest
	for cert; do
		digest=$(openssl x509 -in "$pki/$cert.pem" -outform DER | sha256sum) || return 1
		digests[$cert]=${digest:0:16}
	done
}

# By gateway: how often a peer was let in, the line that says so of the last time, the log's descriptor, and what is there of a line that is being written
declare -A admitted admitted_last log_fd log_rest

follow() {
	local g fd
	for g in hq branch; do
		if [[ " $gateways " = *" $g "* ]]; then exec {fd}<"$gate_root/$g/log"; else exec {fd}<"$swan_root/$g/log"; fi || return 1
		log_fd[$g]=$fd log_rest[$g]='' admitted[$g]=0 admitted_last[$g]=''
	done
	look
}

unfollow() {
	local g fd
	for g in hq branch; do
		fd=${log_fd[$g]}
		exec {fd}<&-
	done
}

look() {
	local g line lines
	for g in hq branch; do
		mapfile -u "${log_fd[$g]}" lines
		for line in "${lines[@]}"; do
			line=${log_rest[$g]}$line log_rest[$g]=''
			if [[ $line != *$'\n' ]]; then
				log_rest[$g]=$line
			elif [[ $line = *event=peer-admitted* || $line = *'using certificate "'* ]]; then
				admitted[$g]=$((admitted[$g] + 1)) admitted_last[$g]=$line
			fi
		done
	done
}

# Each certgate has let one more in than BEFORE. The one before goes some seconds later, and may well be there when the next one comes.
more() {
	local g
	for g in $gateways; do
		[ "${admitted[$g]}" -gt "${before[$g]}" ] || return 1
	done
}

# The other end was let in, the last time, by that certificate: strongSwan's log has its subject.
in_use() { # WHOSE CERT
	local judge=branch by="by the chain [^(]*\(${digests[$2]}\)"
	[ "$1" = hq ] || judge=hq
	if [ "$judge $gateways" = 'branch hq' ]; then
		[[ ${admitted_last[branch]} = *"using certificate \"OU=${2#hq-}, "* ]]
	else
		[[ ${admitted_last[$judge]} =~ $by ]]
	fi
}

rotate() {
	local whose=$1 cert=$2 g deadline
	local -A before
	shift 2
	look
	for g in $gateways; do
		before[$g]=${admitted[$g]}
	done
	"$@" || return 1
	deadline=$((${EPOCHREALTIME/./} + 60000000))
	until look && more && in_use "$whose" "$cert"; do
		[ "${EPOCHREALTIME/./}" -lt "$deadline" ] || {
			for g in $gateways; do
				echo "$g: let in ${admitted[$g]} times, before it ${before[$g]}; the last: ${admitted_last[$g]}"
			done
			echo "$cert is to be in use"
			return 1
		}
		pause 0.05
	done
}
