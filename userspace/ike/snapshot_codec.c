// SPDX-License-Identifier: Apache-2.0
/*
 * Values of a snapshot, written and read. Owns the buffer that is written, which holds keys: it is wiped whenever it moves.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "ike/snapshot.h"
#include "ike/snapshot_codec.h"

enum {
	TYPE_U8 = 1,
	TYPE_U16,
	TYPE_U32,
	TYPE_U64,
	TYPE_BOOL,
	TYPE_BYTES,
	TYPE_ENDPOINT,
	TYPE_RECORD
};

/* No deadline is further away: sums of times cannot overflow. */
#define DEADLINE_MAX (UINT64_MAX / 2)

void ik_snap_fail(struct ik_snap *s, int error)
{
	if (!s->error)
		s->error = error;
}

static uint8_t *room(struct ik_snap *s, size_t len)
{
	uint8_t *bigger;
	size_t size = s->size ? s->size : 4096;

	if (s->error)
		return NULL;
	if (len > IKE_SNAPSHOT_MAX - s->len) {
		ik_snap_fail(s, -EFBIG);
		return NULL;
	}
	while (size - s->len < len)
		size *= 2;
	if (size > s->size) {
		bigger = malloc(size);
		if (!bigger) {
			ik_snap_fail(s, -ENOMEM);
			return NULL;
		}
		if (s->len)
			memcpy(bigger, s->buf, s->len);
		if (s->buf)
			OPENSSL_cleanse(s->buf, s->len);
		free(s->buf);
		s->buf = bigger;
		s->size = size;
	}
	s->len += len;
	return s->buf + s->len - len;
}

void ik_snap_done(struct ik_snap *s)
{
	if (s->buf)
		OPENSSL_cleanse(s->buf, s->len);
	free(s->buf);
	*s = (struct ik_snap){.saving = s->saving, .error = s->error ? s->error : -EINVAL};
}

static const uint8_t *take(struct ik_snap *s, size_t len)
{
	const uint8_t *p = s->p;

	if (s->error || len > s->left) {
		ik_snap_fail(s, -EBADMSG);
		return NULL;
	}
	s->p += len;
	s->left -= len;
	return p;
}

/* One number of that many bytes, behind its type. */
static void number(struct ik_snap *s, uint8_t type, size_t len, uint64_t *v)
{
	const uint8_t *p;
	uint8_t *to;

	if (s->saving) {
		to = room(s, 1 + len);
		if (!to)
			return;
		*to = type;
		for (size_t i = 0; i < len; i++)
			to[1 + i] = (uint8_t)(*v >> 8 * (len - 1 - i));
		return;
	}
	*v = 0;
	p = take(s, 1 + len);
	if (!p)
		return;
	if (*p != type) {
		ik_snap_fail(s, -EBADMSG);
		return;
	}
	for (size_t i = 0; i < len; i++)
		*v = *v << 8 | p[1 + i];
}

void ik_snap_u8(struct ik_snap *s, uint8_t *v)
{
	uint64_t n = *v;

	number(s, TYPE_U8, 1, &n);
	*v = (uint8_t)n;
}

void ik_snap_u16(struct ik_snap *s, uint16_t *v)
{
	uint64_t n = *v;

	number(s, TYPE_U16, 2, &n);
	*v = (uint16_t)n;
}

void ik_snap_u32(struct ik_snap *s, uint32_t *v)
{
	uint64_t n = *v;

	number(s, TYPE_U32, 4, &n);
	*v = (uint32_t)n;
}

void ik_snap_u64(struct ik_snap *s, uint64_t *v)
{
	number(s, TYPE_U64, 8, v);
}

void ik_snap_bool(struct ik_snap *s, bool *v)
{
	uint64_t n = *v;

	number(s, TYPE_BOOL, 1, &n);
	ik_snap_must(s, n <= 1);
	*v = n == 1;
}

void ik_snap_uint(struct ik_snap *s, unsigned *v)
{
	uint32_t n = *v;

	ik_snap_u32(s, &n);
	*v = n;
}

void ik_snap_count(struct ik_snap *s, size_t *v, size_t max)
{
	uint32_t n = (uint32_t)*v;

	ik_snap_must(s, *v <= max || !s->saving);
	ik_snap_u32(s, &n);
	if (n > max) {
		ik_snap_fail(s, -EBADMSG);
		n = 0;
	}
	*v = n;
}

