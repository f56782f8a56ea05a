// SPDX-License-Identifier: Apache-2.0
/*
 * The table of key exchange methods, and their operations. A struct ike_dh holds our private value and
 * our public one as bytes; what OpenSSL needs is made for each computation, but
 * for Curve25519, whose key would otherwise be computed twice. Owns, per
 * process, the groups' parameters. Called by dh.c.
 *
 * Private values come from the caller's random source, which EVP's key
 * generation cannot use. Curve25519 takes its private key as bytes; for the
 * others the public value and the secret are computed with OpenSSL's constant-time
 * group arithmetic directly.
 */
#include "ike/dh_method.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <pthread.h>

#include "base/macro.h"
#include "ike/const.h"

/* A random source that cannot hit a group's order in so many tries is broken. */
#define TRIES_MAX 64

static const struct ike_dh_ops modp, ecp, x25519;

/* Diffie-Hellman: both sides send as much. */
#define BOTH(m, len, secret_len) \
	.method = (m), .initiator_len = (len), .responder_len = (len), .shared_len = (secret_len)
/* exponent: its bytes, at least twice the group's strength (RFC 7296 section 2.12 leaves it open) */
#define MODP(m, bits, exponent, by_choice, prime_fn)                              \
	{                                                                         \
		.info = {BOTH(m, (bits) / 8, (bits) / 8), .legacy = (by_choice)}, \
		.private_len = (exponent), .ops = &modp, .prime = (prime_fn)      \
	}
/* RFC 5903 section 7: x and y are sent, x alone is the secret. */
#define ECP(m, bytes, curve)                                                                \
	{                                                                                   \
		.info = {BOTH(m, 2 * (bytes), bytes)}, .private_len = (bytes), .ops = &ecp, \
		.nid = (curve)                                                              \
	}

static const struct ike_dh_method methods[] = {
	{.info = {BOTH(IKE_KE_CURVE25519, 32, 32)}, .private_len = 32, .ops = &x25519},
	ECP(IKE_KE_ECP_256, 32, NID_X9_62_prime256v1),
	ECP(IKE_KE_ECP_384, 48, NID_secp384r1),
	ECP(IKE_KE_ECP_521, 66, NID_secp521r1),
	MODP(IKE_KE_MODP_2048, 2048, 32, false, BN_get_rfc3526_prime_2048),
	MODP(IKE_KE_MODP_3072, 3072, 40, false, BN_get_rfc3526_prime_3072),
	MODP(IKE_KE_MODP_4096, 4096, 48, false, BN_get_rfc3526_prime_4096),
	MODP(IKE_KE_MODP_1024, 1024, 32, true, BN_get_rfc2409_prime_1024),
	/* RFC 5114 section 2.3: a subgroup of 256-bit order, see setup_subgroup() */
	MODP(IKE_KE_MODP_2048_256, 2048, 32, true, NULL),
};

const struct ike_dh_method *ike_dh_method_find(uint16_t method)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (methods[i].info.method == method)
			return &methods[i];
	return NULL;
}

/* What is computed once for a method; NULL pointers where that failed. */
struct parameters {
	EC_GROUP *curve;
	BIGNUM *p, *g;
	BIGNUM *q; /* order of the subgroup; NULL: p is a safe prime */
	BN_MONT_CTX *mont;
};

static struct parameters parameters[ARRAY_SIZE(methods)];
static pthread_once_t parameters_once = PTHREAD_ONCE_INIT;

static void setup_subgroup(struct parameters *ret)
{
	char name[] = "dh_2048_256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	EVP_PKEY *group = NULL;

	if (ctx && EVP_PKEY_paramgen_init(ctx) > 0 && EVP_PKEY_CTX_set_params(ctx, params) > 0 &&
	    EVP_PKEY_paramgen(ctx, &group) > 0) {
		(void)EVP_PKEY_get_bn_param(group, OSSL_PKEY_PARAM_FFC_P, &ret->p);
		(void)EVP_PKEY_get_bn_param(group, OSSL_PKEY_PARAM_FFC_G, &ret->g);
		(void)EVP_PKEY_get_bn_param(group, OSSL_PKEY_PARAM_FFC_Q, &ret->q);
	}
	EVP_PKEY_free(group);
	EVP_PKEY_CTX_free(ctx);
}

