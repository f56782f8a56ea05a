/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process `ike` answers to main about itself: its SAs, who waits, that it is there. Holds no state.
 */
#include "daemon/ike_tell.h"

#include "daemon/proto_ike.h"

struct status {
	struct channel *to_main;
	uint32_t request;
};

static void tell_status(void *ctx, const struct ike_sa_status *sa)
{
	const struct status *s = ctx;
	struct msg_writer m;

	msg_begin(&m, MSG_STATUS_SA);
	proto_put_sa_status(&m, s->request, sa);
	(void)channel_send(s->to_main, &m, -EBADF);
	for (size_t i = 0; i < sa->n_children; i++) {
		msg_begin(&m, MSG_STATUS_CHILD);
		proto_put_child_status(&m, s->request, &sa->children[i]);
		(void)channel_send(s->to_main, &m, -EBADF);
	}
}

/* Its body is small: request, connection, time. */
static void tell_wait(void *ctx, uint32_t connection, ike_time at)
{
	const struct status *s = ctx;
	struct msg_writer m;

	msg_begin(&m, MSG_STATUS_WAIT);
	msg_put_u32(&m, s->request);
	msg_put_u32(&m, connection);
	msg_put_u64(&m, at);
	(void)channel_send(s->to_main, &m, -EBADF);
}

int ike_tell_status(struct ike_engine *e, struct channel *to_main, struct msg_reader *r)
{
	struct status s = {.to_main = to_main, .request = msg_get_u32(r)};
	struct ike_counters counters;
	struct msg_writer m;

	if (!msg_done(r))
		return -EBADMSG;
	ike_status(e, tell_status, &s);
	ike_status_waiting(e, tell_wait, &s);
	ike_counters(e, &counters);
	msg_begin(&m, MSG_STATUS_END);
	proto_put_status_end(&m, s.request, &counters);
	(void)channel_send(to_main, &m, -EBADF);
	return 0;
}

int ike_tell_alive(struct channel *to_main, struct msg_reader *r)
{
	struct msg_writer m;

	if (!msg_done(r))
		return -EBADMSG;
	msg_begin(&m, MSG_ALIVE);
	(void)channel_send(to_main, &m, -EBADF);
	return 0;
}
