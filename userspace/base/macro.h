/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small macros that every userspace file may use: scope-bound clean-up, ownership transfer, array and
 * container arithmetic. Holds no state; header only.
 */
#ifndef CERTGATE_BASE_MACRO_H
#define CERTGATE_BASE_MACRO_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(fn)  __attribute__((cleanup(fn)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))
#define _warn_unused_  __attribute__((warn_unused_result))
#define _noreturn_     __attribute__((noreturn))
#define _fallthrough_  __attribute__((fallthrough))

#define ARRAY_SIZE(a)                                                                           \
	(sizeof(a) / sizeof((a)[0]) +                                                           \
	 sizeof(char[1 -                                                                        \
		     2 * !!__builtin_types_compatible_p(__typeof__(a), __typeof__(&(a)[0]))]) - \
	 1)

#define container_of(ptr, type, member)                                   \
	({                                                                \
		const __typeof__(((type *)0)->member) *_m = (ptr);        \
		(type *)((char *)(uintptr_t)_m - offsetof(type, member)); \
	})

#define CG_MIN(a, b)                    \
	({                              \
		__typeof__(a) _a = (a); \
		__typeof__(b) _b = (b); \
		_a < _b ? _a : _b;      \
	})
#define CG_MAX(a, b)                    \
	({                              \
		__typeof__(a) _a = (a); \
		__typeof__(b) _b = (b); \
		_a > _b ? _a : _b;      \
	})
#ifndef MIN
#define MIN(a, b) CG_MIN(a, b)
#endif
#ifndef MAX
#define MAX(a, b) CG_MAX(a, b)
#endif

/* Hands the pointer over: the variable is NULL afterwards, so that its _cleanup_ does nothing. */
#define TAKE_PTR(p)                        \
	({                                 \
		__typeof__(p) *_pp = &(p); \
		__typeof__(p) _p = *_pp;   \
		*_pp = NULL;               \
		_p;                        \
	})

/* The same for a file descriptor, which is -EBADF afterwards. */
#define TAKE_FD(fd)                \
	({                         \
		int *_pfd = &(fd); \
		int _fd = *_pfd;   \
		*_pfd = -EBADF;    \
		_fd;               \
	})

/* Defines `static inline void NAMEp(TYPE *p)` that calls FN on a pointer that is not NULL. */
#define DEFINE_CLEANUP(type, fn)                   \
	static inline _unused_ void fn##p(type *p) \
	{                                          \
		if (*p) {                          \
			fn(*p);                    \
			*p = NULL;                 \
		}                                  \
	}                                          \
	struct cg_semicolon_eater

static inline void cg_freep(void *p)
{
	free(*(void **)p);
}

/* Closes a descriptor unless it is negative, keeps errno, returns -EBADF to be assigned back. */
static inline int safe_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		(void)close(fd);
		errno = saved;
	}
	return -EBADF;
}

static inline void cg_closep(int *fd)
{
	*fd = safe_close(*fd);
}

static inline void cg_fclosep(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

#define _cleanup_free_	 _cleanup_(cg_freep)
#define _cleanup_close_	 _cleanup_(cg_closep)
#define _cleanup_fclose_ _cleanup_(cg_fclosep)

static inline int streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Equality of two strings of which either may be NULL. */
static inline int streq_ptr(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0;
}

#endif
