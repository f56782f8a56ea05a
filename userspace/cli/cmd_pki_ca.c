// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate pki init` and `intermediate`: what makes CAs. Called by cmd_pki.c.
 */
#include "base/str.h"
#include "cli/output.h"
#include "cli/pki_cmd.h"

#define DAYS_ROOT	  3650
#define DAYS_INTERMEDIATE 1825U

/* --- init --- */

/* What makes a CA, the root if there is no issuer. */
struct ca {
	const char *name; /* in the folder */
	const char *subject;
	int path_length;
	unsigned days;
	const struct pki_key *issuer_key; /* the root's */
};

/* Writes nothing: a name that cannot be leaves no half of an authority. */
static int make_ca(struct cli *cli, const struct pki_options *o, struct pki_store *store,
		   const struct ca *ca, struct pki_cert **ret, struct pki_key **ret_key)
{
	const struct pki_cert *issuer = ca->issuer_key ? store->root : NULL;
	_cleanup_free_ char *crl_url = NULL;
	struct pki_issue what = {.subject = ca->subject,
				 .ca = true,
				 .path_length = ca->path_length,
				 .not_before = o->now - PKI_BACKDATED,
				 .not_after = o->now + (int64_t)ca->days * 86400};
	bool taken = false;
	struct pki_error err;
	int r = CLI_OK;

	if (issuer)
		r = pki_store_crl_url(cli, store, "root", &crl_url);
	if (r != CLI_OK)
		return r;
	what.crl_url = crl_url;
	if (pki_key_generate(o->key_type, o->key_bits, &err, ret_key) < 0)
		return cli_error(cli, NULL, "%s", err.text);
	what.key = (*ret_key)->pkey;
	if (pki_issue(&what, issuer, issuer ? ca->issuer_key : *ret_key, &err, ret) < 0)
		return cli_error(cli, NULL, "%s", err.text);
	if (issuer)
		r = pki_store_has_name(cli, store, *ret, &taken);
	if (r == CLI_OK && taken)
		r = cli_error(cli, "each CA has a name of its own, such as 'CN=Example CA 2'",
			      "\"%s\" is the name of a CA in %s already", (*ret)->subject,
			      store->dir);
	return r;
}

static int put_ca(struct cli *cli, const struct pki_options *o, struct pki_store *store,
		  const struct ca *ca, const struct pki_cert *cert, const struct pki_key *key)
{
	int r = pki_store_put(cli, store, ca->name, cert, key, o->ca_password.text);

	return r == CLI_OK && ca->issuer_key ? pki_store_note(cli, store, "root", cert) : r;
}

static int run_init(struct cli *cli, const struct pki_options *o, struct pki_store *store)
{
	_cleanup_(pki_key_unrefp) struct pki_key *root_key = NULL, *ca_key = NULL;
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL;
	struct ca root = {.name = "root",
			  .subject = o->subject,
			  .path_length = o->intermediate ? 1 : 0,
			  .days = o->days};
	struct ca ca = {
		.name = "ca", .subject = o->intermediate, .days = MIN(o->days, DAYS_INTERMEDIATE)};
	int r;

	r = make_ca(cli, o, store, &root, &store->root, &root_key);
	ca.issuer_key = root_key;
	if (r == CLI_OK && o->intermediate)
		r = make_ca(cli, o, store, &ca, &cert, &ca_key);
	if (r == CLI_OK)
		r = put_ca(cli, o, store, &root, store->root, root_key);
	if (r == CLI_OK && cert)
		r = put_ca(cli, o, store, &ca, cert, ca_key);
	if (r == CLI_OK)
		store->ca = pki_cert_ref(cert ? cert : store->root);
	store->password = &o->ca_password.password;
	return r == CLI_OK ? pki_store_crls(cli, store, pki_store_issuer(store),
					    o->now - PKI_BACKDATED, PKI_DAYS_CRL)
			   : r;
}

/* As gateways fetch it: over http or https, from a host. */
static bool is_fetchable(const char *url)
{
	const char *host = strstr(url, "://");

	if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
		return false;
	for (const char *c = url; *c; c++) {
		if (*c <= ' ' || *c > '~')
			return false;
	}
	return host[3] && !strchr("/:?#", host[3]);
}

/* With an intermediate there are two lists, which no one URL leads to. */
static int check_crl_url(struct cli *cli, const struct pki_options *o)
{
	if (!o->crl_url)
		return CLI_OK;
	if (!is_fetchable(o->crl_url))
		return cli_usage(cli,
				 "--crl-url '%s': gateways fetch lists from http://HOST/... or "
				 "https://HOST/... only",
				 o->crl_url);
	if (!o->intermediate || o->crl_url[strlen(o->crl_url) - 1] == '/')
		return CLI_OK;
	return cli_usage(
		cli,
		"--crl-url %s: root and intermediate have a list each: give the URL of the "
		"folder that root.crl and ca.crl are in, with a '/' at its end",
		o->crl_url);
}

