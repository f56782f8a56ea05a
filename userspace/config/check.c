// SPDX-License-Identifier: Apache-2.0
/*
 * The checks that need the whole configuration: names are unique and known, a responder can tell its connections apart, no two
 * tunnels of an interface protect the same traffic, and weak choices are warned of. Called at the end of a load.
 */
#include <ctype.h>
#include <strings.h>

#include "config/parse.h"

#define SELECTOR_PAIRS_MAX ((size_t)4 * 1024 * 1024)

static void connection_diag(struct loader *l, enum cg_diag_severity severity,
			    const struct cg_connection *c, const struct cg_location *loc,
			    const char *key, const char *hint, const char *text)
{
	_cleanup_free_ char *path = NULL;

	path = str_printf("connections[%s]%s%s", c->name ? c->name : "?", key ? "." : "",
			  key ? key : "");
	cg_diags_add(l->diags, severity, loc ? loc : &c->loc, path, hint, "%s", text);
}

/* --- policies ------------------------------------------------------------------------------------------------------ */

static void resolve_policy(struct loader *l, const struct policy_ref *ref)
{
	const struct cg_policy *p = cg_config_find_policy(l->config, ref->name);
	_cleanup_free_ const char **names = NULL;
	_cleanup_free_ char *hint = NULL;
	const char *near;

	if (p) {
		l->config->connections[ref->connection].policy = p;
		return;
	}
	names = calloc(l->config->n_policies, sizeof(*names));
	if (!names) {
		l->oom = true;
		return;
	}
	for (size_t i = 0; i < l->config->n_policies; i++)
		names[i] = l->config->policies[i].name;
	near = str_nearest(ref->name, names, l->config->n_policies);
	hint = near ? str_printf("did you mean '%s'?", near)
		    : strdup("built in are default, azure-default and azure-custom");
	cg_diags_add(l->diags, CG_DIAG_ERROR, &ref->loc, ref->key, hint,
		     "found '%s', expected the name of a policy", ref->name);
}

static void check_policies(struct loader *l)
{
	struct cg_config *c = l->config;

	for (size_t i = 0; i < l->n_policy_refs; i++)
		resolve_policy(l, &l->policy_refs[i]);
	for (size_t i = 0; i < c->n_connections; i++) {
		struct cg_connection *conn = &c->connections[i];
		_cleanup_free_ char *text = NULL;

		if (!conn->policy)
			conn->policy = cg_config_find_policy(c, "default");
		conn->allow_sha1_signatures = conn->allow_sha1_signatures ||
					      conn->policy->allow_sha1_signatures;
		if (!conn->policy->weak || !conn->enabled)
			continue;
		text = str_printf("policy '%s' allows what is weak: %s", conn->policy->name,
				  conn->policy->weak);
		connection_diag(l, CG_DIAG_WARNING, conn, NULL, "policy",
				"only for a peer that cannot do better",
				text ? text : "out of memory");
	}
}

/* --- names --------------------------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
	const struct cg_connection *x = *(const struct cg_connection *const *)a;
	const struct cg_connection *y = *(const struct cg_connection *const *)b;
	int r = strcmp(x->name, y->name);

	return r ? r : x < y ? -1 : x > y;
}

static void check_names(struct loader *l)
{
	_cleanup_free_ const struct cg_connection **sorted = NULL;
	struct cg_config *c = l->config;
	size_t n = 0;

	sorted = calloc(c->n_connections + 1, sizeof(*sorted));
	if (!sorted) {
		l->oom = true;
		return;
	}
	for (size_t i = 0; i < c->n_connections; i++)
		if (c->connections[i].name)
			sorted[n++] = &c->connections[i];
	qsort(sorted, n, sizeof(*sorted), compare_names);
	for (size_t i = 1; i < n; i++) {
		_cleanup_free_ char *text = NULL;

		if (!streq(sorted[i]->name, sorted[i - 1]->name))
			continue;
		text = str_printf("the name is taken by the connection at %s:%u",
				  sorted[i - 1]->loc.file, sorted[i - 1]->loc.line);
		connection_diag(l, CG_DIAG_ERROR, sorted[i], NULL, "name", NULL,
				text ? text : "out of memory");
	}
}

/* --- connections that a responder could not tell apart --------------------------------------------------------------- */

