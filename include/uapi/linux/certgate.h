/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * certgate: ESP offload and certificate-bound SA table, generic netlink ABI.
 *
 * Objects, all owned by the network namespace of the netlink socket:
 *
 *   certificate binding  what a peer authenticated with: SHA-256 of the
 *                        certificate and of the public key (SPKI) of every
 *                        certificate from the leaf up to the root, the
 *                        subject and the validity window of the whole chain.
 *                        A binding never changes after CERT_NEW.
 *   fingerprint          one SHA-256 of a certificate or public key, shared
 *                        by all bindings that contain it. Carries revocation.
 *   socket               a UDP socket taken over for RFC 3948 encapsulation.
 *   tunnel               endpoints and traffic selectors on a device of kind
 *                        "certgate" (rtnetlink).
 *   SA                   one direction of an ESP security association of a
 *                        tunnel. Exists only under a binding valid now.
 *   larval SA            an inbound SPI that was given to a peer while its SA
 *                        is negotiated: what comes for it is held.
 *   lease                the daemon's proof of life.
 *
 * Integers are host order unless the comment says be16/be32. Addresses are
 * binary in network order (4 or 16 bytes, the length tells the family).
 * 64-bit attributes are padded with the set's PAD attribute.
 * Errors come with an extack message and the offending attribute.
 * No request returns key material.
 */
#ifndef _UAPI_LINUX_CERTGATE_H
#define _UAPI_LINUX_CERTGATE_H

#define CERTGATE_FAMILY_NAME	"certgate"
#define CERTGATE_FAMILY_VERSION	1
#define CERTGATE_MCGRP_EVENTS	"events"
#define CERTGATE_LINK_KIND	"certgate"

#define CERTGATE_HASH_SIZE		32	/* SHA-256 */
#define CERTGATE_MAX_CHAIN		8	/* certificates in a binding */
#define CERTGATE_MAX_SUBJECT		1023	/* bytes without the NUL */
#define CERTGATE_MAX_LABEL		63	/* bytes without the NUL */
#define CERTGATE_MAX_SELECTORS		32	/* a side of a tunnel */
#define CERTGATE_MIN_REPLAY_WINDOW	64	/* packets */
#define CERTGATE_MAX_REPLAY_WINDOW	65536
#define CERTGATE_DEFAULT_REPLAY_WINDOW	4096
#define CERTGATE_MIN_MTU		576	/* of a device; 1280 where IPv6 is used */
#define CERTGATE_MAX_LEASE		604800	/* seconds */
#define CERTGATE_MAX_LARVAL		10000	/* milliseconds */

/* Every request, and hearing the events, needs CAP_NET_ADMIN in the namespace's
 * user namespace.
 */
enum certgate_cmd {
	CERTGATE_CMD_UNSPEC,

	/* do with IFINDEX or IFNAME, dump; CERTGATE_A_DEVICE_* */
	CERTGATE_CMD_DEVICE_GET,

	/* CERTGATE_A_CERT_*. CERT_NEW: LINKs (leaf first), SUBJECT, NOT_BEFORE,
	 * NOT_AFTER, optional LABEL; answers ID. CERT_GET: do by ID, dump.
	 * CERT_DEL: by ID, -EBUSY while an SA refers to it.
	 * CERT_REVOKE/UNREVOKE: FINGERPRINT, of a certificate or a public key,
	 * known or not yet known. When REVOKE returns, no SA below the
	 * fingerprint sends or delivers another packet. Answers SA_COUNT and
	 * BINDING_COUNT: what this call has ended.
	 * CERT_NEW and SA_NEW: -EKEYREJECTED before the window, -EKEYEXPIRED
	 * after it, -EKEYREVOKED below a revoked fingerprint. A clock set back
	 * before the window stops no SA, but lets no new one in.
	 */
	CERTGATE_CMD_CERT_NEW,
	CERTGATE_CMD_CERT_DEL,
	CERTGATE_CMD_CERT_GET,
	CERTGATE_CMD_CERT_REVOKE,
	CERTGATE_CMD_CERT_UNREVOKE,
	/* do with HASH, dump; CERTGATE_A_FINGERPRINT_*: counters of everything
	 * below a certificate or key, and what is revoked
	 */
	CERTGATE_CMD_FINGERPRINT_GET,

