// SPDX-License-Identifier: Apache-2.0
/*
 * MOBIKE (RFC 4555): an IKE SA and its Child SAs move to other addresses without a new authentication. Who made the
 * connection decides: it looks for a path when the old one does not answer, and tells the peer with UPDATE_SA_ADDRESSES. The other side
 * moves where its configuration allows it, and asks whether the peer can really be reached there.
 */
#include "ike/state.h"

#include <openssl/crypto.h>
#include <string.h>

/* With a fixed local address there is nothing to move, and no port to change for it. */
bool ik_mobike_offers(const struct ike_connection_config *c)
{
	return c->mobike && cg_addr_is_any(&c->local.addr);
}

/* NAT_DETECTION notifications about the addresses of now, or of the request that is being answered (section 3.5). */
void ik_mobike_build_natd(const struct ik_sa *sa, const struct cg_endpoint *local,
			  const struct cg_endpoint *remote, struct ike_builder *b)
{
	struct cg_endpoint source = *local;

	if (source.addr.family == AF_UNSPEC)
		source.addr.family = remote->addr.family;
	/* As in IKE_SA_INIT: a source that cannot match makes the peer see a NAT. */
	if (sa->encap)
		source.port = 0;
	ike_build_natd(b, sa->spi_i, sa->spi_r, &source, remote);
}

/* What NAT_DETECTION says about a message that came this way. */
static void take_natd(struct ik_sa *sa, const struct ik_sa *on, const struct ike_content *content)
{
	struct ike_nat nat = {};

	(void)ike_natd_check(content, on->spi_i, on->spi_r, &sa->remote, &sa->local, &nat);
	sa->nat_local = nat.supported && nat.local;
	sa->nat_peer = nat.supported && nat.peer;
	sa->udp = sa->encap ||
		  ((sa->nat_local || sa->nat_peer) && sa->config->c.encap != IKE_ENCAP_RAW);
}

#define UNSEEN (5 * IK_SECOND)

static bool unseen(const struct ik_sa *sa)
{
	static const uint8_t nothing[IKE_NATD_LEN];

	return !memcmp(sa->seen_as, nothing, sizeof(nothing));
}

bool ik_mobike_looks(const struct ik_sa *sa)
{
	return ik_mobike_leads(sa) && sa->nat_local && unseen(sa);
}

bool ik_mobike_may_compare(const struct ik_sa *sa)
{
	return ik_mobike_leads(sa) && sa->nat_local && !unseen(sa);
}

/*
 * How the peer sees us: if that changes, a NAT between us has forgotten its mapping (section 3.8). An IKE SA's first hash shows no change by itself: its SPIs are in it,
 * so that it is another one than that of the IKE SA before, wherever we are. So it is asked for just after the IKE SA has come to be, and where we rekey, the one before is looked at
 * just before that; if more than a moment has passed from one to the other, as much was lost, the mapping may have changed unseen, and the peer is told where we are.
 */
static bool seen_otherwise(struct ik_sa *sa, const struct ike_content *content)
{
	const struct ike_notify *n = ike_content_notify(content, IKE_N_NAT_DETECTION_DESTINATION_IP,
							0);
	bool first = unseen(sa);

	if (!n || n->data.len != sizeof(sa->seen_as) ||
	    !memcmp(sa->seen_as, n->data.data, sizeof(sa->seen_as)))
		return false;
	memcpy(sa->seen_as, n->data.data, sizeof(sa->seen_as));
	return !first || sa->e->now - sa->seen_at > UNSEEN;
}

/* Unless it is queued; the one under way may be about another address. */
static void queue_once(struct ik_sa *sa, enum ik_task_kind kind)
{
	IK_LIST_FOREACH(&sa->tasks, link)
		if (IK_ENTRY(link, struct ik_task, link)->kind == kind)
			return;
	ik_task_queue(sa, kind, 0, 0);
}

static void update_later(struct ik_sa *sa)
{
	queue_once(sa, IK_TASK_MOBIKE_UPDATE);
}

/* ------------------------------------------------------------------ who made the connection */

bool ik_mobike_leads(const struct ik_sa *sa)
{
	return sa->mobike && sa->owner && sa->conn;
}

/*
 * The peer rekeys the IKE SA and may not have our answer, which went out from an address that is gone: it listens on the old
 * one alone.
 */
static void update_on_old(const struct ik_sa *sa)
{
	struct ik_sa *old = ik_rekey_unconfirmed(sa);

	if (!old || old->active)
		return;
	old->local.addr = (struct cg_addr){.family = AF_UNSPEC};
	update_later(old);
	ik_sa_run(old);
}

/* Where the peer may be as well: its name leads there now. */
static bool elsewhere(const struct ik_sa *sa, struct cg_endpoint *ret)
{
	*ret = sa->remote;
	ret->addr = sa->conn->remote.addr;
	return !cg_addr_is_any(&ret->addr) && !cg_addr_equal(&ret->addr, &sa->remote.addr);
}