/* The peer as a responder sees it: what it comes from, who it may be. */
struct peer {
	struct cg_connection *c;
	char *cn; /* folded; NULL if the subject has none or several */
	char *dn; /* folded, sorted attributes; NULL if only the CN is given */
};

/* Lower case, runs of blanks as one, none at the ends (RFC 5280 section 7.1), in place. */
static void fold(char *s)
{
	char *begin = s, *out = s;

	for (; *s; s++) {
		bool blank = *s == ' ' || *s == '\t';

		if (!blank)
			*out++ = (char)tolower((unsigned char)*s);
		else if (out > begin && out[-1] != ' ')
			*out++ = ' ';
	}
	if (out > begin && out[-1] == ' ')
		out--;
	*out = 0;
}

/* Splits off the next attribute of a DN, up to a ',' or ';' or '+' that no backslash or quote protects. */
static char *next_attribute(char **rest)
{
	char *begin = *rest, *s;
	bool quoted = false;

	if (!begin)
		return NULL;
	for (s = begin; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		else if (*s == '"')
			quoted = !quoted;
		else if (!quoted && strchr(",;+", *s))
			break;
	}
	*rest = *s ? s + 1 : NULL;
	*s = 0;
	return begin;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Takes the subject apart as far as comparing needs it; whether it is well formed the certificate code says. */
static bool peer_subject(struct peer *p)
{
	_cleanup_free_ char *copy = strdup(p->c->subject_name);
	_cleanup_strbuf_ struct cg_strbuf dn = {0};
	char *rest = copy, *attribute, *parts[64];
	size_t n = 0, n_cn = 0;

	if (!copy)
		return false;
	if (!strchr(copy, '=')) {
		fold(copy);
		p->cn = TAKE_PTR(copy);
		return true;
	}
	while (n < ARRAY_SIZE(parts) && (attribute = next_attribute(&rest))) {
		char *value = strchr(attribute, '=');

		if (value) {
			*value++ = 0;
			fold(attribute);
			fold(value);
		} else {
			fold(attribute);
		}
		parts[n] = str_printf("%s=%s", attribute, value ? value : "");
		if (!parts[n])
			break;
		if (value && streq(attribute, "cn") && n_cn++ == 0)
			p->cn = strdup(value);
		n++;
	}
	if (n > 1 || !n_cn) {
		qsort(parts, n, sizeof(*parts), compare_strings);
		for (size_t i = 0; i < n; i++)
			strbuf_addf(&dn, "%s,", parts[i]);
		p->dn = strbuf_take(&dn);
	}
	for (size_t i = 0; i < n; i++)
		free(parts[i]);
	return p->cn || p->dn;
}

/* Could one certificate's subject satisfy both? */
static bool subjects_overlap(const struct peer *a, const struct peer *b)
{
	if (a->dn && b->dn)
		return streq(a->dn, b->dn);
	return a->cn && b->cn && streq(a->cn, b->cn);
}

static bool remotes_overlap(const struct cg_connection *a, const struct cg_connection *b)
{
	if (a->remote_kind == CG_REMOTE_ANY || b->remote_kind == CG_REMOTE_ANY)
		return true;
	if (a->remote_kind != b->remote_kind)
		return false;
	if (a->remote_kind == CG_REMOTE_ADDRESS)
		return cg_addr_equal(&a->remote_address, &b->remote_address);
	return a->remote_name && b->remote_name && strcasecmp(a->remote_name, b->remote_name) == 0;
}

static bool locals_overlap(const struct cg_connection *a, const struct cg_connection *b)
{
	/* A VRF is a network of its own. */
	if (!streq_ptr(a->interface.vrf, b->interface.vrf))
		return false;
	return !a->local_address.family || !b->local_address.family ||
	       cg_addr_equal(&a->local_address, &b->local_address);
}

/* Explicit identities that differ tell two connections apart; auto and any do not. */
static bool identities_overlap(const struct cg_connection *a, const struct cg_connection *b)
{
	const struct cg_connection *both[] = {a, b};

	for (size_t i = 0; i < 2; i++)
		if (streq(both[i]->remote_identity, "auto") ||
		    streq(both[i]->remote_identity, "any"))
			return true;
	return strcasecmp(a->remote_identity, b->remote_identity) == 0;
}

static const char *peer_key(const struct peer *p)
{
	return p->cn ? p->cn : p->dn;
}

static int compare_peers(const void *a, const void *b)
{
	const struct peer *x = a, *y = b;
	int r = strcmp(peer_key(x), peer_key(y));

	return r ? r : x->c < y->c ? -1 : x->c > y->c;
}

static void report_alike(struct loader *l, const struct cg_connection *a,
			 const struct cg_connection *b)
{
	_cleanup_free_ char *text = NULL;

	text = str_printf(
		"a peer that calls cannot be told apart from that of connection '%s' (%s:%u): "
		"addresses, subject_name and remote_identity fit both",
		a->name ? a->name : "?", a->loc.file, a->loc.line);
	connection_diag(
		l, CG_DIAG_ERROR, b, NULL, NULL,
		"give them different remote addresses, subjects or explicit identities, or make one initiator-only; "
		"several networks of one peer are children of one connection",
		text ? text : "out of memory");
}

/* Sorted: whoever has a neighbour of the same name shares its peer. */
static void mark_shared_peers(struct peer *peers, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (streq(peer_key(&peers[i]), peer_key(&peers[i - 1])))
			peers[i].c->peer_shared = peers[i - 1].c->peer_shared = true;
}

static void check_peers(struct loader *l)
{
	_cleanup_free_ struct peer *peers = NULL;
	struct cg_config *c = l->config;
	size_t n = 0;

	peers = calloc(c->n_connections + 1, sizeof(*peers));
	if (!peers) {
		l->oom = true;
		return;
	}
	for (size_t i = 0; i < c->n_connections; i++) {
		struct cg_connection *conn = &c->connections[i];

		if (!conn->enabled || !conn->subject_name)
			continue;
		peers[n].c = conn;
		if (!peer_subject(&peers[n++]))
			l->oom = true;
	}
	if (l->oom)
		goto out;
	/* Only peers of one name can overlap; among these each is compared with those before it. */
	qsort(peers, n, sizeof(*peers), compare_peers);
	mark_shared_peers(peers, n);
	for (size_t i = 0; i < n; i++)
		for (size_t j = i; j-- > 0;) {
			if (!streq(peer_key(&peers[i]), peer_key(&peers[j])))
				break;
			if (peers[i].c->mode == CG_MODE_INITIATOR_ONLY)
				break; /* nobody calls it */
			if (peers[j].c->mode == CG_MODE_INITIATOR_ONLY)
				continue;
			if (subjects_overlap(&peers[i], &peers[j]) &&
			    remotes_overlap(peers[i].c, peers[j].c) &&
			    locals_overlap(peers[i].c, peers[j].c) &&
			    identities_overlap(peers[i].c, peers[j].c)) {
				report_alike(l, peers[j].c, peers[i].c);
				break;
			}
		}
out:
	for (size_t i = 0; i < n; i++) {
		free(peers[i].cn);
		free(peers[i].dn);
	}
}

/* --- selectors and interfaces ---------------------------------------------------------------------------------------- */

struct pair {
	const char *interface;
	const struct cg_selector *local, *remote;
	const struct cg_connection *c;
	const struct cg_child_config *child;
};

static int compare_selectors(const struct cg_selector *a, const struct cg_selector *b)
{
	int r = cg_addr_compare(&a->range.first, &b->range.first);

	if (!r)
		r = cg_addr_compare(&a->range.last, &b->range.last);
	if (!r)
		r = (int)a->protocol - (int)b->protocol;
	if (!r)
		r = (int)a->port_first - (int)b->port_first;
	if (!r)
		r = (int)a->port_last - (int)b->port_last;
	return r;
}

static int compare_pairs_only(const struct pair *x, const struct pair *y)
{
	int r = strcmp(x->interface, y->interface);

	if (!r)
		r = compare_selectors(x->local, y->local);
	return r ? r : compare_selectors(x->remote, y->remote);
}

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	int r = compare_pairs_only(x, y);

	if (!r)
		r = x->c < y->c ? -1 : x->c > y->c;
	return r ? r : x->child < y->child ? -1 : x->child > y->child;
}

