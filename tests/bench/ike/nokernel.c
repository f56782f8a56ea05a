/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the place of userspace/kernel for the daemon that `make bench-ike` measures: every request succeeds and nothing is
 * programmed, so that what is measured is IKE alone. It is linked into build/bench/certgated, a program that is never installed;
 * the daemon itself has no switch that would do the same. So it is into test_daemon_kevent and test_daemon_resolving.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "kernel/link.h"

/* For these test_daemon_kevent has its own. */
#pragma weak cgk_cert_dump
#pragma weak cgk_sa_dump
#pragma weak cgk_tunnel_dump
#pragma weak cgk_tunnel_set

struct cgk {
	uint32_t last; /* number given to an object */
};

struct cgk_events {
	int pair[2]; /* nothing is ever written */
};

struct cgk_rt {
	uint32_t ifindex;
};

int cgk_open(struct cgk **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

struct cgk *cgk_free(struct cgk *k)
{
	free(k);
	return NULL;
}

const char *cgk_error(const struct cgk *k _unused_)
{
	return "";
}

static int give(struct cgk *k, uint32_t *ret_id)
{
	*ret_id = ++k->last;
	return 0;
}

/* ------------------------------------------------------------------ bindings */

int cgk_cert_new(struct cgk *k, const struct cgk_cert *c _unused_, uint32_t *ret_id)
{
	return give(k, ret_id);
}

int cgk_cert_del(struct cgk *k _unused_, uint32_t id _unused_)
{
	return 0;
}

int cgk_cert_get(struct cgk *k _unused_, uint32_t id _unused_, struct cgk_cert *ret _unused_)
{
	return -ENOENT;
}

int cgk_cert_dump(struct cgk *k _unused_, int (*fn)(void *ctx, const struct cgk_cert *c) _unused_,
		  void *ctx _unused_)
{
	return 0;
}

int cgk_revoke(struct cgk *k _unused_, const uint8_t hash[CERTGATE_HASH_SIZE] _unused_,
	       uint32_t *ret_bindings, uint32_t *ret_sas)
{
	if (ret_bindings)
		*ret_bindings = 0;
	if (ret_sas)
		*ret_sas = 0;
	return 0;
}

int cgk_unrevoke(struct cgk *k _unused_, const uint8_t hash[CERTGATE_HASH_SIZE] _unused_)
{
	return 0;
}

int cgk_fingerprint_dump(struct cgk *k _unused_,
			 int (*fn)(void *ctx, const struct cgk_fingerprint *f) _unused_,
			 void *ctx _unused_)
{
	return 0;
}

/* ------------------------------------------------------------------ tunnels and SAs */

int cgk_device_dump(struct cgk *k _unused_,
		    int (*fn)(void *ctx, const struct cgk_device *d) _unused_, void *ctx _unused_)
{
	return 0;
}

int cgk_tunnel_new(struct cgk *k, const struct cgk_tunnel *t _unused_, uint32_t *ret_id)
{
	return give(k, ret_id);
}

int cgk_tunnel_set(struct cgk *k _unused_, const struct cgk_tunnel *t _unused_,
		   unsigned int what _unused_)
{
	return 0;
}

int cgk_tunnel_del(struct cgk *k _unused_, uint32_t id _unused_)
{
	return 0;
}

int cgk_tunnel_get(struct cgk *k _unused_, uint32_t id, struct cgk_tunnel *ret)
{
	*ret = (struct cgk_tunnel){.id = id};
	return 0;
}

int cgk_tunnel_dump(struct cgk *k _unused_,
		    int (*fn)(void *ctx, const struct cgk_tunnel *t) _unused_, void *ctx _unused_)
{
	return 0;
}

int cgk_sa_new(struct cgk *k, const struct cgk_sa *sa _unused_, uint32_t *ret_id)
{
	return give(k, ret_id);
}

int cgk_sa_activate(struct cgk *k _unused_, uint32_t id _unused_)
{
	return 0;
}

int cgk_sa_del(struct cgk *k _unused_, uint32_t id _unused_)
{
	return 0;
}

int cgk_larval_new(struct cgk *k _unused_, uint32_t spi _unused_, uint32_t tunnel _unused_,
		   uint32_t milliseconds _unused_)
{
	return 0;
}

int cgk_larval_del(struct cgk *k _unused_, uint32_t spi _unused_)
{
	return 0;
}

int cgk_sa_get(struct cgk *k _unused_, uint32_t id _unused_, struct cgk_sa *ret _unused_)
{
	return -ENOENT;
}

int cgk_sa_dump(struct cgk *k _unused_, int (*fn)(void *ctx, const struct cgk_sa *sa) _unused_,
		void *ctx _unused_)
{
	return 0;
}

/* ------------------------------------------------------------------ sockets, lease, events */

int cgk_socket_new(struct cgk *k, int fd _unused_, uint32_t *ret_id)
{
	return give(k, ret_id);
}

int cgk_socket_del(struct cgk *k _unused_, uint32_t id _unused_)
{
	return 0;
}

int cgk_socket_dump(struct cgk *k _unused_,
		    int (*fn)(void *ctx, const struct cgk_socket *s) _unused_, void *ctx _unused_)
{
	return 0;
}

int cgk_lease_set(struct cgk *k _unused_, uint32_t seconds _unused_)
{
	return 0;
}

int cgk_lease_get(struct cgk *k _unused_, uint32_t *ret_remaining _unused_)
{
	return -ENODATA;
}

int cgk_flush(struct cgk *k _unused_, uint32_t what _unused_)
{
	return 0;
}

int cgk_events_open(struct cgk_events **ret)
{
	struct cgk_events *ev = calloc(1, sizeof(*ev));

	if (!ev)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ev->pair) < 0) {
		free(ev);
		return -errno;
	}
	*ret = ev;
	return 0;
}

