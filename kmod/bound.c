// SPDX-License-Identifier: GPL-2.0-only
/*
 * What UDP sockets are bound to: what is kept of the user's, how our own is bound alike, whether
 * another one is, and which of them hears an address.
 */
#include <linux/net.h>
#include <linux/udp.h>
#include <net/inet_sock.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include "encap.h"

void cg_socket_describe(struct cg_socket *s, struct sock *sk)
{
	s->family = sk->sk_family;
	s->port = htons(inet_sk(sk)->inet_num);
	if (sk->sk_family == AF_INET6)
		s->local.v6 = sk->sk_v6_rcv_saddr;
	else
		s->local.v4 = inet_sk(sk)->inet_rcv_saddr;
	s->v6only = sk->sk_ipv6only;
	s->reuse = sk->sk_reuse;
	s->bound_if = sk->sk_bound_dev_if;
	s->uid = sock_i_uid(sk);
}

bool cg_socket_is_bound_as(const struct cg_socket *s, const struct sock *sk)
{
	if (sk->sk_family != s->family || READ_ONCE(sk->sk_bound_dev_if) != s->bound_if)
		return false;
	if (s->family == AF_INET6)
		return sk->sk_ipv6only == s->v6only &&
		       ipv6_addr_equal(&sk->sk_v6_rcv_saddr, &s->local.v6);
	return inet_sk(sk)->inet_rcv_saddr == s->local.v4;
}

/*
 * Who could bind beside the user's socket can bind beside this one, and so can the same user, with
 * SO_REUSEPORT, who comes to take it over; nobody else.
 */
static void share(const struct cg_socket *s, struct sock *sk)
{
	sk->sk_reuse = s->reuse ? SK_CAN_REUSE : SK_NO_REUSE;
	sk->sk_reuseport = true;
}

int cg_socket_bind(struct cg_socket *s, struct socket *sock)
{
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6, .sin6_port = s->port,
		.sin6_addr = s->local.v6, .sin6_scope_id = s->bound_if,
	};
	struct sockaddr_in sin = {
		.sin_family = AF_INET, .sin_port = s->port,
		.sin_addr.s_addr = s->local.v4,
	};
	struct sock *sk = sock->sk;
	int err;

	if (s->bound_if) {
		err = sock_bindtoindex(sk, s->bound_if, true);
		if (err)
			return err;
	}
	/* a user who has taken his socket back is to have what it gets, all of it */
	if (!s->taken_back)
		share(s, sk);
	/* the address may be away for a moment, with its link or until no duplicate is found */
	ip_sock_set_freebind(sk);
	SOCK_INODE(sock)->i_uid = s->uid;
	sk->sk_uid = s->uid;
	if (s->family == AF_INET6) {
		sk->sk_ipv6only = s->v6only;
		err = kernel_bind(sock, (struct sockaddr *)&sin6, sizeof(sin6));
	} else {
		err = kernel_bind(sock, (struct sockaddr *)&sin, sizeof(sin));
	}
	if (!err)
		share(s, sk);
	return err;
}

bool cg_socket_may_follow(const struct cg_socket *s, const struct sock *sk)
{
	const struct udp_sock *up = udp_sk(sk);
	const void *data = rcu_dereference_sk_user_data(sk);
	const void *rcv = READ_ONCE(up->encap_rcv);

	/* hook() of socket.c may have begun: the type is what it sets last */
	return !READ_ONCE(up->encap_type) && (!rcv || rcv == cg_encap_rcv) &&
	       !READ_ONCE(up->gro_receive) && (!data || data == s) &&
	       sk->sk_state != TCP_ESTABLISHED && uid_eq(sk->sk_uid, READ_ONCE(s->uid)) &&
	       cg_socket_is_bound_as(s, sk);
}

int cg_socket_serves(const struct cg_socket *s, sa_family_t family, const union cg_ip *local,
		     __be16 port)
{
	if (s->port != port)
		return 0;
	if (s->family == AF_INET6 && family == AF_INET) {
		if (s->v6only)
			return 0;
		if (ipv6_addr_v4mapped(&s->local.v6))
			return s->local.v6.s6_addr32[3] == local->v4 ? 2 : 0;
		return ipv6_addr_any(&s->local.v6);
	}
	if (s->family != family)
		return 0;
	if (family == AF_INET)
		return s->local.v4 == local->v4 ? 2 : !s->local.v4;
	if (ipv6_addr_equal(&s->local.v6, &local->v6))
		return 2;
	return ipv6_addr_any(&s->local.v6);
}

struct cg_socket *cg_socket_find_local(struct cg_net *cgn, sa_family_t family,
				       const union cg_ip *local, __be16 port)
{
	struct cg_socket *s, *best = NULL;
	int score, best_score = 0;
	unsigned long id;

	xa_for_each(&cgn->sockets, id, s) {
		score = cg_socket_serves(s, family, local, port);
		if (score)
			score = score * 2 + (s->family == family ? 1 : 0);
		if (score > best_score) {
			best = s;
			best_score = score;
		}
	}
	return best;
}
