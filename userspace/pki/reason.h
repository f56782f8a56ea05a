/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's verification errors in our terms. Private to userspace/pki: verify.c.
 */
#ifndef CERTGATE_PKI_REASON_H
#define CERTGATE_PKI_REASON_H

#include "pki/verify.h"

/* The reason for an X509_V_ERR_... */
enum pki_reason pki_reason_from_openssl(int error);

/* What to do about it, "" if there is nothing to add. Static. */
const char *pki_reason_hint(int error);

#endif
