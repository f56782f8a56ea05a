// SPDX-License-Identifier: Apache-2.0
/* A hostile or damaged file is refused with a message: it never crashes, hangs, leaks or takes memory without bound. */
#include <time.h>

#include "lib/configtest.h"

/* s repeated n times, with what stands before and after. */
static char *repeat(const char *before, const char *s, size_t n, const char *after)
{
	size_t len = strlen(s), head = strlen(before);
	char *text = malloc(head + len * n + strlen(after) + 1);

	assert_non_null(text);
	memcpy(text, before, head);
	for (size_t i = 0; i < n; i++)
		memcpy(text + head + i * len, s, len);
	strcpy(text + head + len * n, after);
	return text;
}

/* It must be over in this time of the processor, sanitizers included: how busy the machine is says nothing. */
static struct loaded load_bounded(const char *text, size_t len)
{
	clock_t begin = clock();
	struct loaded l = load_text_of(text, len);

	assert_true((clock() - begin) / CLOCKS_PER_SEC < 20);
	return l;
}

static void binary_is_not_yaml(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *said;
	} cases[] = {
		{"\x7f\x45LF", 4, "test.yaml:1:1: found the byte 0x7f, expected YAML in UTF-8"},
		{"a: 1\nb: \0\n", 10, "test.yaml:2:4: found the byte 0x00"},
		{"\xff\xfe", 2, "test.yaml:1:1: found the byte 0xff"},
		{"a: \xc3\x28\n", 6, "test.yaml:1:4: found the byte 0xc3"},
		{"a: \xed\xa0\x80\n", 7, "test.yaml:1:4: found the byte 0xed"},
		{"a: \xf4\x90\x80\x80\n", 8, "test.yaml:1:4: found the byte 0xf4"},
		{"a: \xc0\x80\n", 6, "test.yaml:1:4: found the byte 0xc0"},
		{"a: \xe2\x82", 5, "test.yaml:1:4: found the byte 0xe2"},
		{"\x1b[31m", 5, "found the byte 0x1b"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_loaded_ struct loaded l = load_bounded(cases[i].bytes, cases[i].n);

		assert_refused(&l, cases[i].said);
	}
}

static void broken_yaml_is_told_with_its_place(void **state)
{
	static const char *const texts[][2] = {
		{"gateway: {\n", "test.yaml:"},
		{"gateway:\n\tlisten: x\n", "test.yaml:2:"},
		{"a: b: c\n", "test.yaml:1:"},
		{"\"open\n", "not valid YAML"},
		{"- a\nb: c\n", "test.yaml:2:"},
		{"gateway: {}\n---\ngateway: {}\n", "holds more than one YAML document"},
		{"gateway: {}\n...\n[\n", "not valid YAML"},
		{"%YAML 9.9\n---\na\n", "test.yaml"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_loaded_ struct loaded l = load_text(texts[i][0]);

		assert_refused(&l, texts[i][1]);
	}
}

static void deep_nesting_is_refused(void **state)
{
	static const char *const openers[] = {"[", "{a: ", "- ", "? "};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(openers); i++) {
		_cleanup_free_ char *text = repeat("gateway: ", openers[i], 100000, "x\n");
		_cleanup_loaded_ struct loaded l = load_bounded(text, strlen(text));

		assert_refused(&l, "test.yaml");
	}
}

/* Nine lists of nine aliases each: 9^9 if they were copied. */
static void a_bomb_of_aliases_stays_small(void **state)
{
	_cleanup_strbuf_ struct cg_strbuf b = {0};
	_cleanup_loaded_ struct loaded l = {0};

	(void)state;
	strbuf_add(&b, "gateway:\n  listen: &a0 [x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 9; i++) {
		strbuf_addf(&b, "  k%d: &a%d [", i, i);
		for (int k = 0; k < 9; k++)
			strbuf_addf(&b, "%s*a%d", k ? "," : "", i - 1);
		strbuf_add(&b, "]\n");
	}
	strbuf_add(&b, "connections: *a8\n");
	l = load_bounded(b.s, b.len);
	assert_refused(&l, "connections[0]: found a list, expected a map");
}

static void an_alias_of_itself_ends(void **state)
{
	static const char *const texts[] = {
		"connections: &a [*a]\n",
		"&a gateway: *a\n",
		"gateway: &a {listen: *a, limits: *a}\n",
		"policies: &p {x: {ike: *p}}\n",
		"&r {gateway: *r, connections: [*r], policies: *r}\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_loaded_ struct loaded l = load_bounded(texts[i], strlen(texts[i]));

		assert_int_equal(l.r, -EINVAL);
	}
}

