// SPDX-License-Identifier: Apache-2.0
/*
 * Every message of every procedure once lost, once very late, once twice: connecting, rekeying by one side and by both,
 * re-authentication, deleting. No packet of traffic is lost, and it ends in one of everything.
 */
#include "lib/sim.h"

/* Messages that a procedure takes when something happens to one of them; more is a fault. */
enum { MOST = 40 };

enum mishap { LOST, LATE, TWICE, LOST_TWICE, MISHAPS };

struct each {
	unsigned count, which;
	enum mishap mishap;
	bool on;
};

static enum sim_verdict mishap_tap(struct sim *s, struct sim_packet *p)
{
	struct each *e = s->tap_ctx;
	unsigned n;

	if (p->esp || !e->on)
		return SIM_PASS;
	n = e->count++;
	switch (e->mishap) {
	case LOST: return n == e->which ? SIM_DROP : SIM_PASS;
	case LOST_TWICE: return n == e->which || n == e->which + 2 ? SIM_DROP : SIM_PASS;
	case LATE:
		if (n != e->which)
			return SIM_PASS;
		sim_repeat(s, p, 7 * SIM_S);
		return SIM_DROP;
	case TWICE:
		if (n == e->which)
			sim_repeat(s, p, 12 * SIM_S);
		return SIM_PASS;
	case MISHAPS: break;
	}
	return SIM_PASS;
}

typedef void (*procedure)(struct sim *s, struct sim_node *a, struct sim_node *b);

static void run_seed(uint64_t seed, bool connecting, procedure go)
{
	for (unsigned mishap = 0; mishap < MISHAPS; mishap++) {
		unsigned messages = 1;

		for (unsigned which = 0; which < messages; which++) {
			struct each each = {.which = which, .mishap = mishap, .on = connecting};
			struct sim *s = sim_new(seed);
			struct sim_node *a, *b;

			sim_pair(s, &a, &b);
			b->conns[0].config.mode = IKE_MODE_DEFAULT;
			a->conns[0].config.dpd_delay = b->conns[0].config.dpd_delay = 0;
			s->traffic = 40 * SIM_MS;
			s->tap = mishap_tap;
			s->tap_ctx = &each;
			if (!connecting) {
				b->conns[0].config.start = IKE_START_MANUAL;
				sim_conn_set(b, &b->conns[0]);
				sim_conn_set(a, &a->conns[0]);
				sim_assert_up(s, 30 * SIM_S);
				sim_run(s, 3 * SIM_S);
			}
			each.on = true;
			go(s, a, b);
			sim_run(s, 130 * SIM_S);
			messages = each.count;
			assert_in_range(messages, 1, MOST);
			if (s->gaps)
				print_message("mishap %u of message %u\n", mishap, which);
			sim_assert_rest(s);
			sim_assert_no_gaps(s);
			sim_free(s);
		}
	}
}

static void connect_one(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	(void)s;
	b->conns[0].config.start = IKE_START_MANUAL;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
}

static void connect_both(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	(void)s;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
}

static void rekey_child(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	(void)b;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
}

static void rekey_child_by_responder(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	rekey_child(s, b, a);
}

static void rekey_ike(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	(void)b;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, false), 0);
}

static void rekey_ike_by_responder(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	rekey_ike(s, b, a);
}

static void rekey_child_both(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	rekey_child(s, a, b);
	rekey_child(s, b, a);
}

static void rekey_ike_both(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	rekey_ike(s, a, b);
	rekey_ike(s, b, a);
}

static void rekey_ike_against_child(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	rekey_ike(s, a, b);
	rekey_child(s, b, a);
}

static void rekey_all(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, true), 0);
}

static void reauthenticate(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	(void)b;
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
}

static void reauthenticate_both(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	reauthenticate(s, a, b);
	(void)ike_reauthenticate(b->engine, s->now, 1);
}

static void reauthenticate_against_rekeying(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	reauthenticate(s, a, b);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, true), 0);
}

/* SEEDS in the environment: how many; the messages are the same, their order is not. */
static void run(uint64_t seed, bool connecting, procedure go)
{
	struct sim_seeds seeds = sim_seeds(seed, 1);

	for (uint64_t i = 0; i < seeds.n; i++)
		run_seed(seeds.first + i, connecting, go);
}

#define TEST(name, seed, connecting)          \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		run(seed, connecting, name);  \
	}

TEST(connect_one, 10000, true)
TEST(connect_both, 20000, true)
TEST(rekey_child, 30000, false)
TEST(rekey_child_by_responder, 40000, false)
TEST(rekey_ike, 50000, false)
TEST(rekey_ike_by_responder, 60000, false)
TEST(rekey_child_both, 70000, false)
TEST(rekey_ike_both, 80000, false)
TEST(rekey_ike_against_child, 90000, false)
TEST(rekey_all, 100000, false)
TEST(reauthenticate, 110000, false)
TEST(reauthenticate_both, 120000, false)
TEST(reauthenticate_against_rekeying, 130000, false)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect_one),
		cmocka_unit_test(test_connect_both),
		cmocka_unit_test(test_rekey_child),
		cmocka_unit_test(test_rekey_child_by_responder),
		cmocka_unit_test(test_rekey_ike),
		cmocka_unit_test(test_rekey_ike_by_responder),
		cmocka_unit_test(test_rekey_child_both),
		cmocka_unit_test(test_rekey_ike_both),
		cmocka_unit_test(test_rekey_ike_against_child),
		cmocka_unit_test(test_rekey_all),
		cmocka_unit_test(test_reauthenticate),
		cmocka_unit_test(test_reauthenticate_both),
		cmocka_unit_test(test_reauthenticate_against_rekeying),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
