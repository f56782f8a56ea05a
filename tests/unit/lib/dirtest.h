/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of a test program's own, for the files that the code under test reads and writes. To be included once, after cmocka.
 */
#ifndef CERTGATE_TESTS_DIRTEST_H
#define CERTGATE_TESTS_DIRTEST_H

#include <stdlib.h>

#include "base/str.h"

static char dir[] = "/tmp/certgate-test-XXXXXX";
/* The one file that the code under test keeps in it; NULL: none. Set before the tests are run. */
static const char *kept;

/* In the folder; the caller's to free. */
static inline _unused_ char *path_of(const char *name)
{
	return str_printf("%s/%s", dir, name);
}

static inline _unused_ int make_dir(void **state _unused_)
{
	return mkdtemp(dir) ? 0 : -1;
}

/* Of one test: the kept file is gone, if it is there. */
static inline _unused_ int without_kept(void **state _unused_)
{
	_cleanup_free_ char *path = kept ? path_of(kept) : NULL;

	if (path)
		(void)unlink(path);
	return 0;
}

/* Fails if anything is left but the kept file. */
static inline _unused_ int end_dir(void **state)
{
	(void)without_kept(state);
	return rmdir(dir);
}

/* With all that is in it. */
static inline _unused_ int remove_dir(void **state _unused_)
{
	_cleanup_free_ char *command = str_printf("rm -rf %s", dir);

	return system(command);
}

#endif
