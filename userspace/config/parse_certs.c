// SPDX-License-Identifier: Apache-2.0
/*
 * Reads `outbound_certificate:` and `inbound_certificate:`: which files hold what, not what is in them. A relative path belongs
 * to the directory of the file in which it stands; "credential:NAME" is a systemd credential. Called by parse_connection.c.
 */
#include "config/parse.h"

#include <ctype.h>
#include <strings.h>

#define CREDENTIAL_PREFIX      "credential:"
#define CREDENTIAL_DIR_DEFAULT "/run/credentials/certgated.service"

/* Connections that stand beside each other mostly have the same files: so many are looked through for one that is there already. */
#define TEXTS_RECENT 16

const char *source_text(struct loader *l, char *text)
{
	struct cg_config *c = l->config;
	char **slot;

	if (!text)
		return NULL;
	for (size_t i = c->n_texts; i > 0 && c->n_texts - i < TEXTS_RECENT; i--) {
		if (streq(c->texts[i - 1], text)) {
			free(text);
			return c->texts[i - 1];
		}
	}
	slot = loader_grow(l, &c->texts, &c->n_texts, sizeof(*slot));
	if (!slot) {
		free(text);
		return NULL;
	}
	return *slot = text;
}

/* Each connection's sources are at the same few keys, so all are looked through. */
static const char *source_key(struct loader *l, const char *key)
{
	struct cg_config *c = l->config;
	char *copy, **slot;

	for (size_t i = 0; i < c->n_keys; i++) {
		if (streq(c->keys[i], key))
			return c->keys[i];
	}
	copy = loader_strdup(l, key);
	slot = copy ? loader_grow(l, &c->keys, &c->n_keys, sizeof(*slot)) : NULL;
	if (!slot) {
		free(copy);
		return NULL;
	}
	return *slot = copy;
}

void source_place(const struct value *v, struct cg_source *ret)
{
	/* Which connection it is says connection_parse() when it has its name. */
	const char *below = str_starts_with(v->key, "connections[") ? strstr(v->key, "].") : NULL;

	ret->key = source_key(v->loader, below ? below + strlen("].") : v->key);
	ret->loc = v->loc;
}

/* "pkcs11:…", "https://…": letters, digits, '+', '-', '.' before a colon (RFC 3986 section 3.1), two at least. */
static size_t uri_scheme_len(const char *s)
{
	size_t n = 0;

	if (!isalpha((unsigned char)*s))
		return 0;
	while (isalnum((unsigned char)s[n]) || s[n] == '+' || s[n] == '-' || s[n] == '.')
		n++;
	return n >= 2 && s[n] == ':' ? n : 0;
}

/* The directory of a configuration file, with its slash. */
static size_t dir_len(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? (size_t)(slash - file) + 1 : 0;
}

static char *resolve_path(const struct value *v, const char *s)
{
	char *path;

	if (str_starts_with(s, CREDENTIAL_PREFIX)) {
		const char *name = s + strlen(CREDENTIAL_PREFIX),
			   *dir = getenv("CREDENTIALS_DIRECTORY");

		if (!name_is_valid(name, 255)) {
			value_expected(v, NULL,
				       "the name of a systemd credential after 'credential:'");
			return NULL;
		}
		path = str_printf("%s/%s", dir && *dir ? dir : CREDENTIAL_DIR_DEFAULT, name);
	} else if (*s == '/') {
		path = strdup(s);
	} else {
		path = str_printf("%.*s%s", (int)dir_len(v->loc.file), v->loc.file, s);
	}
	if (!path)
		v->loader->oom = true;
	return path;
}

/* "https://…": a certificate or secret in a vault. Whether its host is one shows when all is read. */
static void read_vault_url(const struct value *v, const char *s, struct cg_source *ret)
{
	char text[CG_VAULT_TEXT_MAX], url[CG_VAULT_URL_MAX];
	struct cg_vault_url u;

	if (cg_vault_url_parse(s, &u, text) < 0) {
		value_error(v, "https://NAME.vault.azure.net/certificates/CERT",
			    "found '%.200s', which is no URL of a key vault's certificate: %s", s,
			    text);
		return;
	}
	if (ret->text)
		return;
	ret->text = source_text(v->loader, loader_strdup(v->loader, cg_vault_url_format(&u, url)));
	ret->vault = true;
	source_place(v, ret);
}