void ik_mobike_spread(struct ik_exchange *x)
{
	struct ik_sa *sa = x->sa;
	struct cg_endpoint local = sa->local, there;
	char remote[CG_ENDPOINT_SIZE];

	if (!ik_mobike_leads(sa) || sa->state != IK_SA_UP || x->tries < 2)
		return;
	/* On a warning the name is resolved anew. */
	if (x->tries == 2 && sa->conn->config->c.remote_named)
		ik_report(sa->e, sa->conn, &sa->remote, IKE_WARNING, "peer-silent", NULL,
			  "%s does not answer: other paths are tried",
			  cg_endpoint_format(&sa->remote, remote));
	if (elsewhere(sa, &there)) {
		x->spread = true;
		ik_exchange_transmit_to(
			x, &(struct cg_endpoint){.port = local.port, .vrf = local.vrf}, &there);
	}
	/* From whatever address leads there now. */
	if (!cg_addr_is_any(&local.addr)) {
		local.addr = (struct cg_addr){.family = AF_UNSPEC};
		x->spread = true;
		ik_exchange_transmit_from(x, &local);
	}
	update_on_old(sa);
}

void ik_mobike_answered_at(struct ik_sa *sa, const struct cg_endpoint *local,
			   const struct cg_endpoint *remote)
{
	const struct ik_exchange *x = sa->active;
	/* Asked without an address of ours to hash: where that is not wanted the peer has seen a NAT that is none. */
	bool guessed = cg_addr_is_any(&sa->local.addr) && !sa->encap;

	if (cg_endpoint_equal(&sa->local, local) && cg_endpoint_equal(&sa->remote, remote))
		return;
	/* Only where it was asked, or where its name leads: a copy from elsewhere moves nobody (section 3.8). */
	if (!cg_addr_equal(&remote->addr, &sa->remote.addr) &&
	    !cg_addr_equal(&remote->addr, &sa->conn->remote.addr))
		return;
	sa->local = *local;
	ik_sa_at(sa, remote);
	/* Section 3.5: which of several addresses the peer has taken nobody knows; it is told anew. */
	if (!x || x->task.kind != IK_TASK_MOBIKE_UPDATE || x->spread || guessed)
		update_later(sa);
}

void ik_mobike_local_lost(struct ik_sa *sa)
{
	struct ik_exchange *x = sa->active;

	if (!sa->mobike || !sa->conn || sa->state != IK_SA_UP ||
	    !cg_addr_is_any(&sa->config->c.local.addr))
		return;
	sa->local.addr = (struct cg_addr){.family = AF_UNSPEC};
	/* Section 3.6: a responder says from where it is now that it is there, and the initiator decides. */
	queue_once(sa, sa->owner ? IK_TASK_MOBIKE_UPDATE : IK_TASK_MOBIKE_ANNOUNCE);
	if (x) {
		x->spread = true;
		ik_exchange_transmit(x);
	}
	if (sa->owner)
		update_on_old(sa);
	ik_sa_run(sa);
}

void ik_mobike_build_update(const struct ik_sa *sa, struct ike_builder *b)
{
	ike_build_notify(b, IKE_N_UPDATE_SA_ADDRESSES, IKE_VIEW_NONE);
	ik_mobike_build_natd(sa, &sa->local, &sa->remote, b);
}

void ik_mobike_updated(struct ik_sa *sa, const struct ike_content *content)
{
	struct ik_sa *on = sa, *heir = ik_sa_find(sa->e, sa->successor);
	const struct ike_notify *error = ike_content_error(content);
	char remote[CG_ENDPOINT_SIZE], name[IKE_NAME_BUF];

	if (heir && heir->state == IK_SA_UP && sa->state == IK_SA_REKEYED) {
		heir->local = sa->local;
		ik_sa_at(heir, &sa->remote);
		sa = heir;
	}
	if (sa->state != IK_SA_UP)
		return;
	if (error) {
		ik_report(sa->e, sa->conn, &sa->remote, IKE_ERROR, "move-refused",
			  "the peer must allow the address that we have now",
			  "%s refuses our new address (%s): a new connection is made",
			  cg_endpoint_format(&sa->remote, remote),
			  ik_notify_name(error->type, name));
		ik_sa_close(sa);
		return;
	}
	take_natd(sa, on, content);
	/* What was said over the old one has its SPIs. */
	if (sa == on)
		(void)seen_otherwise(sa, content);
	else
		memset(sa->seen_as, 0, sizeof(sa->seen_as));
	sa->seen_at = sa->e->now;
	ik_sa_children_move(sa);
	ik_sa_timers(sa);
	ik_report_moved(sa, "we");
}

void ik_mobike_checked(struct ik_sa *sa, ike_time asked, const struct ike_content *content)
{
	if (!ik_mobike_leads(sa) || sa->state != IK_SA_UP)
		return;
	if (seen_otherwise(sa, content))
		update_later(sa);
	sa->seen_at = asked;
}

/*
 * Section 3.6: the address in the header, and those in the list, are all that the peer has. What is used is none of them any more: we go to the one in the header
 * if its name leads there; whoever has copied the message sends it from elsewhere.
 */
