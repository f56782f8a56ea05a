// SPDX-License-Identifier: Apache-2.0
/*
 * What must hold whatever happens, looked at with every datagram and every event of a simulation: IVs are never used for two
 * messages, message IDs grow by one, no value of a key exchange is sent in two, no key of a Child SA comes twice, and what an engine keeps fits together; of one with many peers
 * that is looked at where the event was, and all over every so many events. A seed under which something does not hold fails there and then.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine_check.h"
#include "ike/sk.h"
#include "ike/state.h"
#include "sim_private.h"

/* A set of pairs that only grows. */
struct sim_seen {
	uint64_t *keys, *values;
	size_t n, size;
};

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3;
	return h ^ h >> 29;
}

static void seen_grow(struct sim_seen *s)
{
	struct sim_seen bigger = {.size = s->size ? s->size * 2 : 1024};

	bigger.keys = calloc(bigger.size, sizeof(*bigger.keys));
	bigger.values = calloc(bigger.size, sizeof(*bigger.values));
	assert_non_null(bigger.keys);
	assert_non_null(bigger.values);
	for (size_t i = 0; i < s->size; i++)
		if (s->keys[i]) {
			size_t at = s->keys[i] & (bigger.size - 1);

			while (bigger.keys[at])
				at = (at + 1) & (bigger.size - 1);
			bigger.keys[at] = s->keys[i];
			bigger.values[at] = s->values[i];
		}
	bigger.n = s->n;
	free(s->keys);
	free(s->values);
	*s = bigger;
}

/* Where the value of a key is kept; *ret_new: it was not there, and is 0. */
static uint64_t *seen_at(struct sim_seen *s, uint64_t key, bool *ret_new)
{
	size_t at;

	if (s->n * 2 >= s->size)
		seen_grow(s);
	if (!key)
		key = 1;
	at = key & (s->size - 1);
	while (s->keys[at] && s->keys[at] != key)
		at = (at + 1) & (s->size - 1);
	*ret_new = !s->keys[at];
	s->n += *ret_new;
	s->keys[at] = key;
	return &s->values[at];
}

void sim_broken(struct sim *s, const char *what, const struct sim_node *n)
{
	sim_print(s);
	fail_msg("at %.6f s, node %s: %s", (double)s->now / SIM_S, n->name, what);
}

/*
 * Section 2.12 allows to use a value again; certgate does not. What belongs to one exchange are its repetitions, and those of IKE_SA_INIT with another COOKIE or group.
 */
static void watch_ke(struct sim_node *n, const struct ike_header *h, struct ike_view ke)
{
	uint64_t exchange = mix(h->exchange, &h->spi_i, sizeof(h->spi_i)), *value;
	bool new;

	if (ike_header_is_response(h) || h->exchange != IKE_EXCHANGE_SA_INIT)
		exchange = mix(exchange, &h->spi_r, sizeof(h->spi_r));
	exchange = mix(exchange, &h->message_id, sizeof(h->message_id));
	exchange = mix(exchange, &h->flags, sizeof(h->flags)) | 1;
	value = seen_at(n->sim->sent, mix(0x4b45, ke.data, ke.len), &new);
	n->sim->ke_values += new;
	if (new)
		*value = exchange;
	else if (*value != exchange)
		sim_broken(n->sim, "a value of a key exchange was sent in another one", n);
}

/* What is in a message that may have one; in fragments it is not looked for. */
static void watch_exchange(struct sim_node *n, const uint8_t *data, size_t size)
{
	static uint8_t plain[IKE_MESSAGE_MAX];
	static struct ike_payloads inner;
	static struct ike_message msg;
	const struct ike_payloads *payloads = &msg.outer;
	const struct ike_payload *sk, *ke;
	const struct ik_sa *sa;
	size_t len;

	switch (data[18]) {
	case IKE_EXCHANGE_SA_INIT:
	case IKE_EXCHANGE_INTERMEDIATE:
	case IKE_EXCHANGE_CREATE_CHILD_SA:
	case IKE_EXCHANGE_FOLLOWUP_KE: break;
	default: /* a byte, not an enum */ return;
	}
	if (ike_message_parse(data, size, &msg, NULL) < 0)
		return;
	sk = ike_sk_find(&msg);
	if (sk) {
		sa = ik_sa_find(n->engine, ike_header_from_initiator(&msg.header)
						   ? msg.header.spi_i
						   : msg.header.spi_r);
		if (sk->type != IKE_PAYLOAD_SK || !sa ||
		    ike_sk_open(sa->initiator ? &sa->keys.initiator : &sa->keys.responder, &msg,
				plain, &len) < 0 ||
		    ike_payloads_parse(sk->next, IKE_VIEW(plain, len), &inner, NULL) < 0)
			return;
		payloads = &inner;
	}
	ke = ike_payloads_find(payloads, IKE_PAYLOAD_KE, 0);
	if (ke)
		watch_ke(n, &msg.header, ke->body);
}

