// SPDX-License-Identifier: Apache-2.0
/*
 * The tables of algorithm names, see names.h, and how transforms and proposals are written. Called by policy.c, and
 * by those who print policies. Pure data and functions.
 */
#include "config/names.h"

#include <ctype.h>

#include "base/str.h"

/* Names are squeezed: capitals and digits only. The first one of a number is how it is printed (print), others are accepted. */
struct name {
	const char *squeezed;
	uint16_t id, keylen;
	const char *print;
};

static const struct name encr_names[] = {
	{"AESGCM16256", CG_ENCR_AES_GCM_16, 256, "AES_GCM_16-256"},
	{"AESGCM16192", CG_ENCR_AES_GCM_16, 192, "AES_GCM_16-192"},
	{"AESGCM16128", CG_ENCR_AES_GCM_16, 128, "AES_GCM_16-128"},
	{"CHACHA20POLY1305", CG_ENCR_CHACHA20_POLY1305, 0, "CHACHA20_POLY1305"},
	{"AESCBC256", CG_ENCR_AES_CBC, 256, "AES_CBC-256"},
	{"AESCBC192", CG_ENCR_AES_CBC, 192, "AES_CBC-192"},
	{"AESCBC128", CG_ENCR_AES_CBC, 128, "AES_CBC-128"},
	{"GCMAES256", CG_ENCR_AES_GCM_16, 256, NULL},
	{"GCMAES192", CG_ENCR_AES_GCM_16, 192, NULL},
	{"GCMAES128", CG_ENCR_AES_GCM_16, 128, NULL},
	{"AESGCM256", CG_ENCR_AES_GCM_16, 256, NULL},
	{"AESGCM192", CG_ENCR_AES_GCM_16, 192, NULL},
	{"AESGCM128", CG_ENCR_AES_GCM_16, 128, NULL},
	{"AES256GCM", CG_ENCR_AES_GCM_16, 256, NULL},
	{"AES192GCM", CG_ENCR_AES_GCM_16, 192, NULL},
	{"AES128GCM", CG_ENCR_AES_GCM_16, 128, NULL},
	{"AES256GCM16", CG_ENCR_AES_GCM_16, 256, NULL},
	{"AES192GCM16", CG_ENCR_AES_GCM_16, 192, NULL},
	{"AES128GCM16", CG_ENCR_AES_GCM_16, 128, NULL},
	/* the tag in bits */
	{"AES256GCM128", CG_ENCR_AES_GCM_16, 256, NULL},
	{"AES192GCM128", CG_ENCR_AES_GCM_16, 192, NULL},
	{"AES128GCM128", CG_ENCR_AES_GCM_16, 128, NULL},
	{"CHACHA20", CG_ENCR_CHACHA20_POLY1305, 0, NULL},
	{"AES256", CG_ENCR_AES_CBC, 256, NULL},
	{"AES192", CG_ENCR_AES_CBC, 192, NULL},
	{"AES128", CG_ENCR_AES_CBC, 128, NULL},
	{"AES256CBC", CG_ENCR_AES_CBC, 256, NULL},
	{"AES192CBC", CG_ENCR_AES_CBC, 192, NULL},
	{"AES128CBC", CG_ENCR_AES_CBC, 128, NULL},
};

static const struct name prf_names[] = {
	{"HMACSHA2256", CG_PRF_HMAC_SHA2_256, 0, "PRF_HMAC_SHA2_256"},
	{"HMACSHA2384", CG_PRF_HMAC_SHA2_384, 0, "PRF_HMAC_SHA2_384"},
	{"HMACSHA2512", CG_PRF_HMAC_SHA2_512, 0, "PRF_HMAC_SHA2_512"},
	{"HMACSHA1", CG_PRF_HMAC_SHA1, 0, "PRF_HMAC_SHA1"},
	{"SHA256", CG_PRF_HMAC_SHA2_256, 0, NULL},
	{"SHA384", CG_PRF_HMAC_SHA2_384, 0, NULL},
	{"SHA512", CG_PRF_HMAC_SHA2_512, 0, NULL},
	{"SHA2256", CG_PRF_HMAC_SHA2_256, 0, NULL},
	{"SHA2384", CG_PRF_HMAC_SHA2_384, 0, NULL},
	{"SHA2512", CG_PRF_HMAC_SHA2_512, 0, NULL},
	{"HMACSHA256", CG_PRF_HMAC_SHA2_256, 0, NULL},
	{"HMACSHA384", CG_PRF_HMAC_SHA2_384, 0, NULL},
	{"HMACSHA512", CG_PRF_HMAC_SHA2_512, 0, NULL},
	{"SHA1", CG_PRF_HMAC_SHA1, 0, NULL},
};

