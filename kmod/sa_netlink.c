// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink requests about SAs: checks what userspace asks for, and tells what there
 * is, never a key. sa.c does the rest.
 */
#include <linux/slab.h>
#include "cert.h"
#include "esp.h"
#include "netlink.h"
#include "sa.h"

/*
 * Netlink echoes a request that failed to its sender, and frees the memory of any
 * without a look: keys must not be in it any more. All attributes of the type, not
 * just the last, which alone is parsed. (A request that the policies refuse never gets here:
 * its sender sees it as it was sent, unless it asked for capped answers.)
 */
static void wipe_keys(struct genl_info *info)
{
	struct nlattr *attr;
	int rem;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem)
		if (nla_type(attr) == CERTGATE_A_SA_KEY ||
		    nla_type(attr) == CERTGATE_A_SA_INTEG_KEY)
			memzero_explicit(nla_data(attr), nla_len(attr));
}

static int refuse(struct genl_info *info, int attr, const char *why, int err)
{
	struct netlink_ext_ack *extack = info->extack;

	if (extack) {
		extack->_msg = why;
		NL_SET_BAD_ATTR(extack, info->attrs[attr]);
	}
	return err;
}

/* 0 or absent is no limit; what the request leaves out stays as it is. */
static void parse_limit(struct genl_info *info, int attr, u64 *limit)
{
	u64 value;

	if (!info->attrs[attr])
		return;
	value = nla_get_u64(info->attrs[attr]);
	*limit = value ?: U64_MAX;
}

static int parse_limits(struct genl_info *info, struct cg_limits *soft, struct cg_limits *hard)
{
	static const char why[] = "a soft limit is above the hard one";

	parse_limit(info, CERTGATE_A_SA_SOFT_SECONDS, &soft->seconds);
	parse_limit(info, CERTGATE_A_SA_HARD_SECONDS, &hard->seconds);
	parse_limit(info, CERTGATE_A_SA_SOFT_BYTES, &soft->bytes);
	parse_limit(info, CERTGATE_A_SA_HARD_BYTES, &hard->bytes);
	parse_limit(info, CERTGATE_A_SA_SOFT_PACKETS, &soft->packets);
	parse_limit(info, CERTGATE_A_SA_HARD_PACKETS, &hard->packets);
	if (soft->seconds != U64_MAX && soft->seconds > hard->seconds)
		return refuse(info, CERTGATE_A_SA_SOFT_SECONDS, why, -EINVAL);
	if (soft->bytes != U64_MAX && soft->bytes > hard->bytes)
		return refuse(info, CERTGATE_A_SA_SOFT_BYTES, why, -EINVAL);
	if (soft->packets != U64_MAX && soft->packets > hard->packets)
		return refuse(info, CERTGATE_A_SA_SOFT_PACKETS, why, -EINVAL);
	return 0;
}

static int check_required(struct genl_info *info)
{
	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_SA_DIR) ||
	    GENL_REQ_ATTR_CHECK(info, CERTGATE_A_SA_SPI) ||
	    GENL_REQ_ATTR_CHECK(info, CERTGATE_A_SA_TUNNEL_ID) ||
	    GENL_REQ_ATTR_CHECK(info, CERTGATE_A_SA_CERT_ID) ||
	    GENL_REQ_ATTR_CHECK(info, CERTGATE_A_SA_ENCR) ||
	    GENL_REQ_ATTR_CHECK(info, CERTGATE_A_SA_KEY)) {
		GENL_SET_ERR_MSG(info, "an SA needs more than the request has");
		return -EINVAL;
	}
	return 0;
}

