/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls each process may make; any other ends it (SIGSYS). Lists are short because files, libraries and name services
 * were done with before. Arguments are checked where a call has uses that must not be: executable memory, writing
 * to files, handlers on sockets. Called by sandbox_enter().
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/log.h"
#include "daemon/sandbox.h"

/* Memory, time, the event loop, logging to standard error, ending. */
static const int everyone[] = {
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(getrandom),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(close),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getuid),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sysinfo),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(restart_syscall),
};

/* Certificates and keys come as open files. */
static const int readers[] = {SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(pread64),
			      SCMP_SYS(lseek)};

static const int of_ike[] = {
	SCMP_SYS(recvmmsg), SCMP_SYS(sendmmsg), SCMP_SYS(recvfrom),
	SCMP_SYS(sendto),   SCMP_SYS(dup3),
};

static const int of_key_and_verify[] = {SCMP_SYS(dup3)};

static const int of_fetch[] = {
	SCMP_SYS(connect),	SCMP_SYS(bind),	      SCMP_SYS(sendto),	     SCMP_SYS(recvfrom),
	SCMP_SYS(sendmmsg),	SCMP_SYS(recvmmsg),   SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),	SCMP_SYS(setsockopt), SCMP_SYS(uname),	     SCMP_SYS(shutdown),
	SCMP_SYS(readlink),	SCMP_SYS(stat),	      SCMP_SYS(access),	     SCMP_SYS(statx),
	SCMP_SYS(getdents64),	SCMP_SYS(getegid),    SCMP_SYS(getgid),	     SCMP_SYS(faccessat2),
	SCMP_SYS(memfd_create), /* what it got goes on as memory that nobody can change */
};

/* Connections to addresses it was told: nothing of files, names or other sockets. */
static const int of_vault[] = {
	SCMP_SYS(connect),     SCMP_SYS(sendto),      SCMP_SYS(recvfrom),
	SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),  SCMP_SYS(shutdown),    SCMP_SYS(dup3),
};

/*
 * Of code of others: whatever its key needs, if it may use files. A call that is not here fails, and does not end the process: modules try this and that.
 */
static const int of_hsm_files[] = {
	SCMP_SYS(openat),     SCMP_SYS(open),	       SCMP_SYS(stat),	     SCMP_SYS(lstat),
	SCMP_SYS(statx),      SCMP_SYS(statfs),	       SCMP_SYS(fstatfs),    SCMP_SYS(access),
	SCMP_SYS(faccessat),  SCMP_SYS(faccessat2),    SCMP_SYS(readlink),   SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64), SCMP_SYS(getcwd),	       SCMP_SYS(pwrite64),   SCMP_SYS(ftruncate),
	SCMP_SYS(fsync),      SCMP_SYS(fdatasync),     SCMP_SYS(flock),	     SCMP_SYS(fcntl),
	SCMP_SYS(unlink),     SCMP_SYS(unlinkat),      SCMP_SYS(rename),     SCMP_SYS(renameat),
	SCMP_SYS(renameat2),  SCMP_SYS(mkdir),	       SCMP_SYS(mkdirat),    SCMP_SYS(umask),
	SCMP_SYS(ioctl),      SCMP_SYS(connect),       SCMP_SYS(shutdown),   SCMP_SYS(getsockname),
	SCMP_SYS(uname),      SCMP_SYS(getpeername),   SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
	SCMP_SYS(getgid),     SCMP_SYS(getegid),       SCMP_SYS(getgroups),  SCMP_SYS(select),
	SCMP_SYS(pselect6),   SCMP_SYS(pipe2),	       SCMP_SYS(eventfd2),   SCMP_SYS(clock_getres),
	SCMP_SYS(readv),      SCMP_SYS(epoll_create1),
};

/* As files: reads and writes on what is open, which may be a socket. */
static const int of_hsm[] = {SCMP_SYS(dup3), SCMP_SYS(sendto), SCMP_SYS(recvfrom)};

static const int of_hsm_network[] = {SCMP_SYS(bind), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg)};

