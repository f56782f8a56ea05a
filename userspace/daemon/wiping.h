/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is wiped when it is freed, for libraries that hold tokens and keys on their way: jansson and libcurl.
 */
#ifndef CERTGATE_DAEMON_WIPING_H
#define CERTGATE_DAEMON_WIPING_H

#include <stddef.h>

/* As of malloc(3). What one of them gave only the others take. */
void *wiping_malloc(size_t size);
void *wiping_calloc(size_t n, size_t size);
void *wiping_realloc(void *p, size_t size);
char *wiping_strdup(const char *s);
void wiping_free(void *p);

#endif
