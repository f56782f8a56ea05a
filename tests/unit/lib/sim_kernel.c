// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel of a node of the simulation: a SAD, and numbered packets that cross or are lost.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_private.h"

/* As long as the module holds packets (CERTGATE_MAX_LARVAL). */
#define LARVAL_TIME (10 * SIM_S)

static struct sim_flow *flow_of(struct sim_node *n, uint32_t connection, uint32_t index)
{
	struct sim_conn *c = sim_conn_of(n, connection);

	return c && index < 4 ? &c->flows[index] : NULL;
}

static struct sim_sa *sad_find(struct sim_node *n, uint64_t child)
{
	for (struct sim_sa *sa = n->sad; sa; sa = sa->next)
		if (sa->child == child)
			return sa;
	return NULL;
}

static void trace(const struct sim_node *n, const char *what, uint64_t child)
{
	if (getenv("SIM_TRACE"))
		print_message("%10.6f %s: %s %" PRIu64 "\n", (double)n->sim->now / SIM_S, n->name,
			      what, child);
}

static void gap(struct sim *s, const struct sim_node *n, struct sim_flow *flow, ike_time sent,
		const char *why)
{
	if (!flow || !flow->flowing || sent < flow->since)
		return;
	if (!s->gaps++)
		(void)snprintf(s->first_gap, sizeof(s->first_gap), "at %.6f from %s: %s",
			       (double)s->now / SIM_S, n->name, why);
}

void sim_count_esp(struct sim_tally *t, const struct wire_esp *w)
{
	t->packets++;
	t->numbers += w->esp.number;
}

static void lost(struct sim *s, const struct wire_esp *w, const char *why)
{
	struct sim_flow *flow = flow_of(w->from, w->connection, w->index);

	sim_count_esp(&s->esp.lost, w);
	if (flow)
		flow->lost_at_peer++;
	gap(s, w->from, flow, w->esp.sent_at, why);
}

static void arrived(struct sim *s, const struct wire_esp *w)
{
	struct sim_flow *theirs = flow_of(w->from, w->connection, w->index);

	sim_count_esp(&s->esp.arrived, w);
	if (!theirs)
		return;
	if (!theirs->flowing)
		theirs->since = s->now;
	theirs->flowing = true;
	theirs->received++;
}

static void take(struct sim_node *n, struct sim_sa *sa, const struct wire_esp *w,
		 const struct cg_endpoint *from);

struct sim_held {
	struct wire_esp w;
	struct cg_endpoint from;
};

/* All that is held for it is lost. */
static void held_lost(struct sim_node *n, struct sim_expected *x)
{
	for (size_t i = 0; i < x->n_held; i++) {
		char why[160];

		n->early_lost++;
		(void)snprintf(why, sizeof(why),
			       "%.60s held a packet for SPI %08x, which never was an inbound SA",
			       n->name, x->spi);
		lost(n->sim, &x->held[i].w, why);
	}
	free(x->held);
	x->held = NULL;
	x->n_held = 0;
}

/* What was held goes through the SA that is there now; counting it may end that. */
static void held_taken(struct sim_node *n, struct sim_expected *x, uint64_t child)
{
	size_t size = x->n_held;
	struct sim_held *held = x->held;

	for (size_t i = 0; i < size; i++) {
		struct sim_sa *sa = sad_find(n, child);

		if (sa && !memcmp(sa->key_in, held[i].w.esp.key, sa->key_len)) {
			take(n, sa, &held[i].w, &held[i].from);
			continue;
		}
		n->early_lost++;
		lost(n->sim, &held[i].w, "it was held for an SA that has other keys");
	}
	free(held);
}

static struct sim_expected *expected_find(struct sim_node *n, uint32_t spi)
{
	for (size_t i = 0; i < n->n_expected; i++)
		if (n->expected[i].spi == spi)
			return &n->expected[i];
	return NULL;
}

void sim_expected_sweep(struct sim_node *n)
{
	for (size_t i = 0; i < n->n_expected; i++) {
		struct sim_expected *x = &n->expected[i];

		if (n->sim->now < x->until)
			continue;
		held_lost(n, x);
		/* An engine that knows of it says when it needs it no more. */
		if (x->engine != n->engines)
			n->expected[i--] = n->expected[--n->n_expected];
	}
}

void sim_expected_clear(struct sim_node *n)
{
	for (size_t i = 0; i < n->n_expected; i++) {
		for (size_t k = 0; k < n->expected[i].n_held; k++)
			sim_count_esp(&n->sim->esp.withheld, &n->expected[i].held[k].w);
		free(n->expected[i].held);
	}
	n->n_expected = 0;
}

