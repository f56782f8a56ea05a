/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does what the engine puts out pass between the daemon's processes? Whoever reads a message that it refuses ends the process that sent
 * it, so whatever a peer makes the engine say has to fit.
 */
#pragma once

#include "daemon/proto_auth.h"
#include "daemon/proto_ike.h"

static bool wire_read(enum ike_output_kind kind, struct msg_reader *r)
{
	static union {
		struct ike_out_sign sign;
		struct proto_verify verify;
		struct ike_out_expect expect;
		struct proto_child_add add;
		struct ike_out_child child;
		struct proto_report report;
	} u;

	switch (kind) {
	case IKE_OUT_NONCES: (void)proto_get_nonces_get(r); break;
	case IKE_OUT_SIGN: proto_get_sign(r, &u.sign); break;
	case IKE_OUT_VERIFY: proto_get_verify(r, &u.verify); break;
	case IKE_OUT_CHILD_EXPECT: proto_get_expect(r, &u.expect); break;
	case IKE_OUT_CHILD_ADD: proto_get_child_add(r, &u.add); break;
	case IKE_OUT_CHILD_DEL:
	case IKE_OUT_CHILD_ACTIVATE:
	case IKE_OUT_CHILD_MOVE: proto_get_child(r, &u.child); break;
	case IKE_OUT_REPORT: proto_get_report(r, &u.report); break;
	case IKE_OUT_KEYS:
	case IKE_OUT_DATAGRAM:
	case IKE_OUT_PLACE:
	case IKE_OUT_RELEASE: return true;
	}
	return msg_done(r);
}

static bool wire_fits(const struct ike_output *o)
{
	struct msg_writer w;
	struct msg_reader r;
	enum msg_type type;
	bool fits;

	if (o->kind == IKE_OUT_DATAGRAM || o->kind == IKE_OUT_PLACE || o->kind == IKE_OUT_RELEASE ||
	    o->kind == IKE_OUT_KEYS)
		return true;
	msg_begin(&w, MSG_STATUS_END); /* any type: the body is what is looked at */
	switch (o->kind) {
	case IKE_OUT_NONCES: proto_put_nonces_get(&w, o->nonces.count); break;
	case IKE_OUT_SIGN: proto_put_sign(&w, &o->sign); break;
	case IKE_OUT_VERIFY: proto_put_verify(&w, &o->verify); break;
	case IKE_OUT_CHILD_EXPECT: proto_put_expect(&w, &o->expect); break;
	case IKE_OUT_CHILD_ADD: proto_put_child_add(&w, &o->child_add); break;
	case IKE_OUT_CHILD_DEL:
	case IKE_OUT_CHILD_ACTIVATE:
	case IKE_OUT_CHILD_MOVE: proto_put_child(&w, &o->child); break;
	case IKE_OUT_REPORT: proto_put_report(&w, &o->report); break;
	case IKE_OUT_KEYS:
	case IKE_OUT_DATAGRAM:
	case IKE_OUT_PLACE:
	case IKE_OUT_RELEASE: break;
	}
	fits = !w.failed && msg_open(w.buf, w.len, &type, &r) == 0 && wire_read(o->kind, &r);
	msg_end(&w);
	return fits;
}
