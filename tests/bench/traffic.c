// SPDX-License-Identifier: Apache-2.0
/*
 * The bench's traffic: bulk TCP, bursts of UDP, round trips of ICMP, between two network namespaces of the machine it runs
 * in. tests/bench/guest starts it; it knows nothing of what lies between the namespaces.
 *
 *   traffic tcp  --from NS --to NS --address A [--flows N] [--mss N] [--warm BYTES] [--bytes BYTES]
 *   traffic udp  --from NS --to NS --address A [--flows N] [--sizes N,N,...] [--burst N] [--count N] [--source A --stride N]
 *   traffic ping --from NS --to NS --address A [--count N]
 *   traffic encapsulator NS ADDRESS    holds port 4500 for the kernel's own IPsec in UDP, until it is ended
 */
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/udp.h>
#include <string.h>
#include <unistd.h>

socklen_t endpoint(const char *address, unsigned int port, unsigned int add,
		   struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (void *)ret;
	struct sockaddr_in6 *v6 = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		v4->sin_addr.s_addr = htonl(ntohl(v4->sin_addr.s_addr) + add);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, address, &v6->sin6_addr) != 1)
		fail("'%s' is not an address", address);
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

static void encapsulator(const char *netns, const char *address)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint(address, 4500, 0, &ss);
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
		       {"--stride", &o->stride},
		       {"--mss", &o->mss},
		       {"--count", &o->count},
		       {"--burst", &o->burst}};
	const struct {
		const char *name, **value;
	} texts[] = {{"--from", &o->from},
		     {"--to", &o->to},
		     {"--address", &o->address},
		     {"--source", &o->source}};
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
	if (!o->flows || o->flows > MAX_FLOWS || !o->mss || !o->count || !o->burst || !o->n_sizes)
		fail("a number is 0 or too large");
}

int main(int argc, char **argv)
{
	struct options o = {
		.flows = 1,
		.stride = 1,
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
