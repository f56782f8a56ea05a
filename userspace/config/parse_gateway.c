// SPDX-License-Identifier: Apache-2.0
/*
 * Reads `gateway:`, and values that several parts have: addresses and names. Called by the loader.
 */
#include "config/parse.h"

#include <ctype.h>

bool name_is_valid(const char *s, size_t max)
{
	if (!*s || strlen(s) > max || *s == '.' || *s == '-')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("._-", *s))
			return false;
	return true;
}

bool interface_name_is_valid(const char *s)
{
	/* IFNAMSIZ is 16 with the NUL; the kernel takes more characters than are good for anyone. */
	return name_is_valid(s, 15);
}

bool dns_name_is_valid(const char *s)
{
	size_t label = 0, n = strlen(s);
	bool letter = false;

	if (!n || n > 253)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '.') {
			if (!label || s[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)s[i]) && s[i] != '-' && s[i] != '_')
			return false;
		if (s[i] == '-' && !label)
			return false;
		letter = letter || isalpha((unsigned char)s[i]);
		if (++label > 63)
			return false;
	}
	/* "10.0.0.256" is a mistyped address, not a name. */
	return letter && s[n - 1] != '-';
}

bool read_address(const struct value *v, const char *expected, struct cg_addr *ret)
{
	_cleanup_free_ char *s = value_peek(v);

	if (s && cg_addr_parse(s, ret) >= 0)
		return true;
	value_expected(v, NULL, expected);
	return false;
}

static void listen_item(const struct value *v, size_t index, void *userdata)
{
	struct cg_gateway *g = userdata;
	struct cg_addr a, *slot;

	(void)index;
	if (!read_address(v, "an IP address to listen on, 0.0.0.0 or \"::\" for all", &a))
		return;
	if (cg_addr_is_multicast(&a)) {
		value_expected(v, NULL, "an address of this machine");
		return;
	}
	for (size_t i = 0; i < g->n_listen; i++)
		if (cg_addr_equal(&g->listen[i], &a)) {
			value_error(v, NULL, "stands here twice");
			return;
		}
	slot = loader_grow(v->loader, &g->listen, &g->n_listen, sizeof(*slot));
	if (slot)
		*slot = a;
}

static void parse_listen(const struct value *v, void *object)
{
	struct cg_gateway *g = object;

	free(g->listen);
	g->listen = NULL;
	g->n_listen = 0;
	g->listen_loc = v->loc;
	value_each(v, true, 1, CG_LISTEN_MAX, "a list of IP addresses", listen_item, g);
}

static void parse_state_dir(const struct value *v, void *object)
{
	struct cg_gateway *g = object;
	_cleanup_free_ char *s = value_string(v, 4000, "an absolute path");

	if (!s)
		return;
	if (*s != '/') {
		value_expected(v, NULL, "an absolute path");
		return;
	}
	free(g->state_dir);
	g->state_dir = TAKE_PTR(s);
}

/* A user or a group. */
static char *read_account(const struct value *v, const char *expected)
{
	_cleanup_free_ char *s = value_string(v, 32, expected);

	if (!s)
		return NULL;
	if (!name_is_valid(s, 32)) {
		value_expected(v, NULL, expected);
		return NULL;
	}
	return TAKE_PTR(s);
}

static void parse_user(const struct value *v, void *object)
{
	struct cg_gateway *g = object;
	char *s = read_account(v, "the name of a user");

	if (!s)
		return;
	if (streq(s, "root")) {
		value_expected(v, "the processes that read from the network must not be root",
			       "an unprivileged user");
		free(s);
		return;
	}
	free(g->user);
	g->user = s;
}

const char *cg_role_to_string(enum cg_role role)
{
	switch (role) {
	case CG_ROLE_NONE: return "none";
	case CG_ROLE_VIEWER: return "viewer";
	case CG_ROLE_OPERATOR: return "operator";
	case CG_ROLE_ADMINISTRATOR: return "administrator";
	}
	return "none";
}

struct members {
	struct cg_gateway *g;
	enum cg_role role;
};

