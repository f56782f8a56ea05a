// SPDX-License-Identifier: Apache-2.0
/*
 * Snapshots that are not what they should be: cut short, changed, of another version, old, played twice, of another configuration, of a
 * kernel that has moved on. None of them leaves a trace in the engine, and the connection is made anew.
 */
#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "ike/dh.h"
#include "ike/state.h"
#include "lib/sim_restart.h"

enum { VERSION_AT = 5 + 8, DIGEST_LEN = 32 };

struct pair {
	struct sim *s;
	struct sim_node *a, *b;
};

static struct pair pair_up(uint64_t seed)
{
	struct pair p = {.s = sim_new(seed)};

	sim_pair(p.s, &p.a, &p.b);
	sim_connect(p.s, p.a, p.b);
	return p;
}

/* In the middle of a rekeying, so that there is some of everything. */
static struct pair pair_busy(uint64_t seed)
{
	struct pair p = pair_up(seed);

	assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, true, true), 0);
	assert_int_equal(ike_rekey(p.b->engine, p.s->now, 1, false, true), 0);
	sim_run(p.s, 25 * SIM_MS);
	return p;
}

/* The same where the peer has to go on with IKE_FOLLOWUP_KE. */
static struct pair pair_awaiting(uint64_t seed, bool ike)
{
	struct pair p = {.s = sim_new(seed)};
	const struct ik_sa *sa;

	sim_pair(p.s, &p.a, &p.b);
	sim_pair_additional(p.a, p.b);
	sim_connect(p.s, p.a, p.b);
	assert_int_equal(ike_rekey(p.b->engine, p.s->now, 1, ike, !ike), 0);
	do {
		sim_run(p.s, SIM_MS / 4);
		sa = ik_conn_established(ik_conn_find(p.a->engine, 1));
	} while (!sa->followup);
	return p;
}

static struct pair pair_of_each(unsigned kind, uint64_t seed)
{
	return kind ? pair_awaiting(seed, kind == 2) : pair_busy(seed);
}

static struct ike_engine *engine_on_hold(struct sim_node *n)
{
	struct ike_engine_config config = n->engine_config;
	struct ike_engine *e;

	config.hold = true;
	config.random = (struct ike_random){.fill = config.random.fill, .ctx = &n->random};
	assert_int_equal(ike_engine_new(&config, n->sim->now, &e), 0);
	assert_int_equal(ike_connection_set(e, n->sim->now, &n->conns[0].config), 0);
	return e;
}

static int restore(struct ike_engine *e, const struct sim_node *n, const struct sim_snapshot *s,
		   const uint8_t *data, size_t size, struct ike_restored *ret)
{
	struct ike_kernel k = sim_kernel(n);
	int r = ike_engine_restore(e, n->sim->now, s->token, data, size, &k, ret);

	free((void *)(uintptr_t)k.bindings);
	free((void *)(uintptr_t)k.children);
	return r;
}

static void assert_empty(const struct ike_engine *e)
{
	assert_true(ik_list_empty(&e->all_sas));
	assert_true(ik_list_empty(&e->lingering));
	assert_int_equal(e->sas.n, 0);
	assert_int_equal(e->children.n, 0);
	assert_int_equal(e->esp_spis.n, 0);
	assert_int_equal(e->bindings.n, 0);
	assert_int_equal(e->timers.n, 0);
}

/* One that was refused begins anew, beside what its kernel still has. */
static void assert_begins_anew(struct pair *p)
{
	sim_assert_up(p->s, 300 * SIM_S);
	assert_int_equal(sim_reports(p->a, "ike-established"), 2);
	sim_free(p->s);
}

static void digest(uint8_t *data, size_t size)
{
	SHA256(data, size - DIGEST_LEN, data + size - DIGEST_LEN);
}

/* ------------------------------------------------------------------ harm */

