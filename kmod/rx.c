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
#include "outer.h"
#include "queue.h"
#include "rx.h"

void cg_rx_take(struct cg_net *cgn, struct sk_buff *skb, enum certgate_encap encap, u32 socket)
{
	struct cg_sa *sa = NULL;
	__be32 spi;

	if (likely(cg_queue_received(cgn, skb, encap, socket)))
		return;
	if (!skb_copy_bits(skb, 0, &spi, sizeof(spi)))
		sa = cg_sa_find_in(cgn, spi);
	if (sa)
		cg_drop(sa, CG_DROP_QUEUE, 1);
	else
		cg_socket_drop(cgn, socket, CG_DROP_QUEUE);
	kfree_skb(skb);
}

/*
 * Linear memory that nobody else sees, so that it can be deciphered in place.
 * skb_cloned() says nothing about fragments: those are always copied.
 */
static struct sk_buff *make_private(struct sk_buff *skb)
{
	struct sk_buff *copy;

	if (!skb_is_nonlinear(skb) && !skb_cloned(skb) && !skb_shared(skb))
		return skb;
	copy = skb_copy(skb, GFP_ATOMIC | __GFP_NOWARN);
	consume_skb(skb);
	return copy;
}

/* One packet into its SA's burst, or lost. */
static void admit(struct cg_job *job, struct sk_buff *skb)
{
	struct cg_sa *sa = job->sa;
	enum cg_drop why = CG_DROP_MALFORMED;
	struct cg_cb *cb;

	skb = make_private(skb);
	if (!skb) {
		cg_drop(sa, CG_DROP_MEMORY, 1);
		return;
	}
	if (!cg_esp_fits(&sa->esp, skb->len))
		goto drop;
	cb = cg_cb(skb);
	cb->seq = cg_replay_infer(sa->replay, get_unaligned_be32(skb->data + 4));
	why = CG_DROP_REPLAY;
	if (!cg_replay_check(sa->replay, cb->seq))
		goto drop;
	__skb_queue_tail(&job->skbs, skb);
	return;
drop:
	cg_drop(sa, why, 1);
	kfree_skb(skb);
}

static void finish_gathering(struct cg_job *job, struct napi_struct *napi)
{
	if (skb_queue_empty(&job->skbs))
		cg_job_free(job);
	else
		cg_job_run(job, napi);
}

void cg_rx_process(struct sk_buff_head *burst, struct napi_struct *napi)
{
	struct cg_job *job = NULL;
	struct sk_buff *skb;

	rcu_read_lock();
	while ((skb = __skb_dequeue(burst))) {
		const struct cg_cb *cb = cg_cb(skb);
		enum cg_drop why;
		struct cg_sa *sa;
		__be32 spi;

		if (skb_copy_bits(skb, 0, &spi, sizeof(spi))) {
			cg_socket_drop(cb->cgn, cb->socket, CG_DROP_MALFORMED);
			kfree_skb(skb);
			continue;
		}
		if (job && job->sa->spi == spi && job->sa->cgn == cb->cgn &&
		    job->sa->tunnel->encap == cb->encap) {
			admit(job, skb);
			continue;
		}
		sa = cg_sa_find_in(cb->cgn, spi);
		if (!sa) {
			struct cg_endpoints seen;

			cg_outer_seen(skb, cb->encap, &seen);
			cg_event_unknown_spi(cb->cgn, spi, &seen);
			cg_socket_drop(cb->cgn, cb->socket, CG_DROP_NO_SA);
			kfree_skb(skb);
			continue;
		}
		why = CG_DROP_NO_SA;
		if (sa->tunnel->encap != cb->encap || !cg_sa_usable(sa, &why))
			goto drop;
		if (job)
			finish_gathering(job, napi);
		job = cg_job_new(sa, sa->tunnel->dev->netdev, &why);
		if (!job)
			goto drop;
		admit(job, skb);
		continue;
drop:
		cg_drop(sa, why, 1);
		kfree_skb(skb);
	}
	if (job)
		finish_gathering(job, napi);
	rcu_read_unlock();
}

/*
 * RFC 6040 section 4.2: the inner ECN field from both. False: congestion was
 * signalled to a flow that cannot know, the packet must go.
 */
static bool decapsulate_ecn(struct sk_buff *skb, bool v6, u8 outer)
{
	u8 inner = v6 ? ipv6_get_dsfield(ipv6_hdr(skb)) : ip_hdr(skb)->tos;

	switch (outer & INET_ECN_MASK) {
	case INET_ECN_CE:
		if (INET_ECN_is_not_ect(inner))
			return false;
		if (INET_ECN_is_ce(inner))
			return true;
		if (v6)
			IP6_ECN_set_ce(skb, ipv6_hdr(skb));
		else
			IP_ECN_set_ce(ip_hdr(skb));
		return true;
	case INET_ECN_ECT_1:
		if ((inner & INET_ECN_MASK) != INET_ECN_ECT_0)
			return true;
		if (v6)
			ipv6_change_dsfield(ipv6_hdr(skb), (u8)~INET_ECN_MASK, INET_ECN_ECT_1);
		else
			ipv4_change_dsfield(ip_hdr(skb), (u8)~INET_ECN_MASK, INET_ECN_ECT_1);
		return true;
	default:
		return true;
	}
}

enum verdict { DELIVER, SILENT, DROP };

/* From an authentic ESP packet to the inner one; *@why with DROP. */
static enum verdict unwrap(struct cg_sa *sa, struct sk_buff *skb, enum cg_drop *why)
{
	u8 next, tos = cg_outer_tos(skb);
	struct cg_flow flow;
	bool v6;
	int len;

