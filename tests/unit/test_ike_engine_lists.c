// SPDX-License-Identifier: Apache-2.0
/*
 * Two sides whose policies or networks have nothing in common: both lists are told whole, up to a bound that what is
 * configured seldom has and a peer may pass as it likes; a list that is cut ends where one of its elements does, and says how
 * much more there is.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim.h"

enum { MANY = 32 };

static const struct sim_report *reported(const struct sim_node *n, const char *event)
{
	const struct sim_report *r = sim_report(n, event);

	if (!r) {
		sim_print(n->sim);
		fail_msg("%s does not report %s", n->name, event);
	}
	return r;
}

static void holds(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("\"%s\" is not in: %s", words, text);
}

/* Only the key exchanges of that list, in all proposals; those that ask for none stay. */
static void only_ke(struct ike_policy *p, const uint16_t *kes, size_t n)
{
	for (size_t i = 0; i < p->n; i++) {
		struct ike_policy_proposal *k = &p->proposals[i];
		size_t kept = 0;

		for (size_t j = 0; j < k->n; j++)
			if (k->transforms[j].type != IKE_TRANSFORM_KE)
				k->transforms[kept++] = k->transforms[j];
		for (size_t j = 0; j < n; j++)
			k->transforms[kept++] = (struct ike_policy_transform){
				.type = IKE_TRANSFORM_KE, .id = kes[j]};
		k->n = kept;
	}
}

static void test_ike_policies_are_told_whole(void **state)
{
	static const uint16_t ours[] = {IKE_KE_CURVE25519, IKE_KE_ECP_256, IKE_KE_ECP_384},
			      theirs[] = {IKE_KE_ECP_521, IKE_KE_MODP_3072, IKE_KE_MODP_4096};
	static struct ike_policy a_policy, b_policy;
	char a_text[1024], b_text[1024];
	struct sim *s = sim_new(1);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	a_policy = b_policy = ike_policy_default_ike;
	only_ke(&a_policy, ours, ARRAY_SIZE(ours));
	only_ke(&b_policy, theirs, ARRAY_SIZE(theirs));
	a->conns[0].config.ike_policy = &a_policy;
	b->conns[0].config.ike_policy = &b_policy;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 60 * SIM_S);
	ike_policy_format(&a_policy, a_text, sizeof(a_text));
	ike_policy_format(&b_policy, b_text, sizeof(b_text));
	holds(reported(a, "no-proposal-chosen")->text, a_text);
	holds(reported(b, "no-proposal-chosen")->text, a_text);
	holds(reported(b, "no-proposal-chosen")->text, b_text);
	/* What is to change, and not what is not. */
	holds(reported(b, "no-proposal-chosen")->hint, "no KE in common");
	sim_free(s);
}

/* The first is the peer's, which may be any that is left. */
static void test_policies_of_several_connections_are_told_whole(void **state)
{
	static const uint16_t kes[] = {IKE_KE_MODP_3072, IKE_KE_MODP_4096, IKE_KE_ECP_521};
	struct ike_policy ours[3], theirs;
	struct sim *s = sim_new(2);
	struct sim_node *a, *b;
	const char *text;

	(void)state;
	sim_pair(s, &a, &b);
	sim_policy(&theirs, IKE_PROTOCOL_IKE,
		   "AES_CBC-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 ECP_256");
	a->conns[0].config.ike_policy = &theirs;
	for (uint32_t i = 0; i < 3; i++) {
		ours[i] = ike_policy_default_ike;
		only_ke(&ours[i], &kes[i], 1);
		if (i)
			sim_child(sim_conn(b, i + 1, "192.0.2.1", "a", "root-a"), 0, "net",
				  "10.2.0.0/16", "10.1.0.0/16");
		b->conns[i].config.ike_policy = &ours[i];
		sim_conn_set(b, &b->conns[i]);
	}
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 60 * SIM_S);
	text = reported(b, "no-proposal-chosen")->text;
	for (uint32_t i = 0; i < 3; i++) {
		char wanted[1024];

		holds(text, ike_policy_format(&ours[i], wanted, sizeof(wanted)));
	}
	sim_free(s);
}

static void test_ipsec_policies_are_told_whole(void **state)
{
	struct ike_policy azure = {.protocol = IKE_PROTOCOL_ESP, .n = 4}, theirs;
	struct sim *s = sim_new(3);
	struct sim_node *a, *b;
	char text[1024];

	(void)state;
	sim_pair(s, &a, &b);
	for (size_t i = 0; i < azure.n; i++) {
		static const char *const suites[] = {"AES_GCM_16-256 ESN NO_ESN",
						     "AES_CBC-256 HMAC_SHA1_96 ESN NO_ESN",
						     "AES_CBC-256 HMAC_SHA2_256_128 ESN NO_ESN",
						     "AES_CBC-128 HMAC_SHA1_96 ESN NO_ESN"};
		static const uint16_t accepted[] = {IKE_KE_NONE, IKE_KE_MODP_1024, IKE_KE_MODP_2048,
						    IKE_KE_MODP_2048_256};
		struct ike_policy one;

		sim_policy(&one, IKE_PROTOCOL_ESP, suites[i]);
		azure.proposals[i] = one.proposals[0];
		for (size_t j = 0; j < ARRAY_SIZE(accepted); j++)
			azure.proposals[i].transforms[azure.proposals[i].n++] =
				(struct ike_policy_transform){.type = IKE_TRANSFORM_KE,
							      .id = accepted[j],
							      .accept_only = j > 0};
	}
	sim_policy(&theirs, IKE_PROTOCOL_ESP, "CHACHA20_POLY1305 ESN");
	a->conns[0].config.esp_policy = &theirs;
	b->conns[0].config.esp_policy = &azure;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 60 * SIM_S);
	ike_policy_format(&azure, text, sizeof(text));
	assert_true(strlen(text) > 200);
	holds(reported(b, "child-no-proposal")->text, text);
	holds(reported(b, "child-no-proposal")->text, "CHACHA20_POLY1305");
	holds(reported(b, "child-no-proposal")->hint, "no ENCR in common");
	sim_free(s);
}

