// SPDX-License-Identifier: Apache-2.0
/*
 * A verdict that waits for news, in the process `verify`: it comes with them, without them when the time that was set is over, and for no more peers
 * at a time than there is room for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "daemon/judge.h"
#include "daemon/proto_auth.h"
#include "daemon/proto_revocation.h"
#include "daemon/role.h"
#include "daemon/sealed.h"
#include "daemon/worker.h"

enum { PEERS_THAT_WAIT = 64, WAIT_SECONDS = 1 };

static struct world {
	void (*scenario)(struct worker *w);
	struct event_base *base;
	struct channel *ends[4]; /* of main and of ike: the process's, and ours */
	struct ike_nonce nonces[PROTO_NONCES_MAX];
	size_t n_nonces, n_used;
	unsigned int judged, waited, verdicts, bindings;
	uint64_t last_request, last_binding;
	bool news_are_there, admits, has_path;
	int error; /* of the last verdict */
	struct proto_news_taken taken;
} w;

/* ---------------------------------------------------------------- what is there in the place of others */

static struct proto_news the_list(void)
{
	static const uint8_t der[20] = {0x30};
	struct proto_news n = {
		.kind = NEWS_CRL, .cert = {der, sizeof(der)}, .issuer = {der, sizeof(der)}};

	(void)snprintf(n.url, sizeof(n.url), "http://crl.example/x");
	return n;
}

/* One who must know whether the peer is revoked, which that list says. */
int judge(const struct trust_table *t _unused_, const struct ike_out_verify *v _unused_,
	  const struct judge_by *by, int64_t now _unused_, struct ike_verify_answer *ret_answer,
	  struct proto_binding *ret_binding, struct judged *ret_judged)
{
	static struct pki_cert leaf = {.der = (uint8_t *)"a leaf", .der_len = 6};
	const struct proto_news n = the_list();
	uint8_t key[PKI_SHA256_SIZE];

	w.judged++;
	if (by->may_wait && !w.news_are_there) {
		w.waited++;
		assert_int_equal(proto_news_key(&n, key), 0);
		memcpy(&ret_judged->keys.list[0], key, sizeof(ret_judged->keys.list[0]));
		ret_judged->keys.n = 1;
		return -EAGAIN;
	}
	if (w.admits) {
		*ret_binding = (struct proto_binding){.connection = 1};
		ret_binding->binding.n_links = 1;
		ret_binding->binding.not_after = 1;
		ret_binding->binding.links[0].cert[0] = ret_binding->binding.links[0].spki[0] = 1;
		(void)snprintf(ret_binding->binding.subject, sizeof(ret_binding->binding.subject),
			       "CN=peer");
		ret_judged->path[0] = &leaf;
		ret_judged->n_path = w.has_path;
		return 0;
	}
	ret_answer->error = -EACCES;
	(void)snprintf(ret_answer->code, sizeof(ret_answer->code), "revocation-unknown");
	return -EACCES;
}

void judged_done(struct judged *j _unused_)
{
}

void judge_describe_revoked(uint32_t connection _unused_, const struct pki_cert *cert _unused_,
			    const struct pki_cert_status *status _unused_,
			    struct proto_seen_revoked *ret _unused_)
{
}

static void on_taken(void *ctx, struct channel *c)
{
	const struct worker *worker = ctx;

	if (c == worker->main && worker->ops->taken)
		worker->ops->taken(worker->ctx, c);
}

static int on_process_end(void *ctx _unused_, struct channel *c _unused_,
			  enum msg_type type _unused_, struct msg_reader *r _unused_,
			  int *fd _unused_)
{
	return -EOPNOTSUPP;
}

/* What comes from the process. */
static int on_our_end(void *ctx _unused_, struct channel *c _unused_, enum msg_type type,
		      struct msg_reader *r, int *fd _unused_)
{
	static struct ike_verify_answer answer;
	static struct proto_path_judged judged;
	static struct proto_path_state state;
	static struct proto_binding binding;

