/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IKEv2 engine's interface (RFC 7296). The engine is pure: it is handed
 * datagrams, the time, and the answers to what it asked for; it hands out
 * datagrams, requests and the time it next wants to be called. It opens no
 * socket and no file, reads no clock, parses no certificate and holds no
 * private key. The process `ike` wraps it in sockets and messages; the unit
 * tests and the simulation wrap it in a virtual network; fuzzers call it
 * directly.
 *
 * Order of calls: any input function, then drain ike_next_output() until it
 * returns false, then wait until ike_deadline() or the next input. Input
 * functions never call back into the caller (but for the random source).
 *
 * Time is a monotonic count of microseconds of the caller's choice; it must
 * not go backwards.
 *
 * Addresses and endpoints are base/addr.h's. Byte strings in inputs are copied
 * if kept; those in outputs belong to the engine and are valid until the next call of
 * an input function or of ike_next_output().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "ike/proposal.h"
#include "ike/random.h"
#include "ike/ts.h"

struct ike_engine;

typedef uint64_t ike_time; /* microseconds, monotonic */
#define IKE_TIME_NEVER UINT64_MAX

enum {
	IKE_MAX_AUTH_METHODS = 2048, /* bytes of SUPPORTED_AUTH_METHODS, ours or the peer's */
	IKE_MAX_CERTS = 8,	     /* certificates in a chain of ours */
	IKE_MAX_PEER_CERTS = 16,     /* certificates of a peer */
	IKE_MAX_CERT_SIZE = 16384,   /* bytes of one certificate we accept */
	IKE_MAX_OCSP = 8,	     /* OCSP answers of either side (RFC 4806) */
	IKE_MAX_OCSP_SIZE = 16384,   /* bytes of one of a peer's, and of all of ours together */
	IKE_MAX_ID_SIZE = 4096,	     /* bytes of an ID payload's body we accept */
	IKE_MAX_AUTH_SIZE = 4096,    /* bytes of an AUTH payload's data we accept */
	IKE_MAX_CHILDREN = 64,	     /* Child SAs of a connection */
	IKE_MAX_CHILD_TS = 32,	     /* selectors of a side that can be installed */
	IKE_MAX_CANDIDATES = 16384,  /* connections that a peer may be by its addresses */
	IKE_MAX_ANCHOR_HASHES = 10,  /* above: no CERTREQ is sent */
	IKE_NONCE_SIZE = 32,
	IKE_TRUST_SIZE = 32,
	IKE_NAME_SIZE = 32, /* of a connection or child, with its end: kept for each */
	IKE_TEXT_SIZE = 512,
	IKE_REPORT_SIZE = 3072, /* of a report: two lists with what is around them */
	IKE_MAX_IDENTITY_TEXT = 256,
};

struct ike_blob {
	const uint8_t *data;
	size_t size;
};

/* ------------------------------------------------------------------ configuration */

enum ike_mode { IKE_MODE_DEFAULT, IKE_MODE_INITIATOR_ONLY, IKE_MODE_RESPONDER_ONLY };
enum ike_start { IKE_START_ALWAYS, IKE_START_ON_TRAFFIC, IKE_START_MANUAL };
enum ike_encap { IKE_ENCAP_AUTO, IKE_ENCAP_UDP, IKE_ENCAP_RAW };

struct ike_child_config {
	char name[IKE_NAME_SIZE];
	const struct ike_ts *local_ts, *remote_ts; /* what we propose, and the most we accept */
	size_t n_local_ts, n_remote_ts;
};

/* What the engine knows of a connection. Copied by ike_connection_set(). */
struct ike_connection_config {
	uint32_t id; /* the caller's, unique, stable over reloads */
	char name[IKE_NAME_SIZE];
	enum ike_mode mode;
	enum ike_start start;
	struct cg_endpoint
		local; /* family AF_UNSPEC: any; port 0: 500; only from and through this VRF */
	/* Where a system that may send from any address sends from now: for NAT detection. Family AF_UNSPEC: not known. */
	struct cg_addr source;
	struct cg_endpoint remote; /* family AF_UNSPEC: any (responder only, or not resolved yet) */
	bool remote_named; /* remote is what a name leads to now: what is up stays where it is until it is up there, too */
	uint32_t mark; /* of what is sent; what comes has none that we see */
	enum ike_encap encap;

