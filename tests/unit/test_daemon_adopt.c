// SPDX-License-Identifier: Apache-2.0
/*
 * What main does with what an earlier process left in the kernel, and when: on a clock that this test turns, with a kernel that is
 * three small tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "daemon/adopt.h"
#include "daemon/binding.h"
#include "daemon/check.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/routes.h"
#include "daemon/takeover.h"
#include "daemon/tunnel.h"
#include "kernel/kernel.h"
#include "kernel/link.h"

enum { IFINDEX = 7, CONFIGURED = 1, STRANGER = 2, FOREIGN = 3 };

static struct {
	usec_t now;
	struct cgk_tunnel tunnels[3];
	struct cgk_sa sas[4];
	struct cgk_cert certs[2];
	struct {
		const char *name;
		uint32_t ifindex;
	} links[2];
	struct cgk_route routes[2];
	bool interrupted; /* the next deletion has to be repeated */
	unsigned int changes_tunnels, changes_sas,
		changes_certs; /* so many dumps see their table change after the first object */
	int unreadable; /* so the next dumps that are to see a change fail; 0: they just have to be repeated */
	unsigned int failing_routes;
	unsigned int adopted, looked;
	bool no_ike;
	unsigned int asked; /* for what the tunnel that is left over carries */
} kernel;

/* The clock of base/time.c. */
int clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (clock == CLOCK_BOOTTIME)
		*ts = (struct timespec){.tv_sec = (time_t)(kernel.now / USEC_PER_SEC)};
	else
		*ts = (struct timespec){.tv_sec = 1};
	return 0;
}

/* ---------------------------------------------------------------- the kernel: id 0 is deleted */

static int changed(unsigned int *changes)
{
	if (*changes == 0)
		return 0;
	(*changes)--;
	return kernel.unreadable < 0 ? kernel.unreadable : -EINTR;
}

int cgk_tunnel_dump(struct cgk *k _unused_, int (*fn)(void *ctx, const struct cgk_tunnel *t),
		    void *ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel.tunnels); i++) {
		int r = kernel.tunnels[i].id != 0 ? fn(ctx, &kernel.tunnels[i]) : 0;

		if (r >= 0)
			r = changed(&kernel.changes_tunnels);
		if (r < 0)
			return r;
	}
	return 0;
}

int cgk_sa_dump(struct cgk *k _unused_, int (*fn)(void *ctx, const struct cgk_sa *sa), void *ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel.sas); i++) {
		int r = kernel.sas[i].id != 0 ? fn(ctx, &kernel.sas[i]) : 0;

		if (r >= 0)
			r = changed(&kernel.changes_sas);
		if (r < 0)
			return r;
	}
	return 0;
}

int cgk_cert_dump(struct cgk *k _unused_, int (*fn)(void *ctx, const struct cgk_cert *c), void *ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel.certs); i++) {
		int r = kernel.certs[i].id != 0 ? fn(ctx, &kernel.certs[i]) : 0;

		if (r >= 0)
			r = changed(&kernel.changes_certs);
		if (r < 0)
			return r;
	}
	return 0;
}

int cgk_sa_del(struct cgk *k _unused_, uint32_t id)
{
	if (kernel.interrupted) {
		kernel.interrupted = false;
		return -EINTR;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kernel.sas); i++) {
		if (kernel.sas[i].id == id) {
			kernel.sas[i].id = 0;
			return 0;
		}
	}
	return -ENOENT;
}

int cgk_cert_del(struct cgk *k _unused_, uint32_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel.sas); i++) {
		if (kernel.sas[i].id != 0 && kernel.sas[i].cert == id)
			return -EBUSY;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kernel.certs); i++) {
		if (kernel.certs[i].id == id)
			kernel.certs[i].id = 0;
	}
	return 0;
}

int cgk_tunnel_del(struct cgk *k _unused_, uint32_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel.tunnels); i++) {
		if (kernel.tunnels[i].id == id)
			kernel.tunnels[i].id = 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kernel.sas); i++) {
		if (kernel.sas[i].tunnel == id)
			kernel.sas[i].id = 0;
	}
	return 0;
}

const char *cgk_error(const struct cgk *k _unused_)
{
	return "none";
}

const char *cgk_rt_error(const struct cgk_rt *rt _unused_)
{
	return "none";
}

