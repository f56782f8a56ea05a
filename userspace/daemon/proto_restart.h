/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of the messages around a planned restart: what main has the new ike know of the kernel, how that went, and the paths that
 * verify watches. Blobs of what was read point into the message and end with its handler.
 */
#ifndef CERTGATE_DAEMON_PROTO_RESTART_H
#define CERTGATE_DAEMON_PROTO_RESTART_H

#include "daemon/msg.h"
#include "ike/snapshot.h"
#include "pki/cert.h"

/* main to ike: a binding that is live, a Child SA that is installed. */
void proto_put_live_binding(struct msg_writer *w, const struct ike_kernel_binding *b);
void proto_get_live_binding(struct msg_reader *r, struct ike_kernel_binding *ret);
void proto_put_live_child(struct msg_writer *w, const struct ike_kernel_child *c);
void proto_get_live_child(struct msg_reader *r, struct ike_kernel_child *ret);

/* main to ike, with the snapshot of `size` bytes. */
struct proto_restore {
	uint8_t token[IKE_SNAPSHOT_TOKEN];
	uint32_t size;
};
void proto_put_restore(struct msg_writer *w, const struct proto_restore *p);
void proto_get_restore(struct msg_reader *r, struct proto_restore *ret);

/* ike to main: what came of it. error: 0 or negative errno, then the counts are zeros. */
struct proto_restored {
	int error;
	uint32_t connections, refused, sas, children;
};
void proto_put_restored(struct msg_writer *w, const struct proto_restored *p);
void proto_get_restored(struct msg_reader *r, struct proto_restored *ret);

/*
 * verify to main and, after the restart, main to verify: the certificates of the path that a binding rests on, leaf first, and others that came along.
 * The handle comes first, then the connection, which has another number after the restart; the rest main passes on as it is.
 */
struct proto_watched {
	uint64_t handle;
	uint32_t connection;
	struct ike_blob path[PKI_CHAIN_MAX], others[PKI_TRUST_CERTS_MAX];
	struct ike_blob answers[PKI_CHAIN_MAX]; /* OCSP answers that the peer sent about it */
	size_t n_path, n_others, n_answers;
};
void proto_put_watched(struct msg_writer *w, const struct proto_watched *p);
void proto_get_watched(struct msg_reader *r, struct proto_watched *ret);

#endif
