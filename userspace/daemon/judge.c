/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging a peer. Holds no state. Called by the verify workers.
 */
#include "daemon/judge.h"

#include <openssl/crypto.h>

#include "base/str.h"
#include "base/time.h"
#include "ike/auth_octets.h"
#include "pki/verify.h"

static int refuse(struct ike_verify_answer *a, const char *code, const char *hint, const char *fmt,
		  ...) _printf_(4, 5);

static int refuse(struct ike_verify_answer *a, const char *code, const char *hint, const char *fmt,
		  ...)
{
	va_list ap;

	a->error = -EACCES;
	(void)snprintf(a->code, sizeof(a->code), "%s", code);
	(void)snprintf(a->hint, sizeof(a->hint), "%s", hint ? hint : "");
	va_start(ap, fmt);
	(void)vsnprintf(a->text, sizeof(a->text), fmt, ap);
	va_end(ap);
	return -EACCES;
}

/* What the peer signed; allocated. -EBADMSG if the parts are not what an exchange has. */
static int assemble(const struct ike_out_verify *v, uint8_t **ret, size_t *ret_len)
{
	struct ike_auth_octets in = {
		.initiator = v->peer_initiator,
		.message = IKE_VIEW(v->init_message.data, v->init_message.size),
		.nonce = IKE_VIEW(v->nonce.data, v->nonce.size),
		.prf = v->prf,
		.sk_p = IKE_VIEW(v->sk_p.data, v->sk_p.size),
		.id = IKE_VIEW(v->id_body.data, v->id_body.size),
		.int_auth = {.initiator = IKE_VIEW(v->int_auth_i.data, v->int_auth_i.size),
			     .responder = IKE_VIEW(v->int_auth_r.data, v->int_auth_r.size),
			     .message_id = v->auth_id},
	};
	_cleanup_free_ uint8_t *out = NULL;
	size_t size;
	int r;

	if (v->init_message.size < 28)
		return -EBADMSG;
	/* The signer's own SPI stands in the message it signs. */
	in.spi = ike_load_u64(v->init_message.data + (v->peer_initiator ? 0 : 8));
	r = ike_auth_message_check(in.message, in.initiator, in.spi);
	if (r < 0)
		return r;
	size = ike_auth_octets_len(&in);
	if (size == 0)
		return -EBADMSG;
	out = malloc(size);
	if (!out)
		return -ENOMEM;
	r = ike_auth_octets_build(&in, out, size, ret_len);
	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	*ret = TAKE_PTR(out);
	return 0;
}

/* Whether the leaf's name and the identity fit the connection: all that is looked at to tell candidates apart. */
static bool fits(const struct trust_entry *e, const struct pki_id *id, const struct pki_cert *leaf)
{
	return pki_subject_rule_match(e->subject, leaf, NULL) >= 0 &&
	       pki_identity_rule_match(e->identity, id, leaf, NULL) >= 0;
}

static bool was_asked_for(const struct trust_entry *e, const struct ike_out_verify *v)
{
	/* One whose certificate is awaited has no name yet. */
	return e->local_id_len > 0 && v->wanted_id.size == e->local_id_len &&
	       memcmp(v->wanted_id.data, e->local_id, e->local_id_len) == 0;
}

static int fill_binding(const struct pki_verdict *verdict, const struct trust_entry *e,
			const struct pki_id *id, struct proto_binding *ret)
{
	char identity[PROTO_IDENTITY_TEXT];
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->connection = e->connection;
	memcpy(ret->trust, e->digest, sizeof(ret->trust));
	r = pki_binding_from_verdict(verdict, e->name, &ret->binding);
	if (r < 0)
		return r;
	(void)snprintf(ret->identity, sizeof(ret->identity), "%s",
		       pki_id_text(id, identity, sizeof(identity)));
	for (size_t i = 0; i < verdict->n_path && i < PKI_BINDING_LINKS_MAX; i++) {
		(void)snprintf(ret->chain[i].subject, sizeof(ret->chain[i].subject), "%s",
			       verdict->path[i]->subject);
		pki_printable(ret->chain[i].subject);
		ret->chain[i].not_after = verdict->path[i]->not_after;
	}
	return 0;
}

/* What one call of judge() works on. */
struct work {
	const struct trust_table *t;
	const struct ike_out_verify *v;
	const struct judge_by *by;
	struct pki_revocation_budget *budget; /* of all paths of all candidates */
	const struct pki_id *id;
	const uint8_t *octets;
	size_t octets_len;
	int64_t now;
	struct ike_verify_answer *a;
	struct proto_binding *binding;
	struct judged *judged;
};

