/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bursts on their way: what was received or is to be sent and waits for its turn, what is at
 * the cipher, and what has come back from it.
 */
#ifndef _CERTGATE_QUEUE_H
#define _CERTGATE_QUEUE_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/dst.h>
#include "room.h"
#include "sa.h"

#define CG_MAX_QUEUE		4096		/* packets received and waiting, a CPU */
#define CG_MAX_QUEUE_BYTES	(16U << 20)	/* and their memory */
/* Packets to be sent that wait, a CPU, are up to CG_MAX_BURST, and of so much memory. */
#define CG_MAX_WAITING_BYTES	(256U << 10)
#define CG_MAX_ASYNC		4096		/* packets at asynchronous ciphers, in all */
#define CG_MAX_ASYNC_BURSTS	1024		/* and the bursts they belong to, a page each */

/* In skb->cb while an ESP packet, or a train of them, is ours. */
struct cg_cb {
	struct cg_net *cgn;		/* received: whose SAs it is for */
	u32 socket;			/* received: ID of the socket it came in by, 0: none */
	u16 n;				/* packets */
	u8 encap;			/* received: enum certgate_encap */
	u8 depth;			/* to be sent: tunnels that it is in already */
};

static inline struct cg_cb *cg_cb(const struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct cg_cb) > sizeof(skb->cb));
	return (struct cg_cb *)skb->cb;
}

/* One ESP packet of a burst. */
struct cg_seg {
	struct sk_buff *skb;		/* it, or the train that it is part of; in cg_job.skbs */
	u8 *packet;			/* the ESP header, linear from there */
	u64 seq;
	u32 len;			/* to send: of the inner packet; received: of ESP */
	int err;			/* what the cipher said */
};

/*
 * A burst of one SA. Holds a reference to it, to the device and to the route, and
 * owns the skbs and the memory that segments are in.
 */
struct cg_job {
	struct cg_job *next;
	struct cg_order *order;		/* order.c: the list that it is on; NULL: none */
	bool settled;			/* and whether all its segments are */
	bool timed;			/* cg_order_took() is to be told */
	u32 bytes;			/* order.c: of its packets, while it is on the list */
	struct cg_sa *sa;
	struct net_device *dev;
	struct dst_entry *dst;		/* to send */
	unsigned int room;		/* to send: largest outer packet */
	struct sk_buff_head skbs;	/* to send: each with its cg_cb.n next ones of @seg */
	atomic_t pending;		/* segments that are not settled */
	bool waited;			/* time has passed, or will: ask cg_sa_usable() again */
	bool counted;			/* as one that an asynchronous cipher has had */
	bool alone;			/* received: all that its poll has, unless it waited */
	u8 next_header;			/* to send: RFC 4303 section 2.6 */
	u8 depth;			/* to send: tunnels that its packets are in already */
	struct cg_room memory;
	unsigned int n;
	struct cg_seg seg[CG_MAX_BURST];
	/* received: for cg_replay_update(). Here, as kernels may clear what is on the stack. */
	u64 seqs[CG_MAX_BURST];
	bool ok[CG_MAX_BURST];
};

int cg_queue_init(void);
/* No burst is under way any more: sockets, devices and SAs are gone. */
void cg_queue_exit(void);

/*
 * A new empty burst for @sa, which belongs to @dev's tunnel. NULL: no memory, or too much at the
 * ciphers (*@why). Softirq (or bottom halves off), RCU read side held.
 */
struct cg_job *cg_job_new(struct cg_sa *sa, struct net_device *dev, enum cg_drop *why);
/* Drops the references and what is left in the burst. Bottom halves off. */
void cg_job_free(struct cg_job *job);

/*
 * Seal or open all segments of a burst, and go on with cg_tx_finish() or
 * cg_rx_finish(): before this returns or later. Consumes @job. Bottom halves off.
 * @napi: of the received burst; @more: others were received that wait for this CPU.
 */
void cg_job_run(struct cg_job *job, struct napi_struct *napi, bool more);
/* For order.c: seal or open all segments of a burst on its list; cg_order_settled() follows. */
void cg_job_cipher(struct cg_job *job);
/* Let CPU @cpu's poll come: on this CPU, unless it is at it already. Bottom halves off. */
void cg_queue_poll_soon(unsigned int cpu);

/*
 * Take a received packet, or a train of @n of gso_size bytes each, for SAs of @cgn; bottom halves
 * off. False, untouched: full.
 */
bool cg_queue_received(struct cg_net *cgn, struct sk_buff *skb, unsigned int n,
		       enum certgate_encap encap, u32 socket);
/*
 * May @skb, which @dev is to send, wait for others of this softirq? Then it does, until NAPI's
 * poll hands it to cg_tx_process(), and true is returned. False: it is to be sent now; what was
 * waiting has been, so that order is kept. Bottom halves off.
 */
bool cg_queue_to_send(struct sk_buff *skb, struct net_device *dev);
/*
 * Forget what waits to be sent by @dev, which nobody sends by any more. Polls under way are waited
 * for by the grace period that follows.
 */
void cg_queue_forget(const struct net_device *dev);
/* How many tunnels the packet is in already that this CPU is sending. Bottom halves off. */
u8 cg_queue_depth(void);
/* Set it, for the time that a burst's packets are sent. Returns what it was, to be set again. */
u8 cg_queue_set_depth(u8 depth);
/* Forget what waits for @cgn, whose sources are stopped; waits for packets under way. */
void cg_queue_flush(struct cg_net *cgn);

/* Count @n packets of @sa lost: for the SA, its tunnel, its binding and its device. */
void cg_drop(struct cg_sa *sa, enum cg_drop why, unsigned int n);
/* Why a segment was lost at the cipher. */
enum cg_drop cg_cipher_drop(int err);

/* tx.c: seal and send what waited, in bursts. Empties the list. Softirq, or bottom halves off. */
void cg_tx_process(struct sk_buff_head *waiting);

/* tx.c and rx.c: what follows the cipher. Consume @job. Bottom halves off. */
void cg_tx_finish(struct cg_job *job);
void cg_rx_finish(struct cg_job *job, struct napi_struct *napi);

#endif
