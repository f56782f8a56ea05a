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

echo 1..5
env FIRST=90001 PROGRAMS='lossy collide mobike addke tamper many' DAYS=1 tests/soak "$build" 1 20 >"$work/log" 2>&1
result 1 'one seed of each, twenty sites' $?
grep -q '^seeds from 90001 on, 1 of each; again with FIRST=90001$' "$work/log"
result 2 'says how to see it again' $?

# Folders of programs: of the second one fails, and all are run all the same.
stand_ins() { # FOLDER FAILING
	local name end
	mkdir -p "$1/tests/unit"
	for name in $(tests/soak --programs); do
		end=0
		[ "$name" != "$2" ] || end=1
		cat >"$1/tests/unit/test_ike_engine_$name" <<-END
			#!/bin/sh
			echo "$name \$FIRST \$SEEDS \$SITES"
			exit $end
		END
		chmod +x "$1/tests/unit/test_ike_engine_$name"
	done
}

ran_all() {
	[ "$(grep -cE '^[a-z]+ 7 3 $' "$work/log")" = "$(($(tests/soak --programs | wc -w) - 1))" ] && grep -q '^many 7 1 9$' "$work/log"
}

stand_ins "$work/good" none
stand_ins "$work/broken" restart
FIRST=7 tests/soak "$work/good" 3 9 >"$work/log" 2>&1 && ran_all
result 3 'runs all of them' $?
if FIRST=7 tests/soak "$work/broken" 3 9 >"$work/log" 2>&1; then
	false
else
	ran_all
fi
result 4 'a failure of one program is a failure' $?

grep -l 'sim_seeds(' tests/unit/test_ike_engine_*.c | sed 's/.*test_ike_engine_//; s/\.c$//' | sort >"$work/seeded"
tests/soak --programs | tr ' ' '\n' | sort >"$work/known"
diff "$work/seeded" "$work/known" >"$work/log" 2>&1
result 5 'knows every program that takes seeds' $?
exit $failed
