// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate cert`: finds the verb, and prints certificates for `show` and `fingerprint`, which need
 * neither the daemon nor the module.
 */
#include <openssl/bn.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/str.h"
#include "cli/cert_cmd.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "pki/name.h"
#include "pki/pkcs12.h"
#include "pki/usage.h"

#define LABEL_WIDTH 12

static const struct cli_verb verbs[] = {
	{"show", "[--passphrase-file FILE] FILE...", cert_show},
	{"fingerprint", "[--passphrase-file FILE] FILE...", cert_fingerprint},
	{"lint",
	 "--outbound FILE [--key FILE] [--chain FILE] [--passphrase-file FILE] [--identity ID] "
	 "[--at TIME]",
	 cert_lint},
	{"lint", "--inbound FILE... [--trust-anchor FILE...] [--subject NAME] [--at TIME]",
	 cert_lint},
	{"verify",
	 "--chain FILE... [--trust-anchor FILE...] [--untrusted FILE...] [--crl FILE...] "
	 "[--ocsp FILE...] [--revocation MODE] [--grace SECONDS] [--subject NAME] [--id ID] "
	 "[--at TIME] [--policy OID...] [--explicit-policy] [--inhibit-mapping] [--inhibit-any] "
	 "LEAF",
	 cert_verify},
	{"revoke", "[--key] [--reason TEXT] FINGERPRINT|FILE", cert_revoke},
	{"unrevoke", "[--key] FINGERPRINT|FILE", cert_unrevoke},
	{"list", "", cert_list},
};

static const char help[] =
	"show         prints every certificate of PEM, DER, Base64, PKCS#7 or PKCS#12 files\n"
	"fingerprint  prints the SHA-256 of certificate and public key, as the kernel's\n"
	"             tables have them\n"
	"lint         checks our own certificate and key, or what is to be trusted for a\n"
	"             peer, as the daemon does on loading, and explains each rule\n"
	"verify       checks a peer's certificate as the daemon does: LEAF's other\n"
	"             certificates and those of --untrusted are what the peer sends\n"
	"revoke       has the daemon stop every tunnel below a certificate or key, and\n"
	"             refuse it from now on; unrevoke takes that back, list shows all\n"
	"\n"
	"Options with FILE... may be given several times. TIME: 2026-01-31T12:00:00Z,\n"
	"2026-01-31 or @SECONDS. Exit status: 0 good, 1 refused or failed, 2 usage.\n";

int cmd_cert(struct cli *cli, int argc, char **argv)
{
	const struct cli_verbs all = {
		.command = "cert", .list = verbs, .n = ARRAY_SIZE(verbs), .help = help};

	return cli_run_verb(cli, &all, argc, argv);
}

int cert_password_read(struct cli *cli, const char *path, struct cert_password *ret)
{
	struct cert_password p = {};
	int r;

	if (path) {
		r = file_read(path, PKI_PASSWORD_MAX, &p.text, &p.len);
		if (r < 0)
			return cli_error_errno(cli, r, NULL, "cannot read %s", path);
		/* the line's end is not part of the passphrase; the buffer ends in a NUL */
		p.text[strcspn(p.text, "\r\n")] = '\0';
		p.password.get = pki_password_string;
		p.password.userdata = p.text;
	}
	*ret = p;
	return CLI_OK;
}

void cert_password_done(struct cert_password *password)
{
	if (password->text)
		file_free_secret(password->text, password->len);
	memset(password, 0, sizeof(*password));
}

int cert_load(struct cli *cli, const char *path, const struct cert_password *password,
	      struct pki_findings *findings, struct pki_certs *certs)
{
	struct pki_error err;
	uint8_t *data;
	size_t len;
	int r;

	r = pki_file_read(path, &err, &data, &len);
	if (r < 0)
		return cli_error(cli, NULL, "%s", err.text);
	if (pki_pkcs12_probe(data, len)) {
		size_t before = certs->n;

		r = pki_pkcs12_load(data, len, path, &password->password, findings, &err, certs,
				    /* ret_key= */ NULL);
		if (r == 0 && certs->n == before)
			r = pki_fail(&err, -ENODATA, "%s: no certificate in this PKCS#12 file",
				     path);
	} else {
		r = pki_certs_load(data, len, path, findings, &err, certs);
	}
	pki_file_free(data, len);
	if (r == -ENOKEY)
		return cli_error(cli, "give it with --passphrase-file", "%s", err.text);
	if (r < 0)
		return cli_error(cli, NULL, "%s", err.text);
	return CLI_OK;
}

