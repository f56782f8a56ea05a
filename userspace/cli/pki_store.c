// SPDX-License-Identifier: Apache-2.0
/*
 * The folder of `certgate pki`. Owns its lock, its index and the issuers' certificates while it is
 * open; keys are loaded when they are needed. Called by cmd_pki.c.
 */
#include "cli/pki_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <openssl/x509.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/str.h"
#include "pki/crl.h"

#define INDEX_MAX	  (16 * 1024 * 1024)
#define INDEX_VERSION	  1
#define INTERMEDIATES_MAX 99
#define NAME_SIZE	  16

/* --- files --- */

int pki_write(struct cli *cli, const char *path, const void *data, size_t len, mode_t mode)
{
	int r = file_write_atomic(path, data, len, mode);

	if (r < 0)
		return cli_error_errno(cli, r, NULL, "cannot write %s", path);
	return CLI_OK;
}

char *pki_cert_base64(const struct pki_cert *cert)
{
	size_t size = BASE64_SIZE(cert->der_len);
	char *text = malloc(size);

	if (text && base64_encode(cert->der, cert->der_len, text, size) < 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* 64 characters a line, RFC 7468 section 2. */
char *pki_cert_pem(const struct pki_cert *cert)
{
	_cleanup_free_ char *base64 = pki_cert_base64(cert);
	_cleanup_strbuf_ struct cg_strbuf out = {0};

	if (!base64)
		return NULL;
	strbuf_addf(&out, "-----BEGIN CERTIFICATE-----\n");
	for (size_t i = 0, n = strlen(base64); i < n; i += 64)
		strbuf_addf(&out, "%.64s\n", base64 + i);
	strbuf_addf(&out, "-----END CERTIFICATE-----\n");
	return out.failed ? NULL : TAKE_PTR(out.s);
}

char *pki_store_path(const struct pki_store *store, const char *name)
{
	return str_printf("%s/%s", store->dir, name);
}

static int out_of_memory(struct cli *cli)
{
	return cli_error_errno(cli, -ENOMEM, NULL, "cannot go on");
}

/* --- opening --- */

static int lock_dir(struct cli *cli, struct pki_store *store)
{
	store->lock = open(store->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->lock < 0)
		return cli_error_errno(cli, -errno, NULL, "cannot open %s", store->dir);
	if (flock(store->lock, LOCK_EX | LOCK_NB) < 0)
		return cli_error(cli, "wait until the other command has ended",
				 "%s is in use by another command", store->dir);
	return CLI_OK;
}

static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;
	bool empty = dir != NULL;

	while (empty && (e = readdir(dir)))
		empty = streq(e->d_name, ".") || streq(e->d_name, "..");
	if (dir)
		(void)closedir(dir);
	return empty;
}

int pki_store_create(struct cli *cli, const char *dir, const char *crl_url, struct pki_store *ret)
{
	struct pki_store store = {.lock = -EBADF};
	int r;

	if (mkdir(dir, 0700) < 0 && (errno != EEXIST || !is_empty(dir)))
		return errno == EEXIST
			       ? cli_error(cli,
					   "name a new folder; an authority is never overwritten",
					   "%s is there already and not empty", dir)
			       : cli_error_errno(cli, -errno, NULL, "cannot make %s", dir);
	store.dir = strdup(dir);
	store.index = json_pack("{s:i, s:s?, s:i, s:[]}", "version", INDEX_VERSION, "crl_url",
				crl_url, "crl_number", 0, "certificates");
	r = store.dir && store.index ? lock_dir(cli, &store) : out_of_memory(cli);
	if (r != CLI_OK) {
		pki_store_done(&store);
		return r;
	}
	*ret = store;
	return CLI_OK;
}

static int load_cert(struct cli *cli, const struct pki_store *store, const char *name,
		     struct pki_cert **ret)
{
	_cleanup_free_ char *file = str_printf("%s/%s.cer", store->dir, name);
	_cleanup_(pki_certs_done) struct pki_certs certs = {};
	struct pki_error err;

	if (!file)
		return out_of_memory(cli);
	if (pki_certs_load_file(file, NULL, &err, &certs) < 0)
		return cli_error(cli, NULL, "%s", err.text);
	*ret = pki_cert_ref(certs.list[0]);
	return CLI_OK;
}

/* How many intermediates there are with that one: "ca" is the first, "ca2" the second. 0: none. */
static unsigned nth(const char *issuer)
{
	uint64_t n = 1;

	if (strncmp(issuer, "ca", 2) != 0 ||
	    (issuer[2] && (parse_uint(issuer + 2, 2, INTERMEDIATES_MAX, &n) < 0)))
		return 0;
	return (unsigned)n;
}

static int load_index(struct cli *cli, struct pki_store *store)
{
	_cleanup_free_ char *path = pki_store_path(store, "index.json"), *text = NULL;
	const char *issuer;
	json_error_t why;
	size_t len;
	int r;

	if (!path)
		return out_of_memory(cli);
	r = file_read(path, INDEX_MAX, &text, &len);
	if (r < 0)
		return cli_error_errno(cli, r, "make the authority with 'certgate pki init'",
				       "%s is no folder of certgate pki: cannot read %s",
				       store->dir, path);
	store->index = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!store->index)
		return cli_error(cli, "restore it from a backup", "%s, line %d: %s", path, why.line,
				 why.text);
	issuer = json_string_value(json_object_get(store->index, "issuer"));
	if (json_integer_value(json_object_get(store->index, "version")) != INDEX_VERSION ||
	    !json_is_array(json_object_get(store->index, "certificates")) ||
	    (issuer && nth(issuer) < 2) ||
	    !json_is_integer(json_object_get(store->index, "crl_number")))
		return cli_error(cli, "restore it from a backup",
				 "%s is not an index of certgate pki, version %d", path,
				 INDEX_VERSION);
	return CLI_OK;
}

