/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network devices of kind "certgate", their addresses, MTU and routes, over rtnetlink (libnl-route). Called by the daemon's
 * process main. Owns one rtnetlink socket inside struct cgk_rt.
 */
#ifndef CERTGATE_KERNEL_LINK_H
#define CERTGATE_KERNEL_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

struct cgk_rt;

int cgk_rt_open(struct cgk_rt **ret);
struct cgk_rt *cgk_rt_free(struct cgk_rt *rt);
DEFINE_CLEANUP(struct cgk_rt *, cgk_rt_free);
/* Why the last call failed; never NULL. */
const char *cgk_rt_error(const struct cgk_rt *rt);

struct cgk_netdev {
	uint32_t ifindex;
	uint32_t mtu; /* bytes */
	bool created; /* here, now or by an earlier process (its alias tells): its maker can take it away again */
};

/* Makes the device unless it is there. -EEXIST: there is one of this name and another kind. */
#define CGK_LINK_ALIAS "certgated"
int cgk_link_ensure(struct cgk_rt *rt, const char *name, struct cgk_netdev *ret);
/* Only a device of kind certgate. -ENOENT, -EINVAL: of another kind. */
int cgk_link_delete(struct cgk_rt *rt, const char *name);
/* The devices that a daemon made, this one or an earlier one. fn: negative ends it. */
int cgk_link_dump(struct cgk_rt *rt, int (*fn)(void *ctx, const char *name, uint32_t ifindex),
		  void *ctx);
int cgk_link_up(struct cgk_rt *rt, uint32_t ifindex);
/* Bytes; 0 leaves it. CGK_LINK_MTU is what the module gives a new device. */
#define CGK_LINK_MTU 1400
int cgk_link_set_mtu(struct cgk_rt *rt, uint32_t ifindex, uint32_t mtu);
/* Index of any device by name, 0 if there is none. */
uint32_t cgk_link_index(struct cgk_rt *rt, const char *name);

/* Address with its prefix length; adding what is there and deleting what is not are no errors. */
int cgk_address_add(struct cgk_rt *rt, uint32_t ifindex, const struct cg_prefix *address);
int cgk_address_del(struct cgk_rt *rt, uint32_t ifindex, const struct cg_prefix *address);

struct cgk_route {
	struct cg_prefix dst;
	uint32_t ifindex;
	uint32_t table;	       /* 0: main */
	uint32_t metric;       /* 0: the kernel's default */
	struct cg_addr source; /* preferred source, AF_UNSPEC: none */
};

/* Installed with protocol CGK_ROUTE_PROTO, so that they can be told from others'. */
#define CGK_ROUTE_PROTO 199
/* -EEXIST: the table has one to there with that metric, whoever's. */
int cgk_route_add(struct cgk_rt *rt, const struct cgk_route *r);
/* Behind all to there with that metric, so that it has a say when they are gone. -EEXIST: this one is there already. */
int cgk_route_add_behind(struct cgk_rt *rt, const struct cgk_route *r);
/* -ENOENT is no error. */
int cgk_route_del(struct cgk_rt *rt, const struct cgk_route *r);

/* All routes of ours (CGK_ROUTE_PROTO), of both families: what an earlier process left. */
int cgk_route_dump(struct cgk_rt *rt, int (*fn)(void *ctx, const struct cgk_route *r), void *ctx);

#endif
