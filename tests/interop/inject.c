// SPDX-License-Identifier: Apache-2.0
/*
 * Makes another process execute a system call, as code injected into it would, and tells what became of it: to prove that the
 * filter of a running process is there.
 *
 *	inject PID NUMBER [ARGUMENT...]
 *
 * Prints "killed by SIGSYS" and ends with status 0 if the process died of it; otherwise prints what the call returned, lets the process go on and
 * ends with status 1. Arguments are numbers, or @TEXT for a pointer to that text on the process's stack.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(2);
}

/* Writes text well below the stack pointer, where nothing lives (the red zone is 128 bytes). */
static unsigned long put_text(pid_t pid, unsigned long *top, const char *text)
{
	size_t len = strlen(text) + 1, words = (len + 7) / 8;

	*top -= words * 8;
	for (size_t i = 0; i < words; i++) {
		unsigned long word = 0;
		size_t left = len - i * 8;

		memcpy(&word, text + i * 8, left < 8 ? left : 8);
		if (ptrace(PTRACE_POKEDATA, pid, *top + i * 8, word) < 0)
			die("writing into the process");
	}
	return *top;
}

static int result(pid_t pid, struct user_regs_struct *before)
{
	struct user_regs_struct after;
	int status;

	if (waitpid(pid, &status, 0) < 0)
		die("waiting");
	if (WIFSIGNALED(status)) {
		printf("killed by SIG%s\n", sigabbrev_np(WTERMSIG(status)));
		return WTERMSIG(status) == SIGSYS ? 0 : 1;
	}
	if (WIFEXITED(status)) {
		printf("ended with status %d\n", WEXITSTATUS(status));
		return 1;
	}
	if (ptrace(PTRACE_GETREGS, pid, 0, &after) < 0)
		die("reading registers");
	printf("returned %lld\n", (long long)after.rax);
	if (ptrace(PTRACE_SETREGS, pid, 0, before) < 0 || ptrace(PTRACE_DETACH, pid, 0, 0) < 0)
		die("letting go");
	return 1;
}

int main(int argc, char **argv)
{
	struct user_regs_struct regs, saved;
	unsigned long long *args[6] = {&regs.rdi, &regs.rsi, &regs.rdx,
				       &regs.r10, &regs.r8,  &regs.r9};
	unsigned long top;
	pid_t pid;
	int status;
	long word;

	if (argc < 3 || argc > 9) {
		fprintf(stderr, "usage: inject PID NUMBER [ARGUMENT...]\n");
		return 2;
	}
	pid = (pid_t)atoi(argv[1]);
	if (ptrace(PTRACE_ATTACH, pid, 0, 0) < 0 || waitpid(pid, &status, 0) < 0)
		die("attaching");
	if (!WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, pid, 0, &regs) < 0)
		die("stopping");
	saved = regs;
	/* It waits for events: the instruction before its place is a system call, and will do for ours. */
	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, regs.rip - 2, 0);
	if (errno || (word & 0xffff) != 0x050f) {
		fprintf(stderr, "the process is not in a system call\n");
		return 2;
	}
	top = (regs.rsp - 4096) & ~15UL;
	for (int i = 0; i < 6; i++) {
		const char *a = i + 3 < argc ? argv[i + 3] : "0";

		*args[i] = a[0] == '@' ? put_text(pid, &top, a + 1)
				       : (unsigned long long)strtoll(a, NULL, 0);
	}
	regs.rax = strtoull(argv[2], NULL, 0);
	regs.orig_rax = (unsigned long long)-1;
	regs.rip -= 2;
	if (ptrace(PTRACE_SETREGS, pid, 0, &regs) < 0 || ptrace(PTRACE_SINGLESTEP, pid, 0, 0) < 0)
		die("resuming");
	return result(pid, &saved);
}
