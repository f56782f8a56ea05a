#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every allocation of every request fails once: the request says so and leaves nothing behind, and works the next time. The
# debug kernel's leak detector and the module's own count have the last word.
#
# kernels: uml-debug
# timeout: 200

insmod "$CERTGATE_KO" || exit 1
ip link add cg0 type certgate || exit 1
ip addr add 192.0.2.1/24 dev lo
cd /sys/kernel/debug || exit 1
for what in failslab fail_page_alloc; do
	echo N >$what/ignore-gfp-wait
	echo 0 >$what/verbose
done
echo 0 >fail_page_alloc/min-order
cd "$OLDPWD" || exit 1
exec python3 tests/kselftest/memory.py
