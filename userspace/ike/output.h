/* SPDX-License-Identifier: Apache-2.0 */
/* What the caller is to do, queued in output.c, and sentences for the operator, made in report.c. Private to the engine; included by state.h. */
#pragma once

#include "ike/state.h"

/* output.c: everything is copied. They queue nothing when memory ran out. */
void ik_out_datagram(struct ike_engine *e, const struct cg_endpoint *local,
		     const struct cg_endpoint *remote, uint32_t mark, struct ike_view message);
void ik_out_keepalive(struct ike_engine *e, const struct cg_endpoint *local,
		      const struct cg_endpoint *remote, uint32_t mark);
void ik_out_keys(struct ike_engine *e, const struct ike_out_keys *keys);
void ik_out_nonces(struct ike_engine *e, uint32_t count);
/* 0 or -ENOMEM */
int ik_out_sign(struct ike_engine *e, const struct ike_out_sign *o);
int ik_out_verify(struct ike_engine *e, const struct ike_out_verify *o);
int ik_out_expect(struct ike_engine *e, const struct ike_out_expect *o);
int ik_out_child_add(struct ike_engine *e, const struct ike_out_child_add *o);
void ik_out_child(struct ike_engine *e, enum ike_output_kind kind, const struct ike_out_child *o);
void ik_out_place(struct ike_engine *e, uint64_t binding, const struct cg_addr *remote);
void ik_out_release(struct ike_engine *e, uint64_t binding);
void ik_out_report(struct ike_engine *e, const struct ike_out_report *o);
/* Takes back what was queued since e->out_last was @last; nothing may have been taken meanwhile. */
void ik_out_cut(struct ike_engine *e, struct ik_out **last);
void ik_out_done(struct ike_engine *e);

/* report.c */
void ik_report(struct ike_engine *e, const struct ik_conn *conn, const struct cg_endpoint *remote,
	       enum ike_severity severity, const char *event, const char *hint, const char *format,
	       ...) __attribute__((format(printf, 7, 8)));
/* Of one who has the connection's address to itself, and has shown nothing else. */
void ik_report_claimed(struct ike_engine *e, const struct ik_conn *conn,
		       const struct cg_endpoint *remote, enum ike_severity severity,
		       const char *event, const char *hint, const char *format, ...)
	__attribute__((format(printf, 7, 8)));
/* May it be told of one that is of no connection, or of none that it has shown to be? At a bounded rate. */
bool ik_report_may(struct ik_sa *sa, enum ike_severity severity);
/* NOTICE "moved": who, and where the SAs are now. */
void ik_report_moved(const struct ik_sa *sa, const char *who);
/* The peer, which is authenticated, asks (what for) as no implementation should, and why not. */
void ik_report_request(const struct ik_sa *sa, const char *event, const char *asks,
		       const char *why);
/*
 * "Not now" (TEMPORARY_FAILURE, RFC 7296 section 2.25) is nothing to tell of unless it goes on: is it, after so many of them, one after another? If so,
 * what to do is in the hint.
 */
bool ik_report_again(unsigned before);
extern const char ik_not_now_hint[];
/* What is wrong with an offer that ike_offer_check() refuses; returns why. */
const char *ik_numbers_fault(const struct ike_sa_payload *offer, char why[IKE_TEXT_SIZE]);
/* What to do about a negotiation that came to nothing, with what ike_lacking() says; returns hint. */
const char *ik_lacking_hint(const char *what, uint32_t lacking, char hint[IKE_TEXT_SIZE]);
/* The failure of a negotiation: told once an IKE SA. */
void ik_report_failure(struct ik_sa *sa, enum ike_severity severity, const char *event,
		       const char *hint, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* Who we say that we are, for the operator; truncates, returns buf */
const char *ik_local_identity(const struct ike_connection_config *c, char *buf, size_t size);
const char *ik_notify_name(uint16_t type, char buf[IKE_NAME_BUF]);
