// SPDX-License-Identifier: Apache-2.0
/*
 * Two engines connect: IKE_SA_INIT and IKE_AUTH in both roles with all that may come between, the first Child SA and
 * further ones, over every protection of messages and key exchange.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim.h"

static void test_two_engines_connect(void **state)
{
	struct sim *s = sim_new(1);
	struct sim_node *a, *b;
	struct sim_count k;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 10 * SIM_MS;
	sim_connect(s, a, b);
	sim_run(s, 5 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	k = sim_count(a, 1);
	assert_true(k.last.initiator);
	assert_false(k.last.udp);
	assert_true(k.last.fragmentation);
	assert_string_equal(k.subject, "CN=b");
	assert_int_equal(k.last.suite.encr, IKE_ENCR_AES_GCM_16);
	k = sim_count(b, 1);
	assert_false(k.last.initiator);
	assert_string_equal(k.subject, "CN=a");
	assert_true(a->conns[0].flows[0].received > 100);
	assert_true(b->conns[0].flows[0].received > 100);
	sim_free(s);
}

static void test_over_ipv6(void **state)
{
	struct sim *s = sim_new(2);
	struct sim_node *a = sim_node_new(s, "a", "root-a", "2001:db8:1::1");
	struct sim_node *b = sim_node_new(s, "b", "root-b", "2001:db8:2::1");
	struct sim_conn *c = sim_conn(a, 7, "2001:db8:2::1", "b", "root-b");

	(void)state;
	sim_child(c, 0, "six", "2001:db8:a::/48", "2001:db8:b::/48");
	c = sim_conn(b, 9, NULL, "a", "root-a");
	sim_child(c, 0, "six", "2001:db8:b::/48", "2001:db8:a::/48");
	a->chain_extra = 2;
	a->chain_extra_size = 1500;
	s->mtu = 1280;
	sim_connect(s, a, b);
	assert_true(sim_count(b, 9).last.remote.addr.family == AF_INET6);
	sim_free(s);
}

/* Is what was agreed on all that there was to agree on? Names with spaces, and a suite. */
static void assert_all_of(const char *names, const struct ike_suite *suite)
{
	char text[IKE_SUITE_TEXT], found[IKE_SUITE_TEXT + 2], word[IKE_NAME_BUF + 2];
	size_t n = 0;

	(void)snprintf(found, sizeof(found), "/%s/", ike_suite_format(suite, text, sizeof(text)));
	for (const char *p = names; *p; n++) {
		size_t len = strcspn(p, " ");

		(void)snprintf(word, sizeof(word), "/%.*s/", (int)len, p);
		if (!strstr(found, word))
			fail_msg("%s is not in %s", word, found);
		p += len + (p[len] == ' ');
	}
	for (const char *p = text; (p = strchr(p, '/')); p++)
		n--;
	assert_int_equal(n, 1);
}

static void connect_with(const char *ike_names, const char *esp_names)
{
	struct sim *s = sim_new(3);
	struct ike_policy ike, esp;
	struct sim_node *a, *b;

	sim_pair(s, &a, &b);
	sim_policy(&ike, IKE_PROTOCOL_IKE, ike_names);
	sim_policy(&esp, IKE_PROTOCOL_ESP, esp_names);
	a->conns[0].config.ike_policy = b->conns[0].config.ike_policy = &ike;
	a->conns[0].config.esp_policy = b->conns[0].config.esp_policy = &esp;
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 20 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, true), 0);
	sim_run(s, 20 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	/* Child SAs have a key exchange of their own once they are rekeyed. */
	for (struct sim_node *n = s->nodes; n; n = n->next) {
		struct sim_count k = sim_count(n, 1);

		assert_all_of(ike_names, &k.last.suite);
		assert_all_of(esp_names, &k.child.suite);
	}
	sim_free(s);
}

