/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes below main: asking the launcher for them, connecting them with each other, and what follows when one ends. Nothing
 * that fails is left half alive: ike is started again beside the SAs that go on in the kernel; a verify worker takes ike with it, for the
 * nonces that only it knew; key and verify get the configuration in force again.
 */
#include "daemon/proc.h"

#include <signal.h>
#include <sys/wait.h>

#include "daemon/binding.h"
#include "daemon/channel.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/fetching.h"
#include "daemon/gateway.h"
#include "daemon/hardware.h"
#include "daemon/history.h"
#include "daemon/key_logging.h"
#include "daemon/launcher.h"
#include "daemon/load.h"
#include "daemon/marking.h"
#include "daemon/names_watch.h"
#include "daemon/net.h"
#include "daemon/own_answers.h"
#include "daemon/proto_auth.h"
#include "daemon/proto_fetch.h"
#include "daemon/proto_hsm.h"
#include "daemon/proto_ike.h"
#include "daemon/proto_revocation.h"
#include "daemon/proto_stage.h"
#include "daemon/proto_vault.h"
#include "daemon/restart.h"
#include "daemon/revoke.h"
#include "daemon/snapshot.h"
#include "daemon/takeover.h"
#include "daemon/vaulting.h"

enum { FAILURES_MAX = 10, STABLE_SECONDS = 60 };

struct proc *proc_find(struct gateway *g, enum role role, unsigned int index)
{
	for (size_t i = 0; i < g->n_procs; i++) {
		if (g->procs[i].role == role && g->procs[i].index == index)
			return &g->procs[i];
	}
	return NULL;
}

struct channel *proc_channel(struct gateway *g, enum role role, unsigned int index)
{
	struct proc *p = proc_find(g, role, index);

	return p && p->ready ? p->channel : NULL;
}

struct channel *ike_channel(struct gateway *g)
{
	return proc_channel(g, ROLE_IKE, 0);
}

void proc_owes_nothing(struct proc *p)
{
	p->owes = false;
	p->silent = 0;
}

void proc_kill(struct proc *p, const char *why)
{
	struct msg_writer m;

	history_add(p->g, NULL, IKE_ERROR, "process-killed", NULL, NULL, "process %s is ended: %s",
		    role_name(p->role), why);
	if (p->pid <= 0)
		return;
	msg_begin(&m, MSG_KILL);
	msg_put_u32(&m, (uint32_t)p->pid);
	(void)channel_send(p->g->launcher, &m, -EBADF);
}

/* ---------------------------------------------------------------- messages */

static int on_complaint(struct proc *p, struct msg_reader *r)
{
	enum role about = (enum role)msg_get_enum(r, _ROLE_MAX - 1);
	unsigned int index = msg_get_count(r, ROLE_WORKERS_MAX - 1);
	bool of_key = about == ROLE_VAULT || about == ROLE_HSM;
	struct proc *accused;
	char text[256];

	msg_get_str(r, text, sizeof(text));
	if (!msg_done(r) || (about != ROLE_IKE && (!of_key || p->role != ROLE_KEY)))
		return -EBADMSG;
	accused = proc_find(p->g, about, index);
	if (accused)
		proc_kill(accused, text);
	return 0;
}

static int on_staged(struct proc *p, enum msg_type type, struct msg_reader *r)
{
	static struct staged_key key;
	static struct staged_trust trust;
	static struct stage_finding finding;

	if (type == MSG_STAGED_KEY) {
		proto_get_staged_key(r, &key);
		if (!msg_done(r))
			return -EBADMSG;
		load_on_staged_key(p->g, p, &key);
	} else if (type == MSG_STAGED_TRUST) {
		proto_get_staged_trust(r, &trust);
		if (!msg_done(r))
			return -EBADMSG;
		load_on_staged_trust(p->g, p, &trust);
	} else {
		proto_get_stage_finding(r, &finding);
		if (!msg_done(r))
			return -EBADMSG;
		load_on_finding(p->g, p, &finding);
	}
	return 0;
}

