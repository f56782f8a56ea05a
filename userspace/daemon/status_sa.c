/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE SAs and Child SAs as docs/json.md describes them: the result of `sa`, and their part of that of `status`. Called by ops.c
 * and status.c.
 */
#include "daemon/status.h"

#include "daemon/binding.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/proto_ike.h"
#include "daemon/snapshot.h"
#include "daemon/status_parts.h"
#include "daemon/tunnel.h"
#include "kernel/kernel.h"

const char *status_ike_state(enum ike_state s)
{
	switch (s) {
	case IKE_STATE_DOWN: return "down";
	case IKE_STATE_CONNECTING: return "connecting";
	case IKE_STATE_AUTHENTICATING: return "authenticating";
	case IKE_STATE_UP: return "up";
	case IKE_STATE_CLOSING: return "closing";
	}
	return "down";
}

static json_t *networks(const struct cgk_selector *s, unsigned int n)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < n; i++) {
		char range[CG_RANGE_SIZE], text[CG_RANGE_SIZE + 48], ports[24] = "";

		(void)cg_range_format(&s[i].range, range);
		if (s[i].port_start != 0 || s[i].port_end != 65535)
			(void)snprintf(ports, sizeof(ports), " %u-%u", s[i].port_start,
				       s[i].port_end);
		if (s[i].protocol == 0)
			(void)snprintf(text, sizeof(text), "%s", range);
		else if (s[i].protocol == IPPROTO_TCP || s[i].protocol == IPPROTO_UDP)
			(void)snprintf(text, sizeof(text), "%s %s%s", range,
				       s[i].protocol == IPPROTO_TCP ? "tcp" : "udp", ports);
		else
			(void)snprintf(text, sizeof(text), "%s %u%s", range, s[i].protocol, ports);
		(void)json_array_append_new(a, json_string(text));
	}
	return a;
}

static int compare_number(const void *key, const void *element)
{
	uint64_t number = *(const uint64_t *)key;
	const struct snapshot_child *c = element;

	return (number > c->number) - (number < c->number);
}

static const struct snapshot_child *find_child(const struct ike_snapshot *s, uint64_t number)
{
	if (s->n_children == 0)
		return NULL;
	return bsearch(&number, s->children, s->n_children, sizeof(s->children[0]), compare_number);
}

/* Both SAs' counters in one. */
static void set_counters(json_t *o, struct gateway *g, const struct child *k)
{
	struct cgk_sa in = {0}, out = {0};
	json_t *drops;

	if (!g->k)
		return;
	(void)cgk_sa_get(g->k, k->sa_in, &in);
	(void)cgk_sa_get(g->k, k->sa_out, &out);
	set(o, "bytes_in", json_integer((json_int_t)in.stats.rx_bytes));
	set(o, "bytes_out", json_integer((json_int_t)out.stats.tx_bytes));
	set(o, "packets_in", json_integer((json_int_t)in.stats.rx_packets));
	set(o, "packets_out", json_integer((json_int_t)out.stats.tx_packets));
	drops = json_object();
	for (unsigned int i = 0; i < CGK_DROPS && drops; i++) {
		uint64_t n = in.stats.drops[i] + out.stats.drops[i];

		if (n > 0)
			set(drops, cgk_drop_name(i), json_integer((json_int_t)n));
	}
	set(o, "drops", drops);
}

/* A Child SA: main's table knows what was installed, ike what it is about to do. */
json_t *status_child_json(struct gateway *g, const struct child *k, const struct ike_snapshot *s)
{
	const struct snapshot_child *sc = find_child(s, k->number);
	json_t *o = json_object();

	if (!o)
		return NULL;
	set(o, "state", json_string(sc && sc->rekeying ? "rekeying" : "up"));
	if (sc)
		set_suite(o, &sc->suite);
	set_spi(o, "spi_in", k->spi_in, 8);
	set_spi(o, "spi_out", k->spi_out, 8);
	set(o, "local_networks", networks(k->tunnel->t.local_ts, k->tunnel->t.n_local_ts));
	set(o, "remote_networks", networks(k->tunnel->t.remote_ts, k->tunnel->t.n_remote_ts));
	set_counters(o, g, k);
	set_time(o, "established_at", k->since);
	if (sc)
		set_boot_time(o, "rekey_at", sc->rekey_at);
	set(o, "encap", json_string(k->tunnel->said.udp ? "udp" : "none"));
	return o;
}

