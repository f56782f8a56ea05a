// SPDX-License-Identifier: Apache-2.0
/*
 * Reads `outbound_certificate.key:` where it is a map: a private key in a TPM, a smart card or an HSM, by its OpenSSL store URI. Called by
 * parse_certs.c.
 */
#include "config/parse.h"

#include <ctype.h>
#include <strings.h>

static const char *const access_names[] = {
	[CG_ACCESS_NONE] = "none",
	[CG_ACCESS_FILES] = "files",
	[CG_ACCESS_NETWORK] = "network",
	NULL,
};

const char *cg_hardware_access_to_string(enum cg_hardware_access access)
{
	return access_names[access];
}

static void free_strings(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

void hardware_free(struct cg_hardware *h)
{
	if (!h)
		return;
	free(h->provider);
	free(h->engine);
	free(h->module);
	free_strings(h->groups, h->n_groups);
	free_strings(h->environment, h->n_environment);
	free(h);
}

static void replace(char **slot, char *s)
{
	free(*slot);
	*slot = s;
}

/* A URI is shown in status and log: a PIN in it (RFC 7512 section 2.4) would be too. */
static void parse_store(const struct value *v, void *object)
{
	static const char expected[] =
		"a store URI, such as handle:0x81000001 or pkcs11:token=NAME;object=NAME";
	struct cg_hardware *h = object;
	_cleanup_free_ char *s = value_string(v, CG_HARDWARE_URI_MAX, expected);

	if (!s)
		return;
	if (strcasestr(s, "pin-value=") || strcasestr(s, "pin-source=")) {
		value_error(
			v, "take it out, and name the file that holds the PIN in 'pin_file'",
			"found a PIN in a store URI, which everybody sees who may ask for the status");
		return;
	}
	if (!isalpha((unsigned char)*s) || !strchr(s, ':') || h->store.text) {
		value_expected(v, NULL, expected);
		return;
	}
	h->store.text = source_text(v->loader, TAKE_PTR(s));
	source_place(v, &h->store);
}

static void parse_name(const struct value *v, const char *expected, char **ret)
{
	_cleanup_free_ char *s = value_string(v, CG_HARDWARE_NAME_MAX, expected);

	if (!s)
		return;
	if (!name_is_valid(s, CG_HARDWARE_NAME_MAX)) {
		value_expected(v, NULL, expected);
		return;
	}
	replace(ret, TAKE_PTR(s));
}

static void parse_provider(const struct value *v, void *object)
{
	parse_name(v, "the name of an OpenSSL provider, such as tpm2",
		   &((struct cg_hardware *)object)->provider);
}

static void parse_engine(const struct value *v, void *object)
{
	parse_name(v, "the name of an OpenSSL engine: pkcs11",
		   &((struct cg_hardware *)object)->engine);
}

static void parse_module(const struct value *v, void *object)
{
	static const char expected[] = "the path of a PKCS#11 module, beginning with '/'";
	_cleanup_free_ char *s = value_string(v, CG_HARDWARE_PATH_MAX, expected);

	if (!s)
		return;
	if (*s != '/') {
		value_expected(v, NULL, expected);
		return;
	}
	replace(&((struct cg_hardware *)object)->module, TAKE_PTR(s));
}

static void parse_pin(const struct value *v, void *object)
{
	source_parse(v, "the file that holds the PIN", &((struct cg_hardware *)object)->pin);
}

static void add_string(struct loader *l, char ***list, size_t *n, char *s)
{
	char **slot = loader_grow(l, list, n, sizeof(*slot));

	if (slot)
		*slot = s;
	else
		free(s);
}

static void parse_group(const struct value *v, size_t index _unused_, void *userdata)
{
	struct cg_hardware *h = userdata;
	char *s = NULL;

	parse_name(v, "the name of a Unix group", &s);
	if (s)
		add_string(v->loader, &h->groups, &h->n_groups, s);
}

static void parse_groups(const struct value *v, void *object)
{
	value_each(v, true, 1, CG_HARDWARE_GROUPS_MAX, "names of Unix groups", parse_group, object);
}

static bool variable_is_valid(const char *s)
{
	const char *p = s;

	if (!isalpha((unsigned char)*p) && *p != '_')
		return false;
	while (isalnum((unsigned char)*p) || *p == '_')
		p++;
	return *p == '=';
}

static void parse_variable(const struct value *v, size_t index _unused_, void *userdata)
{
	static const char expected[] = "NAME=VALUE";
	struct cg_hardware *h = userdata;
	_cleanup_free_ char *s = value_string(v, CG_HARDWARE_ENV_SIZE - 1, expected);

	if (!s)
		return;
	if (!variable_is_valid(s)) {
		value_expected(v, NULL, expected);
		return;
	}
	add_string(v->loader, &h->environment, &h->n_environment, TAKE_PTR(s));
}

static void parse_environment(const struct value *v, void *object)
{
	value_each(v, true, 1, CG_HARDWARE_ENV_MAX, "variables of the environment, NAME=VALUE",
		   parse_variable, object);
}

static const struct field hardware_fields[] = {
	FIELD_IS_FN("store", parse_store),
	FIELD_IS_FN("provider", parse_provider),
	FIELD_IS_FN("engine", parse_engine),
	FIELD_IS_FN("module", parse_module),
	FIELD_IS_FN("pin_file", parse_pin),
	FIELD_IS_FN("groups", parse_groups),
	FIELD_IS_FN("environment", parse_environment),
	FIELD_NAMES("access", struct cg_hardware, access, access_names),
};
const struct schema hardware_schema = {"connections[].outbound_certificate.key", hardware_fields,
				       ARRAY_SIZE(hardware_fields)};

void hardware_parse(const struct value *v, void *connection)
{
	struct cg_connection *c = connection;
	struct cg_hardware *h = calloc(1, sizeof(*h));
	size_t errors = v->loader->diags->n_errors;
	uint64_t seen;

	if (!h) {
		v->loader->oom = true;
		return;
	}
	hardware_free(c->hardware);
	c->hardware = h;
	value_map(v, &hardware_schema, h, &seen);
	if (v->loader->diags->n_errors != errors)
		return;
	if (!h->store.text)
		value_error(v, "give the URI of the key", "'store' is missing");
	if (!h->provider == !h->engine)
		value_error(
			v,
			"a TPM's keys: 'provider: tpm2'; PKCS#11 tokens': 'engine: pkcs11' and 'module: PATH'",
			"one of 'provider' and 'engine' must say what serves the URI");
	if (h->module && !h->engine)
		value_error(
			v,
			"a provider finds its module by 'environment', OPENSSL_CONF=FILE for one",
			"'module' has no use without 'engine'");
	/* PKCS#11 modules open their tokens' files and sockets again and again. */
	if (!seen_field(&hardware_schema, seen, "access"))
		h->access = h->engine ? CG_ACCESS_FILES : CG_ACCESS_NONE;
}
