// SPDX-License-Identifier: Apache-2.0
/* The octets under AUTH: what they are made of, and what must never be signed. */
#include "lib/ike_test.h"

#include <errno.h>
#include <openssl/hmac.h>

#include "ike/auth_octets.h"

static uint8_t request[256], response[256];
static uint8_t sk_p[32], nonce[32];
static const uint8_t id[] = {2, 0, 0, 0, 'h', 'q'};

static struct ike_view build(uint8_t *buf, size_t size, bool is_response)
{
	struct ike_header h = test_header(IKE_EXCHANGE_SA_INIT, 0, is_response);
	struct ike_builder b;
	size_t len;

	ike_build_message(&b, buf, size, &h);
	ike_build_nonce(&b, IKE_VIEW(nonce, sizeof(nonce)));
	assert_int_equal(ike_build_finish(&b, &len), 0);
	return IKE_VIEW(buf, len);
}

static struct ike_auth_octets sound(bool initiator)
{
	memset(sk_p, 0x77, sizeof(sk_p));
	memset(nonce, 0x33, sizeof(nonce));
	return (struct ike_auth_octets){
		.initiator = initiator,
		.spi = initiator ? 0x0102030405060708 : 0x1112131415161718,
		.message = initiator ? build(request, sizeof(request), false)
				     : build(response, sizeof(response), true),
		.nonce = IKE_VIEW(nonce, sizeof(nonce)),
		.prf = IKE_PRF_HMAC_SHA2_256,
		.sk_p = IKE_VIEW(sk_p, sizeof(sk_p)),
		.id = IKE_VIEW(id, sizeof(id)),
	};
}

static int build_octets(const struct ike_auth_octets *in)
{
	uint8_t out[1024];
	size_t len = 4711;
	int err = ike_auth_octets_build(in, out, sizeof(out), &len);

	if (err)
		assert_int_equal(len, 4711);
	return err;
}

static void the_octets_are_message_nonce_and_maced_id(void **state)
{
	(void)state;
	for (int initiator = 0; initiator < 2; initiator++) {
		struct ike_auth_octets in = sound(initiator);
		uint8_t out[512], mac[32];
		size_t len;

		assert_int_equal(ike_auth_octets_build(&in, out, sizeof(out), &len), 0);
		assert_int_equal(len, ike_auth_octets_len(&in));
		assert_int_equal(len, in.message.len + 32 + 32);
		assert_memory_equal(out, in.message.data, in.message.len);
		assert_memory_equal(out + in.message.len, nonce, 32);
		assert_non_null(HMAC(EVP_sha256(), sk_p, 32, id, sizeof(id), mac, NULL));
		assert_memory_equal(out + in.message.len + 32, mac, 32);
	}
}

static void int_auth_of_rfc_9242_goes_last(void **state)
{
	struct ike_auth_octets in = sound(true);
	static const uint8_t id_of_auth[] = {0, 0, 0, 3};
	uint8_t i[32], r[32], out[512];
	size_t len;

	(void)state;
	memset(i, 0x99, sizeof(i));
	memset(r, 0xaa, sizeof(r));
	in.int_auth = (struct ike_int_auth){
		.initiator = IKE_VIEW(i, 32), .responder = IKE_VIEW(r, 32), .message_id = 3};
	assert_int_equal(ike_auth_octets_build(&in, out, sizeof(out), &len), 0);
	assert_int_equal(len, in.message.len + 32 + 32 + 68);
	assert_int_equal(len, ike_auth_octets_len(&in));
	assert_memory_equal(out + len - 68, i, 32);
	assert_memory_equal(out + len - 36, r, 32);
	assert_memory_equal(out + len - 4, id_of_auth, 4);
	/* whole or absent */
	in.int_auth.initiator.len--;
	assert_int_equal(build_octets(&in), -EBADMSG);
	in.int_auth.responder.len--;
	assert_int_equal(build_octets(&in), -EBADMSG);
	in.int_auth.initiator.len = 0;
	assert_int_equal(build_octets(&in), -EBADMSG);
	in.int_auth.initiator.len = 32;
	in.int_auth.responder.len = 0;
	assert_int_equal(build_octets(&in), -EBADMSG);
}

