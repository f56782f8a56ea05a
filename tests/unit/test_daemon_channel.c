// SPDX-License-Identifier: Apache-2.0
/*
 * The socket between two processes: what a process that was taken over sends ends it or does no harm, what waits for its turn stays in order, and
 * nobody is fed for ever.
 */
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

#define EMPTY SIZE_MAX

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

/* extra EMPTY: nothing at all */
static void raw(struct pair *p, uint16_t type, size_t extra, int fd)
{
	static const uint8_t zeros[64];

	raw_data(p, type, extra == EMPTY ? NULL : zeros, extra == EMPTY ? 0 : extra, fd);
}

static void a_message_of_the_table_gets_through(void **state _unused_)
{
	struct pair p;

	pair_open(&p);
	raw(&p, MSG_IDLE, 0, -EBADF);
	turn(&p);
	assert_int_equal(p.main_end.messages, 1);
	assert_int_equal(p.main_end.last, MSG_IDLE);
	assert_int_equal(p.main_end.violations, 0);
	pair_close(&p);
}

static void a_message_that_is_not_its_to_send_ends_the_channel(void **state _unused_)
{
	struct pair p;

	pair_open(&p);
	raw(&p, MSG_BINDING, 40, -EBADF);
	raw(&p, MSG_IDLE, 0, -EBADF);
	turn(&p);
	turn(&p);
	assert_int_equal(p.main_end.violations, 1);
	assert_non_null(strstr(p.main_end.text, "BINDING"));
	/* And nothing after it is heard. */
	assert_int_equal(p.main_end.messages, 0);
	pair_close(&p);
}

static void an_unknown_type_ends_the_channel(void **state _unused_)
{
	const uint16_t types[] = {MSG_NONE, _MSG_MAX, 0xffff};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct pair p;

		pair_open(&p);
		raw(&p, types[i], 4, -EBADF);
		turn(&p);
		assert_int_equal(p.main_end.violations, 1);
		pair_close(&p);
	}
}

