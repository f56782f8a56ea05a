/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiving in bursts and sending on IKE's sockets. Owns their descriptors, the receive buffers, and what waits. Called by role_ike.c.
 *
 * Reading is much cheaper than handling: so sockets are read until they are empty, however much strangers send, and what is read waits in a queue for each rank, there in
 * lanes: of IKE SAs, addresses or prefixes. When all sockets have been read there is a turn: a bounded number of those that are known, and then of the others, so that
 * no rank keeps another one out, and no lane one of its rank.
 */
#include "daemon/ike_socket.h"

#include <fcntl.h>
#include <openssl/crypto.h>

#include "base/log.h"
#include "base/time.h"
#include "daemon/fair_queue.h"

#define BURST	   16
#define BURSTS	   64  /* a socket may fill faster than it is read */
#define KNOWN	   256 /* a turn, or so much time */
#define KNOWN_USEC 4000
#define TURN	   64 /* of the others, or so much time */
#define TURN_USEC  2000
#define OF_STRANGERS \
	4 /* of so many one is a stranger's, and one of who returned a cookie, if there is one */
#define WAITING	     4096 /* of each kind, and their bytes: as many sites may begin at once */
#define WAITING_SIZE ((size_t)4 * 1024 * 1024)
#define LANE	     256 /* of one IKE SA, address or prefix: the fragments of a message */
#define LANE_SIZE    ((size_t)256 * 1024)
#define DATAGRAM_MAX 65535
#define CONTROL_SPACE \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo)))

struct ike_socket {
	struct ike_socket *next;
	struct ike_sockets *all;
	struct proto_socket p;
	int fd;
	struct event *ev; /* NULL: it receives nothing */
};

struct waiting {
	struct cg_endpoint local, remote;
	size_t size;
	uint8_t data[];
};

struct ike_sockets {
	struct event_base *base;
	const struct ike_socket_ops *ops;
	void *ctx;
	struct fair_queue *known, *begun, *returned, *strangers;
	unsigned int others; /* that had a turn: a turn may be too short for OF_STRANGERS */
	struct event *turn;  /* that of those who wait: after all sockets that are readable */
	struct ike_socket *list;
	uint8_t *buffers; /* BURST of DATAGRAM_MAX */
	struct cg_ratelimit complaints;
};

static bool queue_add(struct fair_queue *q, uint64_t lane, const struct cg_endpoint *local,
		      const struct cg_endpoint *remote, const uint8_t *data, size_t size)
{
	struct waiting *w = fair_queue_add(q, lane, sizeof(*w) + size);

	if (!w)
		return false;
	w->local = *local;
	w->remote = *remote;
	w->size = size;
	memcpy(w->data, data, size);
	return true;
}

static bool any_waits(const struct ike_sockets *s)
{
	return fair_queue_count(s->known) + fair_queue_count(s->begun) +
		       fair_queue_count(s->returned) + fair_queue_count(s->strangers) >
	       0;
}

/* The next of the first of so many queues that has one. False: there is none. */
static bool hand_on(struct ike_sockets *s, struct fair_queue *const *queues, size_t n)
{
	struct fair_item *item = NULL;
	const struct waiting *w;

	for (size_t i = 0; i < n && !item; i++)
		item = fair_queue_take(queues[i]);
	if (!item)
		return false;
	w = (const struct waiting *)item->data;
	s->ops->datagram(s->ctx, &w->local, &w->remote, w->data, w->size);
	(void)fair_item_free(item);
	return true;
}

static void on_turn(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	static const struct timeval at_once = {0};
	struct ike_sockets *s = userdata;
	usec_t begun = now_boottime();

	for (unsigned int i = 0; i < KNOWN && now_boottime() - begun < KNOWN_USEC; i++) {
		if (!hand_on(s, &s->known, 1))
			break;
	}
	begun = now_boottime();
	for (unsigned int i = 0; i < TURN && now_boottime() - begun < TURN_USEC; i++) {
		/* One in so many is a stranger's, and one of who returned a cookie, so that whoever has begun keeps none out. */
		struct fair_queue *const first[OF_STRANGERS] = {s->begun, s->returned, s->begun,
								s->strangers};
		struct fair_queue *const turn[] = {first[s->others++ % OF_STRANGERS], s->begun,
						   s->returned, s->strangers};

		if (!hand_on(s, turn, ARRAY_SIZE(turn)))
			break;
	}
	/* Sockets are looked at in between. */
	if (any_waits(s))
		(void)event_add(s->turn, &at_once);
	s->ops->burst(s->ctx);
}

