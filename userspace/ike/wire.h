/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded reading and writing of network-order bytes. Nothing here allocates;
 * the caller owns every buffer. Used by every codec of ike/.
 *
 * A reader never advances past its end: a read that does not fit returns
 * false and leaves the reader and the output as they were. A writer that runs
 * out of room remembers so, and ignores what follows: check once at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that somebody else owns. */
struct ike_view {
	const uint8_t *data;
	size_t len;
};

#define IKE_VIEW(p, n) ((struct ike_view){.data = (p), .len = (n)})
#define IKE_VIEW_NONE  ((struct ike_view){.data = NULL, .len = 0})

/* Same length and same bytes; not constant-time: never for secrets. */
bool ike_view_equal(struct ike_view a, struct ike_view b);

struct ike_reader {
	const uint8_t *p;
	size_t left;
};

#define IKE_CHECKED __attribute__((warn_unused_result))

static inline struct ike_reader ike_reader(struct ike_view view)
{
	return (struct ike_reader){.p = view.data, .left = view.len};
}

IKE_CHECKED bool ike_read_u8(struct ike_reader *r, uint8_t *ret);
IKE_CHECKED bool ike_read_u16(struct ike_reader *r, uint16_t *ret);
IKE_CHECKED bool ike_read_u32(struct ike_reader *r, uint32_t *ret);
IKE_CHECKED bool ike_read_u64(struct ike_reader *r, uint64_t *ret);
/* The next len bytes as a view into what is read. */
IKE_CHECKED bool ike_read_view(struct ike_reader *r, size_t len, struct ike_view *ret);
/* The next len bytes, copied. */
IKE_CHECKED bool ike_read_bytes(struct ike_reader *r, uint8_t *ret, size_t len);
IKE_CHECKED bool ike_read_skip(struct ike_reader *r, size_t len);
/* All that is left; empties the reader. */
struct ike_view ike_read_rest(struct ike_reader *r);

struct ike_writer {
	uint8_t *buf;
	size_t size;
	size_t len;
	bool overflow;
};

static inline struct ike_writer ike_writer(uint8_t *buf, size_t size)
{
	return (struct ike_writer){.buf = buf, .size = size};
}

void ike_write_u8(struct ike_writer *w, uint8_t value);
void ike_write_u16(struct ike_writer *w, uint16_t value);
void ike_write_u32(struct ike_writer *w, uint32_t value);
void ike_write_u64(struct ike_writer *w, uint64_t value);
void ike_write_bytes(struct ike_writer *w, const uint8_t *data, size_t len);
void ike_write_view(struct ike_writer *w, struct ike_view view);
void ike_write_zeros(struct ike_writer *w, size_t len);

/* Overwrite at an offset that was written before; otherwise the writer overflows. */
void ike_write_u8_at(struct ike_writer *w, size_t at, uint8_t value);
void ike_write_u16_at(struct ike_writer *w, size_t at, uint16_t value);
void ike_write_u32_at(struct ike_writer *w, size_t at, uint32_t value);

/* 0, or -EMSGSIZE if anything did not fit. */
IKE_CHECKED int ike_writer_status(const struct ike_writer *w);

/* Unchecked loads and stores, for bytes already known to be there. */
static inline uint16_t ike_load_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t ike_load_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t ike_load_u64(const uint8_t *p)
{
	return (uint64_t)ike_load_u32(p) << 32 | ike_load_u32(p + 4);
}

static inline void ike_store_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void ike_store_u32(uint8_t *p, uint32_t v)
{
	ike_store_u16(p, (uint16_t)(v >> 16));
	ike_store_u16(p + 2, (uint16_t)v);
}

static inline void ike_store_u64(uint8_t *p, uint64_t v)
{
	ike_store_u32(p, (uint32_t)(v >> 32));
	ike_store_u32(p + 4, (uint32_t)v);
}
