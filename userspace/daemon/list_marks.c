/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks of lists, and their file. Owns the marks, not the descriptor. Called by main (marking.c) and the verify workers.
 */
#include "daemon/list_marks.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"

void list_marks_init(struct list_marks *s)
{
	*s = (struct list_marks){.max = LIST_MARKS_MAX};
	TAILQ_INIT(&s->all);
}

void list_marks_done(struct list_marks *s)
{
	struct list_mark *mark;

	while (s->max > 0 && (mark = TAILQ_FIRST(&s->all))) {
		table_del(&s->by_scope, &mark->by_scope);
		TAILQ_REMOVE(&s->all, mark, all);
		free(mark);
	}
	table_done(&s->by_scope);
	list_marks_init(s);
}

static uint64_t key_of(const uint8_t scope[PKI_SHA256_SIZE])
{
	uint64_t key;

	memcpy(&key, scope, sizeof(key));
	return key;
}

static struct list_mark *find(const struct list_marks *s, const uint8_t scope[PKI_SHA256_SIZE])
{
	struct table_node *n = table_find(&s->by_scope, key_of(scope));

	for (; n; n = table_next(n)) {
		struct list_mark *mark = container_of(n, struct list_mark, by_scope);

		if (memcmp(mark->m.scope, scope, PKI_SHA256_SIZE) == 0)
			return mark;
	}
	return NULL;
}

const struct pki_crl_mark *list_marks_find(const struct list_marks *s,
					   const uint8_t scope[PKI_SHA256_SIZE])
{
	const struct list_mark *mark = find(s, scope);

	return mark ? &mark->m : NULL;
}

/* One for a new scope, at the end; of those that are there, if they are as many as there may be. */
static struct list_mark *add(struct list_marks *s, const uint8_t scope[PKI_SHA256_SIZE])
{
	struct list_mark *mark;

	if (s->n >= s->max) {
		mark = TAILQ_FIRST(&s->all);
		table_del(&s->by_scope, &mark->by_scope);
		TAILQ_REMOVE(&s->all, mark, all);
		s->forgot = true;
	} else {
		mark = calloc(1, sizeof(*mark));
		if (!mark)
			return NULL;
		mark->place = (uint32_t)s->n++;
	}
	TAILQ_INSERT_TAIL(&s->all, mark, all);
	table_add(&s->by_scope, &mark->by_scope, key_of(scope));
	return mark;
}

int list_marks_raise(struct list_marks *s, const struct pki_crl_mark *m, struct list_mark **ret)
{
	struct list_mark *mark = find(s, m->scope);

	if (mark && !pki_crl_mark_newer(m, &mark->m))
		return 0;
	if (!mark)
		mark = add(s, m->scope);
	if (!mark)
		return -ENOMEM;
	mark->m = *m;
	mark->sequence = s->sequence++;
	TAILQ_REMOVE(&s->all, mark, all);
	TAILQ_INSERT_TAIL(&s->all, mark, all);
	if (ret)
		*ret = mark;
	return 1;
}

/* ---------------------------------------------------------------- the file */

/* The first version knew lists by names alone, whoever had signed them, the second by authority key identifiers as well: nothing can be made of that. */
#define DIGEST_TEXT "certgate: newest revocation list, 3"

/* Of this machine: the file is not carried to others. */
struct record {
	uint8_t scope[PKI_SHA256_SIZE];
	int64_t this_update;
	uint64_t sequence;
	uint8_t number[PKI_CRL_NUMBER_SIZE];
	uint8_t has_number;
	uint8_t zero[3];
	uint8_t digest[16]; /* of all before */
};
_Static_assert(sizeof(struct record) == 88, "a record has no gaps");

static void digest(const struct record *r, uint8_t ret[PKI_SHA256_SIZE])
{
	uint8_t all[sizeof(DIGEST_TEXT) + offsetof(struct record, digest)];

	memcpy(all, DIGEST_TEXT, sizeof(DIGEST_TEXT));
	memcpy(all + sizeof(DIGEST_TEXT), r, offsetof(struct record, digest));
	SHA256(all, sizeof(all), ret);
}

/* Its place may be taken again if it is damaged. */
static int take_record(struct list_marks *s, const struct record *r, size_t *n_damaged)
{
	struct pki_crl_mark m = {.this_update = r->this_update, .number.there = r->has_number == 1};
	uint8_t hash[PKI_SHA256_SIZE];
	struct list_mark *mark;
	int e;

	digest(r, hash);
	if (memcmp(hash, r->digest, sizeof(r->digest)) != 0) {
		(*n_damaged)++;
		return 0;
	}
	memcpy(m.scope, r->scope, sizeof(m.scope));
	memcpy(m.number.octets, r->number, sizeof(m.number.octets));
	e = list_marks_raise(s, &m, &mark);
	if (e > 0)
		mark->sequence = r->sequence;
	return e < 0 ? e : 0;
}

