/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies of the configuration in the engine's form.
 */
#ifndef CERTGATE_DAEMON_POLICY_MAP_H
#define CERTGATE_DAEMON_POLICY_MAP_H

#include "config/config.h"
#include "ike/proposal.h"

/* 0, or -EINVAL with a constant text that says what the engine cannot do. */
int policy_map(const struct cg_policy *p, struct ike_policy *ret_ike, struct ike_policy *ret_esp,
	       const char **ret_why);

#endif
