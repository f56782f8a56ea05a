// SPDX-License-Identifier: Apache-2.0
/*
 * The name tables of const.h and look-ups in them. Owns nothing but constants;
 * called by logs, proposals and the command line.
 */
#include "ike/const.h"

#include <stdio.h>
#include <strings.h>

#include "base/macro.h"

#define NAME_ENTRY(symbol, value, name) {value, name},
#define DEFINE_NAMES(variable, registry_name, table)                             \
	static const struct ike_name variable##_entries[] = {table(NAME_ENTRY)}; \
	const struct ike_names variable = {                                      \
		.registry = (registry_name),                                     \
		.entries = variable##_entries,                                   \
		.n = ARRAY_SIZE(variable##_entries),                             \
	}

DEFINE_NAMES(ike_names_exchange, "exchange", IKE_EXCHANGE_TABLE);
DEFINE_NAMES(ike_names_payload, "payload", IKE_PAYLOAD_TABLE);
DEFINE_NAMES(ike_names_protocol, "protocol", IKE_PROTOCOL_TABLE);
DEFINE_NAMES(ike_names_transform_type, "transform-type", IKE_TRANSFORM_TYPE_TABLE);
DEFINE_NAMES(ike_names_encr, "ENCR", IKE_ENCR_TABLE);
DEFINE_NAMES(ike_names_prf, "PRF", IKE_PRF_TABLE);
DEFINE_NAMES(ike_names_integ, "INTEG", IKE_INTEG_TABLE);
DEFINE_NAMES(ike_names_ke, "KE", IKE_KE_TABLE);
DEFINE_NAMES(ike_names_esn, "ESN", IKE_ESN_TABLE);
DEFINE_NAMES(ike_names_auth, "auth-method", IKE_AUTH_TABLE);
DEFINE_NAMES(ike_names_hash, "hash", IKE_HASH_TABLE);
DEFINE_NAMES(ike_names_id, "ID", IKE_ID_TABLE);
DEFINE_NAMES(ike_names_cert, "cert-encoding", IKE_CERT_TABLE);
DEFINE_NAMES(ike_names_ts, "TS", IKE_TS_TABLE);
DEFINE_NAMES(ike_names_cfg, "CFG", IKE_CFG_TABLE);
DEFINE_NAMES(ike_names_notify, "notify", IKE_NOTIFY_TABLE);

const struct ike_names *ike_names_of_transform(unsigned type)
{
	switch (type) {
	case IKE_TRANSFORM_ENCR: return &ike_names_encr;
	case IKE_TRANSFORM_PRF: return &ike_names_prf;
	case IKE_TRANSFORM_INTEG: return &ike_names_integ;
	case IKE_TRANSFORM_KE:
	case IKE_TRANSFORM_ADDKE1 ... IKE_TRANSFORM_ADDKE7: /* RFC 9370 section 2.2.2 */
		return &ike_names_ke;
	case IKE_TRANSFORM_ESN: return &ike_names_esn;
	}
	return NULL;
}

const char *ike_name(const struct ike_names *names, unsigned value)
{
	for (size_t i = 0; i < names->n; i++)
		if (names->entries[i].value == value)
			return names->entries[i].name;
	return NULL;
}

int ike_number(const struct ike_names *names, const char *name, unsigned *ret_value)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcasecmp(names->entries[i].name, name) == 0) {
			*ret_value = names->entries[i].value;
			return 0;
		}
	return -ENOENT;
}

const char *ike_name_str(const struct ike_names *names, unsigned value, char buf[IKE_NAME_BUF])
{
	const char *name = ike_name(names, value);

	if (name)
		return name;
	(void)snprintf(buf, IKE_NAME_BUF, "%s(%u)", names->registry, value);
	return buf;
}
