/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in hardware as the process `key` sees them: of each process `hsm` whether its key is open, its public half, and the signatures that are under
 * way. `key` assembles and hashes the octets, hsm gets the digest, and what comes is verified before anyone gets it.
 */
#ifndef CERTGATE_DAEMON_KEY_HSM_H
#define CERTGATE_DAEMON_KEY_HSM_H

#include "daemon/channel.h"
#include "daemon/proto_hsm.h"
#include "pki/cert.h"

struct key_hsm_ops {
	/* Its state changed: main is to hear of it, and who waits for it goes on. */
	void (*state)(void *ctx, const struct proto_hsm_state *s);
	unsigned int sign_seconds; /* after which a signature is given up */
};

struct key_hsm;

struct key_hsm *key_hsm_new(struct event_base *base, const struct key_hsm_ops *ops, void *ctx);
/* Returns NULL. Signers must be gone; outstanding signatures end with -ECANCELED. */
struct key_hsm *key_hsm_free(struct key_hsm *kh);

/* The socket to the process of that index (below CG_HARDWARE_MAX); NULL: there is none now. What was asked over the last one has failed. */
void key_hsm_attach(struct key_hsm *kh, unsigned int index, struct channel *c);
/* HSM_OPENED, HSM_REFUSED, HSM_SIGNED; as of struct channel_ops. */
int key_hsm_on_message(struct key_hsm *kh, unsigned int index, enum msg_type type,
		       struct msg_reader *r);

const struct proto_hsm_state *key_hsm_state(const struct key_hsm *kh, unsigned int index);
/* A signer by the key of that index, and the SHA-256 of its public half. -ENOKEY: it is not open. */
int key_hsm_signer(struct key_hsm *kh, unsigned int index, struct pki_signer **ret,
		   uint8_t ret_spki_sha256[PKI_SHA256_SIZE]);

#endif
