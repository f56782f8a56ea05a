#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Which sockets the module takes for ESP in UDP, and what it does to them.
#
# timeout: 90

insmod "$CERTGATE_KO" || exit 1
ip link set lo up
exec python3 tests/kselftest/sockets.py
