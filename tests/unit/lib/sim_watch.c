// SPDX-License-Identifier: Apache-2.0
/*
 * What must hold whatever happens, looked at with every datagram and every event of a simulation: IVs are never used for two
 * messages, message IDs grow by one, no value of a key exchange is sent in two, no key of a Child SA comes twice, and what an engine keeps fits together. A seed under which
 * something does not hold fails there and then.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

static void broken(struct sim *s, const char *what, const struct sim_node *n)
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
		broken(n->sim, "a value of a key exchange was sent in another one", n);
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
		broken(s, "an IV was used for two messages", n);
	/* Section 2.2: from 0, one by one; only the last one is ever repeated. */
	id = ike_load_u32(data + 20);
	key = mix(2 + (flags & (IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE)), data, 16);
	value = seen_at(s->sent, key, &new);
	/* An IKE SA that comes of a rekeying begins with 0, any other with what follows IKE_SA_INIT. */
	if (new ? id > 1 : id != *value && id != *value + 1)
		broken(s, "a message ID that is not the last one or the next", n);
	*value = id;
	/* Section 2.3: a window of one. The request before has been answered; the answer to IKE_SA_INIT is none of these. */
	if (!(flags & IKE_FLAG_RESPONSE) && id > 1) {
		key = mix(2 + ((~flags & IKE_FLAG_INITIATOR) | IKE_FLAG_RESPONSE), data, 16);
		value = seen_at(s->sent, key, &new);
		if (new || *value + 1 < id)
			broken(s, "a request before the last one was answered", n);
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
		broken(s, "a key to send with came a second time", n);
	if (o->keys.encr_in.size == o->keys.encr_out.size &&
	    !memcmp(o->keys.encr_in.data, o->keys.encr_out.data, o->keys.encr_in.size))
		broken(s, "both directions have one key", n);
}

/* What the engine keeps, after it was left alone. */
void sim_watch_engine(struct sim_node *n)
{
	const struct ike_engine *e = n->engine;
	size_t children = 0, sas = 0, up = 0;

	if (!ik_list_empty(&e->dead_sas) || !ik_list_empty(&e->dead_children))
		broken(n->sim, "the dead are not buried", n);
	IK_LIST_FOREACH(&e->all_sas, link) {
		const struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_all);

		sas++;
		up += ik_sa_is_up(sa);
		if (ik_sa_find(e, ik_sa_spi(sa)) != sa)
			broken(n->sim, "an IKE SA that its SPI does not lead to", n);
		if (sa->in_places != ik_sa_is_up(sa) ||
		    (sa->in_places && sa->by_place.key != ik_addr_hash(e, &sa->remote.addr, 0)))
			broken(n->sim, "an IKE SA that is not found where its peer is", n);
		if (sa->active && (sa->active->sa != sa || !sa->active->timer.place))
			broken(n->sim, "a request that nothing repeats or ends", n);
		if (sa->state != IK_SA_UP && sa->state != IK_SA_REKEYED && !sa->life.place &&
		    !sa->active && !sa->setup && sa->state != IK_SA_REKEY_OFFER)
			broken(n->sim, "an IKE SA that nothing ends", n);
		IK_LIST_FOREACH(&sa->children, l) {
			const struct ik_child *child = IK_ENTRY(l, struct ik_child, in_sa);

			children++;
			if (child->sa != sa || ik_child_find(e, child->number) != child)
				broken(n->sim, "a Child SA that is not where it belongs", n);
		}
	}
	IK_LIST_FOREACH(&e->lingering, link) {
		const struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		children++;
		if (child->sa || !child->timer.place)
			broken(n->sim, "a Child SA that lingers for ever", n);
	}
	if (e->sas.n != sas || e->places.n != up || e->children.n != children ||
	    e->esp_spis.n != children)
		broken(n->sim, "tables and lists differ", n);
	if (e->timers.n > e->n_timers)
		broken(n->sim, "more timers than there is room for", n);
}

/* At rest nothing is asked for or kept that nobody uses. */
bool sim_watch_rest(const struct sim_node *n)
{
	const struct ike_engine *e = n->engine;

	return e->requests.n == 0 && ik_list_empty(&e->waiting) && e->half_open == 0 &&
	       e->nets.n == 0 && e->inits.n == 0;
}

void sim_watch_free(struct sim *s)
{
	if (s->sent) {
		free(s->sent->keys);
		free(s->sent->values);
	}
	free(s->sent);
}
