/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading files that came as descriptors. Holds no state. Called by key and verify.
 */
#include "daemon/stage_read.h"

#include "base/file.h"

int stage_read(int fd, size_t max, uint8_t **ret, size_t *ret_len)
{
	size_t len = 0, size = 16384;
	uint8_t *data = malloc(size);
	int r;

	if (!data)
		return -ENOMEM;
	for (;;) {
		ssize_t n;

		if (len == size) {
			uint8_t *larger;

			if (size > max) {
				r = -EFBIG;
				goto fail;
			}
			larger = malloc(size * 2);
			if (!larger) {
				r = -ENOMEM;
				goto fail;
			}
			memcpy(larger, data, len);
			file_free_secret((char *)data, size);
			data = larger;
			size *= 2;
		}
		n = pread(fd, data + len, size - len, (off_t)len);
		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = -errno;
			goto fail;
		}
		len += (size_t)n;
	}
	if (len > max) {
		r = -EFBIG;
		goto fail;
	}
	*ret = data;
	*ret_len = len;
	return 0;
fail:
	file_free_secret((char *)data, size);
	return r;
}
