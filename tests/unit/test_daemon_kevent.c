// SPDX-License-Identifier: Apache-2.0
/* What main learns from the module, and that ike hears of it, whenever it was: with a kernel that is one tunnel with its SAs. */
#include "lib/maintest.h"

#include <openssl/sha.h>

#include "daemon/binding.h"
#include "daemon/child.h"
#include "daemon/kevent.h"
#include "daemon/net.h"
#include "daemon/options.h"
#include "daemon/proto_restart.h"
#include "daemon/restart.h"
#include "daemon/restart_state.h"
#include "daemon/routes.h"
#include "daemon/sealed.h"
#include "daemon/takeover.h"
#include "daemon/tunnel.h"
#include "kernel/kernel.h"
#include "kernel/link.h"

enum { CHILD = 5, HANDLE = 9, CERT = 10, TUNNEL = 20, SA_IN = 30, SA_OUT = 40 };

static const uint8_t leaf[] = "a leaf";

static struct {
	struct cgk_tunnel tunnel;
	struct cgk_sa sas[2];
	struct cgk_cert cert;
	unsigned int interrupted; /* so many dumps that are to come */
} kernel;

/* ---------------------------------------------------------------- the kernel: for all but this, tests/bench/ike/nokernel.c */

/* The table changed before anything of it was told. */
static bool is_interrupted(void)
{
	if (kernel.interrupted == 0)
		return false;
	kernel.interrupted--;
	return true;
}

int cgk_tunnel_dump(struct cgk *k _unused_, int (*fn)(void *ctx, const struct cgk_tunnel *t),
		    void *ctx)
{
	return is_interrupted() ? -EINTR : fn(ctx, &kernel.tunnel);
}

int cgk_sa_dump(struct cgk *k _unused_, int (*fn)(void *ctx, const struct cgk_sa *sa), void *ctx)
{
	int r = is_interrupted() ? -EINTR : 0;

	for (size_t i = 0; i < ARRAY_SIZE(kernel.sas) && r >= 0; i++)
		r = fn(ctx, &kernel.sas[i]);
	return r;
}

int cgk_cert_dump(struct cgk *k _unused_, int (*fn)(void *ctx, const struct cgk_cert *c), void *ctx)
{
	return is_interrupted() ? -EINTR : fn(ctx, &kernel.cert);
}

int cgk_tunnel_set(struct cgk *k _unused_, const struct cgk_tunnel *t, unsigned int what _unused_)
{
	kernel.tunnel.remote = t->remote;
	return 0;
}

/* ---------------------------------------------------------------- a gateway with a Child SA whose peer is behind NAT */

struct world {
	struct main_world *m;
	struct proc procs[2];
	int verify, launcher; /* their ends */
	struct cg_addr listen;
	struct options options;
};

static struct cg_endpoint peer_at(uint16_t port)
{
	return (struct cg_endpoint){.addr = {.family = AF_INET, .bytes = {203, 0, 113, 2}},
				    .port = port};
}

static void open_world(struct world *w)
{
	struct gateway *g;

	*w = (struct world){.m = main_world_new()};
	g = &w->m->g;
	w->listen = (struct cg_addr){.family = AF_INET, .bytes = {198, 51, 100, 2}};
	w->m->config.gateway = (struct cg_gateway){.listen = &w->listen, .n_listen = 1};
	w->m->cfg.remote_kind = CG_REMOTE_ANY;
	w->procs[0] = w->m->procs[0];
	w->procs[1] = (struct proc){.g = g, .role = ROLE_VERIFY, .ready = true};
	w->procs[1].channel = main_channel_new(g->base, ROLE_VERIFY, &w->verify);
	g->launcher = main_channel_new(g->base, ROLE_LAUNCHER, &w->launcher);
	g->procs = w->procs;
	g->n_verifiers = 1;
	g->options = &w->options;
	assert_int_equal(cgk_open(&g->k), 0);
}

static void close_world(struct world *w)
{
	struct gateway *g = &w->m->g;

	takeover_free(g);
	children_of_conn_delete(&w->m->c);
	tunnels_remove(&w->m->c);
	bindings_free(g);
	table_done(&g->children_by_number);
	table_done(&g->children_by_sa);
	table_done(&g->tunnels_by_kernel);
	table_done(&g->bindings_by_handle);
	table_done(&g->bindings_by_kernel);
	(void)channel_free(w->procs[1].channel);
	(void)channel_free(g->launcher);
	(void)close(w->verify);
	(void)close(w->launcher);
	g->k = cgk_free(g->k);
	main_world_free(w->m);
}

