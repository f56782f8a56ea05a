/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watched paths as messages. Holds no state.
 */
#include "daemon/verify_restart.h"

void verify_restart_put(uint64_t handle, const struct judged *j, struct proto_watched *ret)
{
	*ret = (struct proto_watched){
		.handle = handle, .connection = j->connection, .n_path = j->n_path};
	for (size_t i = 0; i < j->n_path; i++)
		ret->path[i] = (struct ike_blob){j->path[i]->der, j->path[i]->der_len};
	for (; ret->n_others < j->others.n && ret->n_others < ARRAY_SIZE(ret->others);
	     ret->n_others++)
		ret->others[ret->n_others] = (struct ike_blob){
			j->others.list[ret->n_others]->der, j->others.list[ret->n_others]->der_len};
	for (; ret->n_answers < j->n_answers; ret->n_answers++)
		ret->answers[ret->n_answers] = (struct ike_blob){
			j->answers[ret->n_answers]->der, j->answers[ret->n_answers]->der_len};
}

int verify_restart_get(const struct proto_watched *p, struct judged *ret)
{
	struct pki_error err;
	int r = 0;

	ret->connection = p->connection;
	for (size_t i = 0; i < p->n_path && r >= 0; i++) {
		r = pki_cert_new(p->path[i].data, p->path[i].size, &err, &ret->path[i]);
		ret->n_path += r >= 0;
	}
	for (size_t i = 0; i < p->n_others && r >= 0; i++) {
		_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL;

		r = pki_cert_new(p->others[i].data, p->others[i].size, &err, &cert);
		if (r >= 0)
			r = pki_certs_add(&ret->others, cert);
	}
	for (size_t i = 0; i < p->n_answers && r >= 0; i++) {
		r = pki_ocsp_new(p->answers[i].data, p->answers[i].size, &err,
				 &ret->answers[ret->n_answers]);
		ret->n_answers += r >= 0;
	}
	return r;
}
