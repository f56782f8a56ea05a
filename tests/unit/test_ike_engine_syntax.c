// SPDX-License-Identifier: Apache-2.0
/*
 * INVALID_SYNTAX within an IKE SA (RFC 7296 section 2.21.3): who says so of a request, and who hears it, ends the IKE SA without DELETE, and connects anew. What is
 * well-formed and of no use is refused with other errors, which end nothing.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim_open.h"
#include "lib/sim_pair.h"

/* What happens to messages on their way. */
struct way {
	uint8_t exchange, sent_as; /* 0: as it was */
	bool (*keep)(const struct ike_payload *payload);
	void (*more)(struct ike_builder *b);
	unsigned times;
	bool answers;	/* not the requests of "a", but what "b" answers */
	bool from_b;	/* the requests of "b" */
	bool in_clear;	/* the answer is lost, and INVALID_SYNTAX comes in clear in its place */
	unsigned lost;	/* so many of the answers of "b" to what was changed are */
	bool holds;	/* DELETE of an IKE SA, by "b", is lost */
	unsigned drops; /* so many requests of "a" of that exchange are lost before */
	unsigned inits, deletes, repeated;
};

static void no_more(struct ike_builder *b)
{
	(void)b;
}

static bool nothing(const struct ike_payload *p)
{
	(void)p;
	return false;
}

static void invalid_syntax(struct ike_builder *b)
{
	ike_build_notify(b, IKE_N_INVALID_SYNTAX, IKE_VIEW_NONE);
}

static bool no_nonce(const struct ike_payload *p)
{
	return p->type != IKE_PAYLOAD_NONCE;
}

static bool no_ke(const struct ike_payload *p)
{
	return p->type != IKE_PAYLOAD_KE;
}

static bool no_notify(const struct ike_payload *p)
{
	return p->type != IKE_PAYLOAD_NOTIFY;
}

static void bad_curve25519(struct ike_builder *b)
{
	static const uint8_t none[32];

	ike_build_ke(b, IKE_KE_CURVE25519, IKE_VIEW(none, sizeof(none)));
}

static void bad_ecp_256(struct ike_builder *b)
{
	static const uint8_t none[64];

	ike_build_ke(b, IKE_KE_ECP_256, IKE_VIEW(none, sizeof(none)));
}

static void rekeys_nothing(struct ike_builder *b)
{
	ike_build_notify(b, IKE_N_REKEY_SA, IKE_VIEW_NONE);
}

static void rekeys_ah(struct ike_builder *b)
{
	static const uint8_t spi[] = {1, 2, 3, 4};

	ike_build_notify_spi(b, IKE_N_REKEY_SA, IKE_PROTOCOL_AH, IKE_VIEW(spi, sizeof(spi)),
			     IKE_VIEW_NONE);
}

static void cut_short(struct ike_builder *b)
{
	static const uint8_t body[] = {IKE_PROTOCOL_ESP, 4, 0, 7};

	ike_build_payload(b, IKE_PAYLOAD_DELETE, IKE_VIEW(body, sizeof(body)));
}

/* The SA payload, kept for another one like it. */
static uint8_t sa_payload[2048];
static size_t sa_len;

static bool no_sa(const struct ike_payload *p)
{
	if (p->type != IKE_PAYLOAD_SA)
		return true;
	assert_true(p->body.len <= sizeof(sa_payload));
	memcpy(sa_payload, p->body.data, p->body.len);
	sa_len = p->body.len;
	return false;
}

/* Its only proposal has an SPI of zeros. */
static void no_spi(struct ike_builder *b)
{
	memset(sa_payload + 8, 0, sa_payload[6]);
	ike_build_payload(b, IKE_PAYLOAD_SA, IKE_VIEW(sa_payload, sa_len));
}

static void send_clear(struct sim *s, const struct sim_packet *p, const struct sim_opened *o)
{
	struct ike_header header = o->msg.header;
	uint8_t buf[256];
	struct ike_builder b;
	size_t len;

	ike_build_message(&b, buf, sizeof(buf), &header);
	invalid_syntax(&b);
	assert_int_equal(ike_build_finish(&b, &len), 0);
	sim_inject(s, &p->from, &p->to, buf, len);
}

static enum sim_verdict tap(struct sim *s, struct sim_packet *p)
{
	static struct sim_opened o;
	struct way *w = s->tap_ctx;
	bool response, first;

