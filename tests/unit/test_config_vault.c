// SPDX-License-Identifier: Apache-2.0
/*
 * URLs of key vaults: what they may look like, which hosts are vaults, and what the configuration makes of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "lib/configtest.h"

#define VERSION "0123456789abcdef0123456789abcdef"

static struct cg_vault_url parse(const char *s)
{
	char text[CG_VAULT_TEXT_MAX] = "";
	struct cg_vault_url u;

	if (cg_vault_url_parse(s, &u, text) < 0)
		fail_msg("%s: %s", s, text);
	return u;
}

static void letter_case_does_not_matter_where_it_must_not(void **state _unused_)
{
	struct cg_vault_url u = parse("HTTPS://HQ.Vault.Azure.NET/CERTIFICATES/Gw-1/" VERSION "/");
	char buf[CG_VAULT_URL_MAX];

	assert_string_equal(u.host, "hq.vault.azure.net");
	assert_int_equal(u.port, 443);
	assert_true(u.certificate);
	assert_string_equal(u.name, "Gw-1");
	assert_string_equal(u.version, VERSION);
	assert_string_equal(cg_vault_url_format(&u, buf),
			    "https://hq.vault.azure.net/certificates/Gw-1/" VERSION);
	u = parse("https://hq.vault.azure.net:443/Secrets/x");
	assert_false(u.certificate);
	assert_string_equal(u.version, "");
	assert_string_equal(cg_vault_url_format(&u, buf), "https://hq.vault.azure.net/secrets/x");
}

static void what_is_no_such_url_is_refused_with_the_reason(void **state _unused_)
{
	static const struct {
		const char *url, *why;
	} cases[] = {
		{"http://v.vault.azure.net/secrets/x", "does not begin with https://"},
		{"https://v.vault.azure.net", "'' is neither certificates nor secrets"},
		{"https://v.vault.azure.net/secrets", "'' is not the name"},
		{"https://v.vault.azure.net/secrets/", "'' is not the name"},
		{"https://v.vault.azure.net/secrets/a_b", "'a_b' is not the name"},
		{"https://v.vault.azure.net/secrets/a%2fb", "'a%2fb' is not the name"},
		{"https://v.vault.azure.net/secrets/..", "'..' is not the name"},
		{"https://v.vault.azure.net/keys/x", "'keys' is neither"},
		{"https://v.vault.azure.net//secrets/x", "'' is neither"},
		{"https://v.vault.azure.net/secrets/x/12", "'12' is not a version"},
		{"https://v.vault.azure.net/secrets/x/" VERSION "/y", "behind the version: 'y'"},
		{"https://v.vault.azure.net/secrets/x?a=b", "a query or a fragment"},
		{"https://v.vault.azure.net/secrets/x#a", "a query or a fragment"},
		{"https://me:pw@v.vault.azure.net/secrets/x", "user's name"},
		{"https://v.vault.azure.net:0/secrets/x", "its port is '0'"},
		{"https://v.vault.azure.net:/secrets/x", "its port is ''"},
		{"https:///secrets/x", "'' is not the name of a host"},
		{"https://v..net/secrets/x", "'v..net' is not the name of a host"},
		{"https://v.vault.azure.net./secrets/x", "is not the name of a host"},
		{"https://-v.vault.azure.net/secrets/x", "is not the name of a host"},
		{"https://v\\.vault.azure.net/secrets/x", "is not the name of a host"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[CG_VAULT_TEXT_MAX] = "";
		struct cg_vault_url u;

		assert_int_equal(cg_vault_url_parse(cases[i].url, &u, text), -EINVAL);
		if (!strstr(text, cases[i].why))
			fail_msg("%s: '%s', not '%s'", cases[i].url, text, cases[i].why);
	}
}

static void long_ones_are_refused(void **state _unused_)
{
	char url[2000] = "https://v.vault.azure.net/secrets/", text[CG_VAULT_TEXT_MAX];
	size_t n = strlen(url);
	struct cg_vault_url u;

	memset(url + n, 'a', 127);
	assert_int_equal(cg_vault_url_parse(url, &u, text), 0);
	memset(url + n, 'a', 128);
	assert_int_equal(cg_vault_url_parse(url, &u, text), -EINVAL);
	memset(url + n, 'a', 1500);
	assert_int_equal(cg_vault_url_parse(url, &u, text), -EINVAL);
	memset(url + strlen("https://"), 'a', 1500);
	assert_int_equal(cg_vault_url_parse(url, &u, text), -EINVAL);
}

/* Matched from a dot on, and one label in front. */
static void the_clouds_vaults_are_known(void **state _unused_)
{
	static const struct {
		const char *url, *resource;
	} cases[] = {
		{"https://a.vault.azure.net/secrets/x", "https://vault.azure.net"},
		{"https://a.VAULT.azure.cn/secrets/x", "https://vault.azure.cn"},
		{"https://a.vault.usgovcloudapi.net/secrets/x", "https://vault.usgovcloudapi.net"},
		{"https://vault.azure.net/secrets/x", NULL},
		{"https://evilvault.azure.net/secrets/x", NULL},
		{"https://a.evilvault.azure.net/secrets/x", NULL},
		{"https://a.b.vault.azure.net/secrets/x", NULL},
		{"https://a.vault.azure.net.evil.example/secrets/x", NULL},
		{"https://a.vault.azure.net:444/secrets/x", NULL},
		{"https://own.example:8443/secrets/x", "https://own"},
		{"https://own.example/secrets/x", NULL},
		{"https://x.own.example:8443/secrets/x", NULL},
		{"https://10.0.0.5/secrets/x", "https://own"},
	};
	static const struct cg_vault_host hosts[] = {{"own.example", 8443}, {"10.0.0.5", 443}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cg_vault_url u = parse(cases[i].url);
		const char *r = cg_vault_resource(&u, hosts, ARRAY_SIZE(hosts), "https://own");

		if (!streq_ptr(r, cases[i].resource))
			fail_msg("%s: %s", cases[i].url, r ? r : "none");
	}
}

