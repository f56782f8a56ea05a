# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# How a kernel log tells that something went wrong. Sourced by those who run
# tests, in a VM and on the host.

splat_pattern='(^|[^A-Z])BUG(:| at )|WARNING:|KASAN|UBSAN|ODEBUG|Oops|general protection|INFO: '
splat_pattern+='|possible (recursive|circular|irq|deadlock|unsafe)|suspicious RCU|inconsistent lock state'
splat_pattern+='|invalid wait context|bad unlock balance|held lock freed|lock held when returning'
splat_pattern+='|refcount_t|ref_tracker|unregister_netdevice: waiting|leaked|corruption'
splat_pattern+='|scheduling while atomic|sleeping function called|Kernel panic|unable to handle'
splat_pattern+='|hung_task|soft lockup|rcu.*stall'

# What a kernel says of itself or of its machine, and is none of ours.
splat_harmless='taints kernel|tainting kernel|INFO: NMI handler|INFO: lockdep is turned off'

# splats [FILE]: the lines that are one, with some context; fails if there are none
splats() {
	grep -vE "$splat_harmless" "$@" | grep -E -A 30 -e "$splat_pattern"
}
