// SPDX-License-Identifier: Apache-2.0
/*
 * A connection in a snapshot: its IKE SAs with keys, windows, requests under way and Child SAs.
 *
 * What is under way:
 * - A request of ours goes along, with its bytes, its timer and what is needed to use the answer (nonce, private value of the key exchange). The
 *   peer may have handled it already: then its answer is to that message ID and those bytes, and to nothing else.
 * - A response goes along, so that a peer who has not got it can have it again.
 * - A request of the peer's that waits for our kernel is forgotten, and so is what the kernel was asked for: its message ID is still the
 *   one that we expect, and the peer repeats it.
 * - A CREATE_CHILD_SA of the peer's that IKE_FOLLOWUP_KE is to complete goes along, with the time that it waits.
 * - A peer who is not authenticated yet is forgotten, and so is our attempt to authenticate ourselves: the nonces are another process's.
 *   Whoever takes the snapshot waits for these, see ike_settled(). Fragments of what has not come whole are forgotten as well: they are
 *   repeated, too (RFC 7383 section 2.6.1).
 */
#include "ike/snapshot_state.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum {
	SAS_MAX = 64, /* of one connection */
	SUBJECT_MAX = IKE_TEXT_SIZE,
	/* A key goes on that far ahead of where it was, at most: two that went on from one snapshot do not meet. */
	IV_JUMP_BITS = 48,
};

/* The peer's, which IKE_FOLLOWUP_KE is to complete? */
static bool is_awaited(const struct ik_sa *heir)
{
	const struct ik_sa *old = ik_sa_find(heir->e, heir->predecessor);

	return old && old->followup && old->followup->heir == ik_sa_spi(heir);
}

bool ik_snap_sa_lasts(const struct ik_sa *sa)
{
	switch (sa->state) {
	case IK_SA_UP:
	case IK_SA_REKEYED:
	case IK_SA_CLOSING: return true;
	case IK_SA_REKEY_OFFER: return sa->initiator || is_awaited(sa);
	case IK_SA_FAILED: return !sa->setup && sa->has_keys && sa->response.n;
	case IK_SA_NONCE:
	case IK_SA_INIT_SENT:
	case IK_SA_INTERMEDIATE_SENT:
	case IK_SA_AUTH_SIGN:
	case IK_SA_AUTH_SENT:
	case IK_SA_AUTH_VERIFY:
	case IK_SA_HALF_OPEN:
	case IK_SA_PEER_VERIFY:
	case IK_SA_PEER_FINISH:
	case IK_SA_DEAD: return false;
	}
	return false;
}

/* ------------------------------------------------------------------ keys */

/* One direction; what it is for follows from the suite. */
static void cipher(struct ik_snap *s, const struct ike_suite *of, struct ike_cipher *c)
{
	const struct ike_encr_info *encr = ike_encr_info(of->encr, of->key_bits);
	const struct ike_integ_info *integ = encr && !encr->aead ? ike_integ_info(of->integ) : NULL;

	if (!encr || (!encr->aead && !integ)) {
		ik_snap_fail(s, -EBADMSG);
		return;
	}
	c->encr = of->encr;
	c->key_bits = of->key_bits;
	c->integ = of->integ;
	ik_snap_u64(s, &c->next_iv);
	ik_snap_fixed(s, c->key, (size_t)encr->key_len + encr->salt_len);
	ik_snap_fixed(s, c->integ_key, integ ? integ->key_len : 0);
}

static void keys(struct ik_snap *s, const struct ike_suite *of, struct ike_sa_keys *k)
{
	const struct ike_prf_info *prf = ike_prf_info(of->prf);

	if (!prf) {
		ik_snap_fail(s, -EBADMSG);
		return;
	}
	k->prf = of->prf;
	k->prf_len = prf->len;
	ik_snap_fixed(s, k->sk_d, prf->len);
	ik_snap_fixed(s, k->sk_pi, prf->len);
	ik_snap_fixed(s, k->sk_pr, prf->len);
	cipher(s, of, &k->initiator);
	cipher(s, of, &k->responder);
}

