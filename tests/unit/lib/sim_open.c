// SPDX-License-Identifier: Apache-2.0
/* Opens and seals messages with the keys of an engine in the simulation. */
#include "sim_open.h"

#include <string.h>

#include "ike/sk.h"
#include "ike/state.h"

/* Without the marker of port 4500 (RFC 3948 section 2.2). */
static struct ike_view message_of(const struct sim_packet *p)
{
	const size_t marker = p->size >= 4 && !memcmp(p->data, "\0\0\0\0", 4) ? 4 : 0;

	return IKE_VIEW(p->data + marker, p->size - marker);
}

static struct ike_cipher *cipher_of(struct ik_sa *sa)
{
	return sa->initiator ? &sa->keys.initiator : &sa->keys.responder;
}

bool sim_open(struct sim *s, const struct sim_packet *p, struct sim_opened *ret)
{
	struct ike_view raw = message_of(p);
	const struct ike_payload *sk;
	struct sim_node *n = s->nodes;
	size_t len;

	ret->sa = NULL;
	if (p->esp || ike_message_parse(raw.data, raw.len, &ret->msg, NULL) < 0)
		return false;
	while (n && !cg_addr_equal(&n->addr, &p->from.addr))
		n = n->next;
	if (!n)
		return false;
	ret->from = n;
	sk = ike_sk_find(&ret->msg);
	if (!sk)
		return ike_content_parse(&ret->msg.outer, ret->msg.header.flags & IKE_FLAG_RESPONSE,
					 false, &ret->content, NULL) == 0;
	if (sk->type != IKE_PAYLOAD_SK)
		return false;
	ret->sa = ik_sa_find(n->engine, ike_header_from_initiator(&ret->msg.header)
						? ret->msg.header.spi_i
						: ret->msg.header.spi_r);
	if (!ret->sa || raw.len > sizeof(ret->plain) ||
	    ike_sk_open(cipher_of(ret->sa), &ret->msg, ret->plain, &len) < 0)
		return false;
	assert_int_equal(ike_payloads_parse(sk->next, IKE_VIEW(ret->plain, len), &ret->inner, NULL),
			 0);
	assert_int_equal(ike_content_parse(&ret->inner, ret->msg.header.flags & IKE_FLAG_RESPONSE,
					   true, &ret->content, NULL),
			 0);
	return true;
}

void sim_reseal(struct sim *s, const struct sim_packet *p, const struct sim_opened *o,
		bool (*keep)(const struct ike_payload *payload),
		void (*more)(struct ike_builder *b))
{
	const struct ike_payloads *payloads = o->sa ? &o->inner : &o->msg.outer;
	uint8_t chain[8192], out[8192];
	struct ike_builder b;
	size_t len;

	assert_int_equal(p->from.port, 500);
	if (o->sa)
		ike_build_chain(&b, chain, sizeof(chain));
	else
		ike_build_message(&b, chain, sizeof(chain), &o->msg.header);
	for (size_t i = 0; i < payloads->n; i++)
		if (!keep || keep(&payloads->item[i]))
			ike_build_payload(&b, payloads->item[i].type, payloads->item[i].body);
	if (more)
		more(&b);
	assert_int_equal(ike_build_finish(&b, &len), 0);
	if (!o->sa) {
		sim_inject(s, &p->from, &p->to, chain, len);
		return;
	}
	assert_int_equal(ike_sk_seal(cipher_of(o->sa), &o->from->engine_config.random,
				     &o->msg.header, b.first, IKE_VIEW(chain, len), 0, 0, out,
				     sizeof(out), &len),
			 0);
	sim_inject(s, &p->from, &p->to, out, len);
}

static enum sim_verdict change_tap(struct sim *s, struct sim_packet *p)
{
	static struct sim_opened opened;
	struct sim_change *change = s->tap_ctx;

	if (!change->times || !sim_open(s, p, &opened) || opened.from != s->nodes ||
	    opened.msg.header.exchange != change->exchange ||
	    opened.msg.header.flags & IKE_FLAG_RESPONSE)
		return SIM_PASS;
	change->times--;
	if (change->sent_as)
		opened.msg.header.exchange = change->sent_as;
	sim_reseal(s, p, &opened, change->keep, change->more);
	return SIM_DROP;
}

void sim_change(struct sim *s, struct sim_change *change)
{
	s->tap = change_tap;
	s->tap_ctx = change;
}