static struct tunnel *make_tunnel(struct world *w)
{
	struct tunnel *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->t = kernel.tunnel;
	tunnel_add(&w->m->c, t);
	return t;
}

/* The kernel and main agree, and ike said so. */
static void set_up(struct world *w)
{
	static struct state_binding b;
	const struct state_child k = {
		.number = CHILD,
		.binding = HANDLE,
		.tunnel = TUNNEL,
		.sa_in = SA_IN,
		.sa_out = SA_OUT,
		.spi_in = 0xc0000001,
		.spi_out = 0xd0000001,
		.local = {.addr = {.family = AF_INET, .bytes = {198, 51, 100, 2}}, .port = 4500},
		.remote = peer_at(4500),
		.udp = true,
	};
	struct binding *made;

	b = (struct state_binding){.kernel_id = CERT};
	b.b.handle = HANDLE;
	b.b.binding.n_links = 1;
	b.b.binding.not_before = 1;
	b.b.binding.not_after = 2000;
	memset(b.b.binding.links[0].spki, 7, CERTGATE_HASH_SIZE);
	(void)snprintf(b.b.binding.subject, sizeof(b.b.binding.subject), "CN=peer");
	(void)snprintf(b.b.binding.label, sizeof(b.b.binding.label), "branch");
	SHA256(leaf, sizeof(leaf), b.b.binding.links[0].cert);
	memset(&kernel, 0, sizeof(kernel));
	kernel.tunnel = (struct cgk_tunnel){.id = TUNNEL,
					    .local = k.local,
					    .remote = k.remote,
					    .encap = CERTGATE_ENCAP_UDP,
					    .flags = CERTGATE_TUNNEL_F_ROAM,
					    .label = "branch/lan"};
	for (size_t i = 0; i < ARRAY_SIZE(kernel.sas); i++)
		kernel.sas[i] = (struct cgk_sa){.id = i == 0 ? SA_IN : SA_OUT,
						.dir = i == 0 ? CERTGATE_DIR_IN : CERTGATE_DIR_OUT,
						.spi = i == 0 ? k.spi_in : k.spi_out,
						.tunnel = TUNNEL,
						.cert = CERT,
						.esn = true,
						.state = CERTGATE_SA_ACTIVE};
	kernel.cert = (struct cgk_cert){.id = CERT,
					.n_links = 1,
					.not_before = 1,
					.not_after = 2000,
					.label = "branch",
					.state = CERTGATE_CERT_VALID};
	memcpy(kernel.cert.links[0].cert, b.b.binding.links[0].cert, CERTGATE_HASH_SIZE);
	memcpy(kernel.cert.links[0].spki, b.b.binding.links[0].spki, CERTGATE_HASH_SIZE);
	open_world(w);
	w->m->c.peer_before = addr_of("192.0.2.9");
	made = binding_restored(&w->m->c, &b, 0);
	assert_non_null(made);
	child_restored(made, make_tunnel(w), &k);
}

static void peer_moves(struct world *w, uint16_t port, bool told)
{
	const struct cgk_event e = {
		.kind = CERTGATE_EVENT_ENDPOINT, .tunnel = TUNNEL, .remote = peer_at(port)};

	kernel.tunnel.remote = e.remote;
	if (told)
		kevent_take(&w->m->g, &e);
}

/* The next message to ike says that the Child SA's peer is there. */
static void ike_hears_of_it(struct world *w, uint16_t port)
{
	struct cg_endpoint remote, want = peer_at(port);

	assert_int_equal(main_world_read(w->m, ROLE_IKE), MSG_CHILD_MOVED);
	assert_true(msg_get_u64(&w->m->r) == CHILD);
	msg_get_endpoint(&w->m->r, &remote);
	assert_true(msg_done(&w->m->r));
	assert_true(cg_endpoint_equal(&remote, &want));
}

static void ike_hears_nothing(struct world *w)
{
	assert_int_equal(main_world_read(w->m, ROLE_IKE), _MSG_MAX);
}

/* ike says where it is, in answer or not. */
static int ike_moves(struct world *w, uint16_t port)
{
	const struct ike_out_child m = {.child = CHILD,
					.connection = 1,
					.local = kernel.tunnel.local,
					.remote = peer_at(port),
					.udp = true,
					.follow = true};

	child_move(&w->m->g, &m);
	return child_find(&w->m->g, CHILD)->tunnel->said.remote.port;
}

