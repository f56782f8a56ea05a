// SPDX-License-Identifier: Apache-2.0
/*
 * The netlink client without a kernel: names of algorithms and attributes, and the words of `certgate kernel`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <linux/genetlink.h>

#include "cli/kernel_cmd.h"
#include "kernel/client.h"

static void every_algorithm_has_one_name(void **state)
{
	static const char *const names[] = {
		"aes-gcm-128",
		"aes-gcm-192",
		"aes-gcm-256",
		"chacha20-poly1305",
		"aes-cbc-128/hmac-sha2-256",
		"aes-cbc-192/hmac-sha2-384",
		"aes-cbc-256/hmac-sha2-512",
		"aes-cbc-256/hmac-sha1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint16_t encr, bits, integ;
		size_t key, integ_key;
		char text[64];

		assert_int_equal(cgk_alg_parse(names[i], &encr, &bits, &integ), 0);
		assert_string_equal(cgk_alg_format(encr, bits, integ, text), names[i]);
		cgk_alg_key_lengths(encr, bits, integ, &key, &integ_key);
		/* RFC 4106 and RFC 7634: 4 bytes of salt behind the key */
		assert_int_equal(key, bits / 8 + (integ ? 0 : 4));
		assert_int_equal(integ_key != 0, integ != 0);
	}
}

static void other_algorithms_are_refused(void **state)
{
	static const char *const names[] = {
		"",	"aes",		"aes-gcm-256/hmac-md5", "aes-gcm-2566",	   "aes-gcm-25",
		"3des", "aes-cbc-128/", "/hmac-sha2-256",	"aes-cbc-128/none"};
	uint16_t encr = 7, bits = 7, integ = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(cgk_alg_parse(names[i], &encr, &bits, &integ), -EINVAL);
	assert_int_equal(encr, 7);
	assert_int_equal(bits, 7);
	assert_int_equal(integ, 7);
}

/* A request as the client builds it, to ask for names at every offset. */
static struct nlmsghdr *tunnel_request(struct cgk *k)
{
	struct cg_endpoint e = {.port = 4500};
	struct nlmsghdr *nlh;

	(void)cg_addr_parse("192.0.2.1", &e.addr);
	nlh = cgk_begin(k, CERTGATE_CMD_TUNNEL_NEW, 0);
	mnl_attr_put_u32(nlh, CERTGATE_A_TUNNEL_IFINDEX, 3);
	cgk_put_endpoint(nlh, CERTGATE_A_TUNNEL_REMOTE, &e, /* port= */ true);
	return nlh;
}

static uint32_t offset_of(const struct nlmsghdr *nlh, const struct nlattr *a)
{
	return (uint32_t)((const char *)a - (const char *)nlh);
}

static void an_offset_names_the_attribute_there(void **state)
{
	struct cgk *k = calloc(1, sizeof(*k));
	struct nlmsghdr *nlh;
	const struct nlattr *a, *inner;
	char name[64];

	(void)state;
	assert_non_null(k);
	nlh = tunnel_request(k);
	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr)) {
		cgk_attr_at(nlh, offset_of(nlh, a), name, sizeof(name));
		if (mnl_attr_get_type(a) == CERTGATE_A_TUNNEL_IFINDEX) {
			assert_string_equal(name, "tunnel.ifindex");
			continue;
		}
		assert_string_equal(name, "tunnel.remote");
		mnl_attr_for_each_nested(inner, a) {
			cgk_attr_at(nlh, offset_of(nlh, inner), name, sizeof(name));
			assert_string_equal(name,
					    mnl_attr_get_type(inner) == CERTGATE_A_ENDPOINT_ADDR
						    ? "tunnel.remote.addr"
						    : "tunnel.remote.port");
		}
	}
	free(k);
}

static void an_offset_outside_of_the_request_is_harmless(void **state)
{
	struct cgk *k = calloc(1, sizeof(*k));
	struct nlmsghdr *nlh;
	char name[16];

	(void)state;
	assert_non_null(k);
	nlh = tunnel_request(k);
	for (uint32_t offset = 0; offset < 2 * nlh->nlmsg_len; offset++)
		cgk_attr_at(nlh, offset, name, sizeof(name));
	cgk_attr_at(nlh, UINT32_MAX, name, sizeof(name));
	assert_string_equal(name, "tunnel");
	assert_string_equal(cgk_attr_missing(nlh, 0, CERTGATE_A_TUNNEL_LOCAL), "local");
	assert_string_equal(cgk_attr_missing(nlh, 0, 9999), "an attribute");
	free(k);
}

static void every_cause_of_a_drop_has_a_name(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < CGK_DROPS; i++)
		assert_non_null(cgk_drop_name(i));
	assert_null(cgk_drop_name(CGK_DROPS));
}

/* ------------------------------------------------------------------ words of the command line */

static struct cli quiet(char **ret_err, size_t *ret_size)
{
	static const struct cli_command command = {.name = "kernel", .args = ""};

	return (struct cli){
		.out = stdout, .err = open_memstream(ret_err, ret_size), .command = &command};
}