/* What one direction has and the other has not. */
static int parse_direction(struct genl_info *info, struct cg_sa *sa)
{
	struct nlattr **a = info->attrs;

	switch (sa->dir) {
	case CERTGATE_DIR_IN:
		if (a[CERTGATE_A_SA_ACTIVATE])
			return refuse(info, CERTGATE_A_SA_ACTIVATE,
				      "an inbound SA is always active", -EINVAL);
		if (a[CERTGATE_A_SA_PAIR_SPI])
			return refuse(info, CERTGATE_A_SA_PAIR_SPI,
				      "only an outbound SA has a pair", -EINVAL);
		sa->state = CERTGATE_SA_ACTIVE;
		return 0;
	case CERTGATE_DIR_OUT:
		if (a[CERTGATE_A_SA_REPLAY_WINDOW])
			return refuse(info, CERTGATE_A_SA_REPLAY_WINDOW,
				      "an outbound SA has no replay window", -EINVAL);
		sa->state = CERTGATE_SA_STANDBY;
		if (a[CERTGATE_A_SA_ACTIVATE])
			sa->activate = nla_get_u8(a[CERTGATE_A_SA_ACTIVATE]);
		if (a[CERTGATE_A_SA_PAIR_SPI])
			sa->pair_spi = nla_get_be32(a[CERTGATE_A_SA_PAIR_SPI]);
		if (sa->activate == CERTGATE_ACTIVATE_ON_USE && !sa->pair_spi) {
			GENL_SET_ERR_MSG(info, "activation on use needs the SPI of the inbound SA");
			NL_SET_ERR_ATTR_MISS(info->extack, NULL, CERTGATE_A_SA_PAIR_SPI);
			return -EINVAL;
		}
		return 0;
	case __CERTGATE_DIR_MAX:
		break;
	}
	return refuse(info, CERTGATE_A_SA_DIR, "unknown direction", -EINVAL);
}

/* The cipher, from the keys of the request. */
static int init_cipher(struct genl_info *info, struct cg_sa *sa)
{
	static const int attr_of[] = {
		[1] = CERTGATE_A_SA_ENCR,
		[2] = CERTGATE_A_SA_INTEG,
		[3] = CERTGATE_A_SA_KEY,
		[4] = CERTGATE_A_SA_INTEG_KEY,
	};
	const struct nlattr *key = info->attrs[CERTGATE_A_SA_KEY];
	const struct nlattr *ikey = info->attrs[CERTGATE_A_SA_INTEG_KEY];
	const struct nlattr *integ = info->attrs[CERTGATE_A_SA_INTEG];
	const char *why = NULL;
	int bad = 0, err;

	err = cg_esp_init(&sa->esp, nla_get_u16(info->attrs[CERTGATE_A_SA_ENCR]),
			  integ ? nla_get_u16(integ) : CERTGATE_INTEG_NONE,
			  nla_get_flag(info->attrs[CERTGATE_A_SA_ESN]),
			  nla_data(key), nla_len(key),
			  ikey ? nla_data(ikey) : NULL, ikey ? nla_len(ikey) : 0, &bad, &why);
	if (!err)
		return 0;
	if (bad > 0 && bad < ARRAY_SIZE(attr_of))
		return refuse(info, attr_of[bad], why, err);
	GENL_SET_ERR_MSG(info, "the cipher cannot be set up");
	return err;
}

/* An SA as the request describes it, not in any table. ERR_PTR with extack. */
static struct cg_sa *sa_from(struct genl_info *info, struct cg_net *cgn)
{
	u32 window = CERTGATE_DEFAULT_REPLAY_WINDOW;
	struct nlattr **a = info->attrs;
	struct cg_sa *sa;
	int err;

	sa = cg_sa_alloc(cgn);
	if (!sa)
		return ERR_PTR(-ENOMEM);
	sa->dir = nla_get_u8(a[CERTGATE_A_SA_DIR]);
	sa->spi = nla_get_be32(a[CERTGATE_A_SA_SPI]);
	err = -EINVAL;
	if (ntohl(sa->spi) < CG_MIN_SPI) {
		refuse(info, CERTGATE_A_SA_SPI, "SPIs below 256 are reserved", err);
		goto out_put;
	}
	err = parse_direction(info, sa) ?: parse_limits(info, &sa->soft, &sa->hard) ?:
	      init_cipher(info, sa);
	if (err)
		goto out_put;
	if (sa->dir == CERTGATE_DIR_IN) {
		if (a[CERTGATE_A_SA_REPLAY_WINDOW])
			window = nla_get_u32(a[CERTGATE_A_SA_REPLAY_WINDOW]);
		sa->replay = cg_replay_new(window, sa->esp.esn, GFP_KERNEL_ACCOUNT);
		err = -ENOMEM;
		if (!sa->replay)
			goto out_put;
	}
	return sa;

out_put:
	cg_sa_put(sa);
	return ERR_PTR(err);
}

