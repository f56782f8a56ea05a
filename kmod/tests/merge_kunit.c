// SPDX-License-Identifier: GPL-2.0-only
/*
 * Merging opened packets: what was merged comes apart again, in the stack's own
 * segmentation, into the very packets; what differs in anything that would be lost
 * stays apart; and order is kept.
 */
#include <kunit/test.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/random.h>
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>
#include "../compat.h"
#include "../merge.h"
#include "../room.h"

#define MSS		1000
#define MOST		40
#define OPTIONS		12
#define FEATURES	(NETIF_F_SG | NETIF_F_HIGHDMA)

struct packet {
	u8 *data;
	unsigned int len;
	bool v6;
};

struct fixture {
	struct cg_room room;
	struct sk_buff_head ready;
	struct cg_merge merge;
	struct packet packets[MOST];
	unsigned int n;
	u32 seq;
	u16 id;
	u8 buf[2048];
};

static int merge_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	cg_room_init(&f->room);
	__skb_queue_head_init(&f->ready);
	cg_merge_begin(&f->merge, &f->ready, 65535);
	f->seq = 0xfffff000;	/* goes through zero */
	f->id = 0xfffa;
	test->priv = f;
	return 0;
}

static void merge_exit(struct kunit *test)
{
	struct fixture *f = test->priv;

	__skb_queue_purge(&f->ready);
	cg_room_done(&f->room);
}

static unsigned int ip_len(bool v6)
{
	return v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
}

static struct tcphdr *tcp_of(const struct packet *p)
{
	return (struct tcphdr *)(p->data + ip_len(p->v6));
}

/* Checksums after a change. */
static void sum(struct packet *p)
{
	unsigned int tcp_len = p->len - ip_len(p->v6);
	struct ipv6hdr *ip6h = (struct ipv6hdr *)p->data;
	struct iphdr *iph = (struct iphdr *)p->data;
	struct tcphdr *th = tcp_of(p);

	th->check = 0;
	if (p->v6) {
		th->check = tcp_v6_check(tcp_len, &ip6h->saddr, &ip6h->daddr,
					 csum_partial(th, tcp_len, 0));
		return;
	}
	ip_send_check(iph);
	th->check = tcp_v4_check(tcp_len, iph->saddr, iph->daddr, csum_partial(th, tcp_len, 0));
}

/* The next packet of the flow, with @payload bytes. */
static struct packet *next_packet(struct kunit *test, bool v6, unsigned int payload)
{
	struct fixture *f = test->priv;
	struct packet *p = &f->packets[f->n++];
	unsigned int head = ip_len(v6) + sizeof(struct tcphdr) + OPTIONS;
	struct tcphdr *th;

	local_bh_disable();
	p->data = cg_room_take(&f->room, ALIGN(head + payload, 4));
	local_bh_enable();
	KUNIT_ASSERT_NOT_NULL(test, p->data);
	p->len = head + payload;
	p->v6 = v6;
	memset(p->data, 0, head);
	get_random_bytes(p->data + head, payload);
	if (v6) {
		struct ipv6hdr *ip6h = (struct ipv6hdr *)p->data;

		ip6_flow_hdr(ip6h, 2, htonl(0x54321));
		ip6h->payload_len = htons(p->len - sizeof(*ip6h));
		ip6h->nexthdr = IPPROTO_TCP;
		ip6h->hop_limit = 9;
		ip6h->daddr.s6_addr[0] = 0xfd;
	} else {
		struct iphdr *iph = (struct iphdr *)p->data;

		iph->version = 4;
		iph->ihl = 5;
		iph->tos = 2;
		iph->tot_len = htons(p->len);
		iph->id = htons(f->id++);
		iph->frag_off = htons(IP_DF);
		iph->ttl = 9;
		iph->protocol = IPPROTO_TCP;
		iph->daddr = htonl(0x0a000001);
	}
	th = tcp_of(p);
	th->source = htons(4);
	th->dest = htons(5);
	th->seq = htonl(f->seq);
	th->ack_seq = htonl(6);
	th->doff = (sizeof(*th) + OPTIONS) / 4;
	th->ack = 1;
	th->window = htons(99);
	memset(th + 1, TCPOPT_NOP, OPTIONS);
	f->seq += payload;
	sum(p);
	return p;
}