static void selectors_are_read_and_written_alike(void **state)
{
	static const char *const texts[] = {
		"10.1.0.0/16",	  "10.1.0.5-10.1.0.9",	    "fd00:1::/64",
		"0.0.0.0/0",	  "10.1.0.0/16,tcp",	    "10.1.0.0/16,udp,53",
		"::/0,tcp,80-81", "10.0.0.1/32,17,1-65535", "10.1.0.0/16,0,80",
	};
	static const char *const wrong[] = {
		"",
		"10.1.0.0/33",
		"10.1.0.9-10.1.0.5",
		"10.1.0.0/16,nonsense",
		"10.1.0.0/16,300",
		"10.1.0.0/16,tcp,",
		"10.1.0.0/16,tcp,81-80",
		"10.1.0.0/16,tcp,70000",
	};
	char text[KERNEL_SELECTOR_SIZE], again[KERNEL_SELECTOR_SIZE];
	char *err = NULL;
	size_t size = 0;
	struct cli cli = quiet(&err, &size);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct cgk_selector s, t;

		assert_int_equal(kernel_parse_selector(&cli, "--local-ts", texts[i], &s), CLI_OK);
		(void)kernel_selector_format(&s, text);
		assert_int_equal(kernel_parse_selector(&cli, "--local-ts", text, &t), CLI_OK);
		assert_string_equal(kernel_selector_format(&t, again), text);
		assert_true(cg_range_equal(&s.range, &t.range));
		assert_int_equal(s.protocol, t.protocol);
		assert_int_equal(s.port_start, t.port_start);
		assert_int_equal(s.port_end, t.port_end);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct cgk_selector s;

		assert_int_equal(kernel_parse_selector(&cli, "--local-ts", wrong[i], &s),
				 CLI_USAGE);
	}
	(void)fclose(cli.err);
	assert_non_null(strstr(err, "--local-ts"));
	free(err);
}

static void endpoints_are_read(void **state)
{
	static const struct {
		const char *text;
		uint16_t port;
	} good[] = {{"192.0.2.1", 0},
		    {"192.0.2.1:4500", 4500},
		    {"2001:db8::1", 0},
		    {"[2001:db8::1]:500", 500},
		    {"[::1]", 0}};
	static const char *const wrong[] = {
		"",	"x",	  "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
		"[::1", "[::1]x", "[::1]:"};
	char *err = NULL;
	size_t size = 0;
	struct cli cli = quiet(&err, &size);
	struct cg_endpoint e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(kernel_parse_endpoint(&cli, "--local", good[i].text, &e), CLI_OK);
		assert_int_equal(e.port, good[i].port);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(kernel_parse_endpoint(&cli, "--local", wrong[i], &e), CLI_USAGE);
	(void)fclose(cli.err);
	free(err);
}

static void a_fingerprint_has_64_digits(void **state)
{
	uint8_t hash[CERTGATE_HASH_SIZE];
	char text[2 * CERTGATE_HASH_SIZE + 3];
	char *err = NULL;
	size_t size = 0;
	struct cli cli = quiet(&err, &size);

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t n = 0; n < sizeof(text); n++) {
		char cut[sizeof(text) + 1];

		memcpy(cut, text, n);
		cut[n] = '\0';
		assert_int_equal(kernel_parse_hash(&cli, "revoke", cut, hash),
				 n == 2 * CERTGATE_HASH_SIZE ? CLI_OK : CLI_USAGE);
	}
	assert_int_equal(kernel_parse_hash(&cli, "revoke", NULL, hash), CLI_USAGE);
	(void)fclose(cli.err);
	free(err);
}

static void what_a_change_of_a_tunnel_cannot_do_is_refused(void **state)
{
	static char *const wrong[][3] = {
		{"--socket", "2", "--socket is for 'add'"},
		{"--socket=2", NULL, "--socket is for 'add'"},
		{"--dev", "cg0", "unknown option '--dev'"},
		{NULL, NULL, "there is nothing to change"},
	};

	(void)state;
	/* Before the kernel is asked: there is none. */
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char *argv[] = {"set", "1", wrong[i][0], wrong[i][1], NULL};
		char *err = NULL;
		size_t size = 0;
		struct cli cli = quiet(&err, &size);
		int argc = 2;

		while (argv[argc])
			argc++;
		assert_int_equal(kernel_tunnel_set(&cli, NULL, argc, argv), CLI_USAGE);
		(void)fclose(cli.err);
		if (!strstr(err, wrong[i][2]))
			fail_msg("%s: %s", wrong[i][2], err);
		free(err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_algorithm_has_one_name),
		cmocka_unit_test(other_algorithms_are_refused),
		cmocka_unit_test(an_offset_names_the_attribute_there),
		cmocka_unit_test(an_offset_outside_of_the_request_is_harmless),
		cmocka_unit_test(every_cause_of_a_drop_has_a_name),
		cmocka_unit_test(selectors_are_read_and_written_alike),
		cmocka_unit_test(endpoints_are_read),
		cmocka_unit_test(a_fingerprint_has_64_digits),
		cmocka_unit_test(what_a_change_of_a_tunnel_cannot_do_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
