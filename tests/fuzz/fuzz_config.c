// SPDX-License-Identifier: Apache-2.0
/*
 * The configuration's loader. Whatever the file holds, it is either refused with at least one error, or gives a
 * configuration within its bounds that prints as JSON and is equal to itself. Messages never hold a control character.
 */
#include "lib/fuzz.h"

#include <string.h>

#include "config/config.h"

const char *__lsan_default_suppressions(void);

/*
 * libfyaml 0.7.12 loses 4 KiB in fy_atom_iter_chunk_next() where a scalar over several lines cannot be formatted. Only here: that
 * we free what it gave us is for the unit tests to see, which know nothing of this.
 */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so";
}

static void check_text(const char *s)
{
	for (; s && *s; s++)
		MUST((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void check_proposals(const struct cg_proposal *p, size_t n)
{
	MUST(n > 0 && n <= CG_PROPOSALS_MAX);
	for (size_t i = 0; i < n; i++) {
		char *s = cg_proposal_format(&p[i]);

		MUST(p[i].n_transforms > 0 && p[i].n_transforms <= CG_TRANSFORMS_MAX);
		MUST(s);
		free(s);
	}
}

static void check_config(const struct cg_config *c)
{
	json_t *json = cg_config_to_json(c);

	MUST(json);
	json_decref(json);
	MUST(c->n_connections <= CG_CONNECTIONS_MAX);
	for (size_t i = 0; i < c->n_policies; i++) {
		check_proposals(c->policies[i].ike, c->policies[i].n_ike);
		check_proposals(c->policies[i].esp, c->policies[i].n_esp);
	}
	for (size_t i = 0; i < c->n_connections; i++) {
		const struct cg_connection *x = &c->connections[i];

		MUST(x->name && *x->name && strlen(x->name) <= CG_NAME_MAX);
		MUST(cg_config_find(c, x->name) == x);
		MUST(x->interface.name && x->policy && x->subject_name &&
		     x->outbound_certificate.text);
		MUST(x->local_identity && x->remote_identity);
		MUST((x->remote_kind == CG_REMOTE_NAME) == (x->remote_name != NULL));
		MUST(x->n_inbound_chain + x->n_trust_anchors > 0);
		MUST(x->dpd_delay_seconds < x->dpd_timeout_seconds);
		MUST(x->n_children > 0 && x->n_children <= CG_CHILDREN_MAX);
		for (size_t k = 0; k < x->n_children; k++) {
			MUST(x->children[k].name);
			MUST(x->children[k].n_local > 0 &&
			     x->children[k].n_local <= CG_NETWORKS_MAX);
			MUST(x->children[k].n_remote > 0 &&
			     x->children[k].n_remote <= CG_NETWORKS_MAX);
		}
		MUST(cg_connection_equal(x, x));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cg_config *config = NULL;
	struct cg_diags diags = {0};
	int r;

	r = cg_config_parse((const char *)data, size, "/etc/certgate/certgate.yaml", &diags,
			    &config);
	MUST(r == 0 || r == -EINVAL);
	MUST((r == 0) == (config != NULL));
	MUST((r == 0) == (diags.n_errors == 0));
	MUST(diags.n <= CG_DIAG_MAX && diags.n <= diags.n_errors + diags.n_warnings);
	for (size_t i = 0; i < diags.n; i++) {
		check_text(diags.items[i].text);
		check_text(diags.items[i].key);
		check_text(diags.items[i].hint);
	}
	if (config)
		check_config(config);
	cg_config_free(config);
	cg_diags_done(&diags);
	return 0;
}