int cgk_route_dump(struct cgk_rt *rt _unused_, int (*fn)(void *ctx, const struct cgk_route *r),
		   void *ctx)
{
	if (kernel.failing_routes > 0) {
		kernel.failing_routes--;
		return -EIO;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kernel.routes); i++) {
		const struct cgk_route copy = kernel.routes[i];

		if (copy.ifindex != 0)
			(void)fn(ctx, &copy);
	}
	return 0;
}

int cgk_route_del(struct cgk_rt *rt _unused_, const struct cgk_route *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel.routes); i++) {
		if (kernel.routes[i].ifindex == r->ifindex && kernel.routes[i].metric == r->metric)
			kernel.routes[i].ifindex = 0;
	}
	return 0;
}

int cgk_link_dump(struct cgk_rt *rt _unused_,
		  int (*fn)(void *ctx, const char *name, uint32_t ifindex), void *ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel.links); i++) {
		int r = kernel.links[i].name
				? fn(ctx, kernel.links[i].name, kernel.links[i].ifindex)
				: 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int cgk_link_delete(struct cgk_rt *rt _unused_, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel.links); i++) {
		if (streq_ptr(kernel.links[i].name, name))
			kernel.links[i].name = NULL;
	}
	return 0;
}

/* ---------------------------------------------------------------- the rest of main */

struct tunnel *tunnel_find_kernel(struct gateway *g, uint32_t id)
{
	struct tunnel *t;

	LIST_FOREACH(t, &g->tunnels, all)
	{
		if (t->t.id == id)
			return t;
	}
	return NULL;
}

void tunnel_add(struct conn *c, struct tunnel *t)
{
	t->conn = c;
	LIST_INSERT_HEAD(&c->g->tunnels, t, all);
	LIST_INSERT_HEAD(&c->tunnels, t, of_conn);
}

void tunnel_remove(struct gateway *g, struct tunnel *t)
{
	(void)cgk_tunnel_del(g->k, t->t.id);
	adopt_forget(g, t->t.id);
	LIST_REMOVE(t, all);
	LIST_REMOVE(t, of_conn);
	free(t);
}

void tunnel_label(const struct conn *c, unsigned int index, char label[CERTGATE_MAX_LABEL + 1])
{
	(void)snprintf(label, CERTGATE_MAX_LABEL + 1, "%s/%s", c->cfg->name,
		       c->cfg->children[index].name);
}

struct child *child_find_sa(struct gateway *g _unused_, uint32_t sa _unused_)
{
	return NULL;
}

/* Nothing was handed over: this is what follows a crash. */
void takeover_adopt(struct gateway *g _unused_)
{
}

struct binding *binding_find_kernel(struct gateway *g _unused_, uint32_t id _unused_)
{
	return NULL;
}

void conn_check_context(const struct conn *c, struct check_context *ret)
{
	*ret = (struct check_context){.connection = c->cfg,
				      .gateway = &c->g->config->gateway,
				      .resolved = c->resolved,
				      .n_resolved = c->n_resolved};
}

bool conn_again(struct conn *c, unsigned int index)
{
	assert_string_equal(c->cfg->name, "branch");
	assert_int_equal(index, 0);
	kernel.asked += !kernel.no_ike;
	return !kernel.no_ike;
}

void routes_add(struct conn *c)
{
	c->routes_in = true;
}

/* That of metric 1, which the connection has. */
bool routes_adopt(struct gateway *g, const struct cgk_route *k)
{
	return g->conns[0]->routes_in && k->ifindex == g->conns[0]->ifindex && k->metric == 1;
}

void routes_look(struct gateway *g _unused_)
{
	kernel.looked++;
}

void history_add(struct gateway *g _unused_, struct conn *conn _unused_,
		 enum ike_severity severity _unused_, const char *code,
		 const struct cg_endpoint *remote _unused_, const char *hint _unused_,
		 const char *fmt _unused_, ...)
{
	if (streq(code, "adopted"))
		kernel.adopted++;
}

/* ---------------------------------------------------------------- a gateway that was restarted */

struct world {
	struct gateway g;
	struct cg_config config;
	struct cg_connection connection;
	struct cg_child_config child;
	struct cg_selector local, remote;
	struct cg_addr listen;
	struct conn conn, *conns[1];
};

static void address(const char *text, struct cg_addr *ret)
{
	assert_int_equal(cg_addr_parse(text, ret), 0);
}

static void range(const char *text, struct cg_range *ret)
{
	assert_int_equal(cg_range_parse(text, ret), 0);
}