int pki_store_open(struct cli *cli, const char *dir, const struct pki_password *password,
		   struct pki_store *ret)
{
	struct pki_store store = {.lock = -EBADF, .password = password};
	_cleanup_free_ char *ca = str_printf("%s/ca.cer", dir);
	const char *issuer;
	int r;

	store.dir = strdup(dir);
	if (!store.dir || !ca) {
		free(store.dir);
		return out_of_memory(cli);
	}
	r = lock_dir(cli, &store);
	if (r == CLI_OK)
		r = load_index(cli, &store);
	if (r == CLI_OK)
		r = load_cert(cli, &store, "root", &store.root);
	issuer = json_string_value(json_object_get(store.index, "issuer"));
	if (r == CLI_OK && (issuer || access(ca, F_OK) == 0))
		r = load_cert(cli, &store, issuer ? issuer : "ca", &store.ca);
	else if (r == CLI_OK)
		store.ca = pki_cert_ref(store.root);
	if (r != CLI_OK) {
		pki_store_done(&store);
		return r;
	}
	*ret = store;
	return CLI_OK;
}

void pki_store_done(struct pki_store *store)
{
	free(store->dir);
	if (store->lock >= 0)
		(void)close(store->lock);
	json_decref(store->index);
	json_decref(store->made);
	pki_cert_unref(store->root);
	pki_cert_unref(store->ca);
	memset(store, 0, sizeof(*store));
	store->lock = -EBADF;
}

/* --- issuers --- */

const char *pki_store_issuer(const struct pki_store *store)
{
	const char *issuer = json_string_value(json_object_get(store->index, "issuer"));

	if (issuer)
		return issuer;
	return store->root && pki_cert_equal(store->root, store->ca) ? "root" : "ca";
}

bool pki_store_is_root(const char *issuer)
{
	return streq(issuer, "root");
}

char *pki_store_next(const struct pki_store *store)
{
	unsigned n = nth(pki_store_issuer(store));

	return n ? str_printf("ca%u", n + 1) : strdup("ca");
}

int pki_store_set_issuer(struct cli *cli, struct pki_store *store, const char *name,
			 struct pki_cert *cert)
{
	if (json_object_set_new(store->index, "issuer", json_string(name)) < 0)
		return out_of_memory(cli);
	pki_cert_unref(store->ca);
	store->ca = pki_cert_ref(cert);
	return CLI_OK;
}

