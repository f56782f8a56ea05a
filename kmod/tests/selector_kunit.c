// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traffic selectors: what is seen of a packet, what a tunnel admits, and a
 * device's table against a model that tries every tunnel (random tunnels from a seed that is
 * printed and can be given back as the module's parameter selector_seed).
 */
#include <kunit/test.h>
#include <linux/icmp.h>
#include <linux/inet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/skbuff.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include "../tunnel.h"

static unsigned int seed;
module_param_named(selector_seed, seed, uint, 0444);

static void ip_of(union cg_ip *ip, sa_family_t family, const char *text)
{
	memset(ip, 0, sizeof(*ip));
	if (family == AF_INET)
		in4_pton(text, -1, (u8 *)ip, -1, NULL);
	else
		in6_pton(text, -1, (u8 *)ip, -1, NULL);
}

static struct cg_selector selector(const char *start, const char *end, u8 protocol,
				   u16 port_start, u16 port_end)
{
	struct cg_selector s = {
		.family = strchr(start, ':') ? AF_INET6 : AF_INET,
		.protocol = protocol, .port_start = port_start, .port_end = port_end,
	};

	ip_of(&s.start, s.family, start);
	ip_of(&s.end, s.family, end);
	return s;
}

static struct cg_selector any_of(const char *start, const char *end)
{
	return selector(start, end, 0, 0, 65535);
}

static struct cg_flow flow_of(const char *src, const char *dst, u8 protocol, u16 sport, u16 dport)
{
	struct cg_flow f = {
		.family = strchr(src, ':') ? AF_INET6 : AF_INET,
		.protocol = protocol, .sport = sport, .dport = dport, .ports_known = true,
	};

	ip_of(&f.src, f.family, src);
	ip_of(&f.dst, f.family, dst);
	return f;
}

static void put_tunnel(void *t)
{
	cg_tunnel_put(t);
}

static struct cg_tunnel *tunnel_of(struct kunit *test, struct cg_selector local,
				   struct cg_selector remote)
{
	struct cg_tunnel *t = cg_tunnel_alloc(cg_net(&init_net), 1, 1);

	KUNIT_ASSERT_NOT_NULL(test, t);
	INIT_LIST_HEAD(&t->entries);
	t->ts[0] = local;
	t->ts[1] = remote;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_tunnel, t));
	return t;
}

static void ranges_include_both_ends(struct kunit *test)
{
	struct cg_tunnel *t = tunnel_of(test, any_of("10.1.0.10", "10.1.0.20"),
					any_of("10.2.0.0", "10.2.0.255"));
	struct cg_flow f;

	f = flow_of("10.1.0.10", "10.2.0.0", 6, 1, 2);
	KUNIT_EXPECT_TRUE(test, cg_tunnel_admits_out(t, &f));
	f = flow_of("10.1.0.20", "10.2.0.255", 6, 1, 2);
	KUNIT_EXPECT_TRUE(test, cg_tunnel_admits_out(t, &f));
	f = flow_of("10.1.0.9", "10.2.0.0", 6, 1, 2);
	KUNIT_EXPECT_FALSE(test, cg_tunnel_admits_out(t, &f));
	f = flow_of("10.1.0.21", "10.2.0.0", 6, 1, 2);
	KUNIT_EXPECT_FALSE(test, cg_tunnel_admits_out(t, &f));
	f = flow_of("10.1.0.10", "10.3.0.0", 6, 1, 2);
	KUNIT_EXPECT_FALSE(test, cg_tunnel_admits_out(t, &f));
	/* inbound the sides change places */
	f = flow_of("10.2.0.7", "10.1.0.15", 6, 1, 2);
	KUNIT_EXPECT_TRUE(test, cg_tunnel_admits_in(t, &f));
	KUNIT_EXPECT_FALSE(test, cg_tunnel_admits_out(t, &f));
	f = flow_of("10.1.0.15", "10.2.0.7", 6, 1, 2);
	KUNIT_EXPECT_FALSE(test, cg_tunnel_admits_in(t, &f));
	/* another family */
	f = flow_of("::10.1.0.10", "::10.2.0.0", 6, 1, 2);
	KUNIT_EXPECT_FALSE(test, cg_tunnel_admits_out(t, &f));
}

