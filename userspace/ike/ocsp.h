/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCSP answers within IKE (RFC 4806): asked for with a CERTREQ and sent in CERT payloads of the encoding "OCSP Content". The engine looks into none of
 * them: whoever judges the peer gets those that the peer sent, and hands over those about our own certificates.
 */
#pragma once

#include "ike/state.h"

/* We want them, from whichever responder the issuer made one: the list of others that we trust is empty (section 3.1). */
void ik_ocsp_build_request(const struct ike_connection_config *c, struct ike_builder *b);
/* The peer's message may say that it wants ours. */
void ik_ocsp_take_request(struct ik_sa *sa, const struct ike_content *content);
/* Those that we have, if the peer wants them. Behind the certificates that they are about. */
void ik_ocsp_build(const struct ik_sa *sa, struct ike_builder *b);
/* The peer's, of those of its CERT payloads that are answers. */
void ik_ocsp_collect(const struct ike_content *content, struct ike_out_verify *o);
void ik_ocsp_drop(struct ik_conn *conn);
