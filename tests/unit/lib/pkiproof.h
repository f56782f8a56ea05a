/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway below an intermediate below a root, and what its path is judged by: for tests of revocation lists and OCSP answers. To be included once
 * by a test program, whose state this is.
 */
#ifndef CERTGATE_TESTS_PKIPROOF_H
#define CERTGATE_TESTS_PKIPROOF_H

#include "lib/pkirev.h"
#include "lib/pkitree.h"

#include <openssl/err.h>

#include "pki/revocation.h"

static struct pkigen_cert *gw;

static inline int setup(void **state)
{
	(void)state;
	tree_make("CN=CA,O=Example");
	gw = pkigen_gateway(ca, "CN=gw.example,O=Example", NULL);
	return 0;
}

/* The evidence of one test, and a verification that uses it. */
struct proof {
	struct pki_crls crls;
	struct pki_ocsp *answers[PKI_OCSP_ANSWERS_MAX];
	size_t n_answers;
	struct pki_revocation revocation;
	struct check check;
};

static inline void proof_done(struct proof *p)
{
	pki_crls_done(&p->crls);
	for (size_t i = 0; i < p->n_answers; i++)
		pki_ocsp_unref(p->answers[i]);
	check_done(&p->check);
}

static inline void add_crl(struct proof *p, const struct pkigen_cert *issuer,
			   struct pkirev_crl spec)
{
	struct pkirev_der der = pkirev_crl(issuer, &spec);
	_cleanup_(pki_crl_unrefp) struct pki_crl *crl = NULL;
	struct pki_error err;

	if (pki_crl_new(der.data, der.len, &err, &crl) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(pki_crls_add_up_to(&p->crls, crl, SIZE_MAX), 0);
}

static inline void add_ocsp(struct proof *p, const struct pkigen_cert *cert,
			    const struct pkigen_cert *issuer, struct pkirev_ocsp spec)
{
	struct pkirev_der der = pkirev_ocsp(cert, issuer, &spec);
	struct pki_error err;

	if (pki_ocsp_new(der.data, der.len, &err, &p->answers[p->n_answers]) < 0)
		fail_msg("%s", err.text);
	p->n_answers++;
}

#define CRL(p, issuer, ...)	   add_crl(p, issuer, (struct pkirev_crl){__VA_ARGS__})
#define OCSP(p, cert, issuer, ...) add_ocsp(p, cert, issuer, (struct pkirev_ocsp){__VA_ARGS__})

/* Verifies gw below ca; what the peer sends besides follows. */
#define prove(p, mode, ...) prove_(p, mode, gw, ca, ##__VA_ARGS__, (void *)NULL)

static inline void prove_(struct proof *p, enum pki_revocation_mode mode, ...)
{
	const struct pkigen_cert *made[17] = {};
	va_list args;
	size_t n = 0;

	va_start(args, mode);
	while ((made[n] = va_arg(args, const struct pkigen_cert *)))
		n++;
	va_end(args);
	p->revocation.mode = mode;
	p->revocation.evidence.crls = p->crls.list;
	p->revocation.evidence.n_crls = p->crls.n;
	p->revocation.evidence.answers = p->answers;
	p->revocation.evidence.n_answers = p->n_answers;
	p->check.request.path_check = pki_revocation_check;
	p->check.request.path_check_userdata = &p->revocation;
	check_leaf(&p->check, trust, made[0], made[1], made[2], made[3], made[4], made[5], made[6],
		   made[7]);
	assert_int_equal(ERR_peek_error(), 0);
}

#define REQUIRED  PKI_REVOCATION_REQUIRED
#define AVAILABLE PKI_REVOCATION_WHEN_AVAILABLE

#endif
