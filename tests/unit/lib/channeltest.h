/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of the sockets between processes have in common: main's end of one to ike, of which the other end is raw. */
#ifndef CERTGATE_TESTS_CHANNELTEST_H
#define CERTGATE_TESTS_CHANNELTEST_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "daemon/channel.h"

struct end {
	struct event_base *base;
	unsigned int messages, violations, closed, taken;
	char text[160];
	enum msg_type last;
	int fd;
	int answer;
};

static int on_message(void *ctx, struct channel *c _unused_, enum msg_type type,
		      struct msg_reader *r, int *fd)
{
	struct end *e = ctx;

	e->messages++;
	e->last = type;
	if (*fd >= 0)
		e->fd = TAKE_FD(*fd);
	while (r->left > 0 && !r->failed)
		(void)msg_get_u8(r);
	return e->answer;
}

static void on_closed(void *ctx, struct channel *c _unused_)
{
	((struct end *)ctx)->closed++;
}

static void on_violation(void *ctx, struct channel *c _unused_, const char *text)
{
	struct end *e = ctx;

	e->violations++;
	(void)snprintf(e->text, sizeof(e->text), "%s", text);
}

static void on_taken(void *ctx, struct channel *c _unused_)
{
	((struct end *)ctx)->taken++;
}

static const struct channel_ops ops = {
	.message = on_message, .closed = on_closed, .violation = on_violation, .taken = on_taken};

struct pair {
	struct end main_end;
	struct channel *main; /* main's end of a socket to ike */
	int ike;	      /* the other end, raw: a process that was taken over */
};

static void pair_open(struct pair *p)
{
	int fds[2];

	*p = (struct pair){.main_end = {.fd = -EBADF}};
	p->main_end.base = event_base_new();
	assert_non_null(p->main_end.base);
	assert_int_equal(channel_pair(fds), 0);
	assert_int_equal(channel_new(p->main_end.base, fds[0], ROLE_MAIN, ROLE_IKE, 0, &ops,
				     &p->main_end, &p->main),
			 0);
	p->ike = fds[1];
}

static void pair_close(struct pair *p)
{
	p->main = channel_free(p->main);
	p->ike = safe_close(p->ike);
	p->main_end.fd = safe_close(p->main_end.fd);
	event_base_free(p->main_end.base);
}

static void turn(struct pair *p)
{
	assert_int_not_equal(event_base_loop(p->main_end.base, EVLOOP_NONBLOCK), -1);
}

/* body NULL: nothing at all */
static void raw_data(struct pair *p, uint16_t type, const uint8_t *body, size_t len, int fd)
{
	uint8_t data[512] = {0};
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = data, .iov_len = body ? 2 + len : 0};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

	assert_true(len <= sizeof(data) - 2);
	memcpy(data, &type, 2);
	if (len > 0)
		memcpy(data + 2, body, len);
	if (fd >= 0) {
		struct cmsghdr *cm;

		mh.msg_control = control.buf;
		mh.msg_controllen = sizeof(control.buf);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	}
	assert_true(sendmsg(p->ike, &mh, 0) >= 0);
}

static unsigned int open_fds(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

#endif
