/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of `certgate pki`: the verbs, and the options that more than one of them takes. Holds no state.
 */
#ifndef CERTGATE_CLI_PKI_CMD_H
#define CERTGATE_CLI_PKI_CMD_H

#include "cli/cert_cmd.h"
#include "cli/pki_store.h"

#define PKI_DAYS_CRL  30
#define PKI_BACKDATED 300 /* seconds: a peer's clock may be behind ours */

/* The verbs; argv[0] is the verb's name. */
int pki_cmd_init(struct cli *cli, int argc, char **argv);
int pki_cmd_intermediate(struct cli *cli, int argc, char **argv);
int pki_cmd_issue(struct cli *cli, int argc, char **argv);
int pki_cmd_renew(struct cli *cli, int argc, char **argv);
int pki_cmd_revoke(struct cli *cli, int argc, char **argv);
int pki_cmd_crl(struct cli *cli, int argc, char **argv);

/* The options of all verbs; those that a verb does not take stay behind in argv. */
struct pki_options {
	const char *subject, *intermediate, *crl_url, *out, *key_file, *certificate, *reason;
	const char *names[PKI_ISSUE_NAMES_MAX];
	size_t n_names;
	enum pki_key_type key_type;
	unsigned key_bits, days;
	struct cert_password password, ca_password;
	int64_t now;
};

void pki_options_done(struct pki_options *o);

/*
 * These take what they are named after out of argv. CLI_OK, or what the verb is to return after an error was printed.
 */
int pki_take_key_type(struct cli *cli, int *argc, char **argv, struct pki_options *o);
int pki_take_password(struct cli *cli, int *argc, char **argv, const char *option,
		      struct cert_password *ret);
/* --days, which are so many without it, the passphrase of the CA's keys, and the time. */
int pki_take_ca(struct cli *cli, int *argc, char **argv, unsigned days, struct pki_options *o);
/* What is left must be that many arguments. */
int pki_take_rest(struct cli *cli, int *argc, char **argv, int wanted, const char *what);

#endif
