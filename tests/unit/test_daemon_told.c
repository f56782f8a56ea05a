// SPDX-License-Identifier: Apache-2.0
/*
 * What `ike` reports on its way to operators: the longest text there may be is whole in the line of the log, in the journal's field, in what
 * `status` and `explain` print; and a history has a bound in bytes, too, since what is long may be a peer's doing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/proto_ike.h"
#include "daemon/snapshot.h"
#include "daemon/status.h"

struct world {
	struct gateway g;
	struct conn c;
	struct cg_child_config child;
	struct cg_connection cfg;
	char text[IKE_REPORT_SIZE], hint[IKE_TEXT_SIZE];
};

/* Every byte has a part in it: one that is missing anywhere shows. */
static void fill(char *buf, size_t size, unsigned int seed)
{
	for (size_t i = 0; i + 1 < size; i++)
		buf[i] = (char)('a' + (i + i / 26 + seed) % 26);
	buf[size - 1] = '\0';
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->child.name = (char *)"lan";
	w->cfg = (struct cg_connection){.name = (char *)"a-connection-with-a-longish-name",
					.enabled = true,
					.start = CG_START_ALWAYS,
					.children = &w->child,
					.n_children = 1};
	w->c = (struct conn){.g = &w->g, .id = 1, .cfg = &w->cfg};
	conn_list(&w->c);
	fill(w->text, sizeof(w->text), 0);
	fill(w->hint, sizeof(w->hint), 7);
	return w;
}

static void world_free(struct world *w)
{
	conn_unlist(&w->c);
	history_done(&w->c.history);
	free(w->c.last_error.code);
	free(w->c.left);
	table_done(&w->g.conns_by_id);
	table_done(&w->g.conns_by_name);
	refusals_done(&w->g.refusals);
	free(w);
}

static int reported(struct world *w, const char *text, bool claimed)
{
	const struct ike_out_report rep = {
		.connection = 1,
		.claimed = claimed,
		.severity = IKE_ERROR,
		.remote = {.addr = {.family = AF_INET6,
				    .bytes = {0x20, 0x01, 0x0d, 0xb8, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
					      9, 9}},
			   .port = 4500},
		.event = "no-proposal-chosen",
		.text = text,
		.hint = w->hint};
	struct msg_writer m;
	struct msg_reader r;
	enum msg_type type;
	int e;

	msg_begin(&m, MSG_REPORT);
	proto_put_report(&m, &rep);
	assert_int_equal(msg_open(m.buf, m.len, &type, &r), 0);
	e = gateway_on_ike(&w->g, type, &r);
	msg_end(&m);
	return e;
}

static void the_log_has_it_whole(void **state _unused_)
{
	struct world *w = world_new();
	int fds[2], saved = dup(STDERR_FILENO);
	char line[8192];
	ssize_t n;

	assert_true(saved >= 0);
	assert_int_equal(pipe(fds), 0);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	cg_log_init("main", CG_LOG_INFO, CG_LOG_TARGET_PREFIX);
	assert_int_equal(reported(w, w->text, false), 0);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	n = read(fds[0], line, sizeof(line) - 1);
	assert_true(n > 0 && n <= 4096);
	line[n] = '\0';
	assert_non_null(strstr(line, w->text));
	assert_non_null(strstr(line, w->hint));
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
	(void)close(fds[0]);
	(void)close(fds[1]);
	(void)close(saved);
	world_free(w);
}

static void the_journal_has_it_whole(void **state _unused_)
{
	struct world *w = world_new();
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/told.XXXXXX", datagram[16384];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ssize_t n;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/journal", dir);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	cg_log_set_journal(sa.sun_path);
	cg_log_init("main", CG_LOG_INFO, CG_LOG_TARGET_JOURNAL);
	assert_int_equal(reported(w, w->text, false), 0);
	n = recv(fd, datagram, sizeof(datagram) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	datagram[n] = '\0';
	assert_non_null(strstr(datagram, w->text));
	assert_non_null(strstr(datagram, w->hint));
	assert_non_null(strstr(datagram, "\nCERTGATE_REMOTE="));
	assert_non_null(strstr(datagram, "\nCERTGATE_HINT="));
	(void)unlink(sa.sun_path);
	(void)rmdir(dir);
	(void)close(fd);
	cg_log_init("main", CG_LOG_ERROR, CG_LOG_TARGET_STDERR);
	world_free(w);
}

static void status_and_explain_have_it_whole(void **state _unused_)
{
	struct world *w = world_new();
	struct ike_snapshot nothing = {0};
	const char *summary;
	json_t *o;

	cg_log_set_level(CG_LOG_ERROR - 1);
	assert_int_equal(reported(w, w->text, false), 0);
	assert_string_equal(w->c.last_error.text, w->text);
	assert_string_equal(w->c.last_error.hint, w->hint);
	o = explain_json(&w->c, &nothing);
	summary = json_string_value(json_object_get(o, "summary"));
	assert_non_null(strstr(summary, w->text));
	assert_non_null(strstr(summary, w->hint));
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(o, "history"), 0), "text")),
			    w->text);
	json_decref(o);
	world_free(w);
}

