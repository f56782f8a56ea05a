// SPDX-License-Identifier: Apache-2.0
/* The addresses behind a peer's name: when they are asked for again, which of them is tried, and what is told of them. */
#include "daemon/child.h"
#include "daemon/proto_fetch.h"
#include "daemon/reports.h"
#include "daemon/routes.h"
#include "daemon/tunnel.h"
#include "kernel/link.h"
#include "lib/maintest.h"

/* A connection to a name, from a fixed address. */
static struct main_world *named(void)
{
	struct main_world *w = main_world_new();

	w->cfg.remote_kind = CG_REMOTE_NAME;
	w->cfg.remote_name = (char *)"hq.example";
	w->cfg.remote_port = 500;
	w->cfg.local_address = addr_of("192.0.2.1");
	w->config.gateway.listen = &w->cfg.local_address;
	w->config.gateway.n_listen = 1;
	return w;
}

static void asked(struct main_world *w)
{
	struct proto_resolve p;

	assert_int_equal(main_world_read(w, ROLE_FETCH), MSG_RESOLVE);
	proto_get_resolve(&w->r, &p);
	assert_true(msg_done(&w->r));
	assert_int_equal(p.connection, 1);
	assert_string_equal(p.name, "hq.example");
	assert_true(w->c.resolving);
}

/* Addresses, up to a NULL; none: an error. */
static void answer(struct main_world *w, const char *const *addresses)
{
	struct proto_resolved p = {.connection = 1};

	while (addresses[p.n]) {
		p.addresses[p.n] = addr_of(addresses[p.n]);
		p.n++;
	}
	if (p.n == 0) {
		p.error = -ENOENT;
		(void)snprintf(p.text, sizeof(p.text), "no such name");
	}
	conn_resolved(&w->g, &p);
}
#define ANSWER(w, ...) answer(w, (const char *const[]){__VA_ARGS__, NULL})

/* ike is told that the peer is to be looked for at the first of these, up to a NULL, and may come from all of them. */
static void told_places(struct main_world *w, const char *const *addresses)
{
	struct cg_addr wanted, got;
	struct cg_endpoint e;
	size_t n;

	assert_int_equal(main_world_read(w, ROLE_IKE), MSG_CONN_RESOLVED);
	assert_int_equal(msg_get_u32(&w->r), 1);
	msg_get_endpoint(&w->r, &e);
	assert_int_equal(e.port, 500);
	n = msg_get_count(&w->r, CONN_RESOLVED_MAX);
	for (size_t i = 0; i < n; i++) {
		msg_get_addr(&w->r, &got);
		assert_non_null(addresses[i]);
		wanted = addr_of(addresses[i]);
		assert_true(cg_addr_equal(&got, &wanted));
		assert_true(i > 0 || cg_addr_equal(&e.addr, &wanted));
	}
	assert_true(msg_done(&w->r));
	assert_null(addresses[n]);
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
}
#define PLACES(w, ...) told_places(w, (const char *const[]){__VA_ARGS__, NULL})

static void moved_to(struct main_world *w, const char *address)
{
	PLACES(w, address);
}

/* The next question is that many seconds away. */
static void again_in(const struct main_world *w, time_t seconds)
{
	struct timeval at, now;

	assert_non_null(w->c.resolve_timer);
	assert_true(evtimer_pending(w->c.resolve_timer, &at));
	assert_int_equal(event_base_gettimeofday_cached(w->g.base, &now), 0);
	assert_in_range(at.tv_sec - now.tv_sec, seconds - 1, seconds + 1);
}

static void a_name_is_asked_for_again_while_its_tunnel_is_down(void **state _unused_)
{
	struct main_world *w = named();
	struct child up = {.number = 1};

	conn_resolve(&w->c);
	asked(w);
	/* One question at a time. */
	conn_resolve(&w->c);
	assert_int_equal(main_world_read(w, ROLE_FETCH), _MSG_MAX);
	ANSWER(w, "198.51.100.1");
	moved_to(w, "198.51.100.1");
	assert_false(w->c.resolving);
	again_in(w, 30);
	/* Its time comes. */
	event_active(w->c.resolve_timer, EV_TIMEOUT, 0);
	assert_int_equal(event_base_loop(w->g.base, EVLOOP_NONBLOCK), 0);
	asked(w);
	ANSWER(w, "198.51.100.2");
	moved_to(w, "198.51.100.2");
	again_in(w, 30);
	/* With SAs it is less urgent. */
	LIST_INSERT_HEAD(&w->c.children, &up, of_conn);
	conn_resolve(&w->c);
	asked(w);
	ANSWER(w, "198.51.100.2");
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
	again_in(w, 300);
	LIST_REMOVE(&up, of_conn);
	main_world_free(w);
}

static void a_failed_attempt_asks_again_but_not_at_once(void **state _unused_)
{
	struct main_world *w = named();

	conn_resolve(&w->c);
	asked(w);
	ANSWER(w, "198.51.100.1");
	conn_resolve_again(&w->c);
	assert_int_equal(main_world_read(w, ROLE_FETCH), _MSG_MAX);
	w->c.resolved_at -= 10 * USEC_PER_SEC;
	conn_resolve_again(&w->c);
	asked(w);
	main_world_free(w);
}

