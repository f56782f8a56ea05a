/* SPDX-License-Identifier: Apache-2.0 */
/* Devices and addresses of connections. Part of `main`. */
#ifndef CERTGATE_DAEMON_IFACE_H
#define CERTGATE_DAEMON_IFACE_H

struct cg_interface_config;
struct conn;
struct gateway;

/* Without an address or the MTU that cannot be had, which is told, the device serves all the same. */
int link_apply(struct conn *c);
/* What it had before, and nobody has any more. */
void link_drop(struct conn *c, const struct cg_interface_config *before);
void link_remove(struct conn *c);
/* What went along with what was dropped or removed: other addresses, and routes. */
void links_restore(struct gateway *g);

#endif
