/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making exchanges. Holds no state.
 */
#include "lib/exchange.h"

#include "ike/auth_octets.h"
#include "pki/auth.h"
#include "pki/key.h"
#include "pki/signer.h"

const uint8_t exchange_sk_pi[EXCHANGE_SK_LEN] = {0x11};

void exchange_init_message(bool initiator, uint8_t out[64])
{
	memset(out, 0, 64);
	out[0] = 0xaa;
	out[8] = initiator ? 0 : 0xbb;
	out[16] = 33; /* SA */
	out[17] = 0x20;
	out[18] = 34; /* IKE_SA_INIT */
	out[19] = initiator ? 0x08 : 0x20;
	out[27] = 64;
}

static void on_auth(void *userdata, int r, enum pki_auth_method method, const uint8_t *data,
		    size_t len)
{
	struct exchange *e = userdata;

	assert_int_equal(r, 0);
	assert_true(len <= sizeof(e->auth));
	memcpy(e->auth, data, len);
	e->v.auth_data = (struct ike_blob){e->auth, len};
	e->v.auth_method = (uint8_t)method;
}

void exchange_sign(struct exchange *e, const struct pkigen_cert *cert)
{
	const struct ike_auth_octets in = {
		.initiator = true,
		.spi = ike_load_u64(e->message),
		.message = IKE_VIEW(e->message, 64),
		.nonce = IKE_VIEW(e->nonce.data, IKE_NONCE_SIZE),
		.prf = e->v.prf,
		.sk_p = IKE_VIEW(exchange_sk_pi, EXCHANGE_SK_LEN),
		.id = IKE_VIEW(e->id, e->v.id_body.size),
		.int_auth = {.initiator = IKE_VIEW(e->v.int_auth_i.data, e->v.int_auth_i.size),
			     .responder = IKE_VIEW(e->v.int_auth_r.data, e->v.int_auth_r.size),
			     .message_id = e->v.auth_id},
	};
	struct pki_signer *signer;
	struct pki_error err;
	struct pki_key *key;
	size_t len;

	assert_int_equal(ike_auth_octets_build(&in, e->octets, sizeof(e->octets), &len), 0);
	assert_int_equal(pki_key_new(cert->key, NULL, &key), 0);
	assert_int_equal(pki_signer_new_key(key, &signer), 0);
	assert_int_equal(pki_auth_sign(signer, 1U << PKI_IKE_HASH_SHA2_256, NULL,
				       &(struct pki_auth_options){0}, e->octets, len, &err, on_auth,
				       e),
			 0);
	pki_signer_free(signer);
	pki_key_unref(key);
}

void exchange_make(struct exchange *e, const struct pkigen_cert *cert, const struct pkigen_cert *ca,
		   uint32_t candidate)
{
	struct pki_cert *c = to_cert(cert);
	struct pki_error err;

	memset(e, 0, sizeof(*e));
	exchange_init_message(true, e->message);
	memset(e->nonce.data, 0x77, IKE_NONCE_SIZE);
	e->candidates[0] = candidate;
	e->v = (struct ike_out_verify){
		.candidates = e->candidates,
		.n_candidates = 1,
		.peer_initiator = true,
		.init_message = {e->message, 64},
		.nonce = {e->nonce.data, IKE_NONCE_SIZE},
		.prf = IKE_PRF_HMAC_SHA2_256,
		.sk_p = {exchange_sk_pi, EXCHANGE_SK_LEN},
		.id_body = {e->id, 0},
		.certs = {{cert->der, cert->der_len}},
		.n_certs = 1,
	};
	if (ca)
		e->v.certs[e->v.n_certs++] = (struct ike_blob){ca->der, ca->der_len};
	assert_int_equal(pki_id_encode("dn", c, &err, e->id, sizeof(e->id), &e->v.id_body.size), 0);
	pki_cert_unref(c);
	exchange_sign(e, cert);
}