static void a_move_is_told_and_ike_says_where_the_child_is(void **state _unused_)
{
	struct world w;

	set_up(&w);
	peer_moves(&w, 6000, true);
	main_world_said(w.m, "endpoint-changed", "203.0.113.2:6000");
	ike_hears_of_it(&w, 6000);
	ike_hears_nothing(&w);
	assert_int_equal(child_find(&w.m->g, CHILD)->tunnel->said.remote.port, 4500);
	assert_int_equal(ike_moves(&w, 6000), 6000);
	close_world(&w);
}

/* By itself, and where ike says. */
static void a_move_is_followed_by_the_routes(void **state _unused_)
{
	struct cg_selector network = {0};
	struct cgk_event e = {
		.kind = CERTGATE_EVENT_ENDPOINT, .tunnel = TUNNEL, .remote = peer_at(4500)};
	struct cgk_route r = {.ifindex = 7, .table = 254};
	struct world w;

	set_up(&w);
	w.m->child.remote = &network;
	w.m->child.n_remote = 1;
	w.m->cfg.routes_install = true;
	w.m->cfg.routes_keep = true;
	w.m->cfg.routes_table = r.table;
	w.m->c.ifindex = r.ifindex;
	assert_int_equal(cg_range_parse("10.2.0.0/16", &network.range), 0);
	assert_int_equal(cg_prefix_parse("10.2.0.0/16", &r.dst), 0);
	for (int i = 0; i < 2; i++) {
		const struct ike_out_child m = {.child = CHILD,
						.connection = 1,
						.local = kernel.tunnel.local,
						.remote = peer_at(4500),
						.udp = true,
						.follow = true};

		routes_remove(&w.m->c);
		e.remote.addr = addr_of("10.2.0.1");
		kevent_take(&w.m->g, &e);
		routes_add(&w.m->c);
		assert_false(routes_are_wanted(&w.m->g, &r));
		main_world_said(w.m, "route-skipped", "10.2.0.0/16");
		e.remote = peer_at(6000);
		if (i == 0)
			kevent_take(&w.m->g, &e);
		else
			child_move(&w.m->g, &m);
		assert_true(routes_are_wanted(&w.m->g, &r));
	}
	routes_forget(&w.m->c);
	table_done(&w.m->g.routes_by_key);
	close_world(&w);
}

/* When it is gone, nobody knows where the next one will be. */
static void where_the_peer_of_the_one_before_was_counts_until_there_is_a_child(
	void **state _unused_)
{
	struct cg_addr at;
	struct world w;

	set_up(&w);
	assert_true(conn_peer_address(&w.m->c, &at));
	assert_int_equal(at.bytes[0], 203);
	children_of_conn_delete(&w.m->c);
	assert_false(conn_peer_address(&w.m->c, &at));
	close_world(&w);
}

/* An address that the connection's name does not lead to: the kernel has seen the peer there. */
static void ike_may_follow_to_where_the_kernel_saw_the_peer(void **state _unused_)
{
	struct cg_addr home = {.family = AF_INET, .bytes = {203, 0, 113, 2}};
	struct cgk_event e = {
		.kind = CERTGATE_EVENT_ENDPOINT, .tunnel = TUNNEL, .remote = peer_at(4500)};
	struct ike_out_child m;
	struct world w;

	set_up(&w);
	w.m->cfg.remote_kind = CG_REMOTE_NAME;
	w.m->c.resolved = malloc(sizeof(home));
	assert_non_null(w.m->c.resolved);
	*w.m->c.resolved = home;
	w.m->c.n_resolved = 1;
	e.remote.addr.bytes[3] = 77;
	m = (struct ike_out_child){.child = CHILD,
				   .connection = 1,
				   .local = kernel.tunnel.local,
				   .remote = e.remote,
				   .udp = true,
				   .follow = true};
	child_move(&w.m->g, &m);
	main_world_said(w.m, "request-refused", "not the connection's remote_address");
	kevent_take(&w.m->g, &e);
	child_move(&w.m->g, &m);
	main_world_said(w.m, "tunnel-moved", "203.0.113.77");
	close_world(&w);
}

/* ---------------------------------------------------------------- events that were lost */

/* The next message to ike says this of the Child SA. */
static void ike_hears(struct world *w, enum msg_type type)
{
	assert_int_equal(main_world_read(w->m, ROLE_IKE), type);
	assert_true(msg_get_u64(&w->m->r) == CHILD);
}

