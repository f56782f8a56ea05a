#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Which sockets the module takes for ESP in UDP, and what it does to them.
#
# timeout: 90

insmod "$CERTGATE_KO" || exit 1
ip link set lo up
# v1 has a neighbour who does not answer, for so long
ip link add v1 type veth peer name v2 && ip addr add 192.0.2.1/24 dev v1 && ip link set v1 up && ip link set v2 up || exit 1
busybox sysctl -qw net.ipv4.neigh.v1.mcast_solicit=20
exec python3 tests/kselftest/sockets.py