static int on_revocation(struct proc *p, enum msg_type type, struct msg_reader *r)
{
	static struct proto_seen_revoked seen;
	static struct proto_path_state state;
	static struct proto_path_judged judged;
	struct pki_crl_mark mark;

	if (type == MSG_LIST_SEEN) {
		proto_get_list_mark(r, &mark);
		if (!msg_done(r))
			return -EBADMSG;
		marking_seen(p->g, &mark);
		return 0;
	}
	if (type == MSG_SEEN_REVOKED) {
		proto_get_seen_revoked(r, &seen);
		if (!msg_done(r))
			return -EBADMSG;
		revoke_seen(p->g, &seen);
		return 0;
	}
	if (type == MSG_PATH_JUDGED) {
		proto_get_path_judged(r, &judged);
		if (!msg_done(r))
			return -EBADMSG;
		binding_path_judged(p->g, p, &judged);
		return 0;
	}
	proto_get_path_state(r, &state);
	if (!msg_done(r))
		return -EBADMSG;
	binding_path_state(p->g, &state);
	return 0;
}

static int on_news(struct proc *p, enum msg_type type, struct msg_reader *r, int *fd)
{
	static struct proto_news_taken taken;
	static struct proto_fetch_failed failed;
	static struct proto_news what;
	uint32_t number;
	bool waiting;

	if (type == MSG_NEWS_WANT) {
		proto_get_news_want(r, &what, &waiting);
		if (!msg_done(r))
			return -EBADMSG;
		fetching_on_want(p->g, p, &what, waiting);
	} else if (type == MSG_NEWS_TAKEN) {
		proto_get_news_taken(r, &taken);
		if (!msg_done(r))
			return -EBADMSG;
		fetching_on_taken(p->g, p, &taken);
	} else if (type == MSG_FETCHED) {
		number = msg_get_u32(r);
		if (!msg_done(r))
			return -EBADMSG;
		fetching_on_fetched(p->g, number, fd);
	} else {
		proto_get_fetch_failed(r, &failed);
		if (!msg_done(r))
			return -EBADMSG;
		fetching_on_failed(p->g, &failed);
	}
	return 0;
}

static int on_vault(struct proc *p, enum msg_type type, struct msg_reader *r)
{
	static struct proto_vault_state state;
	char name[CG_VAULT_HOST_MAX + 1];

	if (type == MSG_VAULT_RESOLVE) {
		proto_get_vault_resolve(r, name);
		if (!msg_done(r))
			return -EBADMSG;
		vaulting_on_resolve(p->g, name);
		return 0;
	}
	proto_get_vault_state(r, &state);
	if (!msg_done(r))
		return -EBADMSG;
	vaulting_on_state(p->g, &state);
	return 0;
}

static int on_hsm(struct proc *p, struct msg_reader *r)
{
	static struct proto_hsm_state state;

	proto_get_hsm_state(r, &state);
	if (!msg_done(r))
		return -EBADMSG;
	hardware_on_state(p->g, &state);
	return 0;
}

static int on_ready(struct proc *p);

static int on_message(void *ctx, struct channel *c _unused_, enum msg_type type,
		      struct msg_reader *r, int *fd)
{
	static struct proto_binding binding;
	static struct proto_path_state state;
	static struct proto_resolved resolved;
	static struct proto_own_answers answers;
	struct proc *p = ctx;

