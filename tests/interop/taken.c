// SPDX-License-Identifier: Apache-2.0
/*
 * What code that took over the process `ike` could say: takes the sockets of a stopped process (pidfd_getfd) and speaks the
 * daemon's own protocol over them. Linked with the daemon's message code.
 *
 *	taken handle MAIN                      the handle of the binding in a status that ike sent and main has not read yet
 *	taken capture VERIFY FILE              the VERIFY request that a stopped worker has not read yet
 *	taken child IKE [NAME=VALUE...]        asks main for a Child SA, and prints its answer
 *	taken expect IKE CONNECTION COUNT      tells main of so many Child SAs to come, and waits for its answers
 *	taken del IKE NUMBER                   tells main that a Child SA is gone
 *	taken replay IKE FILE [fresh]          asks verify for the captured verdict again, with its nonce or a fresh one
 *	taken sign IKE CONNECTION WHAT         asks key for a signature over something that is no exchange of ours
 *	taken raw IKE FD HEX                   sends these bytes
 *	taken type NAME                        the first bytes of such a message (BINDING, SIGN, GOES_ON, REPORT)
 *
 * Answers are printed as "error NUMBER TEXT".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hex.h"
#include "daemon/proto_auth.h"
#include "daemon/proto_ike.h"

static uint8_t buffer[MSG_SIZE_MAX];

static _noreturn_ void die(const char *what)
{
	fprintf(stderr, "taken: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int take(pid_t pid, int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), got;

	if (pidfd < 0)
		die("pidfd_open");
	got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	(void)close(pidfd);
	return got;
}

static int must_take(pid_t pid, int fd)
{
	int got = take(pid, fd);

	if (got < 0)
		die("pidfd_getfd");
	return got;
}

static void send_out(int fd, struct msg_writer *w)
{
	if (w->failed || send(fd, w->buf, w->len, 0) < 0)
		die("send");
	msg_end(w);
}

/* The first message of this type in a datagram that was received, of which there may be several in it. */
static bool find(size_t n, enum msg_type want, struct msg_reader *r, size_t *ret_len)
{
	struct msg_reader all = {.p = buffer + sizeof(uint16_t), .left = n - sizeof(uint16_t)};
	enum msg_type type;

	*ret_len = n;
	if (!msg_is_several(buffer, n))
		return msg_open(buffer, n, &type, r) == 0 && type == want;
	while (all.left > 0) {
		*ret_len = msg_get_u32(&all);
		if (all.failed || *ret_len > all.left)
			return false;
		if (msg_open(all.p, *ret_len, &type, r) == 0 && type == want)
			return true;
		all.p += *ret_len;
		all.left -= *ret_len;
	}
	return false;
}

/* The next message of this type; others are skipped. */
static void await(int fd, enum msg_type want, struct msg_reader *r)
{
	size_t len;

	/* The socket is non-blocking; wait by trying. */
	for (int i = 0; i < 500; i++) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

		if (n == 0) {
			printf("end of file\n");
			exit(0);
		}
		if (n > 0 && find((size_t)n, want, r, &len))
			return;
		if (n < 0 && errno != EAGAIN)
			die("recv");
		if (n < 0)
			(void)usleep(10000);
	}
	printf("no answer\n");
	exit(1);
}

/* ---------------------------------------------------------------- reading over their shoulders */