struct sim_tally sim_esp_held(const struct sim_node *n)
{
	struct sim_tally t = {};

	for (size_t i = 0; i < n->n_expected; i++)
		for (size_t k = 0; k < n->expected[i].n_held; k++)
			sim_count_esp(&t, &n->expected[i].held[k].w);
	return t;
}

/* What comes is held, and arrives when the SA is added. */
static bool expected_hold(struct sim_node *n, const struct wire_esp *w,
			  const struct cg_endpoint *from)
{
	struct sim_expected *x = expected_find(n, w->esp.spi);

	if (!x || n->sim->now >= x->until)
		return false;
	x->held = realloc(x->held, (x->n_held + 1) * sizeof(*x->held));
	assert_non_null(x->held);
	x->held[x->n_held++] = (struct sim_held){.w = *w, .from = *from};
	n->early++;
	return true;
}

void sim_expect(struct sim_node *n, const struct ike_out_expect *o)
{
	struct sim_expected *x;

	trace(n, o->gone ? "expect no more" : "expect", o->spi_in);
	sim_touch(n, o->connection);
	sim_expected_sweep(n);
	x = expected_find(n, o->spi_in);
	if (o->gone) {
		assert_non_null(x);
		assert_true(o->request == 0);
		held_lost(n, x);
		*x = n->expected[--n->n_expected];
		return;
	}
	assert_non_null(flow_of(n, o->connection, o->child_index));
	for (const struct sim_sa *sa = n->sad; sa; sa = sa->next)
		assert_int_not_equal(sa->spi_in, o->spi_in);
	assert_null(x);
	if (n->n_expected == n->size_expected) {
		n->size_expected = n->size_expected ? n->size_expected * 2 : 16;
		n->expected = realloc(n->expected, n->size_expected * sizeof(*n->expected));
		assert_non_null(n->expected);
	}
	n->expected[n->n_expected++] = (struct sim_expected){
		.spi = o->spi_in, .engine = n->engines, .until = n->sim->now + LARVAL_TIME};
	n->expects++;
	if (o->request)
		sim_answer_later(n, IKE_OUT_CHILD_EXPECT, o->request, 0, NULL, 0);
}

/* after: 0 is never. */
static void limit_later(struct sim_node *n, const struct sim_sa *sa, bool hard, ike_time after)
{
	struct sim_event *e;

	if (!after)
		return;
	e = sim_event_new(SIM_EVENT_SA, n);
	e->spi = sa->spi_in;
	e->after = after;
	e->hard = hard;
	sim_event_add(n->sim, e, n->sim->now + after);
}

static void end_sa(struct sim_node *n, struct sim_sa *sa, const char *why)
{
	if (sa->dead)
		return;
	trace(n, why, sa->child);
	sa->dead = true;
	sim_touch(n, sa->connection);
	n->expired++;
	/* One that belongs to nobody ends without anybody to be told. */
	if (!(sa->child >> 63))
		ike_child_dead(n->engine, n->sim->now, sa->child, why);
}

void sim_sad_limit(struct sim_node *n, const struct sim_event *e)
{
	struct sim_sa *sa;

	for (sa = n->sad; sa && sa->spi_in != e->spi; sa = sa->next)
		;
	/* The SPI may be another one's by now; then this is about nothing. */
	if (!sa || sa->added != e->at - e->after)
		return;
	if (e->hard)
		end_sa(n, sa, "lifetime");
	else if (!sa->dead && !(sa->child >> 63))
		ike_child_soft_expired(n->engine, n->sim->now, sa->child);
}

/* One packet through one half. False: its limit is reached. */
static bool count_packet(struct sim_node *n, struct sim_sa *sa, bool out)
{
	if (sa->dead)
		return false;
	if (sa->packets && sa->seen[out] >= sa->packets) {
		end_sa(n, sa, "packets");
		sim_node_drain(n);
		return false;
	}
	if (++sa->seen[out] == sa->soft_packets && !(sa->child >> 63)) {
		ike_child_soft_expired(n->engine, n->sim->now, sa->child);
		sim_node_drain(n);
	}
	return true;
}

/* As main sees to it: where the name leads, where there are Child SAs, and where a peer was that is let in. */
static bool may_be_at(const struct sim_node *n, const struct sim_conn *c,
		      const struct cg_addr *where)
{
	const struct cg_addr *leads_to = c->leads_to.family ? &c->leads_to : &c->config.remote.addr;

	if (!c->config.remote_named || cg_addr_is_any(leads_to) || cg_addr_equal(leads_to, where))
		return true;
	for (const struct sim_sa *sa = n->sad; sa; sa = sa->next)
		if (sa->connection == c->config.id && cg_addr_equal(&sa->remote.addr, where))
			return true;
	for (size_t i = 0; i < n->size_bindings; i++)
		if (n->bindings[i] && cg_addr_equal(&n->places[i], where))
			return true;
	return false;
}

