#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Whatever reads a message between the daemon's processes has one in the corpus of the tree that it reads to the end: what comes behind the first mistake
# in a message is fuzzed, too. A reader that is new keeps the first such message that fuzz_daemon finds (`make fuzz`).
# timeout: 60

cd "$(dirname "$0")/../.." || exit 1
failed=0 number=0
mapfile -t readers < <(FUZZ_READERS=1 "${O:-build}/fuzz/tests/fuzz/fuzz_daemon" -runs=0 tests/fuzz/corpus/daemon 2>&1 | sed -n 's/^reader //p')

echo "1..${#readers[@]}"
for line in "${readers[@]}"; do
	number=$((number + 1))
	if [ "${line##*: }" -gt 0 ]; then
		echo "ok $number ${line%: *}"
	else
		echo "not ok $number ${line%: *}: no input of tests/fuzz/corpus/daemon is one whole"
		failed=1
	fi
done
[ ${#readers[@]} -gt 0 ] || failed=1
exit $failed
