// SPDX-License-Identifier: Apache-2.0
/*
 * Loading a configuration with several verify workers, each of which reads the files by itself: what one of them does not take, or reads
 * otherwise than the others, is not put in force.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include "daemon/apply.h"
#include "daemon/binding.h"
#include "daemon/channel.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/credentials.h"
#include "daemon/filewatch.h"
#include "daemon/gateway.h"
#include "daemon/hardware.h"
#include "daemon/load.h"
#include "daemon/net.h"
#include "daemon/proc.h"
#include "daemon/proto_stage.h"
#include "daemon/shared_bytes.h"
#include "daemon/vaulting.h"

enum { WORKERS = 2 };

static struct world {
	struct gateway g;
	struct proc verify[WORKERS];
	struct channel *channels[1 + WORKERS];
	int theirs[1 + WORKERS];
	struct cg_connection connections[2];
	struct cg_config config;
	struct conn *old; /* that runs by any name */
	/* what was applied: why not, and with how many certificates */
	char refusal[2][256];
	size_t certs[2];
	bool differ;	     /* what is said of the second is not what is said of the first */
	unsigned int shared; /* of so much the second has the bytes of the first */
	size_t diags;
	unsigned int applied, done;
	int error;
	char text[512], hint[256];
} w;

/* ---------------------------------------------------------------- what load.c calls of the daemon */

struct channel *proc_channel(struct gateway *g _unused_, enum role role, unsigned int index)
{
	return role == ROLE_KEY ? w.channels[0] : w.channels[1 + index];
}

enum { SHARED = 7 };

static unsigned int count_shared(const struct conn *a, const struct conn *b)
{
	const void *pairs[SHARED][2] = {
		{a->certs[0].data, b->certs[0].data}, {a->local_id, b->local_id},
		{a->local_subject, b->local_subject}, {a->local_ends, b->local_ends},
		{a->remote_id, b->remote_id},	      {a->hashes, b->hashes},
		{a->chain_subject, b->chain_subject},
	};
	unsigned int n = 0;

	for (size_t i = 0; i < SHARED; i++)
		n += pairs[i][0] && pairs[i][0] == pairs[i][1];
	return n;
}

json_t *apply_config(struct gateway *g _unused_, struct cg_config *config _unused_,
		     struct conn **conns, size_t n)
{
	w.applied++;
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(w.refusal[i], sizeof(w.refusal[i]), "%s",
			       conns[i]->refusal ? conns[i]->refusal : "");
		w.certs[i] = conns[i]->n_certs;
	}
	if (n == 2 && conns[0]->n_certs == 1 && conns[1]->n_certs == 1)
		w.shared = count_shared(conns[0], conns[1]);
	for (size_t i = 0; i < n; i++)
		conn_free(conns[i]);
	free(conns);
	return NULL;
}

void conn_free(struct conn *c)
{
	if (!c)
		return;
	credentials_done(c);
	free(c->refusal);
	free(c->refusal_hint);
	free(c);
}

struct conn *conn_find_name(const struct gateway *g _unused_, const char *name _unused_)
{
	return w.old;
}

void bindings_compare(struct conn *c _unused_)
{
}

bool conn_must_begin_anew(const struct cg_connection *a _unused_,
			  const struct cg_connection *b _unused_)
{
	return false;
}

bool hardware_has(const struct cg_connection *c _unused_)
{
	return false;
}

json_t *cg_connection_to_json(const struct cg_connection *c _unused_)
{
	return json_object();
}

int cg_connection_digest(const struct cg_connection *c _unused_, uint8_t ret[CG_DIGEST_SIZE])
{
	memset(ret, 0, CG_DIGEST_SIZE);
	return 0;
}

uint64_t files_state(const struct cg_gateway *gateway _unused_,
		     const struct cg_connection *c _unused_)
{
	return 0;
}

int sockets_prepare(struct gateway *g _unused_, const struct cg_config *config _unused_,
		    struct cg_diags *diags _unused_)
{
	return 0;
}

bool vaulting_ready(struct gateway *g _unused_, const struct cg_config *config _unused_)
{
	return true;
}

