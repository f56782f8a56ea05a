// SPDX-License-Identifier: Apache-2.0
/*
 * The implementation of file.h. Called by the configuration loader, the command line and the daemon's main process.
 */
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/str.h"

int file_read_fd(int fd, size_t max, char **ret, size_t *ret_len)
{
	size_t len = 0, size = 4096;
	char *buf, *grown;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (S_ISREG(st.st_mode) && st.st_size > 0) {
		if ((uint64_t)st.st_size > max)
			return -EFBIG;
		size = (size_t)st.st_size + 2;
	}
	buf = malloc(size);
	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, buf + len, size - 1 - len);
		int r = 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -errno;
		else if ((size_t)n > max - len)
			r = -EFBIG;
		if (r < 0) {
			file_free_secret(buf, len);
			return r;
		}
		if (n == 0)
			break;
		len += (size_t)n;
		if (len < size - 1)
			continue;
		/* Not realloc(): what is left behind may be a key. */
		grown = malloc(size * 2);
		if (!grown) {
			file_free_secret(buf, len);
			return -ENOMEM;
		}
		memcpy(grown, buf, len);
		file_free_secret(buf, len);
		buf = grown;
		size *= 2;
	}
	buf[len] = 0;
	*ret = buf;
	if (ret_len)
		*ret_len = len;
	return 0;
}

int file_read_at(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_len)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -ENOTSUP;
	return file_read_fd(fd, max, ret, ret_len);
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_len)
{
	return file_read_at(AT_FDCWD, path, max, ret, ret_len);
}

void file_free_secret(char *data, size_t len)
{
	if (!data)
		return;
	explicit_bzero(data, len);
	free(data);
}

static int check_mode(int fd, mode_t forbidden, mode_t forbidden_group, mode_t *ret_mode)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (ret_mode)
		*ret_mode = st.st_mode & 07777;
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return -EPERM;
	if (st.st_mode & forbidden)
		return -EACCES;
	if (st.st_gid != 0 && st.st_mode & forbidden_group)
		return -EACCES;
	return 0;
}

int file_check_private(int fd, mode_t *ret_mode)
{
	return check_mode(fd, S_IRWXO, S_IRWXG, ret_mode);
}

int file_check_trusted(int fd, mode_t *ret_mode)
{
	return check_mode(fd, S_IWOTH, S_IWGRP, ret_mode);
}

int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode)
{
	_cleanup_free_ char *temp = NULL;
	_cleanup_close_ int fd = -EBADF;
	int r;

	temp = str_printf("%s.XXXXXX", path);
	if (!temp)
		return -ENOMEM;
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data, len);
	if (r >= 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r >= 0 && fsync(fd) < 0)
		r = -errno;
	if (r >= 0 && rename(temp, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(temp);
	return r;
}
