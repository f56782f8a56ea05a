/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what over the control socket: the operations with the role each takes, and the role that a process's credentials
 * give it. Holds no state. Used by main.
 */
#ifndef CERTGATE_DAEMON_ACCESS_H
#define CERTGATE_DAEMON_ACCESS_H

#include <sys/types.h>

#include "base/time.h"
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

/*
 * How often what users are refused is told of, each user's for itself, so that nobody's flood hides what another tries. All zeros: nobody was refused
 * anything. Of more users at a time than there are places the others share the last one.
 */
enum { ACCESS_LIMITS = 32, ACCESS_LIMIT_SECONDS = 10, ACCESS_LIMIT_BURST = 20 };
struct access_limits {
	struct access_limit {
		uid_t uid;
		struct cg_ratelimit limit; /* all zeros: free */
		unsigned int left_out;
	} users[ACCESS_LIMITS];
};

/* Whether that refusal is told of. `now` is of the boot clock. */
bool access_limit_pass(struct access_limits *l, uid_t uid, usec_t now);
/* How many of a user's were not told of, whose time is over: forgotten with that. 0: there are none; *ret_shared: they are of several users. */
unsigned int access_limit_left_out(struct access_limits *l, usec_t now, uid_t *ret_uid,
				   bool *ret_shared);

#endif
