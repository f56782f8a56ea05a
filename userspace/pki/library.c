/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library context with fewer decoders. Owns it, for as long as the process runs. Called by cert.c, crl.c and scheme.c.
 *
 * Its one provider is built in and has nothing of its own: it hands out the tables of OpenSSL's default provider, with the context that their
 * functions expect (provider(7)). No file is opened, so it may be made when a process is confined already.
 */
#include "pki/library.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "base/macro.h"

static OSSL_PROVIDER *whole; /* whose algorithms these are */

/* The keys that are accepted (RFC 8017, 5480, 8410). */
static const char *const keys[] = {"RSA", "RSA-PSS", "EC", "ED25519", "ED448"};
/* What is handed out for them, picked once, since it is asked for with each certificate; ends with an entry of zeros. */
static struct few {
	const OSSL_ALGORITHM *of; /* NULL: nothing is picked yet */
	OSSL_ALGORITHM list[ARRAY_SIZE(keys) + 1];
} decoders, managers;

/* The first of its names is the key's. */
static bool is_accepted(const OSSL_ALGORITHM *a)
{
	size_t len = strcspn(a->algorithm_names, ":");

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strlen(keys[i]) == len && memcmp(a->algorithm_names, keys[i], len) == 0)
			return true;
	}
	return false;
}

/* SubjectPublicKeyInfo as it stands in a certificate, RFC 5280 section 4.1.2.7. */
static bool reads_public_keys(const OSSL_ALGORITHM *a)
{
	return strstr(a->property_definition, "input=der") &&
	       strstr(a->property_definition, "structure=SubjectPublicKeyInfo");
}

static const OSSL_ALGORITHM *query(void *ctx, int operation, int *no_cache)
{
	const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(whole, operation, no_cache);
	struct few *few = operation == OSSL_OP_DECODER ? &decoders : &managers;
	size_t n = 0;

	(void)ctx;
	if ((operation != OSSL_OP_DECODER && operation != OSSL_OP_KEYMGMT) || !all)
		return all;
	if (few->of == all)
		return few->list;
	few->of = all;
	for (; all->algorithm_names && n < ARRAY_SIZE(keys); all++) {
		if (is_accepted(all) && (operation == OSSL_OP_KEYMGMT || reads_public_keys(all)))
			few->list[n++] = *all;
	}
	few->list[n] = (OSSL_ALGORITHM){0};
	return few->list;
}

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
		 void **ret_ctx)
{
	static const OSSL_DISPATCH functions[] = {
		{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
		{0, NULL},
	};

	(void)handle;
	(void)in;
	*out = functions;
	*ret_ctx = OSSL_PROVIDER_get0_provider_ctx(whole);
	return 1;
}

static OSSL_LIB_CTX *make(void)
{
	/* Not the one that legacy.c may have put in its place for a while. */
	OSSL_LIB_CTX *global = OSSL_LIB_CTX_get0_global_default(), *ctx;

	/* Whoever configured other providers, or only such algorithms as have certain properties, gets them. */
	if (!OSSL_PROVIDER_available(global, "default") ||
	    EVP_default_properties_is_fips_enabled(global))
		return NULL;
	whole = OSSL_PROVIDER_load(global, "default");
	ctx = whole ? OSSL_LIB_CTX_new() : NULL;
	if (!ctx)
		return NULL;
	if (OSSL_PROVIDER_add_builtin(ctx, "certificates", start) != 1 ||
	    !OSSL_PROVIDER_load(ctx, "certificates")) {
		OSSL_LIB_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

OSSL_LIB_CTX *pki_library(void)
{
	static OSSL_LIB_CTX *ctx;
	static bool tried;

	if (!tried) {
		tried = true;
		ctx = make();
		ERR_clear_error();
	}
	return ctx;
}