	/* CERTGATE_A_TUNNEL_*. TUNNEL_NEW answers ID. SET: by ID, endpoints,
	 * mark, flags. DEL: by ID, with its SAs.
	 */
	CERTGATE_CMD_TUNNEL_NEW,
	CERTGATE_CMD_TUNNEL_SET,
	CERTGATE_CMD_TUNNEL_DEL,
	CERTGATE_CMD_TUNNEL_GET,

	/* CERTGATE_A_SA_*. SET/DEL/GET find an SA by ID, or an inbound one by
	 * DIR and SPI, or an outbound one by DIR, TUNNEL_ID and SPI. SET:
	 * limits, and ACTIVATE with the value NOW. NEW: -EEXIST for an inbound
	 * SPI that is there and for a key that was installed before in this
	 * direction; -ETIME when the lease has lapsed.
	 */
	CERTGATE_CMD_SA_NEW,
	CERTGATE_CMD_SA_SET,
	CERTGATE_CMD_SA_DEL,
	CERTGATE_CMD_SA_GET,

	/* CERTGATE_A_SOCKET_*. SOCKET_NEW: FD; answers ID. A socket bound to
	 * the address of one the module keeps for a daemon that has gone takes
	 * its place, with the same ID.
	 */
	CERTGATE_CMD_SOCKET_NEW,
	CERTGATE_CMD_SOCKET_DEL,
	CERTGATE_CMD_SOCKET_GET,

	/* CERTGATE_A_LEASE_* */
	CERTGATE_CMD_LEASE_SET,
	CERTGATE_CMD_LEASE_GET,

	/* CERTGATE_A_FLUSH_WHAT (enum certgate_flush bits): delete all of it */
	CERTGATE_CMD_FLUSH,

	/* multicast group "events"; CERTGATE_A_EVENT_* */
	CERTGATE_CMD_EVENT,

	/* CERTGATE_A_LARVAL_*. NEW: SPI, TUNNEL_ID, MILLISECONDS. A peer may
	 * send on an SA before its certificate was judged here: for that time
	 * what comes for the SPI is held, in bounds, as it came. SA_NEW for the
	 * SPI takes it as if it had come just then, ahead of what comes later.
	 * Otherwise it is lost with the time, DEL, the tunnel or a flush of SAs,
	 * and counted as DROP_NO_SA by the tunnel; what finds no room as
	 * DROP_QUEUE. -EEXIST: an inbound or larval SA has the SPI; -ENOSPC.
	 */
	CERTGATE_CMD_LARVAL_NEW,
	CERTGATE_CMD_LARVAL_DEL,

	__CERTGATE_CMD_MAX,
	CERTGATE_CMD_MAX = __CERTGATE_CMD_MAX - 1
};

enum certgate_a_device {
	CERTGATE_A_DEVICE_UNSPEC,
	CERTGATE_A_DEVICE_IFINDEX,	/* u32 */
	CERTGATE_A_DEVICE_IFNAME,	/* string */
	CERTGATE_A_DEVICE_TUNNEL_COUNT,	/* u32 */
	CERTGATE_A_DEVICE_STATS,	/* nest CERTGATE_A_STATS_* */
	CERTGATE_A_DEVICE_PAD,
	__CERTGATE_A_DEVICE_MAX,
	CERTGATE_A_DEVICE_MAX = __CERTGATE_A_DEVICE_MAX - 1
};

/* one certificate of a chain */
enum certgate_a_link {
	CERTGATE_A_LINK_UNSPEC,
	CERTGATE_A_LINK_CERT,		/* binary, SHA-256 of the certificate's DER */
	CERTGATE_A_LINK_SPKI,		/* binary, SHA-256 of its SubjectPublicKeyInfo's DER */
	__CERTGATE_A_LINK_MAX,
	CERTGATE_A_LINK_MAX = __CERTGATE_A_LINK_MAX - 1
};

