// SPDX-License-Identifier: Apache-2.0
/*
 * What comes from this machine itself. The first octet chooses: what a main hands to the main after it, as it is or as one that was written and then
 * changed; the files of the state directory; answers and events of the kernel's module; requests on the control socket, up to what their operations
 * make of the arguments; the index of `certgate pki`. Digests are made to fit, since who writes the one can write the other.
 */
#include "lib/fuzz.h"

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <openssl/sha.h>
#include <sanitizer/asan_interface.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/control.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"
#include "daemon/conn.h"
#include "daemon/control.h"
#include "daemon/gateway.h"
#include "daemon/list_marks.h"
#include "daemon/news.h"
#include "daemon/ops.h"
#include "daemon/options.h"
#include "daemon/proto_restart.h"
#include "daemon/restart_state.h"
#include "daemon/revoked_file.h"
#include "daemon/sealed.h"
#include "daemon/snapshot.h"
#include "kernel/client.h"

static char dir[64]; /* what is read by its name is put there */

static void put_file(const char *name, const uint8_t *data, size_t size)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	MUST(fd >= 0 && write_all(fd, data, size) == 0);
	(void)close(fd);
}

/* ------------------------------------------------------------------ from the main before */

static const usec_t restarted = 1000 * USEC_PER_SEC;

static void check_state(const struct restart_state *s)
{
	MUST(s->at <= restarted && restarted - s->at <= IKE_SNAPSHOT_AGE);
	for (size_t i = 0; i < s->n_conns; i++)
		MUST(memchr(s->conns[i].name, 0, sizeof(s->conns[i].name)) &&
		     s->conns[i].n_resolved <= PROTO_ADDRESSES_MAX &&
		     !(s->conns[i].down && s->conns[i].up));
	for (size_t i = 0; i < s->n_bindings; i++) {
		const struct state_binding *b = &s->bindings[i];

		MUST(b->conn < s->n_conns && b->kernel_id != 0 && b->b.handle != 0);
		MUST(b->b.binding.n_links > 0 && b->b.binding.n_links <= PKI_BINDING_LINKS_MAX);
		(void)state_binding_has_path(b);
	}
	for (size_t i = 0; i < s->n_children; i++)
		MUST(s->children[i].conn < s->n_conns && s->children[i].index < CG_CHILDREN_MAX);
}

/* Whatever is taken can be written again, and is the same. */
static void read_state(const uint8_t *data, size_t size)
{
	struct restart_state s = {0}, again = {0};
	int fd = -EBADF;

	MUST(sealed_new("fuzz", data, size, &fd) == 0);
	if (restart_state_read(fd, restarted, &s) == 0) {
		fd = safe_close(fd);
		check_state(&s);
		MUST(restart_state_write(&s, &fd) == 0);
		MUST(restart_state_read(fd, restarted, &again) == 0);
		MUST(again.n_conns == s.n_conns && again.n_bindings == s.n_bindings);
		MUST(again.n_children == s.n_children && again.n_sockets == s.n_sockets);
		restart_state_done(&again);
	} else {
		MUST(!s.conns && !s.bindings && !s.children && !s.sockets);
	}
	(void)safe_close(fd);
	restart_state_done(&s);
}

