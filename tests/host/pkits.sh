#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# NIST's path validation tests (PKITS) through the command, which runs the daemon's own code. The
# data is Debian's python3-cryptography-vectors; cases and verdicts are in tests/lib/pkits.py.
# timeout: 180

cd "$(dirname "$0")/../.." || exit 1
data=/usr/lib/python3/dist-packages/cryptography_vectors/x509/PKITS_data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tests/lib/pkits.py "${O:-build}/certgate" "$data" "$work"
