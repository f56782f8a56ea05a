// SPDX-License-Identifier: Apache-2.0
/*
 * What an `ike` that was taken over can make of `main`: any messages that it may send, one after the other, between what others do meanwhile. Main has two
 * connections, a binding that is live for each, and a module that agrees to whatever it is asked, or not. Whatever ike says, main installs nothing
 * that no live binding of that connection and its configuration allow.
 */
#include "lib/fuzz.h"

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/log.h"
#include "daemon/adopt.h"
#include "daemon/binding.h"
#include "daemon/channel.h"
#include "daemon/check.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/proc.h"
#include "daemon/proto_auth.h"
#include "daemon/snapshot.h"
#include "daemon/tunnel.h"
#include "kernel/client.h"

enum { N_CONNS = 2, FIRST_HANDLE = 7, DEVICE = 3 };

static struct world {
	struct gateway g;
	struct proc procs[2];
	struct channel *channels[2];
	int ends[2]; /* of ike, of verify */
	struct conn *conns[N_CONNS];
	unsigned int asked, answered;
} w;

/* ------------------------------------------------------------------ the module */

/* libmnl's socket: every request is agreed to, and what is new gets the next number. */
struct mnl_socket {
	struct nlmsghdr request;
	struct genlmsghdr what;
	uint32_t next_id;
	int error; /* of the next request */
};

static struct mnl_socket nl;

struct mnl_socket *mnl_socket_open2(int bus _unused_, int flags _unused_)
{
	return NULL;
}

int mnl_socket_close(struct mnl_socket *s _unused_)
{
	return 0;
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *s _unused_)
{
	return 0;
}

/* An SA comes under a tunnel of the connection whose live binding it has. */
static void check_sa(const struct nlmsghdr *nlh)
{
	const struct nlattr *tb[CERTGATE_A_SA_MAX + 1];
	const struct binding *b;
	const struct tunnel *t;

	cgk_parse(nlh, tb, CERTGATE_A_SA_MAX);
	b = binding_find_kernel(&w.g, (uint32_t)cgk_uint(tb[CERTGATE_A_SA_CERT_ID]));
	t = tunnel_find_kernel(&w.g, (uint32_t)cgk_uint(tb[CERTGATE_A_SA_TUNNEL_ID]));
	MUST(b && t && !b->dead && b->conn == t->conn);
	MUST(cgk_be32(tb[CERTGATE_A_SA_SPI]) >= 256);
}

ssize_t mnl_socket_sendto(const struct mnl_socket *s _unused_, const void *req, size_t size)
{
	nl.request = *(const struct nlmsghdr *)req;
	nl.what = *(const struct genlmsghdr *)mnl_nlmsg_get_payload(req);
	if (nl.what.cmd == CERTGATE_CMD_SA_NEW)
		check_sa(req);
	return (ssize_t)size;
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *s _unused_, void *buf, size_t size)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	const bool dump = (nl.request.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	const int error = nl.error;
	struct genlmsghdr *g;
	size_t n = 0;

	MUST(size >= 1024);
	nl.error = 0;
	if (!dump && error == 0) {
		nlh->nlmsg_type = nl.request.nlmsg_type;
		nlh->nlmsg_seq = nl.request.nlmsg_seq;
		g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
		g->cmd = nl.what.cmd;
		mnl_attr_put_u32(nlh, CERTGATE_A_SA_ID, ++nl.next_id);
		n = MNL_ALIGN(nlh->nlmsg_len);
	}
	nlh = mnl_nlmsg_put_header((uint8_t *)buf + n);
	nlh->nlmsg_type = dump ? NLMSG_DONE : NLMSG_ERROR;
	nlh->nlmsg_seq = nl.request.nlmsg_seq;
	*(int *)mnl_nlmsg_put_extra_header(nlh, sizeof(int)) = -error;
	if (!dump)
		memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(nl.request)), &nl.request,
		       sizeof(nl.request));
	return (ssize_t)(n + nlh->nlmsg_len);
}

_Static_assert((int)CERTGATE_A_SA_ID == (int)CERTGATE_A_TUNNEL_ID &&
		       (int)CERTGATE_A_SA_ID == (int)CERTGATE_A_CERT_ID,
	       "one answer for all");

/* ------------------------------------------------------------------ main */

#define CONNECTION(name, peer, network)                          \
	"  - name: " name "\n"                                   \
	"    interface: cg-" name "\n"                           \
	"    outbound_certificate: own.pfx\n"                    \
	"    remote_address: " peer "    inbound_certificate:\n" \
	"      subject_name: " name ".example\n"                 \
	"      chain: root.cer\n"                                \
	"    routes: false\n"                                    \
	"    local_networks: 10.1.0.0/16\n"                      \
	"    remote_networks: " network "\n"

static const char config_text[] = "connections:\n" CONNECTION("hq", "192.0.2.1\n", "10.2.0.0/16")
	CONNECTION("branch", "any\n    mode: responder-only\n", "10.3.0.0/16");

