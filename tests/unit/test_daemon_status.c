// SPDX-License-Identifier: Apache-2.0
/*
 * What `status` tells of the IKE ports: counters go from the engine to the result whole, each in its place. What it tells of the revocation of a
 * peer's path. What `explain` makes of a connection's state and history.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/binding.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/options.h"
#include "daemon/proc.h"
#include "daemon/proto_auth.h"
#include "daemon/proto_ike.h"
#include "daemon/proto_revocation.h"
#include "daemon/snapshot.h"
#include "daemon/status.h"
#include "daemon/table.h"
#include "daemon/tunnel.h"
#include "lib/configtest.h"

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

static struct cg_endpoint from(const char *addr)
{
	struct cg_endpoint e = {.port = 500};

	assert_int_equal(cg_addr_parse(addr, &e.addr), 0);
	return e;
}

static void is_refusal(const json_t *list, size_t i, const char *code, const char *remote,
		       int count)
{
	const json_t *o = json_array_get(list, i);

	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "code")), code);
	assert_string_equal(json_string_value(json_object_get(o, "remote")), remote);
	assert_int_equal(json_integer_value(json_object_get(o, "count")), count);
	assert_non_null(json_object_get(o, "text"));
	assert_non_null(json_object_get(o, "time"));
}

/* What failed with somebody who is no connection's has its place, too; one who comes again and again takes nobody else's. */
static void failures_of_no_connection_are_kept(void **state _unused_)
{
	struct options o = {.config = "/etc/certgate/certgate.yaml"};
	struct cg_config config = {0};
	struct gateway g = {.config = &config, .options = &o};
	struct ike_snapshot s = {0};
	struct cg_endpoint scanner = from("203.0.113.9"), other = from("198.51.100.7");
	struct conn c = {.cfg = &(struct cg_connection){.name = (char *)"hq"}};
	json_t *result, *list;

	result = status_json(&g, &s, NULL);
	assert_null(json_object_get(result, "last_refusals"));
	json_decref(result);
	history_add(&g, NULL, IKE_WARNING, "no-connection", &other, "configure one",
		    "nobody\xff is expected");
	for (int i = 0; i < 20; i++)
		history_add(&g, NULL, IKE_WARNING, "no-connection", &scanner, NULL, "try %d", i);
	history_add(&g, NULL, IKE_ERROR, "no-proposal-chosen", &scanner, NULL, "none");
	/* Neither of these is one. */
	history_add(&g, NULL, IKE_NOTICE, "peer-waits", &scanner, NULL, "waits");
	history_add(&g, NULL, IKE_ERROR, "process-ended", NULL, NULL, "ended");
	result = status_json(&g, &s, NULL);
	list = json_object_get(result, "last_refusals");
	assert_int_equal(json_array_size(list), 3);
	is_refusal(list, 0, "no-proposal-chosen", "203.0.113.9:500", 1);
	is_refusal(list, 1, "no-connection", "203.0.113.9:500", 20);
	is_refusal(list, 2, "no-connection", "198.51.100.7:500", 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "text")),
			    "try 19");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 2), "hint")),
			    "configure one");
	json_decref(result);
	/* Of one connection alone it is not asked for. */
	result = status_json(&g, &s, &c);
	assert_null(json_object_get(result, "last_refusals"));
	json_decref(result);
	/* Eight are kept, the newest. */
	for (int i = 1; i <= 20; i++) {
		scanner.addr.bytes[3] = (uint8_t)i;
		history_add(&g, NULL, IKE_WARNING, "no-connection", &scanner, NULL, "try");
	}
	result = status_json(&g, &s, NULL);
	list = json_object_get(result, "last_refusals");
	assert_int_equal(json_array_size(list), REFUSALS_MAX);
	is_refusal(list, 0, "no-connection", "203.0.113.20:500", 1);
	is_refusal(list, 7, "no-connection", "203.0.113.13:500", 1);
	json_decref(result);
	refusals_done(&g.refusals);
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

/* ---------------------------------------------------------------- revocation */

enum { YESTERDAY = 1800000000, TOMORROW = YESTERDAY + 2 * 86400 };

/* What verify says of a path of three: of the leaf and its issuer, nothing of the anchor. */
static void path_is(struct gateway *g, enum pki_state leaf, int64_t leaf_until, const char *text,
		    enum pki_state issuer)
{
	static struct proto_path_state s;

