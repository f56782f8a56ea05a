/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate bindings: taken from verify alone, made in the kernel, found by the handle that ike was given, and gone when nobody uses
 * them. The table is bounded by the peers that authenticate: each connection keeps a few.
 */
#include "daemon/binding.h"

#include "base/hex.h"
#include "base/str.h"
#include "daemon/adopt.h"
#include "daemon/channel.h"
#include "daemon/check.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/proc.h"
#include "daemon/proto_auth.h"
#include "daemon/proto_revocation.h"
#include "daemon/restart_state.h"
#include "daemon/table.h"
#include "kernel/kernel.h"

enum { BINDINGS_PER_CONNECTION = 16 };

struct binding *binding_find(struct gateway *g, uint64_t handle)
{
	return handle != 0 ? TABLE_ENTRY(table_find(&g->bindings_by_handle, handle), struct binding,
					 by_handle)
			   : NULL;
}

struct binding *binding_find_kernel(struct gateway *g, uint32_t id)
{
	return id != 0 ? TABLE_ENTRY(table_find(&g->bindings_by_kernel, id), struct binding,
				     by_kernel)
		       : NULL;
}

static char *put(char **at, const char *s)
{
	char *to = *at;

	*at = stpcpy(to, s) + 1;
	return to;
}

int binding_facts_set(struct binding_facts *f, const struct proto_binding *p)
{
	const struct pki_binding *b = &p->binding;
	uint32_t n = b->n_links;
	size_t size = n * (sizeof(*f->binding.links) + sizeof(*f->chain)) + strlen(b->subject) +
		      strlen(b->label) + strlen(p->identity) + 3;
	struct pki_fingerprint *links;
	struct binding_chain *chain;
	char *at;

	for (uint32_t i = 0; i < n; i++)
		size += strlen(p->chain[i].subject) + 1;
	chain = malloc(size);
	if (!chain)
		return -ENOMEM;
	links = (struct pki_fingerprint *)(chain + n);
	at = (char *)(links + n);
	if (n > 0)
		memcpy(links, b->links, n * sizeof(*links));
	for (uint32_t i = 0; i < n; i++)
		chain[i] = (struct binding_chain){.subject = put(&at, p->chain[i].subject),
						  .not_after = p->chain[i].not_after};
	*f = (struct binding_facts){
		.handle = p->handle,
		.connection = p->connection,
		.binding = {.links = links,
			    .n_links = n,
			    .not_before = b->not_before,
			    .not_after = b->not_after,
			    .subject = put(&at, b->subject),
			    .label = put(&at, b->label)},
		.identity = put(&at, p->identity),
		.chain = chain,
		.room = chain,
	};
	memcpy(f->trust, p->trust, sizeof(f->trust));
	return 0;
}

void binding_facts_get(const struct binding_facts *f, struct proto_binding *ret)
{
	struct pki_binding *b = &ret->binding;

	*ret = (struct proto_binding){.handle = f->handle, .connection = f->connection};
	memcpy(ret->trust, f->trust, sizeof(ret->trust));
	b->n_links = f->binding.n_links;
	b->not_before = f->binding.not_before;
	b->not_after = f->binding.not_after;
	(void)snprintf(b->subject, sizeof(b->subject), "%s", f->binding.subject);
	(void)snprintf(b->label, sizeof(b->label), "%s", f->binding.label);
	(void)snprintf(ret->identity, sizeof(ret->identity), "%s", f->identity);
	for (uint32_t i = 0; i < b->n_links; i++) {
		b->links[i] = f->binding.links[i];
		ret->chain[i].not_after = f->chain[i].not_after;
		(void)snprintf(ret->chain[i].subject, sizeof(ret->chain[i].subject), "%s",
			       f->chain[i].subject);
	}
}

/* NULL: no memory. */
static struct binding *binding_alloc(const struct proto_binding *p)
{
	struct binding *b = calloc(1, sizeof(*b));

	if (b && binding_facts_set(&b->b, p) >= 0)
		return b;
	free(b);
	(void)log_oom();
	return NULL;
}

