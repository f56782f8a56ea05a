/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading the messages about keys in hardware. Holds no state.
 */
#include "daemon/proto_hsm.h"

void proto_put_hsm_setup(struct msg_writer *w, const struct proto_hsm_setup *p)
{
	msg_put_str(w, p->store);
	msg_put_str(w, p->provider);
	msg_put_str(w, p->engine);
	msg_put_str(w, p->module);
	msg_put_u32(w, p->n_groups);
	for (size_t i = 0; i < p->n_groups; i++)
		msg_put_str(w, p->groups[i]);
	msg_put_u32(w, p->n_environment);
	for (size_t i = 0; i < p->n_environment; i++)
		msg_put_str(w, p->environment[i]);
	msg_put_u8(w, (uint8_t)p->access);
	msg_put_bool(w, p->pin);
}

void proto_get_hsm_setup(struct msg_reader *r, struct proto_hsm_setup *ret)
{
	*ret = (struct proto_hsm_setup){0};
	msg_get_str(r, ret->store, sizeof(ret->store));
	msg_get_str(r, ret->provider, sizeof(ret->provider));
	msg_get_str(r, ret->engine, sizeof(ret->engine));
	msg_get_str(r, ret->module, sizeof(ret->module));
	ret->n_groups = msg_get_count(r, CG_HARDWARE_GROUPS_MAX);
	for (size_t i = 0; i < ret->n_groups; i++)
		msg_get_str(r, ret->groups[i], sizeof(ret->groups[i]));
	ret->n_environment = msg_get_count(r, CG_HARDWARE_ENV_MAX);
	for (size_t i = 0; i < ret->n_environment; i++)
		msg_get_str(r, ret->environment[i], sizeof(ret->environment[i]));
	ret->access = (enum cg_hardware_access)msg_get_enum(r, CG_ACCESS_NETWORK);
	ret->pin = msg_get_bool(r);
	if (!ret->store[0] || !ret->provider[0] == !ret->engine[0])
		msg_reject(r);
}

void proto_put_hsm_opened(struct msg_writer *w, const struct proto_hsm_opened *p)
{
	msg_put_blob(w, p->spki.data, p->spki.size);
	msg_put_u32(w, p->schemes);
}

void proto_get_hsm_opened(struct msg_reader *r, struct proto_hsm_opened *ret)
{
	*ret = (struct proto_hsm_opened){0};
	ret->spki.data = msg_get_blob(r, PKI_SPKI_MAX, &ret->spki.size);
	ret->schemes = msg_get_u32(r);
	if (ret->spki.size == 0 || ret->schemes == 0)
		msg_reject(r);
}

void proto_put_hsm_sign(struct msg_writer *w, const struct proto_hsm_sign *p)
{
	msg_put_u32(w, p->number);
	msg_put_u8(w, (uint8_t)p->scheme);
	msg_put_blob(w, p->digest, p->digest_len);
}

void proto_get_hsm_sign(struct msg_reader *r, struct proto_hsm_sign *ret)
{
	const uint8_t *p;

	*ret = (struct proto_hsm_sign){.number = msg_get_u32(r)};
	ret->scheme = (enum pki_scheme)msg_get_enum(r, _PKI_SCHEME_MAX - 1);
	p = msg_get_blob(r, sizeof(ret->digest), &ret->digest_len);
	if (ret->digest_len == 0)
		msg_reject(r);
	else
		memcpy(ret->digest, p, ret->digest_len);
}

void proto_put_hsm_signed(struct msg_writer *w, const struct proto_hsm_signed *p)
{
	msg_put_u32(w, p->number);
	msg_put_blob(w, p->signature.data, p->signature.size);
}

void proto_get_hsm_signed(struct msg_reader *r, struct proto_hsm_signed *ret)
{
	*ret = (struct proto_hsm_signed){.number = msg_get_u32(r)};
	ret->signature.data = msg_get_blob(r, PKI_SIGNATURE_MAX, &ret->signature.size);
}

void proto_put_hsm_state(struct msg_writer *w, const struct proto_hsm_state *p)
{
	msg_put_u32(w, p->index);
	msg_put_u8(w, (uint8_t)p->state);
	msg_put_str(w, p->text);
	msg_put_str(w, p->hint);
}

void proto_get_hsm_state(struct msg_reader *r, struct proto_hsm_state *ret)
{
	ret->index = msg_get_count(r, CG_HARDWARE_MAX - 1);
	ret->state = (enum hsm_state)msg_get_enum(r, HSM_FAILED);
	msg_get_str(r, ret->text, sizeof(ret->text));
	msg_get_str(r, ret->hint, sizeof(ret->hint));
}
