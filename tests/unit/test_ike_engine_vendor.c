// SPDX-License-Identifier: Apache-2.0
/*
 * Vendor IDs (RFC 7296 section 3.12) in every message of a peer: those of other implementations, unknown ones, empty, many and long ones. Nothing follows from any of
 * them, and none is sent.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim_open.h"

enum vendors {
	VENDORS_NONE,
	VENDORS_KNOWN,	 /* of other implementations, and what IKEv1 made of them */
	VENDORS_UNKNOWN, /* anything, of no length as well */
	VENDORS_MANY,	 /* more than are kept */
	VENDORS_HUGE,	 /* as long as an IKE_SA_INIT may be, nearly */
	N_VENDORS,
};

static enum vendors which;
static unsigned added[256][2]; /* by exchange; requests, and responses */
static struct sim_opened opened;

static void add_vendors(struct ike_builder *b)
{
	/* strongSwan, Microsoft, NAT traversal and fragmentation in IKEv1, XAUTH, dead peer detection */
	static const char *const known[] = {
		"882fe56d6fd20dbc2251613b2ebe5beb",
		"1e2b516905991c7d7c96fcbfb587e46100000009",
		"4a131c81070358455c5728f20e95452f",
		"90cb80913ebb696e086381b5ec427b1f",
		"4048b7d56ebce88525e7de7f00d6c2d3c0000000",
		"09002689dfd6b712",
		"afcad71368a1f1c96b8696fc77570100",
	};
	static const char *const texts[] = {"OE-Libreswan-4.10", "CISCO-DELETE-REASON",
					    "FLEXVPN-SUPPORTED"};
	static const uint8_t filling[7000] = {0xff, 0, 0x80};

	switch (which) {
	case VENDORS_KNOWN:
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			ike_build_vendor(b, unhex(known[i]));
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			ike_build_vendor(b, IKE_VIEW((const uint8_t *)texts[i], strlen(texts[i])));
		break;
	case VENDORS_UNKNOWN:
		ike_build_vendor(b, IKE_VIEW_NONE);
		ike_build_vendor(b, IKE_VIEW(filling, 1));
		ike_build_vendor(b, IKE_VIEW(filling, 65));
		break;
	case VENDORS_MANY:
		for (size_t i = 0; i < IKE_MESSAGE_MAX_VENDORS + 20; i++)
			ike_build_vendor(b, IKE_VIEW(filling, i));
		break;
	case VENDORS_HUGE: ike_build_vendor(b, IKE_VIEW(filling, sizeof(filling))); break;
	case VENDORS_NONE:
	case N_VENDORS: break;
	}
}

/* What is in clear is signed: its sender has to know of it, as who sends vendor IDs does. */
static void send_init(struct sim *s, const struct sim_packet *p)
{
	const struct ike_header *h = &opened.msg.header;
	struct ik_sa *sa = ik_sa_find(opened.from->engine,
				      ike_header_is_response(h) ? h->spi_r : h->spi_i);
	uint8_t buf[IK_INIT_MAX];
	struct ike_builder b;
	size_t len;

	assert_non_null(sa);
	ike_build_message(&b, buf, sizeof(buf), h);
	add_vendors(&b);
	for (size_t i = 0; i < opened.msg.outer.n; i++) {
		ike_build_payload(&b, opened.msg.outer.item[i].type, opened.msg.outer.item[i].body);
		if (i == 1 && which == VENDORS_KNOWN)
			add_vendors(&b);
	}
	assert_int_equal(ike_build_finish(&b, &len), 0);
	assert_int_equal(ik_init_keep_message(&sa->setup->ours, &sa->setup->ours_len,
					      IKE_VIEW(buf, len)),
			 0);
	sim_inject(s, &p->from, &p->to, buf, len);
}

static enum sim_verdict vendor_tap(struct sim *s, struct sim_packet *p)
{
	const struct ike_header *h = &opened.msg.header;

	if (p->esp || !sim_open(s, p, &opened))
		return SIM_PASS;
	assert_int_equal(opened.content.n_vendors, 0);
	if (which == VENDORS_NONE)
		return SIM_PASS;
	added[h->exchange][ike_header_is_response(h)]++;
	if (opened.sa)
		sim_reseal(s, p, &opened, NULL, add_vendors);
	else
		send_init(s, p);
	return SIM_DROP;
}

/* A connection's life, with these in every message; what was told of it is added to the text. */
static void live(enum vendors vendors, char *told, size_t size)
{
	struct sim *s = sim_new(1);
	struct sim_node *nodes[2];
	struct ike_counters k;
	size_t len = 0;

	sim_pair(s, &nodes[0], &nodes[1]);
	which = vendors;
	s->tap = vendor_tap;
	s->traffic = 50 * SIM_MS;
	sim_connect(s, nodes[0], nodes[1]);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ike_rekey(nodes[i]->engine, s->now, 1, true, true), 0);
		sim_run(s, 60 * SIM_S);
		sim_assert_rest(s);
	}
	assert_int_equal(ike_reauthenticate(nodes[0]->engine, s->now, 1), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	for (int i = 0; i < 2; i++) {
		ike_counters(nodes[i]->engine, &k);
		assert_int_equal(k.malformed + k.integrity_failed + k.retransmits, 0);
		for (size_t j = 0; j < nodes[i]->n_reports; j++)
			len += (size_t)snprintf(told + len, size - len, "%s ",
						nodes[i]->reports[j].event);
		assert_true(len < size);
	}
	sim_free(s);
}

static void test_vendor_ids_change_nothing(void **state)
{
	static const uint8_t exchanges[] = {IKE_EXCHANGE_SA_INIT, IKE_EXCHANGE_AUTH,
					    IKE_EXCHANGE_CREATE_CHILD_SA,
					    IKE_EXCHANGE_INFORMATIONAL};
	char usual[2048], told[2048];

	(void)state;
	live(VENDORS_NONE, usual, sizeof(usual));
	for (enum vendors v = VENDORS_NONE + 1; v < N_VENDORS; v++) {
		memset(added, 0, sizeof(added));
		live(v, told, sizeof(told));
		assert_string_equal(told, usual);
		for (size_t i = 0; i < sizeof(exchanges); i++)
			assert_true(added[exchanges[i]][0] > 0 && added[exchanges[i]][1] > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vendor_ids_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
