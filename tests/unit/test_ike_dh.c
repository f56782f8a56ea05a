// SPDX-License-Identifier: Apache-2.0
/* Key exchange: published vectors, both sides agreeing, and public values that must be refused. */
#include "lib/ike_test.h"

#include <errno.h>
#include <openssl/bn.h>

#include "base/macro.h"
#include "ike/dh.h"

static const uint16_t all_methods[] = {
	IKE_KE_MODP_1024, IKE_KE_MODP_2048, IKE_KE_MODP_3072,	  IKE_KE_MODP_4096,  IKE_KE_ECP_256,
	IKE_KE_ECP_384,	  IKE_KE_ECP_521,   IKE_KE_MODP_2048_256, IKE_KE_CURVE25519,
};

/* With the given private value: our public one, and the secret with the peer's. */
static void check_vector(uint16_t method, const char *private, const char *public, const char *peer,
			 const char *secret)
{
	struct scripted s;
	struct ike_random random = scripted_random(&s, unhex(private));
	uint8_t out[IKE_DH_SHARED_MAX];
	struct ike_dh *dh;
	size_t len;

	assert_int_equal(ike_dh_begin(method, &random, &dh), 0);
	assert_int_equal(ike_dh_method(dh), method);
	assert_view_equal(ike_dh_public(dh), unhex(public));
	assert_int_equal(ike_dh_shared(dh, unhex(peer), out, &len), 0);
	assert_view_equal(IKE_VIEW(out, len), unhex(secret));
	ike_dh_free(dh);
}

static void both_sides(uint16_t method, const char *i, const char *gi, const char *r,
		       const char *gr, const char *gir)
{
	check_vector(method, i, gi, gr, gir);
	check_vector(method, r, gr, gi, gir);
}

static void ecp_groups_give_the_values_of_rfc_5903(void **state)
{
	(void)state;
	both_sides(IKE_KE_ECP_256,
		   "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
		   "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
		   "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
		   "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
		   "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
		   "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
		   "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de");
	both_sides(
		IKE_KE_ECP_384,
		"099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896783ab194",
		"667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732aee95f41aa"
		"9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c",
		"41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942e0308312916b8ed2960e4bd55a7448fc",
		"e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0774a3571"
		"dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c",
		"11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a270f59746");
	both_sides(IKE_KE_ECP_521,
		   "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a0"
		   "95aa85a30fe1c2952c6771d937ba9777f5957b2639bab072462f68c27a57382d4a52",
		   "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbe"
		   "e1e3bf42e00b8e380aeae57c2d107564941885942af5a7f4601723c4195d176ced3e"
		   "017cae20b6641d2eeb695786d8c946146239d099e18e1d5a514c739d7cb4a10a"
		   "d8a788015ac405d7799dc75e7b7d5b6cf2261a6a7f1507438bf01beb6ca3926f9582",
		   "0145ba99a847af43793fdd0e872e7cdfa16be30fdc780f97bccc3f078380201e"
		   "9c677d600b343757a3bdbf2a3163e4c2f869cca7458aa4a4effc311f5cb151685eb9",
		   "00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a21"
		   "9b97c356436adc6e95bb0352f6be64a6c2912d4ef2d0433ced2b6171640012d9460f"
		   "015c68226383956e3bd066e797b623c27ce0eac2f551a10c2c724d9852077b87"
		   "220b6536c5c408a1d2aebb8e86d678ae49cb57091f4732296579ab44fcd17f0fc56a",
		   "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04"
		   "d1427e73ca4baa240a34786859810c06b3c715a3a8cc3151f2bee417996d19f3ddea");
}

static void curve25519_gives_the_values_of_rfc_7748(void **state)
{
	(void)state;
	both_sides(IKE_KE_CURVE25519,
		   "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
		   "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
		   "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
		   "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
		   "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

static void both_sides_come_to_the_same_secret(void **state)
{
	struct seeded s;
	struct ike_random random = seeded_random(&s, 42);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all_methods); i++) {
		const struct ike_dh_info *info = ike_dh_info(all_methods[i]);
		uint8_t secret_a[IKE_DH_SHARED_MAX], secret_b[IKE_DH_SHARED_MAX];
		size_t len_a, len_b;
		struct ike_dh *a, *b;

		assert_non_null(info);
		assert_int_equal(ike_dh_begin(all_methods[i], &random, &a), 0);
		assert_int_equal(ike_dh_begin(all_methods[i], &random, &b), 0);
		assert_int_equal(ike_dh_public(a).len, info->responder_len);
		assert_int_equal(ike_dh_shared(a, ike_dh_public(b), secret_a, &len_a), 0);
		assert_int_equal(ike_dh_shared(b, ike_dh_public(a), secret_b, &len_b), 0);
		assert_int_equal(len_a, info->shared_len);
		assert_view_equal(IKE_VIEW(secret_a, len_a), IKE_VIEW(secret_b, len_b));
		ike_dh_free(a);
		ike_dh_free(b);
	}
}

