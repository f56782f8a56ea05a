/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key log as main sees to it: into which files, by whose order, and that it ends. Lines are in test_daemon_key_log.c.
 */
#include "lib/maintest.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "daemon/key_log.h"
#include "daemon/key_logging.h"
#include "daemon/proto_ike.h"
#include "daemon/restart.h"
#include "daemon/sealed.h"

static char dir[] = "/tmp/key-logging-XXXXXX";
static char files[_KEY_LOG_MAX][64];

static void remove_files(void)
{
	for (size_t i = 0; i < _KEY_LOG_MAX; i++)
		(void)unlink(files[i]);
}

static int make_dir(void **state _unused_)
{
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(files[KEY_LOG_IKE], sizeof(files[0]), "%s/ikev2_decryption_table", dir);
	(void)snprintf(files[KEY_LOG_ESP], sizeof(files[0]), "%s/esp_sa", dir);
	return 0;
}

static int remove_dir(void **state _unused_)
{
	remove_files();
	return rmdir(dir);
}

static struct main_world *world(bool key_log)
{
	struct main_world *w = main_world_new();

	w->config.gateway.state_dir = dir;
	w->cfg.key_log = key_log;
	key_logging_start(&w->g);
	return w;
}

static void world_free(struct main_world *w)
{
	key_logging_stop(&w->g);
	main_world_free(w);
	remove_files();
}

static bool opened(const struct main_world *w)
{
	return w->g.key_files[KEY_LOG_IKE] >= 0 && w->g.key_files[KEY_LOG_ESP] >= 0;
}

static off_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* What ike is told of the connection: for how many seconds. */
static uint32_t told(struct main_world *w)
{
	uint32_t seconds;

	assert_int_equal(main_world_read(w, ROLE_IKE), MSG_KEY_LOG);
	assert_int_equal(msg_get_u32(&w->r), w->c.id);
	seconds = msg_get_u32(&w->r);
	assert_true(msg_done(&w->r));
	return seconds;
}

static void switch_on(struct main_world *w)
{
	json_t *answer = key_log_on(&w->c, "user alice (uid 1000)");

	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	for (unsigned int i = 0; i < _KEY_LOG_MAX; i++) {
		assert_int_equal(main_world_read(w, ROLE_IKE), MSG_KEY_LOG_FILE);
		assert_int_equal(msg_get_u8(&w->r), i);
		assert_true(w->fd >= 0);
	}
}

static void refused(struct main_world *w, const char *words)
{
	json_t *answer = key_log_on(&w->c, "user alice (uid 1000)");

	assert_true(json_is_false(json_object_get(answer, "ok")));
	assert_non_null(strstr(json_string_value(json_object_get(answer, "error")), words));
	json_decref(answer);
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
	assert_true(w->c.key_log_until == 0);
}

static void without_leave_there_are_no_files(void **state _unused_)
{
	struct main_world *w = world(false);

	assert_false(opened(w));
	assert_int_equal(access(files[KEY_LOG_IKE], F_OK), -1);
	refused(w, "does not allow a key log");
	/* Leave that came after the start is none yet. */
	w->cfg.key_log = true;
	refused(w, "are not open");
	world_free(w);
}

