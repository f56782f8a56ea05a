// SPDX-License-Identifier: Apache-2.0
/*
 * What peers may cost before they are authenticated: half-open IKE SAs, counted in all and by the /24 or /56 that
 * they come from. Under load an initiator has to return a cookie first (RFC 7296 section 2.6). One that
 * did takes the place of one that did not, so that whoever invents addresses keeps nobody out.
 */
#include "ike/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	PER_PEER = 3
}; /* half-open SAs of one address that is known, which limits by prefix do not touch */

#define TOLD_PAUSE (60 * IK_SECOND)

void ik_halfopen_prefix(const struct cg_addr *a, struct cg_addr *ret)
{
	struct cg_prefix p = {.addr = *a, .len = a->family == AF_INET6 ? 56 : 24};

	cg_prefix_mask(&p);
	*ret = p.addr;
}

static struct ik_net *net_find(struct ike_engine *e, const struct cg_addr *prefix,
			       uint64_t *ret_key)
{
	uint64_t key = ik_addr_hash(e, prefix, 1);
	struct ik_node *node = NULL;

	*ret_key = key;
	while ((node = ik_table_find(&e->nets, key, node))) {
		struct ik_net *net = IK_ENTRY(node, struct ik_net, node);

		if (cg_addr_equal(&net->prefix, prefix))
			return net;
	}
	return NULL;
}

/* The oldest of a prefix that has not shown that it can receive at its address. */
static struct ik_sa *unproven_in(const struct ik_net *net)
{
	IK_LIST_FOREACH(&net->members, link) {
		struct ik_setup *s = IK_ENTRY(link, struct ik_setup, in_net);

		if (!s->proven)
			return s->sa;
	}
	return NULL;
}

static bool demand(const struct ike_engine *e, const struct ik_net *net)
{
	return e->half_open >= e->config.half_open_cookie ||
	       (net && net->n >= (e->config.half_open_per_net + 1) / 2);
}

/*
 * What there is of it for one who asks: all for a peer at an address that is configured, or where it is up, who has shown that it is there; three quarters for
 * others, and of that an eighth is kept for prefixes that have nothing yet. So whoever has addresses in many prefixes keeps neither out.
 */
static size_t share(size_t all, bool known, bool fresh)
{
	if (known)
		return all;
	all -= all / 4;
	return fresh ? all : all - all / 8;
}

static bool full(const struct ike_engine *e, const struct ik_net *net, bool known, bool fresh,
		 size_t more)
{
	/* The prefix's others may be strangers. */
	const size_t per_net = known ? 2 * (size_t)IK_HELD_PER_NET : IK_HELD_PER_NET;

	return e->held + more > share(IK_HELD_MAX, known, fresh) ||
	       (net && net->held + more > per_net);
}

/* Who goes on has sealed a message: its address is real. */
bool ik_halfopen_may_hold(const struct ik_sa *sa, size_t more)
{
	const struct ik_setup *s = sa->setup;

	return !s || !s->net || !full(sa->e, s->net, s->known, true, more);
}

static void account(struct ik_sa *sa, size_t bytes)
{
	struct ik_setup *s = sa->setup;

	sa->e->held = sa->e->held - s->held + bytes;
	s->net->held = s->net->held - s->held + bytes;
	s->held = bytes;
}

void ik_halfopen_holds(struct ik_sa *sa, size_t bytes)
{
	struct ik_setup *s = sa->setup;

	if (s && s->net)
		account(sa, s->peers_len + s->ours_len + bytes);
}

