// SPDX-License-Identifier: Apache-2.0
/*
 * Sentences for the operator. A negotiation that failed is told once: what the peer sent, what was
 * configured, what to change. Never holds key material; what peers sent is kept printable.
 */
#include "ike/state.h"

#include "ike/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void printable(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

__attribute__((format(printf, 8, 0))) static void report(struct ike_engine *e,
							 const struct ik_conn *conn, bool claimed,
							 const struct cg_endpoint *remote,
							 enum ike_severity severity,
							 const char *event, const char *hint,
							 const char *format, va_list ap)
{
	char said[IKE_REPORT_SIZE], advice[IKE_TEXT_SIZE];
	struct ike_out_report r = {
		.connection = conn ? conn->config->c.id : 0,
		.claimed = claimed,
		.severity = severity,
		.event = event,
		.remote = remote ? *remote : (struct cg_endpoint){},
		.text = said,
		.hint = advice,
	};

	if (vsnprintf(said, sizeof(said), format, ap) >= (int)sizeof(said))
		memcpy(said + sizeof(said) - sizeof("..."), "...", sizeof("..."));
	(void)snprintf(advice, sizeof(advice), "%s", hint ? hint : "");
	printable(said);
	printable(advice);
	ik_out_report(e, &r);
}

void ik_report(struct ike_engine *e, const struct ik_conn *conn, const struct cg_endpoint *remote,
	       enum ike_severity severity, const char *event, const char *hint, const char *format,
	       ...)
{
	va_list ap;

	va_start(ap, format);
	report(e, conn, false, remote, severity, event, hint, format, ap);
	va_end(ap);
}

void ik_report_claimed(struct ike_engine *e, const struct ik_conn *conn,
		       const struct cg_endpoint *remote, enum ike_severity severity,
		       const char *event, const char *hint, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	report(e, conn, conn != NULL, remote, severity, event, hint, format, ap);
	va_end(ap);
}

void ik_report_request(const struct ik_sa *sa, const char *event, const char *asks, const char *why)
{
	char remote[CG_ENDPOINT_SIZE];

	ik_report(sa->e, sa->conn, &sa->remote, IKE_WARNING, event,
		  "this is a fault of the peer's implementation",
		  "%s %s in a way that cannot be: %s", cg_endpoint_format(&sa->remote, remote),
		  asks, why);
}

void ik_report_moved(const struct ik_sa *sa, const char *who)
{
	char local[CG_ENDPOINT_SIZE], remote[CG_ENDPOINT_SIZE];

	ik_report(sa->e, sa->conn, &sa->remote, IKE_NOTICE, "moved", NULL,
		  "%s moved: IKE and Child SAs are now between %s and %s%s", who,
		  cg_endpoint_format(&sa->local, local), cg_endpoint_format(&sa->remote, remote),
		  sa->udp ? ", ESP in UDP" : "");
}

const char *ik_numbers_fault(const struct ike_sa_payload *offer, char why[IKE_TEXT_SIZE])
{
	char numbers[IKE_TEXT_SIZE - 128];

	(void)snprintf(
		why, IKE_TEXT_SIZE,
		"the proposals in its SA payload are numbered %s, not 1, 2, 3 and so on (RFC 7296 section 3.3.1)",
		ike_offer_numbers_format(offer, numbers, sizeof(numbers)));
	return why;
}

const char *ik_lacking_hint(const char *what, uint32_t lacking, char hint[IKE_TEXT_SIZE])
{
	static const char aead_alone[] =
		"have the peer offer AEAD ciphers (AES_GCM_16, CHACHA20_POLY1305) in a proposal of their own, without an integrity algorithm: with one beside them they cannot be chosen (RFC 7296 section 3.3)";
	struct ike_text t = ike_text(hint, IKE_TEXT_SIZE);
	bool alone = lacking & IKE_LACKING_AEAD_ALONE;
	char types[IKE_LACKING_TEXT];

	ike_lacking_format(lacking, types, sizeof(types));
	if (types[0] || !alone)
		ike_text_add(&t, "%s", what);
	if (types[0])
		ike_text_add(&t, ": the nearest two have no %s in common", types);
	if (alone)
		ike_text_add(&t, "%s%s", t.len ? "; and " : "", aead_alone);
	return hint;
}

const char ik_not_now_hint[] =
	"the peer is busy with an exchange that does not end, or cannot install it: its log has the reason";

bool ik_report_again(unsigned before)
{
	return before % 8 == 2;
}

/*
 * What strangers can cause is told at a bounded rate; what nobody has to read uses none of that up, nor does what comes in clear, from whatever address, of what was sealed: for that
 * somebody has to be there, and to have a place among those that are half-open.
 */
bool ik_report_may(struct ik_sa *sa, enum ike_severity severity)
{
	struct ike_engine *e = sa->e;
	struct ik_bucket *b = severity == IKE_DEBUG ? &e->debug_reports
			      : sa->has_keys	    ? &e->sealed_reports
						    : &e->clear_reports;

	return ik_bucket_pass(e, b, 20, IK_SECOND);
}

void ik_report_failure(struct ik_sa *sa, enum ike_severity severity, const char *event,
		       const char *hint, const char *format, ...)
{
	struct ike_engine *e = sa->e;
	const struct ik_conn *conn = sa->conn;
	bool claimed = false;
	va_list ap;

	if (sa->reported)
		return;
	sa->reported = true;
	if (!conn && !ik_report_may(sa, severity))
		return;
	/* Where the address tells who it should be, the operator looks there. */
	if (!conn && !sa->initiator) {
		conn = ik_conn_only(e, &sa->local, &sa->remote);
		claimed = conn != NULL;
	}
	va_start(ap, format);
	report(e, conn, claimed, &sa->remote, severity, event, hint, format, ap);
	va_end(ap);
}

/* Names (DER_ASN1_DN) are not read in here: whoever has read them says what they are. */
static void id_format(struct ike_view body, char *buf, size_t size)
{
	char name[IKE_NAME_BUF], addr[CG_ADDR_SIZE];
	struct cg_addr a;
	struct ike_id id;

	if (!body.len) {
		(void)snprintf(buf, size, "no identity");
		return;
	}
	if (ike_id_parse(body, &id, NULL) < 0) {
		(void)snprintf(buf, size, "a malformed identity");
		return;
	}
	switch (id.type) {
	case IKE_ID_IPV4_ADDR:
	case IKE_ID_IPV6_ADDR:
		if (cg_addr_from_bytes(id.data.data, id.data.len, &a) < 0)
			(void)snprintf(buf, size, "a malformed address");
		else
			(void)snprintf(buf, size, "%s", cg_addr_format(&a, addr));
		break;
	case IKE_ID_FQDN:
	case IKE_ID_RFC822_ADDR:
		(void)snprintf(buf, size, "\"%.*s\"", (int)id.data.len, (const char *)id.data.data);
		break;
	default: /* a byte from outside, not an enum */
		(void)snprintf(buf, size, "%s of %zu bytes",
			       ike_name_str(&ike_names_id, id.type, name), id.data.len);
		break;
	}
}

const char *ik_local_identity(const struct ike_connection_config *c, char *buf, size_t size)
{
	if (c->local_identity.size)
		(void)snprintf(buf, size, "\"%.*s\"", (int)c->local_identity.size,
			       (const char *)c->local_identity.data);
	else
		id_format(ik_view(c->local_id), buf, size);
	printable(buf);
	return buf;
}

const char *ik_notify_name(uint16_t type, char buf[IKE_NAME_BUF])
{
	return ike_name_str(&ike_names_notify, type, buf);
}