static void test_every_suite(void **state)
{
	static const char *const encr[] = {"AES_GCM_16-128",
					   "AES_GCM_16-192",
					   "AES_GCM_16-256",
					   "CHACHA20_POLY1305",
					   "AES_CBC-128 HMAC_SHA2_256_128",
					   "AES_CBC-192 HMAC_SHA2_384_192",
					   "AES_CBC-256 HMAC_SHA2_512_256",
					   "AES_CBC-128 HMAC_SHA1_96"};
	static const char *const prf[] = {"PRF_HMAC_SHA2_256", "PRF_HMAC_SHA2_384",
					  "PRF_HMAC_SHA2_512", "PRF_HMAC_SHA1"};
	static const char *const ke[] = {"CURVE25519",	  "ECP_384",	"ECP_256",	"MODP_2048",
					 "ECP_521",	  "MODP_3072",	"MODP_4096",	"MODP_1024",
					 "MODP_2048_256", "CURVE25519", "MODP_2048_256"};
	char ike[200], esp[200];

	(void)state;
	for (size_t i = 0; i < 11; i++) {
		(void)snprintf(ike, sizeof(ike), "%s %s %s", encr[i % 8], prf[i % 4], ke[i]);
		(void)snprintf(esp, sizeof(esp), "%s%s%s %s", encr[(i + 3) % 8], i % 3 ? " " : "",
			       i % 3 ? ke[(i + 5) % 11] : "", i % 2 ? "ESN" : "NO_ESN");
		connect_with(ike, esp);
	}
}

static void test_wrong_guess_of_the_group_is_corrected(void **state)
{
	struct sim *s = sim_new(4);
	struct ike_policy ours, theirs;
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_policy(&ours, IKE_PROTOCOL_IKE,
		   "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 ECP_256 ECP_384");
	sim_policy(&theirs, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_384");
	a->conns[0].config.ike_policy = &ours;
	b->conns[0].config.ike_policy = &theirs;
	sim_connect(s, a, b);
	assert_int_equal(sim_count(a, 1).last.suite.ke, IKE_KE_ECP_384);
	/* The one round trip more did not cost a failure. */
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	assert_int_equal(sim_reports(a, "no-proposal-chosen"), 0);
	sim_free(s);
}

static void test_wrong_guess_of_the_pfs_group_is_corrected(void **state)
{
	struct sim *s = sim_new(5);
	struct ike_policy ours, theirs;
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_policy(&ours, IKE_PROTOCOL_ESP, "AES_GCM_16-256 CURVE25519 ECP_256 ESN");
	sim_policy(&theirs, IKE_PROTOCOL_ESP, "AES_GCM_16-256 ECP_256 ESN");
	a->conns[0].config.esp_policy = &ours;
	b->conns[0].config.esp_policy = &theirs;
	s->traffic = 20 * SIM_MS;
	sim_connect(s, a, b);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	sim_run(s, 20 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_count(a, 1).child.suite.ke, IKE_KE_ECP_256);
	sim_free(s);
}

/* Doubles each IKE_SA_INIT request with another SPI, so that the responder sees many half-open ones. */
static enum sim_verdict flood_init(struct sim *s, struct sim_packet *p)
{
	uint8_t copy[2048];

	if (p->esp || p->size < 28 || p->size > sizeof(copy) ||
	    p->data[18] != IKE_EXCHANGE_SA_INIT || p->data[19] & IKE_FLAG_RESPONSE || s->tap_ctx)
		return SIM_PASS;
	s->tap_ctx = s;
	memcpy(copy, p->data, p->size);
	for (int i = 0; i < 20; i++) {
		copy[7] = (uint8_t)(copy[7] + 1);
		sim_inject(s, &p->from, &p->to, copy, p->size);
	}
	return SIM_PASS;
}

static void test_under_load_a_cookie_is_returned(void **state)
{
	struct sim *s = sim_new(6);
	struct ike_counters counters;
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	b->engine_config.half_open_cookie = 4;
	sim_node_restart(b, true);
	s->tap = flood_init;
	s->delay_max = s->delay_min;
	a->conns[0].config.local.port = 500;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 60 * SIM_S);
	ike_counters(b->engine, &counters);
	assert_true(counters.cookies_sent > 10);
	/* What did not go on is forgotten. */
	sim_run(s, 60 * SIM_S);
	assert_int_equal(b->engine->half_open, 0);
	sim_assert_rest(s);
	sim_free(s);
}

