// SPDX-License-Identifier: Apache-2.0
/*
 * The life of a Child SA: keys derived and handed out to be installed, which of several sends, its end
 * (RFC 7296 section 2.17). Negotiation is in child_i.c and child_r.c, rekeying in child_rekey.c.
 */
#include "ike/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SUCCESSORS = 8 }; /* of an IKE SA that is still there: more than are made while it is */

uint32_t ik_child_spi(struct ike_engine *e)
{
	uint32_t spi;

	do
		spi = (uint32_t)ik_random_u64(e);
	while (spi < 256 || ik_table_find(&e->esp_spis, spi, NULL));
	return spi;
}

struct ik_child *ik_child_new(struct ik_sa *sa, uint32_t index)
{
	struct ike_engine *e = sa->e;

	return ik_child_new_as(e, sa, sa->conn, index, ++e->last_child, ik_child_spi(e));
}

struct ik_child *ik_child_new_as(struct ike_engine *e, struct ik_sa *sa, struct ik_conn *conn,
				 uint32_t index, uint64_t number, uint32_t spi_in)
{
	struct ik_child *child;

	if (ik_timers_reserve(e, 1) < 0)
		return NULL;
	child = calloc(1, sizeof(*child));
	if (!child) {
		(void)ik_timers_reserve(e, -1);
		return NULL;
	}
	child->e = e;
	child->sa = sa;
	child->conn = conn;
	child->connection = conn->config->c.id;
	child->index = index;
	child->ours = true;
	child->number = number;
	child->spi_in = spi_in;
	child->timer.fired = ik_child_timer;
	ik_table_add(&e->children, &child->by_number, child->number);
	ik_table_add(&e->esp_spis, &child->by_spi, child->spi_in);
	ik_list_append(sa ? &sa->children : &e->lingering, &child->in_sa);
	return child;
}

int ik_child_set_ts(struct ik_child *child, const struct ike_ts *local, size_t n_local,
		    const struct ike_ts *remote, size_t n_remote)
{
	struct ike_ts *ts = calloc(n_local + n_remote, sizeof(*ts));

	if (!ts)
		return -ENOMEM;
	memcpy(ts, local, n_local * sizeof(*ts));
	memcpy(ts + n_local, remote, n_remote * sizeof(*ts));
	free(child->ts);
	child->ts = ts;
	child->n_local = n_local;
	child->n_remote = n_remote;
	return 0;
}

/* ------------------------------------------------------------------ who is there */

static bool carries(const struct ik_child *child)
{
	return child->installed &&
	       (child->state == IK_CHILD_UP || child->state == IK_CHILD_REKEYED);
}

bool ik_child_same_selectors(const struct ik_child *a, const struct ik_child *b)
{
	return ike_ts_list_equal(a->ts, a->n_local, b->ts, b->n_local) &&
	       ike_ts_list_equal(a->ts + a->n_local, a->n_remote, b->ts + b->n_local, b->n_remote);
}

/* It was made at the peer's request, which may not have our answer: then nothing that is sent on it is received. */
static bool is_doubtful(const struct ik_child *child)
{
	return child->unproven ||
	       (child->initial && !child->ours && child->sa && !child->sa->confirmed);
}

/*
 * One in use goes before one that waits for the peer, then one that was not replaced, one that the peer has for sure, one of the IKE SA that stays: a peer that
 * deletes an IKE SA for that one has all of it; then the younger.
 */
static bool is_better(const struct ik_child *child, const struct ik_child *best)
{
	if (child->on_use != best->on_use)
		return !child->on_use;
	if (child->state != best->state)
		return child->state == IK_CHILD_UP;
	if (is_doubtful(child) != is_doubtful(best))
		return !is_doubtful(child);
	if (child->sa->redundant != best->sa->redundant)
		return !child->sa->redundant;
	return child->number > best->number;
}

struct bounds {
	const struct ike_ts_list *local, *remote;
};

