// SPDX-License-Identifier: Apache-2.0
/*
 * The bench's traffic: bulk TCP, bursts of UDP, round trips of ICMP, between two network namespaces of the machine it runs
 * in. tests/bench/guest starts it; it knows nothing of what lies between the namespaces.
 *
 *   traffic tcp  --from NS --to NS --address A [--flows N] [--mss N] [--warm BYTES] [--bytes BYTES]
 *   traffic udp  --from NS --to NS --address A [--flows N] [--sizes N,N,...] [--burst N] [--count N] [--spread N]
 *   traffic ping --from NS --to NS --address A [--count N]
 *   traffic encapsulator NS ADDRESS    holds port 4500 for the kernel's own IPsec in UDP, until it is ended
 */
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/udp.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * A no-operation with a number in it. Processors skip it; the profiler (count.c) sees it go by in the
 * emulator and knows when a window begins and ends. The numbers are count.c's.
 */
#define MARK(number) __asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00; .long " #number ::: "memory")

void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fprintf(stderr, "traffic: ");
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

int checked(int result, const char *what)
{
	if (result < 0)
		fail("%s: %s", what, strerror(errno));
	return result;
}

void enter(const char *netns)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = checked(open(path, O_RDONLY | O_CLOEXEC), path);
	(void)checked(setns(fd, CLONE_NEWNET), path);
	(void)close(fd);
}

socklen_t far_end(const struct options *o, unsigned int port, unsigned int add,
		  struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (void *)ret;
	struct sockaddr_in6 *v6 = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, o->address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		v4->sin_addr.s_addr = htonl(ntohl(v4->sin_addr.s_addr) + add);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, o->address, &v6->sin6_addr) != 1)
		fail("'%s' is not an address", o->address);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	return sizeof(*v6);
}

void tell(int fd, char word)
{
	if (write(fd, &word, 1) != 1)
		fail("the other end is gone");
}

void await(int fd, char word)
{
	char got;

	if (read(fd, &got, 1) != 1)
		fail("the other end is gone");
	if (got != word)
		fail("the other end says '%c' where '%c' was expected", got, word);
}

uint64_t now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* How long the CPUs have been idle, in ns, all together. */
static uint64_t idle_time(void)
{
	static const char key[] = ".idle_sleeptime";
	FILE *f = fopen("/proc/timer_list", "re");
	uint64_t sum = 0;
	char line[512];
	int found = 0;

	if (!f)
		fail("/proc/timer_list: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, key), *colon = at ? strchr(at, ':') : NULL;

		if (!colon)
			continue;
		sum += strtoull(colon + 1, NULL, 10);
		found++;
	}
	(void)fclose(f);
	if (!found)
		fail("/proc/timer_list does not tell how long CPUs were idle");
	return sum;
}

void window_begin(struct window *w)
{
	w->idle_begin = idle_time();
	w->begin = now();
	MARK(0x43474231);
}

void window_end(struct window *w)
{
	MARK(0x43474232);
	w->end = now();
	w->idle_end = idle_time();
}

void report(const struct window *w, uint64_t packets, uint64_t bytes, uint64_t lost)
{
	uint64_t elapsed = w->end - w->begin, idle = w->idle_end - w->idle_begin;

	printf("elapsed=%llu idle=%llu packets=%llu bytes=%llu lost=%llu\n",
	       (unsigned long long)elapsed, (unsigned long long)idle, (unsigned long long)packets,
	       (unsigned long long)bytes, (unsigned long long)lost);
}

static void encapsulator(const char *netns, const char *address)
{
	struct options o = {.address = address};
	struct sockaddr_storage ss;
	socklen_t len = far_end(&o, 4500, 0, &ss);
	int fd, type = UDP_ENCAP_ESPINUDP;

	enter(netns);
	fd = checked(socket(ss.ss_family, SOCK_DGRAM, 0), "socket");
	(void)checked(bind(fd, (struct sockaddr *)&ss, len), "bind to port 4500");
	(void)checked(setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, &type, sizeof(type)), "UDP_ENCAP");
	printf("ready\n");
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}

static unsigned int parse_sizes(char *list, unsigned int *sizes)
{
	unsigned int n = 0;
	char *state, *word;

	for (word = strtok_r(list, ",", &state); word; word = strtok_r(NULL, ",", &state)) {
		if (n == MAX_SIZES)
			fail("more than %d sizes", MAX_SIZES);
		sizes[n++] = (unsigned int)strtoul(word, NULL, 10);
	}
	return n;
}

static void parse(struct options *o, int argc, char **argv)
{
	const struct {
		const char *name;
		unsigned int *value;
	} numbers[] = {{"--flows", &o->flows},
		       {"--spread", &o->spread},
		       {"--mss", &o->mss},
		       {"--count", &o->count},
		       {"--burst", &o->burst}};
	const struct {
		const char *name, **value;
	} texts[] = {{"--from", &o->from}, {"--to", &o->to}, {"--address", &o->address}};
	int i;

	for (i = 0; i + 1 < argc; i += 2) {
		bool taken = false;
		size_t j;

		for (j = 0; j < sizeof(numbers) / sizeof(*numbers); j++) {
			if (!strcmp(argv[i], numbers[j].name)) {
				*numbers[j].value = (unsigned int)strtoul(argv[i + 1], NULL, 10);
				taken = true;
			}
		}
		for (j = 0; j < sizeof(texts) / sizeof(*texts); j++) {
			if (!strcmp(argv[i], texts[j].name)) {
				*texts[j].value = argv[i + 1];
				taken = true;
			}
		}
		if (!strcmp(argv[i], "--sizes"))
			o->n_sizes = parse_sizes(argv[i + 1], o->sizes);
		else if (!strcmp(argv[i], "--warm"))
			o->warm = strtoull(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--bytes"))
			o->bytes = strtoull(argv[i + 1], NULL, 10);
		else if (!taken)
			fail("unknown option '%s'", argv[i]);
	}
	if (i != argc)
		fail("'%s' wants a value", argv[i]);
	if (!o->from || !o->to || !o->address)
		fail("--from, --to and --address are needed");
	if (!o->flows || o->flows > MAX_FLOWS || !o->spread || !o->mss || !o->count || !o->burst ||
	    !o->n_sizes)
		fail("a number is 0 or too large");
}

int main(int argc, char **argv)
{
	struct options o = {
		.flows = 1,
		.spread = 1,
		.mss = 1300,
		.count = 6400,
		.burst = 32,
		.sizes = {64},
		.n_sizes = 1,
		.warm = 4 << 20,
		.bytes = 16 << 20,
	};

	if (argc == 4 && !strcmp(argv[1], "encapsulator"))
		encapsulator(argv[2], argv[3]);
	if (argc < 2)
		fail("tcp, udp, ping or encapsulator?");
	parse(&o, argc - 2, argv + 2);
	if (!strcmp(argv[1], "tcp"))
		run_tcp(&o);
	else if (!strcmp(argv[1], "udp"))
		run_udp(&o);
	else if (!strcmp(argv[1], "ping"))
		run_ping(&o);
	else
		fail("tcp, udp, ping or encapsulator?");
	return 0;
}
