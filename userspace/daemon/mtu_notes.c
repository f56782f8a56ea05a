// SPDX-License-Identifier: Apache-2.0
/* The implementation of mtu_notes.h: owns the gateway's notes. Called by iface.c, and by restart.c and takeover.c, which carry them over. */
#include "daemon/mtu_notes.h"

#include <net/if.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/str.h"
#include "daemon/gateway.h"

struct mtu_note {
	struct table_node by_name;
	LIST_ENTRY(mtu_note) all;
	uint32_t mtu;
	char name[IF_NAMESIZE];
};

static struct mtu_note *find(const struct gateway *g, const char *device)
{
	struct table_node *n = table_find(&g->mtu_notes_by_name, table_hash(device));

	for (; n; n = table_next(n)) {
		struct mtu_note *note = container_of(n, struct mtu_note, by_name);

		if (streq(note->name, device))
			return note;
	}
	return NULL;
}

void mtu_note(struct gateway *g, const char *device, uint32_t mtu)
{
	struct mtu_note *n;

	if (mtu == 0 || find(g, device))
		return;
	n = calloc(1, sizeof(*n));
	if (!n) {
		(void)log_oom();
		return;
	}
	n->mtu = mtu;
	(void)snprintf(n->name, sizeof(n->name), "%s", device);
	table_add(&g->mtu_notes_by_name, &n->by_name, table_hash(device));
	LIST_INSERT_HEAD(&g->mtu_notes, n, all);
}

uint32_t mtu_noted(const struct gateway *g, const char *device)
{
	const struct mtu_note *n = find(g, device);

	return n ? n->mtu : 0;
}

static void drop(struct gateway *g, struct mtu_note *n)
{
	table_del(&g->mtu_notes_by_name, &n->by_name);
	LIST_REMOVE(n, all);
	free(n);
}

void mtu_forget(struct gateway *g, const char *device)
{
	struct mtu_note *n = find(g, device);

	if (n)
		drop(g, n);
}

void mtu_notes_done(struct gateway *g)
{
	struct mtu_note *n;

	while ((n = LIST_FIRST(&g->mtu_notes)))
		drop(g, n);
	table_done(&g->mtu_notes_by_name);
}
