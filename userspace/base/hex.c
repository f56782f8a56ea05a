// SPDX-License-Identifier: Apache-2.0
/*
 * The implementation of hex.h: hexadecimal and Base64. Called wherever bytes meet text.
 */
#include "base/hex.h"

int hex_encode(const void *data, size_t len, char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	if (len > (SIZE_MAX - 1) / 2 || size < len * 2 + 1)
		return -ENOBUFS;
	for (size_t i = 0; i < len; i++) {
		out[i * 2] = digits[p[i] >> 4];
		out[i * 2 + 1] = digits[p[i] & 15];
	}
	out[len * 2] = 0;
	return 0;
}

char *hex_dup(const void *data, size_t len)
{
	char *s;

	if (len > (SIZE_MAX - 1) / 2)
		return NULL;
	s = malloc(len * 2 + 1);
	if (s)
		(void)hex_encode(data, len, s, len * 2 + 1);
	return s;
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(const char *s, size_t slen, void *out, size_t size, size_t *ret_len)
{
	uint8_t *o = out;
	size_t n = 0;

	for (size_t i = 0; i < slen;) {
		int hi, lo;

		if (s[i] == ':' || s[i] == ' ') {
			i++;
			continue;
		}
		if (slen - i < 2)
			return -EINVAL;
		hi = hex_digit(s[i]);
		lo = hex_digit(s[i + 1]);
		if (hi < 0 || lo < 0)
			return -EINVAL;
		if (n >= size)
			return -ENOBUFS;
		o[n++] = (uint8_t)(hi << 4 | lo);
		i += 2;
	}
	*ret_len = n;
	return 0;
}

static const char base64_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_encode(const void *data, size_t len, char *out, size_t size)
{
	const uint8_t *p = data;

	if (len > SIZE_MAX / 2 || size < BASE64_SIZE(len))
		return -ENOBUFS;
	for (; len >= 3; len -= 3, p += 3) {
		*out++ = base64_alphabet[p[0] >> 2];
		*out++ = base64_alphabet[(p[0] & 3) << 4 | p[1] >> 4];
		*out++ = base64_alphabet[(p[1] & 15) << 2 | p[2] >> 6];
		*out++ = base64_alphabet[p[2] & 63];
	}
	if (len) {
		uint8_t second = len == 2 ? p[1] : 0;

		*out++ = base64_alphabet[p[0] >> 2];
		*out++ = base64_alphabet[(p[0] & 3) << 4 | second >> 4];
		*out++ = len == 2 ? base64_alphabet[(second & 15) << 2] : '=';
		*out++ = '=';
	}
	*out = 0;
	return 0;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return -1;
}

int base64_decode(const char *s, size_t slen, void *out, size_t size, size_t *ret_len)
{
	unsigned int quad = 0, padding = 0;
	uint8_t *o = out;
	uint32_t acc = 0;
	size_t n = 0;

	for (size_t i = 0; i < slen; i++) {
		int d;

		if (s[i] == ' ' || s[i] == '\t' || s[i] == '\r' || s[i] == '\n')
			continue;
		if (s[i] == '=') {
			if (quad < 2 || ++padding > 4 - quad)
				return -EINVAL;
			continue;
		}
		d = base64_digit(s[i]);
		if (d < 0 || padding)
			return -EINVAL;
		acc = acc << 6 | (uint32_t)d;
		if (++quad < 4)
			continue;
		if (size - n < 3)
			return -ENOBUFS;
		o[n++] = (uint8_t)(acc >> 16);
		o[n++] = (uint8_t)(acc >> 8);
		o[n++] = (uint8_t)acc;
		quad = 0;
		acc = 0;
	}
	if (quad) {
		if (quad + padding != 4)
			return -EINVAL;
		acc <<= 6 * padding;
		if (acc & (padding == 2 ? 0xffff : 0xff))
			return -EINVAL;
		if (size - n < 3 - padding)
			return -ENOBUFS;
		o[n++] = (uint8_t)(acc >> 16);
		if (padding == 1)
			o[n++] = (uint8_t)(acc >> 8);
	}
	*ret_len = n;
	return 0;
}
