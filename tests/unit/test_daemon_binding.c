// SPDX-License-Identifier: Apache-2.0
/* Bindings whose peer was let in by rules that a reload has changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "daemon/binding.h"
#include "daemon/channel.h"
#include "daemon/check.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/proc.h"
#include "daemon/proto_auth.h"
#include "daemon/proto_revocation.h"
#include "daemon/restart_state.h"
#include "daemon/table.h"
#include "daemon/tunnel.h"

enum { HANDLE = 9 };
static const usec_t GRACE = BINDING_OUTDATED_SECONDS * USEC_PER_SEC;

struct world {
	struct gateway g;
	struct cg_connection cfg;
	struct conn c;
	struct binding *b;
};

/* Workers; the first one has the binding's path. */
static struct proc verify[2];

/* A binding that was earned by `earned`, of a connection that is judged by `now`. */
static void set_up(struct world *w, uint8_t earned, uint8_t now)
{
	static struct proto_binding p;

	memset(w, 0, sizeof(*w));
	for (unsigned int i = 0; i < ARRAY_SIZE(verify); i++)
		verify[i] = (struct proc){.role = ROLE_VERIFY, .index = i};
	w->g.procs = verify;
	w->g.n_procs = ARRAY_SIZE(verify);
	w->cfg.name = (char *)"branch";
	w->c.g = &w->g;
	w->c.id = 1;
	w->c.cfg = &w->cfg;
	memset(w->c.trust_digest, now, sizeof(w->c.trust_digest));
	conn_list(&w->c);
	p = (struct proto_binding){.handle = HANDLE, .connection = 1};
	p.binding.n_links = 1;
	memset(p.trust, earned, sizeof(p.trust));
	binding_new(&w->g, &verify[0], &p);
	w->b = binding_find(&w->g, HANDLE);
	assert_non_null(w->b);
	/* There is no module here that could take it. */
	assert_true(w->b->dead);
	w->b->dead = false;
}

static void tear_down(struct world *w)
{
	bindings_free(&w->g);
	conn_unlist(&w->c);
	history_done(&w->c.history);
	free(w->c.last_error.code);
	table_done(&w->g.bindings_by_handle);
	table_done(&w->g.bindings_by_kernel);
}

static void by_rules_in_force_it_stays(void **state _unused_)
{
	struct world w;

	set_up(&w, 1, 1);
	bindings_compare(&w.c);
	bindings_tick(&w.g, now_boottime() + 2 * GRACE);
	assert_false(w.b->dead);
	tear_down(&w);
}

static void after_a_change_it_ends_in_time(void **state _unused_)
{
	struct world w;
	usec_t changed;

	set_up(&w, 1, 1);
	memset(w.c.trust_digest, 2, sizeof(w.c.trust_digest));
	changed = now_boottime();
	bindings_compare(&w.c);
	bindings_tick(&w.g, changed + GRACE);
	assert_false(w.b->dead);
	/* Another reload does not begin the time anew. */
	memset(w.c.trust_digest, 3, sizeof(w.c.trust_digest));
	w.b->outdated -= USEC_PER_SEC;
	bindings_compare(&w.c);
	bindings_tick(&w.g, changed + GRACE);
	assert_true(w.b->dead);
	assert_non_null(strstr(w.b->why, "not let in again"));
	tear_down(&w);
}

static struct proto_path_judged judged_by(uint8_t rules, bool admitted)
{
	struct proto_path_judged p = {
		.handle = HANDLE, .admitted = admitted, .text = "nothing leads to an anchor"};

	memset(p.trust, rules, sizeof(p.trust));
	return p;
}

