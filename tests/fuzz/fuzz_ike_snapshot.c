// SPDX-License-Identifier: Apache-2.0
/*
 * Snapshots of an engine, from somebody who wants the next one to do what it must not. Two engines come so far with each other as the input says, some with additional key exchanges,
 * one of them is written down, and the input changes that: bytes here and there, pieces taken out or put in, or all of it. Size and
 * digest are made to fit, since who writes the one can write the other. What is refused leaves nothing behind; with what is taken, the engine
 * lives on for a while, gets messages from its peer, and is shut down.
 */
#include "lib/fuzz.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

#include "ike/snapshot.h"
#include "ike/state.h"
#include "lib/program.h"

#define SECOND ((ike_time)1000000)

enum { QUEUE = 64, CHILDREN = 64, HEAD = 5 + 16, DIGEST = 32, LARGEST = 65536 };

struct side {
	struct ike_engine *engine;
	struct cg_endpoint addr;
	uint64_t random, bindings;
	struct ike_kernel_child children[CHILDREN];
	size_t n_children;
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
static uint64_t token;
static bool additional; /* key exchanges (RFC 9370) */
static bool strange;	/* the engine was put up from what nobody wrote */

/* ------------------------------------------------------------------ what an engine has around it */

static void add_child(struct side *s, const struct ike_out_child_add *o)
{
	int error = s->n_children < CHILDREN ? 0 : -28;

	if (!error)
		s->children[s->n_children++] = (struct ike_kernel_child){
			.connection = o->connection,
			.child = o->child,
			.binding = o->binding,
			.spi_in = o->spi_in,
			.spi_out = o->spi_out};
	ike_answer_child_add(s->engine, now, o->request, error, "full");
}

static void del_child(struct side *s, const struct ike_out_child *o)
{
	for (size_t i = 0; i < s->n_children && !o->outbound_only; i++)
		if (s->children[i].child == o->child)
			s->children[i--] = s->children[--s->n_children];
}

static void give_nonces(struct side *s)
{
	struct ike_nonce nonces[16];

	for (size_t i = 0; i < 16; i++) {
		fill(&s->random, nonces[i].data, sizeof(nonces[i].data));
		nonces[i].token = ++token;
	}
	ike_answer_nonces(s->engine, now, nonces, 16);
}

static void drain(struct side *s)
{
	static const uint8_t auth[64] = {1};
	struct ike_output o;
	unsigned n = 0;

	while (ike_next_output(s->engine, &o) && n++ < 4096) {
		struct side *other = s == target ? peer : target;

		switch (o.kind) {
		case IKE_OUT_DATAGRAM:
			if (queued == QUEUE || o.datagram.data.size > sizeof(queue[0].data))
				break;
			queue[queued] = (struct datagram){.to = other,
							  .local = o.datagram.remote,
							  .remote = o.datagram.local,
							  .size = o.datagram.data.size};
			memcpy(queue[queued++].data, o.datagram.data.data, o.datagram.data.size);
			break;
		case IKE_OUT_NONCES: give_nonces(s); break;
		case IKE_OUT_SIGN: {
			const struct ike_sign_answer a = {.auth_method = 14,
							  .auth_data = {.data = auth,
									.size = sizeof(auth)}};

			ike_answer_sign(s->engine, now, o.sign.request, &a);
			break;
		}
		case IKE_OUT_VERIFY: {
			const struct ike_verify_answer a = {
				.connection = 1, .binding = ++s->bindings, .subject = "CN=fuzz"};

			ike_answer_verify(s->engine, now, o.verify.request, &a);
			break;
		}
		case IKE_OUT_CHILD_EXPECT:
			ike_answer_child_expect(s->engine, now, o.expect.request);
			break;
		case IKE_OUT_CHILD_ADD: add_child(s, &o.child_add); break;
		case IKE_OUT_CHILD_DEL: del_child(s, &o.child); break;
		case IKE_OUT_CHILD_ACTIVATE:
		case IKE_OUT_CHILD_MOVE:
		case IKE_OUT_PLACE:
		case IKE_OUT_RELEASE:
		case IKE_OUT_KEYS:
		case IKE_OUT_REPORT: break;
		}
	}
}

static void pump(unsigned rounds)
{
	drain(target);
	drain(peer);
	while (rounds-- && queued) {
		static struct datagram d;

		d = queue[0];
		memmove(queue, queue + 1, --queued * sizeof(queue[0]));
		ike_input(d.to->engine, now, &d.local, &d.remote, d.data, d.size);
		drain(target);
		drain(peer);
	}
}

/* ------------------------------------------------------------------ a life */

static void connect_side(struct side *s, const struct side *other)
{
	static const uint8_t cert[16] = {0x30, 14}, id[] = {IKE_ID_FQDN, 0, 0, 0, 'x', '.', 'y'};
	static const struct ike_policy ike = {
		.protocol = IKE_PROTOCOL_IKE,
		.n = 1,
		.proposals = {
			{.n = 5,
			 .transforms = {{.type = IKE_TRANSFORM_ENCR,
					 .id = IKE_ENCR_AES_GCM_16,
					 .key_bits = 128},
					{.type = IKE_TRANSFORM_PRF, .id = IKE_PRF_HMAC_SHA2_256},
					{.type = IKE_TRANSFORM_KE, .id = IKE_KE_CURVE25519},
					{.type = IKE_TRANSFORM_ADDKE1, .id = IKE_KE_CURVE25519},
					{.type = IKE_TRANSFORM_ADDKE3, .id = IKE_KE_ECP_256}}}}};
	static const struct ike_policy esp = {
		.protocol = IKE_PROTOCOL_ESP,
		.n = 1,
		.proposals = {
			{.n = 5,
			 .transforms = {{.type = IKE_TRANSFORM_ENCR,
					 .id = IKE_ENCR_AES_GCM_16,
					 .key_bits = 128},
					{.type = IKE_TRANSFORM_ESN, .id = IKE_ESN_YES},
					{.type = IKE_TRANSFORM_KE, .id = IKE_KE_CURVE25519},
					{.type = IKE_TRANSFORM_ADDKE1, .id = IKE_KE_CURVE25519},
					{.type = IKE_TRANSFORM_ADDKE2, .id = IKE_KE_ECP_256}}}}};
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
	const struct ike_connection_config c = {
		.id = 1,
		.name = "fuzz",
		.mode = s == peer ? IKE_MODE_RESPONDER_ONLY : IKE_MODE_DEFAULT,
		.local = s->addr,
		.remote = other->addr,
		.local_id = {.data = id, .size = sizeof(id)},
		.certs = &(const struct ike_blob){.data = cert, .size = sizeof(cert)},
		.n_certs = 1,
		.ike_policy = additional ? &ike : &ike_policy_default_ike,
		.esp_policy = additional ? &esp : &ike_policy_default_esp,
		.ike_lifetime = 3600,
		.child_lifetime = 1800,
		.dpd_delay = 15,
		.dpd_timeout = 45,
		.fragmentation = true,
		.enabled = true,
		.children = children,
		.n_children = 2,
	};

	(void)ike_ts_from_prefix((const uint8_t[]){10, s == peer ? 2 : 1, 0, 0}, 4, 16, &ts[0]);
	(void)ike_ts_from_prefix((const uint8_t[]){10, s == peer ? 1 : 2, 0, 0}, 4, 16, &ts[1]);
	MUST(ike_connection_set(s->engine, now, &c) == 0);
}

static void engine_new(struct side *s, bool hold)
{
	struct ike_engine_config c = {.random = {.fill = fill, .ctx = &s->random}, .hold = hold};

	MUST(ike_engine_new(&c, now, &s->engine) == 0);
}

static void side_new(struct side *s, uint8_t last)
{
	memset(s, 0, sizeof(*s));
	s->random = last;
	s->addr = (struct cg_endpoint){.addr = {.family = AF_INET, .bytes = {192, 0, 2, last}},
				       .port = 500};
	engine_new(s, false);
}

/* Up; then something is begun, and goes on for so many messages. */
static void set_stage(uint8_t how)
{
	bool begins[2] = {how & 1, how & 2};

	/* What the peer has to complete is there between its requests. */
	additional = (how & 11) == 8;
	begins[1] |= additional;
	connect_side(peer, target);
	connect_side(target, peer);
	pump(64);
	/* A COOKIE is returned when nothing else came for a while. */
	now += SECOND / 2;
	ike_tick(target->engine, now);
	pump(64);
	MUST(!ike_idle(target->engine));
	if (begins[0])
		(void)ike_rekey(target->engine, now, 1, how & 4, !(how & 4));
	if (begins[1])
		(void)ike_rekey(peer->engine, now, 1, how & (additional ? 4 : 8),
				!(how & (additional ? 4 : 8)));
	if (!begins[0] && !begins[1] && how & 4)
		(void)ike_down(target->engine, now, 1);
	pump(how >> 4 & 7);
	drain(target);
	if (how & 128)
		queued = 0;
}

/* ------------------------------------------------------------------ the snapshot */

static void fit(uint8_t *p, size_t size)
{
	if (size < HEAD + DIGEST)
		return;
	ike_store_u32(p + 5 + 12, (uint32_t)size);
	SHA256(p, size - DIGEST, p + size - DIGEST);
}

/* One change of the n bytes at p, which has room for LARGEST. Returns how many there are then. */
static size_t change(uint8_t *p, size_t n)
{
	uint8_t how = next8();
	size_t at = n ? next16() % n : 0, len = next8();

	switch (how % 5) {
	case 0: p[at] = next8(); break;
	case 1: p[at] ^= (uint8_t)(1 << how / 32); break;
	case 2: /* out */
		len = len < n - at ? len : n - at;
		memmove(p + at, p + at + len, n - at - len);
		return n - len;
	case 3: /* in: a copy of what is there */
		len = len < n - at ? len : n - at;
		if (len > LARGEST - n)
			return n;
		memmove(p + at + len, p + at, n - at);
		return n + len;
	case 4: /* a number, large or small */
		for (size_t i = 0; i < len % 9 && at + i < n; i++)
			p[at + i] = how & 128 ? 0xff : 0;
		break;
	}
	return n;
}

static void go_on(void)
{
	static uint8_t copy[LARGEST];
	const uint8_t id[IKE_SNAPSHOT_TOKEN] = {7};
	struct ike_kernel_binding bindings[8];
	struct ike_kernel kernel = {.bindings = bindings,
				    .children = target->children,
				    .n_children = target->n_children};
	struct ike_restored done;
	uint8_t *data, changes = next8();
	size_t size, n;
	int r;

	for (uint64_t b = 1; b <= target->bindings && b <= 8; b++)
		bindings[kernel.n_bindings++] = (struct ike_kernel_binding){.connection = 1,
									    .binding = b};
	MUST(ike_engine_save(target->engine, now, id, &data, &size) == 0);
	MUST(size > HEAD + DIGEST && size < LARGEST / 2);
	n = size;
	memcpy(copy, data, size);
	data = ike_snapshot_free(data, size);
	strange = changes != 0;
	if (changes == 255 && input.left) {
		n = HEAD +
		    (input.left < LARGEST - HEAD - DIGEST ? input.left : LARGEST - HEAD - DIGEST);
		memcpy(copy + HEAD, ike_read_rest(&input).data, n - HEAD);
		n += DIGEST;
	}
	for (uint8_t i = 0; i < changes && changes < 255 && input.left && n > HEAD; i++)
		n = HEAD + change(copy + HEAD, n - HEAD);
	fit(copy, n);
	target->engine = ike_engine_free(target->engine);
	engine_new(target, true);
	connect_side(target, peer);
	now += next8() * SECOND / 4;
	r = ike_engine_restore(target->engine, now, id, copy, n, &kernel, &done);
	MUST(strange || r == 0);
	if (r < 0 || !ike_connection_restored(target->engine, 1)) {
		const struct ike_engine *e = target->engine;

		MUST(ik_list_empty(&e->all_sas) && ik_list_empty(&e->lingering));
		MUST(!e->sas.n && !e->children.n && !e->esp_spis.n && !e->bindings.n);
		MUST(!e->timers.n);
		target->n_children = 0;
	}
	ike_engine_start(target->engine, now);
	OPENSSL_cleanse(copy, sizeof(copy));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t how;

	input = ike_reader(IKE_VIEW(data, size));
	now = 1000 * SECOND;
	queued = 0;
	side_new(target, 1);
	side_new(peer, 2);
	how = next8();
	set_stage(how);
	go_on();
	for (int i = 0; i < 20; i++) {
		pump(32);
		now += SECOND << i % 8;
		ike_tick(target->engine, now);
		ike_tick(peer->engine, now);
	}
	(void)ike_rekey(target->engine, now, 1, true, true);
	pump(32);
	ike_shutdown(target->engine, now);
	for (int i = 0; i < 60; i++) {
		pump(32);
		now += SECOND;
		ike_tick(target->engine, now);
	}
	drain(target);
	MUST(ike_idle(target->engine));
	for (size_t i = 0; i < 2; i++)
		sides[i].engine = ike_engine_free(sides[i].engine);
	return 0;
}
