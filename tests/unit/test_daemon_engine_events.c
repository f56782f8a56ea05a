// SPDX-License-Identifier: Apache-2.0
/*
 * What `ike` may have logged: its own events and verify's reasons, and nothing that main says of itself, of operators, or of who was let in; and how
 * much of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/conn.h"
#include "daemon/engine_events.h"
#include "daemon/gateway.h"
#include "daemon/proto_ike.h"
#include "pki/verify.h"

static struct gateway g;

static int report_of(uint32_t connection, enum ike_severity severity, const char *event,
		     bool claimed)
{
	const struct ike_out_report rep = {.connection = connection,
					   .claimed = claimed,
					   .severity = severity,
					   .remote.addr.family = AF_INET,
					   .event = event,
					   .text = "x"};
	struct msg_writer m;
	struct msg_reader r;
	enum msg_type type;
	int e;

	msg_begin(&m, MSG_REPORT);
	proto_put_report(&m, &rep);
	assert_int_equal(msg_open(m.buf, m.len, &type, &r), 0);
	e = gateway_on_ike(&g, type, &r);
	msg_end(&m);
	return e;
}

static int report(const char *event)
{
	return report_of(0, IKE_INFO, event, false);
}

static void its_own_are_taken(void **state _unused_)
{
	assert_int_equal(report("ike-established"), 0);
	assert_int_equal(report("deleted-by-peer"), 0);
	assert_int_equal(report("auth-signature"), 0);
	for (int i = PKI_OK + 1; i < _PKI_REASON_MAX; i++)
		assert_int_equal(report(pki_reason_name((enum pki_reason)i)), 0);
}

static void those_of_others_are_not(void **state _unused_)
{
	static const char *const events[] = {
		"peer-admitted",
		"peer-left",
		"command",
		"command-refused",
		"adopted",
		"process-ended",
		"certificate-revoked",
		"certificate-unrevoked",
		"key-log-on",
		"vault-recovered",
		"configuration-loaded",
		"",
		"nonsense",
		"ike-established ",
		"unknown",
	};

	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		assert_false(engine_event_known(events[i]));
		assert_int_equal(report(events[i]), -EBADMSG);
	}
}

/* ---------------------------------------------------------------- how much */

enum { SITES = 2000, MANY = 500 };

static struct cg_connection cfg = {.name = (char *)"site", .n_children = 1};

static void conns_begin(struct conn *conns, size_t n)
{
	cg_log_set_level(CG_LOG_ERROR);
	for (size_t i = 0; i < n; i++) {
		conns[i] = (struct conn){.g = &g, .id = (uint32_t)i + 1, .cfg = &cfg};
		conn_list(&conns[i]);
	}
}

static void conns_end(struct conn *conns, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		conn_unlist(&conns[i]);
		history_done(&conns[i].history);
		free(conns[i].last_error.code);
		free(conns[i].left);
	}
	table_done(&g.conns_by_id);
	table_done(&g.conns_by_name);
	refusals_done(&g.refusals);
	cg_log_set_level(CG_LOG_INFO);
}

/* A restart of a hub, or of what is before it. */
static void all_sites_may_come_up_and_fail_at_once(void **state _unused_)
{
	static struct conn conns[SITES];

	conns_begin(conns, SITES);
	for (uint32_t id = 1; id <= SITES; id++)
		assert_int_equal(report_of(id, IKE_WARNING, "peer-silent", false), 0);
	for (size_t i = 0; i < SITES; i++) {
		assert_int_equal(conns[i].attempts, 1);
		assert_string_equal(conns[i].last_error.code, "peer-silent");
	}
	for (uint32_t id = 1; id <= SITES; id++) {
		assert_int_equal(report_of(id, IKE_INFO, "ike-established", false), 0);
		assert_int_equal(report_of(id, IKE_INFO, "child-established", false), 0);
	}
	for (size_t i = 0; i < SITES; i++) {
		assert_int_equal(conns[i].attempts, 0);
		assert_int_equal(conns[i].history.n, 3);
	}
	conns_end(conns, SITES);
}

/* Of one connection no more than its children are reason for; what follows from it is not left out. */
static void one_connection_does_not_fill_the_log(void **state _unused_)
{
	static struct conn conns[2];

	conns_begin(conns, 2);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(report_of(1, IKE_WARNING, "child-refused", false), 0);
	assert_int_equal(conns[0].attempts, MANY);
	assert_int_equal(conns[0].history.n, 40);
	assert_int_equal(report_of(1, IKE_INFO, "ike-established", false), 0);
	assert_int_equal(conns[0].attempts, 0);
	/* The other one has what is its own. */
	assert_int_equal(report_of(2, IKE_INFO, "ike-established", false), 0);
	assert_int_equal(conns[1].history.n, 1);
	conns_end(conns, 2);
}

/* What anybody can say of a connection has one bound with what is of none, and takes nothing of the connection's own. */
static void what_is_claimed_is_bounded_together(void **state _unused_)
{
	static struct conn conns[SITES];
	size_t told = 0;

	conns_begin(conns, SITES);
	for (uint32_t id = 1; id <= SITES; id++) {
		assert_int_equal(report_of(id, IKE_WARNING, "no-proposal-chosen", true), 0);
		assert_int_equal(report("no-connection"), 0);
	}
	for (size_t i = 0; i < SITES; i++) {
		told += conns[i].history.n;
		assert_int_equal(conns[i].attempts, 0);
	}
	/* Something is told, of all of them no more than a part; more only if seconds went by meanwhile. */
	assert_in_range(told, 1, SITES / 2);
	assert_int_equal(report_of(SITES, IKE_WARNING, "auth-failed", false), 0);
	assert_string_equal(conns[SITES - 1].last_error.code, "auth-failed");
	conns_end(conns, SITES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_own_are_taken),
		cmocka_unit_test(those_of_others_are_not),
		cmocka_unit_test(all_sites_may_come_up_and_fail_at_once),
		cmocka_unit_test(one_connection_does_not_fill_the_log),
		cmocka_unit_test(what_is_claimed_is_bounded_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
