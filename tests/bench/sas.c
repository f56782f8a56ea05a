// SPDX-License-Identifier: Apache-2.0
/*
 * The bench's many SAs: what it costs to add them, in instructions and in kernel memory, and to revoke what they all came
 * from. Goes through the same library as the daemon.
 *
 *   sas fill GATEWAY PAIRS         in namespace gGATEWAY: as many tunnels, each with a binding of its own under one issuer and
 *                                  an SA pair; tunnel i joins 10.32.0.0+i and 10.64.0.0+i, with 1 pair their whole networks
 *   sas command UNITS WORD...      runs WORD..., which adds UNITS of something
 *   sas revoke GATEWAY I N         revokes that issuer there, at the I-th of N phases of the kernel's tick
 *
 * Prints what traffic prints, bytes being those of kernel memory.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "window.h"

#define NEAR 0x0a200000 /* 10.32.0.0 */
#define FAR  0x0a400000 /* 10.64.0.0 */
#define NET  0x001fffff /* /11 */

static const uint8_t issuer[2][CERTGATE_HASH_SIZE] = {"issuer's certificate", "issuer's key"};

/* Memory the kernel holds for itself, in bytes. */
static uint64_t kernel_memory(void)
{
	static const char *const names[] = {"Slab:", "Percpu:", "VmallocUsed:"};
	FILE *f = fopen("/proc/meminfo", "re");
	uint64_t sum = 0;
	char line[256];

	if (!f)
		fail("/proc/meminfo: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
			if (!strncmp(line, names[i], strlen(names[i])))
				sum += strtoull(line + strlen(names[i]), NULL, 10) << 10;
		}
	}
	(void)fclose(f);
	return sum;
}

static struct cgk *library(unsigned int gateway)
{
	char name[16];
	struct cgk *k;

	(void)snprintf(name, sizeof(name), "g%u", gateway);
	enter(name);
	if (cgk_open(&k) < 0)
		fail("the module does not answer");
	return k;
}

static struct cg_range addresses(uint32_t first, uint32_t last)
{
	return (struct cg_range){
		.first = {.family = AF_INET, .in.s_addr = htonl(first)},
		.last = {.family = AF_INET, .in.s_addr = htonl(last)},
	};
}

static struct cg_endpoint wan(unsigned int gateway)
{
	return (struct cg_endpoint){
		.addr = {.family = AF_INET, .in.s_addr = htonl(0xc0000200 + gateway)},
		.port = 4500,
	};
}

static uint32_t add_binding(struct cgk *k, uint32_t number)
{
	struct cgk_cert c = {
		.n_links = 2, .not_before = time(NULL) - 3600, .not_after = time(NULL) + 86400};
	uint32_t id;

	(void)snprintf((char *)c.links[0].cert, CERTGATE_HASH_SIZE, "certificate %u", number);
	(void)snprintf((char *)c.links[0].spki, CERTGATE_HASH_SIZE, "key %u", number);
	memcpy(c.links[1].cert, issuer[0], CERTGATE_HASH_SIZE);
	memcpy(c.links[1].spki, issuer[1], CERTGATE_HASH_SIZE);
	(void)snprintf(c.subject, sizeof(c.subject), "CN=gw%u.example", number);
	if (cgk_cert_new(k, &c, &id) < 0)
		fail("binding %u: %s", number, cgk_error(k));
	return id;
}

static uint32_t add_tunnel(struct cgk *k, unsigned int gateway, uint32_t number, bool only,
			   int ifindex)
{
	struct cgk_selector ends[2] = {
		{.range = addresses(NEAR + number, NEAR + number), .port_end = UINT16_MAX},
		{.range = addresses(FAR + number, FAR + number), .port_end = UINT16_MAX},
	};
	struct cgk_tunnel t = {
		.ifindex = (uint32_t)ifindex,
		.local = wan(gateway),
		.remote = wan(3 - gateway),
		.encap = CERTGATE_ENCAP_UDP,
		.n_local_ts = 1,
		.n_remote_ts = 1,
	};
	uint32_t id;

	if (only) {
		ends[0].range = addresses(NEAR, NEAR | NET);
		ends[1].range = addresses(FAR, FAR | NET);
	}
	t.local_ts[0] = ends[gateway - 1];
	t.remote_ts[0] = ends[2 - gateway];
	if (cgk_tunnel_new(k, &t, &id) < 0)
		fail("tunnel %u: %s", number, cgk_error(k));
	return id;
}

