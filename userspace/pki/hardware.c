/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in hardware: opened, tried, and used. Owns the key and what it came from. Called by the process `hsm`.
 */
#include "pki/hardware.h"

#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

#include "base/macro.h"
#include "pki/jose.h"
#include "pki/scheme.h"

/* ---------------------------------------------------------------- the PIN */

static int read_string(UI *ui, UI_STRING *uis)
{
	struct pki_hardware_pin *p = UI_get0_user_data(ui);

	if (UI_get_string_type(uis) != UIT_PROMPT && UI_get_string_type(uis) != UIT_VERIFY)
		return 1;
	/* Once: a token that does not like it counts. */
	if (p->asked++ > 0 || p->len == 0)
		return 0;
	return UI_set_result_ex(ui, uis, (const char *)p->pin, (int)p->len) < 0 ? 0 : 1;
}

static int write_string(UI *ui _unused_, UI_STRING *uis _unused_)
{
	return 1;
}

static int pin_begin(struct pki_hardware_pin *p, const struct pki_hardware_spec *spec)
{
	UI_METHOD *m = UI_create_method("certgate");

	if (!m || UI_method_set_reader(m, read_string) < 0 ||
	    UI_method_set_writer(m, write_string) < 0) {
		UI_destroy_method(m);
		return -ENOMEM;
	}
	*p = (struct pki_hardware_pin){.method = m, .pin = spec->pin, .len = spec->pin_len};
	return 0;
}

/* ---------------------------------------------------------------- what went wrong */

/* Words of PKCS#11 (CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE) and of TPM 2.0 (TPM_RC_AUTH_FAIL, TPM_RC_BAD_AUTH), as libp11 and tpm2-tss have them. */
static const char *const wrong_words[] = {"PIN incorrect", "PIN invalid", "PIN len range",
					  "authorization HMAC", "authorization failure"};
/* CKR_PIN_LOCKED, TPM_RC_LOCKOUT */
static const char *const locked_words[] = {"PIN locked", "DA protection are not allowed",
					   "lockout"};

static bool has_word(const char *const *words, size_t n, const char *a, const char *b)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasestr(a, words[i]) || strcasestr(b, words[i]))
			return true;
	}
	return false;
}

int pki_hardware_pin_error(const struct pki_hardware_spec *spec, const struct pki_hardware_pin *pin,
			   const struct pki_hardware_cause *cause, struct pki_error *err,
			   char hint[PKI_HINT_MAX])
{
	if (cause->locked)
		return pki_fail(err, -EKEYREJECTED,
				"%.300s is locked: wrong PINs were tried too often (%.150s)",
				spec->store, cause->text);
	if (pin->len == 0 && (cause->pin || pin->asked > 0)) {
		(void)snprintf(hint, PKI_HINT_MAX, "name a file that holds it in 'pin_file'");
		return pki_fail(err, -ENOKEY, "%.300s wants a PIN, and none is configured",
				spec->store);
	}
	if (!cause->pin)
		return 0;
	/* tpm2-openssl asks for the authorization value of a handle only then. */
	if (pin->asked == 0 && spec->provider) {
		(void)snprintf(hint, PKI_HINT_MAX,
			       "the provider did not ask for the PIN: write '%.200s?pass'",
			       spec->store);
		return pki_fail(err, -ENOKEY, "%.300s wants a PIN, and was opened without",
				spec->store);
	}
	return pki_fail(err, -EKEYREJECTED, "the PIN for %.300s is wrong: %.200s", spec->store,
			cause->text);
}

