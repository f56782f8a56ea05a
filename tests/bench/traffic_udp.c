// SPDX-License-Identifier: Apache-2.0
/*
 * UDP in bursts that are answered by one small packet each, and round trips of ICMP.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "traffic.h"

#define PORT	     5202
#define MAX_DATAGRAM 2048
#define WARM_BURSTS  16
#define WARM_PINGS   16

/* What a datagram begins with; the rest of it is its number's low byte. */
struct head {
	uint32_t number, magic;
};
#define MAGIC 0x63676264

static uint8_t outbox[MAX_DATAGRAM], inbox[MAX_DATAGRAM];

static void patient(int fd)
{
	struct timeval tv = {.tv_sec = 5};
	int size = 8 << 20;

	(void)checked(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), "SO_RCVTIMEO");
	(void)checked(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)),
		      "SO_RCVBUFFORCE");
	(void)checked(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)),
		      "SO_SNDBUFFORCE");
}

static unsigned int size_of(const struct options *o, uint32_t number)
{
	return o->sizes[number % o->n_sizes];
}

/* Every datagram once, whole, in any order within its burst. */
static void far(const struct options *o, int words, unsigned int bursts)
{
	struct sockaddr_storage ss, from, last = {0};
	unsigned int i, j;
	socklen_t len;
	int fd;

	enter(o->to);
	(void)endpoint(o->address, PORT, 0, &ss);
	/* all addresses, as there may be several */
	len = ss.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	memset((uint8_t *)&ss + 4, 0, len - 4);
	fd = checked(socket(ss.ss_family, SOCK_DGRAM, 0), "socket");
	patient(fd);
	(void)checked(bind(fd, (struct sockaddr *)&ss, len), "bind");
	tell(words, 'l');
	for (i = 0; i < bursts; i++) {
		uint64_t seen = 0;

		for (j = 0; j < o->burst; j++) {
			socklen_t from_len = sizeof(from);
			struct head head;
			ssize_t r = recvfrom(fd, inbox, sizeof(inbox), 0, (struct sockaddr *)&from,
					     &from_len);

			if (r < (ssize_t)sizeof(head))
				fail("burst %u: %u of %u datagrams came, then %s", i, j, o->burst,
				     r < 0 ? strerror(errno) : "a short one");
			memcpy(&head, inbox, sizeof(head));
			if (head.magic != MAGIC || head.number / o->burst != i ||
			    r != (ssize_t)size_of(o, head.number) ||
			    inbox[r - 1] != (uint8_t)head.number ||
			    seen & 1ULL << head.number % o->burst)
				fail("burst %u: a datagram that was not sent so", i);
			seen |= 1ULL << head.number % o->burst;
			if (o->source ? !head.number : head.number % o->burst == o->burst - 1)
				last = from;
		}
		if (sendto(fd, "done", 4, 0, (struct sockaddr *)&last, len) != 4)
			fail("answer: %s", strerror(errno));
	}
	await(words, 'q');
	exit(0);
}

struct near {
	const struct options *o;
	int fds[MAX_FLOWS];
	struct sockaddr_storage to[MAX_FLOWS];
	socklen_t len;
	uint32_t next;
	uint64_t bytes;
};

/*
 * The burst goes out without a pause; the answer comes to the socket of the datagram that was last, or with addresses
 * for every flow to the first one's, since the far end has one address to answer from.
 */
static void burst(struct near *n)
{
	const struct options *o = n->o;
	struct head head = {.magic = MAGIC};
	unsigned int i;
	char answer[8];
	int fd = -1;

	for (i = 0; i < o->burst; i++) {
		unsigned int size = size_of(o, n->next);

		head.number = n->next;
		memcpy(outbox, &head, sizeof(head));
		outbox[size - 1] = (uint8_t)head.number;
		fd = n->fds[n->next % o->flows];
		if (sendto(fd, outbox, size, 0, (struct sockaddr *)&n->to[n->next % o->flows],
			   n->len) != (ssize_t)size)
			fail("sendto: %s", strerror(errno));
		n->bytes += size;
		n->next++;
	}
	if (o->source)
		fd = n->fds[0];
	if (recv(fd, answer, sizeof(answer), 0) != 4)
		fail("no answer to the burst that ends with datagram %u", n->next - 1);
}

