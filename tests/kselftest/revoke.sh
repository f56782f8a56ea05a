#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Revocation by every fingerprint of a chain, at the sending and at the receiving gateway, under traffic: when the call has
# returned not one more packet leaves or arrives; it stays so; counters and one event tell of it.
#
# timeout: 200
# kernels: uml-debug (6.1) 6.12
# smp: 6.12=2

. tests/lib/ktap.sh
. tests/lib/tunnels.sh
. tests/lib/watch.sh

# All six fingerprints where that is quick; where it is not, of each kind one, and on Debian's kernels the root in a flood alone. At the receiving
# gateway by a key and by the root.
receiver='intermediate.key root'
case $CERTGATE_KERNEL in
uml) chain='leaf leaf.key intermediate intermediate.key root root.key' results=30 ;;
uml-debug) chain='leaf intermediate.key root' results=24 ;;
*) chain='leaf intermediate.key' receiver='intermediate.key' results=20 ;;
esac

cert_chain() {
	ask "$1" - - cert add --link "$(key leaf 32):$(key leaf.key 32)" --link "$(key intermediate 32):$(key intermediate.key 32)" \
		--link "$(key root 32):$(key root.key 32)" --subject CN=peer --not-before now-10 --not-after now+1000
}

# renew SERIAL: a new binding at either end, and SAs under it in place of the old ones
renew() {
	local g peer
	for g in 1 2; do
		peer=$((3 - g))
		ask $g - - flush sas certs && cert=$(cert_chain $g) || return 1
		sa_add $g aes-gcm-128 "$1.$peer" --dir in --spi "0x$1$peer" --tunnel 1 --cert "$cert" \
			--encr aes-gcm-128 >/dev/null || return 1
		sa_add $g aes-gcm-128 "$1.$g" --dir out --spi "0x$1$g" --tunnel 1 --cert "$cert" \
			--encr aes-gcm-128 >/dev/null || return 1
	done
}

# revoke GATEWAY FINGERPRINT: prints bindings and SAs that died; the instant of its return is in /tmp/revoked
revoke() {
	python3 - "$2" <<-'EOF' | tee /tmp/revoke.answer
		import os, sys, time
		sys.path.insert(0, "tests/lib")
		import nl
		fd = os.open("/run/netns/g%s" % os.environ["GATEWAY"], os.O_RDONLY)
		import ctypes
		ctypes.CDLL(None).setns(fd, 0)
		family = nl.Family()
		answer = family.do("CERT_REVOKE", nl.attr("CERT_FINGERPRINT", bytes.fromhex(sys.argv[1])))
		now = time.time()
		print(*[nl.number(answer.messages[0], "CERT_" + n) for n in ("BINDING_COUNT", "SA_COUNT")])
		open("/tmp/revoked", "w").write("%.6f" % now)
	EOF
}

# stops GATEWAY NAME SERIAL: one round
stops() {
	local g=$1 what=$2 when
	renew "$3" && reach 4 >/dev/null || return 1
	# where it leaves the gateway: behind that a queue of the receiving end may hold what went before
	watch wire "g$g" wan "src ${wan4[g]} and udp port 4500"
	watch delivered "g$g" cg0 "src 10.$((3 - g)).0.2"
	"$with" 1
	"$with" 2
	wait_until 10 eval '[ "$(seen wire 0 9999999999)" -gt 20 ] && [ "$(seen delivered 0 9999999999)" -gt 20 ]'
	GATEWAY=$g is '1 2' revoke "$g" "$(key "$what" 32)" || return 1
	sleep 0.5
	pour_off
	watch_off
	when=$(cat /tmp/revoked)
	[ "$(seen wire 0 "$when")" -gt 10 ] || { echo 'there was no traffic before'; return 1; }
	[ "$(seen delivered 0 "$when")" -gt 10 ] || { echo 'nothing was delivered before'; return 1; }
	is 0 seen wire "$when" 9999999999 && is 0 seen delivered "$when" 9999999999 || return 1
	[ "$(drops "$g" cert)" -gt 10 ] || { echo 'there was no traffic after'; return 1; }
	is 'dead:certificate-revoked,dead:certificate-revoked' states "$g"
}

# latched GATEWAY NAME: neither a new binding nor an SA of the old one, before and, the latter, after unrevoking
latched() {
	refuses 'is revoked' cert_chain "$1" &&
		refuses 'is revoked' sa_under_old "$1" 1 &&
		cgk "$1" cert unrevoke "$(key "$2" 32)" &&
		refuses 'is revoked' sa_under_old "$1" 2 &&
		is 0 crossing 1
}

sa_under_old() {
	local old
	old=$(field "$1" "x[0]['id']" cert list)
	sa_add "$1" aes-gcm-128 "old.$1.$2.$old" --dir in --spi 0x9999 --tunnel 1 --cert "$old" --encr aes-gcm-128
}

ktap_begin $results
world_up
t 'tunnels' tunnel_up
n=2
with=pour
for g in 1 2; do
	[ $g = 1 ] || chain=$receiver
	for what in $chain; do
		n=$((n + 1))
		serial=$(printf '%x' $((0x100 + n)))
		t "gateway $g revokes the $what: not a packet after its return" stops $g "$what" "$serial"
		t "and that is for good" latched $g "$what"
	done
done

with=flood
t 'gateway 1 revokes the root in a flood: not a packet after its return' stops 1 root 180
cgk 1 cert unrevoke "$(key root 32)"
t 'gateway 2 revokes the root in a flood: not a packet after its return' stops 2 root 181
cgk 2 cert unrevoke "$(key root 32)"

# --- the counts, the event, the tables
t 'two bindings below one root' eval 'renew 200 && cgk 1 cert add --link "$(key other 32):$(key other.key 32)" \
	--link "$(key root 32):$(key root.key 32)" --subject CN=other --not-before now-10 --not-after now+1000 >/dev/null'
t 'and one that is not' cgk 1 cert add --link "$(key far 32):$(key far.key 32)" --link "$(key away 32):$(key away.key 32)" \
	--subject CN=far --not-before now-10 --not-after now+1000
t 'a fingerprint counts what is below it' is '2 2' field 1 "'%d %d' % next((f['bindings'], f['sas']) for f in x if f['sha256'] == '$(key root.key 32)')" \
	fingerprint list
listen 1
t 'its revocation ends both' is '{"bindings":2,"sas":2}' eval "cgk 1 cert revoke $(key root.key 32) --json | tr -d ' \n'"
t 'and not the third' is 'CN=far' field 1 "','.join(c['subject'] for c in x if c['state'] == 'valid')" cert list
t 'again it ends nothing' is '{"bindings":0,"sas":0}' eval "cgk 1 cert revoke $(key root.key 32) --json | tr -d ' \n'"
listen_off
t 'one event told of it' is 1 told certificate-revoked
t 'with the fingerprint' is 1 told certificate-revoked "$(key root.key 32)"
t 'a revoked fingerprint outlives its bindings' eval 'cgk 1 flush all && is True field 1 "x[0][\"revoked\"]" fingerprint list'
t 'and goes when it is unrevoked' eval "cgk 1 cert unrevoke $(key root.key 32) && is '[]' field 1 x fingerprint list"
t 'what was never revoked cannot be taken back' refuses 'not revoked' cgk 1 cert unrevoke "$(key leaf 32)"
tunnel_down
world_down
ktap_end
