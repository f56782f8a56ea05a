// SPDX-License-Identifier: Apache-2.0
/*
 * A loaded configuration as JSON, all defaults filled in: for `certgate check --json`, and to tell whether a connection
 * changed. Called by the command line and by main at a reload.
 */
#include <openssl/sha.h>

#include "base/str.h"
#include "config/config.h"

/* Adds a new reference, and notes failure; value may be NULL for "leave it out". */
static void set(json_t *o, const char *key, json_t *value, bool *failed)
{
	if (!value || json_object_set_new(o, key, value) < 0)
		*failed = true;
}

static void set_string(json_t *o, const char *key, const char *value, bool *failed)
{
	if (value)
		set(o, key, json_string(value), failed);
}

static void set_int(json_t *o, const char *key, uint64_t value, bool *failed)
{
	set(o, key, json_integer((json_int_t)MIN(value, (uint64_t)INT64_MAX)), failed);
}

static void append_string(json_t *array, const char *value, bool *failed)
{
	if (json_array_append_new(array, json_string(value)) < 0)
		*failed = true;
}

static json_t *finish(json_t *o, bool failed)
{
	if (!failed)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *roles_to_json(const struct cg_gateway *g)
{
	json_t *o = json_object();
	bool failed = !o;

	for (enum cg_role r = CG_ROLE_VIEWER; r <= CG_ROLE_ADMINISTRATOR; r++) {
		json_t *list = json_array();

		for (size_t i = 0; i < g->n_roles && list; i++) {
			const struct cg_role_member *m = &g->roles[i];
			_cleanup_free_ char *s = str_printf("%s:%s", m->group ? "group" : "user",
							    m->name);

			if (m->role == r)
				append_string(list, s ? s : "", &failed);
		}
		set(o, cg_role_to_string(r), list, &failed);
	}
	return finish(o, failed);
}

static json_t *fetch_to_json(const struct cg_fetch_config *f)
{
	json_t *o = json_object(), *networks = json_array();
	bool failed = !o || !networks;

	for (size_t i = 0; i < f->n_networks; i++) {
		char text[CG_PREFIX_SIZE];

		append_string(networks, cg_prefix_format(&f->networks[i], text), &failed);
	}
	set(o, "enabled", json_boolean(f->enabled), &failed);
	set_int(o, "timeout", f->timeout_seconds, &failed);
	set_int(o, "refresh", f->refresh_seconds, &failed);
	set(o, "allowed_networks", networks, &failed);
	return finish(o, failed);
}

static json_t *vault_to_json(const struct cg_vault_config *v)
{
	json_t *o = json_object(), *hosts = json_array();
	bool failed = !o || !hosts;

	for (size_t i = 0; i < v->n_hosts; i++) {
		char text[CG_VAULT_HOST_MAX + 8];

		(void)snprintf(text, sizeof(text), "%s:%u", v->hosts[i].name, v->hosts[i].port);
		append_string(hosts, text, &failed);
	}
	set(o, "hosts", hosts, &failed);
	set_string(o, "resource", v->resource, &failed);
	set_string(o, "metadata", v->metadata, &failed);
	set_string(o, "ca", v->ca.text, &failed);
	set_string(o, "client_id", v->client_id, &failed);
	set_string(o, "object_id", v->object_id, &failed);
	set_string(o, "mi_res_id", v->mi_res_id, &failed);
	set_int(o, "refresh", v->refresh_seconds, &failed);
	return finish(o, failed);
}

static json_t *gateway_to_json(const struct cg_gateway *g)
{
	json_t *o = json_object(), *listen = json_array(), *limits = json_object();
	bool failed = !o || !listen || !limits;

	for (size_t i = 0; i < g->n_listen; i++) {
		char text[CG_ADDR_SIZE];

		append_string(listen, cg_addr_format(&g->listen[i], text), &failed);
	}
	set(o, "listen", listen, &failed);
	set_int(o, "ike_port", g->ike_port, &failed);
	set_string(o, "user", g->user, &failed);
	set(o, "roles", roles_to_json(g), &failed);
	set_string(o, "state_dir", g->state_dir, &failed);
	set_int(o, "lease_seconds", g->lease_seconds, &failed);
	set_int(o, "watch_files", g->watch_files_seconds, &failed);
	set_int(o, "verify_workers", g->verify_workers, &failed);
	set_int(limits, "half_open", g->limits.half_open, &failed);
	set_int(limits, "half_open_per_prefix", g->limits.half_open_per_prefix, &failed);
	set_int(limits, "cookie_threshold", g->limits.cookie_threshold, &failed);
	set(o, "limits", limits, &failed);
	set(o, "fetch", fetch_to_json(&g->fetch), &failed);
	set(o, "vault", vault_to_json(&g->vault), &failed);
	set_string(o, "log_level", cg_log_level_to_string(g->log_level), &failed);
	return finish(o, failed);
}

static json_t *proposals_to_json(const struct cg_proposal *p, size_t n)
{
	json_t *array = json_array();
	bool failed = !array;

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *s = cg_proposal_format(&p[i]);

		if (s)
			append_string(array, s, &failed);
		else
			failed = true;
	}
	return finish(array, failed);
}

