// SPDX-License-Identifier: Apache-2.0
/* Devices of connections, and routes through them: what MTU and which addresses there are when configurations follow one another, with a kernel that is a few devices. */
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

static void routes_flush(uint32_t ifindex)
{
	for (size_t i = fib.n; i-- > 0;) {
		if (fib.routes[i].ifindex == ifindex)
			(void)cgk_route_del(NULL, &fib.routes[i]);
	}
}

static struct device *device(const char *name)
{
	for (size_t i = 0; i < DEVICES; i++) {
		if (streq(devices[i].name, name))
			return &devices[i];
	}
	return NULL;
}

static struct device *device_new(const char *name, uint32_t mtu, bool created)
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

static struct cg_prefix *address(uint32_t ifindex, const struct cg_prefix *p)
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
static const struct cgk_route *route(const struct cg_prefix *dst, uint32_t ifindex)
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

static struct main_world *world_new(void)
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
static struct conn *staged(struct gateway *g, const struct cg_connection *cfg)
{
	const struct conn *old = conn_find_name(g, cfg->name);
	struct conn *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->g = g;
	c->cfg = cfg;
	c->id = old && !conn_must_begin_anew(old->cfg, cfg) ? old->id : ++g->next_conn;
	return c;
}

static void apply_text(struct main_world *w, const char *text)
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
static void apply(struct main_world *w, const char *a, const char *b)
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

static void stop(struct main_world *w)
{
	for (size_t i = 0; i < w->g.n_conns; i++)
		link_remove(w->g.conns[i]);
}

static void world_free(struct main_world *w)
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

static uint32_t mtu(const char *name)
{
	const struct device *d = device(name);

	return d ? d->mtu : 0;
}

/* ---------------------------------------------------------------- what must hold */

static void what_one_still_says_stays_when_another_does_not(void **state _unused_)
{
	struct main_world *w = world_new();

	apply(w, "{name: cg0, mtu: 1300}", "{name: cg0, mtu: 1300}");
	assert_int_equal(mtu("cg0"), 1300);
	apply(w, "cg0", "{name: cg0, mtu: 1300}");
	assert_int_equal(mtu("cg0"), 1300);
	apply(w, "{name: cg0, mtu: 1320}", "{name: cg0, mtu: 1320}");
	assert_int_equal(mtu("cg0"), 1320);
	apply(w, "{name: cg0, mtu: 1320}", "cg0");
	assert_int_equal(mtu("cg0"), 1320);
	apply(w, "cg0", "cg0");
	assert_int_equal(mtu("cg0"), CGK_LINK_MTU);
	world_free(w);
}

static void what_only_the_one_said_that_goes_goes_with_it(void **state _unused_)
{
	struct main_world *w = world_new();

	apply(w, "{name: cg0, mtu: 1300}", "cg0");
	assert_int_equal(mtu("cg0"), 1300);
	apply(w, NULL, "cg0");
	assert_int_equal(mtu("cg0"), CGK_LINK_MTU);
	apply(w, "{name: cg0, mtu: 1340}", "cg0");
	assert_int_equal(mtu("cg0"), 1340);
	apply(w, "{name: cg1, mtu: 1340}", "cg0");
	assert_int_equal(mtu("cg0"), CGK_LINK_MTU);
	assert_int_equal(mtu("cg1"), 1340);
	apply(w, "{name: cg0, mtu: 1340}", "{name: cg0, mtu: 1340}");
	apply(w, "{name: cg0, mtu: 1340}", NULL);
	assert_int_equal(mtu("cg0"), 1340);
	assert_null(device("cg1"));
	stop(w);
	assert_null(device("cg0"));
	world_free(w);
}

static void one_that_was_there_before_keeps_its_own_with_auto(void **state _unused_)
{
	struct main_world *w = world_new();

	(void)device_new("cg0", 1380, false);
	apply(w, "cg0", "{name: cg0, mtu: auto}");
	assert_int_equal(mtu("cg0"), 1380);
	apply(w, NULL, "cg0");
	stop(w);
	assert_int_equal(mtu("cg0"), 1380);
	world_free(w);
}