/* What we send with: every IV from now on is one that no engine before this one can have used. */
static void jump(struct ik_snap *s, struct ik_sa *sa)
{
	struct ike_cipher *c = sa->initiator ? &sa->keys.initiator : &sa->keys.responder;
	uint64_t far = 1 + (ik_random_u64(sa->e) >> (64 - IV_JUMP_BITS));

	/* It does not come to that: 2^15 restarts of one IKE SA. */
	ik_snap_must(s, c->next_iv < UINT64_MAX - ((uint64_t)2 << IV_JUMP_BITS));
	if (ik_snap_ok(s))
		c->next_iv += far;
}

/* ------------------------------------------------------------------ Child SAs */

static void selectors(struct ik_snap *s, struct ike_ts **list, size_t *n_local, size_t *n_remote)
{
	size_t n;

	ik_snap_count(s, n_local, IKE_MESSAGE_MAX_TS);
	ik_snap_count(s, n_remote, IKE_MESSAGE_MAX_TS);
	n = *n_local + *n_remote;
	if (!s->saving && ik_snap_ok(s) && n) {
		*list = calloc(n, sizeof(**list));
		if (!*list) {
			ik_snap_fail(s, -ENOMEM);
			return;
		}
	}
	for (size_t i = 0; i < n && ik_snap_ok(s) && *list; i++) {
		struct ike_ts *ts = &(*list)[i];
		size_t len = ts->addr_len;

		ik_snap_bytes(s, ts->start, &len, sizeof(ts->start));
		ik_snap_must(s, len == 4 || len == 16);
		ts->addr_len = (uint8_t)len;
		ik_snap_fixed(s, ts->end, len);
		ik_snap_u8(s, &ts->protocol);
		ik_snap_u16(s, &ts->port_start);
		ik_snap_u16(s, &ts->port_end);
	}
}

static void child_fields(struct ik_snap *s, struct ik_child *child)
{
	const struct ik_sa *sa = child->sa;
	/* The peer's request for it is forgotten with us. */
	bool unanswered = sa && sa->serving && sa->serving->child == child->number;
	uint64_t binding = child->binding;

	IK_SNAP_ENUM(s, child->state, IK_CHILD_LINGER);
	ik_snap_bool(s, &unanswered);
	ik_snap_bool(s, &child->installed);
	ik_snap_bool(s, &child->ours);
	ik_snap_bool(s, &child->busy);
	ik_snap_bool(s, &child->on_use);
	ik_snap_bool(s, &child->standby);
	ik_snap_bool(s, &child->overtaken);
	ik_snap_bool(s, &child->unproven);
	ik_snap_bool(s, &child->doomed);
	ik_snap_bool(s, &child->initial);
	ik_snap_bool(s, &child->surplus);
	ik_snap_u32(s, &child->spi_out);
	ik_snap_suite(s, &child->suite);
	selectors(s, &child->ts, &child->n_local, &child->n_remote);
	ik_snap_u64(s, &binding);
	ik_snap_u64(s, &child->replaces);
	ik_snap_u64(s, &child->part);
	ik_snap_u64(s, &child->own_new);
	ik_snap_u64(s, &child->peer_new);
	ik_snap_fixed(s, child->low_nonce, sizeof(child->low_nonce));
	ik_snap_uint(s, &child->rekey_failures);
	ik_snap_past(s, &child->established);
	ik_snap_deadline(s, &child->rekey_at);
	ik_snap_timer(s, child->e, &child->timer);
	if (s->saving || !ik_snap_ok(s))
		return;
	ik_binding_ref(child->e, binding);
	child->binding = binding;
	if (unanswered)
		child->restored = IK_RESTORED_UNANSWERED;
}

static void child_save(struct ik_snap *s, struct ik_child *child)
{
	ik_snap_u64(s, &child->number);
	ik_snap_u32(s, &child->spi_in);
	ik_snap_u32(s, &child->index);
	child_fields(s, child);
}

/* sa NULL: it lingers. */
static void child_restore(struct ik_snap *s, struct ik_conn *conn, struct ik_sa *sa)
{
	struct ike_engine *e = conn->e;
	struct ik_child *child;
	uint64_t number = 0;
	uint32_t spi = 0, index = 0;

	ik_snap_u64(s, &number);
	ik_snap_u32(s, &spi);
	ik_snap_u32(s, &index);
	ik_snap_must(s, number && number <= e->last_child && !ik_child_find(e, number) &&
				spi >= 256 && !ik_table_find(&e->esp_spis, spi, NULL) &&
				index < conn->config->c.n_children);
	if (!ik_snap_ok(s))
		return;
	child = ik_child_new_as(e, sa, conn, index, number, spi);
	if (!child)
		ik_snap_fail(s, -ENOMEM);
	else
		child_fields(s, child);
}

