/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine keeps: connections, IKE SAs, Child SAs, exchanges; and the functions with which
 * the files of the stateful half call each other. Private to them.
 *
 *   engine.c      inputs, time, answers
 *   shared.c      lookups, bindings, requests, nonces
 *   output.c      the queue of what the caller is to do
 *   report.c      sentences for the operator
 *   connection.c  when to connect, candidates by address; conn_config.c copies of configurations
 *   ike_sa.c      the life of an IKE SA; the one function that changes its state; ike_sa_timers.c its timers
 *   exchange.c    requests, responses, windows, retransmission, tasks in their order
 *   receive.c     from a datagram to an authentic message and to who handles it
 *   halfopen.c    what peers may cost before they are authenticated
 *   init_i.c and init_r.c (over init.c) IKE_SA_INIT, intermediate.c IKE_INTERMEDIATE, auth_i.c and auth_r.c IKE_AUTH
 *   child.c       the life of a Child SA, child_rekey.c its rekeying, child_i.c and child_r.c its negotiation, child_missing.c when there is to be one
 *   rekey.c       IKE SA rekeying, rekey_settle.c which one stays
 *   followup.c    IKE_FOLLOWUP_KE
 *   mobike.c      addresses that change; remapped.c a peer's that changes without MOBIKE
 *   info.c        INFORMATIONAL: liveness, DELETE, errors
 *   unique.c      one IKE SA a connection, replaced without a gap
 *   status.c      what `status` shows
 *   keylog.c      keys for an administrator's capture
 *   snapshot*.c   an engine that goes on in the next process: snapshot.h
 */
#pragma once

#include "ike/addke.h"
#include "ike/auth_octets.h"
#include "ike/cookie.h"
#include "ike/dh.h"
#include "ike/engine.h"
#include "ike/fragment.h"
#include "ike/list.h"
#include "ike/natd.h"
#include "ike/timer.h"

#define IK_SECOND ((ike_time)1000000)

enum {
	IK_NONCE_POOL = 256,	   /* nonces kept ready at most */
	IK_NONCE_LOW = 32,	   /* fewer: ask for more */
	IK_RETRANSMIT_TRIES = 8,   /* after the first transmission */
	IK_DPD_TRIES = 3,	   /* the same where dpd_timeout counts, at least */
	IK_MAX_KE_RETRIES = 4,	   /* INVALID_KE_PAYLOAD in one negotiation */
	IK_MAX_COOKIE_RETRIES = 8, /* COOKIE in one negotiation */
	IK_INIT_MAX = 8192,	/* bytes of an IKE_SA_INIT, either way: it cannot be fragmented */
	IK_MAX_LOST_STATES = 4, /* STATE_NOT_FOUND in a row */
	IK_MAX_PARTS = 2 * IKE_MAX_CHILDREN, /* lost ones that a connection asks for */
	IK_PART_REFUSALS = 10, /* one that is refused so often is not asked for any more */
};

#define IK_RETRANSMIT_FIRST (1 * IK_SECOND)
#define IK_RETRANSMIT_CAP   (10 * IK_SECOND) /* longest time between two transmissions */
#define IK_HALF_OPEN_TIME   (30 * IK_SECOND) /* for the initiator to authenticate itself */
#define IK_JUDGE_TIME	    (60 * IK_SECOND) /* for the caller to sign, or to judge */
#define IK_SIGN_AGAIN	    (1 * IK_SECOND)
#define IK_AWAIT_TIME	    (180 * IK_SECOND) /* for our certificate, while the peer repeats itself */
#define IK_FAILED_TIME	    (15 * IK_SECOND)  /* a refusal is repeated so long */
#define IK_UNAUTH_GRACE	    (15 * IK_SECOND)  /* an error in clear is told of after that */
#define IK_KEEPALIVE	    (20 * IK_SECOND)  /* RFC 3948 section 4 */
#define IK_LINGER	    (5 * IK_SECOND)   /* a replaced Child SA still receives so long */
#define IK_FOLLOWUP_TIME    (20 * IK_SECOND)  /* for the peer to go on (RFC 9370 section 2.2.4) */
#define IK_AGAIN	    (30 * IK_SECOND)  /* ike_again() has an attempt begin by then */
#define IK_WATCH	    (30 * IK_SECOND)  /* for the peer to delete what it has to delete */
#define IK_FORGET_TIME	    (240 * IK_SECOND) /* nobody repeats a request after that (2.1) */
#define IK_COOKIE_ROTATE    (60 * IK_SECOND)

/* ------------------------------------------------------------------ connections */

/* A policy or another byte string that many connections share. */
struct ik_shared {
	struct ik_node node; /* e->shared, by content */
	unsigned refs;
	uint64_t looked; /* the last search that has looked at it, see ik_look_at() */
	size_t size;
	uint8_t data[] __attribute__((aligned(16)));
};

/* An immutable copy of a configuration; negotiations hold on to the one they began with. */
struct ik_config {
	unsigned refs;
	struct ike_connection_config c;
};

/* The peer answers one CREATE_CHILD_SA of ours after the other with TEMPORARY_FAILURE; zeros: it does not. Not handed over: who goes on counts anew. */
struct ik_not_now {
	ike_time since, last;
};

/* What is known of one of a connection's configured children, whether it is up or not. */
struct ik_slot {
	ike_time retry_at;
	struct ik_not_now not_now; /* to make this child, or new keys for it */
	unsigned failures;
	bool wanted;	/* asked for by traffic or an operator */
	ike_time again; /* so long it is asked for as well, since it was up before this engine */
	bool in_way; /* what there is of it has selectors beside which the kernel took no others */
	bool one_pair; /* the peer answered SINGLE_PAIR_REQUIRED in this IKE SA: the first selector of each side */
};

