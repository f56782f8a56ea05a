// SPDX-License-Identifier: Apache-2.0
/*
 * The simulation itself: what is on its way to an engine that ends reaches nobody, wherever in memory the next one is put. This program's
 * allocator gives memory that was freed out again at once, with AddressSanitizer, too. A simulation that is broken off says by which seed.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/sim_fails.h"
#include "lib/sim_private.h"
#include "lib/sim_restart.h"

#if defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#endif

#ifdef ASAN
/* Of AddressSanitizer's interface; what the environment says comes on top. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=0:thread_local_quarantine_size_kb=0";
}
#endif

struct pending {
	uint64_t answers, bindings;
};

/* What was asked for and not answered yet. */
static struct pending pending_of(const struct sim_node *n)
{
	struct pending p = {};

	for (size_t i = 0; i < n->sim->n_events; i++) {
		const struct sim_event *e = n->sim->heap[i];
		const struct ike_verify_answer *a = e->extra;

		if (e->kind != SIM_EVENT_ANSWER || e->node != n)
			continue;
		p.answers++;
		p.bindings += e->what == IKE_OUT_VERIFY && a->binding;
	}
	return p;
}

static void crash(struct sim_node *n)
{
	sim_node_restart(n, true);
}

static void ends_at_every_moment(void (*end)(struct sim_node *n))
{
	uint64_t answers = 0, bindings = 0;
	unsigned same_place = 0;

	for (unsigned i = 0; i < 100; i++) {
		struct sim *s = sim_new(9000 + i);
		struct sim_node *a, *b, *n;
		struct pending p;
		uintptr_t place;

		sim_pair(s, &a, &b);
		n = i % 2 ? a : b;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, i * SIM_MS);
		p = pending_of(n);
		answers += p.answers;
		bindings += p.bindings;
		place = (uintptr_t)n->engine;
		assert_int_equal(n->unheard, 0);
		end(n);
		same_place += (uintptr_t)n->engine == place;
		sim_run(s, s->answer_max);
		assert_int_equal(n->unheard, p.answers);
		sim_free(s);
	}
	/* Otherwise this says nothing. */
	assert_true(answers > bindings && bindings > 0);
#ifdef ASAN
	assert_true(same_place > 0);
#else
	(void)same_place;
#endif
}

static void test_answers_to_an_engine_that_was_handed_over(void **state)
{
	(void)state;
	ends_at_every_moment(sim_hand_over);
}

static void test_answers_to_an_engine_that_died(void **state)
{
	(void)state;
	ends_at_every_moment(crash);
}

static void finishes(void)
{
	sim_free(sim_new(4711));
	sim_free(sim_new(4712));
}

static void breaks_off(void)
{
	(void)sim_new(4713);
}

static void goes_on(void)
{
	struct sim *s;

	(void)sim_new(4714);
	s = sim_new(4715);
	sim_free(s);
}

static void test_a_simulation_that_is_broken_off_tells_its_seed(void **state)
{
	const char *text;

	(void)state;
	/* One that is asked for by name is what it is about. */
	(void)unsetenv("SEED");
	assert_string_equal(told(finishes), "");
	assert_non_null(strstr(told(breaks_off), "seed 4713; replay with SEED=4713"));
	text = told(goes_on);
	assert_non_null(strstr(text, "SEED=4714"));
	assert_null(strstr(text, "4715"));
}

/* All that was sent, and when, as one number (FNV-1a). */
struct story {
	uint64_t hash, datagrams;
};

static void tell(struct story *story, const void *data, size_t size)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < size; i++)
		story->hash = (story->hash ^ p[i]) * 0x100000001b3;
}

static enum sim_verdict listen_in(struct sim *s, struct sim_packet *p)
{
	struct story *story = s->tap_ctx;

	story->datagrams++;
	tell(story, &s->now, sizeof(s->now));
	tell(story, p->data, p->size);
	return SIM_PASS;
}

static struct story life_under(uint64_t seed)
{
	struct story story = {.hash = 0xcbf29ce484222325};
	struct sim *s = sim_new(seed);
	struct sim_node *a, *b;

	sim_pair(s, &a, &b);
	s->loss = 20;
	s->duplicate = 10;
	s->delay_min = SIM_MS;
	s->delay_max = 300 * SIM_MS;
	s->answer_max = 50 * SIM_MS;
	s->tap = listen_in;
	s->tap_ctx = &story;
	a->conns[0].config.child_lifetime = 120;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 600 * SIM_S);
	sim_free(s);
	return story;
}

