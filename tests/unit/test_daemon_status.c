// SPDX-License-Identifier: Apache-2.0
/*
 * What `status` tells of the IKE ports: counters go from the engine to the result whole, each in its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/gateway.h"

static void fill(struct ike_counters *c)
{
	uint64_t n = 1000;

#define FILL(name) c->name = ++n;
	IKE_COUNTERS(FILL)
#undef FILL
}

static void counters_reach_main(void **state _unused_)
{
	struct ike_counters c, got = {0};
	struct msg_writer w;
	struct msg_reader r;
	enum msg_type type;
	uint32_t request = 0;

	fill(&c);
	msg_begin(&w, MSG_STATUS_END);
	proto_put_status_end(&w, 77, &c);
	assert_int_equal(msg_open(w.buf, w.len, &type, &r), 0);
	proto_get_status_end(&r, &request, &got);
	assert_true(msg_done(&r));
	assert_int_equal(request, 77);
	assert_memory_equal(&got, &c, sizeof(c));
	/* One that is cut short is ill-formed. */
	assert_int_equal(msg_open(w.buf, w.len - 1, &type, &r), 0);
	proto_get_status_end(&r, &request, &got);
	assert_false(msg_done(&r));
	msg_end(&w);
}

static void counters_are_in_the_result(void **state _unused_)
{
	struct options o = {.config = "/etc/certgate/certgate.yaml"};
	struct cg_config config = {0};
	struct gateway g = {.config = &config, .options = &o};
	struct ike_snapshot s = {.counted = true};
	json_t *result, *ike;

	fill(&s.counters);
	result = status_json(&g, &s, NULL);
	ike = json_object_get(result, "ike");
	assert_non_null(ike);
#define CHECK(name) \
	assert_int_equal(json_integer_value(json_object_get(ike, #name)), s.counters.name);
	IKE_COUNTERS(CHECK)
#undef CHECK
	json_decref(result);
	/* Without ike there is nothing to tell. */
	s.counted = false;
	result = status_json(&g, &s, NULL);
	assert_non_null(result);
	assert_null(json_object_get(result, "ike"));
	json_decref(result);
}

/* Two sides that connected at once: the child that ike gave up is the newer one, and not what is shown. */
static void the_child_that_ike_has_is_shown(void **state _unused_)
{
	struct cg_child_config child_cfg = {.name = (char *)"lan"};
	struct cg_connection cfg = {
		.name = (char *)"hq", .enabled = true, .children = &child_cfg, .n_children = 1};
	struct cg_config config = {.connections = &cfg, .n_connections = 1};
	struct options o = {.config = "/etc/certgate/certgate.yaml"};
	static struct tunnel t;
	static struct conn c;
	struct conn *conns[] = {&c};
	struct gateway g = {.config = &config, .options = &o, .conns = conns, .n_conns = 1};
	struct child kept = {.number = 1, .spi_in = 0x11, .spi_out = 0x12, .tunnel = &t},
		     given_up = {.number = 2, .spi_in = 0x21, .spi_out = 0x22, .tunnel = &t};
	struct snapshot_child known = {.number = 1};
	struct ike_snapshot s = {.children = &known, .n_children = 1};
	json_t *result, *child;

	c = (struct conn){.g = &g, .cfg = &cfg, .id = 1};
	conn_list(&c);
	LIST_INSERT_HEAD(&c.children, &kept, of_conn);
	LIST_INSERT_HEAD(&c.children, &given_up, of_conn);
	for (int i = 0; i < 2; i++) {
		result = status_json(&g, &s, NULL);
		child = json_array_get(
			json_object_get(json_array_get(json_object_get(result, "connections"), 0),
					"children"),
			0);
		assert_string_equal(json_string_value(json_object_get(child, "spi_in")),
				    i == 0 ? "00000011" : "00000021");
		json_decref(result);
		/* Known of neither, it is the newest. */
		s.n_children = 0;
	}
	conn_unlist(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_reach_main),
		cmocka_unit_test(counters_are_in_the_result),
		cmocka_unit_test(the_child_that_ike_has_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
