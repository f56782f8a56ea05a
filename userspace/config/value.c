// SPDX-License-Identifier: Apache-2.0
/*
 * Values of a YAML document, and maps that are read by a table, see yaml.h. Aliases are followed only where a value is read, and
 * the tables are of fixed depth, so aliases cannot make more work than the file's own size and the bounds of its lists
 * allow. Owns nothing.
 */
#include <stdarg.h>

#include "base/time.h"
#include "config/yaml.h"

#define FOUND_MAX 60 /* bytes of a value that a message repeats */

/* There is room for the next power of two, so that a list is moved a few times however long it becomes. */
void *loader_grow(struct loader *l, void *array, size_t *n, size_t size)
{
	void **p = array;
	char *items = *p;

	if ((*n & (*n - 1)) == 0) { /* 0 too */
		items = reallocarray(items, *n ? 2 * *n : 1, size);
		if (!items) {
			l->oom = true;
			return NULL;
		}
		*p = items;
	}
	memset(items + *n * size, 0, size);
	return items + (*n)++ * size;
}

char *loader_strdup(struct loader *l, const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		l->oom = true;
	return copy;
}

/* Follows an alias; one that leads nowhere becomes NULL. */
static struct fy_node *resolve(struct fy_node *n)
{
	return n && fy_node_is_alias(n) ? fy_node_resolve_alias(n) : n;
}

/* Takes the place of a scalar or alias node; lists and maps keep the place of what names them. */
static void locate(struct cg_location *loc, struct fy_node *n)
{
	struct fy_token *t = n ? fy_node_get_scalar_token(n) : NULL;
	const struct fy_mark *m = t ? fy_token_start_mark(t) : NULL;

	if (m) {
		loc->line = (unsigned int)m->line + 1;
		loc->column = (unsigned int)m->column + 1;
	}
}

/* The place of a list or map is where its first scalar is. */
static void locate_deep(struct cg_location *loc, struct fy_node *n)
{
	for (unsigned int depth = 0; n && depth < 8; depth++) {
		void *iter = NULL;

		if (fy_node_is_scalar(n)) {
			locate(loc, n);
			return;
		}
		if (fy_node_is_mapping(n)) {
			struct fy_node_pair *p = fy_node_mapping_iterate(n, &iter);

			n = p ? fy_node_pair_key(p) : NULL;
		} else {
			n = fy_node_sequence_iterate(n, &iter);
		}
	}
}

void value_set_root(struct value *v, struct fy_node *root)
{
	v->node = resolve(root);
	locate_deep(&v->loc, v->node);
}

enum value_type value_type(const struct value *v)
{
	const char *s;
	size_t n = 0;

	if (!v->node)
		return VALUE_NOTHING;
	if (fy_node_is_mapping(v->node))
		return VALUE_MAP;
	if (fy_node_is_sequence(v->node))
		return VALUE_LIST;
	if (fy_node_is_null(v->node))
		return VALUE_NOTHING;
	s = fy_node_get_scalar(v->node, &n);
	if (!s)
		return VALUE_NOTHING;
	if (fy_node_get_style(v->node) == FYNS_PLAIN && (n == 0 || (n == 1 && *s == '~')))
		return VALUE_NOTHING;
	return VALUE_SCALAR;
}

static void value_diag(const struct value *v, enum cg_diag_severity severity, const char *hint,
		       const char *fmt, va_list ap) __attribute__((format(printf, 4, 0)));

static void value_diag(const struct value *v, enum cg_diag_severity severity, const char *hint,
		       const char *fmt, va_list ap)
{
	_cleanup_free_ char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	cg_diags_add(v->loader->diags, severity, &v->loc, *v->key ? v->key : NULL, hint, "%s",
		     text ? text : "out of memory");
}

void value_error(const struct value *v, const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	value_diag(v, CG_DIAG_ERROR, hint, fmt, ap);
	va_end(ap);
}

void value_warning(const struct value *v, const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	value_diag(v, CG_DIAG_WARNING, hint, fmt, ap);
	va_end(ap);
}

