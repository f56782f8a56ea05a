/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed memory. Called by main and ike.
 */
#include "daemon/sealed.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "base/file.h"

int sealed_new(const char *name, const void *data, size_t len, int *ret)
{
	_cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, data, len);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

int sealed_read(int fd, size_t size, uint8_t **ret)
{
	uint8_t *data = malloc(MAX(size, (size_t)1));
	size_t len = 0;

	if (!data)
		return -ENOMEM;
	while (len < size) {
		ssize_t n = read(fd, data + len, size - len);
		int r = n < 0 ? -errno : -ENODATA;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			file_free_secret((char *)data, len);
			return r;
		}
		len += (size_t)n;
	}
	*ret = data;
	return 0;
}