static void ipv6_ranges_compare_all_bytes(struct kunit *test)
{
	struct cg_tunnel *t = tunnel_of(test, any_of("fd00::ff", "fd00::1:0"),
					any_of("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	struct cg_flow f;

	f = flow_of("fd00::ff", "2001:db8::1", 6, 1, 2);
	KUNIT_EXPECT_TRUE(test, cg_tunnel_admits_out(t, &f));
	f = flow_of("fd00::1:0", "::", 6, 1, 2);
	KUNIT_EXPECT_TRUE(test, cg_tunnel_admits_out(t, &f));
	f = flow_of("fd00::fe", "::", 6, 1, 2);
	KUNIT_EXPECT_FALSE(test, cg_tunnel_admits_out(t, &f));
	f = flow_of("fd00::1:1", "::", 6, 1, 2);
	KUNIT_EXPECT_FALSE(test, cg_tunnel_admits_out(t, &f));
}

static void protocols_and_ports_are_looked_at(struct kunit *test)
{
	struct cg_tunnel *t = tunnel_of(test,
		selector("0.0.0.0", "255.255.255.255", IPPROTO_TCP, 0, 65535),
		selector("0.0.0.0", "255.255.255.255", IPPROTO_TCP, 80, 81));
	struct cg_flow f;

	f = flow_of("1.1.1.1", "2.2.2.2", IPPROTO_TCP, 5, 80);
	KUNIT_EXPECT_TRUE(test, cg_tunnel_admits_out(t, &f));
	f.dport = 81;
	KUNIT_EXPECT_TRUE(test, cg_tunnel_admits_out(t, &f));
	f.dport = 82;
	KUNIT_EXPECT_FALSE(test, cg_tunnel_admits_out(t, &f));
	f.dport = 79;
	KUNIT_EXPECT_FALSE(test, cg_tunnel_admits_out(t, &f));
	f.dport = 80;
	f.protocol = IPPROTO_UDP;
	KUNIT_EXPECT_FALSE(test, cg_tunnel_admits_out(t, &f));
	/* back: the peer's port is the source */
	f = flow_of("2.2.2.2", "1.1.1.1", IPPROTO_TCP, 80, 5);
	KUNIT_EXPECT_TRUE(test, cg_tunnel_admits_in(t, &f));
	/* RFC 4301 section 7: a later fragment does not match a port */
	f.ports_known = false;
	f.sport = 0;
	f.dport = 0;
	KUNIT_EXPECT_FALSE(test, cg_tunnel_admits_in(t, &f));
}

static void opaque_ports_are_for_what_has_none_to_show(struct kunit *test)
{
	struct cg_tunnel *t = tunnel_of(test,
		selector("0.0.0.0", "255.255.255.255", 0, 65535, 0),
		selector("0.0.0.0", "255.255.255.255", 0, 65535, 0));
	struct cg_flow f = flow_of("1.1.1.1", "2.2.2.2", IPPROTO_UDP, 5, 80);

	KUNIT_EXPECT_FALSE(test, cg_tunnel_admits_out(t, &f));
	f.ports_known = false;
	KUNIT_EXPECT_TRUE(test, cg_tunnel_admits_out(t, &f));
}

static void icmp_type_and_code_are_one_value(struct kunit *test)
{
	/* echo requests out (RFC 4301 section 4.4.1.3), whatever back */
	struct cg_tunnel *t = tunnel_of(test,
		selector("0.0.0.0", "255.255.255.255", IPPROTO_ICMP, 8 << 8, 8 << 8 | 255),
		selector("0.0.0.0", "255.255.255.255", IPPROTO_ICMP, 65535, 0));
	struct cg_flow f = flow_of("1.1.1.1", "2.2.2.2", IPPROTO_ICMP, 0, 8 << 8);

	KUNIT_EXPECT_TRUE(test, cg_tunnel_admits_out(t, &f));
	f.dport = 0;
	KUNIT_EXPECT_FALSE(test, cg_tunnel_admits_out(t, &f));
	f.dport = 9 << 8;
	KUNIT_EXPECT_FALSE(test, cg_tunnel_admits_out(t, &f));
}

/* Packets by bytes. */

struct v4_udp {
	struct iphdr ip;
	u8 options[4];
	struct udphdr udp;
	u8 data[8];
} __packed;

static struct sk_buff *skb_of(struct kunit *test, const void *bytes, unsigned int len, bool paged)
{
	struct sk_buff *skb = alloc_skb(len + 1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	if (paged && len) {
		struct page *page = alloc_page(GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, page);
		memcpy(page_address(page), bytes, len);
		skb_add_rx_frag(skb, 0, page, 0, len, PAGE_SIZE);
	} else {
		skb_put_data(skb, bytes, len);
	}
	return skb;
}

static int dissect(struct kunit *test, const void *bytes, unsigned int len, struct cg_flow *f)
{
	struct sk_buff *skb = skb_of(test, bytes, len, len & 1);
	int err = cg_flow_dissect(skb, 0, f);

	if (!err)
		KUNIT_EXPECT_EQ(test, len % 2, f->paged);
	kfree_skb(skb);
	return err;
}

static void v4_udp_packet(struct v4_udp *p)
{
	memset(p, 0, sizeof(*p));
	p->ip.version = 4;
	p->ip.ihl = 6;
	p->ip.tot_len = htons(sizeof(*p));
	p->ip.protocol = IPPROTO_UDP;
	p->ip.saddr = htonl(0x0a010101);
	p->ip.daddr = htonl(0x0a020202);
	p->udp.source = htons(1000);
	p->udp.dest = htons(2000);
}

static void ipv4_packets_are_dissected(struct kunit *test)
{
	struct v4_udp p;
	struct cg_flow f;

	v4_udp_packet(&p);
	KUNIT_ASSERT_EQ(test, 0, dissect(test, &p, sizeof(p), &f));
	KUNIT_EXPECT_EQ(test, AF_INET, f.family);
	KUNIT_EXPECT_EQ(test, IPPROTO_UDP, f.protocol);
	KUNIT_EXPECT_EQ(test, p.ip.saddr, f.src.v4);
	KUNIT_EXPECT_EQ(test, p.ip.daddr, f.dst.v4);
	KUNIT_EXPECT_TRUE(test, f.ports_known);
	KUNIT_EXPECT_EQ(test, 1000, f.sport);
	KUNIT_EXPECT_EQ(test, 2000, f.dport);

	/* a first fragment shows its ports, a later one does not */
	p.ip.frag_off = htons(IP_MF);
	KUNIT_ASSERT_EQ(test, 0, dissect(test, &p, sizeof(p), &f));
	KUNIT_EXPECT_TRUE(test, f.ports_known);
	p.ip.frag_off = htons(IP_MF | 1);
	KUNIT_ASSERT_EQ(test, 0, dissect(test, &p, sizeof(p), &f));
	KUNIT_EXPECT_FALSE(test, f.ports_known);
	p.ip.frag_off = 0;

	/* ports that are not in the packet but only in the memory after it */
	p.ip.tot_len = htons(24 + 3);
	KUNIT_ASSERT_EQ(test, 0, dissect(test, &p, sizeof(p), &f));
	KUNIT_EXPECT_FALSE(test, f.ports_known);

	p.ip.tot_len = htons(sizeof(p));
	p.ip.protocol = IPPROTO_ICMP;
	p.udp.source = htons(0x0304);
	KUNIT_ASSERT_EQ(test, 0, dissect(test, &p, sizeof(p), &f));
	KUNIT_EXPECT_EQ(test, 0x0304, f.dport);
	KUNIT_EXPECT_EQ(test, 0, f.sport);
}

static void malformed_ipv4_is_refused(struct kunit *test)
{
	struct cg_flow f;
	struct v4_udp p;
	unsigned int len;

	v4_udp_packet(&p);
	for (len = 0; len < sizeof(p); len++)
		KUNIT_EXPECT_EQ_MSG(test, -EINVAL, dissect(test, &p, len, &f), "%u bytes", len);
	p.ip.ihl = 4;
	KUNIT_EXPECT_EQ(test, -EINVAL, dissect(test, &p, sizeof(p), &f));
	p.ip.ihl = 15;
	KUNIT_EXPECT_EQ(test, -EINVAL, dissect(test, &p, sizeof(p), &f));
	p.ip.ihl = 6;
	p.ip.tot_len = htons(23);
	KUNIT_EXPECT_EQ(test, -EINVAL, dissect(test, &p, sizeof(p), &f));
	p.ip.tot_len = htons(sizeof(p));
	p.ip.version = 5;
	KUNIT_EXPECT_EQ(test, -EINVAL, dissect(test, &p, sizeof(p), &f));
}

struct v6_chain {
	struct ipv6hdr ip;
	struct ipv6_opt_hdr hop;
	u8 hop_data[6];
	struct frag_hdr frag;
	struct ipv6_opt_hdr dest;
	u8 dest_data[14];
	struct udphdr udp;
} __packed;

static void v6_packet(struct v6_chain *p)
{
	memset(p, 0, sizeof(*p));
	p->ip.version = 6;
	p->ip.payload_len = htons(sizeof(*p) - sizeof(p->ip));
	p->ip.nexthdr = NEXTHDR_HOP;
	p->ip.saddr.s6_addr[15] = 1;
	p->ip.daddr.s6_addr[15] = 2;
	p->hop.nexthdr = NEXTHDR_FRAGMENT;
	p->frag.nexthdr = NEXTHDR_DEST;
	p->dest.nexthdr = IPPROTO_UDP;
	p->dest.hdrlen = 1;
	p->udp.source = htons(7);
	p->udp.dest = htons(9);
}

static void ipv6_extension_headers_are_looked_through(struct kunit *test)
{
	struct v6_chain p;
	struct cg_flow f;

	v6_packet(&p);
	KUNIT_ASSERT_EQ(test, 0, dissect(test, &p, sizeof(p), &f));
	KUNIT_EXPECT_EQ(test, AF_INET6, f.family);
	KUNIT_EXPECT_EQ(test, IPPROTO_UDP, f.protocol);
	KUNIT_EXPECT_TRUE(test, f.ports_known);
	KUNIT_EXPECT_EQ(test, 7, f.sport);
	KUNIT_EXPECT_EQ(test, 9, f.dport);

	/* behind a later fragment nothing is known but what it says itself */
	p.frag.frag_off = htons(8);
	p.frag.nexthdr = IPPROTO_TCP;
	KUNIT_ASSERT_EQ(test, 0, dissect(test, &p, sizeof(p), &f));
	KUNIT_EXPECT_EQ(test, IPPROTO_TCP, f.protocol);
	KUNIT_EXPECT_FALSE(test, f.ports_known);
}

static void malformed_ipv6_is_refused(struct kunit *test)
{
	struct v6_chain p;
	struct cg_flow f;
	unsigned int len;

	v6_packet(&p);
	for (len = 0; len < sizeof(p); len++)
		KUNIT_EXPECT_EQ_MSG(test, -EINVAL, dissect(test, &p, len, &f), "%u bytes", len);
	/* a header that says it is longer than the packet: no ports are seen */
	p.dest.hdrlen = 200;
	KUNIT_EXPECT_EQ(test, 0, dissect(test, &p, sizeof(p), &f));
	KUNIT_EXPECT_FALSE(test, f.ports_known);
	/* a fragment header that is cut off */
	v6_packet(&p);
	p.ip.payload_len = htons(8 + 4);
	KUNIT_EXPECT_EQ(test, -EINVAL, dissect(test, &p, sizeof(p), &f));
}

static void endless_extension_headers_are_refused(struct kunit *test)
{
	struct cg_flow f;
	u8 *p = kunit_kzalloc(test, 40 + 8 * 40, GFP_KERNEL);
	struct ipv6hdr *ip = (struct ipv6hdr *)p;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	ip->version = 6;
	ip->payload_len = htons(8 * 40);
	ip->nexthdr = NEXTHDR_DEST;
	for (i = 0; i < 40; i++)
		p[40 + 8 * i] = NEXTHDR_DEST;
	KUNIT_EXPECT_EQ(test, -EINVAL, dissect(test, p, 40 + 8 * 40, &f));
}

static void free_table(void *tab)
{
	cg_selector_table_free(tab);
}

static struct cg_selector_table *table_of(struct kunit *test)
{
	struct cg_selector_table *tab = cg_selector_table_new(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, tab);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_table, tab));
	return tab;
}

static struct cg_tunnel *find(struct cg_selector_table *tab, const struct cg_flow *f)
{
	struct cg_tunnel *t;

	rcu_read_lock();
	t = cg_selector_table_lookup(tab, f);
	rcu_read_unlock();
	return t;
}

static void equal_selectors_are_refused(struct kunit *test)
{
	struct cg_selector_table *tab = table_of(test);
	struct cg_selector here = any_of("10.1.0.0", "10.1.255.255");
	struct cg_selector there = any_of("10.2.0.0", "10.2.255.255");
	struct cg_tunnel *a = tunnel_of(test, here, there);
	struct cg_tunnel *b = tunnel_of(test, here, there);
	struct cg_flow f = flow_of("10.1.0.1", "10.2.0.1", 6, 1, 2);

	KUNIT_EXPECT_EQ(test, 0, cg_selector_table_add(tab, a));
	KUNIT_EXPECT_EQ(test, -EEXIST, cg_selector_table_add(tab, b));
	/* a port makes it another one, and a more specific one */
	b->ts[1] = selector("10.2.0.0", "10.2.255.255", IPPROTO_TCP, 2, 2);
	KUNIT_EXPECT_EQ(test, 0, cg_selector_table_add(tab, b));
	KUNIT_EXPECT_PTR_EQ(test, b, find(tab, &f));
	f.dport = 3;
	KUNIT_EXPECT_PTR_EQ(test, a, find(tab, &f));
	cg_selector_table_del(tab, a);
	KUNIT_EXPECT_PTR_EQ(test, NULL, find(tab, &f));
	cg_selector_table_del(tab, b);
	KUNIT_EXPECT_EQ(test, 0, cg_selector_table_add(tab, a));
	cg_selector_table_del(tab, a);
}

static void most_specific_remote_prefix_wins(struct kunit *test)
{
	struct cg_selector_table *tab = table_of(test);
	struct cg_selector all = any_of("0.0.0.0", "255.255.255.255");
	struct cg_tunnel *wide = tunnel_of(test, all, all);
	struct cg_tunnel *net = tunnel_of(test, all, any_of("10.0.0.0", "10.255.255.255"));
	struct cg_tunnel *host = tunnel_of(test, any_of("10.1.1.1", "10.1.1.1"),
					   any_of("10.2.0.1", "10.2.0.1"));
	struct cg_flow f = flow_of("10.1.1.1", "10.2.0.1", 6, 1, 2);

	KUNIT_ASSERT_EQ(test, 0, cg_selector_table_add(tab, wide));
	KUNIT_EXPECT_PTR_EQ(test, wide, find(tab, &f));
	KUNIT_ASSERT_EQ(test, 0, cg_selector_table_add(tab, host));
	KUNIT_ASSERT_EQ(test, 0, cg_selector_table_add(tab, net));
	KUNIT_EXPECT_PTR_EQ(test, host, find(tab, &f));
	f = flow_of("10.1.1.2", "10.2.0.1", 6, 1, 2);	/* not from there */
	KUNIT_EXPECT_PTR_EQ(test, net, find(tab, &f));
	f = flow_of("10.1.1.2", "11.2.0.1", 6, 1, 2);
	KUNIT_EXPECT_PTR_EQ(test, wide, find(tab, &f));
	f = flow_of("fd00::1", "fd00::2", 6, 1, 2);
	KUNIT_EXPECT_PTR_EQ(test, NULL, find(tab, &f));
	cg_selector_table_del(tab, wide);
	cg_selector_table_del(tab, net);
	cg_selector_table_del(tab, host);
}

/* A prefix of few networks, so that tunnels overlap a lot. */
static struct cg_selector random_prefix(struct rnd_state *rnd, u8 *plen)
{
	static const u8 plens[] = { 0, 8, 12, 16, 24, 28, 32 };
	struct cg_selector s = { .family = AF_INET, .port_end = 65535 };
	u32 mask, addr;

	*plen = plens[prandom_u32_state(rnd) % ARRAY_SIZE(plens)];
	mask = *plen ? ~0U << (32 - *plen) : 0;
	addr = prandom_u32_state(rnd) & 0x03030303 & mask;
	s.start.v4 = htonl(addr);
	s.end.v4 = htonl(addr | ~mask);
	return s;
}

#define N_TUNNELS	600

static void table_agrees_with_trying_every_tunnel(struct kunit *test)
{
	struct cg_selector_table *tab = table_of(test);
	unsigned int i, j, n = 0, hits = 0, s = seed ?: get_random_u32();
	struct {
		struct cg_tunnel *t;
		u8 remote, local;
	} *all = kunit_kcalloc(test, N_TUNNELS, sizeof(*all), GFP_KERNEL);
	struct rnd_state rnd;

	KUNIT_ASSERT_NOT_NULL(test, all);
	kunit_info(test, "selector_seed=%u\n", s);
	prandom_seed_state(&rnd, s);
	for (i = 0; i < N_TUNNELS; i++) {
		u8 local, remote;
		struct cg_selector here = random_prefix(&rnd, &local);
		struct cg_selector there = random_prefix(&rnd, &remote);
		struct cg_tunnel *t = tunnel_of(test, here, there);
		bool twice = false;

		for (j = 0; j < n; j++)
			twice |= cg_selector_equal(&all[j].t->ts[0], &here) &&
				 cg_selector_equal(&all[j].t->ts[1], &there);
		KUNIT_ASSERT_EQ(test, twice ? -EEXIST : 0, cg_selector_table_add(tab, t));
		if (twice)
			continue;
		all[n].t = t;
		all[n].remote = remote;
		all[n++].local = local;
	}
	for (i = 0; i < 5000; i++) {
		struct cg_flow f = { .family = AF_INET, .protocol = 17, .ports_known = true };
		struct cg_tunnel *want = NULL;
		int best = -1;

		f.src.v4 = htonl(prandom_u32_state(&rnd) & 0x03030303);
		f.dst.v4 = htonl(prandom_u32_state(&rnd) & 0x03030303);
		for (j = 0; j < n; j++) {
			int rank = all[j].remote * 64 + all[j].local;

			if (rank > best && cg_tunnel_admits_out(all[j].t, &f)) {
				best = rank;
				want = all[j].t;
			}
		}
		hits += !!want;
		KUNIT_ASSERT_PTR_EQ(test, want, find(tab, &f));
		/* and while they go */
		if (i % 16 == 0 && n) {
			j = prandom_u32_state(&rnd) % n;
			cg_selector_table_del(tab, all[j].t);
			all[j] = all[--n];
		}
	}
	KUNIT_EXPECT_GT(test, hits, 1000);
	while (n)
		cg_selector_table_del(tab, all[--n].t);
}

static void a_flow_has_one_hash(struct kunit *test)
{
	static const char *const hosts[][2] = {
		{ "10.1.0.1", "10.2.0.1" }, { "fd01::1", "fd02::1" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hosts); i++) {
		struct cg_flow f = flow_of(hosts[i][0], hosts[i][1], IPPROTO_UDP, 5000, 53);
		struct cg_flow g = f;
		u32 hash = cg_flow_hash(&f);

		KUNIT_EXPECT_EQ(test, cg_flow_hash(&g), hash);
		g.sport++;
		KUNIT_EXPECT_NE(test, cg_flow_hash(&g), hash);
		/* later fragments know no ports */
		f.fragment = true;
		g.fragment = true;
		KUNIT_EXPECT_EQ(test, cg_flow_hash(&g), cg_flow_hash(&f));
	}
}

static struct kunit_case selector_cases[] = {
	KUNIT_CASE(ranges_include_both_ends),
	KUNIT_CASE(ipv6_ranges_compare_all_bytes),
	KUNIT_CASE(protocols_and_ports_are_looked_at),
	KUNIT_CASE(opaque_ports_are_for_what_has_none_to_show),
	KUNIT_CASE(icmp_type_and_code_are_one_value),
	KUNIT_CASE(ipv4_packets_are_dissected),
	KUNIT_CASE(malformed_ipv4_is_refused),
	KUNIT_CASE(ipv6_extension_headers_are_looked_through),
	KUNIT_CASE(malformed_ipv6_is_refused),
	KUNIT_CASE(endless_extension_headers_are_refused),
	KUNIT_CASE(a_flow_has_one_hash),
	KUNIT_CASE(equal_selectors_are_refused),
	KUNIT_CASE(most_specific_remote_prefix_wins),
	KUNIT_CASE(table_agrees_with_trying_every_tunnel),
	{}
};

static struct kunit_suite selector_suite = {
	.name = "certgate_selector",
	.test_cases = selector_cases,
};

kunit_test_suite(selector_suite);
