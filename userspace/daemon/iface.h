/* SPDX-License-Identifier: Apache-2.0 */
/* Devices and addresses of connections. Part of `main`. */
#ifndef CERTGATE_DAEMON_IFACE_H
#define CERTGATE_DAEMON_IFACE_H

struct cg_interface_config;
struct conn;

/* old: what it was before; NULL: it was not. Without an address or the MTU that cannot be had, which is told, the device serves all the same. */
int link_apply(struct conn *c, const struct cg_interface_config *old);
void link_remove(struct conn *c);

#endif