/*
 * One of several Child SAs of a configured child that the peer has lost: asked for until it is there, the peer has asked for some of it, has refused it too often,
 * or it is not configured any more.
 */
struct ik_part {
	struct ik_link link; /* conn->parts */
	uint64_t number;     /* of the Child SA that it was */
	uint64_t since;	     /* number of the youngest Child SA that there was then */
	uint32_t index;
	struct ike_ts *ts; /* n_local, then n_remote of them */
	size_t n_local, n_remote;
	ike_time retry_at;
	unsigned failures, refusals; /* the latter: by which the peer does not mean "not now" */
};

/* Where a connection's peer may be. */
struct ik_place {
	struct ik_node node; /* e->remotes */
	struct ik_conn *conn;
	struct cg_addr addr;
};

struct ik_conn {
	struct ike_engine *e;
	struct ik_node by_id;
	struct ik_place first;	 /* unless the remote address is any */
	struct ik_place *others; /* from which its peer may come, too */
	size_t n_others;
	struct ik_link in_any; /* e->any_conns, if the remote address is any */
	struct ik_link in_all;
	struct ik_config *config;
	struct cg_endpoint remote; /* as configured or resolved */
	bool held;		   /* taken down by an operator */
	bool up;		   /* asked for by an operator */
	bool acquired;		   /* asked for by traffic; one attempt */
	ike_time again;		   /* asked for by ike_again(), until then; one attempt */
	bool told_waits;	   /* that a peer waits for its certificate */
	bool asks_old; /* its name leads elsewhere: does the peer still answer where it was? */
	bool emptied;  /* see ik_conn_emptied(): that was done */
	bool changing; /* its configuration: an attempt that is given up for that has not failed */
	bool restored; /* it goes on where a snapshot left it */
	struct ike_blob *ocsp; /* about our certificates, with what they hold; see ocsp.h */
	size_t n_ocsp;
	struct ik_link sas;
	unsigned failures;	 /* attempts in a row */
	ike_time told_half_open; /* that a peer at its address did not go on; 0: never */
	struct ik_timer retry;
	struct ik_slot *slots; /* one a configured child */
	struct ik_link parts;
	struct ik_timer children, unique;
	ike_time keys_until; /* its IKE SAs' keys are handed out; 0: they are not */
};

/* ------------------------------------------------------------------ Child SAs */

enum ik_child_state {
	IK_CHILD_OFFERED,    /* its inbound SPI is in a request of ours */
	IK_CHILD_INSTALLING, /* handed out with IKE_OUT_CHILD_ADD, not answered yet */
	IK_CHILD_UP,
	IK_CHILD_REKEYED,  /* another one took its place, one side will delete it */
	IK_CHILD_DELETING, /* DELETE is under way or queued */
	IK_CHILD_LINGER,   /* gone for the peer; packets on their way are still taken */
	IK_CHILD_DEAD,
};

#define IK_LOW_NONCE 64

/* What the kernel says of a Child SA that came from a snapshot; until ike_engine_start(). */
enum ik_restored {
	IK_RESTORED_NOTHING,
	IK_RESTORED_THERE,
	IK_RESTORED_GONE,
	IK_RESTORED_UNANSWERED, /* the peer's request for it was not answered: it comes again */
};

struct ik_child {
	struct ike_engine *e;
	struct ik_node by_number, by_spi;
	uint64_t number;
	struct ik_link in_sa; /* sa->children, or e->lingering; until buried */
	struct ik_link in_dead;
	struct ik_sa *sa;     /* NULL: lingering */
	struct ik_conn *conn; /* NULL: its connection was removed */
	uint32_t connection;
	enum ik_child_state state;
	enum ik_restored restored;
	bool expected;	/* IKE_OUT_CHILD_EXPECT went out */
	bool installed; /* IKE_OUT_CHILD_ADD went out */
	bool ours;	/* we began its exchange */
	bool busy;	/* a task to rekey or to delete it is queued or active */
	bool on_use;	/* it may be waiting for the peer to use it first */
	bool standby;	/* nor is it used then: it is to be deleted */
	bool overtaken; /* another one was told to send while the kernel was taking it up */
	bool unproven;	/* the peer asked for it, and has not shown yet that it has our answer */
	bool late; /* it lost, and the peer may have made it last; of use until it is installed, which a snapshot waits for */
	bool doomed;  /* to be deleted as soon as that can be said */
	bool initial; /* made in IKE_AUTH, and not used by the peer yet */
	bool surplus; /* the peer's rekeying won while the answer to ours was under way */
	uint32_t index;
	uint32_t spi_in, spi_out;
	struct ike_suite suite;
	struct ike_ts *ts; /* n_local, then n_remote of them */
	size_t n_local, n_remote;
	uint64_t binding;
	uint64_t add_request;
	uint64_t replaces;
	uint64_t part; /* number of the lost one that it is to be, see ik_part; 0: none */
	/* Digest of what a tunnel had no room for when the peer last asked: that was told. 0: nothing, as after a restart, when it is told once more. */
	uint64_t left_out;
	/* While it is being rekeyed, by either side (sections 2.8.1 and 2.25.1): numbers; 0: none. */
	uint64_t own_new, peer_new;
	uint8_t low_nonce[IK_LOW_NONCE]; /* the lower nonce of the exchange that made it */
	unsigned rekey_failures;
	ike_time established, rekey_at;
	struct ik_timer timer; /* rekey, watch or linger, by state */
};

/* ------------------------------------------------------------------ IKE SAs */

