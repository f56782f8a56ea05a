// SPDX-License-Identifier: Apache-2.0
/*
 * Names of algorithms that exist, or that others have for what is here, and that are not taken: why, and what to write instead. Called by names.c for a
 * name that it does not find. Pure data and functions.
 */
#include "config/names.h"

#include "base/str.h"

enum match {
	IS,
	BEGINS,
	ENDS,
	HAS,
};

struct refusal {
	enum match match;
	const char *squeezed;
	const char *why;
};

#define NO_LENGTH_CBC  "its key length is missing: AES_CBC-256 or AES_CBC-128"
#define NO_LENGTH_GCM  "its key length is missing: AES_GCM_16-256 or AES_GCM_16-128"
#define NOT_ENCRYPTED  "a tunnel without encryption is never set up"
#define NO_SUCH_CIPHER "not implemented; use AES_GCM_16-256 or AES_CBC-256"
#define SHORT_TAG      "tags of less than 16 bytes are not implemented; use AES_GCM_16-256"
#define USE_SHA256     "not implemented; use SHA256"
#define BROKEN_MD5     "MD5 is broken; use SHA256"
#define WHICH_SHA2     "which one? SHA256, SHA384 or SHA512"
#define WHICH_SHA      "which one? SHA256, SHA384 or SHA512; SHA1 is weak"
#define BRAINPOOL \
	"Brainpool's curves (groups 27 to 30) are not implemented; use ECP256, ECP384, ECP521 or CURVE25519"
#define GOST	     "GOST's groups (33 and 34) are not implemented; use ECP256, ECP384 or CURVE25519"
#define ML_KEM	     "ML-KEM is not implemented; use CURVE25519, ECP256 or ECP384"
#define POST_QUANTUM "not implemented; use CURVE25519, ECP256 or ECP384"

/* The first that fits counts. */
static const struct refusal encr_refused[] = {
	{BEGINS, "DES", "DES is broken; use AES_GCM_16-256 or AES_CBC-256"},
	{BEGINS, "3DES", "3DES has blocks of 64 bits and is never used; use AES_CBC-256"},
	{BEGINS, "NONE", NOT_ENCRYPTED},
	{BEGINS, "NULL", NOT_ENCRYPTED},
	{HAS, "GMAC", "GMAC does not encrypt: " NOT_ENCRYPTED "; use AES_GCM_16-256"},
	{IS, "AES", NO_LENGTH_CBC},
	{IS, "AESCBC", NO_LENGTH_CBC},
	{IS, "AESGCM", NO_LENGTH_GCM},
	{IS, "AESGCM16", NO_LENGTH_GCM},
	{ENDS, "IIV", "ciphers with an implicit IV are not implemented; use AES_GCM_16-256"},
	{BEGINS, "AESGCM8", SHORT_TAG},
	{IS, "AESGCM12128", SHORT_TAG},
	{IS, "AESGCM12192", SHORT_TAG},
	{IS, "AESGCM12256", SHORT_TAG},
	{ENDS, "GCM8", SHORT_TAG},
	{ENDS, "GCM12", SHORT_TAG},
	{ENDS, "GCM64", SHORT_TAG},
	{ENDS, "GCM96", SHORT_TAG},
	{HAS, "CCM", "CCM is not implemented; use AES_GCM_16-256"},
	{HAS, "CTR", "counter mode is not implemented; use AES_GCM_16-256"},
	{BEGINS, "BLOWFISH", NO_SUCH_CIPHER},
	{BEGINS, "CAMELLIA", NO_SUCH_CIPHER},
	{BEGINS, "CAST", NO_SUCH_CIPHER},
	{BEGINS, "IDEA", NO_SUCH_CIPHER},
	{BEGINS, "3IDEA", NO_SUCH_CIPHER},
	{BEGINS, "RC4", NO_SUCH_CIPHER},
	{BEGINS, "RC5", NO_SUCH_CIPHER},
	{BEGINS, "SERPENT", NO_SUCH_CIPHER},
	{BEGINS, "TWOFISH", NO_SUCH_CIPHER},
	{BEGINS, "SM4", NO_SUCH_CIPHER},
	{BEGINS, "KUZNYECHIK", NO_SUCH_CIPHER},
	{BEGINS, "MAGMA", NO_SUCH_CIPHER},
};

/* Of integrity and of PRFs. */
static const struct refusal hash_refused[] = {
	{HAS, "MD5", BROKEN_MD5},
	{IS, "SHA2", WHICH_SHA2},
	{IS, "HMACSHA2", WHICH_SHA2},
	{IS, "SHA", WHICH_SHA},
	{IS, "HMACSHA", WHICH_SHA},
	{BEGINS, "SHA1160", USE_SHA256},
	{BEGINS, "HMACSHA1160", USE_SHA256},
	{ENDS, "SHA25696", USE_SHA256},
	{ENDS, "SHA225696", USE_SHA256},
	{BEGINS, "SHA224", USE_SHA256},
	{BEGINS, "SHA2224", USE_SHA256},
	{BEGINS, "SHA3", USE_SHA256},
	{BEGINS, "DESMAC", USE_SHA256},
	{HAS, "XCBC", USE_SHA256},
	{HAS, "CMAC", USE_SHA256},
	{HAS, "GMAC", USE_SHA256},
	{HAS, "TIGER", USE_SHA256},
	{HAS, "STREEBOG", USE_SHA256},
};

