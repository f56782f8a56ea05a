/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that are in key vaults, as main sees to it. */
#ifndef CERTGATE_DAEMON_VAULTING_H
#define CERTGATE_DAEMON_VAULTING_H

#include <jansson.h>

#include "config/config.h"
#include "daemon/proto_fetch.h"
#include "daemon/proto_vault.h"

struct conn;
struct gateway;
struct vaulting;

bool vaulting_needed(const struct cg_config *config);
/* A configuration is to be loaded: `vault` is started if it names vaults. */
int vaulting_want(struct gateway *g, const struct cg_config *config);
/* Whether those that it takes are there. */
bool vaulting_ready(struct gateway *g, const struct cg_config *config);
/* Tells `vault` whom it may ask, and key what will be wanted. What is wrong goes to diags. */
void vaulting_stage(struct gateway *g, const struct cg_config *config, uint32_t generation,
		    struct cg_diags *diags);
/* A load came to nothing: what is in force counts again. */
void vaulting_restore(struct gateway *g);
/* A configuration was put in force. */
void vaulting_applied(struct gateway *g);
/* `vault` is ready. */
void vaulting_tell_vault(struct gateway *g);
void vaulting_vault_lost(struct gateway *g);
void vaulting_fetch_lost(struct gateway *g);
void vaulting_on_resolve(struct gateway *g, const char *name);
/* true: it was for `vault`, and is done with. */
bool vaulting_on_resolved(struct gateway *g, const struct proto_resolved *a);
void vaulting_on_state(struct gateway *g, const struct proto_vault_state *s);
void vaulting_stop(struct gateway *g);
/* A new reference; NULL: the connection's certificate is not in a vault. */
json_t *vaulting_json(const struct conn *c);

#endif
