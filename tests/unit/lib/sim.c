// SPDX-License-Identifier: Apache-2.0
/*
 * The simulated network: events in their order, packets on their way, NAT. What the nodes do with the engine's
 * outputs is in sim_node.c.
 */
#include "sim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ike/state.h"
#include "sim_private.h"

/* ------------------------------------------------------------------ events */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_event_add(struct sim *s, struct sim_event *e, ike_time at)
{
	size_t i;

	if (s->n_events == s->size_events) {
		s->size_events = s->size_events ? s->size_events * 2 : 256;
		s->heap = realloc(s->heap, s->size_events * sizeof(struct sim_event *));
		assert_non_null(s->heap);
	}
	e->at = at;
	e->order = s->event_count++;
	for (i = s->n_events++; i > 0; i = (i - 1) / 2) {
		if (!before(e, s->heap[(i - 1) / 2]))
			break;
		s->heap[i] = s->heap[(i - 1) / 2];
	}
	s->heap[i] = e;
}

static struct sim_event *event_pop(struct sim *s)
{
	struct sim_event *first = s->heap[0], *last = s->heap[--s->n_events];
	size_t i = 0;

	for (;;) {
		size_t c = 2 * i + 1;

		if (c >= s->n_events)
			break;
		if (c + 1 < s->n_events && before(s->heap[c + 1], s->heap[c]))
			c++;
		if (before(last, s->heap[c]))
			break;
		s->heap[i] = s->heap[c];
		i = c;
	}
	if (s->n_events)
		s->heap[i] = last;
	return first;
}

/* Events, and packets of ESP with their contents, are used again: they come by the million, and the allocator of AddressSanitizer would take half of the time. */
static struct sim_event *spare_events;
static struct sim_packet *spare_esp;
size_t sim_esp_made;

static void packet_free(struct sim_packet *p)
{
	if (!p)
		return;
	if (p->data == (uint8_t *)(p + 1)) {
		p->next = spare_esp;
		spare_esp = p;
		return;
	}
	free(p->data);
	free(p);
}

static void event_free(struct sim_event *e)
{
	packet_free(e->packet);
	free(e->extra);
	e->spare = spare_events;
	spare_events = e;
}

struct sim_event *sim_event_new(enum sim_event_kind kind, struct sim_node *n)
{
	struct sim_event *e = spare_events;

	if (e) {
		spare_events = e->spare;
		*e = (struct sim_event){};
	} else {
		e = calloc(1, sizeof(*e));
	}
	assert_non_null(e);
	e->kind = kind;
	e->node = n;
	return e;
}

void sim_schedule_tick(struct sim_node *n)
{
	ike_time at = ike_deadline(n->engine);

	if (at == IKE_TIME_NEVER)
		return;
	if (at < n->sim->now)
		at = n->sim->now;
	if (n->deadline && n->deadline <= at && n->deadline > n->sim->now)
		return;
	n->deadline = at;
	sim_event_add(n->sim, sim_event_new(SIM_EVENT_TICK, n), at);
}

/* ------------------------------------------------------------------ the network */

struct cg_endpoint sim_endpoint(const char *addr, uint16_t port)
{
	struct cg_endpoint e = {.port = port};

	assert_int_equal(cg_addr_parse(addr, &e.addr), 0);
	return e;
}

static struct sim_node *node_at(struct sim *s, const struct cg_addr *a, const struct sim_nat *nat)
{
	for (struct sim_node *n = s->nodes; n; n = n->next)
		if (n->nat == nat && cg_addr_equal(&n->addr, a))
			return n;
	return NULL;
}

static uint16_t nat_out(struct sim_nat *nat, const struct cg_endpoint *inside)
{
	for (size_t i = 0; i < nat->n; i++)
		if (cg_endpoint_equal(&nat->map[i].inside, inside))
			return nat->map[i].port;
	assert_true(nat->n < 8);
	nat->map[nat->n].inside = *inside;
	nat->map[nat->n].port = nat->next_port++;
	return nat->map[nat->n++].port;
}