enum ik_admission ik_halfopen_admit(struct ike_engine *e, const struct cg_endpoint *remote,
				    bool proven, bool known, size_t size, enum ik_limit *ret_limit)
{
	struct cg_addr prefix;
	struct ik_net *net;
	struct ik_sa *victim;
	uint64_t key;
	bool fresh;

	ik_halfopen_prefix(&remote->addr, &prefix);
	net = net_find(e, &prefix, &key);
	if (!proven && demand(e, net))
		return IK_DEMAND_COOKIE;
	fresh = !net || !net->n;
	*ret_limit = IK_LIMIT_BYTES;
	if (full(e, net, known && proven, fresh, size))
		return IK_REFUSE;
	*ret_limit = IK_LIMIT_PREFIX;
	if (net && net->n >= e->config.half_open_per_net) {
		victim = unproven_in(net);
		if (victim) {
			victim->reported = true;
			ik_sa_kill(victim);
		} else {
			unsigned same = 0;

			if (!known)
				return IK_REFUSE;
			IK_LIST_FOREACH(&net->members, link) {
				const struct ik_setup *s = IK_ENTRY(link, struct ik_setup, in_net);

				if (cg_addr_equal(&s->from, &remote->addr) && ++same >= PER_PEER)
					return IK_REFUSE;
			}
		}
	}
	*ret_limit = IK_LIMIT_ALL;
	if (e->half_open >= share(e->config.half_open_limit, known && proven, fresh)) {
		if (ik_list_empty(&e->unproven))
			return IK_REFUSE;
		victim = IK_ENTRY(e->unproven.next, struct ik_setup, in_unproven)->sa;
		victim->reported = true;
		ik_sa_kill(victim);
	}
	return IK_ADMIT;
}

/* Is it to be told of this prefix, again? */
static bool limit_told(struct ike_engine *e, const struct cg_addr *prefix, enum ik_limit limit)
{
	const size_t size = sizeof(e->limits_told) / sizeof(e->limits_told[0]);
	uint64_t key = ik_addr_hash(e, prefix, 2 + (uint64_t)limit);
	size_t at = 0;

	while (at < size && e->limits_told[at].key != key)
		at++;
	if (at < size && e->now - e->limits_told[at].at < TOLD_PAUSE)
		return true;
	if (!ik_bucket_pass(e, &e->limit_reports, 5, TOLD_PAUSE / 5))
		return true;
	if (at == size)
		at = e->n_limits_told++ % size;
	e->limits_told[at].key = key;
	e->limits_told[at].at = e->now;
	return false;
}

void ik_halfopen_refused(struct ike_engine *e, const struct cg_endpoint *local,
			 const struct cg_endpoint *remote, enum ik_limit limit)
{
	char peer[CG_ENDPOINT_SIZE], net[CG_ADDR_SIZE];
	const struct ik_conn *conn = ik_conn_only(e, local, remote);
	struct cg_addr prefix;

	ik_halfopen_prefix(&remote->addr, &prefix);
	if (limit_told(e, &prefix, limit))
		return;
	cg_endpoint_format(remote, peer);
	cg_addr_format(&prefix, net);
	switch (limit) {
	case IK_LIMIT_PREFIX:
		ik_report_claimed(
			e, conn, remote, IKE_WARNING, "half-open-limit",
			"raise limits.half_open_per_prefix if so many sites begin at once there, behind one provider's NAT; else somebody there floods this gateway",
			"%s is not answered: from its prefix, %s/%d, there are as many half-open IKE SAs as limits.half_open_per_prefix (%u) allows",
			peer, net, prefix.family == AF_INET6 ? 56 : 24,
			e->config.half_open_per_net);
		break;
	case IK_LIMIT_ALL:
		ik_report_claimed(
			e, conn, remote, IKE_WARNING, "half-open-limit",
			"raise limits.half_open if so many sites begin at once; else somebody floods this gateway",
			"%s is not answered: there are %zu half-open IKE SAs, of the %u that limits.half_open allows; the rest is kept for others",
			peer, e->half_open, e->config.half_open_limit);
		break;
	case IK_LIMIT_BYTES:
		ik_report_claimed(
			e, conn, remote, IKE_WARNING, "half-open-limit",
			"somebody floods this gateway with long requests; peers come in when that ends",
			"%s is not heard: what peers sent before they were authenticated takes as much memory as it may, from its prefix, %s/%d, or in all (%zu bytes)",
			peer, net, prefix.family == AF_INET6 ? 56 : 24, e->held);
		break;
	}
}

/*
 * It is told to the connection that has the address to itself, unless that is up: at any time if the peer has shown that it is there, else once a minute, as anybody can
 * begin from an invented address. Of others what has arrived in part is, as it was sealed with the keys; and less loudly who has returned
 * a cookie.
 */