int ike_sockets_new(struct event_base *base, const struct ike_socket_ops *ops, void *ctx,
		    struct ike_sockets **ret)
{
	static const struct fair_limits limits = {.items = WAITING,
						  .bytes = WAITING_SIZE,
						  .lane_items = LANE,
						  .lane_bytes = LANE_SIZE};
	struct ike_sockets *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct ike_sockets){.base = base, .ops = ops, .ctx = ctx};
	s->known = fair_queue_new(&limits);
	s->begun = fair_queue_new(&limits);
	s->returned = fair_queue_new(&limits);
	s->strangers = fair_queue_new(&limits);
	s->complaints = (struct cg_ratelimit){.interval = 10 * USEC_PER_SEC, .burst = 5};
	s->buffers = malloc((size_t)BURST * DATAGRAM_MAX);
	s->turn = evtimer_new(base, on_turn, s);
	if (!s->known || !s->begun || !s->returned || !s->strangers || !s->buffers || !s->turn) {
		(void)ike_sockets_free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

static void socket_free(struct ike_socket *k)
{
	if (k->ev)
		event_free(k->ev);
	(void)safe_close(k->fd);
	free(k);
}

struct ike_sockets *ike_sockets_free(struct ike_sockets *s)
{
	if (!s)
		return NULL;
	for (struct ike_socket *k = s->list, *next; k; k = next) {
		next = k->next;
		socket_free(k);
	}
	(void)fair_queue_free(s->known);
	(void)fair_queue_free(s->begun);
	(void)fair_queue_free(s->returned);
	(void)fair_queue_free(s->strangers);
	if (s->turn)
		event_free(s->turn);
	free(s->buffers);
	free(s);
	return NULL;
}

/* Where the datagram was sent to, from what the kernel says of it. */
static void find_local(struct msghdr *mh, struct cg_endpoint *local)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(mh); cm; cm = CMSG_NXTHDR(mh, cm)) {
		if (cm->cmsg_level == IPPROTO_IP && cm->cmsg_type == IP_PKTINFO &&
		    cm->cmsg_len >= CMSG_LEN(sizeof(struct in_pktinfo))) {
			struct in_pktinfo pi;

			memcpy(&pi, CMSG_DATA(cm), sizeof(pi));
			(void)cg_addr_from_bytes(&pi.ipi_addr, sizeof(pi.ipi_addr), &local->addr);
		} else if (cm->cmsg_level == IPPROTO_IPV6 && cm->cmsg_type == IPV6_PKTINFO &&
			   cm->cmsg_len >= CMSG_LEN(sizeof(struct in6_pktinfo))) {
			struct in6_pktinfo pi;

			memcpy(&pi, CMSG_DATA(cm), sizeof(pi));
			(void)cg_addr_from_bytes(&pi.ipi6_addr, sizeof(pi.ipi6_addr), &local->addr);
		}
	}
}

/* On the port with the marker: keepalives (one byte, RFC 3948 section 2.3) and what is not IKE end here. */
static bool is_ike(const struct ike_socket *k, const uint8_t *data, size_t size)
{
	static const uint8_t marker[4];

	if (!k->p.marker)
		return size > 0;
	return size > sizeof(marker) && memcmp(data, marker, sizeof(marker)) == 0;
}

