/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking and signing. Holds no state. Called by the key process.
 */
#include "daemon/sign.h"

#include <openssl/crypto.h>

#include "ike/auth_octets.h"
#include "pki/announce.h"

static int refuse(struct ike_sign_answer *a, int error, const char *text)
{
	a->error = error;
	(void)snprintf(a->text, sizeof(a->text), "%s", text);
	return error;
}

struct signing {
	sign_done done;
	void *ctx;
};

static void on_signed(void *userdata, int r, enum pki_auth_method method, const uint8_t *data,
		      size_t len)
{
	struct ike_sign_answer a = {0};
	struct signing *s = userdata;

	if (r >= 0 && len > PROTO_AUTH_MAX)
		r = -EMSGSIZE;
	if (r < 0)
		(void)refuse(&a, r,
			     r == -ECANCELED ? "the key is not there any more"
					     : "our key did not sign");
	else {
		a.auth_method = (uint8_t)method;
		a.auth_data = (struct ike_blob){.data = data, .size = len};
	}
	s->done(s->ctx, &a);
	free(s);
}

/* Assembles and has it signed; a negative errno with its text: done was not and will not be called. */
static int begin(const struct key_table *t, const struct ike_out_sign *s, sign_done done, void *ctx,
		 struct ike_sign_answer *ret)
{
	struct ike_auth_octets in = {
		.initiator = s->initiator,
		.message = IKE_VIEW(s->init_message.data, s->init_message.size),
		.nonce = IKE_VIEW(s->peer_nonce.data, s->peer_nonce.size),
		.prf = s->prf,
		.sk_p = IKE_VIEW(s->sk_p.data, s->sk_p.size),
		.id = IKE_VIEW(s->id_body.data, s->id_body.size),
		.int_auth = {.initiator = IKE_VIEW(s->int_auth_i.data, s->int_auth_i.size),
			     .responder = IKE_VIEW(s->int_auth_r.data, s->int_auth_r.size),
			     .message_id = s->auth_id},
	};
	struct signing *signing;
	const struct key_entry *e = key_table_find(t, s->connection);
	_cleanup_free_ uint8_t *octets = NULL;
	struct pki_announced announced = {0};
	struct pki_error err = {0};
	uint32_t hashes = 0;
	size_t size, len;
	int r;

	/* Just started: what we have to sign with is on its way. */
	if (!t)
		return refuse(ret, -ENOTCONN, "the process that signs has no configuration yet");
	if (!e)
		return refuse(ret, -ENOENT, "there is no such connection");
	if (!e->signer)
		return refuse(ret, -EAGAIN,
			      "our certificate or its key is not there yet, see 'certgate status'");
	/* We sign for who we are, and no one else. */
	if (s->id_body.size != e->id_len || memcmp(s->id_body.data, e->id, e->id_len) != 0)
		return refuse(ret, -EPERM, "the identity to be signed is not this connection's");
	if (s->init_message.size < 28)
		return refuse(ret, -EPERM, "what is to be signed is no IKE_SA_INIT message");
	in.spi = ike_load_u64(s->init_message.data + (s->initiator ? 0 : 8));
	if (ike_auth_message_check(in.message, in.initiator, in.spi) < 0)
		return refuse(ret, -EPERM,
			      "what is to be signed is no IKE_SA_INIT message of ours");
	if (pki_ike_hashes_parse(s->peer_hashes.data, s->peer_hashes.size, &hashes) < 0)
		return refuse(ret, -EBADMSG, "the peer's list of hash algorithms is malformed");
	/* A hint: one that cannot be read is as good as none (RFC 9593). */
	(void)pki_announced_parse(s->peer_methods.data, s->peer_methods.size, &announced);
	size = ike_auth_octets_len(&in);
	if (size == 0)
		return refuse(ret, -EPERM, "the PRF is not known");
	octets = malloc(size);
	if (!octets)
		return refuse(ret, -ENOMEM, "out of memory");
	r = ike_auth_octets_build(&in, octets, size, &len);
	if (r < 0)
		return refuse(ret, -EPERM,
			      "what is to be signed is not made of the parts of an exchange");
	signing = calloc(1, sizeof(*signing));
	r = -ENOMEM;
	if (signing) {
		*signing = (struct signing){.done = done, .ctx = ctx};
		r = pki_auth_sign(e->signer, hashes, &announced, &e->auth, octets, len, &err,
				  on_signed, signing);
	}
	OPENSSL_cleanse(octets, size);
	if (r >= 0)
		return 0;
	free(signing);
	return refuse(ret, r, err.text[0] ? err.text : strerror(-r));
}

int sign_auth(const struct key_table *t, const struct ike_out_sign *s, sign_done done, void *ctx)
{
	struct ike_sign_answer a = {0};
	int r = begin(t, s, done, ctx, &a);

	if (r < 0)
		done(ctx, &a);
	return r;
}
