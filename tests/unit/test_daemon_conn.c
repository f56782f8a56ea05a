// SPDX-License-Identifier: Apache-2.0
/*
 * A connection's configuration from main to ike, part by part; which child a packet without an SA is for; what is told to another ike.
 */
#include "daemon/child.h"
#include "daemon/credentials.h"
#include "daemon/ike_conn.h"
#include "daemon/kevent.h"
#include "daemon/proto_fetch.h"
#include "daemon/reports.h"
#include "daemon/table.h"
#include "daemon/tunnel.h"
#include "kernel/kernel.h"
#include "lib/configtest.h"
#include "lib/maintest.h"

struct parts {
	struct ike_conn *conn;
	bool ended;
};

static int take_part(void *ctx, struct msg_writer *w)
{
	struct parts *p = ctx;
	uint8_t *data = malloc(w->len);
	size_t len = w->len;
	struct msg_reader r;
	enum msg_type type;
	int e = 0;

	assert_non_null(data);
	assert_false(w->failed);
	memcpy(data, w->buf, len);
	msg_end(w);
	assert_int_equal(msg_open(data, len, &type, &r), 0);
	if (type == MSG_CONN_END)
		p->ended = true;
	else
		e = ike_conn_part(&p->conn, type, &r);
	memset(data, 0xff, len);
	free(data);
	return e;
}

/* The message is gone when the engine gets to see what was in it. */
static void a_connection_arrives_as_it_was_sent(void **state _unused_)
{
	static const uint8_t id[] = {2, 0, 0, 0, 'h', 'q'}, cert[] = {0x30, 3, 1, 2, 3},
			     methods[] = {3, 9, 0};
	const struct ike_connection_config c = {
		.id = 7,
		.name = "hq",
		.ike_policy = &ike_policy_default_ike,
		.esp_policy = &ike_policy_default_esp,
		.local_id = {id, sizeof(id)},
		.local_identity = {(const uint8_t *)"fqdn:hq", 7},
		.remote_id = {id, sizeof(id)},
		.auth_methods = {methods, sizeof(methods)},
		.certs = &(const struct ike_blob){cert, sizeof(cert)},
		.n_certs = 1,
		.childless = true,
		.remote_named = true,
	};
	struct parts p = {};
	const struct ike_connection_config *got;

	assert_int_equal(ike_conn_send(&c, take_part, &p), 0);
	assert_true(p.ended);
	got = ike_conn_config(p.conn);
	assert_int_equal(got->id, 7);
	assert_int_equal(got->local_identity.size, 7);
	assert_memory_equal(got->local_identity.data, "fqdn:hq", 7);
	assert_int_equal(got->auth_methods.size, sizeof(methods));
	assert_memory_equal(got->auth_methods.data, methods, sizeof(methods));
	assert_memory_equal(got->local_id.data, id, sizeof(id));
	assert_memory_equal(got->remote_id.data, id, sizeof(id));
	assert_int_equal(got->n_certs, 1);
	assert_memory_equal(got->certs[0].data, cert, sizeof(cert));
	assert_memory_equal(got->ike_policy, c.ike_policy, sizeof(*c.ike_policy));
	assert_true(got->childless);
	assert_true(got->remote_named);
	(void)ike_conn_free(p.conn);
}

static void parts_out_of_order_are_refused(void **state _unused_)
{
	struct msg_reader r = {0};
	struct ike_conn *conn = NULL;

	assert_int_equal(ike_conn_part(&conn, MSG_CONN_CERT, &r), -EPROTO);
	assert_int_equal(ike_conn_part(&conn, MSG_CONN_CHILD, &r), -EPROTO);
	assert_int_equal(ike_conn_part(&conn, MSG_CONN_BEGIN, &r), -EBADMSG);
	assert_null(conn);
}