static void a_small_buffer_is_refused(void **state)
{
	struct ike_auth_octets in = sound(true);
	size_t needed = ike_auth_octets_len(&in), len;

	(void)state;
	for (size_t size = 0; size < needed; size++) {
		uint8_t *out = malloc(size ? size : 1);

		assert_non_null(out);
		assert_int_equal(ike_auth_octets_build(&in, out, size, &len), -EMSGSIZE);
		free(out);
	}
}

/* Each change makes it something that a signer must not sign. */
static void messages_other_than_our_own_ike_sa_init_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = {
		{7, 9},		     /* another initiator */
		{15, 1},	     /* a responder's SPI in a request */
		{17, 0x30},	     /* version 3 */
		{17, 0x10},	     /* IKEv1 */
		{18, 35},	     /* IKE_AUTH */
		{18, 0},    {19, 0}, /* not from the initiator */
		{19, 0x28},	     /* a response */
		{19, 0x20}, {23, 1}, /* message ID 1 */
		{27, 0},	     /* another length */
		{24, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct ike_auth_octets in = sound(true);

		assert_int_equal(build_octets(&in), 0);
		request[changes[i].at] = changes[i].value;
		assert_int_equal(build_octets(&in), -EBADMSG);
	}
}

static void a_response_must_be_ours(void **state)
{
	struct ike_auth_octets in = sound(false);

	(void)state;
	assert_int_equal(build_octets(&in), 0);
	in.spi = 0x0102030405060708; /* the initiator's */
	assert_int_equal(build_octets(&in), -EBADMSG);
	in = sound(false);
	in.initiator = true;
	assert_int_equal(build_octets(&in), -EBADMSG);
	in = sound(false);
	memset(response + 8, 0, 8);
	in.spi = 0;
	assert_int_equal(build_octets(&in), -EBADMSG);
	in = sound(false);
	memset(response, 0, 8);
	assert_int_equal(build_octets(&in), -EBADMSG);
}

static void truncated_and_empty_messages_are_refused(void **state)
{
	struct ike_auth_octets in = sound(true);
	size_t whole = in.message.len;

	(void)state;
	for (size_t len = 0; len < whole; len++) {
		uint8_t *copy = exact_copy(IKE_VIEW(request, len));

		in.message = IKE_VIEW(copy, len);
		assert_int_equal(build_octets(&in), -EBADMSG);
		free(copy);
	}
	/* a bare header that is consistent in itself */
	in = sound(true);
	in.message.len = 28;
	ike_store_u32(request + 24, 28);
	assert_int_equal(build_octets(&in), -EBADMSG);
}

static void parts_with_impossible_lengths_are_refused(void **state)
{
	struct ike_auth_octets in = sound(true);

	(void)state;
	in.nonce.len = 15;
	assert_int_equal(build_octets(&in), -EBADMSG);
	in.nonce.len = 257;
	assert_int_equal(build_octets(&in), -EBADMSG);
	in = sound(true);
	in.id.len = 3;
	assert_int_equal(build_octets(&in), -EBADMSG);
	in = sound(true);
	in.sk_p.len = 31;
	assert_int_equal(build_octets(&in), -EBADMSG);
	in = sound(true);
	in.prf = 99;
	assert_int_equal(build_octets(&in), -EOPNOTSUPP);
	assert_int_equal(ike_auth_octets_len(&in), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_octets_are_message_nonce_and_maced_id),
		cmocka_unit_test(int_auth_of_rfc_9242_goes_last),
		cmocka_unit_test(a_small_buffer_is_refused),
		cmocka_unit_test(messages_other_than_our_own_ike_sa_init_are_refused),
		cmocka_unit_test(a_response_must_be_ours),
		cmocka_unit_test(truncated_and_empty_messages_are_refused),
		cmocka_unit_test(parts_with_impossible_lengths_are_refused),
	};

	return cmocka_run_group_tests_name("ike/auth_octets", tests, NULL, NULL);
}
