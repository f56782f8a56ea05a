/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE's UDP sockets: bound and set up here, since ike may set nothing, and given to the module for encapsulation where the port is the
 * one with the marker. Owned by main; ike has copies.
 */
#include <linux/in6.h>

#include "daemon/gateway.h"

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
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

static int open_socket(const struct cg_endpoint *local, int *ret)
{
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_storage sa;
	socklen_t len = cg_endpoint_to_sockaddr(local, &sa);
	int size = 4 * 1024 * 1024, r;

	fd = socket(local->addr.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
	if (fd < 0)
		return -errno;
	r = set_up(fd, local->addr.family);
	if (r < 0)
		return r;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&sa, len) < 0)
		return -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

static void tell_ike(struct gateway *g, enum msg_type type, const struct udp_socket *s)
{
	struct msg_writer m;

	if (!g->loaded)
		return;
	msg_begin(&m, type);
	proto_put_socket(&m, &s->p);
	(void)channel_send(ike_channel(g), &m, type == MSG_SOCKET ? s->fd : -EBADF);
}

static bool is_wanted(const struct cg_gateway *gw, const struct udp_socket *s)
{
	for (size_t i = 0; i < gw->n_listen; i++) {
		if (cg_addr_equal(&gw->listen[i], &s->p.local.addr) &&
		    s->p.local.port == (s->p.marker ? gw->nat_port : gw->ike_port))
			return true;
	}
	return false;
}

static void drop_unwanted(struct gateway *g, const struct cg_gateway *gw)
{
	for (struct udp_socket **at = &g->sockets, *s; (s = *at);) {
		if (gw && is_wanted(gw, s)) {
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

static int add(struct gateway *g, const struct cg_addr *addr, uint16_t port, bool marker)
{
	struct proto_socket p = {.local = {.addr = *addr, .port = port}, .marker = marker};
	char text[CG_ENDPOINT_SIZE];
	struct udp_socket *s;
	int fd = -EBADF, r;

	for (s = g->sockets; s; s = s->next) {
		if (cg_endpoint_equal(&s->p.local, &p.local))
			return 0;
	}
	r = open_socket(&p.local, &fd);
	/* A system without IPv6 is no reason to listen to nobody. */
	if (r == -EAFNOSUPPORT && addr->family == AF_INET6 && cg_addr_is_any(addr)) {
		log_notice("this system has no IPv6: not listening on %s",
			   cg_endpoint_format(&p.local, text));
		return 0;
	}
	if (r < 0)
		return log_error_errno(r, "cannot listen on %s",
				       cg_endpoint_format(&p.local, text));
	s = calloc(1, sizeof(*s));
	if (!s) {
		(void)safe_close(fd);
		return -ENOMEM;
	}
	*s = (struct udp_socket){.next = g->sockets, .p = p, .fd = fd};
	g->sockets = s;
	tell_ike(g, MSG_SOCKET, s);
	return 0;
}

int sockets_apply(struct gateway *g, const struct cg_gateway *gw)
{
	int r = 0;

	drop_unwanted(g, gw);
	for (size_t i = 0; i < gw->n_listen; i++) {
		int e = add(g, &gw->listen[i], gw->ike_port, false);

		if (e >= 0)
			e = add(g, &gw->listen[i], gw->nat_port, true);
		if (r == 0)
			r = e;
	}
	sockets_give_kernel(g);
	return r;
}

void sockets_tell_ike(struct gateway *g)
{
	for (struct udp_socket *s = g->sockets; s; s = s->next)
		tell_ike(g, MSG_SOCKET, s);
}

void sockets_give_kernel(struct gateway *g)
{
	for (struct udp_socket *s = g->sockets; s && g->k; s = s->next) {
		char text[CG_ENDPOINT_SIZE];
		int r;

		if (!s->p.marker || s->kernel_id != 0)
			continue;
		r = cgk_socket_new(g->k, s->fd, &s->kernel_id);
		if (r < 0)
			history_add(g, NULL, IKE_ERROR, "socket-refused", NULL, NULL,
				    "the module does not take over %s: %s (%s)",
				    cg_endpoint_format(&s->p.local, text), cgk_error(g->k),
				    strerror(-r));
	}
}

void sockets_close(struct gateway *g)
{
	drop_unwanted(g, NULL);
}

uint32_t sockets_kernel_id(const struct gateway *g, const struct cg_endpoint *local)
{
	uint32_t any = 0;

	for (const struct udp_socket *s = g->sockets; s; s = s->next) {
		if (!s->p.marker || s->p.local.port != local->port ||
		    s->p.local.addr.family != local->addr.family)
			continue;
		if (cg_addr_equal(&s->p.local.addr, &local->addr))
			return s->kernel_id;
		if (cg_addr_is_any(&s->p.local.addr))
			any = s->kernel_id;
	}
	return any;
}

int source_address(const struct cg_addr *remote, struct cg_addr *ret)
{
	struct cg_endpoint to = {.addr = *remote, .port = 500}, from;
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_storage sa;
	socklen_t len = cg_endpoint_to_sockaddr(&to, &sa);
	int r;

	fd = socket(remote->family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, len) < 0)
		return -errno;
	len = sizeof(sa);
	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return -errno;
	r = cg_endpoint_from_sockaddr((struct sockaddr *)&sa, len, &from);
	if (r >= 0)
		*ret = from.addr;
	return r;
}
