/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes with a count of references, for what ten thousand connections would each have a copy of. Never changed. Called by credentials.c, trust_table.c and
 * whoever frees what they have set.
 */
#include "daemon/shared_bytes.h"

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

struct shared_bytes {
	size_t refs;
	uint8_t data[] __attribute__((aligned(8))); /* lists with pointers are shared, too */
};

uint8_t *shared_bytes_new(const void *data, size_t len)
{
	struct shared_bytes *b = malloc(sizeof(*b) + len);

	if (!b)
		return NULL;
	b->refs = 1;
	if (len > 0)
		memcpy(b->data, data, len);
	return b->data;
}

uint8_t *shared_bytes_ref(uint8_t *data)
{
	if (data)
		container_of(data, struct shared_bytes, data[0])->refs++;
	return data;
}

void shared_bytes_unref(void *data)
{
	struct shared_bytes *b = data ? container_of((uint8_t *)data, struct shared_bytes, data[0])
				      : NULL;

	if (b && --b->refs == 0)
		free(b);
}

uint8_t *shared_bytes_get(const void *data, size_t len, uint8_t *like, size_t like_len)
{
	if (like && like_len == len && (len == 0 || memcmp(like, data, len) == 0))
		return shared_bytes_ref(like);
	return shared_bytes_new(data, len);
}
