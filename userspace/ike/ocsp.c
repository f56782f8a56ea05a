// SPDX-License-Identifier: Apache-2.0
/*
 * OCSP answers in IKE_AUTH, and those of a connection of ours that are kept for that. Called by the files of IKE_AUTH and IKE_SA_INIT, and by the caller
 * of the engine when there are new ones.
 */
#include "ike/ocsp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void ik_ocsp_build_request(const struct ike_connection_config *c, struct ike_builder *b)
{
	if (c->ask_ocsp)
		ike_build_certreq(b, IKE_CERT_OCSP, IKE_VIEW_NONE);
}

/* Which responders the peer names makes no difference: what we have is signed by the issuer, or for it, and all may believe that. */
void ik_ocsp_take_request(struct ik_sa *sa, const struct ike_content *content)
{
	for (size_t i = 0; i < content->n_certreqs; i++)
		if (content->certreqs[i].encoding == IKE_CERT_OCSP)
			sa->setup->wants_ocsp = true;
}

void ik_ocsp_build(const struct ik_sa *sa, struct ike_builder *b)
{
	const struct ik_conn *conn = sa->conn;

	if (!conn || !sa->setup->wants_ocsp)
		return;
	for (size_t i = 0; i < conn->n_ocsp; i++)
		ike_build_cert(b, IKE_CERT_OCSP, ik_view(conn->ocsp[i]));
}

void ik_ocsp_collect(const struct ike_content *content, struct ike_out_verify *o)
{
	for (size_t i = 0; i < content->n_certs && o->n_ocsp < IKE_MAX_OCSP; i++) {
		const struct ike_cert *cert = &content->certs[i];

		if (cert->encoding != IKE_CERT_OCSP || cert->data.len > IKE_MAX_OCSP_SIZE)
			continue;
		o->ocsp[o->n_ocsp++] = ik_blob(cert->data.data, cert->data.len);
	}
}

void ik_ocsp_drop(struct ik_conn *conn)
{
	free(conn->ocsp);
	conn->ocsp = NULL;
	conn->n_ocsp = 0;
}

int ike_connection_ocsp(struct ike_engine *e, uint32_t id, const struct ike_blob *answers, size_t n)
{
	struct ik_conn *conn = ik_conn_find(e, id);
	struct ike_blob *copy = NULL;
	size_t size = 0;
	uint8_t *at;

	if (!conn)
		return -ENOENT;
	if (n > IKE_MAX_OCSP)
		return -E2BIG;
	for (size_t i = 0; i < n; i++) {
		if (!answers[i].size || answers[i].size > IKE_MAX_OCSP_SIZE - size)
			return -EMSGSIZE;
		size += answers[i].size;
	}
	if (n) {
		copy = malloc(n * sizeof(*copy) + size);
		if (!copy)
			return -ENOMEM;
	}
	ik_ocsp_drop(conn);
	conn->ocsp = copy;
	conn->n_ocsp = n;
	at = (uint8_t *)(copy + n);
	for (size_t i = 0; i < n; i++) {
		memcpy(at, answers[i].data, answers[i].size);
		copy[i] = ik_blob(at, answers[i].size);
		at += answers[i].size;
	}
	return 0;
}
