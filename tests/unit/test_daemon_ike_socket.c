// SPDX-License-Identifier: Apache-2.0
/*
 * In which order datagrams are handed on when there are more than there is time for: what is known, then those who have begun, then strangers; each
 * kind in the order it came, lane by lane; and nobody keeps a kind or a lane out for good.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/ike_socket.h"

enum { SOCKETS = 4 };

/* Of datagrams the first byte is whose they are, and the others a number: the upper half is the lane, of strangers all of it. */
struct world {
	struct event_base *base;
	struct ike_sockets *sockets;
	struct sockaddr_in at[SOCKETS];
	int out;
	char kinds[16384];
	uint32_t numbers[16384];
	size_t n;
	unsigned int overloads, bursts;
	char echo; /* for each of this kind that is read another one comes, in the same lane */
};

static void say(const struct world *w, size_t socket, char kind, uint32_t number)
{
	uint8_t data[5] = {(uint8_t)kind};

	memcpy(data + 1, &number, sizeof(number));
	assert_int_equal(sendto(w->out, data, sizeof(data), 0,
				(const struct sockaddr *)&w->at[socket], sizeof(w->at[socket])),
			 sizeof(data));
}

static enum ike_rank rank(void *ctx, const struct cg_endpoint *local _unused_,
			  const struct cg_endpoint *remote, const uint8_t *data, size_t size,
			  uint64_t *ret_lane)
{
	const struct world *w = ctx;
	uint32_t number;

	assert_int_equal(size, 5);
	assert_int_equal(remote->addr.family, AF_INET);
	memcpy(&number, data + 1, sizeof(number));
	*ret_lane = data[0] == 'S' ? number : number >> 16;
	if (w->echo == (char)data[0])
		say(w, 0, w->echo, number);
	return data[0] == 'K'	? IKE_RANK_KNOWN
	       : data[0] == 'B' ? IKE_RANK_BEGUN
	       : data[0] == 'C' ? IKE_RANK_RETURNED
	       : data[0] == 'R' ? IKE_RANK_REFUSED
				: IKE_RANK_STRANGER;
}

static void datagram(void *ctx, const struct cg_endpoint *local, const struct cg_endpoint *remote,
		     const uint8_t *data, size_t size)
{
	struct world *w = ctx;

	assert_int_equal(size, 5);
	assert_int_equal(local->addr.family, AF_INET);
	assert_int_equal(remote->addr.family, AF_INET);
	assert_true(w->n < ARRAY_SIZE(w->kinds));
	w->kinds[w->n] = (char)data[0];
	memcpy(&w->numbers[w->n++], data + 1, 4);
}

static void overloaded(void *ctx)
{
	((struct world *)ctx)->overloads++;
}

static void burst(void *ctx)
{
	((struct world *)ctx)->bursts++;
}

static const struct ike_socket_ops ops = {
	.rank = rank, .datagram = datagram, .overloaded = overloaded, .burst = burst};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->base = event_base_new();
	assert_non_null(w->base);
	w->out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(w->out >= 0);
	assert_int_equal(ike_sockets_new(w->base, &ops, w, &w->sockets), 0);
	for (size_t i = 0; i < SOCKETS; i++) {
		struct proto_socket p = {.local.addr.family = AF_INET};
		socklen_t len = sizeof(w->at[i]);
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

		assert_true(fd >= 0);
		w->at[i] = (struct sockaddr_in){.sin_family = AF_INET,
						.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		assert_int_equal(bind(fd, (struct sockaddr *)&w->at[i], len), 0);
		assert_int_equal(getsockname(fd, (struct sockaddr *)&w->at[i], &len), 0);
		assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)), 0);
		p.local.port = ntohs(w->at[i].sin_port);
		assert_int_equal(ike_sockets_add(w->sockets, &p, &fd), 0);
	}
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	w->sockets = ike_sockets_free(w->sockets);
	event_base_free(w->base);
	(void)close(w->out);
	free(w);
	return 0;
}

