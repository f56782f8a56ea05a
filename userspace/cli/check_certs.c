// SPDX-License-Identifier: Apache-2.0
/*
 * Loads and checks the certificates of a configuration, see check_certs.h. Owns each file's contents for as long as a
 * connection is looked at; keys and passphrases are wiped. Called by `certgate check`.
 */
#include "cli/check_certs.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/str.h"
#include "base/time.h"
#include "pki/crl.h"
#include "pki/name.h"
#include "pki/outbound.h"
#include "pki/trust.h"

/* One file of a connection in memory. */
struct file {
	uint8_t *data;
	size_t len;
};

static void file_done(struct file *f)
{
	pki_file_free(f->data, f->len);
	*f = (struct file){0};
}

static void source_error(struct cg_diags *diags, const struct cg_source *s, const char *hint,
			 const char *text)
{
	char key[CG_SOURCE_KEY_SIZE];

	cg_diags_add(diags, CG_DIAG_ERROR, &s->loc, cg_source_key(s, key), hint, "%s", text);
}

/* Findings become diagnostics at the place that names the file; notes are left out. */
static void take_findings(struct cg_diags *diags, const struct cg_source *s,
			  struct pki_findings *findings)
{
	char key[CG_SOURCE_KEY_SIZE];

	for (size_t i = 0; i < findings->n; i++) {
		const struct pki_finding *f = &findings->items[i];

		if (f->severity == PKI_NOTE)
			continue;
		cg_diags_add(diags, f->severity == PKI_ERROR ? CG_DIAG_ERROR : CG_DIAG_WARNING,
			     &s->loc, cg_source_key(s, key), *f->wanted ? f->wanted : NULL,
			     "%s: %s (rule %s)", f->where, f->found, pki_rule_name(f->rule));
	}
	pki_findings_done(findings);
	*findings = (struct pki_findings){0};
}

/* Reads a file, if it is configured. secret: others must not be able to read it. */
static bool read_file(struct cg_diags *diags, const struct cg_source *s, bool secret,
		      struct file *ret)
{
	_cleanup_close_ int fd = -EBADF;
	char key[CG_SOURCE_KEY_SIZE];
	struct pki_error err;

	/* What is in a vault is seen by the daemon alone, as the identity of this machine. */
	if (!s->text || s->vault)
		return true;
	fd = open(s->text, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		cg_diags_add(diags, CG_DIAG_ERROR, &s->loc, cg_source_key(s, key),
			     errno == EACCES ? "run this as root" : NULL, "cannot open %s: %s",
			     s->text, strerror(errno));
		return false;
	}
	if (secret && pki_key_check_permissions(fd, s->text, &err) < 0) {
		source_error(diags, s, NULL, err.text);
		return false;
	}
	if (pki_fd_read(fd, s->text, &err, &ret->data, &ret->len) < 0) {
		source_error(diags, s, NULL, err.text);
		return false;
	}
	return true;
}

/* Several chain files become one, in PEM. */
static bool join_chain(struct cg_diags *diags, const struct cg_connection *c, struct cg_strbuf *out)
{
	bool good = true;

	for (size_t i = 0; i < c->n_outbound_chain; i++) {
		_cleanup_(pki_findings_done) struct pki_findings findings = {0};
		_cleanup_(pki_certs_done) struct pki_certs certs = {0};
		const struct cg_source *s = &c->outbound_chain[i];
		struct pki_error err;

		if (pki_certs_load_file(s->text, &findings, &err, &certs) < 0) {
			source_error(diags, s, NULL, err.text);
			good = false;
		}
		take_findings(diags, s, &findings);
		for (size_t k = 0; k < certs.n; k++) {
			size_t size = BASE64_SIZE(certs.list[k]->der_len);
			_cleanup_free_ char *text = malloc(size);

			if (!text || base64_encode(certs.list[k]->der, certs.list[k]->der_len, text,
						   size) < 0)
				return false;
			strbuf_addf(out,
				    "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n",
				    text);
		}
	}
	return good && !out->failed;
}

/* The passphrase is the file's first line. */
static const char *first_line(struct file *f)
{
	char *text = (char *)f->data;
	size_t n = 0;

	while (n < f->len && text[n] != '\n' && text[n] != '\r')
		n++;
	if (n < f->len)
		text[n] = 0;
	return text;
}