static const struct refusal integ_refused[] = {
	{BEGINS, "NONE", "left out, or the name of the AEAD cipher, means none"},
};

static const struct refusal prf_refused[] = {
	{IS, "NONE", "an IKE SA always has a PRF"},
};

/* By the numbers of IANA's registry. */
static const struct {
	unsigned int first, last;
	const char *why;
} groups_refused[] = {
	{1, 1, "group 1 (768 bits) is broken; use 14, ECP256 or CURVE25519"},
	{5, 5, "group 5 (1536 bits) is too weak; use 14, ECP256 or CURVE25519"},
	{17, 17, "group 17 (6144 bits) is not implemented; use 16 (4096 bits), ECP384 or ECP521"},
	{18, 18, "group 18 (8192 bits) is not implemented; use 16 (4096 bits), ECP384 or ECP521"},
	{22, 22, "group 22 (1024 bits) is too weak; use 14, ECP256 or CURVE25519"},
	{23, 23,
	 "group 23 (2048 bits, a subgroup of 224) is not implemented; use 14, ECP256 or CURVE25519"},
	{25, 25, "group 25 (ECP of 192 bits) is too weak; use ECP256, ECP384 or CURVE25519"},
	{26, 26, "group 26 (ECP of 224 bits) is too weak; use ECP256, ECP384 or CURVE25519"},
	{27, 30, BRAINPOOL},
	{32, 32, "group 32 (CURVE448) is not implemented; use CURVE25519, ECP384 or ECP521"},
	{33, 34, GOST},
	{35, 37, ML_KEM},
};

static const struct {
	enum match match;
	const char *squeezed;
	unsigned int number;
} group_names[] = {
	{IS, "MODP768", 1},
	{IS, "768BITMODPGROUP", 1},
	{IS, "MODP1536", 5},
	{IS, "1536BITMODPGROUP", 5},
	{IS, "MODP6144", 17},
	{IS, "6144BITMODPGROUP", 17},
	{IS, "MODP8192", 18},
	{IS, "8192BITMODPGROUP", 18},
	{IS, "MODP1024160", 22},
	{IS, "MODP1024S160", 22},
	{BEGINS, "1024BITMODPGROUPWITH160BIT", 22},
	{IS, "MODP2048224", 23},
	{IS, "MODP2048S224", 23},
	{BEGINS, "2048BITMODPGROUPWITH224BIT", 23},
	{IS, "ECP192", 25},
	{BEGINS, "192BITRANDOMECP", 25},
	{IS, "ECP224", 26},
	{BEGINS, "224BITRANDOMECP", 26},
	{BEGINS, "BRAINPOOL", 27},
	{BEGINS, "ECP224BP", 27},
	{BEGINS, "ECP256BP", 28},
	{BEGINS, "ECP384BP", 29},
	{BEGINS, "ECP512BP", 30},
	{IS, "CURVE448", 32},
	{IS, "X448", 32},
	{BEGINS, "GOST", 33},
	{BEGINS, "MLKEM", 36},
};

static const struct refusal ke_refused[] = {
	{BEGINS, "KYBER", POST_QUANTUM},   {BEGINS, "NEWHOPE", POST_QUANTUM},
	{BEGINS, "NTRU", POST_QUANTUM},	   {BEGINS, "FRODO", POST_QUANTUM},
	{IS, "P256", "write ECP256"},	   {IS, "NISTP256", "write ECP256"},
	{IS, "SECP256R1", "write ECP256"}, {IS, "PRIME256V1", "write ECP256"},
	{IS, "P384", "write ECP384"},	   {IS, "NISTP384", "write ECP384"},
	{IS, "SECP384R1", "write ECP384"}, {IS, "P521", "write ECP521"},
	{IS, "NISTP521", "write ECP521"},  {IS, "SECP521R1", "write ECP521"},
};

static bool matches(enum match match, const char *squeezed, const char *name)
{
	switch (match) {
	case IS: return streq(name, squeezed);
	case BEGINS: return str_starts_with(name, squeezed);
	case ENDS: return str_ends_with(name, squeezed);
	case HAS: return strstr(name, squeezed) != NULL;
	}
	return false;
}

static const char *find(const struct refusal *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (matches(list[i].match, list[i].squeezed, name))
			return list[i].why;
	return NULL;
}

#define FIND(list, name) find(list, ARRAY_SIZE(list), name)

const char *group_refused(unsigned int number)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups_refused); i++)
		if (number >= groups_refused[i].first && number <= groups_refused[i].last)
			return groups_refused[i].why;
	return "that group is not implemented; use 14, ECP256, ECP384 or CURVE25519";
}

const char *algorithm_refused(enum cg_transform_type type, const char *squeezed)
{
	const char *why;

	switch (type) {
	case CG_TRANSFORM_ENCR: return FIND(encr_refused, squeezed);
	case CG_TRANSFORM_PRF:
		why = FIND(prf_refused, squeezed);
		return why ? why : FIND(hash_refused, squeezed);
	case CG_TRANSFORM_INTEG:
		why = FIND(integ_refused, squeezed);
		return why ? why : FIND(hash_refused, squeezed);
	case CG_TRANSFORM_KE:
		for (size_t i = 0; i < ARRAY_SIZE(group_names); i++)
			if (matches(group_names[i].match, group_names[i].squeezed, squeezed))
				return group_refused(group_names[i].number);
		return FIND(ke_refused, squeezed);
	case CG_TRANSFORM_ESN: break;
	}
	return NULL;
}
