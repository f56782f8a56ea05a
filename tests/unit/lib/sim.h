/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated network of IKEv2 engines: virtual clock, packets that are lost, doubled, delayed and
 * reordered, NAT, an MTU; toy certificates with real Ed25519 signatures over the real octets; and on
 * each node a simulated SAD that sends and receives numbered packets, so that gaps are judged by what arrives and not by
 * what engines believe. Everything follows from a seed.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ike/engine.h"
#include "ike_test.h"

#define SIM_MS		((ike_time)1000)
#define SIM_S		((ike_time)1000000)
#define SIM_MAX_REPORTS 256
#define SIM_MAX_CONNS	8

struct sim;

struct sim_packet {
	struct sim_packet *next;
	struct cg_endpoint from, to; /* as on the wire where it is */
	bool esp;		     /* toy ESP */
	size_t size;
	uint8_t *data;
};

struct sim_esp {
	uint32_t spi;
	uint8_t key[36];
	uint64_t number;
	uint64_t sent_at;
};

/* A Child SA as the kernel has it. */
struct sim_sa {
	struct sim_sa *next;
	uint64_t child;
	uint32_t connection, index;
	uint64_t binding;
	uint32_t spi_in, spi_out;
	struct ike_suite suite;
	uint8_t key_in[36], key_out[36];
	size_t key_len;
	struct cg_endpoint local, remote;
	bool udp, follow;
	bool on_use;	/* outbound waits for the peer to use it */
	uint64_t place; /* in the order in which they were added */
	uint64_t replaces;
	struct ike_ts local_ts[IKE_MAX_CHILD_TS], remote_ts[IKE_MAX_CHILD_TS];
	size_t n_local_ts, n_remote_ts;
	ike_time added;
	uint64_t packets, soft_packets; /* limits; 0: none */
	uint64_t seen[2];		/* packets in and out: each direction counts for itself */
	bool dead;			/* came to its limit: nothing goes through */
	unsigned moves;
};

/* The SPI of a Child SA to come, and the packets that are held for it. */
struct sim_expected {
	uint32_t spi;
	uint64_t engine; /* that said so, see sim_node.engines */
	ike_time until;	 /* nothing is held any more then */
	struct sim_held *held;
	size_t n_held;
};

/* One direction of one configured child. */
struct sim_flow {
	uint32_t connection, index;
	struct sim_sa *active; /* outbound */
	uint64_t newest;       /* the child that was added last */
	bool flowing;	       /* a packet arrived at the other end once, */
	ike_time since;	       /* then: what is sent from then on has to arrive */
	bool silent;	       /* it is not meant to: sim_assert_no_gaps() does not ask for it */
	uint64_t sent, received, lost_no_sa, lost_at_peer;
};

struct sim_report {
	uint32_t connection;
	bool claimed;
	enum ike_severity severity;
	char event[48];
	char *text, *hint; /* in one piece of memory, which is text's */
	ike_time at;
};

struct sim_conn {
	struct ike_blob certs[IKE_MAX_CERTS]; /* ours, of config */
	bool used;
	struct ike_connection_config config;
	struct ike_child_config children[4];
	struct ike_ts ts[4][2][4];
	char peer[64]; /* subject that the peer's certificate must have */
	char ca[32];   /* root that we trust for the peer */
	uint64_t expires_in;
	/* Of a name: where it leads, if not where config says. Child SAs elsewhere are made where the peer is known to be. */
	struct cg_addr leads_to;
	struct sim_flow flows[4];
};

struct sim_nat {
	struct cg_addr outside;
	uint16_t next_port;
	struct {
		struct cg_endpoint inside;
		uint16_t port;
	} map[8];
	size_t n;
};

