// SPDX-License-Identifier: Apache-2.0
/*
 * A snapshot may come from anywhere. What the codec has read is looked at here: whether an engine can have been like that, and whether the
 * connection is still configured as it was and the kernel has what it is said to have. Pure: owns nothing but the sorted tables.
 */
#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "ike/snapshot_state.h"

/* ------------------------------------------------------------------ the configuration */

static void put_bytes(struct ik_snap *s, const void *data, size_t len)
{
	uint8_t *p = (uint8_t *)(uintptr_t)data;

	ik_snap_bytes(s, p, &len, len);
}

static void put_number(struct ik_snap *s, uint64_t v)
{
	ik_snap_u64(s, &v);
}

static void put_policy(struct ik_snap *s, const struct ike_policy *p)
{
	put_number(s, p->protocol);
	put_number(s, p->n);
	for (size_t i = 0; i < p->n; i++) {
		put_number(s, p->proposals[i].n);
		for (size_t k = 0; k < p->proposals[i].n; k++) {
			const struct ike_policy_transform *t = &p->proposals[i].transforms[k];

			put_number(s, t->type);
			put_number(s, t->id);
			put_number(s, t->key_bits);
			put_number(s, t->accept_only);
		}
	}
}

static void put_selectors(struct ik_snap *s, const struct ike_ts *ts, size_t n)
{
	put_number(s, n);
	for (size_t i = 0; i < n; i++) {
		put_bytes(s, ts[i].start, ts[i].addr_len);
		put_bytes(s, ts[i].end, ts[i].addr_len);
		put_number(s, ts[i].protocol);
		put_number(s, ts[i].port_start);
		put_number(s, ts[i].port_end);
	}
}

static void put_config(struct ik_snap *s, const struct ike_connection_config *c)
{
	const uint64_t numbers[] = {
		c->mode,
		c->start,
		c->encap,
		c->local.port,
		c->local.vrf,
		c->mark,
		c->ike_lifetime,
		c->child_lifetime,
		c->child_bytes,
		c->child_packets,
		c->dpd_delay,
		c->dpd_timeout,
		c->nat_keepalive,
		c->reauth_margin,
		c->fragment_size,
		c->fragmentation,
		c->allow_sha1_signatures,
		c->mobike,
		c->no_initial_contact,
		c->childless,
		c->enabled,
		c->n_certs,
		c->n_children,
	};

	put_bytes(s, c->name, strnlen(c->name, sizeof(c->name)));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		put_number(s, numbers[i]);
	put_bytes(s, c->local_id.data, c->local_id.size);
	put_bytes(s, c->remote_id.data, c->remote_id.size);
	for (size_t i = 0; i < c->n_certs; i++)
		put_bytes(s, c->certs[i].data, c->certs[i].size);
	put_bytes(s, c->anchor_hashes, c->n_anchor_hashes * sizeof(*c->anchor_hashes));
	put_bytes(s, c->trust, sizeof(c->trust));
	put_policy(s, c->ike_policy);
	put_policy(s, c->esp_policy);
	for (size_t i = 0; i < c->n_children; i++) {
		put_bytes(s, c->children[i].name,
			  strnlen(c->children[i].name, sizeof(c->children[i].name)));
		put_selectors(s, c->children[i].local_ts, c->children[i].n_local_ts);
		put_selectors(s, c->children[i].remote_ts, c->children[i].n_remote_ts);
	}
}

int ik_config_digest(const struct ike_connection_config *c, uint8_t ret[IK_CONFIG_DIGEST])
{
	struct ik_snap s = {.saving = true};
	int r = 0;

	put_config(&s, c);
	if (!ik_snap_ok(&s))
		r = -ENOMEM;
	else if (!SHA256(s.buf, s.len, ret))
		r = -EIO;
	ik_snap_done(&s);
	return r;
}

/* ------------------------------------------------------------------ the kernel */

static int compare(uint32_t a, uint64_t a2, uint32_t b, uint64_t b2)
{
	if (a != b)
		return a < b ? -1 : 1;
	return a2 < b2 ? -1 : a2 > b2;
}