struct cgk_events *cgk_events_free(struct cgk_events *ev)
{
	if (ev) {
		(void)close(ev->pair[0]);
		(void)close(ev->pair[1]);
	}
	free(ev);
	return NULL;
}

int cgk_events_fd(const struct cgk_events *ev)
{
	return ev->pair[0];
}

int cgk_events_read(struct cgk_events *ev _unused_,
		    void (*fn)(void *ctx, const struct cgk_event *e) _unused_, void *ctx _unused_)
{
	return 0;
}

/* ------------------------------------------------------------------ links */

int cgk_rt_open(struct cgk_rt **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

struct cgk_rt *cgk_rt_free(struct cgk_rt *rt)
{
	free(rt);
	return NULL;
}

const char *cgk_rt_error(const struct cgk_rt *rt _unused_)
{
	return "";
}

int cgk_link_ensure(struct cgk_rt *rt _unused_, const char *name _unused_, struct cgk_netdev *ret)
{
	*ret = (struct cgk_netdev){.ifindex = 1000, .mtu = CGK_LINK_MTU};
	return 0;
}

int cgk_link_delete(struct cgk_rt *rt _unused_, const char *name _unused_)
{
	return 0;
}

int cgk_link_dump(struct cgk_rt *rt _unused_,
		  int (*fn)(void *ctx, const char *name, uint32_t ifindex) _unused_,
		  void *ctx _unused_)
{
	return 0;
}

int cgk_link_up(struct cgk_rt *rt _unused_, uint32_t ifindex _unused_)
{
	return 0;
}

int cgk_link_set_mtu(struct cgk_rt *rt _unused_, uint32_t ifindex _unused_, uint32_t mtu _unused_)
{
	return 0;
}

uint32_t cgk_link_index(struct cgk_rt *rt _unused_, const char *name _unused_)
{
	return 0;
}

int cgk_address_add(struct cgk_rt *rt _unused_, uint32_t ifindex _unused_,
		    const struct cg_prefix *address _unused_)
{
	return 0;
}

int cgk_address_del(struct cgk_rt *rt _unused_, uint32_t ifindex _unused_,
		    const struct cg_prefix *address _unused_)
{
	return 0;
}

int cgk_route_add(struct cgk_rt *rt _unused_, const struct cgk_route *r _unused_)
{
	return 0;
}

int cgk_route_add_behind(struct cgk_rt *rt _unused_, const struct cgk_route *r _unused_)
{
	return -EEXIST;
}

int cgk_route_del(struct cgk_rt *rt _unused_, const struct cgk_route *r _unused_)
{
	return 0;
}

int cgk_route_dump(struct cgk_rt *rt _unused_,
		   int (*fn)(void *ctx, const struct cgk_route *r) _unused_, void *ctx _unused_)
{
	return 0;
}
