/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How strong a signature algorithm is. Private to userspace/pki: cert.c, ocsp.c and revocation.c.
 */
#ifndef CERTGATE_PKI_SIGALG_H
#define CERTGATE_PKI_SIGALG_H

#include <stdbool.h>

#include <openssl/types.h>

/* True if it hashes with SHA-224 or better, or is an EdDSA; false for MD5, SHA-1 and what is
 * unknown. *ret_name, if not NULL, gets a static string such as "sha1WithRSAEncryption". */
bool pki_sigalg_strong(const X509_ALGOR *alg, const char **ret_name);

#endif
