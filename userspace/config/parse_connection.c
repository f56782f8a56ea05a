// SPDX-License-Identifier: Apache-2.0
/*
 * Reads one item of `connections:`: defaults, its keys, and the checks that concern it alone. Called by the loader.
 */
#include "config/parse.h"

static const char *const mode_names[] = {"default", "initiator-only", "responder-only", NULL};
static const char *const start_names[] = {"always", "on-traffic", "manual", NULL};
static const char *const encap_names[] = {"auto", "udp", "raw", NULL};
static const char *const df_names[] = {"copy", "set", "clear", NULL};

const char *cg_mode_to_string(enum cg_connection_mode mode)
{
	return mode_names[mode];
}

const char *cg_start_to_string(enum cg_start start)
{
	return start_names[start];
}

const char *cg_encap_mode_to_string(enum cg_encap_mode mode)
{
	return encap_names[mode];
}

const char *cg_df_to_string(enum cg_df df)
{
	return df_names[df];
}

/* --- interface ----------------------------------------------------------------------------------------------------- */

static void interface_name(const struct value *v, void *object)
{
	struct cg_interface_config *i = object;
	static const char expected[] =
		"the name of an interface, at most 15 letters, digits, '.', '_' and '-'";
	_cleanup_free_ char *s = value_peek(v);

	if (!s || !interface_name_is_valid(s)) {
		value_expected(v, NULL, expected);
		return;
	}
	i->name = source_text(v->loader, TAKE_PTR(s));
}

static void address_item(const struct value *v, size_t index, void *userdata)
{
	struct cg_interface_config *i = userdata;
	_cleanup_free_ char *s = value_peek(v);
	struct cg_prefix p, *slot;

	(void)index;
	if (!s || cg_prefix_parse(s, &p) < 0 || cg_addr_is_any(&p.addr) ||
	    cg_addr_is_multicast(&p.addr)) {
		value_expected(v, NULL,
			       "an address with its network's length, such as 169.254.21.2/30");
		return;
	}
	for (size_t k = 0; k < i->n_addresses; k++)
		if (cg_addr_equal(&i->addresses[k].addr, &p.addr)) {
			value_error(v, NULL, "stands here twice");
			return;
		}
	slot = loader_grow(v->loader, &i->addresses, &i->n_addresses, sizeof(*slot));
	if (slot)
		*slot = p;
}

static void interface_addresses(const struct value *v, void *object)
{
	value_each(v, true, 0, CG_ADDRESSES_MAX, "a list of addresses", address_item, object);
}

static void interface_mtu(const struct value *v, void *object)
{
	struct cg_interface_config *i = object;
	_cleanup_free_ char *s = value_peek(v);
	uint64_t n;

	if (s && streq(s, "auto"))
		i->mtu = 0;
	else if (s && parse_uint(s, 576, 65535, &n) >= 0)
		i->mtu = (uint32_t)n;
	else
		value_expected(v, NULL, "auto, or a number from 576 to 65535");
}

static void interface_vrf(const struct value *v, void *object)
{
	struct cg_interface_config *i = object;
	_cleanup_free_ char *s = value_peek(v);

	if (!s || !interface_name_is_valid(s)) {
		value_expected(v, NULL, "the name of a VRF device");
		return;
	}
	free(i->vrf);
	i->vrf = TAKE_PTR(s);
}

static const struct field interface_fields[] = {
	FIELD_IS_FN("name", interface_name),
	FIELD_IS_FN("addresses", interface_addresses),
	FIELD_IS_FN("mtu", interface_mtu),
	FIELD_RANGE("mark", FIELD_U32, struct cg_interface_config, mark, 0, UINT32_MAX),
	FIELD_IS_FN("vrf", interface_vrf),
};
const struct schema interface_schema = {"connections[].interface", interface_fields,
					ARRAY_SIZE(interface_fields)};

void interface_parse(const struct value *v, void *connection)
{
	struct cg_interface_config *i = &((struct cg_connection *)connection)->interface;
	uint64_t seen;

	i->loc = v->loc;
	if (value_type(v) == VALUE_SCALAR) {
		interface_name(v, i);
		return;
	}
	if (value_type(v) != VALUE_MAP) {
		value_expected(v, NULL,
			       "the name of an interface, or a map with name, addresses, mtu");
		return;
	}
	value_map(v, &interface_schema, i, &seen);
	if (!seen_field(&interface_schema, seen, "name"))
		value_error(v, NULL, "'name' is missing");
}

