/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and offers from text, for the tests of negotiation and of the codec. */
#pragma once

#include "lib/ike_test.h"

#include "ike/proposal.h"

/*
 * Policies as text: "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 | …", a proposal between bars; "(X)" is accepted
 * and not offered; NO_INTEG, NO_KE and NO_ESN are the values 0.
 */
struct ike_policy policy_of(uint8_t protocol, const char *text);
struct ike_policy ike(const char *text);
struct ike_policy esp(const char *text);

/* What a peer would send: an SA payload with exactly these proposals. Good until the next call. */
const struct ike_sa_payload *offer(const struct ike_policy *as, struct ike_view spi);

/* The proposals alone, of a body that was begun; numbers NULL: 1, 2 and so on. */
void build_proposals(struct ike_builder *b, const struct ike_policy *as, const uint8_t *numbers,
		     struct ike_view spi);

/* What a builder made; fails the test if it did not fit. */
struct ike_view finish(struct ike_builder *b);

#define SPI_NONE IKE_VIEW_NONE
extern const uint8_t esp_spi_bytes[4];
#define ESP_SPI IKE_VIEW(esp_spi_bytes, 4)

/* The content of a chain of one payload with the given body. */
int payload_parse(uint8_t type, struct ike_view body, struct ike_content *ret,
		  struct ike_fault *fault);
/* Such a body, in hexadecimal, is read. */
void payload_accepted(uint8_t type, const char *body);