	struct ike_blob local_id; /* body of our ID payload: type, 3 reserved bytes, data */
	/* The same for people, of at most IKE_MAX_IDENTITY_TEXT bytes; empty: what can be told without reading names. */
	struct ike_blob local_identity;
	struct ike_blob remote_id; /* body of IDr to ask for as initiator; empty: none */
	struct ike_blob
		auth_methods; /* SUPPORTED_AUTH_METHODS to announce (RFC 9593); empty: none */
	/* Ours, DER, leaf first. None: it is not there yet. Nothing is begun then, and nobody answered, who tries again. */
	const struct ike_blob *certs;
	size_t n_certs;			    /* at most IKE_MAX_CERTS */
	const uint8_t (*anchor_hashes)[20]; /* SHA-1 of the anchors' SPKI, for CERTREQ */
	size_t n_anchor_hashes;
	/* Of everything that the peer is judged by. When it changes, who was admitted before is judged anew, or goes. */
	uint8_t trust[IKE_TRUST_SIZE];

	const struct ike_policy *ike_policy; /* allowed transforms, in order of preference */
	const struct ike_policy *esp_policy;
	uint64_t ike_lifetime;	 /* seconds to rekeying the IKE SA; 0: never */
	uint64_t child_lifetime; /* seconds, hard limit; rekeyed at some 80-90 % */
	uint64_t child_bytes;	 /* 0: none */
	uint64_t child_packets;	 /* 0: none */
	uint32_t dpd_delay;	 /* seconds of silence before a liveness check; 0: none */
	uint32_t dpd_timeout;	 /* seconds without an answer before the peer is dead */
	uint32_t nat_keepalive;	 /* seconds, behind NAT; 0: default 20; UINT32_MAX: none */
	uint32_t reauth_margin;	 /* at most so many seconds ahead of the binding's end; 0: 3600 */
	uint16_t fragment_size;	 /* largest IKE datagram incl. IP header; 0: default 1280 */
	bool fragmentation;	 /* offer RFC 7383 */
	bool ask_ocsp;		 /* for the peer's OCSP answers (RFC 4806) */
	bool allow_sha1_signatures;
	bool no_initial_contact; /* never say INITIAL_CONTACT (RFC 7296 section 2.4) */
	bool mobike; /* RFC 4555: as initiator if the local address is not fixed, as responder if asked */
	bool childless; /* the first Child SA is made after the IKE SA, with PFS (RFC 6023), if the peer can */
	/* false: it is refused, as its certificates cannot be used. Nothing is begun and nobody let in; its peers are not answered, and told of. */
	bool enabled;

	struct ike_child_config *children;
	size_t n_children;
};

struct ike_engine_config {
	struct ike_random random;
	uint32_t half_open_cookie;  /* half-open IKE SAs from which COOKIE is demanded; 0: always */
	uint32_t half_open_limit;   /* in all; 0: default */
	uint32_t half_open_per_net; /* by /24 or /56 source; 0: default */
	uint8_t retransmit_tries;   /* 0: default */
	ike_time retransmit_first;  /* 0: default; then doubled, with jitter */
	bool hold; /* begins nothing and answers nobody before ike_engine_start(), see ike/snapshot.h */
};

/* ------------------------------------------------------------------ outputs */

enum ike_output_kind {
	IKE_OUT_DATAGRAM,
	IKE_OUT_NONCES,		/* more nonces are wanted; answer: ike_answer_nonces() */
	IKE_OUT_SIGN,		/* answer: ike_answer_sign() */
	IKE_OUT_VERIFY,		/* answer: ike_answer_verify() */
	IKE_OUT_CHILD_EXPECT,	/* answer, if one is wanted: ike_answer_child_expect() */
	IKE_OUT_CHILD_ADD,	/* answer: ike_answer_child_add() */
	IKE_OUT_CHILD_DEL,	/* no answer */
	IKE_OUT_CHILD_ACTIVATE, /* use the outbound SA now; no answer */
	IKE_OUT_CHILD_MOVE,	/* new endpoints; no answer */
	IKE_OUT_PLACE,		/* where a peer behind a name is; no answer */
	IKE_OUT_RELEASE,	/* a verdict's binding is not used any more; no answer */
	IKE_OUT_REPORT,		/* for the log, `status` and `monitor` */
	IKE_OUT_KEYS,		/* of an IKE SA, while ike_key_log() wants them */
};

struct ike_out_datagram {
	struct cg_endpoint local, remote;
	uint32_t mark; /* 0: none */
	/* On port 4500 the four zero bytes of RFC 3948 are in @data already. */
	struct ike_blob data;
};