static void the_same_seed_gives_the_same_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all_methods); i++) {
		struct seeded s;
		struct ike_random random = seeded_random(&s, 7);
		struct ike_dh *a, *b, *c;

		assert_int_equal(ike_dh_begin(all_methods[i], &random, &a), 0);
		random = seeded_random(&s, 7);
		assert_int_equal(ike_dh_begin(all_methods[i], &random, &b), 0);
		random = seeded_random(&s, 8);
		assert_int_equal(ike_dh_begin(all_methods[i], &random, &c), 0);
		assert_view_equal(ike_dh_public(a), ike_dh_public(b));
		assert_false(ike_view_equal(ike_dh_public(a), ike_dh_public(c)));
		ike_dh_free(a);
		ike_dh_free(b);
		ike_dh_free(c);
	}
}

static void zeros(void *ctx, uint8_t *buf, size_t len)
{
	(void)ctx;
	memset(buf, 0, len);
}

static void a_dead_random_source_is_noticed(void **state)
{
	struct ike_random random = {.fill = zeros};
	struct ike_dh *dh;

	(void)state;
	assert_int_equal(ike_dh_begin(IKE_KE_ECP_256, &random, &dh), -EIO);
	assert_int_equal(ike_dh_begin(IKE_KE_MODP_2048, &random, &dh), -EIO);
	assert_int_equal(ike_dh_begin(IKE_KE_MODP_2048_256, &random, &dh), -EIO);
}

static void unknown_and_broken_methods_do_not_exist(void **state)
{
	static const uint16_t none[] = {IKE_KE_NONE,	IKE_KE_MODP_768,      IKE_KE_MODP_1536,
					IKE_KE_ECP_192, IKE_KE_MODP_1024_160, 65535};
	struct seeded s;
	struct ike_random random = seeded_random(&s, 1);
	struct ike_dh *dh;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		assert_null(ike_dh_info(none[i]));
		assert_int_equal(ike_dh_begin(none[i], &random, &dh), -EOPNOTSUPP);
	}
	assert_true(ike_dh_info(IKE_KE_MODP_1024)->legacy);
	assert_true(ike_dh_info(IKE_KE_MODP_2048_256)->legacy);
	assert_false(ike_dh_info(IKE_KE_MODP_2048)->legacy);
}

static void refused(struct ike_dh *dh, const uint8_t *value, size_t len)
{
	uint8_t secret[IKE_DH_SHARED_MAX], *copy = exact_copy(IKE_VIEW(value, len));
	size_t secret_len = 4711;

	assert_int_equal(ike_dh_shared(dh, IKE_VIEW(copy, len), secret, &secret_len), -EBADMSG);
	assert_int_equal(secret_len, 4711);
	free(copy);
}

static void public_values_of_another_length_are_refused(void **state)
{
	uint8_t value[2 * IKE_DH_PUBLIC_MAX];
	struct seeded s;
	struct ike_random random = seeded_random(&s, 3);

	(void)state;
	memset(value, 0x33, sizeof(value));
	for (size_t i = 0; i < ARRAY_SIZE(all_methods); i++) {
		size_t len = ike_dh_info(all_methods[i])->responder_len;
		struct ike_dh *dh;

		assert_int_equal(ike_dh_begin(all_methods[i], &random, &dh), 0);
		refused(dh, value, 0);
		refused(dh, value, len - 1);
		refused(dh, value, len + 1);
		refused(dh, value, len * 2);
		ike_dh_free(dh);
	}
}

