/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway that is told one configuration after the other: the kernel is a few devices, their addresses and the routes through them.
 */
#ifndef CERTGATE_TESTS_IFACETEST_H
#define CERTGATE_TESTS_IFACETEST_H

#include "lib/maintest.h"

#include <net/if.h>

#include "base/json.h"
#include "base/str.h"
#include "daemon/apply.h"
#include "daemon/credentials.h"
#include "daemon/iface.h"
#include "daemon/mtu_notes.h"
#include "daemon/options.h"
#include "daemon/routes.h"
#include "daemon/tunnel.h"
#include "kernel/link.h"
#include "lib/configtest.h"

enum { DEVICES = 4, ADDRESSES = 4 };

/* ---------------------------------------------------------------- the kernel */

static struct device {
	char name[IF_NAMESIZE]; /* empty: none */
	uint32_t mtu;
	bool created;
	struct cg_prefix addresses[ADDRESSES]; /* AF_UNSPEC: none */
	bool up;
	unsigned int bare; /* how often its last address went, and its routes with it */
} devices[DEVICES];

static unsigned int deleted; /* devices */

static struct fib {
	struct cgk_route routes[8];
	size_t n;
	unsigned int empty; /* how often there was no route left to a place that had one */
} fib;

static inline void routes_flush(uint32_t ifindex)
{
	for (size_t i = fib.n; i-- > 0;) {
		if (fib.routes[i].ifindex == ifindex)
			(void)cgk_route_del(NULL, &fib.routes[i]);
	}
}

static inline struct device *device(const char *name)
{
	for (size_t i = 0; i < DEVICES; i++) {
		if (streq(devices[i].name, name))
			return &devices[i];
	}
	return NULL;
}

static inline struct device *device_new(const char *name, uint32_t mtu, bool created)
{
	struct device *d = device("");

	assert_non_null(d);
	(void)snprintf(d->name, sizeof(d->name), "%s", name);
	d->mtu = mtu;
	d->created = created;
	return d;
}

int cgk_link_ensure(struct cgk_rt *rt _unused_, const char *name, struct cgk_netdev *ret)
{
	const struct device *d = device(name);

	if (!d)
		d = device_new(name, CGK_LINK_MTU, true);
	*ret = (struct cgk_netdev){
		.ifindex = (uint32_t)(d - devices) + 1, .mtu = d->mtu, .created = d->created};
	return 0;
}

int cgk_link_delete(struct cgk_rt *rt _unused_, const char *name)
{
	struct device *d = device(name);

	if (!d)
		return 0;
	routes_flush((uint32_t)(d - devices) + 1);
	*d = (struct device){0};
	deleted++;
	return 0;
}

int cgk_link_set_mtu(struct cgk_rt *rt _unused_, uint32_t ifindex, uint32_t mtu)
{
	assert_in_range(ifindex, 1, DEVICES);
	assert_true(devices[ifindex - 1].name[0]);
	if (mtu != 0)
		devices[ifindex - 1].mtu = mtu;
	return 0;
}

int cgk_link_up(struct cgk_rt *rt _unused_, uint32_t ifindex)
{
	assert_in_range(ifindex, 1, DEVICES);
	devices[ifindex - 1].up = true;
	return 0;
}

int cgk_link_dump(struct cgk_rt *rt _unused_,
		  int (*fn)(void *ctx, const char *name, uint32_t ifindex) _unused_,
		  void *ctx _unused_)
{
	return 0;
}

uint32_t cgk_link_index(struct cgk_rt *rt _unused_, const char *name _unused_)
{
	return 0;
}

static inline struct cg_prefix *address(uint32_t ifindex, const struct cg_prefix *p)
{
	assert_in_range(ifindex, 1, DEVICES);
	for (size_t i = 0; i < ADDRESSES; i++) {
		if (cg_prefix_equal(&devices[ifindex - 1].addresses[i], p))
			return &devices[ifindex - 1].addresses[i];
	}
	return NULL;
}

int cgk_address_add(struct cgk_rt *rt _unused_, uint32_t ifindex, const struct cg_prefix *p)
{
	static const struct cg_prefix none;
	struct cg_prefix *at = address(ifindex, p);

	/* As where IPv6 is switched off. */
	if (p->addr.family == AF_INET6)
		return -EPERM;
	if (!at)
		at = address(ifindex, &none);
	assert_non_null(at);
	*at = *p;
	return 0;
}

int cgk_address_del(struct cgk_rt *rt _unused_, uint32_t ifindex, const struct cg_prefix *p)
{
	static const struct cg_prefix none;
	struct device *d = &devices[ifindex - 1];
	struct cg_prefix *at = address(ifindex, p), network = *p, of;

	if (!at)
		return 0;
	/* The first of a network takes the others along. */
	cg_prefix_mask(&network);
	for (; at < d->addresses + ADDRESSES; at++) {
		of = *at;
		cg_prefix_mask(&of);
		if (cg_prefix_equal(&of, &network))
			*at = none;
	}
	for (size_t i = 0; i < ADDRESSES; i++) {
		if (!cg_prefix_equal(&d->addresses[i], &none))
			return 0;
	}
	/* Nor has a device without one any routes. */
	d->bare++;
	routes_flush(ifindex);
	return 0;
}

/* ifindex 0: of any device */
static inline const struct cgk_route *route(const struct cg_prefix *dst, uint32_t ifindex)
{
	for (size_t i = 0; i < fib.n; i++) {
		if (cg_prefix_equal(&fib.routes[i].dst, dst) &&
		    (ifindex == 0 || fib.routes[i].ifindex == ifindex))
			return &fib.routes[i];
	}
	return NULL;
}