static void a_tunnel(struct cgk_tunnel *t, uint32_t id, const char *label)
{
	*t = (struct cgk_tunnel){.id = id, .ifindex = IFINDEX, .n_local_ts = 1, .n_remote_ts = 1};
	address("198.51.100.2", &t->local.addr);
	address("203.0.113.2", &t->remote.addr);
	range("10.1.0.0/16", &t->local_ts[0].range);
	range("10.2.0.0/16", &t->remote_ts[0].range);
	t->local_ts[0].port_end = t->remote_ts[0].port_end = 65535;
	(void)snprintf(t->label, sizeof(t->label), "%s", label);
}

/* One tunnel of a connection that is configured, one of a connection that is not, one that was made by hand. */
static int crash(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	memset(&kernel, 0, sizeof(kernel));
	kernel.now = 1000 * USEC_PER_SEC;
	a_tunnel(&kernel.tunnels[0], CONFIGURED, "branch/branch");
	a_tunnel(&kernel.tunnels[1], STRANGER, "gone/gone");
	a_tunnel(&kernel.tunnels[2], FOREIGN, "by hand");
	kernel.sas[0] = (struct cgk_sa){.id = 11, .tunnel = CONFIGURED, .cert = 21};
	kernel.sas[1] = (struct cgk_sa){.id = 12, .tunnel = CONFIGURED, .cert = 21};
	kernel.sas[2] = (struct cgk_sa){.id = 13, .tunnel = STRANGER, .cert = 22};
	kernel.sas[3] = (struct cgk_sa){.id = 14, .tunnel = FOREIGN, .cert = 23};
	kernel.certs[0] = (struct cgk_cert){.id = 21, .label = "branch"};
	kernel.certs[1] = (struct cgk_cert){.id = 22, .label = "gone"};
	kernel.links[0].name = "cg0";
	kernel.links[0].ifindex = IFINDEX;
	kernel.links[1].name = "cg1";
	kernel.links[1].ifindex = IFINDEX + 1;

	kernel.routes[0] = (struct cgk_route){.ifindex = IFINDEX, .metric = 1};
	kernel.routes[1] = (struct cgk_route){.ifindex = IFINDEX, .metric = 2};

	address("198.51.100.2", &w->listen);
	w->config.gateway = (struct cg_gateway){.listen = &w->listen, .n_listen = 1};
	w->local = (struct cg_selector){.port_last = 65535};
	w->remote = w->local;
	range("10.1.0.0/16", &w->local.range);
	range("10.2.0.0/16", &w->remote.range);
	w->child = (struct cg_child_config){.name = (char *)(uintptr_t) "branch",
					    .local = &w->local,
					    .remote = &w->remote,
					    .n_local = 1,
					    .n_remote = 1};
	w->connection = (struct cg_connection){.name = (char *)(uintptr_t) "branch",
					       .remote_kind = CG_REMOTE_ADDRESS,
					       .children = &w->child,
					       .n_children = 1};
	w->connection.local_address = w->listen;
	address("203.0.113.2", &w->connection.remote_address);
	w->conn = (struct conn){.g = &w->g, .cfg = &w->connection, .ifindex = IFINDEX};
	w->conns[0] = &w->conn;
	/* Nobody looks into these: the kernel is above. */
	w->g = (struct gateway){.config = &w->config,
				.conns = w->conns,
				.n_conns = 1,
				.k = (struct cgk *)&kernel,
				.rt = (struct cgk_rt *)&kernel};
	*state = w;
	return 0;
}

static int restart(void **state)
{
	struct world *w;
	int r = crash(state);

	w = *state;
	adopt_all(&w->g);
	return r;
}

static int end(void **state)
{
	struct world *w = *state;
	struct tunnel *t;

	adopt_flush(&w->g);
	while ((t = LIST_FIRST(&w->g.tunnels)))
		tunnel_remove(&w->g, t);
	free(w);
	return 0;
}

static void after(struct world *w, unsigned int seconds)
{
	kernel.now += seconds * USEC_PER_SEC;
	adopt_tick(&w->g);
}

static bool has_sa(uint32_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel.sas); i++) {
		if (kernel.sas[i].id == id)
			return true;
	}
	return false;
}

static void what_no_connection_wants_goes_at_once(void **state)
{
	struct world *w = *state;

	assert_int_equal(kernel.tunnels[1].id, 0);
	assert_false(has_sa(13));
	assert_null(tunnel_find_kernel(&w->g, STRANGER));
	assert_null(kernel.links[1].name);
	/* and a route of it on a device that others have; one of theirs may take its place */
	assert_int_equal(kernel.routes[1].ifindex, 0);
	assert_int_equal(kernel.looked, 1);
	/* Its binding when it is looked for the next time, a second later. */
	after(w, 1);
	assert_int_equal(kernel.certs[1].id, 0);
}

