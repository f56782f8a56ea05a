/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to begin (IKE_SA_INIT) that a responder takes for real ones, from invented addresses: more than it can answer, so many times as many, however fast it is:
 *
 *	ike-flood REMOTE TIMES
 *
 * Until it is ended; then it says how many were sent and answered. The addresses are those of 10.128.0.0/9, which has to be local; from each come BATCH requests, as
 * one datagram that is cut on its way (UDP_SEGMENT), so that sending costs less than what it is for.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/macro.h"
#include "ike/engine.h"
#include "ike/message.h"
#include "pktinfo.h"

enum { BATCH = 64, SIZE = 512, LEAST = 2000 /* a second */ };

static volatile sig_atomic_t over;

static void on_end(int number _unused_)
{
	over = 1;
}

static uint64_t next_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static size_t make_request(uint8_t *buf)
{
	static const char *const names[] = {"AES_GCM_16-256", "PRF_HMAC_SHA2_256", "CURVE25519"};
	struct ike_policy policy = {.protocol = IKE_PROTOCOL_IKE, .n = 1};
	struct ike_header h = {.spi_i = 1,
			       .major = IKE_VERSION_MAJOR,
			       .exchange = IKE_EXCHANGE_SA_INIT,
			       .flags = IKE_FLAG_INITIATOR};
	uint8_t ke[32], nonce[32];
	struct ike_builder b;
	size_t len = 0;

	for (size_t i = 0; i < sizeof(ke); i++) {
		ke[i] = (uint8_t)(i + 1);
		nonce[i] = (uint8_t)next_random();
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)ike_policy_transform_parse(
			names[i], &policy.proposals[0].transforms[policy.proposals[0].n++]);
	ike_build_message(&b, buf, SIZE, &h);
	ike_build_offer(&b, &policy, IKE_KE_USE_POLICY, IKE_VIEW_NONE, IKE_KE_CURVE25519);
	ike_build_ke(&b, IKE_KE_CURVE25519, IKE_VIEW(ke, sizeof(ke)));
	ike_build_nonce(&b, IKE_VIEW(nonce, sizeof(nonce)));
	return ike_build_finish(&b, &len) == 0 ? len : 0;
}

/* Another address, and other SPIs: whether it was sent. */
static bool send_batch(int fd, const struct sockaddr_in *to, uint8_t *data, size_t len)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[PKTINFO_SPACE + CMSG_SPACE(sizeof(uint16_t))];
	} control = {0};
	const struct in_addr from = {
		htonl(UINT32_C(0x0a800000) | (uint32_t)(next_random() & 0x7fffff))};
	const uint16_t segment = (uint16_t)len;
	struct iovec iov = {.iov_base = data, .iov_len = len * BATCH};
	struct msghdr mh = {.msg_name = (void *)(uintptr_t)to,
			    .msg_namelen = sizeof(*to),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);

	pktinfo_put(cm, from);
	cm = CMSG_NXTHDR(&mh, cm);
	cm->cmsg_level = SOL_UDP;
	cm->cmsg_type = UDP_SEGMENT;
	cm->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(cm), &segment, sizeof(segment));
	for (size_t i = 0; i < BATCH; i++) {
		uint64_t spi = next_random();

		memcpy(data + i * len, &spi, sizeof(spi));
	}
	return sendmsg(fd, &mh, 0) >= 0;
}

/* How many answers have come. */
static unsigned int answers(int fd)
{
	static uint8_t data[BATCH][SIZE];
	struct iovec iov[BATCH];
	struct mmsghdr m[BATCH];
	unsigned int total = 0;
	int n;

	memset(m, 0, sizeof(m));
	for (size_t i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){.iov_base = data[i], .iov_len = SIZE};
		m[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	do {
		n = recvmmsg(fd, m, BATCH, MSG_DONTWAIT, NULL);
		total += n > 0 ? (unsigned int)n : 0;
	} while (n == BATCH);
	return total;
}

static double seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static uint8_t data[BATCH * SIZE];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(IKE_PORT)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 4 << 20;
	double begun = seconds(), last = begun, may = 0, rate = LEAST, times;
	unsigned long long sent = 0, answered = 0;
	size_t len = make_request(data);

	if (argc != 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || fd < 0 || len == 0) {
		(void)fputs("usage: ike-flood REMOTE TIMES\n", stderr);
		return 2;
	}
	times = strtod(argv[2], NULL);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	(void)signal(SIGTERM, on_end);
	for (size_t i = 1; i < BATCH; i++)
		memcpy(data + i * len, data, len);
	while (!over) {
		double now = seconds(), passed = now - last;
		unsigned int n = answers(fd);

		/* As fast as it answers, times TIMES, on an average over a tenth of a second. */
		last = now;
		answered += n;
		rate += (n * times - rate * passed) * 10;
		rate = MAX(rate, (double)LEAST);
		may = MIN(may + rate * passed, (double)BATCH * 64);
		for (; may >= BATCH; may -= BATCH) {
			if (!send_batch(fd, &to, data, len) && errno != EINTR && errno != ENOBUFS) {
				perror("ike-flood");
				return EXIT_FAILURE;
			}
			sent += BATCH;
		}
		(void)usleep(500);
	}
	(void)printf("sent %llu in %.1f s, answered %llu\n", sent, seconds() - begun, answered);
	return EXIT_SUCCESS;
}
