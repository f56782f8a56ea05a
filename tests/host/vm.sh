#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# scripts/vm must tell failure from success whatever becomes of the VM, and let
# nothing of what happens in it reach this machine. Its kernels are made once,
# and anew where what they are made from is another.
# timeout: 240

cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0 failed=0

# verdict TEXT CONDITION...: one result
verdict() {
	local text=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number $text"
	else
		sed 's/^/# /' "$work/out"
		echo "not ok $number $text"
		failed=1
	fi
}

# in_vm STATUS OPTION... -- COMMAND...: did it end with that status?
in_vm() {
	local wanted=$1 status=0
	shift
	scripts/vm --timeout 60 "$@" >"$work/out" 2>&1 || status=$?
	echo "status $status, expected $wanted" >>"$work/out"
	[ $status = "$wanted" ]
}

said() {
	grep -qF -e "$1" "$work/out"
}

not_there() {
	[ ! -e "$1" ]
}

# is_kept: getting what is there makes nothing
is_kept() {
	local dir before
	dir=$(scripts/kernel path uml dir) && before=$(stat -c '%i %Y %s' "$dir/complete" "$dir/linux") &&
		scripts/kernel get uml >"$work/out" 2>&1 && [ "$(stat -c '%i %Y %s' "$dir/complete" "$dir/linux")" = "$before" ]
}

# keyed: a tree with the same recipe has the same kernel, one with another line in its configuration another
keyed() {
	mkdir "$work/tree" && cp -r scripts "$work/tree" &&
		[ "$("$work/tree/scripts/kernel" path uml dir)" = "$(scripts/kernel path uml dir)" ] &&
		echo CONFIG_CRAMFS=y >>"$work/tree/scripts/kernels/uml.config" && ! "$work/tree/scripts/kernel" path uml dir >"$work/out" 2>&1 &&
		said 'kernel uml is not in the cache'
}

echo 1..17
verdict 'a kernel that is there is not made again' is_kept
verdict 'and is named after what it is made from' keyed
verdict 'a command that succeeds' in_vm 0 --kernel uml -- true
verdict "a command's own exit status" in_vm 7 --kernel uml -- sh -c 'exit 7'
in_vm 0 --kernel uml -- printf '<%s>' 'a b' "c'd" '$HOME' '*'
verdict 'arguments arrive as they are' said "<a b><c'd><\$HOME><*>"
CERTGATE_TEST="x y" in_vm 0 --kernel uml -- sh -c 'echo "$PWD|$CERTGATE_TEST|$CERTGATE_KERNEL|${CERTGATE_KO##*/}"'
verdict 'directory and environment' said "$PWD|x y|uml|certgate.ko"
verdict 'a command that does not end is a failure' in_vm 124 --timeout 3 --kernel uml -- sleep 100
verdict 'a VM that ends without a result is a failure' in_vm 125 --kernel uml -- poweroff -f
verdict 'a panic is a failure' in_vm 125 --kernel 6.12 -- sh -c 'echo c >/proc/sysrq-trigger'
verdict 'and its last words are shown' said 'Kernel panic'
verdict 'a splat is a failure' in_vm 123 --kernel uml -- sh -c 'echo "<4>WARNING: planted" >/dev/kmsg'
verdict 'and it is shown' said 'WARNING: planted'
verdict 'unless it is expected' in_vm 0 --allow-splat --kernel uml -- sh -c 'echo "<4>BUG: planted" >/dev/kmsg'
in_vm 0 --kernel uml -- sh -c "echo reached >$work/file; echo reached >/etc/certgate-test"
verdict 'writes do not reach this machine' not_there "$work/file"
verdict 'not even as root' not_there /etc/certgate-test
mkdir "$work/share"
in_vm 0 --share "$work/share" --kernel uml -- sh -c 'echo reached >$CERTGATE_RESULTS/file'
verdict 'but for the share' grep -q reached "$work/share/file"
in_vm 0 --kernel uml -- seq 1 100000
verdict 'long output is complete' [ "$(grep -c '^[0-9]*$' "$work/out")" = 100000 ]
exit $failed
