/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process `main`: reads the configuration, opens what must be opened, then keeps two capabilities and decides from there: what
 * is installed in the kernel, and what the others get to see. It parses nothing that comes from the network.
 */
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/control.h"
#include "base/file.h"
#include "base/str.h"
#include "daemon/access.h"
#include "daemon/adopt.h"
#include "daemon/binding.h"
#include "daemon/channel.h"
#include "daemon/child.h"
#include "daemon/clockwatch.h"
#include "daemon/conn.h"
#include "daemon/control.h"
#include "daemon/engine_events.h"
#include "daemon/expiry.h"
#include "daemon/fetching.h"
#include "daemon/filewatch.h"
#include "daemon/forwarding.h"
#include "daemon/gateway.h"
#include "daemon/hardware.h"
#include "daemon/history.h"
#include "daemon/iface.h"
#include "daemon/kevent.h"
#include "daemon/key_logging.h"
#include "daemon/larval.h"
#include "daemon/launcher.h"
#include "daemon/load.h"
#include "daemon/marking.h"
#include "daemon/mtu_notes.h"
#include "daemon/names_watch.h"
#include "daemon/net.h"
#include "daemon/news.h"
#include "daemon/notify.h"
#include "daemon/ops.h"
#include "daemon/options.h"
#include "daemon/own_answers.h"
#include "daemon/proc.h"
#include "daemon/reload.h"
#include "daemon/reports.h"
#include "daemon/restart.h"
#include "daemon/revoke.h"
#include "daemon/routes.h"
#include "daemon/sandbox.h"
#include "daemon/snapshot.h"
#include "daemon/table.h"
#include "daemon/takeover.h"
#include "daemon/tunnel.h"
#include "daemon/vaulting.h"
#include "kernel/kernel.h"
#include "kernel/link.h"

enum { LEASE_PARTS = 4, STOP_SECONDS = 6 };

/* ---------------------------------------------------------------- messages of ike */

static int on_child(struct gateway *g, enum msg_type type, struct msg_reader *r)
{
	static struct proto_child_add add;
	struct ike_out_expect expect;
	struct ike_out_child child;

	if (type == MSG_CHILD_EXPECT) {
		proto_get_expect(r, &expect);
		if (!msg_done(r))
			return -EBADMSG;
		child_expect(g, &expect);
		return 0;
	}
	if (type == MSG_CHILD_ADD) {
		proto_get_child_add(r, &add);
		if (!msg_done(r)) {
			explicit_bzero(add.keys, sizeof(add.keys));
			return -EBADMSG;
		}
		child_add(g, &add);
		explicit_bzero(add.keys, sizeof(add.keys));
		return 0;
	}
	proto_get_child(r, &child);
	if (!msg_done(r))
		return -EBADMSG;
	if (type == MSG_CHILD_DEL)
		child_del(g, child.child, child.outbound_only);
	else if (type == MSG_CHILD_ACTIVATE)
		(void)child_activate(g, child.child);
	else
		child_move(g, &child);
	return 0;
}

static int on_status(struct gateway *g, enum msg_type type, struct msg_reader *r)
{
	static struct proto_sa_status sa;
	static struct proto_child_status child;
	uint32_t request;

	if (type == MSG_STATUS_SA) {
		proto_get_sa_status(r, &sa);
		if (!msg_done(r))
			return -EBADMSG;
		snapshot_on_sa(g, &sa);
	} else if (type == MSG_STATUS_CHILD) {
		proto_get_child_status(r, &child);
		if (!msg_done(r))
			return -EBADMSG;
		snapshot_on_child(g, &child);
	} else if (type == MSG_STATUS_WAIT) {
		struct snapshot_wait wait;

		request = msg_get_u32(r);
		wait.connection = msg_get_u32(r);
		wait.at = msg_get_u64(r);
		if (!msg_done(r))
			return -EBADMSG;
		snapshot_on_wait(g, request, &wait);
	} else {
		struct ike_counters counters;

		proto_get_status_end(r, &request, &counters);
		if (!msg_done(r))
			return -EBADMSG;
		snapshot_on_end(g, request, &counters);
	}
	return 0;
}

static void end_now(struct gateway *g)
{
	(void)event_base_loopbreak(g->base);
}