static size_t count_pairs(const struct cg_config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_connections; i++)
		for (size_t j = 0; j < c->connections[i].n_children; j++)
			n += c->connections[i].children[j].n_local *
			     c->connections[i].children[j].n_remote;
	return n;
}

static void report_equal(struct loader *l, const struct pair *a, const struct pair *b)
{
	char local[CG_RANGE_SIZE], remote[CG_RANGE_SIZE];
	_cleanup_free_ char *text = NULL;

	text = str_printf("%s <-> %s on interface %s is also that of %s/%s (%s:%u)",
			  cg_range_format(&a->local->range, local),
			  cg_range_format(&a->remote->range, remote), a->interface,
			  a->c->name ? a->c->name : "?", a->child->name ? a->child->name : "?",
			  a->c->loc.file, a->c->loc.line);
	connection_diag(l, CG_DIAG_ERROR, b->c, &b->child->loc, NULL,
			"use another interface, or networks that differ",
			text ? text : "out of memory");
}

static void check_selectors(struct loader *l)
{
	_cleanup_free_ struct pair *pairs = NULL;
	struct cg_config *c = l->config;
	size_t n = 0, max = count_pairs(c);

	if (max > SELECTOR_PAIRS_MAX) {
		cg_diags_add(l->diags, CG_DIAG_ERROR, NULL, "connections", NULL,
			     "there are %zu pairs of networks, more than %zu", max,
			     SELECTOR_PAIRS_MAX);
		return;
	}
	pairs = calloc(max + 1, sizeof(*pairs));
	if (!pairs) {
		l->oom = true;
		return;
	}
	for (size_t i = 0; i < c->n_connections; i++) {
		const struct cg_connection *conn = &c->connections[i];

		for (size_t j = 0; conn->enabled && conn->interface.name && j < conn->n_children;
		     j++) {
			const struct cg_child_config *child = &conn->children[j];

			for (size_t x = 0; x < child->n_local; x++)
				for (size_t y = 0; y < child->n_remote; y++)
					pairs[n++] = (struct pair){conn->interface.name,
								   &child->local[x],
								   &child->remote[y], conn, child};
		}
	}
	qsort(pairs, n, sizeof(*pairs), compare_pairs);
	for (size_t i = 1; i < n; i++)
		if (compare_pairs_only(&pairs[i - 1], &pairs[i]) == 0)
			report_equal(l, &pairs[i - 1], &pairs[i]);
}