/* As rx.c does it. True: appended. */
static bool add(struct kunit *test, const struct packet *p)
{
	struct fixture *f = test->priv;
	struct cg_segment s;
	bool plain = cg_merge_parse(p->data, p->len, p->v6, &s);

	if (plain && cg_merge_append(&f->merge, &s, cg_room_truesize(p->len)))
		return true;
	KUNIT_EXPECT_TRUE(test, cg_merge_start(&f->merge, p->data, p->len, p->v6,
					       plain ? &s : NULL,
					       cg_room_truesize(p->len)));
	return false;
}

/* What is ready, segmented, is all packets so far in their order. */
static void all_come_back(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct sk_buff *skb, *next;
	unsigned int i = 0;

	cg_merge_end(&f->merge);
	while ((skb = __skb_dequeue(&f->ready))) {
		struct sk_buff *segs = skb;

		skb_reset_mac_header(skb);
		if (skb_is_gso(skb)) {
			KUNIT_EXPECT_TRUE(test, skb->ip_summed == CHECKSUM_PARTIAL);
			segs = skb_gso_segment(skb, FEATURES);
			KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(segs));
			consume_skb(skb);
		}
		skb_list_walk_safe(segs, segs, next) {
			struct packet *p = &f->packets[i];

			KUNIT_ASSERT_LT(test, i, f->n);
			KUNIT_EXPECT_EQ_MSG(test, segs->len, p->len, "packet %u", i);
			if (segs->len == p->len) {
				KUNIT_EXPECT_EQ(test, 0, skb_copy_bits(segs, 0, f->buf, p->len));
				KUNIT_EXPECT_MEMEQ_MSG(test, f->buf, p->data, p->len,
						       "packet %u", i);
			}
			consume_skb(segs);
			i++;
		}
	}
	KUNIT_EXPECT_EQ(test, i, f->n);
}

static void a_flow_becomes_one(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < 15; i++)
		KUNIT_EXPECT_EQ(test, add(test, next_packet(test, false, MSS)), i > 0);
	KUNIT_EXPECT_TRUE(test, add(test, next_packet(test, false, 10)));
	KUNIT_EXPECT_EQ(test, skb_queue_len(&f->ready), 1);
	/* a short one is the last */
	KUNIT_EXPECT_FALSE(test, add(test, next_packet(test, false, MSS)));
	all_come_back(test);
}

static void a_flow_of_ipv6_becomes_one(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < 16; i++)
		KUNIT_EXPECT_EQ(test, add(test, next_packet(test, true, MSS)), i > 0);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&f->ready), 1);
	all_come_back(test);
}

/* The same packet in the linear part of an skb. */
static bool add_whole(struct kunit *test, const struct packet *p)
{
	struct fixture *f = test->priv;
	struct sk_buff *skb = dev_alloc_skb(2000);
	struct cg_segment s;
	bool plain;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_EXPECT_TRUE(test, skb->head_frag);
	skb_put_data(skb, p->data, p->len);
	plain = cg_merge_parse(skb->data, p->len, p->v6, &s);
	if (plain && cg_merge_append(&f->merge, &s, cg_room_truesize(p->len))) {
		consume_skb(skb);
		return true;
	}
	cg_merge_start_whole(&f->merge, skb, p->v6, plain ? &s : NULL);
	return false;
}

static void skbs_become_one(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < 12; i++)
		KUNIT_EXPECT_EQ(test, add_whole(test, next_packet(test, false, MSS)), i > 0);
	/* of both kinds */
	KUNIT_EXPECT_TRUE(test, add(test, next_packet(test, false, 999)));
	KUNIT_EXPECT_FALSE(test, add_whole(test, next_packet(test, true, MSS)));
	KUNIT_EXPECT_TRUE(test, add(test, next_packet(test, true, MSS)));
	KUNIT_EXPECT_FALSE(test, add(test, next_packet(test, false, MSS)));
	KUNIT_EXPECT_TRUE(test, add_whole(test, next_packet(test, false, MSS)));
	KUNIT_EXPECT_EQ(test, skb_queue_len(&f->ready), 3);
	all_come_back(test);
}

