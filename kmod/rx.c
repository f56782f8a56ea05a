// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way in: from ESP packets to the device, a burst of one SA at a time. Order
 * of the checks: SA by SPI, its validity, replay (RFC 4303 section 3.4.3), the
 * ICV; then, with a packet known to be the peer's, where it came from, replay
 * again, padding, next header, the inner packet, selectors (RFC 4301 section
 * 5.2), ECN (RFC 6040). The device's receive path runs in the same softirq.
 *
 * A tunnel without CERTGATE_TUNNEL_F_ROAM takes packets from its
 * configured endpoint only: others are as good as without an SA. That is looked
 * at before the replay window is moved, so that a copy sent from elsewhere
 * does not make the original a replay.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/dsfield.h>
#include <net/inet_ecn.h>
#include "device.h"
#include "encap.h"
#include "esp.h"
#include "event.h"
#include "larval.h"
#include "merge.h"
#include "outer.h"
#include "queue.h"
#include "rx.h"
#include "train.h"

/* @n packets of a socket or of raw ESP that found the queue full. */
static void no_room(struct cg_net *cgn, struct sk_buff *skb, unsigned int n, u32 socket)
{
	struct cg_sa *sa = NULL;
	__be32 spi;

	if (cg_peek_spi(skb, 0, &spi))
		sa = cg_sa_find_in(cgn, spi);
	if (sa)
		cg_drop(sa, CG_DROP_QUEUE, n);
	else
		cg_socket_drop(cgn, socket, CG_DROP_QUEUE, n);
	kfree_skb(skb);
}

void cg_rx_take(struct cg_net *cgn, struct sk_buff *skb, enum certgate_encap encap, u32 socket)
{
	if (unlikely(!cg_queue_received(cgn, skb, 1, encap, socket)))
		no_room(cgn, skb, 1, socket);
}

void cg_rx_take_train(struct cg_net *cgn, struct sk_buff *skb, unsigned int n, u32 socket)
{
	if (unlikely(!cg_queue_received(cgn, skb, n, CERTGATE_ENCAP_UDP, socket)))
		no_room(cgn, skb, n, socket);
}

/* The packet's number if it can be one of this SA, 0 with *@why if not. */
static u64 number(const struct cg_sa *sa, const u8 *packet, unsigned int len, enum cg_drop *why)
{
	u64 seq;

	*why = CG_DROP_MALFORMED;
	if (!cg_esp_fits(&sa->esp, len))
		return 0;
	seq = cg_replay_infer(sa->replay, get_unaligned_be32(packet + 4));
	*why = CG_DROP_REPLAY;
	return cg_replay_check(sa->replay, seq) ? seq : 0;
}

/* @len bytes at @off of a train, at @to. False: they are not there. */
static bool copy_part(struct cg_pieces *p, unsigned int off, unsigned int len, u8 *to)
{
	const u8 *from = cg_pieces_at(p, off, len);

	if (unlikely(!from))
		return !skb_copy_bits(p->skb, off, to, len);
	memcpy(to, from, len);
	return true;
}

/*
 * One packet of a train, @len bytes at @off, or one in fragments, into its SA's burst, or lost. Its
 * pages may belong to a sender on this machine, who can still write to them (a ring of packet
 * sockets, pages of a file), and nothing tells: as skb_cow_data() does, it is copied before
 * anything in it is believed. skb_cloned() says nothing about fragments: those are always copied.
 * False: it is lost.
 */
static bool admit_part(struct cg_job *job, struct cg_pieces *p, unsigned int off, unsigned int len)
{
	struct cg_seg *s = &job->seg[job->n];
	enum cg_drop why = CG_DROP_MEMORY;
	struct cg_sa *sa = job->sa;

	s->packet = cg_room_take(&job->memory, ALIGN(len, 4));
	if (!s->packet)
		goto drop;
	if (!copy_part(p, off, len, s->packet))
		goto give_back;
	s->seq = number(sa, s->packet, len, &why);
	if (!s->seq)
		goto give_back;
	s->skb = (struct sk_buff *)p->skb;
	s->len = len;
	job->n++;
	return true;
give_back:
	cg_room_give_back(&job->memory, ALIGN(len, 4));
drop:
	cg_drop(sa, why, 1);
	return false;
}