static void where_nothing_happened_the_tables_tell_nothing(void **state _unused_)
{
	struct world w;

	set_up(&w);
	kernel.sas[0].soft_bytes = kernel.sas[1].soft_packets = 1000;
	kernel.sas[0].stats.rx_bytes = kernel.sas[1].stats.tx_packets = 999;
	kevents_resync(&w.m->g);
	ike_hears_nothing(&w);
	close_world(&w);
}

static void what_lost_events_said_is_in_the_tables(void **state _unused_)
{
	struct world w;

	set_up(&w);
	kernel.sas[0].soft_bytes = kernel.sas[0].stats.rx_bytes = 1000;
	peer_moves(&w, 6000, false);
	kevents_resync(&w.m->g);
	ike_hears(&w, MSG_CHILD_SOFT);
	ike_hears_of_it(&w, 6000);
	ike_hears_nothing(&w);
	/* The event was late, not lost. */
	peer_moves(&w, 6000, true);
	ike_hears_nothing(&w);
	/* Each other reason for a new SA. */
	kernel.sas[0].soft_bytes = 0;
	kernel.sas[1].soft_packets = kernel.sas[1].stats.tx_packets = 10;
	kevents_resync(&w.m->g);
	ike_hears(&w, MSG_CHILD_SOFT);
	kernel.sas[1].soft_packets = 0;
	kernel.sas[1].sequence = 0xc0000000;
	kevents_resync(&w.m->g);
	ike_hears_nothing(&w);
	kernel.sas[1].esn = false;
	kevents_resync(&w.m->g);
	ike_hears(&w, MSG_CHILD_SOFT);
	kernel.sas[1].state = CERTGATE_SA_DEAD;
	kevents_resync(&w.m->g);
	ike_hears(&w, MSG_CHILD_DEAD);
	ike_hears_nothing(&w);
	close_world(&w);
}

static void tables_that_change_meanwhile_are_read_again(void **state _unused_)
{
	const usec_t now = now_boottime();
	struct world w;

	set_up(&w);
	kernel.sas[0].soft_bytes = kernel.sas[0].stats.rx_bytes = 1000;
	peer_moves(&w, 6000, false);
	kernel.interrupted = 3;
	kevents_resync(&w.m->g);
	ike_hears(&w, MSG_CHILD_SOFT);
	ike_hears_of_it(&w, 6000);
	kevents_tick(&w.m->g, now);
	ike_hears_nothing(&w);
	/* If that does not help, later. */
	peer_moves(&w, 7000, false);
	kernel.interrupted = 100;
	kevents_resync(&w.m->g);
	ike_hears_nothing(&w);
	kernel.interrupted = 0;
	kevents_tick(&w.m->g, now);
	ike_hears(&w, MSG_CHILD_SOFT);
	ike_hears_of_it(&w, 7000);
	kevents_tick(&w.m->g, now);
	ike_hears_nothing(&w);
	close_world(&w);
}

/* Thousands at once: the module says how many it left out, and not which. */
static void what_the_module_left_out_is_in_the_tables(void **state _unused_)
{
	struct cgk_event e = {.kind = CERTGATE_EVENT_SA_SOFT, .sa = 4711};
	struct world w;

	set_up(&w);
	kernel.sas[0].soft_bytes = kernel.sas[0].stats.rx_bytes = 1000;
	w.m->g.peers_read = now_boottime();
	kevent_take(&w.m->g, &e);
	kevents_tick(&w.m->g, now_boottime());
	ike_hears_nothing(&w);
	e.suppressed = 1;
	kevent_take(&w.m->g, &e);
	kevents_tick(&w.m->g, now_boottime());
	ike_hears(&w, MSG_CHILD_SOFT);
	ike_hears_nothing(&w);
	/* Strangers can have this left out as often as they like. */
	e.kind = CERTGATE_EVENT_UNKNOWN_SPI;
	kevent_take(&w.m->g, &e);
	kevents_tick(&w.m->g, now_boottime());
	ike_hears_nothing(&w);
	close_world(&w);
}

/* Another Child SA of the same configured child, as newer ones are made: in that tunnel. Its SAs are the kernel's with 100 more. */
static void another_child(const struct world *w, uint64_t number, struct tunnel *t)
{
	const struct state_child k = {.number = number,
				      .sa_in = SA_IN + 100,
				      .sa_out = SA_OUT + 100,
				      .remote = peer_at(4500)};

	child_restored(child_find(&w->m->g, CHILD)->binding, t, &k);
}

