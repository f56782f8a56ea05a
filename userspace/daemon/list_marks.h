/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest revocation list of each signer, issuer and scope that a file or a server brought: number and time, so that an older one is known for what it is
 * after a restart, to a worker that is new and for a connection that begins anew. Verify says what it has seen, and only of lists whose signature
 * it has checked; main keeps it in a file and tells every worker. Bounded: the mark that was raised longest ago, which the file tells too, makes
 * room.
 *
 * The file has records of one size, each with a digest: main, which has given up opening files by then, writes them in their place. One that a
 * crash cut short, that is damaged, or of another version is left out.
 */
#ifndef CERTGATE_DAEMON_LIST_MARKS_H
#define CERTGATE_DAEMON_LIST_MARKS_H

#include <sys/queue.h>

#include "daemon/channel.h"
#include "daemon/table.h"
#include "pki/crl.h"

enum { LIST_MARKS_MAX = 16384 };

#define LIST_MARKS_FILE "lists"

struct list_mark {
	TAILQ_ENTRY(list_mark) all;
	struct table_node by_scope;
	struct pki_crl_mark m;
	uint32_t place;	   /* in the file */
	uint64_t sequence; /* one that was raised later has a greater one */
};

struct list_marks {
	TAILQ_HEAD(list_mark_head, list_mark) all; /* the one that was raised longest ago first */
	struct table by_scope;
	size_t n, max;
	uint64_t sequence; /* the next one */
	bool forgot;	   /* one made room */
};

void list_marks_init(struct list_marks *s);
void list_marks_done(struct list_marks *s);
const struct pki_crl_mark *list_marks_find(const struct list_marks *s,
					   const uint8_t scope[PKI_SHA256_SIZE]);
/* Takes a mark that is newer than what is there. 1: it was, and *ret (may be NULL) is its entry; 0: it is not; -ENOMEM. */
int list_marks_raise(struct list_marks *s, const struct pki_crl_mark *m, struct list_mark **ret);

/*
 * Reads the file in `dir`, which is there, into the set, which is empty, and opens it. *ret: for list_marks_write(). Negative errno after an error
 * was logged: a file that others can change is not passed over.
 */
int list_marks_open(const char *dir, struct list_marks *s, int *ret);
/* Puts it into its place of the file; not on the disk before fdatasync(). */
int list_marks_write(int fd, const struct list_mark *mark);

/* Bodies of LIST_SEEN and LIST_MARK. */
void proto_put_list_mark(struct msg_writer *w, const struct pki_crl_mark *m);
void proto_get_list_mark(struct msg_reader *r, struct pki_crl_mark *ret);

#endif