static int check_binding(struct genl_info *info, struct cg_binding *b)
{
	if (!b)
		return refuse(info, CERTGATE_A_SA_CERT_ID, "no such certificate binding", -ENOENT);
	switch (cg_binding_verdict(b)) {
	case CERTGATE_CERT_VALID:
		return 0;
	case CERTGATE_CERT_NOT_YET_VALID:
		return refuse(info, CERTGATE_A_SA_CERT_ID,
			      "the certificate binding is not valid yet", -EKEYREJECTED);
	case CERTGATE_CERT_EXPIRED:
		return refuse(info, CERTGATE_A_SA_CERT_ID,
			      "the certificate binding has expired", -EKEYEXPIRED);
	case CERTGATE_CERT_REVOKED:
		return refuse(info, CERTGATE_A_SA_CERT_ID,
			      "the certificate binding is revoked", -EKEYREVOKED);
	case __CERTGATE_CERT_STATE_MAX:
		break;
	}
	return -EINVAL;
}

/* The inbound SA that @sa waits for. NULL: it need not wait. ERR_PTR with extack. */
static struct cg_sa *find_pair(struct genl_info *info, struct cg_sa *sa)
{
	struct cg_sa *in;

	if (sa->dir != CERTGATE_DIR_OUT || sa->activate != CERTGATE_ACTIVATE_ON_USE)
		return NULL;
	rcu_read_lock();
	in = cg_sa_find_in(sa->cgn, sa->pair_spi);
	rcu_read_unlock();
	/* cg_net.lock keeps it */
	if (in && in->tunnel == sa->tunnel)
		return in;
	refuse(info, CERTGATE_A_SA_PAIR_SPI, "the tunnel has no such inbound SA", 0);
	return ERR_PTR(-ENOENT);
}

static void activate(struct cg_sa *sa, struct cg_sa *pair)
{
	if (sa->dir != CERTGATE_DIR_OUT)
		return;
	switch (sa->activate) {
	case CERTGATE_ACTIVATE_NOW:
		cg_sa_activate(sa);
		break;
	case CERTGATE_ACTIVATE_ON_USE:
		rcu_assign_pointer(pair->on_use, sa);
		/* pairs with the packet path's: it writes last_used, then looks at on_use */
		smp_mb();
		if (READ_ONCE(pair->last_used)) {
			rcu_read_lock();
			cg_sa_used_in(pair);
			rcu_read_unlock();
		}
		break;
	case CERTGATE_ACTIVATE_NEVER:
	case __CERTGATE_ACTIVATE_MAX:
		break;
	}
}

/* Bind @sa to what it lives by and publish it. Under cg_net.lock. With extack. */
static int sa_place(struct genl_info *info, struct cg_sa *sa)
{
	const struct nlattr *key = info->attrs[CERTGATE_A_SA_KEY];
	struct cg_net *cgn = sa->cgn;
	struct cg_binding *b;
	struct cg_tunnel *t;
	struct cg_sa *pair;
	int err;

	t = cg_tunnel_find(cgn, nla_get_u32(info->attrs[CERTGATE_A_SA_TUNNEL_ID]));
	if (!t)
		return refuse(info, CERTGATE_A_SA_TUNNEL_ID, "no such tunnel", -ENOENT);
	b = cg_binding_find(cgn, nla_get_u32(info->attrs[CERTGATE_A_SA_CERT_ID]));
	err = check_binding(info, b);
	if (err)
		return err;
	if (READ_ONCE(cgn->lease_lapsed)) {
		GENL_SET_ERR_MSG(info, "the lease has lapsed: set a new one first");
		return -ETIME;
	}
	sa->tunnel = cg_tunnel_get(t);
	sa->binding = cg_binding_get(b);
	pair = find_pair(info, sa);
	if (IS_ERR(pair))
		return PTR_ERR(pair);

	err = cg_key_remember(cgn, sa->dir, sa->esp.encr, nla_data(key), nla_len(key), &sa->key);
	if (err == -EEXIST)
		return refuse(info, CERTGATE_A_SA_KEY, "the key was installed before", err);
	if (err)
		return err;
	err = cg_sa_publish(sa);
	if (err) {
		cg_key_forget(cgn, sa->key);
		sa->key = NULL;
		if (err == -EEXIST)
			return refuse(info, CERTGATE_A_SA_SPI, "an inbound SA has this SPI", err);
		if (err == -ENOSPC)
			GENL_SET_ERR_MSG(info, "the namespace holds as many SAs as it may");
		return err;
	}
	activate(sa, pair);
	return 0;
}

