// SPDX-License-Identifier: Apache-2.0
/*
 * The implementation of control.h: framing and addressing of the control socket, both ends. Owns nothing beyond what
 * its callers hold. Called by userspace/cli and by the daemon's main process.
 */
#include "base/control.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

void control_reader_free(struct control_reader *r)
{
	free(r->buf);
	*r = (struct control_reader){0};
}

static size_t longest(const struct control_reader *r)
{
	return r->max > 0 ? r->max : CONTROL_LINE_MAX;
}

int control_reader_fill(struct control_reader *r, int fd)
{
	size_t max = longest(r);
	ssize_t n;

	if (r->len >= max && (r->scanned == r->len || r->len >= 2 * max))
		return -EMSGSIZE;
	if (r->size - r->len < 4096) {
		size_t size = r->size ? r->size * 2 : 8192;
		char *grown = realloc(r->buf, size);

		if (!grown)
			return -ENOMEM;
		r->buf = grown;
		r->size = size;
	}
	do
		n = recv(fd, r->buf + r->len, r->size - r->len, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	r->len += (size_t)n;
	return n > 0;
}

int control_reader_next(struct control_reader *r, json_t **ret)
{
	json_t *msg;
	size_t line;
	char *nl;

	nl = r->len > r->scanned ? memchr(r->buf + r->scanned, '\n', r->len - r->scanned) : NULL;
	if (!nl) {
		r->scanned = r->len;
		return 0;
	}
	line = (size_t)(nl - r->buf);
	msg = line < longest(r) ? json_loadb(r->buf, line, JSON_REJECT_DUPLICATES, NULL) : NULL;
	memmove(r->buf, nl + 1, r->len - line - 1);
	r->len -= line + 1;
	r->scanned = 0;
	if (!json_is_object(msg)) {
		json_decref(msg);
		return -EBADMSG;
	}
	*ret = msg;
	return 1;
}

char *control_encode(const json_t *msg, size_t *ret_len)
{
	size_t n;
	char *s, *grown;

	s = json_dumps(msg, JSON_COMPACT);
	if (!s)
		return NULL;
	n = strlen(s);
	grown = n < CONTROL_ANSWER_MAX ? realloc(s, n + 2) : NULL;
	if (!grown) {
		free(s);
		return NULL;
	}
	grown[n] = '\n';
	grown[n + 1] = 0;
	*ret_len = n + 1;
	return grown;
}

int control_parse_request(json_t *msg, const char **ret_op, json_t **ret_args)
{
	json_t *v = json_object_get(msg, "v"), *op = json_object_get(msg, "op"), *args;

	if (!json_is_integer(v) || !json_is_string(op))
		return -EBADMSG;
	if (json_integer_value(v) != CONTROL_VERSION)
		return -EPROTONOSUPPORT;
	args = json_object_get(msg, "args");
	if (!args) {
		args = json_object();
		if (!args || json_object_set_new(msg, "args", args) < 0)
			return -ENOMEM;
	}
	if (!json_is_object(args))
		return -EBADMSG;
	*ret_op = json_string_value(op);
	*ret_args = args;
	return 0;
}

json_t *control_result(json_t *result)
{
	return json_pack("{s:b, s:o}", "ok", 1, "result", result ? result : json_null());
}

json_t *control_error(const char *error, const char *hint)
{
	return json_pack("{s:b, s:s, s:s*}", "ok", 0, "error", error, "hint", hint);
}

json_t *control_event(json_t *event)
{
	return json_pack("{s:o}", "event", event);
}

const char *control_socket_path(const char *path)
{
	const char *env;

	if (path)
		return path;
	env = getenv(CONTROL_SOCKET_ENV);
	return env && *env ? env : CONTROL_SOCKET_PATH;
}

static int fill_sockaddr(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!*path)
		return -EINVAL;
	if (strlen(path) >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return 0;
}

int control_connect(const char *path, usec_t timeout)
{
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_un sa;
	struct timeval tv = {.tv_sec = (time_t)(timeout / USEC_PER_SEC),
			     .tv_usec = (suseconds_t)(timeout % USEC_PER_SEC)};
	int r;

	r = fill_sockaddr(path, &sa);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* A Unix connect() waits for room in the backlog as long as a send would. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return TAKE_FD(fd);
}

int control_listen(const char *path, mode_t mode)
{
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_un sa;
	struct stat st;
	mode_t mask;
	int r;

	r = fill_sockaddr(path, &sa);
	if (r < 0)
		return r;
	if (lstat(path, &st) >= 0) {
		if (!S_ISSOCK(st.st_mode))
			return -EEXIST;
		r = control_connect(path, USEC_PER_SEC);
		if (r >= 0) {
			(void)safe_close(r);
			return -EADDRINUSE;
		}
		if (r == -ECONNREFUSED && unlink(path) < 0 && errno != ENOENT)
			return -errno;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0777 & ~mode);
	r = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? -errno : 0;
	(void)umask(mask);
	if (r < 0)
		return r;
	if (listen(fd, 64) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* Waits until fd is ready or `deadline` (boot time) has passed. */
static int wait_ready(int fd, short events, usec_t deadline)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = events};
		int ms = -1, n;

		if (deadline != USEC_INFINITY) {
			usec_t left = usec_sub(deadline, now_boottime());

			ms = (int)MIN((left + 999) / USEC_PER_MSEC, (usec_t)3600000);
		}
		n = poll(&p, 1, ms);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0 && deadline != USEC_INFINITY && now_boottime() >= deadline)
			return -ETIMEDOUT;
	}
}

int control_send(int fd, const json_t *msg, usec_t timeout)
{
	usec_t deadline = usec_add(now_boottime(), timeout);
	_cleanup_free_ char *line = NULL;
	size_t len = 0, done = 0;
	int r;

	line = control_encode(msg, &len);
	if (!line || len > CONTROL_LINE_MAX)
		return -EMSGSIZE;
	while (done < len) {
		ssize_t n = send(fd, line + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			done += (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		r = wait_ready(fd, POLLOUT, deadline);
		if (r < 0)
			return r;
	}
	return 0;
}

int control_receive(int fd, struct control_reader *reader, usec_t timeout, json_t **ret)
{
	usec_t deadline = usec_add(now_boottime(), timeout);

	reader->max = CONTROL_ANSWER_MAX;
	for (;;) {
		int r = control_reader_next(reader, ret);

		if (r != 0)
			return r < 0 ? r : 0;
		r = wait_ready(fd, POLLIN, deadline);
		if (r < 0)
			return r;
		r = control_reader_fill(reader, fd);
		if (r == 0)
			return -ECONNRESET;
		if (r < 0 && r != -EAGAIN)
			return r;
	}
}
