/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this directory share: the socket, one request buffer, the exchange with the kernel and the
 * attributes that several objects have. Not used outside userspace/kernel.
 */
#ifndef CERTGATE_KERNEL_CLIENT_H
#define CERTGATE_KERNEL_CLIENT_H

#include <libmnl/libmnl.h>

#include "kernel/kernel.h"

/* Room for the largest request: a tunnel with all its selectors takes under 6 KiB. */
#define CGK_REQUEST_SIZE 16384

struct cgk {
	struct mnl_socket *nl;
	uint16_t family;
	uint32_t group; /* of the events */
	uint32_t seq;
	char error[512];
	_Alignas(NLMSG_ALIGNTO) uint8_t request[CGK_REQUEST_SIZE];
};

/* Begins a request in k->request; flags beside NLM_F_REQUEST. */
struct nlmsghdr *cgk_begin(struct cgk *k, uint8_t cmd, uint16_t flags);
/*
 * Sends k->request and reads to the end of the answer. fn (may be NULL) is called for each message of the family;
 * a negative return ends the exchange. The request's bytes are wiped if `secret`.
 */
int cgk_talk(struct cgk *k, bool secret, int (*fn)(void *ctx, const struct nlmsghdr *nlh),
	     void *ctx);
/*
 * The same for a request with one answer: read fills object from it. -EPROTO if none came.
 */
int cgk_answer(struct cgk *k, void (*read)(const struct nlmsghdr *nlh, void *object), void *object);
/* Sets the error text and returns err. */
int cgk_fail(struct cgk *k, int err, const char *fmt, ...) _printf_(3, 4);

/*
 * Table of an object's attributes: indexed by type, NULL if absent or shorter than its minimum. Types above max are
 * skipped: a newer module may send them.
 */
void cgk_parse(const struct nlmsghdr *nlh, const struct nlattr **tb, uint16_t max);
void cgk_parse_nested(const struct nlattr *nest, const struct nlattr **tb, uint16_t max);
/* Values of attributes that may be absent or of another size: 0 or empty then. */
uint64_t cgk_uint(const struct nlattr *a);
uint32_t cgk_be32(const struct nlattr *a);
void cgk_text(const struct nlattr *a, char *out, size_t size);
bool cgk_hash(const struct nlattr *a, uint8_t out[CERTGATE_HASH_SIZE]);

void cgk_put_endpoint(struct nlmsghdr *nlh, uint16_t type, const struct cg_endpoint *e, bool port);
void cgk_get_endpoint(const struct nlattr *a, struct cg_endpoint *ret);
void cgk_get_addr(const struct nlattr *a, struct cg_addr *ret);
void cgk_get_stats(const struct nlattr *a, struct cgk_stats *ret);

/* attrs.c: the name of the attribute at an offset into a request, or of one that is missing there. */
void cgk_attr_at(const struct nlmsghdr *request, uint32_t offset, char *out, size_t size);
const char *cgk_attr_missing(const struct nlmsghdr *request, uint32_t nest_offset, uint32_t type);

#endif
