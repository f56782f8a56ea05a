// SPDX-License-Identifier: Apache-2.0
/*
 * The engine, before and after decryption. The input is a program: it chooses how far two engines come with each other, and
 * then what the target is given: raw datagrams; chains of the fuzzer's choice, sealed with the session's keys; messages of
 * the honest peer, opened, damaged and sealed again; time, operators' commands, the kernel's events, answers that fail. By the first
 * byte there are additional key exchanges (RFC 9370), a cipher that is no AEAD, and addresses may change (RFC 4555). Whatever comes, requests and answers of
 * the kernel fit together, what the engine keeps does (engine_check.h), and when all is shut down nothing is left.
 */
#include "lib/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "ike/state.h"
#include "lib/engine_check.h"
#include "lib/program.h"
#include "lib/wire_check.h"

#define SECOND ((ike_time)1000000)

enum { QUEUE = 64, OUTPUTS = 4096, MAX_CHILDREN = 4096, MAX_BINDINGS = 512 };

/* What the target, or the honest peer, has around it. */
struct side {
	struct ike_engine *engine;
	struct cg_endpoint addr;
	uint64_t random;
	uint64_t token;
	bool refuse_verdict, refuse_signature, refuse_child;
	bool deaf; /* its datagrams are not carried */
	bool child[MAX_CHILDREN];
	size_t children;
	bool binding[MAX_BINDINGS];
	uint64_t bindings, live_bindings;
	uint64_t some_child, some_binding; /* the last ones */
};

struct datagram {
	struct side *to;
	struct cg_endpoint local, remote;
	uint8_t data[4096];
	size_t size;
};

static struct side sides[2];
static struct side *const target = &sides[0], *const peer = &sides[1];
static struct datagram queue[QUEUE];
static size_t queued;
static ike_time now;
static unsigned
	damage; /* the n-th message of the peer from now on is opened and damaged as the input says */
static bool additional, mobike, cbc;

static struct ike_view next_bytes(void)
{
	size_t len = next16() % 2048;
	struct ike_view v;

	if (len > input.left)
		len = input.left;
	if (!ike_read_view(&input, len, &v))
		return IKE_VIEW_NONE;
	return v;
}

/* ------------------------------------------------------------------ the peer's messages, damaged */

static struct ik_sa *sa_of(struct side *s)
{
	struct ik_sa *best = NULL;

	IK_LIST_FOREACH(&s->engine->all_sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_all);

		if (ik_sa_alive(sa) && (sa->has_keys || sa->setup))
			best = sa;
	}
	if (best && !best->has_keys && best->setup && best->setup->peer_ke.len)
		(void)ik_sa_derive(best);
	return best && best->has_keys ? best : NULL;
}

static void to_target(const struct cg_endpoint *local, const struct cg_endpoint *remote,
		      const uint8_t *data, size_t size)
{
	/* As long as it is and no longer, for AddressSanitizer to see what is read behind it. */
	uint8_t *exact = malloc(size ? size : 1);
	uint64_t lane;

	MUST(exact);
	if (size)
		memcpy(exact, data, size);
	/* It decides what comes first, before that. */
	(void)ike_rank(target->engine, local, remote, exact, size, &lane);
	ike_input(target->engine, now, local, remote, exact, size);
	free(exact);
}

static size_t mutate(uint8_t *chain, size_t len, size_t room)
{
	for (unsigned n = next8() % 8; n && len; n--) {
		uint8_t how = next8();
		size_t at = next16() % len;

		switch (how % 4) {
		case 0: chain[at] = next8(); break;
		case 1: chain[at] ^= (uint8_t)(1 << (how >> 2) % 8); break;
		case 2:
			memmove(chain + at, chain + at + 1, len - at - 1);
			len--;
			break;
		case 3:
			if (len == room)
				break;
			memmove(chain + at + 1, chain + at, len - at);
			chain[at] = next8();
			len++;
			break;
		}
	}
	return len;
}