static void unlink_binding(struct gateway *g, struct binding *b)
{
	table_del(&g->bindings_by_handle, &b->by_handle);
	table_del(&g->bindings_by_kernel, &b->by_kernel);
	LIST_REMOVE(b, all);
	if (b->conn)
		LIST_REMOVE(b, of_conn);
	free(b->state);
	free(b->path);
	free(b->why);
	free(b->b.room);
	free(b);
}

static void tell_gone(struct channel *c, uint64_t handle)
{
	struct msg_writer m;

	if (!c)
		return;
	msg_begin(&m, MSG_BINDING_GONE);
	msg_put_u64(&m, handle);
	(void)channel_send(c, &m, -EBADF);
}

/* Whichever worker judged it need not look at it any more. */
static void tell_all_gone(struct gateway *g, const struct binding *b)
{
	for (unsigned int i = 0; i < g->n_verifiers; i++)
		tell_gone(proc_channel(g, ROLE_VERIFY, i), b->b.handle);
}

/* ---------------------------------------------------------------- the audit trail */

static void tell_admitted(struct gateway *g, const struct binding *b)
{
	_cleanup_strbuf_ struct cg_strbuf chain = {0};
	char until[TIMESTAMP_SIZE], digest[17], hash[17];

	for (uint32_t i = 0; i < b->b.binding.n_links; i++) {
		if (hex_encode(b->b.binding.links[i].cert, 8, hash, sizeof(hash)) >= 0)
			strbuf_addf(&chain, "%s%s (%s)", i > 0 ? " <- " : "", b->b.chain[i].subject,
				    hash);
	}
	(void)hex_encode(b->conn->config_digest, sizeof(b->conn->config_digest), digest,
			 sizeof(digest));
	history_note(
		g, b->conn, IKE_NOTICE, "peer-admitted", NULL, NULL,
		"%s was let in as %s, binding %u, until %s, under configuration %s, by the chain %s",
		b->b.binding.subject, b->b.identity, b->kernel_id,
		format_timestamp(b->b.binding.not_after, until), digest, chain.s ? chain.s : "");
}

const char *binding_why(const struct binding *b)
{
	return b->why ? b->why : "";
}

static const char *why_left(const struct gateway *g, const struct binding *b)
{
	const struct binding *newest = b->conn ? LIST_FIRST(&b->conn->bindings) : NULL;

	if (b->dead)
		return binding_why(b);
	if (g->stopping)
		return "the daemon stops";
	if (!b->conn || b->conn->closing)
		return "the connection was removed from the configuration, or changed";
	if (newest != b)
		return "a new authentication took its place";
	if (b->conn->down)
		return "the connection was taken down";
	return b->conn->left ? b->conn->left : "its IKE SA ended";
}

static void tell_left(struct gateway *g, const struct binding *b)
{
	char since[TIMESTAMP_SIZE];

	/* One that the kernel refused was never let in. */
	if (b->kernel_id == 0)
		return;
	history_note(g, b->conn, IKE_NOTICE, "peer-left", NULL, NULL,
		     "%s, let in at %s with binding %u, has left: %s", b->b.binding.subject,
		     format_timestamp(b->since, since), b->kernel_id, why_left(g, b));
}

void binding_settle(struct gateway *g, struct binding *b)
{
	if (!b->released || b->children > 0)
		return;
	/* -EBUSY: SAs of an engine that ended refer to it, and it goes with them. */
	if (g->k && b->kernel_id != 0 && cgk_cert_del(g->k, b->kernel_id) == -EBUSY)
		adopt_cert(g, b->kernel_id);
	tell_left(g, b);
	tell_all_gone(g, b);
	unlink_binding(g, b);
}

struct binding *binding_named(struct gateway *g, uint64_t handle)
{
	struct binding *b = binding_find(g, handle);

	for (unsigned int i = 0; i < g->n_verifiers && !b; i++) {
		channel_drain(proc_channel(g, ROLE_VERIFY, i));
		b = binding_find(g, handle);
	}
	return b;
}

void binding_place(struct gateway *g, uint64_t handle, const struct cg_addr *place)
{
	struct binding *b = binding_named(g, handle);
	struct check_context ctx;

	if (!b || !b->conn || b->dead || b->released)
		return;
	conn_check_context(b->conn, &ctx);
	if (check_remote(&ctx, place))
		b->place = *place;
}

