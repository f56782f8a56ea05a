// SPDX-License-Identifier: Apache-2.0
/* Devices of connections: what MTU and which addresses they have when configurations follow one another. */
#include "lib/ifacetest.h"

static uint32_t mtu(const char *name)
{
	const struct device *d = device(name);

	return d ? d->mtu : 0;
}

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
