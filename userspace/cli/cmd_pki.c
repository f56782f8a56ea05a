// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate pki`: a small certificate authority in a folder, for sites that have none. Needs
 * neither the daemon nor the module. The folder is pki_store.c's, certificates are made by
 * pki/issue.c.
 */
#include "base/file.h"
#include "base/str.h"
#include "cli/cert_cmd.h"
#include "cli/output.h"
#include "cli/pki_store.h"

#define DAYS_ROOT	  3650
#define DAYS_INTERMEDIATE 1825U
#define DAYS_GATEWAY	  365
#define DAYS_CRL	  30
#define DAYS_MAX	  36500
#define BACKDATED	  300 /* seconds: a peer's clock may be behind ours */

static int pki_init(struct cli *cli, int argc, char **argv);
static int pki_intermediate(struct cli *cli, int argc, char **argv);
static int pki_issue_verb(struct cli *cli, int argc, char **argv);
static int pki_renew(struct cli *cli, int argc, char **argv);
static int pki_revoke(struct cli *cli, int argc, char **argv);
static int pki_crl_verb(struct cli *cli, int argc, char **argv);

static const struct {
	const char *verb, *usage;
	int (*run)(struct cli *cli, int argc, char **argv);
} verbs[] = {
	{"init",
	 "--subject NAME [--intermediate NAME] [--key TYPE] [--days N] [--crl-url URL] "
	 "[--ca-passphrase-file FILE] DIR",
	 pki_init},
	{"intermediate", "--subject NAME [--key TYPE] [--days N] [--ca-passphrase-file FILE] DIR",
	 pki_intermediate},
	{"issue",
	 "--subject NAME [--name ID...] [--key TYPE] [--days N] [--passphrase-file FILE] "
	 "[--ca-passphrase-file FILE] --out PREFIX DIR",
	 pki_issue_verb},
	{"renew",
	 "--key-file FILE [--days N] [--passphrase-file FILE] [--ca-passphrase-file FILE] "
	 "--out PREFIX DIR CERTIFICATE",
	 pki_renew},
	{"revoke",
	 "[--reason REASON] [--days N] [--ca-passphrase-file FILE] DIR CERTIFICATE|SERIAL",
	 pki_revoke},
	{"crl", "[--days N] [--ca-passphrase-file FILE] DIR", pki_crl_verb},
};

static int usage(struct cli *cli, FILE *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		(void)fprintf(out, "%s certgate pki %s %s\n",
			      i ? "      " : "usage:", verbs[i].verb, verbs[i].usage);
	(void)fprintf(
		out,
		"\n"
		"init          makes a root, and an intermediate below it if it is named, in DIR\n"
		"intermediate  makes the next intermediate, which issues from then on\n"
		"issue         makes a gateway's key and certificate: PREFIX.key .pem .pfx .cer\n"
		"renew         issues a certificate again: same subject, names and key, later end\n"
		"revoke        notes that a certificate is revoked, and makes the lists again\n"
		"crl           makes the revocation lists DIR/root.crl and DIR/ca.crl again\n"
		"\n"
		"URL: of the list, or of the folder that the lists are in, then with a '/' at its end.\n"
		"TYPE: p256 (default), p384, p521, ed25519, ed448, rsa2048, rsa3072, rsa4096. ID: a domain\n"
		"name, e-mail or IP address. .cer files are one line of Base64: what a peer's form\n"
		"for the root or intermediate takes is DIR/root.cer and DIR/ca.cer.\n");
	return out == cli->out ? CLI_OK : CLI_USAGE;
}

int cmd_pki(struct cli *cli, int argc, char **argv)
{
	const char *names[ARRAY_SIZE(verbs)], *near;

	if (argc < 2)
		return usage(cli, cli->err);
	for (int i = 1; i < argc; i++)
		if (cli_is_help(argv[i]))
			return usage(cli, cli->out);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (streq(argv[1], verbs[i].verb))
			return verbs[i].run(cli, argc - 1, argv + 1);
		names[i] = verbs[i].verb;
	}
	near = str_nearest(argv[1], names, ARRAY_SIZE(names));
	if (near)
		return cli_usage(cli, "unknown subcommand '%s'; did you mean '%s'?", argv[1], near);
	return cli_usage(cli, "unknown subcommand '%s'", argv[1]);
}

