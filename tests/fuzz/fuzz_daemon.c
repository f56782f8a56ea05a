// SPDX-License-Identifier: Apache-2.0
/*
 * What the daemon's processes read besides IKE and certificates. The first octet chooses: a message as a process that was taken over could send it,
 * type first; an answer of a key vault or of the metadata service; lines of /etc/hosts and a name that is looked up in them; lines of
 * a client of the control socket.
 */
#include "lib/fuzz.h"

#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/control.h"
#include "base/str.h"
#include "daemon/list_marks.h"
#include "daemon/names.h"
#include "daemon/proto_auth.h"
#include "daemon/proto_fetch.h"
#include "daemon/proto_hsm.h"
#include "daemon/proto_ike.h"
#include "daemon/proto_own.h"
#include "daemon/proto_restart.h"
#include "daemon/proto_revocation.h"
#include "daemon/proto_stage.h"
#include "daemon/proto_vault.h"
#include "daemon/vault_json.h"

/* Name servers are not asked. */
int getaddrinfo(const char *node _unused_, const char *service _unused_,
		const struct addrinfo *hints _unused_, struct addrinfo **res _unused_)
{
	return EAI_NONAME;
}

/* ------------------------------------------------------------------ messages */

/* Bodies by the functions that read them: the message, its function, what it fills. */
#define BODIES(X)                                                      \
	X(ENGINE, engine, struct ike_engine_config)                    \
	X(SOCKET, socket, struct proto_socket)                         \
	X(CONN_BEGIN, conn, struct proto_conn)                         \
	X(CONN_CHILD, child_config, struct proto_child_config)         \
	X(CHILD_EXPECT, expect, struct ike_out_expect)                 \
	X(CHILD_ADD, child_add, struct proto_child_add)                \
	X(CHILD_DEL, child, struct ike_out_child)                      \
	X(REPORT, report, struct proto_report)                         \
	X(STATUS_SA, sa_status, struct proto_sa_status)                \
	X(STATUS_CHILD, child_status, struct proto_child_status)       \
	X(SIGN, sign, struct ike_out_sign)                             \
	X(VERIFY, verify, struct proto_verify)                         \
	X(BINDING, binding, struct proto_binding)                      \
	X(RESOLVE, resolve, struct proto_resolve)                      \
	X(RESOLVED, resolved, struct proto_resolved)                   \
	X(FETCH_SETUP, fetch_setup, struct proto_fetch_setup)          \
	X(FETCH, fetch, struct proto_fetch)                            \
	X(FETCH_FAILED, fetch_failed, struct proto_fetch_failed)       \
	X(HSM_SETUP, hsm_setup, struct proto_hsm_setup)                \
	X(HSM_OPENED, hsm_opened, struct proto_hsm_opened)             \
	X(HSM_SIGN, hsm_sign, struct proto_hsm_sign)                   \
	X(HSM_SIGNED, hsm_signed, struct proto_hsm_signed)             \
	X(HSM_STATE, hsm_state, struct proto_hsm_state)                \
	X(OWN_CHAIN, own_chain, struct proto_own_chain)                \
	X(OWN_ANSWERS, own_answers, struct proto_own_answers)          \
	X(LIVE_BINDING, live_binding, struct ike_kernel_binding)       \
	X(LIVE_CHILD, live_child, struct ike_kernel_child)             \
	X(RESTORE, restore, struct proto_restore)                      \
	X(RESTORED, restored, struct proto_restored)                   \
	X(WATCHED, watched, struct proto_watched)                      \
	X(REVOKED, revoked, struct proto_revoked)                      \
	X(SEEN_REVOKED, seen_revoked, struct proto_seen_revoked)       \
	X(LIST_SEEN, list_mark, struct pki_crl_mark)                   \
	X(PATH_STATE, path_state, struct proto_path_state)             \
	X(PATH_JUDGED, path_judged, struct proto_path_judged)          \
	X(NEWS_FAILED, news_failed, struct proto_news_failed)          \
	X(NEWS_TAKEN, news_taken, struct proto_news_taken)             \
	X(STAGE_KEY, stage_key, struct stage_key)                      \
	X(STAGE_TRUST, stage_trust, struct stage_trust)                \
	X(STAGE_FILE, stage_file, struct stage_file)                   \
	X(STAGE_FINDING, stage_finding, struct stage_finding)          \
	X(STAGED_KEY, staged_key, struct staged_key)                   \
	X(STAGED_TRUST, staged_trust, struct staged_trust)             \
	X(VAULT_SETUP, vault_setup, struct proto_vault_setup)          \
	X(STAGE_VAULT, stage_vault, struct proto_stage_vault)          \
	X(VAULT_GET, vault_get, struct proto_vault_get)                \
	X(VAULT_GOT, vault_got, struct proto_vault_got)                \
	X(VAULT_SIGN, vault_sign, struct proto_vault_sign)             \
	X(VAULT_SIGNED, vault_signed, struct proto_vault_signed)       \
	X(VAULT_FAILED, vault_failed, struct proto_vault_failed)       \
	X(VAULT_RESOLVED, vault_resolved, struct proto_vault_resolved) \
	X(VAULT_STATE, vault_state, struct proto_vault_state)