static json_t *groups_to_json(const uint16_t *groups, size_t n, bool none)
{
	json_t *array = json_array();
	bool failed = !array;

	for (size_t i = 0; i < n; i++) {
		struct cg_transform t = {CG_TRANSFORM_KE, groups[i], 0};
		char text[CG_TRANSFORM_TEXT];

		append_string(array, cg_transform_format(&t, text), &failed);
	}
	if (none)
		append_string(array, "NONE", &failed);
	return finish(array, failed);
}

static json_t *policy_to_json(const struct cg_policy *p)
{
	json_t *o = json_object(), *ike = json_object(), *ipsec = json_object();
	bool failed = !o || !ike || !ipsec;

	set_string(o, "name", p->name, &failed);
	set(ike, "proposals", proposals_to_json(p->ike, p->n_ike), &failed);
	set_int(ike, "lifetime_seconds", p->ike_lifetime_seconds, &failed);
	set(ipsec, "proposals", proposals_to_json(p->esp, p->n_esp), &failed);
	set(ipsec, "pfs_offered", groups_to_json(p->pfs.offer, p->pfs.n_offer, false), &failed);
	set(ipsec, "pfs_accepted",
	    groups_to_json(p->pfs.accept, p->pfs.n_accept, p->pfs.accept_none), &failed);
	set_int(ipsec, "lifetime_seconds", p->esp_lifetime_seconds, &failed);
	set_int(ipsec, "lifetime_kilobytes", p->esp_lifetime_bytes / 1024, &failed);
	set_int(ipsec, "lifetime_packets", p->esp_lifetime_packets, &failed);
	set(o, "ike", ike, &failed);
	set(o, "ipsec", ipsec, &failed);
	set(o, "allow_sha1_signatures", json_boolean(p->allow_sha1_signatures), &failed);
	set_string(o, "weak", p->weak, &failed);
	return finish(o, failed);
}

static json_t *selectors_to_json(const struct cg_selector *s, size_t n)
{
	json_t *array = json_array();
	bool failed = !array;

	for (size_t i = 0; i < n; i++) {
		char text[CG_RANGE_SIZE + 32];
		size_t len;

		(void)cg_range_format(&s[i].range, text);
		len = strlen(text);
		if (s[i].protocol)
			(void)snprintf(text + len, sizeof(text) - len, " %u %u-%u",
				       (unsigned int)s[i].protocol, (unsigned int)s[i].port_first,
				       (unsigned int)s[i].port_last);
		append_string(array, text, &failed);
	}
	return finish(array, failed);
}