static void the_kernel_ends_it(struct world *w, bool replaced)
{
	const struct cgk_event e = {.kind = CERTGATE_EVENT_SA_DEAD,
				    .sa = SA_IN,
				    .spi = 0xc0000001,
				    .death = CERTGATE_SA_DEATH_LIFETIME};
	const struct history *h = &w->m->c.history;

	kevent_take(&w->m->g, &e);
	main_world_said(w->m, "sa-dead", "SA c0000001");
	assert_true((strstr(history_at(h, h->n - 1)->text, "replaced") != NULL) == replaced);
	ike_hears(w, MSG_CHILD_DEAD);
}

/* One of several parts of a configured child dies: the others are newer, and for other networks. */
static void what_dies_is_replaced_by_what_is_for_the_same_networks(void **state _unused_)
{
	struct tunnel *first;
	struct world w;

	set_up(&w);
	first = child_find(&w.m->g, CHILD)->tunnel;
	kernel.tunnel.id = TUNNEL + 1;
	another_child(&w, CHILD + 1, make_tunnel(&w));
	the_kernel_ends_it(&w, false);
	child_del(&w.m->g, CHILD + 1, false);
	another_child(&w, CHILD + 2, first);
	the_kernel_ends_it(&w, true);
	child_del(&w.m->g, CHILD + 2, false);
	the_kernel_ends_it(&w, false);
	/* By one whose networks are not quite the same: ike says which one sends. */
	child_del(&w.m->g, CHILD, true);
	the_kernel_ends_it(&w, true);
	close_world(&w);
}

/* In UDP the VRF is its socket's, whatever that hears, and not known if that has gone meanwhile; raw ESP has come through one or not. */
static void esp_that_is_nobodys_has_its_vrf(void **state _unused_)
{
	static const struct {
		uint32_t socket, ifindex, vrf;
		bool gone;
	} cases[] = {{3, 0, 7, false},
		     {4, 0, 0, false},
		     {5, 0, 0, true},
		     {0, 9, 9, false},
		     {0, 0, 0, false}};
	struct udp_socket sockets[] = {{.next = &sockets[1], .kernel_id = 3, .p.local.vrf = 7},
				       {.kernel_id = 4}};
	struct world w;

	set_up(&w);
	w.m->g.sockets = sockets;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cgk_event e = {.kind = CERTGATE_EVENT_UNKNOWN_SPI,
				      .spi = 0x12345678,
				      .remote = peer_at(4500),
				      .socket = cases[i].socket,
				      .ifindex = cases[i].ifindex};
		struct cg_endpoint remote;

		kevent_take(&w.m->g, &e);
		if (cases[i].gone) {
			ike_hears_nothing(&w);
			continue;
		}
		assert_int_equal(main_world_read(w.m, ROLE_IKE), MSG_UNKNOWN_SPI);
		assert_int_equal(msg_get_u64(&w.m->r), 0x12345678);
		msg_get_endpoint(&w.m->r, &remote);
		assert_int_equal(msg_get_u32(&w.m->r), cases[i].vrf);
		assert_true(msg_done(&w.m->r));
	}
	w.m->g.sockets = NULL;
	close_world(&w);
}

/* The module had told of many others just then: it says so with the next move, and there is none. */
static void a_move_that_the_module_did_not_tell_of_is_found(void **state _unused_)
{
	struct world w;
	usec_t now;

	set_up(&w);
	peer_moves(&w, 6000, true);
	ike_hears_of_it(&w, 6000);
	peer_moves(&w, 7000, false);
	now = now_boottime();
	kevents_tick(&w.m->g, now);
	main_world_said(w.m, "endpoint-changed", "203.0.113.2:7000");
	ike_hears_of_it(&w, 7000);
	/* Nor of any: it had no memory for the event. */
	peer_moves(&w, 8000, false);
	kevents_tick(&w.m->g, now + 5 * USEC_PER_SEC);
	ike_hears_nothing(&w);
	kevents_tick(&w.m->g, now + 60 * USEC_PER_SEC);
	ike_hears_of_it(&w, 8000);
	/* Not at the first attempt. */
	peer_moves(&w, 9000, false);
	kernel.interrupted = 100;
	kevents_tick(&w.m->g, now + 120 * USEC_PER_SEC);
	ike_hears_nothing(&w);
	kernel.interrupted = 0;
	kevents_tick(&w.m->g, now + 125 * USEC_PER_SEC);
	ike_hears_of_it(&w, 9000);
	ike_hears_nothing(&w);
	close_world(&w);
}

