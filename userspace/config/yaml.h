/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML as the loader sees it: values with their place and dotted key, and maps that are read by a table of the keys they may
 * have. Every finding goes to the loader's diagnostics; a function that could not read a value leaves its target alone. Internal
 * to userspace/config.
 */
#ifndef CERTGATE_CONFIG_YAML_H
#define CERTGATE_CONFIG_YAML_H

#include <libfyaml.h>

#include "base/str.h"
#include "config/config.h"

/* What one load works on. */
struct loader {
	struct cg_config *config;
	struct cg_diags *diags;
	size_t bytes; /* of all files */
	bool oom;
	bool have_gateway;
	struct cg_location gateway_loc;
	struct policy_ref *policy_refs; /* names that connections used, resolved at the end */
	size_t n_policy_refs;
};

struct policy_ref {
	size_t connection;
	char *name;
	char *key;
	struct cg_location loc;
};

/* One value. Lives on the stack of who reads it. */
struct value {
	struct loader *loader;
	struct fy_node *node; /* aliases are resolved; NULL: nothing was written */
	struct cg_location loc;
	const char *key; /* "connections[hq].mode" */
	bool dangling;	 /* an alias whose anchor does not exist */
};

enum value_type {
	VALUE_NOTHING,
	VALUE_SCALAR,
	VALUE_LIST,
	VALUE_MAP,
};

enum field_kind {
	FIELD_FN,      /* fn reads it */
	FIELD_BOOL,    /* bool */
	FIELD_U16,     /* uint16_t, min…max */
	FIELD_U32,     /* uint32_t, min…max */
	FIELD_U64,     /* uint64_t, min…max */
	FIELD_SECONDS, /* uint32_t of seconds, "45" or "45s", min…max */
	FIELD_STRING,  /* char *, of min…max bytes */
	FIELD_ENUM,    /* an enum from 0, one of names */
};

struct field {
	const char *name;
	enum field_kind kind;
	size_t offset;
	uint64_t min, max;
	const char *const *names; /* of an enum, NULL-terminated, by value */
	void (*fn)(const struct value *v, void *object);
	const struct schema *sub; /* what a map here may have: for the list of keys only */
};

struct schema {
	const char *path; /* for the list of keys: "connections[]" */
	const struct field *fields;
	size_t n_fields;
};

#define FIELD_IS_FN(name_, fn_)                                \
	{                                                      \
		.name = (name_), .kind = FIELD_FN, .fn = (fn_) \
	}
#define FIELD_IS_MAP(name_, fn_, sub_)                                        \
	{                                                                     \
		.name = (name_), .kind = FIELD_FN, .fn = (fn_), .sub = (sub_) \
	}
#define FIELD_IS(name_, kind_, type, member)                                       \
	{                                                                          \
		.name = (name_), .kind = (kind_), .offset = offsetof(type, member) \
	}
#define FIELD_RANGE(name_, kind_, type, member, min_, max_)                                        \
	{                                                                                          \
		.name = (name_), .kind = (kind_), .offset = offsetof(type, member), .min = (min_), \
		.max = (max_)                                                                      \
	}
#define FIELD_NAMES(name_, type, member, names_)                                       \
	{                                                                              \
		.name = (name_), .kind = FIELD_ENUM, .offset = offsetof(type, member), \
		.names = (names_)                                                      \
	}

/*
 * Parses text, which must outlive what is returned, and gives its root: nothing, if the text is empty. file must live as long as the config.
 * NULL if it is not one YAML document (findings were added) or memory ran out. Free with yaml_done().
 */
struct yaml;
struct yaml *yaml_parse(struct loader *l, const char *text, size_t len, const char *file,
			struct value *ret);
void yaml_done(struct yaml *y);

/* Makes v the value of a document's root. */
void value_set_root(struct value *v, struct fy_node *root);
enum value_type value_type(const struct value *v);
/* Findings about a value. "found 'x', expected …" is the form for what was not understood. */
void value_error(const struct value *v, const char *hint, const char *fmt, ...) _printf_(3, 4);
void value_warning(const struct value *v, const char *hint, const char *fmt, ...) _printf_(3, 4);
void value_expected(const struct value *v, const char *hint, const char *expected);

/* A scalar's text as a new string: no control characters, at most max bytes, not empty. NULL after a finding that says what was expected. */
char *value_string(const struct value *v, size_t max, const char *expected);
/* The same without a finding, for a look ahead: NULL if it is not a short scalar. */
char *value_peek(const struct value *v);

/* The number of a list's items; of a scalar or map 1; of nothing 0. */
size_t value_count(const struct value *v);
/*
 * Calls fn for each item of a list, or for the value itself if it is a scalar and `one_is_enough`. A finding if it is neither, has more than
 * max items, or fewer than min. fn gets the index.
 */
void value_each(const struct value *v, bool one_is_enough, size_t min, size_t max,
		const char *expected,
		void (*fn)(const struct value *item, size_t index, void *userdata), void *userdata);
/* The value of a key of a map, without any check; false if it is not there. It is called by the map's key. */
bool value_get(const struct value *map, const char *name, struct value *ret);
/* Calls fn for each pair of a map with the key's text; findings if it is no map or a key is no scalar or stands twice. */
void value_pairs(const struct value *v, size_t max, const char *expected,
		 void (*fn)(const struct value *value, const char *name, void *userdata),
		 void *userdata);
/* Reads a map into object by its table. Unknown and doubled keys are findings. seen (may be NULL) gets a bit a field. */
void value_map(const struct value *v, const struct schema *s, void *object, uint64_t *ret_seen);
/* Whether the field of that name is among the seen ones. */
bool seen_field(const struct schema *s, uint64_t seen, const char *name);

/* Grows *array, which nothing else has allocated, by one zeroed item of size; returns it, or NULL (and notes that memory ran out). */
void *loader_grow(struct loader *l, void *array, size_t *n, size_t size);
char *loader_strdup(struct loader *l, const char *s);

#endif
