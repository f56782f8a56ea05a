// SPDX-License-Identifier: Apache-2.0
/*
 * A planned restart: what main hands to the next main is read as it was written, once, and soon; what is cut, changed, or does not fit
 * together or the kernel is not. The messages around it are read without harm, whatever is in them.
 */
#include <fcntl.h>
#include <openssl/sha.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "lib/msgtest.h"

#include "base/file.h"
#include "daemon/proto_restart.h"
#include "daemon/restart_state.h"
#include "daemon/sealed.h"

enum { AT = 1000 };

static const uint8_t leaf[] = "a leaf", anchor[] = "an anchor";

/* Two connections, with a binding and a Child SA each. */
struct example {
	struct state_conn conns[2];
	struct state_binding bindings[2];
	struct state_child children[2];
	struct state_socket sockets[2];
	struct restart_state s;
};

static uint8_t *path_of(uint64_t handle, size_t *ret_len)
{
	const struct proto_watched p = {
		.handle = handle,
		.connection = 77,
		.path = {{leaf, sizeof(leaf)}, {anchor, sizeof(anchor)}},
		.n_path = 2,
		.others = {{anchor, sizeof(anchor)}},
		.n_others = 1,
		.answers = {{leaf, sizeof(leaf)}},
		.n_answers = 1,
	};
	struct msg_writer w;

	msg_begin(&w, MSG_WATCHED);
	proto_put_watched(&w, &p);
	return body(&w, ret_len);
}

static void example_make(struct example *x)
{
	*x = (struct example){0};
	for (uint32_t i = 0; i < 2; i++) {
		struct state_conn *c = &x->conns[i];
		struct state_binding *b = &x->bindings[i];

		(void)snprintf(c->name, sizeof(c->name), "conn%u", i);
		c->down = i == 1;
		c->up = i == 0;
		c->created_link = i == 0;
		c->mtu_before = 1380 * i;
		c->resolved[0] = (struct cg_addr){.family = AF_INET, .bytes = {192, 0, 2, 9}};
		c->n_resolved = i;

		*b = (struct state_binding){.conn = i, .kernel_id = 10 + i, .since = 99};
		if (i == 1)
			b->place = (struct cg_addr){.family = AF_INET, .bytes = {192, 0, 2, 2}};
		b->b.handle = 0x1000 + i;
		b->b.connection = 77;
		b->b.binding.n_links = 2;
		memset(b->b.trust, (int)i + 1, sizeof(b->b.trust));
		memset(b->b.binding.links[0].spki, 7, PKI_SHA256_SIZE);
		memset(b->b.binding.links[1].spki, 8, PKI_SHA256_SIZE);
		SHA256(leaf, sizeof(leaf), b->b.binding.links[0].cert);
		SHA256(anchor, sizeof(anchor), b->b.binding.links[1].cert);
		b->b.binding.not_before = 1;
		b->b.binding.not_after = 2000;
		(void)snprintf(b->b.binding.subject, sizeof(b->b.binding.subject), "CN=peer%u", i);
		(void)snprintf(b->b.binding.label, sizeof(b->b.binding.label), "conn%u", i);
		b->path = path_of(b->b.handle, &b->path_len);

		x->children[i] = (struct state_child){
			.conn = i,
			.index = i,
			.number = 5 + i,
			.binding = b->b.handle,
			.tunnel = 20 + i,
			.sa_in = 30 + i,
			.sa_out = i == 0 ? 40 : 0,
			.spi_in = 0xc0000000 + i,
			.spi_out = 0xd0000000 + i,
			.local = {.addr = {.family = AF_INET, .bytes = {192, 0, 2, 1}},
				  .port = 4500},
			.remote = {.addr = {.family = AF_INET, .bytes = {192, 0, 2, 2}},
				   .port = 4500},
			.udp = true,
			.since = 98,
		};
		x->sockets[i] = (struct state_socket){.p = {.local = x->children[i].local,
							    .marker = i == 1},
						      .kernel_id = 50 + i};
	}
	memset(x->s.token, 0xab, sizeof(x->s.token));
	x->s.at = AT;
	x->s.conns = x->conns;
	x->s.bindings = x->bindings;
	x->s.children = x->children;
	x->s.sockets = x->sockets;
	x->s.n_conns = x->s.n_bindings = x->s.n_children = x->s.n_sockets = 2;
}

static void example_done(struct example *x)
{
	free(x->bindings[0].path);
	free(x->bindings[1].path);
}

