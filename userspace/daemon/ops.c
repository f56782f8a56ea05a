/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of the control socket, as docs/json.md names them. Those that must wait (for ike's answer, for a tunnel, for a
 * configuration) keep a waiter; a client that goes takes its waiters along.
 */
#include "daemon/ops.h"

#include "base/control.h"
#include "base/hex.h"
#include "base/str.h"
#include "base/version.h"
#include "daemon/access.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/control.h"
#include "daemon/forwarding.h"
#include "daemon/gateway.h"
#include "daemon/key_logging.h"
#include "daemon/load.h"
#include "daemon/restart.h"
#include "daemon/revoke.h"
#include "daemon/routes.h"
#include "daemon/snapshot.h"
#include "daemon/status.h"

enum { WAIT_DEFAULT_SECONDS = 30, WAIT_MAX_SECONDS = 3600, DOWN_SECONDS = 15 };

enum wait_for { WAIT_UP, WAIT_DOWN, WAIT_RELOAD, WAIT_RESTART };

struct waiter {
	struct waiter *next;
	struct gateway *g;
	struct client *client;
	enum wait_for what;
	uint32_t connection;
	struct event *timer;
	json_t *result; /* of WAIT_RESTART: what the reload before it changed */
};

static void waiter_free(struct waiter *w)
{
	for (struct waiter **at = &w->g->waiters; *at; at = &(*at)->next) {
		if (*at == w) {
			*at = w->next;
			break;
		}
	}
	if (w->timer)
		event_free(w->timer);
	json_decref(w->result);
	free(w);
}

void ops_client_gone(struct client *cl)
{
	struct gateway *g = client_gateway(cl);

	for (struct waiter *w = g->waiters, *next; w; w = next) {
		next = w->next;
		if (w->client != cl)
			continue;
		/* It still runs, and ends with nobody to tell. */
		if (w->what == WAIT_RELOAD || w->what == WAIT_RESTART)
			w->client = NULL;
		else
			waiter_free(w);
	}
}

void ops_free(struct gateway *g)
{
	while (g->waiters)
		waiter_free(g->waiters);
}

static void answer_state(struct client *cl, const char *name, const char *state)
{
	client_answer(cl, control_result(json_pack("{s:s, s:s}", "name", name, "state", state)));
}

/* ---------------------------------------------------------------- waiting */

static void on_wait_over(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	struct waiter *w = userdata;
	struct conn *c = conn_find(w->g, w->connection);
	struct client *cl = w->client;
	enum wait_for kind = w->what;

	waiter_free(w);
	if (!c)
		client_answer(cl, control_error("the connection is gone",
						"a reload took it out of the configuration"));
	else if (kind == WAIT_DOWN && !c->down)
		client_answer(cl, control_error("it was brought up again meanwhile", NULL));
	else if (kind == WAIT_DOWN) {
		/* The peer did not answer DELETE in time: it goes all the same. */
		conn_is_down(c);
		answer_state(cl, c->cfg->name, "down");
	} else if (c->last_error.code && conn_children_up(c) < c->cfg->n_children)
		client_answer(cl, control_error(c->last_error.text, c->last_error.hint));
	else if (c->cfg->mode == CG_MODE_RESPONDER_ONLY && conn_children_up(c) == 0)
		client_answer(cl, control_error("the peer has not connected",
						"mode is responder-only: the peer has to start"));
	else
		answer_state(cl, c->cfg->name,
			     conn_children_up(c) == c->cfg->n_children ? "up" : "connecting");
}

static struct waiter *wait_for(struct client *cl, enum wait_for what, const struct conn *c,
			       unsigned int seconds)
{
	struct gateway *g = client_gateway(cl);
	struct waiter *w = calloc(1, sizeof(*w));
	struct timeval tv = {.tv_sec = (time_t)seconds};

	if (!w)
		return NULL;
	*w = (struct waiter){.next = g->waiters,
			     .g = g,
			     .client = cl,
			     .what = what,
			     .connection = c ? c->id : 0};
	g->waiters = w;
	if (seconds > 0) {
		w->timer = evtimer_new(g->base, on_wait_over, w);
		if (!w->timer || event_add(w->timer, &tv) < 0) {
			waiter_free(w);
			return NULL;
		}
	}
	return w;
}

void ops_changed(struct gateway *g, const struct conn *conn)
{
	for (struct waiter *w = g->waiters, *next; w; w = next) {
		struct conn *c = conn_find(g, w->connection);
		struct client *cl = w->client;
		unsigned int up;

		next = w->next;
		if (w->what == WAIT_RELOAD || w->what == WAIT_RESTART || !c || (conn && c != conn))
			continue;
		up = conn_children_up(c);
		if (w->what == WAIT_UP && up == c->cfg->n_children) {
			waiter_free(w);
			answer_state(cl, c->cfg->name, "up");
		} else if (w->what == WAIT_DOWN && up == 0) {
			waiter_free(w);
			answer_state(cl, c->cfg->name, "down");
		}
	}
}

