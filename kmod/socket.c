// SPDX-License-Identifier: GPL-2.0-only
/*
 * UDP sockets that were handed over by fd, and the kernel sockets that stand
 * in for them when they are gone while tunnels use them.
 *
 * The module keeps a reference to the user's struct sock, but nothing of its file: a close is
 * noticed by encap_destroy, and the reference, which keeps the namespace alive, goes soon after.
 * Whoever else holds the socket can change its handler with
 * setsockopt(UDP_ENCAP), and with handler 0 encap_destroy is not called: so each
 * socket is looked at once a second, too.
 *
 * No packet is lost when one takes the place of another: both serve for as long as both have the
 * port. encap_destroy comes before a closed socket leaves its port, and is kept until ours has it.
 * Where that cannot be, and when the next user has bound his socket but has not handed it over
 * yet, the intake takes what is for tunnels (struct cg_socket.orphan), with exceptions that it
 * names (intake.c). ICMP errors about our ESP are not heard as long as no socket of ours has the
 * port.
 *
 * A user can keep his socket's lock for ever: a sender that waits for room in its buffer, or for
 * a page that somebody else provides, has it meanwhile. So nobody waits for it here: neither
 * with cg_net.lock, which RTNL waits for, nor in a request, which keeps the whole of generic
 * netlink from its next registration, nor when a namespace or the module goes. To take a socket
 * over its lock is tried, before cg_net.lock (socket_netlink.c); to give one back none is needed.
 */
#include <linux/net.h>
#include <linux/udp.h>
#include <net/inet_sock.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>
#include "encap.h"
#include "event.h"
#include "intake.h"

#define ENCAP_TYPE	1	/* none of the UDP_ENCAP_* that others look for */

/*
 * Our own socket could not be bound: until it is tried again, the first time and at last. What is
 * in its way may be another socket of a process that is ending, and go any moment.
 */
#define RETRY_FIRST	1
#define RETRY_LAST	(8 * HZ)

static void watch_work(struct work_struct *work);
static void encap_destroy(struct sock *sk);

static bool is_ours(const struct sock *sk)
{
	const struct udp_sock *up = udp_sk(sk);

	return READ_ONCE(up->encap_type) == ENCAP_TYPE &&
	       READ_ONCE(up->encap_rcv) == cg_encap_rcv;
}

struct cg_socket *cg_socket_of(const struct sock *sk)
{
	return is_ours(sk) ? rcu_dereference_sk_user_data(sk) : NULL;
}

static void watch_soon(struct cg_socket *s, unsigned long delay)
{
	mod_delayed_work(cg_wq, &s->watch, delay);
}

/* @sk's user data are others' too, who take this lock alone: maps of programs. */
static int claim(struct cg_socket *s, struct sock *sk)
{
	int err = -EBUSY;

	write_lock_bh(&sk->sk_callback_lock);
	if (!rcu_access_pointer(__sk_user_data(sk))) {
		rcu_assign_sk_user_data(sk, s);
		err = 0;
	}
	write_unlock_bh(&sk->sk_callback_lock);
	return err;
}

static void disclaim(struct sock *sk)
{
	write_lock_bh(&sk->sk_callback_lock);
	rcu_assign_sk_user_data(sk, NULL);
	write_unlock_bh(&sk->sk_callback_lock);
}

/*
 * @sk, which was claimed, is to serve; the reference that is taken is for the caller to keep.
 * @destroy: is called when it is closed. Under cg_net.lock and the socket's.
 */
static void hook(struct sock *sk, void (*destroy)(struct sock *sk))
{
	struct udp_sock *up = udp_sk(sk);

	sock_hold(sk);
	WRITE_ONCE(up->encap_destroy, destroy);
	WRITE_ONCE(up->encap_err_lookup, cg_encap_err_lookup);
	WRITE_ONCE(up->encap_rcv, cg_encap_rcv);
	smp_wmb();	/* the type is what makes the core look at the others */
	WRITE_ONCE(up->encap_type, ENCAP_TYPE);
	udp_tunnel_encap_enable(sk);
}

