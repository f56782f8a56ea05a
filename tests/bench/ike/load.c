/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The initiator of the IKE bench: many sites in one engine, each with an address and a certificate of its own, against one responder. It speaks
 * with the responder by UDP and with whoever started it by lines:
 *
 *	ike-load make DIR KIND                 certificates of the authority and of the responder
 *	ike-load run DIR KIND N WINDOW REMOTE  sets up N IKE SAs, WINDOW at a time, and rekeys them
 *
 * `run` says "ready", and at each line that it reads does the next thing: "handshakes", "rekeys", "quit"; of the sites from A to B with
 * "handshakes A B". It says "at PHASE K" after each tenth of them, and "done PHASE SECONDS" in the end. Site number i sends from 10.0.0.0 + i. No Child SA is asked for (RFC 6023):
 * what a peer does for those depends on its kernel.
 *
 * It makes the signatures that it must, and believes the responder's: what it costs itself is nobody's figure.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/macro.h"
#include "ike/auth_octets.h"
#include "ike/engine.h"
#include "pki/announce.h"
#include "pki/auth.h"
#include "pktinfo.h"
#include "site.h"

enum { BUFFER = 65536, PARTS = 10, SOCKETS = 2 };

/* Of IKE, and of IKE once a NAT is found, or claimed by a peer that wants encapsulation. */
static const uint16_t ports[SOCKETS] = {500, 4500};

enum phase { IDLE, HANDSHAKES, REKEYS };

static const char *const phase_names[] = {"idle", "handshakes", "rekeys"};

struct load {
	struct ike_engine *engine;
	struct site *sites;
	struct pki_signer **signers; /* of the sites' keys */
	struct authority authority;
	unsigned int n, window;
	int fds[SOCKETS];
	struct cg_endpoint remote;
	enum phase phase;
	unsigned int first, last; /* of the phase's sites */
	unsigned int begun, done;
	bool *finished; /* in this phase, by site */
	ike_time began;
	uint64_t last_binding, last_token;
};

static ike_time now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (ike_time)t.tv_sec * 1000000 + (ike_time)t.tv_nsec / 1000;
}

static _Noreturn void give_up(const char *what)
{
	(void)fprintf(stderr, "ike-load: %s\n", what);
	exit(EXIT_FAILURE);
}

static void fill_random(void *ctx _unused_, uint8_t *buf, size_t len)
{
	if (RAND_bytes(buf, (int)len) != 1)
		give_up("no random numbers");
}

/* ---------------------------------------------------------------- what the engine asks for */

struct signature {
	bool made;
	enum pki_auth_method method;
	size_t len;
	uint8_t data[PKI_AUTH_SIZE_MAX];
};

static void on_signed(void *userdata, int r, enum pki_auth_method method, const uint8_t *data,
		      size_t len)
{
	struct signature *s = userdata;

	if (r < 0 || len > sizeof(s->data))
		return;
	s->made = true;
	s->method = method;
	s->len = len;
	memcpy(s->data, data, len);
}

static void do_sign(struct load *l, const struct ike_out_sign *o)
{
	static struct signature s;
	struct ike_auth_octets in = {
		.initiator = o->initiator,
		.spi = ike_load_u64(o->init_message.data),
		.message = IKE_VIEW(o->init_message.data, o->init_message.size),
		.nonce = IKE_VIEW(o->peer_nonce.data, o->peer_nonce.size),
		.prf = o->prf,
		.sk_p = IKE_VIEW(o->sk_p.data, o->sk_p.size),
		.id = IKE_VIEW(o->id_body.data, o->id_body.size),
	};
	const struct pki_auth_options options = {0};
	struct ike_sign_answer a = {0};
	struct pki_error err = {0};
	uint8_t octets[8192];
	uint32_t hashes = 0;
	size_t len;

	s.made = false;
	if (ike_auth_octets_build(&in, octets, sizeof(octets), &len) < 0 ||
	    pki_ike_hashes_parse(o->peer_hashes.data, o->peer_hashes.size, &hashes) < 0 ||
	    pki_auth_sign(l->signers[o->connection - 1], hashes, NULL, &options, octets, len, &err,
			  on_signed, &s) < 0 ||
	    !s.made)
		give_up(err.text[0] ? err.text : "a signature could not be made");
	a.auth_method = (uint8_t)s.method;
	a.auth_data = (struct ike_blob){.data = s.data, .size = s.len};
	ike_answer_sign(l->engine, now(), o->request, &a);
}

