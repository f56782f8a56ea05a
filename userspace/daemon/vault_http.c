/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transfers of the process `vault`. Owns them, libcurl's handles and the CA certificates. Called by vault_work.c.
 */
#include "daemon/vault_http.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/str.h"
#include "base/version.h"
#include "daemon/curl_loop.h"
#include "daemon/wiping.h"
#include "pki/note.h"

enum { FIRST_SIZE = 16 * 1024, HEADER_MAX = 20 * 1024 };

struct transfer {
	LIST_ENTRY(transfer) all;
	struct vault_http *h;
	void *userdata;
	CURL *easy;
	struct curl_slist *headers, *resolve;
	char *post;
	uint8_t *body;
	size_t len, size;
	bool too_large;
	char error[CURL_ERROR_SIZE];
};

struct vault_http {
	struct curl_loop loop;
	vault_answer_fn done;
	void *ctx;
	LIST_HEAD(, transfer) transfers;
	size_t n;
	char *ca;
	size_t ca_len;
};

static void transfer_free(struct transfer *t)
{
	if (t->easy) {
		(void)curl_multi_remove_handle(t->h->loop.multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	/* The lists are libcurl's, whose memory is wiped. */
	curl_slist_free_all(t->headers);
	curl_slist_free_all(t->resolve);
	wiping_free(t->post);
	wiping_free(t->body);
	free(t);
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
	struct transfer *t = userdata;
	size_t len = size * n, room = t->size ? t->size : FIRST_SIZE;
	uint8_t *grown;

	if (len > VAULT_ANSWER_MAX - t->len) {
		t->too_large = true;
		return 0;
	}
	while (room < t->len + len)
		room *= 2;
	if (room != t->size) {
		grown = wiping_realloc(t->body, room);
		if (!grown)
			return 0;
		t->body = grown;
		t->size = room;
	}
	memcpy(t->body + t->len, data, len);
	t->len += len;
	return len;
}

static curl_socket_t on_open(void *userdata _unused_, curlsocktype purpose,
			     struct curl_sockaddr *address)
{
	if (purpose != CURLSOCKTYPE_IPCXN || address->socktype != SOCK_STREAM)
		return CURL_SOCKET_BAD;
	return socket(address->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		      address->protocol);
}

static int add_header(struct transfer *t, const char *line)
{
	struct curl_slist *l = curl_slist_append(t->headers, line);

	if (!l)
		return -ENOMEM;
	t->headers = l;
	return 0;
}

static int add_headers(struct transfer *t, const struct vault_request *r)
{
	char *line;
	int e;

	if (!r->bearer)
		return add_header(t, "Metadata: true");
	if (strlen(r->bearer) > HEADER_MAX)
		return -E2BIG;
	line = wiping_malloc(strlen(r->bearer) + 32);
	if (!line)
		return -ENOMEM;
	(void)stpcpy(stpcpy(line, "Authorization: Bearer "), r->bearer);
	e = add_header(t, line);
	wiping_free(line);
	return e == 0 && r->post ? add_header(t, "Content-Type: application/json") : e;
}

/* What was read out of TLS, secrets among it, does not stay in OpenSSL's buffers. */
static CURLcode on_tls(CURL *easy _unused_, void *ctx, void *userdata _unused_)
{
	(void)SSL_CTX_set_options(ctx, SSL_OP_CLEANSE_PLAINTEXT);
	return CURLE_OK;
}

static CURLcode set_options(struct transfer *t, const struct vault_request *r)
{
	struct curl_blob ca = {.data = t->h->ca, .len = t->h->ca_len, .flags = CURL_BLOB_COPY};
	CURL *c = t->easy;
	CURLcode e = curl_nothing_else(c);

#define SET(option, value) e = e == CURLE_OK ? curl_easy_setopt(c, option, value) : e
	SET(CURLOPT_URL, r->url);
	/* A token goes over TLS only. */
	SET(CURLOPT_PROTOCOLS_STR, r->bearer ? "https" : "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_TIMEOUT_MS, VAULT_REQUEST_SECONDS * 1000L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, VAULT_CONNECT_SECONDS * 1000L);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)VAULT_ANSWER_MAX);
	SET(CURLOPT_MAXCONNECTS, 4L);
	SET(CURLOPT_MAXAGE_CONN, 60L);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_CTX_FUNCTION, on_tls);
	if (ca.len > 0)
		SET(CURLOPT_CAINFO_BLOB, &ca);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(CURLOPT_RESOLVE, t->resolve);
	SET(CURLOPT_ERRORBUFFER, t->error);
	SET(CURLOPT_HTTPHEADER, t->headers);
	SET(CURLOPT_PRIVATE, t);
	if (t->post) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(t->post));
		SET(CURLOPT_POSTFIELDS, t->post);
	}
#undef SET
	return e;
}

