/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between `verify`, which wants lists and answers, and `fetch`, which gets them: when each is fetched, who is told, and what is kept. Main looks into
 * none of them: verify says what they are worth and until when. Called by proc.c, role_main.c and apply.c.
 */
#include "daemon/fetching.h"

#include "daemon/channel.h"
#include "daemon/gateway.h"
#include "daemon/news.h"
#include "daemon/proc.h"
#include "daemon/proto_fetch.h"
#include "daemon/proto_revocation.h"

enum { FETCH_AWAITED_SECONDS = 10 };

static void fetch_next(struct gateway *g);

static int64_t now_seconds(void)
{
	return (int64_t)(now_realtime() / USEC_PER_SEC);
}

static uint32_t refresh_of(const struct gateway *g)
{
	return g->config->gateway.fetch.refresh_seconds;
}

void fetching_start(struct gateway *g)
{
	news_file_open(&g->news, g->config->gateway.state_dir, now_seconds(), now_boottime());
}

void fetching_stop(struct gateway *g)
{
	news_done(&g->news);
}

/* ---------------------------------------------------------------- to verify */

/* more: what is newer is under way. */
static void send_news(struct channel *c, const struct news_item *item, const struct news_bytes *b,
		      bool more)
{
	_cleanup_close_ int fd = news_open(b);
	struct msg_writer m;

	if (fd < 0) {
		(void)log_error_errno(fd, "what %s is about cannot be shown to verify",
				      item->what.url);
		return;
	}
	msg_begin(&m, MSG_NEWS);
	proto_put_news_sent(&m, &item->what, b->serial, more);
	(void)channel_send(c, &m, fd);
}

/* A list may be of use to any worker; of an answer those hear that asked, so that each keeps those of its own peers. */
static bool is_for(const struct news_item *item, unsigned int worker)
{
	return item->what.kind == NEWS_CRL ||
	       (news_wanted_by(item, now_boottime()) & (1U << worker)) != 0;
}

static void send_failed(struct channel *c, const uint8_t key[PKI_SHA256_SIZE], const char *text)
{
	static struct proto_news_failed f;
	struct msg_writer m;

	memcpy(f.key, key, sizeof(f.key));
	(void)snprintf(f.text, sizeof(f.text), "%.255s", text);
	msg_begin(&m, MSG_NEWS_FAILED);
	proto_put_news_failed(&m, &f);
	(void)channel_send(c, &m, -EBADF);
}

static void send_failed_all(struct gateway *g, const struct news_item *item)
{
	for (unsigned int i = 0; i < g->n_verifiers; i++) {
		struct channel *c = proc_channel(g, ROLE_VERIFY, i);

		if (c && is_for(item, i))
			send_failed(c, item->key, item->text);
	}
}

/* All who are to have it and are not among these, bits of workers. */
static void send_to_others(struct gateway *g, const struct news_item *item, uint32_t these)
{
	if (news_there(item)->size == 0)
		return;
	for (unsigned int i = 0; i < g->n_verifiers; i++) {
		struct channel *c = proc_channel(g, ROLE_VERIFY, i);

		if (c && !(these & (1U << i)) && is_for(item, i))
			send_news(c, item, news_there(item), false);
	}
}

static void conclude(struct gateway *g, struct news_item *item);

/* A worker that was asked has ended. If nobody else knows what that is worth which came, it is fetched again, as others may have let go for it what is in force. */
static void judge_lost(struct gateway *g, struct news_item *item, uint32_t judge)
{
	if (item->said.genuine || item->said.older) {
		conclude(g, item);
		return;
	}
	news_refuse(&g->news, item);
	item->due = now_boottime();
	if (item->what.kind == NEWS_CRL)
		send_to_others(g, item, judge);
}

void fetching_tell_verify(struct gateway *g, struct channel *c)
{
	const uint32_t bit = 1U << channel_index(c);
	struct news_item *item;
	uint32_t asked;
	struct msg_writer m;

	msg_begin(&m, MSG_NEWS_SETUP);
	msg_put_u32(&m, g->config->gateway.fetch.timeout_seconds);
	(void)channel_send(c, &m, -EBADF);
	LIST_FOREACH(item, &g->news.all, all)
	{
		asked = item->asked;
		news_worker_started(item, channel_index(c));
		if (item->fresh.size > 0 && asked == bit)
			judge_lost(g, item, bit);
		if (item->what.kind == NEWS_CRL && news_there(item)->size > 0)
			send_news(c, item, news_there(item), false);
	}
}