/* --- what the verbs share --- */

/* The options of all verbs; those that a verb does not take stay behind in argv. */
struct options {
	const char *subject, *intermediate, *crl_url, *out, *key_file, *reason;
	const char *names[PKI_ISSUE_NAMES_MAX];
	size_t n_names;
	enum pki_key_type key_type;
	unsigned key_bits, days;
	struct cert_password password, ca_password;
	int64_t now;
};

static void options_done(struct options *o)
{
	cert_password_done(&o->password);
	cert_password_done(&o->ca_password);
}

static int take_days(struct cli *cli, int *argc, char **argv, unsigned days, struct options *o)
{
	const char *text = NULL;
	uint64_t n = days;

	if (cli_take_option(cli, argc, argv, "--days", &text) < 0)
		return CLI_USAGE;
	if (text && parse_uint(text, 1, DAYS_MAX, &n) < 0)
		return cli_usage(cli, "--days %s: a number from 1 to %d", text, DAYS_MAX);
	o->days = (unsigned)n;
	return CLI_OK;
}

static int take_key_type(struct cli *cli, int *argc, char **argv, struct options *o)
{
	const char *text = NULL;

	if (cli_take_option(cli, argc, argv, "--key", &text) < 0)
		return CLI_USAGE;
	if (pki_key_spec_parse(text ? text : "p256", &o->key_type, &o->key_bits) < 0)
		return cli_usage(
			cli,
			"--key %s: p256, p384, p521, ed25519, ed448, rsa2048, rsa3072 or rsa4096",
			text);
	return CLI_OK;
}

static int take_password(struct cli *cli, int *argc, char **argv, const char *option,
			 struct cert_password *ret)
{
	const char *path = NULL;
	int r;

	if (cli_take_option(cli, argc, argv, option, &path) < 0)
		return CLI_USAGE;
	r = cert_password_read(cli, path, ret);
	if (r == CLI_OK && path && !*ret->text)
		return cli_error(cli, NULL, "%s: the passphrase is empty", path);
	return r;
}

static int take_ca(struct cli *cli, int *argc, char **argv, unsigned days, struct options *o)
{
	int r = take_days(cli, argc, argv, days, o);

	o->now = (int64_t)(now_realtime() / USEC_PER_SEC);
	return r == CLI_OK ? take_password(cli, argc, argv, "--ca-passphrase-file", &o->ca_password)
			   : r;
}

/* What is left must be that many arguments. */
static int take_rest(struct cli *cli, int *argc, char **argv, int wanted, const char *what)
{
	int r = cli_end_options(cli, argc, argv);

	if (r == CLI_OK && *argc != wanted + 1)
		return cli_usage(cli, "%s", what);
	return r;
}

/* Files that the command wrote, for the summary. */
struct written {
	char *files[8];
	size_t n;
};

static void written_done(struct written *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->files[i]);
}

static int write_named(struct cli *cli, struct written *w, const char *prefix, const char *suffix,
		       const void *data, size_t len, mode_t mode)
{
	char *path = str_printf("%s%s", prefix, suffix);
	int r;

	if (!path || !data) {
		free(path);
		return cli_error_errno(cli, -ENOMEM, NULL, "cannot go on");
	}
	r = pki_write(cli, path, data, len, mode);
	if (r == CLI_OK && w->n < ARRAY_SIZE(w->files))
		w->files[w->n++] = path;
	else
		free(path);
	return r;
}

static int summary(struct cli *cli, const struct pki_cert *cert, const struct written *w,
		   int64_t now)
{
	if (cli->json) {
		_cleanup_json_ json_t *j = NULL;
		json_t *files = json_array();

		for (size_t i = 0; i < w->n; i++)
			json_array_append_new(files, json_string(w->files[i]));
		j = json_pack("{s:o, s:o}", "certificate", cert_json(cert), "files", files);
		return out_json(cli, j);
	}
	cert_print(cli, cert, now);
	for (size_t i = 0; i < w->n; i++)
		(void)fprintf(cli->out, "wrote %s\n", w->files[i]);
	return CLI_OK;
}

/* --- init --- */

/* What makes a CA, the root if there is no issuer. */
struct ca {
	const char *name; /* in the folder */
	const char *subject;
	int path_length;
	unsigned days;
	const struct pki_key *issuer_key; /* the root's */
};

