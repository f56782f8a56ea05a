// SPDX-License-Identifier: Apache-2.0
/*
 * Offers that no policy would make, of peers that have another idea of the rules: what is wrong with them is told, and not
 * that both sides have nothing in common.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/ike_offer.h"
#include "lib/sim.h"
#include "lib/sim_open.h"

/* What the first node offers instead. */
static struct {
	uint8_t protocol;
	const char *proposals;
	const uint8_t *numbers;
} offers;

static bool no_sa(const struct ike_payload *p)
{
	return p->type != IKE_PAYLOAD_SA;
}

static void add_offer(struct ike_builder *b)
{
	static const uint8_t spi[8] = {0xc0, 0xff, 0xee, 1, 2, 3, 4, 5};
	struct ike_policy as = policy_of(offers.protocol, offers.proposals);
	size_t spi_len = offers.protocol == IKE_PROTOCOL_ESP ? 4 : b->has_header ? 0 : 8;

	ike_build_begin(b, IKE_PAYLOAD_SA, false);
	build_proposals(b, &as, offers.numbers, IKE_VIEW(spi, spi_len));
	ike_build_end(b);
}

/* The first node connects, or rekeys what it has, and offers this: in a request, or in clear in each that it sends. The simulation is the caller's to free. */
static struct sim *offered_in(uint64_t seed, uint8_t exchange, uint8_t protocol,
			      const char *proposals, const uint8_t *numbers, struct sim_node **a,
			      struct sim_node **b)
{
	static struct sim_change change;
	const unsigned times = exchange == IKE_EXCHANGE_SA_INIT ? 100 : 1;
	struct sim *s = sim_new(seed);
	bool ike = protocol == IKE_PROTOCOL_IKE;

	change = (struct sim_change){
		.exchange = exchange, .keep = no_sa, .more = add_offer, .times = times};
	offers.protocol = protocol;
	offers.proposals = proposals;
	offers.numbers = numbers;
	sim_pair(s, a, b);
	if (exchange == IKE_EXCHANGE_CREATE_CHILD_SA) {
		sim_connect(s, *a, *b);
		sim_change(s, &change);
		assert_int_equal(ike_rekey((*a)->engine, s->now, 1, ike, !ike), 0);
	} else {
		sim_change(s, &change);
		sim_begin(*a, *b);
	}
	sim_run(s, 2 * SIM_S);
	assert_true(change.times < times);
	return s;
}

static void hint_holds(const struct sim_node *n, const char *event, const char *words)
{
	const struct sim_report *r = sim_report(n, event);

	assert_non_null(r);
	if (!strstr(r->hint, words))
		fail_msg("\"%s\" is not in: %s", words, r->hint);
}

/* An AEAD cipher with integrity beside it (RFC 7296 section 3.3): no cipher is called lacking that both have. */
static void told_of_aead_beside_integrity(uint64_t seed, uint8_t exchange, uint8_t protocol,
					  const char *proposals, const char *event,
					  const char *words)
{
	struct sim_node *a, *b;
	struct sim *s = offered_in(seed, exchange, protocol, proposals, NULL, &a, &b);

	sim_says(b, event, "HMAC_SHA2_256_128");
	hint_holds(b, event, "have the peer offer AEAD ciphers");
	hint_holds(b, event, "without an integrity algorithm");
	hint_holds(b, event, words);
	assert_null(strstr(sim_report(b, event)->hint, "ENCR"));
	sim_free(s);
}