enum ik_sa_state {
	IK_SA_NONCE,		 /* initiator: waits for a nonce */
	IK_SA_INIT_SENT,	 /* initiator */
	IK_SA_INTERMEDIATE_SENT, /* initiator */
	IK_SA_AUTH_SIGN,	 /* initiator: our AUTH is being made */
	IK_SA_AUTH_SENT,	 /* initiator */
	IK_SA_AUTH_VERIFY,	 /* initiator: the peer's AUTH is being judged */
	IK_SA_HALF_OPEN,	 /* responder: IKE_SA_INIT was answered */
	IK_SA_PEER_VERIFY,	 /* responder: the peer's AUTH is being judged */
	IK_SA_PEER_FINISH,	 /* responder: our AUTH and the first Child SA are being made */
	IK_SA_REKEY_OFFER,	 /* its SPI is in a request of ours to rekey another one */
	IK_SA_UP,
	IK_SA_REKEYED, /* another one took its place; one side will delete it */
	IK_SA_CLOSING, /* our DELETE or refusal is under way */
	IK_SA_FAILED,  /* responder: refused; kept to repeat the refusal */
	IK_SA_DEAD,
};

enum ik_task_kind {
	IK_TASK_INIT, /* exchanges only, never queued */
	IK_TASK_INTERMEDIATE,
	IK_TASK_AUTH,
	IK_TASK_CHILD_CREATE,
	IK_TASK_CHILD_REKEY,
	IK_TASK_CHILD_DELETE,
	IK_TASK_IKE_REKEY,
	IK_TASK_IKE_DELETE,
	IK_TASK_REFUSE, /* AUTHENTICATION_FAILED after the response (section 2.21.2) */
	IK_TASK_LIVENESS,
	IK_TASK_MOBIKE_UPDATE,	 /* UPDATE_SA_ADDRESSES (RFC 4555) */
	IK_TASK_ROUTABILITY,	 /* can the peer be reached where it says that it is? */
	IK_TASK_MOBIKE_ANNOUNCE, /* our address is another one: to whoever decides */
	IK_TASK_LIFETIME, /* AUTH_LIFETIME: the peer is to authenticate itself anew (RFC 4478) */
};

struct ik_task {
	struct ik_link link;
	enum ik_task_kind kind;
	uint64_t child; /* REKEY, DELETE: number; CREATE: of a part that is asked for, or 0 */
	uint32_t index; /* CREATE: of the configured child */
	bool there;	/* LIVENESS: see ik_remapped_begin() */
	uint16_t
		tells; /* LIVENESS: with this notification about the number (INVALID_SPI, INVALID_MESSAGE_ID); 0: none */
	uint32_t about;
	uint16_t first_ke; /* after INVALID_KE_PAYLOAD */
	unsigned ke_retries;
};

/* The request of ours that waits for its response. We keep to a window of one. */
struct ik_exchange {
	struct ik_sa *sa;
	struct ik_task task;
	uint8_t type;
	uint32_t id;
	struct ike_packets packets;
	struct ik_timer timer;
	unsigned tries;
	bool spread; /* sent from several addresses, or from one that is not known */
	/* Where the peer's own request came from: it was sent there as well, or there alone; see remapped.c. */
	struct cg_endpoint there;
	bool at_there, only_there;
	ike_time began, interval;
	/* CREATE_CHILD_SA */
	struct ik_config *config;
	struct ike_dh *dh;
	struct ik_followup *followup;  /* while it goes on with IKE_FOLLOWUP_KE */
	uint8_t nonce[IKE_NONCE_SIZE]; /* ROUTABILITY: COOKIE2 */
	uint64_t new_child;
	uint64_t
		expects; /* request: it is not sent before whoever receives knows of the new child; 0: does */
	uint64_t new_sa; /* its SPI here */
	/* SPIs that the peer deleted meanwhile and we do not know: one may be in the answer on its way */
	uint32_t deleted[8];
	size_t n_deleted;
};

/* The peer's request that we have not answered yet. */
struct ik_serving {
	uint8_t exchange, first;
	uint32_t id;
	uint8_t *chain;
	size_t len;
	uint64_t child; /* being installed */
	uint16_t error; /* notification instead of a Child SA */
	uint8_t cp;	/* type of the configuration payload that came along; 0: none */
	struct ike_choice choice;
	bool narrowed;
	uint8_t nonce[IKE_NONCE_SIZE]; /* CREATE_CHILD_SA: ours */
	struct ike_dh *dh;
};

/* What is needed until the IKE SA is authenticated. */
struct ik_setup {
	struct ike_dh *dh;
	uint16_t ke;		/* of the next message; dh is of the one that was sent */
	struct ike_nonce nonce; /* ours */
	bool has_nonce;
	uint8_t peer_nonce[IKE_NONCE_MAX];
	size_t peer_nonce_len;
	uint8_t *ours, *peers; /* IKE_SA_INIT messages, complete */
	size_t ours_len, peers_len;
	struct ike_view peer_ke; /* in peers */
	uint8_t *cookie;
	size_t cookie_len;
	unsigned cookies, ke_retries;
	bool anew; /* initiator: what the peer asked for is to be sent, unless it answers before */
	uint16_t asked;	    /* with this notification; 0: it did not */
	uint8_t hashes[64]; /* SIGNATURE_HASH_ALGORITHMS of the peer */
	size_t n_hashes;
	bool hashes_seen;
	struct ik_intermediate intermediate;
	uint32_t auth_id; /* message ID of IKE_AUTH */
	uint8_t *methods; /* SUPPORTED_AUTH_METHODS of the peer (RFC 9593) */
	size_t n_methods;
	bool methods_later; /* they come, or are to come, in IKE_INTERMEDIATE */
	bool wants_ocsp;    /* the peer asked for our OCSP answers (RFC 4806) */
	uint64_t sign_request, verify_request, expect_request;
	bool sign_again; /* nobody was there who could: asked anew with the next e->sign_again */
	/* our AUTH */
	uint8_t auth_method;
	uint8_t *auth;
	size_t auth_len;
	uint64_t child; /* the first */
	bool natd;	/* the responder knows NAT traversal */
	bool childless; /* the responder does without a first one (RFC 6023) */
	/* initiator: IKE_AUTH response while it is being judged */
	uint8_t *chain;
	size_t chain_len;
	uint8_t first;
	/* first error in clear (section 2.21.1); the first answer that could not be used, in words, and how many there were */
	uint16_t clear_error;
	char *unusable;
	unsigned n_unusable;
	bool other_version; /* of IKE, is what they are of */
	/* responder: half-open accounting */
	struct ik_sa *sa;
	struct cg_addr from;
	struct ik_node by_init;
	bool in_init;
	struct ik_net *net;
	size_t held;		    /* bytes of its messages */
	struct ik_link in_net;	    /* net->members */
	struct ik_link in_unproven; /* e->unproven, until address or cookie was proven */
	bool proven, known;	    /* its address; see ik_conn_expected() */
};