/* One packet into its SA's burst, or lost. */
static void admit(struct cg_job *job, struct sk_buff *skb)
{
	struct cg_seg *s = &job->seg[job->n];
	struct cg_sa *sa = job->sa;
	struct cg_pieces p;
	enum cg_drop why;

	if (unlikely(skb_is_nonlinear(skb) || skb_cloned(skb) || skb_shared(skb))) {
		cg_pieces_begin(&p, skb);
		/* what is lost is not kept until the burst is done: there may be any number */
		if (admit_part(job, &p, 0, skb->len))
			__skb_queue_tail(&job->skbs, skb);
		else
			kfree_skb(skb);
		return;
	}
	/* linear memory that nobody else sees is deciphered in place */
	s->seq = number(sa, skb->data, skb->len, &why);
	if (!s->seq) {
		cg_drop(sa, why, 1);
		kfree_skb(skb);
		return;
	}
	s->skb = skb;
	s->packet = skb->data;
	s->len = skb->len;
	job->n++;
	__skb_queue_tail(&job->skbs, skb);
}

/* All packets of a train, which has no more than a burst may have. */
static void admit_train(struct cg_job *job, struct sk_buff *skb)
{
	unsigned int size = skb_shinfo(skb)->gso_size, off;
	bool any = false;
	struct cg_pieces p;

	cg_pieces_begin(&p, skb);
	for (off = 0; off < skb->len; off += size)
		any |= admit_part(job, &p, off, min(size, skb->len - off));
	if (any)
		__skb_queue_tail(&job->skbs, skb);
	else
		kfree_skb(skb);
}

static void finish_gathering(struct cg_job *job, struct napi_struct *napi, bool more)
{
	if (!job->n)
		cg_job_free(job);
	else
		cg_job_run(job, napi, more);
}

/* The SA that the packet or train @skb is for, if it may use it; NULL: @skb is lost. */
static struct cg_sa *find_sa(struct sk_buff *skb)
{
	const struct cg_cb *cb = cg_cb(skb);
	struct cg_endpoints seen;
	enum cg_drop why = CG_DROP_NO_SA;
	struct cg_sa *sa;
	__be32 spi;

	if (!cg_peek_spi(skb, 0, &spi)) {
		cg_socket_drop(cb->cgn, cb->socket, CG_DROP_MALFORMED, cb->n);
		goto free;
	}
	sa = cg_sa_find_in(cb->cgn, spi);
	if (unlikely(!sa)) {
		if (cg_larval_hold(skb, spi))
			return NULL;
		smp_rmb();	/* what is no larval SA any more is an SA: published before */
		sa = cg_sa_find_in(cb->cgn, spi);
	}
	if (!sa) {
		cg_outer_seen(skb, cb->encap, &seen);
		cg_event_unknown_spi(cb->cgn, spi, &seen, cb->socket,
				     cg_outer_vrf(cb->cgn, skb));
		cg_socket_drop(cb->cgn, cb->socket, CG_DROP_NO_SA, cb->n);
		goto free;
	}
	if (sa->tunnel->encap == cb->encap && cg_sa_usable(sa, &why))
		return sa;
	cg_drop(sa, why, cb->n);
free:
	kfree_skb(skb);
	return NULL;
}

/* Is @skb for the SA of this burst, whose validity has been looked at, and can it still take it? */
static bool same_burst(const struct cg_job *job, const struct sk_buff *skb)
{
	const struct cg_cb *cb = cg_cb(skb);
	__be32 spi;

	return job->n + cb->n <= CG_MAX_BURST && cg_peek_spi(skb, 0, &spi) &&
	       job->sa->spi == spi && job->sa->cgn == cb->cgn &&
	       job->sa->tunnel->encap == cb->encap;
}

void cg_rx_process(struct sk_buff_head *burst, struct napi_struct *napi, bool alone, bool more)
{
	struct cg_job *job = NULL;
	struct sk_buff *skb;
	enum cg_drop why;
	struct cg_sa *sa;

	rcu_read_lock();
	while ((skb = __skb_dequeue(burst))) {
		unsigned int n = cg_cb(skb)->n;

		if (!job || !same_burst(job, skb)) {
			sa = find_sa(skb);
			if (!sa)
				continue;
			if (job)
				finish_gathering(job, napi, true);
			job = cg_job_new(sa, sa->tunnel->dev->netdev, &why);
			if (!job) {
				cg_drop(sa, why, n);
				kfree_skb(skb);
				continue;
			}
			job->alone = alone;
		}
		if (n == 1)
			admit(job, skb);
		else
			admit_train(job, skb);
	}
	if (job)
		finish_gathering(job, napi, more);
	rcu_read_unlock();
}

