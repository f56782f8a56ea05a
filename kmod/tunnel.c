// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a tunnel, from its place on a device until the last of its SAs is
 * freed. tunnel_netlink.c makes and changes tunnels on behalf of userspace, device.c destroys
 * those of a device that goes, the packet path reports peers that moved.
 */
#include <linux/slab.h>
#include "device.h"
#include "encap.h"
#include "event.h"
#include "larval.h"
#include "sa.h"
#include "tunnel.h"

struct cg_tunnel *cg_tunnel_get(struct cg_tunnel *t)
{
	refcount_inc(&t->ref);
	return t;
}

struct cg_tunnel *cg_tunnel_alloc(struct cg_net *cgn, unsigned int n_local,
				  unsigned int n_remote)
{
	struct cg_tunnel *t;

	/* the allocator's next size is twice as large; locks are larger where they are checked */
	BUILD_BUG_ON(sizeof(spinlock_t) == 4 &&
		     sizeof(*t) + 2 * sizeof(struct cg_selector) > 512);
	t = kzalloc(struct_size(t, ts, n_local + n_remote), GFP_KERNEL_ACCOUNT);
	if (!t)
		return NULL;
	t->cgn = cgn;
	refcount_set(&t->ref, 1);
	spin_lock_init(&t->ep_lock);
	spin_lock_init(&t->active_lock);
	INIT_LIST_HEAD(&t->sas);
	INIT_LIST_HEAD(&t->larvals);
	t->n_local = n_local;
	t->n_remote = n_remote;
	if (dst_cache_init(&t->dst_cache, GFP_KERNEL_ACCOUNT)) {
		kfree(t);
		return NULL;
	}
	cg_object_made(CG_OBJECT_TUNNEL);
	return t;
}

static void tunnel_free_rcu(struct rcu_head *rcu)
{
	struct cg_tunnel *t = container_of(rcu, struct cg_tunnel, rcu);

	kfree(rcu_dereference_protected(t->ep, true));
	dst_cache_destroy(&t->dst_cache);
	cg_object_freed(CG_OBJECT_TUNNEL);
	kfree(t);
}

void cg_tunnel_put(struct cg_tunnel *t)
{
	if (refcount_dec_and_test(&t->ref))
		call_rcu(&t->rcu, tunnel_free_rcu);
}

struct cg_tunnel *cg_tunnel_find(struct cg_net *cgn, u32 id)
{
	lockdep_assert_held(&cgn->lock);
	return xa_load(&cgn->tunnels, id);
}

struct cg_socket *cg_tunnel_socket(struct cg_tunnel *t)
{
	return rcu_dereference_protected(t->socket, lockdep_is_held(&t->cgn->lock));
}

void cg_tunnel_use_socket(struct cg_tunnel *t, struct cg_socket *s)
{
	struct cg_socket *old = cg_tunnel_socket(t);

	if (s)
		s->users++;
	rcu_assign_pointer(t->socket, s);
	if (old)
		old->users--;
}

int cg_tunnel_publish(struct cg_tunnel *t, struct cg_socket *s)
{
	struct cg_net *cgn = t->cgn;
	int err;

	lockdep_assert_held(&cgn->lock);
	if (cgn->exiting || cgn->n_tunnels >= CG_MAX_TUNNELS)
		return -ENOSPC;
	err = xa_alloc_cyclic(&cgn->tunnels, &t->id, t, xa_limit_31b, &cgn->next_tunnel,
			      GFP_KERNEL_ACCOUNT);
	if (err < 0)
		return err;
	cg_tunnel_use_socket(t, s);
	list_add_tail_rcu(&t->by_device, &t->dev->tunnels);
	/* last of all: from here on packets find it */
	err = cg_selector_table_add(t->dev->table, t);
	if (err) {
		list_del_rcu(&t->by_device);
		cg_tunnel_use_socket(t, NULL);
		xa_erase(&cgn->tunnels, t->id);
		return err;
	}
	cg_tunnel_file(t);
	t->dev->n_tunnels++;
	cgn->n_tunnels++;
	cgn->change_seq++;
	return 0;
}

void cg_tunnel_destroy(struct cg_tunnel *t)
{
	struct cg_net *cgn = t->cgn;
	struct cg_sa *sa, *next;

	lockdep_assert_held(&cgn->lock);
	/* No new packet finds it by its selectors... */
	cg_selector_table_del(t->dev->table, t);
	cg_tunnel_unfile(t);
	list_del_rcu(&t->by_device);
	t->dev->n_tunnels--;
	xa_erase(&cgn->tunnels, t->id);
	cgn->n_tunnels--;
	cgn->change_seq++;

	/* ...nor by an SPI; SAs that someone still holds are dead from here on. */
	list_for_each_entry_safe(sa, next, &t->sas, by_tunnel) {
		cg_sa_destroy(sa);
		cond_resched();
	}
	cg_larval_forget(t);

	/* Only then the socket, which packets under way look for. */
	cg_tunnel_use_socket(t, NULL);
	cg_tunnel_put(t);
}

void cg_tunnel_use_endpoints(struct cg_tunnel *t, struct cg_endpoints *ep, bool remote)
{
	struct cg_endpoints *old;

	spin_lock_bh(&t->ep_lock);
	old = rcu_dereference_protected(t->ep, lockdep_is_held(&t->ep_lock));
	if (!remote) {
		ep->remote = old->remote;
		ep->dport = old->dport;
	}
	rcu_assign_pointer(t->ep, ep);
	spin_unlock_bh(&t->ep_lock);
	kfree_rcu(old, rcu);
}

void cg_tunnel_moved(struct cg_tunnel *t, const struct cg_endpoints *seen)
{
	struct cg_endpoints *old, *new;

	if (!(READ_ONCE(t->flags) & CERTGATE_TUNNEL_F_ROAM))
		return;
	old = rcu_dereference(t->ep);
	if (seen->family != old->family ||
	    (!memcmp(&seen->remote, &old->remote, sizeof(seen->remote)) &&
	     seen->dport == old->dport))
		return;

	new = kmalloc(sizeof(*new), GFP_ATOMIC);
	if (!new)
		return;		/* the next packet tries again */
	spin_lock_bh(&t->ep_lock);
	old = rcu_dereference_protected(t->ep, lockdep_is_held(&t->ep_lock));
	*new = *old;
	new->remote = seen->remote;
	new->dport = seen->dport;
	rcu_assign_pointer(t->ep, new);
	spin_unlock_bh(&t->ep_lock);
	kfree_rcu(old, rcu);
	cg_tunnel_path_changed(t);
	cg_event_endpoint(t, new);
}
