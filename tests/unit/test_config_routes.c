// SPDX-License-Identifier: Apache-2.0
/* Connections that want the same route through two interfaces. */
#include "lib/configtest.h"

#define SUBJECT(x) "    inbound_certificate: {subject_name: \"" x "\", chain: r.cer}\n"

static struct loaded load_two(const char *interface_a, const char *a, const char *interface_b,
			      const char *b)
{
	_cleanup_free_ char *text = str_printf("connections:\n" CONNECTION_HEAD SUBJECT(
						       "a") "%s" CONNECTION_HEAD SUBJECT("b") "%s",
					       "a", interface_a, a, "b", interface_b, b);

	return load_text(text);
}

static void assert_silent(const char *interface_a, const char *a, const char *interface_b,
			  const char *b)
{
	_cleanup_loaded_ struct loaded l = load_two(interface_a, a, interface_b, b);
	_cleanup_free_ char *s = said(&l);

	assert_good(&l);
	if (strstr(s, "route"))
		fail_msg("said:\n%s", s);
}

static void two_interfaces_with_one_route_are_warned_of(void **state)
{
	_cleanup_loaded_ struct loaded l = load_two("cg0", REMOTE NETWORKS, "cg1", REMOTE NETWORKS);
	_cleanup_loaded_ struct loaded range = load_two(
		"cg0", REMOTE NETWORKS, "cg1",
		REMOTE
		"    local_networks: 10.1.0.0/16\n    remote_networks: 10.1.255.0-10.2.255.255\n");
	_cleanup_loaded_ struct loaded six = load_two(
		"cg0",
		REMOTE
		"    local_networks: fd00:1::/64\n    remote_networks: fd00:2::/64\n    routes: {metric: 1024}\n",
		"cg1",
		REMOTE "    local_networks: fd00:1::/64\n    remote_networks: fd00:2::/64\n");

	(void)state;
	assert_good(&l);
	assert_int_equal(l.diags.n, 1);
	assert_said(&l,
		    "warning: connections[b].routes: connection 'a' (/etc/certgate/test.yaml:2) "
		    "wants the route to 10.2.0.0/16");
	assert_said(&l, "through cg0, not cg1");
	assert_said(&l, "a larger routes.metric");
	assert_good(&range);
	assert_said(&range, "wants the route to 10.2.0.0/16");
	assert_good(&six);
	assert_said(&six, "wants the route to fd00:2::/64");
}

/* A word for each connection but the first, whatever they have in common and with however many. */
static void a_connection_is_warned_of_once(void **state)
{
	static const char networks[] = REMOTE
		"    local_networks: 10.1.0.0/16\n"
		"    remote_networks: [10.2.0.0/16, 10.3.0.0/16, 10.4.0.0/16]\n";
	_cleanup_free_ char *text = str_printf(
		"connections:\n" CONNECTION_HEAD SUBJECT("a") "%s" CONNECTION_HEAD SUBJECT(
			"b") "%s" CONNECTION_HEAD SUBJECT("c") "%s",
		"a", "cg0", networks, "b", "cg1", networks, "c", "cg2", networks);
	_cleanup_loaded_ struct loaded l = load_text(text);

	(void)state;
	assert_good(&l);
	assert_int_equal(l.diags.n, 2);
}

static void what_is_told_apart_is_not(void **state)
{
	(void)state;
	assert_silent("cg0", REMOTE NETWORKS, "cg1", REMOTE NETWORKS "    routes: {metric: 1}\n");
	assert_silent("cg0", REMOTE NETWORKS, "cg1", REMOTE NETWORKS "    routes: {table: 7}\n");
	assert_silent("cg0", REMOTE NETWORKS, "cg1", REMOTE NETWORKS "    routes: false\n");
	assert_silent("cg0", REMOTE NETWORKS, "cg1", REMOTE NETWORKS "    enabled: false\n");
	assert_silent("cg0", REMOTE NETWORKS, "cg0",
		      REMOTE "    local_networks: 10.9.0.0/16\n    remote_networks: 10.2.0.0/16\n");
	/* a larger network is another route */
	assert_silent("cg0", REMOTE NETWORKS, "cg1",
		      REMOTE "    local_networks: 10.1.0.0/16\n    remote_networks: 10.2.0.0/15\n");
}

static void routes_that_the_daemon_leaves_out_are_not(void **state)
{
	static const char all[] = REMOTE
		"    local_networks: 0.0.0.0/0\n    remote_networks: 0.0.0.0/0\n";
	static const char named[] =
		"    remote_address: gw.example\n    local_networks: 0.0.0.0/0\n    remote_networks: 0.0.0.0/0\n";

	(void)state;
	assert_silent("cg0", all, "cg1", all);
	assert_silent("cg0", named, "cg1", named);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_interfaces_with_one_route_are_warned_of),
		cmocka_unit_test(a_connection_is_warned_of_once),
		cmocka_unit_test(what_is_told_apart_is_not),
		cmocka_unit_test(routes_that_the_daemon_leaves_out_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
