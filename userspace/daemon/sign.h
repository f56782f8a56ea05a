/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our AUTH signature, made over octets that are assembled here: whoever asks names the parts, and each must be what it is
 * said to be, so that nothing else can be had signed.
 */
#ifndef CERTGATE_DAEMON_SIGN_H
#define CERTGATE_DAEMON_SIGN_H

#include "daemon/key_table.h"

/* a->auth_data ends with the call. */
typedef void (*sign_done)(void *ctx, const struct ike_sign_answer *a);

/*
 * Calls done exactly once: before it returns, or later if the key is in a vault. t may be NULL: there is none yet. Returns 0, or what a->error then is:
 * -ENOTCONN: there is no table; -ENOENT: no such connection; -EPERM: the parts are not those of an exchange of ours; others: signing failed. a->text says why.
 */
int sign_auth(const struct key_table *t, const struct ike_out_sign *s, sign_done done, void *ctx);

#endif
