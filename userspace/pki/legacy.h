/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ciphers of older key files: RC2, RC4 and single DES. They live in OpenSSL's legacy provider,
 * which is loaded into a library context of its own for the time of a call, never into the one
 * everything else uses. pkcs12.c and key.c decrypt with it.
 */
#ifndef CERTGATE_PKI_LEGACY_H
#define CERTGATE_PKI_LEGACY_H

#include <stdbool.h>

#include <openssl/types.h>

#include "pki/note.h"

/* Loads the legacy provider ahead of time and keeps it, for a process that will not be allowed
 * to open files when it needs it. Without it every call loads and unloads it. -ENOENT if OpenSSL
 * has none (its legacy.so is not installed): files that need it are then refused with that
 * reason. */
int pki_legacy_prepare(void);
void pki_legacy_finish(void);

/* What is loaded for one file. Starts as all zeros but may_load. */
struct pki_legacy {
	bool may_load; /* the provider, if it is needed and was not kept */
	OSSL_LIB_CTX *ctx;
	OSSL_PROVIDER *base, *legacy;
};

/* Runs what follows with the legacy provider if that encryption needs it, until
 * pki_legacy_leave(*ret_before). `name` is the file's. -EPROTONOSUPPORT, -ENOMEM. */
int pki_legacy_enter(struct pki_legacy *own, const X509_ALGOR *alg, const char *name,
		     struct pki_error *err, OSSL_LIB_CTX **ret_before);
void pki_legacy_leave(OSSL_LIB_CTX *before);
void pki_legacy_done(struct pki_legacy *own);

#endif
