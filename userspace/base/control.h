/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket between `certgate` and `certgated`: a stream Unix socket, one JSON object a line. A request has at most 1 MiB; an
 * answer grows with the number of connections and has at most 64 MiB.
 *
 *   request   {"v":1,"op":"status","args":{…}}
 *   answer    {"ok":true,"result":…}  or  {"ok":false,"error":"reason","hint":"what to do"}
 *   event     {"event":{…}}           only after op "monitor" was answered
 *
 * Operations and results are described in docs/json.md. The reader is incremental, so that a server can use it on a
 * non-blocking socket; the client functions block up to a timeout. Used by the command line and by main.
 */
#ifndef CERTGATE_BASE_CONTROL_H
#define CERTGATE_BASE_CONTROL_H

#include "base/json.h"
#include "base/time.h"

#define CONTROL_SOCKET_PATH "/run/certgate/control.sock"
#define CONTROL_SOCKET_ENV  "CERTGATE_SOCKET"
#define CONTROL_VERSION	    1
#define CONTROL_LINE_MAX    ((size_t)1024 * 1024)      /* of a request */
#define CONTROL_ANSWER_MAX  ((size_t)64 * 1024 * 1024) /* of an answer or event */

/* How long a client waits for the answer to what can be answered at once. What the daemon collects for one is cut off before that. */
#define CONTROL_ANSWER_SECONDS 30

/* Bytes received and not yet taken. Zero-initialise; free with control_reader_free(). */
struct control_reader {
	char *buf;
	size_t len, size;
	size_t scanned; /* bytes known to hold no newline */
	size_t max;	/* longest line; 0: CONTROL_LINE_MAX */
};

void control_reader_free(struct control_reader *r);
/*
 * Reads once from fd. 1 if something came, 0 at end of file, -EAGAIN if nothing is there (non-blocking), -EMSGSIZE if a
 * line grows past the reader's longest, or read(2)'s error.
 */
int control_reader_fill(struct control_reader *r, int fd);
/*
 * Takes the next whole line. 1 and a new reference in *ret, 0 if no line is whole yet, -EBADMSG if the line is not one
 * JSON object (it has been taken; the caller answers and closes).
 */
int control_reader_next(struct control_reader *r, json_t **ret);

/* A message as one line with its newline; the caller frees. NULL if out of memory or longer than any answer may be. */
char *control_encode(const json_t *msg, size_t *ret_len);

/* Checks v, op and args of a request. ret_op points into msg, ret_args is borrowed (an empty object if absent). -EBADMSG, -EPROTONOSUPPORT for v. */
int control_parse_request(json_t *msg, const char **ret_op, json_t **ret_args);
/* New references, NULL if out of memory. result is stolen, also on failure; hint may be NULL. */
json_t *control_result(json_t *result);
json_t *control_error(const char *error, const char *hint);
json_t *control_event(json_t *event);

/* path if not NULL, else the environment's, else the default. */
const char *control_socket_path(const char *path);
/*
 * A listening socket at path with this mode; a stale one is replaced, one that answers is -EADDRINUSE. Non-blocking, close-on-exec.
 * -ENAMETOOLONG and what the calls say.
 */
int control_listen(const char *path, mode_t mode);
/* A connected blocking socket. -ENAMETOOLONG, -ENOENT or -ECONNREFUSED if nobody listens, -EACCES, -ETIMEDOUT. */
int control_connect(const char *path, usec_t timeout);
/* Sends a whole request on a blocking socket. -ETIMEDOUT, -EMSGSIZE, -EPIPE. */
int control_send(int fd, const json_t *msg, usec_t timeout);
/* Receives a whole answer. -ETIMEDOUT, -ECONNRESET at end of file, -EMSGSIZE, -EBADMSG. */
int control_receive(int fd, struct control_reader *r, usec_t timeout, json_t **ret);

#endif
