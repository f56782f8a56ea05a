/* SPDX-License-Identifier: Apache-2.0 */
/* For taps: what is in a protected message, and the same message with other payloads, sealed by whom it comes from. */
#pragma once

#include "sim.h"

#include "ike/message.h"

struct sim_opened {
	struct sim_node *from;
	struct ik_sa *sa; /* of the sender; NULL: the message is in clear */
	struct ike_message msg;
	uint8_t plain[8192];
	struct ike_payloads inner;
	struct ike_content content; /* of a message in clear, too */
};

/* false: it is no IKE message of a node, or a fragment. p and *ret have to stay while *ret is read. */
bool sim_open(struct sim *s, const struct sim_packet *p, struct sim_opened *ret);

/*
 * Sends the message on, sealed if it was, with those payloads that keep() wants (NULL: all), and with what more() adds (NULL: nothing). The one it was made
 * of has to be dropped.
 */
void sim_reseal(struct sim *s, const struct sim_packet *p, const struct sim_opened *o,
		bool (*keep)(const struct ike_payload *payload),
		void (*more)(struct ike_builder *b));

/* What the first node asks is changed on its way: that many requests of an exchange; *change counts down. */
struct sim_change {
	uint8_t exchange, sent_as; /* 0: as it was */
	bool (*keep)(const struct ike_payload *payload);
	void (*more)(struct ike_builder *b);
	unsigned times;
};
void sim_change(struct sim *s, struct sim_change *change);
