/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the bench's traffic generator share: options and the two ends of a run. One program plays both ends, in two processes that entered two network namespaces.
 */
#ifndef CERTGATE_BENCH_TRAFFIC_H
#define CERTGATE_BENCH_TRAFFIC_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "window.h"

#define MAX_FLOWS 1024
#define MAX_SIZES 16

struct options {
	const char *from, *to; /* network namespaces */
	const char *address;   /* of the far end */
	unsigned int flows;    /* TCP connections, or source ports */
	const char *
		source; /* every flow has addresses of its own, at both ends: `stride` further each */
	unsigned int stride;
	unsigned int mss;
	unsigned int count; /* datagrams or round trips */
	unsigned int burst; /* datagrams that one answer is awaited for */
	unsigned int sizes[MAX_SIZES], n_sizes;
	uint64_t warm, bytes; /* of a TCP run, all flows together */
};

/* An address with a port, `add` addresses further. */
socklen_t endpoint(const char *address, unsigned int port, unsigned int add,
		   struct sockaddr_storage *ret);

/* Both ends have a socket that their words go over, a byte each. */
void tell(int fd, char word);
void await(int fd, char word);

void run_tcp(const struct options *o);
void run_udp(const struct options *o);
void run_ping(const struct options *o);

#endif