static void cut_short(struct pair p)
{
	struct sim_snapshot s = sim_save(p.a);
	struct ike_engine *e = engine_on_hold(p.a);
	struct ike_restored done;

	for (size_t size = 0; size < s.size; size++) {
		uint8_t *copy = malloc(size ? size : 1);

		assert_non_null(copy);
		memcpy(copy, s.data, size);
		assert_int_equal(restore(e, p.a, &s, copy, size, &done), -EBADMSG);
		if (size > 100) {
			/* With a size and a digest that are right. */
			ike_store_u32(copy + 5 + 12, (uint32_t)size);
			digest(copy, size);
			assert_int_equal(restore(e, p.a, &s, copy, size, &done), -EBADMSG);
		}
		free(copy);
		assert_empty(e);
	}
	assert_int_equal(restore(e, p.a, &s, s.data, s.size, &done), 0);
	assert_int_equal(done.connections, 1);
	ike_engine_free(e);
	sim_snapshot_done(&s);
	sim_free(p.s);
}

static void test_cut_short_it_is_refused(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 3; kind++)
		cut_short(pair_of_each(kind, 1));
}

static void test_a_flipped_bit_is_seen(void **state)
{
	struct pair p = pair_busy(2);
	struct sim_snapshot s = sim_save(p.a);
	struct ike_engine *e = engine_on_hold(p.a);
	struct ike_restored done;

	(void)state;
	for (size_t i = 0; i < s.size; i++) {
		int r;

		s.data[i] ^= (uint8_t)(1 << i % 8);
		r = restore(e, p.a, &s, s.data, s.size, &done);
		assert_true(r == -EBADMSG || r == -EPROTONOSUPPORT);
		assert_empty(e);
		s.data[i] ^= (uint8_t)(1 << i % 8);
	}
	ike_engine_free(e);
	sim_snapshot_done(&s);
	sim_free(p.s);
}

/* Whoever changes it on purpose makes the digest fit. What is then taken for true must at least do no harm to the engine. */
static void forge(struct pair p)
{
	struct sim_snapshot s = sim_save(p.a);
	size_t taken = 0, refused = 0;

	for (size_t i = 0; i < s.size - DIGEST_LEN; i++) {
		struct ike_engine *e = engine_on_hold(p.a);
		uint8_t kept[DIGEST_LEN], was = s.data[i];
		struct ike_restored done;
		struct ike_output o;

		memcpy(kept, s.data + s.size - DIGEST_LEN, DIGEST_LEN);
		s.data[i] ^= i % 2 ? 0xff : (uint8_t)(1 << i % 8);
		digest(s.data, s.size);
		if (restore(e, p.a, &s, s.data, s.size, &done) < 0) {
			assert_empty(e);
			refused++;
		} else {
			taken++;
		}
		ike_engine_start(e, p.s->now);
		for (ike_time t = 1; t < 4000; t *= 2) {
			ike_tick(e, p.s->now + t * SIM_S);
			while (ike_next_output(e, &o))
				;
		}
		ike_engine_free(e);
		s.data[i] = was;
		memcpy(s.data + s.size - DIGEST_LEN, kept, DIGEST_LEN);
	}
	assert_true(taken > 0 && refused > 0);
	sim_snapshot_done(&s);
	sim_free(p.s);
}

static void test_a_forged_one_does_no_harm(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 3; kind++)
		forge(pair_of_each(kind, 3));
}

/* Whoever looks for a Child SA with the successors of an IKE SA would never come to an end. */
static void test_ike_sas_that_succeed_each_other_are_refused(void **state)
{
	struct pair p = pair_up(19);
	struct ik_sa *first, *second;
	struct sim_snapshot s;
	struct ike_restored done;

	(void)state;
	assert_int_equal(ike_rekey(p.b->engine, p.s->now, 1, true, false), 0);
	sim_run(p.s, 2 * SIM_S);
	second = ik_conn_established(ik_conn_find(p.a->engine, 1));
	first = ik_sa_find(p.a->engine, second->predecessor);
	assert_true(first && first->successor == ik_sa_spi(second));
	second->successor = ik_sa_spi(first);
	s = sim_save(p.a);
	assert_int_equal(sim_go_on(p.a, &s, &done), 0);
	assert_int_equal(done.refused, 1);
	assert_non_null(strstr(sim_report(p.a, "restore-refused")->text, "each other"));
	sim_snapshot_done(&s);
	assert_begins_anew(&p);
}

