/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module's events: what died or is about to, traffic without an SA, peers that moved. Told to ike in the engine's
 * numbers. When events were lost the tables are read instead, from which all of it but the traffic can be seen.
 */
#include "daemon/kevent.h"

#include "daemon/binding.h"
#include "daemon/channel.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/net.h"
#include "daemon/proc.h"
#include "daemon/routes.h"
#include "daemon/tunnel.h"
#include "kernel/kernel.h"

/*
 * The module tells of few moves a second, and of those that it left out, how many, with the next one: there may be none. (A NAT in front of hundreds of
 * peers starts anew, and all come from new ports at once.) So it is looked where peers are after each move that was told of, and every so often
 * all the same, long before a peer that is asked at its old address counts as dead.
 */
enum { PEERS_READ_SECONDS = 30 };

/* Where the module asks for another SA in the place of one without extended sequence numbers. */
#define SEQUENCE_SOFT 0xc0000000

static void tell_child(struct gateway *g, enum msg_type type, const struct child *k,
		       const char *why)
{
	struct msg_writer m;

	msg_begin(&m, type);
	msg_put_u64(&m, k->number);
	if (type == MSG_CHILD_DEAD)
		msg_put_str(&m, why);
	(void)channel_send(ike_channel(g), &m, -EBADF);
}

/*
 * Whether its connection has another one for the same networks, or ike has said that another one sends. Newer ones stand first; one of the same configured
 * child may be for other networks, and is then in another tunnel.
 */
static bool is_replaced(const struct child *k)
{
	for (const struct child *n = LIST_FIRST(&k->conn->children); n && n != k;
	     n = LIST_NEXT(n, of_conn)) {
		if (n->tunnel == k->tunnel)
			return true;
	}
	return k->sa_out == 0;
}

static void on_sa_event(struct gateway *g, const struct cgk_event *e)
{
	struct child *k = child_find_sa(g, e->sa);
	struct conn *c = k ? k->conn : NULL;

	if (!k)
		return;
	if (e->kind == CERTGATE_EVENT_SA_SOFT) {
		log_debug("SA %08x is to be rekeyed", e->spi);
		tell_child(g, MSG_CHILD_SOFT, k, NULL);
		return;
	}
	/* One that another took the place of is kept a while for what is on its way, and may well come to its limit then. */
	if (is_replaced(k))
		history_note(g, c, IKE_INFO, "sa-dead", NULL, NULL,
			     "the kernel ended SA %08x, which another one replaced: %s", e->spi,
			     cgk_sa_death_name(e->death));
	else
		history_add(g, c, IKE_WARNING, "sa-dead", NULL, NULL,
			    "the kernel ended SA %08x: %s", e->spi, cgk_sa_death_name(e->death));
	tell_child(g, MSG_CHILD_DEAD, k, cgk_sa_death_name(e->death));
}

static bool flow_in(const struct cg_selector *s, const struct cg_addr *a, uint8_t protocol,
		    uint16_t port)
{
	const struct cg_range point = {.first = *a, .last = *a};

	return cg_range_contains(&s->range, &point) &&
	       (s->protocol == 0 || s->protocol == protocol) && s->port_first <= port &&
	       port <= s->port_last;
}

/* Length of the smallest prefix that contains the range. */
static unsigned int prefix_len(const struct cg_range *r)
{
	unsigned int bits = 8 * (unsigned int)cg_addr_len(r->first.family), i = 0;

	while (i < bits && !((r->first.bytes[i / 8] ^ r->last.bytes[i / 8]) & (0x80 >> i % 8)))
		i++;
	return i;
}

/* The order in which the module looks, see its selector_table.c: the remote prefix, the local one, protocols, ports. Never 0. */
static uint64_t specificity(const struct cg_selector *local, const struct cg_selector *remote)
{
	uint32_t vague = (uint32_t)(!local->protocol + !remote->protocol) << 17;

	vague += (uint32_t)(local->port_last - local->port_first) +
		 (uint32_t)(remote->port_last - remote->port_first);
	return (uint64_t)prefix_len(&remote->range) << 40 |
	       (uint64_t)prefix_len(&local->range) << 32 | (UINT32_MAX - vague);
}

/* 0: it does not want it. */
static uint64_t child_wants(const struct cg_child_config *child, const struct cgk_event *e)
{
	uint64_t best = 0;

	for (size_t i = 0; i < child->n_local; i++) {
		if (!flow_in(&child->local[i], &e->flow_src, e->flow_protocol, e->flow_sport))
			continue;
		for (size_t j = 0; j < child->n_remote; j++) {
			const struct cg_selector *to = &child->remote[j];

			if (flow_in(to, &e->flow_dst, e->flow_protocol, e->flow_dport))
				best = MAX(best, specificity(&child->local[i], to));
		}
	}
	return best;
}

