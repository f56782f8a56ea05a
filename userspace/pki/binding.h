/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate binding that a verdict earns: what the kernel is told about a peer's chain.
 *
 * Plain memory without pointers, so that `verify` can send it to `main` and `main` can write it
 * to netlink. The limits equal those of include/uapi/linux/certgate.h.
 */
#ifndef CERTGATE_PKI_BINDING_H
#define CERTGATE_PKI_BINDING_H

#include "pki/verify.h"

#define PKI_BINDING_LINKS_MAX	PKI_CHAIN_MAX
#define PKI_BINDING_SUBJECT_MAX 1024 /* with NUL */
#define PKI_BINDING_LABEL_MAX	64   /* with NUL */

struct pki_fingerprint {
	uint8_t cert[PKI_SHA256_SIZE]; /* SHA-256 of the certificate */
	uint8_t spki[PKI_SHA256_SIZE]; /* SHA-256 of its public key */
};

struct pki_binding {
	struct pki_fingerprint links[PKI_BINDING_LINKS_MAX]; /* leaf first, anchor last */
	uint32_t n_links;
	int64_t not_before; /* seconds since 1970, first second */
	int64_t not_after;  /* last second */
	char subject
		[PKI_BINDING_SUBJECT_MAX]; /* RFC 4514 text; longer ones are cut at a character and end in "..." */
	char label[PKI_BINDING_LABEL_MAX]; /* the connection's name */
};

/* Makes the binding. -EPERM if the verdict refuses; -ENAMETOOLONG if the label does not fit.
 * Unused bytes are zero. */
int pki_binding_from_verdict(const struct pki_verdict *verdict, const char *label,
			     struct pki_binding *ret);

/* Checks one that came from another process: counts in range, strings ended and printable, a
 * window that is not empty. -EBADMSG. */
int pki_binding_check(const struct pki_binding *binding);

#endif