/* One of everything, with the path of its binding. */
static size_t write_state(uint8_t **ret)
{
	static struct state_binding b = {.kernel_id = 10, .since = 99};
	static const uint8_t cert[] = "a certificate";
	struct state_conn c = {.name = "branch", .up = true, .n_resolved = 1};
	struct state_child k = {.number = 5, .binding = 7, .tunnel = 20, .sa_in = 30, .sa_out = 40};
	struct state_socket socket = {.kernel_id = 50};
	struct restart_state s = {.at = restarted,
				  .conns = &c,
				  .bindings = &b,
				  .children = &k,
				  .sockets = &socket,
				  .n_conns = 1,
				  .n_bindings = 1,
				  .n_children = 1,
				  .n_sockets = 1};
	static struct proto_watched watched;
	struct msg_writer w;
	size_t size;
	int fd;

	c.resolved[0] = (struct cg_addr){.family = AF_INET, .bytes = {192, 0, 2, 9}};
	k.local = k.remote = (struct cg_endpoint){.addr = c.resolved[0], .port = 4500};
	socket.p.local = k.local;
	b.b.handle = watched.handle = 7;
	b.b.binding.n_links = 1;
	b.b.binding.not_before = 1;
	b.b.binding.not_after = 2000;
	memset(b.b.binding.links[0].spki, 7, PKI_SHA256_SIZE);
	SHA256(cert, sizeof(cert), b.b.binding.links[0].cert);
	(void)snprintf(b.b.binding.subject, sizeof(b.b.binding.subject), "CN=peer");
	(void)snprintf(b.b.binding.label, sizeof(b.b.binding.label), "branch");
	watched.path[0] = (struct ike_blob){cert, sizeof(cert)};
	watched.n_path = 1;
	msg_begin(&w, MSG_WATCHED);
	proto_put_watched(&w, &watched);
	b.path_len = w.len - sizeof(uint16_t);
	b.path = malloc(b.path_len);
	MUST(b.path);
	memcpy(b.path, w.buf + sizeof(uint16_t), b.path_len);
	msg_end(&w);
	MUST(state_binding_has_path(&b));
	MUST(restart_state_write(&s, &fd) == 0);
	free(b.path);
	size = (size_t)lseek(fd, 0, SEEK_END);
	MUST(lseek(fd, 0, SEEK_SET) == 0 && sealed_read(fd, size, ret) == 0);
	(void)close(fd);
	return size;
}

/* Changes of four octets each: where, which of them, and how. */
static void change_state(const uint8_t *data, size_t size)
{
	uint8_t *state;
	size_t n = write_state(&state);

	for (; size >= 4 && n > 0; data += 4, size -= 4) {
		size_t at = (size_t)(data[0] << 8 | data[1]) % n;

		switch (data[2] % 4) {
		case 0: state[at] = data[3]; break;
		case 1: state[at] ^= (uint8_t)(1 << data[3] % 8); break;
		case 2: n = at; break;
		case 3: { /* out: what is behind it moves up */
			size_t len = MIN((size_t)data[3], n - at);

			memmove(state + at, state + at + len, n - at - len);
			n -= len;
			break;
		}
		}
	}
	read_state(state, n);
	free(state);
}

/* ------------------------------------------------------------------ the state directory */

static void read_revoked(const uint8_t *data, size_t size)
{
	struct revoked_set set = {}, again = {};
	const struct revoked *r;
	int fd = -EBADF;

	put_file(REVOKED_FILE, data, size);
	if (revoked_file_open(dir, 1800000000, &set, &fd) == 0) {
		LIST_FOREACH(r, &set.all, all)
		{
			MUST(r->by < _REVOKED_BY_MAX && revoked_set_find(&set, r->hash) == r);
			MUST(memchr(r->text, 0, sizeof(r->text)));
		}
		/* What it wrote is read again. */
		fd = safe_close(fd);
		MUST(revoked_file_open(dir, 1800000000, &again, &fd) == 0);
		MUST(again.n_by_hand == set.n_by_hand && again.n_seen == set.n_seen);
		revoked_set_done(&again);
	}
	(void)safe_close(fd);
	revoked_set_done(&set);
}

/* Records as list_marks.c has them: 72 octets and 16 of the digest. */
static void read_lists(uint8_t *data, size_t size)
{
	static const char text[] = "certgate: newest revocation list, 3";
	enum { BODY = 72, RECORD = BODY + 16 };
	struct list_marks set, again;
	int fd = -EBADF;

	for (size_t at = 0; at + RECORD <= size; at += RECORD) {
		uint8_t all[sizeof(text) + BODY], hash[SHA256_DIGEST_LENGTH];

		memcpy(all, text, sizeof(text));
		memcpy(all + sizeof(text), data + at, BODY);
		SHA256(all, sizeof(all), hash);
		if (data[at + BODY] != 0xff)
			memcpy(data + at + BODY, hash, RECORD - BODY);
	}
	put_file(LIST_MARKS_FILE, data, size);
	list_marks_init(&set);
	list_marks_init(&again);
	if (list_marks_open(dir, &set, &fd) == 0) {
		fd = safe_close(fd);
		MUST(set.n <= size / RECORD);
		MUST(list_marks_open(dir, &again, &fd) == 0 && again.n == set.n);
	}
	(void)safe_close(fd);
	list_marks_done(&set);
	list_marks_done(&again);
}

