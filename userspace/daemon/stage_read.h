/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contents of a file that main opened and passed on.
 */
#ifndef CERTGATE_DAEMON_STAGE_READ_H
#define CERTGATE_DAEMON_STAGE_READ_H

#include "base/macro.h"

/*
 * Reads the whole file, wherever its offset is: other processes share it. At most max bytes (-EFBIG). Free with
 * file_free_secret().
 */
int stage_read(int fd, size_t max, uint8_t **ret, size_t *ret_len);

#endif
