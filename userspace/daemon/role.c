/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the processes.
 */
#include "daemon/role.h"

static const char *const names[_ROLE_MAX] = {
	[ROLE_LAUNCHER] = "launcher", [ROLE_MAIN] = "main",   [ROLE_IKE] = "ike",
	[ROLE_VERIFY] = "verify",     [ROLE_KEY] = "key",     [ROLE_VAULT] = "vault",
	[ROLE_HSM] = "hsm",	      [ROLE_FETCH] = "fetch",
};

const char *role_name(enum role role)
{
	return (unsigned int)role < _ROLE_MAX ? names[role] : "?";
}

int role_from_name(const char *name, enum role *ret)
{
	for (unsigned int i = 0; i < _ROLE_MAX; i++) {
		if (streq(names[i], name)) {
			*ret = (enum role)i;
			return 0;
		}
	}
	return -EINVAL;
}
