/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of the messages around authentication: nonces, signatures, verdicts, certificate bindings. The put and get functions of
 * a message read as mirrors of each other. Blobs of what was read point into the message and end with its handler.
 */
#ifndef CERTGATE_DAEMON_PROTO_AUTH_H
#define CERTGATE_DAEMON_PROTO_AUTH_H

#include "daemon/msg.h"
#include "ike/engine.h"
#include "pki/binding.h"

enum {
	PROTO_NONCES_MAX = 256,	      /* in one message */
	PROTO_CANDIDATES_MAX = 16384, /* connections a peer may be */
	PROTO_ID_MAX = 4096,	      /* bytes of an ID payload's body */
	PROTO_AUTH_MAX = 4096,	      /* bytes of an AUTH payload's data */
	PROTO_SK_MAX = 64,	      /* bytes of SK_p, of either side's IntAuth */
	PROTO_NONCE_MAX = 256,
	PROTO_HASHES_MAX = 256,	  /* bytes of SIGNATURE_HASH_ALGORITHMS */
	PROTO_METHODS_MAX = 4096, /* bytes of SUPPORTED_AUTH_METHODS */
	PROTO_INIT_MAX = 65535,	  /* bytes of an IKE_SA_INIT */
	PROTO_IDENTITY_TEXT = 512,
};

/* What the engine lets pass, its neighbours read: a message that they refuse ends `ike`. */
_Static_assert((int)IKE_MAX_CANDIDATES <= PROTO_CANDIDATES_MAX, "candidates");
_Static_assert((int)IKE_MAX_PEER_CERTS == PKI_PEER_CERTS_MAX, "what is looked at of a peer's");
_Static_assert((int)IKE_MAX_ID_SIZE <= PROTO_ID_MAX, "identities");
_Static_assert((int)IKE_MAX_AUTH_SIZE <= PROTO_AUTH_MAX, "signatures");

/* A nonce's token names the worker that issued it in its highest byte. */
static inline unsigned int nonce_token_worker(uint64_t token)
{
	return (unsigned int)(token >> 56);
}

/* ike to verify: how many are wanted. */
void proto_put_nonces_get(struct msg_writer *w, uint32_t count);
uint32_t proto_get_nonces_get(struct msg_reader *r);

void proto_put_nonces(struct msg_writer *w, const struct ike_nonce *nonces, size_t n);
size_t proto_get_nonces(struct msg_reader *r, struct ike_nonce nonces[PROTO_NONCES_MAX]);

void proto_put_sign(struct msg_writer *w, const struct ike_out_sign *s);
void proto_get_sign(struct msg_reader *r, struct ike_out_sign *ret);

void proto_put_signed(struct msg_writer *w, uint64_t request, const struct ike_sign_answer *a);
void proto_get_signed(struct msg_reader *r, uint64_t *ret_request, struct ike_sign_answer *ret);

struct proto_verify {
	struct ike_out_verify v; /* v.candidates points to the array below */
	uint32_t candidates[PROTO_CANDIDATES_MAX];
};
void proto_put_verify(struct msg_writer *w, const struct ike_out_verify *v);
void proto_get_verify(struct msg_reader *r, struct proto_verify *ret);

void proto_put_verdict(struct msg_writer *w, uint64_t request, const struct ike_verify_answer *a);
void proto_get_verdict(struct msg_reader *r, uint64_t *ret_request, struct ike_verify_answer *ret);

/* verify to main: what a peer authenticated with. */
struct proto_binding {
	uint64_t handle; /* random, not 0 */
	uint32_t connection;
	uint8_t trust[32]; /* what the peer was judged by, as staged_trust.digest */
	struct pki_binding binding;
	char identity[PROTO_IDENTITY_TEXT]; /* of its ID payload, for people */
	struct {
		char subject[PKI_TEXT_MAX];
		int64_t not_after;
	} chain[PKI_BINDING_LINKS_MAX]; /* as binding.links */
};
void proto_put_binding(struct msg_writer *w, const struct proto_binding *b);
void proto_get_binding(struct msg_reader *r, struct proto_binding *ret);

#endif
