// SPDX-License-Identifier: Apache-2.0
/* A connection's configuration from main to ike, part by part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/ike_conn.h"

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
		.certs = {{cert, sizeof(cert)}},
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_arrives_as_it_was_sent),
		cmocka_unit_test(parts_out_of_order_are_refused),
	};

	return cmocka_run_group_tests_name("daemon/conn", tests, NULL, NULL);
}