/* Who may not begin waits for who would be let in, and for nobody else. */
static void where_only_the_peer_may_begin_its_path_decides(void **state _unused_)
{
	const usec_t unseen = (BINDING_UNSEEN_SECONDS + 1) * USEC_PER_SEC;
	struct proto_path_judged other = judged_by(3, true), good = judged_by(2, true),
				 bad = judged_by(2, false);
	struct world w;

	for (unsigned int i = 0; i < 4; i++) {
		set_up(&w, 1, 1);
		w.cfg.mode = i == 3 ? CG_MODE_DEFAULT : CG_MODE_RESPONDER_ONLY;
		memset(w.c.trust_digest, 2, sizeof(w.c.trust_digest));
		bindings_compare(&w.c);
		/* Of other rules than those in force nothing is to be learnt. */
		binding_path_judged(&w.g, &verify[0], &other);
		if (i == 1)
			binding_path_judged(&w.g, &verify[0], &good);
		else if (i > 1)
			binding_path_judged(&w.g, &verify[0], &bad);
		assert_true(w.b->dead == (i == 2));
		if (i == 2)
			assert_non_null(strstr(w.b->why, "nothing leads to an anchor"));
		bindings_tick(&w.g, now_boottime() + unseen);
		assert_true(w.b->dead == (i == 0 || i == 2));
		bindings_tick(&w.g, now_boottime() + GRACE + USEC_PER_SEC);
		assert_true(w.b->dead);
		tear_down(&w);
	}
}

/* Thousands of paths are to be looked at: one whose turn has not come in five seconds is not one that nobody can say anything of. */
static void a_worker_that_gets_on_with_others_is_waited_for(void **state _unused_)
{
	struct proto_path_judged of_another = judged_by(2, true);
	struct world w;
	usec_t now = 0;

	of_another.handle = HANDLE + 1;
	for (unsigned int worker = 0; worker < 2; worker++) {
		set_up(&w, 1, 1);
		w.cfg.mode = CG_MODE_RESPONDER_ONLY;
		memset(w.c.trust_digest, 2, sizeof(w.c.trust_digest));
		bindings_compare(&w.c);
		/* Most of its time is over. */
		w.b->outdated -= (BINDING_UNSEEN_SECONDS - 1) * USEC_PER_SEC;
		for (unsigned int i = 0; i < 3 && !w.b->dead; i++) {
			binding_path_judged(&w.g, &verify[worker], &of_another);
			now = now_boottime();
			bindings_tick(&w.g, now + 2 * USEC_PER_SEC);
			/* What others do says nothing of the worker that has its path. */
			assert_true(w.b->dead == (worker == 1));
			/* So much later. */
			w.b->outdated -= 4 * USEC_PER_SEC;
		}
		bindings_tick(&w.g, now + (BINDING_UNSEEN_SECONDS + 1) * USEC_PER_SEC);
		assert_true(w.b->dead);
		tear_down(&w);
	}
	/* Not for ever. */
	set_up(&w, 1, 1);
	w.cfg.mode = CG_MODE_RESPONDER_ONLY;
	memset(w.c.trust_digest, 2, sizeof(w.c.trust_digest));
	bindings_compare(&w.c);
	w.b->outdated -= GRACE;
	binding_path_judged(&w.g, &verify[0], &of_another);
	bindings_tick(&w.g, now_boottime() + USEC_PER_SEC);
	assert_true(w.b->dead);
	tear_down(&w);
}

/* Nobody is let in by one that is refused, and nothing else is told; one whose certificate is awaited lets in once that is there. */
static void a_connection_that_is_refused_admits_nobody(void **state _unused_)
{
	static struct proto_binding p;
	struct world w;

	set_up(&w, 1, 1);
	p = (struct proto_binding){.handle = HANDLE + 1, .connection = 1};
	w.c.refusal = (char *)"expired";
	history_done(&w.c.history);
	memset(&w.c.history, 0, sizeof(w.c.history));
	binding_new(&w.g, &verify[0], &p);
	assert_null(binding_find(&w.g, HANDLE + 1));
	assert_int_equal(w.c.history.n, 0);
	w.c.refusal = NULL;
	binding_new(&w.g, &verify[0], &p);
	assert_non_null(binding_find(&w.g, HANDLE + 1));
	tear_down(&w);
}

/* How many lines the log gets while `handshakes` peers come to a connection that lets nobody in. */
static size_t logged(struct world *w, unsigned int handshakes)
{
	static struct proto_binding p;
	int saved = dup(STDERR_FILENO), fd = memfd_create("log", MFD_CLOEXEC);
	size_t n = 0, len;
	char *text;

	assert_true(saved >= 0 && fd >= 0);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	for (unsigned int i = 0; i < handshakes; i++) {
		p = (struct proto_binding){.handle = HANDLE + 1 + i, .connection = 1};
		binding_new(&w->g, &verify[0], &p);
	}
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(file_read_fd(fd, 1024 * 1024, &text, &len), 0);
	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	free(text);
	(void)close(fd);
	return n;
}

