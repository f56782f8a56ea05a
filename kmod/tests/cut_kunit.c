// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cutting super-packets: what comes out is, byte for byte, what the stack's own
 * segmentation makes of a copy; what is not plain is left alone.
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
#include "../cut.h"

#define OPTIONS		12
#define FEATURES	(NETIF_F_SG | NETIF_F_HIGHDMA)

struct shape {
	bool v6;
	unsigned int ip_options;	/* bytes, IPv4 */
	unsigned int linear;		/* payload bytes beside the headers, the rest is in pages */
	unsigned int payload, mss;
	u8 flags;
	u32 seq;
	unsigned int gso_type;		/* more than the protocol's */
};

static unsigned int ip_len(const struct shape *s)
{
	return s->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr) + s->ip_options;
}

static void put_ip(const struct shape *s, u8 *p, unsigned int len)
{
	struct ipv6hdr *ip6h = (struct ipv6hdr *)p;
	struct iphdr *iph = (struct iphdr *)p;

	if (s->v6) {
		ip6_flow_hdr(ip6h, 0x2b, htonl(0x12345));
		ip6h->payload_len = htons(len - sizeof(*ip6h));
		ip6h->nexthdr = IPPROTO_TCP;
		ip6h->hop_limit = 63;
		ip6h->saddr.s6_addr[15] = 1;
		ip6h->daddr.s6_addr[15] = 2;
		return;
	}
	iph->version = 4;
	iph->ihl = ip_len(s) / 4;
	iph->tos = 0x2b;
	iph->tot_len = htons(len);
	iph->id = htons(0xfffe);
	iph->frag_off = htons(IP_DF);
	iph->ttl = 63;
	iph->protocol = IPPROTO_TCP;
	iph->saddr = htonl(0x0a010002);
	iph->daddr = htonl(0x0a020002);
	memset(iph + 1, IPOPT_NOOP, s->ip_options);
	ip_send_check(iph);
}

/* A super-packet as TCP makes it. */
static struct sk_buff *super(struct kunit *test, const struct shape *s)
{
	unsigned int l3 = ip_len(s), head = l3 + sizeof(struct tcphdr) + OPTIONS, left;
	struct sk_buff *skb = alloc_skb(64 + head + s->linear, GFP_KERNEL);
	struct tcphdr *th;
	u8 *p;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, 64);
	p = skb_put_zero(skb, head);
	get_random_bytes(skb_put(skb, s->linear), s->linear);
	for (left = s->payload - s->linear; left;) {
		unsigned int n = min_t(unsigned int, left, 3001);
		struct page *page = alloc_page(GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, page);
		get_random_bytes(page_address(page), PAGE_SIZE);
		skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, 77, n, PAGE_SIZE);
		left -= n;
	}
	put_ip(s, p, skb->len);
	skb->protocol = s->v6 ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, l3);
	th = tcp_hdr(skb);
	th->source = htons(5001);
	th->dest = htons(80);
	th->seq = htonl(s->seq);
	th->ack_seq = htonl(7);
	th->doff = (sizeof(*th) + OPTIONS) / 4;
	tcp_flag_byte(th) = s->flags;
	th->window = htons(500);
	get_random_bytes(th + 1, OPTIONS);
	skb_shinfo(skb)->gso_size = s->mss;
	skb_shinfo(skb)->gso_segs = DIV_ROUND_UP(s->payload, s->mss);
	skb_shinfo(skb)->gso_type = (s->v6 ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4) | s->gso_type;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct tcphdr, check);
	if (s->v6)
		th->check = ~tcp_v6_check(skb->len - l3, &ipv6_hdr(skb)->saddr,
					  &ipv6_hdr(skb)->daddr, 0);
	else
		th->check = ~tcp_v4_check(skb->len - l3, ip_hdr(skb)->saddr, ip_hdr(skb)->daddr, 0);
	return skb;
}

