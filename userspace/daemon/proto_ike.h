/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of the messages between `main` and `ike`: connections, Child SAs with their keys, reports, status. Blobs of what was
 * read point into the message and end with its handler.
 */
#ifndef CERTGATE_DAEMON_PROTO_IKE_H
#define CERTGATE_DAEMON_PROTO_IKE_H

#include "daemon/msg.h"
#include "ike/engine.h"

enum {
	PROTO_TS_MAX = 64,  /* selectors of a side */
	PROTO_KEY_MAX = 64, /* bytes of one key of a Child SA */
	PROTO_SUBJECT_MAX = 512,
	PROTO_EVENT_MAX = 64,
};

/* ENGINE: comes before anything else. */
void proto_put_engine(struct msg_writer *w, const struct ike_engine_config *c);
void proto_get_engine(struct msg_reader *r, struct ike_engine_config *ret);

/* KEY_LOG_FILE: which one the descriptor is of. Main wrote its name, ike writes its lines. */
enum key_log_file { KEY_LOG_IKE, KEY_LOG_ESP, _KEY_LOG_MAX };

/* SOCKET (with it) and SOCKET_CLOSE. */
struct proto_socket {
	struct cg_endpoint local; /* as bound */
	uint32_t
		mark; /* of what is sent; such a socket receives nothing. 0: it receives, and sends what has none */
	bool marker; /* datagrams begin with the non-ESP marker: the NAT traversal port */
};
void proto_put_socket(struct msg_writer *w, const struct proto_socket *s);
void proto_get_socket(struct msg_reader *r, struct proto_socket *ret);

/* CONN_BEGIN: all but certificates and children, which follow one by one. */
struct proto_conn {
	struct ike_connection_config c;
	struct ike_policy ike, esp; /* c.ike_policy and c.esp_policy point here */
};
void proto_put_conn(struct msg_writer *w, const struct ike_connection_config *c);
void proto_get_conn(struct msg_reader *r, struct proto_conn *ret);

struct proto_child_config {
	struct ike_child_config c; /* its selectors point here */
	struct ike_ts local[PROTO_TS_MAX], remote[PROTO_TS_MAX];
};
void proto_put_child_config(struct msg_writer *w, const struct ike_child_config *c);
void proto_get_child_config(struct msg_reader *r, struct proto_child_config *ret);

/* CHILD_EXPECT; CHILD_EXPECTED answers with its number alone. */
void proto_put_expect(struct msg_writer *w, const struct ike_out_expect *x);
void proto_get_expect(struct msg_reader *r, struct ike_out_expect *ret);

/* CHILD_ADD. Holds keys: wipe it. */
struct proto_child_add {
	struct ike_out_child_add a; /* keys and selectors point below */
	struct ike_ts local[PROTO_TS_MAX], remote[PROTO_TS_MAX];
	uint8_t keys[4][PROTO_KEY_MAX];
};
void proto_put_child_add(struct msg_writer *w, const struct ike_out_child_add *a);
void proto_get_child_add(struct msg_reader *r, struct proto_child_add *ret);

void proto_put_child_added(struct msg_writer *w, uint64_t request, int error, const char *text);
void proto_get_child_added(struct msg_reader *r, uint64_t *ret_request, int *ret_error,
			   char text[IKE_TEXT_SIZE]);

/* CHILD_DEL, CHILD_ACTIVATE, CHILD_MOVE */
void proto_put_child(struct msg_writer *w, const struct ike_out_child *c);
void proto_get_child(struct msg_reader *r, struct ike_out_child *ret);

struct proto_report {
	struct ike_out_report r; /* its texts are below */
	char event[PROTO_EVENT_MAX], text[IKE_REPORT_SIZE], hint[IKE_TEXT_SIZE];
};
void proto_put_report(struct msg_writer *w, const struct ike_out_report *rep);
void proto_get_report(struct msg_reader *r, struct proto_report *ret);

/* STATUS_SA; its children follow as STATUS_CHILD. */
struct proto_sa_status {
	uint32_t request;
	struct ike_sa_status s; /* no children; pointers point below */
	char peer_subject[PROTO_SUBJECT_MAX];
};
void proto_put_sa_status(struct msg_writer *w, uint32_t request, const struct ike_sa_status *s);
void proto_get_sa_status(struct msg_reader *r, struct proto_sa_status *ret);

/* STATUS_END: the last of a status. */
void proto_put_status_end(struct msg_writer *w, uint32_t request, const struct ike_counters *c);
void proto_get_status_end(struct msg_reader *r, uint32_t *ret_request, struct ike_counters *ret);

struct proto_child_status {
	uint32_t request;
	struct ike_child_status s; /* pointers point below */
	char name[IKE_NAME_SIZE];
	struct ike_ts local[PROTO_TS_MAX], remote[PROTO_TS_MAX];
};
void proto_put_child_status(struct msg_writer *w, uint32_t request,
			    const struct ike_child_status *s);
void proto_get_child_status(struct msg_reader *r, struct proto_child_status *ret);

#endif
