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

/* Anybody may claim to be at a connection's address; what was short stays for as many entries as ever. */
static void a_history_of_long_texts_is_bounded(void **state _unused_)
{
	struct world *w = world_new();
	size_t n = 0, bytes = 0;

	cg_log_set_level(CG_LOG_ERROR - 1);
	for (int i = 0; i < 3 * HISTORY_MAX; i++)
		history_claimed(&w->g, &w->c, IKE_ERROR, "no-proposal-chosen", NULL, w->hint,
				"%d %s", i, w->text + 10);
	for (const struct history_entry *e; (e = history_at(&w->c.history, n)); n++)
		bytes += strlen(e->text) + strlen(e->hint);
	assert_in_range(n, 10, 40);
	assert_true(bytes <= HISTORY_BYTES + sizeof(w->text) + sizeof(w->hint));
	assert_int_equal(atoi(history_at(&w->c.history, n - 1)->text), 3 * HISTORY_MAX - 1);
	assert_int_equal(atoi(history_at(&w->c.history, 0)->text), 3 * HISTORY_MAX - (int)n);
	for (int i = 0; i < HISTORY_MAX; i++)
		history_add(&w->g, &w->c, IKE_INFO, "x", NULL, NULL, "%d", i);
	assert_int_equal(w->c.history.n, HISTORY_MAX);
	for (int i = 0; i < HISTORY_MAX; i++)
		assert_int_equal(atoi(history_at(&w->c.history, (size_t)i)->text), i);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_log_has_it_whole),
		cmocka_unit_test(the_journal_has_it_whole),
		cmocka_unit_test(status_and_explain_have_it_whole),
		cmocka_unit_test(a_history_of_long_texts_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
