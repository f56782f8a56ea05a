// SPDX-License-Identifier: Apache-2.0
/*
 * A node of the simulation: does what the engine asks for, as the daemon's other processes would: nonces good once,
 * signatures, judgments of toy certificates. Its kernel is in sim_kernel.c.
 */
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ike/auth_octets.h"
#include "ike/state.h"
#include "sim_private.h"
#include "wire_check.h"

/* ------------------------------------------------------------------ toy certificates */

struct toy_cert {
	char magic[4];
	char ca[32], name[64];
	uint8_t public_key[32];
};

static EVP_PKEY *key_of(const char *ca, const char *name)
{
	uint8_t seed[32];
	char text[128];
	EVP_PKEY *key;

	(void)snprintf(text, sizeof(text), "%s/%s", ca, name);
	SHA256((const uint8_t *)text, strlen(text), seed);
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
	assert_non_null(key);
	return key;
}

static void cert_make(const char *ca, const char *name, struct toy_cert *ret)
{
	EVP_PKEY *key = key_of(ca, name);
	size_t len = sizeof(ret->public_key);

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->magic, "TOY1", 4);
	(void)snprintf(ret->ca, sizeof(ret->ca), "%s", ca);
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, ret->public_key, &len), 1);
	EVP_PKEY_free(key);
}

/* RFC 8420 section 2: what precedes an Ed25519 signature in AUTH of method 14 */
static const uint8_t ed25519_head[] = {7, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};

static uint8_t *octets_of(bool initiator, struct ike_blob message, struct ike_blob nonce,
			  uint16_t prf, struct ike_blob sk_p, struct ike_blob id,
			  struct ike_blob int_auth_i, struct ike_blob int_auth_r, uint32_t auth_id,
			  size_t *ret_len)
{
	struct ike_auth_octets in = {
		.initiator = initiator,
		.spi = message.size >= 16 ? ike_load_u64(message.data + (initiator ? 0 : 8)) : 0,
		.message = IKE_VIEW(message.data, message.size),
		.nonce = IKE_VIEW(nonce.data, nonce.size),
		.prf = prf,
		.sk_p = IKE_VIEW(sk_p.data, sk_p.size),
		.id = IKE_VIEW(id.data, id.size),
		.int_auth = {.initiator = IKE_VIEW(int_auth_i.data, int_auth_i.size),
			     .responder = IKE_VIEW(int_auth_r.data, int_auth_r.size),
			     .message_id = auth_id},
	};
	size_t size = ike_auth_octets_len(&in);
	uint8_t *out = malloc(size ? size : 1);

	assert_non_null(out);
	if (!size || ike_auth_octets_build(&in, out, size, ret_len) < 0) {
		free(out);
		return NULL;
	}
	return out;
}

/* ------------------------------------------------------------------ answers */

struct sim_conn *sim_conn_of(struct sim_node *n, uint32_t id)
{
	for (size_t i = 0; i < n->max_conns; i++)
		if (n->conns[i].used && n->conns[i].config.id == id)
			return &n->conns[i];
	return NULL;
}

void sim_answer_later(struct sim_node *n, enum ike_output_kind what, uint64_t request, int error,
		      void *extra, size_t extra_size)
{
	struct sim_event *e = sim_event_new(SIM_EVENT_ANSWER, n);
	ike_time delay = n->sim->answer_max ? seeded_next(&n->sim->random) % n->sim->answer_max : 0;

	e->what = what;
	e->engine = n->engines;
	e->request = request;
	e->error = error;
	e->extra = extra;
	e->extra_size = extra_size;
	sim_event_add(n->sim, e, n->sim->now + delay);
}