void ik_halfopen_timeout(struct ik_sa *sa)
{
	struct ike_engine *e = sa->e;
	struct ik_conn *conn = ik_conn_only(e, &sa->local, &sa->remote);
	const struct ike_reassembly *parts = &sa->requests;
	enum ike_severity severity = IKE_DEBUG;
	char remote[CG_ENDPOINT_SIZE];

	cg_endpoint_format(&sa->remote, remote);
	if (conn && ik_conn_established(conn))
		conn = NULL; /* it got in otherwise */
	else if (parts->received)
		severity = IKE_WARNING; /* only who has the keys can have sealed them */
	else if (sa->setup->proven)
		severity = IKE_NOTICE;
	if (conn && (sa->setup->proven || !conn->told_half_open ||
		     e->now - conn->told_half_open >= TOLD_PAUSE)) {
		conn->told_half_open = e->now;
		severity = IKE_WARNING;
	}
	if (parts->received)
		ik_report_failure(
			sa, severity, "half-open-timeout",
			"something on the way drops datagrams, or those of that size: have the peer send smaller fragments",
			"%s began with IKE_SA_INIT, and of the message that was to follow %u fragments of %u arrived in %u s",
			remote, parts->received, parts->total,
			(unsigned)(IK_HALF_OPEN_TIME / IK_SECOND));
	else
		ik_report_failure(
			sa, severity, "half-open-timeout",
			"the peer did not get our answer, or what it sent then did not get here: do firewalls pass UDP ports 500 and 4500 both ways, and datagrams that are fragmented? The peer's log has its side",
			"%s began with IKE_SA_INIT, was answered, and sent nothing that goes on with it in %u s",
			remote, (unsigned)(IK_HALF_OPEN_TIME / IK_SECOND));
}

static uint64_t init_key(const struct ike_engine *e, uint64_t spi_i, const struct cg_addr *a)
{
	return ik_addr_hash(e, a, spi_i);
}

int ik_halfopen_add(struct ik_sa *sa, bool proven, bool known)
{
	struct ike_engine *e = sa->e;
	struct ik_setup *s = sa->setup;
	struct cg_addr prefix;
	struct ik_net *net;
	uint64_t key;

	ik_halfopen_prefix(&sa->remote.addr, &prefix);
	net = net_find(e, &prefix, &key);
	if (!net) {
		net = calloc(1, sizeof(*net));
		if (!net)
			return -ENOMEM;
		net->prefix = prefix;
		ik_list_init(&net->members);
		ik_table_add(&e->nets, &net->node, key);
	}
	net->n++;
	e->half_open++;
	s->sa = sa;
	s->net = net;
	s->from = sa->remote.addr;
	s->proven = proven;
	s->known = known;
	s->in_init = true;
	ik_halfopen_holds(sa, 0);
	ik_list_append(&net->members, &s->in_net);
	if (!proven)
		ik_list_append(&e->unproven, &s->in_unproven);
	ik_table_add(&e->inits, &s->by_init, init_key(e, sa->spi_i, &sa->remote.addr));
	return 0;
}

void ik_halfopen_remove(struct ik_sa *sa)
{
	struct ike_engine *e = sa->e;
	struct ik_setup *s = sa->setup;

	if (!s || !s->in_init)
		return;
	s->in_init = false;
	ik_table_remove(&e->inits, &s->by_init);
	ik_list_remove(&s->in_net);
	ik_list_remove(&s->in_unproven);
	e->half_open--;
	account(sa, 0);
	if (--s->net->n == 0) {
		ik_table_remove(&e->nets, &s->net->node);
		free(s->net);
	}
	s->net = NULL;
}

void ik_halfopen_proven(struct ik_sa *sa)
{
	sa->setup->proven = true;
	ik_list_remove(&sa->setup->in_unproven);
}

struct ik_sa *ik_halfopen_find(struct ike_engine *e, uint64_t spi_i,
			       const struct cg_endpoint *local, const struct cg_endpoint *remote,
			       struct ike_view message)
{
	uint64_t key = init_key(e, spi_i, &remote->addr);
	struct ik_node *node = NULL;

	while ((node = ik_table_find(&e->inits, key, node))) {
		struct ik_setup *s = IK_ENTRY(node, struct ik_setup, by_init);

		if (cg_addr_equal(&s->from, &remote->addr) && s->sa->local.vrf == local->vrf &&
		    ike_view_equal(IKE_VIEW(s->peers, s->peers_len), message))
			return s->sa;
	}
	return NULL;
}