static void role_item(const struct value *v, size_t index, void *userdata)
{
	static const char expected[] = "user:NAME or group:NAME";
	const struct members *m = userdata;
	_cleanup_free_ char *s = value_string(v, 40, expected);
	struct cg_role_member *slot;
	const char *name = NULL;
	bool group = false;

	(void)index;
	if (!s)
		return;
	if (str_starts_with(s, "user:")) {
		name = s + strlen("user:");
	} else if (str_starts_with(s, "group:")) {
		name = s + strlen("group:");
		group = true;
	}
	if (!name || !name_is_valid(name, 32)) {
		value_expected(v, "accounts of this system, such as user:alice or group:netops",
			       expected);
		return;
	}
	for (size_t i = 0; i < m->g->n_roles; i++) {
		const struct cg_role_member *r = &m->g->roles[i];

		if (r->group == group && streq(r->name, name)) {
			value_error(v, "the higher role may do all that the lower one may",
				    "'%s' has the role %s already (line %u)", s,
				    cg_role_to_string(r->role), r->loc.line);
			return;
		}
	}
	slot = loader_grow(v->loader, &m->g->roles, &m->g->n_roles, sizeof(*slot));
	if (!slot)
		return;
	*slot = (struct cg_role_member){.role = m->role,
					.group = group,
					.name = loader_strdup(v->loader, name),
					.loc = v->loc};
}

static void parse_members(const struct value *v, struct cg_gateway *g, enum cg_role role)
{
	struct members m = {g, role};

	value_each(v, true, 1, CG_ROLE_MEMBERS_MAX, "a list of user:NAME and group:NAME", role_item,
		   &m);
}

static void parse_viewer(const struct value *v, void *object)
{
	parse_members(v, object, CG_ROLE_VIEWER);
}

static void parse_operator(const struct value *v, void *object)
{
	parse_members(v, object, CG_ROLE_OPERATOR);
}

static void parse_administrator(const struct value *v, void *object)
{
	parse_members(v, object, CG_ROLE_ADMINISTRATOR);
}

static const struct field roles_fields[] = {
	FIELD_IS_FN("viewer", parse_viewer),
	FIELD_IS_FN("operator", parse_operator),
	FIELD_IS_FN("administrator", parse_administrator),
};
const struct schema roles_schema = {"gateway.roles", roles_fields, ARRAY_SIZE(roles_fields)};

static void parse_roles(const struct value *v, void *object)
{
	value_map(v, &roles_schema, object, NULL);
}

static void parse_log_level(const struct value *v, void *object)
{
	struct cg_gateway *g = object;
	_cleanup_free_ char *text = value_peek(v);

	if (!text || cg_log_level_from_string(text, &g->log_level) < 0)
		value_expected(v, NULL, "error, warning, notice, info or debug");
}

static const struct field limits_fields[] = {
	FIELD_RANGE("half_open", FIELD_U32, struct cg_limits, half_open, 1, 1000000),
	FIELD_RANGE("half_open_per_prefix", FIELD_U32, struct cg_limits, half_open_per_prefix, 1,
		    1000000),
	FIELD_RANGE("cookie_threshold", FIELD_U32, struct cg_limits, cookie_threshold, 0, 1000000),
};
const struct schema limits_schema = {"gateway.limits", limits_fields, ARRAY_SIZE(limits_fields)};

static void parse_limits(const struct value *v, void *object)
{
	struct cg_limits *limits = &((struct cg_gateway *)object)->limits;

	value_map(v, &limits_schema, limits, NULL);
	if (limits->half_open_per_prefix > limits->half_open)
		value_error(v, "raise half_open, or lower half_open_per_prefix",
			    "half_open_per_prefix (%u) is more than half_open (%u)",
			    limits->half_open_per_prefix, limits->half_open);
}

static void network_item(const struct value *v, size_t index, void *userdata)
{
	struct cg_fetch_config *f = userdata;
	_cleanup_free_ char *s = value_peek(v);
	struct cg_prefix p, *slot;

	(void)index;
	if (!s || cg_prefix_parse(s, &p) < 0 || !cg_prefix_is_masked(&p)) {
		value_expected(v, NULL, "a network such as 10.0.0.0/8, or an address");
		return;
	}
	slot = loader_grow(v->loader, &f->networks, &f->n_networks, sizeof(*slot));
	if (slot)
		*slot = p;
}

