/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key log as an administrator sees it: which connections allow it, when it was switched on and by whom, when it ends. The keys
 * themselves are written by ike, into files that are opened here, at the start, since main opens none for writing afterwards.
 */
#include "daemon/key_logging.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/control.h"
#include "base/str.h"
#include "daemon/channel.h"
#include "daemon/conn.h"
#include "daemon/control.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/key_log.h"
#include "daemon/proc.h"
#include "daemon/proto_ike.h"

static const char *const names[_KEY_LOG_MAX] = {
	[KEY_LOG_IKE] = "ikev2_decryption_table",
	[KEY_LOG_ESP] = "esp_sa",
};

static int open_file(const char *dir, const char *name)
{
	_cleanup_free_ char *path = str_printf("%s/%s", dir, name);
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	if (!path)
		return -ENOMEM;
	/* Not waiting for anybody, should it be a FIFO. */
	fd = open(path,
		  O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK,
		  0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* A link could lead the keys elsewhere, and whoever has it open reads along. */
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid())
		return -EPERM;
	if (fchmod(fd, 0600) < 0)
		return -errno;
	return TAKE_FD(fd);
}

void key_logging_start(struct gateway *g)
{
	const char *dir = g->config->gateway.state_dir;
	bool allowed = false;

	for (size_t i = 0; i < _KEY_LOG_MAX; i++)
		g->key_files[i] = -EBADF;
	for (size_t i = 0; i < g->config->n_connections; i++)
		allowed = allowed || g->config->connections[i].key_log;
	for (size_t i = 0; i < _KEY_LOG_MAX && allowed && dir; i++) {
		g->key_files[i] = open_file(dir, names[i]);
		if (g->key_files[i] < 0)
			(void)log_warning_errno(g->key_files[i],
						"%s/%s cannot be opened: there is no key log", dir,
						names[i]);
	}
}

static bool any_is_on(const struct gateway *g)
{
	for (size_t i = 0; i < g->n_conns; i++) {
		if (g->conns[i]->key_log_until != 0)
			return true;
	}
	return false;
}

static int tell(struct conn *c, uint32_t seconds)
{
	struct msg_writer m;

	msg_begin(&m, MSG_KEY_LOG);
	msg_put_u32(&m, c->id);
	msg_put_u32(&m, seconds);
	return channel_send(ike_channel(c->g), &m, -EBADF);
}

static int give_files(struct gateway *g)
{
	int r = 0;

	for (uint8_t i = 0; i < _KEY_LOG_MAX && r >= 0; i++) {
		struct msg_writer m;

		msg_begin(&m, MSG_KEY_LOG_FILE);
		msg_put_u8(&m, i);
		r = channel_send(ike_channel(g), &m, g->key_files[i]);
	}
	return r;
}

static void off(struct conn *c, const char *why)
{
	if (c->key_log_until == 0)
		return;
	c->key_log_until = 0;
	history_note(c->g, c, IKE_WARNING, "key-log-off", NULL,
		     "the files keep what was written: delete their contents when they have served",
		     "keys are not written any more: %s", why);
}

json_t *key_log_on(struct conn *c, const char *who)
{
	struct gateway *g = c->g;
	const char *dir = g->config->gateway.state_dir;
	int r;

	if (!c->cfg->key_log)
		return control_error("the connection's configuration does not allow a key log",
				     "set 'key_log: true' in it, and reload");
	if (g->key_files[KEY_LOG_IKE] < 0 || g->key_files[KEY_LOG_ESP] < 0)
		return control_error(
			"the files of the key log are not open",
			"they are opened at the start: 'certgate restart' is one, and loses no packet");
	/* What others do not need any more goes. */
	for (size_t i = 0; i < _KEY_LOG_MAX && !any_is_on(g); i++) {
		if (ftruncate(g->key_files[i], 0) < 0)
			(void)log_warning_errno(errno, "%s/%s cannot be emptied", dir, names[i]);
	}
	r = give_files(g);
	if (r >= 0)
		r = tell(c, KEY_LOG_SECONDS);
	if (r < 0)
		return control_error(
			"the process that has the keys does not run",
			"it is started again by itself: try again in a moment; the log has the reason");
	c->key_log_until = (int64_t)(now_realtime() / USEC_PER_SEC) + KEY_LOG_SECONDS;
	c->key_log_end = now_boottime() + KEY_LOG_SECONDS * USEC_PER_SEC;
	history_note(g, c, IKE_WARNING, "key-log-on", NULL,
		     "whoever reads these files reads the connection's traffic",
		     "keys are written to %s/%s and %s/%s for %d seconds, by order of %s", dir,
		     names[KEY_LOG_IKE], dir, names[KEY_LOG_ESP], KEY_LOG_SECONDS, who);
	return control_result(json_pack("{s:s, s:b, s:i, s:s}", "name", c->cfg->name, "on", true,
					"seconds", KEY_LOG_SECONDS, "directory", dir));
}

json_t *key_log_off(struct conn *c, const char *who)
{
	char why[CLIENT_TEXT + 16];

	(void)tell(c, 0);
	(void)snprintf(why, sizeof(why), "by order of %s", who);
	off(c, why);
	return control_result(json_pack("{s:s, s:b}", "name", c->cfg->name, "on", false));
}

void key_logging_tick(struct gateway *g, usec_t now)
{
	for (size_t i = 0; i < g->n_conns; i++) {
		struct conn *c = g->conns[i];

		if (c->key_log_until == 0)
			continue;
		if (now >= c->key_log_end) {
			off(c, "its time is over");
		} else if (!c->cfg->key_log) {
			(void)tell(c, 0);
			off(c, "the configuration does not allow it any more");
		}
	}
}

void key_logging_removed(struct conn *c)
{
	off(c, "the connection is gone, or begins anew");
}

void key_logging_end(struct gateway *g, const char *why)
{
	for (size_t i = 0; i < g->n_conns; i++)
		off(g->conns[i], why);
}

void key_logging_stop(struct gateway *g)
{
	key_logging_end(g, "the daemon ends");
	for (size_t i = 0; i < _KEY_LOG_MAX; i++) {
		if (g->key_files[i] >= 0)
			(void)safe_close(g->key_files[i]);
		g->key_files[i] = -EBADF;
	}
}
