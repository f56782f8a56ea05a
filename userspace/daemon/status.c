/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The results of `status` and `explain`: what the configuration says, what ike says, and the kernel's counters, as docs/json.md
 * describes them; of IKE SAs and Child SAs in status_sa.c. Called by ops.c.
 */
#include "daemon/status.h"

#include "base/file.h"
#include "base/version.h"
#include "daemon/binding.h"
#include "daemon/child.h"
#include "daemon/clockwatch.h"
#include "daemon/conn.h"
#include "daemon/expiry.h"
#include "daemon/forwarding.h"
#include "daemon/gateway.h"
#include "daemon/hardware.h"
#include "daemon/history.h"
#include "daemon/options.h"
#include "daemon/proto_ike.h"
#include "daemon/routes.h"
#include "daemon/snapshot.h"
#include "daemon/status_parts.h"
#include "daemon/vaulting.h"
#include "kernel/kernel.h"

/* The one that counts of a connection's IKE SAs: up before others, then the latest. */
static const struct proto_sa_status *best_sa(const struct conn *c, const struct ike_snapshot *s)
{
	const struct proto_sa_status *best = NULL;
	size_t low = 0, high = s->n_sas;

	/* The first one of the connection: they are in order. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->sas[middle].s.connection < c->id)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < s->n_sas && s->sas[low].s.connection == c->id; low++) {
		const struct proto_sa_status *sa = &s->sas[low];
		bool up = sa->s.state == IKE_STATE_UP;
		bool best_up = best && best->s.state == IKE_STATE_UP;

		if (!best || (up && !best_up) ||
		    (up == best_up && sa->s.established >= best->s.established))
			best = sa;
	}
	return best;
}

static int compare_connection(const void *key, const void *element)
{
	uint32_t id = *(const uint32_t *)key;
	const struct snapshot_wait *w = element;

	return (id > w->connection) - (id < w->connection);
}

/* 0: none is planned. */
static ike_time next_attempt(const struct conn *c, const struct ike_snapshot *s)
{
	const struct snapshot_wait *w = NULL;

	if (s->n_waits > 0)
		w = bsearch(&c->id, s->waits, s->n_waits, sizeof(s->waits[0]), compare_connection);
	return w ? w->at : 0;
}

const char *conn_state(const struct conn *c, const struct ike_snapshot *s)
{
	const struct proto_sa_status *sa = best_sa(c, s);

	/* What carries traffic is known without ike, too; what else ike would have told of it is not. */
	if ((sa && sa->s.state == IKE_STATE_UP) || (!s->counted && conn_children_up(c) > 0))
		return conn_children_up(c) == c->cfg->n_children ? "up" : "partial";
	if (sa && sa->s.state != IKE_STATE_DOWN)
		return status_ike_state(sa->s.state);
	if (conn_is_refused(c))
		return "refused";
	/* One that is started by hand or by traffic may be on its way all the same. */
	return next_attempt(c, s) != 0 || (!c->down && c->cfg->start == CG_START_ALWAYS) ? "waiting"
											 : "down";
}

static bool is_incomplete(const struct ike_snapshot *s)
{
	return s->asked && !s->counted;
}

/* Why there may be more than a result says. */
json_t *status_incomplete_json(const struct ike_snapshot *s)
{
	return is_incomplete(s)
		       ? json_pack(
				 "[{s:s, s:s, s:s}]", "code", "process-slow", "text",
				 "process ike did not answer in time: IKE SAs, attempts and times of rekeying are missing here, and what carries traffic is known by its Child SAs alone",
				 "hint",
				 "ask again; if it stays so, look into the journal for what process ike is busy with")
		       : json_array();
}

/* Those that have come within the first step of warning. */
static json_t *expiring_json(const struct conn *c)
{
	const int64_t now = (int64_t)(now_realtime() / USEC_PER_SEC);
	struct expiry_item items[EXPIRY_ITEMS];
	json_t *a = json_array();

	expiry_items(c, items);
	for (size_t i = 0; i < EXPIRY_ITEMS && a; i++) {
		json_t *o;

		if (!items[i].whose || expiry_level(items[i].not_after, now) == 0)
			continue;
		o = json_object();
		if (!o)
			break;
		set_str(o, "whose", items[i].whose);
		set_str(o, "subject", items[i].subject);
		set_time(o, "not_after", items[i].not_after);
		(void)json_array_append_new(a, o);
	}
	return a;
}

static json_t *children_json(const struct conn *c, const struct ike_snapshot *s)
{
	const struct proto_sa_status *sa = best_sa(c, s);
	json_t *a = json_array();

	for (unsigned int i = 0; i < c->cfg->n_children && a; i++) {
		const struct child *k = status_shown_child(c, i, s);
		json_t *o = k ? status_child_json(c->g, k, s) : json_object();

		if (!o)
			continue;
		set_str(o, "name", c->cfg->children[i].name);
		if (!k)
			set(o, "state",
			    json_string(sa && sa->s.state != IKE_STATE_CLOSING ? "connecting"
									       : "down"));
		(void)json_array_append_new(a, o);
	}
	return a;
}

/* What is known of a certificate of the path; nothing of the anchor, and nothing if nobody was asked. */
static json_t *link_revocation(const struct binding *b, uint32_t i)
{
	const struct binding_state *s = b->state;
	json_t *o;

	if (!s || i >= s->n)
		return NULL;
	o = json_object();
	if (!o)
		return NULL;
	set_str(o, "state", pki_state_name(s->certs[i].state));
	set_str(o, "source", s->certs[i].source);
	set_str(o, "text", s->certs[i].text);
	if (s->certs[i].fresh_until != INT64_MAX)
		set_time(o, "next_update", s->certs[i].fresh_until);
	return o;
}

/* The worst of a path's states, and the first moment at which something of it is due. */
static json_t *revocation_json(const struct conn *c, const struct binding *b)
{
	const struct binding_state *s = b ? b->state : NULL;
	enum pki_state state = PKI_STATE_GOOD;
	int64_t next_update = INT64_MAX;
	json_t *o = json_object();

	if (!o)
		return NULL;
	set_str(o, "mode", cg_revocation_to_string(c->cfg->revocation));
	if (!s || s->n == 0)
		return o;
	for (size_t i = 0; i < s->n; i++) {
		next_update = MIN(next_update, s->certs[i].fresh_until);
		if (s->certs[i].state == PKI_STATE_REVOKED ||
		    (s->certs[i].state == PKI_STATE_UNKNOWN && state == PKI_STATE_GOOD))
			state = s->certs[i].state;
	}
	set_str(o, "state", pki_state_name(state));
	set_time(o, "checked_at", s->checked_at);
	if (next_update != INT64_MAX)
		set_time(o, "next_update", next_update);
	return o;
}

static void set_peer(json_t *o, const struct binding *b)
{
	json_t *chain = json_array();

	set_str(o, "peer_subject", b->b.binding.subject);
	set_str(o, "peer_identity", b->b.identity);
	for (uint32_t i = 0; i < b->b.binding.n_links && chain; i++) {
		json_t *link = json_object();

		if (!link)
			break;
		set(link, "subject", json_string(b->b.chain[i].subject));
		set_hash(link, "sha256", b->b.binding.links[i].cert);
		set_hash(link, "spki_sha256", b->b.binding.links[i].spki);
		set_time(link, "not_after", b->b.chain[i].not_after);
		set(link, "revocation", link_revocation(b, i));
		(void)json_array_append_new(chain, link);
	}
	set(o, "chain", chain);
	set_time(o, "not_after", b->b.binding.not_after);
	if (b->kernel_id != 0)
		set(o, "binding", json_integer(b->kernel_id));
}

static json_t *entry_json(const struct history_entry *e, bool severity)
{
	json_t *o = json_object();

	if (!o)
		return NULL;
	set_time(o, "time", e->time);
	if (severity)
		set_str(o, "severity", severity_name(e->severity));
	set_str(o, "code", e->code);
	set_str(o, "text", e->text);
	set_str(o, "hint", e->hint);
	return o;
}

static void set_configured(json_t *o, const struct cg_connection *cfg)
{
	set_str(o, "name", cfg->name);
	set_str(o, "description", cfg->description);
	set(o, "enabled", json_boolean(cfg->enabled));
	set_str(o, "mode", cg_mode_to_string(cfg->mode));
	set_str(o, "start", cg_start_to_string(cfg->start));
	set_str(o, "interface", cfg->interface.name);
	set_str(o, "remote_name", cfg->remote_name);
}

static void set_configured_address(json_t *o, const char *key, const struct cg_addr *a)
{
	char text[CG_ADDR_SIZE];

	set_str(o, key, a->family == AF_UNSPEC ? "any" : cg_addr_format(a, text));
}

static json_t *conn_json(const struct conn *c, const struct ike_snapshot *s)
{
	const struct proto_sa_status *sa = best_sa(c, s);
	const struct binding *b = sa ? binding_find(c->g, sa->s.binding) : NULL;
	json_t *o = json_object(), *warnings;

	if (!o)
		return NULL;
	set_configured(o, c->cfg);
	set_str(o, "state", conn_state(c, s));
	set_digest(o, "configuration", c->config_digest);
	if (sa) {
		set_endpoint(o, "local_address", &sa->s.local);
		set_endpoint(o, "remote_address", &sa->s.remote);
	} else {
		const struct cg_addr none = {0};

		set_configured_address(o, "local_address", &c->cfg->local_address);
		set_configured_address(o, "remote_address",
				       c->cfg->remote_kind == CG_REMOTE_ADDRESS
					       ? &c->cfg->remote_address
				       : c->n_resolved > 0 ? &c->resolved[0]
							   : &none);
	}
	if (streq(conn_state(c, s), "waiting"))
		set_boot_time(o, "next_attempt_at", next_attempt(c, s));
	set_str(o, "local_subject", c->local_subject);
	if (c->n_certs > 0)
		set_time(o, "local_not_after", c->local_not_after);
	set(o, "vault", vaulting_json(c));
	set(o, "hardware", hardware_json(c));
	if (b && b->b.connection == c->id)
		set_peer(o, b);
	set(o, "revocation", revocation_json(c, b && b->b.connection == c->id ? b : NULL));
	if (sa && sa->s.state == IKE_STATE_UP)
		set(o, "ike", status_ike_json(&sa->s));
	set(o, "expiring", expiring_json(c));
	warnings = forwarding_json(c);
	routes_warnings(c, warnings);
	set(o, "warnings", warnings);
	if (c->key_log_until != 0)
		set_time(o, "key_log_until", c->key_log_until);
	set(o, "children", children_json(c, s));
	if (c->last_error.code)
		set(o, "last_error", entry_json(&c->last_error, false));
	set(o, "attempts", json_integer(c->attempts));
	return o;
}

static json_t *disabled_json(const struct cg_connection *cfg)
{
	json_t *o = json_object();

	if (!o)
		return NULL;
	set_configured(o, cfg);
	set_str(o, "state", "disabled");
	set_configured_address(o, "local_address", &cfg->local_address);
	set_configured_address(o, "remote_address", &cfg->remote_address);
	set(o, "children", json_array());
	return o;
}

static json_t *daemon_json(struct gateway *g, const struct ike_snapshot *s)
{
	json_t *o = json_object(), *incomplete = status_incomplete_json(s),
	       *warnings = clock_json(g);

	if (incomplete && warnings)
		(void)json_array_extend(warnings, incomplete);
	json_decref(incomplete);
	if (!o) {
		json_decref(warnings);
		return NULL;
	}
	set_str(o, "version", CERTGATE_VERSION);
	set(o, "pid", json_integer(getpid()));
	set(o, "uptime", json_integer((json_int_t)((now_boottime() - g->started) / USEC_PER_SEC)));
	set_str(o, "config", g->options->config);
	set_time(o, "started_at", g->started_at);
	set(o, "revoked", json_integer((json_int_t)(g->revoked.n_by_hand + g->revoked.n_seen)));
	set(o, "warnings", warnings);
	return o;
}

static json_t *module_json(struct gateway *g)
{
	_cleanup_free_ char *version = NULL;
	json_t *o = json_object();
	uint32_t remaining;

	if (!o)
		return NULL;
	if (file_read("/sys/module/certgate/version", 256, &version, NULL) >= 0) {
		version[strcspn(version, "\n")] = '\0';
		set_str(o, "version", version);
	}
	if (cgk_lease_get(g->k, &remaining) >= 0)
		set(o, "lease_remaining", json_integer(remaining));
	return o;
}

static json_t *counters_json(const struct ike_counters *c)
{
	json_t *o = json_object();

	if (!o)
		return NULL;
#define SET(name) set(o, #name, json_integer((json_int_t)c->name));
	IKE_COUNTERS(SET)
#undef SET
	return o;
}

/* Newest first. */
static json_t *refusals_json(const struct refusals *r)
{
	json_t *list = r->n > 0 ? json_array() : NULL;

	for (size_t i = r->n; i > 0 && list; i--) {
		const struct refusal *refusal = &r->list[i - 1];
		json_t *o = entry_json(&refusal->entry, false);

		if (!o)
			break;
		set_endpoint(o, "remote", &refusal->remote);
		set(o, "count", json_integer(refusal->count));
		(void)json_array_append_new(list, o);
	}
	return list;
}

json_t *status_json(struct gateway *g, const struct ike_snapshot *s, const struct conn *only)
{
	json_t *o = json_object(), *list = json_array();

	for (size_t i = 0; i < g->config->n_connections && o && list; i++) {
		const struct cg_connection *cfg = &g->config->connections[i];
		const struct conn *c = conn_find_name(g, cfg->name);

		if (only && c != only)
			continue;
		(void)json_array_append_new(list, c ? conn_json(c, s) : disabled_json(cfg));
	}
	if (!o) {
		json_decref(list);
		return NULL;
	}
	set(o, "connections", list);
	set(o, "daemon", daemon_json(g, s));
	if (!only)
		set(o, "last_refusals", refusals_json(&g->refusals));
	if (s->counted)
		set(o, "ike", counters_json(&s->counters));
	if (g->k)
		set(o, "module", module_json(g));
	return o;
}

json_t *explain_json(const struct conn *c, const struct ike_snapshot *s)
{
	const char *state = conn_state(c, s);
	json_t *o = json_object(), *list = json_array();
	char summary[IKE_REPORT_SIZE + 2 * IKE_TEXT_SIZE];

	for (size_t i = 0; i < c->history.n && list; i++)
		(void)json_array_append_new(list, entry_json(history_at(&c->history, i), true));
	if (!o) {
		json_decref(list);
		return NULL;
	}
	/* Beside the state, which whoever prints this has said. The last failure stays after success, and after an order. */
	if (streq(state, "up"))
		(void)snprintf(summary, sizeof(summary), "%s",
			       is_incomplete(s) ? "every child carries traffic"
						: "nothing is missing");
	else if (c->down)
		(void)snprintf(summary, sizeof(summary),
			       "it was taken down; 'certgate up %s' brings it up", c->cfg->name);
	else if (c->last_error.code)
		(void)snprintf(summary, sizeof(summary), "the last failure: %s%s%s",
			       c->last_error.text ? c->last_error.text : "",
			       c->last_error.hint ? "; " : "",
			       c->last_error.hint ? c->last_error.hint : "");
	else
		(void)snprintf(summary, sizeof(summary), "nothing has failed");
	pki_printable(summary);
	set_str(o, "name", c->cfg->name);
	set_str(o, "state", state);
	set_str(o, "summary", summary);
	set(o, "history", list);
	set(o, "warnings", status_incomplete_json(s));
	return o;
}
