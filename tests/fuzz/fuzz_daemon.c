// SPDX-License-Identifier: Apache-2.0
/*
 * What the daemon's processes read besides IKE and certificates. The first octet chooses: a message as a process that was taken over could send it,
 * after the place of its reader in the list below; an answer of a key vault or of the metadata service; lines of /etc/hosts and a name that is looked
 * up in them; lines of a client of the control socket; the parts of a connection's configuration; a URL of a certificate or of a redirect.
 *
 * With FUZZ_READERS in the environment it says at the end which readers have read how many messages to their end without a fault.
 */
#include "lib/fuzz.h"

#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/control.h"
#include "base/str.h"
#include "daemon/fetch_url.h"
#include "daemon/ike_conn.h"
#include "daemon/launcher.h"
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

/*
 * Bodies by who reads them: the message, its function and what that fills, or the message alone where the function is below. An input names a reader by its
 * place here, whatever numbers messages have: what is new comes at the end, and nothing is taken out but for a NONE in its place.
 */
#define READERS(B, S)                                                  \
	B(ENGINE, engine, struct ike_engine_config)                    \
	B(SOCKET, socket, struct proto_socket)                         \
	B(CONN_BEGIN, conn, struct proto_conn)                         \
	B(CONN_CHILD, child_config, struct proto_child_config)         \
	B(CHILD_EXPECT, expect, struct ike_out_expect)                 \
	B(CHILD_ADD, child_add, struct proto_child_add)                \
	B(CHILD_DEL, child, struct ike_out_child)                      \
	B(REPORT, report, struct proto_report)                         \
	B(STATUS_SA, sa_status, struct proto_sa_status)                \
	B(STATUS_CHILD, child_status, struct proto_child_status)       \
	B(SIGN, sign, struct ike_out_sign)                             \
	B(VERIFY, verify, struct proto_verify)                         \
	S(BINDING)                                                     \
	B(RESOLVE, resolve, struct proto_resolve)                      \
	B(RESOLVED, resolved, struct proto_resolved)                   \
	B(FETCH_SETUP, fetch_setup, struct proto_fetch_setup)          \
	B(FETCH, fetch, struct proto_fetch)                            \
	B(FETCH_FAILED, fetch_failed, struct proto_fetch_failed)       \
	B(HSM_SETUP, hsm_setup, struct proto_hsm_setup)                \
	B(HSM_OPENED, hsm_opened, struct proto_hsm_opened)             \
	B(HSM_SIGN, hsm_sign, struct proto_hsm_sign)                   \
	B(HSM_SIGNED, hsm_signed, struct proto_hsm_signed)             \
	B(HSM_STATE, hsm_state, struct proto_hsm_state)                \
	B(OWN_CHAIN, own_chain, struct proto_own_chain)                \
	B(OWN_ANSWERS, own_answers, struct proto_own_answers)          \
	B(LIVE_BINDING, live_binding, struct ike_kernel_binding)       \
	B(LIVE_CHILD, live_child, struct ike_kernel_child)             \
	B(RESTORE, restore, struct proto_restore)                      \
	B(RESTORED, restored, struct proto_restored)                   \
	B(WATCHED, watched, struct proto_watched)                      \
	B(REVOKED, revoked, struct proto_revoked)                      \
	B(SEEN_REVOKED, seen_revoked, struct proto_seen_revoked)       \
	B(LIST_SEEN, list_mark, struct pki_crl_mark)                   \
	B(PATH_STATE, path_state, struct proto_path_state)             \
	B(PATH_JUDGED, path_judged, struct proto_path_judged)          \
	B(NEWS_FAILED, news_failed, struct proto_news_failed)          \
	B(NEWS_TAKEN, news_taken, struct proto_news_taken)             \
	B(STAGE_KEY, stage_key, struct stage_key)                      \
	B(STAGE_TRUST, stage_trust, struct stage_trust)                \
	B(STAGE_FILE, stage_file, struct stage_file)                   \
	B(STAGE_FINDING, stage_finding, struct stage_finding)          \
	B(STAGED_KEY, staged_key, struct staged_key)                   \
	B(STAGED_TRUST, staged_trust, struct staged_trust)             \
	B(VAULT_SETUP, vault_setup, struct proto_vault_setup)          \
	B(STAGE_VAULT, stage_vault, struct proto_stage_vault)          \
	B(VAULT_GET, vault_get, struct proto_vault_get)                \
	B(VAULT_GOT, vault_got, struct proto_vault_got)                \
	B(VAULT_SIGN, vault_sign, struct proto_vault_sign)             \
	B(VAULT_SIGNED, vault_signed, struct proto_vault_signed)       \
	B(VAULT_FAILED, vault_failed, struct proto_vault_failed)       \
	B(VAULT_RESOLVED, vault_resolved, struct proto_vault_resolved) \
	B(VAULT_STATE, vault_state, struct proto_vault_state)          \
	S(SIGNED)                                                      \
	S(VERDICT)                                                     \
	S(NONCES)                                                      \
	S(NONCES_GET)                                                  \
	S(CONN_OCSP)                                                   \
	S(NEWS_WANT)                                                   \
	S(NEWS)                                                        \
	S(CHILD_ADDED)                                                 \
	S(VAULT_RESOLVE)                                               \
	B(STAGE_BEGIN, stage_ref, struct stage_ref)                    \
	S(STATUS_END)                                                  \
	S(SPAWN)                                                       \
	S(SPAWNED)

