/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a configured policy to two engines that rekey by it: what a cloud gateway asks for with one of ours that has
 * azure-default.
 */
#include "lib/configtest.h"
#include "lib/sim.h"

#include "daemon/policy_map.h"

/* That policy as the engine gets it. */
static void named(const char *name, struct ike_policy *ret_ike, struct ike_policy *ret_esp)
{
	_cleanup_loaded_ struct loaded l = load_text("{}");
	const struct cg_policy *p;
	const char *why = NULL;

	assert_good(&l);
	p = cg_config_find_policy(l.config, name);
	assert_non_null(p);
	assert_int_equal(policy_map(p, ret_ike, ret_esp, &why), 0);
}

static void azure_default(struct ike_policy *ret_ike, struct ike_policy *ret_esp)
{
	named("azure-default", ret_ike, ret_esp);
}

static void holds(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("\"%s\" is not in: %s", words, text);
}

/* Of two that have nothing in common, whatever they are, both lists are told whole, with what they lack. */
static void built_in_policies_are_told_whole(void **state _unused_)
{
	static const char *const names[][2] = {{"default", "azure-default"},
					       {"azure-custom", "azure-default"},
					       {"azure-default", "azure-custom"},
					       {"azure-default", "default"}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct ike_policy ike[2], esp;
		char text[2][1024];
		struct sim *s = sim_new(40 + i);
		struct sim_node *a, *b;

		for (size_t k = 0; k < 2; k++) {
			named(names[i][k], &ike[k], &esp);
			ike_policy_format(&ike[k], text[k], sizeof(text[k]));
		}
		sim_pair(s, &a, &b);
		a->conns[0].config.ike_policy = &ike[0];
		b->conns[0].config.ike_policy = &ike[1];
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, 60 * SIM_S);
		assert_non_null(sim_report(b, "no-proposal-chosen"));
		holds(sim_report(b, "no-proposal-chosen")->text, text[0]);
		holds(sim_report(b, "no-proposal-chosen")->text, text[1]);
		holds(sim_report(b, "no-proposal-chosen")->hint, "have no KE in common");
		holds(sim_report(a, "no-proposal-chosen")->text, text[0]);
		sim_free(s);
	}
}

static void groups_are_accepted_that_are_not_offered(void **state _unused_)
{
	struct ike_policy ike, esp;

	azure_default(&ike, &esp);
	assert_int_equal(ike.n, 1);
	assert_int_equal(esp.n, 4);
	for (size_t i = 0; i < esp.n; i++) {
		uint16_t accepted[4] = {0}, n = 0, offered = 0;

		for (size_t k = 0; k < esp.proposals[i].n; k++) {
			const struct ike_policy_transform *t = &esp.proposals[i].transforms[k];

			if (t->type != IKE_TRANSFORM_KE)
				continue;
			if (t->accept_only)
				accepted[n++] = t->id;
			else
				offered++;
			/* None is said aloud. */
			assert_true(t->accept_only || t->id == IKE_KE_NONE);
		}
		assert_int_equal(offered, 1);
		assert_int_equal(n, 3);
		assert_int_equal(accepted[0], IKE_KE_MODP_1024);
		assert_int_equal(accepted[1], IKE_KE_MODP_2048);
		assert_int_equal(accepted[2], IKE_KE_MODP_2048_256);
	}
}

/* The peer, which has this policy for Child SAs, rekeys. group: with what; -1: it is refused. */
static void peer_rekeys(uint64_t seed, const char *esp_names, int group)
{
	struct sim *s = sim_new(seed);
	struct ike_policy ike, ours, peers, peers_ike;
	struct sim_node *a, *b;
	uint32_t spi;

	azure_default(&ike, &ours);
	sim_pair(s, &a, &b);
	sim_policy(&peers_ike, IKE_PROTOCOL_IKE,
		   "AES_CBC-256 HMAC_SHA1_96 PRF_HMAC_SHA1 MODP_1024");
	sim_policy(&peers, IKE_PROTOCOL_ESP, esp_names);
	a->conns[0].config.ike_policy = &peers_ike;
	a->conns[0].config.esp_policy = &peers;
	b->conns[0].config.ike_policy = &ike;
	b->conns[0].config.esp_policy = &ours;
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	spi = sim_count(b, 1).child.spi_in;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	sim_run(s, 20 * SIM_S);
	if (group >= 0) {
		sim_assert_rest(s);
		sim_assert_no_gaps(s);
		assert_int_not_equal(sim_count(b, 1).child.spi_in, spi);
		assert_int_equal(sim_count(b, 1).child.suite.ke, group);
		assert_int_equal(sim_count(a, 1).child.suite.ke, group);
		assert_int_equal(sim_reports(a, "ike-established"), 1);
	} else {
		assert_int_equal(sim_count(b, 1).child.spi_in, spi);
		assert_true(sim_reports(a, "child-no-proposal") > 0);
		assert_true(sim_reports(b, "child-no-proposal") > 0);
	}
	sim_free(s);
}

static void a_rekey_with_or_without_a_key_exchange_is_answered(void **state _unused_)
{
	peer_rekeys(1, "AES_GCM_16-256 NO_ESN", IKE_KE_NONE);
	peer_rekeys(2, "AES_GCM_16-256 MODP_1024 NO_ESN", IKE_KE_MODP_1024);
	peer_rekeys(3, "AES_GCM_16-256 MODP_2048 NO_ESN", IKE_KE_MODP_2048);
	peer_rekeys(4, "AES_GCM_16-256 MODP_2048_256 NO_ESN", IKE_KE_MODP_2048_256);
	peer_rekeys(5, "AES_CBC-256 HMAC_SHA2_256_128 MODP_2048 NO_ESN", IKE_KE_MODP_2048);
	/* A first guess that is not ours, with one among the others that is. */
	peer_rekeys(6, "AES_GCM_16-256 ECP_256 MODP_2048 NO_ESN", IKE_KE_MODP_2048);
	peer_rekeys(7, "AES_GCM_16-256 ECP_256 NO_ESN", -1);
}

/* As it does itself, two of a kind. */
static void our_rekey_has_no_key_exchange(void **state _unused_)
{
	struct sim *s = sim_new(8);
	struct ike_policy ike, esp;
	struct sim_node *a, *b;
	uint32_t spi;

	azure_default(&ike, &esp);
	sim_pair(s, &a, &b);
	a->conns[0].config.ike_policy = b->conns[0].config.ike_policy = &ike;
	a->conns[0].config.esp_policy = b->conns[0].config.esp_policy = &esp;
	sim_connect(s, a, b);
	spi = sim_count(b, 1).child.spi_in;
	assert_int_equal(ike_rekey(b->engine, s->now, 1, false, true), 0);
	sim_run(s, 20 * SIM_S);
	sim_assert_rest(s);
	assert_int_not_equal(sim_count(b, 1).child.spi_in, spi);
	assert_int_equal(sim_count(b, 1).child.suite.ke, IKE_KE_NONE);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(built_in_policies_are_told_whole),
		cmocka_unit_test(groups_are_accepted_that_are_not_offered),
		cmocka_unit_test(a_rekey_with_or_without_a_key_exchange_is_answered),
		cmocka_unit_test(our_rekey_has_no_key_exchange),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