static void an_identifier_is_of_the_vault_that_was_asked(void **state _unused_)
{
	static const char *const bad[] = {
		"",
		"https://b.vault.azure.net/keys/k/" VERSION,
		"https://a.vault.azure.net:8443/keys/k/" VERSION,
		"https://a.vault.azure.net@evil.example/keys/k/" VERSION,
		"https://a.vault.azure.net/secrets/k/" VERSION,
		"https://a.vault.azure.net/keys/../" VERSION,
		"https://a.vault.azure.net/keys/k",
		"https://a.vault.azure.net/keys/k/" VERSION "/sign",
		"https://a.vault.azure.net/keys/k/" VERSION "?x",
		"http://a.vault.azure.net/keys/k/" VERSION,
	};
	struct cg_vault_url u = parse("https://a.vault.azure.net/certificates/k");
	char name[CG_VAULT_NAME_MAX + 1], version[CG_VAULT_VERSION_LEN + 1];

	assert_int_equal(cg_vault_id_parse("https://A.vault.azure.net/Keys/k2/" VERSION, &u, "keys",
					   name, version),
			 0);
	assert_string_equal(name, "k2");
	assert_string_equal(version, VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(cg_vault_id_parse(bad[i], &u, "keys", name, version), -EBADMSG);
}

#define HQ(certificate)                                    \
	"connections:\n  - name: hq\n    interface: cg0\n" \
	"    outbound_certificate: " certificate "\n" REMOTE INBOUND NETWORKS

static void a_vault_is_asked_every_hour_unless_it_is_said_otherwise(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l = load_text(HQ("https://kv.vault.azure.net/secrets/x"));

	assert_good(&l);
	assert_int_equal(l.config->gateway.vault.refresh_seconds, 3600);
}

static void a_connection_may_have_its_certificate_there(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l = load_text(
		"gateway: {vault: {hosts: [\"KV.example:8443\"], client_id: abc-1, refresh: 10m}}\n" HQ(
			"{certificate: \"https://kv.example:8443/Secrets/x\", chain: [ca.pem]}"));
	_cleanup_json_ json_t *json = NULL;
	const struct cg_connection *c;
	const struct cg_vault_config *v;

	assert_good(&l);
	c = &l.config->connections[0];
	v = &l.config->gateway.vault;
	assert_true(c->outbound_certificate.vault);
	assert_string_equal(c->outbound_certificate.text, "https://kv.example:8443/secrets/x");
	assert_int_equal(c->n_outbound_chain, 1);
	assert_false(c->outbound_chain[0].vault);
	assert_int_equal(v->n_hosts, 1);
	assert_string_equal(v->hosts[0].name, "kv.example");
	assert_string_equal(v->client_id, "abc-1");
	assert_string_equal(v->metadata, "http://169.254.169.254");
	assert_int_equal(v->refresh_seconds, 600);
	json = cg_config_to_json(l.config);
	assert_string_equal(
		json_string_value(json_object_get(
			json_object_get(json_object_get(json, "gateway"), "vault"), "client_id")),
		"abc-1");
}

/* The part `gateway` may stand behind the connections. */
static void hosts_may_be_named_later(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l = load_text(HQ(
		"https://kv.example/certificates/x") "gateway: {vault: {hosts: kv.example, metadata: \"http://[fd00::1]:80\"}}\n");

	assert_good(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letter_case_does_not_matter_where_it_must_not),
		cmocka_unit_test(what_is_no_such_url_is_refused_with_the_reason),
		cmocka_unit_test(long_ones_are_refused),
		cmocka_unit_test(the_clouds_vaults_are_known),
		cmocka_unit_test(an_identifier_is_of_the_vault_that_was_asked),
		cmocka_unit_test(a_vault_is_asked_every_hour_unless_it_is_said_otherwise),
		cmocka_unit_test(a_connection_may_have_its_certificate_there),
		cmocka_unit_test(hosts_may_be_named_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
