/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and responses of an IKE SA, of exchange.c. Private to the engine; included by state.h. */
#pragma once

#include "ike/state.h"

struct ik_task *ik_task_queue(struct ik_sa *sa, enum ik_task_kind kind, uint64_t child,
			      uint32_t index);
/* About nothing but the IKE SA, before all others. */
struct ik_task *ik_task_queue_first(struct ik_sa *sa, enum ik_task_kind kind);
bool ik_task_queued(const struct ik_sa *sa, enum ik_task_kind kind, uint64_t child, uint32_t index);
bool ik_task_about_child(enum ik_task_kind kind);
void ik_tasks_clear(struct ik_sa *sa);
/* Starts what is queued if nothing is under way. */
void ik_sa_run(struct ik_sa *sa);
struct ik_exchange *ik_exchange_new(struct ik_sa *sa, const struct ik_task *task, uint8_t type);
/* Seals the chain that was built in e->scratch and sends it; the exchange becomes the active one. Consumes x. */
int ik_exchange_send(struct ik_exchange *x, struct ike_builder *chain);
/* The largest IKE message that goes in one datagram which is not to be fragmented. */
size_t ik_message_max(const struct ik_sa *sa, const struct cg_endpoint *local);
/* Not what waits until a Child SA's SPI is known. */
void ik_exchange_transmit(struct ik_exchange *x);
/* It is, or that has taken too long: sent for the first time. Or again from the beginning: nobody could answer it before. */
void ik_exchange_release(struct ik_exchange *x);
void ik_exchange_transmit_from(struct ik_exchange *x, const struct cg_endpoint *local);
/* Once, from there to there. */
void ik_exchange_transmit_to(struct ik_exchange *x, const struct cg_endpoint *local,
			     const struct cg_endpoint *remote);
void ik_exchange_start_timer(struct ik_exchange *x);
struct ik_exchange *ik_exchange_free(struct ik_exchange *x);
/* The exchange that was answered goes on with another request: 0, and it is the active one again, or an error. */
int ik_exchange_again(struct ik_exchange *x, uint8_t type, struct ike_builder *chain);
/* A chain to be built in e->scratch. */
void ik_chain_begin(struct ike_engine *e, struct ike_builder *b);
/* Seals the chain as the response to the request with this ID, sends and keeps it. */
int ik_respond(struct ik_sa *sa, uint8_t exchange, uint32_t id, struct ike_builder *chain);
void ik_respond_notify(struct ik_sa *sa, uint8_t exchange, uint32_t id, uint16_t type,
		       struct ike_view data);
void ik_response_repeat(struct ik_sa *sa, const struct cg_endpoint *local,
			const struct cg_endpoint *remote);
void ik_serving_done(struct ik_sa *sa);