#define BODY(name, function, type)                    \
	static void read_##name(struct msg_reader *r) \
	{                                             \
		static type got;                      \
                                                      \
		memset(&got, 0, sizeof(got));         \
		proto_get_##function(r, &got);        \
	}
#define SELF(name)
READERS(BODY, SELF)
#undef BODY
#undef SELF

/* The binding, and what is known of its path. */
static void read_BINDING(struct msg_reader *r)
{
	static struct proto_binding binding;
	static struct proto_path_state state;

	memset(&binding, 0, sizeof(binding));
	proto_get_binding(r, &binding);
	proto_get_path_state(r, &state);
	if (state.handle != binding.handle)
		msg_reject(r);
}

static void read_SIGNED(struct msg_reader *r)
{
	struct ike_sign_answer answer = {};
	uint64_t request;

	proto_get_signed(r, &request, &answer);
	MUST(!msg_done(r) || memchr(answer.text, 0, sizeof(answer.text)));
}

static void read_VERDICT(struct msg_reader *r)
{
	struct ike_verify_answer answer = {};
	uint64_t request;

	proto_get_verdict(r, &request, &answer);
	MUST(!msg_done(r) || memchr(answer.text, 0, sizeof(answer.text)));
}

static void read_NONCES(struct msg_reader *r)
{
	struct ike_nonce nonces[PROTO_NONCES_MAX];

	MUST(proto_get_nonces(r, nonces) <= PROTO_NONCES_MAX);
}

static void read_CONN_OCSP(struct msg_reader *r)
{
	struct ike_blob answers[IKE_MAX_OCSP] = {};
	uint32_t connection;
	size_t n = 0;

	proto_get_conn_ocsp(r, &connection, answers, &n);
	MUST(!msg_done(r) || n <= IKE_MAX_OCSP);
}

static void read_NEWS(struct msg_reader *r)
{
	static struct proto_news got;
	uint64_t serial;
	bool more;

	proto_get_news_sent(r, &got, &serial, &more);
}

static void read_NEWS_WANT(struct msg_reader *r)
{
	struct proto_news got = {};
	bool waiting;

	proto_get_news_want(r, &got, &waiting);
}

static void read_CHILD_ADDED(struct msg_reader *r)
{
	char text[IKE_TEXT_SIZE] = "";
	uint64_t request;
	int error;

	proto_get_child_added(r, &request, &error, text);
	MUST(memchr(text, 0, sizeof(text)));
}

static void read_VAULT_RESOLVE(struct msg_reader *r)
{
	char name[CG_VAULT_HOST_MAX + 1] = "";

	proto_get_vault_resolve(r, name);
	MUST(memchr(name, 0, sizeof(name)));
}

static void read_NONCES_GET(struct msg_reader *r)
{
	(void)proto_get_nonces_get(r);
}

static void read_STATUS_END(struct msg_reader *r)
{
	struct ike_counters counters = {};
	uint32_t request = 0;

	proto_get_status_end(r, &request, &counters);
}

static void read_SPAWN(struct msg_reader *r)
{
	struct launch_whose whose = {};
	struct launch_spawn s = {};

	launch_get_spawn(r, &s);
	MUST(s.role < _ROLE_MAX && s.index < ROLE_WORKERS_MAX);
	if (msg_done(r) && launch_may(&whose, &s))
		MUST(s.uid != 0 && s.gid != 0 && s.role != ROLE_LAUNCHER && s.role != ROLE_MAIN);
}

static void read_SPAWNED(struct msg_reader *r)
{
	struct launch_report got = {};

	launch_get_report(r, &got);
	MUST(got.role < _ROLE_MAX && got.index < ROLE_WORKERS_MAX);
}

static const struct reader {
	enum msg_type type;
	void (*read)(struct msg_reader *r);
} readers[] = {
#define BODY(name, function, what) {MSG_##name, read_##name},
#define SELF(name)		   {MSG_##name, read_##name},
	READERS(BODY, SELF)
#undef BODY
#undef SELF
};