static const struct name integ_names[] = {
	{"HMACSHA2256128", CG_INTEG_HMAC_SHA2_256_128, 0, "HMAC_SHA2_256_128"},
	{"HMACSHA2384192", CG_INTEG_HMAC_SHA2_384_192, 0, "HMAC_SHA2_384_192"},
	{"HMACSHA2512256", CG_INTEG_HMAC_SHA2_512_256, 0, "HMAC_SHA2_512_256"},
	{"HMACSHA196", CG_INTEG_HMAC_SHA1_96, 0, "HMAC_SHA1_96"},
	{"SHA256", CG_INTEG_HMAC_SHA2_256_128, 0, NULL},
	{"SHA384", CG_INTEG_HMAC_SHA2_384_192, 0, NULL},
	{"SHA512", CG_INTEG_HMAC_SHA2_512_256, 0, NULL},
	{"SHA2256", CG_INTEG_HMAC_SHA2_256_128, 0, NULL},
	{"SHA2384", CG_INTEG_HMAC_SHA2_384_192, 0, NULL},
	{"SHA2512", CG_INTEG_HMAC_SHA2_512_256, 0, NULL},
	{"HMACSHA2256", CG_INTEG_HMAC_SHA2_256_128, 0, NULL},
	{"HMACSHA2384", CG_INTEG_HMAC_SHA2_384_192, 0, NULL},
	{"HMACSHA2512", CG_INTEG_HMAC_SHA2_512_256, 0, NULL},
	{"HMACSHA256", CG_INTEG_HMAC_SHA2_256_128, 0, NULL},
	{"HMACSHA384", CG_INTEG_HMAC_SHA2_384_192, 0, NULL},
	{"HMACSHA512", CG_INTEG_HMAC_SHA2_512_256, 0, NULL},
	{"HMACSHA1", CG_INTEG_HMAC_SHA1_96, 0, NULL},
	{"SHA1", CG_INTEG_HMAC_SHA1_96, 0, NULL},
};

static const struct name ke_names[] = {
	{"CURVE25519", CG_KE_CURVE25519, 0, "CURVE25519"},
	{"ECP256", CG_KE_ECP_256, 0, "ECP_256"},
	{"ECP384", CG_KE_ECP_384, 0, "ECP_384"},
	{"ECP521", CG_KE_ECP_521, 0, "ECP_521"},
	{"MODP2048", CG_KE_MODP_2048, 0, "MODP_2048"},
	{"MODP3072", CG_KE_MODP_3072, 0, "MODP_3072"},
	{"MODP4096", CG_KE_MODP_4096, 0, "MODP_4096"},
	{"MODP1024", CG_KE_MODP_1024, 0, "MODP_1024"},
	{"MODP2048256", CG_KE_MODP_2048_256, 0, "MODP_2048_256"},
	{"NONE", CG_KE_NONE, 0, "NONE"},
	{"X25519", CG_KE_CURVE25519, 0, NULL},
	{"DHGROUP2048", CG_KE_MODP_2048, 0, NULL},
	{"PFS2048", CG_KE_MODP_2048, 0, NULL},
	{"2048MODP", CG_KE_MODP_2048, 0, NULL},
	{"MODP2048S256", CG_KE_MODP_2048_256, 0, NULL},
	{"PFSMM", CG_KE_SAME_AS_IKE, 0, NULL},
	/* the registry's own */
	{"1024BITMODPGROUP", CG_KE_MODP_1024, 0, NULL},
	{"2048BITMODPGROUP", CG_KE_MODP_2048, 0, NULL},
	{"3072BITMODPGROUP", CG_KE_MODP_3072, 0, NULL},
	{"4096BITMODPGROUP", CG_KE_MODP_4096, 0, NULL},
	{"256BITRANDOMECPGROUP", CG_KE_ECP_256, 0, NULL},
	{"384BITRANDOMECPGROUP", CG_KE_ECP_384, 0, NULL},
	{"521BITRANDOMECPGROUP", CG_KE_ECP_521, 0, NULL},
	{"2048BITMODPGROUPWITH256BITPRIMEORDERSUBGROUP", CG_KE_MODP_2048_256, 0, NULL},
};

