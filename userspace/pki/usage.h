/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keyUsage and extendedKeyUsage of a certificate allow. Private to userspace/pki:
 * outbound.c and verify.c.
 */
#ifndef CERTGATE_PKI_USAGE_H
#define CERTGATE_PKI_USAGE_H

#include "pki/cert.h"

struct pki_usage {
	bool has_ku;
	bool ku_sign; /* digitalSignature or nonRepudiation (RFC 4945 section 5.1.3.2) */
	bool has_eku;
	bool eku_any;
	bool eku_server;
	bool eku_client;
	bool eku_ocsp;	    /* OCSPSigning, RFC 6960 section 4.2.2.2 */
	bool eku_ike;	    /* id-kp-ipsecIKE, RFC 4945 section 5.1.3.12 */
	char eku_text[256]; /* the list, for messages */
};

void pki_usage_get(const struct pki_cert *cert, struct pki_usage *ret);

/* True if extendedKeyUsage leaves room for a gateway: absent, or one of the four above. */
bool pki_usage_eku_ok(const struct pki_usage *usage);

#endif
