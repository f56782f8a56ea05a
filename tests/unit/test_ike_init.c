// SPDX-License-Identifier: Apache-2.0
/* What surrounds IKE_SA_INIT: NAT detection and cookies; and the reader and writer under it all. */
#include "lib/ike_test.h"

#include <errno.h>
#include <openssl/sha.h>

#include "base/addr.h"
#include "ike/cookie.h"
#include "ike/natd.h"

static struct cg_endpoint endpoint(const char *addr, uint16_t port)
{
	struct cg_endpoint e = {.port = port};

	assert_int_equal(cg_addr_parse(addr, &e.addr), 0);
	return e;
}

/* --- NAT detection: section 2.23 --- */

static void the_hash_is_sha1_of_spis_address_and_port(void **state)
{
	struct cg_endpoint v4 = endpoint("192.0.2.1", 500), v6 = endpoint("2001:db8::1", 4500);
	uint8_t hash[IKE_NATD_LEN], expected[20];
	struct ike_view bytes;

	(void)state;
	assert_int_equal(ike_natd_hash(0x0102030405060708, 0, &v4, hash), 0);
	bytes = unhex("01020304050607080000000000000000c000020101f4");
	assert_non_null(SHA1(bytes.data, bytes.len, expected));
	assert_memory_equal(hash, expected, 20);
	assert_int_equal(ike_natd_hash(1, 2, &v6, hash), 0);
	bytes = unhex("0000000000000001000000000000000220010db80000000000000000000000011194");
	assert_non_null(SHA1(bytes.data, bytes.len, expected));
	assert_memory_equal(hash, expected, 20);
	v4.addr.family = AF_UNSPEC;
	assert_int_equal(ike_natd_hash(1, 2, &v4, hash), -EINVAL);
}

/* The sender writes what it sees, the receiver compares with what it sees. */
static struct ike_nat detect(const struct cg_endpoint *sent_from, const struct cg_endpoint *sent_to,
			     const struct cg_endpoint *seen_from, const struct cg_endpoint *seen_at)
{
	static struct ike_content content;
	struct ike_payloads chain;
	struct ike_builder b;
	struct ike_nat nat;
	uint8_t buf[256];
	size_t len;

	ike_build_chain(&b, buf, sizeof(buf));
	assert_int_equal(ike_build_natd(&b, 5, 6, sent_from, sent_to), 0);
	assert_int_equal(ike_build_finish(&b, &len), 0);
	assert_int_equal(ike_payloads_parse(b.first, IKE_VIEW(buf, len), &chain, NULL), 0);
	assert_int_equal(ike_content_parse(&chain, false, false, &content, NULL), 0);
	assert_int_equal(ike_natd_check(&content, 5, 6, seen_from, seen_at, &nat), 0);
	assert_true(nat.supported);
	return nat;
}

static void each_side_behind_a_nat_is_found(void **state)
{
	struct cg_endpoint a = endpoint("198.51.100.1", 500), b = endpoint("203.0.113.1", 500);
	struct cg_endpoint inside = endpoint("10.0.0.1", 500),
			   moved = endpoint("198.51.100.1", 1027);
	struct ike_nat nat;

	(void)state;
	nat = detect(&a, &b, &a, &b);
	assert_false(nat.peer || nat.local);
	nat = detect(&inside, &b, &a, &b); /* the peer's address was changed */
	assert_true(nat.peer && !nat.local);
	nat = detect(&a, &b, &moved, &b); /* only its port was */
	assert_true(nat.peer && !nat.local);
	nat = detect(&a, &b, &a, &inside); /* ours was */
	assert_true(!nat.peer && nat.local);
	nat = detect(&inside, &b, &a, &inside);
	assert_true(nat.peer && nat.local);
}

