// SPDX-License-Identifier: Apache-2.0
/*
 * Messages between the processes: what is written is read again, and what is cut short, too long, out of range, or not the
 * sender's to send is never taken for a message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "lib/msgtest.h"

#include "daemon/channel.h"
#include "daemon/launcher.h"
#include "daemon/proto_auth.h"
#include "daemon/proto_fetch.h"
#include "daemon/proto_ike.h"
#include "daemon/proto_stage.h"

static void values_come_back(void **state _unused_)
{
	const struct cg_endpoint ep = {.addr = {.family = AF_INET, .bytes = {192, 0, 2, 1}},
				       .port = 4500};
	struct cg_endpoint got;
	struct msg_writer w;
	struct msg_reader r;
	const uint8_t *blob;
	char text[8];
	uint8_t *data;
	size_t len, n;

	msg_begin(&w, MSG_READY);
	msg_put_u8(&w, 0xfe);
	msg_put_u64(&w, 0x0123456789abcdefULL);
	msg_put_i64(&w, -5);
	msg_put_bool(&w, true);
	msg_put_blob(&w, "abc", 3);
	msg_put_str(&w, "seven77");
	msg_put_endpoint(&w, &ep);
	data = body(&w, &len);
	r = (struct msg_reader){.p = data, .left = len};
	assert_int_equal(msg_get_u8(&r), 0xfe);
	assert_true(msg_get_u64(&r) == 0x0123456789abcdefULL);
	assert_true(msg_get_i64(&r) == -5);
	assert_true(msg_get_bool(&r));
	blob = msg_get_blob(&r, 3, &n);
	assert_int_equal(n, 3);
	assert_memory_equal(blob, "abc", 3);
	msg_get_str(&r, text, sizeof(text));
	assert_string_equal(text, "seven77");
	msg_get_endpoint(&r, &got);
	assert_true(cg_endpoint_equal(&ep, &got));
	assert_true(msg_done(&r));
	free(data);
}

static void a_short_message_gives_zeros_and_fails(void **state _unused_)
{
	const uint8_t data[3] = {1, 2, 3};
	struct msg_reader r = {.p = data, .left = sizeof(data)};

	assert_int_equal(msg_get_u32(&r), 0);
	assert_false(msg_done(&r));
	/* Nothing is read after a failure, even if it would fit. */
	assert_int_equal(msg_get_u8(&r), 0);
	assert_false(msg_done(&r));
}

static void what_is_left_over_is_a_fault(void **state _unused_)
{
	const uint8_t data[3] = {1, 2, 3};
	struct msg_reader r = {.p = data, .left = sizeof(data)};

	(void)msg_get_u16(&r);
	assert_false(msg_done(&r));
}

static void lengths_are_never_believed(void **state _unused_)
{
	const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 1, 2, 3};
	const uint8_t nul_inside[] = {3, 0, 0, 0, 'a', 0, 'b'};
	const uint8_t long_text[] = {4, 0, 0, 0, 'a', 'b', 'c', 'd'};
	const uint8_t two[] = {2};
	const uint8_t addr5[] = {5, 1, 2, 3, 4, 5};
	struct msg_reader r;
	struct cg_addr a;
	char text[4];
	size_t n = 99;

	r = (struct msg_reader){.p = huge, .left = sizeof(huge)};
	assert_null(msg_get_blob(&r, SIZE_MAX, &n));
	assert_int_equal(n, 0);
	assert_false(msg_done(&r));

	r = (struct msg_reader){.p = nul_inside, .left = sizeof(nul_inside)};
	msg_get_str(&r, text, sizeof(text));
	assert_string_equal(text, "");
	assert_false(msg_done(&r));

	r = (struct msg_reader){.p = long_text, .left = sizeof(long_text)};
	msg_get_str(&r, text, sizeof(text));
	assert_false(msg_done(&r));

	r = (struct msg_reader){.p = two, .left = sizeof(two)};
	assert_false(msg_get_bool(&r));
	assert_false(msg_done(&r));

	r = (struct msg_reader){.p = addr5, .left = sizeof(addr5)};
	msg_get_addr(&r, &a);
	assert_false(msg_done(&r));
}

static void control_characters_of_others_do_not_get_into_texts(void **state _unused_)
{
	const uint8_t data[] = {3, 0, 0, 0, 'a', '\n', 'b'};
	struct msg_reader r = {.p = data, .left = sizeof(data)};
	char text[8];

	msg_get_str(&r, text, sizeof(text));
	assert_string_equal(text, "a?b");
}