/* It waits for a certificate, has one, or cannot use one: ike would take the last for the first. */
static void a_connection_that_is_refused_is_told_of_as_such(void **state _unused_)
{
	static const struct {
		bool refusal, certificate, enabled;
	} cases[] = {
		{false, false, true},
		{false, true, true},
		/* what is up goes on */
		{true, true, true},
		{true, false, false},
	};
	_cleanup_loaded_ struct loaded l = load_text("{}");
	struct main_world *w = main_world_new();
	static const uint8_t der[] = {0x30, 0};
	const struct ike_blob own = {der, sizeof(der)};
	enum msg_type type;

	assert_good(&l);
	w->cfg.policy = cg_config_find_policy(l.config, "default");
	assert_non_null(w->cfg.policy);
	w->cfg.remote_kind = CG_REMOTE_ANY;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static struct proto_conn p;

		w->c.refusal = cases[i].refusal ? (char *)"expired" : NULL;
		assert_int_equal(credentials_set_certs(&w->c, NULL, &own, cases[i].certificate), 0);
		assert_int_equal(conn_tell_ike(&w->c), 0);
		assert_int_equal(main_world_read(w, ROLE_IKE), MSG_CONN_BEGIN);
		proto_get_conn(&w->r, &p);
		assert_true(msg_done(&w->r));
		assert_int_equal(p.c.enabled, cases[i].enabled);
		while ((type = main_world_read(w, ROLE_IKE)) != _MSG_MAX)
			assert_int_not_equal(type, MSG_CONN_BEGIN);
		credentials_drop_certs(&w->c);
	}
	w->c.refusal = NULL;
	main_world_free(w);
}

/* As long as the configuration lets them be: of the connection, and of its child. */
static void the_longest_names_are_told_whole(void **state _unused_)
{
	static const char name[] = "a-name-of-thirty-one-characters",
			  child[] = "a-child-of-thirty-one-character";
	_cleanup_loaded_ struct loaded l = load_text(
		"connections:\n"
		"  - name: a-name-of-thirty-one-characters\n"
		"    interface: cg0\n"
		"    outbound_certificate: own.pfx\n"
		"    remote_address: 192.0.2.1\n"
		"    inbound_certificate: {subject_name: gw.example, chain: root.cer}\n"
		"    children: [{name: a-child-of-thirty-one-character, local_networks: 10.1.0.0/16,\n"
		"                remote_networks: 10.2.0.0/16}]\n");
	static struct proto_child_config got_child;
	static struct proto_conn got;
	struct main_world *w = main_world_new();
	enum msg_type type;
	bool began = false, told_child = false;

	assert_good(&l);
	assert_int_equal(strlen(name), CG_NAME_MAX);
	w->c.cfg = &l.config->connections[0];
	assert_int_equal(conn_tell_ike(&w->c), 0);
	while ((type = main_world_read(w, ROLE_IKE)) != _MSG_MAX) {
		if (type == MSG_CONN_BEGIN) {
			proto_get_conn(&w->r, &got);
			assert_true(msg_done(&w->r));
			assert_string_equal(got.c.name, name);
			began = true;
		} else if (type == MSG_CONN_CHILD) {
			proto_get_child_config(&w->r, &got_child);
			assert_true(msg_done(&w->r));
			assert_string_equal(got_child.c.name, child);
			told_child = true;
		}
	}
	assert_true(began);
	assert_true(told_child);
	w->c.cfg = &w->cfg;
	main_world_free(w);
}

/* ---------------------------------------------------------------- traffic that wants a tunnel */

static struct cg_selector selector(const char *prefix, uint8_t protocol, uint16_t first,
				   uint16_t last)
{
	struct cg_selector s = {.protocol = protocol, .port_first = first, .port_last = last};
	struct cg_prefix p;

	assert_int_equal(cg_prefix_parse(prefix, &p), 0);
	cg_prefix_to_range(&p, &s.range);
	return s;
}

/* Which connection and child ike is asked for; 0: none. */
static void wanted(struct main_world *w, const char *to, uint8_t protocol, uint16_t port,
		   uint32_t ifindex, uint32_t conn, uint32_t index)
{
	const struct cgk_event e = {.kind = CERTGATE_EVENT_ACQUIRE,
				    .ifindex = ifindex,
				    .has_flow = true,
				    .flow_src = addr_of("10.1.2.3"),
				    .flow_dst = addr_of(to),
				    .flow_protocol = protocol,
				    .flow_sport = 40000,
				    .flow_dport = port};

	kevent_take(&w->g, &e);
	if (conn != 0) {
		assert_int_equal(main_world_read(w, ROLE_IKE), MSG_ACQUIRE);
		assert_int_equal(msg_get_u32(&w->r), conn);
		assert_int_equal(msg_get_u32(&w->r), index);
		assert_true(msg_done(&w->r));
	}
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
}

