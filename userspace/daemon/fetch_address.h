/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses `fetch` asks for lists and OCSP answers: their names stand in certificates of other people's CAs, which must not reach through us
 * what only this machine or its network can reach. Pure.
 */
#ifndef CERTGATE_DAEMON_FETCH_ADDRESS_H
#define CERTGATE_DAEMON_FETCH_ADDRESS_H

#include "base/addr.h"

/*
 * NULL if it may be asked: it is public, or in one of the networks that the operator allowed. Else what it is, for a message: "loopback",
 * "private", ….
 */
const char *fetch_address_refused(const struct cg_addr *a, const struct cg_prefix *allowed,
				  size_t n_allowed);

#endif
