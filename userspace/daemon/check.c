/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of ike against the configuration. Holds no state. Called by main before anything is installed.
 */
#include "daemon/check.h"

#include <stdarg.h>

#include "kernel/kernel.h"

_Static_assert((int)IKE_MAX_CHILD_TS <= CERTGATE_MAX_SELECTORS, "selectors");

static int refuse(char text[CHECK_TEXT], const char *fmt, ...) _printf_(2, 3);

static int refuse(char text[CHECK_TEXT], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, CHECK_TEXT, fmt, ap);
	va_end(ap);
	return -EPERM;
}

int check_selector_from_ts(const struct ike_ts *ts, struct cg_selector *ret)
{
	struct cg_selector s = {
		.protocol = ts->protocol, .port_first = ts->port_start, .port_last = ts->port_end};

	if (ts->port_start > ts->port_end)
		return -ERANGE;
	if (cg_addr_from_bytes(ts->start, ts->addr_len, &s.range.first) < 0 ||
	    cg_addr_from_bytes(ts->end, ts->addr_len, &s.range.last) < 0 ||
	    cg_addr_compare(&s.range.first, &s.range.last) > 0)
		return -EINVAL;
	*ret = s;
	return 0;
}

bool check_selector_within(const struct cg_selector *outer, const struct cg_selector *inner)
{
	return cg_range_contains(&outer->range, &inner->range) &&
	       (outer->protocol == 0 || outer->protocol == inner->protocol) &&
	       outer->port_first <= inner->port_first && outer->port_last >= inner->port_last;
}

static int check_selectors(const char *side, const struct cg_selector *allowed, size_t n_allowed,
			   const struct ike_ts *ts, size_t n, char text[CHECK_TEXT])
{
	if (n == 0 || n > CERTGATE_MAX_SELECTORS)
		return refuse(text, "%zu %s selectors, 1 to %d can be installed", n, side,
			      CERTGATE_MAX_SELECTORS);
	for (size_t i = 0; i < n; i++) {
		char range[CG_RANGE_SIZE];
		struct cg_selector s;
		bool within = false;

		if (check_selector_from_ts(&ts[i], &s) < 0)
			return refuse(text, "a %s selector that no tunnel can have", side);
		for (size_t j = 0; j < n_allowed && !within; j++)
			within = check_selector_within(&allowed[j], &s);
		if (!within)
			return refuse(
				text,
				"%s selector %s (protocol %u, ports %u-%u) is not within the configured networks",
				side, cg_range_format(&s.range, range), s.protocol, s.port_first,
				s.port_last);
	}
	return 0;
}

bool check_listens_on(const struct cg_gateway *g, const struct cg_addr *a)
{
	for (size_t i = 0; i < g->n_listen; i++) {
		if (cg_addr_equal(&g->listen[i], a) ||
		    (g->listen[i].family == a->family && cg_addr_is_any(&g->listen[i])))
			return true;
	}
	return false;
}

bool check_listens_in(const struct cg_gateway *g, sa_family_t family)
{
	for (size_t i = 0; i < g->n_listen; i++) {
		if (g->listen[i].family == family)
			return true;
	}
	return false;
}

/* In a VRF it is listened on all addresses of the families of gateway.listen. */
static bool listens_on(const struct check_context *c, const struct cg_addr *a)
{
	return c->connection->interface.vrf ? check_listens_in(c->gateway, a->family)
					    : check_listens_on(c->gateway, a);
}

bool check_remote(const struct check_context *c, const struct cg_addr *a)
{
	const struct cg_connection *n = c->connection;

	switch (n->remote_kind) {
	case CG_REMOTE_ADDRESS: return cg_addr_equal(&n->remote_address, a);
	case CG_REMOTE_ANY: return !cg_addr_is_any(a) && !cg_addr_is_multicast(a);
	case CG_REMOTE_NAME:
		if (cg_addr_is_among(c->resolved, c->n_resolved, a) ||
		    cg_addr_is_among(c->current, c->n_current, a))
			return true;
		/* A name that has no address yet can still be a peer that calls us. */
		return c->n_resolved == 0 && n->mode != CG_MODE_INITIATOR_ONLY &&
		       !cg_addr_is_any(a) && !cg_addr_is_multicast(a);
	}
	return false;
}

int check_endpoints(const struct check_context *c, const struct cg_endpoint *local,
		    const struct cg_endpoint *remote, bool udp, char text[CHECK_TEXT])
{
	const struct cg_connection *n = c->connection;
	char a[CG_ENDPOINT_SIZE];

	if (local->addr.family == AF_UNSPEC || cg_addr_is_any(&local->addr) ||
	    local->addr.family != remote->addr.family)
		return refuse(text, "endpoints that are no pair of addresses");
	if (n->local_address.family != AF_UNSPEC && !cg_addr_equal(&n->local_address, &local->addr))
		return refuse(text, "local endpoint %s is not the connection's local_address",
			      cg_endpoint_format(local, a));
	if (!listens_on(c, &local->addr))
		return refuse(text, "local endpoint %s is not one the gateway listens on",
			      cg_endpoint_format(local, a));
	if (!check_remote(c, &remote->addr))
		return refuse(text, "remote endpoint %s is not the connection's remote_address",
			      cg_endpoint_format(remote, a));
	if (udp && (remote->port == 0 || local->port != CG_NAT_PORT))
		return refuse(text, "UDP encapsulation from %s is not from port %d",
			      cg_endpoint_format(local, a), CG_NAT_PORT);
	if (udp && n->encap == CG_ENCAP_RAW)
		return refuse(text, "UDP encapsulation, and the connection wants raw ESP");
	if (!udp && n->encap == CG_ENCAP_UDP)
		return refuse(text, "raw ESP, and the connection wants UDP encapsulation");
	return 0;
}

