/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of certificates, keys and lists that change while the daemon runs: once they have come to rest they are loaded again, under the configuration in
 * force. The configuration's own files are not looked at: an edit that somebody is in the middle of takes effect with `reload` alone. Called by main's
 * tick.
 */
#include "daemon/filewatch.h"

#include <sys/stat.h>

#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/load.h"

#define FIRST UINT64_C(0xcbf29ce484222325)

static uint64_t mix(uint64_t h, uint64_t v)
{
	for (unsigned int i = 0; i < 8; i++, v >>= 8)
		h = (h ^ (v & 0xff)) * 0x100000001b3;
	return h;
}

/* What was found in one look at all files: those that connections have in common are asked for once. By their texts, which the configuration has once, too. */
struct look {
	const char *path[64];
	uint64_t state[64];
};

/* By what changes with every write and every rename; what cannot be looked at is a state like others. */
static uint64_t state_of(const char *path)
{
	uint64_t h = FIRST;
	struct stat st;

	if (stat(path, &st) < 0)
		return mix(h, (uint64_t)errno);
	h = mix(mix(h, (uint64_t)st.st_dev), (uint64_t)st.st_ino);
	h = mix(mix(h, (uint64_t)st.st_size), (uint64_t)st.st_mode);
	h = mix(mix(h, (uint64_t)st.st_mtim.tv_sec), (uint64_t)st.st_mtim.tv_nsec);
	return mix(mix(h, (uint64_t)st.st_ctim.tv_sec), (uint64_t)st.st_ctim.tv_nsec);
}

static uint64_t add(uint64_t h, const struct cg_source *s, struct look *look)
{
	size_t at;

	if (!s->text || s->vault)
		return h;
	if (!look)
		return mix(h, state_of(s->text));
	at = ((uintptr_t)s->text >> 4) % ARRAY_SIZE(look->path);
	if (look->path[at] != s->text) {
		look->path[at] = s->text;
		look->state[at] = state_of(s->text);
	}
	return mix(h, look->state[at]);
}

uint64_t file_state(const struct cg_source *s)
{
	return add(FIRST, s, NULL);
}

static uint64_t look_at(const struct cg_gateway *gateway, const struct cg_connection *c,
			struct look *look)
{
	const struct cg_source *const lists[] = {c->outbound_chain, c->inbound_chain,
						 c->trust_anchors, c->crls};
	const size_t n[] = {c->n_outbound_chain, c->n_inbound_chain, c->n_trust_anchors, c->n_crls};
	uint64_t h = FIRST;

	h = add(h, &c->outbound_certificate, look);
	h = add(h, &c->outbound_key, look);
	h = add(h, &c->outbound_passphrase, look);
	if (c->hardware)
		h = add(h, &c->hardware->pin, look);
	if (c->outbound_certificate.vault)
		h = add(h, &gateway->vault.ca, look);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (size_t j = 0; j < n[i]; j++)
			h = add(h, &lists[i][j], look);
	}
	return h;
}

uint64_t files_state(const struct cg_gateway *gateway, const struct cg_connection *c)
{
	return look_at(gateway, c, NULL);
}

/* Whoever wants to know why the old files are still in use finds it with each connection whose files changed. */
static void on_loaded(void *ctx, int error, const struct cg_diags *diags, json_t *result)
{
	struct gateway *g = ctx;
	const struct cg_diag *why = NULL;

	json_decref(result);
	for (size_t i = 0; i < diags->n && !why; i++) {
		if (diags->items[i].severity == CG_DIAG_ERROR)
			why = &diags->items[i];
	}
	for (size_t i = 0; i < g->n_conns && error < 0; i++) {
		struct conn *c = g->conns[i];

		if (c->files_seen != c->files_loaded)
			history_note(
				g, c, IKE_ERROR, "files-refused", NULL,
				why && why->hint ? why->hint : "'certgate check' tells all of it",
				"files changed and cannot be used, what was loaded before stays: %s",
				why ? why->text : strerror(-error));
	}
}

void filewatch_tick(struct gateway *g, usec_t now)
{
	struct look look = {0};
	bool changed = false;

	/* One that is due is load.c's, unless it waits since it failed: the change may be what ends that. */
	if (!g->loaded || g->load || (g->load_again && g->load_failures == 0) || g->restart ||
	    g->stopping || g->config->gateway.watch_files_seconds == 0 ||
	    now - g->files_at < g->config->gateway.watch_files_seconds * USEC_PER_SEC)
		return;
	g->files_at = now;
	for (size_t i = 0; i < g->n_conns; i++) {
		struct conn *c = g->conns[i];
		uint64_t is = look_at(&g->config->gateway, c->cfg, &look);
		bool rests = is == c->files_seen;

		c->files_seen = is;
		if (is == c->files_loaded)
			c->files_tried = 0;
		/* Somebody may be writing: two looks have to see the same. What was refused is not tried again as it is. */
		else if (rests && is != c->files_tried)
			changed = true;
	}
	if (!changed)
		return;
	for (size_t i = 0; i < g->n_conns; i++) {
		struct conn *c = g->conns[i];

		if (c->files_seen == c->files_loaded)
			continue;
		c->files_tried = c->files_seen;
		history_note(g, c, IKE_NOTICE, "files-changed", NULL, NULL,
			     "files of certificates, keys or lists changed and are loaded again");
	}
	(void)load_start(g, false, on_loaded, g);
}