	s = (struct proto_path_state){.handle = 9, .checked_at = YESTERDAY + 60, .n = 2};
	s.certs[0].state = leaf;
	s.certs[0].fresh_until = leaf_until;
	(void)snprintf(s.certs[0].text, sizeof(s.certs[0].text), "%s", text);
	s.certs[1].state = issuer;
	s.certs[1].fresh_until = TOMORROW;
	(void)snprintf(s.certs[1].source, sizeof(s.certs[1].source), "crl");
	if (issuer == PKI_STATE_REVOKED)
		(void)snprintf(s.certs[1].text, sizeof(s.certs[1].text), "revoked: cACompromise");
	binding_path_state(g, &s);
}

static const char *text_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "absent";
}

static void what_is_not_known_is_told_with_its_reason(void **state _unused_)
{
	struct cg_connection cfg = {
		.name = (char *)"hq", .enabled = true, .revocation = CG_REVOCATION_WHEN_AVAILABLE};
	struct cg_config config = {.connections = &cfg, .n_connections = 1};
	struct options o = {.config = "/etc/certgate/certgate.yaml"};
	static struct conn c;
	struct gateway g = {.config = &config, .options = &o};
	struct proto_sa_status sa = {.s = {.connection = 1, .state = IKE_STATE_UP, .binding = 9}};
	struct ike_snapshot s = {.sas = &sa, .n_sas = 1};
	struct proc verify = {.role = ROLE_VERIFY};
	static struct proto_binding p;
	static const struct {
		enum pki_state leaf, issuer;
		int64_t until;
		const char *text;
		const char *state, *next, *leaf_state, *leaf_next;
	} cases[] = {
		{PKI_STATE_GOOD, PKI_STATE_GOOD, TOMORROW + 1, "", "good", "2027-01-17T08:00:00Z",
		 "good", "2027-01-17T08:00:01Z"},
		/* A server failed, and nothing was ever known. */
		{PKI_STATE_UNKNOWN, PKI_STATE_GOOD, INT64_MAX, "http://x/: status 500", "unknown",
		 "2027-01-17T08:00:00Z", "unknown", "absent"},
		/* It was known, and the next news are overdue: status says since when. */
		{PKI_STATE_UNKNOWN, PKI_STATE_GOOD, YESTERDAY, "overdue", "unknown",
		 "2027-01-15T08:00:00Z", "unknown", "2027-01-15T08:00:00Z"},
		/* Revoked is worse than unknown, wherever it is. */
		{PKI_STATE_UNKNOWN, PKI_STATE_REVOKED, INT64_MAX, "nobody answers", "revoked",
		 "2027-01-17T08:00:00Z", "unknown", "absent"},
	};

	c = (struct conn){.g = &g, .cfg = &cfg, .id = 1};
	conn_list(&c);
	p = (struct proto_binding){.handle = 9, .connection = 1};
	p.binding.n_links = 3;
	binding_new(&g, &verify, &p);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *result, *conn, *all, *chain, *leaf;

		path_is(&g, cases[i].leaf, cases[i].until, cases[i].text, cases[i].issuer);
		result = status_json(&g, &s, NULL);
		conn = json_array_get(json_object_get(result, "connections"), 0);
		all = json_object_get(conn, "revocation");
		chain = json_object_get(conn, "chain");
		leaf = json_object_get(json_array_get(chain, 0), "revocation");
		assert_string_equal(text_at(all, "mode"), "when-available");
		assert_string_equal(text_at(all, "state"), cases[i].state);
		assert_string_equal(text_at(all, "checked_at"), "2027-01-15T08:01:00Z");
		assert_string_equal(text_at(all, "next_update"), cases[i].next);
		assert_string_equal(text_at(leaf, "state"), cases[i].leaf_state);
		assert_string_equal(text_at(leaf, "next_update"), cases[i].leaf_next);
		assert_string_equal(text_at(leaf, "text"),
				    cases[i].text[0] ? cases[i].text : "absent");
		assert_string_equal(text_at(leaf, "source"), "absent");
		assert_string_equal(text_at(json_object_get(json_array_get(chain, 1), "revocation"),
					    "source"),
				    "crl");
		assert_null(json_object_get(json_array_get(chain, 2), "revocation"));
		json_decref(result);
	}
	bindings_free(&g);
	conn_unlist(&c);
	history_done(&c.history);
	free(c.last_error.code);
	table_done(&g.bindings_by_handle);
	table_done(&g.bindings_by_kernel);
	table_done(&g.conns_by_id);
	table_done(&g.conns_by_name);
}

/* ---------------------------------------------------------------- explain */

struct explained {
	struct cg_child_config child_cfg;
	struct cg_connection cfg;
	struct gateway g;
	struct conn c;
	struct tunnel t;
	struct child child;
	struct proto_sa_status sa;
	struct ike_snapshot s;
};

