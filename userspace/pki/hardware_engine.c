/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key by its URI, from an engine: libp11's for PKCS#11 (RFC 7512), which is what there is where OpenSSL has no provider for it. Called by hardware.c.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* engines: deprecated since OpenSSL 3.0, and not gone */
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/macro.h"
#include "pki/hardware.h"

void pki_hardware_engine_close(void *from)
{
	if (!from)
		return;
	(void)ENGINE_finish(from);
	(void)ENGINE_free(from);
}

static int no_engine(const char *what, const char *name, struct pki_error *err)
{
	struct pki_hardware_cause cause;

	pki_hardware_cause(&cause);
	return pki_fail(err, -ENOPKG, "%s '%.200s' cannot be loaded%s%s", what, name,
			cause.text[0] ? ": " : "", cause.text);
}

static int load_engine(const struct pki_hardware_spec *spec, struct pki_error *err,
		       char hint[PKI_HINT_MAX], ENGINE **ret)
{
	ENGINE *e;

	ENGINE_load_builtin_engines();
	e = ENGINE_by_id(spec->engine);
	if (!e) {
		(void)snprintf(hint, PKI_HINT_MAX,
			       "install it (pkcs11: Debian's libengine-pkcs11-openssl)");
		return no_engine("OpenSSL's engine", spec->engine, err);
	}
	if (spec->module &&
	    ENGINE_ctrl_cmd_string(e, "MODULE_PATH", spec->module, /* optional= */ 0) != 1) {
		(void)ENGINE_free(e);
		return no_engine("the PKCS#11 module", spec->module, err);
	}
	if (ENGINE_init(e) != 1) {
		(void)ENGINE_free(e);
		return no_engine("OpenSSL's engine", spec->engine, err);
	}
	*ret = e;
	return 0;
}

int pki_hardware_engine_open(const struct pki_hardware_spec *spec, struct pki_hardware_pin *pin,
			     struct pki_error *err, char hint[PKI_HINT_MAX], EVP_PKEY **ret,
			     void **ret_from)
{
	struct pki_hardware_cause cause;
	EVP_PKEY *pkey;
	ENGINE *e = NULL;
	int r;

	r = load_engine(spec, err, hint, &e);
	if (r < 0)
		return r;
	ERR_clear_error();
	pkey = ENGINE_load_private_key(e, spec->store, pin->method, pin);
	if (pkey) {
		*ret = pkey;
		*ret_from = e;
		return 0;
	}
	pki_hardware_cause(&cause);
	pki_hardware_engine_close(e);
	r = pki_hardware_pin_error(spec, pin, &cause, err, hint);
	if (r < 0)
		return r;
	if (strstr(cause.text, "load PKCS#11 module")) {
		(void)snprintf(
			hint, PKI_HINT_MAX,
			"'module' is the path of the token's PKCS#11 module, a shared library");
		return pki_fail(err, -ENOPKG, "the PKCS#11 module %.200s cannot be loaded",
				spec->module ? spec->module : "of libp11");
	}
	(void)snprintf(
		hint, PKI_HINT_MAX,
		"'pkcs11-tool --module %.150s --login --list-objects' shows what the token has",
		spec->module ? spec->module : "MODULE");
	return pki_fail(err, -ENODATA, "%.300s names no private key%s%s", spec->store,
			cause.text[0] ? ": " : "", cause.text);
}
