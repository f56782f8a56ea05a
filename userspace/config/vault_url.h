/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs of certificates and secrets in Azure Key Vault: "https://NAME.vault.azure.net/certificates/CERT[/VERSION]" and the same with
 * "secrets". Which hosts are vaults is decided here, for the configuration and again for the process that speaks with them.
 */
#ifndef CERTGATE_CONFIG_VAULT_URL_H
#define CERTGATE_CONFIG_VAULT_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"

enum {
	CG_VAULT_HOST_MAX = 253,
	CG_VAULT_NAME_MAX = 127,   /* of a certificate, secret or key */
	CG_VAULT_VERSION_LEN = 32, /* hexadecimal digits */
	CG_VAULT_URL_MAX = 512,	   /* with the NUL */
	CG_VAULT_HOSTS_MAX = 32,
	CG_VAULT_TEXT_MAX = 200,
};

/* A host that is a vault because the configuration says so. */
struct cg_vault_host {
	char name[CG_VAULT_HOST_MAX + 1]; /* lower case, or an IP address */
	uint16_t port;
};

struct cg_vault_url {
	char host[CG_VAULT_HOST_MAX + 1]; /* lower case */
	uint16_t port;			  /* 443 unless the URL says otherwise */
	bool certificate;		  /* false: a secret */
	char name[CG_VAULT_NAME_MAX + 1];
	char version[CG_VAULT_VERSION_LEN + 1]; /* lower case; empty: the newest */
};

/*
 * Takes a URL apart; letter case of the host and of the collection does not matter. -EINVAL with what is wrong in text ("the port is
 * 8443; …"). Says nothing about the host: cg_vault_resource() does.
 */
int cg_vault_url_parse(const char *s, struct cg_vault_url *ret, char text[CG_VAULT_TEXT_MAX]);
/* The one way to write it, into buf, which is returned. */
const char *cg_vault_url_format(const struct cg_vault_url *u, char buf[CG_VAULT_URL_MAX]);

/*
 * The resource that a token for this vault is asked for: "https://vault.azure.net", of its own cloud; `other` if it is one of hosts. NULL:
 * no vault. That is a name of one label below vault.azure.net, vault.azure.cn or vault.usgovcloudapi.net, at port 443, or one of hosts.
 */
const char *cg_vault_resource(const struct cg_vault_url *u, const struct cg_vault_host *hosts,
			      size_t n_hosts, const char *other);

/*
 * The name and version in an identifier that a vault gave, "https://HOST/keys/NAME/VERSION", if it is one of that collection at u's host.
 * -EBADMSG.
 */
int cg_vault_id_parse(const char *id, const struct cg_vault_url *u, const char *collection,
		      char ret_name[CG_VAULT_NAME_MAX + 1],
		      char ret_version[CG_VAULT_VERSION_LEN + 1]);

/* Letters, digits and hyphens; hexadecimal digits. */
bool cg_vault_name_is_valid(const char *s);
bool cg_vault_version_is_valid(const char *s);

#endif
