/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the key log: what Wireshark's tables of this name have, character by character; and whose lines are written, and when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/key_log.h"

static const uint8_t bytes[64] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
				  0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01, 0x02,
				  0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,
				  0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0xf0, 0xf1, 0xf2, 0xf3};

static struct ike_blob key(size_t at, size_t size)
{
	return (struct ike_blob){.data = bytes + at, .size = size};
}

static void test_an_ike_sa_with_an_aead(void **state)
{
	const struct ike_out_keys k = {
		.spi_i = 0x0123456789abcdef,
		.spi_r = 0x00000000000000ff,
		.suite = {.encr = IKE_ENCR_AES_GCM_16, .key_bits = 128},
		.encr_i = key(0, 20),
		.encr_r = key(16, 20),
	};
	char line[KEY_LOG_LINE];

	(void)state;
	key_log_ike(&k, line);
	assert_string_equal(
		line,
		"0123456789abcdef,00000000000000ff,00112233445566778899aabbccddeeff01020304,"
		"0102030405060708090a0b0c0d0e0f10f0f1f2f3,\"AES-GCM-128 with 16 octet ICV [RFC5282]\",,,\"NONE [RFC4306]\"\n");
}

static void test_an_ike_sa_with_cbc(void **state)
{
	const struct ike_out_keys k = {
		.spi_i = 1,
		.spi_r = 2,
		.suite = {.encr = IKE_ENCR_AES_CBC,
			  .key_bits = 128,
			  .integ = IKE_INTEG_HMAC_SHA1_96},
		.encr_i = key(0, 16),
		.encr_r = key(16, 16),
		.integ_i = key(0, 20),
		.integ_r = key(16, 20),
	};
	char line[KEY_LOG_LINE];

	(void)state;
	key_log_ike(&k, line);
	assert_string_equal(
		line,
		"0000000000000001,0000000000000002,00112233445566778899aabbccddeeff,0102030405060708090a0b0c0d0e0f10,"
		"\"AES-CBC-128 [RFC3602]\",00112233445566778899aabbccddeeff01020304,0102030405060708090a0b0c0d0e0f10f0f1f2f3,"
		"\"HMAC_SHA1_96 [RFC2404]\"\n");
}

/* 192.0.2.1 is ours. */
static struct ike_out_child_add child(void)
{
	struct ike_out_child_add a = {
		.connection = 7,
		.spi_in = 0x0a0b0c0d,
		.spi_out = 0xc0ffee00,
		.suite = {.encr = IKE_ENCR_AES_CBC,
			  .key_bits = 128,
			  .integ = IKE_INTEG_HMAC_SHA2_256_128},
		.keys = {.encr_in = key(0, 16),
			 .encr_out = key(16, 16),
			 .integ_in = key(0, 32),
			 .integ_out = key(4, 32)},
	};

	assert_int_equal(cg_addr_parse("192.0.2.1", &a.local.addr), 0);
	assert_int_equal(cg_addr_parse("198.51.100.9", &a.remote.addr), 0);
	return a;
}

static void test_a_child_sa_is_a_line_a_direction(void **state)
{
	struct ike_out_child_add a = child();
	char line[KEY_LOG_LINE];

	(void)state;
	key_log_esp(&a, line);
	assert_string_equal(
		line,
		"\"IPv4\",\"*\",\"*\",\"0x0a0b0c0d\",\"AES-CBC [RFC3602]\",\"0x00112233445566778899aabbccddeeff\","
		"\"HMAC-SHA-256-128 [RFC4868]\",\"0x00112233445566778899aabbccddeeff0102030405060708090a0b0c0d0e0f10\"\n"
		"\"IPv4\",\"*\",\"*\",\"0xc0ffee00\",\"AES-CBC [RFC3602]\",\"0x0102030405060708090a0b0c0d0e0f10\","
		"\"HMAC-SHA-256-128 [RFC4868]\",\"0x445566778899aabbccddeeff0102030405060708090a0b0c0d0e0f10f0f1f2f3\"\n");
}