void ops_failed(struct gateway *g, const struct conn *conn)
{
	for (struct waiter *w = g->waiters, *next; w; w = next) {
		struct client *cl = w->client;

		next = w->next;
		if (w->what != WAIT_UP || w->connection != conn->id)
			continue;
		waiter_free(w);
		client_answer(cl, control_error(conn->last_error.text ? conn->last_error.text
								      : "it failed",
						conn->last_error.hint));
	}
}

/* ---------------------------------------------------------------- operations */

static void refuse_unknown(struct client *cl, const char *name)
{
	struct gateway *g = client_gateway(cl);
	_cleanup_strbuf_ struct cg_strbuf hint = {0};
	const struct cg_connection *cfg = cg_config_find(g->config, name);
	_cleanup_free_ char *error = NULL;

	if (cfg && !cfg->enabled) {
		error = str_printf("connection '%s' is disabled", name);
		client_answer(
			cl,
			control_error(
				error ? error : "it is disabled",
				"set 'enabled: true' in the configuration, and 'certgate reload'"));
		return;
	}
	error = str_printf("there is no connection '%s'", name);
	strbuf_add(&hint, g->n_conns > 0 ? "there are: " : "there is none");
	for (size_t i = 0; i < g->n_conns && i < 20; i++)
		strbuf_addf(&hint, "%s%s", i > 0 ? ", " : "", g->conns[i]->cfg->name);
	client_answer(cl, control_error(error ? error : "there is no such connection", hint.s));
}

/* The connection that args name. false: refused. *ret is NULL if none is named and none need be. */
static bool get_conn(struct client *cl, json_t *args, bool must, struct conn **ret)
{
	json_t *name = json_object_get(args, "name");

	*ret = NULL;
	if (!name && !must)
		return true;
	if (!json_is_string(name)) {
		client_answer(cl,
			      control_error("the argument 'name' is missing, or no string", NULL));
		return false;
	}
	*ret = conn_find_name(client_gateway(cl), json_string_value(name));
	if (!*ret)
		refuse_unknown(cl, json_string_value(name));
	return *ret != NULL;
}

static void op_version(struct client *cl, json_t *args _unused_)
{
	client_answer(cl, control_result(json_pack("{s:s, s:i}", "version", CERTGATE_VERSION, "pid",
						   (int)getpid())));
}

static void answer_or_oom(struct client *cl, json_t *result)
{
	client_answer(cl, result ? control_result(result) : control_error("out of memory", NULL));
}

static void on_status(void *ctx, const struct ike_snapshot *s)
{
	answer_or_oom(ctx, status_json(client_gateway(ctx), s, client_subject(ctx)));
}

static void on_sa(void *ctx, const struct ike_snapshot *s)
{
	answer_or_oom(ctx, sa_json(client_gateway(ctx), s, client_subject(ctx)));
}

static void on_explain(void *ctx, const struct ike_snapshot *s)
{
	const struct conn *c = client_subject(ctx);

	if (c)
		answer_or_oom(ctx, explain_json(c, s));
	else
		client_answer(ctx, control_error("the connection is gone",
						 "a reload took it out of the configuration"));
}

static void ask(struct client *cl, json_t *args, bool must, snapshot_fn fn)
{
	struct conn *c;

	if (!get_conn(cl, args, must, &c))
		return;
	client_set_subject(cl, c);
	if (snapshot_get(client_gateway(cl), fn, cl) < 0)
		client_answer(cl, control_error("out of memory", NULL));
}

static void op_status(struct client *cl, json_t *args)
{
	json_t *name = json_object_get(args, "name");
	const struct cg_connection *cfg = json_is_string(name)
						  ? cg_config_find(client_gateway(cl)->config,
								   json_string_value(name))
						  : NULL;

	/* One that is disabled is known, and nothing runs for it. */
	if (cfg && !cfg->enabled) {
		static const struct ike_snapshot nothing;
		json_t *all = status_json(client_gateway(cl), &nothing, NULL), *list, *o;
		size_t i;

		list = json_array();
		json_array_foreach(json_object_get(all, "connections"), i, o) {
			if (streq_ptr(json_string_value(json_object_get(o, "name")), cfg->name))
				(void)json_array_append(list, o);
		}
		(void)json_object_set_new(all, "connections", list);
		answer_or_oom(cl, all);
		return;
	}
	/* Whoever has just turned it on sees that. */
	forwarding_tick(client_gateway(cl));
	ask(cl, args, false, on_status);
}