struct ik_sa {
	struct ike_engine *e;
	struct ik_node by_spi;
	struct ik_node by_place; /* e->places, while it is up */
	bool in_places;
	/* The dead stay in in_all and in_conn until they are buried, so that lists can be walked. */
	struct ik_link in_all, in_conn, in_wait, in_dead, in_binding;
	struct ik_conn *conn; /* NULL: not known yet, or removed */
	struct ik_config *config;
	enum ik_sa_state state;
	bool initiator; /* original initiator of this IKE SA: header flag, keys */
	bool owner;	/* we made the connection: children that are missing are ours to create */
	bool reauth;	/* made beside an older one, to replace it */
	bool reported;	/* the failure of this negotiation was told */
	bool nat_local, nat_peer, encap, fragmentation, udp;
	bool mobike; /* RFC 4555 is in use */
	bool shutting;
	uint8_t seen_as[IKE_NATD_LEN]; /* how the peer sees our address (RFC 4555 section 3.8) */
	uint64_t spi_i, spi_r;
	struct cg_endpoint local, remote;
	struct cg_endpoint reply_local,
		reply_remote; /* where the request being served came from (2.11) */
	struct ike_suite suite;
	bool has_keys;
	struct ike_sa_keys keys;
	uint32_t next_id;     /* of our next request */
	uint32_t expected_id; /* of the peer's next one */
	struct ik_exchange *active;
	struct ik_link tasks;
	struct ike_packets response; /* to request expected_id - 1 */
	struct ike_reassembly requests, responses;
	struct ik_serving *serving;
	struct ik_followup *followup; /* a CREATE_CHILD_SA of the peer that it has to complete */
	unsigned lost_states;	      /* STATE_NOT_FOUND in a row */
	struct ik_setup *setup;
	struct ik_link children;
	uint64_t last_made; /* Child SA made at the peer's last request, while that is unproven */
	uint64_t binding;
	ike_time binding_ends;
	uint8_t trust[IKE_TRUST_SIZE]; /* what the peer was judged by */
	ike_time
		trust_ends; /* that is in force no more: closed then, if it is not replaced; 0: it is */
	ike_time auth_due; /* we authenticate anew, as the peer asked (RFC 4478); 0: it did not */
	ike_time
		ask_ends; /* the peer was asked for that, and it is closed if it does not; 0: it was not */
	char *peer_subject;
	uint8_t *peer_id;
	size_t peer_id_len;
	/* IKE SA rekeying (section 2.8.1 and 2.25.2): SPIs here; 0: none */
	uint64_t own_new, peer_new, successor, predecessor;
	uint64_t rival; /* ours that lost against it, see ik_rekey_rival() */
	uint8_t low_nonce[IK_LOW_NONCE];
	unsigned rekey_failures;
	struct ik_not_now not_now; /* to rekey it */
	/* uniqueness */
	bool stale;	  /* what we authenticated ourselves with has changed since */
	bool asked;	  /* the peer has confirmed that it knows of ask_ends */
	bool confirmed;	  /* the peer has shown that it is up there, too */
	bool carried;	  /* it has had a Child SA */
	bool malformed;	  /* it ends for what one side sent and the other one cannot read */
	bool peer_forgot; /* INITIAL_CONTACT on a newer one: the peer has lost this one */
	bool undecided;	  /* made by the peer to rekey another one, which we are rekeying, too */
	bool redundant;	  /* another one of its connection stays */
	ike_time redundant_since;
	uint8_t asked_missing; /* since then: how often for what it has and the one in its place has not; not handed over: who goes on asks once more */
	ike_time created, established, last_in, last_answer;
	ike_time last_repeat[2];  /* of that answer: to where the peer is, to elsewhere */
	ike_time asked_back;	  /* where it is, when it was heard from elsewhere; 0: never */
	ike_time told_invalid;	  /* what came from the peer and is of no use here; 0: never */
	ike_time told_invalid_id; /* that the peer says so of a message ID of ours; 0: never */
	ike_time seen_at;	  /* then the peer's messages found us behind NAT; see mobike.c */
	ike_time authenticated;	  /* of the first of a line of rekeyed ones */
	ike_time rekey_at, reauth_at;
	struct ik_timer life; /* setup, rekey and watch, by state */
	struct ik_timer reauth_timer, dpd, keepalive;
};

/* ------------------------------------------------------------------ the engine */

enum ik_request_kind { IK_REQUEST_SIGN, IK_REQUEST_VERIFY, IK_REQUEST_EXPECT, IK_REQUEST_CHILD };

struct ik_request {
	struct ik_node node;
	enum ik_request_kind kind;
	uint64_t owner; /* our SPI of the IKE SA, or number of the Child SA */
};

struct ik_binding {
	struct ik_node node;
	unsigned refs;
	struct ik_link sas; /* IKE SAs that it earned */
};

