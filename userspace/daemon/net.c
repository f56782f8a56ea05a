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

/* Whether others may bind addresses that overlap with those of our sockets of this port. */
static void allow_overlap(struct gateway *g, const struct cg_endpoint *local, bool allow)
{
	for (struct udp_socket *s = g->sockets; s; s = s->next) {
		if (s->p.local.port == local->port && s->p.local.addr.family == local->addr.family)
			(void)set(s->fd, SOL_SOCKET, SO_REUSEADDR, allow);
	}
}

/*
 * Where all addresses were listened on and one is to be, or the other way round, the old and the new socket overlap for a moment. Both
 * allow it for as long as bind() takes: left in place it would let others take our packets.
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
	allow_overlap(g, local, false);
	if (r >= 0)
		r = set(fd, SOL_SOCKET, SO_REUSEADDR, 0);
	return r;
}

static int open_socket(struct gateway *g, const struct cg_endpoint *local, int *ret)
{
	_cleanup_close_ int fd = -EBADF;
	int size = 4 * 1024 * 1024, r;

	fd = socket(local->addr.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
	if (fd < 0)
		return -errno;
	r = set_up(fd, local->addr.family);
	if (r < 0)
		return r;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	r = bind_socket(g, fd, local);
	if (r < 0)
		return r;
	*ret = TAKE_FD(fd);
	return 0;
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

static bool is_wanted(const struct cg_gateway *gw, const struct udp_socket *s)
{
	for (size_t i = 0; i < gw->n_listen; i++) {
		if (cg_addr_equal(&gw->listen[i], &s->p.local.addr) &&
		    s->p.local.port == (s->p.marker ? CG_NAT_PORT : gw->ike_port))
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

static bool is_open(const struct udp_socket *list, const struct cg_endpoint *local)
{
	for (; list; list = list->next) {
		if (cg_endpoint_equal(&list->p.local, local))
			return true;
	}
	return false;
}

static int prepare(struct gateway *g, const struct cg_addr *addr, uint16_t port, bool marker)
{
	struct proto_socket p = {.local = {.addr = *addr, .port = port}, .marker = marker};
	char text[CG_ENDPOINT_SIZE];
	struct udp_socket *s;
	int fd = -EBADF, r;

	if (is_open(g->sockets, &p.local))
		return 0;
	r = open_socket(g, &p.local, &fd);
	/* A system without IPv6 is no reason to listen to nobody. */
	if (r == -EAFNOSUPPORT && addr->family == AF_INET6 && cg_addr_is_any(addr)) {
		log_notice("this system has no IPv6: not listening on %s",
			   cg_endpoint_format(&p.local, text));
		return 0;
	}
	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s) {
		(void)safe_close(fd);
		return -ENOMEM;
	}
	*s = (struct udp_socket){.next = g->fresh_sockets, .p = p, .fd = fd};
	g->fresh_sockets = s;
	return 0;
}

int sockets_inherit(struct gateway *g, const struct proto_socket *p, int fd, uint32_t kernel_id)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct cg_endpoint local;
	struct udp_socket *s;
	int type = 0;

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0 ||
	    cg_endpoint_from_sockaddr((struct sockaddr *)&sa, len, &local) < 0 ||
	    !cg_endpoint_equal(&local, &p->local))
		return -EBADF;
	len = sizeof(type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_DGRAM)
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

int sockets_prepare(struct gateway *g, const struct cg_gateway *gw, struct cg_diags *diags)
{
	bool failed = false;

	for (size_t i = 0; i < gw->n_listen; i++) {
		const struct {
			uint16_t port;
			bool marker;
		} both[] = {{gw->ike_port, false}, {CG_NAT_PORT, true}};

		for (size_t j = 0; j < ARRAY_SIZE(both); j++) {
			const struct cg_endpoint e = {.addr = gw->listen[i], .port = both[j].port};
			char text[CG_ENDPOINT_SIZE];
			int r = prepare(g, &gw->listen[i], both[j].port, both[j].marker);

			if (r >= 0)
				continue;
			failed = true;
			cg_diags_add(
				diags, CG_DIAG_ERROR, &gw->listen_loc, "gateway.listen",
				r == -EADDRINUSE ? "does another IKE daemon run? 'ss -ulpn' tells"
				: r == -EADDRNOTAVAIL
					? "listen on addresses of this machine, or on 0.0.0.0 and \"::\""
					: NULL,
				"cannot listen on %s: %s", cg_endpoint_format(&e, text),
				strerror(-r));
		}
	}
	if (failed)
		sockets_forget_fresh(g);
	return failed ? -EINVAL : 0;
}

void sockets_apply(struct gateway *g, const struct cg_gateway *gw)
{
	struct udp_socket *s;

	while ((s = g->fresh_sockets)) {
		g->fresh_sockets = s->next;
		s->next = g->sockets;
		g->sockets = s;
		tell_ike(g, MSG_SOCKET, s);
	}
	/* Tunnels go over to the new ones before the module lets the old ones go. */
	sockets_give_kernel(g);
	tunnels_choose_socket(g);
	drop_unwanted(g, gw);
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
		/* Said once, not every time. */
		if (r < 0 && !s->refused)
			history_add(g, NULL, IKE_ERROR, "socket-refused", NULL, NULL,
				    "the module does not take over %s: %s (%s)",
				    cg_endpoint_format(&s->p.local, text), cgk_error(g->k),
				    strerror(-r));
		s->refused = r < 0;
	}
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

bool address_is_own(const struct cg_addr *a)
{
	const struct cg_endpoint e = {.addr = *a};
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_storage sa;
	socklen_t len = cg_endpoint_to_sockaddr(&e, &sa);

	fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	return fd >= 0 && bind(fd, (struct sockaddr *)&sa, len) == 0;
}
