/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE's UDP sockets: bound and set up here, since ike may set nothing, and given to the module for encapsulation where the port is the
 * one with the marker. Owned by main; ike has copies.
 *
 * A VRF has sockets of its own, bound to its device: what comes through it is heard by them alone. A mark is of what is sent, and nothing that
 * is received shows it, so all connections of a VRF (or of none) are received by the same sockets. For each mark there is one more that
 * only sends. It has to have the port that peers answer to, and must not take what they answer: so it is bound to a multicast address that
 * is for documentation, which leaves the source address of what it sends open.
 */
#include "daemon/net.h"

#include <linux/filter.h>
#include <linux/in6.h>

#include "daemon/channel.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/proc.h"
#include "daemon/proto_ike.h"
#include "daemon/takeover.h"
#include "daemon/tunnel.h"
#include "kernel/kernel.h"
#include "kernel/link.h"

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29 /* linux/in6.h has it, beside others that netinet/in.h has, too */
#endif

/* MCAST-TEST-NET (RFC 5771 section 9.2), FF0E::DB8:0:0/96 (RFC 6676 section 3): nobody sends there. */
static void silent_group(sa_family_t family, struct cg_addr *ret)
{
	(void)cg_addr_parse(family == AF_INET ? "233.252.0.1" : "ff0e::db8:0:1", ret);
}

/* Sends with this mark and receives nothing, whoever sends it. */
static int set_up_marked(int fd, sa_family_t family, uint32_t mark)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = {.len = 1, .filter = &nothing};
	int r;

	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	r = family == AF_INET ? set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0)
			      : set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
	return r;
}

/* IP_PMTUDISC_DONT and IPV6_PMTUDISC_DONT: IKE fragments by itself, and what it does not fragment must still get there. */
static int set_up(int fd, sa_family_t family)
{
	int r;

	if (family == AF_INET) {
		r = set(fd, IPPROTO_IP, IP_PKTINFO, 1);
		return r < 0 ? r : set(fd, IPPROTO_IP, IP_MTU_DISCOVER, 0);
	}
	r = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (r >= 0)
		r = set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	return r < 0 ? r : set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, 0);
}

/* Whether others may bind addresses that overlap with those of our sockets of this port. */
static void allow_overlap(struct gateway *g, const struct cg_endpoint *local, bool allow)
{
	struct udp_socket *lists[] = {g->sockets, g->fresh_sockets};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (struct udp_socket *s = lists[i]; s; s = s->next) {
			if (s->p.local.port == local->port &&
			    s->p.local.addr.family == local->addr.family)
				(void)set(s->fd, SOL_SOCKET, SO_REUSEADDR, allow);
		}
	}
}

/*
 * Where all addresses were listened on and one is to be, or the other way round, the old and the new socket overlap for a moment; those of
 * VRFs overlap with those of none, and those of marks with all, for good. Both allow it for as long as bind() takes: left in place it would
 * let others take our packets. 1: beside another one.
 */
static int bind_socket(struct gateway *g, int fd, const struct cg_endpoint *local)
{
	struct sockaddr_storage sa;
	socklen_t len = cg_endpoint_to_sockaddr(local, &sa);
	int r;

	r = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r < 0)
		return r;
	allow_overlap(g, local, true);
	r = bind(fd, (struct sockaddr *)&sa, len) < 0 ? -errno : 0;
	if (r == -EADDRINUSE && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) >= 0) {
		/* After a crash the module's own stands in for ours, and lets in who is the same user. */
		r = bind(fd, (struct sockaddr *)&sa, len) < 0 ? -errno : 1;
		(void)set(fd, SOL_SOCKET, SO_REUSEPORT, 0);
	}
	allow_overlap(g, local, false);
	if (r >= 0 && set(fd, SOL_SOCKET, SO_REUSEADDR, 0) < 0)
		r = -errno;
	return r;
}

/* 1: beside one that stands in for it. */
static int open_socket(struct gateway *g, const struct proto_socket *p, int *ret)
{
	const struct cg_endpoint *local = &p->local;
	_cleanup_close_ int fd = -EBADF;
	int size = 4 * 1024 * 1024, r;

	fd = socket(local->addr.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
	if (fd < 0)
		return -errno;
	r = set_up(fd, local->addr.family);
	if (r >= 0 && local->vrf != 0)
		r = set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)local->vrf);
	if (r >= 0 && p->mark != 0)
		r = set_up_marked(fd, local->addr.family, p->mark);
	if (r < 0)
		return r;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	r = bind_socket(g, fd, local);
	if (r < 0)
		return r;
	*ret = TAKE_FD(fd);
	return r;
}