void pki_hardware_cause(struct pki_hardware_cause *ret)
{
	const char *data = "";
	unsigned long e;
	int flags = 0;

	*ret = (struct pki_hardware_cause){0};
	while ((e = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
		const char *known = ERR_reason_error_string(e), *reason = known ? known : "";
		const char *more = (flags & ERR_TXT_STRING) && data ? data : "";

		bool locked = has_word(locked_words, ARRAY_SIZE(locked_words), reason, more);
		bool wrong = has_word(wrong_words, ARRAY_SIZE(wrong_words), reason, more);

		/* Says more than whatever came before. */
		if ((locked || wrong) && !ret->pin && !ret->locked)
			ret->text[0] = '\0';
		ret->pin = ret->pin || wrong;
		ret->locked = ret->locked || locked;
		if (!ret->text[0] && (*reason || *more))
			(void)snprintf(ret->text, sizeof(ret->text), "%.90s%s%.90s", reason,
				       *reason && *more ? ": " : "", more);
	}
}

/* ---------------------------------------------------------------- signatures */

static int sign(struct pki_hardware *h, OSSL_LIB_CTX *lib, enum pki_scheme scheme,
		const uint8_t *digest, size_t digest_len, uint8_t ret[PKI_SIGNATURE_MAX],
		size_t *ret_len)
{
	const EVP_MD *md = EVP_get_digestbyname(pki_scheme_digest(scheme));
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(lib, h->pkey,
						       h->properties[0] ? h->properties : NULL);
	size_t n = PKI_SIGNATURE_MAX;
	bool good = ctx && md && EVP_PKEY_sign_init(ctx) == 1;

	if (good && scheme <= PKI_SCHEME_RSA_PKCS1_SHA512)
		good = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	else if (good && scheme <= PKI_SCHEME_RSA_PSS_SHA512)
		good = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1;
	good = good && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1;
	if (good && scheme >= PKI_SCHEME_RSA_PSS_SHA256 && scheme <= PKI_SCHEME_RSA_PSS_SHA512) {
		/* Hardware that knows only one of each does not take them, and the check below sees what it used. */
		(void)EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md);
		(void)EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST);
	}
	good = good && EVP_PKEY_sign(ctx, ret, &n, digest, digest_len) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (!good)
		return -EIO;
	if (pki_digest_verify(h->public, scheme, digest, digest_len, ret, n) < 0)
		return -EKEYREJECTED;
	*ret_len = n;
	return 0;
}

static OSSL_LIB_CTX *context(const struct pki_hardware *h)
{
	return EVP_PKEY_get0_provider(h->pkey) ? pki_hardware_store_context(h->from) : NULL;
}

int pki_hardware_sign(struct pki_hardware *h, enum pki_scheme scheme, const uint8_t *digest,
		      size_t digest_len, uint8_t ret[PKI_SIGNATURE_MAX], size_t *ret_len)
{
	int r;

	if ((unsigned int)scheme >= _PKI_SCHEME_MAX || !(h->schemes & (1U << scheme)))
		return -EOPNOTSUPP;
	if (digest_len != pki_scheme_digest_size(scheme))
		return -EINVAL;
	r = sign(h, context(h), scheme, digest, digest_len, ret, ret_len);
	ERR_clear_error();
	return r;
}

/* Which ones it makes shows best by having them made. */
static int try_schemes(struct pki_hardware *h, const struct pki_hardware_spec *spec,
		       const struct pki_hardware_pin *pin, struct pki_error *err,
		       char hint[PKI_HINT_MAX])
{
	static const uint8_t octets[] = "certgate: does this key sign?";
	struct pki_hardware_cause cause = {0};
	uint8_t digest[PKI_DIGEST_MAX], signature[PKI_SIGNATURE_MAX];
	size_t digest_len, len;

	for (unsigned int i = 0; i < _PKI_SCHEME_MAX; i++) {
		enum pki_scheme scheme = (enum pki_scheme)i;

		if (scheme == PKI_SCHEME_RSA_PKCS1_SHA1 || !pki_scheme_digest(scheme) ||
		    !pki_scheme_fits(scheme, h->type) ||
		    pki_jose_digest(scheme, octets, sizeof(octets), digest, &digest_len) < 0)
			continue;
		ERR_clear_error();
		if (sign(h, context(h), scheme, digest, digest_len, signature, &len) == 0) {
			h->schemes |= 1U << i;
			continue;
		}
		pki_hardware_cause(&cause);
		/* The next attempt would cost another one of the few that there are. */
		if (cause.pin || cause.locked)
			return pki_hardware_pin_error(spec, pin, &cause, err, hint);
	}
	ERR_clear_error();
	if (h->schemes != 0)
		return 0;
	(void)snprintf(hint, PKI_HINT_MAX,
		       "it must sign with RSA (PKCS#1 or PSS) or ECDSA over a digest of SHA-2");
	return pki_fail(err, -EOPNOTSUPP,
			"the key of %.300s makes none of the signatures of IKE%s%s", spec->store,
			cause.text[0] ? ": " : "", cause.text);
}

