// SPDX-License-Identifier: Apache-2.0
/*
 * The built-in policies, as a table of names, and how the table becomes proposals. Called by the loader.
 */
#include "config/names.h"
#include "config/policy.h"

struct builtin {
	const char *name;
	const char *ike[2],
		*ipsec[4]; /* proposals: names of ciphers, '/' , names of integrity, PRF or groups */
	uint32_t ike_lifetime, esp_lifetime;
	uint64_t esp_kilobytes;
	const char *pfs_offer, *pfs_accept;
	bool accept_none, allow_sha1_signatures;
};

/* Parts: ciphers / integrity / PRF / groups for IKE; ciphers / integrity for ESP. */
static const struct builtin builtins[] = {
	{
		.name = "default",
		.ike = {"GCMAES256 GCMAES128 CHACHA20//SHA256 SHA384 SHA512/CURVE25519 ECP256 ECP384 14",
			"AES256 AES128/SHA256 SHA384 SHA512/SHA256 SHA384 SHA512/CURVE25519 ECP256 ECP384 14"},
		.ipsec = {"GCMAES256 GCMAES128 CHACHA20/", "AES256 AES128/SHA256 SHA384 SHA512"},
		.ike_lifetime = 28800,
		.esp_lifetime = 27000,
		.esp_kilobytes = 102400000,
		.pfs_offer = "CURVE25519 ECP256 ECP384 14",
		.pfs_accept = "CURVE25519 ECP256 ECP384 14",
		.accept_none = true,
	},
	{
		/* What the service negotiates with a connection that has no custom policy. */
		.name = "azure-default",
		.ike = {"AES256 AES128/SHA256 SHA1/SHA256 SHA1/2"},
		.ipsec = {"GCMAES256/", "AES256/SHA1", "AES256/SHA256", "AES128/SHA1"},
		.ike_lifetime = 28800,
		.esp_lifetime = 27000,
		.esp_kilobytes = 102400000,
		.pfs_offer = "",
		.pfs_accept = "2 14 24",
		.accept_none = true,
		.allow_sha1_signatures = true,
	},
	{
		/* The strong half of what a custom policy of that service can name. */
		.name = "azure-custom",
		.ike = {"GCMAES256 GCMAES128//SHA384 SHA256/ECP384 ECP256 14",
			"AES256 AES192 AES128/SHA384 SHA256/SHA384 SHA256/ECP384 ECP256 14"},
		.ipsec = {"GCMAES256 GCMAES192 GCMAES128/", "AES256 AES192 AES128/SHA256"},
		.ike_lifetime = 28800,
		.esp_lifetime = 27000,
		.esp_kilobytes = 102400000,
		.pfs_offer = "ECP384 ECP256 14",
		.pfs_accept = "ECP384 ECP256 14",
		.accept_none = true,
	},
};

/* Reads names separated by blanks up to '/' or the end. They are our own: an unknown one is a mistake in the table. */
static const char *add_names(const char *s, enum cg_transform_type type, struct list *list)
{
	while (*s && *s != '/') {
		size_t n = strcspn(s, " /");
		struct cg_transform t = {0};
		const char *text;
		char name[32];

		(void)snprintf(name, sizeof(name), "%.*s", (int)n, s);
		if (algorithm_lookup(type, name, &t, &text) != NAME_OK)
			abort();
		policy_list_add(list, &t);
		s += n;
		s += *s == ' ';
	}
	return *s == '/' ? s + 1 : s;
}

static void parse_builtin_proposal(const char *s, bool is_ike, struct cg_proposal *ret)
{
	static const enum cg_transform_type parts[] = {CG_TRANSFORM_ENCR, CG_TRANSFORM_INTEG,
						       CG_TRANSFORM_PRF, CG_TRANSFORM_KE};

	for (size_t i = 0; i < (is_ike ? 4 : 2); i++) {
		struct list list = {0};

		s = add_names(s, parts[i], &list);
		policy_add_list(ret, &list);
	}
	if (!is_ike) {
		policy_add(ret, &(struct cg_transform){CG_TRANSFORM_ESN, 1, 0});
		policy_add(ret, &(struct cg_transform){CG_TRANSFORM_ESN, 0, 0});
	}
}

static size_t parse_groups(const char *s, uint16_t groups[CG_GROUPS_MAX])
{
	struct list list = {0};

	(void)add_names(s, CG_TRANSFORM_KE, &list);
	for (size_t i = 0; i < list.n && i < CG_GROUPS_MAX; i++)
		groups[i] = list.items[i].id;
	return list.n;
}

int policies_add_builtin(struct loader *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++) {
		const struct builtin *b = &builtins[i];
		struct cg_policy *p = loader_grow(l, &l->config->policies, &l->config->n_policies,
						  sizeof(*p));

		if (!p)
			return -ENOMEM;
		p->name = strdup(b->name);
		p->ike = calloc(ARRAY_SIZE(b->ike), sizeof(*p->ike));
		p->esp = calloc(ARRAY_SIZE(b->ipsec), sizeof(*p->esp));
		if (!p->name || !p->ike || !p->esp)
			return -ENOMEM;
		while (p->n_ike < ARRAY_SIZE(b->ike) && b->ike[p->n_ike]) {
			parse_builtin_proposal(b->ike[p->n_ike], true, &p->ike[p->n_ike]);
			p->n_ike++;
		}
		while (p->n_esp < ARRAY_SIZE(b->ipsec) && b->ipsec[p->n_esp]) {
			parse_builtin_proposal(b->ipsec[p->n_esp], false, &p->esp[p->n_esp]);
			p->n_esp++;
		}
		p->ike_lifetime_seconds = b->ike_lifetime;
		p->esp_lifetime_seconds = b->esp_lifetime;
		p->esp_lifetime_bytes = b->esp_kilobytes * 1024;
		p->pfs.n_offer = parse_groups(b->pfs_offer, p->pfs.offer);
		p->pfs.n_accept = parse_groups(b->pfs_accept, p->pfs.accept);
		p->pfs.accept_none = b->accept_none;
		p->allow_sha1_signatures = b->allow_sha1_signatures;
		p->weak = policy_describe_weak(p);
	}
	return 0;
}

bool policy_is_builtin(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
		if (streq(builtins[i].name, name))
			return true;
	return false;
}

const char *policy_nearest_builtin(const char *name)
{
	const char *names[ARRAY_SIZE(builtins)];

	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
		names[i] = builtins[i].name;
	return str_nearest(name, names, ARRAY_SIZE(names));
}
