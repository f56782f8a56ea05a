// SPDX-License-Identifier: Apache-2.0
/*
 * The implementation of log.h. Owns the process's log level, component name, target and the journal's socket. One
 * line is one write(2), so that lines of several processes do not mix. Called by everything.
 */
#include "base/log.h"

#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

static const char *component = "certgate";
static enum cg_log_level max_level = CG_LOG_INFO;
static enum cg_log_target target = CG_LOG_TARGET_STDERR;
static const char *journal_path = "/run/systemd/journal/socket";
static int journal_fd = -EBADF;
static cg_log_sink_t sink_fn;
static void *sink_userdata;

/* Whether stderr is the stream that systemd connected to the journal (JOURNAL_STREAM=device:inode). */
static bool stderr_is_journal(void)
{
	const char *e = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!e || sscanf(e, "%llu:%llu", &dev, &ino) != 2)
		return false;
	if (fstat(STDERR_FILENO, &st) < 0)
		return false;
	return (unsigned long long)st.st_dev == dev && (unsigned long long)st.st_ino == ino;
}

static int open_journal(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -EBADF;

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", journal_path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

void cg_log_init(const char *name, enum cg_log_level level, enum cg_log_target t)
{
	component = name;
	max_level = level;
	journal_fd = safe_close(journal_fd);

	if (t == CG_LOG_TARGET_AUTO)
		t = stderr_is_journal() ? CG_LOG_TARGET_PREFIX : CG_LOG_TARGET_STDERR;
	if (t == CG_LOG_TARGET_JOURNAL) {
		journal_fd = open_journal();
		if (journal_fd < 0)
			t = CG_LOG_TARGET_PREFIX;
	}
	target = t;
}

void cg_log_set_journal(const char *path)
{
	journal_path = path;
}

void cg_log_set_level(enum cg_log_level level)
{
	max_level = level;
}

enum cg_log_level cg_log_get_level(void)
{
	return max_level;
}

const char *cg_log_component(void)
{
	return component;
}

int cg_log_fd(void)
{
	return journal_fd;
}

void cg_log_set_sink(cg_log_sink_t sink, void *userdata)
{
	sink_fn = sink;
	sink_userdata = userdata;
}

static const char *const level_names[] = {
	[CG_LOG_ERROR] = "error", [CG_LOG_WARNING] = "warning", [CG_LOG_NOTICE] = "notice",
	[CG_LOG_INFO] = "info",	  [CG_LOG_DEBUG] = "debug",
};

int cg_log_level_from_string(const char *s, enum cg_log_level *ret)
{
	for (size_t i = CG_LOG_ERROR; i < ARRAY_SIZE(level_names); i++)
		if (streq(level_names[i], s)) {
			*ret = (enum cg_log_level)i;
			return 0;
		}
	return -EINVAL;
}

const char *cg_log_level_to_string(enum cg_log_level level)
{
	if (level < CG_LOG_ERROR || level > CG_LOG_DEBUG)
		return "unknown";
	return level_names[level];
}

/* Appends s with control characters as \xNN; bytes above 0x7f pass (UTF-8). Always leaves room for a NUL. */
static size_t append_escaped(char *buf, size_t pos, size_t size, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c >= 0x20 && c != 0x7f) {
			if (pos + 1 >= size)
				break;
			buf[pos++] = (char)c;
			continue;
		}
		if (pos + 4 >= size)
			break;
		pos += (size_t)snprintf(buf + pos, size - pos, "\\x%02x", c);
	}
	buf[pos] = 0;
	return pos;
}

static size_t append_fields(char *buf, size_t pos, size_t size, const struct cg_log_field *fields,
			    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool quote;

		if (!fields[i].value)
			continue;
		quote = !*fields[i].value || strpbrk(fields[i].value, " \"=");
		pos = append_escaped(buf, pos, size, " ");
		pos = append_escaped(buf, pos, size, fields[i].key);
		pos = append_escaped(buf, pos, size, quote ? "=\"" : "=");
		pos = append_escaped(buf, pos, size, fields[i].value);
		if (quote)
			pos = append_escaped(buf, pos, size, "\"");
	}
	return pos;
}