static bool is_within(const struct ik_child *child, const struct bounds *in)
{
	return ike_ts_list_contains(in->local->ts, in->local->n, child->ts, child->n_local) &&
	       ike_ts_list_contains(in->remote->ts, in->remote->n, child->ts + child->n_local,
				    child->n_remote);
}

/* twin_of: with the selectors of that one; in: with selectors within these; NULL: with any. */
static struct ik_child *find_other(const struct ik_conn *conn, uint32_t index,
				   const struct ik_child * not, const struct ik_child *twin_of,
				   const struct bounds *in)
{
	struct ik_child *best = NULL;

	IK_LIST_FOREACH(&conn->sas, link) {
		const struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		if (sa->state == IK_SA_DEAD || sa->state == IK_SA_CLOSING ||
		    sa->state == IK_SA_FAILED)
			continue;
		IK_LIST_FOREACH(&sa->children, l) {
			struct ik_child *child = IK_ENTRY(l, struct ik_child, in_sa);

			if (child != not &&child->index == index && carries(child) &&
			    (!twin_of || ik_child_same_selectors(child, twin_of)) &&
			    (!in || is_within(child, in)) && (!best || is_better(child, best)))
				best = child;
		}
	}
	return best;
}

struct ik_child *ik_child_of(const struct ik_conn *conn, uint32_t index,
			     const struct ik_child * not )
{
	return find_other(conn, index, not, NULL, NULL);
}

struct ik_child *ik_child_within(const struct ik_conn *conn, uint32_t index,
				 const struct ike_ts_list *local, const struct ike_ts_list *remote)
{
	return find_other(conn, index, NULL, NULL, &(struct bounds){local, remote});
}

struct ik_child *ik_child_twin(const struct ik_child *child)
{
	return find_other(child->conn, child->index, child, child, NULL);
}

/* The kernel is taking it up, and sends on it then. */
static bool is_to_send(const struct ik_child *child)
{
	return child->state == IK_CHILD_INSTALLING && !child->on_use;
}

bool ik_child_has_sender(const struct ik_child *child)
{
	if (ik_child_twin(child))
		return true;
	IK_LIST_FOREACH(&child->conn->sas, link) {
		const struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		IK_LIST_FOREACH(&sa->children, l) {
			const struct ik_child *other = IK_ENTRY(l, struct ik_child, in_sa);

			if (other != child && other->index == child->index && is_to_send(other) &&
			    ik_child_same_selectors(other, child))
				return true;
		}
	}
	return false;
}

struct ik_child *ik_child_in(const struct ik_sa *sa, uint32_t index)
{
	IK_LIST_FOREACH(&sa->children, link) {
		struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->index == index && !child->doomed &&
		    (child->state == IK_CHILD_OFFERED || child->state == IK_CHILD_INSTALLING ||
		     child->state == IK_CHILD_UP))
			return child;
	}
	return NULL;
}

struct ik_child *ik_child_by_out_spi(struct ik_sa *sa, uint32_t spi_out)
{
	/* Since the peer wrote, they may have moved to the IKE SA's successor, and on. */
	for (unsigned i = 0; sa && i < MOST_SUCCESSORS; i++) {
		IK_LIST_FOREACH(&sa->children, link) {
			struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

			if (child->spi_out == spi_out && child->state != IK_CHILD_OFFERED &&
			    child->state != IK_CHILD_DEAD)
				return child;
		}
		sa = sa->successor ? ik_sa_find(sa->e, sa->successor) : NULL;
	}
	return NULL;
}

bool ik_child_is_replaced(const struct ik_child *child)
{
	const struct ik_child *next = ik_child_find(child->e, child->peer_new);

	if (ik_child_twin(child) || (next && carries(next)))
		return true;
	next = ik_child_find(child->e, child->own_new);
	if (next && carries(next))
		return true;
	next = ik_child_of(child->conn, child->index, child);
	return next && next->sa != child->sa;
}

bool ik_child_has_twin_up(const struct ik_child *child)
{
	const struct ik_child *twin = ik_child_twin(child);

	return twin && twin->state == IK_CHILD_UP;
}

