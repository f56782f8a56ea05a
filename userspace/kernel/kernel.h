/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certgate netlink family as C calls: one function a request, one struct an object. Called by the daemon's process
 * main and by `certgate kernel`. Owns the sockets inside struct cgk; nothing else.
 *
 * Every call returns 0 or a negative errno and then leaves the kernel's own explanation (extack, with the name of the
 * attribute at fault) in cgk_error(). Key material in requests is wiped from the message buffer before a call returns.
 */
#ifndef CERTGATE_KERNEL_KERNEL_H
#define CERTGATE_KERNEL_KERNEL_H

#include <linux/certgate.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

struct cgk;

/* Opens a socket and resolves the family. -ENOENT: the module is not loaded. */
int cgk_open(struct cgk **ret);
struct cgk *cgk_free(struct cgk *k);
DEFINE_CLEANUP(struct cgk *, cgk_free);
/* Why the last call failed, in words; never NULL. Valid until the next call. */
const char *cgk_error(const struct cgk *k);

/* Sums of an object; drops are indexed by CERTGATE_A_STATS_DROP_* minus CERTGATE_A_STATS_DROP_MALFORMED. */
#define CGK_DROPS (CERTGATE_A_STATS_MAX + 1 - CERTGATE_A_STATS_DROP_MALFORMED)
struct cgk_stats {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t drops[CGK_DROPS];
};
/* "replay", "no-sa", …; NULL behind the last. */
const char *cgk_drop_name(unsigned int i);

struct cgk_device {
	uint32_t ifindex;
	char name[16];
	uint32_t tunnels;
	struct cgk_stats stats;
};

struct cgk_link {
	uint8_t cert[CERTGATE_HASH_SIZE], spki[CERTGATE_HASH_SIZE];
};

struct cgk_cert {
	uint32_t id; /* answer */
	struct cgk_link links[CERTGATE_MAX_CHAIN];
	unsigned int n_links;
	char subject[CERTGATE_MAX_SUBJECT + 1];
	char label[CERTGATE_MAX_LABEL + 1];
	int64_t not_before, not_after; /* seconds since 1970, both valid */
	enum certgate_cert_state state;
	uint32_t sas;
	struct cgk_stats stats;
};

struct cgk_fingerprint {
	uint8_t hash[CERTGATE_HASH_SIZE];
	bool revoked;
	uint32_t bindings, sas;
	struct cgk_stats stats;
};

struct cgk_selector {
	struct cg_range range;
	uint8_t protocol;	       /* 0: any */
	uint16_t port_start, port_end; /* 0, 65535: any */
};

struct cgk_tunnel {
	uint32_t id; /* answer, or request of set */
	uint32_t ifindex;
	struct cg_endpoint local, remote; /* ports: UDP encapsulation only */
	enum certgate_encap encap;
	uint32_t socket; /* 0: found by local */
	struct cgk_selector local_ts[CERTGATE_MAX_SELECTORS], remote_ts[CERTGATE_MAX_SELECTORS];
	unsigned int n_local_ts, n_remote_ts;
	uint32_t mark, underlay;
	uint32_t flags; /* enum certgate_tunnel_flags */
	enum certgate_df df;
	uint8_t ttl;
	char label[CERTGATE_MAX_LABEL + 1];
	uint32_t pmtu, active_spi; /* answers; host order */
	uint32_t larvals;	   /* answers: larval SAs now, */
	uint64_t early_packets;	   /* and what they held so far */
	struct cgk_stats stats;
};

struct cgk_sa {
	uint32_t id; /* answer */
	enum certgate_dir dir;
	uint32_t spi; /* host order, as all SPIs here */
	uint32_t tunnel, cert;
	uint16_t encr, integ;
	const uint8_t *key, *integ_key; /* request only */
	size_t key_len, integ_key_len;
	uint16_t key_bits; /* answer */
	bool esn;
	uint32_t replay_window; /* 0: default */
	enum certgate_activate activate;
	uint32_t pair_spi; /* 0: none */
	uint64_t soft_seconds, hard_seconds, soft_bytes, hard_bytes, soft_packets,
		hard_packets; /* 0: none */
	/* answers */
	enum certgate_sa_state state;
	enum certgate_sa_death death;
	uint64_t sequence, age, idle;
	struct cgk_stats stats;
};

struct cgk_socket {
	uint32_t id;
	struct cg_endpoint local;
	bool orphan;
	struct cgk_stats stats; /* drops: datagrams that were no SA's */
};

struct cgk_event {
	enum certgate_event kind;
	uint64_t suppressed;
	uint32_t sa, spi, tunnel, cert, socket, ifindex, sas;
	enum certgate_dir dir;
	enum certgate_sa_death death;
	bool has_hash, has_flow;
	uint8_t hash[CERTGATE_HASH_SIZE];
	struct cg_endpoint local, remote;
	struct cg_addr flow_src, flow_dst;
	uint8_t flow_protocol;
	uint16_t flow_sport, flow_dport;
	char label[CERTGATE_MAX_LABEL + 1];
};

/* A dump of the kind below, started over while its table changes, within reason: objects may be told of more than once. */
#define CGK_DUMP_TRIES 5
#define cgk_whole(dump)                               \
	({                                            \
		int _tries = CGK_DUMP_TRIES, _r;      \
		do                                    \
			_r = (dump);                  \
		while (_r == -EINTR && --_tries > 0); \
		_r;                                   \
	})

