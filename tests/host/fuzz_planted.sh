#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A fuzzer is only worth its time if it reaches what it is there for: each finds, from the corpus of the tree, an overflow that was put in front of each
# of the functions which its input should reach (tests/fuzz/planted).
# timeout: 180

cd "$(dirname "$0")/../.." || exit 1
programs=${O:-build}/fuzz/tests/fuzz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 number=0
mapfile -t planted < <(sed -n 's/^planted_in_\([a-z_]*\) := /\1 /p' tests/Makefile | while read -r name functions; do
	printf "$name %s\n" $functions
done)

echo "1..${#planted[@]}"
for line in "${planted[@]}"; do
	read -r name function <<<"$line"
	number=$((number + 1))
	corpora=("$work/$name")
	mkdir -p "$work/$name"
	[ ! -d "tests/fuzz/corpus/$name" ] || corpora+=("tests/fuzz/corpus/$name")
	PLANTED=$function "$programs/planted_$name" -max_total_time=60 -seed=1 -artifact_prefix="$work/" "${corpora[@]}" >"$work/log" 2>&1
	if grep -q 'ERROR: AddressSanitizer: heap-buffer-overflow' "$work/log" && grep -q "^planted: __wrap_$function\$" "$work/log"; then
		echo "ok $number $name finds an overflow in $function"
	else
		tail -n 20 "$work/log" | sed 's/^/# /'
		echo "not ok $number $name finds an overflow in $function"
		failed=1
	fi
done
exit $failed