static void test_cookie_and_wrong_group_together(void **state)
{
	struct sim *s = sim_new(7);
	struct ike_policy ours, theirs;
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_policy(&ours, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 ECP_256");
	sim_policy(&theirs, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256");
	a->conns[0].config.ike_policy = &ours;
	b->conns[0].config.ike_policy = &theirs;
	b->engine_config.half_open_per_net = 1;
	sim_node_restart(b, true);
	s->tap = flood_init;
	sim_connect(s, a, b);
	sim_free(s);
}

static void chain_at(size_t mtu, uint16_t fragment_size, unsigned loss)
{
	struct sim *s = sim_new(8 + mtu);
	struct sim_node *a, *b, *nodes[2];

	sim_pair(s, &a, &b);
	nodes[0] = a;
	nodes[1] = b;
	for (int i = 0; i < 2; i++) {
		nodes[i]->chain_extra = 4;
		nodes[i]->chain_extra_size = 3000;
		nodes[i]->conns[0].config.fragment_size = fragment_size;
	}
	s->mtu = mtu;
	s->loss = loss;
	s->duplicate = loss;
	s->delay_max = 100 * SIM_MS;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 300 * SIM_S);
	sim_free(s);
}

static void test_big_chains_are_fragmented(void **state)
{
	(void)state;
	chain_at(576, 576, 0);
	chain_at(1280, 0, 0);
	chain_at(1500, 1500, 0);
	/* Fragments that get lost, doubled and out of order. */
	chain_at(576, 576, 3);
	chain_at(1280, 1280, 10);
}

static void test_big_chains_need_fragmentation(void **state)
{
	struct sim *s = sim_new(9);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	a->chain_extra = 3;
	a->chain_extra_size = 2000;
	b->conns[0].config.fragmentation = false;
	s->mtu = 1500;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 80 * SIM_S);
	assert_int_equal(sim_count(a, 1).up, 0);
	assert_int_equal(sim_reports(a, "retransmit-timeout"), 1);
	assert_non_null(strstr(sim_report(a, "retransmit-timeout")->text, "IKE_AUTH"));
	sim_free(s);
}

static void test_several_children(void **state)
{
	struct sim *s = sim_new(10);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_child(&a->conns[0], 1, "second", "10.11.0.0/16", "10.12.0.0/16");
	sim_child(&b->conns[0], 1, "second", "10.12.0.0/16", "10.11.0.0/16");
	sim_child(&a->conns[0], 2, "third", "10.21.0.0/16", "10.22.0.0/16");
	sim_child(&b->conns[0], 2, "third", "10.22.0.0/16", "10.21.0.0/16");
	s->traffic = 10 * SIM_MS;
	sim_connect(s, a, b);
	assert_int_equal(sim_count(a, 1).children_up, 3);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, false, true), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

static void test_selectors_are_narrowed(void **state)
{
	struct sim *s = sim_new(11);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_child(&a->conns[0], 0, "wide", "0.0.0.0/0", "10.0.0.0/8");
	sim_connect(s, a, b);
	assert_int_equal(a->sad->n_local_ts, 1);
	assert_memory_equal(a->sad->local_ts[0].start, ((const uint8_t[]){10, 1, 0, 0}), 4);
	assert_memory_equal(a->sad->local_ts[0].end, ((const uint8_t[]){10, 1, 255, 255}), 4);
	assert_memory_equal(a->sad->remote_ts[0].end, ((const uint8_t[]){10, 2, 255, 255}), 4);
	assert_memory_equal(b->sad->remote_ts[0].start, ((const uint8_t[]){10, 1, 0, 0}), 4);
	/* The operator hears what the peer took of what; once, as one that is rekeyed asks for what it has. */
	assert_int_equal(sim_reports(a, "child-narrowed"), 1);
	assert_non_null(strstr(sim_report(a, "child-narrowed")->text,
			       "takes 10.1.0.0/16 === 10.2.0.0/16;"));
	assert_non_null(strstr(sim_report(a, "child-narrowed")->text, "10.0.0.0/8 does not go"));
	assert_int_equal(sim_reports(b, "child-narrowed"), 0);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 20 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_reports(a, "child-narrowed"), 1);
	sim_free(s);
}

