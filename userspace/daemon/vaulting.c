/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key vaults as main sees them: whether the process `vault` is needed, whom it may ask, the addresses of its hosts, and how it goes
 * with each URL, for events and `status`. What a vault answers never comes here. Called by load.c, proc.c, status.c.
 */
#include "daemon/vaulting.h"

#include <fcntl.h>

#include "daemon/channel.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/load.h"
#include "daemon/proc.h"
#include "daemon/proto_fetch.h"
#include "daemon/proto_vault.h"

/* Numbers of connections that fetch is asked on behalf of; real ones never get that far. */
#define VAULT_CONNECTION 0x80000000U

enum { RESOLVING_MAX = 64 };

/* A URL, and what key said of it last. */
struct vault_view {
	struct vault_view *next;
	struct proto_vault_state s;
	char told[VAULT_TEXT_MAX]; /* the failure that connections were told of; empty: none */
};

struct vaulting {
	const struct cg_config *config; /* whose vaults may be asked: being loaded, or in force */
	struct vault_view *views;
	char resolving[RESOLVING_MAX]
		      [CG_VAULT_HOST_MAX + 1]; /* that fetch was asked for; empty: free */
};

static const struct cg_source *vault_of(const struct cg_connection *c)
{
	return c->enabled && c->outbound_certificate.vault ? &c->outbound_certificate : NULL;
}

bool vaulting_needed(const struct cg_config *config)
{
	for (size_t i = 0; i < config->n_connections; i++) {
		if (vault_of(&config->connections[i]))
			return true;
	}
	return false;
}

static struct vault_view *find_view(const struct gateway *g, const char *url)
{
	struct vault_view *v = g->vaulting ? g->vaulting->views : NULL;

	while (v && !streq(v->s.url, url))
		v = v->next;
	return v;
}

/* ---------------------------------------------------------------- what may be asked */

static void put_identity(const struct cg_vault_config *c, struct proto_vault_setup *p)
{
	const char *kind = c->client_id	  ? "client_id"
			   : c->object_id ? "object_id"
			   : c->mi_res_id ? "mi_res_id"
					  : "";
	const char *value = c->client_id   ? c->client_id
			    : c->object_id ? c->object_id
			    : c->mi_res_id ? c->mi_res_id
					   : "";

	(void)snprintf(p->identity_kind, sizeof(p->identity_kind), "%s", kind);
	(void)snprintf(p->identity, sizeof(p->identity), "%s", value);
}

