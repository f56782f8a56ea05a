/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The typed and validated configuration. A struct cg_config is made by the loader, is never changed after that, and is
 * freed whole; nothing in it is secret. Files it names (certificates, keys) were not opened: their paths are kept with
 * the place where they stand, so that whoever opens them can say FILE:LINE:COL.
 *
 * Called by main (which loads it and hands parts on) and by `certgate check`.
 */
#ifndef CERTGATE_CONFIG_CONFIG_H
#define CERTGATE_CONFIG_CONFIG_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/log.h"
#include "config/diag.h"
#include "config/vault_url.h"

#define CG_CONFIG_PATH "/etc/certgate/certgate.yaml"

#define CG_NAT_PORT 4500 /* IKE behind a NAT and ESP in UDP (RFC 3948) */

/* Limits. Names fit twice, with a slash, into the module's label of 63 bytes. */
#define CG_NAME_MAX		31 /* of a connection or child */
#define CG_CONNECTIONS_MAX	16384
#define CG_CHILDREN_MAX		64 /* a connection */
#define CG_NETWORKS_MAX		32 /* a side of a child */
#define CG_POLICIES_MAX		256
#define CG_LISTEN_MAX		64
#define CG_UNDERLAYS_MAX	16 /* different pairs of interface.vrf and interface.mark */
#define CG_SOCKETS_MAX		(2 * CG_LISTEN_MAX + 8 * CG_UNDERLAYS_MAX) /* IKE's */
#define CG_ROLE_MEMBERS_MAX	64					   /* a role */
#define CG_CHAIN_FILES_MAX	64
#define CG_CRL_FILES_MAX	32    /* a connection */
#define CG_GRACE_DEFAULT	86400 /* seconds: revocation_grace */
#define CG_GRACE_MAX		2592000
#define CG_FETCH_NETWORKS_MAX	64
#define CG_ADDRESSES_MAX	64 /* of an interface */
#define CG_PROPOSALS_MAX	16 /* a policy's IKE or IPsec part */
#define CG_TRANSFORMS_MAX	96 /* a proposal */
#define CG_GROUPS_MAX		16
#define CG_HARDWARE_MAX		16 /* keys in hardware, one process each */
#define CG_HARDWARE_URI_MAX	1000
#define CG_HARDWARE_NAME_MAX	63
#define CG_HARDWARE_PATH_MAX	1000
#define CG_HARDWARE_GROUPS_MAX	8
#define CG_HARDWARE_ENV_MAX	16
#define CG_HARDWARE_ENV_SIZE	512
#define CG_CONFIG_FILE_MAX	((size_t)8 * 1024 * 1024)
#define CG_CONFIG_FILES_MAX	1024
#define CG_CONFIG_INCLUDE_DEPTH 8

/* IANA "IKEv2 Parameters", transform types (RFC 7296 section 3.3.2). */
enum cg_transform_type {
	CG_TRANSFORM_ENCR = 1,
	CG_TRANSFORM_PRF = 2,
	CG_TRANSFORM_INTEG = 3,
	CG_TRANSFORM_KE = 4,
	CG_TRANSFORM_ESN = 5,
};

/* Additional key exchanges (RFC 9370 section 2.2.1) have the types that follow; their values are those of CG_TRANSFORM_KE. */
#define CG_TRANSFORM_ADDKE1 6
#define CG_ADDKE_MAX	    7

/* One transform by IANA's numbers. */
struct cg_transform {
	uint8_t type; /* enum cg_transform_type, or an additional key exchange's */
	uint16_t id;
	uint16_t keylen; /* bits, the Key Length attribute; 0: none is sent */
};

/*
 * One proposal. IKE: ENCR, PRF, KE, and INTEG unless the ciphers are AEAD. ESP: ENCR, INTEG unless AEAD, and ESN; no KE, which struct
 * cg_pfs adds. Both may have additional key exchanges. Transforms of a type stand in order of preference. A proposal never mixes AEAD and other ciphers.
 */
struct cg_proposal {
	struct cg_transform transforms[CG_TRANSFORMS_MAX];
	size_t n_transforms;
};

/* Key exchange of Child SAs after the first (which uses the IKE SA's). Groups by IANA's numbers, in order of preference. */
struct cg_pfs {
	uint16_t offer[CG_GROUPS_MAX]; /* empty: none is offered */
	size_t n_offer;
	uint16_t accept[CG_GROUPS_MAX];
	size_t n_accept;
	bool accept_none; /* a peer's request without KE is answered, not refused */
};