static void networks(struct ike_ts ts[MANY], unsigned first)
{
	for (unsigned i = 0; i < MANY; i++) {
		const uint8_t addr[] = {(uint8_t)first, 200, (uint8_t)(100 + i), 128};

		assert_int_equal(ike_ts_from_prefix(addr, sizeof(addr), 25, &ts[i]), 0);
	}
}

static void set_networks(struct sim_node *n, const struct ike_ts *local,
			 const struct ike_ts *remote)
{
	struct ike_child_config *k = &n->conns[0].children[0];

	k->local_ts = local;
	k->remote_ts = remote;
	k->n_local_ts = k->n_remote_ts = MANY;
	sim_conn_set(n, &n->conns[0]);
}

static void test_networks_are_told_whole(void **state)
{
	static struct ike_ts ours[2][MANY], theirs[2][MANY];
	struct sim *s = sim_new(4);
	struct sim_node *a, *b;
	char text[1024];

	(void)state;
	sim_pair(s, &a, &b);
	networks(ours[0], 111);
	networks(ours[1], 112);
	networks(theirs[0], 113);
	networks(theirs[1], 114);
	sim_child(&b->conns[0], 1, "other", "10.7.0.0/16", "10.8.0.0/16");
	set_networks(b, theirs[0], theirs[1]);
	set_networks(a, ours[0], ours[1]);
	sim_run(s, 60 * SIM_S);
	for (size_t i = 0; i < 2; i++) {
		ike_ts_list_format(ours[i], MANY, text, sizeof(text));
		holds(reported(a, "child-ts-unacceptable")->text, text);
		holds(reported(b, "child-ts-unacceptable")->text, text);
		holds(reported(b, "child-ts-unacceptable")->text,
		      ike_ts_list_format(theirs[i], MANY, text, sizeof(text)));
	}
	holds(reported(b, "child-ts-unacceptable")->text, "10.8.0.0/16 === 10.7.0.0/16");
	sim_free(s);
}

/* A list of more than there is room for, of one who may be anybody. */
static void test_what_does_not_fit_is_counted(void **state)
{
	struct ike_sa_payload offer = {.n_proposals = 2,
				       .n_transforms = IKE_MESSAGE_MAX_TRANSFORMS};
	char text[100], whole[IKE_MESSAGE_MAX_TRANSFORMS * 16];
	struct ike_ts ts[MANY];
	size_t told = 1;

	(void)state;
	offer.proposals[0] = (struct ike_proposal){
		.protocol = IKE_PROTOCOL_IKE, .number = 1, .n = 300};
	offer.proposals[1] = (struct ike_proposal){.protocol = IKE_PROTOCOL_IKE,
						   .number = 2,
						   .first = 300,
						   .n = offer.n_transforms - 300};
	for (size_t i = 0; i < offer.n_transforms; i++)
		offer.transforms[i] = (struct ike_transform){.type = IKE_TRANSFORM_KE, .id = 31};
	ike_offer_format(&offer, text, sizeof(text));
	for (const char *p = text; *p; p++)
		told += *p == '+';
	(void)snprintf(whole, sizeof(whole), " and %zu more", offer.n_transforms - told);
	holds(text, whole);
	assert_true(told > 4);
	assert_memory_equal(text, "CURVE25519+CURVE25519+", 22);

	networks(ts, 111);
	for (size_t size = 40; size < 800; size++) {
		char buf[800];
		const char *more = strstr(ike_ts_list_format(ts, MANY, buf, size), " and ");

		told = 1;
		for (const char *p = buf; *p; p++)
			told += *p == ',';
		if (told < MANY) {
			assert_non_null(more);
			assert_true(more - buf >= 18 && strncmp(more - 3, "/25", 3) == 0);
			(void)snprintf(whole, sizeof(whole), " and %zu more", MANY - told);
			assert_string_equal(more, whole);
		} else {
			assert_null(more);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ike_policies_are_told_whole),
		cmocka_unit_test(test_policies_of_several_connections_are_told_whole),
		cmocka_unit_test(test_ipsec_policies_are_told_whole),
		cmocka_unit_test(test_networks_are_told_whole),
		cmocka_unit_test(test_what_does_not_fit_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
