/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving and restoring in ike. Holds no state.
 */
#include "daemon/ike_restart.h"

#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "daemon/sealed.h"

static void look_for_closing(void *ctx, const struct ike_sa_status *sa)
{
	bool *closing = ctx;

	*closing |= sa->state == IKE_STATE_CLOSING;
}

bool ike_restart_ready(const struct ike_engine *e)
{
	bool closing = false;

	if (!ike_settled(e))
		return false;
	ike_status(e, look_for_closing, &closing);
	return !closing;
}

static void tell_failed(struct channel *to_main, int error)
{
	struct msg_writer m;

	msg_begin(&m, MSG_SAVE_FAILED);
	msg_put_u32(&m, (uint32_t)error);
	(void)channel_send(to_main, &m, -EBADF);
}

bool ike_restart_save(struct ike_engine *e, const uint8_t token[IKE_SNAPSHOT_TOKEN],
		      struct channel *to_main)
{
	_cleanup_close_ int fd = -EBADF;
	struct msg_writer m;
	uint8_t *snapshot;
	size_t size;
	int r;

	r = ike_engine_save(e, now_boottime(), token, &snapshot, &size);
	if (r < 0) {
		tell_failed(to_main, r);
		return false;
	}
	r = size > IKE_SNAPSHOT_MAX ? -EFBIG : sealed_new("certgate-ike", snapshot, size, &fd);
	(void)ike_snapshot_free(snapshot, size);
	if (r >= 0) {
		msg_begin(&m, MSG_SAVED);
		r = channel_send(to_main, &m, fd);
	}
	if (r < 0)
		tell_failed(to_main, r);
	return true;
}

void ike_live_done(struct ike_live *l)
{
	free(l->bindings);
	free(l->children);
	*l = (struct ike_live){0};
}

/* Room for one more, by doubling. */
static void *grow(void *list, size_t n, size_t size)
{
	return (n & (n - 1)) == 0 ? reallocarray(list, n > 0 ? n * 2 : 1, size) : list;
}

int ike_live_add(struct ike_live *l, enum msg_type type, struct msg_reader *r)
{
	struct ike_kernel_binding b;
	struct ike_kernel_child c;
	void *list;

	if (type == MSG_LIVE_BINDING) {
		proto_get_live_binding(r, &b);
		if (!msg_done(r))
			return -EBADMSG;
		list = grow(l->bindings, l->n_bindings, sizeof(b));
		if (!list)
			return -ENOMEM;
		l->bindings = list;
		l->bindings[l->n_bindings++] = b;
		return 0;
	}
	proto_get_live_child(r, &c);
	if (!msg_done(r))
		return -EBADMSG;
	list = grow(l->children, l->n_children, sizeof(c));
	if (!list)
		return -ENOMEM;
	l->children = list;
	l->children[l->n_children++] = c;
	return 0;
}

static int restore(struct ike_engine *e, const struct proto_restore *p, int fd,
		   const struct ike_live *live, struct ike_restored *ret)
{
	const struct ike_kernel kernel = {.bindings = live->bindings,
					  .children = live->children,
					  .n_bindings = live->n_bindings,
					  .n_children = live->n_children};
	uint8_t *snapshot;
	int r;

	r = sealed_read(fd, p->size, &snapshot);
	if (r < 0)
		return r;
	r = ike_engine_restore(e, now_boottime(), p->token, snapshot, p->size, &kernel, ret);
	file_free_secret((char *)snapshot, p->size);
	return r;
}

void ike_restart_restore(struct ike_engine *e, const struct proto_restore *p, int fd,
			 const struct ike_live *live, struct channel *to_main)
{
	struct ike_restored done = {0};
	struct proto_restored answer;
	struct msg_writer m;
	int r;

	r = restore(e, p, fd, live, &done);
	/* What main has of the others, the engine knows nothing of: it hears so before anything else. */
	for (size_t i = 0; i < live->n_bindings; i++) {
		if (!ike_connection_restored(e, live->bindings[i].connection))
			continue;
		msg_begin(&m, MSG_GOES_ON);
		msg_put_u32(&m, live->bindings[i].connection);
		(void)channel_send(to_main, &m, -EBADF);
	}
	answer = (struct proto_restored){.error = r,
					 .connections = (uint32_t)done.connections,
					 .refused = (uint32_t)done.refused,
					 .sas = (uint32_t)done.sas,
					 .children = (uint32_t)done.children};
	msg_begin(&m, MSG_RESTORED);
	proto_put_restored(&m, &answer);
	(void)channel_send(to_main, &m, -EBADF);
	ike_engine_start(e, now_boottime());
}