static void on_acquire(struct gateway *g, const struct cgk_event *e)
{
	const struct tunnel *t = e->tunnel != 0 ? tunnel_find_kernel(g, e->tunnel) : NULL;
	struct conn *wanted = NULL;
	unsigned int index = 0;
	uint64_t best = 0;

	if (t) {
		conn_acquire(t->conn, t->index);
		return;
	}
	for (size_t i = 0; i < g->n_conns && e->has_flow; i++) {
		struct conn *c = g->conns[i];

		if (c->ifindex != e->ifindex)
			continue;
		for (unsigned int n = 0; n < c->cfg->n_children; n++) {
			uint64_t wants = child_wants(&c->cfg->children[n], e);

			if (wants <= best)
				continue;
			best = wants;
			wanted = c;
			index = n;
		}
	}
	if (wanted)
		conn_acquire(wanted, index);
}

void kevent_tell_moved(struct gateway *g, const struct child *k)
{
	struct msg_writer m;

	msg_begin(&m, MSG_CHILD_MOVED);
	msg_put_u64(&m, k->number);
	msg_put_endpoint(&m, &k->tunnel->t.remote);
	(void)channel_send(ike_channel(g), &m, -EBADF);
}

/* The kernel followed the peer there. */
static void moved(struct gateway *g, struct tunnel *t, const struct cg_endpoint *remote)
{
	char text[CG_ENDPOINT_SIZE];
	const struct child *k;

	if (cg_endpoint_equal(remote, &t->t.remote))
		return;
	t->t.remote = *remote;
	history_add(g, t->conn, IKE_INFO, "endpoint-changed", remote, NULL,
		    "the peer's packets now come from %s", cg_endpoint_format(remote, text));
	routes_follow(t->conn);
	LIST_FOREACH(k, &t->conn->children, of_conn)
	{
		if (k->tunnel == t)
			kevent_tell_moved(g, k);
	}
}

static void on_endpoint(struct gateway *g, const struct cgk_event *e)
{
	struct tunnel *t = tunnel_find_kernel(g, e->tunnel);

	g->peers_moved = true;
	if (t)
		moved(g, t, &e->remote);
}

/* At a rate that the module bounds. */
static void on_unknown_spi(struct gateway *g, const struct cgk_event *e)
{
	uint32_t vrf = e->ifindex;
	struct msg_writer m;

	log_debug("a packet for SPI %08x, which is nobody's", e->spi);
	if (cg_addr_is_any(&e->remote.addr))
		return;
	/* In UDP it is of those that the socket is for, whatever else that hears. Lost meanwhile, it does not say: the wrong peer could be answered. */
	if (e->socket && !socket_vrf(g, e->socket, &vrf))
		return;
	msg_begin(&m, MSG_UNKNOWN_SPI);
	msg_put_u64(&m, e->spi);
	msg_put_endpoint(&m, &e->remote);
	msg_put_u32(&m, vrf);
	(void)channel_send(ike_channel(g), &m, -EBADF);
}

/* Whether there are tables that tell it as well, and nobody but the kernel makes it happen: where the module left some out they are as good as lost. */
static bool is_in_tables(enum certgate_event kind)
{
	switch (kind) {
	case CERTGATE_EVENT_SA_SOFT:
	case CERTGATE_EVENT_SA_DEAD:
	case CERTGATE_EVENT_CERT_EXPIRED:
	case CERTGATE_EVENT_CERT_REVOKED: return true;
	case CERTGATE_EVENT_ACQUIRE:
	case CERTGATE_EVENT_ENDPOINT: /* see PEERS_READ_SECONDS */
	case CERTGATE_EVENT_UNKNOWN_SPI:
	case CERTGATE_EVENT_AUTH_FAILED:
	case CERTGATE_EVENT_LEASE_LAPSED:
	case CERTGATE_EVENT_SOCKET_LOST:
	case __CERTGATE_EVENT_MAX: break;
	}
	return false;
}

void kevent_take(void *ctx, const struct cgk_event *e)
{
	struct gateway *g = ctx;
	struct binding *b;

	if (e->suppressed > 0 && is_in_tables(e->kind))
		g->events_lost = true;
	switch (e->kind) {
	case CERTGATE_EVENT_SA_SOFT:
	case CERTGATE_EVENT_SA_DEAD: on_sa_event(g, e); break;
	case CERTGATE_EVENT_CERT_EXPIRED:
		b = binding_find_kernel(g, e->cert);
		if (b)
			binding_expired(g, b);
		break;
	case CERTGATE_EVENT_CERT_REVOKED:
		if (e->has_hash)
			bindings_revoked(g, e->hash, NULL, true);
		break;
	case CERTGATE_EVENT_ACQUIRE: on_acquire(g, e); break;
	case CERTGATE_EVENT_ENDPOINT: on_endpoint(g, e); break;
	case CERTGATE_EVENT_UNKNOWN_SPI: on_unknown_spi(g, e); break;
	case CERTGATE_EVENT_AUTH_FAILED:
		history_add(g, NULL, IKE_NOTICE, "esp-authentication-failed", &e->remote, NULL,
			    "packets for SPI %08x are not authentic (%ju more since the last time)",
			    e->spi, (uintmax_t)e->suppressed);
		break;
	case CERTGATE_EVENT_LEASE_LAPSED:
		history_add(
			g, NULL, IKE_ERROR, "lease-lapsed", NULL,
			"the daemon did not get to renew it, see the log before this; tunnels are made anew",
			"the kernel's lease lapsed: all SAs stopped");
		g->lease_renewed = 0;
		break;
	case CERTGATE_EVENT_SOCKET_LOST:
		for (struct udp_socket *s = g->sockets; s; s = s->next) {
			if (s->kernel_id == e->socket)
				s->kernel_id = 0;
		}
		sockets_give_kernel(g);
		break;
	case __CERTGATE_EVENT_MAX: break;
	}
}