enum certgate_cert_state {
	CERTGATE_CERT_VALID,
	CERTGATE_CERT_NOT_YET_VALID,	/* only as a reason of refusal */
	CERTGATE_CERT_EXPIRED,		/* latched */
	CERTGATE_CERT_REVOKED,		/* latched */
	__CERTGATE_CERT_STATE_MAX
};

enum certgate_a_cert {
	CERTGATE_A_CERT_UNSPEC,
	CERTGATE_A_CERT_ID,		/* u32, given by the kernel, never reused while it lives */
	CERTGATE_A_CERT_LINK,		/* nest CERTGATE_A_LINK_*, repeated, leaf first */
	CERTGATE_A_CERT_SUBJECT,	/* string, of the leaf */
	CERTGATE_A_CERT_NOT_BEFORE,	/* s64, seconds since the epoch, first valid second */
	CERTGATE_A_CERT_NOT_AFTER,	/* s64, seconds since the epoch, last valid second */
	CERTGATE_A_CERT_LABEL,		/* string, the owner's own mark */
	CERTGATE_A_CERT_STATE,		/* u32, enum certgate_cert_state */
	CERTGATE_A_CERT_SA_COUNT,	/* u32 */
	CERTGATE_A_CERT_BINDING_COUNT,	/* u32, answer to REVOKE */
	CERTGATE_A_CERT_STATS,		/* nest CERTGATE_A_STATS_* */
	CERTGATE_A_CERT_FINGERPRINT,	/* binary, request of REVOKE and UNREVOKE */
	CERTGATE_A_CERT_PAD,
	__CERTGATE_A_CERT_MAX,
	CERTGATE_A_CERT_MAX = __CERTGATE_A_CERT_MAX - 1
};

enum certgate_a_fingerprint {
	CERTGATE_A_FINGERPRINT_UNSPEC,
	CERTGATE_A_FINGERPRINT_HASH,		/* binary */
	CERTGATE_A_FINGERPRINT_REVOKED,		/* flag */
	CERTGATE_A_FINGERPRINT_BINDING_COUNT,	/* u32 */
	CERTGATE_A_FINGERPRINT_SA_COUNT,	/* u32 */
	CERTGATE_A_FINGERPRINT_STATS,		/* nest CERTGATE_A_STATS_*, dead bindings too */
	CERTGATE_A_FINGERPRINT_PAD,
	__CERTGATE_A_FINGERPRINT_MAX,
	CERTGATE_A_FINGERPRINT_MAX = __CERTGATE_A_FINGERPRINT_MAX - 1
};

enum certgate_a_endpoint {
	CERTGATE_A_ENDPOINT_UNSPEC,
	CERTGATE_A_ENDPOINT_ADDR,	/* binary, 4 or 16 bytes */
	CERTGATE_A_ENDPOINT_PORT,	/* be16, UDP encapsulation only */
	__CERTGATE_A_ENDPOINT_MAX,
	CERTGATE_A_ENDPOINT_MAX = __CERTGATE_A_ENDPOINT_MAX - 1
};

/* RFC 7296 section 3.13.1 traffic selector; ranges include both ends */
enum certgate_a_selector {
	CERTGATE_A_SELECTOR_UNSPEC,
	CERTGATE_A_SELECTOR_ADDR_START,	/* binary, 4 or 16 bytes */
	CERTGATE_A_SELECTOR_ADDR_END,	/* binary, as long as ADDR_START */
	CERTGATE_A_SELECTOR_PROTOCOL,	/* u8, 0 or absent: any */
	CERTGATE_A_SELECTOR_PORT_START,	/* u16; ICMP: type << 8 | code; absent: any */
	CERTGATE_A_SELECTOR_PORT_END,	/* u16 */
	__CERTGATE_A_SELECTOR_MAX,
	CERTGATE_A_SELECTOR_MAX = __CERTGATE_A_SELECTOR_MAX - 1
};