/* Reads one path. what: "the file of …". */
static void read_source(const struct value *v, const char *what, bool may_be_uri, bool may_be_vault,
			struct cg_source *ret)
{
	_cleanup_free_ char *s = value_string(v, 4000, what);
	size_t scheme;

	if (!s)
		return;
	scheme = uri_scheme_len(s);
	if (scheme && !str_starts_with(s, CREDENTIAL_PREFIX)) {
		if (may_be_vault && strncasecmp(s, "https:", strlen("https:")) == 0)
			read_vault_url(v, s, ret);
		else if (may_be_uri)
			value_error(
				v,
				"a key in hardware: key: {store: URI, provider: NAME}, with its certificate in a file; a file whose name has a colon: ./NAME",
				"found an OpenSSL store URI (%.*s:) where a file is expected",
				(int)scheme, s);
		else
			value_expected(v, "for a file whose name has a colon write ./NAME", what);
		return;
	}
	if (ret->text)
		return;
	ret->text = source_text(v->loader, resolve_path(v, s));
	source_place(v, ret);
}

void source_parse(const struct value *v, const char *what, struct cg_source *ret)
{
	read_source(v, what, false, false, ret);
}

struct sources {
	struct cg_source **items;
	size_t *n;
	const char *what;
};

static void source_item(const struct value *v, size_t index, void *userdata)
{
	struct sources *sources = userdata;
	struct cg_source source = {0}, *slot;

	(void)index;
	read_source(v, sources->what, false, false, &source);
	if (!source.text)
		return;
	for (size_t i = 0; i < *sources->n; i++)
		if (streq((*sources->items)[i].text, source.text)) {
			value_warning(v, NULL, "the file stands here twice");
			return;
		}
	slot = loader_grow(v->loader, sources->items, sources->n, sizeof(*slot));
	if (slot)
		*slot = source;
}

static void read_sources(const struct value *v, const char *what, struct cg_source **items,
			 size_t *n)
{
	struct sources sources = {items, n, what};

	value_each(v, true, 1, CG_CHAIN_FILES_MAX, what, source_item, &sources);
}

static void outbound_file(const struct value *v, void *object)
{
	read_source(v, "the file of our certificate (.pfx or .pem), or a vault's URL", true, true,
		    &((struct cg_connection *)object)->outbound_certificate);
}

static void outbound_key(const struct value *v, void *object)
{
	if (value_type(v) == VALUE_MAP) {
		hardware_parse(v, object);
		return;
	}
	read_source(v, "the file of our private key, or a map with the URI of one in hardware",
		    true, false, &((struct cg_connection *)object)->outbound_key);
}

static void outbound_chain(const struct value *v, void *object)
{
	struct cg_connection *c = object;

	read_sources(v, "files of our intermediate certificates", &c->outbound_chain,
		     &c->n_outbound_chain);
}

static void outbound_passphrase(const struct value *v, void *object)
{
	read_source(v, "the file that holds the passphrase", false, false,
		    &((struct cg_connection *)object)->outbound_passphrase);
}

static const struct field outbound_fields[] = {
	FIELD_IS_FN("certificate", outbound_file),
	FIELD_IS_MAP("key", outbound_key, &hardware_schema),
	FIELD_IS_FN("chain", outbound_chain),
	FIELD_IS_FN("passphrase_file", outbound_passphrase),
};
const struct schema outbound_schema = {"connections[].outbound_certificate", outbound_fields,
				       ARRAY_SIZE(outbound_fields)};

/* What a vault gives has its key, in it or in the vault, and no passphrase. */
static void outbound_check(const struct value *v, const struct cg_connection *c, uint64_t seen)
{
	if (c->outbound_certificate.vault &&
	    (seen_field(&outbound_schema, seen, "key") ||
	     seen_field(&outbound_schema, seen, "passphrase_file")))
		value_error(v, "leave them out; 'chain' may have intermediates of files",
			    "'key' and 'passphrase_file' have no use with a vault's certificate");
	if (c->hardware && seen_field(&outbound_schema, seen, "passphrase_file"))
		value_error(v, "the PIN's file is 'pin_file' of 'key'",
			    "'passphrase_file' has no use with a key in hardware");
}