static void one_matching_source_of_several_is_enough_and_junk_is_none(void **state)
{
	struct cg_endpoint a = endpoint("198.51.100.1", 500), b = endpoint("203.0.113.1", 500);
	static struct ike_content content;
	uint8_t source[20], destination[20], other[21] = {0};
	struct ike_nat nat;

	(void)state;
	assert_int_equal(ike_natd_hash(1, 2, &a, source), 0);
	assert_int_equal(ike_natd_hash(1, 2, &b, destination), 0);
	content.notifies[0] = (struct ike_notify){.type = IKE_N_NAT_DETECTION_SOURCE_IP,
						  .data = IKE_VIEW(other, 21)};
	content.notifies[1] = (struct ike_notify){.type = IKE_N_NAT_DETECTION_SOURCE_IP,
						  .data = IKE_VIEW(source, 20)};
	content.notifies[2] = (struct ike_notify){.type = IKE_N_NAT_DETECTION_DESTINATION_IP,
						  .data = IKE_VIEW(destination, 20)};
	content.n_notifies = 3;
	assert_int_equal(ike_natd_check(&content, 1, 2, &a, &b, &nat), 0);
	assert_true(nat.supported && !nat.peer && !nat.local);
	content.notifies[1].data.len = 19;
	assert_int_equal(ike_natd_check(&content, 1, 2, &a, &b, &nat), 0);
	assert_true(nat.supported && nat.peer);
	content.n_notifies = 2; /* no destination: the peer does not do it */
	assert_int_equal(ike_natd_check(&content, 1, 2, &a, &b, &nat), 0);
	assert_true(!nat.supported && !nat.peer && !nat.local);
}

/* --- cookies: section 2.6 --- */

struct jar_fixture {
	struct seeded seeded;
	struct ike_random random;
	struct ike_cookie_jar jar;
	struct cg_endpoint from;
	struct ike_view nonce;
	uint8_t cookie[IKE_COOKIE_LEN];
};

static void open_jar(struct jar_fixture *f)
{
	f->random = seeded_random(&f->seeded, 12);
	f->from = endpoint("192.0.2.1", 500);
	f->nonce = unhex("000102030405060708090a0b0c0d0e0f");
	ike_cookie_init(&f->jar, &f->random);
	assert_int_equal(ike_cookie_make(&f->jar, f->nonce, &f->from, 77, f->cookie), 0);
}

static int check_cookie(const struct jar_fixture *f)
{
	return ike_cookie_check(&f->jar, IKE_VIEW(f->cookie, sizeof(f->cookie)), f->nonce, &f->from,
				77);
}

static void a_cookie_is_good_for_its_nonce_address_and_spi_only(void **state)
{
	struct jar_fixture f;
	struct cg_endpoint other = endpoint("192.0.2.2", 500), port = endpoint("192.0.2.1", 4500);
	struct ike_view cookie = IKE_VIEW(f.cookie, sizeof(f.cookie));

	(void)state;
	open_jar(&f);
	assert_int_equal(check_cookie(&f), 0);
	assert_int_equal(ike_cookie_check(&f.jar, cookie, f.nonce, &port, 77),
			 0); /* a NAT may change the port */
	assert_int_equal(ike_cookie_check(&f.jar, cookie, f.nonce, &other, 77), -EACCES);
	assert_int_equal(ike_cookie_check(&f.jar, cookie, f.nonce, &f.from, 78), -EACCES);
	assert_int_equal(ike_cookie_check(&f.jar, cookie, unhex("ff0102030405060708090a0b0c0d0e0f"),
					  &f.from, 77),
			 -EACCES);
}