static void parse_networks(const struct value *v, void *object)
{
	value_each(v, true, 0, CG_FETCH_NETWORKS_MAX, "a list of networks", network_item, object);
}

static const struct field fetch_fields[] = {
	FIELD_IS("enabled", FIELD_BOOL, struct cg_fetch_config, enabled),
	FIELD_RANGE("timeout", FIELD_SECONDS, struct cg_fetch_config, timeout_seconds, 1, 20),
	FIELD_RANGE("refresh", FIELD_SECONDS, struct cg_fetch_config, refresh_seconds, 5, 604800),
	FIELD_IS_FN("allowed_networks", parse_networks),
};
const struct schema fetch_schema = {"gateway.fetch", fetch_fields, ARRAY_SIZE(fetch_fields)};

static void parse_fetch(const struct value *v, void *object)
{
	value_map(v, &fetch_schema, &((struct cg_gateway *)object)->fetch, NULL);
}

static const struct field gateway_fields[] = {
	FIELD_IS_FN("listen", parse_listen),
	FIELD_RANGE("ike_port", FIELD_U16, struct cg_gateway, ike_port, 1, 65535),
	FIELD_IS_FN("user", parse_user),
	FIELD_IS_MAP("roles", parse_roles, &roles_schema),
	FIELD_IS_FN("state_dir", parse_state_dir),
	FIELD_RANGE("lease_seconds", FIELD_SECONDS, struct cg_gateway, lease_seconds, 5, 604800),
	FIELD_RANGE("watch_files", FIELD_SECONDS, struct cg_gateway, watch_files_seconds, 0, 86400),
	FIELD_RANGE("verify_workers", FIELD_U32, struct cg_gateway, verify_workers, 0, 256),
	FIELD_IS_MAP("limits", parse_limits, &limits_schema),
	FIELD_IS_MAP("fetch", parse_fetch, &fetch_schema),
	FIELD_IS_MAP("vault", vault_parse, &vault_schema),
	FIELD_IS_FN("log_level", parse_log_level),
};
const struct schema gateway_schema = {"gateway", gateway_fields, ARRAY_SIZE(gateway_fields)};

int gateway_set_defaults(struct cg_gateway *g)
{
	g->listen = calloc(2, sizeof(*g->listen));
	g->user = strdup("certgate");
	g->state_dir = strdup("/var/lib/certgate");
	if (!g->listen || !g->user || !g->state_dir)
		return -ENOMEM;
	g->listen[0].family = AF_INET;
	g->listen[1].family = AF_INET6;
	g->n_listen = 2;
	g->ike_port = 500;
	g->lease_seconds = 3600;
	g->watch_files_seconds = 10;
	g->limits = (struct cg_limits){
		.half_open = 4096, .half_open_per_prefix = 256, .cookie_threshold = 64};
	g->fetch = (struct cg_fetch_config){
		.enabled = true, .timeout_seconds = 3, .refresh_seconds = 3600};
	g->log_level = CG_LOG_INFO;
	return vault_set_defaults(&g->vault);
}

void gateway_parse(const struct value *v, void *config)
{
	struct loader *l = v->loader;
	struct cg_config *c = config;

	if (l->have_gateway) {
		value_error(v, NULL, "stands in %s:%u already; there can be one in all files",
			    l->gateway_loc.file, l->gateway_loc.line);
		return;
	}
	l->have_gateway = true;
	l->gateway_loc = c->gateway.loc = v->loc;
	value_map(v, &gateway_schema, &c->gateway, NULL);
	if (c->gateway.ike_port == CG_NAT_PORT)
		value_error(v, "leave it out: 500",
			    "ike_port is %d, which is that of IKE behind a NAT and of ESP in UDP",
			    CG_NAT_PORT);
}

void gateway_done(struct cg_gateway *g)
{
	free(g->listen);
	free(g->user);
	for (size_t i = 0; i < g->n_roles; i++)
		free(g->roles[i].name);
	free(g->roles);
	free(g->state_dir);
	free(g->fetch.networks);
	vault_done(&g->vault);
}