static json_t *children_to_json(const struct cg_connection *c)
{
	json_t *array = json_array();
	bool failed = !array;

	for (size_t i = 0; i < c->n_children; i++) {
		const struct cg_child_config *child = &c->children[i];
		json_t *o = json_object();

		set_string(o, "name", child->name, &failed);
		set(o, "local_networks", selectors_to_json(child->local, child->n_local), &failed);
		set(o, "remote_networks", selectors_to_json(child->remote, child->n_remote),
		    &failed);
		if (json_array_append_new(array, o) < 0)
			failed = true;
	}
	return finish(array, failed);
}

static json_t *interface_to_json(const struct cg_interface_config *i)
{
	json_t *o = json_object(), *addresses = json_array();
	bool failed = !o || !addresses;

	for (size_t k = 0; k < i->n_addresses; k++) {
		char text[CG_PREFIX_SIZE];

		append_string(addresses, cg_prefix_format(&i->addresses[k], text), &failed);
	}
	set_string(o, "name", i->name, &failed);
	set(o, "addresses", addresses, &failed);
	set(o, "mtu", i->mtu ? json_integer(i->mtu) : json_string("auto"), &failed);
	set_int(o, "mark", i->mark, &failed);
	set_string(o, "vrf", i->vrf, &failed);
	return finish(o, failed);
}

static json_t *sources_to_json(const struct cg_source *s, size_t n)
{
	json_t *array = json_array();
	bool failed = !array;

	for (size_t i = 0; i < n; i++)
		append_string(array, s[i].text, &failed);
	return finish(array, failed);
}

static json_t *strings_to_json(char *const *s, size_t n)
{
	json_t *array = json_array();
	bool failed = !array;

	for (size_t i = 0; i < n; i++)
		append_string(array, s[i], &failed);
	return finish(array, failed);
}

static json_t *hardware_to_json(const struct cg_hardware *h)
{
	json_t *o = json_object();
	bool failed = !o;

	set_string(o, "store", h->store.text, &failed);
	set_string(o, "provider", h->provider, &failed);
	set_string(o, "engine", h->engine, &failed);
	set_string(o, "module", h->module, &failed);
	set_string(o, "pin_file", h->pin.text, &failed);
	set(o, "groups", strings_to_json(h->groups, h->n_groups), &failed);
	set(o, "environment", strings_to_json(h->environment, h->n_environment), &failed);
	set_string(o, "access", cg_hardware_access_to_string(h->access), &failed);
	return finish(o, failed);
}

static json_t *outbound_to_json(const struct cg_connection *c)
{
	json_t *o = json_object();
	bool failed = !o;

	set_string(o, "certificate", c->outbound_certificate.text, &failed);
	if (c->hardware)
		set(o, "key", hardware_to_json(c->hardware), &failed);
	else
		set_string(o, "key", c->outbound_key.text, &failed);
	set(o, "chain", sources_to_json(c->outbound_chain, c->n_outbound_chain), &failed);
	set_string(o, "passphrase_file", c->outbound_passphrase.text, &failed);
	return finish(o, failed);
}

static json_t *inbound_to_json(const struct cg_connection *c)
{
	json_t *o = json_object();
	bool failed = !o;

	set_string(o, "subject_name", c->subject_name, &failed);
	set(o, "chain", sources_to_json(c->inbound_chain, c->n_inbound_chain), &failed);
	set(o, "trust_anchors", sources_to_json(c->trust_anchors, c->n_trust_anchors), &failed);
	set_string(o, "revocation", cg_revocation_to_string(c->revocation), &failed);
	set_int(o, "revocation_grace", c->revocation_grace_seconds, &failed);
	set(o, "crls", sources_to_json(c->crls, c->n_crls), &failed);
	return finish(o, failed);
}

static void addresses_to_json(json_t *o, const struct cg_connection *c, bool *failed)
{
	char text[CG_ADDR_SIZE];

	set_string(o, "local_address",
		   c->local_address.family ? cg_addr_format(&c->local_address, text) : "any",
		   failed);
	switch (c->remote_kind) {
	case CG_REMOTE_ADDRESS:
		set_string(o, "remote_address", cg_addr_format(&c->remote_address, text), failed);
		break;
	case CG_REMOTE_NAME: set_string(o, "remote_address", c->remote_name, failed); break;
	case CG_REMOTE_ANY: set_string(o, "remote_address", "any", failed); break;
	}
	set_int(o, "remote_port", c->remote_port, failed);
}

