/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices and addresses of connections. What was made here is taken away again; what was there before stays. Called when a
 * connection is loaded, comes up, goes down and is removed.
 */
#include "daemon/iface.h"

#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/mtu_notes.h"
#include "daemon/routes.h"
#include "kernel/link.h"

/* Whether another connection uses the device too. */
static bool is_shared(const struct conn *c)
{
	for (size_t i = 0; i < c->g->n_conns; i++) {
		const struct conn *o = c->g->conns[i];

		if (o != c && o->ifindex != 0 &&
		    streq(o->cfg->interface.name, c->cfg->interface.name))
			return true;
	}
	return false;
}

static int complain(struct conn *c, int r, const char *what)
{
	history_add(c->g, c, IKE_ERROR, "interface", NULL,
		    "is the module loaded, and is the name free? 'ip link show' tells",
		    "%s: %s: %s", c->cfg->interface.name, what, cgk_rt_error(c->g->rt));
	return r;
}

static bool has_address(const struct cg_interface_config *i, const struct cg_prefix *p)
{
	for (size_t n = 0; n < i->n_addresses; n++) {
		if (cg_prefix_equal(&i->addresses[n], p))
			return true;
	}
	return false;
}

/*
 * Takes addresses away that neither another connection of the device has nor, where it is given, what takes their place. IPv4 may lose others along with one of
 * their network, and with the last one all routes through the device.
 */
static void drop_addresses(const struct conn *c, const struct cg_interface_config *old,
			   const struct cg_interface_config *next)
{
	for (size_t n = 0; n < old->n_addresses; n++) {
		const struct cg_prefix *p = &old->addresses[n];
		bool stays = next && has_address(next, p);

		for (size_t i = 0; i < c->g->n_conns && !stays; i++) {
			const struct conn *o = c->g->conns[i];

			stays = o != c && o->ifindex == c->ifindex &&
				has_address(&o->cfg->interface, p);
		}
		if (stays)
			continue;
		(void)cgk_address_del(c->g->rt, c->ifindex, p);
		for (size_t i = 0; i < c->g->n_conns; i++)
			c->g->conns[i]->device_lost |= c->g->conns[i]->ifindex == c->ifindex;
	}
}

static void add_addresses(struct conn *c, bool told)
{
	const struct cg_interface_config *i = &c->cfg->interface;

	for (size_t n = 0; n < i->n_addresses; n++) {
		int r = cgk_address_add(c->g->rt, c->ifindex, &i->addresses[n]);

		if (r < 0 && told)
			(void)complain(c, r, "an address cannot be added");
	}
}

/* Devices that this daemon made are marked by who uses them: the last one that goes takes it along. */
static bool pass_on(struct conn *c)
{
	for (size_t i = 0; i < c->g->n_conns; i++) {
		struct conn *o = c->g->conns[i];

		if (o != c && o->ifindex == c->ifindex && o->ifindex != 0) {
			o->created_link |= c->created_link;
			return true;
		}
	}
	return false;
}

/* has: what the device has now. What any connection of the device says counts for all of them. */
static int apply_mtu(struct conn *c, uint32_t has)
{
	const struct cg_interface_config *i = &c->cfg->interface;
	uint32_t wanted = i->device_mtu;
	int r;

	if (wanted == 0)
		wanted = c->created_link ? CGK_LINK_MTU : mtu_noted(c->g, i->name);
	else if (!c->created_link && wanted != has)
		mtu_note(c->g, i->name, has);
	if (wanted != 0 && wanted != has) {
		r = cgk_link_set_mtu(c->g->rt, c->ifindex, wanted);
		if (r < 0)
			return r;
	}
	if (i->device_mtu == 0)
		mtu_forget(c->g, i->name);
	return 0;
}

int link_apply(struct conn *c)
{
	const struct cg_interface_config *i = &c->cfg->interface;
	struct cgk_rt *rt = c->g->rt;
	struct cgk_netdev link;
	int r;

	r = cgk_link_ensure(rt, i->name, &link);
	if (r < 0)
		return complain(c, r, "cannot be made");
	c->ifindex = link.ifindex;
	c->created_link |= link.created;
	r = apply_mtu(c, link.mtu);
	if (r < 0)
		(void)complain(c, r, "the MTU cannot be set");
	add_addresses(c, /* told= */ true);
	r = cgk_link_up(rt, c->ifindex);
	return r < 0 ? complain(c, r, "cannot be brought up") : 0;
}

void link_drop(struct conn *c, const struct cg_interface_config *before)
{
	if (c->ifindex != 0)
		drop_addresses(c, before, &c->cfg->interface);
}

void links_restore(struct gateway *g)
{
	/* Addresses first, those of all: without any the device can have no route. */
	for (size_t i = 0; i < g->n_conns; i++) {
		if (g->conns[i]->device_lost)
			add_addresses(g->conns[i], /* told= */ false);
	}
	for (size_t i = 0; i < g->n_conns; i++) {
		if (g->conns[i]->device_lost)
			routes_restore(g->conns[i]);
		g->conns[i]->device_lost = false;
	}
}

void link_remove(struct conn *c)
{
	const struct cg_interface_config *i = &c->cfg->interface;
	uint32_t before = mtu_noted(c->g, i->name);
	bool shared = is_shared(c);

	if (!shared)
		mtu_forget(c->g, i->name);
	if (c->ifindex == 0)
		return;
	if (shared) {
		(void)pass_on(c);
		c->created_link = false;
	}
	if (c->created_link) {
		(void)cgk_link_delete(c->g->rt, i->name);
	} else {
		if (!shared)
			(void)cgk_link_set_mtu(c->g->rt, c->ifindex, before);
		drop_addresses(c, i, NULL);
	}
	c->ifindex = 0;
	c->created_link = false;
}
