// SPDX-License-Identifier: Apache-2.0
/*
 * enter NAMESPACE COMMAND [ARGUMENT...]: runs COMMAND in that network namespace (`-`: where we are). What `ip netns exec` does without
 * its mounts, from one static program: on an emulated CPU it is the start of programs that takes a test's time.
 *
 * For the same reason `python3` is not started: tests/lib/warm.py, which ktap.sh has started, forks into the script. It is handed our
 * arguments, environment, folder, files and namespaces over $CERTGATE_WARM, and answers with the exit status; a signal that would end
 * us ends the script. Where nobody listens there, Python starts as usual.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static volatile sig_atomic_t script;

static void pass_on(int number)
{
	if (script > 0)
		kill(script, number);
}

static int enter(const char *name)
{
	char path[256];
	int fd;

	if (!strcmp(name, "-"))
		return 0;
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		return -1;
	close(fd);
	return 0;
}

/* The connection to warm.py; -1: there is none. */
static int reach(void)
{
	const char *path = getenv("CERTGATE_WARM");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (!path || strlen(path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int send_files(int fd, uint32_t size)
{
	int files[] = {0,
		       1,
		       2,
		       open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC),
		       open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC),
		       open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC),
		       open(".", O_PATH | O_CLOEXEC)};
	union {
		char bytes[CMSG_SPACE(sizeof(files))];
		struct cmsghdr align;
	} control = {0};
	struct iovec io = {.iov_base = &size, .iov_len = sizeof(size)};
	struct msghdr message = {.msg_iov = &io,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(files));
	memcpy(CMSG_DATA(c), files, sizeof(files));
	return sendmsg(fd, &message, 0) == sizeof(size) ? 0 : -1;
}

/* Strings end with a NUL; an empty one parts arguments from environment (there are no empty variables). */
static char *request(char **argv, size_t *ret_size)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, ret_size);
	size_t n = 0;

	if (!f)
		return NULL;
	while (argv[n])
		n++;
	fprintf(f, "%zu%c", n, 0);
	for (; *argv; argv++)
		fprintf(f, "%s%c", *argv, 0);
	for (char **e = environ; *e; e++)
		fprintf(f, "%s%c", *e, 0);
	return fclose(f) ? NULL : text;
}

static int run_warm(int fd, char **argv)
{
	static const int passed[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
	size_t size, done = 0;
	char *text = request(argv, &size);
	int32_t answer;

	if (!text || send_files(fd, (uint32_t)size) < 0)
		return 125;
	while (done < size) {
		ssize_t n = write(fd, text + done, size - done);

		if (n < 0)
			return 125;
		done += (size_t)n;
	}
	/* its process, then its status as of wait() */
	if (read(fd, &answer, sizeof(answer)) != sizeof(answer))
		return 125;
	script = answer;
	/* Until here a signal ends us, and the script with us. What is ignored here is never passed on. */
	for (size_t i = 0; i < sizeof(passed) / sizeof(*passed); i++) {
		struct sigaction was;

		if (!sigaction(passed[i], NULL, &was) && was.sa_handler != SIG_IGN)
			sigaction(passed[i],
				  &(struct sigaction){.sa_handler = pass_on,
						      .sa_flags = SA_RESTART},
				  NULL);
	}
	/* what reads our output has its end when the script closes it, not when we do */
	close(0);
	close(1);
	close(2);
	if (read(fd, &answer, sizeof(answer)) != sizeof(answer))
		return 125;
	if (WIFSIGNALED(answer)) {
		signal(WTERMSIG(answer), SIG_DFL);
		raise(WTERMSIG(answer));
	}
	return WEXITSTATUS(answer);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: enter NAMESPACE|- COMMAND [ARGUMENT...]\n", stderr);
		return 2;
	}
	if (enter(argv[1]) < 0) {
		fprintf(stderr, "enter: namespace %s: %s\n", argv[1], strerror(errno));
		return 125;
	}
	if (!strcmp(argv[2], "python3") && argc > 3) {
		int fd = reach();

		if (fd >= 0)
			return run_warm(fd, argv + 3);
	}
	execvp(argv[2], argv + 2);
	fprintf(stderr, "enter: %s: %s\n", argv[2], strerror(errno));
	return 127;
}