static void test_another_version_is_refused(void **state)
{
	struct pair p = pair_up(4);
	struct sim_snapshot s = sim_save(p.a);
	struct ike_restored done;

	(void)state;
	ike_store_u32(s.data + VERSION_AT, ike_load_u32(s.data + VERSION_AT) + 1);
	digest(s.data, s.size);
	assert_int_equal(sim_go_on(p.a, &s, &done), -EPROTONOSUPPORT);
	sim_snapshot_done(&s);
	assert_begins_anew(&p);
}

/* ------------------------------------------------------------------ age and replay */

static void test_one_of_another_restart_is_refused(void **state)
{
	struct pair p = pair_up(5);
	struct sim_snapshot s = sim_save(p.a);
	struct ike_restored done;

	(void)state;
	s.token[0] ^= 1;
	assert_int_equal(sim_go_on(p.a, &s, &done), -ESTALE);
	sim_snapshot_done(&s);
	assert_begins_anew(&p);
}

static void test_an_old_one_is_refused(void **state)
{
	struct pair p = pair_up(6);
	struct sim_snapshot s = sim_save(p.a);
	struct ike_restored done;

	(void)state;
	/* The node is off meanwhile. */
	p.s->now += IKE_SNAPSHOT_AGE + 1;
	assert_int_equal(sim_go_on(p.a, &s, &done), -ESTALE);
	sim_snapshot_done(&s);
	assert_begins_anew(&p);
}

static void test_one_from_the_future_is_refused(void **state)
{
	struct pair p = pair_up(7);
	struct sim_snapshot s = sim_save(p.a);
	struct ike_engine *e;
	struct ike_restored done;

	(void)state;
	p.s->now -= 1;
	e = engine_on_hold(p.a);
	assert_int_equal(restore(e, p.a, &s, s.data, s.size, &done), -ESTALE);
	assert_empty(e);
	ike_engine_free(e);
	sim_snapshot_done(&s);
	sim_free(p.s);
}

static void test_a_replayed_one_does_not_know_the_kernel(void **state)
{
	struct pair p = pair_up(8);
	struct sim_snapshot old = sim_save(p.a), newer;
	struct ike_restored done;

	(void)state;
	assert_int_equal(sim_go_on(p.a, &old, &done), 0);
	assert_int_equal(done.connections, 1);
	assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, false, true), 0);
	sim_run(p.s, SIM_S);
	newer = sim_save(p.a);
	/* Age and token are right. */
	assert_int_equal(sim_go_on(p.a, &old, &done), 0);
	assert_int_equal(done.connections, 0);
	assert_int_equal(done.refused, 1);
	assert_non_null(sim_report(p.a, "restore-refused"));
	sim_snapshot_done(&old);
	sim_snapshot_done(&newer);
	assert_begins_anew(&p);
}

static const struct ike_cipher *sends_with(const struct ike_engine *e)
{
	const struct ik_sa *sa = IK_ENTRY(e->all_sas.next, struct ik_sa, in_all);

	return sa->initiator ? &sa->keys.initiator : &sa->keys.responder;
}

static void test_no_iv_comes_twice_even_if_it_is_played_twice(void **state)
{
	struct pair p = pair_up(9);
	uint64_t before = sends_with(p.a->engine)->next_iv, first, second;
	struct sim_snapshot s = sim_save(p.a);
	struct ike_engine *e, *f;
	struct ike_restored done;

	(void)state;
	e = engine_on_hold(p.a);
	f = engine_on_hold(p.a);
	assert_int_equal(restore(e, p.a, &s, s.data, s.size, &done), 0);
	assert_int_equal(restore(f, p.a, &s, s.data, s.size, &done), 0);
	assert_int_equal(restore(f, p.a, &s, s.data, s.size, &done), -EBUSY);
	first = sends_with(e)->next_iv;
	second = sends_with(f)->next_iv;
	assert_true(first > before);
	assert_true(second > before);
	assert_true(first > second ? first - second > 1 << 20 : second - first > 1 << 20);
	ike_engine_free(e);
	ike_engine_free(f);
	sim_snapshot_done(&s);
	sim_free(p.s);
}

/* ------------------------------------------------------------------ what it does not fit */