/* ---------------------------------------------------------------- a planned restart */

static void on_done(void *ctx, int error, const char *why _unused_)
{
	assert_int_equal(error, 0);
	(*(unsigned int *)ctx)++;
}

static int tell_main(struct proc *p, enum msg_type type, const struct proto_watched *watched,
		     int fd)
{
	uint8_t copy[4096];
	struct msg_writer m;
	struct msg_reader r;
	size_t len;
	int e;

	msg_begin(&m, type);
	if (watched)
		proto_put_watched(&m, watched);
	len = m.len;
	assert_true(!m.failed && len <= sizeof(copy));
	memcpy(copy, m.buf, len);
	msg_end(&m);
	assert_int_equal(msg_open(copy, len, &type, &r), 0);
	e = restart_on_message(p, type, &r, &fd);
	if (fd >= 0)
		(void)close(fd);
	return e;
}

/* What the launcher was given, put where the next main finds it. */
static void take_handover(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		uint8_t buf[64];
		int fd;

		assert_true(main_channel_read(w->launcher, buf, sizeof(buf), &fd) > 0);
		assert_true(fd >= 0);
		assert_int_equal(dup2(fd, ROLE_FD_HANDOVER + i), ROLE_FD_HANDOVER + i);
		(void)close(fd);
	}
}

/* ike has written itself down with the peer where it was; that it heard of a move before says nothing. */
static void a_move_during_a_restart_is_told_to_the_next_ike(void **state _unused_)
{
	const struct proto_watched path = {
		.handle = HANDLE, .connection = 1, .path = {{leaf, sizeof(leaf)}}, .n_path = 1};
	unsigned int done = 0, restored = 0;
	struct world old, new;
	enum msg_type type;
	int snapshot;

	set_up(&old);
	assert_int_equal(restart_start(&old.m->g, on_done, &done), 0);
	assert_int_equal(main_world_read(old.m, ROLE_IKE), MSG_SAVE);
	assert_int_equal(sealed_new("snapshot", "x", 1, &snapshot), 0);
	assert_int_equal(tell_main(&old.procs[0], MSG_SAVED, NULL, snapshot), 0);
	peer_moves(&old, 6000, true);
	assert_int_equal(tell_main(&old.procs[1], MSG_WATCHED, &path, -EBADF), 0);
	assert_int_equal(tell_main(&old.procs[1], MSG_WATCHED_ALL, NULL, -EBADF), 0);
	assert_int_equal(done, 1);
	take_handover(&old);
	restart_free(&old.m->g);
	close_world(&old);

	open_world(&new);
	new.options.handover = 2;
	takeover_begin(&new.m->g);
	assert_true(takeover_pending(&new.m->g));
	(void)make_tunnel(&new);
	takeover_adopt(&new.m->g);
	assert_non_null(child_find(&new.m->g, CHILD));
	takeover_loaded(&new.m->g);
	while ((type = main_world_read(new.m, ROLE_IKE)) == MSG_LIVE_BINDING ||
	       type == MSG_LIVE_CHILD)
		restored++;
	assert_int_equal(restored, 2);
	assert_int_equal(type, MSG_RESTORE);
	ike_hears_of_it(&new, 6000);
	ike_hears_nothing(&new);
	close_world(&new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_move_is_told_and_ike_says_where_the_child_is),
		cmocka_unit_test(a_move_is_followed_by_the_routes),
		cmocka_unit_test(
			where_the_peer_of_the_one_before_was_counts_until_there_is_a_child),
		cmocka_unit_test(ike_may_follow_to_where_the_kernel_saw_the_peer),
		cmocka_unit_test(where_nothing_happened_the_tables_tell_nothing),
		cmocka_unit_test(what_lost_events_said_is_in_the_tables),
		cmocka_unit_test(tables_that_change_meanwhile_are_read_again),
		cmocka_unit_test(what_the_module_left_out_is_in_the_tables),
		cmocka_unit_test(what_dies_is_replaced_by_what_is_for_the_same_networks),
		cmocka_unit_test(esp_that_is_nobodys_has_its_vrf),
		cmocka_unit_test(a_move_that_the_module_did_not_tell_of_is_found),
		cmocka_unit_test(a_move_during_a_restart_is_told_to_the_next_ike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