static void an_address_in_use_stays_while_the_name_has_it(void **state _unused_)
{
	struct main_world *w = named();

	conn_resolve(&w->c);
	asked(w);
	ANSWER(w, "198.51.100.1", "198.51.100.2");
	PLACES(w, "198.51.100.1", "198.51.100.2");
	conn_resolve(&w->c);
	asked(w);
	/* The peer may come from the new one at once. */
	ANSWER(w, "198.51.100.3", "198.51.100.2", "198.51.100.1");
	PLACES(w, "198.51.100.1", "198.51.100.2", "198.51.100.3");
	assert_int_equal(w->c.n_resolved, 3);
	conn_resolve(&w->c);
	asked(w);
	ANSWER(w, "198.51.100.3", "198.51.100.1", "198.51.100.2");
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
	conn_resolve(&w->c);
	asked(w);
	ANSWER(w, "198.51.100.3", "198.51.100.2");
	PLACES(w, "198.51.100.3", "198.51.100.2");
	/* What nobody asked is no answer. */
	ANSWER(w, "198.51.100.9");
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
	main_world_free(w);
}

/* What ike reports of an attempt there. */
static void reported(struct main_world *w, const char *event, const char *remote)
{
	struct proto_report p = {.r = {.connection = 1,
				       .severity = IKE_ERROR,
				       .remote = {.addr = addr_of(remote), .port = 500},
				       .text = "no"}};

	(void)snprintf(p.event, sizeof(p.event), "%s", event);
	p.r.event = p.event;
	report_take(&w->g, &p);
}

/* In whatever order name servers tell them; one that refuses is there. */
static void addresses_that_do_not_answer_have_their_turns(void **state _unused_)
{
	struct main_world *w = named();
	struct child up = {.number = 1};

	conn_resolve(&w->c);
	asked(w);
	ANSWER(w, "198.51.100.1", "198.51.100.2", "198.51.100.3");
	PLACES(w, "198.51.100.1", "198.51.100.2", "198.51.100.3");
	reported(w, "peer-refused", "198.51.100.1");
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
	reported(w, "retransmit-timeout", "198.51.100.1");
	PLACES(w, "198.51.100.2", "198.51.100.3", "198.51.100.1");
	/* Of an attempt that was given up before. */
	reported(w, "retransmit-timeout", "198.51.100.1");
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
	conn_resolve(&w->c);
	asked(w);
	ANSWER(w, "198.51.100.1", "198.51.100.3", "198.51.100.2");
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
	reported(w, "retransmit-timeout", "198.51.100.2");
	PLACES(w, "198.51.100.3", "198.51.100.1", "198.51.100.2");
	/* Up, it stays. */
	LIST_INSERT_HEAD(&w->c.children, &up, of_conn);
	reported(w, "retransmit-timeout", "198.51.100.3");
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
	LIST_REMOVE(&up, of_conn);
	/* The peer came from one of the others: that one works. */
	conn_answered(&w->c, &(struct cg_addr){0});
	conn_answered(&w->c, &w->c.resolved[0]);
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
	conn_answered(&w->c, &w->c.resolved[2]);
	PLACES(w, "198.51.100.2", "198.51.100.3", "198.51.100.1");
	main_world_free(w);
}

/* Where it would never be heard. */
static void addresses_of_a_family_without_a_socket_are_left_out(void **state _unused_)
{
	struct main_world *w = named();

	conn_resolve(&w->c);
	asked(w);
	ANSWER(w, "2001:db8::1", "198.51.100.1", "2001:db8::2");
	moved_to(w, "198.51.100.1");
	conn_resolve(&w->c);
	asked(w);
	ANSWER(w, "2001:db8::1");
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
	main_world_said(w, "name-not-resolved",
			"'hq.example' has no address: none but of IPv6, and gateway.listen has "
			"none of that family");
	assert_int_equal(w->c.n_resolved, 1);
	main_world_free(w);
}

static void a_name_without_an_address_is_told_of_once(void **state _unused_)
{
	struct main_world *w = named();

	for (int i = 0; i < 3; i++) {
		conn_resolve(&w->c);
		asked(w);
		answer(w, (const char *const[]){NULL});
		again_in(w, 10);
		assert_int_equal(w->c.history.n, 1);
		main_world_said(w, "name-not-resolved",
				"'hq.example' has no address: no such name");
	}
	conn_resolve(&w->c);
	asked(w);
	ANSWER(w, "198.51.100.1");
	main_world_said(w, "name-resolved", "has an address again");
	moved_to(w, "198.51.100.1");
	/* Next time it is news again; the address it had stays. */
	conn_resolve(&w->c);
	asked(w);
	answer(w, (const char *const[]){NULL});
	assert_int_equal(w->c.history.n, 3);
	assert_int_equal(w->c.n_resolved, 1);
	main_world_free(w);
}