int gateway_on_ike(struct gateway *g, enum msg_type type, struct msg_reader *r)
{
	static struct proto_report report;
	uint64_t handle;

	if (type == MSG_CHILD_EXPECT || type == MSG_CHILD_ADD || type == MSG_CHILD_DEL ||
	    type == MSG_CHILD_ACTIVATE || type == MSG_CHILD_MOVE)
		return on_child(g, type, r);
	if (type == MSG_STATUS_SA || type == MSG_STATUS_CHILD || type == MSG_STATUS_WAIT ||
	    type == MSG_STATUS_END)
		return on_status(g, type, r);
	/* That it was heard is noted with every message. */
	if (type == MSG_ALIVE)
		return msg_done(r) ? 0 : -EBADMSG;
	if (type == MSG_REPORT) {
		proto_get_report(r, &report);
		if (!msg_done(r) || !engine_event_known(report.event))
			return -EBADMSG;
		report_take(g, &report);
		return 0;
	}
	if (type == MSG_BINDING_PLACE) {
		struct cg_addr place;

		handle = msg_get_u64(r);
		msg_get_addr(r, &place);
		if (!msg_done(r))
			return -EBADMSG;
		binding_place(g, handle, &place);
		return 0;
	}
	if (type == MSG_BINDING_RELEASE) {
		handle = msg_get_u64(r);
		if (!msg_done(r))
			return -EBADMSG;
		binding_release(g, handle);
		return 0;
	}
	if (type == MSG_IDLE) {
		if (!msg_done(r) || !g->stopping)
			return -EBADMSG;
		end_now(g);
		return 0;
	}
	return -EOPNOTSUPP;
}

/* ---------------------------------------------------------------- the first load */

static void on_first_load(void *ctx, int error, const struct cg_diags *diags, json_t *result)
{
	struct gateway *g = ctx;

	json_decref(result);
	gateway_loaded(g, error, diags);
	if (error < 0) {
		g->exit_status = EXIT_FAILURE;
		end_now(g);
		return;
	}
	adopt_all(g);
	takeover_loaded(g);
	if (g->stop_wanted) {
		gateway_stop(g);
		return;
	}
	/* Until now clients have waited: what they would have been told was not so yet. */
	if (control_start(g) < 0) {
		(void)log_oom();
		end_now(g);
		return;
	}
	notify_state("READY=1");
}

/* ---------------------------------------------------------------- the end */

static void on_stop_timer(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	log_notice("peers did not answer DELETE in time");
	end_now(userdata);
}

void gateway_stop(struct gateway *g)
{
	const struct timeval tv = {.tv_sec = STOP_SECONDS};
	struct msg_writer m;

	if (g->stopping)
		return;
	/* What an earlier process left is only known, and removed, once the configuration is in force. */
	if (!g->loaded && g->load) {
		g->stop_wanted = true;
		return;
	}
	g->stopping = true;
	restart_failed(g, -ESHUTDOWN, "the daemon is stopped");
	log_notice("stopping");
	notify_state("STOPPING=1");
	msg_begin(&m, MSG_SHUTDOWN);
	if (channel_send(ike_channel(g), &m, -EBADF) < 0) {
		end_now(g);
		return;
	}
	g->stop_timer = evtimer_new(g->base, on_stop_timer, g);
	if (!g->stop_timer || event_add(g->stop_timer, &tv) < 0)
		end_now(g);
}

/* Stopped on purpose: nothing of ours stays in the kernel. */
static void remove_everything(struct gateway *g)
{
	for (size_t i = 0; i < g->n_conns; i++) {
		struct conn *c = g->conns[i];

		children_of_conn_delete(c);
		tunnels_remove(c);
		routes_remove(c);
	}
	bindings_orphan(g);
	adopt_flush(g);
	for (size_t i = 0; i < g->n_conns; i++)
		link_remove(g->conns[i]);
	sockets_close(g);
	/* Without SAs of ours a lease would only stop those that others make later. */
	if (g->k)
		(void)cgk_lease_set(g->k, 0);
}

static void gateway_done(struct gateway *g)
{
	key_logging_stop(g);
	control_stop(g);
	ops_free(g);
	restart_free(g);
	takeover_free(g);
	procs_stop(g);
	kevents_stop(g);
	load_free(g->load);
	free(g->load_why);
	for (size_t i = 0; i < g->n_conns; i++)
		conn_free(g->conns[i]);
	free(g->conns);
	bindings_free(g);
	mtu_notes_done(g);
	table_done(&g->conns_by_id);
	table_done(&g->conns_by_name);
	table_done(&g->bindings_by_handle);
	table_done(&g->bindings_by_kernel);
	table_done(&g->children_by_number);
	table_done(&g->children_by_sa);
	table_done(&g->tunnels_by_kernel);
	table_done(&g->routes_by_key);
	cg_config_free(g->config);
	access_done(&g->access);
	refusals_done(&g->refusals);
	revoke_stop(g);
	marking_stop(g);
	fetching_stop(g);
	own_answers_done(g);
	vaulting_stop(g);
	hardware_stop(g);
	g->k = g->k ? cgk_free(g->k) : NULL;
	g->rt = g->rt ? cgk_rt_free(g->rt) : NULL;
}

/* ---------------------------------------------------------------- the launcher, the clock */