static void one_that_was_there_before_gets_its_own_back(void **state _unused_)
{
	struct main_world *w = world_new();

	(void)device_new("cg0", 1380, false);
	(void)device_new("cg1", 1390, false);
	apply(w, "{name: cg0, mtu: 1300}", "cg0");
	assert_int_equal(mtu("cg0"), 1300);
	apply(w, "{name: cg0, mtu: 1310}", "cg0");
	assert_int_equal(mtu("cg0"), 1310);
	apply(w, "cg0", "cg0");
	assert_int_equal(mtu("cg0"), 1380);
	/* What is no longer ours to put back is not put back: it was changed by hand. */
	device("cg0")->mtu = 1370;
	apply(w, "cg0", NULL);
	assert_int_equal(mtu("cg0"), 1370);
	apply(w, "{name: cg0, mtu: 1300}", "cg0");
	apply(w, NULL, "cg0");
	assert_int_equal(mtu("cg0"), 1370);
	apply(w, "{name: cg0, mtu: 1300}", NULL);
	apply(w, "{name: cg1, mtu: 1300}", NULL);
	assert_int_equal(mtu("cg0"), 1370);
	assert_int_equal(mtu("cg1"), 1300);
	stop(w);
	assert_int_equal(mtu("cg1"), 1390);
	world_free(w);
}

/* A planned restart: what the main before noted comes along. */
static void one_that_was_there_before_gets_its_own_back_from_the_next(void **state _unused_)
{
	struct main_world *w = world_new();
	uint32_t noted;

	(void)device_new("cg0", 1380, false);
	apply(w, "{name: cg0, mtu: 1300}", "cg0");
	noted = mtu_noted(&w->g, "cg0");
	assert_int_equal(noted, 1380);
	world_free(w);

	w = world_new();
	(void)device_new("cg0", 1300, false);
	mtu_note(&w->g, "cg0", noted);
	mtu_note(&w->g, "cg0", noted);
	mtu_note(&w->g, "cg1", 0);
	apply(w, "{name: cg0, mtu: 1310}", "cg0");
	assert_int_equal(mtu("cg0"), 1310);
	stop(w);
	assert_int_equal(mtu("cg0"), 1380);
	world_free(w);
}

/* By a daemon that crashed. */
static void one_of_ours_that_was_left_has_what_is_configured(void **state _unused_)
{
	struct main_world *w = world_new();

	(void)device_new("cg0", 1300, true);
	apply(w, "cg0", NULL);
	assert_int_equal(mtu("cg0"), CGK_LINK_MTU);
	world_free(w);
}

static bool has(const char *name, const char *text)
{
	struct device *d = device(name);
	struct cg_prefix p;

	assert_int_equal(cg_prefix_parse(text, &p), 0);
	return d && address((uint32_t)(d - devices) + 1, &p);
}

static bool has_first(const char *name)
{
	return has(name, "10.0.0.1/24");
}

/* To where connection a leads. */
static bool is_routed(const char *name)
{
	struct cgk_route r = {.ifindex = (uint32_t)(device(name) - devices) + 1};

	assert_int_equal(cg_prefix_parse("10.2.0.0/16", &r.dst), 0);
	return route(&r.dst, r.ifindex);
}

static void an_address_stays_as_long_as_one_of_them_has_it(void **state _unused_)
{
	struct main_world *w = world_new();

	apply(w, "{name: cg0, addresses: [10.0.0.1/24]}", "{name: cg0, addresses: [10.0.0.1/24]}");
	assert_true(has_first("cg0"));
	apply(w, "cg0", "{name: cg0, addresses: [10.0.0.1/24]}");
	assert_true(has_first("cg0"));
	apply(w, "cg0", "cg0");
	assert_false(has_first("cg0"));
	apply(w, "{name: cg0, addresses: [10.0.0.1/24]}", "{name: cg0, addresses: [10.0.0.1/24]}");
	apply(w, "cg0", "cg0");
	assert_false(has_first("cg0"));
	/* One that goes takes along what it alone had. */
	apply(w, "{name: cg0, addresses: [10.0.0.1/24]}", "cg0");
	apply(w, NULL, "cg0");
	assert_false(has_first("cg0"));
	apply(w, "{name: cg0, addresses: [10.0.0.1/24]}", "{name: cg0, addresses: [10.0.0.1/24]}");
	apply(w, NULL, "{name: cg0, addresses: [10.0.0.1/24]}");
	assert_true(has_first("cg0"));
	apply(w, "{name: cg0, addresses: [10.0.0.1/24]}", "cg0");
	assert_true(has_first("cg0"));
	apply(w, "{name: cg1, addresses: [10.0.0.1/24]}", "cg0");
	assert_false(has_first("cg0"));
	assert_true(has_first("cg1"));
	world_free(w);
}

