// SPDX-License-Identifier: Apache-2.0
/*
 * Verification of what a peer sends. The input is a list of certificates, each with its part in
 * it: 'a' anchors and helpers, 't' explicit anchors, 'u' what the peer sends, 'l' its leaf; two
 * octets of length follow, then DER. A verdict must be consistent, bounded and printable.
 */
#include "lib/fuzz.h"

#include <string.h>

#include "base/macro.h"
#include "pki/binding.h"

#define AT 1800000000 /* seeds are valid from 2020 to 2049 */

static void check_verdict(const struct pki_verify_request *request, const struct pki_verdict *v)
{
	char copy[sizeof(v->text)];
	struct pki_binding binding;
	bool anchored = false;

	MUST(v->valid == (v->reason == PKI_OK));
	MUST(v->signature_checks <= PKI_SIGNATURE_CHECKS_MAX);
	MUST(v->n_path <= PKI_CHAIN_MAX);
	strcpy(copy, v->text);
	pki_printable(copy);
	MUST(strcmp(copy, v->text) == 0);
	if (!v->valid) {
		MUST(v->text[0] && pki_binding_from_verdict(v, "fuzz", &binding) == -EPERM);
		return;
	}
	MUST(v->n_path >= 2 && v->leaf && v->path[0] == v->leaf && !v->leaf->ca);
	MUST(v->leaf->der_len == request->leaf.len &&
	     memcmp(v->leaf->der, request->leaf.data, request->leaf.len) == 0);
	for (size_t i = 0; i < request->trust->anchors.n; i++)
		anchored = anchored ||
			   pki_cert_equal(request->trust->anchors.list[i], v->path[v->n_path - 1]);
	MUST(anchored);
	MUST(v->not_before <= AT && v->not_after >= AT);
	MUST(pki_binding_from_verdict(v, "fuzz", &binding) == 0);
	MUST(pki_binding_check(&binding) == 0 && binding.n_links == v->n_path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(pki_certs_done) struct pki_certs chain = {}, anchors = {};
	_cleanup_(pki_trust_freep) struct pki_trust *trust = NULL;
	struct pki_verify_request request = {.at = AT};
	struct pki_der untrusted[PKI_PEER_CERTS_MAX + 2];
	struct pki_verdict verdict;

	while (size >= 3) {
		uint8_t kind = data[0];
		size_t len = MIN((size_t)data[1] << 8 | data[2], size - 3);
		struct pki_der der = {data + 3, len};
		_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL;

		data += 3 + len;
		size -= 3 + len;
		if (kind == 'l')
			request.leaf = der;
		else if (kind == 'u' && request.n_untrusted < ARRAY_SIZE(untrusted))
			untrusted[request.n_untrusted++] = der;
		else if ((kind == 'a' || kind == 't') &&
			 pki_cert_new(der.data, der.len, NULL, &cert) == 0)
			(void)pki_certs_add(kind == 'a' ? &chain : &anchors, cert);
	}
	if (!request.leaf.data || pki_trust_new(&chain, &anchors, AT, NULL, NULL, &trust) < 0)
		return 0;
	request.trust = trust;
	request.untrusted = untrusted;
	pki_verify(&request, &verdict);
	check_verdict(&request, &verdict);
	pki_verdict_done(&verdict);
	return 0;
}