#define USUAL	.linear = 100, .payload = 20000, .mss = 1288, .flags = TCPHDR_ACK, .seq = 0x11223344

static const struct shape shapes[] = {
	{ USUAL },
	{ USUAL, .v6 = true },
	{ USUAL, .linear = 0, .payload = 12880 },
	{ USUAL, .linear = 0, .payload = 12881, .v6 = true },
	{ USUAL, .ip_options = 8 },
	{ USUAL, .flags = TCPHDR_ACK | TCPHDR_PSH | TCPHDR_FIN | TCPHDR_ECE },
	{ USUAL, .flags = TCPHDR_ACK | TCPHDR_CWR | TCPHDR_PSH, .gso_type = SKB_GSO_TCP_ECN },
	{ USUAL, .gso_type = SKB_GSO_TCP_FIXEDID },
	{ USUAL, .gso_type = SKB_GSO_DODGY },
	{ USUAL, .seq = 0xfffffff0 },
	{ USUAL, .payload = 1289 },
	{ USUAL, .mss = 1, .payload = 300 },
	{ USUAL, .mss = 7, .payload = 1001, .linear = 33, .v6 = true },
};

static void pieces_are_those_of_the_stack(struct kunit *test)
{
	u8 *mine = kunit_kmalloc(test, 2048, GFP_KERNEL);
	u8 *its = kunit_kmalloc(test, 2048, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, mine);
	KUNIT_ASSERT_NOT_NULL(test, its);
	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct sk_buff *skb = super(test, &shapes[i]), *segs, *next;
		unsigned int bytes = 0, n = 0;
		struct cg_cut cut;

		KUNIT_ASSERT_TRUE_MSG(test, cg_cut_begin(&cut, skb, shapes[i].v6), "shape %u", i);
		n = cut.n;
		bytes = cg_cut_bytes(&cut, n);
		KUNIT_EXPECT_EQ(test, n, DIV_ROUND_UP(shapes[i].payload, shapes[i].mss));
		segs = skb_gso_segment(skb, FEATURES);
		KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(segs));
		skb_list_walk_safe(segs, segs, next) {
			KUNIT_ASSERT_GT_MSG(test, cut.n, 0, "shape %u", i);
			KUNIT_ASSERT_EQ_MSG(test, segs->len, cg_cut_len(&cut, 0), "shape %u", i);
			cg_cut_next(&cut, mine);
			KUNIT_EXPECT_EQ(test, 0, skb_copy_bits(segs, 0, its, segs->len));
			KUNIT_EXPECT_MEMEQ_MSG(test, mine, its, segs->len,
					       "shape %u, %u are left", i, cut.n);
			bytes -= segs->len;
			consume_skb(segs);
		}
		KUNIT_EXPECT_EQ(test, cut.n, 0);
		KUNIT_EXPECT_EQ(test, cut.left, 0);
		KUNIT_EXPECT_EQ(test, bytes, 0);
		consume_skb(skb);
	}
}

static void lengths_are_known_before(struct kunit *test)
{
	struct sk_buff *skb = super(test, &shapes[0]);
	unsigned int i, sum;
	struct cg_cut cut;

	KUNIT_ASSERT_TRUE(test, cg_cut_begin(&cut, skb, false));
	for (i = 0, sum = 0; i < cut.n; i++) {
		KUNIT_EXPECT_EQ(test, cg_cut_bytes(&cut, i), sum);
		sum += cg_cut_len(&cut, i);
	}
	KUNIT_EXPECT_EQ(test, cg_cut_bytes(&cut, cut.n), sum);
	KUNIT_EXPECT_EQ(test, sum, 20000 + cut.n * (20 + 20 + OPTIONS));
	consume_skb(skb);
}

