// SPDX-License-Identifier: Apache-2.0
/* A kernel that does not forward: when that matters to a connection, and what is told of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/file.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/forwarding.h"
#include "daemon/gateway.h"
#include "daemon/history.h"

enum { BOTH = FORWARDING_IPV4 | FORWARDING_IPV6 };

struct world {
	struct gateway g;
	struct cg_selector local[3];
	struct cg_child_config child;
	struct cg_connection cfg;
	struct child sa;
	struct conn c, *conns[1];
};

/* networks: prefixes that are the connection's own, up to a NULL. It has an SA. */
static void set_up(struct world *w, const char *const *networks)
{
	memset(w, 0, sizeof(*w));
	for (size_t i = 0; networks[i]; i++) {
		struct cg_prefix p;

		assert_true(i < ARRAY_SIZE(w->local));
		assert_int_equal(cg_prefix_parse(networks[i], &p), 0);
		cg_prefix_to_range(&p, &w->local[i].range);
		w->child.n_local++;
	}
	w->child.local = w->local;
	w->cfg.name = (char *)"branch";
	w->cfg.interface.name = (char *)"cg0";
	w->cfg.children = &w->child;
	w->cfg.n_children = 1;
	w->c.g = &w->g;
	w->c.cfg = &w->cfg;
	LIST_INSERT_HEAD(&w->c.children, &w->sa, of_conn);
	w->conns[0] = &w->c;
	w->g.conns = w->conns;
	w->g.n_conns = 1;
}

static void tear_down(struct world *w)
{
	history_done(&w->c.history);
}

static void needed_is(unsigned int families, const char *const *networks)
{
	struct world w;

	set_up(&w, networks);
	assert_int_equal(forwarding_needed(&w.cfg), families);
	tear_down(&w);
}

static void networks_need_it_and_own_addresses_do_not(void **state _unused_)
{
	needed_is(FORWARDING_IPV4, (const char *const[]){"10.1.0.0/16", NULL});
	needed_is(FORWARDING_IPV6, (const char *const[]){"fd00:1::/64", NULL});
	needed_is(BOTH, (const char *const[]){"127.0.0.1/32", "0.0.0.0/0", "::/0", NULL});
	/* A host that is another one is a network too. */
	needed_is(FORWARDING_IPV4, (const char *const[]){"192.0.2.77/32", NULL});
	needed_is(0, (const char *const[]){"127.0.0.1/32", "127.0.0.2/32", NULL});
}

/* ---------------------------------------------------------------- settings */

static char *root;

static void path_of(const char *name, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%s/%s", root, name);
}