void value_expected(const struct value *v, const char *hint, const char *expected)
{
	char found[FOUND_MAX + 8];
	const char *s;
	size_t n = 0, i;

	switch (value_type(v)) {
	case VALUE_NOTHING:
		value_error(v, hint, "found %s, expected %s",
			    v->dangling ? "an alias without its anchor" : "nothing", expected);
		return;
	case VALUE_LIST: value_error(v, hint, "found a list, expected %s", expected); return;
	case VALUE_MAP: value_error(v, hint, "found a map, expected %s", expected); return;
	case VALUE_SCALAR: break;
	}
	s = fy_node_get_scalar(v->node, &n);
	for (i = 0; i < n && i < FOUND_MAX; i++)
		found[i] = (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i];
	/* Not in the middle of a UTF-8 character. */
	while (i < n && i > 0 && ((unsigned char)s[i] & 0xc0) == 0x80)
		i--;
	found[i] = 0;
	value_error(v, hint, "found '%s%s', expected %s", found, i < n ? "..." : "", expected);
}

char *value_peek(const struct value *v)
{
	const char *s;
	size_t n = 0;
	char *copy;

	if (value_type(v) != VALUE_SCALAR)
		return NULL;
	s = fy_node_get_scalar(v->node, &n);
	if (n > 256 || memchr(s, 0, n))
		return NULL;
	copy = strndup(s, n);
	if (!copy)
		v->loader->oom = true;
	return copy;
}

char *value_string(const struct value *v, size_t max, const char *expected)
{
	const char *s;
	size_t n = 0;
	char *copy;

	if (value_type(v) != VALUE_SCALAR) {
		value_expected(v, NULL, expected);
		return NULL;
	}
	s = fy_node_get_scalar(v->node, &n);
	if (!n) {
		value_expected(v, NULL, expected);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f) {
			value_expected(v, "it holds a control character", expected);
			return NULL;
		}
	if (n > max) {
		value_error(v, NULL, "found %zu bytes, expected %s of at most %zu", n, expected,
			    max);
		return NULL;
	}
	copy = strndup(s, n);
	if (!copy)
		v->loader->oom = true;
	return copy;
}

size_t value_count(const struct value *v)
{
	switch (value_type(v)) {
	case VALUE_NOTHING: return 0;
	case VALUE_LIST: {
		int n = fy_node_sequence_item_count(v->node);

		return n > 0 ? (size_t)n : 0;
	}
	case VALUE_SCALAR:
	case VALUE_MAP: break;
	}
	return 1;
}

void value_each(const struct value *v, bool one_is_enough, size_t min, size_t max,
		const char *expected,
		void (*fn)(const struct value *item, size_t index, void *userdata), void *userdata)
{
	enum value_type type = value_type(v);
	struct fy_node *n;
	void *iter = NULL;
	size_t i = 0;

	if (type == VALUE_SCALAR && one_is_enough) {
		fn(v, 0, userdata);
		return;
	}
	if (type != VALUE_LIST) {
		value_expected(v, NULL, expected);
		return;
	}
	if (value_count(v) > max) {
		value_error(v, NULL, "found %zu items, expected at most %zu", value_count(v), max);
		return;
	}
	if (value_count(v) < min) {
		value_error(v, NULL, "found an empty list, expected %s", expected);
		return;
	}
	while ((n = fy_node_sequence_iterate(v->node, &iter))) {
		_cleanup_free_ char *key = str_printf("%s[%zu]", v->key, i);
		struct value item = {
			.loader = v->loader, .node = resolve(n), .loc = v->loc, .key = key};

		item.dangling = !item.node;

		if (!key) {
			v->loader->oom = true;
			return;
		}
		locate_deep(&item.loc, n);
		fn(&item, i++, userdata);
	}
}

/* Makes the value of a pair; the place is the value's if it is a scalar, else its key's. key is stolen. */
static void pair_value(const struct value *map, struct fy_node_pair *p, char *key,
		       struct value *ret)
{
	struct fy_node *n = fy_node_pair_value(p);

	*ret = (struct value){
		.loader = map->loader, .node = resolve(n), .loc = map->loc, .key = key};
	ret->dangling = n && !ret->node;
	locate(&ret->loc, fy_node_pair_key(p));
	if (n && fy_node_is_scalar(n) && !fy_node_is_null(n))
		locate(&ret->loc, n);
}

