#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A process `ike` that hangs, though nobody asks it for anything: main has it ended and another one come in its place, beside the SAs that go on in the kernel, which
# end when the new ones are there. Two real daemons with nothing below them, in network namespaces; to the one at hq a minute of waiting for ike is six seconds.
# timeout: 180

cd "$(dirname "$0")/../.." || exit 1
if [ -z "$CERTGATE_HANG_INSIDE" ]; then
	CERTGATE_HANG_INSIDE=1 exec unshare --net --mount --pid --mount-proc --kill-child --fork -- "$0"
fi
mount -t tmpfs none /run || exit 1
. tests/lib/interop.sh

# Which daemon that is.
mkdir /run/build || exit 1
ln -s "$gate_build/certgate" /run/build/certgate
ln -s "$gate_build/bench/certgated-hurried" /run/build/certgated
gate_build=/run/build
log=$gate_root/hq/log

pid_is_another() {
	local now
	now=$(pid_of hq ike) && [ "$now" != "$ike" ]
}

# How many SAs the kernel would have.
sas() {
	awk '/kernel: SA [0-9]+ begins/ { n++ } /kernel: SA [0-9]+ ends/ { n-- } END { print n + 0 }' "$log"
}

ended() {
	tail -n "+$stopped" "$log" | grep -q 'kernel: SA [0-9]* ends'
}

# There is time for two questions whether it is there.
left_alone() {
	sleep 8
	[ "$(pid_of hq ike)" = "$ike" ] && ! grep -q event=process-killed "$log"
}

# Nobody asks for status meanwhile: main would wait for the answer to that.
replaced() {
	wait_for 60 pid_is_another && grep -q 'not said a word.*event=process-killed' "$log" &&
		[ "$(grep -c event=process-killed "$log")" = 1 ] && [ ! -e "/proc/$ike" ]
}

up_anew() {
	wait_for 20 another_spi && gate_is hq branch state up
}

another_spi() {
	local now
	now=$(gate_field branch hq children.0.spi_in) && [ -n "$now" ] && [ "$now" != "$spi" ]
}

# From the first SA that ended on there were the new ones, and at rest there are two.
kept() {
	wait_for 60 ended || { echo 'the old ones stay'; return 1; }
	tail -n "+$stopped" "$log" | awk '
		/kernel: SA [0-9]+ begins/ { n++ }
		/kernel: SA [0-9]+ ends/ && n < 2 { bad = 1 }
		END { exit bad }' && wait_for 20 eval '[ "$(sas)" = 2 ]'
}

ktap_begin 5
topo_up && pki_roots && pki_cert hq hq p256 && pki_cert branch branch p256 || exit 1
interop_hq hq
B_MODE=responder-only interop_branch
gate_start branch branch && interop_start || exit 1
t 'two daemons connect' gate_up hq branch
ike=$(pid_of hq ike) spi=$(gate_field branch hq children.0.spi_in)
t 'an ike that says nothing of itself is asked, and left alone' left_alone
stopped=$(($(wc -l <"$log") + 1))
kill -STOP "$ike"
t 'it is ended, and another one comes' replaced
t 'which connects anew' up_anew
t 'and what the kernel had is there until then' kept
gate_stop hq
gate_stop branch
ktap_end