static void setup_modp(const struct ike_dh_method *m, struct parameters *ret, BN_CTX *bn)
{
	if (m->prime) {
		ret->p = m->prime(NULL);
		ret->g = BN_new();
		if (!ret->p || !ret->g || !BN_set_word(ret->g, 2))
			return;
	} else {
		setup_subgroup(ret);
		if (!ret->p || !ret->g || !ret->q)
			return;
	}
	ret->mont = BN_MONT_CTX_new();
	if (ret->mont && !BN_MONT_CTX_set(ret->mont, ret->p, bn)) {
		BN_MONT_CTX_free(ret->mont);
		ret->mont = NULL;
	}
}

static void setup_parameters(void)
{
	BN_CTX *bn = BN_CTX_new();

	if (!bn)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (methods[i].ops == &modp)
			setup_modp(&methods[i], &parameters[i], bn);
		else if (methods[i].ops == &ecp)
			parameters[i].curve = EC_GROUP_new_by_curve_name(methods[i].nid);
	}
	BN_CTX_free(bn);
}

/* Of a method of the table. */
static const struct parameters *parameters_of(const struct ike_dh *dh)
{
	(void)pthread_once(&parameters_once, setup_parameters);
	return &parameters[dh->m - methods];
}

/* --- private values --- */

/* A number from 1 to order - 1, by drawing until one fits. */
static int draw_below(const BIGNUM *order, const struct ike_random *random, struct ike_dh *dh)
{
	int bits = BN_num_bits(order), err = -EIO;
	uint8_t *private = ike_dh_secret_bytes(dh);
	BIGNUM *k;

	if (BN_num_bytes(order) != dh->secret_len)
		return -EIO;
	k = BN_secure_new();
	if (!k)
		return -ENOMEM;
	for (int i = 0; i < TRIES_MAX && err; i++) {
		ike_random_fill(random, private, dh->secret_len);
		if (bits % 8)
		private[0] &= (uint8_t)((1 << bits % 8) - 1);
		if (!BN_bin2bn(private, dh->secret_len, k))
			break;
		if (!BN_is_zero(k) && BN_cmp(k, order) < 0)
			err = 0;
	}
	BN_clear_free(k);
	return err;
}

static int draw_exponent(const struct ike_random *random, struct ike_dh *dh)
{
	uint8_t *private = ike_dh_secret_bytes(dh);

	for (int i = 0; i < TRIES_MAX; i++) {
		ike_random_fill(random, private, dh->secret_len);
		for (size_t j = 0; j + 1 < dh->secret_len; j++)
			if (private[j] != 0) /* more than one byte: neither 0 nor 1 */
				return 0;
	}
	return -EIO;
}

static BIGNUM *private_number(const struct ike_dh *dh)
{
	BIGNUM *k = BN_secure_new();

	if (k && !BN_bin2bn(dh->bytes, dh->secret_len, k)) {
		BN_clear_free(k);
		return NULL;
	}
	if (k)
		BN_set_flags(k, BN_FLG_CONSTTIME);
	return k;
}

/* --- MODP: RFC 3526, RFC 5114 --- */

/* base to the power of our private value, as bytes of the modulus' length (RFC 7296 section 2.14) */
static int modp_power(const struct ike_dh *dh, const BIGNUM *base, uint8_t *ret)
{
	const struct parameters *p = parameters_of(dh);
	BIGNUM *x = private_number(dh), *y = BN_secure_new();
	BN_CTX *bn = BN_CTX_secure_new();
	int err = -EIO;

	if (x && y && bn && p->mont && BN_mod_exp_mont_consttime(y, base, x, p->p, bn, p->mont) &&
	    BN_bn2binpad(y, ret, dh->m->info.shared_len) == dh->m->info.shared_len)
		err = 0;
	BN_CTX_free(bn);
	BN_clear_free(y);
	BN_clear_free(x);
	return err;
}