	if (type == MSG_NONCES)
		w.n_nonces = proto_get_nonces(r, w.nonces);
	else if (type == MSG_VERDICT) {
		proto_get_verdict(r, &w.last_request, &answer);
		w.error = answer.error;
		assert_int_equal(answer.error, !w.admits ? -EACCES : w.has_path ? 0 : -ENOMEM);
		w.verdicts++;
		if (answer.error < 0)
			return 0;
		/* As main does when ike names it. */
		channel_drain(w.ends[1]);
		assert_int_equal(w.last_binding, answer.binding);
	} else if (type == MSG_BINDING) {
		proto_get_binding(r, &binding);
		proto_get_path_state(r, &state);
		assert_true(msg_done(r));
		assert_true(state.handle == binding.handle);
		w.last_binding = binding.handle;
		w.bindings++;
	} else if (type == MSG_PATH_JUDGED) {
		proto_get_path_judged(r, &judged);
	} else {
		assert_int_equal(type, MSG_NEWS_TAKEN);
		proto_get_news_taken(r, &w.taken);
	}
	return 0;
}

static void on_closed(void *ctx _unused_, struct channel *c _unused_)
{
}

static void on_violation(void *ctx _unused_, struct channel *c _unused_, const char *text)
{
	fail_msg("%s", text);
}

static void connect_to(struct worker *worker, enum role role, struct channel **ret_theirs,
		       struct channel **ret_ours)
{
	static const struct channel_ops theirs = {.message = on_process_end,
						  .closed = on_closed,
						  .violation = on_violation,
						  .taken = on_taken},
					ours = {.message = on_our_end,
						.closed = on_closed,
						.violation = on_violation};
	int pair[2];

	assert_int_equal(channel_pair(pair), 0);
	assert_int_equal(channel_new(worker->base, pair[0], ROLE_VERIFY, role, 0, &theirs, worker,
				     ret_theirs),
			 0);
	assert_int_equal(
		channel_new(worker->base, pair[1], role, ROLE_VERIFY, 0, &ours, NULL, ret_ours), 0);
}

int worker_begin(struct worker *worker, const struct options *o _unused_,
		 const struct worker_ops *ops, void *ctx)
{
	*worker = (struct worker){.role = ROLE_VERIFY, .ops = ops, .ctx = ctx};
	worker->base = event_base_new();
	assert_non_null(worker->base);
	w.base = worker->base;
	connect_to(worker, ROLE_MAIN, &w.ends[0], &w.ends[1]);
	connect_to(worker, ROLE_IKE, &w.ends[2], &w.ends[3]);
	worker->main = w.ends[0];
	worker->neighbours[0] = w.ends[2];
	return 0;
}

/* Instead of serving until the end. */
int worker_run(struct worker *worker, const struct options *o _unused_)
{
	w.scenario(worker);
	return EXIT_SUCCESS;
}

struct channel *worker_neighbour(const struct worker *worker, enum role role _unused_,
				 unsigned int index _unused_)
{
	return worker->neighbours[0];
}

/* ---------------------------------------------------------------- a scenario */

/* A message from main, or from ike. There is one buffer to write messages in, which the process needs. */
static void tell(struct worker *worker, struct channel *c, struct msg_writer *m, int fd)
{
	size_t len = m->len;
	uint8_t *copy = malloc(len);
	enum msg_type type;
	struct msg_reader r;

	assert_non_null(copy);
	memcpy(copy, m->buf, len);
	msg_end(m);
	assert_int_equal(msg_open(copy, len, &type, &r), 0);
	assert_int_equal(worker->ops->message(worker->ctx, c, type, &r, &fd), 0);
	free(copy);
}

static void run_for(struct worker *worker, unsigned int ms)
{
	const usec_t until = now_boottime() + ms * USEC_PER_MSEC;

	do {
		(void)event_base_loop(worker->base, EVLOOP_NONBLOCK);
		(void)usleep(2000);
	} while (now_boottime() < until);
}

