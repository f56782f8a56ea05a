/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: one line in the log with a stable name and fields, an entry in the connection's history, and a message to
 * those who monitor. The last failure of a connection is kept apart, for `status`, and so are the last ones that are of none. Called by all of main.
 */
#include "daemon/history.h"

#include <stdarg.h>

#include "base/json.h"
#include "base/str.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/control.h"
#include "daemon/gateway.h"
#include "daemon/ops.h"
#include "daemon/proto_ike.h"

/* The longest report there may be is whole in the log, and so is its line: 128 are for the process and the names of fields. */
_Static_assert((int)IKE_REPORT_SIZE <= (int)CG_LOG_TEXT_SIZE, "the text");
_Static_assert((int)IKE_REPORT_SIZE + (int)IKE_TEXT_SIZE + (int)PROTO_EVENT_MAX +
			       (int)IKE_NAME_SIZE + CG_ENDPOINT_SIZE + 128 <=
		       (int)CG_LOG_LINE_SIZE,
	       "the line");

const char *severity_name(enum ike_severity s)
{
	switch (s) {
	case IKE_DEBUG: return "debug";
	case IKE_INFO: return "info";
	case IKE_NOTICE: return "notice";
	case IKE_WARNING: return "warning";
	case IKE_ERROR: return "error";
	}
	return "error";
}

static enum cg_log_level log_level(enum ike_severity s)
{
	switch (s) {
	case IKE_DEBUG: return CG_LOG_DEBUG;
	case IKE_INFO: return CG_LOG_INFO;
	case IKE_NOTICE: return CG_LOG_NOTICE;
	case IKE_WARNING: return CG_LOG_WARNING;
	case IKE_ERROR: return CG_LOG_ERROR;
	}
	return CG_LOG_ERROR;
}

static void entry_done(struct history_entry *e)
{
	free(e->code);
	*e = (struct history_entry){0};
}

void history_done(struct history *h)
{
	for (size_t i = 0; i < h->size; i++)
		entry_done(&h->entries[i]);
	free(h->entries);
	*h = (struct history){0};
}

const struct history_entry *history_at(const struct history *h, size_t i)
{
	return i < h->n ? &h->entries[(h->first + i) % h->size] : NULL;
}

static void fill(struct history_entry *e, enum ike_severity severity, const char *code,
		 const char *text, const char *hint)
{
	size_t code_size = strlen(code) + 1, text_size = strlen(text) + 1,
	       hint_size = hint && *hint ? strlen(hint) + 1 : 0;

	entry_done(e);
	e->time = (int64_t)(now_realtime() / USEC_PER_SEC);
	e->severity = severity;
	e->code = malloc(code_size + text_size + hint_size);
	if (!e->code)
		return;
	e->size = (uint32_t)(code_size + text_size + hint_size);
	memcpy(e->code, code, code_size);
	e->text = e->code + code_size;
	memcpy(e->text, text, text_size);
	if (hint_size > 0) {
		e->hint = e->text + text_size;
		memcpy(e->hint, hint, hint_size);
	}
}

/* Twice the room for a ring that is full, up to HISTORY_MAX. */
static bool grow(struct history *h)
{
	size_t size = h->size == 0 ? 4 : MIN(2 * h->size, (size_t)HISTORY_MAX);
	struct history_entry *entries;

	if (h->size == HISTORY_MAX)
		return false;
	entries = calloc(size, sizeof(*entries));
	if (!entries)
		return false;
	for (size_t i = 0; i < h->n; i++)
		entries[i] = *history_at(h, i);
	free(h->entries);
	h->entries = entries;
	h->first = 0;
	h->size = size;
	return true;
}

static void remember(struct history *h, enum ike_severity severity, const char *code,
		     const char *text, const char *hint)
{
	size_t at;

	/* Long ones push more out: what a peer makes of it is bounded. */
	for (; h->n > 0 && h->bytes > HISTORY_BYTES; h->n--) {
		h->bytes -= h->entries[h->first].size;
		entry_done(&h->entries[h->first]);
		h->first = (h->first + 1) % h->size;
	}
	/* Without memory for more the oldest goes early. */
	if (h->n == h->size && !grow(h) && h->size == 0)
		return;
	at = (h->first + h->n) % h->size;
	if (h->n == h->size)
		h->first = (h->first + 1) % h->size;
	else
		h->n++;
	h->bytes -= h->entries[at].size;
	fill(&h->entries[at], severity, code, text, hint);
	h->bytes += h->entries[at].size;
}

void refusals_done(struct refusals *r)
{
	for (size_t i = 0; i < r->n; i++)
		entry_done(&r->list[i].entry);
	*r = (struct refusals){0};
}