/* Upper case letters and digits of name, without the registry's own prefix. False if it is too long or has other bytes. */
static bool squeeze(enum cg_transform_type type, const char *name, char *out, size_t size)
{
	static const char *const prefixes[][2] = {
		[CG_TRANSFORM_ENCR] = {"ENCR", NULL},	  [CG_TRANSFORM_PRF] = {"PRF", NULL},
		[CG_TRANSFORM_INTEG] = {"AUTH", "INTEG"}, [CG_TRANSFORM_KE] = {NULL, NULL},
		[CG_TRANSFORM_ESN] = {NULL, NULL},
	};
	size_t n = 0;

	for (; *name; name++) {
		if (*name == '_' || *name == '-' || *name == ' ')
			continue;
		if (!isalnum((unsigned char)*name) || n + 1 >= size)
			return false;
		out[n++] = (char)toupper((unsigned char)*name);
	}
	out[n] = 0;
	for (size_t i = 0; i < 2; i++) {
		const char *p = prefixes[type][i];

		if (p && n > strlen(p) && str_starts_with(out, p)) {
			memmove(out, out + strlen(p), n - strlen(p) + 1);
			break;
		}
	}
	return true;
}

static const struct name *names_of(enum cg_transform_type type, size_t *ret_n)
{
	switch (type) {
	case CG_TRANSFORM_ENCR: *ret_n = ARRAY_SIZE(encr_names); return encr_names;
	case CG_TRANSFORM_PRF: *ret_n = ARRAY_SIZE(prf_names); return prf_names;
	case CG_TRANSFORM_INTEG: *ret_n = ARRAY_SIZE(integ_names); return integ_names;
	case CG_TRANSFORM_KE: *ret_n = ARRAY_SIZE(ke_names); return ke_names;
	case CG_TRANSFORM_ESN: break;
	}
	*ret_n = 0;
	return NULL;
}

/* "14", "DHGroup14", "PFS14", "group14", "modp_group14": a group by its number. 0 if it is not of that form. */
static unsigned int group_number(const char *squeezed)
{
	static const char *const prefixes[] = {"DHGROUP", "PFS", "GROUP", "MODPGROUP", "DH", ""};
	uint64_t n;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (str_starts_with(squeezed, prefixes[i]) &&
		    parse_uint(squeezed + strlen(prefixes[i]), 1, 99, &n) >= 0)
			return (unsigned int)n;
	return 0;
}

static enum name_verdict lookup_group(unsigned int number, struct cg_transform *ret,
				      const char **ret_text)
{
	for (size_t i = 0; i < ARRAY_SIZE(ke_names); i++)
		if (ke_names[i].id == number && ke_names[i].print) {
			*ret = (struct cg_transform){CG_TRANSFORM_KE, (uint16_t)number, 0};
			return NAME_OK;
		}
	*ret_text = group_refused(number);
	return NAME_REFUSED;
}

enum name_verdict algorithm_lookup(enum cg_transform_type type, const char *name,
				   struct cg_transform *ret, const char **ret_text)
{
	const char *printed[32];
	const struct name *names;
	size_t n, n_printed = 0;
	char s[64];

	*ret_text = NULL;
	names = names_of(type, &n);
	if (!squeeze(type, name, s, sizeof(s)) || !*s)
		return NAME_UNKNOWN;
	for (size_t i = 0; i < n; i++)
		if (streq(names[i].squeezed, s)) {
			*ret = (struct cg_transform){(uint8_t)type, names[i].id, names[i].keylen};
			return NAME_OK;
		}
	if (type == CG_TRANSFORM_KE && group_number(s))
		return lookup_group(group_number(s), ret, ret_text);
	if (type == CG_TRANSFORM_INTEG &&
	    algorithm_lookup(CG_TRANSFORM_ENCR, name, ret, ret_text) == NAME_OK &&
	    transform_is_aead(ret))
		return NAME_CIPHER;
	*ret_text = algorithm_refused(type, s);
	if (*ret_text)
		return NAME_REFUSED;
	for (size_t i = 0; i < n && n_printed < ARRAY_SIZE(printed); i++)
		if (names[i].print)
			printed[n_printed++] = names[i].print;
	*ret_text = str_nearest(name, printed, n_printed);
	return NAME_UNKNOWN;
}

