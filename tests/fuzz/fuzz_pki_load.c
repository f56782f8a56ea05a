// SPDX-License-Identifier: Apache-2.0
/*
 * Everything that is read from files or from the configuration's text. The first octet chooses:
 * certificates of any format, a key, an outbound certificate, a subject rule, an identity, an ID
 * payload. What was accepted must hold together, and texts must be printable.
 */
#include "lib/fuzz.h"

#include <string.h>

#include <openssl/x509.h>

#include "base/macro.h"
#include "pki/name.h"
#include "pki/outbound.h"
#include "pki/trust.h"

static void printable(const char *text)
{
	char copy[4096];

	if (strlen(text) >= sizeof(copy))
		return;
	strcpy(copy, text);
	pki_printable(copy);
	MUST(strcmp(copy, text) == 0);
}

static void check_certs(const struct pki_certs *certs)
{
	_cleanup_(pki_trust_freep) struct pki_trust *trust = NULL;
	char text[300];

	MUST(certs->n > 0 && certs->n <= PKI_TRUST_CERTS_MAX);
	for (size_t i = 0; i < certs->n; i++) {
		const struct pki_cert *cert = certs->list[i];
		_cleanup_(pki_cert_unrefp) struct pki_cert *again = NULL;

		printable(cert->subject);
		printable(pki_cert_issuer(cert));
		for (size_t j = 0; j < 4 && pki_cert_identity(cert, j, text, sizeof(text)); j++)
			printable(text);
		MUST(pki_cert_new(cert->der, cert->der_len, NULL, &again) == 0);
		MUST(memcmp(again->sha256, cert->sha256, PKI_SHA256_SIZE) == 0);
	}
	if (pki_trust_new(certs, NULL, 1800000000, NULL, NULL, &trust) == 0)
		MUST(trust->anchors.n > 0 && pki_trust_certreq(trust, NULL, 0) <= trust->anchors.n);
}

static void fuzz_certs(const uint8_t *data, size_t size)
{
	_cleanup_(pki_certs_done) struct pki_certs certs = {};
	_cleanup_(pki_findings_done) struct pki_findings findings = {};
	struct pki_error err = {};

	if (pki_certs_load(data, size, "input", &findings, &err, &certs) < 0) {
		MUST(certs.n == 0 && err.text[0]);
		printable(err.text);
		return;
	}
	check_certs(&certs);
}

static void fuzz_key(const uint8_t *data, size_t size)
{
	const struct pki_password password = {pki_password_string, (void *)(uintptr_t) "x"};
	_cleanup_(pki_key_unrefp) struct pki_key *key = NULL;
	struct pki_error err = {};

	if (pki_key_load(data, size, "input", &password, &err, &key) < 0) {
		MUST(!key && err.text[0]);
		printable(err.text);
		return;
	}
	MUST(key && key->pkey);
}

static void fuzz_outbound(const uint8_t *data, size_t size)
{
	const struct pki_password password = {pki_password_string, (void *)(uintptr_t) "x"};
	_cleanup_(pki_outbound_done) struct pki_outbound outbound = {};
	_cleanup_(pki_findings_done) struct pki_findings findings = {};
	const struct pki_source source = {"input", data, size};
	struct pki_error err = {};
	int r;

	r = pki_outbound_load(&source, NULL, NULL, &password, true, &findings, &err, &outbound);
	if (r < 0) {
		MUST(!outbound.leaf && err.text[0]);
		return;
	}
	MUST(outbound.leaf && outbound.intermediates.n < PKI_CHAIN_MAX);
	r = pki_outbound_lint(&outbound, 1800000000, false, &findings);
	MUST((r < 0) == pki_findings_any(&findings, PKI_ERROR) || findings.lost > 0);
}

static void fuzz_text(char kind, const uint8_t *data, size_t size)
{
	_cleanup_(pki_subject_rule_freep) struct pki_subject_rule *rule = NULL;
	_cleanup_(pki_identity_rule_freep) struct pki_identity_rule *identity = NULL;
	uint8_t body[4 + PKI_ID_SIZE_MAX];
	struct pki_error err = {};
	char text[3000], id_text[300];
	struct pki_id id;
	size_t len;

	if (size >= sizeof(text))
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	if (kind == 's') {
		if (pki_subject_rule_new(text, &err, &rule) < 0)
			printable(err.text);
		else
			MUST(strcmp(pki_subject_rule_text(rule), text) == 0);
		return;
	}
	if (pki_identity_rule_new(text, &err, &identity) < 0) {
		printable(err.text);
		return;
	}
	if (pki_identity_rule_encode(identity, body, sizeof(body), &len) < 0)
		return;
	MUST(pki_id_decode(body, len, &id) == 0);
	MUST(pki_identity_rule_match(identity, &id, NULL, NULL) == 0);
	printable(pki_id_text(&id, id_text, sizeof(id_text)));
}

static void fuzz_id(const uint8_t *data, size_t size)
{
	char text[200], tiny[20];
	struct pki_id id;

	if (pki_id_decode(data, size, &id) < 0)
		return;
	printable(pki_id_text(&id, text, sizeof(text)));
	MUST(strlen(text) < sizeof(text));
	printable(pki_id_text(&id, tiny, sizeof(tiny)));
	MUST(strlen(tiny) < sizeof(tiny));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	switch (data[0]) {
	case 'c': fuzz_certs(data + 1, size - 1); break;
	case 'k': fuzz_key(data + 1, size - 1); break;
	case 'o': fuzz_outbound(data + 1, size - 1); break;
	case 's':
	case 'i': fuzz_text((char)data[0], data + 1, size - 1); break;
	case 'p': fuzz_id(data + 1, size - 1); break;
	}
	return 0;
}