void judged_done(struct judged *j)
{
	for (size_t i = 0; i < j->n_path; i++)
		pki_cert_unref(j->path[i]);
	for (size_t i = 0; i < j->n_answers; i++)
		pki_ocsp_unref(j->answers[i]);
	pki_certs_done(&j->others);
	*j = (struct judged){0};
}

void judge_describe_revoked(uint32_t connection, const struct pki_cert *cert,
			    const struct pki_cert_status *status, struct proto_seen_revoked *ret)
{
	*ret = (struct proto_seen_revoked){.connection = connection,
					   .by = streq(status->source, "ocsp") ? REVOKED_BY_OCSP
									       : REVOKED_BY_CRL,
					   .not_after = cert->not_after};
	memcpy(ret->hash, cert->sha256, sizeof(ret->hash));
	(void)snprintf(ret->subject, sizeof(ret->subject), "%s", cert->subject);
	pki_printable(ret->subject);
	(void)snprintf(ret->text, sizeof(ret->text), "%.250s", status->text);
}

/* Of somebody else's certificate below the same CA nothing is kept: there may be as many as that CA ever revoked. */
static void tell_revoked(const struct work *w, const struct revcheck *check,
			 const struct pki_verdict *verdict)
{
	static struct proto_seen_revoked seen;

	if (!w->by->seen_revoked || check->refused_here || verdict->fault < 0 ||
	    (size_t)verdict->fault >= check->n_status ||
	    /* Of several paths that were refused this may be another than the last. */
	    check->of[verdict->fault] != verdict->path[verdict->fault] ||
	    check->status[verdict->fault].state != PKI_STATE_REVOKED ||
	    pki_subject_rule_match(check->entry->subject, verdict->leaf, NULL) < 0)
		return;
	judge_describe_revoked(check->entry->connection, verdict->path[verdict->fault],
			       &check->status[verdict->fault], &seen);
	w->by->seen_revoked(w->by->ctx, &seen);
}

static void keep(const struct work *w, const struct pki_verdict *verdict, struct revcheck *check)
{
	struct judged *j = w->judged;

	j->connection = check->entry->connection;
	for (size_t i = 0; i < verdict->n_path; i++)
		j->path[j->n_path++] = pki_cert_ref(verdict->path[i]);
	j->others = check->others;
	check->others = (struct pki_certs){0};
	memcpy(j->status, check->status, sizeof(j->status));
	j->n_status = check->n_status;
	j->keys = check->keys;
	memcpy(j->rules, check->entry->digest, sizeof(j->rules));
}

/* Whether it says something of a certificate of the path, signed by who may. */
static bool is_about(const struct pki_ocsp *answer, const struct pki_verdict *verdict, int64_t now,
		     struct pki_error *ret_why)
{
	struct pki_ocsp_status status;

	for (size_t i = 0; i + 1 < verdict->n_path; i++) {
		if (pki_ocsp_status(answer, verdict->path[i], verdict->path[i + 1], now, ret_why,
				    &status) == 0)
			return true;
	}
	return false;
}

/*
 * The answers that the peer sent (RFC 4806), kept with its path: the same is asked of them as of those that are fetched, by whom they are signed and about
 * whom, now, and how fresh they are, whenever the path is looked at. Not before the peer's AUTH was verified: signatures cost.
 */
static void take_answers(const struct work *w, const struct pki_verdict *verdict,
			 struct revcheck *check)
{
	struct judged *j = w->judged;

	if (check->entry->revocation == PKI_REVOCATION_OFF)
		return;
	for (size_t i = 0; i < w->v->n_ocsp && j->n_answers < PKI_CHAIN_MAX; i++) {
		struct pki_error why = {0};
		struct pki_ocsp *answer;

		if (pki_ocsp_new(w->v->ocsp[i].data, w->v->ocsp[i].size, &why, &answer) >= 0) {
			if (is_about(answer, verdict, w->now, &why)) {
				j->answers[j->n_answers++] = answer;
				continue;
			}
			pki_ocsp_unref(answer);
		}
		(void)snprintf(check->sent_why, sizeof(check->sent_why), "the peer sent: %.230s",
			       why.text);
	}
	check->sent = j->answers;
	check->n_sent = j->n_answers;
}

