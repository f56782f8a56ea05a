/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library context of OpenSSL that certificates are read in. It has OpenSSL's own algorithms and, of key managers and decoders, those alone that a
 * certificate needs: reading a certificate includes finding a decoder for its public key, and OpenSSL asks every one that there is,
 * each time, which costs several times what it takes to read the rest. cert.c reads with it; scheme.c and crl.c verify with keys that were.
 */
#ifndef CERTGATE_PKI_LIBRARY_H
#define CERTGATE_PKI_LIBRARY_H

#include <openssl/types.h>

/* The same each time; lasts as long as the process. NULL, which is OpenSSL's default context and does the same more slowly, where that one
 * does not take its algorithms from OpenSSL's default provider, or wants them with properties (FIPS). */
OSSL_LIB_CTX *pki_library(void);

#endif
