// SPDX-License-Identifier: Apache-2.0
/*
 * Tunnels of a child whose selectors come back in another order, or as a part of what they were: with a kernel that has each pair of selectors
 * in one tunnel, as the module does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/adopt.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/iface.h"
#include "daemon/net.h"
#include "daemon/tunnel.h"
#include "kernel/kernel.h"
#include "kernel/link.h"

enum { IFINDEX = 7 };

static struct {
	struct cgk_tunnel tunnels[4]; /* id 0: none */
	uint32_t last_id;
	uint32_t left; /* a tunnel with an SA of an earlier process */
} kernel;

/* ---------------------------------------------------------------- the kernel */

static bool share_a_pair(const struct cgk_tunnel *a, const struct cgk_tunnel *b)
{
	bool local = false, remote = false;

	for (unsigned int i = 0; i < a->n_local_ts; i++)
		for (unsigned int k = 0; k < b->n_local_ts; k++)
			local |= cg_range_equal(&a->local_ts[i].range, &b->local_ts[k].range);
	for (unsigned int i = 0; i < a->n_remote_ts; i++)
		for (unsigned int k = 0; k < b->n_remote_ts; k++)
			remote |= cg_range_equal(&a->remote_ts[i].range, &b->remote_ts[k].range);
	return local && remote;
}

int cgk_tunnel_new(struct cgk *k _unused_, const struct cgk_tunnel *t, uint32_t *ret_id)
{
	struct cgk_tunnel *room = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(kernel.tunnels); i++) {
		if (kernel.tunnels[i].id == 0)
			room = &kernel.tunnels[i];
		else if (share_a_pair(&kernel.tunnels[i], t))
			return -EEXIST;
	}
	assert_non_null(room);
	*room = *t;
	*ret_id = room->id = ++kernel.last_id;
	return 0;
}

static struct cgk_tunnel *in_kernel(uint32_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel.tunnels); i++) {
		if (id != 0 && kernel.tunnels[i].id == id)
			return &kernel.tunnels[i];
	}
	return NULL;
}

int cgk_tunnel_del(struct cgk *k _unused_, uint32_t id)
{
	struct cgk_tunnel *is = in_kernel(id);

	if (is)
		is->id = 0;
	return 0;
}

int cgk_tunnel_set(struct cgk *k _unused_, const struct cgk_tunnel *t, unsigned int what _unused_)
{
	struct cgk_tunnel *is = in_kernel(t->id);

	if (!is)
		return -ENOENT;
	*is = *t;
	return 0;
}

int cgk_tunnel_get(struct cgk *k _unused_, uint32_t id, struct cgk_tunnel *ret)
{
	const struct cgk_tunnel *is = in_kernel(id);

	if (!is)
		return -ENOENT;
	*ret = *is;
	return 0;
}

const char *cgk_error(const struct cgk *k _unused_)
{
	return "File exists";
}

const char *cgk_rt_error(const struct cgk_rt *rt _unused_)
{
	return "none";
}

uint32_t cgk_link_index(struct cgk_rt *rt _unused_, const char *name _unused_)
{
	return 0;
}

/* ---------------------------------------------------------------- the rest of main */

int link_apply(struct conn *c _unused_)
{
	return 0;
}

uint32_t sockets_kernel_id(const struct gateway *g _unused_,
			   const struct cg_endpoint *local _unused_)
{
	return 0;
}

void adopt_forget(struct gateway *g _unused_, uint32_t tunnel)
{
	if (kernel.left == tunnel)
		kernel.left = 0;
}

bool adopt_has_left(const struct gateway *g _unused_, const struct tunnel *t)
{
	return kernel.left == t->t.id;
}

/* ---------------------------------------------------------------- a connection with a child */

struct world {
	struct gateway g;
	struct cg_child_config children[2];
	struct cg_connection connection;
	struct conn conn;
};

static int begin(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	memset(&kernel, 0, sizeof(kernel));
	w->children[0].name = (char *)(uintptr_t) "branch";
	w->children[1].name = (char *)(uintptr_t) "other";
	w->connection = (struct cg_connection){
		.name = (char *)(uintptr_t) "branch", .children = w->children, .n_children = 2};
	w->conn = (struct conn){.g = &w->g, .cfg = &w->connection, .ifindex = IFINDEX};
	/* Nobody looks into it: the kernel is above. */
	w->g.k = (struct cgk *)&kernel;
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	tunnels_remove(&w->conn);
	table_done(&w->g.tunnels_by_kernel);
	free(w);
	return 0;
}

/* 10.a.0.0/16 for each of these. */
static size_t networks(const char *which, struct ike_ts *ret)
{
	size_t n = 0;

	for (; which[n]; n++)
		assert_int_equal(
			ike_ts_from_prefix((const uint8_t[]){10, (uint8_t)(which[n] - '0'), 0, 0},
					   4, 16, &ret[n]),
			0);
	return n;
}

static struct tunnel *get_to(struct world *w, uint32_t index, const char *local, const char *remote,
			     const char *peer)
{
	struct ike_ts l[4], r[4];
	struct ike_out_child_add a = {.child_index = index, .local_ts = l, .remote_ts = r};
	struct tunnel *t = NULL;
	char text[CHECK_TEXT];
	int err;

	a.n_local_ts = networks(local, l);
	a.n_remote_ts = networks(remote, r);
	assert_int_equal(cg_addr_parse("198.51.100.2", &a.local.addr), 0);
	assert_int_equal(cg_addr_parse(peer, &a.remote.addr), 0);
	err = tunnel_get(&w->conn, &a, &t, text);
	assert_true(err == 0 || err == -EEXIST);
	return err == 0 ? t : NULL;
}