struct cg_policy {
	char *name;
	struct cg_location loc; /* file == NULL: built in */

	struct cg_proposal *ike; /* in order of preference */
	size_t n_ike;
	uint32_t ike_lifetime_seconds;

	struct cg_proposal *esp;
	size_t n_esp;
	struct cg_pfs pfs;
	uint32_t esp_lifetime_seconds;
	uint64_t esp_lifetime_bytes;   /* 0: no limit */
	uint64_t esp_lifetime_packets; /* 0: no limit */

	bool allow_sha1_signatures; /* AUTH of the peer, method 1 with SHA-1 */
	char *weak; /* the values that need an explicit choice, as text; NULL if there are none */
};

/* A file or other source that is opened later, with the place that names it. text == NULL: not configured. */
struct cg_source {
	const char *
		text; /* one of cg_config.texts: a path; absolute if the configuration's own was; or a vault's URL */
	bool vault;		/* it is a URL, as cg_vault_url_format() writes it */
	const char *connection; /* the name of the one that it stands in; NULL: in none */
	const char *key;	/* one of cg_config.keys, below that: "outbound_certificate.key" */
	struct cg_location loc;
};

#define CG_SOURCE_KEY_SIZE 128
/* "connections[hq].outbound_certificate.key"; NULL if it is not configured. */
const char *cg_source_key(const struct cg_source *s, char buf[CG_SOURCE_KEY_SIZE]);

/* What the process of a key in hardware may reach once the key is open. */
enum cg_hardware_access {
	CG_ACCESS_NONE,	   /* what it has open by then, such as a TPM's device */
	CG_ACCESS_FILES,   /* files and local sockets, as the user and groups it runs as */
	CG_ACCESS_NETWORK, /* that and the network */
};

/* A private key in hardware. */
struct cg_hardware {
	struct cg_source store;	 /* text: an OpenSSL store URI without any secret in it */
	char *provider, *engine; /* of OpenSSL; one of them */
	char *module;		 /* a PKCS#11 module's path, for the engine; or NULL */
	struct cg_source pin;	 /* a file, or none */
	char **groups;		 /* Unix groups that the process is in */
	size_t n_groups;
	char **environment; /* "NAME=VALUE" */
	size_t n_environment;
	enum cg_hardware_access access;
};

enum cg_connection_mode {
	CG_MODE_DEFAULT,
	CG_MODE_INITIATOR_ONLY,
	CG_MODE_RESPONDER_ONLY,
};

enum cg_start {
	CG_START_ALWAYS,
	CG_START_ON_TRAFFIC,
	CG_START_MANUAL,
};

enum cg_encap_mode {
	CG_ENCAP_AUTO, /* UDP if a NAT was detected */
	CG_ENCAP_UDP,  /* always */
	CG_ENCAP_RAW,  /* never: behind a NAT the connection fails */
};

/* Values are those of enum certgate_df of the module. */
enum cg_df {
	CG_DF_COPY,
	CG_DF_SET,
	CG_DF_CLEAR,
};

/* Whether a peer's certificates must be known not to be revoked. Values are those of enum pki_revocation_mode. */
enum cg_revocation {
	CG_REVOCATION_WHEN_AVAILABLE, /* a revoked one is refused, an unknown one is not */
	CG_REVOCATION_REQUIRED,	      /* an unknown one is refused too */
	CG_REVOCATION_OFF,	      /* nobody is asked */
};

enum cg_remote_kind {
	CG_REMOTE_ADDRESS,
	CG_REMOTE_NAME,
	CG_REMOTE_ANY,
};

/* One traffic selector: addresses with the protocol and ports of its child (RFC 7296 section 3.13.1). */
struct cg_selector {
	struct cg_range range;
	uint8_t protocol;		/* 0: any */
	uint16_t port_first, port_last; /* 0…65535 for any */
};

struct cg_child_config {
	char *name; /* unique in the connection; the connection's name if it has only one that is not named */
	struct cg_location loc;
	struct cg_selector *local, *remote;
	size_t n_local, n_remote;
};

struct cg_interface_config {
	const char *name;	     /* one of cg_config.texts */
	struct cg_prefix *addresses; /* host bits set: an address with its network's length */
	size_t n_addresses;
	uint32_t mtu; /* 0: auto */
	uint32_t
		device_mtu; /* the same in all that are enabled on this interface: what any of them says; 0: auto */
	uint32_t mark; /* of outer packets, 0: none */
	char *vrf;     /* device outer packets are routed by; NULL: none */
	struct cg_location loc;
};