static void a_message_that_does_not_fit_is_not_sent(void **state _unused_)
{
	static const uint8_t kilobyte[1024];
	struct msg_writer w;

	msg_begin(&w, MSG_READY);
	for (size_t i = 0; i < MSG_SIZE_MAX / sizeof(kilobyte); i++)
		msg_put_blob(&w, kilobyte, sizeof(kilobyte));
	assert_true(w.failed);
	assert_int_equal(channel_send(NULL, &w, -EBADF), -ENOTCONN);
	/* The buffer is free again. */
	msg_begin(&w, MSG_READY);
	msg_end(&w);
}

static void the_table_says_who_may_say_what(void **state _unused_)
{
	/* ike makes no binding, attaches nobody, and gets no certificate from anyone but main. */
	assert_false(msg_allowed(MSG_BINDING, ROLE_IKE, ROLE_MAIN, 0));
	assert_true(msg_allowed(MSG_BINDING, ROLE_VERIFY, ROLE_MAIN, 0));
	assert_false(msg_allowed(MSG_BINDING, ROLE_VERIFY, ROLE_IKE, 0));
	assert_false(msg_allowed(MSG_ATTACH, ROLE_IKE, ROLE_KEY, 1));
	assert_false(msg_allowed(MSG_STAGE_COMMIT, ROLE_IKE, ROLE_VERIFY, 0));
	assert_false(msg_allowed(MSG_STAGE_TRUST, ROLE_IKE, ROLE_VERIFY, 0));
	assert_false(msg_allowed(MSG_SPAWN, ROLE_IKE, ROLE_MAIN, 1));
	assert_false(msg_allowed(MSG_SIGN, ROLE_FETCH, ROLE_KEY, 0));
	assert_true(msg_allowed(MSG_SIGN, ROLE_IKE, ROLE_KEY, 0));
	/* Not with a descriptor more or less. */
	assert_false(msg_allowed(MSG_SIGN, ROLE_IKE, ROLE_KEY, 1));
	assert_false(msg_allowed(MSG_SOCKET, ROLE_MAIN, ROLE_IKE, 0));
	assert_false(msg_allowed(MSG_NONE, ROLE_MAIN, ROLE_IKE, 0));
	assert_false(msg_allowed(_MSG_MAX, ROLE_MAIN, ROLE_IKE, 0));
	/* ike cannot have a vault sign. */
	assert_false(msg_allowed(MSG_VAULT_SIGN, ROLE_IKE, ROLE_VAULT, 0));
	assert_false(msg_allowed(MSG_VAULT_SETUP, ROLE_KEY, ROLE_VAULT, 0));
	/* Nor hardware; and hsm answers key alone, and says to main that it is ready. */
	assert_false(msg_allowed(MSG_HSM_SIGN, ROLE_IKE, ROLE_HSM, 0));
	assert_false(msg_allowed(MSG_HSM_PIN, ROLE_MAIN, ROLE_HSM, 0));
	assert_false(msg_allowed(MSG_HSM_PIN, ROLE_MAIN, ROLE_KEY, 1));
	for (unsigned int type = MSG_NONE; type < _MSG_MAX; type++) {
		for (unsigned int to = 0; to < _ROLE_MAX; to++) {
			bool allowed = msg_allowed(type, ROLE_HSM, (enum role)to, 0) ||
				       msg_allowed(type, ROLE_HSM, (enum role)to, 1);

			if (to == ROLE_MAIN)
				assert_int_equal(allowed, type == MSG_READY);
			else
				assert_int_equal(allowed,
						 to == ROLE_KEY && (type == MSG_HSM_OPENED ||
								    type == MSG_HSM_REFUSED ||
								    type == MSG_HSM_SIGNED));
		}
	}
	/* vault answers key; main hears from it that it is ready and which name it wants to know, and nothing that a vault said. */
	for (unsigned int type = MSG_NONE; type < _MSG_MAX; type++) {
		for (unsigned int to = 0; to < _ROLE_MAX; to++) {
			bool allowed = msg_allowed(type, ROLE_VAULT, (enum role)to, 0) ||
				       msg_allowed(type, ROLE_VAULT, (enum role)to, 1);

			if (to == ROLE_MAIN)
				assert_int_equal(allowed,
						 type == MSG_READY || type == MSG_VAULT_RESOLVE);
			else
				assert_int_equal(allowed,
						 to == ROLE_KEY && (type == MSG_VAULT_GOT ||
								    type == MSG_VAULT_SIGNED ||
								    type == MSG_VAULT_FAILED));
		}
	}
}

/* ---------------------------------------------------------------- bodies */