static int compare_bindings(const void *a, const void *b)
{
	const struct ike_kernel_binding *x = a, *y = b;

	return compare(x->connection, x->binding, y->connection, y->binding);
}

static int compare_children(const void *a, const void *b)
{
	const struct ike_kernel_child *x = a, *y = b;

	return compare(x->connection, x->child, y->connection, y->child);
}

static void *sorted(const void *from, size_t n, size_t size, int (*fn)(const void *, const void *))
{
	char *copy = calloc(n ? n : 1, size);

	if (!copy)
		return NULL;
	if (n) {
		memcpy(copy, from, n * size);
		qsort(copy, n, size, fn);
	}
	return copy;
}

int ik_kernel_index(const struct ike_kernel *from, struct ik_kernel *ret)
{
	struct ik_kernel k = {.n_bindings = from->n_bindings, .n_children = from->n_children};
	int r = 0;

	k.bindings = sorted(from->bindings, k.n_bindings, sizeof(*k.bindings), compare_bindings);
	k.children = sorted(from->children, k.n_children, sizeof(*k.children), compare_children);
	if (!k.bindings || !k.children)
		r = -ENOMEM;
	for (size_t i = 1; r == 0 && i < k.n_bindings; i++)
		if (!compare_bindings(&k.bindings[i - 1], &k.bindings[i]))
			r = -EINVAL;
	for (size_t i = 1; r == 0 && i < k.n_children; i++)
		if (!compare_children(&k.children[i - 1], &k.children[i]))
			r = -EINVAL;
	if (r < 0)
		ik_kernel_done(&k);
	else
		*ret = k;
	return r;
}

void ik_kernel_done(struct ik_kernel *k)
{
	free(k->bindings);
	free(k->children);
	*k = (struct ik_kernel){};
}

bool ik_kernel_has_binding(const struct ik_kernel *k, uint32_t connection, uint64_t binding)
{
	const struct ike_kernel_binding key = {.connection = connection, .binding = binding};

	return k->n_bindings &&
	       bsearch(&key, k->bindings, k->n_bindings, sizeof(key), compare_bindings);
}

static const struct ike_kernel_child *in_kernel(const struct ik_kernel *k,
						const struct ik_child *child)
{
	const struct ike_kernel_child key = {.connection = child->connection,
					     .child = child->number};

	return k->n_children
		       ? bsearch(&key, k->children, k->n_children, sizeof(key), compare_children)
		       : NULL;
}

static size_t count_children(const struct ik_kernel *k, uint32_t connection)
{
	size_t low = 0, high = k->n_children, n = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (k->children[middle].connection < connection)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + n < k->n_children && k->children[low + n].connection == connection)
		n++;
	return n;
}

struct tally {
	const struct ik_kernel *k;
	size_t there, gone;
	const char *why;
};

static void fit_child(struct tally *t, struct ik_child *child)
{
	const struct ike_kernel_child *there = in_kernel(t->k, child);

	if (child->binding && !ik_kernel_has_binding(t->k, child->connection, child->binding)) {
		t->why = "a certificate binding is not there any more";
		return;
	}
	if (there && (!child->installed || there->spi_in != child->spi_in ||
		      there->spi_out != child->spi_out || there->binding != child->binding)) {
		t->why = "the kernel has another Child SA in the place of one";
		return;
	}
	if (there)
		t->there++;
	else if (child->state == IK_CHILD_UP || child->state == IK_CHILD_REKEYED)
		t->gone++;
	if (child->restored == IK_RESTORED_NOTHING && child->installed)
		child->restored = there ? IK_RESTORED_THERE : IK_RESTORED_GONE;
}

const char *ik_restored_unfit(struct ik_conn *conn, const struct ik_kernel *k)
{
	struct tally t = {.k = k};
	uint32_t id = conn->config->c.id;

	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		if (sa->binding && !ik_kernel_has_binding(k, id, sa->binding))
			return "a certificate binding is not there any more";
		IK_LIST_FOREACH(&sa->children, l)
			fit_child(&t, IK_ENTRY(l, struct ik_child, in_sa));
	}
	IK_LIST_FOREACH(&conn->e->lingering, link)
		if (IK_ENTRY(link, struct ik_child, in_sa)->conn == conn)
			fit_child(&t, IK_ENTRY(link, struct ik_child, in_sa));
	if (t.why)
		return t.why;
	/* Made after the snapshot. */
	if (count_children(k, id) > t.there)
		return "the kernel has newer Child SAs than the snapshot";
	if (t.gone && !t.there)
		return "the kernel has none of its Child SAs any more";
	return NULL;
}

