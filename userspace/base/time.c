// SPDX-License-Identifier: Apache-2.0
/*
 * The implementation of time.h. Called by the daemon's processes and the command line.
 */
#include "base/time.h"

#include <time.h>

static usec_t now(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) < 0)
		abort();
	return (usec_t)ts.tv_sec * USEC_PER_SEC + (usec_t)ts.tv_nsec / 1000;
}

usec_t now_realtime(void)
{
	return now(CLOCK_REALTIME);
}

usec_t now_boottime(void)
{
	return now(CLOCK_BOOTTIME);
}

#ifndef CERTGATE_BUILD_YEAR
#define CERTGATE_BUILD_YEAR 2026
#endif

enum { YEAR_SECONDS = 31556952, YEARS_AHEAD = 50 };

bool clock_plausible(int64_t seconds)
{
	return seconds >= 1767225600 /* 2026-01-01T00:00:00Z */ &&
	       seconds < (int64_t)(CERTGATE_BUILD_YEAR - 1970 + YEARS_AHEAD) * YEAR_SECONDS;
}

usec_t usec_add(usec_t a, usec_t b)
{
	return a > USEC_INFINITY - b ? USEC_INFINITY : a + b;
}

usec_t usec_sub(usec_t a, usec_t b)
{
	return a < b ? 0 : a - b;
}

static const struct {
	const char *name;
	usec_t usec;
} units[] = {
	{"w", 7 * USEC_PER_DAY}, {"d", USEC_PER_DAY},	 {"h", USEC_PER_HOUR},
	{"ms", USEC_PER_MSEC},	 {"m", USEC_PER_MINUTE}, {"s", USEC_PER_SEC},
};

int parse_duration(const char *s, usec_t *ret)
{
	usec_t total = 0;

	if (!*s)
		return -EINVAL;
	while (*s) {
		usec_t value = 0, unit = 0;

		if (*s < '0' || *s > '9')
			return -EINVAL;
		for (; *s >= '0' && *s <= '9'; s++) {
			if (value > (USEC_INFINITY - 9) / 10)
				return -ERANGE;
			value = value * 10 + (usec_t)(*s - '0');
		}
		if (!*s && total == 0)
			unit = USEC_PER_SEC;
		for (size_t i = 0; !unit && i < ARRAY_SIZE(units); i++) {
			size_t n = strlen(units[i].name);

			if (strncmp(s, units[i].name, n) == 0) {
				unit = units[i].usec;
				s += n;
			}
		}
		if (!unit)
			return -EINVAL;
		if (value > (USEC_INFINITY - 1) / unit || total > USEC_INFINITY - 1 - value * unit)
			return -ERANGE;
		total += value * unit;
	}
	*ret = total;
	return 0;
}

char *format_duration(usec_t t, char out[DURATION_SIZE])
{
	static const struct {
		const char *name;
		usec_t usec;
	} steps[] = {
		{"d", USEC_PER_DAY},
		{"h", USEC_PER_HOUR},
		{"m", USEC_PER_MINUTE},
		{"s", USEC_PER_SEC},
	};

	if (t == USEC_INFINITY) {
		(void)snprintf(out, DURATION_SIZE, "never");
		return out;
	}
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		usec_t n = t / steps[i].usec, rest = t % steps[i].usec;

		if (!n)
			continue;
		if (i + 1 < ARRAY_SIZE(steps) && rest / steps[i + 1].usec)
			(void)snprintf(out, DURATION_SIZE, "%llu%s%llu%s", (unsigned long long)n,
				       steps[i].name,
				       (unsigned long long)(rest / steps[i + 1].usec),
				       steps[i + 1].name);
		else
			(void)snprintf(out, DURATION_SIZE, "%llu%s", (unsigned long long)n,
				       steps[i].name);
		return out;
	}
	if (t)
		(void)snprintf(out, DURATION_SIZE, "%llums",
			       (unsigned long long)(t / USEC_PER_MSEC));
	else
		(void)snprintf(out, DURATION_SIZE, "0s");
	return out;
}

/* Not by strftime(): that looks at /etc/localtime each time, also for a time in UTC. */
char *format_timestamp(int64_t seconds, char out[TIMESTAMP_SIZE])
{
	time_t t = (time_t)seconds;
	struct tm tm;
	int n = -1;

	if (gmtime_r(&t, &tm))
		n = snprintf(out, TIMESTAMP_SIZE, "%04ld-%02d-%02dT%02d:%02d:%02dZ",
			     tm.tm_year + 1900L, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
			     tm.tm_sec);
	if (n < 0 || n >= TIMESTAMP_SIZE)
		(void)snprintf(out, TIMESTAMP_SIZE, "-");
	return out;
}

int parse_timestamp(const char *s, int64_t *ret)
{
	struct tm tm = {0};
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!end || *end)
		return -EINVAL;
	*ret = (int64_t)timegm(&tm);
	return 0;
}

bool ratelimit_pass(struct cg_ratelimit *rl, usec_t t, unsigned int *ret_suppressed)
{
	if (!rl->begin || usec_sub(t, rl->begin) >= rl->interval) {
		rl->begin = t ? t : 1;
		rl->used = 0;
	}
	if (rl->used >= rl->burst) {
		rl->suppressed++;
		return false;
	}
	rl->used++;
	if (ret_suppressed)
		*ret_suppressed = rl->suppressed;
	rl->suppressed = 0;
	return true;
}
