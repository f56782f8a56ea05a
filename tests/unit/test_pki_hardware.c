// SPDX-License-Identifier: Apache-2.0
/*
 * Private keys in hardware, with the hardware in software: a PKCS#11 token of SoftHSM2 through libp11's engine, and a TPM 2.0 of swtpm through
 * tpm2-openssl's provider. What is opened, what is refused and why, and what an open key needs of a confined process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/str.h"
#include "daemon/sandbox.h"
#include "lib/pkigen.h"
#include "pki/hardware.h"
#include "pki/jose.h"
#include "pki/scheme.h"

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"

/* Code of others keeps what it has to the end of the process. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libsofthsm2.so\nleak:pkcs11.so\nleak:libtss2\nleak:tpm2.so\nleak:ENGINE_\n";
}

static char dir[] = "/tmp/certgate-hardware.XXXXXX";

static int shell(const char *format, ...) _printf_(1, 2);
static int shell(const char *format, ...)
{
	char command[1024], whole[1400];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	(void)snprintf(whole, sizeof(whole), "cd %s && { %s; } >>log 2>&1", dir, command);
	return system(whole);
}

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = str_printf("%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	(void)fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void token_key(const char *label, const char *name, enum pkigen_key key, const char *id)
{
	const struct pkigen_spec spec = {.subject = "CN=gw.example", .key = key};
	struct pkigen_cert *root = pkigen_root("CN=Root");

	put("key.pem", pkigen_make(&spec, root)->key_pem);
	assert_int_equal(
		shell("softhsm2-util --import key.pem --token %s --label %s --id %s --pin 1234",
		      label, name, id),
		0);
}

static int token_setup(void **state _unused_)
{
	_cleanup_free_ char *conf = str_printf("%s/softhsm2.conf", dir);

	put("softhsm2.conf",
	    pkigen_text(
		    "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n",
		    dir));
	assert_int_equal(setenv("SOFTHSM2_CONF", conf, 1), 0);
	assert_int_equal(
		shell("mkdir tokens && softhsm2-util --init-token --free --label gw --so-pin 12345678 --pin 1234"),
		0);
	token_key("gw", "rsa", PKIGEN_RSA2048, "01");
	token_key("gw", "p256", PKIGEN_P256, "02");
	token_key("gw", "p384", PKIGEN_P384, "03");
	/* libp11 finds nothing in a token that has one of these. */
	assert_int_equal(
		shell("softhsm2-util --init-token --free --label odd --so-pin 12345678 --pin 1234"),
		0);
	token_key("odd", "ed25519", PKIGEN_ED25519, "04");
	assert_int_equal(
		shell("openssl genrsa -out weak.pem 1024 && softhsm2-util --import weak.pem --token gw --label weak --id 05 --pin 1234"),
		0);
	return 0;
}

static int tpm_setup(void **state _unused_)
{
	_cleanup_free_ char *tcti = str_printf("swtpm:path=%s/tpm.sock", dir);

	assert_int_equal(setenv("TPM2OPENSSL_TCTI", tcti, 1), 0);
	assert_int_equal(setenv("TPM2TOOLS_TCTI", tcti, 1), 0);
	assert_int_equal(setenv("TSS2_LOG", "all+none", 1), 0);
	assert_int_equal(
		shell("mkdir -p tpm && swtpm socket --tpm2 --tpmstate dir=%s/tpm --server type=unixio,path=%s/tpm.sock "
		      "--ctrl type=unixio,path=%s/tpm.sock.ctrl --flags not-need-init,startup-clear --daemon --pid file=%s/tpm.pid",
		      dir, dir, dir, dir),
		0);
	put("make",
	    "tpm2_create -C prim.ctx -G $2 -u k.pub -r k.priv -a 'sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth' ${3:+-p $3} && "
	    "tpm2_flushcontext -t && tpm2_load -C prim.ctx -u k.pub -r k.priv -c k.ctx && "
	    "tpm2_evictcontrol -C o -c k.ctx $1 && tpm2_flushcontext -t\n");
	assert_int_equal(
		shell("tpm2_selftest -f && tpm2_dictionarylockout -s -n 32 -t 1 -l 1 && tpm2_createprimary -C o -G rsa -c prim.ctx && tpm2_flushcontext -t && "
		      "sh ./make 0x81000001 rsa2048 secret && sh ./make 0x81000002 ecc256 && sh ./make 0x81000003 rsa1024"),
		0);
	return 0;
}

static int tpm_teardown(void **state _unused_)
{
	return shell("kill $(cat tpm.pid)") == 0 ? 0 : -1;
}