void sim_node_answer(struct sim_node *n, struct sim_event *e)
{
	ike_time now = n->sim->now;

	if (e->engine != n->engines) {
		n->unheard++;
		return;
	}
	sim_touch_request(n, e->request);
	switch (e->what) {
	case IKE_OUT_NONCES:
		ike_answer_nonces(n->engine, now, e->extra,
				  e->extra_size / sizeof(struct ike_nonce));
		break;
	case IKE_OUT_SIGN: {
		struct ike_sign_answer a = {
			.error = e->error,
			.auth_method = IKE_AUTH_DIGITAL_SIGNATURE,
			.auth_data = {.data = e->extra, .size = e->extra_size},
		};

		if (e->error)
			(void)snprintf(a.text, sizeof(a.text), "the key refuses to sign");
		ike_answer_sign(n->engine, now, e->request, &a);
		break;
	}
	case IKE_OUT_VERIFY: {
		const struct ike_verify_answer *a = e->extra;

		n->granted -= a->binding != 0;
		ike_answer_verify(n->engine, now, e->request, a);
		break;
	}
	case IKE_OUT_CHILD_EXPECT: ike_answer_child_expect(n->engine, now, e->request); break;
	case IKE_OUT_CHILD_ADD:
		/* What the engine has given up meanwhile was deleted. */
		n->refused -= e->error && ik_table_find(&n->engine->requests, e->request, NULL);
		ike_answer_child_add(n->engine, now, e->request, e->error,
				     e->error ? "the kernel refuses" : "");
		break;
	case IKE_OUT_DATAGRAM:
	case IKE_OUT_CHILD_DEL:
	case IKE_OUT_CHILD_ACTIVATE:
	case IKE_OUT_CHILD_MOVE:
	case IKE_OUT_PLACE:
	case IKE_OUT_RELEASE:
	case IKE_OUT_KEYS:
	case IKE_OUT_REPORT: fail_msg("no such answer"); break;
	}
}

static void do_nonces(struct sim_node *n, uint32_t count)
{
	struct ike_nonce *list = calloc(count, sizeof(*list));

	assert_non_null(list);
	for (uint32_t i = 0; i < count; i++) {
		struct ike_random r = {.fill = n->engine_config.random.fill, .ctx = &n->random};

		ike_random_fill(&r, list[i].data, sizeof(list[i].data));
		if (n->n_nonces == n->size_nonces) {
			n->size_nonces = n->size_nonces ? n->size_nonces * 2 : 256;
			n->nonces = realloc(n->nonces, n->size_nonces * sizeof(*n->nonces));
			assert_non_null(n->nonces);
		}
		memcpy(n->nonces[n->n_nonces].nonce, list[i].data, IKE_NONCE_SIZE);
		n->nonces[n->n_nonces].used = false;
		n->nonces[n->n_nonces].token = n->n_nonces;
		list[i].token = n->n_nonces++;
	}
	sim_answer_later(n, IKE_OUT_NONCES, 0, 0, list, count * sizeof(*list));
}

static void do_sign(struct sim_node *n, const struct ike_out_sign *o)
{
	uint8_t *octets, *auth;
	EVP_MD_CTX *ctx;
	EVP_PKEY *key;
	size_t len, sig_len = 64;

	n->signs++;
	n->int_auth_len = o->int_auth_i.size;
	assert_true(n->int_auth_len <= sizeof(n->int_auth[0]));
	assert_int_equal(o->int_auth_r.size, n->int_auth_len);
	if (n->int_auth_len) {
		memcpy(n->int_auth[0], o->int_auth_i.data, n->int_auth_len);
		memcpy(n->int_auth[1], o->int_auth_r.data, n->int_auth_len);
	}
	n->auth_id = o->auth_id;
	n->peer_methods_len = o->peer_methods.size;
	if (o->peer_methods.size)
		memcpy(n->peer_methods, o->peer_methods.data,
		       o->peer_methods.size < 64 ? o->peer_methods.size : 64);
	if (n->mute_sign)
		return;
	if (n->sign_error) {
		sim_answer_later(n, IKE_OUT_SIGN, o->request, n->sign_error, NULL, 0);
		return;
	}
	if (n->own_sign) {
		auth = n->own_sign(n, o, &len);
		sim_answer_later(n, IKE_OUT_SIGN, o->request, 0, auth, len);
		return;
	}
	octets = octets_of(o->initiator, o->init_message, o->peer_nonce, o->prf, o->sk_p,
			   o->id_body, o->int_auth_i, o->int_auth_r, o->auth_id, &len);
	assert_non_null(octets);
	auth = calloc(1, sizeof(ed25519_head) + 64 + n->auth_excess);
	assert_non_null(auth);
	memcpy(auth, ed25519_head, sizeof(ed25519_head));
	key = key_of(n->ca, n->name);
	ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, auth + sizeof(ed25519_head), &sig_len, octets, len),
			 1);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	free(octets);
	sim_answer_later(n, IKE_OUT_SIGN, o->request, 0, auth,
			 sizeof(ed25519_head) + 64 + n->auth_excess);
}