/* Whoever has a peer's key may come as often as it likes. */
static void its_peers_do_not_fill_the_log(void **state _unused_)
{
	struct world w;
	size_t n;

	set_up(&w, 1, 1);
	w.c.refusal = (char *)"expired";
	n = logged(&w, 500);
	assert_in_range(n, 1, 20);
	w.c.refusal = NULL;
	tear_down(&w);
}

/* The gateway has an address, and the peer is known by a name, which leads to `where`. */
static void lead_to(struct world *w, struct cg_addr *leads_to, const char *where)
{
	static struct cg_addr listen;
	static struct cg_config config = {.gateway = {.listen = &listen, .n_listen = 1}};

	assert_int_equal(cg_addr_parse("198.51.100.2", &listen), 0);
	assert_int_equal(cg_addr_parse(where, leads_to), 0);
	w->g.config = &config;
	w->cfg.remote_kind = CG_REMOTE_NAME;
	w->c.resolved = leads_to;
	w->c.n_resolved = 1;
}

static bool may_be_at(const struct world *w, const char *where)
{
	struct cg_endpoint local = {}, remote = {};
	struct check_context ctx;
	char text[CHECK_TEXT];

	assert_int_equal(cg_addr_parse("198.51.100.2", &local.addr), 0);
	assert_int_equal(cg_addr_parse(where, &remote.addr), 0);
	conn_check_context(&w->c, &ctx);
	return check_endpoints(&ctx, &local, &remote, false, text) == 0;
}

/* The name of the peer leads elsewhere: where it was let in it may stay, also when its last Child SA there ended and is made anew. */
static void a_peer_may_stay_where_it_was_let_in(void **state _unused_)
{
	struct tunnel tunnel = {.children = 1};
	struct cg_addr leads_to, at;
	struct world w;

	set_up(&w, 1, 1);
	lead_to(&w, &leads_to, "203.0.113.2");
	assert_true(may_be_at(&w, "203.0.113.2"));
	assert_false(may_be_at(&w, "203.0.113.9"));
	child_restored(w.b, &tunnel,
		       &(struct state_child){
			       .number = 1, .sa_in = 3, .sa_out = 4, .remote = {.addr = leads_to}});
	assert_int_equal(cg_addr_parse("203.0.113.9", &leads_to), 0);
	assert_true(may_be_at(&w, "203.0.113.9"));
	assert_true(may_be_at(&w, "203.0.113.2"));
	child_del(&w.g, 1, false);
	assert_int_equal(w.b->children, 0);
	assert_true(may_be_at(&w, "203.0.113.2"));
	assert_false(may_be_at(&w, "203.0.113.3"));
	/* Without a Child SA ike says where it is: where the name leads, and nowhere else. */
	assert_int_equal(cg_addr_parse("203.0.113.3", &at), 0);
	binding_place(&w.g, HANDLE, &at);
	assert_false(may_be_at(&w, "203.0.113.3"));
	assert_true(may_be_at(&w, "203.0.113.2"));
	binding_place(&w.g, HANDLE, &leads_to);
	assert_int_equal(cg_addr_parse("203.0.113.10", &leads_to), 0);
	assert_true(may_be_at(&w, "203.0.113.9"));
	assert_false(may_be_at(&w, "203.0.113.2"));
	/* As long as it is let in. */
	w.b->dead = true;
	assert_false(may_be_at(&w, "203.0.113.9"));
	assert_true(may_be_at(&w, "203.0.113.10"));
	w.c.resolved = NULL;
	table_done(&w.g.children_by_number);
	table_done(&w.g.children_by_sa);
	tear_down(&w);
}