void binding_release(struct gateway *g, uint64_t handle)
{
	struct binding *b = binding_find(g, handle);

	if (!b)
		return;
	b->released = true;
	binding_settle(g, b);
}

void binding_tell_ike(struct gateway *g, const struct binding *b)
{
	struct msg_writer m;

	msg_begin(&m, MSG_BINDING_DEAD);
	msg_put_u64(&m, b->b.handle);
	msg_put_str(&m, binding_why(b));
	(void)channel_send(ike_channel(g), &m, -EBADF);
}

void binding_die(struct gateway *g, struct binding *b, const char *why)
{
	if (b->dead)
		return;
	b->dead = true;
	free(b->why);
	b->why = strdup(why);
	history_add(g, b->conn, IKE_WARNING, "binding-dead", NULL,
		    "the peer needs a certificate that is valid and not revoked",
		    "the tunnel of '%s' is stopped by the kernel: %s", b->b.binding.subject, why);
	binding_tell_ike(g, b);
}

void binding_expired(struct gateway *g, struct binding *b)
{
	char why[128], at[TIMESTAMP_SIZE];
	uint32_t first = 0;

	if (b->dead || b->b.binding.n_links == 0)
		return;
	for (uint32_t i = 1; i < b->b.binding.n_links; i++) {
		if (b->b.chain[i].not_after < b->b.chain[first].not_after)
			first = i;
	}
	(void)format_timestamp(b->b.chain[first].not_after, at);
	history_note(g, b->conn, IKE_ERROR, "certificate-expired", NULL, "the peer needs a new one",
		     "%s, in the chain by which %s was let in, has expired at %s",
		     b->b.chain[first].subject, b->b.binding.subject, at);
	(void)snprintf(why, sizeof(why), "%.80s has expired at %s", b->b.chain[first].subject, at);
	binding_die(g, b, why);
}

void binding_stop(struct gateway *g, struct binding *b, const char *why)
{
	const struct child *k;

	LIST_FOREACH(k, &g->children, all)
	{
		if (k->binding != b || !g->k)
			continue;
		(void)cgk_sa_del(g->k, k->sa_out);
		(void)cgk_sa_del(g->k, k->sa_in);
	}
	binding_die(g, b, why);
}

static void keep_state(struct binding *b, const struct proto_path_state *s)
{
	struct binding_state *k;
	size_t size = sizeof(*k) + s->n * sizeof(k->certs[0]);
	char *at;

	for (size_t i = 0; i < s->n; i++)
		size += strlen(s->certs[i].text) + 1;
	k = malloc(size);
	if (!k) {
		(void)log_oom();
		return;
	}
	k->checked_at = s->checked_at;
	k->n = s->n;
	at = (char *)&k->certs[s->n];
	for (size_t i = 0; i < s->n; i++) {
		k->certs[i].state = s->certs[i].state;
		memcpy(k->certs[i].source, s->certs[i].source, sizeof(k->certs[i].source));
		k->certs[i].fresh_until = s->certs[i].fresh_until;
		k->certs[i].text = put(&at, s->certs[i].text);
	}
	free(b->state);
	b->state = k;
}

void binding_path_state(struct gateway *g, const struct proto_path_state *s)
{
	struct binding *b = binding_find(g, s->handle);
	char why[128];

	/* It may be gone, and verify not know yet. */
	if (!b)
		return;
	keep_state(b, s);
	if (!s->overdue || b->dead || !b->conn ||
	    b->conn->cfg->revocation != CG_REVOCATION_REQUIRED)
		return;
	for (size_t i = 0; i < s->n; i++) {
		if (s->certs[i].state != PKI_STATE_UNKNOWN)
			continue;
		(void)snprintf(why, sizeof(why),
			       "whether it is revoked is not known any more: %.80s",
			       s->certs[i].text);
		binding_stop(g, b, why);
		return;
	}
}

