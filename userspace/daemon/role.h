/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of certgated. The launcher starts the others and holds the privileges that takes; `main` decides; the rest do one thing
 * each. A process finds its socket to the one that started it at ROLE_FD_PARENT.
 */
#ifndef CERTGATE_DAEMON_ROLE_H
#define CERTGATE_DAEMON_ROLE_H

#include <stdbool.h>

#include "base/macro.h"

enum role {
	ROLE_LAUNCHER,
	ROLE_MAIN,
	ROLE_IKE,
	ROLE_VERIFY,
	ROLE_KEY,
	ROLE_VAULT,
	ROLE_HSM,
	ROLE_FETCH,
	_ROLE_MAX,
};

#define ROLE_BIT(r) (1U << (r))

enum {
	ROLE_FD_PARENT = 3,	/* main: to the launcher; others: to main */
	ROLE_FD_EMPTY_DIR = 4,	/* at start: an empty directory without a name, to chroot to */
	ROLE_FD_KEY = 4,	/* ike: to key */
	ROLE_FD_VERIFY = 16,	/* ike: to verify worker i at ROLE_FD_VERIFY + i */
	ROLE_FD_IKE = 4,	/* key, verify: to ike */
	ROLE_FD_VAULT = 16,	/* key: to vault */
	ROLE_FD_HSM = 17,	/* key: to the process of hardware key i at ROLE_FD_HSM + i */
	ROLE_FD_HSM_KEY = 63,	/* hsm: to key; above what it opened */
	ROLE_FD_FREE = 64,	/* ike: lower ones are its neighbours' */
	ROLE_FD_VAULT_KEY = 63, /* vault: to key; above what connections to vaults get */
	ROLE_FD_HANDOVER =
		256, /* launcher, main: the first of what the main before it handed over */
	ROLE_WORKERS_MAX = 32,	 /* of verify, and of hsm */
	ROLE_HANDOVER_MAX = 320, /* descriptors handed over */
};

/* "main", "ike", …; never NULL. */
const char *role_name(enum role role);
/* -EINVAL. */
int role_from_name(const char *name, enum role *ret);

#endif
