/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verify worker knows of connections: whom each expects and what it trusts for that. A table is filled while a
 * configuration is staged, and then replaces the one in force as a whole.
 */
#ifndef CERTGATE_DAEMON_TRUST_TABLE_H
#define CERTGATE_DAEMON_TRUST_TABLE_H

#include "base/time.h"
#include "daemon/proto_stage.h"
#include "daemon/table.h"
#include "pki/auth.h"
#include "pki/name.h"
#include "pki/trust.h"

/* There is one for each connection, in each worker: what it takes is kept small. */
struct trust_entry {
	uint32_t connection;
	unsigned int refs;
	char name[STAGE_NAME_MAX];
	struct pki_subject_rule *subject;
	struct pki_identity_rule *identity;
	struct pki_trust *trust;
	struct pki_auth_options auth;
	bool fetch;
	enum pki_revocation_mode revocation;
	int64_t revocation_grace; /* seconds */
	struct pki_crls crls;	  /* from files */
	bool lists_left_out;	  /* there are more than there is room for */
	/* a bit for each of them */
	uint64_t outdated;  /* a newer one was in force once */
	uint64_t marked;    /* it is known whose it is, and its mark was made or compared */
	uint8_t digest[32]; /* of all that a peer is judged by */
	uint8_t *local_id;  /* body of our ID payload; shared_bytes.h */
	size_t local_id_len;
	usec_t told_gave_up; /* boot time: when it was told that not all lists were looked at; 0: never */
	/* It has an error: what was in force before it, for tunnels that run. Nobody is let in by that. A reference. */
	struct trust_entry *before;
};

/* What staging an entry takes, of the last one that was begun. */
struct trust_staging {
	struct pki_certs chain, anchors;
	struct pki_findings findings;
	int error; /* the first one */
	enum stage_part part;
	char *text; /* NULL: none, or no memory for it */
};

struct read_file;

struct trust_table {
	uint32_t generation;
	struct trust_entry **entries; /* by connection once sealed */
	size_t n, size;
	struct trust_staging staging;
	/* Files that were read already: many connections name the same, and share what is in it. Until the table is sealed. */
	struct table files;
	struct read_file *last_file;
};

struct trust_table *trust_table_new(uint32_t generation);
struct trust_table *trust_table_free(struct trust_table *t);

/* A connection begins. -ENOMEM, -EEXIST. What is wrong with its texts is kept as the entry's error. */
int trust_table_begin(struct trust_table *t, const struct stage_trust *s);
/* Bytes of one of its files. -ENOENT: no such connection. What is wrong with them is kept as the entry's error. */
int trust_table_file(struct trust_table *t, const struct stage_file *f, const uint8_t *data,
		     size_t len);
/* It is complete: ret says how it went; its blobs end with the next call, hashes is room for them. -ENOENT. */
int trust_table_end(struct trust_table *t, uint32_t connection, int64_t now,
		    struct staged_trust *ret, uint8_t hashes[STAGE_HASHES_MAX * PKI_SHA1_SIZE],
		    uint8_t remote_id[PROTO_ID_MAX]);
/* What was taken of it counts for nothing, as if it had an error: another worker has one, and all must do the same. -ENOENT. */
int trust_table_refuse(struct trust_table *t, uint32_t connection);
/* Sorts. From now on trust_table_find() works. */
void trust_table_seal(struct trust_table *t);
/* NULL: it is not there, or has an error. */
struct trust_entry *trust_table_find(const struct trust_table *t, uint32_t connection);
/* What tunnels of it that run are watched by: if it has an error, what was in force before. NULL: it is not there, or never was in force. */
struct trust_entry *trust_table_find_watched(const struct trust_table *t, uint32_t connection);
/* The entry itself, whether it has an error or not; and what it says that paths are watched by. */
struct trust_entry *trust_table_entry(const struct trust_table *t, uint32_t connection);
struct trust_entry *trust_entry_watched(struct trust_entry *e);
/* Something of the connection that is being staged is wrong; the first time counts. -ENOENT: it is not the one. */
int trust_table_fail(struct trust_table *t, uint32_t connection, int error, enum stage_part part,
		     const struct pki_error *text);
/* A digest of what of an entry is no matter of a peer's path: identity, kinds of AUTH. -ENOMEM. */
int trust_entry_beyond(const struct trust_entry *e, uint8_t ret[32]);

#endif