/* SPIs and keys are both gateways': what one sends, the other takes. */
static void add_sa(struct cgk *k, uint32_t number, unsigned int from, enum certgate_dir dir,
		   uint32_t tunnel, uint32_t cert)
{
	uint8_t key[36] = {0};
	struct cgk_sa sa = {
		.dir = dir,
		.spi = 0x10000000 * from + number,
		.tunnel = tunnel,
		.cert = cert,
		.key = key,
		.key_len = sizeof(key),
		.esn = true,
		.replay_window = 4096,
	};
	uint32_t id;

	if (cgk_alg_parse("aes-gcm-256", &sa.encr, &sa.key_bits, &sa.integ) < 0)
		fail("no such algorithm");
	memcpy(key, &sa.spi, sizeof(sa.spi));
	if (cgk_sa_new(k, &sa, &id) < 0)
		fail("SA %u: %s", number, cgk_error(k));
}

static void run_fill(unsigned int gateway, uint32_t pairs)
{
	struct cgk *k = library(gateway);
	int ifindex = (int)if_nametoindex("cg0");
	struct window w;
	uint64_t memory;
	uint32_t i;

	memory = kernel_memory();
	window_begin(&w);
	for (i = 0; i < pairs; i++) {
		uint32_t cert = add_binding(k, i);
		uint32_t tunnel = add_tunnel(k, gateway, i, pairs == 1, ifindex);

		add_sa(k, i, 3 - gateway, CERTGATE_DIR_IN, tunnel, cert);
		add_sa(k, i, gateway, CERTGATE_DIR_OUT, tunnel, cert);
	}
	window_end(&w);
	report(&w, pairs, kernel_memory() - memory, 0);
	(void)cgk_free(k);
}

static void run_command(uint64_t units, char **words)
{
	struct window w;
	uint64_t memory = kernel_memory();
	int status;
	pid_t child;

	window_begin(&w);
	child = checked(fork(), "fork");
	if (!child) {
		(void)execvp(words[0], words);
		fail("%s: %s", words[0], strerror(errno));
	}
	if (waitpid(child, &status, 0) != child || status)
		fail("%s failed", words[0]);
	window_end(&w);
	report(&w, units, kernel_memory() - memory, 0);
}

/*
 * Sleep for some seconds, in which whatever the kernel had to do afterwards gets done, until a
 * time that is the i-th of n equal parts of 20 ms past a multiple of that. Of the ticks of any
 * kernel 20 ms is a multiple, and if n has no divisor in common with the number of ticks in
 * it, these are n phases of a tick with the same distances between them.
 */
static void await_phase(unsigned int i, unsigned int n)
{
	const uint64_t period = 20000000;
	uint64_t at = now() + 5000000000;
	struct timespec ts;

	at += period - at % period + (uint64_t)i * period / n;
	ts.tv_sec = (time_t)(at / 1000000000);
	ts.tv_nsec = (long)(at % 1000000000);
	if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL))
		fail("clock_nanosleep");
}

/* Whoever revokes waits for it: the figure is the whole of the time. */
static void run_revoke(unsigned int gateway, unsigned int i, unsigned int n)
{
	struct cgk *k = library(gateway);
	uint32_t bindings, sas;
	struct window w;

	await_phase(i, n);
	window_begin(&w);
	if (cgk_revoke(k, issuer[0], &bindings, &sas) < 0)
		fail("%s", cgk_error(k));
	window_end(&w);
	if (!sas)
		fail("no SA died");
	report(&w, 1, sas, 0);
	(void)cgk_free(k);
}

int main(int argc, char **argv)
{
	unsigned long number = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

	if (argc == 4 && !strcmp(argv[1], "fill") && (number == 1 || number == 2))
		run_fill((unsigned int)number, (uint32_t)strtoul(argv[3], NULL, 10));
	else if (argc > 3 && !strcmp(argv[1], "command"))
		run_command(number, argv + 3);
	else if (argc == 5 && !strcmp(argv[1], "revoke") && (number == 1 || number == 2) &&
		 strtoul(argv[4], NULL, 10))
		run_revoke((unsigned int)number, (unsigned int)strtoul(argv[3], NULL, 10),
			   (unsigned int)strtoul(argv[4], NULL, 10));
	else
		fail("fill GATEWAY PAIRS, command UNITS WORD... or revoke GATEWAY I N?");
	return 0;
}