void sim_watch_datagram(struct sim_node *n, const uint8_t *data, size_t size)
{
	struct sim *s = n->sim;
	uint64_t key, hash, *value;
	uint8_t flags, next;
	size_t iv_at;
	uint32_t id;
	bool new;

	if (size >= 4 && !memcmp(data, "\0\0\0\0", 4)) {
		data += 4;
		size -= 4;
	}
	if (size < 48)
		return;
	next = data[16];
	flags = data[19];
	if (!s->sent)
		s->sent = calloc(1, sizeof(*s->sent));
	assert_non_null(s->sent);
	watch_exchange(n, data, size);
	if (next != IKE_PAYLOAD_SK && next != IKE_PAYLOAD_SKF)
		return;
	iv_at = next == IKE_PAYLOAD_SKF ? 36 : 32;
	hash = mix(1, data, size) | 1;
	key = mix(mix(flags & IKE_FLAG_INITIATOR, data, 16), data + iv_at, 8);
	value = seen_at(s->sent, key, &new);
	if (new)
		*value = hash;
	else if (*value != hash)
		sim_broken(s, "an IV was used for two messages", n);
	/* Section 2.2: from 0, one by one; only the last one is ever repeated. */
	id = ike_load_u32(data + 20);
	key = mix(2 + (flags & (IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE)), data, 16);
	value = seen_at(s->sent, key, &new);
	/* An IKE SA that comes of a rekeying begins with 0, any other with what follows IKE_SA_INIT. */
	if (new ? id > 1 : id != *value && id != *value + 1)
		sim_broken(s, "a message ID that is not the last one or the next", n);
	*value = id;
	/* Section 2.3: a window of one. The request before has been answered; the answer to IKE_SA_INIT is none of these. */
	if (!(flags & IKE_FLAG_RESPONSE) && id > 1) {
		key = mix(2 + ((~flags & IKE_FLAG_INITIATOR) | IKE_FLAG_RESPONSE), data, 16);
		value = seen_at(s->sent, key, &new);
		if (new || *value + 1 < id)
			sim_broken(s, "a request before the last one was answered", n);
	}
}

void sim_watch_child(struct sim_node *n, const struct ike_out_child_add *o)
{
	struct sim *s = n->sim;
	uint64_t *value;
	bool new;

	if (!s->sent)
		s->sent = calloc(1, sizeof(*s->sent));
	assert_non_null(s->sent);
	value = seen_at(s->sent, mix(n->number * 2, o->keys.encr_out.data, o->keys.encr_out.size),
			&new);
	*value = 1;
	if (!new)
		sim_broken(s, "a key to send with came a second time", n);
	if (o->keys.encr_in.size == o->keys.encr_out.size &&
	    !memcmp(o->keys.encr_in.data, o->keys.encr_out.data, o->keys.encr_in.size))
		sim_broken(s, "both directions have one key", n);
}

/* ------------------------------------------------------------------ what the engine keeps */

/* As many IKE SAs are looked at with each event; a whole engine, if it has no more. */
enum { FEW = 64 };

static struct sim_touched *touched(struct sim_node *n)
{
	const size_t size = sizeof(n->touched) / sizeof(n->touched[0]);

	/* Too many to be told apart: the whole engine. */
	if (n->n_touched == size) {
		n->all_touched = true;
		n->n_touched = 0;
	}
	return &n->touched[n->n_touched++];
}

void sim_touch(struct sim_node *n, uint32_t connection)
{
	if (n->n_touched == 0 || n->touched[n->n_touched - 1].connection != connection)
		*touched(n) = (struct sim_touched){.connection = connection};
}

void sim_touch_datagram(struct sim_node *n, const uint8_t *data, size_t size)
{
	size_t at = size >= 4 && !memcmp(data, "\0\0\0\0", 4) ? 4 : 0;

	for (size_t end = at + 16; at < end && at + 8 <= size; at += 8)
		*touched(n) = (struct sim_touched){.spi = ike_load_u64(data + at)};
}

void sim_touch_request(struct sim_node *n, uint64_t request)
{
	const struct ik_node *node = ik_table_find(&n->engine->requests, request, NULL);
	const struct ik_request *r = node ? IK_ENTRY(node, struct ik_request, node) : NULL;
	const struct ik_child *child;

	if (!r)
		return;
	child = r->kind == IK_REQUEST_CHILD ? ik_child_find(n->engine, r->owner) : NULL;
	if (child)
		sim_touch(n, child->connection);
	else
		*touched(n) = (struct sim_touched){.spi = r->owner};
}

