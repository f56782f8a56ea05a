/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that many connections have in common: our certificates, names, anchors. Part of `main` and of `verify`. */
#ifndef CERTGATE_DAEMON_SHARED_BYTES_H
#define CERTGATE_DAEMON_SHARED_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* A copy with one reference, NULL without memory; one more reference; one less. NULL is fine for the latter two. */
uint8_t *shared_bytes_new(const void *data, size_t len);
uint8_t *shared_bytes_ref(uint8_t *data);
void shared_bytes_unref(void *data);
/* One more reference to `like`, which may be NULL, if that is the same; else a new copy. */
uint8_t *shared_bytes_get(const void *data, size_t len, uint8_t *like, size_t like_len);

#endif