/* A connection that is to be up always, of which there is nothing yet. */
static struct explained *explained_new(void)
{
	struct explained *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	e->child_cfg.name = (char *)"lan";
	e->cfg = (struct cg_connection){.name = (char *)"hq",
					.enabled = true,
					.start = CG_START_ALWAYS,
					.children = &e->child_cfg,
					.n_children = 1};
	e->c = (struct conn){.g = &e->g, .cfg = &e->cfg, .id = 1};
	conn_list(&e->c);
	return e;
}

static void explained_free(struct explained *e)
{
	conn_unlist(&e->c);
	history_done(&e->c.history);
	free(e->c.last_error.code);
	table_done(&e->g.conns_by_id);
	table_done(&e->g.conns_by_name);
	free(e);
}

static void comes_up(struct explained *e)
{
	e->child = (struct child){.number = 1, .tunnel = &e->t};
	LIST_INSERT_HEAD(&e->c.children, &e->child, of_conn);
	e->sa = (struct proto_sa_status){.s = {.connection = 1, .state = IKE_STATE_UP}};
	e->s = (struct ike_snapshot){.sas = &e->sa, .n_sas = 1};
}

static void it_says(const struct explained *e, const char *state, const char *summary)
{
	json_t *o = explain_json(&e->c, &e->s);

	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "name")), "hq");
	assert_string_equal(json_string_value(json_object_get(o, "state")), state);
	assert_string_equal(json_string_value(json_object_get(o, "summary")), summary);
	/* Said once, by whoever prints the state. */
	assert_int_not_equal(strncmp(summary, state, strlen(state)), 0);
	json_decref(o);
}

static void explain_says_what_is_the_matter(void **state _unused_)
{
	struct explained *e = explained_new();

	it_says(e, "waiting", "nothing has failed");
	history_add(&e->g, &e->c, IKE_WARNING, "no-proposal-chosen", NULL, NULL,
		    "the peer takes none of ours");
	it_says(e, "waiting", "the last failure: the peer takes none of ours");
	history_add(&e->g, &e->c, IKE_WARNING, "retransmit-timeout", NULL, "look at the firewall",
		    "192.0.2.1:500 never answered");
	it_says(e, "waiting",
		"the last failure: 192.0.2.1:500 never answered; look at the firewall");
	/* What is no failure is not the last one. */
	history_note(&e->g, &e->c, IKE_WARNING, "key-log-on", NULL, NULL, "keys are written");
	it_says(e, "waiting",
		"the last failure: 192.0.2.1:500 never answered; look at the firewall");
	/* An order is newer than any failure, and so is success. */
	e->c.down = true;
	it_says(e, "down", "it was taken down; 'certgate up hq' brings it up");
	e->c.down = false;
	comes_up(e);
	it_says(e, "up", "nothing is missing");
	explained_free(e);
}

static void explain_tells_the_last_hundred_oldest_first(void **state _unused_)
{
	struct explained *e = explained_new();
	json_t *o, *list, *entry;

	for (int i = 0; i <= HISTORY_MAX; i++)
		history_note(&e->g, &e->c, IKE_INFO, "peer-left", NULL, i % 2 ? "a hint" : NULL,
			     "entry %d", i);
	/* What only debugging is for is not kept. */
	history_note(&e->g, &e->c, IKE_DEBUG, "debug", NULL, NULL, "not for people");
	o = explain_json(&e->c, &e->s);
	list = json_object_get(o, "history");
	assert_int_equal(json_array_size(list), 100);
	for (size_t i = 0; i < 100; i++) {
		const char *hint;
		char text[32];

		entry = json_array_get(list, i);
		(void)snprintf(text, sizeof(text), "entry %zu", i + 1);
		assert_string_equal(json_string_value(json_object_get(entry, "text")), text);
		assert_string_equal(json_string_value(json_object_get(entry, "severity")), "info");
		assert_string_equal(json_string_value(json_object_get(entry, "code")), "peer-left");
		assert_non_null(json_string_value(json_object_get(entry, "time")));
		hint = json_string_value(json_object_get(entry, "hint"));
		if (i % 2 == 0)
			assert_string_equal(hint, "a hint");
		else
			assert_null(hint);
	}
	json_decref(o);
	explained_free(e);
}

/* ---------------------------------------------------------------- without ike's answer */

/* The code of the only warning in the list; NULL if there is none. */
static const char *warned(const json_t *list)
{
	assert_non_null(list);
	assert_true(json_array_size(list) <= 1);
	return json_string_value(json_object_get(json_array_get(list, 0), "code"));
}

