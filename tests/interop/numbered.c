// SPDX-License-Identifier: Apache-2.0
/*
 * Numbered datagrams, to tell whether any is lost while something happens to a tunnel.
 *
 *   numbered serve PORT               counts what comes until SIGTERM, and then until nothing has come for two seconds
 *   numbered send ADDRESS PORT RATE   so many a second until SIGTERM, on the average: what a busy machine missed is made up for
 *
 * At their end both print what they counted: "sent N in S.SS s", "received N, missing M below the highest,
 * longest silence S.SS s, refused by the socket R", and which are missing.
 */
#include <arpa/inet.h>
#include <errno.h>
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

static const struct timeval silence_max = {.tv_sec = 2};

enum {
	NUMBERS_MAX = 1 << 26,
	SIZE = 64,
	BURST = 256,
	BUFFER = 16 << 20,
	TICK_NS = 2000000,
	RANGES_TOLD = 40
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

static int serve(const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	uint8_t *seen = calloc(NUMBERS_MAX / 8, 1), packet[SIZE];
	int s = socket(AF_INET, SOCK_DGRAM, 0), size = BUFFER;
	uint64_t received = 0, past = 0;
	double last = 0, silence = 0;
	uint32_t n, memory[SK_MEMINFO_VARS] = {0};
	socklen_t memory_len = sizeof(memory);

	if (!seen || s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) < 0)
		fail("bind");
	if (setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		fail("SO_RCVBUFFORCE");
	if (setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &silence_max, sizeof(silence_max)) < 0)
		fail("SO_RCVTIMEO");
	for (;;) {
		ssize_t len = recv(s, packet, sizeof(packet), 0);
		double at;

		if (len < 0 && errno == EAGAIN && ended)
			break;
		if (len != SIZE)
			continue;
		memcpy(&n, packet, sizeof(n));
		at = now();
		if (last > 0 && at - last > silence)
			silence = at - last;
		last = at;
		if (n >= NUMBERS_MAX || (seen[n / 8] & (1U << n % 8)))
			continue; /* twice is not more */
		seen[n / 8] |= (uint8_t)(1U << n % 8);
		received++;
		if (n + 1 > past)
			past = n + 1;
	}
	if (getsockopt(s, SOL_SOCKET, SO_MEMINFO, memory, &memory_len) < 0)
		fail("SO_MEMINFO");
	printf("received %llu, missing %llu below the highest, longest silence %.2f s, refused by the socket %u\n",
	       (unsigned long long)received, (unsigned long long)(past - received), silence,
	       memory[SK_MEMINFO_DROPS]);
	for (uint64_t i = 0, first = 0, told = 0; i < past && told < RANGES_TOLD; i++) {
		if (seen[i / 8] & (1U << i % 8)) {
			first = i + 1;
		} else if (seen[(i + 1) / 8] & (1U << (i + 1) % 8)) {
			printf("missing: %llu to %llu\n", (unsigned long long)first,
			       (unsigned long long)i);
			told++;
		}
	}
	free(seen);
	return 0;
}

static int send_all(const char *address, const char *port, double rate)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	const struct timespec tick = {.tv_nsec = TICK_NS};
	const struct sched_param first = {.sched_priority = 1};
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	uint8_t packet[SIZE] = {0};
	double began = now();
	uint32_t n = 0;

	if (s < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1)
		fail("socket");
	/* What is there to be lost does not depend on what else there is to do. */
	if (sched_setscheduler(0, SCHED_FIFO, &first) < 0)
		fail("sched_setscheduler");
	do {
		const bool last = ended;
		const double due = (now() - began) * rate;

		for (unsigned int i = 0; (i < BURST || last) && n < due && n < NUMBERS_MAX; i++) {
			memcpy(packet, &n, sizeof(n));
			/* One that cannot be sent is one that does not arrive. */
			(void)sendto(s, packet, sizeof(packet), 0, (struct sockaddr *)&a,
				     sizeof(a));
			n++;
			/* What is made up for at the end is no burst either. */
			if (last && i % BURST == BURST - 1)
				nanosleep(&tick, NULL);
		}
		if (last)
			break;
		nanosleep(&tick, NULL);
	} while (true);
	printf("sent %u in %.2f s\n", n, now() - began);
	return 0;
}

int main(int argc, char **argv)
{
	/* Without SA_RESTART: a wait ends with it. */
	const struct sigaction sa = {.sa_handler = on_term};

	if (sigaction(SIGTERM, &sa, NULL) < 0)
		fail("sigaction");
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2]);
	if (argc == 5 && strcmp(argv[1], "send") == 0)
		return send_all(argv[2], argv[3], atof(argv[4]));
	fprintf(stderr, "usage: numbered serve PORT | send ADDRESS PORT RATE\n");
	return 2;
}