	proc_owes_nothing(p);
	if (type == MSG_READY)
		return msg_done(r) && !p->ready ? on_ready(p) : -EBADMSG;
	if (!p->ready)
		return -EPROTO;
	if (type == MSG_COMPLAINT)
		return on_complaint(p, r);
	if (type == MSG_STAGED_KEY || type == MSG_STAGED_TRUST || type == MSG_STAGE_FINDING)
		return on_staged(p, type, r);
	if (type == MSG_BINDING) {
		proto_get_binding(r, &binding);
		proto_get_path_state(r, &state);
		if (!msg_done(r) || state.handle != binding.handle)
			return -EBADMSG;
		binding_new(p->g, p, &binding);
		binding_path_state(p->g, &state);
		return 0;
	}
	if (type == MSG_SEEN_REVOKED || type == MSG_PATH_STATE || type == MSG_PATH_JUDGED ||
	    type == MSG_LIST_SEEN)
		return on_revocation(p, type, r);
	if (type == MSG_NEWS_WANT || type == MSG_NEWS_TAKEN || type == MSG_FETCHED ||
	    type == MSG_FETCH_FAILED)
		return on_news(p, type, r, fd);
	if (type == MSG_OWN_ANSWERS) {
		proto_get_own_answers(r, &answers);
		return msg_done(r) ? own_answers_on_message(p->g, &answers) : -EBADMSG;
	}
	if (type == MSG_SAVED || type == MSG_SAVE_FAILED || type == MSG_WATCHED ||
	    type == MSG_WATCHED_ALL)
		return restart_on_message(p, type, r, fd);
	if (type == MSG_GOES_ON || type == MSG_RESTORED)
		return takeover_on_message(p->g, type, r);
	if (type == MSG_VAULT_RESOLVE || type == MSG_VAULT_STATE)
		return on_vault(p, type, r);
	if (type == MSG_HSM_STATE)
		return on_hsm(p, r);
	if (type == MSG_RESOLVED) {
		proto_get_resolved(r, &resolved);
		if (!msg_done(r))
			return -EBADMSG;
		if (!vaulting_on_resolved(p->g, &resolved))
			conn_resolved(p->g, &resolved);
		return 0;
	}
	return p->role == ROLE_IKE ? gateway_on_ike(p->g, type, r) : -EOPNOTSUPP;
}

static void on_closed(void *ctx, struct channel *c _unused_)
{
	struct proc *p = ctx;
	struct msg_writer m;

	p->channel = channel_free(p->channel);
	p->ready = false;
	/* It closed its socket: whatever it still does, nobody listens. The launcher's word of its end brings the rest. */
	if (p->pid <= 0)
		return;
	msg_begin(&m, MSG_KILL);
	msg_put_u32(&m, (uint32_t)p->pid);
	(void)channel_send(p->g->launcher, &m, -EBADF);
}

static void on_violation(void *ctx, struct channel *c, const char *text)
{
	struct proc *p = ctx;

	proc_kill(p, text);
	on_closed(ctx, c);
}

/* ---------------------------------------------------------------- starting */

static int spawn(struct proc *p)
{
	static const struct channel_ops ops = {
		.message = on_message, .closed = on_closed, .violation = on_violation};
	struct launch_spawn s = {
		.role = p->role, .index = p->index, .uid = p->g->uid, .gid = p->g->gid};
	_cleanup_close_ int theirs = -EBADF;
	struct msg_writer m;
	int pair[2], r;

	p->started = now_boottime();
	proc_owes_nothing(p);
	p->unended = 0;
	r = channel_pair(pair);
	if (r < 0)
		return r;
	theirs = pair[1];
	p->channel = channel_free(p->channel);
	r = channel_new(p->g->base, pair[0], ROLE_MAIN, p->role, p->index, &ops, p, &p->channel);
	if (r < 0)
		return r;
	msg_begin(&m, MSG_SPAWN);
	launch_put_spawn(&m, &s);
	r = channel_send(p->g->launcher, &m, theirs);
	p->spawning = r >= 0;
	if (r < 0)
		p->channel = channel_free(p->channel);
	else if (p->role == ROLE_HSM)
		hardware_tell_hsm(p->g, p);
	return r;
}

static void start_again(struct proc *p);

