#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 400
# kernels: uml
#
# Our certificate and key in a key vault, read as the managed identity of the machine: a key that comes with its certificate, one that
# stays in the vault and signs there, refusals that say what to do, and a start without the vault. New versions under traffic, by an intermediate
# and under a subject that are new as well, of which no packet is lost of more than 1,000 a second each way, with certgate at both ends and with strongSwan
# at the other end; beside them files of roots, and of the peer's, that change.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh
. tests/lib/numbered.sh
. tests/lib/strongswan.sh
. tests/lib/strongswan_pair.sh
. tests/lib/rotation.sh

# shellcheck disable=SC2034 # of numbered.sh
numbered_floor=1000

vault=/run/vault
version=0123456789abcdef0123456789abcde

made=0
vault_cert() { # NAME CERT VERSION-DIGIT [exportable]: what the vault has under NAME, all of it from one moment to the next
	local new=.$1.$((made++)) f
	mkdir -p "$vault/$new" && cp "$pki/$2.pem" "$vault/$new/cert.pem" && cp "$pki/$2-chain.pem" "$vault/$new/chain.pem" &&
		cp "$pki/$2.key" "$vault/$new/key.pem" && echo "$version$3" >"$vault/$new/version" && { [ -z "$4" ] || touch "$vault/$new/exportable"; } || return 1
	for f in pem fault; do
		[ ! -e "$vault/$1/$f" ] || cp "$vault/$1/$f" "$vault/$new/" || return 1
	done
	ln -s "$new" "$vault/$1.new" && mv -T "$vault/$1.new" "$vault/$1"
}