static void do_verify(struct load *l, const struct ike_out_verify *o)
{
	struct ike_verify_answer a = {
		.connection = o->candidates[0],
		.binding = ++l->last_binding,
		.expires_in = 86400,
	};

	(void)snprintf(a.subject, sizeof(a.subject), "CN=" SITE_RESPONDER);
	ike_answer_verify(l->engine, now(), o->request, &a);
}

static void do_nonces(struct load *l, uint32_t count)
{
	static struct ike_nonce nonces[256];

	count = MIN(count, (uint32_t)ARRAY_SIZE(nonces));
	for (uint32_t i = 0; i < count; i++) {
		fill_random(NULL, nonces[i].data, sizeof(nonces[i].data));
		nonces[i].token = ++l->last_token;
	}
	ike_answer_nonces(l->engine, now(), nonces, count);
}

static void send_datagram(struct load *l, const struct ike_out_datagram *o)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)o->data.data, .iov_len = o->data.size};
	union {
		struct cmsghdr align;
		uint8_t bytes[PKTINFO_SPACE];
	} control = {0};
	struct sockaddr_storage to;
	struct msghdr mh = {.msg_name = &to,
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control)};

	pktinfo_put(CMSG_FIRSTHDR(&mh), o->local.addr.in);
	mh.msg_namelen = cg_endpoint_to_sockaddr(&o->remote, &to);
	if (sendmsg(l->fds[o->local.port == ports[1]], &mh, 0) < 0)
		give_up("a datagram could not be sent");
}

/* One of the phase's is done: another one may begin. */
static void finished(struct load *l, uint32_t connection)
{
	unsigned int n = l->last - l->first + 1, part = n / PARTS;

	if (connection < l->first || connection > l->last || l->finished[connection - 1])
		return;
	l->finished[connection - 1] = true;
	l->done++;
	if (l->done == n) {
		(void)printf("done %s %.6f\n", phase_names[l->phase],
			     (double)(now() - l->began) / 1e6);
		l->phase = IDLE;
	} else if (part > 0 && l->done % part == 0)
		(void)printf("at %s %u\n", phase_names[l->phase], l->done);
}

static void on_report(struct load *l, const struct ike_out_report *o)
{
	bool mine = (l->phase == HANDSHAKES && strcmp(o->event, "ike-established") == 0) ||
		    (l->phase == REKEYS && strcmp(o->event, "ike-rekeyed") == 0);

	if (o->severity >= IKE_WARNING) {
		(void)fprintf(stderr, "ike-load: %s: %s\n", o->event, o->text);
		give_up("a connection failed: nothing is measured");
	}
	if (mine && o->connection != 0)
		finished(l, o->connection);
}

static void drain(struct load *l)
{
	struct ike_output o;

	while (ike_next_output(l->engine, &o)) {
		switch (o.kind) {
		case IKE_OUT_DATAGRAM: send_datagram(l, &o.datagram); break;
		case IKE_OUT_NONCES: do_nonces(l, o.nonces.count); break;
		case IKE_OUT_SIGN: do_sign(l, &o.sign); break;
		case IKE_OUT_VERIFY: do_verify(l, &o.verify); break;
		case IKE_OUT_CHILD_EXPECT:
			give_up("a Child SA was asked for in place of another");
			break;
		case IKE_OUT_CHILD_ADD: give_up("a Child SA was made"); break;
		case IKE_OUT_CHILD_DEL:
		case IKE_OUT_CHILD_ACTIVATE:
		case IKE_OUT_CHILD_MOVE:
		case IKE_OUT_KEYS:
		case IKE_OUT_PLACE:
		case IKE_OUT_RELEASE: break;
		case IKE_OUT_REPORT: on_report(l, &o.report); break;
		}
	}
}

/* ---------------------------------------------------------------- connections */

static struct cg_addr address_of(unsigned int number)
{
	uint32_t a = htonl((UINT32_C(10) << 24) + number);
	struct cg_addr addr;