/* The text of a pair's key; NULL after a finding. */
static char *pair_key(const struct value *map, struct fy_node_pair *p)
{
	struct fy_node *k = resolve(fy_node_pair_key(p));
	struct value v = {.loader = map->loader, .node = k, .loc = map->loc, .key = map->key};
	char *s;

	locate_deep(&v.loc, fy_node_pair_key(p));
	s = value_peek(&v);
	if (!s)
		value_expected(&v, NULL, "a key");
	return s;
}

static char *sub_key(const struct value *map, const char *name)
{
	char *s = *map->key ? str_printf("%s.%s", map->key, name) : strdup(name);

	if (!s)
		map->loader->oom = true;
	return s;
}

bool value_get(const struct value *map, const char *name, struct value *ret)
{
	struct fy_node_pair *p;
	void *iter = NULL;

	if (value_type(map) != VALUE_MAP)
		return false;
	while ((p = fy_node_mapping_iterate(map->node, &iter))) {
		struct fy_node *k = resolve(fy_node_pair_key(p));
		size_t n = 0;
		const char *s = k && fy_node_is_scalar(k) ? fy_node_get_scalar(k, &n) : NULL;

		if (!s || n != strlen(name) || memcmp(s, name, n) != 0)
			continue;
		pair_value(map, p, (char *)(uintptr_t)map->key, ret);
		return true;
	}
	return false;
}

void value_pairs(const struct value *v, size_t max, const char *expected,
		 void (*fn)(const struct value *value, const char *name, void *userdata),
		 void *userdata)
{
	_cleanup_strv_ char **names = NULL;
	struct fy_node_pair *p;
	void *iter = NULL;
	size_t n = 0;

	if (value_type(v) != VALUE_MAP) {
		value_expected(v, NULL, expected);
		return;
	}
	while ((p = fy_node_mapping_iterate(v->node, &iter))) {
		_cleanup_free_ char *name = pair_key(v, p), *key = NULL;
		struct value pair;

		if (!name)
			continue;
		if (n++ >= max) {
			value_error(v, NULL, "found more than %zu entries", max);
			return;
		}
		key = str_printf("%s[%s]", v->key, name);
		if (!key) {
			v->loader->oom = true;
			return;
		}
		pair_value(v, p, key, &pair);
		if (strv_contains(names, name)) {
			value_error(&pair, NULL, "stands here twice");
			continue;
		}
		if (strv_push(&names, name) < 0) {
			v->loader->oom = true;
			return;
		}
		fn(&pair, name, userdata);
	}
}

static void read_enum(const struct value *v, const struct field *f, void *target)
{
	_cleanup_strbuf_ struct cg_strbuf expected = {0};
	_cleanup_free_ char *s = value_peek(v), *list = NULL, *hint = NULL;
	const char *near = NULL;
	size_t n = 0;

	for (; f->names[n]; n++) {
		if (s && streq(s, f->names[n])) {
			*(unsigned int *)target = (unsigned int)n;
			return;
		}
		strbuf_addf(&expected, "%s%s",
			    n == 0	      ? ""
			    : f->names[n + 1] ? ", "
					      : " or ",
			    f->names[n]);
	}
	list = strbuf_take(&expected);
	near = s ? str_nearest(s, f->names, n) : NULL;
	if (near)
		hint = str_printf("did you mean '%s'?", near);
	value_expected(v, hint, list ? list : "another value");
}

static void read_number(const struct value *v, const struct field *f, void *target)
{
	_cleanup_free_ char *s = value_peek(v);
	char expected[96];
	uint64_t n = 0;
	usec_t t = 0;
	int r;

	if (f->kind == FIELD_SECONDS) {
		r = s ? parse_duration(s, &t) : -EINVAL;
		n = t / USEC_PER_SEC;
		if (r >= 0 && (n < f->min || n > f->max))
			r = -ERANGE;
		(void)snprintf(expected, sizeof(expected),
			       "seconds from %llu to %llu, or a duration such as 1h30m",
			       (unsigned long long)f->min, (unsigned long long)f->max);
	} else {
		r = s ? parse_uint_any(s, f->min, f->max, &n) : -EINVAL;
		(void)snprintf(expected, sizeof(expected), "a number from %llu to %llu",
			       (unsigned long long)f->min, (unsigned long long)f->max);
	}
	if (r < 0) {
		value_expected(v, NULL, expected);
		return;
	}
	if (f->kind == FIELD_U16)
		*(uint16_t *)target = (uint16_t)n;
	else if (f->kind == FIELD_U64)
		*(uint64_t *)target = n;
	else
		*(uint32_t *)target = (uint32_t)n;
}

