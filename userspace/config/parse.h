/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers of the configuration's parts and the checks across them. Internal to userspace/config.
 */
#ifndef CERTGATE_CONFIG_PARSE_H
#define CERTGATE_CONFIG_PARSE_H

#include "config/yaml.h"

extern const struct schema top_schema, gateway_schema, limits_schema, roles_schema, fetch_schema,
	vault_schema, connection_schema, interface_schema, child_schema, routes_schema,
	outbound_schema, hardware_schema, inbound_schema;

/* Defaults of the gateway; -ENOMEM. */
int gateway_set_defaults(struct cg_gateway *g);
/* Reads `gateway:`; object is the loader's config. */
void gateway_parse(const struct value *v, void *config);
void gateway_done(struct cg_gateway *g);

/* `gateway.vault:`; object is the gateway. */
int vault_set_defaults(struct cg_vault_config *c);
void vault_parse(const struct value *v, void *gateway);
void vault_done(struct cg_vault_config *c);

/* Reads one item of `connections:`. */
void connection_parse(const struct value *v, size_t index, void *unused);
void connection_done(struct cg_connection *c);

/* Readers of single values; a finding and false if they are not what the name says. */
bool read_address(const struct value *v, const char *expected, struct cg_addr *ret);
/* `interface:` of a connection. */
void interface_parse(const struct value *v, void *connection);
/* `outbound_certificate:` and `inbound_certificate:` of a connection. */
void outbound_parse(const struct value *v, void *connection);
void inbound_parse(const struct value *v, void *connection);
/* Where it stands in the configuration. */
void source_place(const struct value *v, struct cg_source *ret);
/* A text that connections may have in common, which the configuration owns from now on. NULL if text is, or there is no memory. */
const char *source_text(struct loader *l, char *text);
/* Reads the path of a file; what: "the file of …". */
void source_parse(const struct value *v, const char *what, struct cg_source *ret);
/* `outbound_certificate.key:` as a map, a key in hardware; object is the connection. */
void hardware_parse(const struct value *v, void *connection);
void hardware_free(struct cg_hardware *h);
/* `children:`, `local_networks:` and `remote_networks:`. */
void children_parse(const struct value *v, void *connection);
void local_networks_parse(const struct value *v, void *connection);
void remote_networks_parse(const struct value *v, void *connection);
void child_done(struct cg_child_config *c);
/* After a child was read: families on both sides, ports with a protocol. */
void child_check(const struct value *v, struct cg_child_config *c);

/* Whether a name may be a connection's, child's or interface's, and what may be in it. */
bool name_is_valid(const char *s, size_t max);
bool interface_name_is_valid(const char *s);
/* Whether it could be a DNS name (RFC 1123 section 2.1). */
bool dns_name_is_valid(const char *s);

/* Everything that only shows when all is read: policies' names, connections that cannot be told apart, equal selectors … */
void config_check(struct loader *l);
/* check_routes.c */
void config_check_routes(struct loader *l);

#endif
