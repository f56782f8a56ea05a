/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocations that know their size, so that all of it can be wiped. Called by libraries in the process `vault`.
 */
#include "daemon/wiping.h"

#include <openssl/crypto.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* In front of each, as long as the strictest alignment. */
union head {
	size_t size;
	max_align_t align;
};

void *wiping_malloc(size_t size)
{
	union head *h;

	if (size > SIZE_MAX - sizeof(*h))
		return NULL;
	h = malloc(sizeof(*h) + size);
	if (!h)
		return NULL;
	h->size = size;
	return h + 1;
}

void *wiping_calloc(size_t n, size_t size)
{
	void *p;

	if (size > 0 && n > SIZE_MAX / size)
		return NULL;
	p = wiping_malloc(n * size);
	if (p)
		memset(p, 0, n * size);
	return p;
}

void *wiping_realloc(void *p, size_t size)
{
	const union head *h = p ? (union head *)p - 1 : NULL;
	void *grown = wiping_malloc(size);

	if (!grown || !h)
		return grown;
	memcpy(grown, p, h->size < size ? h->size : size);
	wiping_free(p);
	return grown;
}

char *wiping_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = wiping_malloc(n);

	return p ? memcpy(p, s, n) : NULL;
}

void wiping_free(void *p)
{
	union head *h = p ? (union head *)p - 1 : NULL;

	if (!h)
		return;
	OPENSSL_cleanse(p, h->size);
	free(h);
}