struct cg_connection {
	char *name;
	char *description; /* or NULL */
	struct cg_location loc;
	bool enabled;

	struct cg_interface_config interface;
	struct cg_addr local_address; /* AF_UNSPEC: any of the gateway's */
	enum cg_remote_kind remote_kind;
	struct cg_addr remote_address; /* if CG_REMOTE_ADDRESS */
	char *remote_name;	       /* if CG_REMOTE_NAME */
	uint16_t remote_port;	       /* 500 */

	enum cg_connection_mode mode;
	enum cg_start start;

	struct cg_child_config *children; /* at least one */
	size_t n_children;

	bool routes_install;
	uint32_t routes_table;	/* 254: main */
	uint32_t routes_metric; /* 0: the kernel's default */
	bool routes_keep;	/* while no SA is up */

	/* Ours. outbound_certificate may hold everything (.pfx, .pem); key and chain are for separate files. */
	struct cg_source outbound_certificate, outbound_key, outbound_passphrase;
	struct cg_source *outbound_chain;
	size_t n_outbound_chain;
	struct cg_hardware *hardware; /* in place of outbound_key; NULL: few have one */

	/* The peer's. */
	char *subject_name;
	struct cg_location subject_name_loc;
	bool peer_shared; /* another connection that is enabled has a peer of the same name */
	struct cg_source *inbound_chain;
	size_t n_inbound_chain;
	struct cg_source *trust_anchors;
	size_t n_trust_anchors;
	enum cg_revocation revocation;
	uint32_t revocation_grace_seconds; /* for which news count beyond their nextUpdate */
	struct cg_source *crls;
	size_t n_crls;

	const char *local_identity; /* one of cg_config.texts, or constant: "dn" or an identity */
	struct cg_location local_identity_loc;
	const char *remote_identity; /* the same: "auto", "any" or an identity */
	struct cg_location remote_identity_loc;

	const struct cg_policy *policy; /* owned by the config; never NULL */

	uint32_t dpd_delay_seconds;   /* silence after which the peer is probed */
	uint32_t dpd_timeout_seconds; /* silence after which it is given up; > delay */
	uint32_t nat_keepalive_seconds;
	uint32_t reauth_margin_seconds; /* before the binding's end, for a new authentication */

	enum cg_encap_mode encap;
	bool fragmentation;	/* RFC 7383 */
	uint16_t fragment_size; /* largest IP packet that carries an IKE fragment */
	bool initial_contact;
	bool childless; /* RFC 6023 */
	bool mobike;	/* RFC 4555 */
	bool key_log;	/* an administrator may have its keys written */
	bool send_certreq;
	bool allow_sha1_signatures; /* the connection's or its policy's */

	uint32_t replay_window; /* packets */
	bool dscp_copy;
	enum cg_df df;
};

struct cg_limits {
	uint32_t half_open;	       /* IKE SAs that are not authenticated, in all */
	uint32_t half_open_per_prefix; /* of one /24 or /56 */
	uint32_t cookie_threshold;     /* half-open IKE SAs from which a COOKIE is asked for */
};

/* What somebody may do over the control socket; each may do what the ones before may. */
enum cg_role {
	CG_ROLE_NONE,
	CG_ROLE_VIEWER,	       /* looks */
	CG_ROLE_OPERATOR,      /* brings connections up and down, loads the configuration again */
	CG_ROLE_ADMINISTRATOR, /* everything, as root */
};

struct cg_role_member {
	enum cg_role role;
	bool group;
	char *name; /* of a user or group of this system; looked up by main at its start */
	struct cg_location loc;
};

/* Getting lists and OCSP answers from where certificates say they are. */
struct cg_fetch_config {
	bool enabled;
	uint32_t timeout_seconds;   /* that a handshake waits for them at most */
	uint32_t refresh_seconds;   /* between two looks at one that is used, at most */
	struct cg_prefix *networks; /* addresses that may be asked though they are private */
	size_t n_networks;
};

/* Key vaults, and how this machine shows them who it is. */
struct cg_vault_config {
	struct cg_vault_host *hosts; /* that are vaults beside those of the public clouds */
	size_t n_hosts;
	char *resource; /* that tokens for these are asked for */
	char *metadata; /* "http://ADDRESS[:PORT]" */
	struct cg_source ca;
	/* Which identity, of several; at most one. */
	char *client_id, *object_id, *mi_res_id;
	uint32_t refresh_seconds; /* between two looks at what has no version */
};

