/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests of queues and of lists work on: in the initial namespace's tables, a device that is
 * not registered, with a tunnel and an SA each way, whose cipher refuses all.
 */
#ifndef _CERTGATE_QUEUE_FIXTURE_H
#define _CERTGATE_QUEUE_FIXTURE_H

#include <kunit/test.h>
#include "../cipher.h"
#include "../device.h"
#include "../order.h"
#include "../queue.h"
#include "../rx.h"
#include "../sa.h"

struct fixture {
	struct cg_net *cgn;
	struct net_device *dev;
	struct cg_tunnel *tunnel;
	struct cg_binding *binding;
	struct cg_sa *in, *out;
	u16 sealed[4];			/* IDs of the packets that came to the cipher */
	unsigned int n_sealed;
	bool nested;			/* the first one leads to another, which is sent by then */
};

#define NESTED	77	/* ID of a packet that is sent while others are at hand */

/* Hashes of the certificate and of its key, which the SAs are bound to. */
extern u8 queue_fixture_hashes[2][CERTGATE_HASH_SIZE];

/* A suite's init and exit: test->priv is a struct fixture. */
int queue_fixture_init(struct kunit *test);
void queue_fixture_exit(struct kunit *test);

/* Packets or bursts that the SA has lost. */
u64 lost(const struct cg_sa *sa, enum cg_drop why);
/* An IP packet that @dev is to send; NULL: no memory. */
struct sk_buff *to_send(struct net_device *dev, u16 id);
/* A packet for the inbound SA that cannot be ESP of its cipher, so that none is needed. */
struct sk_buff *packet(struct kunit *test, unsigned int room);
/* A burst of two packets that has waited. Bottom halves off, RCU read side held. */
struct cg_job *waiting(struct kunit *test, struct cg_sa *sa);

/* For ciphers that have nothing to begin or to release. */
void begin_nothing(const struct cg_esp *esp, struct cg_op *op, crypto_completion_t done);
void release_nothing(struct cg_esp *esp);

#endif