enum certgate_encap {
	CERTGATE_ENCAP_NONE,		/* IP protocol 50 */
	CERTGATE_ENCAP_UDP,		/* RFC 3948 */
	__CERTGATE_ENCAP_MAX
};

enum certgate_df {
	CERTGATE_DF_COPY,		/* the inner header's; IPv6 inside: set */
	CERTGATE_DF_SET,
	CERTGATE_DF_CLEAR,
	__CERTGATE_DF_MAX
};

enum certgate_tunnel_flags {
	CERTGATE_TUNNEL_F_DSCP_COPY	= 1 << 0,	/* else the outer DSCP is 0 */
	CERTGATE_TUNNEL_F_ROAM		= 1 << 1,	/* follow the peer's authenticated ESP */
};

enum certgate_a_tunnel {
	CERTGATE_A_TUNNEL_UNSPEC,
	CERTGATE_A_TUNNEL_ID,		/* u32, given by the kernel */
	CERTGATE_A_TUNNEL_IFINDEX,	/* u32, device of kind certgate */
	CERTGATE_A_TUNNEL_LOCAL,	/* nest CERTGATE_A_ENDPOINT_* */
	CERTGATE_A_TUNNEL_REMOTE,	/* nest CERTGATE_A_ENDPOINT_* */
	CERTGATE_A_TUNNEL_ENCAP,	/* u8, enum certgate_encap */
	CERTGATE_A_TUNNEL_SOCKET_ID,	/* u32, default: the socket bound to LOCAL */
	CERTGATE_A_TUNNEL_LOCAL_TS,	/* nest CERTGATE_A_SELECTOR_*, repeated: our side */
	CERTGATE_A_TUNNEL_REMOTE_TS,	/* nest CERTGATE_A_SELECTOR_*, repeated: the peer's side */
	CERTGATE_A_TUNNEL_MARK,		/* u32, of outer packets */
	CERTGATE_A_TUNNEL_UNDERLAY,	/* u32, ifindex outer packets are routed by (a VRF) */
	CERTGATE_A_TUNNEL_FLAGS,	/* bitfield32, enum certgate_tunnel_flags */
	CERTGATE_A_TUNNEL_DF,		/* u8, enum certgate_df */
	CERTGATE_A_TUNNEL_TTL,		/* u8, 0: the namespace's default */
	CERTGATE_A_TUNNEL_LABEL,	/* string, the owner's own mark */
	CERTGATE_A_TUNNEL_PMTU,		/* u32, largest inner packet now; answer only */
	CERTGATE_A_TUNNEL_ACTIVE_SPI,	/* be32, of the active outbound SA; answer only */
	CERTGATE_A_TUNNEL_STATS,	/* nest CERTGATE_A_STATS_* */
	CERTGATE_A_TUNNEL_PAD,
	CERTGATE_A_TUNNEL_LARVAL_COUNT,	/* u32, larval SAs now; answer only */
	CERTGATE_A_TUNNEL_EARLY_PACKETS,	/* u64, that were held by larval SAs; answer only */
	__CERTGATE_A_TUNNEL_MAX,
	CERTGATE_A_TUNNEL_MAX = __CERTGATE_A_TUNNEL_MAX - 1
};

enum certgate_dir {
	CERTGATE_DIR_IN,
	CERTGATE_DIR_OUT,
	__CERTGATE_DIR_MAX
};

/* IANA's IKEv2 transform identifiers, type 1 and type 3 */
enum certgate_encr {
	CERTGATE_ENCR_AES_CBC			= 12,
	CERTGATE_ENCR_AES_GCM_16		= 20,
	CERTGATE_ENCR_CHACHA20_POLY1305		= 28,
};

enum certgate_integ {
	CERTGATE_INTEG_NONE			= 0,
	CERTGATE_INTEG_HMAC_SHA1_96		= 2,
	CERTGATE_INTEG_HMAC_SHA2_256_128	= 12,
	CERTGATE_INTEG_HMAC_SHA2_384_192	= 13,
	CERTGATE_INTEG_HMAC_SHA2_512_256	= 14,
};

