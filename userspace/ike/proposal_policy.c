// SPDX-License-Identifier: Apache-2.0
/*
 * Policies themselves: the default ones, the check that one can work, and the
 * texts of suites, policies and offers. Owns nothing but constants. Called when
 * a configuration is loaded, and by whoever reports a negotiation.
 */
#include "ike/proposal.h"

#include "base/macro.h"
#include "ike/dh.h"
#include "ike/text.h"

#define T(t, i)                                      \
	{                                            \
		.type = IKE_TRANSFORM_##t, .id = (i) \
	}
#define E(i, bits)                                                        \
	{                                                                 \
		.type = IKE_TRANSFORM_ENCR, .id = (i), .key_bits = (bits) \
	}
#define LIST(...)                                                           \
	{                                                                   \
		.n = sizeof((struct ike_policy_transform[]){__VA_ARGS__}) / \
		     sizeof(struct ike_policy_transform),                   \
		.transforms = {                                             \
			__VA_ARGS__                                         \
		}                                                           \
	}

#define AEADS \
	E(IKE_ENCR_AES_GCM_16, 256), E(IKE_ENCR_AES_GCM_16, 128), E(IKE_ENCR_CHACHA20_POLY1305, 0)
#define CBCS E(IKE_ENCR_AES_CBC, 256), E(IKE_ENCR_AES_CBC, 128)
#define INTEGS                                                                        \
	T(INTEG, IKE_INTEG_HMAC_SHA2_256_128), T(INTEG, IKE_INTEG_HMAC_SHA2_384_192), \
		T(INTEG, IKE_INTEG_HMAC_SHA2_512_256)
#define PRFS \
	T(PRF, IKE_PRF_HMAC_SHA2_256), T(PRF, IKE_PRF_HMAC_SHA2_384), T(PRF, IKE_PRF_HMAC_SHA2_512)
#define KES                                                                              \
	T(KE, IKE_KE_CURVE25519), T(KE, IKE_KE_ECP_256), T(KE, IKE_KE_ECP_384),          \
		T(KE, IKE_KE_ECP_521), T(KE, IKE_KE_MODP_2048), T(KE, IKE_KE_MODP_3072), \
		T(KE, IKE_KE_MODP_4096)
#define ESNS T(ESN, IKE_ESN_YES), T(ESN, IKE_ESN_NO)

const struct ike_policy ike_policy_default_ike = {
	.protocol = IKE_PROTOCOL_IKE,
	.n = 2,
	.proposals = {LIST(AEADS, PRFS, KES), LIST(CBCS, INTEGS, PRFS, KES)},
};

const struct ike_policy ike_policy_default_esp = {
	.protocol = IKE_PROTOCOL_ESP,
	.n = 2,
	.proposals = {LIST(AEADS, KES, T(KE, IKE_KE_NONE), ESNS),
		      LIST(CBCS, INTEGS, KES, T(KE, IKE_KE_NONE), ESNS)},
};

/* --- checks --- */

static const char *check_transform(uint8_t protocol, const struct ike_policy_transform *t)
{
	switch (t->type) {
	case IKE_TRANSFORM_ENCR:
		return ike_encr_info(t->id, t->key_bits)
			       ? NULL
			       : "a cipher, or its key length, that is not supported";
	case IKE_TRANSFORM_PRF:
		if (protocol != IKE_PROTOCOL_IKE)
			return "a PRF in an ESP proposal";
		return ike_prf_info(t->id) ? NULL : "a PRF that is not supported";
	case IKE_TRANSFORM_INTEG:
		return ike_integ_info(t->id) ? NULL
					     : "an integrity algorithm that is not supported";
	case IKE_TRANSFORM_KE:
		if (t->id == IKE_KE_NONE)
			return protocol == IKE_PROTOCOL_ESP
				       ? NULL
				       : "an IKE proposal without a key exchange";
		return ike_dh_info(t->id) ? NULL : "a key exchange method that is not supported";
	case IKE_TRANSFORM_ADDKE1 ... IKE_TRANSFORM_ADDKE7:
		return t->id == IKE_KE_NONE || ike_dh_info(t->id)
			       ? NULL
			       : "a key exchange method that is not supported";
	case IKE_TRANSFORM_ESN:
		if (protocol != IKE_PROTOCOL_ESP)
			return "ESN in an IKE proposal";
		return t->id <= IKE_ESN_YES ? NULL : "an unknown value of ESN";
	}
	return "a transform type that is not supported";
}