/* Records as news.c has them. */
static void fit_news(uint8_t *data, size_t size)
{
	enum { BODY = 40, HEAD = BODY + SHA256_DIGEST_LENGTH };
	uint32_t lens[5];

	while (size >= HEAD) {
		uint8_t *all;
		size_t n = 0;

		memcpy(lens, data + 12, sizeof(lens));
		for (size_t i = 0; i < ARRAY_SIZE(lens); i++)
			n += lens[i];
		if (n > size - HEAD)
			return;
		all = malloc(BODY + n);
		MUST(all);
		memcpy(all, data, BODY);
		memcpy(all + BODY, data + HEAD, n);
		if (data[BODY] != 0xff)
			SHA256(all, BODY + n, data + BODY);
		free(all);
		data += HEAD + n;
		size -= HEAD + n;
	}
}

static void read_news(uint8_t *data, size_t size)
{
	const int64_t now = 1800000000;
	struct news n, again;
	struct news_item *item;

	fit_news(data, size);
	put_file(NEWS_FILE, data, size);
	news_init(&n);
	news_init(&again);
	news_file_open(&n, dir, now, restarted);
	MUST(n.file_size <= size);
	LIST_FOREACH(item, &n.all, all)
	{
		MUST(news_find(&n, item->key) == item && item->now.size > 0);
		MUST(item->what.kind < _NEWS_KIND_MAX && item->what.url[0]);
		/* What is kept of it is taken the next time. */
		news_file_save(&n, item);
	}
	news_file_open(&again, dir, now, restarted);
	MUST(again.n == n.n && again.bytes == n.bytes && again.file_size == n.file_size);
	news_done(&n);
	news_done(&again);
}

/* ------------------------------------------------------------------ the kernel */

/* libmnl's socket: what is sent is gone, what is received are the datagrams of the input, each behind its length. */
struct mnl_socket {
	int fds[2];
	uint32_t seq;
	const uint8_t *data;
	size_t left;
	const void *poisoned;
	size_t n_poisoned;
};

static struct mnl_socket nl;

/* What is behind the datagram in who receives it is not read. */
static void poison(const void *p, size_t n)
{
	ASAN_UNPOISON_MEMORY_REGION(nl.poisoned, nl.n_poisoned);
	ASAN_POISON_MEMORY_REGION(p, n);
	nl.poisoned = p;
	nl.n_poisoned = n;
}

struct mnl_socket *mnl_socket_open2(int bus _unused_, int flags _unused_)
{
	return &nl;
}

int mnl_socket_bind(struct mnl_socket *s _unused_, unsigned int groups _unused_, pid_t pid _unused_)
{
	return 0;
}

int mnl_socket_close(struct mnl_socket *s _unused_)
{
	return 0;
}

int mnl_socket_get_fd(const struct mnl_socket *s)
{
	return s->fds[0];
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *s _unused_)
{
	return 0;
}

int mnl_socket_setsockopt(const struct mnl_socket *s _unused_, int type _unused_,
			  void *buf _unused_, socklen_t len _unused_)
{
	return 0;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *s _unused_, const void *req, size_t size)
{
	nl.seq = ((const struct nlmsghdr *)req)->nlmsg_seq;
	return (ssize_t)size;
}

/* A message that answers has number 1 in the input, whatever that of the request is. */
static void renumber(void *buf, size_t size)
{
	struct nlmsghdr *nlh = buf;

	for (int len = (int)size; mnl_nlmsg_ok(nlh, len) && nlh->nlmsg_len <= (unsigned int)len;
	     nlh = mnl_nlmsg_next(nlh, &len))
		if (nlh->nlmsg_seq == 1)
			nlh->nlmsg_seq = nl.seq;
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *s _unused_, void *buf, size_t size)
{
	size_t len;

	poison(NULL, 0);
	if (nl.left < 2) {
		errno = ENOBUFS;
		return -1;
	}
	len = MIN((size_t)(nl.data[0] << 8 | nl.data[1]), nl.left - 2);
	len = MIN(len, size);
	memcpy(buf, nl.data + 2, len);
	nl.data += 2 + len;
	nl.left -= 2 + len;
	renumber(buf, len);
	poison((uint8_t *)buf + len, size - len);
	return (ssize_t)len;
}

