/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading the messages that stage a configuration. Holds no state.
 */
#include "daemon/proto_stage.h"

static struct ike_blob get_blob(struct msg_reader *r, size_t max)
{
	struct ike_blob b = {0};

	b.data = msg_get_blob(r, max, &b.size);
	return b;
}

void proto_put_stage_ref(struct msg_writer *w, const struct stage_ref *s)
{
	msg_put_u32(w, s->generation);
	msg_put_u32(w, s->connection);
}

void proto_get_stage_ref(struct msg_reader *r, struct stage_ref *ret)
{
	ret->generation = msg_get_u32(r);
	ret->connection = msg_get_u32(r);
}

void proto_put_stage_key(struct msg_writer *w, const struct stage_key *s)
{
	proto_put_stage_ref(w, &s->ref);
	msg_put_str(w, s->name);
	msg_put_str(w, s->local_identity);
	msg_put_bool(w, s->rsa_sha1);
	msg_put_str(w, s->vault);
	msg_put_u32(w, s->hsm);
}

void proto_get_stage_key(struct msg_reader *r, struct stage_key *ret)
{
	proto_get_stage_ref(r, &ret->ref);
	msg_get_str(r, ret->name, sizeof(ret->name));
	msg_get_str(r, ret->local_identity, sizeof(ret->local_identity));
	ret->rsa_sha1 = msg_get_bool(r);
	msg_get_str(r, ret->vault, sizeof(ret->vault));
	ret->hsm = msg_get_count(r, CG_HARDWARE_MAX);
}

void proto_put_stage_trust(struct msg_writer *w, const struct stage_trust *s)
{
	proto_put_stage_ref(w, &s->ref);
	msg_put_str(w, s->name);
	msg_put_str(w, s->subject_name);
	msg_put_str(w, s->remote_identity);
	msg_put_bool(w, s->rsa_sha1);
	msg_put_u8(w, (uint8_t)s->revocation);
	msg_put_u32(w, s->revocation_grace);
	msg_put_bool(w, s->fetch);
	msg_put_blob(w, s->local_id.data, s->local_id.size);
}

void proto_get_stage_trust(struct msg_reader *r, struct stage_trust *ret)
{
	proto_get_stage_ref(r, &ret->ref);
	msg_get_str(r, ret->name, sizeof(ret->name));
	msg_get_str(r, ret->subject_name, sizeof(ret->subject_name));
	msg_get_str(r, ret->remote_identity, sizeof(ret->remote_identity));
	ret->rsa_sha1 = msg_get_bool(r);
	ret->revocation = (enum pki_revocation_mode)msg_get_enum(r, PKI_REVOCATION_OFF);
	ret->revocation_grace = msg_get_u32(r);
	ret->fetch = msg_get_bool(r);
	ret->local_id = get_blob(r, PROTO_ID_MAX);
}

void proto_put_stage_file(struct msg_writer *w, const struct stage_file *s)
{
	proto_put_stage_ref(w, &s->ref);
	msg_put_u8(w, (uint8_t)s->part);
	msg_put_str(w, s->name);
}

void proto_get_stage_file(struct msg_reader *r, struct stage_file *ret)
{
	proto_get_stage_ref(r, &ret->ref);
	ret->part = (enum stage_part)msg_get_enum(r, _STAGE_PART_MAX - 1);
	msg_get_str(r, ret->name, sizeof(ret->name));
}

void proto_put_stage_finding(struct msg_writer *w, const struct stage_finding *s)
{
	proto_put_stage_ref(w, &s->ref);
	msg_put_u8(w, (uint8_t)s->finding.rule);
	msg_put_u8(w, (uint8_t)s->finding.severity);
	msg_put_str(w, s->finding.where);
	msg_put_str(w, s->finding.found);
	msg_put_str(w, s->finding.wanted);
}