static void refuse(struct ike_verify_answer *a, const char *code, const char *text)
{
	a->error = -EKEYREJECTED;
	(void)snprintf(a->code, sizeof(a->code), "%s", code);
	(void)snprintf(a->text, sizeof(a->text), "%s", text);
	(void)snprintf(a->hint, sizeof(a->hint), "what to do about %s", code);
}

static bool signature_good(const struct ike_out_verify *o, const struct toy_cert *cert)
{
	uint8_t *octets;
	EVP_PKEY *key;
	EVP_MD_CTX *ctx;
	size_t len;
	int r;

	if (o->auth_method != IKE_AUTH_DIGITAL_SIGNATURE ||
	    o->auth_data.size != sizeof(ed25519_head) + 64 ||
	    memcmp(o->auth_data.data, ed25519_head, sizeof(ed25519_head)) != 0)
		return false;
	octets = octets_of(o->peer_initiator, o->init_message, o->nonce, o->prf, o->sk_p,
			   o->id_body, o->int_auth_i, o->int_auth_r, o->auth_id, &len);
	if (!octets)
		return false;
	key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, cert->public_key,
					  sizeof(cert->public_key));
	ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key), 1);
	r = EVP_DigestVerify(ctx, o->auth_data.data + sizeof(ed25519_head), 64, octets, len);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	free(octets);
	return r == 1;
}

static void grant(struct sim_node *n, const struct sim_conn *found, struct ike_verify_answer *a)
{
	a->connection = found->config.id;
	memcpy(a->trust,
	       n->stale_judge ? (const uint8_t[IKE_TRUST_SIZE]){0xff} : found->config.trust,
	       sizeof(a->trust));
	a->binding = ++n->last_binding;
	if (a->binding >= n->size_bindings) {
		size_t size = n->size_bindings ? n->size_bindings * 2 : 64;

		n->bindings = realloc(n->bindings, size * sizeof(*n->bindings));
		assert_non_null(n->bindings);
		memset(n->bindings + n->size_bindings, 0, size - n->size_bindings);
		n->places = realloc(n->places, size * sizeof(*n->places));
		assert_non_null(n->places);
		memset(n->places + n->size_bindings, 0,
		       (size - n->size_bindings) * sizeof(*n->places));
		n->peers = realloc((void *)n->peers, size * sizeof(*n->peers));
		assert_non_null(n->peers);
		memset((void *)(n->peers + n->size_bindings), 0,
		       (size - n->size_bindings) * sizeof(*n->peers));
		n->size_bindings = size;
	}
	n->bindings[a->binding] = true;
	n->binding_of[a->binding % 1024] = a->connection;
	n->live_bindings++;
	n->granted++;
	a->expires_in = found->expires_in;
}

/* A nonce is good once, and it must be the one that was handed out. */
static void use_nonce(struct sim_node *n, const struct ike_out_verify *o)
{
	assert_true(o->nonce_token < n->n_nonces);
	assert_int_equal(o->nonce.size, IKE_NONCE_SIZE);
	assert_memory_equal(o->nonce.data, n->nonces[o->nonce_token].nonce, IKE_NONCE_SIZE);
	assert_false(n->nonces[o->nonce_token].used);
	n->nonces[o->nonce_token].used = true;
}