/* Who is to send what this one did: one in the same tunnel, or else what took its place with other selectors. */
static struct ik_child *sends_next(const struct ik_child *child)
{
	struct ik_child *next = ik_child_twin(child);

	if (!next)
		next = ik_child_find(child->e, child->peer_new);
	if (!next || !carries(next))
		next = ik_child_find(child->e, child->own_new);
	return next && carries(next) ? next : ik_child_of(child->conn, child->index, child);
}

/* Does it wait for the peer to use it though no other one sends, nor will once it is installed, at whose end it would be its turn? */
static bool waits_in_vain(const struct ik_child *child)
{
	if (!carries(child) || !child->on_use)
		return false;
	IK_LIST_FOREACH(&child->conn->sas, link) {
		const struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		IK_LIST_FOREACH(&sa->children, l) {
			const struct ik_child *other = IK_ENTRY(l, struct ik_child, in_sa);

			if (other != child && other->index == child->index && other->installed &&
			    !other->on_use && other->state != IK_CHILD_DEAD &&
			    (other->sa != child->sa || other->number == child->replaces ||
			     ik_child_same_selectors(other, child)))
				return false;
		}
	}
	return true;
}

/* ------------------------------------------------------------------ installing */

static void endpoints(const struct ik_sa *sa, struct cg_endpoint *local, struct cg_endpoint *remote)
{
	*local = sa->local;
	*remote = sa->remote;
	if (!sa->udp)
		local->port = remote->port = 0;
}

int ik_child_expect(struct ik_child *child, uint64_t request)
{
	const struct ike_out_expect o = {
		.request = request,
		.connection = child->connection,
		.child_index = child->index,
		.spi_in = child->spi_in,
	};
	int r = ik_out_expect(child->e, &o);

	child->expected |= r == 0;
	return r;
}

/* It ends without having been handed out. */
static void unexpect(struct ik_child *child)
{
	const struct ike_out_expect o = {
		.connection = child->connection,
		.child_index = child->index,
		.spi_in = child->spi_in,
		.gone = true,
	};

	if (child->expected && !child->installed)
		(void)ik_out_expect(child->e, &o);
	child->expected = false;
}

int ik_child_install(struct ik_child *child, struct ike_view nonce_i, struct ike_view nonce_r,
		     struct ike_view shared, struct ike_view more)
{
	struct ik_sa *sa = child->sa;
	struct ike_engine *e = child->e;
	const struct ike_connection_config *c = &child->conn->config->c;
	struct ike_key_inputs in = {
		.nonce_i = nonce_i, .nonce_r = nonce_r, .shared = shared, .more = more};
	struct ike_child_keymat k;
	struct ik_child *old;
	struct ike_out_child_add o = {
		.child = child->number,
		.replaces = child->replaces,
		.connection = child->connection,
		.child_index = child->index,
		.binding = child->binding,
		.spi_in = child->spi_in,
		.spi_out = child->spi_out,
		.suite = child->suite,
		.local_ts = child->ts,
		.n_local_ts = child->n_local,
		.remote_ts = child->ts + child->n_local,
		.n_remote_ts = child->n_remote,
		.udp = sa->udp,
		.follow = ik_sa_follows(sa),
		.activate_on_use = child->on_use,
		.standby = child->standby,
		.lifetime = c->child_lifetime,
		.bytes = c->child_bytes,
		.packets = c->child_packets,
	};
	bool ours = child->ours;
	int r;

