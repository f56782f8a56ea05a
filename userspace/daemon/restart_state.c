/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file: a head, then records, each a length and a body that is written and read like a message's. Called by restart.c and takeover.c.
 */
#include "daemon/restart_state.h"

#include <openssl/sha.h>

#include "base/file.h"
#include "daemon/news.h"
#include "daemon/proto_restart.h"
#include "daemon/sealed.h"

/* Another one with each change of what is written. Old ones are not read: tunnels are made anew then. */
#define VERSION 5

static const uint8_t magic[8] = {'c', 'g', 'm', 'a', 'i', 'n', 's', VERSION};

enum { KIND_CONN = 1, KIND_BINDING, KIND_CHILD, KIND_SOCKET, KIND_END };

/* Bounds of what one gateway can have, with room. */
enum { CONNS_MAX = CG_CONNECTIONS_MAX, OTHERS_MAX = 1 << 20 };

void restart_state_done(struct restart_state *s)
{
	for (size_t i = 0; i < s->n_bindings; i++)
		free(s->bindings[i].path);
	free(s->conns);
	free(s->bindings);
	free(s->children);
	free(s->sockets);
	*s = (struct restart_state){0};
}

/* ---------------------------------------------------------------- writing */

struct out {
	uint8_t *data;
	size_t len, size;
	int error;
};

static void append(struct out *o, const void *data, size_t len)
{
	if (o->error < 0)
		return;
	if (len > o->size - o->len) {
		size_t size = MAX(o->size * 2, o->len + len + 65536);
		uint8_t *more = size <= RESTART_STATE_MAX ? realloc(o->data, size) : NULL;

		if (!more) {
			o->error = -ENOMEM;
			return;
		}
		o->data = more;
		o->size = size;
	}
	memcpy(o->data + o->len, data, len);
	o->len += len;
}

static void begin(struct msg_writer *w, uint8_t kind)
{
	/* The type is of no meaning here: the kind is. */
	msg_begin(w, MSG_HANDOVER);
	msg_put_u8(w, kind);
}

static void end(struct out *o, struct msg_writer *w)
{
	uint32_t len = (uint32_t)(w->len - sizeof(uint16_t));

	if (w->failed && o->error == 0)
		o->error = -EMSGSIZE;
	append(o, &len, sizeof(len));
	append(o, w->buf + sizeof(uint16_t), len);
	msg_end(w);
}

static void put_conn(struct msg_writer *w, const struct state_conn *c)
{
	msg_put_str(w, c->name);
	msg_put_bool(w, c->down);
	msg_put_bool(w, c->up);
	msg_put_bool(w, c->created_link);
	msg_put_u32(w, c->mtu_before);
	msg_put_u32(w, (uint32_t)c->n_resolved);
	for (size_t i = 0; i < c->n_resolved; i++)
		msg_put_addr(w, &c->resolved[i]);
}

static void put_binding(struct msg_writer *w, const struct state_binding *b)
{
	msg_put_u32(w, b->conn);
	msg_put_u32(w, b->kernel_id);
	msg_put_i64(w, b->since);
	msg_put_addr(w, &b->place);
	msg_put_blob(w, b->path, b->path_len);
	proto_put_binding(w, &b->b);
}

static void put_child(struct msg_writer *w, const struct state_child *k)
{
	msg_put_u32(w, k->conn);
	msg_put_u32(w, k->index);
	msg_put_u64(w, k->number);
	msg_put_u64(w, k->binding);
	msg_put_u32(w, k->tunnel);
	msg_put_u32(w, k->sa_in);
	msg_put_u32(w, k->sa_out);
	msg_put_u32(w, k->spi_in);
	msg_put_u32(w, k->spi_out);
	msg_put_endpoint(w, &k->local);
	msg_put_endpoint(w, &k->remote);
	msg_put_bool(w, k->udp);
	msg_put_i64(w, k->since);
}

int restart_state_write(const struct restart_state *s, int *ret_fd)
{
	struct out o = {0};
	struct msg_writer w;
	int r;

	append(&o, magic, sizeof(magic));
	append(&o, s->token, sizeof(s->token));
	append(&o, &s->at, sizeof(s->at));
	for (size_t i = 0; i < s->n_conns; i++) {
		begin(&w, KIND_CONN);
		put_conn(&w, &s->conns[i]);
		end(&o, &w);
	}
	for (size_t i = 0; i < s->n_bindings; i++) {
		begin(&w, KIND_BINDING);
		put_binding(&w, &s->bindings[i]);
		end(&o, &w);
	}
	for (size_t i = 0; i < s->n_children; i++) {
		begin(&w, KIND_CHILD);
		put_child(&w, &s->children[i]);
		end(&o, &w);
	}
	for (size_t i = 0; i < s->n_sockets; i++) {
		begin(&w, KIND_SOCKET);
		proto_put_socket(&w, &s->sockets[i].p);
		msg_put_u32(&w, s->sockets[i].kernel_id);
		end(&o, &w);
	}
	begin(&w, KIND_END);
	end(&o, &w);
	r = o.error < 0 ? o.error : sealed_new("certgate-main", o.data, o.len, ret_fd);
	free(o.data);
	return r;
}