/* ------------------------------------------------------------------ what an engine can be like */

bool ik_suite_is_sound(const struct ike_suite *s, uint8_t protocol)
{
	const struct ike_encr_info *encr = ike_encr_info(s->encr, s->key_bits);

	if (s->protocol != protocol || !encr || s->esn > IKE_ESN_YES ||
	    (s->ke != IKE_KE_NONE && !ike_dh_info(s->ke)))
		return false;
	if (encr->aead ? s->integ != IKE_INTEG_NONE : !ike_integ_info(s->integ))
		return false;
	for (size_t i = 0; i < IKE_ADDKE_MAX; i++)
		if (s->addke[i] != IKE_KE_NONE && !ike_dh_info(s->addke[i]))
			return false;
	return protocol == IKE_PROTOCOL_ESP || ike_prf_info(s->prf);
}

bool ik_packets_are_sound(const struct ik_sa *sa, const struct ike_packets *packets, bool response,
			  uint8_t exchange, uint32_t id)
{
	uint8_t flags = (sa->initiator ? IKE_FLAG_INITIATOR : 0) |
			(response ? IKE_FLAG_RESPONSE : 0);
	size_t offset = 0, n = 0;
	struct ike_view message;
	struct ike_header h;

	while (ike_packets_next(packets, &offset, &message)) {
		if (ike_header_parse(message.data, message.len, &h, NULL) < 0 ||
		    h.spi_i != sa->spi_i || h.spi_r != sa->spi_r || h.flags != flags ||
		    h.message_id != id || (exchange && h.exchange != exchange) ||
		    (h.next_payload != IKE_PAYLOAD_SK && h.next_payload != IKE_PAYLOAD_SKF))
			return false;
		n++;
	}
	return offset == packets->len && n == packets->n;
}

static bool ts_is_sound(const struct ike_ts *ts)
{
	return (ts->addr_len == 4 || ts->addr_len == 16) &&
	       memcmp(ts->start, ts->end, ts->addr_len) <= 0;
}

static bool is_ours(const struct ik_conn *conn, uint64_t spi)
{
	const struct ik_sa *sa = ik_sa_find(conn->e, spi);

	return !sa || sa->conn == conn;
}

static bool is_our_child(const struct ik_conn *conn, uint64_t number)
{
	const struct ik_child *child = ik_child_find(conn->e, number);

	return !child || child->conn == conn;
}

/* An exchange of ours or the peer's makes what has this SPI, or number. */
static bool is_being_made(const struct ik_conn *conn, uint64_t sa_spi, uint64_t child)
{
	IK_LIST_FOREACH(&conn->sas, link) {
		const struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);
		const struct ik_exchange *x = sa->active;
		const struct ik_followup *f = sa->followup;

		if (x && ((sa_spi && x->new_sa == sa_spi) || (child && x->new_child == child)))
			return true;
		if (f && ((sa_spi && f->heir == sa_spi) || (child && f->child == child)))
			return true;
	}
	return false;
}

static const char *selectors_none(const struct ike_ts *ts, size_t n_local, size_t n_remote)
{
	if (!n_local || !n_remote)
		return "a Child SA without selectors";
	for (size_t i = 0; i < n_local + n_remote; i++)
		if (!ts_is_sound(&ts[i]))
			return "a selector that is none";
	return NULL;
}

static const char *selectors_unsound(const struct ik_child *child)
{
	const struct ike_child_config *c = &child->conn->config->c.children[child->index];
	const char *why = selectors_none(child->ts, child->n_local, child->n_remote);

	if (why)
		return why;
	if (!ike_ts_list_contains(c->local_ts, c->n_local_ts, child->ts, child->n_local) ||
	    !ike_ts_list_contains(c->remote_ts, c->n_remote_ts, child->ts + child->n_local,
				  child->n_remote))
		return "a Child SA that is wider than its configuration";
	return NULL;
}