static struct ike_out_child_add example_child(uint8_t keys[4][PROTO_KEY_MAX], struct ike_ts *local,
					      struct ike_ts *remote)
{
	struct ike_out_child_add a = {
		.request = 7,
		.child = 8,
		.replaces = 6,
		.connection = 3,
		.child_index = 1,
		.binding = 0xfeedULL,
		.spi_in = 0x11111111,
		.spi_out = 0x22222222,
		.suite = {.protocol = 3, .encr = 20, .key_bits = 256, .esn = 1},
		.local_ts = local,
		.remote_ts = remote,
		.n_local_ts = 1,
		.n_remote_ts = 1,
		.udp = true,
		.follow = true,
		.lifetime = 3600,
		.soft_lifetime = 3000,
	};

	for (int i = 0; i < 4; i++)
		memset(keys[i], 0x40 + i, PROTO_KEY_MAX);
	a.keys.encr_in = (struct ike_blob){keys[0], 36};
	a.keys.encr_out = (struct ike_blob){keys[1], 36};
	*local = (struct ike_ts){
		.addr_len = 4, .port_end = 65535, .start = {10, 1}, .end = {10, 1, 255, 255}};
	*remote = (struct ike_ts){
		.addr_len = 16, .port_end = 65535, .start = {0xfd}, .end = {0xfd, 1}};
	return a;
}

static void a_child_sa_comes_back_whole(void **state _unused_)
{
	static uint8_t keys[4][PROTO_KEY_MAX];
	static struct proto_child_add got;
	struct ike_ts local, remote;
	struct ike_out_child_add a = example_child(keys, &local, &remote);
	struct msg_writer w;
	struct msg_reader r;
	uint8_t *data;
	size_t len;

	msg_begin(&w, MSG_CHILD_ADD);
	proto_put_child_add(&w, &a);
	data = body(&w, &len);
	r = (struct msg_reader){.p = data, .left = len};
	proto_get_child_add(&r, &got);
	assert_true(msg_done(&r));
	/* The keys are copies: the message can be wiped. */
	memset(data, 0, len);
	assert_int_equal(got.a.keys.encr_out.size, 36);
	assert_memory_equal(got.a.keys.encr_out.data, keys[1], 36);
	assert_int_equal(got.a.keys.integ_in.size, 0);
	assert_true(got.a.binding == 0xfeedULL);
	assert_int_equal(got.a.spi_out, 0x22222222);
	assert_int_equal(got.a.n_remote_ts, 1);
	assert_memory_equal(&got.remote[0], &remote, sizeof(remote));
	assert_true(got.a.udp && got.a.follow);
	assert_true(got.a.soft_lifetime == 3000);
	free(data);
}

static void get_child_add(struct msg_reader *r)
{
	static struct proto_child_add a;

	proto_get_child_add(r, &a);
	assert_true(a.a.n_local_ts <= PROTO_TS_MAX && a.a.n_remote_ts <= PROTO_TS_MAX);
	assert_true(a.a.keys.encr_in.size <= PROTO_KEY_MAX);
}

static void get_expect(struct msg_reader *r)
{
	struct ike_out_expect x;

	proto_get_expect(r, &x);
}

static void a_child_sa_to_come_comes_back_whole(void **state _unused_)
{
	const struct ike_out_expect x = {.request = 7,
					 .connection = 3,
					 .child_index = 1,
					 .spi_in = 0x22222222,
					 .gone = true};
	struct ike_out_expect got;
	struct msg_writer w;
	struct msg_reader r;
	uint8_t *data;
	size_t len;

	msg_begin(&w, MSG_CHILD_EXPECT);
	proto_put_expect(&w, &x);
	data = body(&w, &len);
	r = (struct msg_reader){.p = data, .left = len};
	proto_get_expect(&r, &got);
	assert_true(msg_done(&r));
	assert_true(got.request == 7 && got.gone);
	assert_int_equal(got.connection, 3);
	assert_int_equal(got.child_index, 1);
	assert_int_equal(got.spi_in, 0x22222222);
	free(data);
}

static void get_verify(struct msg_reader *r)
{
	static struct proto_verify v;

	proto_get_verify(r, &v);
	assert_true(v.v.n_certs <= IKE_MAX_PEER_CERTS && v.v.n_candidates <= PROTO_CANDIDATES_MAX);
}

static void get_sign(struct msg_reader *r)
{
	struct ike_out_sign s;

	proto_get_sign(r, &s);
}

static void get_binding(struct msg_reader *r)
{
	static struct proto_binding b;

	proto_get_binding(r, &b);
	if (msg_done(r))
		assert_true(b.handle != 0 && b.binding.n_links >= 1 &&
			    b.binding.n_links <= PKI_BINDING_LINKS_MAX);
}