static const char *check_proposal(uint8_t protocol, const struct ike_policy_proposal *p)
{
	size_t aeads = 0, ciphers = 0, integs = 0, prfs = 0, kes = 0, esns = 0, more = 0;

	if (p->n > IKE_POLICY_TRANSFORMS)
		return "too many transforms in one proposal";
	for (size_t i = 0; i < p->n; i++) {
		const struct ike_policy_transform *t = &p->transforms[i];
		const char *why = check_transform(protocol, t);

		if (why)
			return why;
		if (t->type != IKE_TRANSFORM_ENCR && t->key_bits != 0)
			return "a key length with something that is not a cipher";
		aeads += t->type == IKE_TRANSFORM_ENCR && ike_encr_is_aead(t->id);
		ciphers += t->type == IKE_TRANSFORM_ENCR && !ike_encr_is_aead(t->id);
		integs += t->type == IKE_TRANSFORM_INTEG;
		prfs += t->type == IKE_TRANSFORM_PRF;
		kes += t->type == IKE_TRANSFORM_KE;
		esns += t->type == IKE_TRANSFORM_ESN;
		more += t->type >= IKE_TRANSFORM_ADDKE1 && t->type <= IKE_TRANSFORM_ADDKE7 &&
			t->id != IKE_KE_NONE;
	}
	if (aeads + ciphers == 0)
		return "a proposal without a cipher";
	if (aeads > 0 && ciphers > 0)
		return "a proposal that mixes AEADs with other ciphers";
	if (aeads > 0 && integs > 0)
		return "an integrity algorithm beside AEADs";
	if (ciphers > 0 && integs == 0)
		return "a cipher without an integrity algorithm";
	if (protocol == IKE_PROTOCOL_IKE && prfs == 0)
		return "an IKE proposal without a PRF";
	if (protocol == IKE_PROTOCOL_IKE && kes == 0)
		return "an IKE proposal without a key exchange";
	if (more > 0 && kes == 0)
		return "additional key exchanges without a first one";
	if (protocol == IKE_PROTOCOL_ESP && esns == 0)
		return "an ESP proposal that does not say whether sequence numbers are extended";
	return NULL;
}

int ike_policy_check(const struct ike_policy *policy, const char **ret_why)
{
	const char *why = NULL;

	if (policy->protocol != IKE_PROTOCOL_IKE && policy->protocol != IKE_PROTOCOL_ESP)
		why = "a protocol other than IKE and ESP";
	else if (policy->n == 0)
		why = "no proposal at all";
	else if (policy->n > IKE_POLICY_PROPOSALS)
		why = "too many proposals";
	for (size_t i = 0; !why && i < policy->n; i++)
		why = check_proposal(policy->protocol, &policy->proposals[i]);
	if (!why)
		return 0;
	*ret_why = why;
	return -EINVAL;
}

static bool is_legacy(const struct ike_policy_transform *t)
{
	const struct ike_integ_info *integ = ike_integ_info(t->id);
	const struct ike_prf_info *prf = ike_prf_info(t->id);
	const struct ike_dh_info *dh = ike_dh_info(t->id);

	switch (t->type) {
	case IKE_TRANSFORM_PRF: return prf && prf->legacy;
	case IKE_TRANSFORM_INTEG: return integ && integ->legacy;
	case IKE_TRANSFORM_KE:
	case IKE_TRANSFORM_ADDKE1 ... IKE_TRANSFORM_ADDKE7: return dh && dh->legacy;
	}
	return false;
}

bool ike_policy_is_legacy(const struct ike_policy *policy)
{
	for (size_t i = 0; i < policy->n; i++)
		for (size_t j = 0; j < policy->proposals[i].n; j++)
			if (is_legacy(&policy->proposals[i].transforms[j]))
				return true;
	return false;
}

/* --- texts --- */

static void add_transform(struct ike_text *t, uint8_t type, uint16_t id, uint16_t key_bits)
{
	const struct ike_names *names = ike_names_of_transform(type);
	char name[IKE_NAME_BUF];

	if (!names) {
		ike_text_add(t, "%s:%u", ike_name_str(&ike_names_transform_type, type, name), id);
		return;
	}
	if (id == 0 && type != IKE_TRANSFORM_ESN)
		ike_text_add(t, "NO_%s", ike_name(&ike_names_transform_type, type));
	else if (type >= IKE_TRANSFORM_ADDKE1 && type <= IKE_TRANSFORM_ADDKE7)
		ike_text_add(t, "%s_%s", ike_name(&ike_names_transform_type, type),
			     ike_name_str(names, id, name));
	else
		ike_text_add(t, "%s", ike_name_str(names, id, name));
	if (key_bits != 0)
		ike_text_add(t, "-%u", key_bits);
}

