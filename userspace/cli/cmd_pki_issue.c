// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate pki issue` and `renew`: gateways' certificates, and the files they are handed on in. Called by cmd_pki.c.
 */
#include "base/str.h"
#include "cli/output.h"
#include "cli/pki_cmd.h"

#define DAYS_GATEWAY 365

/* --- what is written --- */

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

/* --- issue and renew --- */

/* The certificate with its intermediate, its key and all of it as PKCS#12. */
static int write_gateway(struct cli *cli, const struct pki_options *o,
			 const struct pki_store *store, const struct pki_cert *cert,
			 const struct pki_key *key, bool new_key, struct written *w)
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
static int issue(struct cli *cli, const struct pki_options *o, const char *dir,
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
				 .not_before = o->now - PKI_BACKDATED,
				 .not_after = o->now + (int64_t)o->days * 86400};
	struct pki_error err;
	int r;

	memcpy(what.names, o->names, sizeof(what.names));
	r = pki_store_open(cli, dir, &o->ca_password.password, &store);
	if (r != CLI_OK)
		return r;
	if (like)
		r = pki_store_check_good(cli, &store, like, o->certificate);
	if (r == CLI_OK)
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

static int take_gateway(struct cli *cli, int *argc, char **argv, struct pki_options *o)
{
	int r;

	if (cli_take_option(cli, argc, argv, "--out", &o->out) < 0)
		return CLI_USAGE;
	r = pki_take_ca(cli, argc, argv, DAYS_GATEWAY, o);
	return r == CLI_OK ? pki_take_password(cli, argc, argv, "--passphrase-file", &o->password)
			   : r;
}

int pki_cmd_issue(struct cli *cli, int argc, char **argv)
{
	_cleanup_(pki_options_done) struct pki_options o = {};
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
		r = pki_take_key_type(cli, &argc, argv, &o);
	if (r == CLI_OK)
		r = pki_take_rest(cli, &argc, argv, 1, "one DIR is needed");
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

int pki_cmd_renew(struct cli *cli, int argc, char **argv)
{
	_cleanup_(pki_options_done) struct pki_options o = {};
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
		r = pki_take_rest(cli, &argc, argv, 2, "DIR and CERTIFICATE are needed");
	if (r != CLI_OK)
		return r;
	if (!o.out || !o.key_file)
		return cli_usage(cli, "%s is missing", o.out ? "--key-file FILE" : "--out PREFIX");
	o.certificate = argv[2];
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