/* ------------------------------------------------------------------ IKE SAs */

static void sa_peer(struct ik_snap *s, struct ik_sa *sa)
{
	size_t len = sa->peer_subject ? strlen(sa->peer_subject) + 1 : 0;

	ik_snap_blob(s, (uint8_t **)&sa->peer_subject, &len, SUBJECT_MAX);
	if (!s->saving && len && sa->peer_subject[len - 1]) {
		sa->peer_subject[len - 1] = 0;
		ik_snap_fail(s, -EBADMSG);
	}
	ik_snap_blob(s, &sa->peer_id, &sa->peer_id_len, IKE_MAX_ID_SIZE);
}

static void sa_paths(struct ik_snap *s, struct ik_sa *sa)
{
	ik_snap_bool(s, &sa->nat_local);
	ik_snap_bool(s, &sa->nat_peer);
	ik_snap_bool(s, &sa->encap);
	ik_snap_bool(s, &sa->fragmentation);
	ik_snap_bool(s, &sa->udp);
	ik_snap_bool(s, &sa->mobike);
	ik_snap_fixed(s, sa->seen_as, sizeof(sa->seen_as));
	ik_snap_endpoint(s, &sa->local);
	ik_snap_endpoint(s, &sa->remote);
	ik_snap_endpoint(s, &sa->reply_local);
	ik_snap_endpoint(s, &sa->reply_remote);
}

static void sa_trust(struct ik_snap *s, struct ik_sa *sa)
{
	uint64_t binding = sa->binding;

	ik_snap_u64(s, &binding);
	ik_snap_deadline(s, &sa->binding_ends);
	ik_snap_fixed(s, sa->trust, sizeof(sa->trust));
	ik_snap_deadline(s, &sa->trust_ends);
	ik_snap_deadline(s, &sa->auth_due);
	ik_snap_deadline(s, &sa->ask_ends);
	sa_peer(s, sa);
	if (!s->saving && ik_snap_ok(s))
		ik_sa_bind(sa, binding);
}

static void sa_relations(struct ik_snap *s, struct ik_sa *sa)
{
	ik_snap_bool(s, &sa->owner);
	ik_snap_bool(s, &sa->reauth);
	ik_snap_bool(s, &sa->reported);
	ik_snap_bool(s, &sa->shutting);
	ik_snap_u64(s, &sa->own_new);
	ik_snap_u64(s, &sa->peer_new);
	ik_snap_u64(s, &sa->successor);
	ik_snap_u64(s, &sa->predecessor);
	ik_snap_u64(s, &sa->rival);
	ik_snap_fixed(s, sa->low_nonce, sizeof(sa->low_nonce));
	ik_snap_uint(s, &sa->rekey_failures);
	ik_snap_uint(s, &sa->lost_states);
	ik_snap_u64(s, &sa->last_made);
	ik_snap_bool(s, &sa->stale);
	ik_snap_bool(s, &sa->asked);
	ik_snap_bool(s, &sa->confirmed);
	ik_snap_bool(s, &sa->carried);
	ik_snap_bool(s, &sa->peer_forgot);
	ik_snap_bool(s, &sa->undecided);
	ik_snap_bool(s, &sa->redundant);
}

static void sa_times(struct ik_snap *s, struct ik_sa *sa)
{
	ik_snap_past(s, &sa->redundant_since);
	ik_snap_past(s, &sa->created);
	ik_snap_past(s, &sa->established);
	ik_snap_past(s, &sa->last_in);
	ik_snap_past(s, &sa->last_answer);
	ik_snap_past(s, &sa->authenticated);
	/* Nothing was asked yet by who goes on. */
	if (!s->saving)
		sa->seen_at = sa->e->now;
	ik_snap_deadline(s, &sa->rekey_at);
	ik_snap_deadline(s, &sa->reauth_at);
	ik_snap_timer(s, sa->e, &sa->life);
	ik_snap_timer(s, sa->e, &sa->reauth_timer);
	ik_snap_timer(s, sa->e, &sa->dpd);
	ik_snap_timer(s, sa->e, &sa->keepalive);
}

