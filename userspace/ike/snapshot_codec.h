/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a snapshot is written and read: one function for both directions, so that they cannot differ. Each value has a byte before it
 * that says its type; a record also its length. Private to snapshot*.c.
 *
 * The first error stays; what is read after it is zero. Numbers are in network order.
 */
#pragma once

#include <errno.h>

#include "ike/engine.h"
#include "ike/wire.h"

struct ik_snap {
	bool saving;
	int error;
	ike_time now; /* of saving */
	/* saving */
	uint8_t *buf;
	size_t len, size;
	/* restoring: a view of who called */
	const uint8_t *p;
	size_t left;
};

void ik_snap_fail(struct ik_snap *s, int error);
static inline bool ik_snap_ok(const struct ik_snap *s)
{
	return s->error == 0;
}
/* A value that was read cannot be. */
static inline void ik_snap_must(struct ik_snap *s, bool holds)
{
	if (!holds)
		ik_snap_fail(s, -EBADMSG);
}

void ik_snap_u8(struct ik_snap *s, uint8_t *v);
void ik_snap_u16(struct ik_snap *s, uint16_t *v);
void ik_snap_u32(struct ik_snap *s, uint32_t *v);
void ik_snap_u64(struct ik_snap *s, uint64_t *v);
void ik_snap_bool(struct ik_snap *s, bool *v);
void ik_snap_uint(struct ik_snap *s, unsigned *v);
/* At most max. */
void ik_snap_count(struct ik_snap *s, size_t *v, size_t max);
void ik_snap_enum(struct ik_snap *s, unsigned *v, unsigned max);
#define IK_SNAP_ENUM(s, field, max)                   \
	do {                                          \
		unsigned number_ = (unsigned)(field); \
		ik_snap_enum((s), &number_, (max));   \
		(field) = (__typeof__(field))number_; \
	} while (0)
/* A moment that has been; a deadline: IKE_TIME_NEVER, or one that can be reckoned with. */
void ik_snap_past(struct ik_snap *s, ike_time *v);
void ik_snap_deadline(struct ik_snap *s, ike_time *v);
void ik_snap_fixed(struct ik_snap *s, void *data, size_t len);
/* At most max bytes into a buffer of that size. */
void ik_snap_bytes(struct ik_snap *s, uint8_t *data, size_t *len, size_t max);
/* Allocated when it is read, NULL when it is empty. */
void ik_snap_blob(struct ik_snap *s, uint8_t **data, size_t *len, size_t max);
void ik_snap_endpoint(struct ik_snap *s, struct cg_endpoint *v);

/* A record: what is between begin and end is counted. */
struct ik_snap_mark {
	size_t at;    /* saving: of its length */
	size_t outer; /* restoring: what comes after it */
};
struct ik_snap_mark ik_snap_begin(struct ik_snap *s);
void ik_snap_end(struct ik_snap *s, struct ik_snap_mark mark);
/* Passes over what is left of it. */
void ik_snap_skip(struct ik_snap *s, struct ik_snap_mark mark);

/* Wipes what was written. */
void ik_snap_done(struct ik_snap *s);
