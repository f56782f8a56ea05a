#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
# kernels: uml-debug (6.1)
#
# Every process of both gateways is killed; then the peer's *intermediate* is the first certificate of the chain to
# expire. The kernel alone must stop both directions within a second, and setting the clock back must revive nothing.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh

crossed() { # packets hq has sent and received
	ns hq build/certgate kernel tunnel list --json | python3 -c '
import json, sys
print(sum(t["tx_packets"] + t["rx_packets"] for t in json.load(sys.stdin)))'
}

# Between now and the end of the intermediate plus one second the last packet must have crossed, each way.
dead_in_time() {
	while [ "$(date +%s)" -le "$until" ]; do sleep 0.1; done
	sleep 1
	local then
	then=$(crossed)
	ns hq-host ping -q -c 10 -i 0.1 -W 1 10.2.0.10
	ns branch-host ping -q -c 10 -i 0.1 -W 1 10.1.0.10
	echo "crossed: $then then, $(crossed) now"
	[ "$(crossed)" = "$then" ]
}

ktap_begin 9
insmod "$CERTGATE_KO" || exit 1
topo_up && topo_isolate && pki_roots || exit 1
case $CERTGATE_KERNEL in
uml) life=25 ;;
*) life=45 ;;
esac
until=$(($(date +%s) + life))
(cd "$pki" && rm -f branch-ca.* && MKPKI_UNTIL=$(date -u -d "@$until" +%Y%m%d%H%M%SZ) mkpki_ca branch-ca branch-root 'CN=Branch Issuing CA,O=Branch') || exit 1
pki_cert hq hq p256 && pki_cert branch branch p256 || exit 1
interop_hq hq
interop_branch
gate_start hq hq && gate_start branch branch
t 'up, with an intermediate that ends soon' gate_up hq branch || ktap_log "$gate_root/hq/log" "$gate_root/branch/log"
t 'ping crosses both ways' ping_both
t 'the kernel knows when the chain ends' eval '[ "$(ns hq build/certgate kernel cert list --json | python3 -c "import json,sys; print(json.load(sys.stdin)[0][\"not_after_unix\"])")" = "$until" ]' ||
	ns hq build/certgate kernel cert list
gate_kill hq
gate_kill branch
t 'every process is dead' eval '! pgrep -x certgated'
t 'traffic goes on' ping_both
t 'a second after the intermediate ended nothing crosses, in either direction' dead_in_time
date -s "@$((until - 20))" >/dev/null
t 'nor after the clock was set back' eval 'then=$(crossed); no_ping; [ "$(crossed)" = "$then" ]'
t 'the SAs say why' eval '[ -z "$(ns hq build/certgate kernel sa list --json | grep "\"state\": \"active\"")" ] && ns hq build/certgate kernel sa list | grep -q certificate-expired' ||
	ns hq build/certgate kernel sa list
ns hq build/certgate kernel flush all
topo_down
t 'rmmod' wait_for 10 rmmod certgate
ktap_end
