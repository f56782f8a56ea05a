// SPDX-License-Identifier: Apache-2.0
/*
 * The simulation itself: what is on its way to an engine that ends reaches nobody, wherever in memory the next one is put. This program's
 * allocator gives memory that was freed out again at once, with AddressSanitizer, too. A simulation that is broken off says by which seed.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ike/state.h"
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

/* What a program of its own that does this writes to its standard error; it ends by itself. */
static const char *told(void (*run)(void))
{
	static char text[65536];
	size_t n = 0;
	ssize_t got;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(fds[1], STDERR_FILENO);
		(void)close(fds[0]);
		(void)close(fds[1]);
		run();
		exit(0);
	}
	(void)close(fds[1]);
	while ((got = read(fds[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = 0;
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return text;
}

static CMUnitTestFunction to_fail;

static void run_to_fail(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(to_fail)};
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)dup2(nowhere, STDOUT_FILENO);
	(void)cmocka_run_group_tests(tests, NULL, NULL);
	(void)fflush(stderr);
	_exit(0);
}

/* Does this test fail, with these words? */
static bool fails_with(CMUnitTestFunction test, const char *words)
{
	to_fail = test;
	return strstr(told(run_to_fail), words);
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

/* ------------------------------------------------------------------ what is judged */

static enum sim_verdict nothing_from_a(struct sim *s, struct sim_packet *p)
{
	return p->esp && cg_addr_equal(&p->from.addr, &s->nodes->addr) ? SIM_DROP : SIM_PASS;
}

/* All is up and at rest, and what one side sends never arrived. */
static struct sim *one_way(struct sim_node **a)
{
	struct sim *s = sim_new(4718);
	struct sim_node *b;

	sim_pair(s, a, &b);
	s->traffic = 50 * SIM_MS;
	s->tap = nothing_from_a;
	sim_connect(s, *a, b);
	sim_run(s, 2 * SIM_S);
	sim_assert_rest(s);
	assert_true(s->gaps == 0 && b->conns[0].flows[0].flowing);
	return s;
}

static void no_gap_in_what_never_began(void **state)
{
	struct sim_node *a;

	(void)state;
	sim_assert_no_gaps(one_way(&a));
}

static void test_each_flow_has_to_begin(void **state)
{
	struct sim_node *a;
	struct sim *s = one_way(&a);

	(void)state;
	assert_true(
		fails_with(no_gap_in_what_never_began, "nothing that a sent through net arrived"));
	/* But what need not. */
	a->conns[0].flows[0].silent = true;
	sim_assert_no_gaps(s);
	sim_free(s);
}

/* Two children, packets of both on their way. */
static struct sim *two_children(struct sim_node **b)
{
	struct sim *s = sim_new(4720);
	struct sim_node *a;

	sim_pair(s, &a, b);
	sim_child(&a->conns[0], 1, "more", "10.3.0.0/16", "10.4.0.0/16");
	sim_child(&(*b)->conns[0], 1, "more", "10.4.0.0/16", "10.3.0.0/16");
	s->traffic = 5 * SIM_MS;
	sim_connect(s, a, *b);
	sim_assert_no_gaps(s);
	assert_int_equal((*b)->n_sad, 2);
	return s;
}

static struct sim_packet *on_its_way(struct sim *s)
{
	for (size_t i = 0; i < s->n_events; i++)
		if (s->heap[i]->kind == SIM_EVENT_PACKET && s->heap[i]->packet->esp)
			return s->heap[i]->packet;
	fail();
	return NULL;
}

static void a_packet_vanishes(void **state)
{
	struct sim_node *b;
	struct sim *s = two_children(&b);

	(void)state;
	on_its_way(s)->esp = false;
	sim_assert_no_gaps(s);
}

static void a_packet_is_another_one(void **state)
{
	struct sim_node *b;
	struct sim *s = two_children(&b);
	struct sim_packet *p = on_its_way(s);
	struct wire_esp w;

	(void)state;
	memcpy(&w, p->data, sizeof(w));
	w.esp.number--;
	memcpy(p->data, &w, sizeof(w));
	sim_run(s, SIM_S);
	sim_free(s);
}

static void test_each_packet_is_counted(void **state)
{
	static const char words[] = "arrived, were lost, or are on their way";
	struct sim_node *b;
	struct sim *s = two_children(&b);

	(void)state;
	assert_true(fails_with(a_packet_vanishes, words));
	assert_true(fails_with(a_packet_is_another_one, words));
	/* What a host sends that is cut off is lost as well. */
	b->cut = true;
	sim_run(s, SIM_S);
	assert_true(s->gaps > 0 && b->conns[0].flows[0].lost_at_peer > 100);
	sim_free(s);
}

static void out_of_another_child(void **state)
{
	struct sim_node *b;
	struct sim *s = two_children(&b);

	(void)state;
	b->sad->index = !b->sad->index;
	sim_run(s, SIM_S);
}

static void out_of_other_selectors(void **state)
{
	struct sim_node *b;
	struct sim *s = two_children(&b);

	(void)state;
	b->sad->local_ts[0] = b->sad->next->local_ts[0];
	sim_run(s, SIM_S);
}

static void out_of_another_peers(void **state)
{
	struct sim_node *b;
	struct sim *s = two_children(&b);

	(void)state;
	b->peers[b->sad->binding] = b;
	sim_run(s, SIM_S);
}

static void test_packets_come_out_where_they_belong(void **state)
{
	(void)state;
	assert_true(fails_with(out_of_another_child, "an SA of another child"));
	assert_true(fails_with(out_of_other_selectors, "an SA that has other selectors"));
	assert_true(fails_with(out_of_another_peers, "an SA of another peer"));
}

/* Without traffic. */
static struct sim *connected(struct sim_node **b)
{
	struct sim *s = sim_new(4721);
	struct sim_node *a;

	sim_pair(s, &a, b);
	sim_connect(s, a, *b);
	return s;
}

static void nobodys_sa(void **state)
{
	struct sim_node *b;
	struct sim *s = connected(&b);

	(void)state;
	b->sad->child += 1000;
	sim_run(s, SIM_S);
}

static void another_ones_sa(void **state)
{
	struct sim_node *b;
	struct sim *s = connected(&b);

	(void)state;
	b->sad->spi_in++;
	sim_run(s, SIM_S);
}

static void no_sa(void **state)
{
	struct sim_node *b;
	struct sim *s = connected(&b);

	(void)state;
	sim_sad_del(b, b->sad->child, false);
	sim_run(s, SIM_S);
}

static void nobodys_binding(void **state)
{
	struct sim_node *b;
	struct sim *s = connected(&b);

	(void)state;
	b->live_bindings++;
	sim_run(s, SIM_S);
}

static void test_the_kernel_has_what_the_engine_has(void **state)
{
	(void)state;
	assert_true(fails_with(nobodys_sa, "an SA in the kernel that no Child SA has"));
	assert_true(fails_with(another_ones_sa, "an SA in the kernel that is not its Child SA's"));
	assert_true(fails_with(no_sa, "a Child SA that the kernel does not have"));
	assert_true(fails_with(nobodys_binding, "a binding that nobody has"));
}

static void shared_for_nobody(void **state)
{
	struct sim_node *b;
	struct sim *s = connected(&b);
	struct ik_conn *conn = ik_conn_find(b->engine, 1);
	struct ik_shared *policy = IK_ENTRY(conn->config->c.ike_policy, struct ik_shared, data);

	(void)state;
	policy->refs++;
	sim_assert_rest(s);
}

static void test_at_rest_nothing_is_left(void **state)
{
	struct ik_link link;
	struct sim_node *b;
	struct sim *s = connected(&b);

	(void)state;
	assert_true(sim_at_rest(s));
	b->engine->held = 1;
	assert_false(sim_at_rest(s));
	b->engine->held = 0;
	ik_list_append(&b->engine->unproven, &link);
	assert_false(sim_at_rest(s));
	ik_list_remove(&link);
	assert_true(sim_at_rest(s));
	assert_true(fails_with(shared_for_nobody, "configurations that there are no more"));
	sim_free(s);
}

/* As soon as it is at rest it begins anew. */
static enum sim_verdict rekeys_again(struct sim *s, struct sim_packet *p)
{
	(void)p;
	if (sim_at_rest(s))
		(void)ike_rekey(s->nodes->engine, s->now, 1, s->tap_ctx, !s->tap_ctx);
	return SIM_PASS;
}

static void rekeys_for_ever(bool ike)
{
	struct sim_node *b;
	struct sim *s = connected(&b);

	s->traffic = 200 * SIM_MS;
	s->tap_ctx = ike ? s : NULL;
	s->tap = rekeys_again;
	sim_assert_rest(s);
}

static void children_for_ever(void **state)
{
	(void)state;
	rekeys_for_ever(false);
}

static void ike_sas_for_ever(void **state)
{
	(void)state;
	rekeys_for_ever(true);
}

static void test_who_begins_again_and_again_is_not_at_rest(void **state)
{
	(void)state;
	assert_true(fails_with(children_for_ever, "sim_judge.c"));
	assert_true(fails_with(ike_sas_for_ever, "sim_judge.c"));
}

/* A hub with so many sites, all up. */
static struct sim_node *hub_of(struct sim *s, unsigned n)
{
	struct sim_node *hub = sim_node_new(s, "hub", "root-hub", "198.51.100.1"), *site;
	struct sim_conn *c;

	sim_node_reserve(hub, n);
	for (unsigned i = 0; i < n; i++) {
		char name[32], addr[32], net[32];

		(void)snprintf(name, sizeof(name), "site-%u", i);
		(void)snprintf(addr, sizeof(addr), "192.0.2.%u", i + 1);
		(void)snprintf(net, sizeof(net), "172.16.%u.0/24", i);
		c = sim_conn(hub, i + 1, addr, name, "root-sites");
		sim_child(c, 0, "net", "10.0.0.0/8", net);
		c->config.mode = IKE_MODE_RESPONDER_ONLY;
		sim_conn_set(hub, c);
		site = sim_node_new(s, name, "root-sites", addr);
		c = sim_conn(site, 1, "198.51.100.1", "hub", "root-hub");
		sim_child(c, 0, "net", net, "10.0.0.0/8");
		sim_conn_set(site, c);
	}
	sim_assert_up(s, 60 * SIM_S);
	assert_int_equal(hub->engine->sas.n, n);
	return hub;
}

/* Of n connections the 18th has an IKE SA that is not found where its peer is; then an event is about that one. */
static void broken_among(unsigned n, uint32_t about, uint64_t looked)
{
	struct sim *s = sim_new(4719);
	struct sim_node *hub = hub_of(s, n);
	struct ik_conn *conn = ik_conn_find(hub->engine, 18);

	IK_ENTRY(conn->sas.next, struct ik_sa, in_conn)->in_places = false;
	hub->looked = looked;
	assert_int_equal(ike_rekey(hub->engine, s->now, about, false, true), 0);
	sim_node_drain(hub);
	sim_free(s);
}

static void few_and_another_one(void **state)
{
	(void)state;
	broken_among(40, 3, 1);
}

static void many_and_the_one(void **state)
{
	(void)state;
	broken_among(200, 18, 1);
}

static void many_and_another_one(void **state)
{
	(void)state;
	broken_among(200, 3, 3);
}

/* Up to 64 are looked at whatever happens; of more what the event is about, and every so many events all. */
static void test_a_hub_is_looked_into_with_each_event(void **state)
{
	static const char words[] = "not found where its peer is";

	(void)state;
	assert_true(fails_with(few_and_another_one, words));
	assert_true(fails_with(many_and_the_one, words));
	assert_true(fails_with(many_and_another_one, words));
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
		cmocka_unit_test(test_each_flow_has_to_begin),
		cmocka_unit_test(test_each_packet_is_counted),
		cmocka_unit_test(test_packets_come_out_where_they_belong),
		cmocka_unit_test(test_the_kernel_has_what_the_engine_has),
		cmocka_unit_test(test_at_rest_nothing_is_left),
		cmocka_unit_test(test_who_begins_again_and_again_is_not_at_rest),
		cmocka_unit_test(test_a_hub_is_looked_into_with_each_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
