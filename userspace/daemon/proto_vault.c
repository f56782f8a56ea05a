/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading the messages about key vaults. Holds no state.
 */
#include "daemon/proto_vault.h"

static struct ike_blob get_blob(struct msg_reader *r, size_t max)
{
	struct ike_blob b = {0};

	b.data = msg_get_blob(r, max, &b.size);
	return b;
}

/* A vault's object: names end up in the paths of requests. */
static void get_name(struct msg_reader *r, char ret[CG_VAULT_NAME_MAX + 1], bool may_be_empty)
{
	msg_get_str(r, ret, CG_VAULT_NAME_MAX + 1);
	if ((ret[0] || !may_be_empty) && !cg_vault_name_is_valid(ret))
		msg_reject(r);
}

static void get_version(struct msg_reader *r, char ret[CG_VAULT_VERSION_LEN + 1])
{
	msg_get_str(r, ret, CG_VAULT_VERSION_LEN + 1);
	if (ret[0] && !cg_vault_version_is_valid(ret))
		msg_reject(r);
}

void proto_put_vault_setup(struct msg_writer *w, const struct proto_vault_setup *p)
{
	msg_put_u32(w, (uint32_t)p->n_hosts);
	for (size_t i = 0; i < p->n_hosts; i++) {
		msg_put_str(w, p->hosts[i].name);
		msg_put_u16(w, p->hosts[i].port);
	}
	msg_put_str(w, p->resource);
	msg_put_str(w, p->metadata);
	msg_put_str(w, p->identity_kind);
	msg_put_str(w, p->identity);
	msg_put_bool(w, p->own_ca);
}

void proto_get_vault_setup(struct msg_reader *r, struct proto_vault_setup *ret)
{
	*ret = (struct proto_vault_setup){.n_hosts = msg_get_count(r, CG_VAULT_HOSTS_MAX)};
	for (size_t i = 0; i < ret->n_hosts; i++) {
		msg_get_str(r, ret->hosts[i].name, sizeof(ret->hosts[i].name));
		ret->hosts[i].port = msg_get_u16(r);
	}
	msg_get_str(r, ret->resource, sizeof(ret->resource));
	msg_get_str(r, ret->metadata, sizeof(ret->metadata));
	msg_get_str(r, ret->identity_kind, sizeof(ret->identity_kind));
	msg_get_str(r, ret->identity, sizeof(ret->identity));
	ret->own_ca = msg_get_bool(r);
}

void proto_put_stage_vault(struct msg_writer *w, const struct proto_stage_vault *p)
{
	msg_put_u32(w, p->generation);
	msg_put_u32(w, p->refresh);
	msg_put_str(w, p->url);
}

void proto_get_stage_vault(struct msg_reader *r, struct proto_stage_vault *ret)
{
	ret->generation = msg_get_u32(r);
	ret->refresh = msg_get_u32(r);
	msg_get_str(r, ret->url, sizeof(ret->url));
}

void proto_put_vault_get(struct msg_writer *w, const struct proto_vault_get *p)
{
	msg_put_u32(w, p->number);
	msg_put_str(w, p->url);
}

void proto_get_vault_get(struct msg_reader *r, struct proto_vault_get *ret)
{
	ret->number = msg_get_u32(r);
	msg_get_str(r, ret->url, sizeof(ret->url));
}

void proto_put_vault_got(struct msg_writer *w, const struct proto_vault_got *p)
{
	msg_put_u32(w, p->number);
	msg_put_str(w, p->version);
	msg_put_str(w, p->key_name);
	msg_put_str(w, p->key_version);
	msg_put_blob(w, p->data.data, p->data.size);
	msg_put_blob(w, p->chain.data, p->chain.size);
}

void proto_get_vault_got(struct msg_reader *r, struct proto_vault_got *ret)
{
	*ret = (struct proto_vault_got){.number = msg_get_u32(r)};
	get_version(r, ret->version);
	get_name(r, ret->key_name, true);
	get_version(r, ret->key_version);
	ret->data = get_blob(r, VAULT_DATA_MAX);
	ret->chain = get_blob(r, VAULT_DATA_MAX);
}

void proto_put_vault_sign(struct msg_writer *w, const struct proto_vault_sign *p)
{
	msg_put_u32(w, p->number);
	msg_put_str(w, p->url);
	msg_put_str(w, p->key_name);
	msg_put_str(w, p->key_version);
	msg_put_str(w, p->alg);
	msg_put_blob(w, p->digest, p->digest_len);
}

