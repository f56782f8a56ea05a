/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates of the IKE bench: an authority, the responder that everyone connects to, and as many sites as wanted, each with a
 * certificate of its own. Owned by whoever asked for them; called by load.c and alone.c.
 */
#ifndef CERTGATE_BENCH_SITE_H
#define CERTGATE_BENCH_SITE_H

#include "pki/issue.h"
#include "pki/key.h"

#define SITE_RESPONDER "responder.bench.example"

/* Sites share so many key pairs, or making them would take longer than what is measured: a responder sees no difference. */
enum { SITE_KEYS = 16, SITE_NAME = 48 };

struct authority {
	struct pki_cert *cert;
	struct pki_key *key;
};

struct site {
	char name[SITE_NAME]; /* its common name and the DNS name in its certificate */
	struct pki_cert *cert;
	struct pki_key *key;
};

/* "site-00001.bench.example" for 1; the configurations name their peers so. */
void site_name(unsigned int number, char name[SITE_NAME]);

/*
 * Writes DIR/root.pem, root.key, responder.pem and responder.key with keys of a kind as of pki_key_spec_parse(). 0 or
 * negative errno; the reason went to stderr.
 */
int site_make_authority(const char *dir, const char *kind);
/* Reads root.pem and root.key. */
int site_load_authority(const char *dir, struct authority *ret);
/* n sites, numbered from 1; as many as can be named. */
int site_make(const struct authority *a, const char *kind, unsigned int n, struct site **ret);

#endif