static int written(const struct restart_state *s)
{
	int fd;

	assert_int_equal(restart_state_write(s, &fd), 0);
	return fd;
}

/* What becomes of it when it is read back. */
static int outcome(const struct restart_state *s)
{
	struct restart_state back = {0};
	int fd = written(s);
	int r = restart_state_read(fd, AT + 1, &back);

	if (r < 0)
		assert_true(!back.conns && !back.bindings && !back.children && !back.sockets);
	restart_state_done(&back);
	(void)close(fd);
	return r;
}

static void it_comes_back_whole(void **state _unused_)
{
	struct restart_state back;
	struct example x;
	int fd;

	example_make(&x);
	fd = written(&x.s);
	/* Nobody can change it. */
	assert_true(pwrite(fd, "x", 1, 0) < 0);
	assert_int_equal(restart_state_read(fd, AT + 1, &back), 0);
	assert_memory_equal(back.token, x.s.token, sizeof(back.token));
	assert_int_equal(back.n_conns, 2);
	assert_int_equal(back.n_bindings, 2);
	assert_int_equal(back.n_children, 2);
	assert_int_equal(back.n_sockets, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct state_binding *b = &back.bindings[i];
		const struct state_child *k = &back.children[i];

		assert_string_equal(back.conns[i].name, x.conns[i].name);
		assert_memory_equal(b->b.trust, x.bindings[i].b.trust, sizeof(b->b.trust));
		assert_int_equal(back.conns[i].down, i == 1);
		assert_int_equal(back.conns[i].up, i == 0);
		assert_int_equal(back.conns[i].created_link, i == 0);
		assert_int_equal(back.conns[i].mtu_before, 1380 * i);
		assert_int_equal(back.conns[i].n_resolved, i);
		assert_int_equal(b->conn, i);
		assert_int_equal(b->kernel_id, 10 + i);
		assert_int_equal(b->since, 99);
		assert_true(cg_addr_equal(&b->place, &x.bindings[i].place));
		assert_true(b->b.handle == x.bindings[i].b.handle);
		assert_memory_equal(&b->b.binding, &x.bindings[i].b.binding, sizeof(b->b.binding));
		assert_int_equal(b->path_len, x.bindings[i].path_len);
		assert_true(state_binding_has_path(b));
		assert_true(k->number == 5 + i && k->binding == b->b.handle);
		assert_true(k->sa_in == 30 + i && k->sa_out == (i == 0 ? 40 : 0));
		assert_true(cg_endpoint_equal(&k->remote, &x.children[i].remote));
		assert_int_equal(back.sockets[i].kernel_id, 50 + i);
		assert_int_equal(back.sockets[i].p.marker, i == 1);
	}
	restart_state_done(&back);
	(void)close(fd);
	example_done(&x);
}

static void an_empty_one_is_one(void **state _unused_)
{
	const struct restart_state s = {.at = AT};

	assert_int_equal(outcome(&s), 0);
}

static void an_old_one_or_one_from_the_future_is_refused(void **state _unused_)
{
	struct restart_state back = {0};
	struct example x;
	int fd;

	example_make(&x);
	fd = written(&x.s);
	assert_int_equal(restart_state_read(fd, AT - 1, &back), -ESTALE);
	assert_int_equal(restart_state_read(fd, AT + IKE_SNAPSHOT_AGE + 1, &back), -ESTALE);
	assert_int_equal(restart_state_read(fd, AT + IKE_SNAPSHOT_AGE, &back), 0);
	restart_state_done(&back);
	(void)close(fd);
	example_done(&x);
}

