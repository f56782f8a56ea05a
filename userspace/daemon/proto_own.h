/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of the messages about our own chains and the OCSP answers about them, which peers may ask for (RFC 4806). Blobs of what was read point into the
 * message and end with its handler.
 */
#ifndef CERTGATE_DAEMON_PROTO_OWN_H
#define CERTGATE_DAEMON_PROTO_OWN_H

#include "daemon/msg.h"
#include "ike/engine.h"
#include "pki/cert.h"

/* OWN_CHAIN, main to a verify worker: a chain that connections of ours send, leaf first; without certificates: none does any more. */
struct proto_own_chain {
	uint8_t digest[PKI_SHA256_SIZE]; /* of all of them: what it is called by */
	struct ike_blob certs[IKE_MAX_CERTS];
	size_t n;
};
void proto_put_own_chain(struct msg_writer *w, const struct proto_own_chain *p);
void proto_get_own_chain(struct msg_reader *r, struct proto_own_chain *ret);

/* OWN_ANSWERS, the way back: what is good and fresh about its certificates, at most IKE_MAX_OCSP_SIZE bytes in all. */
struct proto_own_answers {
	uint8_t digest[PKI_SHA256_SIZE];
	struct ike_blob answers[IKE_MAX_OCSP];
	size_t n;
};
void proto_put_own_answers(struct msg_writer *w, const struct proto_own_answers *p);
void proto_get_own_answers(struct msg_reader *r, struct proto_own_answers *ret);

/* CONN_OCSP, main to ike: the same for a connection. */
void proto_put_conn_ocsp(struct msg_writer *w, uint32_t connection, const struct ike_blob *answers,
			 size_t n);
void proto_get_conn_ocsp(struct msg_reader *r, uint32_t *ret_connection,
			 struct ike_blob answers[IKE_MAX_OCSP], size_t *ret_n);

#endif
