/* SPDX-License-Identifier: Apache-2.0 */
/* What the process `ike` answers to main about itself. Called by role_ike.c. */
#ifndef CERTGATE_DAEMON_IKE_TELL_H
#define CERTGATE_DAEMON_IKE_TELL_H

#include "daemon/channel.h"
#include "ike/engine.h"

/* STATUS_GET: IKE SAs, Child SAs, who waits, and an end. 0 or -EBADMSG. */
int ike_tell_status(struct ike_engine *e, struct channel *to_main, struct msg_reader *r);
/* HEARTBEAT: that it is there. 0 or -EBADMSG. */
int ike_tell_alive(struct channel *to_main, struct msg_reader *r);

#endif
