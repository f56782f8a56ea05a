/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.c with several verify workers, of which the test says what they answer, and what it calls of the daemon. Of two connections "hq" and "branch" what comes of them is
 * in `w`.
 */
#ifndef CERTGATE_TESTS_LOADTEST_H
#define CERTGATE_TESTS_LOADTEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include "daemon/apply.h"
#include "daemon/binding.h"
#include "daemon/channel.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/credentials.h"
#include "daemon/filewatch.h"
#include "daemon/gateway.h"
#include "daemon/hardware.h"
#include "daemon/load.h"
#include "daemon/net.h"
#include "daemon/proc.h"
#include "daemon/proto_stage.h"
#include "daemon/shared_bytes.h"
#include "daemon/vaulting.h"

enum { WORKERS = 2 };

static struct world {
	struct gateway g;
	struct proc verify[WORKERS];
	struct channel *channels[1 + WORKERS];
	int theirs[1 + WORKERS];
	struct cg_connection connections[2];
	struct cg_config config;
	struct conn *old; /* that runs by any name */
	/* what was applied: why not, and with how many certificates */
	char refusal[2][256];
	size_t certs[2];
	bool differ;	     /* what is said of the second is not what is said of the first */
	unsigned int shared; /* of so much the second has the bytes of the first */
	size_t diags;
	unsigned int applied, done, reloads;
	int error;
	char text[512], hint[256];
	char keys[2][128]; /* where the first ones stand */
} w;

/* ---------------------------------------------------------------- what load.c calls of the daemon */

struct channel *proc_channel(struct gateway *g _unused_, enum role role, unsigned int index)
{
	return role == ROLE_KEY ? w.channels[0] : w.channels[1 + index];
}

enum { SHARED = 7 };

static inline unsigned int count_shared(const struct conn *a, const struct conn *b)
{
	const void *pairs[SHARED][2] = {
		{a->certs, b->certs},
		{a->local_id, b->local_id},
		{a->local_subject, b->local_subject},
		{a->local_ends, b->local_ends},
		{a->remote_id, b->remote_id},
		{a->hashes, b->hashes},
		{a->chain_subject, b->chain_subject},
	};
	unsigned int n = 0;

	for (size_t i = 0; i < SHARED; i++)
		n += pairs[i][0] && pairs[i][0] == pairs[i][1];
	return n;
}

json_t *apply_config(struct gateway *g _unused_, struct cg_config *config _unused_,
		     struct conn **conns, size_t n)
{
	w.applied++;
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(w.refusal[i], sizeof(w.refusal[i]), "%s",
			       conns[i]->refusal ? conns[i]->refusal : "");
		w.certs[i] = conns[i]->n_certs;
	}
	if (n == 2 && conns[0]->n_certs == 1 && conns[1]->n_certs == 1)
		w.shared = count_shared(conns[0], conns[1]);
	for (size_t i = 0; i < n; i++)
		conn_free(conns[i]);
	free(conns);
	return NULL;
}

void conn_free(struct conn *c)
{
	if (!c)
		return;
	credentials_done(c);
	free(c->refusal);
	free(c->refusal_hint);
	free(c);
}

struct conn *conn_find_name(const struct gateway *g _unused_, const char *name _unused_)
{
	return w.old;
}

void bindings_compare(struct conn *c _unused_)
{
}

bool conn_must_begin_anew(const struct cg_connection *a _unused_,
			  const struct cg_connection *b _unused_)
{
	return false;
}

void gateway_reload(struct gateway *g)
{
	w.reloads++;
	g->reload_wanted = false;
}

bool hardware_has(const struct cg_connection *c _unused_)
{
	return false;
}

json_t *cg_connection_to_json(const struct cg_connection *c _unused_)
{
	return json_object();
}

int cg_connection_digest(const struct cg_connection *c _unused_, uint8_t ret[CG_DIGEST_SIZE])
{
	memset(ret, 0, CG_DIGEST_SIZE);
	return 0;
}

uint64_t files_state(const struct cg_gateway *gateway _unused_,
		     const struct cg_connection *c _unused_)
{
	return 0;
}

int sockets_prepare(struct gateway *g _unused_, const struct cg_config *config _unused_,
		    struct cg_diags *diags _unused_)
{
	return 0;
}

bool vaulting_ready(struct gateway *g _unused_, const struct cg_config *config _unused_)
{
	return true;
}

int vaulting_want(struct gateway *g _unused_, const struct cg_config *config _unused_)
{
	return 0;
}

void vaulting_stage(struct gateway *g _unused_, const struct cg_config *config _unused_,
		    uint32_t generation _unused_, struct cg_diags *diags _unused_)
{
}

void vaulting_restore(struct gateway *g _unused_)
{
}

int hardware_want(struct gateway *g _unused_, const struct cg_config *config _unused_,
		  bool again _unused_, struct cg_diags *diags _unused_)
{
	return 0;
}

void hardware_loaded(struct gateway *g _unused_, bool good _unused_)
{
}

bool hardware_is_new(const struct gateway *g _unused_, const struct cg_connection *c _unused_)
{
	return false;
}

void hardware_mismatch(struct gateway *g _unused_, const struct cg_connection *c _unused_)
{
}

int hardware_index(const struct gateway *g _unused_, const struct cg_connection *c _unused_)
{
	return -ENOENT;
}

/* ---------------------------------------------------------------- a load, up to where the workers answer */

static inline int on_message(void *ctx _unused_, struct channel *c _unused_,
			     enum msg_type type _unused_, struct msg_reader *r _unused_,
			     int *fd _unused_)
{
	return -EOPNOTSUPP;
}