static void what_a_connection_wants_stays(void **state)
{
	struct world *w = *state;

	assert_non_null(tunnel_find_kernel(&w->g, CONFIGURED));
	assert_true(w->conn.routes_in);
	assert_string_equal(kernel.links[0].name, "cg0");
	assert_int_equal(kernel.routes[0].ifindex, IFINDEX);
	assert_int_equal(kernel.adopted, 1);
	after(w, 1);
	assert_true(has_sa(11) && has_sa(12));
	assert_int_equal(kernel.certs[0].id, 21);
}

/* Its name is asked for only now, and may lead elsewhere by then: an SA was let in at this address. */
static void a_tunnel_to_a_name_stays_wherever_the_name_leads(void **state)
{
	struct cg_addr elsewhere;

	for (unsigned int i = 0; i < 4; i++) {
		struct world *w;

		(void)crash(state);
		w = *state;
		w->connection.remote_kind = CG_REMOTE_NAME;
		w->connection.mode = i % 2 ? CG_MODE_INITIATOR_ONLY : CG_MODE_DEFAULT;
		address("203.0.113.9", &elsewhere);
		w->conn.resolved = &elsewhere;
		w->conn.n_resolved = i / 2;
		adopt_all(&w->g);
		assert_non_null(tunnel_find_kernel(&w->g, CONFIGURED));
		assert_true(has_sa(11) && has_sa(12));
		assert_int_equal(kernel.routes[0].ifindex, IFINDEX);
		(void)end(state);
	}
}

static void what_was_made_by_hand_is_nobodys_business(void **state)
{
	struct world *w = *state;

	after(w, LEFTOVER_SECONDS + 1);
	assert_int_equal(kernel.tunnels[2].id, FOREIGN);
	assert_true(has_sa(14));
}

static void what_is_not_replaced_goes_after_ten_minutes(void **state)
{
	struct world *w = *state;

	after(w, 599);
	assert_true(has_sa(11) && has_sa(12));
	assert_int_equal(kernel.certs[0].id, 21);
	after(w, 1);
	assert_false(has_sa(11) || has_sa(12));
	/* The tunnel is the connection's and waits for it; the binding has nobody left. */
	after(w, 1);
	assert_int_equal(kernel.certs[0].id, 0);
	assert_non_null(tunnel_find_kernel(&w->g, CONFIGURED));
	assert_null(w->g.leftovers);
}

static void what_was_replaced_goes_in_a_moment(void **state)
{
	struct world *w = *state;

	after(w, 30);
	adopt_replaced(&w->conn, 0);
	after(w, REPLACED_SECONDS - 1);
	assert_true(has_sa(11) && has_sa(12));
	after(w, 1);
	assert_false(has_sa(11) || has_sa(12));
}

/* The module wants nothing while there is an SA, though it may be dead at the peer: ike is asked for another one until there is. */
static void what_is_left_is_asked_for_until_it_is_replaced(void **state)
{
	struct world *w = *state;
	struct tunnel *t = tunnel_find_kernel(&w->g, CONFIGURED);

	assert_non_null(t);
	kernel.no_ike = true;
	after(w, 1);
	after(w, 1);
	assert_int_equal(kernel.asked, 0);
	kernel.no_ike = false;
	after(w, 1);
	assert_int_equal(kernel.asked, 1);
	/* Once for both of its SAs, and not every second. */
	after(w, ASK_SECONDS - 1);
	assert_int_equal(kernel.asked, 1);
	after(w, 1);
	assert_int_equal(kernel.asked, 2);
	/* One that goes on with what it was handed is asked when it has said with what. */
	w->g.takeover = (struct takeover *)&kernel;
	after(w, ASK_SECONDS);
	w->g.takeover = NULL;
	assert_int_equal(kernel.asked, 2);
	t->children = 1;
	after(w, ASK_SECONDS);
	assert_int_equal(kernel.asked, 2);
	t->children = 0;
	after(w, ASK_SECONDS);
	assert_int_equal(kernel.asked, 3);
	/* From the end of the last SA on the module wants one itself. */
	after(w, LEFTOVER_SECONDS);
	after(w, ASK_SECONDS);
	assert_int_equal(kernel.asked, 3);
}

static size_t leftovers(const struct world *w)
{
	size_t n = 0;

	for (const struct leftover *l = w->g.leftovers; l; l = l->next)
		n++;
	return n;
}

