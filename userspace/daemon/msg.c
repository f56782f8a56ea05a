/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading messages between the processes, and the table's rules. Owns the process's one buffer for outgoing messages,
 * which is wiped after each. Called by everything in daemon/.
 */
#include "daemon/msg.h"

#include <assert.h>
#include <openssl/crypto.h>

#include "pki/note.h"

struct msg_rule {
	const char *name;
	unsigned int from, to; /* ROLE_BIT()s */
	unsigned int fds;
};

static const struct msg_rule rules[_MSG_MAX] = {
#define MSG_RULE(n, f, t, d) [MSG_##n] = {.name = #n, .from = (f), .to = (t), .fds = (d)},
	MSG_TABLE(MSG_RULE)
#undef MSG_RULE
};

static uint8_t out_buffer[MSG_SIZE_MAX];
static bool out_busy;

const char *msg_name(unsigned int type)
{
	return type > MSG_NONE && type < _MSG_MAX ? rules[type].name : "?";
}

bool msg_allowed(unsigned int type, enum role from, enum role to, unsigned int n_fds)
{
	if (type <= MSG_NONE || type >= _MSG_MAX)
		return false;
	return rules[type].from & ROLE_BIT(from) && rules[type].to & ROLE_BIT(to) &&
	       rules[type].fds == n_fds;
}

/* ---------------------------------------------------------------- writing */

void msg_begin(struct msg_writer *w, enum msg_type type)
{
	assert(!out_busy);
	out_busy = true;
	*w = (struct msg_writer){.buf = out_buffer};
	msg_put_u16(w, (uint16_t)type);
}

void msg_end(struct msg_writer *w)
{
	OPENSSL_cleanse(w->buf, w->len);
	*w = (struct msg_writer){0};
	out_busy = false;
}

void msg_put_fixed(struct msg_writer *w, const void *data, size_t len)
{
	if (w->failed || len > MSG_SIZE_MAX - w->len) {
		w->failed = true;
		return;
	}
	if (len > 0)
		memcpy(w->buf + w->len, data, len);
	w->len += len;
}

void msg_put_u8(struct msg_writer *w, uint8_t v)
{
	msg_put_fixed(w, &v, sizeof(v));
}

void msg_put_u16(struct msg_writer *w, uint16_t v)
{
	msg_put_fixed(w, &v, sizeof(v));
}

void msg_put_u32(struct msg_writer *w, uint32_t v)
{
	msg_put_fixed(w, &v, sizeof(v));
}

void msg_put_u64(struct msg_writer *w, uint64_t v)
{
	msg_put_fixed(w, &v, sizeof(v));
}

void msg_put_i64(struct msg_writer *w, int64_t v)
{
	msg_put_fixed(w, &v, sizeof(v));
}

void msg_put_bool(struct msg_writer *w, bool v)
{
	msg_put_u8(w, v ? 1 : 0);
}

void msg_put_blob(struct msg_writer *w, const void *data, size_t len)
{
	if (len > MSG_SIZE_MAX) {
		w->failed = true;
		return;
	}
	msg_put_u32(w, (uint32_t)len);
	msg_put_fixed(w, data, len);
}

void msg_put_str(struct msg_writer *w, const char *s)
{
	msg_put_blob(w, s, s ? strlen(s) : 0);
}

void msg_put_addr(struct msg_writer *w, const struct cg_addr *a)
{
	size_t len = cg_addr_len(a->family);

	msg_put_u8(w, (uint8_t)len);
	msg_put_fixed(w, a->bytes, len);
}

void msg_put_endpoint(struct msg_writer *w, const struct cg_endpoint *e)
{
	msg_put_addr(w, &e->addr);
	msg_put_u16(w, e->port);
	msg_put_u32(w, e->vrf);
}

/* ---------------------------------------------------------------- reading */