/* RFC 6989 section 2.1: 1 < y < p - 1; section 2.2: and of the subgroup's order, where there is one. */
static int modp_check(const struct parameters *p, const BIGNUM *y, BN_CTX *bn)
{
	BIGNUM *r = BN_new();
	int err = -EIO;

	if (!r || !BN_sub(r, p->p, BN_value_one()))
		goto out;
	err = -EBADMSG;
	if (BN_cmp(y, BN_value_one()) <= 0 || BN_cmp(y, r) >= 0)
		goto out;
	if (p->q) {
		if (!BN_mod_exp_mont(r, y, p->q, p->p, bn, p->mont)) {
			err = -EIO;
			goto out;
		}
		if (!BN_is_one(r))
			goto out;
	}
	err = 0;
out:
	BN_free(r);
	return err;
}

static int modp_make(struct ike_dh *dh, const struct ike_random *random)
{
	const struct parameters *p = parameters_of(dh);
	int err;

	if (!p->mont)
		return -EIO;
	err = p->q ? draw_below(p->q, random, dh) : draw_exponent(random, dh);
	return err ? err : modp_power(dh, p->g, ike_dh_public_bytes(dh));
}

static int modp_shared(const struct ike_dh *dh, struct ike_view peer, uint8_t *ret)
{
	BIGNUM *y = BN_bin2bn(peer.data, (int)peer.len, NULL);
	BN_CTX *bn = BN_CTX_new();
	int err = -EIO;

	if (y && bn)
		err = modp_check(parameters_of(dh), y, bn);
	if (!err)
		err = modp_power(dh, y, ret);
	BN_CTX_free(bn);
	BN_free(y);
	return err;
}

static const struct ike_dh_ops modp = {.make = modp_make, .shared = modp_shared};

/* --- ECP: RFC 5903 --- */

/* The point, times our private value: x, and y unless NULL. point NULL: the generator. */
static int ecp_multiply(const struct ike_dh *dh, const EC_POINT *point, uint8_t *ret_x,
			uint8_t *ret_y)
{
	const EC_GROUP *curve = parameters_of(dh)->curve;
	BIGNUM *k = private_number(dh), *x = BN_secure_new(), *y = BN_secure_new();
	EC_POINT *product = EC_POINT_new(curve);
	BN_CTX *bn = BN_CTX_secure_new();
	int len = dh->m->info.shared_len, err = -EIO;

	if (!k || !x || !y || !product || !bn)
		goto out;
	if (!EC_POINT_mul(curve, product, point ? NULL : k, point, point ? k : NULL, bn))
		goto out;
	/* Cannot be with a prime order and a point on the curve; refused all the same. */
	if (EC_POINT_is_at_infinity(curve, product)) {
		err = -EBADMSG;
		goto out;
	}
	if (!EC_POINT_get_affine_coordinates(curve, product, x, y, bn))
		goto out;
	if (BN_bn2binpad(x, ret_x, len) != len || (ret_y && BN_bn2binpad(y, ret_y, len) != len))
		goto out;
	err = 0;
out:
	BN_CTX_free(bn);
	EC_POINT_clear_free(product);
	BN_clear_free(y);
	BN_clear_free(x);
	BN_clear_free(k);
	return err;
}

static int ecp_make(struct ike_dh *dh, const struct ike_random *random)
{
	const EC_GROUP *curve = parameters_of(dh)->curve;
	uint8_t *x = ike_dh_public_bytes(dh);
	int err;

	if (!curve)
		return -EIO;
	err = draw_below(EC_GROUP_get0_order(curve), random, dh);
	return err ? err : ecp_multiply(dh, NULL, x, x + dh->m->info.shared_len);
}