static void one_list_aliased_by_every_connection_is_no_bomb(void **state)
{
	_cleanup_strbuf_ struct cg_strbuf b = {0};
	_cleanup_loaded_ struct loaded l = {0};

	(void)state;
	strbuf_add(
		&b,
		"policies: {p: {ike: {}}}\nconnections:\n  - {name: c0, interface: cg0, outbound_certificate: o,\n"
		"     remote_address: 192.0.2.1, inbound_certificate: &in {subject_name: x, chain: r},\n     local_networks: &n [");
	for (int i = 0; i < CG_NETWORKS_MAX; i++)
		strbuf_addf(&b, "%s10.%d.0.0/16", i ? "," : "", i);
	strbuf_add(&b, "], remote_networks: *n}\n");
	for (int i = 1; i < 2000; i++)
		strbuf_addf(
			&b,
			"  - {name: c%d, interface: i%d, outbound_certificate: o, remote_address: 10.77.%d.%d,"
			" inbound_certificate: *in, local_networks: *n, remote_networks: *n}\n",
			i, i, i / 250, i % 250 + 1);
	l = load_bounded(b.s, b.len);
	assert_good(&l);
	assert_int_equal(l.config->n_connections, 2000);
}

static void a_file_beyond_its_bound_is_refused_unread(void **state)
{
	_cleanup_free_ char *text = repeat("", "# comment\n", CG_CONFIG_FILE_MAX / 10 + 1, "");
	_cleanup_loaded_ struct loaded l = load_bounded(text, strlen(text));

	(void)state;
	assert_refused(&l, "test.yaml: the configuration is larger than 8 MiB");
}

static void long_scalars_and_keys_are_cut_in_messages(void **state)
{
	_cleanup_free_ char *value = repeat("gateway: {user: ", "\xc3\xa9", 100000, "}\n");
	_cleanup_free_ char *key = repeat("gateway: {\"", "k", 100000, "\": 1}\n");
	_cleanup_loaded_ struct loaded a = load_bounded(value, strlen(value));
	_cleanup_loaded_ struct loaded b = load_bounded(key, strlen(key));
	_cleanup_free_ char *text = said(&b);

	(void)state;
	assert_refused(
		&a, "gateway.user: found 200000 bytes, expected the name of a user of at most 32");
	assert_refused(&b, "gateway: found 'kkkkkkkk");
	assert_true(strlen(text) < 500);
}

static void findings_are_bounded_in_number_but_counted(void **state)
{
	_cleanup_free_ char *text = repeat("connections:\n", "  - {}\n", CG_CONNECTIONS_MAX, "");
	_cleanup_loaded_ struct loaded l = load_bounded(text, strlen(text));

	(void)state;
	assert_refused(&l, "connections[0]: 'name' is missing");
	assert_int_equal(l.diags.n, CG_DIAG_MAX);
	assert_true(l.diags.n_errors >= 4096);
}

static void lists_have_bounds(void **state)
{
	_cleanup_free_ char *connections = repeat("connections:\n", "  - {}\n",
						  CG_CONNECTIONS_MAX + 1, "");
	_cleanup_free_ char *networks = repeat("connections: [{name: a, local_networks: [",
					       "10.0.0.0/8,", 33, "]}]\n");
	_cleanup_free_ char *keys = repeat("gateway:\n", "  a: b\n", 200000, "");
	_cleanup_loaded_ struct loaded a = load_bounded(connections, strlen(connections));
	_cleanup_loaded_ struct loaded b = load_bounded(networks, strlen(networks));
	_cleanup_loaded_ struct loaded c = load_bounded(keys, strlen(keys));

	(void)state;
	assert_refused(&a, "connections: found 16385 items, expected at most 16384");
	assert_refused(&b, "local_networks: found 33 items, expected at most 32");
	assert_refused(&c, "gateway.a: unknown key");
}

static void text_from_the_file_cannot_forge_a_line_of_the_log(void **state)
{
	_cleanup_loaded_ struct loaded l = load_text(
		"gateway: {user: \"a\\n<0>certgate: \\e[31m\"}\n");
	_cleanup_loaded_ struct loaded key = load_text("policies: {\"a\\nb\": {\"c\\x1bd\": 1}}\n");
	_cleanup_free_ char *text = said(&l);

	(void)state;
	assert_refused(&l, "found 'a?<0>certgate: ?[31m'");
	assert_refused(&key, "policies[a?b].c?d: unknown key");
	assert_null(strchr(text, 27));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binary_is_not_yaml),
		cmocka_unit_test(broken_yaml_is_told_with_its_place),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(a_bomb_of_aliases_stays_small),
		cmocka_unit_test(an_alias_of_itself_ends),
		cmocka_unit_test(one_list_aliased_by_every_connection_is_no_bomb),
		cmocka_unit_test(a_file_beyond_its_bound_is_refused_unread),
		cmocka_unit_test(long_scalars_and_keys_are_cut_in_messages),
		cmocka_unit_test(findings_are_bounded_in_number_but_counted),
		cmocka_unit_test(lists_have_bounds),
		cmocka_unit_test(text_from_the_file_cannot_forge_a_line_of_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
