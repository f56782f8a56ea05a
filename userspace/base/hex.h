/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hexadecimal and Base64 (RFC 4648), bounded: the caller owns every buffer and says its size. Holds no state.
 */
#ifndef CERTGATE_BASE_HEX_H
#define CERTGATE_BASE_HEX_H

#include "base/macro.h"

/* Writes 2*len lower-case digits and a NUL. -ENOBUFS if size < 2*len+1. */
int hex_encode(const void *data, size_t len, char *out, size_t size);
/* A new string, NULL if out of memory. */
char *hex_dup(const void *data, size_t len);
/* The value of an upper or lower case digit; -1: it is none. */
int hex_digit(char c);
/*
 * Decodes slen characters, upper or lower case; ':' and ' ' between whole bytes are skipped. -EINVAL for anything
 * else or half a byte, -ENOBUFS if more than size bytes come out.
 */
int hex_decode(const char *s, size_t slen, void *out, size_t size, size_t *ret_len);

/* Bytes needed for the Base64 of len bytes, with the NUL. */
#define BASE64_SIZE(len) ((((len) + 2) / 3) * 4 + 1)

/* Writes Base64 with padding and a NUL. -ENOBUFS if it does not fit. */
int base64_encode(const void *data, size_t len, char *out, size_t size);
/*
 * Decodes slen characters; space, tab, CR and LF are skipped; padding must be right and its spare bits zero (RFC 4648
 * section 3.5). -EINVAL, -ENOBUFS as above.
 */
int base64_decode(const char *s, size_t slen, void *out, size_t size, size_t *ret_len);

#endif
