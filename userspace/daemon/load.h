/* SPDX-License-Identifier: Apache-2.0 */
/* Reads configurations. Part of `main`. */
#ifndef CERTGATE_DAEMON_LOAD_H
#define CERTGATE_DAEMON_LOAD_H

#include <jansson.h>
#include <stdbool.h>

struct cg_diags;
struct gateway;
struct load;
struct proc;
struct stage_finding;
struct staged_key;
struct staged_trust;

/* From a load that failed, or went without what may be had soon, to the next. */
enum { LOAD_RETRY_SECONDS = 5 };
/* The pauses double this often, while what is due fails or memory or descriptors are wanting: five minutes. */
#define LOAD_RETRY_DOUBLED 6U

/* What became of a load: 0, or negative errno. diags are the caller's to read, not to keep. */
typedef void (*load_done_fn)(void *ctx, int error, const struct cg_diags *diags, json_t *result);

/* -EBUSY: one is under way. reread false: brings the configuration in force to key and verify again. */
int load_start(struct gateway *g, bool reread, load_done_fn done, void *ctx);
void load_on_staged_key(struct gateway *g, struct proc *p, const struct staged_key *s);
void load_on_staged_trust(struct gateway *g, struct proc *p, const struct staged_trust *s);
void load_on_finding(struct gateway *g, struct proc *p, const struct stage_finding *s);
/* key or a verify worker ended or came. */
void load_on_process(struct gateway *g, bool came);
/* Loads what is in force again, when nothing else is being loaded. */
void load_soon(struct gateway *g);
/* The timer for it has come. done gets g. */
void load_due(struct gateway *g, load_done_fn done);
void load_free(struct load *l);

#endif