static int sa_new(struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct sk_buff *reply;
	struct cg_sa *sa;
	void *hdr;
	int err;

	err = check_required(info);
	if (err)
		return err;
	/* the answer first: an SA whose ID cannot be told must not be made */
	reply = cg_reply_new(info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!reply)
		return -ENOMEM;
	sa = sa_from(info, cgn);
	if (IS_ERR(sa)) {
		nlmsg_free(reply);
		return PTR_ERR(sa);
	}
	mutex_lock(&cgn->lock);
	err = sa_place(info, sa);
	if (!err)
		nla_put_u32(reply, CERTGATE_A_SA_ID, sa->id);
	mutex_unlock(&cgn->lock);
	if (err) {
		cg_sa_put(sa);
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

int cg_sa_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	int err = sa_new(info);

	wipe_keys(info);
	return err;
}

static struct cg_sa *find_outbound(struct cg_net *cgn, u32 tunnel_id, __be32 spi)
{
	struct cg_tunnel *t = cg_tunnel_find(cgn, tunnel_id);
	struct cg_sa *sa;

	if (!t)
		return NULL;
	list_for_each_entry(sa, &t->sas, by_tunnel)
		if (sa->dir == CERTGATE_DIR_OUT && sa->spi == spi)
			return sa;
	return NULL;
}

/* By ID; by DIR and SPI; by DIR, TUNNEL_ID and SPI. Under cg_net.lock. ERR_PTR with extack. */
static struct cg_sa *find_by_attrs(struct genl_info *info, struct cg_net *cgn)
{
	struct nlattr **a = info->attrs;
	struct cg_sa *sa;

	if (a[CERTGATE_A_SA_ID]) {
		sa = xa_load(&cgn->sas, nla_get_u32(a[CERTGATE_A_SA_ID]));
		if (sa)
			return sa;
		refuse(info, CERTGATE_A_SA_ID, "no such SA", 0);
		return ERR_PTR(-ENOENT);
	}
	if (!a[CERTGATE_A_SA_DIR] || !a[CERTGATE_A_SA_SPI] ||
	    (nla_get_u8(a[CERTGATE_A_SA_DIR]) == CERTGATE_DIR_OUT &&
	     !a[CERTGATE_A_SA_TUNNEL_ID])) {
		GENL_SET_ERR_MSG(info, "name the SA by ID, or by DIR, SPI and TUNNEL_ID");
		return ERR_PTR(-EINVAL);
	}
	if (nla_get_u8(a[CERTGATE_A_SA_DIR]) == CERTGATE_DIR_IN) {
		rcu_read_lock();
		sa = cg_sa_find_in(cgn, nla_get_be32(a[CERTGATE_A_SA_SPI]));
		rcu_read_unlock();
	} else {
		sa = find_outbound(cgn, nla_get_u32(a[CERTGATE_A_SA_TUNNEL_ID]),
				   nla_get_be32(a[CERTGATE_A_SA_SPI]));
	}
	if (sa)
		return sa;
	refuse(info, CERTGATE_A_SA_SPI, "no such SA", 0);
	return ERR_PTR(-ENOENT);
}

static int sa_set(struct genl_info *info, struct cg_sa *sa)
{
	const struct nlattr *when = info->attrs[CERTGATE_A_SA_ACTIVATE];
	struct cg_limits soft = sa->soft, hard = sa->hard;
	enum certgate_sa_death death;
	int err;

	err = parse_limits(info, &soft, &hard);
	if (err)
		return err;
	if (when && sa->dir != CERTGATE_DIR_OUT)
		return refuse(info, CERTGATE_A_SA_ACTIVATE, "an inbound SA is always active",
			      -EINVAL);
	if (when && nla_get_u8(when) != CERTGATE_ACTIVATE_NOW)
		return refuse(info, CERTGATE_A_SA_ACTIVATE, "an SA can be activated now only",
			      -EINVAL);
	if (cg_sa_state_now(sa, &death) == CERTGATE_SA_DEAD) {
		GENL_SET_ERR_MSG(info, "the SA is dead");
		return -ESTALE;
	}
	WRITE_ONCE(sa->hard.seconds, hard.seconds);
	WRITE_ONCE(sa->hard.bytes, hard.bytes);
	WRITE_ONCE(sa->hard.packets, hard.packets);
	if (memcmp(&soft, &sa->soft, sizeof(soft))) {
		WRITE_ONCE(sa->soft.seconds, soft.seconds);
		WRITE_ONCE(sa->soft.bytes, soft.bytes);
		WRITE_ONCE(sa->soft.packets, soft.packets);
		WRITE_ONCE(sa->soft_sent, false);
	}
	cg_sa_arm_life(sa);
	sa->cgn->change_seq++;
	if (when && !cg_sa_activate(sa)) {
		GENL_SET_ERR_MSG(info, "the SA is dead");
		return -ESTALE;
	}
	return 0;
}

int cg_sa_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct cg_sa *sa;
	int err;

	mutex_lock(&cgn->lock);
	sa = find_by_attrs(info, cgn);
	err = IS_ERR(sa) ? PTR_ERR(sa) : sa_set(info, sa);
	mutex_unlock(&cgn->lock);
	return err;
}