static const char *child_unsound(const struct ik_conn *conn, const struct ik_child *child)
{
	bool needs_timer = child->state == IK_CHILD_LINGER || child->state == IK_CHILD_REKEYED;
	bool installed = child->state == IK_CHILD_INSTALLING || child->state == IK_CHILD_UP ||
			 child->state == IK_CHILD_REKEYED || child->state == IK_CHILD_LINGER;
	const char *why = selectors_unsound(child);

	if (why)
		return why;
	if ((child->state == IK_CHILD_LINGER) != !child->sa || (needs_timer && !child->timer.place))
		return "a Child SA that nothing would end";
	if (child->state == IK_CHILD_OFFERED
		    ? child->installed || !is_being_made(conn, 0, child->number)
		    : installed && !child->installed)
		return "a Child SA that is not where its state is";
	if (child->restored == IK_RESTORED_UNANSWERED && child->state != IK_CHILD_INSTALLING)
		return "an answer that nobody waits for";
	/* Only what we made to take another one's place loses against the peer's. */
	if (child->standby && (!child->on_use || !child->ours || !child->replaces))
		return "a Child SA that stands by for nothing";
	if (child->installed && (!child->binding || child->spi_out < 256 ||
				 !ik_suite_is_sound(&child->suite, IKE_PROTOCOL_ESP)))
		return "a Child SA that cannot have been installed";
	if (!is_our_child(conn, child->replaces) || !is_our_child(conn, child->own_new) ||
	    !is_our_child(conn, child->peer_new))
		return "a Child SA that has to do with another connection's";
	return NULL;
}

static bool task_is_sound(const struct ik_conn *conn, const struct ik_task *t)
{
	return is_our_child(conn, t->child) &&
	       (t->kind != IK_TASK_CHILD_CREATE || t->index < conn->config->c.n_children);
}

static const char *exchange_unsound(const struct ik_conn *conn, const struct ik_sa *sa)
{
	const struct ik_exchange *x = sa->active;
	const struct ik_sa *heir = ik_sa_find(conn->e, x->new_sa);
	const struct ik_child *child = ik_child_find(conn->e, x->new_child);
	bool makes = x->task.kind == IK_TASK_CHILD_CREATE || x->task.kind == IK_TASK_CHILD_REKEY ||
		     x->task.kind == IK_TASK_IKE_REKEY;
	uint8_t type = !makes	     ? IKE_EXCHANGE_INFORMATIONAL
		       : x->followup ? IKE_EXCHANGE_FOLLOWUP_KE
				     : IKE_EXCHANGE_CREATE_CHILD_SA;

	if (x->type != type || x->id + 1 != sa->next_id || !x->packets.n ||
	    !ik_packets_are_sound(sa, &x->packets, false, type, x->id))
		return "a request that cannot have been sent";
	if (!task_is_sound(conn, &x->task) || !is_our_child(conn, x->new_child) ||
	    (!makes && (x->followup || x->new_sa || x->new_child)) ||
	    (x->new_sa && x->task.kind != IK_TASK_IKE_REKEY) ||
	    (x->new_child && x->task.kind == IK_TASK_IKE_REKEY) ||
	    (x->task.kind == IK_TASK_IKE_REKEY && !x->dh))
		return "a request for what it cannot be for";
	if (heir && (heir->conn != conn || heir == sa || !heir->initiator ||
		     heir->state != IK_SA_REKEY_OFFER))
		return "a request for an IKE SA that is there";
	if (child && !child->ours)
		return "a request for a Child SA that the peer asked for";
	return NULL;
}