/*
 * Dumps call fn for every object; a negative return stops the dump and is returned. -EINTR: the table changed in
 * between (NLM_F_DUMP_INTR), what was seen may be incomplete: the caller starts over if that matters.
 */
int cgk_device_dump(struct cgk *k, int (*fn)(void *ctx, const struct cgk_device *d), void *ctx);

int cgk_cert_new(struct cgk *k, const struct cgk_cert *c, uint32_t *ret_id);
int cgk_cert_del(struct cgk *k, uint32_t id);
int cgk_cert_get(struct cgk *k, uint32_t id, struct cgk_cert *ret);
int cgk_cert_dump(struct cgk *k, int (*fn)(void *ctx, const struct cgk_cert *c), void *ctx);
/* Counts of what died may be NULL. */
int cgk_revoke(struct cgk *k, const uint8_t hash[CERTGATE_HASH_SIZE], uint32_t *ret_bindings,
	       uint32_t *ret_sas);
int cgk_unrevoke(struct cgk *k, const uint8_t hash[CERTGATE_HASH_SIZE]);
int cgk_fingerprint_dump(struct cgk *k, int (*fn)(void *ctx, const struct cgk_fingerprint *f),
			 void *ctx);

int cgk_tunnel_new(struct cgk *k, const struct cgk_tunnel *t, uint32_t *ret_id);
/* What of a tunnel cgk_tunnel_set() changes. */
enum {
	CGK_SET_LOCAL = 1 << 0,
	CGK_SET_REMOTE = 1 << 1,
	CGK_SET_ENCAP = 1 << 2,
	CGK_SET_MARK = 1 << 3,
	CGK_SET_UNDERLAY = 1 << 4,
	CGK_SET_FLAGS = 1 << 5,
	CGK_SET_DF = 1 << 6,
	CGK_SET_TTL = 1 << 7,
	CGK_SET_LABEL = 1 << 8,
};
int cgk_tunnel_set(struct cgk *k, const struct cgk_tunnel *t, unsigned int what);
int cgk_tunnel_del(struct cgk *k, uint32_t id);
int cgk_tunnel_get(struct cgk *k, uint32_t id, struct cgk_tunnel *ret);
int cgk_tunnel_dump(struct cgk *k, int (*fn)(void *ctx, const struct cgk_tunnel *t), void *ctx);

int cgk_sa_new(struct cgk *k, const struct cgk_sa *sa, uint32_t *ret_id);
/* Make an outbound SA its tunnel's active one. */
int cgk_sa_activate(struct cgk *k, uint32_t id);
int cgk_sa_del(struct cgk *k, uint32_t id);
int cgk_sa_get(struct cgk *k, uint32_t id, struct cgk_sa *ret);
int cgk_sa_dump(struct cgk *k, int (*fn)(void *ctx, const struct cgk_sa *sa), void *ctx);

/* What comes for the inbound SPI is held until its SA is added, for 1 to CERTGATE_MAX_LARVAL milliseconds. */
int cgk_larval_new(struct cgk *k, uint32_t spi, uint32_t tunnel, uint32_t milliseconds);
int cgk_larval_del(struct cgk *k, uint32_t spi);

/* The kernel takes encapsulation over from fd; the caller keeps the descriptor. */
int cgk_socket_new(struct cgk *k, int fd, uint32_t *ret_id);
int cgk_socket_del(struct cgk *k, uint32_t id);
int cgk_socket_dump(struct cgk *k, int (*fn)(void *ctx, const struct cgk_socket *s), void *ctx);

int cgk_lease_set(struct cgk *k, uint32_t seconds);
/* -ENODATA: there is none. */
int cgk_lease_get(struct cgk *k, uint32_t *ret_remaining);
int cgk_flush(struct cgk *k, uint32_t what);

/* ------------------------------------------------------------------ events, on a socket of their own */

struct cgk_events;
int cgk_events_open(struct cgk_events **ret);
struct cgk_events *cgk_events_free(struct cgk_events *ev);
DEFINE_CLEANUP(struct cgk_events *, cgk_events_free);
/* For poll(); non-blocking. */
int cgk_events_fd(const struct cgk_events *ev);
/*
 * Reads what is there and calls fn for each. 0; -ENOBUFS: events were lost, and the caller must look at the tables, which are newer than
 * what it was told; another negative errno.
 */
int cgk_events_read(struct cgk_events *ev, void (*fn)(void *ctx, const struct cgk_event *e),
		    void *ctx);

/* ------------------------------------------------------------------ names for text and JSON */

const char *cgk_cert_state_name(enum certgate_cert_state s);
const char *cgk_sa_state_name(enum certgate_sa_state s);
const char *cgk_sa_death_name(enum certgate_sa_death d);
const char *cgk_event_name(enum certgate_event e);
/* "aes-gcm-256", "aes-cbc-128/hmac-sha2-256", …; out is at least 64 bytes. */
char *cgk_alg_format(uint16_t encr, uint16_t key_bits, uint16_t integ, char out[64]);
/* The reverse; key_bits without salt. -EINVAL. */
int cgk_alg_parse(const char *s, uint16_t *ret_encr, uint16_t *ret_key_bits, uint16_t *ret_integ);
/* Bytes of KEYMAT an algorithm takes: encryption key with salt, integrity key. */
void cgk_alg_key_lengths(uint16_t encr, uint16_t key_bits, uint16_t integ, size_t *ret_key,
			 size_t *ret_integ);

#endif