	ik_low_nonce(nonce_i, nonce_r, child->low_nonce);
	r = ike_derive_child(&child->suite, &sa->keys, &in, &k);
	if (r < 0)
		return r;
	old = o.replaces ? NULL : ik_child_twin(child);
	if (old)
		o.replaces = old->number;
	endpoints(sa, &o.local, &o.remote);
	o.keys.encr_out = ik_blob(ours ? k.encr_i : k.encr_r, k.encr_len);
	o.keys.encr_in = ik_blob(ours ? k.encr_r : k.encr_i, k.encr_len);
	o.keys.integ_out = ik_blob(ours ? k.integ_i : k.integ_r, k.integ_len);
	o.keys.integ_in = ik_blob(ours ? k.integ_r : k.integ_i, k.integ_len);
	/* Both sides draw their own share, so that they seldom rekey at once. */
	o.soft_lifetime = c->child_lifetime
				  ? ik_jitter(e, c->child_lifetime * IK_SECOND, 80, 90) / IK_SECOND
				  : 0;
	o.soft_bytes = ik_jitter(e, c->child_bytes, 80, 90);
	o.soft_packets = ik_jitter(e, c->child_packets, 80, 90);
	child->rekey_at = o.soft_lifetime ? e->now + o.soft_lifetime * IK_SECOND : 0;
	child->add_request = o.request = ik_request_new(e, IK_REQUEST_CHILD, child->number);
	r = o.request ? ik_out_child_add(e, &o) : -ENOMEM;
	ike_child_keymat_wipe(&k);
	if (r < 0) {
		ik_request_drop(e, &child->add_request);
		return r;
	}
	child->installed = true;
	child->state = IK_CHILD_INSTALLING;
	return 0;
}

static void report_up(const struct ik_child *child)
{
	char suite[IKE_SUITE_TEXT], local[IKE_TS_LIST_TEXT], remote[IKE_TS_LIST_TEXT];

	ik_report(child->e, child->conn, &child->sa->remote,
		  child->replaces ? IKE_INFO : IKE_NOTICE,
		  child->replaces ? "child-rekeyed" : "child-established", NULL,
		  "Child SA %s %s, SPIs %08x in, %08x out, %s, %s === %s",
		  child->conn->config->c.children[child->index].name,
		  child->replaces ? "rekeyed" : "established", child->spi_in, child->spi_out,
		  ike_suite_format(&child->suite, suite, sizeof(suite)),
		  ike_ts_list_format(child->ts, child->n_local, local, sizeof(local)),
		  ike_ts_list_format(child->ts + child->n_local, child->n_remote, remote,
				     sizeof(remote)));
}

/*
 * The peer took less of it in a rekeying than is in use, which is to say that it is against the peer's policy by now (section 2.9.2); and the kernel takes what is
 * left only when it has gone.
 */
static void give_up_for_less(struct ik_child *old)
{
	ik_child_again(old);
	ik_child_close(old);
}

static void install_failed(struct ik_child *child, int error, const char *text)
{
	struct ik_sa *sa = child->sa;
	struct ik_child *old = ik_child_find(child->e, child->replaces);
	bool serving = sa->serving && sa->serving->child == child->number;
	struct ik_slot *slot = ik_slot_of(child->conn, child->index);
	bool in_way;

	child->installed = false;
	in_way = slot && (error == -EEXIST || error == EEXIST);
	if (in_way)
		slot->in_way = true;
	ik_report(child->e, child->conn, &sa->remote, IKE_ERROR, "child-install-failed",
		  "the text is the kernel's, or of the process that programs it",
		  "Child SA with SPI %08x was not installed: %s", child->spi_in,
		  text[0] ? text : strerror(error < 0 ? -error : error));
	if (old && old->own_new == child->number)
		old->own_new = 0;
	if (old && old->peer_new == child->number)
		old->peer_new = 0;
	if (serving) {
		sa->serving->child = 0;
		sa->serving->error = IKE_N_TEMPORARY_FAILURE;
		ik_child_end(child, false);
		/* Ours may have waited for it. */
		if (old)
			ik_child_settle(old);
		/* It is in the way of what the peer asks for: what the peer takes of it says whether it is to go. */
		if (old && in_way && !ik_child_same_selectors(child, old))
			ik_child_rekey_within(old, 2 * IK_SECOND);
		return;
	}
	/* What is beside it may stay there for good. */
	if (child->conn && !old && in_way && child->part)
		ik_child_refused(child->conn, child->index, child->part);
	else if (child->conn && !old)
		ik_child_failed(child->conn, child->index, child->part);
	ik_child_close(child);
	if (old) {
		old->busy = false;
		ik_child_settle(old);
		if (old->state == IK_CHILD_UP && in_way && !ik_child_same_selectors(child, old))
			give_up_for_less(old);
		else if (old->state == IK_CHILD_UP)
			ik_child_rekey_again(old, 10 * IK_SECOND);
	}
}

