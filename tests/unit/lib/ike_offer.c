// SPDX-License-Identifier: Apache-2.0
/* The implementation of ike_offer.h. */
#include "lib/ike_offer.h"

#include <stdlib.h>

struct ike_view finish(struct ike_builder *b)
{
	size_t len;

	assert_int_equal(ike_build_finish(b, &len), 0);
	return IKE_VIEW(b->w.buf, len);
}

const uint8_t esp_spi_bytes[4] = {0xc0, 0xff, 0xee, 0x01};

static void add(struct ike_policy_proposal *p, const char *word, size_t len)
{
	struct ike_policy_transform *t = &p->transforms[p->n++];
	char name[64];

	assert_true(len < sizeof(name) && p->n <= IKE_POLICY_TRANSFORMS);
	memcpy(name, word, len);
	name[len] = '\0';
	/* "(X)": accepted, not offered */
	if (name[0] == '(') {
		name[len - 1] = '\0';
		assert_int_equal(ike_policy_transform_parse(name + 1, t), 0);
		t->accept_only = true;
	} else if (strcmp(name, "NO_INTEG") == 0) {
		*t = (struct ike_policy_transform){.type = IKE_TRANSFORM_INTEG,
						   .id = IKE_INTEG_NONE};
	} else {
		assert_int_equal(ike_policy_transform_parse(name, t), 0);
	}
}

/* "A B C | D E": two proposals */
struct ike_policy policy_of(uint8_t protocol, const char *text)
{
	struct ike_policy policy = {.protocol = protocol, .n = 1};

	for (const char *at = text; *at;) {
		size_t len = strcspn(at, " ");

		if (*at == '|')
			policy.n++;
		else if (len > 0)
			add(&policy.proposals[policy.n - 1], at, len);
		at += len + (at[len] == ' ');
	}
	return policy;
}

struct ike_policy ike(const char *text)
{
	return policy_of(IKE_PROTOCOL_IKE, text);
}

struct ike_policy esp(const char *text)
{
	return policy_of(IKE_PROTOCOL_ESP, text);
}

void build_proposals(struct ike_builder *b, const struct ike_policy *as, const uint8_t *numbers,
		     struct ike_view spi)
{
	for (size_t i = 0; i < as->n; i++) {
		struct ike_transform t[IKE_POLICY_TRANSFORMS];

		for (size_t j = 0; j < as->proposals[i].n; j++)
			t[j] = (struct ike_transform){
				.type = as->proposals[i].transforms[j].type,
				.id = as->proposals[i].transforms[j].id,
				.key_bits = as->proposals[i].transforms[j].key_bits};
		ike_build_proposal(b, numbers ? numbers[i] : (uint8_t)(i + 1), as->protocol, spi, t,
				   as->proposals[i].n, i + 1 == as->n);
	}
}

const struct ike_sa_payload *offer(const struct ike_policy *as, struct ike_view spi)
{
	static struct ike_sa_payload sa;
	static uint8_t buf[8192];
	struct ike_builder b;
	size_t len;

	ike_build_chain(&b, buf, sizeof(buf));
	build_proposals(&b, as, NULL, spi);
	assert_int_equal(ike_build_finish(&b, &len), 0);
	assert_int_equal(ike_sa_parse(IKE_VIEW(buf, len), &sa, NULL), 0);
	return &sa;
}

int payload_parse(uint8_t type, struct ike_view body, struct ike_content *ret,
		  struct ike_fault *fault)
{
	uint8_t buf[4096], *copy;
	struct ike_payloads chain;
	struct ike_builder b;
	struct ike_view v;
	int err;

	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_payload(&b, type, body);
	v = finish(&b);
	copy = exact_copy(v);
	err = ike_payloads_parse(type, IKE_VIEW(copy, v.len), &chain, fault);
	if (!err)
		err = ike_content_parse(&chain, false, false, ret, fault);
	free(copy);
	return err;
}

void payload_accepted(uint8_t type, const char *body)
{
	static struct ike_content content;
	struct ike_fault fault = {0};
	int err = payload_parse(type, unhex(body), &content, &fault);

	if (err)
		print_error("payload %u with body %s: %s\n", type, body, fault.text);
	assert_int_equal(err, 0);
}