/* ---------------------------------------------------------------- opening */

static struct pki_hardware_spec token(const char *uri, const char *pin)
{
	return (struct pki_hardware_spec){.store = uri,
					  .engine = "pkcs11",
					  .module = MODULE,
					  .pin = (const uint8_t *)pin,
					  .pin_len = pin ? strlen(pin) : 0};
}

static struct pki_hardware_spec tpm(const char *uri, const char *pin)
{
	return (struct pki_hardware_spec){.store = uri,
					  .provider = "tpm2",
					  .pin = (const uint8_t *)pin,
					  .pin_len = pin ? strlen(pin) : 0};
}

static struct pki_hardware *opens(struct pki_hardware_spec spec)
{
	struct pki_hardware *h = NULL;
	struct pki_error err = {0};
	char hint[PKI_HINT_MAX];

	if (pki_hardware_open(&spec, &err, hint, &h) < 0)
		fail_msg("%s: %s", spec.store, err.text);
	return h;
}

/* In a process of its own, as the daemon has it: code of others remembers what was opened before. */
static void is_refused(struct pki_hardware_spec spec, int error, const char *text)
{
	struct {
		int r;
		struct pki_error err;
	} said = {0};
	int pair[2], status;
	pid_t pid;

	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct pki_hardware *h = NULL;
		char hint[PKI_HINT_MAX];

		said.r = pki_hardware_open(&spec, &said.err, hint, &h);
		_exit(write(pair[1], &said, sizeof(said)) != sizeof(said));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(pair[0], &said, sizeof(said)), sizeof(said));
	(void)close(pair[0]);
	(void)close(pair[1]);
	if (said.r != error || !strstr(said.err.text, text))
		fail_msg("%s: %d, \"%s\" instead of %d, \"%s\"", spec.store, said.r, said.err.text,
			 error, text);
}

/* Signs with every scheme it says it has, and what comes is what a peer verifies. */
static void signs(struct pki_hardware *h, unsigned int schemes)
{
	static const uint8_t octets[] = "what is signed";
	const unsigned char *p = h->spki;
	EVP_PKEY *public = d2i_PUBKEY(NULL, &p, (long)h->spki_len);

	assert_int_equal(h->schemes, schemes);
	for (unsigned int i = 0; i < _PKI_SCHEME_MAX; i++) {
		uint8_t digest[PKI_DIGEST_MAX], out[PKI_SIGNATURE_MAX];
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		size_t digest_len, len;

		if (i == PKI_SCHEME_ED25519 || i == PKI_SCHEME_ED448)
			digest_len = 32;
		else
			assert_int_equal(pki_jose_digest((enum pki_scheme)i, octets, sizeof(octets),
							 digest, &digest_len),
					 0);
		if (!(schemes & (1U << i))) {
			assert_int_equal(pki_hardware_sign(h, (enum pki_scheme)i, digest,
							   digest_len, out, &len),
					 -EOPNOTSUPP);
		} else {
			assert_int_equal(pki_hardware_sign(h, (enum pki_scheme)i, digest,
							   digest_len - 1, out, &len),
					 -EINVAL);
			assert_int_equal(pki_hardware_sign(h, (enum pki_scheme)i, digest,
							   digest_len, out, &len),
					 0);
			assert_int_equal(pki_scheme_init(ctx, (enum pki_scheme)i, public, true, -1),
					 0);
			assert_int_equal(EVP_DigestVerify(ctx, out, len, octets, sizeof(octets)),
					 1);
		}
		EVP_MD_CTX_free(ctx);
	}
	EVP_PKEY_free(public);
}

#define RSA_ALL                                                                  \
	(1U << PKI_SCHEME_RSA_PKCS1_SHA256 | 1U << PKI_SCHEME_RSA_PKCS1_SHA384 | \
	 1U << PKI_SCHEME_RSA_PKCS1_SHA512 | 1U << PKI_SCHEME_RSA_PSS_SHA256 |   \
	 1U << PKI_SCHEME_RSA_PSS_SHA384 | 1U << PKI_SCHEME_RSA_PSS_SHA512)
#define ECDSA_ALL                                                        \
	(1U << PKI_SCHEME_ECDSA_SHA256 | 1U << PKI_SCHEME_ECDSA_SHA384 | \
	 1U << PKI_SCHEME_ECDSA_SHA512)