bool transform_is_aead(const struct cg_transform *t)
{
	return t->type == CG_TRANSFORM_ENCR &&
	       (t->id == CG_ENCR_AES_GCM_16 || t->id == CG_ENCR_CHACHA20_POLY1305);
}

bool transform_is_weak(const struct cg_transform *t)
{
	switch (t->type) {
	case CG_TRANSFORM_PRF: return t->id == CG_PRF_HMAC_SHA1;
	case CG_TRANSFORM_INTEG: return t->id == CG_INTEG_HMAC_SHA1_96;
	case CG_TRANSFORM_KE: return t->id == CG_KE_MODP_1024 || t->id == CG_KE_MODP_2048_256;
	}
	return false;
}

uint16_t prf_of_integ(uint16_t integ)
{
	switch (integ) {
	case CG_INTEG_HMAC_SHA1_96: return CG_PRF_HMAC_SHA1;
	case CG_INTEG_HMAC_SHA2_384_192: return CG_PRF_HMAC_SHA2_384;
	case CG_INTEG_HMAC_SHA2_512_256: return CG_PRF_HMAC_SHA2_512;
	}
	return CG_PRF_HMAC_SHA2_256;
}

const char *cg_transform_format(const struct cg_transform *t, char buf[CG_TRANSFORM_TEXT])
{
	const struct name *names;
	size_t n;

	if (t->type == CG_TRANSFORM_ESN && t->id <= 1) {
		(void)snprintf(buf, CG_TRANSFORM_TEXT, "%s", t->id ? "ESN" : "NO_ESN");
		return buf;
	}
	if (t->type >= CG_TRANSFORM_ADDKE1 && t->type < CG_TRANSFORM_ADDKE1 + CG_ADDKE_MAX) {
		const struct cg_transform ke = {CG_TRANSFORM_KE, t->id, 0};
		unsigned int which = t->type - CG_TRANSFORM_ADDKE1 + 1u;
		char name[CG_TRANSFORM_TEXT];

		if (t->id == CG_KE_NONE)
			(void)snprintf(buf, CG_TRANSFORM_TEXT, "NO_ADDKE%u", which);
		else
			(void)snprintf(buf, CG_TRANSFORM_TEXT, "ADDKE%u_%.24s", which,
				       cg_transform_format(&ke, name));
		return buf;
	}
	names = names_of((enum cg_transform_type)t->type, &n);
	for (size_t i = 0; i < n; i++)
		if (names[i].id == t->id && names[i].keylen == t->keylen && names[i].print) {
			(void)snprintf(buf, CG_TRANSFORM_TEXT, "%s", names[i].print);
			return buf;
		}
	(void)snprintf(buf, CG_TRANSFORM_TEXT, "type %u id %u", (unsigned int)t->type,
		       (unsigned int)t->id);
	if (t->keylen) {
		n = strlen(buf);
		(void)snprintf(buf + n, CG_TRANSFORM_TEXT - n, "-%u", (unsigned int)t->keylen);
	}
	return buf;
}

char *cg_proposal_format(const struct cg_proposal *p)
{
	static const uint8_t order[] = {CG_TRANSFORM_ENCR,	 CG_TRANSFORM_INTEG,
					CG_TRANSFORM_PRF,	 CG_TRANSFORM_KE,
					CG_TRANSFORM_ADDKE1,	 CG_TRANSFORM_ADDKE1 + 1,
					CG_TRANSFORM_ADDKE1 + 2, CG_TRANSFORM_ADDKE1 + 3,
					CG_TRANSFORM_ADDKE1 + 4, CG_TRANSFORM_ADDKE1 + 5,
					CG_TRANSFORM_ADDKE1 + 6, CG_TRANSFORM_ESN};
	_cleanup_strbuf_ struct cg_strbuf b = {0};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		const char *separator = b.len ? "/" : "";

		for (size_t j = 0; j < p->n_transforms; j++) {
			char text[CG_TRANSFORM_TEXT];

			if (p->transforms[j].type != order[i])
				continue;
			strbuf_addf(&b, "%s%s", separator,
				    cg_transform_format(&p->transforms[j], text));
			separator = "+";
		}
	}
	return strbuf_take(&b);
}