/* Whether it is to be replaced by what it carried; by its age ike sees to it. */
static bool is_soft(const struct cgk_sa *sa)
{
	uint64_t bytes = MAX(sa->stats.rx_bytes, sa->stats.tx_bytes);
	uint64_t packets = MAX(sa->stats.rx_packets, sa->stats.tx_packets);

	return (sa->soft_bytes != 0 && bytes >= sa->soft_bytes) ||
	       (sa->soft_packets != 0 && packets >= sa->soft_packets) ||
	       (sa->dir == CERTGATE_DIR_OUT && !sa->esn && sa->sequence >= SEQUENCE_SOFT);
}

static int check_sa(void *ctx, const struct cgk_sa *sa)
{
	struct gateway *g = ctx;
	struct child *k = child_find_sa(g, sa->id);

	if (k && sa->state == CERTGATE_SA_DEAD)
		tell_child(g, MSG_CHILD_DEAD, k, cgk_sa_death_name(sa->death));
	else if (k && is_soft(sa))
		tell_child(g, MSG_CHILD_SOFT, k, NULL);
	return 0;
}

static int check_cert(void *ctx, const struct cgk_cert *c)
{
	struct gateway *g = ctx;
	struct binding *b = c->state != CERTGATE_CERT_VALID ? binding_find_kernel(g, c->id) : NULL;

	if (b && c->state == CERTGATE_CERT_EXPIRED)
		binding_expired(g, b);
	else if (b)
		binding_die(g, b, cgk_cert_state_name(c->state));
	return 0;
}

static int check_tunnel(void *ctx, const struct cgk_tunnel *now)
{
	struct gateway *g = ctx;
	struct tunnel *t = now->flags & CERTGATE_TUNNEL_F_ROAM ? tunnel_find_kernel(g, now->id)
							       : NULL;

	if (t)
		moved(g, t, &now->remote);
	return 0;
}

static int read_peers(struct gateway *g)
{
	g->peers_moved = false;
	g->peers_read = now_boottime();
	return cgk_whole(cgk_tunnel_dump(g->k, check_tunnel, g));
}

void kevents_resync(struct gateway *g)
{
	int certs, sas, tunnels;

	if (!g->k)
		return;
	certs = cgk_whole(cgk_cert_dump(g->k, check_cert, g));
	sas = cgk_whole(cgk_sa_dump(g->k, check_sa, g));
	tunnels = read_peers(g);
	g->events_lost = certs < 0 || sas < 0 || tunnels < 0;
}

static void take_events(struct gateway *g)
{
	int r = cgk_events_read(g->events, kevent_take, g);

	if (r == -ENOBUFS) {
		log_notice("events of the module were lost: reading its tables");
		kevents_resync(g);
	} else if (r < 0 && r != -EAGAIN && r != -EINTR)
		(void)log_warning_errno(r, "events of the module cannot be read");
}

static void on_readable(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	take_events(userdata);
}

static bool have_roaming_peers(const struct gateway *g)
{
	const struct tunnel *t;

	LIST_FOREACH(t, &g->tunnels, all)
	{
		if (t->t.flags & CERTGATE_TUNNEL_F_ROAM)
			return true;
	}
	return false;
}

void kevents_tick(struct gateway *g, usec_t now)
{
	if (!g->k)
		return;
	if (g->events_lost) {
		kevents_resync(g);
		return;
	}
	if ((!g->peers_moved && now - g->peers_read < PEERS_READ_SECONDS * USEC_PER_SEC) ||
	    !have_roaming_peers(g))
		return;
	/* What waits is older than the tunnels. */
	if (g->events)
		take_events(g);
	g->events_lost |= read_peers(g) < 0;
}

int kevents_start(struct gateway *g)
{
	int r;

	r = cgk_events_open(&g->events);
	if (r < 0)
		return r;
	g->events_ev = event_new(g->base, cgk_events_fd(g->events), EV_READ | EV_PERSIST,
				 on_readable, g);
	if (!g->events_ev || event_add(g->events_ev, NULL) < 0)
		return -ENOMEM;
	return 0;
}

void kevents_stop(struct gateway *g)
{
	if (g->events_ev)
		event_free(g->events_ev);
	g->events_ev = NULL;
	if (g->events)
		g->events = cgk_events_free(g->events);
}