static void keys_of_a_token_sign(void **state _unused_)
{
	struct pki_hardware *rsa = opens(token("pkcs11:token=gw;object=rsa", "1234")), *p256, *p384;

	assert_int_equal(rsa->type, PKI_KEY_RSA);
	assert_int_equal(rsa->bits, 2048);
	signs(rsa, RSA_ALL);
	pki_hardware_close(rsa);
	p256 = opens(token("pkcs11:token=gw;id=%02;type=private", "1234"));
	assert_int_equal(p256->type, PKI_KEY_P256);
	signs(p256, ECDSA_ALL);
	p384 = opens(token("pkcs11:token=gw;object=p384", "1234"));
	signs(p384, ECDSA_ALL);
	pki_hardware_close(p256);
	pki_hardware_close(p384);
}

static void keys_of_a_token_are_refused_with_the_reason(void **state _unused_)
{
	struct pki_hardware_spec spec = token("pkcs11:token=gw;object=rsa", "1234");

	is_refused(token("pkcs11:token=gw;object=other", "1234"), -ENODATA, "names no private key");
	is_refused(token("pkcs11:token=other;object=rsa", "1234"), -ENODATA,
		   "names no private key");
	is_refused(token("pkcs11:token=gw;object=rsa", NULL), -ENOKEY,
		   "wants a PIN, and none is configured");
	is_refused(token("pkcs11:token=gw;object=weak", "1234"), -EPERM,
		   "RSA 1024, which is too weak");
	is_refused(token("pkcs11:token=odd;object=ed25519", "1234"), -ENODATA,
		   "pkcs11:token=odd;object=ed25519");
	is_refused(token("pkcs11:token=gw;object=rsa", "4321"), -EKEYREJECTED,
		   "the PIN for pkcs11:token=gw;object=rsa is wrong");
	spec.module = "/usr/lib/softhsm/none.so";
	is_refused(spec, -ENOPKG, "the PKCS#11 module /usr/lib/softhsm/none.so cannot be loaded");
	spec.engine = "none";
	is_refused(spec, -ENOPKG, "OpenSSL's engine 'none' cannot be loaded");
}

static void keys_of_a_tpm_sign(void **state _unused_)
{
	struct pki_hardware *rsa = opens(tpm("handle:0x81000001?pass", "secret")), *p256;

	assert_int_equal(rsa->type, PKI_KEY_RSA);
	signs(rsa, rsa->schemes);
	/* PSS with a salt as long as the digest, as IKE has it; RFC 7427 leaves no choice but the ones a peer verifies. */
	assert_true(rsa->schemes & (1U << PKI_SCHEME_RSA_PKCS1_SHA256));
	pki_hardware_close(rsa);
	p256 = opens(tpm("handle:0x81000002", NULL));
	assert_int_equal(p256->type, PKI_KEY_P256);
	signs(p256, p256->schemes);
	assert_true(p256->schemes & (1U << PKI_SCHEME_ECDSA_SHA256));
	pki_hardware_close(p256);
}

static void keys_of_a_tpm_are_refused_with_the_reason(void **state _unused_)
{
	_cleanup_free_ char *key = str_printf("file:%s/weak.pem", dir);
	struct pki_hardware_spec spec = tpm("handle:0x81000002", NULL);

	is_refused(tpm("handle:0x81000009", NULL), -ENODATA,
		   "names no private key that the provider tpm2 has");
	is_refused(tpm("handle:0x81000003", NULL), -EPERM, "RSA 1024, which is too weak");
	is_refused(tpm("handle:0x81000001?pass", "wrong"), -EKEYREJECTED,
		   "the PIN for handle:0x81000001?pass is wrong");
	is_refused(tpm("handle:0x81000001", "secret"), -ENOKEY,
		   "handle:0x81000001 wants a PIN, and was opened without");
	is_refused(tpm("handle:0x81000001", NULL), -ENOKEY,
		   "handle:0x81000001 wants a PIN, and none is configured");
	is_refused(tpm("handle:0x81000001?pass", NULL), -ENOKEY,
		   "wants a PIN, and none is configured");
	is_refused(tpm(key, NULL), -ENODATA, "names a key in a file");
	is_refused(tpm("nothing:here", NULL), -ENODATA, "names no private key");
	spec.provider = "none";
	is_refused(spec, -ENOPKG, "OpenSSL cannot load the provider 'none'");
	assert_int_equal(setenv("TPM2OPENSSL_TCTI", "swtpm:path=/nowhere", 1), 0);
	is_refused(tpm("handle:0x81000002", NULL), -ENOPKG,
		   "OpenSSL cannot load the provider 'tpm2'");
}

/* ---------------------------------------------------------------- confined */

/* What the C library does before an exit, and the sanitizer with it, is not for a filtered process. */
static void leave(int status)
{
	(void)syscall(SYS_exit_group, status);
}

