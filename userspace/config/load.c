// SPDX-License-Identifier: Apache-2.0
/*
 * Loads a configuration: the main file and what it includes, each read whole and bounded, and the top level of each. Owns the loader,
 * and the config until it is handed over. Called by main and by `certgate check`.
 */
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>

#include "base/file.h"
#include "config/parse.h"
#include "config/policy.h"

/* A file that was read, to notice that it comes again. */
struct file_id {
	dev_t dev;
	ino_t ino;
};

struct file_loader {
	struct loader l;
	struct file_id *ids;
	size_t n_ids;
	unsigned int depth;
	bool from_memory;
};

static void load_file(struct file_loader *fl, const char *path, const struct value *included_by);

/* The current file_loader is needed where only a value is passed. */
static struct file_loader *file_loader_of(const struct value *v)
{
	return (struct file_loader *)(uintptr_t)v->loader;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A directory that is not there has no files; one that cannot be read is an error. */
static int glob_error(const char *path, int error)
{
	(void)path;
	errno = error;
	return error != ENOENT && error != ENOTDIR;
}

static void include_item(const struct value *v, size_t index, void *unused)
{
	struct file_loader *fl = file_loader_of(v);
	_cleanup_free_ char *pattern = value_string(v, 4000, "a path, which may have wildcards"),
			    *path = NULL;
	const char *slash = strrchr(v->loc.file, '/');
	glob_t found = {0};
	int r;

	(void)index;
	(void)unused;
	if (!pattern)
		return;
	if (fl->from_memory) {
		value_error(v, NULL, "there is no file that this could be relative to");
		return;
	}
	if (fl->depth >= CG_CONFIG_INCLUDE_DEPTH) {
		value_error(v, NULL, "files include each other more than %d deep",
			    CG_CONFIG_INCLUDE_DEPTH);
		return;
	}
	if (*pattern == '/' || !slash)
		path = strdup(pattern);
	else
		path = str_printf("%.*s/%s", (int)(slash - v->loc.file), v->loc.file, pattern);
	if (!path) {
		v->loader->oom = true;
		return;
	}
	r = glob(path, GLOB_NOSORT, glob_error, &found);
	if (r == GLOB_NOMATCH) {
		if (!strpbrk(pattern, "*?["))
			value_error(v, NULL, "found '%s', but there is no such file", pattern);
	} else if (r != 0) {
		value_error(v, NULL, "found '%s', which cannot be searched: %s", pattern,
			    r == GLOB_NOSPACE ? "out of memory" : strerror(errno));
	} else {
		qsort(found.gl_pathv, found.gl_pathc, sizeof(char *), compare_paths);
		for (size_t i = 0; i < found.gl_pathc; i++)
			load_file(fl, found.gl_pathv[i], v);
	}
	globfree(&found);
}

static void parse_include(const struct value *v, void *object)
{
	value_each(v, true, 0, CG_CONFIG_FILES_MAX, "a path or a list of paths", include_item,
		   object);
}

static void parse_connections(const struct value *v, void *object)
{
	value_each(v, false, 0, CG_CONNECTIONS_MAX, "a list of connections", connection_parse,
		   object);
}

static const struct field top_fields[] = {
	FIELD_IS_FN("include", parse_include),
	FIELD_IS_MAP("gateway", gateway_parse, &gateway_schema),
	FIELD_IS_MAP("policies", policies_parse, &policy_schema),
	FIELD_IS_MAP("connections", parse_connections, &connection_schema),
};
const struct schema top_schema = {"", top_fields, ARRAY_SIZE(top_fields)};

/* text of a file whose name lives in the config. */
static void load_text(struct loader *l, const char *text, size_t len, const char *file)
{
	struct value root;
	struct yaml *y;

	y = yaml_parse(l, text, len, file, &root);
	if (!y)
		return;
	if (value_type(&root) == VALUE_MAP)
		value_map(&root, &top_schema, l->config, NULL);
	else if (value_type(&root) != VALUE_NOTHING)
		value_expected(&root, NULL, "a map with gateway, policies and connections");
	yaml_done(y);
}

/* A finding about a file: at the place that includes it, or about the file itself. */
static void file_error(struct loader *l, const char *path, const struct value *included_by,
		       const char *hint, const char *text)
{
	struct cg_location loc = {path, 0, 0};

	if (included_by)
		value_error(included_by, hint, "%s: %s", path, text);
	else
		cg_diags_add(l->diags, CG_DIAG_ERROR, &loc, NULL, hint, "%s", text);
}

static bool first_time(struct file_loader *fl, const struct stat *st)
{
	struct file_id *id;

	for (size_t i = 0; i < fl->n_ids; i++)
		if (fl->ids[i].dev == st->st_dev && fl->ids[i].ino == st->st_ino)
			return false;
	id = loader_grow(&fl->l, &fl->ids, &fl->n_ids, sizeof(*id));
	if (id)
		*id = (struct file_id){st->st_dev, st->st_ino};
	return true;
}

static int read_text(struct loader *l, int fd, char **ret, size_t *ret_len)
{
	size_t left = l->bytes < CG_CONFIG_FILE_MAX ? CG_CONFIG_FILE_MAX - l->bytes : 0;
	int r;

	r = file_read_fd(fd, left, ret, ret_len);
	if (r >= 0)
		l->bytes += *ret_len;
	return r;
}

static void load_file(struct file_loader *fl, const char *path, const struct value *included_by)
{
	struct loader *l = &fl->l;
	struct cg_location loc = {path, 0, 0};
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	size_t len = 0;
	mode_t mode;
	int r;

	if (strv_len(l->config->files) >= CG_CONFIG_FILES_MAX) {
		_Static_assert(CG_CONFIG_FILES_MAX == 1024, "the number in the text");
		file_error(l, path, included_by, "put several connections into one file",
			   "there are more than 1024 files");
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		file_error(l, path, included_by,
			   errno == ENOENT ? "share/doc/certgate/examples has some to start from"
					   : NULL,
			   strerror(errno));
		return;
	}
	if (!S_ISREG(st.st_mode)) {
		file_error(l, path, included_by, NULL, "is not a regular file");
		return;
	}
	if (!first_time(fl, &st)) {
		file_error(l, path, included_by, "take one of the two out", "is included twice");
		return;
	}
	if (file_check_trusted(fd, &mode) < 0)
		cg_diags_add(l->diags, CG_DIAG_WARNING, &loc, NULL,
			     "let it belong to root, with mode 0644 or stricter",
			     "others than root can change this file (mode %04o)",
			     (unsigned int)mode);
	r = read_text(l, fd, &text, &len);
	if (r < 0) {
		file_error(l, path, included_by, NULL,
			   r == -EFBIG ? "the configuration is larger than 8 MiB" : strerror(-r));
		return;
	}
	if (strv_push(&l->config->files, path) < 0) {
		l->oom = true;
		return;
	}
	fl->depth++;
	load_text(l, text, len, l->config->files[strv_len(l->config->files) - 1]);
	fl->depth--;
}

static int loader_begin(struct file_loader *fl, struct cg_diags *diags)
{
	fl->l.diags = diags;
	fl->l.config = calloc(1, sizeof(*fl->l.config));
	if (!fl->l.config)
		return -ENOMEM;
	if (gateway_set_defaults(&fl->l.config->gateway) < 0 || policies_add_builtin(&fl->l) < 0)
		return -ENOMEM;
	return 0;
}

static void loader_done(struct file_loader *fl)
{
	for (size_t i = 0; i < fl->l.n_policy_refs; i++) {
		free(fl->l.policy_refs[i].name);
		free(fl->l.policy_refs[i].key);
	}
	free(fl->l.policy_refs);
	free(fl->ids);
	cg_config_free(fl->l.config);
}

static int loader_end(struct file_loader *fl, struct cg_config **ret)
{
	if (!fl->l.oom)
		config_check(&fl->l);
	if (fl->l.oom)
		return -ENOMEM;
	if (fl->l.diags->n_errors)
		return -EINVAL;
	*ret = TAKE_PTR(fl->l.config);
	return 0;
}

int cg_config_load(const char *path, struct cg_diags *diags, struct cg_config **ret)
{
	_cleanup_(loader_done) struct file_loader fl = {0};
	int r;

	r = loader_begin(&fl, diags);
	if (r < 0)
		return r;
	load_file(&fl, path, NULL);
	return loader_end(&fl, ret);
}

int cg_config_parse(const char *text, size_t len, const char *name, struct cg_diags *diags,
		    struct cg_config **ret)
{
	_cleanup_(loader_done) struct file_loader fl = {.from_memory = true};
	struct cg_location loc = {name, 0, 0};
	int r;

	r = loader_begin(&fl, diags);
	if (r < 0)
		return r;
	if (strv_push(&fl.l.config->files, name) < 0)
		return -ENOMEM;
	if (len > CG_CONFIG_FILE_MAX)
		cg_diags_add(diags, CG_DIAG_ERROR, &loc, NULL, NULL,
			     "the configuration is larger than 8 MiB");
	else
		load_text(&fl.l, text, len, fl.l.config->files[0]);
	return loader_end(&fl, ret);
}