struct ik_bucket {
	ike_time last;
	uint64_t tokens; /* in microseconds of refill */
};

struct ike_engine {
	struct ike_engine_config config;
	ike_time now;
	struct ik_table sas, inits, conns, remotes, places, children, esp_spis, requests, bindings,
		nets, shared;
	struct ik_link all_sas, all_conns, any_conns, lingering, waiting, unproven, dead_sas,
		dead_children;
	struct ik_heap timers;
	size_t n_timers; /* reserved */
	struct ik_timer sign_again;
	uint64_t addr_key[3];
	uint64_t last_request, last_child;
	uint64_t looks; /* searches among policies */
	size_t half_open, held;
	struct ike_cookie_jar jar;
	ike_time jar_rotated;
	struct ike_nonce nonces[IK_NONCE_POOL];
	size_t n_nonces;
	bool nonces_wanted;
	struct ik_out *out_first, **out_last, *out_shown;
	struct ik_bucket clear_errors, clear_ke, clear_reports, sealed_reports, debug_reports,
		limit_reports, clear_hints, unknown_spis;
	struct {
		uint64_t key;
		ike_time at;
	} limits_told[16]; /* whom a limit kept out, by prefix */
	size_t n_limits_told;
	uint64_t told
		[64]; /* refused IKE_SA_INITs: each is told once, however often it is repeated */
	size_t n_told;
	struct ike_counters counters;
	bool shutdown;
	bool holding;  /* nothing is begun and nobody answered before ike_engine_start() */
	bool settling; /* no new negotiation: a snapshot is to be taken */
	bool saved;    /* the snapshot was: another engine goes on */
	struct ik_conn *candidates[IKE_MAX_CANDIDATES]; /* of the peer that is being looked at */
	uint8_t scratch[IKE_MESSAGE_MAX];
	uint8_t plain[IKE_MESSAGE_MAX];
};

/* What the caller says of the time, which does not go back. */
static inline void ik_enter(struct ike_engine *e, ike_time now)
{
	if (now > e->now)
		e->now = now;
}

/* shared.c */
/* Room for n more timers; to be given back with -n. 0 or -ENOMEM. */
int ik_timers_reserve(struct ike_engine *e, int n);
static inline void ik_timer_set(struct ike_engine *e, struct ik_timer *t, ike_time at)
{
	ik_heap_set(&e->timers, t, at);
}
static inline void ik_timer_stop(struct ike_engine *e, struct ik_timer *t)
{
	ik_heap_stop(&e->timers, t);
}
uint64_t ik_random_u64(struct ike_engine *e);
/* A time spread evenly over percent_low..percent_high of it. */
ike_time ik_jitter(struct ike_engine *e, ike_time t, unsigned percent_low, unsigned percent_high);
/* A new request for the caller; 0: out of memory. */
uint64_t ik_request_new(struct ike_engine *e, enum ik_request_kind kind, uint64_t owner);
void ik_request_drop(struct ike_engine *e, uint64_t *request);
/* Takes an answered one off: its owner; 0: there is no such request. */
uint64_t ik_request_answered(struct ike_engine *e, uint64_t request, enum ik_request_kind kind);
/* At most burst events at once, then one an interval. */
bool ik_bucket_pass(struct ike_engine *e, struct ik_bucket *b, unsigned burst, ike_time interval);
/* -EAGAIN when there is none; more are on their way then. */
int ik_nonce_take(struct ike_engine *e, struct ike_nonce *ret);
void ik_nonces_want(struct ike_engine *e);
void ik_binding_ref(struct ike_engine *e, uint64_t binding);
void ik_binding_unref(struct ike_engine *e, uint64_t binding);
void ik_sa_bind(struct ik_sa *sa, uint64_t binding);
void ik_sa_unbind(struct ik_sa *sa);
/* A key of an address for tables. */
uint64_t ik_addr_hash(const struct ike_engine *e, const struct cg_addr *a, uint64_t more);
struct ik_sa *ik_sa_find(const struct ike_engine *e, uint64_t spi_here);
struct ik_child *ik_child_find(const struct ike_engine *e, uint64_t number);
struct ik_conn *ik_conn_find(const struct ike_engine *e, uint32_t id);

static inline struct ike_view ik_view(struct ike_blob b)
{
	return IKE_VIEW(b.data, b.size);
}
static inline struct ike_blob ik_blob(const void *data, size_t size)
{
	return (struct ike_blob){.data = data, .size = size};
}
/* A copy of its own, never NULL for an empty one; NULL: out of memory. */
uint8_t *ik_memdup(const void *data, size_t len);
/* Wipes and frees. */
void ik_wipe_free(void *data, size_t len);

/* ike_sa.c */
struct ik_sa *ik_sa_new(struct ike_engine *e, struct ik_conn *conn, bool initiator);
/* The same with an SPI that no other one has. */
struct ik_sa *ik_sa_new_as(struct ike_engine *e, struct ik_conn *conn, bool initiator,
			   uint64_t spi);