	*why = CG_DROP_MALFORMED;
	len = cg_esp_payload(&sa->esp, skb->data, skb->len, &next);
	if (len < 0)
		return DROP;
	if (next == IPPROTO_NONE)	/* RFC 4303 section 2.6: a dummy packet */
		return SILENT;
	if (next != IPPROTO_IPIP && next != IPPROTO_IPV6)
		return DROP;
	v6 = next == IPPROTO_IPV6;

	__skb_pull(skb, cg_esp_header_len(&sa->esp));
	__skb_trim(skb, len);
	skb_reset_network_header(skb);
	if (cg_flow_dissect(skb, 0, &flow) || flow.family != (v6 ? AF_INET6 : AF_INET))
		return DROP;
	/* what is left is padding for traffic flow confidentiality, RFC 4303 section 2.7 */
	__skb_trim(skb, v6 ? sizeof(struct ipv6hdr) + ntohs(ipv6_hdr(skb)->payload_len) :
			     ntohs(ip_hdr(skb)->tot_len));

	*why = CG_DROP_SELECTOR;
	if (!cg_tunnel_admits_in(sa->tunnel, &flow))
		return DROP;
	*why = CG_DROP_ECN;
	if (!decapsulate_ecn(skb, v6, tos))
		return DROP;
	skb->protocol = v6 ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
	return DELIVER;
}

/* Nothing of the outer packet may be seen on the device. */
static void deliver(struct sk_buff *skb, struct net_device *dev, struct napi_struct *napi)
{
	skb->dev = dev;
	skb_reset_mac_header(skb);
	skb_reset_transport_header(skb);
	skb_scrub_packet(skb, true);
	skb_clear_hash(skb);
	skb->encapsulation = 0;
	skb->ip_summed = CHECKSUM_UNNECESSARY;	/* the ICV has covered it */
	skb->csum_level = ~0;
	memset(skb->cb, 0, sizeof(skb->cb));
	napi_gro_receive(napi, skb);
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
	const struct sk_buff *newest = NULL;
	u64 seqs[CG_MAX_BURST];
	bool ok[CG_MAX_BURST], moved;
	struct sk_buff *skb, *next;
	unsigned int n = 0, i = 0;
	enum cg_drop why;

	skb_queue_walk_safe(&job->skbs, skb, next) {
		const struct cg_cb *cb = cg_cb(skb);

		why = CG_DROP_NO_SA;
		if (cb->err) {
			why = cg_cipher_drop(cb->err);
			if (why == CG_DROP_AUTH) {
				cg_outer_seen(skb, cb->encap, seen);
				cg_event_auth_failed(sa, seen);
			}
		} else if (roam || cg_outer_expected(skb, cb->encap, ep)) {
			seqs[n++] = cb->seq;
			continue;
		}
		cg_drop(sa, why, 1);
		__skb_unlink(skb, &job->skbs);
		kfree_skb(skb);
	}
	if (!n)
		return false;
	moved = cg_replay_update(sa->replay, seqs, ok, n);
	skb_queue_walk_safe(&job->skbs, skb, next) {
		if (ok[i++]) {
			if (!newest || cg_cb(skb)->seq > cg_cb(newest)->seq)
				newest = skb;
			continue;
		}
		cg_drop(sa, CG_DROP_REPLAY, 1);
		__skb_unlink(skb, &job->skbs);
		kfree_skb(skb);
	}
	if (!moved || !roam || cg_outer_expected(newest, cg_cb(newest)->encap, ep))
		return false;
	cg_outer_seen(newest, cg_cb(newest)->encap, seen);
	return true;
}

void cg_rx_finish(struct cg_job *job, struct napi_struct *napi)
{
	struct cg_sa *sa = job->sa;
	struct cg_device *cd = netdev_priv(job->dev);
	struct cg_endpoints seen;
	struct sk_buff *skb, *next;
	u64 packets = 0, bytes = 0;
	enum cg_drop why;

	rcu_read_lock();
	if (job->waited && !cg_sa_usable(sa, &why))
		goto drop;
	if (authenticate(job, &seen))
		cg_tunnel_moved(sa->tunnel, &seen);
	if (skb_queue_empty(&job->skbs))
		goto out;
	if (unlikely(!READ_ONCE(sa->last_used)))
		/* before on_use is looked at; pairs with the barrier of activate() */
		smp_store_mb(sa->last_used, ktime_get_boottime_seconds());
	else
		WRITE_ONCE(sa->last_used, ktime_get_boottime_seconds());
	cg_sa_used_in(sa);

	skb_queue_walk_safe(&job->skbs, skb, next) {
		switch (unwrap(sa, skb, &why)) {
		case DELIVER:
			packets++;
			bytes += skb->len;
			continue;
		case DROP:
			cg_drop(sa, why, 1);
			break;
		case SILENT:
			break;
		}
		__skb_unlink(skb, &job->skbs);
		kfree_skb(skb);
	}
	if (!packets)
		goto out;
	why = CG_DROP_LIFETIME;
	if (!cg_sa_account(sa, packets, bytes))
		goto drop;
	why = CG_DROP_QUEUE;
	if (!netif_running(job->dev))
		goto drop;
	cg_count_rx(&sa->counters, packets, bytes);
	cg_count_rx(&sa->binding->counters, packets, bytes);
	cg_count_rx(&sa->tunnel->counters, packets, bytes);
	cg_count_rx(&cd->counters, packets, bytes);
	while ((skb = __skb_dequeue(&job->skbs)))
		deliver(skb, job->dev, napi);
out:
	rcu_read_unlock();
	cg_job_free(job);
	return;
drop:
	cg_drop_list(sa, why, &job->skbs);
	goto out;
}