static const int of_main[] = {
	SCMP_SYS(connect),	   SCMP_SYS(bind),	  SCMP_SYS(listen),
	SCMP_SYS(accept4),	   SCMP_SYS(accept),	  SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),	   SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),	   SCMP_SYS(setsockopt),  SCMP_SYS(shutdown),
	SCMP_SYS(socketpair),	   SCMP_SYS(uname),	  SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),	   SCMP_SYS(stat),	  SCMP_SYS(lstat),
	SCMP_SYS(statx),	   SCMP_SYS(access),	  SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),	   SCMP_SYS(getdents64),  SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),	   SCMP_SYS(umask),	  SCMP_SYS(getgid),
	SCMP_SYS(getegid),	   SCMP_SYS(getcwd),	  SCMP_SYS(select),
	SCMP_SYS(pselect6),	   SCMP_SYS(fstatfs),	  SCMP_SYS(prlimit64),
	SCMP_SYS(timerfd_settime), SCMP_SYS(fdatasync),	  SCMP_SYS(ftruncate),
};

static const int never[] = {
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(move_mount),
	SCMP_SYS(fsopen),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(pidfd_getfd),
};

struct step {
	scmp_filter_ctx ctx;
	int r;
};

static void allow_all(struct step *s, const int *calls, size_t n)
{
	for (size_t i = 0; i < n && s->r == 0; i++) {
		/* Negative numbers stand for calls that this architecture does not have. */
		if (calls[i] >= 0)
			s->r = seccomp_rule_add(s->ctx, SCMP_ACT_ALLOW, calls[i], 0);
		if (s->r == -EEXIST)
			s->r = 0;
	}
}

static void allow_if(struct step *s, int call, struct scmp_arg_cmp cmp)
{
	if (s->r == 0)
		s->r = seccomp_rule_add(s->ctx, SCMP_ACT_ALLOW, call, 1, cmp);
}

/* Memory, but none that is executable; descriptors' flags, but no locks, leases or pipes. */
static void allow_common(struct step *s)
{
	allow_all(s, everyone, ARRAY_SIZE(everyone));
	allow_if(s, SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	allow_if(s, SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	allow_if(s, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_GETFL));
	allow_if(s, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_SETFL));
	allow_if(s, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_GETFD));
	allow_if(s, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_SETFD));
	allow_if(s, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_DUPFD_CLOEXEC));
}

/* Files can be opened, to be read. */
static void allow_reading(struct step *s)
{
	const unsigned int writes = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC |
				    (O_TMPFILE & ~O_DIRECTORY);

	allow_all(s, readers, ARRAY_SIZE(readers));
	allow_if(s, SCMP_SYS(openat), SCMP_A2(SCMP_CMP_MASKED_EQ, writes, 0));
	allow_if(s, SCMP_SYS(open), SCMP_A1(SCMP_CMP_MASKED_EQ, writes, 0));
}

/* Memory that goes to another process, sealed. */
static void allow_sealed_memory(struct step *s)
{
	allow_if(s, SCMP_SYS(memfd_create), SCMP_A1(SCMP_CMP_EQ, MFD_CLOEXEC | MFD_ALLOW_SEALING));
	allow_if(s, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_ADD_SEALS));
}

/* Of that family, and of a type or a protocol. */
static void allow_sockets_if(struct step *s, int family, struct scmp_arg_cmp cmp)
{
	if (s->r == 0)
		s->r = seccomp_rule_add(s->ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
					SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family), cmp);
}

/* No packet filters, no xfrm, no audit: each is a protocol of netlink. */
static void allow_netlink(struct step *s, int protocol)
{
	allow_sockets_if(s, AF_NETLINK, SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)protocol));
}

/* Streams, whatever flags. */
static void allow_streams_of(struct step *s, int family)
{
	allow_sockets_if(s, family, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_STREAM));
}

static void allow_sockets_of(struct step *s, int family)
{
	allow_if(s, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
}

static void allow_main(struct step *s)
{
	/* Is what fetch got sealed? */
	allow_if(s, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_GET_SEALS));
	allow_all(s, of_main, ARRAY_SIZE(of_main));
	allow_sealed_memory(s);
	allow_reading(s);
	allow_sockets_of(s, AF_UNIX);
	allow_sockets_of(s, AF_INET);
	allow_sockets_of(s, AF_INET6);
	/* Interfaces, addresses and routes; the module. */
	allow_netlink(s, NETLINK_ROUTE);
	allow_netlink(s, NETLINK_GENERIC);
	/* Is standard error a terminal; how much is there to read; names of interfaces. */
	allow_if(s, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, TCGETS));
	allow_if(s, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, FIONREAD));
	allow_if(s, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, 0x8933 /* SIOCGIFINDEX */));
	allow_if(s, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, 0x8910 /* SIOCGIFNAME */));
}

/*
 * The launcher's filter is inherited by those it starts, which still have to load libraries and to enter filters of their
 * own. So it names what none of them may ever do.
 */
