#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The manual pages are well-formed mdoc(7).
cd "$(dirname "$0")/../../docs/man" || exit 1

pages=(*.[1-8])
echo "1..${#pages[@]}"
status=0 number=0
for page in "${pages[@]}"; do
	number=$((number + 1))
	if found=$(mandoc -Tlint "$page" 2>&1) && [ -z "$found" ]; then
		echo "ok $number $page"
	else
		printf '%s\n' "$found" | sed 's/^/# /'
		echo "not ok $number $page"
		status=1
	fi
done
exit $status