/*
 * The reverse, as far as others have not replaced it. Packets under way still see whom it served.
 * Without the socket's lock: who wants to take the socket over waits for its user data, which goes
 * last, and setsockopt(UDP_ENCAP), which asks for nothing, replaces the handler before or after
 * us. Nobody but hook() sets what is ours. Under cg_net.lock.
 */
static void unhook(struct sock *sk)
{
	struct udp_sock *up = udp_sk(sk);

	if (READ_ONCE(up->encap_type) == ENCAP_TYPE &&
	    READ_ONCE(up->encap_rcv) == cg_encap_rcv)
		WRITE_ONCE(up->encap_type, 0);
	cmpxchg(&up->encap_rcv, cg_encap_rcv, NULL);
	cmpxchg(&up->encap_destroy, encap_destroy, NULL);
	cmpxchg(&up->encap_err_lookup, cg_encap_err_lookup, NULL);
	smp_wmb();	/* who finds the user data gone finds all of it gone */
	disclaim(sk);
}

/*
 * Nothing new comes in by the sockets of @s: the user's are his alone from here on, our own leaves
 * its port, and serves what has found it there.
 */
static void leave(struct cg_socket *s)
{
	if (s->own)
		sock_release(s->own);
	else if (s->sk)
		unhook(s->sk);
	if (s->leaving)
		unhook(s->leaving);
}

/* After leave() and a grace period. */
static void let_go(struct cg_socket *s)
{
	if (s->sk)
		sock_put(s->sk);
	if (s->leaving)
		sock_put(s->leaving);
	s->sk = NULL;
	s->own = NULL;
	s->leaving = NULL;
}

static void detach(struct cg_socket *s)
{
	if (!s->sk && !s->leaving)
		return;
	leave(s);
	synchronize_net();
	let_go(s);
}

/* Under cg_net.lock. */
static void set_orphan(struct cg_socket *s, bool orphan)
{
	u32 n = s->cgn->n_orphans;

	if (s->orphan != orphan)
		n += orphan ? 1 : -1;
	/* who finds none any more finds that the user's socket serves: have_orphans() */
	smp_store_release(&s->cgn->n_orphans, n);
	/* nor this to be one: orphan_of(), is_sum_right() */
	smp_store_release(&s->orphan, orphan);
}

/* Unlinked and idle; the work itself may be the caller. */
static void unlink_socket(struct cg_socket *s)
{
	xa_erase(&s->cgn->sockets, s->id);
	s->cgn->n_sockets--;
	s->cgn->change_seq++;
	set_orphan(s, false);
	if (xa_empty(&s->cgn->sockets))
		cg_intake_off(s->cgn);
	detach(s);
}

void cg_socket_destroy(struct cg_socket *s)
{
	unlink_socket(s);
	/* it tries the lock only, so that it can be waited for under the lock */
	cancel_delayed_work_sync(&s->watch);
	kfree_rcu(s, rcu);
}

/* One grace period for all of them: RTNL may be waiting for the lock. */
void cg_socket_flush(struct cg_net *cgn, bool all)
{
	struct cg_socket *s;
	unsigned long id;

	mutex_lock(&cgn->lock);
	xa_for_each(&cgn->sockets, id, s)
		if (all || !s->users)
			leave(s);
	synchronize_net();
	xa_for_each(&cgn->sockets, id, s) {
		if (!all && s->users)
			continue;
		let_go(s);
		cg_socket_destroy(s);
	}
	mutex_unlock(&cgn->lock);
}

/*
 * A kernel socket, which holds no reference to its namespace. It serves before it has the port:
 * what found it there without us would wait in its queue for ever. If it does not get the port
 * nobody has found it, or for a moment that its memory outlives: there is nothing to wait for.
 */
static int make_own(struct cg_socket *s)
{
	struct socket *sock;
	struct sock *sk;
	int err;

	err = sock_create_kern(s->cgn->net, s->family, SOCK_DGRAM, IPPROTO_UDP, &sock);
	if (err)
		return err;
	sk = sock->sk;
	lock_sock(sk);
	err = claim(s, sk);
	if (!err)
		hook(sk, NULL);
	release_sock(sk);
	if (err) {
		sock_release(sock);
		return err;
	}
	WRITE_ONCE(s->own, sock);
	err = cg_socket_bind(s, sock);
	if (err) {
		WRITE_ONCE(s->own, NULL);
		unhook(sk);
		sock_release(sock);
		sock_put(sk);
		return err;
	}
	s->sk = sk;
	s->cgn->change_seq++;
	return 0;
}

