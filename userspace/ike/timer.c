// SPDX-License-Identifier: Apache-2.0
/*
 * A binary heap of timers: setting, moving and stopping one costs the logarithm of their number.
 */
#include "ike/timer.h"

#include <errno.h>
#include <stdlib.h>

void ik_heap_done(struct ik_heap *h)
{
	free(h->timers);
	*h = (struct ik_heap){};
}

int ik_heap_reserve(struct ik_heap *h, size_t total)
{
	struct ik_timer **timers;
	size_t size = h->size ? h->size : 64;

	while (size < total)
		size *= 2;
	if (size == h->size)
		return 0;
	timers = realloc(h->timers, size * sizeof(*timers));
	if (!timers)
		return -ENOMEM;
	h->timers = timers;
	h->size = size;
	return 0;
}

static void put(struct ik_heap *h, size_t i, struct ik_timer *t)
{
	h->timers[i] = t;
	t->place = i + 1;
}

static void sift_up(struct ik_heap *h, size_t i, struct ik_timer *t)
{
	while (i > 0) {
		size_t parent = (i - 1) / 2;

		if (h->timers[parent]->at <= t->at)
			break;
		put(h, i, h->timers[parent]);
		i = parent;
	}
	put(h, i, t);
}

static void sift_down(struct ik_heap *h, size_t i, struct ik_timer *t)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= h->n)
			break;
		if (child + 1 < h->n && h->timers[child + 1]->at < h->timers[child]->at)
			child++;
		if (t->at <= h->timers[child]->at)
			break;
		put(h, i, h->timers[child]);
		i = child;
	}
	put(h, i, t);
}

void ik_heap_set(struct ik_heap *h, struct ik_timer *t, ike_time at)
{
	ike_time before = t->at;

	if (at == IKE_TIME_NEVER) {
		ik_heap_stop(h, t);
		return;
	}
	t->at = at;
	if (!t->place) {
		h->n++;
		sift_up(h, h->n - 1, t);
	} else if (at < before) {
		sift_up(h, t->place - 1, t);
	} else {
		sift_down(h, t->place - 1, t);
	}
}

void ik_heap_stop(struct ik_heap *h, struct ik_timer *t)
{
	size_t i;
	struct ik_timer *last;

	if (!t->place)
		return;
	i = t->place - 1;
	t->place = 0;
	last = h->timers[--h->n];
	if (last == t)
		return;
	if (last->at < t->at)
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}

struct ik_timer *ik_heap_first(const struct ik_heap *h)
{
	return h->n ? h->timers[0] : NULL;
}
