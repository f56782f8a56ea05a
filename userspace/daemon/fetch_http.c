/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transfers. Owns them, libcurl's handles, and the events of their sockets. Called by role_fetch.c.
 */
#include "daemon/fetch_http.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/queue.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "base/version.h"
#include "daemon/curl_loop.h"
#include "daemon/fetch_address.h"
#include "daemon/fetch_url.h"
#include "daemon/names.h"
#include "daemon/names_pool.h"

#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"

enum { CA_MAX = 4 * 1024 * 1024, CONNECT_SECONDS = 10, ADDRESSES_MAX = 8 };

struct transfer {
	TAILQ_ENTRY(transfer) queue; /* waiting, or active */
	struct http *h;
	uint32_t number;
	enum news_kind kind;
	char *url;
	uint8_t *request;
	size_t request_len;
	CURL *easy;		 /* NULL: waits for its turn, or for addresses */
	struct names_ask *asked; /* for those of host */
	struct event *late; /* the end of the time in which they are to come; NULL: not asked */
	char *host, *port;
	struct curl_slist *headers, *resolve;
	int fd;
	size_t size, max;
	unsigned int redirects;
	usec_t until;
	char text[PROTO_NEWS_TEXT];
};

struct http {
	http_done_fn done;
	void *ctx;
	struct curl_loop loop;
	TAILQ_HEAD(, transfer) waiting, active;
	size_t n_waiting, n_active;
	struct proto_fetch_setup allowed;
	struct names_pool *names;
	unsigned int limit; /* seconds, of a transfer */
	char *ca;	    /* the system's certification authorities, for https; NULL: none */
	size_t ca_len;
};

static void fail(struct transfer *t, const char *fmt, ...) _printf_(2, 3);

/* The first reason counts. */
static void fail(struct transfer *t, const char *fmt, ...)
{
	va_list ap;

	if (t->text[0])
		return;
	va_start(ap, fmt);
	(void)vsnprintf(t->text, sizeof(t->text), fmt, ap);
	va_end(ap);
	pki_printable(t->text);
}

static void hang_up(struct transfer *t)
{
	if (t->easy) {
		(void)curl_multi_remove_handle(t->h->loop.multi, t->easy);
		curl_easy_cleanup(t->easy);
		t->easy = NULL;
	}
	if (t->asked)
		names_pool_forget(t->h->names, t->asked);
	t->asked = NULL;
	if (t->late)
		event_free(t->late);
	t->late = NULL;
	free(TAKE_PTR(t->host));
	free(TAKE_PTR(t->port));
	curl_slist_free_all(t->headers);
	curl_slist_free_all(t->resolve);
	t->headers = t->resolve = NULL;
	t->fd = safe_close(t->fd);
	t->size = 0;
}

static void transfer_free(struct transfer *t)
{
	hang_up(t);
	free(t->url);
	free(t->request);
	free(t);
}

/* ---------------------------------------------------------------- libcurl asks */

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
	struct transfer *t = userdata;

	if (size * n > t->max - t->size) {
		fail(t, "more than %zu bytes", t->max);
		return 0;
	}
	if (write_all(t->fd, data, size * n) < 0) {
		fail(t, "no memory for it");
		return 0;
	}
	t->size += size * n;
	return size * n;
}

/* The second look at the address: whatever was resolved, this is where it goes. */
static curl_socket_t on_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *t = userdata;
	struct cg_endpoint e;
	const char *what;
	char text[CG_ADDR_SIZE];

	if (purpose != CURLSOCKTYPE_IPCXN || address->socktype != SOCK_STREAM ||
	    cg_endpoint_from_sockaddr(&address->addr, address->addrlen, &e) < 0) {
		fail(t, "not an address of the internet");
		return CURL_SOCKET_BAD;
	}
	what = fetch_address_refused(&e.addr, t->h->allowed.networks, t->h->allowed.n);
	if (what) {
		fail(t, "%s is %s, and is not asked unless gateway.fetch.allowed_networks has it",
		     cg_addr_format(&e.addr, text), what);
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		      address->protocol);
}