static int ecp_shared(const struct ike_dh *dh, struct ike_view peer, uint8_t *ret)
{
	const EC_GROUP *curve = parameters_of(dh)->curve;
	size_t len = dh->m->info.shared_len;
	EC_POINT *point = EC_POINT_new(curve);
	BIGNUM *x = BN_bin2bn(peer.data, (int)len, NULL);
	BIGNUM *y = BN_bin2bn(peer.data + len, (int)len, NULL);
	BN_CTX *bn = BN_CTX_new();
	int err = -EIO;

	if (point && x && y && bn) {
		/* RFC 6989 section 2.3: coordinates within the field and on the curve: this refuses others. */
		err = EC_POINT_set_affine_coordinates(curve, point, x, y, bn) ? 0 : -EBADMSG;
		if (!err)
			err = ecp_multiply(dh, point, ret, NULL);
	}
	BN_CTX_free(bn);
	BN_free(y);
	BN_free(x);
	EC_POINT_free(point);
	return err;
}

static const struct ike_dh_ops ecp = {.make = ecp_make, .shared = ecp_shared};

/* --- Curve25519: RFC 7748, RFC 8031 --- */

/* A key of these bytes, as EVP_PKEY_new_raw_private_key() and its like make it, which look for the algorithm each time. NULL: failed. */
static EVP_PKEY *x25519_key(const char *name, int selection, const uint8_t *bytes, size_t len)
{
	static _Thread_local EVP_PKEY_CTX *maker;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)bytes, len),
		OSSL_PARAM_construct_end()};
	EVP_PKEY *key = NULL;

	if (!maker) {
		maker = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
		if (!maker || EVP_PKEY_fromdata_init(maker) <= 0) {
			EVP_PKEY_CTX_free(maker);
			maker = NULL;
			return NULL;
		}
	}
	return EVP_PKEY_fromdata(maker, &key, selection, (OSSL_PARAM *)(uintptr_t)params) > 0
		       ? key
		       : NULL;
}

static int x25519_make(struct ike_dh *dh, const struct ike_random *random)
{
	uint8_t *private = ike_dh_secret_bytes(dh);
	size_t len = dh->public_len;

	ike_random_fill(random, private, dh->secret_len);
	dh->key = x25519_key(OSSL_PKEY_PARAM_PRIV_KEY, EVP_PKEY_KEYPAIR, private, dh->secret_len);
	if (!dh->key || !EVP_PKEY_get_raw_public_key(dh->key, ike_dh_public_bytes(dh), &len))
		return -EIO;
	return 0;
}

static int x25519_shared(const struct ike_dh *dh, struct ike_view peer, uint8_t *ret)
{
	EVP_PKEY *other = x25519_key(OSSL_PKEY_PARAM_PUB_KEY, EVP_PKEY_PUBLIC_KEY, peer.data,
				     peer.len);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, dh->key, NULL);
	static const uint8_t zeros[32];
	size_t len = sizeof(zeros);
	int err = -EIO;

	/* Any 32 bytes are a public value (RFC 7748 section 5): there is nothing to validate before. */
	if (ctx && other && EVP_PKEY_derive_init(ctx) > 0 &&
	    EVP_PKEY_derive_set_peer_ex(ctx, other, /* validate_peer= */ 0) > 0) {
		/* RFC 8031 section 2: an all-zero result is refused. OpenSSL does, and so do we. */
		if (EVP_PKEY_derive(ctx, ret, &len) > 0 && len == sizeof(zeros) &&
		    CRYPTO_memcmp(ret, zeros, sizeof(zeros)) != 0)
			err = 0;
		else
			err = -EBADMSG;
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(other);
	return err;
}

static const struct ike_dh_ops x25519 = {.make = x25519_make, .shared = x25519_shared};