static void sa_protection(struct ik_snap *s, struct ik_sa *sa)
{
	ik_snap_bool(s, &sa->has_keys);
	ik_snap_suite(s, &sa->suite);
	ik_snap_u32(s, &sa->next_id);
	ik_snap_u32(s, &sa->expected_id);
	ik_snap_packets(s, &sa->response);
	if (!sa->has_keys || !ik_snap_ok(s))
		return;
	keys(s, &sa->suite, &sa->keys);
	if (!s->saving)
		jump(s, sa);
}

static void sa_fields(struct ik_snap *s, struct ik_sa *sa)
{
	IK_SNAP_ENUM(s, sa->state, IK_SA_FAILED);
	ik_snap_u64(s, sa->initiator ? &sa->spi_r : &sa->spi_i);
	sa_relations(s, sa);
	sa_paths(s, sa);
	sa_trust(s, sa);
	sa_times(s, sa);
	sa_protection(s, sa);
	ik_snap_tasks(s, sa);
	ik_snap_exchange(s, sa);
	ik_snap_peers_followup(s, sa);
}

static void sa_save(struct ik_snap *s, struct ik_sa *sa)
{
	uint64_t spi = ik_sa_spi(sa);
	size_t n = 0;

	ik_snap_bool(s, &sa->initiator);
	ik_snap_u64(s, &spi);
	sa_fields(s, sa);
	IK_LIST_FOREACH(&sa->children, link)
		n += IK_ENTRY(link, struct ik_child, in_sa)->state != IK_CHILD_DEAD;
	ik_snap_count(s, &n, SAS_MAX * IKE_MAX_CHILDREN);
	IK_LIST_FOREACH(&sa->children, link) {
		struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->state != IK_CHILD_DEAD)
			child_save(s, child);
	}
}

static void sa_restore(struct ik_snap *s, struct ik_conn *conn)
{
	struct ike_engine *e = conn->e;
	bool initiator = false;
	uint64_t spi = 0;
	struct ik_sa *sa;
	size_t n = 0;

	ik_snap_bool(s, &initiator);
	ik_snap_u64(s, &spi);
	ik_snap_must(s, spi && !ik_sa_find(e, spi));
	if (!ik_snap_ok(s))
		return;
	sa = ik_sa_new_as(e, conn, initiator, spi);
	if (!sa) {
		ik_snap_fail(s, -ENOMEM);
		return;
	}
	sa_fields(s, sa);
	ik_sa_index(sa);
	ik_snap_count(s, &n, SAS_MAX * IKE_MAX_CHILDREN);
	while (n-- && ik_snap_ok(s))
		child_restore(s, conn, sa);
}

/* ------------------------------------------------------------------ connections */

static void conn_fields(struct ik_snap *s, struct ik_conn *conn)
{
	size_t n = conn->config->c.n_children;

	ik_snap_bool(s, &conn->held);
	ik_snap_bool(s, &conn->up);
	ik_snap_bool(s, &conn->acquired);
	ik_snap_bool(s, &conn->asks_old);
	ik_snap_uint(s, &conn->failures);
	ik_snap_timer(s, conn->e, &conn->retry);
	ik_snap_count(s, &n, IKE_MAX_CHILDREN);
	ik_snap_must(s, n == conn->config->c.n_children);
	for (size_t i = 0; i < n && ik_snap_ok(s); i++) {
		struct ik_slot *slot = &conn->slots[i];

		ik_snap_deadline(s, &slot->retry_at);
		ik_snap_uint(s, &slot->failures);
		ik_snap_bool(s, &slot->wanted);
		ik_snap_bool(s, &slot->in_way);
		ik_snap_bool(s, &slot->one_pair);
	}
}

static void part_fields(struct ik_snap *s, struct ik_part *part)
{
	ik_snap_u64(s, &part->number);
	ik_snap_u64(s, &part->since);
	ik_snap_u32(s, &part->index);
	selectors(s, &part->ts, &part->n_local, &part->n_remote);
	ik_snap_deadline(s, &part->retry_at);
	ik_snap_uint(s, &part->failures);
	ik_snap_uint(s, &part->refusals);
}

static void parts_save(struct ik_snap *s, struct ik_conn *conn)
{
	size_t n = 0;

	IK_LIST_FOREACH(&conn->parts, link)
		n++;
	ik_snap_count(s, &n, IK_MAX_PARTS);
	IK_LIST_FOREACH(&conn->parts, link)
		part_fields(s, IK_ENTRY(link, struct ik_part, link));
}