json_t *cg_connection_to_json(const struct cg_connection *c)
{
	json_t *o = json_object(), *routes = json_object();
	bool failed = !o || !routes;

	set_string(o, "name", c->name, &failed);
	set_string(o, "description", c->description, &failed);
	set(o, "enabled", json_boolean(c->enabled), &failed);
	set(o, "interface", interface_to_json(&c->interface), &failed);
	addresses_to_json(o, c, &failed);
	set_string(o, "mode", cg_mode_to_string(c->mode), &failed);
	set_string(o, "start", cg_start_to_string(c->start), &failed);
	set(o, "children", children_to_json(c), &failed);
	set(routes, "install", json_boolean(c->routes_install), &failed);
	set_int(routes, "table", c->routes_table, &failed);
	set_int(routes, "metric", c->routes_metric, &failed);
	set(routes, "keep", json_boolean(c->routes_keep), &failed);
	set(o, "routes", routes, &failed);
	set(o, "outbound_certificate", outbound_to_json(c), &failed);
	set(o, "inbound_certificate", inbound_to_json(c), &failed);
	set_string(o, "local_identity", c->local_identity, &failed);
	set_string(o, "remote_identity", c->remote_identity, &failed);
	set(o, "policy", policy_to_json(c->policy), &failed);
	set_int(o, "dpd_delay", c->dpd_delay_seconds, &failed);
	set_int(o, "dpd_timeout", c->dpd_timeout_seconds, &failed);
	set_int(o, "nat_keepalive", c->nat_keepalive_seconds, &failed);
	set_int(o, "reauth_margin", c->reauth_margin_seconds, &failed);
	set_string(o, "encap", cg_encap_mode_to_string(c->encap), &failed);
	set(o, "fragmentation", json_boolean(c->fragmentation), &failed);
	set_int(o, "fragment_size", c->fragment_size, &failed);
	set(o, "initial_contact", json_boolean(c->initial_contact), &failed);
	set(o, "childless", json_boolean(c->childless), &failed);
	set(o, "mobike", json_boolean(c->mobike), &failed);
	set(o, "key_log", json_boolean(c->key_log), &failed);
	set(o, "send_certreq", json_boolean(c->send_certreq), &failed);
	set(o, "allow_sha1_signatures", json_boolean(c->allow_sha1_signatures), &failed);
	set_int(o, "replay_window", c->replay_window, &failed);
	set(o, "dscp_copy", json_boolean(c->dscp_copy), &failed);
	set_string(o, "df", cg_df_to_string(c->df), &failed);
	return finish(o, failed);
}

int cg_connection_digest(const struct cg_connection *c, uint8_t ret[CG_DIGEST_SIZE])
{
	_cleanup_json_ json_t *o = cg_connection_to_json(c);
	_cleanup_free_ char *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	uint8_t hash[SHA256_DIGEST_LENGTH];

	if (!text || !SHA256((const unsigned char *)text, strlen(text), hash))
		return -ENOMEM;
	memcpy(ret, hash, CG_DIGEST_SIZE);
	return 0;
}

json_t *cg_config_to_json(const struct cg_config *c)
{
	json_t *o = json_object(), *policies = json_array(), *connections = json_array();
	bool failed = !o || !policies || !connections;

	set(o, "gateway", gateway_to_json(&c->gateway), &failed);
	for (size_t i = 0; i < c->n_policies; i++)
		if (json_array_append_new(policies, policy_to_json(&c->policies[i])) < 0)
			failed = true;
	for (size_t i = 0; i < c->n_connections; i++)
		if (json_array_append_new(connections, cg_connection_to_json(&c->connections[i])) <
		    0)
			failed = true;
	set(o, "policies", policies, &failed);
	set(o, "connections", connections, &failed);
	return finish(o, failed);
}