static void get_report(struct msg_reader *r)
{
	static struct proto_report p;

	proto_get_report(r, &p);
}

static void get_conn(struct msg_reader *r)
{
	static struct proto_conn c;

	proto_get_conn(r, &c);
	assert_true(c.ike.n <= IKE_POLICY_PROPOSALS);
}

static void get_resolved(struct msg_reader *r)
{
	struct proto_resolved p;

	proto_get_resolved(r, &p);
	assert_true(p.n <= PROTO_ADDRESSES_MAX);
}

static void get_nonces(struct msg_reader *r)
{
	static struct ike_nonce n[PROTO_NONCES_MAX];

	(void)proto_get_nonces(r, n);
}

static void hostile_bodies_do_no_harm(void **state _unused_)
{
	static const uint8_t hash[1][20];
	static uint8_t keys[4][PROTO_KEY_MAX];
	const uint32_t candidates[] = {1, 2, 3};
	const uint8_t bytes[64] = {1};
	const struct ike_blob blob = {bytes, sizeof(bytes)};
	const struct ike_nonce nonces[2] = {{.token = 5}};
	struct ike_ts local, remote;
	struct ike_out_child_add add = example_child(keys, &local, &remote);
	struct ike_out_verify v = {.candidates = candidates,
				   .n_candidates = 3,
				   .init_message = blob,
				   .nonce = blob,
				   .sk_p = blob,
				   .int_auth_i = blob,
				   .int_auth_r = blob,
				   .id_body = blob,
				   .auth_data = blob,
				   .certs = {blob, blob},
				   .n_certs = 2,
				   .ocsp = {blob, blob},
				   .n_ocsp = 2};
	struct ike_out_sign s = {.init_message = blob,
				 .peer_nonce = blob,
				 .sk_p = blob,
				 .int_auth_i = blob,
				 .int_auth_r = blob,
				 .id_body = blob,
				 .peer_methods = blob};
	struct ike_out_expect expect = {.request = 1, .connection = 1, .spi_in = 300};
	struct proto_binding b = {.handle = 9,
				  .connection = 1,
				  .binding = {.n_links = 2, .not_before = 1, .not_after = 2}};
	struct ike_out_report rep = {
		.severity = IKE_WARNING, .event = "auth-failed", .text = "no", .hint = "yes"};
	struct ike_connection_config c = {.id = 1,
					  .name = "hq",
					  .ike_policy = &ike_policy_default_ike,
					  .esp_policy = &ike_policy_default_esp,
					  .local_id = blob,
					  .anchor_hashes = hash,
					  .n_anchor_hashes = 1};
	struct proto_resolved res = {.n = 1,
				     .addresses = {{.family = AF_INET, .bytes = {192, 0, 2, 1}}}};
	struct msg_writer w;
	uint8_t *data;
	size_t len;

	(void)snprintf(b.binding.subject, sizeof(b.binding.subject), "CN=gw");
	(void)snprintf(b.binding.label, sizeof(b.binding.label), "hq");
	memset(b.binding.links, 1, sizeof(b.binding.links[0]) * 2);

	MANGLE(MSG_CHILD_EXPECT, proto_put_expect(&w, &expect), get_expect);
	MANGLE(MSG_CHILD_ADD, proto_put_child_add(&w, &add), get_child_add);
	MANGLE(MSG_VERIFY, proto_put_verify(&w, &v), get_verify);
	MANGLE(MSG_SIGN, proto_put_sign(&w, &s), get_sign);
	MANGLE(MSG_BINDING, proto_put_binding(&w, &b), get_binding);
	MANGLE(MSG_REPORT, proto_put_report(&w, &rep), get_report);
	MANGLE(MSG_CONN_BEGIN, proto_put_conn(&w, &c), get_conn);
	MANGLE(MSG_RESOLVED, proto_put_resolved(&w, &res), get_resolved);
	MANGLE(MSG_NONCES, proto_put_nonces(&w, nonces, 2), get_nonces);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_back),
		cmocka_unit_test(a_short_message_gives_zeros_and_fails),
		cmocka_unit_test(what_is_left_over_is_a_fault),
		cmocka_unit_test(lengths_are_never_believed),
		cmocka_unit_test(control_characters_of_others_do_not_get_into_texts),
		cmocka_unit_test(a_message_that_does_not_fit_is_not_sent),
		cmocka_unit_test(the_table_says_who_may_say_what),
		cmocka_unit_test(a_child_sa_comes_back_whole),
		cmocka_unit_test(a_child_sa_to_come_comes_back_whole),
		cmocka_unit_test(hostile_bodies_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