static void judge(struct sim_node *n, const struct ike_out_verify *o, struct ike_verify_answer *a)
{
	const struct sim_conn *found = NULL;
	struct toy_cert cert, right;

	if (!o->n_certs || o->certs[0].size < sizeof(cert)) {
		refuse(a, "leaf-unreadable", "the certificate cannot be read");
		return;
	}
	memcpy(&cert, o->certs[0].data, sizeof(cert));
	cert.ca[sizeof(cert.ca) - 1] = cert.name[sizeof(cert.name) - 1] = 0;
	cert_make(cert.ca, cert.name, &right);
	if (memcmp(&cert, &right, sizeof(cert)) != 0) {
		refuse(a, "bad-signature", "the certificate is not signed by its issuer");
		return;
	}
	for (size_t i = 0; i < o->n_candidates && !found; i++) {
		const struct sim_conn *c = sim_conn_of(n, o->candidates[i]);

		if (c && !strcmp(c->peer, cert.name))
			found = c;
	}
	if (!found) {
		refuse(a, "subject-mismatch", "the peer is somebody else");
		return;
	}
	if (strcmp(found->ca, cert.ca) != 0) {
		refuse(a, "no-path", "nothing leads from the peer's certificate to a trusted root");
		return;
	}
	if (o->id_body.size != 4 + strlen(cert.name) || o->id_body.data[0] != IKE_ID_FQDN ||
	    memcmp(o->id_body.data + 4, cert.name, strlen(cert.name)) != 0) {
		refuse(a, "identity-mismatch", "the identity is not in the certificate");
		return;
	}
	if (!signature_good(o, &cert)) {
		refuse(a, "bad-auth", "the peer's AUTH does not fit its certificate");
		return;
	}
	grant(n, found, a);
	for (const struct sim_node *peer = n->sim->nodes; peer; peer = peer->next)
		if (!strcmp(peer->name, cert.name))
			n->peers[a->binding] = peer;
	(void)snprintf(a->subject, sizeof(a->subject), "CN=%s", cert.name);
}

static void do_verify(struct sim_node *n, const struct ike_out_verify *o)
{
	struct ike_verify_answer *a = calloc(1, sizeof(*a));

	assert_non_null(a);
	n->verifies++;
	n->verifies_ahead += o->ahead;
	n->n_peer_ocsp = o->n_ocsp;
	for (size_t i = 0; i < o->n_ocsp; i++) {
		const size_t len = o->ocsp[i].size;

		n->peer_ocsp_len[i] = len;
		memcpy(n->peer_ocsp[i], o->ocsp[i].data,
		       len < sizeof(n->peer_ocsp[i]) ? len : sizeof(n->peer_ocsp[i]));
	}
	if (n->mute_verify) {
		free(a);
		return;
	}
	if (n->no_room > 0) {
		n->no_room--;
		a->error = -ENOBUFS;
		sim_answer_later(n, IKE_OUT_VERIFY, o->request, 0, a, sizeof(*a));
		return;
	}
	use_nonce(n, o);
	if (!n->own_judge)
		judge(n, o, a);
	else if (n->own_judge(n, o, a))
		grant(n, sim_conn_of(n, a->connection), a);
	sim_answer_later(n, IKE_OUT_VERIFY, o->request, 0, a, sizeof(*a));
}

/* ------------------------------------------------------------------ outputs */

static void keep_report(struct sim_node *n, const struct ike_out_report *o)
{
	struct sim_report *r = &n->reports[n->n_reports++ % SIM_MAX_REPORTS];

	sim_touch(n, o->connection);
	r->connection = o->connection;
	r->claimed = o->claimed;
	r->severity = o->severity;
	r->at = n->sim->now;
	(void)snprintf(r->event, sizeof(r->event), "%s", o->event);
	assert_true(strlen(o->text) < IKE_REPORT_SIZE && strlen(o->hint) < IKE_TEXT_SIZE);
	free(r->text);
	r->text = malloc(strlen(o->text) + strlen(o->hint) + 2);
	assert_non_null(r->text);
	r->hint = stpcpy(r->text, o->text) + 1;
	(void)strcpy(r->hint, o->hint);
	if (getenv("SIM_TRACE"))
		print_message("%10.6f %s: %s: %s [%s]\n", (double)n->sim->now / SIM_S, n->name,
			      r->event, r->text, r->hint);
}