/* ---------------------------------------------------------------- one request */

/* Appends the address to "HOST:PORT:A,B" unless it is refused. */
static void add_address(struct transfer *t, struct cg_strbuf *b, const struct cg_addr *a,
			unsigned int *n)
{
	const char *what = fetch_address_refused(a, t->h->allowed.networks, t->h->allowed.n);
	char text[CG_ADDR_SIZE];

	(void)cg_addr_format(a, text);
	if (what) {
		log_debug("%s: %s is %s", t->url, text, what);
		return;
	}
	strbuf_addf(b, a->family == AF_INET6 ? "%s[%s]" : "%s%s", *n > 0 ? "," : "", text);
	(*n)++;
}

/* libcurl gets the addresses with the name, so that it asks nobody. */
static int take_addresses(struct transfer *t, const struct names_answer *a)
{
	_cleanup_strbuf_ struct cg_strbuf b = {0};
	unsigned int n = 0;

	if (a->error < 0) {
		fail(t, "%.100s has no address: %s", t->host, a->why);
		return -EHOSTUNREACH;
	}
	strbuf_addf(&b, "%s:%s:", t->host, t->port);
	for (size_t i = 0; i < a->n && n < ADDRESSES_MAX; i++)
		add_address(t, &b, &a->addresses[i], &n);
	if (n == 0) {
		fail(t,
		     "%.100s has no address that may be asked: private ones take gateway.fetch.allowed_networks",
		     t->host);
		return -EPERM;
	}
	if (b.failed)
		return -ENOMEM;
	t->resolve = curl_slist_append(NULL, b.s);
	return t->resolve ? 0 : -ENOMEM;
}

static void on_addresses(void *ctx, const struct names_answer *a);
static void on_late(evutil_socket_t fd, short what, void *userdata);

static int ask_in_time(struct transfer *t)
{
	const usec_t left = usec_sub(t->until, now_boottime());
	const struct timeval tv = {.tv_sec = (time_t)(left / USEC_PER_SEC),
				   .tv_usec = (suseconds_t)(left % USEC_PER_SEC)};

	t->late = evtimer_new(t->h->loop.base, on_late, t);
	if (!t->late || event_add(t->late, &tv) < 0)
		return -ENOMEM;
	return names_pool_ask(t->h->names, t->host, AF_UNSPEC, on_addresses, t, &t->asked);
}

/* They are there when it returns, or on_addresses() is called. */
static int resolve_host(struct transfer *t)
{
	struct names_answer a = {.why = ""};

	if (t->h->names)
		return ask_in_time(t);
	a.error = names_find(t->host, AF_UNSPEC, a.addresses, NAMES_ANSWER_MAX, &a.n, &a.why);
	return take_addresses(t, &a);
}

static int check_url(struct transfer *t)
{
	char why[FETCH_URL_WHY] = "";
	int r = fetch_url_read(t->url, t->h->allowed.networks, t->h->allowed.n, &t->host, &t->port,
			       why);

	if (r < 0)
		fail(t, "%s", why);
	return r > 0 ? resolve_host(t) : r;
}

static CURLcode set_options(struct transfer *t, long left)
{
	struct curl_blob ca = {.data = t->h->ca, .len = t->h->ca_len, .flags = CURL_BLOB_NOCOPY};
	CURL *c = t->easy;
	CURLcode e = curl_nothing_else(c);

#define SET(option, value) e = e == CURLE_OK ? curl_easy_setopt(c, option, value) : e
	SET(CURLOPT_URL, t->url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L); /* done here, with a look at each address */
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_TIMEOUT_MS, left);
	SET(CURLOPT_CONNECTTIMEOUT_MS, MIN(left, CONNECT_SECONDS * 1000L));
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->max);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(CURLOPT_OPENSOCKETDATA, t);
	SET(CURLOPT_RESOLVE, t->resolve);
	if (ca.len > 0)
		SET(CURLOPT_CAINFO_BLOB, &ca);
	SET(CURLOPT_PRIVATE, t);
	if (t->kind == NEWS_OCSP) { /* RFC 6960 appendix A.1 */
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->request_len);
		SET(CURLOPT_POSTFIELDS, t->request);
		SET(CURLOPT_HTTPHEADER, t->headers);
	}
