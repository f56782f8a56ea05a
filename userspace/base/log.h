/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging for every process: levels, a component name a process, an errno that is returned so that a failing
 * call is logged and passed on in one line, and events with stable names and key=value fields. Control characters in
 * what is logged are escaped, because much of it comes from peers. Key material is never passed to these functions.
 */
#ifndef CERTGATE_BASE_LOG_H
#define CERTGATE_BASE_LOG_H

#include <stdbool.h>

#include "base/macro.h"

/* Values are those of syslog (RFC 5424 section 6.2.1). */
enum cg_log_level {
	CG_LOG_ERROR = 3,
	CG_LOG_WARNING = 4,
	CG_LOG_NOTICE = 5,
	CG_LOG_INFO = 6,
	CG_LOG_DEBUG = 7,
};

enum cg_log_target {
	CG_LOG_TARGET_AUTO,   /* PREFIX if stderr is the journal's stream, else STDERR */
	CG_LOG_TARGET_STDERR, /* "component: warning: text" for people */
	CG_LOG_TARGET_PREFIX, /* "<4>component: text", which the journal takes apart */
	CG_LOG_TARGET_JOURNAL, /* the journal's own datagram protocol, with fields; falls back to PREFIX */
};

/* With the NUL, and with the newline: what is longer is cut, fields first. */
enum {
	CG_LOG_TEXT_SIZE = 3072,
	CG_LOG_LINE_SIZE = 4096,
};

/* One field of an event. Names are lower case here and in text, upper case with CERTGATE_ in the journal. */
struct cg_log_field {
	const char *key;
	const char *value; /* a NULL value leaves the field out */
};

/*
 * Sets up logging for this process. component is kept by reference (a literal). With CG_LOG_TARGET_JOURNAL a socket is
 * opened here, so call it before the process gives up opening files.
 */
void cg_log_init(const char *component, enum cg_log_level level, enum cg_log_target target);
/* Another socket than the journal's, for tests; before cg_log_init(). path is kept by reference. */
void cg_log_set_journal(const char *path);
void cg_log_set_level(enum cg_log_level level);
enum cg_log_level cg_log_get_level(void);
const char *cg_log_component(void);
/* The descriptor of the journal's socket, negative if there is none: for processes that close everything else. */
int cg_log_fd(void);

/* "error" … "debug"; -EINVAL for anything else. */
int cg_log_level_from_string(const char *s, enum cg_log_level *ret);
const char *cg_log_level_to_string(enum cg_log_level level);

/* Diverts all lines (after the level filter) to sink, NULL to undo: tests, and processes that log through another. */
typedef void (*cg_log_sink_t)(enum cg_log_level level, const char *event, const char *text,
			      const struct cg_log_field *fields, size_t n_fields, void *userdata);
void cg_log_set_sink(cg_log_sink_t sink, void *userdata);

/* Logs and returns -abs(error) (0 if error is 0). If error is not 0 ": strerror" is appended. Keeps errno. */
int cg_log_internal(enum cg_log_level level, int error, const char *fmt, ...) _printf_(3, 4);
/* An event with a stable name such as "ike-sa-up" and fields. */
void cg_log_event(enum cg_log_level level, const char *event, const struct cg_log_field *fields,
		  size_t n_fields, const char *fmt, ...) _printf_(5, 6);

#define log_at(level, ...) \
	((level) <= cg_log_get_level() ? cg_log_internal((level), 0, __VA_ARGS__) : 0)
#define log_at_errno(level, error, ...) cg_log_internal((level), (error), __VA_ARGS__)

#define log_error(...)	 ((void)log_at(CG_LOG_ERROR, __VA_ARGS__))
#define log_warning(...) ((void)log_at(CG_LOG_WARNING, __VA_ARGS__))
#define log_notice(...)	 ((void)log_at(CG_LOG_NOTICE, __VA_ARGS__))
#define log_info(...)	 ((void)log_at(CG_LOG_INFO, __VA_ARGS__))
#define log_debug(...)	 ((void)log_at(CG_LOG_DEBUG, __VA_ARGS__))

#define log_error_errno(error, ...)   log_at_errno(CG_LOG_ERROR, error, __VA_ARGS__)
#define log_warning_errno(error, ...) log_at_errno(CG_LOG_WARNING, error, __VA_ARGS__)
#define log_notice_errno(error, ...)  log_at_errno(CG_LOG_NOTICE, error, __VA_ARGS__)
#define log_info_errno(error, ...)    log_at_errno(CG_LOG_INFO, error, __VA_ARGS__)
#define log_debug_errno(error, ...)   log_at_errno(CG_LOG_DEBUG, error, __VA_ARGS__)
#define log_oom()		      log_error_errno(ENOMEM, "out of memory")

#endif