/* Opens what the peer sealed, damages it, seals it again; false: it is not such a message. */
static bool reseal(const struct cg_endpoint *local, const struct cg_endpoint *remote,
		   const uint8_t *data, size_t size)
{
	static uint8_t chain[8192], out[9004];
	const struct ike_random random = {.fill = fill, .ctx = &peer->random};
	struct ike_message msg;
	const struct ike_payload *sk;
	struct ik_sa *sa = NULL;
	struct ike_cipher *cipher;
	struct ike_header h;
	size_t len, out_len;
	uint8_t first;

	if (local->port == IKE_NAT_PORT && size > 4) {
		data += 4;
		size -= 4;
	}
	if (ike_message_parse(data, size, &msg, NULL) < 0 || !(sk = ike_sk_find(&msg)) ||
	    sk->type != IKE_PAYLOAD_SK)
		return false;
	IK_LIST_FOREACH(&peer->engine->all_sas, link) {
		struct ik_sa *s = IK_ENTRY(link, struct ik_sa, in_all);

		if (s->spi_i == msg.header.spi_i && s->has_keys)
			sa = s;
	}
	if (!sa)
		return false;
	cipher = sa->initiator ? &sa->keys.initiator : &sa->keys.responder;
	if (ike_sk_open(cipher, &msg, chain, &len) < 0)
		return false;
	first = sk->next;
	if (next8() % 8 == 0)
		first = next8();
	len = mutate(chain, len, 4000);
	h = msg.header;
	if (ike_sk_seal(cipher, &random, &h, first, IKE_VIEW(chain, len), 0, 0, out,
			sizeof(out) - 4, &out_len) < 0)
		return false;
	if (local->port == IKE_NAT_PORT) {
		memmove(out + 4, out, out_len);
		memset(out, 0, 4);
		out_len += 4;
	}
	to_target(local, remote, out, out_len);
	return true;
}

/* ------------------------------------------------------------------ outputs */

static void carry(struct side *from, const struct ike_out_datagram *d)
{
	struct side *to = from == target ? peer : target;
	struct datagram *q;

	if (from->deaf || queued == QUEUE || d->data.size > sizeof(q->data) ||
	    !cg_addr_equal(&d->remote.addr, &to->addr.addr))
		return;
	q = &queue[queued++];
	q->to = to;
	q->local = d->remote;
	q->remote = (struct cg_endpoint){.addr = from->addr.addr, .port = d->local.port};
	q->size = d->data.size;
	memcpy(q->data, d->data.data, d->data.size);
}

static void give_nonces(struct side *s, uint32_t count)
{
	struct ike_nonce list[8];

	for (size_t i = 0; i < 8 && i < count; i++) {
		fill(&s->random, list[i].data, sizeof(list[i].data));
		list[i].token = ++s->token;
	}
	ike_answer_nonces(s->engine, now, list, 8);
}

static void judge(struct side *s, const struct ike_out_verify *o)
{
	struct ike_verify_answer a = {.error = s->refuse_verdict ? -1 : 0, .expires_in = 100000};

	MUST(o->int_auth_i.size == o->int_auth_r.size);
	MUST(!additional || o->int_auth_i.size);
	MUST(o->n_candidates > 0 && o->n_certs > 0 && o->nonce.size == IKE_NONCE_SIZE);
	if (!a.error && s->bindings + 1 < MAX_BINDINGS) {
		a.connection = o->candidates[0];
		a.binding = s->some_binding = ++s->bindings;
		s->binding[a.binding] = true;
		s->live_bindings++;
	} else {
		a.error = -1;
	}
	ike_answer_verify(s->engine, now, o->request, &a);
}

static void child_add(struct side *s, const struct ike_out_child_add *o)
{
	MUST(o->child < MAX_CHILDREN);
	MUST(o->binding && s->binding[o->binding]);
	MUST(o->spi_in >= 256 && o->spi_out >= 256);
	MUST(o->n_local_ts && o->n_remote_ts && o->keys.encr_in.size && o->keys.encr_out.size);
	MUST(!s->child[o->child]);
	if (!s->refuse_child) {
		s->child[o->child] = true;
		s->children++;
		s->some_child = o->child;
	}
	ike_answer_child_add(s->engine, now, o->request, s->refuse_child ? -1 : 0, "");
}