static void deliver_later(struct sim *s, struct sim_packet *p)
{
	struct sim_event *e = sim_event_new(SIM_EVENT_PACKET, NULL);
	ike_time delay = s->delay_min;

	if (s->delay_max > s->delay_min)
		delay += seeded_next(&s->random) % (s->delay_max - s->delay_min);
	e->packet = p;
	sim_event_add(s, e, s->now + delay);
}

static struct sim_packet *esp_packet(void)
{
	struct sim_packet *p = spare_esp;

	if (p) {
		spare_esp = p->next;
	} else {
		p = calloc(1, sizeof(*p) + sizeof(struct wire_esp));
		sim_esp_made++;
	}
	assert_non_null(p);
	p->next = NULL;
	p->data = (uint8_t *)(p + 1);
	return p;
}

static struct sim_packet *packet_new(const struct cg_endpoint *from, const struct cg_endpoint *to,
				     const void *data, size_t size, bool esp)
{
	struct sim_packet *p;

	if (esp) {
		assert_int_equal(size, sizeof(struct wire_esp));
		p = esp_packet();
	} else {
		p = calloc(1, sizeof(*p));
		assert_non_null(p);
		p->data = malloc(size ? size : 1);
		assert_non_null(p->data);
	}
	p->from = *from;
	p->to = *to;
	p->esp = esp;
	p->size = size;
	if (size)
		memcpy(p->data, data, size);
	return p;
}

static bool chance(struct sim *s, unsigned percent)
{
	return percent && seeded_next(&s->random) % 100 < percent;
}

void sim_send(struct sim_node *n, const struct cg_endpoint *from, const struct cg_endpoint *to,
	      const void *data, size_t size, bool esp)
{
	struct sim *s = n->sim;
	struct cg_endpoint source = {.addr = from->addr, .port = from->port};
	struct sim_packet *p;
	unsigned copies = 1;

	if (esp)
		sim_count_esp(&s->esp.sent, data);
	if (n->cut) {
		if (esp)
			sim_esp_lost(s, data, "its host is cut off");
		return;
	}
	if (cg_addr_is_any(&source.addr))
		source.addr = n->addr;
	/* An address that the node has no more: the kernel refuses to send from it. */
	if (!cg_addr_equal(&source.addr, &n->addr)) {
		p = packet_new(&source, to, data, size, esp);
		if (esp)
			sim_esp_lost(s, data, "its local address is gone");
		else
			n->lost_address = source.addr;
		packet_free(p);
		return;
	}
	if (n->nat) {
		source.port = nat_out(n->nat, &source);
		source.addr = n->nat->outside;
	}
	if (!esp) {
		sim_touch_datagram(n, data, size);
		sim_watch_datagram(n, data, size);
		s->datagrams++;
		if (s->mtu && size + 28 > s->mtu)
			return;
		if (chance(s, s->loss))
			return;
		if (chance(s, s->duplicate))
			copies++;
	}
	while (copies--) {
		p = packet_new(&source, to, data, size, esp);
		if (s->tap && s->tap(s, p) == SIM_DROP) {
			if (esp)
				sim_count_esp(&s->esp.withheld, data);
			packet_free(p);
			continue;
		}
		deliver_later(s, p);
	}
}

void sim_inject(struct sim *s, const struct cg_endpoint *from, const struct cg_endpoint *to,
		const uint8_t *data, size_t size)
{
	deliver_later(s, packet_new(from, to, data, size, false));
}

void sim_repeat(struct sim *s, const struct sim_packet *p, ike_time after)
{
	struct sim_event *e = sim_event_new(SIM_EVENT_PACKET, NULL);

	assert_false(p->esp);
	e->packet = packet_new(&p->from, &p->to, p->data, p->size, false);
	sim_event_add(s, e, s->now + after);
}

static void deliver(struct sim *s, struct sim_packet *p)
{
	struct sim_node *n = node_at(s, &p->to.addr, NULL);
	struct cg_endpoint to = p->to;

	for (size_t i = 0; !n && i < s->n_nats; i++) {
		struct sim_nat *nat = s->nats[i];

		if (!cg_addr_equal(&nat->outside, &p->to.addr))
			continue;
		for (size_t k = 0; k < nat->n; k++) {
			if (nat->map[k].port != p->to.port)
				continue;
			to = nat->map[k].inside;
			n = node_at(s, &to.addr, nat);
			break;
		}
	}
	if (!n || n->cut) {
		if (p->esp)
			sim_esp_lost(s, p->data, "no host at its address");
		return;
	}
	to.vrf = n->vrf;
	if (p->esp) {
		sim_esp_receive(n, p);
	} else {
		sim_touch_datagram(n, p->data, p->size);
		ike_input(n->engine, s->now, &to, &p->from, p->data, p->size);
	}
	sim_node_drain(n);
}