int cert_take_files(struct cli *cli, int *argc, char **argv, const char *option,
		    struct pki_findings *findings, struct pki_certs *certs)
{
	static const struct cert_password none;
	const char *path;
	int r;

	while ((r = cli_take_option(cli, argc, argv, option, &path)) > 0) {
		int q = cert_load(cli, path, &none, findings, certs);

		if (q != CLI_OK)
			return q;
	}
	return r < 0 ? CLI_USAGE : CLI_OK;
}

int cert_take_time(struct cli *cli, int *argc, char **argv, int64_t *ret)
{
	const char *text = NULL;
	int r;

	r = cli_take_option(cli, argc, argv, "--at", &text);
	if (r < 0)
		return CLI_USAGE;
	if (!text) {
		*ret = (int64_t)(now_realtime() / USEC_PER_SEC);
		return CLI_OK;
	}
	if (pki_time_parse(text, ret) < 0)
		return cli_usage(
			cli,
			"--at %s: not a time; write 2026-01-31T12:00:00Z, 2026-01-31 or @SECONDS",
			text);
	return CLI_OK;
}

/* The serial number in hexadecimal; a new string. */
static char *serial_text(const struct pki_cert *cert)
{
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert->x509), NULL);
	char *hex = bn ? BN_bn2hex(bn) : NULL, *copy = hex ? strdup(hex) : NULL;

	OPENSSL_free(hex);
	BN_free(bn);
	return copy;
}

static char *hex_text(const uint8_t hash[PKI_SHA256_SIZE], char out[2 * PKI_SHA256_SIZE + 1])
{
	(void)hex_encode(hash, PKI_SHA256_SIZE, out, 2 * PKI_SHA256_SIZE + 1);
	return out;
}

json_t *cert_json(const struct pki_cert *cert)
{
	char fingerprint[2 * PKI_SHA256_SIZE + 1], spki[2 * PKI_SHA256_SIZE + 1], text[256];
	char from[TIMESTAMP_SIZE], to[TIMESTAMP_SIZE];
	_cleanup_free_ char *serial = serial_text(cert);
	json_t *names = json_array(), *j;
	struct pki_usage usage_;
	const char *algorithm;

	pki_usage_get(cert, &usage_);
	(void)pki_cert_signature_strong(cert, &algorithm);
	for (size_t i = 0; pki_cert_identity(cert, i, text, sizeof(text)); i++)
		json_array_append_new(names, json_string(text));
	j = json_pack("{s:s, s:s, s:s?, s:s, s:s, s:{s:s, s:i}, s:s, s:b, s:o, s:s, s:s}",
		      "subject", cert->subject, "issuer", pki_cert_issuer(cert), "serial", serial,
		      "not_before", format_timestamp(cert->not_before, from), "not_after",
		      format_timestamp(cert->not_after, to), "key", "type",
		      pki_key_type_name(cert->key_type), "bits", (int)cert->key_bits,
		      "signature_algorithm", algorithm, "ca", (int)cert->ca, "identities", names,
		      "sha256", hex_text(cert->sha256, fingerprint), "spki_sha256",
		      hex_text(cert->spki_sha256, spki));
	if (j && usage_.has_eku)
		json_object_set_new(j, "extended_key_usage", json_string(usage_.eku_text));
	return j;
}

static void line(struct cli *cli, const char *label, const char *text)
{
	_cleanup_free_ char *safe = out_printable(text);

	(void)fprintf(cli->out, "  %-*s %s\n", LABEL_WIDTH, label, safe ? safe : "out of memory");
}

void cert_print(struct cli *cli, const struct pki_cert *cert, int64_t now)
{
	char text[256], hash[2 * PKI_SHA256_SIZE + 1], stamp[TIMESTAMP_SIZE], when[OUT_TEXT];
	_cleanup_free_ char *safe = out_printable(cert->subject), *serial = serial_text(cert);
	struct pki_usage usage_;
	const char *algorithm;

	pki_usage_get(cert, &usage_);
	(void)fprintf(cli->out, "%s%s\n", safe && *safe ? safe : "(no subject)",
		      cert->ca ? "  [CA]" : "");
	line(cli, "issuer", cert->self_issued ? "itself" : pki_cert_issuer(cert));
	line(cli, "serial", serial ? serial : "-");
	line(cli, "valid from", format_timestamp(cert->not_before, stamp));
	line(cli, "valid until", out_expiry(format_timestamp(cert->not_after, stamp), now, when));
	line(cli, "key", pki_key_describe(cert->key_type, cert->key_bits, text, sizeof(text)));
	(void)pki_cert_signature_strong(cert, &algorithm);
	line(cli, "signature", algorithm);
	if (usage_.has_eku)
		line(cli, "usage", usage_.eku_text);
	for (size_t i = 0; pki_cert_identity(cert, i, text, sizeof(text)); i++)
		line(cli, i ? "" : "identities", text);
	line(cli, "sha256", hex_text(cert->sha256, hash));
	line(cli, "spki sha256", hex_text(cert->spki_sha256, hash));
}

