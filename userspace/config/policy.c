// SPDX-License-Identifier: Apache-2.0
/*
 * Policies, see policy.h. What a policy of the configuration says becomes lists of transforms; what it leaves out is its
 * base's. From these the proposals are made: one of the AEAD ciphers, one of the others with their integrity. Called by
 * the loader.
 */
#include "config/policy.h"

#include "config/names.h"

/* The fields of `policies.NAME` while they are read. */
struct draft {
	struct list encr, integ, prf, ke,
		named_ciphers;		/* named_ciphers: AEADs that were given for integrity */
	struct list more[CG_ADDKE_MAX]; /* additional key exchanges */
	size_t n_more;
	struct value where; /* of integrity, with a key of its own */
	char *where_key;
	bool is_ike;
	uint32_t lifetime_seconds;
	uint64_t lifetime_kilobytes, lifetime_packets;
	unsigned int esn; /* enum esn_choice */
};

enum esn_choice {
	ESN_AUTO,
	ESN_YES,
	ESN_NO,
};

struct policy_draft {
	struct draft ike, ipsec;
	bool allow_sha1_signatures;
	char *base;
};

#define MAX_KILOBYTES (UINT64_MAX / 1024)

bool policy_list_has(const struct list *list, const struct cg_transform *t)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i].id == t->id && list->items[i].keylen == t->keylen)
			return true;
	return false;
}