static int make_ca(struct cli *cli, const struct options *o, struct pki_store *store,
		   const struct ca *ca, struct pki_cert **ret, struct pki_key **ret_key)
{
	const struct pki_cert *issuer = ca->issuer_key ? store->root : NULL;
	_cleanup_free_ char *crl_url = NULL;
	struct pki_issue what = {.subject = ca->subject,
				 .ca = true,
				 .path_length = ca->path_length,
				 .not_before = o->now - BACKDATED,
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
		r = pki_store_has_name(cli, store, (*ret)->subject, &taken);
	if (r == CLI_OK && taken)
		r = cli_error(cli, "each CA has a name of its own, such as 'CN=Example CA 2'",
			      "\"%s\" is the name of a CA in %s already", (*ret)->subject,
			      store->dir);
	if (r == CLI_OK)
		r = pki_store_put(cli, store, ca->name, *ret, *ret_key, o->ca_password.text);
	if (r == CLI_OK && issuer)
		r = pki_store_note(cli, store, "root", *ret);
	return r;
}

static int run_init(struct cli *cli, const struct options *o, struct pki_store *store)
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
		store->ca = pki_cert_ref(cert ? cert : store->root);
	store->password = &o->ca_password.password;
	return r == CLI_OK ? pki_store_crls(cli, store, pki_store_issuer(store), o->now - BACKDATED,
					    DAYS_CRL)
			   : r;
}

/* With an intermediate there are two lists, which no one URL leads to. */
static int check_crl_url(struct cli *cli, const struct options *o)
{
	size_t len = o->crl_url ? strlen(o->crl_url) : 0;

	if (len == 0 || !o->intermediate || o->crl_url[len - 1] == '/')
		return CLI_OK;
	return cli_usage(
		cli,
		"--crl-url %s: root and intermediate have a list each: give the URL of the "
		"folder that root.crl and ca.crl are in, with a '/' at its end",
		o->crl_url);
}

