// SPDX-License-Identifier: Apache-2.0
/* Reads URLs by libcurl's own parser, as it will read them again. Called by fetch_http.c. */
#include "daemon/fetch_url.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"
#include "daemon/fetch_address.h"

static int refuse(char why[FETCH_URL_WHY], int error, const char *fmt, ...) _printf_(3, 4);

static int refuse(char why[FETCH_URL_WHY], int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, FETCH_URL_WHY, fmt, ap);
	va_end(ap);
	return error;
}

/* Its parts are there: what do they say? */
static int judge(const char *scheme, char *host, const char *port, const struct cg_prefix *allowed,
		 size_t n_allowed, char **ret_host, char **ret_port, char why[FETCH_URL_WHY])
{
	size_t len = strlen(host);
	struct cg_addr a;
	int r;

	if (!streq(scheme, "http") && !streq(scheme, "https"))
		return refuse(why, -EINVAL, "%.20s is neither http nor https", scheme);
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		r = cg_addr_parse(host + 1, &a);
	} else
		r = cg_addr_parse(host, &a);
	if (r >= 0) {
		const char *what = fetch_address_refused(&a, allowed, n_allowed);

		if (what)
			return refuse(
				why, -EPERM,
				"%.60s is %s, and is not asked unless gateway.fetch.allowed_networks has it",
				host, what);
		return 0;
	}
	if (host[0] == '[')
		return refuse(why, -EINVAL, "not an address that can be asked");
	*ret_host = strdup(host);
	*ret_port = strdup(port);
	if (*ret_host && *ret_port)
		return 1;
	free(TAKE_PTR(*ret_host));
	free(TAKE_PTR(*ret_port));
	return refuse(why, -ENOMEM, "out of memory");
}

int fetch_url_read(const char *url, const struct cg_prefix *allowed, size_t n_allowed,
		   char **ret_host, char **ret_port, char why[FETCH_URL_WHY])
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	CURLU *u = curl_url();
	int r;

	if (!u)
		return refuse(why, -ENOMEM, "out of memory");
	if (curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		r = refuse(why, -EINVAL, "not a URL that can be fetched");
	else
		r = judge(scheme, host, port, allowed, n_allowed, ret_host, ret_port, why);
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return r;
}