static void tell_ike(struct gateway *g, enum msg_type type, const struct udp_socket *s)
{
	struct msg_writer m;

	/* Before it goes on from its snapshot it would only drop what it reads. */
	if (!g->loaded || takeover_pending(g))
		return;
	msg_begin(&m, type);
	proto_put_socket(&m, &s->p);
	(void)channel_send(ike_channel(g), &m, type == MSG_SOCKET ? s->fd : -EBADF);
}

/* ---------------------------------------------------------------- which there are to be */

struct wanted {
	struct proto_socket list[CG_SOCKETS_MAX];
	size_t n;
};

static bool is_same(const struct proto_socket *a, const struct proto_socket *b)
{
	return cg_endpoint_equal(&a->local, &b->local) && a->mark == b->mark;
}

static bool is_wanted(const struct wanted *w, const struct proto_socket *p)
{
	for (size_t i = 0; i < w->n; i++) {
		if (is_same(&w->list[i], p))
			return true;
	}
	return false;
}

/* The port of IKE and that of NAT traversal. */
static void want(struct wanted *w, const struct cg_gateway *gw, const struct cg_addr *addr,
		 uint32_t vrf, uint32_t mark)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct proto_socket p = {.local = {.addr = *addr,
						   .port = i ? CG_NAT_PORT : gw->ike_port,
						   .vrf = vrf},
					 .mark = mark,
					 .marker = i};

		if (w->n < ARRAY_SIZE(w->list) && !is_wanted(w, &p))
			w->list[w->n++] = p;
	}
}

static void want_underlay(struct wanted *w, const struct cg_gateway *gw, uint32_t vrf,
			  uint32_t mark)
{
	for (size_t i = 0; i < gw->n_listen; i++) {
		struct cg_addr addr = {.family = gw->listen[i].family};

		if (vrf != 0)
			want(w, gw, &addr, vrf, 0);
		silent_group(addr.family, &addr);
		if (mark != 0)
			want(w, gw, &addr, vrf, mark);
	}
}

/* As the system knew it when the list was made; 0: it is not there. */
static uint32_t find_vrf(const struct vrfs *vrfs, const char *name)
{
	for (size_t i = 0; i < vrfs->n; i++) {
		if (streq(vrfs->list[i].name, name))
			return vrfs->list[i].index;
	}
	return 0;
}

static void find_vrfs(struct gateway *g, const struct cg_config *config, struct vrfs *ret)
{
	*ret = (struct vrfs){0};
	for (size_t i = 0; i < config->n_connections; i++) {
		const char *name = config->connections[i].interface.vrf;
		bool known = !name;

		for (size_t j = 0; j < ret->n && !known; j++)
			known = streq(ret->list[j].name, name);
		if (known || ret->n == ARRAY_SIZE(ret->list))
			continue;
		(void)snprintf(ret->list[ret->n].name, sizeof(ret->list[0].name), "%s", name);
		ret->list[ret->n++].index = cgk_link_index(g->rt, name);
	}
}

static void find_wanted(const struct cg_config *config, const struct vrfs *vrfs, struct wanted *ret)
{
	const struct cg_gateway *gw = &config->gateway;

	ret->n = 0;
	for (size_t i = 0; i < gw->n_listen; i++)
		want(ret, gw, &gw->listen[i], 0, 0);
	for (size_t i = 0; i < config->n_connections; i++) {
		const struct cg_interface_config *c = &config->connections[i].interface;
		uint32_t vrf = c->vrf ? find_vrf(vrfs, c->vrf) : 0;

		/* What is not there has its sockets when it comes. */
		if (vrf != 0 || !c->vrf)
			want_underlay(ret, gw, vrf, c->mark);
	}
}

uint32_t conn_vrf(const struct conn *c)
{
	const char *name = c->cfg->interface.vrf;
	uint32_t index = name ? find_vrf(&c->g->vrfs, name) : 0;

	return name && index == 0 ? VRF_MISSING : index;
}

/* ---------------------------------------------------------------- those there are */

