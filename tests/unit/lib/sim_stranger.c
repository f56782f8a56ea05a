// SPDX-License-Identifier: Apache-2.0
/* What a simulated responder hears of those whom nobody knows: requests that begin, from wherever one likes. */
#include "sim_stranger.h"

#include "ike/state.h"

size_t stranger_init(uint64_t spi, struct ike_view cookie, uint8_t *buf, size_t size)
{
	return stranger_init_of(spi, 32, 32, cookie, buf, size);
}

size_t stranger_init_of(uint64_t spi, size_t ke_len, size_t nonce_len, struct ike_view cookie,
			uint8_t *buf, size_t size)
{
	uint8_t ke[300];

	assert_true(ke_len <= sizeof(ke));
	for (size_t i = 0; i < sizeof(ke); i++)
		ke[i] = (uint8_t)(i + 1);
	return stranger_init_with(spi, IKE_VIEW(ke, ke_len), nonce_len, cookie, buf, size);
}

size_t stranger_init_with(uint64_t spi, struct ike_view ke, size_t nonce_len,
			  struct ike_view cookie, uint8_t *buf, size_t size)
{
	struct ike_header h = {.spi_i = spi,
			       .major = 2,
			       .exchange = IKE_EXCHANGE_SA_INIT,
			       .flags = IKE_FLAG_INITIATOR};
	struct ike_builder b;
	uint8_t nonce[300];
	size_t len;

	assert_true(nonce_len <= sizeof(nonce));
	/* The same nonce for the same SPI, as one who returns a cookie has it. */
	for (size_t i = 0; i < sizeof(nonce); i++)
		nonce[i] = (uint8_t)(spi >> (i % 8 * 8));
	ike_build_message(&b, buf, size, &h);
	if (cookie.len)
		ike_build_notify(&b, IKE_N_COOKIE, cookie);
	ike_build_offer(&b, &ike_policy_default_ike, IKE_KE_USE_POLICY, IKE_VIEW_NONE,
			IKE_KE_CURVE25519);
	ike_build_ke(&b, IKE_KE_CURVE25519, ke);
	ike_build_nonce(&b, IKE_VIEW(nonce, nonce_len));
	assert_int_equal(ike_build_finish(&b, &len), 0);
	return len;
}

void stranger_begins(struct sim_node *node, const struct cg_endpoint *to,
		     const struct cg_endpoint *from, struct seeded *random)
{
	uint8_t buf[4096];
	size_t len = stranger_init(seeded_next(random) | 1, IKE_VIEW_NONE, buf, sizeof(buf));

	ike_input(node->engine, node->sim->now, to, from, buf, len);
}

struct cg_endpoint stranger_address(struct seeded *random)
{
	struct cg_endpoint e = {.addr.family = AF_INET, .port = 500};

	ike_store_u32(e.addr.bytes, 0x0b000000 | (uint32_t)(seeded_next(random) % 0x00ffffff));
	return e;
}

void stranger_pair(struct sim *s, struct sim_node **a, struct sim_node **b)
{
	sim_pair(s, a, b);
	(*b)->conns[0].config.remote = (struct cg_endpoint){};
	(*b)->engine_config.half_open_cookie = 32;
	(*b)->engine_config.half_open_limit = 256;
	(*b)->engine_config.half_open_per_net = 16;
	sim_node_restart(*b, true);
	sim_conn_set(*b, &(*b)->conns[0]);
}
