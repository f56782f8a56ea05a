// SPDX-License-Identifier: Apache-2.0
/*
 * The implementation of str.h. Called by the configuration and the command line above all.
 */
#include "base/str.h"

#include <ctype.h>
#include <stdarg.h>
#include <strings.h>

bool str_starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && streq(s + n - m, suffix);
}

int str_replace(char **p, const char *s)
{
	char *copy = NULL;

	if (s) {
		copy = strdup(s);
		if (!copy)
			return -ENOMEM;
	}
	free(*p);
	*p = copy;
	return 0;
}

char *str_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

size_t strv_len(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

int strv_push(char ***v, const char *s)
{
	size_t n = strv_len(*v);
	char *copy = strdup(s);
	char **grown;

	if (!copy)
		return -ENOMEM;
	grown = reallocarray(*v, n + 2, sizeof(char *));
	if (!grown) {
		free(copy);
		return -ENOMEM;
	}
	grown[n] = copy;
	grown[n + 1] = NULL;
	*v = grown;
	return 0;
}

bool strv_contains(char *const *v, const char *s)
{
	for (; v && *v; v++)
		if (streq(*v, s))
			return true;
	return false;
}

char **strv_free(char **v)
{
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
	return NULL;
}

static int parse_base(const char *s, unsigned int base, uint64_t min, uint64_t max, uint64_t *ret)
{
	bool overflow = false;
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		unsigned int d;

		if (*s >= '0' && *s <= '9')
			d = (unsigned int)(*s - '0');
		else if (base == 16 && isxdigit((unsigned char)*s))
			d = (unsigned int)(tolower((unsigned char)*s) - 'a' + 10);
		else
			return -EINVAL;
		overflow = overflow || v > (UINT64_MAX - d) / base;
		v = v * base + d;
	}
	if (overflow || v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int parse_uint(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	return parse_base(s, 10, min, max, ret);
}

int parse_uint_any(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return parse_base(s + 2, 16, min, max, ret);
	return parse_base(s, 10, min, max, ret);
}

int parse_bool(const char *s, bool *ret)
{
	static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no",
									       "off"};

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcasecmp(s, yes[i]) == 0) {
			*ret = true;
			return 0;
		}
		if (strcasecmp(s, no[i]) == 0) {
			*ret = false;
			return 0;
		}
	}
	return -EINVAL;
}

#define DISTANCE_MAX 64

unsigned int str_distance(const char *a, const char *b)
{
	unsigned int rows[3][DISTANCE_MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > DISTANCE_MAX || m > DISTANCE_MAX)
		return DISTANCE_MAX;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned int *cur = rows[i % 3], *prev = rows[(i + 2) % 3],
			     *before = rows[(i + 1) % 3];

		cur[0] = (unsigned int)i;
		for (size_t j = 1; j <= m; j++) {
			int ca = tolower((unsigned char)a[i - 1]),
			    cb = tolower((unsigned char)b[j - 1]);
			unsigned int v = prev[j - 1] + (ca != cb);

			v = MIN(v, prev[j] + 1);
			v = MIN(v, cur[j - 1] + 1);
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]))
				v = MIN(v, before[j - 2] + 1);
			cur[j] = v;
		}
	}
	return rows[n % 3][m];
}

const char *str_nearest(const char *s, const char *const *candidates, size_t n)
{
	unsigned int best = DISTANCE_MAX;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned int d = str_distance(s, candidates[i]);

		if (d < best) {
			best = d;
			found = candidates[i];
		}
	}
	/* A third of the letters may be wrong; of short words one. */
	return found && best <= 1 + strlen(found) / 4 ? found : NULL;
}

static bool strbuf_reserve(struct cg_strbuf *b, size_t more)
{
	size_t size = b->size ? b->size : 128;
	char *s;

	if (b->failed)
		return false;
	if (more > SIZE_MAX / 4 || b->len > SIZE_MAX / 4) {
		b->failed = true;
		return false;
	}
	while (size < b->len + more + 1)
		size *= 2;
	if (size == b->size)
		return true;
	s = realloc(b->s, size);
	if (!s) {
		b->failed = true;
		return false;
	}
	b->s = s;
	b->size = size;
	return true;
}

void strbuf_add(struct cg_strbuf *b, const char *s)
{
	size_t n = strlen(s);

	if (!strbuf_reserve(b, n))
		return;
	memcpy(b->s + b->len, s, n + 1);
	b->len += n;
}

void strbuf_addf(struct cg_strbuf *b, const char *fmt, ...)
{
	_cleanup_free_ char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0) {
		s = NULL;
		b->failed = true;
		return;
	}
	strbuf_add(b, s);
}

char *strbuf_take(struct cg_strbuf *b)
{
	char *s = NULL;

	strbuf_add(b, "");
	if (!b->failed)
		s = TAKE_PTR(b->s);
	strbuf_free(b);
	return s;
}

void strbuf_free(struct cg_strbuf *b)
{
	free(b->s);
	*b = (struct cg_strbuf){0};
}