static int compare_interfaces(const void *a, const void *b)
{
	const struct cg_connection *x = *(const struct cg_connection *const *)a;
	const struct cg_connection *y = *(const struct cg_connection *const *)b;
	int r = strcmp(x->interface.name, y->interface.name);

	/* Those that say an MTU come first. */
	if (!r)
		r = !x->interface.mtu - !y->interface.mtu;
	return r ? r : x < y ? -1 : x > y;
}

static void check_interfaces(struct loader *l)
{
	_cleanup_free_ struct cg_connection **sorted = NULL;
	struct cg_config *c = l->config;
	size_t n = 0;

	sorted = calloc(c->n_connections + 1, sizeof(*sorted));
	if (!sorted) {
		l->oom = true;
		return;
	}
	for (size_t i = 0; i < c->n_connections; i++)
		if (c->connections[i].enabled && c->connections[i].interface.name)
			sorted[n++] = &c->connections[i];
	qsort(sorted, n, sizeof(*sorted), compare_interfaces);
	for (size_t i = 0; i < n; i++) {
		const struct cg_interface_config *a = i > 0 ? &sorted[i - 1]->interface : NULL;
		struct cg_interface_config *b = &sorted[i]->interface;
		_cleanup_free_ char *text = NULL;

		if (!a || !streq(a->name, b->name)) {
			b->device_mtu = b->mtu;
			continue;
		}
		b->device_mtu = a->device_mtu;
		if (!b->mtu || a->mtu == b->mtu)
			continue;
		text = str_printf("mtu %u, but connection '%s' gives the same interface %u", b->mtu,
				  sorted[i - 1]->name ? sorted[i - 1]->name : "?", a->mtu);
		connection_diag(l, CG_DIAG_ERROR, sorted[i], &b->loc, "interface.mtu",
				"one of them is enough, or all the same",
				text ? text : "out of memory");
	}
}