int vaulting_want(struct gateway *g _unused_, const struct cg_config *config _unused_)
{
	return 0;
}

void vaulting_stage(struct gateway *g _unused_, const struct cg_config *config _unused_,
		    uint32_t generation _unused_, struct cg_diags *diags _unused_)
{
}

void vaulting_restore(struct gateway *g _unused_)
{
}

int hardware_want(struct gateway *g _unused_, const struct cg_config *config _unused_,
		  bool again _unused_, struct cg_diags *diags _unused_)
{
	return 0;
}

void hardware_loaded(struct gateway *g _unused_, bool good _unused_)
{
}

bool hardware_is_new(const struct gateway *g _unused_, const struct cg_connection *c _unused_)
{
	return false;
}

void hardware_mismatch(struct gateway *g _unused_, const struct cg_connection *c _unused_)
{
}

int hardware_index(const struct gateway *g _unused_, const struct cg_connection *c _unused_)
{
	return -ENOENT;
}

/* ---------------------------------------------------------------- a load, up to where the workers answer */

static int on_message(void *ctx _unused_, struct channel *c _unused_, enum msg_type type _unused_,
		      struct msg_reader *r _unused_, int *fd _unused_)
{
	return -EOPNOTSUPP;
}

static void on_closed(void *ctx _unused_, struct channel *c _unused_)
{
}

static void on_violation(void *ctx _unused_, struct channel *c _unused_, const char *text _unused_)
{
}

static void on_done(void *ctx _unused_, int error, const struct cg_diags *diags, json_t *result)
{
	w.done++;
	w.error = error;
	json_decref(result);
	w.diags = diags->n;
	if (diags->n == 0)
		return;
	(void)snprintf(w.text, sizeof(w.text), "%s", diags->items[0].text);
	(void)snprintf(w.hint, sizeof(w.hint), "%s",
		       diags->items[0].hint ? diags->items[0].hint : "");
}

static int set_up(size_t n_connections)
{
	static const struct channel_ops ops = {
		.message = on_message, .closed = on_closed, .violation = on_violation};
	static const char *const names[] = {"hq", "branch"};

	memset(&w, 0, sizeof(w));
	w.g.base = event_base_new();
	assert_non_null(w.g.base);
	for (size_t i = 0; i < ARRAY_SIZE(w.channels); i++) {
		int pair[2];

		assert_int_equal(channel_pair(pair), 0);
		w.theirs[i] = pair[1];
		assert_int_equal(channel_new(w.g.base, pair[0], ROLE_MAIN,
					     i == 0 ? ROLE_KEY : ROLE_VERIFY, 0, &ops, NULL,
					     &w.channels[i]),
				 0);
	}
	for (unsigned int i = 0; i < WORKERS; i++)
		w.verify[i] = (struct proc){.g = &w.g, .role = ROLE_VERIFY, .index = i};
	for (size_t i = 0; i < n_connections; i++)
		w.connections[i] = (struct cg_connection){.name = (char *)(uintptr_t)names[i],
							  .enabled = true,
							  .subject_name = (char *)"gw.hq.example",
							  .local_identity = "auto",
							  .remote_identity = "auto"};
	w.config.connections = w.connections;
	w.config.n_connections = n_connections;
	w.g.config = &w.config;
	w.g.n_verifiers = WORKERS;
	return 0;
}

/* What key says of the connection; error NULL: all is well. */
static void key_answers(uint32_t connection, const char *error)
{
	static const uint8_t ders[][2] = {{0x30, 0}, {0x31, 0}},
			     ids[][6] = {{2, 0, 0, 0, 'h', 'q'}, {2, 0, 0, 0, 'h', 'r'}};
	static struct staged_key s;
	const unsigned int other = w.differ && connection == 2;

	s = (struct staged_key){.ref = {1, connection}};
	(void)snprintf(s.subject, sizeof(s.subject), "CN=%s", other ? "us" : "we");
	(void)snprintf(s.ends_first, sizeof(s.ends_first), "CN=%s", other ? "they" : "we");
	if (error) {
		s.error = -EKEYREJECTED;
		s.part = STAGE_CERTIFICATE;
		(void)snprintf(s.text, sizeof(s.text), "%s", error);
	} else {
		s.certs[0] = (struct ike_blob){.data = ders[other], .size = sizeof(ders[0])};
		s.n_certs = 1;
		s.id = (struct ike_blob){.data = ids[other], .size = sizeof(ids[0])};
	}
	load_on_staged_key(&w.g, NULL, &s);
}

