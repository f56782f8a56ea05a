# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the tests with certgate at both ends share: hq and branch of interop.sh started, up, stopped, and what they said. Sourced after interop.sh.

start_branch() {
	gate_start branch branch || { tail -n 30 "$gate_root/branch/log"; return 1; }
}

logs() {
	ktap_log "$gate_root/hq/log" "$gate_root/branch/log"
	ns hq build/certgate kernel tunnel list | sed 's/^/# hq: /'
	ns branch build/certgate kernel tunnel list | sed 's/^/# branch: /'
}

stop_both() {
	gate_stop branch
	gate_stop hq
	: >"$gate_root/hq/log"
	: >"$gate_root/branch/log"
}

up_both() {
	gate_up branch hq && gate_up hq branch
}