/* --- addresses ----------------------------------------------------------------------------------------------------- */

static void parse_local_address(const struct value *v, void *object)
{
	struct cg_connection *c = object;
	_cleanup_free_ char *s = value_peek(v);

	if (s && streq(s, "any"))
		c->local_address = (struct cg_addr){0};
	else if (!s || cg_addr_parse(s, &c->local_address) < 0 ||
		 cg_addr_is_multicast(&c->local_address))
		value_expected(v, NULL, "an IP address of this machine, or any");
	else if (cg_addr_is_any(&c->local_address))
		c->local_address = (struct cg_addr){0};
}

static void parse_remote_address(const struct value *v, void *object)
{
	static const char expected[] = "an IP address, a DNS name, or any";
	struct cg_connection *c = object;
	_cleanup_free_ char *s = value_peek(v);
	struct cg_addr a;

	if (!s) {
		value_expected(v, NULL, expected);
	} else if (streq(s, "any")) {
		c->remote_kind = CG_REMOTE_ANY;
	} else if (cg_addr_parse(s, &a) >= 0) {
		if (cg_addr_is_any(&a) || cg_addr_is_multicast(&a)) {
			value_expected(v, "to let the peer come from anywhere write any", expected);
			return;
		}
		c->remote_kind = CG_REMOTE_ADDRESS;
		c->remote_address = a;
	} else if (dns_name_is_valid(s)) {
		c->remote_kind = CG_REMOTE_NAME;
		free(c->remote_name);
		c->remote_name = TAKE_PTR(s);
	} else {
		value_expected(v,
			       strchr(s, '/') || strchr(s, ':')
				       ? "no port and no prefix length belong here"
				       : NULL,
			       expected);
	}
}

/* --- routes -------------------------------------------------------------------------------------------------------- */

static void routes_table(const struct value *v, void *object)
{
	static const struct {
		const char *name;
		uint32_t id;
	} tables[] = {{"main", 254}, {"default", 253}};
	struct cg_connection *c = object;
	_cleanup_free_ char *s = value_peek(v);
	uint64_t n;

	for (size_t i = 0; s && i < ARRAY_SIZE(tables); i++)
		if (streq(s, tables[i].name)) {
			c->routes_table = tables[i].id;
			return;
		}
	if (s && parse_uint(s, 1, UINT32_MAX, &n) >= 0 && n != 255)
		c->routes_table = (uint32_t)n;
	else
		value_expected(v, NULL,
			       "main, default or the number of a routing table (not 255, local)");
}

static const struct field routes_fields[] = {
	FIELD_IS("install", FIELD_BOOL, struct cg_connection, routes_install),
	FIELD_IS_FN("table", routes_table),
	FIELD_RANGE("metric", FIELD_U32, struct cg_connection, routes_metric, 0, UINT32_MAX),
	FIELD_IS("keep", FIELD_BOOL, struct cg_connection, routes_keep),
};
const struct schema routes_schema = {"connections[].routes", routes_fields,
				     ARRAY_SIZE(routes_fields)};

static void parse_routes(const struct value *v, void *object)
{
	struct cg_connection *c = object;
	_cleanup_free_ char *s = value_peek(v);

	if (s && parse_bool(s, &c->routes_install) >= 0)
		return;
	if (value_type(v) != VALUE_MAP) {
		value_expected(v, NULL, "true, false, or a map with install, table, metric, keep");
		return;
	}
	value_map(v, &routes_schema, c, NULL);
}

/* --- identities and policy ----------------------------------------------------------------------------------------- */

static void read_identity(const struct value *v, const char *expected, const char **target,
			  struct cg_location *loc)
{
	static const char *const prefixes[] = {"fqdn:", "email:", "ip:", "dn:"};
	_cleanup_free_ char *s = value_string(v, 1023, expected);
	struct cg_addr a;

	if (!s)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (str_starts_with(s, prefixes[i]) && !s[strlen(prefixes[i])]) {
			value_expected(v, "something must follow the prefix", expected);
			return;
		}
	if (str_starts_with(s, "ip:") && cg_addr_parse(s + 3, &a) < 0) {
		value_expected(v, NULL, "an IP address after 'ip:'");
		return;
	}
	*target = source_text(v->loader, TAKE_PTR(s));
	*loc = v->loc;
}