static void test_what_has_no_name_there_has_no_key_here(void **state)
{
	struct ike_out_child_add a = child();
	const struct ike_out_keys k = {.suite = {.encr = IKE_ENCR_CHACHA20_POLY1305},
				       .encr_i = key(0, 36),
				       .encr_r = key(0, 36)};
	char line[KEY_LOG_LINE];

	(void)state;
	a.suite = (struct ike_suite){.encr = IKE_ENCR_CHACHA20_POLY1305};
	key_log_esp(&a, line);
	assert_int_equal(line[0], '#');
	assert_null(strstr(line, "00112233"));
	key_log_ike(&k, line);
	assert_int_equal(line[0], '#');
	assert_null(strstr(line, "00112233"));
}

/* The longest lines there can be are whole. */
static void test_the_longest_lines_fit(void **state)
{
	struct ike_out_child_add a = child();
	char line[KEY_LOG_LINE];

	(void)state;
	assert_int_equal(cg_addr_parse("2001:db8:1111:2222:3333:4444:5555:6666", &a.local.addr), 0);
	a.remote.addr = a.local.addr;
	a.suite.integ = IKE_INTEG_HMAC_SHA2_512_256;
	a.keys = (struct ike_child_keys){.encr_in = key(0, 32),
					 .encr_out = key(0, 32),
					 .integ_in = key(0, 64),
					 .integ_out = key(0, 64)};
	key_log_esp(&a, line);
	assert_true(strlen(line) < KEY_LOG_LINE - 1);
	assert_int_equal(line[strlen(line) - 1], '\n');
}

static int temporary(void)
{
	char path[] = "/tmp/key-log-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	return fd;
}

static off_t size_of(int fd)
{
	return lseek(fd, 0, SEEK_END);
}

static void test_only_of_whom_and_as_long_as_it_was_ordered(void **state)
{
	struct key_log l = KEY_LOG_NONE;
	struct ike_out_child_add a = child();
	int fd = temporary(), copy = dup(fd);

	(void)state;
	/* Nothing was ordered, and there is no file. */
	key_log_child(&l, 100, &a);
	assert_int_equal(key_log_take(&l, KEY_LOG_ESP, &copy), 0);
	assert_int_equal(copy, -EBADF);
	key_log_tick(&l, 100);
	key_log_child(&l, 100, &a);
	assert_int_equal(size_of(fd), 0);
	/* Another one's. */
	assert_int_equal(key_log_set(&l, 8, 1000), 0);
	key_log_child(&l, 100, &a);
	assert_int_equal(size_of(fd), 0);
	assert_int_equal(key_log_set(&l, 7, 500), 0);
	key_log_child(&l, 100, &a);
	assert_true(size_of(fd) > 0);
	/* Its time is over. */
	assert_int_equal(ftruncate(fd, 0), 0);
	key_log_child(&l, 500, &a);
	assert_int_equal(size_of(fd), 0);
	key_log_tick(&l, 600);
	assert_true(l.files[KEY_LOG_ESP] >= 0);
	/* With the last one the files are closed. */
	assert_int_equal(key_log_set(&l, 8, 0), 0);
	assert_int_equal(l.files[KEY_LOG_ESP], -EBADF);
	key_log_child(&l, 100, &a);
	assert_int_equal(size_of(fd), 0);
	key_log_done(&l);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_ike_sa_with_an_aead),
		cmocka_unit_test(test_an_ike_sa_with_cbc),
		cmocka_unit_test(test_a_child_sa_is_a_line_a_direction),
		cmocka_unit_test(test_what_has_no_name_there_has_no_key_here),
		cmocka_unit_test(test_the_longest_lines_fit),
		cmocka_unit_test(test_only_of_whom_and_as_long_as_it_was_ordered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
