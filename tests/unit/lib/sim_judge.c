// SPDX-License-Identifier: Apache-2.0
/*
 * Judging a simulation: how many SAs there are, whether it is at rest, whether packets were lost, what was reported.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ike/state.h"
#include "sim_private.h"

struct counting {
	uint32_t connection;
	struct sim_count n;
};

static void count_sa(void *ctx, const struct ike_sa_status *sa)
{
	struct counting *c = ctx;

	if (sa->connection != c->connection)
		return;
	c->n.sas++;
	if (sa->state != IKE_STATE_UP)
		return;
	c->n.up++;
	c->n.last = *sa;
	(void)snprintf(c->n.subject, sizeof(c->n.subject), "%s", sa->peer_subject);
	for (size_t i = 0; i < sa->n_children; i++) {
		c->n.children++;
		c->n.child = sa->children[i];
		c->n.children_up += sa->children[i].up;
	}
}

struct sim_count sim_count(const struct sim_node *n, uint32_t connection)
{
	struct counting c = {.connection = connection};

	ike_status(n->engine, count_sa, &c);
	return c.n;
}

bool sim_all_up(struct sim *s)
{
	for (struct sim_node *n = s->nodes; n; n = n->next) {
		for (size_t i = 0; i < n->max_conns; i++) {
			struct sim_conn *c = &n->conns[i];
			struct sim_count k;

			if (!c->used)
				continue;
			k = sim_count(n, c->config.id);
			if (k.up != 1 || k.sas != 1 || k.children != c->config.n_children ||
			    k.children_up != k.children)
				return false;
		}
	}
	return true;
}

bool sim_at_rest(struct sim *s)
{
	if (!sim_all_up(s))
		return false;
	for (struct sim_node *n = s->nodes; n; n = n->next) {
		size_t children = 0, conns = 0;

		sim_expected_sweep(n);

		for (size_t i = 0; i < n->max_conns; i++) {
			children += n->conns[i].used ? n->conns[i].config.n_children : 0;
			conns += n->conns[i].used;
		}
		if (n->n_sad != children || n->n_expected || n->live_bindings != conns ||
		    !sim_watch_rest(n))
			return false;
		for (size_t i = 0; i < n->max_conns; i++)
			for (size_t k = 0; n->conns[i].used && k < n->conns[i].config.n_children;
			     k++)
				if (!n->conns[i].flows[k].active)
					return false;
	}
	return true;
}

/* A number that is another one when a Child SA, an IKE SA or a binding was made. */
static uint64_t made(const struct sim *s)
{
	uint64_t n = 0;

	for (const struct sim_node *node = s->nodes; node; node = node->next) {
		n += node->engine->last_child + node->last_binding;
		IK_LIST_FOREACH(&node->engine->all_sas, link)
			n += ik_sa_spi(IK_ENTRY(link, struct ik_sa, in_all));
	}
	return n;
}

/* Something that begins anew and anew is at rest at moments, too. */
static bool stays_at_rest(struct sim *s)
{
	const uint64_t before = made(s);

	sim_run(s, SIM_S);
	return made(s) == before && sim_at_rest(s);
}

void sim_assert_rest(struct sim *s)
{
	const ike_time end = s->now + 30 * SIM_S;
	bool ok = false;

	/* Not in the middle of something that a timer has just begun. */
	do {
		if (!sim_at_rest(s) && !sim_until(s, end - s->now, sim_at_rest))
			break;
		ok = stays_at_rest(s);
	} while (!ok && s->now < end);
	if (!ok)
		sim_print(s);
	assert_true(ok);
	for (const struct sim_node *n = s->nodes; n; n = n->next)
		sim_watch_shared(n);
}

void sim_assert_up(struct sim *s, ike_time within)
{
	bool ok = sim_all_up(s) || sim_until(s, within, sim_all_up);

	if (!ok)
		sim_print(s);
	assert_true(ok);
}

