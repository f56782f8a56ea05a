/* SPDX-License-Identifier: Apache-2.0 */
/* The address that a datagram is sent from, where it is not the socket's (IP_PKTINFO, ip(7)). */
#ifndef CERTGATE_BENCH_IKE_PKTINFO_H
#define CERTGATE_BENCH_IKE_PKTINFO_H

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define PKTINFO_SPACE CMSG_SPACE(sizeof(struct in_pktinfo))

/* Into cm, which has PKTINFO_SPACE. */
static inline void pktinfo_put(struct cmsghdr *cm, struct in_addr from)
{
	const struct in_pktinfo pi = {.ipi_spec_dst = from};

	cm->cmsg_level = IPPROTO_IP;
	cm->cmsg_type = IP_PKTINFO;
	cm->cmsg_len = CMSG_LEN(sizeof(pi));
	memcpy(CMSG_DATA(cm), &pi, sizeof(pi));
}

#endif