static void parts_restore(struct ik_snap *s, struct ik_conn *conn)
{
	size_t n = 0;

	ik_snap_count(s, &n, IK_MAX_PARTS);
	while (n-- && ik_snap_ok(s)) {
		struct ik_part *part = calloc(1, sizeof(*part));

		if (!part) {
			ik_snap_fail(s, -ENOMEM);
			return;
		}
		ik_list_append(&conn->parts, &part->link);
		part_fields(s, part);
		ik_snap_must(s, part->number && part->number <= part->since &&
					part->since <= conn->e->last_child);
	}
}

/* Of those that repeat a refusal for a while the oldest are the ones to do without. */
static size_t failed_too_many(const struct ik_conn *conn)
{
	size_t lasting = 0, failed = 0;

	IK_LIST_FOREACH(&conn->sas, link) {
		const struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		lasting += ik_snap_sa_lasts(sa);
		failed += ik_snap_sa_lasts(sa) && sa->state == IK_SA_FAILED;
	}
	if (lasting <= SAS_MAX)
		return 0;
	return lasting - SAS_MAX < failed ? lasting - SAS_MAX : failed;
}

/* Calls each that is written down; how many there are. */
static size_t each_sa(struct ik_snap *s, const struct ik_conn *conn,
		      void (*call)(struct ik_snap *s, struct ik_sa *sa))
{
	size_t without = failed_too_many(conn), n = 0;

	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		if (!ik_snap_sa_lasts(sa))
			continue;
		if (sa->state == IK_SA_FAILED && without) {
			without--;
			continue;
		}
		if (call)
			call(s, sa);
		n++;
	}
	return n;
}

static size_t lingering_of(const struct ik_conn *conn)
{
	size_t n = 0;

	IK_LIST_FOREACH(&conn->e->lingering, link)
		n += IK_ENTRY(link, struct ik_child, in_sa)->conn == conn;
	return n;
}

bool ik_snap_conn_fits(const struct ik_conn *conn)
{
	return each_sa(NULL, conn, NULL) <= SAS_MAX &&
	       lingering_of(conn) <= SAS_MAX * IKE_MAX_CHILDREN;
}

void ik_snap_conn_save(struct ik_snap *s, struct ik_conn *conn)
{
	size_t sas = each_sa(s, conn, NULL), lingering = lingering_of(conn);

	conn_fields(s, conn);
	parts_save(s, conn);
	ik_snap_count(s, &sas, SAS_MAX);
	(void)each_sa(s, conn, sa_save);
	ik_snap_count(s, &lingering, SAS_MAX * IKE_MAX_CHILDREN);
	IK_LIST_FOREACH(&conn->e->lingering, link)
		if (IK_ENTRY(link, struct ik_child, in_sa)->conn == conn)
			child_save(s, IK_ENTRY(link, struct ik_child, in_sa));
}

void ik_snap_conn_restore(struct ik_snap *s, struct ik_conn *conn)
{
	size_t n = 0;

	conn_fields(s, conn);
	parts_restore(s, conn);
	ik_snap_count(s, &n, SAS_MAX);
	while (n-- && ik_snap_ok(s))
		sa_restore(s, conn);
	ik_snap_count(s, &n, SAS_MAX * IKE_MAX_CHILDREN);
	while (n-- && ik_snap_ok(s))
		child_restore(s, conn, NULL);
}

void ik_snap_conn_undo(struct ik_conn *conn)
{
	struct ike_engine *e = conn->e;

	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		/* Each goes by itself: an exchange is not to end what it was to make. */
		if (sa->active)
			sa->active->new_sa = 0;
	}
	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		ik_sa_unbind(sa);
		ik_sa_free(sa);
	}
	IK_LIST_FOREACH(&e->lingering, link)
		if (IK_ENTRY(link, struct ik_child, in_sa)->conn == conn)
			ik_child_free(IK_ENTRY(link, struct ik_child, in_sa));
	ik_timer_stop(e, &conn->retry);
	ik_parts_clear(conn);
	conn->held = conn->up = conn->acquired = conn->asks_old = conn->restored = false;
	conn->again = 0;
	conn->failures = 0;
	memset(conn->slots, 0, conn->config->c.n_children * sizeof(*conn->slots));
}