/* Two connections share a device; one of them has two children, of which one has a protocol and ports. */
static void traffic_wakes_the_child_that_it_fits(void **state _unused_)
{
	struct main_world *w = main_world_new();
	struct cg_selector local = selector("10.1.0.0/16", 0, 0, 65535),
			   web = selector("10.2.0.0/16", IPPROTO_TCP, 80, 443),
			   all = selector("10.3.0.0/16", 0, 0, 65535),
			   other = selector("10.4.0.0/16", 0, 0, 65535), second_local = local;
	struct cg_child_config children[2] = {
		{.name = (char *)"web",
		 .local = &local,
		 .n_local = 1,
		 .remote = &web,
		 .n_remote = 1},
		{.name = (char *)"all",
		 .local = &local,
		 .n_local = 1,
		 .remote = &all,
		 .n_remote = 1},
	};
	struct cg_child_config second_child = {
		.local = &second_local, .n_local = 1, .remote = &other, .n_remote = 1};
	struct cg_connection second_cfg = {
		.name = (char *)"second", .children = &second_child, .n_children = 1};
	struct conn second = {.g = &w->g, .id = 2, .cfg = &second_cfg, .ifindex = 7};
	struct conn *both[2] = {&w->c, &second};
	struct tunnel t = {.conn = &second, .index = 0, .t = {.id = 55}};
	struct cgk_event e = {.kind = CERTGATE_EVENT_ACQUIRE, .ifindex = 7, .tunnel = 55};

	w->cfg.children = children;
	w->cfg.n_children = 2;
	w->c.ifindex = 7;
	w->g.conns = both;
	w->g.n_conns = 2;
	wanted(w, "10.2.0.1", IPPROTO_TCP, 80, 7, 1, 0);
	wanted(w, "10.2.0.1", IPPROTO_TCP, 443, 7, 1, 0);
	wanted(w, "10.2.0.1", IPPROTO_TCP, 444, 7, 0, 0);
	wanted(w, "10.2.0.1", IPPROTO_TCP, 79, 7, 0, 0);
	wanted(w, "10.2.0.1", IPPROTO_UDP, 80, 7, 0, 0);
	wanted(w, "10.3.0.1", IPPROTO_UDP, 53, 7, 1, 1);
	wanted(w, "10.4.0.1", IPPROTO_ICMP, 0, 7, 2, 0);
	wanted(w, "10.5.0.1", IPPROTO_TCP, 80, 7, 0, 0);
	/* Of several it fits the most specific, as the module would, in whatever order they stand. */
	other = selector("10.2.0.0/16", 0, 0, 65535);
	wanted(w, "10.2.0.1", IPPROTO_TCP, 80, 7, 1, 0);
	wanted(w, "10.2.0.1", IPPROTO_UDP, 80, 7, 2, 0);
	other = selector("10.2.0.0/24", 0, 0, 65535);
	wanted(w, "10.2.0.1", IPPROTO_TCP, 80, 7, 2, 0);
	other = selector("10.2.0.0/16", IPPROTO_TCP, 80, 80);
	wanted(w, "10.2.0.1", IPPROTO_TCP, 80, 7, 2, 0);
	wanted(w, "10.2.0.1", IPPROTO_TCP, 81, 7, 1, 0);
	other = all;
	second_local = selector("10.1.2.0/24", 0, 0, 65535);
	wanted(w, "10.3.0.1", IPPROTO_UDP, 53, 7, 2, 0);
	second_local = local;
	other = selector("10.4.0.0/16", 0, 0, 65535);
	/* On another device it is somebody else's. */
	wanted(w, "10.2.0.1", IPPROTO_TCP, 80, 8, 0, 0);
	/* A tunnel that the kernel has says whose it is. */
	tunnel_add(&second, &t);
	kevent_take(&w->g, &e);
	assert_int_equal(main_world_read(w, ROLE_IKE), MSG_ACQUIRE);
	assert_int_equal(msg_get_u32(&w->r), 2);
	/* What was taken down by hand is not woken. */
	second.down = true;
	kevent_take(&w->g, &e);
	wanted(w, "10.4.0.1", IPPROTO_ICMP, 0, 7, 0, 0);
	table_del(&w->g.tunnels_by_kernel, &t.by_kernel);
	table_done(&w->g.tunnels_by_kernel);
	main_world_free(w);
}