enum certgate_sa_state {
	CERTGATE_SA_STANDBY,		/* outbound, not used yet */
	CERTGATE_SA_ACTIVE,		/* inbound, or the tunnel's outbound SA */
	CERTGATE_SA_DRAINING,		/* outbound, replaced */
	CERTGATE_SA_DEAD,		/* see enum certgate_sa_death; latched */
	__CERTGATE_SA_STATE_MAX
};

enum certgate_sa_death {
	CERTGATE_SA_ALIVE,
	CERTGATE_SA_DEATH_LIFETIME,	/* a hard limit */
	CERTGATE_SA_DEATH_SEQUENCE,	/* sequence numbers are used up */
	CERTGATE_SA_DEATH_EXPIRED,	/* the binding's window ended */
	CERTGATE_SA_DEATH_REVOKED,	/* a fingerprint of the binding was revoked */
	CERTGATE_SA_DEATH_LEASE,	/* the daemon did not renew its lease */
	__CERTGATE_SA_DEATH_MAX
};

/* when an outbound SA becomes its tunnel's active one */
enum certgate_activate {
	CERTGATE_ACTIVATE_NOW,		/* default */
	/* with the first authentic packet on SA PAIR_SPI, unless a newer one is active */
	CERTGATE_ACTIVATE_ON_USE,
	CERTGATE_ACTIVATE_NEVER,	/* by SA_SET only */
	__CERTGATE_ACTIVATE_MAX
};

enum certgate_a_sa {
	CERTGATE_A_SA_UNSPEC,
	CERTGATE_A_SA_ID,		/* u32, given by the kernel */
	CERTGATE_A_SA_DIR,		/* u8, enum certgate_dir */
	CERTGATE_A_SA_SPI,		/* be32, 256 and above (RFC 4303 section 2.1) */
	CERTGATE_A_SA_TUNNEL_ID,	/* u32 */
	CERTGATE_A_SA_CERT_ID,		/* u32 */
	CERTGATE_A_SA_ENCR,		/* u16, enum certgate_encr */
	CERTGATE_A_SA_INTEG,		/* u16, enum certgate_integ; not with AEAD */
	CERTGATE_A_SA_KEY,		/* binary, key and salt as in KEYMAT; request only */
	CERTGATE_A_SA_INTEG_KEY,	/* binary; request only */
	CERTGATE_A_SA_KEY_BITS,		/* u16; answer only */
	CERTGATE_A_SA_ESN,		/* flag: 64-bit extended sequence numbers */
	CERTGATE_A_SA_REPLAY_WINDOW,	/* u32, packets; inbound only */
	CERTGATE_A_SA_ACTIVATE,		/* u8, enum certgate_activate; outbound only */
	CERTGATE_A_SA_PAIR_SPI,		/* be32, the inbound SA of the same Child SA */
	CERTGATE_A_SA_SOFT_SECONDS,	/* u64; 0 or absent: none, as for all limits */
	CERTGATE_A_SA_HARD_SECONDS,	/* u64 */
	CERTGATE_A_SA_SOFT_BYTES,	/* u64, of inner packets */
	CERTGATE_A_SA_HARD_BYTES,	/* u64 */
	CERTGATE_A_SA_SOFT_PACKETS,	/* u64 */
	CERTGATE_A_SA_HARD_PACKETS,	/* u64 */
	CERTGATE_A_SA_STATE,		/* u8, enum certgate_sa_state; answer only */
	CERTGATE_A_SA_DEATH,		/* u8, enum certgate_sa_death; answer only */
	CERTGATE_A_SA_SEQUENCE,		/* u64, last sent or highest received; answer only */
	CERTGATE_A_SA_AGE,		/* u64, seconds since made; answer only */
	CERTGATE_A_SA_IDLE,		/* u64, seconds since last used; answer only */
	CERTGATE_A_SA_STATS,		/* nest CERTGATE_A_STATS_* */
	CERTGATE_A_SA_PAD,
	__CERTGATE_A_SA_MAX,
	CERTGATE_A_SA_MAX = __CERTGATE_A_SA_MAX - 1
};

