// SPDX-License-Identifier: Apache-2.0
/*
 * What one does with a loaded configuration: find, compare and free; and the list of all keys. Called by main, the
 * command line, and the manual's test.
 */
#include "config/config.h"

#include "config/parse.h"
#include "config/policy.h"

void cg_config_free(struct cg_config *c)
{
	if (!c)
		return;
	gateway_done(&c->gateway);
	for (size_t i = 0; i < c->n_connections; i++)
		connection_done(&c->connections[i]);
	free(c->connections);
	for (size_t i = 0; i < c->n_policies; i++)
		policy_done(&c->policies[i]);
	free(c->policies);
	strv_free(c->files);
	for (size_t i = 0; i < c->n_texts; i++)
		free(c->texts[i]);
	free(c->texts);
	for (size_t i = 0; i < c->n_keys; i++)
		free(c->keys[i]);
	free(c->keys);
	free(c);
}

const char *cg_source_key(const struct cg_source *s, char buf[CG_SOURCE_KEY_SIZE])
{
	if (!s->key || !s->connection)
		return s->key;
	(void)snprintf(buf, CG_SOURCE_KEY_SIZE, "connections[%s].%s", s->connection, s->key);
	return buf;
}

const struct cg_connection *cg_config_find(const struct cg_config *c, const char *name)
{
	for (size_t i = 0; i < c->n_connections; i++)
		if (streq_ptr(c->connections[i].name, name))
			return &c->connections[i];
	return NULL;
}

const struct cg_policy *cg_config_find_policy(const struct cg_config *c, const char *name)
{
	for (size_t i = 0; i < c->n_policies; i++)
		if (streq_ptr(c->policies[i].name, name))
			return &c->policies[i];
	return NULL;
}

bool cg_connection_equal(const struct cg_connection *a, const struct cg_connection *b)
{
	_cleanup_json_ json_t *ja = cg_connection_to_json(a), *jb = cg_connection_to_json(b);

	return ja && jb && json_equal(ja, jb);
}

static bool roles_equal(const struct cg_gateway *a, const struct cg_gateway *b)
{
	if (a->n_roles != b->n_roles)
		return false;
	for (size_t i = 0; i < a->n_roles; i++) {
		if (a->roles[i].role != b->roles[i].role ||
		    a->roles[i].group != b->roles[i].group ||
		    !streq_ptr(a->roles[i].name, b->roles[i].name))
			return false;
	}
	return true;
}

void cg_config_warn_of_start(const struct cg_config *was, const struct cg_config *is,
			     struct cg_diags *diags)
{
	const struct cg_gateway *a = &was->gateway, *b = &is->gateway;
	const struct {
		const char *key;
		bool changed;
	} settings[] = {
		{"gateway.user", !streq_ptr(a->user, b->user)},
		{"gateway.roles", !roles_equal(a, b)},
		{"gateway.state_dir", !streq_ptr(a->state_dir, b->state_dir)},
		{"gateway.verify_workers", a->verify_workers != b->verify_workers},
		{"gateway.limits",
		 a->limits.half_open != b->limits.half_open ||
			 a->limits.half_open_per_prefix != b->limits.half_open_per_prefix ||
			 a->limits.cookie_threshold != b->limits.cookie_threshold},
	};

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (settings[i].changed)
			cg_diags_add(diags, CG_DIAG_WARNING, &b->loc, settings[i].key,
				     "'certgate restart' is a start, and loses no packet",
				     "has changed, and counts from the next start on");
}

static void schema_keys(const struct schema *s, void (*fn)(const char *path, void *userdata),
			void *userdata)
{
	for (size_t i = 0; i < s->n_fields; i++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "%s%s%s", s->path, *s->path ? "." : "",
			       s->fields[i].name);
		fn(path, userdata);
		if (s->fields[i].sub)
			schema_keys(s->fields[i].sub, fn, userdata);
	}
}

void cg_config_for_each_key(void (*fn)(const char *path, void *userdata), void *userdata)
{
	schema_keys(&top_schema, fn, userdata);
}
