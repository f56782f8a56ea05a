/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths of tunnels that run on a verify worker's verdict, and what became of them since: looked at again when there are new lists, answers or
 * rules, and when what was good ceases to be fresh. Some at a time, so that peers who authenticate meanwhile do not wait. A connection that is
 * refused lets nobody in; its tunnels are watched on by the rules that were in force before.
 */
#ifndef CERTGATE_DAEMON_WATCH_H
#define CERTGATE_DAEMON_WATCH_H

#include "daemon/judge.h"

enum { WATCH_BATCH = 32, WATCH_KEEP_SECONDS = 60 };

struct watch;

struct watch_ops {
	/* What is known of a path changed, or was looked at for the first time. */
	void (*state)(void *ctx, const struct proto_path_state *s);
	void (*seen_revoked)(void *ctx, const struct proto_seen_revoked *s);
	/* The connection's rules have changed, and it was looked at by the new ones. */
	void (*judged)(void *ctx, const struct proto_path_judged *p);
};

struct watched;

struct watch *watch_new(const struct watch_ops *ops, void *ctx);
struct watch *watch_free(struct watch *w);
/* What is watched of *j, which is freed whatever comes of it; NULL: no memory. To be put, or given back. */
struct watched *watch_pack(struct judged *j);
void watch_give_back(struct watched *p);
/* What is known of it, for who is told of it as this binding. */
void watch_state(const struct watched *p, uint64_t handle, int64_t now,
		 struct proto_path_state *ret);
/* Takes it, as the path of this binding; tells nobody. grace: of its connection, seconds; boot: as of watch_run(). */
void watch_put(struct watch *w, struct watched *p, uint64_t handle, int64_t grace, usec_t boot);
/*
 * Takes *j, whose verdict this binding is, and tells its state. grace: of its connection, seconds; times as of watch_run(). -ENOMEM: *j is
 * freed all the same.
 */
int watch_add(struct watch *w, uint64_t handle, struct judged *j, int64_t grace, int64_t now,
	      usec_t boot);
/* Calls fn for each. */
void watch_each(struct watch *w, void (*fn)(void *ctx, uint64_t handle, const struct judged *j),
		void *ctx);
/* The binding is gone. */
void watch_del(struct watch *w, uint64_t handle);
/* Something changed: all are to be looked at again; whether they are let in by the rules in force is seen first. */
void watch_all(struct watch *w);
/* There are news: those that depend on them are. */
void watch_news(struct watch *w, const uint8_t key[PKI_SHA256_SIZE]);
/* Of those as many as one run looks at before others that wait, as they may tell what the news are worth. */
void watch_news_first(struct watch *w, const uint8_t key[PKI_SHA256_SIZE]);
/*
 * Looks at some of those that are due. True: there are more. `now` in seconds since 1970; boot is of the boot clock, by which paths ask again for
 * what they depend on once in WATCH_KEEP_SECONDS, so that it is kept fresh.
 */
bool watch_run(struct watch *w, const struct trust_table *t, const struct revknown *known,
	       int64_t now, usec_t boot);

#endif