static int begin(void **state _unused_)
{
	(void)set_up(1);
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(1, NULL);
	assert_int_equal(w.done, 0);
	return 0;
}

static int begin_two(void **state _unused_)
{
	return set_up(2);
}

static int end(void **state _unused_)
{
	load_free(w.g.load);
	for (size_t i = 0; i < ARRAY_SIZE(w.channels); i++) {
		(void)channel_free(w.channels[i]);
		(void)close(w.theirs[i]);
	}
	event_base_free(w.g.base);
	return 0;
}

static void answer_of(unsigned int worker, uint32_t connection, uint8_t digest, const char *error)
{
	static const uint8_t hashes[][2 * PKI_SHA1_SIZE] = {{1}, {2}},
					  ids[][5] = {{2, 0, 0, 0, 'a'}, {2, 0, 0, 0, 'b'}};
	static struct staged_trust s;
	const unsigned int other = w.differ && connection == 2;

	s = (struct staged_trust){.ref = {1, connection}, .not_after = 1900000000};
	memset(s.digest, digest, sizeof(s.digest));
	s.hashes = (struct ike_blob){.data = hashes[other], .size = sizeof(hashes[0])};
	s.remote_id = (struct ike_blob){.data = ids[other], .size = sizeof(ids[0])};
	(void)snprintf(s.subject, sizeof(s.subject), "CN=%s", other ? "other root" : "root");
	if (error) {
		s.error = -EINVAL;
		s.part = STAGE_CHAIN;
		(void)snprintf(s.text, sizeof(s.text), "%s", error);
	}
	load_on_staged_trust(&w.g, &w.verify[worker], &s);
}

static void answer(unsigned int worker, uint8_t digest, const char *error)
{
	answer_of(worker, 1, digest, error);
}

/* All workers take it, or none. */
static void all_answer(uint32_t connection, const char *error)
{
	for (unsigned int i = 0; i < WORKERS; i++)
		answer_of(i, connection, error ? 0 : 7, error);
}

/* ---------------------------------------------------------------- */

static void what_all_take_is_put_in_force(void **state _unused_)
{
	answer(1, 7, NULL);
	assert_int_equal(w.done, 0);
	answer(0, 7, NULL);
	assert_int_equal(w.done, 1);
	assert_int_equal(w.error, 0);
	assert_int_equal(w.applied, 1);
}

static void what_any_worker_refuses_is_not(void **state _unused_)
{
	answer(0, 7, NULL);
	answer(1, 0, "half a file");
	assert_int_equal(w.done, 1);
	assert_int_equal(w.error, -EINVAL);
	assert_int_equal(w.applied, 0);
	assert_string_equal(w.text, "half a file");
}

static void an_error_that_all_have_is_told_once(void **state _unused_)
{
	answer(1, 0, "no certificate");
	answer(0, 0, "no certificate");
	assert_int_equal(w.done, 1);
	assert_int_equal(w.error, -EINVAL);
	assert_string_equal(w.text, "no certificate");
}

static void what_they_read_differently_is_not_put_in_force(void **state _unused_)
{
	answer(1, 7, NULL);
	answer(0, 8, NULL);
	assert_int_equal(w.done, 1);
	assert_int_equal(w.error, -EINVAL);
	assert_int_equal(w.applied, 0);
	assert_non_null(strstr(w.text, "changed while they were read"));
	assert_non_null(strstr(w.hint, "reload again"));
}

