// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests about UDP sockets: to hand one over, give it back, and to tell of those there are.
 */
#include <linux/net.h>
#include <net/sock.h>
#include "encap.h"
#include "netlink.h"

#define PATIENCE	(HZ / 4)	/* with a user who has his socket's lock for a moment */

/* lock_sock() if nobody has the lock; release_sock() follows. */
static bool try_lock_sock(struct sock *sk)
{
	bool got;

	spin_lock_bh(&sk->sk_lock.slock);
	got = !sock_owned_by_user_nocheck(sk);
	if (got) {
		mutex_acquire(&sk->sk_lock.dep_map, 0, 1, _RET_IP_);
		sk->sk_lock.owned = 1;
	}
	spin_unlock_bh(&sk->sk_lock.slock);
	return got;
}

/* The same, with a little patience. Process context, no lock held. */
static bool lock_sock_soon(struct sock *sk)
{
	unsigned long end = jiffies + PATIENCE;

	while (!try_lock_sock(sk)) {
		if (time_after(jiffies, end) || fatal_signal_pending(current))
			return false;
		schedule_timeout_killable(1);
	}
	return true;
}

static int put_socket(struct sk_buff *skb, const struct cg_socket *s)
{
	struct cg_stats stats = {};
	int i;

	for (i = 0; i < CG_DROP_MAX; i++)
		stats.drops[i] = atomic64_read(&s->drops[i]);
	if (nla_put_u32(skb, CERTGATE_A_SOCKET_ID, s->id) ||
	    cg_put_endpoint(skb, CERTGATE_A_SOCKET_LOCAL, s->family, &s->local, s->port) ||
	    (s->orphan && nla_put_flag(skb, CERTGATE_A_SOCKET_ORPHAN)))
		return -EMSGSIZE;
	return cg_stats_put(skb, CERTGATE_A_SOCKET_STATS, &stats);
}

static int reply_socket(struct genl_info *info, const struct cg_socket *s)
{
	struct sk_buff *reply;
	void *hdr;

	reply = cg_reply_new(info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!reply)
		return -ENOMEM;
	if (put_socket(reply, s)) {
		nlmsg_free(reply);
		return -EMSGSIZE;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

/* What it is stays: no lock. */
static bool is_udp(const struct sock *sk)
{
	return sk && sk->sk_protocol == IPPROTO_UDP && sk->sk_type == SOCK_DGRAM &&
	       (sk->sk_family == AF_INET || sk->sk_family == AF_INET6);
}

int cg_socket_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct cg_socket *s = NULL;
	struct socket *sock;
	struct sock *sk;
	bool locked;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_SOCKET_FD))
		return -EINVAL;
	sock = sockfd_lookup(nla_get_u32(info->attrs[CERTGATE_A_SOCKET_FD]), &err);
	if (!sock) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_SOCKET_FD],
				    "not a socket's file descriptor");
		return err;
	}
	sk = sock->sk;
	if (!is_udp(sk)) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_SOCKET_FD],
				    "not a UDP socket");
		err = -EPROTONOSUPPORT;
		goto out;
	}
	locked = lock_sock_soon(sk);
	mutex_lock(&cgn->lock);
	err = cgn->exiting ? -ENODEV : cg_socket_take_over(cgn, sk, locked, info->extack, &s);
	if (err)
		NL_SET_BAD_ATTR(info->extack, info->attrs[CERTGATE_A_SOCKET_FD]);
	else
		cgn->change_seq++;
	if (!err)
		err = reply_socket(info, s);
	mutex_unlock(&cgn->lock);
	if (locked)
		release_sock(sk);
out:
	sockfd_put(sock);
	return err;
}

/* The socket that the request names by ID, with cg_net.lock; if there is none, without. */
static struct cg_socket *lock_requested(struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct cg_socket *s;

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_SOCKET_ID))
		return ERR_PTR(-EINVAL);
	mutex_lock(&cgn->lock);
	s = cg_socket_find(cgn, nla_get_u32(info->attrs[CERTGATE_A_SOCKET_ID]));
	if (s)
		return s;
	mutex_unlock(&cgn->lock);
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_SOCKET_ID], "no such socket");
	return ERR_PTR(-ENOENT);
}

int cg_socket_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct cg_socket *s = lock_requested(info);
	int err = 0;

	if (IS_ERR(s))
		return PTR_ERR(s);
	if (s->users) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_SOCKET_ID],
				    "a tunnel uses the socket");
		err = -EBUSY;
	} else {
		cg_socket_destroy(s);
	}
	mutex_unlock(&cgn->lock);
	return err;
}

int cg_socket_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct cg_socket *s = lock_requested(info);
	int err;

	if (IS_ERR(s))
		return PTR_ERR(s);
	err = reply_socket(info, s);
	mutex_unlock(&cgn->lock);
	return err;
}

int cg_socket_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cg_net *cgn = cg_net(sock_net(skb->sk));
	struct cg_socket *s;
	unsigned long id;
	int err = 0;

	mutex_lock(&cgn->lock);
	cb->seq = cgn->change_seq;
	xa_for_each_start(&cgn->sockets, id, s, cb->args[0]) {
		void *hdr = cg_dump_put(skb, cb, CERTGATE_CMD_SOCKET_GET);

		err = hdr ? put_socket(skb, s) : -EMSGSIZE;
		if (!cg_dump_done(skb, cb, hdr, id, err))
			break;
	}
	mutex_unlock(&cgn->lock);
	return skb->len ?: err;
}