/* A device without any has no routes, and what is meant for the tunnel would go another way. */
static void addresses_follow_one_another_without_a_gap(void **state _unused_)
{
	struct main_world *w = world_new();

	apply(w, "{name: cg0, addresses: [10.0.0.1/24]}, start: on-traffic", NULL);
	assert_true(is_routed("cg0"));
	apply(w, "{name: cg0, addresses: [10.0.0.1/32]}, start: on-traffic", NULL);
	assert_true(has("cg0", "10.0.0.1/32") && !has_first("cg0"));
	assert_int_equal(device("cg0")->bare, 0);
	assert_true(is_routed("cg0"));
	/* Of one network the first, which goes, takes the other one along. */
	apply(w, "{name: cg0, addresses: [10.0.0.1/24]}, start: on-traffic", NULL);
	apply(w, "{name: cg0, addresses: [10.0.0.2/24]}, start: on-traffic", NULL);
	assert_true(has("cg0", "10.0.0.2/24") && !has_first("cg0"));
	assert_true(is_routed("cg0"));
	/* Of a connection that is up, too. */
	apply(w, "{name: cg0, addresses: [10.0.0.2/24]}, start: always", NULL);
	apply(w, "cg0, start: always", NULL);
	assert_false(has("cg0", "10.0.0.2/24"));
	assert_true(is_routed("cg0"));
	stop(w);
	world_free(w);
}

/* It is told, and no reason to have traffic leave in clear. */
static void an_address_that_cannot_be_had_keeps_nothing_else_from_the_device(void **state _unused_)
{
	struct main_world *w = world_new();

	apply(w, "{name: cg0, addresses: [\"fd00::1/64\", 10.0.0.1/24]}, start: on-traffic", NULL);
	assert_true(has_first("cg0"));
	assert_true(is_routed("cg0"));
	assert_string_equal(w->g.conns[0]->last_error.code, "interface");
	apply(w, NULL, "cg1");
	/* A device that is there already */
	apply(w, "cg0", NULL);
	assert_false(is_routed("cg0"));
	apply(w, "{name: cg0, addresses: [\"fd00::1/64\", 10.0.0.1/24]}, start: on-traffic", NULL);
	assert_true(has_first("cg0"));
	assert_true(is_routed("cg0"));
	stop(w);
	world_free(w);
}

/* ---------------------------------------------------------------- what begins anew */

/* The device that what is for there goes through; "": another way. */
static const char *way(const char *prefix)
{
	const struct cgk_route *r;
	struct cg_prefix dst;

	assert_int_equal(cg_prefix_parse(prefix, &dst), 0);
	r = route(&dst, 0);
	return r ? devices[r->ifindex - 1].name : "";
}

/* Its first tunnel came up. */
static struct conn *up(struct main_world *w, const char *name)
{
	struct conn *c = conn_find_name(&w->g, name);

	assert_non_null(c);
	routes_add(c);
	return c;
}

static bool was_told(const struct conn *c, const char *code)
{
	for (size_t i = 0; i < c->history.n; i++) {
		if (streq(history_at(&c->history, i)->code, code))
			return true;
	}
	return false;
}

static void its_routes_and_its_device_are_there_all_the_time(void **state _unused_)
{
	struct main_world *w = world_new();
	uint32_t id;

	apply(w, "cg0, start: manual", NULL);
	assert_string_equal(way("10.2.0.0/16"), "");
	id = up(w, "a")->id;
	assert_string_equal(way("10.2.0.0/16"), "cg0");
	apply(w, "cg0, start: manual, dscp_copy: true", NULL);
	assert_int_not_equal(conn_find_name(&w->g, "a")->id, id);
	assert_string_equal(way("10.2.0.0/16"), "cg0");
	assert_int_equal(fib.empty, 0);
	assert_int_equal(deleted, 0);
	/* another device takes its place */
	apply(w, "cg1, start: manual", NULL);
	assert_string_equal(way("10.2.0.0/16"), "cg1");
	assert_int_equal(fib.empty, 0);
	assert_int_equal(deleted, 1);
	assert_null(device("cg0"));
	/* and nobody hears of one that another connection would have */
	assert_false(was_told(conn_find_name(&w->g, "a"), "route-taken"));
	assert_false(was_told(conn_find_name(&w->g, "a"), "route-restored"));
	/* what it has from now on goes as that of any other */
	apply(w, NULL, "cg1");
	assert_string_equal(way("10.2.0.0/16"), "");
	stop(w);
	assert_int_equal(fib.n, 0);
	world_free(w);
}