/* The name of the nth issuer, 0 the root's; NULL beyond the last. */
static const char *issuer_name(const struct pki_store *store, unsigned i, char buf[NAME_SIZE])
{
	if (i > nth(pki_store_issuer(store)))
		return NULL;
	if (i < 2)
		return i ? "ca" : "root";
	(void)snprintf(buf, NAME_SIZE, "ca%u", i);
	return buf;
}

static bool has_same_name(const struct pki_cert *a, const struct pki_cert *b)
{
	return X509_NAME_cmp(X509_get_subject_name(a->x509), X509_get_subject_name(b->x509)) == 0;
}

int pki_store_has_name(struct cli *cli, const struct pki_store *store, const struct pki_cert *cert,
		       bool *ret)
{
	char buf[NAME_SIZE];
	const char *name;

	*ret = store->root && has_same_name(store->root, cert);
	for (unsigned i = 1; store->ca && !*ret && (name = issuer_name(store, i, buf)); i++) {
		_cleanup_(pki_cert_unrefp) struct pki_cert *ca = NULL;
		int r = load_cert(cli, store, name, &ca);

		if (r != CLI_OK)
			return r;
		*ret = ca && has_same_name(ca, cert);
	}
	return CLI_OK;
}

int pki_store_crl_url(struct cli *cli, const struct pki_store *store, const char *issuer,
		      char **ret)
{
	const char *url = json_string_value(json_object_get(store->index, "crl_url"));
	bool folder = url && *url && url[strlen(url) - 1] == '/';

	*ret = NULL;
	/* the URL of one list is that of who issued the first gateway's certificate */
	if (!url || (!folder && (pki_store_is_root(issuer)
					 ? store->ca && !pki_cert_equal(store->root, store->ca)
					 : nth(issuer) > 1)))
		return CLI_OK;
	*ret = folder ? str_printf("%s%s.crl", url, issuer) : strdup(url);
	return *ret ? CLI_OK : out_of_memory(cli);
}

/* A key that others may read is none, as in the daemon. */
static int check_key(const char *path, struct pki_error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? 0 /* whoever reads it says why */
		      : pki_key_check_permissions(fd, path, err);
}

/* -errno, with the reason in err. */
static int load_key(const struct pki_store *store, const char *name, struct pki_error *err,
		    struct pki_key **ret)
{
	_cleanup_free_ char *path = str_printf("%s/%s.key", store->dir, name);
	uint8_t *data;
	size_t len;
	int r;

	if (!path)
		return pki_fail(err, -ENOMEM, "out of memory");
	r = check_key(path, err);
	if (r == 0)
		r = pki_file_read(path, err, &data, &len);
	if (r < 0)
		return r;
	r = pki_key_load(data, len, path, store->password, err, ret);
	pki_file_free(data, len);
	return r;
}

int pki_store_key(struct cli *cli, const struct pki_store *store, const char *name,
		  struct pki_key **ret)
{
	struct pki_error err;
	int r = load_key(store, name, &err, ret);

	if (r < 0)
		return cli_error(cli,
				 r == -ENOKEY || r == -EKEYREJECTED
					 ? "give it with --ca-passphrase-file"
					 : NULL,
				 "%s", err.text);
	return CLI_OK;
}

int pki_store_put(struct cli *cli, struct pki_store *store, const char *name,
		  const struct pki_cert *cert, const struct pki_key *key, const char *passphrase)
{
	_cleanup_free_ char *key_path = str_printf("%s/%s.key", store->dir, name);
	_cleanup_free_ char *cer_path = str_printf("%s/%s.cer", store->dir, name);
	_cleanup_free_ char *pem_path = str_printf("%s/%s.pem", store->dir, name);
	_cleanup_free_ char *cer = pki_cert_base64(cert), *pem = pki_cert_pem(cert);
	struct pki_error err;
	uint8_t *data;
	size_t len;
	int r;

	if (!key_path || !cer_path || !pem_path || !cer || !pem)
		return out_of_memory(cli);
	if (access(key_path, F_OK) == 0)
		return cli_error(cli, "restore index.json from a backup, or move the key away",
				 "%s is there, which index.json does not know, and a key is never "
				 "overwritten",
				 key_path);
	if (pki_key_pem(key, passphrase, &err, &data, &len) < 0)
		return cli_error(cli, NULL, "%s", err.text);
	r = pki_write(cli, key_path, data, len, 0600);
	pki_file_free(data, len);
	if (r == CLI_OK)
		r = pki_write(cli, cer_path, cer, strlen(cer), 0644);
	if (r == CLI_OK)
		r = pki_write(cli, pem_path, pem, strlen(pem), 0644);
	return r;
}