fault() { # NAME, or . for all; LINE...
	local name=$1
	shift
	mkdir -p "$vault/$name" && rm -f "$vault/$name/fault"
	[ $# = 0 ] || printf '%s\n' "$@" >"$vault/$name/fault"
}

vault_start() {
	rm -f "$vault/ready"
	"$enter" router python3 tests/lib/vault.py "$vault" 198.51.100.1 8080 198.51.100.1 443 "$pki/vault-tls.pem" "$pki/vault-tls.key" \
		>>/run/vault.log 2>&1 &
	double=$!
	wait_for 20 test -e "$vault/ready" || { cat /run/vault.log; return 1; }
}

vault_stop() {
	kill "$double" && wait_for 10 eval '! ns router ss -Hltn | grep -q "198.51.100.1:443 "'
}

hq_conf() { # URL REFRESH
	interop_hq hq
	sed -i -e "s,outbound_certificate: .*,outbound_certificate: $1," -e "s,chain: .*,chain: [$pki/anchors.pem]," \
		-e "/^gateway:/a\\  watch_files: 1\n  vault: {metadata: 'http://198.51.100.1:8080', ca: $pki/vault-root.pem, refresh: $2}" \
		"$gate_root/hq/certgate.yaml"
}

put() { # FROM TO: as whoever renews certificates should do it, in one step
	cp -p "$pki/$1" "$pki/$2.new" && mv "$pki/$2.new" "$pki/$2"
}

# admitted_again GATEWAY COMMAND...: what it changes has the peer let in anew there
admitted_again() {
	local gate=$1 before
	shift
	before=$(grep -c event=peer-admitted "$gate_root/$gate/log")
	"$@" && wait_for 60 eval '[ "$(grep -c event=peer-admitted "$gate_root/'"$gate"'/log")" -gt '"$before"' ]'
}

# new_version CERT DIGIT: taken, and known to the peer
new_version() {
	vault_cert gw "$1" "$2" exportable && wait_for 30 gate_is hq branch vault.version "$version$2"
}

# The vault has it, and is asked again before long.
next_version() { # NAME TURN
	vault_cert "$1" "hq-v$(($2 % 2))" "$(printf %x $(($2 + 3)))" exportable
}

# From one intermediate to the other, and back
turns() { # NAME COUNT
	local i
	follow || return 1
	for ((i = 1; i <= $2; i++)); do
		rotate hq "hq-v$((i % 2))" next_version "$1" $i || { echo "rotation $i"; return 1; }
	done
	unfollow
	# By the vault alone, each once.
	[ "$(grep -c event=vault-rotated "$gate_root/hq/log")" = $((rotated += $2)) ]
}

# Under another name, which the peer refuses until it is told of it; what is up goes on.
new_subject() {
	new_version "$1" "$2" && B_SUBJECT=gw2.hq.example branch_conf && gate branch reload >/dev/null
}

files_change() {
	admitted_again hq put anchors-both.pem anchors.pem && admitted_again hq put branch-by2.pfx branch-now.pfx
}

branch_conf() {
	interop_branch
	sed -i -e "s,outbound_certificate: .*,outbound_certificate: $pki/branch-now.pfx," -e '/^gateway:/a\  watch_files: 1' "$gate_root/branch/certgate.yaml"
}

refused=0
hq_refused() { # NAME [HOST]: one more connection, whose certificate the vault does not give, under the same name
	refused=$((refused + 1))
	cat >>"$gate_root/hq/certgate.yaml" <<-END
		  - name: $1
		    interface: {name: cg$refused}
		    local_address: 198.51.100.2
		    remote_address: 203.0.113.$((100 + refused))
		    mode: responder-only
		    local_networks: [10.1.0.0/16]
		    remote_networks: [10.$((100 + refused)).0.0/16]
		    outbound_certificate: https://${2:-hq-kv.vault.azure.net}/certificates/$1
		    inbound_certificate:
		      subject_name: gw.branch.example
		      chain: [$pki/branch-root.cer]
	END
}

# Each by name, what is said of it, and what to do: words that are not the name's, which each text has.
explained() {
	gate hq status --json | python3 -c '
import json, sys
said = {c["name"]: c.get("vault", {}) for c in json.load(sys.stdin)["connections"]}
wrong = 0
for line in open(sys.argv[1]):
    name, text, hint = line.rstrip("\n").split("|")
    v = said[name]
    if v.get("state") != "failed" or text not in v.get("text", "") or hint not in v.get("hint", ""):
        print(name, v)
        wrong = 1
sys.exit(wrong)' /run/explanations
}

logs() {
	ktap_log "$gate_root/hq/log" "$gate_root/branch/log" "$swan_root/branch/log" "$vault/log" /run/vault.log
}

key_alone_has() { # KEY
	local has
	has=$(gate_holders hq "$pki/$1.key")
	echo "in the memory of: $has"
	[ "$has" = "$(pid_of hq key)" ]
}

comes_up() {
	gate hq up branch --wait 20
	gate_up hq branch && gate_up branch hq && ping_both
}

confined() {
	local pid
	pid=$(pid_of hq vault) && [ -n "$pid" ] && grep -q '^CapEff:[[:space:]]*0000000000000000$' "/proc/$pid/status" &&
		grep -q '^Seccomp:[[:space:]]*2$' "/proc/$pid/status" && ! grep -q '^Uid:[[:space:]]*0' "/proc/$pid/status" &&
		[ -z "$(ls -A "/proc/$pid/root/")" ]
}

ktap_begin 20
insmod "$CERTGATE_KO" || exit 1
scripts/peer strongswan || exit 1
topo_up && topo_isolate && pki_roots || exit 1
pki_cert hq hq p256 && MKPKI_UNTIL=+40000000 pki_cert hq hq2 p256 && pki_cert hq hq3 rsa2048 &&
	pki_cert branch branch p256 || exit 1
(cd "$pki" && mkpki_ca hq-ca2 hq-root 'CN=HQ Issuing CA 2,O=HQ' && mkpki_ca branch-ca2 branch-root 'CN=Branch Issuing CA 2,O=Branch' &&
	mkpki_root other-root 'CN=Another Root,O=Branch' &&
	MKPKI_UNTIL=+42000000 mkpki_gateway hq-named hq-ca2 CN=gw2.hq.example DNS:gw2.hq.example &&
	# At the same time: one that ends before the one in use is not taken.
	until=$(mkpki_time +38000000) && MKPKI_UNTIL=$until mkpki_gateway hq-v0 hq-ca CN=gw.hq.example,OU=v0 DNS:gw.hq.example &&
	MKPKI_UNTIL=$until mkpki_gateway hq-v1 hq-ca2 CN=gw.hq.example,OU=v1 DNS:gw.hq.example &&
	mkpki_gateway branch-by2 branch-ca2 CN=gw.branch.example DNS:gw.branch.example && mkpki_pfx branch-by2 &&
	cp branch-root.pem anchors.pem && cat branch-root.pem other-root.pem >anchors-both.pem && cp -p branch.pfx branch-now.pfx) || exit 1
remember_digests hq-v0 hq-v1 || exit 1
(cd "$pki" && mkpki_root vault-root 'CN=Vault Root' && mkpki_gateway vault-tls vault-root 'CN=vault' 'DNS:hq-kv.vault.azure.net') || exit 1
echo '198.51.100.1 hq-kv.vault.azure.net other-kv.vault.azure.net' >>/etc/hosts
vault_cert gw hq 0 exportable && vault_cert hsm hq3 0 && vault_start || exit 1
branch_conf

hq_conf https://HQ-KV.vault.azure.net/Certificates/gw 5
GATE_START_SECONDS=60 interop_start && gate_start branch branch
t 'certificate and key come from the vault' eval 'comes_up && gate_is hq branch vault.key here && gate_is hq branch vault.state current' || logs
t 'the process that speaks with it can do nothing else' confined || logs
t 'what was handed out is in the memory of key alone' wait_for 10 key_alone_has hq || logs

gateways='hq branch' rotated=0
t '10 rotations by the vault, and no packet is lost' no_packet_lost turns gw 10 || logs
ktap_log /run/numbered

# A new version, with PEM this time.
touch "$vault/gw/pem"
t 'a new version rotates in, and no packet is lost' no_packet_lost admitted_again branch new_version hq2 1 || logs
t 'and its key is in the memory of key alone' wait_for 10 key_alone_has hq2 || logs
t 'it does so once' eval '[ "$(grep -c event=vault-rotated "$gate_root/hq/log")" = $((rotated += 1)) ]' || logs
t 'so does one by a new intermediate under a new subject, once the peer knows that' no_packet_lost admitted_again branch new_subject hq-named 2 || logs
t 'a root more in a changed file, then the certificate of the peer by a new intermediate: no packet is lost either' no_packet_lost files_change || logs

# One that ends earlier, and a refusal.
vault_cert gw hq 3 exportable
t 'one that ends earlier is not taken' eval 'wait_for 30 gate_is hq branch vault.state failed && [[ $(gate_field hq branch vault.text) == *"before the one in use"* ]] && gate_is hq branch vault.version "${version}2"' || logs
fault . 'certificates 403 ForbiddenByRbac'
t 'a missing role is named, and the tunnel goes on' eval 'wait_for 60 eval "gate_field hq branch vault.hint | grep -q \"Key Vault Certificate User\"" && gate_is hq branch state up && ping_both' || logs
fault .
vault_stop
t 'nor does a vault that is away take the tunnel' eval 'wait_for 40 eval "gate_field hq branch vault.text | grep -q \"cannot be reached\"" && gate_is hq branch state up && ping_both' || logs
gate_stop hq
branch_conf && gate branch reload >/dev/null

# A start without the metadata service, and with each refusal there is: all at once, for they take their time.
hq_conf https://hq-kv.vault.azure.net/certificates/hsm 20
while IFS='|' read -r name line _; do
	[ "$name" = gone ] || { vault_cert "$name" hq 0 exportable && fault "$name" "$line"; }
	hq_refused "$name"
done <<-'END'
	unauthorized|certificates 401 Unauthorized
	no-role|certificates 403 ForbiddenByRbac
	no-secret|secrets 403 ForbiddenByRbac
	no-sign|keys 403 ForbiddenByRbac
	gone|
	disabled|certificates disabled
	disabled-secret|secrets 403 SecretDisabled
	past|certificates expired
	busy|certificates 429 600
	away|certificates redirect https://198.51.100.1/elsewhere
	cut|certificates truncated
	big|secrets oversized
	page|certificates nonsense
	slow|certificates slow
END
rm "$vault/no-sign/exportable"
hq_refused other other-kv.vault.azure.net
cat >/run/explanations <<'END'
unauthorized|does not accept the token|tenant
no-role|may not read the certificate 'no-role'|the role 'Key Vault Certificate User'
no-secret|may not read the secret|the role 'Key Vault Secrets User'
no-sign|may not sign with the key|the role 'Key Vault Crypto User'
gone|has no certificate 'gone'|check the name
disabled|is disabled|enable it
disabled-secret|is disabled|enable it
past|the certificate expired 2|
busy|asked too often|asked again
away|answers with a redirect (302), which is not followed|
cut|cannot be reached|
big|more than 196608 bytes|
page|the answer is no JSON|
slow|cannot be reached|
other|cannot be reached: SSL|
END
GATE_START_SECONDS=60 interop_start
t 'without a token the connection waits, and says why' eval 'gate_is hq branch vault.state failed && gate_field hq branch vault.text | grep "metadata service" && ! gate_is hq branch state up' || logs
vault_start
t 'then a key that stays in the vault signs there' eval 'wait_for 60 gate_is hq branch vault.key in-vault && comes_up && grep -q "^POST /keys/hsm/.*/sign.* 200" "$vault/log"' || logs
t 'each refusal is explained' wait_for 60 explained || { explained; logs; }
t 'one that says when to come again is obeyed' eval 'wait_for 30 eval "[ \$(grep -c \"^GET /certificates/gone\" $vault/log) -ge 2 ]" && [ "$(grep -c "^GET /certificates/busy.* 429" "$vault/log")" = 1 ]' || logs
gate_stop branch
gate_stop hq

# shellcheck disable=SC2034 # of rotation.sh
gateways=hq
vault_cert swan hq-v0 0 exportable
MODE=initiator-only hq_conf https://hq-kv.vault.azure.net/certificates/swan 5
SWAN_REMOTE_ID='OU=*, CN=gw.hq.example' swan_branch branch aes256gcm16-prfsha256-ecp256 aes256gcm16-esn
start_branch && GATE_START_SECONDS=60 interop_start
rotated=$(grep -c event=vault-rotated "$gate_root/hq/log")
t 'strongSwan is at the other end' eval 'gate_up hq branch 60 && ping_both' || logs
t '5 rotations by the vault with strongSwan, and no packet is lost' no_packet_lost turns swan 5 || logs
ktap_log /run/numbered
swan_stop branch
gate_stop hq
t 'tokens went to the vault alone' eval '! grep -q elsewhere "$vault/log" && ! grep -rq "token.of-this-machine" "$gate_root/hq"' || logs
kill "$double"
topo_down
t 'rmmod' wait_for 10 rmmod certgate
ktap_end