	(void)cg_addr_from_bytes(&a, sizeof(a), &addr);
	return addr;
}

static void make_policy(struct ike_policy *p, uint8_t protocol, const char *const *names)
{
	*p = (struct ike_policy){.protocol = protocol, .n = 1};
	for (; *names; names++) {
		if (ike_policy_transform_parse(
			    *names, &p->proposals[0].transforms[p->proposals[0].n++]) < 0)
			give_up("a transform is not known");
	}
}

static void add_connection(struct load *l, unsigned int number)
{
	static const char *const ike_names[] = {"AES_GCM_16-256", "PRF_HMAC_SHA2_256", "CURVE25519",
						NULL};
	static const char *const esp_names[] = {"AES_GCM_16-256", "ESN", NULL};
	static struct ike_policy ike, esp;
	const struct site *site = &l->sites[number - 1];
	struct ike_ts ts = {.addr_len = 4, .port_end = 65535, .end = {255, 255, 255, 255}};
	struct ike_child_config child = {.name = "net",
					 .local_ts = &ts,
					 .remote_ts = &ts,
					 .n_local_ts = 1,
					 .n_remote_ts = 1};
	uint8_t id[4 + SITE_NAME] = {IKE_ID_FQDN};
	struct ike_connection_config c = {
		.id = number,
		.start = IKE_START_ON_TRAFFIC,
		.local = {.addr = address_of(number), .port = ports[0]},
		.remote = l->remote,
		.encap = IKE_ENCAP_AUTO,
		.local_id = {.data = id, .size = 4 + strlen(site->name)},
		.certs = &(const struct ike_blob){.data = site->cert->der,
						  .size = site->cert->der_len},
		.n_certs = 1,
		.anchor_hashes = (const uint8_t(*)[PKI_SHA1_SIZE])l->authority.cert->spki_sha1,
		.n_anchor_hashes = 1,
		.ike_policy = &ike,
		.esp_policy = &esp,
		.nat_keepalive = UINT32_MAX,
		.fragmentation = true,
		.childless = true,
		.enabled = true,
		.children = &child,
		.n_children = 1,
	};

	if (ike.n == 0) {
		make_policy(&ike, IKE_PROTOCOL_IKE, ike_names);
		make_policy(&esp, IKE_PROTOCOL_ESP, esp_names);
	}
	memcpy(id + 4, site->name, strlen(site->name));
	(void)snprintf(c.name, sizeof(c.name), "%s", site->name);
	if (ike_connection_set(l->engine, now(), &c) < 0)
		give_up("a connection could not be set up");
}

/* As many as may be under way at once are. */
static void begin_more(struct load *l)
{
	while (l->phase != IDLE && l->first + l->begun <= l->last &&
	       l->begun - l->done < l->window) {
		uint32_t number = l->first + l->begun++;

		/* Traffic for a child that there is not: the IKE SA is made, and no Child SA. */
		if (l->phase == HANDSHAKES)
			ike_acquire(l->engine, now(), number, UINT32_MAX);
		else if (ike_rekey(l->engine, now(), number, true, false) < 0)
			give_up("a connection is not up that was");
		drain(l);
	}
}

/* ---------------------------------------------------------------- the loop */

static void receive(struct load *l, unsigned int at)
{
	static uint8_t buf[BUFFER];
	union {
		struct cmsghdr align;
		uint8_t bytes[PKTINFO_SPACE];
	} control;
	struct sockaddr_storage from;
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
	struct msghdr mh;
	ssize_t n;

	for (;;) {
		struct cg_endpoint local = {.port = ports[at]}, remote;

		mh = (struct msghdr){.msg_name = &from,
				     .msg_namelen = sizeof(from),
				     .msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = &control,
				     .msg_controllen = sizeof(control)};
		n = recvmsg(l->fds[at], &mh, MSG_DONTWAIT);
		if (n < 0)
			return;
		for (struct cmsghdr *cm = CMSG_FIRSTHDR(&mh); cm; cm = CMSG_NXTHDR(&mh, cm)) {
			struct in_pktinfo pi;

			if (cm->cmsg_level != IPPROTO_IP || cm->cmsg_type != IP_PKTINFO)
				continue;
			memcpy(&pi, CMSG_DATA(cm), sizeof(pi));
			(void)cg_addr_from_bytes(&pi.ipi_addr, sizeof(pi.ipi_addr), &local.addr);
		}
		if (cg_endpoint_from_sockaddr((struct sockaddr *)&from, mh.msg_namelen, &remote) <
		    0)
			continue;
		ike_input(l->engine, now(), &local, &remote, buf, (size_t)n);
		drain(l);
	}
}