/* A burst of held packets, at most; NULL: all are lost, why was counted. */
static struct cg_job *gather_held(struct cg_sa *sa, struct sk_buff_head *held)
{
	struct cg_job *job = NULL;
	struct sk_buff *skb;
	enum cg_drop why;

	if (cg_sa_usable(sa, &why))
		job = cg_job_new(sa, sa->tunnel->dev->netdev, &why);
	if (!job) {
		cg_drop(sa, why, skb_queue_len(held));
		__skb_queue_purge(held);
		return NULL;
	}
	while (job->n < CG_MAX_BURST && (skb = __skb_dequeue(held))) {
		if (likely(cg_cb(skb)->encap == sa->tunnel->encap)) {
			admit(job, skb);
		} else {
			cg_drop(sa, CG_DROP_NO_SA, 1);
			kfree_skb(skb);
		}
	}
	return job;
}

void cg_rx_held(struct cg_sa *sa, struct sk_buff_head *held)
{
	struct cg_job *job;

	while (!skb_queue_empty(held)) {
		local_bh_disable();
		rcu_read_lock();
		job = gather_held(sa, held);
		if (job)
			finish_gathering(job, NULL, false);
		rcu_read_unlock();
		local_bh_enable();
	}
}

/*
 * RFC 6040 section 4.2: the inner ECN field from both. False: congestion was
 * signalled to a flow that cannot know, the packet must go.
 */
static bool decapsulate_ecn(u8 *inner, bool v6, u8 outer)
{
	struct ipv6hdr *ip6h = (struct ipv6hdr *)inner;
	struct iphdr *iph = (struct iphdr *)inner;
	u8 ecn, tos;

	outer &= INET_ECN_MASK;
	if (likely(outer != INET_ECN_CE && outer != INET_ECN_ECT_1))
		return true;
	tos = v6 ? ipv6_get_dsfield(ip6h) : iph->tos;
	ecn = tos & INET_ECN_MASK;
	if (ecn == outer)
		return true;
	if (outer == INET_ECN_CE && ecn == INET_ECN_NOT_ECT)
		return false;
	if (outer == INET_ECN_ECT_1 && ecn != INET_ECN_ECT_0)
		return true;
	if (v6)
		ipv6_change_dsfield(ip6h, (u8)~INET_ECN_MASK, outer);
	else
		ipv4_change_dsfield(iph, (u8)~INET_ECN_MASK, outer);
	return true;
}

enum verdict { DELIVER, SILENT, DROP };

/* What was in an authentic ESP packet. */
struct inner {
	u8 *data;			/* IP header */
	unsigned int len;
	bool v6;
};

/* Payload and padding of an opened segment; *@why with DROP. */
static enum verdict unpad(const struct cg_sa *sa, const struct cg_seg *s, struct inner *ret,
			  enum cg_drop *why)
{
	u8 *opened = s->packet + cg_esp_header_len(&sa->esp);
	int len;
	u8 next;

	*why = CG_DROP_MALFORMED;
	len = cg_esp_payload(opened, cg_esp_opened_len(&sa->esp, s->len), &next);
	if (len < 0)
		return DROP;
	if (next == IPPROTO_NONE)	/* RFC 4303 section 2.6: a dummy packet */
		return SILENT;
	if (next != IPPROTO_IPIP && next != IPPROTO_IPV6)
		return DROP;
	ret->data = opened;
	ret->len = len;
	ret->v6 = next == IPPROTO_IPV6;
	return DELIVER;
}

/* The inner packet's own length, selectors and ECN. */
static enum verdict examine(const struct cg_sa *sa, struct inner *in, u8 tos, enum cg_drop *why)
{
	struct cg_flow flow;

	*why = CG_DROP_MALFORMED;
	if (cg_flow_dissect_data(in->data, in->len, &flow) ||
	    flow.family != (in->v6 ? AF_INET6 : AF_INET))
		return DROP;
	/* what is left is padding for traffic flow confidentiality, RFC 4303 section 2.7 */
	if (in->v6)
		in->len = sizeof(struct ipv6hdr) +
			  ntohs(((struct ipv6hdr *)in->data)->payload_len);
	else
		in->len = ntohs(((struct iphdr *)in->data)->tot_len);

