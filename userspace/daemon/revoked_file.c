/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of what is revoked. Holds no state but the file's descriptor, which is main's.
 */
#include "daemon/revoked_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"

/* What is revoked by hand, or taken back, has room that what was seen does not take. */
enum {
	FILE_MAX = 64 * 1024 * 1024,
	LINE_MAX_BYTES = 4096,
	KEPT_FOR_HAND = 2 * REVOKED_BY_HAND_MAX * LINE_MAX_BYTES,
};

/* ---------------------------------------------------------------- one line */

static char *to_line(const struct revoked *r, bool revoked)
{
	char hash[2 * PKI_SHA256_SIZE + 1], at[TIMESTAMP_SIZE];
	_cleanup_json_ json_t *o = NULL;
	_cleanup_free_ char *text = NULL;

	(void)hex_encode(r->hash, sizeof(r->hash), hash, sizeof(hash));
	if (revoked)
		o = json_pack("{s:b, s:s, s:s, s:s, s:I, s:s, s:s, s:s}", "revoked", 1, "hash",
			      hash, "by", revoked_by_name(r->by), "at", format_timestamp(r->at, at),
			      "not_after", (json_int_t)r->not_after, "who", r->who, "subject",
			      r->subject, "text", r->text);
	else
		o = json_pack("{s:b, s:s}", "revoked", 0, "hash", hash);
	text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	return text ? str_printf("%s\n", text) : NULL;
}

static bool copy_text(const json_t *o, const char *key, char *out, size_t size)
{
	const char *s = json_string_value(json_object_get(o, key));

	if (!s || strlen(s) >= size)
		return false;
	(void)snprintf(out, size, "%s", s);
	pki_printable(out);
	return true;
}

/* What was seen and has expired needs no revocation any more. */
static int take_line(const char *line, size_t len, int64_t now, struct revoked_set *set)
{
	_cleanup_json_ json_t *o = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *hash = json_string_value(json_object_get(o, "hash"));
	const char *by = json_string_value(json_object_get(o, "by"));
	const char *at = json_string_value(json_object_get(o, "at"));
	const json_t *revoked = json_object_get(o, "revoked");
	struct revoked r = {.by = _REVOKED_BY_MAX};
	size_t n;
	int e;

	if (!json_is_boolean(revoked) || !hash ||
	    hex_decode(hash, strlen(hash), r.hash, sizeof(r.hash), &n) < 0 || n != sizeof(r.hash))
		return -EBADMSG;
	if (json_is_false(revoked)) {
		(void)revoked_set_del(set, r.hash);
		return 0;
	}
	for (int i = 0; by && i < _REVOKED_BY_MAX; i++) {
		if (streq(by, revoked_by_name((enum revoked_by)i)))
			r.by = (enum revoked_by)i;
	}
	if (r.by == _REVOKED_BY_MAX || !at || parse_timestamp(at, &r.at) < 0 ||
	    !json_is_integer(json_object_get(o, "not_after")) ||
	    !copy_text(o, "who", r.who, sizeof(r.who)) ||
	    !copy_text(o, "subject", r.subject, sizeof(r.subject)) ||
	    !copy_text(o, "text", r.text, sizeof(r.text)))
		return -EBADMSG;
	r.not_after = json_integer_value(json_object_get(o, "not_after"));
	if (r.by != REVOKED_BY_HAND && r.not_after < now && clock_plausible(now))
		return 0;
	e = revoked_set_add(set, &r);
	return e == -EEXIST ? 0 : e;
}

static int take_lines(const char *path, const char *text, size_t len, int64_t now,
		      struct revoked_set *set)
{
	unsigned int number = 1;

	for (const char *line = text, *end; line < text + len; line = end + 1, number++) {
		int r;

		end = memchr(line, '\n', len - (size_t)(line - text));
		if (!end) {
			log_warning("%s:%u: the last line has no end: it is left out", path,
				    number);
			return 0;
		}
		r = take_line(line, (size_t)(end - line), now, set);
		if (r < 0)
			return log_error_errno(
				r,
				"%s:%u: is damaged; put the file right, or move it away and revoke again",
				path, number);
	}
	return 0;
}

/* ---------------------------------------------------------------- the file */

static int read_all(const char *path, int64_t now, struct revoked_set *set)
{
	_cleanup_close_ int fd = open(path,
				      O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t len;
	int r;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return log_error_errno(errno, "%s cannot be opened", path);
	if (!S_ISREG(st.st_mode))
		return log_error_errno(EINVAL, "%s is no regular file", path);
	r = file_check_trusted(fd, NULL);
	if (r < 0)
		return log_error_errno(r, "others than root can change %s", path);
	r = file_read_fd(fd, FILE_MAX, &text, &len);
	if (r < 0)
		return log_error_errno(r, "%s cannot be read", path);
	return take_lines(path, text, len, now, set);
}

static int write_all_anew(const char *path, const struct revoked_set *set)
{
	_cleanup_strbuf_ struct cg_strbuf b = {0};
	const struct revoked *r;

	LIST_FOREACH(r, &set->all, all)
	{
		_cleanup_free_ char *line = to_line(r, true);

		if (!line)
			return -ENOMEM;
		strbuf_add(&b, line);
	}
	if (b.failed)
		return -ENOMEM;
	return file_write_atomic(path, b.s ? b.s : "", b.len, 0600);
}

int revoked_file_open(const char *dir, int64_t now, struct revoked_set *set, int *ret)
{
	_cleanup_free_ char *path = str_printf("%s/%s", dir, REVOKED_FILE);
	int fd, r;

	if (!path)
		return -ENOMEM;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return log_error_errno(errno, "cannot make %s (gateway.state_dir)", dir);
	r = read_all(path, now, set);
	if (r < 0)
		return r;
	r = write_all_anew(path, set);
	if (r < 0)
		return log_error_errno(r, "%s cannot be written (gateway.state_dir)", path);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	if (fd < 0)
		return log_error_errno(errno, "%s cannot be opened", path);
	*ret = fd;
	return 0;
}

int revoked_file_append(int fd, const struct revoked *r, bool revoked)
{
	_cleanup_free_ char *line = to_line(r, revoked);
	struct stat st;
	int e;

	if (fd < 0)
		return -EBADF;
	if (!line)
		return -ENOMEM;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size >
	    FILE_MAX - LINE_MAX_BYTES - (revoked && r->by != REVOKED_BY_HAND ? KEPT_FOR_HAND : 0))
		return -EFBIG;
	e = write_all(fd, line, strlen(line));
	if (e >= 0 && fdatasync(fd) < 0)
		e = -errno;
	/* Half a line would spoil the next one. */
	if (e < 0 && ftruncate(fd, st.st_size) < 0)
		(void)log_error_errno(errno, "a line that was cut short cannot be taken back");
	return e;
}
