// SPDX-License-Identifier: Apache-2.0
/*
 * An engine written down, and put up again: the whole, with what makes a snapshot one of this version, of this restart, and unharmed. What
 * is in it is snapshot_sa.c's; what is made of it, snapshot_check.c's.
 *
 *   magic, version, size | token, time, numbers | connection … connection | SHA-256 of all before
 *
 * The digest is against accidents: whoever can write a snapshot can write the digest, too.
 */
#include "ike/snapshot.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "ike/snapshot_state.h"

/* Another one with each change of what is written, of states and their numbers. There is no reading of old ones: tunnels are made anew. */
#define VERSION	   10
#define HEAD_LEN   16
#define DIGEST_LEN 32

static const uint8_t magic[8] = {'c', 'g', 'i', 'k', 'e', 's', 'a', 's'};

/* ------------------------------------------------------------------ before */

void ike_settle(struct ike_engine *e, ike_time now)
{
	ik_enter(e, now);
	e->settling = true;
}

bool ike_settled(const struct ike_engine *e)
{
	IK_LIST_FOREACH(&e->all_sas, link) {
		const struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_all);

		switch (sa->state) {
		case IK_SA_AUTH_SENT:
		case IK_SA_AUTH_VERIFY:
		case IK_SA_PEER_FINISH: return false;
		case IK_SA_PEER_VERIFY:
			/* For our certificate nobody waits: the peer comes again. */
			if (!ik_auth_peer_waits(sa))
				return false;
			break;
		case IK_SA_NONCE:
		case IK_SA_INIT_SENT:
		case IK_SA_INTERMEDIATE_SENT:
		case IK_SA_AUTH_SIGN:
		case IK_SA_HALF_OPEN:
		case IK_SA_REKEY_OFFER:
		case IK_SA_UP:
		case IK_SA_REKEYED:
		case IK_SA_CLOSING:
		case IK_SA_FAILED:
		case IK_SA_DEAD: break;
		}
		IK_LIST_FOREACH(&sa->children, l)
			if (IK_ENTRY(l, struct ik_child, in_sa)->add_request)
				return false;
	}
	return true;
}

/* ------------------------------------------------------------------ saving */

static void save_conn(struct ik_snap *s, struct ik_conn *conn)
{
	struct ike_connection_config *c = &conn->config->c;
	struct ik_snap_mark mark = ik_snap_begin(s);
	size_t len = strnlen(c->name, sizeof(c->name));
	uint8_t digest[IK_CONFIG_DIGEST];
	int r;

	r = ik_config_digest(c, digest);
	if (r < 0)
		ik_snap_fail(s, r);
	ik_snap_bytes(s, (uint8_t *)c->name, &len, sizeof(c->name));
	ik_snap_fixed(s, digest, sizeof(digest));
	ik_snap_conn_save(s, conn);
	ik_snap_end(s, mark);
}

static void head_write(uint8_t *p, size_t size)
{
	memcpy(p, magic, sizeof(magic));
	ike_store_u32(p + 8, VERSION);
	ike_store_u32(p + 12, (uint32_t)size);
}

/* What the kernel has for a peer whose IKE SA does not come to be: the next engine deletes it, as if it lingered. */
static void leave_children(struct ik_sa *sa)
{
	struct ike_engine *e = sa->e;

	IK_LIST_FOREACH(&sa->children, link) {
		struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (!child->installed || child->state == IK_CHILD_DEAD)
			continue;
		ik_request_drop(e, &child->add_request);
		child->state = IK_CHILD_LINGER;
		child->sa = NULL;
		ik_list_remove(&child->in_sa);
		ik_list_append(&e->lingering, &child->in_sa);
		ik_timer_set(e, &child->timer, e->now);
	}
}

/* What is known to be in vain goes before, as if its time were over. */
static void give_up(struct ike_engine *e)
{
	IK_LIST_FOREACH(&e->all_sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_all);

		if (sa->followup && !ik_followup_is_sound(sa->conn, sa))
			ik_followup_drop(sa);
		if (!ik_snap_sa_lasts(sa))
			leave_children(sa);
	}
	ik_child_bury(e);
	ik_sa_bury(e);
}

