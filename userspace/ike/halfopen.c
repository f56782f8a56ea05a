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
}; /* half-open SAs of one configured address that limits by prefix do not touch */

static void prefix_of(const struct cg_addr *a, struct cg_addr *ret)
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
 * What there is of it for one who asks: all for a peer at a configured address, who has shown that it is there; three quarters for
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
				    bool proven, bool known, size_t size)
{
	struct cg_addr prefix;
	struct ik_net *net;
	struct ik_sa *victim;
	uint64_t key;
	bool fresh;

	prefix_of(&remote->addr, &prefix);
	net = net_find(e, &prefix, &key);
	if (!proven && demand(e, net))
		return IK_DEMAND_COOKIE;
	fresh = !net || !net->n;
	if (full(e, net, known && proven, fresh, size))
		return IK_REFUSE;
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
	if (e->half_open >= share(e->config.half_open_limit, known && proven, fresh)) {
		if (ik_list_empty(&e->unproven))
			return IK_REFUSE;
		victim = IK_ENTRY(e->unproven.next, struct ik_setup, in_unproven)->sa;
		victim->reported = true;
		ik_sa_kill(victim);
	}
	return IK_ADMIT;
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

	prefix_of(&sa->remote.addr, &prefix);
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