void fetching_tell_fetch(struct gateway *g)
{
	const struct cg_fetch_config *f = &g->config->gateway.fetch;
	struct channel *c = proc_channel(g, ROLE_FETCH, 0);
	static struct proto_fetch_setup s;
	struct msg_writer m;

	if (!c)
		return;
	s.n = MIN(f->n_networks, (size_t)CG_FETCH_NETWORKS_MAX);
	if (s.n > 0)
		memcpy(s.networks, f->networks, s.n * sizeof(s.networks[0]));
	msg_begin(&m, MSG_FETCH_SETUP);
	proto_put_fetch_setup(&m, &s);
	(void)channel_send(c, &m, -EBADF);
	g->news.fetch_missing = 0;
	fetch_next(g);
}

void fetching_applied(struct gateway *g)
{
	struct news_item *item;
	struct msg_writer m;

	fetching_tell_fetch(g);
	/* What failed may be allowed now. */
	LIST_FOREACH(item, &g->news.all, all)
	{
		if (item->failures > 0)
			item->due = 0;
	}
	for (unsigned int i = 0; i < g->n_verifiers; i++) {
		struct channel *c = proc_channel(g, ROLE_VERIFY, i);

		if (!c)
			continue;
		msg_begin(&m, MSG_NEWS_SETUP);
		msg_put_u32(&m, g->config->gateway.fetch.timeout_seconds);
		(void)channel_send(c, &m, -EBADF);
	}
}

/* ---------------------------------------------------------------- fetching */

static void note_failure(struct gateway *g, struct news_item *item, const char *text)
{
	/* Said once, not every time. */
	if (item->failures == 0)
		log_warning("%s cannot be had: %s", item->what.url, text);
	(void)snprintf(item->text, sizeof(item->text), "%.140s: %.100s", item->what.url, text);
	item->failures++;
	item->due = now_boottime() + news_retry_in(item->failures, refresh_of(g)) * USEC_PER_SEC;
}

static void start_fetch(struct gateway *g, struct news_item *item)
{
	static struct proto_fetch f;
	struct msg_writer m;

	f = (struct proto_fetch){.kind = item->what.kind, .request = item->what.request};
	memcpy(f.url, item->what.url, sizeof(f.url));
	f.number = news_begin(&g->news, item);
	msg_begin(&m, MSG_FETCH);
	proto_put_fetch(&m, &f);
	if (channel_send(proc_channel(g, ROLE_FETCH, 0), &m, -EBADF) >= 0)
		return;
	news_end(&g->news, item);
	note_failure(g, item, "the process fetch does not run");
	send_failed_all(g, item);
}

static bool fetch_is_there(struct gateway *g)
{
	return proc_channel(g, ROLE_FETCH, 0) != NULL;
}

/* Now, or when others are done, or when fetch, which starts beside those who ask, is there. */
static void fetch_in_turn(struct gateway *g, struct news_item *item)
{
	if (g->news.n_fetches >= NEWS_FETCHES_MAX || !fetch_is_there(g))
		news_wait(&g->news, item);
	else
		start_fetch(g, item);
}

static void fetch_next(struct gateway *g)
{
	struct news_item *item;

	while (g->news.n_fetches < NEWS_FETCHES_MAX && fetch_is_there(g) &&
	       (item = news_next(&g->news))) {
		if (item->number == 0 && now_boottime() >= item->due)
			start_fetch(g, item);
	}
}

void fetching_on_want(struct gateway *g, struct proc *p, const struct proto_news *what,
		      bool waiting)
{
	static struct cg_ratelimit limit = {.interval = 600 * USEC_PER_SEC, .burst = 3};
	usec_t now = now_boottime();
	uint8_t key[PKI_SHA256_SIZE];
	struct news_item *item;

	if (proto_news_key(what, key) < 0)
		return;
	item = news_find(&g->news, key);
	if (!item && g->config->gateway.fetch.enabled && news_add(&g->news, what, now, &item) < 0 &&
	    ratelimit_pass(&limit, now, NULL))
		log_warning("%s: more lists and answers are wanted than are kept", what->url);
	if (!item || !g->config->gateway.fetch.enabled) {
		if (waiting)
			send_failed(p->channel, key,
				    g->config->gateway.fetch.enabled
					    ? "more lists and answers are wanted than are kept"
					    : "nothing is fetched (gateway.fetch.enabled)");
		return;
	}
	news_want(item, p->index, now);
	if (item->number == 0 && !item->is_waiting && now >= item->due)
		fetch_in_turn(g, item);
	if (!waiting)
		return;
	/* All who want it are told what comes of a fetch. */
	if (news_there(item)->size > 0)
		send_news(p->channel, item, news_there(item),
			  item->number != 0 || item->is_waiting);
	else if (item->number == 0 && !item->is_waiting)
		send_failed(p->channel, key, item->text);
}

