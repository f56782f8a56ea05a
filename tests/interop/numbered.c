// SPDX-License-Identifier: Apache-2.0
/*
 * Numbered datagrams both ways between two hosts, to tell whether any is lost while something happens to a tunnel.
 *
 *   numbered RATE PORT NAMESPACE ADDRESS NAMESPACE ADDRESS
 *
 * Each host, a network namespace and its address there, sends so many a second to the other one until SIGTERM, on the average: what a busy machine missed
 * is made up for. Then both receive until all has come, or nothing for two seconds, and a line for each way is printed: "A to B: sent N in S.SS s, received N, missing
 * M below the highest, longest silence S.SS s, refused by the socket R", and which are missing.
 *
 * It is one process, and what comes is read every tenth millisecond: on an emulated CPU switching between processes and system calls cost more than
 * the packets do.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	NUMBERS_MAX = 1 << 26,
	SIZE = 64,
	BURST = 256, /* sent at once, at most; and read at once */
	BUFFER = 16 << 20,
	TICK_NS = 2000000,
	TICKS_A_READ = 5,
	RANGES_TOLD = 40
};

static const double silence_max = 2;

struct host {
	const char *name;
	struct sockaddr_in address;
	int out, in;
	uint32_t sent;
	uint8_t *seen; /* bits of the numbers that have come */
	uint64_t received, past;
	double last, silence;
};

static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	(void)sig;
	ended = 1;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void enter(const char *namespace)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", namespace);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		fail(path);
	close(fd);
}

static void host_open(struct host *h, const char *namespace, const char *address, uint16_t port)
{
	int size = BUFFER;

	h->name = namespace;
	h->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	if (inet_pton(AF_INET, address, &h->address.sin_addr) != 1)
		fail(address);
	enter(namespace);
	h->out = socket(AF_INET, SOCK_DGRAM, 0);
	h->in = socket(AF_INET, SOCK_DGRAM, 0);
	h->seen = calloc(NUMBERS_MAX / 8, 1);
	if (h->out < 0 || h->in < 0 || !h->seen ||
	    bind(h->in, (struct sockaddr *)&h->address, sizeof(h->address)) < 0)
		fail(address);
	if (setsockopt(h->in, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		fail("SO_RCVBUFFORCE");
}

/* Up to `due` of them, and no more than a burst. */
static void send_due(struct host *from, struct host *to, double due)
{
	static uint8_t packets[BURST][SIZE];
	static struct iovec iov[BURST];
	static struct mmsghdr m[BURST];
	unsigned int n = 0, done = 0;

	for (; n < BURST && from->sent < due && from->sent < NUMBERS_MAX; n++) {
		memcpy(packets[n], &from->sent, sizeof(from->sent));
		from->sent++;
		iov[n] = (struct iovec){packets[n], SIZE};
		m[n] = (struct mmsghdr){.msg_hdr = {.msg_name = &to->address,
						    .msg_namelen = sizeof(to->address),
						    .msg_iov = &iov[n],
						    .msg_iovlen = 1}};
	}
	while (done < n) {
		int r = sendmmsg(from->out, m + done, n - done, 0);

		/* One that cannot be sent is one that does not arrive. */
		done += r > 0 ? (unsigned int)r : 1;
	}
}

static void count(struct host *h, const uint8_t packet[SIZE])
{
	uint32_t n;

	memcpy(&n, packet, sizeof(n));
	if (n >= NUMBERS_MAX || (h->seen[n / 8] & (1U << n % 8)))
		return; /* twice is not more */
	h->seen[n / 8] |= (uint8_t)(1U << n % 8);
	h->received++;
	if (n + 1 > h->past)
		h->past = n + 1;
}

static void receive(struct host *h)
{
	static uint8_t packets[BURST][SIZE];
	static struct iovec iov[BURST];
	static struct mmsghdr m[BURST];
	int n;

	do {
		double at;

		for (unsigned int i = 0; i < BURST; i++) {
			iov[i] = (struct iovec){packets[i], SIZE};
			m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
		}
		n = recvmmsg(h->in, m, BURST, MSG_DONTWAIT, NULL);
		if (n <= 0)
			return;
		for (int i = 0; i < n; i++)
			if (m[i].msg_len == SIZE)
				count(h, packets[i]);
		at = now();
		if (h->last > 0 && at - h->last > h->silence)
			h->silence = at - h->last;
		h->last = at;
	} while (n == BURST);
}

static void tell(const struct host *from, const struct host *to, double seconds)
{
	uint32_t memory[SK_MEMINFO_VARS] = {0};
	socklen_t memory_len = sizeof(memory);

	if (getsockopt(to->in, SOL_SOCKET, SO_MEMINFO, memory, &memory_len) < 0)
		fail("SO_MEMINFO");
	printf("%s to %s: sent %u in %.2f s, received %llu, missing %llu below the highest, longest silence %.2f s, refused by the socket %u\n",
	       from->name, to->name, from->sent, seconds, (unsigned long long)to->received,
	       (unsigned long long)(to->past - to->received), to->silence,
	       memory[SK_MEMINFO_DROPS]);
	for (uint64_t i = 0, first = 0, told = 0; i < to->past && told < RANGES_TOLD; i++) {
		if (to->seen[i / 8] & (1U << i % 8)) {
			first = i + 1;
		} else if (to->seen[(i + 1) / 8] & (1U << (i + 1) % 8)) {
			printf("missing: %llu to %llu\n", (unsigned long long)first,
			       (unsigned long long)i);
			told++;
		}
	}
}

static void run(struct host h[2], double rate)
{
	const struct timespec tick = {.tv_nsec = TICK_NS};
	double began = now(), over = 0, at;
	bool all_sent = false;

	for (unsigned int ticks = 0;; ticks++) {
		const bool last = ended;

		at = now();
		if (!all_sent) {
			const double due = (at - began) * rate;

			send_due(&h[0], &h[1], due);
			send_due(&h[1], &h[0], due);
			/* What is made up for at the end is no burst either. */
			all_sent = last && h[0].sent >= due && h[1].sent >= due;
			over = now();
		}
		if (ticks % TICKS_A_READ == 0) {
			receive(&h[0]);
			receive(&h[1]);
			if (all_sent && h[0].received == h[1].sent && h[1].received == h[0].sent)
				break;
			if (all_sent && at - over > silence_max && at - h[0].last > silence_max &&
			    at - h[1].last > silence_max)
				break;
		}
		nanosleep(&tick, NULL);
	}
	tell(&h[0], &h[1], over - began);
	tell(&h[1], &h[0], over - began);
}

int main(int argc, char **argv)
{
	/* Without SA_RESTART: a wait ends with it. */
	const struct sigaction sa = {.sa_handler = on_term};
	const struct sched_param first = {.sched_priority = 1};
	static struct host hosts[2];

	if (argc != 7) {
		fprintf(stderr, "usage: numbered RATE PORT NAMESPACE ADDRESS NAMESPACE ADDRESS\n");
		return 2;
	}
	if (sigaction(SIGTERM, &sa, NULL) < 0)
		fail("sigaction");
	for (int i = 0; i < 2; i++)
		host_open(&hosts[i], argv[3 + 2 * i], argv[4 + 2 * i], (uint16_t)atoi(argv[2]));
	/* What is there to be lost does not depend on what else there is to do. */
	if (sched_setscheduler(0, SCHED_FIFO, &first) < 0)
		fail("sched_setscheduler");
	run(hosts, atof(argv[1]));
	return 0;
}
