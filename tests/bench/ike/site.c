/* SPDX-License-Identifier: Apache-2.0 */
/* Issuing the certificates of the IKE bench, with the authority that `certgate pki` uses, too. */
#include "site.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/macro.h"

#define DAY ((int64_t)24 * 3600)

static int complain(int r, const char *what, const struct pki_error *err)
{
	(void)fprintf(stderr, "bench: %s: %s\n", what,
		      err && err->text[0] ? err->text : strerror(-r));
	return r;
}

void site_name(unsigned int number, char name[SITE_NAME])
{
	(void)snprintf(name, SITE_NAME, "site-%05u.bench.example", number);
}

/* `by` NULL: the root itself. */
static int issue(const char *name, struct pki_key *key, const struct authority *by,
		 struct pki_cert **ret)
{
	const int64_t now = (int64_t)time(NULL); /* no warning that it ends soon: charon has none */
	struct pki_error err = {0};
	char dns[SITE_NAME + 8];
	struct pki_issue what = {
		.subject = name,
		.key = key->pkey,
		.ca = !by,
		.path_length = -1,
		.not_before = now - DAY,
		.not_after = now + 90 * DAY,
	};
	int r;

	(void)snprintf(dns, sizeof(dns), "fqdn:%s", name);
	if (by) {
		what.names[0] = dns;
		what.n_names = 1;
	}
	r = pki_issue(&what, by ? by->cert : NULL, by ? by->key : key, &err, ret);
	return r < 0 ? complain(r, name, &err) : 0;
}

static int generate(const char *kind, struct pki_key **ret)
{
	struct pki_error err = {0};
	enum pki_key_type type;
	unsigned int bits;
	int r;

	r = pki_key_spec_parse(kind, &type, &bits);
	if (r >= 0)
		r = pki_key_generate(type, bits, &err, ret);
	return r < 0 ? complain(r, kind, &err) : 0;
}

static FILE *create(const char *dir, const char *name)
{
	char path[4096];
	int fd;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		(void)complain(-errno, path, NULL);
	return f;
}

static int write_pair(const char *dir, const char *name, const struct pki_cert *cert,
		      const struct pki_key *key)
{
	char file[64];
	FILE *f;
	int ok;

	(void)snprintf(file, sizeof(file), "%s.pem", name);
	f = create(dir, file);
	if (!f)
		return -EIO;
	ok = PEM_write_X509(f, cert->x509);
	ok = fclose(f) == 0 && ok == 1;
	(void)snprintf(file, sizeof(file), "%s.key", name);
	f = create(dir, file);
	if (!f)
		return -EIO;
	ok = PEM_write_PrivateKey(f, key->pkey, NULL, NULL, 0, NULL, NULL) == 1 && ok;
	return fclose(f) == 0 && ok ? 0 : complain(-EIO, name, NULL);
}

int site_make_authority(const char *dir, const char *kind)
{
	struct authority a = {0};
	struct pki_cert *cert = NULL;
	struct pki_key *key = NULL;
	int r;

	r = generate(kind, &a.key);
	if (r >= 0)
		r = issue("Bench Root", a.key, NULL, &a.cert);
	if (r >= 0)
		r = write_pair(dir, "root", a.cert, a.key);
	if (r >= 0)
		r = generate(kind, &key);
	if (r >= 0)
		r = issue(SITE_RESPONDER, key, &a, &cert);
	if (r >= 0)
		r = write_pair(dir, "responder", cert, key);
	pki_cert_unref(cert);
	pki_key_unref(key);
	pki_cert_unref(a.cert);
	pki_key_unref(a.key);
	return r;
}

int site_load_authority(const char *dir, struct authority *ret)
{
	struct pki_certs certs = {0};
	struct pki_error err = {0};
	uint8_t *data = NULL;
	char path[4096];
	size_t len = 0;
	int r;

	(void)snprintf(path, sizeof(path), "%s/root.pem", dir);
	r = pki_certs_load_file(path, NULL, &err, &certs);
	if (r < 0)
		return complain(r, path, &err);
	ret->cert = pki_cert_ref(certs.list[0]);
	pki_certs_done(&certs);
	(void)snprintf(path, sizeof(path), "%s/root.key", dir);
	r = pki_file_read(path, &err, &data, &len);
	if (r >= 0)
		r = pki_key_load(data, len, path, NULL, &err, &ret->key);
	pki_file_free(data, len);
	return r < 0 ? complain(r, path, &err) : 0;
}

int site_make(const struct authority *a, const char *kind, unsigned int n, struct site **ret)
{
	struct pki_key *keys[SITE_KEYS] = {NULL};
	struct site *sites = calloc(n, sizeof(*sites));
	int r = sites ? 0 : -ENOMEM;

	for (size_t i = 0; i < SITE_KEYS && r >= 0; i++)
		r = generate(kind, &keys[i]);
	for (unsigned int i = 0; i < n && r >= 0; i++) {
		site_name(i + 1, sites[i].name);
		sites[i].key = pki_key_ref(keys[i % SITE_KEYS]);
		r = issue(sites[i].name, sites[i].key, a, &sites[i].cert);
	}
	for (size_t i = 0; i < SITE_KEYS; i++)
		pki_key_unref(keys[i]);
	if (r < 0)
		return r;
	*ret = sites;
	return 0;
}
