// SPDX-License-Identifier: Apache-2.0
/*
 * What an operator has said of a connection, over a planned restart: the next main has it from the one before, ike hears it again when it is known which connections
 * go on, and what is said from then on counts.
 */
#include "lib/maintest.h"

#include "daemon/apply.h"
#include "daemon/iface.h"
#include "daemon/options.h"
#include "daemon/proto_restart.h"
#include "daemon/restart.h"
#include "daemon/sealed.h"
#include "daemon/takeover.h"
#include "lib/configtest.h"

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

/* ---------------------------------------------------------------- the main that leaves */

static void on_done(void *ctx _unused_, int error, const char *why _unused_)
{
	assert_int_equal(error, 0);
}

static void tell_main(struct proc *p, enum msg_type type, int fd)
{
	struct msg_reader r = {0};

	assert_int_equal(restart_on_message(p, type, &r, &fd), 0);
}

/* What it hands over is where the next main finds it. */
static void leave(const char *name, bool up, bool down)
{
	struct main_world *w = main_world_new();
	struct proc verify = {.g = &w->g, .role = ROLE_VERIFY};
	int launcher, snapshot;

	w->g.launcher = main_channel_new(w->g.base, ROLE_LAUNCHER, &launcher);
	w->cfg.name = (char *)(uintptr_t)name;
	w->c.up = up;
	w->c.down = down;
	assert_int_equal(conn_set_resolved(&w->c, &(struct cg_addr){.family = AF_INET}, 1), 0);
	assert_int_equal(restart_start(&w->g, on_done, NULL), 0);
	assert_int_equal(sealed_new("snapshot", "x", 1, &snapshot), 0);
	tell_main(&w->procs[0], MSG_SAVED, snapshot);
	tell_main(&verify, MSG_WATCHED_ALL, -EBADF);
	for (int i = 0; i < 2; i++) {
		uint8_t buf[64];
		int fd;

		assert_true(main_channel_read(launcher, buf, sizeof(buf), &fd) > 0);
		assert_int_equal(dup2(fd, ROLE_FD_HANDOVER + i), ROLE_FD_HANDOVER + i);
		(void)close(fd);
	}
	restart_free(&w->g);
	w->g.launcher = channel_free(w->g.launcher);
	(void)close(launcher);
	w->cfg.name = (char *)"branch";
	main_world_free(w);
}

/* ---------------------------------------------------------------- the main that comes */

struct next {
	struct main_world *w;
	struct options options;
	struct loaded l;
};

static void come(struct next *n)
{
	*n = (struct next){.w = main_world_new(), .options = {.handover = 2}, .l = load_text("{}")};
	assert_good(&n->l);
	conn_unlist(&n->w->c);
	n->w->cfg.policy = cg_config_find_policy(n->l.config, "default");
	n->w->cfg.remote_kind = CG_REMOTE_NAME;
	n->w->cfg.remote_name = (char *)"branch.example";
	n->w->cfg.start = CG_START_MANUAL;
	n->w->g.options = &n->options;
	n->w->g.conns = NULL;
	n->w->g.n_conns = 0;
	takeover_begin(&n->w->g);
	assert_true(takeover_pending(&n->w->g));
}

/* A load: the one before, if there is one, cannot go on. What ike was told last of it. */
static enum msg_type load(struct next *n)
{
	struct gateway *g = &n->w->g;
	struct conn *c = calloc(1, sizeof(*c)), **conns = calloc(1, sizeof(struct conn *));
	enum msg_type type, last = _MSG_MAX;

	assert_true(c && conns);
	*c = (struct conn){.g = g, .id = ++g->next_conn, .cfg = &n->w->cfg};
	conns[0] = c;
	json_decref(apply_config(g, &n->w->config, conns, 1));
	assert_ptr_equal(g->conns[0], c);
	takeover_loaded(g);
	while ((type = main_world_read(n->w, ROLE_IKE)) != _MSG_MAX) {
		/* The snapshot comes after all that. */
		if (type != MSG_RESTORE)
			last = type;
	}
	return last;
}

/* Ike has looked into its snapshot: the connection is not in it. What it is told then. */
static enum msg_type restored(struct next *n)
{
	const struct proto_restored p = {.refused = 1};
	uint8_t copy[256];
	struct msg_writer m;
	struct msg_reader r;
	enum msg_type type;
	size_t len;

	msg_begin(&m, MSG_RESTORED);
	proto_put_restored(&m, &p);
	len = m.len;
	assert_true(!m.failed && len <= sizeof(copy));
	memcpy(copy, m.buf, len);
	msg_end(&m);
	assert_int_equal(msg_open(copy, len, &type, &r), 0);
	assert_int_equal(takeover_on_message(&n->w->g, type, &r), 0);
	assert_null(n->w->g.takeover);
	return main_world_read(n->w, ROLE_IKE);
}

static void end(struct next *n)
{
	struct gateway *g = &n->w->g;

	takeover_free(g);
	for (size_t i = 0; i < g->n_conns; i++) {
		conn_unlist(g->conns[i]);
		conn_free(g->conns[i]);
	}
	free(g->conns);
	main_world_free(n->w);
	loaded_done(&n->l);
}

/* ---------------------------------------------------------------- what must hold */

static void what_was_said_before_is_known_after(void **state _unused_)
{
	static const struct {
		const char *name;
		bool up, down;
		enum msg_type told, after;
	} cases[] = {
		{"branch", true, false, MSG_CONN_UP, MSG_CONN_UP},
		{"branch", false, true, MSG_CONN_DOWN, MSG_CONN_DOWN},
		{"branch", false, false, MSG_CONN_RESOLVED, _MSG_MAX},
		{"other", true, false, MSG_CONN_END, _MSG_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool same = streq(cases[i].name, "branch");
		struct next n;

		leave(cases[i].name, cases[i].up, cases[i].down);
		come(&n);
		assert_int_equal(load(&n), cases[i].told);
		assert_int_equal(n.w->g.conns[0]->up, same && cases[i].up);
		assert_int_equal(n.w->g.conns[0]->down, same && cases[i].down);
		assert_int_equal(restored(&n), cases[i].after);
		end(&n);
	}
}

/* Ike has not said yet what goes on: what was handed over is not said once more by the next load. */
static void what_is_said_after_counts(void **state _unused_)
{
	static const struct cg_addr newer = {.family = AF_INET, .bytes = {192, 0, 2, 7}};
	struct next n;
	struct conn *c;

	leave("branch", true, false);
	come(&n);
	assert_int_equal(load(&n), MSG_CONN_UP);
	c = n.w->g.conns[0];
	assert_true(c->up);
	c->up = false;
	c->down = true;
	assert_int_equal(conn_set_resolved(c, &newer, 1), 0);
	assert_int_equal(load(&n), MSG_CONN_DOWN);
	c = n.w->g.conns[0];
	assert_true(c->down);
	assert_false(c->up);
	/* Where the name led last, not where it did before. */
	assert_int_equal(c->n_resolved, 1);
	assert_true(cg_addr_equal(&c->resolved[0], &newer));
	assert_int_equal(restored(&n), MSG_CONN_DOWN);
	end(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_said_before_is_known_after),
		cmocka_unit_test(what_is_said_after_counts),
	};

	cg_log_set_level(CG_LOG_ERROR);
	return cmocka_run_group_tests_name("daemon/takeover", tests, NULL, NULL);
}
