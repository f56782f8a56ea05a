/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files read whole with a bound, checked for who may write or read them, and replaced atomically. Holds no state.
 * Used by processes that may open files: main and the command line.
 */
#ifndef CERTGATE_BASE_FILE_H
#define CERTGATE_BASE_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/macro.h"

/*
 * Reads all of fd, at most max bytes: a new buffer with a NUL behind the data that ret_len (may be NULL) does not count. -EFBIG if
 * there is more, -EISDIR, -ENOMEM, and what read(2) says. fd stays open and its offset is where reading ended.
 */
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_len);
/* The same for a path relative to dir_fd (AT_FDCWD); opens with O_CLOEXEC | O_NOCTTY | O_NONBLOCK, regular files only (-ENOTSUP). */
int file_read_at(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_len);
int file_read(const char *path, size_t max, char **ret, size_t *ret_len);

/* Wipes len bytes and frees: for contents that were secret. */
void file_free_secret(char *data, size_t len);

/*
 * Whether the file is safe to hold a secret: owned by root or by us, not writable or readable by group (but for root's group) and others.
 * 0, -EPERM (foreign owner), -EACCES (mode), or fstat's error. ret_mode (may be NULL) gets the mode's permission bits.
 */
int file_check_private(int fd, mode_t *ret_mode);
/* Whether only root or we can change it: for configuration. 0, -EPERM, -EACCES. */
int file_check_trusted(int fd, mode_t *ret_mode);

/* Writes a temporary file beside path, syncs and renames it over path: readers see the old or the new whole. */
int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode);
/* Writes all of it to fd, retrying on EINTR. */
int write_all(int fd, const void *data, size_t len);

#endif
