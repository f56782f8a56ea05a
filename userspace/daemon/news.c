/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of news and its file. Owns items, their descriptors and the file. Called by fetching.c, in main.
 */
#include "daemon/news.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/sealed.h"

enum { GRACE_MAX_SECONDS = 30 * 86400 };

static const char magic[8] = "cgnews1";

/* A record of the file, in this machine's byte order; the parts follow. */
struct record {
	char magic[8];
	uint32_t kind, url_len, request_len, cert_len, issuer_len, data_len;
	int64_t next_update;
	uint8_t sha256[PKI_SHA256_SIZE]; /* of all before, and the parts */
};

/* ---------------------------------------------------------------- times */

uint32_t news_again_in(int64_t next_update, int64_t now, uint32_t refresh)
{
	int64_t in = refresh;

	if (next_update != INT64_MAX && next_update > now)
		in = MIN(in, (next_update - now) / 4 * 3);
	else if (next_update <= now)
		in = MIN(in, (int64_t)NEWS_RETRY_SECONDS);
	return (uint32_t)MAX(in, (int64_t)NEWS_AT_LEAST_SECONDS);
}

uint32_t news_retry_in(unsigned int failures, uint32_t refresh)
{
	uint32_t in = NEWS_RETRY_SECONDS;

	while (failures-- > 1 && in < NEWS_RETRY_MAX_SECONDS)
		in *= 2;
	in = MIN(in, (uint32_t)NEWS_RETRY_MAX_SECONDS);
	in = MIN(in, refresh);
	return MAX(in, (uint32_t)NEWS_AT_LEAST_SECONDS);
}

/* ---------------------------------------------------------------- the table */

static uint64_t number_of(const uint8_t key[PKI_SHA256_SIZE])
{
	uint64_t n;

	memcpy(&n, key, sizeof(n));
	return n;
}

struct news_item *news_find(const struct news *n, const uint8_t key[PKI_SHA256_SIZE])
{
	for (struct table_node *at = table_find(&n->by_key, number_of(key)); at;
	     at = table_next(at)) {
		struct news_item *item = container_of(at, struct news_item, by_key);

		if (memcmp(item->key, key, PKI_SHA256_SIZE) == 0)
			return item;
	}
	return NULL;
}

struct news_item *news_find_number(const struct news *n, uint32_t number)
{
	return number != 0
		       ? TABLE_ENTRY(table_find(&n->by_number, number), struct news_item, by_number)
		       : NULL;
}

void news_init(struct news *n)
{
	*n = (struct news){.file = -EBADF};
	STAILQ_INIT(&n->waiting);
}

static void bytes_done(struct news_bytes *b)
{
	(void)safe_close(b->fd);
	free(b->data);
	*b = (struct news_bytes){.fd = -EBADF};
}

void news_del(struct news *n, struct news_item *item)
{
	LIST_REMOVE(item, all);
	if (item->is_waiting)
		STAILQ_REMOVE(&n->waiting, item, news_item, waiting);
	news_end(n, item);
	table_del(&n->by_key, &item->by_key);
	n->n--;
	n->n_lists -= item->what.kind == NEWS_CRL;
	n->bytes -= item->overhead + news_there(item)->size + item->fresh.size;
	bytes_done(&item->now);
	bytes_done(&item->fresh);
	bytes_done(&item->outdated);
	free(item->said.why);
	free(item->blobs);
	free(item);
}

void news_want(struct news_item *item, unsigned int worker, usec_t now)
{
	const usec_t used = NEWS_USED_SECONDS * USEC_PER_SEC;

	if (now - item->wanted_since >= used) {
		item->wanted_before = now - item->wanted_since < 2 * used ? item->wanted_by : 0;
		item->wanted_by = 0;
		item->wanted_since = now;
	}
	item->wanted_by |= 1U << worker;
	item->wanted = MAX(now, (usec_t)1);
}

uint32_t news_wanted_by(const struct news_item *item, usec_t now)
{
	const usec_t used = NEWS_USED_SECONDS * USEC_PER_SEC;

	if (now - item->wanted_since < used)
		return item->wanted_by | item->wanted_before;
	return now - item->wanted_since < 2 * used ? item->wanted_by : 0;
}

void news_worker_started(struct news_item *item, unsigned int worker)
{
	const uint32_t others = ~(1U << worker);

	item->wanted_by &= others;
	item->wanted_before &= others;
	item->came_to &= others;
	item->asked &= others;
}

