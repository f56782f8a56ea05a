// SPDX-License-Identifier: Apache-2.0
/*
 * The socket between two processes: what a process that was taken over sends ends it or does no harm, what waits for its turn stays in order, and
 * nobody is fed for ever.
 */
#include "lib/channeltest.h"

#define EMPTY SIZE_MAX

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