	if (!sim_open(s, p, &o))
		return SIM_PASS;
	response = ike_header_is_response(&o.msg.header);
	first = o.from == s->nodes;
	w->inits += !response && o.msg.header.exchange == IKE_EXCHANGE_SA_INIT;
	for (size_t i = 0; i < o.content.n_deletes; i++) {
		if (!o.sa || o.content.deletes[i].protocol != IKE_PROTOCOL_IKE)
			continue;
		w->deletes++;
		if (w->holds && !first && !response && !w->from_b)
			return SIM_DROP;
	}
	if (!o.sa || o.msg.header.exchange != (w->times || !w->sent_as ? w->exchange : w->sent_as))
		return SIM_PASS;
	if (response && !first && !w->answers && !w->times && w->lost) {
		w->lost--;
		return SIM_DROP;
	}
	if (!response && first && w->drops) {
		w->drops--;
		return SIM_DROP;
	}
	if (!w->times || response != w->answers || first != (!w->answers && !w->from_b))
		return SIM_PASS;
	if (w->from_b && !o.content.n_deletes)
		return SIM_PASS;
	w->times--;
	if (w->in_clear) {
		send_clear(s, p, &o);
		return SIM_DROP;
	}
	if (w->sent_as)
		o.msg.header.exchange = w->sent_as;
	sim_reseal(s, p, &o, w->keep, w->more ? w->more : no_more);
	return SIM_DROP;
}

enum what { CHILD, IKE, FOLLOWUP, LIVENESS };

static struct pair up(uint64_t seed, enum what what, struct way *w)
{
	struct pair p = what == FOLLOWUP
				? pair_of(seed, SIM_IKE_ADDITIONAL, SIM_ESP_ADDITIONAL)
				: pair_of(seed, "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519",
					  "AES_GCM_16-256 CURVE25519 ESN");

	sim_connect(p.s, p.a, p.b);
	if (!w->exchange)
		w->exchange = what == FOLLOWUP	 ? IKE_EXCHANGE_FOLLOWUP_KE
			      : what == LIVENESS ? IKE_EXCHANGE_INFORMATIONAL
						 : IKE_EXCHANGE_CREATE_CHILD_SA;
	p.s->tap = tap;
	p.s->tap_ctx = w;
	return p;
}

static void go(struct pair *p, enum what what, const struct way *w)
{
	unsigned ms = 0;

	if (what != LIVENESS)
		assert_int_equal(ike_rekey(p->a->engine, p->s->now, 1, what == IKE, what != IKE),
				 0);
	while ((w->times || w->lost) && ms++ < 60000)
		sim_run(p->s, SIM_MS);
	assert_int_equal(w->times, 0);
	assert_int_equal(w->lost, 0);
}

/* It is gone at both, with what went through it; then there is another one. */
static void ended_and_begun_anew(struct pair *p, struct way *w, uint64_t spi)
{
	assert_int_equal(sim_count(p->a, 1).up, 0);
	assert_int_equal(p->a->n_sad, 0);
	assert_int_equal(w->deletes, 0);
	assert_int_equal(w->inits, 0);
	sim_run(p->s, 3 * SIM_S);
	assert_int_equal(w->inits, 1);
	assert_int_equal(sim_count(p->a, 1).up, 1);
	assert_true(sim_count(p->a, 1).last.spi_i != spi);
	sim_run(p->s, 60 * SIM_S);
	sim_assert_rest(p->s);
}

/* ------------------------------------------------------------------ of the peer's requests */

static void ends(uint64_t seed, enum what what, struct way w, const char *event, const char *words)
{
	struct pair p;
	const struct sim_report *r;
	uint64_t spi;

	w.times = 1;
	p = up(seed, what, &w);
	spi = sim_count(p.a, 1).last.spi_i;
	go(&p, what, &w);
	sim_run(p.s, 300 * SIM_MS);
	assert_int_equal(sim_count(p.b, 1).up, 0);
	assert_int_equal(p.b->n_sad, 0);
	r = sim_says(p.b, event, words);
	assert_int_equal(r->connection, 1);
	assert_non_null(strstr(r->text, "ends the IKE SA"));
	assert_non_null(strstr(r->hint, "fault of the peer's implementation"));
	assert_int_equal(sim_reports(p.b, event), 1);
	assert_int_equal(sim_failures(p.b), 1);
	/* Who has asked something else takes no answer to this for its own. */
	if (!w.sent_as) {
		assert_int_equal(sim_reports(p.a, "invalid-syntax"), 1);
		assert_int_equal(sim_failures(p.a), 1);
		ended_and_begun_anew(&p, &w, spi);
	}
	sim_free(p.s);
}