struct ike_out_nonces {
	uint32_t count;
};

/*
 * Sign our AUTH. The key process assembles the octets of RFC 7296 section 2.15
 * itself from these and checks @init_message.
 */
struct ike_out_sign {
	uint64_t request;
	uint32_t connection;
	bool initiator;		      /* we are */
	struct ike_blob init_message; /* our IKE_SA_INIT as sent, without a non-ESP marker */
	struct ike_blob peer_nonce;
	uint16_t prf;	      /* IANA transform ID */
	struct ike_blob sk_p; /* SK_pi or SK_pr, ours */
	struct ike_blob int_auth_i,
		int_auth_r;	 /* IntAuth_iN, IntAuth_rN (RFC 9242); empty: no IKE_INTERMEDIATE */
	uint32_t auth_id;	 /* message ID of the first IKE_AUTH request */
	struct ike_blob id_body; /* of our ID payload */
	struct ike_blob peer_hashes; /* SIGNATURE_HASH_ALGORITHMS, be16 each; empty: not sent */
	struct ike_blob
		peer_methods; /* SUPPORTED_AUTH_METHODS as the peer sent it; empty: not sent */
};

/*
 * Judge the peer: choose among @candidates by identity, validate the chain
 * against that connection's anchors alone, and check AUTH over our nonce.
 */
struct ike_out_verify {
	uint64_t request;
	const uint32_t *candidates; /* connections, by addresses; one when we initiate */
	size_t n_candidates;
	bool peer_initiator;
	struct ike_blob init_message; /* the peer's IKE_SA_INIT as received */
	uint64_t nonce_token;	      /* of the nonce we sent; good once */
	struct ike_blob nonce;	      /* that nonce, must be the token's */
	uint16_t prf;
	struct ike_blob sk_p;			/* the peer's */
	struct ike_blob int_auth_i, int_auth_r; /* as in struct ike_out_sign */
	uint32_t auth_id;
	struct ike_blob id_body;   /* of the peer's ID payload */
	struct ike_blob wanted_id; /* IDr the initiator asked us for; empty: none */
	uint8_t auth_method;
	struct ike_blob auth_data;
	struct ike_blob certs[IKE_MAX_PEER_CERTS]; /* DER, leaf first, as the peer sent them */
	size_t n_certs;
	struct ike_blob ocsp[IKE_MAX_OCSP]; /* the OCSP answers that it sent along, asked or not */
	size_t n_ocsp;
	/*
	 * Who is judged first, if there are more than there is time for: those that we called, and those at an address where a candidate is configured to be or is up, before
	 * strangers; of equals those of each prefix (a number of ours) in turn.
	 */
	bool ahead;
	uint64_t lane;
};

/*
 * A Child SA that takes the place of another one was asked for: the peer gets our inbound SPI, and may send on it before the
 * SA can be added here (it has to be judged first). What comes is worth holding, for a while.
 */
struct ike_out_expect {
	uint64_t request; /* 0: no answer is wanted */
	uint32_t connection;
	uint32_t child_index; /* in the connection's configuration */
	uint32_t spi_in;      /* host order */
	bool gone;	      /* it will not be added */
};

struct ike_child_keys {
	struct ike_blob encr_in, encr_out;   /* key and salt as in KEYMAT */
	struct ike_blob integ_in, integ_out; /* empty with AEAD */
};

struct ike_out_child_add {
	uint64_t request;
	uint64_t child;	   /* the engine's number of this Child SA, unique */
	uint64_t replaces; /* Child SA being rekeyed or re-authenticated; 0: none */
	uint32_t connection;
	uint32_t child_index;	  /* in the connection's configuration */
	uint64_t binding;	  /* handle from ike_answer_verify() */
	uint32_t spi_in, spi_out; /* host order */
	struct ike_suite suite;	  /* ESP: encr, key bits, integ, ESN */
	struct ike_child_keys keys;
	const struct ike_ts *local_ts, *remote_ts;
	size_t n_local_ts, n_remote_ts;
	struct cg_endpoint local, remote; /* ports: UDP encapsulation only */
	bool udp;
	bool follow; /* the peer is behind NAT: its authentic ESP may come from elsewhere (RFC 7296 section 2.23) */
	bool activate_on_use; /* responder of a rekey: see enum certgate_activate */
	bool standby;	      /* not even then: IKE_OUT_CHILD_ACTIVATE alone */
	uint64_t lifetime;    /* seconds, hard */
	uint64_t soft_lifetime;
	uint64_t bytes, soft_bytes, packets, soft_packets; /* 0: none */
};