/* Drops the one that was wanted longest ago, unless that is not long ago. lists: of those alone. */
static bool make_room(struct news *n, bool lists, const struct news_item *not_this, usec_t now)
{
	struct news_item *oldest = NULL, *item;

	LIST_FOREACH(item, &n->all, all)
	{
		if (item->number == 0 && item != not_this &&
		    (!lists || item->what.kind == NEWS_CRL) &&
		    (!oldest || item->wanted < oldest->wanted))
			oldest = item;
	}
	if (!oldest ||
	    (oldest->wanted != 0 && now - oldest->wanted < NEWS_USED_SECONDS * USEC_PER_SEC))
		return false;
	news_del(n, oldest);
	return true;
}

static struct ike_blob copy(uint8_t **at, struct ike_blob from)
{
	const struct ike_blob to = {*at, from.size};

	if (from.size > 0)
		memcpy(*at, from.data, from.size);
	*at += from.size;
	return to;
}

int news_add(struct news *n, const struct proto_news *what, usec_t now, struct news_item **ret)
{
	size_t size = what->request.size + what->cert.size + what->issuer.size;
	bool list = what->kind == NEWS_CRL;
	struct news_item *item;
	uint8_t *at;

	if (list && n->n_lists >= NEWS_LISTS_MAX && !make_room(n, true, NULL, now))
		return -ENOSPC;
	if ((n->n >= NEWS_ITEMS_MAX || n->bytes >= NEWS_BYTES_MAX) &&
	    !make_room(n, false, NULL, now))
		return -ENOSPC;
	item = calloc(1, sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->now.fd = item->fresh.fd = item->outdated.fd = -EBADF;
	item->overhead = sizeof(*item) + size;
	item->what = *what;
	item->blobs = at = malloc(MAX(size, (size_t)1));
	if (!at || proto_news_key(what, item->key) < 0) {
		free(at);
		free(item);
		return -ENOMEM;
	}
	item->what.request = copy(&at, what->request);
	item->what.cert = copy(&at, what->cert);
	item->what.issuer = copy(&at, what->issuer);
	LIST_INSERT_HEAD(&n->all, item, all);
	table_add(&n->by_key, &item->by_key, number_of(item->key));
	n->n++;
	n->n_lists += list;
	n->bytes += item->overhead;
	*ret = item;
	return 0;
}

uint32_t news_begin(struct news *n, struct news_item *item)
{
	do
		n->last_number++;
	while (n->last_number == 0 || news_find_number(n, n->last_number));
	item->number = n->last_number;
	table_add(&n->by_number, &item->by_number, item->number);
	n->n_fetches++;
	return item->number;
}

void news_end(struct news *n, struct news_item *item)
{
	if (item->number == 0)
		return;
	table_del(&n->by_number, &item->by_number);
	item->number = 0;
	n->n_fetches--;
}

void news_wait(struct news *n, struct news_item *item)
{
	if (item->is_waiting)
		return;
	item->is_waiting = true;
	STAILQ_INSERT_TAIL(&n->waiting, item, waiting);
}

struct news_item *news_next(struct news *n)
{
	struct news_item *item = STAILQ_FIRST(&n->waiting);

	if (item) {
		STAILQ_REMOVE_HEAD(&n->waiting, waiting);
		item->is_waiting = false;
	}
	return item;
}

static int read_data(int fd, uint8_t *out, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = pread(fd, out + done, size - done, (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		done += (size_t)got;
	}
	return 0;
}

int news_came(struct news *n, struct news_item *item, int *fd, size_t size, usec_t now)
{
	int r;

	news_refuse(n, item);
	while (n->bytes - news_there(item)->size + size > NEWS_BYTES_MAX) {
		if (!make_room(n, false, item, now))
			return -ENOSPC;
	}
	if (item->what.kind == NEWS_CRL)
		item->fresh.fd = TAKE_FD(*fd);
	else {
		uint8_t *data = malloc(MAX(size, (size_t)1));

		if (!data)
			return -ENOMEM;
		r = read_data(*fd, data, size);
		if (r < 0) {
			free(data);
			return r;
		}
		item->fresh.data = data;
	}
	item->fresh.size = size;
	n->bytes += size;
	item->fresh.serial = ++n->last_serial;
	return 0;
}

/* What was said is about what came. */
static void forget_said(struct news_item *item)
{
	free(item->said.why);
	item->said = (struct news_said){0};
	item->asked = 0;
}

void news_refuse(struct news *n, struct news_item *item)
{
	n->bytes -= item->fresh.size;
	bytes_done(&item->fresh);
	forget_said(item);
}

void news_accept(struct news *n, struct news_item *item, bool doubtful)
{
	if (item->fresh.size == 0)
		return;
	n->bytes -= news_there(item)->size;
	bytes_done(&item->now);
	bytes_done(&item->outdated);
	item->now = item->fresh;
	item->doubtful = doubtful;
	item->fresh = (struct news_bytes){.fd = -EBADF};
	forget_said(item);
}

void news_outdated(struct news *n, struct news_item *item)
{
	if (item->fresh.size == 0 || (item->now.size > 0 && !item->doubtful))
		return;
	n->bytes -= news_there(item)->size;
	bytes_done(&item->now);
	bytes_done(&item->outdated);
	item->outdated = item->fresh;
	item->fresh = (struct news_bytes){.fd = -EBADF};
	forget_said(item);
}

const struct news_bytes *news_there(const struct news_item *item)
{
	return item->now.size > 0 ? &item->now : &item->outdated;
}

int news_open(const struct news_bytes *b)
{
	int fd, r;

	if (b->size == 0)
		return -ENOENT;
	if (b->fd >= 0) {
		fd = fcntl(b->fd, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? -errno : fd;
	}
	r = sealed_new("news", b->data, b->size, &fd);
	return r < 0 ? r : fd;
}

int news_check_fd(int fd, size_t max, size_t *ret_size)
{
	const int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & wanted) != wanted || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size <= 0 || (uint64_t)st.st_size > max)
		return -EPERM;
	*ret_size = (size_t)st.st_size;
	return 0;
}

/* ---------------------------------------------------------------- the file */

static int read_full(int fd, void *out, size_t len)
{
	uint8_t *p = out;

	while (len > 0) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static size_t size_of(const struct record *r)
{
	return sizeof(*r) + r->url_len + r->request_len + r->cert_len + r->issuer_len + r->data_len;
}

static bool plausible(const struct record *r)
{
	return memcmp(r->magic, magic, sizeof(magic)) == 0 && r->kind < _NEWS_KIND_MAX &&
	       r->url_len > 0 && r->url_len < PROTO_URL_MAX &&
	       r->request_len <= PROTO_OCSP_REQUEST_MAX &&
	       (r->kind == NEWS_OCSP) == (r->request_len > 0) && r->cert_len > 0 &&
	       r->cert_len <= IKE_MAX_CERT_SIZE && r->issuer_len > 0 &&
	       r->issuer_len <= IKE_MAX_CERT_SIZE && r->data_len > 0 &&
	       r->data_len <= PKI_CRL_SIZE_MAX;
}

static int digest(const struct record *r, const uint8_t *parts, size_t len,
		  uint8_t ret[PKI_SHA256_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		 EVP_DigestUpdate(ctx, r, offsetof(struct record, sha256)) == 1 &&
		 EVP_DigestUpdate(ctx, parts, len) == 1 && EVP_DigestFinal_ex(ctx, ret, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -ENOMEM;
}

/* The parts of a record: the last one of its kind counts. */
static int take(struct news *n, const struct record *r, const uint8_t *parts, int64_t now,
		usec_t boot)
{
	static struct proto_news what;
	uint8_t key[PKI_SHA256_SIZE];
	const uint8_t *at = parts;
	_cleanup_close_ int fd = -EBADF;
	struct news_item *item;
	int e;

	/* It would be written again as another one. */
	if (memchr(at, 0, r->url_len))
		return -EBADMSG;
	what = (struct proto_news){.kind = (enum news_kind)r->kind};
	memcpy(what.url, at, r->url_len);
	pki_printable(what.url);
	at += r->url_len;
	what.request = (struct ike_blob){at, r->request_len};
	at += r->request_len;
	what.cert = (struct ike_blob){at, r->cert_len};
	at += r->cert_len;
	what.issuer = (struct ike_blob){at, r->issuer_len};
	at += r->issuer_len;
	e = proto_news_key(&what, key);
	if (e < 0)
		return e;
	item = news_find(n, key);
	if (r->next_update != INT64_MAX && r->next_update < now - GRACE_MAX_SECONDS) {
		if (item)
			news_del(n, item);
		return 0;
	}
	if (!item) {
		e = news_add(n, &what, boot, &item);
		if (e < 0)
			return e;
	}
	e = sealed_new("news", at, r->data_len, &fd);
	if (e >= 0)
		e = news_came(n, item, &fd, r->data_len, boot);
	if (e < 0)
		return e;
	news_accept(n, item, false);
	item->next_update = r->next_update;
	return 0;
}

/* 1: there was one; 0: the end; negative: damaged from here on. */
static int read_record(struct news *n, int64_t now, usec_t boot)
{
	_cleanup_free_ uint8_t *parts = NULL;
	uint8_t hash[PKI_SHA256_SIZE];
	struct record r;
	size_t len;
	ssize_t got;
	int e;

	got = read(n->file, &r, sizeof(r));
	if (got == 0)
		return 0;
	if (got != (ssize_t)sizeof(r) || !plausible(&r))
		return -EBADMSG;
	len = size_of(&r) - sizeof(r);
	parts = malloc(len);
	if (!parts)
		return -ENOMEM;
	e = read_full(n->file, parts, len);
	if (e >= 0)
		e = digest(&r, parts, len, hash);
	if (e >= 0 && memcmp(hash, r.sha256, sizeof(hash)) != 0)
		e = -EBADMSG;
	if (e >= 0)
		e = take(n, &r, parts, now, boot);
	if (e < 0)
		return e;
	n->file_size += size_of(&r);
	return 1;
}

static int load_data(const struct news_bytes *b, uint8_t *out)
{
	if (b->fd >= 0)
		return read_data(b->fd, out, b->size);
	memcpy(out, b->data, b->size);
	return 0;
}

static int write_record(struct news *n, const struct news_item *item)
{
	const struct proto_news *w = &item->what;
	struct record r = {.kind = (uint32_t)w->kind,
			   .url_len = (uint32_t)strlen(w->url),
			   .request_len = (uint32_t)w->request.size,
			   .cert_len = (uint32_t)w->cert.size,
			   .issuer_len = (uint32_t)w->issuer.size,
			   .data_len = (uint32_t)item->now.size,
			   .next_update = item->next_update};
	_cleanup_free_ uint8_t *parts = NULL;
	size_t len;
	uint8_t *at;
	int e;

	memcpy(r.magic, magic, sizeof(magic));
	len = size_of(&r) - sizeof(r);
	parts = at = malloc(len);
	if (!parts)
		return -ENOMEM;
	(void)copy(&at, (struct ike_blob){(const uint8_t *)w->url, r.url_len});
	(void)copy(&at, w->request);
	(void)copy(&at, w->cert);
	(void)copy(&at, w->issuer);
	e = load_data(&item->now, at);
	if (e >= 0)
		e = digest(&r, parts, len, r.sha256);
	if (e >= 0)
		e = write_all(n->file, &r, sizeof(r));
	if (e >= 0)
		e = write_all(n->file, parts, len);
	if (e >= 0)
		n->file_size += size_of(&r);
	else if (ftruncate(n->file, (off_t)n->file_size) < 0)
		n->file = safe_close(n->file);
	return e;
}

static void write_anew(struct news *n)
{
	const struct news_item *item;

	if (ftruncate(n->file, 0) < 0)
		return;
	n->file_size = 0;
	LIST_FOREACH(item, &n->all, all)
	{
		if (item->now.size > 0 && !item->doubtful && n->file >= 0)
			(void)write_record(n, item);
	}
}

void news_file_save(struct news *n, const struct news_item *item)
{
	int r;

	if (n->file < 0 || item->now.size == 0 || item->doubtful)
		return;
	if (n->file_size > 2 * n->bytes + 1024 * 1024) {
		write_anew(n);
		return;
	}
	r = write_record(n, item);
	/* A list that counts must not give way to an older one after a crash; answers are too many to wait for the disk with each. */
	if (r >= 0 && item->what.kind == NEWS_CRL && fdatasync(n->file) < 0)
		r = -errno;
	if (r < 0)
		(void)log_warning_errno(r, "what was fetched from %s is not kept over a restart",
					item->what.url);
}

void news_file_open(struct news *n, const char *dir, int64_t now, usec_t boot)
{
	_cleanup_free_ char *path = str_printf("%s/%s", dir, NEWS_FILE);
	struct stat st;
	int r;

	n->file = -EBADF;
	if (!path)
		return;
	n->file = open(path,
		       O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK,
		       0600);
	if (n->file < 0 || fstat(n->file, &st) < 0 || !S_ISREG(st.st_mode) ||
	    file_check_trusted(n->file, NULL) < 0) {
		log_warning("%s cannot be used: what is fetched is not kept over a restart", path);
		n->file = safe_close(n->file);
		return;
	}
	do
		r = read_record(n, now, boot);
	while (r > 0);
	if (r < 0)
		log_notice("%s is damaged from byte %zu on: the rest is fetched again", path,
			   n->file_size);
	if (ftruncate(n->file, (off_t)n->file_size) < 0)
		n->file = safe_close(n->file);
}

void news_done(struct news *n)
{
	struct news_item *item;

	while ((item = LIST_FIRST(&n->all)))
		news_del(n, item);
	table_done(&n->by_key);
	table_done(&n->by_number);
	n->file = safe_close(n->file);
}