/* ------------------------------------------------------------------ time */

static void event_run(struct sim *s, struct sim_event *e)
{
	struct sim_node *n = e->node;

	switch (e->kind) {
	case SIM_EVENT_PACKET: deliver(s, e->packet); break;
	case SIM_EVENT_TICK:
		if (n->deadline == e->at)
			n->deadline = 0;
		if (ike_deadline(n->engine) <= s->now)
			ike_tick(n->engine, s->now);
		sim_node_drain(n);
		break;
	case SIM_EVENT_ANSWER:
		sim_node_answer(n, e);
		sim_node_drain(n);
		break;
	case SIM_EVENT_SA:
		sim_sad_limit(n, e);
		sim_node_drain(n);
		break;
	case SIM_EVENT_TRAFFIC:
		for (n = s->nodes; n; n = n->next)
			sim_node_traffic(n);
		if (s->traffic)
			sim_event_add(s, sim_event_new(SIM_EVENT_TRAFFIC, NULL),
				      s->now + s->traffic);
		break;
	}
}

bool sim_until(struct sim *s, ike_time duration, bool (*done)(struct sim *s))
{
	ike_time end = s->now + duration;

	for (struct sim_node *n = s->nodes; n; n = n->next)
		sim_node_drain(n);
	if (s->traffic && !s->had_traffic) {
		s->had_traffic = true;
		sim_event_add(s, sim_event_new(SIM_EVENT_TRAFFIC, NULL), s->now + s->traffic);
	}
	while (s->n_events && s->heap[0]->at <= end) {
		struct sim_event *e = event_pop(s);

		if (e->at > s->now)
			s->now = e->at;
		event_run(s, e);
		event_free(e);
		if (done && done(s))
			return true;
	}
	s->now = end;
	return false;
}

void sim_run(struct sim *s, ike_time duration)
{
	(void)sim_until(s, duration, NULL);
}

static const struct sim_node *awaited;

static bool awaited_is_up(struct sim *s)
{
	(void)s;
	return sim_count(awaited, 1).up;
}

static bool awaited_is_down(struct sim *s)
{
	return !awaited_is_up(s);
}

bool sim_until_up(struct sim_node *n, ike_time duration)
{
	awaited = n;
	return sim_until(n->sim, duration, awaited_is_up);
}

bool sim_until_down(struct sim_node *n, ike_time duration)
{
	awaited = n;
	return sim_until(n->sim, duration, awaited_is_down);
}

enum sim_verdict sim_no_init(struct sim *s, struct sim_packet *p)
{
	(void)s;
	return !p->esp && p->size > 18 && p->data[18] == IKE_EXCHANGE_SA_INIT ? SIM_DROP : SIM_PASS;
}

/* ------------------------------------------------------------------ making */

/*
 * The simulation that is not over. A failed assertion leaves one behind, wherever it was: the next simulation, or the end of the program,
 * tells its seed. Numbers alone are kept, so that a leak is still seen as one.
 */
static struct {
	uint64_t seed;
	unsigned number; /* 0: none */
} unfinished;

static void tell_unfinished(void)
{
	/* Standard output may be nobody's any more at the end of the program. */
	if (unfinished.number)
		(void)fprintf(stderr,
			      "# a simulation was broken off: seed %" PRIu64
			      "; replay with SEED=%" PRIu64 " %s\n",
			      unfinished.seed, unfinished.seed, program_invocation_name);
	unfinished.number = 0;
}

static void begin(struct sim *s)
{
	static unsigned last;

	if (!last)
		(void)atexit(tell_unfinished);
	tell_unfinished();
	s->number = ++last;
	unfinished.seed = s->seed;
	unfinished.number = s->number;
}