void proto_get_vault_sign(struct msg_reader *r, struct proto_vault_sign *ret)
{
	struct ike_blob digest;

	*ret = (struct proto_vault_sign){.number = msg_get_u32(r)};
	msg_get_str(r, ret->url, sizeof(ret->url));
	get_name(r, ret->key_name, false);
	get_version(r, ret->key_version);
	msg_get_str(r, ret->alg, sizeof(ret->alg));
	for (const char *s = ret->alg; *s; s++) {
		if ((*s < 'A' || *s > 'Z') && (*s < '0' || *s > '9'))
			msg_reject(r);
	}
	digest = get_blob(r, sizeof(ret->digest));
	if (digest.size > 0)
		memcpy(ret->digest, digest.data, digest.size);
	ret->digest_len = digest.size;
}

void proto_put_vault_signed(struct msg_writer *w, const struct proto_vault_signed *p)
{
	msg_put_u32(w, p->number);
	msg_put_blob(w, p->signature.data, p->signature.size);
}

void proto_get_vault_signed(struct msg_reader *r, struct proto_vault_signed *ret)
{
	ret->number = msg_get_u32(r);
	ret->signature = get_blob(r, VAULT_SIGNATURE_MAX);
}

void proto_put_vault_failed(struct msg_writer *w, const struct proto_vault_failed *p)
{
	msg_put_u32(w, p->number);
	msg_put_bool(w, p->permanent);
	msg_put_u32(w, p->retry_after);
	msg_put_str(w, p->text);
	msg_put_str(w, p->hint);
}

void proto_get_vault_failed(struct msg_reader *r, struct proto_vault_failed *ret)
{
	ret->number = msg_get_u32(r);
	ret->permanent = msg_get_bool(r);
	ret->retry_after = msg_get_u32(r);
	msg_get_str(r, ret->text, sizeof(ret->text));
	msg_get_str(r, ret->hint, sizeof(ret->hint));
}

void proto_put_vault_resolve(struct msg_writer *w, const char *name)
{
	msg_put_str(w, name);
}

void proto_get_vault_resolve(struct msg_reader *r, char ret_name[CG_VAULT_HOST_MAX + 1])
{
	msg_get_str(r, ret_name, CG_VAULT_HOST_MAX + 1);
}

void proto_put_vault_resolved(struct msg_writer *w, const struct proto_vault_resolved *p)
{
	msg_put_str(w, p->name);
	msg_put_str(w, p->text);
	msg_put_u32(w, (uint32_t)p->n);
	for (size_t i = 0; i < p->n; i++)
		msg_put_addr(w, &p->addresses[i]);
}

void proto_get_vault_resolved(struct msg_reader *r, struct proto_vault_resolved *ret)
{
	*ret = (struct proto_vault_resolved){0};
	msg_get_str(r, ret->name, sizeof(ret->name));
	msg_get_str(r, ret->text, sizeof(ret->text));
	ret->n = msg_get_count(r, PROTO_ADDRESSES_MAX);
	for (size_t i = 0; i < ret->n; i++)
		msg_get_addr(r, &ret->addresses[i]);
}

void proto_put_vault_state(struct msg_writer *w, const struct proto_vault_state *p)
{
	msg_put_str(w, p->url);
	msg_put_u8(w, (uint8_t)p->state);
	msg_put_bool(w, p->changed);
	msg_put_bool(w, p->refused);
	msg_put_bool(w, p->usable);
	msg_put_bool(w, p->key_stays);
	msg_put_str(w, p->version);
	msg_put_i64(w, p->checked_at);
	msg_put_str(w, p->text);
	msg_put_str(w, p->hint);
}

void proto_get_vault_state(struct msg_reader *r, struct proto_vault_state *ret)
{
	*ret = (struct proto_vault_state){0};
	msg_get_str(r, ret->url, sizeof(ret->url));
	ret->state = (enum vault_state)msg_get_enum(r, VAULT_FAILED);
	ret->changed = msg_get_bool(r);
	ret->refused = msg_get_bool(r);
	ret->usable = msg_get_bool(r);
	ret->key_stays = msg_get_bool(r);
	get_version(r, ret->version);
	ret->checked_at = msg_get_i64(r);
	msg_get_str(r, ret->text, sizeof(ret->text));
	msg_get_str(r, ret->hint, sizeof(ret->hint));
}