int cg_sa_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct cg_sa *sa;

	mutex_lock(&cgn->lock);
	sa = find_by_attrs(info, cgn);
	if (!IS_ERR(sa))
		cg_sa_destroy(sa);
	mutex_unlock(&cgn->lock);
	return PTR_ERR_OR_ZERO(sa);
}

static int put_limit(struct sk_buff *skb, int attr, u64 limit)
{
	return limit == U64_MAX ? 0 : nla_put_u64_64bit(skb, attr, limit, CERTGATE_A_SA_PAD);
}

static int put_limits(struct sk_buff *skb, const struct cg_sa *sa)
{
	return put_limit(skb, CERTGATE_A_SA_SOFT_SECONDS, sa->soft.seconds) ?:
	       put_limit(skb, CERTGATE_A_SA_HARD_SECONDS, sa->hard.seconds) ?:
	       put_limit(skb, CERTGATE_A_SA_SOFT_BYTES, sa->soft.bytes) ?:
	       put_limit(skb, CERTGATE_A_SA_HARD_BYTES, sa->hard.bytes) ?:
	       put_limit(skb, CERTGATE_A_SA_SOFT_PACKETS, sa->soft.packets) ?:
	       put_limit(skb, CERTGATE_A_SA_HARD_PACKETS, sa->hard.packets);
}

static int put_direction(struct sk_buff *skb, const struct cg_sa *sa)
{
	if (sa->dir == CERTGATE_DIR_IN)
		return nla_put_u32(skb, CERTGATE_A_SA_REPLAY_WINDOW, sa->replay->window) ?:
		       nla_put_u64_64bit(skb, CERTGATE_A_SA_SEQUENCE,
					 cg_replay_top(sa->replay), CERTGATE_A_SA_PAD);
	if (sa->pair_spi && nla_put_be32(skb, CERTGATE_A_SA_PAIR_SPI, sa->pair_spi))
		return -EMSGSIZE;
	return nla_put_u8(skb, CERTGATE_A_SA_ACTIVATE, sa->activate) ?:
	       nla_put_u64_64bit(skb, CERTGATE_A_SA_SEQUENCE, atomic64_read(&sa->seq),
				 CERTGATE_A_SA_PAD);
}