static struct cg_config *config;

static int on_message(void *ctx _unused_, struct channel *c _unused_, enum msg_type type _unused_,
		      struct msg_reader *r _unused_, int *fd _unused_)
{
	return 0;
}

static void on_closed(void *ctx _unused_, struct channel *c _unused_)
{
}

static void on_violation(void *ctx _unused_, struct channel *c _unused_, const char *text _unused_)
{
}

/* A binding that verify tells of, of the connection at this place. */
static void let_in(unsigned int conn, uint64_t handle)
{
	static struct proto_binding p;

	p = (struct proto_binding){.handle = handle, .connection = conn + 1};
	p.binding.n_links = 1;
	p.binding.not_after = 1900000000;
	memset(p.binding.links, (int)handle, sizeof(p.binding.links[0]));
	(void)snprintf(p.binding.subject, sizeof(p.binding.subject), "CN=gw");
	(void)snprintf(p.binding.label, sizeof(p.binding.label), "hq");
	binding_new(&w.g, &w.procs[1], &p);
}

static void begin(void)
{
	static const struct channel_ops ops = {
		.message = on_message, .closed = on_closed, .violation = on_violation};
	static const enum role roles[] = {ROLE_IKE, ROLE_VERIFY};

	memset(&w, 0, sizeof(w));
	nl = (struct mnl_socket){.next_id = 100};
	w.g.base = event_base_new();
	w.g.config = config;
	w.g.loaded = true;
	w.g.n_verifiers = 1;
	w.g.procs = w.procs;
	w.g.n_procs = ARRAY_SIZE(w.procs);
	w.g.k = calloc(1, sizeof(*w.g.k));
	MUST(w.g.base && w.g.k);
	w.g.k->nl = &nl;
	w.g.k->family = 0x20;
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		int pair[2];

		MUST(channel_pair(pair) == 0);
		w.ends[i] = pair[1];
		w.procs[i] = (struct proc){.g = &w.g, .role = roles[i], .ready = true};
		MUST(channel_new(w.g.base, pair[0], ROLE_MAIN, roles[i], 0, &ops, &w,
				 &w.procs[i].channel) == 0);
		w.channels[i] = w.procs[i].channel;
	}
	for (unsigned int i = 0; i < N_CONNS; i++) {
		struct conn *c = calloc(1, sizeof(*c));

		MUST(c);
		*c = (struct conn){
			.g = &w.g, .id = i + 1, .cfg = &config->connections[i], .ifindex = DEVICE};
		w.conns[i] = c;
		conn_list(c);
	}
	w.g.conns = w.conns;
	w.g.n_conns = N_CONNS;
	for (unsigned int i = 0; i < N_CONNS; i++)
		let_in(i, FIRST_HANDLE + i);
}

static void end(void)
{
	snapshot_cancel(&w.g, NULL);
	MUST(w.answered == w.asked && !w.g.snapshots);
	for (unsigned int i = 0; i < N_CONNS; i++) {
		children_of_conn_delete(w.conns[i]);
		tunnels_remove(w.conns[i]);
	}
	MUST(LIST_EMPTY(&w.g.children) && LIST_EMPTY(&w.g.tunnels));
	bindings_orphan(&w.g);
	adopt_flush(&w.g);
	for (unsigned int i = 0; i < N_CONNS; i++) {
		conn_unlist(w.conns[i]);
		conn_free(w.conns[i]);
	}
	bindings_free(&w.g);
	table_done(&w.g.conns_by_id);
	table_done(&w.g.conns_by_name);
	table_done(&w.g.bindings_by_handle);
	table_done(&w.g.bindings_by_kernel);
	table_done(&w.g.children_by_number);
	table_done(&w.g.children_by_sa);
	table_done(&w.g.tunnels_by_kernel);
	refusals_done(&w.g.refusals);
	for (size_t i = 0; i < ARRAY_SIZE(w.ends); i++) {
		(void)channel_free(w.channels[i]);
		(void)close(w.ends[i]);
	}
	event_base_free(w.g.base);
	free(w.g.k);
}

/* ------------------------------------------------------------------ what must hold */

static void check_selectors(const struct cgk_selector *s, unsigned int n,
			    const struct cg_selector *allowed, size_t n_allowed)
{
	MUST(n > 0);
	for (unsigned int i = 0; i < n; i++) {
		bool within = false;

		for (size_t k = 0; k < n_allowed; k++)
			within = within || cg_range_contains(&allowed[k].range, &s[i].range);
		MUST(within);
	}
}

