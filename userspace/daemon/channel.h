/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of the socket between two processes, on the event loop. Checks each message against the table of msg.h before
 * anyone sees it, and that its reader used it up. Never blocks: what the other side does not take yet waits in a bounded queue.
 */
#ifndef CERTGATE_DAEMON_CHANNEL_H
#define CERTGATE_DAEMON_CHANNEL_H

#include <event2/event.h>

#include "daemon/msg.h"

struct channel;

struct channel_ops {
	/*
	 * A message that the table allows. *fd is its descriptor or -EBADF; the handler takes it with TAKE_FD(), otherwise it is closed. Returns 0,
	 * or negative errno if the message must not have been sent: a violation. The handler need not check msg_done() at
	 * the end, but must before it acts.
	 */
	int (*message)(void *ctx, struct channel *c, enum msg_type type, struct msg_reader *r,
		       int *fd);
	/* The other side is gone, or can't be written to. The handler frees the channel. */
	void (*closed)(void *ctx, struct channel *c);
	/* It sent what it must not. Nothing more is read; the handler frees the channel. */
	void (*violation)(void *ctx, struct channel *c, const char *text);
	/* The socket took some of what had to wait: see channel_taken(). May be NULL. */
	void (*taken)(void *ctx, struct channel *c);
};

/* Owns fd from now on, also if it fails. */
int channel_new(struct event_base *base, int fd, enum role self, enum role peer, unsigned int index,
		const struct channel_ops *ops, void *ctx, struct channel **ret);
/* May be called from within the channel's own handlers. Returns NULL. Queued messages are wiped. */
struct channel *channel_free(struct channel *c);
DEFINE_CLEANUP(struct channel *, channel_free);

enum role channel_peer(const struct channel *c);
unsigned int channel_index(const struct channel *c);

/*
 * Sends or queues the message, wipes it, and ends the writer. fd: a descriptor that goes along, -EBADF for none; it stays the
 * caller's. c may be NULL (-ENOTCONN). -EMSGSIZE: the message did not fit; -ENOBUFS: the queue is full; other errors: the socket is dead,
 * `closed` follows from the event loop.
 */
int channel_send(struct channel *c, struct msg_writer *w, int fd);
/* Writes a message, its body by put(writer, …), and sends it without a descriptor: what channel_send() returned. */
#define channel_tell(c, type, put, ...)       \
	({                                    \
		struct msg_writer _w;         \
		msg_begin(&_w, type);         \
		put(&_w, __VA_ARGS__);        \
		channel_send(c, &_w, -EBADF); \
	})
/* More messages in one datagram are nobody's to send: who reads them lets others have their turn. */
#define CHANNEL_GATHER_MAX 16U
/*
 * What is sent within one turn goes together at its end, at most so many messages in one datagram (up to CHANNEL_GATHER_MAX), to main before it goes to
 * others: under load a datagram and a waking for each message cost more than the message. Handling what a channel received is a turn; others
 * begin and end one, also within another one. What has to wait for the socket is not gathered. -ENOMEM: each goes by itself.
 *
 * channel_send() says then that a message was gathered; that the socket is dead is told by `closed` alone. Not for who waits for channel_taken():
 * `taken` tells only of what had to wait.
 */
int channel_gather(struct channel *c, unsigned int most);
void channel_turn_begin(void);
void channel_turn_end(void);
/* Handles all that has arrived, now. For an answer that must have come before: the order of messages of two channels. */
void channel_drain(struct channel *c);
/* The same when the other side has ended: whatever is left, which nobody adds to. */
void channel_drain_last(struct channel *c);
/* Whether everything sent was taken by the socket. */
bool channel_flushed(const struct channel *c);
/*
 * The number of the message that was sent last, and whether the socket has taken the one with this number: then it is among what channel_drain()
 * handles on the other side.
 */
uint64_t channel_sent(const struct channel *c);
bool channel_taken(const struct channel *c, uint64_t number);

/* Two ends of a new socket, close-on-exec, with room for the largest message. */
int channel_pair(int ret[2]);

#endif