void ik_sa_enter(struct ik_sa *sa, enum ik_sa_state state);
/* Its peer is there now. */
void ik_sa_at(struct ik_sa *sa, const struct cg_endpoint *remote);
/* What is found by where its peer is: after its state was set otherwise than by the two above. */
void ik_sa_index(struct ik_sa *sa);
const char *ik_sa_state_name(enum ik_sa_state state);
void ik_sa_attach(struct ik_sa *sa, struct ik_conn *conn);
void ik_sa_setup_done(struct ik_sa *sa);
/* Frees the dead. */
void ik_sa_bury(struct ike_engine *e);
void ik_sa_free(struct ik_sa *sa);
/* Of what is sent to its peer; a responder's that is not authenticated yet has the configuration that was answered with. */
static inline uint32_t ik_sa_mark(const struct ik_sa *sa)
{
	return sa->config ? sa->config->c.mark : 0;
}
static inline uint64_t ik_sa_spi(const struct ik_sa *sa)
{
	return sa->initiator ? sa->spi_i : sa->spi_r;
}
static inline bool ik_sa_alive(const struct ik_sa *sa)
{
	return sa->state != IK_SA_DEAD;
}
/* Authenticated, and not on its way out. */
static inline bool ik_sa_is_up(const struct ik_sa *sa)
{
	return sa->state == IK_SA_UP;
}
/* Ends without a word to the peer. A negotiation that is not up yet counts as failed. */
void ik_sa_kill(struct ik_sa *sa);
/* The same for an attempt of ours that is not needed any more: that nobody has refused. */
void ik_sa_give_up(struct ik_sa *sa);
/* A fatal error was answered (section 2.21): it ends, and is kept a while to repeat the answer. */
void ik_sa_fail(struct ik_sa *sa);
/* With DELETE to the peer if it is up. */
void ik_sa_close(struct ik_sa *sa);
/* It is authenticated: timers, report. */
void ik_sa_up(struct ik_sa *sa);
/* The peer is alive, seen in an authentic message from there that is no repetition. */
void ik_sa_heard(struct ik_sa *sa, const struct cg_endpoint *local,
		 const struct cg_endpoint *remote, bool response);
/* Where it is its peer may have Child SAs from now on, if its name leads there: there need not be one to tell of it. */
void ik_sa_placed(const struct ik_sa *sa);
/* The kernel is to have its Child SAs where it is. */
void ik_sa_children_move(struct ik_sa *sa);
void ik_sa_move(struct ik_sa *sa, const struct cg_endpoint *local,
		const struct cg_endpoint *remote);
/*
 * Section 2.23: where an authentic message comes from is where the peer is, if the peer is behind NAT and we are not; a
 * host behind NAT could be led astray with one copied packet: it asks, see remapped.c.
 */
static inline bool ik_sa_follows(const struct ik_sa *sa)
{
	return sa->nat_peer && !sa->nat_local;
}
/* The nonce that decides between two simultaneous rekeyings. */
void ik_low_nonce(struct ike_view a, struct ike_view b, uint8_t ret[IK_LOW_NONCE]);
/* Derives keys when the peer's half of the key exchange is there. */
int ik_sa_derive(struct ik_sa *sa);

/* ike_sa_timers.c */
void ik_sa_timers(struct ik_sa *sa);
/* When to authenticate anew for what ends then; 0: never, or there is no time left. */
ike_time ik_reauth_due(const struct ik_sa *sa, ike_time ends);
/* May this side begin, by its configuration of now? */
bool ik_sa_may_begin(const struct ik_sa *sa);
void ik_life_timer(struct ike_engine *e, struct ik_timer *t);
void ik_reauth_timer(struct ike_engine *e, struct ik_timer *t);
void ik_keepalive_timer(struct ike_engine *e, struct ik_timer *t);

/* receive.c */
void ik_receive(struct ike_engine *e, const struct cg_endpoint *local,
		const struct cg_endpoint *remote, const uint8_t *data, size_t size);

/* syntax.c */
/* The peer's request is badly formatted: it is answered so, and told of; the IKE SA has ended then, and repeats the answer for a while. */
void ik_syntax_refuse(struct ik_sa *sa, uint8_t exchange, uint32_t id, const char *event,
		      const char *asks, const char *why);
/* Does the peer's answer say so of ours? Then the IKE SA has ended, which is told. */
bool ik_syntax_refused(struct ik_sa *sa, const struct ik_exchange *x,
		       const struct ike_content *content);
/* The public value in the peer's answer is refused (RFC 6989 section 2.5): the IKE SA is deleted. */
void ik_syntax_bad_value(struct ik_sa *sa);

/* init.c: both roles. Errors leave what was kept before. */
void ik_init_build_extras(struct ike_builder *b, const struct ik_sa *sa,
			  const struct ike_connection_config *c);
void ik_init_read_extras(struct ik_sa *sa, const struct ike_content *content,
			 const struct ike_connection_config *c);
int ik_init_keep_nonce(struct ik_setup *s, struct ike_view nonce);
int ik_init_keep_message(uint8_t **to, size_t *to_len, struct ike_view message);

/* init_i.c, init_r.c */
/* Begins to connect: 0, -EAGAIN (waits for a nonce, counts as begun) or an error. */
int ik_init_start(struct ik_conn *conn, bool reauth);
void ik_init_resume(struct ik_sa *sa);
/* No answer came but a COOKIE: begins anew with it. false: there was none. */
bool ik_init_anew(struct ik_sa *sa);
/* Tells why the attempt fails, once; it goes on. */
void ik_init_tell(struct ik_sa *sa);
/* The operator asks anew: what an attempt was refused with, and told already, is told once more in a second. */
void ik_init_tell_again(struct ik_conn *conn);
void ik_init_timeout(struct ik_sa *sa);
/*
 * What is said before it is known which of the candidates the peer is has to do for all of them: fragments are taken if one
 * takes them, encapsulation is forced if one forces it, and anchors are listed for all, if they are not too many.
 */
void ik_init_speak_for_all(struct ike_engine *e, const struct cg_endpoint *local,
			   const struct cg_endpoint *remote, struct ike_connection_config *c,
			   uint8_t anchors[IKE_MAX_ANCHOR_HASHES][20]);
void ik_init_request(struct ike_engine *e, const struct cg_endpoint *local,
		     const struct cg_endpoint *remote, const struct ike_message *msg);
/* What is of another major version than 2: counted, and told to whom it may be of use. */
void ik_init_other_version(struct ike_engine *e, const struct cg_endpoint *local,
			   const struct cg_endpoint *remote, const struct ike_header *h);