void proto_get_stage_finding(struct msg_reader *r, struct stage_finding *ret)
{
	proto_get_stage_ref(r, &ret->ref);
	ret->finding.rule = (enum pki_rule)msg_get_enum(r, _PKI_RULE_MAX - 1);
	ret->finding.severity = (enum pki_severity)msg_get_enum(r, PKI_ERROR);
	msg_get_str(r, ret->finding.where, sizeof(ret->finding.where));
	msg_get_str(r, ret->finding.found, sizeof(ret->finding.found));
	msg_get_str(r, ret->finding.wanted, sizeof(ret->finding.wanted));
}

void proto_put_staged_key(struct msg_writer *w, const struct staged_key *s)
{
	proto_put_stage_ref(w, &s->ref);
	msg_put_u32(w, (uint32_t)s->error);
	msg_put_bool(w, s->awaited);
	msg_put_bool(w, s->permanent);
	msg_put_str(w, s->hint);
	msg_put_u8(w, (uint8_t)s->part);
	msg_put_str(w, s->text);
	msg_put_str(w, s->subject);
	msg_put_i64(w, s->not_after);
	msg_put_str(w, s->ends_first);
	msg_put_i64(w, s->ends_at);
	msg_put_blob(w, s->id.data, s->id.size);
	msg_put_u32(w, (uint32_t)s->n_certs);
	for (size_t i = 0; i < s->n_certs; i++)
		msg_put_blob(w, s->certs[i].data, s->certs[i].size);
}

void proto_get_staged_key(struct msg_reader *r, struct staged_key *ret)
{
	*ret = (struct staged_key){0};
	proto_get_stage_ref(r, &ret->ref);
	ret->error = (int)msg_get_u32(r);
	ret->awaited = msg_get_bool(r);
	ret->permanent = msg_get_bool(r);
	msg_get_str(r, ret->hint, sizeof(ret->hint));
	ret->part = (enum stage_part)msg_get_enum(r, _STAGE_PART_MAX - 1);
	msg_get_str(r, ret->text, sizeof(ret->text));
	msg_get_str(r, ret->subject, sizeof(ret->subject));
	ret->not_after = msg_get_i64(r);
	msg_get_str(r, ret->ends_first, sizeof(ret->ends_first));
	ret->ends_at = msg_get_i64(r);
	ret->id = get_blob(r, PROTO_ID_MAX);
	ret->n_certs = msg_get_count(r, IKE_MAX_CERTS);
	for (size_t i = 0; i < ret->n_certs; i++)
		ret->certs[i] = get_blob(r, IKE_MAX_CERT_SIZE);
}

void proto_put_staged_trust(struct msg_writer *w, const struct staged_trust *s)
{
	proto_put_stage_ref(w, &s->ref);
	msg_put_u32(w, (uint32_t)s->error);
	msg_put_u8(w, (uint8_t)s->part);
	msg_put_str(w, s->text);
	msg_put_blob(w, s->remote_id.data, s->remote_id.size);
	msg_put_blob(w, s->hashes.data, s->hashes.size);
	msg_put_fixed(w, s->digest, sizeof(s->digest));
	msg_put_str(w, s->subject);
	msg_put_i64(w, s->not_after);
}

void proto_get_staged_trust(struct msg_reader *r, struct staged_trust *ret)
{
	*ret = (struct staged_trust){0};
	proto_get_stage_ref(r, &ret->ref);
	ret->error = (int)msg_get_u32(r);
	ret->part = (enum stage_part)msg_get_enum(r, _STAGE_PART_MAX - 1);
	msg_get_str(r, ret->text, sizeof(ret->text));
	ret->remote_id = get_blob(r, PROTO_ID_MAX);
	ret->hashes = get_blob(r, (size_t)STAGE_HASHES_MAX * PKI_SHA1_SIZE);
	msg_get_fixed(r, ret->digest, sizeof(ret->digest));
	msg_get_str(r, ret->subject, sizeof(ret->subject));
	ret->not_after = msg_get_i64(r);
	if (ret->hashes.size % PKI_SHA1_SIZE != 0)
		msg_reject(r);
}