struct ike_out_child {
	uint64_t child;
	uint32_t connection;
	struct cg_endpoint local, remote; /* IKE_OUT_CHILD_MOVE */
	bool udp, follow;
	/*
	 * IKE_OUT_CHILD_DEL: another Child SA sends from now on. Only the outbound SA is deleted (with
	 * what it waits for: activation on use); the inbound one takes what is on its way, until a second
	 * IKE_OUT_CHILD_DEL without this flag.
	 */
	bool outbound_only;
};

/* A peer that is known by a name was let in there, or has moved there: Child SAs may be made there, wherever the name leads by then. */
struct ike_out_place {
	uint64_t binding;
	struct cg_addr remote;
};

struct ike_out_release {
	uint64_t binding;
};

enum ike_severity { IKE_DEBUG, IKE_INFO, IKE_NOTICE, IKE_WARNING, IKE_ERROR };

/*
 * Something happened to a connection. @event is a stable name such as
 * "ike-established", "child-rekeyed", "no-proposal-chosen", "peer-refused",
 * "auth-failed", "retransmit-timeout", "peer-dead", "deleted-by-peer".
 */
struct ike_out_report {
	uint32_t connection; /* 0: none could be told */
	bool claimed; /* it is the one of that address, which anybody can write on a datagram: nobody has authenticated */
	enum ike_severity severity;
	const char *event;
	struct cg_endpoint remote;
	const char *
		text; /* what the peer sent, what was configured; less than IKE_REPORT_SIZE bytes */
	const char *hint; /* what to change; less than IKE_TEXT_SIZE bytes, may be empty */
};

/* Keys of the original initiator and of the responder: SK_ei, SK_er with their salts, SK_ai, SK_ar (empty with an AEAD). */
struct ike_out_keys {
	uint32_t connection;
	uint64_t spi_i, spi_r;
	struct ike_suite suite;
	struct ike_blob encr_i, encr_r, integ_i, integ_r;
};

struct ike_output {
	enum ike_output_kind kind;
	union {
		struct ike_out_datagram datagram;
		struct ike_out_nonces nonces;
		struct ike_out_sign sign;
		struct ike_out_verify verify;
		struct ike_out_expect expect;
		struct ike_out_child_add child_add;
		struct ike_out_child child; /* DEL, ACTIVATE, MOVE */
		struct ike_out_place place;
		struct ike_out_release release;
		struct ike_out_report report;
		struct ike_out_keys keys;
	};
};

/* ------------------------------------------------------------------ the engine */

/* 0, -ENOMEM or -EINVAL. */
int ike_engine_new(const struct ike_engine_config *config, ike_time now, struct ike_engine **ret);
/* Wipes and frees; sends nothing. */
struct ike_engine *ike_engine_free(struct ike_engine *e);

/* Add a connection or replace its configuration; what is up goes on unless it no longer
 * fits. 0, -EINVAL, -ENOMEM. */
int ike_connection_set(struct ike_engine *e, ike_time now, const struct ike_connection_config *c);
/* DELETE to the peer, SAs removed, connection forgotten. -ENOENT. */
int ike_connection_remove(struct ike_engine *e, ike_time now, uint32_t id);
/* The name behind the remote address was resolved (anew). -ENOENT. */
int ike_connection_resolved(struct ike_engine *e, ike_time now, uint32_t id,
			    const struct cg_endpoint *remote);
/*
 * All addresses of that name: ours goes to the one above alone, the peer may begin from each of them. They take the place of those before, and change
 * nothing of what is up. -ENOENT, -ENOMEM.
 */
int ike_connection_places(struct ike_engine *e, uint32_t id, const struct cg_addr *addresses,
			  size_t n);

/*
 * The OCSP answers about our own certificates, for a peer that asks for them; n is 0 for none. They take the place of those before, and change nothing of
 * what is up. -ENOENT, -E2BIG, -EMSGSIZE, -ENOMEM.
 */
int ike_connection_ocsp(struct ike_engine *e, uint32_t id, const struct ike_blob *answers,
			size_t n);

/*
 * Operator's commands. -ENOENT; -EALREADY: nothing to do. A connection that was taken down stays so, whoever
 * wants it, until ike_up(). With one that only the peer may begin, ike_up() lets the peer in again.
 */
