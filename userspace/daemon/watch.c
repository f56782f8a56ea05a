/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watching paths. Owns them. Called by the verify workers.
 */
#include "daemon/watch.h"

#include <sys/queue.h>

struct watched {
	TAILQ_ENTRY(watched) all; /* those that were looked at longest ago first */
	struct table_node by_handle;
	uint64_t handle;
	struct judged j;
	unsigned int round; /* of watch.round that it was looked at in */
	int64_t due;	    /* seconds since 1970: what is good now is not fresh any more */
	usec_t looked_at;
	bool told_revoked, told_overdue;
};

struct watch {
	TAILQ_HEAD(, watched) all;
	struct table by_handle;
	unsigned int round;
	const struct watch_ops *ops;
	void *ctx;
};

struct watch *watch_new(const struct watch_ops *ops, void *ctx)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	TAILQ_INIT(&w->all);
	w->ops = ops;
	w->ctx = ctx;
	return w;
}

static void drop(struct watch *w, struct watched *p)
{
	TAILQ_REMOVE(&w->all, p, all);
	table_del(&w->by_handle, &p->by_handle);
	judged_done(&p->j);
	free(p);
}

struct watch *watch_free(struct watch *w)
{
	struct watched *p;

	if (!w)
		return NULL;
	while ((p = TAILQ_FIRST(&w->all)))
		drop(w, p);
	table_done(&w->by_handle);
	free(w);
	return NULL;
}

static void tell(struct watch *w, const struct watched *p, int64_t now, bool overdue)
{
	static struct proto_path_state s;

	s = (struct proto_path_state){.handle = p->handle,
				      .checked_at = now,
				      .overdue = overdue,
				      .n = MIN(p->j.n_status, (size_t)PKI_BINDING_LINKS_MAX)};
	for (size_t i = 0; i < s.n; i++) {
		const struct pki_cert_status *from = &p->j.status[i];

		s.certs[i].state = from->state;
		(void)snprintf(s.certs[i].source, sizeof(s.certs[i].source), "%s", from->source);
		s.certs[i].fresh_until = from->state == PKI_STATE_GOOD ? from->fresh_until
								       : INT64_MAX;
		(void)snprintf(s.certs[i].text, sizeof(s.certs[i].text), "%s", from->text);
	}
	w->ops->state(w->ctx, &s);
}

/* The first moment at which one of them is good no more. */
static int64_t due_of(const struct judged *j, int64_t grace)
{
	int64_t due = INT64_MAX;

	for (size_t i = 0; i < j->n_status; i++) {
		if (j->status[i].state == PKI_STATE_GOOD &&
		    j->status[i].fresh_until < INT64_MAX - grace - 1)
			due = MIN(due, j->status[i].fresh_until + grace + 1);
	}
	return due;
}

int watch_add(struct watch *w, uint64_t handle, struct judged *j, int64_t grace, int64_t now,
	      usec_t boot)
{
	struct watched *p = calloc(1, sizeof(*p));

	if (!p) {
		judged_done(j);
		return -ENOMEM;
	}
	*p = (struct watched){.handle = handle,
			      .j = *j,
			      .round = w->round,
			      .due = due_of(j, grace),
			      .looked_at = boot};
	*j = (struct judged){0};
	TAILQ_INSERT_TAIL(&w->all, p, all);
	table_add(&w->by_handle, &p->by_handle, handle);
	if (p->j.n_status > 0)
		tell(w, p, now, false);
	return 0;
}

void watch_each(struct watch *w, void (*fn)(void *ctx, uint64_t handle, const struct judged *j),
		void *ctx)
{
	const struct watched *p;

	TAILQ_FOREACH(p, &w->all, all)
	fn(ctx, p->handle, &p->j);
}

void watch_del(struct watch *w, uint64_t handle)
{
	struct watched *p = TABLE_ENTRY(table_find(&w->by_handle, handle), struct watched,
					by_handle);

	if (p)
		drop(w, p);
}

void watch_all(struct watch *w)
{
	w->round++;
}

static bool same(const struct pki_cert_status *a, const struct pki_cert_status *b)
{
	return a->state == b->state && a->fresh_until == b->fresh_until &&
	       streq(a->source, b->source) && streq(a->text, b->text);
}

static bool changed(const struct judged *j, const struct revcheck *c)
{
	if (j->n_status != c->n_status)
		return true;
	for (size_t i = 0; i < j->n_status; i++) {
		if (!same(&j->status[i], &c->status[i]))
			return true;
	}
	return false;
}

static void tell_revoked(struct watch *w, struct watched *p, size_t at)
{
	static struct proto_seen_revoked s;

	if (p->told_revoked || at >= p->j.n_status || p->j.status[at].state != PKI_STATE_REVOKED)
		return;
	p->told_revoked = true;
	judge_describe_revoked(p->j.connection, p->j.path[at], &p->j.status[at], &s);
	w->ops->seen_revoked(w->ctx, &s);
}

static void look(struct watch *w, struct watched *p, const struct trust_table *t,
		 const struct revknown *known, int64_t now)
{
	const struct trust_entry *e = trust_table_find(t, p->j.connection);
	static struct revcheck c;
	struct pki_error why = {0};
	enum pki_reason reason;
	bool news, overdue;
	size_t at = 0;

	/* Its connection is gone from the configuration, and main is about to end it. */
	if (!e || !clock_plausible(now))
		return;
	c = (struct revcheck){.entry = e,
			      .known = known,
			      .may_ask = true,
			      .sent = p->j.answers,
			      .n_sent = p->j.n_answers};
	reason = revcheck_path(&c, p->j.path, p->j.n_path, &p->j.others, now, &why, &at);
	pki_certs_done(&c.others);
	if (reason == PKI_INTERNAL || c.refused_here)
		return; /* what main revoked it has ended itself */
	news = changed(&p->j, &c);
	memcpy(p->j.status, c.status, sizeof(p->j.status));
	p->j.n_status = c.n_status;
	p->due = due_of(&p->j, e->revocation_grace);
	overdue = reason == PKI_REVOCATION_UNKNOWN && !c.missing;
	if (news || (overdue && !p->told_overdue))
		tell(w, p, now, overdue);
	p->told_overdue = overdue;
	if (reason == PKI_REVOKED)
		tell_revoked(w, p, at);
}

bool watch_run(struct watch *w, const struct trust_table *t, const struct revknown *known,
	       int64_t now, usec_t boot)
{
	unsigned int looked = 0;
	struct watched *next;

	for (struct watched *p = TAILQ_FIRST(&w->all); p; p = next) {
		next = TAILQ_NEXT(p, all);
		if (p->round == w->round && now < p->due &&
		    boot - p->looked_at < WATCH_KEEP_SECONDS * USEC_PER_SEC)
			continue;
		if (looked++ == WATCH_BATCH)
			return true;
		p->round = w->round;
		p->looked_at = boot;
		look(w, p, t, known, now);
		TAILQ_REMOVE(&w->all, p, all);
		TAILQ_INSERT_TAIL(&w->all, p, all);
	}
	return false;
}
