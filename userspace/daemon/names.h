/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and their addresses in a process that sees no file: what the system's resolver goes by is read before the root directory becomes an empty one.
 * /etc/hosts is looked into here, name servers are asked by the C library.
 */
#ifndef CERTGATE_DAEMON_NAMES_H
#define CERTGATE_DAEMON_NAMES_H

#include "base/addr.h"
#include "base/macro.h"

enum { NAMES_HOSTS_MAX = 1024 * 1024 /* bytes of /etc/hosts that are read */ };

/* Reads it all. To be called while files can be seen. */
void names_begin(void);
/* The same of another thread than the one that did: the C library has a state of its own for each. */
void names_begin_thread(void);
void names_end(void);
/* What stands in place of /etc/hosts from now on. Lines that are none are left out. */
void names_set_hosts(const char *text);
/*
 * At most max addresses of the name, each once; family AF_UNSPEC: of both. What hosts has is all there is, as with the usual order "files dns". 0 with
 * *ret_n > 0; -EHOSTUNREACH with the reason in *ret_why.
 */
int names_find(const char *name, int family, struct cg_addr *ret, size_t max, size_t *ret_n,
	       const char **ret_why);

/* The files that names_begin() read, for whoever looks whether they changed: NULL beyond the last. */
const char *names_file(size_t i);

#endif
