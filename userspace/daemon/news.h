/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeping of revocation lists and OCSP answers in main, which looks into none of them: which ones verify wants, when each is fetched (again),
 * and their bytes as sealed memory files; kept over restarts in one file, opened before main gives up writing others.
 */
#ifndef CERTGATE_DAEMON_NEWS_H
#define CERTGATE_DAEMON_NEWS_H

#include <sys/queue.h>

#include "base/time.h"
#include "config/config.h"
#include "daemon/proto_revocation.h"
#include "daemon/table.h"

#define NEWS_FILE "fetched"

enum {
	/* An OCSP answer is about one certificate: there may be one for each peer, and some for what is above. */
	NEWS_ITEMS_MAX = 4 * CG_CONNECTIONS_MAX,
	NEWS_LISTS_MAX = 512,		    /* each of which takes up to two descriptors */
	NEWS_BYTES_MAX = 256 * 1024 * 1024, /* of all of them, with what they are about */
	NEWS_FETCHES_MAX = 256,		    /* under way at once; the others wait for their turn */
	NEWS_USED_SECONDS = 180, /* one that nobody wanted for so long is not fetched again */
	NEWS_RETRY_SECONDS = 30, /* after a failure; doubled each time, up to */
	NEWS_RETRY_MAX_SECONDS = 900,
	NEWS_AT_LEAST_SECONDS = 5, /* between two fetches of one */
};

/* An answer is small, and one of many: it is kept as bytes. A list is kept as the descriptor it came as. */
struct news_bytes {
	int fd;
	uint8_t *data;
	size_t size;	 /* 0: nothing */
	uint64_t serial; /* no others have the same; 0: nothing */
};

/* What verify workers say of what came. */
struct news_said {
	bool genuine;	     /* one that knows whose it is takes it */
	bool older;	     /* one that knows whose it is does not */
	bool refused;	     /* one does not */
	bool outdated;	     /* see proto_news_taken */
	int64_t next_update; /* as who takes it says */
	char *why;	     /* as who does not says; NULL: nobody */
};

struct news_item {
	LIST_ENTRY(news_item) all;
	STAILQ_ENTRY(news_item) waiting;
	struct table_node by_key, by_number;
	uint8_t key[PKI_SHA256_SIZE];
	struct proto_news what; /* its blobs are in `blobs` */
	uint8_t *blobs;
	size_t overhead;	 /* bytes of this, without what verify is to have */
	struct news_bytes now;	 /* in force */
	struct news_bytes fresh; /* came, and verify has not said what it thinks of it */
	struct news_bytes
		outdated; /* while nothing is in force: it revokes what it lists, and says nothing good */
	bool doubtful; /* what is in force: nobody has said that it is genuine, or otherwise */
	/* bits of verify workers: who wanted it since then, and some time before, see news_wanted_by() */
	uint32_t wanted_by, wanted_before;
	usec_t wanted_since;
	/* likewise: who was sent what came, and whose word about it is awaited; what was said */
	uint32_t came_to, asked;
	struct news_said said;
	int64_t next_update; /* of what is in force; seconds since 1970 */
	uint32_t number;     /* of the fetch that is under way; 0: none */
	bool is_waiting;     /* for its turn to be fetched */
	usec_t wanted, due;  /* boot time: last wanted; to be fetched */
	unsigned int failures;
	char text[PROTO_NEWS_TEXT]; /* why it failed the last time; "" */
};

struct news {
	LIST_HEAD(, news_item) all;
	struct table by_key, by_number;
	STAILQ_HEAD(, news_item) waiting; /* for their turn */
	size_t n, n_lists, bytes, n_fetches;
	uint32_t last_number;
	uint64_t last_serial;
	usec_t fetch_missing; /* since when its process is not there, as ticks saw; 0: it is */
	int file;	      /* -EBADF: none, nothing is kept */
	size_t file_size;
};

/* When one is fetched again that is good until next_update, seconds from `now` (seconds since 1970): ahead of time, and every `refresh` at most. */
uint32_t news_again_in(int64_t next_update, int64_t now, uint32_t refresh);
/* After so many failures in a row. */
uint32_t news_retry_in(unsigned int failures, uint32_t refresh);

struct news_item *news_find(const struct news *n, const uint8_t key[PKI_SHA256_SIZE]);
struct news_item *news_find_number(const struct news *n, uint32_t number);
/* All zeros becomes an empty table without a file. */
void news_init(struct news *n);
/* Makes one; copies *what. Room is made by what nobody wanted lately. -ENOSPC, -ENOMEM, -EIO. */
int news_add(struct news *n, const struct proto_news *what, usec_t now, struct news_item **ret);
void news_del(struct news *n, struct news_item *item);
/* A new number for a fetch of it. */
uint32_t news_begin(struct news *n, struct news_item *item);
void news_end(struct news *n, struct news_item *item);
/* It waits for its turn; the one that has waited longest, which waits no more, or NULL. */
void news_wait(struct news *n, struct news_item *item);
struct news_item *news_next(struct news *n);
/* A verify worker wants it. */
void news_want(struct news_item *item, unsigned int worker, usec_t now);
/* Bits of those that did within NEWS_USED_SECONDS (at most three times as long ago), and were not started since. */
uint32_t news_wanted_by(const struct news_item *item, usec_t now);
void news_worker_started(struct news_item *item, unsigned int worker);

/* Something came, of 1 … bytes: takes *fd, or what is in it. -ENOSPC: there is no room for so much; or another error. */
int news_came(struct news *n, struct news_item *item, int *fd, size_t size, usec_t now);
void news_refuse(struct news *n, struct news_item *item);
/* What came becomes what is in force, and unless it is doubtful that is kept over a restart; or what is there while nothing is in force, and is not kept over a restart. */
void news_accept(struct news *n, struct news_item *item, bool doubtful);
void news_outdated(struct news *n, struct news_item *item);
/* What verify is to have of it, which may be nothing. */
const struct news_bytes *news_there(const struct news_item *item);
/* A descriptor of the bytes, the caller's to close. Negative errno. */
int news_open(const struct news_bytes *b);

/*
 * Opens the file and takes what it holds, up to where it is damaged; what was due longer than a grace may last is left out. A file that cannot be had is
 * said, and then nothing is kept.
 */
void news_file_open(struct news *n, const char *dir, int64_t now, usec_t boot);
/* Adds what is in force of an item; writes the file anew when most of it is old. */
void news_file_save(struct news *n, const struct news_item *item);
void news_done(struct news *n);

/* A sealed memory file whose bytes nobody can change, of 1 … max bytes; -EPERM if it is none. */
int news_check_fd(int fd, size_t max, size_t *ret_size);

#endif