static int on_launcher_message(void *ctx, struct channel *c _unused_, enum msg_type type,
			       struct msg_reader *r, int *fd _unused_)
{
	struct gateway *g = ctx;
	struct launch_report rep;
	uint32_t sig;

	if (type == MSG_SIGNAL) {
		sig = msg_get_u32(r);
		if (!msg_done(r))
			return -EBADMSG;
		if (sig == SIGHUP)
			gateway_reload(g);
		else
			gateway_stop(g);
		return 0;
	}
	launch_get_report(r, &rep);
	if (!msg_done(r))
		return -EBADMSG;
	if (type == MSG_SPAWNED)
		procs_spawned(g, &rep);
	else
		procs_exited(g, &rep);
	return 0;
}

static void on_launcher_closed(void *ctx _unused_, struct channel *c _unused_)
{
	/* The launcher was killed: this is a crash, and what is in the kernel goes on. */
	log_error("the launcher is gone");
	_exit(EXIT_FAILURE);
}

static void on_launcher_violation(void *ctx, struct channel *c, const char *text)
{
	log_error("the launcher broke the protocol: %s", text);
	on_launcher_closed(ctx, c);
}

static void renew_lease(struct gateway *g, usec_t now)
{
	uint32_t seconds = g->config->gateway.lease_seconds;
	int r;

	if (!g->k || (g->lease_renewed != 0 &&
		      now - g->lease_renewed < seconds * USEC_PER_SEC / LEASE_PARTS))
		return;
	r = cgk_lease_set(g->k, seconds);
	if (r < 0)
		(void)log_error_errno(r, "the kernel's lease cannot be renewed (%s)",
				      cgk_error(g->k));
	else
		g->lease_renewed = now;
}

/* The module may be loaded after the daemon, or anew. */
static void open_module(struct gateway *g)
{
	int r;

	if (g->k)
		return;
	r = cgk_open(&g->k);
	if (r < 0)
		return;
	r = kevents_start(g);
	if (r < 0)
		(void)log_error_errno(r, "events of the module cannot be had");
	revoke_tell_kernel(g);
	g->lease_renewed = 0;
	renew_lease(g, now_boottime());
	sockets_give_kernel(g);
	for (size_t i = 0; i < g->n_conns; i++) {
		struct conn *c = g->conns[i];

		if (c->ifindex != 0)
			continue;
		(void)link_apply(c);
		conn_routes_begin(c);
	}
}

static void on_tick(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	struct gateway *g = userdata;
	usec_t now = now_boottime();
	int64_t date = (int64_t)(now_realtime() / USEC_PER_SEC);

	clock_tick(g, date);
	open_module(g);
	renew_lease(g, now);
	adopt_tick(g);
	bindings_tick(g, now);
	expiry_tick(g, date);
	fetching_tick(g);
	key_logging_tick(g, now);
	filewatch_tick(g, now);
	control_tick(g, now);
	snapshots_tick(g);
	names_watch_tick(g, now);
	if (now - g->traffic_polled >= 5 * USEC_PER_SEC) {
		g->traffic_polled = now;
		kevents_tick(g, now);
		child_poll_traffic(g);
		sockets_follow_vrfs(g);
		conns_refresh_source(g);
		forwarding_tick(g);
		routes_tick(g);
		sockets_give_kernel(g);
		notify_status(g);
	}
}

/* ---------------------------------------------------------------- the start */

static int find_user(struct gateway *g)
{
	const struct cg_gateway *gw = &g->config->gateway;
	const struct passwd *pw = getpwnam(gw->user);

	if (!pw) {
		log_warning(
			"there is no user '%s' (gateway.user), which systemd-sysusers makes: the other processes run as 'nobody'",
			gw->user);
		pw = getpwnam("nobody");
	}
	if (!pw || pw->pw_uid == 0 || pw->pw_gid == 0) {
		log_error("there is no unprivileged user to run as: make the user '%s'", gw->user);
		return -ENOENT;
	}
	g->uid = pw->pw_uid;
	g->gid = pw->pw_gid;
	return access_load(gw, &g->access);
}

static int open_control(struct gateway *g)
{
	const char *path = g->options->socket;
	const char *slash = strrchr(path, '/');

	if (slash && slash != path) {
		_cleanup_free_ char *dir = strndup(path, (size_t)(slash - path));

		if (!dir)
			return -ENOMEM;
		/* Where somebody else than root has a role he must get there, whatever the umask. */
		if ((mkdir(dir, 0755) < 0 || chmod(dir, 0755) < 0) && errno != EEXIST)
			return log_error_errno(errno, "cannot make %s", dir);
	}
	/* Everyone may ask where somebody else than root has a role, and gets the answer that the role gives. */
	g->control_fd = control_listen(path, g->access.n > 0 ? 0666 : 0600);
	if (g->control_fd == -EADDRINUSE)
		return log_error_errno(g->control_fd, "another certgated runs at %s", path);
	if (g->control_fd < 0)
		return log_error_errno(g->control_fd, "cannot listen at %s", path);
	return 0;
}

