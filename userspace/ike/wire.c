// SPDX-License-Identifier: Apache-2.0
/*
 * The implementation of wire.h. Owns nothing; called by every codec of ike/.
 */
#include "ike/wire.h"

#include <errno.h>

bool ike_view_equal(struct ike_view a, struct ike_view b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool ike_read_view(struct ike_reader *r, size_t len, struct ike_view *ret)
{
	if (len > r->left)
		return false;
	*ret = IKE_VIEW(r->p, len);
	if (len > 0)
		r->p += len;
	r->left -= len;
	return true;
}

bool ike_read_skip(struct ike_reader *r, size_t len)
{
	struct ike_view skipped;

	return ike_read_view(r, len, &skipped);
}

bool ike_read_bytes(struct ike_reader *r, uint8_t *ret, size_t len)
{
	struct ike_view v;

	if (!ike_read_view(r, len, &v))
		return false;
	if (len > 0)
		memcpy(ret, v.data, len);
	return true;
}

bool ike_read_u8(struct ike_reader *r, uint8_t *ret)
{
	struct ike_view v;

	if (!ike_read_view(r, 1, &v))
		return false;
	*ret = v.data[0];
	return true;
}

bool ike_read_u16(struct ike_reader *r, uint16_t *ret)
{
	struct ike_view v;

	if (!ike_read_view(r, 2, &v))
		return false;
	*ret = ike_load_u16(v.data);
	return true;
}

bool ike_read_u32(struct ike_reader *r, uint32_t *ret)
{
	struct ike_view v;

	if (!ike_read_view(r, 4, &v))
		return false;
	*ret = ike_load_u32(v.data);
	return true;
}

bool ike_read_u64(struct ike_reader *r, uint64_t *ret)
{
	struct ike_view v;

	if (!ike_read_view(r, 8, &v))
		return false;
	*ret = ike_load_u64(v.data);
	return true;
}

struct ike_view ike_read_rest(struct ike_reader *r)
{
	struct ike_view rest = IKE_VIEW(r->p, r->left);

	if (r->left > 0)
		r->p += r->left;
	r->left = 0;
	return rest;
}

/* Room for len more bytes, or NULL once and for ever. */
static uint8_t *reserve(struct ike_writer *w, size_t len)
{
	uint8_t *p;

	if (w->overflow || len > w->size - w->len) {
		w->overflow = true;
		return NULL;
	}
	p = w->buf + w->len;
	w->len += len;
	return p;
}

void ike_write_u8(struct ike_writer *w, uint8_t value)
{
	uint8_t *p = reserve(w, 1);

	if (p)
		*p = value;
}

void ike_write_u16(struct ike_writer *w, uint16_t value)
{
	uint8_t *p = reserve(w, 2);

	if (p)
		ike_store_u16(p, value);
}

void ike_write_u32(struct ike_writer *w, uint32_t value)
{
	uint8_t *p = reserve(w, 4);

	if (p)
		ike_store_u32(p, value);
}

void ike_write_u64(struct ike_writer *w, uint64_t value)
{
	uint8_t *p = reserve(w, 8);

	if (p)
		ike_store_u64(p, value);
}

void ike_write_bytes(struct ike_writer *w, const uint8_t *data, size_t len)
{
	uint8_t *p;

	if (len == 0)
		return;
	p = reserve(w, len);
	if (p)
		memcpy(p, data, len);
}

void ike_write_view(struct ike_writer *w, struct ike_view view)
{
	ike_write_bytes(w, view.data, view.len);
}

void ike_write_zeros(struct ike_writer *w, size_t len)
{
	uint8_t *p;

	if (len == 0)
		return;
	p = reserve(w, len);
	if (p)
		memset(p, 0, len);
}

/* The place of len bytes that were written at an offset, or NULL. */
static uint8_t *written(struct ike_writer *w, size_t at, size_t len)
{
	if (w->overflow || at > w->len || len > w->len - at) {
		w->overflow = true;
		return NULL;
	}
	return w->buf + at;
}

void ike_write_u8_at(struct ike_writer *w, size_t at, uint8_t value)
{
	uint8_t *p = written(w, at, 1);

	if (p)
		*p = value;
}

void ike_write_u16_at(struct ike_writer *w, size_t at, uint16_t value)
{
	uint8_t *p = written(w, at, 2);

	if (p)
		ike_store_u16(p, value);
}

void ike_write_u32_at(struct ike_writer *w, size_t at, uint32_t value)
{
	uint8_t *p = written(w, at, 4);

	if (p)
		ike_store_u32(p, value);
}

int ike_writer_status(const struct ike_writer *w)
{
	return w->overflow ? -EMSGSIZE : 0;
}