static unsigned int open_fds(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void a_descriptor_that_nobody_asked_for_ends_the_channel_and_is_closed(void **state _unused_)
{
	struct pair p;
	unsigned int before;

	pair_open(&p);
	before = open_fds();
	raw(&p, MSG_IDLE, 0, p.ike);
	turn(&p);
	assert_int_equal(p.main_end.violations, 1);
	assert_int_equal(open_fds(), before);
	pair_close(&p);
}

/* An empty message is taken for the end: what came with it is closed. */
static void a_descriptor_with_nothing_is_closed(void **state _unused_)
{
	struct pair p;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	unsigned int before;

	pair_open(&p);
	before = open_fds();
	raw(&p, 0, EMPTY, fd);
	turn(&p);
	assert_int_equal(p.main_end.closed, 1);
	assert_int_equal(open_fds(), before);
	(void)close(fd);
	pair_close(&p);
}

static void what_the_handler_refuses_ends_the_channel(void **state _unused_)
{
	struct pair p;

	pair_open(&p);
	p.main_end.answer = -EBADMSG;
	raw(&p, MSG_REPORT, 3, -EBADF);
	turn(&p);
	assert_int_equal(p.main_end.violations, 1);
	pair_close(&p);
}

static void the_end_of_the_other_side_is_told(void **state _unused_)
{
	struct pair p;

	pair_open(&p);
	p.ike = safe_close(p.ike);
	turn(&p);
	assert_int_equal(p.main_end.closed, 1);
	assert_int_equal(p.main_end.violations, 0);
	pair_close(&p);
}

static void what_is_not_read_waits_in_order(void **state _unused_)
{
	enum { N = 2000, SIZE = 4096 };
	static uint8_t block[SIZE], in[SIZE + 64];
	struct pair p;

	pair_open(&p);
	for (uint32_t i = 0; i < N; i++) {
		struct msg_writer w;

		memcpy(block, &i, sizeof(i));
		msg_begin(&w, MSG_CONN_CERT);
		msg_put_blob(&w, block, sizeof(block));
		assert_int_equal(channel_send(p.main, &w, -EBADF), 0);
	}
	assert_false(channel_flushed(p.main));
	assert_int_equal(channel_sent(p.main), N);
	assert_true(channel_taken(p.main, 1));
	assert_false(channel_taken(p.main, N));
	assert_int_equal(p.main_end.taken, 0);
	for (uint32_t i = 0; i < N; i++) {
		uint32_t number;
		ssize_t n;

		while ((n = recv(p.ike, in, sizeof(in), MSG_DONTWAIT)) < 0) {
			assert_int_equal(errno, EAGAIN);
			turn(&p);
		}
		assert_int_equal(n, 2 + 4 + SIZE);
		memcpy(&number, in + 6, sizeof(number));
		assert_int_equal(number, i);
	}
	turn(&p);
	assert_true(channel_flushed(p.main));
	assert_true(channel_taken(p.main, N));
	assert_true(p.main_end.taken > 0);
	pair_close(&p);
}

/* Of every length, so that they end anywhere in the queue's blocks, and longer than a block; some with a descriptor. */
static void whatever_its_length_it_waits_whole(void **state _unused_)
{
	enum { N = 600, LONGEST = 150 * 1024 };
	static uint8_t block[LONGEST], in[LONGEST + 64];
	struct pair p;

	pair_open(&p);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < N; i++) {
			size_t size = 4 + (i % 50 == 49 ? LONGEST - 4 : i * 37 % 5000);
			struct msg_writer w;

			memset(block, (int)(i & 0xff), size);
			memcpy(block, &i, sizeof(i));
			msg_begin(&w, MSG_CONN_CERT);
			msg_put_blob(&w, block, size);
			assert_int_equal(channel_send(p.main, &w, i % 7 == 0 ? p.ike : -EBADF), 0);
		}
		assert_false(channel_flushed(p.main));
		for (uint32_t i = 0; i < N; i++) {
			size_t size = 4 + (i % 50 == 49 ? LONGEST - 4 : i * 37 % 5000);
			union {
				struct cmsghdr align;
				char buf[CMSG_SPACE(sizeof(int))];
			} control;
			struct iovec iov = {.iov_base = in, .iov_len = sizeof(in)};
			struct msghdr mh = {.msg_iov = &iov,
					    .msg_iovlen = 1,
					    .msg_control = control.buf,
					    .msg_controllen = sizeof(control.buf)};
			struct cmsghdr *cm;
			uint32_t number;
			ssize_t n;

			while ((n = recvmsg(p.ike, &mh, MSG_DONTWAIT)) < 0) {
				assert_int_equal(errno, EAGAIN);
				turn(&p);
				mh.msg_controllen = sizeof(control.buf);
			}
			assert_int_equal(n, 2 + 4 + size);
			memcpy(&number, in + 6, sizeof(number));
			assert_int_equal(number, i);
			if (size > 4)
				assert_int_equal(in[6 + size - 1], i & 0xff);
			cm = CMSG_FIRSTHDR(&mh);
			assert_true((cm != NULL) == (i % 7 == 0));
			if (cm) {
				int fd;

				memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
				assert_int_equal(close(fd), 0);
			}
		}
		turn(&p);
		assert_true(channel_flushed(p.main));
	}
	pair_close(&p);
}

/* What waits is freed with the channel, descriptors too. */
static void what_waits_goes_with_the_channel(void **state _unused_)
{
	static uint8_t block[9000];
	unsigned int before = open_fds();
	struct pair p;

	pair_open(&p);
	for (unsigned int i = 0; i < 300; i++) {
		struct msg_writer w;

		msg_begin(&w, MSG_CONN_CERT);
		msg_put_blob(&w, block, sizeof(block));
		assert_int_equal(channel_send(p.main, &w, i % 2 ? p.ike : -EBADF), 0);
	}
	assert_false(channel_flushed(p.main));
	pair_close(&p);
	assert_int_equal(open_fds(), before);
}

static void a_side_that_never_reads_is_not_fed_for_ever(void **state _unused_)
{
	static uint8_t block[200 * 1024];
	struct pair p;
	int r = 0;

	pair_open(&p);
	for (unsigned int i = 0; i < 2000 && r == 0; i++) {
		struct msg_writer w;

		msg_begin(&w, MSG_CONN_CERT);
		msg_put_blob(&w, block, sizeof(block));
		r = channel_send(p.main, &w, -EBADF);
	}
	assert_int_equal(r, -ENOBUFS);
	pair_close(&p);
}

/* Of the shortest there are the most; what would be sent meanwhile does not keep whoever drains it. */
static void all_that_the_socket_holds_is_drained(void **state _unused_)
{
	enum { BATCH = 64 };
	const uint16_t type = MSG_IDLE;
	unsigned int n = 0;
	struct pair p;

	pair_open(&p);
	while (send(p.ike, &type, sizeof(type), MSG_DONTWAIT) >= 0)
		n++;
	/* More than one turn would handle; how many there are is the system's to say. */
	assert_true(n > BATCH);
	channel_drain(p.main);
	assert_int_equal(p.main_end.messages, n);
	pair_close(&p);
}