/* However often, and whichever of them: in the end each is known, and known once. */
static void tables_that_change_while_they_are_read_are_read_again(void **state)
{
	static const unsigned int changes[][3] = {{1, 0, 0},  {0, 1, 0},  {0, 0, 1}, {4, 4, 4},
						  {11, 0, 0}, {0, 11, 0}, {0, 0, 11}};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		if (i > 0) {
			(void)end(state);
			(void)crash(state);
			w = *state;
		}
		kernel.changes_tunnels = changes[i][0];
		kernel.changes_sas = changes[i][1];
		kernel.changes_certs = changes[i][2];
		adopt_all(&w->g);
		for (unsigned int n = 0; n < 5; n++)
			after(w, 1);
		assert_non_null(tunnel_find_kernel(&w->g, CONFIGURED));
		assert_int_equal(kernel.tunnels[1].id, 0);
		assert_int_equal(kernel.tunnels[2].id, FOREIGN);
		assert_true(has_sa(11) && has_sa(12));
		assert_int_equal(leftovers(w), 3);
		assert_int_equal(kernel.adopted, 1);
		after(w, LEFTOVER_SECONDS);
		after(w, 1);
		assert_false(has_sa(11) || has_sa(12));
		assert_int_equal(kernel.certs[0].id, 0);
		assert_int_equal(leftovers(w), 0);
	}
}

/* What was not read is not known to be nobody's: a route least of all. */
static void tables_that_cannot_be_read_are_read_again(void **state)
{
	for (size_t i = 0; i < 4; i++) {
		unsigned int *const failing[] = {&kernel.changes_tunnels, &kernel.changes_sas,
						 &kernel.changes_certs, &kernel.failing_routes};
		struct world *w;

		(void)crash(state);
		w = *state;
		*failing[i] = 3;
		kernel.unreadable = -ENOBUFS;
		adopt_all(&w->g);
		for (unsigned int n = 0; n < 2; n++) {
			assert_int_equal(kernel.routes[0].ifindex, IFINDEX);
			assert_int_equal(kernel.routes[1].ifindex, IFINDEX);
			assert_int_equal(kernel.adopted, 0);
			after(w, 1);
		}
		after(w, 1);
		assert_non_null(tunnel_find_kernel(&w->g, CONFIGURED));
		assert_int_equal(kernel.tunnels[1].id, 0);
		assert_int_equal(leftovers(w), 3);
		assert_int_equal(kernel.adopted, 1);
		assert_int_equal(kernel.routes[0].ifindex, IFINDEX);
		assert_int_equal(kernel.routes[1].ifindex, 0);
		assert_int_equal(kernel.looked, 1);
		(void)end(state);
	}
}

static void a_deletion_that_was_interrupted_is_repeated(void **state)
{
	struct world *w = *state;

	kernel.interrupted = true;
	after(w, LEFTOVER_SECONDS);
	assert_true(has_sa(11) != has_sa(12));
	after(w, 1);
	assert_false(has_sa(11) || has_sa(12));
}

static void a_stop_leaves_nothing(void **state)
{
	struct world *w = *state;

	adopt_flush(&w->g);
	assert_false(has_sa(11) || has_sa(12));
	assert_int_equal(kernel.certs[0].id, 0);
	assert_int_equal(kernel.certs[1].id, 0);
}

int main(void)
{
#define AFTER_A_RESTART(f) cmocka_unit_test_setup_teardown(f, restart, end)
	const struct CMUnitTest tests[] = {
		AFTER_A_RESTART(what_no_connection_wants_goes_at_once),
		AFTER_A_RESTART(what_a_connection_wants_stays),
		cmocka_unit_test(a_tunnel_to_a_name_stays_wherever_the_name_leads),
		AFTER_A_RESTART(what_was_made_by_hand_is_nobodys_business),
		AFTER_A_RESTART(what_is_not_replaced_goes_after_ten_minutes),
		AFTER_A_RESTART(what_was_replaced_goes_in_a_moment),
		AFTER_A_RESTART(what_is_left_is_asked_for_until_it_is_replaced),
		cmocka_unit_test_setup_teardown(
			tables_that_change_while_they_are_read_are_read_again, crash, end),
		cmocka_unit_test(tables_that_cannot_be_read_are_read_again),
		AFTER_A_RESTART(a_deletion_that_was_interrupted_is_repeated),
		AFTER_A_RESTART(a_stop_leaves_nothing),
	};

	return cmocka_run_group_tests_name("daemon/adopt", tests, NULL, NULL);
}