/* Events come by recv() (the linker's --wrap): the same holds for them. NOLINTBEGIN(bugprone-reserved-identifier) */
ssize_t __real_recv(int fd, void *buf, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *buf, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *buf, size_t size, int flags)
{
	ssize_t n;

	poison(NULL, 0);
	n = __real_recv(fd, buf, size, flags);
	if (fd == nl.fds[0] && n >= 0)
		poison((uint8_t *)buf + n, size - (size_t)n);
	return n;
}
/* NOLINTEND(bugprone-reserved-identifier) */

#define SEEN(name, type, check)                                        \
	static int on_##name(void *ctx _unused_, const struct type *o) \
	{                                                              \
		MUST(check);                                           \
		return 0;                                              \
	}
#define ENDS(text) memchr((text), 0, sizeof(text))
SEEN(device, cgk_device, ENDS(o->name))
SEEN(cert, cgk_cert, ENDS(o->subject) && ENDS(o->label) && o->n_links <= CERTGATE_MAX_CHAIN)
SEEN(fingerprint, cgk_fingerprint, o)
SEEN(tunnel, cgk_tunnel,
     ENDS(o->label) && o->n_local_ts <= CERTGATE_MAX_SELECTORS &&
	     o->n_remote_ts <= CERTGATE_MAX_SELECTORS)
SEEN(sa, cgk_sa, !o->key && !o->integ_key)
SEEN(socket, cgk_socket, o)

static void on_event(void *ctx _unused_, const struct cgk_event *e)
{
	MUST(ENDS(e->label) && cgk_event_name(e->kind));
}

/* Datagrams of at most one socket's room are told as they come. */
static void read_events(void)
{
	struct cgk_events *ev = NULL;
	uint8_t buf[4096];
	ssize_t n;

	MUST(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, nl.fds) == 0);
	if (cgk_events_open(&ev) == 0) {
		for (int i = 0; i < 8 && (n = mnl_socket_recvfrom(&nl, buf, sizeof(buf))) > 0; i++)
			if (send(nl.fds[1], buf, (size_t)n, 0) < 0)
				break;
		poison(NULL, 0);
		MUST(cgk_events_read(ev, on_event, NULL) <= 0);
	}
	cgk_events_free(ev);
	(void)close(nl.fds[0]);
	(void)close(nl.fds[1]);
	nl.fds[0] = nl.fds[1] = -EBADF;
}

static int ask_kernel(struct cgk *k, uint8_t what)
{
	static struct cgk_cert cert;
	static struct cgk_tunnel tunnel;
	const uint8_t hash[CERTGATE_HASH_SIZE] = {1};
	struct cgk_sa sa = {};
	uint32_t a, b;

	switch (what % 15) {
	case 0: return cgk_device_dump(k, on_device, NULL);
	case 1: return cgk_cert_dump(k, on_cert, NULL);
	case 2: return cgk_fingerprint_dump(k, on_fingerprint, NULL);
	case 3: return cgk_tunnel_dump(k, on_tunnel, NULL);
	case 4: return cgk_sa_dump(k, on_sa, NULL);
	case 5: return cgk_socket_dump(k, on_socket, NULL);
	case 6: return cgk_lease_get(k, &a);
	case 7: return cgk_revoke(k, hash, &a, &b);
	case 8: return cgk_cert_get(k, 1, &cert);
	case 9: return cgk_tunnel_get(k, 1, &tunnel);
	case 10: return cgk_sa_get(k, 1, &sa);
	case 11:
		cert = (struct cgk_cert){.n_links = 2, .subject = "CN=a", .label = "a"};
		return cgk_cert_new(k, &cert, &a);
	case 12:
		tunnel = (struct cgk_tunnel){.ifindex = 3, .n_local_ts = 1, .n_remote_ts = 1};
		tunnel.local.addr.family = tunnel.remote.addr.family = AF_INET;
		tunnel.local_ts[0].range.first = tunnel.local_ts[0].range.last = tunnel.local.addr;
		tunnel.remote_ts[0].range = tunnel.local_ts[0].range;
		return cgk_tunnel_new(k, &tunnel, &a);
	}
	return 0;
}