json_t *cert_findings_json(const struct pki_findings *findings)
{
	json_t *array = json_array();

	for (size_t i = 0; i < findings->n; i++) {
		const struct pki_finding *f = &findings->items[i];

		json_array_append_new(array,
				      json_pack("{s:s, s:s, s:s, s:s, s:s}", "rule",
						pki_rule_name(f->rule), "severity",
						pki_severity_name(f->severity), "where", f->where,
						"found", f->found, "wanted", f->wanted));
	}
	return array;
}

void cert_findings_print(struct cli *cli, const struct pki_findings *findings,
			 enum pki_severity at_least)
{
	for (size_t i = 0; i < findings->n; i++) {
		const struct pki_finding *f = &findings->items[i];

		if (f->severity < at_least)
			continue;
		(void)fprintf(cli->err, "%s: %s: %s [%s]\n", pki_severity_name(f->severity),
			      f->where, f->found, pki_rule_name(f->rule));
		(void)fprintf(cli->err, "  wanted: %s\n", f->wanted);
	}
	if (findings->lost)
		(void)fprintf(cli->err, "note: %zu more findings\n", findings->lost);
}

/* Loads all files of argv; the option is --passphrase-file. */
static int load_files(struct cli *cli, int argc, char **argv, struct pki_findings *findings,
		      struct pki_certs *certs)
{
	_cleanup_(cert_password_done) struct cert_password password = {};
	const char *path = NULL;
	int r;

	if (cli_take_option(cli, &argc, argv, "--passphrase-file", &path) < 0)
		return CLI_USAGE;
	r = cli_end_options(cli, &argc, argv);
	if (r != CLI_OK)
		return r;
	if (argc < 2)
		return cli_usage(cli, "a file is missing");
	r = cert_password_read(cli, path, &password);
	for (int i = 1; r == CLI_OK && i < argc; i++)
		r = cert_load(cli, argv[i], &password, findings, certs);
	return r;
}

int cert_show(struct cli *cli, int argc, char **argv)
{
	_cleanup_(pki_findings_done) struct pki_findings findings = {};
	_cleanup_(pki_certs_done) struct pki_certs certs = {};
	int64_t now = (int64_t)(now_realtime() / USEC_PER_SEC);
	int r;

	r = load_files(cli, argc, argv, &findings, &certs);
	if (r != CLI_OK)
		return r;
	if (cli->json) {
		_cleanup_json_ json_t *j = NULL;
		json_t *array = json_array();

		for (size_t i = 0; i < certs.n; i++)
			json_array_append_new(array, cert_json(certs.list[i]));
		j = json_pack("{s:o, s:o}", "certificates", array, "findings",
			      cert_findings_json(&findings));
		return out_json(cli, j);
	}
	cert_findings_print(cli, &findings, PKI_NOTE);
	for (size_t i = 0; i < certs.n; i++) {
		if (i)
			(void)fprintf(cli->out, "\n");
		cert_print(cli, certs.list[i], now);
	}
	return CLI_OK;
}

int cert_fingerprint(struct cli *cli, int argc, char **argv)
{
	_cleanup_(pki_certs_done) struct pki_certs certs = {};
	_cleanup_json_ json_t *j = NULL;
	json_t *array;
	int r;

	r = load_files(cli, argc, argv, NULL, &certs);
	if (r != CLI_OK)
		return r;
	array = json_array();
	for (size_t i = 0; i < certs.n; i++) {
		const struct pki_cert *cert = certs.list[i];
		char sha256[2 * PKI_SHA256_SIZE + 1], spki[2 * PKI_SHA256_SIZE + 1];
		_cleanup_free_ char *safe = out_printable(cert->subject);

		(void)hex_text(cert->sha256, sha256);
		(void)hex_text(cert->spki_sha256, spki);
		if (cli->json)
			json_array_append_new(array,
					      json_pack("{s:s, s:s, s:s}", "subject", cert->subject,
							"sha256", sha256, "spki_sha256", spki));
		else
			(void)fprintf(cli->out, "cert %s  spki %s  %s\n", sha256, spki,
				      safe ? safe : "");
	}
	j = json_pack("{s:o}", "certificates", array);
	return cli->json ? out_json(cli, j) : CLI_OK;
}
