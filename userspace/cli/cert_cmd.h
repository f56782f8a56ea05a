/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of `certgate cert`: loading what the command line names, and printing
 * certificates and findings. Holds no state.
 */
#ifndef CERTGATE_CLI_CERT_CMD_H
#define CERTGATE_CLI_CERT_CMD_H

#include "cli/cli.h"
#include "pki/key.h"

/* The verbs; argv[0] is the verb's name. */
int cert_show(struct cli *cli, int argc, char **argv);
int cert_fingerprint(struct cli *cli, int argc, char **argv);
int cert_lint(struct cli *cli, int argc, char **argv);
int cert_verify(struct cli *cli, int argc, char **argv);
int cert_revoke(struct cli *cli, int argc, char **argv);
int cert_unrevoke(struct cli *cli, int argc, char **argv);
int cert_list(struct cli *cli, int argc, char **argv);

/* A passphrase read from a file (its first line), wiped by cert_password_done(). */
struct cert_password {
	struct pki_password password;
	char *text;
	size_t len;
};

/* Reads it; path NULL: none. CLI_OK, or CLI_FAILED after an error was printed. */
int cert_password_read(struct cli *cli, const char *path, struct cert_password *ret);
void cert_password_done(struct cert_password *password);

/* The certificates of a file of any format, PKCS#12 with the passphrase if there is one. */
int cert_load(struct cli *cli, const char *path, const struct cert_password *password,
	      struct pki_findings *findings, struct pki_certs *certs);

/* The same of every FILE of an option that may be repeated, taken out of argv. */
int cert_take_files(struct cli *cli, int *argc, char **argv, const char *option,
		    struct pki_findings *findings, struct pki_certs *certs);

/* A certificate as JSON, and as lines for people; `now` in seconds since 1970. */
json_t *cert_json(const struct pki_cert *cert);
void cert_print(struct cli *cli, const struct pki_cert *cert, int64_t now);

json_t *cert_findings_json(const struct pki_findings *findings);
/* Those of at least that severity. */
void cert_findings_print(struct cli *cli, const struct pki_findings *findings,
			 enum pki_severity at_least);

/* "--at TIME" out of argv, the present time without it. CLI_OK or CLI_USAGE. */
int cert_take_time(struct cli *cli, int *argc, char **argv, int64_t *ret);

#endif
