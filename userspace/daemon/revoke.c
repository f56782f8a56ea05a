/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is revoked on this gateway: by an operator, or seen in a genuine list or answer. The kernel learns it first, and with that the tunnels
 * below are dead; then the file, so that it lasts; then verify, so that the next handshake is refused with a reason; and the
 * IKE SAs are closed. Called by ops.c, and when verify saw something.
 */
#include "daemon/revoke.h"

#include "base/control.h"
#include "base/hex.h"
#include "daemon/binding.h"
#include "daemon/channel.h"
#include "daemon/conn.h"
#include "daemon/fetching.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/proc.h"
#include "daemon/proto_revocation.h"
#include "daemon/revoked_file.h"
#include "daemon/revoked_set.h"
#include "kernel/kernel.h"

/* What was seen is kept for so long at most, whatever end it is told to have. */
#define SEEN_SECONDS_MAX ((int64_t)100 * 366 * 86400)

static int64_t now_seconds(void)
{
	return (int64_t)(now_realtime() / USEC_PER_SEC);
}

int revoke_start(struct gateway *g)
{
	return revoked_file_open(g->config->gateway.state_dir, now_seconds(), &g->revoked,
				 &g->revoked_fd);
}

void revoke_stop(struct gateway *g)
{
	revoked_set_done(&g->revoked);
	g->revoked_fd = safe_close(g->revoked_fd);
}

/* ---------------------------------------------------------------- telling */

static int in_kernel(struct gateway *g, const uint8_t hash[PKI_SHA256_SIZE], uint32_t *ret_bindings,
		     uint32_t *ret_sas)
{
	int r;

	*ret_bindings = *ret_sas = 0;
	if (!g->k)
		return 0; /* it learns when the module comes */
	r = cgk_revoke(g->k, hash, ret_bindings, ret_sas);
	if (r == -EALREADY || r == -EEXIST)
		return 0;
	if (r < 0)
		return log_error_errno(r, "the kernel does not take a revocation (%s)",
				       cgk_error(g->k));
	return r;
}

void revoke_tell_kernel(struct gateway *g)
{
	const struct revoked *r;
	uint32_t bindings, sas;

	LIST_FOREACH(r, &g->revoked.all, all)
	(void)in_kernel(g, r->hash, &bindings, &sas);
}

static void tell(struct channel *c, const struct revoked *r)
{
	static struct proto_revoked p;
	struct msg_writer m;

	p.by = r->by;
	p.not_after = r->not_after;
	memcpy(p.hash, r->hash, sizeof(p.hash));
	memcpy(p.text, r->text, sizeof(p.text));
	msg_begin(&m, MSG_REVOKED);
	proto_put_revoked(&m, &p);
	(void)channel_send(c, &m, -EBADF);
}

void revoke_tell_verify(struct gateway *g, struct channel *c)
{
	const struct revoked *r;

	LIST_FOREACH(r, &g->revoked.all, all)
	tell(c, r);
}

static void tell_all(struct gateway *g, const struct revoked *r)
{
	for (unsigned int i = 0; i < g->n_verifiers; i++) {
		struct channel *c = proc_channel(g, ROLE_VERIFY, i);

		if (c)
			tell(c, r);
	}
}

/* ---------------------------------------------------------------- revoking */

#define NOT_IN_KERNEL \
	"the kernel did not take it that '%s' is revoked: the SAs below it that this daemon set up were deleted instead"

/* The first digits are enough to find it again. */
static const char *short_hash(const uint8_t hash[PKI_SHA256_SIZE], char out[17])
{
	(void)hex_encode(hash, 8, out, 17);
	return out;
}

/* There are no more than so many; the kernel keeps it. */
static void tell_forgotten(const struct revoked_set *s, const struct revoked *r)
{
	static struct cg_ratelimit limit = {.interval = 600 * USEC_PER_SEC, .burst = 20};
	const struct revoked *old = revoked_set_in_place_of(s, r);
	unsigned int more;
	char hash[17];

	if (old && ratelimit_pass(&limit, now_boottime(), &more))
		log_warning(
			"more certificates were seen revoked than are kept: '%s' (%s), which would expire first, is forgotten, but for the kernel (%u more before)",
			old->subject, short_hash(old->hash, hash), more);
}

/*
 * In the kernel, then everywhere else. *ret_kept: the file has it; *ret_kernel: so has the kernel, and if not the SAs below it were deleted. Negative:
 * nothing was done.
 */
