// SPDX-License-Identifier: Apache-2.0
/*
 * A connection that is refused when what is in force is loaded again: whether its tunnel is up counts when that is put in force, not when it was staged.
 */
#include "lib/maintest.h"

#include "daemon/apply.h"
#include "daemon/child.h"
#include "daemon/credentials.h"
#include "daemon/iface.h"
#include "daemon/options.h"

/* ---------------------------------------------------------------- in the place of iface.c: there is no kernel */

int link_apply(struct conn *c _unused_)
{
	return 0;
}

void link_drop(struct conn *c _unused_, const struct cg_interface_config *before _unused_)
{
}

void links_restore(struct gateway *g _unused_)
{
}

void link_remove(struct conn *c _unused_)
{
}

/* ---------------------------------------------------------------- a load */

/* The one that was staged, with the certificate that runs. */
static struct conn *staged(struct main_world *w, const char *refusal)
{
	struct conn *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->g = &w->g;
	c->id = w->c.id;
	c->cfg = &w->cfg;
	assert_int_equal(credentials_copy_own(c, &w->c), 0);
	c->refusal = refusal ? strdup(refusal) : NULL;
	return c;
}

/* How many certificates it has afterwards. */
static size_t after(bool up, const char *refusal)
{
	static const uint8_t cert[] = {0x30, 0};
	const struct ike_blob own = {cert, sizeof(cert)};
	static const struct options options;
	static struct cg_policy policy = {.name = (char *)"default"};
	struct child child = {.number = 1, .sa_out = 4};
	struct main_world *w = main_world_new();
	struct conn **conns = calloc(1, sizeof(struct conn *));
	size_t n;

	assert_non_null(conns);
	w->cfg.policy = &policy;
	w->g.options = &options;
	w->g.loaded = true;
	w->g.conns = malloc(sizeof(struct conn *));
	assert_non_null(w->g.conns);
	w->g.conns[0] = &w->c;
	w->c.begun = true;
	assert_int_equal(credentials_set_certs(&w->c, NULL, &own, 1), 0);
	if (up)
		LIST_INSERT_HEAD(&w->c.children, &child, of_conn);
	conns[0] = staged(w, refusal);
	json_decref(apply_config(&w->g, &w->config, conns, 1));
	assert_ptr_equal(w->g.conns[0], &w->c);
	n = w->c.n_certs;
	assert_true(conn_is_refused(&w->c) == (refusal && !up));
	credentials_drop_certs(&w->c);
	free(w->c.refusal);
	free(w->g.conns);
	main_world_free(w);
	return n;
}

static void what_is_up_then_goes_on(void **state _unused_)
{
	assert_int_equal(after(true, "expired"), 1);
}

static void with_nothing_up_nobody_is_let_in(void **state _unused_)
{
	assert_int_equal(after(false, "expired"), 0);
	assert_int_equal(after(false, NULL), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_up_then_goes_on),
		cmocka_unit_test(with_nothing_up_nobody_is_let_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