int vault_http_start(struct vault_http *h, const struct vault_request *r, void *userdata)
{
	struct transfer *t;
	int e = -ENOMEM;

	if (h->n >= VAULT_TRANSFERS_MAX)
		return -EAGAIN;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->h = h;
	t->userdata = userdata;
	t->easy = curl_easy_init();
	t->post = r->post ? wiping_strdup(r->post) : NULL;
	t->resolve = r->resolve ? curl_slist_append(NULL, r->resolve) : NULL;
	if (t->easy && !t->post == !r->post && !t->resolve == !r->resolve)
		e = add_headers(t, r);
	if (e == 0 && (set_options(t, r) != CURLE_OK ||
		       curl_multi_add_handle(h->loop.multi, t->easy) != CURLM_OK))
		e = -ENOMEM;
	if (e < 0) {
		transfer_free(t);
		return e;
	}
	LIST_INSERT_HEAD(&h->transfers, t, all);
	h->n++;
	return 0;
}

static void finish(struct transfer *t, CURLcode e)
{
	struct vault_http *h = t->h;
	struct vault_answer a = {.body = t->body, .len = t->len};
	curl_off_t wait = 0;

	if (e == CURLE_OK) {
		(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &a.status);
		if (curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0)
			a.retry_after = (uint32_t)MIN(wait, (curl_off_t)86400);
	} else if (t->too_large || e == CURLE_FILESIZE_EXCEEDED)
		(void)snprintf(t->error, sizeof(t->error), "the answer has more than %d bytes",
			       VAULT_ANSWER_MAX);
	else if (!t->error[0])
		(void)snprintf(t->error, sizeof(t->error), "%s", curl_easy_strerror(e));
	pki_printable(t->error);
	a.error = t->error;
	LIST_REMOVE(t, all);
	h->n--;
	h->done(h->ctx, t->userdata, &a);
	transfer_free(t);
}

static void on_progress(void *ctx)
{
	struct vault_http *h = ctx;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->loop.multi, &left))) {
		struct transfer *t = NULL;

		if (m->msg == CURLMSG_DONE &&
		    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t) == CURLE_OK && t)
			finish(t, m->data.result);
	}
}

struct vault_http *vault_http_new(struct event_base *base, vault_answer_fn done, void *ctx)
{
	struct vault_http *h = calloc(1, sizeof(*h));

	if (!h || curl_global_init_mem(CURL_GLOBAL_ALL, wiping_malloc, wiping_free, wiping_realloc,
				       wiping_strdup, wiping_calloc) != CURLE_OK) {
		free(h);
		return NULL;
	}
	/* on_tls() is given OpenSSL's object by a libcurl that uses OpenSSL. */
	if (!str_starts_with(curl_version_info(CURLVERSION_NOW)->ssl_version, "OpenSSL/")) {
		log_error("libcurl is not built with OpenSSL");
		curl_global_cleanup();
		free(h);
		return NULL;
	}
	h->done = done;
	h->ctx = ctx;
	LIST_INIT(&h->transfers);
	if (curl_loop_init(&h->loop, base, on_progress, h) < 0)
		return vault_http_free(h);
	return h;
}

struct vault_http *vault_http_free(struct vault_http *h)
{
	struct transfer *t;

	if (!h)
		return NULL;
	while ((t = LIST_FIRST(&h->transfers))) {
		LIST_REMOVE(t, all);
		transfer_free(t);
	}
	curl_loop_done(&h->loop);
	curl_global_cleanup();
	free(h->ca);
	free(h);
	return NULL;
}

int vault_http_set_ca(struct vault_http *h, const void *pem, size_t len)
{
	char *copy = malloc(MAX(len, (size_t)1));

	if (!copy)
		return -ENOMEM;
	memcpy(copy, pem, len);
	/* Transfers under way have theirs; libcurl uses no connection again that others vouched for. */
	free(h->ca);
	h->ca = copy;
	h->ca_len = len;
	return 0;
}
