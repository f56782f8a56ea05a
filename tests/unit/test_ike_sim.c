// SPDX-License-Identifier: Apache-2.0
/*
 * The simulation itself: what is on its way to an engine that ends reaches nobody, wherever in memory the next one is put. This program's
 * allocator gives memory that was freed out again at once, with AddressSanitizer, too.
 */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_to_an_engine_that_was_handed_over),
		cmocka_unit_test(test_answers_to_an_engine_that_died),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
