/* SPDX-License-Identifier: Apache-2.0 */
/* Between sim.c, sim_node.c and sim_kernel.c. */
#pragma once

#include "sim.h"

enum sim_event_kind {
	SIM_EVENT_PACKET,
	SIM_EVENT_TICK,
	SIM_EVENT_ANSWER,
	SIM_EVENT_TRAFFIC,
	SIM_EVENT_SA, /* one of the SAD comes to a limit */
};

struct sim_event {
	struct sim_event *spare; /* the next one that may be used again */
	enum sim_event_kind kind;
	ike_time at;
	uint64_t order;
	struct sim_node *node;
	struct sim_packet *packet;
	/* of ANSWER */
	enum ike_output_kind what;
	/* The number of the engine that asked: one that is gone gets no answer, and the next may have its place in memory. */
	uint64_t engine;
	uint64_t request;
	/* of SA: its inbound SPI, how long it had been there by then, which limit */
	uint32_t spi;
	ike_time after;
	bool hard;
	int error;
	void *extra; /* struct ike_verify_answer, signature, nonces */
	size_t extra_size;
};

/* All of an ESP packet: what it carries, and whose it is. */
struct wire_esp {
	struct sim_esp esp;
	struct sim_node *from;
	uint32_t connection, index;
	struct ike_ts src, dst; /* it is from the first address of this one, and to that of that */
};

/* Packets of ESP that memory was taken for: those before had none to spare. */
extern size_t sim_esp_made;

struct sim_event *sim_event_new(enum sim_event_kind kind, struct sim_node *n);
void sim_event_add(struct sim *s, struct sim_event *e, ike_time at);
void sim_schedule_tick(struct sim_node *n);
void sim_send(struct sim_node *n, const struct cg_endpoint *from, const struct cg_endpoint *to,
	      const void *data, size_t size, bool esp);
void sim_count_esp(struct sim_tally *t, const struct wire_esp *w);
/* What the node's kernel holds for SAs to come. */
struct sim_tally sim_esp_held(const struct sim_node *n);
/* Each packet that was sent has arrived, is lost, or is on its way: once. */
void sim_assert_counted(struct sim *s);
/* Fails. */
void sim_broken(struct sim *s, const char *what, const struct sim_node *n);
void sim_esp_lost(struct sim *s, const void *data, const char *why);
void sim_esp_receive(struct sim_node *n, const struct sim_packet *p);
/* Answers the engine's request after a while; extra is the event's, of malloc(). */
void sim_answer_later(struct sim_node *n, enum ike_output_kind what, uint64_t request, int error,
		      void *extra, size_t extra_size);
/* The node's next engine: the one before is gone. */
void sim_engine_new(struct sim_node *n, bool hold);
struct sim_conn *sim_conn_of(struct sim_node *n, uint32_t id);
void sim_expect(struct sim_node *n, const struct ike_out_expect *o);
void sim_sad_add(struct sim_node *n, const struct ike_out_child_add *o);
void sim_sad_del(struct sim_node *n, uint64_t child, bool outbound_only);
void sim_sad_activate(struct sim_node *n, uint64_t child);
void sim_sad_move(struct sim_node *n, const struct ike_out_child *o);
void sim_sad_limit(struct sim_node *n, const struct sim_event *e);
void sim_sad_clear(struct sim_node *n);
/* What was held for too long is lost. */
void sim_expected_sweep(struct sim_node *n);
/* The kernel has gone, with all that it held. */
void sim_expected_clear(struct sim_node *n);
void sim_place(struct sim_node *n, const struct ike_out_place *o);
void sim_binding_release(struct sim_node *n, uint64_t binding);
void sim_node_traffic(struct sim_node *n);
void sim_node_drain(struct sim_node *n);
void sim_node_answer(struct sim_node *n, struct sim_event *e);
void sim_node_free(struct sim_node *n);
bool sim_at_rest(struct sim *s);
void sim_watch_datagram(struct sim_node *n, const uint8_t *data, size_t size);
void sim_watch_child(struct sim_node *n, const struct ike_out_child_add *o);
/* The event is about what these say. */
void sim_touch(struct sim_node *n, uint32_t connection);
void sim_touch_datagram(struct sim_node *n, const uint8_t *data, size_t size);
void sim_touch_request(struct sim_node *n, uint64_t request);
/* After each event. */
void sim_watch_event(struct sim_node *n);
bool sim_watch_rest(const struct sim_node *n);
void sim_watch_shared(const struct sim_node *n);
void sim_watch_free(struct sim *s);
