/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's sockets and timer as events. Owns the multi handle and the events. Called by fetch_http.c and vault_http.c.
 */
#include "daemon/curl_loop.h"

#include "base/macro.h"

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	struct curl_loop *l = userdata;
	int running;

	(void)curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	l->progress(l->ctx);
}

static int on_set_timer(CURLM *multi _unused_, long ms, void *userdata)
{
	const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
	struct curl_loop *l = userdata;

	if (ms < 0)
		(void)event_del(l->timer);
	else
		(void)event_add(l->timer, &tv);
	return 0;
}

static void on_socket(evutil_socket_t fd, short what, void *userdata)
{
	struct curl_loop *l = userdata;
	int running;

	(void)curl_multi_socket_action(l->multi, fd,
				       (what & EV_READ ? CURL_CSELECT_IN : 0) |
					       (what & EV_WRITE ? CURL_CSELECT_OUT : 0),
				       &running);
	l->progress(l->ctx);
}

static int on_set_socket(CURL *easy _unused_, curl_socket_t fd, int what, void *userdata,
			 void *socket_data)
{
	struct event *ev = socket_data;
	struct curl_loop *l = userdata;

	if (ev)
		event_free(ev);
	ev = NULL;
	if (what != CURL_POLL_REMOVE) {
		ev = event_new(l->base, fd,
			       (short)((what & CURL_POLL_IN ? EV_READ : 0) |
				       (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST),
			       on_socket, l);
		if (ev && event_add(ev, NULL) < 0) {
			event_free(ev);
			ev = NULL;
		}
	}
	(void)curl_multi_assign(l->multi, fd, ev);
	return 0;
}

int curl_loop_init(struct curl_loop *l, struct event_base *base, void (*progress)(void *ctx),
		   void *ctx)
{
	*l = (struct curl_loop){.base = base, .progress = progress, .ctx = ctx};
	l->multi = curl_multi_init();
	l->timer = evtimer_new(base, on_timer, l);
	if (!l->multi || !l->timer ||
	    curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_set_socket) != CURLM_OK ||
	    curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l) != CURLM_OK ||
	    curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, on_set_timer) != CURLM_OK ||
	    curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l) != CURLM_OK)
		return -ENOMEM;
	return 0;
}

void curl_loop_done(struct curl_loop *l)
{
	if (l->multi)
		(void)curl_multi_cleanup(l->multi);
	if (l->timer)
		event_free(l->timer);
	l->multi = NULL;
	l->timer = NULL;
}

void curl_loop_soon(struct curl_loop *l)
{
	const struct timeval at_once = {0};

	(void)event_add(l->timer, &at_once);
}

CURLcode curl_nothing_else(CURL *c)
{
	CURLcode e = CURLE_OK;

#define SET(option, value) e = e == CURLE_OK ? curl_easy_setopt(c, option, value) : e
	SET(CURLOPT_PROXY, ""); /* none, whatever the environment says */
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_HTTP09_ALLOWED, 0L);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_USERAGENT, "certgate/" CERTGATE_VERSION);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_CAINFO, NULL);
#undef SET
	return e;
}
