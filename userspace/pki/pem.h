/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEM armour (RFC 7468): finds the blocks of a text and says on which line they begin. Private
 * to userspace/pki.
 *
 * OpenSSL's reader says neither the line nor what else was in a file, and both are what an
 * operator needs to know.
 */
#ifndef CERTGATE_PKI_PEM_H
#define CERTGATE_PKI_PEM_H

#include "pki/note.h"

#define PKI_PEM_LABEL_MAX 64

struct pki_pem {
	/* where the search goes on; set by pki_pem_init() */
	const char *at, *end;
	unsigned line_at;
	/* the block last found */
	char label[PKI_PEM_LABEL_MAX]; /* "CERTIFICATE" */
	unsigned line;		       /* of its BEGIN, the first line of the text is 1 */
	const char *text;	       /* from "-----BEGIN" to the end of the END line */
	size_t text_len;
	const char *body; /* between the two lines */
	size_t body_len;
};

void pki_pem_init(struct pki_pem *pem, const uint8_t *data, size_t len);

/* True if there is a BEGIN line anywhere. */
bool pki_pem_probe(const uint8_t *data, size_t len);

/* The next block: 1, 0 at the end, -EBADMSG with the line if a block has no END of its own or
 * its label is not printable. */
int pki_pem_next(struct pki_pem *pem, const char *name, struct pki_error *err);

/* The bytes of the block's Base64, allocated; -EBADMSG with the line of the block. Free with
 * pki_file_free(). */
int pki_pem_decode(const struct pki_pem *pem, const char *name, struct pki_error *err,
		   uint8_t **ret, size_t *ret_len);

#endif
