/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of the metadata service and of key vaults. Owns nothing between calls; what was secret is wiped. Called by vault_work.c.
 */
#include "daemon/vault_json.h"

#include <ctype.h>
#include <openssl/crypto.h>

#include "base/hex.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "daemon/proto_vault.h"

void vault_bytes_done(struct vault_bytes *b)
{
	if (b->data)
		OPENSSL_cleanse(b->data, b->len);
	free(b->data);
	*b = (struct vault_bytes){0};
}

void vault_token_done(struct vault_token *t)
{
	if (t->value)
		OPENSSL_cleanse(t->value, strlen(t->value));
	free(t->value);
	*t = (struct vault_token){0};
}

void vault_certificate_done(struct vault_certificate *c)
{
	vault_bytes_done(&c->cer);
	*c = (struct vault_certificate){0};
}

void vault_secret_done(struct vault_secret *s)
{
	vault_bytes_done(&s->data);
	*s = (struct vault_secret){0};
}

/* ---------------------------------------------------------------- values */

static int load(const uint8_t *data, size_t len, struct pki_error *err, json_t **ret)
{
	json_error_t e;
	json_t *o = json_loadb((const char *)data, len, JSON_REJECT_DUPLICATES, &e);

	if (!o)
		return pki_fail(err, -EBADMSG, "the answer is no JSON (line %d: %.80s)", e.line,
				e.text);
	if (!json_is_object(o)) {
		json_decref(o);
		return pki_fail(err, -EBADMSG, "the answer is JSON, but no object");
	}
	*ret = o;
	return 0;
}

/* Times and periods come as numbers, or as strings of digits. */
static int get_number(const json_t *v, uint64_t *ret)
{
	if (json_is_integer(v) && json_integer_value(v) >= 0) {
		*ret = (uint64_t)json_integer_value(v);
		return 0;
	}
	if (json_is_string(v) && parse_uint(json_string_value(v), 0, INT64_MAX, ret) >= 0)
		return 0;
	return -EBADMSG;
}