static void test_requests_that_are_badly_formatted_end_the_ike_sa(void **state)
{
	(void)state;
	ends(1, CHILD, (struct way){.keep = no_nonce}, "malformed-message", "payload is missing");
	ends(2, CHILD, (struct way){.keep = no_notify, .more = rekeys_nothing}, "malformed-message",
	     "not named by an SPI");
	ends(3, IKE, (struct way){.keep = no_nonce}, "ike-rekey-refused", "payload is missing");
	ends(4, FOLLOWUP, (struct way){.keep = no_notify}, "malformed-message",
	     "does not say with which");
	ends(5, FOLLOWUP, (struct way){.keep = no_ke}, "bad-key-exchange", "KE payload is missing");
	ends(6, CHILD, (struct way){.more = cut_short}, "malformed-message", "DELETE payload");
	ends(7, LIVENESS, (struct way){.more = cut_short}, "malformed-message", "DELETE payload");
	ends(8, CHILD, (struct way){.sent_as = IKE_EXCHANGE_AUTH, .answers = false},
	     "malformed-message", "IKE_AUTH has no place");
}

/* RFC 6989 section 2.5: "MUST reply with an INVALID_SYNTAX error notification and drop the IKE SA". */
static void test_public_values_that_are_refused_end_the_ike_sa(void **state)
{
	(void)state;
	ends(10, CHILD, (struct way){.keep = no_ke, .more = bad_curve25519}, "bad-key-exchange",
	     "public value was refused");
	ends(11, IKE, (struct way){.keep = no_ke, .more = bad_curve25519}, "ike-rekey-refused",
	     "public value was refused");
	ends(12, FOLLOWUP, (struct way){.keep = no_ke, .more = bad_ecp_256}, "bad-key-exchange",
	     "public value was refused");
}

static void test_the_answer_that_was_lost_is_repeated(void **state)
{
	struct way w = {.keep = no_nonce, .times = 1, .lost = 2};
	struct pair p = up(15, CHILD, &w);
	uint64_t spi = sim_count(p.a, 1).last.spi_i;

	(void)state;
	go(&p, CHILD, &w);
	assert_int_equal(sim_count(p.b, 1).up, 0);
	assert_int_equal(sim_count(p.a, 1).up, 1);
	assert_true(sim_until_down(p.a, 10 * SIM_S));
	assert_int_equal(sim_reports(p.a, "invalid-syntax"), 1);
	assert_int_equal(sim_reports(p.b, "malformed-message"), 1);
	ended_and_begun_anew(&p, &w, spi);
	sim_free(p.s);
}

/* Well-formed, and of no use here: nothing ends. */
static void lives(uint64_t seed, enum what what, struct way w, const char *event, const char *words)
{
	struct pair p;
	uint64_t spi;

	w.times = 1;
	p = up(seed, what, &w);
	spi = sim_count(p.a, 1).last.spi_i;
	go(&p, what, &w);
	sim_run(p.s, 3 * SIM_S);
	assert_int_equal(sim_reports(p.a, "invalid-syntax"), 0);
	/* What was lost is repeated. */
	if (what != IKE || !w.in_clear) {
		assert_int_equal(sim_count(p.a, 1).last.spi_i, spi);
		assert_int_equal(sim_count(p.b, 1).last.spi_i, spi);
	}
	if (words) {
		const struct sim_report *r = sim_report(p.a, event);

		assert_non_null(r);
		assert_non_null(strstr(r->text, words));
	}
	sim_run(p.s, 60 * SIM_S);
	assert_int_equal(w.inits, 0);
	sim_assert_rest(p.s);
	sim_free(p.s);
}

static void test_what_is_well_formed_ends_nothing(void **state)
{
	(void)state;
	lives(20, CHILD, (struct way){.keep = no_sa, .more = no_spi}, "child-no-proposal",
	      "accepts none");
	lives(21, CHILD, (struct way){.keep = no_notify, .more = rekeys_ah}, "child-refused",
	      "does not have");
	lives(22, IKE, (struct way){.keep = no_sa, .more = no_spi}, "ike-rekey-refused",
	      "NO_PROPOSAL_CHOSEN");
	lives(23, FOLLOWUP, (struct way){.keep = no_ke, .more = bad_curve25519}, "followup-refused",
	      "INVALID_KE_PAYLOAD");
}

