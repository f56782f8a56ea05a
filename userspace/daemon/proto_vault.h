/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of the messages about key vaults. `key` asks `vault` for certificates, keys and signatures over their own socket; main
 * says which hosts are vaults, has their names resolved by `fetch`, and hears from `key` how it goes, but never what a vault answered.
 */
#ifndef CERTGATE_DAEMON_PROTO_VAULT_H
#define CERTGATE_DAEMON_PROTO_VAULT_H

#include "config/config.h"
#include "daemon/proto_auth.h"
#include "daemon/proto_fetch.h"
#include "pki/signer.h"

enum {
	VAULT_DATA_MAX = 64 * 1024, /* a vault's secrets have 25 KB at most */
	VAULT_TEXT_MAX = 640,
	VAULT_HINT_MAX = 320,
	VAULT_DIGEST_MAX = 64,
	VAULT_SIGNATURE_MAX = 1024, /* RSA of 8192 bits */
	VAULT_IDENTITY_MAX = 401,
	VAULT_METADATA_MAX = 81,
	VAULT_CA_MAX = 2 * 1024 * 1024,
	VAULT_GET_SECONDS = 20, /* after which `vault` gives up a VAULT_GET, and says why */
};

/* VAULT_SETUP: what the process may ask, and as whom. VAULT_CA: a file of CA certificates, instead of the system's. */
struct proto_vault_setup {
	struct cg_vault_host hosts[CG_VAULT_HOSTS_MAX];
	size_t n_hosts;
	char resource[CG_VAULT_HOST_MAX + 1];
	char metadata[VAULT_METADATA_MAX];
	char identity_kind
		[12]; /* "client_id", "object_id", "mi_res_id"; empty: the only one there is */
	char identity[VAULT_IDENTITY_MAX];
	bool own_ca; /* VAULT_CA follows */
};
void proto_put_vault_setup(struct msg_writer *w, const struct proto_vault_setup *p);
void proto_get_vault_setup(struct msg_reader *r, struct proto_vault_setup *ret);

/* STAGE_VAULT: a URL that a configuration that is being staged wants, ahead of its connections. */
struct proto_stage_vault {
	uint32_t generation;
	uint32_t refresh; /* seconds */
	char url[CG_VAULT_URL_MAX];
};
void proto_put_stage_vault(struct msg_writer *w, const struct proto_stage_vault *p);
void proto_get_stage_vault(struct msg_reader *r, struct proto_stage_vault *ret);

/* VAULT_GET: what the URL names. */
struct proto_vault_get {
	uint32_t number;
	char url[CG_VAULT_URL_MAX];
};
void proto_put_vault_get(struct msg_writer *w, const struct proto_vault_get *p);
void proto_get_vault_get(struct msg_reader *r, struct proto_vault_get *ret);

/* VAULT_GOT: the certificate and its key. If the key stays in the vault its name is here, and data is the certificate alone. */
struct proto_vault_got {
	uint32_t number;
	char version[CG_VAULT_VERSION_LEN + 1];
	char key_name[CG_VAULT_NAME_MAX + 1]; /* empty: the private key is in data */
	char key_version[CG_VAULT_VERSION_LEN + 1];
	struct ike_blob data; /* PKCS#12, PEM or DER */
	struct ike_blob
		chain; /* of a key that stays: PKCS#12 or PEM that may have intermediates; or empty */
};
void proto_put_vault_got(struct msg_writer *w, const struct proto_vault_got *p);
void proto_get_vault_got(struct msg_reader *r, struct proto_vault_got *ret);

/* VAULT_SIGN: a digest, by a key in the vault of that URL. VAULT_SIGNED: as JOSE has it (RFC 7518): ECDSA as r | s. */
struct proto_vault_sign {
	uint32_t number;
	char url[CG_VAULT_URL_MAX];
	char key_name[CG_VAULT_NAME_MAX + 1];
	char key_version[CG_VAULT_VERSION_LEN + 1];
	char alg[8]; /* "PS256", … */
	uint8_t digest[VAULT_DIGEST_MAX];
	size_t digest_len;
};
void proto_put_vault_sign(struct msg_writer *w, const struct proto_vault_sign *p);
void proto_get_vault_sign(struct msg_reader *r, struct proto_vault_sign *ret);

struct proto_vault_signed {
	uint32_t number;
	struct ike_blob signature;
};
void proto_put_vault_signed(struct msg_writer *w, const struct proto_vault_signed *p);
void proto_get_vault_signed(struct msg_reader *r, struct proto_vault_signed *ret);

/* VAULT_FAILED: the answer to either if it was not to be had. */
struct proto_vault_failed {
	uint32_t number;
	bool permanent;	      /* somebody must do something: asking again alone will not help */
	uint32_t retry_after; /* seconds, as the vault asked; 0: it did not */
	char text[VAULT_TEXT_MAX], hint[VAULT_HINT_MAX];
};
void proto_put_vault_failed(struct msg_writer *w, const struct proto_vault_failed *p);
void proto_get_vault_failed(struct msg_reader *r, struct proto_vault_failed *ret);

/* VAULT_RESOLVE: a vault's host, from vault to main; VAULT_RESOLVED: its addresses, none if there is a text. */
struct proto_vault_resolved {
	char name[CG_VAULT_HOST_MAX + 1];
	char text[256];
	struct cg_addr addresses[PROTO_ADDRESSES_MAX];
	size_t n;
};
void proto_put_vault_resolve(struct msg_writer *w, const char *name);
void proto_get_vault_resolve(struct msg_reader *r, char ret_name[CG_VAULT_HOST_MAX + 1]);
void proto_put_vault_resolved(struct msg_writer *w, const struct proto_vault_resolved *p);
void proto_get_vault_resolved(struct msg_reader *r, struct proto_vault_resolved *ret);

/* VAULT_STATE: from key to main, whenever it changes. */
enum vault_state {
	VAULT_AWAITED, /* nothing has come yet */
	VAULT_CURRENT,
	VAULT_FAILED, /* the last attempt; what was there before goes on */
};
struct proto_vault_state {
	char url[CG_VAULT_URL_MAX];
	enum vault_state state;
	bool changed;	/* what came is not what the connections were loaded with: load again */
	bool refused;	/* failed: something came, and cannot be used */
	bool usable;	/* there is something that goes on */
	bool key_stays; /* signatures are made by the vault */
	char version[CG_VAULT_VERSION_LEN + 1]; /* that is used */
	int64_t checked_at; /* seconds since the epoch; the last answer, good or bad */
	char text[VAULT_TEXT_MAX], hint[VAULT_HINT_MAX];
};
void proto_put_vault_state(struct msg_writer *w, const struct proto_vault_state *p);
void proto_get_vault_state(struct msg_reader *r, struct proto_vault_state *ret);

#endif
