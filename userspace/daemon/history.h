/* SPDX-License-Identifier: Apache-2.0 */
/* What happened to connections. Part of `main`. */
#ifndef CERTGATE_DAEMON_HISTORY_H
#define CERTGATE_DAEMON_HISTORY_H

#include "base/addr.h"
#include "ike/engine.h"

struct conn;
struct gateway;

/* Entries, and bytes of their texts beyond the last one: of what the connection's own peer or this gateway did, and of what anybody may have said. */
#define HISTORY_MAX	      100
#define HISTORY_BYTES	      65536
#define HISTORY_CLAIMED_MAX   20
#define HISTORY_CLAIMED_BYTES 16384

struct history_entry {
	int64_t time; /* seconds since the epoch */
	enum ike_severity severity;
	bool claimed;  /* by one who has shown nothing: history_claimed() */
	uint32_t size; /* of the memory below */
	/* In one piece of memory, which is code's. NULL: nothing, or no hint. */
	char *code, *text, *hint;
};

/* Most connections have little to tell: room is made as it is needed. */
struct history {
	struct history_entry *entries; /* oldest first; room for `size` */
	size_t n, size;
	struct {
		size_t n, bytes;
	} parts[2]; /* the connection's own; claimed */
};

#define REFUSALS_MAX 8

/* A negotiation that failed and is no connection's: with whom, how it ended, and how often it has ended so. */
struct refusal {
	struct history_entry entry;
	struct cg_endpoint remote;
	unsigned int count;
};

/* The last ones, oldest first. */
struct refusals {
	struct refusal list[REFUSALS_MAX];
	size_t n;
};

/*
 * Something happened: logged with its name, kept in the connection's history, told to those who monitor. conn, remote, hint may be NULL. A failure with a
 * remote and no connection is kept with the gateway.
 */
void history_add(struct gateway *g, struct conn *conn, enum ike_severity severity, const char *code,
		 const struct cg_endpoint *remote, const char *hint, const char *fmt, ...)
	_printf_(7, 8);
/*
 * The same for the failure of one who has the connection's address and has shown nothing else, and so may be anybody: it is the last error, unless something of the
 * connection is up, and nobody who waits for the connection gives up.
 */
void history_claimed(struct gateway *g, struct conn *conn, enum ike_severity severity,
		     const char *code, const struct cg_endpoint *remote, const char *hint,
		     const char *fmt, ...) _printf_(7, 8);
/* The same for what is no failure, however severe: it is not the connection's last error, and nobody who waits for it gives up. */
void history_note(struct gateway *g, struct conn *conn, enum ike_severity severity,
		  const char *code, const struct cg_endpoint *remote, const char *hint,
		  const char *fmt, ...) _printf_(7, 8);
void history_done(struct history *h);
void refusals_done(struct refusals *r);
const struct history_entry *history_at(const struct history *h, size_t i);
const char *severity_name(enum ike_severity s);

#endif
