/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SUPPORTED_AUTH_METHODS (RFC 9593): what we announce that we can verify, and what a peer does. Owns nothing. Called by main, which
 * hands ours to the engine, and by the `key` process, which chooses by the peer's.
 */
#ifndef CERTGATE_PKI_ANNOUNCE_H
#define CERTGATE_PKI_ANNOUNCE_H

#include "pki/auth.h"

enum {
	PKI_ANNOUNCED_MAX = 32,	     /* announcements of a peer that are kept */
	PKI_ANNOUNCEMENT_MAX = 1024, /* bytes of ours */
};

/* What a peer can verify and we could sign, in its order of preference. */
struct pki_announced {
	size_t n; /* 0: it announced nothing, or nothing that we know */
	struct {
		enum pki_auth_method method;
		bool any;		/* method 14 without an algorithm */
		enum pki_scheme scheme; /* of method 14 */
	} items[PKI_ANNOUNCED_MAX];
};

/*
 * Our announcement, ready for the notification: signatures of RFC 7427 with their algorithms, then those from before, all for
 * whatever certification authority. Returns its bytes.
 */
size_t pki_announce(uint8_t buf[PKI_ANNOUNCEMENT_MAX]);

/*
 * Reads the data of a peer's notification: announcements of two octets (a method alone), of three (with the certification authority that
 * it is for) and of more (with an AlgorithmIdentifier). Methods and algorithms that we do not know are skipped, and so is which
 * authority: we have one certificate. -EBADMSG: it is not made of announcements; *ret is empty then.
 */
int pki_announced_parse(const uint8_t *data, size_t len, struct pki_announced *ret);

/*
 * The first announcement that our key can make a signature for: 0, or -ENOENT. hashes: as for pki_auth_choose(); a signature of method
 * 14 has to be with one of them.
 */
int pki_announced_choose(const struct pki_announced *a, enum pki_key_type type, unsigned bits,
			 uint32_t hashes, const struct pki_auth_options *options,
			 enum pki_auth_method *ret_method, enum pki_scheme *ret_scheme);

#endif
