/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which requests a verify worker gets next. Owns those that wait, and wipes them: keys are among what a verdict is over. Called by role_ike.c.
 */
#include "daemon/verify_queue.h"

#define OF_STRANGERS 4 /* of so many one is a stranger's, if there is one */

struct verify_queue {
	struct fair_queue *ahead, *strangers;
	unsigned int under_way, turn;
};

struct verify_queue *verify_queue_new(void)
{
	/* A request has up to 64 KiB for its candidates, and the peer's chain. */
	static const struct fair_limits limits = {.items = 8192,
						  .bytes = (size_t)32 * 1024 * 1024,
						  .lane_items = 1024,
						  .lane_bytes = (size_t)4 * 1024 * 1024};
	struct verify_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->ahead = fair_queue_new(&limits);
	q->strangers = fair_queue_new(&limits);
	if (!q->ahead || !q->strangers)
		return verify_queue_free(q);
	return q;
}

struct verify_queue *verify_queue_free(struct verify_queue *q)
{
	if (!q)
		return NULL;
	(void)fair_queue_free(q->ahead);
	(void)fair_queue_free(q->strangers);
	free(q);
	return NULL;
}

bool verify_queue_begin(struct verify_queue *q)
{
	/* Whoever waits has not had its turn because that many are under way. */
	if (q->under_way >= VERIFY_UNDER_WAY)
		return false;
	q->under_way++;
	return true;
}

int verify_queue_put(struct verify_queue *q, bool ahead, uint64_t lane, uint64_t request,
		     const uint8_t *body, size_t len)
{
	struct verify_asked *a = fair_queue_add(ahead ? q->ahead : q->strangers, lane,
						sizeof(*a) + len);

	if (!a)
		return -ENOBUFS;
	a->request = request;
	a->len = len;
	memcpy(a->body, body, len);
	return 0;
}

void verify_queue_answered(struct verify_queue *q)
{
	if (q->under_way > 0)
		q->under_way--;
}

struct fair_item *verify_queue_next(struct verify_queue *q)
{
	bool other = q->turn % OF_STRANGERS == OF_STRANGERS - 1;
	struct fair_item *item;

	if (q->under_way >= VERIFY_UNDER_WAY)
		return NULL;
	item = fair_queue_take(other ? q->strangers : q->ahead);
	if (!item)
		item = fair_queue_take(other ? q->ahead : q->strangers);
	if (!item)
		return NULL;
	q->turn++;
	q->under_way++;
	return item;
}
