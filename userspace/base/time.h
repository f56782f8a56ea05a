/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time as one integer of microseconds, the two clocks the daemon knows, durations as people write them, and UTC
 * timestamps. Holds no state. Not used inside userspace/ike, which is told the time.
 */
#ifndef CERTGATE_BASE_TIME_H
#define CERTGATE_BASE_TIME_H

#include <stdbool.h>

#include "base/macro.h"

typedef uint64_t usec_t;

#define USEC_INFINITY	((usec_t)UINT64_MAX)
#define USEC_PER_MSEC	((usec_t)1000)
#define USEC_PER_SEC	((usec_t)1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR	(3600 * USEC_PER_SEC)
#define USEC_PER_DAY	(86400 * USEC_PER_SEC)

/* Microseconds since 1970 UTC (CLOCK_REALTIME). */
usec_t now_realtime(void);
/* Microseconds since boot, with suspended time, never set back (CLOCK_BOOTTIME). */
usec_t now_boottime(void);

/* Whether a wall clock that shows this (seconds since 1970) can be right: it cannot show a time before this program was written, nor one
 * half a century after the year in which it was built. A machine without a battery begins in 1970, and no certificate can be judged then. */
bool clock_plausible(int64_t seconds);

/* Sum that stays at USEC_INFINITY instead of wrapping. */
usec_t usec_add(usec_t a, usec_t b);
/* Difference that stays at 0. */
usec_t usec_sub(usec_t a, usec_t b);

/*
 * Parses "27000" (seconds), "90s", "1h", "1h30m", "500ms", "7d", "2w". -EINVAL if it is none, -ERANGE if it does not
 * fit.
 */
int parse_duration(const char *s, usec_t *ret);
/* "1h30m", "45s", "2d3h": the two largest units. Returns out. */
#define DURATION_SIZE 64
char *format_duration(usec_t t, char out[DURATION_SIZE]);

/* Seconds since 1970 as "2026-01-31T12:00:00Z"; "-" for what a calendar cannot hold. Returns out. */
#define TIMESTAMP_SIZE 32
char *format_timestamp(int64_t seconds, char out[TIMESTAMP_SIZE]);
/* The reverse; a trailing Z is mandatory. -EINVAL. */
int parse_timestamp(const char *s, int64_t *ret);

/* At most `burst` events in `interval`; the caller prints how many were suppressed when one passes again. */
struct cg_ratelimit {
	usec_t interval;
	unsigned int burst;
	usec_t begin;
	unsigned int used;
	unsigned int suppressed;
};

/* Whether an event at `now` may pass; ret_suppressed (may be NULL) gets the number that did not since the last one. */
bool ratelimit_pass(struct cg_ratelimit *rl, usec_t now, unsigned int *ret_suppressed);

#endif
