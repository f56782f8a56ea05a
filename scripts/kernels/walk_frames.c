/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For arch/um/kernel/stacktrace.c. Of a stack's words only return addresses on the chain of frame pointers count, and KASAN and kmemleak want
 * them at every allocation: the chain is followed, instead of asking of each word of a large stack whether it might be an address of code.
 */
static void walk_frames(struct task_struct *tsk, struct stack_trace *trace)
{
	struct pt_regs *regs = tsk->thread.segv_regs;
	unsigned long low = (unsigned long)get_stack_pointer(tsk, regs);
	unsigned long high = (low | (THREAD_SIZE - 1)) + 1 - 2 * sizeof(long);
	unsigned long bp = get_frame_pointer(tsk, regs);

	while (trace->nr_entries < trace->max_entries && bp >= low && bp <= high && !(bp % sizeof(long))) {
		unsigned long address = READ_ONCE_NOCHECK(((unsigned long *)bp)[1]);

		if (!__kernel_text_address(address))
			break;
		trace->entries[trace->nr_entries++] = address;
		low = bp + sizeof(long);
		bp = READ_ONCE_NOCHECK(*(unsigned long *)bp);
	}
}