static void compare(struct binding *b)
{
	if (memcmp(b->b.trust, b->conn->trust_digest, sizeof(b->b.trust)) == 0)
		b->outdated = 0;
	else if (b->outdated == 0)
		b->outdated = now_boottime();
}

void bindings_compare(struct conn *c)
{
	struct binding *b;

	LIST_FOREACH(b, &c->bindings, of_conn)
	{
		compare(b);
	}
}

static bool waits_for_peer(const struct binding *b)
{
	return b->conn && b->conn->cfg->mode == CG_MODE_RESPONDER_ONLY;
}

void binding_path_judged(struct gateway *g, struct proc *from, const struct proto_path_judged *p)
{
	struct binding *b = binding_find(g, p->handle);
	char why[PKI_TEXT_MAX + 64];

	from->judged = now_boottime();
	/* Of other rules than those in force it says nothing. */
	if (!b || b->dead || !b->conn ||
	    memcmp(p->trust, b->conn->trust_digest, sizeof(p->trust)) != 0)
		return;
	if (p->admitted) {
		memcpy(b->admitted_by, p->trust, sizeof(b->admitted_by));
		return;
	}
	/* Where it can be authenticated anew from here, what its peer has by now is what counts. */
	if (!waits_for_peer(b))
		return;
	(void)snprintf(why, sizeof(why), "by the rules in force it is not let in: %s", p->text);
	binding_stop(g, b, why);
}

/* Until when it may be in use under rules that it was not judged by. */
static usec_t last_moment(struct gateway *g, const struct binding *b)
{
	const usec_t end = b->outdated + BINDING_OUTDATED_SECONDS * USEC_PER_SEC;
	const struct proc *judge;
	usec_t heard;

	if (!waits_for_peer(b) ||
	    memcmp(b->admitted_by, b->conn->trust_digest, sizeof(b->admitted_by)) == 0)
		return end;
	/* One that gets on with the others has not come to this one yet. */
	judge = proc_find(g, ROLE_VERIFY, b->judge);
	heard = judge ? MAX(judge->judged, b->outdated) : b->outdated;
	return MIN(heard + BINDING_UNSEEN_SECONDS * USEC_PER_SEC, end);
}

void bindings_tick(struct gateway *g, usec_t now)
{
	struct binding *b;

	LIST_FOREACH(b, &g->bindings, all)
	{
		if (b->outdated != 0 && !b->dead && now > last_moment(g, b))
			binding_stop(
				g, b,
				"the configuration it was let in under has changed, and it was not let in again");
	}
}

/* The oldest that nothing uses makes room. */
static void make_room(struct conn *c)
{
	struct binding *oldest = NULL, *b;
	unsigned int n = 0;

	LIST_FOREACH(b, &c->bindings, of_conn)
	{
		n++;
		if (b->children == 0)
			oldest = b;
	}
	if (n < BINDINGS_PER_CONNECTION || !oldest)
		return;
	oldest->released = true;
	binding_settle(c->g, oldest);
}

static int make_in_kernel(struct gateway *g, const struct proto_binding *p, uint32_t *ret)
{
	static struct cgk_cert c;

	if (!g->k)
		return -ENODEV;
	c = (struct cgk_cert){.n_links = p->binding.n_links,
			      .not_before = p->binding.not_before,
			      .not_after = p->binding.not_after};
	for (uint32_t i = 0; i < p->binding.n_links; i++) {
		memcpy(c.links[i].cert, p->binding.links[i].cert, CERTGATE_HASH_SIZE);
		memcpy(c.links[i].spki, p->binding.links[i].spki, CERTGATE_HASH_SIZE);
	}
	(void)snprintf(c.subject, sizeof(c.subject), "%s", p->binding.subject);
	(void)snprintf(c.label, sizeof(c.label), "%s", p->binding.label);
	return cgk_cert_new(g->k, &c, ret);
}

static void list_binding(struct conn *c, struct binding *b)
{
	LIST_INSERT_HEAD(&c->g->bindings, b, all);
	LIST_INSERT_HEAD(&c->bindings, b, of_conn);
	table_add(&c->g->bindings_by_handle, &b->by_handle, b->b.handle);
}