int cgk_route_add(struct cgk_rt *rt, const struct cgk_route *r)
{
	return route(&r->dst, 0) ? -EEXIST : cgk_route_add_behind(rt, r);
}

int cgk_route_add_behind(struct cgk_rt *rt _unused_, const struct cgk_route *r)
{
	assert_in_range(r->ifindex, 1, DEVICES);
	assert_true(devices[r->ifindex - 1].name[0]);
	if (!devices[r->ifindex - 1].up)
		return -EIO;
	if (route(&r->dst, r->ifindex))
		return -EEXIST;
	assert_true(fib.n < ARRAY_SIZE(fib.routes));
	fib.routes[fib.n++] = *r;
	return 0;
}

int cgk_route_del(struct cgk_rt *rt _unused_, const struct cgk_route *r)
{
	const struct cgk_route copy = *r, *is = route(&r->dst, r->ifindex);
	size_t at;

	if (!is)
		return 0;
	at = (size_t)(is - fib.routes);
	memmove(&fib.routes[at], &fib.routes[at + 1], (--fib.n - at) * sizeof(fib.routes[0]));
	fib.empty += !route(&copy.dst, 0);
	return 0;
}

int cgk_route_dump(struct cgk_rt *rt _unused_,
		   int (*fn)(void *ctx, const struct cgk_route *r) _unused_, void *ctx _unused_)
{
	return 0;
}

struct cgk_rt *cgk_rt_free(struct cgk_rt *rt _unused_)
{
	return NULL;
}

int cgk_rt_open(struct cgk_rt **ret _unused_)
{
	return -ENOSYS;
}

const char *cgk_rt_error(const struct cgk_rt *rt _unused_)
{
	return "none";
}

/* ---------------------------------------------------------------- a gateway that is told one configuration after the other */

static inline struct main_world *world_new(void)
{
	static const struct options options;
	struct main_world *w = main_world_new();

	memset(devices, 0, sizeof(devices));
	memset(&fib, 0, sizeof(fib));
	deleted = 0;
	conn_unlist(&w->c);
	w->g.options = &options;
	w->g.loaded = true;
	w->g.config = NULL;
	w->g.conns = NULL;
	w->g.n_conns = 0;
	return w;
}

/* As load.c stages them: a connection that may go on keeps its number. */
static inline struct conn *staged(struct gateway *g, const struct cg_connection *cfg)
{
	const struct conn *old = conn_find_name(g, cfg->name);
	struct conn *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->g = g;
	c->cfg = cfg;
	c->id = old && !conn_must_begin_anew(old->cfg, cfg) ? old->id : ++g->next_conn;
	return c;
}

static inline void apply_text(struct main_world *w, const char *text)
{
	struct loaded l = load_text(text);
	struct conn **conns;
	size_t n = 0;

	assert_good(&l);
	conns = calloc(l.config->n_connections, sizeof(struct conn *));
	assert_non_null(conns);
	for (; n < l.config->n_connections; n++)
		conns[n] = staged(&w->g, &l.config->connections[n]);
	json_decref(apply_config(&w->g, l.config, conns, n));
	cg_diags_done(&l.diags);
}

/* Connections a and b on these interfaces, as they are written; NULL: it is not there. */
static inline void apply(struct main_world *w, const char *a, const char *b)
{
	static const char form[] =
		"  - {name: %s, interface: %s, outbound_certificate: o, remote_address: 192.0.2.%d,\n"
		"     local_networks: 10.1.0.0/16, remote_networks: 10.%d.0.0/16, inbound_certificate: {subject_name: %s, chain: r}}\n";
	_cleanup_strbuf_ struct cg_strbuf text = {0};
	_cleanup_free_ char *whole = NULL;

	strbuf_add(&text, "connections:\n");
	if (a)
		strbuf_addf(&text, form, "a", a, 2, 2, "a.example");
	if (b)
		strbuf_addf(&text, form, "b", b, 3, 3, "b.example");
	whole = strbuf_take(&text);
	apply_text(w, whole);
}

static inline void stop(struct main_world *w)
{
	for (size_t i = 0; i < w->g.n_conns; i++)
		link_remove(w->g.conns[i]);
}

static inline void world_free(struct main_world *w)
{
	mtu_notes_done(&w->g);
	for (size_t i = 0; i < w->g.n_conns; i++)
		conn_free(w->g.conns[i]);
	free(w->g.conns);
	cg_config_free(w->g.config);
	assert_null(LIST_FIRST(&w->g.routes));
	table_done(&w->g.routes_by_key);
	table_done(&w->g.tunnels_by_kernel);
	main_world_free(w);
}

static inline bool has(const char *name, const char *text)
{
	struct device *d = device(name);
	struct cg_prefix p;

	assert_int_equal(cg_prefix_parse(text, &p), 0);
	return d && address((uint32_t)(d - devices) + 1, &p);
}

/* The device that what is for there goes through; "": another way. */
static inline const char *way(const char *prefix)
{
	const struct cgk_route *r;
	struct cg_prefix dst;

	assert_int_equal(cg_prefix_parse(prefix, &dst), 0);
	r = route(&dst, 0);
	return r ? devices[r->ifindex - 1].name : "";
}

/* Its first tunnel came up. */
static inline struct conn *up(struct main_world *w, const char *name)
{
	struct conn *c = conn_find_name(&w->g, name);

	assert_non_null(c);
	routes_add(c);
	return c;
}

static inline bool was_told(const struct conn *c, const char *code)
{
	for (size_t i = 0; i < c->history.n; i++) {
		if (streq(history_at(&c->history, i)->code, code))
			return true;
	}
	return false;
}

#endif
