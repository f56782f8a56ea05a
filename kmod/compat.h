/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels certgate is built for. The only file with
 * version tests; where a header or a macro tells, that is asked instead.
 */
#ifndef _CERTGATE_COMPAT_H
#define _CERTGATE_COMPAT_H

#include <linux/crypto.h>
#include <linux/netdevice.h>
#include <linux/version.h>
#include <net/net_namespace.h>
#include <net/udp.h>

#ifdef CG_HAVE_LINUX_UNALIGNED_H
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#ifdef CG_HAVE_NET_GSO_H
#include <net/gso.h>
#endif

/* What a crypto completion is called with, and the data given for it. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define CG_CRYPTO_ARG		void *
static inline void *cg_crypto_data(void *arg)
{
	return arg;
}

/* Call @done as a cipher does that was given @data. */
static inline void cg_crypto_answer(crypto_completion_t done, void *data, int err)
{
	done(data, err);
}
#else
#define CG_CRYPTO_ARG		struct crypto_async_request *
static inline void *cg_crypto_data(struct crypto_async_request *arg)
{
	return arg->data;
}

static inline void cg_crypto_answer(crypto_completion_t done, void *data, int err)
{
	struct crypto_async_request req = { .data = data };

	done(&req, err);
}
#endif

/* The library's ChaCha20 and Poly1305, with states that are their callers': chacha_library.c */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define CG_HAVE_CHACHA_LIBRARY
#endif

/* Where a namespace's UDP sockets are found. */
static inline struct udp_table *cg_udp_table(const struct net *net)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	return net->ipv4.udp_table;
#else
	return &udp_table;
#endif
}

/* Transmit without the core's lock. */
static inline void cg_set_lltx(struct net_device *dev)
{
#ifdef NETIF_F_LLTX
	dev->features |= NETIF_F_LLTX;
#else
	dev->lltx = true;
#endif
}

#endif