#define READER(name, function, type)                  \
	static void read_##name(struct msg_reader *r) \
	{                                             \
		static type got;                      \
                                                      \
		memset(&got, 0, sizeof(got));         \
		proto_get_##function(r, &got);        \
	}
BODIES(READER)
#undef READER

static void read_signed(struct msg_reader *r)
{
	struct ike_sign_answer answer = {};
	uint64_t request;

	proto_get_signed(r, &request, &answer);
	MUST(!msg_done(r) || memchr(answer.text, 0, sizeof(answer.text)));
}

static void read_verdict(struct msg_reader *r)
{
	struct ike_verify_answer answer = {};
	uint64_t request;

	proto_get_verdict(r, &request, &answer);
	MUST(!msg_done(r) || memchr(answer.text, 0, sizeof(answer.text)));
}

static void read_nonces(struct msg_reader *r)
{
	struct ike_nonce nonces[PROTO_NONCES_MAX];

	MUST(proto_get_nonces(r, nonces) <= PROTO_NONCES_MAX);
}

static void read_conn_ocsp(struct msg_reader *r)
{
	struct ike_blob answers[IKE_MAX_OCSP] = {};
	uint32_t connection;
	size_t n = 0;

	proto_get_conn_ocsp(r, &connection, answers, &n);
	MUST(!msg_done(r) || n <= IKE_MAX_OCSP);
}

static void read_news_sent(struct msg_reader *r)
{
	static struct proto_news got;
	uint64_t serial;
	bool more;

	proto_get_news_sent(r, &got, &serial, &more);
}

static void read_news_want(struct msg_reader *r)
{
	struct proto_news got = {};
	bool waiting;

	proto_get_news_want(r, &got, &waiting);
}

static void read_child_added(struct msg_reader *r)
{
	char text[IKE_TEXT_SIZE] = "";
	uint64_t request;
	int error;

	proto_get_child_added(r, &request, &error, text);
	MUST(memchr(text, 0, sizeof(text)));
}

static void read_vault_resolve(struct msg_reader *r)
{
	char name[CG_VAULT_HOST_MAX + 1] = "";

	proto_get_vault_resolve(r, name);
	MUST(memchr(name, 0, sizeof(name)));
}

static void read_message(const uint8_t *data, size_t size)
{
	enum msg_type type;
	struct msg_reader r;

	if (msg_open(data, size, &type, &r) < 0)
		return;
	MUST(type < _MSG_MAX && msg_name(type)[0]);
	switch ((unsigned int)type) {
#define CASE(name, function, type) \
	case MSG_##name: read_##name(&r); break;
		BODIES(CASE)
#undef CASE
	case MSG_SIGNED: read_signed(&r); break;
	case MSG_VERDICT: read_verdict(&r); break;
	case MSG_NONCES: read_nonces(&r); break;
	case MSG_NONCES_GET: (void)proto_get_nonces_get(&r); break;
	case MSG_CONN_OCSP: read_conn_ocsp(&r); break;
	case MSG_NEWS_WANT: read_news_want(&r); break;
	case MSG_NEWS: read_news_sent(&r); break;
	case MSG_CHILD_ADDED: read_child_added(&r); break;
	case MSG_VAULT_RESOLVE: read_vault_resolve(&r); break;
	default: break;
	}
}