/*
 * Of a child's SAs the newest that ike knows: older ones are on their way out, and so is one that ike has given up while its inbound SA serves
 * what is still under way (two sides that connected at once). Where ike knows none of them yet, the newest.
 */
const struct child *status_shown_child(const struct conn *c, unsigned int index,
				       const struct ike_snapshot *s)
{
	const struct child *k, *newest = NULL;

	LIST_FOREACH(k, &c->children, of_conn)
	{
		if (k->index != index)
			continue;
		if (find_child(s, k->number))
			return k;
		if (!newest)
			newest = k;
	}
	return newest;
}

static const char *nat_name(const struct ike_sa_status *s)
{
	if (s->nat_local && s->nat_remote)
		return "both";
	return s->nat_local ? "local" : s->nat_remote ? "remote" : "none";
}

json_t *status_ike_json(const struct ike_sa_status *s)
{
	json_t *o = json_object();

	if (!o)
		return NULL;
	set_suite(o, &s->suite);
	set_boot_time(o, "established_at", s->established);
	set_spi(o, "spi_i", s->spi_i, 16);
	set_spi(o, "spi_r", s->spi_r, 16);
	set_str(o, "role", s->initiator ? "initiator" : "responder");
	set_str(o, "nat", nat_name(s));
	set(o, "fragmentation", json_boolean(s->fragmentation));
	set_boot_time(o, "rekey_at", s->rekey_at);
	set_boot_time(o, "reauth_at", s->reauth_at);
	return o;
}

static json_t *ike_sa_json(const struct conn *c, const struct ike_sa_status *s)
{
	json_t *o = json_object();

	if (!o)
		return NULL;
	if (c)
		set_str(o, "connection", c->cfg->name);
	set_str(o, "state", status_ike_state(s->state));
	set_str(o, "role", s->initiator ? "initiator" : "responder");
	set_endpoint(o, "local", &s->local);
	set_endpoint(o, "remote", &s->remote);
	set_spi(o, "spi_i", s->spi_i, 16);
	set_spi(o, "spi_r", s->spi_r, 16);
	if (s->suite.encr != 0)
		set_suite(o, &s->suite);
	set_str(o, "peer_subject", s->peer_subject);
	set_boot_time(o, "established_at", s->established);
	set_boot_time(o, "rekey_at", s->rekey_at);
	return o;
}

json_t *sa_json(struct gateway *g, const struct ike_snapshot *s, const struct conn *only)
{
	json_t *o = json_object(), *ike = json_array(), *children = json_array();
	const struct child *k;

	for (size_t i = 0; i < s->n_sas && ike; i++) {
		const struct conn *c = conn_find(g, s->sas[i].s.connection);

		if (!only || c == only)
			(void)json_array_append_new(ike, ike_sa_json(c, &s->sas[i].s));
	}
	LIST_FOREACH(k, &g->children, all)
	{
		const struct conn *c = k->conn;
		json_t *j;

		if (!children || (only && c != only))
			continue;
		j = status_child_json(g, k, s);
		if (!j)
			continue;
		set_str(j, "connection", c->cfg->name);
		set_str(j, "child", c->cfg->children[k->index].name);
		set_endpoint(j, "local", &k->tunnel->said.local);
		set_endpoint(j, "remote",
			     k->tunnel->said.udp ? &k->tunnel->t.remote : &k->tunnel->said.remote);
		set(j, "binding", json_integer(k->binding->kernel_id));
		(void)json_array_append_new(children, j);
	}
	if (!o) {
		json_decref(ike);
		json_decref(children);
		return NULL;
	}
	set(o, "ike", ike);
	set(o, "children", children);
	set(o, "warnings", status_incomplete_json(s));
	return o;
}