void sim_node_drain(struct sim_node *n)
{
	struct ike_output o;

	while (ike_next_output(n->engine, &o)) {
		assert_true(n->boundless || wire_fits(&o));
		switch (o.kind) {
		case IKE_OUT_DATAGRAM:
			n->mark = o.datagram.mark;
			if (o.datagram.local.vrf != n->vrf) {
				n->wrong_vrf++;
				break;
			}
			sim_send(n, &o.datagram.local, &o.datagram.remote, o.datagram.data.data,
				 o.datagram.data.size, false);
			break;
		case IKE_OUT_NONCES: do_nonces(n, o.nonces.count); break;
		case IKE_OUT_SIGN: do_sign(n, &o.sign); break;
		case IKE_OUT_VERIFY: do_verify(n, &o.verify); break;
		case IKE_OUT_CHILD_EXPECT: sim_expect(n, &o.expect); break;
		case IKE_OUT_CHILD_ADD: sim_sad_add(n, &o.child_add); break;
		case IKE_OUT_CHILD_DEL: sim_sad_del(n, o.child.child, o.child.outbound_only); break;
		case IKE_OUT_CHILD_ACTIVATE: sim_sad_activate(n, o.child.child); break;
		case IKE_OUT_CHILD_MOVE: sim_sad_move(n, &o.child); break;
		case IKE_OUT_PLACE: sim_place(n, &o.place); break;
		case IKE_OUT_RELEASE: sim_binding_release(n, o.release.binding); break;
		case IKE_OUT_REPORT: keep_report(n, &o.report); break;
		case IKE_OUT_KEYS:
			assert_true(o.keys.encr_i.size > 0);
			n->keys++;
			break;
		}
		if (!cg_addr_is_any(&n->lost_address) && !n->deaf_to_moves) {
			struct cg_addr lost = n->lost_address;

			n->lost_address = (struct cg_addr){};
			ike_local_lost(n->engine, n->sim->now, &lost);
		}
	}
	sim_schedule_tick(n);
	sim_watch_event(n);
}

/* ------------------------------------------------------------------ making */

void sim_engine_new(struct sim_node *n, bool hold)
{
	n->engine_config.random = seeded_random(&n->random,
						n->sim->seed * 1000 + n->number + n->random.state);
	n->engine_config.hold = hold;
	assert_int_equal(ike_engine_new(&n->engine_config, n->sim->now, &n->engine), 0);
	n->engine_config.hold = false;
	n->engines++;
	n->granted = n->refused = 0;
	n->deadline = 0;
}

void sim_node_reserve(struct sim_node *n, size_t conns)
{
	for (size_t i = 0; i < n->max_conns; i++)
		assert_false(n->conns[i].used);
	free(n->conns);
	n->conns = calloc(conns, sizeof(*n->conns));
	assert_non_null(n->conns);
	n->max_conns = conns;
}

struct sim_node *sim_node_new(struct sim *s, const char *name, const char *ca, const char *addr)
{
	struct sim_node *n = calloc(1, sizeof(*n)), **p = &s->nodes;

	assert_non_null(n);
	while (*p)
		p = &(*p)->next;
	*p = n;
	n->sim = s;
	n->number = ++s->n_nodes;
	(void)snprintf(n->name, sizeof(n->name), "%s", name);
	(void)snprintf(n->ca, sizeof(n->ca), "%s", ca);
	n->addr = sim_endpoint(addr, 0).addr;
	n->id_body[0] = IKE_ID_FQDN;
	n->id_len = 4 + strlen(name);
	memcpy(n->id_body + 4, name, strlen(name));
	n->engine_config.half_open_cookie = 1000;
	n->engine_config.half_open_limit = 2000;
	n->engine_config.half_open_per_net = 1000;
	sim_node_reserve(n, SIM_MAX_CONNS);
	sim_engine_new(n, false);
	return n;
}

void sim_node_free(struct sim_node *n)
{
	sim_sad_clear(n);
	ike_engine_free(n->engine);
	for (size_t i = 0; i < IKE_MAX_CERTS; i++)
		free(n->chain[i]);
	for (size_t i = 0; i < SIM_MAX_REPORTS; i++)
		free(n->reports[i].text);
	free(n->nonces);
	free(n->bindings);
	free(n->places);
	free((void *)n->peers);
	free(n->expected);
	free(n->conns);
	free(n);
}

void sim_node_restart(struct sim_node *n, bool kernel)
{
	n->engine = ike_engine_free(n->engine);
	if (kernel)
		sim_sad_clear(n);
	else
		for (struct sim_sa *sa = n->sad; sa; sa = sa->next)
			sa->child |= (uint64_t)1 << 63; /* nobody deletes it any more */
	n->live_bindings = 0;
	for (size_t i = 0; i < n->size_bindings; i++)
		n->bindings[i] = false;
	sim_engine_new(n, false);
	for (size_t i = 0; i < n->max_conns; i++)
		if (n->conns[i].used)
			sim_conn_set(n, &n->conns[i]);
	sim_node_drain(n);
}