/* ------------------------------------------------------------------ vaults */

static void printable(const char *text)
{
	_cleanup_free_ char *copy = strdup(text);

	MUST(copy);
	pki_printable(copy);
	MUST(!strcmp(copy, text));
}

static void read_vault(const uint8_t *data, size_t size)
{
	static const char name[] = "https://kv.vault.azure.net/certificates/gw";
	struct pki_error err = {};
	struct vault_certificate certificate = {};
	struct vault_secret secret = {};
	struct vault_token token = {};
	struct vault_bytes signature = {};
	struct vault_refusal refusal;
	struct cg_vault_url u;
	char text[CG_VAULT_TEXT_MAX];
	const int64_t now = 1800000000;
	int r = 0;

	MUST(cg_vault_url_parse(name, &u, text) == 0);
	if (size == 0)
		return;
	switch (data[0] % 5) {
	case 0: r = vault_read_token(data + 1, size - 1, now, &err, &token); break;
	case 1: r = vault_read_certificate(data + 1, size - 1, &u, now, &err, &certificate); break;
	case 2: r = vault_read_secret(data + 1, size - 1, &u, now, &err, &secret); break;
	case 3: r = vault_read_signature(data + 1, size - 1, &err, &signature); break;
	case 4:
		vault_explain(VAULT_ASK_CERTIFICATE, 200 + data[0], data + 1, size - 1, &u,
			      &refusal);
		printable(refusal.text);
		printable(refusal.hint);
		break;
	}
	/* Whoever is refused learns why. */
	MUST(r == 0 || err.text[0]);
	printable(err.text);
	if (r == 0 && data[0] % 5 == 0)
		MUST(token.lifetime > 0 && token.lifetime <= VAULT_TOKEN_LIFE_MAX &&
		     !strpbrk(token.value, " \r\n"));
	vault_token_done(&token);
	vault_certificate_done(&certificate);
	vault_secret_done(&secret);
	vault_bytes_done(&signature);
}

/* ------------------------------------------------------------------ names */

/* The name is the first line, what stands in /etc/hosts the others. */
static void read_hosts(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	struct cg_addr found[4];
	const char *why = NULL;
	char *hosts;
	size_t n = 0;
	int r;

	MUST(text);
	hosts = strchr(text, '\n');
	if (!hosts)
		return;
	*hosts++ = 0;
	names_set_hosts(hosts);
	r = names_find(text, AF_UNSPEC, found, ARRAY_SIZE(found), &n, &why);
	MUST(r == 0 ? n > 0 && n <= ARRAY_SIZE(found) : r == -EHOSTUNREACH && why);
	for (size_t i = 0; r == 0 && i < n; i++) {
		MUST(found[i].family == AF_INET || found[i].family == AF_INET6);
		for (size_t k = 0; k < i; k++)
			MUST(!cg_addr_equal(&found[i], &found[k]));
	}
	names_end();
}

/* ------------------------------------------------------------------ the control socket */

static void read_control(const uint8_t *data, size_t size)
{
	struct control_reader reader = {.max = 1024};
	int fds[2];

	if (size > 4096 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
		return;
	MUST(write(fds[0], data, size) == (ssize_t)size);
	(void)close(fds[0]);
	while (control_reader_fill(&reader, fds[1]) > 0) {
		json_t *msg = NULL, *args;
		const char *op;
		int r;

		while ((r = control_reader_next(&reader, &msg)) == 1) {
			if (control_parse_request(msg, &op, &args) == 0)
				MUST(op && json_is_object(args));
			json_decref(msg);
		}
		if (r < 0)
			break;
	}
	control_reader_free(&reader);
	(void)close(fds[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size < 1)
		return 0;
	/* In memory of its own, so that reading beyond it is seen. */
	copy = malloc(size > 1 ? size - 1 : 1);
	MUST(copy);
	memcpy(copy, data + 1, size - 1);
	switch (data[0] % 4) {
	case 0: read_message(copy, size - 1); break;
	case 1: read_vault(copy, size - 1); break;
	case 2: read_hosts(copy, size - 1); break;
	case 3: read_control(copy, size - 1); break;
	}
	free(copy);
	return 0;
}
