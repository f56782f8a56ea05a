/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AlgorithmIdentifier in front of an RFC 7427 signature. Private to userspace/pki: auth.c.
 */
#ifndef CERTGATE_PKI_ALGID_H
#define CERTGATE_PKI_ALGID_H

#include "pki/signer.h"

#define PKI_ALGID_MAX 80

/* The DER for a scheme, as RFC 7427 appendix A has it: RSA with NULL parameters, PSS with hash,
 * MGF1 and salt spelled out. 0 for a scheme that method 14 does not have. */
size_t pki_algid_write(enum pki_scheme scheme, uint8_t buf[PKI_ALGID_MAX]);

/* The reverse: an octet string that is exactly one known AlgorithmIdentifier in DER. For RSA
 * the NULL may be absent. For PSS NULL or absent parameters of the hashes are both accepted, both hashes must be equal, and
 * *ret_salt is the salt's length; -1 for others. -EBADMSG: not well-formed; -EPROTONOSUPPORT:
 * another algorithm, SHA-1 among them. */
int pki_algid_parse(const uint8_t *der, size_t len, enum pki_scheme *ret_scheme, int *ret_salt);

#endif
