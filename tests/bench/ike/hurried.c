/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Around functions of main, for a daemon that shows what becomes of an ike that hangs (tests/host/hang.sh): it has the patience of main for ike, in minutes, pass
 * ten times as fast, and tells which SAs the kernel would get, and which end. It is never installed; the daemon itself has no switch that would do the same.
 */
#include "base/log.h"
#include "daemon/snapshot.h"
#include "kernel/kernel.h"

enum { TIMES = 10 };

void __real_snapshots_tick(struct gateway *g);
void __wrap_snapshots_tick(struct gateway *g);
int __real_cgk_sa_new(struct cgk *k, const struct cgk_sa *sa, uint32_t *ret_id);
int __wrap_cgk_sa_new(struct cgk *k, const struct cgk_sa *sa, uint32_t *ret_id);
int __real_cgk_sa_del(struct cgk *k, uint32_t id);
int __wrap_cgk_sa_del(struct cgk *k, uint32_t id);

void __wrap_snapshots_tick(struct gateway *g)
{
	for (int i = 0; i < TIMES; i++)
		__real_snapshots_tick(g);
}

int __wrap_cgk_sa_new(struct cgk *k, const struct cgk_sa *sa, uint32_t *ret_id)
{
	int r = __real_cgk_sa_new(k, sa, ret_id);

	log_notice("kernel: SA %u begins", *ret_id);
	return r;
}

int __wrap_cgk_sa_del(struct cgk *k, uint32_t id)
{
	log_notice("kernel: SA %u ends", id);
	return __real_cgk_sa_del(k, id);
}