/* So it may after a planned restart, at which it had none. */
static void also_over_a_restart_without_a_child_sa(void **state _unused_)
{
	static struct state_binding s;
	struct cg_addr leads_to;
	struct binding *b;
	struct world w;

	set_up(&w, 1, 1);
	lead_to(&w, &leads_to, "203.0.113.9");
	s = (struct state_binding){.kernel_id = 3, .since = 99, .b = {.handle = HANDLE + 1}};
	memset(s.b.trust, 1, sizeof(s.b.trust));
	b = binding_restored(&w.c, &s, 1);
	assert_non_null(b);
	assert_false(may_be_at(&w, "203.0.113.2"));
	binding_release(&w.g, HANDLE + 1);
	assert_int_equal(cg_addr_parse("203.0.113.2", &s.place), 0);
	b = binding_restored(&w.c, &s, 1);
	assert_non_null(b);
	assert_int_equal(b->kernel_id, 3);
	assert_int_equal(b->since, 99);
	assert_int_equal(b->judge, 1);
	assert_true(may_be_at(&w, "203.0.113.2"));
	assert_true(may_be_at(&w, "203.0.113.9"));
	w.c.resolved = NULL;
	tear_down(&w);
}

static void a_change_taken_back_is_none(void **state _unused_)
{
	struct world w;

	set_up(&w, 1, 1);
	memset(w.c.trust_digest, 2, sizeof(w.c.trust_digest));
	bindings_compare(&w.c);
	memset(w.c.trust_digest, 1, sizeof(w.c.trust_digest));
	bindings_compare(&w.c);
	bindings_tick(&w.g, now_boottime() + 2 * GRACE);
	assert_false(w.b->dead);
	tear_down(&w);
}

static void a_verdict_that_crossed_the_change_counts_as_before_it(void **state _unused_)
{
	struct world w;

	set_up(&w, 1, 2);
	bindings_tick(&w.g, now_boottime() + GRACE + USEC_PER_SEC);
	assert_true(w.b->dead);
	tear_down(&w);
}

/* Verify says of the path that it is not known whether it is revoked, and that the grace is over, or not. */
static void unknown(struct world *w, bool overdue)
{
	static struct proto_path_state s;

	s = (struct proto_path_state){
		.handle = HANDLE, .checked_at = 1800000000, .n = 1, .overdue = overdue};
	s.certs[0].state = PKI_STATE_UNKNOWN;
	(void)snprintf(s.certs[0].text, sizeof(s.certs[0].text), "nobody answers");
	binding_path_state(&w->g, &s);
}

static void past_its_grace_who_must_know_ends_it(void **state _unused_)
{
	struct world w;

	set_up(&w, 1, 1);
	w.cfg.revocation = CG_REVOCATION_REQUIRED;
	unknown(&w, false);
	assert_false(w.b->dead);
	assert_int_equal(w.b->state->certs[0].state, PKI_STATE_UNKNOWN);
	unknown(&w, true);
	assert_true(w.b->dead);
	assert_string_equal(w.b->why,
			    "whether it is revoked is not known any more: nobody answers");
	tear_down(&w);
}

/* Whoever can keep a server from answering must not be able to end tunnels by it. */
static void who_need_not_know_keeps_it(void **state _unused_)
{
	static const enum cg_revocation modes[] = {CG_REVOCATION_WHEN_AVAILABLE, CG_REVOCATION_OFF};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct world w;

		set_up(&w, 1, 1);
		w.cfg.revocation = modes[i];
		unknown(&w, true);
		assert_false(w.b->dead);
		assert_string_equal(w.b->state->certs[0].text, "nobody answers");
		tear_down(&w);
	}
}