/* In a process of its own: opens, is confined, signs; then whether it can open a file for writing, and a socket. The exit status says what went wrong. */
static int confined(struct pki_hardware_spec spec, enum cg_hardware_access access, bool files,
		    bool network)
{
	static const uint8_t digest[32] = {1};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct pki_hardware *h = NULL;
		uint8_t out[PKI_SIGNATURE_MAX];
		struct pki_error err = {0};
		char hint[PKI_HINT_MAX];
		enum pki_scheme scheme;
		size_t len;

		if (pki_hardware_open(&spec, &err, hint, &h) < 0)
			leave(10);
		scheme = h->type == PKI_KEY_RSA ? PKI_SCHEME_RSA_PKCS1_SHA256
						: PKI_SCHEME_ECDSA_SHA256;
		if (seccomp_enter_hsm(access) < 0)
			leave(11);
		for (int i = 0; i < 3; i++) {
			if (pki_hardware_sign(h, scheme, digest, sizeof(digest), out, &len) < 0)
				leave(12);
		}
		if ((open("/dev/null", O_RDWR | O_CLOEXEC) >= 0) != files)
			leave(13);
		if ((socket(AF_UNIX, SOCK_STREAM, 0) >= 0) != files)
			leave(14);
		if ((socket(AF_INET, SOCK_DGRAM, 0) >= 0) != network)
			leave(15);
		if (socket(AF_NETLINK, SOCK_RAW, 0) >= 0)
			leave(16);
		if (fork() >= 0)
			leave(17);
		if (execl("/bin/true", "true", (char *)NULL) != -1 || errno != EPERM)
			leave(18);
		leave(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void a_token_signs_with_files_and_nothing_more(void **state _unused_)
{
	struct pki_hardware_spec spec = token("pkcs11:token=gw;object=p256", "1234");

	assert_int_equal(confined(spec, CG_ACCESS_FILES, true, false), 0);
	assert_int_equal(confined(spec, CG_ACCESS_NETWORK, true, true), 0);
}

/* As a device: a terminal's end whose other end is the emulator. Over its socket tpm2-tss connects anew for each command, and is not served. */
static void a_tpm_signs_over_the_device_that_is_open(void **state _unused_)
{
	_cleanup_free_ char *device = str_printf("device:%s/tpm.dev", dir),
			    *tcti = str_printf("%s", getenv("TPM2OPENSSL_TCTI"));

	assert_int_equal(confined(tpm("handle:0x81000002", NULL), CG_ACCESS_FILES, true, false), 0);
	assert_int_equal(confined(tpm("handle:0x81000002", NULL), CG_ACCESS_NONE, false, false),
			 12);
	assert_int_equal(
		shell("socat PTY,link=tpm.dev,rawer UNIX-CONNECT:tpm.sock & echo $! >socat.pid; "
		      "for i in $(seq 100); do [ -e tpm.dev ] && break; sleep 0.1; done; [ -e tpm.dev ]"),
		0);
	assert_int_equal(setenv("TPM2OPENSSL_TCTI", device, 1), 0);
	assert_int_equal(confined(tpm("handle:0x81000002", NULL), CG_ACCESS_NONE, false, false), 0);
	assert_int_equal(
		confined(tpm("handle:0x81000001?pass", "secret"), CG_ACCESS_NONE, false, false), 0);
	assert_int_equal(shell("kill $(cat socat.pid)"), 0);
	assert_int_equal(setenv("TPM2OPENSSL_TCTI", tcti, 1), 0);
}

int main(void)
{
	static const struct CMUnitTest token_tests[] = {
		cmocka_unit_test(keys_of_a_token_are_refused_with_the_reason),
		cmocka_unit_test(keys_of_a_token_sign),
		cmocka_unit_test(a_token_signs_with_files_and_nothing_more),
	};
	static const struct CMUnitTest tpm_tests[] = {
		cmocka_unit_test(keys_of_a_tpm_sign),
		cmocka_unit_test(a_tpm_signs_over_the_device_that_is_open),
		cmocka_unit_test(keys_of_a_tpm_are_refused_with_the_reason),
	};
	int failed;

	if (!mkdtemp(dir))
		return EXIT_FAILURE;
	failed = cmocka_run_group_tests(token_tests, token_setup, NULL);
	failed += cmocka_run_group_tests(tpm_tests, tpm_setup, tpm_teardown);
	if (failed == 0)
		failed = shell("rm -rf %s", dir);
	else
		(void)fprintf(stderr, "# what the tools said is in %s/log\n", dir);
	return failed != 0;
}