struct sim *sim_new(uint64_t seed)
{
	struct sim *s = calloc(1, sizeof(*s));
	const char *env = getenv("SEED");

	assert_non_null(s);
	if (env)
		seed = strtoull(env, NULL, 0);
	s->seed = seed;
	begin(s);
	(void)seeded_random(&s->random, seed);
	s->now = 1000 * SIM_S;
	s->delay_min = 10 * SIM_MS;
	s->delay_max = 20 * SIM_MS;
	s->answer_max = 5 * SIM_MS;
	return s;
}

void sim_free(struct sim *s)
{
	struct sim_node *next;

	sim_assert_counted(s);
	if (unfinished.number == s->number)
		unfinished.number = 0;
	while (s->n_events)
		event_free(event_pop(s));
	free(s->heap);
	for (struct sim_node *n = s->nodes; n; n = next) {
		next = n->next;
		sim_node_free(n);
	}
	for (size_t i = 0; i < s->n_nats; i++)
		free(s->nats[i]);
	sim_watch_free(s);
	free(s);
}

void sim_node_nat(struct sim_node *n, const char *outside)
{
	struct sim_nat *nat = calloc(1, sizeof(*nat));

	assert_non_null(nat);
	assert_true(n->sim->n_nats < 4);
	nat->outside = sim_endpoint(outside, 0).addr;
	nat->next_port = 20000;
	n->nat = nat;
	n->sim->nats[n->sim->n_nats++] = nat;
}

void sim_node_move(struct sim_node *n, const char *addr)
{
	n->addr = sim_endpoint(addr, 0).addr;
	n->nat = NULL;
}

void sim_nat_forward(struct sim_node *n, uint16_t port)
{
	struct sim_nat *nat = n->nat;

	assert_true(nat->n < 8);
	nat->map[nat->n].inside = (struct cg_endpoint){.addr = n->addr, .port = port};
	nat->map[nat->n++].port = port;
}

void sim_nat_rebind(struct sim_node *n)
{
	n->nat->n = 0;
	n->nat->next_port += 1000;
}

/* The one look behind the interface, for whoever has to find out why. */
static void print_engine(const struct ike_engine *e)
{
	IK_LIST_FOREACH(&e->all_sas, link) {
		const struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_all);

		print_message("    IKE SA %016" PRIx64 "/%016" PRIx64 " %s%s%s%s, binding %" PRIu64
			      ", task %d, ids %u %u\n",
			      sa->spi_i, sa->spi_r, ik_sa_state_name(sa->state),
			      sa->initiator ? " initiator" : "", sa->undecided ? " undecided" : "",
			      sa->redundant ? " redundant" : "", sa->binding,
			      sa->active ? (int)sa->active->task.kind : -1, sa->next_id,
			      sa->expected_id);
		IK_LIST_FOREACH(&sa->children, l) {
			const struct ik_child *c = IK_ENTRY(l, struct ik_child, in_sa);

			print_message("      Child SA %" PRIu64 " in %08x out %08x state %d%s\n",
				      c->number, c->spi_in, c->spi_out, (int)c->state,
				      c->on_use ? " on use" : "");
		}
	}
	IK_LIST_FOREACH(&e->lingering, link) {
		const struct ik_child *c = IK_ENTRY(link, struct ik_child, in_sa);

		print_message("    lingering Child SA %" PRIu64 " in %08x\n", c->number, c->spi_in);
	}
}

void sim_print(const struct sim *s)
{
	print_message("seed %" PRIu64 ", time %.3f s; replay with SEED=%" PRIu64 " %s\n", s->seed,
		      (double)s->now / SIM_S, s->seed, program_invocation_name);
	for (const struct sim_node *n = s->nodes; n; n = n->next) {
		size_t from = n->n_reports > 24 ? n->n_reports - 24 : 0;

		print_message("  node %s: %zu in SAD, %" PRIu64 " bindings\n", n->name, n->n_sad,
			      n->live_bindings);
		print_engine(n->engine);
		for (size_t i = from; i < n->n_reports; i++) {
			const struct sim_report *r = &n->reports[i % SIM_MAX_REPORTS];

			print_message("    %10.3f %s: %s\n", (double)r->at / SIM_S, r->event,
				      r->text);
		}
	}
}