void ik_init_answered_as(struct ik_sa *sa, const struct cg_endpoint *local,
			 const struct cg_endpoint *remote, const struct ike_header *h);
void ik_init_response(struct ike_engine *e, const struct cg_endpoint *local,
		      const struct cg_endpoint *remote, const struct ike_message *msg);

/* auth_i.c, auth_r.c */
int ik_auth_sign(struct ik_sa *sa);
/* -ENOENT: there is no certificate; -EMSGSIZE: something longer than whoever judges would read. */
int ik_auth_verify(struct ik_sa *sa, const struct ike_content *content, const uint32_t *candidates,
		   size_t n, bool ahead);
void ik_auth_unfit(struct ik_sa *sa, int r);
/* What a judgment that went well leaves with the SA. */
void ik_auth_take_verdict(struct ik_sa *sa, const struct ike_verify_answer *a);
void ik_auth_build_ours(struct ik_sa *sa, struct ike_builder *b);
void ik_auth_build_certreq(const struct ike_connection_config *c, struct ike_builder *b);
/* SUPPORTED_AUTH_METHODS (RFC 9593): ours, and the peer's. */
void ik_auth_build_methods(const struct ike_connection_config *c, struct ike_builder *b);
void ik_auth_take_methods(struct ik_sa *sa, const struct ike_content *content);
/* What older IKE SAs of its connection the peer has lost. */
void ik_auth_initial_contact(struct ik_sa *sa, const struct ike_content *content);
void ik_auth_signed(struct ik_sa *sa, const struct ike_sign_answer *a);
void ik_auth_send(struct ik_sa *sa);
void ik_auth_response(struct ik_sa *sa, struct ik_exchange *x, uint8_t first, struct ike_view chain,
		      const struct ike_content *content);
void ik_auth_judged(struct ik_sa *sa, const struct ike_verify_answer *a);
void ik_auth_timeout(struct ik_sa *sa);
void ik_auth_request(struct ik_sa *sa, uint32_t id, uint8_t first, struct ike_view chain,
		     const struct ike_content *content);
void ik_auth_peer_judged(struct ik_sa *sa, const struct ike_verify_answer *a);
/*
 * Is it an authenticated peer of a connection whose certificate is not there yet? It is neither answered nor refused, and repeats itself; its nonce
 * is used up, so that it cannot be judged again. One a connection, and not half-open any more.
 */
bool ik_auth_peer_waits(const struct ik_sa *sa);
/* The configuration is another one: one that waited goes on, if it may. */
void ik_auth_peer_ready(struct ik_sa *sa);
void ik_auth_peer_signed(struct ik_sa *sa, const struct ike_sign_answer *a);
/* e->sign_again: for those that could not be signed for. */
void ik_auth_sign_again(struct ike_engine *e, struct ik_timer *t);
/* Our signature or the Child SA is there: answers when both are. */
void ik_auth_peer_finish(struct ik_sa *sa);

/* child.c */
struct ik_child *ik_child_new(struct ik_sa *sa, uint32_t index);
/* The same with a number and an SPI that no other one has. sa NULL: it lingers. */
struct ik_child *ik_child_new_as(struct ike_engine *e, struct ik_sa *sa, struct ik_conn *conn,
				 uint32_t index, uint64_t number, uint32_t spi_in);
int ik_child_set_ts(struct ik_child *child, const struct ike_ts *local, size_t n_local,
		    const struct ike_ts *remote, size_t n_remote);
/* What comes for it is to be held until it is added; @request: 0, or of whoever waits for an answer. 0 or -ENOMEM */
int ik_child_expect(struct ik_child *child, uint64_t request);
/* Derives the keys and hands it to the caller to install. */
int ik_child_install(struct ik_child *child, struct ike_view nonce_i, struct ike_view nonce_r,
		     struct ike_view shared, struct ike_view more);
void ik_child_installed(struct ik_child *child, int error, const char *text);
/* Its outbound SA is to be used. */
void ik_child_activate(struct ik_child *child);
/* Ends here and now. A replaced one lingers. */
void ik_child_end(struct ik_child *child, bool linger);
/* With DELETE to the peer. */
void ik_child_close(struct ik_child *child);
/* An installed Child SA of the connection and index, other than not, that can carry traffic; NULL. */
struct ik_child *ik_child_of(const struct ik_conn *conn, uint32_t index,
			     const struct ik_child * not );
/* Of those the best whose selectors are all within these. */
struct ik_child *ik_child_within(const struct ik_conn *conn, uint32_t index,
				 const struct ike_ts_list *local, const struct ike_ts_list *remote);
/* The same, within one IKE SA and whatever its state, if it is there for traffic. */
struct ik_child *ik_child_in(const struct ik_sa *sa, uint32_t index);
/* One that carries traffic beside a Child SA of a connection, with its selectors: whoever installs them has both in one tunnel. */
struct ik_child *ik_child_twin(const struct ik_child *child);
/* Is there one, or is the kernel taking one up that sends at once? */
bool ik_child_has_sender(const struct ik_child *child);
bool ik_child_same_selectors(const struct ik_child *a, const struct ik_child *b);
bool ik_child_has_twin_up(const struct ik_child *child);
/* Has another one its place: with its selectors, made to replace it, or of its child in another IKE SA? */
bool ik_child_is_replaced(const struct ik_child *child);
struct ik_child *ik_child_by_out_spi(struct ik_sa *sa, uint32_t spi_out);
void ik_child_free(struct ik_child *child);
void ik_child_bury(struct ike_engine *e);
uint32_t ik_child_spi(struct ike_engine *e);