/* ------------------------------------------------------------------ in answers */

static void test_an_answer_that_says_so_ends_the_ike_sa(void **state)
{
	static const char *const words[] = {
		[CHILD] = "rekey Child SA net (CREATE_CHILD_SA)",
		[IKE] = "rekey the IKE SA (CREATE_CHILD_SA)",
		[FOLLOWUP] = "rekey Child SA net (IKE_FOLLOWUP_KE)",
		[LIVENESS] = "whether it is there (INFORMATIONAL)",
	};

	(void)state;
	for (enum what what = CHILD; what <= LIVENESS; what++) {
		struct way w = {
			.answers = true, .times = 1, .keep = nothing, .more = invalid_syntax};
		struct pair p = up(30 + what, what, &w);
		uint64_t spi = sim_count(p.a, 1).last.spi_i;

		go(&p, what, &w);
		sim_run(p.s, 300 * SIM_MS);
		assert_int_equal(sim_says(p.a, "invalid-syntax", words[what])->connection, 1);
		assert_int_equal(sim_reports(p.a, "invalid-syntax"), 1);
		assert_int_equal(sim_failures(p.a), 1);
		ended_and_begun_anew(&p, &w, spi);
		sim_free(p.s);
	}
}

static void test_in_clear_it_ends_nothing(void **state)
{
	(void)state;
	for (enum what what = CHILD; what <= LIVENESS; what++)
		lives(40 + what, what, (struct way){.answers = true, .in_clear = true}, "", NULL);
}

/* RFC 6989 section 2.5: "MUST immediately delete the IKE SA by sending an IKE SA Delete notification". */
static void test_public_values_in_answers_that_are_refused_end_the_ike_sa(void **state)
{
	static const char *const events[] = {
		[CHILD] = "child-bad-answer",
		[IKE] = "ike-rekey-bad-answer",
		[FOLLOWUP] = "followup-bad-answer",
	};

	(void)state;
	for (enum what what = CHILD; what <= FOLLOWUP; what++) {
		struct way w = {.answers = true,
				.times = 1,
				.keep = no_ke,
				.more = what == FOLLOWUP ? bad_ecp_256 : bad_curve25519};
		struct pair p = up(50 + what, what, &w);
		uint64_t spi = sim_count(p.a, 1).last.spi_i;

		go(&p, what, &w);
		sim_run(p.s, 300 * SIM_MS);
		sim_says(p.a, events[what], "which ends the IKE SA");
		assert_int_equal(sim_failures(p.a), 1);
		assert_int_equal(sim_count(p.a, 1).up, 0);
		/* One that the peer has rekeyed has ended, and what it made is replaced. */
		assert_int_equal(sim_count(p.b, 1).up, what == IKE);
		/* Asked and answered. */
		assert_true(w.deletes >= 1);
		sim_run(p.s, 60 * SIM_S);
		assert_true(sim_count(p.a, 1).last.spi_i != spi);
		sim_assert_rest(p.s);
		sim_free(p.s);
	}
}

/* Whoever finds every question malformed is asked less and less often. */
static void test_a_peer_that_always_says_so_makes_no_loop(void **state)
{
	struct way w = {.answers = true, .times = 1000, .keep = nothing, .more = invalid_syntax};
	struct pair p = up(60, LIVENESS, &w);

	(void)state;
	sim_run(p.s, 1200 * SIM_S);
	/* 15 s until it is asked, and a minute of waiting in the end. */
	assert_in_range(w.inits, 12, 30);
	assert_in_range(sim_reports(p.a, "invalid-syntax"), 12, 30);
	sim_free(p.s);
}

/* Nor does one that says so of a Child SA beside the first one: that waits, and the first one is there most of the time. */
static void test_a_child_that_ends_the_ike_sa_waits(void **state)
{
	struct way w = {.answers = true, .times = 1000, .keep = nothing, .more = invalid_syntax};
	struct sim *s = sim_new(61);
	struct sim_node *a, *b;
	unsigned there = 0;

	(void)state;
	w.exchange = IKE_EXCHANGE_CREATE_CHILD_SA;
	sim_pair(s, &a, &b);
	sim_child(&a->conns[0], 1, "more", "10.5.0.0/16", "10.6.0.0/16");
	s->tap = tap;
	s->tap_ctx = &w;
	sim_begin(a, b);
	sim_run(s, 600 * SIM_S);
	for (int i = 0; i < 600; i++) {
		sim_run(s, SIM_S);
		there += sim_count(a, 1).children_up > 0;
	}
	assert_true(there > 400);
	assert_in_range(w.inits, 5, 60);
	sim_free(s);
}

