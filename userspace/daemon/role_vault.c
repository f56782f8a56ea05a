/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process `vault`, which is to speak HTTPS with key vaults on behalf of `key`. The configuration knows no vault as a source of
 * keys, so that main starts it for nobody; started, it confines itself and knows no request.
 */
#include "daemon/worker.h"

static int on_message(void *ctx _unused_, struct channel *c _unused_, enum msg_type type _unused_,
		      struct msg_reader *r _unused_, int *fd _unused_)
{
	return -EOPNOTSUPP;
}

int role_vault(const struct options *o)
{
	static const struct worker_ops ops = {.message = on_message};
	struct worker w;

	if (worker_begin(&w, o, &ops, &w) < 0)
		return EXIT_FAILURE;
	return worker_run(&w, o);
}
