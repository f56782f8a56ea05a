/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of `certgate check` that opens the files a configuration names.
 */
#ifndef CERTGATE_CLI_CHECK_CERTS_H
#define CERTGATE_CLI_CHECK_CERTS_H

#include "config/config.h"

/*
 * Loads the certificates, key, passphrase, chains and lists of every connection that is enabled as the daemon would at time `now`
 * (seconds since 1970), and adds what is wrong to diags, at the place that names the file.
 */
void check_certificates(const struct cg_config *config, int64_t now, struct cg_diags *diags);

#endif
