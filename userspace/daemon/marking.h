/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest lists that files and servers brought, between the verify workers, which see them, and the file that keeps them. Of main. Called by role_main.c and proc.c.
 */
#ifndef CERTGATE_DAEMON_MARKING_H
#define CERTGATE_DAEMON_MARKING_H

#include "daemon/list_marks.h"

struct gateway;

struct marking {
	struct list_marks list;
	int fd; /* of its file */
	bool unsynced;
};

/* Reads the file; after revoke_start(), which makes the directory, and before main gives up opening files. Negative errno was logged. */
int marking_start(struct gateway *g);
void marking_stop(struct gateway *g);
/* A verify worker is ready; it hears this before any configuration. */
void marking_tell_verify(struct gateway *g, struct channel *c);
/* A worker has a genuine list of these. The others learn it; on the disk within a second. */
void marking_seen(struct gateway *g, const struct pki_crl_mark *m);

#endif