/* ---------------------------------------------------------------- reading */

/* Room for one more in a list that grows by doubling. NULL: no memory, or more than there can be. */
static void *one_more(void **list, size_t *n, size_t size, size_t max)
{
	uint8_t *more = *list;

	if (*n >= max)
		return NULL;
	if ((*n & (*n - 1)) == 0) {
		more = reallocarray(*list, *n > 0 ? *n * 2 : 1, size);
		if (!more)
			return NULL;
		*list = more;
	}
	more += *n * size;
	memset(more, 0, size);
	(*n)++;
	return more;
}

#define ONE_MORE(s, list, max) \
	one_more((void **)&(s)->list, &(s)->n_##list, sizeof(*(s)->list), (max))

static int get_conn(struct restart_state *s, struct msg_reader *r)
{
	struct state_conn *c = ONE_MORE(s, conns, CONNS_MAX);

	if (!c)
		return -ENOMEM;
	msg_get_str(r, c->name, sizeof(c->name));
	c->down = msg_get_bool(r);
	c->up = msg_get_bool(r);
	c->created_link = msg_get_bool(r);
	c->mtu_before = msg_get_u32(r);
	c->n_resolved = msg_get_count(r, PROTO_ADDRESSES_MAX);
	for (size_t i = 0; i < c->n_resolved; i++)
		msg_get_addr(r, &c->resolved[i]);
	return 0;
}

static int get_binding(struct restart_state *s, struct msg_reader *r)
{
	struct state_binding *b = ONE_MORE(s, bindings, OTHERS_MAX);
	const uint8_t *path;
	size_t len;

	if (!b)
		return -ENOMEM;
	b->conn = msg_get_u32(r);
	b->kernel_id = msg_get_u32(r);
	b->since = msg_get_i64(r);
	msg_get_addr(r, &b->place);
	path = msg_get_blob(r, MSG_SIZE_MAX, &len);
	if (path && len > 0) {
		b->path = malloc(len);
		if (!b->path)
			return -ENOMEM;
		memcpy(b->path, path, len);
		b->path_len = len;
	}
	proto_get_binding(r, &b->b);
	return 0;
}

static int get_child(struct restart_state *s, struct msg_reader *r)
{
	struct state_child *k = ONE_MORE(s, children, OTHERS_MAX);

	if (!k)
		return -ENOMEM;
	k->conn = msg_get_u32(r);
	k->index = msg_get_u32(r);
	k->number = msg_get_u64(r);
	k->binding = msg_get_u64(r);
	k->tunnel = msg_get_u32(r);
	k->sa_in = msg_get_u32(r);
	k->sa_out = msg_get_u32(r);
	k->spi_in = msg_get_u32(r);
	k->spi_out = msg_get_u32(r);
	msg_get_endpoint(r, &k->local);
	msg_get_endpoint(r, &k->remote);
	k->udp = msg_get_bool(r);
	k->since = msg_get_i64(r);
	return 0;
}

static int get_socket(struct restart_state *s, struct msg_reader *r)
{
	struct state_socket *k = ONE_MORE(s, sockets, CG_SOCKETS_MAX);

	if (!k)
		return -ENOMEM;
	proto_get_socket(r, &k->p);
	k->kernel_id = msg_get_u32(r);
	return 0;
}

/* 1: it was the last. */
static int get_record(struct restart_state *s, struct msg_reader *r)
{
	uint8_t kind = msg_get_u8(r);
	int e = -EBADMSG;

	switch (kind) {
	case KIND_CONN: e = get_conn(s, r); break;
	case KIND_BINDING: e = get_binding(s, r); break;
	case KIND_CHILD: e = get_child(s, r); break;
	case KIND_SOCKET: e = get_socket(s, r); break;
	case KIND_END: e = 1; break;
	default: break;
	}
	return e >= 0 && !msg_done(r) ? -EBADMSG : e;
}

static int by_handle(const void *a, const void *b)
{
	const struct state_binding *x = a, *y = b;

	return x->b.handle < y->b.handle ? -1 : x->b.handle > y->b.handle;
}

static int by_number(const void *a, const void *b)
{
	const struct state_child *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static const struct state_binding *find(const struct restart_state *s, uint64_t handle)
{
	const struct state_binding key = {.b.handle = handle};

	return s->n_bindings > 0 ? bsearch(&key, s->bindings, s->n_bindings, sizeof(key), by_handle)
				 : NULL;
}

/* What one main had: no connection up and down, every number once, and no Child SA under another connection's binding. */
static int check(struct restart_state *s)
{
	if (s->n_bindings > 0)
		qsort(s->bindings, s->n_bindings, sizeof(*s->bindings), by_handle);
	if (s->n_children > 0)
		qsort(s->children, s->n_children, sizeof(*s->children), by_number);
	for (size_t i = 0; i < s->n_conns; i++) {
		if (s->conns[i].down && s->conns[i].up)
			return -EBADMSG;
	}
	for (size_t i = 0; i < s->n_bindings; i++) {
		const struct state_binding *b = &s->bindings[i];

		if (b->conn >= s->n_conns || b->kernel_id == 0 ||
		    (i > 0 && by_handle(b - 1, b) == 0))
			return -EBADMSG;
	}
	for (size_t i = 0; i < s->n_children; i++) {
		const struct state_child *k = &s->children[i];
		const struct state_binding *b = find(s, k->binding);

		if (!b || b->conn != k->conn || k->number == 0 || k->sa_in == 0 ||
		    k->index >= CG_CHILDREN_MAX || (i > 0 && by_number(k - 1, k) == 0))
			return -EBADMSG;
	}
	return 0;
}

static int read_records(struct restart_state *s, const uint8_t *p, size_t left)
{
	uint32_t len;
	int r = 0;

	while (r == 0) {
		struct msg_reader m;

		if (left < sizeof(len))
			return -EBADMSG;
		memcpy(&len, p, sizeof(len));
		p += sizeof(len);
		left -= sizeof(len);
		if (len > left)
			return -EBADMSG;
		m = (struct msg_reader){.p = p, .left = len};
		r = get_record(s, &m);
		p += len;
		left -= len;
	}
	if (r < 0)
		return r;
	return left == 0 ? check(s) : -EBADMSG;
}

static int read_all(struct restart_state *s, const uint8_t *p, size_t left, usec_t now)
{
	if (left < sizeof(magic) + sizeof(s->token) + sizeof(s->at) ||
	    memcmp(p, magic, sizeof(magic) - 1) != 0)
		return -EBADMSG;
	if (p[sizeof(magic) - 1] != VERSION)
		return -EPROTONOSUPPORT;
	p += sizeof(magic);
	memcpy(s->token, p, sizeof(s->token));
	p += sizeof(s->token);
	memcpy(&s->at, p, sizeof(s->at));
	p += sizeof(s->at);
	if (s->at > now || now - s->at > IKE_SNAPSHOT_AGE)
		return -ESTALE;
	return read_records(s, p, left - sizeof(magic) - sizeof(s->token) - sizeof(s->at));
}

int restart_state_read(int fd, usec_t now, struct restart_state *ret)
{
	struct restart_state s = {0};
	uint8_t *data;
	size_t size;
	int r;

	r = news_check_fd(fd, RESTART_STATE_MAX, &size);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	r = sealed_read(fd, size, &data);
	if (r < 0)
		return r;
	r = read_all(&s, data, size, now);
	file_free_secret((char *)data, size);
	if (r < 0)
		restart_state_done(&s);
	else
		*ret = s;
	return r;
}

/* ---------------------------------------------------------------- against the kernel */

bool state_binding_has_path(const struct state_binding *b)
{
	struct msg_reader r = {.p = b->path, .left = b->path_len};
	static struct proto_watched w;
	uint8_t hash[SHA256_DIGEST_LENGTH];

	proto_get_watched(&r, &w);
	if (!msg_done(&r) || w.handle != b->b.handle || w.n_path != b->b.binding.n_links)
		return false;
	for (size_t i = 0; i < w.n_path; i++) {
		if (!SHA256(w.path[i].data, w.path[i].size, hash) ||
		    memcmp(hash, b->b.binding.links[i].cert, sizeof(hash)) != 0)
			return false;
	}
	return true;
}

bool state_binding_is(const struct state_binding *b, const struct cgk_cert *c)
{
	const struct pki_binding *p = &b->b.binding;

	if (c->id != b->kernel_id || c->state != CERTGATE_CERT_VALID || c->n_links != p->n_links ||
	    c->not_before != p->not_before || c->not_after != p->not_after ||
	    !streq(c->label, p->label))
		return false;
	for (uint32_t i = 0; i < p->n_links; i++) {
		if (memcmp(c->links[i].cert, p->links[i].cert, CERTGATE_HASH_SIZE) != 0 ||
		    memcmp(c->links[i].spki, p->links[i].spki, CERTGATE_HASH_SIZE) != 0)
			return false;
	}
	return true;
}

bool state_child_is(const struct state_child *k, uint32_t cert, const struct cgk_sa *sa)
{
	bool in = sa->dir == CERTGATE_DIR_IN;

	return sa->id != 0 && sa->id == (in ? k->sa_in : k->sa_out) &&
	       sa->spi == (in ? k->spi_in : k->spi_out) && sa->tunnel == k->tunnel &&
	       sa->cert == cert && sa->state != CERTGATE_SA_DEAD;
}