static void check_outbound(const struct cg_connection *c, int64_t now, struct cg_diags *diags)
{
	_cleanup_(file_done) struct file certificate = {0}, key = {0}, passphrase = {0}, pin = {0};
	_cleanup_(pki_outbound_done) struct pki_outbound outbound = {0};
	_cleanup_(pki_findings_done) struct pki_findings findings = {0};
	_cleanup_strbuf_ struct cg_strbuf chain = {0};
	struct pki_password password = {0};
	struct pki_source sources[3] = {0};
	struct pki_error err;
	bool good, hardware = c->hardware;
	int r;

	good = read_file(diags, &c->outbound_certificate, !c->outbound_key.text && !hardware,
			 &certificate);
	good = read_file(diags, &c->outbound_key, true, &key) && good;
	good = read_file(diags, &c->outbound_passphrase, true, &passphrase) && good;
	good = (!hardware || read_file(diags, &c->hardware->pin, true, &pin)) && good;
	good = join_chain(diags, c, &chain) && good;
	if (!good || !certificate.data)
		return;

	sources[0] = (struct pki_source){c->outbound_certificate.text, certificate.data,
					 certificate.len};
	if (key.data)
		sources[1] = (struct pki_source){c->outbound_key.text, key.data, key.len};
	if (chain.len)
		sources[2] = (struct pki_source){"the chain", (const uint8_t *)chain.s, chain.len};
	if (passphrase.data) {
		password.get = pki_password_string;
		password.userdata = (void *)(uintptr_t)first_line(&passphrase);
	}
	r = pki_outbound_load(&sources[0], &sources[1], &sources[2], &password,
			      /* want_key= */ !hardware, &findings, &err, &outbound);
	if (r < 0) {
		source_error(diags, &c->outbound_certificate,
			     r == -ENOKEY	  ? "give it with 'passphrase_file'"
			     : r == -EKEYREJECTED ? "check 'passphrase_file'"
						  : NULL,
			     err.text);
	} else {
		(void)pki_outbound_lint(&outbound, clock_plausible(now) ? now : PKI_TIME_UNKNOWN,
					/* key_elsewhere= */ hardware, &findings);
		pki_outbound_lint_identity(&outbound, c->local_identity, &findings);
	}
	take_findings(diags, &c->outbound_certificate, &findings);
}

static bool load_certs(const struct cg_source *sources, size_t n, struct cg_diags *diags,
		       struct pki_certs *certs)
{
	bool good = true;

	for (size_t i = 0; i < n; i++) {
		_cleanup_(pki_findings_done) struct pki_findings findings = {0};
		struct pki_error err;

		if (pki_certs_load_file(sources[i].text, &findings, &err, certs) < 0) {
			source_error(diags, &sources[i], NULL, err.text);
			good = false;
		}
		take_findings(diags, &sources[i], &findings);
	}
	return good;
}

/* Lists that are beyond their time still revoke what they list, and tell nothing good of others. */
static void check_crls(const struct cg_connection *c, int64_t now, struct cg_diags *diags)
{
	for (size_t i = 0; i < c->n_crls && c->revocation != CG_REVOCATION_OFF; i++) {
		_cleanup_(pki_findings_done) struct pki_findings findings = {0};
		_cleanup_(pki_crls_done) struct pki_crls crls = {0};
		const struct cg_source *s = &c->crls[i];
		char stamp[TIMESTAMP_SIZE], key[CG_SOURCE_KEY_SIZE];
		struct pki_error err;

		if (pki_crls_load_file(s->text, &findings, &err, &crls) < 0)
			source_error(diags, s, NULL, err.text);
		take_findings(diags, s, &findings);
		for (size_t k = 0; k < crls.n; k++) {
			if (crls.list[k]->next_update >= now)
				continue;
			cg_diags_add(diags, CG_DIAG_WARNING, &s->loc, cg_source_key(s, key),
				     "get the next one from the CA",
				     "%s: the revocation list of \"%.200s\" was due at %s", s->text,
				     crls.list[k]->issuer,
				     format_timestamp(crls.list[k]->next_update, stamp));
		}
	}
}

static void check_inbound(const struct cg_connection *c, int64_t now, struct cg_diags *diags)
{
	_cleanup_(pki_certs_done) struct pki_certs chain = {0}, anchors = {0};
	_cleanup_(pki_identity_rule_freep) struct pki_identity_rule *identity = NULL;
	_cleanup_(pki_subject_rule_freep) struct pki_subject_rule *subject = NULL;
	_cleanup_(pki_findings_done) struct pki_findings findings = {0};
	_cleanup_(pki_trust_freep) struct pki_trust *trust = NULL;
	_cleanup_free_ char *subject_key = NULL, *identity_key = NULL;
	const struct cg_source *where = c->n_inbound_chain ? c->inbound_chain : c->trust_anchors;
	struct pki_error err;
	bool good;

	subject_key = str_printf("connections[%s].inbound_certificate.subject_name", c->name);
	identity_key = str_printf("connections[%s].remote_identity", c->name);
	if (pki_subject_rule_new(c->subject_name, &err, &subject) < 0)
		cg_diags_add(diags, CG_DIAG_ERROR, &c->subject_name_loc, subject_key, NULL, "%s",
			     err.text);
	if (pki_identity_rule_new(c->remote_identity, &err, &identity) < 0)
		cg_diags_add(diags, CG_DIAG_ERROR, &c->remote_identity_loc, identity_key, NULL,
			     "%s", err.text);

	good = load_certs(c->inbound_chain, c->n_inbound_chain, diags, &chain);
	good = load_certs(c->trust_anchors, c->n_trust_anchors, diags, &anchors) && good;
	if (!good)
		return;
	if (pki_trust_new(&chain, c->n_trust_anchors ? &anchors : NULL, now, &findings, &err,
			  &trust) < 0)
		source_error(diags, where, NULL, err.text);
	take_findings(diags, where, &findings);
}

void check_certificates(const struct cg_config *config, int64_t now, struct cg_diags *diags)
{
	for (size_t i = 0; i < config->n_connections; i++) {
		const struct cg_connection *c = &config->connections[i];

		/* The daemon does not open its files either: they may be still to come. */
		if (!c->enabled)
			continue;
		check_outbound(c, now, diags);
		check_inbound(c, now, diags);
		check_crls(c, now, diags);
	}
}
