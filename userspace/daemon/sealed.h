/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that goes from one process to another as a descriptor, and that nobody can change any more. Holds no state.
 */
#ifndef CERTGATE_DAEMON_SEALED_H
#define CERTGATE_DAEMON_SEALED_H

#include "base/macro.h"

/* A sealed memory file with these bytes. Negative errno. */
int sealed_new(const char *name, const void *data, size_t len, int *ret);
/*
 * Reads the size bytes that are there from the descriptor's offset on: a new buffer, for file_free_secret(). -ENODATA: there are fewer.
 */
int sealed_read(int fd, size_t size, uint8_t **ret);

#endif