static void there_is_a_limit(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i, appended = 0;

	f->merge.max = 5 * MSS;
	for (i = 0; i < 10; i++)
		appended += add(test, next_packet(test, false, MSS));
	KUNIT_EXPECT_EQ(test, appended, 7);	/* four, four and two */
	all_come_back(test);
	f->n = 0;
	f->merge.max = 0;
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_FALSE(test, add(test, next_packet(test, false, MSS)));
	all_come_back(test);
}

static void there_are_so_many_fragments(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < MOST; i++)
		add(test, next_packet(test, false, MSS));
	all_come_back(test);
}

static void push_and_fin_are_the_last(struct kunit *test)
{
	struct packet *p;

	KUNIT_EXPECT_FALSE(test, add(test, next_packet(test, false, MSS)));
	p = next_packet(test, false, MSS);
	tcp_of(p)->psh = 1;
	sum(p);
	KUNIT_EXPECT_TRUE(test, add(test, p));
	p = next_packet(test, false, MSS);
	tcp_of(p)->psh = 1;
	sum(p);
	KUNIT_EXPECT_FALSE(test, add(test, p));
	KUNIT_EXPECT_FALSE(test, add(test, next_packet(test, false, MSS)));
	p = next_packet(test, false, MSS);
	tcp_of(p)->fin = 1;
	sum(p);
	KUNIT_EXPECT_TRUE(test, add(test, p));
	KUNIT_EXPECT_FALSE(test, add(test, next_packet(test, false, MSS)));
	all_come_back(test);
}

static void unnumbered_packets_stay_so(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < 5; i++) {
		f->id = 0;
		KUNIT_EXPECT_EQ(test, add(test, next_packet(test, false, MSS)), i > 0);
	}
	/* and numbered ones do not join them */
	f->id = 1;
	KUNIT_EXPECT_FALSE(test, add(test, next_packet(test, false, MSS)));
	all_come_back(test);
}

static void id_jumps(struct packet *p)
{
	((struct iphdr *)p->data)->id = htons(0x4444);
}

static void ttl(struct packet *p)
{
	((struct iphdr *)p->data)->ttl--;
}

static void congestion(struct packet *p)
{
	((struct iphdr *)p->data)->tos = 3;
}

static void may_fragment(struct packet *p)
{
	((struct iphdr *)p->data)->frag_off = 0;
}

static void is_fragment(struct packet *p)
{
	((struct iphdr *)p->data)->frag_off = htons(IP_MF);
}

static void source(struct packet *p)
{
	((struct iphdr *)p->data)->saddr ^= htonl(1);
}

static void destination(struct packet *p)
{
	((struct iphdr *)p->data)->daddr ^= htonl(1);
}

static void protocol(struct packet *p)
{
	((struct iphdr *)p->data)->protocol = IPPROTO_UDP;
}

static void port(struct packet *p)
{
	tcp_of(p)->dest ^= htons(1);
}

static void acknowledges(struct packet *p)
{
	tcp_of(p)->ack_seq ^= htonl(1);
}

static void window(struct packet *p)
{
	tcp_of(p)->window ^= htons(1);
}

static void gap(struct packet *p)
{
	tcp_of(p)->seq = htonl(ntohl(tcp_of(p)->seq) + 1);
}

static void option(struct packet *p)
{
	((u8 *)(tcp_of(p) + 1))[3]++;
}

static void urgent(struct packet *p)
{
	tcp_of(p)->urg = 1;
}

static void reset(struct packet *p)
{
	tcp_of(p)->rst = 1;
}

static void synchronise(struct packet *p)
{
	tcp_of(p)->syn = 1;
}

static void reduced(struct packet *p)
{
	tcp_of(p)->cwr = 1;
}

static void reserved(struct packet *p)
{
	tcp_of(p)->res1 = 1;
}

static void fewer_options(struct packet *p)
{
	tcp_of(p)->doff--;	/* four bytes of payload more */
}

static void (*const changes_v4[])(struct packet *p) = {
	id_jumps, ttl, congestion, may_fragment, is_fragment, source, destination, protocol, port,
	acknowledges, window, gap, option, urgent, reset, synchronise, reduced, reserved,
	fewer_options,
};