/* Make a shape and spoil it; true: it is refused. */
static bool refused(struct kunit *test, const struct shape *s, void (*spoil)(struct sk_buff *skb))
{
	struct sk_buff *skb = super(test, s);
	struct cg_cut cut;
	bool ok;

	if (spoil)
		spoil(skb);
	ok = !cg_cut_begin(&cut, skb, s->v6);
	kfree_skb(skb);
	return ok;
}

static void encapsulated(struct sk_buff *skb)
{
	skb->encapsulation = 1;
}

static void summed(struct sk_buff *skb)
{
	skb->ip_summed = CHECKSUM_NONE;
}

static void elsewhere(struct sk_buff *skb)
{
	skb->csum_start += 4;
}

static void fragment(struct sk_buff *skb)
{
	ip_hdr(skb)->frag_off = htons(IP_MF);
}

static void longer(struct sk_buff *skb)
{
	ip_hdr(skb)->tot_len = htons(skb->len + 1);
}

static void long_header(struct sk_buff *skb)
{
	tcp_hdr(skb)->doff = 15;	/* with the options it has, still inside: not refused */
}

static void short_header(struct sk_buff *skb)
{
	tcp_hdr(skb)->doff = 4;
}

static void extended(struct sk_buff *skb)
{
	ipv6_hdr(skb)->nexthdr = NEXTHDR_DEST;
}

static void unsized(struct sk_buff *skb)
{
	skb_shinfo(skb)->gso_size = 0;
}

static void what_is_not_plain_is_refused(struct kunit *test)
{
	const struct shape v4 = { USUAL }, v6 = { USUAL, .v6 = true };
	const struct shape syn = { USUAL, .flags = TCPHDR_SYN | TCPHDR_ACK };
	const struct shape urg = { USUAL, .flags = TCPHDR_URG | TCPHDR_ACK };
	const struct shape rst = { USUAL, .flags = TCPHDR_RST };
	const struct shape one = { USUAL, .payload = 1288 };
	const struct shape tunnel = { USUAL, .gso_type = SKB_GSO_GRE };
	const struct shape list = { USUAL, .gso_type = SKB_GSO_FRAGLIST };

	KUNIT_EXPECT_FALSE(test, refused(test, &v4, NULL));
	KUNIT_EXPECT_FALSE(test, refused(test, &v6, NULL));
	KUNIT_EXPECT_FALSE(test, refused(test, &v4, long_header));
	KUNIT_EXPECT_TRUE(test, refused(test, &v4, encapsulated));
	KUNIT_EXPECT_TRUE(test, refused(test, &v4, summed));
	KUNIT_EXPECT_TRUE(test, refused(test, &v4, elsewhere));
	KUNIT_EXPECT_TRUE(test, refused(test, &v4, fragment));
	KUNIT_EXPECT_TRUE(test, refused(test, &v4, longer));
	KUNIT_EXPECT_TRUE(test, refused(test, &v4, short_header));
	KUNIT_EXPECT_TRUE(test, refused(test, &v4, unsized));
	KUNIT_EXPECT_TRUE(test, refused(test, &v6, extended));
	KUNIT_EXPECT_TRUE(test, refused(test, &syn, NULL));
	KUNIT_EXPECT_TRUE(test, refused(test, &urg, NULL));
	KUNIT_EXPECT_TRUE(test, refused(test, &rst, NULL));
	KUNIT_EXPECT_TRUE(test, refused(test, &one, NULL));
	KUNIT_EXPECT_TRUE(test, refused(test, &tunnel, NULL));
	KUNIT_EXPECT_TRUE(test, refused(test, &list, NULL));
}

static struct kunit_case cut_cases[] = {
	KUNIT_CASE(pieces_are_those_of_the_stack),
	KUNIT_CASE(lengths_are_known_before),
	KUNIT_CASE(what_is_not_plain_is_refused),
	{}
};

static struct kunit_suite cut_suite = {
	.name = "certgate_cut",
	.test_cases = cut_cases,
};

kunit_test_suite(cut_suite);
