# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Commands in namespaces, and Python, without the time that starting programs takes in an emulated machine: see enter.c and warm.py.
#
#   "$enter" NAMESPACE COMMAND...   runs it there; `-`: in no other than this one
#   python3 ARGUMENT...             as ever, but for its start; in a namespace: "$enter" NAMESPACE python3 ARGUMENT...
#   warm_up                         from here on Python is warm

enter=${CERTGATE_BUILD:-$PWD/build}/tests/enter

python3() {
	"$enter" - python3 "$@"
}

warm_up() {
	local i
	export CERTGATE_WARM=/run/certgate-warm
	(setsid /usr/bin/python3 tests/lib/warm.py $CERTGATE_WARM </dev/null >/dev/null 2>&1 &)
	for ((i = 0; i < 300; i++)); do
		[ ! -S $CERTGATE_WARM ] || return 0
		sleep 0.05
	done
}