const char *ike_suite_format(const struct ike_suite *suite, char *buf, size_t size)
{
	struct ike_text t = ike_text(buf, size);

	add_transform(&t, IKE_TRANSFORM_ENCR, suite->encr, suite->key_bits);
	if (suite->integ != IKE_INTEG_NONE) {
		ike_text_add(&t, "/");
		add_transform(&t, IKE_TRANSFORM_INTEG, suite->integ, 0);
	}
	if (suite->protocol == IKE_PROTOCOL_IKE) {
		ike_text_add(&t, "/");
		add_transform(&t, IKE_TRANSFORM_PRF, suite->prf, 0);
	}
	if (suite->ke != IKE_KE_NONE) {
		ike_text_add(&t, "/");
		add_transform(&t, IKE_TRANSFORM_KE, suite->ke, 0);
	}
	for (size_t i = ike_suite_addke(suite, 0); i < IKE_ADDKE_MAX;
	     i = ike_suite_addke(suite, i + 1)) {
		ike_text_add(&t, "/");
		add_transform(&t, (uint8_t)(IKE_TRANSFORM_ADDKE1 + i), suite->addke[i], 0);
	}
	if (suite->protocol == IKE_PROTOCOL_ESP) {
		ike_text_add(&t, "/");
		add_transform(&t, IKE_TRANSFORM_ESN, suite->esn, 0);
	}
	return buf;
}

/* A list of proposals on its way into a text. */
struct listing {
	struct ike_text t;
	size_t left; /* transforms that are still to come */
};

/* The transforms of one type after another: "A+B/C/D+E". False when there was no room for all. */
static bool add_transforms(struct listing *l, const char *before,
			   const struct ike_transform *transforms, size_t n)
{
	static const uint8_t order[] = {IKE_TRANSFORM_ENCR,   IKE_TRANSFORM_INTEG,
					IKE_TRANSFORM_PRF,    IKE_TRANSFORM_KE,
					IKE_TRANSFORM_ADDKE1, IKE_TRANSFORM_ADDKE2,
					IKE_TRANSFORM_ADDKE3, IKE_TRANSFORM_ADDKE4,
					IKE_TRANSFORM_ADDKE5, IKE_TRANSFORM_ADDKE6,
					IKE_TRANSFORM_ADDKE7, IKE_TRANSFORM_ESN};
	bool any = false;

	for (size_t k = 0; k <= ARRAY_SIZE(order); k++) {
		bool of_type = false;

		for (size_t i = 0; i < n; i++) {
			uint8_t type = transforms[i].type;
			bool in_order = memchr(order, type, sizeof(order)) != NULL;
			size_t len = l->t.len;

			/* Last of all, the types that have no place in that order. */
			if (k < ARRAY_SIZE(order) ? type != order[k] : in_order)
				continue;
			ike_text_add(&l->t, "%s", of_type ? "+" : any ? "/" : before);
			add_transform(&l->t, type, transforms[i].id, transforms[i].key_bits);
			if (!ike_text_fits(&l->t, len, l->left == 1, l->left))
				return false;
			l->left--;
			of_type = any = true;
		}
	}
	if (!any)
		ike_text_add(&l->t, "%s(empty)", before);
	return true;
}

const char *ike_policy_format(const struct ike_policy *policy, char *buf, size_t size)
{
	struct listing l = {.t = ike_text(buf, size)};
	size_t n = MIN(policy->n, (size_t)IKE_POLICY_PROPOSALS);

	for (size_t i = 0; i < n; i++)
		l.left += MIN(policy->proposals[i].n, (size_t)IKE_POLICY_TRANSFORMS);
	for (size_t i = 0; i < n; i++) {
		const struct ike_policy_proposal *p = &policy->proposals[i];
		struct ike_transform transforms[IKE_POLICY_TRANSFORMS];
		size_t n_transforms = MIN(p->n, (size_t)IKE_POLICY_TRANSFORMS);

		for (size_t j = 0; j < n_transforms; j++)
			transforms[j] = (struct ike_transform){
				.type = p->transforms[j].type,
				.id = p->transforms[j].id,
				.key_bits = p->transforms[j].key_bits};
		if (!add_transforms(&l, i > 0 ? ", " : "", transforms, n_transforms))
			break;
	}
	return buf;
}