static inline void on_closed(void *ctx _unused_, struct channel *c _unused_)
{
}

static inline void on_violation(void *ctx _unused_, struct channel *c _unused_,
				const char *text _unused_)
{
}

static inline void on_done(void *ctx _unused_, int error, const struct cg_diags *diags,
			   json_t *result)
{
	w.done++;
	w.error = error;
	json_decref(result);
	w.diags = diags->n;
	for (size_t i = 0; i < MIN(diags->n, ARRAY_SIZE(w.keys)); i++)
		(void)snprintf(w.keys[i], sizeof(w.keys[i]), "%s",
			       diags->items[i].key ? diags->items[i].key : "");
	if (diags->n == 0)
		return;
	(void)snprintf(w.text, sizeof(w.text), "%s", diags->items[0].text);
	(void)snprintf(w.hint, sizeof(w.hint), "%s",
		       diags->items[0].hint ? diags->items[0].hint : "");
}

static inline int set_up(size_t n_connections)
{
	static const struct channel_ops ops = {
		.message = on_message, .closed = on_closed, .violation = on_violation};
	static const char *const names[] = {"hq", "branch"};

	memset(&w, 0, sizeof(w));
	w.g.base = event_base_new();
	assert_non_null(w.g.base);
	for (size_t i = 0; i < ARRAY_SIZE(w.channels); i++) {
		int pair[2];

		assert_int_equal(channel_pair(pair), 0);
		w.theirs[i] = pair[1];
		assert_int_equal(channel_new(w.g.base, pair[0], ROLE_MAIN,
					     i == 0 ? ROLE_KEY : ROLE_VERIFY, 0, &ops, NULL,
					     &w.channels[i]),
				 0);
	}
	for (unsigned int i = 0; i < WORKERS; i++)
		w.verify[i] = (struct proc){.g = &w.g, .role = ROLE_VERIFY, .index = i};
	for (size_t i = 0; i < n_connections; i++)
		w.connections[i] = (struct cg_connection){.name = (char *)(uintptr_t)names[i],
							  .enabled = true,
							  .subject_name = (char *)"gw.hq.example",
							  .local_identity = "auto",
							  .remote_identity = "auto"};
	w.config.connections = w.connections;
	w.config.n_connections = n_connections;
	w.g.config = &w.config;
	w.g.n_verifiers = WORKERS;
	return 0;
}

/* What key says of the connection; error NULL: all is well. */
static inline void key_answers(uint32_t connection, const char *error)
{
	static const uint8_t ders[][2] = {{0x30, 0}, {0x31, 0}},
			     ids[][6] = {{2, 0, 0, 0, 'h', 'q'}, {2, 0, 0, 0, 'h', 'r'}};
	static struct staged_key s;
	const unsigned int other = w.differ && connection == 2;

	s = (struct staged_key){.ref = {1, connection}};
	(void)snprintf(s.subject, sizeof(s.subject), "CN=%s", other ? "us" : "we");
	(void)snprintf(s.ends_first, sizeof(s.ends_first), "CN=%s", other ? "they" : "we");
	if (error) {
		s.error = -EKEYREJECTED;
		s.part = STAGE_CERTIFICATE;
		(void)snprintf(s.text, sizeof(s.text), "%s", error);
	} else {
		s.certs[0] = (struct ike_blob){.data = ders[other], .size = sizeof(ders[0])};
		s.n_certs = 1;
		s.id = (struct ike_blob){.data = ids[other], .size = sizeof(ids[0])};
	}
	load_on_staged_key(&w.g, NULL, &s);
}

static inline int begin(void **state _unused_)
{
	(void)set_up(1);
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(1, NULL);
	assert_int_equal(w.done, 0);
	return 0;
}

static inline int begin_two(void **state _unused_)
{
	return set_up(2);
}

static inline int end(void **state _unused_)
{
	load_free(w.g.load);
	for (size_t i = 0; i < ARRAY_SIZE(w.channels); i++) {
		(void)channel_free(w.channels[i]);
		(void)close(w.theirs[i]);
	}
	event_base_free(w.g.base);
	return 0;
}

static inline void answer_of(unsigned int worker, uint32_t connection, uint8_t digest,
			     const char *error)
{
	static const uint8_t hashes[][2 * PKI_SHA1_SIZE] = {{1}, {2}},
					  ids[][5] = {{2, 0, 0, 0, 'a'}, {2, 0, 0, 0, 'b'}};
	static struct staged_trust s;
	const unsigned int other = w.differ && connection == 2;

	s = (struct staged_trust){.ref = {1, connection}, .not_after = 1900000000};
	memset(s.digest, digest, sizeof(s.digest));
	s.hashes = (struct ike_blob){.data = hashes[other], .size = sizeof(hashes[0])};
	s.remote_id = (struct ike_blob){.data = ids[other], .size = sizeof(ids[0])};
	(void)snprintf(s.subject, sizeof(s.subject), "CN=%s", other ? "other root" : "root");
	if (error) {
		s.error = -EINVAL;
		s.part = STAGE_CHAIN;
		(void)snprintf(s.text, sizeof(s.text), "%s", error);
	}
	load_on_staged_trust(&w.g, &w.verify[worker], &s);
}

static inline void answer(unsigned int worker, uint8_t digest, const char *error)
{
	answer_of(worker, 1, digest, error);
}

/* All workers take it, or none. */
static inline void all_answer(uint32_t connection, const char *error)
{
	for (unsigned int i = 0; i < WORKERS; i++)
		answer_of(i, connection, error ? 0 : 7, error);
}

#endif