static void came(struct gateway *g, struct news_item *item, int *fd)
{
	size_t size;
	int r;

	if (news_check_fd(*fd, PKI_CRL_SIZE_MAX, &size) < 0) {
		note_failure(g, item, "the process fetch gave what is no sealed memory");
		send_failed_all(g, item);
		return;
	}
	r = news_came(&g->news, item, fd, size, now_boottime());
	if (r < 0) {
		note_failure(g, item,
			     r == -ENOSPC ? "more lists and answers are wanted than are kept"
					  : strerror(-r));
		send_failed_all(g, item);
		return;
	}
	item->due = now_boottime() + refresh_of(g) * USEC_PER_SEC;
	item->came_to = 0;
	for (unsigned int i = 0; i < g->n_verifiers; i++) {
		struct channel *c = proc_channel(g, ROLE_VERIFY, i);

		if (!c || !is_for(item, i))
			continue;
		item->came_to |= 1U << i;
		send_news(c, item, &item->fresh, false);
	}
	/* Those with paths that depend on it, if there are any: a path may be what tells whether it is genuine. */
	item->asked = item->came_to & news_wanted_by(item, now_boottime());
	if (item->asked == 0)
		item->asked = item->came_to;
	/* Whoever wanted it has ended. */
	if (item->asked == 0)
		news_refuse(&g->news, item);
}

void fetching_on_fetched(struct gateway *g, uint32_t number, int *fd)
{
	struct news_item *item = news_find_number(&g->news, number);

	if (!item)
		return;
	news_end(&g->news, item);
	came(g, item, fd);
	fetch_next(g);
}

void fetching_on_failed(struct gateway *g, const struct proto_fetch_failed *f)
{
	struct news_item *item = news_find_number(&g->news, f->number);

	if (!item)
		return;
	news_end(&g->news, item);
	note_failure(g, item, f->text);
	send_failed_all(g, item);
	fetch_next(g);
}

/* What came was refused. */
static void not_taken(struct gateway *g, struct news_item *item)
{
	/* It is all that verify has, and a worker that is started is to have it, too. */
	if (item->what.kind == NEWS_CRL && item->said.outdated &&
	    (item->now.size == 0 || item->doubtful)) {
		news_outdated(&g->news, item);
		send_to_others(g, item, item->came_to);
		return;
	}
	news_refuse(&g->news, item);
	/* A worker with no path that tells which list is genuine has the last one that came, and not the one that counts; nor has one that knows of that no more than the time. */
	if (item->what.kind == NEWS_CRL)
		send_to_others(g, item, ~item->came_to);
}

static void put_in_force(struct gateway *g, struct news_item *item)
{
	const int64_t next_update = item->said.next_update;

	if (item->failures > 0)
		log_notice("%s can be had again", item->what.url);
	item->failures = 0;
	item->text[0] = '\0';
	news_accept(&g->news, item, !item->said.genuine);
	/* Those that were started since have what was in force before. */
	send_to_others(g, item, item->came_to);
	item->next_update = next_update;
	item->due = now_boottime() +
		    news_again_in(next_update, now_seconds(), refresh_of(g)) * USEC_PER_SEC;
	news_file_save(&g->news, item);
}

/*
 * All that were asked have said what came is worth. Who has a path for it knows more than who has not, so that one who knows it to be genuine is enough, unless
 * another has what is newer. What nobody knows more of than that nothing speaks against it takes the place of nothing that is better.
 */
static void conclude(struct gateway *g, struct news_item *item)
{
	const struct news_said *said = &item->said;
	bool better = item->now.size > 0 ? !item->doubtful : item->outdated.size > 0;

	if (!said->older && (said->genuine || (!said->refused && !better))) {
		put_in_force(g, item);
		return;
	}
	note_failure(g, item, said->why ? said->why : "nobody knows whose key signed it");
	not_taken(g, item);
}

