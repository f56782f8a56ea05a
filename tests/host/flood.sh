#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A flood of IKE_SA_INIT from invented addresses, five times as many as there is time for: what is up goes on, configured peers get in, memory stays
# where it is; and without the ranks of datagrams it would not be so. Natively, in network namespaces, with nothing below the daemon.
# timeout: 300

cd "$(dirname "$0")/../.." || exit 1
exec python3 tests/host/flood.py
