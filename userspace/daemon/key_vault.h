/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process `key` has from key vaults: for each URL that a configuration names the last good certificate with its key, or with the
 * name of the key that stays in its vault. Asks `vault` for it, looks for new versions, judges what comes before it takes the place of
 * what is there, and has digests signed.
 */
#ifndef CERTGATE_DAEMON_KEY_VAULT_H
#define CERTGATE_DAEMON_KEY_VAULT_H

#include <sys/queue.h>

#include "daemon/channel.h"
#include "daemon/proto_vault.h"
#include "pki/cert.h"

enum {
	VAULT_RETRY_SECONDS = 15, /* after a failure, then twice as long each time, */
	VAULT_RETRY_MAX_SECONDS =
		600, /* up to this, or to the refresh interval if that is shorter */
};

struct vault_item {
	TAILQ_ENTRY(vault_item) all;
	struct key_vault *kv;
	struct proto_vault_state state;
	uint32_t generation; /* the last one that wanted it */
	uint32_t refresh;    /* seconds */
	bool fixed;	     /* the URL names a version */
	bool permanent;	     /* the last failure */
	/* the good one; data NULL: none yet */
	uint8_t *data;
	size_t len;
	struct pki_cert *leaf;
	int64_t ends_at; /* when it or an intermediate of it does; seconds since the epoch */
	char key_name[CG_VAULT_NAME_MAX + 1]; /* empty: the key is in data */
	char key_version[CG_VAULT_VERSION_LEN + 1];
	unsigned int serial, used; /* counts what was taken; that of what was staged last */
	bool staged;		   /* somebody was told of it, or that there is none */
	/* under way */
	uint32_t request;		   /* 0: none */
	struct vault_candidate *candidate; /* came, and is being tried */
	uint64_t next;			   /* boot time, microseconds */
	uint64_t not_before;		   /* as next: the vault wants no question until then */
	unsigned int failures;		   /* in a row */
};

struct key_vault_ops {
	/* What was under way for it has ended, well or not. */
	void (*settled)(void *ctx, const struct vault_item *item);
	/* Something to tell main. */
	void (*state)(void *ctx, const struct proto_vault_state *s);
};

struct key_vault;

struct key_vault *key_vault_new(struct event_base *base, const struct key_vault_ops *ops,
				void *ctx);
/* Returns NULL. Signers must be gone; outstanding signatures end with -ECANCELED. */
struct key_vault *key_vault_free(struct key_vault *kv);

/* The socket to `vault`; NULL: there is none now. What was asked over the last one has failed. */
void key_vault_attach(struct key_vault *kv, struct channel *c);
/* VAULT_GOT, VAULT_SIGNED, VAULT_FAILED; as of struct channel_ops. */
int key_vault_on_message(struct key_vault *kv, enum msg_type type, struct msg_reader *r);

/* A configuration names it: asks for it, unless what is there is of this generation's beginning. -EINVAL, -ENOMEM. */
int key_vault_want(struct key_vault *kv, const struct proto_stage_vault *s);
/* NULL: nobody wanted it. */
struct vault_item *key_vault_find(struct key_vault *kv, const char *url);
/* Whether an answer is on its way. */
bool key_vault_busy(const struct vault_item *item);
/* A connection was staged with what is there, or with nothing: main hears if that changes. */
void key_vault_use(struct vault_item *item);
/* The generation is in force: what it does not name is forgotten. */
void key_vault_keep(struct key_vault *kv, uint32_t generation);

/* A signer by the item's key, which stays in its vault. -EINVAL: it does not stay. */
int key_vault_signer(struct vault_item *item, struct pki_signer **ret);

#endif
