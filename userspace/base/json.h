/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scope-bound clean-up for jansson values. Apart from macro.h so that only those who link jansson include it.
 */
#ifndef CERTGATE_BASE_JSON_H
#define CERTGATE_BASE_JSON_H

#include <jansson.h>

#include "base/macro.h"

static inline void cg_json_decrefp(json_t **j)
{
	json_decref(*j);
}

#define _cleanup_json_ _cleanup_(cg_json_decrefp)

#endif