static void on_restart(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	struct proc *p = userdata;
	int r;

	if (p->g->stopping || p->pid > 0 || !p->wanted)
		return;
	r = spawn(p);
	if (r < 0) {
		(void)log_error_errno(r, "cannot start process %s", role_name(p->role));
		start_again(p);
	}
}

static int attach(struct proc *p, struct proc *to, int fd)
{
	struct msg_writer m;

	msg_begin(&m, MSG_ATTACH);
	msg_put_u8(&m, (uint8_t)to->role);
	msg_put_u32(&m, to->index);
	return channel_send(p->channel, &m, fd);
}

/* A new socket between one that asks (ike, key) and one that it asks. */
static int join(struct proc *ike, struct proc *other)
{
	int pair[2], r;

	if (!ike->ready || !other->ready)
		return 0;
	r = channel_pair(pair);
	if (r < 0)
		return r;
	r = attach(ike, other, pair[0]);
	if (r >= 0)
		r = attach(other, ike, pair[1]);
	(void)safe_close(pair[0]);
	(void)safe_close(pair[1]);
	return r;
}

static bool all_ready(struct gateway *g)
{
	for (size_t i = 0; i < g->n_procs; i++) {
		if (g->procs[i].wanted && !g->procs[i].ready)
			return false;
	}
	return true;
}

/* What ike needs beyond its neighbours. */
static void furnish_ike(struct gateway *g)
{
	const struct cg_limits *l = &g->config->gateway.limits;
	const struct ike_engine_config config = {
		.half_open_cookie = l->cookie_threshold,
		.half_open_limit = l->half_open,
		.half_open_per_net = l->half_open_per_prefix,
		.hold = takeover_pending(g),
	};
	struct msg_writer m;

	msg_begin(&m, MSG_ENGINE);
	proto_put_engine(&m, &config);
	(void)channel_send(ike_channel(g), &m, -EBADF);
	/* Nobody is answered before it is known who is expected. */
	if (!g->loaded)
		return;
	sockets_tell_ike(g);
	conns_tell_ike(g);
	takeover_go(g);
}

static void tell_log_level(struct proc *p)
{
	struct msg_writer m;

	if (!p->ready)
		return;

	msg_begin(&m, MSG_LOG_LEVEL);
	msg_put_u8(&m, (uint8_t)cg_log_get_level());
	(void)channel_send(p->channel, &m, -EBADF);
}

void procs_tell_log_level(struct gateway *g)
{
	for (size_t i = 0; i < g->n_procs; i++)
		tell_log_level(&g->procs[i]);
}

/* Those that key asks. */
static int join_neighbours_of_key(struct gateway *g, struct proc *key)
{
	int r = join(key, proc_find(g, ROLE_VAULT, 0));

	for (unsigned int i = 0; i < CG_HARDWARE_MAX && r >= 0; i++)
		r = join(key, proc_find(g, ROLE_HSM, i));
	return r;
}

static int on_ready(struct proc *p)
{
	struct gateway *g = p->g;
	int r = 0;

	p->ready = true;
	tell_log_level(p);
	if (p->role == ROLE_IKE) {
		for (size_t i = 0; i < g->n_procs && r >= 0; i++) {
			if (g->procs[i].role == ROLE_KEY || g->procs[i].role == ROLE_VERIFY)
				r = join(p, &g->procs[i]);
		}
		if (r >= 0)
			furnish_ike(g);
	} else if (p->role == ROLE_KEY || p->role == ROLE_VERIFY) {
		struct proc *ike = proc_find(g, ROLE_IKE, 0);

		if (p->role == ROLE_VERIFY) {
			revoke_tell_verify(g, p->channel);
			marking_tell_verify(g, p->channel);
			fetching_tell_verify(g, p->channel);
			if (p->index == 0)
				own_answers_tell_verify(g);
		}
		r = join(ike, p);
		if (r >= 0 && p->role == ROLE_KEY)
			r = join_neighbours_of_key(g, p);
		load_on_process(g, true);
	} else if (p->role == ROLE_FETCH) {
		fetching_tell_fetch(g);
		load_on_process(g, true);
	} else if (p->role == ROLE_VAULT) {
		vaulting_tell_vault(g);
		r = join(proc_find(g, ROLE_KEY, 0), p);
		load_on_process(g, true);
	} else if (p->role == ROLE_HSM)
		r = join(proc_find(g, ROLE_KEY, 0), p);
	if (r < 0)
		return log_error_errno(r, "cannot connect process %s", role_name(p->role));
	if (all_ready(g))
		log_debug("all processes are ready");
	return 0;
}