/* Tunnels need our own: now, unless it is too soon after it could not be had. */
static void try_own(struct cg_socket *s)
{
	if (s->pause && time_before(jiffies, s->retry))
		return;
	if (!make_own(s)) {
		s->pause = 0;
		return;
	}
	s->pause = clamp_t(unsigned long, 2 * s->pause, RETRY_FIRST, RETRY_LAST);
	s->retry = jiffies + s->pause;
}

/* It is in neither of UDP's tables: udp_lib_unhash() takes it out of the second one last. */
static bool is_unhashed(const struct sock *sk)
{
	return hlist_unhashed_lockless(&sk->sk_node) &&
	       hlist_unhashed_lockless(&udp_sk(sk)->udp_portaddr_node);
}

/*
 * What the user had was closed: it has lost us its port. Who has found it in time is to be served,
 * which is a grace period.
 */
static bool was_closed(const struct sock *sk)
{
	return is_unhashed(sk) && is_ours(sk);
}

/*
 * What the user had has lost us its port, or nothing comes in by it for us. Those who have found a
 * closed one are waited for here, without the lock that others want: reap() need not.
 */
static bool has_left(struct cg_socket *s)
{
	if (!was_closed(s->leaving))
		return !is_ours(s->leaving);
	if (!s->left) {
		s->left = true;
		s->left_when = start_poll_synchronize_rcu();
	}
	if (poll_state_synchronize_rcu(s->left_when))
		return true;
	/* One that begins beside an expedited one is not counted, and nobody else may ask. */
	start_poll_synchronize_rcu();
	return false;
}

/* Nothing more comes in by what the user had. */
static void reap(struct cg_socket *s)
{
	struct sock *sk = s->leaving;

	if (!sk)
		return;
	s->leaving = NULL;
	if (was_closed(sk)) {
		if (s->left)
			cond_synchronize_rcu(s->left_when);
		else
			synchronize_net();
		unhook(sk);	/* nobody has found it, or can */
	} else {
		unhook(sk);
		synchronize_net();
	}
	sock_put(sk);
}

/* The user's socket serves for as long as it has its port still, and no other one as well. */
static void move_out(struct cg_socket *s)
{
	reap(s);
	s->left = false;
	s->leaving = s->sk;
	s->sk = NULL;
}

/*
 * The user's socket is being closed, or was changed. If a tunnel uses it @s has been an orphan for
 * a grace period: who has seen none finds the user's socket, and only when all of these are done
 * can another one be bound beside it, or it leave its port.
 */
static void lose(struct cg_socket *s)
{
	move_out(s);
	s->pause = 0;
	/*
	 * Ours is bound beside a closed one, which nobody else can change, as its user's sockets
	 * could be that are for sharing. Beside one that is changed it never is.
	 */
	s->taken_back = !sock_flag(s->leaving, SOCK_DEAD);
	if (!s->taken_back)
		s->leaving->sk_reuseport = true;
	if (s->users)
		try_own(s);
	cg_event_socket_lost(s);
}

/* Can one of them, which have the same port, be in the way of the other when that is bound? */
static bool overlap(const struct cg_socket *a, const struct cg_socket *b)
{
	if (a->bound_if && b->bound_if && a->bound_if != b->bound_if)
		return false;
	return a->family != b->family ||
	       cg_socket_serves(a, b->family, &b->local, b->port) ||
	       cg_socket_serves(b, a->family, &a->local, a->port);
}

/*
 * The sockets of a user who ends are closed one by one, and may overlap, as those of any device and
 * of a VRF do: what takes the place of another one can be bound now that @s is not in its way.
 */
static void try_others(const struct cg_socket *s)
{
	struct cg_socket *other;
	unsigned long id;

	xa_for_each(&s->cgn->sockets, id, other) {
		if (other == s || other->port != s->port || !overlap(other, s) ||
		    !other->users || !other->orphan || other->sk)
			continue;	/* with a socket of the user's still it is being closed */
		other->pause = 0;
		try_own(other);
		watch_soon(other, other->pause);
	}
}

