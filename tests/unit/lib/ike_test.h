/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of ike/ share: bytes from hexadecimal text, randomness with a
 * seed or from a list, a whole IKE_SA_INIT and a pair of keys to play with.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ike/crypto.h"
#include "ike/message.h"
#include "ike/random.h"

/* Bytes of hexadecimal text (blanks allowed). From a ring of 1 MiB: good for a test, not for keeping. */
struct ike_view unhex(const char *text);

#define assert_view_equal(a, b) assert_view_equal_((a), (b), __FILE__, __LINE__)
void assert_view_equal_(struct ike_view a, struct ike_view b, const char *file, int line);
#define assert_bytes(p, n, text) assert_view_equal(IKE_VIEW((p), (n)), unhex(text))

/* A generator with a seed: the same seed, the same bytes. */
struct seeded {
	uint64_t state;
};
struct ike_random seeded_random(struct seeded *seeded, uint64_t seed);
uint64_t seeded_next(struct seeded *seeded);
/* 0 .. bound - 1 */
size_t seeded_below(struct seeded *seeded, size_t bound);

/* Hands out the given bytes once; fails the test when they run out. */
struct scripted {
	struct ike_view left;
};
struct ike_random scripted_random(struct scripted *scripted, struct ike_view bytes);

/* Fails the test when it is asked for anything: what AEADs and readers are given. */
extern const struct ike_random no_random;

/* A header as the original initiator sends it. */
struct ike_header test_header(uint8_t exchange, uint32_t message_id, bool response);

/* A copy that ends where its allocation does, so that AddressSanitizer sees any byte read beyond. free() it. */
uint8_t *exact_copy(struct ike_view view);

/* Keys of one direction, made up from a seed. integ: IKE_INTEG_NONE for an AEAD. */
struct ike_cipher test_cipher(uint16_t encr, uint16_t key_bits, uint16_t integ, uint64_t seed);

/* Every supported protection of messages. */
struct test_protection {
	uint16_t encr, key_bits, integ;
};
extern const struct test_protection test_protections[];
extern const size_t n_test_protections;