int procs_start(struct gateway *g)
{
	size_t n = 0;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	g->n_verifiers = g->config->gateway.verify_workers > 0 ? g->config->gateway.verify_workers
							       : (unsigned int)MAX(cores, 1L);
	g->n_verifiers = MIN(g->n_verifiers, (unsigned int)ROLE_WORKERS_MAX);
	g->n_procs = 4 + g->n_verifiers + CG_HARDWARE_MAX;
	g->procs = calloc(g->n_procs, sizeof(*g->procs));
	if (!g->procs)
		return -ENOMEM;
	g->procs[n++] = (struct proc){.role = ROLE_KEY};
	for (unsigned int i = 0; i < g->n_verifiers; i++)
		g->procs[n++] = (struct proc){.role = ROLE_VERIFY, .index = i};
	g->procs[n++] = (struct proc){.role = ROLE_IKE};
	g->procs[n++] = (struct proc){.role = ROLE_FETCH};
	/* Started when a configuration names a vault, or keys in hardware. */
	g->procs[n++] = (struct proc){.role = ROLE_VAULT};
	for (unsigned int i = 0; i < CG_HARDWARE_MAX; i++)
		g->procs[n++] = (struct proc){.role = ROLE_HSM, .index = i};
	for (size_t i = 0; i < n; i++) {
		struct proc *p = &g->procs[i];
		int r;

		p->g = g;
		p->restart = evtimer_new(g->base, on_restart, p);
		if (!p->restart)
			return -ENOMEM;
		if (p->role == ROLE_VAULT || p->role == ROLE_HSM)
			continue;
		p->wanted = true;
		r = spawn(p);
		if (r < 0)
			return r;
	}
	return 0;
}

int proc_want(struct gateway *g, enum role role, unsigned int index)
{
	struct proc *p = proc_find(g, role, index);
	int r;

	if (!p || p->wanted)
		return p ? 0 : -ENOENT;
	p->failures = 0;
	r = spawn(p);
	p->wanted = r >= 0;
	return r;
}

static void end(struct proc *p)
{
	struct msg_writer m;

	if (p->pid <= 0)
		return;
	msg_begin(&m, MSG_KILL);
	msg_put_u32(&m, (uint32_t)p->pid);
	(void)channel_send(p->g->launcher, &m, -EBADF);
}

void proc_unwant(struct gateway *g, enum role role, unsigned int index)
{
	struct proc *p = proc_find(g, role, index);

	if (!p || !p->wanted)
		return;
	p->wanted = false;
	(void)event_del(p->restart);
	end(p);
}

bool proc_is_free(struct gateway *g, enum role role, unsigned int index)
{
	const struct proc *p = proc_find(g, role, index);

	return p && !p->wanted && !p->spawning && p->pid <= 0;
}

void procs_stop(struct gateway *g)
{
	for (size_t i = 0; i < g->n_procs; i++) {
		g->procs[i].channel = channel_free(g->procs[i].channel);
		if (g->procs[i].restart)
			event_free(g->procs[i].restart);
	}
	free(g->procs);
	g->procs = NULL;
	g->n_procs = 0;
}

/* ---------------------------------------------------------------- the launcher's news */