static void output(struct side *s, const struct ike_output *o)
{
	static const uint8_t auth[] = {7, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 1, 2, 3};
	struct ike_sign_answer sign;

	MUST(wire_fits(o));
	switch (o->kind) {
	case IKE_OUT_DATAGRAM: carry(s, &o->datagram); break;
	case IKE_OUT_NONCES: give_nonces(s, o->nonces.count); break;
	case IKE_OUT_SIGN:
		MUST(o->sign.peer_methods.size <= IKE_MAX_AUTH_METHODS);
		MUST(o->sign.int_auth_i.size == o->sign.int_auth_r.size);
		sign = (struct ike_sign_answer){.error = s->refuse_signature ? -1 : 0,
						.auth_method = 14,
						.auth_data = {.data = auth, .size = sizeof(auth)}};
		ike_answer_sign(s->engine, now, o->sign.request, &sign);
		break;
	case IKE_OUT_VERIFY: judge(s, &o->verify); break;
	case IKE_OUT_CHILD_EXPECT:
		if (o->expect.request)
			ike_answer_child_expect(s->engine, now, o->expect.request);
		break;
	case IKE_OUT_CHILD_ADD: child_add(s, &o->child_add); break;
	case IKE_OUT_CHILD_DEL:
		MUST(s->child[o->child.child]);
		if (o->child.outbound_only)
			break;
		s->child[o->child.child] = false;
		s->children--;
		break;
	case IKE_OUT_CHILD_ACTIVATE:
	case IKE_OUT_CHILD_MOVE: MUST(s->child[o->child.child]); break;
	case IKE_OUT_PLACE: MUST(s->binding[o->place.binding]); break;
	case IKE_OUT_RELEASE:
		MUST(s->binding[o->release.binding]);
		s->binding[o->release.binding] = false;
		s->live_bindings--;
		break;
	case IKE_OUT_KEYS: MUST(0); break; /* nobody asked for them */
	case IKE_OUT_REPORT: MUST(strlen(o->report.text) < IKE_REPORT_SIZE); break;
	}
}

/* What the engine keeps fits together, and is what the kernel has. */
static void check(const struct side *s)
{
	struct engine_sums sums;
	const char *wrong = engine_check(s->engine, &sums);

	if (wrong)
		(void)fprintf(stderr, "%s\n", wrong);
	MUST(!wrong);
	MUST(sums.installed == s->children);
	MUST(s->engine->bindings.n == s->live_bindings);
}

static void drain(struct side *s)
{
	struct ike_output o;

	for (int i = 0; i < OUTPUTS && ike_next_output(s->engine, &o); i++)
		output(s, &o);
	check(s);
}

static bool is_sealed(const struct datagram *d)
{
	size_t at = d->local.port == IKE_NAT_PORT ? 20 : 16;

	return d->size > at && d->data[at] == IKE_PAYLOAD_SK;
}

/* Carries what is on its way, back and forth. */
static void pump(unsigned rounds)
{
	drain(target);
	drain(peer);
	while (rounds-- && queued) {
		static struct datagram d;

		d = queue[0];
		memmove(queue, queue + 1, --queued * sizeof(queue[0]));
		if (d.to != target || !damage || !is_sealed(&d) || --damage ||
		    !reseal(&d.local, &d.remote, d.data, d.size))
			ike_input(d.to->engine, now, &d.local, &d.remote, d.data, d.size);
		drain(target);
		drain(peer);
	}
	queued = 0;
}

/* ------------------------------------------------------------------ setting the stage */

