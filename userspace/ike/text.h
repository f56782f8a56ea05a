/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text built piece by piece in a buffer of fixed size, truncated when it is
 * full, always terminated (unless the size is 0). Lists end at the border of an
 * element, with how many more there are. For the formatters of ike/.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/macro.h"

struct ike_text {
	char *buf;
	size_t size;
	size_t len;
};

static inline struct ike_text ike_text(char *buf, size_t size)
{
	if (size > 0)
		buf[0] = '\0';
	return (struct ike_text){.buf = buf, .size = size};
}

static inline _printf_(2, 3) void ike_text_add(struct ike_text *t, const char *format, ...)
{
	va_list args;
	int n;

	if (t->len + 1 >= t->size)
		return;
	va_start(args, format);
	n = vsnprintf(t->buf + t->len, t->size - t->len, format, args);
	va_end(args);
	if (n > 0)
		t->len = MIN(t->len + (size_t)n, t->size - 1);
}

#define IKE_TEXT_MORE sizeof(" and 65535 more")

/*
 * Is what was added since @before there whole, and is there, unless it is the @last of its list, room for the number of those that
 * follow? If not it is taken back, and the number added in its place.
 */
static inline bool ike_text_fits(struct ike_text *t, size_t before, bool last, size_t left)
{
	if (t->len + (last ? 1 : IKE_TEXT_MORE) < t->size)
		return true;
	if (t->size == 0)
		return false;
	t->len = before;
	t->buf[before] = '\0';
	ike_text_add(t, before ? " and %zu more" : "%zu in all", left);
	return false;
}
