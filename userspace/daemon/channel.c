/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets between the processes on libevent's loop. A channel owns its descriptor, its buffer for what comes in and the queue of what
 * could not be sent yet; both are wiped. Called by every role.
 */
#include "daemon/channel.h"

#include <fcntl.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/log.h"

#define QUEUE_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define QUEUE_LONG	((size_t)256 * 1024) /* that the memory of is worth an effort */
#define QUEUE_BLOCK	((size_t)64 * 1024)
#define SOCKET_BUFFER	(2 * (int)MSG_SIZE_MAX)
#define BATCH		64 /* messages handled before others get their turn */
/* More messages than a socket holds: the kernel takes its size twice, and the shortest for more than 512 bytes. */
#define DRAIN_MAX	(2 * SOCKET_BUFFER / 512)

/* What is gathered for one datagram, and what the datagram and each of its messages begin with. */
#define GATHER_BYTES ((size_t)16 * 1024)
#define SEVERAL_HEAD sizeof(uint16_t)
#define EACH_HEAD    sizeof(uint32_t)

struct queued {
	int fd;
	unsigned int messages;
	size_t len;
	uint8_t data[];
};

/*
 * Messages one after the other. A piece of memory for each would lie between what whoever sends keeps of what it sends of: once sent, a hole
 * of its length for each connection of a large configuration, too short to go back to the system.
 */
struct block {
	struct block *next;
	size_t at, end, size; /* of room: the first message, behind the last, and in all */
	uint8_t room[] __attribute__((aligned(__alignof__(struct queued))));
};

struct channel {
	int fd;
	enum role self, peer;
	unsigned int index;
	const struct channel_ops *ops;
	void *ctx;
	struct event *readable, *writable;
	struct block *head, *last;	  /* none of them is empty */
	size_t queued_bytes, queued_most; /* the latter since the queue was empty */
	uint64_t sent, taken;		  /* messages, by us and by the socket */
	struct {
		unsigned int most; /* messages in a datagram; 0: each goes by itself */
		unsigned int n;
		size_t len;
		uint8_t *buf; /* of GATHER_BYTES */
		TAILQ_ENTRY(channel) all;
	} gather;
	unsigned int busy; /* handlers on the stack */
	bool doomed;	   /* freed within a handler */
	bool ended;	   /* closed or violated: nothing is read any more */
	uint8_t *in;
};

/* Those that gathered something in this turn, main's first. */
static TAILQ_HEAD(, channel) gathering = TAILQ_HEAD_INITIALIZER(gathering);
static unsigned int turns; /* within one another */

/* What a message takes in a block, with whatever aligns the next one. */
static size_t room_for(size_t len)
{
	const size_t align = __alignof__(struct queued);

	return (sizeof(struct queued) + len + align - 1) / align * align;
}

static struct queued *first_queued(struct channel *c)
{
	return (struct queued *)(void *)(c->head->room + c->head->at);
}

/* Off the queue, wiped. */
static void drop_first(struct channel *c)
{
	struct queued *q = first_queued(c);
	struct block *b = c->head;

	c->queued_bytes -= q->len;
	b->at += room_for(q->len);
	(void)safe_close(q->fd);
	OPENSSL_cleanse(q->data, q->len);
	if (b->at < b->end)
		return;
	c->head = b->next;
	if (!c->head)
		c->last = NULL;
	free(b);
}

static void forget_gathered(struct channel *c)
{
	if (c->gather.n == 0)
		return;
	TAILQ_REMOVE(&gathering, c, gather.all);
	OPENSSL_cleanse(c->gather.buf, c->gather.len);
	c->gather.n = 0;
}

static void channel_destroy(struct channel *c)
{
	forget_gathered(c);
	free(c->gather.buf);
	while (c->head)
		drop_first(c);
	if (c->readable)
		event_free(c->readable);
	if (c->writable)
		event_free(c->writable);
	(void)safe_close(c->fd);
	free(c->in);
	free(c);
}