static bool has_transform(const struct cg_proposal *p, uint8_t type, uint16_t id, uint16_t keylen)
{
	for (size_t i = 0; i < p->n_transforms; i++) {
		if (p->transforms[i].type == type && p->transforms[i].id == id &&
		    p->transforms[i].keylen == keylen)
			return true;
	}
	return false;
}

static bool has_type(const struct cg_proposal *p, uint8_t type)
{
	for (size_t i = 0; i < p->n_transforms; i++) {
		if (p->transforms[i].type == type)
			return true;
	}
	return false;
}

/* Which additional key exchanges there were (RFC 9370). A first Child SA has none of its own, whatever the policy says. */
static bool additional_allowed(const struct cg_proposal *p, const struct ike_suite *s)
{
	for (size_t i = 0; i < IKE_ADDKE_MAX; i++)
		if (s->addke[i] != IKE_KE_NONE &&
		    !has_transform(p, (uint8_t)(CG_TRANSFORM_ADDKE1 + i), s->addke[i], 0))
			return false;
	return true;
}

static bool suite_allowed(const struct cg_policy *policy, const struct ike_suite *s)
{
	for (size_t i = 0; i < policy->n_esp; i++) {
		const struct cg_proposal *p = &policy->esp[i];

		if (!has_transform(p, CG_TRANSFORM_ENCR, s->encr, s->key_bits))
			continue;
		if (s->integ == IKE_INTEG_NONE ? has_type(p, CG_TRANSFORM_INTEG)
					       : !has_transform(p, CG_TRANSFORM_INTEG, s->integ, 0))
			continue;
		if (has_transform(p, CG_TRANSFORM_ESN, s->esn, 0) && additional_allowed(p, s))
			return true;
	}
	return false;
}

static int check_suite(const struct cg_policy *policy, const struct ike_out_child_add *a,
		       char text[CHECK_TEXT])
{
	const struct ike_suite *s = &a->suite;
	/* IKE sends no key length with ChaCha20-Poly1305, which has but one. */
	uint16_t bits = s->encr == IKE_ENCR_CHACHA20_POLY1305 ? 256 : s->key_bits;
	char name[IKE_SUITE_TEXT];
	size_t key, integ;

	if (!suite_allowed(policy, s))
		return refuse(text, "%s is not in policy '%s'",
			      ike_suite_format(s, name, sizeof(name)), policy->name);
	cgk_alg_key_lengths(s->encr, bits, s->integ, &key, &integ);
	if (key == 0 || a->keys.encr_in.size != key || a->keys.encr_out.size != key ||
	    a->keys.integ_in.size != integ || a->keys.integ_out.size != integ)
		return refuse(text, "keys that are not as long as %s wants them",
			      ike_suite_format(s, name, sizeof(name)));
	return 0;
}

/* A limit that the configuration sets is there, and no larger. */
static bool limit_kept(uint64_t configured, uint64_t wanted, uint64_t soft)
{
	if (configured != 0 && (wanted == 0 || wanted > configured))
		return false;
	return wanted == 0 || soft <= wanted;
}

int check_child_add(const struct check_context *c, const struct ike_out_child_add *a,
		    char text[CHECK_TEXT])
{
	const struct cg_connection *n = c->connection;
	const struct cg_child_config *child;
	int r;

	if (!c->binding_live)
		return refuse(text, "no live certificate binding has this handle");
	if (c->binding_connection != a->connection)
		return refuse(text, "the certificate binding is another connection's");
	if (!n->enabled)
		return refuse(text, "the connection is disabled");
	if (a->child_index >= n->n_children)
		return refuse(text, "the connection has no child %u", a->child_index);
	if (a->spi_in < 256 || a->spi_out < 256)
		return refuse(text, "a reserved SPI (RFC 4303 section 2.1)");
	child = &n->children[a->child_index];
	r = check_selectors("local", child->local, child->n_local, a->local_ts, a->n_local_ts,
			    text);
	if (r >= 0)
		r = check_selectors("remote", child->remote, child->n_remote, a->remote_ts,
				    a->n_remote_ts, text);
	if (r >= 0)
		r = check_endpoints(c, &a->local, &a->remote, a->udp, text);
	if (r >= 0)
		r = check_suite(n->policy, a, text);
	if (r < 0)
		return r;
	if (a->lifetime == 0 ||
	    !limit_kept(n->policy->esp_lifetime_seconds, a->lifetime, a->soft_lifetime) ||
	    !limit_kept(n->policy->esp_lifetime_bytes, a->bytes, a->soft_bytes) ||
	    !limit_kept(n->policy->esp_lifetime_packets, a->packets, a->soft_packets))
		return refuse(text, "a lifetime beyond what policy '%s' allows", n->policy->name);
	return 0;
}
