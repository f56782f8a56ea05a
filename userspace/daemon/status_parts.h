/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the results of `status`, `sa` and `explain`. Private to status.c and status_sa.c. */
#ifndef CERTGATE_DAEMON_STATUS_PARTS_H
#define CERTGATE_DAEMON_STATUS_PARTS_H

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/hex.h"
#include "base/time.h"
#include "ike/engine.h"

struct child;
struct conn;
struct gateway;
struct ike_snapshot;

/* Adds what was made, or nothing where making it failed. */
static inline void set(json_t *o, const char *key, json_t *value)
{
	if (value)
		(void)json_object_set_new(o, key, value);
}

static inline void set_str(json_t *o, const char *key, const char *value)
{
	if (value && value[0])
		set(o, key, json_string(value));
}

static inline void set_time(json_t *o, const char *key, int64_t at)
{
	char text[TIMESTAMP_SIZE];

	set(o, key, json_string(format_timestamp(at, text)));
}

/* A time of the boot clock as one of the calendar. */
static inline void set_boot_time(json_t *o, const char *key, ike_time at)
{
	usec_t boot = now_boottime(), real = now_realtime();

	if (at == 0 || at == IKE_TIME_NEVER)
		return;
	set_time(o, key, (int64_t)((real + at - boot) / USEC_PER_SEC));
}

static inline void set_endpoint(json_t *o, const char *key, const struct cg_endpoint *e)
{
	char text[CG_ENDPOINT_SIZE];

	set(o, key, json_string(cg_endpoint_format(e, text)));
}

static inline void set_hash(json_t *o, const char *key, const uint8_t hash[32])
{
	char text[65];

	if (hex_encode(hash, 32, text, sizeof(text)) >= 0)
		set(o, key, json_string(text));
}

static inline void set_digest(json_t *o, const char *key, const uint8_t digest[CG_DIGEST_SIZE])
{
	char text[2 * CG_DIGEST_SIZE + 1];

	if (hex_encode(digest, CG_DIGEST_SIZE, text, sizeof(text)) >= 0)
		set(o, key, json_string(text));
}

static inline void set_spi(json_t *o, const char *key, uint64_t spi, int digits)
{
	char text[20];

	(void)snprintf(text, sizeof(text), "%0*jx", digits, (uintmax_t)spi);
	set(o, key, json_string(text));
}

static inline void set_suite(json_t *o, const struct ike_suite *s)
{
	char text[IKE_SUITE_TEXT];

	set(o, "suite", json_string(ike_suite_format(s, text, sizeof(text))));
}

/* status.c */
json_t *status_incomplete_json(const struct ike_snapshot *s);

/* status_sa.c */
const char *status_ike_state(enum ike_state s);
json_t *status_ike_json(const struct ike_sa_status *s);
json_t *status_child_json(struct gateway *g, const struct child *k, const struct ike_snapshot *s);
const struct child *status_shown_child(const struct conn *c, unsigned int index,
				       const struct ike_snapshot *s);

#endif