/*
 * The peer has proved that it is who its certificate says: now, and not for anybody who sends a certificate, what is not known of its
 * revocation is asked for.
 */
static int check_revocation(const struct work *w, struct pki_verdict *verdict,
			    struct revcheck *check)
{
	enum pki_reason reason;
	struct pki_error why = {0};
	size_t at = 0;

	check->may_ask = check->again = true;
	check->lenient = w->by->may_wait;
	reason = revcheck_path(check, verdict->path, verdict->n_path, &check->others, w->now, &why,
			       &at);
	if (reason == PKI_OK && w->by->may_wait && check->missing)
		return -EAGAIN;
	/* Nothing is to come: what is not known counts. */
	if (reason == PKI_OK && check->lenient &&
	    check->entry->revocation == PKI_REVOCATION_REQUIRED) {
		check->lenient = false;
		reason = revcheck_path(check, verdict->path, verdict->n_path, &check->others,
				       w->now, &why, &at);
	}
	if (reason == PKI_OK)
		return 0;
	verdict->fault = (int)at;
	tell_revoked(w, check, verdict);
	return refuse(w->a, pki_reason_name(reason), NULL, "%s", why.text);
}

static int try_connection(const struct work *w, struct trust_entry *e, struct pki_cert *leaf)
{
	const struct ike_out_verify *v = w->v;
	struct ike_verify_answer *a = w->a;
	static struct revcheck check;
	struct pki_der others[IKE_MAX_PEER_CERTS];
	struct pki_verify_request request = {
		.trust = e->trust,
		.subject = e->subject,
		.identity = e->identity,
		.id = w->id,
		.parsed_leaf = leaf,
		.untrusted = others,
		.n_untrusted = v->n_certs - 1,
		.at = w->now,
		.path_check = revcheck_path,
		.path_check_userdata = &check,
	};
	struct pki_verdict verdict = {0};
	struct pki_error err = {0};
	int r;

	check = (struct revcheck){
		.entry = e, .known = &w->by->known, .lenient = true, .budget = w->budget};
	for (size_t i = 1; i < v->n_certs; i++)
		others[i - 1] = (struct pki_der){v->certs[i].data, v->certs[i].size};
	a->connection = e->connection;
	memcpy(a->trust, e->digest, sizeof(a->trust));
	pki_verify(&request, &verdict);
	if (verdict.leaf)
		(void)snprintf(a->subject, sizeof(a->subject), "%s", verdict.leaf->subject);
	if (!verdict.valid) {
		if (verdict.reason == PKI_REVOKED)
			tell_revoked(w, &check, &verdict);
		r = refuse(a, pki_reason_name(verdict.reason), NULL, "%s", verdict.text);
		goto out;
	}
	r = pki_auth_verify(verdict.leaf, v->auth_method, v->auth_data.data, v->auth_data.size,
			    w->octets, w->octets_len, &e->auth, &err, NULL);
	if (r < 0) {
		r = refuse(
			a, r == -EKEYREJECTED ? "auth-signature" : "auth-method",
			r == -EPROTONOSUPPORT
				? "make the peer sign with RFC 7427 or SHA-2, or set allow_sha1_signatures"
				: NULL,
			"the peer's AUTH (method %u) is not accepted: %s", v->auth_method,
			err.text);
		goto out;
	}
	take_answers(w, &verdict, &check);
	r = check_revocation(w, &verdict, &check);
	if (r < 0)
		goto out;
	r = fill_binding(&verdict, e, w->id, w->binding);
	if (r < 0) {
		(void)refuse(a, "internal", NULL, "no binding could be made of the chain: %s",
			     strerror(-r));
		goto out;
	}
	r = trust_entry_beyond(check.entry, w->judged->beyond);
	if (r < 0) {
		(void)refuse(a, "internal", NULL, "its rules have no digest: %s", strerror(-r));
		goto out;
	}
	a->error = 0;
	a->not_after = verdict.not_after;
	a->expires_in = verdict.not_after > w->now ? (uint64_t)(verdict.not_after - w->now) : 0;
	keep(w, &verdict, &check);
out:
	if (r < 0)
		judged_done(w->judged);
	if (r == -EAGAIN)
		w->judged->keys = check.keys;
	pki_certs_done(&check.others);
	pki_verdict_done(&verdict);
	return r;
}

/* The peer is nobody we know at this address: say whom we expected. */
static int refuse_stranger(const struct trust_table *t, const struct ike_out_verify *v,
			   const struct pki_id *id, const struct pki_cert *leaf,
			   struct ike_verify_answer *a)
{
	_cleanup_strbuf_ struct cg_strbuf expected = {0};
	char identity[256];
	size_t shown = 0;