void sim_place(struct sim_node *n, const struct ike_out_place *o)
{
	const struct sim_conn *c;

	assert_true(o->binding && o->binding < n->size_bindings && n->bindings[o->binding]);
	c = sim_conn_of(
		n, n->binding_of[o->binding % (sizeof(n->binding_of) / sizeof(n->binding_of[0]))]);
	if (c && may_be_at(n, c, &o->remote))
		n->places[o->binding] = o->remote;
}

static bool has_ts(const struct ike_ts *list, size_t n, const struct ike_ts *ts)
{
	for (size_t i = 0; i < n; i++)
		if (ike_ts_list_equal(&list[i], 1, ts, 1))
			return true;
	return false;
}

static bool has_all(const struct ike_ts *list, size_t n, const struct ike_ts *ts, size_t n_ts)
{
	while (n_ts)
		if (!has_ts(list, n, &ts[--n_ts]))
			return false;
	return true;
}

static bool has_one(const struct ike_ts *list, size_t n, const struct ike_ts *ts, size_t n_ts)
{
	while (n_ts)
		if (has_ts(list, n, &ts[--n_ts]))
			return true;
	return false;
}

/* Is there another tunnel, with SAs in it, that has one of its pairs? */
static bool pair_is_taken(const struct sim_node *n, const struct ike_out_child_add *o)
{
	for (const struct sim_sa *sa = n->sad; sa; sa = sa->next) {
		bool same = sa->connection == o->connection && sa->index == o->child_index &&
			    sa->n_local_ts == o->n_local_ts && sa->n_remote_ts == o->n_remote_ts &&
			    has_all(sa->local_ts, sa->n_local_ts, o->local_ts, o->n_local_ts) &&
			    has_all(sa->remote_ts, sa->n_remote_ts, o->remote_ts, o->n_remote_ts);

		if (!same && has_one(sa->local_ts, sa->n_local_ts, o->local_ts, o->n_local_ts) &&
		    has_one(sa->remote_ts, sa->n_remote_ts, o->remote_ts, o->n_remote_ts))
			return true;
	}
	return false;
}

static void add_refused(struct sim_node *n, const struct ike_out_child_add *o, int error)
{
	n->refused++;
	sim_answer_later(n, IKE_OUT_CHILD_ADD, o->request, error, NULL, 0);
}

void sim_sad_add(struct sim_node *n, const struct ike_out_child_add *o)
{
	struct sim_flow *flow = flow_of(n, o->connection, o->child_index);
	struct sim_expected *x;
	struct sim_sa *sa;

	trace(n, o->activate_on_use ? "add on use" : "add", o->child);
	sim_touch(n, o->connection);
	sim_watch_child(n, o);
	if (n->child_error) {
		add_refused(n, o, n->child_error);
		return;
	}
	if (n->each_pair_once && pair_is_taken(n, o)) {
		add_refused(n, o, -EEXIST);
		return;
	}
	if (!may_be_at(n, sim_conn_of(n, o->connection), &o->remote.addr)) {
		n->misplaced++;
		add_refused(n, o, -1);
		return;
	}
	assert_true(o->binding && n->bindings[o->binding]);
	n->places[o->binding] = o->remote.addr;
	for (sa = n->sad; sa; sa = sa->next)
		assert_int_not_equal(sa->spi_in, o->spi_in);
	sa = calloc(1, sizeof(*sa));
	assert_non_null(sa);
	sa->child = o->child;
	sa->connection = o->connection;
	sa->index = o->child_index;
	sa->binding = o->binding;
	sa->spi_in = o->spi_in;
	sa->spi_out = o->spi_out;
	sa->suite = o->suite;
	sa->key_len = o->keys.encr_in.size;
	assert_true(sa->key_len && sa->key_len <= sizeof(sa->key_in));
	memcpy(sa->key_in, o->keys.encr_in.data, sa->key_len);
	memcpy(sa->key_out, o->keys.encr_out.data, sa->key_len);
	sa->local = o->local;
	sa->remote = o->remote;
	sa->udp = o->udp;
	sa->follow = o->follow;
	sa->on_use = o->activate_on_use && !o->standby && !n->hasty;
	sa->replaces = o->replaces;
	sa->added = n->sim->now;
	sa->place = ++n->added;
	sa->packets = o->packets;
	sa->soft_packets = o->soft_packets;
	limit_later(n, sa, false, o->soft_lifetime * SIM_S);
	limit_later(n, sa, true, o->lifetime * SIM_S);
	assert_true(o->n_local_ts && o->n_remote_ts);
	assert_true(o->n_local_ts <= IKE_MAX_CHILD_TS && o->n_remote_ts <= IKE_MAX_CHILD_TS);
	sa->n_local_ts = o->n_local_ts;
	sa->n_remote_ts = o->n_remote_ts;
	memcpy(sa->local_ts, o->local_ts, sa->n_local_ts * sizeof(*sa->local_ts));
	memcpy(sa->remote_ts, o->remote_ts, sa->n_remote_ts * sizeof(*sa->remote_ts));
	sa->next = n->sad;
	n->sad = sa;
	n->n_sad++;
	if (flow && ((!sa->on_use && !o->standby) || n->hasty || n->one_policy))
		flow->active = sa;
	if (flow)
		flow->newest = sa->child;
	sim_answer_later(n, IKE_OUT_CHILD_ADD, o->request, 0, NULL, 0);
	sim_expected_sweep(n);
	x = expected_find(n, o->spi_in);
	if (x) {
		struct sim_expected was = *x;

		*x = n->expected[--n->n_expected];
		held_taken(n, &was, sa->child);
	}
}