static void the_largest_message_fits_the_socket(void **state _unused_)
{
	static uint8_t block[MSG_SIZE_MAX - 6], in[MSG_SIZE_MAX];
	struct msg_writer w;
	struct pair p;

	pair_open(&p);
	msg_begin(&w, MSG_CONN_CERT);
	msg_put_blob(&w, block, sizeof(block));
	assert_int_equal(channel_send(p.main, &w, -EBADF), 0);
	assert_true(channel_flushed(p.main));
	assert_int_equal(recv(p.ike, in, sizeof(in), 0), MSG_SIZE_MAX);
	pair_close(&p);
}
/* ---------------------------------------------------------------- several in one */

static void tell(struct channel *c, enum msg_type type, uint32_t number)
{
	struct msg_writer w;

	msg_begin(&w, type);
	msg_put_u32(&w, number);
	assert_int_equal(channel_send(c, &w, -EBADF), 0);
}

/* How many messages the next datagram has, all of that type, numbered from first on; 0: there is none. */
static unsigned int next_datagram(int fd, enum msg_type type, uint32_t first)
{
	static uint8_t in[65536];
	ssize_t n = recv(fd, in, sizeof(in), MSG_DONTWAIT);
	struct msg_reader r, one;
	enum msg_type is;
	unsigned int found = 0;

	if (n < 0)
		return 0;
	assert_int_equal(msg_open(in, (size_t)n, &is, &r), 0);
	if (is != MSG_SEVERAL) {
		assert_int_equal(is, type);
		assert_int_equal(msg_get_u32(&r), first);
		assert_true(msg_done(&r));
		return 1;
	}
	while (r.left > 0) {
		size_t each = msg_get_u32(&r);

		assert_true(each <= r.left);
		assert_int_equal(msg_open(r.p, each, &is, &one), 0);
		assert_int_equal(is, type);
		assert_int_equal(msg_get_u32(&one), first + found++);
		assert_true(msg_done(&one));
		r.p += each;
		r.left -= each;
	}
	return found;
}

static void what_is_sent_in_a_turn_goes_together(void **state _unused_)
{
	struct pair p;

	pair_open(&p);
	assert_int_equal(channel_gather(p.main, 3), 0);
	tell(p.main, MSG_CONN_UP, 0);
	assert_int_equal(next_datagram(p.ike, MSG_CONN_UP, 0), 1);
	channel_turn_begin();
	tell(p.main, MSG_CONN_UP, 1);
	channel_turn_begin();
	tell(p.main, MSG_CONN_UP, 2);
	channel_turn_end();
	assert_int_equal(next_datagram(p.ike, MSG_CONN_UP, 1), 0);
	assert_false(channel_flushed(p.main));
	assert_false(channel_taken(p.main, 2));
	channel_turn_end();
	assert_true(channel_flushed(p.main));
	assert_true(channel_taken(p.main, 3));
	assert_int_equal(channel_sent(p.main), 3);
	assert_int_equal(next_datagram(p.ike, MSG_CONN_UP, 1), 2);
	/* As many as were wanted do not wait; one alone is nothing special. */
	channel_turn_begin();
	for (uint32_t i = 3; i < 7; i++)
		tell(p.main, MSG_CONN_UP, i);
	assert_int_equal(next_datagram(p.ike, MSG_CONN_UP, 3), 3);
	assert_int_equal(next_datagram(p.ike, MSG_CONN_UP, 6), 0);
	channel_turn_end();
	assert_int_equal(next_datagram(p.ike, MSG_CONN_UP, 6), 1);
	pair_close(&p);
}

