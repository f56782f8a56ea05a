// SPDX-License-Identifier: Apache-2.0
/*
 * Bulk TCP. First as much as it takes for the windows to open, then the measured bytes, until the far end has read and
 * compared the last of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "traffic.h"

#define PORT  5201
#define CHUNK (128 << 10)

/* The stream repeats itself after PERIOD bytes, which no buffer's or packet's size divides. */
#define PERIOD 65521
static uint8_t stream[PERIOD + CHUNK], inbox[CHUNK];

static void make_stream(void)
{
	uint32_t x = 1;
	size_t i;

	for (i = 0; i < PERIOD; i++) {
		x = x * 1664525 + 1013904223;
		stream[i] = (uint8_t)(x >> 24);
	}
	for (i = PERIOD; i < sizeof(stream); i++)
		stream[i] = stream[i - PERIOD];
}

struct flow {
	int fd;
	uint64_t at; /* offset in the stream */
};

static void nonblocking(int fd)
{
	(void)checked(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), "O_NONBLOCK");
}

/* Wait until one of the flows that are below `goal` can go on. */
static void wait_for(const struct flow *flows, unsigned int n, uint64_t goal, short what)
{
	struct pollfd fds[MAX_FLOWS];
	unsigned int i, waiting = 0;

	for (i = 0; i < n; i++) {
		if (flows[i].at < goal)
			fds[waiting++] = (struct pollfd){.fd = flows[i].fd, .events = what};
	}
	if (poll(fds, waiting, 30000) <= 0)
		fail("no TCP progress for 30 seconds at byte %llu of %llu",
		     (unsigned long long)flows[0].at, (unsigned long long)goal);
}

/* One step of one flow towards `goal`; false: nothing moved. */
static bool receive(struct flow *f, uint64_t goal)
{
	uint64_t left = goal - f->at;
	ssize_t r = recv(f->fd, inbox, left < CHUNK ? (size_t)left : CHUNK, 0);

	if (r < 0 && errno == EAGAIN)
		return false;
	if (r <= 0)
		fail("recv: %s", r ? strerror(errno) : "the connection was closed");
	if (memcmp(inbox, stream + f->at % PERIOD, (size_t)r) != 0)
		fail("what came differs from what was sent, near byte %llu",
		     (unsigned long long)f->at);
	f->at += (uint64_t)r;
	return true;
}

static bool transmit(struct flow *f, uint64_t goal)
{
	uint64_t left = goal - f->at;
	ssize_t r = send(f->fd, stream + f->at % PERIOD, left < CHUNK ? (size_t)left : CHUNK, 0);

	if (r < 0 && errno == EAGAIN)
		return false;
	if (r <= 0)
		fail("send: %s", strerror(errno));
	f->at += (uint64_t)r;
	return true;
}

static void move(struct flow *flows, unsigned int n, uint64_t goal,
		 bool (*step)(struct flow *, uint64_t), short what)
{
	for (;;) {
		bool moved = false, done = true;
		unsigned int i;

		for (i = 0; i < n; i++) {
			if (flows[i].at < goal && step(&flows[i], goal))
				moved = true;
			if (flows[i].at < goal)
				done = false;
		}
		if (done)
			return;
		if (!moved)
			wait_for(flows, n, goal, what);
	}
}

static void far(const struct options *o, int words, uint64_t warm, uint64_t all)
{
	struct flow flows[MAX_FLOWS] = {0};
	struct sockaddr_storage ss;
	int listener, one = 1;
	unsigned int i;
	socklen_t len;

	enter(o->to);
	len = endpoint(o->address, PORT, 0, &ss);
	listener = checked(socket(ss.ss_family, SOCK_STREAM, 0), "socket");
	(void)checked(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)),
		      "SO_REUSEADDR");
	(void)checked(bind(listener, (struct sockaddr *)&ss, len), "bind");
	(void)checked(listen(listener, MAX_FLOWS), "listen");
	tell(words, 'l');
	for (i = 0; i < o->flows; i++) {
		flows[i].fd = checked(accept(listener, NULL, NULL), "accept");
		nonblocking(flows[i].fd);
	}
	move(flows, o->flows, warm, receive, POLLIN);
	tell(words, 'w');
	move(flows, o->flows, all, receive, POLLIN);
	tell(words, 'd');
	await(words, 'q');
	exit(0);
}

/* Segments that were sent more than once. */
static uint64_t retransmitted(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	(void)checked(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), "TCP_INFO");
	return info.tcpi_total_retrans;
}

/*
 * A sender that the scheduler moves to another CPU overtakes what it has left in the queue of the one before, and TCP takes that for loss. Each end stays
 * on a CPU, as with netperf -T.
 */
static void stay_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)checked(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

void run_tcp(const struct options *o)
{
	uint64_t warm = o->warm / o->flows, each = o->bytes / o->flows, lost = 0;
	int pair[2], mss = (int)o->mss, status;
	struct flow flows[MAX_FLOWS] = {0};
	struct sockaddr_storage ss;
	socklen_t len = endpoint(o->address, PORT, 0, &ss);
	struct window w;
	unsigned int i;
	pid_t child;

	make_stream();
	(void)checked(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	child = checked(fork(), "fork");
	stay_on(child ? 0 : (unsigned int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
	if (!child) {
		(void)close(pair[0]);
		far(o, pair[1], warm, warm + each);
	}
	(void)close(pair[1]);
	enter(o->from);
	await(pair[0], 'l');
	for (i = 0; i < o->flows; i++) {
		flows[i].fd = checked(socket(ss.ss_family, SOCK_STREAM, 0), "socket");
		(void)checked(setsockopt(flows[i].fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss)),
			      "TCP_MAXSEG");
		(void)checked(connect(flows[i].fd, (struct sockaddr *)&ss, len), "connect");
		nonblocking(flows[i].fd);
	}
	move(flows, o->flows, warm, transmit, POLLOUT);
	await(pair[0], 'w');
	for (i = 0; i < o->flows; i++)
		lost -= retransmitted(flows[i].fd);

	window_begin(&w);
	move(flows, o->flows, warm + each, transmit, POLLOUT);
	await(pair[0], 'd');
	window_end(&w);

	for (i = 0; i < o->flows; i++)
		lost += retransmitted(flows[i].fd);
	tell(pair[0], 'q');
	if (waitpid(child, &status, 0) != child || status)
		fail("the far end failed");
	/* RFC 7323: 12 of the MSS's bytes are the timestamp option */
	report(&w, each * o->flows / (o->mss - 12), each * o->flows, lost);
}