int ike_engine_save(struct ike_engine *e, ike_time now, const uint8_t token[IKE_SNAPSHOT_TOKEN],
		    uint8_t **ret, size_t *ret_size)
{
	struct ik_snap s = {.saving = true};
	uint8_t head[HEAD_LEN] = {}, digest[DIGEST_LEN] = {}, id[IKE_SNAPSHOT_TOKEN];
	size_t n = 0;

	if (e->saved || e->holding)
		return -EINVAL;
	if (e->out_first)
		return -EBUSY;
	ik_enter(e, now);
	give_up(e);
	memcpy(id, token, sizeof(id));
	ik_snap_fixed(&s, head, sizeof(head));
	ik_snap_fixed(&s, id, sizeof(id));
	ik_snap_u64(&s, &e->now);
	ik_snap_u64(&s, &e->last_child);
	ik_snap_u64(&s, &e->last_request);
	IK_LIST_FOREACH(&e->all_conns, link)
		n += ik_snap_conn_fits(IK_ENTRY(link, struct ik_conn, in_all));
	ik_snap_count(&s, &n, UINT32_MAX);
	IK_LIST_FOREACH(&e->all_conns, link)
		if (ik_snap_conn_fits(IK_ENTRY(link, struct ik_conn, in_all)))
			save_conn(&s, IK_ENTRY(link, struct ik_conn, in_all));
	ik_snap_fixed(&s, digest, sizeof(digest));
	if (ik_snap_ok(&s)) {
		/* The head has its place behind a type and a length, like all that is fixed. */
		head_write(s.buf + 5, s.len);
		if (!SHA256(s.buf, s.len - DIGEST_LEN, s.buf + s.len - DIGEST_LEN))
			ik_snap_fail(&s, -EIO);
	}
	if (!ik_snap_ok(&s)) {
		int r = s.error;

		ik_snap_done(&s);
		return r;
	}
	e->saved = true;
	ik_out_cut(e, &e->out_first);
	*ret = s.buf;
	*ret_size = s.len;
	return 0;
}

uint8_t *ike_snapshot_free(uint8_t *snapshot, size_t size)
{
	ik_wipe_free(snapshot, size);
	return NULL;
}

/* ------------------------------------------------------------------ restoring */

struct restoring {
	struct ike_engine *e;
	struct ik_snap s;
	struct ik_kernel kernel;
	struct ik_link *next; /* of e->all_conns: connections mostly come in the order they had */
	struct ike_restored done;
};

static struct ik_conn *conn_named(struct restoring *x, const char *name)
{
	struct ik_link *all = &x->e->all_conns, *first = x->next ? x->next : all, *link = first;

	do {
		struct ik_conn *conn = IK_ENTRY(link, struct ik_conn, in_all);

		if (link != all &&
		    !strncmp(conn->config->c.name, name, sizeof(conn->config->c.name))) {
			x->next = link->next;
			return conn;
		}
		link = link->next;
	} while (link != first);
	return NULL;
}

static void refuse(struct restoring *x, struct ik_conn *conn, const char *why)
{
	x->done.refused++;
	ik_report(
		x->e, conn, NULL, IKE_WARNING, "restore-refused", NULL,
		"the connection does not go on where the process before it was: %s; it is made anew",
		why);
}

static void count(struct restoring *x, const struct ik_conn *conn)
{
	x->done.connections++;
	IK_LIST_FOREACH(&conn->sas, link) {
		const struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		x->done.sas++;
		IK_LIST_FOREACH(&sa->children, l)
			x->done.children += IK_ENTRY(l, struct ik_child, in_sa)->installed;
	}
}