/* How many entries of this name there are; ret: the number that the oldest begins with. */
static size_t entries(const struct world *w, const char *code, int *ret)
{
	const struct history_entry *e;
	size_t n = 0;

	for (size_t i = 0; (e = history_at(&w->c.history, i)); i++) {
		if (!streq(e->code, code))
			continue;
		if (n++ == 0)
			*ret = atoi(e->text);
	}
	return n;
}

static size_t bytes_of_all(const struct world *w)
{
	const struct history_entry *e;
	size_t bytes = 0;

	for (size_t i = 0; (e = history_at(&w->c.history, i)); i++)
		bytes += strlen(e->code) + strlen(e->text) + (e->hint ? strlen(e->hint) : 0);
	return bytes;
}

/* Of a peer that has authenticated itself, with lists as long as they may be. */
static void a_history_of_long_texts_is_bounded(void **state _unused_)
{
	struct world *w = world_new();
	int first = -1;

	cg_log_set_level(CG_LOG_ERROR - 1);
	history_add(&w->g, &w->c, IKE_INFO, "child-established", NULL, NULL, "7");
	for (int i = 0; i < 3 * HISTORY_MAX; i++)
		history_add(&w->g, &w->c, IKE_ERROR, "child-refused", NULL, w->hint, "%d %s", i,
			    w->text + 10);
	assert_true(bytes_of_all(w) <= HISTORY_BYTES + sizeof(w->text) + sizeof(w->hint));
	assert_in_range(entries(w, "child-refused", &first), 10, 40);
	assert_int_equal(first, 3 * HISTORY_MAX - (int)entries(w, "child-refused", &first));
	/* What is long makes room for its like. */
	assert_int_equal(entries(w, "child-established", &first), 1);
	assert_int_equal(first, 7);
	world_free(w);
}

/* Anybody may claim to be at a connection's address. */
static void strangers_push_nothing_out_that_is_the_connections_own(void **state _unused_)
{
	struct world *w = world_new();
	int first = -1, last = -1;

	cg_log_set_level(CG_LOG_ERROR - 1);
	for (int i = 0; i < HISTORY_MAX; i++)
		history_add(&w->g, &w->c, IKE_INFO, "x", NULL, NULL, "%d", i);
	for (int i = 0; i < 3 * HISTORY_MAX; i++) {
		history_claimed(&w->g, &w->c, IKE_ERROR, "no-proposal-chosen", NULL, w->hint,
				"%d %s", i, w->text + 10);
		history_claimed(&w->g, &w->c, IKE_WARNING, "malformed-message", NULL, NULL, "%d",
				i);
	}
	assert_int_equal(entries(w, "x", &first), HISTORY_MAX);
	assert_int_equal(first, 0);
	/* Of theirs the last ones are there, in order behind. */
	assert_in_range(entries(w, "no-proposal-chosen", &first), 2, HISTORY_MAX / 2);
	assert_in_range(entries(w, "malformed-message", &first), 2, HISTORY_MAX / 2);
	assert_true(w->c.history.n < 3 * HISTORY_MAX / 2);
	assert_true(bytes_of_all(w) < (size_t)2 * HISTORY_BYTES);
	for (size_t i = HISTORY_MAX; i < w->c.history.n; i++) {
		int at = atoi(history_at(&w->c.history, i)->text);

		assert_true(at >= last);
		last = at;
	}
	assert_int_equal(last, 3 * HISTORY_MAX - 1);
	world_free(w);
}

/* Nor does a kind of event that comes again and again push out the last one of another kind. */
static void the_last_one_of_each_kind_stays(void **state _unused_)
{
	struct world *w = world_new();
	int first = -1;

	cg_log_set_level(CG_LOG_ERROR - 1);
	history_claimed(&w->g, &w->c, IKE_WARNING, "other-version", NULL, NULL, "1");
	history_add(&w->g, &w->c, IKE_INFO, "ike-established", NULL, NULL, "2");
	history_add(&w->g, &w->c, IKE_WARNING, "peer-dead", NULL, NULL, "3");
	for (int i = 0; i < 3 * HISTORY_MAX; i++) {
		history_add(&w->g, &w->c, IKE_WARNING, "peer-silent", NULL, NULL, "%d", i);
		history_claimed(&w->g, &w->c, IKE_ERROR, "no-proposal-chosen", NULL, w->hint,
				"%d %s", i, w->text + 10);
		history_claimed(&w->g, &w->c, IKE_WARNING, "malformed-message", NULL, NULL, "%d",
				i);
	}
	assert_int_equal(entries(w, "other-version", &first), 1);
	assert_int_equal(entries(w, "ike-established", &first), 1);
	assert_int_equal(entries(w, "peer-dead", &first), 1);
	assert_int_equal(entries(w, "peer-silent", &first), HISTORY_MAX - 2);
	assert_int_equal(first, 2 * HISTORY_MAX + 2);
	assert_string_equal(history_at(&w->c.history, 0)->code, "other-version");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_log_has_it_whole),
		cmocka_unit_test(the_journal_has_it_whole),
		cmocka_unit_test(status_and_explain_have_it_whole),
		cmocka_unit_test(a_history_of_long_texts_is_bounded),
		cmocka_unit_test(strangers_push_nothing_out_that_is_the_connections_own),
		cmocka_unit_test(the_last_one_of_each_kind_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