static void parse_local_identity(const struct value *v, void *object)
{
	struct cg_connection *c = object;

	read_identity(v, "dn, or an identity as fqdn:NAME, email:NAME, ip:ADDRESS or dn:DN",
		      &c->local_identity, &c->local_identity_loc);
}

static void parse_remote_identity(const struct value *v, void *object)
{
	struct cg_connection *c = object;

	read_identity(v, "auto, any, or an identity as fqdn:NAME, email:NAME, ip:ADDRESS or dn:DN",
		      &c->remote_identity, &c->remote_identity_loc);
	if (c->remote_identity && streq(c->remote_identity, "any"))
		value_warning(v, "use auto if the peer's identity stands in its certificate",
			      "the peer's identity is not checked, only its certificate's subject");
}

static void parse_policy(const struct value *v, void *object)
{
	_cleanup_free_ char *s = value_string(v, CG_NAME_MAX, "the name of a policy");
	struct loader *l = v->loader;
	struct policy_ref *ref;

	(void)object;
	if (!s)
		return;
	/* Policies may follow, or stand in another file: looked up when all are read. */
	ref = loader_grow(l, &l->policy_refs, &l->n_policy_refs, sizeof(*ref));
	if (!ref)
		return;
	ref->connection = l->config->n_connections - 1;
	ref->name = TAKE_PTR(s);
	ref->key = loader_strdup(l, v->key);
	ref->loc = v->loc;
}

static void parse_name(const struct value *v, void *object)
{
	struct cg_connection *c = object;
	_cleanup_free_ char *s = value_peek(v);

	if (!s || !name_is_valid(s, CG_NAME_MAX)) {
		value_expected(v, NULL, "a name of at most 31 letters, digits, '.', '_' and '-'");
		return;
	}
	free(c->name);
	c->name = TAKE_PTR(s);
}

static void parse_sha1(const struct value *v, void *object)
{
	struct cg_connection *c = object;
	_cleanup_free_ char *s = value_peek(v);

	if (!s || parse_bool(s, &c->allow_sha1_signatures) < 0)
		value_expected(v, NULL, "true or false");
	else if (c->allow_sha1_signatures)
		value_warning(v, "only for a peer that cannot do better",
			      "the peer may authenticate with SHA-1, which is weak");
}

static const struct field connection_fields[] = {
	FIELD_IS_FN("name", parse_name),
	FIELD_RANGE("description", FIELD_STRING, struct cg_connection, description, 0, 255),
	FIELD_IS("enabled", FIELD_BOOL, struct cg_connection, enabled),
	FIELD_IS_MAP("interface", interface_parse, &interface_schema),
	FIELD_IS_FN("local_address", parse_local_address),
	FIELD_IS_FN("remote_address", parse_remote_address),
	FIELD_RANGE("remote_port", FIELD_U16, struct cg_connection, remote_port, 1, 65535),
	FIELD_NAMES("mode", struct cg_connection, mode, mode_names),
	FIELD_NAMES("start", struct cg_connection, start, start_names),
	FIELD_IS_FN("local_networks", local_networks_parse),
	FIELD_IS_FN("remote_networks", remote_networks_parse),
	FIELD_IS_MAP("children", children_parse, &child_schema),
	FIELD_IS_MAP("routes", parse_routes, &routes_schema),
	FIELD_IS_MAP("outbound_certificate", outbound_parse, &outbound_schema),
	FIELD_IS_MAP("inbound_certificate", inbound_parse, &inbound_schema),
	FIELD_IS_FN("local_identity", parse_local_identity),
	FIELD_IS_FN("remote_identity", parse_remote_identity),
	FIELD_RANGE("dpd_delay", FIELD_SECONDS, struct cg_connection, dpd_delay_seconds, 1, 86400),
	FIELD_RANGE("dpd_timeout", FIELD_SECONDS, struct cg_connection, dpd_timeout_seconds, 3,
		    86400),
	FIELD_RANGE("nat_keepalive", FIELD_SECONDS, struct cg_connection, nat_keepalive_seconds, 0,
		    3600),
	FIELD_RANGE("reauth_margin", FIELD_SECONDS, struct cg_connection, reauth_margin_seconds, 0,
		    2592000),
	FIELD_IS_FN("policy", parse_policy),
	FIELD_NAMES("encap", struct cg_connection, encap, encap_names),
	FIELD_IS("fragmentation", FIELD_BOOL, struct cg_connection, fragmentation),
	FIELD_RANGE("fragment_size", FIELD_U16, struct cg_connection, fragment_size, 576, 65535),
	FIELD_IS("initial_contact", FIELD_BOOL, struct cg_connection, initial_contact),
	FIELD_IS("childless", FIELD_BOOL, struct cg_connection, childless),
	FIELD_IS("mobike", FIELD_BOOL, struct cg_connection, mobike),
	FIELD_IS("key_log", FIELD_BOOL, struct cg_connection, key_log),
	FIELD_IS("send_certreq", FIELD_BOOL, struct cg_connection, send_certreq),
	FIELD_IS_FN("allow_sha1_signatures", parse_sha1),
	FIELD_RANGE("replay_window", FIELD_U32, struct cg_connection, replay_window, 64, 65536),
	FIELD_IS("dscp_copy", FIELD_BOOL, struct cg_connection, dscp_copy),
	FIELD_NAMES("df", struct cg_connection, df, df_names),
};
const struct schema connection_schema = {"connections[]", connection_fields,
					 ARRAY_SIZE(connection_fields)};

