/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of a small certificate authority, as `certgate pki` keeps it:
 *
 *   root.key root.cer root.pem     the root: its key (0600), and its certificate in two forms
 *   ca.key ca.cer ca.pem           the intermediate that issues, if there is one; those after it are ca2, ca3 ...
 *   index.json                     who issues, what was issued and revoked, the number of the next list
 *   root.crl ca.crl                the lists that were made last
 *
 * .cer is one line of Base64, as cloud gateways want it pasted. The folder is locked while it is
 * open, and each file is replaced as a whole.
 */
#ifndef CERTGATE_CLI_PKI_STORE_H
#define CERTGATE_CLI_PKI_STORE_H

#include "cli/cli.h"
#include "pki/issue.h"

struct pki_store {
	char *dir;
	int lock;
	json_t *index;
	json_t *made;		    /* names of the lists that pki_store_crls() wrote */
	struct pki_cert *root, *ca; /* ca is what issues: the intermediate, or the root again */
	const struct pki_password *password; /* of the keys; borrowed */
};

/* Makes the folder (0700), which must not be there or be empty, and an index. CLI_OK or CLI_FAILED
 * after an error was printed; so all below. */
int pki_store_create(struct cli *cli, const char *dir, const char *crl_url, struct pki_store *ret);
int pki_store_open(struct cli *cli, const char *dir, const struct pki_password *password,
		   struct pki_store *ret);
void pki_store_done(struct pki_store *store);

/* DIR/NAME, a new string; NULL when out of memory. */
char *pki_store_path(const struct pki_store *store, const char *name);
/* "root", "ca", "ca2" ...: the name of what issues; borrowed. All below take such names. */
const char *pki_store_issuer(const struct pki_store *store);
bool pki_store_is_root(const char *issuer);
/* The name of the intermediate that comes next, a new string; NULL when out of memory. */
char *pki_store_next(const struct pki_store *store);
/* That one issues from now on. */
int pki_store_set_issuer(struct cli *cli, struct pki_store *store, const char *name,
			 struct pki_cert *cert);
/* True if an issuer of the folder, of now or before, has the name of that one, whatever letter case and spaces it is written with (RFC 5280 section 7.1). */
int pki_store_has_name(struct cli *cli, const struct pki_store *store, const struct pki_cert *cert,
		       bool *ret);
/* Where the list of `issuer` is to be found: a new string, NULL if certificates do not say. */
int pki_store_crl_url(struct cli *cli, const struct pki_store *store, const char *issuer,
		      char **ret);
int pki_store_key(struct cli *cli, const struct pki_store *store, const char *name,
		  struct pki_key **ret);
/* Writes a key (0600; encrypted if there is a passphrase), which must not be there, and a certificate in both forms. */
int pki_store_put(struct cli *cli, struct pki_store *store, const char *name,
		  const struct pki_cert *cert, const struct pki_key *key, const char *passphrase);

/* Notes what was issued by one of them. */
int pki_store_note(struct cli *cli, struct pki_store *store, const char *issuer,
		   const struct pki_cert *cert);
/* The entry of a serial number (hexadecimal), NULL if there is none. Borrowed. */
json_t *pki_store_find(const struct pki_store *store, const char *serial);
/* Refuses a certificate (`path` is where it came from) that no issuer of the folder signed, and one that is revoked. */
int pki_store_check_good(struct cli *cli, const struct pki_store *store,
			 const struct pki_cert *cert, const char *path);
int pki_store_save(struct cli *cli, const struct pki_store *store);

/*
 * Makes and writes the lists of all issuers, valid for so many days: that of `first` before any other; NULL: no matter whose. One of the others whose key cannot be
 * had stays as it is, which is told: the root's key may be kept elsewhere.
 */
int pki_store_crls(struct cli *cli, struct pki_store *store, const char *first, int64_t now,
		   unsigned days);

/* A certificate as PEM and as one line of Base64: new strings, NULL when out of memory. */
char *pki_cert_pem(const struct pki_cert *cert);
char *pki_cert_base64(const struct pki_cert *cert);
/* Writes a file, and says why it cannot. */
int pki_write(struct cli *cli, const char *path, const void *data, size_t len, mode_t mode);

#endif
