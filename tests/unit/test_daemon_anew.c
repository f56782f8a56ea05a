// SPDX-License-Identifier: Apache-2.0
/* What begins anew when a configuration follows another: its device and its routes are there all the time. */
#include "lib/ifacetest.h"

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

/* Until it has been asked where its name leads, what began anew knows where it led. */
static void nor_what_would_take_those_to_another_of_its_addresses(void **state _unused_)
{
	static const char form[] =
		"connections:\n"
		"  - {name: a, interface: cg0, outbound_certificate: o, remote_address: gw.a.example, dscp_copy: %s,\n"
		"     local_networks: 10.1.0.0/16, remote_networks: [10.2.0.0/16, 10.3.0.0/16],\n"
		"     inbound_certificate: {subject_name: a.example, chain: r}}\n";
	_cleanup_free_ char *before = str_printf(form, "false"), *after = str_printf(form, "true");
	const struct cg_addr led[] = {addr_of("192.0.2.7"), addr_of("10.2.0.1")};
	struct main_world *w = world_new();

	apply_text(w, before);
	assert_int_equal(conn_set_resolved(conn_find_name(&w->g, "a"), led, ARRAY_SIZE(led)), 0);
	(void)up(w, "a");
	assert_string_equal(way("10.2.0.0/16"), "");
	assert_string_equal(way("10.3.0.0/16"), "cg0");
	apply_text(w, after);
	assert_string_equal(way("10.2.0.0/16"), "");
	assert_string_equal(way("10.3.0.0/16"), "cg0");
	stop(w);
	world_free(w);
}

/* ---------------------------------------------------------------- others on its device */

/* Without promote_secondaries the kernel takes the others of a network along with its first address. */
static void an_address_that_goes_takes_none_of_others_along(void **state _unused_)
{
	struct main_world *w = world_new();

	apply(w, "cg0", "{name: cg0, addresses: [10.0.0.1/24]}");
	apply(w, "{name: cg0, addresses: [10.0.0.2/24]}", NULL);
	assert_true(has("cg0", "10.0.0.2/24") && !has("cg0", "10.0.0.1/24"));
	/* nor of one that did not change */
	apply(w, "{name: cg0, addresses: [10.0.0.2/24]}",
	      "{name: cg0, addresses: [10.0.0.1/24, 10.0.0.3/24]}");
	apply(w, "{name: cg0, addresses: [10.0.0.1/24]}",
	      "{name: cg0, addresses: [10.0.0.1/24, 10.0.0.3/24]}");
	assert_true(has("cg0", "10.0.0.1/24") && has("cg0", "10.0.0.3/24"));
	assert_false(has("cg0", "10.0.0.2/24"));
	/* nor when one begins anew */
	apply(w, "{name: cg0, addresses: [10.0.0.1/24]}, dscp_copy: true",
	      "{name: cg0, addresses: [10.0.0.3/24]}");
	apply(w, "cg0", "{name: cg0, addresses: [10.0.0.3/24]}");
	assert_true(has("cg0", "10.0.0.3/24") && !has("cg0", "10.0.0.1/24"));
	stop(w);
	world_free(w);
}

/* The last address of a device takes all IPv4 routes through it along. */
static void nor_does_the_last_one_take_routes_of_others_along(void **state _unused_)
{
	static const char with[] = "{name: cg0, addresses: [10.0.0.1/24]}";
	struct main_world *w = world_new();

	apply(w, "cg0, start: manual", with);
	(void)up(w, "a");
	/* one that is removed */
	apply(w, "cg0, start: manual", NULL);
	assert_int_equal(device("cg0")->bare, 1);
	assert_string_equal(way("10.2.0.0/16"), "cg0");
	/* that loses it in place */
	apply(w, "cg0, start: manual", with);
	apply(w, "cg0, start: manual", "cg0");
	assert_int_equal(device("cg0")->bare, 2);
	assert_string_equal(way("10.2.0.0/16"), "cg0");
	/* that begins anew without */
	apply(w, "cg0, start: manual", with);
	apply(w, "cg0, start: manual", "cg0, dscp_copy: true");
	assert_int_equal(device("cg0")->bare, 3);
	assert_string_equal(way("10.2.0.0/16"), "cg0");
	stop(w);
	world_free(w);
}

/* An address that one of them gives up and another gets is there all the time. */
static void what_is_handed_from_one_to_another_is_there_all_the_time(void **state _unused_)
{
	static const char with[] = "{name: cg0, addresses: [10.0.0.1/24]}, start: manual";
	struct main_world *w = world_new();

	apply(w, with, "cg0");
	(void)up(w, "a");
	apply(w, "cg0, start: manual", with);
	assert_true(has("cg0", "10.0.0.1/24"));
	apply(w, with, "cg0");
	assert_true(has("cg0", "10.0.0.1/24"));
	assert_int_equal(device("cg0")->bare, 0);
	assert_int_equal(fib.empty, 0);
	stop(w);
	world_free(w);
}

