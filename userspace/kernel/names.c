/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the family's enumerations and algorithms, as text and JSON show them and `certgate kernel` takes them.
 */
#include "kernel/kernel.h"

static const char *const drop_names[] = {
	"malformed", "no-sa", "replay", "auth",	 "selector", "cert",
	"lifetime",  "queue", "mtu",	"route", "ecn",	     "memory",
};
_Static_assert(ARRAY_SIZE(drop_names) == CGK_DROPS, "a name for each cause of a drop");

const char *cgk_drop_name(unsigned int i)
{
	return i < ARRAY_SIZE(drop_names) ? drop_names[i] : NULL;
}

const char *cgk_cert_state_name(enum certgate_cert_state s)
{
	switch (s) {
	case CERTGATE_CERT_VALID: return "valid";
	case CERTGATE_CERT_NOT_YET_VALID: return "not-yet-valid";
	case CERTGATE_CERT_EXPIRED: return "expired";
	case CERTGATE_CERT_REVOKED: return "revoked";
	case __CERTGATE_CERT_STATE_MAX: break;
	}
	return "unknown";
}

const char *cgk_sa_state_name(enum certgate_sa_state s)
{
	switch (s) {
	case CERTGATE_SA_STANDBY: return "standby";
	case CERTGATE_SA_ACTIVE: return "active";
	case CERTGATE_SA_DRAINING: return "draining";
	case CERTGATE_SA_DEAD: return "dead";
	case __CERTGATE_SA_STATE_MAX: break;
	}
	return "unknown";
}

const char *cgk_sa_death_name(enum certgate_sa_death d)
{
	switch (d) {
	case CERTGATE_SA_ALIVE: return "alive";
	case CERTGATE_SA_DEATH_LIFETIME: return "lifetime";
	case CERTGATE_SA_DEATH_SEQUENCE: return "sequence";
	case CERTGATE_SA_DEATH_EXPIRED: return "certificate-expired";
	case CERTGATE_SA_DEATH_REVOKED: return "certificate-revoked";
	case CERTGATE_SA_DEATH_LEASE: return "lease";
	case __CERTGATE_SA_DEATH_MAX: break;
	}
	return "unknown";
}

const char *cgk_event_name(enum certgate_event e)
{
	switch (e) {
	case CERTGATE_EVENT_SA_SOFT: return "sa-soft-limit";
	case CERTGATE_EVENT_SA_DEAD: return "sa-dead";
	case CERTGATE_EVENT_CERT_EXPIRED: return "certificate-expired";
	case CERTGATE_EVENT_CERT_REVOKED: return "certificate-revoked";
	case CERTGATE_EVENT_ACQUIRE: return "acquire";
	case CERTGATE_EVENT_ENDPOINT: return "endpoint-changed";
	case CERTGATE_EVENT_UNKNOWN_SPI: return "unknown-spi";
	case CERTGATE_EVENT_AUTH_FAILED: return "authentication-failed";
	case CERTGATE_EVENT_LEASE_LAPSED: return "lease-lapsed";
	case CERTGATE_EVENT_SOCKET_LOST: return "socket-lost";
	case __CERTGATE_EVENT_MAX: break;
	}
	return "unknown";
}

static const struct {
	const char *name;
	uint16_t encr, bits;
	uint8_t key, salt; /* bytes */
} encrs[] = {
	{"aes-gcm-128", CERTGATE_ENCR_AES_GCM_16, 128, 16, 4},
	{"aes-gcm-192", CERTGATE_ENCR_AES_GCM_16, 192, 24, 4},
	{"aes-gcm-256", CERTGATE_ENCR_AES_GCM_16, 256, 32, 4},
	{"chacha20-poly1305", CERTGATE_ENCR_CHACHA20_POLY1305, 256, 32, 4},
	{"aes-cbc-128", CERTGATE_ENCR_AES_CBC, 128, 16, 0},
	{"aes-cbc-192", CERTGATE_ENCR_AES_CBC, 192, 24, 0},
	{"aes-cbc-256", CERTGATE_ENCR_AES_CBC, 256, 32, 0},
};

static const struct {
	const char *name;
	uint16_t integ;
	uint8_t key; /* bytes */
} integs[] = {
	{"hmac-sha2-256", CERTGATE_INTEG_HMAC_SHA2_256_128, 32},
	{"hmac-sha2-384", CERTGATE_INTEG_HMAC_SHA2_384_192, 48},
	{"hmac-sha2-512", CERTGATE_INTEG_HMAC_SHA2_512_256, 64},
	{"hmac-sha1", CERTGATE_INTEG_HMAC_SHA1_96, 20},
};

char *cgk_alg_format(uint16_t encr, uint16_t key_bits, uint16_t integ, char out[64])
{
	const char *e = NULL, *i = NULL;

	for (size_t n = 0; n < ARRAY_SIZE(encrs); n++)
		if (encrs[n].encr == encr && encrs[n].bits == key_bits)
			e = encrs[n].name;
	for (size_t n = 0; n < ARRAY_SIZE(integs); n++)
		if (integs[n].integ == integ)
			i = integs[n].name;
	if (e && (i || integ == CERTGATE_INTEG_NONE))
		(void)snprintf(out, 64, "%s%s%s", e, i ? "/" : "", i ? i : "");
	else
		(void)snprintf(out, 64, "encr-%u-%u/integ-%u", encr, key_bits, integ);
	return out;
}

int cgk_alg_parse(const char *s, uint16_t *ret_encr, uint16_t *ret_key_bits, uint16_t *ret_integ)
{
	const char *slash = strchrnul(s, '/');
	uint16_t integ = CERTGATE_INTEG_NONE;
	size_t e;

	for (e = 0; e < ARRAY_SIZE(encrs); e++)
		if (strlen(encrs[e].name) == (size_t)(slash - s) &&
		    !strncmp(encrs[e].name, s, (size_t)(slash - s)))
			break;
	if (e == ARRAY_SIZE(encrs))
		return -EINVAL;
	if (*slash) {
		for (size_t i = 0; i < ARRAY_SIZE(integs); i++)
			if (streq(integs[i].name, slash + 1))
				integ = integs[i].integ;
		if (integ == CERTGATE_INTEG_NONE)
			return -EINVAL;
	}
	*ret_encr = encrs[e].encr;
	*ret_key_bits = encrs[e].bits;
	*ret_integ = integ;
	return 0;
}

void cgk_alg_key_lengths(uint16_t encr, uint16_t key_bits, uint16_t integ, size_t *ret_key,
			 size_t *ret_integ)
{
	*ret_key = 0;
	*ret_integ = 0;
	for (size_t n = 0; n < ARRAY_SIZE(encrs); n++)
		if (encrs[n].encr == encr && encrs[n].bits == key_bits)
			*ret_key = encrs[n].key + encrs[n].salt;
	for (size_t n = 0; n < ARRAY_SIZE(integs); n++)
		if (integs[n].integ == integ)
			*ret_integ = integs[n].key;
}