struct cg_gateway {
	struct cg_addr *listen;
	size_t n_listen;
	struct cg_location loc, listen_loc; /* file == NULL: the default */
	uint16_t ike_port;		    /* 500 */
	char *user;
	struct cg_role_member *roles; /* who else than root may use the control socket */
	size_t n_roles;
	char *state_dir;
	uint32_t lease_seconds;
	uint32_t
		watch_files_seconds; /* between two looks at whether a certificate's file changed; 0: never */
	uint32_t verify_workers; /* 0: one a core */
	struct cg_limits limits;
	struct cg_fetch_config fetch;
	struct cg_vault_config vault;
	enum cg_log_level log_level;
};

struct cg_config {
	char **files; /* all that were read, the first is the main one; owns the names of the locations */
	char **texts; /* of sources, interfaces' names and identities: connections have them in common */
	size_t n_texts;
	char **keys; /* of sources, without their connection */
	size_t n_keys;
	struct cg_gateway gateway;
	struct cg_policy *policies; /* built-in ones included */
	size_t n_policies;
	struct cg_connection *connections; /* disabled ones included */
	size_t n_connections;
};

/*
 * Loads path with everything it includes and checks it whole. -EINVAL if there is any error, all of which are then in diags; warnings are
 * there also on success. -ENOMEM. Opens the YAML files and nothing else. diags starts as all zeros and is freed with cg_diags_done().
 */
int cg_config_load(const char *path, struct cg_diags *diags, struct cg_config **ret);
/* The same from memory, without `include`; `name` stands for the file in messages, relative paths are relative to its directory. */
int cg_config_parse(const char *text, size_t len, const char *name, struct cg_diags *diags,
		    struct cg_config **ret);
void cg_config_free(struct cg_config *c);
DEFINE_CLEANUP(struct cg_config *, cg_config_free);
#define _cleanup_config_ _cleanup_(cg_config_freep)

/* NULL if there is none of that name. */
const struct cg_connection *cg_config_find(const struct cg_config *c, const char *name);
const struct cg_policy *cg_config_find_policy(const struct cg_config *c, const char *name);

/*
 * Everything that was configured, defaults included, as documented in docs/json.md. New references, NULL if out of memory. A connection's
 * holds its whole policy, so that two connections are the same to a reload if these are json_equal().
 */
json_t *cg_config_to_json(const struct cg_config *c);
json_t *cg_connection_to_json(const struct cg_connection *c);
bool cg_connection_equal(const struct cg_connection *a, const struct cg_connection *b);
/* Adds a warning for each setting that is read at the start alone and is not as it was: loading `is` does not put it in force. */
void cg_config_warn_of_start(const struct cg_config *was, const struct cg_config *is,
			     struct cg_diags *diags);

/*
 * A name for everything that was configured of a connection: the first bytes of a SHA-256 over its JSON, the same for the same configuration
 * whoever reads it. -ENOMEM.
 */
enum { CG_DIGEST_SIZE = 8 };
int cg_connection_digest(const struct cg_connection *c, uint8_t ret[CG_DIGEST_SIZE]);

/* Names as in the YAML file. */
const char *cg_mode_to_string(enum cg_connection_mode mode);
const char *cg_role_to_string(enum cg_role role);
const char *cg_start_to_string(enum cg_start start);
const char *cg_encap_mode_to_string(enum cg_encap_mode mode);
const char *cg_df_to_string(enum cg_df df);
const char *cg_revocation_to_string(enum cg_revocation revocation);
const char *cg_hardware_access_to_string(enum cg_hardware_access access);

/* "AES_GCM_16-256" and the like; "type T id N" for one we do not know. buf is returned. */
#define CG_TRANSFORM_TEXT 48
const char *cg_transform_format(const struct cg_transform *t, char buf[CG_TRANSFORM_TEXT]);
/* "AES_GCM_16-256+AES_GCM_16-128/PRF_HMAC_SHA2_256/CURVE25519", a new string; NULL if out of memory. */
char *cg_proposal_format(const struct cg_proposal *p);

/* Calls fn with the dotted path of every key the loader knows ("gateway.listen", "connections[].mode"), for the manual's test. */
void cg_config_for_each_key(void (*fn)(const char *path, void *userdata), void *userdata);

#endif