static void read_field(const struct value *v, const struct field *f, void *object)
{
	void *target = (char *)object + f->offset;

	switch (f->kind) {
	case FIELD_FN: f->fn(v, object); return;
	case FIELD_BOOL: {
		_cleanup_free_ char *s = value_peek(v);

		if (!s || parse_bool(s, target) < 0)
			value_expected(v, NULL, "true or false");
		return;
	}
	case FIELD_U16:
	case FIELD_U32:
	case FIELD_U64:
	case FIELD_SECONDS: read_number(v, f, target); return;
	case FIELD_STRING: {
		char *s = value_string(v, f->max, "a text");

		if (s) {
			free(*(char **)target);
			*(char **)target = s;
		}
		return;
	}
	case FIELD_ENUM: read_enum(v, f, target); return;
	}
}

/* "did you mean" for a key that is not in the table; a new string or NULL. */
static char *key_hint(const struct schema *s, const char *name)
{
	_cleanup_free_ const char **names = calloc(s->n_fields, sizeof(char *));
	_cleanup_strbuf_ struct cg_strbuf b = {0};
	const char *near;

	if (!names)
		return NULL;
	if (streq(name, "<<"))
		return strdup("merge keys are not supported; aliases (*name) are");
	for (size_t i = 0; i < s->n_fields; i++)
		names[i] = s->fields[i].name;
	near = str_nearest(name, names, s->n_fields);
	if (near)
		return str_printf("did you mean '%s'?", near);
	strbuf_add(&b, "known here:");
	for (size_t i = 0; i < s->n_fields; i++)
		strbuf_addf(&b, "%s %s", i ? "," : "", names[i]);
	return strbuf_take(&b);
}

static void read_pair(const struct value *v, struct fy_node_pair *p, const char *name,
		      const struct schema *s, void *object, uint64_t *seen)
{
	_cleanup_free_ char *key = sub_key(v, name);
	struct value pair;

	if (!key)
		return;
	pair_value(v, p, key, &pair);
	for (size_t i = 0; i < s->n_fields; i++) {
		if (!streq(s->fields[i].name, name))
			continue;
		if (*seen & (UINT64_C(1) << i)) {
			value_error(&pair, NULL, "stands here twice");
			return;
		}
		*seen |= UINT64_C(1) << i;
		read_field(&pair, &s->fields[i], object);
		return;
	}
	locate(&pair.loc, fy_node_pair_key(p));
	{
		_cleanup_free_ char *hint = key_hint(s, name);

		value_error(&pair, hint, "unknown key");
	}
}

void value_map(const struct value *v, const struct schema *s, void *object, uint64_t *ret_seen)
{
	struct fy_node_pair *p;
	uint64_t seen = 0;
	void *iter = NULL;
	size_t n = 0;

	if (value_type(v) != VALUE_MAP) {
		value_expected(v, NULL, "a map (key: value)");
	} else {
		while ((p = fy_node_mapping_iterate(v->node, &iter))) {
			_cleanup_free_ char *name = pair_key(v, p);

			/* After so many everything has been said; this bounds a hostile file's work. */
			if (++n > 1000)
				break;
			if (name)
				read_pair(v, p, name, s, object, &seen);
		}
	}
	if (ret_seen)
		*ret_seen = seen;
}

bool seen_field(const struct schema *s, uint64_t seen, const char *name)
{
	for (size_t i = 0; i < s->n_fields; i++)
		if (streq(s->fields[i].name, name))
			return seen & (UINT64_C(1) << i);
	return false;
}