/*
 * Tunnels whose keys are here do not fall with a vault or a module that nobody can bear, nor with what a server on the net can do to `fetch`: without it
 * news and names are missing, and it is started again and again, every half a minute.
 */
static bool is_vital(enum role role)
{
	return role != ROLE_VAULT && role != ROLE_HSM && role != ROLE_FETCH;
}

static void start_again(struct proc *p)
{
	unsigned int doubled;
	struct timeval tv = {0};

	if (now_boottime() - p->started > STABLE_SECONDS * USEC_PER_SEC)
		p->failures = 0;
	if (++p->failures > FAILURES_MAX && is_vital(p->role)) {
		log_error("process %s fails again and again: giving up", role_name(p->role));
		p->g->exit_status = EXIT_FAILURE;
		(void)event_base_loopbreak(p->g->base);
		return;
	}
	/* At once the first time: the next failure may be an attacker's next attempt. */
	doubled = MIN(p->failures, 7U);
	tv.tv_sec = p->failures > 1 ? (time_t)MIN(1U << (doubled - 2), 30U) : 0;
	tv.tv_usec = 1000;
	(void)event_add(p->restart, &tv);
}

void procs_spawned(struct gateway *g, const struct launch_report *rep)
{
	struct proc *p = proc_find(g, rep->role, rep->index);

	if (!p)
		return;
	p->spawning = false;
	if (rep->status < 0 && !p->wanted)
		return;
	if (rep->status < 0) {
		(void)log_error_errno(rep->status, "process %s did not start",
				      role_name(rep->role));
		start_again(p);
		return;
	}
	p->pid = rep->pid;
	if (!p->wanted)
		end(p);
}

void procs_exited(struct gateway *g, const struct launch_report *rep)
{
	struct proc *p = proc_find(g, rep->role, rep->index);
	struct proc *ike = proc_find(g, ROLE_IKE, 0);

	if (!p || p->pid != rep->pid)
		return;
	/* What it said before it died still counts. */
	channel_drain_last(p->channel);
	proc_owes_nothing(p);
	p->pid = 0;
	p->ready = false;
	p->channel = channel_free(p->channel);
	if (g->stopping || !p->wanted)
		return;
	if (names_watch_ended(rep->pid))
		p->failures = 0;
	else if (WIFSIGNALED(rep->status))
		history_add(g, NULL, IKE_ERROR, "process-ended", NULL, NULL,
			    "process %s was ended by signal %d%s", role_name(p->role),
			    WTERMSIG(rep->status),
			    WTERMSIG(rep->status) == SIGSYS ? " (a system call it may not make)"
							    : "");
	else
		history_add(g, NULL, IKE_ERROR, "process-ended", NULL, NULL,
			    "process %s ended with status %d", role_name(p->role),
			    WEXITSTATUS(rep->status));
	if (p->role == ROLE_IKE || p->role == ROLE_VERIFY)
		restart_failed(g, -ESRCH, "a process ended meanwhile");
	if (p->role == ROLE_IKE) {
		takeover_ike_ended(g);
		snapshot_cancel(g, NULL);
		key_logging_end(g, "the process that wrote them ended");
		children_orphan(g);
		bindings_orphan(g);
	} else if (p->role == ROLE_KEY || p->role == ROLE_VERIFY)
		load_on_process(g, false);
	else if (p->role == ROLE_FETCH) {
		conns_resolve_lost(g);
		fetching_lost(g);
		vaulting_fetch_lost(g);
	} else if (p->role == ROLE_VAULT)
		vaulting_vault_lost(g);
	else if (p->role == ROLE_HSM && !hardware_hsm_lost(g, p)) {
		p->wanted = false;
		return;
	}
	if (p->role == ROLE_VERIFY && ike && ike->pid > 0)
		proc_kill(ike, "a process that verifies ended, and with it the nonces it knew");
	start_again(p);
}