int ike_up(struct ike_engine *e, ike_time now, uint32_t id);
int ike_down(struct ike_engine *e, ike_time now, uint32_t id);
/*
 * The child was up before this engine, is still in the kernel, and is to be replaced: one attempt, of a connection that an operator begins, too, if it can begin
 * within 30 s. Where the peer was first to make an IKE SA the child is asked for in that. -ENOENT; -EALREADY: it is there, or under way; -EOPNOTSUPP: it is taken down, or only the peer may begin.
 */
int ike_again(struct ike_engine *e, ike_time now, uint32_t id, uint32_t index);
/*
 * New IKE SA and Child SAs beside the old ones, which go when the new ones are up. -EALREADY also while one is being
 * made, or was just made by the peer; -EOPNOTSUPP: only the peer may begin; -EADDRNOTAVAIL: the peer's address is not known.
 */
int ike_reauthenticate(struct ike_engine *e, ike_time now, uint32_t id);
int ike_rekey(struct ike_engine *e, ike_time now, uint32_t id, bool ike_sa, bool children);
/*
 * Until then the keys of the connection's IKE SAs are handed out as IKE_OUT_KEYS, those that are there now and those that come, as soon as it
 * is known that they are the connection's. 0: not any more. -ENOENT.
 */
int ike_key_log(struct ike_engine *e, ike_time now, uint32_t id, ike_time until);
/* DELETE for everything; ike_idle() tells when the answers came or time ran out. */
void ike_shutdown(struct ike_engine *e, ike_time now);
bool ike_idle(const struct ike_engine *e);

/* A datagram. On port 4500 it begins with the non-ESP marker. Hostile, but for the VRF that it came through. */
void ike_input(struct ike_engine *e, ike_time now, const struct cg_endpoint *local,
	       const struct cg_endpoint *remote, const uint8_t *data, size_t size);
/* Time has come. */
void ike_tick(struct ike_engine *e, ike_time now);
/* When ike_tick() is wanted, at the latest; IKE_TIME_NEVER. */
ike_time ike_deadline(const struct ike_engine *e);

/* From the kernel, by the engine's child number. */
void ike_child_soft_expired(struct ike_engine *e, ike_time now, uint64_t child);
void ike_child_dead(struct ike_engine *e, ike_time now, uint64_t child, const char *why);
/* The last packet came in at @seen, which may be told late: liveness. */
void ike_child_traffic(struct ike_engine *e, ike_time now, uint64_t child, ike_time seen);
void ike_child_moved(struct ike_engine *e, ike_time now, uint64_t child,
		     const struct cg_endpoint *remote);
/* ESP with an SPI that is nobody's came from there, or says so, through that VRF (RFC 7296 section 1.5); port 0: not in UDP. */
void ike_unknown_spi(struct ike_engine *e, ike_time now, uint32_t vrf,
		     const struct cg_endpoint *remote, uint32_t spi);
/* Nothing can be sent from this address of ours any more: what can move, looks for another one (RFC 4555). */
void ike_local_lost(struct ike_engine *e, ike_time now, const struct cg_addr *addr);
/* Traffic wants child @index of a connection (start: on-traffic). */
void ike_acquire(struct ike_engine *e, ike_time now, uint32_t connection, uint32_t index);
/* The binding ended (expired, revoked): its IKE SA and all of its Child SAs are closed. */
void ike_binding_dead(struct ike_engine *e, ike_time now, uint64_t binding, const char *why);

struct ike_nonce {
	uint8_t data[IKE_NONCE_SIZE];
	uint64_t token;
};
void ike_answer_nonces(struct ike_engine *e, ike_time now, const struct ike_nonce *nonces,
		       size_t n);

/*
 * @error: 0 or negative errno; @text says why in words. -ENOTCONN: nobody is there who could sign, for now; -EAGAIN: the key is not. An attempt of ours
 * has failed then, as with any error, and is made again after a pause; for a peer that waits for our AUTH the signature is asked for again, every second, as long as it may wait.
 */
struct ike_sign_answer {
	int error;
	char text[IKE_TEXT_SIZE];
	uint8_t auth_method;
	struct ike_blob auth_data; /* AUTH payload without its method and reserved bytes */
};
void ike_answer_sign(struct ike_engine *e, ike_time now, uint64_t request,
		     const struct ike_sign_answer *a);
/* Who signs has ended, with all that was asked: each request is answered with -ENOTCONN. */
void ike_signer_lost(struct ike_engine *e, ike_time now);