void ik_mobike_told(struct ik_sa *sa, const struct ike_content *content)
{
	static const uint16_t types[] = {IKE_N_ADDITIONAL_IP4_ADDRESS,
					 IKE_N_ADDITIONAL_IP6_ADDRESS};
	const struct cg_addr *used = &sa->remote.addr;
	bool told = ike_content_notify(content, IKE_N_NO_ADDITIONAL_ADDRESSES, 0);
	const struct ike_notify *n;
	char where[CG_ENDPOINT_SIZE];

	if (!ik_mobike_leads(sa) || sa->state != IK_SA_UP ||
	    cg_addr_equal(&sa->reply_remote.addr, used))
		return;
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
		for (size_t i = 0; (n = ike_content_notify(content, types[t], i)); i++) {
			told = true;
			if (n->data.len == cg_addr_len(used->family) &&
			    !memcmp(n->data.data, used->bytes, n->data.len))
				return;
		}
	if (!told)
		return;
	if (!cg_addr_equal(&sa->conn->remote.addr, &sa->reply_remote.addr)) {
		ik_report(
			sa->e, sa->conn, &sa->reply_remote, IKE_WARNING, "peer-moved",
			"remote_address must be a name that leads to where the peer is",
			"the peer says that it is at %s now, where its remote_address does not lead",
			cg_endpoint_format(&sa->reply_remote, where));
		return;
	}
	sa->local = sa->reply_local;
	ik_sa_at(sa, &sa->reply_remote);
	if (sa->active) {
		sa->active->spread = true;
		ik_exchange_transmit(sa->active);
	}
	update_later(sa);
}

/* ------------------------------------------------------------------ the other side */

/* NO_NATS_ALLOWED (section 3.9): addresses and ports as the sender has them. */
static bool translated(const struct ik_sa *sa, const struct ike_notify *n)
{
	size_t len = cg_addr_len(sa->reply_remote.addr.family);
	const uint8_t *p = n->data.data;

	return n->data.len != 2 * len + 4 || memcmp(p, sa->reply_remote.addr.bytes, len) != 0 ||
	       memcmp(p + len, sa->reply_local.addr.bytes, len) != 0 ||
	       ike_load_u16(p + 2 * len) != sa->reply_remote.port ||
	       ike_load_u16(p + 2 * len + 2) != sa->reply_local.port;
}

uint16_t ik_mobike_asked(struct ik_sa *sa, const struct ike_content *content)
{
	const struct ike_notify *no_nats = ike_content_notify(content, IKE_N_NO_NATS_ALLOWED, 0);
	struct ik_sa *on = sa, *heir = ik_sa_find(sa->e, sa->successor);
	char where[CG_ENDPOINT_SIZE];

	if (!ike_content_notify(content, IKE_N_UPDATE_SA_ADDRESSES, 0) || !sa->mobike ||
	    sa->owner || !sa->conn)
		return 0;
	/* One that took its place is meant as well, also when our DELETE of this one is on its way: the peer may know of no other. */
	if (heir && heir->state != IK_SA_UP)
		heir = NULL;
	if (sa->state != IK_SA_UP && !heir)
		return 0;
	if (no_nats && translated(sa, no_nats))
		return IKE_N_UNEXPECTED_NAT_DETECTED;
	if (!ik_conn_matches(sa->conn, &sa->reply_local, &sa->reply_remote)) {
		ik_report(
			sa->e, sa->conn, &sa->reply_remote, IKE_WARNING, "move-refused",
			"use remote_address: any for a peer whose address changes",
			"the peer wants to move to %s, which the connection's remote_address does not allow",
			cg_endpoint_format(&sa->reply_remote, where));
		return IKE_N_UNACCEPTABLE_ADDRESSES;
	}
	if (sa->state != IK_SA_UP) {
		heir->reply_local = sa->reply_local;
		heir->reply_remote = sa->reply_remote;
		sa = heir;
	}
	sa->local = sa->reply_local;
	ik_sa_at(sa, &sa->reply_remote);
	take_natd(sa, on, content);
	ik_sa_children_move(sa);
	ik_sa_timers(sa);
	ik_report_moved(sa, "the peer");
	/* Section 3.7: is the peer really there? If not, this is not answered, and all ends. */
	queue_once(sa, IK_TASK_ROUTABILITY);
	return 0;
}

void ik_mobike_build_echo(const struct ik_sa *sa, const struct ike_content *content,
			  struct ike_builder *b)
{
	const struct ike_notify *cookie = ike_content_notify(content, IKE_N_COOKIE2, 0);

	if (ike_content_notify(content, IKE_N_NAT_DETECTION_SOURCE_IP, 0))
		ik_mobike_build_natd(sa, &sa->reply_local, &sa->reply_remote, b);
	if (cookie && cookie->data.len >= 8 && cookie->data.len <= 64)
		ike_build_notify(b, IKE_N_COOKIE2, cookie->data);
}

bool ik_mobike_cookie_returned(const struct ik_exchange *x, const struct ike_content *content)
{
	const struct ike_notify *n = ike_content_notify(content, IKE_N_COOKIE2, 0);

	return n && n->data.len == sizeof(x->nonce) &&
	       !CRYPTO_memcmp(n->data.data, x->nonce, sizeof(x->nonce));
}