void policy_list_add(struct list *list, const struct cg_transform *t)
{
	if (list->n < ARRAY_SIZE(list->items) && !policy_list_has(list, t))
		list->items[list->n++] = *t;
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

struct list_reader {
	enum cg_transform_type type;
	struct list *list;
	struct list *ciphers;
	bool none_allowed, same_allowed; /* of groups: None, and those of the IKE SA */
	bool is_ike;
};

static const char *expected_of(enum cg_transform_type type)
{
	switch (type) {
	case CG_TRANSFORM_ENCR:
		return "a cipher such as AES_GCM_16-256, CHACHA20_POLY1305, AES_CBC-256, or a cloud gateway's name for one";
	case CG_TRANSFORM_PRF: return "SHA256, SHA384 or SHA512";
	case CG_TRANSFORM_INTEG: return "SHA256, SHA384, SHA512 or the name of an AEAD cipher";
	case CG_TRANSFORM_KE: return "a group such as CURVE25519, ECP256, ECP384, 14";
	case CG_TRANSFORM_ESN: break;
	}
	return "an algorithm";
}

static void read_algorithm(const struct value *v, size_t index, void *userdata)
{
	struct list_reader *reader = userdata;
	_cleanup_free_ char *s = value_peek(v), *hint = NULL;
	struct cg_transform t = {0};
	const char *text = NULL;

	(void)index;
	if (!s) {
		value_expected(v, NULL, expected_of(reader->type));
		return;
	}
	switch (algorithm_lookup(reader->type, s, &t, &text)) {
	case NAME_OK: break;
	case NAME_CIPHER: policy_list_add(reader->ciphers, &t); return;
	case NAME_REFUSED: value_expected(v, text, expected_of(reader->type)); return;
	case NAME_UNKNOWN:
		if (text)
			hint = str_printf("did you mean '%s'?", text);
		else
			hint = proposal_apart(s, reader->is_ike);
		value_expected(v, hint, expected_of(reader->type));
		return;
	}
	if (t.type == CG_TRANSFORM_KE && ((t.id == CG_KE_NONE && !reader->none_allowed) ||
					  (t.id == CG_KE_SAME_AS_IKE && !reader->same_allowed))) {
		value_expected(v,
			       t.id == CG_KE_NONE ? "an IKE SA always has a key exchange"
						  : "only pfs_group has it",
			       expected_of(reader->type));
		return;
	}
	policy_list_add(reader->list, &t);
}

static void read_list(const struct value *v, const struct draft *d, enum cg_transform_type type,
		      struct list *list, struct list *ciphers, bool is_pfs)
{
	struct list_reader reader = {type, list, ciphers, is_pfs, is_pfs, d->is_ike};

	list->given = true;
	value_each(v, /* one_is_enough= */ true, 1, CG_GROUPS_MAX, expected_of(type),
		   read_algorithm, &reader);
}

static void read_encryption(const struct value *v, void *object)
{
	struct draft *d = object;

	read_list(v, d, CG_TRANSFORM_ENCR, &d->encr, NULL, false);
}

static void read_integrity(const struct value *v, void *object)
{
	struct draft *d = object;

	d->where = *v;
	d->where_key = loader_strdup(v->loader, v->key);
	d->where.key = d->where_key ? d->where_key : "";
	read_list(v, d, CG_TRANSFORM_INTEG, &d->integ, &d->named_ciphers, false);
}

static void read_prf(const struct value *v, void *object)
{
	struct draft *d = object;

	read_list(v, d, CG_TRANSFORM_PRF, &d->prf, NULL, false);
}

static void read_groups(const struct value *v, void *object)
{
	struct draft *d = object;

	read_list(v, d, CG_TRANSFORM_KE, &d->ke, NULL, false);
}

static void read_pfs(const struct value *v, void *object)
{
	struct draft *d = object;

	read_list(v, d, CG_TRANSFORM_KE, &d->ke, NULL, true);
}

/* One of the additional key exchanges: a group, or several in order of preference. */
static void read_additional_groups(const struct value *v, size_t index, void *userdata)
{
	struct draft *d = userdata;
	struct list_reader reader = {CG_TRANSFORM_KE, &d->more[d->n_more++], NULL, true, false,
				     d->is_ike};

	(void)index;
	value_each(v, /* one_is_enough= */ true, 1, CG_GROUPS_MAX, expected_of(CG_TRANSFORM_KE),
		   read_algorithm, &reader);
}

static void read_additional(const struct value *v, void *object)
{
	value_each(v, /* one_is_enough= */ true, 1, CG_ADDKE_MAX, "a list of groups",
		   read_additional_groups, object);
}

static void read_esn(const struct value *v, void *object)
{
	struct draft *d = object;
	_cleanup_free_ char *s = value_peek(v);
	bool yes;

	if (s && streq(s, "auto"))
		d->esn = ESN_AUTO;
	else if (s && parse_bool(s, &yes) >= 0)
		d->esn = yes ? ESN_YES : ESN_NO;
	else
		value_expected(v, NULL, "auto, true or false");
}

#define LIFETIME_MIN 10
#define LIFETIME_MAX 604800

static const struct field ike_fields[] = {
	FIELD_IS_FN("encryption", read_encryption),
	FIELD_IS_FN("integrity", read_integrity),
	FIELD_IS_FN("prf", read_prf),
	FIELD_IS_FN("dh_groups", read_groups),
	FIELD_IS_FN("additional_key_exchanges", read_additional),
	FIELD_RANGE("lifetime_seconds", FIELD_SECONDS, struct draft, lifetime_seconds, LIFETIME_MIN,
		    LIFETIME_MAX),
};
const struct schema policy_ike_schema = {"policies.NAME.ike", ike_fields, ARRAY_SIZE(ike_fields)};

static const struct field ipsec_fields[] = {
	FIELD_IS_FN("encryption", read_encryption),
	FIELD_IS_FN("integrity", read_integrity),
	FIELD_IS_FN("pfs_group", read_pfs),
	FIELD_IS_FN("additional_key_exchanges", read_additional),
	FIELD_IS_FN("esn", read_esn),
	FIELD_RANGE("lifetime_seconds", FIELD_SECONDS, struct draft, lifetime_seconds, LIFETIME_MIN,
		    LIFETIME_MAX),
	FIELD_RANGE("lifetime_kilobytes", FIELD_U64, struct draft, lifetime_kilobytes, 0,
		    MAX_KILOBYTES),
	FIELD_RANGE("lifetime_packets", FIELD_U64, struct draft, lifetime_packets, 0, UINT64_MAX),
};
const struct schema policy_ipsec_schema = {"policies.NAME.ipsec", ipsec_fields,
					   ARRAY_SIZE(ipsec_fields)};

static void read_part(const struct value *v, const struct schema *schema, struct draft *d)
{
	_cleanup_free_ char *s = value_peek(v), *hint = NULL;

	if (s)
		hint = proposal_apart(s, d->is_ike);
	if (hint)
		value_expected(v, hint, "a map (key: value)");
	else
		value_map(v, schema, d, NULL);
}

static void read_ike(const struct value *v, void *object)
{
	read_part(v, &policy_ike_schema, &((struct policy_draft *)object)->ike);
}

static void read_ipsec(const struct value *v, void *object)
{
	read_part(v, &policy_ipsec_schema, &((struct policy_draft *)object)->ipsec);
}

static void read_base(const struct value *v, void *object)
{
	struct policy_draft *d = object;

	d->base = value_string(v, CG_NAME_MAX, "the name of a built-in policy");
}

static const struct field policy_fields[] = {
	FIELD_IS_FN("base", read_base),
	FIELD_IS_MAP("ike", read_ike, &policy_ike_schema),
	FIELD_IS_MAP("ipsec", read_ipsec, &policy_ipsec_schema),
	FIELD_IS("allow_sha1_signatures", FIELD_BOOL, struct policy_draft, allow_sha1_signatures),
};
const struct schema policy_schema = {"policies.NAME", policy_fields, ARRAY_SIZE(policy_fields)};

/* --- making proposals ---------------------------------------------------------------------------------------------- */

void policy_add(struct cg_proposal *p, const struct cg_transform *t)
{
	if (p->n_transforms < CG_TRANSFORMS_MAX)
		p->transforms[p->n_transforms++] = *t;
}

void policy_add_list(struct cg_proposal *p, const struct list *list)
{
	for (size_t i = 0; i < list->n; i++)
		policy_add(p, &list->items[i]);
}

/* Adds what proposals have of a type to a list, in their order. */
static void collect(const struct cg_proposal *proposals, size_t n, enum cg_transform_type type,
		    struct list *list)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < proposals[i].n_transforms; j++)
			if (proposals[i].transforms[j].type == type)
				policy_list_add(list, &proposals[i].transforms[j]);
}

