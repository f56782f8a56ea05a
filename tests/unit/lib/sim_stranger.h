/* SPDX-License-Identifier: Apache-2.0 */
/* What a simulated responder hears of those whom nobody knows: requests that begin, from wherever one likes. */
#pragma once

#include "ike/message.h"
#include "sim.h"

/* An IKE_SA_INIT that a responder takes: its length. The same nonce for the same SPI, as one who returns a cookie has it. */
size_t stranger_init(uint64_t spi, struct ike_view cookie, uint8_t *buf, size_t size);
/* The same with a public value and a nonce so long. */
size_t stranger_init_of(uint64_t spi, size_t ke_len, size_t nonce_len, struct ike_view cookie,
			uint8_t *buf, size_t size);
/* With this public value. */
size_t stranger_init_with(uint64_t spi, struct ike_view ke, size_t nonce_len,
			  struct ike_view cookie, uint8_t *buf, size_t size);
/* A request with an SPI and a nonce from `random` comes to `node` now. */
void stranger_begins(struct sim_node *node, const struct cg_endpoint *to,
		     const struct cg_endpoint *from, struct seeded *random);
/* Any of 11.0.0.0/8. */
struct cg_endpoint stranger_address(struct seeded *random);
/* sim_pair(), where b takes a from any address, and has small limits: cookies from 32 half-open IKE SAs on, 256 in all, 16 a prefix. b's connection is set. */
void stranger_pair(struct sim *s, struct sim_node **a, struct sim_node **b);
