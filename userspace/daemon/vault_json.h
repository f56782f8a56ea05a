/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the metadata service and key vaults answer, in JSON: read strictly, with every value checked, since it comes from outside. Called by
 * the process `vault`; knows nothing of connections.
 */
#ifndef CERTGATE_DAEMON_VAULT_JSON_H
#define CERTGATE_DAEMON_VAULT_JSON_H

#include "config/vault_url.h"
#include "pki/note.h"

enum {
	VAULT_TOKEN_MAX = 16 * 1024,
	VAULT_TOKEN_LIFE_MAX = 7 * 86400, /* seconds; whatever is said beyond it is not believed */
};

/* An access token. */
struct vault_token {
	char *value;	   /* printable; wiped and freed by vault_token_done() */
	uint32_t lifetime; /* seconds from now */
};
void vault_token_done(struct vault_token *t);

/* Bytes in memory that is wiped when it is freed. */
struct vault_bytes {
	uint8_t *data;
	size_t len;
};
void vault_bytes_done(struct vault_bytes *b);

/* A certificate's description. */
struct vault_certificate {
	char version[CG_VAULT_VERSION_LEN + 1];
	char key_name[CG_VAULT_NAME_MAX + 1]; /* empty: none was named */
	char key_version[CG_VAULT_VERSION_LEN + 1];
	char secret_name[CG_VAULT_NAME_MAX + 1]; /* empty: none was named */
	char secret_version[CG_VAULT_VERSION_LEN + 1];
	bool exportable;	/* its policy lets the key leave; true too if it says nothing */
	struct vault_bytes cer; /* DER */
};
void vault_certificate_done(struct vault_certificate *c);

/* A secret. */
struct vault_secret {
	char version[CG_VAULT_VERSION_LEN + 1];
	struct vault_bytes data; /* PKCS#12 or PEM */
};
void vault_secret_done(struct vault_secret *s);

/*
 * Each reads an answer of status 200: 0, or -EBADMSG with a text that says what is wrong, -EKEYREVOKED: disabled, -EKEYEXPIRED: beyond its time,
 * or before it; -ENOMEM. ret is untouched on failure. now: seconds since the epoch. u: what was asked for; identifiers must be of its host.
 */
int vault_read_token(const uint8_t *data, size_t len, int64_t now, struct pki_error *err,
		     struct vault_token *ret);
int vault_read_certificate(const uint8_t *data, size_t len, const struct cg_vault_url *u,
			   int64_t now, struct pki_error *err, struct vault_certificate *ret);
int vault_read_secret(const uint8_t *data, size_t len, const struct cg_vault_url *u, int64_t now,
		      struct pki_error *err, struct vault_secret *ret);
int vault_read_signature(const uint8_t *data, size_t len, struct pki_error *err,
			 struct vault_bytes *ret);

/* The body of a sign request; a new string. NULL: no memory. */
char *vault_write_sign(const char *alg, const uint8_t *digest, size_t len);

/* What was asked for, as far as it matters for an explanation. */
enum vault_ask {
	VAULT_ASK_TOKEN,
	VAULT_ASK_CERTIFICATE,
	VAULT_ASK_SECRET,
	VAULT_ASK_SIGN,
};

/* An answer that is not 200, explained. */
struct vault_refusal {
	bool permanent; /* asking again will not help by itself */
	char text[512], hint[320];
};
/*
 * u: what the configuration names; NULL for a token. The body's error code and message are quoted, made printable, if they are there.
 */
void vault_explain(enum vault_ask ask, long status, const uint8_t *body, size_t len,
		   const struct cg_vault_url *u, struct vault_refusal *ret);

#endif
