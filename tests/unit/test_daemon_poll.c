// SPDX-License-Identifier: Apache-2.0
/* Which Child SAs carry traffic, as main tells ike every five seconds, from a table of the kernel that changes while it is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/channel.h"
#include "daemon/child.h"
#include "daemon/gateway.h"
#include "daemon/proc.h"
#include "kernel/kernel.h"

static struct {
	unsigned int changes; /* so many dumps see the table change before anything of it is told */
	unsigned int told;    /* to ike */
} world;

int __wrap_cgk_sa_dump(struct cgk *k, int (*fn)(void *ctx, const struct cgk_sa *sa), void *ctx);
int __wrap_channel_send(struct channel *c, struct msg_writer *w, int fd);
int __real_channel_send(struct channel *c, struct msg_writer *w, int fd);

int __wrap_cgk_sa_dump(struct cgk *k _unused_, int (*fn)(void *ctx, const struct cgk_sa *sa),
		       void *ctx)
{
	const struct cgk_sa sa = {.id = 5, .dir = CERTGATE_DIR_IN, .stats = {.rx_packets = 1}};

	if (world.changes > 0) {
		world.changes--;
		return -EINTR;
	}
	return fn(ctx, &sa);
}

/* There is no ike: that is known when it is to be sent. */
int __wrap_channel_send(struct channel *c, struct msg_writer *w, int fd)
{
	world.told++;
	return __real_channel_send(c, w, fd);
}

static void a_table_that_changes_is_read_again(void **state _unused_)
{
	/* Nobody looks into the kernel: it is above. */
	struct gateway g = {.k = (struct cgk *)&world};
	struct child k = {.number = 1, .sa_in = 5};

	LIST_INSERT_HEAD(&g.children, &k, all);
	table_add(&g.children_by_sa, &k.by_sa_in, (uint64_t)5 << 1);
	for (unsigned int changes = 0; changes < CGK_DUMP_TRIES; changes++) {
		world.changes = changes;
		world.told = 0;
		child_poll_traffic(&g);
		assert_int_equal(world.told, 1);
	}
	table_del(&g.children_by_sa, &k.by_sa_in);
	table_done(&g.children_by_sa);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_that_changes_is_read_again),
	};

	return cmocka_run_group_tests_name("daemon/poll", tests, NULL, NULL);
}
