#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Long simulations (make soak) are run when somebody asks for them, so here they are run short, with sanitizers: always with the same seeds, and a
# failure of one is a failure of all.
# timeout: 180

cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=${O:-build}/asan
failed=0

result() { # NUMBER WHAT STATUS: the last command's, whose output is in the log
	if [ "$3" = 0 ]; then
		echo "ok $1 $2"
	else
		tail -n 40 "$work/log" | sed 's/^/# /'
		echo "not ok $1 $2"
		failed=1
	fi
}

echo 1..3
env FIRST=90001 PROGRAMS='lossy collide mobike addke tamper many' DAYS=1 tests/soak "$build" 1 20 >"$work/log" 2>&1
result 1 'one seed of each, twenty sites' $?
grep -q '^seeds from 90001 on, 1 of each; again with FIRST=90001$' "$work/log"
result 2 'says how to see it again' $?

# A folder of programs of which one fails: all are run all the same.
mkdir -p "$work/broken/tests/unit"
for name in lossy collide mobike followup addke restart tamper each many; do
	end=0
	[ "$name" != restart ] || end=1
	cat >"$work/broken/tests/unit/test_ike_engine_$name" <<-END
		#!/bin/sh
		echo "$name \$FIRST \$SEEDS \$SITES"
		exit $end
	END
	chmod +x "$work/broken/tests/unit/test_ike_engine_$name"
done
if FIRST=7 tests/soak "$work/broken" 3 9 >"$work/log" 2>&1; then
	false
else
	[ "$(grep -c ' 7 3 ' "$work/log")" = 8 ] && grep -q '^many .*9$' "$work/log"
fi
result 3 'a failure of one program is a failure' $?
exit $failed
