/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts that wait until main can read of the binding that each names.
 */
#include "daemon/held_verdict.h"

#include <stdlib.h>

#include "daemon/proto_auth.h"

struct held_verdict {
	TAILQ_ENTRY(held_verdict) all;
	uint64_t binding_sent; /* to main, by channel_sent() */
	uint64_t request;
	struct ike_verify_answer answer;
};

void held_verdicts_init(struct held_verdicts *h)
{
	TAILQ_INIT(h);
}

static void tell(const struct worker *w, uint64_t request, const struct ike_verify_answer *a)
{
	(void)channel_tell(worker_neighbour(w, ROLE_IKE, 0), MSG_VERDICT, proto_put_verdict,
			   request, a);
}

void held_verdict_tell(struct held_verdicts *h, const struct worker *w, uint64_t request,
		       uint64_t binding_sent, const struct ike_verify_answer *a)
{
	struct held_verdict *v = channel_taken(w->main, binding_sent) ? NULL : malloc(sizeof(*v));

	if (!v) {
		tell(w, request, a);
		return;
	}
	*v = (struct held_verdict){.binding_sent = binding_sent, .request = request, .answer = *a};
	TAILQ_INSERT_TAIL(h, v, all);
}

void held_verdicts_taken(struct held_verdicts *h, const struct worker *w)
{
	struct held_verdict *v;

	while ((v = TAILQ_FIRST(h)) && channel_taken(w->main, v->binding_sent)) {
		TAILQ_REMOVE(h, v, all);
		tell(w, v->request, &v->answer);
		free(v);
	}
}

void held_verdicts_drop(struct held_verdicts *h)
{
	struct held_verdict *v;

	while ((v = TAILQ_FIRST(h))) {
		TAILQ_REMOVE(h, v, all);
		free(v);
	}
}
