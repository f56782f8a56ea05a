/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our AUTH signature, made over octets that are assembled here: whoever asks names the parts, and each must be what it is
 * said to be, so that nothing else can be had signed.
 */
#ifndef CERTGATE_DAEMON_SIGN_H
#define CERTGATE_DAEMON_SIGN_H

#include "daemon/key_table.h"

/*
 * ret->auth_data points to auth, room for PROTO_AUTH_MAX bytes. 0; -ENOENT: no such connection; -EPERM: the parts are not those of an
 * exchange of ours; others: signing failed. ret->error and ret->text say the same.
 */
int sign_auth(const struct key_table *t, const struct ike_out_sign *s, uint8_t auth[PROTO_AUTH_MAX],
	      struct ike_sign_answer *ret);

#endif