/* local_address must be one that the gateway listens on. */
static void check_listen(struct loader *l)
{
	const struct cg_gateway *g = &l->config->gateway;

	for (size_t i = 0; i < l->config->n_connections; i++) {
		const struct cg_connection *c = &l->config->connections[i];
		sa_family_t family = c->local_address.family;
		bool ok = false;

		if (!family && c->remote_kind == CG_REMOTE_ADDRESS)
			family = c->remote_address.family;
		for (size_t j = 0; j < g->n_listen; j++)
			ok = ok || !family ||
			     (g->listen[j].family == family &&
			      (!c->local_address.family || cg_addr_is_any(&g->listen[j]) ||
			       c->interface.vrf ||
			       cg_addr_equal(&g->listen[j], &c->local_address)));
		if (!ok)
			connection_diag(
				l, CG_DIAG_ERROR, c, NULL,
				c->local_address.family ? "local_address" : "remote_address",
				"add it to gateway.listen",
				c->local_address.family
					? "the gateway does not listen on this address"
					: "the gateway listens on no address of this family");
	}
}

/* IKE has sockets of its own for each VRF and each mark, which it gets when it starts or is told. */
static void check_underlays(struct loader *l)
{
	const struct cg_interface_config *seen[CG_UNDERLAYS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < l->config->n_connections; i++) {
		const struct cg_connection *c = &l->config->connections[i];
		bool known = !c->interface.vrf && c->interface.mark == 0;

		for (size_t j = 0; j < n && !known; j++)
			known = streq_ptr(seen[j]->vrf, c->interface.vrf) &&
				seen[j]->mark == c->interface.mark;
		if (known)
			continue;
		if (n == CG_UNDERLAYS_MAX) {
			_cleanup_free_ char *text = str_printf(
				"more than %d different pairs of vrf and mark", CG_UNDERLAYS_MAX);

			connection_diag(l, CG_DIAG_ERROR, c, &c->interface.loc, "interface",
					"let connections share VRFs and marks",
					text ? text : "out of memory");
			return;
		}
		seen[n++] = &c->interface;
	}
}

/* What must be known must be able to come from somewhere. */
static void check_revocation(struct loader *l)
{
	for (size_t i = 0; i < l->config->n_connections; i++) {
		const struct cg_connection *c = &l->config->connections[i];

		if (c->revocation == CG_REVOCATION_REQUIRED && c->n_crls == 0 &&
		    !l->config->gateway.fetch.enabled)
			connection_diag(
				l, CG_DIAG_ERROR, c, NULL, "inbound_certificate.revocation",
				"give files of revocation lists in crls, or set gateway.fetch.enabled",
				"revocation is required, but there is no list and none is fetched: no peer could be let in");
	}
}

/* --- vaults -------------------------------------------------------------------------------------------------------- */

static void check_vaults(struct loader *l)
{
	const struct cg_vault_config *vault = &l->config->gateway.vault;

	for (size_t i = 0; i < l->config->n_connections; i++) {
		const struct cg_source *s = &l->config->connections[i].outbound_certificate;
		char text[CG_VAULT_TEXT_MAX], key[CG_SOURCE_KEY_SIZE];
		struct cg_vault_url u;

		if (!s->text || !s->vault || cg_vault_url_parse(s->text, &u, text) < 0 ||
		    cg_vault_resource(&u, vault->hosts, vault->n_hosts, vault->resource))
			continue;
		cg_diags_add(
			l->diags, CG_DIAG_ERROR, &s->loc, cg_source_key(s, key),
			"vaults are NAME.vault.azure.net, NAME.vault.azure.cn and NAME.vault.usgovcloudapi.net at port 443; others must stand in gateway.vault.hosts",
			"found a URL at '%.200s', port %u, which is no key vault", u.host, u.port);
	}
}

void config_check(struct loader *l)
{
	check_policies(l);
	check_names(l);
	check_peers(l);
	check_selectors(l);
	check_interfaces(l);
	check_listen(l);
	check_underlays(l);
	check_revocation(l);
	check_vaults(l);
	/* Warnings alone, which take no room from what is wrong. */
	config_check_routes(l);
}
