// SPDX-License-Identifier: Apache-2.0
/*
 * A mistake for the fuzzers to find: what a parser was handed is copied to where, for some lengths, there is room for one byte less. Linked into a second
 * program of each fuzzer in front of functions that its input should reach (the linker's --wrap); a fuzzer that does not find it does not look
 * where it should. Where there are several, PLANTED in the environment names the one that has the mistake. tests/host/fuzz_planted.sh runs them; nothing
 * else is built with this.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/control.h"
#include "base/time.h"
#include "daemon/check.h"
#include "daemon/conn.h"
#include "daemon/msg.h"
#include "daemon/proto_revocation.h"
#include "daemon/tunnel.h"
#include "ike/crypto.h"
#include "ike/message.h"
#include "ike/snapshot_codec.h"
#include "ike/ts.h"
#include "kernel/client.h"
#include "kernel/kernel.h"
#include "pki/algid.h"
#include "pki/cert.h"
#include "pki/crl.h"
#include "pki/issue.h"
#include "pki/name.h"
#include "pki/usage.h"

/* Each program has some of the functions below in front of the real one; of the others there is no real one. */
#define WEAK __attribute__((weak))

static void copy(const char *function, const void *data, size_t len)
{
	const char *chosen = getenv("PLANTED");
	bool here = !chosen || !strcmp(chosen, function + strlen("__wrap_"));
	bool short_of_room = here && len % 8 == 7;
	void *to = malloc(len - short_of_room);

	/* Said here: who reads the report's stack may have no time to find the names. */
	if (short_of_room)
		(void)fprintf(stderr, "planted: %s\n", function);
	if (to && len > 0)
		memcpy(to, data, len);
	/* Or the compiler sees that nobody reads it. */
	__asm__ volatile("" : : "r"(to) : "memory");
	free(to);
}

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */

/* config: an address somewhere in the file; daemon: in a line of /etc/hosts */
WEAK int __real_cg_addr_parse(const char *s, struct cg_addr *ret);
int __wrap_cg_addr_parse(const char *s, struct cg_addr *ret);
int __wrap_cg_addr_parse(const char *s, struct cg_addr *ret)
{
	copy(__func__, s, strlen(s) + 1);
	return __real_cg_addr_parse(s, ret);
}

/* daemon: what a vault has in Base64, in JSON that is sound so far */
WEAK int __real_base64_decode(const char *s, size_t slen, void *out, size_t size, size_t *ret_len);
int __wrap_base64_decode(const char *s, size_t slen, void *out, size_t size, size_t *ret_len);
int __wrap_base64_decode(const char *s, size_t slen, void *out, size_t size, size_t *ret_len)
{
	copy(__func__, s, slen);
	return __real_base64_decode(s, slen, out, size, ret_len);
}

/* daemon: something of its own length in a message; local: the path of a binding that a main handed over */
WEAK const uint8_t *__real_msg_get_blob(struct msg_reader *r, size_t max, size_t *ret_len);
const uint8_t *__wrap_msg_get_blob(struct msg_reader *r, size_t max, size_t *ret_len);
const uint8_t *__wrap_msg_get_blob(struct msg_reader *r, size_t max, size_t *ret_len)
{
	const uint8_t *data = __real_msg_get_blob(r, max, ret_len);

	if (data)
		copy(__func__, data, *ret_len);
	return data;
}

/* daemon: a request on the control socket that is one */
WEAK int __real_control_parse_request(json_t *msg, const char **ret_op, json_t **ret_args);
int __wrap_control_parse_request(json_t *msg, const char **ret_op, json_t **ret_args);
int __wrap_control_parse_request(json_t *msg, const char **ret_op, json_t **ret_args)
{
	int r = __real_control_parse_request(msg, ret_op, ret_args);

	if (r == 0)
		copy(__func__, *ret_op, strlen(*ret_op) + 1);
	return r;
}

/* local: the argument of an operation of the control socket */
WEAK struct conn *__real_conn_find_name(const struct gateway *g, const char *name);
struct conn *__wrap_conn_find_name(const struct gateway *g, const char *name);
struct conn *__wrap_conn_find_name(const struct gateway *g, const char *name)
{
	copy(__func__, name, strlen(name) + 1);
	return __real_conn_find_name(g, name);
}

