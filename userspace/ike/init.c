// SPDX-License-Identifier: Apache-2.0
/*
 * What both roles of IKE_SA_INIT do alike (RFC 7296 section 1.2): say and hear what is supported, and keep what AUTH is
 * going to be computed over. Called by init_i.c and init_r.c.
 */
#include "ike/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* RFC 7427 section 4, RFC 8420: what our AUTH verification can do. */
static const uint8_t hashes[] = {0, IKE_HASH_SHA2_256, 0, IKE_HASH_SHA2_384,
				 0, IKE_HASH_SHA2_512, 0, IKE_HASH_IDENTITY};

void ik_init_build_extras(struct ike_builder *b, const struct ik_sa *sa,
			  const struct ike_connection_config *c)
{
	struct cg_endpoint source = sa->local;

	if (source.addr.family == AF_UNSPEC)
		source.addr.family = sa->remote.addr.family;
	/* Forced encapsulation: a source that cannot match makes the peer see a NAT. */
	if (c->encap == IKE_ENCAP_UDP)
		source.port = 0;
	ike_build_natd(b, sa->spi_i, sa->spi_r, &source, &sa->remote);
	/* RFC 7383 section 2.3: an answer has it only if the request had it. */
	if (sa->initiator ? c->fragmentation : sa->fragmentation)
		ike_build_notify(b, IKE_N_IKEV2_FRAGMENTATION_SUPPORTED, IKE_VIEW_NONE);
	ike_build_notify(b, IKE_N_SIGNATURE_HASH_ALGORITHMS, IKE_VIEW(hashes, sizeof(hashes)));
	/* RFC 9242 section 3.1: only who may have a use for the exchange asks for it. */
	if (sa->initiator ? ike_policy_offers_addke(c->ike_policy) : sa->setup->intermediate.agreed)
		ike_build_notify(b, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED, IKE_VIEW_NONE);
}

void ik_init_read_extras(struct ik_sa *sa, const struct ike_content *content,
			 const struct ike_connection_config *c)
{
	const struct ike_notify *n = ike_content_notify(content, IKE_N_SIGNATURE_HASH_ALGORITHMS,
							0);
	struct ik_setup *s = sa->setup;

	if (n && n->data.len % 2 == 0 && n->data.len) {
		s->hashes_seen = true;
		s->n_hashes = n->data.len < sizeof(s->hashes) ? n->data.len : sizeof(s->hashes);
		memcpy(s->hashes, n->data.data, s->n_hashes);
	}
	sa->fragmentation = c->fragmentation &&
			    ike_content_notify(content, IKE_N_IKEV2_FRAGMENTATION_SUPPORTED, 0);
	sa->encap |= c->encap == IKE_ENCAP_UDP;
	s->intermediate.agreed = ike_content_notify(content, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED,
						    0);
	s->childless = ike_content_notify(content, IKE_N_CHILDLESS_IKEV2_SUPPORTED, 0);
}

int ik_init_keep_nonce(struct ik_setup *s, struct ike_view nonce)
{
	if (nonce.len < IKE_NONCE_MIN || nonce.len > sizeof(s->peer_nonce))
		return -EBADMSG;
	memcpy(s->peer_nonce, nonce.data, nonce.len);
	s->peer_nonce_len = nonce.len;
	return 0;
}

int ik_init_keep_message(uint8_t **to, size_t *to_len, struct ike_view message)
{
	uint8_t *copy = ik_memdup(message.data, message.len);

	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	*to_len = message.len;
	return 0;
}