/* By whose it is: to wait among others of its kind. What is nobody's is told the engine at once, which counts it: that costs nothing. */
static void sort(struct ike_sockets *s, const struct cg_endpoint *local,
		 const struct cg_endpoint *remote, const uint8_t *data, size_t size)
{
	struct fair_queue *q = s->strangers;
	uint64_t lane = 0;

	switch (s->ops->rank(s->ctx, local, remote, data, size, &lane)) {
	case IKE_RANK_REFUSED: s->ops->datagram(s->ctx, local, remote, data, size); return;
	case IKE_RANK_KNOWN: q = s->known; break;
	case IKE_RANK_BEGUN: q = s->begun; break;
	case IKE_RANK_RETURNED: q = s->returned; break;
	case IKE_RANK_STRANGER: break;
	}
	if (!queue_add(q, lane, local, remote, data, size))
		s->ops->overloaded(s->ctx);
}

/* Whether there may be more. */
static bool read_burst(struct ike_socket *k)
{
	struct ike_sockets *s = k->all;
	struct sockaddr_storage from[BURST];
	union {
		struct cmsghdr align;
		uint8_t bytes[CONTROL_SPACE];
	} control[BURST];
	struct iovec iov[BURST];
	struct mmsghdr m[BURST];
	int n;

	memset(m, 0, sizeof(m));
	for (size_t i = 0; i < BURST; i++) {
		iov[i] = (struct iovec){.iov_base = s->buffers + i * DATAGRAM_MAX,
					.iov_len = DATAGRAM_MAX};
		m[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
					       .msg_namelen = sizeof(from[i]),
					       .msg_iov = &iov[i],
					       .msg_iovlen = 1,
					       .msg_control = &control[i],
					       .msg_controllen = sizeof(control[i])};
	}
	n = recvmmsg(k->fd, m, BURST, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct cg_endpoint local = k->p.local, remote;
		const uint8_t *data = iov[i].iov_base;
		size_t size = m[i].msg_len;

		if (m[i].msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || !is_ike(k, data, size))
			continue;
		if (cg_endpoint_from_sockaddr((struct sockaddr *)&from[i], m[i].msg_hdr.msg_namelen,
					      &remote) < 0)
			continue;
		find_local(&m[i].msg_hdr, &local);
		sort(s, &local, &remote, data, size);
	}
	return n == BURST;
}

static void on_readable(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	struct ike_socket *k = userdata;

	for (unsigned int i = 0; i < BURSTS && read_burst(k); i++)
		;
	/* Behind all that is known to be readable, which is read before. */
	if (any_waits(k->all))
		event_active(k->all->turn, EV_TIMEOUT, 0);
}

static bool is_same(const struct ike_socket *k, const struct proto_socket *p)
{
	return cg_endpoint_equal(&k->p.local, &p->local) && k->p.mark == p->mark;
}

static int listen_on(struct ike_socket *k)
{
	k->ev = event_new(k->all->base, k->fd, EV_READ | EV_PERSIST, on_readable, k);
	if (k->ev && event_add(k->ev, NULL) == 0)
		return 0;
	if (k->ev)
		event_free(k->ev);
	return -ENOMEM;
}

int ike_sockets_add(struct ike_sockets *s, const struct proto_socket *p, int *fd)
{
	struct ike_socket *k;
	int high;

	for (k = s->list; k; k = k->next) {
		if (is_same(k, p))
			return -EEXIST;
	}
	high = fcntl(*fd, F_DUPFD_CLOEXEC, ROLE_FD_FREE);
	if (high < 0)
		return -errno;
	k = calloc(1, sizeof(*k));
	if (!k) {
		(void)safe_close(high);
		return -ENOMEM;
	}
	*k = (struct ike_socket){.all = s, .p = *p, .fd = high};
	if (p->mark == 0 && listen_on(k) < 0) {
		(void)safe_close(high);
		free(k);
		return -ENOMEM;
	}
	k->next = s->list;
	s->list = k;
	(void)safe_close(TAKE_FD(*fd));
	return 0;
}

int ike_sockets_remove(struct ike_sockets *s, const struct proto_socket *p)
{
	for (struct ike_socket **at = &s->list; *at; at = &(*at)->next) {
		struct ike_socket *k = *at;

		if (!is_same(k, p))
			continue;
		*at = k->next;
		socket_free(k);
		return 0;
	}
	return -ENOENT;
}

