/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two key encapsulation mechanisms for tests, as long as ML-KEM-768 and ML-KEM-1024 and with their manners: an encapsulation key can be refused, a ciphertext
 * that was changed gives another secret and no error. They rest on X25519 and are made of whatever shows mistakes; of what makes a KEM good they
 * have nothing. Test programs are linked so that the engine finds them (--wrap in tests/Makefile), the daemon is not.
 */
#pragma once

#include <stdint.h>

/* Of the range for private use. */
enum {
	TEST_KEM_768 = 1024,  /* 1184 bytes and 1088 back */
	TEST_KEM_1024 = 1025, /* 1568 and 1568 */
};

/* What is wrong with what the KEMs make from now on; of either role. */
enum kem_fault {
	KEM_SOUND,
	KEM_SHORT_KEY,	/* of who begins: a byte is missing, */
	KEM_OTHER_KEY,	/* it is as long as a ciphertext, */
	KEM_BAD_KEY,	/* or it is none */
	KEM_SHORT_TEXT, /* of who answers: a byte is missing, */
	KEM_BAD_TEXT,	/* or is another one */
};
extern enum kem_fault kem_fault;

/* What was done, by anybody. */
extern struct kem_counts {
	unsigned keys, texts, opened, refused;
} kem_counts;