#undef SET
	return e;
}

static void fail_late(struct transfer *t)
{
	fail(t, "it took more than %u seconds", t->h->limit);
}

static bool is_late(struct transfer *t, usec_t now)
{
	if (now >= t->until)
		fail_late(t);
	return now >= t->until;
}

/* It is known where to. */
static int go(struct transfer *t)
{
	usec_t now = now_boottime();

	if (is_late(t, now))
		return -ETIMEDOUT;
	t->fd = memfd_create("news", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (t->fd < 0)
		return -errno;
	if (t->kind == NEWS_OCSP) {
		t->headers = curl_slist_append(NULL, "Content-Type: application/ocsp-request");
		if (!t->headers)
			return -ENOMEM;
	}
	t->easy = curl_easy_init();
	if (!t->easy || set_options(t, (long)((t->until - now) / USEC_PER_MSEC) + 1) != CURLE_OK ||
	    curl_multi_add_handle(t->h->loop.multi, t->easy) != CURLM_OK)
		return -ENOMEM;
	return 0;
}

static int begin(struct transfer *t)
{
	int r;

	if (is_late(t, now_boottime()))
		return -ETIMEDOUT;
	r = check_url(t);
	return r < 0 || t->asked ? r : go(t);
}

/* ---------------------------------------------------------------- the queue */

static void finish(struct transfer *t, bool good)
{
	const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct http *h = t->h;

	if (good && t->size == 0) {
		fail(t, "the answer is empty");
		good = false;
	}
	if (good && fcntl(t->fd, F_ADD_SEALS, seals) < 0) {
		fail(t, "it cannot be passed on: %s", strerror(errno));
		good = false;
	}
	if (!good)
		fail(t, "it failed");
	log_debug("%s: %s", t->url, good ? "fetched" : t->text);
	TAILQ_REMOVE(&h->active, t, queue);
	h->n_active--;
	h->done(h->ctx, t->number, good ? t->fd : -EBADF, t->text);
	transfer_free(t);
}

static void start_waiting(struct http *h)
{
	struct transfer *t;

	while (h->n_active < HTTP_AT_ONCE && (t = TAILQ_FIRST(&h->waiting))) {
		int r;

		TAILQ_REMOVE(&h->waiting, t, queue);
		h->n_waiting--;
		TAILQ_INSERT_TAIL(&h->active, t, queue);
		h->n_active++;
		t->until = now_boottime() + h->limit * USEC_PER_SEC;
		r = begin(t);
		if (r < 0) {
			fail(t, "%s", strerror(-r));
			finish(t, false);
		}
	}
}

static void on_addresses(void *ctx, const struct names_answer *a)
{
	struct transfer *t = ctx;
	struct http *h = t->h;
	int r;

	t->asked = NULL;
	r = take_addresses(t, a);
	if (r >= 0)
		r = go(t);
	if (r >= 0)
		return;
	fail(t, "%s", strerror(-r));
	finish(t, false);
	start_waiting(h);
}

/* libcurl has a limit of its own; a name may be looked for as long as name servers please. */
static void on_late(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	struct transfer *t = userdata;
	struct http *h = t->h;

	if (!t->asked)
		return;
	fail_late(t);
	finish(t, false);
	start_waiting(h);
}

/* true: it goes on at another place. */
static bool redirect(struct transfer *t, long status)
{
	char *to = NULL, *copy;
	int r;

	if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308)
		return false;
	if (curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &to) != CURLE_OK || !to ||
	    strlen(to) >= PROTO_URL_MAX) {
		fail(t, "a redirect to nowhere");
		return false;
	}
	if (t->redirects++ == HTTP_REDIRECTS_MAX) {
		fail(t, "more than %d redirects", HTTP_REDIRECTS_MAX);
		return false;
	}
	copy = strdup(to);
	if (!copy)
		return false;
	hang_up(t);
	free(t->url);
	t->url = copy;
	r = begin(t);
	if (r < 0)
		fail(t, "%s", strerror(-r));
	return r >= 0;
}

