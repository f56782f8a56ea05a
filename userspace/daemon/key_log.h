/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys for a capture to be read with, in the process `ike`: written as Wireshark reads them, into two files that main opened. Only of
 * connections, and only as long, as main says.
 */
#ifndef CERTGATE_DAEMON_KEY_LOG_H
#define CERTGATE_DAEMON_KEY_LOG_H

#include "base/time.h"
#include "daemon/proto_ike.h"

enum {
	KEY_LOG_LINE = 1024,   /* bytes that a text takes at most, with its NUL */
	KEY_LOG_SECONDS = 600, /* until it ends by itself */
};

/* A line of ikev2_decryption_table; one that begins with '#' for what Wireshark does not know. Wipe it. */
void key_log_ike(const struct ike_out_keys *k, char ret[KEY_LOG_LINE]);
/* Two lines of esp_sa, one a direction. Wipe it. */
void key_log_esp(const struct ike_out_child_add *a, char ret[KEY_LOG_LINE]);

struct key_log_conn;

struct key_log {
	int files[_KEY_LOG_MAX]; /* -EBADF: none */
	struct key_log_conn *list;
};

#define KEY_LOG_NONE                        \
	(struct key_log)                    \
	{                                   \
		.files = { -EBADF, -EBADF } \
	}

/* Takes *fd over on success, which main opened. Negative errno. */
int key_log_take(struct key_log *l, enum key_log_file which, int *fd);
/* The connection's keys are written until then, on the clock of the engine; 0: not any more. Negative errno. */
int key_log_set(struct key_log *l, uint32_t connection, usec_t until);
void key_log_keys(struct key_log *l, usec_t now, const struct ike_out_keys *k);
void key_log_child(struct key_log *l, usec_t now, const struct ike_out_child_add *a);
/* Closes the files when the time of all is over. */
void key_log_tick(struct key_log *l, usec_t now);
void key_log_done(struct key_log *l);

#endif