/* All three results have the warning, or none; the state is the connection's in two. */
static void all_say(struct explained *e, const char *state, const char *warning)
{
	json_t *status = status_json(&e->g, &e->s, NULL), *sa = sa_json(&e->g, &e->s, NULL),
	       *explain = explain_json(&e->c, &e->s);
	const json_t *const lists[] = {
		json_object_get(json_object_get(status, "daemon"), "warnings"),
		json_object_get(sa, "warnings"), json_object_get(explain, "warnings")};
	const json_t *conn = json_array_get(json_object_get(status, "connections"), 0);

	assert_string_equal(json_string_value(json_object_get(conn, "state")), state);
	assert_string_equal(json_string_value(json_object_get(explain, "state")), state);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		if (warning)
			assert_string_equal(warned(lists[i]), warning);
		else
			assert_null(warned(lists[i]));
	}
	json_decref(status);
	json_decref(sa);
	json_decref(explain);
}

/* An ike that is only slow makes nothing of what carries traffic, and whoever asks hears what is missing. */
static void what_carries_traffic_is_up_though_ike_does_not_answer(void **state _unused_)
{
	struct cg_child_config two[] = {{.name = (char *)"lan"}, {.name = (char *)"dmz"}};
	struct options o = {.config = "/etc/certgate/certgate.yaml"};
	struct explained *e = explained_new();
	struct cg_config config = {.connections = &e->cfg, .n_connections = 1};
	struct conn *conns[] = {&e->c};
	struct child second = {.number = 2, .index = 1, .tunnel = &e->t};

	e->g.options = &o;
	e->g.config = &config;
	e->g.conns = conns;
	e->g.n_conns = 1;
	e->cfg.children = two;
	e->cfg.n_children = 2;
	/* Nothing carries any, and ike says so, or does not answer. */
	e->s = (struct ike_snapshot){.asked = true, .counted = true};
	all_say(e, "waiting", NULL);
	e->s.counted = false;
	all_say(e, "waiting", "process-slow");
	comes_up(e);
	e->s = (struct ike_snapshot){.asked = true};
	all_say(e, "partial", "process-slow");
	LIST_INSERT_HEAD(&e->c.children, &second, of_conn);
	all_say(e, "up", "process-slow");
	it_says(e, "up", "every child carries traffic");
	/* Of its answer came that of another IKE SA, which is about to take the first one's place. */
	e->sa.s.state = IKE_STATE_AUTHENTICATING;
	e->s = (struct ike_snapshot){.sas = &e->sa, .n_sas = 1, .asked = true};
	all_say(e, "up", "process-slow");
	/* All of it came. */
	e->s.counted = true;
	all_say(e, "authenticating", NULL);
	e->sa.s.state = IKE_STATE_UP;
	all_say(e, "up", NULL);
	it_says(e, "up", "nothing is missing");
	/* Where nobody asked it, nothing is missing of its answer. */
	e->s = (struct ike_snapshot){0};
	all_say(e, "up", NULL);
	explained_free(e);
}

/* ---------------------------------------------------------------- what a load logs */

static unsigned int weak_lines;

static void count_weak(enum cg_log_level level, const char *event _unused_, const char *text,
		       const struct cg_log_field *fields _unused_, size_t n _unused_,
		       void *userdata _unused_)
{
	if (level == CG_LOG_WARNING && strstr(text, "policy 'azure-default' allows what is weak") &&
	    strstr(text, "MODP_1024 (group 2)"))
		weak_lines++;
}

/* By the start and by each reload. */
static void weak_algorithms_are_logged_with_every_load(void **state _unused_)
{
	struct gateway g = {0};

	cg_log_set_level(CG_LOG_INFO);
	cg_log_set_sink(count_weak, NULL);
	for (unsigned int i = 1; i <= 3; i++) {
		_cleanup_loaded_ struct loaded l = load_connection(REMOTE INBOUND NETWORKS
								   "    policy: azure-default\n");

		assert_good(&l);
		gateway_loaded(&g, 0, &l.diags);
		assert_int_equal(weak_lines, i);
	}
	cg_log_set_sink(NULL, NULL);
	cg_log_set_level(CG_LOG_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_reach_main),
		cmocka_unit_test(counters_are_in_the_result),
		cmocka_unit_test(failures_of_no_connection_are_kept),
		cmocka_unit_test(the_child_that_ike_has_is_shown),
		cmocka_unit_test(what_is_not_known_is_told_with_its_reason),
		cmocka_unit_test(explain_says_what_is_the_matter),
		cmocka_unit_test(explain_tells_the_last_hundred_oldest_first),
		cmocka_unit_test(what_carries_traffic_is_up_though_ike_does_not_answer),
		cmocka_unit_test(weak_algorithms_are_logged_with_every_load),
	};

	/* What happens is logged, too; that is not looked at here. */
	cg_log_set_level(CG_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
