/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading the messages around a planned restart. Holds no state.
 */
#include "daemon/proto_restart.h"

void proto_put_live_binding(struct msg_writer *w, const struct ike_kernel_binding *b)
{
	msg_put_u32(w, b->connection);
	msg_put_u64(w, b->binding);
}

void proto_get_live_binding(struct msg_reader *r, struct ike_kernel_binding *ret)
{
	ret->connection = msg_get_u32(r);
	ret->binding = msg_get_u64(r);
}

void proto_put_live_child(struct msg_writer *w, const struct ike_kernel_child *c)
{
	msg_put_u32(w, c->connection);
	msg_put_u64(w, c->child);
	msg_put_u64(w, c->binding);
	msg_put_u32(w, c->spi_in);
	msg_put_u32(w, c->spi_out);
}

void proto_get_live_child(struct msg_reader *r, struct ike_kernel_child *ret)
{
	ret->connection = msg_get_u32(r);
	ret->child = msg_get_u64(r);
	ret->binding = msg_get_u64(r);
	ret->spi_in = msg_get_u32(r);
	ret->spi_out = msg_get_u32(r);
}

void proto_put_restore(struct msg_writer *w, const struct proto_restore *p)
{
	msg_put_fixed(w, p->token, sizeof(p->token));
	msg_put_u32(w, p->size);
}

void proto_get_restore(struct msg_reader *r, struct proto_restore *ret)
{
	msg_get_fixed(r, ret->token, sizeof(ret->token));
	ret->size = msg_get_count(r, IKE_SNAPSHOT_MAX);
}

void proto_put_restored(struct msg_writer *w, const struct proto_restored *p)
{
	msg_put_u32(w, (uint32_t)p->error);
	msg_put_u32(w, p->connections);
	msg_put_u32(w, p->refused);
	msg_put_u32(w, p->sas);
	msg_put_u32(w, p->children);
}

void proto_get_restored(struct msg_reader *r, struct proto_restored *ret)
{
	ret->error = (int)msg_get_u32(r);
	ret->connections = msg_get_u32(r);
	ret->refused = msg_get_u32(r);
	ret->sas = msg_get_u32(r);
	ret->children = msg_get_u32(r);
	if (ret->error > 0)
		msg_reject(r);
}

static void put_certs(struct msg_writer *w, const struct ike_blob *certs, size_t n)
{
	msg_put_u32(w, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		msg_put_blob(w, certs[i].data, certs[i].size);
}

static size_t get_certs(struct msg_reader *r, struct ike_blob *certs, uint32_t max)
{
	size_t n = msg_get_count(r, max);

	for (size_t i = 0; i < n; i++)
		certs[i].data = msg_get_blob(r, PKI_CERT_SIZE_MAX, &certs[i].size);
	return r->failed ? 0 : n;
}

void proto_put_watched(struct msg_writer *w, const struct proto_watched *p)
{
	msg_put_u64(w, p->handle);
	msg_put_u32(w, p->connection);
	put_certs(w, p->path, p->n_path);
	put_certs(w, p->others, p->n_others);
	put_certs(w, p->answers, p->n_answers);
}

void proto_get_watched(struct msg_reader *r, struct proto_watched *ret)
{
	ret->handle = msg_get_u64(r);
	ret->connection = msg_get_u32(r);
	ret->n_path = get_certs(r, ret->path, PKI_CHAIN_MAX);
	ret->n_others = get_certs(r, ret->others, PKI_TRUST_CERTS_MAX);
	ret->n_answers = get_certs(r, ret->answers, PKI_CHAIN_MAX);
	if (ret->handle == 0 || ret->n_path == 0)
		msg_reject(r);
}