struct departure {
	struct work_struct work;
	struct sock *sk;
};

/* The one that @sk, a user's, serves and has not left yet; NULL: none. Under cg_net.lock. */
static struct cg_socket *served_by(struct cg_net *cgn, struct sock *sk)
{
	struct cg_socket *s;

	if (!is_ours(sk))
		return NULL;	/* user data may be anybody's */
	s = rcu_dereference_protected(__sk_user_data(sk), lockdep_is_held(&cgn->lock));
	return s && s->sk == sk ? s : NULL;
}

/*
 * Not the user's process: it may not have the port, or not the memory. Those who close at once
 * wait for a grace period together, and nobody waits for that who wants the lock. The closed socket
 * keeps the namespace meanwhile. @s can be taken over then, which leaves @sk behind, or go, which
 * gives @sk back: it is looked for again.
 */
static void depart_work(struct work_struct *work)
{
	struct sock *sk = container_of(work, struct departure, work)->sk;
	struct cg_net *cgn = cg_net(sock_net(sk));
	struct cg_socket *s;

	mutex_lock(&cgn->lock);
	s = served_by(cgn, sk);
	if (s)
		set_orphan(s, true);
	if (s && s->users) {
		mutex_unlock(&cgn->lock);
		synchronize_net();
		mutex_lock(&cgn->lock);
		s = served_by(cgn, sk);
	}
	if (s) {
		lose(s);
		try_others(s);
		watch_soon(s, 0);
	}
	mutex_unlock(&cgn->lock);
}

/*
 * The user's socket is being closed and has its port until we return. Process context, and no
 * lock is held: the last reference to a file is dropped by nobody who has one.
 */
static void encap_destroy(struct sock *sk)
{
	struct departure d = { .sk = sk };
	bool served;

	/* unhook() comes before the module goes, and a grace period after that. */
	rcu_read_lock();
	served = rcu_dereference_sk_user_data(sk) && try_module_get(THIS_MODULE);
	rcu_read_unlock();
	if (!served)
		return;
	INIT_WORK_ONSTACK(&d.work, depart_work);
	queue_work(cg_departures, &d.work);
	flush_work(&d.work);
	destroy_work_on_stack(&d.work);
	module_put(THIS_MODULE);
}

static void watch_work(struct work_struct *work)
{
	struct cg_socket *s = container_of(to_delayed_work(work), struct cg_socket, watch);
	struct cg_net *cgn = s->cgn;

	if (!mutex_trylock(&cgn->lock)) {
		watch_soon(s, 1);
		return;
	}
	if (cgn->exiting || xa_load(&cgn->sockets, s->id) != s)
		goto out;
	if (s->sk && !s->own && !is_ours(s->sk)) {
		set_orphan(s, true);
		if (s->users)
			synchronize_net();
		lose(s);
	} else if (s->users && s->orphan && !s->sk) {
		try_own(s);
	}
	if (s->leaving && has_left(s))
		reap(s);
	if (s->leaving) {
		watch_soon(s, 1);
		goto out;
	}
	if (!s->users && s->orphan) {
		unlink_socket(s);
		cancel_delayed_work(&s->watch);	/* a departure may have asked again */
		kfree_rcu(s, rcu);
		goto out;
	}
	/* if it is asked for already that is sooner: a departure may have done it meanwhile */
	queue_delayed_work(cg_wq, &s->watch, s->pause ?: round_jiffies_relative(HZ));
out:
	mutex_unlock(&cgn->lock);
}

struct cg_socket *cg_socket_find(struct cg_net *cgn, u32 id)
{
	return xa_load(&cgn->sockets, id);
}

void cg_socket_drop(struct cg_net *cgn, u32 id, enum cg_drop why, unsigned int n)
{
	struct cg_socket *s = id ? xa_load(&cgn->sockets, id) : NULL;

	if (s)
		atomic64_add(n, &s->drops[why]);
}

