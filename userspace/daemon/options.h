/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What certgated was started with, and the entries of its processes.
 */
#ifndef CERTGATE_DAEMON_OPTIONS_H
#define CERTGATE_DAEMON_OPTIONS_H

#include <sys/types.h>

#include "daemon/role.h"

struct options {
	const char *config;    /* path */
	const char *socket;    /* path of the control socket */
	bool debug;	       /* log everything, whatever the configuration says */
	unsigned int handover; /* of launcher and main: how many descriptors the ones before left */
	/* of a process that the launcher started */
	enum role role;
	unsigned int index;
	uid_t uid;
	gid_t gid;
};

/* Each runs its process to the end and returns its exit status. */
int role_main(const struct options *o);
int role_ike(const struct options *o);
int role_verify(const struct options *o);
int role_key(const struct options *o);
int role_vault(const struct options *o);
int role_hsm(const struct options *o);
int role_fetch(const struct options *o);

#endif
