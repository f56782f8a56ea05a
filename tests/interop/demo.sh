#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
# kernels: uml
#
# The demo, which is to hold in each of its steps; `make demo` plays it on Debian's kernel.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/ktap.sh

KTAP_LINES=120
ktap_begin 2
t 'the demo plays to its end' eval 'NO_COLOR=1 scripts/demo >/run/demo 2>&1 || { cat /run/demo; false; }'
t 'and its steps hold' eval 'tail -n 1 /run/demo; grep -Eq "^[4-9][0-9] steps, 0 failed," /run/demo'
ktap_end
