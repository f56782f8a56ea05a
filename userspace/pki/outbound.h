/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own certificate of a connection: the leaf, the intermediates that are sent with it, and
 * the private key.
 *
 * The `key` process loads it (a PKCS#12 file holds both halves) and gives the public half to
 * `main` and `ike`; `certgate check` and `certgate cert lint` load it too. It is never trusted
 * for peers.
 */
#ifndef CERTGATE_PKI_OUTBOUND_H
#define CERTGATE_PKI_OUTBOUND_H

#include "pki/key.h"
#include "pki/pkcs12.h"

/* Where one part comes from: bytes and the name to use in messages. data == NULL: absent. */
struct pki_source {
	const char *name;
	const uint8_t *data;
	size_t len;
};

struct pki_outbound {
	struct pki_cert *leaf;
	/* What is sent after the leaf: its issuer first, in order, no root. */
	struct pki_certs intermediates;
	struct pki_key *key; /* NULL if it lives elsewhere or was not found */
};

/* Of the leaf and the intermediates, the one that ends first: until then peers accept what is sent. */
const struct pki_cert *pki_outbound_ends_first(const struct pki_outbound *o);

/* Loads leaf, key and chain in any combination: `certificate` alone may be a PKCS#12 file or a
 * PEM file with everything. The leaf is the certificate the key belongs to (without a key: the
 * only one that issued no other). The chain is put in order from what was found, from any order;
 * self-signed certificates are left out; strays are noted. Does not lint. `want_key` false: keys
 * are not looked for (public half only). Errors as of pki_certs_load() and pki_key_load(). */
int pki_outbound_load(const struct pki_source *certificate, const struct pki_source *key,
		      const struct pki_source *chain, const struct pki_password *password,
		      bool want_key, struct pki_findings *findings, struct pki_error *err,
		      struct pki_outbound *ret);

void pki_outbound_done(struct pki_outbound *outbound);

/* Of a clock that cannot be right (clock_plausible()): what is valid now is not known. */
#define PKI_TIME_UNKNOWN INT64_MIN

/* Applies every rule PKI_RULE_OUTBOUND_... at time `at` (seconds since 1970; PKI_TIME_UNKNOWN: a
 * warning in place of the rules about time) and adds a finding for each that is broken; those of severity PKI_ERROR mean that the connection must not load.
 * `key_elsewhere`: a missing private key is all right. -EKEYREJECTED if there is at least one
 * error, else 0. */
int pki_outbound_lint(const struct pki_outbound *outbound, int64_t at, bool key_elsewhere,
		      struct pki_findings *findings);

/* Checks `local_identity` (as of pki_id_encode()): an error if it is not well-formed, a warning
 * if the certificate does not hold it. */
void pki_outbound_lint_identity(const struct pki_outbound *outbound, const char *local_identity,
				struct pki_findings *findings);

#endif