static void op_sa(struct client *cl, json_t *args)
{
	ask(cl, args, false, on_sa);
}

static void op_explain(struct client *cl, json_t *args)
{
	ask(cl, args, true, on_explain);
}

static void op_monitor(struct client *cl, json_t *args)
{
	struct conn *c;

	if (!get_conn(cl, args, false, &c))
		return;
	client_answer(cl, control_result(json_object()));
	client_monitor(cl, c ? c->cfg->name : NULL);
}

static void op_up(struct client *cl, json_t *args)
{
	json_t *wait = json_object_get(args, "wait");
	json_int_t seconds = WAIT_DEFAULT_SECONDS;
	struct conn *c;
	bool goes;

	if (wait && (!json_is_integer(wait) || json_integer_value(wait) < 0 ||
		     json_integer_value(wait) > WAIT_MAX_SECONDS)) {
		client_answer(
			cl,
			control_error("the argument 'wait' is not a number of seconds up to 3600",
				      NULL));
		return;
	}
	if (wait)
		seconds = json_integer_value(wait);
	if (!get_conn(cl, args, true, &c))
		return;
	if (conn_is_refused(c)) {
		client_answer(cl, control_error(c->refusal, c->refusal_hint));
		return;
	}
	/* What is still up of one that was taken down is about to go. */
	goes = c->down;
	c->down = false;
	c->up = true;
	if (!goes && conn_children_up(c) == c->cfg->n_children) {
		conn_command(c, MSG_CONN_UP);
		answer_state(cl, c->cfg->name, "up");
		return;
	}
	if (c->cfg->start == CG_START_ON_TRAFFIC)
		routes_add(c);
	/* The waiter first: the attempt may fail before the next line. */
	if (seconds > 0 && !wait_for(cl, WAIT_UP, c, (unsigned int)seconds)) {
		client_answer(cl, control_error("out of memory", NULL));
		return;
	}
	conn_command(c, MSG_CONN_UP);
	if (seconds == 0)
		answer_state(cl, c->cfg->name, "connecting");
}

static void op_down(struct client *cl, json_t *args)
{
	struct conn *c;

	if (!get_conn(cl, args, true, &c))
		return;
	c->down = true;
	c->up = false;
	conn_command(c, MSG_CONN_DOWN);
	if (conn_children_up(c) == 0) {
		conn_is_down(c);
		answer_state(cl, c->cfg->name, "down");
		return;
	}
	if (!wait_for(cl, WAIT_DOWN, c, DOWN_SECONDS))
		client_answer(cl, control_error("out of memory", NULL));
}

/* The last answer of this process: the end of the connection follows, and then another process. */
static void on_restarting(void *ctx, int error, const char *why)
{
	struct waiter *w = ctx;
	struct client *cl = w->client;
	json_t *result = TAKE_PTR(w->result);

	waiter_free(w);
	if (!cl || error < 0)
		json_decref(result);
	if (!cl)
		return;
	if (error < 0)
		client_answer(cl, control_error(why, "'journalctl -u certgated' has more; the "
						     "tunnels go on"));
	else
		answer_or_oom(cl, result);
}

static void on_restart_now(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	struct waiter *w = userdata;
	int r = restart_start(w->g, on_restarting, w);

	if (r < 0)
		on_restarting(w, r,
			      r == -EBUSY
				      ? "the daemon has not started yet, or loads a configuration"
				      : strerror(-r));
}

static void on_reloaded(void *ctx, int error, const struct cg_diags *diags, json_t *result)
{
	struct waiter *w = ctx;
	struct client *cl = w->client;
	json_t *findings, *refusal;

	gateway_loaded(w->g, error, diags);
	if (error >= 0 && w->what == WAIT_RESTART) {
		w->result = result;
		/* The load is at its end, but still on the stack. */
		w->timer = evtimer_new(w->g->base, on_restart_now, w);
		if (w->timer)
			(void)event_add(w->timer, &(struct timeval){0});
		else
			on_restarting(w, -ENOMEM, "out of memory");
		return;
	}
	waiter_free(w);
	if (!cl) {
		json_decref(result);
		return;
	}
	if (error >= 0) {
		answer_or_oom(cl, result);
		return;
	}
	refusal = control_error(error == -EINVAL
					? "the configuration has errors: nothing was changed"
					: strerror(-error),
				"'certgate check' shows them");
	findings = cg_diags_to_json(diags);
	if (refusal && findings)
		(void)json_object_set_new(refusal, "findings", findings);
	client_answer(cl, refusal);
}