/* A cipher that is named for integrity must be among the ciphers, as cloud gateways demand it. */
static void check_named_ciphers(const struct draft *d, const struct list *encr)
{
	for (size_t i = 0; i < d->named_ciphers.n; i++) {
		char text[CG_TRANSFORM_TEXT];

		if (policy_list_has(encr, &d->named_ciphers.items[i]))
			continue;
		(void)cg_transform_format(&d->named_ciphers.items[i], text);
		value_error(
			&d->where,
			"an AEAD cipher protects integrity itself: give the same one for encryption",
			"found the cipher %s, which 'encryption' does not have", text);
	}
}

static bool any_plain(const struct list *encr)
{
	for (size_t i = 0; i < encr->n; i++)
		if (!transform_is_aead(&encr->items[i]))
			return true;
	return false;
}

/* Adds the additional key exchanges to proposals, each with its own type (RFC 9370 section 2.2.1). */
static void add_additional(const struct draft *d, struct cg_proposal *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < d->n_more; k++)
			for (size_t j = 0; j < d->more[k].n; j++) {
				struct cg_transform t = d->more[k].items[j];

				t.type = (uint8_t)(CG_TRANSFORM_ADDKE1 + k);
				policy_add(&p[i], &t);
			}
}

/* May all of the additional key exchanges be left out? */
static bool additional_is_optional(const struct draft *d)
{
	static const struct cg_transform none = {CG_TRANSFORM_KE, CG_KE_NONE, 0};

	for (size_t k = 0; k < d->n_more; k++)
		if (!policy_list_has(&d->more[k], &none))
			return false;
	return true;
}

/*
 * Makes the proposals of one part from the draft and the base's proposals. Without ciphers or integrity of its own the base's pairs stay;
 * else there is one proposal of AEADs and one of the rest, in the order in which they were given.
 */
static int make_proposals(struct loader *l, const struct draft *d, const struct cg_proposal *base,
			  size_t n_base, struct cg_proposal **ret, size_t *ret_n)
{
	struct list encr = d->encr, integ = d->integ, prf = d->prf, ke = d->ke, esn = {0};
	_cleanup_free_ struct cg_proposal *made = NULL;
	size_t n = 0;

	if (!d->is_ike) {
		static const struct cg_transform yes = {CG_TRANSFORM_ESN, 1, 0},
						 no = {CG_TRANSFORM_ESN, 0, 0};

		if (d->esn != ESN_NO)
			policy_list_add(&esn, &yes);
		if (d->esn != ESN_YES)
			policy_list_add(&esn, &no);
	}
	if (!encr.n)
		collect(base, n_base, CG_TRANSFORM_ENCR, &encr);
	check_named_ciphers(d, &encr);
	if (d->is_ike && !prf.n)
		for (size_t i = 0; i < integ.n; i++) {
			struct cg_transform t = {CG_TRANSFORM_PRF, prf_of_integ(integ.items[i].id),
						 0};

			policy_list_add(&prf, &t);
		}
	if (d->is_ike && !prf.n)
		collect(base, n_base, CG_TRANSFORM_PRF, &prf);
	if (d->is_ike && !ke.n)
		collect(base, n_base, CG_TRANSFORM_KE, &ke);
	if (!integ.n)
		collect(base, n_base, CG_TRANSFORM_INTEG, &integ);
	if (!d->is_ike && d->integ.n && !any_plain(&encr))
		value_warning(&d->where, NULL,
			      "is not used: every cipher here protects integrity itself");

	made = calloc(2 * MAX(n_base, (size_t)2), sizeof(*made));
	if (!made) {
		l->oom = true;
		return -ENOMEM;
	}
	if (!d->encr.n && !d->integ.n) {
		for (; n < n_base; n++)
			for (size_t j = 0; j < base[n].n_transforms; j++)
				if (base[n].transforms[j].type == CG_TRANSFORM_ENCR ||
				    base[n].transforms[j].type == CG_TRANSFORM_INTEG)
					policy_add(&made[n], &base[n].transforms[j]);
	} else {
		bool aead_first = encr.n && transform_is_aead(&encr.items[0]);

		for (int pass = 0; pass < 2; pass++) {
			bool aead = aead_first == (pass == 0);

			for (size_t i = 0; i < encr.n; i++)
				if (transform_is_aead(&encr.items[i]) == aead)
					policy_add(&made[n], &encr.items[i]);
			if (!made[n].n_transforms)
				continue;
			if (!aead)
				policy_add_list(&made[n], &integ);
			n++;
		}
	}
	for (size_t i = 0; i < n; i++) {
		policy_add_list(&made[i], &prf);
		if (d->is_ike)
			policy_add_list(&made[i], &ke);
		policy_add_list(&made[i], &esn);
	}
	if (d->n_more) {
		/* A peer that does not know them passes over what has any. */
		if (additional_is_optional(d)) {
			memcpy(made + n, made, n * sizeof(*made));
			add_additional(d, made, n);
			n *= 2;
		} else
			add_additional(d, made, n);
	}
	*ret = TAKE_PTR(made);
	*ret_n = n;
	return 0;
}