/* value NULL: there is no such setting */
static void setting(const char *name, const char *value)
{
	char path[PATH_MAX], *slash;

	path_of(name, path);
	for (slash = strchr(path + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash = '/';
	}
	(void)unlink(path);
	if (value)
		assert_int_equal(file_write_atomic(path, value, strlen(value), 0600), 0);
}

static void settings_are_read(void **state _unused_)
{
	setting("ipv4/ip_forward", "1\n");
	setting("ipv4/conf/cg0/forwarding", "1\n");
	setting("ipv6/conf/all/forwarding", "1\n");
	assert_int_equal(forwarding_off(root, "cg0"), 0);
	setting("ipv6/conf/all/forwarding", "0\n");
	assert_int_equal(forwarding_off(root, "cg0"), FORWARDING_IPV6);
	setting("ipv4/ip_forward", "0\n");
	setting("ipv4/conf/cg0/forwarding", "0\n");
	assert_int_equal(forwarding_off(root, "cg0"), BOTH);
	assert_int_equal(forwarding_off(root, NULL), BOTH);
	/* For single devices an administrator may have turned it on. */
	setting("ipv4/conf/cg0/forwarding", "1\n");
	assert_int_equal(forwarding_off(root, "cg0"), FORWARDING_IPV6);
	assert_int_equal(forwarding_off(root, NULL), BOTH);
	/* A kernel without the protocol has nothing to turn on. */
	setting("ipv6/conf/all/forwarding", NULL);
	assert_int_equal(forwarding_off(root, "cg0"), 0);
}

/* ---------------------------------------------------------------- what is told */

static const char *warning(const struct world *w, size_t i, const char *key)
{
	static char text[FORWARDING_TEXT];
	json_t *a = forwarding_json(&w->c);
	const char *s = json_string_value(json_object_get(json_array_get(a, i), key));

	(void)snprintf(text, sizeof(text), "%s", s ? s : "");
	json_decref(a);
	return text;
}

static void a_change_is_told_once(void **state _unused_)
{
	const struct history_entry *e;
	struct world w;

	set_up(&w, (const char *const[]){"10.1.0.0/16", NULL});
	forwarding_set(&w.c, 0);
	assert_int_equal(w.c.history.n, 0);
	assert_string_equal(warning(&w, 0, "code"), "");
	/* IPv6 is off as well, and nothing here wants it. */
	for (int i = 0; i < 3; i++)
		forwarding_set(&w.c, BOTH);
	assert_int_equal(w.c.history.n, 1);
	e = history_at(&w.c.history, 0);
	assert_string_equal(e->code, "forwarding-off");
	assert_int_equal(e->severity, IKE_WARNING);
	assert_non_null(strstr(e->text, "IPv4 forwarding is off"));
	assert_non_null(strstr(e->hint, "sysctl -w net.ipv4.ip_forward=1"));
	/* It is no failure of the connection. */
	assert_null(w.c.last_error.code);
	assert_string_equal(warning(&w, 0, "code"), "forwarding-off");
	assert_string_equal(warning(&w, 0, "text"), e->text);
	assert_string_equal(warning(&w, 0, "hint"), e->hint);
	assert_string_equal(warning(&w, 1, "code"), "");
	forwarding_set(&w.c, FORWARDING_IPV6);
	assert_int_equal(w.c.history.n, 2);
	assert_string_equal(history_at(&w.c.history, 1)->code, "forwarding-on");
	assert_string_equal(warning(&w, 0, "code"), "");
	tear_down(&w);
}

static void each_family_is_told_of(void **state _unused_)
{
	struct world w;

	set_up(&w, (const char *const[]){"10.1.0.0/16", "fd00:1::/64", NULL});
	forwarding_set(&w.c, BOTH);
	assert_int_equal(w.c.history.n, 2);
	assert_non_null(strstr(warning(&w, 0, "hint"), "net.ipv4.ip_forward=1"));
	assert_non_null(strstr(warning(&w, 1, "hint"), "net.ipv6.conf.all.forwarding=1"));
	/* Without an SA it is not what keeps packets from crossing. */
	LIST_REMOVE(&w.sa, of_conn);
	assert_string_equal(warning(&w, 0, "code"), "");
	forwarding_tick(&w.g);
	assert_int_equal(w.c.history.n, 2);
	tear_down(&w);
}

static int make_root(void **state _unused_)
{
	static char name[] = "/tmp/forwarding-XXXXXX";

	root = mkdtemp(name);
	return root ? 0 : -1;
}

static int remove_root(void **state _unused_)
{
	static const char *const names[] = {
		"ipv4/ip_forward",
		"ipv4/conf/cg0/forwarding",
		"ipv6/conf/all/forwarding",
		"ipv4/conf/cg0",
		"ipv4/conf",
		"ipv6/conf/all",
		"ipv6/conf",
		"ipv4",
		"ipv6",
		"",
	};
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		path_of(names[i], path);
		(void)remove(path);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_need_it_and_own_addresses_do_not),
		cmocka_unit_test(settings_are_read),
		cmocka_unit_test(a_change_is_told_once),
		cmocka_unit_test(each_family_is_told_of),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