static void a_question_that_was_lost_is_asked_again(void **state _unused_)
{
	struct main_world *w = named();

	w->procs[1].ready = false;
	conn_resolve(&w->c);
	assert_false(w->c.resolving);
	again_in(w, 10);
	w->procs[1].ready = true;
	conn_resolve(&w->c);
	asked(w);
	conns_resolve_lost(&w->g);
	assert_false(w->c.resolving);
	again_in(w, 1);
	main_world_free(w);
}

static bool routed(const struct main_world *w, const char *prefix)
{
	struct cgk_route r = {.ifindex = w->c.ifindex, .table = w->cfg.routes_table};

	assert_int_equal(cg_prefix_parse(prefix, &r.dst), 0);
	/* what the kernel makes of none */
	r.metric = r.dst.addr.family == AF_INET6 ? 1024 : 0;
	return routes_are_wanted(&w->g, &r);
}

/* With start: on-traffic it is the first packet that has the peer asked, and that must not be one that goes to the peer itself. */
static void no_route_leads_to_where_the_name_leads(void **state _unused_)
{
	static const char *const texts[] = {"0.0.0.0/0", "::/0", "10.2.0.0/16"};
	struct cg_selector networks[ARRAY_SIZE(texts)] = {0};
	struct main_world *w = named();

	for (size_t i = 0; i < ARRAY_SIZE(networks); i++)
		assert_int_equal(cg_range_parse(texts[i], &networks[i].range), 0);
	w->child.remote = networks;
	w->child.n_remote = ARRAY_SIZE(networks);
	w->cfg.start = CG_START_ON_TRAFFIC;
	w->cfg.routes_install = true;
	w->cfg.routes_table = 254;
	w->c.ifindex = 7;
	conn_routes_begin(&w->c);
	assert_false(routed(w, "0.0.0.0/0"));
	assert_false(routed(w, "::/0"));
	assert_true(routed(w, "10.2.0.0/16"));
	assert_int_equal(w->c.history.n, 0);
	conn_resolve(&w->c);
	asked(w);
	ANSWER(w, "198.51.100.1", "10.2.0.1");
	assert_true(routed(w, "::/0"));
	assert_false(routed(w, "0.0.0.0/0"));
	main_world_said(w, "route-skipped", "0.0.0.0/0");
	PLACES(w, "198.51.100.1", "10.2.0.1");
	/* Its next address has its turn. */
	reported(w, "retransmit-timeout", "198.51.100.1");
	assert_true(routed(w, "10.2.0.0/16"));
	assert_int_equal(w->c.history.n, 3);
	assert_string_equal(history_at(&w->c.history, 1)->code, "route");
	assert_string_equal(history_at(&w->c.history, 1)->text,
			    "the route to 10.2.0.0/16 takes the packets to the peer itself");
	PLACES(w, "10.2.0.1", "198.51.100.1");
	routes_forget(&w->c);
	table_done(&w->g.routes_by_key);
	main_world_free(w);
}

/* While nothing is up each of its addresses has its turn: what took the packets to one of them would keep it from ever answering. */
static void nor_to_where_it_led_or_will_lead(void **state _unused_)
{
	struct cg_selector network = {0};
	struct main_world *w = named();
	struct tunnel t = {.t.remote.addr = addr_of("198.51.100.1")};
	struct child k = {.conn = &w->c, .tunnel = &t};

	assert_int_equal(cg_range_parse("10.2.0.0/16", &network.range), 0);
	w->child.remote = &network;
	w->child.n_remote = 1;
	w->cfg.start = CG_START_ON_TRAFFIC;
	w->cfg.routes_install = true;
	w->cfg.routes_table = 254;
	w->c.ifindex = 7;
	conn_resolve(&w->c);
	asked(w);
	ANSWER(w, "10.2.0.1", "198.51.100.1");
	PLACES(w, "10.2.0.1", "198.51.100.1");
	conn_routes_begin(&w->c);
	assert_false(routed(w, "10.2.0.0/16"));
	reported(w, "retransmit-timeout", "10.2.0.1");
	PLACES(w, "198.51.100.1", "10.2.0.1");
	assert_false(routed(w, "10.2.0.0/16"));
	/* What is up there needs it. */
	LIST_INSERT_HEAD(&w->c.children, &k, of_conn);
	routes_follow(&w->c);
	assert_true(routed(w, "10.2.0.0/16"));
	LIST_REMOVE(&k, of_conn);
	routes_forget(&w->c);
	table_done(&w->g.routes_by_key);
	main_world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_asked_for_again_while_its_tunnel_is_down),
		cmocka_unit_test(a_failed_attempt_asks_again_but_not_at_once),
		cmocka_unit_test(an_address_in_use_stays_while_the_name_has_it),
		cmocka_unit_test(addresses_that_do_not_answer_have_their_turns),
		cmocka_unit_test(addresses_of_a_family_without_a_socket_are_left_out),
		cmocka_unit_test(a_name_without_an_address_is_told_of_once),
		cmocka_unit_test(a_question_that_was_lost_is_asked_again),
		cmocka_unit_test(no_route_leads_to_where_the_name_leads),
		cmocka_unit_test(nor_to_where_it_led_or_will_lead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
