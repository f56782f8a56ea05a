/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading a configuration: read, its files opened, each connection's files shown to `key` and to every verify worker, one connection
 * after the other. For a reload only when all of it is good does anything change: then key and verify put it in force and apply.c does the
 * rest. At the start, and where what is in force is loaded again, a connection whose certificates cannot be used does not stop the others: it is
 * refused, and they are loaded. Called at the start, for `reload`, and when key or a verify worker was started again.
 * How one connection is staged is in load_stage.c.
 */
#include "daemon/load_stage.h"

#include <malloc.h>

#include "base/str.h"
#include "daemon/apply.h"
#include "daemon/check.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/credentials.h"
#include "daemon/gateway.h"
#include "daemon/hardware.h"
#include "daemon/net.h"
#include "daemon/options.h"
#include "daemon/proc.h"
#include "daemon/tunnel.h"
#include "daemon/vaulting.h"

static bool all_there(struct gateway *g, const struct cg_config *config)
{
	bool there = proc_channel(g, ROLE_KEY, 0);

	for (unsigned int i = 0; i < g->n_verifiers; i++)
		there = there && proc_channel(g, ROLE_VERIFY, i);
	return there && vaulting_ready(g, config);
}

void load_free(struct load *l)
{
	if (!l)
		return;
	for (size_t i = 0; l->conns && i < l->n; i++)
		conn_free(l->conns[i]);
	free(l->conns);
	if (l->own_config)
		cg_config_free(l->config);
	cg_diags_done(&l->diags);
	free(l);
}

static time_t pause_after(unsigned int failures)
{
	const unsigned int doubled = failures > 0 ? MIN(failures - 1, LOAD_RETRY_DOUBLED) : 0;

	return (time_t)LOAD_RETRY_SECONDS << doubled;
}

/* How it went, and whether that is another thing than what was told the last time. */
static void note_outcome(struct load *l, int error, bool due_still)
{
	struct gateway *g = l->g;
	const char *why = NULL;

	if (error >= 0) {
		g->load_news = g->load_failures > 0;
		g->load_failures = 0;
		g->load_bare = false;
		free(TAKE_PTR(g->load_why));
		g->load_retries = l->n_refused > 0 && l->short_of_room ? g->load_retries + 1 : 0;
		return;
	}
	for (size_t i = 0; i < l->diags.n && !why; i++) {
		if (l->diags.items[i].severity == CG_DIAG_ERROR)
			why = l->diags.items[i].text;
	}
	why = why ? why : strerror(-error);
	g->load_news = g->load_failures == 0 || !streq_ptr(g->load_why, why);
	if (!due_still)
		return;
	g->load_failures++;
	(void)str_replace(&g->load_why, why);
}

static void finish(struct load *l, int error, json_t *result)
{
	struct timeval at = {.tv_usec = 1000};
	struct gateway *g = l->g;
	const bool owed = error < 0 && l->owed && g->loaded;

	g->load = NULL;
	note_outcome(l, error, owed);
	/* What else is due is so whatever this came to; this alone, with pauses: what is wrong may last. */
	if (!g->load_again && !g->reload_wanted)
		at = (struct timeval){
			.tv_sec = pause_after(owed ? g->load_failures : g->load_retries)};
	g->load_again = g->load_again || owed;
	/* Whoever was called may want it later. */
	if ((g->load_again || g->reload_wanted || g->load_retries > 0) && !g->stopping)
		(void)event_add(g->load_timer, &at);
	l->done(l->ctx, error, &l->diags, result);
	load_free(l);
	/* Reading a large configuration takes much more than keeping it: the rest goes back to the system. */
	(void)malloc_trim(0);
}

static void commit(struct load *l)
{
	struct conn **conns = TAKE_PTR(l->conns);
	json_t *result;

	load_tell_all(l, MSG_STAGE_COMMIT);
	if (l->own_config && l->g->config)
		cg_config_warn_of_start(l->g->config, l->config, &l->diags);
	l->own_config = false;
	result = apply_config(l->g, l->config, conns, l->n);
	if (result) {
		json_t *warnings = cg_diags_to_json(&l->diags);

		(void)json_object_set_new(result, "warnings", warnings ? warnings : json_array());
	}
	finish(l, 0, result);
}

void load_stage_next(struct load *l)
{
	int r;

	while (l->at < l->n) {
		struct conn *c = l->conns[l->at];

		l->errors_before = l->diags.n_errors;
		l->items_before = l->diags.n;
		l->answered = l->refused = false;
		r = load_stage_key(l);
		if (r >= 0)
			return;
		load_failed(l, c, r);
		if (load_stands_alone(l, c) && load_stage_trust(l) >= 0)
			return;
		load_leave_connection(l);
	}
	/* A daemon that could do nothing for anybody does not start. */
	if (l->diags.n_errors > l->forgiven ||
	    (!l->g->loaded && l->n > 0 && l->n_refused == l->n) ||
	    sockets_prepare(l->g, l->config, &l->diags) < 0) {
		load_tell_all(l, MSG_STAGE_ABORT);
		vaulting_restore(l->g);
		hardware_loaded(l->g, false);
		finish(l, -EINVAL, NULL);
		return;
	}
	commit(l);
}