static int check_socket(struct sock *sk, struct cg_net *cgn, struct netlink_ext_ack *extack)
{
	const struct udp_sock *up = udp_sk(sk);

	if (sock_net(sk) != cgn->net) {
		NL_SET_ERR_MSG(extack, "the socket is in another network namespace");
		return -EXDEV;
	}
	if (!inet_sk(sk)->inet_num) {
		NL_SET_ERR_MSG(extack, "the socket is not bound");
		return -EDESTADDRREQ;
	}
	if (sk->sk_state == TCP_ESTABLISHED) {
		NL_SET_ERR_MSG(extack, "the socket is connected");
		return -EISCONN;
	}
	if (sock_flag(sk, SOCK_DEAD))
		return -EBADF;
	if (READ_ONCE(up->encap_type) || READ_ONCE(up->encap_rcv) ||
	    READ_ONCE(up->gro_receive)) {
		NL_SET_ERR_MSG(extack, "the socket has an encapsulation already");
		return -EBUSY;
	}
	return 0;
}

/* Under cg_net.lock. A socket that is ours already is answered as it is. */
static struct cg_socket *find_sk(struct cg_net *cgn, const struct sock *sk)
{
	struct cg_socket *s;
	unsigned long id;

	xa_for_each(&cgn->sockets, id, s)
		if (s->sk == sk && is_ours(sk))
			return s;
	return NULL;
}

/* Under cg_net.lock. The one whose user has gone, bound where @sk is. */
static struct cg_socket *find_orphan(struct cg_net *cgn, const struct sock *sk)
{
	struct cg_socket *s;
	unsigned long id;

	xa_for_each(&cgn->sockets, id, s)
		if ((s->orphan || (s->sk && sock_flag(s->sk, SOCK_DEAD))) &&
		    s->port == htons(inet_sk(sk)->inet_num) && cg_socket_is_bound_as(s, sk))
			return s;
	return NULL;
}

int cg_socket_take_over(struct cg_net *cgn, struct sock *sk, bool locked,
			struct netlink_ext_ack *extack, struct cg_socket **ret_s)
{
	struct cg_socket *s, *fresh, *old;
	int err;

	s = find_sk(cgn, sk);
	if (s) {
		*ret_s = s;
		return 0;
	}
	if (!locked) {
		NL_SET_ERR_MSG(extack, "the socket's user has its lock and keeps it");
		return -EBUSY;
	}
	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return -ENOMEM;
	fresh->cgn = cgn;
	INIT_DELAYED_WORK(&fresh->watch, watch_work);

	err = check_socket(sk, cgn, extack);
	if (err)
		goto out_free;
	cg_socket_describe(fresh, sk);
	old = find_orphan(cgn, sk);
	err = claim(old ?: fresh, sk);
	if (err) {
		NL_SET_ERR_MSG(extack, "the socket's user data are somebody else's");
		goto out_free;
	}
	if (old) {
		/* same ID; the old one goes when the new one is on duty */
		struct cg_socket gone = { .cgn = cgn };

		if (old->own) {
			gone.own = old->own;
			gone.sk = old->sk;
		} else if (old->sk) {
			move_out(old);
		}
		old->reuse = fresh->reuse;
		WRITE_ONCE(old->uid, fresh->uid);	/* the intake reads it of an orphan */
		WRITE_ONCE(old->own, NULL);
		hook(sk, encap_destroy);
		old->sk = sk;
		set_orphan(old, false);
		detach(&gone);
		watch_soon(old, 0);
		kfree(fresh);
		*ret_s = old;
		return 0;
	}
	err = -ENOSPC;
	if (cgn->n_sockets >= CG_MAX_SOCKETS)
		goto out_claim;
	err = xa_alloc_cyclic(&cgn->sockets, &fresh->id, fresh, xa_limit_31b,
			      &cgn->next_socket, GFP_KERNEL_ACCOUNT);
	if (err < 0)
		goto out_claim;
	cgn->n_sockets++;
	hook(sk, encap_destroy);
	fresh->sk = sk;
	cg_intake_on(cgn, fresh->port);
	watch_soon(fresh, HZ);
	*ret_s = fresh;
	return 0;
out_claim:
	disclaim(sk);
out_free:
	/* no grace period if it was claimed: nobody looks at user data before hook() */
	kfree(fresh);
	return err;
}