static void begin(struct load *l, enum phase phase, unsigned int first, unsigned int last)
{
	if (first < 1 || first > last || last > l->n)
		give_up("there are no such sites");
	l->phase = phase;
	l->first = first;
	l->last = last;
	l->begun = l->done = 0;
	memset(l->finished, 0, l->n * sizeof(*l->finished));
	l->began = now();
}

/* false: it is over. */
static bool on_command(struct load *l)
{
	char line[64], name[16];
	unsigned int first = 1, last = l->n;

	if (!fgets(line, sizeof(line), stdin) ||
	    sscanf(line, "%15s %u %u", name, &first, &last) < 1)
		return false;
	for (enum phase phase = HANDSHAKES; phase <= REKEYS; phase++) {
		if (strcmp(name, phase_names[phase]) == 0) {
			begin(l, phase, first, last);
			return true;
		}
	}
	return false;
}

static int milliseconds_to(ike_time at)
{
	ike_time t = now();

	if (at == IKE_TIME_NEVER)
		return 1000;
	return at <= t ? 0 : (int)MIN((at - t) / 1000 + 1, (ike_time)1000);
}

static void loop(struct load *l)
{
	struct pollfd p[SOCKETS + 1] = {{.fd = l->fds[0], .events = POLLIN},
					{.fd = l->fds[1], .events = POLLIN},
					{.fd = STDIN_FILENO, .events = POLLIN}};

	for (;;) {
		begin_more(l);
		(void)poll(p, ARRAY_SIZE(p), milliseconds_to(ike_deadline(l->engine)));
		for (unsigned int i = 0; i < SOCKETS; i++) {
			if (p[i].revents)
				receive(l, i);
		}
		if (p[SOCKETS].revents && !on_command(l))
			return;
		ike_tick(l->engine, now());
		drain(l);
	}
}

static int open_socket(uint16_t port)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int on = 1, size = 4 << 20;

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) < 0)
		give_up("a socket could not be opened");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fd;
}

static int run(char **argv)
{
	const struct ike_engine_config config = {.random = {.fill = fill_random},
						 .half_open_cookie = UINT32_MAX};
	static struct load l;

	l.n = (unsigned int)strtoul(argv[2], NULL, 10);
	l.window = (unsigned int)strtoul(argv[3], NULL, 10);
	if (l.n == 0 || l.n > 99999 || l.window == 0 || cg_addr_parse(argv[4], &l.remote.addr) < 0)
		give_up("N, WINDOW or REMOTE make no sense");
	l.remote.port = ports[0];
	if (site_load_authority(argv[0], &l.authority) < 0 ||
	    site_make(&l.authority, argv[1], l.n, &l.sites) < 0)
		return EXIT_FAILURE;
	l.signers = calloc(l.n, sizeof(struct pki_signer *));
	l.finished = calloc(l.n, sizeof(*l.finished));
	if (!l.signers || !l.finished || ike_engine_new(&config, now(), &l.engine) < 0)
		give_up("out of memory");
	for (unsigned int i = 0; i < SOCKETS; i++)
		l.fds[i] = open_socket(ports[i]);
	for (unsigned int i = 0; i < l.n; i++) {
		if (pki_signer_new_key(l.sites[i].key, &l.signers[i]) < 0)
			give_up("out of memory");
		add_connection(&l, i + 1);
	}
	drain(&l);
	(void)puts("ready");
	loop(&l);
	/* Without a word to the responder, which is ended as well. */
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && strcmp(argv[1], "make") == 0)
		return site_make_authority(argv[2], argv[3]) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	if (argc == 7 && strcmp(argv[1], "run") == 0)
		return run(argv + 2);
	(void)fputs("usage: ike-load make DIR KIND | ike-load run DIR KIND N WINDOW REMOTE\n",
		    stderr);
	return 2;
}