/* Starts staging, or waits for the processes it takes. */
static void begin(struct load *l)
{
	if (l->begun || !all_there(l->g, l->config))
		return;
	l->begun = true;
	l->generation = ++l->g->generation;
	load_tell_all(l, MSG_STAGE_BEGIN);
	vaulting_stage(l->g, l->config, l->generation, &l->diags);
	load_stage_next(l);
}

/* A process is gone: whatever was staged with it counts for nothing. */
static void begin_anew(struct load *l)
{
	l->begun = false;
	l->owed = true;
	l->at = 0;
	l->waiting = 0;
	/* Whatever was wrong is found again. */
	l->forgiven = l->diags.n_errors - l->first_errors;
	l->n_refused = 0;
	l->short_of_room = false;
	for (size_t i = 0; i < l->n; i++) {
		credentials_drop_certs(l->conns[i]);
		(void)str_replace(&l->conns[i]->refusal, NULL);
		(void)str_replace(&l->conns[i]->refusal_hint, NULL);
	}
}

void load_on_process(struct gateway *g, bool came)
{
	g->load_bare = g->load_bare || !came;
	if (g->load) {
		if (!came)
			begin_anew(g->load);
		else
			begin(g->load);
		return;
	}
	if (!came)
		g->load_again = true;
	else if (g->load_again && all_there(g, g->config)) {
		const struct timeval soon = {.tv_sec = 0, .tv_usec = 1000};

		(void)event_add(g->load_timer, &soon);
	}
}

void load_soon(struct gateway *g)
{
	const struct timeval soon = {.tv_sec = 0, .tv_usec = 1000};

	g->load_again = true;
	if (!g->load)
		(void)event_add(g->load_timer, &soon);
}

/* Whether the address that the connection uses now is one of the gateway's still. */
static bool still_listens(const struct conn *c, const struct cg_gateway *gw)
{
	const struct child *k = LIST_FIRST(&c->children);

	return !k || check_listens_on(gw, &k->tunnel->said.local.addr);
}

static int make_conns(struct load *l)
{
	struct gateway *g = l->g;

	l->conns = calloc(MAX(l->config->n_connections, (size_t)1), sizeof(struct conn *));
	if (!l->conns)
		return -ENOMEM;
	for (size_t i = 0; i < l->config->n_connections; i++) {
		const struct cg_connection *cfg = &l->config->connections[i];
		struct conn *old = conn_find_name(g, cfg->name), *c;

		if (!cfg->enabled)
			continue;
		c = calloc(1, sizeof(*c));
		if (!c)
			return -ENOMEM;
		c->g = g;
		c->cfg = cfg;
		if (cg_connection_digest(cfg, c->config_digest) < 0)
			return -ENOMEM;
		/* Stable over reloads, unless what runs must end for what is wanted; never used again. */
		c->id = old && !conn_must_begin_anew(old->cfg, cfg) &&
					still_listens(old, &l->config->gateway)
				? old->id
				: ++g->next_conn;
		l->conns[l->n++] = c;
	}
	return 0;
}

void load_due(struct gateway *g, load_done_fn done)
{
	const struct timeval later = {.tv_sec = LOAD_RETRY_SECONDS};

	if (g->reload_wanted && !g->load) {
		/* That is what is due, and more. */
		gateway_reload(g);
		return;
	}
	if (g->stopping || (!g->load_again && g->load_retries == 0))
		return;
	/* It is due until it was done. A restart that is under way may come to nothing. */
	g->load_again = true;
	if (load_start(g, false, done, g) < 0)
		(void)event_add(g->load_timer, &later);
}

int load_start(struct gateway *g, bool reread, load_done_fn done, void *ctx)
{
	struct load *l;
	int r = 0;

	if (g->load || g->restart)
		return -EBUSY;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	*l = (struct load){
		.g = g, .config = g->config, .owed = g->load_again, .done = done, .ctx = ctx};
	g->load = l;
	g->load_again = false;
	if (reread) {
		l->config = NULL;
		r = cg_config_load(g->options->config, &l->diags, &l->config);
		l->own_config = r >= 0;
	}
	if (r >= 0)
		r = make_conns(l);
	if (r >= 0)
		r = vaulting_want(g, l->config);
	if (r >= 0)
		r = hardware_want(g, l->config, reread, &l->diags);
	if (r < 0) {
		hardware_loaded(g, false);
		finish(l, r, NULL);
		return 0;
	}
	l->first_errors = l->diags.n_errors;
	begin(l);
	return 0;
}