static void take_done(struct http *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->loop.multi, &left))) {
		struct transfer *t = NULL;
		CURLcode e;
		long status = 0;

		if (m->msg != CURLMSG_DONE ||
		    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t) != CURLE_OK || !t)
			continue;
		e = m->data.result; /* m ends with the next call */
		(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		if (e != CURLE_OK)
			fail(t, "%s", curl_easy_strerror(e));
		else if (redirect(t, status))
			continue;
		else if (status != 200)
			fail(t, "the server answers %ld", status);
		finish(t, e == CURLE_OK && status == 200 && !t->text[0]);
	}
	start_waiting(h);
}

/* ---------------------------------------------------------------- the whole */

static void on_progress(void *ctx)
{
	take_done(ctx);
}

struct http *http_new(struct event_base *base, http_done_fn done, void *ctx)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h || curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
		free(h);
		return NULL;
	}
	*h = (struct http){.done = done, .ctx = ctx, .limit = HTTP_SECONDS};
	/* Now, while files can be seen. */
	if (file_read(SYSTEM_CA, CA_MAX, &h->ca, &h->ca_len) < 0)
		log_notice("%s cannot be read: nothing is fetched over https", SYSTEM_CA);
	TAILQ_INIT(&h->waiting);
	TAILQ_INIT(&h->active);
	if (curl_loop_init(&h->loop, base, on_progress, h) < 0)
		return http_free(h);
	return h;
}

void http_set_names(struct http *h, struct names_pool *names)
{
	h->names = names;
}

void http_set_limit(struct http *h, unsigned int seconds)
{
	h->limit = seconds;
}

int http_set_ca(struct http *h, const char *pem)
{
	char *copy = strdup(pem);

	if (!copy)
		return -ENOMEM;
	free(h->ca);
	h->ca = copy;
	h->ca_len = strlen(copy);
	return 0;
}

struct http *http_free(struct http *h)
{
	struct transfer *t;

	if (!h)
		return NULL;
	while ((t = TAILQ_FIRST(&h->waiting))) {
		TAILQ_REMOVE(&h->waiting, t, queue);
		transfer_free(t);
	}
	while ((t = TAILQ_FIRST(&h->active))) {
		TAILQ_REMOVE(&h->active, t, queue);
		transfer_free(t);
	}
	curl_loop_done(&h->loop);
	curl_global_cleanup();
	free(h->ca);
	free(h);
	return NULL;
}

void http_allow(struct http *h, const struct proto_fetch_setup *s)
{
	h->allowed = *s;
}

int http_get(struct http *h, const struct proto_fetch *f)
{
	struct transfer *t;

	if (h->n_waiting >= HTTP_QUEUED_MAX)
		return -ENOBUFS;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct transfer){.h = h,
			       .number = f->number,
			       .kind = f->kind,
			       .url = strdup(f->url),
			       .request_len = f->request.size,
			       .request = malloc(MAX(f->request.size, (size_t)1)),
			       .fd = -EBADF,
			       .max = f->kind == NEWS_CRL ? (size_t)PKI_CRL_SIZE_MAX
							  : (size_t)PKI_OCSP_SIZE_MAX};
	if (!t->url || !t->request) {
		transfer_free(t);
		return -ENOMEM;
	}
	if (f->request.size > 0)
		memcpy(t->request, f->request.data, f->request.size);
	TAILQ_INSERT_TAIL(&h->waiting, t, queue);
	h->n_waiting++;
	curl_loop_soon(&h->loop);
	return 0;
}