static void note_word(struct news_said *said, const struct proto_news_taken *t)
{
	if (t->taken) {
		if (t->proven || !said->genuine)
			said->next_update = t->next_update;
		said->genuine |= t->proven;
		return;
	}
	if (!said->why || (t->proven && !said->older)) {
		free(said->why);
		said->why = strdup(t->text);
	}
	said->older |= t->proven;
	said->outdated |= t->outdated;
	said->refused = true;
}

/* Of what can be told without a path all workers say the same. */
void fetching_on_taken(struct gateway *g, struct proc *p, const struct proto_news_taken *t)
{
	struct news_item *item = news_find(&g->news, t->key);
	const uint32_t bit = 1U << p->index;

	/* What nobody knew of when it came, a path has proven since. */
	if (item && item->doubtful && item->now.size > 0 && t->serial == item->now.serial &&
	    t->taken && t->proven) {
		item->doubtful = false;
		news_file_save(&g->news, item);
		return;
	}
	/* What was kept, and sent to a worker that started, is known to be good. A word about that, or about what came before, is none about what came last. */
	if (!item || item->fresh.size == 0 || t->serial != item->fresh.serial ||
	    !(item->came_to & bit))
		return;
	/* Who was not asked may know all the same. */
	if (!t->proven && !(item->asked & bit))
		return;
	note_word(&item->said, t);
	item->asked &= ~bit;
	if (item->asked == 0)
		conclude(g, item);
}

void fetching_lost(struct gateway *g)
{
	struct news_item *item;

	LIST_FOREACH(item, &g->news.all, all)
	{
		if (item->number == 0)
			continue;
		news_end(&g->news, item);
		note_failure(g, item, "the process fetch ended");
		send_failed_all(g, item);
	}
}

/* Who waits for a process that does not come is told so. */
static void give_up_fetch(struct gateway *g, usec_t now)
{
	struct news_item *item;

	if (g->news.fetch_missing == 0)
		g->news.fetch_missing = now;
	if (now - g->news.fetch_missing < FETCH_AWAITED_SECONDS * USEC_PER_SEC)
		return;
	while ((item = news_next(&g->news))) {
		note_failure(g, item, "the process fetch does not run");
		send_failed_all(g, item);
	}
}

void fetching_tick(struct gateway *g)
{
	usec_t now = now_boottime();
	struct news_item *item;

	if (!g->loaded || !g->config->gateway.fetch.enabled)
		return;
	LIST_FOREACH(item, &g->news.all, all)
	{
		if (item->number == 0 && !item->is_waiting && now >= item->due &&
		    item->wanted != 0 && now - item->wanted < NEWS_USED_SECONDS * USEC_PER_SEC)
			fetch_in_turn(g, item);
	}
	if (fetch_is_there(g))
		fetch_next(g);
	else
		give_up_fetch(g, now);
}

/* ---------------------------------------------------------------- for the operator */

static const char *state_of(const struct news_item *item)
{
	if (item->text[0])
		return "failed";
	if (item->now.size == 0)
		return "awaited";
	return item->next_update < now_seconds() ? "due" : "fresh";
}

json_t *fetching_json(struct gateway *g)
{
	json_t *list = json_array();
	const struct news_item *item;
	usec_t now = now_boottime();

	LIST_FOREACH(item, &g->news.all, all)
	{
		char at[TIMESTAMP_SIZE];
		json_t *o;

		if (item->wanted == 0 || now - item->wanted > NEWS_USED_SECONDS * USEC_PER_SEC)
			continue;
		o = json_pack("{s:s, s:s, s:s}", "kind", news_kind_name(item->what.kind), "url",
			      item->what.url, "state", state_of(item));
		if (!o)
			break;
		if (item->text[0])
			(void)json_object_set_new(o, "text", json_string(item->text));
		if (item->now.size > 0 && item->next_update != INT64_MAX)
			(void)json_object_set_new(
				o, "next_update",
				json_string(format_timestamp(item->next_update, at)));
		(void)json_object_set_new(
			o, "next_fetch_in",
			json_integer((json_int_t)(usec_sub(item->due, now) / USEC_PER_SEC)));
		(void)json_array_append_new(list, o);
	}
	return list;
}