/* What ike is told to begin after the last one ended with tunnels up, each in the way it was begun the first time. */
static void what_was_up_is_begun_again_in_its_own_way(void **state _unused_)
{
	static const struct {
		enum cg_start start;
		enum cg_connection_mode mode;
		bool down;
		enum msg_type told;
	} cases[] = {
		/* it begins by itself, but not what the peer was first to bring up in part */
		{CG_START_ALWAYS, CG_MODE_DEFAULT, false, MSG_CONN_AGAIN},
		{CG_START_ON_TRAFFIC, CG_MODE_DEFAULT, false, MSG_ACQUIRE},
		{CG_START_ON_TRAFFIC, CG_MODE_INITIATOR_ONLY, false, MSG_ACQUIRE},
		{CG_START_ON_TRAFFIC, CG_MODE_RESPONDER_ONLY, false, _MSG_MAX},
		{CG_START_ON_TRAFFIC, CG_MODE_DEFAULT, true, _MSG_MAX},
		{CG_START_MANUAL, CG_MODE_DEFAULT, false, MSG_CONN_AGAIN},
		{CG_START_MANUAL, CG_MODE_RESPONDER_ONLY, false, _MSG_MAX},
		{CG_START_MANUAL, CG_MODE_DEFAULT, true, _MSG_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct main_world *w = main_world_new();

		w->cfg.start = cases[i].start;
		w->cfg.mode = cases[i].mode;
		w->c.down = cases[i].down;
		w->procs[0].ready = false;
		assert_false(conn_again(&w->c, 3));
		w->procs[0].ready = true;
		assert_true(conn_again(&w->c, 3));
		assert_int_equal(main_world_read(w, ROLE_IKE), cases[i].told);
		if (cases[i].told != _MSG_MAX) {
			assert_int_equal(msg_get_u32(&w->r), 1);
			assert_int_equal(msg_get_u32(&w->r), 3);
			assert_true(msg_done(&w->r));
		}
		/* It is not up for longer than an operator said. */
		assert_false(w->c.up);
		main_world_free(w);
	}
}

/* What an operator has said is so whichever ike there is, also of a connection that had no SA when the last one ended. */
static void another_ike_hears_what_the_operator_said(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l = load_text("{}");

	assert_good(&l);
	for (int i = 0; i < 3; i++) {
		struct main_world *w = main_world_new();
		enum msg_type type, last = _MSG_MAX;

		w->cfg.policy = cg_config_find_policy(l.config, "default");
		w->cfg.remote_kind = CG_REMOTE_ANY;
		w->c.up = i == 1;
		w->c.down = i == 2;
		conns_tell_ike(&w->g);
		while ((type = main_world_read(w, ROLE_IKE)) != _MSG_MAX)
			last = type;
		assert_int_equal(last, i == 1	? MSG_CONN_UP
				       : i == 2 ? MSG_CONN_DOWN
						: MSG_CONN_END);
		main_world_free(w);
	}
}

/* Whose address it comes from may be told in its IKE SA; who that is only ike knows. */
static void packets_that_are_nobodys_are_told_to_ike(void **state _unused_)
{
	struct main_world *w = main_world_new();
	struct cgk_event e = {.kind = CERTGATE_EVENT_UNKNOWN_SPI, .spi = 0x89abcdef};
	struct cg_endpoint remote;

	/* It does not say from where. */
	kevent_take(&w->g, &e);
	assert_int_equal(cg_addr_parse("192.0.2.7", &e.remote.addr), 0);
	e.remote.port = 4500;
	kevent_take(&w->g, &e);
	assert_int_equal(main_world_read(w, ROLE_IKE), MSG_UNKNOWN_SPI);
	assert_true(msg_get_u64(&w->r) == 0x89abcdef);
	msg_get_endpoint(&w->r, &remote);
	assert_int_equal(msg_get_u32(&w->r), 0); /* the VRF */
	assert_true(msg_done(&w->r));
	assert_true(cg_endpoint_equal(&remote, &e.remote));
	main_world_free(w);
}

/* Whoever sends from the peer's address may claim what he likes: beside what is up it is told, and no failure of it. */
static void what_anybody_may_claim_is_no_failure_of_what_is_up(void **state _unused_)
{
	const struct cg_endpoint remote = {.addr = {.family = AF_INET, .bytes = {192, 0, 2, 1}},
					   .port = 500};
	struct main_world *w = main_world_new();
	struct child k = {.conn = &w->c};

	history_claimed(&w->g, &w->c, IKE_WARNING, "other-version", &remote, NULL, "nothing is up");
	assert_string_equal(w->c.last_error.code, "other-version");
	LIST_INSERT_HEAD(&w->c.children, &k, of_conn);
	history_add(&w->g, &w->c, IKE_ERROR, "child-refused", &remote, NULL, "one of two");
	assert_string_equal(w->c.last_error.code, "child-refused");
	history_claimed(&w->g, &w->c, IKE_WARNING, "malformed-message", &remote, NULL, "spoofed");
	assert_string_equal(w->c.last_error.code, "child-refused");
	main_world_said(w, "malformed-message", "spoofed");
	LIST_REMOVE(&k, of_conn);
	history_claimed(&w->g, &w->c, IKE_WARNING, "half-open-limit", &remote, NULL, "down again");
	assert_string_equal(w->c.last_error.code, "half-open-limit");
	main_world_free(w);
}

/* What may not be routed into the tunnel is where its packets go: as configured, and of a Child SA where the kernel has followed the peer to. */
static void the_peer_is_where_the_kernel_sends(void **state _unused_)
{
	static struct tunnel t;
	struct main_world *w = main_world_new();
	struct child k = {.conn = &w->c, .tunnel = &t};
	struct cg_addr configured, said, followed, got;

	assert_int_equal(cg_addr_parse("192.0.2.1", &configured), 0);
	assert_int_equal(cg_addr_parse("192.0.2.2", &said), 0);
	assert_int_equal(cg_addr_parse("192.0.2.3", &followed), 0);
	w->cfg.remote_kind = CG_REMOTE_ANY;
	assert_false(conn_peer_address(&w->c, &got));
	w->cfg.remote_kind = CG_REMOTE_ADDRESS;
	w->cfg.remote_address = configured;
	assert_true(conn_peer_address(&w->c, &got));
	assert_true(cg_addr_equal(&got, &configured));
	LIST_INSERT_HEAD(&w->c.children, &k, of_conn);
	t.said.remote = (struct cg_endpoint){.addr = said, .port = 4500};
	t.t.remote = (struct cg_endpoint){.addr = followed, .port = 4500};
	assert_true(conn_peer_address(&w->c, &got));
	assert_true(cg_addr_equal(&got, &followed));
	LIST_REMOVE(&k, of_conn);
	main_world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_arrives_as_it_was_sent),
		cmocka_unit_test(parts_out_of_order_are_refused),
		cmocka_unit_test(a_connection_that_is_refused_is_told_of_as_such),
		cmocka_unit_test(the_longest_names_are_told_whole),
		cmocka_unit_test(traffic_wakes_the_child_that_it_fits),
		cmocka_unit_test(what_was_up_is_begun_again_in_its_own_way),
		cmocka_unit_test(another_ike_hears_what_the_operator_said),
		cmocka_unit_test(packets_that_are_nobodys_are_told_to_ike),
		cmocka_unit_test(what_anybody_may_claim_is_no_failure_of_what_is_up),
		cmocka_unit_test(the_peer_is_where_the_kernel_sends),
	};

	cg_log_set_level(CG_LOG_ERROR);

	return cmocka_run_group_tests_name("daemon/conn", tests, NULL, NULL);
}