static int read_config(struct gateway *g)
{
	struct cg_diags diags = {0};
	int r;

	r = cg_config_load(g->options->config, &diags, &g->config);
	/* Warnings alone come with the first load. */
	if (r < 0)
		reload_log_findings(&diags);
	if (r < 0 && diags.n == 0)
		(void)log_error_errno(r, "%s cannot be read", g->options->config);
	cg_diags_done(&diags);
	return r;
}

static int start_events(struct gateway *g)
{
	static const struct channel_ops ops = {.message = on_launcher_message,
					       .closed = on_launcher_closed,
					       .violation = on_launcher_violation};
	const struct timeval second = {.tv_sec = 1};
	int r;

	g->base = event_base_new();
	if (!g->base)
		return -ENOMEM;
	r = channel_new(g->base, ROLE_FD_PARENT, ROLE_MAIN, ROLE_LAUNCHER, 0, &ops, g,
			&g->launcher);
	if (r < 0)
		return r;
	g->tick = event_new(g->base, -1, EV_PERSIST, on_tick, g);
	if (!g->tick || event_add(g->tick, &second) < 0)
		return -ENOMEM;
	return reload_begin(g);
}

static int open_sockets(struct gateway *g)
{
	struct cg_diags diags = {0};
	int r;

	r = sockets_prepare(g, g->config, &diags);
	reload_log_findings(&diags);
	cg_diags_done(&diags);
	if (r >= 0)
		sockets_apply(g, g->config);
	return r;
}

static int start(struct gateway *g)
{
	const struct sandbox box = {.role = ROLE_MAIN, .empty_dir_fd = -EBADF};
	int r;

	r = read_config(g);
	if (r < 0)
		return r;
	cg_log_set_level(g->options->debug ? CG_LOG_DEBUG : g->config->gateway.log_level);
	r = find_user(g);
	if (r < 0)
		return r;
	r = open_control(g);
	if (r < 0)
		return r;
	r = revoke_start(g);
	if (r < 0)
		return r;
	r = marking_start(g);
	if (r < 0)
		return r;
	fetching_start(g);
	key_logging_start(g);
	r = cgk_rt_open(&g->rt);
	if (r < 0)
		return log_error_errno(r, "cannot open rtnetlink");
	r = start_events(g);
	if (r < 0)
		return log_error_errno(r, "cannot start");
	r = sandbox_enter(&box);
	if (r < 0)
		return r;
	/* What follows is done with two capabilities. */
	open_module(g);
	if (!g->k)
		history_add(g, NULL, IKE_ERROR, "module-missing", NULL, "modprobe certgate",
			    "the module is not loaded: no tunnel can come up");
	takeover_begin(g);
	r = open_sockets(g);
	if (r < 0)
		return r;
	r = notify_watchdog_start(g);
	if (r < 0)
		return r;
	names_watch_begin();
	clock_tick(g, g->started_at);
	r = procs_start(g);
	if (r < 0)
		return log_error_errno(r, "cannot start the other processes");
	return load_start(g, false, on_first_load, g);
}

int role_main(const struct options *o)
{
	static struct gateway gateway;
	struct gateway *g = &gateway;
	int keep[1 + ROLE_HANDOVER_MAX] = {ROLE_FD_PARENT};

	g->options = o;
	g->control_fd = -EBADF;
	g->revoked_fd = g->marking.fd = -EBADF;
	news_init(&g->news);
	for (size_t i = 0; i < _KEY_LOG_MAX; i++)
		g->key_files[i] = -EBADF;
	g->started = now_boottime();
	g->started_at = (int64_t)(now_realtime() / USEC_PER_SEC);
	cg_log_init("main", o->debug ? CG_LOG_DEBUG : CG_LOG_INFO, CG_LOG_TARGET_AUTO);
	for (unsigned int i = 0; i < o->handover; i++)
		keep[1 + i] = ROLE_FD_HANDOVER + (int)i;
	if (sandbox_begin(keep, 1 + (size_t)o->handover) < 0)
		return EXIT_FAILURE;
	/* Events go to the journal with their fields, if that is where lines go. */
	if (getenv("JOURNAL_STREAM"))
		cg_log_init("main", cg_log_get_level(), CG_LOG_TARGET_JOURNAL);
	if (start(g) < 0) {
		g->exit_status = EXIT_FAILURE;
		control_stop(g);
		return g->exit_status;
	}
	(void)event_base_dispatch(g->base);
	if (g->stopping) {
		remove_everything(g);
		log_notice("stopped");
	}
	gateway_done(g);
	return g->exit_status;
}
