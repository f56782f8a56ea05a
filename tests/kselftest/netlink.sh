#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the netlink family takes, refuses and tells: each rule with its error, message and attribute; keys that must not
# come back; who may ask; and messages nobody sane would send.
#
# timeout: 240
# kernels: uml-debug 6.1 (6.12)

insmod "$CERTGATE_KO" || exit 1
ip link add cg0 type certgate || exit 1
ip link add cg1 type certgate || exit 1
ip addr add 192.0.2.1/24 dev lo
exec python3 tests/kselftest/netlink.py