static struct ike_ts ts_of(const char *prefix)
{
	struct cg_prefix p;
	struct ike_ts ts;

	assert_int_equal(cg_prefix_parse(prefix, &p), 0);
	assert_int_equal(ike_ts_from_prefix(p.addr.bytes, cg_addr_len(p.addr.family), p.len, &ts),
			 0);
	return ts;
}

void sim_child(struct sim_conn *c, size_t i, const char *name, const char *local,
	       const char *remote)
{
	struct ike_child_config *k = &c->children[i];

	assert_true(i < 4);
	(void)snprintf(k->name, sizeof(k->name), "%s", name);
	c->ts[i][0][0] = ts_of(local);
	c->ts[i][1][0] = ts_of(remote);
	k->local_ts = c->ts[i][0];
	k->remote_ts = c->ts[i][1];
	k->n_local_ts = k->n_remote_ts = 1;
	if (c->config.n_children <= i)
		c->config.n_children = i + 1;
}

struct sim_conn *sim_conn(struct sim_node *n, uint32_t id, const char *remote, const char *peer,
			  const char *peer_ca)
{
	struct sim_conn *c = NULL;

	for (size_t i = 0; i < n->max_conns && !c; i++)
		if (!n->conns[i].used)
			c = &n->conns[i];
	assert_non_null(c);
	c->used = true;
	(void)snprintf(c->peer, sizeof(c->peer), "%s", peer);
	(void)snprintf(c->ca, sizeof(c->ca), "%s", peer_ca);
	c->config = (struct ike_connection_config){
		.id = id,
		.local = {.addr = n->addr, .port = 500},
		.ike_policy = &ike_policy_default_ike,
		.esp_policy = &ike_policy_default_esp,
		.dpd_delay = 15,
		.dpd_timeout = 60,
		.fragmentation = true,
		.enabled = true,
		.children = c->children,
	};
	(void)snprintf(c->config.name, sizeof(c->config.name), "%.15s-%.15s", n->name, peer);
	if (remote)
		c->config.remote = sim_endpoint(remote, 500);
	return c;
}

void sim_conn_set(struct sim_node *n, struct sim_conn *c)
{
	struct toy_cert *leaf = calloc(1, sizeof(*leaf));

	assert_non_null(leaf);
	cert_make(n->ca, n->name, leaf);
	free(n->chain[0]);
	n->chain[0] = (uint8_t *)leaf;
	c->certs[0] = (struct ike_blob){.data = n->chain[0], .size = sizeof(*leaf)};
	c->config.certs = c->certs;
	c->config.n_certs = 1;
	for (size_t i = 1; i <= n->chain_extra; i++) {
		free(n->chain[i]);
		n->chain[i] = malloc(n->chain_extra_size);
		assert_non_null(n->chain[i]);
		memset(n->chain[i], (int)i, n->chain_extra_size);
		c->certs[i] = (struct ike_blob){.data = n->chain[i], .size = n->chain_extra_size};
		c->config.n_certs++;
	}
	c->config.local_id = (struct ike_blob){.data = n->id_body, .size = n->id_len};
	assert_int_equal(ike_connection_set(n->engine, n->sim->now, &c->config), 0);
	sim_node_drain(n);
}

void sim_pair(struct sim *s, struct sim_node **a, struct sim_node **b)
{
	struct sim_conn *c;

	*a = sim_node_new(s, "a", "root-a", "192.0.2.1");
	*b = sim_node_new(s, "b", "root-b", "198.51.100.1");
	c = sim_conn(*a, 1, "198.51.100.1", "b", "root-b");
	sim_child(c, 0, "net", "10.1.0.0/16", "10.2.0.0/16");
	c = sim_conn(*b, 1, "192.0.2.1", "a", "root-a");
	c->config.mode = IKE_MODE_RESPONDER_ONLY;
	sim_child(c, 0, "net", "10.2.0.0/16", "10.1.0.0/16");
}

void sim_begin(struct sim_node *a, struct sim_node *b)
{
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
}

void sim_connect(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	sim_begin(a, b);
	sim_assert_up(s, 60 * SIM_S);
	sim_run(s, 2 * SIM_S);
	sim_assert_rest(s);
}