static int handle(pid_t main_pid)
{
	static struct proto_sa_status s;

	for (int fd = 3; fd < 256; fd++) {
		int type = 0, sock = take(main_pid, fd);
		socklen_t len = sizeof(type);
		struct msg_reader r;
		size_t found;
		ssize_t n;

		if (sock < 0)
			continue;
		if (getsockopt(sock, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		    type == SOCK_SEQPACKET) {
			n = recv(sock, buffer, sizeof(buffer), MSG_PEEK | MSG_DONTWAIT);
			if (n > 0 && find((size_t)n, MSG_STATUS_SA, &r, &found)) {
				proto_get_sa_status(&r, &s);
				printf("%ju\n", (uintmax_t)s.s.binding);
				return 0;
			}
		}
		(void)close(sock);
	}
	fprintf(stderr, "taken: there is no status to be read\n");
	return 1;
}

static int capture(pid_t verify, const char *path)
{
	int sock = must_take(verify, ROLE_FD_IKE);
	struct msg_reader r;
	size_t len;
	ssize_t n;
	FILE *f;

	n = recv(sock, buffer, sizeof(buffer), MSG_PEEK | MSG_DONTWAIT);
	if (n <= 0 || !find((size_t)n, MSG_VERIFY, &r, &len)) {
		fprintf(stderr, "taken: there is no request to be read\n");
		return 1;
	}
	f = fopen(path, "w");
	if (!f || fwrite(r.p - sizeof(uint16_t), 1, len, f) != len || fclose(f) != 0)
		die(path);
	return 0;
}

/* ---------------------------------------------------------------- requests */

static void parse_ts(const char *s, struct ike_ts *ret)
{
	struct cg_prefix p;

	if (cg_prefix_parse(s, &p) < 0 ||
	    ike_ts_from_prefix(p.addr.bytes, cg_addr_len(p.addr.family), p.len, ret) < 0)
		die(s);
}

static void parse_addr(const char *s, struct cg_addr *ret)
{
	if (cg_addr_parse(s, ret) < 0)
		die(s);
}

static int child(pid_t ike, char **args, int n)
{
	static const uint8_t key[64] = {0x5a};
	struct ike_ts lts, rts;
	struct ike_out_child_add a = {
		.request = 0x7a7a7a7aULL,
		.child = 0x70000001ULL,
		.connection = 1,
		.spi_in = 0x7a000001,
		.spi_out = 0x7a000002,
		.suite = {.protocol = 3, .encr = 20, .key_bits = 256, .esn = 1},
		.keys = {.encr_in = {key, 36}, .encr_out = {key + 1, 36}},
		.local_ts = &lts,
		.remote_ts = &rts,
		.n_local_ts = 1,
		.n_remote_ts = 1,
		.lifetime = 600,
		.soft_lifetime = 500,
		.bytes = 1000000,
		.packets = 1000000,
		/* It never gets to carry anything: the tunnel that is there is wanted for more tests. */
		.activate_on_use = true,
	};
	int sock = must_take(ike, ROLE_FD_PARENT), error;
	char text[IKE_TEXT_SIZE];
	struct msg_writer w;
	struct msg_reader r;
	uint64_t request;

	parse_ts("10.1.0.0/16", &lts);
	parse_ts("10.2.0.0/16", &rts);
	parse_addr("198.51.100.2", &a.local.addr);
	parse_addr("203.0.113.2", &a.remote.addr);
	for (int i = 0; i < n; i++) {
		char *value = strchr(args[i], '=');

		if (!value)
			die(args[i]);
		*value++ = '\0';
		if (streq(args[i], "handle"))
			a.binding = strtoull(value, NULL, 10);
		else if (streq(args[i], "connection"))
			a.connection = (uint32_t)strtoul(value, NULL, 10);
		else if (streq(args[i], "local-ts"))
			parse_ts(value, &lts);
		else if (streq(args[i], "remote-ts"))
			parse_ts(value, &rts);
		else if (streq(args[i], "remote"))
			parse_addr(value, &a.remote.addr);
		else if (streq(args[i], "local"))
			parse_addr(value, &a.local.addr);
		else if (streq(args[i], "key-bits"))
			a.suite.key_bits = (uint16_t)strtoul(value, NULL, 10);
		else if (streq(args[i], "encr"))
			a.suite.encr = (uint16_t)strtoul(value, NULL, 10);
		else if (streq(args[i], "lifetime"))
			a.lifetime = strtoull(value, NULL, 10);
		else
			die(args[i]);
	}
	msg_begin(&w, MSG_CHILD_ADD);
	proto_put_child_add(&w, &a);
	send_out(sock, &w);
	do {
		await(sock, MSG_CHILD_ADDED, &r);
		proto_get_child_added(&r, &request, &error, text);
	} while (request != a.request);
	printf("error %d %s\n", error, text);
	return 0;
}

/* Has the module hold what comes for COUNT SPIs, of which the daemon has none. */
static int expect(pid_t ike, const char *connection, const char *count)
{
	struct ike_out_expect x = {.request = 0x7b7b7b7bULL,
				   .connection = (uint32_t)strtoul(connection, NULL, 10)};
	int sock = must_take(ike, ROLE_FD_PARENT);
	struct msg_writer w;
	struct msg_reader r;

	for (int i = atoi(count); i > 0; i--) {
		x.spi_in = 0x7b000000 + (uint32_t)i;
		msg_begin(&w, MSG_CHILD_EXPECT);
		proto_put_expect(&w, &x);
		send_out(sock, &w);
		do
			await(sock, MSG_CHILD_EXPECTED, &r);
		while (msg_get_u64(&r) != x.request);
	}
	return 0;
}

static int del(pid_t ike, const char *number)
{
	struct ike_out_child c = {.child = strtoull(number, NULL, 0), .connection = 1};
	int sock = must_take(ike, ROLE_FD_PARENT);
	struct msg_writer w;

	msg_begin(&w, MSG_CHILD_DEL);
	proto_put_child(&w, &c);
	send_out(sock, &w);
	return 0;
}

static int replay(pid_t ike, const char *path, bool fresh)
{
	static struct ike_nonce nonces[PROTO_NONCES_MAX];
	static uint8_t saved[MSG_SIZE_MAX];
	static struct proto_verify v;
	struct ike_verify_answer a;
	enum msg_type type;
	struct msg_reader r;
	struct msg_writer w;
	uint64_t request;
	size_t n;
	int sock;
	FILE *f = fopen(path, "r");

	if (!f)
		die(path);
	n = fread(saved, 1, sizeof(saved), f);
	(void)fclose(f);
	if (msg_open(saved, n, &type, &r) < 0)
		die(path);
	proto_get_verify(&r, &v);
	sock = must_take(ike, ROLE_FD_VERIFY + (int)nonce_token_worker(v.v.nonce_token));
	if (fresh) {
		msg_begin(&w, MSG_NONCES_GET);
		proto_put_nonces_get(&w, 1);
		send_out(sock, &w);
		await(sock, MSG_NONCES, &r);
		if (proto_get_nonces(&r, nonces) != 1)
			die("nonces");
		v.v.nonce_token = nonces[0].token;
		v.v.nonce = (struct ike_blob){nonces[0].data, IKE_NONCE_SIZE};
	}
	v.v.request = 0x7b7b7b7bULL;
	msg_begin(&w, MSG_VERIFY);
	proto_put_verify(&w, &v.v);
	send_out(sock, &w);
	do {
		await(sock, MSG_VERDICT, &r);
		proto_get_verdict(&r, &request, &a);
	} while (request != v.v.request);
	printf("error %d %s: %s (handle %ju)\n", a.error, a.code, a.text, (uintmax_t)a.binding);
	return 0;
}

static int sign(pid_t ike, const char *connection, const char *what)
{
	static const uint8_t nonce[32] = {1}, sk[32] = {2}, hashes[] = {0, 2};
	static const uint8_t id[] = {2, 0, 0, 0, 'x'};
	static uint8_t message[64];
	struct ike_out_sign s = {
		.request = 0x7c7c7c7cULL,
		.connection = (uint32_t)strtoul(connection, NULL, 10),
		.initiator = true,
		.init_message = {message, sizeof(message)},
		.peer_nonce = {nonce, sizeof(nonce)},
		.prf = IKE_PRF_HMAC_SHA2_256,
		.sk_p = {sk, sizeof(sk)},
		.id_body = {id, sizeof(id)},
		.peer_hashes = {hashes, sizeof(hashes)},
	};
	int sock = must_take(ike, ROLE_FD_KEY);
	struct ike_sign_answer a;
	struct msg_writer w;
	struct msg_reader r;
	uint64_t request;

	if (streq(what, "text"))
		(void)snprintf((char *)message, sizeof(message),
			       "I owe you a million, signed the gateway");
	else {
		/* An IKE_SA_INIT like ours, and an identity that is not. */
		message[0] = 1;
		message[16] = 33;
		message[17] = 0x20;
		message[18] = 34;
		message[19] = 8;
		message[27] = sizeof(message);
	}
	msg_begin(&w, MSG_SIGN);
	proto_put_sign(&w, &s);
	send_out(sock, &w);
	do {
		await(sock, MSG_SIGNED, &r);
		proto_get_signed(&r, &request, &a);
	} while (request != s.request);
	printf("error %d %s (%zu bytes signed)\n", a.error, a.text, a.auth_data.size);
	return 0;
}

static int raw(pid_t ike, const char *fd, const char *hex)
{
	int sock = must_take(ike, atoi(fd));
	uint8_t data[1024];
	size_t len;

	if (hex_decode(hex, strlen(hex), data, sizeof(data), &len) < 0 ||
	    send(sock, data, len, 0) < 0)
		die("send");
	return 0;
}

/* The first bytes of such a message, little-endian, in hexadecimal digits. */
static int type(const char *name)
{
	enum msg_type type;

	if (streq(name, "BINDING"))
		type = MSG_BINDING;
	else if (streq(name, "SIGN"))
		type = MSG_SIGN;
	else if (streq(name, "GOES_ON"))
		type = MSG_GOES_ON;
	else if (streq(name, "REPORT"))
		type = MSG_REPORT;
	else
		return 2;
	printf("%02x%02x", type & 0xff, type >> 8);
	return 0;
}

int main(int argc, char **argv)
{
	pid_t pid = argc > 2 ? (pid_t)atoi(argv[2]) : 0;

	if (argc == 3 && streq(argv[1], "type"))
		return type(argv[2]);
	if (argc >= 3 && streq(argv[1], "handle"))
		return handle(pid);
	if (argc == 4 && streq(argv[1], "capture"))
		return capture(pid, argv[3]);
	if (argc >= 3 && streq(argv[1], "child"))
		return child(pid, argv + 3, argc - 3);
	if (argc == 5 && streq(argv[1], "expect"))
		return expect(pid, argv[3], argv[4]);
	if (argc == 4 && streq(argv[1], "del"))
		return del(pid, argv[3]);
	if (argc >= 4 && streq(argv[1], "replay"))
		return replay(pid, argv[3], argc > 4);
	if (argc == 5 && streq(argv[1], "sign"))
		return sign(pid, argv[3], argv[4]);
	if (argc == 5 && streq(argv[1], "raw"))
		return raw(pid, argv[3], argv[4]);
	fprintf(stderr, "usage: see the source\n");
	return 2;
}
