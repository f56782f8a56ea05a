/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings: growing buffers, NULL-terminated vectors, integers that are parsed whole, the nearest name for "did you
 * mean". Holds no state.
 */
#ifndef CERTGATE_BASE_STR_H
#define CERTGATE_BASE_STR_H

#include <stdbool.h>

#include "base/macro.h"

bool str_starts_with(const char *s, const char *prefix);
bool str_ends_with(const char *s, const char *suffix);

/* Replaces *p by a copy of s (NULL allowed). -ENOMEM leaves *p as it was. */
int str_replace(char **p, const char *s);
/* snprintf into a new string, NULL if out of memory. */
char *str_printf(const char *fmt, ...) _printf_(1, 2);

/* A NULL-terminated vector of owned strings; NULL is an empty one. */
typedef char **cg_strv;
size_t strv_len(char *const *v);
/* Appends a copy. -ENOMEM. */
int strv_push(char ***v, const char *s);
bool strv_contains(char *const *v, const char *s);
/* Frees all strings and the vector, returns NULL. */
char **strv_free(char **v);
static inline void strv_freep(char ***v)
{
	*v = strv_free(*v);
}
#define _cleanup_strv_ _cleanup_(strv_freep)

/* Decimal digits only, the whole string. -EINVAL, -ERANGE if outside min…max. */
int parse_uint(const char *s, uint64_t min, uint64_t max, uint64_t *ret);
/* Decimal or 0x hexadecimal. */
int parse_uint_any(const char *s, uint64_t min, uint64_t max, uint64_t *ret);
/* YAML 1.2 core booleans and the common words: true/yes/on, false/no/off, any case. -EINVAL. */
int parse_bool(const char *s, bool *ret);

/* Edits (insert, delete, substitute, transpose) between a and b, ignoring case. Bounded: > 64 characters give 64. */
unsigned int str_distance(const char *a, const char *b);
/* The candidate nearest to s if it is near enough to be meant, else NULL. */
const char *str_nearest(const char *s, const char *const *candidates, size_t n);

/* A growing text buffer. Zero-initialise; once an allocation failed it stays failed. */
struct cg_strbuf {
	char *s;
	size_t len, size;
	bool failed;
};
void strbuf_add(struct cg_strbuf *b, const char *s);
void strbuf_addf(struct cg_strbuf *b, const char *fmt, ...) _printf_(2, 3);
/* Hands the string over (never NULL unless out of memory) and empties the buffer. */
char *strbuf_take(struct cg_strbuf *b);
void strbuf_free(struct cg_strbuf *b);
#define _cleanup_strbuf_ _cleanup_(strbuf_free)

#endif