	for (size_t i = 0; i < v->n_candidates && shown < 3; i++) {
		const struct trust_entry *e = trust_table_find(t, v->candidates[i]);

		if (!e)
			continue;
		strbuf_addf(&expected, "%s'%s' (connection %s)", shown > 0 ? ", " : "",
			    pki_subject_rule_text(e->subject), e->name);
		shown++;
	}
	if (v->n_candidates > shown)
		strbuf_addf(&expected, " and %zu more", v->n_candidates - shown);
	return refuse(
		a, "no-connection",
		"set subject_name and remote_identity of the connection that is meant for this peer",
		"no connection for this address expects subject '%s' with identity %s; expected: %s",
		leaf->subject, pki_id_text(id, identity, sizeof(identity)),
		expected.s ? expected.s : "nobody");
}

static int choose(const struct work *w, struct pki_cert *leaf)
{
	const struct ike_out_verify *v = w->v;
	unsigned int tried = 0;

	if (v->n_candidates == 1) {
		struct trust_entry *e = trust_table_find(w->t, v->candidates[0]);

		if (!e)
			return refuse(w->a, "no-connection", NULL,
				      "the connection is not loaded any more");
		return try_connection(w, e, leaf);
	}
	/* First those whose name the initiator asked for, then the others. */
	for (unsigned int round = 0; round < 2; round++) {
		for (size_t i = 0; i < v->n_candidates && tried < JUDGE_CHAINS_MAX; i++) {
			struct trust_entry *e = trust_table_find(w->t, v->candidates[i]);

			int r;

			if (!e || was_asked_for(e, v) != (round == 0) || !fits(e, w->id, leaf))
				continue;
			tried++;
			r = try_connection(w, e, leaf);
			if (r >= 0 || r == -EAGAIN)
				return r;
		}
	}
	return tried > 0 ? -EACCES : refuse_stranger(w->t, v, w->id, leaf, w->a);
}

int judge(const struct trust_table *t, const struct ike_out_verify *v, const struct judge_by *by,
	  int64_t now, struct ike_verify_answer *ret_answer, struct proto_binding *ret_binding,
	  struct judged *ret_judged)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *leaf = NULL;
	_cleanup_free_ uint8_t *octets = NULL;
	struct pki_revocation_budget budget = PKI_REVOCATION_BUDGET;
	struct pki_error err = {0};
	char time[TIMESTAMP_SIZE];
	struct pki_id id;
	size_t octets_len = 0;
	int r;

	*ret_answer = (struct ike_verify_answer){0};
	if (!clock_plausible(now))
		return refuse(
			ret_answer, "clock-implausible",
			"set the clock, or wait until it is set (NTP); connections are tried again",
			"this machine's clock shows %s, which cannot be: no certificate is judged until it is right",
			format_timestamp(now, time));
	if (v->n_candidates == 0)
		return refuse(ret_answer, "no-connection", NULL,
			      "no connection is configured for this address");
	r = assemble(v, &octets, &octets_len);
	if (r < 0) {
		(void)refuse(ret_answer, "auth-octets", NULL,
			     "what the peer is said to have signed is no exchange");
		return r;
	}
	if (pki_id_decode(v->id_body.data, v->id_body.size, &id) < 0)
		return refuse(ret_answer, "identity-malformed", NULL,
			      "the peer's ID payload is malformed");
	if (v->n_certs == 0)
		return refuse(ret_answer, "no-certificate",
			      "the peer must send its certificate, asked or not",
			      "the peer sent no certificate");
	if (pki_cert_new(v->certs[0].data, v->certs[0].size, &err, &leaf) < 0)
		return refuse(ret_answer, pki_reason_name(PKI_LEAF_UNREADABLE), NULL,
			      "the peer's certificate cannot be read: %s", err.text);
	(void)snprintf(ret_answer->subject, sizeof(ret_answer->subject), "%s", leaf->subject);
	r = choose(&(struct work){.t = t,
				  .v = v,
				  .by = by,
				  .budget = &budget,
				  .id = &id,
				  .octets = octets,
				  .octets_len = octets_len,
				  .now = now,
				  .a = ret_answer,
				  .binding = ret_binding,
				  .judged = ret_judged},
		   leaf);
	OPENSSL_cleanse(octets, octets_len);
	return r;
}