/* --- the whole ----------------------------------------------------------------------------------------------------- */

static void set_defaults(struct cg_connection *c, const struct cg_location *loc)
{
	c->loc = *loc;
	c->enabled = true;
	c->remote_kind = CG_REMOTE_NAME;
	c->remote_port = 500;
	c->routes_install = true;
	c->routes_keep = true;
	c->routes_table = 254;
	c->local_identity = "dn";
	c->remote_identity = "auto";
	c->dpd_timeout_seconds = 45;
	c->nat_keepalive_seconds = 20;
	c->reauth_margin_seconds = 3600;
	c->revocation_grace_seconds = CG_GRACE_DEFAULT;
	c->fragmentation = true;
	c->fragment_size = 1280;
	c->initial_contact = true;
	c->mobike = true;
	c->send_certreq = true;
	c->replay_window = 4096;
}

static void check_required(const struct value *v, uint64_t seen)
{
	static const struct {
		const char *name, *hint;
	} required[] = {
		{"interface", "the interface for this tunnel's traffic, such as cg0"},
		{"remote_address", "the peer's address or DNS name; any for a responder"},
		{"outbound_certificate", "our certificate with its key, such as a .pfx file"},
		{"inbound_certificate", "what the peer must show: subject_name and chain"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(required); i++)
		if (!seen_field(&connection_schema, seen, required[i].name))
			value_error(v, required[i].hint, "'%s' is missing", required[i].name);
}

static void check_children(const struct value *v, struct cg_connection *c, uint64_t seen)
{
	bool children = seen_field(&connection_schema, seen, "children");
	bool local = seen_field(&connection_schema, seen, "local_networks");
	bool remote = seen_field(&connection_schema, seen, "remote_networks");

	if (children && (local || remote)) {
		value_error(v, "move them into the children", "both 'children' and '%s' are given",
			    local ? "local_networks" : "remote_networks");
		return;
	}
	if (children)
		return;
	if (!local)
		value_error(v, "what is behind this gateway; 0.0.0.0/0 for a route-based tunnel",
			    "'local_networks' is missing");
	if (!remote)
		value_error(v, "what is behind the peer; 0.0.0.0/0 for a route-based tunnel",
			    "'remote_networks' is missing");
	if (c->n_children) {
		child_check(v, &c->children[0]);
		if (c->name)
			(void)str_replace(&c->children[0].name, c->name);
	}
}

static void check_connection(const struct value *v, struct cg_connection *c, uint64_t seen)
{
	bool responder = c->mode == CG_MODE_RESPONDER_ONLY;

	if (c->remote_kind == CG_REMOTE_ANY && !responder)
		value_error(v, "add 'mode: responder-only'",
			    "remote_address is any, so only the peer can start, but mode is %s",
			    cg_mode_to_string(c->mode));
	if (responder && seen_field(&connection_schema, seen, "start") &&
	    c->start != CG_START_MANUAL)
		value_warning(v, NULL, "start is %s, but mode is responder-only: the peer starts",
			      cg_start_to_string(c->start));
	if (c->local_address.family && c->remote_kind == CG_REMOTE_ADDRESS &&
	    c->local_address.family != c->remote_address.family)
		value_error(
			v,
			"local_address is ours, remote_address the peer's; leave local_address out if in doubt",
			"local_address and remote_address are not of the same family");
	if (c->local_address.family && c->remote_kind == CG_REMOTE_ADDRESS &&
	    cg_addr_equal(&c->local_address, &c->remote_address))
		value_error(
			v,
			"local_address is ours, remote_address the peer's; leave local_address out if in doubt",
			"local_address and remote_address are the same");
	if (c->dpd_delay_seconds >= c->dpd_timeout_seconds)
		value_error(v, "leave dpd_delay out: it is a third of dpd_timeout then",
			    "dpd_delay (%u) is not less than dpd_timeout (%u)",
			    c->dpd_delay_seconds, c->dpd_timeout_seconds);
	if (c->encap == CG_ENCAP_RAW && seen_field(&connection_schema, seen, "nat_keepalive"))
		value_warning(v, NULL, "nat_keepalive has no effect with 'encap: raw'");
}

/* All that is read before the name is, or after it. */
static void name_sources(struct cg_connection *c)
{
	struct cg_source *const lists[] = {&c->outbound_certificate,
					   &c->outbound_key,
					   &c->outbound_passphrase,
					   c->outbound_chain,
					   c->inbound_chain,
					   c->trust_anchors,
					   c->crls};
	const size_t n[] = {
		1, 1, 1, c->n_outbound_chain, c->n_inbound_chain, c->n_trust_anchors, c->n_crls};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (size_t j = 0; j < n[i]; j++)
			lists[i][j].connection = c->name;
	}
	if (c->hardware)
		c->hardware->store.connection = c->hardware->pin.connection = c->name;
}

