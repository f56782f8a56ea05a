/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of the messages that bring a configuration's certificates to `key` and `verify`. All connections of a configuration
 * are staged under one generation, beside what is in force; STAGE_COMMIT replaces the whole, STAGE_ABORT forgets
 * what was staged: an error anywhere changes nothing.
 */
#ifndef CERTGATE_DAEMON_PROTO_STAGE_H
#define CERTGATE_DAEMON_PROTO_STAGE_H

#include "config/config.h"
#include "daemon/proto_auth.h"
#include "pki/cert.h"
#include "pki/revocation.h"

/* What a file is, and what an error is about. */
enum stage_part {
	STAGE_CERTIFICATE, /* ours; may hold everything */
	STAGE_PRIVATE_KEY,
	STAGE_PASSPHRASE,
	STAGE_CHAIN, /* key: what we send along; verify: the peer's chain */
	STAGE_ANCHOR,
	STAGE_CRL,
	STAGE_SUBJECT,
	STAGE_IDENTITY,
	_STAGE_PART_MAX,
};

enum {
	STAGE_NAME_MAX = CG_NAME_MAX + 1,
	STAGE_TEXT_MAX = 1024, /* of an identity or a subject */
	STAGE_PATH_MAX = 4096,
	STAGE_HINT_MAX = 320,
	STAGE_HASHES_MAX = 64, /* anchors' key hashes */
};

/*
 * STAGE_BEGIN, STAGE_END (connection), STAGE_COMMIT, STAGE_ABORT; STAGE_REFUSE (the connection that ended last): another worker could not take it, or took it
 * otherwise
 */
struct stage_ref {
	uint32_t generation, connection;
};
void proto_put_stage_ref(struct msg_writer *w, const struct stage_ref *s);
void proto_get_stage_ref(struct msg_reader *r, struct stage_ref *ret);

/* STAGE_KEY: a connection, its files follow. */
struct stage_key {
	struct stage_ref ref;
	char name[STAGE_NAME_MAX];
	char local_identity[STAGE_TEXT_MAX];
	bool rsa_sha1;		      /* method 1 towards a peer without RFC 7427 is with SHA-1 */
	char vault[CG_VAULT_URL_MAX]; /* where certificate and key come from; empty: from files */
	uint32_t hsm;		      /* 1 + the index of the process that has the key; 0: none */
};
void proto_put_stage_key(struct msg_writer *w, const struct stage_key *s);
void proto_get_stage_key(struct msg_reader *r, struct stage_key *ret);

/* STAGE_TRUST: likewise. */
struct stage_trust {
	struct stage_ref ref;
	char name[STAGE_NAME_MAX];
	char subject_name[STAGE_TEXT_MAX];
	char remote_identity[STAGE_TEXT_MAX];
	bool rsa_sha1; /* method 1 with SHA-1 is accepted from the peer */
	enum pki_revocation_mode revocation;
	uint32_t revocation_grace; /* seconds */
	bool fetch;		   /* news are got from where certificates say they are */
	struct ike_blob local_id;  /* body of our ID payload: an initiator may ask for it */
};
void proto_put_stage_trust(struct msg_writer *w, const struct stage_trust *s);
void proto_get_stage_trust(struct msg_reader *r, struct stage_trust *ret);

/* STAGE_FILE, with a descriptor open for reading. */
struct stage_file {
	struct stage_ref ref;
	enum stage_part part;
	char name[STAGE_PATH_MAX]; /* for messages */
};
void proto_put_stage_file(struct msg_writer *w, const struct stage_file *s);
void proto_get_stage_file(struct msg_reader *r, struct stage_file *ret);

/* STAGE_FINDING: comes before the answer of its connection. */
struct stage_finding {
	struct stage_ref ref;
	struct pki_finding finding;
};
void proto_put_stage_finding(struct msg_writer *w, const struct stage_finding *s);
void proto_get_stage_finding(struct msg_reader *r, struct stage_finding *ret);

/* STAGED_KEY: the answer to STAGE_END. On an error only text, hint and part are set. */
struct staged_key {
	struct stage_ref ref;
	int error;
	bool awaited; /* the error is that nothing has come from the vault, or that the key in hardware is not open: the connection can wait for it */
	bool permanent; /* and nothing will come, unless somebody does something */
	char hint[STAGE_HINT_MAX];
	enum stage_part part;
	char text[2 * PKI_TEXT_MAX];
	char subject[PKI_TEXT_MAX];
	int64_t not_after;
	char ends_first[PKI_TEXT_MAX]; /* of the certificate and its intermediates */
	int64_t ends_at;
	struct ike_blob id; /* body of our ID payload */
	struct ike_blob certs[IKE_MAX_CERTS];
	size_t n_certs;
};
void proto_put_staged_key(struct msg_writer *w, const struct staged_key *s);
void proto_get_staged_key(struct msg_reader *r, struct staged_key *ret);

/* STAGED_TRUST: likewise. */
struct staged_trust {
	struct stage_ref ref;
	int error;
	enum stage_part part;
	char text[2 * PKI_TEXT_MAX];
	struct ike_blob remote_id;  /* IDr to ask for as initiator; empty: none */
	struct ike_blob hashes;	    /* 20 bytes each; empty: none or more than are sent */
	uint8_t digest[32];	    /* of everything that was staged: whether it changed */
	char subject[PKI_TEXT_MAX]; /* of the anchors and intermediates, what ends first */
	int64_t not_after;
};
void proto_put_staged_trust(struct msg_writer *w, const struct staged_trust *s);
void proto_get_staged_trust(struct msg_reader *r, struct staged_trust *ret);

#endif