struct ike_verify_answer {
	int error; /* 0: the peer is who the connection wants */
	char code[32];
	char text
		[IKE_TEXT_SIZE]; /* of a refusal: what, expected, way out; for us, never for the peer */
	char hint[IKE_TEXT_SIZE];
	uint32_t connection;	       /* which of the candidates */
	uint8_t trust[IKE_TRUST_SIZE]; /* that connection's, as it was judged by */
	uint64_t binding;
	int64_t not_after;   /* seconds since the epoch, end of the binding's window */
	uint64_t expires_in; /* seconds from now to that */
	char subject[IKE_TEXT_SIZE];
};
void ike_answer_verify(struct ike_engine *e, ike_time now, uint64_t request,
		       const struct ike_verify_answer *a);
/* Whether it is held or not. Until then the peer is not asked for that Child SA. */
void ike_answer_child_expect(struct ike_engine *e, ike_time now, uint64_t request);
void ike_answer_child_add(struct ike_engine *e, ike_time now, uint64_t request, int error,
			  const char *text);

/* Next thing to do; false: none. */
bool ike_next_output(struct ike_engine *e, struct ike_output *ret);

/* ------------------------------------------------------------------ status */

enum ike_state {
	IKE_STATE_DOWN,
	IKE_STATE_CONNECTING,
	IKE_STATE_AUTHENTICATING,
	IKE_STATE_UP,
	IKE_STATE_CLOSING
};

struct ike_child_status {
	uint64_t child;
	uint32_t index;
	const char *name;
	bool up, rekeying;
	struct ike_suite suite;
	uint32_t spi_in, spi_out;
	const struct ike_ts *local_ts, *remote_ts;
	size_t n_local_ts, n_remote_ts;
	ike_time established, rekey_at;
};

struct ike_sa_status {
	uint32_t connection; /* 0: a responder's, not authenticated yet */
	enum ike_state state;
	bool initiator;
	uint64_t spi_i, spi_r;
	struct cg_endpoint local, remote;
	bool nat_local, nat_remote, fragmentation, udp;
	struct ike_suite suite;
	uint64_t binding;
	const char *peer_subject;
	struct ike_blob peer_id;
	ike_time established, rekey_at, reauth_at;
	const struct ike_child_status *children;
	size_t n_children;
};

/* Calls @fn for each IKE SA. Pointers are valid during the call. */
void ike_status(const struct ike_engine *e, void (*fn)(void *ctx, const struct ike_sa_status *sa),
		void *ctx);

/* Calls @fn for each connection that waits for its next attempt, with the time of that. */
void ike_status_waiting(const struct ike_engine *e,
			void (*fn)(void *ctx, uint32_t connection, ike_time at), void *ctx);

/* What came and went, and what was dropped for which reason, since the start: X(name). */
/* clang-format off */
#define IKE_COUNTERS(X) \
	X(datagrams_in) X(datagrams_out) X(exchanges) X(retransmits) X(cookies_sent) \
	X(malformed) X(unknown_spi) X(bad_version) X(integrity_failed) X(replayed) \
	X(half_open_refused) X(fragments_dropped) X(overloaded)
/* clang-format on */
struct ike_counters {
#define IKE_COUNTER(name) uint64_t name;
	IKE_COUNTERS(IKE_COUNTER)
#undef IKE_COUNTER
};
void ike_counters(const struct ike_engine *e, struct ike_counters *ret);

/*
 * Whose a datagram is, as its header has it, which is not authentic but was not guessed either: of an IKE SA that is up, or of an attempt of ours, from where the peer is; of a
 * negotiation that a peer has begun, or begins at an address that is configured, or where it is up, or of the IKE SA of one who may have moved; of one who returned a cookie; or of a stranger. What is none, or longer than a stranger's may be, is
 * refused: the engine counts it, which costs nothing. For whoever has more of them than there is time for: the first come first.
 * *ret_lane: the IKE SA, address or prefix that it is of, as a number that only we know; of equals of a rank each has its turn.
 */
enum ike_rank {
	IKE_RANK_KNOWN,
	IKE_RANK_BEGUN,
	IKE_RANK_RETURNED,
	IKE_RANK_STRANGER,
	IKE_RANK_REFUSED,
};
enum ike_rank ike_rank(const struct ike_engine *e, const struct cg_endpoint *local,
		       const struct cg_endpoint *remote, const uint8_t *data, size_t size,
		       uint64_t *ret_lane);
/* One was dropped for want of time: it is counted. */
void ike_overloaded(struct ike_engine *e);