/* A fault that one seed showed has to show with it again. */
static void test_a_seed_has_one_story(void **state)
{
	struct story first = life_under(4711), again = life_under(4711), other = life_under(4712);

	(void)state;
	assert_true(first.datagrams > 20);
	assert_int_equal(first.datagrams, again.datagrams);
	assert_int_equal(first.hash, again.hash);
	assert_int_not_equal(first.hash, other.hash);
}

/* Days of traffic are made of the packets that are on their way at once. */
static void test_packets_of_esp_are_used_again(void **state)
{
	struct sim *s = sim_new(4717);
	struct sim_node *a, *b;
	size_t before;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	sim_run(s, SIM_S);
	before = sim_esp_made;
	assert_true(before > 0);
	sim_run(s, 60 * SIM_S);
	assert_true(a->conns[0].flows[0].sent > 1000);
	assert_in_range(sim_esp_made - before, 0, 10);
	sim_assert_no_gaps(s);
	sim_free(s);
}

/* A pair with traffic, of which a waits for an SA with an SPI that nobody makes, while b sends with it. */
static struct sim *waits_in_vain(struct sim_node **a, struct sim_node **b, uint32_t spi)
{
	struct sim *s = sim_new(4716);

	sim_pair(s, a, b);
	s->traffic = 50 * SIM_MS;
	sim_connect(s, *a, *b);
	sim_assert_no_gaps(s);
	sim_expect(*a, &(struct ike_out_expect){.connection = 1, .spi_in = spi});
	(*b)->conns[0].flows[0].active->spi_out = spi;
	sim_run(s, SIM_S);
	/* What is held may still arrive. */
	assert_true((*a)->early > 10);
	assert_true(s->gaps == 0);
	return s;
}

static void test_what_was_held_in_vain_is_a_gap(void **state)
{
	const uint32_t spi = 0x4711;
	struct sim_node *a, *b;
	struct sim *s = waits_in_vain(&a, &b, spi);
	uint64_t held = a->early;

	(void)state;
	assert_int_equal(a->n_expected, 1);
	sim_expect(a, &(struct ike_out_expect){.connection = 1, .spi_in = spi, .gone = true});
	assert_true(s->gaps == held);
	assert_true(a->early_lost == held);
	assert_non_null(strstr(s->first_gap, "never was an inbound SA"));
	assert_int_equal(a->n_expected, 0);
	sim_free(s);
}

/* Nothing is held for longer than the module does, and an engine that has forgotten what it waits for is not at rest. */
static void test_what_is_held_for_too_long_is_a_gap(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = waits_in_vain(&a, &b, 0x4712);
	uint64_t held = a->early;

	(void)state;
	s->traffic = 0;
	sim_run(s, 8 * SIM_S);
	assert_true(s->gaps == 0);
	sim_run(s, 2 * SIM_S);
	sim_expected_sweep(a);
	assert_true(s->gaps >= held);
	assert_int_equal(a->n_expected, 1);
	assert_false(sim_at_rest(s));
	sim_expect(a, &(struct ike_out_expect){.connection = 1, .spi_in = 0x4712, .gone = true});
	assert_true(sim_at_rest(s));
	sim_free(s);
}

/* A planned restart leaves the kernel as it is: it holds on, for as long as it would have, and that the next engine knows of nothing is a gap. */
static void test_what_is_held_outlives_the_engine_but_not_the_kernel(void **state)
{
	for (int dies = 0; dies < 2; dies++) {
		struct sim_node *a, *b;
		struct sim *s = waits_in_vain(&a, &b, 0x4713);

		(void)state;
		if (dies)
			sim_node_restart(a, true);
		else
			sim_hand_over(a);
		assert_int_equal(a->n_expected, !dies);
		assert_true(s->gaps == 0);
		s->traffic = 0;
		sim_run(s, 10 * SIM_S);
		sim_expected_sweep(a);
		assert_int_equal(a->n_expected, 0);
		if (!dies)
			assert_true(s->gaps >= a->early);
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_to_an_engine_that_was_handed_over),
		cmocka_unit_test(test_answers_to_an_engine_that_died),
		cmocka_unit_test(test_a_simulation_that_is_broken_off_tells_its_seed),
		cmocka_unit_test(test_a_seed_has_one_story),
		cmocka_unit_test(test_packets_of_esp_are_used_again),
		cmocka_unit_test(test_what_was_held_in_vain_is_a_gap),
		cmocka_unit_test(test_what_is_held_for_too_long_is_a_gap),
		cmocka_unit_test(test_what_is_held_outlives_the_engine_but_not_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