/* child_rekey.c */
/* Rekeying failed, or was put off: again after a while. */
void ik_child_rekey_again(struct ik_child *child, ike_time pause);
/* It is rekeyed in half of that time or all of it, unless it is before. */
void ik_child_rekey_within(struct ik_child *child, ike_time time);
/* Another one took its place; the peer is expected to delete it, or we will. */
void ik_child_watch(struct ik_child *child, ike_time time);
/* Both rekeyings have come to an end as far as we know: who goes? */
void ik_child_settle(struct ik_child *old);
void ik_child_rekey(struct ik_child *child);
void ik_child_timer(struct ike_engine *e, struct ik_timer *t);

/* child_missing.c */
/* What is known of a configured child; NULL: the configuration has it no more. */
struct ik_slot *ik_slot_of(const struct ik_conn *conn, uint32_t index);
/* Children that are missing on an IKE SA of ours. */
void ik_children_ensure(struct ik_conn *conn);
/* It could not be made: again after a while. part: number of the lost one that it was to be, or 0. */
void ik_child_failed(struct ik_conn *conn, uint32_t index, uint64_t part);
/* The same, and the peer does not mean "not now", or another one here has some of it. */
void ik_child_refused(struct ik_conn *conn, uint32_t index, uint64_t part);
/* It has come to its end on our side. One of several is asked for anew, by who asked for it before; else whoever made the IKE SA does. Before it is closed. */
void ik_child_ended(const struct ik_child *child);
/* The peer does not have it any more: it is asked for anew, with its own selectors if there are others of its child. Before it is closed, or left to linger. */
void ik_child_again(struct ik_child *lost);
struct ik_part *ik_part_find(const struct ik_conn *conn, uint64_t number);
/* Is it missing in that IKE SA, and still within what is configured? */
bool ik_part_wanted(const struct ik_part *part, const struct ik_sa *sa);
/* A Child SA that is lost, or is to be in another IKE SA, too: by its number, with its selectors. More than there can be Child SAs are not kept in mind. */
void ik_part_add(const struct ik_child *lost, ike_time retry_at);
/* One is up: the lost one that it was to be is there, and those that it decides on are not wanted any more. */
void ik_parts_came(const struct ik_child *child);
void ik_parts_clear(struct ik_conn *conn);
/* The peer has its time first. */
void ik_parts_wait(struct ik_conn *conn, ike_time until);
/* Is there in that IKE SA what a Child SA of another one has, or the part of it that the peer wants there, up or under way? */
bool ik_sa_has_some_of(const struct ik_sa *sa, const struct ik_child *goes);
/* Have Child SAs of this index, that are up in that IKE SA, every pair of these selectors? proven: and the peer has them for sure. */
bool ik_sa_carries(const struct ik_sa *sa, uint32_t index, const struct ike_ts *ts, size_t n_local,
		   size_t n_remote, bool proven);

/* child_i.c: we ask */
int ik_child_request(struct ik_sa *sa, const struct ik_task *task);
void ik_child_response(struct ik_sa *sa, struct ik_exchange *x, const struct ike_content *content);
/* The first one, in IKE_AUTH. */
void ik_child_offer(struct ik_child *child, struct ike_builder *b, enum ike_ke_use ke_use,
		    uint16_t first_ke, struct ike_view nonce, const struct ike_dh *dh);
/* What the peer chose: 0; -ENOENT after a report: no Child SA; -EPROTO: one that cannot be, to be deleted. */
int ik_child_answered(struct ik_child *child, const struct ik_config *config,
		      enum ike_ke_use ke_use, uint16_t first_ke, const struct ike_content *content,
		      struct ike_choice *ret);
/* Whether the peer did not choose as it wants one pair of networks in each: the next one has one (section 2.9). */
bool ik_child_single_pair(const struct ik_child *child, const struct ike_content *content);

/* child_r.c: we are asked */
void ik_child_asked(struct ik_sa *sa, uint32_t id, const struct ike_content *content);
/* Picks child, suite and selectors: 0 and a child, or a notification for the peer after a report. */
int ik_child_choose(struct ik_sa *sa, const struct ike_content *content, enum ike_ke_use ke_use,
		    uint16_t sent_ke, struct ik_child *old, struct ike_choice *ret_choice,
		    bool *ret_narrowed, struct ik_child **ret, struct ike_fault *fault);
/* Adds what answers: SA, TSi, TSr. */
void ik_child_build_chosen(struct ik_child *child, const struct ike_choice *choice, bool narrowed,
			   struct ike_builder *b, struct ike_view nonce, const struct ike_dh *dh);
void ik_child_asked_finish(struct ik_sa *sa);

/* keylog.c */
/* The SA has keys, or a connection, now: hands them out if they are wanted. */
void ik_keys_out(const struct ik_sa *sa);

/* info.c */
int ik_info_request(struct ik_sa *sa, const struct ik_task *task);
void ik_info_response(struct ik_sa *sa, struct ik_exchange *x, const struct ike_content *content);
void ik_info_asked(struct ik_sa *sa, uint32_t id, const struct ike_content *content);
/* A request with an ID that is none in the window (section 2.3), not seen to be authentic yet. */
void ik_info_other_id(struct ik_sa *sa, const struct ike_message *msg);
/* ESP that is nobody's came from there, through that VRF (section 1.5). */
void ik_info_unknown_spi(struct ike_engine *e, uint32_t vrf, const struct cg_endpoint *remote,
			 uint32_t spi);
/* No answer came: the peer is dead. */
void ik_info_timeout(struct ik_sa *sa);
void ik_dpd_timer(struct ike_engine *e, struct ik_timer *t);

#include "ike/connection.h"
#include "ike/exchange.h"
#include "ike/halfopen.h"
#include "ike/lifetime.h"
#include "ike/mobike.h"
#include "ike/output.h"
#include "ike/rekey.h"
#include "ike/remapped.h"
#include "ike/unique.h"
