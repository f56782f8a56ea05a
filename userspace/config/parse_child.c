// SPDX-License-Identifier: Apache-2.0
/*
 * Reads what a connection protects: `local_networks:`, `remote_networks:` and `children:`. Called by parse_connection.c.
 */
#include "config/parse.h"

/* A child while it is read: ports and protocol apply to all of its networks. */
struct child_draft {
	struct cg_child_config *child;
	uint8_t protocol;
	uint16_t local_ports[2], remote_ports[2];
	bool ports_given;
};

void child_done(struct cg_child_config *c)
{
	free(c->name);
	free(c->local);
	free(c->remote);
}

struct networks {
	struct cg_selector **items;
	size_t *n;
};

static void network_item(const struct value *v, size_t index, void *userdata)
{
	static const char expected[] =
		"a network such as 10.1.0.0/16, an address, or a range such as 10.1.0.5-10.1.0.9";
	struct networks *networks = userdata;
	_cleanup_free_ char *s = value_peek(v), *hint = NULL;
	struct cg_selector selector = {.port_last = 65535}, *slot;
	struct cg_prefix prefix;

	(void)index;
	if (!s || cg_range_parse(s, &selector.range) < 0) {
		value_expected(v, NULL, expected);
		return;
	}
	if (cg_prefix_parse(s, &prefix) >= 0 && !cg_prefix_is_masked(&prefix)) {
		char text[CG_PREFIX_SIZE];

		cg_prefix_mask(&prefix);
		hint = str_printf("the network is %s", cg_prefix_format(&prefix, text));
		value_expected(v, hint, "a network without bits behind its length");
		return;
	}
	for (size_t i = 0; i < *networks->n; i++)
		if (cg_range_equal(&(*networks->items)[i].range, &selector.range)) {
			value_error(v, NULL, "stands here twice");
			return;
		}
	slot = loader_grow(v->loader, networks->items, networks->n, sizeof(*slot));
	if (slot)
		*slot = selector;
}

static void read_networks(const struct value *v, struct cg_selector **items, size_t *n)
{
	struct networks networks = {items, n};

	value_each(v, true, 1, CG_NETWORKS_MAX, "a list of networks", network_item, &networks);
}

/* The child of a connection that lists its networks itself. */
static struct cg_child_config *own_child(struct loader *l, struct cg_connection *c)
{
	if (c->n_children)
		return &c->children[0];
	return loader_grow(l, &c->children, &c->n_children, sizeof(*c->children));
}

void local_networks_parse(const struct value *v, void *connection)
{
	struct cg_child_config *child = own_child(v->loader, connection);

	if (child) {
		child->loc = v->loc;
		read_networks(v, &child->local, &child->n_local);
	}
}

void remote_networks_parse(const struct value *v, void *connection)
{
	struct cg_child_config *child = own_child(v->loader, connection);

	if (child)
		read_networks(v, &child->remote, &child->n_remote);
}

static void child_name(const struct value *v, void *object)
{
	struct child_draft *d = object;
	_cleanup_free_ char *s = value_string(v, CG_NAME_MAX,
					      "a name of letters, digits, '.', '_' and '-'");

	if (!s)
		return;
	if (!name_is_valid(s, CG_NAME_MAX)) {
		value_expected(v, NULL, "a name of letters, digits, '.', '_' and '-'");
		return;
	}
	free(d->child->name);
	d->child->name = TAKE_PTR(s);
}

static void child_local(const struct value *v, void *object)
{
	struct child_draft *d = object;

	read_networks(v, &d->child->local, &d->child->n_local);
}

static void child_remote(const struct value *v, void *object)
{
	struct child_draft *d = object;

	read_networks(v, &d->child->remote, &d->child->n_remote);
}

/* IANA "Protocol Numbers"; names that people write. */
static const struct {
	const char *name;
	uint8_t number;
	bool ports;
} protocols[] = {
	{"any", 0, false},  {"icmp", 1, false},	   {"tcp", 6, true},	{"udp", 17, true},
	{"gre", 47, false}, {"icmpv6", 58, false}, {"ospf", 89, false}, {"sctp", 132, true},
};

static void child_protocol(const struct value *v, void *object)
{
	struct child_draft *d = object;
	_cleanup_free_ char *s = value_peek(v);
	uint64_t n;

	for (size_t i = 0; s && i < ARRAY_SIZE(protocols); i++)
		if (streq(s, protocols[i].name)) {
			d->protocol = protocols[i].number;
			return;
		}
	if (s && parse_uint(s, 0, 255, &n) >= 0)
		d->protocol = (uint8_t)n;
	else
		value_expected(
			v, NULL,
			"tcp, udp, sctp, icmp, icmpv6, gre, ospf, any or a number from 0 to 255");
}

