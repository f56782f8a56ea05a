// SPDX-License-Identifier: Apache-2.0
/*
 * The keys of a connection's IKE SAs, handed out while an administrator wants them, for a capture to be read with. Until then, and after
 * then, they do not leave the engine.
 */
#include "ike/state.h"

#include <errno.h>

void ik_keys_out(const struct ik_sa *sa)
{
	const struct ike_encr_info *encr = ike_encr_info(sa->suite.encr, sa->suite.key_bits);
	const struct ike_integ_info *integ = ike_integ_info(sa->suite.integ);
	size_t encr_len = encr ? (size_t)encr->key_len + encr->salt_len : 0;
	size_t integ_len = encr && !encr->aead && integ ? integ->key_len : 0;

	if (!sa->conn || !sa->has_keys || sa->conn->keys_until <= sa->e->now)
		return;
	ik_out_keys(sa->e, &(struct ike_out_keys){
				   .connection = sa->conn->config->c.id,
				   .spi_i = sa->spi_i,
				   .spi_r = sa->spi_r,
				   .suite = sa->suite,
				   .encr_i = ik_blob(sa->keys.initiator.key, encr_len),
				   .encr_r = ik_blob(sa->keys.responder.key, encr_len),
				   .integ_i = ik_blob(sa->keys.initiator.integ_key, integ_len),
				   .integ_r = ik_blob(sa->keys.responder.integ_key, integ_len),
			   });
}

int ike_key_log(struct ike_engine *e, ike_time now, uint32_t id, ike_time until)
{
	struct ik_conn *conn;

	ik_enter(e, now);
	conn = ik_conn_find(e, id);
	if (!conn)
		return -ENOENT;
	conn->keys_until = until;
	IK_LIST_FOREACH(&conn->sas, link)
		ik_keys_out(IK_ENTRY(link, struct ik_sa, in_conn));
	return 0;
}