static int pki_init(struct cli *cli, int argc, char **argv)
{
	_cleanup_(options_done) struct options o = {};
	_cleanup_(pki_store_done) struct pki_store store = {.lock = -EBADF};
	int r;

	if (cli_take_option(cli, &argc, argv, "--subject", &o.subject) < 0 ||
	    cli_take_option(cli, &argc, argv, "--intermediate", &o.intermediate) < 0 ||
	    cli_take_option(cli, &argc, argv, "--crl-url", &o.crl_url) < 0)
		return CLI_USAGE;
	r = take_key_type(cli, &argc, argv, &o);
	if (r == CLI_OK)
		r = take_ca(cli, &argc, argv, DAYS_ROOT, &o);
	if (r == CLI_OK)
		r = take_rest(cli, &argc, argv, 1, "one DIR is needed");
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
static int run_intermediate(struct cli *cli, const struct options *o, struct pki_store *store,
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
		r = pki_store_set_issuer(cli, store, name, cert);
	if (r == CLI_OK)
		r = pki_store_save(cli, store);
	return r == CLI_OK ? pki_store_crls(cli, store, name, o->now - BACKDATED, DAYS_CRL) : r;
}

static int pki_intermediate(struct cli *cli, int argc, char **argv)
{
	_cleanup_(options_done) struct options o = {};
	_cleanup_(pki_store_done) struct pki_store store = {.lock = -EBADF};
	_cleanup_free_ char *name = NULL;
	int r;

	if (cli_take_option(cli, &argc, argv, "--subject", &o.subject) < 0)
		return CLI_USAGE;
	r = take_key_type(cli, &argc, argv, &o);
	if (r == CLI_OK)
		r = take_ca(cli, &argc, argv, DAYS_INTERMEDIATE, &o);
	if (r == CLI_OK)
		r = take_rest(cli, &argc, argv, 1, "one DIR is needed");
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

/* --- issue and renew --- */

/* The certificate with its intermediate, its key and all of it as PKCS#12. */
static int write_gateway(struct cli *cli, const struct options *o, const struct pki_store *store,
			 const struct pki_cert *cert, const struct pki_key *key, bool new_key,
			 struct written *w)
{
	_cleanup_free_ char *leaf = pki_cert_pem(cert), *cer = pki_cert_base64(cert);
	_cleanup_(pki_certs_done) struct pki_certs chain = {};
	_cleanup_free_ char *above = NULL, *pem = NULL;
	struct pki_error err;
	uint8_t *data;
	size_t len;
	int r = CLI_OK;

	if (!pki_store_is_root(pki_store_issuer(store))) {
		above = pki_cert_pem(store->ca);
		if (pki_certs_add(&chain, store->ca) < 0)
			return cli_error_errno(cli, -ENOMEM, NULL, "cannot go on");
	}
	pem = leaf ? str_printf("%s%s", leaf, above ? above : "") : NULL;
	if (new_key) {
		if (pki_key_pem(key, o->password.text, &err, &data, &len) < 0)
			return cli_error(cli, NULL, "%s", err.text);
		r = write_named(cli, w, o->out, ".key", data, len, 0600);
		pki_file_free(data, len);
	}
	if (r == CLI_OK)
		r = write_named(cli, w, o->out, ".pem", pem, pem ? strlen(pem) : 0, 0644);
	if (r == CLI_OK)
		r = write_named(cli, w, o->out, ".cer", cer, cer ? strlen(cer) : 0, 0644);
	if (r != CLI_OK)
		return r;
	if (pki_pkcs12_make(cert, key, &chain, o->password.text, &err, &data, &len) < 0)
		return cli_error(cli, NULL, "%s", err.text);
	r = write_named(cli, w, o->out, ".pfx", data, len, 0600);
	pki_file_free(data, len);
	return r;
}

/* Issues, notes it in the index first (what is not noted cannot be revoked), and writes. */
static int issue(struct cli *cli, const struct options *o, const char *dir,
		 const struct pki_cert *like, const struct pki_key *key, bool new_key)
{
	_cleanup_(pki_store_done) struct pki_store store = {.lock = -EBADF};
	_cleanup_(pki_key_unrefp) struct pki_key *ca_key = NULL;
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL;
	_cleanup_(written_done) struct written w = {};
	_cleanup_free_ char *crl_url = NULL;
	struct pki_issue what = {.subject = o->subject,
				 .like = like,
				 .key = key->pkey,
				 .n_names = o->n_names,
				 .path_length = -1,
				 .not_before = o->now - BACKDATED,
				 .not_after = o->now + (int64_t)o->days * 86400};
	struct pki_error err;
	int r;

	memcpy(what.names, o->names, sizeof(what.names));
	r = pki_store_open(cli, dir, &o->ca_password.password, &store);
	if (r != CLI_OK)
		return r;
	r = pki_store_crl_url(cli, &store, pki_store_issuer(&store), &crl_url);
	what.crl_url = crl_url;
	if (r == CLI_OK)
		r = pki_store_key(cli, &store, pki_store_issuer(&store), &ca_key);
	if (r != CLI_OK)
		return r;
	if (pki_issue(&what, store.ca, ca_key, &err, &cert) < 0)
		return cli_error(cli, NULL, "%s", err.text);
	r = pki_store_note(cli, &store, pki_store_issuer(&store), cert);
	if (r == CLI_OK)
		r = pki_store_save(cli, &store);
	if (r == CLI_OK)
		r = write_gateway(cli, o, &store, cert, key, new_key, &w);
	return r == CLI_OK ? summary(cli, cert, &w, o->now) : r;
}

static int take_gateway(struct cli *cli, int *argc, char **argv, struct options *o)
{
	int r;

	if (cli_take_option(cli, argc, argv, "--out", &o->out) < 0)
		return CLI_USAGE;
	r = take_ca(cli, argc, argv, DAYS_GATEWAY, o);
	return r == CLI_OK ? take_password(cli, argc, argv, "--passphrase-file", &o->password) : r;
}

static int pki_issue_verb(struct cli *cli, int argc, char **argv)
{
	_cleanup_(options_done) struct options o = {};
	_cleanup_(pki_key_unrefp) struct pki_key *key = NULL;
	_cleanup_free_ char *key_path = NULL;
	struct pki_error err;
	const char *name;
	int r;

	if (cli_take_option(cli, &argc, argv, "--subject", &o.subject) < 0)
		return CLI_USAGE;
	while ((r = cli_take_option(cli, &argc, argv, "--name", &name)) > 0) {
		if (o.n_names == PKI_ISSUE_NAMES_MAX)
			return cli_usage(cli, "--name: at most %d", PKI_ISSUE_NAMES_MAX);
		o.names[o.n_names++] = name;
	}
	r = r < 0 ? CLI_USAGE : take_gateway(cli, &argc, argv, &o);
	if (r == CLI_OK)
		r = take_key_type(cli, &argc, argv, &o);
	if (r == CLI_OK)
		r = take_rest(cli, &argc, argv, 1, "one DIR is needed");
	if (r != CLI_OK)
		return r;
	if (!o.subject || !o.out)
		return cli_usage(cli, "%s is missing",
				 o.subject ? "--out PREFIX" : "--subject NAME");
	key_path = str_printf("%s.key", o.out);
	if (key_path && access(key_path, F_OK) == 0)
		return cli_error(cli, "name another --out, or renew the certificate",
				 "%s is there already, and a key is never overwritten", key_path);
	if (pki_key_generate(o.key_type, o.key_bits, &err, &key) < 0)
		return cli_error(cli, NULL, "%s", err.text);
	return issue(cli, &o, argv[1], /* like= */ NULL, key, /* new_key= */ true);
}

static int pki_renew(struct cli *cli, int argc, char **argv)
{
	_cleanup_(options_done) struct options o = {};
	_cleanup_(pki_key_unrefp) struct pki_key *key = NULL;
	_cleanup_(pki_certs_done) struct pki_certs certs = {};
	struct pki_error err;
	uint8_t *data;
	size_t len;
	int r;

	if (cli_take_option(cli, &argc, argv, "--key-file", &o.key_file) < 0)
		return CLI_USAGE;
	r = take_gateway(cli, &argc, argv, &o);
	if (r == CLI_OK)
		r = take_rest(cli, &argc, argv, 2, "DIR and CERTIFICATE are needed");
	if (r != CLI_OK)
		return r;
	if (!o.out || !o.key_file)
		return cli_usage(cli, "%s is missing", o.out ? "--key-file FILE" : "--out PREFIX");
	r = cert_load(cli, argv[2], &o.password, NULL, &certs);
	if (r != CLI_OK)
		return r;
	if (pki_file_read(o.key_file, &err, &data, &len) < 0)
		return cli_error(cli, NULL, "%s", err.text);
	r = pki_key_load(data, len, o.key_file, &o.password.password, &err, &key);
	pki_file_free(data, len);
	if (r < 0)
		return cli_error(cli, r == -ENOKEY ? "give it with --passphrase-file" : NULL, "%s",
				 err.text);
	if (certs.list[0]->ca)
		return cli_error(cli, "'certgate pki init' makes a new authority",
				 "%s: a CA's certificate; gateways' are renewed here", argv[2]);
	if (!pki_key_matches(key, certs.list[0]))
		return cli_error(
			cli,
			"it is the .key that 'certgate pki issue' wrote beside the certificate",
			"%s is not the key of %s", o.key_file, argv[2]);
	return issue(cli, &o, argv[1], certs.list[0], key, /* new_key= */ false);
}

/* --- revoke and crl --- */

/* The serial number that the argument names: of a certificate in a file, or itself. */
static int which(struct cli *cli, const char *what, char serial[PKI_SERIAL_TEXT])
{
	static const struct cert_password none;
	_cleanup_(pki_certs_done) struct pki_certs certs = {};
	int r;

	if (strspn(what, "0123456789abcdefABCDEF") == strlen(what) &&
	    strlen(what) < PKI_SERIAL_TEXT && access(what, F_OK) < 0) {
		(void)snprintf(serial, PKI_SERIAL_TEXT, "%s", what);
		return CLI_OK;
	}
	r = cert_load(cli, what, &none, NULL, &certs);
	if (r == CLI_OK)
		(void)pki_serial_text(certs.list[0], serial);
	return r;
}

static int note_revoked(struct cli *cli, const struct options *o, json_t *entry)
{
	char now[TIMESTAMP_SIZE];

	/* one whose list could not be made is on none, and is put there now */
	if (json_object_get(entry, "revoked") && !json_object_get(entry, "listed"))
		return CLI_OK;
	if (json_object_get(entry, "revoked"))
		return cli_error(cli, "certgate pki crl makes the lists again",
				 "\"%s\" was revoked %s already",
				 json_string_value(json_object_get(entry, "subject")),
				 json_string_value(json_object_get(entry, "revoked")));
	if (json_object_set_new(entry, "revoked", json_string(format_timestamp(o->now, now))) < 0 ||
	    (o->reason && json_object_set_new(entry, "reason", json_string(o->reason)) < 0))
		return cli_error_errno(cli, -ENOMEM, NULL, "cannot go on");
	return CLI_OK;
}

static int wrote_lists(struct cli *cli, const struct pki_store *store)
{
	json_t *path;
	size_t i;

	if (cli->json) {
		_cleanup_json_ json_t *j = json_pack("{s:s, s:O, s:O}", "directory", store->dir,
						     "crl_number",
						     json_object_get(store->index, "crl_number"),
						     "files", store->made);

		return out_json(cli, j);
	}
	json_array_foreach(store->made, i, path)
		(void)fprintf(cli->out, "wrote %s\n", json_string_value(path));
	return CLI_OK;
}

/* The list of whoever issued it comes first. One that cannot be made leaves the note in the index. */
static int list_revoked(struct cli *cli, const struct options *o, struct pki_store *store,
			const json_t *entry)
{
	const char *issuer = json_string_value(json_object_get(entry, "issuer"));
	int r = pki_store_crls(cli, store, issuer ? issuer : pki_store_issuer(store),
			       o->now - BACKDATED, o->days);

	if (r != CLI_OK && !json_object_get(entry, "listed"))
		(void)fprintf(cli->err,
			      "certgate: the revocation is noted, but no list has it yet: give the "
			      "command again when %s.key can be read\n",
			      issuer ? issuer : "the");
	return r;
}

static int pki_revoke(struct cli *cli, int argc, char **argv)
{
	_cleanup_(options_done) struct options o = {};
	_cleanup_(pki_store_done) struct pki_store store = {.lock = -EBADF};
	char serial[PKI_SERIAL_TEXT];
	int reason, r;
	json_t *entry;

	if (cli_take_option(cli, &argc, argv, "--reason", &o.reason) < 0)
		return CLI_USAGE;
	r = take_ca(cli, &argc, argv, DAYS_CRL, &o);
	if (r == CLI_OK)
		r = take_rest(cli, &argc, argv, 2, "DIR and CERTIFICATE or SERIAL are needed");
	if (r != CLI_OK)
		return r;
	if (o.reason && pki_crl_reason_parse(o.reason, &reason) < 0)
		return cli_usage(
			cli,
			"--reason %s: unspecified, keyCompromise, cACompromise, affiliationChanged, superseded, cessationOfOperation or privilegeWithdrawn",
			o.reason);
	r = which(cli, argv[2], serial);
	if (r == CLI_OK)
		r = pki_store_open(cli, argv[1], &o.ca_password.password, &store);
	if (r != CLI_OK)
		return r;
	entry = pki_store_find(&store, serial);
	if (!entry)
		return cli_error(
			cli,
			"'certgate cert show FILE' prints a certificate's serial number and issuer",
			"%s issued no certificate with serial number %s", store.dir, serial);
	r = note_revoked(cli, &o, entry);
	if (r == CLI_OK)
		r = list_revoked(cli, &o, &store, entry);
	if (r != CLI_OK)
		return r;
	if (!cli->json)
		(void)fprintf(cli->out, "revoked \"%s\", serial number %s\n",
			      json_string_value(json_object_get(entry, "subject")), serial);
	return wrote_lists(cli, &store);
}

static int pki_crl_verb(struct cli *cli, int argc, char **argv)
{
	_cleanup_(options_done) struct options o = {};
	_cleanup_(pki_store_done) struct pki_store store = {.lock = -EBADF};
	int r;

	r = take_ca(cli, &argc, argv, DAYS_CRL, &o);
	if (r == CLI_OK)
		r = take_rest(cli, &argc, argv, 1, "one DIR is needed");
	if (r == CLI_OK)
		r = pki_store_open(cli, argv[1], &o.ca_password.password, &store);
	if (r == CLI_OK)
		r = pki_store_crls(cli, &store, pki_store_issuer(&store), o.now - BACKDATED,
				   o.days);
	return r == CLI_OK ? wrote_lists(cli, &store) : r;
}