static void restore_conn(struct restoring *x)
{
	struct ik_snap *s = &x->s;
	struct ik_snap_mark mark = ik_snap_begin(s);
	char name[IKE_NAME_SIZE + 1] = "";
	uint8_t then[IK_CONFIG_DIGEST], is[IK_CONFIG_DIGEST];
	struct ik_out **last = x->e->out_last;
	struct ik_conn *conn;
	const char *why;
	size_t len;
	int r;

	ik_snap_bytes(s, (uint8_t *)name, &len, IKE_NAME_SIZE);
	ik_snap_fixed(s, then, sizeof(then));
	conn = ik_snap_ok(s) ? conn_named(x, name) : NULL;
	/* It was removed from the configuration. */
	if (!conn) {
		ik_snap_skip(s, mark);
		return;
	}
	r = ik_config_digest(&conn->config->c, is);
	if (r < 0)
		ik_snap_fail(s, r);
	ik_snap_must(s, !conn->restored);
	if (!ik_snap_ok(s))
		return;
	if (memcmp(then, is, sizeof(is)) != 0) {
		ik_snap_skip(s, mark);
		refuse(x, conn, "its configuration is another one");
		return;
	}
	conn->restored = true;
	ik_snap_conn_restore(s, conn);
	ik_snap_end(s, mark);
	if (!ik_snap_ok(s))
		return;
	why = ik_restored_unsound(conn);
	if (!why)
		why = ik_restored_unfit(conn, &x->kernel);
	if (!why) {
		count(x, conn);
		return;
	}
	ik_snap_conn_undo(conn);
	ik_out_cut(x->e, last);
	refuse(x, conn, why);
}

