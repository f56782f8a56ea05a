/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies: the built-in ones, and those of the configuration, which change one. Internal to userspace/config.
 */
#ifndef CERTGATE_CONFIG_POLICY_H
#define CERTGATE_CONFIG_POLICY_H

#include "config/yaml.h"

/* Adds `default`, `azure-default` and `azure-custom` to the config. -ENOMEM. */
int policies_add_builtin(struct loader *l);
/* Reads the map of `policies:`. */
void policies_parse(const struct value *v, void *config);
void policy_done(struct cg_policy *p);

/* Transforms of one type, each once. */
struct list {
	struct cg_transform items[CG_TRANSFORMS_MAX];
	size_t n;
	bool given;
};

bool policy_list_has(const struct list *list, const struct cg_transform *t);
void policy_list_add(struct list *list, const struct cg_transform *t);
void policy_add(struct cg_proposal *p, const struct cg_transform *t);
void policy_add_list(struct cg_proposal *p, const struct list *list);
/* The text of cg_policy.weak: new, NULL if nothing is weak. */
char *policy_describe_weak(const struct cg_policy *p);

bool policy_is_builtin(const char *name);
/* The built-in policy that was meant, or NULL. */
const char *policy_nearest_builtin(const char *name);

extern const struct schema policy_schema, policy_ike_schema, policy_ipsec_schema;

#endif
