#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# kernels: uml
#
# scripts/demo, which `make demo` plays on Debian's 6.1: what newcomers see first must not break unseen. Each of its steps is a result here.
cd "$(dirname "$0")/../.." || exit 1

echo 'KTAP version 1'
n=0
NO_COLOR=1 scripts/demo >/run/demo 2>&1
status=$?
while IFS= read -r line; do
	case $line in
	'  ok   '*) n=$((n + 1)) && echo "ok $n ${line#'  ok   '}" ;;
	'  FAIL '*) n=$((n + 1)) && echo "not ok $n ${line#'  FAIL '}" ;;
	*) echo "# $line" ;;
	esac
done </run/demo
n=$((n + 1))
if [ $status = 0 ]; then echo "ok $n its exit status is 0"; else echo "not ok $n its exit status is $status"; fi
echo "1..$n"
exit $status
