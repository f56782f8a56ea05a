#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Dumps of thousands of objects, while they change: each either says that it was interrupted or is complete, and what is not
# touched is told exactly once.
#
# timeout: 150
# kernels: uml-debug (6.1) (6.12)

insmod "$CERTGATE_KO" || exit 1
ip link add cg0 type certgate || exit 1
exec python3 tests/kselftest/dumps.py
