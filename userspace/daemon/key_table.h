/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the `key` process holds: of each connection our certificate, its private key and our identity. A table is filled while a
 * configuration is staged, and then replaces the one in force as a whole.
 */
#ifndef CERTGATE_DAEMON_KEY_TABLE_H
#define CERTGATE_DAEMON_KEY_TABLE_H

#include "daemon/proto_stage.h"
#include "daemon/table.h"
#include "pki/auth.h"
#include "pki/outbound.h"

enum { KEY_FILES_MAX = 1 + 1 + 1 + 64 };

struct key_entry {
	uint32_t connection;
	char name[STAGE_NAME_MAX];
	struct pki_signer *signer;
	struct pki_auth_options auth;
	bool awaited; /* nothing has come from its vault: there is no signer */
	uint8_t *id;  /* body of our ID payload */
	size_t id_len;
	int error;
	struct key_staging *staging; /* NULL once it was settled */
};

/* What is only needed while an entry is staged. */
struct key_staging {
	char local_identity[STAGE_TEXT_MAX];
	struct {
		enum stage_part part;
		char *name;
		uint8_t *data;
		size_t len;
	} files[KEY_FILES_MAX];
	size_t n_files;
	struct pki_outbound outbound;
	struct pki_findings findings;
	enum stage_part part;
	struct pki_error text;
	char hint[STAGE_HINT_MAX];
	bool permanent;
	struct pki_signer *elsewhere; /* of a key that is not here */
	bool in_hardware;	      /* which has this public half */
	uint8_t spki_sha256[PKI_SHA256_SIZE];
};

struct shared_key;

struct key_table {
	uint32_t generation;
	struct key_entry **entries;
	size_t n, size;
	/* Keys by their public halves: many connections have the same, and share it. */
	struct table keys;
	struct shared_key *last_key;
};

struct key_table *key_table_new(uint32_t generation);
/* Wipes what is secret. */
struct key_table *key_table_free(struct key_table *t);

/* As of trust_table.h. key_table_file() owns name and data (file_free_secret()) from the call on. */
int key_table_begin(struct key_table *t, const struct stage_key *s);
int key_table_file(struct key_table *t, const struct stage_file *f, uint8_t *data, size_t len);
/* The key of the last entry is not in its files: this signs instead. Owns the signer from the call on. */
int key_table_elsewhere(struct key_table *t, uint32_t connection, struct pki_signer *signer);
/* That key is in hardware, and has this public half: the certificate must have it too. */
int key_table_hardware(struct key_table *t, uint32_t connection, struct pki_signer *signer,
		       const uint8_t spki_sha256[PKI_SHA256_SIZE]);
/* Nothing has come from the vault of the last entry, or its hardware: it waits. */
int key_table_await(struct key_table *t, uint32_t connection, bool permanent, const char *text,
		    const char *hint);
/* Loads, lints, and makes the signer. ret's blobs belong to the entry until key_table_settle(). */
int key_table_end(struct key_table *t, uint32_t connection, int64_t now, struct staged_key *ret);
/* The answer was sent: what was only needed for it is wiped and freed. */
void key_table_settle(struct key_table *t, uint32_t connection);
void key_table_seal(struct key_table *t);
const struct key_entry *key_table_find(const struct key_table *t, uint32_t connection);
struct key_entry *key_table_last(struct key_table *t, uint32_t connection);

#endif
