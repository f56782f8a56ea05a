/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS#12 (RFC 7292), the .pfx and .p12 files that Windows, OpenSSL and key vaults write:
 * certificates and a key in one.. Older files are encrypted with RC2-40 or 3DES (pki/legacy.h).
 */
#ifndef CERTGATE_PKI_PKCS12_H
#define CERTGATE_PKI_PKCS12_H

#include "pki/key.h"

/* True if the bytes look like a PKCS#12 file (SEQUENCE { version 3, ...). */
bool pki_pkcs12_probe(const uint8_t *data, size_t len);

/* Appends the certificates to *certs and gives the key (NULL if there is none). The order is
 * that of the file. Tries the passphrase if there is one, otherwise both an absent and an empty
 * one: writers differ. Several keys are an error. Errors as of pki_key_load(); *certs and
 * *ret_key are untouched on failure. ret_key may be NULL: keys are left encrypted then. */
int pki_pkcs12_load(const uint8_t *data, size_t len, const char *name,
		    const struct pki_password *password, struct pki_findings *findings,
		    struct pki_error *err, struct pki_certs *certs, struct pki_key **ret_key);

/* The certificates of a file without a passphrase, keys left alone. Never loads a library, so
 * that processes without files may call it: old encryption is -EPROTONOSUPPORT here, unless
 * pki_legacy_prepare() was called. */
int pki_pkcs12_load_certs(const uint8_t *data, size_t len, const char *name,
			  struct pki_findings *findings, struct pki_error *err,
			  struct pki_certs *certs);

#endif