struct binding *binding_restored(struct conn *c, const struct state_binding *s, unsigned int judge)
{
	struct binding *b = binding_alloc(&s->b);

	if (!b)
		return NULL;
	b->conn = c;
	b->kernel_id = s->kernel_id;
	b->judge = judge;
	b->since = s->since;
	b->place = s->place;
	b->b.connection = c->id;
	list_binding(c, b);
	table_add(&c->g->bindings_by_kernel, &b->by_kernel, s->kernel_id);
	compare(b);
	return b;
}

void binding_new(struct gateway *g, struct proc *from, const struct proto_binding *p)
{
	static struct cg_ratelimit notices = {.interval = 600 * USEC_PER_SEC, .burst = 20};
	struct conn *c = conn_find(g, p->connection);
	struct binding *b;
	int r;

	if (from->role != ROLE_VERIFY || binding_find(g, p->handle))
		return;
	/* ike knows of either, or will: the verdict may have crossed that. */
	if (!c || conn_is_refused(c)) {
		/* Whoever has a peer's key may come as often as it likes. */
		if (ratelimit_pass(&notices, now_boottime(), NULL))
			log_notice("a peer authenticated for a connection that is %s",
				   c ? "refused" : "gone");
		tell_gone(from->channel, p->handle);
		return;
	}
	make_room(c);
	b = binding_alloc(p);
	if (!b)
		return;
	b->conn = c;
	b->judge = from->index;
	b->since = (int64_t)(now_realtime() / USEC_PER_SEC);
	free(TAKE_PTR(c->left));
	list_binding(c, b);
	/* The verdict may have crossed a change of the rules. */
	compare(b);
	r = make_in_kernel(g, p, &b->kernel_id);
	if (r >= 0) {
		table_add(&g->bindings_by_kernel, &b->by_kernel, b->kernel_id);
		tell_admitted(g, b);
		return;
	}
	b->dead = true;
	b->why = strdup(g->k ? cgk_error(g->k) : "the module is not loaded");
	history_add(g, c, IKE_ERROR, "binding-refused", NULL,
		    g->k ? "is one of the peer's certificates revoked? 'certgate cert list' tells"
			 : "load the module: modprobe certgate",
		    "the kernel refuses the certificate binding of '%s': %s", p->binding.subject,
		    binding_why(b));
	/* The verdict is on its way to ike; this comes behind it, or ike learns with the SA that it wants. */
	binding_tell_ike(g, b);
}

void bindings_revoked(struct gateway *g, const uint8_t hash[CERTGATE_HASH_SIZE], const char *text,
		      bool in_kernel)
{
	struct binding *b;

	LIST_FOREACH(b, &g->bindings, all)
	{
		for (uint32_t i = 0; i < b->b.binding.n_links; i++) {
			const struct pki_fingerprint *f = &b->b.binding.links[i];
			char why[128];

			if (memcmp(f->cert, hash, CERTGATE_HASH_SIZE) != 0 &&
			    memcmp(f->spki, hash, CERTGATE_HASH_SIZE) != 0)
				continue;
			(void)snprintf(why, sizeof(why), "revoked: %.60s%s%.50s",
				       b->b.chain[i].subject, text ? ", " : "", text ? text : "");
			if (in_kernel)
				binding_die(g, b, why);
			else
				binding_stop(g, b, why);
			break;
		}
	}
}

void bindings_orphan(struct gateway *g)
{
	struct binding *next;

	for (struct binding *b = LIST_FIRST(&g->bindings); b; b = next) {
		next = LIST_NEXT(b, all);
		if (b->conn && !g->stopping)
			(void)str_replace(&b->conn->left, "the process ike ended");
		b->released = true;
		binding_settle(g, b);
	}
}

void bindings_of_conn_orphan(struct conn *c)
{
	struct binding *next;

	for (struct binding *b = LIST_FIRST(&c->bindings); b; b = next) {
		next = LIST_NEXT(b, of_conn);
		b->released = true;
		binding_settle(c->g, b);
	}
}

void bindings_free(struct gateway *g)
{
	struct binding *b;

	while ((b = LIST_FIRST(&g->bindings)))
		unlink_binding(g, b);
}