static void load_for(struct client *cl, enum wait_for what)
{
	struct waiter *w = wait_for(cl, what, NULL, 0);
	int r;

	if (!w) {
		client_answer(cl, control_error("out of memory", NULL));
		return;
	}
	r = load_start(client_gateway(cl), true, on_reloaded, w);
	if (r < 0) {
		waiter_free(w);
		client_answer(cl,
			      control_error(r == -EBUSY ? "another configuration is being loaded"
							: strerror(-r),
					    r == -EBUSY ? "try again in a moment" : NULL));
	}
}

static void op_reload(struct client *cl, json_t *args _unused_)
{
	load_for(cl, WAIT_RELOAD);
}

/*
 * What the next process reads is put in force by this one first: an error is found while there is a way back, and connections that are gone
 * are closed by those who can.
 */
static void op_restart(struct client *cl, json_t *args _unused_)
{
	load_for(cl, WAIT_RESTART);
}

/* ---------------------------------------------------------------- revocation */

/* `fingerprint`: 64 hexadecimal digits. false: refused. */
static bool get_fingerprint(struct client *cl, const json_t *args, uint8_t ret[PKI_SHA256_SIZE])
{
	const char *text = json_string_value(json_object_get(args, "fingerprint"));
	size_t n = 0;

	if (text && hex_decode(text, strlen(text), ret, PKI_SHA256_SIZE, &n) >= 0 &&
	    n == PKI_SHA256_SIZE)
		return true;
	client_answer(cl, control_error("the argument 'fingerprint' is not a SHA-256 of 64 "
					"hexadecimal digits",
					"'certgate cert fingerprint FILE' prints it"));
	return false;
}

/* An argument for people: short, without control characters. "" if it is not there. */
static void get_text(const json_t *args, const char *key, char *out, size_t size)
{
	const char *s = json_string_value(json_object_get(args, key));

	(void)snprintf(out, size, "%.*s", (int)size - 1, s ? s : "");
	pki_printable(out);
}

static void op_revoke(struct client *cl, json_t *args)
{
	char subject[PKI_TEXT_MAX], reason[128], who[CLIENT_TEXT];
	uint8_t hash[PKI_SHA256_SIZE];
	json_t *answer;

	if (!get_fingerprint(cl, args, hash))
		return;
	get_text(args, "subject", subject, sizeof(subject));
	get_text(args, "reason", reason, sizeof(reason));
	answer = revoke_by_hand(client_gateway(cl), hash, subject, reason, client_who(cl, who));
	client_answer(cl, answer ? answer : control_error("out of memory", NULL));
}

static void op_unrevoke(struct client *cl, json_t *args)
{
	uint8_t hash[PKI_SHA256_SIZE];
	char who[CLIENT_TEXT];
	json_t *answer;

	if (!get_fingerprint(cl, args, hash))
		return;
	answer = unrevoke_by_hand(client_gateway(cl), hash, client_who(cl, who));
	client_answer(cl, answer ? answer : control_error("out of memory", NULL));
}

static void op_revocations(struct client *cl, json_t *args _unused_)
{
	answer_or_oom(cl, revoke_list_json(client_gateway(cl)));
}

/* `on`: true for ten minutes, false for an end before that. */
static void op_keylog(struct client *cl, json_t *args)
{
	const json_t *on = json_object_get(args, "on");
	char who[CLIENT_TEXT];
	json_t *answer;
	struct conn *c;

	if (!get_conn(cl, args, true, &c))
		return;
	if (!json_is_boolean(on)) {
		client_answer(cl,
			      control_error("the argument 'on' is missing, or no boolean", NULL));
		return;
	}
	answer = json_is_true(on) ? key_log_on(c, client_who(cl, who))
				  : key_log_off(c, client_who(cl, who));
	client_answer(cl, answer ? answer : control_error("out of memory", NULL));
}

static void op_stop(struct client *cl, json_t *args _unused_)
{
	struct gateway *g = client_gateway(cl);

	client_answer(cl, control_result(json_object()));
	gateway_stop(g);
}

static const struct {
	const char *name;
	void (*handle)(struct client *cl, json_t *args);
} operations[] = {
#define OPERATION(name, role) {#name, op_##name},
	ACCESS_TABLE(OPERATION)
#undef OPERATION
};

void ops_handle(struct client *cl, const char *op, json_t *args)
{
	_cleanup_free_ char *error = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		if (!streq(operations[i].name, op))
			continue;
		if (client_gateway(cl)->restart) {
			client_answer(cl, control_error("the daemon is being restarted",
							"ask again in a moment"));
			return;
		}
		if (client_may(cl, op, json_string_value(json_object_get(args, "name"))))
			operations[i].handle(cl, args);
		return;
	}
	error = str_printf("there is no operation '%s'", op);
	client_answer(cl, control_error(error, "are certgate and certgated of the same version?"));
}