/* ------------------------------------------------------------------ while it is being rekeyed by both */

/*
 * Ours has not arrived, the peer's is complete: the peer has the Child SAs in what it made. What the peer says of the old one, whose DELETE by the peer is lost, takes
 * none of them away.
 */
static void crossing(uint64_t seed, struct way w, bool asked)
{
	struct pair p = up(seed, IKE, &w);
	uint64_t spi = sim_count(p.a, 1).last.spi_i;

	p.s->traffic = 5 * SIM_MS;
	sim_run(p.s, SIM_S);
	assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, true, false), 0);
	assert_int_equal(ike_rekey(p.b->engine, p.s->now, 1, true, false), 0);
	for (unsigned ms = 0; w.times && ms < 20000; ms++)
		sim_run(p.s, SIM_MS);
	assert_int_equal(w.times, 0);
	sim_run(p.s, 200 * SIM_MS);
	assert_int_equal(sim_count(p.a, 1).children_up, 1);
	w.holds = false;
	sim_run(p.s, 60 * SIM_S);
	sim_assert_rest(p.s);
	sim_assert_no_gaps(p.s);
	assert_true(sim_count(p.a, 1).last.spi_i != spi);
	assert_int_equal(sim_reports(p.a, asked ? "malformed-message" : "invalid-syntax"), 1);
	assert_int_equal(w.inits, asked ? 0 : 1);
	sim_free(p.s);
}

static void test_what_the_peer_has_rekeyed_keeps_the_child_sas(void **state)
{
	(void)state;
	crossing(70,
		 (struct way){.answers = true,
			      .times = 1,
			      .drops = 1,
			      .holds = true,
			      .keep = nothing,
			      .more = invalid_syntax},
		 false);
	crossing(71,
		 (struct way){.exchange = IKE_EXCHANGE_INFORMATIONAL,
			      .sent_as = IKE_EXCHANGE_AUTH,
			      .from_b = true,
			      .times = 1,
			      .holds = true,
			      .keep = nothing},
		 true);
}

/* The peer has neither: that is not waited for. */
static void test_what_the_peer_has_not_rekeyed_is_soon_replaced(void **state)
{
	struct way w = {.answers = true,
			.times = 1,
			.drops = 1,
			.holds = true,
			.keep = nothing,
			.more = invalid_syntax};
	struct pair p = up(72, IKE, &w);
	uint64_t spi = sim_count(p.a, 1).last.spi_i;

	(void)state;
	assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, true, false), 0);
	assert_int_equal(ike_rekey(p.b->engine, p.s->now, 1, true, false), 0);
	for (unsigned ms = 0; w.times && ms < 20000; ms++)
		sim_run(p.s, SIM_MS);
	assert_int_equal(w.times, 0);
	sim_node_restart(p.b, true);
	sim_run(p.s, 2 * SIM_S);
	assert_int_equal(w.inits, 1);
	assert_int_equal(sim_count(p.b, 1).children_up, 1);
	sim_run(p.s, 60 * SIM_S);
	assert_true(sim_count(p.a, 1).last.spi_i != spi);
	assert_int_equal(w.inits, 1);
	sim_assert_rest(p.s);
	sim_free(p.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_that_are_badly_formatted_end_the_ike_sa),
		cmocka_unit_test(test_public_values_that_are_refused_end_the_ike_sa),
		cmocka_unit_test(test_the_answer_that_was_lost_is_repeated),
		cmocka_unit_test(test_what_is_well_formed_ends_nothing),
		cmocka_unit_test(test_an_answer_that_says_so_ends_the_ike_sa),
		cmocka_unit_test(test_in_clear_it_ends_nothing),
		cmocka_unit_test(test_public_values_in_answers_that_are_refused_end_the_ike_sa),
		cmocka_unit_test(test_a_peer_that_always_says_so_makes_no_loop),
		cmocka_unit_test(test_a_child_that_ends_the_ike_sa_waits),
		cmocka_unit_test(test_what_the_peer_has_rekeyed_keeps_the_child_sas),
		cmocka_unit_test(test_what_the_peer_has_not_rekeyed_is_soon_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