int pki_cmd_init(struct cli *cli, int argc, char **argv)
{
	_cleanup_(pki_options_done) struct pki_options o = {};
	_cleanup_(pki_store_done) struct pki_store store = {.lock = -EBADF};
	int r;

	if (cli_take_option(cli, &argc, argv, "--subject", &o.subject) < 0 ||
	    cli_take_option(cli, &argc, argv, "--intermediate", &o.intermediate) < 0 ||
	    cli_take_option(cli, &argc, argv, "--crl-url", &o.crl_url) < 0)
		return CLI_USAGE;
	r = pki_take_key_type(cli, &argc, argv, &o);
	if (r == CLI_OK)
		r = pki_take_ca(cli, &argc, argv, DAYS_ROOT, &o);
	if (r == CLI_OK)
		r = pki_take_rest(cli, &argc, argv, 1, "one DIR is needed");
	if (r != CLI_OK)
		return r;
	if (!o.subject)
		return cli_usage(cli, "--subject NAME is missing, such as 'CN=Example Root'");
	if (o.intermediate && streq(o.intermediate, o.subject))
		return cli_usage(cli, "root and intermediate must not have the same name");
	r = check_crl_url(cli, &o);
	if (r == CLI_OK)
		r = pki_store_create(cli, argv[1], o.crl_url, &store);
	if (r == CLI_OK)
		r = run_init(cli, &o, &store);
	if (r != CLI_OK)
		return r;
	if (cli->json) {
		_cleanup_json_ json_t *j = json_pack("{s:s, s:o, s:o}", "directory", store.dir,
						     "root", cert_json(store.root), "issuer",
						     cert_json(store.ca));

		return out_json(cli, j);
	}
	cert_print(cli, store.root, o.now);
	if (o.intermediate)
		cert_print(cli, store.ca, o.now);
	(void)fprintf(
		cli->out,
		"%s is the authority now; its keys are the trust of every peer: keep the folder "
		"off the gateways.\nPeers get %s/root.cer%s%s%s\n",
		store.dir, store.dir, o.intermediate ? " and " : "",
		o.intermediate ? store.dir : "", o.intermediate ? "/ca.cer" : "");
	return CLI_OK;
}

/* --- intermediate --- */

/* Makes it, and the lists, that of the new one first. What the one before issued stays good, and on its list if it is revoked. */
static int run_intermediate(struct cli *cli, const struct pki_options *o, struct pki_store *store,
			    const char *name)
{
	_cleanup_(pki_key_unrefp) struct pki_key *root_key = NULL, *key = NULL;
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL;
	struct ca ca = {.name = name, .subject = o->subject, .days = o->days};
	int r;

	if (pki_store_is_root(pki_store_issuer(store)))
		return cli_error(cli,
				 "make a new authority with 'certgate pki init --intermediate'",
				 "%s was made without an intermediate: its root issues itself",
				 store->dir);
	r = pki_store_key(cli, store, "root", &root_key);
	if (r != CLI_OK)
		return r;
	ca.issuer_key = root_key;
	r = make_ca(cli, o, store, &ca, &cert, &key);
	if (r == CLI_OK)
		r = put_ca(cli, o, store, &ca, cert, key);
	if (r == CLI_OK)
		r = pki_store_set_issuer(cli, store, name, cert);
	if (r == CLI_OK)
		r = pki_store_save(cli, store);
	return r == CLI_OK ? pki_store_crls(cli, store, name, o->now - PKI_BACKDATED, PKI_DAYS_CRL)
			   : r;
}

int pki_cmd_intermediate(struct cli *cli, int argc, char **argv)
{
	_cleanup_(pki_options_done) struct pki_options o = {};
	_cleanup_(pki_store_done) struct pki_store store = {.lock = -EBADF};
	_cleanup_free_ char *name = NULL;
	int r;

	if (cli_take_option(cli, &argc, argv, "--subject", &o.subject) < 0)
		return CLI_USAGE;
	r = pki_take_key_type(cli, &argc, argv, &o);
	if (r == CLI_OK)
		r = pki_take_ca(cli, &argc, argv, DAYS_INTERMEDIATE, &o);
	if (r == CLI_OK)
		r = pki_take_rest(cli, &argc, argv, 1, "one DIR is needed");
	if (r != CLI_OK)
		return r;
	if (!o.subject)
		return cli_usage(cli, "--subject NAME is missing, such as 'CN=Example CA 2'");
	r = pki_store_open(cli, argv[1], &o.ca_password.password, &store);
	if (r != CLI_OK)
		return r;
	name = pki_store_next(&store);
	if (!name)
		return cli_error_errno(cli, -ENOMEM, NULL, "cannot go on");
	r = run_intermediate(cli, &o, &store, name);
	if (r != CLI_OK)
		return r;
	if (cli->json) {
		_cleanup_json_ json_t *j = json_pack("{s:s, s:o, s:s}", "directory", store.dir,
						     "issuer", cert_json(store.ca), "name", name);

		return out_json(cli, j);
	}
	cert_print(cli, store.ca, o.now);
	(void)fprintf(cli->out,
		      "%s/%s.cer issues from now on. Peers get it before the first gateway has a "
		      "certificate of it; its list is %s/%s.crl\n",
		      store.dir, name, store.dir, name);
	return CLI_OK;
}