/* pfs_group: what is named is offered and accepted, None allows to do without. */
static void make_pfs(const struct draft *d, const struct cg_policy *policy, struct cg_pfs *pfs)
{
	struct list groups = {0};

	if (!d->ke.given)
		return;
	*pfs = (struct cg_pfs){0};
	for (size_t i = 0; i < d->ke.n; i++) {
		if (d->ke.items[i].id == CG_KE_NONE)
			pfs->accept_none = true;
		else if (d->ke.items[i].id == CG_KE_SAME_AS_IKE)
			collect(policy->ike, policy->n_ike, CG_TRANSFORM_KE, &groups);
		else
			policy_list_add(&groups, &d->ke.items[i]);
	}
	for (size_t i = 0; i < groups.n && i < CG_GROUPS_MAX; i++) {
		pfs->offer[pfs->n_offer++] = groups.items[i].id;
		pfs->accept[pfs->n_accept++] = groups.items[i].id;
	}
}

/* The groups of an additional key exchange. */
static void collect_additional(const struct cg_proposal *proposals, size_t n, unsigned int which,
			       struct list *list)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < proposals[i].n_transforms; j++) {
			struct cg_transform t = proposals[i].transforms[j];

			if (t.type != CG_TRANSFORM_ADDKE1 + which)
				continue;
			t.type = CG_TRANSFORM_KE;
			policy_list_add(list, &t);
		}
}

/* The text of cg_policy.weak. */
char *policy_describe_weak(const struct cg_policy *p)
{
	_cleanup_strbuf_ struct cg_strbuf b = {0};
	struct list weak[6] = {0};

	for (enum cg_transform_type type = CG_TRANSFORM_ENCR; type <= CG_TRANSFORM_KE; type++) {
		collect(p->ike, p->n_ike, type, &weak[type]);
		collect(p->esp, p->n_esp, type, &weak[type]);
	}
	for (unsigned int i = 0; i < CG_ADDKE_MAX; i++) {
		collect_additional(p->ike, p->n_ike, i, &weak[CG_TRANSFORM_KE]);
		collect_additional(p->esp, p->n_esp, i, &weak[CG_TRANSFORM_KE]);
	}
	for (size_t i = 0; i < p->pfs.n_accept; i++)
		policy_list_add(&weak[CG_TRANSFORM_KE],
				&(struct cg_transform){CG_TRANSFORM_KE, p->pfs.accept[i], 0});
	for (enum cg_transform_type type = CG_TRANSFORM_ENCR; type <= CG_TRANSFORM_KE; type++)
		for (size_t i = 0; i < weak[type].n; i++) {
			char text[CG_TRANSFORM_TEXT];

			if (!transform_is_weak(&weak[type].items[i]))
				continue;
			strbuf_addf(&b, "%s%s", b.len ? ", " : "",
				    cg_transform_format(&weak[type].items[i], text));
			if (type == CG_TRANSFORM_KE)
				strbuf_addf(&b, " (group %u)",
					    (unsigned int)weak[type].items[i].id);
		}
	if (p->allow_sha1_signatures)
		strbuf_addf(&b, "%ssignatures with SHA-1", b.len ? ", " : "");
	return b.len || b.failed ? strbuf_take(&b) : NULL;
}