/* local: when something was revoked, as the file of that has it */
WEAK int __real_parse_timestamp(const char *s, int64_t *ret);
int __wrap_parse_timestamp(const char *s, int64_t *ret);
int __wrap_parse_timestamp(const char *s, int64_t *ret)
{
	copy(__func__, s, strlen(s) + 1);
	return __real_parse_timestamp(s, ret);
}

/* local: two marks of one list in the file of those */
WEAK bool __real_pki_crl_mark_newer(const struct pki_crl_mark *a, const struct pki_crl_mark *b);
bool __wrap_pki_crl_mark_newer(const struct pki_crl_mark *a, const struct pki_crl_mark *b);
bool __wrap_pki_crl_mark_newer(const struct pki_crl_mark *a, const struct pki_crl_mark *b)
{
	/* All are of one length. */
	copy(__func__, a, a->this_update % 4 == 1 ? 7 : 8);
	return __real_pki_crl_mark_newer(a, b);
}

/* local: where something in the file of what was fetched is from */
WEAK int __real_proto_news_key(const struct proto_news *p, uint8_t ret[PKI_SHA256_SIZE]);
int __wrap_proto_news_key(const struct proto_news *p, uint8_t ret[PKI_SHA256_SIZE]);
int __wrap_proto_news_key(const struct proto_news *p, uint8_t ret[PKI_SHA256_SIZE])
{
	copy(__func__, p->url, strlen(p->url) + 1);
	return __real_proto_news_key(p, ret);
}