/* What is long, has a descriptor, or finds the socket full, comes behind what was sent before it. */
static void their_order_stays(void **state _unused_)
{
	static uint8_t block[60000], in[65536];
	uint32_t sent = 0, got = 0;
	struct msg_writer w;
	struct pair p;
	ssize_t n;

	pair_open(&p);
	assert_int_equal(channel_gather(p.main, 8), 0);
	channel_turn_begin();
	tell(p.main, MSG_CONN_UP, 0);
	msg_begin(&w, MSG_CONN_CERT);
	msg_put_fixed(&w, block, sizeof(block));
	assert_int_equal(channel_send(p.main, &w, -EBADF), 0);
	tell(p.main, MSG_CONN_UP, 1);
	msg_begin(&w, MSG_SOCKET);
	msg_put_u32(&w, 2);
	assert_int_equal(channel_send(p.main, &w, p.ike), 0);
	channel_turn_end();
	assert_int_equal(next_datagram(p.ike, MSG_CONN_UP, 0), 1);
	assert_int_equal(recv(p.ike, in, sizeof(in), MSG_DONTWAIT), 2 + sizeof(block));
	assert_int_equal(next_datagram(p.ike, MSG_CONN_UP, 1), 1);
	assert_int_equal(next_datagram(p.ike, MSG_SOCKET, 2), 1);

	channel_turn_begin();
	while (channel_taken(p.main, channel_sent(p.main)) || !channel_taken(p.main, 5)) {
		for (unsigned int i = 0; i < 8; i++)
			tell(p.main, MSG_CONN_UP, sent++);
	}
	for (unsigned int i = 0; i < 5; i++)
		tell(p.main, MSG_CONN_UP, sent++);
	channel_turn_end();
	while (got < sent) {
		n = next_datagram(p.ike, MSG_CONN_UP, got);
		if (n == 0)
			turn(&p);
		got += (uint32_t)n;
	}
	turn(&p);
	assert_true(channel_flushed(p.main));
	assert_true(channel_taken(p.main, channel_sent(p.main)));
	pair_close(&p);
}

/* When the next datagram was put into the socket, which says so (SO_TIMESTAMPNS, socket(7)). */
static struct timespec put_at(int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(struct timespec))];
	} control = {0};
	uint8_t in[256];
	struct iovec iov = {.iov_base = in, .iov_len = sizeof(in)};
	struct msghdr mh = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.buf,
			    .msg_controllen = sizeof(control.buf)};
	struct timespec at;
	const struct cmsghdr *cm;

	assert_true(recvmsg(fd, &mh, MSG_DONTWAIT) > 0);
	cm = CMSG_FIRSTHDR(&mh);
	assert_non_null(cm);
	assert_int_equal(cm->cmsg_type, SCM_TIMESTAMPNS);
	memcpy(&at, CMSG_DATA(cm), sizeof(at));
	return at;
}

static void main_is_told_first(void **state _unused_)
{
	const int on = 1;
	struct end e = {.fd = -EBADF};
	struct channel *key, *to_main;
	struct timespec a_at, b_at;
	int a[2], b[2];

	e.base = event_base_new();
	assert_int_equal(channel_pair(a), 0);
	assert_int_equal(channel_pair(b), 0);
	assert_int_equal(setsockopt(a[1], SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(b[1], SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)), 0);
	assert_int_equal(channel_new(e.base, a[0], ROLE_IKE, ROLE_KEY, 0, &ops, &e, &key), 0);
	assert_int_equal(channel_new(e.base, b[0], ROLE_IKE, ROLE_MAIN, 0, &ops, &e, &to_main), 0);
	assert_int_equal(channel_gather(key, 2), 0);
	assert_int_equal(channel_gather(to_main, 8), 0);
	channel_turn_begin();
	tell(key, MSG_SIGN, 0);
	tell(to_main, MSG_IDLE, 0);
	tell(key, MSG_SIGN, 1);
	channel_turn_end();
	a_at = put_at(a[1]);
	b_at = put_at(b[1]);
	assert_true(b_at.tv_sec < a_at.tv_sec ||
		    (b_at.tv_sec == a_at.tv_sec && b_at.tv_nsec < a_at.tv_nsec));
	(void)channel_free(key);
	(void)channel_free(to_main);
	(void)close(a[1]);
	(void)close(b[1]);
	event_base_free(e.base);
}

/* One that goes away with something gathered, and one whose other side did. */
static void what_was_gathered_for_nobody_is_no_harm(void **state _unused_)
{
	struct pair p, q;

	pair_open(&p);
	pair_open(&q);
	assert_int_equal(channel_gather(p.main, 8), 0);
	assert_int_equal(channel_gather(q.main, 8), 0);
	channel_turn_begin();
	tell(p.main, MSG_CONN_UP, 0);
	tell(q.main, MSG_CONN_UP, 0);
	pair_close(&p);
	q.ike = safe_close(q.ike);
	channel_turn_end();
	turn(&q);
	assert_int_equal(q.main_end.closed, 1);
	pair_close(&q);
}