struct channel *channel_free(struct channel *c)
{
	if (!c)
		return NULL;
	if (c->busy > 0) {
		c->doomed = true;
		c->ended = true;
		(void)event_del(c->readable);
		(void)event_del(c->writable);
		return NULL;
	}
	channel_destroy(c);
	return NULL;
}

enum role channel_peer(const struct channel *c)
{
	return c->peer;
}

unsigned int channel_index(const struct channel *c)
{
	return c->index;
}

bool channel_flushed(const struct channel *c)
{
	return !c->head && c->gather.n == 0;
}

uint64_t channel_sent(const struct channel *c)
{
	return c->sent;
}

bool channel_taken(const struct channel *c, uint64_t number)
{
	return c->taken >= number;
}

static void end(struct channel *c, const char *violation)
{
	c->ended = true;
	(void)event_del(c->readable);
	(void)event_del(c->writable);
	if (violation)
		c->ops->violation(c->ctx, c, violation);
	else
		c->ops->closed(c->ctx, c);
}

/* Collects the descriptors of a message; more than one are closed and only counted. */
static unsigned int take_fds(struct msghdr *mh, int *ret_fd)
{
	unsigned int n = 0;

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(mh); cm; cm = CMSG_NXTHDR(mh, cm)) {
		size_t count;

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		count = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(fd));
			if (n++ == 0)
				*ret_fd = fd;
			else
				(void)safe_close(fd);
		}
	}
	return n;
}

static void handle(struct channel *c, const uint8_t *data, size_t len, unsigned int n_fds, int *fd)
{
	enum msg_type type;
	struct msg_reader r;
	char text[160];
	int e;

	e = msg_open(data, len, &type, &r);
	if (e < 0) {
		end(c, "a message of no known type");
		return;
	}
	if (!msg_allowed(type, c->peer, c->self, n_fds)) {
		(void)snprintf(text, sizeof(text),
			       "%s with %u descriptors is not %s's to send to %s", msg_name(type),
			       n_fds, role_name(c->peer), role_name(c->self));
		end(c, text);
		return;
	}
	e = c->ops->message(c->ctx, c, type, &r, fd);
	if (c->ended)
		return;
	if (e < 0 || r.failed) {
		(void)snprintf(text, sizeof(text), "%s %s", msg_name(type),
			       r.failed ? "is ill-formed" : "must not have been sent like this");
		end(c, text);
	}
}

/* Within it there is no other such datagram: the table allows nobody to send one. */
static int handle_several(struct channel *c, size_t len, unsigned int n_fds)
{
	struct msg_reader r = {.p = c->in + SEVERAL_HEAD, .left = len - SEVERAL_HEAD};
	unsigned int n = 0;

	while (!c->ended && (n == 0 || r.left > 0)) {
		size_t each = msg_get_u32(&r);
		int none = -EBADF;

		if (r.failed || each > r.left || n_fds > 0 || n == CHANNEL_GATHER_MAX) {
			end(c, "several messages in one that is ill-formed");
			break;
		}
		handle(c, r.p, each, 0, &none);
		r.p += each;
		r.left -= each;
		n++;
	}
	return (int)n;
}

/* What came in one datagram: how many messages, 0 if there is none, negative if the channel ended. */
static int receive(struct channel *c)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = c->in, .iov_len = MSG_SIZE_MAX};
	struct msghdr mh = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.buf,
			    .msg_controllen = sizeof(control.buf)};
	_cleanup_close_ int fd = -EBADF;
	unsigned int n_fds;
	int handled = 1;
	ssize_t n;

	n = recvmsg(c->fd, &mh, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		end(c, NULL);
		return -ECONNRESET;
	}
	/* An empty message looks like the end, and may have brought descriptors all the same. */
	n_fds = take_fds(&mh, &fd);
	if (n == 0) {
		end(c, NULL);
		return -ECONNRESET;
	}
	if (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		end(c, "a message longer than any may be");
	else if (msg_is_several(c->in, (size_t)n))
		handled = handle_several(c, (size_t)n, n_fds);
	else
		handle(c, c->in, (size_t)n, n_fds, &fd);
	OPENSSL_cleanse(c->in, (size_t)n);
	return c->ended ? -ECONNRESET : handled;
}

