// SPDX-License-Identifier: Apache-2.0
/*
 * The octets under AUTH (RFC 7296 section 2.15). Owns nothing. Called by the
 * processes that sign and that verify, and by tests.
 */
#include "ike/auth_octets.h"

#include <openssl/crypto.h>

#include "base/macro.h"

#define HEADER_LEN 28

int ike_auth_message_check(struct ike_view message, bool initiator, uint64_t spi)
{
	struct ike_reader r = ike_reader(message);
	uint8_t next, version, exchange, flags;
	uint64_t spi_i, spi_r;
	uint32_t id, length;

	if (!ike_read_u64(&r, &spi_i) || !ike_read_u64(&r, &spi_r) || !ike_read_u8(&r, &next) ||
	    !ike_read_u8(&r, &version) || !ike_read_u8(&r, &exchange) || !ike_read_u8(&r, &flags) ||
	    !ike_read_u32(&r, &id) || !ike_read_u32(&r, &length))
		return -EBADMSG;
	if (exchange != IKE_EXCHANGE_SA_INIT || version >> 4 != IKE_VERSION_MAJOR || id != 0 ||
	    length != message.len || length == HEADER_LEN)
		return -EBADMSG;
	if (!!(flags & IKE_FLAG_INITIATOR) != initiator ||
	    !!(flags & IKE_FLAG_RESPONSE) == initiator)
		return -EBADMSG;
	if (spi == 0 || spi_i == 0 || (initiator ? spi_i : spi_r) != spi)
		return -EBADMSG;
	if (initiator && spi_r != 0)
		return -EBADMSG;
	return 0;
}

size_t ike_auth_octets_len(const struct ike_auth_octets *in)
{
	const struct ike_prf_info *prf = ike_prf_info(in->prf);

	const struct ike_int_auth *a = &in->int_auth;
	size_t more = a->initiator.len + a->responder.len;

	return prf ? in->message.len + in->nonce.len + prf->len + (more ? more + 4 : 0) : 0;
}

int ike_auth_octets_build(const struct ike_auth_octets *in, uint8_t *out, size_t size,
			  size_t *ret_len)
{
	const struct ike_prf_info *prf = ike_prf_info(in->prf);
	const struct ike_int_auth *a = &in->int_auth;
	struct ike_writer w = ike_writer(out, size);
	uint8_t maced_id[IKE_PRF_LEN_MAX];
	int err;

	if (!prf)
		return -EOPNOTSUPP;
	err = ike_auth_message_check(in->message, in->initiator, in->spi);
	if (err)
		return err;
	if (in->nonce.len < IKE_NONCE_MIN || in->nonce.len > IKE_NONCE_MAX || in->id.len < 4 ||
	    in->sk_p.len != prf->len)
		return -EBADMSG;
	/* IntAuth_iN | IntAuth_rN | message ID (RFC 9242 section 3.3.2), whole or absent */
	if (a->initiator.len != a->responder.len ||
	    (a->initiator.len != 0 && a->initiator.len != prf->len))
		return -EBADMSG;
	err = ike_prf(in->prf, in->sk_p, &in->id, 1, maced_id);
	if (err)
		return err;
	ike_write_view(&w, in->message);
	ike_write_view(&w, in->nonce);
	ike_write_bytes(&w, maced_id, prf->len);
	if (a->initiator.len != 0) {
		ike_write_view(&w, a->initiator);
		ike_write_view(&w, a->responder);
		ike_write_u32(&w, a->message_id);
	}
	err = ike_writer_status(&w);
	if (err)
		return err;
	*ret_len = w.len;
	return 0;
}