static void read_kernel(const uint8_t *data, size_t size)
{
	struct cgk *k = NULL;

	if (size < 1)
		return;
	nl = (struct mnl_socket){.fds = {-EBADF, -EBADF}, .data = data + 1, .left = size - 1};
	if (data[0] % 15 == 14) {
		read_events();
		return;
	}
	if (data[0] % 15 == 13) {
		(void)cgk_open(&k);
	} else {
		k = calloc(1, sizeof(*k));
		MUST(k);
		k->nl = &nl;
		k->family = 0x20;
		/* Whoever is refused learns why. */
		if (ask_kernel(k, data[0]) < 0)
			MUST(k->error[0] && memchr(k->error, 0, sizeof(k->error)));
	}
	poison(NULL, 0);
	cgk_free(k);
}

/* ------------------------------------------------------------------ the control socket */

#define CONNECTION(name, more)                \
	"  - name: " name "\n"                \
	"    interface: cg-" name "\n"        \
	"    outbound_certificate: own.pfx\n" \
	"    remote_address: 192.0.2.1\n"     \
	"    inbound_certificate:\n"          \
	"      subject_name: gw.example\n"    \
	"      chain: root.cer\n"             \
	"    local_networks: 10.1.0.0/16\n"   \
	"    remote_networks: 10.2.0.0/16\n" more

static const char config_text[] = "connections:\n" CONNECTION("hq", "    key_log: true\n")
	CONNECTION("off", "    enabled: false\n");

static struct cg_config *config;
static int listener = -EBADF;
static struct sockaddr_un listener_addr = {.sun_family = AF_UNIX};
static socklen_t listener_len;

static void control_init(void)
{
	struct cg_diags diags = {0};

	MUST(cg_config_parse(config_text, sizeof(config_text) - 1, "/etc/certgate/certgate.yaml",
			     &diags, &config) == 0);
	cg_diags_done(&diags);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* A name that the kernel makes up. */
	MUST(bind(listener, (struct sockaddr *)&listener_addr, sizeof(sa_family_t)) == 0);
	listener_len = sizeof(listener_addr);
	MUST(getsockname(listener, (struct sockaddr *)&listener_addr, &listener_len) == 0);
	MUST(listen(listener, 4) == 0);
}

/* Takes the answers, which are lines of JSON. Their number. */
static size_t take_answers(int fd, struct control_reader *reader)
{
	size_t n = 0;

	while (control_reader_fill(reader, fd) > 0) {
		json_t *msg = NULL;
		int r;

		while ((r = control_reader_next(reader, &msg)) == 1) {
			MUST(json_is_object(msg));
			json_decref(msg);
			n++;
		}
		MUST(r == 0);
	}
	return n;
}

static void talk(struct gateway *g, const uint8_t *data, size_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct control_reader reader = {};
	size_t quiet = 0;

	MUST(fd >= 0 && connect(fd, (struct sockaddr *)&listener_addr, listener_len) == 0);
	MUST(send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size);
	for (int i = 0; i < 256 && quiet < 3; i++) {
		(void)event_base_loop(g->base, EVLOOP_NONBLOCK);
		quiet = take_answers(fd, &reader) > 0 ? 0 : quiet + 1;
	}
	(void)close(fd);
	control_reader_free(&reader);
	(void)event_base_loop(g->base, EVLOOP_NONBLOCK);
}