/* The first of its chain that ended: an intermediate here. */
static void what_has_expired_is_named(void **state _unused_)
{
	static struct proto_binding p;
	const struct history_entry *e;
	struct world w;

	set_up(&w, 1, 1);
	binding_facts_get(&w.b->b, &p);
	p.binding.n_links = 3;
	(void)snprintf(p.binding.subject, sizeof(p.binding.subject), "CN=peer");
	(void)snprintf(p.chain[1].subject, sizeof(p.chain[1].subject), "CN=Issuer,O=X");
	p.chain[0].not_after = 1800000100;
	p.chain[1].not_after = 1800000000;
	p.chain[2].not_after = 1900000000;
	free(w.b->b.room);
	assert_int_equal(binding_facts_set(&w.b->b, &p), 0);
	/* The module's refusal is there already. */
	assert_int_equal(w.c.history.n, 1);
	binding_expired(&w.g, w.b);
	assert_true(w.b->dead);
	assert_string_equal(w.b->why, "CN=Issuer,O=X has expired at 2027-01-15T08:00:00Z");
	assert_int_equal(w.c.history.n, 3);
	e = history_at(&w.c.history, 1);
	assert_string_equal(e->code, "certificate-expired");
	assert_non_null(strstr(e->text, "CN=Issuer,O=X"));
	assert_non_null(strstr(e->text, "CN=peer"));
	/* The failure that status shows has the name as well. */
	assert_string_equal(w.c.last_error.code, "binding-dead");
	assert_non_null(strstr(w.c.last_error.text, "CN=Issuer,O=X has expired at"));
	/* Once. */
	binding_expired(&w.g, w.b);
	assert_int_equal(w.c.history.n, 3);
	tear_down(&w);
}

/* What main keeps of a peer takes the room it needs, and a restart hands on all of it. */
static void the_facts_come_back_whole(void **state _unused_)
{
	static struct proto_binding p, got;
	struct binding_facts f;

	p = (struct proto_binding){.handle = HANDLE, .connection = 7};
	memset(p.trust, 5, sizeof(p.trust));
	p.binding.n_links = PKI_BINDING_LINKS_MAX;
	p.binding.not_before = 100;
	p.binding.not_after = 200;
	(void)snprintf(p.binding.subject, sizeof(p.binding.subject), "CN=peer");
	(void)snprintf(p.binding.label, sizeof(p.binding.label), "branch");
	(void)snprintf(p.identity, sizeof(p.identity), "fqdn:peer");
	for (size_t i = 0; i < PKI_BINDING_LINKS_MAX; i++) {
		memset(p.binding.links[i].cert, (int)i, sizeof(p.binding.links[i].cert));
		memset(p.binding.links[i].spki, (int)i + 100, sizeof(p.binding.links[i].spki));
		p.chain[i].not_after = 200 + (int64_t)i;
		memset(p.chain[i].subject, 'a' + (int)i, i * 30);
	}
	assert_int_equal(binding_facts_set(&f, &p), 0);
	memset(&got, 0xff, sizeof(got));
	binding_facts_get(&f, &got);
	assert_memory_equal(&got, &p, sizeof(p));
	free(f.room);
	p = (struct proto_binding){.handle = 1};
	assert_int_equal(binding_facts_set(&f, &p), 0);
	assert_string_equal(f.identity, "");
	free(f.room);
}

static void a_history_grows_to_its_limit_and_turns(void **state _unused_)
{
	struct world w;

	set_up(&w, 1, 1);
	history_done(&w.c.history);
	for (int i = 0; i < 3 * HISTORY_MAX / 2; i++) {
		history_note(&w.g, &w.c, IKE_INFO, "x", NULL, NULL, "%d", i);
		assert_int_equal(w.c.history.n, i < HISTORY_MAX ? i + 1 : HISTORY_MAX);
		assert_true(w.c.history.size < 2 * (size_t)i + 8);
		assert_int_equal(atoi(history_at(&w.c.history, w.c.history.n - 1)->text), i);
		assert_int_equal(atoi(history_at(&w.c.history, 0)->text),
				 i < HISTORY_MAX ? 0 : i + 1 - HISTORY_MAX);
	}
	assert_null(history_at(&w.c.history, HISTORY_MAX));
	tear_down(&w);
}

/* ---------------------------------------------------------------- ahead of ike */

static int on_verify(void *ctx, struct channel *c _unused_, enum msg_type type,
		     struct msg_reader *r, int *fd _unused_)
{
	static struct proto_path_judged judged;
	static struct proto_path_state state;
	static struct proto_binding p;
	struct proc *from = ctx;

	if (type == MSG_BINDING) {
		proto_get_binding(r, &p);
		proto_get_path_state(r, &state);
		assert_true(msg_done(r));
		assert_true(state.handle == p.handle);
		binding_new(from->g, from, &p);
		binding_path_state(from->g, &state);
	} else {
		proto_get_path_judged(r, &judged);
		assert_true(msg_done(r));
		binding_path_judged(from->g, from, &judged);
	}
	return 0;
}