void sim_sad_del(struct sim_node *n, uint64_t child, bool outbound_only)
{
	struct sim_sa **p = &n->sad;

	trace(n, outbound_only ? "del outbound" : "del", child);
	while (*p && (*p)->child != child)
		p = &(*p)->next;
	/* It was refused, which the engine has yet to hear. */
	if (!*p && !outbound_only && n->refused)
		n->refused--;
	if (*p) {
		struct sim_sa *sa = *p;
		struct sim_flow *flow = flow_of(n, sa->connection, sa->index);

		sim_touch(n, sa->connection);
		if (flow && flow->active == sa)
			flow->active = NULL;
		sa->on_use = false;
		if (outbound_only && !n->one_policy)
			return;
		*p = sa->next;
		n->n_sad--;
		free(sa);
	}
}

void sim_sad_activate(struct sim_node *n, uint64_t child)
{
	struct sim_sa *sa = sad_find(n, child);
	struct sim_flow *flow = sa ? flow_of(n, sa->connection, sa->index) : NULL;

	trace(n, "activate", child);
	assert_non_null(sa);
	sim_touch(n, sa->connection);
	sa->on_use = false;
	if (flow && !n->one_policy)
		flow->active = sa;
}

void sim_sad_move(struct sim_node *n, const struct ike_out_child *o)
{
	struct sim_sa *sa = sad_find(n, o->child);

	assert_non_null(sa);
	sim_touch(n, sa->connection);
	if (!may_be_at(n, sim_conn_of(n, sa->connection), &o->remote.addr)) {
		n->misplaced++;
		return;
	}
	n->places[sa->binding] = o->remote.addr;
	sa->local = o->local;
	sa->remote = o->remote;
	sa->udp = o->udp;
	sa->follow = o->follow;
	sa->moves++;
}

void sim_binding_release(struct sim_node *n, uint64_t binding)
{
	assert_true(binding && binding <= n->last_binding);
	assert_true(n->bindings[binding]);
	for (const struct sim_sa *sa = n->sad; sa; sa = sa->next)
		assert_int_not_equal(sa->binding, binding);
	n->bindings[binding] = false;
	n->live_bindings--;
}

void sim_node_traffic(struct sim_node *n)
{
	for (size_t c = 0; c < n->max_conns; c++) {
		struct sim_conn *conn = &n->conns[c];

		for (size_t i = 0; conn->used && i < conn->config.n_children; i++) {
			struct sim_flow *flow = &conn->flows[i];
			struct sim_sa *sa;
			struct wire_esp w = {
				.from = n, .connection = conn->config.id, .index = (uint32_t)i};

			if (!flow->active) {
				flow->lost_no_sa++;
				gap(n->sim, n, flow, n->sim->now, "no outbound SA");
				continue;
			}
			sa = flow->active;
			if (!count_packet(n, sa, true)) {
				flow->lost_no_sa++;
				gap(n->sim, n, flow, n->sim->now, "its outbound SA is dead");
				continue;
			}
			/* What counting led to may have changed it. */
			if (flow->active != sa) {
				i--;
				continue;
			}
			w.esp.spi = flow->active->spi_out;
			memcpy(w.esp.key, flow->active->key_out, sizeof(w.esp.key));
			w.esp.number = ++n->next_number;
			w.esp.sent_at = n->sim->now;
			w.src = sa->local_ts[0];
			w.dst = sa->remote_ts[0];
			flow->sent++;
			sim_send(n, &flow->active->local, &flow->active->remote, &w, sizeof(w),
				 true);
		}
	}
}

