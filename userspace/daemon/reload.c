/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads after the first, by a signal or since a process needs again what is in force, and what each leaves in the log.
 */
#include "daemon/reload.h"

#include <event2/event.h>

#include "base/log.h"
#include "base/time.h"
#include "config/config.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/load.h"
#include "daemon/notify.h"

void reload_log_findings(const struct cg_diags *diags)
{
	for (size_t i = 0; i < diags->n; i++) {
		_cleanup_free_ char *line = cg_diag_format(&diags->items[i]);
		const char *hint = diags->items[i].hint;

		if (diags->items[i].severity == CG_DIAG_ERROR)
			log_error("%s%s%s%s", line ? line : "out of memory", hint ? " (" : "",
				  hint ? hint : "", hint ? ")" : "");
		else
			log_warning("%s%s%s%s", line ? line : "out of memory", hint ? " (" : "",
				    hint ? hint : "", hint ? ")" : "");
	}
}

void gateway_loaded(struct gateway *g, int error, const struct cg_diags *diags)
{
	size_t refused = 0;
	char text[64];

	reload_log_findings(diags);
	for (size_t i = 0; i < g->n_conns; i++)
		refused += g->conns[i]->refusal != NULL;
	(void)snprintf(text, sizeof(text), ", %zu are refused", refused);
	if (error < 0)
		history_add(g, NULL, IKE_ERROR, "configuration-refused", NULL,
			    "the lines before this say why; so does 'certgate check'",
			    "the configuration was not loaded (%s), nothing was changed",
			    strerror(-error));
	else
		history_add(g, NULL, IKE_NOTICE, "configuration-loaded", NULL, NULL,
			    "%zu connections are loaded%s", g->n_conns - refused,
			    refused > 0 ? text : "");
	notify_status(g);
}

static void on_signalled_load(void *ctx, int error, const struct cg_diags *diags, json_t *result)
{
	json_decref(result);
	gateway_loaded(ctx, error, diags);
	notify_state("READY=1");
}

/* Key and verify need what is in force; if that cannot be had (a file is gone), load.c tries again. What lasts is told once. */
static void on_restored(void *ctx, int error, const struct cg_diags *diags, json_t *result)
{
	struct gateway *g = ctx;

	json_decref(result);
	if (g->load_news)
		gateway_loaded(g, error, diags);
	if (error < 0 && g->load_news)
		log_notice("it is tried again, with pauses that grow to five minutes");
}

static void on_load_timer(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	load_due(userdata, on_restored);
}

void gateway_reload(struct gateway *g)
{
	char text[64];
	int r;

	g->reload_wanted = !g->stopping && (g->load || g->restart);
	if (g->reload_wanted)
		log_notice("%s is under way: the configuration is loaded again after it",
			   g->load ? "a load" : "a restart");
	if (g->reload_wanted || g->stopping)
		return;
	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%ju",
		       (uintmax_t)now_boottime());
	notify_state(text);
	r = load_start(g, true, on_signalled_load, g);
	if (r < 0) {
		(void)log_error_errno(r, "the configuration cannot be loaded");
		notify_state("READY=1");
	}
}

int reload_begin(struct gateway *g)
{
	g->load_timer = evtimer_new(g->base, on_load_timer, g);
	return g->load_timer ? 0 : -ENOMEM;
}
