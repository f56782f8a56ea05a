// SPDX-License-Identifier: Apache-2.0
/*
 * Key vaults: what their answers and the metadata service's may be, and what is said of refusals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "daemon/vault_json.h"

#define VERSION "0123456789abcdef0123456789abcdef"
#define VAULT	"https://kv.vault.azure.net"
#define URL	VAULT "/certificates/gw"

enum { NOW = 1800000000 };

static struct cg_vault_url url(void)
{
	char text[CG_VAULT_TEXT_MAX];
	struct cg_vault_url u;

	assert_int_equal(cg_vault_url_parse(URL, &u, text), 0);
	return u;
}

/* ---------------------------------------------------------------- tokens */

static int read_token(const char *s, struct vault_token *ret)
{
	struct pki_error err = {0};
	int r = vault_read_token((const uint8_t *)s, strlen(s), NOW, &err, ret);

	assert_true(r == 0 || err.text[0]);
	return r;
}

static void numbers_of_a_token_are_strings_or_numbers(void **state _unused_)
{
	static const struct {
		const char *json;
		uint32_t lifetime;
	} cases[] = {
		{"{\"access_token\":\"a.b\",\"expires_in\":\"3599\",\"token_type\":\"Bearer\"}",
		 3599},
		{"{\"access_token\":\"a.b\",\"expires_in\":3599,\"token_type\":\"bearer\"}", 3599},
		{"{\"access_token\":\"a.b\",\"expires_on\":\"1800000100\",\"token_type\":\"Bearer\"}",
		 100},
		{"{\"access_token\":\"a.b\",\"expires_on\":1800000100,\"token_type\":\"Bearer\"}",
		 100},
		/* The period is believed rather than the moment. */
		{"{\"access_token\":\"a.b\",\"expires_in\":50,\"expires_on\":1,\"token_type\":\"Bearer\"}",
		 50},
		{"{\"access_token\":\"a.b\",\"expires_in\":\"9999999999\",\"token_type\":\"Bearer\"}",
		 VAULT_TOKEN_LIFE_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vault_token t;

		assert_int_equal(read_token(cases[i].json, &t), 0);
		assert_string_equal(t.value, "a.b");
		assert_int_equal(t.lifetime, cases[i].lifetime);
		vault_token_done(&t);
	}
}

static void what_is_no_token_is_refused(void **state _unused_)
{
	static const char *const bad[] = {
		"",
		"null",
		"[]",
		"{}",
		"{\"access_token\":\"a\"",
		"{\"access_token\":1,\"expires_in\":1,\"token_type\":\"Bearer\"}",
		"{\"access_token\":\"a\",\"expires_in\":1,\"token_type\":\"pop\"}",
		"{\"access_token\":\"a\",\"token_type\":\"Bearer\"}",
		"{\"access_token\":\"a\",\"expires_in\":0,\"token_type\":\"Bearer\"}",
		"{\"access_token\":\"a\",\"expires_in\":-5,\"token_type\":\"Bearer\"}",
		"{\"access_token\":\"a\",\"expires_in\":\"5x\",\"token_type\":\"Bearer\"}",
		"{\"access_token\":\"a\",\"expires_on\":\"5\",\"token_type\":\"Bearer\"}",
		/* A line of ours must not become two. */
		"{\"access_token\":\"a\\r\\nX: y\",\"expires_in\":5,\"token_type\":\"Bearer\"}",
		"{\"access_token\":\"a b\",\"expires_in\":5,\"token_type\":\"Bearer\"}",
		"{\"access_token\":\"\\u00e4\",\"expires_in\":5,\"token_type\":\"Bearer\"}",
		"{\"access_token\":\"a\",\"access_token\":\"b\",\"expires_in\":5,\"token_type\":\"Bearer\"}",
	};
	struct vault_token t;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(read_token(bad[i], &t), -EBADMSG);
}

/* ---------------------------------------------------------------- certificates and secrets */

static int read_certificate(const char *s, struct vault_certificate *ret, struct pki_error *err)
{
	struct cg_vault_url u = url();

	*err = (struct pki_error){0};
	return vault_read_certificate((const uint8_t *)s, strlen(s), &u, NOW, err, ret);
}

#define CERTIFICATE(rest)                                                                        \
	"{\"id\":\"" VAULT "/certificates/gw/" VERSION "\",\"kid\":\"" VAULT "/keys/gw/" VERSION \
	"\",\"sid\":\"" VAULT "/secrets/gw/" VERSION "\"," rest "}"

static void a_certificates_policy_says_whether_its_key_leaves(void **state _unused_)
{
	struct vault_certificate c;
	struct pki_error err;

	assert_int_equal(
		read_certificate(
			CERTIFICATE(
				"\"cer\":\"MAA=\",\"policy\":{\"key_props\":{\"exportable\":true}}"),
			&c, &err),
		0);
	assert_true(c.exportable);
	assert_string_equal(c.version, VERSION);
	assert_string_equal(c.secret_name, "gw");
	assert_int_equal(c.cer.len, 2);
	vault_certificate_done(&c);
	assert_int_equal(
		read_certificate(
			CERTIFICATE(
				"\"cer\":\"MAA\",\"policy\":{\"key_props\":{\"exportable\":false}}"),
			&c, &err),
		0);
	assert_false(c.exportable);
	assert_string_equal(c.key_version, VERSION);
	vault_certificate_done(&c);
	assert_int_equal(read_certificate(CERTIFICATE("\"cer\":\"MAA\""), &c, &err), 0);
	assert_true(c.exportable);
	vault_certificate_done(&c);
}

static void a_certificate_that_is_off_or_elsewhere_is_refused(void **state _unused_)
{
	static const struct {
		const char *json;
		int r;
		const char *text;
	} cases[] = {
		{CERTIFICATE("\"cer\":\"MAA\",\"attributes\":{\"enabled\":false}"), -EKEYREVOKED,
		 "disabled"},
		{CERTIFICATE("\"cer\":\"MAA\",\"attributes\":{\"exp\":1700000000}"), -EKEYEXPIRED,
		 "expired 2023-11-14"},
		{CERTIFICATE("\"cer\":\"MAA\",\"attributes\":{\"nbf\":\"1900000000\"}"),
		 -EKEYEXPIRED, "not to be used before"},
		{CERTIFICATE("\"cer\":\"\""), -EBADMSG, "no certificate (cer)"},
		{CERTIFICATE("\"cer\":\"!!\""), -EBADMSG, "no certificate (cer)"},
		{CERTIFICATE("\"cer\":7"), -EBADMSG, "no certificate (cer)"},
		{"{\"id\":\"https://other.vault.azure.net/certificates/gw/" VERSION "\"}", -EBADMSG,
		 "was not asked for"},
		{"{\"id\":\"" VAULT "/certificates/gw/" VERSION
		 "\",\"sid\":\"https://other.vault.azure.net/secrets/gw/" VERSION
		 "\",\"cer\":\"MAA\"}",
		 -EBADMSG, "its secret is said to be"},
		{"{\"id\":\"" VAULT "/certificates/gw/" VERSION "\",\"cer\":\"MAA\"}", -EBADMSG,
		 "secret is not named"},
		{"{\"id\":\"" VAULT "/certificates/gw/" VERSION
		 "\",\"cer\":\"MAA\",\"policy\":{\"key_props\":{\"exportable\":false}}}",
		 -EBADMSG, "key is not named"},
		{"<html>", -EBADMSG, "no JSON"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vault_certificate c;
		struct pki_error err;

		assert_int_equal(read_certificate(cases[i].json, &c, &err), cases[i].r);
		if (!strstr(err.text, cases[i].text))
			fail_msg("'%s', not '%s'", err.text, cases[i].text);
	}
}

/* One that shows 1970 has nothing against what begins in 2030; disabled is disabled all the same. */
static void a_clock_that_cannot_be_right_is_not_asked(void **state _unused_)
{
	static const char *const json[] = {
		CERTIFICATE("\"cer\":\"MAA\",\"attributes\":{\"nbf\":1900000000}"),
		CERTIFICATE("\"cer\":\"MAA\",\"attributes\":{\"exp\":80000}"),
		CERTIFICATE("\"cer\":\"MAA\",\"attributes\":{\"enabled\":false}"),
	};
	static const int expected[] = {0, 0, -EKEYREVOKED};
	struct cg_vault_url u = url();

	for (size_t i = 0; i < ARRAY_SIZE(json); i++) {
		struct vault_certificate c = {0};
		struct pki_error err = {0};

		assert_int_equal(vault_read_certificate((const uint8_t *)json[i], strlen(json[i]),
							&u, 86400, &err, &c),
				 expected[i]);
		vault_certificate_done(&c);
	}
}

static int read_secret(const char *type, const char *value, struct vault_secret *ret,
		       struct pki_error *err)
{
	_cleanup_free_ char *s = str_printf("{\"id\":\"" VAULT "/secrets/gw/" VERSION
					    "\",\"contentType\":\"%s\",\"value\":\"%s\"}",
					    type, value);
	struct cg_vault_url u = url();

	*err = (struct pki_error){0};
	return vault_read_secret((const uint8_t *)s, strlen(s), &u, NOW, err, ret);
}

static void a_secret_is_what_its_type_says(void **state _unused_)
{
	struct vault_secret s;
	struct pki_error err;

	assert_int_equal(read_secret("application/x-pkcs12", "MAMC\\nAQM=", &s, &err), 0);
	assert_int_equal(s.data.len, 5);
	assert_memory_equal(s.data.data, "\x30\x03\x02\x01\x03", 5);
	vault_secret_done(&s);
	assert_int_equal(read_secret("application/x-pem-file", "-----BEGIN X-----\\n", &s, &err),
			 0);
	assert_memory_equal(s.data.data, "-----BEGIN X-----\n", s.data.len);
	assert_string_equal(s.version, VERSION);
	vault_secret_done(&s);
	assert_int_equal(read_secret("", "-----BEGIN X-----\\n", &s, &err), 0);
	vault_secret_done(&s);
	assert_int_equal(read_secret("text/plain", "MAMC", &s, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "content type is 'text/plain'"));
	assert_int_equal(read_secret("application/x-pkcs12", "", &s, &err), -EBADMSG);
	assert_int_equal(read_secret("application/x-pkcs12", "-----BEGIN", &s, &err), -EBADMSG);
}

static void a_signature_is_base64url(void **state _unused_)
{
	static const char good[] = "{\"kid\":\"x\",\"value\":\"-_8\"}", bad[] = "{\"value\":\"\"}";
	_cleanup_free_ char *body = NULL;
	struct vault_bytes b = {0};
	struct pki_error err;
	uint8_t digest[3] = {0xfb, 0xff, 0xfe};

	assert_int_equal(vault_read_signature((const uint8_t *)good, strlen(good), &err, &b), 0);
	assert_int_equal(b.len, 2);
	assert_memory_equal(b.data, "\xfb\xff", 2);
	vault_bytes_done(&b);
	assert_int_equal(vault_read_signature((const uint8_t *)bad, strlen(bad), &err, &b),
			 -EBADMSG);
	body = vault_write_sign("ES256", digest, sizeof(digest));
	assert_string_equal(body, "{\"alg\":\"ES256\",\"value\":\"-__-\"}");
}

/* ---------------------------------------------------------------- refusals */

#define ERROR(code)                                                                             \
	"{\"error\":{\"code\":\"Forbidden\",\"message\":\"m\",\"innererror\":{\"code\":\"" code \
	"\"}}}"

static void refusals_say_what_to_do(void **state _unused_)
{
	static const struct {
		enum vault_ask ask;
		long status;
		const char *body, *text, *hint;
		bool permanent;
	} cases[] = {
		{VAULT_ASK_CERTIFICATE, 403, ERROR("ForbiddenByRbac"),
		 "may not read the certificate", "Key Vault Certificate User", true},
		{VAULT_ASK_SECRET, 403, ERROR("ForbiddenByPolicy"), "may not read the secret",
		 "Key Vault Secrets User", true},
		{VAULT_ASK_SIGN, 403, ERROR("ForbiddenByRbac"), "may not sign",
		 "Key Vault Crypto User", true},
		{VAULT_ASK_SECRET, 403, ERROR("SecretDisabled"), "gw is disabled", "enable it",
		 true},
		{VAULT_ASK_SECRET, 403, ERROR("SecretExpired"), "outside the time", "new version",
		 true},
		{VAULT_ASK_SECRET, 403, ERROR("ForbiddenByFirewall"), "the firewall of the vault",
		 "Networking", true},
		{VAULT_ASK_SECRET, 403, "no json", "may not read", "Key Vault Secrets User", true},
		{VAULT_ASK_CERTIFICATE, 401, "", "does not accept the token", "tenant", true},
		{VAULT_ASK_CERTIFICATE, 404, "", "has no certificate 'gw'", "check the name", true},
		{VAULT_ASK_SECRET, 404, "", "has no secret 'gw'", "check the name", true},
		{VAULT_ASK_SECRET, 429, "", "too often", "again", false},
		{VAULT_ASK_SECRET, 302, "", "redirect (302), which is not followed", "own host",
		 true},
		{VAULT_ASK_SECRET, 503, ERROR("X"), "answers 503, Forbidden (m)", "again", false},
		{VAULT_ASK_SECRET, 400, "", "answers 400", "", true},
		{VAULT_ASK_TOKEN, 400,
		 "{\"error\":\"invalid_request\",\"error_description\":\"Identity not found\"}",
		 "status 400, invalid_request (Identity not found)", "managed identity", true},
		{VAULT_ASK_TOKEN, 404, "", "status 404", "again", false},
		{VAULT_ASK_TOKEN, 410, "", "status 410", "again", false},
		{VAULT_ASK_TOKEN, 429, "", "status 429", "again", false},
		{VAULT_ASK_TOKEN, 500, "\xff{", "status 500", "again", false},
	};
	struct cg_vault_url u = url();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vault_refusal r;

		vault_explain(cases[i].ask, cases[i].status, (const uint8_t *)cases[i].body,
			      strlen(cases[i].body), &u, &r);
		if (!strstr(r.text, cases[i].text) || !strstr(r.hint, cases[i].hint) ||
		    r.permanent != cases[i].permanent)
			fail_msg("%zu: '%s' '%s' %d", i, r.text, r.hint, r.permanent);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_of_a_token_are_strings_or_numbers),
		cmocka_unit_test(what_is_no_token_is_refused),
		cmocka_unit_test(a_certificates_policy_says_whether_its_key_leaves),
		cmocka_unit_test(a_certificate_that_is_off_or_elsewhere_is_refused),
		cmocka_unit_test(a_clock_that_cannot_be_right_is_not_asked),
		cmocka_unit_test(a_secret_is_what_its_type_says),
		cmocka_unit_test(a_signature_is_base64url),
		cmocka_unit_test(refusals_say_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
