/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that end soon: ours, what a connection's chain holds for the peer, and what the peer came with. Whoever has to renew them hears
 * of it 30, 7 and 1 days ahead, once each, and reads it in `status` all the time.
 */
#include "daemon/expiry.h"

#include "daemon/binding.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"

enum { DAY = 24 * 60 * 60 };

/* In this order: a level is one more than the place of the last step that was reached. */
static const unsigned int steps[] = {30, 7, 1};

unsigned int expiry_level(int64_t not_after, int64_t now)
{
	unsigned int level = 0;

	while (level < ARRAY_SIZE(steps) && not_after - now <= (int64_t)steps[level] * DAY)
		level++;
	return level;
}

static void set_item(struct expiry_item *item, const char *whose, const char *subject,
		     int64_t not_after)
{
	*item = (struct expiry_item){
		.whose = whose, .subject = subject ? subject : "", .not_after = not_after};
}

void expiry_items(const struct conn *c, struct expiry_item items[EXPIRY_ITEMS])
{
	const struct binding *b = LIST_FIRST(&c->bindings);

	memset(items, 0, EXPIRY_ITEMS * sizeof(*items));
	if (c->n_certs > 0)
		set_item(&items[0], "ours", c->local_ends, c->local_ends_at);
	if (c->chain_not_after != 0)
		set_item(&items[1], "configured", c->chain_subject, c->chain_not_after);
	/* The earliest of its path. A path's anchor and intermediates may be the configured ones: once is enough. */
	for (uint32_t i = 0; b && !b->dead && i < b->b.binding.n_links; i++) {
		if ((items[2].whose && items[2].not_after <= b->b.chain[i].not_after) ||
		    (b->b.chain[i].not_after == c->chain_not_after && c->chain_subject &&
		     streq(b->b.chain[i].subject, c->chain_subject)))
			continue;
		set_item(&items[2], "peer", b->b.chain[i].subject, b->b.chain[i].not_after);
	}
}

/* An intermediate that we send ends what it issued as well. */
static bool is_intermediate(const struct conn *c, const struct expiry_item *item)
{
	return streq(item->whose, "ours") && c->local_subject &&
	       (!streq(item->subject, c->local_subject) || item->not_after != c->local_not_after);
}

static const char *what(const struct conn *c, const struct expiry_item *item)
{
	if (is_intermediate(c, item))
		return "an intermediate of our certificate,";
	if (streq(item->whose, "ours"))
		return "our certificate";
	return streq(item->whose, "peer") ? "the peer's certificate"
					  : "a certificate of the configured chain,";
}

static const char *way_out(const struct conn *c, const struct expiry_item *item)
{
	if (is_intermediate(c, item))
		return "get a new certificate from a CA that lasts, and put it in the place of ours with its chain";
	if (streq(item->whose, "ours") && c->cfg->outbound_certificate.vault)
		return "make a new version in the vault; if the URL names a version, name that one";
	if (streq(item->whose, "ours"))
		return "put a new one into the file of outbound_certificate, then 'certgate reload'";
	return streq(item->whose, "peer")
		       ? "the peer needs a new one; 'certgate status' shows its chain"
		       : "add its successor to the chain beside it, then 'certgate reload'";
}

static void tell(struct gateway *g, struct conn *c, const struct expiry_item *item, int64_t now)
{
	const int64_t left = item->not_after - now;
	char until[TIMESTAMP_SIZE];

	if (left <= 0)
		history_note(g, c, IKE_ERROR, "certificate-expired", NULL, way_out(c, item),
			     "%s %s has expired at %s", what(c, item), item->subject,
			     format_timestamp(item->not_after, until));
	else
		history_note(g, c, IKE_WARNING, "certificate-expires", NULL, way_out(c, item),
			     "%s %s expires in %lld %s, at %s", what(c, item), item->subject,
			     (long long)(left >= 2 * DAY ? left / DAY : left / 3600),
			     left >= 2 * DAY ? "days" : "hours",
			     format_timestamp(item->not_after, until));
}

static void look_at(struct gateway *g, struct conn *c, int64_t now)
{
	struct expiry_item items[EXPIRY_ITEMS];

	expiry_items(c, items);
	for (size_t i = 0; i < EXPIRY_ITEMS; i++) {
		unsigned int level = items[i].whose ? expiry_level(items[i].not_after, now) : 0;

		/* Past its end is a step of its own. */
		if (level > 0 && items[i].not_after <= now)
			level++;
		/* Another certificate begins anew. */
		if (c->expiry_told[i].not_after != items[i].not_after)
			c->expiry_told[i].level = 0;
		if (level > c->expiry_told[i].level)
			tell(g, c, &items[i], now);
		c->expiry_told[i].level = level;
		c->expiry_told[i].not_after = items[i].not_after;
	}
}

void expiry_tick(struct gateway *g, int64_t now)
{
	/* a pause that is longer than a pause is one of a clock that was ahead */
	if (now < g->expiry_at && g->expiry_at - now <= EXPIRY_SECONDS)
		return;
	g->expiry_at = now + EXPIRY_SECONDS;
	for (size_t i = 0; i < g->n_conns; i++)
		look_at(g, g->conns[i], now);
}