/* An IKE SA that an event was about, and all of its connection. */
static const char *check_touched(const struct ike_engine *e, const struct sim_touched *t)
{
	const struct ik_sa *sa = t->spi ? ik_sa_find(e, t->spi) : NULL;
	const struct ik_conn *conn = sa ? sa->conn : ik_conn_find(e, t->connection);
	struct engine_sums sums = {};
	const char *wrong = sa ? engine_check_sa(e, sa, &sums) : NULL;

	if (conn)
		IK_LIST_FOREACH(&conn->sas, link)
			if (!wrong)
				wrong = engine_check_sa(e, IK_ENTRY(link, struct ik_sa, in_conn),
							&sums);
	return wrong;
}

/* The kernel has what the engine has asked for, and has not taken back: all that was answered, and what is on its way to it. */
static const char *check_kernel(const struct sim_node *n, const struct engine_sums *sums)
{
	size_t ours = 0;

	/* What it is to go on with is not restored yet. */
	if (n->engine->holding)
		return NULL;
	for (const struct sim_sa *sa = n->sad; sa; sa = sa->next) {
		const struct ik_child *child;

		/* One that an engine has left behind belongs to nobody. */
		if (sa->child >> 63)
			continue;
		ours++;
		child = ik_child_find(n->engine, sa->child);
		if (!child || !child->installed)
			return "an SA in the kernel that no Child SA has";
		if (child->spi_in != sa->spi_in || child->binding != sa->binding ||
		    child->connection != sa->connection)
			return "an SA in the kernel that is not its Child SA's";
	}
	if (!n->one_policy && sums->installed != ours + n->refused)
		return "a Child SA that the kernel does not have";
	if (n->engine->bindings.n + n->granted != n->live_bindings)
		return "a binding that nobody has";
	return NULL;
}

/*
 * After each event. Looking through a hub with a thousand peers takes long: each event has a look at what it was about, and
 * every so many all is looked at.
 */
void sim_watch_event(struct sim_node *n)
{
	const struct ike_engine *e = n->engine;
	const char *wrong;

	if (n->all_touched || e->sas.n <= FEW || n->looked++ % (e->sas.n / FEW) == 0) {
		struct engine_sums sums;

		wrong = engine_check(e, &sums);
		if (!wrong)
			wrong = check_kernel(n, &sums);
	} else {
		wrong = engine_check_dead(e);
		for (size_t i = 0; i < n->n_touched && !wrong; i++)
			wrong = check_touched(e, &n->touched[i]);
	}
	n->all_touched = false;
	n->n_touched = 0;
	if (wrong)
		sim_broken(n->sim, wrong, n);
}

/* At rest nothing is asked for or kept that nobody uses. */
bool sim_watch_rest(const struct sim_node *n)
{
	const struct ike_engine *e = n->engine;

	return e->requests.n == 0 && ik_list_empty(&e->waiting) && e->half_open == 0 &&
	       e->held == 0 && ik_list_empty(&e->unproven) && e->nets.n == 0 && e->inits.n == 0;
}

static int by_address(const void *a, const void *b)
{
	const struct ik_config *const *x = a, *const *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* How often this one has something that it shares with others. */
static size_t shares(const struct ike_connection_config *c)
{
	size_t n = !!c->local_id.data + !!c->local_identity.data + !!c->remote_id.data +
		   !!c->auth_methods.data + !!c->certs + !!c->anchor_hashes + !!c->ike_policy +
		   !!c->esp_policy + c->n_certs;

	for (size_t i = 0; i < c->n_children; i++)
		n += !!c->children[i].local_ts + !!c->children[i].remote_ts;
	return n;
}

/* What configurations share is kept for those that there are. */
void sim_watch_shared(const struct sim_node *n)
{
	const struct ike_engine *e = n->engine;
	const struct ik_config **all = calloc(e->conns.n + e->sas.n * 2 + 1,
					      sizeof(const struct ik_config *));
	size_t count = 0, have = 0, kept = 0;

	assert_non_null(all);
	IK_LIST_FOREACH(&e->all_conns, link)
		all[count++] = IK_ENTRY(link, struct ik_conn, in_all)->config;
	IK_LIST_FOREACH(&e->all_sas, link) {
		const struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_all);

		if (sa->config)
			all[count++] = sa->config;
		if (sa->active && sa->active->config)
			all[count++] = sa->active->config;
	}
	qsort(all, count, sizeof(const struct ik_config *), by_address);
	for (size_t i = 0; i < count; i++)
		if (!i || all[i] != all[i - 1])
			have += shares(&all[i]->c);
	free(all);
	for (size_t i = 0; i < (size_t)1 << e->shared.bits; i++)
		for (const struct ik_node *node = e->shared.buckets[i]; node; node = node->next)
			kept += IK_ENTRY(node, struct ik_shared, node)->refs;
	if (kept != have)
		sim_broken(n->sim, "something of configurations that there are no more", n);
}

void sim_watch_free(struct sim *s)
{
	if (s->sent) {
		free(s->sent->keys);
		free(s->sent->values);
	}
	free(s->sent);
}
