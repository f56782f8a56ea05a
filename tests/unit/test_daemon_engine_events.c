// SPDX-License-Identifier: Apache-2.0
/*
 * What `ike` may have logged: its own events and verify's reasons, and nothing that main says of itself, of operators, or of who was let in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/engine_events.h"
#include "daemon/gateway.h"
#include "daemon/proto_ike.h"
#include "pki/verify.h"

static struct gateway g;

static int report(const char *event)
{
	const struct ike_out_report rep = {.severity = IKE_INFO, .event = event, .text = "x"};
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_own_are_taken),
		cmocka_unit_test(those_of_others_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