static void drop_unwanted(struct gateway *g, const struct wanted *w)
{
	for (struct udp_socket **at = &g->sockets, *s; (s = *at);) {
		if (w && is_wanted(w, &s->p)) {
			at = &s->next;
			continue;
		}
		tell_ike(g, MSG_SOCKET_CLOSE, s);
		if (g->k && s->kernel_id != 0)
			(void)cgk_socket_del(g->k, s->kernel_id);
		*at = s->next;
		(void)safe_close(s->fd);
		free(s);
	}
}

static bool is_open(const struct udp_socket *list, const struct proto_socket *p)
{
	for (; list; list = list->next) {
		if (is_same(&list->p, p))
			return true;
	}
	return false;
}

static void give_kernel(struct gateway *g, struct udp_socket *s)
{
	char text[CG_ENDPOINT_SIZE];
	int r;

	if (!g->k || !s->p.marker || s->p.mark != 0 || s->kernel_id != 0)
		return;
	r = cgk_socket_new(g->k, s->fd, &s->kernel_id);
	/* Said once, not every time. */
	if (r < 0 && !s->refused)
		history_add(
			g, NULL, IKE_ERROR, "socket-refused", NULL,
			"does another program, or another certgated, use the port? ss -lunp tells",
			"the module does not take over %s: %s (%s)",
			cg_endpoint_format(&s->p.local, text), cgk_error(g->k), strerror(-r));
	s->refused = r < 0;
}

static int prepare(struct gateway *g, const struct proto_socket *p)
{
	const struct cg_addr *addr = &p->local.addr;
	char text[CG_ENDPOINT_SIZE];
	struct udp_socket *s;
	int fd = -EBADF, r;

	if (is_open(g->sockets, p))
		return 0;
	r = open_socket(g, p, &fd);
	/* A system without IPv6 is no reason to listen to nobody. */
	if (r == -EAFNOSUPPORT && addr->family == AF_INET6 &&
	    (cg_addr_is_any(addr) || p->mark != 0)) {
		log_notice("this system has no IPv6: not listening on %s",
			   cg_endpoint_format(&p->local, text));
		return 0;
	}
	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s) {
		(void)safe_close(fd);
		return -ENOMEM;
	}
	*s = (struct udp_socket){.next = g->fresh_sockets, .p = *p, .fd = fd};
	g->fresh_sockets = s;
	/* Packets come in by both, and those of tunnels are the module's by one alone: now, not when the load is over. */
	if (r > 0)
		give_kernel(g, s);
	return 0;
}

int sockets_inherit(struct gateway *g, const struct proto_socket *p, int fd, uint32_t kernel_id)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct cg_endpoint local;
	struct udp_socket *s;
	int type = 0, vrf = 0;
	uint32_t mark = 0;

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0 ||
	    cg_endpoint_from_sockaddr((struct sockaddr *)&sa, len, &local) < 0)
		return -EBADF;
	len = sizeof(type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &vrf, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &len) < 0)
		return -EBADF;
	local.vrf = (uint32_t)vrf;
	if (type != SOCK_DGRAM || mark != p->mark || !cg_endpoint_equal(&local, &p->local))
		return -EBADF;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct udp_socket){.next = g->sockets, .p = *p, .fd = fd, .kernel_id = kernel_id};
	g->sockets = s;
	return 0;
}

bool sockets_have(const struct gateway *g, int fd)
{
	for (const struct udp_socket *s = g->sockets; s; s = s->next) {
		if (s->fd == fd)
			return true;
	}
	return false;
}

void sockets_forget_fresh(struct gateway *g)
{
	struct udp_socket *s;

	while ((s = g->fresh_sockets)) {
		g->fresh_sockets = s->next;
		(void)safe_close(s->fd);
		free(s);
	}
}

int sockets_prepare(struct gateway *g, const struct cg_config *config, struct cg_diags *diags)
{
	static struct wanted w;
	bool failed = false;
	struct vrfs vrfs;

	find_vrfs(g, config, &vrfs);
	find_wanted(config, &vrfs, &w);
	for (size_t i = 0; i < w.n; i++) {
		char text[CG_ENDPOINT_SIZE];
		int r = prepare(g, &w.list[i]);

		if (r >= 0)
			continue;
		failed = true;
		cg_diags_add(
			diags, CG_DIAG_ERROR, &config->gateway.listen_loc, "gateway.listen",
			r == -EADDRINUSE ? "does another IKE daemon run? 'ss -ulpn' tells"
			: r == -EADDRNOTAVAIL
				? "listen on addresses of this machine, or on 0.0.0.0 and \"::\""
				: NULL,
			"cannot listen on %s%s: %s", cg_endpoint_format(&w.list[i].local, text),
			w.list[i].local.vrf ? " in a VRF" : "", strerror(-r));
	}
	if (failed)
		sockets_forget_fresh(g);
	return failed ? -EINVAL : 0;
}