static int put_times(struct sk_buff *skb, const struct cg_sa *sa)
{
	u64 now = ktime_divns(ktime_get_boottime(), NSEC_PER_SEC);
	u64 made = ktime_divns(sa->made, NSEC_PER_SEC);
	u64 used = READ_ONCE(sa->last_used);

	if (nla_put_u64_64bit(skb, CERTGATE_A_SA_AGE, now - made, CERTGATE_A_SA_PAD))
		return -EMSGSIZE;
	if (!used)
		return 0;
	return nla_put_u64_64bit(skb, CERTGATE_A_SA_IDLE, now > used ? now - used : 0,
				 CERTGATE_A_SA_PAD);
}

/* Under cg_net.lock. -EMSGSIZE: @skb is full. */
static int sa_put_all(struct sk_buff *skb, struct cg_sa *sa)
{
	enum certgate_sa_death death;
	enum certgate_sa_state state = cg_sa_state_now(sa, &death);
	struct cg_stats stats = {};

	cg_totals_add(&sa->counters, &stats);
	if (nla_put_u32(skb, CERTGATE_A_SA_ID, sa->id) ||
	    nla_put_u8(skb, CERTGATE_A_SA_DIR, sa->dir) ||
	    nla_put_be32(skb, CERTGATE_A_SA_SPI, sa->spi) ||
	    nla_put_u32(skb, CERTGATE_A_SA_TUNNEL_ID, sa->tunnel->id) ||
	    nla_put_u32(skb, CERTGATE_A_SA_CERT_ID, sa->binding->id) ||
	    nla_put_u16(skb, CERTGATE_A_SA_ENCR, sa->esp.encr) ||
	    nla_put_u16(skb, CERTGATE_A_SA_KEY_BITS, sa->esp.key_bits) ||
	    nla_put_u8(skb, CERTGATE_A_SA_STATE, state) ||
	    nla_put_u8(skb, CERTGATE_A_SA_DEATH, death))
		return -EMSGSIZE;
	if (sa->esp.integ != CERTGATE_INTEG_NONE &&
	    nla_put_u16(skb, CERTGATE_A_SA_INTEG, sa->esp.integ))
		return -EMSGSIZE;
	if (sa->esp.esn && nla_put_flag(skb, CERTGATE_A_SA_ESN))
		return -EMSGSIZE;
	return put_direction(skb, sa) ?: put_limits(skb, sa) ?: put_times(skb, sa) ?:
	       cg_stats_put(skb, CERTGATE_A_SA_STATS, &stats);
}

int cg_sa_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct sk_buff *reply;
	struct cg_sa *sa;
	void *hdr;
	int err;

	reply = cg_reply_new(info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!reply)
		return -ENOMEM;
	mutex_lock(&cgn->lock);
	sa = find_by_attrs(info, cgn);
	err = IS_ERR(sa) ? PTR_ERR(sa) : sa_put_all(reply, sa);
	mutex_unlock(&cgn->lock);
	if (err) {
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

int cg_sa_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cg_net *cgn = cg_net(sock_net(skb->sk));
	struct cg_sa *sa;
	unsigned long id;
	int err = 0;

	mutex_lock(&cgn->lock);
	cb->seq = cgn->change_seq;
	xa_for_each_start(&cgn->sas, id, sa, cb->args[0]) {
		void *hdr = cg_dump_put(skb, cb, CERTGATE_CMD_SA_GET);

		err = hdr ? sa_put_all(skb, sa) : -EMSGSIZE;
		if (!cg_dump_done(skb, cb, hdr, id, err))
			break;
	}
	mutex_unlock(&cgn->lock);
	return skb->len ?: err;
}
