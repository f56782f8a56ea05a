#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The engine draws what its caller hands in: in the programs that is OpenSSL's generator and nothing else. What simulations have instead is
# below tests/, and what is below userspace/ neither knows nor makes anything of the kind. It is the same with the key exchange methods
# that are good for tests alone.

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

echo 1..8
# role_ike.c for the engine; dh.c for a private value out of a snapshot, which is "drawn" once.
result 'two places fill in a source of randomness' \
	"$(grep -rn '\(\.\|->\)fill *= ' userspace | grep -v -e '^userspace/daemon/role_ike.c:.*\.fill = fill_random}' -e '^userspace/ike/dh.c:.*\.fill = fill_known,')"
result 'both are there' "$([ "$(grep -rn '\(\.\|->\)fill *= ' userspace | wc -l)" = 2 ] || echo 'not two of them')"
function_of() { # NAME: of role_ike.c, in one line
	sed -n "/^static void $1(/,/^}/p" userspace/daemon/role_ike.c | tr -d '\n\t'
}
result "the engine's is OpenSSL's, or the end" \
	"$(function_of draw | grep -q 'if (RAND_priv_bytes(buf, (int)len) == 1)return;.*_exit(EXIT_FAILURE);}$' || echo 'draw is another one'
	function_of fill_random | grep -q 'if (len > SHORT) {draw(buf, len);return;}.*draw(ahead, sizeof(ahead));.*memcpy(buf, ahead + left, len);OPENSSL_cleanse(ahead + left, len);}$' ||
		echo 'fill_random is another one')"
result 'nothing is included from the tests' "$(grep -rnE '#include +"(\.\./|tests/|lib/|unit/)' userspace)"
result 'nothing is seeded, or drawn from another generator' \
	"$(grep -rnE '\b(seeded_[a-z]+|s?rand|s?random|[delnmj]rand48|rand_r|RAND_seed|RAND_add)\(' --include='*.[ch]' userspace)"
result 'key exchange methods are those of one table' \
	"$(grep -rnE 'struct ike_dh_method [a-z_]*\[|ike_dh_method_find\(uint16_t' --include='*.[ch]' userspace |
		grep -v -e '^userspace/ike/dh_method\.c:[0-9]*:static const struct ike_dh_method methods\[\] = {$' \
			-e '^userspace/ike/dh_method\.[ch]:[0-9]*:const struct ike_dh_method \*ike_dh_method_find(uint16_t method);\?$')"
result 'of which each has a number of IANA, none is for private use' \
	"$(sed -n '/^#define IKE_KE_TABLE/,/^$/p' userspace/ike/const.h | grep -E ', [0-9]{4,}, ')$(
		sed -n '/^static const struct ike_dh_method methods/,/^};/p' userspace/ike/dh_method.c |
			grep -vE '^(static .*|};|	(\{\.info = \{BOTH|ECP|MODP)\(IKE_KE_[A-Z0-9_]+, .*|	/\*.*\*/)$')"
result 'only unit tests are linked to find others' \
	"$(grep -rn -e 'wrap=ike_dh' -e '__wrap_ike_dh' Makefile userspace tests scripts --include=Makefile --include='*.[ch]' --include='*.mk' |
		grep -v -e '^tests/Makefile:[0-9]*:$(unit_programs): private LDFLAGS += -Wl,--wrap=ike_dh_method_find$' -e '^tests/unit/lib/kem\.c:')"
exit $failed
