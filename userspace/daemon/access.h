/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what over the control socket: the operations with the role each takes, and the role that a process's credentials
 * give it. Holds no state. Used by main.
 */
#ifndef CERTGATE_DAEMON_ACCESS_H
#define CERTGATE_DAEMON_ACCESS_H

#include <sys/types.h>

#include "config/config.h"

/* Operations, as docs/json.md describes them; certgate(8) lists the same roles. */
#define ACCESS_TABLE(X)            \
	X(status, VIEWER)          \
	X(sa, VIEWER)              \
	X(monitor, VIEWER)         \
	X(explain, VIEWER)         \
	X(version, VIEWER)         \
	X(revocations, VIEWER)     \
	X(up, OPERATOR)            \
	X(down, OPERATOR)          \
	X(reload, OPERATOR)        \
	X(revoke, OPERATOR)        \
	X(unrevoke, ADMINISTRATOR) \
	X(keylog, ADMINISTRATOR)   \
	X(restart, ADMINISTRATOR)  \
	X(stop, ADMINISTRATOR)

/* A member of a role as the kernel knows it. */
struct access_member {
	enum cg_role role;
	bool group;
	uint32_t id;
	char name[33];
};

struct access_list {
	struct access_member *members;
	size_t n;
};

/* Looks the configured users and groups up; those that do not exist are logged and left out. Loads name services: before the sandbox only. */
int access_load(const struct cg_gateway *gw, struct access_list *ret);
void access_done(struct access_list *l);
/*
 * The highest role of user, group and supplementary groups. ret_member (may be NULL) gets the member that gives it, NULL for root, who is
 * an administrator always.
 */
enum cg_role access_of(const struct access_list *l, uid_t uid, gid_t gid, const gid_t *groups,
		       size_t n_groups, const struct access_member **ret_member);
/* The role that an operation takes; CG_ROLE_NONE: there is no such operation. */
enum cg_role access_needed(const char *operation);

#endif
