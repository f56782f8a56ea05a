// SPDX-License-Identifier: Apache-2.0
/*
 * Reads `gateway.vault:`: hosts that are key vaults beside those of the public clouds, where the metadata service is, and which
 * managed identity is used. Called by parse_gateway.c.
 */
#include "config/parse.h"

#include <ctype.h>

#define METADATA_DEFAULT "http://169.254.169.254"
#define RESOURCE_DEFAULT "https://vault.azure.net"

enum { IDENTITY_MAX = 400 };

int vault_set_defaults(struct cg_vault_config *c)
{
	c->metadata = strdup(METADATA_DEFAULT);
	c->resource = strdup(RESOURCE_DEFAULT);
	c->refresh_seconds = 3600;
	return c->metadata && c->resource ? 0 : -ENOMEM;
}

void vault_done(struct cg_vault_config *c)
{
	free(c->hosts);
	free(c->resource);
	free(c->metadata);
	free(c->client_id);
	free(c->object_id);
	free(c->mi_res_id);
}

/* NAME[:PORT] of a DNS name or an IPv4 address. */
static bool parse_host(char *s, struct cg_vault_host *ret)
{
	char *colon = strchr(s, ':');
	uint64_t port = 443;
	struct cg_addr a;

	if (colon) {
		*colon++ = '\0';
		if (parse_uint(colon, 1, 65535, &port) < 0)
			return false;
	}
	if (cg_addr_parse(s, &a) < 0 && (!dns_name_is_valid(s) || strchr(s, '_')))
		return false;
	for (char *p = s; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	*ret = (struct cg_vault_host){.port = (uint16_t)port};
	(void)snprintf(ret->name, sizeof(ret->name), "%s", s);
	return true;
}

static void host_item(const struct value *v, size_t index, void *userdata)
{
	struct cg_vault_config *c = userdata;
	_cleanup_free_ char *s = value_peek(v);
	struct cg_vault_host host, *slot;

	(void)index;
	if (!s || !parse_host(s, &host)) {
		value_expected(v, NULL, "the name of a host, with :PORT if that is not 443");
		return;
	}
	slot = loader_grow(v->loader, &c->hosts, &c->n_hosts, sizeof(*slot));
	if (slot)
		*slot = host;
}

static void parse_hosts(const struct value *v, void *object)
{
	value_each(v, true, 1, CG_VAULT_HOSTS_MAX, "a list of hosts", host_item, object);
}

static void replace(char **p, char *s)
{
	free(*p);
	*p = s;
}

static void parse_resource(const struct value *v, void *object)
{
	struct cg_vault_config *c = object;
	_cleanup_free_ char *s = value_string(v, CG_VAULT_HOST_MAX,
					      "a URL such as " RESOURCE_DEFAULT);

	if (!s)
		return;
	if (!str_starts_with(s, "https://") || strpbrk(s, " \"\\<>")) {
		value_expected(v, NULL, "a URL such as " RESOURCE_DEFAULT);
		return;
	}
	replace(&c->resource, TAKE_PTR(s));
}

/* http or https, an address, perhaps a port, and nothing else: the token is asked for there without asking for a name. */
static bool metadata_is_valid(const char *s)
{
	_cleanup_free_ char *host = NULL;
	struct cg_addr a;
	uint64_t port;
	char *end;

	if (str_starts_with(s, "http://"))
		host = strdup(s + strlen("http://"));
	else if (str_starts_with(s, "https://"))
		host = strdup(s + strlen("https://"));
	if (!host)
		return false;
	if (*host == '[') {
		end = strchr(host, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		*end++ = '\0';
		memmove(host, host + 1, strlen(host));
	} else
		end = strchr(host, ':');
	if (end && *end == ':') {
		*end++ = '\0';
		if (parse_uint(end, 1, 65535, &port) < 0)
			return false;
	}
	return cg_addr_parse(host, &a) >= 0;
}

static void parse_metadata(const struct value *v, void *object)
{
	static const char expected[] = "http://ADDRESS or http://ADDRESS:PORT";
	struct cg_vault_config *c = object;
	_cleanup_free_ char *s = value_string(v, 80, expected);

	if (!s)
		return;
	if (!metadata_is_valid(s)) {
		value_expected(v, "leave it out: " METADATA_DEFAULT " is where it is", expected);
		return;
	}
	replace(&c->metadata, TAKE_PTR(s));
}

static void parse_ca(const struct value *v, void *object)
{
	source_parse(v, "the file of the CA certificates that vouch for vaults (PEM)",
		     &((struct cg_vault_config *)object)->ca);
}

static void parse_identity(const struct value *v, const char *expected, char **ret)
{
	_cleanup_free_ char *s = value_string(v, IDENTITY_MAX, expected);

	if (!s)
		return;
	for (const char *p = s; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("-_./()", *p)) {
			value_expected(v, NULL, expected);
			return;
		}
	}
	replace(ret, TAKE_PTR(s));
}

static void parse_client_id(const struct value *v, void *object)
{
	parse_identity(v, "the client ID of a managed identity",
		       &((struct cg_vault_config *)object)->client_id);
}

static void parse_object_id(const struct value *v, void *object)
{
	parse_identity(v, "the object (principal) ID of a managed identity",
		       &((struct cg_vault_config *)object)->object_id);
}

static void parse_mi_res_id(const struct value *v, void *object)
{
	parse_identity(v, "the resource ID of a managed identity, /subscriptions/…",
		       &((struct cg_vault_config *)object)->mi_res_id);
}

static const struct field vault_fields[] = {
	FIELD_IS_FN("hosts", parse_hosts),
	FIELD_IS_FN("resource", parse_resource),
	FIELD_IS_FN("metadata", parse_metadata),
	FIELD_IS_FN("ca", parse_ca),
	FIELD_IS_FN("client_id", parse_client_id),
	FIELD_IS_FN("object_id", parse_object_id),
	FIELD_IS_FN("mi_res_id", parse_mi_res_id),
	FIELD_RANGE("refresh", FIELD_SECONDS, struct cg_vault_config, refresh_seconds, 5, 604800),
};
const struct schema vault_schema = {"gateway.vault", vault_fields, ARRAY_SIZE(vault_fields)};

void vault_parse(const struct value *v, void *gateway)
{
	struct cg_vault_config *c = &((struct cg_gateway *)gateway)->vault;

	value_map(v, &vault_schema, c, NULL);
	if (!!c->client_id + !!c->object_id + !!c->mi_res_id > 1)
		value_error(v, "one of them says which identity it is",
			    "found several of client_id, object_id and mi_res_id");
}