void ik_child_installed(struct ik_child *child, int error, const char *text)
{
	struct ike_engine *e = child->e;
	struct ik_sa *sa = child->sa;
	struct ik_conn *conn = child->conn;
	struct ik_child *next;
	bool serving;

	if (child->state != IK_CHILD_INSTALLING || !sa || !conn)
		return;
	serving = sa->serving && sa->serving->child == child->number;
	if (error) {
		install_failed(child, error, text);
	} else {
		child->state = IK_CHILD_UP;
		child->established = e->now;
		sa->carried = true;
		if (child->overtaken && !child->doomed)
			ik_child_activate(child);
		if (child->rekey_at)
			ik_timer_set(e, &child->timer, child->rekey_at);
		ik_parts_came(child);
		if (child->index < conn->config->c.n_children) {
			conn->slots[child->index].failures = 0;
			conn->slots[child->index].not_now = (struct ik_not_now){};
			conn->slots[child->index].retry_at = 0;
			conn->slots[child->index].wanted = false;
			conn->slots[child->index].again = 0;
			/* With new keys alone it is in the way as before. */
			if (!child->replaces)
				conn->slots[child->index].in_way = false;
			report_up(child);
		} else {
			child->doomed = true;
		}
		if (!serving && child->replaces && ik_child_find(e, child->replaces)) {
			struct ik_child *old = ik_child_find(e, child->replaces);

			old->busy = false;
			ik_child_settle(old);
		}
		if (child->doomed)
			ik_child_close(child);
	}
	/* What was to send for as long as one waits may have ended meanwhile, or be what failed; and the peer may have nothing to send. */
	next = error ? sends_next(child) : child;
	if (next && waits_in_vain(next))
		ik_child_activate(next);
	if (serving) {
		if (sa->state == IK_SA_PEER_FINISH)
			ik_auth_peer_finish(sa);
		else
			ik_child_asked_finish(sa);
	}
	if (ik_sa_alive(sa)) {
		ik_children_ensure(conn);
		ik_unique_check(conn);
		ik_sa_run(sa);
	}
}

/* What is to send once the kernel has taken it up may have begun to: it does again when that is known to be so, before what it replaces is deleted. */
static void overtake(const struct ik_child *next)
{
	IK_LIST_FOREACH(&next->conn->sas, link) {
		const struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		IK_LIST_FOREACH(&sa->children, l) {
			struct ik_child *child = IK_ENTRY(l, struct ik_child, in_sa);

			child->overtaken |= child->index == next->index && is_to_send(child);
		}
	}
}

void ik_child_activate(struct ik_child *child)
{
	if (child->conn)
		overtake(child);
	child->on_use = child->standby = child->overtaken = false;
	ik_out_child(child->e, IKE_OUT_CHILD_ACTIVATE,
		     &(struct ike_out_child){.child = child->number,
					     .connection = child->connection});
}

/* ------------------------------------------------------------------ ending */

static void bury_later(struct ik_child *child)
{
	struct ike_engine *e = child->e;

	child->state = IK_CHILD_DEAD;
	unexpect(child);
	ik_timer_stop(e, &child->timer);
	ik_request_drop(e, &child->add_request);
	ik_table_remove(&e->children, &child->by_number);
	ik_table_remove(&e->esp_spis, &child->by_spi);
	ik_binding_unref(e, child->binding);
	child->binding = 0;
	ik_list_append(&e->dead_children, &child->in_dead);
}

/* What the kernel could not take beside it, with other selectors, is asked for now: what took the peer's place for us has nothing else. */
static void made_room(const struct ik_child *child)
{
	struct ik_slot *slot = ik_slot_of(child->conn, child->index);

	if (!slot || !slot->in_way || ik_child_of(child->conn, child->index, child))
		return;
	slot->in_way = false;
	slot->retry_at = 0;
	slot->wanted = true;
	ik_timer_set(child->e, &child->conn->children, child->e->now);
}

