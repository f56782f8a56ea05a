/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is revoked, kept over restarts: a file of one JSON object a line in the state directory. It is read, and written anew without what was
 * taken back, before main gives up writing files; from then on main only appends to the one descriptor it has. A line is whole or not
 * there: one that a crash cut short has no end and is left out.
 */
#ifndef CERTGATE_DAEMON_REVOKED_FILE_H
#define CERTGATE_DAEMON_REVOKED_FILE_H

#include "daemon/revoked_set.h"

#define REVOKED_FILE "revoked"

/*
 * Reads what is there into the set, which is empty, leaving out what was seen of certificates that have expired by `now`; replaces the file
 * and opens it. Makes the directory if it is not there. *ret: for revoked_file_append(). Negative errno after an error was logged:
 * what is damaged, or others can change, is not passed over.
 */
int revoked_file_open(const char *dir, int64_t now, struct revoked_set *set, int *ret);
/* Adds that r was revoked (or, of which the hash alone counts, is not any more), on the disk when it returns. */
int revoked_file_append(int fd, const struct revoked *r, bool revoked);

#endif