static int put_in_force(struct gateway *g, const struct revoked *r, uint32_t *ret_bindings,
			uint32_t *ret_sas, int *ret_kept, int *ret_kernel)
{
	int e, kernel;

	kernel = *ret_kernel = in_kernel(g, r->hash, ret_bindings, ret_sas);
	tell_forgotten(&g->revoked, r);
	e = revoked_set_add(&g->revoked, r);
	if (e < 0 && kernel < 0)
		return e;
	*ret_kept = e < 0 ? e : revoked_file_append(g->revoked_fd, r, true);
	if (*ret_kept < 0)
		(void)log_error_errno(*ret_kept,
				      "what was revoked cannot be written: a restart forgets it");
	tell_all(g, r);
	bindings_revoked(g, r->hash, r->text, kernel >= 0);
	return 0;
}

void revoke_seen(struct gateway *g, const struct proto_seen_revoked *s)
{
	struct conn *c = conn_find(g, s->connection);
	struct revoked r = {.by = s->by, .at = now_seconds()};
	uint32_t bindings, sas;
	char hash[17];
	int kept, kernel;

	/* Several workers may see it. */
	if (revoked_set_find(&g->revoked, s->hash))
		return;
	r.not_after = MIN(s->not_after, r.at + SEEN_SECONDS_MAX);
	memcpy(r.hash, s->hash, sizeof(r.hash));
	memcpy(r.subject, s->subject, sizeof(r.subject));
	(void)snprintf(r.text, sizeof(r.text), "%.180s, says %s", s->text,
		       s->by == REVOKED_BY_CRL ? "its issuer's list" : "its issuer's responder");
	if (put_in_force(g, &r, &bindings, &sas, &kept, &kernel) < 0) {
		(void)log_oom();
		return;
	}
	history_note(g, c, IKE_WARNING, "certificate-revoked", NULL, NULL,
		     "the certificate '%s' (%s) was %s; %u bindings with %u SAs were stopped",
		     s->subject, short_hash(s->hash, hash), r.text, bindings, sas);
	if (kernel < 0)
		history_note(g, c, IKE_ERROR, "certificate-revoked", NULL, NULL, NOT_IN_KERNEL,
			     s->subject);
}

static json_t *entry_json(const struct revoked *r)
{
	char hash[2 * PKI_SHA256_SIZE + 1], at[TIMESTAMP_SIZE];
	json_t *o;

	(void)hex_encode(r->hash, sizeof(r->hash), hash, sizeof(hash));
	o = json_pack("{s:s, s:s, s:s, s:s}", "fingerprint", hash, "by", revoked_by_name(r->by),
		      "at", format_timestamp(r->at, at), "text", r->text);
	if (o && r->subject[0])
		(void)json_object_set_new(o, "subject", json_string(r->subject));
	if (o && r->who[0])
		(void)json_object_set_new(o, "who", json_string(r->who));
	return o;
}

json_t *revoke_by_hand(struct gateway *g, const uint8_t hash[PKI_SHA256_SIZE], const char *subject,
		       const char *reason, const char *who)
{
	const struct revoked *old = revoked_set_find(&g->revoked, hash);
	struct revoked r = {.by = REVOKED_BY_HAND, .at = now_seconds(), .not_after = INT64_MAX};
	uint32_t bindings = 0, sas = 0;
	char at[TIMESTAMP_SIZE], digits[17];
	int kept = 0, kernel = 0, e;
	json_t *o;

	if (old && old->by == REVOKED_BY_HAND)
		return control_error("it is revoked by hand already",
				     "'certgate cert list' shows when and by whom");
	if (g->revoked.n_by_hand >= REVOKED_BY_HAND_MAX)
		return control_error("as many are revoked by hand as there can be",
				     "revoke the issuer, or take back what has expired");
	memcpy(r.hash, hash, sizeof(r.hash));
	(void)snprintf(r.subject, sizeof(r.subject), "%s", subject);
	(void)snprintf(r.who, sizeof(r.who), "%.63s", who);
	(void)snprintf(r.text, sizeof(r.text), "revoked %s by %.63s%s%.120s",
		       format_timestamp(r.at, at), who, reason[0] ? ": " : "", reason);
	e = put_in_force(g, &r, &bindings, &sas, &kept, &kernel);
	if (e < 0)
		return control_error(strerror(-e), NULL);
	history_note(g, NULL, IKE_NOTICE, "certificate-revoked", NULL, NULL,
		     "%s%s%s (%s) was %s; %u bindings with %u SAs were stopped",
		     subject[0] ? "'" : "the fingerprint", subject, subject[0] ? "'" : "",
		     short_hash(hash, digits), r.text, bindings, sas);
	if (kernel < 0)
		return control_error(
			"it is refused from now on, but the kernel did not take it: the SAs below it that this daemon set up were deleted instead, others may go on",
			"the log has the kernel's reason; 'certgate kernel cert list' shows what lives by it");
	o = entry_json(&r);
	if (!o)
		return NULL;
	(void)json_object_set_new(o, "bindings", json_integer(bindings));
	(void)json_object_set_new(o, "sas", json_integer(sas));
	if (kept < 0) {
		json_decref(o);
		return control_error(
			"it is in force, but could not be written: a restart forgets it",
			"see to gateway.state_dir, then unrevoke and revoke it again");
	}
	return control_result(o);
}

