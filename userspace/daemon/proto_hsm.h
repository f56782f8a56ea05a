/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of the messages about keys in hardware. Each has a process `hsm`, which main tells what it is; `key` has digests signed by it over their
 * own socket, and tells main how it goes.
 */
#ifndef CERTGATE_DAEMON_PROTO_HSM_H
#define CERTGATE_DAEMON_PROTO_HSM_H

#include "config/config.h"
#include "daemon/proto_auth.h"
#include "pki/hardware.h"

enum {
	HSM_TEXT_MAX = 640,
	HSM_SIGNINGS_MAX = 64, /* that one process has to answer, given up or not */
	HSM_OPEN_SECONDS =
		20, /* that the connections of one load wait for keys to be opened, all together */
	HSM_SIGN_SECONDS = 20, /* after which `key` gives up a signature */
};

/* HSM_SETUP, before the process is confined; HSM_PIN with a descriptor of the file follows if there is one. */
struct proto_hsm_setup {
	char store[CG_HARDWARE_URI_MAX + 1];
	char provider[CG_HARDWARE_NAME_MAX + 1], engine[CG_HARDWARE_NAME_MAX + 1];
	char module[CG_HARDWARE_PATH_MAX + 1];
	char groups[CG_HARDWARE_GROUPS_MAX][CG_HARDWARE_NAME_MAX + 1];
	uint32_t n_groups;
	char environment[CG_HARDWARE_ENV_MAX][CG_HARDWARE_ENV_SIZE];
	uint32_t n_environment;
	enum cg_hardware_access access;
	bool pin;
};
void proto_put_hsm_setup(struct msg_writer *w, const struct proto_hsm_setup *p);
void proto_get_hsm_setup(struct msg_reader *r, struct proto_hsm_setup *ret);

/* HSM_OPENED, from hsm to key: its public half and the schemes that it makes. */
struct proto_hsm_opened {
	struct ike_blob spki;
	uint32_t schemes; /* bits of enum pki_scheme */
};
void proto_put_hsm_opened(struct msg_writer *w, const struct proto_hsm_opened *p);
void proto_get_hsm_opened(struct msg_reader *r, struct proto_hsm_opened *ret);

/* HSM_SIGN */
struct proto_hsm_sign {
	uint32_t number;
	enum pki_scheme scheme;
	uint8_t digest[64];
	size_t digest_len;
};
void proto_put_hsm_sign(struct msg_writer *w, const struct proto_hsm_sign *p);
void proto_get_hsm_sign(struct msg_reader *r, struct proto_hsm_sign *ret);

/* HSM_SIGNED: no signature: it could not be made. */
struct proto_hsm_signed {
	uint32_t number;
	struct ike_blob signature;
};
void proto_put_hsm_signed(struct msg_writer *w, const struct proto_hsm_signed *p);
void proto_get_hsm_signed(struct msg_reader *r, struct proto_hsm_signed *ret);

/* HSM_STATE, from key to main, whenever it changes; HSM_REFUSED, from hsm to key: the key cannot be opened, with text and hint alone. */
enum hsm_state {
	HSM_OPENING, /* or the process is not there */
	HSM_OPEN,
	HSM_FAILED,
};
struct proto_hsm_state {
	uint32_t index; /* of the process */
	enum hsm_state state;
	char text[HSM_TEXT_MAX], hint[PKI_HINT_MAX];
};
void proto_put_hsm_state(struct msg_writer *w, const struct proto_hsm_state *p);
void proto_get_hsm_state(struct msg_reader *r, struct proto_hsm_state *ret);

#endif
