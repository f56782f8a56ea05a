/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key by its store URI, from a provider. In a library context of its own, so that the provider serves this key and nothing else of the process. Called
 * by hardware.c.
 */
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/store.h>

#include "base/macro.h"
#include "base/str.h"
#include "pki/hardware.h"

struct store {
	OSSL_LIB_CTX *ctx;
	OSSL_PROVIDER *base, *provider;
};

void pki_hardware_store_close(void *from)
{
	struct store *s = from;

	if (!s)
		return;
	if (s->provider)
		(void)OSSL_PROVIDER_unload(s->provider);
	if (s->base)
		(void)OSSL_PROVIDER_unload(s->base);
	OSSL_LIB_CTX_free(s->ctx);
	free(s);
}

OSSL_LIB_CTX *pki_hardware_store_context(void *from)
{
	return ((struct store *)from)->ctx;
}

static int load_provider(struct store *s, const char *name, struct pki_error *err,
			 char hint[PKI_HINT_MAX])
{
	struct pki_hardware_cause cause;
	char *file;

	s->ctx = OSSL_LIB_CTX_new();
	if (!s->ctx)
		return pki_fail(err, -ENOMEM, "out of memory");
	/* Where a provider's own settings are, such as its module. */
	file = CONF_get1_default_config_file();
	if (file)
		(void)OSSL_LIB_CTX_load_config(s->ctx, file);
	OPENSSL_free(file);
	s->base = OSSL_PROVIDER_load(s->ctx, "default");
	ERR_clear_error();
	s->provider = OSSL_PROVIDER_load(s->ctx, name);
	if (s->provider && s->base)
		return 0;
	pki_hardware_cause(&cause);
	(void)snprintf(
		hint, PKI_HINT_MAX,
		"install it (tpm2: Debian's tpm2-openssl), and see that its device can be used by the group of 'groups'");
	return pki_fail(err, -ENOPKG, "OpenSSL cannot load the provider '%.64s': %.200s", name,
			cause.text);
}

/* One private key, no more. */
static int load_key(const struct store *s, const struct pki_hardware_spec *spec,
		    struct pki_hardware_pin *pin, struct pki_error *err, char hint[PKI_HINT_MAX],
		    EVP_PKEY **ret)
{
	struct pki_hardware_cause cause;
	OSSL_STORE_CTX *store;
	EVP_PKEY *pkey = NULL;
	unsigned int n = 0;
	int r;

	store = OSSL_STORE_open_ex(spec->store, s->ctx, NULL, pin->method, pin, NULL, NULL, NULL);
	if (store)
		(void)OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY);
	while (store && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (!info) {
			/* An end that shows only now is one too. */
			if (OSSL_STORE_error(store))
				break;
			continue;
		}
		if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY && n++ == 0)
			pkey = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	(void)OSSL_STORE_close(store);
	if (n == 1 && pkey) {
		*ret = pkey;
		return 0;
	}
	EVP_PKEY_free(pkey);
	pki_hardware_cause(&cause);
	if (n > 1)
		return pki_fail(err, -ENOTUNIQ, "%.300s names several private keys, one is wanted",
				spec->store);
	r = pki_hardware_pin_error(spec, pin, &cause, err, hint);
	if (r < 0)
		return r;
	(void)snprintf(
		hint, PKI_HINT_MAX,
		"'openssl storeutl -keys -provider %.32s -provider default URI' shows what the provider finds",
		spec->provider);
	return pki_fail(err, -ENODATA,
			"%.300s names no private key that the provider %.64s has%s%s", spec->store,
			spec->provider, cause.text[0] ? ": " : "", cause.text);
}

int pki_hardware_store_open(const struct pki_hardware_spec *spec, struct pki_hardware_pin *pin,
			    struct pki_error *err, char hint[PKI_HINT_MAX], EVP_PKEY **ret,
			    void **ret_from)
{
	struct store *s = calloc(1, sizeof(*s));
	const OSSL_PROVIDER *holder;
	EVP_PKEY *pkey = NULL;
	int r;

	if (!s)
		return pki_fail(err, -ENOMEM, "out of memory");
	r = load_provider(s, spec->provider, err, hint);
	if (r == 0)
		r = load_key(s, spec, pin, err, hint, &pkey);
	holder = pkey ? EVP_PKEY_get0_provider(pkey) : NULL;
	if (r == 0 && (!holder || !streq(OSSL_PROVIDER_get0_name(holder), spec->provider)))
		r = pki_fail(err, -ENODATA,
			     "%.300s names a key in a file, not one that the provider %.64s keeps",
			     spec->store, spec->provider);
	if (r < 0) {
		EVP_PKEY_free(pkey);
		pki_hardware_store_close(s);
		return r;
	}
	*ret = pkey;
	*ret_from = s;
	return 0;
}