static int forbid_for_all(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int r = 0;

	if (!ctx)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(never) && r == 0; i++) {
		if (never[i] >= 0)
			r = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, never[i], 0);
	}
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

/*
 * A terminal that is standard error, or that is opened: nothing is typed into it (TIOCSTI), nobody takes it (TIOCSCTTY). What libraries ask of any
 * descriptor has numbers among those of terminals. The kernel looks at 32 bits of the number, so no more of it counts here.
 */
static int forbid_terminals(void)
{
	static const unsigned int harmless[] = {TCGETS, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int r = 0;

	if (!ctx)
		return -ENOMEM;
	for (unsigned int cmd = 0x5400; cmd <= 0x54ff && r == 0; cmd++) {
		bool is_harmless = false;

		for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
			is_harmless = is_harmless || harmless[i] == cmd;
		if (!is_harmless)
			r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
					     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, cmd));
	}
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

int seccomp_enter_hsm(enum cg_hardware_access access)
{
	struct step s = {.r = access >= CG_ACCESS_FILES ? forbid_terminals() : 0};

	if (s.r < 0)
		return s.r;
	s.ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!s.ctx)
		return -ENOMEM;
	s.r = seccomp_attr_set(s.ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	allow_common(&s);
	allow_all(&s, readers, ARRAY_SIZE(readers));
	allow_all(&s, of_hsm, ARRAY_SIZE(of_hsm));
	if (access >= CG_ACCESS_FILES) {
		allow_all(&s, of_hsm_files, ARRAY_SIZE(of_hsm_files));
		allow_sockets_of(&s, AF_UNIX);
	}
	if (access >= CG_ACCESS_NETWORK) {
		allow_all(&s, of_hsm_network, ARRAY_SIZE(of_hsm_network));
		allow_sockets_of(&s, AF_INET);
		allow_sockets_of(&s, AF_INET6);
	}
	if (s.r == 0)
		s.r = seccomp_load(s.ctx);
	seccomp_release(s.ctx);
	return s.r;
}

int seccomp_enter(enum role role)
{
	struct step s = {0};

	if (role == ROLE_LAUNCHER)
		return forbid_for_all();

	s.ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!s.ctx)
		return -ENOMEM;
	/* A call of another architecture's numbers ends the process as well. */
	s.r = seccomp_attr_set(s.ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* fetch has threads by now: none is left out, nor can it gain privileges any more. */
	if (s.r == 0 && role == ROLE_FETCH)
		s.r = seccomp_attr_set(s.ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	allow_common(&s);
	switch (role) {
	case ROLE_MAIN: allow_main(&s); break;
	case ROLE_IKE:
		allow_all(&s, of_ike, ARRAY_SIZE(of_ike));
		allow_sealed_memory(&s);
		break;
	case ROLE_VERIFY:
	case ROLE_KEY:
		allow_all(&s, readers, ARRAY_SIZE(readers));
		allow_all(&s, of_key_and_verify, ARRAY_SIZE(of_key_and_verify));
		break;
	case ROLE_VAULT:
		/* A file of CA certificates comes open. */
		allow_all(&s, readers, ARRAY_SIZE(readers));
		allow_all(&s, of_vault, ARRAY_SIZE(of_vault));
		/* It is told addresses: it asks no name server, and has nothing to send by datagram. */
		allow_streams_of(&s, AF_INET);
		allow_streams_of(&s, AF_INET6);
		break;
	case ROLE_FETCH:
		allow_all(&s, of_fetch, ARRAY_SIZE(of_fetch));
		/* The C library looks for files that are not there. */
		allow_reading(&s);
		allow_sockets_of(&s, AF_INET);
		allow_sockets_of(&s, AF_INET6);
		/* Which addresses are there (getaddrinfo). */
		allow_netlink(&s, NETLINK_ROUTE);
		/* The C library asks its cache, which may not be there; a name that is no file's needs no directory. */
		if (s.r == 0)
			s.r = seccomp_rule_add(s.ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
					       SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
		allow_if(&s, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, FIONREAD));
		allow_if(&s, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_ADD_SEALS));
		break;
	case ROLE_HSM: /* seccomp_enter_hsm() */
	case ROLE_LAUNCHER:
	case _ROLE_MAX: s.r = -EINVAL; break;
	}
	if (s.r == 0)
		s.r = seccomp_load(s.ctx);
	seccomp_release(s.ctx);
	return s.r;
}