void sim_assert_counted(struct sim *s)
{
	struct sim_tally waits = {}, t;

	for (size_t i = 0; i < s->n_events; i++) {
		const struct sim_event *e = s->heap[i];
		struct wire_esp w;

		if (e->kind != SIM_EVENT_PACKET || !e->packet->esp)
			continue;
		memcpy(&w, e->packet->data, sizeof(w));
		sim_count_esp(&waits, &w);
	}
	for (const struct sim_node *n = s->nodes; n; n = n->next) {
		t = sim_esp_held(n);
		waits.packets += t.packets;
		waits.numbers += t.numbers;
	}
	t.packets = s->esp.arrived.packets + s->esp.lost.packets + s->esp.withheld.packets +
		    waits.packets;
	t.numbers = s->esp.arrived.numbers + s->esp.lost.numbers + s->esp.withheld.numbers +
		    waits.numbers;
	if (t.packets != s->esp.sent.packets || t.numbers != s->esp.sent.numbers)
		fail_msg("of %" PRIu64 " packets that were sent, %" PRIu64
			 " arrived, were lost, or are on their way",
			 s->esp.sent.packets, t.packets);
}

/* A flow that never began has no gaps: each that is meant to carry traffic has to. */
static const char *silent_flow(const struct sim *s, const struct sim_node **ret)
{
	for (const struct sim_node *n = s->nodes; n; n = n->next)
		for (size_t i = 0; i < n->max_conns; i++) {
			const struct sim_conn *c = &n->conns[i];

			if (!c->used || !c->config.enabled)
				continue;
			for (size_t k = 0; k < c->config.n_children; k++)
				if (!c->flows[k].flowing && !c->flows[k].silent) {
					*ret = n;
					return c->children[k].name;
				}
		}
	return NULL;
}

void sim_assert_no_gaps(struct sim *s)
{
	const struct sim_node *n = NULL;
	const char *silent;

	sim_assert_counted(s);
	for (struct sim_node *each = s->nodes; each; each = each->next)
		sim_expected_sweep(each);
	silent = s->had_traffic ? silent_flow(s, &n) : NULL;
	if (silent) {
		sim_print(s);
		fail_msg("nothing that %s sent through %s arrived", n->name, silent);
	}
	if (s->gaps) {
		sim_print(s);
		print_message("%" PRIu64 " packets lost, the first %s\n", s->gaps, s->first_gap);
	}
	assert_int_equal(s->gaps, 0);
}

void sim_forget_flows(struct sim *s)
{
	for (struct sim_node *n = s->nodes; n; n = n->next)
		for (size_t i = 0; i < n->max_conns; i++)
			for (size_t k = 0; k < 4; k++)
				n->conns[i].flows[k].flowing = false;
}

static uint64_t number(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : fallback;
}

struct sim_seeds sim_seeds(uint64_t first, uint64_t n)
{
	if (getenv("SEED"))
		return (struct sim_seeds){.first = number("SEED", 0), .n = 1};
	return (struct sim_seeds){.first = first + number("FIRST", 0), .n = number("SEEDS", n)};
}

unsigned sim_reports(const struct sim_node *n, const char *event)
{
	unsigned found = 0;

	for (size_t i = 0; i < n->n_reports && i < SIM_MAX_REPORTS; i++)
		found += !strcmp(n->reports[i].event, event);
	return found;
}

const struct sim_report *sim_report(const struct sim_node *n, const char *event)
{
	for (size_t i = 0; i < n->n_reports && i < SIM_MAX_REPORTS; i++)
		if (!strcmp(n->reports[i].event, event))
			return &n->reports[i];
	return NULL;
}

unsigned sim_failures(const struct sim_node *n)
{
	unsigned found = 0;

	for (size_t i = 0; i < n->n_reports && i < SIM_MAX_REPORTS; i++)
		found += n->reports[i].severity >= IKE_WARNING;
	return found;
}

static bool two_up(const struct sim_node *n)
{
	struct sim_count k = sim_count(n, 1);

	return k.sas == 1 && k.up == 1 && k.children == 2 && k.children_up == 2 && n->n_sad == 2;
}

bool sim_two_are_up(struct sim *s)
{
	return two_up(s->nodes) && two_up(s->nodes->next);
}

bool sim_first_failed(struct sim *s)
{
	return sim_failures(s->nodes);
}

bool sim_both_failed(struct sim *s)
{
	return sim_failures(s->nodes) && sim_failures(s->nodes->next);
}

const struct sim_report *sim_says(const struct sim_node *n, const char *event, const char *words)
{
	const struct sim_report *r = sim_report(n, event);

	if (!r || !strstr(r->text, words)) {
		sim_print(n->sim);
		fail_msg("%s does not report %s with \"%s\"", n->name, event, words);
	}
	assert_true(r->hint[0] != 0);
	return r;
}