static void turns(struct world *w, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		assert_true(event_base_loop(w->base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
}

static size_t handled(const struct world *w, char kind)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		n += w->kinds[i] == kind;
	return n;
}

static void known_come_first_and_strangers_last(void **state)
{
	struct world *w = *state;
	uint32_t k = 0, b = 0, n = 0;

	for (uint32_t i = 0; i < 150; i++)
		say(w, 0, 'S', i);
	for (uint32_t i = 0; i < 20; i++) {
		say(w, 0, 'B', i);
		say(w, 0, 'K', i);
	}
	turns(w, 50);
	assert_int_equal(w->n, 190);
	assert_int_equal(w->overloads, 0);
	assert_true(w->bursts > 0);
	/* Each kind in its order; every fourth of those that wait is a stranger's, so that who has begun keeps none out. */
	for (size_t i = 0; i < w->n; i++) {
		char kind = i < 20 ? 'K' : i < 46 && (i - 20) % 4 != 3 ? 'B' : 'S';

		assert_int_equal(w->kinds[i], kind);
		assert_int_equal(w->numbers[i], kind == 'K' ? k++ : kind == 'B' ? b++ : n++);
	}
}

/* Strangers wait until every socket has been read. */
static void known_of_another_socket_come_first(void **state)
{
	struct world *w = *state;

	for (uint32_t socket = 0; socket < SOCKETS; socket++) {
		for (uint32_t i = 0; i < 50; i++)
			say(w, socket, 'S', i);
		say(w, socket, 'K', socket);
	}
	turns(w, 50);
	assert_int_equal(w->n, SOCKETS * 51);
	for (size_t i = 0; i < SOCKETS; i++)
		assert_int_equal(w->kinds[i], 'K');
}

static void what_there_is_no_room_for_is_counted(void **state)
{
	struct world *w = *state;
	uint32_t next = 0;

	/* More at a time than one turn takes. */
	for (uint32_t round = 0; round < 12; round++) {
		for (uint32_t socket = 0; socket < SOCKETS; socket++) {
			for (uint32_t i = 0; i < 200; i++)
				say(w, socket, 'S', next++);
			say(w, socket, 'B', socket);
			say(w, socket, 'K', socket);
		}
		turns(w, 2);
		/* Strangers cost none of these a place, or time. */
		assert_int_equal(handled(w, 'K'), (round + 1) * SOCKETS);
	}
	for (int i = 0; i < 10000 && w->n + w->overloads < 12 * SOCKETS * 202; i++)
		turns(w, 1);
	assert_int_equal(handled(w, 'B'), 12 * SOCKETS);
	assert_in_range(handled(w, 'S'), 4096, 4096 + 25 * 64);
	assert_int_equal(handled(w, 'S') + w->overloads, 12 * SOCKETS * 200);
	/* Then there is room again. */
	w->n = 0;
	say(w, 0, 'S', 7);
	turns(w, 4);
	assert_int_equal(handled(w, 'S'), 1);
}

/* However much comes, and without an end: all have their turn. */
static void nobody_waits_forever(void **state)
{
	struct world *w = *state;

	w->echo = 'S';
	for (uint32_t i = 0; i < 100; i++)
		say(w, 0, 'S', i);
	turns(w, 20);
	assert_in_range(handled(w, 'S'), 100, 20 * 64);
	say(w, 1, 'B', 1);
	say(w, 2, 'K', 1);
	turns(w, 2);
	assert_int_equal(handled(w, 'B'), 1);
	assert_int_equal(handled(w, 'K'), 1);
	w->echo = 0;
}

/* However much one IKE SA's peer sends, or whoever has its SPIs: other peers come first, and those who begin have their share. */
static void no_lane_keeps_others_out(void **state)
{
	struct world *w = *state;
	size_t before;

	for (int i = 0; i < 3; i++) {
		const char kind = "KBS"[i];
		const uint32_t lane = 7, other = 8;

		w->n = 0;
		w->echo = kind;
		for (uint32_t k = 0; k < 200; k++)
			say(w, 0, kind, lane << 16);
		turns(w, 20);
		before = w->n;
		assert_in_range(before, 200, 20 * 256);
		say(w, 1, kind, other << 16);
		say(w, 2, 'B', 1 << 16);
		say(w, 3, 'S', 1 << 16);
		turns(w, 3);
		/* Not behind the hundreds that wait. */
		for (size_t k = before; w->numbers[k] != other << 16; k++)
			assert_true(k < before + 2 * 256 && k + 1 < w->n);
		assert_true(handled(w, 'B') > 0);
		assert_true(handled(w, 'S') > 0);
		w->echo = 0;
		turns(w, 100);
	}
	/* What is sent without an end fills its lane, not the queue. */
	w->n = 0;
	w->overloads = 0;
	for (int round = 0; round < 8; round++) {
		for (uint32_t k = 0; k < 200; k++)
			say(w, 0, 'B', UINT32_C(7) << 16);
		for (uint32_t k = 0; k < 200; k++)
			say(w, 1, 'B', UINT32_C(7) << 16);
		turns(w, 1);
	}
	assert_true(w->overloads > 1000);
	for (uint32_t k = 0; k < 200; k++)
		say(w, 0, 'B', (100 + k) << 16);
	w->overloads = 0;
	turns(w, 100);
	assert_int_equal(w->overloads, 0);
}

/* However many prefixes somebody has to return cookies from: peers that are expected come in, and so do strangers. */
static void cookies_from_everywhere_keep_nobody_out(void **state)
{
	struct world *w = *state;
	uint32_t lane = 0;

	for (int round = 0; round < 12; round++) {
		for (uint32_t k = 0; k < SOCKETS * 200; k++)
			say(w, k % SOCKETS, 'C', lane++ << 16);
		turns(w, 1);
	}
	assert_true(w->overloads > 1000);
	w->overloads = 0;
	w->n = 0;
	say(w, 0, 'B', 1 << 16);
	say(w, 1, 'S', 1 << 16);
	turns(w, 3);
	assert_int_equal(w->overloads, 0);
	assert_int_equal(handled(w, 'B'), 1);
	assert_int_equal(handled(w, 'S'), 1);
}

/* However many peers that are known have something to say at once: after so many of them it is the others' turn. */
static void known_have_bounded_turns(void **state)
{
	struct world *w = *state;
	size_t first = 0;

	say(w, 0, 'S', 1);
	say(w, 0, 'B', 1 << 16);
	for (uint32_t i = 0; i < SOCKETS * 150; i++)
		say(w, i % SOCKETS, 'K', i << 16);
	turns(w, 50);
	assert_int_equal(handled(w, 'K'), SOCKETS * 150);
	while (w->kinds[first] == 'K')
		first++;
	assert_in_range(first, 1, 256);
	assert_int_equal(w->kinds[first], 'B');
	assert_int_equal(w->kinds[first + 1], 'S');
}

/* What is nobody's takes no place in a queue, and is told the engine, which counts it. */
static void what_is_refused_does_not_wait(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < 200; i++)
		say(w, 0, 'R', i);
	say(w, 0, 'K', 0);
	turns(w, 1);
	assert_int_equal(handled(w, 'R'), 200);
	turns(w, 2);
	assert_int_equal(w->n, 201);
	assert_int_equal(w->kinds[200], 'K');
	assert_int_equal(w->overloads, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(known_come_first_and_strangers_last, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(known_of_another_socket_come_first, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_there_is_no_room_for_is_counted, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(nobody_waits_forever, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_lane_keeps_others_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cookies_from_everywhere_keep_nobody_out, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(known_have_bounded_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_refused_does_not_wait, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