/* --- the index --- */

int pki_store_note(struct cli *cli, struct pki_store *store, const char *issuer,
		   const struct pki_cert *cert)
{
	char serial[PKI_SERIAL_TEXT], from[TIMESTAMP_SIZE], to[TIMESTAMP_SIZE];
	json_t *entry = json_pack("{s:s, s:s, s:s, s:s, s:s}", "serial",
				  pki_serial_text(cert, serial), "issuer", issuer, "subject",
				  cert->subject, "not_before",
				  format_timestamp(cert->not_before, from), "not_after",
				  format_timestamp(cert->not_after, to));

	if (json_array_append_new(json_object_get(store->index, "certificates"), entry) < 0)
		return out_of_memory(cli);
	return CLI_OK;
}

json_t *pki_store_find(const struct pki_store *store, const char *serial)
{
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(store->index, "certificates"), i, entry) {
		const char *one = json_string_value(json_object_get(entry, "serial"));

		if (one && strcasecmp(one, serial) == 0)
			return entry;
	}
	return NULL;
}

int pki_store_check_good(struct cli *cli, const struct pki_store *store,
			 const struct pki_cert *cert, const char *path)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *ca = NULL;
	char serial[PKI_SERIAL_TEXT];
	const char *issuer, *revoked;
	const json_t *entry;
	int r;

	entry = pki_store_find(store, pki_serial_text(cert, serial));
	issuer = json_string_value(json_object_get(entry, "issuer"));
	r = issuer ? load_cert(cli, store, issuer, &ca) : CLI_OK;
	if (r != CLI_OK)
		return r;
	/* A serial number alone is what anybody may write into a certificate of their own. */
	if (!ca || !pki_cert_issued(ca, cert))
		return cli_error(cli, "'certgate pki issue' makes a new certificate",
				 "%s: %s did not issue it", path, store->dir);
	revoked = json_string_value(json_object_get(entry, "revoked"));
	if (revoked)
		return cli_error(cli, "'certgate pki issue' makes a new certificate with a new key",
				 "%s: it was revoked %s", path, revoked);
	return CLI_OK;
}

int pki_store_save(struct cli *cli, const struct pki_store *store)
{
	_cleanup_free_ char *path = pki_store_path(store, "index.json");
	_cleanup_free_ char *text = json_dumps(store->index, JSON_INDENT(2));

	if (!path || !text)
		return out_of_memory(cli);
	return pki_write(cli, path, text, strlen(text), 0600);
}

/* --- revocation lists --- */

/* The revoked entries of one issuer. Allocated; the strings are the index's. */
static int collect(const struct pki_store *store, const char *issuer, struct pki_revoked **ret,
		   size_t *ret_n)
{
	const json_t *list = json_object_get(store->index, "certificates");
	struct pki_revoked *revoked = calloc(json_array_size(list) + 1, sizeof(*revoked));
	json_t *entry;
	size_t i, n = 0;

	if (!revoked)
		return -ENOMEM;
	json_array_foreach(list, i, entry) {
		const char *by = json_string_value(json_object_get(entry, "issuer"));
		const char *serial = json_string_value(json_object_get(entry, "serial"));
		const char *at = json_string_value(json_object_get(entry, "revoked"));
		const char *reason = json_string_value(json_object_get(entry, "reason"));
		struct pki_revoked one = {.serial = serial};

		if (!at || !by || !serial || !streq(by, issuer))
			continue;
		if (parse_timestamp(at, &one.at) < 0 ||
		    (reason && pki_crl_reason_parse(reason, &one.reason) < 0)) {
			free(revoked);
			return -EBADMSG;
		}
		revoked[n++] = one;
	}
	*ret = revoked;
	*ret_n = n;
	return 0;
}