/* Appends one field of the journal's datagram protocol; values with a newline were escaped before. */
static size_t journal_field(char *buf, size_t pos, size_t size, const char *prefix, const char *key,
			    const char *value)
{
	size_t start = pos;

	pos = append_escaped(buf, pos, size, prefix);
	for (; *key && pos + 1 < size; key++) {
		char c = *key;

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		else if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z'))
			c = '_';
		buf[pos++] = c;
	}
	pos = append_escaped(buf, pos, size, "=");
	pos = append_escaped(buf, pos, size, value);
	if (pos + 1 >= size)
		return start;
	buf[pos++] = '\n';
	return pos;
}

static bool write_journal(enum cg_log_level level, const char *event, const char *text,
			  const struct cg_log_field *fields, size_t n)
{
	char buf[CG_LOG_LINE_SIZE * 2], prio[4];
	size_t pos = 0;

	(void)snprintf(prio, sizeof(prio), "%d", (int)level);
	pos = journal_field(buf, pos, sizeof(buf), "", "PRIORITY", prio);
	pos = journal_field(buf, pos, sizeof(buf), "", "SYSLOG_IDENTIFIER", component);
	pos = journal_field(buf, pos, sizeof(buf), "", "MESSAGE", text);
	if (event)
		pos = journal_field(buf, pos, sizeof(buf), "CERTGATE_", "EVENT", event);
	for (size_t i = 0; i < n; i++)
		if (fields[i].value)
			pos = journal_field(buf, pos, sizeof(buf), "CERTGATE_", fields[i].key,
					    fields[i].value);
	return send(journal_fd, buf, pos, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)pos;
}

static void write_line(enum cg_log_level level, const char *event, const char *text,
		       const struct cg_log_field *fields, size_t n)
{
	char buf[CG_LOG_LINE_SIZE], head[16];
	size_t pos = 0;

	if (sink_fn) {
		sink_fn(level, event, text, fields, n, sink_userdata);
		return;
	}
	if (target == CG_LOG_TARGET_JOURNAL && write_journal(level, event, text, fields, n))
		return;

	if (target == CG_LOG_TARGET_STDERR) {
		pos = append_escaped(buf, pos, sizeof(buf) - 1, component);
		pos = append_escaped(buf, pos, sizeof(buf) - 1, ": ");
		if (level != CG_LOG_INFO && level != CG_LOG_NOTICE) {
			pos = append_escaped(buf, pos, sizeof(buf) - 1,
					     cg_log_level_to_string(level));
			pos = append_escaped(buf, pos, sizeof(buf) - 1, ": ");
		}
	} else {
		(void)snprintf(head, sizeof(head), "<%d>", (int)level);
		pos = append_escaped(buf, pos, sizeof(buf) - 1, head);
		pos = append_escaped(buf, pos, sizeof(buf) - 1, component);
		pos = append_escaped(buf, pos, sizeof(buf) - 1, ": ");
	}
	pos = append_escaped(buf, pos, sizeof(buf) - 1, text);
	if (event) {
		const struct cg_log_field f = {"event", event};

		pos = append_fields(buf, pos, sizeof(buf) - 1, &f, 1);
	}
	pos = append_fields(buf, pos, sizeof(buf) - 1, fields, n);
	buf[pos++] = '\n';
	for (size_t done = 0; done < pos;) {
		ssize_t w = write(STDERR_FILENO, buf + done, pos - done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			break;
		done += (size_t)w;
	}
}

int cg_log_internal(enum cg_log_level level, int error, const char *fmt, ...)
{
	int saved = errno;

	error = abs(error);
	if (level <= max_level) {
		char text[CG_LOG_TEXT_SIZE];
		va_list ap;

		errno = saved;
		va_start(ap, fmt);
		(void)vsnprintf(text, sizeof(text), fmt, ap);
		va_end(ap);
		if (error) {
			size_t n = strlen(text);

			(void)snprintf(text + n, sizeof(text) - n, ": %s", strerror(error));
		}
		write_line(level, /* event= */ NULL, text, /* fields= */ NULL, 0);
	}
	errno = saved;
	return -error;
}

void cg_log_event(enum cg_log_level level, const char *event, const struct cg_log_field *fields,
		  size_t n_fields, const char *fmt, ...)
{
	char text[CG_LOG_TEXT_SIZE];
	int saved = errno;
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	write_line(level, event, text, fields, n_fields);
	errno = saved;
}