void ik_snap_enum(struct ik_snap *s, unsigned *v, unsigned max)
{
	uint8_t n = (uint8_t)*v;

	ik_snap_u8(s, &n);
	if (n > max) {
		ik_snap_fail(s, -EBADMSG);
		n = 0;
	}
	*v = n;
}

void ik_snap_past(struct ik_snap *s, ike_time *v)
{
	ik_snap_u64(s, v);
	if (!s->saving && *v > s->now) {
		ik_snap_fail(s, -EBADMSG);
		*v = 0;
	}
}

void ik_snap_deadline(struct ik_snap *s, ike_time *v)
{
	ik_snap_u64(s, v);
	if (!s->saving && *v != IKE_TIME_NEVER && *v > DEADLINE_MAX) {
		ik_snap_fail(s, -EBADMSG);
		*v = 0;
	}
}

void ik_snap_fixed(struct ik_snap *s, void *data, size_t len)
{
	size_t n = len;

	ik_snap_bytes(s, data, &n, len);
	ik_snap_must(s, n == len || s->saving);
}

/* What comes before bytes. */
static size_t length(struct ik_snap *s, size_t len, size_t max)
{
	uint64_t n = len;

	ik_snap_must(s, len <= max);
	number(s, TYPE_BYTES, 4, &n);
	if (n > max || (!s->saving && n > s->left)) {
		ik_snap_fail(s, -EBADMSG);
		return 0;
	}
	return (size_t)n;
}

void ik_snap_bytes(struct ik_snap *s, uint8_t *data, size_t *len, size_t max)
{
	const uint8_t *from;
	uint8_t *to;

	if (s->saving) {
		(void)length(s, *len, max);
		to = room(s, *len);
		if (to && *len)
			memcpy(to, data, *len);
		return;
	}
	memset(data, 0, max);
	*len = length(s, 0, max);
	from = take(s, *len);
	if (from && *len)
		memcpy(data, from, *len);
	else
		*len = 0;
}

void ik_snap_blob(struct ik_snap *s, uint8_t **data, size_t *len, size_t max)
{
	const uint8_t *from;

	if (s->saving) {
		ik_snap_bytes(s, *data, len, max);
		return;
	}
	*data = NULL;
	*len = length(s, 0, max);
	from = take(s, *len);
	if (!from || !*len) {
		*len = 0;
		return;
	}
	*data = malloc(*len);
	if (!*data) {
		*len = 0;
		ik_snap_fail(s, -ENOMEM);
		return;
	}
	memcpy(*data, from, *len);
}

void ik_snap_endpoint(struct ik_snap *s, struct cg_endpoint *v)
{
	uint64_t kind = cg_addr_len(v->addr.family), port = v->port, vrf = v->vrf;
	struct cg_endpoint out = {};

	number(s, TYPE_ENDPOINT, 1, &kind);
	if (s->saving) {
		uint8_t *to = room(s, (size_t)kind);

		if (to && kind)
			memcpy(to, v->addr.bytes, (size_t)kind);
	} else if (kind == 4 || kind == 16) {
		const uint8_t *from = take(s, (size_t)kind);

		if (from)
			(void)cg_addr_from_bytes(from, (size_t)kind, &out.addr);
	} else {
		ik_snap_must(s, kind == 0);
	}
	number(s, TYPE_U16, 2, &port);
	number(s, TYPE_U32, 4, &vrf);
	if (!s->saving) {
		out.port = (uint16_t)port;
		out.vrf = (uint32_t)vrf;
		*v = ik_snap_ok(s) ? out : (struct cg_endpoint){};
	}
}

struct ik_snap_mark ik_snap_begin(struct ik_snap *s)
{
	struct ik_snap_mark mark = {};
	uint64_t len = 0;

	number(s, TYPE_RECORD, 4, &len);
	if (s->saving) {
		mark.at = s->len;
		return mark;
	}
	if (len > s->left) {
		ik_snap_fail(s, -EBADMSG);
		len = 0;
	}
	mark.outer = s->left - (size_t)len;
	s->left = (size_t)len;
	return mark;
}

void ik_snap_end(struct ik_snap *s, struct ik_snap_mark mark)
{
	if (!s->saving) {
		ik_snap_must(s, s->left == 0);
		s->left = mark.outer;
		return;
	}
	if (ik_snap_ok(s))
		ike_store_u32(s->buf + mark.at - 4, (uint32_t)(s->len - mark.at));
}

void ik_snap_skip(struct ik_snap *s, struct ik_snap_mark mark)
{
	if (ik_snap_ok(s))
		s->p += s->left;
	s->left = mark.outer;
}