static void several_are_handled_one_by_one(void **state _unused_)
{
	struct end e = {.fd = -EBADF};
	struct channel *ike;
	struct pair p;

	pair_open(&p);
	e.base = p.main_end.base;
	assert_int_equal(channel_new(e.base, p.ike, ROLE_IKE, ROLE_MAIN, 0, &ops, &e, &ike), 0);
	p.ike = -EBADF;
	assert_int_equal(channel_gather(ike, CHANNEL_GATHER_MAX), 0);
	channel_turn_begin();
	for (uint32_t i = 0; i < CHANNEL_GATHER_MAX; i++)
		tell(ike, i % 2 ? MSG_REPORT : MSG_IDLE, i);
	channel_turn_end();
	turn(&p);
	assert_int_equal(p.main_end.messages, CHANNEL_GATHER_MAX);
	assert_int_equal(p.main_end.last, MSG_REPORT);
	assert_int_equal(p.main_end.violations, 0);
	(void)channel_free(ike);
	pair_close(&p);
}

static void several_that_are_ill_formed_end_the_channel(void **state _unused_)
{
	/* The type comes before each; lengths in host order are written below. */
	static const struct {
		const char *what;
		uint32_t lengths[CHANNEL_GATHER_MAX + 2];
		unsigned int n;
		uint16_t type;
		size_t cut; /* off the end */
		bool with_fd;
		unsigned int handled;
	} cases[] = {
		{"none", {0}, 0, MSG_IDLE, 0, false, 0},
		{"half a length", {2}, 1, MSG_IDLE, 4, false, 0},
		{"longer than what there is", {3}, 1, MSG_IDLE, 1, false, 0},
		{"no type", {0}, 1, MSG_IDLE, 0, false, 0},
		{"the second is cut", {2, 2}, 2, MSG_IDLE, 1, false, 1},
		{"with a descriptor", {2}, 1, MSG_IDLE, 0, true, 0},
		{"within itself", {2}, 1, MSG_SEVERAL, 0, false, 0},
		{"not its to send", {2}, 1, MSG_BINDING, 0, false, 0},
		{"too many",
		 {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2},
		 CHANNEL_GATHER_MAX + 1,
		 MSG_IDLE,
		 0,
		 false,
		 CHANNEL_GATHER_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t data[256];
		const uint16_t several = MSG_SEVERAL;
		size_t len = 0;
		unsigned int before;
		struct pair p;

		pair_open(&p);
		before = open_fds();
		for (unsigned int k = 0; k < cases[i].n; k++) {
			memset(data + len, 0, 4 + cases[i].lengths[k]);
			memcpy(data + len, &cases[i].lengths[k], 4);
			memcpy(data + len + 4, &cases[i].type, MIN(cases[i].lengths[k], 2U));
			len += 4 + cases[i].lengths[k];
		}
		raw_data(&p, several, data, len - cases[i].cut, cases[i].with_fd ? p.ike : -EBADF);
		turn(&p);
		if (p.main_end.violations != 1 || p.main_end.messages != cases[i].handled)
			fail_msg("%s: %u violations, %u messages", cases[i].what,
				 p.main_end.violations, p.main_end.messages);
		assert_int_equal(open_fds(), before);
		pair_close(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_of_the_table_gets_through),
		cmocka_unit_test(a_message_that_is_not_its_to_send_ends_the_channel),
		cmocka_unit_test(an_unknown_type_ends_the_channel),
		cmocka_unit_test(a_descriptor_that_nobody_asked_for_ends_the_channel_and_is_closed),
		cmocka_unit_test(a_descriptor_with_nothing_is_closed),
		cmocka_unit_test(what_the_handler_refuses_ends_the_channel),
		cmocka_unit_test(the_end_of_the_other_side_is_told),
		cmocka_unit_test(what_is_not_read_waits_in_order),
		cmocka_unit_test(whatever_its_length_it_waits_whole),
		cmocka_unit_test(what_waits_goes_with_the_channel),
		cmocka_unit_test(a_side_that_never_reads_is_not_fed_for_ever),
		cmocka_unit_test(all_that_the_socket_holds_is_drained),
		cmocka_unit_test(the_largest_message_fits_the_socket),
		cmocka_unit_test(what_is_sent_in_a_turn_goes_together),
		cmocka_unit_test(their_order_stays),
		cmocka_unit_test(main_is_told_first),
		cmocka_unit_test(what_was_gathered_for_nobody_is_no_harm),
		cmocka_unit_test(several_are_handled_one_by_one),
		cmocka_unit_test(several_that_are_ill_formed_end_the_channel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
