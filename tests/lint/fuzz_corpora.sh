#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every fuzzer begins with inputs that are in the tree, and has its planted overflows; nothing in tests/fuzz/corpus is nobody's. Whatever reads a message
# between the daemon's processes is called by fuzz_daemon (tests/host/fuzz_readers.sh: with messages that are whole).

cd "$(dirname "$0")/../.." || exit 1
fuzzers=(tests/fuzz/fuzz_*.c)
failed=0 number=0

# report WHAT PROBLEM: an empty one is none
report() {
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number $1"
	else
		echo "not ok $number $1: $2"
		failed=1
	fi
}

echo "1..$((${#fuzzers[@]} + 2))"
for source in "${fuzzers[@]}"; do
	name=$(basename "$source" .c)
	name=${name#fuzz_}
	read -ra functions < <(sed -n "s/^planted_in_$name := //p" tests/Makefile)
	problem=
	[ ${#functions[@]} -gt 0 ] || problem='nothing is planted'
	for function in "${functions[@]}"; do
		grep -q "__wrap_$function(" tests/fuzz/planted/planted.c || problem="nothing is planted in $function"
	done
	[ -n "$(find "tests/fuzz/corpus/$name" -type f -size +0 2>/dev/null | head -n 1)" ] || problem='no corpus'
	report "$name" "$problem"
done
strangers=$(for dir in tests/fuzz/corpus/*/; do
	[ -e "tests/fuzz/fuzz_$(basename "$dir").c" ] || echo "$dir"
done)
report "no corpus is nobody's" "$strangers"
# Those that only others of them call are in these.
unread=$(grep -ohE '\b(proto|launch)_get_[a-z_]+\(struct msg_reader' userspace/daemon/*.h | sed 's/(.*//' | sort -u | while read -r function; do
	grep -lE "\b$function\(" userspace/daemon/*.c | grep -qv /proto_ || continue
	grep -qE "\b$function\(|\bB\([A-Z_]+, ${function#proto_get_}," tests/fuzz/fuzz_daemon.c || echo "$function"
done)
report 'who reads messages is fuzzed by fuzz_daemon' "${unread:+it does not call $unread}"
exit $failed