static void test_another_configuration_is_refused(void **state)
{
	struct pair p = pair_up(10);
	struct sim_snapshot s = sim_save(p.a);
	struct ike_restored done;

	(void)state;
	p.a->conns[0].config.child_lifetime = 1234;
	assert_int_equal(sim_go_on(p.a, &s, &done), 0);
	assert_int_equal(done.refused, 1);
	sim_snapshot_done(&s);
	assert_begins_anew(&p);
}

static void test_another_trust_is_refused(void **state)
{
	struct pair p = pair_up(11);
	struct sim_snapshot s = sim_save(p.a);
	struct ike_restored done;

	(void)state;
	p.a->conns[0].config.trust[31] ^= 1;
	assert_int_equal(sim_go_on(p.a, &s, &done), 0);
	assert_int_equal(done.refused, 1);
	sim_snapshot_done(&s);
	assert_begins_anew(&p);
}

static void test_without_its_binding_it_is_refused(void **state)
{
	struct pair p = pair_up(12);
	struct sim_snapshot s = sim_save(p.a);
	struct ike_restored done;

	(void)state;
	for (size_t i = 0; i < p.a->size_bindings; i++)
		p.a->bindings[i] = false;
	p.a->live_bindings = 0;
	assert_int_equal(sim_go_on(p.a, &s, &done), 0);
	assert_int_equal(done.refused, 1);
	sim_snapshot_done(&s);
	assert_begins_anew(&p);
}

static void test_a_binding_of_another_connection_is_none(void **state)
{
	struct pair p = pair_up(13);
	struct sim_snapshot s = sim_save(p.a);
	struct ike_engine *e = engine_on_hold(p.a);
	const struct ike_kernel_binding b = {.connection = 2, .binding = p.a->last_binding};
	const struct ike_kernel k = {.bindings = &b, .n_bindings = 1};
	struct ike_restored done;

	(void)state;
	assert_int_equal(ike_engine_restore(e, p.s->now, s.token, s.data, s.size, &k, &done), 0);
	assert_int_equal(done.refused, 1);
	assert_empty(e);
	ike_engine_free(e);
	sim_snapshot_done(&s);
	sim_free(p.s);
}

/*
 * Whoever wrote the snapshot says that the peer's tunnel is its own: the binding is, but the Child SA that the kernel has by this number
 * and these SPIs is under another connection, or another binding.
 */
static void test_a_child_sa_of_another_is_none(void **state)
{
	struct pair p = pair_up(17);
	struct ike_kernel k = sim_kernel(p.a);
	struct sim_snapshot s = sim_save(p.a);

	(void)state;
	assert_int_equal(k.n_children, 1);
	for (unsigned int other = 0; other < 2; other++) {
		struct ike_kernel_child child = k.children[0];
		const struct ike_kernel forged = {.bindings = k.bindings,
						  .n_bindings = k.n_bindings,
						  .children = &child,
						  .n_children = 1};
		struct ike_engine *e = engine_on_hold(p.a);
		struct ike_restored done;

		child.connection += other == 0;
		child.binding += other == 1;
		assert_int_equal(ike_engine_restore(e, p.s->now, s.token, s.data, s.size, &forged,
						    &done),
				 0);
		assert_int_equal(done.refused, 1);
		assert_false(ike_connection_restored(e, 1));
		assert_empty(e);
		ike_engine_free(e);
	}
	free((void *)(uintptr_t)k.bindings);
	free((void *)(uintptr_t)k.children);
	sim_snapshot_done(&s);
	sim_free(p.s);
}

static void test_with_its_spis_gone_it_is_refused(void **state)
{
	struct pair p = pair_up(14);
	struct sim_snapshot s = sim_save(p.a);
	struct ike_restored done;

	(void)state;
	p.a->sad->child |= (uint64_t)1 << 63;
	assert_int_equal(sim_go_on(p.a, &s, &done), 0);
	assert_int_equal(done.refused, 1);
	sim_snapshot_done(&s);
	assert_begins_anew(&p);
}