enum certgate_a_larval {
	CERTGATE_A_LARVAL_UNSPEC,
	CERTGATE_A_LARVAL_SPI,		/* be32, 256 and above */
	CERTGATE_A_LARVAL_TUNNEL_ID,	/* u32 */
	CERTGATE_A_LARVAL_MILLISECONDS,	/* u32, 1 to CERTGATE_MAX_LARVAL */
	__CERTGATE_A_LARVAL_MAX,
	CERTGATE_A_LARVAL_MAX = __CERTGATE_A_LARVAL_MAX - 1
};

enum certgate_a_socket {
	CERTGATE_A_SOCKET_UNSPEC,
	CERTGATE_A_SOCKET_ID,		/* u32, given by the kernel */
	CERTGATE_A_SOCKET_FD,		/* u32, in the caller; request only */
	CERTGATE_A_SOCKET_LOCAL,	/* nest CERTGATE_A_ENDPOINT_*; answer only */
	CERTGATE_A_SOCKET_ORPHAN,	/* flag: the daemon's socket is gone, the module's serves */
	CERTGATE_A_SOCKET_STATS,	/* nest CERTGATE_A_STATS_*: what is no SA's loss */
	__CERTGATE_A_SOCKET_MAX,
	CERTGATE_A_SOCKET_MAX = __CERTGATE_A_SOCKET_MAX - 1
};

enum certgate_a_lease {
	CERTGATE_A_LEASE_UNSPEC,
	CERTGATE_A_LEASE_SECONDS,	/* u32; 0 ends the lease: SAs live without one */
	CERTGATE_A_LEASE_REMAINING,	/* u32, answer only; absent: no lease */
	__CERTGATE_A_LEASE_MAX,
	CERTGATE_A_LEASE_MAX = __CERTGATE_A_LEASE_MAX - 1
};

enum certgate_flush {
	CERTGATE_FLUSH_SAS		= 1 << 0,
	CERTGATE_FLUSH_TUNNELS		= 1 << 1,	/* with their SAs */
	CERTGATE_FLUSH_CERTS		= 1 << 2,	/* those without SAs */
	CERTGATE_FLUSH_SOCKETS		= 1 << 3,
};

enum certgate_a_flush {
	CERTGATE_A_FLUSH_UNSPEC,
	CERTGATE_A_FLUSH_WHAT,		/* u32, enum certgate_flush */
	__CERTGATE_A_FLUSH_MAX,
	CERTGATE_A_FLUSH_MAX = __CERTGATE_A_FLUSH_MAX - 1
};

/* all u64; DROP_* in the order of what a packet meets */
enum certgate_a_stats {
	CERTGATE_A_STATS_UNSPEC,
	CERTGATE_A_STATS_PAD,
	CERTGATE_A_STATS_RX_PACKETS,
	CERTGATE_A_STATS_RX_BYTES,	/* inner */
	CERTGATE_A_STATS_TX_PACKETS,
	CERTGATE_A_STATS_TX_BYTES,	/* inner */
	CERTGATE_A_STATS_DROP_MALFORMED,
	CERTGATE_A_STATS_DROP_NO_SA,
	CERTGATE_A_STATS_DROP_REPLAY,
	CERTGATE_A_STATS_DROP_AUTH,
	CERTGATE_A_STATS_DROP_SELECTOR,
	CERTGATE_A_STATS_DROP_CERT,
	CERTGATE_A_STATS_DROP_LIFETIME,	/* hard limits, sequence, lease */
	CERTGATE_A_STATS_DROP_QUEUE,
	CERTGATE_A_STATS_DROP_MTU,
	CERTGATE_A_STATS_DROP_ROUTE,	/* no route, or one back into the device */
	CERTGATE_A_STATS_DROP_ECN,	/* RFC 6040: CE outside, not-ECT inside */
	CERTGATE_A_STATS_DROP_MEMORY,
	__CERTGATE_A_STATS_MAX,
	CERTGATE_A_STATS_MAX = __CERTGATE_A_STATS_MAX - 1
};