const char *ike_offer_format(const struct ike_sa_payload *offer, char *buf, size_t size)
{
	struct listing l = {.t = ike_text(buf, size)};

	for (size_t i = 0; i < offer->n_proposals; i++)
		l.left += offer->proposals[i].n;
	for (size_t i = 0; i < offer->n_proposals; i++) {
		const struct ike_proposal *p = &offer->proposals[i];
		char name[IKE_NAME_BUF], before[IKE_NAME_BUF + 8];
		bool ours = p->protocol == IKE_PROTOCOL_IKE || p->protocol == IKE_PROTOCOL_ESP;

		(void)snprintf(before, sizeof(before), "%s%s%s", i > 0 ? ", " : "",
			       ours ? "" : ike_name_str(&ike_names_protocol, p->protocol, name),
			       ours ? "" : ":");
		if (!add_transforms(&l, before, &offer->transforms[p->first], p->n))
			break;
	}
	return buf;
}

const char *ike_offer_numbers_format(const struct ike_sa_payload *offer, char *buf, size_t size)
{
	struct ike_text t = ike_text(buf, size);

	for (size_t i = 0; i < offer->n_proposals; i++) {
		size_t before = t.len;

		ike_text_add(&t, "%s%u", i ? ", " : "", offer->proposals[i].number);
		if (!ike_text_fits(&t, before, i + 1 == offer->n_proposals, offer->n_proposals - i))
			break;
	}
	return buf;
}

const char *ike_lacking_format(uint32_t lacking, char *buf, size_t size)
{
	struct ike_text t = ike_text(buf, size);

	lacking &= ~IKE_LACKING_AEAD_ALONE;
	for (unsigned type = 0; type < 32; type++) {
		if (!(lacking & UINT32_C(1) << type))
			continue;
		lacking &= ~(UINT32_C(1) << type);
		if (t.len)
			ike_text_add(&t, "%s", lacking ? ", " : " and ");
		ike_text_add(&t, "%s",
			     type ? ike_name(&ike_names_transform_type, type) : "another type");
	}
	return buf;
}

/* "ADDKE1_ECP_384", "NO_ADDKE1" */
static int parse_addke(const char *text, struct ike_policy_transform *ret)
{
	bool none = strncasecmp(text, "NO_", 3) == 0;
	const char *type = none ? text + 3 : text;
	struct ike_policy_transform t = {0};
	unsigned value = IKE_KE_NONE;

	if (strncasecmp(type, "ADDKE", 5) != 0 || type[5] < '1' || type[5] > '7')
		return -ENOENT;
	if (none ? type[6] != 0
		 : type[6] != '_' || strcasecmp(type + 7, "NONE") == 0 ||
			    ike_number(&ike_names_ke, type + 7, &value) < 0)
		return -ENOENT;
	t.type = (uint8_t)(IKE_TRANSFORM_ADDKE1 + (type[5] - '1'));
	t.id = (uint16_t)value;
	*ret = t;
	return 0;
}

int ike_policy_transform_parse(const char *text, struct ike_policy_transform *ret)
{
	static const uint8_t types[] = {IKE_TRANSFORM_PRF, IKE_TRANSFORM_INTEG, IKE_TRANSFORM_KE,
					IKE_TRANSFORM_ESN};
	static const uint16_t bits[] = {0, 128, 192, 256};
	unsigned value;
	char name[64];

	for (size_t i = 0; i < ike_names_encr.n; i++)
		for (size_t j = 0; j < ARRAY_SIZE(bits); j++) {
			(void)snprintf(name, sizeof(name), bits[j] ? "%s-%u" : "%s",
				       ike_names_encr.entries[i].name, bits[j]);
			if (strcasecmp(name, text) == 0) {
				*ret = (struct ike_policy_transform){
					.type = IKE_TRANSFORM_ENCR,
					.id = ike_names_encr.entries[i].value,
					.key_bits = bits[j]};
				return 0;
			}
		}
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const struct ike_names *names = ike_names_of_transform(types[i]);

		/* "NONE" alone does not say of what. */
		if (ike_number(names, text, &value) == 0 && strcasecmp(text, "NONE") != 0) {
			*ret = (struct ike_policy_transform){.type = types[i],
							     .id = (uint16_t)value};
			return 0;
		}
		(void)snprintf(name, sizeof(name), "NO_%s",
			       ike_name(&ike_names_transform_type, types[i]));
		if (types[i] == IKE_TRANSFORM_KE && strcasecmp(name, text) == 0) {
			*ret = (struct ike_policy_transform){.type = IKE_TRANSFORM_KE,
							     .id = IKE_KE_NONE};
			return 0;
		}
	}
	return parse_addke(text, ret);
}