static void prepare(struct worker *worker)
{
	struct msg_writer m;

	msg_begin(&m, MSG_NEWS_SETUP);
	msg_put_u32(&m, WAIT_SECONDS);
	tell(worker, worker->main, &m, -EBADF);
	msg_begin(&m, MSG_NONCES_GET);
	proto_put_nonces_get(&m, PROTO_NONCES_MAX);
	tell(worker, worker->neighbours[0], &m, -EBADF);
	run_for(worker, 1);
	assert_int_equal(w.n_nonces, PROTO_NONCES_MAX);
}

static void peer_comes(struct worker *worker, uint64_t request)
{
	static const uint8_t bytes[64] = {1};
	const struct ike_nonce *nonce;
	struct ike_out_verify v = {.request = request,
				   .init_message = {bytes, sizeof(bytes)},
				   .sk_p = {bytes, 32},
				   .id_body = {bytes, 8}};
	struct msg_writer m;

	if (w.n_used == w.n_nonces) {
		msg_begin(&m, MSG_NONCES_GET);
		proto_put_nonces_get(&m, PROTO_NONCES_MAX);
		tell(worker, worker->neighbours[0], &m, -EBADF);
		run_for(worker, 1);
		w.n_used = 0;
	}
	nonce = &w.nonces[w.n_used++];
	v.nonce_token = nonce->token;
	v.nonce = (struct ike_blob){nonce->data, IKE_NONCE_SIZE};
	msg_begin(&m, MSG_VERIFY);
	proto_put_verify(&m, &v);
	tell(worker, worker->neighbours[0], &m, -EBADF);
}

static void waits_in_vain(struct worker *worker)
{
	usec_t begun = now_boottime();

	prepare(worker);
	peer_comes(worker, 77);
	run_for(worker, WAIT_SECONDS * 1000 - 300);
	assert_int_equal(w.verdicts, 0);
	while (w.verdicts == 0 && now_boottime() - begun < 5 * USEC_PER_SEC)
		run_for(worker, 10);
	assert_int_equal(w.verdicts, 1);
	assert_int_equal(w.last_request, 77);
	assert_true(now_boottime() - begun >= WAIT_SECONDS * USEC_PER_SEC * 9 / 10);
	assert_true(now_boottime() - begun < (WAIT_SECONDS + 1) * USEC_PER_SEC);
	/* Once asked to wait, once not. */
	assert_int_equal(w.judged, 2);
	assert_int_equal(w.waited, 1);
}

static void news_come(struct worker *worker)
{
	const struct proto_news n = the_list();
	struct msg_writer m;
	int fd;

	prepare(worker);
	peer_comes(worker, 78);
	run_for(worker, 20);
	assert_int_equal(w.verdicts, 0);
	w.news_are_there = true;
	assert_int_equal(sealed_new("news", "no list, but news", 17, &fd), 0);
	msg_begin(&m, MSG_NEWS);
	proto_put_news_sent(&m, &n, 0x1122334455, false);
	tell(worker, worker->main, &m, fd);
	(void)close(fd);
	run_for(worker, 20);
	/* Main is told what became of these, and of no others. */
	assert_int_equal(w.taken.serial, 0x1122334455);
	assert_false(w.taken.taken);
	assert_int_equal(w.verdicts, 1);
	assert_int_equal(w.last_request, 78);
	/* Its time does not end another time. */
	run_for(worker, WAIT_SECONDS * 1000 + 200);
	assert_int_equal(w.verdicts, 1);
}

static void too_many_wait(struct worker *worker)
{
	prepare(worker);
	for (unsigned int i = 0; i < PEERS_THAT_WAIT; i++)
		peer_comes(worker, 100 + i);
	run_for(worker, 20);
	assert_int_equal(w.verdicts, 0);
	/* Judged by what is there, and at once. */
	peer_comes(worker, 1000);
	run_for(worker, 20);
	assert_int_equal(w.verdicts, 1);
	assert_int_equal(w.last_request, 1000);
	assert_int_equal(w.waited, PEERS_THAT_WAIT);
	run_for(worker, WAIT_SECONDS * 1000 + 200);
	assert_int_equal(w.verdicts, 1 + PEERS_THAT_WAIT);
	/* And there is room again. */
	peer_comes(worker, 1001);
	run_for(worker, 20);
	assert_int_equal(w.waited, PEERS_THAT_WAIT + 1);
}