void ik_child_end(struct ik_child *child, bool linger)
{
	struct ike_engine *e = child->e;
	struct ik_child *own = ik_child_find(e, child->own_new);

	if (child->state == IK_CHILD_DEAD)
		return;
	/* The peer deletes what both sides rekey only when it knows that its rekeying won. */
	if (own && child->peer_new &&
	    (own->state == IK_CHILD_OFFERED || own->state == IK_CHILD_INSTALLING)) {
		own->surplus = true;
		own->doomed = own->state == IK_CHILD_INSTALLING;
	}
	/* It may be the one that sends: another one has to, before this one cannot. One that the kernel has no more may be waited for. */
	if (child->conn && child->state != IK_CHILD_OFFERED && child->state != IK_CHILD_LINGER) {
		struct ik_child *next = sends_next(child);

		if (next && (child->installed || waits_in_vain(next)))
			ik_child_activate(next);
	}
	if (linger && child->installed && child->state != IK_CHILD_LINGER) {
		ik_request_drop(e, &child->add_request);
		child->state = IK_CHILD_LINGER;
		child->sa = NULL;
		ik_list_remove(&child->in_sa);
		ik_list_append(&e->lingering, &child->in_sa);
		ik_timer_set(e, &child->timer, e->now + IK_LINGER);
		ik_out_child(e, IKE_OUT_CHILD_DEL,
			     &(struct ike_out_child){.child = child->number,
						     .connection = child->connection,
						     .outbound_only = true});
		return;
	}
	if (child->installed) {
		ik_out_child(e, IKE_OUT_CHILD_DEL,
			     &(struct ike_out_child){.child = child->number,
						     .connection = child->connection});
		made_room(child);
	}
	bury_later(child);
}

void ik_child_free(struct ik_child *child)
{
	if (child->state != IK_CHILD_DEAD)
		bury_later(child);
	ik_list_remove(&child->in_dead);
	ik_list_remove(&child->in_sa);
	(void)ik_timers_reserve(child->e, -1);
	free(child->ts);
	ik_wipe_free(child, sizeof(*child));
}

void ik_child_bury(struct ike_engine *e)
{
	while (!ik_list_empty(&e->dead_children))
		ik_child_free(IK_ENTRY(e->dead_children.next, struct ik_child, in_dead));
}

/*
 * All others wait for the peer to use them, so this one sends; the peer may end it with our request, and the answer get here later than it goes on receiving.
 * What it has for sure sends from now on.
 */
static void leave_to_another(const struct ik_child *child)
{
	struct ik_child *next = child->installed && child->conn ? sends_next(child) : NULL;

	if (next && next->on_use && next->state == IK_CHILD_UP && !is_doubtful(next))
		ik_child_activate(next);
}

void ik_child_close(struct ik_child *child)
{
	switch (child->state) {
	case IK_CHILD_OFFERED:
		child->doomed = true;
		/* The peer answered with something that cannot be used: it has it, we do not. */
		if (child->spi_out) {
			child->state = IK_CHILD_DELETING;
			ik_task_queue(child->sa, IK_TASK_CHILD_DELETE, child->number, 0);
		}
		break;
	case IK_CHILD_INSTALLING:
		if (child->add_request) {
			child->doomed = true;
			break;
		}
		_fallthrough_;
	case IK_CHILD_UP:
	case IK_CHILD_REKEYED:
		leave_to_another(child);
		child->state = IK_CHILD_DELETING;
		ik_timer_stop(child->e, &child->timer);
		ik_task_queue(child->sa, IK_TASK_CHILD_DELETE, child->number, 0);
		ik_sa_run(child->sa);
		break;
	case IK_CHILD_DELETING:
	case IK_CHILD_LINGER:
	case IK_CHILD_DEAD: break;
	}
}
