// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: what is registered in which order, and what a network namespace
 * brings and takes along.
 */
#include <linux/module.h>
#include "cert.h"
#include "device.h"
#include "encap.h"
#include "event.h"
#include "larval.h"
#include "netlink.h"
#include "queue.h"
#include "replay.h"
#include "sa.h"

unsigned int cg_net_id __read_mostly;
struct workqueue_struct *cg_wq __read_mostly;
struct workqueue_struct *cg_departures __read_mostly;

/* What was made and not freed yet, over all namespaces. */
static atomic_t objects[CG_OBJECT_MAX];

static const char * const object_names[CG_OBJECT_MAX] = {
	[CG_OBJECT_BINDING] = "binding",
	[CG_OBJECT_FINGERPRINT] = "fingerprint",
	[CG_OBJECT_TUNNEL] = "tunnel",
	[CG_OBJECT_SA] = "SA",
	[CG_OBJECT_KEY] = "key",
};

void cg_object_made(enum cg_object kind)
{
	int n = atomic_inc_return(&objects[kind]);

	pr_debug("%s made, %d now\n", object_names[kind], n);
}

void cg_object_freed(enum cg_object kind)
{
	int n = atomic_dec_return(&objects[kind]);

	pr_debug("%s freed, %d left\n", object_names[kind], n);
}

static int __net_init net_init(struct net *net)
{
	struct cg_net *cgn = cg_net(net);
	int err;

	cgn->net = net;
	cgn->change_seq = 1;	/* 0 means "not known" to a dump */
	mutex_init(&cgn->lock);
	INIT_LIST_HEAD(&cgn->devices);
	xa_init_flags(&cgn->tunnels, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	xa_init_flags(&cgn->sockets, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	cg_event_net_init(cgn);
	cg_lease_net_init(cgn);
	err = cg_cert_net_init(cgn);
	if (err)
		return err;
	err = cg_sa_net_init(cgn);
	if (err)
		goto out_cert;
	err = cg_larval_net_init(cgn);
	if (err)
		goto out_sa;
	return 0;

out_sa:
	cg_sa_net_exit(cgn);
out_cert:
	cg_cert_net_exit(cgn);
	return err;
}

static void __net_exit net_exit(struct net *net)
{
	struct cg_net *cgn = cg_net(net);

	/* 1. Nothing new: no netlink socket is left here, but links can be made from elsewhere. */
	mutex_lock(&cgn->lock);
	WRITE_ONCE(cgn->exiting, true);	/* packets look, too */
	mutex_unlock(&cgn->lock);

	/* 2. No packet to send any more; tunnels go with their devices, SAs with their tunnels. */
	cg_device_net_exit(cgn);

	/* 3. None to receive: sockets stop handing packets to us. No tunnel uses them now. */
	cg_encap_net_exit(cgn);

	/* Larval SAs went with their tunnels, and nobody looks for them any more. */
	cg_larval_net_exit(cgn);

	/* 4. The lease has nothing left to stop. */
	cg_lease_net_exit(cgn);

	/* 5. Ciphers and queues under way let go of the last SAs... */
	cg_sa_net_exit(cgn);

	/* 6. ...and these of their bindings, which can go now. */
	cg_cert_net_exit(cgn);

	WARN_ON_ONCE(!list_empty(&cgn->devices) || !xa_empty(&cgn->tunnels) ||
		     !xa_empty(&cgn->sockets) || cgn->n_tunnels);
	xa_destroy(&cgn->tunnels);
	xa_destroy(&cgn->sockets);
}

static struct pernet_operations net_ops = {
	.init = net_init,
	.exit = net_exit,
	.id = &cg_net_id,
	.size = sizeof(struct cg_net),
};

static int __init certgate_init(void)
{
	int err;

	cg_wq = alloc_workqueue("certgate", WQ_UNBOUND, 0);
	if (!cg_wq)
		return -ENOMEM;
	err = -ENOMEM;
	cg_departures = alloc_workqueue("certgate_departures", WQ_UNBOUND, 0);
	if (!cg_departures)
		goto out_wq;

	err = cg_replay_init();
	if (err)
		goto out_departures;
	err = cg_stock_init();
	if (err)
		goto out_replay;
	err = cg_queue_init();
	if (err)
		goto out_stock;

	/* A device of the namespace: its exit runs before the core dismantles routing. */
	err = register_pernet_device(&net_ops);
	if (err)
		goto out_queue;
	/* Raw ESP may come in from here on; without SAs it passes through to others. */
	err = cg_encap_register();
	if (err)
		goto out_net;
	err = cg_device_register();
	if (err)
		goto out_encap;
	/* Last: now userspace can make all the rest. */
	err = cg_netlink_register();
	if (err)
		goto out_device;
	return 0;

out_device:
	cg_device_unregister();
out_encap:
	cg_encap_unregister();
out_net:
	unregister_pernet_device(&net_ops);
out_queue:
	cg_queue_exit();
out_stock:
	cg_stock_exit();
out_replay:
	rcu_barrier();
	destroy_workqueue(cg_departures);
	destroy_workqueue(cg_wq);
	cg_replay_exit();
	return err;
out_departures:
	destroy_workqueue(cg_departures);
out_wq:
	destroy_workqueue(cg_wq);
	return err;
}

static void __exit certgate_exit(void)
{
	int kind;

	/* The reverse, for the same reasons: no requests, no devices, no raw ESP, no namespaces. */
	cg_netlink_unregister();
	cg_device_unregister();
	cg_encap_unregister();
	unregister_pernet_device(&net_ops);
	cg_queue_exit();
	cg_stock_exit();

	/*
	 * Every namespace has waited for its SAs. What is left are RCU callbacks that run
	 * our code, and the tail of the last work item.
	 */
	rcu_barrier();
	destroy_workqueue(cg_departures);
	destroy_workqueue(cg_wq);
	cg_replay_exit();
	/*
	 * udp_destroy_sock() calls a socket's encap_destroy outside of any read-side section: who
	 * was preempted between fetching the pointer and our return has to be out of our text.
	 */
	synchronize_rcu_tasks();
	for (kind = 0; kind < CG_OBJECT_MAX; kind++)
		WARN(atomic_read(&objects[kind]), "certgate: %d objects of kind %s are left\n",
		     atomic_read(&objects[kind]), object_names[kind]);
}

module_init(certgate_init);
module_exit(certgate_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("IPsec ESP whose security associations live by X.509 certificates");
MODULE_AUTHOR("The certgate authors");
MODULE_VERSION("0.1.0");	/* as in userspace/base/version.h */
MODULE_ALIAS_RTNL_LINK(CERTGATE_LINK_KIND);
MODULE_ALIAS_GENL_FAMILY(CERTGATE_FAMILY_NAME);
