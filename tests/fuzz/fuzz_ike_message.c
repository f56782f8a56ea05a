// SPDX-License-Identifier: Apache-2.0
/*
 * The message codec. The input is a datagram (its length field is corrected, so
 * that the fuzzer need not guess it), and once more a bare chain as it comes out
 * of an SK payload. Whatever was accepted must lie within the input, and come
 * out the same when it is built again.
 */
#include "lib/fuzz.h"

#include <string.h>

#include "ike/message.h"
#include "ike/natd.h"
#include "ike/proposal.h"
#include "ike/ts.h"

static void within(struct ike_view part, struct ike_view whole)
{
	MUST(part.len == 0 || (part.data >= whole.data && part.len <= whole.len &&
			       (size_t)(part.data - whole.data) <= whole.len - part.len));
}

static void check_selectors(struct ike_view body)
{
	static struct ike_ts_list list, again;
	static uint8_t buf[8192];
	struct ike_payloads chain;
	struct ike_builder b;
	char text[512];
	size_t len;

	MUST(ike_ts_parse(body, &list, NULL) == 0);
	(void)ike_ts_list_format(list.ts, list.n, text, sizeof(text));
	(void)ike_ts_narrow(list.ts, list.n, list.ts, list.n, &again);
	if (list.n == 0)
		return;
	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_ts(&b, IKE_PAYLOAD_TSI, list.ts, list.n);
	MUST(ike_build_finish(&b, &len) == 0);
	MUST(ike_payloads_parse(b.first, IKE_VIEW(buf, len), &chain, NULL) == 0);
	MUST(ike_ts_parse(chain.item[0].body, &again, NULL) == 0);
	MUST(list.n == again.n);
	for (size_t i = 0; i < list.n; i++)
		MUST(ike_ts_equal(&list.ts[i], &again.ts[i]));
}

static void check_content(const struct ike_content *c, struct ike_view whole, bool deeply)
{
	static struct ike_sa_payload sa;
	struct cg_endpoint here = {.addr.family = AF_INET, .port = 500};
	char text[512];
	struct ike_nat nat;

	MUST(c->n_certs <= IKE_MESSAGE_MAX_CERTS && c->n_certreqs <= IKE_MESSAGE_MAX_CERTREQS);
	MUST(c->n_notifies <= IKE_MESSAGE_MAX_NOTIFIES && c->n_deletes <= IKE_MESSAGE_MAX_DELETES);
	for (size_t i = 0; i < c->n_certs; i++)
		within(c->certs[i].data, whole);
	for (size_t i = 0; i < c->n_certreqs; i++)
		within(c->certreqs[i].data, whole);
	for (size_t i = 0; i < c->n_notifies; i++) {
		within(c->notifies[i].spi, whole);
		within(c->notifies[i].data, whole);
	}
	for (size_t i = 0; i < c->n_deletes; i++) {
		within(c->deletes[i].spis, whole);
		MUST(c->deletes[i].spis.len == (size_t)c->deletes[i].n * c->deletes[i].spi_len);
	}
	for (size_t i = 0; i < c->n_vendors; i++)
		within(c->vendors[i], whole);
	if (c->has_ke)
		within(c->ke.data, whole);
	if (c->has_idi)
		within(c->idi.body, whole);
	if (c->has_idr)
		within(c->idr.body, whole);
	if (c->has_auth) {
		within(c->auth.algorithm, whole);
		within(c->auth.signature, whole);
		MUST(c->auth.signature.len > 0);
	}
	if (c->has_cp)
		within(c->cp.attributes, whole);
	if (c->nonce.data) {
		within(c->nonce, whole);
		MUST(c->nonce.len >= IKE_NONCE_MIN && c->nonce.len <= IKE_NONCE_MAX);
	}
	if (c->sa.data) {
		MUST(ike_sa_parse(c->sa, &sa, NULL) == 0);
		(void)ike_offer_format(&sa, text, sizeof(text));
	}
	if (c->tsi.data && deeply)
		check_selectors(c->tsi);
	if (c->tsr.data && deeply)
		check_selectors(c->tsr);
	(void)ike_content_error(c);
	MUST(ike_natd_check(c, 1, 2, &here, &here, &nat) == 0);
}

/* The same chain, built of the payloads that were read, must give the same bytes but for reserved bits. */
static void rebuild(const struct ike_payloads *payloads, uint8_t first, struct ike_view whole)
{
	static uint8_t buf[IKE_MESSAGE_MAX + 1];
	static struct ike_payloads again;
	struct ike_builder b;
	size_t len;

	for (size_t i = 0; i < payloads->n; i++)
		if (payloads->item[i].type == IKE_PAYLOAD_SK ||
		    payloads->item[i].type == IKE_PAYLOAD_SKF)
			return;
	ike_build_chain(&b, buf, sizeof(buf));
	for (size_t i = 0; i < payloads->n; i++) {
		ike_build_begin(&b, payloads->item[i].type, payloads->item[i].critical);
		ike_write_view(&b.w, payloads->item[i].body);
		ike_build_end(&b);
	}
	MUST(ike_build_finish(&b, &len) == 0);
	MUST(len == whole.len && b.first == first);
	MUST(ike_payloads_parse(first, IKE_VIEW(buf, len), &again, NULL) == 0);
	MUST(again.n == payloads->n);
	for (size_t i = 0; i < again.n; i++)
		MUST(again.item[i].type == payloads->item[i].type &&
		     ike_view_equal(again.item[i].body, payloads->item[i].body));
}

static void read_chain(const struct ike_payloads *payloads, uint8_t first, struct ike_view whole)
{
	static struct ike_content content;

	for (size_t i = 0; i < payloads->n; i++)
		within(payloads->item[i].body, whole);
	rebuild(payloads, first, whole);
	for (int mode = 0; mode < 4; mode++) {
		struct ike_fault fault = {0};

		int err = ike_content_parse(payloads, mode & 1, mode & 2, &content, &fault);

		/* the mode changes nothing of what was read: the costly checks once are enough */
		if (err == 0)
			check_content(&content, whole, mode == 0);
		else
			MUST(fault.text && fault.notify != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ike_message msg;
	static struct ike_payloads chain;
	struct ike_view whole;
	char text[256];
	uint8_t *copy;

	if (size < 1 || size > IKE_MESSAGE_MAX)
		return 0;
	copy = malloc(size);
	MUST(copy);
	memcpy(copy, data, size);
	if (size >= IKE_HEADER_LEN)
		ike_store_u32(copy + 24, (uint32_t)size);
	if (ike_message_parse(copy, size, &msg, NULL) == 0) {
		(void)ike_message_format(&msg.header, &msg.outer, text, sizeof(text));
		read_chain(&msg.outer, msg.header.next_payload,
			   IKE_VIEW(copy + IKE_HEADER_LEN, size - IKE_HEADER_LEN));
	}
	whole = IKE_VIEW(copy + 1, size - 1);
	if (ike_payloads_parse(copy[0], whole, &chain, NULL) == 0)
		read_chain(&chain, copy[0], whole);
	free(copy);
	return 0;
}
