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
	for (size_t i = 0; i < h->n; i++)
		entry_done(&h->entries[i]);
	free(h->entries);
	*h = (struct history){0};
}

const struct history_entry *history_at(const struct history *h, size_t i)
{
	return i < h->n ? &h->entries[i] : NULL;
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

/* Twice the room, up to what both parts may have. */
static bool grow(struct history *h)
{
	size_t size = h->size == 0 ? 4
				   : MIN(2 * h->size, (size_t)HISTORY_MAX + HISTORY_CLAIMED_MAX);
	struct history_entry *entries = reallocarray(h->entries, size, sizeof(*entries));

	if (!entries)
		return false;
	h->entries = entries;
	h->size = size;
	return true;
}

/*
 * Which one of a part that is full goes: the oldest of those events of which there is most, in number or in bytes. So what comes again and again, and
 * what is long, makes room for its like, and the last one of what is rare stays.
 */
static size_t least_missed(const struct history *h, bool claimed, bool by_bytes)
{
	struct {
		size_t first, weight;
	} events[HISTORY_MAX] = {0};
	size_t n = 0, most = 0;

	for (size_t i = 0; i < h->n; i++) {
		const struct history_entry *e = &h->entries[i];
		size_t at = 0;

		if (e->claimed != claimed)
			continue;
		while (at < n && !streq(h->entries[events[at].first].code, e->code))
			at++;
		if (at == n)
			events[n++].first = i;
		events[at].weight += by_bytes ? e->size : 1;
	}
	for (size_t at = 1; at < n; at++) {
		if (events[at].weight > events[most].weight)
			most = at;
	}
	return events[most].first;
}

static void drop(struct history *h, size_t at)
{
	struct history_entry *e = &h->entries[at];

	h->parts[e->claimed].n--;
	h->parts[e->claimed].bytes -= e->size;
	entry_done(e);
	h->n--;
	memmove(e, e + 1, (h->n - at) * sizeof(*e));
}

static void remember(struct history *h, bool claimed, enum ike_severity severity, const char *code,
		     const char *text, const char *hint)
{
	const size_t max = claimed ? HISTORY_CLAIMED_MAX : HISTORY_MAX,
		     bytes = claimed ? HISTORY_CLAIMED_BYTES : HISTORY_BYTES;
	struct history_entry new = {0};

	while (h->parts[claimed].n > 0 && h->parts[claimed].bytes > bytes)
		drop(h, least_missed(h, claimed, /* by_bytes= */ true));
	if (h->parts[claimed].n == max)
		drop(h, least_missed(h, claimed, /* by_bytes= */ false));
	fill(&new, severity, code, text, hint);
	if (!new.code)
		return;
	new.claimed = claimed;
	if (h->n == h->size && !grow(h)) {
		/* Without memory for more the oldest goes early. */
		if (h->n == 0) {
			entry_done(&new);
			return;
		}
		drop(h, 0);
	}
	h->parts[claimed].n++;
	h->parts[claimed].bytes += new.size;
	h->entries[h->n++] = new;
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

/* What is said of it: a note is no failure, nor is what is not severe. */
enum source {
	NOTE,
	CLAIMED, /* nobody who waits gives up for it, and it is none of what is up */
	OWN
};

/* Text is made printable in place. */
static void add(struct gateway *g, struct conn *conn, enum ike_severity severity, const char *code,
		const struct cg_endpoint *remote, const char *hint, char *text, enum source source)
{
	bool failed = source != NOTE && severity >= IKE_WARNING;
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
		remember(&conn->history, source == CLAIMED, severity, code, text, hint_text);
	if (conn && failed && (source == OWN || conn_children_up(conn) == 0))
		fill(&conn->last_error, severity, code, text, hint_text);
	if (conn && failed && source == OWN)
		ops_failed(g, conn);
	if (!conn && failed && where)
		remember_refusal(&g->refusals, remote, severity, code, text, hint_text);
	tell_monitors(g, conn, severity, code, where, text, hint_text);
}

__attribute__((format(printf, 8, 0))) static void say(struct gateway *g, struct conn *conn,
						      enum ike_severity severity, const char *code,
						      const struct cg_endpoint *remote,
						      const char *hint, enum source source,
						      const char *fmt, va_list ap)
{
	char text[IKE_REPORT_SIZE];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	add(g, conn, severity, code, remote, hint, text, source);
}

void history_add(struct gateway *g, struct conn *conn, enum ike_severity severity, const char *code,
		 const struct cg_endpoint *remote, const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(g, conn, severity, code, remote, hint, OWN, fmt, ap);
	va_end(ap);
}

void history_note(struct gateway *g, struct conn *conn, enum ike_severity severity,
		  const char *code, const struct cg_endpoint *remote, const char *hint,
		  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(g, conn, severity, code, remote, hint, NOTE, fmt, ap);
	va_end(ap);
}

void history_claimed(struct gateway *g, struct conn *conn, enum ike_severity severity,
		     const char *code, const struct cg_endpoint *remote, const char *hint,
		     const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(g, conn, severity, code, remote, hint, CLAIMED, fmt, ap);
	va_end(ap);
}