static void nor_do_addresses_that_go_take_its_routes_along(void **state _unused_)
{
	struct main_world *w = world_new();

	apply(w, "{name: cg0, addresses: [10.0.0.1/24]}, start: manual", NULL);
	(void)up(w, "a");
	apply(w, "{name: cg0, addresses: [10.0.0.2/24]}, start: manual, dscp_copy: true", NULL);
	assert_int_equal(devices[0].addresses[0].addr.bytes[3], 2);
	assert_string_equal(way("10.2.0.0/16"), "cg0");
	apply(w, "cg0, start: manual", NULL);
	assert_string_equal(way("10.2.0.0/16"), "cg0");
	assert_int_equal(deleted, 0);
	stop(w);
	world_free(w);
}

static void routes_that_are_not_to_be_kept_go(void **state _unused_)
{
	struct main_world *w = world_new();

	apply(w, "cg0, routes: {keep: false}", NULL);
	(void)up(w, "a");
	apply(w, "cg0, routes: {keep: false}, dscp_copy: true", NULL);
	assert_string_equal(way("10.2.0.0/16"), "");
	/* with traffic as what begins it they are what brings that */
	apply(w, "cg0, routes: {keep: false}, start: on-traffic", NULL);
	assert_string_equal(way("10.2.0.0/16"), "cg0");
	apply(w, "cg0, routes: {keep: false}, start: on-traffic, dscp_copy: true", NULL);
	assert_string_equal(way("10.2.0.0/16"), "cg0");
	assert_int_equal(fib.empty, 1);
	stop(w);
	world_free(w);
}

static void nor_stay_those_of_one_that_was_taken_down_or_is_to_have_none(void **state _unused_)
{
	struct main_world *w = world_new();

	apply(w, "cg0", NULL);
	/* ike has not said yet that its Child SAs are gone */
	up(w, "a")->down = true;
	apply(w, "cg0, dscp_copy: true", NULL);
	assert_string_equal(way("10.2.0.0/16"), "");
	conn_find_name(&w->g, "a")->down = false;
	(void)up(w, "a");
	apply(w, "cg0, dscp_copy: true, routes: false", NULL);
	assert_string_equal(way("10.2.0.0/16"), "");
	stop(w);
	world_free(w);
}

/* It is not configured: where its packets went tells. */
static void what_would_take_the_peers_own_packets_is_not_added(void **state _unused_)
{
	static const char form[] =
		"connections:\n"
		"  - {name: a, interface: cg0, outbound_certificate: o, remote_address: any, mode: responder-only, dscp_copy: %s,\n"
		"     local_networks: 10.1.0.0/16, remote_networks: [192.0.2.0/24, 10.2.0.0/16],\n"
		"     inbound_certificate: {subject_name: a.example, chain: r}}\n";
	_cleanup_free_ char *before = str_printf(form, "false"), *after = str_printf(form, "true");
	struct tunnel *t = calloc(1, sizeof(*t));
	struct main_world *w = world_new();

	assert_non_null(t);
	apply_text(w, before);
	t->t.remote.addr = addr_of("192.0.2.7");
	t->children = 1;
	tunnel_add(conn_find_name(&w->g, "a"), t);
	(void)up(w, "a");
	assert_string_equal(way("192.0.2.0/24"), "");
	assert_string_equal(way("10.2.0.0/16"), "cg0");
	apply_text(w, after);
	assert_string_equal(way("192.0.2.0/24"), "");
	assert_string_equal(way("10.2.0.0/16"), "cg0");
	assert_int_equal(fib.empty, 0);
	stop(w);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_one_still_says_stays_when_another_does_not),
		cmocka_unit_test(what_only_the_one_said_that_goes_goes_with_it),
		cmocka_unit_test(one_that_was_there_before_keeps_its_own_with_auto),
		cmocka_unit_test(one_that_was_there_before_gets_its_own_back),
		cmocka_unit_test(one_that_was_there_before_gets_its_own_back_from_the_next),
		cmocka_unit_test(an_address_stays_as_long_as_one_of_them_has_it),
		cmocka_unit_test(one_of_ours_that_was_left_has_what_is_configured),
		cmocka_unit_test(addresses_follow_one_another_without_a_gap),
		cmocka_unit_test(an_address_that_cannot_be_had_keeps_nothing_else_from_the_device),
		cmocka_unit_test(its_routes_and_its_device_are_there_all_the_time),
		cmocka_unit_test(nor_do_addresses_that_go_take_its_routes_along),
		cmocka_unit_test(routes_that_are_not_to_be_kept_go),
		cmocka_unit_test(nor_stay_those_of_one_that_was_taken_down_or_is_to_have_none),
		cmocka_unit_test(what_would_take_the_peers_own_packets_is_not_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