static void a_changed_cookie_is_refused(void **state)
{
	struct jar_fixture f;

	(void)state;
	open_jar(&f);
	for (size_t bit = 0; bit < sizeof(f.cookie) * 8; bit++) {
		f.cookie[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(check_cookie(&f), -EACCES);
		f.cookie[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 0; len < sizeof(f.cookie); len++)
		assert_int_equal(ike_cookie_check(&f.jar, IKE_VIEW(f.cookie, len), f.nonce, &f.from,
						  77),
				 -EACCES);
}

static void a_cookie_outlives_one_change_of_secrets_not_two(void **state)
{
	struct jar_fixture f;

	(void)state;
	open_jar(&f);
	ike_cookie_rotate(&f.jar, &f.random);
	assert_int_equal(check_cookie(&f), 0);
	ike_cookie_rotate(&f.jar, &f.random);
	assert_int_equal(check_cookie(&f), -EACCES);
}

static void before_the_first_change_there_is_no_previous_secret(void **state)
{
	struct jar_fixture f;

	(void)state;
	open_jar(&f);
	/* a cookie made with the all-zero secret that is not there */
	f.jar.has_previous = true;
	f.jar.version++;
	memset(f.jar.current, 0, sizeof(f.jar.current));
	assert_int_equal(ike_cookie_make(&f.jar, f.nonce, &f.from, 77, f.cookie), 0);
	ike_cookie_init(&f.jar, &f.random);
	ike_store_u32(f.cookie, f.jar.version - 1);
	assert_int_equal(check_cookie(&f), -EACCES);
}

/* --- reader and writer --- */

static void a_reader_stays_within_its_bytes(void **state)
{
	uint8_t *bytes = exact_copy(unhex("0102030405060708090a0b0c0d0e0f"));
	struct ike_reader r = ike_reader(IKE_VIEW(bytes, 15));
	struct ike_view v = {0};
	uint64_t u64 = 0;
	uint32_t u32 = 0;
	uint16_t u16 = 0;
	uint8_t u8 = 0;

	(void)state;
	assert_true(ike_read_u8(&r, &u8) && u8 == 0x01);
	assert_true(ike_read_u16(&r, &u16) && u16 == 0x0203);
	assert_true(ike_read_u32(&r, &u32) && u32 == 0x04050607);
	assert_int_equal(r.left, 8);
	assert_false(ike_read_view(&r, 9, &v));
	assert_false(ike_read_view(&r, SIZE_MAX, &v));
	assert_null(v.data);
	assert_true(ike_read_u64(&r, &u64) && u64 == 0x08090a0b0c0d0e0f);
	assert_false(ike_read_u8(&r, &u8) || ike_read_u16(&r, &u16) || ike_read_u32(&r, &u32) ||
		     ike_read_u64(&r, &u64));
	assert_true(u8 == 1 && u16 == 0x0203);
	assert_true(ike_read_view(&r, 0, &v) && v.len == 0);
	assert_int_equal(ike_read_rest(&r).len, 0);
	r = ike_reader(IKE_VIEW_NONE);
	assert_true(ike_read_skip(&r, 0));
	assert_false(ike_read_skip(&r, 1));
	free(bytes);
}

static void a_writer_stays_within_its_room_and_remembers(void **state)
{
	uint8_t *room = malloc(7);
	struct ike_writer w = ike_writer(room, 7);

	(void)state;
	assert_non_null(room);
	ike_write_u8(&w, 1);
	ike_write_u32(&w, 0x02030405);
	ike_write_u16(&w, 0x0607);
	assert_int_equal(ike_writer_status(&w), 0);
	assert_bytes(room, 7, "01020304050607");
	ike_write_u16_at(&w, 5, 0xabcd);
	assert_int_equal(ike_writer_status(&w), 0);
	assert_int_equal(room[6], 0xcd);
	ike_write_bytes(&w, NULL, 0);
	assert_int_equal(ike_writer_status(&w), 0);
	ike_write_u8(&w, 9);
	assert_int_equal(ike_writer_status(&w), -EMSGSIZE);
	assert_int_equal(w.len, 7);

	w = ike_writer(room, 7);
	ike_write_u8(&w, 1);
	ike_write_u16_at(&w, 0, 1); /* half of it was never written */
	assert_int_equal(ike_writer_status(&w), -EMSGSIZE);
	w = ike_writer(room, 7);
	ike_write_zeros(&w, SIZE_MAX);
	assert_int_equal(ike_writer_status(&w), -EMSGSIZE);
	free(room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_sha1_of_spis_address_and_port),
		cmocka_unit_test(each_side_behind_a_nat_is_found),
		cmocka_unit_test(one_matching_source_of_several_is_enough_and_junk_is_none),
		cmocka_unit_test(a_cookie_is_good_for_its_nonce_address_and_spi_only),
		cmocka_unit_test(a_changed_cookie_is_refused),
		cmocka_unit_test(a_cookie_outlives_one_change_of_secrets_not_two),
		cmocka_unit_test(before_the_first_change_there_is_no_previous_secret),
		cmocka_unit_test(a_reader_stays_within_its_bytes),
		cmocka_unit_test(a_writer_stays_within_its_room_and_remembers),
	};

	return cmocka_run_group_tests_name("ike/init", tests, NULL, NULL);
}