void run_udp(const struct options *o)
{
	unsigned int bursts = o->count / o->burst, warm = WARM_BURSTS, i;
	static struct near n;
	struct sockaddr_storage from;
	struct window w;
	int pair[2], status;
	pid_t child;

	if (o->burst > 64)
		fail("--burst is at most 64");
	if (warm * o->burst < o->flows)
		warm = (o->flows + o->burst - 1) / o->burst;
	for (i = 0; i < o->n_sizes; i++) {
		if (o->sizes[i] <= sizeof(struct head) || o->sizes[i] > MAX_DATAGRAM)
			fail("--sizes are %zu to %d", sizeof(struct head) + 1, MAX_DATAGRAM);
	}
	(void)checked(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	child = checked(fork(), "fork");
	if (!child) {
		(void)close(pair[0]);
		far(o, pair[1], bursts + warm);
	}
	(void)close(pair[1]);
	enter(o->from);
	n.o = o;
	for (i = 0; i < o->flows; i++) {
		n.len = endpoint(o->address, PORT, o->source ? i * o->stride : 0, &n.to[i]);
		n.fds[i] = checked(socket(n.to->ss_family, SOCK_DGRAM, 0), "socket");
		patient(n.fds[i]);
		if (!o->source)
			continue;
		(void)endpoint(o->source, 0, i * o->stride, &from);
		(void)checked(bind(n.fds[i], (struct sockaddr *)&from, n.len), "bind");
	}
	await(pair[0], 'l');
	for (i = 0; i < warm; i++)
		burst(&n);
	n.bytes = 0;

	window_begin(&w);
	for (i = 0; i < bursts; i++)
		burst(&n);
	window_end(&w);

	tell(pair[0], 'q');
	if (waitpid(child, &status, 0) != child || status)
		fail("the far end failed");
	report(&w, (uint64_t)bursts * o->burst, n.bytes, 0);
}

/* RFC 1071 */
static uint16_t checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* One round trip with an idle machine before it. */
static uint64_t ping(int fd, bool v6, uint16_t number)
{
	uint8_t request[64] = {v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO};
	size_t head = v6 ? 0 : 20; /* raw IPv4 sockets deliver the IP header */
	uint64_t begin, end;
	uint16_t sum;
	ssize_t r;

	request[6] = (uint8_t)(number >> 8);
	request[7] = (uint8_t)number;
	if (!v6) {
		sum = checksum(request, sizeof(request));
		memcpy(request + 2, &sum, sizeof(sum));
	}
	(void)usleep(3000);
	begin = now();
	if (send(fd, request, sizeof(request), 0) != sizeof(request))
		fail("send: %s", strerror(errno));
	do {
		r = recv(fd, inbox, sizeof(inbox), 0);
		end = now();
		if (r < 0)
			fail("ping %u: %s", number, strerror(errno));
	} while (r != (ssize_t)(head + sizeof(request)) ||
		 inbox[head] != (v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) ||
		 inbox[head + 6] != request[6] || inbox[head + 7] != request[7]);
	return end - begin;
}

void run_ping(const struct options *o)
{
	struct window w = {0};
	struct sockaddr_storage ss;
	socklen_t len = endpoint(o->address, 0, 0, &ss);
	bool v6 = ss.ss_family == AF_INET6;
	unsigned int i;
	int fd;

	enter(o->from);
	fd = checked(socket(ss.ss_family, SOCK_RAW, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP), "socket");
	patient(fd);
	(void)checked(connect(fd, (struct sockaddr *)&ss, len), "connect");
	for (i = 0; i < WARM_PINGS; i++)
		(void)ping(fd, v6, (uint16_t)i);
	window_begin(&w);
	w.end = w.begin = 0;
	for (; i < o->count + WARM_PINGS; i++)
		w.end += ping(fd, v6, (uint16_t)i);
	w.idle_begin = w.idle_end = 0; /* between round trips, which are not counted */
	report(&w, o->count, (uint64_t)o->count * 64, 0);
}