static void only_root_reads_them(void **state _unused_)
{
	struct main_world *w;
	struct stat st;

	/* One that is there keeps what it has, and nobody else reads it any more. */
	assert_int_equal(file_write_atomic(files[KEY_LOG_IKE], "old", 3, 0644), 0);
	w = world(true);
	assert_true(opened(w));
	for (size_t i = 0; i < _KEY_LOG_MAX; i++) {
		assert_int_equal(stat(files[i], &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	assert_int_equal(size_of(files[KEY_LOG_IKE]), 3);
	world_free(w);
}

static void links_are_not_followed(void **state _unused_)
{
	char elsewhere[sizeof(files[0])];
	struct main_world *w;

	(void)snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", dir);
	assert_int_equal(symlink(elsewhere, files[KEY_LOG_IKE]), 0);
	w = world(true);
	assert_int_equal(w->g.key_files[KEY_LOG_IKE], -ELOOP);
	assert_int_equal(access(elsewhere, F_OK), -1);
	refused(w, "are not open");
	world_free(w);

	assert_int_equal(file_write_atomic(elsewhere, "x", 1, 0600), 0);
	assert_int_equal(link(elsewhere, files[KEY_LOG_ESP]), 0);
	w = world(true);
	assert_int_equal(w->g.key_files[KEY_LOG_ESP], -EPERM);
	refused(w, "are not open");
	world_free(w);
	(void)unlink(elsewhere);

	/* Nor is what is no file written to, or waited for. */
	assert_int_equal(mkfifo(files[KEY_LOG_ESP], 0600), 0);
	w = world(true);
	assert_true(w->g.key_files[KEY_LOG_ESP] < 0);
	world_free(w);
}

static void a_file_of_somebody_else_is_not_taken(void **state _unused_)
{
	struct main_world *w;

	if (geteuid() != 0) {
		print_message("not root: nothing here can be given to somebody else\n");
		skip();
	}
	assert_int_equal(file_write_atomic(files[KEY_LOG_ESP], "x", 1, 0666), 0);
	assert_int_equal(chown(files[KEY_LOG_ESP], 65534, 65534), 0);
	w = world(true);
	assert_int_equal(w->g.key_files[KEY_LOG_ESP], -EPERM);
	world_free(w);
}

static void who_ordered_it_is_told(void **state _unused_)
{
	struct main_world *w = world(true);
	json_t *answer;

	switch_on(w);
	assert_int_equal(told(w), 600);
	main_world_said(w, "key-log-on", "for 600 seconds, by order of user alice (uid 1000)");
	answer = key_log_off(&w->c, "user bob (uid 1001)");
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	assert_int_equal(told(w), 0);
	main_world_said(w, "key-log-off", "by order of user bob (uid 1001)");
	assert_true(w->c.key_log_until == 0);
	/* It is no failure of the connection. */
	assert_null(w->c.last_error.code);
	world_free(w);
}

static void it_ends_by_itself_after_ten_minutes(void **state _unused_)
{
	struct main_world *w = world(true);
	usec_t before = now_boottime(), minute = 60 * USEC_PER_SEC, after;
	size_t n;

	switch_on(w);
	after = now_boottime();
	assert_int_equal(told(w), 600);
	n = w->c.history.n;
	key_logging_tick(&w->g, before + 10 * minute - 1);
	assert_int_equal(w->c.history.n, n);
	assert_true(w->c.key_log_until != 0);
	key_logging_tick(&w->g, after + 10 * minute);
	main_world_said(w, "key-log-off", "its time is over");
	assert_true(w->c.key_log_until == 0);
	/* Said once. */
	n = w->c.history.n;
	key_logging_tick(&w->g, after + 11 * minute);
	assert_int_equal(w->c.history.n, n);
	world_free(w);
}

static void a_configuration_that_takes_leave_away_ends_it(void **state _unused_)
{
	struct main_world *w = world(true);

	switch_on(w);
	assert_int_equal(told(w), 600);
	w->cfg.key_log = false;
	key_logging_tick(&w->g, now_boottime());
	assert_int_equal(told(w), 0);
	main_world_said(w, "key-log-off", "does not allow it any more");
	world_free(w);
}

static void the_process_that_writes_ends_it(void **state _unused_)
{
	struct main_world *w = world(true);

	switch_on(w);
	assert_int_equal(told(w), 600);
	key_logging_end(&w->g, "the process that wrote them ended");
	main_world_said(w, "key-log-off", "the process that wrote them ended");
	w->procs[0].ready = false;
	refused(w, "does not run");
	world_free(w);
}

static void the_daemons_end_ends_it(void **state _unused_)
{
	struct main_world *w = world(true);

	switch_on(w);
	assert_int_equal(told(w), 600);
	key_logging_stop(&w->g);
	main_world_said(w, "key-log-off", "the daemon ends");
	assert_false(opened(w));
	world_free(w);
}

static void on_restarted(void *ctx, int error, const char *why _unused_)
{
	unsigned int *times = ctx;

	assert_int_equal(error, 0);
	(*times)++;
}

/* ike or verify answers the restart, in a message without a body. */
static void says(struct main_world *w, enum msg_type type, int *fd)
{
	struct msg_reader r = {0};

	assert_int_equal(restart_on_message(&w->procs[0], type, &r, fd), 0);
}

/* The next main knows nothing of it, and has nobody's keys written. */
static void a_restart_ends_it(void **state _unused_)
{
	struct main_world *w = world(true);
	unsigned int restarted = 0;
	int launcher, fd;

	w->g.launcher = main_channel_new(w->g.base, ROLE_LAUNCHER, &launcher);
	switch_on(w);
	assert_int_equal(told(w), 600);
	assert_int_equal(restart_start(&w->g, on_restarted, &restarted), 0);
	/* It goes on until there is no way back. */
	assert_int_equal(sealed_new("snapshot", "x", 1, &fd), 0);
	says(w, MSG_SAVED, &fd);
	assert_true(w->c.key_log_until != 0);
	fd = -EBADF;
	says(w, MSG_WATCHED_ALL, &fd);
	assert_int_equal(restarted, 1);
	main_world_said(w, "key-log-off", "the daemon is restarted");
	assert_true(w->c.key_log_until == 0);
	restart_free(&w->g);
	(void)channel_free(w->g.launcher);
	(void)close(launcher);
	world_free(w);
}

static void files_are_emptied_unless_another_connection_writes(void **state _unused_)
{
	struct main_world *w = world(true);
	struct conn other = {.g = &w->g, .id = 2, .cfg = &w->cfg}, *both[2] = {&w->c, &other};

	w->g.conns = both;
	w->g.n_conns = 2;
	assert_int_equal(write(w->g.key_files[KEY_LOG_ESP], "line\n", 5), 5);
	other.key_log_until = 1;
	switch_on(w);
	assert_int_equal(told(w), 600);
	assert_int_equal(size_of(files[KEY_LOG_ESP]), 5);
	other.key_log_until = w->c.key_log_until = 0;
	switch_on(w);
	assert_int_equal(size_of(files[KEY_LOG_ESP]), 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_leave_there_are_no_files),
		cmocka_unit_test(only_root_reads_them),
		cmocka_unit_test(links_are_not_followed),
		cmocka_unit_test(a_file_of_somebody_else_is_not_taken),
		cmocka_unit_test(who_ordered_it_is_told),
		cmocka_unit_test(it_ends_by_itself_after_ten_minutes),
		cmocka_unit_test(a_configuration_that_takes_leave_away_ends_it),
		cmocka_unit_test(the_process_that_writes_ends_it),
		cmocka_unit_test(the_daemons_end_ends_it),
		cmocka_unit_test(a_restart_ends_it),
		cmocka_unit_test(files_are_emptied_unless_another_connection_writes),
	};

	cg_log_set_level(CG_LOG_ERROR);
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