void connection_parse(const struct value *v, size_t index, void *unused)
{
	_cleanup_free_ char *name = NULL, *key = NULL;
	struct loader *l = v->loader;
	struct value named = *v, at;
	struct cg_connection *c;
	size_t errors = l->diags->n_errors;
	uint64_t seen = 0;

	(void)index;
	(void)unused;
	if (value_type(v) != VALUE_MAP) {
		value_expected(v, NULL, "a map that describes a connection");
		return;
	}
	if (l->config->n_connections >= CG_CONNECTIONS_MAX) {
		if (l->config->n_connections == CG_CONNECTIONS_MAX)
			value_error(v, NULL, "there are more than %d connections",
				    CG_CONNECTIONS_MAX);
		return;
	}
	/* Messages say the name, not the number, if it has a fit one. */
	if (value_get(v, "name", &at)) {
		name = value_peek(&at);
		if (name && name_is_valid(name, CG_NAME_MAX)) {
			key = str_printf("connections[%s]", name);
			named.key = key ? key : v->key;
		}
	}
	c = loader_grow(l, &l->config->connections, &l->config->n_connections, sizeof(*c));
	if (!c)
		return;
	set_defaults(c, &v->loc);
	value_map(&named, &connection_schema, c, &seen);
	name_sources(c);
	if (!seen_field(&connection_schema, seen, "name"))
		value_error(&named, "names appear in the log and on the command line",
			    "'name' is missing");
	check_required(&named, seen);
	check_children(&named, c, seen);
	if (!seen_field(&connection_schema, seen, "dpd_delay"))
		c->dpd_delay_seconds = MAX(c->dpd_timeout_seconds / 3, 1U);
	/* With values that could not be read these would only repeat that. */
	if (l->diags->n_errors == errors)
		check_connection(&named, c, seen);
}

void connection_done(struct cg_connection *c)
{
	free(c->name);
	free(c->description);
	free(c->interface.addresses);
	free(c->interface.vrf);
	free(c->remote_name);
	for (size_t i = 0; i < c->n_children; i++)
		child_done(&c->children[i]);
	free(c->children);
	free(c->outbound_chain);
	hardware_free(c->hardware);
	free(c->subject_name);
	free(c->inbound_chain);
	free(c->trust_anchors);
	free(c->crls);
}