/* What is revoked by that one is on its list. */
static int note_listed(struct cli *cli, const struct pki_store *store, const char *issuer)
{
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(store->index, "certificates"), i, entry) {
		const char *by = json_string_value(json_object_get(entry, "issuer"));

		if (by && streq(by, issuer) && json_object_get(entry, "revoked") &&
		    json_object_set_new(entry, "listed", json_true()) < 0)
			return out_of_memory(cli);
	}
	return CLI_OK;
}

static int make_crl(struct cli *cli, struct pki_store *store, const char *issuer,
		    const struct pki_key *key, uint64_t number, int64_t now, unsigned days)
{
	_cleanup_free_ char *path = str_printf("%s/%s.crl", store->dir, issuer);
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL;
	_cleanup_free_ struct pki_revoked *revoked = NULL;
	struct pki_error err;
	uint8_t *der;
	size_t n, len;
	int r;

	r = path ? load_cert(cli, store, issuer, &cert) : out_of_memory(cli);
	if (r != CLI_OK)
		return r;
	r = collect(store, issuer, &revoked, &n);
	if (r == -EBADMSG)
		return cli_error(cli, "restore it from a backup",
				 "%s/index.json: an entry cannot be read", store->dir);
	if (r < 0)
		return out_of_memory(cli);
	if (pki_issue_crl(cert, key, revoked, n, number, now, now + (int64_t)days * 86400, &err,
			  &der, &len) < 0)
		return cli_error(cli, NULL, "%s", err.text);
	r = pki_write(cli, path, der, len, 0644);
	pki_file_free(der, len);
	if (r != CLI_OK)
		return r;
	if (json_array_append_new(store->made, json_string(path)) < 0)
		return out_of_memory(cli);
	return note_listed(cli, store, issuer);
}

/* Says that a list stays, and until when it is good. */
static void tell_stays(struct cli *cli, const struct pki_store *store, const char *issuer,
		       const struct pki_error *why)
{
	_cleanup_free_ char *path = str_printf("%s/%s.crl", store->dir, issuer);
	_cleanup_(pki_crls_done) struct pki_crls crls = {};
	struct pki_error err;
	char at[TIMESTAMP_SIZE];

	if (path && pki_crls_load_file(path, NULL, &err, &crls) == 0)
		(void)fprintf(cli->err,
			      "certgate: %s was not made again and is good until %s: %s\n", path,
			      format_timestamp(crls.list[0]->next_update, at), why->text);
	else
		(void)fprintf(cli->err, "certgate: %s.crl was not made: %s\n", issuer, why->text);
}

int pki_store_crls(struct cli *cli, struct pki_store *store, const char *first, int64_t now,
		   unsigned days)
{
	json_t *number = json_object_get(store->index, "crl_number");
	/* Seconds, so that an index from a backup does not use a number twice: who has seen a higher one takes such a list for an old one. */
	uint64_t next = MAX((uint64_t)json_integer_value(number) + 1, (uint64_t)now);
	_cleanup_(pki_key_unrefp) struct pki_key *key = NULL;
	char buf[NAME_SIZE];
	const char *name;
	int r;

	json_decref(store->made);
	store->made = json_array();
	/* the number first: one that was skipped is harmless, one that is used twice is not */
	if (!store->made || json_integer_set(number, (json_int_t)next) < 0)
		return out_of_memory(cli);
	r = pki_store_save(cli, store);
	if (r == CLI_OK && first)
		r = pki_store_key(cli, store, first, &key);
	if (r == CLI_OK && first)
		r = make_crl(cli, store, first, key, next, now, days);
	for (unsigned i = 0; r == CLI_OK && (name = issuer_name(store, i, buf)); i++) {
		_cleanup_(pki_key_unrefp) struct pki_key *other = NULL;
		struct pki_error err;

		if (first && streq(name, first))
			continue;
		if (load_key(store, name, &err, &other) < 0)
			tell_stays(cli, store, name, &err);
		else
			r = make_crl(cli, store, name, other, next, now, days);
	}
	if (r == CLI_OK && json_array_size(store->made) == 0)
		r = cli_error(cli, NULL, "no list was made: %s has no key that can be read",
			      store->dir);
	return r == CLI_OK ? pki_store_save(cli, store) : r;
}