static void put_binding_and_state(struct msg_writer *m, const struct proto_binding *p)
{
	const struct proto_path_state state = {.handle = p->handle, .checked_at = 77};

	proto_put_binding(m, p);
	proto_put_path_state(m, &state);
}

static void on_end(void *ctx _unused_, struct channel *c _unused_)
{
	fail();
}

static void on_violation(void *ctx _unused_, struct channel *c _unused_, const char *text _unused_)
{
	fail();
}

/* verify looks at all of its paths, as after a reload, and lets a peer in: ike names the binding before main has got through all of that. */
static void a_binding_is_found_behind_all_that_verify_said_before(void **state _unused_)
{
	static const struct channel_ops ops = {
		.message = on_verify, .closed = on_end, .violation = on_violation};
	static struct proto_binding p;
	struct event_base *base = event_base_new();
	struct proto_path_judged other = judged_by(1, true);
	struct channel *worker;
	struct world w;
	int pair[2];

	assert_non_null(base);
	set_up(&w, 1, 1);
	w.g.n_verifiers = 2;
	assert_int_equal(channel_pair(pair), 0);
	verify[1].g = &w.g;
	verify[1].ready = true;
	assert_int_equal(channel_new(base, pair[0], ROLE_MAIN, ROLE_VERIFY, 1, &ops, &verify[1],
				     &verify[1].channel),
			 0);
	assert_int_equal(channel_new(base, pair[1], ROLE_VERIFY, ROLE_MAIN, 0, &ops, NULL, &worker),
			 0);
	other.handle = HANDLE + 7;
	for (unsigned int i = 0; i < 300; i++)
		assert_int_equal(
			channel_tell(worker, MSG_PATH_JUDGED, proto_put_path_judged, &other), 0);
	p = (struct proto_binding){.handle = HANDLE + 1, .connection = 1};
	p.binding.n_links = 1;
	p.binding.not_after = 1;
	p.binding.links[0].cert[0] = p.binding.links[0].spki[0] = 1;
	(void)snprintf(p.binding.subject, sizeof(p.binding.subject), "CN=peer");
	assert_int_equal(channel_tell(worker, MSG_BINDING, put_binding_and_state, &p), 0);
	assert_true(channel_flushed(worker));
	assert_null(binding_find(&w.g, HANDLE + 1));
	assert_non_null(binding_named(&w.g, HANDLE + 1));
	/* With it came what is known of its path. */
	assert_non_null(binding_find(&w.g, HANDLE + 1)->state);
	assert_int_equal(binding_find(&w.g, HANDLE + 1)->state->checked_at, 77);
	/* One that nobody told of. */
	assert_null(binding_named(&w.g, HANDLE + 2));
	(void)channel_free(verify[1].channel);
	(void)channel_free(worker);
	tear_down(&w);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_rules_in_force_it_stays),
		cmocka_unit_test(after_a_change_it_ends_in_time),
		cmocka_unit_test(where_only_the_peer_may_begin_its_path_decides),
		cmocka_unit_test(a_worker_that_gets_on_with_others_is_waited_for),
		cmocka_unit_test(a_connection_that_is_refused_admits_nobody),
		cmocka_unit_test(its_peers_do_not_fill_the_log),
		cmocka_unit_test(a_peer_may_stay_where_it_was_let_in),
		cmocka_unit_test(also_over_a_restart_without_a_child_sa),
		cmocka_unit_test(a_change_taken_back_is_none),
		cmocka_unit_test(a_verdict_that_crossed_the_change_counts_as_before_it),
		cmocka_unit_test(past_its_grace_who_must_know_ends_it),
		cmocka_unit_test(who_need_not_know_keeps_it),
		cmocka_unit_test(what_has_expired_is_named),
		cmocka_unit_test(the_facts_come_back_whole),
		cmocka_unit_test(a_history_grows_to_its_limit_and_turns),
		cmocka_unit_test(a_binding_is_found_behind_all_that_verify_said_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