/* local: a name in an answer of the kernel's */
WEAK void __real_cgk_text(const struct nlattr *a, char *out, size_t size);
void __wrap_cgk_text(const struct nlattr *a, char *out, size_t size);
void __wrap_cgk_text(const struct nlattr *a, char *out, size_t size)
{
	if (a)
		copy(__func__, mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
	__real_cgk_text(a, out, size);
}

/* local: an event of the kernel's */
WEAK const char *__real_cgk_event_name(enum certgate_event e);
const char *__wrap_cgk_event_name(enum certgate_event e);
const char *__wrap_cgk_event_name(enum certgate_event e)
{
	/* All are of one length. */
	copy(__func__, "an event", (unsigned int)e % 8);
	return __real_cgk_event_name(e);
}

/* local: why something was revoked, as the index of `certgate pki` has it */
WEAK int __real_pki_crl_reason_parse(const char *s, int *ret);
int __wrap_pki_crl_reason_parse(const char *s, int *ret);
int __wrap_pki_crl_reason_parse(const char *s, int *ret)
{
	copy(__func__, s, strlen(s) + 1);
	return __real_pki_crl_reason_parse(s, ret);
}

/* main: an SA that the configuration allows */
WEAK int __real_tunnel_get(struct conn *c, const struct ike_out_child_add *a, struct tunnel **ret,
			   char text[CHECK_TEXT]);
int __wrap_tunnel_get(struct conn *c, const struct ike_out_child_add *a, struct tunnel **ret,
		      char text[CHECK_TEXT]);
int __wrap_tunnel_get(struct conn *c, const struct ike_out_child_add *a, struct tunnel **ret,
		      char text[CHECK_TEXT])
{
	/* All are of one length. */
	copy(__func__, a, a->spi_in % 4 == 1 ? 7 : 8);
	return __real_tunnel_get(c, a, ret, text);
}

/* main: a tunnel that is to go where the configuration lets it */
WEAK int __real_tunnel_move(struct gateway *g, struct tunnel *t, const struct tunnel_ends *said,
			    bool follow);
int __wrap_tunnel_move(struct gateway *g, struct tunnel *t, const struct tunnel_ends *said,
		       bool follow);
int __wrap_tunnel_move(struct gateway *g, struct tunnel *t, const struct tunnel_ends *said,
		       bool follow)
{
	copy(__func__, &said->remote, said->remote.port % 4 == 1 ? 7 : 8);
	return __real_tunnel_move(g, t, said, follow);
}

/* ike_proposal: a payload with proposals */
WEAK int __real_ike_sa_parse(struct ike_view body, struct ike_sa_payload *ret,
			     struct ike_fault *fault);
int __wrap_ike_sa_parse(struct ike_view body, struct ike_sa_payload *ret, struct ike_fault *fault);
int __wrap_ike_sa_parse(struct ike_view body, struct ike_sa_payload *ret, struct ike_fault *fault)
{
	copy(__func__, body.data, body.len);
	return __real_ike_sa_parse(body, ret, fault);
}

/* ike_message, and ike_engine after decryption: traffic selectors that are sound so far */
WEAK int __real_ike_ts_parse(struct ike_view body, struct ike_ts_list *ret,
			     struct ike_fault *fault);
int __wrap_ike_ts_parse(struct ike_view body, struct ike_ts_list *ret, struct ike_fault *fault);
int __wrap_ike_ts_parse(struct ike_view body, struct ike_ts_list *ret, struct ike_fault *fault)
{
	int r = __real_ike_ts_parse(body, ret, fault);

	/* Their lengths are multiples of four. */
	if (r == 0 && ret->n > 0 && ret->ts[0].protocol % 4 == 1)
		copy(__func__, ret->ts, sizeof(ret->ts[0]) * ret->n / 8 * 8 + 7);
	return r;
}

/* ike_fragment: what is in an authentic message */
WEAK int __real_ike_cipher_open(const struct ike_cipher *cipher, const uint8_t *msg, size_t msg_len,
				size_t aad_len, uint8_t *ret, size_t *ret_len);
int __wrap_ike_cipher_open(const struct ike_cipher *cipher, const uint8_t *msg, size_t msg_len,
			   size_t aad_len, uint8_t *ret, size_t *ret_len);
int __wrap_ike_cipher_open(const struct ike_cipher *cipher, const uint8_t *msg, size_t msg_len,
			   size_t aad_len, uint8_t *ret, size_t *ret_len)
{
	int r = __real_ike_cipher_open(cipher, msg, msg_len, aad_len, ret, ret_len);

	if (r == 0)
		copy(__func__, ret, *ret_len);
	return r;
}

/* ike_snapshot: something of its own length in a snapshot that is sound so far */
WEAK void __real_ik_snap_blob(struct ik_snap *s, uint8_t **data, size_t *len, size_t max);
void __wrap_ik_snap_blob(struct ik_snap *s, uint8_t **data, size_t *len, size_t max);
void __wrap_ik_snap_blob(struct ik_snap *s, uint8_t **data, size_t *len, size_t max)
{
	__real_ik_snap_blob(s, data, len, max);
	if (!s->saving && ik_snap_ok(s) && *data)
		copy(__func__, *data, *len);
}

/* pki_auth: the algorithm that AUTH names */
WEAK int __real_pki_algid_parse(const uint8_t *der, size_t len, enum pki_scheme *ret_scheme,
				int *ret_salt);
int __wrap_pki_algid_parse(const uint8_t *der, size_t len, enum pki_scheme *ret_scheme,
			   int *ret_salt);
int __wrap_pki_algid_parse(const uint8_t *der, size_t len, enum pki_scheme *ret_scheme,
			   int *ret_salt)
{
	copy(__func__, der, len);
	return __real_pki_algid_parse(der, len, ret_scheme, ret_salt);
}

/* pki_load: a certificate as DER, out of whatever it was in */
WEAK int __real_pki_cert_new(const uint8_t *der, size_t len, struct pki_error *err,
			     struct pki_cert **ret);
int __wrap_pki_cert_new(const uint8_t *der, size_t len, struct pki_error *err,
			struct pki_cert **ret);
int __wrap_pki_cert_new(const uint8_t *der, size_t len, struct pki_error *err,
			struct pki_cert **ret)
{
	copy(__func__, der, len);
	return __real_pki_cert_new(der, len, err, ret);
}

/* pki_revocation: a revocation list as DER */
WEAK int __real_pki_crl_new(const uint8_t *der, size_t len, struct pki_error *err,
			    struct pki_crl **ret);
int __wrap_pki_crl_new(const uint8_t *der, size_t len, struct pki_error *err, struct pki_crl **ret);
int __wrap_pki_crl_new(const uint8_t *der, size_t len, struct pki_error *err, struct pki_crl **ret)
{
	copy(__func__, der, len);
	return __real_pki_crl_new(der, len, err, ret);
}

/* pki_verify: a certificate of a path that was found */
WEAK void __real_pki_usage_get(const struct pki_cert *cert, struct pki_usage *ret);
void __wrap_pki_usage_get(const struct pki_cert *cert, struct pki_usage *ret);
void __wrap_pki_usage_get(const struct pki_cert *cert, struct pki_usage *ret)
{
	copy(__func__, cert->der, cert->der_len);
	__real_pki_usage_get(cert, ret);
}

/* NOLINTEND(bugprone-reserved-identifier) */