static void read_some(struct channel *c, int limit)
{
	int n;

	channel_turn_begin();
	c->busy++;
	while (!c->ended && limit > 0 && (n = receive(c)) > 0)
		limit -= n;
	c->busy--;
	if (c->doomed && c->busy == 0)
		channel_destroy(c);
	channel_turn_end();
}

static void on_readable(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	read_some(userdata, BATCH);
}

void channel_drain(struct channel *c)
{
	/* A handler of this very channel is running: its buffer is in use. */
	if (!c || c->busy > 0)
		return;
	read_some(c, DRAIN_MAX);
}

void channel_drain_last(struct channel *c)
{
	if (c && c->busy == 0)
		read_some(c, INT_MAX);
}

static int send_now(struct channel *c, const uint8_t *data, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *cm;

		memset(&control, 0, sizeof(control));
		mh.msg_control = control.buf;
		mh.msg_controllen = sizeof(control.buf);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	}
	for (;;) {
		if (sendmsg(c->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

/* -EAGAIN: not all of it fits the socket. */
static int write_queue(struct channel *c)
{
	while (c->head) {
		struct queued *q = first_queued(c);
		int r = send_now(c, q->data, q->len, q->fd);

		if (r < 0)
			return r == -ENOBUFS ? -EAGAIN : r;
		c->taken += q->messages;
		drop_first(c);
	}
	return 0;
}

static void on_writable(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	struct channel *c = userdata;
	const uint64_t before = c->taken;
	int r = write_queue(c);

	if (r < 0 && r != -EAGAIN) {
		c->busy++;
		end(c, NULL);
		c->busy--;
		if (c->doomed && c->busy == 0)
			channel_destroy(c);
		return;
	}
	if (r == 0) {
		(void)event_del(c->writable);
		/* All of a large configuration stood in line here: what that took goes back to the system. */
		if (c->queued_most >= QUEUE_LONG)
			(void)malloc_trim(0);
		c->queued_most = 0;
	}
	if (c->taken > before && c->ops->taken)
		c->ops->taken(c->ctx, c);
}

/* Room for one more message of this length; NULL: no memory. The first block of a queue is as long as the message: mostly no other one follows. */
static struct queued *queue_room(struct channel *c, size_t len)
{
	size_t wanted = room_for(len), size = c->last ? MAX(wanted, QUEUE_BLOCK) : wanted;
	struct block *b = c->last;
	struct queued *q;

	if (!b || b->size - b->end < wanted) {
		b = malloc(sizeof(*b) + size);
		if (!b)
			return NULL;
		*b = (struct block){.size = size};
		if (c->last)
			c->last->next = b;
		else
			c->head = b;
		c->last = b;
	}
	q = (struct queued *)(void *)(b->room + b->end);
	b->end += wanted;
	*q = (struct queued){.fd = -EBADF, .messages = 1, .len = len};
	return q;
}

static int enqueue(struct channel *c, const uint8_t *data, size_t len, unsigned int messages,
		   int fd)
{
	_cleanup_close_ int copy = -EBADF;
	struct queued *q;

	if (c->queued_bytes + len > QUEUE_BYTES_MAX)
		return -ENOBUFS;
	if (fd >= 0) {
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (copy < 0)
			return -errno;
	}
	q = queue_room(c, len);
	if (!q)
		return -ENOMEM;
	q->fd = TAKE_FD(copy);
	q->messages = messages;
	memcpy(q->data, data, len);
	c->queued_bytes += len;
	if (c->queued_bytes > c->queued_most)
		c->queued_most = c->queued_bytes;
	(void)event_add(c->writable, NULL);
	return 0;
}

/* A datagram with so many messages: to the socket, or behind what waits for it. */
static int pass_on(struct channel *c, const uint8_t *data, size_t len, unsigned int messages,
		   int fd)
{
	int r;

	if (c->head)
		return enqueue(c, data, len, messages, fd);
	r = send_now(c, data, len, fd);
	if (r == 0)
		c->taken += messages;
	else if (r == -EAGAIN || r == -ENOBUFS)
		r = enqueue(c, data, len, messages, fd);
	return r;
}

/* Those whose socket is dead are told by the event loop. Without memory the other side would wait for what never comes: who cannot tell it ends. */
static void pass_on_gathered(void)
{
	struct channel *c;

	while ((c = TAILQ_FIRST(&gathering))) {
		const size_t head = c->gather.n > 1 ? 0 : SEVERAL_HEAD + EACH_HEAD;

		if (pass_on(c, c->gather.buf + head, c->gather.len - head, c->gather.n, -EBADF) ==
		    -ENOMEM) {
			(void)log_oom();
			_exit(EXIT_FAILURE);
		}
		forget_gathered(c);
	}
}

void channel_turn_begin(void)
{
	turns++;
}

void channel_turn_end(void)
{
	if (--turns == 0)
		pass_on_gathered();
}

int channel_gather(struct channel *c, unsigned int most)
{
	if (!c->gather.buf)
		c->gather.buf = malloc(GATHER_BYTES);
	if (!c->gather.buf)
		return -ENOMEM;
	c->gather.most = MIN(most, CHANNEL_GATHER_MAX);
	return 0;
}

/* False: it is to go by itself. */
static bool gather(struct channel *c, const uint8_t *data, size_t len)
{
	const uint16_t several = MSG_SEVERAL;
	const uint32_t each = (uint32_t)len;

	if (turns == 0 || c->gather.most == 0 || c->head)
		return false;
	if (len > GATHER_BYTES - SEVERAL_HEAD - EACH_HEAD)
		return false;
	if (c->gather.n > 0 && len + EACH_HEAD > GATHER_BYTES - c->gather.len)
		pass_on_gathered();
	if (c->head)
		return false;
	if (c->gather.n == 0) {
		memcpy(c->gather.buf, &several, sizeof(several));
		c->gather.len = sizeof(several);
		if (c->peer == ROLE_MAIN)
			TAILQ_INSERT_HEAD(&gathering, c, gather.all);
		else
			TAILQ_INSERT_TAIL(&gathering, c, gather.all);
	}
	memcpy(c->gather.buf + c->gather.len, &each, sizeof(each));
	memcpy(c->gather.buf + c->gather.len + sizeof(each), data, len);
	c->gather.len += sizeof(each) + len;
	if (++c->gather.n >= c->gather.most)
		pass_on_gathered();
	return true;
}

int channel_send(struct channel *c, struct msg_writer *w, int fd)
{
	int r = 0;

	if (!c || c->ended)
		r = -ENOTCONN;
	else if (w->failed)
		r = -EMSGSIZE;
	else if (fd >= 0 || !gather(c, w->buf, w->len)) {
		/* Not before what was sent first, and to nobody before what main is to know. */
		if (c->gather.n > 0 || c->peer != ROLE_MAIN)
			pass_on_gathered();
		r = pass_on(c, w->buf, w->len, 1, fd);
	}
	if (r == 0)
		c->sent++;
	msg_end(w);
	return r;
}

int channel_new(struct event_base *base, int fd, enum role self, enum role peer, unsigned int index,
		const struct channel_ops *ops, void *ctx, struct channel **ret)
{
	struct channel *c = calloc(1, sizeof(*c));

	if (!c) {
		(void)safe_close(fd);
		return -ENOMEM;
	}
	*c = (struct channel){
		.fd = fd, .self = self, .peer = peer, .index = index, .ops = ops, .ctx = ctx};
	c->in = malloc(MSG_SIZE_MAX);
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
	if (!c->in || !c->readable || !c->writable || event_add(c->readable, NULL) < 0) {
		channel_destroy(c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

int channel_pair(int ret[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		int size = SOCKET_BUFFER;

		/* Beyond the system's limit where we may, up to it where we may not: enough for any message. */
		if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
			(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	ret[0] = fds[0];
	ret[1] = fds[1];
	return 0;
}