static int compare_age(const void *a, const void *b)
{
	const struct list_mark *const *x = a, *const *y = b;

	return ((*x)->sequence > (*y)->sequence) - ((*x)->sequence < (*y)->sequence);
}

/* They came in the order of their places: the one that was raised longest ago is to be the first again. */
static int sort_by_age(struct list_marks *s)
{
	_cleanup_free_ struct list_mark **all = calloc(MAX(s->n, (size_t)1), sizeof(*all));
	struct list_mark *mark;
	size_t n = 0;

	if (!all)
		return -ENOMEM;
	TAILQ_FOREACH(mark, &s->all, all)
	all[n++] = mark;
	if (n > 1)
		qsort(all, n, sizeof(*all), compare_age);
	TAILQ_INIT(&s->all);
	for (size_t i = 0; i < n; i++)
		TAILQ_INSERT_TAIL(&s->all, all[i], all);
	s->sequence = n > 0 ? all[n - 1]->sequence + 1 : 0;
	return 0;
}

static int read_all(int fd, const char *path, struct list_marks *s)
{
	_cleanup_free_ char *data = NULL;
	size_t len, n_damaged = 0;
	int r;

	r = file_read_fd(fd, LIST_MARKS_MAX * sizeof(struct record), &data, &len);
	if (r < 0)
		return r;
	for (size_t at = 0; at + sizeof(struct record) <= len && r >= 0;
	     at += sizeof(struct record)) {
		struct record one;

		memcpy(&one, data + at, sizeof(one));
		r = take_record(s, &one, &n_damaged);
	}
	if (n_damaged > 0)
		log_warning(
			"%s: %zu records are damaged, or of another version, and left out: of these lists an older one would not be noticed",
			path, n_damaged);
	return r < 0 ? r : sort_by_age(s);
}

int list_marks_open(const char *dir, struct list_marks *s, int *ret)
{
	_cleanup_free_ char *path = str_printf("%s/%s", dir, LIST_MARKS_FILE);
	_cleanup_close_ int fd = -EBADF;
	const struct list_mark *mark;
	struct stat st;
	int r;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return log_error_errno(errno, "%s cannot be opened (gateway.state_dir)", path);
	if (!S_ISREG(st.st_mode))
		return log_error_errno(EINVAL, "%s is no regular file", path);
	r = file_check_trusted(fd, NULL);
	if (r < 0)
		return log_error_errno(r, "others than root can change %s", path);
	r = read_all(fd, path, s);
	/* Those that were read are in places of their own again, without gaps. */
	TAILQ_FOREACH(mark, &s->all, all)
	{
		if (r >= 0)
			r = list_marks_write(fd, mark);
	}
	if (r >= 0 && ftruncate(fd, (off_t)(s->n * sizeof(struct record))) < 0)
		r = -errno;
	if (r < 0)
		return log_error_errno(r, "%s cannot be read and written", path);
	*ret = TAKE_FD(fd);
	return 0;
}

int list_marks_write(int fd, const struct list_mark *mark)
{
	struct record r = {.this_update = mark->m.this_update,
			   .sequence = mark->sequence,
			   .has_number = mark->m.number.there};
	uint8_t hash[PKI_SHA256_SIZE];

	memcpy(r.scope, mark->m.scope, sizeof(r.scope));
	memcpy(r.number, mark->m.number.octets, sizeof(r.number));
	digest(&r, hash);
	memcpy(r.digest, hash, sizeof(r.digest));
	if (lseek(fd, (off_t)(mark->place * sizeof(r)), SEEK_SET) < 0)
		return -errno;
	return write_all(fd, &r, sizeof(r));
}

/* ---------------------------------------------------------------- messages */

void proto_put_list_mark(struct msg_writer *w, const struct pki_crl_mark *m)
{
	msg_put_fixed(w, m->scope, sizeof(m->scope));
	msg_put_bool(w, m->number.there);
	msg_put_fixed(w, m->number.octets, sizeof(m->number.octets));
	msg_put_i64(w, m->this_update);
}

void proto_get_list_mark(struct msg_reader *r, struct pki_crl_mark *ret)
{
	msg_get_fixed(r, ret->scope, sizeof(ret->scope));
	ret->number.there = msg_get_bool(r);
	msg_get_fixed(r, ret->number.octets, sizeof(ret->number.octets));
	ret->this_update = msg_get_i64(r);
}