/* What is the same for all of it: 0, or why it is none for us. */
static int check_whole(const struct ike_engine *e, const uint8_t *snapshot, size_t size)
{
	uint8_t digest[DIGEST_LEN];

	if (size < 5 + HEAD_LEN + 5 + DIGEST_LEN || size > IKE_SNAPSHOT_MAX ||
	    memcmp(snapshot + 5, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	if (ike_load_u32(snapshot + 5 + 8) != VERSION)
		return -EPROTONOSUPPORT;
	if (ike_load_u32(snapshot + 5 + 12) != size)
		return -EBADMSG;
	if (!SHA256(snapshot, size - DIGEST_LEN, digest))
		return -EIO;
	if (memcmp(digest, snapshot + size - DIGEST_LEN, sizeof(digest)) != 0)
		return -EBADMSG;
	if (!e->holding || e->last_child || !ik_list_empty(&e->all_sas))
		return -EBUSY;
	return 0;
}

static int restore_all(struct restoring *x, const uint8_t token[IKE_SNAPSHOT_TOKEN])
{
	uint8_t id[IKE_SNAPSHOT_TOKEN], head[HEAD_LEN];
	struct ike_engine *e = x->e;
	struct ik_snap *s = &x->s;
	size_t n = 0;

	ik_snap_fixed(s, head, sizeof(head));
	ik_snap_fixed(s, id, sizeof(id));
	ik_snap_u64(s, &s->now);
	if (!ik_snap_ok(s))
		return s->error;
	if (CRYPTO_memcmp(id, token, sizeof(id)) != 0 || s->now > e->now ||
	    e->now - s->now > IKE_SNAPSHOT_AGE)
		return -ESTALE;
	ik_snap_u64(s, &e->last_child);
	ik_snap_u64(s, &e->last_request);
	ik_snap_must(s, e->last_child < UINT64_MAX / 2 && e->last_request < UINT64_MAX / 2);
	ik_snap_count(s, &n, UINT32_MAX);
	while (n-- && ik_snap_ok(s))
		restore_conn(x);
	ik_snap_must(s, s->left == 5 + DIGEST_LEN);
	return s->error;
}

/* Granted to the process before, and used by nothing that goes on. */
static void release_unused(struct restoring *x)
{
	for (size_t i = 0; i < x->kernel.n_bindings; i++) {
		const struct ike_kernel_binding *b = &x->kernel.bindings[i];
		const struct ik_conn *conn = ik_conn_find(x->e, b->connection);

		if (conn && conn->restored && !ik_table_find(&x->e->bindings, b->binding, NULL))
			ik_out_release(x->e, b->binding);
	}
}

int ike_engine_restore(struct ike_engine *e, ike_time now, const uint8_t token[IKE_SNAPSHOT_TOKEN],
		       const uint8_t *snapshot, size_t size, const struct ike_kernel *kernel,
		       struct ike_restored *ret)
{
	struct restoring x = {.e = e, .s = {.p = snapshot, .left = size}};
	struct ik_out **last = e->out_last;
	int r;

	ik_enter(e, now);
	r = check_whole(e, snapshot, size);
	if (r == 0)
		r = ik_kernel_index(kernel, &x.kernel);
	if (r < 0)
		return r;
	r = restore_all(&x, token);
	if (r == 0) {
		release_unused(&x);
		*ret = x.done;
	} else {
		IK_LIST_FOREACH(&e->all_conns, link)
			if (IK_ENTRY(link, struct ik_conn, in_all)->restored)
				ik_snap_conn_undo(IK_ENTRY(link, struct ik_conn, in_all));
		ik_out_cut(e, last);
		e->last_child = e->last_request = 0;
	}
	ik_kernel_done(&x.kernel);
	return r;
}

bool ike_connection_restored(const struct ike_engine *e, uint32_t id)
{
	const struct ik_conn *conn = ik_conn_find(e, id);

	return conn && conn->restored;
}

/* ------------------------------------------------------------------ going on */

static void gone(struct ik_child *child)
{
	ik_report(child->e, child->conn, &child->sa->remote, IKE_WARNING, "child-dead", NULL,
		  "Child SA with SPI %08x ended in the kernel while the daemon was restarted",
		  child->spi_in);
	ik_child_ended(child);
	ik_child_close(child);
}

static void go_on_child(struct ik_child *child)
{
	struct ik_child *old = ik_child_find(child->e, child->replaces);
	enum ik_restored what = child->restored;
	bool installing = child->state == IK_CHILD_INSTALLING;

	child->restored = IK_RESTORED_NOTHING;
	switch (what) {
	case IK_RESTORED_NOTHING: break;
	case IK_RESTORED_THERE:
		if (installing)
			ik_child_installed(child, 0, "");
		break;
	case IK_RESTORED_GONE:
		if (installing)
			ik_child_installed(child, -ENOENT, "the daemon was restarted meanwhile");
		else if (child->state == IK_CHILD_UP || child->state == IK_CHILD_REKEYED)
			gone(child);
		else
			child->installed = false;
		break;
	case IK_RESTORED_UNANSWERED:
		if (old && old->peer_new == child->number)
			old->peer_new = 0;
		ik_child_end(child, false);
		if (old)
			ik_child_settle(old);
		break;
	}
}

/* One that has not gone on yet; NULL: all have. */
static struct ik_child *waiting_child(const struct ik_conn *conn)
{
	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		IK_LIST_FOREACH(&sa->children, l)
			if (IK_ENTRY(l, struct ik_child, in_sa)->restored != IK_RESTORED_NOTHING)
				return IK_ENTRY(l, struct ik_child, in_sa);
	}
	return NULL;
}

static void go_on(struct ik_conn *conn)
{
	struct ik_child *child;

	/* One may end its IKE SA, and so take others off the list. */
	while ((child = waiting_child(conn)))
		go_on_child(child);
	IK_LIST_FOREACH(&conn->e->lingering, link)
		IK_ENTRY(link, struct ik_child, in_sa)->restored = IK_RESTORED_NOTHING;
	IK_LIST_FOREACH(&conn->sas, link)
		ik_sa_run(IK_ENTRY(link, struct ik_sa, in_conn));
	ik_children_ensure(conn);
	ik_unique_check(conn);
}

void ike_engine_start(struct ike_engine *e, ike_time now)
{
	ik_enter(e, now);
	if (!e->holding)
		return;
	e->holding = false;
	IK_LIST_FOREACH(&e->all_conns, link) {
		struct ik_conn *conn = IK_ENTRY(link, struct ik_conn, in_all);

		if (conn->restored)
			go_on(conn);
		ik_conn_check(conn);
	}
	ik_child_bury(e);
	ik_sa_bury(e);
}