/* The tunnel of a child between these networks; NULL: the kernel does not make it. */
static struct tunnel *get(struct world *w, uint32_t index, const char *local, const char *remote)
{
	return get_to(w, index, local, remote, "203.0.113.2");
}

static void the_order_of_selectors_makes_no_other_tunnel(void **state)
{
	struct world *w = *state;
	struct tunnel *t = get(w, 0, "21", "35");

	assert_non_null(t);
	t->children = 1;
	assert_ptr_equal(get(w, 0, "12", "35"), t);
	assert_ptr_equal(get(w, 0, "21", "53"), t);
	assert_ptr_equal(get(w, 0, "112", "353"), t);
	assert_int_equal(kernel.last_id, 1);
}

static void a_tunnel_without_sas_gives_way_to_a_part_of_it(void **state)
{
	struct world *w = *state;
	struct tunnel *t = get(w, 0, "1", "23");

	t = get(w, 0, "1", "2");
	assert_non_null(t);
	assert_null(tunnel_find_kernel(&w->g, 1));
	/* And the other way round. */
	t = get(w, 0, "1", "23");
	assert_non_null(t);
	assert_null(tunnel_find_kernel(&w->g, 2));
	assert_int_equal(t->t.id, 3);
}

static void what_has_sas_does_not_give_way(void **state)
{
	struct world *w = *state;
	struct tunnel *t = get(w, 0, "1", "23");

	t->children = 1;
	assert_null(get(w, 0, "1", "2"));
	t->children = 0;
	/* Nor with those of an earlier process, which are sent on until they are replaced. */
	kernel.left = t->t.id;
	assert_null(get(w, 0, "1", "2"));
	assert_ptr_equal(tunnel_find_kernel(&w->g, 1), t);
	kernel.left = 0;
	assert_non_null(get(w, 0, "1", "2"));
}

/* Nor what is not in the way. */
static void a_tunnel_without_sas_beside_it_stays(void **state)
{
	struct world *w = *state;
	struct tunnel *beside = get(w, 0, "1", "4"), *t = get(w, 0, "1", "23");

	assert_non_null(t);
	assert_non_null(get(w, 0, "1", "2"));
	assert_null(tunnel_find_kernel(&w->g, 2));
	assert_ptr_equal(tunnel_find_kernel(&w->g, 1), beside);
}

/* Another one deleted it there: whether it is to move or not, with Child SAs that main knows of still or not. */
static void what_the_kernel_has_not_any_more_is_made_anew(void **state)
{
	static const char *const peers[] = {"203.0.113.2", "203.0.113.9"};
	struct world *w = *state;

	for (unsigned int children = 0; children < 2; children++) {
		for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
			struct tunnel *t = get(w, 0, "1", "23"), *again;
			const uint32_t id = t->t.id;

			t->children = children;
			(void)cgk_tunnel_del(w->g.k, id);
			again = get_to(w, 0, "1", "23", peers[i]);
			assert_non_null(again);
			assert_null(tunnel_find_kernel(&w->g, id));
			assert_ptr_equal(tunnel_find_kernel(&w->g, again->t.id), again);
			assert_non_null(in_kernel(again->t.id));
			assert_true(cg_addr_equal(&in_kernel(again->t.id)->remote.addr,
						  &again->t.remote.addr));
			/* Child SAs point to it. */
			if (children)
				assert_ptr_equal(again, t);
			assert_int_equal(again->children, children);
			again->children = 0;
			tunnel_remove(&w->g, again);
		}
	}
}

/* What is in the way of that does not cost main its own. */
static void what_cannot_be_made_anew_is_known_still(void **state)
{
	struct world *w = *state;
	struct tunnel *t = get(w, 0, "1", "23"), *other;

	t->children = 1;
	(void)cgk_tunnel_del(w->g.k, t->t.id);
	other = get(w, 1, "1", "2");
	assert_null(get(w, 0, "1", "23"));
	assert_int_equal(t->children, 1);
	assert_ptr_equal(tunnel_find_kernel(&w->g, t->t.id), t);
	tunnel_remove(&w->g, other);
	assert_ptr_equal(get(w, 0, "1", "23"), t);
}

static void another_childs_does_not_give_way(void **state)
{
	struct world *w = *state;
	struct tunnel *t = get(w, 1, "1", "23");

	assert_non_null(t);
	assert_null(get(w, 0, "1", "2"));
	assert_ptr_equal(tunnel_find_kernel(&w->g, 1), t);
}

int main(void)
{
#define WITH_A_CONNECTION(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		WITH_A_CONNECTION(the_order_of_selectors_makes_no_other_tunnel),
		WITH_A_CONNECTION(a_tunnel_without_sas_gives_way_to_a_part_of_it),
		WITH_A_CONNECTION(what_has_sas_does_not_give_way),
		WITH_A_CONNECTION(a_tunnel_without_sas_beside_it_stays),
		WITH_A_CONNECTION(what_the_kernel_has_not_any_more_is_made_anew),
		WITH_A_CONNECTION(what_cannot_be_made_anew_is_known_still),
		WITH_A_CONNECTION(another_childs_does_not_give_way),
	};

	return cmocka_run_group_tests_name("daemon/tunnel", tests, NULL, NULL);
}