static void connect_side(struct side *s, const struct side *other, enum ike_mode mode)
{
	static const uint8_t cert[200] = {0x30, 0x81, 0xc5},
			     id[] = {IKE_ID_FQDN, 0, 0, 0, 'x', '.', 'y'};
	static const uint8_t anchors[2][20];
	static struct ike_policy ike = {
		.protocol = IKE_PROTOCOL_IKE,
		.n = 1,
		.proposals = {
			{.n = 4,
			 .transforms = {{.type = IKE_TRANSFORM_ENCR,
					 .id = IKE_ENCR_AES_GCM_16,
					 .key_bits = 128},
					{.type = IKE_TRANSFORM_PRF, .id = IKE_PRF_HMAC_SHA2_256},
					{.type = IKE_TRANSFORM_KE, .id = IKE_KE_CURVE25519},
					{.type = IKE_TRANSFORM_KE, .id = IKE_KE_ECP_256},
					{.type = IKE_TRANSFORM_ADDKE1, .id = IKE_KE_CURVE25519},
					{.type = IKE_TRANSFORM_ADDKE3, .id = IKE_KE_ECP_256}}}}};
	static struct ike_policy esp = {
		.protocol = IKE_PROTOCOL_ESP,
		.n = 1, /* with additional key exchanges the second one alone */
		.proposals = {
			{.n = 4,
			 .transforms = {{.type = IKE_TRANSFORM_ENCR,
					 .id = IKE_ENCR_AES_GCM_16,
					 .key_bits = 128},
					{.type = IKE_TRANSFORM_ESN, .id = IKE_ESN_YES},
					{.type = IKE_TRANSFORM_KE, .id = IKE_KE_NONE},
					{.type = IKE_TRANSFORM_KE, .id = IKE_KE_CURVE25519}}},
			{.n = 5,
			 .transforms = {{.type = IKE_TRANSFORM_ENCR,
					 .id = IKE_ENCR_AES_GCM_16,
					 .key_bits = 128},
					{.type = IKE_TRANSFORM_ESN, .id = IKE_ESN_YES},
					{.type = IKE_TRANSFORM_KE, .id = IKE_KE_CURVE25519},
					{.type = IKE_TRANSFORM_ADDKE1, .id = IKE_KE_CURVE25519},
					{.type = IKE_TRANSFORM_ADDKE2, .id = IKE_KE_ECP_256}}}}};
	static struct ike_policy ike_cbc = {
		.protocol = IKE_PROTOCOL_IKE,
		.n = 1,
		.proposals = {
			{.n = 4,
			 .transforms = {{.type = IKE_TRANSFORM_ENCR,
					 .id = IKE_ENCR_AES_CBC,
					 .key_bits = 256},
					{.type = IKE_TRANSFORM_INTEG,
					 .id = IKE_INTEG_HMAC_SHA2_256_128},
					{.type = IKE_TRANSFORM_PRF, .id = IKE_PRF_HMAC_SHA2_256},
					{.type = IKE_TRANSFORM_KE, .id = IKE_KE_CURVE25519}}}}};
	static const uint8_t methods[] = {3, 9, 0, 10, 14, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70};
	struct ike_policy esp_additional = {
		.protocol = IKE_PROTOCOL_ESP, .n = 1, .proposals = {esp.proposals[1]}};
	struct ike_ts ts[2];
	struct ike_child_config children[2] = {{.name = "one",
						.local_ts = &ts[0],
						.remote_ts = &ts[1],
						.n_local_ts = 1,
						.n_remote_ts = 1},
					       {.name = "two",
						.local_ts = &ts[1],
						.remote_ts = &ts[0],
						.n_local_ts = 1,
						.n_remote_ts = 1}};
	struct ike_connection_config c = {
		.id = 1,
		.name = "fuzz",
		.mode = mode,
		.local = s->addr,
		.remote = other->addr,
		.local_id = {.data = id, .size = sizeof(id)},
		.certs = &(const struct ike_blob){.data = cert, .size = sizeof(cert)},
		.n_certs = 1,
		.anchor_hashes = anchors,
		.n_anchor_hashes = 2,
		.ike_policy = &ike,
		.esp_policy = &esp,
		.ike_lifetime = 3600,
		.child_lifetime = 1800,
		.dpd_delay = 15,
		.dpd_timeout = 45,
		.fragmentation = true,
		.ask_ocsp = true,
		.mobike = mobike,
		.auth_methods = {.data = methods, .size = sizeof(methods)},
		.enabled = true,
		.children = children,
		.n_children = 2,
	};

	ike.proposals[0].n = additional ? 6 : 4;
	if (additional)
		c.esp_policy = &esp_additional;
	else if (cbc)
		c.ike_policy = &ike_cbc;
	/* Who has no address of its own says where it is (RFC 4555). */
	if (mobike && mode != IKE_MODE_RESPONDER_ONLY)
		c.local = (struct cg_endpoint){.port = 500};
	(void)ike_ts_from_prefix((const uint8_t[]){10, 1, 0, 0}, 4, 16, &ts[0]);
	(void)ike_ts_from_prefix((const uint8_t[]){10, 2, 0, 0}, 4, 16, &ts[1]);
	if (s == peer) {
		struct ike_ts swap = ts[0];

		ts[0] = ts[1];
		ts[1] = swap;
	}
	MUST(ike_connection_set(s->engine, now, &c) == 0);
}

