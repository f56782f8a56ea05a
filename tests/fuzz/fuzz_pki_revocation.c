// SPDX-License-Identifier: Apache-2.0
/*
 * Revocation lists and OCSP answers as a server or a peer may send them. The input is a list of
 * parts: 'p' a certificate of the path, leaf first, 'x' another certificate, 'r' a list, 'o' an
 * answer; two octets of length follow, then DER. What is said must be consistent and printable.
 */
#include "lib/fuzz.h"

#include <string.h>

#include "base/macro.h"
#include "pki/revocation.h"

#define AT 1800000000 /* seeds are valid from 2020 to 2049 */

struct input {
	struct pki_certs path, others;
	struct pki_crls crls;
	struct pki_ocsp *answers[PKI_OCSP_ANSWERS_MAX];
	size_t n_answers;
};

static bool is_url(const char *url, size_t size)
{
	return strncasecmp(url, "http", 4) == 0 && strlen(url) < size;
}

/* Where a delta list is. */
static void look_at_freshest(const struct pki_crl *crl)
{
	char url[128];

	for (size_t i = 0; pki_crl_freshest_url(crl, i, url, sizeof(url)); i++)
		MUST(is_url(url, sizeof(url)));
}

static void take(struct input *in, uint8_t kind, const uint8_t *der, size_t len)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL;
	_cleanup_(pki_crl_unrefp) struct pki_crl *crl = NULL;

	if ((kind == 'p' || kind == 'x') && pki_cert_new(der, len, NULL, &cert) == 0) {
		struct pki_certs *to = kind == 'p' ? &in->path : &in->others;

		if (to->n < PKI_CHAIN_MAX)
			(void)pki_certs_add(to, cert);
	} else if (kind == 'r' && pki_crl_new(der, len, NULL, &crl) == 0) {
		MUST(pki_crl_replaces(crl, crl));
		look_at_freshest(crl);
		(void)pki_crls_add(&in->crls, crl);
	} else if (kind == 'o' && in->n_answers < ARRAY_SIZE(in->answers) &&
		   pki_ocsp_new(der, len, NULL, &in->answers[in->n_answers]) == 0) {
		in->n_answers++;
	}
}

static void check(const struct pki_cert_status *status)
{
	char copy[sizeof(status->text)];

	strcpy(copy, status->text);
	pki_printable(copy);
	MUST(strcmp(copy, status->text) == 0);
	switch (status->state) {
	case PKI_STATE_UNKNOWN: MUST(status->text[0] && !status->source[0]); return;
	case PKI_STATE_GOOD: MUST(status->source[0] && status->fresh_until >= AT); return;
	case PKI_STATE_REVOKED: MUST(status->source[0] && status->text[0]); return;
	}
	MUST(false);
}

static void look_at_urls(const struct pki_cert *cert)
{
	char url[128];

	for (size_t i = 0; pki_cert_crl_url(cert, i, url, sizeof(url)) ||
			   pki_cert_ocsp_url(cert, i, url, sizeof(url));
	     i++)
		MUST(is_url(url, sizeof(url)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pki_cert_status status[PKI_CHAIN_MAX] = {};
	struct input in = {};

	while (size >= 3) {
		size_t len = MIN((size_t)data[1] << 8 | data[2], size - 3);

		take(&in, data[0], data + 3, len);
		data += 3 + len;
		size -= 3 + len;
	}
	if (in.path.n >= 2) {
		struct pki_evidence evidence = {.crls = in.crls.list,
						.n_crls = in.crls.n,
						.answers = in.answers,
						.n_answers = in.n_answers};
		int r = pki_revocation_status(&evidence, in.path.list, in.path.n, &in.others, AT,
					      status);

		for (size_t i = 0; r == 0 && i + 1 < in.path.n; i++)
			check(&status[i]);
		look_at_urls(in.path.list[0]);
	}
	pki_certs_done(&in.path);
	pki_certs_done(&in.others);
	pki_crls_done(&in.crls);
	for (size_t i = 0; i < in.n_answers; i++)
		pki_ocsp_unref(in.answers[i]);
	return 0;
}
