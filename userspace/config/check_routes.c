// SPDX-License-Identifier: Apache-2.0
/*
 * Whether two connections want one route through two interfaces: a routing table has one of a metric. Called at the end of a load.
 */
#include "config/parse.h"

enum {
	ROUTES_MAX = 1 << 20,  /* more are not compared */
	METRIC_OF_IPV6 = 1024, /* what the kernel makes of none */
};

struct wanted {
	struct cg_prefix dst;
	uint32_t table, metric;
	const struct cg_connection *c;
};

struct wanted_list {
	struct wanted *list;
	size_t n, size;
	const struct cg_connection *c;
	bool failed;
};

static void want(void *ctx, const struct cg_prefix *p)
{
	struct wanted_list *l = ctx;
	const struct cg_connection *c = l->c;
	struct wanted *more;

	/* The daemon leaves out what would lead to the peer itself; where that is only a lookup tells, but it is within 0.0.0.0/0. */
	if (c->remote_kind == CG_REMOTE_ADDRESS ? cg_prefix_contains(p, &c->remote_address)
						: p->len == 0)
		return;
	if (l->n == l->size && l->size < ROUTES_MAX && !l->failed) {
		more = reallocarray(l->list, MAX(2 * l->size, (size_t)64), sizeof(*more));
		if (!more) {
			l->failed = true;
			return;
		}
		l->list = more;
		l->size = MAX(2 * l->size, (size_t)64);
	}
	if (l->n < l->size)
		l->list[l->n++] = (struct wanted){
			.dst = *p,
			.table = c->routes_table,
			.metric = c->routes_metric == 0 && p->addr.family == AF_INET6
					  ? METRIC_OF_IPV6
					  : c->routes_metric,
			.c = c};
}

static int compare_routes(const struct wanted *x, const struct wanted *y)
{
	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	if (x->metric != y->metric)
		return x->metric < y->metric ? -1 : 1;
	if (x->dst.len != y->dst.len)
		return x->dst.len < y->dst.len ? -1 : 1;
	return cg_addr_compare(&x->dst.addr, &y->dst.addr);
}

static int compare(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;
	int r = compare_routes(x, y);

	return r ? r : x->c < y->c ? -1 : x->c > y->c;
}

static void report(struct loader *l, const struct wanted *a, const struct wanted *b)
{
	_cleanup_free_ char *path = str_printf("connections[%s].routes", b->c->name);
	char dst[CG_PREFIX_SIZE];

	cg_diags_add(
		l->diags, CG_DIAG_WARNING, &b->c->loc, path,
		"give one of them a larger routes.metric, so that it is used when the other's is gone, or another routes.table; or routes: false, and route by a routing protocol or with several next hops",
		"connection '%s' (%s:%u) wants the route to %s, with the same metric in the same table, through %s, not %s: only the first to come up has it",
		a->c->name, a->c->loc.file, a->c->loc.line, cg_prefix_format(&b->dst, dst),
		a->c->interface.name, b->c->interface.name);
}

void config_check_routes(struct loader *l)
{
	const struct cg_config *config = l->config;
	struct wanted_list wanted = {0};
	_cleanup_free_ bool *told = calloc(MAX(config->n_connections, (size_t)1), sizeof(*told));
	size_t first = 0;

	for (size_t i = 0; i < config->n_connections; i++) {
		const struct cg_connection *c = wanted.c = &config->connections[i];

		if (!c->enabled || !c->routes_install || !c->name || !c->interface.name)
			continue;
		for (size_t j = 0; j < c->n_children; j++)
			for (size_t k = 0; k < c->children[j].n_remote; k++)
				cg_range_to_prefixes(&c->children[j].remote[k].range, want,
						     &wanted);
	}
	if (wanted.failed || !told)
		l->oom = true;
	if (wanted.n > 0)
		qsort(wanted.list, wanted.n, sizeof(*wanted.list), compare);
	for (size_t i = 1; i < wanted.n && !l->oom; i++) {
		const struct wanted *a = &wanted.list[first], *b = &wanted.list[i];

		if (compare_routes(a, b) != 0) {
			first = i;
			continue;
		}
		/* A word for a connection, not for each of its networks. */
		if (streq(a->c->interface.name, b->c->interface.name) ||
		    told[b->c - config->connections])
			continue;
		told[b->c - config->connections] = true;
		report(l, a, b);
	}
	free(wanted.list);
}