static void what_can_still_be_changed_is_refused(void **state _unused_)
{
	struct restart_state back = {0};
	struct example x;
	uint8_t bytes[65536];
	ssize_t n;
	int fd, open_fd;

	example_make(&x);
	fd = written(&x.s);
	n = pread(fd, bytes, sizeof(bytes), 0);
	assert_true(n > 0);
	open_fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(open_fd >= 0);
	assert_int_equal(write_all(open_fd, bytes, (size_t)n), 0);
	assert_int_equal(restart_state_read(open_fd, AT, &back), -EPERM);
	assert_int_equal(fcntl(open_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(restart_state_read(open_fd, AT, &back), -EPERM);
	assert_int_equal(fcntl(open_fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(restart_state_read(open_fd, AT, &back), 0);
	restart_state_done(&back);
	(void)close(open_fd);
	(void)close(fd);
	example_done(&x);
}

static int outcome_of_bytes(const uint8_t *data, size_t len)
{
	struct restart_state back = {0};
	int fd, r;

	assert_int_equal(sealed_new("test", data, len, &fd), 0);
	r = restart_state_read(fd, AT + 1, &back);
	restart_state_done(&back);
	(void)close(fd);
	return r;
}

static void cut_or_changed_it_does_no_harm(void **state _unused_)
{
	static uint8_t bytes[65536];
	struct example x;
	size_t len;
	ssize_t n;
	int fd;

	example_make(&x);
	fd = written(&x.s);
	n = pread(fd, bytes, sizeof(bytes), 0);
	assert_true(n > 0 && (size_t)n < sizeof(bytes));
	len = (size_t)n;
	assert_int_equal(outcome_of_bytes(bytes, len), 0);
	for (size_t cut = 1; cut < len; cut++)
		assert_int_equal(outcome_of_bytes(bytes, cut), -EBADMSG);
	bytes[len] = 0;
	assert_int_equal(outcome_of_bytes(bytes, len + 1), -EBADMSG);
	/* The eighth byte is the version's. */
	bytes[7] ^= 1;
	assert_int_equal(outcome_of_bytes(bytes, len), -EPROTONOSUPPORT);
	bytes[7] ^= 1;
	for (size_t at = 0; at < len; at++) {
		bytes[at] ^= 0x81;
		(void)outcome_of_bytes(bytes, len);
		bytes[at] ^= 0x81;
	}
	(void)close(fd);
	example_done(&x);
}

static void a_child_sa_under_another_connections_binding_is_refused(void **state _unused_)
{
	struct example x;

	example_make(&x);
	x.children[0].binding = x.bindings[1].b.handle;
	assert_int_equal(outcome(&x.s), -EBADMSG);
	x.children[0].binding = 4711;
	assert_int_equal(outcome(&x.s), -EBADMSG);
	x.children[0].binding = x.bindings[0].b.handle;
	x.children[0].conn = 1;
	assert_int_equal(outcome(&x.s), -EBADMSG);
	x.children[0].conn = 2;
	assert_int_equal(outcome(&x.s), -EBADMSG);
	example_done(&x);
}

static void what_there_can_be_once_is_there_once(void **state _unused_)
{
	struct example x;

	example_make(&x);
	x.children[1].number = x.children[0].number;
	assert_int_equal(outcome(&x.s), -EBADMSG);
	example_done(&x);

	example_make(&x);
	x.bindings[1].b.handle = x.bindings[0].b.handle;
	assert_int_equal(outcome(&x.s), -EBADMSG);
	example_done(&x);

	example_make(&x);
	x.bindings[0].conn = 2;
	assert_int_equal(outcome(&x.s), -EBADMSG);
	example_done(&x);
}

static void a_connection_is_not_up_and_down_at_once(void **state _unused_)
{
	struct example x;

	example_make(&x);
	x.conns[0].down = true;
	assert_int_equal(outcome(&x.s), -EBADMSG);
	x.conns[0].up = false;
	assert_int_equal(outcome(&x.s), 0);
	example_done(&x);
}

/* ---------------------------------------------------------------- against the kernel */

static struct cgk_cert cert_of(const struct state_binding *b)
{
	struct cgk_cert c = {.id = b->kernel_id,
			     .n_links = b->b.binding.n_links,
			     .not_before = b->b.binding.not_before,
			     .not_after = b->b.binding.not_after,
			     .state = CERTGATE_CERT_VALID};

	for (uint32_t i = 0; i < b->b.binding.n_links; i++) {
		memcpy(c.links[i].cert, b->b.binding.links[i].cert, CERTGATE_HASH_SIZE);
		memcpy(c.links[i].spki, b->b.binding.links[i].spki, CERTGATE_HASH_SIZE);
	}
	(void)snprintf(c.label, sizeof(c.label), "%s", b->b.binding.label);
	return c;
}

static void a_binding_is_the_kernels_or_none(void **state _unused_)
{
	struct example x;
	struct cgk_cert c;

	example_make(&x);
	c = cert_of(&x.bindings[0]);
	assert_true(state_binding_is(&x.bindings[0], &c));
	assert_false(state_binding_is(&x.bindings[1], &c));
	c.state = CERTGATE_CERT_REVOKED;
	assert_false(state_binding_is(&x.bindings[0], &c));
	c = cert_of(&x.bindings[0]);
	c.not_after++;
	assert_false(state_binding_is(&x.bindings[0], &c));
	c = cert_of(&x.bindings[0]);
	c.links[1].spki[0] ^= 1;
	assert_false(state_binding_is(&x.bindings[0], &c));
	c = cert_of(&x.bindings[0]);
	c.n_links = 1;
	assert_false(state_binding_is(&x.bindings[0], &c));
	c = cert_of(&x.bindings[0]);
	c.label[0] = 'x';
	assert_false(state_binding_is(&x.bindings[0], &c));
	example_done(&x);
}

static void a_child_sa_is_the_kernels_or_none(void **state _unused_)
{
	struct example x;
	struct cgk_sa in, out, other;
	const struct state_child *k;

	example_make(&x);
	k = &x.children[0];
	in = (struct cgk_sa){.id = 30,
			     .dir = CERTGATE_DIR_IN,
			     .spi = k->spi_in,
			     .tunnel = 20,
			     .cert = 10,
			     .state = CERTGATE_SA_ACTIVE};
	out = in;
	out.id = 40;
	out.dir = CERTGATE_DIR_OUT;
	out.spi = k->spi_out;
	assert_true(state_child_is(k, 10, &in));
	assert_true(state_child_is(k, 10, &out));
	/* Under another connection's binding, in another's tunnel, with other SPIs, or dead. */
	assert_false(state_child_is(k, 11, &in));
	other = in;
	other.tunnel = 21;
	assert_false(state_child_is(k, 10, &other));
	other = in;
	other.spi++;
	assert_false(state_child_is(k, 10, &other));
	other = in;
	other.dir = CERTGATE_DIR_OUT;
	assert_false(state_child_is(k, 10, &other));
	other = out;
	other.state = CERTGATE_SA_DEAD;
	assert_false(state_child_is(k, 10, &other));
	/* The outbound one of the second is gone: none is it. */
	other = (struct cgk_sa){.dir = CERTGATE_DIR_OUT,
				.spi = x.children[1].spi_out,
				.tunnel = 21,
				.cert = 11,
				.state = CERTGATE_SA_ACTIVE};
	assert_false(state_child_is(&x.children[1], 11, &other));
	example_done(&x);
}

static void a_path_is_the_bindings_or_none(void **state _unused_)
{
	struct state_binding *b;
	struct example x;
	uint8_t *other;

	example_make(&x);
	b = &x.bindings[0];
	assert_true(state_binding_has_path(b));
	b->b.binding.links[1].cert[31] ^= 1;
	assert_false(state_binding_has_path(b));
	b->b.binding.links[1].cert[31] ^= 1;
	b->b.binding.n_links = 1;
	assert_false(state_binding_has_path(b));
	b->b.binding.n_links = 2;
	/* Another handle's. */
	other = b->path;
	b->path = x.bindings[1].path;
	assert_false(state_binding_has_path(b));
	b->path = other;
	b->path_len--;
	assert_false(state_binding_has_path(b));
	b->path_len = 0;
	assert_false(state_binding_has_path(b));
	example_done(&x);
}

/* ---------------------------------------------------------------- messages */

static void messages_come_back(void **state _unused_)
{
	const struct ike_kernel_binding b = {.connection = 3, .binding = 0x123456789ULL};
	const struct ike_kernel_child c = {.connection = 3,
					   .child = 1ULL << 40,
					   .binding = 0x123456789ULL,
					   .spi_in = 0xc0ffee01,
					   .spi_out = 0xc0ffee02};
	const struct proto_restore p = {.token = {1, 2, 3}, .size = 1234};
	const struct proto_restored d = {
		.error = -ESTALE, .connections = 1, .refused = 2, .sas = 3, .children = 4};
	struct ike_kernel_binding b2;
	struct ike_kernel_child c2;
	struct proto_restored d2;
	struct proto_restore p2;
	struct msg_writer w;
	struct msg_reader r;
	uint8_t *data;
	size_t len;

	msg_begin(&w, MSG_LIVE_BINDING);
	proto_put_live_binding(&w, &b);
	proto_put_live_child(&w, &c);
	proto_put_restore(&w, &p);
	proto_put_restored(&w, &d);
	data = body(&w, &len);
	r = (struct msg_reader){.p = data, .left = len};
	proto_get_live_binding(&r, &b2);
	proto_get_live_child(&r, &c2);
	proto_get_restore(&r, &p2);
	proto_get_restored(&r, &d2);
	assert_true(msg_done(&r));
	assert_true(b2.connection == 3 && b2.binding == b.binding);
	assert_true(c2.child == c.child && c2.binding == c.binding && c2.spi_in == c.spi_in &&
		    c2.spi_out == c.spi_out && c2.connection == 3);
	assert_memory_equal(p2.token, p.token, sizeof(p.token));
	assert_int_equal(p2.size, 1234);
	assert_int_equal(d2.error, -ESTALE);
	assert_true(d2.connections == 1 && d2.refused == 2 && d2.sas == 3 && d2.children == 4);
	free(data);
}

static void a_snapshot_has_a_largest_size(void **state _unused_)
{
	struct proto_restore p = {.size = IKE_SNAPSHOT_MAX};
	struct msg_writer w;
	struct msg_reader r;
	uint8_t *data;
	size_t len;

	for (unsigned int more = 0; more < 2; more++) {
		p.size = IKE_SNAPSHOT_MAX + more;
		msg_begin(&w, MSG_RESTORE);
		proto_put_restore(&w, &p);
		data = body(&w, &len);
		r = (struct msg_reader){.p = data, .left = len};
		proto_get_restore(&r, &p);
		assert_int_equal(msg_done(&r), more == 0);
		free(data);
	}
}

static void get_watched(struct msg_reader *r)
{
	static struct proto_watched p;

	proto_get_watched(r, &p);
	assert_true(r->failed || (p.n_path > 0 && p.n_path <= PKI_CHAIN_MAX && p.handle != 0));
}

static void get_restored(struct msg_reader *r)
{
	struct proto_restored p;

	proto_get_restored(r, &p);
	assert_true(r->failed || p.error <= 0);
}

static void hostile_bodies_do_no_harm(void **state _unused_)
{
	uint8_t *data;
	size_t len;

	data = path_of(1, &len);
	mangle(data, len, get_watched);
	free(data);
	{
		const struct proto_restored d = {.error = -1};
		struct msg_writer w;

		MANGLE(MSG_RESTORED, proto_put_restored(&w, &d), get_restored);
	}
}

static void the_table_says_who_may_say_what(void **state _unused_)
{
	/* ike gets nothing done but what it was asked for, and speaks of no binding. */
	assert_true(msg_allowed(MSG_SAVED, ROLE_IKE, ROLE_MAIN, 1));
	assert_false(msg_allowed(MSG_SAVED, ROLE_IKE, ROLE_MAIN, 0));
	assert_false(msg_allowed(MSG_SAVED, ROLE_VERIFY, ROLE_MAIN, 1));
	assert_false(msg_allowed(MSG_WATCHED, ROLE_IKE, ROLE_MAIN, 0));
	assert_false(msg_allowed(MSG_LIVE_CHILD, ROLE_IKE, ROLE_MAIN, 0));
	/* The launcher hears main alone. */
	for (unsigned int role = 0; role < _ROLE_MAX; role++) {
		assert_int_equal(msg_allowed(MSG_RESTART, (enum role)role, ROLE_LAUNCHER, 0),
				 role == ROLE_MAIN);
		assert_int_equal(msg_allowed(MSG_HANDOVER, (enum role)role, ROLE_LAUNCHER, 1),
				 role == ROLE_MAIN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_comes_back_whole),
		cmocka_unit_test(an_empty_one_is_one),
		cmocka_unit_test(an_old_one_or_one_from_the_future_is_refused),
		cmocka_unit_test(what_can_still_be_changed_is_refused),
		cmocka_unit_test(cut_or_changed_it_does_no_harm),
		cmocka_unit_test(a_child_sa_under_another_connections_binding_is_refused),
		cmocka_unit_test(what_there_can_be_once_is_there_once),
		cmocka_unit_test(a_connection_is_not_up_and_down_at_once),
		cmocka_unit_test(a_binding_is_the_kernels_or_none),
		cmocka_unit_test(a_child_sa_is_the_kernels_or_none),
		cmocka_unit_test(a_path_is_the_bindings_or_none),
		cmocka_unit_test(messages_come_back),
		cmocka_unit_test(a_snapshot_has_a_largest_size),
		cmocka_unit_test(hostile_bodies_do_no_harm),
		cmocka_unit_test(the_table_says_who_may_say_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