static unsigned long read_whole[ARRAY_SIZE(readers)];
/* libFuzzer takes what is counted here for coverage: it keeps the first message that a reader reads to its end. */
static uint8_t reads_whole[ARRAY_SIZE(readers)]
	__attribute__((section("__libfuzzer_extra_counters")));

/* The message of this type, whose number is put in front of it. */
static bool open_message(enum msg_type type, uint8_t *data, size_t size, struct msg_reader *r)
{
	const uint16_t number = (uint16_t)type;
	enum msg_type got;

	memcpy(data, &number, sizeof(number));
	if (msg_open(data, size, &got, r) < 0)
		return false;
	MUST(got == type);
	return true;
}

static void read_message(uint8_t *data, size_t size)
{
	enum msg_type type;
	struct msg_reader r;
	size_t i;

	/* Any number that comes is a message's, or is refused. */
	if (msg_open(data, size, &type, &r) == 0)
		MUST(type < _MSG_MAX && msg_name(type)[0]);
	if (size < sizeof(uint16_t))
		return;
	i = data[0] | (size_t)data[1] << 8;
	if (i >= ARRAY_SIZE(readers) || !open_message(readers[i].type, data, size, &r))
		return;
	readers[i].read(&r);
	reads_whole[i] = msg_done(&r);
	read_whole[i] += msg_done(&r);
}

static unsigned long parts_whole; /* connections with a certificate and a child */

static int take_part(void *ctx _unused_, struct msg_writer *w)
{
	int r = w->failed ? -EMSGSIZE : 0;

	msg_end(w);
	return r;
}

/* Which part it is, its length, what it says. */
static void read_parts(uint8_t *data, size_t size)
{
	static const enum msg_type types[] = {MSG_CONN_BEGIN, MSG_CONN_CERT, MSG_CONN_CHILD};
	const struct ike_connection_config *config;
	struct ike_conn *conn = NULL;
	struct msg_reader r;

	while (size >= 3) {
		size_t len = MIN((size_t)(data[1] << 8 | data[2]), size - 3);
		uint8_t *part = malloc(sizeof(uint16_t) + len);

		MUST(part);
		memcpy(part + sizeof(uint16_t), data + 3, len);
		if (!open_message(types[data[0] % ARRAY_SIZE(types)], part, sizeof(uint16_t) + len,
				  &r) ||
		    ike_conn_part(&conn, types[data[0] % ARRAY_SIZE(types)], &r) < 0)
			size = 0;
		else
			size -= 3 + len;
		data += 3 + len;
		/* What it keeps is its own. */
		free(part);
	}
	if (!conn)
		return;
	config = ike_conn_config(conn);
	MUST(config->n_certs <= IKE_MAX_CERTS && config->n_children <= IKE_MAX_CHILDREN);
	parts_whole += config->n_certs > 0 && config->n_children > 0;
	MUST(ike_conn_send(config, take_part, NULL) == 0);
	(void)ike_conn_free(conn);
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

/* ------------------------------------------------------------------ URLs */

static void read_url(const uint8_t *data, size_t size)
{
	char url[2048], why[FETCH_URL_WHY] = "", *host = NULL, *port = NULL;
	int r;

	if (size >= sizeof(url))
		return;
	memcpy(url, data, size);
	url[size] = 0;
	r = fetch_url_read(url, NULL, 0, &host, &port, why);
	MUST(r <= 1 && (r < 0) == (why[0] != 0));
	MUST((r == 1) == (host && port && host[0] && atoi(port) >= 0));
	free(host);
	free(port);
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

static void tell_readers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		(void)fprintf(stderr, "reader %s: %lu\n", msg_name(readers[i].type), read_whole[i]);
	(void)fprintf(stderr, "reader parts of a connection: %lu\n", parts_whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;
	uint8_t *copy;

	if (!begun && getenv("FUZZ_READERS"))
		(void)atexit(tell_readers);
	begun = true;
	if (size < 1)
		return 0;
	/* In memory of its own, so that reading beyond it is seen. */
	copy = malloc(size > 1 ? size - 1 : 1);
	MUST(copy);
	memcpy(copy, data + 1, size - 1);
	switch (data[0]) {
	case 0: read_message(copy, size - 1); break;
	case 1: read_vault(copy, size - 1); break;
	case 2: read_hosts(copy, size - 1); break;
	case 3: read_control(copy, size - 1); break;
	case 4: read_parts(copy, size - 1); break;
	case 5: read_url(copy, size - 1); break;
	default: break;
	}
	free(copy);
	return 0;
}