int msg_open(const uint8_t *data, size_t len, enum msg_type *ret_type, struct msg_reader *ret)
{
	struct msg_reader r = {.p = data, .left = len};
	uint16_t type = msg_get_u16(&r);

	if (r.failed || type <= MSG_NONE || type >= _MSG_MAX)
		return -EBADMSG;
	*ret_type = (enum msg_type)type;
	*ret = r;
	return 0;
}

bool msg_is_several(const uint8_t *data, size_t len)
{
	uint16_t type;

	if (len < sizeof(type))
		return false;
	memcpy(&type, data, sizeof(type));
	return type == MSG_SEVERAL;
}

bool msg_done(const struct msg_reader *r)
{
	return !r->failed && r->left == 0;
}

void msg_reject(struct msg_reader *r)
{
	r->failed = true;
}

void msg_get_fixed(struct msg_reader *r, void *out, size_t len)
{
	if (r->failed || len > r->left) {
		r->failed = true;
		memset(out, 0, len);
		return;
	}
	if (len > 0)
		memcpy(out, r->p, len);
	r->p += len;
	r->left -= len;
}

uint8_t msg_get_u8(struct msg_reader *r)
{
	uint8_t v;

	msg_get_fixed(r, &v, sizeof(v));
	return v;
}

uint16_t msg_get_u16(struct msg_reader *r)
{
	uint16_t v;

	msg_get_fixed(r, &v, sizeof(v));
	return v;
}

uint32_t msg_get_u32(struct msg_reader *r)
{
	uint32_t v;

	msg_get_fixed(r, &v, sizeof(v));
	return v;
}

uint64_t msg_get_u64(struct msg_reader *r)
{
	uint64_t v;

	msg_get_fixed(r, &v, sizeof(v));
	return v;
}

int64_t msg_get_i64(struct msg_reader *r)
{
	int64_t v;

	msg_get_fixed(r, &v, sizeof(v));
	return v;
}

unsigned int msg_get_enum(struct msg_reader *r, unsigned int max)
{
	uint8_t v = msg_get_u8(r);

	if (v > max) {
		r->failed = true;
		return 0;
	}
	return v;
}

bool msg_get_bool(struct msg_reader *r)
{
	return msg_get_enum(r, 1) == 1;
}

uint32_t msg_get_count(struct msg_reader *r, uint32_t max)
{
	uint32_t v = msg_get_u32(r);

	if (v > max) {
		r->failed = true;
		return 0;
	}
	return v;
}

const uint8_t *msg_get_blob(struct msg_reader *r, size_t max, size_t *ret_len)
{
	uint32_t len = msg_get_u32(r);
	const uint8_t *data = r->p;

	if (r->failed || len > max || len > r->left) {
		r->failed = true;
		*ret_len = 0;
		return NULL;
	}
	r->p += len;
	r->left -= len;
	*ret_len = len;
	return data;
}

void msg_get_str(struct msg_reader *r, char *out, size_t size)
{
	size_t len;
	const uint8_t *data = msg_get_blob(r, size - 1, &len);

	if (!data || memchr(data, 0, len)) {
		r->failed = true;
		out[0] = '\0';
		return;
	}
	memcpy(out, data, len);
	out[len] = '\0';
	pki_printable(out);
}

void msg_get_addr(struct msg_reader *r, struct cg_addr *ret)
{
	uint8_t len = msg_get_u8(r);

	memset(ret, 0, sizeof(*ret));
	if (len != 0 && len != 4 && len != 16) {
		r->failed = true;
		return;
	}
	msg_get_fixed(r, ret->bytes, len);
	if (r->failed)
		return;
	ret->family = len == 4 ? AF_INET : len == 16 ? AF_INET6 : AF_UNSPEC;
}

void msg_get_endpoint(struct msg_reader *r, struct cg_endpoint *ret)
{
	memset(ret, 0, sizeof(*ret));
	msg_get_addr(r, &ret->addr);
	ret->port = msg_get_u16(r);
	ret->vrf = msg_get_u32(r);
}