static void test_aead_beside_integrity_is_told(void **state)
{
	static const char ike_text[] =
		"AES_GCM_16-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 CURVE25519",
			  esp_text[] = "AES_GCM_16-256 AES_CBC-192 HMAC_SHA2_256_128 ESN";

	(void)state;
	told_of_aead_beside_integrity(1, IKE_EXCHANGE_SA_INIT, IKE_PROTOCOL_IKE, ike_text,
				      "no-proposal-chosen", "RFC 7296 section 3.3");
	told_of_aead_beside_integrity(
		2, IKE_EXCHANGE_SA_INIT, IKE_PROTOCOL_IKE,
		"AES_GCM_16-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 MODP_1024",
		"no-proposal-chosen", "no KE in common");
	told_of_aead_beside_integrity(3, IKE_EXCHANGE_AUTH, IKE_PROTOCOL_ESP, esp_text,
				      "child-no-proposal", "RFC 7296 section 3.3");
	told_of_aead_beside_integrity(4, IKE_EXCHANGE_CREATE_CHILD_SA, IKE_PROTOCOL_ESP, esp_text,
				      "child-no-proposal", "RFC 7296 section 3.3");
	told_of_aead_beside_integrity(5, IKE_EXCHANGE_CREATE_CHILD_SA, IKE_PROTOCOL_IKE, ike_text,
				      "ike-rekey-refused", "RFC 7296 section 3.3");
}

static unsigned ike_sas_up(const struct sim_node *n)
{
	return sim_count(n, 1).up;
}

/* Numbers that do not grow (RFC 7296 section 3.3.1) are a fault of the peer's, and not a want of something in common. */
static void told_of_numbers(uint64_t seed, uint8_t exchange, uint8_t protocol, const char *event,
			    const uint8_t *numbers, const char *words)
{
	static const char ike_text[] =
		"AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 | AES_GCM_16-128 "
		"PRF_HMAC_SHA2_256 CURVE25519",
			  esp_text[] = "AES_GCM_16-256 ESN | AES_GCM_16-128 ESN";
	struct sim_node *a, *b;
	struct sim *s = offered_in(seed, exchange, protocol,
				   protocol == IKE_PROTOCOL_IKE ? ike_text : esp_text, numbers, &a,
				   &b);

	assert_int_equal(sim_says(b, event, words)->connection, 1);
	sim_says(b, event, "not 1, 2, 3 and so on");
	hint_holds(b, event, "fault of the peer's implementation");
	assert_int_equal(sim_reports(b, event), 1);
	assert_int_equal(sim_reports(b, "no-proposal-chosen"), 0);
	assert_int_equal(sim_reports(b, "child-no-proposal"), 0);
	if (exchange == IKE_EXCHANGE_SA_INIT) {
		assert_true(sim_until(s, 60 * SIM_S, sim_first_failed));
		sim_says(a, "peer-refused", "INVALID_SYNTAX");
	} else {
		/* INVALID_SYNTAX would end it on both sides (section 2.21.3), and what goes through it. */
		assert_int_equal(ike_sas_up(a), 1);
		assert_int_equal(ike_sas_up(b), 1);
	}
	sim_free(s);
}

static void test_proposals_that_are_numbered_wrongly_are_told(void **state)
{
	static const uint8_t same[] = {1, 1}, falling[] = {2, 1};

	(void)state;
	told_of_numbers(10, IKE_EXCHANGE_SA_INIT, IKE_PROTOCOL_IKE, "malformed-message", same,
			"numbered 1, 1,");
	told_of_numbers(11, IKE_EXCHANGE_SA_INIT, IKE_PROTOCOL_IKE, "malformed-message", falling,
			"numbered 2, 1,");
	told_of_numbers(12, IKE_EXCHANGE_AUTH, IKE_PROTOCOL_ESP, "malformed-message", same,
			"numbered 1, 1,");
	told_of_numbers(13, IKE_EXCHANGE_CREATE_CHILD_SA, IKE_PROTOCOL_ESP, "malformed-message",
			same, "numbered 1, 1,");
	told_of_numbers(14, IKE_EXCHANGE_CREATE_CHILD_SA, IKE_PROTOCOL_IKE, "ike-rekey-refused",
			same, "numbered 1, 1,");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aead_beside_integrity_is_told),
		cmocka_unit_test(test_proposals_that_are_numbered_wrongly_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