static void side_new(struct side *s, uint8_t last, uint64_t seed)
{
	struct ike_engine_config c = {.random = {.fill = fill, .ctx = &s->random},
				      .half_open_cookie = 32};

	memset(s, 0, sizeof(*s));
	s->random = seed;
	s->addr = (struct cg_endpoint){.addr = {.family = AF_INET, .bytes = {192, 0, 2, last}},
				       .port = 500};
	MUST(ike_engine_new(&c, now, &s->engine) == 0);
	drain(s);
}

/* 0: nothing; 1: half-open; 2: IKE_AUTH out; 3: up as responder; 4: up as initiator; 5, 6: and a rekeying under way. */
static void set_stage(unsigned stage)
{
	bool initiator = stage == 2 || stage >= 4, damaged = damage != 0;

	connect_side(peer, target, initiator ? IKE_MODE_RESPONDER_ONLY : IKE_MODE_DEFAULT);
	if (stage == 0)
		peer->deaf = true;
	connect_side(target, peer, initiator ? IKE_MODE_DEFAULT : IKE_MODE_RESPONDER_ONLY);
	drain(peer);
	drain(target);
	if (stage == 1 || stage == 2) {
		/* IKE_SA_INIT there and back, and no further. */
		for (unsigned i = 0; i < 2 && queued; i++) {
			struct datagram d = queue[0];

			memmove(queue, queue + 1, --queued * sizeof(queue[0]));
			ike_input(d.to->engine, now, &d.local, &d.remote, d.data, d.size);
			drain(d.to);
		}
		queued = 0;
		(void)sa_of(peer);
		return;
	}
	pump(64);
	MUST(!stage || damaged || ik_conn_established(ik_conn_find(target->engine, 1)));
	if (stage >= 5) {
		peer->deaf = true;
		(void)ike_rekey(target->engine, now, 1, stage == 6, stage == 5);
		drain(target);
		peer->deaf = false;
	}
}

/* ------------------------------------------------------------------ steps */

static void sealed(void)
{
	static uint8_t out[4096];
	const struct ike_random random = {.fill = fill, .ctx = &peer->random};
	struct ik_sa *sa = sa_of(peer);
	uint8_t kind = next8(), exchange = next8(), first = next8();
	struct ike_view chain = next_bytes();
	struct ike_cipher *cipher;
	struct ike_header h;
	size_t len;

	if (!sa)
		return;
	cipher = sa->initiator ? &sa->keys.initiator : &sa->keys.responder;
	h = (struct ike_header){.spi_i = sa->spi_i,
				.spi_r = sa->spi_r,
				.major = 2,
				.exchange = exchange,
				.flags = (sa->initiator ? IKE_FLAG_INITIATOR : 0) |
					 (kind & 1 ? IKE_FLAG_RESPONSE : 0)};
	/* The message ID that the target waits for, or one beside it. */
	IK_LIST_FOREACH(&target->engine->all_sas, link) {
		struct ik_sa *t = IK_ENTRY(link, struct ik_sa, in_all);

		if (t->spi_i == sa->spi_i)
			h.message_id = kind & 1 ? (t->active ? t->active->id : 0) : t->expected_id;
	}
	h.message_id += kind >> 6;
	if (ike_sk_seal(cipher, &random, &h, first, chain, kind & 2 ? 1 : 0,
			kind & 2 ? (kind & 4 ? 2 : 1) : 0, out, sizeof(out), &len) == 0)
		to_target(&target->addr, &peer->addr, out, len);
}

