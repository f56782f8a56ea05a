#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Replay, counters and path MTU again, with all bursts on the lists of kmod/order.h: tests that know nothing of them, in a kind of tunnel that
# this kernel has not tried.
#
# timeout: 200
# kernels: uml-debug

. tests/lib/ktap.sh
. tests/lib/tunnels.sh

# The module stays, with its parameter, for whoever comes after the first. Each has processes and mounts of its own.
export CERTGATE_SHARE=2 CERTGATE_KIND='udp 6'
module_load && [ "$(</sys/module/certgate/parameters/share)" = 2 ] || exit 1
scripts=(counters pmtu replay)
ktap_begin ${#scripts[@]}
for script in "${scripts[@]}"; do
	ktap_nested "$script" unshare --mount --pid --fork --kill-child --mount-proc "tests/kselftest/$script.sh"
done
ktap_end