/* What cannot be had is told once. */
static void an_address_that_cannot_be_had_is_told_once(void **state _unused_)
{
	static const char with[] = "{name: cg0, addresses: [\"fd00::1/64\"]}, start: manual";
	static const char anew[] =
		"{name: cg0, addresses: [\"fd00::1/64\"]}, start: manual, dscp_copy: true";
	struct main_world *w = world_new();
	unsigned int n = 0;

	apply(w, with, NULL);
	apply(w, anew, NULL);
	for (size_t i = 0; i < conn_find_name(&w->g, "a")->history.n; i++)
		n += streq(history_at(&conn_find_name(&w->g, "a")->history, i)->code, "interface");
	assert_int_equal(n, 1);
	stop(w);
	world_free(w);
}

/* ---------------------------------------------------------------- networks that change hands */

/* To these networks, each on a device of its own. */
static void apply_networks(struct main_world *w, const char *start, const char *a, const char *b,
			   const char *name_of_b)
{
	static const char form[] =
		"connections:\n"
		"  - {name: a, interface: cg0, outbound_certificate: o, remote_address: 192.0.2.2, start: %s,\n"
		"     local_networks: 10.1.0.0/16, remote_networks: %s, inbound_certificate: {subject_name: a.example, chain: r}}\n"
		"  - {name: %s, interface: cg1, outbound_certificate: o, remote_address: 192.0.2.3, start: %s,\n"
		"     local_networks: 10.1.0.0/16, remote_networks: %s, inbound_certificate: {subject_name: b.example, chain: r}}\n";
	_cleanup_free_ char *text = str_printf(form, start, a, name_of_b, start, b);

	apply_text(w, text);
}

static void they_have_a_route_all_the_time(void **state _unused_)
{
	struct main_world *w = world_new();

	apply_networks(w, "manual", "10.2.0.0/16", "10.3.0.0/16", "b");
	(void)up(w, "a");
	(void)up(w, "b");
	apply_networks(w, "manual", "10.3.0.0/16", "10.2.0.0/16", "b");
	assert_string_equal(way("10.3.0.0/16"), "cg0");
	assert_string_equal(way("10.2.0.0/16"), "cg1");
	assert_int_equal(fib.empty, 0);
	/* and nobody hears of what was in the way for a moment */
	assert_false(was_told(conn_find_name(&w->g, "a"), "route-taken"));
	assert_false(was_told(conn_find_name(&w->g, "b"), "route-taken"));
	assert_false(was_told(conn_find_name(&w->g, "a"), "route-restored"));
	assert_false(was_told(conn_find_name(&w->g, "b"), "route-restored"));
	stop(w);
	world_free(w);
}

/* One that goes by another name from now on is another connection. */
static void nor_does_a_new_name_interrupt_them(void **state _unused_)
{
	struct main_world *w = world_new();

	apply_networks(w, "on-traffic", "10.2.0.0/16", "10.3.0.0/16", "b");
	assert_string_equal(way("10.3.0.0/16"), "cg1");
	apply_networks(w, "on-traffic", "10.2.0.0/16", "10.3.0.0/16", "c");
	assert_string_equal(way("10.3.0.0/16"), "cg1");
	assert_int_equal(fib.empty, 0);
	assert_int_equal(deleted, 0);
	assert_false(was_told(conn_find_name(&w->g, "c"), "route-taken"));
	stop(w);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_routes_and_its_device_are_there_all_the_time),
		cmocka_unit_test(nor_do_addresses_that_go_take_its_routes_along),
		cmocka_unit_test(routes_that_are_not_to_be_kept_go),
		cmocka_unit_test(nor_stay_those_of_one_that_was_taken_down_or_is_to_have_none),
		cmocka_unit_test(what_would_take_the_peers_own_packets_is_not_added),
		cmocka_unit_test(nor_what_would_take_those_to_another_of_its_addresses),
		cmocka_unit_test(an_address_that_goes_takes_none_of_others_along),
		cmocka_unit_test(nor_does_the_last_one_take_routes_of_others_along),
		cmocka_unit_test(what_is_handed_from_one_to_another_is_there_all_the_time),
		cmocka_unit_test(an_address_that_cannot_be_had_is_told_once),
		cmocka_unit_test(they_have_a_route_all_the_time),
		cmocka_unit_test(nor_does_a_new_name_interrupt_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