	*why = CG_DROP_SELECTOR;
	if (!cg_tunnel_admits_in(sa->tunnel, &flow))
		return DROP;
	*why = CG_DROP_ECN;
	if (!decapsulate_ecn(in->data, in->v6, tos))
		return DROP;
	return DELIVER;
}

/* The skb of a packet that came alone becomes the inner one, where it is. */
static struct sk_buff *strip(struct cg_job *job, struct sk_buff *skb, const struct inner *in)
{
	__skb_unlink(skb, &job->skbs);
	__skb_pull(skb, in->data - skb->data);
	__skb_trim(skb, in->len);
	skb_gso_reset(skb);
	return skb;
}

/* Can a part of @skb's linear data be a fragment of another? Those of a page pool stay there. */
static bool in_pages(const struct sk_buff *skb)
{
	return skb->head_frag && !skb->pp_recycle;
}

/* The memory that a packet keeps, as part of another skb: all that was allocated for it. */
static unsigned int kept(const struct cg_seg *s, bool whole)
{
	return whole ? s->skb->truesize - SKB_DATA_ALIGN(sizeof(struct sk_buff)) :
		       cg_room_truesize(ALIGN(s->len, 4));
}

/* From an authentic ESP packet to an skb of inner ones; *@why with DROP. */
static enum verdict unwrap(struct cg_job *job, const struct cg_seg *s, struct cg_merge *m,
			   struct inner *in, enum cg_drop *why)
{
	bool whole = s->packet == s->skb->data;
	const struct cg_segment *plain = NULL;
	u8 tos = cg_outer_tos(s->skb);
	struct cg_segment segment;
	enum verdict verdict;

	verdict = unpad(job->sa, s, in, why);
	if (verdict != DELIVER)
		return verdict;
	if (cg_merge_parse(in->data, in->len, in->v6, &segment)) {
		/* selectors see nothing in it that the first one had not */
		if ((!whole || in_pages(s->skb)) && decapsulate_ecn(in->data, in->v6, tos) &&
		    cg_merge_append(m, &segment, kept(s, whole)))
			return DELIVER;
		plain = &segment;
	}
	verdict = examine(job->sa, in, tos, why);
	if (verdict != DELIVER)
		return verdict;
	if (whole) {
		cg_merge_start_whole(m, strip(job, s->skb, in), in->v6, plain);
		return DELIVER;
	}
	*why = CG_DROP_MEMORY;
	return cg_merge_start(m, in->data, in->len, in->v6, plain, kept(s, false)) ? DELIVER :
										      DROP;
}

/*
 * Nothing of the outer packet may be seen on the device. @napi: NULL if GRO has nothing that @skb
 * could be put together with, now or until the poll ends: its walk through the protocols, a search
 * for a socket among it, is spared. So it is for packets that were held, which no poll has.
 */
static void deliver(struct sk_buff *skb, struct net_device *dev, struct napi_struct *napi)
{
	skb->dev = dev;
	skb_set_queue_mapping(skb, 0);
	skb_reset_mac_header(skb);
	if (!skb_is_gso(skb))	/* of merged ones it is known */
		skb_reset_transport_header(skb);
	skb_scrub_packet(skb, true);
	skb_clear_hash(skb);
	skb->encapsulation = 0;
	memset(skb->cb, 0, sizeof(skb->cb));
	if (napi)
		napi_gro_receive(napi, skb);
	else
		netif_receive_skb(skb);
}

/* Did the packet come from where the tunnel has its peer, or may that change? */
static bool from_peer(const struct cg_tunnel *t, const struct cg_endpoints *ep, bool roam,
		      const struct cg_seg *s)
{
	return roam || cg_outer_expected(s->skb, t->encap, ep);
}

/*
 * Take out of the burst what the cipher refused or what came from elsewhere,
 * then what the replay window refuses. True if its right edge moved.
 */