static const char *get_string(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* attributes: enabled, nbf, exp; the latter two once the clock can be right, when the vault is asked again. */
static int check_attributes(const json_t *o, const char *what, int64_t now, struct pki_error *err)
{
	const json_t *a = json_object_get(o, "attributes");
	char stamp[TIMESTAMP_SIZE];
	uint64_t at;

	if (json_is_false(json_object_get(a, "enabled")))
		return pki_fail(err, -EKEYREVOKED, "this version of the %s is disabled", what);
	if (!clock_plausible(now))
		return 0;
	if (get_number(json_object_get(a, "exp"), &at) >= 0 && at <= INT64_MAX &&
	    (int64_t)at <= now)
		return pki_fail(err, -EKEYEXPIRED, "the %s expired %s", what,
				format_timestamp((int64_t)at, stamp));
	if (get_number(json_object_get(a, "nbf"), &at) >= 0 && at <= INT64_MAX && (int64_t)at > now)
		return pki_fail(err, -EKEYEXPIRED, "the %s is not to be used before %s", what,
				format_timestamp((int64_t)at, stamp));
	return 0;
}

/* Base64 or base64url, with or without padding. */
static int decode(const char *s, size_t max, struct vault_bytes *ret)
{
	size_t n = strlen(s), size;
	struct vault_bytes b = {0};
	char *text;
	int r;

	while (n > 0 && (isspace((unsigned char)s[n - 1]) || s[n - 1] == '='))
		n--;
	if (n == 0 || n > BASE64_SIZE(max))
		return -EBADMSG;
	/* It may have line breaks, which do not count. */
	size = 0;
	for (size_t i = 0; i < n; i++)
		size += !isspace((unsigned char)s[i]);
	text = malloc(n + 4);
	b.len = n;
	b.data = malloc(b.len);
	if (!text || !b.data) {
		free(text);
		free(b.data);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		text[i] = s[i] == '-' ? '+' : s[i] == '_' ? '/' : s[i];
	for (size_t i = size; i % 4 != 0; i++)
		text[n++] = '=';
	r = base64_decode(text, n, b.data, b.len, &size);
	OPENSSL_cleanse(text, n);
	free(text);
	if (r < 0 || size == 0 || size > max) {
		vault_bytes_done(&b);
		return -EBADMSG;
	}
	/* What is beyond is nothing that was written. */
	b.len = size;
	*ret = b;
	return 0;
}

/* The version at the end of the "id" of what was asked for. */
static int get_id(const json_t *o, const struct cg_vault_url *u, const char *collection,
		  struct pki_error *err, char ret_version[CG_VAULT_VERSION_LEN + 1])
{
	char name[CG_VAULT_NAME_MAX + 1];
	const char *id = get_string(o, "id");

	if (cg_vault_id_parse(id, u, collection, name, ret_version) < 0)
		return pki_fail(err, -EBADMSG,
				"the answer is about '%.150s', which was not asked for", id);
	return 0;
}

/* ---------------------------------------------------------------- answers */

int vault_read_token(const uint8_t *data, size_t len, int64_t now, struct pki_error *err,
		     struct vault_token *ret)
{
	_cleanup_json_ json_t *o = NULL;
	uint64_t on = 0, in = 0;
	const char *token;
	bool known = false;
	int r;

	r = load(data, len, err, &o);
	if (r < 0)
		return r;
	token = get_string(o, "access_token");
	if (!*token || strlen(token) > VAULT_TOKEN_MAX)
		return pki_fail(err, -EBADMSG, "there is no access_token in the answer");
	/* It goes into a header line. */
	for (const char *s = token; *s; s++) {
		if (*s <= ' ' || *s > '~')
			return pki_fail(err, -EBADMSG,
					"the access_token has characters that none has");
	}
	if (strcasecmp(get_string(o, "token_type"), "Bearer") != 0)
		return pki_fail(err, -EBADMSG, "the token's type is '%.40s', not Bearer",
				get_string(o, "token_type"));
	/* The period is not hurt by a clock that is wrong. */
	if (get_number(json_object_get(o, "expires_in"), &in) >= 0)
		known = true;
	else if (get_number(json_object_get(o, "expires_on"), &on) >= 0) {
		known = true;
		in = now >= 0 && on > (uint64_t)now ? on - (uint64_t)now : 0;
	}
	if (!known)
		return pki_fail(err, -EBADMSG,
				"the answer does not say when the token ends (expires_in)");
	if (in == 0)
		return pki_fail(err, -EBADMSG, "the token has ended already");
	ret->value = strdup(token);
	if (!ret->value)
		return pki_fail(err, -ENOMEM, "out of memory");
	ret->lifetime = (uint32_t)MIN(in, (uint64_t)VAULT_TOKEN_LIFE_MAX);
	return 0;
}

int vault_read_certificate(const uint8_t *data, size_t len, const struct cg_vault_url *u,
			   int64_t now, struct pki_error *err, struct vault_certificate *ret)
{
	struct vault_certificate c = {.exportable = true};
	_cleanup_json_ json_t *o = NULL;
	const json_t *props;
	const char *s;
	int r;

	r = load(data, len, err, &o);
	if (r >= 0)
		r = get_id(o, u, "certificates", err, c.version);
	if (r >= 0)
		r = check_attributes(o, "certificate", now, err);
	if (r < 0)
		return r;
	s = get_string(o, "kid");
	if (*s && cg_vault_id_parse(s, u, "keys", c.key_name, c.key_version) < 0)
		return pki_fail(err, -EBADMSG, "its key is said to be '%.150s'", s);
	s = get_string(o, "sid");
	if (*s && cg_vault_id_parse(s, u, "secrets", c.secret_name, c.secret_version) < 0)
		return pki_fail(err, -EBADMSG, "its secret is said to be '%.150s'", s);
	props = json_object_get(json_object_get(o, "policy"), "key_props");
	c.exportable = !json_is_false(json_object_get(props, "exportable"));
	if (c.exportable ? !c.secret_name[0] : !c.key_name[0])
		return pki_fail(err, -EBADMSG, "the certificate's %s is not named in the answer",
				c.exportable ? "secret" : "key");
	r = decode(get_string(o, "cer"), VAULT_DATA_MAX, &c.cer);
	if (r < 0)
		return pki_fail(err, r, "there is no certificate (cer) in the answer");
	*ret = c;
	return 0;
}

/* What a secret's text is, by its contentType. */
static int take_secret(const char *type, const char *value, struct pki_error *err,
		       struct vault_bytes *ret)
{
	bool pem = strcasecmp(type, "application/x-pem-file") == 0;

	if (!*value)
		return pki_fail(err, -EBADMSG, "the secret is empty");
	if (!*type)
		pem = strstr(value, "-----BEGIN ");
	else if (!pem && strcasecmp(type, "application/x-pkcs12") != 0)
		return pki_fail(
			err, -EBADMSG,
			"the secret's content type is '%.60s', and not application/x-pkcs12 or application/x-pem-file",
			type);
	if (!pem) {
		if (decode(value, VAULT_DATA_MAX, ret) < 0)
			return pki_fail(err, -EBADMSG,
					"the secret is not PKCS#12 in Base64, as its type says");
		return 0;
	}
	if (strlen(value) > VAULT_DATA_MAX)
		return pki_fail(err, -EBADMSG, "the secret has more than %d bytes", VAULT_DATA_MAX);
	ret->data = (uint8_t *)strdup(value);
	if (!ret->data)
		return pki_fail(err, -ENOMEM, "out of memory");
	ret->len = strlen(value);
	return 0;
}

int vault_read_secret(const uint8_t *data, size_t len, const struct cg_vault_url *u, int64_t now,
		      struct pki_error *err, struct vault_secret *ret)
{
	_cleanup_json_ json_t *o = NULL;
	struct vault_secret s = {0};
	int r;

	r = load(data, len, err, &o);
	if (r >= 0)
		r = get_id(o, u, "secrets", err, s.version);
	if (r >= 0)
		r = check_attributes(o, "secret", now, err);
	if (r >= 0)
		r = take_secret(get_string(o, "contentType"), get_string(o, "value"), err, &s.data);
	if (r < 0)
		return r;
	*ret = s;
	return 0;
}

int vault_read_signature(const uint8_t *data, size_t len, struct pki_error *err,
			 struct vault_bytes *ret)
{
	_cleanup_json_ json_t *o = NULL;
	int r;

	r = load(data, len, err, &o);
	if (r < 0)
		return r;
	if (decode(get_string(o, "value"), VAULT_SIGNATURE_MAX, ret) < 0)
		return pki_fail(err, -EBADMSG, "there is no signature (value) in the answer");
	return 0;
}

char *vault_write_sign(const char *alg, const uint8_t *digest, size_t len)
{
	char text[BASE64_SIZE(VAULT_DIGEST_MAX)];

	if (len > VAULT_DIGEST_MAX || base64_encode(digest, len, text, sizeof(text)) < 0)
		return NULL;
	/* base64url without padding (RFC 4648 section 5). */
	text[strcspn(text, "=")] = '\0';
	for (char *s = text; *s; s++)
		*s = (char)(*s == '+' ? '-' : *s == '/' ? '_' : *s);
	return str_printf("{\"alg\":\"%s\",\"value\":\"%s\"}", alg, text);
}

/* ---------------------------------------------------------------- refusals */

/* "Forbidden", "ForbiddenByRbac", and what is said for people. */
struct said {
	char code[64], inner[64], message[200];
};

static void copy(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from);
	pki_printable(to);
}

/* A vault's {"error": {"code", "message", "innererror": {"code"}}}, or the metadata service's {"error", "error_description"}. */
static void read_error(const uint8_t *body, size_t len, struct said *ret)
{
	_cleanup_json_ json_t *o = json_loadb((const char *)body, len, 0, NULL);
	const json_t *e = json_object_get(o, "error");

	*ret = (struct said){0};
	if (json_is_string(e)) {
		copy(ret->code, sizeof(ret->code), json_string_value(e));
		copy(ret->message, sizeof(ret->message), get_string(o, "error_description"));
		return;
	}
	copy(ret->code, sizeof(ret->code), get_string(e, "code"));
	copy(ret->message, sizeof(ret->message), get_string(e, "message"));
	copy(ret->inner, sizeof(ret->inner), get_string(json_object_get(e, "innererror"), "code"));
}

static void __attribute__((format(printf, 2, 3)))
text(struct vault_refusal *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
}

static void __attribute__((format(printf, 2, 3)))
hint(struct vault_refusal *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->hint, sizeof(r->hint), fmt, ap);
	va_end(ap);
}

