/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much work a password-based encryption asks for. Private to userspace/pki: key.c and
 * pkcs12.c look before they decrypt.
 */
#ifndef CERTGATE_PKI_PBE_H
#define CERTGATE_PKI_PBE_H

#include <stdint.h>

#include <openssl/types.h>

/* Iterations of one file in all: it cannot make us work for minutes. Writers use 1 to 600,000. */
#ifdef CERTGATE_FUZZ
#define PKI_PBE_WORK_MAX 5000 /* a fuzzer has other things to find out */
#else
#define PKI_PBE_WORK_MAX 10000000
#endif

/* Iterations of the key derivation (PKCS#12, PBKDF2), or cost times block size times
 * parallelisation of scrypt, which take about as long; INT64_MAX if that is absurd or cannot be
 * told, 0 if there is none. */
int64_t pki_pbe_work(const X509_ALGOR *alg);

#endif