struct sim_node {
	struct sim *sim;
	struct sim_node *next;
	char name[64], ca[32];
	unsigned number;
	struct cg_addr addr;
	uint32_t vrf;	    /* that everything comes through here */
	uint32_t mark;	    /* of the last datagram that left */
	unsigned keys;	    /* sets of them that the engine handed out */
	uint32_t wrong_vrf; /* datagrams that left by another one */
	struct sim_nat *nat;
	struct ike_engine *engine;
	uint64_t engines; /* that it had, the one of now counted */
	uint64_t unheard; /* answers to engines that were gone */
	struct ike_engine_config engine_config;
	struct seeded random;
	struct sim_conn *conns;
	size_t max_conns;
	struct sim_sa *sad;
	size_t n_sad;
	uint64_t added;
	size_t chain_extra, chain_extra_size; /* intermediates that the chain carries along */
	uint8_t *chain[IKE_MAX_CERTS];
	uint8_t id_body[72];
	size_t id_len;
	/* judging */
	uint64_t last_binding, live_bindings;
	bool *bindings;		       /* by handle: live */
	struct cg_addr *places;	       /* by handle: where the peer was last */
	const struct sim_node **peers; /* by handle: whom its certificate names; NULL: not known */
	size_t size_bindings;
	unsigned granted,
		refused; /* bindings, and Child SAs, of which the engine has yet to hear */
	uint32_t binding_of[1024]; /* connections of the last handles */
	struct {
		uint64_t token;
		uint8_t nonce[IKE_NONCE_SIZE];
		bool used;
	} * nonces;
	size_t n_nonces, size_nonces;
	/* SPIs of Child SAs to come, with the packets held for each; how many there were of both */
	struct sim_expected *expected;
	size_t n_expected, size_expected;
	uint64_t expects, early, early_lost;
	uint64_t expired; /* Child SAs that came to a hard limit */
	bool hasty;	  /* sends on a new SA at once, whatever the engine says */
	bool one_policy; /* as libreswan 4.10: it sends on the SA that was added last, and on none once that is deleted, until there is another; what is deleted is not received on any more */
	/* In place of toy certificates. The AUTH payload's data, of malloc(); and whether the peer is let in, as which connection. */
	uint8_t *(*own_sign)(struct sim_node *n, const struct ike_out_sign *o, size_t *ret_len);
	bool (*own_judge)(struct sim_node *n, const struct ike_out_verify *o,
			  struct ike_verify_answer *a);
	/* faults on demand */
	int sign_error, child_error;
	bool each_pair_once; /* as the module: a pair of selectors is in one tunnel (-EEXIST) */
	unsigned no_room;    /* for so many verdicts: nobody is asked for them */
	bool cut;	     /* nothing in, nothing out */
	bool mute_verify, mute_sign; /* never answers */
	bool stale_judge;	     /* judges by rules that the engine was not told of */
	unsigned verifies, verifies_ahead, signs;
	unsigned
		misplaced; /* Child SAs that were asked for where the configuration does not allow them */
	/* OCSP answers that came with the last request to judge (RFC 4806), their beginnings */
	uint8_t peer_ocsp[IKE_MAX_OCSP][16];
	size_t peer_ocsp_len[IKE_MAX_OCSP], n_peer_ocsp;
	/* IntAuth_i, IntAuth_r and what goes with them in the last signature (RFC 9242); length 0: none */
	uint8_t int_auth[2][64];
	size_t int_auth_len;
	uint32_t auth_id;
	uint8_t peer_methods
		[64]; /* SUPPORTED_AUTH_METHODS in the last request to sign, its beginning */
	size_t peer_methods_len;
	struct ike_policy policies[2][2]; /* of sim_additional() */
	bool boundless;	    /* an attacker, whose own processes would not let it pass */
	size_t auth_excess; /* bytes too many in its AUTH */
	struct sim_report reports[SIM_MAX_REPORTS];
	size_t n_reports;
	ike_time deadline;	     /* scheduled */
	struct cg_addr lost_address; /* that the engine sent from, and the node has no more */
	bool deaf_to_moves;	     /* the engine is not told so */
	uint64_t next_number;
	/* What the event of now is about: engines of many IKE SAs are looked into there with every event, all of them in turn. */
	struct sim_touched {
		uint64_t spi;	     /* 0: */
		uint32_t connection; /* by its number */
	} touched[32];
	size_t n_touched;
	bool all_touched;
	uint64_t looked;
};

enum sim_verdict { SIM_PASS, SIM_DROP };

/* Packets of ESP, and the sum of their numbers. */
struct sim_tally {
	uint64_t packets, numbers;
};

struct sim {
	uint64_t seed;
	unsigned number; /* of those of this program */
	struct seeded random;
	ike_time now;
	struct sim_node *nodes;
	unsigned n_nodes;
	struct sim_nat *nats[4];
	size_t n_nats;
	struct sim_event **heap;
	size_t n_events, size_events;
	uint64_t event_count;
	/* the network */
	unsigned loss, duplicate; /* percent, IKE only */
	ike_time delay_min, delay_max;
	size_t mtu; /* of IP packets; 0: none */
	ike_time answer_max;
	enum sim_verdict (*tap)(struct sim *s, struct sim_packet *p);
	void *tap_ctx;
	uint64_t datagrams;
	/* traffic: each flow sends a packet every so often; 0: none */
	ike_time traffic;
	struct {
		struct sim_tally sent, arrived, lost;
		struct sim_tally withheld; /* by a tap, or with a kernel that has gone */
	} esp;
	uint64_t gaps;
	char first_gap[200];
	bool had_traffic;      /* it was asked for once */
	struct sim_seen *sent; /* of sim_watch.c */
	uint64_t ke_values;    /* of key exchanges, that were sent: each in one */
};

/* A tap: nobody can begin anew, and what is up goes on. */
enum sim_verdict sim_no_init(struct sim *s, struct sim_packet *p);

/* SEED in the environment overrides the seed. Printed when a test fails. */
struct sim *sim_new(uint64_t seed);
void sim_free(struct sim *s);