static void explain_token(long status, const struct said *said, struct vault_refusal *r)
{
	text(r, "the metadata service gave no token: status %ld%s%s%s%s%s", status,
	     said->code[0] ? ", " : "", said->code, said->message[0] ? " (" : "", said->message,
	     said->message[0] ? ")" : "");
	/* RFC 6749 section 5.2's names: no identity, or several and none was named. */
	r->permanent = status >= 400 && status < 500 && status != 404 && status != 408 &&
		       status != 410 && status != 429;
	if (r->permanent)
		hint(r,
		     "give this machine a managed identity; if it has several, say which with gateway.vault.client_id");
	else
		hint(r, "it is asked again");
}

static const char *const role_of[] = {
	[VAULT_ASK_TOKEN] = "",
	[VAULT_ASK_CERTIFICATE] = "Key Vault Certificate User",
	[VAULT_ASK_SECRET] = "Key Vault Secrets User",
	[VAULT_ASK_SIGN] = "Key Vault Crypto User",
};
static const char *const permission_of[] = {
	[VAULT_ASK_TOKEN] = "",
	[VAULT_ASK_CERTIFICATE] = "certificates/get",
	[VAULT_ASK_SECRET] = "secrets/get",
	[VAULT_ASK_SIGN] = "keys/sign",
};
static const char *const deed_of[] = {
	[VAULT_ASK_TOKEN] = "",
	[VAULT_ASK_CERTIFICATE] = "read the certificate",
	[VAULT_ASK_SECRET] = "read the secret, which has the private key,",
	[VAULT_ASK_SIGN] = "sign with the key",
};

