/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes of three connections: the kernel is a list of routes, of which the first to a place in a table and with a metric is the one that counts.
 */
#ifndef CERTGATE_TESTS_ROUTESTEST_H
#define CERTGATE_TESTS_ROUTESTEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/adopt.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/routes.h"
#include "daemon/tunnel.h"
#include "kernel/link.h"

enum { CG0 = 10, CG1 = 11, LAN = 3 };

static struct {
	struct cgk_route fib[2048]; /* in order */
	size_t n;
	bool down;	    /* its devices */
	uint32_t away;	    /* one of them that alone is */
	unsigned int empty; /* how often there was no route left to a place that had one */
	unsigned int calls;
} kernel;

static struct {
	unsigned int taken, restored, failed, skipped;
	char text[1024], hint[1024];
} told;

/* ---------------------------------------------------------------- the kernel */

static inline bool is_same_key(const struct cgk_route *a, const struct cgk_route *b)
{
	return cg_prefix_equal(&a->dst, &b->dst) && a->table == b->table && a->metric == b->metric;
}

/* One of an address has a source. */
static inline bool is_same_route(const struct cgk_route *a, const struct cgk_route *b)
{
	return is_same_key(a, b) && a->ifindex == b->ifindex &&
	       cg_addr_equal(&a->source, &b->source);
}

static inline const struct cgk_route *first_like(const struct cgk_route *r)
{
	for (size_t i = 0; i < kernel.n; i++) {
		if (is_same_key(&kernel.fib[i], r))
			return &kernel.fib[i];
	}
	return NULL;
}

int cgk_route_add(struct cgk_rt *rt _unused_, const struct cgk_route *r)
{
	kernel.calls++;
	assert_int_not_equal(r->ifindex, 0);
	if (kernel.down || kernel.away == r->ifindex)
		return -EIO;
	if (first_like(r))
		return -EEXIST;
	assert_true(kernel.n < ARRAY_SIZE(kernel.fib));
	kernel.fib[kernel.n++] = *r;
	return 0;
}

int cgk_route_add_behind(struct cgk_rt *rt _unused_, const struct cgk_route *r)
{
	kernel.calls++;
	assert_int_not_equal(r->ifindex, 0);
	if (kernel.down || kernel.away == r->ifindex)
		return -EIO;
	for (size_t i = 0; i < kernel.n; i++) {
		if (is_same_route(&kernel.fib[i], r))
			return -EEXIST;
	}
	assert_true(kernel.n < ARRAY_SIZE(kernel.fib));
	kernel.fib[kernel.n++] = *r;
	return 0;
}

int cgk_route_del(struct cgk_rt *rt _unused_, const struct cgk_route *r)
{
	struct cgk_route copy = *r;

	kernel.calls++;
	for (size_t i = 0; i < kernel.n; i++) {
		if (!is_same_route(&kernel.fib[i], r))
			continue;
		memmove(&kernel.fib[i], &kernel.fib[i + 1],
			(--kernel.n - i) * sizeof(kernel.fib[0]));
		kernel.empty += !first_like(&copy);
		break;
	}
	return 0;
}

const char *cgk_rt_error(const struct cgk_rt *rt _unused_)
{
	return "the network is down";
}

/* ---------------------------------------------------------------- the rest of main */

static struct cg_addr peer;
static bool sa_left;

/* An SA of an earlier process. */
bool adopt_has_left(const struct gateway *g _unused_, const struct tunnel *t _unused_)
{
	return sa_left;
}

bool conn_peer_address(const struct conn *c _unused_, struct cg_addr *ret)
{
	*ret = peer;
	return peer.family != AF_UNSPEC;
}

void history_note(struct gateway *g _unused_, struct conn *conn _unused_,
		  enum ike_severity severity _unused_, const char *code,
		  const struct cg_endpoint *remote _unused_, const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(told.text, sizeof(told.text), fmt, ap);
	va_end(ap);
	(void)snprintf(told.hint, sizeof(told.hint), "%s", hint ? hint : "");
	told.taken += streq(code, "route-taken");
	told.restored += streq(code, "route-restored");
	told.failed += streq(code, "route");
	told.skipped += streq(code, "route-skipped");
}

/* ---------------------------------------------------------------- a gateway of three connections */

struct world {
	struct gateway g;
	struct cg_connection cfg[3];
	struct cg_child_config child[3];
	struct cg_selector remote[3][12];
	struct conn c[3];
};

static inline void set_remote(struct world *w, size_t conn, size_t n, const char *text)
{
	assert_int_equal(cg_range_parse(text, &w->remote[conn][n].range), 0);
	w->child[conn].n_remote = n + 1;
}

static inline void init(struct world *w, uint32_t a, uint32_t b, uint32_t c)
{
	static const char *const names[] = {"a", "b", "c"};
	const uint32_t devices[] = {a, b, c};

	memset(&kernel, 0, sizeof(kernel));
	memset(&told, 0, sizeof(told));
	peer = (struct cg_addr){0};
	sa_left = false;
	*w = (struct world){0};
	for (size_t i = 0; i < 3; i++) {
		w->cfg[i] = (struct cg_connection){.name = (char *)(uintptr_t)names[i],
						   .interface.name = (char *)(uintptr_t) "cg",
						   .routes_install = true,
						   .routes_keep = true,
						   .routes_table = 254,
						   .children = &w->child[i],
						   .n_children = 1};
		w->child[i].remote = w->remote[i];
		w->c[i] = (struct conn){.g = &w->g, .cfg = &w->cfg[i], .ifindex = devices[i]};
		set_remote(w, i, 0, "10.2.0.0/16");
	}
}

static inline void done(struct world *w)
{
	for (size_t i = 0; i < 3; i++)
		routes_remove(&w->c[i]);
	assert_null(LIST_FIRST(&w->g.routes));
	assert_null(w->g.routes_at);
	table_done(&w->g.routes_by_key);
}

/* The device that what is for there goes through; 0: another way. */
static inline uint32_t way(const char *prefix, uint32_t metric)
{
	struct cgk_route r = {.table = 254, .metric = metric};
	const struct cgk_route *found;

	assert_int_equal(cg_prefix_parse(prefix, &r.dst), 0);
	found = first_like(&r);
	return found ? found->ifindex : 0;
}

static inline struct cgk_route route_of(const char *prefix, uint32_t ifindex)
{
	struct cgk_route r = {.table = 254, .ifindex = ifindex};

	assert_int_equal(cg_prefix_parse(prefix, &r.dst), 0);
	return r;
}

static inline void somebody_adds(const char *prefix, uint32_t ifindex)
{
	kernel.fib[kernel.n++] = route_of(prefix, ifindex);
}

static inline void somebody_deletes(const char *prefix, uint32_t ifindex)
{
	struct cgk_route r = route_of(prefix, ifindex);

	(void)cgk_route_del(NULL, &r);
}

static inline size_t warnings(const struct conn *c)
{
	json_t *a = json_array();
	size_t n;

	routes_warnings(c, a);
	n = json_array_size(a);
	for (size_t i = 0; i < n; i++) {
		assert_non_null(json_string_value(json_object_get(json_array_get(a, i), "code")));
		assert_non_null(json_string_value(json_object_get(json_array_get(a, i), "text")));
		assert_non_null(json_string_value(json_object_get(json_array_get(a, i), "hint")));
	}
	json_decref(a);
	return n;
}

#endif