/* ---------------------------------------------------------------- opening */

/* The public half, made anew in software from what the hardware says. */
static int take_public(struct pki_hardware *h, const struct pki_hardware_spec *spec,
		       struct pki_error *err, char hint[PKI_HINT_MAX])
{
	unsigned char *der = NULL;
	const unsigned char *p;
	char text[80];
	int len = i2d_PUBKEY(h->pkey, &der);

	if (len > 0 && (size_t)len <= sizeof(h->spki)) {
		memcpy(h->spki, der, (size_t)len);
		h->spki_len = (size_t)len;
		p = h->spki;
		h->public = d2i_PUBKEY(NULL, &p, len);
	}
	OPENSSL_free(der);
	ERR_clear_error();
	if (!h->public) {
		(void)snprintf(
			hint, PKI_HINT_MAX,
			"a PKCS#11 token must hold the public key object beside the private one, with the same id");
		return pki_fail(err, -ENODATA,
				"the public half of the key of %.300s cannot be told", spec->store);
	}
	h->type = pki_key_classify(h->public, &h->bits);
	if (h->type == PKI_KEY_ED25519 || h->type == PKI_KEY_ED448 || h->type == PKI_KEY_OTHER) {
		(void)snprintf(hint, PKI_HINT_MAX, "a key of RSA, P-256, P-384 or P-521");
		return pki_fail(
			err, -EOPNOTSUPP,
			"the key of %.300s is %s, of a type that hardware is not asked to sign with",
			spec->store, pki_key_describe(h->type, h->bits, text, sizeof(text)));
	}
	if (!pki_key_strong(h->type, h->bits)) {
		(void)snprintf(hint, PKI_HINT_MAX,
			       "a key of RSA with 2048 bits or more, P-256, P-384 or P-521");
		return pki_fail(err, -EPERM, "the key of %.300s is %s, which is too weak",
				spec->store,
				pki_key_describe(h->type, h->bits, text, sizeof(text)));
	}
	if (EVP_PKEY_get_size(h->public) > PKI_SIGNATURE_MAX)
		return pki_fail(err, -EOPNOTSUPP, "the key of %.300s is too large", spec->store);
	return 0;
}

int pki_hardware_open(const struct pki_hardware_spec *spec, struct pki_error *err,
		      char hint[PKI_HINT_MAX], struct pki_hardware **ret)
{
	struct pki_hardware *h;
	struct pki_hardware_pin pin;
	int r;

	hint[0] = '\0';
	h = calloc(1, sizeof(*h));
	if (!h || pin_begin(&pin, spec) < 0) {
		free(h);
		return pki_fail(err, -ENOMEM, "out of memory");
	}
	if (spec->engine)
		r = pki_hardware_engine_open(spec, &pin, err, hint, &h->pkey, &h->from);
	else
		r = pki_hardware_store_open(spec, &pin, err, hint, &h->pkey, &h->from);
	if (r == 0 && spec->provider)
		(void)snprintf(h->properties, sizeof(h->properties), "?provider=%s",
			       spec->provider);
	if (r == 0)
		r = take_public(h, spec, err, hint);
	if (r == 0)
		r = try_schemes(h, spec, &pin, err, hint);
	UI_destroy_method(pin.method);
	if (r < 0) {
		pki_hardware_close(h);
		return r;
	}
	*ret = h;
	return 0;
}

void pki_hardware_close(struct pki_hardware *h)
{
	bool provided = h && h->pkey && EVP_PKEY_get0_provider(h->pkey);

	if (!h)
		return;
	EVP_PKEY_free(h->pkey);
	EVP_PKEY_free(h->public);
	if (h->from && provided)
		pki_hardware_store_close(h->from);
	else
		pki_hardware_engine_close(h->from);
	free(h);
}