bool ik_followup_is_sound(const struct ik_conn *conn, const struct ik_sa *sa)
{
	const struct ik_followup *f = sa->followup;
	const struct ik_sa *heir = ik_sa_find(sa->e, f->heir);
	const struct ik_child *child = ik_child_find(sa->e, f->child),
			      *old = ik_child_find(sa->e, f->old);

	if (sa->state != IK_SA_UP || (f->heir ? f->child || f->old : !f->child))
		return false;
	if (f->heir)
		return heir && heir->conn == conn && heir != sa && !heir->initiator &&
		       heir->state == IK_SA_REKEY_OFFER && heir->spi_i && heir->undecided &&
		       heir->predecessor == ik_sa_spi(sa) && sa->peer_new == f->heir;
	return child && child->sa == sa && !child->ours && child->state == IK_CHILD_OFFERED &&
	       child->binding == sa->binding && child->spi_out >= 256 &&
	       ik_suite_is_sound(&child->suite, IKE_PROTOCOL_ESP) && child->replaces == f->old &&
	       (!old || (old->conn == conn && old->peer_new == f->child));
}

/* Does it have a last successor? */
static bool line_ends(const struct ik_conn *conn, const struct ik_sa *sa)
{
	const struct ik_sa *heir = ik_sa_find(conn->e, sa->successor);

	IK_LIST_FOREACH(&conn->sas, link) {
		if (!heir)
			return true;
		heir = ik_sa_find(conn->e, heir->successor);
	}
	return !heir;
}

static const char *sa_unsound(const struct ik_conn *conn, const struct ik_sa *sa)
{
	bool offer = sa->state == IK_SA_REKEY_OFFER;
	bool ends = sa->state == IK_SA_CLOSING || sa->state == IK_SA_FAILED ||
		    sa->state == IK_SA_REKEYED;
	bool empty = ik_list_empty(&sa->tasks) && !sa->active && ik_list_empty(&sa->children);

	if (!ik_snap_sa_lasts(sa) || sa->has_keys == offer || (ends && !sa->life.place))
		return "an IKE SA that does not outlive its engine";
	if (!offer &&
	    (!sa->spi_i || !sa->spi_r || !ik_suite_is_sound(&sa->suite, IKE_PROTOCOL_IKE)))
		return "an IKE SA that was not agreed on";
	if (offer ? !is_being_made(conn, ik_sa_spi(sa), 0) : sa->remote.addr.family == AF_UNSPEC)
		return "an IKE SA that nobody made";
	if ((sa->state == IK_SA_UP || sa->state == IK_SA_REKEYED || offer) && !sa->binding)
		return "an IKE SA that no certificate has earned";
	if ((offer || sa->state == IK_SA_FAILED) && !empty)
		return "an IKE SA that does what it may not do";
	if (!ik_packets_are_sound(sa, &sa->response, true, 0, sa->expected_id - 1))
		return "a response that cannot have been sent";
	if (!is_ours(conn, sa->own_new) || !is_ours(conn, sa->peer_new) ||
	    !is_ours(conn, sa->successor) || !is_ours(conn, sa->predecessor) ||
	    !is_ours(conn, sa->rival) || !is_our_child(conn, sa->last_made))
		return "an IKE SA that has to do with another connection's";
	if (!line_ends(conn, sa))
		return "IKE SAs that took each other's place";
	IK_LIST_FOREACH(&sa->tasks, link)
		if (!task_is_sound(conn, IK_ENTRY(link, struct ik_task, link)))
			return "work on what is another connection's";
	if (sa->followup && !ik_followup_is_sound(conn, sa))
		return "key exchanges that would complete nothing";
	return sa->active ? exchange_unsound(conn, sa) : NULL;
}

const char *ik_restored_unsound(const struct ik_conn *conn)
{
	const char *why;

	/* What the configuration does not have is not asked for. */
	IK_LIST_FOREACH(&conn->parts, link) {
		const struct ik_part *part = IK_ENTRY(link, struct ik_part, link);

		why = selectors_none(part->ts, part->n_local, part->n_remote);
		if (why)
			return why;
	}
	IK_LIST_FOREACH(&conn->sas, link) {
		const struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		why = sa_unsound(conn, sa);
		if (why)
			return why;
		IK_LIST_FOREACH(&sa->children, l) {
			why = child_unsound(conn, IK_ENTRY(l, struct ik_child, in_sa));
			if (why)
				return why;
		}
	}
	IK_LIST_FOREACH(&conn->e->lingering, link) {
		const struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		why = child->conn == conn ? child_unsound(conn, child) : NULL;
		if (why)
			return why;
	}
	return NULL;
}