static void ike_ends(struct worker *worker)
{
	prepare(worker);
	peer_comes(worker, 79);
	worker->ops->detached(worker->ctx, worker->neighbours[0]);
	run_for(worker, WAIT_SECONDS * 1000 + 200);
	assert_int_equal(w.verdicts, 0);
	assert_int_equal(w.judged, 1);
}

/* There is no path that could be kept. Main hears of no binding: on_our_end() knows none. */
static void cannot_be_watched(struct worker *worker)
{
	w.admits = w.news_are_there = true;
	prepare(worker);
	peer_comes(worker, 80);
	run_for(worker, 20);
	assert_int_equal(w.verdicts, 1);
	assert_int_equal(w.last_request, 80);
	assert_int_equal(w.error, -ENOMEM);
}

/* It has looked at the paths of all tunnels, and main has yet to read what became of them: more than the socket holds. */
static void peer_comes_behind_many_paths(struct worker *worker, uint64_t request)
{
	const struct proto_path_judged p = {.handle = 1, .admitted = true};

	w.admits = w.news_are_there = w.has_path = true;
	prepare(worker);
	while (channel_flushed(worker->main))
		assert_int_equal(
			channel_tell(worker->main, MSG_PATH_JUDGED, proto_put_path_judged, &p), 0);
	peer_comes(worker, request);
}

static void main_is_behind(struct worker *worker)
{
	peer_comes_behind_many_paths(worker, 81);
	run_for(worker, 100);
	assert_int_equal(w.verdicts, 1);
	assert_int_equal(w.last_request, 81);
	assert_int_equal(w.bindings, 1);
	/* With nothing in its way the next one is there at once. */
	peer_comes(worker, 82);
	run_for(worker, 20);
	assert_int_equal(w.verdicts, 2);
	assert_int_equal(w.bindings, 2);
}

static void ike_ends_meanwhile(struct worker *worker)
{
	peer_comes_behind_many_paths(worker, 83);
	worker->ops->detached(worker->ctx, worker->neighbours[0]);
	run_for(worker, 100);
	assert_int_equal(w.bindings, 1);
	assert_int_equal(w.verdicts, 0);
}

static void run(void (*scenario)(struct worker *w))
{
	static const struct options o;

	memset(&w, 0, sizeof(w));
	w.scenario = scenario;
	assert_int_equal(role_verify(&o), EXIT_SUCCESS);
	for (size_t i = 0; i < ARRAY_SIZE(w.ends); i++)
		(void)channel_free(w.ends[i]);
	event_base_free(w.base);
}

static void without_news_it_comes_when_the_time_is_over(void **state _unused_)
{
	run(waits_in_vain);
}

static void with_news_it_comes_at_once(void **state _unused_)
{
	run(news_come);
}

static void only_so_many_wait_and_others_do_not(void **state _unused_)
{
	run(too_many_wait);
}

static void nobody_waits_for_an_ike_that_ended(void **state _unused_)
{
	run(ike_ends);
}

static void who_cannot_be_watched_is_not_let_in(void **state _unused_)
{
	run(cannot_be_watched);
}

static void ike_hears_of_no_binding_that_main_could_not(void **state _unused_)
{
	run(main_is_behind);
}

static void nor_does_another_ike(void **state _unused_)
{
	run(ike_ends_meanwhile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_news_it_comes_when_the_time_is_over),
		cmocka_unit_test(with_news_it_comes_at_once),
		cmocka_unit_test(only_so_many_wait_and_others_do_not),
		cmocka_unit_test(nobody_waits_for_an_ike_that_ended),
		cmocka_unit_test(who_cannot_be_watched_is_not_let_in),
		cmocka_unit_test(ike_hears_of_no_binding_that_main_could_not),
		cmocka_unit_test(nor_does_another_ike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