/* The socket bound to exactly this address, or to any of its family, and the port, in this VRF. */
static struct ike_socket *socket_for(struct ike_sockets *s, const struct cg_endpoint *local,
				     sa_family_t family)
{
	struct ike_socket *any = NULL;

	for (struct ike_socket *k = s->list; k; k = k->next) {
		if (k->p.local.port != local->port || k->p.local.addr.family != family ||
		    k->p.local.vrf != local->vrf || k->p.mark != 0)
			continue;
		if (cg_addr_equal(&k->p.local.addr, &local->addr))
			return k;
		if (cg_addr_is_any(&k->p.local.addr) || local->addr.family == AF_UNSPEC)
			any = k;
	}
	return any;
}

/* The one that sends with this mark. */
static struct ike_socket *marked_socket(struct ike_sockets *s, const struct cg_endpoint *local,
					sa_family_t family, uint32_t mark)
{
	for (struct ike_socket *k = s->list; k; k = k->next) {
		if (k->p.local.port == local->port && k->p.local.addr.family == family &&
		    k->p.local.vrf == local->vrf && k->p.mark == mark)
			return k;
	}
	return NULL;
}

static void set_source(struct msghdr *mh, uint8_t *control, const struct cg_addr *local)
{
	struct cmsghdr *cm;

	if (local->family == AF_UNSPEC)
		return;
	memset(control, 0, CONTROL_SPACE);
	mh->msg_control = control;
	if (local->family == AF_INET) {
		struct in_pktinfo pi = {.ipi_spec_dst = local->in};

		mh->msg_controllen = CMSG_SPACE(sizeof(pi));
		cm = CMSG_FIRSTHDR(mh);
		cm->cmsg_level = IPPROTO_IP;
		cm->cmsg_type = IP_PKTINFO;
		cm->cmsg_len = CMSG_LEN(sizeof(pi));
		memcpy(CMSG_DATA(cm), &pi, sizeof(pi));
	} else {
		struct in6_pktinfo pi = {.ipi6_addr = local->in6};

		mh->msg_controllen = CMSG_SPACE(sizeof(pi));
		cm = CMSG_FIRSTHDR(mh);
		cm->cmsg_level = IPPROTO_IPV6;
		cm->cmsg_type = IPV6_PKTINFO;
		cm->cmsg_len = CMSG_LEN(sizeof(pi));
		memcpy(CMSG_DATA(cm), &pi, sizeof(pi));
	}
}

bool ike_sockets_send(struct ike_sockets *s, const struct cg_endpoint *local,
		      const struct cg_endpoint *remote, uint32_t mark, const uint8_t *data,
		      size_t size)
{
	struct ike_socket *k = socket_for(s, local, remote->addr.family);
	struct cg_addr from = local->addr;
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	struct sockaddr_storage to;
	union {
		struct cmsghdr align;
		uint8_t bytes[CONTROL_SPACE];
	} control;
	struct msghdr mh = {.msg_name = &to, .msg_iov = &iov, .msg_iovlen = 1};
	char text[CG_ENDPOINT_SIZE];
	int e;

	/* One that is bound to an address sends from it; the one with the mark is bound to none of ours. */
	if (mark != 0 && k) {
		if (from.family == AF_UNSPEC && !cg_addr_is_any(&k->p.local.addr))
			from = k->p.local.addr;
		k = marked_socket(s, local, remote->addr.family, mark);
	}
	mh.msg_namelen = cg_endpoint_to_sockaddr(remote, &to);
	if (!k || mh.msg_namelen == 0) {
		if (ratelimit_pass(&s->complaints, now_boottime(), NULL))
			log_warning("there is no socket to send to %s from",
				    cg_endpoint_format(remote, text));
		return true;
	}
	set_source(&mh, control.bytes, &from);
	if (sendmsg(k->fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	e = errno;
	if (ratelimit_pass(&s->complaints, now_boottime(), NULL))
		(void)log_debug_errno(e, "cannot send to %s", cg_endpoint_format(remote, text));
	return cg_addr_is_any(&local->addr) || (e != EINVAL && e != EADDRNOTAVAIL);
}