static bool authenticate(struct cg_job *job, struct cg_endpoints *seen)
{
	struct cg_sa *sa = job->sa;
	struct cg_tunnel *t = sa->tunnel;
	const struct cg_endpoints *ep = rcu_dereference(t->ep);
	bool roam = READ_ONCE(t->flags) & CERTGATE_TUNNEL_F_ROAM;
	const struct cg_seg *newest = NULL;
	const struct sk_buff *last = NULL;
	unsigned int n = 0, i, kept = 0;
	bool moved, expected = false;

	for (i = 0; i < job->n; i++) {
		struct cg_seg *s = &job->seg[i];
		enum cg_drop why = CG_DROP_NO_SA;

		if (s->skb != last) {	/* once a train */
			last = s->skb;
			expected = from_peer(t, ep, roam, s);
		}
		if (unlikely(s->err)) {
			why = cg_cipher_drop(s->err);
			if (why == CG_DROP_AUTH) {
				cg_outer_seen(s->skb, t->encap, seen);
				cg_event_auth_failed(sa, seen);
			}
		} else if (likely(expected)) {
			job->seqs[n] = s->seq;
			if (unlikely(n != i))
				job->seg[n] = *s;
			n++;
			continue;
		}
		cg_drop(sa, why, 1);
	}
	job->n = n;
	if (!n)
		return false;
	moved = cg_replay_update(sa->replay, job->seqs, job->ok, n);
	for (i = 0; i < n; i++) {
		struct cg_seg *s = &job->seg[kept];

		if (unlikely(!job->ok[i])) {
			cg_drop(sa, CG_DROP_REPLAY, 1);
			continue;
		}
		if (unlikely(kept != i))
			*s = job->seg[i];
		if (!newest || s->seq > newest->seq)
			newest = s;
		kept++;
	}
	job->n = kept;
	if (!moved || !roam || cg_outer_expected(newest->skb, t->encap, ep))
		return false;
	cg_outer_seen(newest->skb, t->encap, seen);
	return true;
}

/* How large merged packets may get on @dev; 0: there are to be none. */
static unsigned int merge_max(const struct net_device *dev)
{
	if (netif_elide_gro(dev))
		return 0;
	return min_t(unsigned int, IP_MAX_MTU, READ_ONCE(dev->gro_max_size));
}

void cg_rx_finish(struct cg_job *job, struct napi_struct *napi)
{
	struct cg_sa *sa = job->sa;
	struct cg_device *cd = netdev_priv(job->dev);
	struct sk_buff_head ready;
	struct cg_endpoints seen;
	struct cg_merge merge;
	struct sk_buff *skb;
	u64 packets = 0, bytes = 0;
	enum cg_drop why;
	unsigned int i;

	__skb_queue_head_init(&ready);
	rcu_read_lock();
	if (job->waited && !cg_sa_usable(sa, &why)) {
		cg_drop(sa, why, job->n);
		goto out;
	}
	if (authenticate(job, &seen))
		cg_tunnel_moved(sa->tunnel, &seen);
	if (!job->n)
		goto out;
	if (unlikely(!READ_ONCE(sa->last_used)))
		/* before on_use is looked at; pairs with the barrier of activate() */
		smp_store_mb(sa->last_used, ktime_get_boottime_seconds());
	else
		WRITE_ONCE(sa->last_used, ktime_get_boottime_seconds());
	cg_sa_used_in(sa);

	cg_merge_begin(&merge, &ready, merge_max(job->dev));
	for (i = 0; i < job->n; i++) {
		struct inner in;

		switch (unwrap(job, &job->seg[i], &merge, &in, &why)) {
		case DELIVER:
			packets++;
			bytes += in.len;
			break;
		case DROP:
			cg_drop(sa, why, 1);
			break;
		case SILENT:
			break;
		}
	}
	cg_merge_end(&merge);
	if (!packets)
		goto out;
	why = CG_DROP_LIFETIME;
	if (!cg_sa_account(sa, packets, bytes))
		goto drop;
	why = CG_DROP_QUEUE;
	if (!netif_running(job->dev))
		goto drop;
	cg_total_rx(&sa->counters, packets, bytes);
	cg_total_rx(&sa->binding->counters, packets, bytes);
	cg_total_rx(&sa->tunnel->counters, packets, bytes);
	cg_count_rx(&cd->counters, packets, bytes);
	if (job->alone && !job->waited && skb_queue_len(&ready) == 1)
		napi = NULL;
	while ((skb = __skb_dequeue(&ready)))
		deliver(skb, job->dev, napi);
	/* what has been taken out of them, or was of no use */
	while ((skb = __skb_dequeue(&job->skbs)))
		napi_consume_skb(skb, 1);	/* bottom halves are off */
out:
	rcu_read_unlock();
	cg_job_free(job);
	return;
drop:
	cg_drop(sa, why, packets);
	__skb_queue_purge(&ready);
	goto out;
}