/* --- policies of the configuration --------------------------------------------------------------------------------- */

static const struct cg_policy *find_base(const struct value *v, struct loader *l, const char *name)
{
	_cleanup_free_ char *key = str_printf("%s.base", v->key);
	struct value where = *v;

	if (!name)
		return cg_config_find_policy(l->config, "default");
	(void)value_get(v, "base", &where);
	where.key = key ? key : v->key;
	if (!policy_is_builtin(name)) {
		_cleanup_free_ char *hint = NULL;
		const char *near;

		near = policy_nearest_builtin(name);
		if (near)
			hint = str_printf("did you mean '%s'?", near);
		value_expected(&where, hint,
			       "a built-in policy: default, azure-default or azure-custom");
		return NULL;
	}
	return cg_config_find_policy(l->config, name);
}

/* They follow the key exchange of a Child SA, which has to be there. */
static void check_additional(const struct value *v, const struct policy_draft *d,
			     const struct cg_policy *p)
{
	_cleanup_free_ char *key = str_printf("%s.ipsec.additional_key_exchanges", v->key);
	struct value where = *v;

	if (!d->ipsec.n_more || p->pfs.n_offer)
		return;
	where.key = key ? key : v->key;
	value_error(&where, "give pfs_group a group",
		    "there is no key exchange that it could be added to");
}

static void policy_parse(const struct value *v, const char *name, void *userdata)
{
	struct loader *l = userdata;
	struct policy_draft d = {.ike = {.is_ike = true}};
	_cleanup_free_ char *base_name = NULL;
	const struct cg_policy *base;
	struct cg_policy p = {.loc = v->loc}, *slot;
	struct value at;
	int r;

	if (strlen(name) > CG_NAME_MAX) {
		value_error(v, NULL, "the name is longer than %d bytes", CG_NAME_MAX);
		return;
	}
	if (policy_is_builtin(name)) {
		value_error(v,
			    "choose another name, and 'base: ...' to start from a built-in policy",
			    "a built-in policy has this name");
		return;
	}
	if (cg_config_find_policy(l->config, name)) {
		value_error(v, NULL, "there are two policies of this name");
		return;
	}
	/* Defaults have to be known before the map is read, so the base is looked up first. */
	if (value_get(v, "base", &at))
		base_name = value_peek(&at);
	base = find_base(v, l, base_name);
	if (!base)
		return;
	d.ike.lifetime_seconds = base->ike_lifetime_seconds;
	d.ipsec.lifetime_seconds = base->esp_lifetime_seconds;
	d.ipsec.lifetime_kilobytes = base->esp_lifetime_bytes / 1024;
	d.ipsec.lifetime_packets = base->esp_lifetime_packets;
	d.allow_sha1_signatures = base->allow_sha1_signatures;
	value_map(v, &policy_schema, &d, NULL);
	free(d.base);

	p.ike_lifetime_seconds = d.ike.lifetime_seconds;
	p.esp_lifetime_seconds = d.ipsec.lifetime_seconds;
	p.esp_lifetime_bytes = d.ipsec.lifetime_kilobytes * 1024;
	p.esp_lifetime_packets = d.ipsec.lifetime_packets;
	p.allow_sha1_signatures = d.allow_sha1_signatures;
	p.pfs = base->pfs;
	r = make_proposals(l, &d.ike, base->ike, base->n_ike, &p.ike, &p.n_ike);
	if (r >= 0)
		r = make_proposals(l, &d.ipsec, base->esp, base->n_esp, &p.esp, &p.n_esp);
	if (r >= 0) {
		make_pfs(&d.ipsec, &p, &p.pfs);
		check_additional(v, &d, &p);
		p.weak = policy_describe_weak(&p);
		p.name = loader_strdup(l, name);
	}
	slot = r >= 0 && p.name
		       ? loader_grow(l, &l->config->policies, &l->config->n_policies, sizeof(*slot))
		       : NULL;
	if (slot)
		*slot = p;
	else
		policy_done(&p);
	free(d.ike.where_key);
	free(d.ipsec.where_key);
}

void policies_parse(const struct value *v, void *config)
{
	(void)config;
	value_pairs(v, CG_POLICIES_MAX, "a map of policies by name", policy_parse, v->loader);
}

void policy_done(struct cg_policy *p)
{
	free(p->name);
	free(p->ike);
	free(p->esp);
	free(p->weak);
}