static void check_all(void)
{
	struct check_context ctx;
	const struct child *k;

	LIST_FOREACH(k, &w.g.children, all)
	{
		const struct cg_child_config *child;

		MUST(k->conn == w.conns[0] || k->conn == w.conns[1]);
		MUST(k->index < k->conn->cfg->n_children && child_find(&w.g, k->number) == k);
		MUST(k->binding->conn == k->conn && k->binding->b.connection == k->conn->id);
		MUST(k->tunnel->conn == k->conn && k->tunnel->index == k->index);
		conn_check_context(k->conn, &ctx);
		MUST(check_remote(&ctx, &k->tunnel->said.remote.addr));
		MUST(cg_addr_equal(&k->tunnel->t.remote.addr, &k->tunnel->said.remote.addr));
		child = &k->conn->cfg->children[k->index];
		check_selectors(k->tunnel->t.local_ts, k->tunnel->t.n_local_ts, child->local,
				child->n_local);
		check_selectors(k->tunnel->t.remote_ts, k->tunnel->t.n_remote_ts, child->remote,
				child->n_remote);
	}
}

/* What main sends is for nobody to read. */
static void drain(void)
{
	static uint8_t buf[MSG_SIZE_MAX];

	(void)event_base_loop(w.g.base, EVLOOP_NONBLOCK);
	for (size_t i = 0; i < ARRAY_SIZE(w.ends); i++) {
		while (recv(w.ends[i], buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
	}
}

/* ------------------------------------------------------------------ what happens */

/* What ike may say. An input names one by its place: what is new comes at the end. */
static const enum msg_type types[] = {
	MSG_CHILD_EXPECT,  MSG_CHILD_ADD,	MSG_CHILD_DEL,	 MSG_CHILD_ACTIVATE, MSG_CHILD_MOVE,
	MSG_STATUS_SA,	   MSG_STATUS_CHILD,	MSG_STATUS_WAIT, MSG_STATUS_END,     MSG_REPORT,
	MSG_BINDING_PLACE, MSG_BINDING_RELEASE, MSG_IDLE,	 MSG_ALIVE,
};

static void on_answer(void *ctx _unused_, const struct ike_snapshot *s)
{
	for (size_t i = 0; i < s->n_sas; i++)
		MUST(memchr(s->sas[i].peer_subject, 0, sizeof(s->sas[i].peer_subject)));
	w.answered++;
}

/* What others do; from 128 on. The octet after it says to whom. */
static void others(uint8_t what, uint8_t whom)
{
	struct binding *b = binding_find(&w.g, whom);
	struct conn *c = w.conns[whom % N_CONNS];

	switch (what % 8) {
	case 0: /* status, of which not all is answered at once */
		if (w.asked - w.answered >= 4)
			snapshot_cancel(&w.g, NULL);
		w.asked++;
		MUST(snapshot_get(&w.g, on_answer, &w) == 0);
		break;
	case 1:
		for (unsigned int i = 0; i < whom; i++)
			snapshots_tick(&w.g);
		break;
	case 2: nl.error = whom % 2 ? EBUSY : ENOENT; break;
	case 3:
		if (b)
			binding_stop(&w.g, b, "revoked");
		break;
	case 4: let_in(whom % N_CONNS, FIRST_HANDLE + N_CONNS + whom); break;
	case 5: c->down = !c->down; break;
	case 6: bindings_tick(&w.g, now_boottime()); break;
	case 7: c->closing = !c->closing; break;
	}
}

static bool says(enum msg_type type, const uint8_t *body, size_t len)
{
	const uint16_t number = (uint16_t)type;
	uint8_t *data = malloc(sizeof(number) + len);
	enum msg_type got;
	struct msg_reader r;
	int e;

	MUST(data);
	memcpy(data, &number, sizeof(number));
	memcpy(data + sizeof(number), body, len);
	MUST(msg_open(data, sizeof(number) + len, &got, &r) == 0 && got == type);
	e = gateway_on_ike(&w.g, type, &r);
	free(data);
	/* That is the end of this ike. */
	return e >= 0 && !r.failed;
}

static void no_log(enum cg_log_level level _unused_, const char *event _unused_,
		   const char *text _unused_, const struct cg_log_field *fields _unused_,
		   size_t n _unused_, void *userdata _unused_)
{
}

static void read_config(void)
{
	struct cg_diags diags = {0};

	MUST(cg_config_parse(config_text, sizeof(config_text) - 1, "/etc/certgate/certgate.yaml",
			     &diags, &config) == 0);
	cg_diags_done(&diags);
	cg_log_set_sink(no_log, NULL);
}

/* Each: who or which message, then two octets of length and the body, or one of whom it is about. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool goes_on = true;

	if (!config)
		read_config();
	begin();
	while (size >= 3 && goes_on) {
		size_t len = data[0] < 128 ? MIN((size_t)(data[1] << 8 | data[2]), size - 3) : 0;

		if (data[0] >= 128)
			others(data[0], data[1]);
		else if (data[0] < ARRAY_SIZE(types))
			goes_on = says(types[data[0]], data + 3, len);
		check_all();
		drain();
		size -= (data[0] < 128 ? 3 : 2) + len;
		data += (data[0] < 128 ? 3 : 2) + len;
	}
	end();
	return 0;
}
