/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Additional key exchanges (RFC 9370): in IKE_INTERMEDIATE before an IKE SA is authenticated (RFC 9242), in IKE_FOLLOWUP_KE after
 * CREATE_CHILD_SA. Private to the engine; included by state.h, whose types it adds to.
 */
#pragma once

#include "ike/crypto.h"
#include "ike/dh.h"
#include "ike/message.h"
#include "ike/timer.h"

struct ik_sa;
struct ik_child;
struct ik_exchange;
struct ik_serving;

/* What IKE_INTERMEDIATE leaves until the IKE SA is authenticated; part of struct ik_setup. */
struct ik_intermediate {
	bool agreed;  /* both sides said INTERMEDIATE_EXCHANGE_SUPPORTED */
	unsigned n;   /* exchanges so far */
	size_t addke; /* additional key exchanges of the suite that are done, by place */
	uint8_t i[IKE_PRF_LEN_MAX],
		r[IKE_PRF_LEN_MAX]; /* IntAuth_i, IntAuth_r (RFC 9242 section 3.3.2) */
	bool has_i, has_r;
	/* The peer's key before the last exchange, with which it repeats the request of that. */
	struct ike_cipher before;
	bool has_before;
};

/*
 * A CREATE_CHILD_SA exchange that IKE_FOLLOWUP_KE exchanges complete (RFC 9370 section 2.2.4). One of ours belongs to its struct
 * ik_exchange, the peer's to its IKE SA, for a limited time.
 */
struct ik_followup {
	struct ik_sa *sa;
	struct ik_timer timer; /* the peer's: how long we wait */
	ike_time since;	       /* the peer's: of the answer before */
	uint32_t id;	       /* the peer's: of the message that was answered */
	uint64_t heir;	     /* IKE SA that is being made, by its SPI here; 0: it is a Child SA: */
	uint64_t child, old; /* number, and of the one that it replaces; 0: none */
	uint64_t link;	     /* the peer's: what the next request has to say */
	uint8_t *theirs;     /* ours: what the next request has to say */
	size_t theirs_len;
	struct ike_suite suite;
	size_t next; /* place of the key exchange that is under way, or awaited */
	struct ike_dh *dh;
	uint8_t nonce_i[IKE_NONCE_MAX], nonce_r[IKE_NONCE_MAX];
	size_t nonce_i_len, nonce_r_len;
	uint8_t shared[IKE_DH_SHARED_MAX];		 /* SK(0) */
	uint8_t more[IKE_ADDKE_MAX * IKE_DH_SHARED_MAX]; /* SK(1) | … */
	size_t shared_len, more_len;
};

/* ------------------------------------------------------------------ intermediate.c */

/* The initiator's next step after IKE_SA_INIT: the next IKE_INTERMEDIATE, or AUTH. */
void ik_intermediate_next(struct ik_sa *sa);
void ik_intermediate_response(struct ik_sa *sa, const struct ike_content *content);
void ik_intermediate_request(struct ik_sa *sa, uint32_t id, const struct ike_content *content);
/* Are the key exchanges that were agreed on before IKE_AUTH done? */
bool ik_intermediate_done(const struct ik_sa *sa);
/* An authentic message of the peer's counts in IntAuth before it is looked into: 0, or it is not to be handled. */
int ik_intermediate_received(struct ik_sa *sa, const struct ike_message *msg, uint8_t first,
			     struct ike_view inner);
/* One of ours, before it is sealed. */
int ik_intermediate_sends(struct ik_sa *sa, const struct ike_header *header, uint8_t first,
			  struct ike_view inner);
/* The key to open a repetition of the request that was answered last. */
const struct ike_cipher *ik_intermediate_repeat_key(const struct ik_sa *sa);

/* ------------------------------------------------------------------ followup.c */

/* NULL: out of memory. shared: SK(0). */
struct ik_followup *ik_followup_new(struct ik_sa *sa, const struct ike_suite *suite,
				    struct ike_view nonce_i, struct ike_view nonce_r,
				    struct ike_view shared);
struct ik_followup *ik_followup_free(struct ik_followup *f);
static inline struct ike_view ik_followup_nonce_i(const struct ik_followup *f)
{
	return IKE_VIEW(f->nonce_i, f->nonce_i_len);
}
static inline struct ike_view ik_followup_nonce_r(const struct ik_followup *f)
{
	return IKE_VIEW(f->nonce_r, f->nonce_r_len);
}
static inline struct ike_view ik_followup_shared(const struct ik_followup *f)
{
	return IKE_VIEW(f->shared, f->shared_len);
}
static inline struct ike_view ik_followup_more(const struct ik_followup *f)
{
	return IKE_VIEW(f->more, f->more_len);
}

/*
 * Our CREATE_CHILD_SA was answered, or the IKE_FOLLOWUP_KE after it. 1: the next request is on its way, the exchange goes on;
 * 0: all keys are there; -ENOENT: the peer gave it up (STATE_NOT_FOUND, or another error); -EPROTO: an answer that cannot be. What
 * failed was reported.
 */
int ik_followup_begin(struct ik_exchange *x, const struct ike_suite *suite,
		      const struct ike_content *content, struct ike_view shared);
int ik_followup_answered(struct ik_exchange *x, const struct ike_content *content);

/* The peer's, after CREATE_CHILD_SA: is kept with the SA; the link goes into our answer. Consumes f. */
void ik_followup_await(struct ik_followup *f, struct ike_builder *b);
void ik_followup_asked(struct ik_sa *sa, uint32_t id, const struct ike_content *content);
/* The peer has asked for our last answer once more: it cannot have gone on without that. */
void ik_followup_repeated(struct ik_sa *sa);
/* Another CREATE_CHILD_SA of the peer while one waits: true if it has to wait. rekeys: NULL, or the Child SA. */
bool ik_followup_in_the_way(struct ik_sa *sa, bool ike, const struct ik_child *rekeys);
/* The peer does not go on, or we do not want it to. */
void ik_followup_drop(struct ik_sa *sa);

/* Nothing came of several in a row because the peer knew nothing of them (STATE_NOT_FOUND): a new IKE SA is to take the place of this one. In rekey.c. */
void ik_rekey_lost(struct ik_sa *sa);

/* The last key exchange of the peer's is done: what is made of it answers, with dh as our half. dh is theirs then. */
void ik_child_followed(struct ik_sa *sa, uint32_t id, const struct ik_followup *f,
		       struct ike_dh *dh);
void ik_rekey_followed(struct ik_sa *sa, uint32_t id, const struct ik_followup *f,
		       struct ike_dh *dh);
