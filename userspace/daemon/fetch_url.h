/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a URL matters to `fetch`: whom it names. It stands in certificates and lists of other people's CAs, or is where a server
 * redirects to. Pure.
 */
#ifndef CERTGATE_DAEMON_FETCH_URL_H
#define CERTGATE_DAEMON_FETCH_URL_H

#include "base/addr.h"

#define FETCH_URL_WHY 160

/*
 * 0: it has an address, which may be asked. 1: it has a name; *ret_host and *ret_port, strings that the caller frees, are to be looked up. Else negative, with
 * why: -EINVAL it cannot be fetched, -EPERM the address is not to be asked, -ENOMEM.
 */
int fetch_url_read(const char *url, const struct cg_prefix *allowed, size_t n_allowed,
		   char **ret_host, char **ret_port, char why[FETCH_URL_WHY]);

#endif