/* One who is refused again and again pushes nobody else's out. */
static void remember_refusal(struct refusals *r, const struct cg_endpoint *remote,
			     enum ike_severity severity, const char *code, const char *text,
			     const char *hint)
{
	struct refusal last = {.remote = *remote};
	size_t at = 0;

	while (at < r->n && !(cg_addr_equal(&r->list[at].remote.addr, &remote->addr) &&
			      r->list[at].entry.code && streq(r->list[at].entry.code, code)))
		at++;
	if (at < r->n)
		last.count = r->list[at].count;
	else if (r->n == REFUSALS_MAX)
		at = 0;
	if (at < r->n) {
		entry_done(&r->list[at].entry);
		r->n--;
		memmove(&r->list[at], &r->list[at + 1], (r->n - at) * sizeof(r->list[0]));
	}
	last.count++;
	fill(&last.entry, severity, code, text, hint);
	r->list[r->n++] = last;
}

static void tell_monitors(struct gateway *g, struct conn *conn, enum ike_severity severity,
			  const char *code, const char *remote, const char *text, const char *hint)
{
	char time[TIMESTAMP_SIZE];
	json_t *event;

	if (!g->clients)
		return;
	event = json_pack("{s:s, s:s, s:s, s:s}", "time",
			  format_timestamp((int64_t)(now_realtime() / USEC_PER_SEC), time),
			  "severity", severity_name(severity), "code", code, "text", text);
	if (!event)
		return;
	if (conn)
		(void)json_object_set_new(event, "connection", json_string(conn->cfg->name));
	if (remote)
		(void)json_object_set_new(event, "remote", json_string(remote));
	if (hint && *hint)
		(void)json_object_set_new(event, "hint", json_string(hint));
	control_monitor(g, conn, event);
	json_decref(event);
}

/* What comes from peers may be cut in the middle of a character, or be no UTF-8 at all; JSON and the journal want it whole. */
static void make_printable(char *text)
{
	pki_printable(text);
}

enum failure {
	NO_FAILURE,
	CLAIMED_FAILURE, /* nobody who waits gives up for it, and it is none of what is up */
	FAILURE
};

/* Text is made printable in place. */
static void add(struct gateway *g, struct conn *conn, enum ike_severity severity, const char *code,
		const struct cg_endpoint *remote, const char *hint, char *text,
		enum failure failure)
{
	char remote_text[CG_ENDPOINT_SIZE], hint_text[IKE_TEXT_SIZE];
	const char *where = NULL;
	struct cg_log_field fields[4];

	make_printable(text);
	(void)snprintf(hint_text, sizeof(hint_text), "%s", hint ? hint : "");
	make_printable(hint_text);
	if (remote && remote->addr.family != AF_UNSPEC)
		where = cg_endpoint_format(remote, remote_text);

	fields[0] = (struct cg_log_field){"connection", conn ? conn->cfg->name : NULL};
	fields[1] = (struct cg_log_field){"remote", where};
	fields[2] = (struct cg_log_field){"hint", hint_text[0] ? hint_text : NULL};
	cg_log_event(log_level(severity), code, fields, 3, "%s", text);

	if (conn && severity > IKE_DEBUG)
		remember(&conn->history, severity, code, text, hint_text);
	if (conn &&
	    (failure == FAILURE || (failure == CLAIMED_FAILURE && conn_children_up(conn) == 0)))
		fill(&conn->last_error, severity, code, text, hint_text);
	if (conn && failure == FAILURE)
		ops_failed(g, conn);
	if (!conn && failure != NO_FAILURE && where)
		remember_refusal(&g->refusals, remote, severity, code, text, hint_text);
	tell_monitors(g, conn, severity, code, where, text, hint_text);
}

__attribute__((format(printf, 8, 0))) static void say(struct gateway *g, struct conn *conn,
						      enum ike_severity severity, const char *code,
						      const struct cg_endpoint *remote,
						      const char *hint, enum failure failure,
						      const char *fmt, va_list ap)
{
	char text[IKE_REPORT_SIZE];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	add(g, conn, severity, code, remote, hint, text, failure);
}

void history_add(struct gateway *g, struct conn *conn, enum ike_severity severity, const char *code,
		 const struct cg_endpoint *remote, const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(g, conn, severity, code, remote, hint, severity >= IKE_WARNING ? FAILURE : NO_FAILURE,
	    fmt, ap);
	va_end(ap);
}

void history_note(struct gateway *g, struct conn *conn, enum ike_severity severity,
		  const char *code, const struct cg_endpoint *remote, const char *hint,
		  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(g, conn, severity, code, remote, hint, NO_FAILURE, fmt, ap);
	va_end(ap);
}

void history_claimed(struct gateway *g, struct conn *conn, enum ike_severity severity,
		     const char *code, const struct cg_endpoint *remote, const char *hint,
		     const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(g, conn, severity, code, remote, hint,
	    severity >= IKE_WARNING ? CLAIMED_FAILURE : NO_FAILURE, fmt, ap);
	va_end(ap);
}