static void read_control(const uint8_t *data, size_t size)
{
	struct access_member me = {
		.role = CG_ROLE_ADMINISTRATOR, .id = (uint32_t)getuid(), .name = "fuzz"};
	static const struct options options = {.config = "/nonexistent/certgate.yaml",
					       .socket = "/nonexistent/control"};
	struct gateway g = {.options = &options,
			    .config = config,
			    .access = {.members = &me, .n = 1},
			    .loaded = true,
			    /* `stop` has been said already */
			    .stopping = true,
			    .key_files = {-EBADF, -EBADF},
			    .revoked_fd = memfd_create("fuzz", MFD_CLOEXEC)};
	struct conn c = {.g = &g, .id = 1, .cfg = cg_config_find(config, "hq")}, *conns[] = {&c};

	if (size > 16384)
		size = 16384;
	g.base = event_base_new();
	g.control_fd = fcntl(listener, F_DUPFD_CLOEXEC, 3);
	MUST(c.cfg && g.base && g.control_fd >= 0);
	g.conns = conns;
	g.n_conns = 1;
	news_init(&g.news);
	conn_list(&c);
	MUST(control_start(&g) == 0);
	talk(&g, data, size);
	ops_free(&g);
	control_stop(&g);
	snapshot_cancel(&g, NULL);
	news_done(&g.news);
	revoked_set_done(&g.revoked);
	(void)safe_close(g.revoked_fd);
	conn_unlist(&c);
	table_done(&g.conns_by_id);
	table_done(&g.conns_by_name);
	history_done(&c.history);
	free(c.last_error.code);
	event_base_free(g.base);
}

/* ------------------------------------------------------------------ the folder of certgate pki */

static int run(const char *const *argv)
{
	char *out_text = NULL, *err_text = NULL;
	size_t out_len, err_len;
	FILE *out = open_memstream(&out_text, &out_len), *err = open_memstream(&err_text, &err_len);
	int argc = 0, status;

	MUST(out && err);
	while (argv[argc])
		argc++;
	status = cli_run(argc, (char **)(uintptr_t)argv, out, err);
	(void)fclose(out);
	(void)fclose(err);
	/* Whoever is refused learns why. */
	MUST(status == CLI_OK || err_len > 0);
	free(out_text);
	free(err_text);
	return status;
}

static char folder[80];

static void index_init(void)
{
	const char *argv[] = {"certgate", "pki", "init", "--subject", "CN=fuzz", folder, NULL};

	(void)snprintf(folder, sizeof(folder), "%s/ca", dir);
	MUST(run(argv) == CLI_OK);
}

static void read_index(const uint8_t *data, size_t size)
{
	static const char serial[] = "0a";
	const char *argv[] = {"certgate", "pki", "revoke", folder, serial, NULL};
	const char *list[] = {"certgate", "pki", "crl", folder, NULL};

	put_file("ca/index.json", data, size);
	(void)run(argv);
	(void)run(list);
}

/* ------------------------------------------------------------------ */

static void no_log(enum cg_log_level level _unused_, const char *event _unused_,
		   const char *text _unused_, const struct cg_log_field *fields _unused_,
		   size_t n _unused_, void *userdata _unused_)
{
}

static void leave(void)
{
	const char *argv[] = {"rm", "-rf", dir, NULL};

	if (fork() == 0) {
		(void)execvp(argv[0], (char **)(uintptr_t)argv);
		_exit(1);
	}
}

static void begin(void)
{
	(void)snprintf(dir, sizeof(dir), "%s/certgate-fuzz.XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	MUST(mkdtemp(dir));
	(void)atexit(leave);
	cg_log_set_sink(no_log, NULL);
	control_init();
	index_init();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (!dir[0])
		begin();
	if (size < 1)
		return 0;
	/* In memory of its own, so that reading beyond it is seen. */
	copy = malloc(size > 1 ? size - 1 : 1);
	MUST(copy);
	memcpy(copy, data + 1, size - 1);
	switch (data[0] % 8) {
	case 0: read_state(copy, size - 1); break;
	case 1: change_state(copy, size - 1); break;
	case 2: read_revoked(copy, size - 1); break;
	case 3: read_lists(copy, size - 1); break;
	case 4: read_news(copy, size - 1); break;
	case 5: read_kernel(copy, size - 1); break;
	case 6: read_control(copy, size - 1); break;
	case 7: read_index(copy, size - 1); break;
	}
	free(copy);
	return 0;
}