void sim_esp_lost(struct sim *s, const void *data, const char *why)
{
	struct wire_esp w;

	memcpy(&w, data, sizeof(w));
	lost(s, &w, why);
}

/* Is the first address of what was sent one of the list's? */
static bool is_in(const struct ike_ts *sent, const struct ike_ts *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].addr_len == sent->addr_len &&
		    memcmp(sent->start, list[i].start, sent->addr_len) >= 0 &&
		    memcmp(sent->start, list[i].end, sent->addr_len) <= 0)
			return true;
	return false;
}

/* What comes out of an SA is from that SA's peer, and of the networks that it and the configured child are between. */
static void is_right(struct sim_node *n, const struct sim_sa *sa, const struct wire_esp *w)
{
	const struct sim_conn *c = sim_conn_of(n, sa->connection);
	const struct ike_child_config *k = c && sa->index < c->config.n_children
						   ? &c->children[sa->index]
						   : NULL;

	if (n->peers[sa->binding] && n->peers[sa->binding] != w->from)
		sim_broken(n->sim, "a packet came out of an SA of another peer", n);
	if (!is_in(&w->dst, sa->local_ts, sa->n_local_ts) ||
	    !is_in(&w->src, sa->remote_ts, sa->n_remote_ts))
		sim_broken(n->sim, "a packet came out of an SA that has other selectors", n);
	if (k && (!is_in(&w->dst, k->local_ts, k->n_local_ts) ||
		  !is_in(&w->src, k->remote_ts, k->n_remote_ts)))
		sim_broken(n->sim, "a packet came out of an SA of another child", n);
}

static void take(struct sim_node *n, struct sim_sa *sa, const struct wire_esp *w,
		 const struct cg_endpoint *from)
{
	struct sim_flow *ours;

	sim_touch(n, sa->connection);
	/* Outer addresses are looked at, unless the peer may be followed (RFC 7296 section 2.23). */
	if (!(sa->udp && sa->follow) && (sa->udp ? !cg_endpoint_equal(&sa->remote, from)
						 : !cg_addr_equal(&sa->remote.addr, &from->addr))) {
		lost(n->sim, w, "it comes from elsewhere");
		return;
	}
	if (!count_packet(n, sa, false)) {
		lost(n->sim, w, "its inbound SA is dead");
		return;
	}
	is_right(n, sa, w);
	arrived(n->sim, w);
	ours = flow_of(n, sa->connection, sa->index);
	if (sa->on_use && ours && !n->one_policy) {
		sa->on_use = false;
		/* As the module: it does not take over from a newer one. */
		if (!ours->active || ours->active->dead || ours->active->place < sa->place)
			ours->active = sa;
	}
	ike_child_traffic(n->engine, n->sim->now, sa->child, n->sim->now);
	if (sa->udp && !cg_endpoint_equal(&sa->remote, from)) {
		sa->remote = *from;
		ike_child_moved(n->engine, n->sim->now, sa->child, from);
	}
}

void sim_esp_receive(struct sim_node *n, const struct sim_packet *p)
{
	struct wire_esp w;
	struct sim_sa *sa;

	memcpy(&w, p->data, sizeof(w));
	for (sa = n->sad; sa; sa = sa->next)
		if (sa->spi_in == w.esp.spi && !memcmp(sa->key_in, w.esp.key, sa->key_len))
			break;
	if (sa) {
		take(n, sa, &w, &p->from);
	} else if (!expected_hold(n, &w, &p->from)) {
		char why[200];

		(void)snprintf(why, sizeof(why),
			       "%.60s has no inbound SA %08x for packet %" PRIu64 " sent at %.6f",
			       n->name, w.esp.spi, w.esp.number, (double)w.esp.sent_at / SIM_S);
		lost(n->sim, &w, why);
	}
}

void sim_sad_clear(struct sim_node *n)
{
	struct sim_sa *next;

	for (struct sim_sa *sa = n->sad; sa; sa = next) {
		next = sa->next;
		free(sa);
	}
	n->sad = NULL;
	n->n_sad = 0;
	sim_expected_clear(n);
	for (size_t c = 0; c < n->max_conns; c++)
		for (size_t i = 0; i < 4; i++)
			n->conns[c].flows[i].active = NULL;
}