static bool says(const struct said *s, const char *word)
{
	return strcasestr(s->inner, word) || strcasestr(s->code, word);
}

static void explain_forbidden(enum vault_ask ask, const struct said *said,
			      const struct cg_vault_url *u, struct vault_refusal *r)
{
	r->permanent = true;
	if (says(said, "Disabled")) {
		text(r, "%s is disabled in the vault %s", u->name, u->host);
		hint(r, "enable it, or make a new version");
	} else if (says(said, "Expired") || says(said, "NotYetValid")) {
		text(r, "%s in the vault %s is outside the time for which it is valid", u->name,
		     u->host);
		hint(r, "make a new version");
	} else if (says(said, "Firewall") || says(said, "Connection")) {
		text(r, "the firewall of the vault %s does not let this machine in", u->host);
		hint(r,
		     "allow this machine's network in the vault's Networking settings, or use a private endpoint");
	} else {
		text(r, "the managed identity may not %s '%s' in the vault %s", deed_of[ask],
		     u->name, u->host);
		hint(r,
		     "give it the role '%s' on the vault; where access policies are used, the permission %s; it can take minutes to be in force",
		     role_of[ask], permission_of[ask]);
	}
}

void vault_explain(enum vault_ask ask, long status, const uint8_t *body, size_t len,
		   const struct cg_vault_url *u, struct vault_refusal *ret)
{
	struct said said;

	*ret = (struct vault_refusal){0};
	read_error(body, len, &said);
	if (ask == VAULT_ASK_TOKEN || !u) {
		explain_token(status, &said, ret);
		return;
	}
	switch (status) {
	case 401:
		ret->permanent = true;
		text(ret, "the vault %s does not accept the token of this machine", u->host);
		hint(ret,
		     "the vault belongs to another tenant than the managed identity, or gateway.vault.resource is another cloud's");
		return;
	case 403: explain_forbidden(ask, &said, u, ret); return;
	case 404:
		ret->permanent = true;
		text(ret, "the vault %s has no %s '%s'%s%s", u->host,
		     ask == VAULT_ASK_SIGN     ? "key of the certificate"
		     : ask == VAULT_ASK_SECRET ? "secret"
					       : "certificate",
		     u->name, u->version[0] ? " of version " : "", u->version);
		hint(ret, "check the name in outbound_certificate, and whether it was deleted");
		return;
	case 429:
		text(ret, "the vault %s is asked too often", u->host);
		hint(ret, "it is asked again, when it wants to be");
		return;
	default: break; /* a number from the network */
	}
	if (status >= 300 && status < 400) {
		ret->permanent = true;
		text(ret, "the vault %s answers with a redirect (%ld), which is not followed",
		     u->host, status);
		hint(ret, "name the vault's own host in outbound_certificate");
		return;
	}
	ret->permanent = status >= 400 && status < 500 && status != 408;
	text(ret, "the vault %s answers %ld%s%s%s%s%s", u->host, status, said.code[0] ? ", " : "",
	     said.code, said.message[0] ? " (" : "", said.message, said.message[0] ? ")" : "");
	if (!ret->permanent)
		hint(ret, "it is asked again");
}