static void what_differs_stays_apart(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(changes_v4); i++) {
		struct packet *p;

		f->n = 0;
		add(test, next_packet(test, false, MSS));
		KUNIT_EXPECT_TRUE(test, add(test, next_packet(test, false, MSS)));
		p = next_packet(test, false, MSS);
		changes_v4[i](p);
		sum(p);
		KUNIT_EXPECT_FALSE_MSG(test, add(test, p), "change %u", i);
		all_come_back(test);
		cg_room_done(&f->room);
	}
}

static void traffic_class(struct packet *p)
{
	p->data[1] ^= 0x10;
}

static void flow_label(struct packet *p)
{
	p->data[3]++;
}

static void hops(struct packet *p)
{
	((struct ipv6hdr *)p->data)->hop_limit--;
}

static void source_v6(struct packet *p)
{
	((struct ipv6hdr *)p->data)->saddr.s6_addr[15]++;
}

static void destination_v6(struct packet *p)
{
	((struct ipv6hdr *)p->data)->daddr.s6_addr[15]++;
}

static void extension(struct packet *p)
{
	((struct ipv6hdr *)p->data)->nexthdr = NEXTHDR_DEST;
}

static void (*const changes_v6[])(struct packet *p) = {
	traffic_class, flow_label, hops, source_v6, destination_v6, extension, port, gap, option,
};

static void what_differs_in_ipv6_stays_apart(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(changes_v6); i++) {
		struct packet *p;

		f->n = 0;
		add(test, next_packet(test, true, MSS));
		KUNIT_EXPECT_TRUE(test, add(test, next_packet(test, true, MSS)));
		p = next_packet(test, true, MSS);
		changes_v6[i](p);
		sum(p);
		KUNIT_EXPECT_FALSE_MSG(test, add(test, p), "change %u", i);
		all_come_back(test);
		cg_room_done(&f->room);
	}
}

static void what_cannot_be_parsed_stays_alone(struct kunit *test)
{
	struct packet *p = next_packet(test, false, MSS);
	struct cg_segment s;
	unsigned int len;

	KUNIT_EXPECT_TRUE(test, cg_merge_parse(p->data, p->len, false, &s));
	KUNIT_EXPECT_EQ(test, s.header_len, 20 + 20 + OPTIONS);
	/* padding behind it, or less than it says */
	KUNIT_EXPECT_FALSE(test, cg_merge_parse(p->data, p->len + 1, false, &s));
	for (len = 0; len < p->len; len++)
		KUNIT_EXPECT_FALSE(test, cg_merge_parse(p->data, len, false, &s));
	KUNIT_EXPECT_FALSE(test, cg_merge_parse(p->data, p->len, true, &s));
	((struct iphdr *)p->data)->check ^= 1;
	KUNIT_EXPECT_FALSE(test, cg_merge_parse(p->data, p->len, false, &s));
	((struct iphdr *)p->data)->check ^= 1;
	tcp_of(p)->doff = 4;
	KUNIT_EXPECT_FALSE(test, cg_merge_parse(p->data, p->len, false, &s));
	p = next_packet(test, false, 0);
	KUNIT_EXPECT_FALSE(test, cg_merge_parse(p->data, p->len, false, &s));
	tcp_of(p)->doff = 15;
	sum(p);
	KUNIT_EXPECT_FALSE(test, cg_merge_parse(p->data, p->len, false, &s));
}

static struct kunit_case merge_cases[] = {
	KUNIT_CASE(a_flow_becomes_one),
	KUNIT_CASE(a_flow_of_ipv6_becomes_one),
	KUNIT_CASE(skbs_become_one),
	KUNIT_CASE(there_is_a_limit),
	KUNIT_CASE(there_are_so_many_fragments),
	KUNIT_CASE(push_and_fin_are_the_last),
	KUNIT_CASE(unnumbered_packets_stay_so),
	KUNIT_CASE(what_differs_stays_apart),
	KUNIT_CASE(what_differs_in_ipv6_stays_apart),
	KUNIT_CASE(what_cannot_be_parsed_stays_alone),
	{}
};

static struct kunit_suite merge_suite = {
	.name = "certgate_merge",
	.init = merge_init,
	.exit = merge_exit,
	.test_cases = merge_cases,
};

kunit_test_suite(merge_suite);