/* Of how many connections a worker was told that none takes them; nothing else is read. */
static unsigned int refusals(unsigned int worker, uint32_t connection)
{
	static uint8_t buf[MSG_SIZE_MAX];
	unsigned int n = 0;
	struct stage_ref ref;
	struct msg_reader r;
	enum msg_type type;
	ssize_t len;

	while ((len = recv(w.theirs[1 + worker], buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		assert_int_equal(msg_open(buf, (size_t)len, &type, &r), 0);
		if (type != MSG_STAGE_REFUSE)
			continue;
		proto_get_stage_ref(&r, &ref);
		assert_true(msg_done(&r));
		assert_int_equal(ref.generation, 1);
		assert_int_equal(ref.connection, connection);
		n++;
	}
	return n;
}

/* One worker takes a chain, another does not: it is refused, and the one that took it must not go by it. */
static void what_not_all_take_is_taken_by_none(void **state _unused_)
{
	for (unsigned int way = 0; way < 3; way++) {
		w.g.generation = 0;
		w.g.next_conn = 0;
		assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
		key_answers(1, NULL);
		answer_of(way == 1, 1, 7, NULL);
		answer_of(way != 1, 1, 8, way == 2 ? NULL : "no memory");
		key_answers(2, NULL);
		all_answer(2, way == 0 ? "all say so" : NULL);
		assert_int_equal(w.done, way + 1);
		assert_int_equal(w.error, way == 0 ? -EINVAL : 0);
		for (unsigned int i = 0; i < WORKERS; i++)
			assert_int_equal(refusals(i, 1), 1);
	}
	assert_string_equal(w.refusal[0], "the peer's certificates changed while they were read");
}

static void a_start_goes_on_without_the_connection_whose_certificate_expired(void **state _unused_)
{
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(1, "expired 2026-01-01T00:00:00Z");
	all_answer(1, NULL);
	key_answers(2, NULL);
	all_answer(2, NULL);
	assert_int_equal(w.done, 1);
	assert_int_equal(w.error, 0);
	assert_int_equal(w.applied, 1);
	assert_string_equal(w.refusal[0], "expired 2026-01-01T00:00:00Z");
	assert_int_equal(w.certs[0], 0);
	assert_string_equal(w.refusal[1], "");
	assert_int_equal(w.certs[1], 1);
}

static void so_it_does_without_one_whose_peer_cannot_be_judged(void **state _unused_)
{
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(1, NULL);
	all_answer(1, NULL);
	key_answers(2, NULL);
	all_answer(2, "no trust anchor");
	assert_int_equal(w.error, 0);
	assert_int_equal(w.applied, 1);
	assert_string_equal(w.refusal[0], "");
	assert_string_equal(w.refusal[1], "no trust anchor");
	assert_int_equal(w.certs[1], 0);
}

static void a_start_with_nothing_left_fails(void **state _unused_)
{
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(1, "expired");
	all_answer(1, NULL);
	key_answers(2, "expired too");
	all_answer(2, NULL);
	assert_int_equal(w.done, 1);
	assert_int_equal(w.error, -EINVAL);
	assert_int_equal(w.applied, 0);
	assert_int_equal(w.diags, 2);
}

/* Files that changed, say: there is something to go back to. */
static void what_is_loaded_later_is_good_or_not_loaded(void **state _unused_)
{
	struct conn old = {.files_loaded = 1};

	w.g.loaded = true;
	w.old = &old;
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(old.id, "half a file");
	key_answers(old.id, NULL);
	all_answer(old.id, NULL);
	assert_int_equal(w.done, 1);
	assert_int_equal(w.error, -EINVAL);
	assert_int_equal(w.applied, 0);
}

/* A load by which the certificate of `old` has expired: it is put in force without that. */
static void load_with_expired(const struct conn *old)
{
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(old->id, "expired");
	all_answer(old->id, NULL);
	key_answers(old->id, NULL);
	all_answer(old->id, NULL);
	assert_int_equal(w.error, 0);
	assert_int_equal(w.applied, 1);
	assert_string_equal(w.refusal[0], "expired");
}

/* Its files are what they were, or it was refused before: the others must not wait for it. */
static void but_time_is_no_change(void **state _unused_)
{
	struct conn old = {.files_loaded = 0};

	for (unsigned int i = 0; i < 2; i++) {
		w.g.loaded = true;
		w.g.generation = 0;
		w.applied = 0;
		w.old = &old;
		load_with_expired(&old);
		old.files_loaded = 1;
		old.refusal = (char *)"expired";
	}
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *userdata _unused_)
{
}

/* One worker had no room for it: its files are good, and nothing else would have it loaded again. */
static void what_was_refused_for_want_of_room_is_tried_again(void **state _unused_)
{
	static const int errors[] = {-EBADMSG, -ENOMEM, -EMFILE};
	struct conn old = {.files_loaded = 0};
	struct timeval now;
	static struct staged_trust s;
	struct timeval at;

	w.g.load_timer = evtimer_new(w.g.base, on_timer, NULL);
	assert_non_null(w.g.load_timer);
	w.g.loaded = true;
	w.old = &old;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		w.g.generation = 0;
		(void)event_del(w.g.load_timer);
		assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
		key_answers(old.id, NULL);
		answer_of(0, old.id, 7, NULL);
		s = (struct staged_trust){.ref = {1, old.id}, .error = errors[i]};
		(void)snprintf(s.text, sizeof(s.text), "something");
		load_on_staged_trust(&w.g, &w.verify[1], &s);
		key_answers(old.id, NULL);
		all_answer(old.id, NULL);
		assert_int_equal(w.error, 0);
		assert_string_equal(w.refusal[0], "something");
		assert_string_equal(w.refusal[1], "");
		/* Meanwhile files are watched. */
		assert_false(w.g.load_again);
		assert_int_equal(event_pending(w.g.load_timer, EV_TIMEOUT, &at) != 0, i > 0);
		if (i == 0)
			continue;
		/* What does not pass soon is looked for less often. */
		(void)gettimeofday(&now, NULL);
		assert_in_range(at.tv_sec - now.tv_sec, LOAD_RETRY_SECONDS * i - 2,
				LOAD_RETRY_SECONDS * i);
	}
	/* The next one that has what it takes ends it. */
	w.g.generation = 0;
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	for (unsigned int i = 0; i < 2; i++) {
		key_answers(old.id, NULL);
		all_answer(old.id, NULL);
	}
	assert_int_equal(w.error, 0);
	assert_int_equal(w.g.load_retries, 0);
	event_free(w.g.load_timer);
}

/* One that is due while a restart is under way is not forgotten: the restart may fail. */
static void what_is_due_during_a_restart_is_loaded_after_it(void **state _unused_)
{
	struct restart *under_way = (struct restart *)&w;
	struct conn old = {.files_loaded = 0};

	w.g.load_timer = evtimer_new(w.g.base, on_timer, NULL);
	assert_non_null(w.g.load_timer);
	w.g.loaded = true;
	w.old = &old;
	for (unsigned int i = 0; i < 2; i++) {
		w.g.load_again = i == 0;
		w.g.load_retries = i;
		w.g.restart = under_way;
		load_due(&w.g, on_done);
		assert_null(w.g.load);
		assert_int_equal(event_pending(w.g.load_timer, EV_TIMEOUT, NULL), EV_TIMEOUT);
		(void)event_del(w.g.load_timer);
		w.g.restart = NULL;
		w.g.generation = 0;
		load_due(&w.g, on_done);
		assert_non_null(w.g.load);
		for (unsigned int j = 0; j < 2; j++) {
			key_answers(old.id, NULL);
			all_answer(old.id, NULL);
		}
		assert_int_equal(w.done, i + 1);
		assert_int_equal(event_pending(w.g.load_timer, EV_TIMEOUT, NULL), 0);
		/* Nothing is due now. */
		load_due(&w.g, on_done);
		assert_null(w.g.load);
	}
	event_free(w.g.load_timer);
}

/* When the next one is due, in seconds, the nearest number of them; 0: at once, or never. */
static time_t due_in(void)
{
	struct timeval now, at = {0};

	if (!event_pending(w.g.load_timer, EV_TIMEOUT, &at))
		return 0;
	(void)gettimeofday(&now, NULL);
	timersub(&at, &now, &at);
	return at.tv_usec >= 500000 ? at.tv_sec + 1 : at.tv_sec;
}

/* A load that is due, of which the first connection's file cannot be used, and says why. */
static void load_what_is_due(const struct conn *old, const char *why)
{
	w.g.generation = 0;
	load_due(&w.g, on_done);
	assert_non_null(w.g.load);
	key_answers(old->id, why);
	/* Whoever stands alone is judged to the end. */
	if (why && w.g.load)
		all_answer(old->id, NULL);
	key_answers(old->id, NULL);
	all_answer(old->id, NULL);
	if (!why)
		all_answer(old->id, NULL);
}

/* What lasts is neither tried again and again, nor told again and again; what is new is told. */
static void what_is_due_and_fails_is_tried_with_pauses(void **state _unused_)
{
	struct conn old = {.files_loaded = 1};

	w.g.load_timer = evtimer_new(w.g.base, on_timer, NULL);
	assert_non_null(w.g.load_timer);
	w.g.loaded = true;
	w.old = &old;
	w.g.load_again = true;
	for (unsigned int i = 0; i < 9; i++) {
		load_what_is_due(&old, i == 4 ? "no file" : "half a file");
		assert_int_equal(w.done, i + 1);
		assert_int_equal(w.error, -EINVAL);
		assert_true(w.g.load_again);
		assert_int_equal(w.g.load_news, i == 0 || i == 4 || i == 5);
		assert_in_range(due_in(), (LOAD_RETRY_SECONDS << MIN(i, LOAD_RETRY_DOUBLED)) - 1,
				LOAD_RETRY_SECONDS << MIN(i, LOAD_RETRY_DOUBLED));
	}
	assert_int_equal(w.applied, 0);
	/* Whatever else comes does not wait for that. */
	w.g.generation = 0;
	load_due(&w.g, on_done);
	load_soon(&w.g);
	key_answers(old.id, "half a file");
	key_answers(old.id, NULL);
	all_answer(old.id, NULL);
	assert_int_equal(w.error, -EINVAL);
	assert_in_range(due_in(), 0, 1);
	/* The end of it is told too, and the next failure is the first again. */
	old.files_loaded = 0;
	w.g.generation = 0;
	load_due(&w.g, on_done);
	for (unsigned int i = 0; i < 2; i++) {
		key_answers(old.id, NULL);
		all_answer(old.id, NULL);
	}
	assert_int_equal(w.error, 0);
	assert_true(w.g.load_news);
	assert_false(w.g.load_again);
	assert_int_equal(w.g.load_failures, 0);
	assert_null(w.g.load_why);
	event_free(w.g.load_timer);
}

/* A process came anew, and one connection's file was broken meanwhile: after a while the others do not wait for it. */
static void who_knows_nothing_is_told_of_the_others(void **state _unused_)
{
	struct conn old = {.files_loaded = 1};

	w.g.load_timer = evtimer_new(w.g.base, on_timer, NULL);
	assert_non_null(w.g.load_timer);
	w.g.loaded = true;
	w.old = &old;
	load_on_process(&w.g, false);
	load_what_is_due(&old, "half a file");
	assert_int_equal(w.error, -EINVAL);
	assert_int_equal(w.applied, 0);
	load_what_is_due(&old, "half a file");
	assert_int_equal(w.done, 2);
	assert_int_equal(w.error, 0);
	assert_int_equal(w.applied, 1);
	assert_string_equal(w.refusal[0], "half a file");
	assert_string_equal(w.refusal[1], "");
	assert_false(w.g.load_again);
	/* All know what is in force now: it changes only for the better. */
	load_soon(&w.g);
	for (unsigned int i = 0; i < 2; i++) {
		load_what_is_due(&old, "half a file");
		assert_int_equal(w.error, -EINVAL);
	}
	assert_int_equal(w.applied, 1);
	free(w.g.load_why);
	event_free(w.g.load_timer);
}

/* Whether it is up is seen when it is put in force. */
static void one_that_runs_keeps_its_certificates_until_then(void **state _unused_)
{
	static const uint8_t bytes[] = {0x30, 0};
	struct conn old = {.files_loaded = 0, .n_certs = 1};

	old.certs[0].data = shared_bytes_new(bytes, sizeof(bytes));
	assert_non_null(old.certs[0].data);
	old.certs[0].len = sizeof(bytes);
	w.g.loaded = true;
	w.old = &old;
	load_with_expired(&old);
	assert_int_equal(w.certs[0], 1);
	shared_bytes_unref(old.certs[0].data);
}

/* What key, and every verify worker, is told that a connection's name is. */
static void told_name(int theirs, enum msg_type wanted, const char *name)
{
	static uint8_t buf[MSG_SIZE_MAX];
	static union {
		struct stage_key key;
		struct stage_trust trust;
	} s;
	struct msg_reader r;
	enum msg_type type;
	ssize_t len;

	do {
		len = recv(theirs, buf, sizeof(buf), MSG_DONTWAIT);
		assert_true(len > 0);
		assert_int_equal(msg_open(buf, (size_t)len, &type, &r), 0);
	} while (type != wanted);
	if (type == MSG_STAGE_KEY)
		proto_get_stage_key(&r, &s.key);
	else
		proto_get_stage_trust(&r, &s.trust);
	assert_true(msg_done(&r));
	assert_string_equal(type == MSG_STAGE_KEY ? s.key.name : s.trust.name, name);
}

static void the_longest_name_is_told_whole(void **state _unused_)
{
	static const char name[] = "a-name-of-thirty-one-characters";

	assert_int_equal(strlen(name), CG_NAME_MAX);
	w.connections[0].name = (char *)(uintptr_t)name;
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(1, NULL);
	told_name(w.theirs[0], MSG_STAGE_KEY, name);
	for (unsigned int i = 0; i < WORKERS; i++)
		told_name(w.theirs[1 + i], MSG_STAGE_TRUST, name);
}

static void load_two(void)
{
	w.g.generation = 0;
	w.g.next_conn = 0;
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(1, NULL);
	all_answer(1, NULL);
	key_answers(2, NULL);
	all_answer(2, NULL);
	assert_int_equal(w.error, 0);
}

/* Ten thousand connections have one certificate of ours. */
static void what_two_have_in_common_is_there_once(void **state _unused_)
{
	load_two();
	assert_int_equal(w.applied, 1);
	assert_int_equal(w.shared, SHARED);
	w.differ = true;
	load_two();
	assert_int_equal(w.applied, 2);
	assert_int_equal(w.shared, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_all_take_is_put_in_force, begin, end),
		cmocka_unit_test_setup_teardown(what_any_worker_refuses_is_not, begin, end),
		cmocka_unit_test_setup_teardown(an_error_that_all_have_is_told_once, begin, end),
		cmocka_unit_test_setup_teardown(what_they_read_differently_is_not_put_in_force,
						begin, end),
		cmocka_unit_test_setup_teardown(
			a_start_goes_on_without_the_connection_whose_certificate_expired, begin_two,
			end),
		cmocka_unit_test_setup_teardown(what_not_all_take_is_taken_by_none, begin_two, end),
		cmocka_unit_test_setup_teardown(so_it_does_without_one_whose_peer_cannot_be_judged,
						begin_two, end),
		cmocka_unit_test_setup_teardown(a_start_with_nothing_left_fails, begin_two, end),
		cmocka_unit_test_setup_teardown(what_is_loaded_later_is_good_or_not_loaded,
						begin_two, end),
		cmocka_unit_test_setup_teardown(but_time_is_no_change, begin_two, end),
		cmocka_unit_test_setup_teardown(what_was_refused_for_want_of_room_is_tried_again,
						begin_two, end),
		cmocka_unit_test_setup_teardown(what_is_due_during_a_restart_is_loaded_after_it,
						begin_two, end),
		cmocka_unit_test_setup_teardown(what_is_due_and_fails_is_tried_with_pauses,
						begin_two, end),
		cmocka_unit_test_setup_teardown(who_knows_nothing_is_told_of_the_others, begin_two,
						end),
		cmocka_unit_test_setup_teardown(the_longest_name_is_told_whole, begin_two, end),
		cmocka_unit_test_setup_teardown(what_two_have_in_common_is_there_once, begin_two,
						end),
		cmocka_unit_test_setup_teardown(one_that_runs_keeps_its_certificates_until_then,
						begin_two, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
