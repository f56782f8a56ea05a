#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The debug kernel is only worth its time if it catches what it is there for: a
# module with mistakes of every kind must be caught, one without must pass.
# timeout: 300

cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

cat >"$work/planted.c" <<'EOF'
// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mutex.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *mistake = "none";
module_param(mistake, charp, 0);
static DEFINE_SPINLOCK(spin);
static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static int __init planted_init(void)
{
	char *memory = kmalloc(100, GFP_KERNEL);

	if (!memory)
		return -ENOMEM;
	if (strcmp(mistake, "leak"))
		kfree(memory);
	if (!strcmp(mistake, "use-after-free"))
		pr_info("planted: %d\n", READ_ONCE(memory[3]));
	if (!strcmp(mistake, "sleep")) {
		spin_lock(&spin);
		mutex_lock(&first);
		mutex_unlock(&first);
		spin_unlock(&spin);
	}
	if (!strcmp(mistake, "deadlock")) {
		mutex_lock(&first);
		mutex_lock(&second);
		mutex_unlock(&second);
		mutex_unlock(&first);
		mutex_lock(&second);
		mutex_lock(&first);
		mutex_unlock(&first);
		mutex_unlock(&second);
	}
	return 0;
}

static void __exit planted_exit(void)
{
}

module_init(planted_init);
module_exit(planted_exit);
MODULE_DESCRIPTION("mistakes, for the tests of the tests");
MODULE_LICENSE("GPL");
EOF
echo 'obj-m := planted.o' >"$work/Kbuild"

# caught NUMBER MISTAKE STATUS WORDS: what scripts/vm must say
caught() {
	local status=0
	scripts/vm --kernel uml-debug --timeout 60 -- \
		sh -c "insmod $work/planted.ko mistake=$2 && rmmod planted && echo it came and went" >"$work/out" 2>&1 || status=$?
	if [ $status = "$3" ] && grep -q -e "$4" "$work/out"; then
		echo "ok $1 $2"
	else
		echo "# status $status, expected $3 and: $4"
		sed 's/^/# /' "$work/out"
		echo "not ok $1 $2"
		failed=1
	fi
}

echo 1..5
unset MAKEFLAGS MAKELEVEL MFLAGS O
make -s -C "$(scripts/kernel path uml-debug build)" ARCH=um M="$work" modules >"$work/build" 2>&1 ||
	sed 's/^/# /' "$work/build"
caught 1 none 0 'it came and went'
caught 2 leak 123 'unreferenced object'
caught 3 use-after-free 123 'KASAN: slab-use-after-free'
caught 4 sleep 123 'sleeping function called'
caught 5 deadlock 123 'possible circular locking'
exit $failed
