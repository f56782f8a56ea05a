/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of messages' bodies: what was written, and what becomes of it when it is cut or changed. Include it after cmocka.
 */
#ifndef CERTGATE_TESTS_MSGTEST_H
#define CERTGATE_TESTS_MSGTEST_H

#include "daemon/msg.h"

/* The body of what was written, copied, so that reading beyond its end is seen. */
static inline _unused_ uint8_t *body(struct msg_writer *w, size_t *ret_len)
{
	uint8_t *copy;

	assert_false(w->failed);
	assert_true(w->len >= 2);
	*ret_len = w->len - 2;
	copy = malloc(*ret_len > 0 ? *ret_len : 1);
	assert_non_null(copy);
	memcpy(copy, w->buf + 2, *ret_len);
	msg_end(w);
	return copy;
}

/* Every message, cut at every length and with every byte changed, is read without harm: the sanitizers watch. */
static inline _unused_ void mangle(const uint8_t *data, size_t len,
				   void (*get)(struct msg_reader *r))
{
	for (size_t cut = 0; cut <= len; cut++) {
		uint8_t *part = malloc(cut > 0 ? cut : 1);
		struct msg_reader r = {.p = part, .left = cut};

		assert_non_null(part);
		memcpy(part, data, cut);
		get(&r);
		if (cut < len)
			assert_false(msg_done(&r));
		free(part);
	}
	for (size_t at = 0; at < len; at++) {
		for (unsigned int bit = 0; bit < 256; bit += 5) {
			uint8_t *other = malloc(len);
			struct msg_reader r = {.p = other, .left = len};

			assert_non_null(other);
			memcpy(other, data, len);
			other[at] = (uint8_t)(other[at] ^ (bit + 1));
			get(&r);
			free(other);
		}
	}
}

/* With `w`, `data` and `len` of the caller. */
#define MANGLE(type, put, get)          \
	do {                            \
		msg_begin(&w, type);    \
		put;                    \
		data = body(&w, &len);  \
		mangle(data, len, get); \
		free(data);             \
	} while (0)

#endif