void sockets_apply(struct gateway *g, const struct cg_config *config)
{
	static struct wanted w;
	struct udp_socket *s;

	while ((s = g->fresh_sockets)) {
		g->fresh_sockets = s->next;
		s->next = g->sockets;
		g->sockets = s;
		tell_ike(g, MSG_SOCKET, s);
	}
	find_vrfs(g, config, &g->vrfs);
	find_wanted(config, &g->vrfs, &w);
	/* Tunnels go over to the new ones before the module lets the old ones go. */
	sockets_give_kernel(g);
	tunnels_choose_socket(g);
	drop_unwanted(g, &w);
}

void sockets_follow_vrfs(struct gateway *g)
{
	struct cg_diags diags = {0};
	struct vrfs now;

	if (!g->loaded || g->load || g->vrfs.n == 0)
		return;
	find_vrfs(g, g->config, &now);
	if (memcmp(&now, &g->vrfs, sizeof(now)) == 0) {
		g->vrfs_refused = now;
		return;
	}
	if (sockets_prepare(g, g->config, &diags) >= 0)
		sockets_apply(g, g->config);
	/* It is tried again each time, and said once for each change. */
	for (size_t i = 0; i < diags.n && memcmp(&now, &g->vrfs_refused, sizeof(now)) != 0; i++)
		log_warning("%s", diags.items[i].text);
	g->vrfs_refused = diags.n > 0 ? now : (struct vrfs){0};
	cg_diags_done(&diags);
}

void sockets_tell_ike(struct gateway *g)
{
	for (struct udp_socket *s = g->sockets; s; s = s->next)
		tell_ike(g, MSG_SOCKET, s);
}

void sockets_give_kernel(struct gateway *g)
{
	for (struct udp_socket *s = g->sockets; s; s = s->next)
		give_kernel(g, s);
}

void sockets_close(struct gateway *g)
{
	sockets_forget_fresh(g);
	drop_unwanted(g, NULL);
}

uint32_t sockets_kernel_id(const struct gateway *g, const struct cg_endpoint *local)
{
	uint32_t any = 0;

	for (const struct udp_socket *s = g->sockets; s; s = s->next) {
		if (!s->p.marker || s->p.mark != 0 || s->p.local.vrf != local->vrf ||
		    s->p.local.port != local->port || s->p.local.addr.family != local->addr.family)
			continue;
		if (cg_addr_equal(&s->p.local.addr, &local->addr))
			return s->kernel_id;
		if (cg_addr_is_any(&s->p.local.addr))
			any = s->kernel_id;
	}
	return any;
}

bool socket_vrf(const struct gateway *g, uint32_t kernel_id, uint32_t *ret)
{
	for (const struct udp_socket *s = g->sockets; s; s = s->next) {
		if (s->kernel_id != kernel_id)
			continue;
		*ret = s->p.local.vrf;
		return true;
	}
	return false;
}

int source_address(const struct cg_addr *remote, uint32_t vrf, uint32_t mark, struct cg_addr *ret)
{
	struct cg_endpoint to = {.addr = *remote, .port = 500}, from;
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_storage sa;
	socklen_t len = cg_endpoint_to_sockaddr(&to, &sa);
	int r;

	fd = socket(remote->family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	if (fd < 0)
		return -errno;
	if (vrf != 0) {
		r = set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, vrf == VRF_MISSING ? -1 : (int)vrf);
		if (r < 0)
			return r;
	}
	if (mark != 0 && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, len) < 0)
		return -errno;
	len = sizeof(sa);
	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return -errno;
	r = cg_endpoint_from_sockaddr((struct sockaddr *)&sa, len, &from);
	if (r >= 0)
		*ret = from.addr;
	return r;
}

bool address_is_own(const struct cg_addr *a)
{
	const struct cg_endpoint e = {.addr = *a};
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_storage sa;
	socklen_t len = cg_endpoint_to_sockaddr(&e, &sa);

	fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	return fd >= 0 && bind(fd, (struct sockaddr *)&sa, len) == 0;
}