/* RFC 6989 section 2.1: 0, 1, p - 1, p and what is above p */
static void check_modp(uint16_t method, BIGNUM *p)
{
	size_t len = ike_dh_info(method)->responder_len;
	uint8_t value[IKE_DH_PUBLIC_MAX] = {0};
	struct seeded s;
	struct ike_random random = seeded_random(&s, 3);
	struct ike_dh *dh;

	assert_int_equal(ike_dh_begin(method, &random, &dh), 0);
	refused(dh, value, len);
	value[len - 1] = 1;
	refused(dh, value, len);
	assert_int_equal(BN_bn2binpad(p, value, (int)len), (int)len);
	refused(dh, value, len);
	assert_true(BN_sub_word(p, 1));
	assert_int_equal(BN_bn2binpad(p, value, (int)len), (int)len);
	refused(dh, value, len);
	memset(value, 0xff, len);
	refused(dh, value, len);
	BN_free(p);
	ike_dh_free(dh);
}

static void modp_values_outside_the_group_are_refused(void **state)
{
	(void)state;
	check_modp(IKE_KE_MODP_1024, BN_get_rfc2409_prime_1024(NULL));
	check_modp(IKE_KE_MODP_2048, BN_get_rfc3526_prime_2048(NULL));
	check_modp(IKE_KE_MODP_3072, BN_get_rfc3526_prime_3072(NULL));
	check_modp(IKE_KE_MODP_4096, BN_get_rfc3526_prime_4096(NULL));
}

/* RFC 6989 section 2.2: 2 is in the field of group 24, not in its subgroup of prime order. */
static void values_outside_the_subgroup_of_group_24_are_refused(void **state)
{
	uint8_t value[256] = {0};
	struct seeded s;
	struct ike_random random = seeded_random(&s, 3);
	struct ike_dh *dh;

	(void)state;
	assert_int_equal(ike_dh_begin(IKE_KE_MODP_2048_256, &random, &dh), 0);
	value[255] = 2;
	refused(dh, value, sizeof(value));
	ike_dh_free(dh);
}

/* RFC 6989 section 2.3 */
static void points_off_the_curve_are_refused(void **state)
{
	static const uint16_t curves[] = {IKE_KE_ECP_256, IKE_KE_ECP_384, IKE_KE_ECP_521};
	struct seeded s;
	struct ike_random random = seeded_random(&s, 9);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(curves); i++) {
		size_t len = ike_dh_info(curves[i])->responder_len;
		uint8_t value[IKE_DH_PUBLIC_MAX] = {0};
		struct ike_dh *dh, *peer;

		assert_int_equal(ike_dh_begin(curves[i], &random, &dh), 0);
		assert_int_equal(ike_dh_begin(curves[i], &random, &peer), 0);
		refused(dh, value, len); /* 0, 0: how some write infinity */
		memset(value, 0xff, len);
		refused(dh, value, len); /* coordinates beyond the field */
		memcpy(value, ike_dh_public(peer).data, len);
		value[len - 1] ^= 1;
		refused(dh, value, len);
		value[len - 1] ^= 1;
		value[0] ^= 0x80; /* x of another point, or of none */
		refused(dh, value, len);
		ike_dh_free(dh);
		ike_dh_free(peer);
	}
}

/* RFC 7748 section 6.1, RFC 8031 section 2: points of small order give zeros. */
static void points_of_small_order_of_curve25519_are_refused(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	struct seeded s;
	struct ike_random random = seeded_random(&s, 5);
	struct ike_dh *dh;

	(void)state;
	assert_int_equal(ike_dh_begin(IKE_KE_CURVE25519, &random, &dh), 0);
	for (size_t i = 0; i < ARRAY_SIZE(points); i++)
		refused(dh, unhex(points[i]).data, 32);
	ike_dh_free(dh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ecp_groups_give_the_values_of_rfc_5903),
		cmocka_unit_test(curve25519_gives_the_values_of_rfc_7748),
		cmocka_unit_test(both_sides_come_to_the_same_secret),
		cmocka_unit_test(the_same_seed_gives_the_same_key),
		cmocka_unit_test(a_dead_random_source_is_noticed),
		cmocka_unit_test(unknown_and_broken_methods_do_not_exist),
		cmocka_unit_test(public_values_of_another_length_are_refused),
		cmocka_unit_test(modp_values_outside_the_group_are_refused),
		cmocka_unit_test(values_outside_the_subgroup_of_group_24_are_refused),
		cmocka_unit_test(points_off_the_curve_are_refused),
		cmocka_unit_test(points_of_small_order_of_curve25519_are_refused),
	};

	return cmocka_run_group_tests_name("ike/dh", tests, NULL, NULL);
}
