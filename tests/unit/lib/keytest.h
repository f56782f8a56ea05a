/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of files with private keys: a leaf whose key they are about, below a CA and a root, and loads of them. To be included once, and
 * first, by a test program, whose state this is.
 */
#ifndef CERTGATE_TESTS_KEYTEST_H
#define CERTGATE_TESTS_KEYTEST_H

#include "lib/pkitest.h"

#include <sys/wait.h>

#include <openssl/err.h>

#include "pki/legacy.h"
#include "pki/pkcs12.h"

static struct pkigen_cert *root, *ca, *leaf;

static inline _unused_ int setup(void **state)
{
	(void)state;
	root = pkigen_root("CN=Root,O=Example");
	ca = pkigen_intermediate(root, "CN=CA,O=Example");
	leaf = pkigen_make(&(struct pkigen_spec){.subject = "CN=gw.example,O=Example",
						 .key = PKIGEN_RSA2048,
						 .key_number = 1},
			   ca);
	return 0;
}

static inline _unused_ int teardown(void **state)
{
	(void)state;
	pki_legacy_finish();
	pkigen_done();
	return 0;
}

static inline _unused_ struct pki_password with(const char *text)
{
	return (struct pki_password){text ? pki_password_string : NULL, (void *)(uintptr_t)text};
}

/* What a load came to. */
struct load {
	struct pki_key *key;
	struct pki_certs certs;
	struct pki_error err;
	int r;
};

static inline _unused_ void load_done(struct load *l)
{
	pki_key_unrefp(&l->key);
	pki_certs_done(&l->certs);
}

static inline _unused_ void load_key(struct load *l, const void *data, size_t len,
				     const char *passphrase)
{
	const struct pki_password password = with(passphrase);
	uint8_t *copy = exact(data, len);

	load_done(l);
	l->r = pki_key_load(copy, len, "gw.key", &password, &l->err, &l->key);
	assert_true((l->r == 0) == (l->key != NULL));
	assert_int_equal(ERR_peek_error(), 0);
	free(copy);
}

/* It is the leaf's key: by its public half and by a signature. */
static inline _unused_ void assert_leaf_key(const struct load *l)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = to_cert(leaf), *other = to_cert(ca);

	if (l->r < 0)
		fail_msg("%s", l->err.text);
	assert_true(pki_key_matches(l->key, cert));
	assert_false(pki_key_matches(l->key, other));
	assert_memory_equal(l->key->spki_sha256, cert->spki_sha256, PKI_SHA256_SIZE);
	assert_int_equal(l->key->type, PKI_KEY_RSA);
	assert_int_equal(l->key->bits, 2048);
}

#define assert_load_fails(l, code, part)                               \
	do {                                                           \
		if ((l)->r != (code))                                  \
			fail_msg("%d instead of %d: %s", (l)->r, code, \
				 (l)->r < 0 ? (l)->err.text : "");     \
		assert_text((l)->err.text, part);                      \
	} while (0)

static inline _unused_ void run_openssl(const char *const *argv)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)freopen("/dev/null", "w", stderr);
		execvp("openssl", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#endif