enum certgate_event {
	CERTGATE_EVENT_SA_SOFT,		/* SA_ID, SPI, DIR, TUNNEL_ID, CERT_ID */
	CERTGATE_EVENT_SA_DEAD,		/* the same and DEATH: hard limit, sequence */
	CERTGATE_EVENT_CERT_EXPIRED,	/* CERT_ID, LABEL */
	CERTGATE_EVENT_CERT_REVOKED,	/* HASH, SA_COUNT: one event a revocation */
	CERTGATE_EVENT_ACQUIRE,		/* TUNNEL_ID or IFINDEX, FLOW: no SA for this traffic */
	CERTGATE_EVENT_ENDPOINT,	/* TUNNEL_ID, REMOTE: the peer moved */
	CERTGATE_EVENT_UNKNOWN_SPI,	/* SPI, REMOTE, LOCAL; SOCKET_ID, or raw IFINDEX of a VRF */
	CERTGATE_EVENT_AUTH_FAILED,	/* SA_ID, SPI, TUNNEL_ID, REMOTE */
	CERTGATE_EVENT_LEASE_LAPSED,
	CERTGATE_EVENT_SOCKET_LOST,	/* SOCKET_ID: the user's socket closed or was changed */
	__CERTGATE_EVENT_MAX
};

enum certgate_a_event {
	CERTGATE_A_EVENT_UNSPEC,
	CERTGATE_A_EVENT_KIND,		/* u32, enum certgate_event */
	CERTGATE_A_EVENT_SUPPRESSED,	/* u64, events of this kind left out since the last */
	CERTGATE_A_EVENT_SA_ID,		/* u32 */
	CERTGATE_A_EVENT_DIR,		/* u8 */
	CERTGATE_A_EVENT_SPI,		/* be32 */
	CERTGATE_A_EVENT_DEATH,		/* u8, enum certgate_sa_death */
	CERTGATE_A_EVENT_TUNNEL_ID,	/* u32 */
	CERTGATE_A_EVENT_CERT_ID,	/* u32 */
	CERTGATE_A_EVENT_HASH,		/* binary */
	CERTGATE_A_EVENT_SA_COUNT,	/* u32 */
	CERTGATE_A_EVENT_IFINDEX,	/* u32 */
	CERTGATE_A_EVENT_LOCAL,		/* nest CERTGATE_A_ENDPOINT_* */
	CERTGATE_A_EVENT_REMOTE,	/* nest CERTGATE_A_ENDPOINT_* */
	CERTGATE_A_EVENT_FLOW,		/* nest CERTGATE_A_FLOW_* */
	CERTGATE_A_EVENT_SOCKET_ID,	/* u32 */
	CERTGATE_A_EVENT_LABEL,		/* string */
	CERTGATE_A_EVENT_PAD,
	__CERTGATE_A_EVENT_MAX,
	CERTGATE_A_EVENT_MAX = __CERTGATE_A_EVENT_MAX - 1
};

/* the inner packet that found no SA */
enum certgate_a_flow {
	CERTGATE_A_FLOW_UNSPEC,
	CERTGATE_A_FLOW_SRC,		/* binary, 4 or 16 bytes */
	CERTGATE_A_FLOW_DST,		/* binary, 4 or 16 bytes */
	CERTGATE_A_FLOW_PROTOCOL,	/* u8 */
	CERTGATE_A_FLOW_SPORT,		/* u16 */
	CERTGATE_A_FLOW_DPORT,		/* u16 */
	__CERTGATE_A_FLOW_MAX,
	CERTGATE_A_FLOW_MAX = __CERTGATE_A_FLOW_MAX - 1
};

#endif /* _UAPI_LINUX_CERTGATE_H */