static void read_ports(const struct value *v, uint16_t ports[2])
{
	_cleanup_free_ char *s = value_peek(v);
	char *dash = s ? strchr(s, '-') : NULL;
	uint64_t first, last;

	if (s && streq(s, "any"))
		return;
	if (dash)
		*dash = 0;
	if (s && parse_uint(s, 0, 65535, &first) >= 0 &&
	    parse_uint(dash ? dash + 1 : s, 0, 65535, &last) >= 0 && first <= last) {
		ports[0] = (uint16_t)first;
		ports[1] = (uint16_t)last;
		return;
	}
	value_expected(v, NULL, "a port, a range such as 8000-8080, or any");
}

static void child_local_ports(const struct value *v, void *object)
{
	struct child_draft *d = object;

	d->ports_given = true;
	read_ports(v, d->local_ports);
}

static void child_remote_ports(const struct value *v, void *object)
{
	struct child_draft *d = object;

	d->ports_given = true;
	read_ports(v, d->remote_ports);
}

static const struct field child_fields[] = {
	FIELD_IS_FN("name", child_name),
	FIELD_IS_FN("local_networks", child_local),
	FIELD_IS_FN("remote_networks", child_remote),
	FIELD_IS_FN("protocol", child_protocol),
	FIELD_IS_FN("local_ports", child_local_ports),
	FIELD_IS_FN("remote_ports", child_remote_ports),
};
const struct schema child_schema = {"connections[].children[]", child_fields,
				    ARRAY_SIZE(child_fields)};

static bool has_family(const struct cg_selector *s, size_t n, sa_family_t family)
{
	for (size_t i = 0; i < n; i++)
		if (s[i].range.first.family == family)
			return true;
	return false;
}

void child_check(const struct value *v, struct cg_child_config *c)
{
	bool v4 = has_family(c->local, c->n_local, AF_INET),
	     v6 = has_family(c->local, c->n_local, AF_INET6);
	bool remote4 = has_family(c->remote, c->n_remote, AF_INET),
	     remote6 = has_family(c->remote, c->n_remote, AF_INET6);

	if (!c->n_local || !c->n_remote)
		return;
	if (v4 != remote4 || v6 != remote6)
		value_error(
			v, "give both sides networks of the same families",
			"local_networks has %s and remote_networks has %s: %s could never be used",
			v4 && v6 ? "IPv4 and IPv6"
			: v4	 ? "IPv4"
				 : "IPv6",
			remote4 && remote6 ? "IPv4 and IPv6"
			: remote4	   ? "IPv4"
					   : "IPv6",
			(v4 && !remote4) || (!v4 && remote4) ? "IPv4" : "IPv6");
}

#define CHILD_NEEDS "each child needs name, local_networks and remote_networks"

static void child_item(const struct value *v, size_t index, void *userdata)
{
	struct cg_connection *c = userdata;
	struct cg_child_config *child;
	struct child_draft d = {.local_ports = {0, 65535}, .remote_ports = {0, 65535}};
	uint64_t seen = 0;

	(void)index;
	child = loader_grow(v->loader, &c->children, &c->n_children, sizeof(*child));
	if (!child)
		return;
	child->loc = v->loc;
	d.child = child;
	value_map(v, &child_schema, &d, &seen);
	if (value_type(v) != VALUE_MAP)
		return;
	if (!seen_field(&child_schema, seen, "name"))
		value_error(v, CHILD_NEEDS, "'name' is missing");
	if (!seen_field(&child_schema, seen, "local_networks"))
		value_error(v, CHILD_NEEDS, "'local_networks' is missing");
	if (!seen_field(&child_schema, seen, "remote_networks"))
		value_error(v, CHILD_NEEDS, "'remote_networks' is missing");
	if (d.ports_given) {
		bool ports = false;

		for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
			ports = ports || (protocols[i].number == d.protocol && protocols[i].ports);
		if (!ports)
			value_error(v, "add 'protocol: tcp', udp or sctp",
				    "ports need a protocol that has ports");
	}
	for (size_t i = 0; i < child->n_local; i++) {
		child->local[i].protocol = d.protocol;
		child->local[i].port_first = d.local_ports[0];
		child->local[i].port_last = d.local_ports[1];
	}
	for (size_t i = 0; i < child->n_remote; i++) {
		child->remote[i].protocol = d.protocol;
		child->remote[i].port_first = d.remote_ports[0];
		child->remote[i].port_last = d.remote_ports[1];
	}
	child_check(v, child);
	for (size_t i = 0; child->name && i + 1 < c->n_children; i++)
		if (streq_ptr(c->children[i].name, child->name))
			value_error(v, NULL, "two children have the name '%s'", child->name);
}

void children_parse(const struct value *v, void *connection)
{
	value_each(v, false, 1, CG_CHILDREN_MAX, "a list of children", child_item, connection);
}
