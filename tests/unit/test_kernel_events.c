// SPDX-License-Identifier: Apache-2.0
/* The module's events: room for many, and when some were lost those that were not come first. With a kernel that is a script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/genetlink.h>
#include <sys/socket.h>

#include "base/macro.h"
#include "kernel/client.h"

enum { FAMILY = 77, FD = 1000, LOST = -1, EVENT = 1 };

struct mnl_socket {
	uint32_t seq; /* of the last request */
};

static struct mnl_socket nl;
static bool privileged;
static int room;      /* of the socket, as it was last asked for */
static int script[4]; /* what is received: LOST, EVENT; 0: nothing is there */
static size_t at;

/* ---------------------------------------------------------------- libmnl's socket, and what goes by it */

struct mnl_socket *mnl_socket_open2(int bus _unused_, int flags _unused_)
{
	return &nl;
}

int mnl_socket_bind(struct mnl_socket *s _unused_, unsigned int groups _unused_, pid_t pid _unused_)
{
	return 0;
}

int mnl_socket_close(struct mnl_socket *s _unused_)
{
	return 0;
}

int mnl_socket_get_fd(const struct mnl_socket *s _unused_)
{
	return FD;
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *s _unused_)
{
	return 0;
}

int mnl_socket_setsockopt(const struct mnl_socket *s _unused_, int type _unused_,
			  void *buf _unused_, socklen_t len _unused_)
{
	return 0;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *s, const void *req, size_t size)
{
	((struct mnl_socket *)(uintptr_t)s)->seq = ((const struct nlmsghdr *)req)->nlmsg_seq;
	return (ssize_t)size;
}

static struct nlmsghdr *message(void *buf, uint16_t type, uint8_t cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));

	nlh->nlmsg_type = type;
	nlh->nlmsg_seq = nl.seq;
	g->cmd = cmd;
	return nlh;
}

/* The family's number and that of its group, and that this is all. */
ssize_t mnl_socket_recvfrom(const struct mnl_socket *s _unused_, void *buf, size_t size _unused_)
{
	struct nlmsghdr *nlh = message(buf, GENL_ID_CTRL, CTRL_CMD_NEWFAMILY), *done;
	struct nlattr *groups, *group;
	struct nlmsgerr *e;

	mnl_attr_put_u16(nlh, CTRL_ATTR_FAMILY_ID, FAMILY);
	groups = mnl_attr_nest_start(nlh, CTRL_ATTR_MCAST_GROUPS);
	group = mnl_attr_nest_start(nlh, 1);
	mnl_attr_put_strz(nlh, CTRL_ATTR_MCAST_GRP_NAME, CERTGATE_MCGRP_EVENTS);
	mnl_attr_put_u32(nlh, CTRL_ATTR_MCAST_GRP_ID, 5);
	mnl_attr_nest_end(nlh, group);
	mnl_attr_nest_end(nlh, groups);
	done = mnl_nlmsg_put_header(mnl_nlmsg_get_payload_tail(nlh));
	done->nlmsg_type = NLMSG_ERROR;
	done->nlmsg_seq = nl.seq;
	e = mnl_nlmsg_put_extra_header(done, sizeof(*e));
	e->error = 0;
	return (ssize_t)(nlh->nlmsg_len + done->nlmsg_len);
}

/* The C library's: one that may go beyond the system's limit, if it has the privilege, and what is there. */
int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	if (fd != FD || level != SOL_SOCKET)
		return 0;
	assert_int_equal(len, sizeof(int));
	if (option == SO_RCVBUFFORCE && !privileged) {
		errno = EPERM;
		return -1;
	}
	if (option == SO_RCVBUFFORCE || option == SO_RCVBUF)
		room = option == SO_RCVBUFFORCE ? *(const int *)value : -*(const int *)value;
	return 0;
}

ssize_t recv(int fd, void *buf, size_t size _unused_, int flags)
{
	const int what = at < ARRAY_SIZE(script) ? script[at++] : 0;
	struct nlmsghdr *nlh;

	assert_int_equal(fd, FD);
	assert_int_equal(flags & MSG_DONTWAIT, MSG_DONTWAIT);
	if (what != EVENT) {
		errno = what == LOST ? ENOBUFS : EAGAIN;
		return -1;
	}
	nlh = message(buf, FAMILY, CERTGATE_CMD_EVENT);
	mnl_attr_put_u32(nlh, CERTGATE_A_EVENT_KIND, CERTGATE_EVENT_SA_SOFT);
	return (ssize_t)nlh->nlmsg_len;
}

/* ---------------------------------------------------------------- events */

static struct cgk_events *opened(void)
{
	struct cgk_events *ev;

	room = 0;
	at = 0;
	assert_int_equal(cgk_events_open(&ev), 0);
	return ev;
}

/* A negative size is of the option that the system's limit holds for. */
static void who_may_has_room_beyond_the_systems_limit(void **state _unused_)
{
	privileged = true;
	cgk_events_free(opened());
	assert_true(room >= 1 << 20);
	privileged = false;
	cgk_events_free(opened());
	assert_true(room <= -(1 << 20));
}

static void on_event(void *ctx, const struct cgk_event *e)
{
	assert_int_equal(e->kind, CERTGATE_EVENT_SA_SOFT);
	(*(unsigned int *)ctx)++;
}

/* Whoever reads the tables then has read all that is older than they are. */
static void what_was_not_lost_comes_before_what_was(void **state _unused_)
{
	struct cgk_events *ev = opened();
	unsigned int n = 0;

	memcpy(script, (const int[]){EVENT, LOST, EVENT, EVENT}, sizeof(script));
	assert_int_equal(cgk_events_read(ev, on_event, &n), -ENOBUFS);
	assert_int_equal(n, 3);
	assert_int_equal(cgk_events_read(ev, on_event, &n), 0);
	assert_int_equal(n, 3);
	cgk_events_free(ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_may_has_room_beyond_the_systems_limit),
		cmocka_unit_test(what_was_not_lost_comes_before_what_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
