/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short cuts for the tests of userspace/pki: test certificates as the code under test wants
 * them, and checks that show the text when they fail. Include it after cmocka.
 */
#ifndef CERTGATE_TESTS_PKITEST_H
#define CERTGATE_TESTS_PKITEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macro.h"
#include "lib/pkigen.h"
#include "pki/verify.h"

/* The text must hold that part. */
#define assert_text(text, part)                                          \
	do {                                                             \
		if (!strstr(text, part))                                 \
			fail_msg("\"%s\" is not in \"%s\"", part, text); \
	} while (0)

/* An exact copy, so that reading beyond its end is seen; free() it. */
static inline _unused_ uint8_t *exact(const void *data, size_t len)
{
	uint8_t *copy = malloc(len + !len);

	assert_non_null(copy);
	if (len)
		memcpy(copy, data, len);
	return copy;
}

/* Our object of a made certificate; freed with pki_cert_unref(). */
static inline _unused_ struct pki_cert *to_cert(const struct pkigen_cert *made)
{
	struct pki_error err = {};
	struct pki_cert *cert = NULL;

	if (pki_cert_new(made->der, made->der_len, &err, &cert) < 0)
		fail_msg("%s", err.text);
	return cert;
}

/* Adds made certificates, up to NULL, to a list. */
static inline _unused_ void add_certs(struct pki_certs *certs, ...)
{
	const struct pkigen_cert *made;
	va_list args;

	va_start(args, certs);
	while ((made = va_arg(args, const struct pkigen_cert *))) {
		_cleanup_(pki_cert_unrefp) struct pki_cert *cert = to_cert(made);

		assert_true(pki_certs_add(certs, cert) >= 0);
	}
	va_end(args);
}

/* A trust of a chain of made certificates, up to NULL. */
#define make_trust(...) make_trust_at(NULL, pkigen_now(), __VA_ARGS__, (void *)NULL)

static inline _unused_ struct pki_trust *make_trust_at(const struct pki_certs *anchors, int64_t at,
						       ...)
{
	_cleanup_(pki_certs_done) struct pki_certs chain = {};
	const struct pkigen_cert *made;
	struct pki_trust *trust = NULL;
	struct pki_error err = {};
	va_list args;

	va_start(args, at);
	while ((made = va_arg(args, const struct pkigen_cert *)))
		add_certs(&chain, made, (void *)NULL);
	va_end(args);
	if (pki_trust_new(&chain, anchors, at, NULL, &err, &trust) < 0)
		fail_msg("%s", err.text);
	return trust;
}

/* A verification that can be adjusted before it is run. */
struct check {
	struct pki_verify_request request;
	struct pki_der untrusted[64];
	struct pki_verdict verdict;
};

/* Verifies `leaf` with what the peer sends besides, up to NULL. */
#define check_leaf(check, trust, ...) check_leaf_(check, trust, __VA_ARGS__, (void *)NULL)

static inline _unused_ void check_leaf_(struct check *check, const struct pki_trust *trust,
					const struct pkigen_cert *leaf, ...)
{
	const struct pkigen_cert *made;
	va_list args;

	check->request.trust = trust;
	check->request.leaf = (struct pki_der){leaf->der, leaf->der_len};
	check->request.untrusted = check->untrusted;
	check->request.n_untrusted = 0;
	if (!check->request.at)
		check->request.at = pkigen_now();
	va_start(args, leaf);
	while ((made = va_arg(args, const struct pkigen_cert *)))
		check->untrusted[check->request.n_untrusted++] = (struct pki_der){made->der,
										  made->der_len};
	va_end(args);
	pki_verdict_done(&check->verdict);
	pki_verify(&check->request, &check->verdict);
	assert_true(check->verdict.signature_checks <= PKI_SIGNATURE_CHECKS_MAX);
}

static inline _unused_ void check_done(struct check *check)
{
	pki_verdict_done(&check->verdict);
}

#define assert_valid(check)                                                                    \
	do {                                                                                   \
		if (!(check)->verdict.valid)                                                   \
			fail_msg("refused (%s): %s", pki_reason_name((check)->verdict.reason), \
				 (check)->verdict.text);                                       \
		assert_int_equal((check)->verdict.reason, PKI_OK);                             \
	} while (0)

/* Refused for that reason, with a text that has that part. */
#define assert_refused(check, why, part)                                                           \
	do {                                                                                       \
		if ((check)->verdict.reason != (why))                                              \
			fail_msg("%s instead of %s: %s", pki_reason_name((check)->verdict.reason), \
				 pki_reason_name(why), (check)->verdict.text);                     \
		assert_false((check)->verdict.valid);                                              \
		assert_text((check)->verdict.text, part);                                          \
	} while (0)

#endif
