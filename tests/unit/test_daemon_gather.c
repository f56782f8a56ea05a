// SPDX-License-Identifier: Apache-2.0
/* Several messages between two processes in one datagram: together, in order, main before others, and no more than a reader can bear. */
#include "lib/channeltest.h"

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
	for (unsigned int turns = 0; got < sent; turns++) {
		assert_true(turns < 2 * sent);
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
	assert_int_equal(channel_gather(to_main, 8), 0);
	/* Gathered, and by itself, as what is too long or has no buffer is. */
	for (unsigned int gathered = 0; gathered < 2; gathered++) {
		channel_turn_begin();
		if (gathered) {
			assert_int_equal(channel_gather(key, 2), 0);
			tell(key, MSG_SIGN, 0);
		}
		tell(to_main, MSG_IDLE, 0);
		tell(key, MSG_SIGN, 1);
		channel_turn_end();
		a_at = put_at(a[1]);
		b_at = put_at(b[1]);
		assert_true(b_at.tv_sec < a_at.tv_sec ||
			    (b_at.tv_sec == a_at.tv_sec && b_at.tv_nsec < a_at.tv_nsec));
	}
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

static struct channel *freed_at_the_second;

static int free_at_the_second(void *ctx, struct channel *c, enum msg_type type _unused_,
			      struct msg_reader *r, int *fd _unused_)
{
	struct end *e = ctx;

	(void)msg_get_u32(r);
	if (++e->messages == 2)
		freed_at_the_second = channel_free(c);
	return 0;
}

/* Whoever handles one of several may let go of the channel: the others are not handled. */
static void a_handler_may_end_it_amid_several(void **state _unused_)
{
	static const struct channel_ops freeing = {
		.message = free_at_the_second, .closed = on_closed, .violation = on_violation};
	struct end e = {.fd = -EBADF};
	struct channel *ike;
	int fds[2];

	e.base = event_base_new();
	assert_int_equal(channel_pair(fds), 0);
	assert_int_equal(channel_new(e.base, fds[0], ROLE_IKE, ROLE_MAIN, 0, &freeing, &e, &ike),
			 0);
	assert_int_equal(channel_new(e.base, fds[1], ROLE_MAIN, ROLE_IKE, 0, &freeing, &e,
				     &freed_at_the_second),
			 0);
	assert_int_equal(channel_gather(ike, 8), 0);
	channel_turn_begin();
	for (uint32_t i = 0; i < 5; i++)
		tell(ike, MSG_REPORT, i);
	channel_turn_end();
	assert_int_not_equal(event_base_loop(e.base, EVLOOP_NONBLOCK), -1);
	assert_null(freed_at_the_second);
	assert_int_equal(e.messages, 2);
	(void)channel_free(ike);
	event_base_free(e.base);
}

/* What somebody said before it died, however much it said in a datagram. */
static void all_that_is_left_is_drained(void **state _unused_)
{
	struct end e = {.fd = -EBADF};
	struct channel *ike;
	struct pair p;

	pair_open(&p);
	e.base = event_base_new();
	assert_int_equal(channel_new(e.base, p.ike, ROLE_IKE, ROLE_MAIN, 0, &ops, &e, &ike), 0);
	p.ike = -EBADF;
	assert_int_equal(channel_gather(ike, CHANNEL_GATHER_MAX), 0);
	while (channel_flushed(ike)) {
		channel_turn_begin();
		for (uint32_t i = 0; i < CHANNEL_GATHER_MAX; i++)
			tell(ike, MSG_REPORT, i);
		channel_turn_end();
	}
	ike = channel_free(ike);
	channel_drain_last(p.main);
	/* The last datagram was not in the socket. */
	assert_true(p.main_end.messages > 2100);
	assert_int_equal(p.main_end.messages % CHANNEL_GATHER_MAX, 0);
	assert_int_equal(p.main_end.closed, 1);
	event_base_free(e.base);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sent_in_a_turn_goes_together),
		cmocka_unit_test(their_order_stays),
		cmocka_unit_test(main_is_told_first),
		cmocka_unit_test(what_was_gathered_for_nobody_is_no_harm),
		cmocka_unit_test(several_are_handled_one_by_one),
		cmocka_unit_test(a_handler_may_end_it_amid_several),
		cmocka_unit_test(all_that_is_left_is_drained),
		cmocka_unit_test(several_that_are_ill_formed_end_the_channel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
