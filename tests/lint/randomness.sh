#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The engine draws what its caller hands in: in the programs that is OpenSSL's generator and nothing else. What simulations have instead is
# below tests/, and what is below userspace/ neither knows nor makes anything of the kind.

cd "$(dirname "$0")/../.." || exit 1
failed=0 number=0

result() { # WHAT FOUND: nothing is to be found
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number $1"
	else
		echo "not ok $number $1"
		printf '# %s\n' "$2"
		failed=1
	fi
}

echo 1..5
# role_ike.c for the engine; dh.c for a private value out of a snapshot, which is "drawn" once.
result 'two places fill in a source of randomness' \
	"$(grep -rn '\.fill *= ' userspace | grep -v -e '^userspace/daemon/role_ike.c:.*\.fill = fill_random}' -e '^userspace/ike/dh.c:.*\.fill = fill_known,')"
result 'both are there' "$([ "$(grep -rn '\.fill *= ' userspace | wc -l)" = 2 ] || echo 'not two of them')"
result "the engine's is OpenSSL's, or the end" \
	"$(sed -n '/^static void fill_random/,/^}/p' userspace/daemon/role_ike.c | tr -d '\n' |
		grep -q 'RAND_priv_bytes(buf, (int)len) != 1.*_exit(EXIT_FAILURE)' || echo 'fill_random is another one')"
result 'nothing is included from the tests' "$(grep -rnE '#include +"(\.\./|tests/|lib/|unit/)' userspace)"
result 'nothing is seeded, or drawn from another generator' \
	"$(grep -rnE '\b(seeded_[a-z]+|s?rand|s?random|[delnmj]rand48|rand_r|RAND_seed|RAND_add)\(' --include='*.[ch]' userspace)"
exit $failed
