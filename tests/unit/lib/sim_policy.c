// SPDX-License-Identifier: Apache-2.0
/* Policies for the nodes of a simulation. */
#include <stdio.h>
#include <string.h>

#include "kem.h"
#include "sim.h"

/* TEST_KEM_768, ADDKE1_TEST_KEM_1024 and the like, which have no name of IANA's. */
static bool kem_parse(const char *name, struct ike_policy_transform *ret)
{
	bool first = !strncmp(name, "TEST_KEM_", 9), more = !strncmp(name, "ADDKE", 5);
	const char *kem = first ? name : name + 7;

	if (!first && (!more || strlen(name) < 8 || strncmp(kem, "TEST_KEM_", 9) != 0))
		return false;
	*ret = (struct ike_policy_transform){
		.type = first ? IKE_TRANSFORM_KE : (uint8_t)(IKE_TRANSFORM_ADDKE1 + name[5] - '1'),
		.id = strcmp(kem, "TEST_KEM_768") ? TEST_KEM_1024 : TEST_KEM_768,
	};
	return true;
}

void sim_policy(struct ike_policy *ret, uint8_t protocol, const char *names)
{
	char copy[512], *save = NULL;
	const char *why = NULL;

	memset(ret, 0, sizeof(*ret));
	ret->protocol = protocol;
	ret->n = 1;
	(void)snprintf(copy, sizeof(copy), "%s", names);
	for (char *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		struct ike_policy_proposal *p = &ret->proposals[ret->n - 1];

		if (!strcmp(name, ",")) {
			assert_true(ret->n < IKE_POLICY_PROPOSALS);
			ret->n++;
			continue;
		}
		if (!kem_parse(name, &p->transforms[p->n]) &&
		    ike_policy_transform_parse(name, &p->transforms[p->n]) < 0)
			fail_msg("no transform is called %s", name);
		p->n++;
	}
	if (ike_policy_check(ret, &why) < 0)
		fail_msg("policy %s: %s", names, why);
}

void sim_additional(struct sim_node *n, struct sim_conn *c, const char *ike, const char *esp)
{
	size_t i = (size_t)(c - n->conns);

	assert_true(i < sizeof(n->policies) / sizeof(n->policies[0]));
	sim_policy(&n->policies[i][0], IKE_PROTOCOL_IKE, ike);
	sim_policy(&n->policies[i][1], IKE_PROTOCOL_ESP, esp);
	c->config.ike_policy = &n->policies[i][0];
	c->config.esp_policy = &n->policies[i][1];
}

void sim_pair_additional(struct sim_node *a, struct sim_node *b)
{
	struct sim_node *nodes[] = {a, b};

	for (size_t i = 0; i < 2; i++)
		sim_additional(nodes[i], &nodes[i]->conns[0], SIM_IKE_ADDITIONAL,
			       SIM_ESP_ADDITIONAL);
}