static void test_a_removed_connection_is_passed_over(void **state)
{
	struct pair p = pair_up(15);
	struct sim_snapshot s = sim_save(p.a);
	struct ike_engine *e;
	struct ike_restored done;

	(void)state;
	(void)snprintf(p.a->conns[0].config.name, IKE_NAME_SIZE, "another");
	e = engine_on_hold(p.a);
	assert_int_equal(restore(e, p.a, &s, s.data, s.size, &done), 0);
	assert_int_equal(done.connections + done.refused, 0);
	assert_false(ike_connection_restored(e, 1));
	assert_empty(e);
	ike_engine_free(e);
	sim_snapshot_done(&s);
	sim_free(p.s);
}

static void test_what_was_not_taken_is_not_lost(void **state)
{
	struct pair p = pair_up(16);
	uint8_t token[IKE_SNAPSHOT_TOKEN] = {0}, *data;
	size_t size;

	(void)state;
	assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, false, true), 0);
	assert_int_equal(ike_engine_save(p.a->engine, p.s->now, token, &data, &size), -EBUSY);
	sim_run(p.s, 60 * SIM_S);
	sim_assert_rest(p.s);
	sim_free(p.s);
}

/* ------------------------------------------------------------------ private values */

static void test_half_a_key_exchange_goes_along(void **state)
{
	static const uint16_t methods[] = {IKE_KE_CURVE25519, IKE_KE_ECP_256,
					   IKE_KE_ECP_384,    IKE_KE_ECP_521,
					   IKE_KE_MODP_2048,  IKE_KE_MODP_2048_256};
	struct seeded seeded;
	struct ike_random random = seeded_random(&seeded, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		uint8_t private[IKE_DH_PRIVATE_MAX], one[IKE_DH_SHARED_MAX], two[IKE_DH_SHARED_MAX];
		struct ike_dh *ours, *theirs, *again;
		size_t len, n, m;

		assert_int_equal(ike_dh_begin(methods[i], &random, &ours), 0);
		assert_int_equal(ike_dh_begin(methods[i], &random, &theirs), 0);
		len = ike_dh_private(ours, private);
		assert_int_equal(ike_dh_restore(methods[i], IKE_VIEW(private, len), &again), 0);
		assert_view_equal(ike_dh_public(again), ike_dh_public(ours));
		assert_int_equal(ike_dh_shared(ours, ike_dh_public(theirs), one, &n), 0);
		assert_int_equal(ike_dh_shared(again, ike_dh_public(theirs), two, &m), 0);
		assert_int_equal(n, m);
		assert_memory_equal(one, two, n);
		ike_dh_free(again);
		assert_int_equal(ike_dh_restore(methods[i], IKE_VIEW(private, len - 1), &again),
				 -EBADMSG);
		/* Above a group's order, or nothing at all. */
		memset(private, methods[i] == IKE_KE_ECP_256 ? 0xff : 0, sizeof(private));
		if (methods[i] != IKE_KE_CURVE25519)
			assert_int_equal(ike_dh_restore(methods[i], IKE_VIEW(private, len), &again),
					 -EBADMSG);
		ike_dh_free(ours);
		ike_dh_free(theirs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_short_it_is_refused),
		cmocka_unit_test(test_a_flipped_bit_is_seen),
		cmocka_unit_test(test_a_forged_one_does_no_harm),
		cmocka_unit_test(test_ike_sas_that_succeed_each_other_are_refused),
		cmocka_unit_test(test_another_version_is_refused),
		cmocka_unit_test(test_one_of_another_restart_is_refused),
		cmocka_unit_test(test_an_old_one_is_refused),
		cmocka_unit_test(test_one_from_the_future_is_refused),
		cmocka_unit_test(test_a_replayed_one_does_not_know_the_kernel),
		cmocka_unit_test(test_no_iv_comes_twice_even_if_it_is_played_twice),
		cmocka_unit_test(test_another_configuration_is_refused),
		cmocka_unit_test(test_another_trust_is_refused),
		cmocka_unit_test(test_without_its_binding_it_is_refused),
		cmocka_unit_test(test_a_binding_of_another_connection_is_none),
		cmocka_unit_test(test_a_child_sa_of_another_is_none),
		cmocka_unit_test(test_with_its_spis_gone_it_is_refused),
		cmocka_unit_test(test_a_removed_connection_is_passed_over),
		cmocka_unit_test(test_what_was_not_taken_is_not_lost),
		cmocka_unit_test(test_half_a_key_exchange_goes_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