static void first_of(struct sim_conn *c, unsigned side, const char *prefix)
{
	struct cg_prefix p;

	c->ts[0][side][1] = c->ts[0][side][0];
	assert_int_equal(cg_prefix_parse(prefix, &p), 0);
	assert_int_equal(ike_ts_from_prefix(p.addr.bytes, 4, p.len, &c->ts[0][side][0]), 0);
}

/* Of several children that a wide offer fits, the one that has the packet's selectors, which come first (section 2.9). */
static void test_the_child_with_the_packets_selectors_is_chosen(void **state)
{
	static const char *const packets[] = {"10.2.0.9/32", "10.3.0.9/32", "10.4.0.9/32"};

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		struct sim *s = sim_new(12 + i);
		struct sim_node *a, *b;
		struct sim_conn *c;

		sim_pair(s, &a, &b);
		c = &a->conns[0];
		sim_child(c, 0, "trap", "0.0.0.0/0", "0.0.0.0/0");
		first_of(c, 0, "10.1.0.7/32");
		first_of(c, 1, packets[i]);
		c->children[0].n_local_ts = c->children[0].n_remote_ts = 2;
		sim_child(&b->conns[0], 1, "second", "10.3.0.0/16", "10.1.0.0/16");
		sim_child(&b->conns[0], 2, "third", "10.4.0.0/16", "10.1.0.0/16");
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, 2 * SIM_S);
		assert_int_equal(sim_count(b, 1).child.index, i);
		sim_free(s);
	}
}

static void test_both_begin_at_once(void **state)
{
	(void)state;
	for (uint64_t seed = 500; seed < 560; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		b->conns[0].config.mode = IKE_MODE_DEFAULT;
		s->traffic = 10 * SIM_MS;
		s->loss = s->seed % 3 * 10;
		s->delay_max = (20 + s->seed % 5 * 100) * SIM_MS;
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, seeded_next(&s->random) % (60 * SIM_MS));
		sim_conn_set(b, &b->conns[0]);
		sim_run(s, 240 * SIM_S);
		s->loss = 0;
		sim_run(s, 60 * SIM_S);
		sim_assert_rest(s);
		sim_assert_no_gaps(s);
		sim_free(s);
	}
}

/*
 * Both IKE SAs come to be at the same moment, and the kernel is taking up the Child SA of ours when the peer's asks for its own: that one is not sent on before the peer has it.
 */
static void test_both_begin_and_lose_nothing(void **state)
{
	unsigned seen = 0;

	(void)state;
	for (uint64_t seed = 700; seed < 760; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		b->conns[0].config.mode = IKE_MODE_DEFAULT;
		s->traffic = SIM_MS;
		s->answer_max = 10 * SIM_MS;
		sim_conn_set(a, &a->conns[0]);
		sim_conn_set(b, &b->conns[0]);
		sim_run(s, 60 * SIM_S);
		seen += sim_reports(a, "child-established") == 2;
		sim_assert_rest(s);
		sim_assert_no_gaps(s);
		sim_free(s);
	}
	assert_true(seen > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_engines_connect),
		cmocka_unit_test(test_over_ipv6),
		cmocka_unit_test(test_every_suite),
		cmocka_unit_test(test_wrong_guess_of_the_group_is_corrected),
		cmocka_unit_test(test_wrong_guess_of_the_pfs_group_is_corrected),
		cmocka_unit_test(test_under_load_a_cookie_is_returned),
		cmocka_unit_test(test_cookie_and_wrong_group_together),
		cmocka_unit_test(test_big_chains_are_fragmented),
		cmocka_unit_test(test_big_chains_need_fragmentation),
		cmocka_unit_test(test_several_children),
		cmocka_unit_test(test_selectors_are_narrowed),
		cmocka_unit_test(test_the_child_with_the_packets_selectors_is_chosen),
		cmocka_unit_test(test_both_begin_at_once),
		cmocka_unit_test(test_both_begin_and_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
