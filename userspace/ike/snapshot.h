/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A planned restart: an engine writes down what it is, and another one, in the next process, goes on there. IKE SAs, Child SAs, message
 * IDs, keys, deadlines and requests under way go along; bindings do not: the snapshot has handles, and whoever restores says which of
 * them are live, and what the kernel has.
 *
 * The order of things: ike_settle(), until ike_settled() or patience ends; ike_engine_save(), after which the engine says nothing more. Then,
 * with an engine that was made with config.hold and has its connections: ike_engine_restore(), and ike_engine_start() whatever came of it.
 *
 * A snapshot holds keys: wipe it. It is good once. What makes sure of that is the token, which the caller draws for each restart and keeps
 * apart from the snapshot; the age; and the kernel's Child SAs, which an older one does not know. Should all fail, IVs still do not
 * come twice: each restored key goes on at a place of its own.
 */
#pragma once

#include "ike/engine.h"

enum {
	IKE_SNAPSHOT_TOKEN = 16,
	IKE_SNAPSHOT_MAX = 256 * 1024 * 1024, /* bytes */
};
#define IKE_SNAPSHOT_AGE ((ike_time)120 * 1000000) /* an older one is no restart any more */

/* A binding that is live, by its handle, and whose peer it is. */
struct ike_kernel_binding {
	uint32_t connection;
	uint64_t binding;
};

/* A Child SA that is installed; spi_out counts also when the outbound SA is gone. */
struct ike_kernel_child {
	uint32_t connection;
	uint64_t child, binding;
	uint32_t spi_in, spi_out;
};

struct ike_kernel {
	const struct ike_kernel_binding *bindings;
	const struct ike_kernel_child *children;
	size_t n_bindings, n_children;
};

/* No new negotiation is begun or answered from now on; what is under way goes on. */
void ike_settle(struct ike_engine *e, ike_time now);
/* Is nothing under way that a snapshot cannot hold? A peer who authenticates, a Child SA that the caller has not answered for. */
bool ike_settled(const struct ike_engine *e);

/*
 * Writes the engine down. *ret is the caller's: ike_snapshot_free(). Afterwards the engine is good for ike_engine_free() alone: it takes no
 * input and gives no output. A connection that has more than a snapshot takes of one is left out, and made anew. -EBUSY: outputs have not been
 * taken; -ENOMEM; -EFBIG: then the engine goes on.
 */
int ike_engine_save(struct ike_engine *e, ike_time now, const uint8_t token[IKE_SNAPSHOT_TOKEN],
		    uint8_t **ret, size_t *ret_size);
/* Wipes and frees; NULL is fine; returns NULL. */
uint8_t *ike_snapshot_free(uint8_t *snapshot, size_t size);

struct ike_restored {
	size_t connections, refused; /* that it is about, and that go on; that begin anew */
	size_t sas, children;
};

/*
 * Puts what the snapshot says into an engine on hold that has its connections and nothing else. Nothing in it is believed: what does not
 * fit the engine, the connection's configuration or the kernel leaves that connection as it was, with a report ("restore-refused"); what
 * cannot be a snapshot leaves all of them so. Bindings of restored connections that nothing uses are released.
 *
 * 0, also if no connection goes on; -EBADMSG: malformed; -EPROTONOSUPPORT: of another version; -ESTALE: too old, or of another restart;
 * -EBUSY: the engine is not new; -ENOMEM.
 */
int ike_engine_restore(struct ike_engine *e, ike_time now, const uint8_t token[IKE_SNAPSHOT_TOKEN],
		       const uint8_t *snapshot, size_t size, const struct ike_kernel *kernel,
		       struct ike_restored *ret);
/* Does it go on where it was? */
bool ike_connection_restored(const struct ike_engine *e, uint32_t id);
/* The end of the hold. */
void ike_engine_start(struct ike_engine *e, ike_time now);