/* What only the kernel holds: of what was seen, and is not kept any more, or by 'certgate kernel cert revoke'. */
static json_t *unrevoke_in_kernel(struct gateway *g, const uint8_t hash[PKI_SHA256_SIZE],
				  const char *who)
{
	char hex[2 * PKI_SHA256_SIZE + 1], digits[17];
	int r = g->k ? cgk_unrevoke(g->k, hash) : -ENOENT;
	json_t *o;

	if (r == -ENOENT)
		return control_error("it is not revoked on this gateway",
				     "'certgate cert list' shows what is");
	if (r < 0) {
		(void)log_error_errno(r, "the kernel does not take a revocation back (%s)",
				      cgk_error(g->k));
		return control_error("the kernel does not take it back", "the log has its reason");
	}
	history_note(
		g, NULL, IKE_NOTICE, "certificate-unrevoked", NULL, NULL,
		"the fingerprint (%s), which the kernel alone held revoked, is not any more: taken back by %s",
		short_hash(hash, digits), who);
	(void)hex_encode(hash, PKI_SHA256_SIZE, hex, sizeof(hex));
	o = json_pack("{s:s, s:s}", "fingerprint", hex, "text", "revoked in the kernel alone");
	return o ? control_result(o) : NULL;
}

json_t *unrevoke_by_hand(struct gateway *g, const uint8_t hash[PKI_SHA256_SIZE], const char *who)
{
	const struct revoked *old = revoked_set_find(&g->revoked, hash);
	struct revoked was;
	char digits[17];
	struct msg_writer m;
	json_t *o;
	int r;

	if (!old)
		return unrevoke_in_kernel(g, hash, who);
	was = *old;
	/* The file first: what cannot be written is not taken back. */
	r = revoked_file_append(g->revoked_fd, &was, false);
	if (r < 0)
		return control_error("it stays revoked: that it is taken back could not be written",
				     "see to gateway.state_dir");
	(void)revoked_set_del(&g->revoked, hash);
	if (g->k) {
		r = cgk_unrevoke(g->k, hash);
		if (r < 0 && r != -ENOENT)
			(void)log_error_errno(r, "the kernel does not take a revocation back (%s)",
					      cgk_error(g->k));
	}
	for (unsigned int i = 0; i < g->n_verifiers; i++) {
		struct channel *c = proc_channel(g, ROLE_VERIFY, i);

		if (!c)
			continue;
		msg_begin(&m, MSG_UNREVOKED);
		msg_put_fixed(&m, hash, PKI_SHA256_SIZE);
		(void)channel_send(c, &m, -EBADF);
	}
	history_note(g, NULL, IKE_NOTICE, "certificate-unrevoked", NULL, NULL,
		     "%s%s%s (%s), %s, is not revoked any more: taken back by %s",
		     was.subject[0] ? "'" : "the fingerprint", was.subject,
		     was.subject[0] ? "'" : "", short_hash(hash, digits), was.text, who);
	o = entry_json(&was);
	return o ? control_result(o) : NULL;
}

json_t *revoke_list_json(struct gateway *g)
{
	json_t *list = json_array();
	const struct revoked *r;

	LIST_FOREACH(r, &g->revoked.all, all)
	(void)json_array_append_new(list, entry_json(r));
	return json_pack("{s:o, s:o}", "revoked", list, "fetched", fetching_json(g));
}
