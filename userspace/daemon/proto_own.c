/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading the messages about our own chains. Holds no state.
 */
#include "daemon/proto_own.h"

static void put_blobs(struct msg_writer *w, const struct ike_blob *blobs, size_t n)
{
	msg_put_u32(w, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		msg_put_blob(w, blobs[i].data, blobs[i].size);
}

static size_t get_blobs(struct msg_reader *r, struct ike_blob *blobs, uint32_t max, size_t size)
{
	size_t n = msg_get_count(r, max);

	for (size_t i = 0; i < n; i++) {
		blobs[i].data = msg_get_blob(r, size, &blobs[i].size);
		if (blobs[i].size == 0)
			msg_reject(r);
	}
	return r->failed ? 0 : n;
}

void proto_put_own_chain(struct msg_writer *w, const struct proto_own_chain *p)
{
	msg_put_fixed(w, p->digest, sizeof(p->digest));
	put_blobs(w, p->certs, p->n);
}

void proto_get_own_chain(struct msg_reader *r, struct proto_own_chain *ret)
{
	msg_get_fixed(r, ret->digest, sizeof(ret->digest));
	ret->n = get_blobs(r, ret->certs, IKE_MAX_CERTS, IKE_MAX_CERT_SIZE);
}

void proto_put_own_answers(struct msg_writer *w, const struct proto_own_answers *p)
{
	msg_put_fixed(w, p->digest, sizeof(p->digest));
	put_blobs(w, p->answers, p->n);
}

void proto_get_own_answers(struct msg_reader *r, struct proto_own_answers *ret)
{
	msg_get_fixed(r, ret->digest, sizeof(ret->digest));
	ret->n = get_blobs(r, ret->answers, IKE_MAX_OCSP, IKE_MAX_OCSP_SIZE);
}

void proto_put_conn_ocsp(struct msg_writer *w, uint32_t connection, const struct ike_blob *answers,
			 size_t n)
{
	msg_put_u32(w, connection);
	put_blobs(w, answers, n);
}

void proto_get_conn_ocsp(struct msg_reader *r, uint32_t *ret_connection,
			 struct ike_blob answers[IKE_MAX_OCSP], size_t *ret_n)
{
	*ret_connection = msg_get_u32(r);
	*ret_n = get_blobs(r, answers, IKE_MAX_OCSP, IKE_MAX_OCSP_SIZE);
}