/* ca: the root of its certificate. addr: text. */
struct sim_node *sim_node_new(struct sim *s, const char *name, const char *ca, const char *addr);
/* Puts a node behind a new NAT with this outside address. */
void sim_node_nat(struct sim_node *n, const char *outside);
/* Another address, and no NAT; the old one is gone. */
void sim_node_move(struct sim_node *n, const char *addr);
void sim_nat_forward(struct sim_node *n, uint16_t port);
/* Forgets the mappings: the next packets come from other ports. */
void sim_nat_rebind(struct sim_node *n);
/* The daemon dies: engine and what it knew; kernel: SAs go, too. */
void sim_node_restart(struct sim_node *n, bool kernel);

/* Room for more connections than SIM_MAX_CONNS; before the first one. */
void sim_node_reserve(struct sim_node *n, size_t conns);

/* A connection with defaults, to be changed before sim_conn_set(). */
struct sim_conn *sim_conn(struct sim_node *n, uint32_t id, const char *remote, const char *peer,
			  const char *peer_ca);
void sim_conn_set(struct sim_node *n, struct sim_conn *c);
/* Selectors of child i: local and remote prefixes. */
void sim_child(struct sim_conn *c, size_t i, const char *name, const char *local,
	       const char *remote);

/* A policy from names such as "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256", or of kem.h; " , " begins another proposal. */
void sim_policy(struct ike_policy *ret, uint8_t protocol, const char *names);

/* Gives a connection policies of its own, from names. */
void sim_additional(struct sim_node *n, struct sim_conn *c, const char *ike, const char *esp);

/* Two additional key exchanges for the IKE SA, one for Child SAs (RFC 9370). */
#define SIM_IKE_ADDITIONAL \
	"AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 ADDKE1_ECP_256 ADDKE3_ECP_384 NO_ADDKE3"
#define SIM_ESP_ADDITIONAL "AES_GCM_16-256 CURVE25519 ADDKE2_ECP_256 ESN"
void sim_pair_additional(struct sim_node *a, struct sim_node *b);

/* Two nodes, "a" 192.0.2.1 and "b" 198.51.100.1, with a connection to each other, b as responder only. */
void sim_pair(struct sim *s, struct sim_node **a, struct sim_node **b);

void sim_run(struct sim *s, ike_time duration);
/* Until done() or the time is over: whether it was done. */
bool sim_until(struct sim *s, ike_time duration, bool (*done)(struct sim *s));
/* The same for a node's connection 1: until it is up, or down. */
bool sim_until_up(struct sim_node *n, ike_time duration);
bool sim_until_down(struct sim_node *n, ike_time duration);
/* One connection with one IKE SA and one Child SA per configured child, on all nodes. */
bool sim_all_up(struct sim *s);
void sim_inject(struct sim *s, const struct cg_endpoint *from, const struct cg_endpoint *to,
		const uint8_t *data, size_t size);

/* The same packet once more, after this time. */
void sim_repeat(struct sim *s, const struct sim_packet *p, ike_time after);

/* IKE SAs that are up for the operator, and their Child SAs. */
struct sim_count {
	unsigned sas, up, children, children_up;
	struct ike_sa_status last;
	char subject[128];
	struct ike_child_status child;
};
struct sim_count sim_count(const struct sim_node *n, uint32_t connection);
/* At rest: exactly one IKE SA, one Child SA a child, nothing else in SAD and bindings; and a second later, too, without anything having been made. */
void sim_assert_rest(struct sim *s);
void sim_assert_up(struct sim *s, ike_time within);
/* No packet was lost, and each child that is meant to carry traffic does, once there was any. */
void sim_assert_no_gaps(struct sim *s);
/* After a fault that is meant to interrupt: traffic is judged anew. */
void sim_forget_flows(struct sim *s);
/* The pair's connections are set, the second one's first. */
void sim_begin(struct sim_node *a, struct sim_node *b);
/* The same, and they are up. */
void sim_connect(struct sim *s, struct sim_node *a, struct sim_node *b);
unsigned sim_reports(const struct sim_node *n, const char *event);
const struct sim_report *sim_report(const struct sim_node *n, const char *event);
/* Reports that are failures. */
unsigned sim_failures(const struct sim_node *n);
/* For sim_until(): the first node has reported one; so have the first two. */
/* Of connection 1 one IKE SA with two Child SAs, at both of two nodes. */
bool sim_two_are_up(struct sim *s);
bool sim_first_failed(struct sim *s);
bool sim_both_failed(struct sim *s);
/* The event was reported, in these words among others, and with what to do. */
const struct sim_report *sim_says(const struct sim_node *n, const char *event, const char *words);
struct cg_endpoint sim_endpoint(const char *addr, uint16_t port);
void sim_print(const struct sim *s);

/* How many seeds, and from which one on: fewer, or what SEEDS, FIRST or SEED (one alone) in the environment say. */
struct sim_seeds {
	uint64_t first, n;
};
struct sim_seeds sim_seeds(uint64_t first, uint64_t n);