void outbound_parse(const struct value *v, void *connection)
{
	uint64_t seen;

	switch (value_type(v)) {
	case VALUE_SCALAR: outbound_file(v, connection); return;
	case VALUE_MAP:
		value_map(v, &outbound_schema, connection, &seen);
		if (!seen_field(&outbound_schema, seen, "certificate"))
			value_error(v,
				    "the file of our certificate (.pfx or .pem), or a vault's URL",
				    "'certificate' is missing");
		outbound_check(v, connection, seen);
		return;
	case VALUE_NOTHING:
	case VALUE_LIST: break;
	}
	value_expected(v, NULL,
		       "a .pfx or .pem file, a vault's URL, or a map with certificate, key, chain");
}

static void inbound_subject(const struct value *v, void *object)
{
	struct cg_connection *c = object;
	_cleanup_free_ char *s = value_string(
		v, 1023, "the subject of the peer's certificate, its CN or the whole DN");

	if (!s)
		return;
	if (strchr(s, '*')) {
		value_expected(v, "a certificate is bound to one peer: wildcards are not allowed",
			       "a whole name");
		return;
	}
	free(c->subject_name);
	c->subject_name = TAKE_PTR(s);
	c->subject_name_loc = v->loc;
}

static void inbound_chain(const struct value *v, void *object)
{
	struct cg_connection *c = object;

	read_sources(v, "files of the peer's root and intermediate certificates", &c->inbound_chain,
		     &c->n_inbound_chain);
}

static void inbound_anchors(const struct value *v, void *object)
{
	struct cg_connection *c = object;

	read_sources(v, "files of CA certificates at which a chain may end", &c->trust_anchors,
		     &c->n_trust_anchors);
}

static void inbound_crls(const struct value *v, void *object)
{
	struct cg_connection *c = object;
	struct sources sources = {&c->crls, &c->n_crls, "files of revocation lists"};

	value_each(v, true, 0, CG_CRL_FILES_MAX, sources.what, source_item, &sources);
}

static const char *const revocation_names[] = {
	[CG_REVOCATION_WHEN_AVAILABLE] = "when-available",
	[CG_REVOCATION_REQUIRED] = "required",
	[CG_REVOCATION_OFF] = "off",
	NULL,
};

const char *cg_revocation_to_string(enum cg_revocation revocation)
{
	return revocation_names[revocation];
}

static const struct field inbound_fields[] = {
	FIELD_IS_FN("subject_name", inbound_subject),
	FIELD_IS_FN("chain", inbound_chain),
	FIELD_IS_FN("trust_anchors", inbound_anchors),
	FIELD_NAMES("revocation", struct cg_connection, revocation, revocation_names),
	FIELD_RANGE("revocation_grace", FIELD_SECONDS, struct cg_connection,
		    revocation_grace_seconds, 0, CG_GRACE_MAX),
	FIELD_IS_FN("crls", inbound_crls),
};
const struct schema inbound_schema = {"connections[].inbound_certificate", inbound_fields,
				      ARRAY_SIZE(inbound_fields)};

void inbound_parse(const struct value *v, void *connection)
{
	uint64_t seen;

	if (value_type(v) != VALUE_MAP) {
		value_expected(v, NULL, "a map with subject_name and chain");
		return;
	}
	value_map(v, &inbound_schema, connection, &seen);
	if (!seen_field(&inbound_schema, seen, "subject_name"))
		value_error(v, "give the CN of the peer's certificate",
			    "'subject_name' is missing");
	if (!seen_field(&inbound_schema, seen, "chain") &&
	    !seen_field(&inbound_schema, seen, "trust_anchors"))
		value_error(v,
			    "give the peer's root certificate, or name its CA in 'trust_anchors'",
			    "'chain' is missing: no one would be trusted");
	if (((struct cg_connection *)connection)->revocation == CG_REVOCATION_OFF &&
	    (seen_field(&inbound_schema, seen, "crls") ||
	     seen_field(&inbound_schema, seen, "revocation_grace")))
		value_warning(v, "leave them out, or set revocation to when-available",
			      "crls and revocation_grace have no effect with 'revocation: off'");
}