/* -errno: the file of CA certificates cannot be opened. */
static int send_setup(struct gateway *g, const struct cg_vault_config *c)
{
	static struct proto_vault_setup p;
	struct channel *vault = proc_channel(g, ROLE_VAULT, 0);
	_cleanup_close_ int fd = -EBADF;
	struct msg_writer m;

	if (!vault)
		return 0;
	p = (struct proto_vault_setup){.n_hosts = c->n_hosts, .own_ca = c->ca.text};
	if (c->n_hosts > 0)
		memcpy(p.hosts, c->hosts, c->n_hosts * sizeof(p.hosts[0]));
	(void)snprintf(p.resource, sizeof(p.resource), "%s", c->resource);
	(void)snprintf(p.metadata, sizeof(p.metadata), "%s", c->metadata);
	put_identity(c, &p);
	msg_begin(&m, MSG_VAULT_SETUP);
	proto_put_vault_setup(&m, &p);
	(void)channel_send(vault, &m, -EBADF);
	if (!c->ca.text)
		return 0;
	fd = open(c->ca.text, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	msg_begin(&m, MSG_VAULT_CA);
	return channel_send(vault, &m, fd);
}

int vaulting_want(struct gateway *g, const struct cg_config *config)
{
	if (!vaulting_needed(config))
		return 0;
	if (!g->vaulting) {
		g->vaulting = calloc(1, sizeof(*g->vaulting));
		if (!g->vaulting)
			return -ENOMEM;
	}
	return proc_want(g, ROLE_VAULT, 0);
}

bool vaulting_ready(struct gateway *g, const struct cg_config *config)
{
	return !vaulting_needed(config) ||
	       (proc_channel(g, ROLE_VAULT, 0) && proc_channel(g, ROLE_FETCH, 0));
}

void vaulting_stage(struct gateway *g, const struct cg_config *config, uint32_t generation,
		    struct cg_diags *diags)
{
	const struct cg_vault_config *c = &config->gateway.vault;
	struct proto_stage_vault p = {.generation = generation, .refresh = c->refresh_seconds};
	char key[CG_SOURCE_KEY_SIZE];
	struct msg_writer m;
	int r;

	if (!g->vaulting || !vaulting_needed(config))
		return;
	g->vaulting->config = config;
	r = send_setup(g, c);
	if (r < 0)
		cg_diags_add(diags, CG_DIAG_ERROR, &c->ca.loc, cg_source_key(&c->ca, key), NULL,
			     "found '%s', which cannot be opened: %s", c->ca.text, strerror(-r));
	for (size_t i = 0; i < config->n_connections; i++) {
		const struct cg_source *s = vault_of(&config->connections[i]);

		if (!s)
			continue;
		(void)snprintf(p.url, sizeof(p.url), "%s", s->text);
		msg_begin(&m, MSG_STAGE_VAULT);
		proto_put_stage_vault(&m, &p);
		(void)channel_send(proc_channel(g, ROLE_KEY, 0), &m, -EBADF);
	}
}

void vaulting_tell_vault(struct gateway *g)
{
	if (g->vaulting && g->vaulting->config)
		(void)send_setup(g, &g->vaulting->config->gateway.vault);
}

void vaulting_restore(struct gateway *g)
{
	if (!g->vaulting || g->vaulting->config == g->config)
		return;
	g->vaulting->config = g->config;
	vaulting_tell_vault(g);
}

/* ---------------------------------------------------------------- names */

/* Only hosts of configured vaults are looked up for `vault`. */
static bool is_vault(const struct gateway *g, const char *name)
{
	const struct cg_config *config = g->vaulting ? g->vaulting->config : NULL;
	char text[CG_VAULT_TEXT_MAX];
	struct cg_vault_url u;

	for (size_t i = 0; config && i < config->n_connections; i++) {
		const struct cg_source *s = vault_of(&config->connections[i]);

		if (s && cg_vault_url_parse(s->text, &u, text) >= 0 && streq(u.host, name))
			return true;
	}
	return false;
}

static void send_resolved(struct gateway *g, const struct proto_vault_resolved *p)
{
	struct msg_writer m;

	msg_begin(&m, MSG_VAULT_RESOLVED);
	proto_put_vault_resolved(&m, p);
	(void)channel_send(proc_channel(g, ROLE_VAULT, 0), &m, -EBADF);
}

static void not_resolved(struct gateway *g, const char *name, const char *why)
{
	struct proto_vault_resolved p = {0};

	(void)snprintf(p.name, sizeof(p.name), "%s", name);
	(void)snprintf(p.text, sizeof(p.text), "%s", why);
	send_resolved(g, &p);
}

void vaulting_on_resolve(struct gateway *g, const char *name)
{
	struct proto_resolve q = {.connection = VAULT_CONNECTION};
	struct msg_writer m;
	uint32_t slot = 0;

	if (!is_vault(g, name)) {
		not_resolved(g, name, "it is not the host of a vault that is configured");
		return;
	}
	while (slot < RESOLVING_MAX && g->vaulting->resolving[slot][0])
		slot++;
	if (slot == RESOLVING_MAX) {
		not_resolved(g, name, "too many names are being resolved");
		return;
	}
	q.connection |= slot;
	(void)snprintf(q.name, sizeof(q.name), "%s", name);
	msg_begin(&m, MSG_RESOLVE);
	proto_put_resolve(&m, &q);
	if (channel_send(proc_channel(g, ROLE_FETCH, 0), &m, -EBADF) < 0) {
		not_resolved(g, name, "the process that resolves names is not there");
		return;
	}
	(void)snprintf(g->vaulting->resolving[slot], sizeof(g->vaulting->resolving[slot]), "%s",
		       name);
}

bool vaulting_on_resolved(struct gateway *g, const struct proto_resolved *a)
{
	uint32_t slot = a->connection & ~VAULT_CONNECTION;
	struct proto_vault_resolved p = {.n = a->n};

	if (!(a->connection & VAULT_CONNECTION))
		return false;
	if (!g->vaulting || slot >= RESOLVING_MAX || !g->vaulting->resolving[slot][0])
		return true;
	memcpy(p.name, g->vaulting->resolving[slot], sizeof(p.name));
	g->vaulting->resolving[slot][0] = '\0';
	if (a->error < 0) {
		p.n = 0;
		(void)snprintf(p.text, sizeof(p.text), "%s", a->text);
	} else
		memcpy(p.addresses, a->addresses, sizeof(p.addresses));
	send_resolved(g, &p);
	return true;
}

void vaulting_fetch_lost(struct gateway *g)
{
	for (size_t i = 0; g->vaulting && i < RESOLVING_MAX; i++) {
		char *name = g->vaulting->resolving[i];

		if (!name[0])
			continue;
		not_resolved(g, name, "the process that resolves names ended");
		name[0] = '\0';
	}
}

void vaulting_vault_lost(struct gateway *g)
{
	if (g->vaulting)
		memset(g->vaulting->resolving, 0, sizeof(g->vaulting->resolving));
}

/* ---------------------------------------------------------------- how it goes */

static bool uses(const struct conn *c, const struct vault_view *v)
{
	const struct cg_source *s = vault_of(c->cfg);

	return s && streq(s->text, v->s.url);
}

/* A failure takes nothing from a connection that has its certificate: then it is no error of the connection. */
static void tell_failure(struct conn *c, const struct proto_vault_state *s)
{
	if (c->n_certs > 0)
		history_note(c->g, c, IKE_WARNING, s->refused ? "vault-refused" : "vault-failed",
			     NULL, s->hint, "%s; what was there goes on", s->text);
	else
		history_add(c->g, c, IKE_WARNING, s->refused ? "vault-refused" : "vault-failed",
			    NULL, s->hint, "%s; the connection waits for its certificate", s->text);
}

static void tell(struct gateway *g, struct vault_view *v)
{
	bool failed = v->s.state == VAULT_FAILED, news = failed && !streq(v->told, v->s.text),
	     good_again = v->s.state == VAULT_CURRENT && v->told[0];

	for (size_t i = 0; i < g->n_conns; i++) {
		struct conn *c = g->conns[i];

		if (!uses(c, v))
			continue;
		/* One that was loaded since has not heard of it. */
		if (news || (failed && c->n_certs == 0 && !c->last_error.code))
			tell_failure(c, &v->s);
		else if (good_again)
			history_note(g, c, IKE_NOTICE, "vault-recovered", NULL, NULL,
				     "the vault answers again: version %s", v->s.version);
	}
	if (failed)
		memcpy(v->told, v->s.text, sizeof(v->told));
	else if (v->s.state == VAULT_CURRENT)
		v->told[0] = '\0';
}

void vaulting_on_state(struct gateway *g, const struct proto_vault_state *s)
{
	struct vault_view *v = find_view(g, s->url);

	if (!v) {
		if (!g->vaulting)
			return;
		v = calloc(1, sizeof(*v));
		if (!v)
			return;
		v->next = g->vaulting->views;
		g->vaulting->views = v;
	}
	v->s = *s;
	if (!g->loaded)
		return;
	tell(g, v);
	if (!s->changed)
		return;
	for (size_t i = 0; i < g->n_conns; i++) {
		if (uses(g->conns[i], v))
			history_note(g, g->conns[i], IKE_NOTICE, "vault-rotated", NULL, NULL,
				     "version %s came from the vault and is put in force",
				     s->version);
	}
	load_soon(g);
}

void vaulting_applied(struct gateway *g)
{
	struct vault_view **p, *v;

	if (!g->vaulting)
		return;
	g->vaulting->config = g->config;
	p = &g->vaulting->views;
	while ((v = *p)) {
		bool used = false;

		for (size_t i = 0; i < g->n_conns && !used; i++)
			used = uses(g->conns[i], v);
		if (used) {
			tell(g, v);
			p = &v->next;
			continue;
		}
		*p = v->next;
		free(v);
	}
}

void vaulting_stop(struct gateway *g)
{
	struct vault_view *v;

	if (!g->vaulting)
		return;
	while ((v = g->vaulting->views)) {
		g->vaulting->views = v->next;
		free(v);
	}
	free(g->vaulting);
	g->vaulting = NULL;
}

json_t *vaulting_json(const struct conn *c)
{
	static const char *const states[] = {[VAULT_AWAITED] = "awaited",
					     [VAULT_CURRENT] = "current",
					     [VAULT_FAILED] = "failed"};
	const struct cg_source *s = vault_of(c->cfg);
	const struct vault_view *v = s ? find_view(c->g, s->text) : NULL;
	char stamp[TIMESTAMP_SIZE];
	json_t *o;

	if (!s)
		return NULL;
	o = json_pack("{s:s, s:s}", "url", s->text, "state",
		      states[v ? v->s.state : VAULT_AWAITED]);
	if (!o || !v)
		return o;
	if (v->s.usable) {
		(void)json_object_set_new(o, "version", json_string(v->s.version));
		(void)json_object_set_new(o, "key",
					  json_string(v->s.key_stays ? "in-vault" : "here"));
	}
	(void)json_object_set_new(o, "checked_at",
				  json_string(format_timestamp(v->s.checked_at, stamp)));
	if (v->s.text[0])
		(void)json_object_set_new(o, "text", json_string(v->s.text));
	if (v->s.hint[0])
		(void)json_object_set_new(o, "hint", json_string(v->s.hint));
	return o;
}