static void kernel(void)
{
	uint8_t what = next8();
	uint64_t child = what & 8 ? target->some_child : next8();
	struct cg_endpoint moved = peer->addr;

	moved.port = next16();
	switch (what % 5) {
	case 0: ike_child_dead(target->engine, now, child, "fuzz"); break;
	case 1: ike_child_soft_expired(target->engine, now, child); break;
	case 2:
		ike_child_traffic(target->engine, now, child,
				  now - (now > 7000000 ? what % 7 * 1000000 : 0));
		break;
	case 3:
		if (what & 128)
			ike_unknown_spi(target->engine, now, 0, &peer->addr, moved.port);
		else
			ike_child_moved(target->engine, now, child, &moved);
		break;
	case 4:
		if (what & 128)
			ike_local_lost(target->engine, now, &target->addr.addr);
		else
			ike_binding_dead(target->engine, now, target->some_binding, "fuzz");
		break;
	}
}

static void command(void)
{
	uint8_t what = next8();
	struct side *s = what & 16 ? peer : target;

	switch (what % 8) {
	case 0: (void)ike_rekey(s->engine, now, 1, what & 32, what & 64); break;
	case 1: (void)ike_reauthenticate(s->engine, now, 1); break;
	case 2: (void)ike_down(s->engine, now, 1); break;
	case 3: (void)ike_up(s->engine, now, 1); break;
	case 4: ike_acquire(s->engine, now, 1, what >> 6); break;
	case 5:
		connect_side(s, s == target ? peer : target, (enum ike_mode)((what >> 5) % 3));
		break;
	case 6: (void)ike_connection_remove(s->engine, now, 1); break;
	case 7:
		/* The name has that one address, or more, or is not asked for others. */
		if (what & 0x20)
			(void)ike_connection_places(s->engine, 1, &peer->addr.addr, 1);
		(void)ike_connection_resolved(s->engine, now, 1, &peer->addr);
		break;
	}
}

static void step(void)
{
	struct cg_endpoint from = peer->addr;
	struct ike_view v;
	uint8_t op = next8();

	switch (op % 8) {
	case 0:
		from.port = op & 8 ? 4500 : 500;
		if (op & 16)
			from.addr.bytes[3] = 77;
		v = next_bytes();
		to_target(&(struct cg_endpoint){.addr = target->addr.addr, .port = from.port},
			  &from, v.data, v.len);
		break;
	case 1:
	case 2: sealed(); break;
	case 3: damage = 1 + (op >> 3) % 8; break;
	case 4:
		now += (op & 8 ? SECOND / 10 : SECOND) * next8();
		ike_tick(target->engine, now);
		ike_tick(peer->engine, now);
		break;
	case 5: kernel(); break;
	case 6: command(); break;
	case 7:
		target->refuse_verdict = op & 8;
		target->refuse_signature = op & 16;
		target->refuse_child = op & 32;
		peer->deaf = op & 64;
		break;
	}
	pump(32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = ike_reader(IKE_VIEW(data, size));
	now = 1000 * SECOND;
	queued = 0;
	damage = 0;
	side_new(target, 1, 1);
	side_new(peer, 2, 2);
	/* With stage 7 and 15 and so on the honest peer's first messages are damaged already. */
	{
		uint8_t how = next8();
		unsigned stage = how % 8;

		additional = how & 64;
		mobike = how & 128;
		cbc = stage != 7 && how & 8;
		damage = stage == 7 ? 1 + (how >> 3) % 8 : 0;
		set_stage(stage == 7 ? 3 + next8() % 2 : stage);
	}
	for (int i = 0; i < 64 && input.left; i++)
		step();
	for (size_t i = 0; i < 2; i++) {
		struct side *s = &sides[i];

		ike_shutdown(s->engine, now);
		drain(s);
	}
	pump(32);
	for (int i = 0; i < 40; i++) {
		now += SECOND;
		ike_tick(target->engine, now);
		ike_tick(peer->engine, now);
		pump(32);
	}
	for (size_t i = 0; i < 2; i++) {
		struct side *s = &sides[i];

		MUST(ike_idle(s->engine));
		MUST(s->children == 0);
		MUST(s->live_bindings == 0);
		s->engine = ike_engine_free(s->engine);
	}
	return 0;
}
